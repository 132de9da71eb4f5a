//! One message and its retransmissions (RFC 2131 §4.1, §4.4.5).

use super::message::Query;
use super::reply::{Ack, Reply};
use super::state::Step;
use crate::ids::Xid4;
use crate::lease::Lease4;
use crate::params::{INITIAL_RT4, JITTER4, MAX_RT4, RENEW4_INFINITE_RT, RENEW4_MIN_RT};
use crate::status::ExchangeStatus;
use crate::time::Instant;
use std::net::Ipv6Addr;
use std::time::Duration;

/// A message that waits for its answer. It has been sent at least once.
#[derive(Debug)]
pub(super) struct Exchange {
    /// The same in all transmissions.
    pub(super) xid: Xid4,
    /// First transmission: a lease that comes of it counts from here.
    pub(super) started_at: Instant,
    /// Next transmission, or the end when there have been enough.
    pub(super) next_at: Instant,
    /// How often it was sent on schedule.
    pub(super) transmissions: u32,
    /// IPv6 source of the last transmission.
    pub(super) source: Option<Ipv6Addr>,
    query: Query,
    pace: Pace,
    /// `secs` of the last transmission: time since the client began to acquire or extend.
    secs: u16,
    /// `secs` stays what the DISCOVER said: relay agents may choose servers by it (RFC 2131 §4.4.1).
    secs_fixed: bool,
}

/// How long to wait for an answer.
#[derive(Clone, Copy, Debug)]
pub(super) enum Pace {
    /// 4, 8, 16, 32, 64, 64 ... seconds, each one longer or shorter by up to one.
    Doubling,
    /// Half of the time left until then; `None` is never.
    Halving(Option<Instant>),
}

impl Exchange {
    /// Sends `query` for the first time, with a transaction id of its own.
    pub(super) fn begin(query: Query, pace: Pace, step: &mut Step<'_, '_>) -> Self {
        let mut exchange = Self {
            xid: Xid4(step.cx.rng.u32()),
            started_at: step.now,
            next_at: step.now,
            transmissions: 0,
            source: None,
            query,
            pace,
            secs: 0,
            secs_fixed: false,
        };
        exchange.transmit(step);
        exchange
    }

    /// Sends `query` for the first time, as part of the same conversation: same transaction id, same `secs`.
    pub(super) fn followed_by(self, query: Query, step: &mut Step<'_, '_>) -> Self {
        let mut exchange = Self { query, started_at: step.now, transmissions: 0, secs_fixed: true, ..self };
        exchange.transmit(step);
        exchange
    }

    /// Sends it on schedule and plans the next time.
    pub(super) fn transmit(&mut self, step: &mut Step<'_, '_>) {
        self.transmissions = self.transmissions.saturating_add(1);
        self.next_at = step.now + self.pause(step);
        self.repeat(step);
    }

    /// Sends it once more, out of turn; the schedule stays.
    pub(super) fn repeat(&mut self, step: &mut Step<'_, '_>) {
        self.source = step.cx.source;
        if !self.secs_fixed {
            self.secs = u16::try_from(step.now.since(self.started_at).as_secs()).unwrap_or(u16::MAX);
        }
        step.send(self.query, self.xid, self.secs);
    }

    /// The next transmission comes so much later: time stood still.
    pub(super) fn postpone(&mut self, by: Duration) {
        self.next_at = self.next_at + by;
    }

    /// What an ACK to it is worth.
    pub(super) fn reply(&self, ack: Ack, now: Instant) -> Reply {
        if ack.is_over(self.started_at, now) { Reply::LateAck } else { Reply::Ack(ack) }
    }

    /// The lease that an ACK to it makes.
    pub(super) fn lease(&self, ack: Ack, step: &mut Step<'_, '_>) -> Lease4 {
        ack.lease(self.started_at, self.source, step.cx.rng)
    }

    /// For people.
    pub(super) fn status(&self) -> ExchangeStatus {
        ExchangeStatus {
            message: self.query.word(),
            transmissions: self.transmissions,
            started_at: self.started_at,
            next_at: Some(self.next_at),
        }
    }

    fn pause(&self, step: &mut Step<'_, '_>) -> Duration {
        match self.pace {
            Pace::Doubling => {
                let doublings = self.transmissions.saturating_sub(1).min(16);
                let pause = INITIAL_RT4.saturating_mul(1 << doublings).min(MAX_RT4);
                let jitter = step.cx.rng.between(-1.0, 1.0);
                (pause - JITTER4).saturating_add(JITTER4.mul_f64(1.0 + jitter))
            }
            Pace::Halving(Some(end)) => (end.since(step.now) / 2).max(RENEW4_MIN_RT),
            Pace::Halving(None) => RENEW4_INFINITE_RT,
        }
    }
}
