//! Configurations made at random: what is shown of them is what they are.

mod agents;

use super::super::reader::{octets, octets_text};
use super::*;
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::prefix::{Prefix4, Prefix6};
use dhcp4o6_protocol::role::external::{LinkSelection, Settings as External};
use dhcp4o6_protocol::role::relay::{ClientSide, Destination};
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{
    LeaseTimes, Limits, OptionSet, Pool, Reservation, Serves, Settings, Sharing, Subnet,
};
use dhcp4o6_protocol::server6::settings::{Delegate, Options6, Reservation6, Settings as Settings6, Subnet6};
use dhcp4o6_protocol::time::Lifetime;
use std::net::{Ipv4Addr, Ipv6Addr};

fn some_octets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![prop::collection::vec(any::<u8>(), 1..9), "[ -~]{1,9}".prop_map(String::into_bytes)]
}

fn duid() -> impl Strategy<Value = Duid> {
    prop::collection::vec(any::<u8>(), 3..=130).prop_map(|octets| Duid::new(octets).unwrap())
}

/// The subnet of this number.
fn subnet_prefix(number: u8) -> Prefix4 {
    Prefix4::of(Ipv4Addr::new(10, 0, number, 0), 24)
}

fn span() -> impl Strategy<Value = Duration> {
    (1_u64..3600).prop_map(Duration::from_secs)
}

fn profile() -> impl Strategy<Value = (Profile, Draft01)> {
    let word = prop::sample::select(vec![Profile::Rfc7341, Profile::Draft01, Profile::Dual]);
    (word, 100_u8..200, 20_000_u16..30_000).prop_map(|(word, kind, option)| {
        let codes = Draft01 {
            request: kind,
            reply: kind + 1,
            message: option,
            enable: option + 1,
            servers: option + 2,
        };
        (word, codes)
    })
}

fn lifetime() -> impl Strategy<Value = Lifetime> {
    prop_oneof![(60_u32..100_000).prop_map(Lifetime), Just(Lifetime::INFINITE)]
}

/// Options without a name, and named ones whose values are plain.
fn options() -> impl Strategy<Value = OptionSet> {
    let nameless = (160_u8..208, prop::collection::vec(any::<u8>(), 1..9));
    let addresses =
        (prop::sample::select(vec![3_u8, 6, 42, 138, 150]), prop::collection::vec(any::<u32>(), 1..4))
            .prop_map(|(code, list)| (code, list.into_iter().flat_map(u32::to_be_bytes).collect()));
    let text = (prop::sample::select(vec![17_u8, 66, 67, 114]), "[ -~é]{1,20}")
        .prop_map(|(code, text)| (code, text.into_bytes()));
    let number = (prop::sample::select(vec![2_u8, 24, 108]), any::<u32>())
        .prop_map(|(code, number)| (code, number.to_be_bytes().to_vec()));
    let routes = prop::collection::vec((any::<u32>(), 0_u8..=32, any::<u32>()), 1..5).prop_map(|routes| {
        use dhcp4o6_protocol::wire::v4_option::{Route, emit_classless_routes};
        let routes: Vec<_> = routes
            .into_iter()
            .map(|(destination, prefix_len, router)| Route {
                destination: destination.into(),
                prefix_len,
                router: router.into(),
            })
            .collect();
        (121, emit_classless_routes(&routes))
    });
    let any_of = prop_oneof![nameless, addresses, text, number, routes];
    prop::collection::vec(any_of, 0..6).prop_map(|list| {
        let set: std::collections::BTreeMap<u8, Vec<u8>> = list.into_iter().collect();
        set.into_iter().collect()
    })
}

/// Whom the subnet of this number serves; nobody else's prefixes are in it.
fn serves(number: u16) -> impl Strategy<Value = Serves> {
    let prefixes = move |first: u16| {
        prop::collection::btree_set(0_u16..50, 0..3).prop_map(move |hosts| {
            let prefix =
                |host| Prefix6::of(Ipv6Addr::new(0x2001, 0xdb8, first + number, host, 0, 0, 0, 0), 64);
            hosts.into_iter().map(prefix).collect::<Vec<_>>()
        })
    };
    let ids = prop::collection::btree_set(some_octets(), 0..3);
    let names = prop::collection::btree_set("[a-z]{1,4}[0-9]", 0..3);
    (prefixes(0x1000), ids, prefixes(0x2000), names).prop_map(
        |(link_addresses, interface_ids, sources, interfaces)| Serves {
            link_addresses,
            interface_ids: interface_ids.into_iter().collect(),
            sources,
            interfaces: interfaces.into_iter().collect(),
        },
    )
}

