//! Sockets in a network namespace of the test's own: a pair of interfaces that are each other's wire, `a0` with
//! 192.0.2.1/24 and 192.0.2.2/24, and `b0` where others are.

use super::super::*;
use nix::sched::{CloneFlags, unshare};
use std::net::{SocketAddrV4, UdpSocket};
use std::process::Command;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

const BROADCAST: [u8; 6] = [0xff; 6];
const OWN: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 0xa];
const OTHERS: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 0xb];

/// Only this thread is in the namespace.
struct Pair {
    a0: u32,
    b0: u32,
    netns: Netns,
}

fn ip(arguments: &str) {
    let ran = Command::new("ip").args(arguments.split(' ')).status().unwrap();
    assert!(ran.success(), "ip {arguments}");
}

fn index(name: &str) -> u32 {
    nix::net::if_::if_nametoindex(name).unwrap()
}

fn pair() -> (Runtime, Pair) {
    unshare(CloneFlags::CLONE_NEWNET).unwrap();
    ip("link set lo up");
    ip("link add a0 address 02:00:5e:10:00:0a type veth peer name b0 address 02:00:5e:10:00:0b");
    for interface in ["a0", "b0"] {
        ip(&format!("link set {interface} up"));
    }
    ip("addr add 192.0.2.1/24 dev a0");
    ip("addr add 192.0.2.2/24 dev a0");
    let pair = Pair { a0: index("a0"), b0: index("b0"), netns: Netns::current().unwrap() };
    (Builder::new_current_thread().enable_all().build().unwrap(), pair)
}

impl Pair {
    fn open(&self, port: Port) -> PortSocket {
        PortSocket::open(port, &self.netns, std::iter::empty()).unwrap()
    }
}

/// An IPv4 datagram for UDP port `to_port` in a frame, as a host sends it that has no address yet.
fn frame(to: [u8; 6], destination: &str, to_port: u16, payload: &[u8]) -> Vec<u8> {
    let length = |octets: usize| u16::try_from(octets).unwrap().to_be_bytes();
    let mut header = vec![0x45, 0];
    header.extend(length(28 + payload.len()));
    header.extend([0, 1, 0, 0, 64, 17, 0, 0]);
    // The kernel takes such a source only of what goes to everybody.
    header.extend(if destination == "255.255.255.255" { [0; 4] } else { [192, 0, 2, 9] });
    header.extend(destination.parse::<Ipv4Addr>().unwrap().octets());
    let words = header.chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]])));
    let sum: u32 = words.sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let checksum = !u16::try_from((sum & 0xffff) + (sum >> 16)).unwrap();
    header.splice(10..12, checksum.to_be_bytes());
    let mut frame = [&to[..], &OTHERS, &[8, 0], &header, &[0, 68]].concat();
    frame.extend(to_port.to_be_bytes());
    frame.extend(length(8 + payload.len()));
    // No checksum.
    frame.extend([0, 0]);
    frame.extend(payload);
    frame
}

/// Waits for something to receive.
fn readable(runtime: &Runtime, socket: &PortSocket) {
    let wait = std::future::poll_fn(|cx| socket.poll_readable(cx));
    let waited = runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), wait).await });
    waited.expect("nothing comes");
}

/// Interface, source, destination and payload.
type Heard = (u32, SocketAddrV6, Ipv6Addr, Vec<u8>);

/// What comes until a payload is `last`.
fn until(runtime: &Runtime, socket: &PortSocket, last: &[u8]) -> Vec<Heard> {
    let (mut inbox, mut all) = (Inbox::new(), Vec::<Heard>::new());
    while all.last().is_none_or(|(.., payload)| payload != last) {
        readable(runtime, socket);
        socket.receive(&mut inbox, |arrival| {
            let Arrival::Datagram(datagram) = arrival else { panic!("a frame") };
            all.push((datagram.interface, datagram.from, datagram.to, datagram.payload.to_vec()));
        });
    }
    all
}

