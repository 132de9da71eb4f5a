//! What must be true after every step, whatever happened before.

use super::Parcel;
use crate::desk::TRA;
use dhcp4o6_protocol::binding::{Binding4, ClientKey, Record, Slot4, Slot6, State, Transport};
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::provider::{Datagram, Effect, Notice, Port, TunnelBinding};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::{After, Lease};
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v6;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What a record is about.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Slot {
    Four(Slot4),
    Six(Slot6),
    Reserved(Ipv4Addr),
}

pub(crate) fn slot(record: &Record) -> Slot {
    match record {
        Record::Lease4(binding) => Slot::Four(binding.slot),
        Record::Gone4(slot) => Slot::Four(*slot),
        Record::Lease6(binding) => Slot::Six(binding.slot),
        Record::Gone6(slot) => Slot::Six(*slot),
        Record::Reserve4 { address, .. } | Record::Unreserve4 { address } => Slot::Reserved(*address),
    }
}

/// What a client was told that it has.
struct Told {
    client: ClientKey,
    until: Instant,
}

#[derive(Default)]
pub(crate) struct Witness {
    /// Every address that was acknowledged, to whom, and until when.
    told: BTreeMap<Ipv4Addr, Told>,
    /// Every client's address, until when.
    held: BTreeMap<ClientKey, (Ipv4Addr, Instant)>,
    /// Clients that gave their address back, or said that it is in use, and got none since.
    gave_up: BTreeSet<ClientKey>,
    /// What is on the targets of subscribers.
    installed: BTreeMap<Ipv4Addr, usize>,
    at: BTreeMap<usize, Ipv4Addr>,
    /// Rare things that happened.
    pub(crate) reached: BTreeSet<&'static str>,
    pub(crate) acks: u64,
    /// What was told of addresses behind client relay agents.
    tunnels: BTreeMap<Ipv4Addr, TunnelBinding>,
    lines: VecDeque<String>,
}

impl Witness {
    fn note(&mut self, line: String) {
        self.lines.push_back(line);
        if self.lines.len() > 60 {
            self.lines.pop_front();
        }
    }

    pub(crate) fn last_lines(&self) -> impl Iterator<Item = &String> {
        self.lines.iter()
    }

    /// What the server made of an input.
    pub(crate) fn handled(&mut self, now: Instant, asked: Option<&Datagram<'_>>, out: &[Effect]) {
        let mut sends = 0;
        let mut refused = None;
        for effect in out {
            match effect {
                Effect::Send { to, payload, .. } => {
                    sends += 1;
                    let asked = asked.expect("nothing is sent that nobody asked for (SEC-07)");
                    // One relay agent may give the address of another, if both are believed.
                    let relayed4 = is_relay_agent(*asked.from.ip());
                    assert!(
                        to.ip() == asked.from.ip() || (relayed4 && is_relay_agent(*to.ip())),
                        "an answer goes to whoever asked (SEC-07)"
                    );
                    assert!(!to.ip().is_multicast());
                    let direct = asked.payload.first() != Some(&12);
                    assert!(
                        !direct
                            || relayed4
                            || asked.from.ip().is_unicast_link_local()
                            || payload.len() <= 4 * asked.payload.len(),
                        "amplification (SEC-07)"
                    );
                }
                Effect::Frame { .. } => panic!("a server sends no frames"),
                Effect::Refused(reason @ (Refused::BadCra6addr | Refused::BadOption))
                    if asked.is_some_and(|asked| asked.via == Port::Server4) =>
                {
                    // A part of it is not used, and the rest is.
                    self.reached.insert(reason.name());
                }
                Effect::Refused(reason) => {
                    refused = Some(*reason);
                    self.reached.insert(reason.name());
                }
                Effect::Notify(notice) => {
                    self.reached.insert(notice.word());
                    self.notified(now, notice);
                }
                Effect::Journal(Record::Lease4(binding)) => {
                    if binding.state == State::Bound {
                        self.gave_up.remove(&binding.client);
                    }
                    let (address, state, client) = (binding.slot.address, binding.state, &binding.client);
                    self.note(format!("{} journal {address} {state:?} {client:?}", now.as_micros()));
                }
                Effect::Journal(_) => {}
            }
        }
        assert!(sends <= 1, "one answer at most");
        assert!(sends == 0 || refused.is_none(), "refused and answered all the same");
        if let Some(inner) = asked.and_then(|asked| inner(asked.payload)) {
            self.heard(now, &inner, refused.is_some());
        }
    }

