//! What must hold for client relay agents and for the TRA on any octets, from either side.

use dhcp4o6_protocol::ids::HardwareAddress;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::params::{MAX_MESSAGE4, MAX_PAYLOAD, MIN_HEADER4};
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::provider::{self, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::hcra::{AGENT, Action, Hcra};
use dhcp4o6_protocol::role::lcra::{Lcra, LcraSettings};
use dhcp4o6_protocol::role::tra::{Tra, TraSettings};
use dhcp4o6_protocol::settings::{Encapsulation, HcraSettings, SourceCheck};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::encapsulation::{Encapsulated, Level};
use dhcp4o6_protocol::wire::frame::{Arp, ArpOp, Content, Datagram, EVERYBODY, Frame, Mac};
use dhcp4o6_protocol::wire::transit::Transit;
use dhcp4o6_protocol::wire::v4::{self, code};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

const LAN: u32 = 2;
const WAN: u32 = 3;
const CRA: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0x18);
const TRA: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0x67);
const GIADDR: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 9);
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
const ROUTER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const OWN: Mac = [2, 0, 0x5e, 0, 0, 1];
const CLIENT: Mac = [2, 0, 0x5e, 0x10, 0, 1];
const NOW: Instant = Instant::from_secs(1000);

fn interface(index: u32, name: &str, address: Ipv6Addr) -> Interface {
    Interface {
        index,
        name: name.to_owned(),
        running: true,
        addresses: vec![address],
        hardware: HardwareAddress::ethernet(OWN),
        mtu: 1500,
        ..Interface::default()
    }
}

fn lcra(encapsulation: Encapsulation) -> Lcra {
    let mut lcra = Lcra::new(LcraSettings {
        clients: "lan0".to_owned(),
        upstream: "wan0".to_owned(),
        servers: vec![TRA],
        source: None,
        unique_local: false,
        source_check: SourceCheck::Strict,
        hops_limit: 16,
        allow: Vec::new(),
        rate_per_client: 0,
        rate: 0,
        pending: 16,
        encapsulation,
        circuit_id: Some(b"lan0".to_vec()),
        remote_id: None,
    });
    let link_local = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
    let interfaces = [interface(LAN, "lan0", link_local), interface(WAN, "wan0", CRA)];
    lcra.handle(NOW, Input::Interfaces(&interfaces), &mut Vec::new());
    lcra
}

fn tra() -> Tra {
    let mut tra = Tra::new(TraSettings {
        addresses: vec![TRA],
        accept_from: vec![Prefix6::of(CRA, 64)],
        servers: vec![SERVER],
        giaddr: GIADDR,
        hops_limit: 16,
        max_message: 1500,
        encapsulation: Encapsulation::Private,
        rate_per_source: 0,
        ..TraSettings::default()
    });
    tra.handle(NOW, Input::Interfaces(&[interface(WAN, "wan0", TRA)]), &mut Vec::new());
    tra
}

/// The one thing that an input leads to, if it leads to more than a reason for silence.
fn one<M>(machine: &mut M, input: Input<'_>) -> Option<Effect>
where
    M: for<'a> Machine<Input<'a> = Input<'a>, Effect = Effect>,
{
    let mut out = Vec::new();
    machine.handle(NOW, input, &mut out);
    out.retain(|effect| !matches!(effect, Effect::Notify(_)));
    match <[Effect; 1]>::try_from(out) {
        Ok([Effect::Refused(_)]) => None,
        Ok([effect]) => Some(effect),
        Err(none) if none.is_empty() => None,
        Err(many) => panic!("more than one answer to one message: {many:?}"),
    }
}

fn datagram(via: Port, from: SocketAddrV6, to: Ipv6Addr, payload: &[u8]) -> Input<'_> {
    Input::Datagram(provider::Datagram { via, interface: WAN, from, to, payload })
}

fn six(address: Ipv6Addr) -> SocketAddrV6 {
    SocketAddrV6::new(address, 67, 0, 0)
}

/// What goes by IPv6 to `to`, or nothing.
fn sent(effect: Option<Effect>, to: Ipv6Addr) -> Option<Vec<u8>> {
    match effect {
        None => None,
        Some(Effect::Send { to: destination, payload, .. }) => {
            assert_eq!((*destination.ip(), destination.port()), (to, 67));
            assert!(payload.len() <= MAX_PAYLOAD);
            Some(payload)
        }
        Some(other) => panic!("{other:?}"),
    }
}

