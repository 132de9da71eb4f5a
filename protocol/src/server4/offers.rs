//! Offered slots. They live in memory only: who lost an offer asks again.

use crate::binding::{ClientKey, Slot4};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Offers at a time, over all pools: what a flood of forged clients can make us remember.
const MOST: usize = 65_536;

/// A slot held for a client.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Offer {
    pub(super) client: ClientKey,
    /// Stands for it.
    pub(super) hash: u64,
    /// Stands for where it was.
    pub(super) place: u64,
    /// The slot's pool; `None` for a reserved address outside all pools.
    pub(super) pool: Option<usize>,
    /// Stands for the circuit, 0 for none.
    pub(super) circuit: u32,
    pub(super) until: Instant,
}

/// All offers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Offers {
    by_slot: BTreeMap<Slot4, Offer>,
    /// By a hash of the client; looked at again in the offer.
    by_client: BTreeMap<u64, Slot4>,
    ends: BTreeSet<(Instant, Slot4)>,
    /// Of each pool, oldest first.
    by_pool: BTreeSet<(usize, Instant, Slot4)>,
}

impl Offers {
    pub(super) fn get(&self, slot: Slot4) -> Option<&Offer> {
        self.by_slot.get(&slot)
    }

    /// The slot that is held for a client.
    pub(super) fn of_client(&self, hash: u64, client: &ClientKey) -> Option<Slot4> {
        let slot = *self.by_client.get(&hash)?;
        self.get(slot).filter(|offer| offer.client == *client).map(|_| slot)
    }

    /// Offers of slots in this range.
    pub(super) fn range(&self, slots: RangeInclusive<Slot4>) -> impl Iterator<Item = (Slot4, &Offer)> {
        self.by_slot.range(slots).map(|(slot, offer)| (*slot, offer))
    }

    /// Holds a slot that is not held.
    pub(super) fn insert(&mut self, slot: Slot4, offer: Offer) {
        self.by_client.insert(offer.hash, slot);
        self.ends.insert((offer.until, slot));
        if let Some(pool) = offer.pool {
            self.by_pool.insert((pool, offer.until, slot));
        }
        self.by_slot.insert(slot, offer);
    }

    /// Holds a slot no longer.
    pub(super) fn remove(&mut self, slot: Slot4) -> Option<Offer> {
        let offer = self.by_slot.remove(&slot)?;
        self.ends.remove(&(offer.until, slot));
        if let Some(pool) = offer.pool {
            self.by_pool.remove(&(pool, offer.until, slot));
        }
        if self.by_client.get(&offer.hash) == Some(&slot) {
            self.by_client.remove(&offer.hash);
        }
        Some(offer)
    }

    /// The offer that ends next.
    pub(super) fn oldest(&self) -> Option<(Instant, Slot4)> {
        self.ends.first().copied()
    }

    /// The offer of a pool that ends next.
    pub(super) fn oldest_of(&self, pool: usize) -> Option<Slot4> {
        let (of, _, slot) = self.by_pool.range((pool, Instant::BOOT, FIRST)..).next()?;
        (*of == pool).then_some(*slot)
    }

    /// Every offer.
    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = (Slot4, &Offer)> {
        self.by_slot.iter().map(|(slot, offer)| (*slot, offer))
    }

    pub(super) fn is_full(&self) -> bool {
        self.by_slot.len() >= MOST
    }
}

/// Before all slots.
const FIRST: Slot4 = Slot4 { address: std::net::Ipv4Addr::UNSPECIFIED, ports: None };
