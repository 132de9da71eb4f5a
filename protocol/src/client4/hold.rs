//! With a lease: suspended, REBOOTING, BOUND, RENEWING, REBINDING (RFC 2131 §3.2, §4.4.2, §4.4.5).

use super::acquire::{Checking, Init};
use super::config::same_configuration;
use super::exchange::{Exchange, Pace};
use super::message::Query;
use super::reply::{Ack, Expected, Offer, Reply, server_id};
use super::state::{State, Step};
use crate::lease::{Lease4, LeaseEventKind};
use crate::params;
use crate::refused::Refused;
use crate::time::{Instant, earliest};
use crate::wire::v4::{Message, MessageType};
use std::time::Duration;

/// Nothing may be sent. A lease runs on and ends in its time.
#[derive(Debug, Default)]
pub(super) struct Suspended {
    pub(super) lease: Option<Lease4>,
    /// The lease's end is not reported before this.
    not_before: Instant,
}

impl Suspended {
    /// As at the beginning.
    pub(super) const fn new(lease: Option<Lease4>) -> Self {
        Self { lease, not_before: Instant::BOOT }
    }

    /// From `now` on: an end that was overdue already comes with the next deadline, which must be later than now.
    pub(super) fn since(now: Instant, lease: Option<Lease4>) -> Self {
        Self { lease, not_before: now + Duration::from_micros(1) }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.lease.as_ref()?.expires_at.map(|end| end.max(self.not_before))
    }

    pub(super) fn on_deadline(self, step: &mut Step<'_, '_>) -> State {
        if let Some(lease) = self.lease {
            step.lost(LeaseEventKind::Expired, lease);
        }
        State::Suspended(Self::default())
    }
}

/// INIT-REBOOT: asks whether the lease is good here. It counts until someone denies it.
#[derive(Debug)]
pub(super) struct Rebooting {
    pub(super) exchange: Exchange,
    pub(super) lease: Lease4,
}

impl Rebooting {
    pub(super) fn enter(lease: Lease4, step: &mut Step<'_, '_>) -> State {
        if !lease.is_valid(step.now) {
            return expired(lease, step);
        }
        let query = Query::Reboot { address: lease.address };
        State::Rebooting(Self { exchange: Exchange::begin(query, Pace::Doubling, step), lease })
    }

    pub(super) fn judge(
        &self,
        kind: MessageType,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<Reply, Refused> {
        judge_with_lease(kind, message, &self.exchange, &self.lease, Naks::FromAnyone, now)
    }

    pub(super) fn on_ack(self, ack: Ack, step: &mut Step<'_, '_>) -> State {
        let lease = self.exchange.lease(ack, step);
        let kind = extended(LeaseEventKind::Renewed, &self.lease, &lease);
        Checking::enter(lease, kind, step)
    }

    pub(super) fn deadline(&self) -> Instant {
        sooner(self.exchange.next_at, self.lease.expires_at)
    }

    /// Without an answer the lease is used for the time it has left (RFC 2131 §3.2).
    pub(super) fn on_deadline(mut self, step: &mut Step<'_, '_>) -> State {
        if !self.lease.is_valid(step.now) {
            return expired(self.lease, step);
        }
        if self.exchange.transmissions < params::REQUEST4_COUNT {
            self.exchange.transmit(step);
            return State::Rebooting(self);
        }
        let address = self.lease.address;
        step.note(
            "no-answer",
            format!("no DHCPv4 server confirms {address}; it is used until its lease ends"),
        );
        Bound::enter(self.lease, step)
    }
}

/// BOUND.
#[derive(Debug)]
pub(super) struct Bound {
    pub(super) lease: Lease4,
}

impl Bound {
    /// A server gave or extended the lease.
    pub(super) fn granted(lease: Lease4, kind: LeaseEventKind, step: &mut Step<'_, '_>) -> State {
        step.memory.naks = 0;
        if kind != LeaseEventKind::Acquired {
            step.memory.conflicts = 0;
        }
        step.memory.previous = Some(Offer { address: lease.address, server_id: lease.server_id });
        step.out.push(super::Action::Granted(kind));
        Self::enter(lease, step)
    }