/// A frame of the client with this message.
fn broadcast(octets: &[u8]) -> Option<Vec<u8>> {
    let source = SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68);
    let destination = SocketAddrV4::new(Ipv4Addr::BROADCAST, 67);
    Datagram { source, destination, payload: octets }.emit(EVERYBODY, CLIENT).ok()
}

fn of_lan(octets: &[u8]) -> Input<'_> {
    Input::Frame(provider::Frame { interface: LAN, checksum_pending: false, octets })
}

/// The DHCP message in a frame to a client, whose checksums are right.
fn delivered(frame: &[u8], own: Mac) -> Vec<u8> {
    let frame = Frame::parse(frame, false).expect("what we emit is well formed");
    let Content::Dhcp(datagram) = frame.content else { panic!("{frame:?}") };
    assert_eq!((frame.from, datagram.source.port(), datagram.destination.port()), (own, 67, 68));
    assert_eq!(frame.to == EVERYBODY, datagram.destination.ip().is_broadcast());
    assert!(frame.to == EVERYBODY || !datagram.source.ip().is_unspecified());
    datagram.payload.to_vec()
}

/// Only `hops` differs.
fn differs_in_hops_only(relayed: &[u8], octets: &[u8]) {
    let mut expected = octets.to_vec();
    expected[3] += 1;
    assert_eq!(relayed, expected);
    let message = Transit::parse(octets).expect("only what is well formed is relayed");
    assert_eq!((message.op(), message.giaddr()), (v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED));
    assert!(!message.has(code::RELAY_AGENT) && octets.len() <= MAX_MESSAGE4);
}

/// A client's message, all the way to a server behind a TRA and back.
pub(crate) fn up(octets: &[u8]) {
    let Some(frame) = broadcast(octets) else { return };
    let mut hcra = Hcra::new(&HcraSettings { hops_limit: 16, ..HcraSettings::default() });
    let mut out = Vec::new();
    hcra.set_gate(Some(CRA), &[TRA], &mut out);
    out.clear();
    let by_hcra = hcra.on_frame(NOW, &frame, &mut out);
    for encapsulation in [Encapsulation::Off, Encapsulation::Private] {
        let mut lcra = lcra(encapsulation);
        let relayed = sent(one(&mut lcra, of_lan(&frame)), TRA);
        assert_eq!(relayed.is_some(), by_hcra.is_ok(), "one agent relays what the other does not");
        let Some(relayed) = relayed else {
            assert_eq!(out, []);
            continue;
        };
        if encapsulation == Encapsulation::Off {
            differs_in_hops_only(&relayed, octets);
            assert_eq!(out, [Action::Relay(relayed.clone())]);
        } else {
            let read = Encapsulated::parse(&relayed).expect("what we emit is well formed");
            assert_eq!((read.levels.len(), read.message), (1, octets));
        }
        through(&mut lcra, &relayed);
    }
}

/// From the agent to the server behind a TRA, which echoes, and back to the client.
fn through(lcra: &mut Lcra, relayed: &[u8]) {
    let mut tra = tra();
    let upstream = Port::Upstream4(SocketAddrV4::new(GIADDR, 67));
    assert!(tra.ports().contains(&upstream));
    let server = SERVER.to_ipv6_mapped();
    let Some(asked) = sent(one(&mut tra, datagram(Port::Transport6, six(CRA), TRA, relayed)), server) else {
        let hops = Level::parse(relayed).map_or(relayed[3], |level| level.hops);
        assert!(hops > 16 || relayed.len() > 1400, "a TRA takes what an agent relays");
        return;
    };
    let answer = match Encapsulated::parse(&asked) {
        Some(read) => {
            let mut message = read.message.to_vec();
            message[0] = v4::BOOTREPLY;
            read.reply(&message).expect("it fitted before")
        }
        None => {
            let message = Transit::parse(&asked).expect("what we emit is well formed");
            assert_eq!((message.giaddr(), message.has(code::RELAY_AGENT)), (GIADDR, true));
            [&[v4::BOOTREPLY][..], &asked[1..]].concat()
        }
    };
    let to = GIADDR.to_ipv6_mapped();
    let back = sent(one(&mut tra, datagram(upstream, six(server), to, &answer)), CRA);
    let back = back.expect("an answer finds its way");
    let Some(Effect::Frame { interface, octets }) =
        one(lcra, datagram(Port::Cra6(CRA), six(TRA), CRA, &back))
    else {
        // Longer by what the TRA had to make good than a packet can be.
        assert!(back.len() > MAX_MESSAGE4);
        return;
    };
    let level = Level::parse(&back);
    let message = level.map_or(&back[..], |level| level.message);
    assert_eq!((interface, delivered(&octets, OWN)), (LAN, message.to_vec()));
    assert!(!Transit::parse(message).expect("it was read").has(code::RELAY_AGENT));
}

