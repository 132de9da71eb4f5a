//! Role `server`: the DHCPv6 server that switches DHCPv4 over DHCPv6 on, and the 4o6 server (RFC 7341 §11).

use super::external;
use crate::binding::{Holder, Record};
use crate::ids::Duid;
use crate::machine::Machine;
use crate::prefix::Prefix6;
use crate::provider::{Effect, Input, Port};
use crate::settings::{Draft01, Profile};
use crate::tally::Tally;
use crate::time::Instant;
use crate::view::{After, Impossible, Lease, PoolUse, Question, Selection};
use crate::{server4, server6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// All settings of the role.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerSettings {
    /// Wire profiles that are accepted.
    pub profile: Profile,
    /// Code points of profile draft01.
    pub draft01: Draft01,
    /// Own unicast addresses that queries may be sent to, besides those of the served interfaces.
    pub addresses: Vec<Ipv6Addr>,
    /// From where else than link-local addresses of the served interfaces messages are taken.
    pub accept_from: Vec<Prefix6>,
    /// The DHCPv6 server; `None` leaves DHCPv6 to another one.
    pub dhcp6: Option<server6::settings::Settings>,
    /// Who answers DHCPv4.
    pub engine: EngineSettings,
    /// How much is taken from whom.
    pub rates: Rates,
}

/// Who answers DHCPv4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum EngineSettings {
    /// We do.
    Builtin(server4::settings::Settings),
    /// DHCPv4 servers that are reached by IPv4.
    External(external::Settings),
}

/// Messages per second that are taken up, with twice as many at once; 0 is no limit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rates {
    /// Of one client address on one link.
    pub per_source: u32,
    /// Behind one interface-id of one relay agent.
    pub per_interface_id: u32,
    /// Altogether.
    pub total: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self { per_source: 20, per_interface_id: 200, total: 0 }
    }
}

/// The role.
pub struct Server {
    settings: ServerSettings,
    tally: Tally,
}

impl Server {
    /// A server without leases. `duid` is its DHCPv6 identity, `secret` the key that the external engine signs with,
    /// `seed` comes from the system's generator.
    pub fn new(settings: ServerSettings, _duid: Duid, _secret: [u8; 16], _seed: [u8; 32]) -> Self {
        Self { settings, tally: Tally::default() }
    }

    /// Takes a record of the journal, in the order they were written. Only before the first input.
    pub fn load(&mut self, _record: &Record) {}

    /// Takes up other settings and keeps all leases.
    pub fn configure(&mut self, _now: Instant, settings: ServerSettings, _out: &mut Vec<Effect>) {
        self.settings = settings;
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        match &self.settings.engine {
            EngineSettings::Builtin(_) => vec![Port::Dhcp6],
            EngineSettings::External(external) => vec![Port::Dhcp6, Port::Upstream4(external.giaddr)],
        }
    }

    /// Leases after `after`, at most `count`; fewer than that is the end.
    pub fn leases(&self, _after: After, _count: usize) -> Vec<Lease> {
        Vec::new()
    }

    /// Reservations that operators made, beyond the configuration.
    pub fn reserved(&self) -> Vec<(Ipv4Addr, Holder)> {
        Vec::new()
    }

    /// How full each pool is.
    pub fn pools(&self, _now: Instant) -> Vec<PoolUse> {
        Vec::new()
    }

    /// What a query would get, and why.
    ///
    /// # Errors
    /// With the external engine, which does not know.
    pub fn select(&self, _now: Instant, _question: &Question) -> Result<Selection, Impossible> {
        Err(Impossible::External)
    }

    /// Ends all leases of an address, or the delegation of the prefix that begins with it.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn revoke(
        &mut self,
        _now: Instant,
        address: IpAddr,
        _out: &mut Vec<Effect>,
    ) -> Result<(), Impossible> {
        Err(Impossible::NoLease(address))
    }

    /// Keeps an address for somebody.
    ///
    /// # Errors
    /// When it is in no subnet, or taken.
    pub fn reserve(
        &mut self,
        _now: Instant,
        address: Ipv4Addr,
        _holder: Holder,
        _out: &mut Vec<Effect>,
    ) -> Result<(), Impossible> {
        Err(Impossible::NoSubnet(address.into()))
    }

    /// Takes such a reservation back.
    ///
    /// # Errors
    /// When there is none.
    pub fn unreserve(
        &mut self,
        _now: Instant,
        address: Ipv4Addr,
        _out: &mut Vec<Effect>,
    ) -> Result<(), Impossible> {
        Err(Impossible::NotReserved(address.into()))
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Machine for Server {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, _now: Instant, _input: Input<'_>, _out: &mut Vec<Effect>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
