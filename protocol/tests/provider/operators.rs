//! What operators see and do.

use crate::desk::*;
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::provider::{Effect, Input, Port};
use dhcp4o6_protocol::role::external;
use dhcp4o6_protocol::role::server::EngineSettings;
use dhcp4o6_protocol::view::{After, Impossible, Lease, Question};
use dhcp4o6_protocol::wire::v4::MessageType;
use std::net::Ipv4Addr;
use std::time::Duration;

/// A desk with this many leases.
fn desk(leases: u32) -> (Desk, Vec<Ipv4Addr>) {
    let mut desk = Desk::new(settings());
    let mut addresses = Vec::new();
    for client in 1..=leases {
        let from = format!("fe80::{client:x}");
        let ours = |mut message: Message| {
            let other = discover().by(client);
            (message.hardware, message.client_id) = (other.hardware, other.client_id);
            query(0, &message.emit())
        };
        let (_, address, _) = given(&dhcpv4(&desk.sent(LAN, &from, GROUP, &ours(discover())).payload));
        let ack = desk.sent(LAN, &from, GROUP, &ours(selecting(address))).payload;
        assert_eq!(given(&dhcpv4(&ack)).0, MessageType::ACK);
        addresses.push(address);
    }
    addresses.sort();
    (desk, addresses)
}

fn address_of(lease: &Lease) -> Ipv4Addr {
    match lease {
        Lease::V4(binding) => binding.slot.address,
        Lease::V6(binding) => panic!("{binding:?}"),
    }
}

#[test]
fn pages_show_every_lease_once_and_in_order() {
    let (desk, addresses) = desk(25);
    for size in [1, 7, 25, 26] {
        let (mut seen, mut after) = (Vec::new(), After::Start);
        loop {
            let page = desk.server.leases(after, size);
            assert!(page.len() <= size);
            seen.extend(page.iter().map(address_of));
            match page.last() {
                Some(Lease::V4(binding)) if page.len() == size => after = After::Lease4(binding.slot),
                _ => break,
            }
        }
        assert_eq!(seen, addresses, "{size} on a page");
    }
    assert_eq!(desk.server.leases(After::Start, 0), []);
}

#[test]
fn a_revoked_lease_is_refused_at_the_next_renewal() {
    let (mut desk, addresses) = desk(3);
    let (now, mut out) = (desk.now, Vec::new());
    desk.server.revoke(now, addresses[1].into(), &mut out).unwrap();
    assert!(matches!(out[..], [Effect::Journal(_)]), "{out:?}");
    let mut again = Vec::new();
    let nobody = desk.server.revoke(now, [192, 0, 2, 200].into(), &mut again);
    assert_eq!(nobody, Err(Impossible::NoLease([192, 0, 2, 200].into())));
    let nobody = desk.server.revoke(now, "2001:db8::1".parse().unwrap(), &mut again);
    assert_eq!(nobody, Err(Impossible::NoLease("2001:db8::1".parse().unwrap())));
    assert_eq!(again, []);
}

#[test]
fn what_operators_change_is_taken_back_when_it_cannot_be_stored() {
    let (mut desk, addresses) = desk(2);
    desk.stores = false;
    let before = desk.server.leases(After::Start, 10);
    let (now, mut out) = (desk.now, Vec::new());
    desk.server.revoke(now, addresses[0].into(), &mut out).unwrap();
    let free = Ipv4Addr::new(192, 0, 2, 199);
    desk.server.reserve(now, free, Holder::Circuit(b"dsl-9".to_vec()), &mut out).unwrap();
    assert_eq!(desk.server.reserved().len(), 1);
    assert_ne!(desk.server.leases(After::Start, 10), before);
    desk.input(Input::StorageFailed);
    assert_eq!(desk.server.leases(After::Start, 10), before);
    assert_eq!(desk.server.reserved(), []);
    let mut none = Vec::new();
    assert_eq!(desk.server.revoke(now, addresses[0].into(), &mut none), Err(Impossible::NoStorage));
    assert_eq!(desk.server.unreserve(now, free, &mut none), Err(Impossible::NoStorage));
    let holder = Holder::Circuit(b"dsl-9".to_vec());
    assert_eq!(desk.server.reserve(now, free, holder, &mut none), Err(Impossible::NoStorage));
    assert_eq!(none, []);
}

