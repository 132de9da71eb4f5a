//! What the IPv6-transport server and relay agents have in common: keys of `[server.tsv]` and `[[tra]]`.

use super::cra;
use super::mistakes::{MISSING, Mistakes, Place};
use super::reader::{Entries, MAX_NAMED, Reader, Wanted};
use super::serves::prefix6;
use super::subnet4::is_usable;
use dhcp4o6_protocol::prefix::{Prefix4, Prefix6};
use dhcp4o6_protocol::settings::is_routable;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Own addresses that it is asked at.
const ADDRESSES: Wanted = Wanted { entries: "own IPv6 addresses", most: MAX_NAMED, ..cra::SERVERS };

/// Where client relay agents are.
pub(super) const AGENTS: Wanted = Wanted {
    entries: "IPv6 prefixes",
    right: "must be an IPv6 prefix of global or unique local addresses such as \"2001:db8::/32\", without host bits, or \
            such an address",
    most: MAX_NAMED,
};

/// Where something is in IPv4.
pub(super) const PREFIXES4: Wanted = Wanted {
    entries: "IPv4 prefixes",
    right: "must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits, or an address",
    most: MAX_NAMED,
};

/// From whom it takes messages, as far as it is written.
#[derive(Default)]
pub(super) struct From {
    written: Option<Place>,
    pub(super) agents: Entries<Prefix6>,
}

impl From {
    /// `accept-from`.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        if reader.value("accept-from").is_some() {
            self.written = Some(reader.place_of_key("accept-from"));
        }
        reader.entries("accept-from", &mut self.agents, AGENTS, agents);
    }

    /// Reports when there is nobody; `place` is that of the table, and `path` its path.
    pub(super) fn check(&self, place: &Place, path: &str, mistakes: &mut Mistakes) {
        let right = "must be a list of the IPv6 prefixes that client relay agents are in, such as \
                     [\"2001:db8::/32\"]: nobody else is answered";
        let key = format!("{path}.accept-from");
        match &self.written {
            None => mistakes.key(place, key, MISSING, right),
            Some(written) if !self.agents.given => {
                mistakes.key(written, key, "an empty list is not valid", right);
            }
            Some(_) => {}
        }
    }
}

/// `addresses`.
pub(super) fn addresses(reader: &mut Reader<'_>, out: &mut Entries<Ipv6Addr>) {
    reader.entries("addresses", out, ADDRESSES, cra::routable);
}

/// A prefix of client relay agents; the whole of IPv6 takes all of them.
pub(super) fn agents(text: &str) -> Option<Prefix6> {
    prefix6(text).filter(|prefix| prefix.is_all() || is_routable(prefix.address()))
}

/// A prefix of hosts, where a single address is one too; the whole of IPv4 takes all of them.
pub(super) fn prefix4(text: &str) -> Option<Prefix4> {
    let alone = || text.parse::<Ipv4Addr>().ok().map(|address| Prefix4::of(address, 32));
    let prefix: Prefix4 = text.parse().ok().or_else(alone)?;
    (prefix.is_all() || is_usable(prefix.address())).then_some(prefix)
}

/// `cra6addr`: the code of the sub-option that tells where a client relay agent is.
pub(super) fn cra6addr(reader: &mut Reader<'_>, out: &mut u8) {
    reader.number("cra6addr", out, 1..=254);
}
