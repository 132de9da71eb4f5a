//! Which members of a range are free, as runs of free ones: small while a pool is nearly empty or nearly full, and
//! the next free member is found without looking at those in use.

use std::collections::BTreeMap;

/// Free members of `0..count`: first to last member of each run. Runs neither overlap nor touch.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Runs(BTreeMap<u64, u64>);

impl Runs {
    /// All of `0..count` is free.
    pub(super) fn all(count: u64) -> Self {
        Self(count.checked_sub(1).map(|last| (0, last)).into_iter().collect())
    }

    /// True if `member` is free.
    pub(super) fn contains(&self, member: u64) -> bool {
        self.0.range(..=member).next_back().is_some_and(|(_, last)| member <= *last)
    }

    /// The first free member from `start` on, or from 0 on when there is none.
    pub(super) fn next(&self, start: u64) -> Option<u64> {
        if self.contains(start) {
            return Some(start);
        }
        self.0.range(start..).next().or_else(|| self.0.iter().next()).map(|(first, _)| *first)
    }

    /// `first` to `last` are no longer free. They need not have been.
    pub(super) fn take(&mut self, first: u64, last: u64) {
        while let Some((start, end)) = self.0.range(..=last).next_back().map(|(start, end)| (*start, *end)) {
            if end < first {
                break;
            }
            self.0.remove(&start);
            if let Some(after) = last.checked_add(1).filter(|after| *after <= end) {
                self.0.insert(after, end);
            }
            if let Some(before) = first.checked_sub(1).filter(|before| *before >= start) {
                self.0.insert(start, before);
                break;
            }
        }
    }

    /// `first` to `last` are free.
    pub(super) fn give(&mut self, first: u64, last: u64) {
        self.take(first, last);
        let (mut first, mut last) = (first, last);
        if let Some((start, end)) = self.0.range(..first).next_back().map(|(start, end)| (*start, *end))
            && end.checked_add(1) == Some(first)
        {
            self.0.remove(&start);
            first = start;
        }
        if let Some(end) = last.checked_add(1).and_then(|next| self.0.remove(&next)) {
            last = end;
        }
        self.0.insert(first, last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    #[test]
    fn runs_are_what_a_list_of_flags_would_be() {
        const COUNT: usize = 64;
        let mut rng = Rng::seeded([5; 32]);
        let mut runs = Runs::all(COUNT as u64);
        let mut flags = [true; COUNT];
        for _ in 0..20_000 {
            let draw = |rng: &mut Rng| rng.u32() as usize % COUNT;
            let (one, other) = (draw(&mut rng), draw(&mut rng) % 9);
            let (first, last) = (one, (one + other).min(COUNT - 1));
            let free = rng.u32().is_multiple_of(2);
            flags[first..=last].fill(free);
            let change = if free { Runs::give } else { Runs::take };
            change(&mut runs, first as u64, last as u64);
            for (member, flag) in flags.iter().enumerate() {
                assert_eq!(runs.contains(member as u64), *flag, "{member} of {runs:?}");
            }
            let start = draw(&mut rng);
            let expected = (start..COUNT).chain(0..start).find(|member| flags[*member]);
            assert_eq!(runs.next(start as u64), expected.map(|member| member as u64));
            let touching = runs.0.iter().zip(runs.0.iter().skip(1)).any(|(one, next)| one.1 + 1 >= *next.0);
            assert!(!touching, "{runs:?}");
        }
    }

    #[test]
    fn the_largest_range_has_ends() {
        let mut runs = Runs::all(u64::MAX);
        runs.take(u64::MAX - 1, u64::MAX - 1);
        assert_eq!(runs.next(u64::MAX - 1), Some(0));
        runs.give(u64::MAX - 1, u64::MAX - 1);
        assert_eq!(runs, Runs::all(u64::MAX));
        assert_eq!(Runs::all(0).next(0), None);
    }
}
