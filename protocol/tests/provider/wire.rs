//! Whole messages, octet by octet: the vectors of a first DHCPv4 exchange inside DHCPv6.

use crate::desk::*;
use dhcp4o6_protocol::ids::hex;
use dhcp4o6_protocol::role::server::{EngineSettings, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits};
use dhcp4o6_protocol::settings::Profile;
use dhcp4o6_protocol::time::Lifetime;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};

/// A DHCPv4-query by multicast: DISCOVER, 308 octets.
fn g1() -> Vec<u8> {
    let mut octets =
        octets("14 000000 0057 012c 01010600 3a4f1c02 0000 0000 00000000 00000000 00000000 00000000");
    octets.extend([2, 0, 0x5e, 0x10, 0, 1]);
    octets.extend([0; 10 + 64 + 128]);
    octets.extend(self::octets("63825363 350101 3d13 ff5e1000010001000129b7c0de02005e100001"));
    octets.extend(self::octets("3902 0480 3707 01790306 0f1a77 ff"));
    octets.resize(308, 0);
    octets
}

/// The options of the OFFER that answers it; T2 is 87 percent of the lease.
const G3: &str = "350102 3604c6336401 330400000e10 3a0400000708 3b0400000c3c 0104ffffffff \
                  3d13ff5e1000010001000129b7c0de02005e100001 ff";

/// [`g1`] through one relay agent, 354 octets.
fn g4() -> Vec<u8> {
    let mut octets =
        octets("0c 00 20010db8000100010000000000000001 fe8000000000000000005efffe100001 0012 0004 77616e30");
    octets.extend(self::octets("0009 0134"));
    octets.extend(g1());
    octets
}

/// A server that has one address to give, 192.0.2.18, for an hour.
fn one_address() -> ServerSettings {
    let mut settings = settings();
    let mut subnet = subnet("192.0.2.0/24", [192, 0, 2, 18], [192, 0, 2, 18]);
    subnet.times = LeaseTimes {
        default: Lifetime(3600),
        min: Lifetime(60),
        max: Lifetime(3600),
        t1_percent: 50,
        t2_percent: 87,
    };
    subnet.options = vec![(code::SUBNET_MASK, vec![255; 4])];
    let mut four = engine4(vec![subnet]);
    four.limits = Limits { offered_percent: 100, known_percent: 0, ..Limits::default() };
    settings.engine = EngineSettings::Builtin(four);
    settings
}

#[test]
fn the_vectors_have_the_lengths_they_claim() {
    assert_eq!(g1().len(), 308);
    assert_eq!(g4().len(), 34 + 8 + 4 + 308);
    assert_eq!(g4().len(), 354);
}

#[test]
fn the_answer_to_a_discover_is_the_offer_of_the_vector_s46_05() {
    let mut desk = Desk::new(one_address());
    let answer = desk.sent(LAN, CLIENT, GROUP, &g1()).payload;
    assert_eq!(answer[..8], octets("15 000000 0057 012c")[..]);
    let offer = dhcpv4(&answer);
    assert_eq!(offer.len(), 300);
    // The fixed part: op, htype, hlen, hops, xid, secs and flags, ciaddr, yiaddr, siaddr, giaddr, chaddr.
    let fixed = octets("02010600 3a4f1c02 00000000 00000000 c0000212 00000000 00000000 02005e100001");
    assert_eq!(offer[..34], fixed[..]);
    assert!(offer[34..236].iter().all(|octet| *octet == 0));
    assert_eq!(offer[236..240], v4::COOKIE);
    let mut vector = offer[..240].to_vec();
    vector.extend(octets(G3));
    vector.resize(300, 0);
    assert_eq!(hex(&offer), hex(&vector));
}

#[test]
fn a_relayed_discover_is_answered_by_the_mirror_of_its_envelope_s46_08() {
    let direct = Desk::new(one_address()).sent(LAN, CLIENT, GROUP, &g1()).payload;
    let mut desk = Desk::new(one_address());
    let sent = desk.sent(LAN, "2001:db8:7::1", ANYCAST, &g4());
    let mut expected =
        octets("0d 00 20010db8000100010000000000000001 fe8000000000000000005efffe100001 0012 0004 77616e30");
    expected.extend(octets("0009 0134"));
    expected.extend(&direct);
    assert_eq!(sent.payload, expected);
    assert_eq!(sent.to, "[2001:db8:7::1]:547".parse().unwrap());
    assert_eq!((sent.interface, sent.source), (0, Some(address(ANYCAST))));
}

#[test]
fn a_renewal_by_unicast_flag_is_acknowledged_and_nothing_but_the_message_comes_back_s46_11() {
    let mut desk = Desk::new(one_address());
    let (_, offered, _) = given(&dhcpv4(&desk.sent(LAN, CLIENT, GROUP, &g1()).payload));
    assert_eq!(given(&desk.ask(&selecting(offered))), (MessageType::ACK, offered, Some(3600)));
    let renewal = query(0x80, &renewing(offered).emit());
    let answer = desk.sent(LAN, CLIENT, LINK_LOCAL, &renewal);
    assert_eq!(given(&dhcpv4(&answer.payload)).0, MessageType::ACK);
    assert_eq!(answer.source, Some(address(LINK_LOCAL)));
}

/// [`one_address`], with softwires to tell of.
fn with_softwires() -> ServerSettings {
    let softwire = Softwire {
        br: vec![address("2001:db8::1"), address("2001:db8::2")],
        bind_prefix: Some("2001:db8:1::/56".parse().unwrap()),
    };
    ServerSettings { softwire, ..one_address() }
}

