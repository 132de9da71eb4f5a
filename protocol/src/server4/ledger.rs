//! Who has which slot: bindings, offers, pools and reservations, kept in step with each other.

use super::keyed::Keyed;
use super::limits::Places;
use super::offers::{Offer, Offers};
use super::pool::Pools;
use super::reserved::Reserved;
use super::settings::{Limits, Settings};
use super::table::{Entry, Id, Table, Timed};
use super::who::{Who, circuit_of};
use crate::binding::{Binding4, Holder, PortSet, Record, Slot4, State, Transport};
use crate::provider::{Notice, TunnelBinding};
use crate::time::{Instant, earliest};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Bound;
use std::time::Duration;

/// Ends that are noticed in one go. What is left comes after a pause, so that a million leases that end together do
/// not keep anybody waiting.
const BATCH: usize = 10_000;
/// The pause.
const PAUSE: Duration = Duration::from_millis(1);

/// All that is known of slots.
pub(super) struct Ledger {
    pub(super) keyed: Keyed,
    pub(super) table: Table,
    pub(super) offers: Offers,
    pub(super) pools: Pools,
    pub(super) reserved: Reserved,
    counts: Counts,
    /// More has ended than was noticed; to be looked at then.
    behind: Option<Instant>,
    /// What changed of the addresses behind client relay agents, until somebody takes it.
    pub(super) tunnels: Vec<Notice>,
    /// What had ended when it was looked at first, nobody has to be told of.
    began_at: Option<Instant>,
}

impl Ledger {
    pub(super) fn new(settings: &Settings, keyed: Keyed) -> Self {
        let mut ledger = Self {
            keyed,
            table: Table::new(keyed),
            offers: Offers::default(),
            pools: Pools::default(),
            reserved: Reserved::default(),
            counts: Counts::new(settings, keyed),
            behind: None,
            tunnels: Vec::new(),
            began_at: None,
        };
        ledger.configure(settings);
        ledger
    }

    /// Takes up other pools and reservations. Bindings stay, offers are forgotten.
    pub(super) fn configure(&mut self, settings: &Settings) {
        self.pools = Pools::new(settings);
        self.offers = Offers::default();
        self.counts = Counts::new(settings, self.keyed);
        self.reserved.configure(settings);
        let kept: Vec<_> = self.reserved.addresses().collect();
        for address in kept {
            self.mark(address, true);
        }
        for slot in self.table.slots() {
            self.count_in(slot);
        }
    }

    /// Takes a record as the truth about its slot.
    pub(super) fn apply(&mut self, record: &Record) {
        match record {
            Record::Lease4(binding) => self.put(binding, 0, binding.changed_at),
            Record::Gone4(slot) => self.forget(*slot),
            Record::Reserve4 { address, holder } => self.reserve(*address, holder.clone()),
            Record::Unreserve4 { address } => {
                self.unreserve(*address);
            }
            Record::Lease6(_) | Record::Gone6(_) => {}
        }
    }

    /// How the slot is recorded now.
    pub(super) fn record(&self, slot: Slot4) -> Record {
        self.table.get(slot).and_then(Entry::binding).map_or(Record::Gone4(slot), Record::Lease4)
    }

    /// This is all that is known of its slot. `circuit` 0 is unknown.
    pub(super) fn put(&mut self, binding: &Binding4, circuit: u32, softwire_at: Instant) {
        let slot = binding.slot;
        let before = self.take_out(slot);
        // What names its link names its circuit; for others it is kept as long as somebody counts.
        let is_told = circuit == circuit_of(&binding.origin, self.keyed);
        let circuit = if is_told || !self.counts.places.with_circuits() { 0 } else { circuit };
        if self.table.insert(binding, circuit, softwire_at).is_some() {
            self.count_in(slot);
        }
        let is_behind_agent = binding.transport == Transport::Agent;
        let after = if is_behind_agent { self.table.get(slot).and_then(Entry::tunnel) } else { None };
        self.tell(before, after);
    }

    /// Nothing is known of the slot.
    pub(super) fn forget(&mut self, slot: Slot4) {
        let before = self.take_out(slot);
        self.tell(before, None);
    }

