//! Who is let in, and what is answered with silence and one counter.

use crate::desk::*;
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::settings::Profile;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::wire::v4::{MessageType, code};
use std::net::SocketAddrV6;
use std::time::Duration;

fn asked() -> Vec<u8> {
    query(0, &discover().emit())
}

#[test]
fn the_same_query_by_multicast_by_unicast_and_relayed_gets_the_same_offer_s46_01_s46_14() {
    let mut desk = Desk::new(settings());
    let relayed = relayed(0, "2001:db8:5::1", CLIENT, None, &asked());
    let mut offered = |from: &str, to: &str| {
        let (kind, address, _) = given(&dhcpv4(&desk.sent(LAN, from, to, &asked()).payload));
        assert_eq!(kind, MessageType::OFFER);
        address
    };
    assert_eq!(offered(CLIENT, GROUP), offered(CLIENT, LINK_LOCAL));
    assert_eq!(offered("2001:db8:9::9", ANYCAST), offered("2001:db8:9::9", ROUTABLE));
    let [one, other] = [ANYCAST, SITE_GROUP].map(|to| desk.sent(LAN, "2001:db8:9::9", to, &relayed).payload);
    assert_eq!((one[0], &one), (13, &other));
    assert_eq!(desk.server.tally().of(Done::Query), 6);
    assert_eq!(desk.server.tally().of(Done::Relayed), 2);
}

#[test]
fn a_direct_answer_comes_from_where_the_query_was_sent_to_s46_06_s46_07() {
    let mut desk = Desk::new(settings());
    let sent = desk.sent(LAN, CLIENT, GROUP, &asked());
    assert_eq!((sent.interface, sent.source), (LAN, Some(address(LINK_LOCAL))));
    assert_eq!(sent.to, SocketAddrV6::new(address(CLIENT), 546, 0, LAN));
    let sent = desk.sent(OTHER_LAN, CLIENT, GROUP, &asked());
    assert_eq!((sent.interface, sent.source), (OTHER_LAN, Some(address("fe80::5:2"))));
    let sent = desk.sent(LAN, "2001:db8:9::9", ANYCAST, &asked());
    assert_eq!((sent.interface, sent.source), (LAN, Some(address(ANYCAST))));
    assert_eq!(sent.to, SocketAddrV6::new(address("2001:db8:9::9"), 546, 0, 0));
}

#[test]
fn the_senders_port_counts_only_where_a_relay_agent_says_so_gen_12_s46_08() {
    let mut desk = Desk::new(settings());
    let from = |from: &str, port| SocketAddrV6::new(address(from), port, 0, LAN);
    let direct = sent(&desk.effects_from(LAN, from(CLIENT, 40_000), GROUP, &asked()));
    assert_eq!(direct.to.port(), 546);
    let plain = relayed(0, "2001:db8:5::1", CLIENT, None, &asked());
    let agent = from("2001:db8:7::1", 10_000);
    assert_eq!(sent(&desk.effects_from(LAN, agent, ANYCAST, &plain)).to.port(), 547);
    let mut with_port = plain[..34].to_vec();
    with_port.extend([0, 135, 0, 2, 0, 0]);
    with_port.extend(&plain[34..]);
    let answer = sent(&desk.effects_from(LAN, agent, ANYCAST, &with_port));
    assert_eq!(answer.to.port(), 10_000);
    assert_eq!(answer.payload[34..40], [0, 135, 0, 2, 0, 0]);
    let nowhere = desk.effects_from(LAN, from("2001:db8:7::1", 0), ANYCAST, &with_port);
    assert_eq!(refused(&nowhere), Some(Refused::BadPeer));
}

#[test]
fn strangers_get_nothing_sec_08() {
    let mut desk = Desk::new(settings());
    for (interface, from, to, reason) in [
        (NOT_SERVED, CLIENT, GROUP, Refused::WrongLink),
        (NOT_SERVED, CLIENT, LINK_LOCAL, Refused::WrongLink),
        (NOT_SERVED, "2001:db8:9::9", ROUTABLE, Refused::WrongLink),
        // Our own address is there by whatever interface; link-local addresses of links not served are nobody's.
        (NOT_SERVED, CLIENT, ANYCAST, Refused::SourceRefused),
        (LAN, CLIENT, "fe80::5:2", Refused::WrongDestination),
        (LAN, CLIENT, "2001:db8:5::2", Refused::WrongDestination),
        (LAN, CLIENT, "ff02::1", Refused::WrongDestination),
        (LAN, CLIENT, "ff05::1:2", Refused::WrongDestination),
        (LAN, "2001:db9::1", ANYCAST, Refused::SourceRefused),
        (LAN, "2001:db9::1", GROUP, Refused::SourceRefused),
        (LAN, "::", GROUP, Refused::SourceRefused),
        (LAN, "::1", GROUP, Refused::SourceRefused),
        (LAN, "ff02::1", GROUP, Refused::SourceRefused),
        (LAN, "::ffff:192.0.2.1", ANYCAST, Refused::SourceRefused),
    ] {
        assert_eq!(desk.refused(interface, from, to, &asked()), reason, "{from} to {to} by {interface}");
    }
    assert_eq!(desk.sent(NOT_SERVED, "2001:db8:9::9", ANYCAST, &asked()).interface, NOT_SERVED);
    let mut open = settings();
    open.accept_from = vec!["::/0".parse().unwrap()];
    let mut desk = Desk::new(open);
    for from in ["::", "ff02::1", "::ffff:192.0.2.1"] {
        assert_eq!(desk.refused(LAN, from, ANYCAST, &asked()), Refused::SourceRefused, "{from}");
    }
}

