//! From servers to clients and relay agents.

use super::*;

const RESPONSE: [u8; 8] = [21, 0, 0, 0, 0, 87, 0, 0];
const ID: OptionCode = OptionCode::INTERFACE_ID;

#[test]
fn the_message_inside_goes_to_the_client_octet_for_octet_r6_11() {
    let mut rig = Rig::new(settings());
    for inside in [&RESPONSE[..], &[2, 0, 0, 0], &[200], &[255, 1, 2], &octets("07 010203 0003 ffff")] {
        let sent = rig.server(&reply("::", CLIENT, &[(ID, b"lan1")], inside)).unwrap();
        assert_eq!(sent.payload, inside);
        assert_eq!((sent.via, sent.interface), (Port::Dhcp6, LAN1));
        assert_eq!(sent.to, at(CLIENT, 546, LAN1));
        assert_eq!(sent.source, Some(ip("fe80::a:1")));
    }
    assert_eq!(rig.relay.tally().of(Done::Downstream), 5);
}

#[test]
fn the_interface_id_says_where_to_before_the_link_address_does_r6_11() {
    let mut rig = Rig::new(settings());
    let mut interface = |link: &str, options: &[(OptionCode, &[u8])]| {
        rig.server(&reply(link, CLIENT, options, &RESPONSE)).map(|sent| sent.interface)
    };
    assert_eq!(interface(LAN0_ADDRESS, &[]), Ok(LAN0));
    assert_eq!(interface(LAN0_ADDRESS, &[(ID, b"lan1")]), Ok(LAN1));
    assert_eq!(interface(LAN0_ADDRESS, &[(ID, b"")]), Ok(LAN0));
    assert_eq!(interface("2001:db8:1:2::1", &[]), Ok(LAN2));
}

#[test]
fn a_relay_reply_inside_goes_to_the_port_of_relay_agents_r6_11() {
    let inside = reply("2001:db8:7::1", "fe80::7", &[], &RESPONSE);
    let mut rig = Rig::new(settings());
    let sent = rig.server(&reply("2001:db8:1:2::1", "fe80::b", &[], &inside)).unwrap();
    assert_eq!((sent.to, sent.payload), (at("fe80::b", 547, LAN2), inside.clone()));
    // A routable relay agent, whose Relay-forward left without the name of a link.
    let sent = rig.server(&reply("::", "2001:db8:7::1", &[], &inside)).unwrap();
    assert_eq!((sent.to, sent.interface, sent.source), (at("2001:db8:7::1", 547, 0), 0, None));
}

#[test]
fn a_routable_client_is_answered_from_the_address_that_names_its_link() {
    let mut rig = Rig::new(settings());
    let sent = rig.server(&reply(LAN0_ADDRESS, "2001:db8:1:1::7", &[], &RESPONSE)).unwrap();
    assert_eq!((sent.interface, sent.source), (LAN0, Some(ip(LAN0_ADDRESS))));
    assert_eq!(sent.to, at("2001:db8:1:1::7", 546, 0));
}

#[test]
fn a_relay_agent_below_gets_it_at_its_own_port_r6_16() {
    let inside = reply("2001:db8:7::1", "fe80::7", &[], &RESPONSE);
    let mut rig = Rig::new(settings());
    let mut port = |value: &[u8], inside: &[u8]| {
        let options = [(OptionCode::RELAY_PORT, value)];
        rig.server(&reply("2001:db8:1:2::1", "fe80::b", &options, inside)).unwrap().to.port()
    };
    assert_eq!(port(&[0x27, 0x10], &inside), 10_000);
    assert_eq!(port(&[0, 0], &inside), 547);
    assert_eq!(port(&[0x27], &inside), 547);
    assert_eq!(port(&[0x27, 0x10], &RESPONSE), 546, "a client has no port of its own");
}

#[test]
fn replies_come_by_our_own_port_or_by_the_usual_one_r6_16() {
    let mut rig = Rig::new(RelaySettings { source_port: 10_000, ..settings() });
    let message = reply(LAN0_ADDRESS, CLIENT, &[(OptionCode::RELAY_PORT, &[0, 0])], &RESPONSE);
    for via in [Port::Dhcp6, Port::Upstream6(10_000)] {
        let [sent] = rig
            .take_by(via, WAN0, at(SERVER, 40_000, 0), "2001:db8:9::2", &message)
            .unwrap()
            .try_into()
            .unwrap();
        assert_eq!((sent.via, sent.to), (Port::Dhcp6, at(CLIENT, 546, LAN0)));
    }
}

