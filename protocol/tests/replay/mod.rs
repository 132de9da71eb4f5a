//! Real clients before our server: what they sent in the captures, and whether they would take what we answer. Our server
//! is set up as the one that was captured: its identifiers, and its addresses and prefix, because later messages of the
//! client name them.

mod agents;

use super::{Datagram, capture};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::provider::{Datagram as Received, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, Server, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Serves, Settings, Subnet};
use dhcp4o6_protocol::server6;
use dhcp4o6_protocol::server6::settings::{Delegate, Options6, Subnet6};
use dhcp4o6_protocol::settings::{Draft01, Profile};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v4_option;
use dhcp4o6_protocol::wire::v6::{Message, MessageType as Kind};
use dhcp4o6_protocol::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

const LAN: u32 = 3;
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Captures of 4o6 clients.
const OF_4O6: [&str; 8] = [
    "isc-dhclient-isc-dhcpd",
    "isc-dhclient-kea",
    "isc-dhclient-stateless-kea",
    "isc-stateful-full",
    "kea-rapid-commit-dora",
    "kea-stateful-full",
    "kea-stateless-dora",
    "kea-unicast-dora",
];

/// What a client has of DHCPv6: its address, its prefix and what option 88 says.
#[derive(PartialEq, Eq, Debug, Default)]
struct Six {
    address: Option<Ipv6Addr>,
    prefix: Option<Prefix6>,
    servers_4o6: Option<Vec<Ipv6Addr>>,
}

impl Six {
    fn of(message: &Message<'_>) -> Self {
        let ia = |code| message.options.first(code).and_then(Ia::parse);
        let address =
            ia(OptionCode::IA_NA).and_then(|ia| IaAddress::parse(ia.options.first(OptionCode::IAADDR)?));
        let prefix =
            ia(OptionCode::IA_PD).and_then(|ia| IaPrefix::parse(ia.options.first(OptionCode::IAPREFIX)?));
        Self {
            address: address.map(|address| address.address),
            prefix: prefix.map(|prefix| Prefix6::of(prefix.prefix, prefix.prefix_len)),
            servers_4o6: message.options.addresses(OptionCode::DHCP4_O_DHCP6_SERVER),
        }
    }
}

fn v6(address: SocketAddr) -> SocketAddrV6 {
    match address {
        SocketAddr::V6(address) => address,
        SocketAddr::V4(_) => panic!("a capture of IPv6"),
    }
}

/// The server of a capture, as far as its client can see it.
struct Stand {
    server: Server,
    now: Instant,
    journalled: u64,
}

impl Stand {
    fn like(capture: &[Datagram]) -> Self {
        let answers = || capture.iter().filter(|datagram| datagram.to.port() == 546);
        let first6 = answers().find(|answer| answer.v6().kind != Kind::DHCPV4_RESPONSE).unwrap().v6();
        let duid: Duid = first6.options.duid(OptionCode::SERVERID).unwrap();
        let six = Six::of(&first6);
        let first4 = answers().find(|answer| answer.v6().kind == Kind::DHCPV4_RESPONSE).unwrap().v4();
        let (address, server_id) = (first4.yiaddr, first4.address(code::SERVER_ID).unwrap());
        let subnet = Subnet {
            prefix: "192.0.2.0/24".parse().unwrap(),
            serves: Serves::default(),
            pools: vec![Pool { first: address, last: address, sharing: None }],
            reservations: Vec::new(),
            times: LeaseTimes::default(),
            options: vec![(code::ROUTER, ROUTER.octets().to_vec())],
        };
        let four = Settings {
            server_id,
            subnets: vec![subnet],
            options: Vec::new(),
            rapid_commit: false,
            trust_inner_giaddr: false,
            subnet_selection: false,
            offer_hold: Settings::OFFER_HOLD,
            decline_rest: Settings::DECLINE_REST,
            limits: Limits { known_percent: 0, offered_percent: 100, ..Limits::default() },
        };
        let subnet = Subnet6 {
            prefix: "2001:db8:6::/64".parse().unwrap(),
            serves: Serves::default(),
            pools: six.address.map(|address| (address, address)).into_iter().collect(),
            delegate: six
                .prefix
                .map(|prefix| Delegate { prefix, len: prefix.length() })
                .into_iter()
                .collect(),
            reservations: Vec::new(),
            preferred: Lifetime(90),
            valid: Lifetime(120),
            options: Options6::default(),
        };
        let stateful = six.address.is_some() || six.prefix.is_some();
        let dhcp6 = server6::settings::Settings {
            rapid_commit: first6.options.first(OptionCode::RAPID_COMMIT).is_some(),
            options: Options6 { servers_4o6: six.servers_4o6, ..Options6::default() },
            subnets: if stateful { vec![subnet] } else { Vec::new() },
            ..server6::settings::Settings::default()
        };
        let settings = ServerSettings {
            profile: Profile::Rfc7341,
            draft01: Draft01::default(),
            addresses: Vec::new(),
            accept_from: Vec::new(),
            dhcp6: Some(dhcp6),
            engine: EngineSettings::Builtin(four),
            rates: Rates::default(),
            port547: true,
            tsv: None,
            softwire: Softwire::default(),
        };
        let mut own: Vec<Ipv6Addr> = answers().map(|answer| *v6(answer.from).ip()).collect();
        own.push("2001:db8:6::1".parse().unwrap());
        own.dedup();
        let lan = Interface {
            index: LAN,
            name: "lan0".to_owned(),
            running: true,
            addresses: own,
            ..Interface::default()
        };
        let mut stand = Self {
            server: Server::new(settings, duid, [7; 16], [9; 32]),
            now: Instant::from_secs(1000),
            journalled: 0,
        };
        stand.handle(Input::Interfaces(&[lan]));
        stand
    }

