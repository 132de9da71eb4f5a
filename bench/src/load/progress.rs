//! The line that shows how far it has come, where a terminal is there to show it.

use dhcp4o6_protocol::time::Instant;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

/// Time between two looks.
const INTERVAL: Duration = Duration::from_millis(250);

/// A line on standard error that is written over.
pub(crate) struct Progress {
    visible: bool,
    began_at: Instant,
    shown_at: Instant,
    done: u64,
}

impl Progress {
    pub(crate) fn new(began_at: Instant) -> Self {
        Self { visible: std::io::stderr().is_terminal(), began_at, shown_at: began_at, done: 0 }
    }

    /// When to look again, whether or not it shows.
    pub(crate) fn due_at(&self) -> Instant {
        self.shown_at + INTERVAL
    }

    /// Shows what has been done so far, and the rate since the last time.
    pub(crate) fn show(&mut self, now: Instant, measured: bool, done: u64, busy: u32, lost: u64) {
        let span = now.since(self.shown_at).as_secs_f64();
        // The count begins anew with the measured part.
        let rate = done.saturating_sub(self.done) as f64 / span.max(0.001);
        let second = now.since(self.began_at).as_secs_f64();
        let part = if measured { "" } else { ", not measured yet" };
        if self.visible {
            eprint!(
                "\r\x1b[K{second:6.1} s  {rate:8.0}/s  {busy} outstanding, {done} done, {lost} lost{part}"
            );
            let _ = std::io::stderr().flush();
        }
        (self.shown_at, self.done) = (now, done);
    }

    /// Says something that stays.
    pub(crate) fn say(&self, text: &str) {
        self.clear();
        eprintln!("dhcp4o6-load: {text}");
    }

    /// Takes the line away.
    pub(crate) fn clear(&self) {
        if self.visible {
            eprint!("\r\x1b[K");
        }
    }
}
