//! What must not harm agents, relay agents and servers: messages that nobody may send, forged ones, and very many. Each
//! is met with silence and counted once, and the next good message passes.

use dhcp4o6_dbus::STATISTICS1;
use dhcp4o6_protocol::wire::frame::{Datagram, EVERYBODY, Mac};
use dhcp4o6_protocol::wire::v4;
use dhcp4o6_tests::{
    Capture, Customer, Daemon, LCRA, Lab, Namespace, Premises, Provider, SOON, Stock, StockClient, TSV,
    Watch, tra,
};
use nix::ifaddrs::getifaddrs;
use nix::libc::{in6_addr, in6_pktinfo};
use nix::sys::socket::{
    AddressFamily, ControlMessage, LinkAddr, MsgFlags, SockFlag, SockType, SockaddrIn6, sendmsg, sendto,
    socket,
};
use serde_json::Value;
use std::fs;
use std::io::IoSlice;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::{Duration, Instant};

const AGENT: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 2);
const SERVER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 1);
/// Of the provider too, and nobody's server.
const STRANGER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 9);
const EVERY_NODE: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
const PLAIN: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
const GIADDR: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 254);
const MAC: Mac = [2, 0, 0x5e, 0x10, 0, 7];
const FORGED: u32 = 100_000;
/// What a daemon may grow by, kB. Its tables of clients and messages are full then.
const CAP: u64 = 16 << 10;

/// A DHCPv4 message that is good, until something in it is changed.
#[derive(Clone)]
struct Message {
    op: u8,
    hops: u8,
    xid: u32,
    giaddr: Ipv4Addr,
    sname: Vec<u8>,
    file: Vec<u8>,
    options: Vec<u8>,
    hardware: Mac,
    /// Zeros are added up to it.
    length: usize,
}

impl Message {
    fn discover(xid: u32) -> Self {
        Self {
            op: 1,
            hops: 0,
            xid,
            giaddr: Ipv4Addr::UNSPECIFIED,
            sname: Vec::new(),
            file: Vec::new(),
            options: [&[53, 1, 1, 61, 7, 1][..], &MAC].concat(),
            hardware: MAC,
            length: 300,
        }
    }

    /// An OFFER as an answer to that.
    fn offer(xid: u32) -> Self {
        let options = [53, 1, 2, 54, 4, 10, 0, 1, 1, 51, 4, 0, 0, 2, 88, 1, 4, 255, 255, 255, 0].to_vec();
        Self { op: 2, options, ..Self::discover(xid) }
    }

    /// With one more option.
    fn with(mut self, code: u8, value: &[u8]) -> Self {
        self.options.extend([code, u8::try_from(value.len()).expect("short")]);
        self.options.extend(value);
        self
    }

    /// With an option in the fields of the header that options may go on in.
    fn hidden(self, code: u8, value: &[u8], in_file: bool) -> Self {
        let mut field = vec![code, u8::try_from(value.len()).expect("short")];
        field.extend(value);
        field.push(255);
        let mut message = self.with(52, &[if in_file { 1 } else { 2 }]);
        *(if in_file { &mut message.file } else { &mut message.sname }) = field;
        message
    }

    fn octets(&self) -> Vec<u8> {
        let mut octets = vec![0; 236];
        octets[..4].copy_from_slice(&[self.op, 1, 6, self.hops]);
        octets[4..8].copy_from_slice(&self.xid.to_be_bytes());
        if self.op == 2 {
            octets[16..20].copy_from_slice(&[192, 0, 2, 77]);
        }
        octets[24..28].copy_from_slice(&self.giaddr.octets());
        octets[28..34].copy_from_slice(&self.hardware);
        octets[44..44 + self.sname.len()].copy_from_slice(&self.sname);
        octets[108..108 + self.file.len()].copy_from_slice(&self.file);
        octets.extend([99, 130, 83, 99]);
        octets.extend(&self.options);
        octets.push(255);
        octets.resize(octets.len().max(self.length), 0);
        octets
    }
}

/// CRA6ADDR of an agent.
fn cra6addr(agent: Ipv6Addr) -> Vec<u8> {
    [&[46, 16][..], &agent.octets()].concat()
}

