//! Which slot a client gets (RFC 2131 §4.3.1). The same code answers DISCOVER and tells operators.

use super::keyed::spread;
use super::ledger::Ledger;
use super::pool::Pool;
use super::select::{Steps, Subnets};
use super::settings::Settings;
use super::table::{Entry, Timed};
use super::who::Who;
use crate::binding::{Slot4, State};
use crate::refused::Refused;
use crate::time::Instant;
use std::net::Ipv4Addr;

/// Free slots looked at before a pool counts as empty. Only slots that overlap leases of an earlier division of the
/// same address are in vain.
const TRIES: usize = 64;

/// A client's choice of slots: who it is, and which subnets serve it.
pub(super) struct Choice<'a> {
    pub(super) ledger: &'a Ledger,
    pub(super) settings: &'a Settings,
    pub(super) index: &'a Subnets,
    pub(super) now: Instant,
    pub(super) who: &'a Who<'a>,
    /// Indices of the subnets that serve it.
    pub(super) subnets: &'a [usize],
}

impl<'a> Choice<'a> {
    /// True if a subnet that serves the client holds this address.
    pub(super) fn is_here(&self, address: Ipv4Addr) -> bool {
        self.index.holding(address).is_some_and(|subnet| self.subnets.contains(&subnet))
    }

