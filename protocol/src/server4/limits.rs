//! What one place, or one client, takes from others.

use super::settings::Limits;
use crate::time::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How many leases and offers there are in each place, and behind each circuit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    origins: BTreeMap<u64, u32>,
    /// Empty while nobody limits them.
    circuits: BTreeMap<u32, u32>,
    with_circuits: bool,
}

impl Places {
    pub(super) fn new(limits: &Limits) -> Self {
        let with_circuits = limits.leases_per_interface_id > 0;
        Self { with_circuits, ..Self::default() }
    }

    pub(super) fn with_circuits(&self) -> bool {
        self.with_circuits
    }

    pub(super) fn add(&mut self, origin: u64, circuit: u32) {
        up(&mut self.origins, origin);
        if self.with_circuits && circuit != 0 {
            up(&mut self.circuits, circuit);
        }
    }

    pub(super) fn remove(&mut self, origin: u64, circuit: u32) {
        down(&mut self.origins, origin);
        if self.with_circuits && circuit != 0 {
            down(&mut self.circuits, circuit);
        }
    }

    /// There is room for one more lease.
    pub(super) fn has_room(&self, limits: &Limits, origin: u64, circuit: u32) -> bool {
        let below = |count: Option<&u32>, limit: u32| limit == 0 || count.copied().unwrap_or(0) < limit;
        below(self.origins.get(&origin), limits.leases_per_origin)
            && (circuit == 0 || below(self.circuits.get(&circuit), limits.leases_per_interface_id))
    }
}

fn up<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    let count = counts.entry(key).or_default();
    *count = count.saturating_add(1);
}

fn down<K: Ord>(counts: &mut BTreeMap<K, u32>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count = count.saturating_sub(1);
        if *count == 0 {
            counts.remove(&key);
        }
    }
}

/// The DECLINEs of the last hour, by client and by place.
#[derive(Debug, Default)]
pub(super) struct Declines {
    recent: VecDeque<(Instant, u64)>,
    counts: BTreeMap<u64, u32>,
}

impl Declines {
    const WINDOW: Duration = Duration::from_secs(3600);
    /// Beyond this many the oldest are forgotten.
    const MOST: usize = 65_536;

    /// True if this one is among the first `limit` of the last hour; then it counts.
    pub(super) fn allow(&mut self, now: Instant, who: u64, limit: u32) -> bool {
        while self.recent.front().is_some_and(|(at, _)| *at + Self::WINDOW <= now) {
            self.forget_first();
        }
        if self.counts.get(&who).copied().unwrap_or(0) >= limit {
            return false;
        }
        if self.recent.len() >= Self::MOST {
            self.forget_first();
        }
        self.recent.push_back((now, who));
        up(&mut self.counts, who);
        true
    }

    fn forget_first(&mut self) {
        if let Some((_, who)) = self.recent.pop_front() {
            down(&mut self.counts, who);
        }
    }
}
