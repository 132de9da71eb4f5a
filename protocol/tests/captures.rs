//! What real programs sent: every datagram of `captures/` is read, and means what it meant to them.
//!
//! Each file names the programs and versions it was captured from.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod decoders;
mod replay;

use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Datagram as Received, Effect, Input, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::back::Back;
use dhcp4o6_protocol::role::external::{External, Settings};
use dhcp4o6_protocol::role::softwire::Asked;
use dhcp4o6_protocol::role::tra::{Tra, TraSettings};
use dhcp4o6_protocol::server4::Query;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::way::Way;
use dhcp4o6_protocol::wire::agent::AgentInformation;
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v4_option;
use dhcp4o6_protocol::wire::v6::{self, MessageType as Kind};
use dhcp4o6_protocol::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::path::Path;

struct Datagram {
    from: SocketAddr,
    to: SocketAddr,
    payload: Vec<u8>,
}

impl Datagram {
    fn v6(&self) -> v6::Message<'_> {
        v6::Message::parse(&self.payload).unwrap()
    }

    /// The DHCPv4 message in a query, in a response, or in the datagram itself.
    fn v4(&self) -> v4::Message<'_> {
        if self.from.is_ipv4() {
            return v4::Message::parse(&self.payload).unwrap();
        }
        v4::Message::parse(o6::dhcpv4(CodePoints::RFC7341, &self.v6()).unwrap()).unwrap()
    }
}

fn capture(name: &str) -> Vec<Datagram> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/captures").join(name).with_extension("hex");
    let text = std::fs::read_to_string(&path).unwrap();
    let datagram = |line: &str| {
        let mut words = line.split(' ');
        let mut word = || words.next().unwrap();
        Datagram {
            from: word().parse().unwrap(),
            to: word().parse().unwrap(),
            payload: hex_decode(word()).unwrap(),
        }
    };
    text.lines().filter(|line| !line.starts_with('#')).map(datagram).collect()
}

/// The DHCPv6 types of a capture, in order.
fn kinds(capture: &[Datagram]) -> Vec<Kind> {
    capture.iter().map(|datagram| datagram.v6().kind).collect()
}

/// The DHCPv4 types in the queries and responses of a capture, with the U flag of each.
fn inner(capture: &[Datagram]) -> Vec<(MessageType, bool)> {
    let carries =
        |datagram: &&Datagram| matches!(datagram.v6().kind, Kind::DHCPV4_QUERY | Kind::DHCPV4_RESPONSE);
    let kind = |datagram: &Datagram| (datagram.v4().kind().unwrap(), datagram.v6().is_unicast());
    capture.iter().filter(carries).map(kind).collect()
}

const EVERY_CAPTURE: [&str; 14] = [
    "client-dhclient",
    "client-dhcpcd",
    "client-udhcpc",
    "isc-dhclient-isc-dhcpd",
    "isc-dhclient-kea",
    "isc-dhclient-stateless-kea",
    "isc-stateful-full",
    "kea-rapid-commit-dora",
    "kea-stateful-full",
    "kea-stateless-dora",
    "kea-unicast-dora",
    "plain-relayed-dnsmasq",
    "plain-relayed-isc",
    "plain-relayed-kea",
];

#[test]
fn every_captured_datagram_reads_and_writes_back() {
    for name in EVERY_CAPTURE {
        let capture = capture(name);
        assert!(capture.len() >= 6, "{name}");
        for datagram in capture {
            decoders::all(&datagram.payload);
            if datagram.from.is_ipv4() {
                assert!(datagram.v4().kind().is_some(), "{name}");
            } else {
                assert!(datagram.v6().kind.word().is_some(), "{name}");
            }
        }
    }
}

#[test]
fn every_prefix_of_a_captured_datagram_is_taken_or_refused_gen_01() {
    for datagram in EVERY_CAPTURE.into_iter().flat_map(capture) {
        (0..datagram.payload.len()).for_each(|end| decoders::all(&datagram.payload[..end]));
    }
}