    fn notified(&mut self, now: Instant, notice: &Notice) {
        match notice {
            Notice::BindingAdded(binding) => {
                let before = self.tunnels.insert(binding.address, *binding);
                assert_ne!(before, Some(*binding), "told twice");
                self.note(format!("{} reached: {binding:?}", now.as_micros()));
            }
            Notice::BindingRemoved(binding) => {
                let before = self.tunnels.remove(&binding.address);
                assert_eq!(before, Some(*binding), "taken back what was not told");
                self.note(format!("{} not reached any more: {binding:?}", now.as_micros()));
            }
            _ => {}
        }
    }

    /// A server that starts tells nothing of what it reads: whoever wants to know asks for it.
    pub(crate) fn reads_tunnels(&mut self, now: Instant, server: &Server) {
        self.tunnels = tunnels(server).into_iter().filter(|(_, tunnel)| !is_over(tunnel, now)).collect();
    }

    /// What was told is what is so. What has just ended, or begins to be told, is let be.
    pub(crate) fn check_tunnels(&self, now: Instant, server: &Server) {
        let running = |tunnels: BTreeMap<Ipv4Addr, TunnelBinding>| -> BTreeMap<_, _> {
            let running = |tunnel: &TunnelBinding| !is_over(tunnel, now + Duration::from_secs(1));
            tunnels.into_iter().filter(|(_, tunnel)| running(tunnel)).collect()
        };
        assert_eq!(running(self.tunnels.clone()), running(tunnels(server)), "what concentrators know");
    }

    /// A client's message reached the server.
    fn heard(&mut self, now: Instant, inner: &[u8], refused: bool) {
        let Ok(message) = v4::Message::parse(inner) else { return };
        let (Some(kind), Some(client)) = (message.kind(), key(&message)) else { return };
        if !refused && matches!(kind, MessageType::RELEASE | MessageType::DECLINE) {
            self.gave_up.insert(client.clone());
            self.told.retain(|_, told| told.client != client);
            self.held.remove(&client);
        }
        self.note(format!("{} heard {kind} of {client:?}, refused: {refused}", now.as_micros()));
    }

    /// Something leaves the server, now that `disk` is what a crash would leave.
    pub(crate) fn leaves(&mut self, now: Instant, effect: &Effect, disk: &[Record]) {
        let Effect::Send { payload, .. } = effect else { return };
        let Some(inner) = inner(payload) else { return };
        let message = v4::Message::parse(&inner).expect("what is sent is well formed");
        assert_eq!(message.op, v4::BOOTREPLY);
        assert!(inner.len() >= 300, "GEN-09");
        let relayed4 = is_relay_agent(message.giaddr.to_ipv6_mapped());
        assert!(relayed4 || message.option(code::RELAY_AGENT).is_none());
        let kind = message.kind().expect("nobody asked by BOOTP");
        self.reached.insert(match kind {
            MessageType::OFFER => "offer",
            MessageType::ACK => "ack",
            MessageType::NAK => "nak",
            other => panic!("a server does not send {other}"),
        });
        if kind == MessageType::ACK && !message.yiaddr.is_unspecified() {
            self.acknowledged(now, &message, disk);
        }
    }

