//! A lease over its life: renewed, rebound, refused, ended.

use super::STATEFUL;
use dhcp4o6_protocol::wire::v4::{MessageType as V4, code};
use dhcp4o6_tests::{Change, Dhcp, KeaSettings, SOON, Scene};
use std::net::Ipv4Addr;
use std::time::Duration;

fn short(lifetime4: (u32, u32, u32)) -> KeaSettings {
    KeaSettings { lifetime4, ..KeaSettings::default() }
}

/// Removals of an IPv4 address since the beginning.
fn removals(scene: &mut Scene) -> usize {
    let gone = |change: &&(_, Change)| matches!(change.1, Change::AddressGone(_));
    scene.kernel.changes().iter().filter(gone).count()
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn at_t1_the_lease_is_renewed_with_the_unicast_flag_c46_05() {
    let mut scene = Scene::bound(short((40, 3, 30)), STATEFUL);
    let address = scene.address().expect("bound");
    let ack = scene.wire.wait("the first ACK", SOON, |dhcp| dhcp.carries(V4::ACK));
    let mark = scene.wire.mark();
    let renewal =
        scene.wire.wait_after(mark, "a renewal", SOON, |dhcp| dhcp.outgoing && dhcp.carries(V4::REQUEST));
    let after = (renewal.at - ack.at).as_secs_f64();
    assert!((2.5..4.0).contains(&after), "renewed after {after} s instead of 3");
    assert!(renewal.is_unicast());
    let inner = renewal.inner().expect("a DHCPv4 message");
    assert_eq!(inner.ciaddr, address);
    assert!([code::REQUESTED_ADDRESS, code::SERVER_ID].iter().all(|code| inner.option(*code).is_none()));
    scene.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(scene.address(), Some(address));
    assert_eq!(removals(&mut scene), 0);
    let left = scene.lab.customer.addresses("c0", "inet")[0]["valid_life_time"].as_u64();
    assert!(left.is_some_and(|left| left > 37), "the kernel's lifetime is extended too: {left:?}");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn an_unanswered_renewal_turns_into_a_rebinding_without_the_flag_c46_05() {
    let mut scene = Scene::bound(short((40, 2, 5)), STATEFUL);
    let address = scene.address();
    scene.kea.stop4();
    scene.client.wait_state("c0", "renewing", SOON);
    // The renewal is lost with its server; from T2 on any server may answer, also the same one returned.
    let renewal = scene.wire.wait("a renewal", SOON, Dhcp::is_unicast);
    scene.kea.start4(&scene.lab);
    let rebinding = scene.wire.wait("a rebinding", SOON, |dhcp| {
        dhcp.outgoing && dhcp.at > renewal.at && dhcp.carries(V4::REQUEST) && !dhcp.is_unicast()
    });
    assert!(rebinding.inner().is_some_and(|inner| Some(inner.ciaddr) == address));
    scene.client.wait_lease_event(0, "rebound", SOON);
    scene.client.wait_state("c0", "bound", SOON);
    assert_eq!(scene.address(), address);
    assert_eq!(removals(&mut scene), 0);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_refused_address_goes_at_once_and_another_is_obtained_e12() {
    let settings = KeaSettings { authoritative: true, ..KeaSettings::default() };
    let mut scene = Scene::bound(settings, STATEFUL);
    let old = scene.address().expect("bound");
    // While the service is away the provider renumbers: the remembered address is not its any more.
    scene.daemon.kill();
    scene.kea.stop4();
    scene.kea.forget4();
    scene.kea.settings.pool4 = (200, 209);
    scene.kea.start4(&scene.lab);
    scene.start_again();
    let nak = scene.wire.wait("a NAK", SOON, |dhcp| dhcp.carries(V4::NAK));
    scene.kernel.until("the old address is gone", SOON, || !scene.lab.customer.ipv4("c0").contains(&old));
    // It may come before the service has its name on the bus.
    scene.daemon.process().wait_line("event=\"nak\"");
    let new = scene.wait_bound();
    assert!((200..=209).contains(&new.octets()[3]), "{new}");
    let gone = scene.kernel.changes().into_iter().find(|(_, change)| *change == Change::AddressGone(old));
    let delay = gone.expect("seen before").0.saturating_duration_since(nak.at);
    assert!(delay < Duration::from_millis(500), "removed {delay:?} after the NAK");
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn without_a_server_the_lease_ends_on_time_and_comes_back_with_it() {
    let mut scene = Scene::bound(short((8, 3, 6)), STATEFUL);
    let ack = scene.wire.wait("the ACK", SOON, |dhcp| dhcp.carries(V4::ACK));
    scene.kea.stop4();
    scene.kernel.until("the address is gone", SOON, || scene.lab.customer.ipv4("c0").is_empty());
    let gone =
        scene.kernel.changes().into_iter().rev().find(|(_, change)| matches!(change, Change::AddressGone(_)));
    let after = gone.expect("seen before").0.saturating_duration_since(ack.at).as_secs_f64();
    // The kernel counts whole seconds and may be up to one late by itself; the service is not.
    assert!((7.0..8.6).contains(&after), "gone after {after} s of 8");
    assert!(scene.lab.customer.routes4().is_empty());
    scene.client.wait_lease_event(0, "expired", SOON);
    scene.client.wait_state("c0", "expired", SOON);
    scene.wire.wait("a DISCOVER", SOON, |dhcp| dhcp.at > ack.at && dhcp.carries(V4::DISCOVER));

    scene.kea.start4(&scene.lab);
    scene.client.wait_state("c0", "bound", Duration::from_secs(40));
    assert!(scene.lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn the_kernel_ends_the_lease_when_the_service_cannot_inst_02() {
    let mut scene = Scene::bound(short((6, 3, 5)), STATEFUL);
    scene.daemon.kill();
    scene.kernel.until("the address is gone", SOON, || scene.lab.customer.ipv4("c0").is_empty());
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn an_unchanged_renewal_touches_nothing_but_the_lifetime_inst_07() {
    let mut scene = Scene::bound(short((60, 3, 50)), STATEFUL);
    let before = scene.kernel.changes().len();
    scene.client.wait_lease_event(0, "renewed", SOON);
    let changes = scene.kernel.changes();
    let address = |change: &Change| matches!(change, Change::Address(a) if *a != Ipv4Addr::LOCALHOST);
    let touched: Vec<_> = changes[before..].iter().filter(|(_, change)| *change != Change::Other).collect();
    assert!(touched.iter().all(|(_, change)| address(change)), "{touched:?}");
}
