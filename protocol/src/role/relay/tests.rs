//! The relay agent, driven by hand: what goes in, and every effect of it.

mod down;
mod limits;
mod up;
mod way_back;

use super::*;
use crate::ids::hex_decode;
use crate::wire::relay::Relayed;

const CLIENT: &str = "fe80::5eff:fe10:1";
const SERVER: &str = "2001:db8:f::1";
const GROUP: &str = "ff02::1:2";
const START: Instant = Instant::from_secs(1000);
/// Clients are on it, and it has a routable address.
const LAN0: u32 = 2;
/// Clients are on it, and it has only a link-local address.
const LAN1: u32 = 3;
/// Clients and relay agents are on it.
const LAN2: u32 = 4;
/// Servers are beyond it.
const WAN0: u32 = 9;
/// The address of lan0.
const LAN0_ADDRESS: &str = "2001:db8:1:1::1";

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

fn client_side(name: &str) -> ClientSide {
    ClientSide {
        name: name.to_owned(),
        interface_id: name.as_bytes().to_vec(),
        always_interface_id: false,
        trusted: false,
        accept_unicast_4o6: false,
    }
}

fn destination(address: &str, interface: Option<&str>) -> Destination {
    Destination { address: ip(address), interface: interface.map(str::to_owned) }
}

fn settings() -> RelaySettings {
    RelaySettings {
        clients: vec![
            client_side("lan0"),
            client_side("lan1"),
            ClientSide { trusted: true, ..client_side("lan2") },
        ],
        servers: vec![destination(SERVER, None)],
        servers_4o6: Vec::new(),
        profile: Profile::Rfc7341,
        draft01: Draft01::default(),
        source_port: SERVER6_PORT,
        strict_source: false,
        client_link_layer: false,
        relay_id: None,
        remote_id: None,
        rate_per_interface: 1000,
        rate_per_source: 50,
    }
}

fn interface(index: u32, name: &str, addresses: &[&str]) -> Interface {
    let addresses = addresses.iter().map(|address| ip(address)).collect();
    Interface { index, name: name.to_owned(), running: true, addresses, ..Interface::default() }
}

fn interfaces() -> Vec<Interface> {
    vec![
        interface(LAN0, "lan0", &["fe80::a:1", LAN0_ADDRESS]),
        interface(LAN1, "lan1", &["fe80::a:1"]),
        interface(LAN2, "lan2", &["fe80::a:2", "2001:db8:1:2::1"]),
        interface(WAN0, "wan0", &["fe80::a:9", "2001:db8:9::2"]),
    ]
}

/// What left: by which socket and interface, to whom, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sent {
    via: Port,
    interface: u32,
    source: Option<Ipv6Addr>,
    to: SocketAddrV6,
    payload: Vec<u8>,
}

impl Sent {
    fn level(&self) -> Level<'_> {
        Level::parse(&self.payload).unwrap()
    }

    fn option(&self, code: OptionCode) -> Option<&[u8]> {
        self.level().options.first(code)
    }
}

struct Rig {
    relay: Relay,
    now: Instant,
}

impl Rig {
    fn new(settings: RelaySettings) -> Self {
        Self::with(settings, &interfaces())
    }

    fn with(settings: RelaySettings, interfaces: &[Interface]) -> Self {
        let mut rig = Self { relay: Relay::new(settings), now: START };
        let mut out = Vec::new();
        rig.relay.handle(rig.now, Input::Interfaces(interfaces), &mut out);
        assert_eq!(out, []);
        rig
    }

    /// What a datagram leads to: copies of one message, or one refusal and nothing else.
    fn take(
        &mut self,
        interface: u32,
        from: SocketAddrV6,
        to: &str,
        payload: &[u8],
    ) -> Result<Vec<Sent>, Refused> {
        self.take_by(Port::Dhcp6, interface, from, to, payload)
    }

    fn take_by(
        &mut self,
        via: Port,
        interface: u32,
        from: SocketAddrV6,
        to: &str,
        payload: &[u8],
    ) -> Result<Vec<Sent>, Refused> {
        let mut out = Vec::new();
        let datagram = Datagram { via, interface, from, to: ip(to), payload };
        self.relay.handle(self.now, Input::Datagram(datagram), &mut out);
        assert_eq!(self.relay.deadline(), None);
        if let [Effect::Refused(refused)] = out[..] {
            return Err(refused);
        }
        let sent = out.into_iter().map(|effect| match effect {
            Effect::Send { via, interface, source, to, payload } => {
                Sent { via, interface, source, to, payload }
            }
            other => panic!("{other:?} beside or in place of a message"),
        });
        let sent: Vec<_> = sent.collect();
        assert!(!sent.is_empty(), "neither sent nor counted");
        Ok(sent)
    }

    /// A client's message on `interface`, sent to the group.
    fn client(&mut self, interface: u32, payload: &[u8]) -> Result<Vec<Sent>, Refused> {
        self.take(interface, at(CLIENT, 546, interface), GROUP, payload)
    }

    /// The same when it goes to exactly one destination.
    fn relayed(&mut self, interface: u32, payload: &[u8]) -> Sent {
        let [sent] = self.client(interface, payload).unwrap().try_into().unwrap();
        sent
    }

    /// A message from the server.
    fn server(&mut self, payload: &[u8]) -> Result<Sent, Refused> {
        let sent = self.take(WAN0, at(SERVER, 547, 0), "2001:db8:9::2", payload)?;
        let [sent] = sent.try_into().unwrap();
        Ok(sent)
    }
}

fn at(address: &str, port: u16, scope: u32) -> SocketAddrV6 {
    let address = ip(address);
    SocketAddrV6::new(address, port, 0, if address.is_unicast_link_local() { scope } else { 0 })
}

fn solicit() -> Vec<u8> {
    octets("01 010203 0008 0002 0000")
}

fn query() -> Vec<u8> {
    octets("14 000000 0057 0004 01020304")
}

/// A relay message with these options and `message` inside.
fn level(
    kind: MessageType,
    hop_count: u8,
    link: &str,
    peer: &str,
    options: &[(OptionCode, &[u8])],
    message: &[u8],
) -> Vec<u8> {
    let (link_address, peer_address) = (ip(link), ip(peer));
    let options = options.to_vec();
    crate::wire::relay::Envelope { kind, hop_count, link_address, peer_address, options, message }
        .emit()
        .unwrap()
}

fn forward(hop_count: u8, message: &[u8]) -> Vec<u8> {
    level(MessageType::RELAY_FORW, hop_count, "2001:db8:7::1", "fe80::7", &[], message)
}

fn reply(link: &str, peer: &str, options: &[(OptionCode, &[u8])], message: &[u8]) -> Vec<u8> {
    level(MessageType::RELAY_REPL, 0, link, peer, options, message)
}