fn times() -> impl Strategy<Value = LeaseTimes> {
    (60_u32..1000, 0_u32..1000, lifetime(), 10_u8..50, 50_u8..95).prop_map(|(min, more, max, t1, t2)| {
        let default = Lifetime(min + more);
        LeaseTimes { default, min: Lifetime(min), max: max.max(default), t1_percent: t1, t2_percent: t2 }
    })
}

fn holder() -> impl Strategy<Value = Holder> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 2..20).prop_map(Holder::ClientId),
        duid().prop_map(Holder::Duid),
        some_octets().prop_map(Holder::Circuit),
        prop::collection::vec(any::<u8>(), 6).prop_map(|octets| Holder::Hardware(1, octets)),
        (2_u8..=255, prop::collection::vec(any::<u8>(), 1..=16))
            .prop_map(|(kind, octets)| Holder::Hardware(kind, octets)),
    ]
}

fn subnet(number: u16) -> impl Strategy<Value = Subnet> {
    let network = Ipv4Addr::new(10, 0, u8::try_from(number).unwrap(), 0).to_bits();
    let sharing = prop::option::of((0_u8..=6, 6_u8..=8).prop_map(|(offset, psid_len)| Sharing {
        offset,
        psid_len,
        lowest_port: 1024,
    }));
    // Pools between ascending numbers.
    let bounds = prop::collection::btree_set(1_u32..120, 0..6);
    let pools = (bounds, prop::collection::vec(sharing, 3)).prop_map(move |(bounds, sharing)| {
        let bounds: Vec<_> = bounds.into_iter().map(|host| Ipv4Addr::from_bits(network + host)).collect();
        let (pairs, _) = bounds.as_chunks::<2>();
        let pairs = pairs.iter().zip(sharing);
        pairs.map(|([first, last], sharing)| Pool { first: *first, last: *last, sharing }).collect::<Vec<_>>()
    });
    let reservations =
        prop::collection::btree_map(1_u32..254, (holder(), options()), 0..4).prop_map(move |all| {
            let mut seen = std::collections::BTreeSet::new();
            let all = all.into_iter().filter(|(_, (holder, _))| seen.insert(holder.clone()));
            let reservation = |(host, (holder, options))| Reservation {
                holder,
                address: Ipv4Addr::from_bits(network + host),
                options,
            };
            all.map(reservation).collect::<Vec<_>>()
        });
    (serves(number), pools, reservations, times(), options()).prop_map(
        move |(serves, pools, reservations, times, options)| Subnet {
            prefix: Prefix4::of(network.into(), 24),
            serves,
            pools,
            reservations,
            times,
            options,
        },
    )
}

fn limits() -> impl Strategy<Value = Limits> {
    (any::<u32>(), any::<u32>(), 1_u8..=100, 0_u8..=100, any::<u32>(), 0_u8..=99).prop_map(
        |(leases_per_origin, leases_per_interface_id, offered, declined, declines_per_hour, known)| Limits {
            leases_per_origin,
            leases_per_interface_id,
            offered_percent: offered,
            declined_percent: declined,
            declines_per_hour,
            known_percent: known,
        },
    )
}

fn builtin() -> impl Strategy<Value = EngineSettings> {
    let subnets = (1_u16..4).prop_flat_map(|count| (0..count).map(subnet).collect::<Vec<_>>());
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    (subnets, options(), flags, span(), span(), limits()).prop_map(
        |(subnets, options, (rapid_commit, trust_inner_giaddr, subnet_selection), hold, rest, limits)| {
            EngineSettings::Builtin(Settings {
                server_id: Ipv4Addr::new(192, 0, 2, 1),
                subnets,
                options,
                rapid_commit,
                trust_inner_giaddr,
                subnet_selection,
                offer_hold: hold,
                decline_rest: rest,
                limits,
            })
        },
    )
}

fn external() -> impl Strategy<Value = EngineSettings> {
    let servers = prop::collection::btree_set(1_u32..100, 1..9);
    (servers, serves(1), 20_u8..150).prop_map(|(servers, mut serves, sub_option)| {
        // The second link is everybody else's.
        serves.interfaces = vec!["lan7".to_owned()];
        let link =
            |serves, third| LinkSelection { serves, prefix: Prefix4::of([10, 0, third, 0].into(), 24) };
        EngineSettings::External(External {
            servers: servers.into_iter().map(|host| Ipv4Addr::from_bits(0x0b00_0000 + host)).collect(),
            giaddr: Ipv4Addr::new(192, 0, 2, 1),
            links: vec![link(serves, 1), link(Serves::default(), 2)],
            sub_option,
        })
    })
}

fn addresses6() -> impl Strategy<Value = Vec<Ipv6Addr>> {
    prop::collection::btree_set(1_u16..9, 0..4).prop_map(|hosts| {
        hosts.into_iter().map(|host| Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host)).collect()
    })
}

