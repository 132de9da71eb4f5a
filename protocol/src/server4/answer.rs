//! What a client is told (RFC 2131 §4.3.1, table 3).

use super::settings::{LeaseTimes, OptionSet, Settings, Subnet};
use super::who::client_id;
use super::{Asked, shared};
use crate::binding::Slot4;
use crate::params::{MIN_HEADER4, MIN_MESSAGE4};
use crate::refused::Refused;
use crate::tally::{Done, Tally};
use crate::time::Lifetime;
use crate::wire::v4::{BOOTREPLY, BROADCAST, COOKIE, Message, MessageType, code, write_option};
use crate::wire::writer::Writer;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Options that the engine itself decides about. They are never taken from the configuration.
const OURS: &[u8] = &[
    code::PAD,
    code::REQUESTED_ADDRESS,
    code::LEASE_TIME,
    code::OVERLOAD,
    code::MESSAGE_TYPE,
    code::SERVER_ID,
    code::PARAMETER_REQUEST,
    code::MESSAGE,
    code::MAX_MESSAGE_SIZE,
    code::RENEWAL_TIME,
    code::REBINDING_TIME,
    code::CLIENT_ID,
    code::RAPID_COMMIT,
    code::RELAY_AGENT,
    code::S46_SOURCE,
    code::SUBNET_SELECTION,
    code::PORT_PARAMS,
    code::END,
];

/// Where the values of options come from: the client's reservation, its subnet, all subnets.
pub(super) struct Values<'a> {
    pub(super) reservation: Option<&'a OptionSet>,
    pub(super) subnet: Option<&'a Subnet>,
    pub(super) settings: &'a Settings,
}

impl Values<'_> {
    fn sets(&self) -> impl Iterator<Item = &OptionSet> {
        let subnet = self.subnet.map(|subnet| &subnet.options);
        self.reservation.into_iter().chain(subnet).chain([&self.settings.options])
    }

    fn of(&self, wanted: u8) -> Option<&[u8]> {
        self.sets().find_map(|set| {
            let at = set.binary_search_by_key(&wanted, |(code, _)| *code).ok()?;
            set.get(at).map(|(_, value)| value.as_slice())
        })
    }

    fn mask(&self) -> Option<Cow<'_, [u8]>> {
        let prefix = || {
            let length = u32::from(self.subnet?.prefix.length());
            Some(u32::MAX.checked_shl(32_u32.saturating_sub(length)).unwrap_or(0).to_be_bytes().to_vec())
        };
        self.of(code::SUBNET_MASK).map(Cow::Borrowed).or_else(|| prefix().map(Cow::Owned))
    }
}

/// What a lease says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Granted {
    pub(super) slot: Slot4,
    /// How long from now; `None` for BOOTP, which has no times.
    pub(super) lifetime: Option<Lifetime>,
    pub(super) softwire: Option<Ipv6Addr>,
}

/// An answer that brings configuration: OFFER, ACK, or that of BOOTP.
pub(super) struct Answer<'a> {
    pub(super) request: &'a Message<'a>,
    /// `None` for BOOTP.
    pub(super) kind: Option<MessageType>,
    /// `None` for INFORM.
    pub(super) granted: Option<Granted>,
    pub(super) ciaddr: Ipv4Addr,
    /// Option 80 belongs in it.
    pub(super) rapid: bool,
    /// Option 118 chose the subnet and is returned (RFC 3011).
    pub(super) subnet_selection: Option<Ipv4Addr>,
    /// Octets that it may have.
    pub(super) most: usize,
    pub(super) values: Values<'a>,
}

