//! How much is taken from whom: a token bucket for each of many senders, in a table that forged senders cannot grow.

use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Most buckets of one table.
pub(crate) const CAPACITY: usize = 65_536;
/// A bucket holds what it earns in this time, unless said otherwise, so twice the rate can come at once.
const BURST: Duration = Duration::from_secs(2);

/// Token buckets, one for each key that was seen of late. Every operation takes O(log n), and the same calls have the
/// same outcome.
///
/// A bucket is kept as the moment at which it will be full again, and forgotten from then on, because one that is full
/// says no more than one that is not there. When the table is full, the bucket that is next to being full makes room:
/// whoever sends most is remembered longest, however many others are made up.
#[derive(Debug)]
pub(crate) struct Rates<K> {
    /// What one message costs; `None` is no limit.
    interval: Option<Duration>,
    /// A bucket holds what it earns in this time.
    burst: Duration,
    full_at: BTreeMap<K, Instant>,
    /// The same, in the order in which buckets get full.
    order: BTreeSet<(Instant, K)>,
}

impl<K: Ord + Copy> Rates<K> {
    /// Buckets that each let `per_second` messages pass, and twice as many at once; 0 is no limit, and so is more than
    /// a million.
    pub(crate) fn new(per_second: u32) -> Self {
        Self::with_burst(per_second, BURST)
    }

    /// The same, with what is earned in `burst` at once.
    pub(crate) fn with_burst(per_second: u32, burst: Duration) -> Self {
        Self { interval: interval(per_second), burst, full_at: BTreeMap::new(), order: BTreeSet::new() }
    }

    /// Another limit from now on. What was used up stays used up.
    pub(crate) fn configure(&mut self, per_second: u32) {
        self.interval = interval(per_second);
        if self.interval.is_none() {
            self.full_at.clear();
            self.order.clear();
        }
    }

    /// True if one more message of `key` may pass; then it is counted. One that may not costs nothing.
    pub(crate) fn take(&mut self, now: Instant, key: K) -> bool {
        let Some(interval) = self.interval else { return true };
        self.forget_full(now);
        let before = self.full_at.get(&key).copied();
        let full_at = before.unwrap_or(now).max(now) + interval;
        if full_at > now + self.burst {
            return false;
        }
        match before {
            Some(before) => _ = self.order.remove(&(before, key)),
            None => self.make_room(),
        }
        self.order.insert((full_at, key));
        self.full_at.insert(key, full_at);
        true
    }

    /// More are forgotten with each message than one message can add, so all are in time.
    fn forget_full(&mut self, now: Instant) {
        for _ in 0..2 {
            if self.order.first().is_some_and(|(full_at, _)| *full_at <= now) {
                self.drop_first();
            }
        }
    }

    fn make_room(&mut self) {
        if self.full_at.len() >= CAPACITY {
            self.drop_first();
        }
    }

    fn drop_first(&mut self) {
        if let Some((_, key)) = self.order.pop_first() {
            self.full_at.remove(&key);
        }
    }

    /// Buckets in the table.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert_eq!(self.full_at.len(), self.order.len());
        self.full_at.len()
    }
}

/// Time is counted in whole microseconds.
fn interval(per_second: u32) -> Option<Duration> {
    let micros = 1_000_000_u64.checked_div(u64::from(per_second))?;
    (micros > 0).then(|| Duration::from_micros(micros))
}

/// A short name for octets that are compared for equality only, and only to find a bucket. Whoever makes two that
/// collide shares a bucket with itself.
pub(crate) fn digest(parts: &[&[u8]]) -> u64 {
    // FNV-1a. Each part ends with its length, so that parts cannot be shifted against each other.
    let step = |hash: u64, octet: u8| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3);
    parts.iter().fold(0xcbf2_9ce4_8422_2325, |hash, part| {
        let hash = part.iter().fold(hash, |hash, octet| step(hash, *octet));
        part.len().to_be_bytes().into_iter().fold(hash, step)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_secs(1000);

    fn passed(rates: &mut Rates<u32>, key: u32, at: impl IntoIterator<Item = Instant>) -> usize {
        at.into_iter().filter(|now| rates.take(*now, key)).count()
    }

    #[test]
    fn twice_the_rate_at_once_and_then_the_rate_s46_45() {
        let mut rates = Rates::new(20);
        assert_eq!(passed(&mut rates, 1, vec![START; 100]), 40);
        let each_millisecond = (1..=10_000).map(|ms| START + Duration::from_millis(ms));
        assert_eq!(passed(&mut rates, 1, each_millisecond), 200);
        let later = START + Duration::from_secs(60);
        assert_eq!(passed(&mut rates, 1, vec![later; 100]), 40);
    }

    #[test]
    fn a_smaller_burst_leaves_the_rate_as_it_is_r6_21() {
        let mut rates = Rates::with_burst(20, Duration::from_secs(1));
        assert_eq!(passed(&mut rates, 1, vec![START; 100]), 20);
        let each_millisecond = (1..=10_000).map(|ms| START + Duration::from_millis(ms));
        assert_eq!(passed(&mut rates, 1, each_millisecond), 200);
    }

    #[test]
    fn one_sender_takes_nothing_from_another() {
        let mut rates = Rates::new(20);
        assert_eq!(passed(&mut rates, 1, vec![START; 1000]), 40);
        assert_eq!(passed(&mut rates, 2, vec![START; 1000]), 40);
    }

    #[test]
    fn no_limit_is_no_table() {
        for unlimited in [0, 1_000_001, u32::MAX] {
            let mut rates = Rates::new(unlimited);
            assert_eq!(passed(&mut rates, 1, vec![START; 100_000]), 100_000);
            assert_eq!(rates.len(), 0);
        }
    }

    #[test]
    fn quiet_senders_are_forgotten_by_and_by() {
        let mut rates = Rates::new(20);
        for n in 0..10_000 {
            rates.take(START, n);
        }
        assert_eq!(rates.len(), 10_000);
        let later = START + Duration::from_secs(1);
        for n in 0..10_001 {
            rates.take(later + Duration::from_millis(n), u32::MAX);
        }
        assert_eq!(rates.len(), 1);
    }

    #[test]
    fn forged_senders_neither_grow_the_table_nor_make_it_forget_a_heavy_one() {
        let mut rates = Rates::new(20);
        assert_eq!(passed(&mut rates, u32::MAX, vec![START; 100]), 40);
        for n in 0..200_000 {
            assert!(rates.take(START, n));
        }
        assert_eq!(rates.len(), CAPACITY);
        assert!(!rates.take(START, u32::MAX), "the heavy sender got a fresh bucket");
    }

    #[test]
    fn another_limit_does_not_refill() {
        let mut rates = Rates::new(20);
        assert_eq!(passed(&mut rates, 1, vec![START; 100]), 40);
        rates.configure(10);
        assert_eq!(passed(&mut rates, 1, vec![START; 100]), 0);
        rates.configure(0);
        assert_eq!(passed(&mut rates, 1, vec![START; 100]), 100);
    }

    #[test]
    fn names_of_different_parts_differ() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_ne!(digest(&[b""]), digest(&[]));
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"ab", b"c"]));
    }
}
