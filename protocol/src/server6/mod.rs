//! The DHCPv6 server engine (RFC 8415 §18.3): it gives addresses, prefixes and the options that switch DHCPv4 over
//! DHCPv6 on. The role `server` brings messages and the way they came, and takes answers back.

pub mod settings;

use crate::binding::{Binding6, Record, Slot6};
use crate::ids::Duid;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::server4::Cx;
use crate::settings::{Draft01, Profile};
use crate::time::Instant;
use crate::view::{Impossible, PoolUse};
use crate::way::Way;
use crate::wire::v6;
use settings::Settings;

/// The engine: settings, and a table of bindings.
pub struct Engine {
    settings: Settings,
    _duid: Duid,
    _rng: Rng,
}

impl Engine {
    /// An engine with an empty table, for the wire profiles of `profile`.
    pub fn new(settings: Settings, duid: Duid, _profile: Profile, _draft01: Draft01, rng: Rng) -> Self {
        Self { settings, _duid: duid, _rng: rng }
    }

    /// Takes up other settings. Bindings stay; those outside the new subnets end by themselves and are not extended.
    pub fn configure(&mut self, _now: Instant, settings: Settings, _profile: Profile, _draft01: Draft01) {
        self.settings = settings;
    }

    /// Takes a record of the journal as the truth about its slot.
    pub fn apply(&mut self, _record: &Record) {}

    /// Answers a message that came to a multicast address or through relay agents, or not (`unicast`). `None` is
    /// silence.
    ///
    /// # Errors
    /// Why it is not answered, where a counter should tell.
    pub fn handle(
        &mut self,
        _now: Instant,
        _message: &v6::Message<'_>,
        _way: &Way<'_>,
        _unicast: bool,
        _cx: &mut Cx<'_>,
    ) -> Result<Option<Vec<u8>>, Refused> {
        Ok(None)
    }

    /// Lets go of what is over. Too early changes nothing.
    pub fn on_deadline(&mut self, _now: Instant) {}

    /// When [`Engine::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The bindings after `after`, in the order of their slots: at most `count`.
    pub fn bindings(&self, _after: Option<Slot6>, _count: usize) -> Vec<Binding6> {
        Vec::new()
    }

    /// How full each pool is.
    pub fn pools(&self, _now: Instant) -> Vec<PoolUse> {
        Vec::new()
    }

    /// Ends a lease: its client is refused at the next renewal.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn revoke(&mut self, _now: Instant, slot: Slot6) -> Result<crate::server4::Change, Impossible> {
        let (Slot6::Address(address) | Slot6::Prefix(address, _)) = slot;
        Err(Impossible::NoLease(address.into()))
    }
}
