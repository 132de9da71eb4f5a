//! The service ends, in good order or not, and starts again.

use super::STATEFUL;
use dhcp4o6_protocol::wire::v4::{MessageType as V4, code};
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Change, Dhcp, KeaSettings, SOON, Scene};
use std::fs;
use std::net::Ipv4Addr;

fn gone(scene: &mut Scene, address: Ipv4Addr) -> bool {
    scene.kernel.changes().iter().any(|(_, change)| *change == Change::AddressGone(address))
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn after_sigkill_the_lease_is_confirmed_and_the_address_never_leaves_the_link_e10() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address().expect("bound");
    let duid = scene.client.properties("c0")["org.dhcp4o6.Client1"]["ClientId"].clone();
    let mark = scene.wire.mark();
    scene.daemon.kill();
    scene.start_again();
    let reboot =
        scene.wire.wait_after(mark, "INIT-REBOOT", SOON, |dhcp| dhcp.outgoing && dhcp.carries(V4::REQUEST));
    let inner = reboot.inner().expect("a DHCPv4 message");
    assert_eq!(inner.address(code::REQUESTED_ADDRESS), Some(address));
    assert!(inner.ciaddr.is_unspecified() && inner.option(code::SERVER_ID).is_none() && !reboot.is_unicast());
    assert_eq!(scene.wait_bound(), address);
    assert!(!gone(&mut scene, address));
    let frames = scene.wire.frames();
    let again: Vec<Dhcp> =
        frames.iter().skip(mark).filter_map(|frame| frame.dhcp()).filter(|dhcp| dhcp.outgoing).collect();
    assert!(matches!(again[0].kind, V6::CONFIRM | V6::REBIND), "{again:?}");
    assert!(again.iter().all(|dhcp| dhcp.kind != V6::SOLICIT && !dhcp.carries(V4::DISCOVER)), "{again:?}");
    assert_eq!(scene.client.properties("c0")["org.dhcp4o6.Client1"]["ClientId"], duid);
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn routes_taken_away_while_the_service_was_dead_are_put_back() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    scene.daemon.kill();
    scene.lab.customer.ip("route del 198.51.100.0/24");
    scene.lab.customer.ip("route add 203.0.113.0/24 dev c0 protocol 146");
    scene.start_again();
    scene.kernel.until("routes are as the lease says", SOON, || {
        let routes = scene.lab.customer.routes4();
        let has = |network: &str| routes.iter().any(|route| route["dst"] == network);
        has("198.51.100.0/24") && !has("203.0.113.0/24")
    });
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn what_a_dead_service_left_on_a_link_that_is_not_configured_any_more_goes_sup_12() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    scene.daemon.kill();
    assert_eq!((scene.lab.customer.ipv4("c0").len(), scene.lab.customer.ipv6("c0").len()), (1, 1));
    fs::write(scene.daemon.config_file(), STATEFUL.replace("c0", "c1")).expect("another configuration");
    scene.start_again();
    scene.kernel.until("nothing of ours is left", SOON, || {
        let customer = &scene.lab.customer;
        customer.ipv4("c0").is_empty() && customer.ipv6("c0").is_empty() && customer.routes4().is_empty()
    });
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_stop_leaves_the_address_for_the_next_start() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address().expect("bound");
    assert!(scene.daemon.terminate().success());
    let sent = scene.wire.sent();
    assert!(sent.iter().all(|dhcp| dhcp.kind != V6::RELEASE && !dhcp.carries(V4::RELEASE)), "{sent:?}");
    assert_eq!(scene.address(), Some(address));
    scene.start_again();
    assert_eq!(scene.wait_bound(), address);
    assert!(!gone(&mut scene, address));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn release_on_stop_gives_back_ipv4_before_ipv6_and_removes_both_e11() {
    let mut scene = Scene::bound(KeaSettings::default(), &format!("{STATEFUL}release-on-stop = true\n"));
    assert!(scene.daemon.terminate().success());
    let sent = scene.wire.sent();
    let release4 = sent.iter().position(|dhcp| dhcp.carries(V4::RELEASE)).expect("a DHCPv4 RELEASE");
    let release6 = sent.iter().position(|dhcp| dhcp.kind == V6::RELEASE).expect("a DHCPv6 Release");
    assert!(release4 < release6, "{sent:?}");
    assert!(sent[release4].is_unicast());
    assert!(scene.lab.customer.ipv4("c0").is_empty());
    assert!(scene.lab.customer.ipv6("c0").is_empty());
    assert!(scene.lab.customer.routes4().is_empty());
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn foreign_addresses_and_routes_survive_everything_inst_09() {
    let mut scene = Scene::bound(KeaSettings::default(), &format!("{STATEFUL}release-on-stop = true\n"));
    scene.lab.customer.ip("addr add 203.0.113.7/32 dev c0");
    scene.lab.customer.ip("route add 203.0.113.64/26 via 192.0.2.1 dev c0 metric 9");
    scene.lab.customer.ip("-6 addr add 2001:db8:ffff::7/128 dev c0 nodad");
    scene.client.link("c0", "Renew").expect("renewed");
    scene.client.wait_lease_event(0, "renewed", SOON);
    assert!(scene.daemon.terminate().success());
    assert_eq!(scene.lab.customer.ipv4("c0"), [Ipv4Addr::new(203, 0, 113, 7)]);
    assert_eq!(scene.lab.customer.ipv6("c0").len(), 1);
}
