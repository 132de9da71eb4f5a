//! Golden vectors: whole messages and options, octet for octet, both ways.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dhcp4o6_protocol::ids::{ClientId, Duid, Iaid, Xid4, Xid6, hex, hex_decode};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::Draft01;
use dhcp4o6_protocol::wire::o6::{self, CodePoints, Header};
use dhcp4o6_protocol::wire::relay::{Envelope, Relay, Relayed};
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v4_option::{self, Route};
use dhcp4o6_protocol::wire::v6::{self, Options};
use dhcp4o6_protocol::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use dhcp4o6_protocol::wire::{Writer, softwire};
use std::net::{Ipv4Addr, Ipv6Addr};

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

/// A DHCPv4 message in hexadecimal: 28 octets of header, address, options; zeros elsewhere, padded to 300.
fn dhcpv4(header: &str, chaddr: &str, options: &str) -> Vec<u8> {
    let mut message = octets(header);
    assert_eq!(message.len(), 28);
    message.extend(octets(chaddr));
    message.resize(236, 0);
    message.extend(octets("63825363"));
    message.extend(octets(options));
    message.resize(message.len().max(300), 0);
    message
}

const CLIENT_ID: &str = "3d 13 ff5e1000010001000129b7c0de02005e100001";

/// The DISCOVER inside G1.
fn discover() -> Vec<u8> {
    dhcpv4(
        "01010600 3a4f1c02 0000 0000 00000000 00000000 00000000 00000000",
        "02005e100001",
        &format!("35 01 01 {CLIENT_ID} 39 02 0480 37 07 01 79 03 06 0f 1a 77 ff"),
    )
}

fn g1() -> Vec<u8> {
    [octets("14 000000 0057 012c"), discover()].concat()
}

fn g2() -> Vec<u8> {
    let request = dhcpv4(
        "01010600 3a4f1c03 0000 0000 c0000212 00000000 00000000 00000000",
        "02005e100001",
        &format!("35 01 03 {CLIENT_ID} 39 02 0480 37 07 01 79 03 06 0f 1a 77 ff"),
    );
    [octets("14 800000 0057 012c"), request].concat()
}

fn g3() -> Vec<u8> {
    let offer = dhcpv4(
        "02010600 3a4f1c02 0000 0000 00000000 c0000212 00000000 00000000",
        "02005e100001",
        &format!(
            "35 01 02 36 04 c6336401 33 04 00000e10 3a 04 00000708 3b 04 00000c4e 01 04 ffffffff {CLIENT_ID} ff"
        ),
    );
    [octets("15 000000 0057 012c"), offer].concat()
}

fn g4() -> Vec<u8> {
    let header = octets(
        "0c 00 20010db8000100010000000000000001 fe8000000000000000005efffe100001
         0012 0004 77616e30 0009 0134",
    );
    [header, g1()].concat()
}

fn client_id() -> ClientId {
    ClientId::new(Iaid(0x5e10_0001), &Duid::new(octets("0001000129b7c0de02005e100001")).unwrap())
}

fn from_client(kind: MessageType, xid: u32, ciaddr: Ipv4Addr) -> v4::Outgoing {
    v4::Outgoing {
        op: v4::BOOTREQUEST,
        htype: 1,
        hardware: octets("02005e100001"),
        xid: Xid4(xid),
        secs: 0,
        flags: 0,
        ciaddr,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![
            (code::MESSAGE_TYPE, vec![kind.0]),
            (code::CLIENT_ID, client_id().as_bytes().to_vec()),
            (code::MAX_MESSAGE_SIZE, 1152_u16.to_be_bytes().to_vec()),
            (code::PARAMETER_REQUEST, vec![1, 121, 3, 6, 15, 26, 119]),
        ],
    }
}

fn query(unicast: bool, message: &v4::Outgoing) -> Vec<u8> {
    o6::emit_query(CodePoints::RFC7341, Header::Flags { unicast }, &[], &message.emit().unwrap()).unwrap()
}

