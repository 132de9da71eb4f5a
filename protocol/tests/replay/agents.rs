//! Real plain clients before our client relay agents: each gets frames addressed just as those that it took when it was
//! captured, on a TAP device, behind a relay made by hand.

use super::super::{Datagram, capture};
use dhcp4o6_protocol::ids::HardwareAddress;
use dhcp4o6_protocol::lease::LeaseEventKind;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{self, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::hcra::{AGENT, Action, Hcra};
use dhcp4o6_protocol::role::lcra::{Lcra, LcraSettings};
use dhcp4o6_protocol::settings::{Encapsulation, HcraSettings, SourceCheck};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::frame::{self, Arp, ArpOp, Content, EVERYBODY, Frame, Mac};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

const CLIENTS: [&str; 3] = ["client-dhclient", "client-dhcpcd", "client-udhcpc"];
const CLIENT: Mac = [2, 0, 0x5e, 0x10, 0, 0xbb];
const LAN0: Mac = [2, 0, 0x5e, 0, 0, 1];
const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0x18);
const TSV: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0x67);
const START: Instant = Instant::from_secs(1000);

fn v4(address: SocketAddr) -> SocketAddrV4 {
    match address {
        SocketAddr::V4(address) => address,
        SocketAddr::V6(_) => panic!("a capture of IPv4"),
    }
}

fn is_of_client(datagram: &Datagram) -> bool {
    datagram.to.port() == 67
}

/// The frame that the client sent: to everybody, or to the agent.
fn sent(datagram: &Datagram, agent: Mac) -> Vec<u8> {
    let (source, destination) = (v4(datagram.from), v4(datagram.to));
    let to = if destination.ip().is_broadcast() { EVERYBODY } else { agent };
    frame::Datagram { source, destination, payload: &datagram.payload }.emit(to, CLIENT).unwrap()
}

/// The frame that the client took, but from our agent.
fn taken(datagram: &Datagram, agent: Mac) -> Vec<u8> {
    let (source, destination) = (v4(datagram.from), v4(datagram.to));
    frame::Datagram { source, destination, payload: &datagram.payload }.emit(CLIENT, agent).unwrap()
}

fn relayed(datagram: &Datagram) -> Vec<u8> {
    let mut payload = datagram.payload.clone();
    payload[3] += 1;
    payload
}

#[test]
fn plain_clients_on_the_tap_get_renew_and_release_their_leases() {
    for name in CLIENTS {
        let mut hcra = Hcra::new(&HcraSettings::default());
        let mut out = Vec::new();
        hcra.set_gate(Some(OWN), &[TSV], &mut out);
        assert_eq!(out.split_off(0), [Action::Carrier(true)]);
        let (mut now, mut events) = (START, Vec::new());
        for datagram in capture(name) {
            if is_of_client(&datagram) {
                let server = *v4(datagram.to).ip();
                if !server.is_broadcast() {
                    let client = *v4(datagram.from).ip();
                    assert_eq!(asked(&mut hcra, now, client, server), Some(AGENT), "{name}");
                }
                hcra.on_frame(now, &sent(&datagram, AGENT), &mut out).unwrap();
                assert_eq!(out.first(), Some(&Action::Relay(relayed(&datagram))), "{name}");
            } else {
                hcra.on_datagram(now, TSV, OWN, &datagram.payload, &mut out).unwrap();
                assert_eq!(out.first(), Some(&Action::Frame(taken(&datagram, AGENT))), "{name}");
            }
            events.extend(out.drain(..).filter_map(|action| match action {
                Action::Lease(event) => Some(event.kind),
                Action::Relay(_) | Action::Frame(_) | Action::Carrier(_) => None,
            }));
            now = now + Duration::from_millis(500);
        }
        let mut expected = vec![LeaseEventKind::Acquired, LeaseEventKind::Renewed];
        expected.extend((name == "client-udhcpc").then_some(LeaseEventKind::Released));
        assert_eq!(events, expected, "{name}");
    }
}

/// Who says that the server is there, when the client asks for it before it renews.
fn asked(hcra: &mut Hcra, now: Instant, client: Ipv4Addr, server: Ipv4Addr) -> Option<Mac> {
    let question = Arp {
        op: ArpOp::Request,
        sender_hardware: CLIENT,
        sender: client,
        target_hardware: [0; 6],
        target: server,
    };
    let mut out = Vec::new();
    hcra.on_frame(now, &question.emit(), &mut out).unwrap();
    let [Action::Frame(answer)] = &out[..] else { return None };
    match Frame::parse(answer, false).unwrap().content {
        Content::Arp(Arp { op: ArpOp::Reply, sender_hardware, sender, target, .. }) => {
            assert_eq!((sender, target), (server, client));
            Some(sender_hardware)
        }
        other => panic!("{other:?}"),
    }
}

fn lcra() -> Lcra {
    let mut lcra = Lcra::new(LcraSettings {
        clients: "lan0".to_owned(),
        upstream: "lan0".to_owned(),
        servers: vec![TSV],
        source: None,
        unique_local: false,
        source_check: SourceCheck::Strict,
        hops_limit: 4,
        allow: vec![CLIENT],
        rate_per_client: 10,
        rate: 200,
        pending: 4096,
        encapsulation: Encapsulation::Off,
        circuit_id: None,
        remote_id: None,
    });
    let lan0 = Interface {
        index: 2,
        name: "lan0".to_owned(),
        running: true,
        addresses: vec![OWN],
        hardware: HardwareAddress::ethernet(LAN0),
        ..Interface::default()
    };
    lcra.handle(START, Input::Interfaces(&[lan0]), &mut Vec::new());
    lcra
}

#[test]
fn plain_clients_on_a_link_get_their_leases_and_renew_past_the_agent_lcra_12() {
    for name in CLIENTS {
        let mut lcra = lcra();
        let capture = capture(name);
        let (acquiring, renewing) = capture.split_at(4);
        for datagram in acquiring {
            let mut out = Vec::new();
            if is_of_client(datagram) {
                let octets = &sent(datagram, LAN0);
                let frame = provider::Frame { interface: 2, checksum_pending: false, octets };
                lcra.handle(START, Input::Frame(frame), &mut out);
                let expected = Effect::Send {
                    via: Port::Cra6(OWN),
                    interface: 0,
                    source: Some(OWN),
                    to: SocketAddrV6::new(TSV, 67, 0, 0),
                    payload: relayed(datagram),
                };
                assert_eq!(out, [expected], "{name}");
            } else {
                let (from, payload) = (SocketAddrV6::new(TSV, 67, 0, 0), &datagram.payload[..]);
                let received =
                    provider::Datagram { via: Port::Cra6(OWN), interface: 2, from, to: OWN, payload };
                lcra.handle(START, Input::Datagram(received), &mut out);
                let expected = Effect::Frame { interface: 2, octets: taken(datagram, LAN0) };
                assert_eq!(out, [expected], "{name}");
            }
        }
        // By unicast, through whoever is the router: also where that is this host.
        for datagram in renewing.iter().filter(|datagram| is_of_client(datagram)) {
            let octets = &sent(datagram, LAN0);
            let frame = provider::Frame { interface: 2, checksum_pending: true, octets };
            let mut out = Vec::new();
            lcra.handle(START, Input::Frame(frame), &mut out);
            assert_eq!(out, [], "{name}");
        }
    }
}
