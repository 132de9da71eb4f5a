//! A range of addresses, or a prefix that is delegated in parts: which are free, and who is next when none is.

use super::runs::Runs;
use super::slot::{Kind, delegation, extent};
use crate::binding::Slot6;
use crate::prefix::Prefix6;
use crate::time::Instant;
use std::collections::BTreeSet;
use std::net::Ipv6Addr;

/// One slot in so many can rest after Declines. Beyond that, and only when nothing else is left, the longest resting
/// are given out early: a client that declines everything cannot empty a pool.
const RESTING_SHARE: u64 = 20;

/// A pool of a subnet.
pub(super) struct Pool {
    /// Position of its subnet in the settings.
    pub(super) subnet: usize,
    /// As configured.
    pub(super) name: String,
    first: u128,
    last: u128,
    /// Length of each slot: 128 for addresses.
    len: u8,
    kind: Kind,
    /// Slots, at most 2^64 - 1.
    pub(super) count: u64,
    /// Slots without binding or reservation, and not part of any other slot that has one.
    pub(super) free: Runs,
    /// Bindings that are over, by their end: the first is reused first.
    pub(super) ended: BTreeSet<(Instant, Slot6)>,
    /// Declined slots, by the end of their rest.
    pub(super) resting: BTreeSet<(Instant, Slot6)>,
    /// Slots with a lease.
    pub(super) leased: u64,
    /// Slots kept for somebody.
    pub(super) reserved: u64,
}

impl Pool {
    /// Addresses from `first` to `last`.
    pub(super) fn addresses(subnet: usize, first: Ipv6Addr, last: Ipv6Addr) -> Self {
        let name = format!("{first}-{last}");
        Self::new(subnet, name, first.to_bits(), last.to_bits(), 128, Kind::Address)
    }

    /// `whole` in parts of `len` bits.
    pub(super) fn prefixes(subnet: usize, whole: Prefix6, len: u8) -> Self {
        let name = format!("{whole}:{len}");
        let (first, last) = (whole.address().to_bits(), whole.last().to_bits());
        Self::new(subnet, name, first, last, len.clamp(whole.length(), 128), Kind::Prefix)
    }

    fn new(subnet: usize, name: String, first: u128, last: u128, len: u8, kind: Kind) -> Self {
        let most = last.saturating_sub(first).checked_shr(shift(len)).unwrap_or(0);
        let count = u64::try_from(most).unwrap_or(u64::MAX).saturating_add(1);
        Self {
            subnet,
            name,
            first,
            last,
            len,
            kind,
            count,
            free: Runs::all(count),
            ended: BTreeSet::new(),
            resting: BTreeSet::new(),
            leased: 0,
            reserved: 0,
        }
    }

    /// First address.
    pub(super) const fn first(&self) -> u128 {
        self.first
    }

    /// Length of each slot.
    pub(super) const fn len(&self) -> u8 {
        self.len
    }

    /// What its slots are for.
    pub(super) const fn kind(&self) -> Kind {
        self.kind
    }

    /// The slots that `slot` has addresses in common with, as members of [`Pool::free`]: first and last.
    pub(super) fn members(&self, slot: Slot6) -> Option<(u64, u64)> {
        if Kind::of(slot) != self.kind {
            return None;
        }
        let whole = extent(slot);
        let first = self.member(whole.address().to_bits().max(self.first))?;
        let last = whole.last().to_bits().min(self.last);
        (whole.last().to_bits() >= self.first).then_some(())?;
        let last = self.member(last).unwrap_or(self.count.saturating_sub(1));
        (first <= last).then_some((first, last))
    }

    /// Which member an address belongs to.
    fn member(&self, address: u128) -> Option<u64> {
        let offset = address.checked_sub(self.first).filter(|_| address <= self.last)?;
        let member = u64::try_from(offset.checked_shr(shift(self.len)).unwrap_or(0)).ok()?;
        (member < self.count).then_some(member)
    }

    /// The member that `slot` is, if it is exactly one.
    pub(super) fn exactly(&self, slot: Slot6) -> Option<u64> {
        let (first, last) = self.members(slot)?;
        (first == last && extent(slot).length() == self.len).then_some(first)
    }

    /// The slot of a member.
    pub(super) fn slot(&self, member: u64) -> Slot6 {
        let offset = u128::from(member).checked_shl(shift(self.len)).unwrap_or(0);
        let address = Ipv6Addr::from_bits(self.first.saturating_add(offset));
        match self.kind {
            Kind::Address => Slot6::Address(address),
            Kind::Prefix => delegation(Prefix6::of(address, self.len)),
        }
    }

