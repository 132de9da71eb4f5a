//! From nothing to a lease: INIT, SELECTING, REQUESTING, and the check of the address (RFC 2131 §4.4.1).

use super::Action;
use super::exchange::{Exchange, Pace};
use super::hold::Bound;
use super::message::Query;
use super::reply::{Ack, Expected, Offer, Reply, server_id};
use super::state::{State, Step};
use crate::lease::{Lease4, LeaseEventKind};
use crate::params;
use crate::refused::Refused;
use crate::status::ExchangeStatus;
use crate::time::Instant;
use crate::wire::v4::{Message, MessageType, code};
use std::net::Ipv4Addr;

/// INIT: waits for its time to send the first DISCOVER.
#[derive(Debug)]
pub(super) struct Init {
    pub(super) discover_at: Instant,
}

impl Init {
    /// Begins, after the random delay and any back-off.
    pub(super) fn enter(step: &mut Step<'_, '_>) -> State {
        let delay = step.cx.rng.up_to(step.memory.settings.max_delay);
        let discover_at = (step.now + delay).max(step.memory.quiet_until);
        if discover_at <= step.now { Selecting::enter(step) } else { State::Init(Self { discover_at }) }
    }

    /// Begins again after a NAK: 1, 2, 4 ... 64 s for one NAK after the other.
    pub(super) fn after_nak(step: &mut Step<'_, '_>) -> State {
        let doublings = step.memory.naks.min(16);
        step.memory.naks = step.memory.naks.saturating_add(1);
        step.memory.previous = None;
        let pause = params::NAK_BACKOFF.saturating_mul(1 << doublings).min(params::NAK_BACKOFF_MAX);
        step.memory.be_quiet(step.now + pause);
        Self::enter(step)
    }

    /// Gives back an address that somebody else uses, and begins again after ten seconds; after ten such addresses,
    /// after a minute.
    pub(super) fn after_conflict(lease: Lease4, step: &mut Step<'_, '_>) -> State {
        let query = Query::Decline { address: lease.address, server_id: lease.server_id };
        step.lost(LeaseEventKind::Declined, lease);
        step.tell(query);
        Self::note_conflict(step);
        Self::enter(step)
    }

    /// Puts off the next DISCOVER.
    pub(super) fn note_conflict(step: &mut Step<'_, '_>) {
        step.memory.conflicts = step.memory.conflicts.saturating_add(1);
        step.memory.previous = None;
        let many = step.memory.conflicts >= params::MAX_CONFLICTS;
        let pause = if many { params::RATE_LIMIT_INTERVAL } else { params::DECLINE_WAIT };
        step.memory.be_quiet(step.now + pause);
    }

    /// For people: the DISCOVER to come.
    pub(super) fn status(&self) -> ExchangeStatus {
        ExchangeStatus {
            message: "DISCOVER",
            transmissions: 0,
            started_at: self.discover_at,
            next_at: Some(self.discover_at),
        }
    }
}

/// SELECTING: DISCOVER is out, OFFERs come in.
#[derive(Debug)]
pub(super) struct Selecting {
    pub(super) exchange: Exchange,
    /// The best OFFER so far, while a better one could still come.
    collected: Option<Collected>,
    /// When the operator is told that there is no OFFER.
    silent_at: Instant,
}

#[derive(Clone, Copy, Debug)]
struct Collected {
    best: Offer,
    closes_at: Instant,
}

impl Selecting {
    pub(super) fn enter(step: &mut Step<'_, '_>) -> State {
        let wanted = step.memory.previous.map(|previous| previous.address);
        let exchange = Exchange::begin(Query::Discover { wanted }, Pace::Doubling, step);
        State::Selecting(Self { exchange, collected: None, silent_at: step.now + params::OFFER_SILENCE })
    }

    pub(super) fn judge(
        &self,
        kind: MessageType,
        message: &Message<'_>,
        rapid_commit: bool,
        foreign: &[Ipv4Addr],
        now: Instant,
    ) -> Result<Reply, Refused> {
        match kind {
            MessageType::OFFER => Offer::read(message, foreign).map(Reply::Offer),
            MessageType::ACK if rapid_commit && message.option(code::RAPID_COMMIT).is_some() => {
                let ack = Ack::read(message, Expected::New { chosen: None, foreign })?;
                Ok(self.exchange.reply(ack, now))
            }
            MessageType::NAK => Err(Refused::BadNak),
            _ => Err(Refused::UnexpectedState),
        }
    }

    /// Takes the OFFER at once when no later one could be preferred to it, else waits for others.
    pub(super) fn on_offer(mut self, offer: Offer, step: &mut Step<'_, '_>) -> State {
        let Some(previous) = step.memory.previous else {
            return Requesting::enter(offer, self.exchange, step);
        };
        let rank = |offer: &Offer| (offer.server_id == previous.server_id, offer.address == previous.address);
        let collected = self.collected.get_or_insert(Collected {
            best: offer,
            closes_at: step.now + step.memory.settings.offer_window,
        });
        if collected.best.server_id != offer.server_id {
            step.note_several_servers(collected.best.server_id, offer.server_id);
        }
        if rank(&offer) > rank(&collected.best) {
            collected.best = offer;
        }
        let Collected { best, closes_at } = *collected;
        if best == previous || closes_at <= step.now {
            return Requesting::enter(best, self.exchange, step);
        }
        State::Selecting(self)
    }

