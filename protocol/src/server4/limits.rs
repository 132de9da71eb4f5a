//! What one place, or one client, takes from others.

use super::settings::Limits;
use crate::counts::Counts;
use crate::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// How many leases and offers there are in each place, and behind each circuit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    origins: Counts<u64>,
    /// Empty while nobody limits them.
    circuits: Counts<u32>,
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
        self.origins.up(origin);
        if self.with_circuits && circuit != 0 {
            self.circuits.up(circuit);
        }
    }

    pub(super) fn remove(&mut self, origin: u64, circuit: u32) {
        self.origins.down(&origin);
        if self.with_circuits && circuit != 0 {
            self.circuits.down(&circuit);
        }
    }

    /// There is room for one more lease.
    pub(super) fn has_room(&self, limits: &Limits, origin: u64, circuit: u32) -> bool {
        let below = |count: u32, limit: u32| limit == 0 || count < limit;
        below(self.origins.of(&origin), limits.leases_per_origin)
            && (circuit == 0 || below(self.circuits.of(&circuit), limits.leases_per_interface_id))
    }
}

/// The DECLINEs of the last hour, by client and by place.
#[derive(Debug, Default)]
pub(super) struct Declines {
    recent: VecDeque<(Instant, u64)>,
    counts: Counts<u64>,
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
        if self.counts.of(&who) >= limit {
            return false;
        }
        if self.recent.len() >= Self::MOST {
            self.forget_first();
        }
        self.recent.push_back((now, who));
        self.counts.up(who);
        true
    }

    fn forget_first(&mut self) {
        if let Some((_, who)) = self.recent.pop_front() {
            self.counts.down(&who);
        }
    }
}
