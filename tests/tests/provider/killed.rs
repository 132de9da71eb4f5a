//! The server is killed at random moments under load: what it acknowledged is there when it runs again, and no address
//! is given twice. (That a disk without power keeps it, too, is shown with a disk that forgets, beside the journal.)

use dhcp4o6_protocol::ids::{Xid4, hex};
use dhcp4o6_protocol::params::{RELAY_NESTING, SERVER6_PORT};
use dhcp4o6_protocol::wire::o6::{self, CodePoints, Header};
use dhcp4o6_protocol::wire::relay::{Envelope, Relayed};
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v6;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use dhcp4o6_tests::{Lab, Provider};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6, UdpSocket};
use std::time::{Duration, Instant};

/// Kills unless `KILLS` says otherwise; `make test-kill` has many more.
const KILLS: u32 = 20;
/// Clients with a message under way.
const AT_ONCE: usize = 32;
/// With so many leases held, some are given back, so that addresses come round.
const MANY: usize = 600;

/// A pool in which addresses come round. Who gives one back while the server dies may not be heard, and the address is
/// lost for an hour: at most as many for each kill as there are clients at once.
fn server(kills: u32) -> String {
    let last = Ipv4Addr::from_bits(0x0a00_0400 + AT_ONCE as u32 * kills);
    format!(
        "[server]\ninterfaces = [\"s0\"]\nserver-id = \"192.0.2.1\"\n\
         [[server.subnet]]\nprefix = \"10.0.0.0/8\"\npools = [\"10.0.0.1-{last}\"]\n"
    )
}

/// What a client waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Waiting {
    Offer,
    Ack,
    Renewed,
}

/// Clients behind one relay agent, which is this socket. A client is a number.
struct Crowd {
    socket: UdpSocket,
    server: SocketAddrV6,
    born: u32,
    waiting: BTreeMap<u32, Waiting>,
    /// Acknowledged, and not given back.
    held: BTreeMap<u32, Ipv4Addr>,
    renewed: u64,
    /// Of a small generator of our own.
    state: u64,
}

impl Crowd {
    fn new(lab: &Lab, seed: u64) -> Self {
        let (index, server) = (lab.customer.index("c0"), lab.provider.link_local("s0"));
        let socket = lab.customer.enter(|| UdpSocket::bind(("::", SERVER6_PORT)).expect("a socket"));
        socket.set_read_timeout(Some(Duration::from_millis(1))).expect("a timeout");
        Self {
            socket,
            server: SocketAddrV6::new(server, SERVER6_PORT, 0, index),
            born: 0,
            waiting: BTreeMap::new(),
            held: BTreeMap::new(),
            renewed: 0,
            state: seed,
        }
    }

