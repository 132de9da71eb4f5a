//! One watched link: the DHCPv6 stage, then the 4o6 client inside it.
//!
//! ```text
//!  absent ──link appears──▶ running ◀──Start── stopped
//!    ▲                       │  │                 ▲
//!    └────link is deleted────┘  └──Stop, Shutdown─┘
//!
//!  running:  socket ─▶ link-local address ─▶ DHCPv6 stage ─▶ permit ─▶ gate ─▶ DHCPv4 engine ─▶ lease ─▶ kernel
//! ```
//!
//! [`Link`] keeps what outlives the interface, `Running` what does not.

mod agent;
mod endpoint;
mod identities;
mod running;
mod status;
#[cfg(test)]
mod tests;

use super::bucket::Bucket;
use crate::facts::{LinkFacts, Noted};
use crate::ids::Duid;
use crate::machine::{Command, Effect, Effects, Input, Machine};
use crate::record::LinkRecord;
use crate::rng::Rng;
use crate::settings::LinkSettings;
use crate::status::Status;
use crate::time::Instant;
use running::{Cx, Running};
use std::sync::Arc;

/// The subscriber's role on one link.
pub struct Link {
    settings: LinkSettings,
    duid: Duid,
    rng: Rng,
    /// One for each endpoint, which a new beginning does not fill again.
    buckets: Vec<Bucket>,
    facts: Arc<LinkFacts>,
    /// What is on disk, or about to be.
    record: LinkRecord,
    /// The operator stopped the link.
    stopped: bool,
    /// The service is ending: nothing starts any more.
    ended: bool,
    running: Option<Box<Running>>,
    last_error: Option<Noted>,
    published: Arc<Status>,
}

impl Link {
    /// A link about which nothing is known yet. Everything begins with the first [`Input::Link`].
    ///
    /// `seed` comes from the kernel's generator; the same seed and inputs give the same effects.
    pub fn new(settings: LinkSettings, duid: Duid, record: LinkRecord, seed: [u8; 32]) -> Self {
        Self {
            settings,
            duid,
            rng: Rng::seeded(seed),
            buckets: Vec::new(),
            facts: Arc::default(),
            record,
            stopped: false,
            ended: false,
            running: None,
            last_error: None,
            published: Arc::default(),
        }
    }

    /// The latest status that was published.
    pub fn status(&self) -> &Status {
        &self.published
    }

