//! Which links should run, given what the configuration names and what the namespaces hold.

use crate::config::{Config, LinkConfig, Match, TargetConfig};
use crate::control::{LinkId, MissingLink};
use crate::identity;
use crate::install::{Place, Target};
use crate::namespace::Namespace;
use crate::store::LinkKey;
use dhcp4o6_netlink::apply::Placement;
use dhcp4o6_netlink::message::KernelLink;
use dhcp4o6_netlink::monitor::Presence4;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::lease::Ipv4Config;
use std::collections::{BTreeMap, BTreeSet};

/// The open namespaces by name; `None` is the service's own.
pub type Namespaces = BTreeMap<Option<String>, Namespace>;

/// A link that should run.
pub struct Wanted<'a> {
    /// Which.
    pub id: LinkId,
    /// Its own interface.
    pub link: Place,
    /// What the configuration says.
    pub config: &'a LinkConfig,
    /// Where its record is kept.
    pub key: LinkKey,
    /// The kernel's view.
    pub facts: LinkFacts,
    /// Where the IPv4 of its endpoints goes.
    pub targets: Vec<Target>,
    /// For each endpoint: the published address is on the target, but not all its routes.
    pub routes_missing: Vec<bool>,
}

/// The links of one namespace that the configuration names; of these links only, when they are given. `published` is
/// what their endpoints have of IPv4.
pub fn wanted<'a>(
    config: &'a Config,
    name: &Option<String>,
    namespaces: &Namespaces,
    only: Option<&BTreeSet<u32>>,
    published: impl Fn(LinkId) -> Vec<Option<Ipv4Config>>,
) -> Vec<Wanted<'a>> {
    let Some(namespace) = namespaces.get(name) else { return Vec::new() };
    let links = namespace.monitor.links().filter(|link| only.is_none_or(|only| only.contains(&link.index)));
    let governed = links.filter_map(|link| Some((link, governing(config, name, link)?)));
    let wanted = governed.map(|(link, config)| want(namespace, link, config, name, namespaces, &published));
    wanted.collect()
}

fn governing<'a>(
    config: &'a Config,
    namespace: &Option<String>,
    link: &KernelLink,
) -> Option<&'a LinkConfig> {
    let config = config.link_for(namespace.as_deref(), names(link), &link.permanent.octets)?;
    // Nobody who writes `*` means the loopback interface, or one that we made for another link.
    let by_chance = (link.loopback() || link.tap_of.is_some()) && matches!(config.matches, Match::Glob(_));
    (!by_chance).then_some(config)
}

fn names(link: &KernelLink) -> impl Iterator<Item = &str> + Clone {
    std::iter::once(link.name.as_str()).chain(link.alt_names.iter().map(String::as_str))
}

fn want<'a>(
    namespace: &Namespace,
    link: &KernelLink,
    config: &'a LinkConfig,
    name: &Option<String>,
    namespaces: &Namespaces,
    published: impl Fn(LinkId) -> Vec<Option<Ipv4Config>>,
) -> Wanted<'a> {
    let id = LinkId { netns: namespace.access.netns().inode(), index: link.index };
    let found: Vec<_> = config
        .endpoints
        .iter()
        .map(|endpoint| match &endpoint.target {
            TargetConfig::Link => Some((namespace, link.index)),
            TargetConfig::Interface { name, namespace } => {
                let there = namespaces.get(namespace)?;
                let found =
                    there.monitor.links().find(|link| names(link).any(|candidate| candidate == name))?;
                Some((there, found.index))
            }
        })
        .collect();
    let monitors: Vec<_> =
        found.iter().map(|target| target.map(|(there, index)| (&there.monitor, index))).collect();
    let placements =
        config.endpoints.iter().map(|endpoint| Placement { metric: endpoint.metric, table: endpoint.table });
    let published = published(id);
    let routes_missing = found.iter().zip(placements.clone()).enumerate().map(|(at, (target, placement))| {
        target.zip(published.get(at).and_then(Option::as_ref)).is_some_and(|((there, index), config)| {
            there.monitor.present4(index, config, &placement) == Presence4::RoutesMissing
        })
    });
    let routes_missing = routes_missing.collect();
    let place = |(there, index): (&Namespace, u32)| Place { access: there.access.clone(), index };
    Wanted {
        id,
        link: place((namespace, link.index)),
        config,
        key: identity::key(name, link),
        facts: namespace.monitor.facts(link.index, &monitors),
        targets: found
            .iter()
            .zip(placements)
            .map(|(target, placement)| Target { place: target.map(place), placement })
            .collect(),
        routes_missing,
    }
}

/// An interface of any namespace: inode of that, and index.
pub type Interface = (u64, u32);

/// The interface that gets the IPv4.
pub fn interface(target: &Target) -> Option<Interface> {
    target.place.as_ref().map(|place| (place.access.netns().inode(), place.index))
}

/// An entry of the configuration: what it matches, and where.
pub type Entry = (Match, Option<String>);

/// The configured links without an interface. `reasons` says why a namespace is not open.
pub fn missing(
    config: &Config,
    reasons: impl Fn(&Option<String>) -> Option<&'static str>,
    present: &BTreeSet<&Entry>,
) -> Vec<MissingLink> {
    let absent = config.links.iter().filter(|link| !present.contains(&entry(link)));
    absent
        .map(|link| MissingLink {
            matches: link.matches.to_string(),
            namespace: link.namespace.clone(),
            reason: reasons(&link.namespace).unwrap_or("no-such-link"),
        })
        .collect()
}

/// The entry of a configured link.
pub fn entry(link: &LinkConfig) -> Entry {
    (link.matches.clone(), link.namespace.clone())
}
