//! What the states of the client share: who we are, what servers told us, and how long nobody has answered.

use super::Action;
use super::message::{self, Associations};
use super::published;
use super::reply::Answer;
use crate::exchange::Exchange;
use crate::ids::{Duid, Iaid};
use crate::params;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::Dhcp6Settings;
use crate::status::Options6;
use crate::time::Instant;
use crate::wire::v6::Options;
use std::time::Duration;

/// Outlives every state.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) settings: Dhcp6Settings,
    pub(super) permit_options: Vec<u16>,
    pub(super) duid: Duid,
    pub(super) iaid: Iaid,
    /// SOL_MAX_RT in seconds, when a server set it.
    pub(super) sol_max_rt: Option<u32>,
    /// INF_MAX_RT in seconds, when a server set it.
    pub(super) inf_max_rt: Option<u32>,
    pub(super) options: Options6,
    pub(super) reply_at: Option<Instant>,
    /// Consecutive times that a server refused us what its Advertise had promised, or what we had.
    pub(super) failures: u32,
    /// Servers answered, but none had an address or prefix for us: other configuration must come by
    /// Information-request (RFC 8415 §18.2.10.1).
    pub(super) denied: bool,
    pub(super) silence: Silence,
}

impl Context {
    /// Limits of an Information-request or a Solicit with the longest pause in force.
    pub(super) fn limits(limits: params::Retransmission, longest: Option<u32>) -> params::Retransmission {
        let max = longest.map_or(limits.max, |seconds| Duration::from_secs(seconds.into()));
        params::Retransmission { max, ..limits }
    }
}

/// How long we have been sending without an answer.
#[derive(Debug, Default)]
pub(super) struct Silence {
    /// First unanswered transmission, and when to tell the operator next.
    running: Option<(Instant, Instant)>,
}

impl Silence {
    fn sent(&mut self, now: Instant) {
        self.running.get_or_insert((now, now + params::SILENCE));
    }

    /// Somebody answered, or nothing is asked any more.
    pub(super) fn end(&mut self) {
        self.running = None;
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.running.map(|(_, at)| at)
    }
}

/// What a state may use while it handles something.
pub(super) struct Cx<'a> {
    pub(super) now: Instant,
    pub(super) rng: &'a mut Rng,
    pub(super) out: &'a mut Vec<Action>,
    pub(super) context: &'a mut Context,
}

impl Cx<'_> {
    /// Sends the transmission of `exchange` that is due.
    pub(super) fn send(&mut self, exchange: &Exchange, server: Option<&Duid>, associations: &Associations) {
        self.context.silence.sent(self.now);
        if let Ok(octets) = message::write(self.context, exchange, self.now, server, associations) {
            self.out.push(Action::Send(octets));
        }
    }

    pub(super) fn note(&mut self, name: &'static str, text: String) {
        self.out.push(Action::Note(name, text));
    }

    pub(super) fn refuse(&mut self, parts: &[Refused]) {
        self.out.extend(parts.iter().copied().map(Action::Refused));
    }

    /// Tells the operator when nobody has answered for long.
    pub(super) fn on_silence(&mut self) {
        let Some((since, _)) = self.context.silence.running.filter(|(_, at)| *at <= self.now) else { return };
        let seconds = self.now.since(since).as_secs();
        self.note("dhcp6-silence", format!("no DHCPv6 server has answered for {seconds} s"));
        self.context.silence.running = Some((since, self.now + params::SILENCE_AGAIN));
    }

    /// How long to wait before the next try after a server refused: longer each time it happens in a row.
    pub(super) fn back_off(&mut self) -> Duration {
        let doublings = self.context.failures.min(16);
        self.context.failures = self.context.failures.saturating_add(1);
        params::RESTART_DELAY.saturating_mul(1 << doublings).min(params::RESTART_DELAY_MAX)
    }

    /// Takes over SOL_MAX_RT and INF_MAX_RT of a Reply (RFC 8415 §18.2.10), even of one that reports failure.
    pub(super) fn learn(&mut self, answer: &Answer<'_>) {
        let (sol_max_rt, inf_max_rt) = (self.context.sol_max_rt, self.context.inf_max_rt);
        self.set_limits(answer.sol_max_rt.or(sol_max_rt), answer.inf_max_rt.or(inf_max_rt));
    }

    /// Sets SOL_MAX_RT and INF_MAX_RT, which outlive a restart.
    pub(super) fn set_limits(&mut self, sol_max_rt: Option<u32>, inf_max_rt: Option<u32>) {
        let new = (sol_max_rt, inf_max_rt);
        if new != (self.context.sol_max_rt, self.context.inf_max_rt) {
            (self.context.sol_max_rt, self.context.inf_max_rt) = new;
            self.out.push(Action::Save);
        }
    }

    /// Shows the options of a message, and counts those that cannot be used.
    pub(super) fn publish(&mut self, options: Options<'_>) {
        let mut refused = Vec::new();
        self.context.options = published::read(options, self.context, &mut refused);
        self.refuse(&refused);
    }
}
