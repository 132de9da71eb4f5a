//! The token bucket over all that a link sends (RFC 8415 §14.1): whatever loops, the wire stays quiet.

use crate::params::{SEND_BURST, SEND_INTERVAL};
use crate::time::Instant;

/// [`SEND_BURST`] messages at once, then one per [`SEND_INTERVAL`].
#[derive(Debug)]
pub(crate) struct Bucket {
    tokens: u32,
    /// Up to here the passing of time has been turned into tokens.
    filled_at: Instant,
}

impl Bucket {
    pub(crate) fn full(now: Instant) -> Self {
        Self { tokens: SEND_BURST, filled_at: now }
    }

    /// True if one more message may be sent now.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.filled_at).as_micros() / SEND_INTERVAL.as_micros();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(earned).min(SEND_BURST);
        self.filled_at = if self.tokens == SEND_BURST {
            now
        } else {
            self.filled_at + SEND_INTERVAL.saturating_mul(earned)
        };
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_of_20_then_one_a_second_c6_28() {
        let start = Instant::from_secs(100);
        let mut bucket = Bucket::full(start);
        assert_eq!((0..50).filter(|_| bucket.take(start)).count(), 20);
        let mut sent = 0;
        for tenth in 0..1000 {
            sent += usize::from(bucket.take(start + Duration::from_millis(tenth * 100)));
        }
        assert_eq!(sent, 99);
    }
}
