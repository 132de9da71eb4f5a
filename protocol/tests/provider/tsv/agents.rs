//! Client relay agents, over IPv6.

use super::*;
use dhcp4o6_protocol::binding::{Origin, Transport};
use dhcp4o6_protocol::provider::Datagram;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::server4::settings::Limits;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::Lifetime;
use dhcp4o6_protocol::view::Question;
use dhcp4o6_protocol::wire::v4;
use std::net::SocketAddrV6;
use std::time::Duration;

/// A message with other octets from `place` on.
fn changed(message: &Message, place: usize, octets: &[u8]) -> Vec<u8> {
    let mut whole = message.emit();
    whole[place..place + octets.len()].copy_from_slice(octets);
    whole
}

#[test]
fn the_answer_goes_to_the_agent_and_port_67_whatever_the_message_says_tsv_04_gen_12() {
    let strange = [
        changed(&discover(), 24, &[203, 0, 113, 9]),
        changed(&discover(), 12, &[203, 0, 113, 7]),
        changed(&discover(), 10, &[0x80]),
        discover().emit(),
    ];
    let mut desk = desk();
    for (number, payload) in strange.iter().enumerate() {
        let port = 40_000 + u16::try_from(number).unwrap();
        let from = SocketAddrV6::new(address(CRA), port, 0, 0);
        let datagram = Datagram { via: Port::Transport6, interface: LAN, from, to: address(TSV), payload };
        let answer = sent_by(Port::Transport6, &desk.arrive(datagram));
        assert_eq!(answer.to, SocketAddrV6::new(address(CRA), 67, 0, 0), "{number}");
        assert_eq!((answer.interface, answer.source), (0, Some(address(TSV))));
        assert_eq!(answer.payload[0], v4::BOOTREPLY);
        // Table 3 of RFC 2131: these are as they were.
        assert_eq!((&answer.payload[10..12], &answer.payload[24..28]), (&payload[10..12], &payload[24..28]));
    }
}

#[test]
fn the_answer_comes_from_the_address_that_was_asked_tsv_05() {
    let mut desk = desk();
    for to in [TSV, "2001:db8:9::68"] {
        let from = SocketAddrV6::new(address(CRA), 67, 0, 0);
        let payload = &discover().emit();
        let datagram = Datagram { via: Port::Transport6, interface: 1, from, to: address(to), payload };
        assert_eq!(sent_by(Port::Transport6, &desk.arrive(datagram)).source, Some(address(to)));
    }
}

#[test]
fn a_link_local_agent_is_answered_on_its_link_if_the_operator_accepts_it() {
    let mut settings = settings_at_67();
    tsv(&mut settings).accept_from.push("fe80::/64".parse().unwrap());
    tsv(&mut settings).addresses.clear();
    let mut desk = Desk::new(settings);
    let from = SocketAddrV6::new(address("fe80::18"), 67, 0, LAN);
    let payload = &discover().emit();
    let to = address(LINK_LOCAL);
    let answer = sent_by(
        Port::Transport6,
        &desk.arrive(Datagram { via: Port::Transport6, interface: LAN, from, to, payload }),
    );
    assert_eq!((answer.interface, answer.to), (LAN, from));
}

