//! Which subnets serve a client.

use super::settings::{Serves, Settings};
use crate::ids::hex;
use crate::prefix::{Prefix4, Prefix6};
use crate::way::{Four, Way};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Takes down which rules were looked at, for operators. Nobody listens while messages are answered.
#[derive(Debug, Default)]
pub(super) struct Steps(Option<Vec<(String, String)>>);

impl Steps {
    /// Takes everything down.
    pub(super) fn recorded() -> Self {
        Self(Some(Vec::new()))
    }

    pub(super) fn note(&mut self, rule: &str, outcome: impl FnOnce() -> String) {
        if let Some(steps) = &mut self.0 {
            steps.push((rule.to_owned(), outcome()));
        }
    }

    pub(super) fn finish(self) -> Vec<(String, String)> {
        self.0.unwrap_or_default()
    }
}

/// What chooses a subnet.
#[derive(Debug)]
pub(super) struct Signs<'a> {
    /// Sub-option 5 of option 82 (RFC 3527).
    pub(super) link_selection: Option<Ipv4Addr>,
    /// Option 118 (RFC 3011), if it is to be followed.
    pub(super) subnet_selection: Option<Ipv4Addr>,
    /// The address of an IPv4 relay agent, or the inner giaddr, if it is to be believed.
    pub(super) giaddr: Option<Ipv4Addr>,
    pub(super) way: &'a Way<'a>,
}

#[derive(Clone, Copy)]
enum Rule {
    LinkSelection,
    SubnetSelection,
    LinkAddress,
    InterfaceId,
    Source,
    Interface,
    Giaddr,
    Address,
    Anybody,
}

/// In the order in which they are tried.
const RULES: &[Rule] = &[
    Rule::LinkSelection,
    Rule::SubnetSelection,
    Rule::LinkAddress,
    Rule::InterfaceId,
    Rule::Source,
    Rule::Interface,
    Rule::Giaddr,
    Rule::Address,
    Rule::Anybody,
];

impl Rule {
    const fn name(self) -> &'static str {
        match self {
            Self::LinkSelection => "link selection",
            Self::SubnetSelection => "subnet selection",
            Self::LinkAddress => "link-address",
            Self::InterfaceId => "interface-id",
            Self::Source => "source",
            Self::Interface => "interface",
            Self::Giaddr => "giaddr",
            Self::Address => "address",
            Self::Anybody => "any client",
        }
    }
}

/// Subnets by each thing that can choose them. Subnets are named by their index in the settings.
#[derive(Debug, Default)]
pub(crate) struct Subnets {
    link_addresses: Prefixes,
    interface_ids: BTreeMap<Vec<u8>, Vec<usize>>,
    sources: Prefixes,
    interfaces: BTreeMap<String, Vec<usize>>,
    anybody: Vec<usize>,
    /// First and last address, ascending.
    ranges: Vec<(Ipv4Addr, Ipv4Addr, usize)>,
    names: Vec<String>,
}

impl Subnets {
    pub(super) fn new(settings: &Settings) -> Self {
        Self::of(settings.subnets.iter().map(|subnet| (&subnet.serves, subnet.prefix)))
    }

