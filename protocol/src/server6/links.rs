//! Which subnet a client is in, by the way its message came, and what that subnet has for it.

use super::menu::Menu;
use super::settings::Settings;
use crate::prefix::Prefix6;
use crate::settings::{Draft01, Profile};
use crate::time::Lifetime;
use crate::way::Way;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// All subnets, ready to be found.
pub(super) struct Links {
    subnets: Vec<Subnet>,
    /// For clients whose subnet is not known.
    menu: Menu,
    link_addresses: Lookup,
    interface_ids: BTreeMap<Vec<u8>, usize>,
    sources: Lookup,
    interfaces: BTreeMap<String, usize>,
    anybody: Option<usize>,
}

/// What a subnet gives.
pub(super) struct Subnet {
    pub(super) prefix: Prefix6,
    pub(super) preferred: Lifetime,
    pub(super) valid: Lifetime,
    menu: Menu,
}

/// Where a client is.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    /// Position of its subnet in the settings.
    pub(super) index: usize,
    pub(super) subnet: &'a Subnet,
    /// The subnet's prefix is that of the client's link. It may not be when a relay agent names a link that is in no
    /// subnet, and a subnet for everybody takes the client in: then there are prefixes and options, but no addresses.
    pub(super) on_link: bool,
}

impl Links {
    /// Of `settings`, for the wire profiles of `profile`.
    pub(super) fn new(settings: &Settings, profile: Profile, draft01: &Draft01) -> Self {
        let mut links = Self {
            subnets: Vec::new(),
            menu: Menu::new(&[&settings.options], profile, draft01),
            link_addresses: Lookup::default(),
            interface_ids: BTreeMap::new(),
            sources: Lookup::default(),
            interfaces: BTreeMap::new(),
            anybody: None,
        };
        for (index, subnet) in settings.subnets.iter().enumerate() {
            let serves = &subnet.serves;
            serves.link_addresses.iter().for_each(|prefix| links.link_addresses.add(*prefix, index));
            serves.sources.iter().for_each(|prefix| links.sources.add(*prefix, index));
            for id in &serves.interface_ids {
                links.interface_ids.entry(id.clone()).or_insert(index);
            }
            for name in &serves.interfaces {
                links.interfaces.entry(name.clone()).or_insert(index);
            }
            if serves.anybody() {
                links.anybody = links.anybody.or(Some(index));
            }
            links.subnets.push(Subnet {
                prefix: subnet.prefix,
                preferred: subnet.preferred.min(subnet.valid),
                valid: subnet.valid,
                menu: Menu::new(&[&subnet.options, &settings.options], profile, draft01),
            });
        }
        // What is written out for one subnet goes before the prefix of another.
        for (index, subnet) in settings.subnets.iter().enumerate() {
            links.link_addresses.add(subnet.prefix, index);
        }
        links
    }

    /// The subnet of a client: the first of link-address, interface-id, source and interface that is any subnet's, else
    /// the subnet for everybody (RFC 8415 §13.1).
    pub(super) fn place(&self, way: &Way<'_>) -> Option<Place<'_>> {
        let named = way
            .link_addresses()
            .find_map(|address| self.link_addresses.find(address))
            .or_else(|| way.interface_ids().find_map(|id| self.interface_ids.get(id).copied()))
            .or_else(|| self.sources.find(way.client))
            .or_else(|| self.interfaces.get(way.interface).copied());
        let on_link = named.is_some() || way.link_addresses().next().is_none();
        let index = named.or(self.anybody)?;
        Some(Place { index, subnet: self.subnets.get(index)?, on_link })
    }

    /// True if there are subnets at all: a stateless server has none, and nobody misses one.
    pub(super) fn any(&self) -> bool {
        !self.subnets.is_empty()
    }

    /// The options for a client at `place`.
    pub(super) fn menu<'a>(&'a self, place: Option<Place<'a>>) -> &'a Menu {
        place.map_or(&self.menu, |place| &place.subnet.menu)
    }
}

/// Subnets by prefix; the longest match wins, then the first subnet.
#[derive(Default)]
struct Lookup {
    lengths: BTreeSet<Reverse<u8>>,
    entries: BTreeMap<Prefix6, usize>,
}

impl Lookup {
    fn add(&mut self, prefix: Prefix6, subnet: usize) {
        self.lengths.insert(Reverse(prefix.length()));
        self.entries.entry(prefix).or_insert(subnet);
    }

    fn find(&self, address: Ipv6Addr) -> Option<usize> {
        self.lengths.iter().find_map(|Reverse(len)| self.entries.get(&Prefix6::of(address, *len))).copied()
    }
}
