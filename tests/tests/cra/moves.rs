//! What an agent does when its own IPv6 address changes, or whom it asks.

use dhcp4o6_protocol::wire::v4::{MessageType as V4, code};
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{
    Bootp, BusClient, Capture, Change, Customer, LCRA, Lab, Make, Plain, PlainSettings, Premises, Provider,
    SOON, Stock, StockClient, TSV, Watch, tra,
};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

const OLD: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 2);
const NEW: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 3);
/// In another prefix that the provider takes agents from.
const AWAY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 2);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1);
const SECOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 9);

/// Renewals go through the agent.
const HCRA: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
conflict-detection = false
[link.hcra]
servers = [\"2001:db8:6::1\"]
renew = \"via-cra\"
";

/// Agents of both prefixes are answered, and get addresses of one subnet.
fn two_prefixes(config: &str) -> String {
    config.replace("[\"2001:db8:6::/64\"]", "[\"2001:db8:6::/64\", \"2001:db8:7::/64\"]")
}

/// A host with an address that holds, before a provider with one in each prefix.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.provider.ip("addr add 2001:db8:7::1/64 dev s0 nodad");
    lab.provider.ip(&format!("addr add {SECOND}/64 dev s0 nodad"));
    lab.customer.ip(&format!("addr add {OLD}/64 dev c0 nodad"));
    lab
}

/// The host has another address now. It always reaches the provider by its first prefix.
fn move_to(lab: &Lab, new: Ipv6Addr) {
    lab.customer.ip("-6 route replace 2001:db8:6::/64 dev c0 metric 10");
    lab.customer.ip(&format!("addr add {new}/64 dev c0 nodad"));
    lab.customer.ip(&format!("addr del {OLD}/64 dev c0"));
}

fn only_address(lab: &Lab) -> Ipv4Addr {
    match lab.customer.ipv4("c0")[..] {
        [address] => address,
        ref others => panic!("not one address: {others:?}"),
    }
}

/// The first message of this type to a server that leaves an agent's address after a mark.
fn wait_sent(wire: &Capture, mark: usize, kind: V4, from: Ipv6Addr) -> Bootp {
    wire.wait_bootp(mark, &format!("a {kind} from {from}"), |bootp| {
        bootp.is(kind) && bootp.from.ip() == IpAddr::V6(from) && bootp.to.is_ipv6()
    })
}

/// Waits until a signal says that an address is reached through an agent, after a mark.
fn wait_binding(client: &mut BusClient, mark: usize, address: Ipv4Addr, agent: Ipv6Addr) {
    client.wait_signal(mark, "BindingAdded", SOON, |arguments| {
        (&arguments[0], &arguments[1]) == (&json!(address), &json!(agent))
    });
}

fn bindings(provider: &Provider) -> Vec<(Value, Value)> {
    let page =
        provider.client.call("/org/dhcp4o6/server", "org.dhcp4o6.Tsv1", "ListBindings", &("", 100_u32));
    let page = page.expect("bindings");
    let all = page[0].as_array().expect("an array").iter();
    all.map(|one| (one["address"].clone(), one["agent"].clone())).collect()
}

fn never_without(kernel: &Watch, address: Ipv4Addr) {
    let changes = kernel.changes();
    assert!(!changes.iter().any(|(_, change)| *change == Change::AddressGone(address)), "{changes:?}");
}

#[test]
#[ignore = "needs namespaces"]
fn a_question_that_nobody_has_answered_goes_on_from_the_new_address_hcra_23() {
    let lab = lab();
    let mut server = Provider::start(&lab, TSV);
    server.daemon.process().signal(Signal::SIGSTOP);
    let mut customer = Customer::start(&lab, HCRA);
    let first = wait_sent(&customer.wire, 0, V4::DISCOVER, OLD);
    let mark = customer.wire.mark();
    let moved_at = Instant::now();
    move_to(&lab, NEW);
    let next = wait_sent(&customer.wire, mark, V4::DISCOVER, NEW);
    assert_eq!(next.message().xid, first.message().xid, "the same exchange");
    assert!(next.at - moved_at < Duration::from_secs(2), "at once: {:?}", next.at - moved_at);
    server.daemon.process().signal(Signal::SIGCONT);
    customer.wait_bound("c0");
    let address = only_address(&lab);
    assert_eq!(bindings(&server), [(json!(address), json!(NEW))]);
}

