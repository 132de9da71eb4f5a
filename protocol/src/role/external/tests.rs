//! The external engine against what servers do with option 82.

mod answers;
mod queries;
mod servers;

use super::*;
use crate::ids::Xid4;
use crate::role::back::Level;
use crate::role::softwire::Asked;
use crate::way::Hop;
use crate::wire::v4::{COOKIE, Outgoing};
use std::net::{IpAddr, Ipv6Addr, SocketAddrV6};

const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 2);
const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const SECRET: [u8; 16] = *b"not so secret...";
const CLIENT_ID: [u8; 19] =
    [255, 0x5e, 0x10, 0, 1, 0, 1, 0, 1, 0x29, 0xb7, 0xc0, 0xde, 2, 0, 0x5e, 0x10, 0, 1];

fn settings() -> Settings {
    Settings {
        servers: vec![SERVER, OTHER_SERVER],
        giaddr: GIADDR,
        links: Vec::new(),
        sub_option: Settings::SUB_OPTION,
    }
}

fn engine() -> External {
    External::new(settings(), SECRET)
}

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn direct() -> Back {
    Back {
        xid: None,
        interface: 3,
        source: None,
        to: ip("fe80::5eff:fe10:1"),
        port: 546,
        levels: Vec::new(),
        asked: Asked::default(),
    }
}

/// Through one relay agent, whose interface-id has so many octets.
fn relayed(interface_id: usize) -> Back {
    let level = Level {
        hop_count: 0,
        link_address: ip("2001:db8:1:1::1"),
        peer_address: ip("fe80::5eff:fe10:1"),
        interface_id: Some(vec![b'x'; interface_id]),
        relay_port: None,
    };
    let (to, source) = (ip("2001:db8:1:1::1"), Some(ip("2001:db8:100::1")));
    Back { xid: None, interface: 0, source, to, port: 547, levels: vec![level], asked: Asked::default() }
}

/// A client's message with these options after 53 and 61.
fn query(kind: MessageType, options: &[(u8, &[u8])]) -> Vec<u8> {
    let first = [(code::MESSAGE_TYPE, &[kind.0][..]), (code::CLIENT_ID, &CLIENT_ID)];
    let options = first.iter().chain(options).map(|(code, value)| (*code, value.to_vec())).collect();
    message(v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED, options)
}

fn message(op: u8, giaddr: Ipv4Addr, options: Vec<(u8, Vec<u8>)>) -> Vec<u8> {
    Outgoing {
        op,
        htype: 1,
        hardware: vec![2, 0, 0x5e, 0x10, 0, 1],
        xid: Xid4(0x3a4f_1c02),
        secs: 7,
        flags: 0x8000,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr,
        options,
    }
    .emit()
    .unwrap()
}

fn discover() -> Vec<u8> {
    query(MessageType::DISCOVER, &[(code::PARAMETER_REQUEST, &[1, 3, 6])])
}

fn from_client(interface: &str) -> Way<'_> {
    Way { interface, client: ip("fe80::5eff:fe10:1"), ..Way::default() }
}

fn forward_by(
    engine: &External,
    octets: &[u8],
    way: &Way<'_>,
    back: &Back,
) -> Result<Vec<(SocketAddrV6, Vec<u8>)>, Refused> {
    let message = Message::parse(octets).unwrap();
    let mut out = Vec::new();
    let query = Query { message: &message, way, unicast: false, most: usize::MAX };
    if let Err(refused) = engine.forward(&query, back, &mut out) {
        assert_eq!(out, []);
        return Err(refused);
    }
    let sent = out.into_iter().map(|effect| match effect {
        Effect::Send { via, interface: 0, source: None, to, payload } => {
            assert_eq!(via, settings().port());
            assert_eq!(to.port(), 67);
            (to, payload)
        }
        other => panic!("{other:?}"),
    });
    Ok(sent.collect())
}

/// What the first server gets.
fn forward(octets: &[u8], back: &Back) -> Result<Vec<u8>, Refused> {
    let mut sent = forward_by(&engine(), octets, &from_client("lan0"), back)?;
    Ok(sent.remove(0).1)
}

/// The value of option 82 that the servers get with this message.
fn agent_of(octets: &[u8], back: &Back) -> Vec<u8> {
    let sent = forward(octets, back).unwrap();
    Message::parse(&sent).unwrap().option(code::RELAY_AGENT).unwrap().into_owned()
}

fn back_by(engine: &External, from: &str, payload: &[u8]) -> Result<(Back, Vec<u8>), Refused> {
    let from: IpAddr = from.parse().unwrap();
    let IpAddr::V4(from) = from else { panic!("servers have IPv4 addresses") };
    engine.back(&Datagram {
        via: settings().port(),
        interface: 5,
        from: SocketAddrV6::new(from.to_ipv6_mapped(), 40_000, 0, 0),
        to: GIADDR.to_ipv6_mapped(),
        payload,
    })
}

fn back(payload: &[u8]) -> Result<(Back, Vec<u8>), Refused> {
    back_by(&engine(), "10.0.0.1", payload)
}

/// An OFFER with these options after 53, to what [`message`] asks.
fn offer(options: &[(u8, &[u8])]) -> Vec<u8> {
    let mut all = vec![(code::MESSAGE_TYPE, vec![MessageType::OFFER.0])];
    all.extend(options.iter().map(|(code, value)| (*code, value.to_vec())));
    message(v4::BOOTREPLY, GIADDR, all)
}

/// The options of a message in order, as they stand there.
fn options(octets: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut reader = crate::wire::Reader::new(&octets[240..]);
    let mut options = Vec::new();
    while let Some(code) = reader.u8().filter(|code| *code != code::END) {
        let length = reader.u8().unwrap();
        options.push((code, reader.take(usize::from(length)).unwrap().to_vec()));
    }
    assert!(reader.rest().iter().all(|octet| *octet == 0), "something follows the End");
    options
}
