//! The clients: each the project's own DHCPv4 engine, in a slot that a new client takes when the last one is done.

use super::args::Mode;
use super::batch::Outbox;
use super::figures::Figures;
use super::identity::{self, Number, Place};
use super::ledger::Ledger;
use super::stand_in::StandIn;
use super::way::{Post, Way};
use dhcp4o6_protocol::client4::{Action, Client4, Cx, Start};
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::params::INITIAL_RT4;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::rng::Rng;
use dhcp4o6_protocol::settings::Dhcp4Settings;
use dhcp4o6_protocol::time::{Instant, earliest};
use dhcp4o6_protocol::wire::v4::{Message, MessageType};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::net::Ipv6Addr;

/// Where option 53 has its value: the engine writes it first.
const KIND: usize = 240 + 2;

/// What the crowd is to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Task {
    pub(crate) mode: Mode,
    /// Places for clients: in mode dora how many may wait, in mode renew all there are.
    pub(crate) slots: u32,
    /// No clients with this number or a higher one.
    pub(crate) clients: Option<u32>,
    /// Mode dora: give leases back.
    pub(crate) release: bool,
    /// Clients have a hardware address.
    pub(crate) chaddr: bool,
    pub(crate) seed: u64,
}

/// All clients, and what they have to say.
pub(crate) struct Crowd {
    task: Task,
    post: Post,
    settings: Dhcp4Settings,
    rng: Rng,
    slots: Vec<Slot>,
    /// Slots whose next DORA or renewal may begin, longest waiting first.
    idle: VecDeque<u32>,
    /// Slots in which something waits for an answer.
    busy: u32,
    next_number: u32,
    /// Moments at which slots are looked at; one that is not a slot's `timer_at` is out of date.
    timers: BinaryHeap<Reverse<(Instant, u32)>>,
    /// Whose answer an answer is, where no address tells.
    by_xid: BTreeMap<u32, u32>,
    stand_in: Option<StandIn>,
    ledger: Ledger,
    bound: u32,
    actions: Vec<Action>,
    pub(crate) outbox: Outbox,
    pub(crate) figures: Figures,
}

#[derive(Default)]
struct Slot {
    client: Option<Client>,
    timer_at: Option<Instant>,
}

struct Client {
    number: Number,
    engine: Client4,
    /// Since when it wants a lease, or more time for one, and nobody has given it; in an open loop, when this was due.
    wants_since: Option<Instant>,
    pending: Option<Pending>,
    /// Its entry in [`Crowd::by_xid`].
    found_by: Option<Xid4>,
    /// Counted among those with a lease.
    is_bound: bool,
}

/// A message that waits for its answer.
#[derive(Clone, Copy)]
struct Pending {
    xid: Xid4,
    kind: MessageType,
    first_at: Instant,
    last_at: Instant,
    repeated: bool,
}

