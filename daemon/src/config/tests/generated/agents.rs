//! Links with agents and endpoints, on-link agents, transport servers and relay agents, made at random.

use super::{some_octets, subnet_prefix};
use crate::config::{EndpointConfig, LcraConfig, LinkConfig, Match, TargetConfig, TraConfig};
use dhcp4o6_protocol::ids::Iaid;
use dhcp4o6_protocol::prefix::{Prefix4, Prefix6};
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::role::tra::{TraLink, TraSettings};
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::settings::{
    Encapsulation, EndpointSettings, HcraClient, HcraSettings, LinkSettings, Mode, Renew, SourceCheck,
};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

fn source_check() -> impl Strategy<Value = SourceCheck> {
    prop::sample::select(vec![SourceCheck::Strict, SourceCheck::Relaxed, SourceCheck::Off])
}

fn encapsulation() -> impl Strategy<Value = Encapsulation> {
    prop::sample::select(vec![Encapsulation::Off, Encapsulation::Private])
}

/// Of others.
fn servers() -> impl Strategy<Value = Vec<Ipv6Addr>> {
    prop::collection::btree_set(1_u16..99, 1..=8).prop_map(|hosts| {
        hosts.into_iter().map(|host| Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, host)).collect()
    })
}

/// Of this host, and whether it may be a unique local one.
fn own() -> impl Strategy<Value = (Option<Ipv6Addr>, bool)> {
    (prop::option::of(1_u16..99), any::<bool>(), any::<bool>()).prop_map(|(host, local, also)| {
        let first = if local { 0xfd00 } else { 0x2001 };
        (host.map(|host| Ipv6Addr::new(first, 0xdb8, 1, 1, 0, 0, 0, host)), local || also)
    })
}

fn hcra() -> impl Strategy<Value = HcraSettings> {
    let renew = prop::sample::select(vec![Renew::Direct, Renew::ViaCra]);
    let client = prop_oneof![
        Just((HcraClient::Builtin, false)),
        any::<bool>().prop_map(|adopt| (HcraClient::External, adopt))
    ];
    let few = prop_oneof![Just(Vec::new()), servers()];
    (few, own(), source_check(), 1_u8..=16, any::<bool>(), renew, encapsulation(), client).prop_map(
        |(
            servers,
            (source, unique_local),
            source_check,
            hops_limit,
            needs_permit,
            renew,
            encapsulation,
            (client, adopt),
        )| {
            HcraSettings {
                servers,
                source,
                unique_local,
                source_check,
                hops_limit,
                needs_permit,
                renew,
                encapsulation,
                client,
                adopt,
            }
        },
    )
}

fn target() -> impl Strategy<Value = TargetConfig> {
    let other = ("[a-z\"\\\\]{1,6}", prop::option::of("[a-z é]{1,5}"))
        .prop_map(|(name, namespace)| TargetConfig::Interface { name, namespace });
    prop_oneof![Just(TargetConfig::Link), other]
}

fn endpoints() -> impl Strategy<Value = Vec<EndpointConfig>> {
    let iaid = prop::option::of(any::<u32>());
    let table = (1_u32..).prop_filter("the kernel's", |table| *table != 255);
    let one = ("[A-Za-z0-9_-]{1,32}", iaid, target(), any::<u32>(), table).prop_map(
        |(name, iaid, target, metric, table)| EndpointConfig {
            name,
            iaid: iaid.map(Iaid),
            target,
            metric,
            table,
        },
    );
    let several = prop::collection::vec(one, 1..=16).prop_map(|mut all: Vec<EndpointConfig>| {
        let (mut names, mut iaids) = (BTreeSet::new(), BTreeSet::new());
        all.retain(|endpoint| {
            names.insert(endpoint.name.clone()) && endpoint.iaid.is_none_or(|iaid| iaids.insert(iaid))
        });
        all
    });
    (several, any::<bool>()).prop_map(|(mut all, named)| {
        if let ([only], false) = (all.as_mut_slice(), named) {
            only.name.clear();
        }
        all
    })
}

/// The link of this number, in a namespace of its own.
pub(super) fn link(number: usize) -> impl Strategy<Value = LinkConfig> {
    let mode = prop::sample::select(vec![Mode::Auto, Mode::Dhcp4o6, Mode::Hcra, Mode::Off]);
    (mode, hcra(), endpoints()).prop_map(move |(mode, mut hcra, mut endpoints)| {
        if hcra.client == HcraClient::External {
            endpoints.truncate(1);
            endpoints.iter_mut().for_each(|endpoint| endpoint.iaid = None);
            hcra.adopt |= endpoints.iter().any(|endpoint| endpoint.target != TargetConfig::Link);
        }
        // Two links have different targets.
        for endpoint in &mut endpoints {
            if let TargetConfig::Interface { name, .. } = &mut endpoint.target {
                name.push_str(&number.to_string());
            }
        }
        let identity =
            |endpoint: &EndpointConfig| EndpointSettings { name: endpoint.name.clone(), iaid: endpoint.iaid };
        let identities = endpoints.iter().map(identity).collect();
        LinkConfig {
            matches: Match::Name("wan0".to_owned()),
            namespace: Some(format!("link{number}")),
            settings: LinkSettings { mode, hcra, endpoints: identities, ..LinkSettings::default() },
            endpoints,
            where_from: String::new(),
        }
    })
}

