//! From clients and relay agents to servers.

use super::*;
use crate::ids::Duid;

/// The DISCOVER of a 4o6 client by multicast, and the same behind the relay agent next to it.
fn golden() -> (Vec<u8>, Vec<u8>) {
    let mut query = octets(
        "14 000000 0057 012c 01010600 3a4f1c02 0000 0000 00000000 00000000 00000000 00000000 02005e100001",
    );
    query.resize(8 + 236, 0);
    query.extend(octets(
        "63825363 35 01 01 3d 13 ff5e1000010001000129b7c0de02005e100001 39 02 0480 37 07 01 79 03 06 0f 1a 77 ff",
    ));
    query.resize(308, 0);
    let mut relayed = octets(
        "0c 00 20010db8000100010000000000000001 fe8000000000000000005efffe100001
         0012 0004 77616e30 0009 0134",
    );
    relayed.extend(&query);
    (query, relayed)
}

#[test]
fn a_clients_message_is_wrapped_octet_for_octet_as_in_the_vector_r6_01() {
    let mut settings = settings();
    settings.clients[0].interface_id = b"wan0".to_vec();
    settings.clients[0].always_interface_id = true;
    let (query, relayed) = golden();
    let sent = Rig::new(settings).relayed(LAN0, &query);
    assert_eq!(sent.payload, relayed);
    assert_eq!(sent.payload.len(), 354);
    assert_eq!(sent.to, at(SERVER, 547, 0));
    assert_eq!((sent.via, sent.interface, sent.source), (Port::Dhcp6, 0, None));
}

#[test]
fn the_link_is_named_by_a_routable_address_and_only_by_it_r6_02() {
    let sent = Rig::new(settings()).relayed(LAN0, &solicit());
    let level = sent.level();
    assert_eq!((level.kind, level.hop_count), (MessageType::RELAY_FORW, 0));
    assert_eq!((level.link_address, level.peer_address), (ip(LAN0_ADDRESS), ip(CLIENT)));
    assert_eq!(level.message, solicit());
    assert_eq!(level.options.iter().count(), 1);
}

#[test]
fn a_link_without_a_routable_address_is_named_by_its_interface_id_r6_03() {
    let sent = Rig::new(settings()).relayed(LAN1, &solicit());
    assert_eq!(sent.level().link_address, Ipv6Addr::UNSPECIFIED);
    assert_eq!(sent.level().interface_id(), Some(&b"lan1"[..]));
    let again = Rig::new(settings()).relayed(LAN1, &solicit());
    assert_eq!(again.payload, sent.payload, "it changed over a restart");
}

#[test]
fn an_address_on_two_links_names_neither_r6_03() {
    let shared = [
        interface(LAN0, "lan0", &["fe80::a:1", "2001:db8::7"]),
        interface(LAN1, "lan1", &["fe80::a:2", "2001:db8::7"]),
    ];
    let mut rig = Rig::with(settings(), &shared);
    for (lan, id) in [(LAN0, b"lan0"), (LAN1, b"lan1")] {
        let sent = rig.relayed(lan, &solicit());
        assert_eq!(sent.level().link_address, Ipv6Addr::UNSPECIFIED);
        assert_eq!(sent.level().interface_id(), Some(&id[..]));
    }
}

#[test]
fn a_routable_address_that_comes_and_goes_is_followed_r6_02() {
    let mut rig = Rig::with(settings(), &[interface(LAN0, "lan0", &["fe80::a:1"])]);
    assert_eq!(rig.relayed(LAN0, &solicit()).level().link_address, Ipv6Addr::UNSPECIFIED);
    rig.relay.handle(START, Input::Interfaces(&interfaces()), &mut Vec::new());
    assert_eq!(rig.relayed(LAN0, &solicit()).level().link_address, ip(LAN0_ADDRESS));
}

#[test]
fn relay_agents_are_wrapped_with_one_hop_more_up_to_the_limit_r6_04() {
    let mut rig = Rig::new(settings());
    for hops in 0..HOP_COUNT_LIMIT {
        let inside = forward(hops, &solicit());
        let [sent] = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &inside).unwrap().try_into().unwrap();
        assert_eq!(sent.level().hop_count, hops + 1);
        assert_eq!(sent.level().message, inside);
        assert_eq!(sent.level().peer_address, ip("fe80::b"));
    }
    for hops in HOP_COUNT_LIMIT..=255 {
        let refused = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &forward(hops, &solicit()));
        assert_eq!(refused, Err(Refused::HopLimit), "{hops}");
    }
}

