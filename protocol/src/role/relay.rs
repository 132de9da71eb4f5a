//! Role `relay`: a DHCPv6 relay agent (RFC 8415 §19) with separate destinations for DHCPv4-queries (RFC 7341 §10).
//!
//! It remembers nothing of any message: the way back stands in the envelope. Of a message it reads the type, of a
//! Relay-forward the hop count too; the rest is copied.

mod sides;
#[cfg(test)]
mod tests;

use super::rates::Rates;
use crate::machine::Machine;
use crate::params::{ALL_RELAYS_AND_SERVERS, CLIENT6_PORT, HOP_COUNT_LIMIT, MAX_PAYLOAD, SERVER6_PORT};
use crate::permit::WireProfile;
use crate::provider::{Datagram, Effect, Input, Interface, Port};
use crate::refused::Refused;
use crate::settings::{Draft01, Profile, is_peer, is_routable};
use crate::tally::{Done, Tally};
use crate::time::Instant;
use crate::wire::o6::CodePoints;
use crate::wire::relay::Relay as Level;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::OptionCode;
use sides::{Side, Sides, Target, Way, option};
use std::net::{Ipv6Addr, SocketAddrV6};
use std::time::Duration;

/// Octets of a relay message before its options.
const HEADER: usize = 34;
/// Shortest message of any type: type and transaction id or flags.
const SHORTEST: usize = 4;
/// What the rates allow in this time may come at once.
const BURST: Duration = Duration::from_secs(1);

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
    /// Messages per second from one client; 0 is no limit. Relay agents, who speak for many clients, are not held to it.
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
    interfaces: Vec<Interface>,
    sides: Sides,
    /// Options 37 and 53 of every envelope, with code and length.
    identity: Vec<u8>,
    per_interface: Rates<u32>,
    per_source: Rates<(u32, Ipv6Addr)>,
    tally: Tally,
}

impl Relay {
    /// A relay agent. It relays from the first [`Input::Interfaces`] on.
    pub fn new(settings: RelaySettings) -> Self {
        Self {
            sides: Sides::default(),
            interfaces: Vec::new(),
            identity: identity(&settings),
            per_interface: Rates::with_burst(settings.rate_per_interface, BURST),
            per_source: Rates::with_burst(settings.rate_per_source, BURST),
            tally: Tally::default(),
            settings,
        }
    }

