//! What is known of every slot, and who is next to get one. Knows nothing of messages.
//!
//! A binding is *live* while it is bound or declined and not over. Those that are over are remembered: their clients
//! get the same again, and others only when nothing else is free.

use super::pool::Pool;
use super::settings::{Reservation6, Subnet6};
use super::slot::{self, Kind, Lengths, delegation, extent, overlapping};
use crate::binding::{Binding6, Origin, Slot6, State};
use crate::counts::Counts;
use crate::ids::Duid;
use crate::rng::Rng;
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most bindings that are over and still remembered.
const MAX_REMEMBERED: usize = 65_536;
/// Most bindings. Beyond it only slots of others whose time is over are given out.
const MAX_BINDINGS: usize = 1 << 20;

/// One identity association of one client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Owner<'a> {
    pub(super) client: &'a Duid,
    pub(super) kind: Kind,
    pub(super) iaid: u32,
}

impl Owner<'_> {
    /// True if `binding` is this one's.
    pub(super) fn has(&self, binding: &Binding6) -> bool {
        binding.iaid == self.iaid && Kind::of(binding.slot) == self.kind && binding.client == *self.client
    }

    /// Where in a pool to begin looking: the same after every restart, FNV-1a with a finisher that spreads its bits.
    fn spread(&self) -> u64 {
        let octets = self.client.as_bytes().iter().copied().chain(self.iaid.to_be_bytes());
        let hash = octets.fold(0xcbf2_9ce4_8422_2325, |hash: u64, octet| {
            (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3)
        });
        let hash = (hash ^ hash >> 33).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^ hash >> 33
    }
}

/// All bindings, and all slots there could be one of.
pub(super) struct Table {
    slots: BTreeMap<Slot6, Binding6>,
    lengths: Lengths,
    /// Slots by a keyed hash of their owner. Who collides costs time and nothing else.
    owners: BTreeSet<(u64, Slot6)>,
    key: [u32; 4],
    /// Live bindings by their end.
    due: BTreeSet<(Instant, Slot6)>,
    /// Live bindings by a keyed hash of their origin and kind.
    origins: Counts<u64>,
    pools: Vec<Pool>,
    /// Pools by kind and first address.
    starts: BTreeMap<(Kind, u128), usize>,
    /// Slots kept for somebody: position of the subnet, and the client.
    reserved: BTreeMap<Slot6, (usize, Duid)>,
    reserved_lengths: Lengths,
    reserved_for: BTreeMap<Duid, Vec<(usize, Slot6)>>,
    remembered: usize,
}

impl Table {
    /// An empty one. `rng` keys the index of owners, so that nobody can choose identities that collide.
    pub(super) fn new(subnets: &[Subnet6], rng: &mut Rng) -> Self {
        let mut table = Self {
            slots: BTreeMap::new(),
            lengths: Lengths::default(),
            owners: BTreeSet::new(),
            key: std::array::from_fn(|_| rng.u32()),
            due: BTreeSet::new(),
            origins: Counts::default(),
            pools: Vec::new(),
            starts: BTreeMap::new(),
            reserved: BTreeMap::new(),
            reserved_lengths: Lengths::default(),
            reserved_for: BTreeMap::new(),
            remembered: 0,
        };
        table.configure(subnets);
        table
    }

    /// Lays out the pools anew. All bindings that still mean something stay.
    pub(super) fn configure(&mut self, subnets: &[Subnet6]) {
        let slots = std::mem::take(&mut self.slots);
        self.lengths = Lengths::default();
        self.owners.clear();
        self.due.clear();
        self.origins.clear();
        self.pools.clear();
        self.starts.clear();
        self.reserved.clear();
        self.reserved_lengths = Lengths::default();
        self.reserved_for.clear();
        self.remembered = 0;
        for (subnet, settings) in subnets.iter().enumerate() {
            let addresses = settings.pools.iter().map(|(first, last)| Pool::addresses(subnet, *first, *last));
            let prefixes = settings.delegate.iter().map(|part| Pool::prefixes(subnet, part.prefix, part.len));
            let kinds = std::iter::repeat_n(Kind::Address, settings.pools.len())
                .chain(std::iter::repeat(Kind::Prefix));
            for (pool, kind) in addresses.chain(prefixes).zip(kinds) {
                self.starts.entry((kind, pool.first())).or_insert(self.pools.len());
                self.pools.push(pool);
            }
            settings.reservations.iter().for_each(|reservation| self.reserve(subnet, reservation));
        }
        let kept: Vec<Slot6> = self.reserved.keys().copied().collect();
        for slot in kept {
            if let Some(index) = self.pool_of(slot)
                && let Some(pool) = self.pools.get_mut(index)
            {
                pool.reserved = pool.reserved.saturating_add(1);
            }
            self.occupy(slot);
        }
        // What is over must not hold what is live, so it comes second.
        let (over, live): (Vec<_>, Vec<_>) =
            slots.into_values().partition(|binding| binding.state == State::Released);
        live.into_iter().chain(over).for_each(|binding| self.insert(binding));
    }