/// Frames that come until one ends in `last`, and whether their checksums are pending.
fn frames_until(runtime: &Runtime, socket: &PortSocket, last: &[u8]) -> Vec<(bool, Vec<u8>)> {
    let (mut inbox, mut all) = (Inbox::new(), Vec::<(bool, Vec<u8>)>::new());
    while all.last().is_none_or(|(_, octets)| !octets.ends_with(last)) {
        readable(runtime, socket);
        socket.receive(&mut inbox, |arrival| {
            let Arrival::Frame(frame) = arrival else { panic!("a datagram") };
            all.push((frame.checksum_pending, frame.octets.to_vec()));
        });
    }
    all
}

fn send(socket: &PortSocket, outgoing: &[Outgoing]) {
    let mut outlet = Outlet::new();
    let mut rest = outgoing;
    while !rest.is_empty() {
        let run = run_length(rest);
        assert_eq!(socket.send(&mut outlet, &rest[..run]), (run, None));
        rest = &rest[run..];
    }
}

fn mapped(address: &str) -> Ipv6Addr {
    address.parse::<Ipv4Addr>().unwrap().to_ipv6_mapped()
}

#[test]
#[ignore = "needs root"]
fn a_dhcpv4_server_hears_broadcasts_and_is_told_whither_and_by_which_interface() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let (server, others) = (pair.open(Port::Server4), pair.open(Port::Frames(pair.b0)));
    let destinations = ["255.255.255.255", "192.0.2.255", "192.0.2.2"];
    let frames = destinations.map(|to| {
        let hardware = if to == "192.0.2.2" { OWN } else { BROADCAST };
        Outgoing::frame(pair.b0, frame(hardware, to, 67, to.as_bytes()))
    });
    send(&others, &frames);
    let received = until(&runtime, &server, b"192.0.2.2");
    for ((interface, from, to, payload), destination) in received.iter().zip(destinations) {
        assert_eq!((*interface, *to), (pair.a0, mapped(destination)));
        let source = if destination == "255.255.255.255" { "0.0.0.0" } else { "192.0.2.9" };
        assert_eq!(*from, SocketAddrV6::new(mapped(source), 68, 0, 0));
        assert_eq!(payload, destination.as_bytes());
    }
    assert_eq!(received.len(), destinations.len());
}

#[test]
#[ignore = "needs root"]
fn a_dhcpv4_server_broadcasts_by_the_interface_and_from_the_address_it_says() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let (server, others) = (pair.open(Port::Server4), pair.open(Port::Frames(pair.b0)));
    let outgoing = |interface, source: Option<&str>, to: &str, payload: &[u8]| Outgoing {
        via: Port::Server4,
        interface,
        source: source.map(mapped),
        to: SocketAddrV6::new(mapped(to), 68, 0, 0),
        payload: payload.to_vec(),
    };
    ip("neigh add 192.0.2.9 lladdr 02:00:5e:10:00:0b dev a0");
    let queue = [
        outgoing(pair.a0, Some("192.0.2.2"), "255.255.255.255", b"one"),
        outgoing(pair.a0, None, "255.255.255.255", b"two"),
        outgoing(0, Some("192.0.2.2"), "192.0.2.9", b"three"),
        outgoing(0, None, "192.0.2.9", b"four"),
    ];
    send(&server, &queue);
    let seen = frames_until(&runtime, &others, b"four");
    let seen: Vec<_> =
        seen.iter().map(|(_, octets)| (&octets[..6], &octets[26..30], &octets[30..34])).collect();
    let (first, second, all) = (&[192, 0, 2, 1][..], &[192, 0, 2, 2][..], &[255; 4][..]);
    let client = &[192, 0, 2, 9][..];
    assert_eq!(seen[..2], [(&BROADCAST[..], second, all), (&BROADCAST[..], first, all)]);
    assert_eq!(seen[2..], [(&OTHERS[..], second, client), (&OTHERS[..], first, client)]);
}

