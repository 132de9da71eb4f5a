//! A set of numbers that finds the next number which is not in it.

use std::collections::BTreeMap;

/// Numbers below a bound, 64 in a word. A bit of a higher level says that a whole word below is full, so that a
/// search passes over full regions. Words that hold nothing take no memory: a pool of sixteen million addresses
/// costs what is used of it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Used {
    /// Lowest first; only words with a bit set.
    levels: Vec<BTreeMap<u64, u64>>,
    bound: u64,
}

impl Used {
    /// Nothing below `bound` is in it.
    pub(super) fn new(bound: u64) -> Self {
        let mut levels = vec![BTreeMap::new()];
        let mut reach = 64_u64;
        while reach < bound {
            levels.push(BTreeMap::new());
            reach = reach.saturating_mul(64);
        }
        Self { levels, bound }
    }

    /// Puts a number in or takes it out.
    pub(super) fn assign(&mut self, number: u64, used: bool) {
        if used { self.insert(number) } else { self.remove(number) }
    }

    fn insert(&mut self, number: u64) {
        let mut position = number;
        for level in &mut self.levels {
            let word = level.entry(position >> 6).or_default();
            *word |= 1 << (position & 63);
            if *word != u64::MAX {
                break;
            }
            position >>= 6;
        }
    }

    fn remove(&mut self, number: u64) {
        let mut position = number;
        for level in &mut self.levels {
            let Some(word) = level.get_mut(&(position >> 6)) else { break };
            let was_full = *word == u64::MAX;
            *word &= !(1 << (position & 63));
            if *word == 0 {
                level.remove(&(position >> 6));
            }
            if !was_full {
                break;
            }
            position >>= 6;
        }
    }

    /// The smallest number from `from` on that is not in it.
    pub(super) fn next_free(&self, from: u64) -> Option<u64> {
        let mut position = from;
        for (height, level) in self.levels.iter().enumerate() {
            let word = level.get(&(position >> 6)).copied().unwrap_or(0);
            let free = !word & (u64::MAX << (position & 63));
            if free != 0 {
                let mut found = (position >> 6) << 6 | u64::from(free.trailing_zeros());
                for below in self.levels.iter().take(height).rev() {
                    let word = below.get(&found).copied().unwrap_or(0);
                    found = found << 6 | u64::from((!word).trailing_zeros());
                }
                return (found < self.bound).then_some(found);
            }
            position = (position >> 6).saturating_add(1);
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    #[test]
    fn full_regions_are_passed_over() {
        let mut used = Used::new(1 << 24);
        for number in 0..300_000 {
            used.assign(number, true);
        }
        assert_eq!(used.next_free(0), Some(300_000));
        used.assign(4711, false);
        assert_eq!(used.next_free(0), Some(4711));
        assert_eq!(used.next_free(4712), Some(300_000));
    }

    #[test]
    fn a_bound_that_is_no_multiple_of_64_is_kept() {
        let mut used = Used::new(65);
        (0..65).for_each(|number| used.assign(number, true));
        assert_eq!(used.next_free(0), None);
        used.assign(64, false);
        assert_eq!(used.next_free(0), Some(64));
        assert_eq!(Used::new(0).next_free(0), None);
        assert_eq!(Used::new(1 << 40).next_free((1 << 40) - 1), Some((1 << 40) - 1));
    }

    proptest! {
        #[test]
        fn it_finds_what_a_plain_set_would(
            bound in 1_u64..10_000,
            steps in proptest::collection::vec((0_u64..10_000, 0_u64..70, any::<bool>()), 0..200),
        ) {
            let mut used = Used::new(bound);
            let mut plain = BTreeSet::new();
            for (start, count, put) in steps {
                for number in (start..start + count).filter(|number| *number < bound) {
                    used.assign(number, put);
                    if put { plain.insert(number); } else { plain.remove(&number); }
                }
                let expected = (start..bound).find(|number| !plain.contains(number));
                prop_assert_eq!(used.next_free(start), expected);
            }
        }
    }
}
