//! The sockets of a client relay agent, in a namespace with a link whose other end is in a second one.

use super::*;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::ids::EndpointId;
use socket2::SockRef;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

const OWN: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0x18);
/// On another interface of the same host.
const ELSEWHERE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 1);
const BESIDE: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 0x67);
const PEER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0x67);
const OWN4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
const PEER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// Two namespaces, `wan` of the one joined to `peer` of the other; both go with the value.
struct Lab {
    own: String,
    other: String,
}

impl Lab {
    fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let id = format!("d46d-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let lab = Self { own: format!("{id}-c"), other: format!("{id}-s") };
        for name in [&lab.own, &lab.other] {
            ip(&format!("netns add {name}"));
            ip(&format!("-n {name} link set lo up"));
        }
        ip(&format!("-n {} link add wan type veth peer name peer netns {}", lab.own, lab.other));
        for (name, link, six, four) in [(&lab.own, "wan", OWN, OWN4), (&lab.other, "peer", PEER, PEER4)] {
            ip(&format!("-n {name} addr add {six}/64 dev {link} nodad"));
            ip(&format!("-n {name} addr add {four}/24 dev {link}"));
            ip(&format!("-n {name} link set {link} up"));
        }
        ip(&format!("-n {} link add lan type veth peer name lanpeer netns {}", lab.own, lab.other));
        for (name, link, address) in [(&lab.own, "lan", ELSEWHERE), (&lab.other, "lanpeer", BESIDE)] {
            ip(&format!("-n {name} addr add {address}/64 dev {link} nodad"));
            ip(&format!("-n {name} link set {link} up"));
        }
        ip(&format!("-n {} route add {ELSEWHERE}/128 via {OWN}", lab.other));
        lab
    }

    fn open(&self, port: Port) -> Result<LinkSocket, OpenError> {
        let netns = Netns::named(&self.own).unwrap();
        let index = netns.run(|| Ok(nix::net::if_::if_nametoindex("wan")?)).unwrap();
        LinkSocket::open(port, &netns, index).map(|socket| socket.expect("a socket"))
    }

    /// A socket of the other end, or of another program of this host.
    fn bind(&self, own: bool, address: &'static str) -> io::Result<UdpSocket> {
        let netns = Netns::named(if own { &self.own } else { &self.other }).unwrap();
        netns.run(move || UdpSocket::bind(address))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for name in [&self.own, &self.other] {
            let _ = Command::new("ip").args(["netns", "del", name]).status();
        }
    }
}