#[test]
fn only_agents_inside_the_list_are_heard_and_only_at_our_addresses_tsv_19_tsv_20_sec_08() {
    let mut desk = desk();
    let payload = &discover().emit();
    let mut reason = |from: &str, to: &str| {
        let from = SocketAddrV6::new(address(from), 67, 0, LAN);
        let datagram = Datagram { via: Port::Transport6, interface: LAN, from, to: address(to), payload };
        let effects = desk.arrive(datagram);
        assert!(is_silent(&effects));
        (refused(&effects).unwrap(), notices(&effects))
    };
    for from in ["2001:db8:3::1", "fe80::18", "::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
        let told = vec![Notice::SourceRefused(address(from))];
        assert_eq!(reason(from, TSV), (Refused::SourceRefused, told), "{from}");
    }
    for to in ["ff02::1", GROUP, "ff0e::1"] {
        assert_eq!(reason(CRA, to).0, Refused::MulticastDestination, "{to}");
    }
    for to in [ANYCAST, ROUTABLE, LINK_LOCAL] {
        assert_eq!(reason(CRA, to).0, Refused::WrongDestination, "{to}");
    }
    let mut nobody = settings_at_67();
    tsv(&mut nobody).accept_from.clear();
    assert_eq!(refused(&Desk::new(nobody).by_ipv6(CRA, payload)), Some(Refused::SourceRefused));
    let mut anybody = settings_at_67();
    tsv(&mut anybody).accept_from = vec!["::/0".parse().unwrap()];
    let mut desk = Desk::new(anybody);
    for from in ["::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
        assert_eq!(refused(&desk.by_ipv6(from, payload)), Some(Refused::SourceRefused), "{from}");
    }
}

#[test]
fn other_ops_are_silence_tsv_09_tsv_10() {
    let mut desk = desk();
    for op in (0..=255).filter(|op| *op != 1) {
        let effects = desk.by_ipv6(CRA, &changed(&discover(), 0, &[op]));
        assert_eq!(effects, [Effect::Refused(Refused::OpUnsupported)], "{op}");
    }
    assert_eq!(desk.server.tally().of(Done::OverIpv6), 0);
    for (what, payload) in [
        ("nothing", vec![]),
        ("op alone", vec![1]),
        ("239 octets", discover().emit()[..239].to_vec()),
        ("a wrong cookie", changed(&discover(), 239, &[0x64])),
        ("hlen 17", changed(&discover(), 2, &[17])),
        ("an option past the end", [&discover().emit()[..240], &[61, 9, 1]].concat()),
    ] {
        assert_eq!(desk.by_ipv6(CRA, &payload), [Effect::Refused(Refused::Malformed4)], "{what}");
    }
}

#[test]
fn option_82_from_an_agent_is_silence_wherever_it_hides_tsv_11_sec_14() {
    let cra6addr = [&[46, 16][..], &address(OTHER_CRA).octets()].concat();
    let plain = discover().with(code::RELAY_AGENT, &cra6addr);
    let empty = discover().with(code::RELAY_AGENT, &[]);
    let mut relayed = plain.emit();
    relayed[24..28].copy_from_slice(&TRA);
    let mut in_file = discover().with(code::OVERLOAD, &[1]).emit();
    in_file[108..112].copy_from_slice(&[82, 2, 1, 0]);
    in_file[112] = 255;
    let mut in_sname = discover().with(code::OVERLOAD, &[2]).emit();
    in_sname[44..48].copy_from_slice(&[82, 2, 1, 0]);
    in_sname[48] = 255;
    let mut trusting = settings_at_67();
    engine(&mut trusting).trust_inner_giaddr = true;
    for settings in [settings_at_67(), trusting] {
        let mut desk = Desk::new(settings);
        for payload in [&plain.emit(), &empty.emit(), &relayed, &in_file, &in_sname] {
            assert_eq!(desk.by_ipv6(CRA, payload), [Effect::Refused(Refused::Option82FromClient)]);
        }
    }
}