#[test]
fn g1_a_discover_by_multicast_is_308_octets_c46_01() {
    let discover = from_client(MessageType::DISCOVER, 0x3a4f_1c02, Ipv4Addr::UNSPECIFIED);
    let octets = query(false, &discover);
    assert_eq!(octets.len(), 308);
    assert_eq!(hex(&octets), hex(&g1()));

    let message = v6::Message::parse(&octets).unwrap();
    assert_eq!(message.kind, v6::MessageType::DHCPV4_QUERY);
    assert!(!message.is_unicast());
    let inner = v4::Message::parse(o6::dhcpv4(CodePoints::RFC7341, &message).unwrap()).unwrap();
    assert_eq!((inner.op, inner.xid, inner.kind()), (1, Xid4(0x3a4f_1c02), Some(MessageType::DISCOVER)));
    assert_eq!(inner.hardware(), [2, 0, 0x5e, 0x10, 0, 1]);
    assert_eq!(inner.option(code::CLIENT_ID).as_deref(), Some(client_id().as_bytes()));
    assert_eq!(inner.option(code::PARAMETER_REQUEST).as_deref(), Some(&[1, 121, 3, 6, 15, 26, 119][..]));
    assert_eq!(inner.option(code::MAX_MESSAGE_SIZE).as_deref().and_then(v4_option::number16), Some(1152));
}

#[test]
fn g2_a_renewal_has_the_u_flag_and_ciaddr_c46_03() {
    let request = from_client(MessageType::REQUEST, 0x3a4f_1c03, Ipv4Addr::new(192, 0, 2, 18));
    let octets = query(true, &request);
    assert_eq!(hex(&octets[..8]), "148000000057012c");
    assert_eq!(hex(&octets), hex(&g2()));

    let message = v6::Message::parse(&octets).unwrap();
    assert!(message.is_unicast());
    let inner = v4::Message::parse(o6::dhcpv4(CodePoints::RFC7341, &message).unwrap()).unwrap();
    assert_eq!(inner.ciaddr, Ipv4Addr::new(192, 0, 2, 18));
    assert_eq!(inner.kind(), Some(MessageType::REQUEST));
    assert_eq!((inner.option(code::REQUESTED_ADDRESS), inner.option(code::SERVER_ID)), (None, None));
}

#[test]
fn g3_an_offer_reads_and_writes() {
    let offer = v4::Outgoing {
        op: v4::BOOTREPLY,
        yiaddr: Ipv4Addr::new(192, 0, 2, 18),
        options: vec![
            (code::MESSAGE_TYPE, vec![MessageType::OFFER.0]),
            (code::SERVER_ID, vec![198, 51, 100, 1]),
            (code::LEASE_TIME, 3600_u32.to_be_bytes().to_vec()),
            (code::RENEWAL_TIME, 1800_u32.to_be_bytes().to_vec()),
            (code::REBINDING_TIME, 3150_u32.to_be_bytes().to_vec()),
            (code::SUBNET_MASK, vec![255; 4]),
            (code::CLIENT_ID, client_id().as_bytes().to_vec()),
        ],
        ..from_client(MessageType::OFFER, 0x3a4f_1c02, Ipv4Addr::UNSPECIFIED)
    };
    let octets = o6::emit_response(CodePoints::RFC7341, [0; 3], &offer.emit().unwrap()).unwrap();
    assert_eq!(hex(&octets), hex(&g3()));

    let message = v6::Message::parse(&octets).unwrap();
    let inner = v4::Message::parse(o6::dhcpv4(CodePoints::RFC7341, &message).unwrap()).unwrap();
    assert_eq!((inner.kind(), inner.yiaddr), (Some(MessageType::OFFER), Ipv4Addr::new(192, 0, 2, 18)));
    assert_eq!(inner.address(code::SERVER_ID), Some(Ipv4Addr::new(198, 51, 100, 1)));
    let seconds =
        [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME].map(|code| inner.seconds(code));
    assert_eq!(seconds, [Some(3600), Some(1800), Some(3150)]);
    assert_eq!(inner.option(code::SUBNET_MASK).as_deref().and_then(v4_option::prefix_len), Some(32));
}

#[test]
fn g4_the_discover_behind_a_relay_agent_is_354_octets_r6_01() {
    let inner = g1();
    let relayed = Envelope {
        kind: v6::MessageType::RELAY_FORW,
        hop_count: 0,
        link_address: "2001:db8:1:1::1".parse().unwrap(),
        peer_address: "fe80::5eff:fe10:1".parse().unwrap(),
        options: vec![(OptionCode::INTERFACE_ID, b"wan0")],
        message: &inner,
    };
    let octets = relayed.emit().unwrap();
    assert_eq!(octets.len(), 354);
    assert_eq!(hex(&octets), hex(&g4()));

    let level = Relay::parse(&octets).unwrap();
    assert_eq!((level.hop_count, level.interface_id()), (0, Some(&b"wan0"[..])));
    assert_eq!(level.link_address, "2001:db8:1:1::1".parse::<Ipv6Addr>().unwrap());
    assert_eq!(level.message, inner);
    assert_eq!(Relayed::parse(&octets).unwrap().message, inner);
}