    /// The client's binding of this slot: leased to it, or over, or resting after its own DECLINE.
    pub(super) fn own(&self, slot: Slot4) -> Option<&'a Entry> {
        self.ledger.table.get(slot).filter(|entry| entry.is_of(&self.who.key))
    }

    /// True if the client has this binding now, and its subnet serves it here or it was given at this place.
    ///
    /// A client is its key and nothing else: one that moves keeps its address as long as its subnet serves it there,
    /// and one that two relay agents hear has one lease.
    pub(super) fn has(&self, entry: &Entry) -> bool {
        entry.is_leased(self.now) && (entry.is_at(&self.who.origin) || self.is_here(entry.slot.address))
    }

    /// The leases that the client has here.
    pub(super) fn leases(&self) -> impl Iterator<Item = &'a Entry> {
        self.ledger.table.of_client(self.who.hash, &self.who.key).filter(|entry| self.has(entry))
    }

    /// The offer that is held for the client.
    pub(super) fn offered(&self) -> Option<Slot4> {
        let who = self.who;
        self.ledger.offers.of_client(who.hash, &who.key)
    }

    /// True if the client may go on with a lease: its subnet serves it, the address is not kept for somebody else,
    /// and it can live with a part of the ports if that is what it has.
    pub(super) fn may_keep(&self, slot: Slot4) -> bool {
        self.is_here(slot.address)
            && !self.ledger.reserved.keeps_from(slot.address, self.who)
            && (slot.ports.is_none() || self.who.shared)
    }

    /// True if the client may begin with a slot: one of a pool, or kept for it.
    pub(super) fn may_begin(&self, slot: Slot4) -> bool {
        let pooled = self.ledger.pools.find(slot).is_some();
        self.may_keep(slot) && (pooled || (slot.ports.is_none() && self.is_reserved(slot.address)))
    }

    /// True if the address is kept for the client.
    pub(super) fn is_reserved(&self, address: Ipv4Addr) -> bool {
        self.ledger.reserved.holder(address).is_some_and(|holder| self.who.is(holder))
    }

    /// True if nobody else has the slot or is offered it.
    pub(super) fn is_free(&self, slot: Slot4) -> bool {
        let entry = self.ledger.table.get(slot);
        // What is kept for a client by name goes with it from subnet to subnet.
        let leased = entry.filter(|entry| entry.holds(self.now));
        let available = leased.is_none_or(|entry| {
            entry.is_of(&self.who.key)
                && entry.state == State::Bound
                && (self.has(entry) || self.is_reserved(slot.address))
        });
        available
            && self.ledger.offers.get(slot).is_none_or(|offer| offer.client == self.who.key)
            && !self.ledger.overlaps(slot, self.now)
    }

    /// The slot for a client that takes what it gets.
    ///
    /// # Errors
    /// [`Refused::LeaseLimit`] or [`Refused::PoolEmpty`].
    pub(super) fn best(&self, steps: &mut Steps) -> Result<Slot4, Refused> {
        if let Some(slot) = self.reservation(steps) {
            return Ok(slot);
        }
        let current = self.leases().map(|entry| entry.slot).find(|slot| self.may_keep(*slot));
        if let Some(slot) = self.noted("lease", current, steps) {
            return Ok(slot);
        }
        let offered = self.offered().filter(|slot| self.may_begin(*slot) && self.is_free(*slot));
        if let Some(slot) = self.noted("offer", offered, steps) {
            return Ok(slot);
        }
        if !self.has_room() {
            steps.note("limits", || "the client's place has as many leases as it may have".to_owned());
            return Err(Refused::LeaseLimit);
        }
        if let Some(slot) = self.noted("previous lease", self.previous(), steps) {
            return Ok(slot);
        }
        let requested = self.who.requested.and_then(|address| self.slot_at(address));
        let requested = requested.filter(|slot| self.is_open_at(*slot));
        if let Some(slot) = self.noted("requested address", requested, steps) {
            return Ok(slot);
        }
        if let Some(slot) = self.noted("address never used", self.never_used(), steps) {
            return Ok(slot);
        }
        self.noted("address unused for longest", self.longest_unused(), steps).ok_or(Refused::PoolEmpty)
    }

    /// True if the limits leave room for a lease of this client. One that it has at this place is exchanged.
    pub(super) fn has_room(&self) -> bool {
        self.ledger.has_room(self.who, &self.settings.limits) || self.leases().next().is_some()
    }

    /// The slot that the client had last, here before elsewhere.
    fn previous(&self) -> Option<Slot4> {
        let entries = self.ledger.table.of_client(self.who.hash, &self.who.key);
        let free = entries.filter(|entry| self.may_begin(entry.slot) && self.is_free(entry.slot));
        let last = free.max_by_key(|entry| (entry.is_at(&self.who.origin), entry.changed_at, entry.slot));
        last.map(|entry| entry.slot)
    }

    fn reservation(&self, steps: &mut Steps) -> Option<Slot4> {
        let kept = self.ledger.reserved.for_client(self.who);
        let whole = |address| Slot4 { address, ports: None };
        let free = kept.into_iter().map(whole).find(|slot| self.may_keep(*slot) && self.is_free(*slot));
        self.noted("reservation", free, steps)
    }

    fn noted(&self, rule: &str, slot: Option<Slot4>, steps: &mut Steps) -> Option<Slot4> {
        steps.note(rule, || slot.map_or_else(|| "none".to_owned(), describe));
        slot
    }

    /// The slot a client means when it names an address: the one it has or is offered, the ports it names, or any
    /// free ports of that address.
    pub(super) fn slot_at(&self, address: Ipv4Addr) -> Option<Slot4> {
        let whole = Slot4 { address, ports: None };
        let named = Slot4 { address, ports: self.who.ports };
        let pool = self.ledger.pools.at(address).and_then(|index| self.ledger.pools.get(index));
        let own = self.leases().map(|entry| entry.slot).chain(self.offered());
        let mut own = own.filter(|slot| slot.address == address);
        if self.who.ports.is_some() && self.may_begin(named) {
            return Some(named);
        }
        if let Some(slot) = own.next() {
            return Some(slot);
        }
        let Some((pool, _)) = pool.and_then(|pool| Some((pool, pool.sharing?))) else { return Some(whole) };
        if self.is_reserved(address) {
            return Some(whole);
        }
        let numbers = pool.of_address(address)?;
        pool.used.next_free(numbers.start).filter(|number| *number < numbers.end).and_then(|n| pool.slot(n))
    }

    /// True if a new client may have this slot of a pool.
    pub(super) fn is_open_at(&self, slot: Slot4) -> bool {
        let pool = self.ledger.pools.find(slot).and_then(|(index, _)| self.ledger.pools.get(index));
        self.may_begin(slot)
            && self.is_free(slot)
            && (self.is_reserved(slot.address) || pool.is_some_and(|pool| self.is_open(pool)))
    }

    /// True if the pool has slots for this client: the last of them are kept for clients that had a lease before.
    fn is_open(&self, pool: &Pool) -> bool {
        let kept = pool.percent(self.settings.limits.known_percent);
        pool.taken() < pool.size().saturating_sub(kept)
            || self.ledger.table.of_client(self.who.hash, &self.who.key).next().is_some()
    }

    /// The pools that a client can use: shared addresses first, for who can live with them.
    fn pools(&self) -> impl Iterator<Item = &'a Pool> {
        let of = move |shared: bool| {
            let pools = self.subnets.iter().flat_map(|subnet| self.ledger.pools.of_subnet(*subnet));
            pools.map(|(_, pool)| pool).filter(move |pool| pool.sharing.is_some() == shared)
        };
        let shared = self.who.shared.then(|| of(true)).into_iter().flatten();
        shared.chain(of(false)).filter(|pool| self.is_open(pool))
    }

    fn never_used(&self) -> Option<Slot4> {
        let start = spread(&self.who.key);
        self.pools().find_map(|pool| {
            let first = start.checked_rem(pool.size())?;
            let mut number = first;
            for _ in 0..TRIES {
                number = pool.used.next_free(number).or_else(|| pool.used.next_free(0))?;
                let slot = pool.slot(number)?;
                if !self.ledger.overlaps(slot, self.now) {
                    return Some(slot);
                }
                number = number.saturating_sub(number.checked_rem(pool.sets())?).saturating_add(pool.sets());
            }
            None
        })
    }

    fn longest_unused(&self) -> Option<Slot4> {
        self.pools().find_map(|pool| {
            let idle = pool.idle.from(0).take(TRIES).filter_map(|at| self.ledger.table.entry(Timed(at).id()));
            idle.map(|entry| entry.slot).find(|slot| self.is_free(*slot))
        })
    }
}

/// For operators.
pub(super) fn describe(slot: Slot4) -> String {
    match slot.ports {
        None => slot.address.to_string(),
        Some(set) => format!("{} with port set {} of {} bits", slot.address, set.psid, set.psid_len),
    }
}
