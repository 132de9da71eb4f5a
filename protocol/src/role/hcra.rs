//! The Host Client Relay Agent for a DHCPv4 client that knows nothing of it (draft-ietf-dhc-dhcpv4-over-ipv6 §6): any
//! client that runs on the TAP device of a link.
//!
//! Whatever comes in by that device is from this host, so no other host is served. The agent is the only neighbour there:
//! it relays what clients send to everybody or to the server of their lease, hands the answers back in frames, and
//! answers ARP as far as a client needs it to renew, which is never when it looks whether an address is free.
//!
//! With the client of this service there are no frames: its messages go through [`Cra`] alone.

mod held;
#[cfg(test)]
mod tests;

use self::held::{Clients, Outcome};
use super::cra::{Cra, Matching, Reply, Rules};
use super::delivery::{Delivery, is_station};
use crate::lease::{Lease4, LeaseEvent, LeaseEventKind};
use crate::params::CLIENT4_PORT;
use crate::refused::Refused;
use crate::settings::HcraSettings;
use crate::time::Instant;
use crate::wire::frame::{Arp, ArpOp, Content, Datagram, Frame, Mac};
use crate::wire::v4::MessageType;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The agent's own Ethernet address. The device has two ends and no others, so any will do that is not the client's.
pub const AGENT: Mac = [0x02, 0x00, 0x5e, 0x00, 0x00, 0x67];
/// Longest IPv4 packet to the client, in octets. What the client sends is bounded by the smaller MTU of the TAP device, so
/// that it fits the smallest IPv6 MTU once relayed; what it receives is not.
const MTU: usize = 1500;
/// Messages that may wait for an answer.
const PENDING: usize = 256;

/// What the agent wants done, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send this from port 67 of the own address to port 67 of each of [`Hcra::servers`].
    Relay(Vec<u8>),
    /// Send this frame to the device.
    Frame(Vec<u8>),
    /// Give the device carrier, or take it. Clients begin when they get it.
    Carrier(bool),
    /// This happened to the lease of a client.
    Lease(LeaseEvent),
}

/// What has to be known of a message when its answer comes.
#[derive(Clone, Copy, Debug)]
struct Asked {
    client: held::Key,
    kind: Option<MessageType>,
    hardware: Mac,
    ciaddr: Ipv4Addr,
    /// The server's address, if the message was sent to it alone.
    server: Option<Ipv4Addr>,
    source: Option<Ipv6Addr>,
}

/// One agent, for all clients on one device.
#[derive(Debug)]
pub struct Hcra {
    cra: Cra<Asked>,
    clients: Clients,
    carrier: bool,
}

/// The rules for the agent of a link, whoever its client is.
pub fn rules(settings: &HcraSettings) -> Rules {
    Rules {
        hops_limit: settings.hops_limit,
        source_check: settings.source_check,
        encapsulation: settings.encapsulation,
        // One line of one customer ends here: there is nothing to tell apart.
        sub_options: Vec::new(),
        pending: PENDING,
        matching: Matching::Xid,
    }
}

impl Hcra {
    /// An agent whose device has no carrier yet.
    pub fn new(settings: &HcraSettings) -> Self {
        Self { cra: Cra::new(rules(settings)), clients: Clients::default(), carrier: false }
    }

    /// Takes up other settings. What waits for an answer goes on waiting.
    pub fn configure(&mut self, settings: &HcraSettings) {
        self.cra.configure(rules(settings));
    }

    /// Whence and whereto it relays from now on. The device has carrier while there are both; the caller leaves one out
    /// to close it for another reason.
    pub fn set_gate(&mut self, own: Option<Ipv6Addr>, servers: &[Ipv6Addr], out: &mut Vec<Action>) {
        self.cra.place(own, servers);
        let open = self.cra.source().is_some();
        if open != self.carrier {
            self.carrier = open;
            out.push(Action::Carrier(open));
        }
    }

    /// The device was made anew: it has no carrier until it is given.
    pub fn on_new_device(&mut self, out: &mut Vec<Action>) {
        if self.carrier {
            out.push(Action::Carrier(true));
        }
    }

    /// The address that it relays from; `None` while the device has no carrier.
    pub fn source(&self) -> Option<Ipv6Addr> {
        self.cra.source()
    }

    /// TSVs and TRAs that it relays to.
    pub fn servers(&self) -> &[Ipv6Addr] {
        self.cra.servers()
    }

    /// Leases that passed and run, in the order in which their clients first spoke: at most 16.
    pub fn leases(&self) -> impl Iterator<Item = &Lease4> {
        self.clients.leases()
    }

    /// When the next lease ends.
    pub fn deadline(&self) -> Option<Instant> {
        self.clients.deadline()
    }

    /// Forgets leases that are over.
    pub fn on_deadline(&mut self, now: Instant, out: &mut Vec<Action>) {
        out.extend(self.clients.expire(now).map(Action::Lease));
    }

