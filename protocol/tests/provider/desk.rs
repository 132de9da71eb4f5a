//! One server on a bench: datagrams go in by hand, and everything is on disk at once unless a test says otherwise.

use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Interface, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, Server, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Serves, Settings, Subnet};
use dhcp4o6_protocol::server6;
use dhcp4o6_protocol::settings::{Draft01, Encapsulation, Profile};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use dhcp4o6_protocol::wire::relay::Envelope;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v6::MessageType as Type6;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

pub(crate) const GROUP: &str = "ff02::1:2";
pub(crate) const SITE_GROUP: &str = "ff05::1:3";
/// An address of the server that no interface has.
pub(crate) const ANYCAST: &str = "2001:db8:100::1";
/// What the served interfaces have.
pub(crate) const LAN: u32 = 3;
pub(crate) const OTHER_LAN: u32 = 4;
pub(crate) const NOT_SERVED: u32 = 9;
pub(crate) const LINK_LOCAL: &str = "fe80::5:1";
pub(crate) const ROUTABLE: &str = "2001:db8:5::1";
/// A client, as in the vectors.
pub(crate) const CLIENT: &str = "fe80::5eff:fe10:1";
pub(crate) const CLIENT_ID: &str = "ff5e1000010001000129b7c0de02005e100001";

pub(crate) fn octets(text: &str) -> Vec<u8> {
    let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    dhcp4o6_protocol::ids::hex_decode(&text).unwrap()
}

pub(crate) fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) fn duid() -> Duid {
    Duid::link_layer(1, &[2, 0, 0x5e, 0, 0, 1]).unwrap()
}

/// One subnet for everybody.
pub(crate) fn subnet(prefix: &str, first: [u8; 4], last: [u8; 4]) -> Subnet {
    Subnet {
        prefix: prefix.parse().unwrap(),
        serves: Serves::default(),
        pools: vec![Pool { first: first.into(), last: last.into(), sharing: None }],
        reservations: Vec::new(),
        times: LeaseTimes { min: Lifetime(10), ..LeaseTimes::default() },
        options: Vec::new(),
    }
}

pub(crate) fn engine4(subnets: Vec<Subnet>) -> Settings {
    Settings {
        server_id: Ipv4Addr::new(198, 51, 100, 1),
        subnets,
        options: Vec::new(),
        rapid_commit: false,
        trust_inner_giaddr: false,
        subnet_selection: false,
        offer_hold: Settings::OFFER_HOLD,
        decline_rest: Settings::DECLINE_REST,
        limits: Limits::default(),
    }
}

pub(crate) fn settings() -> ServerSettings {
    ServerSettings {
        profile: Profile::Rfc7341,
        draft01: Draft01::default(),
        addresses: vec![address(ANYCAST)],
        accept_from: vec!["2001:db8::/32".parse().unwrap()],
        dhcp6: None,
        engine: EngineSettings::Builtin(engine4(vec![subnet(
            "192.0.2.0/24",
            [192, 0, 2, 18],
            [192, 0, 2, 217],
        )])),
        rates: Rates::default(),
        port547: true,
        tsv: None,
        softwire: Softwire::default(),
    }
}

/// A client relay agent, one in another /64, and the addresses that they ask.
pub(crate) const CRA: &str = "2001:db8:1:1::18";
pub(crate) const OTHER_CRA: &str = "2001:db8:1:2::18";
pub(crate) const TSV: &str = "2001:db8:9::67";
/// The server identifier, what TRAs know it by, and a TRA.
pub(crate) const SERVER_ID: [u8; 4] = [198, 51, 100, 1];
pub(crate) const SERVER4: [u8; 4] = [10, 0, 0, 1];
pub(crate) const TRA: [u8; 4] = [198, 51, 100, 9];

/// [`settings`], at port 67 too.
pub(crate) fn settings_at_67() -> ServerSettings {
    let tsv = TsvSettings {
        addresses: vec![address(TSV), address("2001:db8:9::68")],
        accept_from: vec!["2001:db8:1::/48".parse().unwrap(), "2001:db8:2::/48".parse().unwrap()],
        addresses4: vec![SERVER4.into()],
        accept_from4: vec!["203.0.113.0/24".parse().unwrap()],
        relay_agents: vec!["198.51.100.8/29".parse().unwrap()],
        interfaces4: vec!["lan0".to_owned()],
        cra6addr: 46,
        encapsulation: Encapsulation::Off,
    };
    ServerSettings { tsv: Some(tsv), ..settings() }
}

/// An IPv4 address as datagrams have it.
pub(crate) fn mapped(address: impl Into<Ipv4Addr>) -> Ipv6Addr {
    address.into().to_ipv6_mapped()
}

/// DHCPv6 that only switches DHCPv4 over DHCPv6 on.
pub(crate) fn stateless() -> server6::settings::Settings {
    let mut six = server6::settings::Settings::default();
    six.options.servers_4o6 = Some(Vec::new());
    six
}

