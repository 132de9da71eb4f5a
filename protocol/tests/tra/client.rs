//! A DHCPv4 client that does what RFC 2131 says, and no more than is needed here. It knows nothing of IPv6.

use crate::chance::Chance;
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::transit::{self, Transit};
use dhcp4o6_protocol::wire::v4::{BOOTREQUEST, COOKIE, MessageType, code};
use std::net::Ipv4Addr;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Selecting,
    /// So often asked.
    Requesting(Ipv4Addr, Ipv4Addr, u32),
    Bound,
    Rebinding,
}

/// How its messages look.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Shape {
    Padded,
    Unpadded,
    /// Options stand in `file` too.
    Overloaded,
    /// No End, and garbage behind it.
    Sloppy,
    /// Many options, and it says that it takes many.
    Large,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) agent: usize,
    hardware: Vec<u8>,
    id: Option<Vec<u8>>,
    shape: Shape,
    pub(crate) state: State,
    xid: Xid4,
    /// Address, server, and end of the lease.
    pub(crate) lease: Option<(Ipv4Addr, Ipv4Addr, Instant)>,
    pub(crate) next_at: Instant,
}

impl Client {
    pub(crate) fn new(number: u8, agent: usize, chance: &mut Chance) -> Self {
        let nameless = chance.happens(0.2);
        let hardware = if nameless { vec![] } else { vec![2, 0, 0x5e, 0x10, 0, number] };
        let id = (nameless || chance.happens(0.5)).then(|| vec![255, 0, 0, 0, number, 0, 3, 0, 1, number]);
        let shapes = [Shape::Padded, Shape::Unpadded, Shape::Overloaded, Shape::Sloppy, Shape::Large];
        let shape = chance.one_of(&shapes);
        let next_at = Instant::from_secs(1000) + chance.within(Duration::ZERO, Duration::from_secs(10));
        Self { agent, hardware, id, shape, state: State::Selecting, xid: Xid4(0), lease: None, next_at }
    }

    pub(crate) fn is_bound(&self, now: Instant) -> bool {
        self.state == State::Bound && self.lease.is_some_and(|(_, _, until)| until > now)
    }

    /// Its time has come: what it sends.
    pub(crate) fn wake(&mut self, now: Instant, chance: &mut Chance) -> Option<Vec<u8>> {
        if let Some((address, server, until)) = self.lease
            && until > now
        {
            if self.state == State::Bound && chance.happens(0.1) {
                self.lease = None;
                self.restart(now, chance);
                let named = [(54, server.octets().to_vec())];
                return Some(self.message(MessageType::RELEASE, address, &named, chance));
            }
            if self.state == State::Bound {
                self.state = State::Rebinding;
                self.draw(chance);
            }
            let pause = chance.within(Duration::from_secs(5), Duration::from_secs(20));
            self.next_at = (now + pause).min(until);
            return Some(self.message(MessageType::REQUEST, address, &[], chance));
        }
        if self.lease.take().is_some() {
            self.restart(now, chance);
        }
        self.next_at = now + chance.within(Duration::from_secs(3), Duration::from_secs(8));
        match self.state {
            State::Requesting(address, server, asked) if asked < 3 => {
                self.state = State::Requesting(address, server, asked + 1);
                Some(self.request(address, server, chance))
            }
            _ => {
                self.state = State::Selecting;
                self.draw(chance);
                Some(self.message(MessageType::DISCOVER, Ipv4Addr::UNSPECIFIED, &[], chance))
            }
        }
    }

    /// An answer arrived: what it says to that.
    pub(crate) fn receive(&mut self, now: Instant, octets: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        let message = Transit::parse(octets).ok()?;
        if message.xid() != self.xid || message.hardware() != self.hardware {
            return None;
        }
        let server = message.address(code::SERVER_ID)?;
        match (self.state, message.kind()?) {
            (State::Selecting, MessageType::OFFER) => {
                self.state = State::Requesting(message.yiaddr(), server, 0);
                self.next_at = now + Duration::from_secs(4);
                Some(self.request(message.yiaddr(), server, chance))
            }
            (State::Requesting(address, named, _), MessageType::ACK)
                if (address, named) == (message.yiaddr(), server) =>
            {
                self.bind(now, &message, server);
                None
            }
            (State::Rebinding, MessageType::ACK)
                if self.lease.is_some_and(|(address, ..)| address == message.yiaddr()) =>
            {
                self.bind(now, &message, server);
                None
            }
            (State::Requesting(..) | State::Rebinding, MessageType::NAK) => {
                self.lease = None;
                self.restart(now, chance);
                None
            }
            _ => None,
        }
    }

    fn bind(&mut self, now: Instant, message: &Transit<'_>, server: Ipv4Addr) {
        let Some(lease) = message.address(code::LEASE_TIME).map(u32::from) else { return };
        let lease = Duration::from_secs(lease.into());
        self.lease = Some((message.yiaddr(), server, now + lease));
        self.state = State::Bound;
        self.next_at = now + lease / 2;
    }

    fn restart(&mut self, now: Instant, chance: &mut Chance) {
        self.state = State::Selecting;
        self.next_at = now + chance.within(Duration::from_secs(1), Duration::from_secs(4));
    }

    fn draw(&mut self, chance: &mut Chance) {
        self.xid = Xid4(u32::from_be_bytes(std::array::from_fn(|_| chance.octet())));
    }

    fn request(&self, address: Ipv4Addr, server: Ipv4Addr, chance: &mut Chance) -> Vec<u8> {
        let options = [(50, address.octets().to_vec()), (54, server.octets().to_vec())];
        self.message(MessageType::REQUEST, Ipv4Addr::UNSPECIFIED, &options, chance)
    }

    fn message(
        &self,
        kind: MessageType,
        ciaddr: Ipv4Addr,
        options: &[(u8, Vec<u8>)],
        chance: &mut Chance,
    ) -> Vec<u8> {
        let hlen = u8::try_from(self.hardware.len()).unwrap();
        let mut octets = vec![BOOTREQUEST, 1, hlen, 0];
        octets.extend(self.xid.0.to_be_bytes());
        octets.resize(12, 0);
        octets.extend(ciaddr.octets());
        octets.resize(28, 0);
        octets.extend(&self.hardware);
        octets.resize(236, 0);
        octets.extend(COOKIE);
        transit::append(&mut octets, 53, &[kind.0]);
        self.id.iter().for_each(|id| transit::append(&mut octets, 61, id));
        options.iter().for_each(|(code, value)| transit::append(&mut octets, *code, value));
        match self.shape {
            Shape::Padded => transit::close(&mut octets),
            Shape::Unpadded => octets.push(code::END),
            Shape::Overloaded => {
                let file = [12, 4, b'h', b'o', b's', b't', 55, 3, 1, 3, 6, 255];
                octets[108..120].copy_from_slice(&file);
                transit::append(&mut octets, 52, &[1]);
                transit::close(&mut octets);
            }
            Shape::Sloppy => {
                octets.extend([0, 0]);
                if chance.happens(0.5) {
                    octets.push(code::END);
                    octets.extend((0..20).map(|_| chance.octet()));
                }
            }
            Shape::Large => {
                transit::append(&mut octets, 57, &1472_u16.to_be_bytes());
                transit::append(&mut octets, 60, &vec![b'v'; 200 + chance.below(400)]);
                octets.push(code::END);
            }
        }
        octets
    }
}