#[test]
#[ignore = "needs root"]
fn an_address_of_its_own_goes_beside_a_servers_every_address_and_no_other_program_does() {
    let giaddr = SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 67);
    let orders = [[Port::Server4, Port::Upstream4(giaddr)], [Port::Upstream4(giaddr), Port::Server4]];
    for [one, other] in orders {
        // In another namespace each: a socket is open for another moment when somebody forks.
        let (runtime, pair) = pair();
        let _guard = runtime.enter();
        let first = pair.open(one);
        let second = PortSocket::open(other, &pair.netns, [&first].into_iter()).unwrap();
        let upstream = if one == Port::Server4 { &second } else { &first };
        let server = if one == Port::Server4 { &first } else { &second };
        let client = UdpSocket::bind("192.0.2.1:0").unwrap();
        client.send_to(b"to the relay agent", giaddr).unwrap();
        client.send_to(b"to the server", "192.0.2.1:67").unwrap();
        assert_eq!(until(&runtime, upstream, b"to the relay agent").len(), 1);
        assert_eq!(until(&runtime, server, b"to the server").len(), 1);
        let foreign = Socket::new(Domain::IPV4, Type::DGRAM, None).unwrap();
        foreign.set_reuse_address(true).unwrap();
        for address in ["192.0.2.1:67", "192.0.2.2:67", "0.0.0.0:67"] {
            let refused = foreign.bind(&address.parse::<SocketAddr>().unwrap().into()).unwrap_err();
            assert_eq!(refused.kind(), io::ErrorKind::AddrInUse, "{address}");
        }
    }
}

#[test]
#[ignore = "needs root"]
fn a_dhcpv4_server_is_refused_the_port_that_another_has_at_one_address() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let _taken = UdpSocket::bind("192.0.2.1:67").unwrap();
    let refused = PortSocket::open(Port::Server4, &pair.netns, std::iter::empty()).map(|_| ()).unwrap_err();
    assert_eq!(reason(Port::Server4, refused), "port-in-use");
    // The other family has a port of its own.
    pair.open(Port::Transport6);
}

#[test]
#[ignore = "needs root"]
fn a_client_relay_agents_address_is_bound_to_once_it_is_there() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let port = Port::Cra6("2001:db8::a".parse().unwrap());
    let refused = PortSocket::open(port, &pair.netns, std::iter::empty()).map(|_| ()).unwrap_err();
    assert_eq!(reason(port, refused), "no-such-address");
    ip("addr add 2001:db8::a/64 dev a0 nodad");
    let agent = pair.open(port);
    let server = UdpSocket::bind("[2001:db8::a]:0").unwrap();
    // The kernel makes the route to a new address in its own time.
    let arrives = std::future::poll_fn(|cx| {
        server.send_to(b"answer", "[2001:db8::a]:67").unwrap();
        agent.poll_readable(cx)
    });
    runtime.block_on(async {
        let mut again = tokio::time::interval(Duration::from_millis(20));
        let mut arrives = std::pin::pin!(arrives);
        let end = tokio::time::Instant::now() + Duration::from_secs(10);
        loop {
            tokio::select! {
                () = &mut arrives => break,
                now = again.tick() => assert!(now < end, "nothing comes"),
            }
        }
    });
    let received = until(&runtime, &agent, b"answer");
    assert_eq!(received[0].2, "2001:db8::a".parse::<Ipv6Addr>().unwrap());
}

