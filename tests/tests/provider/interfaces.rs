//! Interfaces, namespaces and ports that come and go.

use super::{AGENTS, SERVER, SERVERS, STATELESS};
use dhcp4o6_tests::{Customer, Daemon, Lab, Namespace, Plant, Provider, Rack};
use serde_json::{Value, json};
use std::net::UdpSocket;
use std::time::Duration;

/// DHCPv6 groups that somebody is in on an interface.
fn groups(namespace: &Namespace, interface: &str) -> Vec<String> {
    if !namespace.has(interface) {
        return Vec::new();
    }
    let shown = namespace.ip_json(&format!("maddress show dev {interface}"));
    let entries = shown[0]["maddr"].as_array().cloned().unwrap_or_default();
    let text = |entry: &Value| entry["address"].as_str().map(str::to_owned);
    let mut groups: Vec<_> =
        entries.iter().filter_map(text).filter(|group| [AGENTS, SERVERS].contains(&group.as_str())).collect();
    groups.sort();
    groups
}

#[test]
#[ignore = "needs namespaces"]
fn groups_are_joined_where_clients_are_and_left_with_them_r6_20() {
    let plant = Plant::new();
    let (lab, relay) = (&plant.lab, &plant.relay);
    let mut server = Provider::start(lab, SERVER);
    let two = |clients: &str| {
        format!("[[relay]]\nname = \"edge\"\nclients = {clients}\nservers = [\"2001:db8:6::1\"]\n")
    };
    let mut agent = Provider::start_in(lab, relay, "relay", &two("[\"r1\", \"r2\"]"));
    assert_eq!(groups(&lab.provider, "s0"), [AGENTS, SERVERS]);
    assert_eq!(groups(&lab.provider, "lo"), [""; 0]);
    let of_relay = || ["w0", "r1", "r2"].map(|interface| groups(relay, interface));
    assert_eq!(of_relay(), [vec![], vec![AGENTS.to_owned()], vec![AGENTS.to_owned()]]);

    agent.daemon.reload(&two("[\"r2\"]"));
    agent.client.until("r1 is left", dhcp4o6_tests::SOON, |_| groups(relay, "r1").is_empty().then_some(()));
    assert_eq!(groups(relay, "r2"), [AGENTS]);

    relay.ip("link set r2 name r3");
    agent.client.until("another name is another interface", dhcp4o6_tests::SOON, |_| {
        groups(relay, "r3").is_empty().then_some(())
    });
    assert_eq!(agent.relay("edge", "Missing"), json!(["r2"]));

    lab.provider.ip("link del s0");
    server.wait("State", "degraded");
    assert_eq!(server.server("Reason"), "no-interface");
    lab.join((&lab.provider, "s0"), (relay, "w0"));
    server.wait("State", "running");
    assert_eq!(groups(&lab.provider, "s0"), [AGENTS, SERVERS]);
}

#[test]
#[ignore = "needs namespaces"]
fn a_customer_is_served_on_an_interface_that_is_made_while_the_server_runs() {
    let lab = Lab::apart();
    let provider = Provider::start(&lab, SERVER);
    assert_eq!((provider.server("State"), provider.server("Missing")), (json!("degraded"), json!(["s0"])));
    lab.join((&lab.provider, "s0"), (&lab.customer, "c0"));
    lab.number_provider("s0");
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    assert_eq!(provider.server("State"), "running");
    let leased = lab.customer.ipv4("c0");
    lab.provider.ip("link del s0");
    lab.join((&lab.provider, "s0"), (&lab.customer, "c0"));
    lab.number_provider("s0");
    customer
        .kernel
        .until("the same address on the new link", dhcp4o6_tests::SOON, || lab.customer.ipv4("c0") == leased);
}

#[test]
#[ignore = "needs namespaces"]
fn a_port_in_use_is_named_and_taken_when_it_is_free() {
    let lab = Lab::new();
    let other = lab.provider.enter(|| UdpSocket::bind("[::]:547").expect("the port is free"));
    let mut provider = Provider::start(&lab, SERVER);
    assert_eq!(provider.server("State"), "failed");
    assert_eq!(provider.server("Reason"), "port-in-use");
    drop(other);
    provider.wait("State", "running");
    Customer::start(&lab, STATELESS).wait_bound("c0");
}

#[test]
#[ignore = "needs namespaces"]
fn two_servers_never_use_the_same_leases() {
    let mut rack = Rack::start(SERVER, STATELESS);
    rack.wait_bound();
    let elsewhere = rack.lab.namespace("e");
    let dir = rack.lab.dir().join("second");
    std::fs::create_dir_all(&dir).expect("a directory");
    std::os::unix::fs::symlink(rack.provider.daemon.state_dir(), dir.join("state")).expect("a link");
    let mut second = Provider::start_in(&rack.lab, &elsewhere, "second", SERVER);
    assert_eq!((second.server("State"), second.server("Reason")), (json!("failed"), json!("leases-in-use")));
    assert!(rack.provider.daemon.terminate().success());
    second.wait("State", "degraded");
    assert_eq!(second.leases4().len(), 1, "it has them now");
}

#[test]
#[ignore = "needs namespaces"]
fn a_namespace_that_comes_later_is_served_and_one_that_goes_takes_no_lease_with_it() {
    let lab = Lab::apart();
    let name = format!("{}-later", lab.provider.name());
    let config = SERVER.replacen("[server]\n", &format!("[server]\nnamespace = \"{name}\"\n"), 1);
    let mut provider = Provider::start(&lab, &config);
    assert_eq!(provider.server("Reason"), "no-such-namespace");
    let make = || {
        let later = Namespace::create(&name);
        lab.join((&later, "s0"), (&lab.customer, "c0"));
        later
    };
    let later = make();
    provider.wait("State", "running");
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    let leased = lab.customer.ipv4("c0");
    // The namespace takes its time to go, and its end of the link with it.
    lab.customer.ip("link del c0");
    drop(later);
    provider.wait("Reason", "no-such-namespace");
    let _again = make();
    provider.wait("State", "running");
    assert_eq!(provider.leases4()[0]["address"], json!(leased[0]));
    customer
        .kernel
        .until("the same address on the new link", dhcp4o6_tests::SOON, || lab.customer.ipv4("c0") == leased);
}

/// How often the process's threads have waited for something, and gone on.
fn wake_ups(daemon: &mut Daemon) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", daemon.process().id())).expect("its threads");
    let count = |entry: std::io::Result<std::fs::DirEntry>| {
        let status = std::fs::read_to_string(entry.ok()?.path().join("status")).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        line.trim().parse::<u64>().ok()
    };
    tasks.filter_map(count).sum()
}

#[test]
#[ignore = "needs namespaces"]
fn an_idle_provider_does_not_wake_up() {
    let relay = "[[relay]]\nclients = [\"lo\"]\nservers = [\"2001:db8::1\"]\n";
    let lab = Lab::new();
    let dir = lab.dir().join("provider");
    let mut provider = Daemon::spawn_at(&dir, &lab.provider, "none", &format!("{SERVER}{relay}"));
    provider.wait_notice("READY=1");
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    assert!(customer.daemon.terminate().success());
    // Neighbours are forgotten, and offers that were taken are no more.
    customer.wire.listen(Duration::from_secs(2));
    let before = wake_ups(&mut provider);
    customer.wire.listen(Duration::from_secs(5));
    assert_eq!(wake_ups(&mut provider) - before, 0);
}
