//! On-link client relay agents before our own server.

use dhcp4o6_tests::{Customer, LCRA, Lab, Premises, Provider, SOON, Stock, StockClient, TSV};
use serde_json::json;
use std::net::Ipv4Addr;

/// Leases of which a client renews the first quarter of a minute after it got them: dhclient cannot be told to.
const SHORT: &str = "lease-time = \"60s\"\nmin-lease-time = \"20s\"\nt1-percent = 10\nsources";

#[test]
#[ignore = "needs namespaces"]
fn a_client_that_knows_nothing_of_ipv6_gets_a_lease_of_an_ipv6_transport_server_lcra_04_tsv_01() {
    let premises = Premises::new();
    let server = Provider::start(&premises.lab, TSV);
    let mut customer = Customer::start(&premises.lab, LCRA);
    customer.client.wait_lcra("lan", "running", "");
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let address = client.wait_lease(0, SOON);
    assert_eq!(premises.host.ipv4("e0"), [address]);
    let leases = server.leases4();
    assert_eq!(leases.len(), 1);
    assert_eq!(leases[0]["address"], json!(address));
    assert_eq!(customer.client.lcra("lan", "Source"), "2001:db8:6::2");
    assert_eq!(customer.client.lcra("lan", "Servers"), json!(["2001:db8:6::1"]));
    assert_eq!(customer.client.lcra("lan", "ServersFrom"), "configured");
    let done = customer.client.lcra("lan", "Done");
    assert_eq!([&done["upstream"], &done["downstream"]], [2, 2], "DISCOVER, REQUEST: {done}");
}

#[test]
#[ignore = "needs namespaces"]
fn a_client_on_the_lan_renews_past_the_agent_and_releases_hcra_27_lcra_12() {
    for make in Stock::ALL {
        let premises = Premises::new();
        premises.route_ipv4();
        let server = Provider::start(&premises.lab, &TSV.replace("sources", SHORT));
        let mut customer = Customer::start(&premises.lab, LCRA);
        customer.client.wait_lcra("lan", "running", "");
        let client = StockClient::start(&premises.host, make, "e0", &premises.lab.dir().join("client"));
        let address = client.wait_lease(0, SOON);
        let mark = client.mark();
        client.renew();
        assert_eq!(client.wait_renewed(mark, SOON), address, "{make:?}");
        // udhcpc may miss an answer that comes at once, and asks everybody a second later; but it asked.
        assert_eq!(server.count("over-ipv4"), 1, "{make:?}");
        client.release();
        customer.client.until("the lease is released", SOON, |_| server.leases4().is_empty().then_some(()));
    }
}

#[test]
#[ignore = "needs namespaces"]
fn an_agent_says_what_it_lacks_and_runs_when_it_has_it() {
    let lab = Lab::apart();
    lab.join((&lab.provider, "s0"), (&lab.customer, "c0"));
    let mut customer = Customer::start(&lab, LCRA);
    customer.client.wait_lcra("lan", "failed", "no-interface");
    let host = lab.namespace("h");
    lab.join((&lab.customer, "lan0"), (&host, "e0"));
    customer.client.wait_lcra("lan", "failed", "no-global-address");
    lab.customer.ip("addr add fd00:6::2/64 dev c0 nodad");
    customer
        .daemon
        .reload(&format!("duid = \"uuid\"\n{}", LCRA.replace("[[lcra]]", "[[lcra]]\nunique-local = true")));
    customer.client.wait_lcra("lan", "running", "");
    assert_eq!(customer.client.lcra("lan", "Source"), "fd00:6::2");
    lab.customer.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
    customer.daemon.reload(&format!("duid = \"uuid\"\n{LCRA}"));
    customer.client.until("the other source", SOON, |client| {
        (client.lcra("lan", "Source") == "2001:db8:6::2").then_some(())
    });
    lab.customer.ip("addr del 2001:db8:6::2/64 dev c0");
    customer.client.wait_lcra("lan", "failed", "no-global-address");
    customer.daemon.reload("duid = \"uuid\"\n[[link]]\nmatch = \"c0\"\n");
    customer.client.until("no agent", SOON, |client| client.lcra("lan", "State").is_null().then_some(()));
}

#[test]
#[ignore = "needs namespaces"]
fn an_agent_goes_on_from_another_address_and_its_namespace_may_come_late() {
    let premises = Premises::new();
    let _server = Provider::start(&premises.lab, TSV);
    let late = format!("{}-late", premises.lab.customer.name());
    let config = LCRA.replace("name", &format!("namespace = \"{late}\"\nname"));
    let mut customer = Customer::start(&premises.lab, &config);
    customer.client.wait_lcra("lan", "failed", "no-such-namespace");
    let router = premises.lab.namespace("c-late");
    assert_eq!(router.name(), late);
    premises.lab.customer.ip(&format!("link set c0 netns {late}"));
    premises.lab.customer.ip(&format!("link set lan0 netns {late}"));
    for interface in ["c0", "lan0"] {
        router.ip(&format!("link set {interface} up"));
    }
    router.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
    customer.client.wait_lcra("lan", "running", "");
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let first = client.wait_lease(0, SOON);
    router.ip("addr add 2001:db8:6::3/64 dev c0 nodad");
    router.ip("addr del 2001:db8:6::2/64 dev c0");
    customer.client.until("the other source", SOON, |client| {
        (client.lcra("lan", "Source") == "2001:db8:6::3").then_some(())
    });
    let mark = client.mark();
    // Nobody answers at its server's address: it asks everybody.
    client.renew();
    assert_eq!(client.wait_renewed(mark, SOON), first);
    assert_ne!(first, Ipv4Addr::UNSPECIFIED);
}

/// The customer's own link has a client relay agent too, at another address.
const LINK: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
[link.hcra]
source = \"2001:db8:6::2\"
servers = [\"2001:db8:6::1\"]
[[lcra]]
name = \"lan\"
clients = \"lan0\"
upstream = \"c0\"
source = \"2001:db8:6::3\"
";

#[test]
#[ignore = "needs namespaces"]
fn an_agent_without_servers_has_those_that_its_link_knows_and_follows_them() {
    let premises = Premises::new();
    let server = Provider::start(&premises.lab, TSV);
    premises.lab.customer.ip("addr add 2001:db8:6::3/64 dev c0 nodad");
    let mut customer = Customer::start(&premises.lab, LINK);
    customer.client.wait_lcra("lan", "running", "");
    assert_eq!(customer.client.lcra("lan", "ServersFrom"), "link");
    assert_eq!(customer.client.lcra("lan", "Source"), "2001:db8:6::3");
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let address = client.wait_lease(0, SOON);
    customer.wait_bound("c0");
    assert_eq!(server.leases4().len(), 2, "the router's and {address}");
    customer.daemon.reload(&format!("duid = \"uuid\"\n{}", LINK.replace("6::1\"", "6::7\"")));
    customer.client.until("the other server", SOON, |client| {
        (client.lcra("lan", "Servers") == json!(["2001:db8:6::7"])).then_some(())
    });
    customer.daemon.reload(&format!("duid = \"uuid\"\n{}", LINK.replace("\"hcra\"", "\"off\"")));
    customer.client.wait_lcra("lan", "failed", "no-servers");
    assert_eq!(customer.client.lcra("lan", "ServersFrom"), "");
}