    fn acknowledged(&mut self, now: Instant, ack: &v4::Message<'_>, disk: &[Record]) {
        self.acks += 1;
        let client = key(ack).expect("the server repeats who it is for");
        let address = ack.yiaddr;
        let lease = ack.seconds(code::LEASE_TIME).expect("an ACK has a lease time");
        let until = now + Duration::from_secs(u64::from(lease));
        self.note(format!("{} ACK {address} to {client:?} for {lease} s", now.as_micros()));
        // Invariant 6. The clock of the lease began when the message was handled, so at most a write ago.
        let slack = Duration::from_secs(31);
        let durable = disk.iter().rev().find_map(|record| match record {
            Record::Lease4(binding) if binding.slot.address == address => Some(binding),
            _ => None,
        });
        let durable = durable.unwrap_or_else(|| panic!("{address} was acknowledged and is not on disk"));
        if self.gave_up.contains(&client) {
            // Given back while this waited for the disk: it promises nothing.
            return;
        }
        assert_eq!((&durable.client, durable.state), (&client, State::Bound), "{address} on disk");
        assert!(
            durable.expires_at.is_none_or(|end| end + slack >= until),
            "{address} is acknowledged for longer than the disk knows"
        );
        // Invariant 7.
        if let Some(told) = self.told.get(&address).filter(|told| now < told.until) {
            assert_eq!(told.client, client, "{address} was given away");
        }
        if let Some((before, _)) = self.held.get(&client).filter(|(_, end)| now < *end) {
            assert_eq!(*before, address, "a client's address was changed");
        }
        self.told.insert(address, Told { client: client.clone(), until });
        self.held.insert(client, (address, until));
    }

    /// What a subscriber's machine has now: no address is on two of them.
    pub(crate) fn installed(&mut self, host: usize, address: Option<Ipv4Addr>) {
        if self.at.get(&host).copied() == address {
            return;
        }
        if let Some(before) = self.at.remove(&host) {
            self.installed.remove(&before);
        }
        if let Some(address) = address {
            let other = self.installed.insert(address, host);
            assert_eq!(other, None, "{address} is on two machines");
            self.at.insert(host, address);
        }
    }

    /// Invariant 9: a relay agent changes nothing of what it carries.
    pub(crate) fn relayed(&mut self, parcel: &Parcel, out: &[Effect]) {
        for effect in out {
            match effect {
                Effect::Send { payload, .. } if payload.first() == Some(&12) => {
                    assert!(payload.ends_with(&parcel.payload), "changed on the way up");
                    self.reached.insert("relayed-up");
                }
                Effect::Send { payload, .. } => {
                    assert!(parcel.payload.ends_with(payload), "changed on the way down");
                    self.reached.insert("relayed-down");
                }
                Effect::Refused(_) => _ = self.reached.insert("relay-refused"),
                _ => panic!("a relay agent only sends"),
            }
        }
    }
}

/// The addresses that the server's leases say are behind client relay agents.
fn tunnels(server: &Server) -> BTreeMap<Ipv4Addr, TunnelBinding> {
    let of = |lease| match lease {
        Lease::V4(Binding4 {
            slot: Slot4 { address, ports: None },
            state: State::Bound,
            transport: Transport::Agent,
            source: agent,
            expires_at: until,
            ..
        }) => Some((address, TunnelBinding { address, agent, until })),
        _ => None,
    };
    server.leases(After::Start, 10_000).into_iter().filter_map(of).collect()
}

/// One that the settings name.
fn is_relay_agent(address: Ipv6Addr) -> bool {
    let relay_agents = Prefix4::of(TRA.into(), 29);
    address.to_ipv4_mapped().is_some_and(|address| relay_agents.contains(address))
}

fn is_over(tunnel: &TunnelBinding, now: Instant) -> bool {
    tunnel.until.is_some_and(|end| end <= now)
}

/// The DHCPv4 message in a query or response, whatever is around it.
fn inner(payload: &[u8]) -> Option<Vec<u8>> {
    if matches!(payload.first(), Some(1 | 2)) && payload.len() >= 240 {
        return Some(payload.to_vec());
    }
    let relayed = Relayed::parse(payload);
    let message = relayed.as_ref().map_or(payload, |relayed| relayed.message);
    if !matches!(message.first(), Some(20 | 21)) {
        return None;
    }
    let message = v6::Message::parse(message).ok()?;
    o6::dhcpv4(CodePoints::RFC7341, &message).ok().map(<[u8]>::to_vec)
}

fn key(message: &v4::Message<'_>) -> Option<ClientKey> {
    match message.option(code::CLIENT_ID) {
        Some(id) => Some(ClientKey::Id(id.into_owned())),
        None => Some(ClientKey::Hardware(message.htype, message.hardware().to_vec())),
    }
}

/// A link-local address that nobody has.
pub(crate) fn stranger(number: u64) -> Ipv6Addr {
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| u16::try_from(number >> shift & 0xffff).unwrap());
    Ipv6Addr::new(0xfe80, 0, 0, 0, 0x6600 | a, b, c, d)
}