/// A reply from a TSV or TRA, and from a server to a TRA: handed on whole or not at all.
pub(crate) fn down(octets: &[u8]) {
    encapsulated(octets);
    drop(sent(one(&mut tra(), datagram(Port::Transport6, six(CRA), TRA, octets)), SERVER.to_ipv6_mapped()));
    let upstream = Port::Upstream4(SocketAddrV4::new(GIADDR, 67));
    let (from, to) = (six(SERVER.to_ipv6_mapped()), GIADDR.to_ipv6_mapped());
    assert_eq!(one(&mut tra(), datagram(upstream, from, to, octets)), None, "nobody asked");

    // Somebody asked for just this.
    let Some(header) = octets.get(..MIN_HEADER4) else { return };
    let mut asked = header.to_vec();
    (asked[0], asked[3]) = (v4::BOOTREQUEST, 0);
    asked[12..28].fill(0);
    asked[236..].copy_from_slice(&v4::COOKIE);
    asked.extend([53, 1, 1, 255]);
    let Some(frame) = broadcast(&asked) else { return };
    for encapsulation in [Encapsulation::Off, Encapsulation::Private] {
        let mut lcra = lcra(encapsulation);
        let relayed = one(&mut lcra, of_lan(&frame)).is_some();
        match one(&mut lcra, datagram(Port::Cra6(CRA), six(TRA), CRA, octets)) {
            None => {}
            Some(Effect::Frame { octets: frame, .. }) => {
                assert!(relayed, "nobody asked");
                is_handed_on(&delivered(&frame, OWN), octets, encapsulation);
            }
            Some(other) => panic!("{other:?}"),
        }
        let mut hcra = Hcra::new(&HcraSettings { encapsulation, ..HcraSettings::default() });
        let mut out = Vec::new();
        hcra.set_gate(Some(CRA), &[TRA], &mut out);
        let relayed = hcra.on_frame(NOW, &frame, &mut out).is_ok();
        out.clear();
        let outcome = hcra.on_datagram(NOW, TRA, CRA, octets, &mut out);
        match &out[..] {
            [] => assert!(outcome.is_err()),
            [Action::Frame(frame)] | [Action::Frame(frame), Action::Lease(_)] => {
                assert!(relayed && outcome.is_ok(), "nobody asked");
                is_handed_on(&delivered(frame, AGENT), octets, encapsulation);
            }
            other => panic!("{other:?}"),
        }
        assert!(hcra.deadline().is_none_or(|deadline| deadline > NOW));
    }
}

fn is_handed_on(message: &[u8], received: &[u8], encapsulation: Encapsulation) {
    if encapsulation == Encapsulation::Off || received[0] == v4::BOOTREPLY {
        assert_eq!(message, received);
    }
    let message = Transit::parse(message).expect("only what is well formed is handed on");
    assert_eq!((message.op(), message.has(code::RELAY_AGENT)), (v4::BOOTREPLY, false));
}

/// Relay encapsulation, as deep as it goes.
fn encapsulated(octets: &[u8]) {
    if let Some(level) = Level::parse(octets) {
        let mut again = level.emit().unwrap_or_default();
        // The fourth octet means nothing.
        if let (Some(to), Some(from)) = (again.get_mut(3), octets.get(3)) {
            *to = *from;
        }
        assert!(again == octets || octets.len() > MAX_PAYLOAD);
    }
    let Some(read) = Encapsulated::parse(octets) else { return };
    assert!((1..=Encapsulated::NESTING).contains(&read.levels.len()));
    let Ok(reply) = read.reply(&[v4::BOOTREPLY]) else { return };
    let reply = Encapsulated::parse(&reply).expect("what we emit is well formed");
    assert_eq!(reply.message, [v4::BOOTREPLY]);
    for (there, back) in read.levels.iter().zip(&reply.levels) {
        assert_eq!((there.hops, there.segment), (back.hops, back.segment));
    }
    assert_eq!(read.levels.len(), reply.levels.len());
}

