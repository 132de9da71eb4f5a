//! DHCPv4 client (RFC 2131 §4.4), blind to its transport.
//!
//! ```text
//!             start             OFFER              ACK             not in use
//!  Suspended ------> Init -> Selecting -> Requesting -> Checking ------------> Bound <--------+
//!      |               ^                                   |                     | T1         | ACK
//!      |               +--- conflict, NAK, no answer, -----+                 Renewing --------+
//!      |                          end of lease             |                     | T2         |
//!      +------ start with a lease -----> Rebooting --------+                 Rebinding -------+
//! ```
//!
//! The states that look for a lease are in `acquire`, those that have one in `hold`; `message` says what is sent,
//! `reply` what may be believed, `exchange` when it is sent again.

mod acquire;
pub mod config;
mod exchange;
mod hold;
mod message;
mod reply;
mod state;
#[cfg(test)]
mod tests;

use self::acquire::Init;
use self::hold::{Bound, Rebinding, Rebooting, Renewing, Suspended};
use self::message::{Identity, Query};
use self::reply::Offer;
pub(crate) use self::reply::observed;
use self::state::{Memory, State, Step};
use crate::ids::{ClientId, HardwareAddress, Xid4};
use crate::lease::{Lease4, LeaseEventKind};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::Dhcp4Settings;
use crate::status::Client4Status;
use crate::time::Instant;
use crate::wire::v4::{Message, code};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// What the engine wants done, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send this.
    Send {
        /// A whole DHCPv4 message, padded to 300 octets.
        message: Vec<u8>,
        /// Its transaction id; the same in retransmissions.
        xid: Xid4,
        /// RFC 2131 would send it to the server's own address: the U flag of a DHCPv4-query.
        unicast: bool,
    },
    /// A lease begins or goes on; [`Client4::lease`] is it. One of Acquired, Renewed, Rebound, Changed.
    Granted(LeaseEventKind),
    /// The lease is over, and its address must go now. One of Declined, Nak, Expired, Released.
    Lost(LeaseEventKind, Box<Lease4>),
    /// Find out whether somebody else has this address, and call [`Client4::checked`].
    Check(Ipv4Addr),
    /// Count this.
    Refused(Refused),
    /// Tell the operator: a stable name and a sentence.
    Note(&'static str, String),
}

/// What the engine may use while it handles something.
pub struct Cx<'a> {
    /// Chance.
    pub rng: &'a mut Rng,
    /// Addresses of this host that a server must not give us.
    pub foreign: &'a [Ipv4Addr],
    /// The source the transport would use now; kept with the lease.
    pub source: Option<Ipv6Addr>,
}

/// How to go on with a remembered lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// INIT-REBOOT: the network may be another one.
    Verify,
    /// The same network as before, after a pause: REBINDING past T2, RENEWING past T1, else BOUND.
    Continue,
}

/// Whether a reply returned our client identifier (RFC 6842).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Echo {
    /// It did, and it is ours.
    Ours,
    /// It did not; the hardware address is ours.
    Absent,
}

/// The DHCPv4 client of one endpoint.
///
/// Whoever drives it calls [`Client4::on_deadline`] first whenever [`Client4::deadline`] has passed, so that what is
/// overdue goes before what is new. Then the deadline is later than `now` after every call.
#[derive(Debug)]
pub struct Client4 {
    memory: Memory,
    state: State,
    /// Since when its timers stand still.
    frozen_at: Option<Instant>,
}

impl Client4 {
    /// A client that is suspended, and holds `remembered` as long as that is valid.
    pub fn new(
        settings: Dhcp4Settings,
        client_id: ClientId,
        hardware: HardwareAddress,
        remembered: Option<Lease4>,
    ) -> Self {
        let previous =
            remembered.as_ref().map(|lease| Offer { address: lease.address, server_id: lease.server_id });
        Self {
            memory: Memory::new(settings, Identity::new(client_id, hardware), previous),
            state: State::Suspended(Suspended::new(remembered)),
            frozen_at: None,
        }
    }

    /// Whether addresses are checked for conflict before use. Set before `start`, when the target is known.
    pub fn set_conflict_detection(&mut self, on: bool) {
        self.memory.conflict_detection = on;
    }

    /// Messages may be sent from now on. Does nothing when already running.
    pub fn start(&mut self, now: Instant, how: Start, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        self.step(now, cx, out, |state, step| match state {
            State::Suspended(Suspended { lease: None, .. }) => Init::enter(step),
            State::Suspended(Suspended { lease: Some(lease), .. }) => match how {
                Start::Verify => Rebooting::enter(lease, step),
                Start::Continue => Bound::enter(lease, step),
            },
            running => running,
        });
    }