    /// Takes up other settings.
    pub fn configure(&mut self, settings: RelaySettings) {
        self.identity = identity(&settings);
        self.per_interface.configure(settings.rate_per_interface);
        self.per_source.configure(settings.rate_per_source);
        self.sides = Sides::new(&settings, &self.interfaces);
        self.settings = settings;
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        match self.upstream() {
            Port::Dhcp6 => vec![Port::Dhcp6],
            own => vec![Port::Dhcp6, own],
        }
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The socket that messages to servers leave by.
    fn upstream(&self) -> Port {
        match self.settings.source_port {
            SERVER6_PORT => Port::Dhcp6,
            port => Port::Upstream6(port),
        }
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        datagram: Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let kind = MessageType::peek(datagram.payload).ok_or(Refused::Malformed6)?;
        if datagram.payload.len() < SHORTEST {
            return Err(Refused::Malformed6);
        }
        match (kind, self.sides.at(datagram.interface)) {
            (MessageType::RELAY_REPL, None) => self.hand_down(datagram, out),
            (MessageType::RELAY_REPL, Some(_)) => Err(Refused::WrongDirection),
            (_, _) if datagram.via != Port::Dhcp6 => Err(Refused::WrongDirection),
            (_, Some(_)) => self.hand_up(now, kind, datagram, out),
            (MessageType::RELAY_FORW, None) => Err(Refused::UntrustedRelay),
            (_, None) => Err(Refused::WrongLink),
        }
    }

    /// From a client or another relay agent to the servers (RFC 8415 §19.1).
    fn hand_up(
        &mut self,
        now: Instant,
        kind: MessageType,
        datagram: Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let Some(side) = self.sides.at(datagram.interface) else { return Err(Refused::WrongLink) };
        let relayed = kind == MessageType::RELAY_FORW;
        let query = self.points().any(|points| points.query == kind);
        if self.is_from_server(kind) {
            return Err(Refused::WrongDirection);
        }
        if relayed && !side.trusted {
            return Err(Refused::UntrustedRelay);
        }
        let by_unicast = !datagram.to.is_multicast() && (relayed || query && side.accept_unicast_4o6);
        if datagram.to != ALL_RELAYS_AND_SERVERS && !by_unicast {
            return Err(Refused::WrongDestination);
        }
        let peer = *datagram.from.ip();
        if !is_peer(peer) {
            return Err(Refused::SourceRefused);
        }
        let hop_count = if relayed { hop_count(datagram.payload)? } else { 0 };
        // The source first: what it sends too much shall not take from the others on its link.
        let in_rate = (relayed || self.per_source.take(now, (datagram.interface, peer)))
            && self.per_interface.take(now, datagram.interface);
        if !in_rate {
            return Err(Refused::RateLimited);
        }
        let envelope = self.envelope(side, &datagram, relayed, hop_count)?;
        let own = query && !self.settings.servers_4o6.is_empty();
        let targets = if own { &self.sides.servers_4o6 } else { &self.sides.servers };
        send_to_all(self.upstream(), targets, envelope, out)?;
        self.tally.count(Done::Upstream);
        if query {
            self.tally.count(Done::Query);
        }
        if relayed {
            self.tally.count(Done::Relayed);
        }
        Ok(())
    }

    /// The Relay-forward around a message.
    fn envelope(
        &self,
        side: &Side,
        datagram: &Datagram<'_>,
        relayed: bool,
        hop_count: u8,
    ) -> Result<Vec<u8>, Refused> {
        let peer = *datagram.from.ip();
        // Another relay agent with a routable address is found by routing (RFC 8415 §19.1.2).
        let routed = relayed && is_routable(peer);
        let link_address = side.link_address.filter(|_| !routed);
        let named = routed || link_address.is_some();
        let interface_id: &[u8] = if named && !side.always_interface_id { &[] } else { &side.interface_id };
        let port = self.relay_port(datagram.from.port(), relayed);
        let hardware = if self.settings.client_link_layer && !relayed { link_layer(peer) } else { None };
        let options = [
            interface_id,
            &self.identity,
            hardware.as_ref().map_or(&[][..], |option| option),
            port.as_ref().map_or(&[][..], |option| option),
        ];
        let length =
            options.iter().fold(HEADER.saturating_add(4), |sum, option| sum.saturating_add(option.len()));
        let length = length.saturating_add(datagram.payload.len());
        let message = u16::try_from(datagram.payload.len()).map_err(|_| Refused::NoRoom)?;
        if length > MAX_PAYLOAD {
            return Err(Refused::NoRoom);
        }
        let mut octets = Vec::with_capacity(length);
        octets.extend([MessageType::RELAY_FORW.0, hop_count]);
        octets.extend(link_address.unwrap_or(Ipv6Addr::UNSPECIFIED).octets());
        octets.extend(peer.octets());
        options.iter().for_each(|option| octets.extend_from_slice(option));
        octets.extend(OptionCode::RELAY_MSG.0.to_be_bytes());
        octets.extend(message.to_be_bytes());
        octets.extend_from_slice(datagram.payload);
        Ok(octets)
    }

    /// Option 135, whole (RFC 8357 §5.2): the port of the relay agent below, or 0 when only ours is not 547.
    fn relay_port(&self, from: u16, relayed: bool) -> Option<[u8; 6]> {
        let below = if relayed && from != SERVER6_PORT { from } else { 0 };
        if below == 0 && self.settings.source_port == SERVER6_PORT {
            return None;
        }
        let [[a, b], [c, d]] = [OptionCode::RELAY_PORT.0.to_be_bytes(), below.to_be_bytes()];
        Some([a, b, 0, 2, c, d])
    }

    /// From a server to a client or another relay agent (RFC 8415 §19.2).
    fn hand_down(&mut self, datagram: Datagram<'_>, out: &mut Vec<Effect>) -> Result<(), Refused> {
        if self.settings.strict_source && !self.sides.is_server(*datagram.from.ip(), datagram.interface) {
            return Err(Refused::UnknownServer);
        }
        let reply = Level::parse(datagram.payload).map_err(|_| Refused::MalformedRelay)?;
        let peer = reply.peer_address;
        if !is_peer(peer) {
            return Err(Refused::BadPeer);
        }
        let way = self.sides.way(&reply).ok_or(Refused::UnknownInterface)?;
        if self.sides.is_own(peer, &way) {
            return Err(Refused::BadPeer);
        }
        let (interface, source) = match way {
            Way::Link(side) if is_routable(peer) => (side.index, side.link_address),
            Way::Link(side) => (side.index, side.link_local),
            // Only relay agents' messages leave here without the name of a link, so only to them replies go back so.
            Way::Routing if is_routable(peer) && self.sides.any_trusted() => (0, None),
            Way::Routing => return Err(Refused::UnknownInterface),
        };
        let port = if MessageType::peek(reply.message) == Some(MessageType::RELAY_REPL) {
            reply.relay_port().filter(|port| *port != 0).unwrap_or(SERVER6_PORT)
        } else {
            CLIENT6_PORT
        };
        let scope = if peer.is_unicast_link_local() { interface } else { 0 };
        out.push(Effect::Send {
            via: Port::Dhcp6,
            interface,
            source,
            to: SocketAddrV6::new(peer, port, 0, scope),
            payload: reply.message.to_vec(),
        });
        self.tally.count(Done::Downstream);
        Ok(())
    }

    /// Code points of the profiles that are configured.
    fn points(&self) -> impl Iterator<Item = CodePoints> {
        let profiles: &[WireProfile] = match self.settings.profile {
            Profile::Rfc7341 => &[WireProfile::Rfc7341],
            Profile::Draft01 => &[WireProfile::Draft01],
            Profile::Dual => &[WireProfile::Rfc7341, WireProfile::Draft01],
        };
        profiles.iter().map(|profile| CodePoints::of(*profile, &self.settings.draft01))
    }

    /// Types that clients receive: nobody on a client's link has to send them upwards.
    fn is_from_server(&self, kind: MessageType) -> bool {
        matches!(
            kind,
            MessageType::ADVERTISE
                | MessageType::REPLY
                | MessageType::RECONFIGURE
                | MessageType::DHCPV4_RESPONSE
        ) || self.points().any(|points| points.response == kind)
    }
}

impl Machine for Relay {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Effect>) {
        match input {
            Input::Interfaces(interfaces) => {
                self.interfaces = interfaces.to_vec();
                self.sides = Sides::new(&self.settings, interfaces);
            }
            Input::Datagram(datagram) => {
                if let Err(refused) = self.on_datagram(now, datagram, out) {
                    out.push(Effect::Refused(refused));
                }
            }
            Input::Frame(_) => out.push(Effect::Refused(Refused::WrongLink)),
            // It has no deadline and stores nothing.
            Input::Deadline | Input::Stored(_) | Input::StorageFailed | Input::StorageRestored => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}

/// A copy to each of them. One that fails takes nothing from the others.
fn send_to_all(
    via: Port,
    targets: &[Target],
    payload: Vec<u8>,
    out: &mut Vec<Effect>,
) -> Result<(), Refused> {
    let send = |target: &Target, payload| Effect::Send {
        via,
        interface: target.interface,
        source: None,
        to: target.to,
        payload,
    };
    // Without one there is nobody to send to: the interfaces of all of them are gone.
    let (last, others) = targets.split_last().ok_or(Refused::SendError)?;
    out.extend(others.iter().map(|target| send(target, payload.clone())));
    out.push(send(last, payload));
    Ok(())
}

/// The hop count to send on with, of a Relay-forward that may still travel.
fn hop_count(relay_forward: &[u8]) -> Result<u8, Refused> {
    let [_, count, ..] = *relay_forward else { return Err(Refused::MalformedRelay) };
    if relay_forward.len() < HEADER {
        return Err(Refused::MalformedRelay);
    }
    if count >= HOP_COUNT_LIMIT {
        return Err(Refused::HopLimit);
    }
    Ok(count.saturating_add(1))
}

/// Options 37 (RFC 4649) and 53 (RFC 5460) as configured, with code and length.
fn identity(settings: &RelaySettings) -> Vec<u8> {
    let mut options = Vec::new();
    if let Some((enterprise, id)) = &settings.remote_id {
        options.extend(option(OptionCode::REMOTE_ID, &[&enterprise.to_be_bytes(), id]));
    }
    if let Some(duid) = &settings.relay_id {
        options.extend(option(OptionCode::RELAY_ID, &[duid.as_bytes()]));
    }
    options
}

/// Option 79, whole (RFC 6939), from a link-local address that was made from an Ethernet address (RFC 4291 appendix A):
/// `ff:fe` in the middle, and the bit for locally administered addresses turned round.
fn link_layer(address: Ipv6Addr) -> Option<[u8; 12]> {
    match address.octets() {
        [0xfe, 0x80, 0, 0, 0, 0, 0, 0, a, b, c, 0xff, 0xfe, d, e, f] => {
            let [high, low] = OptionCode::CLIENT_LINKLAYER_ADDR.0.to_be_bytes();
            Some([high, low, 0, 8, 0, 1, a ^ 2, b, c, d, e, f])
        }
        _ => None,
    }
}