impl Answer<'_> {
    /// The octets. Options that the client asks for and that do not fit are left out and counted.
    pub(super) fn emit(&self, tally: &mut Tally) -> Result<Vec<u8>, Refused> {
        let request = self.request;
        let yiaddr = self.granted.map_or(Ipv4Addr::UNSPECIFIED, |granted| granted.slot.address);
        let mut body = Body::begin(request, request.flags, self.ciaddr, yiaddr, self.most);
        if let Some(kind) = self.kind {
            body.kind(kind, self.values.settings.server_id);
        }
        let lifetime = self.granted.and_then(|granted| granted.lifetime);
        if let Some(lifetime) = lifetime {
            body.must(code::LEASE_TIME, &lifetime.0.to_be_bytes());
        }
        if self.rapid {
            body.must(code::RAPID_COMMIT, &[]);
        }
        if let Some(granted) = self.granted {
            if let Some(value) = granted.slot.ports.and_then(shared::emit) {
                body.must(code::PORT_PARAMS, &value);
            }
            if let Some(softwire) = granted.softwire {
                body.must(code::S46_SOURCE, &softwire.octets());
            }
        }
        if let Some(subnet) = self.subnet_selection {
            body.must(code::SUBNET_SELECTION, &subnet.octets());
        }
        let last = Last::of(request, self.kind.is_some(), body.room());
        body.keep(last.room());
        let times = self.values.subnet.map(|subnet| subnet.times).unwrap_or_default();
        let mut dropped = lifetime.is_some_and(|lifetime| !body.times(lifetime, times));
        dropped |= body.wanted(&self.values, request);
        if dropped || last.dropped {
            tally.count(Done::OptionsDropped);
        }
        body.finish(last)
    }
}

/// A NAK: nothing but who says it, to whom, and why. A relay agent has to broadcast it, since the client may have an
/// address that does not reach it (RFC 2131 §4.3.2).
pub(super) fn nak(
    asked: &Asked<'_>,
    server_id: Ipv4Addr,
    why: &str,
    tally: &mut Tally,
) -> Result<Vec<u8>, Refused> {
    let request = asked.message;
    let broadcast = if asked.who.way.four.giaddr.is_some() { BROADCAST } else { 0 };
    let nowhere = Ipv4Addr::UNSPECIFIED;
    let mut body = Body::begin(request, request.flags | broadcast, nowhere, nowhere, asked.most);
    body.kind(MessageType::NAK, server_id);
    body.must(code::MESSAGE, why.as_bytes());
    let last = Last::of(request, true, body.room());
    if last.dropped {
        tally.count(Done::OptionsDropped);
    }
    body.finish(last)
}

/// T1 and T2 of a lease, with 0 < T1 < T2 < lease; `None` for leases without end or too short for both.
pub(super) fn renewal_times(lifetime: Lifetime, times: LeaseTimes) -> Option<(u32, u32)> {
    let lease = lifetime.0;
    if lifetime.is_infinite() || lease < 3 {
        return None;
    }
    let part = |percent: u8| u32::try_from(u64::from(lease) * u64::from(percent) / 100).unwrap_or(lease);
    let t2 = part(times.t2_percent).clamp(2, lease - 1);
    let t1 = part(times.t1_percent).clamp(1, t2 - 1);
    Some((t1, t2))
}

/// Options that end every answer: the client's identifier as it was sent (RFC 6842), and what the relay agent said
/// (RFC 3046 §2.2).
struct Last<'a> {
    id: Option<Cow<'a, [u8]>>,
    agent: Option<Cow<'a, [u8]>>,
    /// There was no room for what the relay agent said.
    dropped: bool,
}

impl<'a> Last<'a> {
    fn of(request: &Message<'a>, with_id: bool, room: usize) -> Self {
        let id = client_id(request).filter(|_| with_id);
        let mut agent = request.option(code::RELAY_AGENT).filter(|_| !request.giaddr.is_unspecified());
        let room = room.saturating_sub(id.as_deref().map_or(0, length));
        let dropped = agent.as_deref().is_some_and(|agent| length(agent) > room);
        if dropped {
            agent = None;
        }
        Self { id, agent, dropped }
    }

    fn room(&self) -> usize {
        self.id.as_deref().map_or(0, length).saturating_add(self.agent.as_deref().map_or(0, length))
    }
}

/// Octets of an option, in as many parts as its value needs.
fn length(value: &[u8]) -> usize {
    value.len().saturating_add(value.len().div_ceil(255).max(1).saturating_mul(2))
}

/// A message being written, and the room that is left.
struct Body {
    writer: Writer,
    room: usize,
}

impl Body {
    fn begin(request: &Message<'_>, flags: u16, ciaddr: Ipv4Addr, yiaddr: Ipv4Addr, most: usize) -> Self {
        let mut w = Writer::with_capacity(MIN_MESSAGE4 + 255);
        w.u8(BOOTREPLY).u8(request.htype).u8(request.hlen).u8(0);
        w.u32(request.xid.0).u16(0).u16(flags);
        w.ipv4(ciaddr).ipv4(yiaddr).ipv4(Ipv4Addr::UNSPECIFIED).ipv4(request.giaddr);
        w.bytes(&request.chaddr).bytes(&[0; 64 + 128]).bytes(&COOKIE);
        Self { writer: w, room: most.saturating_sub(MIN_HEADER4 + 1) }
    }