    fn reserve(&mut self, subnet: usize, reservation: &Reservation6) {
        let address = reservation.address.map(Slot6::Address);
        for slot in address.into_iter().chain(reservation.prefix.map(delegation)) {
            if self.reserved.contains_key(&slot) {
                continue;
            }
            self.reserved.insert(slot, (subnet, reservation.duid.clone()));
            self.reserved_lengths.add(slot);
            self.reserved_for.entry(reservation.duid.clone()).or_default().push((subnet, slot));
        }
    }

    /// What is known of a slot.
    pub(super) fn get(&self, slot: Slot6) -> Option<&Binding6> {
        self.slots.get(&slot)
    }

    /// The bindings behind `after`, in order.
    pub(super) fn after(&self, after: Option<Slot6>) -> impl Iterator<Item = &Binding6> {
        use std::ops::Bound;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.slots.range((start, Bound::Unbounded)).map(|(_, binding)| binding)
    }

    /// The pools in the order of the settings.
    pub(super) fn pools(&self) -> &[Pool] {
        &self.pools
    }

    /// All bindings of an identity association: in each subnet one, live or over, besides what it declined.
    pub(super) fn of(&self, owner: Owner<'_>) -> impl Iterator<Item = &Binding6> {
        let hash = self.hash(owner.client, owner.kind, owner.iaid);
        self.owners
            .range((hash, slot::FIRST)..=(hash, slot::LAST))
            .filter_map(|(_, slot)| self.slots.get(slot))
            .filter(move |binding| owner.has(binding))
    }

    /// How many bindings of one kind are live that were given there.
    pub(super) fn leases_at(&self, origin: &Origin, kind: Kind) -> u32 {
        self.origins.of(&self.hash_origin(origin, kind))
    }

    /// In how many places, and of which kind, any are live.
    #[cfg(test)]
    pub(super) fn origins(&self) -> usize {
        self.origins.len()
    }

    /// The slots of one kind that `subnet` keeps for a client.
    pub(super) fn reserved_for(&self, owner: Owner<'_>, subnet: usize) -> impl Iterator<Item = Slot6> {
        let all = self.reserved_for.get(owner.client).map_or(&[][..], Vec::as_slice);
        all.iter()
            .filter(move |(at, slot)| *at == subnet && Kind::of(*slot) == owner.kind)
            .map(|(_, slot)| *slot)
    }

    /// The subnet that gives this slot out.
    pub(super) fn subnet_of(&self, slot: Slot6) -> Option<usize> {
        match self.reserved.get(&slot) {
            Some((subnet, _)) => Some(*subnet),
            None => self.pool_of(slot).and_then(|index| self.pools.get(index)).map(|pool| pool.subnet),
        }
    }

    /// True if `subnet` can give this slot to `client`, whoever has it now.
    pub(super) fn allows(&self, slot: Slot6, client: &Duid, subnet: usize) -> bool {
        let mut kept = overlapping(&self.reserved, &self.reserved_lengths, slot);
        self.subnet_of(slot) == Some(subnet) && kept.all(|(_, (_, holder))| holder == client)
    }

    /// True if nobody has the slot, or part of it, now. The owner itself does not count.
    pub(super) fn is_vacant(&self, now: Instant, slot: Slot6, owner: Owner<'_>) -> bool {
        overlapping(&self.slots, &self.lengths, slot)
            .all(|(other, binding)| !is_live(now, binding) || (other == slot && holds(owner, binding)))
    }