#[test]
fn answers_belong_to_their_questions() {
    for name in EVERY_CAPTURE {
        let capture = capture(name);
        for pair in capture.windows(2) {
            let [asked, answered] = pair else { unreachable!() };
            let answers = if asked.from.is_ipv4() {
                asked.v4().op == v4::BOOTREQUEST && answered.v4().op == v4::BOOTREPLY
            } else {
                asked.to.port() == 547 && answered.to.port() == 546
            };
            if !answers {
                continue;
            }
            if asked.from.is_ipv4() || asked.v6().kind == Kind::DHCPV4_QUERY {
                assert_eq!(asked.v4().xid, answered.v4().xid, "{name}");
                assert_eq!(asked.v4().hardware(), answered.v4().hardware(), "{name}");
            } else {
                assert_eq!(asked.v6().xid(), answered.v6().xid(), "{name}");
                let id = |datagram: &Datagram| datagram.v6().options.duid(OptionCode::CLIENTID);
                assert_eq!(id(asked), id(answered), "{name}");
                assert!(answered.v6().options.duid(OptionCode::SERVERID).is_some(), "{name}");
            }
        }
    }
}

#[test]
fn both_servers_run_the_whole_stateful_exchange() {
    for name in ["kea-stateful-full", "isc-stateful-full"] {
        let capture = capture(name);
        let outer = kinds(&capture);
        assert_eq!(outer[..4], [Kind::SOLICIT, Kind::ADVERTISE, Kind::REQUEST, Kind::REPLY], "{name}");
        assert_eq!(
            outer[outer.len() - 6..],
            [Kind::RENEW, Kind::REPLY, Kind::REBIND, Kind::REPLY, Kind::RELEASE, Kind::REPLY],
            "{name}"
        );
        let types: Vec<_> = inner(&capture).into_iter().map(|(kind, _)| kind).collect();
        use MessageType as T;
        assert_eq!(
            types,
            [
                T::DISCOVER,
                T::OFFER,
                T::REQUEST,
                T::ACK,
                T::REQUEST,
                T::ACK,
                T::REQUEST,
                T::ACK,
                T::REQUEST,
                T::ACK,
                T::INFORM,
                T::ACK,
                T::RELEASE,
            ],
            "{name}"
        );
    }
}

#[test]
fn a_reply_gives_an_address_a_prefix_and_the_permit() {
    let capture = capture("kea-stateful-full");
    let reply = capture[3].v6();
    assert_eq!(reply.options.status(), Status::SUCCESS);
    let ia = Ia::parse(reply.options.first(OptionCode::IA_NA).unwrap()).unwrap();
    let address = IaAddress::parse(ia.options.first(OptionCode::IAADDR).unwrap()).unwrap();
    assert_eq!(address.address.segments()[..3], [0x2001, 0xdb8, 6]);
    assert!(address.preferred <= address.valid && address.valid.0 > 0);
    let ia = Ia::parse(reply.options.first(OptionCode::IA_PD).unwrap()).unwrap();
    let prefix = IaPrefix::parse(ia.options.first(OptionCode::IAPREFIX).unwrap()).unwrap();
    assert_eq!(prefix.prefix_len, 56);
    assert!(reply.options.first(OptionCode::DHCP4_O_DHCP6_SERVER).is_some());
}

#[test]
fn option_88_comes_empty_and_with_two_addresses() {
    let permit = |name: &str| {
        let capture = capture(name);
        let reply = capture.iter().find(|datagram| datagram.v6().kind == Kind::REPLY).unwrap();
        reply.v6().options.addresses(OptionCode::DHCP4_O_DHCP6_SERVER).unwrap()
    };
    assert_eq!(permit("kea-stateless-dora"), Vec::<Ipv6Addr>::new());
    assert_eq!(permit("kea-rapid-commit-dora"), Vec::<Ipv6Addr>::new());
    let two = permit("kea-unicast-dora");
    assert_eq!(two.len(), 2);
    let capture = capture("kea-unicast-dora");
    let queries = capture.iter().filter(|datagram| datagram.v6().kind == Kind::DHCPV4_QUERY);
    assert!(queries.map(|query| query.to.ip()).all(|to| two.iter().any(|server| to == *server)));
}