#[test]
fn interfaces_come_and_go() {
    let mut desk = Desk::new(settings());
    assert_eq!(desk.input(Input::Interfaces(&interfaces()[..1])), []);
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &asked()), Refused::WrongLink);
    let mut all = interfaces();
    all[1].addresses = vec![address("fe80::77")];
    assert_eq!(desk.input(Input::Interfaces(&all)), []);
    assert_eq!(desk.sent(LAN, CLIENT, GROUP, &asked()).source, Some(address("fe80::77")));
}

#[test]
fn what_is_not_a_query_of_the_profile_is_silence_s46_15_gen_11_gen_17() {
    let mut desk = Desk::new(settings());
    for kind in 0..=255_u8 {
        let reason = match kind {
            20 => continue,
            2 | 7 | 10 | 13 | 21 => Refused::WrongDirection,
            12 => Refused::MalformedRelay,
            _ => Refused::UnknownType,
        };
        let payload = [&[kind][..], &asked()[1..]].concat();
        assert_eq!(desk.refused(LAN, CLIENT, GROUP, &payload), reason, "{kind}");
        if ![12, 13].contains(&kind) {
            let inside = relayed(0, "2001:db8:5::1", CLIENT, None, &payload);
            assert_eq!(desk.refused(LAN, CLIENT, GROUP, &inside), reason, "{kind} relayed");
        }
    }
    let draft = settings_of(Profile::Draft01);
    let mut desk = Desk::new(draft);
    for kind in [20, 21] {
        let payload = [&[kind][..], &asked()[1..]].concat();
        assert_eq!(desk.refused(LAN, CLIENT, GROUP, &payload), Refused::UnknownType);
    }
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &[246, 0, 0, 0]), Refused::WrongDirection);
}

fn settings_of(profile: Profile) -> dhcp4o6_protocol::role::server::ServerSettings {
    let mut settings = settings();
    settings.profile = profile;
    settings
}

#[test]
fn draft01_repeats_the_id_and_both_profiles_are_heard_when_both_are_accepted_s46_05() {
    let old = query_with(&[245, 1, 2, 3], &[(54321, &discover().emit())]);
    for profile in [Profile::Draft01, Profile::Dual] {
        let mut desk = Desk::new(settings_of(profile));
        let answer = desk.sent(LAN, CLIENT, GROUP, &old).payload;
        assert_eq!(answer[..6], [246, 1, 2, 3, 0xd4, 0x31]);
        if profile == Profile::Dual {
            assert_eq!(desk.sent(LAN, CLIENT, GROUP, &asked()).payload[..6], [21, 0, 0, 0, 0, 87]);
        }
    }
    let mut desk = Desk::new(settings());
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &old), Refused::UnknownType);
}