#[test]
#[ignore = "needs namespaces"]
fn a_renewal_that_nobody_has_answered_goes_on_from_the_new_address_hcra_23() {
    let lab = lab();
    let mut server = Provider::start(&lab, &two_prefixes(TSV));
    let mut customer = Customer::start(&lab, HCRA);
    customer.wait_bound("c0");
    let address = only_address(&lab);
    server.daemon.process().signal(Signal::SIGSTOP);
    let mark = customer.wire.mark();
    customer.client.link("c0", "Renew").expect("asked");
    let first = wait_sent(&customer.wire, mark, V4::REQUEST, OLD);
    let told = server.client.mark();
    move_to(&lab, AWAY);
    let next = wait_sent(&customer.wire, mark, V4::REQUEST, AWAY);
    assert_eq!(next.message().xid, first.message().xid, "the same exchange");
    server.daemon.process().signal(Signal::SIGCONT);
    wait_binding(&mut server.client, told, address, AWAY);
    customer.wait_bound("c0");
    assert_eq!(only_address(&lab), address);
    never_without(&customer.kernel, address);
}

#[test]
#[ignore = "needs namespaces"]
fn a_host_that_moves_renews_from_the_new_address_and_the_binding_of_the_server_follows_hcra_23_tsv_18() {
    for new in [NEW, AWAY] {
        let lab = lab();
        let mut server = Provider::start(&lab, &two_prefixes(TSV));
        // Also where renewals go by IPv4: that would not tell the server where the agent is.
        let mut customer = Customer::start(&lab, &HCRA.replace("renew = \"via-cra\"\n", ""));
        customer.wait_bound("c0");
        let address = only_address(&lab);
        wait_binding(&mut server.client, 0, address, OLD);
        assert_eq!(bindings(&server), [(json!(address), json!(OLD))]);
        let (mark, told) = (customer.wire.mark(), server.client.mark());
        move_to(&lab, new);
        let renewal = wait_sent(&customer.wire, mark, V4::REQUEST, new);
        assert_eq!(renewal.message().ciaddr, address);
        wait_binding(&mut server.client, told, address, new);
        assert_eq!(bindings(&server), [(json!(address), json!(new))]);
        let relay = |property| customer.client.property("c0", "org.dhcp4o6.RelayClient1", property);
        assert_eq!(relay("Source"), json!(new));
        customer.wait_bound("c0");
        assert_eq!(only_address(&lab), address);
        never_without(&customer.kernel, address);
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn what_a_relay_agent_says_of_a_host_that_moves_follows_it_hcra_23_tra_26() {
    for new in [NEW, AWAY] {
        let lab = lab();
        let plain = Plain::start(&lab, PlainSettings::of(Make::Kea));
        let behind = Capture::start(&plain.namespace);
        let config = two_prefixes(&tra(&[plain.settings.address()], "snoop = true\n"));
        let mut relay = Provider::start(&lab, &config);
        let mut customer = Customer::start(&lab, HCRA);
        customer.wait_bound("c0");
        let address = only_address(&lab);
        wait_binding(&mut relay.client, 0, address, OLD);
        let (mark, told) = (behind.mark(), relay.client.mark());
        move_to(&lab, new);
        wait_binding(&mut relay.client, told, address, new);
        let relayed = behind.wait_bootp(mark, "the renewal", |bootp| bootp.is(V4::REQUEST));
        let option = relayed.message().option(code::RELAY_AGENT).expect("option 82").into_owned();
        let cra6addr = [&[46, 16][..], &new.octets()].concat();
        assert!(option.starts_with(&cra6addr), "{option:02x?} names {new}");
        customer.wait_bound("c0");
        assert_eq!(only_address(&lab), address);
        never_without(&customer.kernel, address);
    }
}

/// A client of a LAN whose router moves, before it has an answer and after that.
fn router_moves(premises: &Premises, provider: &mut Provider, new: Ipv6Addr) {
    premises.lab.provider.ip("addr add 2001:db8:7::1/64 dev s0 nodad");
    let mut router = Customer::start(&premises.lab, LCRA);
    router.client.wait_lcra("lan", "running", "");
    provider.daemon.process().signal(Signal::SIGSTOP);
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let first = wait_sent(&router.wire, 0, V4::DISCOVER, OLD);
    let mark = router.wire.mark();
    move_to(&premises.lab, new);
    let next = wait_sent(&router.wire, mark, V4::DISCOVER, new);
    assert_eq!(next.message().xid, first.message().xid, "the client's exchange");
    provider.daemon.process().signal(Signal::SIGCONT);
    let address = client.wait_lease(0, SOON);
    wait_binding(&mut provider.client, 0, address, new);

    // And back, while the client has its lease: it renews by itself, past nobody that would answer by IPv4.
    let (mark, told, events) = (router.wire.mark(), provider.client.mark(), client.mark());
    premises.lab.customer.ip(&format!("addr add {OLD}/64 dev c0 nodad"));
    premises.lab.customer.ip(&format!("addr del {new}/64 dev c0"));
    router.client.until("the agent is back", SOON, |client| {
        (client.lcra("lan", "Source") == json!(OLD)).then_some(())
    });
    client.renew();
    wait_sent(&router.wire, mark, V4::REQUEST, OLD);
    assert_eq!(client.wait_renewed(events, SOON), address);
    wait_binding(&mut provider.client, told, address, OLD);
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn a_client_of_a_lan_whose_router_moves_goes_on_and_the_binding_of_the_server_follows() {
    for new in [NEW, AWAY] {
        let premises = Premises::new();
        let mut server = Provider::start(&premises.lab, &two_prefixes(TSV));
        router_moves(&premises, &mut server, new);
        assert_eq!(bindings(&server).len(), 1);
        assert_eq!(bindings(&server)[0].1, json!(OLD));
    }
}

#[test]
#[ignore = "needs namespaces, udhcpc and Kea"]
fn what_a_relay_agent_says_of_a_client_of_a_lan_follows_its_router() {
    let premises = Premises::new();
    let plain = Plain::start(&premises.lab, PlainSettings::of(Make::Kea));
    let config = two_prefixes(&tra(&[plain.settings.address()], "snoop = true\n"));
    let mut relay = Provider::start(&premises.lab, &config);
    router_moves(&premises, &mut relay, AWAY);
}

#[test]
#[ignore = "needs namespaces"]
fn nothing_leaves_before_the_address_is_known_to_be_unique_and_then_at_once_hcra_05_hcra_06() {
    let lab = Lab::like_a_host();
    let _server = Provider::start(&lab, TSV);
    let mut customer = Customer::start(&lab, HCRA);
    // Long enough to look at it.
    lab.customer.set("net/ipv6/conf/c0/dad_transmits", "3");
    lab.customer.ip("link set c0 up");
    lab.customer.ip(&format!("addr add {OLD}/64 dev c0"));
    let added_at = Instant::now();
    let usable = || {
        let entries = lab.customer.addresses("c0", "inet6");
        entries.iter().any(|one| one["local"] == OLD.to_string() && one["tentative"].is_null())
    };
    assert!(!usable(), "it is looked for on the link first");
    customer.kernel.until("it is usable", SOON, usable);
    let usable_at = Instant::now();
    let discover = wait_sent(&customer.wire, 0, V4::DISCOVER, OLD);
    assert!(discover.at - added_at > Duration::from_secs(2), "not before three probes, one each second");
    assert!(discover.at < usable_at + Duration::from_secs(1), "{:?}", discover.at - usable_at);
    customer.wait_bound("c0");
}

/// Everything that an agent sent after a mark.
fn sent(wire: &Capture, mark: usize) -> Vec<Bootp> {
    let frames = wire.frames();
    let seen = frames.iter().skip(mark).filter_map(|frame| frame.bootp());
    seen.filter(|bootp| bootp.outgoing && bootp.to.is_ipv6()).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn each_of_two_servers_gets_a_copy_and_another_list_holds_from_the_next_message_on_hcra_09_hcra_23() {
    let lab = lab();
    let both =
        TSV.replace("addresses = [\"2001:db8:6::1\"]", "addresses = [\"2001:db8:6::1\", \"2001:db8:6::9\"]");
    let server = Provider::start(&lab, &both);
    let list = |servers: &str| HCRA.replace("\"2001:db8:6::1\"", servers);
    let mut customer = Customer::start(&lab, &list("\"2001:db8:6::1\", \"2001:db8:6::9\""));
    customer.wait_bound("c0");
    let address = only_address(&lab);
    let copies = sent(&customer.wire, 0);
    assert!(copies.len() >= 4 && copies.len().is_multiple_of(2), "{copies:?}");
    for pair in copies.chunks(2) {
        assert_eq!([pair[0].to.ip(), pair[1].to.ip()], [IpAddr::V6(SERVER), IpAddr::V6(SECOND)]);
        assert_eq!(pair[0].payload, pair[1].payload);
    }
    assert_eq!(server.leases4().len(), 1);

    let mark = customer.wire.mark();
    customer.daemon.reload(&format!("duid = \"uuid\"\n{}", list("\"2001:db8:6::9\"")));
    customer.client.until("the other list", SOON, |client| {
        let servers = client.property("c0", "org.dhcp4o6.RelayClient1", "Servers");
        (servers == json!([SECOND])).then_some(())
    });
    customer.wait_bound("c0");
    let events = customer.client.mark();
    customer.client.link("c0", "Renew").expect("asked");
    customer.client.wait_lease_event(events, "renewed", SOON);
    let after = sent(&customer.wire, mark);
    assert!(!after.is_empty() && after.iter().all(|bootp| bootp.to.ip() == IpAddr::V6(SECOND)), "{after:?}");
    assert!(after.iter().all(|bootp| bootp.is(V4::REQUEST)), "the lease is the same: {after:?}");
    assert_eq!(only_address(&lab), address);
    never_without(&customer.kernel, address);
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn a_lan_has_its_leases_when_its_agent_gets_another_list_which_holds_from_the_next_message_on() {
    let premises = Premises::new();
    premises.lab.provider.ip(&format!("addr add {SECOND}/64 dev s0 nodad"));
    let both = "addresses = [\"2001:db8:6::1\", \"2001:db8:6::9\"]";
    let server = Provider::start(&premises.lab, &TSV.replace("addresses = [\"2001:db8:6::1\"]", both));
    let mut router = Customer::start(&premises.lab, LCRA);
    router.client.wait_lcra("lan", "running", "");
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let address = client.wait_lease(0, SOON);
    router.daemon.reload(&format!("duid = \"uuid\"\n{}", LCRA.replace("6::1", "6::9")));
    router.client.until("the other list", SOON, |client| {
        (client.lcra("lan", "Servers") == json!([SECOND])).then_some(())
    });
    let (mark, events) = (router.wire.mark(), client.mark());
    client.renew();
    assert_eq!(client.wait_renewed(events, SOON), address);
    let after = sent(&router.wire, mark);
    assert!(!after.is_empty() && after.iter().all(|bootp| bootp.to.ip() == IpAddr::V6(SECOND)), "{after:?}");
    assert_eq!(server.leases4().len(), 1);
}

/// Our server as DHCPv6 server too. Its addresses are for a few seconds, so that it is asked often.
fn with_dhcp6(more: &str) -> String {
    format!(
        "[server]\ninterfaces = [\"s0\"]\nserver-id = \"198.51.100.1\"\n\
         [server.dhcp6]\n{more}\
         [[server.dhcp6.subnet]]\nprefix = \"2001:db8:6::/64\"\npools = [\"2001:db8:6::1000-2001:db8:6::1fff\"]\n\
         preferred-lifetime = \"8s\"\nvalid-lifetime = \"16s\"\n\
         [server.tsv]\naddresses = [\"2001:db8:6::1\"]\naccept-from = [\"2001:db8:6::/64\"]\n\
         [[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = [\"192.0.2.100-192.0.2.199\"]\n\
         options = {{ routers = [\"192.0.2.1\"] }}\n"
    )
}

const STATEFUL: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
dhcp6 = \"stateful\"
dhcp6-max-delay = \"0s\"
conflict-detection = false
";

#[test]
#[ignore = "needs namespaces"]
fn servers_that_option_88_names_are_asked_through_the_agent_from_the_address_that_dhcp6_gave_hcra_04() {
    let lab = Lab::new();
    lab.customer.ip("-6 route add 2001:db8:6::/64 dev c0");
    let server = Provider::start(&lab, &with_dhcp6("servers-4o6 = [\"2001:db8:6::1\"]\n"));
    let mut customer = Customer::start(&lab, STATEFUL);
    customer.wait_bound("c0");
    let relay = |property| customer.client.property("c0", "org.dhcp4o6.RelayClient1", property);
    assert_eq!([relay("Servers"), relay("ServersFrom")], [json!([SERVER]), json!("option-88")]);
    let own = lab.customer.ipv6("c0");
    assert_eq!(relay("Source"), json!(own[0]), "{own:?}");
    let queries = customer.wire.sent().into_iter().filter(|dhcp| dhcp.kind == V6::DHCPV4_QUERY).count();
    assert_eq!(queries, 0, "one way only");
    assert_eq!(bindings(&server), [(json!(only_address(&lab)), json!(own[0]))]);
}

#[test]
#[ignore = "needs namespaces"]
fn a_link_that_may_choose_takes_dhcpv4_over_dhcpv6_while_that_is_enabled_and_the_agent_else() {
    let lab = Lab::new();
    lab.customer.ip("-6 route add 2001:db8:6::/64 dev c0");
    let (off, on) = (with_dhcp6("enable-4o6 = false\n"), with_dhcp6("enable-4o6 = true\n"));
    let mut server = Provider::start(&lab, &off);
    let auto = STATEFUL.replace("\"hcra\"", "\"auto\"");
    let mut customer = Customer::start(
        &lab,
        &format!("{auto}[link.hcra]\nservers = [\"2001:db8:6::1\"]\nrenew = \"via-cra\"\n"),
    );
    customer.wait_bound("c0");
    let address = only_address(&lab);
    let transport = |client: &BusClient| client.property("c0", "org.dhcp4o6.Client1", "Transport");
    assert_eq!(transport(&customer.client), "hcra");
    assert_eq!(bindings(&server).len(), 1);
    for (config, way) in [(&on, "4o6"), (&off, "hcra"), (&on, "4o6")] {
        server.daemon.reload(config);
        customer.client.until(&format!("the way is {way}"), SOON, |client| {
            (transport(client) == way && client.state("c0") == "bound").then_some(())
        });
        let (mark, events) = (customer.wire.mark(), customer.client.mark());
        customer.client.link("c0", "Renew").expect("asked");
        customer.client.wait_lease_event(events, "renewed", SOON);
        let new = customer.wire.frames().split_off(mark);
        let queries = new.iter().filter_map(|frame| frame.dhcp()).filter(|dhcp| dhcp.carries(V4::REQUEST));
        let relayed = new.iter().filter_map(|frame| frame.bootp()).filter(|bootp| bootp.is(V4::REQUEST));
        let (queries, relayed) = (queries.count(), relayed.count());
        assert_eq!((queries > 0, relayed > 0), (way == "4o6", way == "hcra"), "{queries} {relayed}");
        assert_eq!(only_address(&lab), address);
    }
    never_without(&customer.kernel, address);
    assert_eq!(server.leases4().len(), 1, "one client to the server, whichever way");
}