    /// Where a lease of this age belongs: BOUND, RENEWING after T1, REBINDING after T2, nowhere after its end.
    pub(super) fn enter(lease: Lease4, step: &mut Step<'_, '_>) -> State {
        let past = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= step.now);
        if past(lease.expires_at) {
            expired(lease, step)
        } else if past(lease.rebind_at) {
            Rebinding::enter(lease, step)
        } else if past(lease.renew_at) {
            Renewing::enter(lease, step)
        } else {
            State::Bound(Self { lease })
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        earliest(earliest(self.lease.renew_at, self.lease.rebind_at), self.lease.expires_at)
    }
}

/// RENEWING: asks the server that gave the lease.
#[derive(Debug)]
pub(super) struct Renewing {
    pub(super) exchange: Exchange,
    pub(super) lease: Lease4,
}

impl Renewing {
    pub(super) fn enter(lease: Lease4, step: &mut Step<'_, '_>) -> State {
        let query = Query::Renew { address: lease.address };
        let exchange = Exchange::begin(query, Pace::Halving(lease.rebind_at), step);
        State::Renewing(Self { exchange, lease })
    }

    pub(super) fn judge(
        &self,
        kind: MessageType,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<Reply, Refused> {
        judge_with_lease(kind, message, &self.exchange, &self.lease, Naks::FromItsServer, now)
    }

    pub(super) fn on_ack(self, ack: Ack, step: &mut Step<'_, '_>) -> State {
        let lease = self.exchange.lease(ack, step);
        let kind = extended(LeaseEventKind::Renewed, &self.lease, &lease);
        Bound::granted(lease, kind, step)
    }

    pub(super) fn deadline(&self) -> Instant {
        sooner(self.exchange.next_at, earliest(self.lease.rebind_at, self.lease.expires_at))
    }

    pub(super) fn on_deadline(mut self, step: &mut Step<'_, '_>) -> State {
        let over = earliest(self.lease.rebind_at, self.lease.expires_at);
        if over.is_some_and(|at| at <= step.now) {
            return Bound::enter(self.lease, step);
        }
        self.exchange.transmit(step);
        State::Renewing(self)
    }
}

/// REBINDING: asks any server.
#[derive(Debug)]
pub(super) struct Rebinding {
    pub(super) exchange: Exchange,
    pub(super) lease: Lease4,
}

impl Rebinding {
    pub(super) fn enter(lease: Lease4, step: &mut Step<'_, '_>) -> State {
        let query = Query::Rebind { address: lease.address };
        let exchange = Exchange::begin(query, Pace::Halving(lease.expires_at), step);
        State::Rebinding(Self { exchange, lease })
    }

    pub(super) fn judge(
        &self,
        kind: MessageType,
        message: &Message<'_>,
        now: Instant,
    ) -> Result<Reply, Refused> {
        judge_with_lease(kind, message, &self.exchange, &self.lease, Naks::FromAnyone, now)
    }

    pub(super) fn on_ack(self, ack: Ack, step: &mut Step<'_, '_>) -> State {
        let lease = self.exchange.lease(ack, step);
        let kind = extended(LeaseEventKind::Rebound, &self.lease, &lease);
        Bound::granted(lease, kind, step)
    }

    pub(super) fn deadline(&self) -> Instant {
        sooner(self.exchange.next_at, self.lease.expires_at)
    }

    pub(super) fn on_deadline(mut self, step: &mut Step<'_, '_>) -> State {
        if !self.lease.is_valid(step.now) {
            return expired(self.lease, step);
        }
        self.exchange.transmit(step);
        State::Rebinding(self)
    }
}

/// Whose NAK counts.
enum Naks {
    FromItsServer,
    FromAnyone,
}

/// ACK and NAK to a REQUEST about a lease that we have.
fn judge_with_lease(
    kind: MessageType,
    message: &Message<'_>,
    exchange: &Exchange,
    lease: &Lease4,
    naks: Naks,
    now: Instant,
) -> Result<Reply, Refused> {
    if !lease.is_valid(now) {
        return Err(Refused::UnexpectedState);
    }
    match kind {
        MessageType::ACK => {
            let ack = Ack::read(message, Expected::Same(lease.address))?;
            Ok(exchange.reply(ack, now))
        }
        MessageType::NAK => {
            let accepted = match (server_id(message), naks) {
                (None, _) => false,
                (Some(_), Naks::FromAnyone) => true,
                (Some(server), Naks::FromItsServer) => server == lease.server_id,
            };
            if accepted { Ok(Reply::Nak) } else { Err(Refused::BadNak) }
        }
        _ => Err(Refused::UnexpectedState),
    }
}

/// The lease ended by itself.
pub(super) fn expired(lease: Lease4, step: &mut Step<'_, '_>) -> State {
    step.lost(LeaseEventKind::Expired, lease);
    Init::enter(step)
}

fn extended(kind: LeaseEventKind, before: &Lease4, after: &Lease4) -> LeaseEventKind {
    if same_configuration(before, after) { kind } else { LeaseEventKind::Changed }
}

fn sooner(one: Instant, other: Option<Instant>) -> Instant {
    other.map_or(one, |other| one.min(other))
}
