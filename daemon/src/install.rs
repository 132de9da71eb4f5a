//! Keeps the kernel as the role wants it: what it refused is tried again, what vanished with a link that went down
//! comes back with it, and what an operator removed stays away.

use crate::clock::now;
use crate::namespace::Access;
use dhcp4o6_netlink::apply::Placement;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::{Instant, earliest};
use std::time::Duration;

/// First pause after a refusal; doubles up to [`MAX_PAUSE`].
const PAUSE: Duration = Duration::from_secs(1);
const MAX_PAUSE: Duration = Duration::from_secs(60);
/// The kernel counts lifetimes in seconds: it may end an address this much before the lease ends.
const KERNEL_ROUNDING: Duration = Duration::from_secs(2);
/// IPv6 addresses that vanished are put back once in this time.
const RESTORE_INTERVAL: Duration = Duration::from_secs(60);

/// An interface that gets addresses.
#[derive(Clone, Debug)]
pub struct Place {
    /// To its namespace.
    pub access: Access,
    /// Its index there.
    pub index: u32,
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.access.netns().inode() == other.access.netns().inode() && self.index == other.index
    }
}

/// Where IPv4 goes, and how.
#[derive(Clone, PartialEq, Debug)]
pub struct Target {
    /// The interface; `None` while it does not exist.
    pub place: Option<Place>,
    /// Metric and table of the routes.
    pub placement: Placement,
}

/// What the task has to tell the role.
#[derive(Clone, PartialEq, Debug)]
pub enum News {
    /// Another outcome than before.
    Configured(Result<(), ConfigureError>),
    /// Somebody else took the address away.
    AddressRemoved,
}

/// What should be in the kernel for one link.
pub struct Install {
    link: Place,
    target: Target,
    want4: Option<Box<Ipv4Config>>,
    /// What was last told; `None` before the first try of what is wanted now.
    outcome4: Option<Result<(), ConfigureError>>,
    /// The monitor has shown the wanted address on the target.
    seen4: bool,
    /// The target was up at the last look.
    up: bool,
    retry4: Retry,
    /// Routes of ours vanished: when they are put back.
    repair4: Retry,
    want6: Vec<Assignment6>,
    refused6: bool,
    /// The monitor has shown all wanted IPv6 addresses on the link.
    seen6: bool,
    /// When one that vanished was put back.
    restored6_at: Option<Instant>,
    /// The link was up at the last look.
    link_up: bool,
    retry6: Retry,
}

impl Install {
    /// Nothing is wanted yet. `link` gets the IPv6 addresses, `target` IPv4.
    pub fn new(link: Place, target: Target) -> Self {
        Self {
            link,
            target,
            want4: None,
            outcome4: None,
            seen4: false,
            up: false,
            retry4: Retry::default(),
            repair4: Retry::default(),
            want6: Vec::new(),
            refused6: false,
            seen6: false,
            restored6_at: None,
            link_up: false,
            retry6: Retry::default(),
        }
    }

    /// When [`Install::retry`] is due.
    pub fn retry_at(&self) -> Option<Instant> {
        earliest(earliest(self.retry4.at, self.repair4.at), self.retry6.at)
    }

    /// Makes the target's IPv4 what is wanted.
    ///
    /// # Errors
    /// When the kernel does not have it now. Tried again later.
    pub async fn configure(&mut self, want: Option<Box<Ipv4Config>>) -> Result<(), ConfigureError> {
        let address = |config: &Option<Box<Ipv4Config>>| config.as_ref().map(|config| config.address);
        if address(&want) != address(&self.want4) {
            self.seen4 = false;
        }
        self.want4 = want;
        self.retry4 = Retry::default();
        self.repair4 = Retry::default();
        let outcome = self.apply4().await;
        self.outcome4 = Some(outcome.clone());
        outcome
    }

    /// Makes the link's DHCPv6 addresses those wanted.
    pub async fn assign(&mut self, want: Vec<Assignment6>) {
        self.want6 = want;
        self.seen6 = false;
        self.retry6 = Retry::default();
        self.apply6().await;
    }

    /// Repeats what was refused, as far as it is due.
    pub async fn retry(&mut self) -> Option<News> {
        let now = now();
        if self.retry6.is_due(now) {
            self.apply6().await;
        }
        let repairs = self.repair4.is_due(now);
        if repairs {
            self.repair4.at = None;
        }
        if repairs || self.retry4.is_due(now) { self.again4().await } else { None }
    }