/// What no client and no agent may send, over whatever it comes, and the counter of that.
fn bad_requests() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let good = || Message::discover(0xbad);
    let forged = cra6addr(AGENT);
    let mut truncated = good().octets();
    truncated.truncate(235);
    let mut overrun = good().octets();
    overrun.truncate(240);
    overrun.extend([53, 1, 1, 61, 200, 1, 2]);
    vec![
        ("op 2", "op-unsupported", Message { op: 2, ..good() }.octets()),
        ("op 3", "op-unsupported", [&[3, 0, 1, 0, 0, 0, 1, 44][..], &good().octets()].concat()),
        ("op 4", "op-unsupported", [&[4, 0, 1, 0, 0, 0, 1, 44][..], &Message::offer(1).octets()].concat()),
        ("op 9", "op-unsupported", Message { op: 9, ..good() }.octets()),
        ("a forged CRA6ADDR", "opt82-from-client", good().with(82, &forged).octets()),
        ("option 82", "opt82-from-client", good().with(82, &[1, 2, 7, 7]).octets()),
        ("option 82 in file", "opt82-from-client", good().hidden(82, &forged, true).octets()),
        ("option 82 in sname", "opt82-from-client", good().hidden(82, &forged, false).octets()),
        ("too short", "malformed4", truncated),
        ("an option that runs out", "malformed4", overrun),
        ("nothing", "malformed4", Vec::new()),
    ]
}

/// What else relay agents of both kinds refuse.
fn unrelayable() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let good = || Message::discover(0xbad);
    let mut no_cookie = good().octets();
    no_cookie[236] = 0;
    vec![
        ("giaddr", "giaddr-nonzero", Message { giaddr: Ipv4Addr::new(192, 0, 2, 1), ..good() }.octets()),
        ("hops above the limit", "hops-limit", Message { hops: 5, ..good() }.octets()),
        ("hops far above it", "hops-limit", Message { hops: 255, ..good() }.octets()),
        ("no cookie", "malformed4", no_cookie),
    ]
}

/// What no server may send to an agent, and the counter of that.
fn bad_replies(xid: u32) -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let good = || Message::offer(xid);
    let agent = cra6addr(AGENT);
    let mut truncated = good().octets();
    truncated.truncate(100);
    vec![
        ("op 1", "op-unsupported", Message::discover(xid).octets()),
        (
            "op 3",
            "op-unsupported",
            [&[3, 0, 1, 0, 0, 0, 1, 44][..], &Message::discover(xid).octets()].concat(),
        ),
        ("op 4", "op-unsupported", [&[4, 0, 1, 0, 0, 0, 1, 44][..], &good().octets()].concat()),
        ("op 0", "op-unsupported", Message { op: 0, ..good() }.octets()),
        ("option 82", "opt82-in-reply", good().with(82, &[1, 2, 0x61, 0x62]).octets()),
        ("option 82 in file", "opt82-in-reply", good().hidden(82, &agent, true).octets()),
        ("option 82 in sname", "opt82-in-reply", good().hidden(82, &agent, false).octets()),
        ("an unknown xid", "unsolicited", Message::offer(xid ^ 0x8000).octets()),
        ("too short", "malformed4", truncated),
    ]
}

/// A socket at port 67 of an address.
fn bind(namespace: &Namespace, address: impl Into<IpAddr>) -> UdpSocket {
    let address = SocketAddr::new(address.into(), 67);
    let socket =
        namespace.enter(move || UdpSocket::bind(address).unwrap_or_else(|e| panic!("{address}: {e}")));
    socket.set_read_timeout(Some(SOON)).expect("a timeout");
    socket
}

/// What comes next.
#[track_caller]
fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut buffer = [0; 2048];
    let (length, _) = socket.recv_from(&mut buffer).expect("something comes");
    buffer[..length].to_vec()
}

fn xid(octets: &[u8]) -> u32 {
    u32::from_be_bytes(octets[4..8].try_into().expect("four octets"))
}

/// Which counters grew, and by how much.
fn grown<'a>(before: &Value, after: &'a Value) -> Vec<(&'a str, u64)> {
    let more = |name: &str| after[name].as_u64().unwrap_or(0) - before[name].as_u64().unwrap_or(0);
    let names = after.as_object().expect("counters").keys();
    names.map(|name| (name.as_str(), more(name))).filter(|(_, more)| *more > 0).collect()
}

/// One counter, and with it that nothing else was counted.
#[track_caller]
fn assert_counted(what: &str, name: &str, before: &Value, after: &Value) {
    assert_eq!(grown(before, after), [(name, 1)], "{what}");
}

fn addressed(to: Ipv6Addr) -> SocketAddr {
    SocketAddr::new(to.into(), 67)
}