    fn room(&self) -> usize {
        self.room
    }

    /// Keeps room for what comes last.
    fn keep(&mut self, octets: usize) {
        self.room = self.room.saturating_sub(octets);
    }

    fn must(&mut self, code: u8, value: &[u8]) {
        self.room = self.room.saturating_sub(length(value));
        write_option(&mut self.writer, code, value);
    }

    /// False if there is no room for it.
    fn may(&mut self, code: u8, value: &[u8]) -> bool {
        let fits = length(value) <= self.room;
        if fits {
            self.must(code, value);
        }
        fits
    }

    fn kind(&mut self, kind: MessageType, server_id: Ipv4Addr) {
        self.must(code::MESSAGE_TYPE, &[kind.0]);
        self.must(code::SERVER_ID, &server_id.octets());
    }

    /// Both, or neither and false if there is no room for them: clients then take their own (RFC 2131 §4.4.5).
    fn times(&mut self, lifetime: Lifetime, times: LeaseTimes) -> bool {
        let Some((t1, t2)) = renewal_times(lifetime, times) else { return true };
        let fits = self.room >= 2 * length(&t1.to_be_bytes());
        if fits {
            self.must(code::RENEWAL_TIME, &t1.to_be_bytes());
            self.must(code::REBINDING_TIME, &t2.to_be_bytes());
        }
        fits
    }

    /// Writes the options that the client asks for in its order, or all if it does not say. The mask comes first,
    /// since it has to precede the routers (RFC 2132 §3.3). True if one was left out for want of room.
    fn wanted(&mut self, values: &Values<'_>, request: &Message<'_>) -> bool {
        let list = request.option(code::PARAMETER_REQUEST);
        let mut done = [false; 256];
        for code in OURS.iter().chain([&code::SUBNET_MASK]) {
            mark(&mut done, *code);
        }
        let mut dropped = false;
        if list.as_deref().is_none_or(|list| list.contains(&code::SUBNET_MASK))
            && let Some(mask) = values.mask()
        {
            dropped |= !self.may(code::SUBNET_MASK, &mask);
        }
        let Some(list) = list else {
            let mut codes: Vec<u8> = values.sets().flatten().map(|(code, _)| *code).collect();
            codes.sort_unstable();
            for code in codes {
                dropped |= self.one(code, values, &mut done);
            }
            return dropped;
        };
        // Routes of option 121 replace those of 3 and 33 (RFC 3442); if they have no room, the others still serve.
        let routes = values.of(code::CLASSLESS_ROUTES).filter(|_| list.contains(&code::CLASSLESS_ROUTES));
        let room_for_routes = routes.map(length).filter(|octets| *octets <= self.room);
        if let Some(octets) = room_for_routes {
            mark(&mut done, code::ROUTER);
            mark(&mut done, code::STATIC_ROUTES);
            self.room = self.room.saturating_sub(octets);
        }
        for code in list.iter().copied() {
            if code == code::CLASSLESS_ROUTES
                && let Some(octets) = room_for_routes
                && !done.get(usize::from(code)).copied().unwrap_or(true)
            {
                self.room = self.room.saturating_add(octets);
            }
            dropped |= self.one(code, values, &mut done);
        }
        dropped
    }

    /// Writes an option that was not written yet. True if there is no room for it.
    fn one(&mut self, code: u8, values: &Values<'_>, done: &mut [bool; 256]) -> bool {
        if !mark(done, code) {
            return false;
        }
        values.of(code).is_some_and(|value| !self.may(code, value))
    }

    fn finish(mut self, last: Last<'_>) -> Result<Vec<u8>, Refused> {
        if let Some(id) = &last.id {
            write_option(&mut self.writer, code::CLIENT_ID, id);
        }
        if let Some(agent) = &last.agent {
            write_option(&mut self.writer, code::RELAY_AGENT, agent);
        }
        self.writer.u8(code::END);
        let mut octets = self.writer.finish().map_err(|_| Refused::NoRoom)?;
        if octets.len() < MIN_MESSAGE4 {
            octets.resize(MIN_MESSAGE4, 0);
        }
        Ok(octets)
    }
}

/// False if it was marked before.
fn mark(done: &mut [bool; 256], code: u8) -> bool {
    done.get_mut(usize::from(code)).is_some_and(|done| !std::mem::replace(done, true))
}
