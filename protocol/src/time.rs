//! Moments and spans. Nothing here can read a clock: time comes in with every input.

use serde::{Deserialize, Serialize};
use std::ops::{Add, Sub};
use std::time::Duration;

/// A moment on the boot-time clock (CLOCK_BOOTTIME), in microseconds since boot.
///
/// That clock counts through suspend and no one can set it, so a lease ends when the server thinks it does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(u64);

impl Instant {
    /// The moment of boot.
    pub const BOOT: Self = Self(0);

    /// A moment from microseconds since boot.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// A moment from whole seconds since boot, saturating.
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since boot.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// Time passed since `earlier`; zero if that lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Moved by `micros`, later or earlier, held at the ends of the range.
    ///
    /// Used when a record of another boot is read: the two boots' clocks differ by a constant.
    pub const fn shifted(self, micros: i64) -> Self {
        Self(self.0.saturating_add_signed(micros))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

impl Sub<Duration> for Instant {
    type Output = Self;

    fn sub(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }
}

/// A lifetime as the wire has it: seconds, where `0xffff_ffff` means for ever.
///
/// The same in DHCPv4 (RFC 2131 §3.3) and DHCPv6 (RFC 8415 §7.7).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lifetime(pub u32);

impl Lifetime {
    /// For ever.
    pub const INFINITE: Self = Self(u32::MAX);

    /// True for `0xffff_ffff`.
    pub const fn is_infinite(self) -> bool {
        self.0 == u32::MAX
    }

    /// The span; `None` when it is infinite.
    pub const fn duration(self) -> Option<Duration> {
        if self.is_infinite() { None } else { Some(Duration::from_secs(self.0 as u64)) }
    }

    /// When a lifetime that began at `start` ends; `None` is never.
    pub fn end(self, start: Instant) -> Option<Instant> {
        self.duration().map(|span| start + span)
    }
}

/// The earlier of two deadlines, where `None` is never.
pub fn earliest(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_infinite_lifetime_never_ends() {
        assert_eq!(Lifetime::INFINITE.end(Instant::from_secs(5)), None);
        assert_eq!(Lifetime(10).end(Instant::from_secs(5)), Some(Instant::from_secs(15)));
    }

    #[test]
    fn arithmetic_saturates_instead_of_wrapping() {
        let late = Instant::from_micros(u64::MAX);
        assert_eq!(late + Duration::from_secs(1), late);
        assert_eq!(Instant::BOOT - Duration::from_secs(1), Instant::BOOT);
        assert_eq!(Instant::BOOT.since(late), Duration::ZERO);
        assert_eq!(Instant::from_secs(1).shifted(-5_000_000), Instant::BOOT);
    }
}