#[test]
fn rapid_commit_saves_two_messages() {
    let capture = capture("kea-rapid-commit-dora");
    assert_eq!(kinds(&capture)[..2], [Kind::SOLICIT, Kind::REPLY]);
    for datagram in &capture[..2] {
        assert_eq!(datagram.v6().options.first(OptionCode::RAPID_COMMIT), Some(&[][..]));
    }
}

#[test]
fn an_ack_says_everything_a_lease_needs() {
    for name in ["kea-stateful-full", "kea-stateless-dora", "isc-dhclient-kea", "isc-stateful-full"] {
        let capture = capture(name);
        let carries = |d: &&Datagram| d.v6().kind == Kind::DHCPV4_RESPONSE;
        let ack = capture
            .iter()
            .filter(carries)
            .map(Datagram::v4)
            .find(|m| m.kind() == Some(MessageType::ACK))
            .unwrap();
        assert_eq!(ack.op, v4::BOOTREPLY, "{name}");
        assert_eq!(ack.yiaddr.octets()[..3], [192, 0, 2], "{name}");
        let typed = |code, read: fn(&[u8]) -> bool| ack.option(code).is_some_and(|value| read(&value));
        assert!(ack.address(code::SERVER_ID).is_some(), "{name}");
        assert!(ack.seconds(code::LEASE_TIME).is_some_and(|seconds| seconds > 0), "{name}");
        assert!(typed(code::SUBNET_MASK, |value| v4_option::prefix_len(value) == Some(24)), "{name}");
        assert!(typed(code::ROUTER, |value| v4_option::addresses(value)
            == Some(vec![Ipv4Addr::new(192, 0, 2, 1)])));
    }
}

#[test]
fn renewals_of_real_clients_name_their_address_and_no_server_v4_22() {
    for name in
        ["isc-dhclient-isc-dhcpd", "isc-dhclient-kea", "client-udhcpc", "client-dhclient", "client-dhcpcd"]
    {
        let capture = capture(name);
        let carries = |d: &&Datagram| d.from.is_ipv4() || d.v6().kind == Kind::DHCPV4_QUERY;
        let renewal = capture
            .iter()
            .filter(carries)
            .map(Datagram::v4)
            .find(|m| m.op == v4::BOOTREQUEST && !m.ciaddr.is_unspecified())
            .unwrap();
        assert_eq!(renewal.kind(), Some(MessageType::REQUEST), "{name}");
        assert_eq!(renewal.address(code::REQUESTED_ADDRESS), None, "{name}");
        assert_eq!(renewal.address(code::SERVER_ID), None, "{name}");
    }
}

#[test]
fn every_server_returns_the_sub_option_of_the_relay_agent() {
    for name in ["plain-relayed-kea", "plain-relayed-isc", "plain-relayed-dnsmasq"] {
        let mut answers = 0;
        for datagram in capture(name) {
            let message = datagram.v4();
            if message.op == v4::BOOTREPLY {
                let value = message.option(code::RELAY_AGENT).unwrap();
                let agent = AgentInformation::parse(&value).unwrap();
                assert_eq!(agent.cra6addr(220), Ok("2001:db8:6::c".parse().unwrap()), "{name}");
                answers += 1;
            }
        }
        assert!(answers >= 6, "{name}");
        let naks = capture(name).iter().filter(|d| d.v4().kind() == Some(MessageType::NAK)).count();
        assert_eq!(naks, 1, "{name}");
    }
}

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn external(giaddr: Ipv4Addr) -> External {
    let sub_option = Settings::SUB_OPTION;
    External::new(Settings { servers: vec![SERVER], giaddr, links: Vec::new(), sub_option }, [7; 16])
}