#[test]
fn a_whole_life_of_a_lease_over_ipv6_tsv_02_tsv_06_tsv_08() {
    let mut desk = desk();
    let id = octets(CLIENT_ID);
    let offer = desk.ask_by_ipv6(CRA, &discover());
    let offered = v4::Message::parse(&offer).unwrap();
    assert_eq!(offered.address(code::SERVER_ID), Some(SERVER_ID.into()));
    assert_eq!(offered.option(code::CLIENT_ID).as_deref(), Some(&id[..]));
    let address = offered.yiaddr;
    let ack = desk.ask_by_ipv6(CRA, &selecting(address));
    let ack = v4::Message::parse(&ack).unwrap();
    assert_eq!((ack.kind(), ack.yiaddr), (Some(MessageType::ACK), address));
    assert_eq!(ack.option(code::CLIENT_ID).as_deref(), Some(&id[..]));
    let lease = binding(&desk, address);
    assert_eq!(lease.origin, Origin::Network(0x2001_0db8_0001_0001));
    assert_eq!((lease.source, lease.transport), (self::address(CRA), Transport::Agent));
    assert_eq!(told(&mut desk, CRA, &rebooting(address)), (MessageType::ACK, address));
    // RENEWING and REBINDING look the same.
    assert_eq!(told(&mut desk, CRA, &renewing(address)), (MessageType::ACK, address));
    let tally = desk.server.tally();
    assert_eq!((tally.of(Done::Renewing), tally.of(Done::Rebinding), tally.of(Done::OverIpv6)), (0, 1, 4));
    let inform = desk.ask_by_ipv6(CRA, &Message::of(MessageType::INFORM).at(address));
    assert_eq!(given(&inform), (MessageType::ACK, Ipv4Addr::UNSPECIFIED, None));
    assert!(is_silent(&desk.by_ipv6(CRA, &releasing(address).emit())));
    assert_eq!(state(&desk, address), State::Released);
    let without = Message { client_id: None, ..discover() };
    let offer = desk.ask_by_ipv6(CRA, &without);
    assert_eq!(v4::Message::parse(&offer).unwrap().option(code::CLIENT_ID), None);
}

#[test]
fn a_nak_goes_to_the_agent_tsv_15_tsv_08() {
    let mut desk = desk();
    let wrong = rebooting([203, 0, 113, 77].into());
    let effects = desk.by_ipv6(CRA, &wrong.emit());
    let answer = sent_by(Port::Transport6, &effects);
    assert_eq!(answer.to, SocketAddrV6::new(address(CRA), 67, 0, 0));
    let nak = v4::Message::parse(&answer.payload).unwrap();
    assert_eq!(nak.kind(), Some(MessageType::NAK));
    assert_eq!(nak.option(code::CLIENT_ID).as_deref(), Some(&octets(CLIENT_ID)[..]));
    assert_eq!(nak.option(code::SERVER_ID).as_deref(), Some(&SERVER_ID[..]));
    assert!(!nak.is_broadcast(), "there is no relay agent that would have to");
    let codes: Vec<u8> = nak.options().map(|(code, _)| code).collect();
    assert_eq!(codes, [code::MESSAGE_TYPE, code::SERVER_ID, code::MESSAGE, code::CLIENT_ID]);
}

#[test]
fn the_subnet_is_that_of_the_agents_prefix_or_there_is_none_tsv_13() {
    let mut desk = Desk::new(two_subnets());
    assert_eq!(told(&mut desk, CRA, &discover().by(1)).1.octets()[0], 192);
    assert_eq!(told(&mut desk, "2001:db8:2::18", &discover().by(2)).1.octets()[0], 198);
    let mut wide = two_subnets();
    tsv(&mut wide).accept_from = vec!["2001:db8::/32".parse().unwrap()];
    // It comes in by the interface of a subnet, but is not on that link.
    engine(&mut wide).subnets[0].serves.interfaces = vec!["lan0".to_owned()];
    let mut desk = Desk::new(wide);
    let from = SocketAddrV6::new(address("2001:db8:3::18"), 67, 0, 0);
    let payload = &discover().emit();
    let datagram = Datagram { via: Port::Transport6, interface: LAN, from, to: address(TSV), payload };
    let effects = desk.arrive(datagram);
    assert_eq!(refused(&effects), Some(Refused::NoSubnet));
    assert_eq!(notices(&effects), [Notice::NoSubnet(address("2001:db8:3::18"))]);
}

