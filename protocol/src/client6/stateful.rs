//! Addresses and prefixes: the state machine of RFC 8415 §18.2.1 to §18.2.5, §18.2.7, §18.2.8 and §18.2.12.

use super::Action;
use super::binding::{Binding, Kinds, Merged};
use super::checking::Checking;
use super::context::Cx;
use super::extending::Extending;
use super::leaving::{Declining, Releasing};
use super::message::Associations;
use super::reply::{Answer, Times};
use super::requesting::Requesting;
use super::soliciting::Soliciting;
use crate::exchange::Exchange;
use crate::params::{DECLINE6_WAIT, DECLINE6_WAIT_LONG, DECLINES6};
use crate::time::{Instant, earliest};
use crate::wire::v6::MessageType;
use std::net::Ipv6Addr;
use std::ops::ControlFlow;

/// The stateful half of the client: what it holds, and what it is doing.
#[derive(Debug)]
pub(super) struct Stateful {
    pub(super) binding: Binding,
    state: State,
    /// Addresses declined in a row.
    declines: u32,
}

/// What the stateful half is doing.
#[derive(Debug)]
pub(super) enum State {
    /// Nothing; a lease runs on.
    Off,
    /// Without a lease, waiting to begin again.
    Resting {
        until: Instant,
    },
    Soliciting(Soliciting),
    Requesting(Requesting),
    /// With a lease, waiting for T1.
    Bound,
    /// Renewing and rebinding.
    Extending(Extending),
    /// Confirming and verifying: the link may be another one.
    Checking(Checking),
    Declining(Declining),
    Releasing(Releasing),
}

impl Stateful {
    pub(super) fn new(binding: Binding) -> Self {
        Self { binding, state: State::Off, declines: 0 }
    }

    pub(super) fn is_off(&self) -> bool {
        matches!(self.state, State::Off)
    }

    pub(super) fn is_releasing(&self) -> bool {
        matches!(self.state, State::Releasing(_))
    }

    /// Begins: verifies the lease there is, or solicits one. The first message goes out at `first_at`.
    pub(super) fn begin(&mut self, first_at: Instant, cx: &mut Cx<'_>) {
        self.state = match self.binding.lease() {
            Some(lease) => State::Checking(Checking::enter(lease, first_at, cx)),
            None => State::Soliciting(Soliciting::enter(first_at, cx)),
        };
    }

    /// Ends what is pending; the lease runs on. A Release ends with the next deadline.
    pub(super) fn stop(&mut self, now: Instant) {
        match &mut self.state {
            State::Releasing(releasing) => releasing.give_up(now),
            _ => self.state = State::Off,
        }
    }

    /// Ends what is pending, to begin anew. A check that has not begun yet will do, and a pause stays a pause.
    pub(super) fn interrupt(&mut self) {
        match &self.state {
            State::Checking(checking) if checking.exchange().transmissions() == 0 => {}
            State::Off | State::Resting { .. } | State::Declining(_) | State::Releasing(_) => {}
            State::Soliciting(_)
            | State::Requesting(_)
            | State::Bound
            | State::Extending(_)
            | State::Checking(_) => self.state = State::Off,
        }
    }

    /// Forgets what happened so far, on an operator's word.
    pub(super) fn reset(&mut self) {
        self.state = State::Off;
        self.declines = 0;
    }

    /// Renews early, as if T1 had come (RFC 8415 §18.2.12). False when there is nothing to renew, or it is being done.
    pub(super) fn refresh(&mut self, at: Instant) -> bool {
        let bound = matches!(self.state, State::Bound);
        if bound {
            self.binding.hasten(at);
        }
        bound
    }

    /// Gives the lease back, with a Release if something can be sent.
    pub(super) fn release(&mut self, can_send: bool, cx: &mut Cx<'_>) {
        let lease = self.binding.lease().cloned();
        self.binding.forget(cx);
        self.state = match lease.filter(|_| can_send) {
            Some(lease) => State::Releasing(Releasing::enter(&lease, cx)),
            None => released(cx),
        };
    }