#[test]
#[ignore = "needs root"]
fn only_whole_dhcpv4_datagrams_of_others_come_as_frames_lcra_02() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let (agent, others) = (pair.open(Port::Frames(pair.a0)), pair.open(Port::Frames(pair.b0)));
    let at = |frame: Vec<u8>| Outgoing::frame(pair.b0, frame);
    let changed = |offset: usize, octets: &[u8]| {
        let mut frame = frame(BROADCAST, "255.255.255.255", 67, b"unwanted");
        frame.splice(offset..offset + octets.len(), octets.iter().copied());
        at(frame)
    };
    let tagged = |tag: [u8; 2], payload| {
        let mut frame = frame(BROADCAST, "255.255.255.255", 67, payload);
        frame.splice(12..12, [0x81, 0, tag[0], tag[1]]);
        at(frame)
    };
    // The payload begins behind options.
    let mut with_options = frame(BROADCAST, "255.255.255.255", 67, b"options");
    with_options[14] = 0x46;
    with_options.splice(34..34, [1, 1, 1, 1]);
    // Our own.
    send(&agent, &[Outgoing::frame(pair.a0, frame(BROADCAST, "255.255.255.255", 67, b"unwanted"))]);
    let queue = [
        at(frame([2, 9, 9, 9, 9, 9], "192.0.2.1", 67, b"unwanted")),
        at(frame(BROADCAST, "255.255.255.255", 69, b"unwanted")),
        changed(20, &[0x20, 0]), // more fragments
        changed(20, &[0, 5]),    // a later fragment
        changed(23, &[6]),       // TCP
        changed(12, &[0x86, 0xdd]),
        at(vec![0xff; 20]), // cut short
        tagged([0xe0, 5], b"unwanted"),
        at(frame(BROADCAST, "255.255.255.255", 67, b"broadcast")),
        at(frame(OWN, "192.0.2.1", 67, b"unicast")),
        at(frame(BROADCAST, "255.255.255.255", 68, b"answer")),
        at(with_options),
        tagged([0xe0, 0], b"priority"),
        at(frame(BROADCAST, "255.255.255.255", 67, b"last")),
    ];
    send(&others, &queue);
    let seen = frames_until(&runtime, &agent, b"last");
    let payloads: Vec<_> = seen.iter().map(|(_, octets)| String::from_utf8_lossy(&octets[42..])).collect();
    assert_eq!(payloads[..3], ["broadcast", "unicast", "answer"]);
    assert_eq!(&seen[3].1[46..], b"options");
    assert_eq!(payloads[4..], ["priority", "last"]);
    assert_eq!(
        seen[0].1[..14],
        [&BROADCAST[..], &OTHERS, &[8, 0]].concat()[..],
        "from the Ethernet header on"
    );
}

#[test]
#[ignore = "needs root"]
fn a_checksum_that_a_neighbour_on_the_host_left_undone_is_known() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let agent = pair.open(Port::Frames(pair.a0));
    let others = pair.open(Port::Frames(pair.b0));
    ip("addr add 198.51.100.1/24 dev b0");
    let client = UdpSocket::bind("198.51.100.1:0").unwrap();
    client.set_broadcast(true).unwrap();
    client.send_to(b"undone", "198.51.100.255:67").unwrap();
    send(&others, &[Outgoing::frame(pair.b0, frame(BROADCAST, "255.255.255.255", 67, b"last"))]);
    let seen = frames_until(&runtime, &agent, b"last");
    assert_eq!(seen.iter().map(|(pending, _)| *pending).collect::<Vec<_>>(), [true, false]);
}

#[test]
#[ignore = "needs root"]
fn frames_are_those_of_ethernet_and_of_an_interface_that_is_there() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let refused = |interface| {
        let port = Port::Frames(interface);
        reason(port, PortSocket::open(port, &pair.netns, std::iter::empty()).map(|_| ()).unwrap_err())
    };
    assert_eq!(refused(index("lo")), "not-ethernet");
    assert_eq!(refused(4_000), "no-interface");
}

#[test]
#[ignore = "needs root"]
fn more_than_a_batch_of_frames_comes_and_goes_in_several() {
    let (runtime, pair) = pair();
    let _guard = runtime.enter();
    let (agent, others) = (pair.open(Port::Frames(pair.a0)), pair.open(Port::Frames(pair.b0)));
    let numbered = |number: usize| {
        let payload = number.to_string();
        Outgoing::frame(pair.b0, frame(BROADCAST, "255.255.255.255", 67, payload.as_bytes()))
    };
    let queue: Vec<_> = (0..3 * BATCH).map(numbered).collect();
    send(&others, &queue);
    let last = (3 * BATCH - 1).to_string();
    let seen = frames_until(&runtime, &agent, last.as_bytes());
    let sent: Vec<_> = queue.into_iter().map(|outgoing| (false, outgoing.payload)).collect();
    assert_eq!(seen, sent);
}
