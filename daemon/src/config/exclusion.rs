//! Roles that exclude each other on one link, or at one port of one namespace. Each mistake names both places, and the
//! way out.

use super::mistakes::{MISSING, Mistakes, Place, Shown};
use super::reader::At;
use super::{LcraConfig, LinkConfig, Match};
use dhcp4o6_protocol::params::SERVER4_PORT;
use dhcp4o6_protocol::settings::Mode;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// An on-link client relay agent.
pub(super) struct Agent {
    pub(super) place: Place,
    pub(super) namespace: Option<String>,
    /// The interface that its clients are on.
    pub(super) clients: Option<At<String>>,
    /// The interface that it sends by.
    pub(super) upstream: Option<String>,
    /// It names servers.
    pub(super) has_servers: bool,
    /// The address that it sends from; `None` is one of those of `upstream`.
    pub(super) source: Option<Ipv6Addr>,
}

/// A role that takes messages of client relay agents: at port 67 of IPv6, and at a port of IPv4.
pub(super) struct Receiver {
    /// What it is, as people call it.
    pub(super) what: String,
    /// The path of its table.
    pub(super) path: &'static str,
    pub(super) place: Place,
    pub(super) namespace: Option<String>,
    /// Its own IPv6 addresses; empty is every one of the host.
    pub(super) addresses: Vec<Ipv6Addr>,
    /// At this IPv4 address, if it is known, and port; `None` is port 67 of every one of the host.
    pub(super) four: Option<(Option<Ipv4Addr>, u16)>,
}

/// The front of DHCPv4 servers: it hears them at port 67 of this address.
pub(super) struct Front {
    pub(super) at: At<Ipv4Addr>,
    pub(super) namespace: Option<String>,
}

/// Interfaces whose DHCPv4 broadcasts the server answers.
pub(super) struct Broadcasts<'a> {
    pub(super) namespace: &'a Option<String>,
    pub(super) interfaces: &'a [At<String>],
}

/// What the provider has.
pub(super) struct Provider<'a> {
    pub(super) receivers: Vec<Receiver>,
    pub(super) front: Option<Front>,
    pub(super) broadcasts: Broadcasts<'a>,
}

/// Reports all that exclude each other.
pub(super) fn check(
    links: &[LinkConfig],
    agents: &[Agent],
    provider: &Provider<'_>,
    mistakes: &mut Mistakes,
) {
    clients(agents, &provider.broadcasts, mistakes);
    agents.iter().for_each(|agent| beside_links(agent, links, agents, mistakes));
    agents.iter().for_each(|agent| without_servers(agent, links, agents, mistakes));
    one_upstream(agents, mistakes);
    receivers(provider, mistakes);
    both_ends(links, agents, &provider.receivers, mistakes);
}

/// Reports what excludes a link that comes later.
pub(super) fn further_link(link: &LinkConfig, lcras: &[LcraConfig], mistakes: &mut Mistakes) {
    let agent = |lcra: &LcraConfig| {
        let place = Place::whole(format!("[[lcra]] \"{}\"", lcra.name));
        Agent {
            clients: Some(At { value: lcra.settings.clients.clone(), place: place.clone() }),
            place,
            namespace: lcra.namespace.clone(),
            upstream: Some(lcra.settings.upstream.clone()),
            has_servers: !lcra.settings.servers.is_empty(),
            source: lcra.settings.source,
        }
    };
    let agents: Vec<_> = lcras.iter().map(agent).collect();
    let link = std::slice::from_ref(link);
    agents.iter().for_each(|agent| beside_links(agent, link, &agents, mistakes));
}