fn options6() -> impl Strategy<Value = Options6> {
    let names = prop::collection::btree_set("[a-z]{1,5}[.][a-z]{1,5}", 0..4);
    let refresh = prop_oneof![600_u32..100_000, Just(u32::MAX)];
    (
        prop::option::of(addresses6()),
        addresses6(),
        names,
        prop::option::of("[a-z]{1,5}[.]x"),
        prop::option::of(refresh),
        prop::option::of(60_u32..=86_400),
        prop::option::of(60_u32..=86_400),
    )
        .prop_map(|(servers_4o6, dns, search, aftr, refresh, sol_max_rt, inf_max_rt)| Options6 {
            servers_4o6,
            dns,
            search: search.into_iter().collect(),
            aftr,
            refresh,
            sol_max_rt,
            inf_max_rt,
        })
}

fn subnet6(number: u16) -> impl Strategy<Value = Subnet6> {
    let network = Ipv6Addr::new(0xfd00, number, 0, 0, 0, 0, 0, 0);
    let address = move |host: u16| Ipv6Addr::new(0xfd00, number, 0, 0, 0, 0, 0, host);
    let delegated = Ipv6Addr::new(0xfd80, number, 0, 0, 0, 0, 0, 0);
    let reservations = prop::collection::btree_map(duid(), (any::<bool>(), 1_u16..200), 0..3);
    (
        serves(100 + number),
        any::<bool>(),
        prop::option::of(32_u8..=64),
        reservations,
        lifetime(),
        lifetime(),
        options6(),
    )
        .prop_map(move |(serves, pool, part, reservations, one, other, options)| {
            let mut hosts = 1000..;
            Subnet6 {
                prefix: Prefix6::of(network, 64),
                serves,
                pools: if pool { vec![(address(1), address(999))] } else { Vec::new() },
                delegate: part
                    .map(|len| Delegate { prefix: Prefix6::of(delegated, 32), len })
                    .into_iter()
                    .collect(),
                reservations: reservations
                    .into_iter()
                    .map(|(duid, (both, part))| {
                        let host = hosts.next().unwrap();
                        let kept = Prefix6::of(Ipv6Addr::new(0xfdc0, number, host, part, 0, 0, 0, 0), 64);
                        Reservation6 { duid, address: Some(address(host)), prefix: both.then_some(kept) }
                    })
                    .collect(),
                preferred: one.min(other),
                valid: one.max(other),
                options,
            }
        })
}

fn server() -> impl Strategy<Value = ServerConfig> {
    let subnets = (0_u16..3).prop_flat_map(|count| (0..count).map(subnet6).collect::<Vec<_>>());
    let dhcp6 = (any::<u8>(), any::<bool>(), any::<u32>(), options6(), subnets).prop_map(
        |(preference, rapid_commit, leases_per_origin, options, subnets)| Settings6 {
            preference,
            rapid_commit,
            leases_per_origin,
            options,
            subnets,
        },
    );
    let names = prop::collection::btree_set("[a-z]{1,4}[0-9]", 1..4);
    let rates = (any::<u32>(), any::<u32>(), any::<u32>())
        .prop_map(|(per_source, per_interface_id, total)| Rates { per_source, per_interface_id, total });
    let bind_prefix = prop::option::of((1_u128..9, 3_u8..=128));
    let softwire = (addresses6(), bind_prefix).prop_map(|(br, bind_prefix)| Softwire {
        br,
        bind_prefix: bind_prefix
            .map(|(host, len)| Prefix6::of(Ipv6Addr::from_bits(0x2001 << 112 | host), len)),
    });
    let engine = prop_oneof![builtin(), external()];
    let namespace = prop::option::of("[a-z \"é]{1,5}");
    let doors = (any::<bool>(), prop::option::of(agents::tsv()));
    let wire = (profile(), doors);
    (namespace, names, wire, addresses6(), dhcp6, engine, (rates, softwire), any::<Option<[u8; 16]>>())
        .prop_map(
            |(
                namespace,
                interfaces,
                ((profile, draft01), (port547, tsv)),
                addresses,
                dhcp6,
                engine,
                (rates, softwire),
                secret,
            )| {
                let tsv = tsv.filter(|_| matches!(engine, EngineSettings::Builtin(_)));
                ServerConfig {
                    namespace,
                    interfaces: interfaces.into_iter().collect(),
                    secret: secret.filter(|_| matches!(engine, EngineSettings::External(_))),
                    settings: ServerSettings {
                        profile,
                        draft01,
                        accept_from: addresses.iter().map(|address| Prefix6::of(*address, 128)).collect(),
                        addresses,
                        dhcp6: Some(dhcp6).filter(|dhcp6| dhcp6.preference != 7),
                        engine,
                        rates,
                        port547: port547 || tsv.is_none(),
                        tsv,
                        softwire,
                    },
                }
            },
        )
}