fn ip(arguments: &str) {
    let output = Command::new("ip").args(arguments.split(' ')).output().expect("ip runs");
    assert!(output.status.success(), "ip {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

async fn receive(socket: &LinkSocket) -> (Received, Vec<u8>) {
    let mut buffer = [0; 64];
    let next = async {
        loop {
            std::future::poll_fn(|cx| socket.poll_readable(cx)).await;
            if let Some(received) = socket.receive(&mut buffer) {
                break (received, buffer[received.start..received.end].to_vec());
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), next).await.expect("a datagram comes")
}

fn text(socket: &UdpSocket) -> (String, SocketAddr) {
    socket.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let mut buffer = [0; 64];
    let (length, from) = socket.recv_from(&mut buffer).expect("a datagram comes");
    (String::from_utf8_lossy(&buffer[..length]).into_owned(), from)
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_agent_speaks_from_port_67_of_its_address_to_port_67_hcra_08() {
    let lab = Lab::new();
    let server = lab.bind(false, "[2001:db8:1:1::67]:67").unwrap();
    for address in [OWN, ELSEWHERE] {
        let socket = lab.open(Port::Cra6(address)).unwrap();
        let own = SocketAddr::from((address, 67));
        for source in [None, Some(address)] {
            socket.send(source, SocketAddrV6::new(PEER, 67, 0, 0), b"up").unwrap();
            assert_eq!(text(&server), ("up".to_owned(), own));
        }
        server.send_to(b"down", own).unwrap();
        let (received, payload) = receive(&socket).await;
        assert_eq!(
            (received.from, received.to, &payload[..]),
            (SocketAddrV6::new(PEER, 67, 0, 0), address, &b"down"[..])
        );
        assert_ne!(received.interface, 0);
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_agent_hears_only_its_own_address_on_its_own_link_hcra_19_hcra_20() {
    let lab = Lab::new();
    let socket = lab.open(Port::Cra6(ELSEWHERE)).unwrap();
    let server = lab.bind(false, "[::]:67").unwrap();
    let beside = lab.bind(false, "[2001:db8:1:2::67]:0").unwrap();
    SockRef::from(&beside).bind_device(Some(b"lanpeer")).unwrap();
    // All nodes, another address of the host, and by another link; then what is for the agent.
    let index = Netns::named(&lab.other).unwrap().run(|| Ok(nix::net::if_::if_nametoindex("peer")?)).unwrap();
    let everybody = SocketAddrV6::new("ff02::1".parse().unwrap(), 67, 0, index);
    // The kernel takes a moment to see that the link is up.
    while server.send_to(b"no", everybody).is_err() {
        tokio::task::yield_now().await;
    }
    server.send_to(b"no", (OWN, 67)).unwrap();
    beside.send_to(b"no", (ELSEWHERE, 67)).unwrap();
    server.send_to(b"yes", (ELSEWHERE, 67)).unwrap();
    assert_eq!(receive(&socket).await.1, b"yes");
    // By that link it does come in where it is to.
    drop(socket);
    let netns = Netns::named(&lab.own).unwrap();
    let lan = netns.run(|| Ok(nix::net::if_::if_nametoindex("lan")?)).unwrap();
    let socket = LinkSocket::open(Port::Cra6(ELSEWHERE), &netns, lan).unwrap().unwrap();
    beside.send_to(b"beside", (ELSEWHERE, 67)).unwrap();
    assert_eq!(receive(&socket).await.1, b"beside");
}

#[tokio::test]
#[ignore = "needs root"]
async fn no_address_is_shared_with_another_program() {
    let lab = Lab::new();
    let opened = |port| lab.open(port).map(|_| ());
    {
        let _other = lab.bind(true, "[::]:67").unwrap();
        assert_eq!(opened(Port::Cra6(OWN)), Err(OpenError::InUse));
    }
    let _ours = lab.open(Port::Cra6(OWN)).unwrap();
    assert_eq!(lab.bind(true, "[::]:67").unwrap_err().kind(), io::ErrorKind::AddrInUse);
    {
        let _client = lab.bind(true, "0.0.0.0:68").unwrap();
        assert_eq!(opened(Port::Direct4(EndpointId::FIRST, OWN4)), Err(OpenError::InUse));
    }
    assert_eq!(opened(Port::Direct4(EndpointId::FIRST, OWN4)), Ok(()));
    let missing = Err(OpenError::Other(libc::EADDRNOTAVAIL));
    assert_eq!(opened(Port::Cra6("2001:db8::99".parse().unwrap())), missing);
    assert_eq!(opened(Port::Direct4(EndpointId::FIRST, PEER4)), missing);
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_renewal_goes_by_ipv4_from_the_leased_address_hcra_27() {
    let lab = Lab::new();
    let server = lab.bind(false, "192.0.2.1:67").unwrap();
    let socket = lab.open(Port::Direct4(EndpointId::FIRST, OWN4)).unwrap();
    let to = SocketAddrV6::new(PEER4.to_ipv6_mapped(), 67, 0, 0);
    for source in [None, Some(OWN4.to_ipv6_mapped())] {
        socket.send(source, to, b"renew").unwrap();
        assert_eq!(text(&server), ("renew".to_owned(), SocketAddr::from((OWN4, 68))));
    }
    server.send_to(b"ack", (OWN4, 68)).unwrap();
    let (received, payload) = receive(&socket).await;
    assert_eq!((received.from, received.to, &payload[..]), (to, OWN4.to_ipv6_mapped(), &b"ack"[..]));
}
