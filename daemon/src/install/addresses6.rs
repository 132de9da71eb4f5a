//! The IPv6 addresses that DHCPv6 gave a link.

use super::{KERNEL_ROUNDING, Place, Retry};
use crate::clock::now;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::lease::Assignment6;
use dhcp4o6_protocol::time::Instant;
use std::time::Duration;

/// Addresses that vanished are put back once in this time.
const RESTORE_INTERVAL: Duration = Duration::from_secs(60);

/// What should be on the link.
pub(super) struct Addresses6 {
    link: Place,
    want: Vec<Assignment6>,
    refused: bool,
    /// The monitor has shown all wanted addresses on the link.
    seen: bool,
    /// When one that vanished was put back.
    restored_at: Option<Instant>,
    /// The link was up at the last look.
    up: bool,
    retry: Retry,
}

impl Addresses6 {
    pub(super) fn new(link: Place) -> Self {
        Self {
            link,
            want: Vec::new(),
            refused: false,
            seen: false,
            restored_at: None,
            up: false,
            retry: Retry::default(),
        }
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        self.retry.at
    }

    pub(super) async fn assign(&mut self, want: Vec<Assignment6>) {
        self.want = want;
        self.seen = false;
        self.retry = Retry::default();
        self.apply().await;
    }

    pub(super) async fn retry(&mut self) {
        if self.retry.is_due(now()) {
            self.apply().await;
        }
    }

    pub(super) async fn look(&mut self, facts: &LinkFacts) {
        let came_up = !std::mem::replace(&mut self.up, facts.up) && facts.up;
        let all = self.want.iter().all(|want| facts.addresses.iter().any(|a| a.address == want.address));
        let lost = facts.up && !all && self.seen && self.may_restore();
        if facts.up {
            self.seen = all;
        }
        if lost {
            self.restored_at = Some(now());
        }
        // The kernel drops IPv6 addresses with an interface that goes down, perhaps too fast to be seen.
        if lost || (came_up && !self.want.is_empty()) {
            self.apply().await;
        }
    }

    /// Neither do wanted addresses end by themselves, nor does somebody remove them again and again.
    fn may_restore(&self) -> bool {
        let now = now();
        let rested = self.restored_at.is_none_or(|at| now.since(at) >= RESTORE_INTERVAL);
        rested && self.want.iter().all(|want| want.valid_until.is_none_or(|end| now + KERNEL_ROUNDING < end))
    }

    /// Takes everything away, when nobody will look after it any more.
    pub(super) async fn leave(&mut self) {
        if !self.want.is_empty() {
            self.assign(Vec::new()).await;
        }
    }

    async fn apply(&mut self) {
        match self.link.access.assign6(self.link.index, self.want.clone()).await {
            Ok(()) => {
                self.retry = Retry::default();
                self.refused = false;
            }
            Err(error) => {
                self.retry.again(now());
                if !std::mem::replace(&mut self.refused, true) {
                    tracing::warn!(error = ?error.to_string(), "the DHCPv6 addresses are not installed");
                }
            }
        }
    }
}