#[test]
fn g1_without_its_last_octet_is_malformed_gen_02() {
    let mut octets = g1();
    octets.pop();
    assert_eq!(v6::Message::parse(&octets).unwrap_err(), v6::Malformed::Overrun { offset: 4 });
}

#[test]
fn every_prefix_of_a_golden_vector_is_refused_or_a_shorter_message_gen_01() {
    for whole in [g1(), g2(), g3()] {
        for end in 0..whole.len() {
            // The header alone is a message without options. It has nothing to hand on.
            match v6::Message::parse(&whole[..end]) {
                Ok(message) => {
                    assert_eq!(end, 4);
                    assert!(o6::dhcpv4(CodePoints::RFC7341, &message).is_err());
                }
                Err(_) => assert_ne!(end, 4),
            }
        }
        let inner = &whole[8..];
        let last = inner.iter().rposition(|octet| *octet == 255).unwrap();
        for end in 0..inner.len() {
            match v4::Message::parse(&inner[..end]) {
                Ok(message) => {
                    assert!(end >= 240);
                    // Whole once all options are there, with or without End.
                    let complete =
                        message.options().count() == v4::Message::parse(inner).unwrap().options().count();
                    assert_eq!(complete, end >= last, "{end}");
                }
                Err(_) => assert!(end < last, "{end}"),
            }
        }
    }
    let relayed = g4();
    for end in 0..relayed.len() {
        assert!(Relay::parse(&relayed[..end]).is_err(), "{end}");
    }
}

#[test]
fn draft01_wraps_the_same_message_in_configured_code_points_gen_16() {
    let points = CodePoints::of(WireProfile::Draft01, &Draft01::default());
    let header = Header::TransactionId(Xid6([0xab, 0xcd, 0xef]));
    let octets = o6::emit_query(points, header, &[], &discover()).unwrap();
    assert_eq!(hex(&octets[..8]), "f5abcdefd431012c");
    assert_eq!(octets[8..], g1()[8..]);
    let message = v6::Message::parse(&octets).unwrap();
    assert_eq!((message.kind, message.xid()), (points.query, Xid6([0xab, 0xcd, 0xef])));
    assert_eq!(o6::dhcpv4(points, &message), Ok(&discover()[..]));

    let other = Draft01 { request: 200, reply: 201, message: 60_000, enable: 1, servers: 2 };
    let octets = o6::emit_query(CodePoints::of(WireProfile::Draft01, &other), header, &[], &[]).unwrap();
    assert_eq!(hex(&octets), "c8abcdefea600000");
}

#[test]
fn the_enable_option_of_draft01_is_empty() {
    let octets = octets("d432 0000");
    let options = Options::parse(&octets).unwrap();
    assert_eq!(options.first(OptionCode(Draft01::default().enable)), Some(&[][..]));
}

#[test]
fn the_options_of_section_3_3_write_as_in_the_vectors() {
    let write = |write: &dyn Fn(&mut Writer)| {
        let mut w = Writer::new();
        write(&mut w);
        hex(&w.finish().unwrap())
    };
    let of = |code: OptionCode, value: &str| {
        write(&|w| {
            w.option6(code, |w| {
                w.bytes(&octets(value));
            });
        })
    };
    let servers = ["2001:db8::1", "2001:db8:100::2"].map(|text| text.parse::<Ipv6Addr>().unwrap());
    let option88 = write(&|w| {
        w.option6(OptionCode::DHCP4_O_DHCP6_SERVER, |w| {
            servers.iter().for_each(|server| _ = w.ipv6(*server));
        });
    });
    let two = "0058002020010db800000000000000000000000120010db8010000000000000000000002";
    assert_eq!(option88, two);
    assert_eq!(of(OptionCode::DHCP4_O_DHCP6_SERVER, ""), "00580000");
    let request = write(&|w| {
        w.option6(OptionCode::ORO, |w| {
            [82, 88, 23, 24, 64].into_iter().for_each(|code| _ = w.u16(code));
        });
    });
    assert_eq!(request, "0006000a00520058001700180040");
    let seconds = write(&|w| _ = w.option6(OptionCode::SOL_MAX_RT, |w| _ = w.u32(120)));
    assert_eq!(seconds, "0052000400000078");
    assert_eq!(of(OptionCode::RAPID_COMMIT, ""), "000e0000");
    assert_eq!(of(OptionCode::RECONF_ACCEPT, ""), "00140000");
    assert_eq!(
        of(OptionCode::CLIENTID, "0001000129b7c0de02005e100001"),
        "0001000e0001000129b7c0de02005e100001"
    );
    assert_eq!(of(OptionCode::S46_PRIORITY, "00580060"), "006f000400580060");
    let aftr = write(&|w| {
        w.option6(OptionCode::AFTR_NAME, |w| dhcp4o6_protocol::wire::domain::emit(w, "aftr.example.com"));
    });
    assert_eq!(aftr, "004000120461667472076578616d706c6503636f6d00");
}