    /// Remembers for tunnel concentrators how an address is reached now, if that is not as it was.
    fn tell(&mut self, before: Option<TunnelBinding>, after: Option<TunnelBinding>) {
        let before = before.filter(|before| before.until.is_none_or(|end| Some(end) > self.began_at));
        match after {
            Some(after) if before != Some(after) => self.tunnels.push(Notice::BindingAdded(after)),
            Some(_) => {}
            None => self.tunnels.extend(before.map(Notice::BindingRemoved)),
        }
    }

    /// Takes out the binding of a slot. What of it was not over may have told a way through a client relay agent.
    fn take_out(&mut self, slot: Slot4) -> Option<TunnelBinding> {
        let (id, entry) = self.table.remove(slot)?;
        if entry.live {
            self.counts.remove(&mut self.pools, id, &entry);
        }
        if let Some((index, _)) = self.pools.find(slot)
            && let Some(pool) = self.pools.get_mut(index)
        {
            pool.idle.remove(Timed::new(entry.free_at(), id).0);
        }
        self.settle(slot);
        if entry.live { entry.tunnel() } else { None }
    }

    /// Counts the binding of a slot where it belongs.
    fn count_in(&mut self, slot: Slot4) {
        let Some(id) = self.table.id(slot) else { return };
        if let Some(entry) = self.table.entry(id).filter(|entry| entry.live) {
            self.counts.add(&mut self.pools, id, entry);
        }
        self.settle(slot);
    }

    /// Brings the pool in step with what is known of a slot.
    fn settle(&mut self, slot: Slot4) {
        let Some((index, number)) = self.pools.find(slot) else { return };
        let kept = self.offers.get(slot).is_some() || self.reserved.holder(slot.address).is_some();
        let id = self.table.id(slot);
        let entry = id.and_then(|id| self.table.entry(id));
        let Some(pool) = self.pools.get_mut(index) else { return };
        pool.used.assign(number, kept || entry.is_some());
        if let (Some(id), Some(entry)) = (id, entry) {
            let at = Timed::new(entry.free_at(), id);
            if entry.live || kept {
                pool.idle.remove(at.0);
            } else {
                pool.idle.insert(at.0);
            }
        }
    }

    /// Marks all slots of an address as reserved, or not.
    fn mark(&mut self, address: Ipv4Addr, reserved: bool) {
        let Some(index) = self.pools.at(address) else { return };
        let Some(numbers) = self.pools.get(index).and_then(|pool| pool.of_address(address)) else { return };
        let slots: Vec<Slot4> = numbers
            .clone()
            .filter_map(|number| self.pools.get(index).and_then(|pool| pool.slot(number)))
            .collect();
        if let Some(pool) = self.pools.get_mut(index) {
            let count = numbers.end.saturating_sub(numbers.start);
            pool.reserved = if reserved {
                pool.reserved.saturating_add(count)
            } else {
                pool.reserved.saturating_sub(count)
            };
        }
        for slot in slots {
            self.settle(slot);
        }
    }

    /// Keeps an address by word of an operator.
    fn reserve(&mut self, address: Ipv4Addr, holder: Holder) {
        let was = self.reserved.holder(address).is_some();
        self.reserved.reserve(address, holder);
        if !was {
            self.mark(address, true);
        }
    }

    /// Takes such a reservation back.
    fn unreserve(&mut self, address: Ipv4Addr) {
        if self.reserved.unreserve(address).is_some() && self.reserved.holder(address).is_none() {
            self.mark(address, false);
        }
    }

    /// Holds a slot that is free for a client, and lets go of the oldest offers beyond the `most` of its pool.
    pub(super) fn offer(&mut self, slot: Slot4, who: &Who<'_>, until: Instant, percent: u8) {
        self.withdraw(slot);
        if self.offers.is_full()
            && let Some((_, oldest)) = self.offers.oldest()
        {
            self.withdraw(oldest);
        }
        let pool = self.pools.find(slot).map(|(index, _)| index);
        let (hash, place, circuit) = (who.hash, who.place, who.circuit);
        self.offers.insert(slot, Offer { client: who.key.clone(), hash, place, pool, circuit, until });
        self.counts.places.add(who.place, who.circuit);
        self.settle(slot);
        let Some(index) = pool else { return };
        let Some(pool) = self.pools.get_mut(index) else { return };
        pool.offered = pool.offered.saturating_add(1);
        // A part of a pool that is no whole slot is one.
        if pool.offered > pool.percent(percent).max(1)
            && let Some(oldest) = self.offers.oldest_of(index)
        {
            self.withdraw(oldest);
        }
    }

