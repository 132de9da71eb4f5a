//! Option 88: what it says is done, and what it does not allow is not.

use super::STATEFUL;
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Dhcp, KeaSettings, Lab, Option88, SOON, Scene};
use std::net::Ipv6Addr;
use std::time::Duration;

const GROUP: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const FIRST: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1);
const SECOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 2);

fn queries(scene: &Scene) -> Vec<Dhcp> {
    scene.wire.sent().into_iter().filter(|dhcp| dhcp.kind == V6::DHCPV4_QUERY).collect()
}

/// A customer that has a route to the servers, as router advertisements with an on-link prefix would give it.
fn lab_with_route() -> Lab {
    let lab = Lab::new();
    lab.provider.ip("addr add 2001:db8:6::2/64 dev s0 nodad");
    lab.customer.ip("route add 2001:db8:6::/64 dev c0");
    lab
}

fn servers(list: &[Ipv6Addr]) -> KeaSettings {
    KeaSettings { option88: Option88::Servers(list.to_vec()), unicast: Some(FIRST), ..KeaSettings::default() }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn one_server_is_asked_by_unicast_from_the_address_dhcp6_gave() {
    let mut scene = Scene::start_in(lab_with_route(), servers(&[FIRST]), STATEFUL);
    scene.wait_bound();
    let own = scene.lab.customer.ipv6("c0");
    for query in queries(&scene) {
        assert_eq!(query.to, (FIRST, 547));
        assert_eq!((vec![query.from.0], query.from.1), (own.clone(), 546));
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn each_query_goes_to_both_of_two_servers_c46_08() {
    let mut scene = Scene::start_in(lab_with_route(), servers(&[FIRST, SECOND]), STATEFUL);
    scene.wait_bound();
    let sent = queries(&scene);
    assert!(sent.len() >= 4 && sent.len().is_multiple_of(2), "{sent:?}");
    for copies in sent.chunks(2) {
        assert_eq!([copies[0].to.0, copies[1].to.0], [FIRST, SECOND], "in the order of the list");
        assert_eq!(copies[0].payload, copies[1].payload);
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_server_that_cannot_be_reached_does_not_keep_the_query_from_the_next_c46_09() {
    let nowhere = Ipv6Addr::new(0x2001, 0xdb8, 0xdead, 0, 0, 0, 0, 1);
    let mut scene = Scene::start_in(lab_with_route(), servers(&[nowhere, FIRST]), STATEFUL);
    scene.wait_bound();
    let sent = queries(&scene);
    assert!(sent.len() >= 2 && sent.iter().all(|query| query.to.0 == FIRST), "{sent:?}");
    let counters = scene.client.property("c0", "org.dhcp4o6.Statistics1", "Counters");
    assert_eq!(counters["send-error"], sent.len(), "each query was refused once by the kernel: {counters}");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_list_with_the_multicast_group_works_like_an_empty_one_c46_11() {
    let mut scene = Scene::start(servers(&[GROUP]), STATEFUL);
    scene.wait_bound();
    for query in queries(&scene) {
        assert_eq!(query.to.0, GROUP);
        assert!(query.from.0.is_unicast_link_local());
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn without_option_88_no_query_is_sent_until_it_comes_c6_04() {
    let settings = KeaSettings { option88: Option88::Absent, lifetime6: 8, ..KeaSettings::default() };
    let mut scene = Scene::start(settings, STATEFUL);
    scene.client.wait_state("c0", "not-enabled", SOON);
    assert_eq!(scene.lab.customer.ipv6("c0").len(), 1, "DHCPv6 itself works");
    let (error, _) = scene.client.link("c0", "Renew").expect_err("there is nothing to renew");
    assert_eq!(error, "org.dhcp4o6.Error.NotEnabled");
    scene.wire.wait("a Renew that asks again", SOON, |dhcp| dhcp.outgoing && dhcp.kind == V6::RENEW);
    assert!(queries(&scene).is_empty());

    scene.kea.settings.option88 = Option88::Servers(Vec::new());
    scene.kea.start6(&scene.lab);
    scene.wait_bound();
    let dhcp = scene.wire.dhcp();
    let first_query = dhcp.iter().position(|dhcp| dhcp.kind == V6::DHCPV4_QUERY).expect("a query");
    assert_eq!(dhcp[first_query - 1].kind, V6::REPLY, "the Reply with option 88 comes first");
}

/// A bound link whose provider takes option 88 away; returns when that is known.
fn withdrawn(more: &str) -> Scene {
    let settings = KeaSettings { lifetime6: 8, lifetime4: (25, 12, 20), ..KeaSettings::default() };
    let mut scene = Scene::bound(settings, &format!("{STATEFUL}{more}"));
    scene.kea.settings.option88 = Option88::Absent;
    scene.kea.start6(&scene.lab);
    scene.client.until("the permit is withdrawn", SOON, |client| {
        let permit = client.property("c0", "org.dhcp4o6.Client1", "Permit");
        (permit["state"] == "withdrawn").then_some(())
    });
    scene
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_withdrawn_permit_leaves_the_address_until_the_lease_ends_and_silences_the_client_e2() {
    let mut scene = withdrawn("");
    let address = scene.address().expect("held");
    let before = queries(&scene).len();
    scene
        .kernel
        .until("the lease ends", Duration::from_secs(40), || scene.lab.customer.ipv4("c0").is_empty());
    assert_eq!(queries(&scene).len(), before, "not even a renewal");
    scene.client.wait_state("c0", "not-enabled expired", SOON);

    // It comes back: there is no lease left to confirm, so a new one is obtained.
    scene.kea.settings.option88 = Option88::Servers(Vec::new());
    scene.kea.start6(&scene.lab);
    let again = scene.wait_bound();
    assert!(
        queries(&scene).iter().skip(before).any(|query| query.carries(V4::DISCOVER)),
        "{address} {again}"
    );
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_permit_that_returns_before_the_lease_ends_keeps_the_address_e3() {
    let mut scene = withdrawn("");
    let address = scene.address();
    let before = queries(&scene).len();
    scene.kea.settings.option88 = Option88::Servers(Vec::new());
    scene.kea.start6(&scene.lab);
    scene.client.until("the permit is back", SOON, |client| {
        let permit = client.property("c0", "org.dhcp4o6.Client1", "Permit");
        (permit["state"] == "valid").then_some(())
    });
    let mark = scene.client.mark();
    scene.client.wait_lease_event(mark, "renewed", SOON);
    assert_eq!(scene.address(), address);
    assert!(queries(&scene).iter().skip(before).all(|query| query.carries(V4::REQUEST)));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_withdrawn_permit_takes_the_address_at_once_where_so_configured_e2() {
    let mut scene = withdrawn("on-withdraw = \"drop\"\n");
    let before = queries(&scene).len();
    scene
        .kernel
        .until("the address is gone", Duration::from_secs(3), || scene.lab.customer.ipv4("c0").is_empty());
    assert!(scene.lab.customer.routes4().is_empty());
    assert_eq!(queries(&scene).len(), before, "no RELEASE either");

    scene.kea.settings.option88 = Option88::Servers(Vec::new());
    scene.kea.start6(&scene.lab);
    scene.wait_bound();
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn switched_on_by_a_reload_4o6_is_asked_for_at_once_c6_03() {
    let mut scene = Scene::start(KeaSettings::default(), &format!("{STATEFUL}mode = \"off\"\n"));
    scene.client.wait_state("c0", "not-enabled", SOON);
    assert!(queries(&scene).is_empty());
    scene.daemon.reload(STATEFUL);
    scene.wait_bound();
    scene.daemon.reload(&format!("{STATEFUL}mode = \"off\"\n"));
    scene.client.wait_state("c0", "not-enabled", SOON);
    assert!(scene.lab.customer.ipv4("c0").is_empty());
}
