//! Finding out whether the link is still the one that the lease is for (RFC 8415 §18.2.3, §18.2.12).
//!
//! Addresses alone are confirmed. With a delegated prefix a Rebind is sent, in the time of a Confirm.

use super::Action;
use super::binding::Binding;
use super::context::Cx;
use super::message::Associations;
use super::reply::Answer;
use super::stateful::{State, extend, settled, to_extend};
use crate::exchange::{Due, Exchange};
use crate::lease::Lease6;
use crate::params;
use crate::time::Instant;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::Status;
use std::ops::ControlFlow;

/// Waiting for the Reply to a Confirm, or to a Rebind that takes its place.
#[derive(Debug)]
pub(super) struct Checking {
    exchange: Exchange,
    /// A server said that the addresses do not belong to this link. Another may know better, until the pause ends.
    not_on_link: bool,
}

impl Checking {
    pub(super) fn enter(lease: &Lease6, first_at: Instant, cx: &mut Cx<'_>) -> Self {
        let kind = if lease.prefixes.is_empty() { MessageType::CONFIRM } else { MessageType::REBIND };
        Self { exchange: Exchange::new(kind, params::CONFIRM, first_at, cx.rng), not_on_link: false }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) fn on_deadline(mut self, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        if cx.now < self.exchange.deadline() {
            return State::Checking(self);
        }
        if self.not_on_link {
            cx.note(
                "not-on-link",
                "our IPv6 addresses do not belong to this link; asking for others".to_owned(),
            );
            cx.out.push(Action::Elsewhere);
            binding.forget(cx);
            return settled(binding, cx);
        }
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Nothing => State::Checking(self),
            Due::Send => {
                let associations = match self.exchange.kind() {
                    MessageType::CONFIRM => binding.lease().map(Associations::held).unwrap_or_default(),
                    _ => to_extend(binding, cx),
                };
                cx.send(&self.exchange, None, &associations);
                State::Checking(self)
            }
            Due::Over => holds(binding, cx),
        }
    }

    pub(super) fn on_reply(self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        cx.learn(answer);
        match self.exchange.kind() {
            MessageType::CONFIRM => self.on_confirm_reply(answer, binding, cx),
            _ => self.on_rebind_reply(answer, binding, cx),
        }
    }

    fn on_confirm_reply(mut self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        match answer.status {
            Status::SUCCESS => return holds(binding, cx),
            Status::NOT_ON_LINK => self.not_on_link = true,
            _ => {}
        }
        State::Checking(self)
    }

    fn on_rebind_reply(self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        if !answer.is_success() {
            return State::Checking(self);
        }
        let extension = match extend(answer, binding, cx) {
            ControlFlow::Continue(extension) => extension,
            ControlFlow::Break(next) => return next,
        };
        if extension.granted { State::Bound } else { State::Checking(self) }
    }
}

/// The lease holds, with the lifetimes it had.
fn holds(binding: &mut Binding, cx: &mut Cx<'_>) -> State {
    binding.announce(cx);
    cx.out.push(Action::Confirmed);
    settled(binding, cx)
}
