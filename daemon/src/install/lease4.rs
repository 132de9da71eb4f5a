//! The IPv4 of one endpoint on its target.

use super::{Ipv4Addr, KERNEL_ROUNDING, News, Place, Retry, Target};
use crate::clock::now;
use dhcp4o6_protocol::facts;
use dhcp4o6_protocol::lease::Ipv4Config;
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::{Instant, earliest};

/// What other endpoints of the link have on the same target.
#[derive(Default)]
pub(super) struct Beside {
    pub(super) addresses: Vec<Ipv4Addr>,
    /// Some of them have not said yet what they want: anything of ours that is there may be theirs.
    pub(super) unknown: bool,
}

/// What should be on the target.
pub(super) struct Lease4 {
    target: Target,
    want: Option<Box<Ipv4Config>>,
    /// What was last told; `None` before the first try of what is wanted now.
    outcome: Option<Result<(), ConfigureError>>,
    /// Addresses of ours that the last look found on the target.
    found: Vec<Ipv4Addr>,
    /// The monitor has shown the wanted address on the target.
    seen: bool,
    /// The target was up at the last look.
    up: bool,
    retry: Retry,
    /// Routes of ours vanished: when they are put back.
    repair: Retry,
}

impl Lease4 {
    /// Nothing is wanted yet.
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            want: None,
            outcome: None,
            found: Vec::new(),
            seen: false,
            up: false,
            retry: Retry::default(),
            repair: Retry::default(),
        }
    }

    pub(super) fn place(&self) -> Option<&Place> {
        self.target.place.as_ref()
    }

    /// The address that is wanted, once the role has said whether there is one.
    pub(super) fn wanted(&self) -> Option<Option<Ipv4Addr>> {
        self.outcome.as_ref()?;
        Some(self.want.as_ref().map(|config| config.address))
    }

    pub(super) fn retry_at(&self) -> Option<Instant> {
        earliest(self.retry.at, self.repair.at)
    }

    pub(super) async fn configure(
        &mut self,
        want: Option<Box<Ipv4Config>>,
        beside: Beside,
    ) -> Result<(), ConfigureError> {
        let address = |config: &Option<Box<Ipv4Config>>| config.as_ref().map(|config| config.address);
        if address(&want) != address(&self.want) {
            // What an earlier process left there is not shown again.
            self.seen = address(&want).is_some_and(|wanted| self.found.contains(&wanted));
        }
        let before = address(&self.want);
        self.want = want;
        self.retry = Retry::default();
        self.repair = Retry::default();
        let outcome = self.apply(beside, before).await;
        self.outcome = Some(outcome.clone());
        outcome
    }

    /// Repeats what was refused, if that is due.
    pub(super) async fn retry(&mut self, beside: Beside) -> Option<News> {
        let now = now();
        let repairs = self.repair.is_due(now);
        if repairs {
            self.repair.at = None;
        }
        if repairs || self.retry.is_due(now) { self.again(beside).await } else { None }
    }

    /// The kernel's view or the configuration changed.
    pub(super) async fn look(
        &mut self,
        view: Option<&facts::Target>,
        target: &Target,
        routes_missing: bool,
        beside: Beside,
    ) -> Option<News> {
        self.found = view.map(|view| view.ours4.clone()).unwrap_or_default();
        if self.target != *target {
            if self.target.place != target.place {
                self.leave_place(beside).await;
            }
            self.target = target.clone();
            self.up = view.is_some_and(|view| view.up);
            // Without a target the role decides what is wanted then. What others have on the new one is not known here.
            let unknown = Beside { addresses: Vec::new(), unknown: true };
            return if self.target.place.is_some() { self.again(unknown).await } else { None };
        }
        let came_up = !std::mem::replace(&mut self.up, view.is_some_and(|view| view.up)) && self.up;
        let want = self.want.as_ref()?;
        let present = self.found.contains(&want.address);
        let runs_on = want.expires_at.is_none_or(|end| now() + KERNEL_ROUNDING < end);
        if present {
            self.seen = true;
        } else if self.seen && self.up && !came_up && runs_on {
            self.seen = false;
            self.want = None;
            self.retry = Retry::default();
            return Some(News::AddressRemoved);
        }
        if came_up {
            // The kernel has dropped the routes with the interface.
            return self.again(beside).await;
        }
        if routes_missing && self.up && self.repair.at.is_none() {
            // It came back too fast to be seen, or somebody took them. They are put back, ever more slowly.
            self.repair.again(now());
        }
        None
    }

    /// Takes everything away, when nobody will look after it any more.
    pub(super) async fn leave(&mut self, beside: Beside) {
        self.leave_place(beside).await;
        self.want = None;
    }

    async fn leave_place(&mut self, beside: Beside) {
        if let (Some(place), Some(config)) = (&self.target.place, &self.want) {
            let kept = self.kept(beside, Some(config.address));
            // It may be gone already, and everything on it.
            let _ = place.access.configure4(place.index, None, self.target.placement, kept).await;
        }
        self.seen = false;
    }

    /// Repeats the last wish; tells only what is new.
    async fn again(&mut self, beside: Beside) -> Option<News> {
        let before = self.outcome.clone()?;
        let outcome = self.apply(beside, None).await;
        self.outcome = Some(outcome.clone());
        (outcome != before).then_some(News::Configured(outcome))
    }

    /// `before` is the address that was wanted until now.
    async fn apply(&mut self, beside: Beside, before: Option<Ipv4Addr>) -> Result<(), ConfigureError> {
        let kept = self.kept(beside, before);
        let outcome = match (&self.target.place, &self.want) {
            (Some(place), want) => {
                let want = want.as_deref().cloned();
                place.access.configure4(place.index, want, self.target.placement, kept).await
            }
            // Gone, and everything on it.
            (None, None) => Ok(()),
            (None, Some(_)) => Err(ConfigureError::NoTarget),
        };
        match &outcome {
            Ok(()) => self.retry = Retry::default(),
            Err(error) => {
                self.retry.again(now());
                if self.outcome.as_ref() != Some(&outcome) {
                    tracing::warn!(error = ?error.to_string(), "the IPv4 configuration is not installed");
                }
            }
        }
        outcome
    }

    /// Addresses of ours that are not to be touched on the target.
    fn kept(&self, beside: Beside, before: Option<Ipv4Addr>) -> Vec<Ipv4Addr> {
        let mut kept = beside.addresses;
        let own = [before, self.want.as_ref().map(|config| config.address)];
        if beside.unknown {
            kept.extend(self.found.iter().filter(|found| !own.contains(&Some(**found))));
        }
        kept
    }
}
