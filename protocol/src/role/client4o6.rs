//! The DHCPv4 client inside DHCPv4-query and DHCPv4-response (RFC 7341 §9; draft01 §7).
//!
//! The engine decides what is said and when. Here it is decided where a query goes, where it comes from, and whose
//! response is heard.

use super::source;
use crate::client4::{Client4, Cx, Echo};
use crate::facts::LinkFacts;
use crate::ids::{Xid4, Xid6};
use crate::lease::Delegation6;
use crate::machine::Datagram;
use crate::params::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS};
use crate::permit::{Permit, WireProfile};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::{LinkSettings, SourceCheck, is_routable};
use crate::time::Instant;
use crate::wire::o6::{self, CodePoints, Header};
use crate::wire::{v4, v6};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Shortest time between two retransmissions that a change of the source address forced.
const FORCED_INTERVAL: Duration = Duration::from_secs(10);

/// What surrounds the 4o6 client of a link.
pub(crate) struct Around<'a> {
    pub(crate) permit: &'a Permit,
    pub(crate) settings: &'a LinkSettings,
    pub(crate) facts: &'a LinkFacts,
    /// Prefixes delegated on this link: other interfaces numbered from them lend their addresses.
    pub(crate) delegated: &'a [Delegation6],
}

/// A query, ready to be sent to UDP port 547.
#[derive(Debug, PartialEq)]
pub(crate) struct Query {
    pub(crate) source: Ipv6Addr,
    pub(crate) destination: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

/// One 4o6 client: an engine, and what its transport remembers.
pub(crate) struct Client4o6 {
    pub(crate) engine: Client4,
    /// draft01: the outer transaction id that belongs to an inner one, kept over retransmissions.
    outer: Option<(Xid4, Xid6)>,
    /// Where the last query came from.
    source: Option<Ipv6Addr>,
    /// The last query found no source address.
    postponed: bool,
    forced_at: Option<Instant>,
}

impl Client4o6 {
    pub(crate) fn new(engine: Client4) -> Self {
        Self { engine, outer: None, source: None, postponed: false, forced_at: None }
    }

    /// The source of the last query.
    pub(crate) fn source(&self) -> Option<Ipv6Addr> {
        self.source
    }

    /// Where queries go under `permit`.
    pub(crate) fn destinations(permit: &Permit) -> Vec<Ipv6Addr> {
        if permit.servers.is_empty() { vec![ALL_RELAYS_AND_SERVERS] } else { permit.servers.clone() }
    }

    /// The source that a query would have now; `None` while no destination can be reached.
    pub(crate) fn reachable_from(around: &Around<'_>) -> Option<Ipv6Addr> {
        Self::destinations(around.permit)
            .into_iter()
            .find_map(|to| source::select(to, around.facts, around.delegated))
    }

    /// One query for each destination that can be reached, in the order of the list (C46-08). Each transmission
    /// chooses its source anew (C46-20).
    pub(crate) fn queries(
        &mut self,
        message: &[u8],
        xid: Xid4,
        unicast: bool,
        around: &Around<'_>,
        rng: &mut Rng,
    ) -> Vec<Query> {
        let permit = around.permit;
        let points = CodePoints::of(permit.profile, &around.settings.draft01);
        let header = match permit.profile {
            WireProfile::Rfc7341 => Header::Flags { unicast },
            WireProfile::Draft01 => Header::TransactionId(self.outer_id(xid, rng)),
        };
        // The engine's messages are far below the limit of a datagram.
        let Ok(payload) = o6::emit_query(points, header, &[], message) else { return Vec::new() };
        let queries: Vec<Query> = Self::destinations(permit)
            .into_iter()
            .filter_map(|destination| {
                let source = source::select(destination, around.facts, around.delegated)?;
                Some(Query { source, destination, payload: payload.clone() })
            })
            .collect();
        self.postponed = queries.is_empty();
        if let Some(first) = queries.first() {
            self.source = Some(first.source);
        }
        queries
    }

    fn outer_id(&mut self, xid: Xid4, rng: &mut Rng) -> Xid6 {
        match self.outer {
            Some((inner, outer)) if inner == xid => outer,
            _ => {
                let [_, id @ ..] = rng.u32().to_be_bytes();
                self.outer = Some((xid, Xid6(id)));
                Xid6(id)
            }
        }
    }

    /// True once if the last transmission found no source and one is there now.
    pub(crate) fn was_postponed(&mut self, around: &Around<'_>) -> bool {
        self.postponed && Self::reachable_from(around).is_some() && std::mem::take(&mut self.postponed)
    }

