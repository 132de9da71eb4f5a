//! Renewing with the lease's server, rebinding with any (RFC 8415 §18.2.4, §18.2.5, §18.2.10.1).

use super::binding::{Binding, Kinds};
use super::context::Cx;
use super::reply::{Answer, Times};
use super::stateful::{State, extend, to_extend};
use crate::exchange::{Due, Exchange};
use crate::lease::Lease6;
use crate::params;
use crate::wire::v6::MessageType;
use std::ops::ControlFlow;

/// Waiting for the Reply to a Renew or Rebind. A Rebind ends when the lease does.
#[derive(Debug)]
pub(super) struct Extending {
    exchange: Exchange,
    partial: Option<Partial>,
}

/// A Reply extended a part of the lease and did not mention the rest, for which the exchange goes on.
#[derive(Clone, Copy, Debug)]
struct Partial {
    missing: Kinds,
    /// T1 and T2 of the part that was extended.
    times: Times,
}

impl Extending {
    pub(super) fn renew(lease: &Lease6, cx: &mut Cx<'_>) -> Self {
        let exchange =
            Exchange::new(MessageType::RENEW, params::RENEW, cx.now, cx.rng).until(lease.rebind_at);
        Self { exchange, partial: None }
    }

    pub(super) fn rebind(cx: &mut Cx<'_>) -> Self {
        Self { exchange: Exchange::new(MessageType::REBIND, params::REBIND, cx.now, cx.rng), partial: None }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) fn on_deadline(mut self, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        if let Some(partial) = self.partial
            && !binding.holds_any(partial.missing)
        {
            binding.set_times(partial.times, cx);
            return State::Bound;
        }
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Nothing => State::Extending(self),
            Due::Send => {
                let renewed = self.exchange.kind() == MessageType::RENEW;
                let server = binding.lease().filter(|_| renewed).map(|lease| lease.server.clone());
                cx.send(&self.exchange, server.as_ref(), &to_extend(binding, cx));
                State::Extending(self)
            }
            Due::Over => State::Extending(Self { partial: self.partial, ..Self::rebind(cx) }),
        }
    }

    pub(super) fn on_reply(mut self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        cx.learn(answer);
        // As if it had not come: the next transmission, or T2, or the end of the lease decides.
        if !answer.is_success() {
            return State::Extending(self);
        }
        let extension = match extend(answer, binding, cx) {
            ControlFlow::Continue(extension) => extension,
            ControlFlow::Break(next) => return next,
        };
        if !extension.granted {
            return State::Extending(self);
        }
        if extension.missing.any() {
            self.partial = Some(Partial { missing: extension.missing, times: extension.times });
            return State::Extending(self);
        }
        State::Bound
    }
}
