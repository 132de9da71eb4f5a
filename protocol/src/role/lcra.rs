//! Role `lcra`: the On-Link Client Relay Agent (draft-ietf-dhc-dhcpv4-over-ipv6 §6). It brings DHCPv4 clients of a link to
//! servers and relay agents that are reached by IPv6.
//!
//! Clients need not know of it: it hears their broadcasts and answers in frames, so that neither they nor the interface
//! need an IPv4 address. What a client sends to a server's own address is not for the agent, and routed if at all.

#[cfg(test)]
mod tests;

use super::cra::{Cra, Matching, Rules, sub_options};
use super::delivery::{Delivery, ethernet_address, is_host, is_station};
use super::window::Windows;
use crate::machine::Machine;
use crate::params::{CLIENT4_PORT, SERVER4_PORT};
use crate::provider::{self, Effect, Input, Interface, Notice, Port};
use crate::refused::Refused;
use crate::settings::{Encapsulation, SourceCheck, is_routable};
use crate::tally::{Done, Tally};
use crate::time::Instant;
use crate::wire::frame::{Content, Datagram, Frame, Mac};
use crate::wire::transit::Transit;
use crate::wire::v4::{BOOTREPLY, MessageType, code};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// MTU of an interface that does not tell it.
const ETHERNET_MTU: usize = 1500;
/// Most foreign servers that an operator is told of.
const MAX_FOREIGN: usize = 16;

/// All settings of one on-link client relay agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LcraSettings {
    /// Name of the interface that clients are on.
    pub clients: String,
    /// Name of the interface whose address it sends from; may be the same.
    pub upstream: String,
    /// Addresses of TSVs and TRAs, at most 8. Every message goes to each.
    pub servers: Vec<Ipv6Addr>,
    /// Own address to send from; `None` leaves the choice among the global ones of the upstream interface.
    pub source: Option<Ipv6Addr>,
    /// Unique local addresses are as good as global ones.
    pub unique_local: bool,
    /// Who may answer.
    pub source_check: SourceCheck,
    /// Highest `hops` of a client's message: 1 to 16.
    pub hops_limit: u8,
    /// Ethernet addresses of the clients served, of both the frame's sender and `chaddr`; empty is everybody.
    pub allow: Vec<[u8; 6]>,
    /// Messages per second of one client; 0 is no limit.
    pub rate_per_client: u32,
    /// Messages per second altogether; 0 is no limit.
    pub rate: u32,
    /// Messages that may wait for an answer: the oldest is forgotten first.
    pub pending: usize,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Sub-option 1 to send by relay encapsulation.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2 to send by relay encapsulation.
    pub remote_id: Option<Vec<u8>>,
}

/// The link that clients are on, as far as it is there.
#[derive(Clone, Debug)]
struct Link {
    index: u32,
    own: Mac,
    addresses: Vec<Ipv4Addr>,
    mtu: usize,
}

impl Link {
    fn of(interface: &Interface) -> Option<Self> {
        Some(Self {
            index: interface.index,
            own: interface.hardware.octets.as_slice().try_into().ok()?,
            addresses: interface.addresses4.iter().copied().filter(is_host).collect(),
            mtu: usize::try_from(interface.mtu).ok().filter(|mtu| *mtu != 0).unwrap_or(ETHERNET_MTU),
        })
    }
}

/// The role.
pub struct Lcra {
    settings: LcraSettings,
    interfaces: Vec<Interface>,
    link: Option<Link>,
    /// With `ciaddr` of each message that waits for an answer.
    cra: Cra<Ipv4Addr>,
    windows: Windows<Mac>,
    /// DHCPv4 servers that answered on the link.
    foreign: BTreeSet<Ipv4Addr>,
    tally: Tally,
}

impl Lcra {
    /// An agent that relays as soon as [`Input::Interfaces`] shows it the clients' link and an address to send from, and
    /// it has servers.
    pub fn new(settings: LcraSettings) -> Self {
        Self {
            interfaces: Vec::new(),
            link: None,
            cra: Cra::new(rules(&settings)),
            windows: Windows::new(settings.rate_per_client, settings.rate),
            foreign: BTreeSet::new(),
            tally: Tally::default(),
            settings,
        }
    }

