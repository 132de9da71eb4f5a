//! Our relay agents between our client and other people's servers.

use super::{STATEFUL, STATELESS};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Capture, Customer, Dhcp, Kea, KeaSettings, Lab, Namespace, Plant, Provider, SOON};
use serde_json::json;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Where Kea and our server listen for relay agents.
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1);
/// Where the one for DHCPv4-queries alone does.
const SERVER_4O6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 1);

/// `r1` has an address that tells where a client is; `r2` has its name only.
const RELAY: &str = "\
[[relay]]
name = \"edge\"
clients = [\"r1\", \"r2\"]
servers = [\"2001:db8:6::1\"]
";

/// Kea for relayed clients, with addresses for those on `r1`.
fn relayed() -> KeaSettings {
    let link = json!({ "id": 2, "subnet": "2001:db8:11::/64",
        "pools": [{ "pool": "2001:db8:11::1000-2001:db8:11::1fff" }] });
    KeaSettings { unicast: Some(SERVER), more6: vec![link], ..KeaSettings::default() }
}

fn only_address(namespace: &Namespace) -> Ipv4Addr {
    match namespace.ipv4("c0")[..] {
        [address] => address,
        ref others => panic!("not one address: {others:?}"),
    }
}

fn renew(customer: &mut Customer) {
    let mark = customer.client.mark();
    customer.client.link("c0", "Renew").expect("asked");
    customer.client.wait_lease_event(mark, "renewed", SOON);
}

/// What is in the Relay-forward messages that came into a namespace.
fn forwarded(wire: &Capture) -> BTreeSet<V6> {
    let inside = |dhcp: &Dhcp| {
        let relayed = Relayed::parse(&dhcp.payload).expect("well-formed");
        V6::peek(relayed.message).expect("a message")
    };
    let came = wire.dhcp().into_iter().filter(|dhcp| !dhcp.outgoing && dhcp.kind == V6::RELAY_FORW);
    came.map(|dhcp| inside(&dhcp)).collect()
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn two_customers_that_look_the_same_have_leases_of_kea() {
    let plant = Plant::new();
    let _kea = Kea::start(&plant.lab, relayed());
    let relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
    let mut customers = [
        Customer::start(&plant.lab, STATEFUL),
        Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS),
    ];
    customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    let addresses = || [&plant.lab.customer, &plant.neighbour].map(only_address);
    let leased = addresses();
    assert_ne!(leased[0], leased[1]);
    let six = plant.lab.customer.ipv6("c0");
    assert!(six.iter().any(|address| address.segments()[..4] == [0x2001, 0xdb8, 0x11, 0]), "{six:?}");
    customers.iter_mut().for_each(renew);
    assert_eq!(addresses(), leased);
    for customer in &customers {
        let xids = |outgoing| {
            let dhcp = customer.wire.dhcp().into_iter().filter(move |dhcp| dhcp.outgoing == outgoing);
            dhcp.filter_map(|dhcp| dhcp.inner().map(|inner| inner.xid.0)).collect::<BTreeSet<_>>()
        };
        assert_eq!(xids(false), xids(true), "to each its own answers");
    }
    let (received, sent) = (relay.relay("edge", "Received"), relay.relay("edge", "Sent"));
    assert_eq!(received, sent, "each message is passed on once");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_renewal_by_unicast_would_be_and_a_rebinding_pass_the_relay_agent_to_kea() {
    let plant = Plant::new();
    let mut kea = Kea::start(&plant.lab, KeaSettings { lifetime4: (60, 1, 3), ..relayed() });
    let _relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
    let mut customer = Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS);
    customer.wait_bound("c0");
    let address = only_address(&plant.neighbour);
    kea.stop4();
    let renewal = customer.wire.wait("a renewal", SOON, Dhcp::is_unicast);
    kea.start4(&plant.lab);
    customer.wire.wait("a rebinding", SOON, |dhcp| {
        dhcp.at > renewal.at && dhcp.outgoing && dhcp.carries(V4::REQUEST) && !dhcp.is_unicast()
    });
    customer.client.wait_lease_event(0, "rebound", SOON);
    assert_eq!(only_address(&plant.neighbour), address);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn two_relay_agents_in_a_row_lead_to_kea_and_back() {
    let lab = Lab::apart();
    let [near, far] = ["near", "far"].map(|name| lab.namespace(name));
    lab.join((&lab.provider, "s0"), (&far, "w0"));
    lab.join((&far, "f0"), (&near, "w0"));
    lab.join((&near, "r1"), (&lab.customer, "c0"));
    lab.number_provider("s0");
    far.ip("addr add 2001:db8:6::2/64 dev w0 nodad");
    far.ip("addr add 2001:db8:20::1/64 dev f0 nodad");
    near.ip("addr add 2001:db8:20::2/64 dev w0 nodad");
    near.ip("addr add 2001:db8:11::1/64 dev r1 nodad");
    let _kea = Kea::start(&lab, relayed());
    let trusting =
        "[[relay]]\nclients = [{ name = \"f0\", trusted = true }]\nservers = [\"2001:db8:6::1\"]\n";
    let _far = Provider::start_in(&lab, &far, "far", trusting);
    // By unicast to the next one, and with everything that an agent may say of a client.
    let talkative = "[[relay]]\nclients = [{ name = \"r1\", interface-id = \"line 7\", always-interface-id = true }]\n\
                     servers = [\"2001:db8:20::1\"]\nclient-link-layer = true\nrelay-id = true\n\
                     remote-id = { enterprise = 32473, id = \"somewhere\" }\n";
    let _near = Provider::start_in(&lab, &near, "near", talkative);
    let wire = Capture::start(&lab.provider);
    let mut customer = Customer::start(&lab, STATEFUL);
    customer.wait_bound("c0");
    renew(&mut customer);
    let came = wire.wait("a Relay-forward", SOON, |dhcp| dhcp.kind == V6::RELAY_FORW);
    let relayed = Relayed::parse(&came.payload).expect("well-formed");
    let hops: Vec<u8> = relayed.levels.iter().map(|level| level.hop_count).collect();
    assert_eq!(hops, [1, 0]);
    assert_eq!(relayed.levels[1].interface_id(), Some(&b"line 7"[..]));
    assert_eq!(relayed.levels[1].link_address, Ipv6Addr::new(0x2001, 0xdb8, 0x11, 0, 0, 0, 0, 1));
    let all = [V6::SOLICIT, V6::REQUEST, V6::DHCPV4_QUERY];
    assert_eq!(forwarded(&wire), BTreeSet::from(all));
}

/// A relay agent with another link, to a server for DHCPv4-queries only.
fn apart() -> (Plant, Namespace) {
    let plant = Plant::new();
    let other = plant.lab.namespace("o");
    plant.lab.join((&plant.relay, "w1"), (&other, "s0"));
    plant.relay.ip("addr add 2001:db8:7::2/64 dev w1 nodad");
    other.ip(&format!("addr add {SERVER_4O6}/64 dev s0 nodad"));
    other.ip("addr add 192.0.2.1/24 dev s0");
    (plant, other)
}

/// Two customers behind the relay agent get their leases, and each message goes where it belongs and nowhere else.
fn queries_go_to_the_one_and_the_rest_to_the_other(plant: &Plant, other: &Namespace) {
    let relay = format!("{RELAY}servers-4o6 = [\"{SERVER_4O6}\"]\n");
    let relay = Provider::start_in(&plant.lab, &plant.relay, "relay", &relay);
    let [at_dhcp6, at_4o6] = [&plant.lab.provider, other].map(Capture::start);
    let mut customers = [
        Customer::start(&plant.lab, STATEFUL),
        Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS),
    ];
    customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    assert_ne!(only_address(&plant.lab.customer), only_address(&plant.neighbour));
    customers.iter_mut().for_each(renew);
    customers[0].client.link("c0", "Release").expect("released");
    customers[0].client.wait_lease_event(0, "released", SOON);
    assert_eq!(forwarded(&at_4o6), BTreeSet::from([V6::DHCPV4_QUERY]));
    let dhcp6 = forwarded(&at_dhcp6);
    let wanted = BTreeSet::from([V6::SOLICIT, V6::REQUEST, V6::INFORMATION_REQUEST]);
    assert!(dhcp6.is_superset(&wanted) && !dhcp6.contains(&V6::DHCPV4_QUERY), "{dhcp6:?}");
    // Where the answers came from is what they crossed.
    let replies = |wire: &Capture| {
        let sent = wire.sent().into_iter().filter(|dhcp| dhcp.kind == V6::RELAY_REPL);
        sent.filter(|dhcp| Relayed::parse(&dhcp.payload).is_ok()).count()
    };
    assert!(replies(&at_dhcp6) >= 3 && replies(&at_4o6) >= 6);
    assert_eq!(relay.relay("edge", "State"), "running");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn queries_go_to_our_server_and_all_other_messages_to_kea_r6_07_r6_08() {
    let (plant, other) = apart();
    let _kea = Kea::start(&plant.lab, relayed());
    let server = Provider::start_in(
        &plant.lab,
        &other,
        "server",
        "[server]\ninterfaces = [\"s0\"]\naccept-from = [\"2001:db8:7::/64\"]\nserver-id = \"192.0.2.1\"\n\
         [server.dhcp6]\nenabled = false\n\
         [[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = [\"192.0.2.100-192.0.2.199\"]\n",
    );
    queries_go_to_the_one_and_the_rest_to_the_other(&plant, &other);
    assert_eq!(server.leases4().len(), 1, "one was given back");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn queries_go_to_kea_and_all_other_messages_to_our_server_r6_07_r6_08() {
    let (plant, other) = apart();
    let _server = Provider::start(
        &plant.lab,
        "[server]\ninterfaces = [\"s0\"]\naccept-from = [\"2001:db8:6::/64\"]\nserver-id = \"192.0.2.1\"\n\
         [[server.dhcp6.subnet]]\nprefix = \"2001:db8:11::/64\"\npools = [\"2001:db8:11::1000-2001:db8:11::1fff\"]\n\
         link-addresses = [\"2001:db8:11::/64\"]\n\
         [[server.subnet]]\nprefix = \"203.0.113.0/24\"\npools = [\"203.0.113.100-203.0.113.199\"]\n",
    );
    let settings = KeaSettings { unicast: Some(SERVER_4O6), number: 2, ..KeaSettings::default() };
    let _kea = Kea::start_in(&plant.lab, &other, settings);
    queries_go_to_the_one_and_the_rest_to_the_other(&plant, &other);
}
