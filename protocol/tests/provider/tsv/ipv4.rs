//! Clients over IPv4: from the address they lease, and on the links of interfaces that are named.

use super::*;
use dhcp4o6_protocol::binding::{Origin, Transport};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::v4;
use std::net::SocketAddrV6;
use std::time::Duration;

/// What comes of a message that a client sends from an address to the server identifier.
fn from(desk: &mut Desk, address: Ipv4Addr, message: &Message) -> Vec<Effect> {
    desk.by_ipv4(NOT_SERVED, (address.octets(), CLIENT_PORT), SERVER_ID, &message.emit())
}

fn expires_at(desk: &Desk, address: Ipv4Addr) -> Option<Instant> {
    binding(desk, address).expires_at
}

#[test]
fn a_renewal_over_ipv4_extends_a_lease_of_ipv6_and_leaves_it_where_it_is_tsv_02() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    let before = binding(&desk, address);
    desk.wait(Duration::from_secs(1800));
    let effects = from(&mut desk, address, &renewing(address));
    let answer = sent_by(Port::Server4, &effects);
    assert_eq!(answer.to, SocketAddrV6::new(mapped(address), 68, 0, 0));
    assert_eq!((answer.interface, answer.source), (0, Some(mapped(SERVER_ID))));
    assert_eq!(given(&answer.payload), (MessageType::ACK, address, Some(3600)));
    let after = binding(&desk, address);
    assert_eq!(
        (after.origin, after.source, after.transport),
        (before.origin, before.source, before.transport)
    );
    assert_eq!(after.transport, Transport::Agent);
    assert_eq!(after.expires_at, Some(desk.now + Duration::from_secs(3600)));
    assert_eq!((desk.server.tally().of(Done::Renewing), desk.server.tally().of(Done::OverIpv4)), (1, 1));
    // And the agent still is where it can be given up.
    desk.by_ipv6(CRA, &releasing(address).emit());
    assert_eq!(state(&desk, address), State::Released);
}

#[test]
fn a_lease_of_4o6_is_renewed_and_released_over_ipv4_as_well() {
    let mut desk = desk();
    let (_, address, _) = given(&desk.ask(&discover()));
    desk.ask(&selecting(address));
    let before = binding(&desk, address);
    assert!(!is_silent(&from(&mut desk, address, &renewing(address))));
    assert_eq!(binding(&desk, address).origin, before.origin);
    assert_eq!(binding(&desk, address).transport, Transport::Dhcp6);
    assert!(is_silent(&from(&mut desk, address, &releasing(address))));
    assert_eq!(state(&desk, address), State::Released);
}

#[test]
fn only_who_sends_from_the_address_is_believed_to_have_it_tsv_02() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    let other = lease(&mut desk, OTHER_CRA, |message| message.by(2));
    let end = expires_at(&desk, address);
    desk.wait(Duration::from_secs(10));
    for message in [renewing(address), releasing(address)] {
        // The client's own message, from another's address; and another's, from the client's.
        assert_eq!(from(&mut desk, other, &message), [Effect::Refused(Refused::NotOwner)]);
        let effects = from(&mut desk, address, &message.by(2));
        assert!(effects.iter().all(|effect| !matches!(effect, Effect::Journal(_))), "{effects:?}");
    }
    // Who has a lease here and speaks of another's address is told that it is not his.
    let stolen = from(&mut desk, address, &renewing(address).by(2));
    assert_eq!(given(&sent_by(Port::Server4, &stolen).payload).0, MessageType::NAK);
    assert_eq!(expires_at(&desk, address), end);
    assert_eq!((state(&desk, address), state(&desk, other)), (State::Bound, State::Bound));
    // Somebody whom nobody knows hears nothing.
    let strange = from(&mut desk, address, &renewing(address).by(3));
    assert_eq!(strange, [Effect::Refused(Refused::UnknownClient)]);
}

#[test]
fn what_begins_a_lease_does_not_come_by_unicast() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    for message in [
        discover(),
        selecting(address),
        rebooting(address),
        declining(address),
        Message { kind: None, ..discover() },
        Message::of(MessageType::INFORM),
        releasing(Ipv4Addr::UNSPECIFIED),
    ] {
        let effects = from(&mut desk, address, &message);
        assert_eq!(effects, [Effect::Refused(Refused::WrongDestination)], "{:?}", message.kind);
    }
}

