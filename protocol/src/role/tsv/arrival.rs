//! A message that came by port 67: where its client is, and where the answer goes.

use crate::binding::Transport;
use crate::params::{CLIENT4_PORT, SERVER4_PORT};
use crate::provider::{Datagram, Effect, Interface};
use crate::refused::Refused;
use crate::role::rates::digest;
use crate::way::{Four, Hop, Way, station};
use crate::wire::encapsulation::Encapsulated;
use crate::wire::v4::{Message, MessageType};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// A message that is taken up.
pub(in crate::role) struct Arrival<'a> {
    pub(in crate::role) message: Message<'a>,
    datagram: Datagram<'a>,
    /// What relay agents put around it.
    envelope: Option<Encapsulated<'a>>,
    sender: Sender<'a>,
}

/// Who sent it.
pub(super) enum Sender<'a> {
    /// A client relay agent, by IPv6. The name of the interface, if the role is told of it.
    Agent { interface: &'a str },
    /// An IPv4 relay agent.
    Relay(Relay),
    /// A client on the link of this interface, which may have no address yet.
    Link(&'a Interface),
    /// A client, from the address that it says is its own.
    Own(Ipv4Addr),
}

/// An IPv4 relay agent that is believed.
pub(super) struct Relay {
    pub(super) giaddr: Ipv4Addr,
    /// Where it wants its answers.
    pub(super) port: u16,
    /// The client relay agent that it is a TRA of.
    pub(super) agent: Option<Ipv6Addr>,
    pub(super) link_selection: Option<Ipv4Addr>,
    pub(super) circuit: Option<Vec<u8>>,
    /// Why something of what it says is not used.
    pub(super) refused: Option<Refused>,
}

impl Relay {
    /// One that says nothing but its address.
    pub(super) const fn new(giaddr: Ipv4Addr) -> Self {
        let (agent, link_selection, circuit, refused) = (None, None, None, None);
        Self { giaddr, port: SERVER4_PORT, agent, link_selection, circuit, refused }
    }
}

/// Whose rate a message counts for: who sent it, and what it was sent through.
pub(in crate::role) type Sources = ((Ipv6Addr, u64), Option<u64>);

impl<'a> Arrival<'a> {
    pub(super) const fn new(
        datagram: &Datagram<'a>,
        message: Message<'a>,
        envelope: Option<Encapsulated<'a>>,
        sender: Sender<'a>,
    ) -> Self {
        Self { message, datagram: *datagram, envelope, sender }
    }

    /// How it came, for the engine.
    pub(in crate::role) fn way(&self) -> Way<'_> {
        let station = station(self.message.hardware());
        match &self.sender {
            Sender::Agent { interface } => {
                let client = *self.datagram.from.ip();
                // Packets of the world outside come in anywhere.
                let interface = if client.is_unicast_link_local() { interface } else { "" };
                Way { interface, client, transport: Transport::Agent, ..Way::default() }
            }
            Sender::Relay(Relay { giaddr, agent, link_selection, circuit, .. }) => {
                let four = Four {
                    giaddr: Some(*giaddr),
                    link_selection: *link_selection,
                    station,
                    ..Four::default()
                };
                if let Some(client) = *agent {
                    return Way { client, transport: Transport::Agent, four, ..Way::default() };
                }
                let client = giaddr.to_ipv6_mapped();
                let hops = vec![Hop { link_address: client, interface_id: circuit.as_deref() }];
                Way { client, transport: Transport::Ipv4, hops, four, ..Way::default() }
            }
            Sender::Link(interface) => Way {
                interface: &interface.name,
                client: Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
                transport: Transport::Ipv4,
                four: Four { here: &interface.addresses4, station, ..Four::default() },
                ..Way::default()
            },
            Sender::Own(address) => Way {
                client: address.to_ipv6_mapped(),
                transport: Transport::Ipv4,
                four: Four { own: Some(*address), ..Four::default() },
                ..Way::default()
            },
        }
    }

    /// The client sent it to us alone.
    pub(in crate::role) const fn is_unicast(&self) -> bool {
        matches!(self.sender, Sender::Own(_))
    }

    /// It came through an IPv4 relay agent.
    pub(in crate::role) const fn is_relayed(&self) -> bool {
        matches!(self.sender, Sender::Relay(_))
    }

    /// Why something in it is not used, if anything is not.
    pub(in crate::role) const fn refused(&self) -> Option<Refused> {
        match &self.sender {
            Sender::Relay(relay) => relay.refused,
            Sender::Agent { .. } | Sender::Link(_) | Sender::Own(_) => None,
        }
    }

    /// Whose rate it counts for. Clients of a relay agent have one each, so that nobody speaks for all of them.
    pub(in crate::role) fn sources(&self) -> Sources {
        let Message { htype, .. } = self.message;
        let hardware = self.message.hardware();
        let interface = self.datagram.interface.to_be_bytes();
        match &self.sender {
            Sender::Agent { .. } => {
                let from = *self.datagram.from.ip();
                let link = if from.is_unicast_link_local() { self.datagram.interface } else { 0 };
                ((from, u64::from(link)), None)
            }
            Sender::Relay(Relay { giaddr, agent: Some(agent), .. }) => {
                ((*agent, digest(&[&giaddr.octets()])), None)
            }
            Sender::Relay(Relay { giaddr, circuit, .. }) => {
                let octets = giaddr.octets();
                let behind = circuit.as_ref().map(|circuit| digest(&[&octets, circuit]));
                let client = digest(&[&[htype], hardware, circuit.as_deref().unwrap_or_default()]);
                ((giaddr.to_ipv6_mapped(), client), behind)
            }
            Sender::Link(_) => {
                let client = digest(&[&interface, &[htype], hardware]);
                ((Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), client), Some(digest(&[&interface])))
            }
            Sender::Own(address) => ((address.to_ipv6_mapped(), 0), None),
        }
    }

    /// Octets that the answer may have when nobody but a relay agent that is believed gets more than `times` as many as
    /// it sent.
    pub(in crate::role) fn most(&self, times: usize) -> usize {
        if self.is_relayed() {
            return usize::MAX;
        }
        let sent = self.datagram.payload.len();
        let around = self.envelope.as_ref().map_or(0, |envelope| sent.saturating_sub(envelope.message.len()));
        sent.saturating_mul(times).saturating_sub(around)
    }

    /// Sends an answer of the engine back.
    ///
    /// # Errors
    /// When it is too long for a datagram.
    pub(in crate::role) fn answer(&self, server_id: Ipv4Addr, answer: Vec<u8>) -> Result<Effect, Refused> {
        let Datagram { via, from, to, interface, .. } = self.datagram;
        let at = |address: Ipv4Addr, port| SocketAddrV6::new(address.to_ipv6_mapped(), port, 0, 0);
        // Of a broadcast we do not know which of our addresses the sender would want.
        let asked = Some(to).filter(|to| to.to_ipv4_mapped().is_none_or(|to| !to.is_broadcast()));
        let (interface, source, to) = match &self.sender {
            Sender::Agent { .. } => {
                let interface = if from.ip().is_unicast_link_local() { interface } else { 0 };
                (interface, asked, SocketAddrV6::new(*from.ip(), SERVER4_PORT, 0, interface))
            }
            Sender::Relay(relay) => (0, asked, at(relay.giaddr, relay.port)),
            Sender::Own(address) => (0, asked, at(*address, CLIENT4_PORT)),
            Sender::Link(link) => {
                let own =
                    || link.addresses4.iter().find(|own| **own == server_id).or(link.addresses4.first());
                let source = asked.or_else(|| own().map(Ipv4Addr::to_ipv6_mapped));
                (link.index, source, at(self.on_link(&answer), CLIENT4_PORT))
            }
        };
        let payload = match &self.envelope {
            None => answer,
            Some(envelope) => envelope.reply(&answer).map_err(|_| Refused::NoRoom)?,
        };
        Ok(Effect::Send { via, interface, source, to, payload })
    }

    /// Where a client on the link gets its answer (RFC 2131 §4.1). It may not have its address yet, and without frames
    /// of our own the only way to one that has none is broadcast. A refusal concerns an address that it may not have.
    fn on_link(&self, answer: &[u8]) -> Ipv4Addr {
        let ciaddr = self.message.ciaddr;
        let is_its_own = |answer: Message<'_>| {
            let from = self.datagram.from.ip().to_ipv4_mapped();
            answer.kind() != Some(MessageType::NAK) && (answer.yiaddr == ciaddr || from == Some(ciaddr))
        };
        let reachable = !ciaddr.is_unspecified() && Message::parse(answer).is_ok_and(is_its_own);
        if reachable { ciaddr } else { Ipv4Addr::BROADCAST }
    }
}
