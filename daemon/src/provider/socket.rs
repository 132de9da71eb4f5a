//! The sockets of the provider's side, and what goes through them many datagrams at a time.
//!
//! A socket is shared by all roles of its namespace and bound to no interface: each datagram tells by which one it came.
//! Its address is shared with no other program (no SO_REUSEADDR), so that nobody takes datagrams away unseen.

use crate::sockets::{new_socket, why};
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_netlink::ready::watch;
use dhcp4o6_protocol::machine::OpenError;
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::provider::{Datagram, Port};
use nix::errno::Errno;
use nix::sys::socket::{
    self, ControlMessage, ControlMessageOwned, MsgFlags, MultiHeaders, SockaddrIn6, sockopt,
};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6};
use std::os::fd::AsRawFd as _;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Datagrams taken from or given to the kernel in one call.
pub const BATCH: usize = 32;
/// Octets for one datagram: the largest fits. A cache line more than 64 KiB, so that the beginnings of the slots do not
/// compete for the same place in the cache.
const SLOT: usize = 64 * 1024 + 64;
/// Octets that wait in the kernel while others are handled, as far as net.core.rmem_max allows.
const QUEUE: usize = 4 << 20;
/// Hop limit of multicast: enough for All_DHCP_Servers in a site (RFC 8415 §19.1).
const MULTICAST_HOPS: u32 = 8;
/// Where DHCPv4 servers send what is for a relay agent (RFC 2131 §4.1).
const SERVER4_PORT: u16 = 67;

/// A multicast group on an interface.
pub type Membership = (Ipv6Addr, u32);

/// Room for a batch of datagrams. Only the pages that datagrams reach take memory.
pub struct Inbox {
    room: Box<[u8]>,
    headers: MultiHeaders<SockaddrIn6>,
}

impl Inbox {
    /// Room for [`BATCH`] datagrams of any size.
    pub fn new() -> Self {
        let control = nix::cmsg_space!(libc::in6_pktinfo);
        Self {
            room: vec![0; BATCH * SLOT].into_boxed_slice(),
            headers: MultiHeaders::preallocate(BATCH, Some(control)),
        }
    }
}

/// What the kernel needs to take a batch of datagrams.
pub struct Outlet {
    plain: MultiHeaders<SockaddrIn6>,
    /// With source address and interface.
    informed: MultiHeaders<SockaddrIn6>,
}

impl Outlet {
    /// For [`BATCH`] datagrams.
    pub fn new() -> Self {
        let control = nix::cmsg_space!(libc::in6_pktinfo);
        Self {
            plain: MultiHeaders::preallocate(BATCH, None),
            informed: MultiHeaders::preallocate(BATCH, Some(control)),
        }
    }
}

/// A datagram to send.
#[derive(Debug)]
pub struct Outgoing {
    /// The socket.
    pub via: Port,
    /// Index of the interface to leave by; 0 leaves it to routing.
    pub interface: u32,
    /// Source address; the kernel chooses when `None`.
    pub source: Option<Ipv6Addr>,
    /// Destination.
    pub to: SocketAddrV6,
    /// UDP payload.
    pub payload: Vec<u8>,
}

impl Outgoing {
    /// The kernel takes datagrams together only if they leave in the same way.
    fn leaves_like(&self, other: &Self) -> bool {
        (self.via, self.interface, self.source) == (other.via, other.interface, other.source)
    }
}

/// How many of the first datagrams can be given to the kernel together; 0 only if there are none.
pub fn run_length(queue: &[Outgoing]) -> usize {
    let Some(first) = queue.first() else { return 0 };
    queue.iter().take(BATCH).take_while(|other| first.leaves_like(other)).count()
}

/// An open socket.
pub struct PortSocket {
    socket: AsyncFd<Socket>,
    port: Port,
    joined: BTreeSet<Membership>,
}

impl PortSocket {
    /// Opens the socket of `port` in a namespace.
    ///
    /// # Errors
    /// When it cannot be opened now.
    pub fn open(port: Port, netns: &Netns) -> Result<Self, OpenError> {
        let socket = netns.run(move || open(port)).and_then(|socket| watch(socket, Interest::READABLE));
        socket.map(|socket| Self { socket, port, joined: BTreeSet::new() }).map_err(|error| why(&error))
    }