    /// Subnets of whatever kind: whom each serves, and its prefix.
    pub(crate) fn of<'a>(entries: impl Iterator<Item = (&'a Serves, Prefix4)>) -> Self {
        let mut all = Self::default();
        for (index, (serves, prefix)) in entries.enumerate() {
            all.serve(index, serves);
            all.ranges.push((prefix.address(), prefix.last(), index));
            all.names.push(prefix.to_string());
        }
        all.ranges.sort_unstable();
        all
    }

    /// The first subnet that serves whoever is there, when the message itself has no say.
    pub(crate) fn at(&self, way: &Way<'_>) -> Option<usize> {
        let signs = Signs { link_selection: None, subnet_selection: None, giaddr: None, way };
        self.choose(&signs, &mut Steps::default()).first().copied()
    }

    fn serve(&mut self, index: usize, serves: &Serves) {
        for prefix in &serves.link_addresses {
            self.link_addresses.add(*prefix, index);
        }
        for id in &serves.interface_ids {
            enter(&mut self.interface_ids, id, index);
        }
        for prefix in &serves.sources {
            self.sources.add(*prefix, index);
        }
        for name in &serves.interfaces {
            enter(&mut self.interfaces, name, index);
        }
        if serves.anybody() {
            self.anybody.push(index);
        }
    }

    /// The subnet that an address is in.
    pub(super) fn holding(&self, address: Ipv4Addr) -> Option<usize> {
        let after = self.ranges.partition_point(|(first, _, _)| *first <= address);
        let (_, last, index) = self.ranges.get(after.checked_sub(1)?)?;
        (address <= *last).then_some(*index)
    }

    /// The prefix of a subnet as text.
    pub(super) fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    /// The first interface that any subnet names.
    pub(super) fn an_interface(&self) -> Option<&str> {
        self.interfaces.keys().next().map(String::as_str)
    }

    /// The subnets of the first rule that matches any: one, or several that share a link, in the order of the
    /// configuration. None if no subnet serves the client.
    pub(super) fn choose(&self, signs: &Signs<'_>, steps: &mut Steps) -> Vec<usize> {
        for rule in RULES {
            let found = match rule {
                Rule::LinkSelection => self.by_address(*rule, signs.link_selection, steps),
                Rule::SubnetSelection => self.by_address(*rule, signs.subnet_selection, steps),
                Rule::LinkAddress => first_of(signs.way.link_addresses(), |address| {
                    self.noted(*rule, address, self.link_addresses.holding(*address), steps)
                }),
                Rule::InterfaceId => first_of(signs.way.interface_ids(), |id| {
                    let subnets = self.interface_ids.get(*id).cloned().unwrap_or_default();
                    self.noted(*rule, &Hex(id), subnets, steps)
                }),
                Rule::Source => first_of(signs.way.source().into_iter(), |client| {
                    self.noted(*rule, client, self.sources.holding(*client), steps)
                }),
                Rule::Interface => {
                    let name = Some(signs.way.interface).filter(|name| !name.is_empty());
                    first_of(name.into_iter(), |name| {
                        let subnets = self.interfaces.get(*name).cloned().unwrap_or_default();
                        self.noted(*rule, name, subnets, steps)
                    })
                }
                Rule::Giaddr => self.by_address(*rule, signs.giaddr, steps),
                Rule::Address => {
                    let Four { own, here, .. } = &signs.way.four;
                    first_of(own.iter().chain(*here), |address| {
                        self.by_address(*rule, Some(**address), steps)
                    })
                }
                Rule::Anybody => {
                    self.noted(*rule, &"whoever no other subnet serves", self.anybody.clone(), steps)
                }
            };
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    fn by_address(&self, rule: Rule, address: Option<Ipv4Addr>, steps: &mut Steps) -> Vec<usize> {
        let Some(address) = address else { return Vec::new() };
        self.noted(rule, &address, self.holding(address).into_iter().collect(), steps)
    }

    fn noted(
        &self,
        rule: Rule,
        sign: &dyn fmt::Display,
        subnets: Vec<usize>,
        steps: &mut Steps,
    ) -> Vec<usize> {
        steps.note(rule.name(), || match subnets.as_slice() {
            [] => format!("{sign}: no subnet"),
            subnets => format!("{sign}: {}", self.names_of(subnets)),
        });
        subnets
    }

    fn names_of(&self, subnets: &[usize]) -> String {
        let names: Vec<_> = subnets.iter().map(|index| self.name(*index)).collect();
        names.join(", ")
    }
}

/// Octets that are written out only if somebody reads them.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(self.0))
    }
}

/// The first outcome that is not empty.
fn first_of<T>(mut signs: impl Iterator<Item = T>, mut subnets: impl FnMut(&T) -> Vec<usize>) -> Vec<usize> {
    signs.find_map(|sign| Some(subnets(&sign)).filter(|found| !found.is_empty())).unwrap_or_default()
}

fn enter<K: Ord + Clone>(map: &mut BTreeMap<K, Vec<usize>>, key: &K, index: usize) {
    let subnets = map.entry(key.clone()).or_default();
    if subnets.last() != Some(&index) {
        subnets.push(index);
    }
}

/// Subnets by IPv6 prefixes, found without looking at each.
#[derive(Debug, Default)]
struct Prefixes {
    lengths: BTreeSet<u8>,
    subnets: BTreeMap<(u8, Ipv6Addr), Vec<usize>>,
}

impl Prefixes {
    fn add(&mut self, prefix: Prefix6, index: usize) {
        self.lengths.insert(prefix.length());
        enter(&mut self.subnets, &(prefix.length(), prefix.address()), index);
    }

    fn holding(&self, address: Ipv6Addr) -> Vec<usize> {
        let key = |length: &u8| (*length, Prefix6::of(address, *length).address());
        let mut found: Vec<_> = self
            .lengths
            .iter()
            .filter_map(|length| self.subnets.get(&key(length)))
            .flatten()
            .copied()
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