    /// A slot for somebody who has none: never used, else the one whose binding has been over for longest, else one
    /// that rests after a Decline when too many do. Of prefixes, one of `len` if there is one.
    pub(super) fn find(
        &self,
        owner: Owner<'_>,
        subnet: usize,
        len: Option<u8>,
        taken: &[Slot6],
    ) -> Option<Slot6> {
        let all = self.pools_of(owner.kind, subnet);
        let hinted = all.clone().filter(|pool| Some(pool.len()) == len);
        let others = all.filter(|pool| Some(pool.len()) != len);
        let pools = hinted.chain(others);
        let spread = owner.spread();
        let unused = || pools.clone().find_map(|pool| pool.unused(spread, taken));
        let oldest = || pools.clone().filter_map(|pool| pool.oldest(taken)).min().map(|(_, slot)| slot);
        let rested = || pools.clone().filter_map(|pool| pool.rested(taken)).min().map(|(_, slot)| slot);
        let room = self.slots.len() < MAX_BINDINGS;
        room.then(unused).flatten().or_else(oldest).or_else(rested)
    }

    /// True if `subnet` has pools of this kind.
    pub(super) fn gives(&self, kind: Kind, subnet: usize) -> bool {
        self.pools_of(kind, subnet).next().is_some()
    }

    /// The pools of a subnet, which stand together.
    fn pools_of(&self, kind: Kind, subnet: usize) -> impl Iterator<Item = &Pool> + Clone {
        let from = self.pools.partition_point(|pool| pool.subnet < subnet);
        let all = self.pools.get(from..).unwrap_or_default();
        all.iter().take_while(move |pool| pool.subnet == subnet).filter(move |pool| pool.kind() == kind)
    }

    /// What is known of the slot is this from now on.
    pub(super) fn insert(&mut self, binding: Binding6) {
        let slot = binding.slot;
        let occupied = self.unlink(slot);
        if binding.state == State::Released && !self.is_worth_remembering(slot) {
            if occupied {
                self.vacate(slot);
            }
            return;
        }
        if !occupied {
            self.occupy(slot);
        }
        self.lengths.add(slot);
        self.owners.insert((self.hash(&binding.client, Kind::of(slot), binding.iaid), slot));
        if binding.state != State::Released {
            self.origins.up(self.hash_origin(&binding.origin, Kind::of(slot)));
        }
        if binding.state == State::Released {
            self.remember(slot, binding.expires_at.unwrap_or(binding.changed_at));
        } else if let Some(end) = binding.expires_at {
            self.due.insert((end, slot));
        }
        if let Some(pool) = self.pool_of(slot).and_then(|index| self.pools.get_mut(index)) {
            match binding.state {
                State::Bound => pool.leased = pool.leased.saturating_add(1),
                State::Declined => {
                    pool.resting.insert((rest_end(&binding), slot));
                }
                State::Released => {}
            }
        }
        self.slots.insert(slot, binding);
        self.trim(slot);
    }

    /// Nothing is known of the slot from now on.
    pub(super) fn remove(&mut self, slot: Slot6) {
        if self.unlink(slot) {
            self.vacate(slot);
        }
    }

    /// Takes the binding of the slot out of everything but [`Pool::free`]. True if there was one.
    fn unlink(&mut self, slot: Slot6) -> bool {
        let Some(binding) = self.slots.remove(&slot) else { return false };
        self.lengths.remove(slot);
        self.owners.remove(&(self.hash(&binding.client, Kind::of(slot), binding.iaid), slot));
        let live = match binding.expires_at {
            _ if binding.state == State::Released => false,
            Some(end) => self.due.remove(&(end, slot)),
            None => true,
        };
        if live {
            self.origins.down(&self.hash_origin(&binding.origin, Kind::of(slot)));
        }
        if let Some(pool) = self.pool_of(slot).and_then(|index| self.pools.get_mut(index)) {
            let end = binding.expires_at.unwrap_or(binding.changed_at);
            if pool.ended.remove(&(end, slot)) {
                self.remembered = self.remembered.saturating_sub(1);
            }
            if live && binding.state == State::Bound {
                pool.leased = pool.leased.saturating_sub(1);
            }
            pool.resting.remove(&(rest_end(&binding), slot));
        }
        true
    }

