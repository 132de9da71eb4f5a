//! How many messages a second are taken from whom.

use crate::time::Instant;
use std::collections::BTreeMap;

/// Most senders that are told apart.
const SENDERS: usize = 65_536;

/// Counts each sender's messages of the running second.
#[derive(Debug)]
pub(super) struct Rates<K> {
    limit: u32,
    second: u64,
    taken: BTreeMap<K, u32>,
}

impl<K: Ord> Rates<K> {
    /// So many a second from each; 0 is no limit.
    pub(super) fn new(limit: u32) -> Self {
        Self { limit, second: 0, taken: BTreeMap::new() }
    }

    /// True if one more may be taken from `sender` now.
    pub(super) fn take(&mut self, now: Instant, sender: K) -> bool {
        if self.limit == 0 {
            return true;
        }
        let second = now.as_micros() / 1_000_000;
        if second != self.second || self.taken.len() >= SENDERS {
            self.second = second;
            self.taken.clear();
        }
        let taken = self.taken.entry(sender).or_default();
        *taken = taken.saturating_add(1);
        *taken <= self.limit
    }
}
