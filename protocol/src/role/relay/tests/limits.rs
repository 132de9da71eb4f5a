//! How much, how large, and that nothing is remembered.

use super::*;
use std::time::Duration;

#[test]
fn one_source_has_50_a_second_and_takes_nothing_from_others_r6_21() {
    let mut rig = Rig::new(settings());
    let relayed = (0..200).filter(|_| rig.client(LAN0, &solicit()).is_ok()).count();
    assert_eq!(relayed, 50);
    assert_eq!(rig.client(LAN0, &solicit()), Err(Refused::RateLimited));
    let other = rig.take(LAN0, at("fe80::2", 546, LAN0), GROUP, &solicit());
    assert!(other.is_ok());
    // The same link-local address on another link is another client.
    assert!(rig.client(LAN1, &solicit()).is_ok());
    rig.now = rig.now + Duration::from_secs(1);
    assert_eq!((0..200).filter(|_| rig.client(LAN0, &solicit()).is_ok()).count(), 50);
}

#[test]
fn one_interface_has_1000_a_second_r6_21() {
    let mut rig = Rig::new(settings());
    let mut clients = |lan: u32| {
        let from = |n: u128| SocketAddrV6::new(Ipv6Addr::from_bits(ip("fe80::").to_bits() + n), 546, 0, lan);
        (1..=3000).filter(|n| rig.take(lan, from(*n), GROUP, &solicit()).is_ok()).count()
    };
    assert_eq!(clients(LAN0), 1000);
    assert_eq!(clients(LAN1), 1000);
}

#[test]
fn a_relay_agent_may_speak_for_more_clients_than_one_r6_21() {
    let mut rig = Rig::new(settings());
    let from = at("fe80::b", 547, LAN2);
    let inside = forward(0, &solicit());
    assert_eq!((0..3000).filter(|_| rig.take(LAN2, from, GROUP, &inside).is_ok()).count(), 1000);
}

#[test]
fn no_limit_is_no_limit_r6_21() {
    let settings = RelaySettings { rate_per_interface: 0, rate_per_source: 0, ..settings() };
    let mut rig = Rig::new(settings);
    assert_eq!((0..3000).filter(|_| rig.client(LAN0, &solicit()).is_ok()).count(), 3000);
}

#[test]
fn a_message_that_the_envelope_would_make_too_long_is_not_sent_r6_17() {
    let mut rig = Rig::new(RelaySettings { rate_per_source: 0, ..settings() });
    let largest = MAX_PAYLOAD - HEADER - 4;
    for (length, fits) in [(65_500, false), (largest + 1, false), (largest, true), (MAX_PAYLOAD, false)] {
        let sent = rig.client(LAN0, &vec![1; length]);
        match sent {
            Ok(sent) => assert!(fits && sent[0].payload.len() == MAX_PAYLOAD, "{length}"),
            Err(refused) => assert_eq!((fits, refused), (false, Refused::NoRoom), "{length}"),
        }
    }
    // The interface-id takes eight octets more.
    assert_eq!(rig.client(LAN1, &vec![1; largest]), Err(Refused::NoRoom));
    assert!(rig.client(LAN1, &vec![1; largest - 8]).is_ok());
}

#[test]
fn other_settings_hold_from_the_next_message_on() {
    let mut rig = Rig::new(settings());
    let mut changed = settings();
    changed.clients[0].always_interface_id = true;
    changed.servers = vec![destination("2001:db8:f::2", None)];
    changed.remote_id = Some((1, vec![2]));
    rig.relay.configure(changed);
    let sent = rig.relayed(LAN0, &solicit());
    assert_eq!(sent.to, at("2001:db8:f::2", 547, 0));
    assert_eq!(sent.level().interface_id(), Some(&b"lan0"[..]));
    assert_eq!(sent.option(OptionCode::REMOTE_ID), Some(&[0, 0, 0, 1, 2][..]));
}

#[test]
fn before_it_knows_an_interface_it_relays_nothing() {
    let mut rig = Rig::with(settings(), &[]);
    assert_eq!(rig.client(LAN0, &solicit()), Err(Refused::WrongLink));
    let message = reply(LAN0_ADDRESS, CLIENT, &[], &[7, 0, 0, 0]);
    assert_eq!(rig.server(&message), Err(Refused::UnknownInterface));
}