/// Who must not be heard by those who listen for agents: a socket, where it sends to, and the counter.
fn unheard(premises: &Premises) -> Vec<(&'static str, UdpSocket, SocketAddr)> {
    let Lab { customer, provider, .. } = &premises.lab;
    customer.ip("addr add 2001:db8:7::2/64 dev c0 nodad");
    provider.ip("-6 route add 2001:db8:7::/64 dev s0");
    let index = customer.index("c0");
    let elsewhere = bind(customer, "2001:db8:7::2".parse::<Ipv6Addr>().expect("an address"));
    let own = Watch::link_local(customer, "c0");
    let link_local = SocketAddr::V6(SocketAddrV6::new(own, 67, 0, index));
    let link_local = customer.enter(move || UdpSocket::bind(link_local).expect("a socket"));
    vec![("source-refused", elsewhere, addressed(SERVER)), ("source-refused", link_local, addressed(SERVER))]
}

/// Sends to every node on an interface, from an address that is heard when it sends to one.
fn send_to_all(namespace: &Namespace, interface: &str, from: Ipv6Addr, octets: &[u8]) {
    let to = SocketAddrV6::new(EVERY_NODE, 67, 0, namespace.index(interface));
    let own = SocketAddr::new(from.into(), 6767);
    let socket = namespace.enter(move || UdpSocket::bind(own).expect("a socket"));
    socket.send_to(octets, to).expect("sent");
}

/// The DHCPv4 server that a relay agent has, played by the test.
fn scripted(premises: &Premises) -> (Namespace, UdpSocket) {
    let lab = &premises.lab;
    let namespace = lab.namespace("d1");
    lab.join((&lab.provider, "d1"), (&namespace, "d0"));
    lab.provider.ip("addr add 10.0.1.254/24 dev d1");
    namespace.ip("addr add 10.0.1.1/24 dev d0");
    namespace.ip("addr add 10.0.1.7/24 dev d0");
    let socket = bind(&namespace, PLAIN);
    (namespace, socket)
}

#[test]
#[ignore = "needs namespaces"]
fn a_relay_agent_discards_what_agents_must_not_send_and_goes_on_tra_02_tra_12_tra_14_tra_15_tra_16() {
    let premises = Premises::new();
    let (_namespace, server) = scripted(&premises);
    let mut relay = Provider::start(&premises.lab, &tra(&[PLAIN], "rate-per-source = 0\n"));
    relay.wait_tra("front", "running", "");
    let agent = bind(&premises.lab.customer, AGENT);
    let refused = || relay.tra("front", "Refused");
    let mut number = 0;
    // What was sent before it has been judged when this has passed.
    let mut passes = || {
        number += 1;
        agent.send_to(&Message::discover(number).octets(), addressed(SERVER)).expect("sent");
        let relayed = receive(&server);
        assert_eq!((relayed[0], xid(&relayed)), (1, number), "nothing else goes to the server");
    };
    let mut bad = bad_requests();
    bad.extend(unrelayable());
    // A full message: its padding could be taken away, its options not.
    let full = Message::discover(0xbad).with(43, &[7; 250]).with(224, &[7; 250]).with(225, &[7; 250]);
    let full = full.with(226, &[7; 250]).with(227, &[7; 204]).octets();
    assert!((1455..=1472).contains(&full.len()), "{}", full.len());
    bad.push(("no room", "no-room", full));
    for (what, name, octets) in bad {
        let before = refused();
        agent.send_to(&octets, addressed(SERVER)).expect("sent");
        passes();
        assert_counted(what, name, &before, &refused());
    }
    for (name, socket, to) in unheard(&premises) {
        let before = refused();
        socket.send_to(&Message::discover(0xbad).octets(), to).expect("sent");
        passes();
        assert_counted(&format!("{to}"), name, &before, &refused());
    }
    // Its socket has an address, which a group is not.
    send_to_all(&premises.lab.customer, "c0", AGENT, &Message::discover(0xbad).octets());
    passes();
    // At the limit, and without option 53, it is relayed (TRA-28).
    agent
        .send_to(&Message { hops: 4, ..Message::discover(0x604) }.octets(), addressed(SERVER))
        .expect("sent");
    assert_eq!(receive(&server)[3], 5);
    let bootp = Message { options: vec![12, 1, b'x'], ..Message::discover(0x605) };
    agent.send_to(&bootp.octets(), addressed(SERVER)).expect("sent");
    assert_eq!(xid(&receive(&server)), 0x605);
}

