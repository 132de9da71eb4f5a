//! The clients on the device, and the leases that were seen to pass.

use crate::client4::config::same_configuration;
use crate::client4::observed;
use crate::lease::{Lease4, LeaseEvent, LeaseEventKind};
use crate::params::ANSWER_WAIT;
use crate::role::delivery::is_host;
use crate::role::rates::digest;
use crate::time::{Instant, earliest};
use crate::wire::transit::Transit;
use crate::wire::v4::{Message, MessageType, code};
use crate::wire::v4_option::{self, Route};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most clients that are told apart: as many as a link can have endpoints.
const MAX_CLIENTS: usize = 16;

/// Who a client is (RFC 2131 §4.2): a short name of its identifier, else of its hardware address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key(u64);

pub(super) fn key(message: &Transit<'_>) -> Key {
    Key(match message.option(code::CLIENT_ID) {
        Some(id) => digest(&[&id]),
        None => digest(&[&[message.htype()], message.hardware()]),
    })
}

#[derive(Debug)]
struct Client {
    key: Key,
    heard_at: Instant,
    held: Option<Held>,
}

#[derive(Debug)]
struct Held {
    lease: Lease4,
    /// The router that stands before the server, by the routes of the lease.
    router: Option<Ipv4Addr>,
}

/// What an answer means for a lease.
pub(super) enum Outcome<'a> {
    /// An ACK; `kind` is what it is to a client that has the same lease.
    Leased { octets: &'a [u8], source: Option<Ipv6Addr>, kind: LeaseEventKind },
    /// A NAK.
    Refused,
}

/// Those that were heard of late or hold a lease. When there are more than [`MAX_CLIENTS`], those that come later are
/// served all the same, but nothing is known of their leases.
#[derive(Debug, Default)]
pub(super) struct Clients(Vec<Client>);

impl Clients {
    pub(super) fn leases(&self) -> impl Iterator<Item = &Lease4> {
        self.held().map(|held| &held.lease)
    }

    fn held(&self) -> impl Iterator<Item = &Held> {
        self.0.iter().filter_map(|client| client.held.as_ref())
    }

    /// When the next lease ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.leases().fold(None, |soonest, lease| earliest(soonest, lease.expires_at))
    }

    /// More than one client is there.
    pub(super) fn are_several(&self) -> bool {
        self.0.len() > 1
    }

    /// Leases that are over.
    pub(super) fn expire(&mut self, now: Instant) -> impl Iterator<Item = LeaseEvent> {
        let over = move |client: &mut Client| {
            let held = client.held.take_if(|held| !held.lease.is_valid(now))?;
            Some(event(LeaseEventKind::Expired, held.lease))
        };
        self.0.iter_mut().filter_map(over)
    }

    /// A client said this, and it was relayed: the lease that it gave up by it.
    pub(super) fn hear(&mut self, now: Instant, key: Key, message: &Transit<'_>) -> Option<LeaseEvent> {
        self.0.retain(|client| {
            client.held.is_some() || client.key == key || now.since(client.heard_at) <= ANSWER_WAIT
        });
        let Some(client) = self.0.iter_mut().find(|client| client.key == key) else {
            if self.0.len() < MAX_CLIENTS {
                self.0.push(Client { key, heard_at: now, held: None });
            }
            return None;
        };
        client.heard_at = now;
        let (kind, address) = match message.kind()? {
            MessageType::RELEASE => (LeaseEventKind::Released, message.ciaddr()),
            MessageType::DECLINE => (LeaseEventKind::Declined, message.address(code::REQUESTED_ADDRESS)?),
            _ => return None,
        };
        let held = client.held.take_if(|held| held.lease.address == address)?;
        Some(event(kind, held.lease))
    }

    /// A client was answered what it asked at `asked_at`: what that did to its lease.
    pub(super) fn take(&mut self, key: Key, asked_at: Instant, outcome: Outcome<'_>) -> Option<LeaseEvent> {
        let client = self.0.iter_mut().find(|client| client.key == key)?;
        // Of several answers to one message a client takes the first.
        if client.held.as_ref().is_some_and(|held| held.lease.requested_at >= asked_at) {
            return None;
        }
        match outcome {
            Outcome::Refused => client.held.take().map(|held| event(LeaseEventKind::Nak, held.lease)),
            Outcome::Leased { octets, source, kind } => {
                let message = Message::parse(octets).ok()?;
                let lease = observed(&message, asked_at, source).ok()?;
                let router = router_before(lease.server_id, &lease);
                let before =
                    client.held.replace(Held { lease: lease.clone(), router }).map(|held| held.lease);
                let kind = match before {
                    Some(before) if before.address != lease.address => LeaseEventKind::Acquired,
                    Some(before) if !same_configuration(&before, &lease) => LeaseEventKind::Changed,
                    Some(_) => kind,
                    None => LeaseEventKind::Acquired,
                };
                Some(event(kind, lease))
            }
        }
    }

    /// The client with this address got it from this server.
    pub(super) fn is_leased_by(&self, address: Ipv4Addr, server: Ipv4Addr) -> bool {
        self.leases().any(|lease| lease.address == address && lease.server_id == server)
    }

    /// The client with this address needs a neighbour with that one to talk to its server.
    pub(super) fn needs(&self, address: Ipv4Addr, neighbour: Ipv4Addr) -> bool {
        let needs = |held: &Held| held.lease.server_id == neighbour || held.router == Some(neighbour);
        self.held().any(|held| held.lease.address == address && needs(held))
    }
}

fn event(kind: LeaseEventKind, lease: Lease4) -> LeaseEvent {
    LeaseEvent { kind, lease: Box::new(lease) }
}

/// The router that a client with this lease sends to when it sends to `server`: `None` when that is on its own link, or
/// no route leads there.
fn router_before(server: Ipv4Addr, lease: &Lease4) -> Option<Ipv4Addr> {
    let mask = lease.option(code::SUBNET_MASK).and_then(v4_option::prefix_len).unwrap_or(32);
    if leads_to(server, lease.address, mask) {
        return None;
    }
    let routes = lease.option(code::CLASSLESS_ROUTES).and_then(v4_option::classless_routes);
    let routes = routes.unwrap_or_else(|| {
        let mut routes =
            lease.option(code::STATIC_ROUTES).and_then(v4_option::static_routes).unwrap_or_default();
        let routers = lease.option(code::ROUTER).and_then(v4_option::addresses);
        let default = |router| Route { destination: Ipv4Addr::UNSPECIFIED, prefix_len: 0, router };
        routes.extend(routers.and_then(|routers| routers.first().copied()).map(default));
        routes
    });
    let usable = routes.iter().filter(|route| leads_to(server, route.destination, route.prefix_len));
    usable.max_by_key(|route| route.prefix_len).map(|route| route.router).filter(is_host)
}

/// The first `prefix_len` bits of both are the same.
fn leads_to(address: Ipv4Addr, prefix: Ipv4Addr, prefix_len: u8) -> bool {
    (u32::from(address) ^ u32::from(prefix)).leading_zeros() >= u32::from(prefix_len)
}