#[test]
fn a_query_holds_exactly_one_whole_dhcpv4_message_s46_02_s46_03() {
    let mut desk = Desk::new(settings());
    let good = discover().emit();
    let changed = |at: usize, value: u8| {
        let mut message = good.clone();
        message[at] = value;
        message
    };
    let inner = |message: &[u8]| query(0, message);
    let cases: Vec<(&str, Vec<u8>, Refused)> = vec![
        ("nothing", vec![], Refused::Malformed6),
        ("a type", vec![20], Refused::Malformed6),
        ("no option", vec![20, 0, 0, 0], Refused::NoDhcpv4Message),
        ("another option", query_with(&[20, 0, 0, 0], &[(6, &[0, 88])]), Refused::NoDhcpv4Message),
        ("two", query_with(&[20, 0, 0, 0], &[(87, &good), (87, &good)]), Refused::DuplicateDhcpv4Message),
        ("a cut option", inner(&good)[..200].to_vec(), Refused::Malformed6),
        ("leftovers", [&inner(&good)[..], &[0, 0]].concat(), Refused::Malformed6),
        ("two client ids", query_with(&[20, 0, 0, 0], &[(1, &[0; 4]), (1, &[0; 4])]), Refused::Malformed6),
        ("100 octets", inner(&good[..100]), Refused::Malformed4),
        ("239 octets", inner(&good[..239]), Refused::Malformed4),
        ("a wrong cookie", inner(&changed(239, 0x64)), Refused::Malformed4),
        ("hlen 17", inner(&changed(2, 17)), Refused::Malformed4),
        ("a reply", inner(&changed(0, 2)), Refused::Malformed4),
        ("op 3", inner(&changed(0, 3)), Refused::Malformed4),
        ("an empty message", inner(&[]), Refused::Malformed4),
        (
            "another server's",
            query_with(&[20, 0, 0, 0], &[(2, &[0, 3, 0, 1, 9]), (87, &good)]),
            Refused::OtherServer,
        ),
    ];
    for (what, payload, reason) in cases {
        assert_eq!(desk.refused(LAN, CLIENT, GROUP, &payload), reason, "{what}");
    }
    let ours =
        query_with(&[20, 0, 0, 0], &[(2, duid().as_bytes()), (65_000, b"x"), (6, &[0, 88]), (87, &good)]);
    // What is asked for beside it is not answered here (S46-11, S46-19).
    dhcpv4(&desk.sent(LAN, CLIENT, GROUP, &ours).payload);
    assert_eq!(desk.server.tally().of(Done::Query), 1);
}

#[test]
fn only_what_clients_say_is_heard_over_ipv6_v5() {
    let mut desk = Desk::new(settings());
    for kind in [0, 2, 5, 6, 9, 10, 11, 12, 13, 14, 18, 200, 255] {
        let message = Message::of(MessageType(kind)).emit();
        assert_eq!(desk.refused(LAN, CLIENT, GROUP, &query(0, &message)), Refused::Unsupported4, "{kind}");
        desk.wait(Duration::from_secs(1));
    }
}

#[test]
fn what_looks_like_a_relay_agents_word_never_reaches_the_engine_sec_14_v6() {
    let mut desk = Desk::new(settings());
    for value in [&b"\x01\x04wan0"[..], &[], &[0xff]] {
        let message = discover().with(code::RELAY_AGENT, value).emit();
        let query = query(0, &message);
        assert_eq!(desk.refused(LAN, CLIENT, GROUP, &query), Refused::Option82FromClient);
        let relayed = relayed(0, "2001:db8:5::1", CLIENT, None, &query);
        assert_eq!(desk.refused(LAN, "2001:db8:7::1", ANYCAST, &relayed), Refused::Option82FromClient);
    }
    // Hidden in `file`, which option 52 opens.
    let mut message = discover().with(code::OVERLOAD, &[1]).emit();
    message[108..112].copy_from_slice(&[82, 2, 1, 0]);
    message[112] = 255;
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &query(0, &message)), Refused::Option82FromClient);
}

#[test]
fn bits_that_mean_nothing_are_ignored_and_a_discover_is_never_a_renewal_s46_10() {
    let mut desk = Desk::new(settings());
    let payload = query_with(&[20, 0xff, 0xff, 0xff], &[(87, &discover().emit())]);
    let answer = dhcpv4(&desk.sent(LAN, CLIENT, GROUP, &payload).payload);
    assert_eq!(given(&answer).0, MessageType::OFFER);
}

#[test]
fn relay_messages_are_followed_as_deep_as_relay_agents_go_s46_16() {
    let nested = |levels: u8| {
        (0..levels).fold(asked(), |message, hop| {
            relayed(hop.min(8), "2001:db8:5::1", "2001:db8:7::1", Some(&[hop]), &message)
        })
    };
    let mut desk = Desk::new(settings());
    for levels in [1, 2, 9] {
        let answer = desk.sent(LAN, "2001:db8:7::1", ANYCAST, &nested(levels)).payload;
        let back = dhcp4o6_protocol::wire::relay::Relayed::parse(&answer).unwrap();
        let ids: Vec<_> =
            back.levels.iter().map(|level| (level.hop_count, level.interface_id().unwrap()[0])).collect();
        let expected: Vec<_> = (0..levels).rev().map(|hop| (hop.min(8), hop)).collect();
        assert_eq!(ids, expected);
        assert_eq!(given(&dhcpv4(back.message)).0, MessageType::OFFER);
    }
    for levels in [10, 33, 200] {
        let reason = desk.refused(LAN, "2001:db8:7::1", ANYCAST, &nested(levels));
        assert_eq!(reason, Refused::MalformedRelay);
    }
    for hops in [9, 33, 255] {
        let one = relayed(hops, "2001:db8:5::1", CLIENT, None, &asked());
        assert_eq!(desk.refused(LAN, "2001:db8:7::1", ANYCAST, &one), Refused::HopLimit);
        let inside = relayed(1, "2001:db8:5::1", CLIENT, None, &one);
        assert_eq!(desk.refused(LAN, "2001:db8:7::1", ANYCAST, &inside), Refused::HopLimit);
    }
    let whole = nested(2);
    for end in 1..whole.len() {
        let effects = desk.effects(LAN, "2001:db8:7::1", ANYCAST, &whole[..end]);
        assert!(matches!(effects[..], [Effect::Refused(_)]), "{end}: {effects:?}");
    }
}

