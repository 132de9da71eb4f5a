//! Whom a subnet serves, and what is wrong when several subnets serve the same.

use super::matching::{is_interface_name, is_pattern};
use super::mistakes::{Mistakes, Place, Shown};
use super::reader::{At, Entries, MAX_NAMED, Reader, Wanted, octets, octets_text};
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::server4::settings::Serves;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// A list of interfaces.
pub(super) const INTERFACES: Wanted = Wanted {
    entries: "names of interfaces",
    right: "must be the name of an interface, not a pattern",
    most: MAX_NAMED,
};

/// A list of prefixes, where a single address is one too.
pub(super) const PREFIXES: Wanted = Wanted {
    entries: "IPv6 prefixes",
    right: "must be an IPv6 prefix such as \"2001:db8::/32\", without host bits, or an address",
    most: MAX_NAMED,
};

const INTERFACE_IDS: Wanted = Wanted {
    entries: "interface-ids",
    right: "must be text, or hexadecimal digits such as \"hex:0a0b\": 1 to 255 octets",
    most: MAX_NAMED,
};

/// The name of one interface.
pub(super) fn interface(text: &str) -> Option<String> {
    (is_interface_name(text) && !is_pattern(text)).then(|| text.to_owned())
}

/// A prefix; an address is one by itself.
pub(super) fn prefix6(text: &str) -> Option<Prefix6> {
    text.parse().ok().or_else(|| text.parse::<Ipv6Addr>().ok().map(|address| Prefix6::of(address, 128)))
}

/// [`Serves`] as it is written.
#[derive(Default)]
pub(super) struct Draft {
    link_addresses: Entries<Prefix6>,
    interface_ids: Entries<Vec<u8>>,
    sources: Entries<Prefix6>,
    interfaces: Entries<String>,
}

impl Draft {
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        reader.entries("link-addresses", &mut self.link_addresses, PREFIXES, prefix6);
        reader.entries("interface-ids", &mut self.interface_ids, INTERFACE_IDS, octets);
        reader.entries("sources", &mut self.sources, PREFIXES, prefix6);
        reader.entries("interfaces", &mut self.interfaces, INTERFACES, interface);
    }

    pub(super) fn finish(&self) -> Serves {
        Serves {
            link_addresses: self.link_addresses.values(),
            interface_ids: self.interface_ids.values(),
            sources: self.sources.values(),
            interfaces: self.interfaces.values(),
        }
    }

    fn nobody_named(&self) -> bool {
        !(self.link_addresses.given
            || self.interface_ids.given
            || self.sources.given
            || self.interfaces.given)
    }
}

/// A claim on a prefix.
struct Claim<'a> {
    owner: usize,
    at: &'a At<Prefix6>,
    /// It is the subnet's own prefix, and not one of a list.
    own: bool,
}

/// Reports prefixes that two of these claim differently: one must not lie inside the other, or it would matter which
/// is looked at first. The same prefix in several makes them a shared network.
///
/// `path` is that of the tables; an own prefix of a table is a link-address of it.
pub(super) fn nested(path: &str, all: &[(&Draft, Option<&At<Prefix6>>)], mistakes: &mut Mistakes) {
    let mut link_addresses = Vec::new();
    let mut sources = Vec::new();
    for (owner, (draft, own)) in all.iter().enumerate() {
        link_addresses.extend(own.map(|at| Claim { owner, at, own: true }));
        link_addresses.extend(draft.link_addresses.right.iter().map(|at| Claim { owner, at, own: false }));
        sources.extend(draft.sources.right.iter().map(|at| Claim { owner, at, own: false }));
    }
    nested_in(&format!("{path}.link-addresses"), link_addresses, mistakes);
    nested_in(&format!("{path}.sources"), sources, mistakes);
}

fn nested_in(key: &str, mut claims: Vec<Claim<'_>>, mistakes: &mut Mistakes) {
    // Prefixes are disjoint or nested: sorted, those around one are on the stack when it comes.
    claims.sort_by_key(|claim| (claim.at.value, claim.own, claim.owner));
    let mut around: Vec<Claim<'_>> = Vec::new();
    for claim in claims {
        let prefix = claim.at.value;
        around.retain(|outer| outer.at.value.contains(prefix.address()));
        let other = around.iter().find(|outer| {
            outer.owner != claim.owner && outer.at.value != prefix && !(outer.own && claim.own)
        });
        if let Some(outer) = other {
            // An own prefix is not what is wrong with a list.
            let (wrong_one, other) = if claim.own { (outer, &claim) } else { (&claim, outer) };
            let wrong =
                format!("{} overlaps {}, which another one serves", wrong_one.at.value, other.at.value);
            let right = format!("must be the same or apart; the other is at {}", other.at.place);
            mistakes.key(&wrong_one.at.place, key, wrong, right);
        }
        // Of two alike, one is somebody else's than any other claim's: more would only take time.
        let alike = around.iter().filter(|outer| outer.at.value == prefix && outer.own == claim.own);
        if alike.count() < 2 {
            around.push(claim);
        }
    }
}

/// Reports what two of these claim alike, where only one can have it.
pub(super) fn claimed_twice(path: &str, all: &[(&Draft, &Place)], mistakes: &mut Mistakes) {
    fn twice<'a, T: Ord + 'a>(
        key: String,
        claims: impl Iterator<Item = &'a At<T>>,
        shown: impl Fn(&T) -> String,
        mistakes: &mut Mistakes,
    ) {
        let mut first: BTreeMap<&T, &At<T>> = BTreeMap::new();
        for claim in claims {
            let other = first.entry(&claim.value).or_insert(claim);
            if !std::ptr::eq(*other, claim) {
                let wrong = format!("\"{}\" is served twice", Shown(&shown(&claim.value)));
                mistakes.key(&claim.place, &key, wrong, format!("the other is at {}", other.place));
            }
        }
    }
    let drafts = || all.iter().map(|(draft, _)| *draft);
    let link_addresses = drafts().flat_map(|draft| &draft.link_addresses.right);
    twice(format!("{path}.link-addresses"), link_addresses, Prefix6::to_string, mistakes);
    let interface_ids = drafts().flat_map(|draft| &draft.interface_ids.right);
    twice(format!("{path}.interface-ids"), interface_ids, |octets| octets_text(octets), mistakes);
    let sources = drafts().flat_map(|draft| &draft.sources.right);
    twice(format!("{path}.sources"), sources, Prefix6::to_string, mistakes);
    let interfaces = drafts().flat_map(|draft| &draft.interfaces.right);
    twice(format!("{path}.interfaces"), interfaces, String::clone, mistakes);
    let mut everybody = all.iter().filter(|(draft, _)| draft.nobody_named());
    if let Some((_, first)) = everybody.next() {
        for (_, place) in everybody {
            let right = format!("the other is at {first}");
            mistakes.key(place, path, "serves everybody else, as another does", right);
        }
    }
}
