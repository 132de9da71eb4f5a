//! The DHCPv4 client inside DHCPv4-query and DHCPv4-response (RFC 7341 §9; draft01 §7).
//!
//! The engine decides what is said and when. Here it is decided where a query goes, where it comes from, and whose
//! response is heard.

use super::source;
use crate::client4::Echo;
use crate::facts::LinkFacts;
use crate::ids::{Xid4, Xid6};
use crate::lease::Delegation6;
use crate::params::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS};
use crate::permit::{Permit, WireProfile};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::{LinkSettings, SourceCheck, is_routable};
use crate::wire::o6::{self, CodePoints, Header};
use crate::wire::{v4, v6};
use std::net::Ipv6Addr;

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

/// Where queries go under `permit`.
pub(crate) fn destinations(permit: &Permit) -> Vec<Ipv6Addr> {
    if permit.servers.is_empty() { vec![ALL_RELAYS_AND_SERVERS] } else { permit.servers.clone() }
}

/// The source that a query would have now; `None` while no destination can be reached.
pub(crate) fn reachable_from(around: &Around<'_>) -> Option<Ipv6Addr> {
    destinations(around.permit).into_iter().find_map(|to| source::select(to, around.facts, around.delegated))
}

/// What one 4o6 client remembers of its queries.
#[derive(Debug, Default)]
pub(crate) struct Client4o6 {
    /// draft01: the outer transaction id that belongs to an inner one, kept over retransmissions.
    outer: Option<(Xid4, Xid6)>,
}

impl Client4o6 {
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
        destinations(permit)
            .into_iter()
            .filter_map(|destination| {
                let source = source::select(destination, around.facts, around.delegated)?;
                Some(Query { source, destination, payload: payload.clone() })
            })
            .collect()
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

    /// True if the last query had this outer transaction id.
    pub(crate) fn has_sent(&self, outer: Xid6) -> bool {
        self.outer.is_some_and(|(_, id)| id == outer)
    }
}

/// The DHCPv4 message in a DHCPv4-response. `is_known` tells whether a query had an outer transaction id.
///
/// The order of the checks is fixed: the first that fails names the counter (SEC-01). Link, destination and permit were
/// checked by the caller, who goes on with client identifier, transaction id and [`may_answer`].
///
/// # Errors
/// When there is no such message.
pub(crate) fn open<'m>(
    message: &v6::Message<'m>,
    around: &Around<'_>,
    is_known: impl FnOnce(Xid6) -> bool,
) -> Result<v4::Message<'m>, Refused> {
    let points = CodePoints::of(around.permit.profile, &around.settings.draft01);
    if message.kind != points.response {
        return Err(Refused::UnknownType);
    }
    if around.permit.profile == WireProfile::Draft01 && !is_known(message.xid()) {
        return Err(Refused::XidMismatch);
    }
    let inner = o6::dhcpv4(points, message)?;
    let inner = v4::Message::parse(inner).map_err(|_| Refused::Malformed4)?;
    if inner.op != v4::BOOTREPLY || inner.kind().is_none() {
        return Err(Refused::Malformed4);
    }
    Ok(inner)
}

/// The source rule (SEC-02). A link-local source is one on this link, because only this link's socket got it.
pub(crate) fn may_answer(from: Ipv6Addr, echo: Echo, permit: &Permit, check: SourceCheck) -> bool {
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
    use crate::time::Instant;

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