#[test]
fn a_relay_agent_with_a_routable_address_is_found_by_routing_r6_04() {
    let mut rig = Rig::new(settings());
    let inside = forward(0, &solicit());
    let mut link = |from: &str| {
        let sent = rig.take(LAN2, at(from, 547, LAN2), "2001:db8:1:2::1", &inside).unwrap();
        (sent[0].level().link_address, sent[0].level().interface_id().map(<[u8]>::to_vec))
    };
    assert_eq!(link("2001:db8:7::1"), (Ipv6Addr::UNSPECIFIED, None));
    assert_eq!(link("fd00::7"), (Ipv6Addr::UNSPECIFIED, None));
    assert_eq!(link("fe80::b"), (ip("2001:db8:1:2::1"), None));
    let bare = [interface(LAN2, "lan2", &["fe80::a:2"])];
    let mut rig = Rig::with(settings(), &bare);
    let sent = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &inside).unwrap();
    assert_eq!(sent[0].level().interface_id(), Some(&b"lan2"[..]));
}

#[test]
fn a_relay_forward_without_a_whole_header_is_malformed_gen_01() {
    let mut rig = Rig::new(settings());
    for end in SHORTEST..HEADER {
        let cut = &forward(0, &solicit())[..end];
        let refused = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, cut);
        assert_eq!(refused, Err(Refused::MalformedRelay), "{end}");
    }
}

#[test]
fn unknown_types_are_relayed_like_any_other_r6_05() {
    for kind in [1, 3, 4, 5, 6, 8, 9, 11, 14, 19, 20, 22, 37, 38, 200, 245, 246, 255] {
        let message = [kind, 9, 9, 9, 0xff];
        let sent = Rig::new(settings()).relayed(LAN0, &message);
        assert_eq!(sent.level().message, message, "{kind}");
    }
}

#[test]
fn what_only_servers_send_is_not_relayed_from_a_client_r6_06() {
    for kind in [2, 7, 10, 13, 21] {
        let refused = Rig::new(settings()).client(LAN0, &[kind, 0, 0, 0]);
        assert_eq!(refused, Err(Refused::WrongDirection), "{kind}");
    }
    for profile in [Profile::Draft01, Profile::Dual] {
        let refused = Rig::new(RelaySettings { profile, ..settings() }).client(LAN0, &[246, 0, 0, 0]);
        assert_eq!(refused, Err(Refused::WrongDirection), "{profile:?}");
    }
}

fn apart(profile: Profile) -> RelaySettings {
    RelaySettings { servers_4o6: vec![destination("2001:db8:46::1", None)], profile, ..settings() }
}

#[test]
fn queries_of_clients_go_to_their_own_destinations_r6_07() {
    let mut rig = Rig::new(apart(Profile::Rfc7341));
    assert_eq!(rig.relayed(LAN0, &query()).to, at("2001:db8:46::1", 547, 0));
    assert_eq!(rig.relayed(LAN0, &solicit()).to, at(SERVER, 547, 0));
    assert_eq!(rig.relayed(LAN0, &query()).level().message, query());
    assert_eq!(rig.relay.tally().of(Done::Query), 2);
    assert_eq!(rig.relay.tally().of(Done::Upstream), 3);
}

#[test]
fn which_type_is_a_query_says_the_profile_r6_07() {
    let cases = [
        (Profile::Rfc7341, 20, true),
        (Profile::Rfc7341, 245, false),
        (Profile::Draft01, 20, false),
        (Profile::Draft01, 245, true),
        (Profile::Dual, 20, true),
        (Profile::Dual, 245, true),
    ];
    for (profile, kind, own) in cases {
        let sent = Rig::new(apart(profile)).relayed(LAN0, &[kind, 0, 0, 0]);
        assert_eq!(sent.to.ip() == &ip("2001:db8:46::1"), own, "{profile:?} {kind}");
    }
}

#[test]
fn a_query_inside_a_relay_forward_goes_where_all_others_go_r6_08() {
    let mut rig = Rig::new(apart(Profile::Rfc7341));
    let [sent] =
        rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &forward(0, &query())).unwrap().try_into().unwrap();
    assert_eq!(sent.to, at(SERVER, 547, 0));
    assert_eq!((rig.relay.tally().of(Done::Relayed), rig.relay.tally().of(Done::Query)), (1, 0));
}