    /// What the server sends, and why it did not.
    fn handle(&mut self, input: Input<'_>) -> (Vec<(SocketAddrV6, Vec<u8>)>, Vec<Effect>) {
        let mut out = Vec::new();
        self.server.handle(self.now, input, &mut out);
        let (mut sent, mut others) = (Vec::new(), Vec::new());
        for effect in out {
            match effect {
                Effect::Send { to, payload, interface, .. } => {
                    assert_eq!(interface, LAN);
                    sent.push((to, payload));
                }
                Effect::Journal(_) => self.journalled += 1,
                other => others.push(other),
            }
        }
        (sent, others)
    }

    /// What the server answers to a message of the client, if anything. Then it is on disk, and later.
    fn ask(&mut self, question: &Datagram) -> Option<Vec<u8>> {
        let from = v6(question.from);
        let received = Received {
            via: Port::Dhcp6,
            interface: LAN,
            from: SocketAddrV6::new(*from.ip(), from.port(), 0, LAN),
            to: *v6(question.to).ip(),
            payload: &question.payload,
        };
        let (mut sent, others) = self.handle(Input::Datagram(received));
        assert!(sent.len() < 2 && others.is_empty(), "{others:?}");
        self.handle(Input::Stored(self.journalled));
        self.now = self.now + Duration::from_secs(2);
        let (to, payload) = sent.pop()?;
        assert_eq!((to.ip(), to.port()), (from.ip(), 546));
        Some(payload)
    }
}

/// A client takes this instead of what it was answered then: RFC 8415 §16, and what it asked for is there.
fn takes6(name: &str, asked: &Message<'_>, then: &Message<'_>, now: &Message<'_>) {
    assert_eq!((now.kind, now.xid()), (then.kind, asked.xid()), "{name}");
    let same = |code| assert_eq!(now.options.duid(code), then.options.duid(code), "{name} {code:?}");
    same(OptionCode::CLIENTID);
    same(OptionCode::SERVERID);
    assert_eq!(now.options.status(), Status::SUCCESS, "{name}");
    // RFC 8415 §18.3.7: only what the client does not have is named.
    if asked.kind == Kind::RELEASE {
        return;
    }
    let commits = |message: &Message<'_>| message.options.first(OptionCode::RAPID_COMMIT).is_some();
    assert_eq!(commits(now), commits(then), "{name}");
    for code in [OptionCode::IA_NA, OptionCode::IA_PD] {
        let iaid = |message: &Message<'_>| message.options.first(code).and_then(Ia::parse).map(|ia| ia.iaid);
        assert_eq!(iaid(now), iaid(asked), "{name} {code:?}");
    }
    let (got, had) = (Six::of(now), Six::of(then));
    assert_eq!((got.address, got.prefix), (had.address, had.prefix), "{name}");
    let wanted = asked
        .options
        .codes(OptionCode::ORO)
        .is_some_and(|codes| codes.contains(&OptionCode::DHCP4_O_DHCP6_SERVER));
    assert!(wanted, "{name}: {:?} asks for the permit", asked.kind);
    assert!(got.servers_4o6.is_some(), "{name}: {:?} gets it", asked.kind);
    assert_eq!(got.servers_4o6, had.servers_4o6, "{name}");
}