/// The options of a DHCPv4 message in order, without those of these codes.
fn options_without(octets: &[u8], codes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let message = v4::Message::parse(octets).unwrap();
    let options = message.options().filter(|(code, _)| !codes.contains(code));
    options.map(|(code, value)| (code, value.into_owned())).collect()
}

/// The message with another header and with option 82, if any, as its last option.
fn with_agent(octets: &[u8], hops: u8, giaddr: Ipv4Addr, agent: Option<&[u8]>) -> Vec<u8> {
    let mut message = octets[..240].to_vec();
    message[3] = hops;
    message[24..28].copy_from_slice(&giaddr.octets());
    let mut options = options_without(octets, &[code::RELAY_AGENT]);
    options.extend(agent.map(|agent| (code::RELAY_AGENT, agent.to_vec())));
    for (code, value) in options {
        message.extend([code, u8::try_from(value.len()).unwrap()]);
        message.extend(value);
    }
    message.push(code::END);
    message
}

#[test]
fn what_real_servers_answered_finds_its_client_behind_the_external_engine_s46_04() {
    for name in ["plain-relayed-kea", "plain-relayed-isc", "plain-relayed-dnsmasq"] {
        let capture = capture(name);
        let mut kinds = Vec::new();
        for pair in capture.windows(2) {
            let [asked, answered] = pair else { unreachable!() };
            if asked.v4().op != v4::BOOTREQUEST || answered.v4().op != v4::BOOTREPLY {
                continue;
            }
            let giaddr = asked.v4().giaddr;
            let engine = external(giaddr);
            let client = with_agent(&asked.payload, 0, Ipv4Addr::UNSPECIFIED, None);
            let message = v4::Message::parse(&client).unwrap();
            let address: Ipv6Addr = "fe80::5eff:fe10:2".parse().unwrap();
            let way = Way { interface: "lan0", client: address, ..Way::default() };
            let back = Back {
                xid: None,
                interface: 3,
                source: None,
                to: address,
                port: 546,
                levels: Vec::new(),
                asked: Asked::default(),
            };
            let mut out = Vec::new();
            let query = Query { message: &message, way: &way, unicast: false, most: usize::MAX };
            engine.forward(&query, &back, &mut out).unwrap();
            let [Effect::Send { payload: sent, .. }] = &out[..] else { panic!("one server") };
            // The question is the one that the server was asked, but for our option 82 and the size it needs.
            assert_eq!(sent[..240], asked.payload[..240], "{name}");
            let ours = [code::RELAY_AGENT, code::MAX_MESSAGE_SIZE];
            assert_eq!(options_without(sent, &ours), options_without(&asked.payload, &ours), "{name}");

            let sent = v4::Message::parse(sent).unwrap();
            let agent = sent.option(code::RELAY_AGENT).unwrap();
            let hops = answered.v4().hops;
            let answer = with_agent(&answered.payload, hops, giaddr, Some(&agent));
            let received = |payload| Received {
                via: Port::Upstream4(std::net::SocketAddrV4::new(giaddr, 67)),
                interface: 1,
                from: SocketAddrV6::new(SERVER.to_ipv6_mapped(), 67, 0, 0),
                to: giaddr.to_ipv6_mapped(),
                payload,
            };
            // As it was captured, its option 82 is somebody else's.
            assert_eq!(engine.back(&received(&answered.payload)), Err(Refused::Unsolicited), "{name}");
            let (found, octets) = engine.back(&received(&answer)).unwrap();
            assert_eq!(found, back, "{name}");
            let mut expected = answered.payload[..240].to_vec();
            expected[3] = 0;
            expected[24..28].fill(0);
            assert_eq!(octets[..240], expected, "{name}");
            let mut expected = options_without(&answered.payload, &[code::RELAY_AGENT]);
            if answered.v4().option(code::CLIENT_ID).is_none() {
                assert_eq!(name, "plain-relayed-dnsmasq");
                let id = message.option(code::CLIENT_ID).unwrap().into_owned();
                expected.push((code::CLIENT_ID, id));
            }
            assert_eq!(options_without(&octets, &[]), expected, "{name}");
            assert!(octets.len() >= 300);
            kinds.push(answered.v4().kind().unwrap());
        }
        use MessageType as T;
        assert_eq!(kinds, [T::OFFER, T::ACK, T::ACK, T::NAK, T::OFFER, T::OFFER], "{name}");
    }
}

