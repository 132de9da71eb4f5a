//! From link-up to IPv4, in every way the provider may have set it up.

use super::{STATEFUL, STATELESS};
use dhcp4o6_protocol::wire::v4::{MessageType as V4, code};
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use dhcp4o6_tests::{Bus, Capture, Daemon, Dhcp, Kea, KeaSettings, Lab, Router, SOON, Scene, Watch};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, Ipv6Addr};

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);

/// What crossed the wire, in order: DHCPv6 types, and inside queries and responses the DHCPv4 type.
fn story(scene: &Scene) -> Vec<String> {
    let word = |dhcp: &Dhcp| dhcp.inner_kind().map_or_else(|| dhcp.kind.to_string(), |kind| kind.to_string());
    scene.wire.dhcp().iter().map(word).collect()
}

fn route<'r>(routes: &'r [Value], destination: &str) -> &'r Value {
    let found = routes.iter().find(|route| route["dst"] == destination);
    found.unwrap_or_else(|| panic!("no route to {destination}: {routes:#?}"))
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn stateful_dhcp6_leads_to_an_address_with_routes_that_carry_traffic() {
    let mut scene = Scene::start(KeaSettings::default(), STATEFUL);
    let address = scene.wait_bound();
    assert_eq!(
        story(&scene),
        ["Solicit", "Advertise", "Request", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]
    );

    let entry = &scene.lab.customer.addresses("c0", "inet")[0];
    assert_eq!((entry["local"].clone(), entry["prefixlen"].clone()), (json!(address), json!(24)));
    assert!(entry["valid_life_time"].as_u64().is_some_and(|left| (500..=600).contains(&left)), "{entry}");
    let assigned = scene.lab.customer.addresses("c0", "inet6");
    let assigned = assigned.iter().find(|a| a["scope"] == "global").expect("an address by DHCPv6");
    assert_eq!(assigned["prefixlen"], 128, "{assigned}");

    let routes = scene.lab.customer.routes4();
    assert_eq!(routes.len(), 3, "ours and none of the kernel's: {routes:#?}");
    for (destination, gateway) in
        [("192.0.2.0/24", None), ("198.51.100.0/24", Some("192.0.2.1")), ("default", Some("192.0.2.1"))]
    {
        let route = route(&routes, destination);
        assert_eq!(route["gateway"].as_str(), gateway, "{route}");
        assert_eq!(
            (route["protocol"].as_str(), route["metric"].as_u64()),
            (Some("146"), Some(700)),
            "{route}"
        );
        assert_eq!(route["prefsrc"], json!(address), "{route}");
    }
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn every_query_is_one_dhcpv4_message_from_the_link_local_address_to_the_group_c46_04() {
    let scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let sent = scene.wire.sent();
    let queries: Vec<&Dhcp> = sent.iter().filter(|dhcp| dhcp.kind == V6::DHCPV4_QUERY).collect();
    assert_eq!(queries.len(), 2);
    for query in queries {
        assert!(query.from.0.is_unicast_link_local() && query.from.1 == 546, "{query:?}");
        assert_eq!(query.to, (GROUP, 547));
        let codes: Vec<OptionCode> = query.message().options.iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [OptionCode::DHCPV4_MSG]);
        assert_eq!(query.message().header, [0, 0, 0]);
    }
    let asks = |dhcp: &&Dhcp| {
        let wanted = dhcp.message().options.first(OptionCode::ORO).unwrap_or_default();
        wanted.as_chunks::<2>().0.contains(&[0, 88])
    };
    assert_eq!(sent.iter().filter(asks).count(), 2, "Solicit and Request ask for option 88");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn stateless_dhcp6_leads_to_an_address() {
    let settings = KeaSettings { addresses: false, prefixes: false, ..KeaSettings::default() };
    let mut scene = Scene::start(settings, STATELESS);
    scene.wait_bound();
    assert_eq!(story(&scene), ["Information-request", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]);
    assert!(scene.lab.customer.ipv6("c0").is_empty());
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn rapid_commit_saves_a_round_trip() {
    let settings = KeaSettings { rapid_commit: true, ..KeaSettings::default() };
    let mut scene = Scene::start(settings, &format!("{STATEFUL}rapid-commit = true\n"));
    scene.wait_bound();
    assert_eq!(story(&scene), ["Solicit", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn preference_255_ends_the_wait_for_other_servers() {
    let settings = KeaSettings { preference: Some(255), ..KeaSettings::default() };
    let mut scene = Scene::start(settings, STATEFUL);
    scene.wait_bound();
    let dhcp = scene.wire.dhcp();
    let [advertise, request] = [V6::ADVERTISE, V6::REQUEST]
        .map(|kind| dhcp.iter().find(|dhcp| dhcp.kind == kind).expect("seen before").at);
    let waited = request - advertise;
    assert!(waited.as_millis() < 500, "asked {waited:?} after the Advertise");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_prefix_is_delegated_and_shown() {
    let mut scene = Scene::start(KeaSettings::default(), &format!("{STATEFUL}prefix-delegation = true\n"));
    scene.wait_bound();
    let prefixes = scene.client.property("c0", "org.dhcp4o6.Dhcp6Stage1", "Prefixes");
    assert_eq!(prefixes.as_array().map(Vec::len), Some(1), "{prefixes}");
    assert_eq!(prefixes[0]["length"], 56);
    assert!(
        prefixes[0]["prefix"].as_str().is_some_and(|prefix| prefix.starts_with("2001:db8:d1")),
        "{prefixes}"
    );
    assert_eq!(scene.lab.customer.ipv6("c0").len(), 1);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_prefix_alone_is_enough_for_ipv4() {
    let settings = KeaSettings { addresses: false, ..KeaSettings::default() };
    let mut scene = Scene::start(settings, &format!("{STATEFUL}address = false\nprefix-delegation = true\n"));
    scene.wait_bound();
    assert!(scene.lab.customer.ipv6("c0").is_empty());
    assert_eq!(
        scene.client.property("c0", "org.dhcp4o6.Dhcp6Stage1", "Prefixes").as_array().map(Vec::len),
        Some(1)
    );
}

/// As a user has it: the smallest configuration, duplicate address detection, router advertisements.
fn as_advertised(managed: bool, other: bool) -> Scene {
    let lab = Lab::like_a_host();
    let router = Router::start(&lab, managed, other);
    let mut scene = Scene::start_in(lab, KeaSettings::default(), "[[link]]\nmatch = \"c0\"\n");
    scene.lab.customer.ip("link set c0 up");
    scene.wait_bound();
    drop(router);
    scene
}

#[test]
#[ignore = "needs namespaces, Kea and radvd"]
fn the_smallest_configuration_goes_stateful_where_routers_say_managed() {
    let scene = as_advertised(true, true);
    assert_eq!(scene.wire.sent()[0].kind, V6::SOLICIT);
    assert_eq!(scene.lab.customer.ipv6("c0").len(), 1);
}

#[test]
#[ignore = "needs namespaces, Kea and radvd"]
fn the_smallest_configuration_goes_stateless_where_routers_say_other() {
    let scene = as_advertised(false, true);
    assert!(scene.wire.sent().iter().all(|dhcp| dhcp.kind != V6::SOLICIT));
    assert!(scene.lab.customer.ipv6("c0").is_empty());
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn nothing_is_sent_before_duplicate_address_detection_is_over_sup_03() {
    let lab = Lab::like_a_host();
    let scene = Scene::start_in(lab, KeaSettings::default(), STATEFUL);
    scene.lab.customer.ip("link set c0 up");
    let first = scene.wire.wait("a Solicit", SOON, |dhcp| dhcp.outgoing);
    assert_eq!(first.kind, V6::SOLICIT);
    // Duplicate address detection sends one probe from the unspecified address and waits a second.
    let probe = scene.wire.frames().into_iter().find(|frame| {
        let octets = &frame.octets;
        frame.outgoing
            && octets.get(20) == Some(&58)
            && octets.get(22..38) == Some(&[0; 16])
            && octets[54] == 135
    });
    let since_probe = first.at - probe.expect("a probe").at;
    assert!(since_probe.as_millis() >= 900, "sent {since_probe:?} after the probe");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn options_beyond_255_octets_arrive_whole() {
    let gateway = Ipv4Addr::new(192, 0, 2, 1);
    let routes: Vec<_> = (0..60).map(|n| (Ipv4Addr::new(10, 64, n, 0), 24, gateway)).collect();
    let octets = routes.len() * 8;
    assert!(octets > 255);
    let scene = Scene::bound(KeaSettings { routes: routes.clone(), ..KeaSettings::default() }, STATEFUL);
    let installed = scene.lab.customer.routes4();
    for (network, ..) in &routes {
        assert_eq!(route(&installed, &format!("{network}/24"))["gateway"], "192.0.2.1");
    }
    assert!(installed.iter().all(|route| route["dst"] != "default"), "option 121 replaces the router option");
    let ack = scene.wire.wait("the ACK", SOON, |dhcp| dhcp.carries(V4::ACK));
    assert_eq!(ack.inner().and_then(|inner| inner.option(121).map(|value| value.len())), Some(octets));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn the_router_option_counts_when_there_are_no_classless_routes() {
    let scene = Scene::bound(KeaSettings { routes: Vec::new(), ..KeaSettings::default() }, STATEFUL);
    assert_eq!(route(&scene.lab.customer.routes4(), "default")["gateway"], "192.0.2.1");
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn the_address_can_go_to_another_interface_in_another_namespace() {
    let lab = Lab::new();
    let inside = lab.namespace("in");
    lab.join((&lab.customer, "lan0"), (&inside, "v4"));
    let config = format!("{STATEFUL}target = {{ interface = \"v4\", namespace = \"{}\" }}\n", inside.name());
    let kernel = Watch::open(&inside);
    let mut scene = Scene::start_in(lab, KeaSettings::default(), &config);
    scene.client.wait_state("c0", "bound", SOON);
    kernel.until("the address is on the target", SOON, || inside.ipv4("v4").len() == 1);
    assert!(scene.lab.customer.ipv4("c0").is_empty());
    assert_eq!(inside.routes4().len(), 3);
    assert!(scene.lab.customer.routes4().is_empty());
}

/// Two servers in namespaces of their own and the customer, on one bridge.
fn two_servers() -> (Lab, [dhcp4o6_tests::Namespace; 2]) {
    let lab = Lab::apart();
    lab.bridge("br0");
    lab.join((&lab.provider, "p0"), (&lab.customer, "c0"));
    lab.provider.ip("link set p0 master br0");
    let servers = [1, 2].map(|number| {
        let server = lab.namespace(&format!("s{number}"));
        lab.join((&lab.provider, &format!("p{number}")), (&server, "s0"));
        lab.provider.ip(&format!("link set p{number} master br0"));
        server.ip(&format!("addr add 192.0.2.{number}/24 dev s0"));
        server.ip(&format!("addr add 2001:db8:6::{number}/64 dev s0 nodad"));
        server
    });
    (lab, servers)
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn of_two_servers_one_gives_the_lease_and_the_other_takes_over_when_it_is_gone() {
    let (lab, namespaces) = two_servers();
    let pools = [(100, 149), (200, 249)];
    let short = KeaSettings { lifetime4: (8, 3, 6), ..KeaSettings::default() };
    let mut servers = [
        KeaSettings { number: 1, pool4: pools[0], preference: Some(10), ..short.clone() },
        KeaSettings { number: 2, pool4: pools[1], ..short },
    ]
    .into_iter()
    .zip(&namespaces)
    .map(|(settings, namespace)| Kea::start_in(&lab, namespace, settings))
    .collect::<Vec<_>>();
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    let wire = Capture::start(&lab.customer);
    let kernel = Watch::open(&lab.customer);
    let _daemon = Daemon::start(&lab, &bus, STATEFUL);
    client.wait_service();
    client.wait_state("c0", "bound", SOON);
    let server = client.property("c0", "org.dhcp4o6.Dhcp6Stage1", "Server");
    assert_eq!(server, "0003000102005e000001", "the one with the higher preference");
    let of = |kind: V4| wire.dhcp().into_iter().filter(|dhcp| dhcp.carries(kind)).collect::<Vec<_>>();
    assert_eq!(of(V4::ACK).len(), 1, "one is asked");
    for server in &namespaces {
        let address = server.ipv4("s0").first().copied();
        let offers =
            |dhcp: &Dhcp| dhcp.inner().is_some_and(|inner| inner.address(code::SERVER_ID) == address);
        wire.wait("an offer of each server", SOON, |dhcp| dhcp.carries(V4::OFFER) && offers(dhcp));
    }

    let pool_of = |address: &Ipv4Addr| usize::from(address.octets()[3] >= pools[1].0);
    let chosen = pool_of(&lab.customer.ipv4("c0")[0]);
    servers[chosen].stop4();
    kernel.until("an address of the other server", SOON * 2, || {
        lab.customer.ipv4("c0").first().is_some_and(|address| pool_of(address) != chosen)
    });
}