    /// Holds a slot no longer.
    pub(super) fn withdraw(&mut self, slot: Slot4) {
        let Some(offer) = self.offers.remove(slot) else { return };
        self.counts.places.remove(offer.place, offer.circuit);
        if let Some(pool) = offer.pool.and_then(|index| self.pools.get_mut(index)) {
            pool.offered = pool.offered.saturating_sub(1);
        }
        self.settle(slot);
    }

    /// Notices what has ended: offers, leases, the rest of declined addresses.
    pub(super) fn expire(&mut self, now: Instant) {
        self.began_at.get_or_insert(now);
        if self.behind.is_some_and(|at| at > now) {
            return;
        }
        self.behind = None;
        for _ in 0..BATCH {
            if let Some((_, slot)) = self.offers.oldest().filter(|(until, _)| *until <= now) {
                self.withdraw(slot);
            } else if let Some(id) = self.table.pop_ended(now) {
                self.end(id);
            } else {
                return;
            }
        }
        self.behind = Some(now + PAUSE);
    }

    fn end(&mut self, id: Id) {
        let Some(entry) = self.table.entry(id) else { return };
        let (slot, before) = (entry.slot, entry.tunnel());
        self.counts.remove(&mut self.pools, id, entry);
        self.settle(slot);
        self.tell(before, None);
    }

    /// True if the limits leave room for one more lease of a client at its place.
    pub(super) fn has_room(&self, who: &Who<'_>, limits: &Limits) -> bool {
        self.counts.places.has_room(limits, who.place, who.circuit)
    }

    /// When [`Ledger::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let next = earliest(self.offers.oldest().map(|(until, _)| until), self.table.next_end());
        match (next, self.behind) {
            (Some(next), Some(behind)) => Some(next.max(behind)),
            (next, _) => next,
        }
    }

    /// The leases that have this end of a softwire.
    pub(super) fn with_softwire(&self, address: Ipv6Addr, now: Instant) -> impl Iterator<Item = &Entry> {
        let ids = self.counts.softwires.range((address, Id::MIN)..=(address, Id::MAX));
        ids.filter_map(|(_, id)| self.table.entry(*id)).filter(move |entry| entry.is_leased(now))
    }

    /// True if somebody else has, or is offered, ports of this address by another division of them, or all of it.
    pub(super) fn overlaps(&self, slot: Slot4, now: Instant) -> bool {
        let before = |ports| Slot4 { address: slot.address, ports };
        let set = |offset, psid_len, psid| Some(PortSet { offset, psid_len, psid });
        let (whole, first, last) =
            (before(None), before(set(0, 0, 0)), before(set(u8::MAX, u8::MAX, u16::MAX)));
        let taken =
            |from: Bound<Slot4>, to: Bound<Slot4>| self.table.range(from, to).any(|entry| entry.holds(now));
        match slot.ports {
            // Most providers share no address.
            None if self.table.has_no_shared() && !self.pools.are_shared() => false,
            None => {
                taken(Bound::Included(first), Bound::Included(last))
                    || self.offers.range(first..=last).next().is_some()
            }
            Some(PortSet { offset, psid_len, .. }) => {
                let from = before(set(offset, psid_len, 0));
                let to = before(set(offset, psid_len, u16::MAX));
                taken(Bound::Included(whole), Bound::Excluded(from))
                    || taken(Bound::Excluded(to), Bound::Included(last))
                    || self.offers.get(whole).is_some()
            }
        }
    }
}

/// What follows from the bindings that are live.
struct Counts {
    keyed: Keyed,
    places: Places,
    /// Leases by the client's end of its softwire: while leases end and are read, one end can be that of several.
    softwires: BTreeSet<(Ipv6Addr, Id)>,
}

