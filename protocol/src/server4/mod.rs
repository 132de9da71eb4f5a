//! The DHCPv4 server engine (RFC 2131 §4.3). It knows no transport: the roles `server` and `tsv` bring messages and
//! the way they came, and take answers back.
//!
//! A message is read in this order: who asks (`who`), which subnets serve it (`select`), which slot it gets
//! (`choose`), what that changes (`ledger`), what it is told (`answer`).

mod answer;
mod choose;
mod keyed;
mod ledger;
mod limits;
mod offers;
mod operator;
mod ordered;
mod pool;
mod request;
mod reserved;
pub(crate) mod select;
pub mod settings;
mod shared;
mod table;
#[cfg(test)]
mod tests;
mod used;
mod who;

use crate::binding::{Binding4, Holder, Record, Slot4, State, Transport};
use crate::params::MAX_MESSAGE_SIZE;
use crate::provider::Notice;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::tally::{Done, Tally};
use crate::time::{Instant, Lifetime};
use crate::view::PoolUse;
use crate::way::Way;
use crate::wire::agent::{self, AgentInformation};
use crate::wire::v4::{self, BOOTREQUEST, MessageType, code};
use crate::wire::v4_option;
use answer::{Answer, Granted, Values, nak};
use choose::Choice;
use keyed::Keyed;
use ledger::Ledger;
use limits::Declines;
use select::{Signs, Steps, Subnets};
use settings::Settings;
use std::net::Ipv4Addr;
use std::ops::Bound;
use who::Who;

/// IPv4 and UDP headers, which option 57 counts (RFC 2132 §9.10).
const HEADERS: usize = 28;
/// What every client takes, however little it says it does.
const LEAST: u16 = 576;
/// Octets we write at most, whatever a client says it takes: with relay headers around it, it still is a datagram.
const MOST: usize = 32_768;

/// A message from a client.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The message, with `op` 1.
    pub message: &'a v4::Message<'a>,
    /// How it came.
    pub way: &'a Way<'a>,
    /// The client sent it by unicast, or would have (the U flag, RFC 7341 §6.3).
    pub unicast: bool,
    /// Octets that an answer may have, if the client takes so many.
    pub most: usize,
}

/// A change of the table: what to write, and what to put back if that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// How it is now.
    pub record: Record,
    /// How it was.
    pub undo: Record,
}

/// What surrounds the engine while it works.
pub struct Cx<'a> {
    /// New leases may be given: they can be stored.
    pub may_grant: bool,
    /// What was done is counted here.
    pub tally: &'a mut Tally,
    /// Changes that have to be durable before the answer leaves.
    pub changes: &'a mut Vec<Change>,
    /// What an operator should hear.
    pub notices: &'a mut Vec<Notice>,
    /// Why something in a message that is answered was refused, if anything was.
    pub refused: Option<Refused>,
}

/// The engine: settings, and a table of bindings.
pub struct Engine {
    settings: Settings,
    subnets: Subnets,
    ledger: Ledger,
    declines: Declines,
}

/// A message, who sent it, and which subnets serve the sender.
struct Asked<'a> {
    now: Instant,
    message: &'a v4::Message<'a>,
    unicast: bool,
    /// Octets that an answer may have.
    most: usize,
    who: Who<'a>,
    /// Indices in the settings, in order; none for RELEASE and DECLINE, which need none.
    subnets: Vec<usize>,
    /// Option 118, if it was followed.
    subnet_selection: Option<Ipv4Addr>,
}

/// What becomes of a message: octets to send, or silence.
type Reply = Result<Option<Vec<u8>>, Refused>;

impl Engine {
    /// An engine with an empty table.
    pub fn new(settings: Settings, mut rng: Rng) -> Self {
        let keyed = Keyed(u64::from(rng.u32()) << 32 | u64::from(rng.u32()));
        Self {
            subnets: Subnets::new(&settings),
            ledger: Ledger::new(&settings, keyed),
            declines: Declines::default(),
            settings,
        }
    }

