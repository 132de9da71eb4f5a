//! Role `relay`: a DHCPv6 relay agent (RFC 8415 §19) with separate destinations for DHCPv4-queries (RFC 7341 §10).

use crate::machine::Machine;
use crate::provider::{Effect, Input, Port};
use crate::settings::{Draft01, Profile};
use crate::tally::Tally;
use crate::time::Instant;
use std::net::Ipv6Addr;

/// All settings of one relay agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelaySettings {
    /// Names of the interfaces that clients are on.
    pub clients: Vec<ClientSide>,
    /// Where messages go; each gets a copy. At least one: All_DHCP_Servers (ff05::1:3) on each upstream interface
    /// unless configured.
    pub servers: Vec<Destination>,
    /// Where DHCPv4-queries go that come directly from clients; empty is the same as `servers`.
    pub servers_4o6: Vec<Destination>,
    /// Whose message types are DHCPv4-queries.
    pub profile: Profile,
    /// Code points of profile draft01.
    pub draft01: Draft01,
    /// Own UDP port toward servers; 547 unless RFC 8357 is wanted.
    pub source_port: u16,
    /// Take Relay-replies only from the destinations.
    pub strict_source: bool,
    /// Add the client's link-layer address, as far as its link-local address tells it (option 79, RFC 6939).
    pub client_link_layer: bool,
    /// Add this relay agent's identity (option 53, RFC 5460): a DUID.
    pub relay_id: Option<crate::ids::Duid>,
    /// Add this remote-id (option 37, RFC 4649): enterprise number and octets.
    pub remote_id: Option<(u32, Vec<u8>)>,
    /// Messages per second from one interface; 0 is no limit.
    pub rate_per_interface: u32,
    /// Messages per second from one source; 0 is no limit.
    pub rate_per_source: u32,
}

/// An interface that clients are on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClientSide {
    /// Its name.
    pub name: String,
    /// What it is called in interface-id options; its name unless configured.
    pub interface_id: Vec<u8>,
    /// Send an interface-id also when the link-address names the link.
    pub always_interface_id: bool,
    /// Relay agents are on it too: Relay-forward messages from it are relayed.
    pub trusted: bool,
    /// Relay DHCPv4-queries that clients send to an address of ours.
    pub accept_unicast_4o6: bool,
}

/// Where messages are relayed to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Destination {
    /// The server, or a multicast group.
    pub address: Ipv6Addr,
    /// Interface to leave by; needed for link-local addresses and groups, otherwise routing decides.
    pub interface: Option<String>,
}

/// The role.
pub struct Relay {
    settings: RelaySettings,
    tally: Tally,
}

impl Relay {
    /// A relay agent.
    pub fn new(settings: RelaySettings) -> Self {
        Self { settings, tally: Tally::default() }
    }

    /// Takes up other settings.
    pub fn configure(&mut self, settings: RelaySettings) {
        self.settings = settings;
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        match self.settings.source_port {
            crate::params::SERVER6_PORT => vec![Port::Dhcp6],
            port => vec![Port::Dhcp6, Port::Upstream6(port)],
        }
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }
}

impl Machine for Relay {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, _now: Instant, _input: Input<'_>, _out: &mut Vec<Effect>) {}

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