#[test]
fn without_destinations_of_their_own_queries_go_with_the_rest_r6_09() {
    let mut rig = Rig::new(settings());
    assert_eq!(rig.relayed(LAN0, &query()).to, rig.relayed(LAN0, &solicit()).to);
}

#[test]
fn every_destination_gets_a_copy_r6_10() {
    let servers = vec![
        destination(SERVER, None),
        destination("fe80::53", Some("wan0")),
        destination("ff05::1:3", Some("wan0")),
    ];
    let sent = Rig::new(RelaySettings { servers, ..settings() }).client(LAN0, &solicit()).unwrap();
    let to: Vec<_> = sent.iter().map(|sent| (sent.interface, sent.to)).collect();
    let scoped = |address| SocketAddrV6::new(ip(address), 547, 0, WAN0);
    assert_eq!(to, [(0, at(SERVER, 547, 0)), (WAN0, scoped("fe80::53")), (WAN0, scoped("ff05::1:3"))]);
    assert!(sent.windows(2).all(|pair| pair[0].payload == pair[1].payload));
}

#[test]
fn a_destination_whose_interface_is_gone_is_left_out_r6_22() {
    let servers = vec![destination("ff05::1:3", Some("wan1")), destination(SERVER, None)];
    let mut rig = Rig::new(RelaySettings { servers, ..settings() });
    assert_eq!(rig.relayed(LAN0, &solicit()).to, at(SERVER, 547, 0));
    let servers = vec![destination("ff05::1:3", Some("wan1"))];
    let mut rig = Rig::new(RelaySettings { servers, ..settings() });
    assert_eq!(rig.client(LAN0, &solicit()), Err(Refused::SendError));
}

#[test]
fn what_is_inside_is_not_looked_at_r6_13() {
    let mut rig = Rig::new(settings());
    for broken in ["01 000000 0003 ffff", "14 ffffff 0057", "03 000000 00", "c8 000000 ffffffff"] {
        assert_eq!(rig.relayed(LAN0, &octets(broken)).level().message, octets(broken));
    }
    let header = &forward(0, &solicit())[..HEADER];
    let broken = [header, &[0, 9, 0xff, 0xff, 1]].concat();
    let sent = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &broken).unwrap();
    assert_eq!(sent[0].level().message, broken);
}

#[test]
fn less_than_a_header_is_malformed_gen_02() {
    let mut rig = Rig::new(settings());
    for end in 0..SHORTEST {
        assert_eq!(rig.client(LAN0, &solicit()[..end]), Err(Refused::Malformed6), "{end}");
    }
}

#[test]
fn identities_go_into_the_envelope_as_configured_r6_15() {
    let settings = RelaySettings {
        client_link_layer: true,
        relay_id: Some(Duid::new(octets("0003 0001 02005e000001")).unwrap()),
        remote_id: Some((32473, b"access-7".to_vec())),
        ..settings()
    };
    let mut rig = Rig::new(settings);
    let sent = rig.relayed(LAN0, &solicit());
    assert_eq!(
        sent.option(OptionCode::REMOTE_ID),
        Some(&[&[0, 0, 0x7e, 0xd9][..], b"access-7"].concat()[..])
    );
    assert_eq!(sent.option(OptionCode::RELAY_ID), Some(&octets("0003 0001 02005e000001")[..]));
    assert_eq!(sent.level().message, solicit());
    // fe80::5eff:fe10:1 comes from 02:00:5e:10:00:01.
    assert_eq!(sent.option(OptionCode::CLIENT_LINKLAYER_ADDR), Some(&octets("0001 02005e100001")[..]));
    let from = at("fe80::1234", 546, LAN0);
    let sent = rig.take(LAN0, from, GROUP, &solicit()).unwrap();
    assert_eq!(sent[0].option(OptionCode::CLIENT_LINKLAYER_ADDR), None, "that address tells nothing");
    let sent = rig.take(LAN2, at(CLIENT, 547, LAN2), GROUP, &forward(0, &solicit())).unwrap();
    assert_eq!(sent[0].option(OptionCode::CLIENT_LINKLAYER_ADDR), None, "that is not the client");
    assert!(sent[0].option(OptionCode::RELAY_ID).is_some());
    let plain = Rig::new(super::settings()).relayed(LAN0, &solicit());
    assert_eq!(plain.level().options.iter().count(), 1);
}