    /// A frame from the device.
    ///
    /// # Errors
    /// Why a DHCP message is not relayed. Anything else that is not for the agent is passed over.
    pub fn on_frame(&mut self, now: Instant, octets: &[u8], out: &mut Vec<Action>) -> Result<(), Refused> {
        self.on_deadline(now, out);
        let frame = Frame::parse(octets, false).map_err(|_| Refused::MalformedFrame)?;
        let [first, ..] = frame.to;
        let here = frame.to == AGENT || first & 1 != 0;
        match frame.content {
            Content::Arp(arp) if here && self.carrier => {
                out.extend(self.answer(&arp).map(|answer| Action::Frame(answer.emit())));
                Ok(())
            }
            Content::Dhcp(datagram) if datagram.destination.port() == CLIENT4_PORT => {
                Err(Refused::WrongDirection)
            }
            Content::Dhcp(datagram) if here => self.hand_up(now, frame.from, &datagram, out),
            Content::Arp(_) | Content::Dhcp(_) | Content::Other => Ok(()),
        }
    }

    /// What to say to a question: that the server of the asker's lease, or the router before it, is here.
    ///
    /// Nothing to a probe or an announcement, and nobody has an address that is leased: the agent shall not look like a
    /// conflict (RFC 5227 §2.1).
    fn answer(&self, question: &Arp) -> Option<Arp> {
        let asks = question.op == ArpOp::Request && !question.is_probe() && !question.is_announcement();
        let needed = self.clients.needs(question.sender, question.target);
        let leased = self.leases().any(|lease| lease.address == question.target);
        (asks && needed && !leased && is_station(question.sender_hardware)).then_some(Arp {
            op: ArpOp::Reply,
            sender_hardware: AGENT,
            sender: question.target,
            target_hardware: question.sender_hardware,
            target: question.sender,
        })
    }

    /// From a client to the servers.
    fn hand_up(
        &mut self,
        now: Instant,
        hardware: Mac,
        datagram: &Datagram<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let message = self.cra.judge(datagram.payload)?;
        let (from, to) = (*datagram.source.ip(), *datagram.destination.ip());
        let server = (!to.is_broadcast()).then_some(to);
        // What is sent to an address by unicast can have been forwarded by this host for another: a client renews from
        // the address that it leased, with the server that leased it.
        let own =
            server.is_none_or(|server| from == message.ciaddr() && self.clients.is_leased_by(from, server));
        if !own || !is_station(hardware) {
            return Err(Refused::SourceRefused);
        }
        let asked = Asked {
            client: held::key(&message),
            kind: message.kind(),
            hardware,
            ciaddr: message.ciaddr(),
            server,
            source: self.cra.source(),
        };
        let payload = self.cra.relay(now, datagram.payload, &message, asked)?;
        out.push(Action::Relay(payload));
        let ended = self.clients.hear(now, asked.client, &message);
        out.extend(ended.map(Action::Lease));
        Ok(())
    }

    /// A datagram to port 67 of the own address, that came in on the link.
    ///
    /// # Errors
    /// Why nothing is delivered.
    pub fn on_datagram(
        &mut self,
        now: Instant,
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: &[u8],
        out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        self.on_deadline(now, out);
        if !self.carrier {
            return Err(Refused::NotReady);
        }
        let reply = self.cra.down(now, from, to, payload)?;
        out.push(Action::Frame(self.delivery(&reply).frame(AGENT, MTU, reply.octets)?));
        let asked = reply.client;
        let outcome = match (asked.kind, reply.message.kind()) {
            (Some(MessageType::REQUEST), Some(MessageType::NAK)) => Outcome::Refused,
            (Some(MessageType::REQUEST | MessageType::DISCOVER), Some(MessageType::ACK)) => Outcome::Leased {
                octets: reply.octets,
                source: asked.source,
                kind: if asked.server.is_some() { LeaseEventKind::Renewed } else { LeaseEventKind::Rebound },
            },
            _ => return Ok(()),
        };
        out.extend(self.clients.take(asked.client, reply.asked_at, outcome).map(Action::Lease));
        Ok(())
    }

    /// Clients that renew listen at their address and only to the server they asked. All others listen to everything, and
    /// where there are several, each is to hear what the others are told (appendix B).
    fn delivery(&self, reply: &Reply<'_, Asked>) -> Delivery {
        let Asked { ciaddr, hardware, server, .. } = reply.client;
        match (server, reply.message.kind()) {
            (Some(server), kind) if kind != Some(MessageType::NAK) => {
                Delivery::back(hardware, server, ciaddr)
            }
            _ => {
                let delivery = Delivery::of(&reply.message, None, ciaddr);
                if self.clients.are_several() { delivery.to_everybody() } else { delivery }
            }
        }
    }
}
