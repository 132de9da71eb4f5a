//! The relay agent, octet by octet.

mod down;
mod encapsulated;
mod servers;
mod up;
mod watch;

use super::*;
use crate::ids::{Xid4, hex, hex_decode};
use crate::wire::v4::COOKIE;

const START: Instant = Instant::from_secs(1000);
const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
const GIADDR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
/// A client relay agent.
const CRA: &str = "2001:db8:1:1::18";
/// The address of ours that it asks at, and another one.
const OURS: &str = "2001:db8:9::67";
const ALSO_OURS: &str = "2001:db8:9::68";
const XID: Xid4 = Xid4(0x3a4f_1c02);
const MAC: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];
/// Option 82 of a message of the client relay agent.
const AGENT: &str = "5212 2e10 20010db8000100010000000000000018";

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

fn settings() -> TraSettings {
    TraSettings {
        accept_from: vec!["2001:db8::/32".parse().unwrap(), "fd00::/8".parse().unwrap()],
        servers: vec![SERVER],
        giaddr: GIADDR,
        ..TraSettings::default()
    }
}

/// A message with this options field, in hexadecimal: `op` and `hops` as said, zeros elsewhere but for xid and chaddr.
fn message(op: u8, hops: u8, options: &str) -> Vec<u8> {
    let mut octets = vec![op, 1, 6, hops];
    octets.extend(XID.0.to_be_bytes());
    octets.resize(28, 0);
    octets.extend(MAC);
    octets.resize(236, 0);
    octets.extend(COOKIE);
    octets.extend(self::octets(options));
    octets
}

fn discover() -> Vec<u8> {
    let mut octets = message(BOOTREQUEST, 1, "350101 3d0701 02005e100001 370401030626 ff");
    octets.resize(300, 0);
    octets
}

/// An answer that has our giaddr, with these options.
fn answer(options: &str) -> Vec<u8> {
    let mut octets = message(BOOTREPLY, 2, options);
    octets[16..20].copy_from_slice(&[192, 0, 2, 18]);
    octets[24..28].copy_from_slice(&GIADDR.octets());
    octets
}

/// What left: by which socket, from where, to whom, and what.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Sent {
    via: Port,
    source: Option<Ipv6Addr>,
    to: SocketAddrV6,
    payload: Vec<u8>,
}

struct Rig {
    tra: Tra,
    now: Instant,
    notices: Vec<crate::provider::Notice>,
}

impl Rig {
    fn new(settings: TraSettings) -> Self {
        let interface = Interface {
            index: 2,
            name: "eth0".to_owned(),
            running: true,
            addresses: vec![ip("fe80::9"), ip(OURS), ip(ALSO_OURS)],
            addresses4: vec![GIADDR],
            mtu: 1500,
            ..Interface::default()
        };
        let mut rig = Self { tra: Tra::new(settings), now: START, notices: Vec::new() };
        rig.interfaces(&[interface]);
        rig
    }

    fn interfaces(&mut self, interfaces: &[Interface]) {
        let mut out = Vec::new();
        self.tra.handle(self.now, Input::Interfaces(interfaces), &mut out);
        assert_eq!(out, []);
    }

    /// What a datagram leads to: copies of one message, or one refusal and nothing else.
    fn take(
        &mut self,
        via: Port,
        from: SocketAddrV6,
        to: Ipv6Addr,
        payload: &[u8],
    ) -> Result<Vec<Sent>, Refused> {
        let mut out = Vec::new();
        let datagram = Datagram { via, interface: 2, from, to, payload };
        self.tra.handle(self.now, Input::Datagram(datagram), &mut out);
        let mut sent = Vec::new();
        let mut refused = None;
        for effect in out {
            match effect {
                Effect::Send { via, interface: 0, source, to, payload } => {
                    sent.push(Sent { via, source, to, payload });
                }
                Effect::Notify(notice) => self.notices.push(notice),
                Effect::Refused(reason) if refused.is_none() => refused = Some(reason),
                other => panic!("{other:?}"),
            }
        }
        match refused {
            None => {
                assert!(!sent.is_empty(), "neither sent nor counted");
                Ok(sent)
            }
            Some(refused) => {
                assert_eq!(sent, [], "sent and counted");
                Err(refused)
            }
        }
    }

    fn up_from(&mut self, from: &str, to: &str, payload: &[u8]) -> Result<Vec<Sent>, Refused> {
        self.take(Port::Transport6, SocketAddrV6::new(ip(from), 67, 0, 0), ip(to), payload)
    }

    /// A message of the client relay agent, that goes to one server.
    fn up(&mut self, payload: &[u8]) -> Result<Vec<u8>, Refused> {
        let [sent] = self.up_from(CRA, OURS, payload)?.try_into().unwrap();
        Ok(sent.payload)
    }

    fn down_from(&mut self, server: Ipv4Addr, payload: &[u8]) -> Result<Sent, Refused> {
        let via = self.tra.ports()[1];
        let from = SocketAddrV6::new(server.to_ipv6_mapped(), 67, 0, 0);
        let [sent] = self.take(via, from, GIADDR.to_ipv6_mapped(), payload)?.try_into().unwrap();
        Ok(sent)
    }

    /// A message of the server.
    fn down(&mut self, payload: &[u8]) -> Result<Sent, Refused> {
        self.down_from(SERVER, payload)
    }

    /// One to which the client relay agent has just asked.
    fn asked() -> Self {
        Self::asked_with(settings())
    }

    fn asked_with(settings: TraSettings) -> Self {
        let mut rig = Self::new(settings);
        rig.up_from(CRA, OURS, &discover()).unwrap();
        rig
    }

    fn after(&mut self, span: Duration) {
        self.now = self.now + span;
    }
}

/// The option that the message ends with: it stands directly before End.
fn last_option(payload: &[u8]) -> (u8, Vec<u8>) {
    let end = payload.iter().rposition(|octet| *octet != 0).unwrap();
    assert_eq!(payload[end], code::END);
    let mut reader = crate::wire::Reader::new(&payload[240..end]);
    let mut last = (0, Vec::new());
    while let Some(code) = reader.u8() {
        if code != code::PAD {
            let length = reader.u8().unwrap();
            last = (code, reader.take(usize::from(length)).unwrap().to_vec());
        }
    }
    last
}

fn with(change: impl FnOnce(&mut TraSettings)) -> TraSettings {
    let mut settings = settings();
    change(&mut settings);
    settings
}