/// The agent of this number, in a namespace of its own.
pub(super) fn lcra(number: usize) -> impl Strategy<Value = LcraConfig> {
    let hardware = prop::collection::btree_set(any::<[u8; 6]>(), 0..4).prop_map(|all| {
        let of_hosts = all.into_iter().map(|[first, rest @ ..]| {
            let [second, third, fourth, fifth, sixth] = rest;
            [first & 0xfe | 2, second, third, fourth, fifth, sixth]
        });
        of_hosts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()
    });
    let ids =
        prop_oneof![
            Just((Encapsulation::Off, None, None)),
            (prop::option::of(some_octets()), prop::option::of(some_octets()))
                .prop_map(|(circuit, remote)| (Encapsulation::Private, circuit, remote)),
        ];
    let interfaces = ("[a-z]{1,5}[0-9]", "[a-z]{1,5}[0-9]");
    let limits = (any::<u32>(), any::<u32>(), 1_usize..=65_536);
    (interfaces, servers(), own(), source_check(), 1_u8..=16, hardware, limits, ids).prop_map(
        move |(
            (clients, upstream),
            servers,
            (source, unique_local),
            source_check,
            hops_limit,
            allow,
            (rate_per_client, rate, pending),
            (encapsulation, circuit_id, remote_id),
        )| LcraConfig {
            name: format!("agent.{number}"),
            namespace: Some(format!("lcra{number}")),
            settings: LcraSettings {
                clients,
                upstream,
                servers,
                source,
                unique_local,
                source_check,
                hops_limit,
                allow,
                rate_per_client,
                rate,
                pending,
                encapsulation,
                circuit_id,
                remote_id,
            },
        },
    )
}

fn prefixes4() -> impl Strategy<Value = Vec<Prefix4>> {
    prop::collection::btree_set((1_u8..99, 8_u8..=32), 0..4).prop_map(|all| {
        let prefixes = all.into_iter().map(|(net, len)| Prefix4::of(Ipv4Addr::new(net, 1, 2, 3), len));
        prefixes.collect::<BTreeSet<_>>().into_iter().collect()
    })
}

/// Where agents are.
fn agents() -> impl Strategy<Value = Vec<Prefix6>> {
    let some = prop::collection::btree_set((1_u16..99, 32_u8..=128), 1..4).prop_map(|all| {
        let prefix = |(net, len)| Prefix6::of(Ipv6Addr::new(0x2001, 0xdb8, net, 1, 0, 0, 0, 1), len);
        all.into_iter().map(prefix).collect::<BTreeSet<_>>().into_iter().collect()
    });
    prop_oneof![some, Just(vec![Prefix6::of(Ipv6Addr::UNSPECIFIED, 0)])]
}

pub(super) fn tsv() -> impl Strategy<Value = TsvSettings> {
    let hosts = prop::collection::btree_set(1_u8..99, 0..4);
    let addresses4 =
        hosts.prop_map(|hosts| hosts.into_iter().map(|host| Ipv4Addr::new(198, 51, 100, host)).collect());
    let interfaces = prop::collection::btree_set("[a-z]{1,4}[0-9]", 0..3);
    let code = prop_oneof![Just(1_u8), 20_u8..=254];
    let addresses = prop_oneof![Just(Vec::new()), servers()];
    (addresses, agents(), addresses4, (prefixes4(), prefixes4()), interfaces, code, encapsulation()).prop_map(
        |(
            addresses,
            accept_from,
            addresses4,
            (accept_from4, relay_agents),
            interfaces4,
            cra6addr,
            encapsulation,
        )| {
            TsvSettings {
                addresses,
                accept_from,
                addresses4,
                accept_from4,
                relay_agents,
                interfaces4: interfaces4.into_iter().collect(),
                cra6addr,
                encapsulation,
            }
        },
    )
}

/// The agent of this number, in a namespace of its own.
pub(super) fn tra(number: usize) -> impl Strategy<Value = TraConfig> {
    let addresses = prop_oneof![Just(Vec::new()), servers()];
    let hosts = prop::collection::btree_set(1_u8..99, 1..=8)
        .prop_map(|hosts| hosts.into_iter().map(|host| Ipv4Addr::new(10, 0, 0, host)).collect());
    let links = prop::collection::btree_map(1_u8..99, 1_usize..4, 0..4).prop_map(|links| {
        let prefix =
            |net: u8, len| Prefix6::of(Ipv6Addr::new(0x2001, 0xdb8, u16::from(net), 0, 0, 0, 0, 0), len);
        let link = |(net, count)| TraLink {
            prefix: subnet_prefix(net),
            sources: [48, 56, 64].into_iter().take(count).map(|len| prefix(net, len)).collect(),
        };
        links.into_iter().map(link).collect::<Vec<_>>()
    });
    let id = || prop::option::of(some_octets());
    let port = prop_oneof![Just(67_u16), 1_u16..=66, 69_u16..];
    (
        (addresses, hosts, any::<[u8; 2]>(), links),
        (20_u8..=254, id(), id(), id()),
        (port, 1_u8..=16, 300_u16..=65_507),
        any::<(bool, bool)>(),
        (encapsulation(), any::<u32>(), any::<u32>()),
    )
        .prop_map(
            move |(
                (addresses, servers, [high, low], links),
                (cra6addr, circuit_id, remote_id, relay_id),
                (source_port, hops_limit, max_message),
                (match_requests, snoop),
                (encapsulation, rate_per_source, rate),
            )| TraConfig {
                name: format!("tra-{number}"),
                namespace: Some(format!("tra{number}")),
                settings: TraSettings {
                    addresses,
                    accept_from: vec![Prefix6::of(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0), 32)],
                    servers,
                    giaddr: Ipv4Addr::new(10, 9, high, low),
                    cra6addr,
                    links,
                    circuit_id,
                    remote_id,
                    relay_id,
                    source_port,
                    hops_limit,
                    max_message,
                    match_requests,
                    snoop,
                    encapsulation,
                    rate_per_source,
                    rate,
                },
            },
        )
}