#[test]
fn an_association_reads_and_writes() {
    let vector = octets(
        "0003 0034 00000001 00000e10 00001518
         0005 0018 20010db8000600000000000000000100 00000e10 00001c20
         000d 0008 0000 53756363 6573",
    );
    let message = [octets("07 010203"), vector.clone()].concat();
    let options = v6::Message::parse(&message).unwrap().options;
    let ia = Ia::parse(options.first(OptionCode::IA_NA).unwrap()).unwrap();
    assert_eq!((ia.iaid, ia.t1.0, ia.t2.0, ia.options.status()), (Iaid(1), 3600, 5400, Status::SUCCESS));
    let address = IaAddress::parse(ia.options.first(OptionCode::IAADDR).unwrap()).unwrap();
    assert_eq!(address.address, "2001:db8:6::100".parse::<Ipv6Addr>().unwrap());
    assert_eq!((address.preferred.0, address.valid.0), (3600, 7200));

    let mut w = Writer::new();
    w.option6(OptionCode::IA_NA, |w| {
        w.u32(ia.iaid.0).u32(ia.t1.0).u32(ia.t2.0);
        w.option6(OptionCode::IAADDR, |w| {
            w.ipv6(address.address).u32(address.preferred.0).u32(address.valid.0);
        });
        w.option6(OptionCode::STATUS_CODE, |w| {
            w.u16(Status::SUCCESS.0).bytes(b"Succes");
        });
    });
    assert_eq!(hex(&w.finish().unwrap()), hex(&vector));
}

#[test]
fn a_delegated_prefix_reads() {
    let vector = octets("00000e10 00001c20 38 20010db8d00001000000000000000000");
    let prefix = IaPrefix::parse(&vector).unwrap();
    assert_eq!((prefix.prefix.to_string(), prefix.prefix_len), ("2001:db8:d000:100::".into(), 56));
    assert!(IaPrefix::parse(&vector[..24]).is_none());
}

#[test]
fn the_dhcpv4_options_of_section_3_6_write_as_in_the_vectors() {
    let routes = [
        Route { destination: Ipv4Addr::UNSPECIFIED, prefix_len: 0, router: Ipv4Addr::new(192, 0, 2, 1) },
        Route { destination: Ipv4Addr::new(10, 0, 0, 0), prefix_len: 24, router: Ipv4Addr::UNSPECIFIED },
    ];
    let source: Ipv6Addr = "2001:db8:1:1:0:c000:212:34".parse().unwrap();
    let message = v4::Outgoing {
        options: vec![
            (code::CLASSLESS_ROUTES, v4_option::emit_classless_routes(&routes)),
            (code::PORT_PARAMS, softwire::PortSet::new(0, 8, 0x34).unwrap().emit().to_vec()),
            (code::S46_SOURCE, source.octets().to_vec()),
        ],
        ..from_client(MessageType::REQUEST, 1, Ipv4Addr::UNSPECIFIED)
    };
    let emitted = message.emit().unwrap();
    let expected = "790d 00c0000201 180a000000000000 9f0400083400 6d1020010db8000100010000c00002120034 ff";
    assert_eq!(hex(&emitted[240..240 + octets(expected).len()]), expected.replace(' ', ""));
    let parsed = v4::Message::parse(&emitted).unwrap();
    let value = parsed.option(code::CLASSLESS_ROUTES).unwrap();
    assert_eq!(v4_option::classless_routes(&value).unwrap(), routes);
    assert_eq!(softwire::tunnel_source(&parsed.option(code::S46_SOURCE).unwrap()), Some(source));
}

#[test]
fn a_split_option_gives_the_same_routes_gen_05() {
    let message = |options: &str| dhcpv4(&"00".repeat(28), "", options);
    let routes = |octets: &[u8]| {
        let parsed = v4::Message::parse(octets).unwrap();
        v4_option::classless_routes(&parsed.option(code::CLASSLESS_ROUTES).unwrap()).unwrap()
    };
    let whole = message("790d 00c0000201 180a000000000000 ff");
    let split = message("7907 00c0000201180a 350102 7906 000000000000 ff");
    assert_eq!(routes(&whole), routes(&split));
}
