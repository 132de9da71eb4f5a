//! IPv4 relay agents, among them IPv6-Transport Relay Agents.

use super::*;
use dhcp4o6_protocol::binding::{Holder, Origin, Transport};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::server4::settings::Reservation;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::wire::agent;
use dhcp4o6_protocol::wire::v4;
use std::net::SocketAddrV6;

/// A message as a relay agent sends it on: with its address, and option 82 last.
pub(super) fn relayed(message: &Message, giaddr: [u8; 4], information: Option<&[u8]>) -> Vec<u8> {
    let message = information.map_or(message.clone(), |value| message.clone().with(code::RELAY_AGENT, value));
    let mut octets = message.emit();
    octets[3] = 1;
    octets[24..28].copy_from_slice(&giaddr);
    octets
}

fn cra6addr(cra: &str) -> Vec<u8> {
    agent::emit(&[(46, &address(cra).octets())]).unwrap()
}

/// What comes of a message through the TRA.
pub(super) fn by_tra(desk: &mut Desk, message: &Message, information: &[u8]) -> Vec<Effect> {
    desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &relayed(message, TRA, Some(information)))
}

#[track_caller]
fn told_by_tra(desk: &mut Desk, message: &Message, information: &[u8]) -> Vec<u8> {
    sent_by(Port::Server4, &by_tra(desk, message, information)).payload
}

#[test]
fn option_82_comes_back_whole_and_last_in_every_answer_tsv_12() {
    let mut desk = desk();
    let value = agent::emit(&[(1, b"port 7"), (46, &address(CRA).octets()), (200, &[9; 3])]).unwrap();
    let mut last = |message: &Message, kind| {
        let answer = sent_by(Port::Server4, &by_tra(&mut desk, message, &value));
        assert_eq!(answer.to, SocketAddrV6::new(mapped(TRA), 67, 0, 0));
        assert_eq!((answer.interface, answer.source), (0, Some(mapped(SERVER4))));
        let read = v4::Message::parse(&answer.payload).unwrap();
        assert_eq!((read.kind(), read.giaddr), (Some(kind), TRA.into()));
        assert_eq!(read.is_broadcast(), kind == MessageType::NAK, "the relay agent has to broadcast a NAK");
        let end = [&[82, u8::try_from(value.len()).unwrap()], &value[..], &[255]].concat();
        let stripped: &[u8] = answer.payload.as_slice();
        let stripped = &stripped[..=stripped.iter().rposition(|octet| *octet != 0).unwrap()];
        assert!(stripped.ends_with(&end), "{kind}");
        read.yiaddr
    };
    let address = last(&discover(), MessageType::OFFER);
    assert_eq!(last(&selecting(address), MessageType::ACK), address);
    last(&renewing(address), MessageType::ACK);
    last(&rebooting([203, 0, 113, 5].into()), MessageType::NAK);
    assert_eq!(desk.server.tally().of(Done::Relayed), 4);
}

#[test]
fn what_does_not_fit_is_left_out_and_counted_also_of_a_nak_tsv_12() {
    for message in [discover(), rebooting([203, 0, 113, 5].into())] {
        let mut desk = desk();
        let small = message.clone().with(code::MAX_MESSAGE_SIZE, &[0x02, 0x40]);
        let longer = [&cra6addr(CRA)[..], &[1, 255], &[7; 255], &[2, 100], &[8; 100]].concat();
        let answer = told_by_tra(&mut desk, &small, &longer);
        assert_eq!(v4::Message::parse(&answer).unwrap().option(code::RELAY_AGENT), None);
        assert_eq!(desk.server.tally().of(Done::OptionsDropped), 1);
        assert!(answer.len() <= 548);
        let large = message.with(code::MAX_MESSAGE_SIZE, &[0x05, 0xdc]);
        let answer = told_by_tra(&mut desk, &large, &longer);
        let read = v4::Message::parse(&answer).unwrap();
        assert_eq!(read.option(code::RELAY_AGENT).as_deref(), Some(&longer[..]));
    }
}

#[test]
fn a_relay_agent_with_a_port_of_its_own_is_answered_there_rfc8357_tsv_12() {
    let mut desk = desk();
    let value = [&cra6addr(CRA)[..], &[19, 0]].concat();
    let payload = relayed(&discover(), TRA, Some(&value));
    let answer = sent_by(Port::Server4, &desk.by_ipv4(NOT_SERVED, (TRA, 6767), SERVER4, &payload));
    assert_eq!(answer.to, SocketAddrV6::new(mapped(TRA), 6767, 0, 0));
    assert_eq!(refused(&desk.by_ipv4(NOT_SERVED, (TRA, 0), SERVER4, &payload)), Some(Refused::BadPeer));
    let plain = relayed(&discover(), TRA, Some(&cra6addr(CRA)));
    let answer = sent_by(Port::Server4, &desk.by_ipv4(NOT_SERVED, (TRA, 6767), SERVER4, &plain));
    assert_eq!(answer.to.port(), 67, "it does not say so");
}