#[test]
fn option_118_beats_the_prefix_if_it_is_followed_tsv_13() {
    let elsewhere = discover().with(code::SUBNET_SELECTION, &[198, 18, 0, 0]);
    assert_eq!(told(&mut Desk::new(two_subnets()), CRA, &elsewhere).1.octets()[0], 192);
    let mut following = two_subnets();
    engine(&mut following).subnet_selection = true;
    assert_eq!(told(&mut Desk::new(following), CRA, &elsewhere).1.octets()[0], 198);
}

#[test]
fn clients_are_told_apart_by_their_identifier_alone_tsv_16_tsv_17() {
    let mut desk = desk();
    // Two clients behind one agent, with the same transaction id.
    let one = lease(&mut desk, CRA, |message| message.by(1));
    let two = lease(&mut desk, CRA, |message| message.by(2));
    // Another identity of the first one's machine, and that machine without any.
    let second =
        |message: Message| Message { client_id: Some(vec![255, 0, 0, 0, 2, 1, 2, 3]), ..message.by(1) };
    let third = |message: Message| Message { client_id: None, ..message.by(1) };
    let all = [one, two, lease(&mut desk, CRA, second), lease(&mut desk, CRA, third)];
    let different: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!((different.len(), bindings(&desk).len()), (4, 4));
    // The same client at another agent is the same client, and with another hardware address as well.
    let elsewhere = |message: Message| Message { hardware: [2; 6], ..message.by(2) };
    assert_eq!(told(&mut desk, OTHER_CRA, &elsewhere(renewing(two))), (MessageType::ACK, two));
    assert_eq!(bindings(&desk).len(), 4);
}

#[test]
fn the_binding_follows_an_agent_whose_address_changes_and_gives_up_nothing_from_elsewhere_e17() {
    let mut desk = Desk::new(two_subnets());
    let address = lease(&mut desk, CRA, |message| message);
    for message in [releasing(address), declining(address)] {
        let effects = desk.by_ipv6(OTHER_CRA, &message.emit());
        assert_eq!(effects, [Effect::Refused(Refused::NotOwner)]);
    }
    assert_eq!(told(&mut desk, OTHER_CRA, &renewing(address)), (MessageType::ACK, address));
    let moved = binding(&desk, address);
    assert_eq!(
        (moved.origin, moved.source),
        (Origin::Network(0x2001_0db8_0001_0002), self::address(OTHER_CRA))
    );
    // Where its subnet does not serve it, it is told so.
    let nowhere = "2001:db8:2::18";
    assert_eq!(told(&mut desk, nowhere, &renewing(address)).0, MessageType::NAK);
    assert_eq!(binding(&desk, address).source, self::address(OTHER_CRA));
    let effects = desk.by_ipv6(CRA, &releasing(address).emit());
    assert_eq!(effects, [Effect::Refused(Refused::NotOwner)], "it is not there any more");
    desk.by_ipv6(OTHER_CRA, &declining(address).emit());
    assert_eq!(state(&desk, address), State::Declined);
}

#[test]
fn what_a_server_says_to_strangers_over_ipv6_s46_29_s46_31() {
    let mut desk = Desk::new(two_subnets());
    let known = lease(&mut desk, CRA, |message| message);
    let free: Ipv4Addr = [192, 0, 2, 200].into();
    let silence = |desk: &mut Desk, message: Message| {
        assert_eq!(desk.by_ipv6(CRA, &message.emit()), [Effect::Refused(Refused::UnknownClient)]);
    };
    silence(&mut desk, rebooting(free).by(7));
    silence(&mut desk, renewing(free).by(7));
    for wrong in [
        rebooting([203, 0, 113, 5].into()).by(7),
        renewing([203, 0, 113, 5].into()).by(7),
        renewing(known).by(7),
        renewing(free),
        rebooting(free),
    ] {
        assert_eq!(told(&mut desk, CRA, &wrong).0, MessageType::NAK);
    }
    assert_eq!(state(&desk, known), State::Bound);
    let foreign = Message::of(MessageType::REQUEST)
        .with(code::REQUESTED_ADDRESS, &free.octets())
        .with(code::SERVER_ID, &[203, 0, 113, 1]);
    assert_eq!(desk.by_ipv6(CRA, &foreign.emit()), [Effect::Refused(Refused::OtherServer)]);
    for kind in [0, 2, 5, 6, 9, 10, 13, 200] {
        let effects = desk.by_ipv6(CRA, &Message::of(MessageType(kind)).emit());
        assert_eq!(effects, [Effect::Refused(Refused::Unsupported4)], "{kind}");
    }
}

