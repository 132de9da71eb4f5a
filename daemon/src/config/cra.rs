//! What host and on-link client relay agents have in common: keys of `[link.hcra]` and `[[lcra]]`.

use super::reader::{Entries, Reader, Said, Wanted};
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::settings::{Encapsulation, SourceCheck, is_routable};
use std::net::Ipv6Addr;

/// Servers, and relay agents, that are reached by IPv6.
pub(super) const SERVERS: Wanted = Wanted {
    entries: "IPv6 addresses",
    right: "must be a global or unique local IPv6 address",
    most: params::MAX_SERVERS,
};

const A_SOURCE: &str = "must be a global IPv6 address of this host";

/// What is read of them.
pub(super) struct Common<'a> {
    pub(super) servers: &'a mut Vec<Ipv6Addr>,
    pub(super) source: &'a mut Option<Ipv6Addr>,
    pub(super) unique_local: &'a mut bool,
    pub(super) source_check: &'a mut SourceCheck,
    pub(super) hops_limit: &'a mut u8,
    pub(super) encapsulation: &'a mut Encapsulation,
}

/// Reads the keys; what is not there stays as it is.
pub(super) fn read(table: &mut Reader<'_>, out: Common<'_>) {
    let mut servers = Entries::default();
    table.entries("servers", &mut servers, SERVERS, routable);
    if table.value("servers").is_some() {
        *out.servers = servers.values();
    }
    let mut source = Said::default();
    table.parsed("source", &mut source, A_SOURCE, routable);
    if let Some(at) = source.right {
        *out.source = Some(at.value);
    }
    table.boolean("unique-local", out.unique_local);
    table.word("source-check", out.source_check, &source_checks(), &[]);
    hops_limit(table, out.hops_limit);
    encapsulation(table, out.encapsulation);
}

/// What is wrong with them together: the key, what is wrong, what would be right.
pub(super) fn contradictions(
    servers: &[Ipv6Addr],
    source: Option<Ipv6Addr>,
    unique_local: bool,
) -> Vec<(&'static str, String, &'static str)> {
    let mut found = Vec::new();
    let Some(source) = source else { return found };
    if source.is_unique_local() && !unique_local {
        let right = "must be a global address, or \"unique-local\" must be true";
        found.push(("source", format!("{source} is a unique local address"), right));
    }
    if servers.contains(&source) {
        let right = "must be another host's address";
        found.push(("servers", format!("{source} is \"source\", this host's own address"), right));
    }
    found
}

/// An IPv6 address of one host that is good beyond its link.
pub(super) fn routable(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().filter(|address| is_routable(*address))
}

/// The words of `source-check`.
pub(super) fn source_checks() -> [(&'static str, SourceCheck); 3] {
    [("strict", SourceCheck::Strict), ("relaxed", SourceCheck::Relaxed), ("off", SourceCheck::Off)]
}

/// `hops-limit`, of every relay agent of DHCPv4.
pub(super) fn hops_limit(table: &mut Reader<'_>, out: &mut u8) {
    let (least, most) = (*params::HOPS_RANGE.start(), *params::HOPS_RANGE.end());
    table.number("hops-limit", out, i64::from(least)..=i64::from(most));
}

/// `relay-encapsulation`, of every role of DHCPv4 over IPv6.
pub(super) fn encapsulation(table: &mut Reader<'_>, out: &mut Encapsulation) {
    let words = [("off", Encapsulation::Off), ("private", Encapsulation::Private)];
    table.word("relay-encapsulation", out, &words, &[]);
}