/// Clients of a link have one agent or server.
fn clients(agents: &[Agent], broadcasts: &Broadcasts<'_>, mistakes: &mut Mistakes) {
    let mut served: BTreeMap<(&Option<String>, &str), &Place> = BTreeMap::new();
    for interface in broadcasts.interfaces {
        served.insert((broadcasts.namespace, &interface.value), &interface.place);
    }
    for Agent { namespace, clients, .. } in agents {
        let Some(At { value: name, place }) = clients else { continue };
        if let Some(other) = served.insert((namespace, name), place) {
            let wrong = format!("DHCPv4 clients on \"{}\" are served already", Shown(name));
            mistakes.key(place, "lcra.clients", wrong, format!("the other is at {other}"));
        }
    }
}

/// An agent is not on a link that this host obtains its own IPv4 on (draft-ietf-dhc-dhcpv4-over-ipv6 §6), and not at
/// the address of the host's own agent.
fn beside_links(agent: &Agent, links: &[LinkConfig], agents: &[Agent], mistakes: &mut Mistakes) {
    let Agent { place, namespace, clients, upstream, source, .. } = agent;
    if let Some(At { value: name, place }) = clients {
        // What matches by a pattern or a hardware address leaves the interface to the agent, which names it.
        let named = |link: &&LinkConfig| {
            link.namespace == *namespace
                && link.settings.mode != Mode::Off
                && matches!(&link.matches, Match::Name(other) if other == name)
        };
        if let Some(link) = links.iter().find(named) {
            let wrong = format!("\"{}\" is a link that this host obtains its own IPv4 on", Shown(name));
            let right = format!(
                "must be another interface, or the \"mode\" of that link must be \"off\"; the other is at {}",
                link.where_from
            );
            mistakes.key(place, "lcra.clients", wrong, right);
        }
    }
    let Some(name) = upstream else { return };
    let host = link_named(links, agents, namespace, name)
        .filter(|link| matches!(link.settings.mode, Mode::Auto | Mode::Hcra))
        .filter(|link| !apart(*source, link.settings.hcra.source));
    if let Some(link) = host {
        let wrong = format!("the host client relay agent of \"{}\" is at the same address", Shown(name));
        let right = format!(
            "must be an address of its own, as \"source\" in [link.hcra] must be, or the \"mode\" of that link must be \
             \"4o6\" or \"off\"; the other is at {}",
            link.where_from
        );
        mistakes.key(place, "lcra.source", wrong, right);
    }
}

/// An agent without servers of its own has those of the link that it sends by.
fn without_servers(agent: &Agent, links: &[LinkConfig], agents: &[Agent], mistakes: &mut Mistakes) {
    let Agent { place, namespace, upstream: Some(name), has_servers: false, .. } = agent else { return };
    // Which interface has a hardware address is not known here.
    let by_address =
        |link: &LinkConfig| link.namespace == *namespace && matches!(link.matches, Match::PermanentMac(_));
    if link_named(links, agents, namespace, name).is_none() && !links.iter().any(by_address) {
        let right = format!(
            "must be a list of 1 to 8 IPv6 addresses, or \"{}\" must be a [[link]], whose network tells them",
            Shown(name)
        );
        mistakes.key(place, "lcra.servers", MISSING, right);
    }
}

/// Two agents do not receive at one address.
fn one_upstream(agents: &[Agent], mistakes: &mut Mistakes) {
    for (index, agent) in agents.iter().enumerate() {
        let Some(name) = &agent.upstream else { continue };
        let same = |other: &&Agent| {
            other.namespace == agent.namespace
                && other.upstream.as_ref() == Some(name)
                && !apart(agent.source, other.source)
        };
        if let Some(other) = agents.iter().take(index).find(same) {
            let wrong = format!("another client relay agent of \"{}\" is at the same address", Shown(name));
            let right = format!(
                "must be an address of its own, as that of the other must be; the other is at {}",
                other.place
            );
            mistakes.key(&agent.place, "lcra.source", wrong, right);
        }
    }
}

/// True if both are told where to be, and not at the same address.
fn apart(one: Option<Ipv6Addr>, other: Option<Ipv6Addr>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one != other)
}

