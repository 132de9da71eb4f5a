//! Chance of the world around the link, apart from the link's own.

use dhcp4o6_protocol::rng::Rng;
use std::time::Duration;

pub(crate) struct Chance(Rng);

impl Chance {
    pub(crate) fn seeded(seed: u64) -> Self {
        let mut octets = [0; 32];
        octets[..8].copy_from_slice(&seed.to_be_bytes());
        Self(Rng::seeded(octets))
    }

    /// True with this probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        probability > 0.0 && self.0.between(0.0, 1.0) < probability
    }

    /// 0 to `below` - 1; 0 when that is empty.
    pub(crate) fn below(&mut self, below: usize) -> usize {
        self.0.u32() as usize % below.max(1)
    }

    pub(crate) fn octet(&mut self) -> u8 {
        self.0.u32().to_be_bytes()[0]
    }

    pub(crate) fn within(&mut self, low: Duration, high: Duration) -> Duration {
        low + self.0.up_to(high - low)
    }

    pub(crate) fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.octet())
    }
}
