//! IPv4 address conflict detection (RFC 5227): probe an address before use, announce it, defend it.
//!
//! ```text
//!           0..1 s      3 probes, 1..2 s apart      2 s       2 announcements, 2 s apart
//!  Probing --------> . -------------------------> . ----> InUse ------------------------> .
//! ```

use crate::ids::HardwareAddress;
use crate::params;
use crate::rng::Rng;
use crate::time::Instant;
use crate::wire::{Reader, Writer};
use std::net::Ipv4Addr;
use std::time::Duration;

/// Protocol type of IPv4, the EtherType.
const IPV4: u16 = 0x0800;
/// Octets of an IPv4 address.
const IPV4_LEN: u8 = 4;
/// `op` of a request; announcements and probes are requests (RFC 5227 §3).
const REQUEST: u16 = 1;
/// `op` of a reply.
const REPLY: u16 = 2;

/// What the detection wants done, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Broadcast this ARP packet.
    Send(Vec<u8>),
    /// Nobody has the address: use it now. Comes once.
    Free,
    /// Somebody has it, or is about to take it: do not use it. The last action.
    Conflict,
    /// Somebody took it while it was in use and does not let go: stop using it. The last action.
    Lost,
}

/// An ARP packet for IPv4 (RFC 826), without link-layer header.
///
/// ```text
/// 0 hardware type (2) | 2 protocol type 0800 | 4 hlen | 5 plen 04 | 6 op (2)
/// 8 sender hardware (hlen) | sender IPv4 (4) | target hardware (hlen) | target IPv4 (4)
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// 1 request, 2 reply.
    pub op: u16,
    /// Who says it.
    pub sender_hardware: HardwareAddress,
    /// Zero in a probe.
    pub sender: Ipv4Addr,
    /// What it is about.
    pub target: Ipv4Addr,
}

impl Packet {
    /// Asks whether anybody has `address`, without claiming it.
    pub fn probe(address: Ipv4Addr, hardware: HardwareAddress) -> Self {
        Self { op: REQUEST, sender_hardware: hardware, sender: Ipv4Addr::UNSPECIFIED, target: address }
    }

    /// Says that `address` is at `hardware`.
    pub fn announcement(address: Ipv4Addr, hardware: HardwareAddress) -> Self {
        Self { op: REQUEST, sender_hardware: hardware, sender: address, target: address }
    }

    /// Reads a request or reply for IPv4. What follows it is padding. `None` if it is anything else.
    pub fn parse(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let kind = reader.u16()?;
        let protocol = reader.u16()?;
        let hlen = usize::from(reader.u8()?);
        let plen = reader.u8()?;
        let op = reader.u16()?;
        let sender_hardware = HardwareAddress { kind, octets: reader.take(hlen)?.to_vec() };
        let sender = reader.ipv4()?;
        reader.take(hlen)?;
        let target = reader.ipv4()?;
        let usable = protocol == IPV4 && plen == IPV4_LEN && matches!(op, REQUEST | REPLY);
        usable.then_some(Self { op, sender_hardware, sender, target })
    }

    /// The octets; 28 on Ethernet. The target's hardware address is zero.
    pub fn emit(&self) -> Vec<u8> {
        let HardwareAddress { kind, octets } = &self.sender_hardware;
        let hlen = u8::try_from(octets.len()).unwrap_or(u8::MAX);
        let octets = octets.get(..usize::from(hlen)).unwrap_or(octets);
        let mut w = Writer::new();
        w.u16(*kind).u16(IPV4).u8(hlen).u8(IPV4_LEN).u16(self.op);
        w.bytes(octets).ipv4(self.sender).bytes(&vec![0; octets.len()]).ipv4(self.target);
        // 8 + 2 × 255 + 8 octets at most: never too long.
        w.finish().unwrap_or_default()
    }

    /// Somebody else than `hardware` uses `address`.
    fn claims(&self, address: Ipv4Addr, hardware: &HardwareAddress) -> bool {
        self.sender == address && self.sender_hardware != *hardware
    }