#[test]
fn only_relay_agents_that_are_named_are_believed_sec_08() {
    let mut desk = desk();
    let value = cra6addr(CRA);
    let stranger = [10, 66, 0, 1];
    let customer = lease(&mut desk, OTHER_CRA, |message| message.by(2)).octets();
    for (from, giaddr, to) in [
        (stranger, stranger, SERVER4),
        (stranger, TRA, SERVER4),
        (TRA, stranger, SERVER4),
        // A client that says it is a relay agent.
        (customer, TRA, SERVER_ID),
        (customer, customer, SERVER_ID),
        ([0; 4], TRA, SERVER_ID),
    ] {
        let payload = relayed(&discover(), giaddr, Some(&value));
        let effects = desk.by_ipv4(NOT_SERVED, (from, 67), to, &payload);
        assert_eq!(refused(&effects), Some(Refused::SourceRefused), "{from:?} {giaddr:?}");
        assert!(is_silent(&effects));
    }
    let broadcast = relayed(&discover(), TRA, Some(&value));
    let effects = desk.by_ipv4(NOT_SERVED, (TRA, 67), BROADCAST, &broadcast);
    assert_eq!(refused(&effects), Some(Refused::WrongLink));
}

#[test]
fn behind_a_tra_a_client_is_where_its_agent_is_tsv_13() {
    let mut desk = Desk::new(two_subnets());
    let (_, address, _) = given(&told_by_tra(&mut desk, &discover(), &cra6addr(CRA)));
    assert_eq!(address.octets()[0], 192);
    told_by_tra(&mut desk, &selecting(address), &cra6addr(CRA));
    let lease = binding(&desk, address);
    assert_eq!(lease.origin, Origin::Network(0x2001_0db8_0001_0001));
    assert_eq!((lease.source, lease.transport), (self::address(CRA), Transport::Agent));
    let (_, other, _) = given(&told_by_tra(&mut desk, &discover().by(2), &cra6addr("2001:db8:2::18")));
    assert_eq!(other.octets()[0], 198);
    // From the TSV's own port it is the same client at the same place.
    assert_eq!(told(&mut desk, CRA, &renewing(address)), (MessageType::ACK, address));
    let elsewhere = by_tra(&mut desk, &releasing(address), &cra6addr(OTHER_CRA));
    assert_eq!(elsewhere, [Effect::Refused(Refused::NotOwner)]);
    by_tra(&mut desk, &releasing(address), &cra6addr(CRA));
    assert_eq!(state(&desk, address), State::Released);
}

#[test]
fn link_selection_beats_option_118_beats_the_agents_prefix_beats_giaddr_tsv_13() {
    let mut settings = two_subnets();
    let of = |octet: u8| {
        let pool = ([10, octet, 0, 10], [10, octet, 0, 20]);
        Subnet {
            serves: Serves {
                link_addresses: vec!["2001:db8:ffff::/64".parse().unwrap()],
                ..Serves::default()
            },
            ..subnet(&format!("10.{octet}.0.0/24"), pool.0, pool.1)
        }
    };
    engine(&mut settings).subnets.extend([of(5), of(118)]);
    engine(&mut settings).subnets.push(Subnet {
        serves: Serves { link_addresses: vec!["2001:db8:ffff::/64".parse().unwrap()], ..Serves::default() },
        ..subnet("198.51.100.8/29", [198, 51, 100, 10], [198, 51, 100, 13])
    });
    engine(&mut settings).subnet_selection = true;
    let mut desk = Desk::new(settings);
    let link_selection = [5, 4, 10, 5, 0, 0];
    let by_118 = discover().with(code::SUBNET_SELECTION, &[10, 118, 0, 0]);
    let all = [&cra6addr(CRA)[..], &link_selection].concat();
    let mut second = |message: &Message, value: &[u8]| {
        let (_, address, _) = given(&told_by_tra(&mut desk, message, value));
        address.octets()[..2].to_vec()
    };
    assert_eq!(second(&by_118.clone().by(1), &all), [10, 5]);
    assert_eq!(second(&by_118.by(2), &cra6addr(CRA)), [10, 118]);
    assert_eq!(second(&discover().by(3), &cra6addr(CRA)), [192, 0]);
    assert_eq!(second(&discover().by(4), &[1, 1, 7]), [198, 51]);
    // An agent that no subnet serves leaves it to giaddr.
    assert_eq!(second(&discover().by(5), &cra6addr("2001:db8:77::1")), [198, 51]);
}