impl Crowd {
    pub(crate) fn new(task: Task, post: Post, outbox: Outbox) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&task.seed.to_be_bytes());
        let stand_in = post.echo.then(|| StandIn::new(task.seed, task.chaddr).ok()).flatten();
        Self {
            task,
            post,
            settings: Dhcp4Settings::default(),
            rng: Rng::seeded(seed),
            slots: (0..task.slots).map(|_| Slot::default()).collect(),
            idle: (0..task.slots).collect(),
            busy: 0,
            next_number: 0,
            timers: BinaryHeap::new(),
            by_xid: BTreeMap::new(),
            stand_in,
            ledger: Ledger::default(),
            bound: 0,
            actions: Vec::new(),
            outbox,
            figures: Figures::new(),
        }
    }

    /// How many wait for an answer.
    pub(crate) fn busy(&self) -> u32 {
        self.busy
    }

    /// How many have a lease; in mode dora none, because they go when they do.
    pub(crate) fn bound(&self) -> u32 {
        self.bound
    }

    /// True if one more can begin.
    pub(crate) fn has_idle(&self) -> bool {
        !self.idle.is_empty()
    }

    /// True when all clients there are to be have got their lease.
    pub(crate) fn is_done(&self) -> bool {
        self.task.mode == Mode::Dora && self.is_exhausted() && self.busy == 0
    }

    fn is_exhausted(&self) -> bool {
        self.task.clients.is_some_and(|clients| self.next_number >= clients)
    }

    /// The client that waits longest begins, as was due at `due_at`.
    pub(crate) fn begin(&mut self, due_at: Instant, now: Instant) {
        let Some(index) = self.idle.pop_front() else { return };
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let mut cx = Cx { rng: &mut self.rng, foreign: &[], source: None };
        match &mut slot.client {
            Some(client) => {
                client.wants_since = Some(due_at);
                // If that is not possible, the engine does something about its lease by itself already.
                client.engine.renew(now, &mut cx, &mut self.actions);
            }
            None => {
                // Without more clients the slot stays out of use.
                if self.task.clients.is_some_and(|clients| self.next_number >= clients) {
                    return;
                }
                let number = Number(self.next_number);
                self.next_number += 1;
                let client_id = identity::client_id(self.task.seed, number);
                let hardware = identity::hardware(number, self.task.chaddr);
                let mut engine = Client4::new(self.settings.clone(), client_id, hardware, None);
                engine.start(now, Start::Verify, &mut cx, &mut self.actions);
                slot.client = Some(Client {
                    number,
                    engine,
                    wants_since: Some(due_at),
                    pending: None,
                    found_by: None,
                    is_bound: false,
                });
            }
        }
        self.busy += 1;
        self.act(index, now);
    }

    /// A datagram came for the address `to`.
    pub(crate) fn receive(&mut self, octets: &[u8], to: Ipv6Addr, now: Instant) {
        self.figures.received += 1;
        if let Err(reason) = self.try_receive(octets, to, now) {
            self.figures.refused.count(reason);
        }
    }

    fn try_receive(&mut self, octets: &[u8], to: Ipv6Addr, now: Instant) -> Result<(), Refused> {
        let delivered = self.post.unwrap(octets, to)?;
        let xid = xid(delivered.dhcpv4).ok_or(Refused::Malformed4)?;
        let place = match delivered.to {
            Some(place) => Some(place.slot),
            None => self.by_xid.get(&xid.0).copied(),
        };
        let index = place.ok_or(Refused::XidMismatch)?;
        let client = self.slots.get_mut(index as usize).and_then(|slot| slot.client.as_mut());
        // A copy of an answer, or one that took so long that its client has gone.
        let client = client.filter(|client| delivered.to.is_none_or(|place| place.number == client.number));
        let client = client.ok_or(Refused::XidMismatch)?;
        let pending = client.pending.ok_or(Refused::XidMismatch)?;
        if pending.xid != xid || !self.post.is_answer(delivered.header, xid) {
            return Err(Refused::XidMismatch);
        }
        let answer = match &mut self.stand_in {
            None => delivered.dhcpv4,
            Some(_) if delivered.dhcpv4.get(KIND) != Some(&pending.kind.0) => {
                return Err(Refused::UnexpectedState);
            }
            Some(stand_in) => stand_in.fill(pending.kind, xid, client.number),
        };
        let message = Message::parse(answer).map_err(|_| Refused::Malformed4)?;
        let mut cx = Cx { rng: &mut self.rng, foreign: &[], source: None };
        client.engine.receive(now, &message, &mut cx, &mut self.actions)?;
        client.pending = None;
        let took = now.since(pending.first_at);
        match message.kind() {
            Some(MessageType::OFFER) => self.figures.offer.record(took),
            Some(MessageType::NAK) => self.figures.naks += 1,
            _ if client.is_bound => self.figures.extension.record(took),
            _ => self.figures.ack.record(took),
        }
        self.act(index, now);
        Ok(())
    }

    /// Looks after those whose time has come.
    pub(crate) fn on_time(&mut self, now: Instant) {
        while let Some(Reverse((at, index))) = self.timers.peek().copied() {
            if at > now {
                break;
            }
            self.timers.pop();
            let Some(slot) = self.slots.get_mut(index as usize) else { continue };
            if slot.timer_at != Some(at) {
                continue;
            }
            slot.timer_at = None;
            let Some(client) = &mut slot.client else { continue };
            let mut cx = Cx { rng: &mut self.rng, foreign: &[], source: None };
            if client.engine.deadline().is_some_and(|deadline| deadline <= now) {
                client.engine.on_deadline(now, &mut cx, &mut self.actions);
            } else if client.repeats_at().is_some_and(|at| at <= now) {
                client.engine.retransmit(now, &mut cx, &mut self.actions);
            }
            self.act(index, now);
        }
    }

    /// When [`Crowd::on_time`] has something to do.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.timers.peek().map(|Reverse((at, _))| *at)
    }

    /// Does what a client's engine wants done.
    fn act(&mut self, index: u32, now: Instant) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            let client = self.slots.get_mut(index as usize).and_then(|slot| slot.client.as_mut());
            let Some(client) = client else { break };
            match action {
                Action::Send { message, xid, unicast } => {
                    let place = Place { slot: index, number: client.number };
                    let (octets, source) = self.post.wrap(place, &message, xid, unicast);
                    self.outbox.push(octets, source);
                    self.figures.sent += 1;
                    let kind = MessageType(message.get(KIND).copied().unwrap_or_default());
                    client.note_sent(kind, xid, now, &mut self.figures);
                    if self.post.way == Way::Shared && client.found_by != Some(xid) {
                        if let Some(Xid4(old)) = client.found_by.replace(xid) {
                            self.by_xid.remove(&old);
                        }
                        self.by_xid.insert(xid.0, index);
                    }
                }
                Action::Granted(_) => self.granted(index, now),
                Action::Lost(_, lease) => {
                    self.bound -= u32::from(std::mem::take(&mut client.is_bound));
                    self.ledger.free(lease.address, client.number);
                }
                Action::Refused(reason) => self.figures.refused.count(reason),
                Action::Check(_) | Action::Note(..) => {}
            }
        }
        self.actions = actions;
        self.set_timer(index);
    }

    /// A client has a lease, or more time for it.
    fn granted(&mut self, index: u32, now: Instant) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Some(client) = &mut slot.client else { return };
        let Some(lease) = client.engine.lease() else { return };
        if let Some(other) = self.ledger.grant(lease.address, client.number, lease.expires_at, now) {
            self.figures.note_duplicate(lease.address, other, client.number);
        }
        let renewed = std::mem::replace(&mut client.is_bound, true);
        self.bound += u32::from(!renewed);
        // Without a wish the engine renewed at T1 by itself.
        if let Some(since) = client.wants_since.take() {
            let took = now.since(since);
            if renewed {
                self.figures.renewal.record(took)
            } else {
                self.figures.dora.record(took)
            }
            self.busy -= 1;
            self.idle.push_back(index);
        }
        if self.task.mode == Mode::Dora {
            self.bound -= 1;
            self.dismiss(index, now);
        }
    }

    /// A client goes, and leaves its slot to a new one.
    fn dismiss(&mut self, index: u32, now: Instant) {
        let Some(mut client) = self.slots.get_mut(index as usize).and_then(|slot| slot.client.take()) else {
            return;
        };
        if let Some(Xid4(xid)) = client.found_by {
            self.by_xid.remove(&xid);
        }
        if !self.task.release {
            return;
        }
        let mut cx = Cx { rng: &mut self.rng, foreign: &[], source: None };
        let mut actions = Vec::new();
        client.engine.release(now, &mut cx, &mut actions);
        for action in actions {
            match action {
                Action::Send { message, xid, unicast } => {
                    let place = Place { slot: index, number: client.number };
                    let (octets, source) = self.post.wrap(place, &message, xid, unicast);
                    self.outbox.push(octets, source);
                    self.figures.sent += 1;
                }
                Action::Lost(_, lease) => self.ledger.free(lease.address, client.number),
                _ => {}
            }
        }
    }

    /// Sees to it that the slot is looked at in time. An entry that comes too early is kept: there is about one for each
    /// slot, however often its client speaks.
    fn set_timer(&mut self, index: u32) {
        let Some(slot) = self.slots.get_mut(index as usize) else { return };
        let Some(client) = &slot.client else { return };
        let Some(at) = earliest(client.engine.deadline(), client.repeats_at()) else { return };
        if slot.timer_at.is_none_or(|set| at < set) {
            slot.timer_at = Some(at);
            self.timers.push(Reverse((at, index)));
        }
    }
}

/// The transaction id of a DHCPv4 message.
fn xid(message: &[u8]) -> Option<Xid4> {
    message.get(4..8)?.try_into().ok().map(u32::from_be_bytes).map(Xid4)
}

impl Client {
    /// When a message is sent again out of turn. To renew, the engine would wait for half of the time that is left,
    /// and the client would be lost for the measurement.
    fn repeats_at(&self) -> Option<Instant> {
        let pending = self.pending.filter(|_| self.engine.is_bound() && self.wants_since.is_some())?;
        Some(pending.last_at + INITIAL_RT4)
    }

    fn note_sent(&mut self, kind: MessageType, xid: Xid4, now: Instant, figures: &mut Figures) {
        if !matches!(kind, MessageType::DISCOVER | MessageType::REQUEST) {
            return;
        }
        match &mut self.pending {
            Some(pending) if pending.xid == xid && pending.kind == kind => {
                figures.retransmissions += 1;
                figures.lost += u64::from(!std::mem::replace(&mut pending.repeated, true));
                pending.last_at = now;
            }
            pending => *pending = Some(Pending { xid, kind, first_at: now, last_at: now, repeated: false }),
        }
    }
}
