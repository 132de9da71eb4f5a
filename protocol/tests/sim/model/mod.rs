//! A network in memory: virtual time, one link, its kernel and disk, servers, an attacker, and everything that can go
//! wrong between them. One seed decides it all; the same seed gives the same history.

pub(crate) mod agent;
pub(crate) mod attacker;
pub(crate) mod chance;
pub(crate) mod chaos;
pub(crate) mod chaos67;
pub(crate) mod driver;
pub(crate) mod fuzz;
pub(crate) mod kernel;
pub(crate) mod net;
pub(crate) mod pace;
pub(crate) mod server;
pub(crate) mod server4;
pub(crate) mod watch;
pub(crate) mod witness67;

use std::time::Duration;

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

pub(crate) const fn secs(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(crate) const fn hours(count: u64) -> Duration {
    Duration::from_secs(count * 3600)
}
