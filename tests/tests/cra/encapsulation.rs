//! Relay encapsulation in the layout of this project: every agent adds its own level, and takes it off the answer.

use dhcp4o6_protocol::wire::encapsulation::{Encapsulated, Level};
use dhcp4o6_protocol::wire::v4::{self, MessageType as V4};
use dhcp4o6_tests::{
    Bootp, Capture, Customer, LCRA, Namespace, Premises, Provider, SOON, Stock, StockClient, TSV, tra,
};
use serde_json::json;
use std::net::IpAddr;

const PRIVATE: &str = "relay-encapsulation = \"private\"\n";
/// Sub-option 1: "port-7".
const CIRCUIT: &[u8] = b"\x01\x06port-7";
/// Sub-option 46: 2001:db8:6::2.
const CRA6ADDR: &[u8] = &[46, 16, 0x20, 1, 0x0d, 0xb8, 0, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2];

fn lcra() -> String {
    format!("{LCRA}{PRIVATE}circuit-id = \"port-7\"\n")
}

/// A server that is asked by relay agents of 10.0.1.0/24, in a namespace of its own.
fn behind_a_relay_agent(premises: &Premises, more: &str) -> (Namespace, Provider) {
    let lab = &premises.lab;
    let namespace = lab.namespace("d1");
    lab.join((&lab.provider, "d1"), (&namespace, "d0"));
    lab.provider.ip("addr add 10.0.1.254/24 dev d1");
    namespace.ip("addr add 10.0.1.1/24 dev d0");
    let config = TSV
        .replace("198.51.100.1", "10.0.1.1")
        .replace("addresses = [\"2001:db8:6::1\"]\n", &format!("relay-agents = [\"10.0.1.254\"]\n{more}"));
    let server = Provider::start_in(lab, &namespace, "tsv", &config);
    (namespace, server)
}

fn client(premises: &Premises) -> StockClient {
    StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"))
}

/// Sub-options of all levels, outermost first, and the type of the message inside.
fn levels(bootp: &Bootp) -> (Vec<Vec<u8>>, Option<V4>) {
    let all = Encapsulated::parse(&bootp.payload).unwrap_or_else(|| panic!("not encapsulated: {bootp:?}"));
    let kind = v4::Message::parse(all.message).expect("a message inside").kind();
    (all.levels.iter().map(|level| level.segment.to_vec()).collect(), kind)
}

/// The four messages of a client that gets its first lease, as they passed here over one version of IP.
fn exchange(wire: &Capture, ipv6: bool) -> Vec<Bootp> {
    let encapsulated = |bootp: &Bootp| bootp.to.is_ipv6() == ipv6 && Level::parse(&bootp.payload).is_some();
    wire.bootp().into_iter().filter(encapsulated).collect()
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn an_encapsulated_exchange_goes_from_the_agent_to_the_server_and_back_tsv_09() {
    let premises = Premises::new();
    let server = TSV.replace("[server.tsv]\n", &format!("[server.tsv]\n{PRIVATE}"));
    let server = Provider::start(&premises.lab, &server);
    let mut router = Customer::start(&premises.lab, &lcra());
    router.client.wait_lcra("lan", "running", "");
    let heard = Capture::start(&premises.host);
    let address = client(&premises).wait_lease(0, SOON);
    assert_eq!(server.leases4()[0]["address"], json!(address));
    let passed = exchange(&router.wire, true);
    let kinds = [V4::DISCOVER, V4::OFFER, V4::REQUEST, V4::ACK];
    assert_eq!(passed.len(), 4, "{passed:?}");
    for (bootp, kind) in passed.iter().zip(kinds) {
        assert_eq!(bootp.payload[0], if bootp.outgoing { 3 } else { 4 });
        assert_eq!(levels(bootp), (vec![CIRCUIT.to_vec()], Some(kind)));
    }
    let plain = heard.wait_bootp(0, "the ACK", |bootp| bootp.is(V4::ACK));
    assert_eq!((plain.payload[0], plain.message().yiaddr), (2, address), "nothing of it reaches the client");
    assert_eq!(plain.message().option(v4::code::RELAY_AGENT), None);
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn an_encapsulated_exchange_goes_through_the_relay_agent_which_adds_a_level_tra_08() {
    let premises = Premises::new();
    let (namespace, server) = behind_a_relay_agent(&premises, PRIVATE);
    let behind = Capture::start(&namespace);
    let mut relay = Provider::start(&premises.lab, &tra(&["10.0.1.1".parse().expect("an address")], PRIVATE));
    relay.wait_tra("front", "running", "");
    assert_eq!(relay.tra("front", "RelayEncapsulation"), "private");
    let mut router = Customer::start(&premises.lab, &lcra());
    router.client.wait_lcra("lan", "running", "");
    let address = client(&premises).wait_lease(0, SOON);
    assert_eq!(server.leases4()[0]["address"], json!(address));

    let near = exchange(&router.wire, true);
    let kinds = [V4::DISCOVER, V4::OFFER, V4::REQUEST, V4::ACK];
    assert_eq!(near.len(), 4, "{near:?}");
    for (bootp, kind) in near.iter().zip(kinds) {
        assert_eq!(levels(bootp), (vec![CIRCUIT.to_vec()], Some(kind)));
    }
    let far = exchange(&behind, false);
    assert_eq!(far.len(), 4, "{far:?}");
    for (bootp, kind) in far.iter().zip(kinds) {
        let (segments, inside) = levels(bootp);
        assert_eq!((segments.len(), inside), (2, Some(kind)));
        assert!(segments[0].starts_with(CRA6ADDR), "{segments:02x?}");
        assert_eq!(segments[1], CIRCUIT);
        let server = IpAddr::from([10, 0, 1, 1]);
        assert!(bootp.from.ip() == server || bootp.to.ip() == server, "{bootp:?}");
    }
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn where_it_is_off_encapsulated_messages_are_discarded_without_a_word_tsv_09_tra_08() {
    // At the server.
    let premises = Premises::new();
    let server = Provider::start(&premises.lab, TSV);
    let mut router = Customer::start(&premises.lab, &lcra());
    router.client.wait_lcra("lan", "running", "");
    let asking = client(&premises);
    let first = router.wire.wait_bootp(0, "a message of the agent", |bootp| bootp.payload[0] == 3);
    router.wire.wait_bootp(router.wire.mark(), "another one", |bootp| bootp.payload[0] == 3);
    assert!(server.count("op-unsupported") >= 1, "{}", server.server("Refused"));
    let uplink = first.interface;
    let answers =
        |wire: &Capture| wire.bootp().iter().filter(|b| !b.outgoing && b.interface == uplink).count();
    assert_eq!(answers(&router.wire), 0);
    assert_eq!(server.leases4().len(), 0);
    drop(asking);
    drop(server);

    // At the relay agent.
    let (namespace, _server) = behind_a_relay_agent(&premises, PRIVATE);
    let behind = Capture::start(&namespace);
    let mut relay = Provider::start(&premises.lab, &tra(&["10.0.1.1".parse().expect("an address")], ""));
    relay.wait_tra("front", "running", "");
    let _asking = client(&premises);
    for _ in 0..2 {
        router.wire.wait_bootp(router.wire.mark(), "a message of the agent", |bootp| bootp.payload[0] == 3);
    }
    assert!(relay.tra("front", "Refused")["op-unsupported"].as_u64() >= Some(1));
    assert_eq!(behind.bootp().len(), 0, "nothing goes to the server");
    assert_eq!(answers(&router.wire), 0);
}
