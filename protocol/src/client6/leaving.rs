//! Giving back: everything (Release, RFC 8415 §18.2.7), or addresses that others use (Decline, §18.2.8).
//!
//! What is given back is no longer ours when the first message goes out.

use super::binding::Binding;
use super::context::Cx;
use super::message::Associations;
use super::stateful::{State, released};
use crate::exchange::{Due, Exchange};
use crate::ids::Duid;
use crate::lease::Lease6;
use crate::params;
use crate::time::Instant;
use crate::wire::v6::MessageType;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Waiting for the Reply to a Release, whatever it says.
#[derive(Debug)]
pub(super) struct Releasing {
    exchange: Exchange,
    server: Duid,
    associations: Associations,
}

impl Releasing {
    pub(super) fn enter(lease: &Lease6, cx: &mut Cx<'_>) -> Self {
        Self {
            exchange: Exchange::new(MessageType::RELEASE, params::RELEASE, cx.now, cx.rng),
            server: lease.server.clone(),
            associations: Associations::held(lease),
        }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Nothing can be sent any more: it is over with the next deadline.
    pub(super) fn give_up(&mut self, now: Instant) {
        self.exchange = self.exchange.clone().until(Some(now + Duration::from_micros(1)));
    }

    pub(super) fn on_deadline(mut self, cx: &mut Cx<'_>) -> State {
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Nothing => State::Releasing(self),
            Due::Send => {
                cx.send(&self.exchange, Some(&self.server), &self.associations);
                State::Releasing(self)
            }
            Due::Over => released(cx),
        }
    }
}

/// Waiting for the Reply to a Decline, whatever it says.
#[derive(Debug)]
pub(super) struct Declining {
    exchange: Exchange,
    server: Duid,
    associations: Associations,
    /// No other address is asked for before.
    until: Instant,
}

impl Declining {
    pub(super) fn enter(server: Duid, addresses: Vec<Ipv6Addr>, until: Instant, cx: &mut Cx<'_>) -> Self {
        Self {
            exchange: Exchange::new(MessageType::DECLINE, params::DECLINE, cx.now, cx.rng),
            server,
            associations: Associations { addresses: Some(addresses), prefixes: None },
            until,
        }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) fn on_deadline(mut self, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Nothing => State::Declining(self),
            Due::Send => {
                cx.send(&self.exchange, Some(&self.server), &self.associations);
                State::Declining(self)
            }
            Due::Over => self.over(binding, cx),
        }
    }

    pub(super) fn on_reply(self, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        self.over(binding, cx)
    }

    /// What is left is renewed, which asks for an address again; if nothing is left, we begin again.
    fn over(self, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        let until = self.until.max(cx.now);
        binding.postpone(until);
        match binding.lease() {
            Some(_) => State::Bound,
            None => State::Resting { until },
        }
    }
}