pub(crate) fn interfaces() -> Vec<Interface> {
    let interface = |index, name: &str, addresses: &[&str]| Interface {
        index,
        name: name.to_owned(),
        running: true,
        addresses: addresses.iter().map(|a| address(a)).collect(),
        addresses4: if index == LAN { vec![[192, 0, 2, 1].into()] } else { Vec::new() },
        ..Interface::default()
    };
    // Not in the order of their indices.
    vec![interface(OTHER_LAN, "lan1", &["fe80::5:2"]), interface(LAN, "lan0", &[ROUTABLE, LINK_LOCAL])]
}

pub(crate) struct Desk {
    pub(crate) server: Server,
    pub(crate) now: Instant,
    journalled: u64,
    /// Records are on disk as soon as they are journalled.
    pub(crate) stores: bool,
}

/// A datagram that left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) interface: u32,
    pub(crate) source: Option<Ipv6Addr>,
    pub(crate) to: SocketAddrV6,
    pub(crate) payload: Vec<u8>,
}

impl Desk {
    pub(crate) fn new(settings: ServerSettings) -> Self {
        let server = Server::new(settings, duid(), [7; 16], [1; 32]);
        let mut desk = Self { server, now: Instant::from_secs(1000), journalled: 0, stores: true };
        let interfaces = interfaces();
        assert_eq!(desk.input(Input::Interfaces(&interfaces)), []);
        desk
    }

    pub(crate) fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut out = Vec::new();
        self.server.handle(self.now, input, &mut out);
        assert!(self.server.deadline().is_none_or(|at| at > self.now), "a deadline that is over");
        self.journalled += out.iter().filter(|effect| matches!(effect, Effect::Journal(_))).count() as u64;
        if self.stores && self.journalled > 0 {
            let mut more = Vec::new();
            self.server.handle(self.now, Input::Stored(self.journalled), &mut more);
            assert_eq!(more, []);
        }
        out
    }

    pub(crate) fn journalled(&self) -> u64 {
        self.journalled
    }

    pub(crate) fn wait(&mut self, span: Duration) {
        self.now = self.now + span;
        while self.server.deadline().is_some_and(|at| at <= self.now) {
            self.input(Input::Deadline);
        }
    }

    /// Everything that comes of a datagram from port 546 or, for relay agents, 547.
    pub(crate) fn effects(&mut self, interface: u32, from: &str, to: &str, payload: &[u8]) -> Vec<Effect> {
        let port = if payload.first() == Some(&12) { 547 } else { 546 };
        self.effects_from(interface, SocketAddrV6::new(address(from), port, 0, interface), to, payload)
    }

    pub(crate) fn effects_from(
        &mut self,
        interface: u32,
        from: SocketAddrV6,
        to: &str,
        payload: &[u8],
    ) -> Vec<Effect> {
        let to = address(to);
        let effects = self.arrive(Datagram { via: Port::Dhcp6, interface, from, to, payload });
        let sends = effects.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count();
        let refusals = effects.iter().filter(|effect| matches!(effect, Effect::Refused(_))).count();
        assert!(sends + refusals <= 1, "one answer or one refusal, not {effects:?}");
        effects
    }

    /// Everything that comes of a datagram.
    pub(crate) fn arrive(&mut self, datagram: Datagram<'_>) -> Vec<Effect> {
        self.input(Input::Datagram(datagram))
    }

    /// The same of one at port 67 of IPv6, from that port.
    pub(crate) fn by_ipv6(&mut self, from: &str, payload: &[u8]) -> Vec<Effect> {
        let from = SocketAddrV6::new(address(from), 67, 0, 0);
        let (via, to) = (Port::Transport6, address(TSV));
        self.arrive(Datagram { via, interface: NOT_SERVED, from, to, payload })
    }

    /// The same of one at port 67 of IPv4.
    pub(crate) fn by_ipv4(
        &mut self,
        interface: u32,
        (from, port): ([u8; 4], u16),
        to: [u8; 4],
        payload: &[u8],
    ) -> Vec<Effect> {
        let from = SocketAddrV6::new(mapped(from), port, 0, 0);
        self.arrive(Datagram { via: Port::Server4, interface, from, to: mapped(to), payload })
    }

    /// What a client behind a client relay agent is answered.
    #[track_caller]
    pub(crate) fn ask_by_ipv6(&mut self, from: &str, message: &Message) -> Vec<u8> {
        sent_by(Port::Transport6, &self.by_ipv6(from, &message.emit())).payload
    }

    /// The one datagram that answers.
    #[track_caller]
    pub(crate) fn sent(&mut self, interface: u32, from: &str, to: &str, payload: &[u8]) -> Sent {
        sent(&self.effects(interface, from, to, payload))
    }

    /// The reason why there is none.
    #[track_caller]
    pub(crate) fn refused(&mut self, interface: u32, from: &str, to: &str, payload: &[u8]) -> Refused {
        let effects = self.effects(interface, from, to, payload);
        refused(&effects).unwrap_or_else(|| panic!("not refused: {effects:?}"))
    }

    /// What a client on the LAN is answered by multicast: the DHCPv4 message.
    #[track_caller]
    pub(crate) fn ask(&mut self, message: &Message) -> Vec<u8> {
        dhcpv4(&self.sent(LAN, CLIENT, GROUP, &query(0, &message.emit())).payload)
    }
}