#[test]
fn a_place_has_as_many_leases_as_the_operator_allows_s46_41() {
    for (limit, leases) in [(Limits::default().leases_per_origin, 4), (2, 2), (0, 20)] {
        let mut settings = settings_at_67();
        engine(&mut settings).limits = Limits { leases_per_origin: limit, ..Limits::default() };
        engine(&mut settings).limits.offered_percent = 100;
        settings.rates.per_source = 0;
        let mut desk = Desk::new(settings);
        for client in 1..=leases {
            lease(&mut desk, CRA, |message| message.by(client));
        }
        let another = desk.by_ipv6(CRA, &discover().by(99).emit());
        assert_eq!(refused(&another), (limit > 0).then_some(Refused::LeaseLimit), "{limit}");
        lease(&mut desk, OTHER_CRA, |message| message.by(100));
    }
}

#[test]
fn an_agent_asks_twenty_times_a_second_and_others_do_not_notice_s46_45() {
    let mut desk = desk();
    let payload = discover().emit();
    let answered = (0..100).filter(|_| !is_silent(&desk.by_ipv6(CRA, &payload))).count();
    assert_eq!(answered, 40);
    assert_eq!(refused(&desk.by_ipv6(CRA, &payload)), Some(Refused::RateLimited));
    assert!(!is_silent(&desk.by_ipv6(OTHER_CRA, &payload)));
    desk.wait(Duration::from_secs(1));
    let later = (0..100).filter(|_| !is_silent(&desk.by_ipv6(CRA, &payload))).count();
    assert_eq!((later, desk.server.tally().of(Done::OverIpv6)), (20, 61));
}

#[test]
fn an_answer_is_cut_to_what_the_sender_may_get_and_to_what_any_host_takes_sec_07_s46_37() {
    let mut verbose = settings_at_67();
    engine(&mut verbose).options = (224..=240).map(|code| (code, vec![code; 200])).collect();
    let mut desk = Desk::new(verbose);
    let all: Vec<u8> = (224..=240).collect();
    let asking = discover().with(code::PARAMETER_REQUEST, &all);
    // Who says nothing gets what need not be cut on its way by IPv4.
    let answer = desk.ask_by_ipv6(CRA, &asking);
    assert!((549 - 202..=548).contains(&answer.len()), "{}", answer.len());
    let large = asking.clone().with(code::MAX_MESSAGE_SIZE, &[0xff, 0xff]);
    let payload = large.emit();
    let answer = desk.ask_by_ipv6(CRA, &large).len();
    assert!(
        (4 * payload.len() - 202..=4 * payload.len()).contains(&answer),
        "{answer} for {}",
        payload.len()
    );
    // Not padded, and still answered.
    let end = payload.iter().rposition(|octet| *octet == 255).unwrap();
    let short = sent_by(Port::Transport6, &desk.by_ipv6(CRA, &payload[..=end])).payload.len();
    assert!(short <= 4 * (end + 1) && short >= 300, "{short} for {}", end + 1);
    assert_eq!(desk.server.tally().of(Done::OptionsDropped), 3);
    let exact = asking.with(code::MAX_MESSAGE_SIZE, &[0x02, 0x40]);
    assert!(desk.ask_by_ipv6(CRA, &exact).len() <= 548);
}

