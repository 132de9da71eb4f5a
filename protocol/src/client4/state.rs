//! The states of RFC 2131 figure 5, and what they share.

use super::acquire::{Checking, Init, Requesting, Selecting};
use super::exchange::Exchange;
use super::hold::{Bound, Rebinding, Rebooting, Renewing, Suspended};
use super::message::{Identity, Query};
use super::reply::{Offer, Reply};
use super::{Action, Cx};
use crate::ids::Xid4;
use crate::lease::{Lease4, LeaseEventKind};
use crate::params::SILENCE_AGAIN;
use crate::refused::Refused;
use crate::settings::Dhcp4Settings;
use crate::status::ExchangeStatus;
use crate::time::Instant;
use crate::wire::v4::{Message, MessageType};
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Where the client is.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing may be sent.
    Suspended(Suspended),
    /// INIT: waits before the first DISCOVER.
    Init(Init),
    /// SELECTING.
    Selecting(Selecting),
    /// REQUESTING.
    Requesting(Requesting),
    /// Acknowledged; somebody finds out whether another host has the address.
    Checking(Checking),
    /// INIT-REBOOT, then REBOOTING.
    Rebooting(Rebooting),
    /// BOUND.
    Bound(Bound),
    /// RENEWING.
    Renewing(Renewing),
    /// REBINDING.
    Rebinding(Rebinding),
}