#[test]
#[ignore = "needs namespaces"]
fn a_relay_agent_discards_what_servers_must_not_send_and_goes_on_tra_09_tra_17_tra_18_tra_19_tra_20() {
    let premises = Premises::new();
    let (namespace, server) = scripted(&premises);
    let mut relay = Provider::start(&premises.lab, &tra(&[PLAIN], ""));
    relay.wait_tra("front", "running", "");
    let agent = bind(&premises.lab.customer, AGENT);
    let to = SocketAddr::new(GIADDR.into(), 67);
    agent.send_to(&Message::discover(7).octets(), addressed(SERVER)).expect("sent");
    receive(&server);
    let refused = || relay.tra("front", "Refused");
    let good = || Message { giaddr: GIADDR, ..Message::offer(7) };
    let passes = || {
        server.send_to(&good().with(82, &cra6addr(AGENT)).octets(), to).expect("sent");
        let answer = receive(&agent);
        assert_eq!((answer[0], xid(&answer)), (2, 7), "nothing else goes to the agent");
    };
    passes();
    let own = cra6addr(AGENT);
    let short = [&[46, 15][..], &AGENT.octets()[..15]].concat();
    let outside = cra6addr("2001:db8:7::2".parse().expect("an address"));
    let bad = [
        ("op 1", "op-unsupported", Message { op: 1, ..good() }.with(82, &own).octets()),
        ("op 3", "op-unsupported", [&[3, 0, 1, 0, 0, 0, 1, 44][..], &Message::discover(7).octets()].concat()),
        ("op 4", "op-unsupported", [&[4, 0, 1, 0, 0, 0, 1, 44][..], &good().octets()].concat()),
        ("no option 82", "no-cra6addr", good().octets()),
        ("no CRA6ADDR", "no-cra6addr", good().with(82, &[1, 2, 7, 7]).octets()),
        ("two CRA6ADDR", "bad-cra6addr", good().with(82, &[&own[..], &own].concat()).octets()),
        ("one in each of two", "bad-cra6addr", good().with(82, &own).with(82, &own).octets()),
        ("a short CRA6ADDR", "bad-cra6addr", good().with(82, &short).octets()),
        ("a group", "bad-cra6addr", good().with(82, &cra6addr(EVERY_NODE)).octets()),
        ("nowhere", "bad-cra6addr", good().with(82, &cra6addr(Ipv6Addr::UNSPECIFIED)).octets()),
        ("outside", "bad-cra6addr", good().with(82, &outside).octets()),
        ("itself", "bad-cra6addr", good().with(82, &cra6addr(SERVER)).octets()),
        ("unsolicited", "unsolicited", Message { xid: 8, ..good() }.with(82, &own).octets()),
        ("of another agent", "unsolicited", good().with(82, &cra6addr(STRANGER)).octets()),
        (
            "another giaddr",
            "foreign-giaddr",
            Message { giaddr: Ipv4Addr::new(203, 0, 113, 1), ..good() }.with(82, &own).octets(),
        ),
        ("too short", "malformed4", good().octets()[..200].to_vec()),
    ];
    for (what, name, octets) in bad {
        let before = refused();
        server.send_to(&octets, to).expect("sent");
        passes();
        assert_counted(what, name, &before, &refused());
    }
    let before = refused();
    let stranger = bind(&namespace, Ipv4Addr::new(10, 0, 1, 7));
    stranger.send_to(&good().with(82, &own).octets(), to).expect("sent");
    passes();
    assert_counted("an unknown server", "unknown-server", &before, &refused());
}

#[test]
#[ignore = "needs namespaces"]
fn a_server_discards_what_agents_must_not_send_and_goes_on_tsv_09_tsv_10_tsv_11_tsv_19_tsv_20() {
    let premises = Premises::new();
    let server = Provider::start(&premises.lab, TSV);
    let agent = bind(&premises.lab.customer, AGENT);
    let refused = || server.server("Refused");
    let mut number = 0;
    let mut passes = || {
        number += 1;
        agent.send_to(&Message::discover(number).octets(), addressed(SERVER)).expect("sent");
        let answer = receive(&agent);
        assert_eq!((answer[0], xid(&answer)), (2, number), "nothing else is answered");
    };
    passes();
    let mut bad = bad_requests();
    let bootp = Message { options: vec![12, 1, b'x'], ..Message::discover(0xbad) };
    // Of BOOTP only those are served for whom an operator keeps an address.
    bad.push(("no option 53", "unknown-client", bootp.octets()));
    for (what, name, octets) in bad {
        let before = refused();
        agent.send_to(&octets, addressed(SERVER)).expect("sent");
        passes();
        assert_counted(what, name, &before, &refused());
    }
    for (name, socket, to) in unheard(&premises) {
        let before = refused();
        socket.send_to(&Message::discover(0xbad).octets(), to).expect("sent");
        passes();
        assert_counted(&format!("{to}"), name, &before, &refused());
    }
    let before = refused();
    send_to_all(&premises.lab.customer, "c0", AGENT, &Message::discover(0xbad).octets());
    passes();
    assert_eq!(grown(&before, &refused()), [], "the kernel does not even show it");
    // Whatever giaddr or the port say, the answer goes to where agents are (TSV-04).
    let odd = Message { giaddr: Ipv4Addr::new(203, 0, 113, 9), ..Message::discover(0x604) };
    let other_port = SocketAddr::new(AGENT.into(), 40_000);
    let other = premises.lab.customer.enter(move || UdpSocket::bind(other_port).expect("a socket"));
    other.send_to(&odd.octets(), addressed(SERVER)).expect("sent");
    assert_eq!(xid(&receive(&agent)), 0x604);
}

