//! What must not harm the provider's side: floods, forged senders, malformed datagrams.

use super::STATELESS;
use dhcp4o6_protocol::wire::v4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_tests::{Capture, Customer, Daemon, Lab, Namespace, Plant, Provider, SOON, Watch};
use nix::libc::{in6_addr, in6_pktinfo};
use nix::sys::socket::{ControlMessage, MsgFlags, SockaddrIn6, sendmsg};
use serde_json::Value;
use std::fs;
use std::io::IoSlice;
use std::net::{Ipv6Addr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

const SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
const FORGED: u32 = 100_000;
const HEAVY: u32 = 5_000;
/// What a daemon may grow by, kB. Its tables of senders are full then.
const CAP: u64 = 64 << 10;
/// Octets that wait in a socket at most before more are sent: a flood that the kernel drops shows nothing.
const WAITING: u64 = 64 << 10;

/// A server for whom a whole network of routers and hosts is behind `s1`.
const SERVER: &str = "\
[server]
interfaces = [\"s0\", \"s1\"]
accept-from = [\"2001:db8::/32\"]
server-id = \"192.0.2.1\"
[[server.subnet]]
prefix = \"192.0.2.0/24\"
pools = [\"192.0.2.20-192.0.2.254\"]
[[server.dhcp6.subnet]]
prefix = \"2001:db8:6::/64\"
pools = [\"2001:db8:6::1000-2001:db8:6::1fff\"]
";

/// Resident memory, kB.
fn memory(daemon: &mut Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.process().id())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// Octets that wait in the daemon's socket for port 547, and datagrams that found no room there.
fn waiting(daemon: &mut Daemon) -> (u64, u64) {
    let table = fs::read_to_string(format!("/proc/{}/net/udp6", daemon.process().id())).expect("it runs");
    let line = table.lines().find(|line| line.contains(":0223 ")).expect("it has port 547");
    let words: Vec<&str> = line.split_whitespace().collect();
    let queue = words[4].split_once(':').map(|(_, received)| u64::from_str_radix(received, 16));
    (queue.expect("two queues").expect("octets"), words[12].parse().expect("drops"))
}

/// Returns when little enough waits in the daemon's socket. There is no event for that.
fn wait_room(daemon: &mut Daemon) {
    let start = Instant::now();
    while waiting(daemon).0 > WAITING {
        assert!(start.elapsed() < SOON, "it does not read any more");
        std::thread::sleep(Duration::from_micros(200));
    }
}

/// Somebody in a namespace who sends what he likes to the group on one interface.
struct Attacker {
    socket: UdpSocket,
    interface: u32,
}

impl Attacker {
    fn new(namespace: &Namespace, interface: &str) -> Self {
        namespace.set("net/ipv6/ip_nonlocal_bind", "1");
        Watch::link_local(namespace, interface);
        let index = namespace.ip_json(&format!("link show dev {interface}"))[0]["ifindex"].as_u64();
        let socket = namespace.enter(|| UdpSocket::bind("[::]:546").expect("a socket"));
        Self { socket, interface: u32::try_from(index.expect("an index")).expect("an index") }
    }

    /// From its own address.
    fn send(&self, payload: &[u8]) {
        self.send_to(payload, SERVERS);
    }

    fn send_to(&self, payload: &[u8], to: Ipv6Addr) {
        self.socket.send_to(payload, SocketAddrV6::new(to, 547, 0, self.interface)).expect("sent");
    }

    /// From somebody's address.
    fn send_as(&self, source: Ipv6Addr, payload: &[u8]) {
        let to = SockaddrIn6::from(SocketAddrV6::new(SERVERS, 547, 0, self.interface));
        let info =
            in6_pktinfo { ipi6_addr: in6_addr { s6_addr: source.octets() }, ipi6_ifindex: self.interface };
        let control = [ControlMessage::Ipv6PacketInfo(&info)];
        let parts = [IoSlice::new(payload)];
        sendmsg(self.socket.as_raw_fd(), &parts, &control, MsgFlags::empty(), Some(&to)).expect("sent");
    }
}

/// A DHCPv4-query with a DISCOVER of client number `n`.
fn discover(n: u32) -> Vec<u8> {
    let mut message = vec![0; 240];
    message[..4].copy_from_slice(&[1, 1, 6, 0]);
    message[4..8].copy_from_slice(&n.to_be_bytes());
    message[28..34].copy_from_slice(&[[2, 0x5e].as_slice(), &n.to_be_bytes()].concat());
    message[236..].copy_from_slice(&v4::COOKIE);
    message.extend([53, 1, 1, 61, 5, 255]);
    message.extend(n.to_be_bytes());
    message.extend([55, 3, 1, 3, 6, 255]);
    query(&message)
}

/// A DHCPv4-query that holds this.
fn query(message: &[u8]) -> Vec<u8> {
    let mut query = vec![20, 0, 0, 0, 0, 87];
    query.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
    query.extend(message);
    query
}

/// A Solicit of client number `n` for an address.
fn solicit(n: u32) -> Vec<u8> {
    let [_, b, c, d] = n.to_be_bytes();
    let mut message = vec![1, b, c, d, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0x5e];
    message.extend(n.to_be_bytes());
    message.extend([0, 3, 0, 12]);
    message.extend([0; 12]);
    message.extend([0, 8, 0, 2, 0, 0, 0, 6, 0, 2, 0, 88]);
    message
}

/// Client number `n`'s address, each in a network of its own.
fn source(n: u32) -> Ipv6Addr {
    Ipv6Addr::from(0x2001_0db8_8000_0000 << 64 | u128::from(n) << 64 | 1)
}

/// Everybody at once, as fast as the daemon reads, and then again until it is enough.
fn forge(attacker: &Attacker, daemon: &mut Daemon, enough: &AtomicBool) {
    for n in (0..FORGED)
        .cycle()
        .zip(0..)
        .take_while(|(_, sent)| *sent < FORGED || !enough.load(Relaxed))
        .map(|(n, _)| n)
    {
        if n % 64 == 0 {
            wait_room(daemon);
        }
        let message = if n % 4 == 0 { solicit(n) } else { discover(n) };
        attacker.send_as(source(n), &message);
    }
}

/// One from one address, again and again.
fn insist(attacker: &Attacker, daemon: &mut Daemon) {
    for n in 0..HEAVY {
        if n % 64 == 0 {
            wait_room(daemon);
        }
        attacker.send(&discover(1));
    }
}

/// A customer that begins amid forged ones, with its lease; the flood ends with it at the earliest.
fn customer_amid(attacker: &Attacker, daemon: &mut Daemon, lab: &Lab) -> Customer {
    let enough = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let flood = scope.spawn(|| forge(attacker, daemon, &enough));
        let start = Instant::now();
        let mut customer = Customer::start(lab, STATELESS);
        customer.wait_bound("c0");
        let took = start.elapsed();
        enough.store(true, Relaxed);
        flood.join().expect("sent");
        assert!(took < Duration::from_secs(10), "its lease took {took:?}");
        customer
    })
}

fn refused(counters: &Value, name: &str) -> u64 {
    counters[name].as_u64().unwrap_or_else(|| panic!("no {name} in {counters}"))
}

fn sum(counters: &Value) -> u64 {
    counters.as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum()
}

#[test]
#[ignore = "needs namespaces"]
fn forged_clients_and_a_heavy_one_take_no_lease_from_others_s46_45() {
    let lab = Lab::new();
    let crowd = lab.namespace("x");
    lab.join((&lab.provider, "s1"), (&crowd, "x0"));
    lab.provider.ip("addr add 2001:db8:7::1/64 dev s1 nodad");
    crowd.ip("addr add 2001:db8:7::2/64 dev x0 nodad");
    // One neighbour in place of a hundred thousand: the kernel's table of those is not what this is about.
    lab.provider.ip("route add 2001:db8:8000::/33 via 2001:db8:7::2");
    let mut server = Provider::start(&lab, SERVER);
    let attacker = Attacker::new(&crowd, "x0");
    let before = memory(&mut server.daemon);
    let lines = server.daemon.process().mark();
    insist(&attacker, &mut server.daemon);
    let _customer = customer_amid(&attacker, &mut server.daemon, &lab);

    assert_eq!(waiting(&mut server.daemon).1, 0, "everything was read");
    let grown = memory(&mut server.daemon).saturating_sub(before);
    assert!(grown < CAP, "memory grew by {grown} kB");
    // Twice what one may send in a second, and what it earned while it went on sending.
    assert!(server.count("rate-limited") > u64::from(HEAVY) - 1000, "{}", server.server("Refused"));
    assert!(server.count("discover") + server.count("solicit") >= u64::from(FORGED));
    assert!(server.daemon.process().mark() - lines < 1000, "too much in the log");
    assert_eq!(server.leases4().len(), 1, "nobody else has a lease");
    assert_eq!(server.server("State"), "running");
}

#[test]
#[ignore = "needs namespaces"]
fn forged_clients_on_one_link_of_a_relay_agent_take_nothing_from_the_other_link_r6_21() {
    let plant = Plant::new();
    let router = Watch::link_local(&plant.neighbour, "c0");
    plant.relay.ip(&format!("route add 2001:db8:8000::/33 via {router} dev r2"));
    let server = SERVER.replace("\"s0\", \"s1\"", "\"s0\"");
    let mut server = Provider::start(&plant.lab, &server);
    let relay = "[[relay]]\nname = \"edge\"\nclients = [\"r1\", \"r2\"]\nservers = [\"2001:db8:6::1\"]\n";
    let mut relay = Provider::start_in(&plant.lab, &plant.relay, "relay", relay);
    let attacker = Attacker::new(&plant.neighbour, "c0");
    let before = [&mut server, &mut relay].map(|provider| memory(&mut provider.daemon));
    let lines = [&mut server, &mut relay].map(|provider| provider.daemon.process().mark());
    let start = Instant::now();
    let _customer = customer_amid(&attacker, &mut relay.daemon, &plant.lab);

    assert_eq!([&mut server, &mut relay].map(|provider| waiting(&mut provider.daemon).1), [0, 0]);
    let after = [&mut server, &mut relay].map(|provider| memory(&mut provider.daemon));
    assert!(
        after.iter().zip(before).all(|(after, before)| after.saturating_sub(before) < CAP),
        "{before:?}, {after:?}"
    );
    // A thousand at once and a thousand each second of that link go to the server.
    let most = 1000 * (start.elapsed().as_secs() + 2);
    let limited = refused(&relay.relay("edge", "Refused"), "rate-limited");
    assert!(limited >= u64::from(FORGED) - most, "{limited} refused");
    assert!(server.count("relayed") <= most);
    let written = [&mut server, &mut relay].map(|provider| provider.daemon.process().mark());
    assert!(written.iter().zip(lines).all(|(after, before)| after - before < 1000), "too much in the log");
    assert_eq!(server.leases4().len(), 1, "nobody else has a lease");
}

/// A Relay-forward from a client on the link 2001:db8:11::/64, around this.
fn relayed(message: &[u8], hop_count: u8) -> Vec<u8> {
    let mut octets = vec![12, hop_count];
    octets.extend(Ipv6Addr::new(0x2001, 0xdb8, 0x11, 0, 0, 0, 0, 1).octets());
    octets.extend(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 7).octets());
    octets.extend([0, 9]);
    octets.extend(u16::try_from(message.len()).expect("short").to_be_bytes());
    octets.extend(message);
    octets
}

/// Datagrams that no server answers, whoever sends them.
fn malformed() -> Vec<Vec<u8>> {
    let good = discover(1);
    let envelope = relayed(&good, 0);
    let mut all: Vec<Vec<u8>> = (1..good.len()).map(|end| good[..end].to_vec()).collect();
    all.extend((1..envelope.len()).map(|end| envelope[..end].to_vec()));
    // The DHCPv4 message ends early and option 87 says so. What ends with an option is whole: End may be missing.
    let whole = |length: &usize| [243, 250, 255].contains(length);
    all.extend((0..256).filter(|length| !whole(length)).map(|length| query(&good[8..8 + length])));
    let with = |at: usize, value: u8| {
        let mut message = good.clone();
        message[8 + at] = value;
        message
    };
    // op, hlen, magic cookie, a message type that is none, or one of servers; an option beyond the end.
    all.extend([with(0, 2), with(0, 0), with(2, 17), with(2, 255), with(236, 0)]);
    all.extend([with(242, 0), with(242, 2), with(242, 5), with(242, 99), with(241, 0), with(241, 200)]);
    // Twice, once empty, and none.
    all.push([&good[..], &good[4..]].concat());
    all.extend([query(&[]), good[..4].to_vec()]);
    // Types that go the other way, and types that nobody knows.
    all.extend([0, 2, 7, 10, 13, 21, 22, 200, 255].map(|kind| [&[kind], &good[1..]].concat()));
    // Too far, too deep, twice, and around nothing.
    all.extend([relayed(&good, 33), relayed(&good, 255), relayed(&[], 0)]);
    all.push((0..40).fold(good.clone(), |inner, _| relayed(&inner, 0)));
    let twice = relayed(&good, 0);
    all.push([&twice[..], &twice[34..]].concat());
    let seeds = (0..500_u32).map(|n| n.wrapping_mul(2_654_435_761));
    // The high bit: no message type of RFC 8415.
    all.extend(seeds.map(|seed| (seed | 0x8000_0000).to_be_bytes().repeat(1 + seed as usize % 60)));
    all
}

#[test]
#[ignore = "needs namespaces"]
fn malformed_datagrams_are_counted_by_the_server_and_not_answered_gen_01() {
    let lab = Lab::new();
    let config = SERVER
        .replace("\"s0\", \"s1\"", "\"s0\"")
        .replace("[[server.sub", "[server.limits]\nmessages-per-source = 0\n[[server.sub");
    let mut server = Provider::start(&lab, &config);
    let attacker = Attacker::new(&lab.customer, "c0");
    let wire = Capture::start(&lab.customer);
    let before = memory(&mut server.daemon);
    let all = malformed();
    for (n, datagram) in all.iter().enumerate() {
        if n % 64 == 0 {
            wait_room(&mut server.daemon);
        }
        attacker.send(datagram);
    }
    // What is answered stands behind all of it.
    attacker.send(&discover(2));
    let answer = wire.wait("an answer", SOON, |dhcp| !dhcp.outgoing);
    assert_eq!(answer.inner().map(|inner| inner.xid.0), Some(2), "{answer:?}");
    assert_eq!(wire.dhcp().iter().filter(|dhcp| !dhcp.outgoing).count(), 1);
    let counters = server.server("Refused");
    assert_eq!(sum(&counters), all.len() as u64, "each is counted once: {counters}");
    let reasons =
        ["malformed4", "malformed6", "malformed-relay", "hop-limit", "unknown-type", "wrong-direction"];
    assert!(reasons.iter().all(|reason| refused(&counters, reason) > 0), "{counters}");
    let grown = memory(&mut server.daemon).saturating_sub(before);
    assert!(grown < 4096, "memory grew by {grown} kB");
    assert_eq!(server.leases4().len(), 0);
}

/// A Relay-reply for this client around a message.
fn reply(link: Ipv6Addr, peer: Ipv6Addr, interface_id: &[u8], message: &[u8]) -> Vec<u8> {
    let mut octets = relayed(message, 0);
    octets[0] = 13;
    octets[2..18].copy_from_slice(&link.octets());
    octets[18..34].copy_from_slice(&peer.octets());
    octets.extend([0, 18]);
    octets.extend(u16::try_from(interface_id.len()).expect("short").to_be_bytes());
    octets.extend(interface_id);
    octets
}

#[test]
#[ignore = "needs namespaces"]
fn a_relay_agent_passes_nothing_on_that_is_malformed_or_goes_nowhere_gen_01() {
    let plant = Plant::new();
    let relay = "[[relay]]\nname = \"edge\"\nclients = [\"r1\", \"r2\"]\nservers = [\"2001:db8:6::1\"]\n";
    let mut relay = Provider::start_in(&plant.lab, &plant.relay, "relay", relay);
    let below = Attacker::new(&plant.lab.customer, "c0");
    let above = Attacker::new(&plant.lab.provider, "s0");
    let wires = [&plant.lab.provider, &plant.lab.customer, &plant.neighbour].map(Capture::start);
    let good = discover(1);
    // From clients: too short for any message, of types that servers send, and of relay agents where none are.
    let mut from_below: Vec<Vec<u8>> = (1..4).map(|end| good[..end].to_vec()).collect();
    from_below.extend([2, 7, 10, 13, 21].map(|kind| [&[kind], &good[1..]].concat()));
    from_below.extend([relayed(&good, 0), relayed(&good, 8)]);
    from_below.iter().for_each(|datagram| below.send(datagram));
    // From servers: every beginning of a reply, and replies for those who cannot have asked.
    let none = Ipv6Addr::UNSPECIFIED;
    let client = Watch::link_local(&plant.lab.customer, "c0");
    let answer = [&[21], &good[1..]].concat();
    let whole = reply(none, client, b"r1", &answer);
    // Cut off before option 18 it is whole again, but names no link.
    let mut from_above: Vec<Vec<u8>> = (1..whole.len()).map(|end| whole[..end].to_vec()).collect();
    let peers = [none, Ipv6Addr::LOCALHOST, SERVERS, Ipv6Addr::new(0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0207)];
    from_above.extend(peers.map(|peer| reply(none, peer, b"r1", &answer)));
    let elsewhere = Ipv6Addr::new(0x2001, 0xdb8, 0x99, 0, 0, 0, 0, 1);
    from_above.extend([reply(none, client, b"r7", &answer), reply(none, client, b"w0", &answer)]);
    from_above.push(reply(elsewhere, client, b"", &answer));
    from_above.push([&whole[..], &whole[34..]].concat());
    from_above.push(relayed(&good, 0));
    from_above.push(answer.clone());
    let agent = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 2);
    for (n, datagram) in from_above.iter().enumerate() {
        if n % 64 == 0 {
            wait_room(&mut relay.daemon);
        }
        above.send_to(datagram, agent);
    }
    // Behind all of it one that arrives, and one the other way.
    above.send_to(&whole, agent);
    below.send(&good);
    wires[0].wait("the query", SOON, |dhcp| !dhcp.outgoing && dhcp.kind == V6::RELAY_FORW);
    wires[1].wait("the answer", SOON, |dhcp| !dhcp.outgoing && dhcp.kind == V6::DHCPV4_RESPONSE);
    let came = |wire: &Capture| wire.dhcp().iter().filter(|dhcp| !dhcp.outgoing).count();
    assert_eq!([0, 1, 2].map(|n| came(&wires[n])), [1, 1, 0]);
    let counters = relay.relay("edge", "Refused");
    assert_eq!(
        sum(&counters),
        (from_below.len() + from_above.len()) as u64,
        "each is counted once: {counters}"
    );
    assert_eq!(relay.relay("edge", "Sent"), 2);
}