#[test]
fn each_defect_of_a_reply_alone_is_silence_r6_12() {
    let mut rig = Rig::new(settings());
    let mut refused = |message: &[u8]| rig.server(message).unwrap_err();
    let good = reply(LAN0_ADDRESS, CLIENT, &[], &RESPONSE);
    assert_eq!(refused(&good[..HEADER]), Refused::MalformedRelay);
    assert_eq!(refused(&reply(LAN0_ADDRESS, CLIENT, &[], &[])), Refused::MalformedRelay);
    for end in SHORTEST..good.len() {
        assert_eq!(refused(&good[..end]), Refused::MalformedRelay, "{end}");
    }
    let twice = reply(LAN0_ADDRESS, CLIENT, &[(OptionCode::RELAY_MSG, &RESPONSE)], &RESPONSE);
    assert_eq!(refused(&twice), Refused::MalformedRelay);
    for id in [&b"lan7"[..], b"lan", b"lan00"] {
        assert_eq!(refused(&reply(LAN0_ADDRESS, CLIENT, &[(ID, id)], &RESPONSE)), Refused::UnknownInterface);
    }
    for link in ["::", "2001:db8:77::1", "fe80::a:1"] {
        // The last one is an address of two of the interfaces.
        assert_eq!(refused(&reply(link, CLIENT, &[], &RESPONSE)), Refused::UnknownInterface, "{link}");
    }
    for peer in ["::", "::1", "ff02::1:2", "ff0e::1", "::ffff:192.0.2.1", LAN0_ADDRESS, "fe80::a:1"] {
        assert_eq!(refused(&reply(LAN0_ADDRESS, peer, &[], &RESPONSE)), Refused::BadPeer, "{peer}");
    }
    let from_below = rig.take(LAN0, at("2001:db8:1:1::66", 547, 0), LAN0_ADDRESS, &good);
    assert_eq!(from_below, Err(Refused::WrongDirection));
    let from_below = rig.take(LAN2, at("fe80::b", 547, LAN2), GROUP, &good);
    assert_eq!(from_below, Err(Refused::WrongDirection));
    assert!(rig.server(&good).is_ok());
}

#[test]
fn a_reply_that_names_no_link_is_for_relay_agents_only_v2() {
    let mut settings = settings();
    let message = reply("::", "2001:db8:66::66", &[], &RESPONSE);
    assert!(Rig::new(settings.clone()).server(&message).is_ok());
    settings.clients.iter_mut().for_each(|side| side.trusted = false);
    assert_eq!(Rig::new(settings).server(&message), Err(Refused::UnknownInterface));
}

#[test]
fn strict_takes_replies_from_destinations_only_r6_12() {
    let settings = RelaySettings {
        strict_source: true,
        servers: vec![destination(SERVER, None), destination("fe80::53", Some("wan0"))],
        servers_4o6: vec![destination("2001:db8:46::1", Some("wan0"))],
        ..settings()
    };
    let mut rig = Rig::new(settings);
    let message = reply(LAN0_ADDRESS, CLIENT, &[], &RESPONSE);
    let mut from = |address: &str, interface| {
        rig.take(interface, at(address, 547, interface), "2001:db8:9::2", &message).map(|sent| sent.len())
    };
    for (address, interface) in [(SERVER, WAN0), (SERVER, 10), ("2001:db8:46::1", 10), ("fe80::53", WAN0)] {
        assert_eq!(from(address, interface), Ok(1), "{address}");
    }
    for (address, interface) in [("2001:db8:f::2", WAN0), ("fe80::53", 10), ("fe80::54", WAN0)] {
        assert_eq!(from(address, interface), Err(Refused::UnknownServer), "{address}");
    }
}

#[test]
fn strict_takes_replies_of_a_group_by_its_interface_r6_12() {
    let servers = vec![destination("ff05::1:3", Some("wan0"))];
    let mut rig = Rig::new(RelaySettings { strict_source: true, servers, ..settings() });
    let message = reply(LAN0_ADDRESS, CLIENT, &[], &RESPONSE);
    let mut from = |address: &str, interface| {
        rig.take(interface, at(address, 547, interface), "2001:db8:9::2", &message).map(|sent| sent.len())
    };
    for address in [SERVER, "fe80::53"] {
        assert_eq!(from(address, WAN0), Ok(1), "{address}");
        assert_eq!(from(address, 10), Err(Refused::UnknownServer), "{address}");
    }
}

#[test]
fn an_interface_that_left_is_sent_nothing_r6_14() {
    let mut rig = Rig::new(settings());
    let message = reply("::", CLIENT, &[(ID, b"lan1")], &RESPONSE);
    assert!(rig.server(&message).is_ok());
    rig.relay.handle(START, Input::Interfaces(&interfaces()[..1]), &mut Vec::new());
    assert_eq!(rig.server(&message), Err(Refused::UnknownInterface));
    let made_again = [interface(30, "lan1", &["fe80::c"])];
    rig.relay.handle(START, Input::Interfaces(&made_again), &mut Vec::new());
    assert_eq!(rig.server(&message).map(|sent| sent.to), Ok(at(CLIENT, 546, 30)));
}