    /// True if queries now leave from another address than the last one did.
    pub(crate) fn has_moved(&self, around: &Around<'_>) -> bool {
        let reachable = Self::reachable_from(around);
        reachable.is_some() && self.source.is_some() && self.source != reachable
    }

    /// Whether something may leave now because of a move; if not, when.
    pub(crate) fn force(&mut self, now: Instant) -> Result<(), Instant> {
        let rested_at = self.forced_at.map_or(now, |at| at + FORCED_INTERVAL);
        if now < rested_at {
            return Err(rested_at);
        }
        self.forced_at = Some(now);
        Ok(())
    }

    /// Judges a DHCPv4-response and gives it to the engine. The order of the checks is fixed: the first that fails
    /// names the counter (SEC-01). Link, destination and permit were checked by the caller.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        message: &v6::Message<'_>,
        around: &Around<'_>,
        rng: &mut Rng,
        out: &mut Vec<crate::client4::Action>,
    ) -> Result<(), Refused> {
        let permit = around.permit;
        let points = CodePoints::of(permit.profile, &around.settings.draft01);
        if message.kind != points.response {
            return Err(Refused::UnknownType);
        }
        if permit.profile == WireProfile::Draft01 && self.outer.is_none_or(|(_, id)| id != message.xid()) {
            return Err(Refused::XidMismatch);
        }
        let inner = o6::dhcpv4(points, message)?;
        let inner = v4::Message::parse(inner).map_err(|_| Refused::Malformed4)?;
        if inner.op != v4::BOOTREPLY || inner.kind().is_none() {
            return Err(Refused::Malformed4);
        }
        let echo = self.engine.check(&inner)?;
        if !may_answer(*datagram.from.ip(), echo, permit, around.settings.source_check) {
            return Err(Refused::SourceRefused);
        }
        let source = Self::reachable_from(around).or(self.source);
        let mut cx = Cx { rng, foreign: &around.facts.foreign4, source };
        self.engine.receive(now, &inner, &mut cx, out)
    }
}

/// The source rule (SEC-02). A link-local source is one on this link, because only this link's socket got it.
fn may_answer(from: Ipv6Addr, echo: Echo, permit: &Permit, check: SourceCheck) -> bool {
    let link_local = from.is_unicast_link_local();
    let multicast = permit.servers.is_empty() || permit.servers.contains(&ALL_RELAYS_AND_SERVERS);
    let listed = permit.servers.contains(&from)
        || (multicast && link_local)
        || (permit.servers.contains(&ALL_SERVERS) && is_routable(from));
    match (check, echo) {
        (SourceCheck::Off, _) => true,
        (SourceCheck::Relaxed, Echo::Ours) => link_local || is_routable(from),
        (SourceCheck::Relaxed, Echo::Absent) | (SourceCheck::Strict, _) => listed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn permit(servers: &[&str]) -> Permit {
        Permit {
            profile: WireProfile::Rfc7341,
            servers: servers.iter().map(|s| s.parse().unwrap()).collect(),
            since: Instant::BOOT,
        }
    }

    #[test]
    fn who_may_answer_depends_on_echo_list_and_setting_sec_02() {
        use Echo::{Absent, Ours};
        use SourceCheck::{Off, Relaxed, Strict};
        let listed = permit(&["2001:db8::1"]);
        let multicast = permit(&[]);
        let explicit = permit(&["ff02::1:2"]);
        for (from, echo, permit, check, expected) in [
            ("2001:db8::1", Ours, &listed, Relaxed, true),
            ("2001:db8::2", Ours, &listed, Relaxed, true),
            ("fe80::1", Ours, &listed, Relaxed, true),
            ("::1", Ours, &listed, Relaxed, false),
            ("2001:db8::1", Absent, &listed, Relaxed, true),
            ("2001:db8::2", Absent, &listed, Relaxed, false),
            ("fe80::1", Absent, &listed, Relaxed, false),
            ("fe80::1", Absent, &multicast, Relaxed, true),
            ("fe80::1", Absent, &explicit, Relaxed, true),
            ("2001:db8::2", Absent, &multicast, Relaxed, false),
            ("2001:db8::1", Ours, &listed, Strict, true),
            ("2001:db8::2", Ours, &listed, Strict, false),
            ("fe80::1", Ours, &listed, Strict, false),
            ("fe80::1", Ours, &multicast, Strict, true),
            ("2001:db8::2", Absent, &listed, Off, true),
        ] {
            let from: Ipv6Addr = from.parse().unwrap();
            assert_eq!(may_answer(from, echo, permit, check), expected, "{from} {echo:?} {check:?}");
        }
    }
}
