//! Asking one server for what it offered, or for what it no longer knows (RFC 8415 §18.2.2, §18.2.10.1).

use super::binding::{Binding, Kinds};
use super::context::Cx;
use super::message::Associations;
use super::reply::Answer;
use super::soliciting::Offer;
use super::stateful::{State, configured, refused, settled, to_extend};
use crate::exchange::{Due, Exchange};
use crate::ids::Duid;
use crate::params;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::Status;

/// Waiting for the Reply to a Request.
#[derive(Debug)]
pub(super) struct Requesting {
    exchange: Exchange,
    server: Duid,
    associations: Associations,
    /// What the server said it does not know: of these, only what it gives now is kept.
    unbound: Kinds,
    /// Whom to ask next, best first.
    others: Vec<Offer>,
}

impl Requesting {
    /// Asks the best of `offers`; the others wait.
    pub(super) fn of_offers(mut offers: Vec<Offer>, cx: &mut Cx<'_>) -> Option<Self> {
        if offers.is_empty() {
            return None;
        }
        let Offer { server, associations, .. } = offers.remove(0);
        Some(Self::new(server, associations, Kinds::default(), offers, cx))
    }

    /// Asks a server that lost our lease, or a part of it, for all of it.
    pub(super) fn of_lost(server: Duid, unbound: Kinds, binding: &Binding, cx: &mut Cx<'_>) -> Self {
        Self::new(server, to_extend(binding, cx), unbound, Vec::new(), cx)
    }

    fn new(
        server: Duid,
        associations: Associations,
        unbound: Kinds,
        others: Vec<Offer>,
        cx: &mut Cx<'_>,
    ) -> Self {
        let exchange = Exchange::new(MessageType::REQUEST, params::REQUEST, cx.now, cx.rng);
        Self { exchange, server, associations, unbound, others }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    pub(super) fn on_deadline(mut self, binding: &Binding, cx: &mut Cx<'_>) -> State {
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Nothing => State::Requesting(self),
            Due::Send => {
                cx.send(&self.exchange, Some(&self.server), &self.associations);
                State::Requesting(self)
            }
            Due::Over => match Self::of_offers(self.others, cx) {
                Some(next) => State::Requesting(next),
                None => settled(binding, cx),
            },
        }
    }

    pub(super) fn on_reply(self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        cx.learn(answer);
        // A server that failed for no stated reason is asked again, in the exchange's own time; UseMulticast has no
        // meaning, since nothing we send is unicast.
        if matches!(answer.status, Status::UNSPEC_FAIL | Status::USE_MULTICAST) {
            return State::Requesting(self);
        }
        if answer.grants() {
            let merged = binding.merge(answer, self.unbound, cx.context.iaid, cx.now);
            binding.set(merged.lease, cx);
            configured(answer, cx);
            return State::Bound;
        }
        cx.note(
            "dhcp6-refused",
            format!("server {} refused our Request: {}", answer.server, answer.failure()),
        );
        binding.drop_kinds(self.unbound, cx);
        match Self::of_offers(self.others, cx) {
            Some(next) => State::Requesting(next),
            None => refused(binding, cx),
        }
    }
}