    /// Somebody else than `hardware` is about to use `address`.
    fn probes(&self, address: Ipv4Addr, hardware: &HardwareAddress) -> bool {
        self.op == REQUEST
            && self.sender.is_unspecified()
            && self.target == address
            && self.sender_hardware != *hardware
    }
}

/// One address on one link.
#[derive(Debug)]
pub struct Acd {
    address: Ipv4Addr,
    hardware: HardwareAddress,
    state: State,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The address may not be used yet (RFC 5227 §2.1.1).
    Probing {
        /// Probes sent.
        sent: u32,
        next_at: Instant,
    },
    /// It is in use (§2.3, §2.4).
    InUse {
        /// Announcements still to send.
        left: u32,
        next_at: Instant,
        /// The last time that somebody else claimed it.
        disputed_at: Option<Instant>,
    },
    /// Somebody else has it.
    Over,
}

impl Acd {
    /// Begins to probe for `address` from `hardware`, the address of the link it is to be used on.
    pub fn new(address: Ipv4Addr, hardware: HardwareAddress, now: Instant, rng: &mut Rng) -> Self {
        let wait = rng.up_to(params::PROBE_WAIT).max(Duration::from_micros(1));
        Self { address, hardware, state: State::Probing { sent: 0, next_at: now + wait } }
    }

    /// An ARP packet arrived on the link. Anything that is not about the address changes nothing.
    pub fn receive(&mut self, now: Instant, octets: &[u8], out: &mut Vec<Action>) {
        let Some(packet) = Packet::parse(octets) else { return };
        let claimed = packet.claims(self.address, &self.hardware);
        match self.state {
            State::Probing { .. } => {
                if claimed || packet.probes(self.address, &self.hardware) {
                    self.state = State::Over;
                    out.push(Action::Conflict);
                }
            }
            State::InUse { left, next_at, disputed_at } => {
                if !claimed {
                    return;
                }
                if disputed_at.is_some_and(|at| now.since(at) < params::DEFEND_INTERVAL) {
                    self.state = State::Over;
                    out.push(Action::Lost);
                } else {
                    self.state = State::InUse { left, next_at, disputed_at: Some(now) };
                    out.push(self.announcement());
                }
            }
            State::Over => {}
        }
    }

    /// [`Acd::deadline`] was reached. Too early or twice changes nothing.
    pub fn on_deadline(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return;
        }
        self.state = match self.state {
            State::Probing { sent, .. } if sent < params::PROBE_NUM => {
                out.push(Action::Send(Packet::probe(self.address, self.hardware.clone()).emit()));
                let sent = sent.saturating_add(1);
                let pause = if sent < params::PROBE_NUM {
                    params::PROBE_MIN + rng.up_to(params::PROBE_MAX - params::PROBE_MIN)
                } else {
                    params::ANNOUNCE_WAIT
                };
                State::Probing { sent, next_at: now + pause }
            }
            State::Probing { .. } => {
                out.push(Action::Free);
                self.announce(now, params::ANNOUNCE_NUM, None, out)
            }
            State::InUse { left, disputed_at, .. } => self.announce(now, left, disputed_at, out),
            State::Over => State::Over,
        };
    }

    /// When to call [`Acd::on_deadline`]; `None` when only packets matter.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Probing { next_at, .. } => Some(next_at),
            State::InUse { left, next_at, .. } => (left > 0).then_some(next_at),
            State::Over => None,
        }
    }

    fn announce(
        &self,
        now: Instant,
        left: u32,
        disputed_at: Option<Instant>,
        out: &mut Vec<Action>,
    ) -> State {
        out.push(self.announcement());
        let next_at = now + params::ANNOUNCE_INTERVAL;
        State::InUse { left: left.saturating_sub(1), next_at, disputed_at }
    }

    fn announcement(&self) -> Action {
        Action::Send(Packet::announcement(self.address, self.hardware.clone()).emit())
    }
}