    /// Takes up other settings. Bindings stay; those outside the new subnets end by themselves and are not extended.
    pub fn configure(&mut self, now: Instant, settings: Settings) {
        let same_slots = self.settings.server_id == settings.server_id
            && self.settings.limits == settings.limits
            && self.settings.subnets.len() == settings.subnets.len()
            && self.settings.subnets.iter().zip(&settings.subnets).all(|(old, new)| {
                (old.prefix, &old.pools, &old.reservations) == (new.prefix, &new.pools, &new.reservations)
                    && self.settings.routers(old) == settings.routers(new)
            });
        self.settings = settings;
        self.subnets = Subnets::new(&self.settings);
        if !same_slots {
            self.ledger.configure(&self.settings);
        }
        self.ledger.expire(now);
    }

    /// Takes a record of the journal as the truth about its slot: while loading, and to take back what could not be
    /// stored.
    pub fn apply(&mut self, record: &Record) {
        self.ledger.apply(record);
    }

    /// Answers a message. `None` is silence.
    ///
    /// # Errors
    /// Why it is not answered, where a counter should tell.
    pub fn handle(&mut self, now: Instant, query: &Query<'_>, cx: &mut Cx<'_>) -> Reply {
        self.ledger.expire(now);
        let message = query.message;
        if message.op != BOOTREQUEST {
            return Err(Refused::OpUnsupported);
        }
        let kind = message.kind();
        let mut who = Who::of(query, self.ledger.keyed, self.settings.trust_inner_giaddr)?;
        if let Some(own) = query.way.four.own {
            self.find_home(&mut who, own);
        }
        let mut asked = Asked {
            now,
            message,
            unicast: query.unicast,
            most: most(query),
            who,
            subnets: Vec::new(),
            subnet_selection: None,
        };
        match kind {
            Some(MessageType::RELEASE) => return self.release(&asked, cx),
            Some(MessageType::DECLINE) => return self.decline(&asked, cx),
            None | Some(MessageType::DISCOVER | MessageType::REQUEST | MessageType::INFORM) => {}
            Some(_) => return Err(Refused::Unsupported4),
        }
        self.place(&mut asked);
        if asked.subnets.is_empty() {
            cx.notices.push(Notice::NoSubnet(query.way.client));
            return Err(Refused::NoSubnet);
        }
        match kind {
            None => self.bootp(&asked, cx),
            Some(MessageType::DISCOVER) => self.discover(&asked, cx),
            Some(MessageType::INFORM) => self.inform(&asked, cx),
            Some(_) => self.request(&asked, cx),
        }
    }

    /// Lets go of what is over: offers, leases, declined addresses. Too early changes nothing.
    pub fn on_deadline(&mut self, now: Instant) {
        self.ledger.expire(now);
    }

