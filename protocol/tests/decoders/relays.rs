//! What must hold for a relay agent on any octets, from either side.

use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::params::{ALL_RELAYS_AND_SERVERS, HOP_COUNT_LIMIT, MAX_PAYLOAD};
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::relay::{ClientSide, Destination, Relay, RelaySettings};
use dhcp4o6_protocol::settings::{Draft01, Profile};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::relay::{self, Envelope};
use dhcp4o6_protocol::wire::v6::MessageType;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::net::{Ipv6Addr, SocketAddrV6};

const LAN: u32 = 2;
const WAN: u32 = 3;
const BELOW: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0xf);

fn agent() -> Relay {
    let mut agent = Relay::new(RelaySettings {
        clients: vec![ClientSide {
            name: "lan0".to_owned(),
            interface_id: b"lan0".to_vec(),
            always_interface_id: false,
            trusted: true,
            accept_unicast_4o6: true,
        }],
        servers: vec![Destination { address: SERVER, interface: None }],
        servers_4o6: Vec::new(),
        profile: Profile::Dual,
        draft01: Draft01::default(),
        source_port: 547,
        strict_source: false,
        client_link_layer: true,
        relay_id: None,
        remote_id: None,
        rate_per_interface: 0,
        rate_per_source: 0,
    });
    let lan = Interface {
        index: LAN,
        name: "lan0".to_owned(),
        running: true,
        addresses: vec!["fe80::1".parse().expect("an address")],
        ..Interface::default()
    };
    agent.handle(Instant::BOOT, Input::Interfaces(&[lan]), &mut Vec::new());
    agent
}

/// The one message that octets from this side lead to, with where it goes.
fn relayed(
    agent: &mut Relay,
    interface: u32,
    from: Ipv6Addr,
    payload: &[u8],
) -> Option<(SocketAddrV6, Vec<u8>)> {
    let mut out = Vec::new();
    let datagram = Datagram {
        via: Port::Dhcp6,
        interface,
        from: SocketAddrV6::new(from, 547, 0, 0),
        to: ALL_RELAYS_AND_SERVERS,
        payload,
    };
    agent.handle(Instant::BOOT, Input::Datagram(datagram), &mut out);
    match <[Effect; 1]>::try_from(out) {
        Ok([Effect::Send { to, payload, .. }]) => Some((to, payload)),
        Ok([Effect::Refused(_)]) => None,
        other => panic!("neither one message nor one reason for silence: {other:?}"),
    }
}

/// From below: relayed whole or not at all, and what the server answers comes back to the sender.
pub(crate) fn up(octets: &[u8]) {
    let mut agent = agent();
    let Some((to, sent)) = relayed(&mut agent, LAN, BELOW, octets) else { return };
    assert_eq!(*to.ip(), SERVER);
    assert!(sent.len() <= MAX_PAYLOAD);
    let level = relay::Relay::parse(&sent).expect("what we emit is well formed");
    assert_eq!((level.kind, level.message), (MessageType::RELAY_FORW, octets));
    assert_eq!((level.peer_address, level.interface_id()), (BELOW, Some(&b"lan0"[..])));
    assert!(level.hop_count <= HOP_COUNT_LIMIT);
    let answer = Envelope {
        kind: MessageType::RELAY_REPL,
        hop_count: level.hop_count,
        link_address: level.link_address,
        peer_address: level.peer_address,
        options: vec![(OptionCode::INTERFACE_ID, b"lan0")],
        message: octets,
    };
    let Ok(answer) = answer.emit() else { return };
    let (to, back) = relayed(&mut agent, WAN, SERVER, &answer).expect("an answer is handed on");
    assert_eq!((*to.ip(), to.scope_id(), &back[..]), (BELOW, LAN, octets));
}

/// From above: a part of it goes to somebody who can exist, or nothing.
pub(crate) fn down(octets: &[u8]) {
    let Some((to, sent)) = relayed(&mut agent(), WAN, SERVER, octets) else { return };
    let level = relay::Relay::parse(octets).expect("only what is well formed is handed on");
    assert_eq!((level.kind, level.message), (MessageType::RELAY_REPL, &sent[..]));
    assert_eq!(*to.ip(), level.peer_address);
    assert!(!to.ip().is_multicast() && !to.ip().is_unspecified() && !to.ip().is_loopback());
    assert!(level.interface_id().is_none_or(|id| id == b"lan0"));
}
