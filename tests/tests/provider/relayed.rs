//! Through our relay agents.

use super::{SERVER, STATELESS};
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Bus, Capture, Customer, Daemon, Lab, Plant, Provider, SOON};
use std::net::Ipv4Addr;

/// One subnet for the link that has an address, one for the link that has not.
const BEHIND_RELAY: &str = "\
[server]
interfaces = [\"s0\"]
accept-from = [\"2001:db8:6::/64\"]
server-id = \"192.0.2.1\"
[[server.subnet]]
prefix = \"192.0.2.0/24\"
pools = [\"192.0.2.100-192.0.2.199\"]
link-addresses = [\"2001:db8:11::/64\"]
[[server.subnet]]
prefix = \"203.0.113.0/24\"
pools = [\"203.0.113.100-203.0.113.199\"]
interface-ids = [\"r2\"]
";

const RELAY: &str = "\
[[relay]]
name = \"edge\"
clients = [\"r1\", \"r2\"]
servers = [\"2001:db8:6::1\"]
";

/// The third octet of the only IPv4 address of `c0`.
fn subnet(namespace: &dhcp4o6_tests::Namespace) -> [u8; 3] {
    match namespace.ipv4("c0")[..] {
        [address] => *Ipv4Addr::octets(&address).first_chunk().expect("three of four"),
        ref others => panic!("not one address: {others:?}"),
    }
}

#[test]
#[ignore = "needs namespaces"]
fn two_customers_behind_a_relay_agent_get_what_their_links_get_r6_02_r6_03() {
    let plant = Plant::new();
    let server = Provider::start(&plant.lab, BEHIND_RELAY);
    let relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
    let mut customers = [
        Customer::start(&plant.lab, STATELESS),
        Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", STATELESS),
    ];
    customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    assert_eq!(subnet(&plant.lab.customer), [192, 0, 2]);
    assert_eq!(subnet(&plant.neighbour), [203, 0, 113]);
    assert_eq!(server.leases4().len(), 2);
    // Information-request, DISCOVER and REQUEST of each, and the answers.
    assert_eq!((relay.relay("edge", "Received"), relay.relay("edge", "Sent")), (12.into(), 12.into()));
    assert_eq!(relay.relay("edge", "State"), "running");
    assert_eq!(server.count("relayed"), 6);
    customers[1].client.link("c0", "Renew").expect("renewed");
    customers[1].client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(server.count("request-renewing"), 1);
}

#[test]
#[ignore = "needs namespaces"]
fn relay_agents_in_a_row_pass_messages_on() {
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
    let server = Provider::start(&lab, BEHIND_RELAY);
    // From one to the next by multicast on the link between them.
    let by_group = "[[relay]]\nclients = [\"r1\"]\nservers = [\"ff02::1:2%w0\"]\n";
    let _near = Provider::start_in(&lab, &near, "near", by_group);
    let trusting =
        "[[relay]]\nclients = [{ name = \"f0\", trusted = true }]\nservers = [\"2001:db8:6::1\"]\n";
    let _far = Provider::start_in(&lab, &far, "far", trusting);
    let wire = Capture::start(&lab.provider);
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    assert_eq!(subnet(&lab.customer), [192, 0, 2]);
    assert_eq!(server.count("relayed"), 3);
    let forwarded = wire.wait("a Relay-forward", SOON, |dhcp| dhcp.kind == V6::RELAY_FORW);
    assert_eq!(forwarded.payload[1], 1, "passed by one relay agent before");
}

#[test]
#[ignore = "needs namespaces"]
fn one_process_has_a_server_and_relay_agents_in_several_namespaces() {
    let plant = Plant::new();
    let home = plant.lab.namespace("home");
    let [at_server, at_relay] =
        [&plant.lab.provider, &plant.relay].map(|place| format!("namespace = \"{}\"\n", place.name()));
    let server = BEHIND_RELAY.replacen("[server]\n", &format!("[server]\n{at_server}"), 1);
    let config = format!("{server}{RELAY}{at_relay}");
    let mut provider = Provider::start_in(&plant.lab, &home, "provider", &config);
    provider.wait("State", "running");
    let mut customer = Customer::start(&plant.lab, STATELESS);
    customer.wait_bound("c0");
    assert_eq!(provider.server("Namespace"), plant.lab.provider.name());
    assert_eq!(provider.relay("edge", "Namespace"), plant.relay.name());
    assert_eq!(provider.count("ack"), 1);
}

#[test]
#[ignore = "needs namespaces"]
fn a_server_and_a_relay_agent_share_the_port_of_a_namespace() {
    // Clients on `s0` are the server's own, those on `s1` are relayed to a server elsewhere.
    let lab = Lab::new();
    let (elsewhere, neighbour) = (lab.namespace("e"), lab.namespace("n"));
    lab.join((&lab.provider, "w0"), (&elsewhere, "s0"));
    lab.join((&lab.provider, "s1"), (&neighbour, "c0"));
    lab.provider.ip("addr add 2001:db8:7::2/64 dev w0 nodad");
    lab.provider.ip("addr add 2001:db8:11::1/64 dev s1 nodad");
    elsewhere.ip("addr add 2001:db8:7::1/64 dev s0 nodad");
    let relay = "[[relay]]\nname = \"edge\"\nclients = [\"s1\"]\nservers = [\"2001:db8:7::1\"]\n";
    let both = Provider::start(&lab, &format!("{SERVER}{relay}"));
    let other = BEHIND_RELAY.replace("2001:db8:6::/64", "2001:db8:7::/64").replace("192.0.2", "198.51.100");
    let other = Provider::start_in(&lab, &elsewhere, "elsewhere", &other);
    let mut customers =
        [Customer::start(&lab, STATELESS), Customer::start_in(&lab, &neighbour, "neighbour", STATELESS)];
    customers.iter_mut().for_each(|customer| customer.wait_bound("c0"));
    assert_eq!((subnet(&lab.customer), subnet(&neighbour)), ([192, 0, 2], [198, 51, 100]));
    assert_eq!((both.leases4().len(), other.leases4().len()), (1, 1));
    assert_eq!((both.server("Received"), both.relay("edge", "Received")), (3.into(), 6.into()));
}

#[test]
#[ignore = "needs namespaces"]
fn without_a_bus_everything_is_served_all_the_same() {
    let lab = Lab::new();
    let dir = lab.dir().join("provider");
    let mut daemon = Daemon::spawn_at(&dir, &lab.provider, "none", SERVER);
    daemon.wait_notice("READY=1");
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    let _customer = Daemon::start(&lab, &bus, STATELESS);
    client.wait_service();
    client.wait_state("c0", "bound", SOON);
    assert!(daemon.terminate().success());
}