    /// When [`Engine::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.ledger.deadline()
    }

    /// The bindings after `after`, in the order of their slots: at most `count`.
    pub fn bindings(&self, after: Option<Slot4>, count: usize) -> Vec<Binding4> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.ledger
            .table
            .range(from, Bound::Unbounded)
            .take(count)
            .filter_map(table::Entry::binding)
            .collect()
    }

    /// Reservations that operators made, beyond the configuration.
    pub fn reserved(&self) -> impl Iterator<Item = (Ipv4Addr, &Holder)> {
        self.ledger.reserved.operators()
    }

    /// How full each pool is.
    pub fn pools(&self, _now: Instant) -> Vec<PoolUse> {
        self.ledger.pools.view(&self.settings)
    }

    /// Has a client that speaks from its own address be where it was when it got that: it is reached there, wherever
    /// its packets come in.
    fn find_home(&self, who: &mut Who<'_>, own: Ipv4Addr) {
        let leases = self.ledger.table.of_client(who.hash, &who.key);
        let mut here = leases.filter(|entry| entry.slot.address == own);
        let Some(entry) = here.next() else { return };
        let (Some(origin), Some((source, transport))) = (entry.origin(), entry.source()) else { return };
        who.place = self.ledger.keyed.origin(&origin);
        (who.origin, who.circuit) = (origin, entry.circuit(self.ledger.keyed));
        (who.source, who.transport) = (source, transport);
    }

    /// True if a subnet holds this address.
    pub fn serves(&self, address: Ipv4Addr) -> bool {
        self.subnets.holding(address).is_some()
    }

    /// What changed of the addresses behind client relay agents since this was asked last: for tunnel concentrators.
    pub fn tunnels(&mut self) -> impl Iterator<Item = Notice> {
        self.ledger.tunnels.drain(..)
    }

    /// Finds the subnets that serve the sender.
    fn place(&self, asked: &mut Asked<'_>) {
        let message = asked.message;
        let way = asked.who.way;
        // By DHCPv6 whoever hands over a message has judged whether this can be believed.
        let agent = message.option(code::RELAY_AGENT).filter(|_| way.transport == Transport::Dhcp6);
        let link_selection = agent
            .as_deref()
            .and_then(AgentInformation::parse)
            .and_then(|agent| v4_option::address(agent.first(agent::code::LINK_SELECTION)?))
            .or(way.four.link_selection);
        let subnet_selection =
            message.address(code::SUBNET_SELECTION).filter(|_| self.settings.subnet_selection);
        let giaddr = Some(message.giaddr)
            .filter(|giaddr| self.settings.trust_inner_giaddr && !giaddr.is_unspecified())
            .or(way.four.giaddr);
        let signs = Signs { link_selection, subnet_selection, giaddr, way };
        asked.subnets = self.subnets.choose(&signs, &mut Steps::default());
        asked.subnet_selection = subnet_selection;
    }

    fn choice<'c>(&'c self, asked: &'c Asked<'_>) -> Choice<'c> {
        Choice {
            ledger: &self.ledger,
            settings: &self.settings,
            index: &self.subnets,
            now: asked.now,
            who: &asked.who,
            subnets: &asked.subnets,
        }
    }

    /// DISCOVER (RFC 2131 §4.3.1).
    fn discover(&mut self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        cx.tally.count(Done::Discover);
        if !cx.may_grant {
            return Err(Refused::NoStorage);
        }
        let choice = self.choice(asked);
        let slot = choice.best(&mut Steps::default()).inspect_err(|refused| {
            if *refused == Refused::PoolEmpty {
                let first = asked.subnets.first().map(|subnet| self.subnets.name(*subnet));
                cx.notices.push(Notice::PoolEmpty(first.unwrap_or_default().to_owned()));
            }
        })?;
        let lifetime = self.lifetime(asked, slot);
        if self.settings.rapid_commit && wants_rapid_commit(asked.message) {
            let Some(granted) = self.grant(asked, slot, Some(lifetime), cx) else {
                return Err(Refused::NotOwner);
            };
            cx.tally.count(Done::RapidCommit);
            cx.tally.count(Done::Ack);
            return self.answer(asked, Some(MessageType::ACK), Some(granted), true, cx);
        }
        let is_leased = choice.leases().any(|entry| entry.slot == slot);
        let before = choice.offered();
        if let Some(other) = before.filter(|other| is_leased || *other != slot) {
            self.ledger.withdraw(other);
        }
        if !is_leased {
            let until = asked.now + self.settings.offer_hold;
            self.ledger.offer(slot, &asked.who, until, self.settings.limits.offered_percent);
        }
        cx.tally.count(Done::Offer);
        let granted = Granted { slot, lifetime: Some(lifetime), softwire: None };
        self.answer(asked, Some(MessageType::OFFER), Some(granted), false, cx)
    }

    /// DHCPINFORM (RFC 2131 §4.3.5): configuration for a client that has an address.
    fn inform(&self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        cx.tally.count(Done::Inform);
        cx.tally.count(Done::Ack);
        self.answer(asked, Some(MessageType::ACK), None, false, cx)
    }

    /// BOOTP (RFC 1534 §2): whoever an address is kept for gets it without end. Others get nothing.
    fn bootp(&mut self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        let choice = self.choice(asked);
        let kept = self.ledger.reserved.for_client(&asked.who).into_iter();
        let slots = kept.map(|address| Slot4 { address, ports: None });
        let mut slots = slots.filter(|slot| choice.may_keep(*slot) && choice.is_free(*slot));
        let slot = slots.next().ok_or(Refused::UnknownClient)?;
        let stored = choice.leases().any(|entry| entry.slot == slot && entry.expires_at().is_none());
        if !stored && !cx.may_grant {
            return Err(Refused::NoStorage);
        }
        if cx.may_grant {
            self.grant(asked, slot, None, cx).ok_or(Refused::NotOwner)?;
        }
        cx.tally.count(Done::Bootp);
        self.answer(asked, None, Some(Granted { slot, lifetime: None, softwire: None }), false, cx)
    }

    /// DHCPRELEASE (RFC 2131 §4.3.4): the address is free, and remembered for its client.
    fn release(&mut self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        let slot = self.spoken_of(asked, asked.message.ciaddr, cx)?;
        cx.tally.count(Done::Release);
        self.turn(slot, State::Released, asked.now, asked.now, cx);
        Ok(None)
    }

    /// DHCPDECLINE (RFC 2131 §4.3.3): somebody else uses the address, so nobody gets it for a while.
    fn decline(&mut self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        let address = asked.who.requested.ok_or(Refused::Malformed4)?;
        let slot = self.spoken_of(asked, address, cx)?;
        let limits = self.settings.limits;
        // Identities are cheap: those of one place have together as much as its leases would have.
        let at_place = limits.declines_per_hour.saturating_mul(limits.leases_per_origin.max(1));
        if !self.declines.allow(asked.now, asked.who.hash, limits.declines_per_hour)
            || (limits.leases_per_origin > 0 && !self.declines.allow(asked.now, asked.who.place, at_place))
        {
            return Err(Refused::RateLimited);
        }
        cx.tally.count(Done::Decline);
        cx.notices.push(Notice::Declined(slot.address));
        self.turn(slot, State::Declined, asked.now, asked.now + self.settings.decline_rest, cx);
        self.wake_oldest(slot, asked.now, cx);
        Ok(None)
    }

    /// Ends the rest of the address that has rested longest when too much of a pool does.
    fn wake_oldest(&mut self, slot: Slot4, now: Instant, cx: &mut Cx<'_>) {
        let pool = self.ledger.pools.find(slot).and_then(|(index, _)| self.ledger.pools.get(index));
        let Some(pool) = pool else { return };
        let most = pool.percent(self.settings.limits.declined_percent).max(1);
        if u64::try_from(pool.resting.len()).is_ok_and(|resting| resting <= most) {
            return;
        }
        let oldest = pool.resting.first().and_then(|at| self.ledger.table.entry(at.id()));
        if let Some(oldest) = oldest.map(|entry| entry.slot) {
            self.turn(oldest, State::Released, now, now, cx);
        }
    }

    /// The lease that a RELEASE or DECLINE speaks of, if its sender has it and had it from us.
    fn spoken_of(&self, asked: &Asked<'_>, address: Ipv4Addr, cx: &Cx<'_>) -> Result<Slot4, Refused> {
        if asked.message.address(code::SERVER_ID) != Some(self.settings.server_id) {
            return Err(Refused::OtherServer);
        }
        let slot = Slot4 { address, ports: None };
        let shared = Slot4 { address, ports: asked.who.ports };
        let choice = self.choice(asked);
        let lease = choice.leases().find(|entry| entry.slot == slot || entry.slot == shared);
        let lease = lease.ok_or(Refused::NotOwner)?;
        if cx.may_grant { Ok(lease.slot) } else { Err(Refused::NoStorage) }
    }

    /// Gives the binding of a slot another state until then.
    fn turn(&mut self, slot: Slot4, state: State, now: Instant, until: Instant, cx: &mut Cx<'_>) {
        cx.changes.extend(self.turned(slot, state, now, until));
    }

    fn turned(&mut self, slot: Slot4, state: State, now: Instant, until: Instant) -> Option<Change> {
        let entry = self.ledger.table.get(slot)?;
        let (old, circuit) = (entry.binding()?, entry.circuit(self.ledger.keyed));
        let softwire_at = entry.softwire().map_or(now, |(_, since)| since);
        let binding = Binding4 { state, changed_at: now, expires_at: Some(until), ..old.clone() };
        self.ledger.put(&binding, circuit, softwire_at);
        Some(Change { record: Record::Lease4(binding), undo: Record::Lease4(old) })
    }

    /// How long a lease of this slot is for a client: what it asks for, within limits.
    fn lifetime(&self, asked: &Asked<'_>, slot: Slot4) -> Lifetime {
        let subnet = self.subnets.holding(slot.address).and_then(|index| self.settings.subnets.get(index));
        let times = subnet.map(|subnet| subnet.times).unwrap_or_default();
        let wanted = asked.message.seconds(code::LEASE_TIME).map_or(times.default, Lifetime);
        wanted.min(times.max).max(times.min)
    }

    /// An answer with the options of the subnet that the client is in.
    fn answer(
        &self,
        asked: &Asked<'_>,
        kind: Option<MessageType>,
        granted: Option<Granted>,
        rapid: bool,
        cx: &mut Cx<'_>,
    ) -> Reply {
        let message = asked.message;
        let address = granted.map_or(message.ciaddr, |granted| granted.slot.address);
        let holding = self.subnets.holding(address).filter(|index| asked.subnets.contains(index));
        let index = holding.or(asked.subnets.first().copied());
        let is_kept = self.ledger.reserved.holder(address).is_some_and(|holder| asked.who.is(holder));
        let reservation = if is_kept { self.ledger.reserved.options(&self.settings, address) } else { None };
        let answer = Answer {
            request: message,
            kind,
            granted,
            ciaddr: if kind == Some(MessageType::ACK) { message.ciaddr } else { Ipv4Addr::UNSPECIFIED },
            rapid,
            subnet_selection: asked.subnet_selection,
            most: asked.most,
            values: Values {
                reservation,
                subnet: index.and_then(|index| self.settings.subnets.get(index)),
                settings: &self.settings,
            },
        };
        answer.emit(cx.tally).map(Some)
    }

    fn nak(&self, asked: &Asked<'_>, why: &str, cx: &mut Cx<'_>) -> Reply {
        cx.tally.count(Done::Nak);
        nak(asked, self.settings.server_id, why, cx.tally).map(Some)
    }
}

/// Octets that the answer to a message may have.
fn most(query: &Query<'_>) -> usize {
    let stated = query.message.option(code::MAX_MESSAGE_SIZE).and_then(|value| v4_option::number16(&value));
    // Without option 57 every host takes so much of IPv4 as need not be cut, and a 4o6 client what IPv6 carries.
    let usual = match query.way.transport {
        Transport::Dhcp6 => MAX_MESSAGE_SIZE,
        Transport::Agent | Transport::Ipv4 => LEAST,
    };
    usize::from(stated.map_or(usual, |size| size.max(LEAST)))
        .saturating_sub(HEADERS)
        .min(query.most)
        .min(MOST)
}

/// Option 80 is followed unless the client may do without IPv4 (RFC 8925 §3.3) or still has to set up a softwire.
fn wants_rapid_commit(message: &v4::Message<'_>) -> bool {
    let list = message.option(code::PARAMETER_REQUEST).unwrap_or_default();
    message.option(code::RAPID_COMMIT).is_some()
        && message.option(code::S46_SOURCE).is_none()
        && ![code::IPV6_ONLY_PREFERRED, code::S46_SOURCE].iter().any(|code| list.contains(code))
}
