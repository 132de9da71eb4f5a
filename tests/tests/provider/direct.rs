//! Our client and our server on one link.

use super::{DHCP6, SERVER, STATEFUL, STATELESS};
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Customer, Dhcp, Lab, Provider, Rack, SOON};
use serde_json::json;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What crossed the wire, in order: DHCPv6 types, and inside queries and responses the DHCPv4 type.
fn story(rack: &Rack) -> Vec<String> {
    let word = |dhcp: &Dhcp| dhcp.inner_kind().map_or_else(|| dhcp.kind.to_string(), |kind| kind.to_string());
    rack.customer.wire.dhcp().iter().map(word).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn stateless_dhcp6_leads_to_an_address_that_carries_traffic() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    assert_eq!(story(&rack), ["Information-request", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]);
    let leases = rack.provider.leases4();
    assert_eq!(leases.len(), 1, "{leases:#?}");
    assert_eq!(leases[0]["address"], json!(address));
    let entry = &rack.lab.customer.addresses("c0", "inet")[0];
    assert_eq!((&entry["local"], &entry["prefixlen"]), (&json!(address), &json!(24)));
    assert!(entry["valid_life_time"].as_u64().is_some_and(|left| (500..=600).contains(&left)), "{entry}");
    assert!(rack.lab.customer.pings("198.51.100.1"), "by the router option");
    assert_eq!(rack.provider.server("State"), "running");
    let counts = ["discover", "offer", "request-selecting", "ack", "information6", "reply6"];
    assert_eq!(counts.map(|name| rack.provider.count(name)), [1; 6]);
    assert_eq!((rack.provider.server("Received"), rack.provider.server("Sent")), (json!(3), json!(3)));
}

#[test]
#[ignore = "needs namespaces"]
fn stateful_dhcp6_leads_to_an_address_and_a_delegated_prefix() {
    let links = format!("{STATEFUL}prefix-delegation = true\n");
    let mut rack = Rack::start(&format!("{SERVER}{DHCP6}"), &links);
    rack.wait_bound();
    assert_eq!(
        story(&rack),
        ["Solicit", "Advertise", "Request", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]
    );
    let own = rack.lab.customer.ipv6("c0");
    assert!(matches!(own[..], [own] if own.segments()[..4] == [0x2001, 0xdb8, 6, 0]), "{own:?}");
    let prefixes = rack.customer.client.property("c0", "org.dhcp4o6.Dhcp6Stage1", "Prefixes");
    assert_eq!(prefixes[0]["length"], 56, "{prefixes}");
    assert!(prefixes[0]["prefix"].as_str().is_some_and(|prefix| prefix.starts_with("2001:db8:d1")));
}

#[test]
#[ignore = "needs namespaces"]
fn rapid_commit_takes_one_round_trip_for_each_protocol() {
    let rapid = |server: &str| server.replace("server-id", "dhcp4-rapid-commit = true\nserver-id");
    let server = format!("{}[server.dhcp6]\nrapid-commit = true\n{DHCP6}", rapid(SERVER));
    let links = format!("{STATEFUL}rapid-commit = true\ndhcp4-rapid-commit = true\n");
    let mut rack = Rack::start(&server, &links);
    rack.wait_bound();
    assert_eq!(story(&rack), ["Solicit", "Reply", "DISCOVER", "ACK"]);
    assert_eq!((rack.provider.count("rapid-commit"), rack.provider.leases4().len()), (1, 1));
}

#[test]
#[ignore = "needs namespaces"]
fn a_server_that_option_88_names_is_asked_by_unicast_and_answers_from_the_address_it_was_asked_at() {
    let unicast = "addresses = [\"2001:db8:6::1\"]\naccept-from = [\"2001:db8:6::/64\"]\nserver-id";
    let server = SERVER.replace("server-id", unicast);
    let server = format!("{server}[server.dhcp6]\nservers-4o6 = [\"2001:db8:6::1\"]\n{DHCP6}");
    let lab = Lab::new();
    lab.customer.ip("route add 2001:db8:6::/64 dev c0");
    let mut rack = Rack::start_in(lab, &server, STATEFUL);
    rack.wait_bound();
    let own = rack.lab.customer.ipv6("c0")[0];
    let at: Ipv6Addr = "2001:db8:6::1".parse().expect("an address");
    let inner = rack.customer.wire.dhcp().into_iter().filter(|dhcp| dhcp.inner_kind().is_some());
    let inner: Vec<_> = inner.map(|dhcp| (dhcp.outgoing, dhcp.from.0, dhcp.to.0)).collect();
    assert_eq!(inner, [(true, own, at), (false, at, own), (true, own, at), (false, at, own)]);
}