#[test]
fn what_real_servers_answered_finds_its_client_relay_agent_tra_01() {
    let cra: Ipv6Addr = "2001:db8:6::c".parse().unwrap();
    let ours: Ipv6Addr = "2001:db8:9::67".parse().unwrap();
    for name in ["plain-relayed-kea", "plain-relayed-isc", "plain-relayed-dnsmasq"] {
        let capture = capture(name);
        let mut kinds = Vec::new();
        for pair in capture.windows(2) {
            let [asked, answered] = pair else { unreachable!() };
            if asked.v4().op != v4::BOOTREQUEST || answered.v4().op != v4::BOOTREPLY {
                continue;
            }
            let giaddr = asked.v4().giaddr;
            let mut tra = Tra::new(TraSettings {
                accept_from: vec!["2001:db8::/32".parse().unwrap()],
                servers: vec![SERVER],
                giaddr,
                cra6addr: 220,
                ..TraSettings::default()
            });
            let mut handle = |via, from: Ipv6Addr, to, payload: &[u8]| {
                let mut out = Vec::new();
                let from = SocketAddrV6::new(from, 67, 0, 0);
                let datagram = Received { via, interface: 1, from, to, payload };
                tra.handle(Instant::from_secs(1), Input::Datagram(datagram), &mut out);
                match out.pop() {
                    Some(Effect::Send { to, payload, .. }) if out.is_empty() => (to, payload),
                    other => panic!("{name}: {other:?}"),
                }
            };
            // The question is the one that the server was asked, but for sub-options that were tried on it.
            let client = with_agent(&asked.payload, 0, Ipv4Addr::UNSPECIFIED, None);
            let (to, sent) = handle(Port::Transport6, cra, ours, &client);
            assert_eq!(to.ip().to_ipv4_mapped(), Some(SERVER));
            let mut header = asked.payload[..240].to_vec();
            header[3] = 1;
            assert_eq!(sent[..240], header, "{name}");
            let left = options_without(&sent, &[]);
            let (last, others) = left.split_last().unwrap();
            assert_eq!(others, options_without(&asked.payload, &[code::RELAY_AGENT]), "{name}");
            let agent = asked.v4().option(code::RELAY_AGENT).unwrap().into_owned();
            assert_eq!(last.0, code::RELAY_AGENT);
            assert!(agent.windows(last.1.len()).any(|window| window == last.1), "{name}");

            let server = SERVER.to_ipv6_mapped();
            let port = Port::Upstream4(std::net::SocketAddrV4::new(giaddr, 67));
            let (to, octets) = handle(port, server, giaddr.to_ipv6_mapped(), &answered.payload);
            assert_eq!(to, SocketAddrV6::new(cra, 67, 0, 0), "{name}");
            assert_eq!(octets[..240], answered.payload[..240], "{name}");
            let expected = options_without(&answered.payload, &[code::RELAY_AGENT]);
            assert_eq!(options_without(&octets, &[]), expected, "{name}");
            assert!(octets.len() >= 300);
            kinds.push(answered.v4().kind().unwrap());
        }
        use MessageType as T;
        assert_eq!(kinds, [T::OFFER, T::ACK, T::ACK, T::NAK, T::OFFER, T::OFFER], "{name}");
    }
}