/// A host that sends frames as it likes.
struct Wire {
    socket: OwnedFd,
    interface: LinkAddr,
}

impl Wire {
    fn open(namespace: &Namespace, name: &'static str) -> Self {
        namespace.enter(move || {
            let mut all = getifaddrs().expect("interfaces");
            let interface = all.find_map(|one| {
                (one.interface_name == name).then(|| one.address?.as_link_addr().copied()).flatten()
            });
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Packet, SockType::Raw, flags, None).expect("a packet socket");
            Self { socket, interface: interface.expect("it has a link-layer address") }
        })
    }

    fn send(&self, frame: &[u8]) {
        sendto(self.socket.as_raw_fd(), frame, &self.interface, MsgFlags::empty()).expect("sent");
    }
}

/// A client's broadcast in a frame.
fn broadcast(payload: &[u8], from: Mac) -> Vec<u8> {
    let datagram = Datagram {
        source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68),
        destination: SocketAddrV4::new(Ipv4Addr::BROADCAST, 67),
        payload,
    };
    datagram.emit(EVERYBODY, from).expect("short enough")
}

/// An on-link agent whose server the test plays, with a host that sends frames.
struct Router {
    wire: Wire,
    heard: Capture,
    server: UdpSocket,
    customer: Customer,
    premises: Premises,
}

impl Router {
    fn start(more: &str) -> Self {
        let premises = Premises::new();
        premises.lab.provider.ip(&format!("addr add {STRANGER}/64 dev s0 nodad"));
        let server = bind(&premises.lab.provider, SERVER);
        let mut customer = Customer::start(&premises.lab, &format!("{LCRA}{more}"));
        customer.client.wait_lcra("lan", "running", "");
        let wire = Wire::open(&premises.host, "e0");
        let heard = Capture::start(&premises.host);
        Self { wire, heard, server, customer, premises }
    }

    fn refused(&self) -> Value {
        self.customer.client.property_at("/org/dhcp4o6/lcra/lan", STATISTICS1, "Counters")
    }

    /// A client's message passes, and is the next that the server gets.
    fn passes_up(&self, number: u32) {
        self.wire.send(&broadcast(&Message::discover(number).octets(), MAC));
        let relayed = receive(&self.server);
        assert_eq!((relayed[0], xid(&relayed)), (1, number), "nothing else goes to the server");
    }
}

const UNLIMITED: &str = "rate-per-client = 1000\nrate = 10000\n";