/// A client takes this DHCPv4 message instead of the one it was answered then: RFC 2131 §4.4, RFC 6842.
fn takes4(name: &str, asked: &v4::Message<'_>, then: &v4::Message<'_>, now: &v4::Message<'_>) {
    assert_eq!((now.op, now.kind()), (v4::BOOTREPLY, then.kind()), "{name}");
    assert_eq!((now.xid, now.flags, now.giaddr), (asked.xid, asked.flags, Ipv4Addr::UNSPECIFIED), "{name}");
    assert_eq!((now.htype, now.hardware()), (asked.htype, asked.hardware()), "{name}");
    assert_eq!(now.option(code::CLIENT_ID), asked.option(code::CLIENT_ID), "{name}");
    assert_eq!(now.address(code::SERVER_ID), then.address(code::SERVER_ID), "{name}");
    assert_eq!(now.yiaddr, then.yiaddr, "{name}");
    let seconds = |code| now.seconds(code);
    if asked.kind() == Some(MessageType::INFORM) {
        assert_eq!(seconds(code::LEASE_TIME), None, "{name}");
    } else {
        let times = [code::RENEWAL_TIME, code::REBINDING_TIME, code::LEASE_TIME].map(seconds);
        let [Some(t1), Some(t2), Some(lease)] = times else { panic!("{name}: {times:?}") };
        assert!(0 < t1 && t1 < t2 && t2 < lease, "{name}: {times:?}");
    }
    let mask = now.option(code::SUBNET_MASK);
    assert_eq!(mask.as_deref().and_then(v4_option::prefix_len), Some(24), "{name}");
    let router = now.option(code::ROUTER);
    assert_eq!(router.as_deref().and_then(v4_option::addresses), Some(vec![ROUTER]), "{name}");
}

#[test]
fn real_clients_take_what_our_server_answers() {
    for name in OF_4O6 {
        let capture = capture(name);
        let mut stand = Stand::like(&capture);
        let mut answered = 0;
        for (at, question) in capture.iter().enumerate().filter(|(_, datagram)| datagram.to.port() == 547) {
            let then = capture.get(at + 1).filter(|next| next.to.port() == 546);
            let now = stand.ask(question);
            let (Some(then), Some(now)) = (then, now.as_deref()) else {
                assert!(then.is_none() && now.is_none(), "{name}: {:?}", question.v6().kind);
                continue;
            };
            let answer = Message::parse(now).unwrap();
            answered += 1;
            if question.v6().kind == Kind::DHCPV4_QUERY {
                assert_eq!((answer.kind, answer.header), (Kind::DHCPV4_RESPONSE, [0; 3]), "{name}");
                let inside = Datagram { from: then.from, to: then.to, payload: now.to_vec() };
                takes4(name, &question.v4(), &then.v4(), &inside.v4());
            } else {
                takes6(name, &question.v6(), &then.v6(), &answer);
            }
        }
        // DHCPv6 once, DISCOVER and REQUEST.
        assert!(answered >= 3, "{name}");
    }
}

#[test]
fn a_real_client_that_comes_back_has_its_lease_still() {
    for name in OF_4O6 {
        let capture = capture(name);
        let mut stand = Stand::like(&capture);
        // Without what ends the lease.
        let keeps = |datagram: &&Datagram| {
            let message = datagram.v6();
            let released = message.kind == Kind::RELEASE
                || message.kind == Kind::DHCPV4_QUERY && datagram.v4().kind() == Some(MessageType::RELEASE);
            datagram.to.port() == 547 && !released
        };
        let acknowledged = |stand: &mut Stand| {
            let answers = capture.iter().filter(keeps).filter_map(|question| stand.ask(question));
            let inner = |octets: Vec<u8>| {
                let message = Message::parse(&octets).unwrap();
                let inner = v4::Message::parse(message.options.first(OptionCode::DHCPV4_MSG)?).unwrap();
                (inner.kind() == Some(MessageType::ACK)).then_some(inner.yiaddr)
            };
            answers.filter_map(inner).filter(|address| !address.is_unspecified()).collect::<Vec<_>>()
        };
        let first = acknowledged(&mut stand);
        let again = acknowledged(&mut stand);
        assert!(!first.is_empty() && first == again, "{name}: {first:?}, then {again:?}");
    }
}