    /// Runs `act` on the running part, if there is one.
    fn with<T>(
        &mut self,
        now: Instant,
        out: &mut Effects,
        act: impl FnOnce(&mut Running, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        let running = self.running.as_mut()?;
        let mut cx = Cx {
            now,
            settings: &self.settings,
            facts: &self.facts,
            rng: &mut self.rng,
            buckets: &mut self.buckets,
            record: &mut self.record,
            last_error: &mut self.last_error,
            out,
        };
        Some(act(running, &mut cx))
    }

    /// Creates the running part when the link exists and may run.
    fn begin(&mut self, now: Instant, out: &mut Effects) {
        if self.running.is_some() || self.stopped || self.ended || self.facts.index == 0 {
            return;
        }
        let running = self.fresh(now, out);
        self.running = Some(Box::new(running));
        self.with(now, out, Running::begin);
    }

    /// A running part that has not begun, with everything that is remembered.
    fn fresh(&mut self, now: Instant, out: &mut Effects) -> Running {
        let before = self.record.clone();
        let iaids = identities::assign(&self.settings.endpoints, &mut self.record, &mut self.rng);
        if self.record != before {
            // An endpoint must not be another one after a crash.
            out.push(Effect::Save(Box::new(self.record.clone())));
        }
        self.buckets.resize_with(iaids.len().max(1), || Bucket::full(now));
        Running::new(now, &self.settings, &self.duid, &self.record, &iaids, &self.facts)
    }

    fn on_link(&mut self, now: Instant, facts: &Arc<LinkFacts>, out: &mut Effects) {
        let replaced = self.facts.index != 0 && facts.index != self.facts.index;
        let before = std::mem::replace(&mut self.facts, Arc::clone(facts));
        if replaced {
            self.with(now, out, Running::vanish);
            self.running = None;
        }
        if self.running.is_none() {
            self.begin(now, out);
        } else {
            self.with(now, out, |running, cx| running.on_facts(&before, cx));
        }
    }

    fn on_command(&mut self, now: Instant, command: Command, out: &mut Effects) {
        match command {
            Command::Start => {
                self.stopped = false;
                self.with(now, out, Running::readmit);
                self.begin(now, out);
            }
            Command::Renew => {
                self.stopped = false;
                self.begin(now, out);
                self.with(now, out, Running::renew);
            }
            Command::Rebind => {
                self.with(now, out, Running::rebind);
            }
            Command::Release => {
                self.with(now, out, Running::release);
            }
            Command::Restart => {
                self.stopped = false;
                self.begin(now, out);
                self.with(now, out, Running::restart);
            }
            Command::Resumed => {
                self.with(now, out, Running::resumed);
            }
            Command::Stop | Command::Shutdown => {
                self.stopped |= command == Command::Stop;
                self.ended |= command == Command::Shutdown;
                self.with(now, out, |running, cx| running.stop(command, cx));
            }
        }
    }

    /// Takes over changed settings. What they do not concern goes on; the engines begin again from the record, so that
    /// a lease that still holds is confirmed and never leaves the link.
    fn on_settings(&mut self, now: Instant, settings: LinkSettings, out: &mut Effects) {
        if settings == self.settings {
            return;
        }
        if self.stopped || self.ended {
            // What is stopping goes on stopping as it began.
            self.settings = settings;
            return;
        }
        self.with(now, out, Running::pause);
        self.settings = settings;
        let Some(old) = self.running.take() else { return };
        let mut new = self.fresh(now, out);
        new.inherit(*old, &self.settings.hcra, out);
        self.running = Some(Box::new(new));
        self.with(now, out, Running::begin);
    }

    fn publish(&mut self, now: Instant, out: &mut Effects) {
        let status = self.describe(now);
        if status != *self.published {
            self.published = Arc::new(status);
            out.push(Effect::Publish(Arc::clone(&self.published)));
        }
    }
}

impl Machine for Link {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Effects) {
        match input {
            Input::Link(facts) => self.on_link(now, facts, out),
            Input::Datagram(datagram) => {
                let heard = self.with(now, out, |running, cx| running.on_datagram(&datagram, cx));
                if let Some(Err(refused)) = heard {
                    // Whoever floods us with rubbish buys nothing but a counter.
                    out.push(Effect::Refused(refused));
                    return;
                }
            }
            Input::Deadline => {
                self.with(now, out, Running::on_deadline);
            }
            Input::Opened(endpoint, result) => {
                self.with(now, out, |running, cx| running.on_opened(endpoint, result, cx));
            }
            Input::Frame(frame) => {
                let heard = self.with(now, out, |running, cx| running.base.agent.on_frame(frame, cx));
                if let Some(Err(refused)) = heard {
                    out.push(Effect::Refused(refused));
                    return;
                }
            }
            Input::Resolved(found) => {
                let addresses = found.as_ref().map(|(addresses, _)| addresses.as_slice());
                self.with(now, out, |running, cx| running.base.agent.on_resolved(addresses, cx));
            }
            Input::Configured(id, result) => {
                self.with(now, out, |running, cx| running.on_configured(id, result, cx));
            }
            Input::AddressRemoved(id) => {
                self.with(now, out, |running, cx| running.on_address_removed(id, cx));
            }
            Input::Command(command) => self.on_command(now, command, out),
            Input::Settings(settings) => self.on_settings(now, *settings, out),
        }
        self.with(now, out, Running::settle);
        if self.running.as_ref().is_some_and(|running| running.has_ended()) {
            self.running = None;
            // An operator may have wanted it back meanwhile.
            self.begin(now, out);
        }
        self.publish(now, out);
        if self.ended && self.running.is_none() {
            out.push(Effect::Stopped);
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.running.as_ref().and_then(|running| running.deadline())
    }
}