#[test]
fn one_source_gets_twenty_a_second_and_others_do_not_notice_s46_45() {
    let mut desk = Desk::new(settings());
    let mut answered = 0;
    for _ in 0..1000 {
        answered += usize::from(refused(&desk.effects(LAN, CLIENT, GROUP, &asked())).is_none());
        desk.wait(Duration::from_millis(10));
    }
    assert!((239..=241).contains(&answered), "{answered} in 10 seconds");
    while refused(&desk.effects(LAN, CLIENT, GROUP, &asked())).is_none() {
        answered += 1;
    }
    // The same address on another link is another client, and so is another address on this one.
    desk.sent(OTHER_LAN, CLIENT, GROUP, &asked());
    desk.sent(LAN, "fe80::9", GROUP, &asked());
    // What is refused for its rate never reached the engine.
    assert_eq!(desk.server.tally().of(Done::Query), u64::try_from(answered).unwrap() + 2);
}

#[test]
fn what_is_behind_one_interface_id_has_a_limit_of_its_own_s46_45() {
    let mut desk = Desk::new(settings());
    let through = |id: &'static [u8], client: u32| {
        let peer = format!("fe80::{client:x}");
        relayed(0, "2001:db8:5::1", &peer, Some(id), &asked())
    };
    let mut ask = |id: &'static [u8], client: u32| {
        refused(&desk.effects(LAN, "2001:db8:7::1", ANYCAST, &through(id, client)))
    };
    let answered = (1..=1000).filter(|client| ask(b"dsl-1", *client) != Some(Refused::RateLimited)).count();
    assert_eq!(answered, 400);
    assert_ne!(ask(b"dsl-2", 1001), Some(Refused::RateLimited));
}

#[test]
fn there_can_be_a_limit_for_all_and_none_at_all() {
    let mut limited = settings();
    limited.rates.total = 10;
    let mut desk = Desk::new(limited);
    let ask = |desk: &mut Desk, n: u32| {
        refused(&desk.effects(LAN, &format!("fe80::{n:x}"), GROUP, &asked())) != Some(Refused::RateLimited)
    };
    assert_eq!((1..=100).filter(|n| ask(&mut desk, *n)).count(), 20);
    let mut unlimited = settings();
    unlimited.rates.per_source = 0;
    let now = desk.now;
    let mut out = Vec::new();
    desk.server.configure(now, unlimited, &mut out);
    assert_eq!((1..=1000).filter(|_| ask(&mut desk, 1)).count(), 1000);
}

#[test]
fn an_answer_is_never_four_times_as_long_as_what_an_unproven_source_sent_sec_07_v4() {
    let mut verbose = settings();
    let dhcp4o6_protocol::role::server::EngineSettings::Builtin(four) = &mut verbose.engine else {
        unreachable!()
    };
    // Options that fill what option 57 allows.
    four.options = (224..=240).map(|code| (code, vec![code; 200])).collect();
    let mut desk = Desk::new(verbose);
    let all: Vec<u8> = (224..=240).collect();
    let message = discover().with(code::MAX_MESSAGE_SIZE, &[0xff, 0xff]).with(code::PARAMETER_REQUEST, &all);
    let query = query(0, &message.emit());
    for (from, to) in [(CLIENT, GROUP), ("2001:db8:9::9", ANYCAST)] {
        for effect in desk.effects(LAN, from, to, &query) {
            if let Effect::Send { payload, .. } = effect {
                assert!(from == CLIENT || payload.len() <= 4 * query.len(), "{}", payload.len());
            }
        }
    }
}

#[test]
fn other_sockets_are_none_of_its_business() {
    let mut desk = Desk::new(settings());
    let from = SocketAddrV6::new(address(CLIENT), 546, 0, LAN);
    let payload = &asked()[..];
    for via in [Port::Upstream6(1547), Port::Upstream4("192.0.2.1:67".parse().unwrap())] {
        let datagram = Datagram { via, interface: LAN, from, to: address(GROUP), payload };
        assert_eq!(refused(&desk.input(Input::Datagram(datagram))), Some(Refused::WrongLink));
    }
}
