//! A plain DHCPv4 client behind a client relay agent: it knows nothing of IPv6, and renews from the address it leases.

use super::Parcel;
use crate::desk::{Message, SERVER_ID, SERVER4, TRA, address, discover, mapped, selecting};
use crate::model::chance::Chance;
use crate::model::secs;
use crate::world::topology::SERVER;
use dhcp4o6_protocol::provider::Port;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::agent;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

/// By which way messages of the clients behind an agent come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Route {
    /// From the agent.
    Direct,
    /// Through a TRA.
    Tra,
}

#[derive(Clone, Copy, Debug)]
struct Lease {
    address: Ipv4Addr,
    renew_at: Instant,
    rebind_at: Instant,
    ends_at: Instant,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Not before `next_at`.
    Resting,
    Selecting,
    Requesting(Ipv4Addr),
    Bound(Lease),
    Extending(Lease),
}

pub(crate) struct Plain {
    number: u32,
    route: Route,
    /// Its agent's address.
    pub(crate) agent: Ipv6Addr,
    state: State,
    xid: u32,
    /// When the exchange began: a lease counts from there.
    began_at: Instant,
    tries: u32,
    next_at: Instant,
}

impl Plain {
    pub(crate) fn new(now: Instant, number: u32, agent: Ipv6Addr, route: Route) -> Self {
        let state = State::Resting;
        Self { number, route, agent, state, xid: 0, began_at: now, tries: 0, next_at: now }
    }

    pub(crate) fn next_at(&self) -> Instant {
        match self.state {
            State::Bound(lease) | State::Extending(lease) => self.next_at.min(lease.ends_at),
            _ => self.next_at,
        }
    }

    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        match self.state {
            State::Bound(lease) | State::Extending(lease) => Some(lease.address),
            _ => None,
        }
    }

    pub(crate) fn is_reached_through_tra(&self) -> bool {
        self.route == Route::Tra
    }

    fn begin(&mut self, now: Instant, state: State, chance: &mut Chance) {
        self.state = state;
        self.xid = u32::from_be_bytes(std::array::from_fn(|_| chance.octet()));
        (self.began_at, self.tries, self.next_at) = (now, 0, now);
    }

    /// Its time has come. What it sends.
    pub(crate) fn act(&mut self, now: Instant, chance: &mut Chance) -> Option<Parcel> {
        if let State::Bound(lease) | State::Extending(lease) = self.state
            && lease.ends_at <= now
        {
            self.begin(now, State::Selecting, chance);
        }
        match self.state {
            State::Resting => self.begin(now, State::Selecting, chance),
            State::Requesting(_) if self.tries >= 4 => self.begin(now, State::Selecting, chance),
            State::Bound(lease) => self.begin(now, State::Extending(lease), chance),
            _ => {}
        }
        self.tries += 1;
        let pause = secs(4 << self.tries.min(4)) + chance.within(Duration::ZERO, secs(1));
        self.next_at = now + pause;
        match self.state {
            State::Selecting => Some(self.by_agent(discover())),
            State::Requesting(address) => Some(self.by_agent(selecting(address))),
            State::Extending(lease) => {
                let message = Message::of(MessageType::REQUEST).at(lease.address);
                // Not every one has a way by IPv4.
                let direct = now < lease.rebind_at && chance.happens(0.7);
                Some(if direct { self.by_ipv4(message, lease.address) } else { self.by_agent(message) })
            }
            State::Resting | State::Bound(_) => None,
        }
    }

    /// Gives its address up, if it has one, and comes back later.
    pub(crate) fn release(&mut self, now: Instant, chance: &mut Chance) -> Option<Parcel> {
        let address = self.address()?;
        self.begin(now, State::Resting, chance);
        // Not before all copies have arrived.
        self.next_at = now + secs(25);
        let message = Message::of(MessageType::RELEASE).at(address).with(code::SERVER_ID, &SERVER_ID);
        Some(if chance.happens(0.5) { self.by_ipv4(message, address) } else { self.by_agent(message) })
    }

    /// Its agent gets another address: what runs goes on from there, and a lease is extended at once.
    pub(crate) fn renumber(&mut self, now: Instant, agent: Ipv6Addr, chance: &mut Chance) -> Option<Parcel> {
        self.agent = agent;
        let (State::Bound(lease) | State::Extending(lease)) = self.state else { return None };
        self.begin(now, State::Extending(lease), chance);
        self.tries = 1;
        self.next_at = now + secs(8);
        Some(self.by_agent(Message::of(MessageType::REQUEST).at(lease.address)))
    }

    /// A server's message reaches it.
    pub(crate) fn hear(&mut self, now: Instant, payload: &[u8], chance: &mut Chance) {
        let message = v4::Message::parse(payload).unwrap();
        let own = discover().by(self.number).client_id;
        if message.xid.0 != self.xid || message.option(code::CLIENT_ID).map(|id| id.into_owned()) != own {
            return;
        }
        match (self.state, message.kind()) {
            (State::Selecting, Some(MessageType::OFFER)) => {
                self.begin(now, State::Requesting(message.yiaddr), chance);
            }
            (State::Requesting(_) | State::Extending(_), Some(MessageType::ACK)) => {
                let lease = message.seconds(code::LEASE_TIME).unwrap();
                let part =
                    |percent: u64| self.began_at + Duration::from_secs(u64::from(lease) * percent / 100);
                let lease = Lease {
                    address: message.yiaddr,
                    renew_at: part(50).max(now),
                    rebind_at: part(87),
                    ends_at: part(100),
                };
                (self.state, self.next_at) = (State::Bound(lease), lease.renew_at);
            }
            (State::Requesting(_) | State::Extending(_), Some(MessageType::NAK)) => {
                self.begin(now, State::Selecting, chance);
                self.next_at = now + secs(1);
            }
            _ => {}
        }
    }

    fn emit(&self, message: Message) -> Message {
        Message { xid: self.xid, ..message.by(self.number) }
    }

    fn by_agent(&self, message: Message) -> Parcel {
        let message = self.emit(message);
        match self.route {
            Route::Direct => {
                let mut payload = message.emit();
                payload[3] = 1;
                at_67(Port::Transport6, self.agent, 67, address(SERVER), payload)
            }
            Route::Tra => through_tra(message, self.agent),
        }
    }

    fn by_ipv4(&self, message: Message, from: Ipv4Addr) -> Parcel {
        at_67(Port::Server4, mapped(from), 68, mapped(SERVER_ID), self.emit(message).emit())
    }
}

/// A message of a client behind this agent as the TRA sends it on.
pub(crate) fn through_tra(message: Message, agent: Ipv6Addr) -> Parcel {
    let value = agent::emit(&[(agent::code::CRA6ADDR, &agent.octets())]).unwrap();
    let mut payload = message.with(code::RELAY_AGENT, &value).emit();
    payload[3] = 2;
    payload[24..28].copy_from_slice(&TRA);
    at_67(Port::Server4, mapped(TRA), 67, mapped(SERVER4), payload)
}

/// A datagram that reaches the server at port 67.
pub(crate) fn at_67(via: Port, from: Ipv6Addr, port: u16, to: Ipv6Addr, payload: Vec<u8>) -> Parcel {
    Parcel { interface: 2, via, from: SocketAddrV6::new(from, port, 0, 0), to, payload }
}