    /// Nothing may be sent from now on: pending exchanges end without a packet, the lease stays and runs on.
    pub fn suspend(&mut self, now: Instant) {
        self.frozen_at = None;
        if self.is_running() {
            let lease = self.take_state().into_lease();
            self.state = State::Suspended(Suspended::since(now, lease));
        }
    }

    /// Nothing can be sent for now, because the transport is not there: timers stand still, so that no attempt is wasted.
    /// What is pending goes on with [`Client4::thaw`]; the lease runs on. Does nothing when suspended or frozen already.
    pub fn freeze(&mut self, now: Instant) {
        if self.is_running() {
            self.frozen_at.get_or_insert(now);
        }
    }

    /// True between `freeze` and `thaw` or `suspend`, unless the lease ended meanwhile.
    pub fn is_frozen(&self) -> bool {
        self.frozen_at.is_some()
    }

    /// The transport is there again. What became due meanwhile happens now; what is pending goes on where it was, and if
    /// so wanted is sent at once, with the same transaction id. Does nothing when not frozen.
    pub fn thaw(&mut self, now: Instant, retransmit: bool, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        let Some(frozen_at) = self.frozen_at.take() else { return };
        if let Some(exchange) = self.state.exchange_mut() {
            exchange.postpone(now.since(frozen_at));
        }
        let before = out.len();
        self.on_deadline(now, cx, out);
        let sent = out.iter().skip(before).any(|action| matches!(action, Action::Send { .. }));
        if retransmit && !sent {
            self.retransmit(now, cx, out);
        }
    }

    /// True between `start` and `suspend`, `release` or `forget`.
    pub fn is_running(&self) -> bool {
        !matches!(self.state, State::Suspended(_))
    }

    /// The transport changed: send the pending message again now, with the same transaction id.
    pub fn retransmit(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        self.step(now, cx, out, |mut state, step| {
            if let Some(exchange) = state.exchange_mut() {
                exchange.repeat(step);
            }
            state
        });
    }

    /// Go to RENEWING. False when there is no lease to extend or an exchange is pending already.
    pub fn renew(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) -> bool {
        let begun = matches!(self.state, State::Bound(_));
        self.step(now, cx, out, |state, step| match state {
            State::Bound(Bound { lease }) => Renewing::enter(lease, step),
            other => other,
        });
        begun
    }

    /// Go to REBINDING. False when there is no lease to extend.
    ///
    /// A lease that is being verified goes on being verified: that REQUEST is for any server already, and goes out
    /// once more.
    pub fn rebind(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) -> bool {
        self.step(now, cx, out, |state, step| match state {
            State::Bound(Bound { lease })
            | State::Renewing(Renewing { lease, .. })
            | State::Rebinding(Rebinding { lease, .. }) => Rebinding::enter(lease, step),
            State::Rebooting(mut rebooting) => {
                rebooting.exchange.repeat(step);
                State::Rebooting(rebooting)
            }
            other => other,
        });
        matches!(self.state, State::Rebinding(_) | State::Rebooting(_))
    }

    /// Give the lease back: RELEASE if running, then `Lost(Released)`; suspended afterwards.
    pub fn release(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        if self.is_running() {
            self.step(now, cx, out, |state, step| {
                if let Some(Offer { address, server_id }) = state.binding() {
                    step.tell(Query::Release { address, server_id });
                }
                state
            });
        }
        self.forget(now, out);
    }

    /// Drop the lease without a word to the server: `Lost(Released)`; suspended afterwards.
    pub fn forget(&mut self, _now: Instant, out: &mut Vec<Action>) {
        self.frozen_at = None;
        if let Some(lease) = self.take_state().into_lease() {
            out.push(Action::Lost(LeaseEventKind::Released, Box::new(lease)));
        }
    }

    /// First half of judging a reply: `op`, transaction id, client identifier. Changes nothing.
    ///
    /// # Errors
    /// When it is not an answer to what is pending here.
    pub fn check(&self, message: &Message<'_>) -> Result<Echo, Refused> {
        let pending = self.state.exchange().map(|exchange| exchange.xid);
        let need_echo = self.memory.settings.require_client_id_echo;
        reply::is_for_us(message, pending, &self.memory.identity, need_echo)
    }

    /// Second half, once the transport has accepted the sender: acts on the reply.
    ///
    /// # Errors
    /// When the state, the server or the content does not allow it; nothing has changed then.
    pub fn receive(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        cx: &mut Cx<'_>,
        out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        self.check(message)?;
        let reply = self.state.judge(message, &self.memory.settings, cx.foreign, now)?;
        if message.bad_overload {
            out.push(Action::Refused(Refused::BadOption));
        }
        if message.option(code::RELAY_AGENT).is_some() {
            out.push(Action::Refused(Refused::Option82InReply));
        }
        self.step(now, cx, out, |state, step| {
            step.memory.count(reply.kind());
            state.on_reply(reply, step)
        });
        Ok(())
    }