#[track_caller]
pub(crate) fn sent(effects: &[Effect]) -> Sent {
    sent_by(Port::Dhcp6, effects)
}

#[track_caller]
pub(crate) fn sent_by(port: Port, effects: &[Effect]) -> Sent {
    let found = effects.iter().find_map(|effect| match effect {
        Effect::Send { via, interface, source, to, payload } if *via == port => {
            Some(Sent { interface: *interface, source: *source, to: *to, payload: payload.clone() })
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("nothing was sent: {effects:?}"))
}

pub(crate) fn refused(effects: &[Effect]) -> Option<Refused> {
    effects.iter().find_map(|effect| match effect {
        Effect::Refused(reason) => Some(*reason),
        _ => None,
    })
}

/// The DHCPv4 message of a response that came directly and holds nothing else (S46-11).
#[track_caller]
pub(crate) fn dhcpv4(response: &[u8]) -> Vec<u8> {
    assert_eq!(response[..6], [21, 0, 0, 0, 0, 87]);
    assert_eq!(usize::from(u16::from_be_bytes([response[6], response[7]])), response.len() - 8);
    response[8..].to_vec()
}

/// A message of the client of the vectors.
#[derive(Clone)]
pub(crate) struct Message {
    pub(crate) kind: Option<MessageType>,
    pub(crate) xid: u32,
    pub(crate) ciaddr: Ipv4Addr,
    pub(crate) hardware: [u8; 6],
    pub(crate) client_id: Option<Vec<u8>>,
    pub(crate) options: Vec<(u8, Vec<u8>)>,
}

impl Message {
    pub(crate) fn of(kind: MessageType) -> Self {
        Self {
            kind: Some(kind),
            xid: 0x3a4f_1c02,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            hardware: [2, 0, 0x5e, 0x10, 0, 1],
            client_id: Some(octets(CLIENT_ID)),
            options: Vec::new(),
        }
    }

    /// Another client.
    pub(crate) fn by(mut self, client: u32) -> Self {
        let [a, b, c, d] = client.to_be_bytes();
        self.hardware = [2, 1, a, b, c, d];
        self.client_id = Some(vec![1, 2, 1, a, b, c, d]);
        self
    }

    pub(crate) fn with(mut self, code: u8, value: &[u8]) -> Self {
        self.options.push((code, value.to_vec()));
        self
    }

    pub(crate) fn at(mut self, ciaddr: Ipv4Addr) -> Self {
        self.ciaddr = ciaddr;
        self
    }

    pub(crate) fn emit(&self) -> Vec<u8> {
        let kind = self.kind.map(|kind| (code::MESSAGE_TYPE, vec![kind.0]));
        let id = self.client_id.clone().map(|id| (code::CLIENT_ID, id));
        let options = kind.into_iter().chain(id).chain(self.options.clone()).collect();
        v4::Outgoing {
            op: v4::BOOTREQUEST,
            htype: 1,
            hardware: self.hardware.to_vec(),
            xid: dhcp4o6_protocol::ids::Xid4(self.xid),
            secs: 0,
            flags: 0,
            ciaddr: self.ciaddr,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        }
        .emit()
        .unwrap()
    }
}

pub(crate) fn discover() -> Message {
    Message::of(MessageType::DISCOVER)
}

/// A REQUEST that chooses the OFFER of `address`.
pub(crate) fn selecting(address: Ipv4Addr) -> Message {
    Message::of(MessageType::REQUEST)
        .with(code::REQUESTED_ADDRESS, &address.octets())
        .with(code::SERVER_ID, &[198, 51, 100, 1])
}

pub(crate) fn renewing(address: Ipv4Addr) -> Message {
    Message::of(MessageType::REQUEST).at(address)
}

/// A DHCPv4-query with `flags` in its first octet of them.
pub(crate) fn query(flags: u8, dhcpv4: &[u8]) -> Vec<u8> {
    query_with(&[20, flags, 0, 0], &[(87, dhcpv4)])
}

pub(crate) fn query_with(header: &[u8; 4], options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut octets = header.to_vec();
    for (code, value) in options {
        octets.extend(code.to_be_bytes());
        octets.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        octets.extend(*value);
    }
    octets
}

/// One level of relaying around `message`.
pub(crate) fn relayed(hop_count: u8, link: &str, peer: &str, id: Option<&[u8]>, message: &[u8]) -> Vec<u8> {
    Envelope {
        kind: Type6::RELAY_FORW,
        hop_count,
        link_address: address(link),
        peer_address: address(peer),
        options: id.into_iter().map(|id| (OptionCode::INTERFACE_ID, id)).collect(),
        message,
    }
    .emit()
    .unwrap()
}

/// The type, address and lease time of a DHCPv4 answer.
pub(crate) fn given(dhcpv4: &[u8]) -> (MessageType, Ipv4Addr, Option<u32>) {
    let message = v4::Message::parse(dhcpv4).unwrap();
    (message.kind().unwrap(), message.yiaddr, message.seconds(code::LEASE_TIME))
}
