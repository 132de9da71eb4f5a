//! Where a client relay agent is: the longest of many prefixes that holds its address.

use crate::prefix::Prefix6;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Prefixes, each with the number of something. A search takes one step for each length that occurs.
#[derive(Debug, Default)]
pub(super) struct Places {
    lengths: BTreeSet<u8>,
    numbers: BTreeMap<(u8, Ipv6Addr), usize>,
}

impl Places {
    /// The number of the longest prefix that `address` is in.
    pub(super) fn at(&self, address: Ipv6Addr) -> Option<usize> {
        let number = |length: &u8| self.numbers.get(&(*length, Prefix6::of(address, *length).address()));
        self.lengths.iter().rev().find_map(number).copied()
    }
}

/// Of equal prefixes the first counts.
impl FromIterator<(Prefix6, usize)> for Places {
    fn from_iter<T: IntoIterator<Item = (Prefix6, usize)>>(entries: T) -> Self {
        let mut places = Self::default();
        for (prefix, number) in entries {
            places.lengths.insert(prefix.length());
            places.numbers.entry((prefix.length(), prefix.address())).or_insert(number);
        }
        places
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_counts_whatever_the_order() {
        let prefixes = ["2001:db8::/32", "2001:db8:1::/48", "2001:db8:1:2::/64", "::/0", "2001:db8:1::/48"];
        let mut entries: Vec<(Prefix6, usize)> =
            prefixes.iter().enumerate().map(|(n, prefix)| (prefix.parse().unwrap(), n)).collect();
        for first in [1, 4] {
            let places: Places = entries.iter().copied().collect();
            let at = |address: &str| places.at(address.parse().unwrap());
            assert_eq!(at("2001:db8:9::1"), Some(0));
            assert_eq!(at("2001:db8:1:ffff::1"), Some(first));
            assert_eq!(at("2001:db8:1:2::1"), Some(2));
            assert_eq!(at("fd00::1"), Some(3));
            entries.reverse();
        }
        let none: Places = entries.iter().copied().filter(|(prefix, _)| !prefix.is_all()).collect();
        assert_eq!(none.at("fd00::1".parse().unwrap()), None);
    }
}
