//! The one source of chance. It is seeded from outside, so that the same inputs give the same effects.

use rand_chacha::ChaCha12Rng;
use rand_core::{Rng as _, SeedableRng};
use std::time::Duration;

/// A cryptographic generator (transaction ids must not be guessed: RFC 8415 §16.1), or a scripted one for tests.
pub struct Rng(Source);

enum Source {
    ChaCha(Box<ChaCha12Rng>),
    Scripted { fraction: f64, next: u32 },
}

impl Rng {
    /// A generator for production and simulation. The daemon takes `seed` from the kernel.
    pub fn seeded(seed: [u8; 32]) -> Self {
        Self(Source::ChaCha(Box::new(ChaCha12Rng::from_seed(seed))))
    }

    /// For tests of timers: every uniform draw lands at `fraction` (0.0 to 1.0) of its range, and ids count
    /// 1, 2, 3 and so on. With 0.5 a symmetric jitter is exactly zero.
    pub fn scripted(fraction: f64) -> Self {
        Self(Source::Scripted { fraction, next: 0 })
    }

    /// 32 random bits.
    pub fn u32(&mut self) -> u32 {
        match &mut self.0 {
            Source::ChaCha(rng) => rng.next_u32(),
            Source::Scripted { next, .. } => {
                *next = next.wrapping_add(1);
                *next
            }
        }
    }

    /// Uniform in `[low, high]`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        let fraction = match &mut self.0 {
            Source::ChaCha(rng) => f64::from(rng.next_u32()) / f64::from(u32::MAX),
            Source::Scripted { fraction, .. } => *fraction,
        };
        low + (high - low) * fraction
    }

    /// Uniform in `[0, longest]`.
    pub fn up_to(&mut self, longest: Duration) -> Duration {
        longest.mul_f64(self.between(0.0, 1.0))
    }
}

impl std::fmt::Debug for Rng {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The state predicts every id to come: it never goes into a log.
        f.write_str("Rng")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_stay_in_their_range() {
        let mut rng = Rng::seeded([7; 32]);
        for _ in 0..10_000 {
            let draw = rng.between(-0.1, 0.1);
            assert!((-0.1..=0.1).contains(&draw));
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_ids() {
        let (mut one, mut other) = (Rng::seeded([1; 32]), Rng::seeded([1; 32]));
        assert!((0..100).all(|_| one.u32() == other.u32()));
    }
}