    /// Rapid commit (RFC 4039).
    pub(super) fn on_ack(self, ack: Ack, step: &mut Step<'_, '_>) -> State {
        let lease = self.exchange.lease(ack, step);
        Checking::enter(lease, LeaseEventKind::Acquired, step)
    }

    /// While OFFERs are being collected no other DISCOVER is needed.
    pub(super) fn deadline(&self) -> Instant {
        self.collected.map_or(self.exchange.next_at.min(self.silent_at), |collected| collected.closes_at)
    }

    pub(super) fn on_deadline(mut self, step: &mut Step<'_, '_>) -> State {
        if let Some(collected) = self.collected {
            return Requesting::enter(collected.best, self.exchange, step);
        }
        if self.silent_at <= step.now {
            self.silent_at = step.now + params::SILENCE_AGAIN;
            let text = "no DHCPv4 server has offered an address for five minutes; still asking".to_owned();
            step.note("no-offer", text);
        }
        if self.exchange.next_at <= step.now {
            self.exchange.transmit(step);
        }
        State::Selecting(self)
    }
}

/// REQUESTING: one OFFER was chosen.
#[derive(Debug)]
pub(super) struct Requesting {
    pub(super) exchange: Exchange,
    chosen: Offer,
}

impl Requesting {
    fn enter(chosen: Offer, discover: Exchange, step: &mut Step<'_, '_>) -> State {
        let query = Query::Select { address: chosen.address, server_id: chosen.server_id };
        State::Requesting(Self { exchange: discover.followed_by(query, step), chosen })
    }

    pub(super) fn judge(
        &self,
        kind: MessageType,
        message: &Message<'_>,
        foreign: &[Ipv4Addr],
        now: Instant,
    ) -> Result<Reply, Refused> {
        match kind {
            // Too late to be chosen, but a second server is worth knowing of. One server's copies are not.
            MessageType::OFFER => Offer::read(message, foreign)
                .ok()
                .filter(|offer| offer.server_id != self.chosen.server_id)
                .map(Reply::Offer)
                .ok_or(Refused::UnexpectedState),
            MessageType::ACK => {
                let ack = Ack::read(message, Expected::New { chosen: Some(self.chosen.server_id), foreign })?;
                Ok(self.exchange.reply(ack, now))
            }
            MessageType::NAK if server_id(message) == Some(self.chosen.server_id) => Ok(Reply::Nak),
            MessageType::NAK => Err(Refused::BadNak),
            _ => Err(Refused::UnexpectedState),
        }
    }

    pub(super) fn on_offer(self, offer: Offer, step: &mut Step<'_, '_>) -> State {
        step.out.push(Action::Refused(Refused::UnexpectedState));
        step.note_several_servers(self.chosen.server_id, offer.server_id);
        State::Requesting(self)
    }

    pub(super) fn on_ack(self, ack: Ack, step: &mut Step<'_, '_>) -> State {
        let lease = self.exchange.lease(ack, step);
        Checking::enter(lease, LeaseEventKind::Acquired, step)
    }

    pub(super) fn on_deadline(mut self, step: &mut Step<'_, '_>) -> State {
        if self.exchange.transmissions < params::REQUEST4_COUNT {
            self.exchange.transmit(step);
            return State::Requesting(self);
        }
        let Offer { address, server_id } = self.chosen;
        let text =
            format!("DHCPv4 server {server_id} offered {address} and does not answer the request for it");
        step.note("no-answer", text);
        Init::enter(step)
    }
}

/// A server has acknowledged; before use, somebody finds out whether another host has the address (RFC 5227).
#[derive(Debug)]
pub(super) struct Checking {
    pub(super) lease: Lease4,
    /// What is announced if nobody has it.
    kind: LeaseEventKind,
}

impl Checking {
    /// Goes straight on to BOUND when addresses are not checked here.
    pub(super) fn enter(lease: Lease4, kind: LeaseEventKind, step: &mut Step<'_, '_>) -> State {
        let checking = Self { lease, kind };
        if step.memory.conflict_detection {
            step.out.push(Action::Check(checking.lease.address));
            State::Checking(checking)
        } else {
            checking.on_free(step)
        }
    }

    /// The address was ours before, and stays in use meanwhile.
    pub(super) fn is_in_force(&self) -> bool {
        self.kind != LeaseEventKind::Acquired
    }

    pub(super) fn on_free(self, step: &mut Step<'_, '_>) -> State {
        Bound::granted(self.lease, self.kind, step)
    }

    /// The lease ended before the answer came.
    pub(super) fn on_deadline(self, step: &mut Step<'_, '_>) -> State {
        if self.is_in_force() {
            step.lost(LeaseEventKind::Expired, self.lease);
        }
        Init::enter(step)
    }
}