impl Counts {
    fn new(settings: &Settings, keyed: Keyed) -> Self {
        Self { keyed, places: Places::new(&settings.limits), softwires: BTreeSet::new() }
    }

    fn add(&mut self, pools: &mut Pools, id: Id, entry: &Entry) {
        let pool = pools.find(entry.slot).and_then(|(index, _)| pools.get_mut(index));
        if entry.state == State::Declined {
            if let Some(pool) = pool {
                pool.resting.insert(Timed::new(entry.expires_at(), id));
            }
            return;
        }
        if let Some(pool) = pool {
            pool.leased = pool.leased.saturating_add(1);
        }
        if let Some(origin) = entry.origin() {
            self.places.add(self.keyed.origin(&origin), entry.circuit(self.keyed));
        }
        if let Some((address, _)) = entry.softwire() {
            self.softwires.insert((address, id));
        }
    }

    fn remove(&mut self, pools: &mut Pools, id: Id, entry: &Entry) {
        let pool = pools.find(entry.slot).and_then(|(index, _)| pools.get_mut(index));
        if entry.state == State::Declined {
            if let Some(pool) = pool {
                pool.resting.remove(&Timed::new(entry.expires_at(), id));
            }
            return;
        }
        if let Some(pool) = pool {
            pool.leased = pool.leased.saturating_sub(1);
        }
        if let Some(origin) = entry.origin() {
            self.places.remove(self.keyed.origin(&origin), entry.circuit(self.keyed));
        }
        if let Some((address, _)) = entry.softwire() {
            self.softwires.remove(&(address, id));
        }
    }
}

#[cfg(test)]
impl Ledger {
    /// Panics unless all that is derived is what the bindings, offers and reservations say.
    pub(super) fn check(&self, settings: &Settings) {
        let mut fresh = Self::new(settings, self.keyed);
        for (address, holder) in self.reserved.operators() {
            fresh.reserve(address, holder.clone());
        }
        for entry in self.table.range(Bound::Unbounded, Bound::Unbounded) {
            fresh.put(&entry.binding().unwrap(), entry.circuit(self.keyed), entry.changed_at);
            if !entry.live && entry.state != State::Released {
                assert_eq!(fresh.table.pop_one(entry.slot), Some(()));
                let id = fresh.table.id(entry.slot).unwrap();
                fresh.end(id);
            }
        }
        for (slot, offer) in self.offers.all() {
            assert_eq!(offer.hash, self.keyed.client(&offer.client));
            fresh.offers.insert(slot, Offer { client: offer.client.clone(), ..*offer });
            fresh.counts.places.add(offer.place, offer.circuit);
            if let Some(pool) = offer.pool.and_then(|index| fresh.pools.get_mut(index)) {
                pool.offered += 1;
            }
            fresh.settle(slot);
        }
        assert_eq!(fresh.counts.places, self.counts.places);
        let ends = |ledger: &Self| {
            let slot = |id| ledger.table.entry(id).unwrap().slot;
            ledger.counts.softwires.iter().map(|(end, id)| (*end, slot(*id))).collect::<BTreeSet<_>>()
        };
        assert_eq!(ends(&fresh), ends(self));
        assert_eq!(fresh.offers, self.offers);
        let slots = |ledger: &Self, ids: Vec<Timed>| {
            let slot = |at: Timed| (at.at(), ledger.table.entry(at.id()).unwrap().slot);
            ids.into_iter().map(slot).collect::<BTreeSet<_>>()
        };
        let idle = |pool: &super::pool::Pool| pool.idle.from(0).map(Timed).collect();
        let resting = |pool: &super::pool::Pool| pool.resting.iter().copied().collect();
        for index in 0.. {
            let (Some(one), Some(other)) = (fresh.pools.get(index), self.pools.get(index)) else { break };
            assert_eq!(one.used, other.used);
            assert_eq!(one.counters(), other.counters());
            assert_eq!(slots(&fresh, idle(one)), slots(self, idle(other)));
            assert_eq!(slots(&fresh, resting(one)), slots(self, resting(other)));
        }
    }
}