    /// Below `end`, by xorshift.
    fn random(&mut self, end: u64) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state % end
    }

    fn id(client: u32) -> Vec<u8> {
        let mut id = vec![0xff];
        id.extend(client.to_be_bytes());
        id.extend([0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1]);
        id
    }

    fn send(&self, client: u32, kind: MessageType, ciaddr: Ipv4Addr, more: Vec<(u8, Vec<u8>)>) {
        let mut options = vec![(code::MESSAGE_TYPE, vec![kind.0]), (code::CLIENT_ID, Self::id(client))];
        options.extend(more);
        let message = v4::Outgoing {
            op: v4::BOOTREQUEST,
            htype: 1,
            hardware: vec![2, 0, 0x5e, 0x10, 0, 1],
            xid: Xid4(client),
            secs: 0,
            flags: 0,
            ciaddr,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        };
        let unicast = !ciaddr.is_unspecified();
        let message = message.emit().expect("a message");
        let query = o6::emit_query(CodePoints::RFC7341, Header::Flags { unicast }, &[], &message);
        let query = query.expect("a query");
        let name = client.to_be_bytes();
        let relayed = Envelope {
            kind: v6::MessageType::RELAY_FORW,
            hop_count: 0,
            link_address: Ipv6Addr::UNSPECIFIED,
            peer_address: Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(client)),
            options: vec![(OptionCode::INTERFACE_ID, &name)],
            message: &query,
        };
        // The server may be dead at the moment.
        let _ = self.socket.send_to(&relayed.emit().expect("a datagram"), self.server);
    }

    fn discover(&mut self, client: u32) {
        self.waiting.insert(client, Waiting::Offer);
        self.send(client, MessageType::DISCOVER, Ipv4Addr::UNSPECIFIED, Vec::new());
    }

    /// One more client, or an old one renews.
    fn next(&mut self) {
        let renew = self.random(3) == 0;
        let at = self.random(self.held.len().max(1) as u64) as usize;
        match self.held.iter().nth(at).filter(|(client, _)| renew && !self.waiting.contains_key(*client)) {
            Some((&client, &address)) => {
                self.waiting.insert(client, Waiting::Renewed);
                self.send(client, MessageType::REQUEST, address, Vec::new());
            }
            None => {
                self.born += 1;
                self.discover(self.born);
            }
        }
    }

    /// Nobody answers what was asked before the server died.
    fn ask_again(&mut self) {
        for client in self.waiting.keys().copied().collect::<Vec<_>>() {
            match self.waiting[&client] {
                Waiting::Renewed => {
                    let address = self.held[&client];
                    self.send(client, MessageType::REQUEST, address, Vec::new());
                }
                Waiting::Offer | Waiting::Ack => self.discover(client),
            }
        }
        while self.waiting.len() < AT_ONCE {
            self.next();
        }
    }

    /// Takes one answer; false when there is none now.
    fn receive(&mut self) -> bool {
        let mut buffer = [0; 2048];
        let Ok((length, _)) = self.socket.recv_from(&mut buffer) else { return false };
        let relayed = Relayed::parse(&buffer[..length]).expect("a Relay-reply");
        assert!(relayed.levels.len() <= RELAY_NESTING);
        let response = v6::Message::parse(relayed.message).expect("a DHCPv4-response");
        let inner = o6::dhcpv4(CodePoints::RFC7341, &response).expect("a DHCPv4 message");
        let message = v4::Message::parse(inner).expect("a DHCPv4 message");
        let client = message.xid.0;
        assert_eq!(message.option(code::CLIENT_ID).as_deref(), Some(Self::id(client).as_slice()));
        match (self.waiting.get(&client), message.kind()) {
            (Some(Waiting::Offer), Some(MessageType::OFFER)) => {
                self.waiting.insert(client, Waiting::Ack);
                let choice = vec![
                    (code::REQUESTED_ADDRESS, message.yiaddr.octets().to_vec()),
                    (code::SERVER_ID, vec![192, 0, 2, 1]),
                ];
                self.send(client, MessageType::REQUEST, Ipv4Addr::UNSPECIFIED, choice);
            }
            (Some(Waiting::Ack), Some(MessageType::ACK)) => {
                let other = self.held.iter().find(|(_, address)| **address == message.yiaddr);
                assert_eq!(other, None, "{} is given twice, also to client {client}", message.yiaddr);
                self.held.insert(client, message.yiaddr);
                self.done(client);
            }
            (Some(Waiting::Renewed), Some(MessageType::ACK)) => {
                assert_eq!(self.held.get(&client), Some(&message.yiaddr));
                self.renewed += 1;
                self.done(client);
            }
            (waiting, Some(MessageType::NAK)) => panic!("client {client}, {waiting:?}, is refused"),
            // The second answer to a question that was asked twice.
            _ => {}
        }
        true
    }

    fn done(&mut self, client: u32) {
        self.waiting.remove(&client);
        if self.held.len() > MANY {
            let (client, address) = self.held.pop_first().expect("many");
            self.waiting.remove(&client);
            let server = vec![(code::SERVER_ID, vec![192, 0, 2, 1])];
            self.send(client, MessageType::RELEASE, address, server);
        }
        self.next();
    }
}

/// What the server says it has given, by client identifier.
fn leases(provider: &Provider) -> BTreeSet<(String, String)> {
    let (mut all, mut after) = (BTreeSet::new(), String::new());
    loop {
        let answer = provider.call("ListLeases", &(after.as_str(), 1000_u32)).expect("leases");
        for lease in answer[0].as_array().expect("an array").iter().filter(|lease| lease["state"] == "bound")
        {
            let text = |key: &str| lease[key].as_str().expect("text").to_owned();
            assert!(all.insert((text("client-id"), text("address"))));
        }
        after = answer[1].as_str().expect("a key").to_owned();
        if after.is_empty() {
            return all;
        }
    }
}

#[test]
#[ignore = "needs network namespaces"]
fn what_was_acknowledged_survives_kill_9_and_no_address_is_given_twice_s46_34_s46_42() {
    let kills = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().expect("a number"));
    let seed = std::env::var("SEED").map_or(0x9e37_79b9_7f4a_7c15, |seed| seed.parse().expect("a number"));
    println!("{kills} kills, SEED={seed}");
    let lab = Lab::new();
    let mut provider = Provider::start(&lab, &server(kills));
    let mut crowd = Crowd::new(&lab, seed);
    let begin = Instant::now();
    let mut idle = 0;
    for kill in 1..=kills {
        let before = (crowd.born, crowd.renewed);
        crowd.ask_again();
        let span = Duration::from_micros(crowd.random(60_000));
        let end = Instant::now() + span;
        while Instant::now() < end {
            crowd.receive();
        }
        provider.daemon.kill();
        // What left before it died counts.
        while crowd.receive() {}
        // Some deaths come before the first answer.
        idle += u32::from(before == (crowd.born, crowd.renewed));
        provider.start_again();
        let given = leases(&provider);
        for (client, address) in &crowd.held {
            let lease = (hex(&Crowd::id(*client)), address.to_string());
            assert!(given.contains(&lease), "after kill {kill}: {lease:?} was acknowledged and is lost");
        }
        if kill % 100 == 0 {
            println!(
                "{kill} kills, {} clients, {} renewals, {:.0?}",
                crowd.born,
                crowd.renewed,
                begin.elapsed()
            );
        }
    }
    println!("{kills} kills, {} clients, {} renewals", crowd.born, crowd.renewed);
    assert!(idle <= 2 + kills / 10, "nothing was acknowledged before {idle} of {kills} kills");
    assert!(crowd.renewed > 0, "nothing was renewed");
}
