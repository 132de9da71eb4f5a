//! There and back, through one relay agent and through two; and any octets.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// The server's answer to a Relay-forward.
fn answer(forwarded: &[u8], message: &[u8]) -> Vec<u8> {
    Relayed::parse(forwarded).unwrap().reply(message).unwrap()
}

/// A relay agent between lan2 of the first one and clients on its cpe0.
fn lower() -> Rig {
    let settings = RelaySettings {
        clients: vec![client_side("cpe0"), client_side("cpe1")],
        servers: vec![destination("ff02::1:2", Some("up0"))],
        servers_4o6: vec![destination("2001:db8:1:2::1", None)],
        source_port: 10_000,
        ..settings()
    };
    let interfaces = [
        interface(20, "cpe0", &["fe80::d"]),
        interface(21, "cpe1", &["fe80::e", "2001:db8:c::1"]),
        interface(25, "up0", &["fe80::b", "2001:db8:1:2::b"]),
    ];
    Rig::with(settings, &interfaces)
}

#[test]
fn two_relay_agents_in_a_row_bring_the_answer_back_r6_04() {
    let (mut lower, mut upper) = (lower(), Rig::new(settings()));
    for (interface, message) in [(20, query()), (20, solicit()), (21, query())] {
        // A query has a unicast destination in the lower one, which then sends from its routable address.
        let first = lower.relayed(interface, &message);
        let from = if first.to.ip().is_multicast() { "fe80::b" } else { "2001:db8:1:2::b" };
        let to = first.to.ip().to_string();
        let second = upper.take(LAN2, at(from, 10_000, LAN2), &to, &first.payload).unwrap();
        let back = upper.server(&answer(&second[0].payload, &[21, 0, 0, 0])).unwrap();
        assert_eq!(back.to, at(from, 10_000, LAN2), "port and address of the lower one");
        let via = Port::Upstream6(10_000);
        let last = lower.take_by(via, 25, at("fe80::a:2", 547, 25), from, &back.payload).unwrap();
        assert_eq!(last[0].to, at(CLIENT, 546, interface));
        assert_eq!((last[0].via, &last[0].payload[..]), (Port::Dhcp6, &[21, 0, 0, 0][..]));
    }
}

#[test]
fn the_way_back_survives_a_restart_r6_14() {
    let sent = Rig::new(settings()).relayed(LAN1, &query());
    let back = Rig::new(settings()).server(&answer(&sent.payload, &[21, 0, 0, 0])).unwrap();
    assert_eq!(back.to, at(CLIENT, 546, LAN1));
}

fn any_settings() -> impl Strategy<Value = RelaySettings> {
    any::<([bool; 5], u16)>().prop_map(|([always, trusted, unicast, apart, hardware], port)| {
        let mut settings = settings();
        for side in &mut settings.clients {
            side.always_interface_id = always;
            side.trusted |= trusted;
            side.accept_unicast_4o6 = unicast;
        }
        if apart {
            settings.servers_4o6 = vec![destination("2001:db8:46::1", None)];
        }
        settings.client_link_layer = hardware;
        settings.source_port = port.max(1);
        settings
    })
}

fn link_local() -> impl Strategy<Value = Ipv6Addr> {
    // Not below 2^32: there are our own addresses.
    (1_u64 << 32..).prop_map(|low| Ipv6Addr::from_bits((0xfe80 << 112) | u128::from(low)))
}

proptest! {
    #[test]
    fn inner_octets_come_out_as_they_went_in_and_the_answer_returns_to_the_sender_r6_13(
        settings in any_settings(),
        lan in LAN0..=LAN2,
        client in link_local(),
        message in vec(any::<u8>(), 4..2000),
        answered in vec(any::<u8>(), 1..2000),
    ) {
        prop_assume!(![2, 7, 10, 12, 13, 21].contains(&message[0]) && answered[0] != 13);
        let mut rig = Rig::new(settings.clone());
        let from = SocketAddrV6::new(client, 546, 0, lan);
        let sent = rig.take(lan, from, GROUP, &message).unwrap();
        prop_assert_eq!(sent[0].level().message, &message[..]);
        prop_assert_eq!(sent[0].level().hop_count, 0);
        let reply = {
            // The answer's octets stand for any type, so they are not taken apart here.
            let level = sent[0].level();
            let returned = [OptionCode::INTERFACE_ID, OptionCode::RELAY_PORT];
            let options: Vec<_> = level.options.iter().filter(|(code, _)| returned.contains(code)).collect();
            let (link, peer) = (level.link_address.to_string(), level.peer_address.to_string());
            reply(&link, &peer, &options, &answered)
        };
        let back = Rig::new(settings).server(&reply).unwrap();
        prop_assert_eq!(back.to, from);
        prop_assert_eq!(back.interface, lan);
        prop_assert_eq!(back.payload, answered);
    }

    #[test]
    fn arbitrary_octets_from_anywhere_are_relayed_or_counted_once_gen_20(
        settings in any_settings(),
        interface in prop_oneof![Just(LAN0), Just(LAN1), Just(LAN2), Just(WAN0), 0_u32..20],
        from in prop_oneof![any::<u128>().prop_map(Ipv6Addr::from_bits), link_local()],
        to in prop_oneof![Just(ip(GROUP)), Just(ip(LAN0_ADDRESS)), any::<u128>().prop_map(Ipv6Addr::from_bits)],
        kind in prop_oneof![Just(12_u8), Just(13), any::<u8>()],
        mut payload in vec(any::<u8>(), 0..200),
    ) {
        if let Some(first) = payload.first_mut() {
            *first = kind;
        }
        let mut rig = Rig::new(settings);
        let from = SocketAddrV6::new(from, 547, 0, 0);
        // `take` insists on messages or one refusal, never both.
        if let Ok(sent) = rig.take(interface, from, &to.to_string(), &payload) {
            for sent in sent {
                prop_assert!(sent.payload.len() <= payload.len() + 100);
                if kind == 13 {
                    prop_assert!(payload.ends_with(&sent.payload) || payload.windows(sent.payload.len()).any(|w| w == sent.payload));
                } else {
                    prop_assert!(sent.payload.ends_with(&payload));
                    prop_assert!(sent.payload[1] <= 8);
                }
            }
        }
    }
}