#[test]
#[ignore = "needs namespaces"]
fn an_on_link_agent_discards_what_clients_must_not_send_and_goes_on_lcra_02_lcra_10_hcra_11_hcra_12() {
    let router = Router::start(UNLIMITED);
    router.passes_up(1);
    let good = || broadcast(&Message::discover(0xbad).octets(), MAC);
    let mut bad: Vec<_> = bad_requests()
        .into_iter()
        .chain(unrelayable())
        .map(|(what, name, octets)| (what, name, broadcast(&octets, MAC)))
        .collect();
    let changed = |at: usize, value: u8| {
        let mut frame = good();
        frame[at] ^= value;
        frame
    };
    bad.push(("a wrong IPv4 checksum", "malformed-frame", changed(24, 1)));
    bad.push(("a wrong UDP checksum", "malformed-frame", changed(40, 1)));
    bad.push(("a wrong octet", "malformed-frame", changed(100, 1)));
    bad.push(("a cut packet", "malformed-frame", good()[..200].to_vec()));
    // More fragments follow, with the header's checksum as it has to be then.
    let mut fragment = changed(20, 0x20);
    let sum = !u16::from_be_bytes([fragment[24], fragment[25]]);
    let (sum, carry) = sum.overflowing_add(0x2000);
    fragment[24..26].copy_from_slice(&(!(sum + u16::from(carry))).to_be_bytes());
    for (at, (what, name, frame)) in (2..).zip(bad) {
        let before = router.refused();
        router.wire.send(&frame);
        router.passes_up(at);
        assert_counted(what, name, &before, &router.refused());
    }
    // A part of a packet and what is of another VLAN are not even read, and what is for clients is not relayed.
    let before = router.refused();
    router.wire.send(&fragment);
    let mut tagged = good();
    tagged.splice(12..12, [0x81, 0, 0, 7]);
    router.wire.send(&tagged);
    let payload = Message::discover(0xbad).octets();
    let to_client = Datagram {
        source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 67),
        destination: SocketAddrV4::new(Ipv4Addr::BROADCAST, 68),
        payload: &payload,
    };
    router.wire.send(&to_client.emit(EVERYBODY, MAC).expect("short enough"));
    router.passes_up(0x700);
    assert_counted("to port 68", "wrong-direction", &before, &router.refused());
    let before = router.refused();
    let lan = &router.premises.lab.customer.ip_json("link show dev lan0")[0]["address"];
    let own: Vec<u8> = lan.as_str().expect("an address").split(':').map(octet).collect();
    let own: Mac = own.try_into().expect("six octets");
    router.wire.send(&broadcast(&Message::discover(0xbad).octets(), own));
    router.passes_up(0x703);
    assert_counted("its own address (LCRA-09)", "source-refused", &before, &router.refused());
    // At the limit it is relayed, and so is what is not DHCP (LCRA-11), both ways.
    router.wire.send(&broadcast(&Message { hops: 4, ..Message::discover(0x701) }.octets(), MAC));
    assert_eq!(receive(&router.server)[3], 5);
    let bootp = Message { options: vec![12, 1, b'x'], ..Message::discover(0x702) };
    router.wire.send(&broadcast(&bootp.octets(), MAC));
    assert_eq!(xid(&receive(&router.server)), 0x702);
    let mark = router.heard.mark();
    let reply = Message { op: 2, ..bootp };
    router.server.send_to(&reply.octets(), addressed(AGENT)).expect("sent");
    let heard = router.heard.wait_bootp(mark, "the answer", |bootp| bootp.payload[0] == 2);
    assert_eq!(heard.payload, reply.octets());
}

#[test]
#[ignore = "needs namespaces"]
fn an_on_link_agent_discards_what_servers_must_not_send_and_goes_on_hcra_15_to_hcra_20_lcra_14() {
    let router = Router::start(UNLIMITED);
    router.passes_up(7);
    let passes = || {
        let mark = router.heard.mark();
        router.server.send_to(&Message::offer(7).octets(), addressed(AGENT)).expect("sent");
        let next = router.heard.wait_bootp(mark, "an answer", |bootp| !bootp.outgoing);
        assert_eq!((next.payload[0], xid(&next.payload)), (2, 7), "nothing else goes to the client");
    };
    passes();
    for (what, name, octets) in bad_replies(7) {
        let before = router.refused();
        router.server.send_to(&octets, addressed(AGENT)).expect("sent");
        passes();
        assert_counted(what, name, &before, &router.refused());
    }
    let provider = &router.premises.lab.provider;
    let own = Watch::link_local(provider, "s0");
    let index = provider.index("s0");
    let link_local = SocketAddr::V6(SocketAddrV6::new(own, 67, 0, index));
    for from in [SocketAddr::new(STRANGER.into(), 67), link_local] {
        let socket = provider.enter(move || UdpSocket::bind(from).expect("a socket"));
        let before = router.refused();
        socket.send_to(&Message::offer(7).octets(), addressed(AGENT)).expect("sent");
        passes();
        assert_counted(&format!("{from}"), "source-refused", &before, &router.refused());
    }
    let before = router.refused();
    send_to_all(provider, "s0", SERVER, &Message::offer(7).octets());
    passes();
    assert_eq!(grown(&before, &router.refused()), [], "its socket has an address, which a group is not");
}

fn octet(digits: &str) -> u8 {
    u8::from_str_radix(digits, 16).expect("hexadecimal")
}