    /// Takes up other settings. What waits for an answer goes on waiting. [`Lcra::ports`] may be others from now on.
    pub fn configure(&mut self, settings: LcraSettings) {
        self.cra.configure(rules(&settings));
        self.windows.configure(settings.rate_per_client, settings.rate);
        self.settings = settings;
        self.place();
    }

    /// Relays to these from now on. [`Lcra::ports`] may be others from now on.
    pub fn set_servers(&mut self, servers: Vec<Ipv6Addr>) {
        self.settings.servers = servers;
        self.place();
    }

    /// The sockets it needs: none while anything is missing, so that nobody waits for an answer that cannot come.
    pub fn ports(&self) -> Vec<Port> {
        match (&self.link, self.cra.source()) {
            (Some(link), Some(source)) => vec![Port::Frames(link.index), Port::Cra6(source)],
            _ => Vec::new(),
        }
    }

    /// The address that it relays from; `None` while it has none, or no server.
    pub fn source(&self) -> Option<Ipv6Addr> {
        self.cra.source()
    }

    /// TSVs and TRAs that it relays to: those of the settings that can be sent to.
    pub fn servers(&self) -> &[Ipv6Addr] {
        self.cra.servers()
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Finds its place among the interfaces.
    fn place(&mut self) {
        let named = |name: &str| self.interfaces.iter().find(|interface| interface.name == name);
        self.link = named(&self.settings.clients).and_then(Link::of);
        let source = match self.settings.source {
            Some(source) => {
                let mut all = self.interfaces.iter().flat_map(|interface| &interface.addresses);
                all.find(|address| **address == source).copied()
            }
            None => named(&self.settings.upstream).and_then(|upstream| self.choose(&upstream.addresses)),
        };
        self.cra.place(source, &self.settings.servers);
    }

    /// The address to send from: the one in use while it is there, because bindings in the network hang on it, else the
    /// first that the rest of the network can reach.
    fn choose(&self, addresses: &[Ipv6Addr]) -> Option<Ipv6Addr> {
        let usable = |address: &Ipv6Addr| {
            is_routable(*address) && (self.settings.unique_local || !address.is_unique_local())
        };
        let mut usable = addresses.iter().copied().filter(usable);
        let first = usable.next()?;
        usable.find(|address| Some(*address) == self.cra.source()).or(Some(first))
    }

    fn on_frame(
        &mut self,
        now: Instant,
        received: provider::Frame<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let Some(link) = self.link.as_ref().filter(|link| link.index == received.interface) else {
            return Err(Refused::WrongLink);
        };
        let frame =
            Frame::parse(received.octets, received.checksum_pending).map_err(|_| Refused::MalformedFrame)?;
        let Content::Dhcp(datagram) = frame.content else { return Ok(()) };
        match (datagram.destination.port(), frame.from == link.own) {
            // An answer of ours, seen on its way out.
            (CLIENT4_PORT, true) => Ok(()),
            (CLIENT4_PORT, false) => Err(self.notice_answer(&datagram, out)),
            (_, true) => Err(Refused::SourceRefused),
            (_, false) if is_for_agent(link, &frame, &datagram) => self.hand_up(now, &frame, &datagram, out),
            // On its way to somebody else, who gets it all the same.
            (_, false) => Ok(()),
        }
    }

    /// From a client to the servers.
    fn hand_up(
        &mut self,
        now: Instant,
        frame: &Frame<'_>,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let message = self.cra.judge(datagram.payload)?;
        if !is_station(frame.from) || !self.is_allowed(frame.from, &message) {
            return Err(Refused::SourceRefused);
        }
        if !self.windows.take(now, frame.from) {
            return Err(Refused::RateLimited);
        }
        let Some(source) = self.cra.source() else { return Err(Refused::NotReady) };
        let payload = self.cra.relay(now, datagram.payload, &message, message.ciaddr())?;
        let Some((last, others)) = self.cra.servers().split_last() else { return Err(Refused::NotReady) };
        let send = |server: &Ipv6Addr, payload| Effect::Send {
            via: Port::Cra6(source),
            interface: 0,
            source: Some(source),
            to: SocketAddrV6::new(*server, SERVER4_PORT, 0, 0),
            payload,
        };
        out.extend(others.iter().map(|server| send(server, payload.clone())));
        out.push(send(last, payload));
        self.tally.count(Done::Upstream);
        Ok(())
    }

    /// A client of an allowed station, whose answers go to an allowed one. A hardware address of another kind is known
    /// by its station alone.
    fn is_allowed(&self, from: Mac, message: &Transit<'_>) -> bool {
        let allow = &self.settings.allow;
        let is_listed = |address: Mac| allow.is_empty() || allow.contains(&address);
        is_listed(from) && ethernet_address(message).is_none_or(is_listed)
    }

    /// From a server to the client that asked.
    fn hand_down(
        &mut self,
        now: Instant,
        datagram: provider::Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let Some(link) = &self.link else { return Err(Refused::NotReady) };
        let reply = self.cra.down(now, *datagram.from.ip(), datagram.to, datagram.payload)?;
        let delivery = Delivery::of(&reply.message, link.addresses.first().copied(), reply.client);
        let octets = delivery.frame(link.own, link.mtu, reply.octets)?;
        out.push(Effect::Frame { interface: link.index, octets });
        self.tally.count(Done::Downstream);
        Ok(())
    }

    /// Nothing that goes to clients is relayed, but an OFFER tells of a server that answers the same clients.
    fn notice_answer(&mut self, datagram: &Datagram<'_>, out: &mut Vec<Effect>) -> Refused {
        let Ok(message) = Transit::parse(datagram.payload) else { return Refused::Malformed4 };
        if message.op() == BOOTREPLY && message.kind() == Some(MessageType::OFFER) {
            let named = message.address(code::SERVER_ID).filter(is_host);
            let server = named.unwrap_or(*datagram.source.ip());
            if self.foreign.len() < MAX_FOREIGN && self.foreign.insert(server) {
                out.push(Effect::Notify(Notice::ForeignServer(server)));
            }
        }
        Refused::WrongDirection
    }
}

/// True for a broadcast, and for what was sent to an address of ours (RFC 1542 §4.1).
fn is_for_agent(link: &Link, frame: &Frame<'_>, datagram: &Datagram<'_>) -> bool {
    let [first, ..] = frame.to;
    let here = frame.to == link.own || first & 1 != 0;
    let destination = datagram.destination.ip();
    here && (destination.is_broadcast() || link.addresses.contains(destination))
}

fn rules(settings: &LcraSettings) -> Rules {
    Rules {
        hops_limit: settings.hops_limit,
        source_check: settings.source_check,
        encapsulation: settings.encapsulation,
        sub_options: sub_options(settings.circuit_id.as_deref(), settings.remote_id.as_deref()),
        pending: settings.pending,
        matching: Matching::XidAndHardware,
    }
}

impl Machine for Lcra {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Effect>) {
        let outcome = match input {
            Input::Interfaces(interfaces) => {
                self.interfaces = interfaces.to_vec();
                self.place();
                Ok(())
            }
            Input::Frame(frame) => self.on_frame(now, frame, out),
            Input::Datagram(datagram) if matches!(datagram.via, Port::Cra6(_)) => {
                self.hand_down(now, datagram, out)
            }
            Input::Datagram(_) => Err(Refused::WrongLink),
            // It has no deadline and stores nothing.
            Input::Deadline | Input::Stored(_) | Input::StorageFailed | Input::StorageRestored => Ok(()),
        };
        out.extend(outcome.err().map(Effect::Refused));
    }

    fn deadline(&self) -> Option<Instant> {
        None
    }
}