/// The link that the interface of this name is, as far as a name tells.
fn link_named<'a>(
    links: &'a [LinkConfig],
    agents: &[Agent],
    namespace: &Option<String>,
    name: &str,
) -> Option<&'a LinkConfig> {
    let of_an_agent = agents.iter().any(|agent| {
        agent.namespace == *namespace && agent.clients.as_ref().is_some_and(|at| at.value == name)
    });
    let here = links
        .iter()
        .filter(|link| link.namespace == *namespace && (!of_an_agent || link.settings.mode == Mode::Off));
    here.filter(|link| link.matches.covers([name].into_iter(), &[])).min_by_key(|link| link.matches.rank())
}

/// Roles of the provider that cannot receive at one port.
fn receivers(provider: &Provider<'_>, mistakes: &mut Mistakes) {
    let all = &provider.receivers;
    for (index, role) in all.iter().enumerate() {
        let before = || all.iter().take(index).filter(|other| other.namespace == role.namespace);
        if let Some(other) = before().find(|other| share(&other.addresses, &role.addresses)) {
            let (wrong, right) = if other.addresses.is_empty() || role.addresses.is_empty() {
                ("every IPv6 address of this host", "must both have \"addresses\", and different ones")
            } else {
                ("one of these IPv6 addresses", "must be different addresses")
            };
            let wrong = format!("port 67 of {wrong} is that of {}", Shown(&other.what));
            let right = format!(
                "{right}, or one of them must be in another namespace; the other is at {}",
                other.place
            );
            mistakes.key(&role.place, format!("{}.addresses", role.path), wrong, right);
        }
        let Some((address, port)) = role.four else { continue };
        let taken = before().find(|other| match other.four {
            None => port == SERVER4_PORT,
            Some((its, its_port)) => port == its_port && address.is_some() && address == its,
        });
        if let Some(other) = taken {
            let wrong = format!("port {port} of this IPv4 address is that of {}", Shown(&other.what));
            let right = format!(
                "must be another port, or one of them in another namespace; the other is at {}",
                other.place
            );
            mistakes.key(&role.place, format!("{}.source-port", role.path), wrong, right);
        }
        if let Some(front) = &provider.front
            && front.namespace == role.namespace
            && address == Some(front.at.value)
            && port == SERVER4_PORT
        {
            let wrong = format!("port {port} of {} is that of [server.external]", front.at.value);
            let right = format!(
                "must be another address, or another \"source-port\"; the other is at {}",
                front.at.place
            );
            mistakes.key(&role.place, format!("{}.giaddr", role.path), wrong, right);
        }
    }
}

/// True if an address is in both lists, where an empty one has all.
fn share(one: &[Ipv6Addr], other: &[Ipv6Addr]) -> bool {
    one.is_empty() || other.is_empty() || one.iter().any(|address| other.contains(address))
}

/// A client relay agent and its server, or relay agent, do not receive at one address of one namespace.
fn both_ends(links: &[LinkConfig], agents: &[Agent], receivers: &[Receiver], mistakes: &mut Mistakes) {
    let hosts = links.iter().filter(|link| link.settings.mode == Mode::Hcra);
    let hosts = hosts.map(|link| (&link.namespace, link.settings.hcra.source, link.where_from.clone()));
    let others = agents.iter().map(|agent| (&agent.namespace, agent.source, agent.place.to_string()));
    let all: Vec<_> = hosts.chain(others).collect();
    for role in receivers {
        let same = |(namespace, source, _): &&(&Option<String>, Option<Ipv6Addr>, String)| {
            let taken = role.addresses.is_empty() || source.is_some_and(|own| role.addresses.contains(&own));
            **namespace == role.namespace && taken
        };
        if let Some((_, _, other)) = all.iter().find(same) {
            let wrong = "port 67 of one of these IPv6 addresses is that of a client relay agent";
            let right = format!(
                "must be addresses without one of its own, or another namespace; the other is at {other}"
            );
            mistakes.key(&role.place, format!("{}.addresses", role.path), wrong, right);
        }
    }
}
