//! What failed is tried again after a pause, and a program that fails too often gives up.

use crate::clock::now;
use crate::supervisor::Fatal;
use dhcp4o6_protocol::time::Instant;
use std::collections::VecDeque;
use std::time::Duration;

/// First pause after a failure; doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// A failure this long after the last one is not the same again.
const FORGET: Duration = Duration::from_secs(600);
/// So many panics within [`PANIC_WINDOW`] end the process.
const PANICS: usize = 3;
const PANIC_WINDOW: Duration = Duration::from_secs(60);

/// A pause after a failure.
#[derive(Clone, Copy)]
pub struct Rest {
    /// When to try again.
    pub until: Instant,
    /// How long it is altogether.
    pub pause: Duration,
}

impl Rest {
    /// The pause from now on, given the one after the failure before.
    pub fn after(before: Option<Self>) -> Self {
        let now = now();
        let before = before.filter(|rest| now.since(rest.until) < FORGET);
        let pause = before.map_or(PAUSE, |rest| (rest.pause * 2).min(MAX_PAUSE));
        Self { until: now + pause, pause }
    }
}

/// The panics of the last minute.
#[derive(Default)]
pub struct Panics(VecDeque<Instant>);

impl Panics {
    /// Counts one.
    ///
    /// # Errors
    /// When there is something wrong with the program.
    pub fn one_more(&mut self) -> Result<(), Fatal> {
        let now = now();
        self.0.retain(|at| now.since(*at) < PANIC_WINDOW);
        self.0.push_back(now);
        if self.0.len() >= PANICS { Err(Fatal::Panics(PANICS)) } else { Ok(()) }
    }
}