    /// Ready when there may be something to receive.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The kernel reports no error this way; a closed runtime has nobody left to tell.
        self.socket.poll_read_ready(cx).map(|_| ())
    }

    /// Takes a batch of datagrams, gives each to `take`, and says how many there were: fewer than [`BATCH`] is all for
    /// now.
    pub fn receive(&self, inbox: &mut Inbox, mut take: impl FnMut(Datagram<'_>)) -> usize {
        let Inbox { room, headers } = inbox;
        let mut slots = room.chunks_exact_mut(SLOT);
        let mut slots: [_; BATCH] =
            std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())]);
        let received = self.socket.try_io(Interest::READABLE, |socket| {
            let fd = socket.as_raw_fd();
            Ok(socket::recvmmsg(fd, headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?)
        });
        // What the kernel reports besides that there is nothing is over once it is reported.
        let Ok(received) = received else { return 0 };
        let mut count = 0;
        for message in received {
            count += 1;
            let mut info = message.cmsgs().into_iter().flatten().filter_map(|control| match control {
                ControlMessageOwned::Ipv6PacketInfo(info) => Some(info),
                _ => None,
            });
            let (Some(from), Some(info)) = (message.address, info.next()) else { continue };
            let scope = if from.ip().is_unicast_link_local() { info.ipi6_ifindex } else { 0 };
            take(Datagram {
                via: self.port,
                interface: info.ipi6_ifindex,
                from: SocketAddrV6::new(from.ip(), from.port(), 0, scope),
                to: Ipv6Addr::from(info.ipi6_addr.s6_addr),
                // There is no slice for nothing.
                payload: message.iovs().next().unwrap_or_default(),
            });
        }
        count
    }

    /// Sends datagrams that [`run_length`] counted, and says how many were sent before the kernel refused the next
    /// one, which is lost.
    pub fn send(&self, outlet: &mut Outlet, run: &[Outgoing]) -> (usize, Option<Errno>) {
        let Some(first) = run.first() else { return (0, None) };
        let mut slices = run.iter().map(|outgoing| [IoSlice::new(&outgoing.payload)]);
        let slices: [_; BATCH] = std::array::from_fn(|_| slices.next().unwrap_or([IoSlice::new(&[])]));
        let to: Vec<_> = run.iter().map(|outgoing| Some(SockaddrIn6::from(outgoing.to))).collect();
        let info = self.info(first);
        let control = info.as_ref().map(ControlMessage::Ipv6PacketInfo);
        let headers = if control.is_some() { &mut outlet.informed } else { &mut outlet.plain };
        let fd = self.socket.get_ref().as_raw_fd();
        let flags = MsgFlags::MSG_DONTWAIT;
        match socket::sendmmsg(fd, headers, slices.iter().take(run.len()), &to, control.as_slice(), flags) {
            Ok(sent) => (sent.count(), None),
            Err(error) => (0, Some(error)),
        }
    }

    /// From where and by which interface a datagram leaves; `None` leaves both to the kernel.
    fn info(&self, outgoing: &Outgoing) -> Option<libc::in6_pktinfo> {
        let source = match (outgoing.source, self.port) {
            (None, _) if outgoing.interface == 0 => return None,
            // An interface alone makes no sense to the kernel there.
            (None, Port::Upstream4(address)) => address.ip().to_ipv6_mapped(),
            (source, _) => source.unwrap_or(Ipv6Addr::UNSPECIFIED),
        };
        Some(libc::in6_pktinfo {
            ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
            ipi6_ifindex: outgoing.interface,
        })
    }

    /// Makes the groups it has joined those wanted, by difference. What the kernel refuses is tried again with the next
    /// call.
    pub fn follow_groups(&mut self, wanted: &BTreeSet<Membership>) {
        let Self { socket, joined, .. } = self;
        joined.retain(|(group, interface)| {
            let stays = wanted.contains(&(*group, *interface));
            if !stays {
                // The kernel has left it already if the interface is gone.
                let _ = socket.get_ref().leave_multicast_v6(group, *interface);
            }
            stays
        });
        for (group, interface) in
            wanted.iter().filter(|membership| !joined.contains(membership)).copied().collect::<Vec<_>>()
        {
            match socket.get_ref().join_multicast_v6(&group, interface) {
                Ok(()) => _ = joined.insert((group, interface)),
                Err(error) => tracing::warn!(%group, interface, %error, "cannot join a multicast group"),
            }
        }
    }
}