    /// The kernel's view or the configuration changed. `routes_missing` tells that the address is on the target and
    /// some route of it is not.
    pub async fn look(&mut self, facts: &LinkFacts, target: &Target, routes_missing: bool) -> Option<News> {
        self.look6(facts).await;
        if self.target != *target {
            if self.target.place != target.place {
                self.leave4().await;
            }
            self.target = target.clone();
            self.up = facts.target(EndpointId::FIRST).is_some_and(|target| target.up);
            // Without a target the role decides what is wanted then.
            return if self.target.place.is_some() { self.again4().await } else { None };
        }
        let view = facts.target(EndpointId::FIRST);
        let came_up = !std::mem::replace(&mut self.up, view.is_some_and(|view| view.up)) && self.up;
        let want = self.want4.as_ref()?;
        let present = view.is_some_and(|view| view.ours4.contains(&want.address));
        let runs_on = want.expires_at.is_none_or(|end| now() + KERNEL_ROUNDING < end);
        if present {
            self.seen4 = true;
        } else if self.seen4 && self.up && !came_up && runs_on {
            self.seen4 = false;
            self.want4 = None;
            self.retry4 = Retry::default();
            return Some(News::AddressRemoved);
        }
        if came_up {
            // The kernel has dropped the routes with the interface.
            return self.again4().await;
        }
        if routes_missing && self.up && self.repair4.at.is_none() {
            // It came back too fast to be seen, or somebody took them. They are put back, ever more slowly.
            self.repair4.again(now());
        }
        None
    }

    async fn look6(&mut self, facts: &LinkFacts) {
        let came_up = !std::mem::replace(&mut self.link_up, facts.up) && facts.up;
        let all = self.want6.iter().all(|want| facts.addresses.iter().any(|a| a.address == want.address));
        let lost = facts.up && !all && self.seen6 && self.may_restore6();
        if facts.up {
            self.seen6 = all;
        }
        if lost {
            self.restored6_at = Some(now());
        }
        // The kernel drops IPv6 addresses with an interface that goes down, perhaps too fast to be seen.
        if lost || (came_up && !self.want6.is_empty()) {
            self.apply6().await;
        }
    }

    /// Neither do wanted IPv6 addresses end by themselves, nor does somebody remove them again and again.
    fn may_restore6(&self) -> bool {
        let now = now();
        let rested = self.restored6_at.is_none_or(|at| now.since(at) >= RESTORE_INTERVAL);
        rested && self.want6.iter().all(|want| want.valid_until.is_none_or(|end| now + KERNEL_ROUNDING < end))
    }

    /// Takes everything away, when nobody will look after it any more.
    pub async fn leave(&mut self) {
        self.leave4().await;
        self.want4 = None;
        if !self.want6.is_empty() {
            self.assign(Vec::new()).await;
        }
    }

    async fn leave4(&mut self) {
        if let (Some(place), Some(_)) = (&self.target.place, &self.want4) {
            // It may be gone already, and everything on it.
            let _ = place.access.configure4(place.index, None, self.target.placement).await;
        }
        self.seen4 = false;
    }

    /// Repeats the last wish; tells only what is new.
    async fn again4(&mut self) -> Option<News> {
        let before = self.outcome4.clone()?;
        let outcome = self.apply4().await;
        self.outcome4 = Some(outcome.clone());
        (outcome != before).then_some(News::Configured(outcome))
    }

    async fn apply4(&mut self) -> Result<(), ConfigureError> {
        let outcome = match (&self.target.place, &self.want4) {
            (Some(place), want) => {
                place.access.configure4(place.index, want.as_deref().cloned(), self.target.placement).await
            }
            // Gone, and everything on it.
            (None, None) => Ok(()),
            (None, Some(_)) => Err(ConfigureError::NoTarget),
        };
        match &outcome {
            Ok(()) => self.retry4 = Retry::default(),
            Err(error) => {
                self.retry4.again(now());
                if self.outcome4.as_ref() != Some(&outcome) {
                    tracing::warn!(error = ?error.to_string(), "the IPv4 configuration is not installed");
                }
            }
        }
        outcome
    }

    async fn apply6(&mut self) {
        match self.link.access.assign6(self.link.index, self.want6.clone()).await {
            Ok(()) => {
                self.retry6 = Retry::default();
                self.refused6 = false;
            }
            Err(error) => {
                self.retry6.again(now());
                if !std::mem::replace(&mut self.refused6, true) {
                    tracing::warn!(error = ?error.to_string(), "the DHCPv6 addresses are not installed");
                }
            }
        }
    }
}

/// Doubling pauses.
#[derive(Default)]
struct Retry {
    at: Option<Instant>,
    pause: Duration,
}

impl Retry {
    fn again(&mut self, now: Instant) {
        self.pause = (self.pause * 2).clamp(PAUSE, MAX_PAUSE);
        self.at = Some(now + self.pause);
    }

    fn is_due(&self, now: Instant) -> bool {
        self.at.is_some_and(|at| at <= now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_from_one_to_sixty_seconds_inst_10() {
        let mut retry = Retry::default();
        let pauses: Vec<_> = (0..8)
            .map(|_| {
                retry.again(Instant::from_secs(100));
                retry.at.unwrap().since(Instant::from_secs(100)).as_secs()
            })
            .collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
    }
}
