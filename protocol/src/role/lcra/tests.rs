//! The agent, driven by hand: frames of clients, datagrams of servers, and every effect of them.

mod down;
mod place;
mod up;

use super::*;
use crate::ids::{HardwareAddress, hex_decode};
use crate::params::MIN_MESSAGE4;
use crate::wire::frame::{Arp, ArpOp, EVERYBODY};
use std::net::SocketAddrV4;
use std::time::Duration;

const LAN0: u32 = 2;
const WAN0: u32 = 3;
const OWN_MAC: Mac = [2, 0, 0x5e, 0, 0, 1];
const CLIENT: Mac = [2, 0, 0x5e, 0x10, 0, 1];
const OTHER: Mac = [2, 0, 0x5e, 0x10, 0, 2];
const OWN: &str = "2001:db8:1:1::18";
const SERVER: &str = "2001:db8:9::67";
const OTHER_SERVER: &str = "2001:db8:9::68";
const START: Instant = Instant::from_secs(1000);
const BROADCAST: &str = "255.255.255.255";

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn ip4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

/// A message of this client with these options (hexadecimal), padded to 300 octets.
fn message(op: u8, client: Mac, options: &str) -> Vec<u8> {
    let mut message = octets("00010600 3a4f1c02 0000 0000");
    message[0] = op;
    message.resize(28, 0);
    message.extend(client);
    message.resize(236, 0);
    message.extend(octets("63825363"));
    message.extend(octets(options));
    message.resize(message.len().max(MIN_MESSAGE4), 0);
    message
}

fn discover() -> Vec<u8> {
    message(1, CLIENT, "350101 ff")
}

/// An OFFER of 192.0.2.18 by 198.51.100.1.
fn offer() -> Vec<u8> {
    let mut offer = message(2, CLIENT, "350102 3604c6336401 330400000e10 ff");
    put(&mut offer, YIADDR, &[192, 0, 2, 18]);
    offer
}

const FLAGS: usize = 10;
const CIADDR: usize = 12;
const YIADDR: usize = 16;

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    octets[at..at + value.len()].copy_from_slice(value);
}

fn settings() -> LcraSettings {
    LcraSettings {
        clients: "lan0".to_owned(),
        upstream: "wan0".to_owned(),
        servers: vec![ip(SERVER)],
        source: None,
        unique_local: false,
        source_check: SourceCheck::Strict,
        hops_limit: 4,
        allow: Vec::new(),
        rate_per_client: 10,
        rate: 200,
        pending: 4096,
        encapsulation: Encapsulation::Off,
        circuit_id: None,
        remote_id: None,
    }
}

fn lan0(addresses4: &[&str]) -> Interface {
    Interface {
        index: LAN0,
        name: "lan0".to_owned(),
        running: true,
        addresses: vec![ip("fe80::1")],
        addresses4: addresses4.iter().map(|address| ip4(address)).collect(),
        hardware: HardwareAddress::ethernet(OWN_MAC),
        mtu: 1500,
    }
}

fn wan0(addresses: &[&str]) -> Interface {
    let addresses = addresses.iter().map(|address| ip(address)).collect();
    Interface { index: WAN0, name: "wan0".to_owned(), running: true, addresses, ..Interface::default() }
}

struct Rig {
    lcra: Lcra,
    now: Instant,
}

impl Rig {
    fn new(settings: LcraSettings) -> Self {
        Self::with(settings, &[lan0(&[]), wan0(&["fe80::2", OWN])])
    }

    fn with(settings: LcraSettings, interfaces: &[Interface]) -> Self {
        let mut rig = Self { lcra: Lcra::new(settings), now: START };
        rig.interfaces(interfaces);
        rig
    }

    fn interfaces(&mut self, interfaces: &[Interface]) {
        assert_eq!(self.handle(Input::Interfaces(interfaces)), []);
    }

    fn handle(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut out = Vec::new();
        self.lcra.handle(self.now, input, &mut out);
        assert_eq!(self.lcra.deadline(), None);
        out
    }

    fn frame(&mut self, octets: &[u8]) -> Vec<Effect> {
        self.handle(Input::Frame(provider::Frame { interface: LAN0, checksum_pending: false, octets }))
    }

    /// A message in a broadcast of this station.
    fn say(&mut self, from: Mac, payload: &[u8]) -> Vec<Effect> {
        self.frame(&frame(EVERYBODY, from, "0.0.0.0:68", &format!("{BROADCAST}:67"), payload))
    }

    /// What a server sends to the agent.
    fn reply(&mut self, payload: &[u8]) -> Vec<Effect> {
        self.datagram(SERVER, OWN, payload)
    }

    fn datagram(&mut self, from: &str, to: &str, payload: &[u8]) -> Vec<Effect> {
        let from = SocketAddrV6::new(ip(from), 67, 0, 0);
        let via = Port::Cra6(ip(OWN));
        self.handle(Input::Datagram(provider::Datagram { via, interface: WAN0, from, to: ip(to), payload }))
    }
}

fn frame(to: Mac, from: Mac, source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    Datagram { source, destination, payload }.emit(to, from).unwrap()
}

fn send(to: &str, payload: &[u8]) -> Effect {
    Effect::Send {
        via: Port::Cra6(ip(OWN)),
        interface: 0,
        source: Some(ip(OWN)),
        to: SocketAddrV6::new(ip(to), 67, 0, 0),
        payload: payload.to_vec(),
    }
}

/// A frame to clients, as the agent sends it.
fn delivered(to: Mac, source: &str, destination: &str, payload: &[u8]) -> Effect {
    let address = |text: &str, port| SocketAddrV4::new(ip4(text), port).to_string();
    let octets = frame(to, OWN_MAC, &address(source, 67), &address(destination, 68), payload);
    Effect::Frame { interface: LAN0, octets }
}

fn relayed(mut payload: Vec<u8>) -> Effect {
    payload[3] += 1;
    send(SERVER, &payload)
}

fn refused(why: Refused) -> Vec<Effect> {
    vec![Effect::Refused(why)]
}