/// Inside the namespace.
fn open(port: Port) -> io::Result<Socket> {
    let socket = new_socket(Domain::IPV6, Type::DGRAM, libc::IPPROTO_UDP)?;
    let address = match port {
        Port::Dhcp6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, params::SERVER6_PORT, 0, 0),
        Port::Upstream6(port) => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0),
        // Such a socket speaks IPv4 with IPv4-mapped addresses.
        Port::Upstream4(address) => SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0),
        Port::Transport6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, SERVER4_PORT, 0, 0),
        Port::Cra6(address) => SocketAddrV6::new(address, SERVER4_PORT, 0, 0),
        Port::Server4 | Port::Frames(_) => return Err(io::ErrorKind::Unsupported.into()),
    };
    socket.set_only_v6(!matches!(port, Port::Upstream4(_)))?;
    // Groups that other programs joined are not ours.
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(MULTICAST_HOPS)?;
    socket.set_recv_buffer_size(QUEUE)?;
    socket.set_send_buffer_size(QUEUE)?;
    socket::setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.bind(&SocketAddr::V6(address).into())?;
    Ok(socket)
}

/// Why a role does not run when a socket cannot be opened: a stable name.
pub fn reason(error: OpenError) -> &'static str {
    match error {
        OpenError::InUse => "port-in-use",
        OpenError::NotPermitted => "not-permitted",
        OpenError::NoLink => "no-such-namespace",
        OpenError::Other(libc::EADDRNOTAVAIL) => "no-such-address",
        OpenError::Other(_) => "socket-failed",
    }
}