#[test]
#[ignore = "needs namespaces"]
fn a_lease_is_renewed_rebound_and_given_back() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    for (command, event, counter) in
        [("Renew", "renewed", "request-renewing"), ("Rebind", "rebound", "request-rebinding")]
    {
        let mark = rack.customer.client.mark();
        rack.customer.client.link("c0", command).expect(command);
        let lease = rack.customer.client.wait_lease_event(mark, event, SOON);
        assert_eq!(lease["address"], json!(address), "{lease}");
        assert_eq!(rack.provider.count(counter), 1, "{counter}");
    }
    rack.customer.client.link("c0", "Release").expect("released");
    rack.customer.wire.wait("a RELEASE", SOON, |dhcp| dhcp.outgoing && dhcp.carries(V4::RELEASE));
    let gone = |provider: &Provider| provider.leases4().is_empty().then_some(());
    // What was received last is handled when the next question is answered.
    assert_eq!(gone(&rack.provider), Some(()));
    assert_eq!(rack.provider.count("release"), 1);
    rack.customer.client.link("c0", "Restart").expect("begun again");
    assert_eq!(rack.wait_bound(), address, "who was here before gets the same address");
}

#[test]
#[ignore = "needs namespaces"]
fn two_links_on_which_a_client_has_the_same_link_local_address_are_two_clients() {
    let lab = Lab::new();
    let neighbour = lab.namespace("n");
    lab.join((&lab.provider, "s1"), (&neighbour, "c0"));
    assert_eq!(
        lab.customer.ip_json("link show dev c0")[0]["address"],
        neighbour.ip_json("link show dev c0")[0]["address"]
    );
    let provider = Provider::start(&lab, &SERVER.replace("[\"s0\"]", "[\"s0\", \"s1\"]"));
    let mut customers =
        [Customer::start(&lab, STATELESS), Customer::start_in(&lab, &neighbour, "neighbour", STATELESS)];
    customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    let [one, other] = [&lab.customer, &neighbour].map(|namespace| namespace.ipv4("c0"));
    assert_eq!((one.len(), other.len()), (1, 1));
    assert_ne!(one, other);
    let mut leased: Vec<Ipv4Addr> = [one, other].concat();
    leased.sort();
    let told: Vec<_> = provider.leases4().iter().map(|lease| lease["address"].clone()).collect();
    assert_eq!(json!(told), json!(leased));
    for customer in &customers {
        let replies =
            customer.wire.dhcp().into_iter().filter(|dhcp| !dhcp.outgoing && dhcp.kind == V6::REPLY);
        assert_eq!(replies.count(), 1, "one answer on each link");
    }
}

#[test]
#[ignore = "needs namespaces"]
fn operators_reserve_and_revoke_and_a_restart_changes_nothing_of_it() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    let holder: &[u8] = &[2, 0, 0x5e, 0x10, 0, 7];
    rack.provider.call("Reserve", &("192.0.2.150", "hardware", holder)).expect("reserved");
    rack.provider.call("Revoke", &(address.to_string(),)).expect("revoked");
    rack.provider.daemon.kill();
    rack.provider.start_again();
    assert_eq!(rack.provider.leases4(), Vec::<serde_json::Value>::new());
    let reserved = rack.provider.call("ListReservations", &()).expect("reservations");
    assert_eq!(reserved[0][0]["address"], "192.0.2.150", "{reserved}");
    let refused = rack.provider.call("Revoke", &(address.to_string(),)).expect_err("there is none");
    assert!(refused.0.starts_with("org.dhcp4o6.Error."), "{refused:?}");
}