impl State {
    /// RFC 2131's word, kebab-case.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Suspended(Suspended { lease: None, .. }) => "off",
            Self::Suspended(_) => "suspended",
            Self::Init(_) => "init",
            Self::Selecting(_) => "selecting",
            Self::Requesting(_) => "requesting",
            Self::Checking(_) => "checking",
            Self::Rebooting(_) => "rebooting",
            Self::Bound(_) => "bound",
            Self::Renewing(_) => "renewing",
            Self::Rebinding(_) => "rebinding",
        }
    }

    /// What waits for an answer.
    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match self {
            Self::Suspended(_) | Self::Init(_) | Self::Checking(_) | Self::Bound(_) => None,
            Self::Selecting(state) => Some(&state.exchange),
            Self::Requesting(state) => Some(&state.exchange),
            Self::Rebooting(state) => Some(&state.exchange),
            Self::Renewing(state) => Some(&state.exchange),
            Self::Rebinding(state) => Some(&state.exchange),
        }
    }

    /// As [`State::exchange`].
    pub(super) fn exchange_mut(&mut self) -> Option<&mut Exchange> {
        match self {
            Self::Suspended(_) | Self::Init(_) | Self::Checking(_) | Self::Bound(_) => None,
            Self::Selecting(state) => Some(&mut state.exchange),
            Self::Requesting(state) => Some(&mut state.exchange),
            Self::Rebooting(state) => Some(&mut state.exchange),
            Self::Renewing(state) => Some(&mut state.exchange),
            Self::Rebinding(state) => Some(&mut state.exchange),
        }
    }

    /// For people.
    pub(super) fn exchange_status(&self) -> Option<ExchangeStatus> {
        match self {
            Self::Init(state) => Some(state.status()),
            other => other.exchange().map(Exchange::status),
        }
    }

    /// The lease in force.
    pub(super) fn lease(&self) -> Option<&Lease4> {
        match self {
            Self::Init(_) | Self::Selecting(_) | Self::Requesting(_) => None,
            Self::Suspended(state) => state.lease.as_ref(),
            Self::Checking(state) => state.is_in_force().then_some(&state.lease),
            Self::Rebooting(state) => Some(&state.lease),
            Self::Bound(state) => Some(&state.lease),
            Self::Renewing(state) => Some(&state.lease),
            Self::Rebinding(state) => Some(&state.lease),
        }
    }

    /// As [`State::lease`].
    pub(super) fn into_lease(self) -> Option<Lease4> {
        match self {
            Self::Init(_) | Self::Selecting(_) | Self::Requesting(_) => None,
            Self::Suspended(state) => state.lease,
            Self::Checking(state) => state.is_in_force().then_some(state.lease),
            Self::Rebooting(state) => Some(state.lease),
            Self::Bound(state) => Some(state.lease),
            Self::Renewing(state) => Some(state.lease),
            Self::Rebinding(state) => Some(state.lease),
        }
    }

    /// The server that has us on its books, and for which address: whom to tell when we decline or release.
    pub(super) fn binding(&self) -> Option<Offer> {
        let lease = match self {
            Self::Checking(state) => Some(&state.lease),
            other => other.lease(),
        };
        lease.map(|lease| Offer { address: lease.address, server_id: lease.server_id })
    }

    /// Looks at a reply that is for us, takes nothing.
    pub(super) fn judge(
        &self,
        message: &Message<'_>,
        settings: &Dhcp4Settings,
        foreign: &[Ipv4Addr],
        now: Instant,
    ) -> Result<Reply, Refused> {
        let kind = message.kind().ok_or(Refused::Malformed4)?;
        match self {
            Self::Suspended(_) | Self::Init(_) | Self::Checking(_) | Self::Bound(_) => {
                Err(Refused::XidMismatch)
            }
            Self::Selecting(state) => state.judge(kind, message, settings.rapid_commit, foreign, now),
            Self::Requesting(state) => state.judge(kind, message, foreign, now),
            Self::Rebooting(state) => state.judge(kind, message, now),
            Self::Renewing(state) => state.judge(kind, message, now),
            Self::Rebinding(state) => state.judge(kind, message, now),
        }
    }

    /// Acts on what [`State::judge`] let through.
    pub(super) fn on_reply(self, reply: Reply, step: &mut Step<'_, '_>) -> Self {
        match (self, reply) {
            (Self::Selecting(state), Reply::Offer(offer)) => state.on_offer(offer, step),
            (Self::Selecting(state), Reply::Ack(ack)) => state.on_ack(ack, step),
            (Self::Requesting(state), Reply::Offer(offer)) => state.on_offer(offer, step),
            (Self::Requesting(state), Reply::Ack(ack)) => state.on_ack(ack, step),
            (Self::Selecting(_) | Self::Requesting(_), Reply::LateAck) => Selecting::enter(step),
            (Self::Requesting(_), Reply::Nak) => Init::after_nak(step),
            (Self::Rebooting(state), Reply::Ack(ack)) => state.on_ack(ack, step),
            (Self::Renewing(state), Reply::Ack(ack)) => state.on_ack(ack, step),
            (Self::Rebinding(state), Reply::Ack(ack)) => state.on_ack(ack, step),
            (Self::Rebooting(state), Reply::LateAck) => Rebooting::enter(state.lease, step),
            (Self::Renewing(state), Reply::LateAck) => Renewing::enter(state.lease, step),
            (Self::Rebinding(state), Reply::LateAck) => Rebinding::enter(state.lease, step),
            (Self::Rebooting(Rebooting { lease, .. }), Reply::Nak)
            | (Self::Renewing(Renewing { lease, .. }), Reply::Nak)
            | (Self::Rebinding(Rebinding { lease, .. }), Reply::Nak) => {
                step.lost(LeaseEventKind::Nak, lease);
                Init::after_nak(step)
            }
            (state, Reply::Offer(_) | Reply::Ack(_) | Reply::LateAck | Reply::Nak) => state,
        }
    }

    /// When there is something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Suspended(state) => state.deadline(),
            Self::Init(state) => Some(state.discover_at),
            Self::Selecting(state) => Some(state.deadline()),
            Self::Requesting(state) => Some(state.exchange.next_at),
            Self::Checking(state) => state.lease.expires_at,
            Self::Rebooting(state) => Some(state.deadline()),
            Self::Bound(state) => state.deadline(),
            Self::Renewing(state) => Some(state.deadline()),
            Self::Rebinding(state) => Some(state.deadline()),
        }
    }

    /// The deadline was reached.
    pub(super) fn on_deadline(self, step: &mut Step<'_, '_>) -> Self {
        match self {
            Self::Suspended(state) => state.on_deadline(step),
            Self::Init(_) => Selecting::enter(step),
            Self::Selecting(state) => state.on_deadline(step),
            Self::Requesting(state) => state.on_deadline(step),
            Self::Checking(state) => state.on_deadline(step),
            Self::Rebooting(state) => state.on_deadline(step),
            Self::Bound(state) => Bound::enter(state.lease, step),
            Self::Renewing(state) => state.on_deadline(step),
            Self::Rebinding(state) => state.on_deadline(step),
        }
    }
}

