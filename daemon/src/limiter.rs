//! At most so many log lines of a kind in a minute, then a count: a flood of packets is no flood of lines.

use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

const WINDOW: Duration = Duration::from_secs(60);
const LINES: u32 = 10;

/// Limits the lines of one link, by kind. The number of kinds must be bounded.
#[derive(Debug)]
pub struct Limiter<K>(BTreeMap<K, Window>);

#[derive(Debug)]
struct Window {
    began_at: Instant,
    lines: u32,
    suppressed: u64,
}

impl<K: Ord> Limiter<K> {
    /// Nothing has been logged yet.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Whether a line of this kind may be logged now, and then how many were suppressed since the last one.
    pub fn admit(&mut self, kind: K, now: Instant) -> Option<u64> {
        let window = self.0.entry(kind).or_insert(Window { began_at: now, lines: 0, suppressed: 0 });
        if now.since(window.began_at) >= WINDOW {
            window.began_at = now;
            window.lines = 0;
        }
        if window.lines >= LINES {
            window.suppressed += 1;
            return None;
        }
        window.lines += 1;
        Some(std::mem::take(&mut window.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_gives_ten_lines_a_minute_and_then_a_count_gen_19() {
        let mut limiter = Limiter::new();
        let admitted = |limiter: &mut Limiter<&str>, second| {
            (0..1000)
                .filter_map(|_| limiter.admit("bad-offer", Instant::from_secs(second)))
                .collect::<Vec<_>>()
        };
        assert_eq!(admitted(&mut limiter, 100), [0; 10]);
        assert_eq!(admitted(&mut limiter, 159), [0; 0]);
        assert_eq!(admitted(&mut limiter, 160), [1990, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn kinds_do_not_share_a_limit() {
        let mut limiter = Limiter::new();
        let now = Instant::from_secs(1);
        while limiter.admit(1, now).is_some() {}
        assert_eq!(limiter.admit(2, now), Some(0));
    }
}