#[test]
fn an_inform_over_ipv4_is_answered_where_it_came_from_s46_33() {
    let mut desk = desk();
    for (address, known) in [([192, 0, 2, 99], true), ([203, 0, 113, 8], true), ([10, 7, 7, 7], false)] {
        let effects = from(&mut desk, address.into(), &Message::of(MessageType::INFORM).at(address.into()));
        if known {
            let answer = sent_by(Port::Server4, &effects);
            assert_eq!(answer.to, SocketAddrV6::new(mapped(address), 68, 0, 0));
            assert_eq!(given(&answer.payload), (MessageType::ACK, Ipv4Addr::UNSPECIFIED, None));
        } else {
            assert_eq!(refused(&effects), Some(Refused::SourceRefused));
            assert_eq!(notices(&effects), [Notice::SourceRefused(mapped(address))]);
        }
    }
    let of_another = Message::of(MessageType::INFORM).at([192, 0, 2, 98].into());
    assert_eq!(from(&mut desk, [192, 0, 2, 99].into(), &of_another), [Effect::Refused(Refused::NotOwner)]);
}

#[test]
fn a_lease_that_ran_out_is_given_again_or_refused_where_it_was() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    desk.wait(Duration::from_secs(3601));
    let answer = sent_by(Port::Server4, &from(&mut desk, address, &renewing(address)));
    assert_eq!(given(&answer.payload).0, MessageType::ACK);
    let again = binding(&desk, address);
    assert_eq!((again.origin, again.source), (Origin::Network(0x2001_0db8_0001_0001), self::address(CRA)));
    from(&mut desk, address, &releasing(address));
    let answer = sent_by(Port::Server4, &from(&mut desk, address, &renewing(address)));
    assert_eq!(given(&answer.payload).0, MessageType::NAK);
    assert_eq!(answer.to, SocketAddrV6::new(mapped(address), 68, 0, 0), "no broadcast gets through a tunnel");
}

#[test]
fn strangers_get_nothing_over_ipv4_sec_08() {
    let mut desk = desk();
    let payload = discover().emit();
    for (interface, from, to, reason) in [
        (NOT_SERVED, [0; 4], BROADCAST, Refused::WrongLink),
        (OTHER_LAN, [0; 4], BROADCAST, Refused::WrongLink),
        (LAN, [192, 0, 2, 40], [192, 0, 2, 255], Refused::WrongDestination),
        (LAN, [192, 0, 2, 40], [192, 0, 2, 1], Refused::WrongDestination),
        (LAN, [192, 0, 2, 40], [224, 0, 0, 1], Refused::WrongDestination),
        (NOT_SERVED, [10, 3, 3, 3], SERVER_ID, Refused::SourceRefused),
        (NOT_SERVED, [0; 4], SERVER_ID, Refused::SourceRefused),
        (NOT_SERVED, [198, 51, 100, 9], SERVER_ID, Refused::SourceRefused),
    ] {
        let effects = desk.by_ipv4(interface, (from, CLIENT_PORT), to, &payload);
        assert!(is_silent(&effects));
        assert_eq!(refused(&effects), Some(reason), "{from:?} to {to:?} by {interface}");
    }
    let six = dhcp4o6_protocol::provider::Datagram {
        via: Port::Server4,
        interface: LAN,
        from: SocketAddrV6::new(address(CRA), 68, 0, 0),
        to: address(TSV),
        payload: &payload,
    };
    assert_eq!(refused(&desk.arrive(six)), Some(Refused::WrongDestination));
    for op in [0, 2, 3, 4, 255] {
        let mut other = payload.clone();
        other[0] = op;
        let effects = desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &other);
        assert_eq!(effects, [Effect::Refused(Refused::OpUnsupported)], "{op}");
    }
    let forged = discover().with(code::RELAY_AGENT, &[1, 1, 0]).emit();
    let effects = desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &forged);
    assert_eq!(effects, [Effect::Refused(Refused::Option82FromClient)]);
}

/// What a client on the LAN is answered that has no address yet.
#[track_caller]
fn on_lan(desk: &mut Desk, message: &Message) -> Sent {
    sent_by(Port::Server4, &desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &message.emit()))
}

#[test]
fn a_client_of_a_named_link_gets_its_lease_by_broadcast_tsv_01_tsv_02() {
    let mut desk = desk();
    let offer = on_lan(&mut desk, &discover());
    let everybody = SocketAddrV6::new(mapped(BROADCAST), 68, 0, 0);
    assert_eq!((offer.interface, offer.to), (LAN, everybody));
    assert_eq!(offer.source, Some(mapped([192, 0, 2, 1])), "the link's own address");
    let (_, address, _) = given(&offer.payload);
    let ack = on_lan(&mut desk, &selecting(address));
    assert_eq!((given(&ack.payload).0, ack.to), (MessageType::ACK, everybody));
    let lease = binding(&desk, address);
    assert_eq!((lease.transport, lease.source), (Transport::Ipv4, mapped([0; 4])));
    assert_eq!(lease.origin, Origin::Link(0x0200_5e10_0001, b"lan0".to_vec()));
    // It renews by unicast, and rebinds by broadcast from its address.
    let renewal = desk.by_ipv4(LAN, (address.octets(), CLIENT_PORT), SERVER_ID, &renewing(address).emit());
    let answer = sent_by(Port::Server4, &renewal);
    assert_eq!(answer.to, SocketAddrV6::new(mapped(address), 68, 0, 0));
    let rebinding = desk.by_ipv4(LAN, (address.octets(), CLIENT_PORT), BROADCAST, &renewing(address).emit());
    assert_eq!(sent_by(Port::Server4, &rebinding).to, SocketAddrV6::new(mapped(address), 68, 0, 0));
    assert_eq!((desk.server.tally().of(Done::Renewing), desk.server.tally().of(Done::Rebinding)), (1, 1));
    desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &declining(address).emit());
    assert_eq!(state(&desk, address), State::Declined);
    // To the server alone is as good as to everybody.
    let unicast = desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), SERVER_ID, &discover().by(3).emit());
    let answer = sent_by(Port::Server4, &unicast);
    assert_eq!((answer.to, answer.source), (everybody, Some(mapped(SERVER_ID))));
}

