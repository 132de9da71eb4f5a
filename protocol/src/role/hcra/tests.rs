//! The agent on the device, driven by hand.

mod arp;
mod leases;
mod relaying;

use super::*;
use crate::ids::hex_decode;
use crate::params::MIN_MESSAGE4;
use crate::settings::{Encapsulation, SourceCheck};
use crate::wire::frame::EVERYBODY;
use std::time::Duration;

const CLIENT: Mac = [2, 0, 0x5e, 0x10, 0, 1];
const OWN: &str = "2001:db8:1:1::18";
const SERVER: &str = "2001:db8:9::67";
const START: Instant = Instant::from_secs(1000);
const BROADCAST: &str = "255.255.255.255";
/// What the client gets, and from whom.
const LEASED: &str = "192.0.2.18";
const SERVER4: &str = "198.51.100.1";

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn ip4(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

/// A message with these options (hexadecimal), padded to 300 octets.
fn message(op: u8, xid: u8, options: &str) -> Vec<u8> {
    let mut message = octets("00010600 3a4f1c00 0000 0000");
    (message[0], message[7]) = (op, xid);
    message.resize(28, 0);
    message.extend(CLIENT);
    message.resize(236, 0);
    message.extend(octets("63825363"));
    message.extend(octets(options));
    message.resize(message.len().max(MIN_MESSAGE4), 0);
    message
}

const FLAGS: usize = 10;
const CIADDR: usize = 12;
const YIADDR: usize = 16;

fn put(mut octets: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    octets[at..at + value.len()].copy_from_slice(value);
    octets
}

fn discover() -> Vec<u8> {
    message(1, 1, "350101 ff")
}

fn offer() -> Vec<u8> {
    put(message(2, 1, "350102 3604c6336401 330400000e10 ff"), YIADDR, &ip4(LEASED).octets())
}

/// A REQUEST that takes up the offer.
fn request() -> Vec<u8> {
    message(1, 1, "350103 3604c6336401 3204c0000212 ff")
}

/// The ACK, with these options besides address, server and an hour.
fn ack(options: &str) -> Vec<u8> {
    let octets = message(2, 1, &format!("350105 3604c6336401 330400000e10 {options} ff"));
    put(octets, YIADDR, &ip4(LEASED).octets())
}

fn renewal(xid: u8) -> Vec<u8> {
    put(message(1, xid, "350103 ff"), CIADDR, &ip4(LEASED).octets())
}

fn extended(xid: u8) -> Vec<u8> {
    let octets = message(2, xid, "350105 3604c6336401 330400000e10 ff");
    put(put(octets, CIADDR, &ip4(LEASED).octets()), YIADDR, &ip4(LEASED).octets())
}

struct Rig {
    hcra: Hcra,
    now: Instant,
}

type Outcome = Result<Vec<Action>, Refused>;

impl Rig {
    fn new(settings: HcraSettings) -> Self {
        let mut rig = Self { hcra: Hcra::new(&settings), now: START };
        assert_eq!(rig.gate(Some(OWN), &[SERVER]), [Action::Carrier(true)]);
        rig
    }

    fn open() -> Self {
        Self::new(HcraSettings::default())
    }

    /// A client on the device has had this ACK.
    fn bound(ack: &[u8]) -> Self {
        let mut rig = Self::open();
        rig.say(&request()).unwrap();
        let actions = rig.reply(ack).unwrap();
        assert!(matches!(actions[..], [Action::Frame(_), Action::Lease(_)]), "{actions:?}");
        rig
    }

    fn gate(&mut self, own: Option<&str>, servers: &[&str]) -> Vec<Action> {
        let servers: Vec<_> = servers.iter().map(|server| ip(server)).collect();
        let mut out = Vec::new();
        self.hcra.set_gate(own.map(ip), &servers, &mut out);
        out
    }

    fn frame(&mut self, octets: &[u8]) -> Outcome {
        let mut out = Vec::new();
        self.hcra.on_frame(self.now, octets, &mut out).map(|()| out)
    }

    /// The client broadcasts this without an address.
    fn say(&mut self, payload: &[u8]) -> Outcome {
        self.frame(&frame(EVERYBODY, "0.0.0.0:68", &format!("{BROADCAST}:67"), payload))
    }

    /// The client sends this from its address to its server alone.
    fn unicast(&mut self, payload: &[u8]) -> Outcome {
        self.frame(&frame(AGENT, &format!("{LEASED}:68"), &format!("{SERVER4}:67"), payload))
    }

    fn reply(&mut self, payload: &[u8]) -> Outcome {
        let mut out = Vec::new();
        self.hcra.on_datagram(self.now, ip(SERVER), ip(OWN), payload, &mut out).map(|()| out)
    }

    fn deadline(&mut self) -> Vec<Action> {
        let mut out = Vec::new();
        self.now = self.hcra.deadline().unwrap();
        self.hcra.on_deadline(self.now, &mut out);
        assert!(self.hcra.deadline().is_none_or(|deadline| deadline > self.now));
        out
    }

    fn leased(&self) -> Vec<String> {
        self.hcra.leases().map(|lease| lease.address.to_string()).collect()
    }
}

/// A frame of the client.
fn frame(to: Mac, source: &str, destination: &str, payload: &[u8]) -> Vec<u8> {
    let (source, destination) = (source.parse().unwrap(), destination.parse().unwrap());
    Datagram { source, destination, payload }.emit(to, CLIENT).unwrap()
}

fn relayed(mut payload: Vec<u8>) -> Action {
    payload[3] += 1;
    Action::Relay(payload)
}

/// A frame to the client.
fn delivered(to: Mac, source: &str, destination: &str, payload: &[u8]) -> Action {
    let source = format!("{source}:67").parse().unwrap();
    let destination = format!("{destination}:68").parse().unwrap();
    Action::Frame(Datagram { source, destination, payload }.emit(to, AGENT).unwrap())
}

fn what(actions: &[Action]) -> Vec<LeaseEventKind> {
    let kind = |action: &Action| match action {
        Action::Lease(event) => Some(event.kind),
        Action::Relay(_) | Action::Frame(_) | Action::Carrier(_) => None,
    };
    actions.iter().filter_map(kind).collect()
}
