//! Looking for servers (RFC 8415 §18.2.1, §18.2.9).

use super::binding::{Binding, Kinds};
use super::context::{Context, Cx};
use super::message::Associations;
use super::reply::{Answer, Association};
use super::requesting::Requesting;
use super::stateful::{State, configured};
use crate::exchange::{Due, Exchange};
use crate::ids::Duid;
use crate::params::{self, MAX_ADVERTISES};
use crate::time::Instant;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::OptionCode;
use std::cmp::Reverse;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Waiting for Advertise messages.
#[derive(Debug)]
pub(super) struct Soliciting {
    exchange: Exchange,
    /// Best first; among equals, the first that came.
    offers: Vec<Offer>,
    /// A server answered and had nothing for us.
    unserved: bool,
    sol_max_rt: Advertised,
    inf_max_rt: Advertised,
}

/// An Advertise to come back to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Offer {
    pub(super) server: Duid,
    pub(super) associations: Associations,
    rank: Rank,
}

/// Higher is better, field by field.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Rank {
    preference: u8,
    /// It has the options that carry the permit.
    enables: bool,
    /// How many of IA_NA and IA_PD it has something in.
    associations: usize,
}

/// What the Advertises of one Solicit say of a limit. When they differ, the default holds (RFC 8415 §18.2.9).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Advertised {
    Nothing,
    Agreed(u32),
    Different,
}

impl Advertised {
    fn add(self, seconds: u32) -> Self {
        match self {
            Self::Nothing => Self::Agreed(seconds),
            Self::Agreed(before) if before == seconds => self,
            Self::Agreed(_) | Self::Different => Self::Different,
        }
    }

    fn apply(&mut self, seconds: Option<u32>, in_force: &mut Option<u32>) {
        let Some(seconds) = seconds else { return };
        *self = self.add(seconds);
        *in_force = match *self {
            Self::Agreed(seconds) => Some(seconds),
            Self::Nothing | Self::Different => None,
        };
    }
}

impl Soliciting {
    pub(super) fn enter(first_at: Instant, cx: &mut Cx<'_>) -> Self {
        let limits = Context::limits(params::SOLICIT, cx.context.sol_max_rt);
        Self {
            exchange: Exchange::new(MessageType::SOLICIT, limits, first_at, cx.rng),
            offers: Vec::new(),
            unserved: false,
            sol_max_rt: Advertised::Nothing,
            inf_max_rt: Advertised::Nothing,
        }
    }

    pub(super) fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Notices when the first wait is over and all that servers had to say is that they have nothing for us.
    fn note_denial(&self, cx: &mut Cx<'_>) {
        cx.context.denied |= self.unserved && self.offers.is_empty() && self.exchange.transmissions() > 1;
    }

    pub(super) fn on_advertise(mut self, answer: &Answer<'_>, cx: &mut Cx<'_>) -> State {
        self.learn(answer, cx);
        if !answer.grants() {
            if !self.unserved {
                let (server, status) = (&answer.server, answer.failure());
                cx.note(
                    "dhcp6-nothing-offered",
                    format!("server {server} offers no address or prefix: {status}"),
                );
            }
            self.unserved = true;
            self.note_denial(cx);
            return State::Soliciting(self);
        }
        if cx.context.reply_at.is_none() {
            cx.publish(answer.options);
        }
        self.keep(Offer::of(answer, cx.context));
        let at_once = answer.preference() == u8::MAX || self.exchange.transmissions() > 1;
        if at_once { self.choose(cx) } else { State::Soliciting(self) }
    }

    /// A Reply with Rapid Commit. Without an address or prefix in it the Solicit goes on.
    pub(super) fn on_reply(mut self, answer: &Answer<'_>, binding: &mut Binding, cx: &mut Cx<'_>) -> State {
        cx.learn(answer);
        self.lower_pause(cx);
        if !answer.grants() {
            self.unserved = true;
            self.note_denial(cx);
            return State::Soliciting(self);
        }
        let merged = binding.merge(answer, Kinds::default(), cx.context.iaid, cx.now);
        binding.set(merged.lease, cx);
        configured(answer, cx);
        State::Bound
    }

    pub(super) fn on_deadline(mut self, binding: &Binding, cx: &mut Cx<'_>) -> State {
        if !self.offers.is_empty() && cx.now >= self.exchange.deadline() {
            return self.choose(cx);
        }
        match self.exchange.on_deadline(cx.now, cx.rng) {
            Due::Send => cx.send(&self.exchange, None, &binding.wanted(&cx.context.settings)),
            // Solicit has no limit.
            Due::Nothing | Due::Over => {}
        }
        self.note_denial(cx);
        State::Soliciting(self)
    }

    fn learn(&mut self, answer: &Answer<'_>, cx: &mut Cx<'_>) {
        let (mut sol_max_rt, mut inf_max_rt) = (cx.context.sol_max_rt, cx.context.inf_max_rt);
        self.sol_max_rt.apply(answer.sol_max_rt, &mut sol_max_rt);
        self.inf_max_rt.apply(answer.inf_max_rt, &mut inf_max_rt);
        cx.set_limits(sol_max_rt, inf_max_rt);
        self.lower_pause(cx);
    }

    fn lower_pause(&mut self, cx: &Cx<'_>) {
        let longest =
            cx.context.sol_max_rt.map_or(params::SOLICIT.max, |seconds| Duration::from_secs(seconds.into()));
        self.exchange.set_longest_pause(longest);
    }

    fn keep(&mut self, offer: Offer) {
        self.offers.retain(|old| old.server != offer.server);
        self.offers.push(offer);
        self.offers.sort_by_key(|offer| Reverse(offer.rank));
        self.offers.truncate(MAX_ADVERTISES);
    }

    fn choose(self, cx: &mut Cx<'_>) -> State {
        match Requesting::of_offers(self.offers, cx) {
            Some(requesting) => State::Requesting(requesting),
            None => State::Resting { until: cx.now },
        }
    }
}

impl Offer {
    fn of(answer: &Answer<'_>, context: &Context) -> Self {
        let granted = |ia: &Association| ia.granted().copied().collect::<Vec<_>>();
        let addresses: Vec<Ipv6Addr> = granted(&answer.addresses).iter().map(|entry| entry.address).collect();
        let prefixes: Vec<(Ipv6Addr, u8)> =
            granted(&answer.prefixes).iter().map(|entry| (entry.address, entry.prefix_len)).collect();
        let rank = Rank {
            preference: answer.preference(),
            enables: context
                .permit_options
                .iter()
                .any(|code| answer.options.first(OptionCode(*code)).is_some()),
            associations: usize::from(!addresses.is_empty()) + usize::from(!prefixes.is_empty()),
        };
        let associations = Associations {
            addresses: context.settings.address.then_some(addresses),
            prefixes: context.settings.prefix.then_some(prefixes),
        };
        Self { server: answer.server.clone(), associations, rank }
    }
}
