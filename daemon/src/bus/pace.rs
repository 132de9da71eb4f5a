//! How often a link may speak on the bus.

use std::time::{Duration, Instant};

/// Time per token, and between two ordinary announcements.
const INTERVAL: Duration = Duration::from_secs(1);
/// Urgent changes that may go at once one after another: enough for a link on its way up.
const BURST: u32 = 8;

/// A token bucket: one announcement per [`INTERVAL`] in the long run. Of those it allows, the ordinary ones keep
/// [`INTERVAL`] apart; a change of what people wait for goes at once while there are tokens.
#[derive(Debug)]
pub(super) struct Pace {
    last_at: Option<Instant>,
    tokens: u32,
    refilled_at: Instant,
}

impl Pace {
    /// A link that has not spoken.
    pub(super) fn new(now: Instant) -> Self {
        Self { last_at: None, tokens: BURST, refilled_at: now }
    }

    /// `None` when a change may be announced now, which then counts as done; else how long to wait.
    pub(super) fn take(&mut self, urgent: bool, now: Instant) -> Option<Duration> {
        let refill = now.saturating_duration_since(self.refilled_at).as_secs();
        if refill > 0 {
            self.tokens = self.tokens.saturating_add(u32::try_from(refill).unwrap_or(u32::MAX)).min(BURST);
            self.refilled_at += Duration::from_secs(refill);
        }
        let due = |since: Option<Instant>| {
            since.map_or(Duration::ZERO, |at| (at + INTERVAL).saturating_duration_since(now))
        };
        let calm = if urgent { Duration::ZERO } else { due(self.last_at) };
        let token = if self.tokens > 0 { Duration::ZERO } else { due(Some(self.refilled_at)) };
        let wait = calm.max(token);
        if !wait.is_zero() {
            return Some(wait);
        }
        self.tokens = self.tokens.saturating_sub(1);
        self.last_at = Some(now);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn the_first_change_goes_at_once_and_the_next_waits_for_the_second_to_end() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.take(false, start), None);
        assert_eq!(pace.take(false, start + ms(300)), Some(ms(700)));
        assert_eq!(pace.take(false, start + ms(1000)), None);
    }

    #[test]
    fn a_link_on_its_way_up_is_followed_step_by_step() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert!((0..6).all(|step| pace.take(true, start + ms(step * 5)).is_none()));
    }

    #[test]
    fn a_storm_is_thinned_to_one_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let spoken = (0..60_000).filter(|at| pace.take(true, start + ms(*at)).is_none()).count();
        assert_eq!(spoken, 59 + 8);
    }
}
