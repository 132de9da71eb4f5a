//! The server ends, in good order or not, or is told something else; no lease is lost.

use super::{SERVER, STATELESS};
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_tests::{Customer, Lab, Provider, Rack, SOON};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

#[test]
#[ignore = "needs namespaces"]
fn a_restart_keeps_every_lease_and_the_identity_of_the_server() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    let duid =
        |provider: &Provider| provider.client.property_at("/org/dhcp4o6", "org.dhcp4o6.Manager1", "Duid");
    let before = (rack.provider.leases4(), duid(&rack.provider));
    assert!(rack.provider.daemon.terminate().success());
    rack.provider.start_again();
    assert_eq!((rack.provider.leases4(), duid(&rack.provider)), before);
    rack.customer.client.link("c0", "Renew").expect("renewed");
    let lease = rack.customer.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(lease["address"], json!(address));
}

/// Addresses that a server acknowledged, by what crossed the customer's links.
fn acknowledged(customer: &Customer) -> BTreeSet<Ipv4Addr> {
    let acks = customer.wire.dhcp().into_iter().filter(|dhcp| dhcp.carries(V4::ACK));
    acks.filter_map(|dhcp| Some(dhcp.inner()?.yiaddr)).collect()
}

fn leased(provider: &Provider) -> BTreeSet<Ipv4Addr> {
    let address = |lease: &Value| lease["address"].as_str()?.parse().ok();
    provider.leases4().iter().filter_map(address).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn sigkill_among_many_customers_loses_no_acknowledged_lease_and_gives_no_address_twice() {
    const LINKS: usize = 24;
    let lab = Lab::apart();
    lab.bridge("s0");
    for number in 0..LINKS {
        lab.join((&lab.provider, &format!("p{number}")), (&lab.customer, &format!("c{number}")));
        lab.provider.ip(&format!("link set p{number} master s0"));
    }
    lab.number_provider("s0");
    let mut provider = Provider::start(&lab, SERVER);
    let links = STATELESS.replace("c0", "c*");
    let mut customer = Customer::start(&lab, &links);
    // Three times in the middle of it.
    for round in 1..=3_usize {
        let mark = customer.wire.mark();
        let enough = |customer: &Customer| acknowledged(customer).len() >= (round * LINKS / 4).min(LINKS);
        while !enough(&customer) {
            customer.wire.wait_after(mark, "an ACK", SOON, |dhcp| dhcp.carries(V4::ACK));
            if !enough(&customer) {
                customer.wire.wait_any_after(customer.wire.mark(), SOON);
            }
        }
        provider.daemon.kill();
        let acknowledged = acknowledged(&customer);
        provider.start_again();
        let leased = leased(&provider);
        assert!(acknowledged.is_subset(&leased), "lost: {:?}", acknowledged.difference(&leased));
    }
    for number in 0..LINKS {
        customer.wait_bound(&format!("c{number}"));
    }
    let addresses: Vec<_> = (0..LINKS).flat_map(|number| lab.customer.ipv4(&format!("c{number}"))).collect();
    let different: BTreeSet<_> = addresses.iter().copied().collect();
    assert_eq!((addresses.len(), different.len()), (LINKS, LINKS), "{addresses:?}");
    assert!(different.is_subset(&leased(&provider)));
}

#[test]
#[ignore = "needs namespaces"]
fn a_reload_keeps_every_lease_and_the_next_renewal_is_by_the_new_configuration() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    let before = rack.provider.leases4();
    rack.provider.daemon.reload(&SERVER.replace("10m", "20m").replace(".199", ".150"));
    assert_eq!(rack.provider.leases4(), before);
    rack.customer.client.link("c0", "Renew").expect("renewed");
    let lease = rack.customer.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!((&lease["address"], &lease["lifetime"]), (&json!(address), &json!(1200)), "{lease}");
}

#[test]
#[ignore = "needs namespaces"]
fn a_configuration_with_mistakes_changes_nothing_and_all_of_them_are_shown() {
    let mut rack = Rack::start(SERVER, STATELESS);
    rack.wait_bound();
    let wrong = SERVER.replace("192.0.2.199", "192.0.3.199").replace("10m", "soon");
    rack.provider.daemon.reload(&wrong);
    let manager =
        |property: &str| rack.provider.client.property_at("/org/dhcp4o6", "org.dhcp4o6.Manager1", property);
    let mistakes = manager("ConfigurationErrors");
    assert!(mistakes.as_array().is_some_and(|mistakes| mistakes.len() >= 2), "{mistakes}");
    rack.provider.daemon.reload(&format!("{SERVER}{STATELESS}"));
    let mistakes =
        rack.provider.client.property_at("/org/dhcp4o6", "org.dhcp4o6.Manager1", "ConfigurationErrors");
    assert!(mistakes.to_string().contains("--side"), "{mistakes}");
    rack.customer.client.link("c0", "Renew").expect("renewed");
    let lease = rack.customer.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(lease["lifetime"], 600, "{lease}");
}

#[test]
#[ignore = "needs namespaces"]
fn roles_that_a_reload_adds_and_removes_begin_and_end_and_the_leases_stay() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    let relay = "[[relay]]\nname = \"edge\"\nclients = [\"k9\"]\nservers = [\"2001:db8::1\"]\n";
    let config = |server: &str| format!("{server}{relay}");
    rack.provider.daemon.reload(&config(SERVER));
    rack.provider.client.until("the relay agent", SOON, |client| {
        let path = dhcp4o6_dbus::relay_path("edge");
        let missing = client.property_at(path.as_str(), "org.dhcp4o6.Relay1", "Missing");
        (missing == json!(["k9"])).then_some(())
    });
    rack.provider.daemon.reload(&config(""));
    rack.provider.client.until("no server", SOON, |client| {
        client.property_at("/org/dhcp4o6/server", "org.dhcp4o6.Server1", "State").is_null().then_some(())
    });
    rack.provider.daemon.reload(SERVER);
    rack.provider.wait("State", "running");
    assert_eq!(rack.provider.leases4()[0]["address"], json!(address));
    rack.customer.client.link("c0", "Renew").expect("renewed");
    rack.customer.client.wait_lease_event(0, "renewed", SOON);
}

#[test]
#[ignore = "needs namespaces"]
fn leases_are_exported_while_they_are_in_use_and_imported_while_they_are_not() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    let exported = rack.provider.offline(&["--export-leases", "-"]);
    assert!(exported.status.success(), "{exported:?}");
    let text = String::from_utf8(exported.stdout).expect("text");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains(&address.to_string()), "{text}");
    let file = rack.lab.dir().join("leases.jsonl");
    std::fs::write(&file, &text).expect("written");
    let file = file.to_str().expect("a path");
    let refused = rack.provider.offline(&["--import-leases", file]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");

    rack.provider.call("Revoke", &(address.to_string(),)).expect("revoked");
    assert!(rack.provider.daemon.terminate().success());
    let imported = rack.provider.offline(&["--import-leases", file]);
    assert!(imported.status.success(), "{imported:?}");
    rack.provider.start_again();
    assert_eq!(rack.provider.leases4()[0]["address"], json!(address));
}