#[test]
fn a_cra6addr_that_is_none_is_returned_and_changes_nothing_tsv_14() {
    let mut settings = two_subnets();
    engine(&mut settings).subnets.push(Subnet {
        serves: Serves { link_addresses: vec!["2001:db8:ffff::/64".parse().unwrap()], ..Serves::default() },
        ..subnet("198.51.100.8/29", [198, 51, 100, 10], [198, 51, 100, 13])
    });
    let good = address(CRA).octets();
    let selection = [5, 4, 192, 0, 2, 0];
    let twice = agent::emit(&[(46, &good), (46, &good)]).unwrap();
    let short = [&agent::emit(&[(46, &good[..15])]).unwrap()[..], &selection].concat();
    let link_local = agent::emit(&[(46, &address("fe80::1").octets())]).unwrap();
    let mapped = agent::emit(&[(46, &mapped([192, 0, 2, 1]).octets())]).unwrap();
    for (value, reason) in [
        (short, Refused::BadCra6addr),
        (twice, Refused::BadCra6addr),
        (link_local, Refused::BadCra6addr),
        (mapped, Refused::BadCra6addr),
        (agent::emit(&[(46, &address("ff02::1").octets())]).unwrap(), Refused::BadCra6addr),
        (vec![46, 200, 1], Refused::BadOption),
    ] {
        let mut desk = Desk::new(settings.clone());
        let effects = by_tra(&mut desk, &discover(), &value);
        assert_eq!(refused(&effects), Some(reason), "counted");
        let answer = sent_by(Port::Server4, &effects).payload;
        let read = v4::Message::parse(&answer).unwrap();
        assert_eq!(read.yiaddr.octets()[..3], [198, 51, 100], "the subnet of giaddr");
        assert_eq!(read.option(code::RELAY_AGENT).as_deref(), Some(&value[..]));
    }
}

#[test]
fn the_code_of_cra6addr_is_configured_tsv_13() {
    let mut settings = two_subnets();
    tsv(&mut settings).cra6addr = 1;
    let mut desk = Desk::new(settings);
    let value = agent::emit(&[(1, &address("2001:db8:2::18").octets())]).unwrap();
    assert_eq!(given(&told_by_tra(&mut desk, &discover(), &value)).1.octets()[0], 198);
    assert_eq!(refused(&by_tra(&mut desk, &discover(), &cra6addr(CRA))), Some(Refused::NoSubnet));
}

#[test]
fn a_plain_relay_agents_clients_have_places_of_their_own_tsv_02() {
    let mut settings = settings_at_67();
    engine(&mut settings).limits.offered_percent = 100;
    let kept: Ipv4Addr = [192, 0, 2, 240].into();
    engine(&mut settings).subnets[0].reservations =
        vec![Reservation { holder: Holder::Circuit(b"port 9".to_vec()), address: kept, options: Vec::new() }];
    let mut desk = Desk::new(settings);
    let ask = |desk: &mut Desk, message: &Message, value: Option<&[u8]>| {
        let payload = relayed(message, TRA, value);
        sent_by(Port::Server4, &desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER_ID, &payload)).payload
    };
    let mut first = None;
    for client in 1..=60 {
        let (_, address, _) = given(&ask(&mut desk, &discover().by(client), None));
        let ack = ask(&mut desk, &selecting(address).by(client), None);
        assert_eq!(given(&ack).0, MessageType::ACK);
        assert_eq!(v4::Message::parse(&ack).unwrap().option(code::RELAY_AGENT), None);
        first = first.or(Some(address));
    }
    let first = first.unwrap();
    let lease = binding(&desk, first);
    assert_eq!((lease.source, lease.transport), (mapped(TRA), Transport::Ipv4));
    let (_, address, _) = given(&ask(&mut desk, &discover().by(99), Some(b"\x01\x06port 9")));
    assert_eq!(address, kept);
    // It renews past its relay agent.
    let renewal = renewing(first).by(1).emit();
    let effects = desk.by_ipv4(NOT_SERVED, (first.octets(), CLIENT_PORT), SERVER_ID, &renewal);
    assert_eq!(given(&sent_by(Port::Server4, &effects).payload).0, MessageType::ACK);
    assert_eq!(binding(&desk, first).origin, lease.origin);
    assert_eq!(binding(&desk, first).source, lease.source);
}

#[test]
fn one_client_behind_a_relay_agent_takes_nothing_from_the_others_s46_45() {
    let mut desk = desk();
    let ask = |desk: &mut Desk, client: u32, cra: &str| {
        refused(&by_tra(desk, &discover().by(client), &cra6addr(cra))) != Some(Refused::RateLimited)
    };
    assert_eq!((0..100).filter(|_| ask(&mut desk, 1, CRA)).count(), 40);
    assert!(!ask(&mut desk, 2, CRA), "the rate is the agent's");
    assert!(ask(&mut desk, 2, OTHER_CRA));
    let plain = |desk: &mut Desk, client: u32| {
        let payload = relayed(&discover().by(client), TRA, None);
        let effects = desk.by_ipv4(NOT_SERVED, (TRA, 67), SERVER4, &payload);
        refused(&effects) != Some(Refused::RateLimited)
    };
    assert_eq!((0..100).filter(|_| plain(&mut desk, 3)).count(), 40);
    assert!(plain(&mut desk, 4));
}
