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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);

    fn ours() -> HardwareAddress {
        HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 1])
    }

    fn theirs() -> HardwareAddress {
        HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 2])
    }

    fn at(secs: f64) -> Instant {
        Instant::BOOT + Duration::from_secs_f64(secs)
    }

    fn begun(fraction: f64) -> (Acd, Rng) {
        let mut rng = Rng::scripted(fraction);
        (Acd::new(ADDRESS, ours(), at(10.0), &mut rng), rng)
    }

    fn received(acd: &mut Acd, secs: f64, packet: &Packet) -> Vec<Action> {
        let mut out = Vec::new();
        acd.receive(at(secs), &packet.emit(), &mut out);
        out
    }

    /// Runs to the end of all deadlines; what was done, and when.
    fn run(acd: &mut Acd, rng: &mut Rng) -> Vec<(Instant, Action)> {
        let mut done = Vec::new();
        while let Some(now) = acd.deadline() {
            let mut out = Vec::new();
            acd.on_deadline(now, rng, &mut out);
            assert!(acd.deadline().is_none_or(|next| next > now));
            done.extend(out.into_iter().map(|action| (now, action)));
        }
        done
    }

    /// In use since some time before 20 s.
    fn in_use() -> Acd {
        let (mut acd, mut rng) = begun(0.0);
        run(&mut acd, &mut rng);
        acd
    }

    fn probe() -> Action {
        Action::Send(Packet::probe(ADDRESS, ours()).emit())
    }

    fn announcement() -> Action {
        Action::Send(Packet::announcement(ADDRESS, ours()).emit())
    }

    #[test]
    fn probes_and_announcements_are_exact_octet_by_octet_inst_14() {
        let octets = |text: &str| hex_decode(&text.replace(' ', "")).unwrap();
        assert_eq!(
            Packet::probe(ADDRESS, ours()).emit(),
            octets("0001 0800 06 04 0001 02005e100001 00000000 000000000000 c0000212")
        );
        assert_eq!(
            Packet::announcement(ADDRESS, ours()).emit(),
            octets("0001 0800 06 04 0001 02005e100001 c0000212 000000000000 c0000212")
        );
    }

    #[test]
    fn packets_read_back_padded_or_not_and_never_when_cut() {
        let packet = Packet { op: REPLY, ..Packet::announcement(ADDRESS, theirs()) };
        let octets = packet.emit();
        for end in 0..octets.len() {
            assert_eq!(Packet::parse(&octets[..end]), None, "{end}");
        }
        let padded = [octets.as_slice(), &[0; 18]].concat();
        assert_eq!(Packet::parse(&padded), Some(packet));
        for (index, value) in [(2, 0x86), (3, 1), (4, 16), (5, 16), (6, 1), (7, 0), (7, 3), (7, 8)] {
            let mut other = octets.clone();
            other[index] = value;
            assert_eq!(Packet::parse(&other), None, "octet {index} is {value}");
        }
    }

    #[test]
    fn three_probes_two_seconds_two_announcements_inst_14() {
        let expected = |times: [f64; 6]| {
            let actions = [probe(), probe(), probe(), Action::Free, announcement(), announcement()];
            times.map(at).into_iter().zip(actions).collect::<Vec<_>>()
        };
        let (mut acd, mut rng) = begun(0.5);
        assert_eq!(run(&mut acd, &mut rng), expected([10.5, 12.0, 13.5, 15.5, 15.5, 17.5]));
        let (mut acd, mut rng) = begun(1.0);
        assert_eq!(run(&mut acd, &mut rng), expected([11.0, 13.0, 15.0, 17.0, 17.0, 19.0]));
        let (mut acd, mut rng) = begun(0.0);
        assert_eq!(
            run(&mut acd, &mut rng).last(),
            Some(&(at(16.000_001), announcement())),
            "the first probe is later than the beginning"
        );
    }

    #[test]
    fn a_deadline_too_early_or_twice_changes_nothing() {
        let (mut acd, mut rng) = begun(0.5);
        let mut out = Vec::new();
        acd.on_deadline(at(10.4), &mut rng, &mut out);
        assert_eq!((out.len(), acd.deadline()), (0, Some(at(10.5))));
        acd.on_deadline(at(10.5), &mut rng, &mut out);
        acd.on_deadline(at(10.5), &mut rng, &mut out);
        assert_eq!((out, acd.deadline()), (vec![probe()], Some(at(12.0))));
    }

    #[test]
    fn whoever_has_or_probes_for_the_address_stops_the_probing_v4_24() {
        let reply = Packet { op: REPLY, ..Packet::announcement(ADDRESS, theirs()) };
        let asks = Packet { target: Ipv4Addr::new(192, 0, 2, 1), ..Packet::announcement(ADDRESS, theirs()) };
        for packet in [reply, asks, Packet::announcement(ADDRESS, theirs()), Packet::probe(ADDRESS, theirs())]
        {
            let (mut acd, mut rng) = begun(0.5);
            assert_eq!(received(&mut acd, 10.1, &packet), [Action::Conflict]);
            assert_eq!(received(&mut acd, 10.2, &packet), [], "once");
            assert_eq!(run(&mut acd, &mut rng), []);
        }
    }

    #[test]
    fn our_own_packets_and_those_about_other_addresses_are_no_conflict() {
        let other = Ipv4Addr::new(192, 0, 2, 19);
        let asks_for_it = Packet { target: ADDRESS, ..Packet::announcement(other, theirs()) };
        let answers_probe = Packet { op: REPLY, ..Packet::probe(ADDRESS, theirs()) };
        for packet in [
            Packet::probe(ADDRESS, ours()),
            Packet::announcement(ADDRESS, ours()),
            Packet::probe(other, theirs()),
            Packet::announcement(other, theirs()),
            asks_for_it,
            answers_probe,
        ] {
            let (mut acd, mut rng) = begun(0.5);
            assert_eq!(received(&mut acd, 10.1, &packet), [], "{packet:?}");
            assert_eq!(run(&mut acd, &mut rng).len(), 6);
        }
    }

    #[test]
    fn an_address_in_use_is_defended_once_in_ten_seconds_then_lost_inst_14() {
        let claim = Packet::announcement(ADDRESS, theirs());
        let mut acd = in_use();
        assert_eq!(received(&mut acd, 20.0, &Packet::probe(ADDRESS, theirs())), [], "the kernel answers");
        assert_eq!(received(&mut acd, 20.0, &claim), [announcement()]);
        assert_eq!(received(&mut acd, 30.0, &claim), [announcement()], "ten seconds later");
        assert_eq!(received(&mut acd, 39.9, &claim), [Action::Lost]);
        assert_eq!(received(&mut acd, 60.0, &claim), [], "once");
        assert_eq!(acd.deadline(), None);
    }

    #[test]
    fn a_claim_between_announcements_does_not_hold_them_up() {
        let (mut acd, mut rng) = begun(0.5);
        let mut out = Vec::new();
        while !out.contains(&Action::Free) {
            acd.on_deadline(acd.deadline().unwrap(), &mut rng, &mut out);
        }
        assert_eq!(received(&mut acd, 16.0, &Packet::announcement(ADDRESS, theirs())), [announcement()]);
        assert_eq!(run(&mut acd, &mut rng), [(at(17.5), announcement())]);
        assert_eq!(received(&mut acd, 18.0, &Packet::announcement(ADDRESS, theirs())), [Action::Lost]);
    }
}