#[test]
fn what_a_client_may_not_have_is_no_destination_rfc2131_4_1() {
    let mut desk = desk();
    let everybody = SocketAddrV6::new(mapped(BROADCAST), 68, 0, 0);
    let victim: Ipv4Addr = [192, 0, 2, 77].into();
    assert_eq!(on_lan(&mut desk, &discover().at(victim)).to, everybody);
    assert_eq!(on_lan(&mut desk, &Message::of(MessageType::INFORM).at(victim)).to, everybody);
    let wrong = on_lan(&mut desk, &renewing([203, 0, 113, 5].into()));
    assert_eq!((given(&wrong.payload).0, wrong.to), (MessageType::NAK, everybody));
    // Not even if it is sent from there.
    let there = ([203, 0, 113, 5], CLIENT_PORT);
    let nak = desk.by_ipv4(LAN, there, BROADCAST, &renewing([203, 0, 113, 5].into()).emit());
    assert_eq!(sent_by(Port::Server4, &nak).to, everybody);
}

#[test]
fn a_broadcast_is_served_by_the_subnet_of_its_interface_or_of_the_interfaces_address() {
    let mut settings = two_subnets();
    let mut desk = Desk::new(settings.clone());
    assert_eq!(given(&on_lan(&mut desk, &discover()).payload).1.octets()[0], 192, "its address is 192.0.2.1");
    engine(&mut settings).subnets[1].serves.interfaces = vec!["lan0".to_owned()];
    let mut desk = Desk::new(settings.clone());
    assert_eq!(given(&on_lan(&mut desk, &discover()).payload).1.octets()[0], 198, "it is named");
    tsv(&mut settings).interfaces4 = vec!["lan1".to_owned()];
    let mut desk = Desk::new(settings);
    let effects = desk.by_ipv4(OTHER_LAN, ([0; 4], CLIENT_PORT), BROADCAST, &discover().emit());
    assert_eq!(refused(&effects), Some(Refused::NoSubnet));
}

#[test]
fn an_ipv4_client_is_in_no_ipv6_prefix() {
    let mut settings = two_subnets();
    engine(&mut settings).subnets[1].serves.sources = vec!["::/0".parse().unwrap()];
    let mut desk = Desk::new(settings);
    assert_eq!(given(&on_lan(&mut desk, &discover()).payload).1.octets()[0], 192);
}

#[test]
fn clients_of_a_link_have_a_place_and_a_rate_each_s46_41_s46_45() {
    let mut settings = settings_at_67();
    engine(&mut settings).limits.offered_percent = 100;
    let mut desk = Desk::new(settings);
    for client in 1..=40 {
        let (_, address, _) = given(&on_lan(&mut desk, &discover().by(client)).payload);
        let ack = on_lan(&mut desk, &selecting(address).by(client));
        assert_eq!(given(&ack.payload).0, MessageType::ACK);
    }
    let payload = discover().by(1).emit();
    let mut answered = 0;
    while !is_silent(&desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &payload)) {
        answered += 1;
    }
    assert_eq!(answered, 38, "forty, of which it had two");
}

#[test]
fn an_interface_that_is_there_for_ipv4_is_not_served_at_547() {
    let mut desk = desk();
    let mut told = interfaces();
    told[1].addresses.clear();
    assert_eq!(desk.input(dhcp4o6_protocol::provider::Input::Interfaces(&told)), []);
    let query = query(0, &discover().emit());
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &query), Refused::WrongLink);
    on_lan(&mut desk, &discover());
}

#[test]
fn answers_of_ipv4_are_padded_and_well_formed() {
    let mut desk = desk();
    let offer = on_lan(&mut desk, &discover()).payload;
    assert!(offer.len() >= 300);
    assert_eq!(v4::Message::parse(&offer).unwrap().op, v4::BOOTREPLY);
}