#[test]
fn a_reservation_is_kept_and_taken_back() {
    let (mut desk, addresses) = desk(1);
    let (now, mut out) = (desk.now, Vec::new());
    let free = Ipv4Addr::new(192, 0, 2, 199);
    let holder = || Holder::ClientId(octets(CLIENT_ID));
    desk.server.reserve(now, free, holder(), &mut out).unwrap();
    assert_eq!(desk.server.reserved(), [(free, holder())]);
    assert!(desk.server.reserve(now, addresses[0], Holder::ClientId(vec![9; 9]), &mut out).is_err());
    assert!(desk.server.reserve(now, [203, 0, 113, 1].into(), Holder::Circuit(vec![1]), &mut out).is_err());
    assert_eq!(given(&desk.ask(&discover())).1, free);
    desk.server.unreserve(now, free, &mut out).unwrap();
    assert_eq!(desk.server.reserved(), []);
    assert!(desk.server.unreserve(now, free, &mut out).is_err());
    assert!(out.iter().all(|effect| matches!(effect, Effect::Journal(_))));
    assert_eq!(out.len(), 2);
}

#[test]
fn reading_the_configuration_again_keeps_every_lease() {
    let (mut desk, addresses) = desk(10);
    let before = desk.server.leases(After::Start, 100);
    let (now, mut out) = (desk.now, Vec::new());
    let mut wider = settings();
    wider.engine =
        EngineSettings::Builtin(engine4(vec![subnet("192.0.2.0/24", [192, 0, 2, 18], [192, 0, 2, 250])]));
    wider.dhcp6 = Some(stateless());
    desk.server.configure(now, wider, &mut out);
    assert_eq!(desk.server.leases(After::Start, 100), before);
    // To DHCPv4 servers behind it, and back.
    let mut external = settings();
    external.engine = EngineSettings::External(external::Settings {
        servers: vec![[10, 0, 0, 1].into()],
        giaddr: [192, 0, 2, 1].into(),
        links: Vec::new(),
        sub_option: external::Settings::SUB_OPTION,
    });
    desk.server.configure(now, external, &mut out);
    assert_eq!(desk.server.ports(), [Port::Dhcp6, Port::Upstream4("192.0.2.1:67".parse().unwrap())]);
    assert_eq!(desk.server.select(now, &Question::default()), Err(Impossible::External));
    assert_eq!(desk.server.revoke(now, addresses[0].into(), &mut out), Err(Impossible::External));
    desk.server.configure(now, settings(), &mut out);
    assert_eq!(desk.server.ports(), [Port::Dhcp6]);
    assert_eq!(desk.server.leases(After::Start, 100), before);
    assert_eq!(out, []);
    desk.wait(Duration::from_secs(60));
    let mut renewal = renewing(addresses[0]);
    let owner = match &before[0] {
        Lease::V4(binding) => binding.client.clone(),
        Lease::V6(_) => unreachable!(),
    };
    let dhcp4o6_protocol::binding::ClientKey::Id(id) = owner else { panic!("{owner:?}") };
    let number = u32::from_be_bytes(id[3..].try_into().unwrap());
    renewal.client_id = Some(id);
    renewal.hardware = discover().by(number).hardware;
    let from = format!("fe80::{number:x}");
    let ack = desk.sent(LAN, &from, GROUP, &query(0x80, &renewal.emit())).payload;
    assert_eq!(given(&dhcpv4(&ack)).0, MessageType::ACK);
}

#[test]
fn what_a_query_would_get_is_what_it_gets() {
    let mut desk = Desk::new(settings());
    let question = Question {
        interface: Some("lan0".to_owned()),
        source: Some(address(CLIENT)),
        client_id: Some(octets(CLIENT_ID)),
        ..Question::default()
    };
    let foretold = desk.server.select(desk.now, &question).unwrap();
    assert_eq!(foretold.subnet.as_deref(), Some("192.0.2.0/24"));
    let (_, offered, _) = given(&desk.ask(&discover()));
    assert_eq!(foretold.address.map(|slot| slot.address), Some(offered));
}