fn relay() -> impl Strategy<Value = RelayConfig> {
    let sides = prop::collection::btree_map("lan[0-9]", (some_octets(), any::<(bool, bool, bool)>()), 1..4);
    let sides = sides.prop_map(|all| {
        let mut seen = std::collections::BTreeSet::new();
        let all = all.into_iter().filter(|(_, (interface_id, _))| seen.insert(interface_id.clone()));
        let side = |(name, (interface_id, (always, trusted, unicast)))| ClientSide {
            name,
            interface_id,
            always_interface_id: always,
            trusted,
            accept_unicast_4o6: unicast,
        };
        all.map(side).collect::<Vec<_>>()
    });
    let destination = |host: u16| match host % 3 {
        0 => Destination { address: Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, host), interface: None },
        1 => {
            let address = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, host);
            Destination { address, interface: Some("wan0".to_owned()) }
        }
        _ => {
            let address = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, host);
            Destination { address, interface: Some("wan1".to_owned()) }
        }
    };
    let destinations = move |least| {
        prop::collection::btree_set(1_u16..50, least..5)
            .prop_map(move |hosts| hosts.into_iter().map(destination).collect::<Vec<_>>())
    };
    let relay_id =
        prop_oneof![Just((None, false)), Just((None, true)), duid().prop_map(|duid| (Some(duid), false))];
    (
        ("[a-zA-Z0-9._-]{1,64}", sides, destinations(1), destinations(0), profile()),
        (1_u16..=545, any::<bool>(), any::<bool>(), relay_id),
        prop::option::of((1..=u32::MAX, some_octets())),
        (any::<u32>(), any::<u32>()),
    )
        .prop_map(
            |((name, clients, servers, servers_4o6, (profile, draft01)), wire, remote_id, rates)| {
                let (source_port, strict_source, client_link_layer, (relay_id, own_relay_id)) = wire;
                RelayConfig {
                    name,
                    namespace: Some("access".to_owned()),
                    settings: RelaySettings {
                        clients,
                        servers,
                        servers_4o6,
                        profile,
                        draft01,
                        source_port,
                        strict_source,
                        client_link_layer,
                        relay_id,
                        remote_id,
                        rate_per_interface: rates.0,
                        rate_per_source: rates.1,
                    },
                    own_relay_id,
                }
            },
        )
}

proptest! {
    #[test]
    fn what_is_shown_of_a_provider_reads_back_as_the_same(
        server in prop::option::of(server()),
        relay in prop::option::of(relay()),
    ) {
        let config = Config { server, relays: relay.into_iter().collect(), ..Config::default() };
        let shown = config.effective_toml();
        let again = read(&shown).map_err(|mistakes| TestCaseError::fail(format!("{mistakes}\n{shown}")))?;
        prop_assert_eq!(again, config, "{}", shown);
    }

    #[test]
    fn what_is_shown_of_agents_and_endpoints_reads_back_as_the_same(
        links in (0_usize..3).prop_flat_map(|count| (0..count).map(agents::link).collect::<Vec<_>>()),
        lcras in (0_usize..3).prop_flat_map(|count| (0..count).map(agents::lcra).collect::<Vec<_>>()),
        tras in (0_usize..3).prop_flat_map(|count| (0..count).map(agents::tra).collect::<Vec<_>>()),
    ) {
        let config = Config { links, lcras, tras, ..Config::default() };
        let shown = config.effective_toml();
        let again = read(&shown).map_err(|mistakes| TestCaseError::fail(format!("{mistakes}\n{shown}")))?;
        prop_assert_eq!(again, config, "{}", shown);
    }

    #[test]
    fn a_link_of_the_bus_is_read_as_it_is_shown(link in agents::link(0)) {
        let shown = Config { links: vec![link.clone()], ..Config::default() }.effective_toml();
        // The bus takes a link, and no key of the service.
        let (_, alone) = shown.split_once("[[link]]").unwrap();
        let again = LinkConfig::from_toml(&format!("[[link]]{alone}"));
        prop_assert_eq!(again.map_err(|mistakes| TestCaseError::fail(mistakes.to_string()))?, link);
    }

    #[test]
    fn octets_read_back_as_they_are_shown(octets_in in prop::collection::vec(any::<u8>(), 1..=255)) {
        prop_assert_eq!(octets(&octets_text(&octets_in)), Some(octets_in));
    }
}

/// Octets that are text, but look like digits.
#[test]
fn text_that_begins_like_digits_is_shown_in_digits() {
    assert_eq!(octets_text(b"hex:00"), "hex:6865783a3030");
    assert_eq!(octets(&octets_text(b"hex:00")).as_deref(), Some(b"hex:00".as_slice()));
}