/// An agent on whose device a client leased [`LEASED`] from [`SERVER`], behind [`ROUTER`].
fn bound() -> Hcra {
    let mut hcra = Hcra::new(&HcraSettings::default());
    let mut out = Vec::new();
    hcra.set_gate(Some(CRA), &[TRA], &mut out);
    let mut message = v4::Outgoing {
        op: v4::BOOTREQUEST,
        htype: 1,
        hardware: CLIENT.to_vec(),
        xid: dhcp4o6_protocol::ids::Xid4(1),
        secs: 0,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![(code::MESSAGE_TYPE, vec![3])],
    };
    let request = broadcast(&message.emit().expect("short")).expect("short");
    hcra.on_frame(NOW, &request, &mut out).expect("a good REQUEST");
    message.op = v4::BOOTREPLY;
    message.yiaddr = LEASED;
    message.options = vec![
        (code::MESSAGE_TYPE, vec![5]),
        (code::SERVER_ID, SERVER.octets().to_vec()),
        (code::LEASE_TIME, vec![0, 0, 14, 16]),
        (code::ROUTER, ROUTER.octets().to_vec()),
    ];
    hcra.on_datagram(NOW, TRA, CRA, &message.emit().expect("short"), &mut out).expect("a good ACK");
    assert_eq!(hcra.leases().count(), 1);
    hcra
}

/// A frame of a client.
pub(crate) fn frame(octets: &[u8]) {
    for checksum_pending in [false, true] {
        let Ok(frame) = Frame::parse(octets, checksum_pending) else { continue };
        let again = match &frame.content {
            Content::Dhcp(datagram) => datagram.emit(frame.to, frame.from).expect("it fitted before"),
            Content::Arp(arp) => arp.emit(),
            Content::Other => continue,
        };
        let again = Frame::parse(&again, false).expect("what we emit is well formed");
        assert_eq!(again.content, frame.content);
    }
    lan(octets);
    tap(octets);
}

/// The DHCP message in a frame.
fn inside(octets: &[u8]) -> Option<(Datagram<'_>, Mac)> {
    match Frame::parse(octets, false) {
        Ok(Frame { content: Content::Dhcp(datagram), from, .. }) => Some((datagram, from)),
        _ => None,
    }
}

fn lan(octets: &[u8]) {
    let Some(effect) = one(&mut lcra(Encapsulation::Off), of_lan(octets)) else { return };
    let relayed = sent(Some(effect), TRA).expect("it was sent");
    let (datagram, from) = inside(octets).expect("only DHCP is relayed");
    differs_in_hops_only(&relayed, datagram.payload);
    assert!(datagram.destination.port() == 67 && datagram.destination.ip().is_broadcast() && from != OWN);
}

fn tap(octets: &[u8]) {
    let mut hcra = bound();
    let mut out = Vec::new();
    let outcome = hcra.on_frame(NOW, octets, &mut out);
    match &out[..] {
        [] => {}
        [Action::Relay(relayed), ended @ ..] if ended.len() < 2 => {
            let (datagram, _) = inside(octets).expect("only DHCP is relayed");
            differs_in_hops_only(relayed, datagram.payload);
            let renews = *datagram.source.ip() == LEASED && *datagram.destination.ip() == SERVER;
            assert!(renews || datagram.destination.ip().is_broadcast(), "{datagram:?}");
            assert!(ended.iter().all(|action| matches!(action, Action::Lease(_))));
        }
        [Action::Frame(answer)] => answers(octets, answer),
        other => panic!("{other:?}"),
    }
    assert!(out.is_empty() || outcome.is_ok());
    assert!(hcra.deadline().is_none_or(|deadline| deadline > NOW));
}

fn answers(octets: &[u8], answer: &[u8]) {
    let arp = |octets| match Frame::parse(octets, false) {
        Ok(Frame { content: Content::Arp(arp), .. }) => arp,
        other => panic!("{other:?}"),
    };
    let (question, answer): (Arp, Arp) = (arp(octets), arp(answer));
    assert_eq!((question.op, answer.op), (ArpOp::Request, ArpOp::Reply));
    assert!(!question.is_probe() && !question.is_announcement());
    assert_eq!((question.sender, question.target), (answer.target, answer.sender));
    assert_eq!((answer.sender_hardware, answer.target_hardware), (AGENT, question.sender_hardware));
    assert!(question.sender == LEASED && [SERVER, ROUTER].contains(&question.target));
}