    /// A free slot that is not in `taken`: the same one for the same `spread` as long as it is free.
    pub(super) fn unused(&self, spread: u64, taken: &[Slot6]) -> Option<Slot6> {
        let mut start = spread.checked_rem(self.count)?;
        for _ in 0..=taken.len() {
            let member = self.free.next(start)?;
            let slot = self.slot(member);
            if !taken.contains(&slot) {
                return Some(slot);
            }
            start = member.saturating_add(1);
        }
        None
    }

    /// The slot whose binding has been over for longest, not in `taken`.
    pub(super) fn oldest(&self, taken: &[Slot6]) -> Option<(Instant, Slot6)> {
        self.ended.iter().copied().find(|(_, slot)| !taken.contains(slot))
    }

    /// The slot that has rested longest, not in `taken`, when too many rest.
    pub(super) fn rested(&self, taken: &[Slot6]) -> Option<(Instant, Slot6)> {
        let most = (self.count / RESTING_SHARE).max(1);
        let resting = u64::try_from(self.resting.len()).unwrap_or(u64::MAX);
        (resting > most).then(|| self.resting.iter().copied().find(|(_, slot)| !taken.contains(slot)))?
    }
}

/// Bits behind a prefix of `len`.
const fn shift(len: u8) -> u32 {
    128_u32.saturating_sub(len as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Slot6 {
        Slot6::Address(text.parse().unwrap())
    }

    fn prefix(text: &str) -> Slot6 {
        delegation(text.parse().unwrap())
    }

    #[test]
    fn addresses_are_members_in_order() {
        let pool = Pool::addresses(0, "2001:db8::10".parse().unwrap(), "2001:db8::1f".parse().unwrap());
        assert_eq!(pool.count, 16);
        assert_eq!(pool.slot(15), address("2001:db8::1f"));
        assert_eq!(pool.exactly(address("2001:db8::11")), Some(1));
        assert_eq!(pool.exactly(address("2001:db8::20")), None);
        assert_eq!(pool.exactly(address("2001:db8::f")), None);
        assert_eq!(pool.exactly(prefix("2001:db8::11/128")), None);
    }

    #[test]
    fn parts_of_a_prefix_are_members_and_other_lengths_cover_some() {
        let pool = Pool::prefixes(0, "2001:db8:d000::/40".parse().unwrap(), 56);
        assert_eq!(pool.count, 65_536);
        assert_eq!(pool.slot(257), prefix("2001:db8:d001:100::/56"));
        assert_eq!(pool.exactly(prefix("2001:db8:d001:100::/56")), Some(257));
        assert_eq!(pool.exactly(prefix("2001:db8:d001:100::/60")), None);
        assert_eq!(pool.members(prefix("2001:db8:d001:110::/60")), Some((257, 257)));
        assert_eq!(pool.members(prefix("2001:db8:d001::/48")), Some((256, 511)));
        assert_eq!(pool.members(prefix("2001:db8::/32")), Some((0, 65_535)));
        assert_eq!(pool.members(prefix("2001:db9::/32")), None);
        assert_eq!(pool.members(prefix("2001:db8::/40")), None);
    }

    #[test]
    fn a_whole_64_is_a_pool_and_so_is_one_address() {
        let pool = Pool::addresses(
            0,
            "2001:db8::".parse().unwrap(),
            "2001:db8::ffff:ffff:ffff:ffff".parse().unwrap(),
        );
        assert_eq!(pool.count, u64::MAX);
        assert!(pool.unused(u64::MAX - 1, &[]).is_some());
        let pool = Pool::addresses(0, "2001:db8::1".parse().unwrap(), "2001:db8::1".parse().unwrap());
        assert_eq!(pool.unused(77, &[]), Some(address("2001:db8::1")));
        assert_eq!(pool.unused(77, &[address("2001:db8::1")]), None);
        let pool = Pool::prefixes(0, "::/0".parse().unwrap(), 0);
        assert_eq!((pool.count, pool.slot(0)), (1, prefix("::/0")));
    }

    #[test]
    fn what_is_taken_in_the_same_message_is_passed_over() {
        let pool = Pool::addresses(0, "2001:db8::".parse().unwrap(), "2001:db8::2".parse().unwrap());
        let mut taken = Vec::new();
        while let Some(slot) = pool.unused(2, &taken) {
            taken.push(slot);
        }
        assert_eq!(taken, [address("2001:db8::2"), address("2001:db8::"), address("2001:db8::1")]);
    }
}
