//! IPv6-transport relay agents before stock servers.

use dhcp4o6_tests::{
    Customer, LCRA, Make, Plain, PlainSettings, Premises, Provider, SOON, Stock, StockClient, tra,
};
use serde_json::json;
use std::net::{Ipv6Addr, UdpSocket};

/// A DISCOVER with this transaction id, as a client relay agent sends it.
fn discover(xid: [u8; 4]) -> Vec<u8> {
    let mut message = vec![0; 236];
    message[..4].copy_from_slice(&[1, 1, 6, 1]);
    message[4..8].copy_from_slice(&xid);
    message[28..34].copy_from_slice(&[2, 0, 0x5e, 0x10, 0, 7]);
    message.extend([99, 130, 83, 99, 53, 1, 1, 61, 7, 1, 2, 0, 0x5e, 0x10, 0, 7, 255]);
    message.resize(300, 0);
    message
}

/// A client relay agent at an address of the customer's.
fn agent(premises: &Premises, address: &str) -> UdpSocket {
    let own: Ipv6Addr = address.parse().expect("an address");
    let socket = premises.lab.customer.enter(move || UdpSocket::bind((own, 67)).expect("port 67"));
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    socket
}

#[test]
#[ignore = "needs namespaces"]
fn a_stock_server_answers_a_client_relay_agent_through_the_relay_agent_tra_01_tra_10() {
    for make in [Make::Kea, Make::Isc, Make::Dnsmasq] {
        let premises = Premises::new();
        let plain = Plain::start(&premises.lab, PlainSettings::of(make));
        let servers = [plain.settings.address()];
        let mut relay = Provider::start(&premises.lab, &tra(&servers, ""));
        relay.wait_tra("front", "running", "");
        assert_eq!(relay.tra("front", "Servers"), json!(["10.0.1.1"]), "{make:?}");
        let agent = agent(&premises, "2001:db8:6::2");
        agent.send_to(&discover([1, 2, 3, 4]), "[2001:db8:6::1]:67").expect("sent");
        let mut buffer = [0; 1500];
        let (length, from) = agent.recv_from(&mut buffer).expect("an answer");
        let answer = &buffer[..length];
        assert_eq!(from, "[2001:db8:6::1]:67".parse().expect("an address"), "{make:?}");
        assert_eq!((answer[0], &answer[4..8]), (2, &[1, 2, 3, 4][..]), "{make:?}");
        assert_eq!(answer[16..19], [192, 0, 2], "{make:?}: yiaddr of the subnet chosen for it");
        assert!(length >= 300 && answer.contains(&255), "{make:?}");
    }
}

#[test]
#[ignore = "needs namespaces"]
fn two_relay_agents_of_one_host_are_told_apart_by_the_address_that_is_asked() {
    let premises = Premises::new();
    premises.lab.provider.ip("addr add 2001:db8:6::9/64 dev s0 nodad");
    let plain = Plain::start(&premises.lab, PlainSettings::of(Make::Kea));
    premises.lab.provider.ip("addr add 10.0.1.253/24 dev d1");
    let servers = [plain.settings.address()];
    let one = tra(&servers, "");
    let other = one
        .replace("\"front\"", "\"other\"")
        .replace("2001:db8:6::1\"", "2001:db8:6::9\"")
        .replace("10.0.1.254", "10.0.1.253");
    let mut relay = Provider::start(&premises.lab, &format!("{one}{other}"));
    let agent = agent(&premises, "2001:db8:6::2");
    for (number, name, address) in [(1, "front", "[2001:db8:6::1]:67"), (2, "other", "[2001:db8:6::9]:67")] {
        relay.wait_tra(name, "running", "");
        agent.send_to(&discover([number; 4]), address).expect("sent");
        let mut buffer = [0; 1500];
        let (_, from) = agent.recv_from(&mut buffer).expect("an answer");
        assert_eq!(from, address.parse().expect("an address"));
        assert_eq!(relay.tra(name, "Done")["downstream"], 1, "{name}");
    }
}

#[test]
#[ignore = "needs namespaces"]
fn a_relay_agent_waits_for_its_address_and_says_so() {
    let premises = Premises::new();
    let config = tra(&["10.0.1.1".parse().expect("an address")], "");
    let mut relay = Provider::start(&premises.lab, &config);
    relay.wait_tra("front", "failed", "no-such-address");
    premises.lab.provider.ip("addr add 10.0.1.254/24 dev s0");
    relay.wait_tra("front", "running", "");
    premises.lab.provider.ip("addr del 2001:db8:6::1/64 dev s0");
    relay.wait_tra("front", "degraded", "no-such-address");
}

#[test]
#[ignore = "needs namespaces"]
fn a_stock_client_and_a_stock_server_meet_through_both_agents_lcra_01_tra_01() {
    let premises = Premises::new();
    let plain = Plain::start(&premises.lab, PlainSettings::of(Make::Kea));
    let mut relay = Provider::start(&premises.lab, &tra(&[plain.settings.address()], ""));
    relay.wait_tra("front", "running", "");
    let mut customer = Customer::start(&premises.lab, LCRA);
    customer.client.wait_lcra("lan", "running", "");
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let address = client.wait_lease(0, SOON);
    assert_eq!(premises.host.ipv4("e0"), [address]);
    assert_eq!(address.octets()[..3], [192, 0, 2]);
}