/// What outlives every state.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) settings: Dhcp4Settings,
    pub(super) identity: Identity,
    /// Check addresses for conflict before use.
    pub(super) conflict_detection: bool,
    /// The last lease's server and address: preferred among OFFERs.
    pub(super) previous: Option<Offer>,
    /// NAKs since the last ACK.
    pub(super) naks: u32,
    /// Conflicts since a lease last proved good.
    pub(super) conflicts: u32,
    /// No DISCOVER before this, however often somebody starts and suspends.
    pub(super) quiet_until: Instant,
    /// When each note was last made.
    noted: BTreeMap<&'static str, Instant>,
    /// Messages sent and used, by type.
    pub(super) messages: [u64; 7],
}

impl Memory {
    pub(super) fn new(settings: Dhcp4Settings, identity: Identity, previous: Option<Offer>) -> Self {
        Self {
            settings,
            identity,
            conflict_detection: false,
            previous,
            naks: 0,
            conflicts: 0,
            quiet_until: Instant::BOOT,
            noted: BTreeMap::new(),
            messages: [0; 7],
        }
    }

    /// No DISCOVER before `until`.
    pub(super) fn be_quiet(&mut self, until: Instant) {
        self.quiet_until = self.quiet_until.max(until);
    }

    /// One more message of this type was sent or used.
    pub(super) fn count(&mut self, kind: MessageType) {
        if let Some(count) = self.messages.get_mut(usize::from(kind.0.wrapping_sub(1))) {
            *count = count.saturating_add(1);
        }
    }
}

/// One call from outside, on its way through the states.
pub(super) struct Step<'a, 'c> {
    pub(super) memory: &'a mut Memory,
    pub(super) cx: &'a mut Cx<'c>,
    pub(super) now: Instant,
    pub(super) out: &'a mut Vec<Action>,
}

impl Step<'_, '_> {
    /// Sends a message. One that is too long for UDP, which takes absurd settings, counts as lost on the way.
    pub(super) fn send(&mut self, query: Query, xid: Xid4, secs: u16) {
        let outgoing = query.message(&self.memory.identity, &self.memory.settings, xid, secs);
        if let Ok(message) = outgoing.emit() {
            self.memory.count(query.kind());
            self.out.push(Action::Send { message, xid, unicast: query.is_unicast() });
        }
    }

    /// Sends a message that nobody answers.
    pub(super) fn tell(&mut self, query: Query) {
        let xid = Xid4(self.cx.rng.u32());
        self.send(query, xid, 0);
    }

    /// The lease is over.
    pub(super) fn lost(&mut self, kind: LeaseEventKind, lease: Lease4) {
        self.out.push(Action::Lost(kind, Box::new(lease)));
    }

    /// Tells the operator, unless the same was said within the hour (RFC 2131 §3.1 wants it known, not repeated).
    pub(super) fn note(&mut self, name: &'static str, text: String) {
        let again_at = self.memory.noted.get(name).map(|at| *at + SILENCE_AGAIN);
        if again_at.is_none_or(|at| at <= self.now) {
            self.memory.noted.insert(name, self.now);
            self.out.push(Action::Note(name, text));
        }
    }

    /// SEC-12: another server answered as well.
    pub(super) fn note_several_servers(&mut self, one: Ipv4Addr, other: Ipv4Addr) {
        let text = format!("more than one DHCPv4 server makes offers on this link: {one} and {other}");
        self.note("several-servers", text);
    }
}