/// [`g1`] with an option request in front of its message.
fn requesting(codes: &str) -> Vec<u8> {
    let codes = octets(codes);
    query_with(&[20, 0, 0, 0], &[(6, &codes), (87, &g1()[8..])])
}

const RELAYS: &str = "005a 0010 20010db8000000000000000000000001 005a 0010 20010db8000000000000000000000002";
const BIND_PREFIX: &str = "0089 0008 38 20010db8000100";

#[test]
fn softwire_options_that_the_query_requests_stand_behind_the_message_s46_46() {
    let plain = Desk::new(one_address()).sent(LAN, CLIENT, GROUP, &g1()).payload;
    for (codes, told) in [
        ("005a 0089", format!("{RELAYS} {BIND_PREFIX}")),
        ("0089 005a", format!("{RELAYS} {BIND_PREFIX}")),
        ("0058 005a", RELAYS.to_owned()),
        ("0089", BIND_PREFIX.to_owned()),
    ] {
        let answer = Desk::new(with_softwires()).sent(LAN, CLIENT, GROUP, &requesting(codes)).payload;
        assert_eq!(hex(&answer), hex(&[&plain[..], &octets(&told)].concat()), "{codes}");
    }
}

#[test]
fn softwire_options_of_a_relayed_query_are_inside_the_envelope_s46_46() {
    let direct = Desk::new(with_softwires()).sent(LAN, CLIENT, GROUP, &requesting("005a 0089")).payload;
    let around = |message: &[u8]| relayed(0, "2001:db8:1::1", CLIENT, Some(b"wan0"), message);
    let forward = around(&requesting("005a 0089"));
    let answer = Desk::new(with_softwires()).sent(LAN, "2001:db8:7::1", ANYCAST, &forward).payload;
    let mut expected = around(&direct);
    expected[0] = 13;
    assert_eq!(hex(&answer), hex(&expected));
}

#[test]
fn nothing_but_the_message_comes_back_unless_it_is_requested_and_configured_s46_11() {
    let plain = Desk::new(one_address()).sent(LAN, CLIENT, GROUP, &g1()).payload;
    for (settings, query) in [
        (with_softwires(), g1()),
        (with_softwires(), requesting("0058 0059 0017")),
        (with_softwires(), requesting("005a00")),
        (one_address(), requesting("005a 0089 0058")),
    ] {
        let answer = Desk::new(settings).sent(LAN, CLIENT, GROUP, &query).payload;
        assert_eq!(hex(&answer), hex(&plain), "{}", hex(&query[..14]));
    }
}

#[test]
fn a_draft01_response_has_no_softwire_options_s46_11() {
    let settings = ServerSettings { profile: Profile::Draft01, ..with_softwires() };
    let codes = settings.draft01;
    let mut query = query_with(&[0, 1, 2, 3], &[(6, &octets("005a 0089")), (codes.message, &g1()[8..])]);
    query[0] = codes.request;
    let answer = Desk::new(settings).sent(LAN, CLIENT, GROUP, &query).payload;
    assert_eq!(usize::from(u16::from_be_bytes([answer[6], answer[7]])), answer.len() - 8);
}

#[test]
fn softwire_options_do_not_make_an_answer_longer_than_a_stranger_gets_sec_07() {
    // An answer of some 1100 octets to a query of some 300: within four times as much, and with softwires not.
    let longest = |told: usize| {
        let mut settings = one_address();
        let EngineSettings::Builtin(four) = &mut settings.engine else { panic!() };
        four.options = (0..4).map(|code| (224 + code, vec![7; 215])).collect();
        settings.softwire.br = (1..=told).map(|host| address(&format!("2001:db8::{host}"))).collect();
        let message = discover()
            .with(code::PARAMETER_REQUEST, &[224, 225, 226, 227])
            .with(code::MAX_MESSAGE_SIZE, &[0x05, 0x78]);
        let query = query_with(&[20, 0, 0, 0], &[(6, &octets("005a")), (87, &message.emit())]);
        let mut desk = Desk::new(settings);
        let answer = desk.effects(LAN, "2001:db8:5::9", ANYCAST, &query);
        (refused(&answer), query.len())
    };
    let (none, len) = longest(0);
    assert_eq!(none, None, "{len}");
    assert_eq!(longest(8).0, Some(dhcp4o6_protocol::refused::Refused::NoRoom), "{len}");
}

#[test]
fn a_release_is_silence_s46_04() {
    let mut desk = Desk::new(one_address());
    let (_, offered, _) = given(&dhcpv4(&desk.sent(LAN, CLIENT, GROUP, &g1()).payload));
    desk.ask(&selecting(offered));
    let release = Message::of(MessageType::RELEASE).at(offered).with(code::SERVER_ID, &[198, 51, 100, 1]);
    let effects = desk.effects(LAN, CLIENT, GROUP, &query(0x80, &release.emit()));
    assert!(
        matches!(effects[..], [dhcp4o6_protocol::provider::Effect::Journal(_)]),
        "recorded and not answered: {effects:?}"
    );
}

#[test]
fn an_inner_giaddr_changes_no_way_and_is_repeated_s46_13() {
    let mut desk = Desk::new(one_address());
    let mut octets = g1();
    octets[8 + 24..8 + 28].copy_from_slice(&[203, 0, 113, 9]);
    let sent = desk.sent(LAN, CLIENT, GROUP, &octets);
    assert_eq!(*sent.to.ip(), address(CLIENT));
    let offer = dhcpv4(&sent.payload);
    assert_eq!(v4::Message::parse(&offer).unwrap().giaddr, std::net::Ipv4Addr::new(203, 0, 113, 9));
}