/// The socket in words.
pub fn describe(port: Port) -> String {
    match port {
        Port::Dhcp6 => format!("UDP [::]:{}", params::SERVER6_PORT),
        Port::Upstream6(port) => format!("UDP [::]:{port}"),
        Port::Upstream4(address) => format!("UDP {address}"),
        Port::Transport6 => format!("UDP [::]:{SERVER4_PORT}"),
        Port::Cra6(address) => format!("UDP [{address}]:{SERVER4_PORT}"),
        Port::Server4 => format!("UDP 0.0.0.0:{SERVER4_PORT}"),
        Port::Frames(interface) => format!("frames of interface {interface}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::UdpSocket;

    /// A socket of our own at a port that is free, and its address.
    fn socket() -> (PortSocket, SocketAddr) {
        let free = UdpSocket::bind("[::1]:0").unwrap().local_addr().unwrap().port();
        let socket = PortSocket::open(Port::Upstream6(free), &Netns::current().unwrap()).unwrap();
        (socket, SocketAddr::from((Ipv6Addr::LOCALHOST, free)))
    }

    async fn receive(socket: &PortSocket, inbox: &mut Inbox) -> Vec<(SocketAddrV6, Ipv6Addr, Vec<u8>)> {
        std::future::poll_fn(|cx| socket.poll_readable(cx)).await;
        let mut received = Vec::new();
        socket.receive(inbox, |datagram| {
            received.push((datagram.from, datagram.to, datagram.payload.to_vec()));
        });
        received
    }

    #[tokio::test]
    async fn datagrams_of_every_size_come_in_whole_and_in_order_gen_18() {
        let (socket, address) = socket();
        let sender = UdpSocket::bind("[::1]:0").unwrap();
        let sizes = [0, 1, 1_500, 65_527, 9, 65_527];
        let mut inbox = Inbox::new();
        for round in 0_u8..3 {
            for size in sizes {
                sender.send_to(&vec![round; size], address).unwrap();
            }
            let mut received = Vec::new();
            while received.len() < sizes.len() {
                received.extend(receive(&socket, &mut inbox).await);
            }
            let seen: Vec<_> = received.iter().map(|(.., payload)| payload.len()).collect();
            assert_eq!(seen, sizes);
            let from_and_to = (sender.local_addr().unwrap(), Ipv6Addr::LOCALHOST);
            assert!(received.iter().all(|(from, to, _)| (SocketAddr::V6(*from), *to) == from_and_to));
            assert!(received.iter().all(|(.., payload)| payload.iter().all(|octet| *octet == round)));
        }
    }

    #[tokio::test]
    async fn more_than_a_batch_comes_in_several() {
        let (socket, address) = socket();
        let sender = UdpSocket::bind("[::1]:0").unwrap();
        (0..BATCH + 1).for_each(|_| _ = sender.send_to(b"x", address).unwrap());
        let mut inbox = Inbox::new();
        assert_eq!(receive(&socket, &mut inbox).await.len(), BATCH);
        assert_eq!(receive(&socket, &mut inbox).await.len(), 1);
    }

    #[tokio::test]
    async fn one_datagram_that_cannot_be_sent_does_not_hold_up_the_others() {
        let (socket, _) = socket();
        let receivers = [(); 2].map(|()| UdpSocket::bind("[::1]:0").unwrap());
        let outgoing = |to: SocketAddrV6, payload: &[u8]| Outgoing {
            via: socket.port,
            interface: 0,
            source: None,
            to,
            payload: payload.to_vec(),
        };
        let at = |receiver: &UdpSocket| match receiver.local_addr().unwrap() {
            SocketAddr::V6(address) => address,
            SocketAddr::V4(_) => unreachable!(),
        };
        let nowhere = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 0, 0, 0);
        let queue = [
            outgoing(at(&receivers[0]), b"first"),
            outgoing(nowhere, b"lost"),
            outgoing(at(&receivers[1]), b"second"),
        ];
        assert_eq!(run_length(&queue), 3);
        let mut outlet = Outlet::new();
        assert_eq!(socket.send(&mut outlet, &queue), (1, None));
        assert_eq!(socket.send(&mut outlet, &queue[1..]), (0, Some(Errno::EINVAL)));
        assert_eq!(socket.send(&mut outlet, &queue[2..]), (1, None));
        for (receiver, payload) in receivers.iter().zip([&b"first"[..], b"second"]) {
            let mut buffer = [0; 16];
            let length = receiver.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], payload);
        }
    }

    #[tokio::test]
    async fn a_source_address_is_kept_to_and_only_where_it_was_asked_for() {
        let (socket, _) = socket();
        let receiver = UdpSocket::bind("[::1]:0").unwrap();
        let SocketAddr::V6(to) = receiver.local_addr().unwrap() else { unreachable!() };
        let outgoing = |source: Option<Ipv6Addr>| Outgoing {
            via: socket.port,
            interface: 0,
            source,
            to,
            payload: vec![1],
        };
        let queue = [outgoing(Some(Ipv6Addr::LOCALHOST)), outgoing(None)];
        assert_eq!((run_length(&queue), run_length(&queue[1..])), (1, 1));
        let mut outlet = Outlet::new();
        // Also in turns: what one leaves behind must not get into the other.
        for _ in 0..2 {
            assert_eq!(socket.send(&mut outlet, &queue[..1]), (1, None));
            assert_eq!(socket.send(&mut outlet, &queue[1..]), (1, None));
        }
        let foreign = [outgoing(Some("2001:db8::1".parse().unwrap()))];
        assert!(socket.send(&mut outlet, &foreign).1.is_some());
    }

    #[tokio::test]
    async fn a_port_in_use_has_a_name() {
        let taken = UdpSocket::bind("[::]:0").unwrap();
        let port = Port::Upstream6(taken.local_addr().unwrap().port());
        let refused = PortSocket::open(port, &Netns::current().unwrap()).map(|_| ()).unwrap_err();
        assert_eq!((refused, reason(refused)), (OpenError::InUse, "port-in-use"));
        let missing = Port::Upstream4("192.0.2.77:67".parse().unwrap());
        let refused = PortSocket::open(missing, &Netns::current().unwrap()).map(|_| ()).unwrap_err();
        assert!(matches!(reason(refused), "no-such-address" | "not-permitted"), "{refused}");
    }
}