#[test]
fn bootp_clients_get_what_is_kept_for_them_s46_44() {
    use dhcp4o6_protocol::binding::Holder;
    use dhcp4o6_protocol::server4::settings::Reservation;
    let mut settings = settings_at_67();
    let kept: Ipv4Addr = [192, 0, 2, 250].into();
    engine(&mut settings).subnets[0].reservations = vec![Reservation {
        holder: Holder::Hardware(1, vec![2, 0, 0x5e, 0x10, 0, 1]),
        address: kept,
        options: Vec::new(),
    }];
    let mut desk = Desk::new(settings);
    let bootp = Message { kind: None, client_id: None, ..discover() };
    let answer = desk.ask_by_ipv6(CRA, &bootp);
    assert_eq!(v4::Message::parse(&answer).unwrap().yiaddr, kept);
    let other = Message { hardware: [9; 6], ..bootp };
    assert_eq!(refused(&desk.by_ipv6(CRA, &other.emit())), Some(Refused::UnknownClient));
}

#[test]
fn an_ack_waits_for_its_record_and_is_dropped_with_it_s46_34_tsv_03() {
    let mut desk = desk();
    desk.stores = false;
    let (_, offered) = told(&mut desk, CRA, &discover());
    let effects = desk.by_ipv6(CRA, &selecting(offered).emit());
    let journal = effects.iter().position(|effect| matches!(effect, Effect::Journal(_))).unwrap();
    let send = effects.iter().position(|effect| matches!(effect, Effect::Send { .. })).unwrap();
    assert!(journal < send, "{effects:?}");
    let lost = desk.input(dhcp4o6_protocol::provider::Input::StorageFailed);
    assert!(matches!(notices(&lost)[..], [Notice::StorageDegraded, Notice::BindingRemoved(_)]), "{lost:?}");
    assert_eq!(bindings(&desk), []);
    assert_eq!(refused(&desk.by_ipv6(CRA, &discover().by(2).emit())), Some(Refused::NoStorage));
}

#[test]
fn an_operator_can_ask_what_a_client_behind_an_agent_would_get_tsv_13() {
    let mut desk = Desk::new(two_subnets());
    let client_id = Some(octets(CLIENT_ID));
    let question =
        Question { agent: Some(address(CRA)), client_id: client_id.clone(), ..Question::default() };
    let foretold = desk.server.select(desk.now, &question).unwrap();
    assert_eq!(foretold.subnet.as_deref(), Some("192.0.2.0/24"));
    assert_eq!(foretold.steps[0], ("source".to_owned(), "2001:db8:1:1::18: 192.0.2.0/24".to_owned()));
    assert_eq!(told(&mut desk, CRA, &discover()).1, foretold.address.unwrap().address);
    let by_tra =
        |question: Question| Question { giaddr: Some(TRA.into()), client_id: client_id.clone(), ..question };
    for (question, subnet) in [
        (Question { agent: Some(address("2001:db8:2::1")), ..Question::default() }, Some("198.18.0.0/24")),
        (Question { agent: Some(address("2001:db8:3::1")), ..Question::default() }, None),
        (
            by_tra(Question { agent: Some(address("2001:db8:2::1")), ..Question::default() }),
            Some("198.18.0.0/24"),
        ),
        (
            by_tra(Question {
                agent: Some(address(CRA)),
                link_selection: Some([198, 18, 0, 0].into()),
                ..Question::default()
            }),
            Some("198.18.0.0/24"),
        ),
        (by_tra(Question::default()), None),
        (Question { giaddr: Some([10, 9, 9, 9].into()), ..Question::default() }, None),
    ] {
        let selection = desk.server.select(desk.now, &question).unwrap();
        assert_eq!(selection.subnet.as_deref(), subnet, "{question:?}");
        assert!(!selection.steps.is_empty());
    }
}

#[test]
fn leases_are_as_long_as_the_subnet_says() {
    let mut settings = settings_at_67();
    engine(&mut settings).subnets[0].times.default = Lifetime(1200);
    let mut desk = Desk::new(settings);
    assert_eq!(given(&desk.ask_by_ipv6(CRA, &discover())).2, Some(1200));
}