#[test]
fn a_port_of_our_own_is_told_to_servers_r6_16() {
    let mut rig = Rig::new(RelaySettings { source_port: 10_000, ..settings() });
    assert_eq!(rig.relay.ports(), [Port::Dhcp6, Port::Upstream6(10_000)]);
    let sent = rig.relayed(LAN0, &solicit());
    assert_eq!((sent.via, sent.to.port()), (Port::Upstream6(10_000), 547));
    assert_eq!(sent.option(OptionCode::RELAY_PORT), Some(&[0, 0][..]));
    // Whatever port a client sends from, it receives on its own.
    let sent = rig.take(LAN0, at(CLIENT, 40_000, LAN0), GROUP, &solicit()).unwrap();
    assert_eq!(sent[0].option(OptionCode::RELAY_PORT), Some(&[0, 0][..]));
    assert_eq!(Rig::new(settings()).relay.ports(), [Port::Dhcp6]);
}

#[test]
fn the_port_of_a_relay_agent_below_is_told_to_servers_r6_16() {
    for source_port in [547, 12_000] {
        let mut rig = Rig::new(RelaySettings { source_port, ..settings() });
        let from = at("fe80::b", 10_000, LAN2);
        let sent = rig.take(LAN2, from, GROUP, &forward(0, &solicit())).unwrap();
        assert_eq!(sent[0].option(OptionCode::RELAY_PORT), Some(&octets("2710")[..]), "{source_port}");
    }
    let mut rig = Rig::new(settings());
    let sent = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &forward(0, &solicit())).unwrap();
    assert_eq!(sent[0].option(OptionCode::RELAY_PORT), None);
}

#[test]
fn relay_agents_are_believed_only_where_they_are_expected_r6_18() {
    let mut rig = Rig::new(settings());
    let inside = forward(0, &solicit());
    assert_eq!(rig.client(LAN0, &inside), Err(Refused::UntrustedRelay));
    let from_above = rig.take(WAN0, at("2001:db8:7::1", 547, 0), "2001:db8:9::2", &inside);
    assert_eq!(from_above, Err(Refused::UntrustedRelay));
    assert!(rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &inside).is_ok());
}

#[test]
fn clients_reach_it_by_multicast_and_queries_by_unicast_if_allowed_r6_19() {
    let mut settings = settings();
    settings.clients[1].accept_unicast_4o6 = true;
    let mut rig = Rig::new(settings);
    let mut unicast = |lan, message: &[u8]| {
        rig.take(lan, at("2001:db8:1:1::7", 546, lan), LAN0_ADDRESS, message).map(|sent| sent.len())
    };
    assert_eq!(unicast(LAN0, &solicit()), Err(Refused::WrongDestination));
    assert_eq!(unicast(LAN0, &query()), Err(Refused::WrongDestination));
    assert_eq!(unicast(LAN1, &solicit()), Err(Refused::WrongDestination));
    assert_eq!(unicast(LAN1, &[200, 0, 0, 0]), Err(Refused::WrongDestination));
    assert_eq!(unicast(LAN1, &query()), Ok(1));
    let other_group = rig.take(LAN1, at(CLIENT, 546, LAN1), "ff05::1:3", &query());
    assert_eq!(other_group, Err(Refused::WrongDestination));
}

#[test]
fn what_no_client_can_have_sent_is_not_relayed() {
    let mut rig = Rig::new(settings());
    for source in ["::", "::1", "ff02::1", "::ffff:192.0.2.1"] {
        let refused = rig.take(LAN0, at(source, 546, 0), GROUP, &solicit());
        assert_eq!(refused, Err(Refused::SourceRefused), "{source}");
    }
    assert_eq!(rig.client(WAN0, &solicit()), Err(Refused::WrongLink));
    assert_eq!(rig.client(77, &solicit()), Err(Refused::WrongLink));
    let own_port = Port::Upstream6(10_000);
    let refused = rig.take_by(own_port, LAN0, at(CLIENT, 546, LAN0), LAN0_ADDRESS, &query());
    assert_eq!(refused, Err(Refused::WrongDirection));
}