    /// The answer to [`Action::Check`].
    pub fn checked(&mut self, now: Instant, conflict: bool, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        self.step(now, cx, out, |state, step| match state {
            State::Checking(checking) if conflict => Init::after_conflict(checking.lease, step),
            State::Checking(checking) => checking.on_free(step),
            other => other,
        });
    }

    /// The address that [`Action::Check`] asked about, until [`Client4::checked`].
    pub fn checking(&self) -> Option<Ipv4Addr> {
        match &self.state {
            State::Checking(checking) => Some(checking.lease.address),
            _ => None,
        }
    }

    /// Somebody else uses our address, found while it was in use: DECLINE and begin again.
    ///
    /// While suspended the lease goes without a DECLINE.
    pub fn conflict(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        self.step(now, cx, out, |state, step| match state {
            State::Suspended(Suspended { lease: Some(lease), .. }) => {
                step.lost(LeaseEventKind::Declined, lease);
                Init::note_conflict(step);
                State::Suspended(Suspended::default())
            }
            State::Checking(acquire::Checking { lease, .. })
            | State::Rebooting(Rebooting { lease, .. })
            | State::Bound(Bound { lease })
            | State::Renewing(Renewing { lease, .. })
            | State::Rebinding(Rebinding { lease, .. }) => Init::after_conflict(lease, step),
            other => other,
        });
    }

    /// [`Client4::deadline`] was reached. Too early or twice changes nothing.
    pub fn on_deadline(&mut self, now: Instant, cx: &mut Cx<'_>, out: &mut Vec<Action>) {
        if self.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        if self.frozen_at.take().is_some() {
            // What begins then could not be sent.
            if let Some(lease) = self.take_state().into_lease() {
                out.push(Action::Lost(LeaseEventKind::Expired, Box::new(lease)));
            }
            return;
        }
        self.step(now, cx, out, State::on_deadline);
    }

    /// When to call [`Client4::on_deadline`]. While suspended or frozen: the end of the lease.
    pub fn deadline(&self) -> Option<Instant> {
        match self.frozen_at {
            None => self.state.deadline(),
            Some(frozen_at) => {
                // Later than the moment it was frozen at, as every deadline is.
                let soonest = frozen_at + Duration::from_micros(1);
                self.state.lease()?.expires_at.map(|end| end.max(soonest))
            }
        }
    }

    /// The lease in force: bound, renewing, rebinding, rebooting and the check after it, or suspended with one.
    pub fn lease(&self) -> Option<&Lease4> {
        self.state.lease()
    }

    /// True while a message waits for its answer.
    pub fn is_waiting(&self) -> bool {
        self.state.exchange().is_some()
    }

    /// The transaction id of the message that waits for its answer.
    pub fn pending(&self) -> Option<Xid4> {
        self.state.exchange().map(|exchange| exchange.xid)
    }

    /// Option 61 of its messages.
    pub fn client_id(&self) -> &ClientId {
        &self.memory.identity.client_id
    }

    /// True while INIT-REBOOT waits for its answer.
    pub fn is_rebooting(&self) -> bool {
        matches!(self.state, State::Rebooting(_))
    }

    /// True when the lease is in use, not merely remembered: BOUND, RENEWING, REBINDING.
    ///
    /// It gets there without `Granted` when nobody answered INIT-REBOOT (RFC 2131 §3.2), and by [`Start::Continue`].
    pub fn is_bound(&self) -> bool {
        matches!(self.state, State::Bound(_) | State::Renewing(_) | State::Rebinding(_))
    }

    /// For people. `transport`, `destinations` and `source` are left to the transport.
    pub fn status(&self) -> Client4Status {
        Client4Status {
            state: self.state.word(),
            exchange: self.state.exchange_status(),
            client_id: Some(self.memory.identity.client_id.clone()),
            lease: self.lease().cloned(),
            messages: self.memory.messages,
            ..Client4Status::default()
        }
    }

    /// Leaves a suspended client without a lease.
    fn take_state(&mut self) -> State {
        std::mem::replace(&mut self.state, State::Suspended(Suspended::default()))
    }

    /// Makes a transition.
    fn step(
        &mut self,
        now: Instant,
        cx: &mut Cx<'_>,
        out: &mut Vec<Action>,
        transition: impl FnOnce(State, &mut Step<'_, '_>) -> State,
    ) {
        let state = self.take_state();
        self.state = transition(state, &mut Step { memory: &mut self.memory, cx, now, out });
    }
}
