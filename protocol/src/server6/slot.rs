//! Slots as ranges of addresses, and which of them overlap.

use crate::binding::Slot6;
use crate::prefix::Prefix6;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// What an identity association is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) enum Kind {
    /// IA_NA.
    Address,
    /// IA_PD.
    Prefix,
}

impl Kind {
    /// What a slot is for.
    pub(super) const fn of(slot: Slot6) -> Self {
        match slot {
            Slot6::Address(_) => Self::Address,
            Slot6::Prefix(..) => Self::Prefix,
        }
    }
}

/// The first slot in order.
pub(super) const FIRST: Slot6 = Slot6::Address(Ipv6Addr::UNSPECIFIED);
/// The last slot in order.
pub(super) const LAST: Slot6 = Slot6::Prefix(Ipv6Addr::from_bits(u128::MAX), u8::MAX);

/// Every address of a slot, as a prefix.
pub(super) const fn extent(slot: Slot6) -> Prefix6 {
    match slot {
        Slot6::Address(address) => Prefix6::of(address, 128),
        Slot6::Prefix(prefix, len) => Prefix6::of(prefix, len),
    }
}

/// The delegation of a prefix.
pub(super) const fn delegation(prefix: Prefix6) -> Slot6 {
    Slot6::Prefix(prefix.address(), prefix.length())
}

/// How many slots of a map are prefixes of each length.
#[derive(Default)]
pub(super) struct Lengths(BTreeMap<u8, usize>);

impl Lengths {
    /// One more.
    pub(super) fn add(&mut self, slot: Slot6) {
        if let Slot6::Prefix(_, len) = slot {
            *self.0.entry(len).or_default() += 1;
        }
    }

    /// One less.
    pub(super) fn remove(&mut self, slot: Slot6) {
        let Slot6::Prefix(_, len) = slot else { return };
        if let Some(count) = self.0.get_mut(&len) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.0.remove(&len);
            }
        }
    }
}

/// The slots of `map` that have an address in common with `slot` and are of its kind; `lengths` are those of `map`.
pub(super) fn overlapping<'a, T>(
    map: &'a BTreeMap<Slot6, T>,
    lengths: &'a Lengths,
    slot: Slot6,
) -> impl Iterator<Item = (Slot6, &'a T)> {
    let whole = extent(slot);
    let around = lengths
        .0
        .keys()
        .take_while(move |len| Kind::of(slot) == Kind::Prefix && **len < whole.length())
        .filter_map(move |len| map.get_key_value(&delegation(Prefix6::of(whole.address(), *len))));
    let inside = match slot {
        Slot6::Address(_) => slot..=slot,
        Slot6::Prefix(..) => delegation(whole)..=Slot6::Prefix(whole.last(), 128),
    };
    around.chain(map.range(inside)).map(|(slot, value)| (*slot, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(text: &str) -> Slot6 {
        delegation(text.parse().unwrap())
    }

    #[test]
    fn overlapping_slots_are_around_and_inside_and_of_the_same_kind() {
        let all = [
            prefix("2001:db8::/32"),
            prefix("2001:db8:1::/48"),
            prefix("2001:db8:1::/56"),
            prefix("2001:db8:1:ff00::/56"),
            prefix("2001:db8:2::/48"),
            Slot6::Address("2001:db8:1::".parse().unwrap()),
        ];
        let mut lengths = Lengths::default();
        let map: BTreeMap<Slot6, ()> = all.iter().map(|slot| (*slot, ())).collect();
        all.iter().for_each(|slot| lengths.add(*slot));
        let found = |slot| overlapping(&map, &lengths, slot).map(|(slot, ())| slot).collect::<Vec<_>>();
        assert_eq!(found(all[1]), all[..4]);
        assert_eq!(found(prefix("2001:db8:2:1::/64")), [all[0], all[4]]);
        assert_eq!(found(all[5]), [all[5]]);
        assert_eq!(found(prefix("::/0")), all[..5]);
        assert_eq!(found(prefix("2001:db9::/32")), []);
    }
}