    /// Others use these addresses, as duplicate address detection found.
    pub(super) fn decline(&mut self, duplicates: Vec<Ipv6Addr>, cx: &mut Cx<'_>) {
        let Some(server) = self.binding.lease().map(|lease| lease.server.clone()) else { return };
        for address in &duplicates {
            cx.note(
                "address6-duplicate",
                format!("{address} is used by another host on the link and was declined"),
            );
        }
        self.binding.drop_addresses(&duplicates, cx);
        if matches!(self.state, State::Off | State::Releasing(_)) {
            return;
        }
        let wait = if self.declines < DECLINES6 { DECLINE6_WAIT } else { DECLINE6_WAIT_LONG };
        self.declines = self.declines.saturating_add(1);
        self.state = State::Declining(Declining::enter(server, duplicates, cx.now + wait, cx));
    }

    /// One of our addresses passed duplicate address detection.
    pub(super) fn address_is_good(&mut self) {
        self.declines = 0;
    }

    /// Drops what has ended, and notices when it was all.
    pub(super) fn expire(&mut self, cx: &mut Cx<'_>) {
        if !self.binding.expire(cx) {
            return;
        }
        match self.state {
            State::Bound | State::Extending(_) | State::Checking(_) => {
                self.state = State::Resting { until: cx.now };
            }
            State::Off
            | State::Resting { .. }
            | State::Soliciting(_)
            | State::Requesting(_)
            | State::Declining(_)
            | State::Releasing(_) => {}
        }
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        let binding = &mut self.binding;
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::Off => State::Off,
            State::Resting { until } if cx.now < until => State::Resting { until },
            State::Resting { .. } => State::Soliciting(Soliciting::enter(cx.now, cx)),
            State::Soliciting(state) => state.on_deadline(binding, cx),
            State::Requesting(state) => state.on_deadline(binding, cx),
            State::Bound => bound(binding, cx),
            State::Extending(state) => state.on_deadline(binding, cx),
            State::Checking(state) => state.on_deadline(binding, cx),
            State::Declining(state) => state.on_deadline(binding, cx),
            State::Releasing(state) => state.on_deadline(cx),
        };
    }

    /// The exchange that a message of this type would answer.
    pub(super) fn awaits(&self, kind: MessageType, rapid_commit: bool) -> Option<&Exchange> {
        let exchange = match (&self.state, kind) {
            (State::Soliciting(state), MessageType::ADVERTISE) => state.exchange(),
            (State::Soliciting(state), MessageType::REPLY) if rapid_commit => state.exchange(),
            (_, MessageType::ADVERTISE) | (State::Soliciting(_), _) => return None,
            (_, _) => self.exchange()?,
        };
        (exchange.transmissions() > 0).then_some(exchange)
    }

    /// Takes an answer to what [`Stateful::awaits`] named.
    pub(super) fn receive(&mut self, kind: MessageType, answer: &Answer<'_>, cx: &mut Cx<'_>) {
        let binding = &mut self.binding;
        self.state = match std::mem::replace(&mut self.state, State::Off) {
            State::Soliciting(state) if kind == MessageType::ADVERTISE => state.on_advertise(answer, cx),
            State::Soliciting(state) => state.on_reply(answer, binding, cx),
            State::Requesting(state) => state.on_reply(answer, binding, cx),
            State::Extending(state) => state.on_reply(answer, binding, cx),
            State::Checking(state) => state.on_reply(answer, binding, cx),
            State::Declining(state) => state.on_reply(binding, cx),
            State::Releasing(_) => released(cx),
            state @ (State::Off | State::Resting { .. } | State::Bound) => state,
        };
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        match &self.state {
            State::Off => None,
            State::Resting { until } => Some(*until),
            State::Bound => self.binding.lease().and_then(|lease| earliest(lease.renew_at, lease.rebind_at)),
            State::Soliciting(_)
            | State::Requesting(_)
            | State::Extending(_)
            | State::Checking(_)
            | State::Declining(_)
            | State::Releasing(_) => self.exchange().map(Exchange::deadline),
        }
    }

    pub(super) fn exchange(&self) -> Option<&Exchange> {
        match &self.state {
            State::Off | State::Resting { .. } | State::Bound => None,
            State::Soliciting(state) => Some(state.exchange()),
            State::Requesting(state) => Some(state.exchange()),
            State::Extending(state) => Some(state.exchange()),
            State::Checking(state) => Some(state.exchange()),
            State::Declining(state) => Some(state.exchange()),
            State::Releasing(state) => Some(state.exchange()),
        }
    }

    /// The state's word.
    pub(super) fn word(&self) -> &'static str {
        match &self.state {
            State::Off => "off",
            State::Resting { .. } => "waiting",
            State::Soliciting(_) => "soliciting",
            State::Requesting(_) => "requesting",
            State::Bound => "bound",
            State::Extending(state) => match state.exchange().kind() {
                MessageType::RENEW => "renewing",
                _ => "rebinding",
            },
            State::Checking(state) => match state.exchange().kind() {
                MessageType::CONFIRM => "confirming",
                _ => "verifying",
            },
            State::Declining(_) => "declining",
            State::Releasing(_) => "releasing",
        }
    }
}