    /// Takes note of what is over by now.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some((end, slot)) = self.due.first().copied().filter(|(end, _)| *end <= now) {
            self.due.remove(&(end, slot));
            let binding = self.slots.get(&slot);
            let declined = binding.is_some_and(|binding| binding.state == State::Declined);
            if let Some(origin) = binding.map(|binding| self.hash_origin(&binding.origin, Kind::of(slot))) {
                self.origins.down(&origin);
            }
            if !declined && let Some(pool) = self.pool_of(slot).and_then(|index| self.pools.get_mut(index)) {
                pool.leased = pool.leased.saturating_sub(1);
            }
            if declined || !self.is_worth_remembering(slot) {
                self.remove(slot);
            } else {
                self.remember(slot, end);
                self.trim(slot);
            }
        }
    }

    /// When [`Table::settle`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(end, _)| *end)
    }

    /// A client may come back for it: it is in a pool and for anybody, or it is reserved.
    fn is_worth_remembering(&self, slot: Slot6) -> bool {
        self.reserved.contains_key(&slot)
            || self.is_for_anybody(slot) && {
                overlapping(&self.slots, &self.lengths, slot).all(|(other, _)| other == slot)
            }
    }

    fn is_for_anybody(&self, slot: Slot6) -> bool {
        self.pool_of(slot).is_some()
            && overlapping(&self.reserved, &self.reserved_lengths, slot).next().is_none()
    }

    /// Others may get the slot when nothing else is left.
    fn remember(&mut self, slot: Slot6, end: Instant) {
        if self.is_for_anybody(slot)
            && let Some(pool) = self.pool_of(slot).and_then(|index| self.pools.get_mut(index))
            && pool.ended.insert((end, slot))
        {
            self.remembered = self.remembered.saturating_add(1);
        }
    }

    /// Forgets the oldest of the pool of `slot` while too much is remembered.
    fn trim(&mut self, slot: Slot6) {
        while self.remembered > MAX_REMEMBERED
            && let Some(pool) = self.pool_of(slot).and_then(|index| self.pools.get(index))
            && let Some((_, oldest)) = pool.ended.first().copied()
        {
            self.remove(oldest);
        }
    }

    /// The pool that `slot` is one of.
    fn pool_of(&self, slot: Slot6) -> Option<usize> {
        let first = extent(slot).address().to_bits();
        let (_, index) = self.starts.range((Kind::of(slot), 0)..=(Kind::of(slot), first)).next_back()?;
        self.pools.get(*index)?.exactly(slot).map(|_| *index)
    }

    /// The members of each pool that a slot has addresses in common with.
    fn spans(&self, slot: Slot6) -> Vec<(usize, u64, u64)> {
        let (kind, whole) = (Kind::of(slot), extent(slot));
        let (first, last) = (whole.address().to_bits(), whole.last().to_bits());
        let before =
            first.checked_sub(1).and_then(|end| self.starts.range((kind, 0)..=(kind, end)).next_back());
        let inside = self.starts.range((kind, first)..=(kind, last));
        before
            .into_iter()
            .chain(inside)
            .filter_map(|(_, index)| {
                let (first, last) = self.pools.get(*index)?.members(slot)?;
                Some((*index, first, last))
            })
            .collect()
    }

    fn occupy(&mut self, slot: Slot6) {
        for (index, first, last) in self.spans(slot) {
            if let Some(pool) = self.pools.get_mut(index) {
                pool.free.take(first, last);
            }
        }
    }

    /// Frees what nothing else occupies. Slots of other lengths than the pool's come from other settings, or are
    /// reserved.
    fn vacate(&mut self, slot: Slot6) {
        for (index, first, last) in self.spans(slot) {
            let Some(pool) = self.pools.get(index) else { continue };
            let whole = if extent(slot).length() > pool.len() { pool.slot(first) } else { slot };
            let bound = overlapping(&self.slots, &self.lengths, whole).map(|(other, _)| other);
            let kept = overlapping(&self.reserved, &self.reserved_lengths, whole).map(|(other, _)| other);
            let others: Vec<Slot6> = bound.chain(kept).collect();
            if let Some(pool) = self.pools.get_mut(index) {
                pool.free.give(first, last);
            }
            others.into_iter().for_each(|other| self.occupy(other));
        }
    }

    fn hash_origin(&self, origin: &Origin, kind: Kind) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, origin, kind).hash(&mut hasher);
        hasher.finish()
    }

    fn hash(&self, client: &Duid, kind: Kind, iaid: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.key, client, kind, iaid).hash(&mut hasher);
        hasher.finish()
    }
}

/// Bound or declined, and not over.
pub(super) fn is_live(now: Instant, binding: &Binding6) -> bool {
    binding.state != State::Released && binding.expires_at.is_none_or(|end| end > now)
}

/// The owner can use it: its own, and not declined.
pub(super) fn holds(owner: Owner<'_>, binding: &Binding6) -> bool {
    binding.state != State::Declined && owner.has(binding)
}

fn rest_end(binding: &Binding6) -> Instant {
    binding.expires_at.unwrap_or(Instant::from_micros(u64::MAX))
}