#[test]
#[ignore = "needs namespaces"]
fn a_host_agent_discards_what_servers_must_not_send_and_goes_on_hcra_15_to_hcra_20() {
    let lab = Lab::new();
    lab.provider.ip(&format!("addr add {STRANGER}/64 dev s0 nodad"));
    lab.customer.ip(&format!("addr add {AGENT}/64 dev c0 nodad"));
    let server = bind(&lab.provider, SERVER);
    let link = "[[link]]\nmatch = \"c0\"\nmode = \"hcra\"\n[link.hcra]\nservers = [\"2001:db8:6::1\"]\n";
    let customer = Customer::start(&lab, link);
    let discover = receive(&server);
    let number = xid(&discover);
    let before = customer.client.property("c0", STATISTICS1, "Counters");
    let mut expected = std::collections::BTreeMap::<_, u64>::new();
    for (_, name, octets) in bad_replies(number) {
        server.send_to(&octets, addressed(AGENT)).expect("sent");
        *expected.entry(name).or_default() += 1;
    }
    let link_local =
        SocketAddrV6::new(Watch::link_local(&lab.provider, "s0"), 67, 0, lab.provider.index("s0"));
    for from in [SocketAddr::new(STRANGER.into(), 67), SocketAddr::V6(link_local)] {
        let socket = lab.provider.enter(move || UdpSocket::bind(from).expect("a socket"));
        socket.send_to(&Message::offer(number).octets(), addressed(AGENT)).expect("sent");
        *expected.entry("source-refused").or_default() += 1;
    }
    send_to_all(&lab.provider, "s0", SERVER, &Message::offer(number).octets());
    // Somebody else's client identifier, and then its own.
    let other = Message::offer(number).with(61, &[255, 0, 0, 0, 9, 0, 3, 0, 1, 2, 0, 0, 0, 0, 9]);
    server.send_to(&other.octets(), addressed(AGENT)).expect("sent");
    *expected.entry("client-id-mismatch").or_default() += 1;
    let own = v4::Message::parse(&discover).expect("a DISCOVER").option(v4::code::CLIENT_ID);
    let good = Message::offer(number).with(61, &own.expect("it has one"));
    server.send_to(&good.octets(), addressed(AGENT)).expect("sent");
    let request = std::iter::repeat_with(|| receive(&server)).find(|octets| {
        v4::Message::parse(octets).expect("well-formed").kind() == Some(v4::MessageType::REQUEST)
    });
    assert_eq!(request.map(|octets| octets[0]), Some(1), "the good OFFER is taken");
    let after = customer.client.property("c0", STATISTICS1, "Counters");
    assert_eq!(grown(&before, &after), expected.into_iter().collect::<Vec<_>>());
    assert_eq!(lab.customer.ipv4("c0"), [] as [Ipv4Addr; 0]);
}

