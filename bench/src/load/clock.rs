//! The boot-time clock, by which leases count.

use dhcp4o6_protocol::time::Instant;
use nix::time::{ClockId, clock_gettime};
use std::time::Duration;

/// The time now.
///
/// # Panics
/// Never: every kernel this builds for has the clock.
pub(crate) fn now() -> Instant {
    let time = clock_gettime(ClockId::CLOCK_BOOTTIME).expect("Linux has CLOCK_BOOTTIME");
    let micros = Duration::from(time).as_micros();
    Instant::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
}