/// With a lease: renews at T1, rebinds at T2.
fn bound(binding: &Binding, cx: &mut Cx<'_>) -> State {
    let due = |at: Option<Instant>| at.is_some_and(|at| at <= cx.now);
    match binding.lease() {
        None => State::Resting { until: cx.now },
        Some(lease) if due(lease.rebind_at) => State::Extending(Extending::rebind(cx)),
        Some(lease) if due(lease.renew_at) => State::Extending(Extending::renew(lease, cx)),
        Some(_) => State::Bound,
    }
}

/// The lease holds, or there is none: what follows when an exchange is over.
pub(super) fn settled(binding: &Binding, cx: &Cx<'_>) -> State {
    match binding.lease() {
        Some(_) => State::Bound,
        None => State::Resting { until: cx.now },
    }
}

/// A server refused: later again, and later still the next time. What is held stays in use.
pub(super) fn refused(binding: &mut Binding, cx: &mut Cx<'_>) -> State {
    let until = cx.now + cx.back_off();
    cx.context.denied = true;
    binding.postpone(until);
    binding.forget_hints();
    match binding.lease() {
        Some(_) => State::Bound,
        None => State::Resting { until },
    }
}

/// What a Reply to Renew or Rebind did for the lease.
pub(super) struct Extension {
    /// At least one address or prefix was extended.
    pub(super) granted: bool,
    /// We hold these, and the Reply did not mention them.
    pub(super) missing: Kinds,
    /// T1 and T2 of what it did mention.
    pub(super) times: Times,
}

/// Takes a successful Reply to Renew or Rebind. Breaks with the next state when the lease is gone, or the server lost a
/// part of it.
pub(super) fn extend(
    answer: &Answer<'_>,
    binding: &mut Binding,
    cx: &mut Cx<'_>,
) -> ControlFlow<State, Extension> {
    let Merged { lease, granted, unbound, missing, times } =
        binding.merge(answer, Kinds::default(), cx.context.iaid, cx.now);
    let gone = lease.is_none();
    binding.set(lease, cx);
    if granted {
        configured(answer, cx);
    }
    if gone {
        return ControlFlow::Break(refused(binding, cx));
    }
    if unbound.any() {
        let server = answer.server.clone();
        return ControlFlow::Break(State::Requesting(Requesting::of_lost(server, unbound, binding, cx)));
    }
    ControlFlow::Continue(Extension { granted, missing, times })
}

/// The Reply configured us.
pub(super) fn configured(answer: &Answer<'_>, cx: &mut Cx<'_>) {
    cx.context.failures = 0;
    cx.context.denied = false;
    cx.context.reply_at = Some(cx.now);
    cx.publish(answer.options);
    cx.out.push(Action::Configured(answer.options.as_bytes().to_vec()));
}

pub(super) fn released(cx: &mut Cx<'_>) -> State {
    cx.out.push(Action::Released);
    State::Off
}

/// IA_NA and IA_PD of a message that extends the lease.
pub(super) fn to_extend(binding: &Binding, cx: &Cx<'_>) -> Associations {
    let held = binding.lease().map(Associations::held).unwrap_or_default();
    held.wanted(&cx.context.settings)
}