/// Memory of its own that a daemon has written to, kB.
fn memory(daemon: &mut Daemon) -> u64 {
    let path = format!("/proc/{}/smaps_rollup", daemon.process().id());
    let text = fs::read_to_string(path).expect("it runs");
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:")).expect("Private_Dirty");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Returns when little enough waits in the daemon's sockets of a kind, for which the kernel has a table with so many
/// octets in this column. There is no event for that.
fn wait_room(daemon: &mut Daemon, table: &str, waits: impl Fn(&str) -> Option<u64>) {
    let path = format!("/proc/{}/net/{table}", daemon.process().id());
    let start = Instant::now();
    while fs::read_to_string(&path).expect("it runs").lines().filter_map(&waits).any(|octets| octets > 65_536)
    {
        assert!(start.elapsed() < SOON, "it does not read any more");
        std::thread::sleep(Duration::from_micros(200));
    }
}

fn sum(counters: &Value) -> u64 {
    counters.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

/// Client number `n`.
fn hardware(n: u32) -> Mac {
    let [a, b, c, d] = n.to_be_bytes();
    [2, 0x5e, a, b, c, d]
}

fn forged(n: u32) -> Vec<u8> {
    let mac = hardware(n);
    Message { hardware: mac, options: [&[53, 1, 1, 61, 7, 1][..], &mac].concat(), ..Message::discover(n) }
        .octets()
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn forged_clients_of_a_lan_take_neither_memory_nor_the_next_client_s_lease_lcra_13_lcra_14() {
    let premises = Premises::new();
    let server = Provider::start(&premises.lab, TSV);
    // Nothing is held back, so that its memory of what passed is full.
    let mut router = Customer::start(&premises.lab, &format!("{LCRA}rate = 1000000\n"));
    router.client.wait_lcra("lan", "running", "");
    let wire = Wire::open(&premises.host, "e0");
    let before = memory(&mut router.daemon);
    let lines = router.daemon.process().mark();
    let rmem = |line: &str| line.split_whitespace().nth(6)?.parse().ok();
    for n in 0..FORGED {
        if n % 64 == 0 {
            wait_room(&mut router.daemon, "packet", rmem);
        }
        wire.send(&broadcast(&forged(n), hardware(n)));
    }
    let client = StockClient::start(&premises.host, Stock::Udhcpc, "e0", &premises.lab.dir().join("udhcpc"));
    let address = client.wait_lease(0, SOON);
    let grown = memory(&mut router.daemon).saturating_sub(before);
    assert!(grown < CAP, "memory grew by {grown} kB");
    assert!(router.daemon.process().mark() - lines < 1000, "too much in the log");
    let counters = router.client.property_at("/org/dhcp4o6/lcra/lan", STATISTICS1, "Counters");
    let relayed = router.client.lcra("lan", "Done")["upstream"].as_u64().unwrap_or(0);
    assert!(relayed + sum(&counters) >= u64::from(FORGED), "all were judged: {relayed} {counters}");
    assert!(server.leases4().iter().any(|lease| lease["address"] == address.to_string()));
}

#[test]
#[ignore = "needs namespaces and udhcpc"]
fn forged_agents_take_neither_memory_of_the_relay_agent_nor_the_next_client_s_answer() {
    let premises = Premises::new();
    let Lab { customer, provider, .. } = &premises.lab;
    let (_namespace, server) = scripted(&premises);
    server.set_nonblocking(true).expect("a setting");
    customer.set("net/ipv6/ip_nonlocal_bind", "1");
    let config = tra(&[PLAIN], "snoop = true\n").replace("2001:db8:6::/64\"", "2001:db8::/32\"");
    let mut relay = Provider::start(&premises.lab, &config);
    relay.wait_tra("front", "running", "");
    provider.ip("route add 2001:db8:8000::/33 via 2001:db8:6::2");
    let attacker = customer.enter(|| UdpSocket::bind("[::]:6767").expect("a socket"));
    let interface = customer.index("c0");
    let before = memory(&mut relay.daemon);
    let waits = |line: &str| {
        let (_, received) =
            line.contains(":0043 ").then(|| line.split_whitespace().nth(4))??.split_once(':')?;
        u64::from_str_radix(received, 16).ok()
    };
    let to = SockaddrIn6::from(SocketAddrV6::new(SERVER, 67, 0, 0));
    let mut buffer = [0; 2048];
    for n in 0..FORGED {
        if n % 64 == 0 {
            wait_room(&mut relay.daemon, "udp6", waits);
            while server.recv_from(&mut buffer).is_ok() {}
        }
        let source = Ipv6Addr::from(0x2001_0db8_8000_0000 << 64 | u128::from(n) << 64 | 1);
        let info = in6_pktinfo { ipi6_addr: in6_addr { s6_addr: source.octets() }, ipi6_ifindex: interface };
        let (octets, control) = (forged(n), [ControlMessage::Ipv6PacketInfo(&info)]);
        sendmsg(attacker.as_raw_fd(), &[IoSlice::new(&octets)], &control, MsgFlags::empty(), Some(&to))
            .expect("sent");
    }
    wait_room(&mut relay.daemon, "udp6", |line| waits(line).map(|octets| octets * 65_537));
    while server.recv_from(&mut buffer).is_ok() {}
    server.set_nonblocking(false).expect("a setting");
    let agent = bind(customer, AGENT);
    agent.send_to(&Message::discover(0xfeed_0001).octets(), addressed(SERVER)).expect("sent");
    while xid(&receive(&server)) != 0xfeed_0001 {}
    let offer = Message { giaddr: GIADDR, ..Message::offer(0xfeed_0001) }.with(82, &cra6addr(AGENT));
    server.send_to(&offer.octets(), SocketAddr::new(GIADDR.into(), 67)).expect("sent");
    assert_eq!(xid(&receive(&agent)), 0xfeed_0001);
    let grown = memory(&mut relay.daemon).saturating_sub(before);
    assert!(grown < CAP, "memory grew by {grown} kB");
    let relayed = relay.tra("front", "Done")["upstream"].as_u64().unwrap_or(0);
    let refused = relay.tra("front", "Refused");
    assert!(relayed + sum(&refused) > u64::from(FORGED), "all were judged: {relayed} {refused}");
}
