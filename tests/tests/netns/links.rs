//! Links come, go, lose their carrier and change their names.

use super::STATEFUL;
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Capture, Change, Dhcp, KeaSettings, SOON, Scene, Watch};
use nix::sys::signal::Signal;

fn sent_after(wire: &Capture, mark: usize) -> Vec<Dhcp> {
    wire.frames().iter().skip(mark).filter_map(|frame| frame.dhcp()).filter(|dhcp| dhcp.outgoing).collect()
}

fn lost_address(scene: &mut Scene) -> bool {
    scene.kernel.changes().iter().any(|(_, change)| matches!(change, Change::AddressGone(_)))
}

/// Cuts the cable.
fn cut(scene: &mut Scene) {
    scene.lab.provider.ip("link set s0 down");
}

/// Joins it again; the provider serves again when this returns.
fn mend(scene: &mut Scene) {
    let provider = Watch::open(&scene.lab.provider);
    scene.lab.provider.ip("link set s0 up");
    // The kernel gives the address that Kea answers from once it has noticed the carrier.
    let local = |address: &serde_json::Value| address["scope"] == "link";
    provider.until("the provider has a link-local address", SOON, || {
        scene.lab.provider.addresses("s0", "inet6").iter().any(local)
    });
}

fn carrier(scene: &mut Scene, wanted: bool) {
    scene.client.until(&format!("carrier is {wanted}"), SOON, |client| {
        (client.property("c0", "org.dhcp4o6.Link1", "Carrier") == wanted).then_some(())
    });
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_short_loss_of_carrier_changes_nothing_e7() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let mark = scene.wire.mark();
    let signals = scene.client.mark();
    cut(&mut scene);
    carrier(&mut scene, false);
    mend(&mut scene);
    carrier(&mut scene, true);
    // Something that takes a round trip, so that anything else would have been sent before.
    scene.client.link("c0", "Renew").expect("renewed");
    scene.client.wait_lease_event(signals, "renewed", SOON);
    let sent = sent_after(&scene.wire, mark);
    // DHCPv6 may ask whether it is still on the same link (RFC 8415 section 18.2.12).
    let allowed = |dhcp: &Dhcp| dhcp.kind == V6::CONFIRM || (dhcp.carries(V4::REQUEST) && dhcp.is_unicast());
    assert!(sent.iter().all(allowed), "{sent:?}");
    assert!(!lost_address(&mut scene));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn after_a_long_loss_of_carrier_the_lease_is_confirmed_e8() {
    let mut scene = Scene::bound(KeaSettings::default(), &format!("{STATEFUL}flap-hold = \"1s\"\n"));
    let address = scene.address();
    cut(&mut scene);
    scene.client.until("the loss counts", SOON, |client| {
        let permit = client.property("c0", "org.dhcp4o6.Client1", "Permit");
        (permit["state"] == "suspended").then_some(())
    });
    assert_eq!(scene.client.state("c0"), "no-carrier");
    assert_eq!(scene.address(), address, "kept while the lease runs");
    let mark = scene.wire.mark();
    mend(&mut scene);
    scene.wire.wait_after(mark, "an ACK", SOON, |dhcp| dhcp.carries(V4::ACK));
    scene.client.wait_state("c0", "bound", SOON);
    assert_eq!(scene.address(), address);
    let sent = sent_after(&scene.wire, mark);
    assert!(matches!(sent[0].kind, V6::CONFIRM | V6::REBIND), "{sent:?}");
    assert!(sent.iter().any(|dhcp| dhcp.carries(V4::REQUEST)), "{sent:?}");
    assert!(sent.iter().all(|dhcp| !dhcp.carries(V4::DISCOVER)), "{sent:?}");
    assert!(!lost_address(&mut scene));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_deleted_and_made_again_gets_its_address_back_e9() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address();
    let path = scene.client.path("c0");
    scene.lab.customer.ip("link del c0");
    scene.client.until("the link's object is gone", SOON, |client| client.path("c0").is_none().then_some(()));
    let missing = scene.client.call(
        "/org/dhcp4o6",
        "org.freedesktop.DBus.Properties",
        "Get",
        &("org.dhcp4o6.Manager1", "Missing"),
    );
    assert!(missing.as_ref().is_ok_and(|missing| missing.to_string().contains("c0")), "{missing:?}");

    let mark = scene.wire.mark();
    scene.lab.join((&scene.lab.provider, "s0"), (&scene.lab.customer, "c0"));
    scene.lab.number_provider("s0");
    scene.kea.start6(&scene.lab);
    scene.kea.start4(&scene.lab);
    assert_eq!(Some(scene.wait_bound()), address);
    assert_ne!(scene.client.path("c0"), path, "another interface, another object");
    let sent = sent_after(&scene.wire, mark);
    assert!(sent.iter().all(|dhcp| !dhcp.carries(V4::DISCOVER)), "the lease was remembered: {sent:?}");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_renamed_link_keeps_its_lease_and_its_object_sup_02() {
    let mut scene = Scene::bound(KeaSettings::default(), &STATEFUL.replace("c0", "c*"));
    let address = scene.address();
    let path = scene.client.path("c0");
    let mark = scene.wire.mark();
    scene.lab.customer.ip("link set c0 name c7");
    scene.client.until("the new name shows", SOON, |client| client.path("c7"));
    assert_eq!(scene.client.path("c7"), path);
    assert_eq!(scene.client.path("c0"), None);
    assert_eq!(scene.lab.customer.ipv4("c7").first().copied(), address);
    assert!(sent_after(&scene.wire, mark).is_empty(), "nothing has to be asked");
    scene.client.link("c7", "Renew").expect("renewed");
    scene.client.wait_lease_event(0, "renewed", SOON);
    assert!(!lost_address(&mut scene));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_can_be_named_by_its_permanent_address() {
    // A veth has no permanent address; its current one counts then.
    let lab = dhcp4o6_tests::Lab::new();
    let mac = lab.customer.ip_json("link show dev c0")[0]["address"].as_str().unwrap_or_default().to_owned();
    let mut scene = Scene::start_in(lab, KeaSettings::default(), &STATEFUL.replace("c0", &mac));
    scene.wait_bound();
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_set_down_and_up_by_the_administrator_comes_back() {
    let mut scene = Scene::bound(KeaSettings::default(), &format!("{STATEFUL}flap-hold = \"1s\"\n"));
    let address = scene.address();
    scene.lab.customer.ip("link set c0 down");
    scene.client.wait_state("c0", "down", SOON);
    scene.lab.customer.ip("link set c0 up");
    assert_eq!(Some(scene.wait_bound()), address);
    scene.kernel.until("routes are back", SOON, || scene.lab.customer.routes4().len() == 3);
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_set_down_and_up_faster_than_anybody_looks_gets_everything_back() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let addresses = scene.lab.customer.ipv6("c0");
    assert_eq!(addresses.len(), 1);
    scene.daemon.process().signal(Signal::SIGSTOP);
    scene.lab.customer.ip("link set c0 down");
    scene.lab.customer.ip("link set c0 up");
    assert!(scene.lab.customer.ipv6("c0").is_empty(), "the kernel has dropped them");
    scene.daemon.process().signal(Signal::SIGCONT);
    scene.kernel.until("everything is back", SOON, || {
        scene.lab.customer.routes4().len() == 3 && scene.lab.customer.ipv6("c0") == addresses
    });
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn an_address_the_administrator_removes_comes_back_once_and_is_then_given_back() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address().expect("bound");
    let remove = format!("addr del {address}/24 dev c0");
    scene.lab.customer.ip(&remove);
    scene.kernel.until("it is back", SOON, || scene.lab.customer.ipv4("c0").len() == 1);
    scene.client.wait_state("c0", "bound", SOON);
    scene.lab.customer.ip(&remove);
    scene.client.wait_lease_event(0, "released", SOON);
    scene.wire.wait("a RELEASE", SOON, |dhcp| dhcp.carries(V4::RELEASE));
    let link = scene.client.properties("c0")["org.dhcp4o6.Link1"].clone();
    assert_eq!((link["State"].as_str(), link["Reason"].as_str()), (Some("failed"), Some("address-removed")));
    assert!(scene.lab.customer.ipv4("c0").is_empty());
}
