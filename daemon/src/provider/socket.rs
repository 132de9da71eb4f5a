//! The sockets of the provider's side, and what goes through them many datagrams at a time.
//!
//! A socket is shared by all roles of its namespace and bound to no interface: each datagram tells by which one it came.
//! Its address is shared with no other program (no SO_REUSEADDR), so that nobody takes datagrams away unseen.
//! [`frames`] is for what no UDP socket can say or hear.

mod frames;
#[cfg(test)]
mod tests;

use crate::sockets::{new_socket, why};
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_netlink::ready::watch;
use dhcp4o6_protocol::machine::OpenError;
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::params::SERVER4_PORT;
use dhcp4o6_protocol::provider::{Datagram, Frame, Port};
use nix::errno::Errno;
use nix::sys::socket::{
    self, ControlMessage, ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, SockaddrIn6, sockopt,
};
use socket2::{Domain, Socket, Type};
use std::collections::BTreeSet;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
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

/// A multicast group on an interface.
pub type Membership = (Ipv6Addr, u32);

/// Room for a batch of datagrams. Only the pages that datagrams reach take memory.
pub struct Inbox {
    room: Box<[u8]>,
    datagrams: MultiHeaders<SockaddrIn6>,
    frames: MultiHeaders<LinkAddr>,
}

impl Inbox {
    /// Room for [`BATCH`] datagrams of any size.
    pub fn new() -> Self {
        let (source, state) = (nix::cmsg_space!(libc::in6_pktinfo), nix::cmsg_space!(libc::tpacket_auxdata));
        Self {
            room: vec![0; BATCH * SLOT].into_boxed_slice(),
            datagrams: MultiHeaders::preallocate(BATCH, Some(source)),
            frames: MultiHeaders::preallocate(BATCH, Some(state)),
        }
    }
}

/// A slot for each datagram of a batch.
fn slots(room: &mut [u8]) -> [[IoSliceMut<'_>; 1]; BATCH] {
    let mut slots = room.chunks_exact_mut(SLOT);
    std::array::from_fn(|_| [IoSliceMut::new(slots.next().unwrap_or_default())])
}

/// What came in.
pub enum Arrival<'a> {
    /// By UDP.
    Datagram(Datagram<'a>),
    /// By [`Port::Frames`].
    Frame(Frame<'a>),
}

/// What the kernel needs to take a batch of datagrams.
pub struct Outlet {
    plain: MultiHeaders<SockaddrIn6>,
    /// With source address and interface.
    informed: MultiHeaders<SockaddrIn6>,
    frames: MultiHeaders<LinkAddr>,
}

impl Outlet {
    /// For [`BATCH`] datagrams.
    pub fn new() -> Self {
        let control = nix::cmsg_space!(libc::in6_pktinfo);
        Self {
            plain: MultiHeaders::preallocate(BATCH, None),
            informed: MultiHeaders::preallocate(BATCH, Some(control)),
            frames: MultiHeaders::preallocate(BATCH, None),
        }
    }
}

/// A datagram to send, or a frame.
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
    /// UDP payload, or the whole frame.
    pub payload: Vec<u8>,
}

impl Outgoing {
    /// A frame: where it goes stands in it.
    pub fn frame(interface: u32, octets: Vec<u8>) -> Self {
        let to = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0);
        Self { via: Port::Frames(interface), interface, source: None, to, payload: octets }
    }

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
    /// Opens the socket of `port` in a namespace, beside `others` that are open there.
    ///
    /// # Errors
    /// When it cannot be opened now.
    pub fn open<'s>(
        port: Port,
        netns: &Netns,
        others: impl Iterator<Item = &'s Self>,
    ) -> Result<Self, OpenError> {
        // The kernel lets two sockets overlap when both agree, which is asked when one is bound. These agree only while
        // that lasts, so no other program gets in between.
        let overlapping: Vec<_> = others.filter(|other| overlap(port, other.port)).collect();
        let agree =
            |yes| overlapping.iter().all(|other| other.socket.get_ref().set_reuse_address(yes).is_ok());
        let agreed = !overlapping.is_empty() && agree(true);
        let socket =
            netns.run(move || open(port, agreed)).and_then(|socket| watch(socket, Interest::READABLE));
        agree(false);
        socket.map(|socket| Self { socket, port, joined: BTreeSet::new() }).map_err(|error| why(&error))
    }

    /// Ready when there may be something to receive.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The kernel reports no error this way; a closed runtime has nobody left to tell.
        self.socket.poll_read_ready(cx).map(|_| ())
    }

    /// Takes a batch of datagrams, gives each to `take`, and says how many there were: fewer than [`BATCH`] is all for
    /// now.
    pub fn receive(&self, inbox: &mut Inbox, mut take: impl FnMut(Arrival<'_>)) -> usize {
        let received = self.socket.try_io(Interest::READABLE, |socket| match self.port {
            Port::Frames(interface) => {
                frames::receive(socket.as_raw_fd(), interface, inbox, |frame| take(Arrival::Frame(frame)))
            }
            _ => self.receive_datagrams(inbox, |datagram| take(Arrival::Datagram(datagram))),
        });
        // What the kernel reports besides that there is nothing is over once it is reported.
        received.unwrap_or(0)
    }

    fn receive_datagrams(&self, inbox: &mut Inbox, mut take: impl FnMut(Datagram<'_>)) -> io::Result<usize> {
        let Inbox { room, datagrams: headers, .. } = inbox;
        let mut slots = slots(room);
        let fd = self.socket.get_ref().as_raw_fd();
        let received = socket::recvmmsg(fd, headers, slots.iter_mut(), MsgFlags::MSG_DONTWAIT, None)?;
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
        Ok(count)
    }

    /// Sends datagrams that [`run_length`] counted, and says how many were sent before the kernel refused the next
    /// one, which is lost.
    pub fn send(&self, outlet: &mut Outlet, run: &[Outgoing]) -> (usize, Option<Errno>) {
        let Some(first) = run.first() else { return (0, None) };
        let fd = self.socket.get_ref().as_raw_fd();
        if matches!(self.port, Port::Frames(_)) {
            return match frames::send(fd, outlet, run) {
                Ok(sent) => (sent, None),
                Err(error) => (0, Some(error)),
            };
        }
        let mut slices = run.iter().map(|outgoing| [IoSlice::new(&outgoing.payload)]);
        let slices: [_; BATCH] = std::array::from_fn(|_| slices.next().unwrap_or([IoSlice::new(&[])]));
        let to: Vec<_> = run.iter().map(|outgoing| Some(SockaddrIn6::from(outgoing.to))).collect();
        let info = self.info(first);
        let control = info.as_ref().map(ControlMessage::Ipv6PacketInfo);
        let headers = if control.is_some() { &mut outlet.informed } else { &mut outlet.plain };
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
            // For IPv4 even no address has to be an IPv4 one.
            (None, Port::Upstream4(address)) => address.ip().to_ipv6_mapped(),
            (None, Port::Server4) => Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(),
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

/// Addresses of both that may be had by both in one process: what is for the one that names its address is its own, and
/// the other gets the rest.
fn overlap(one: Port, other: Port) -> bool {
    match (one, other) {
        (Port::Server4, Port::Upstream4(address)) | (Port::Upstream4(address), Port::Server4) => {
            address.port() == SERVER4_PORT
        }
        _ => false,
    }
}

/// Inside the namespace. `agreed` is that sockets of ours which overlap with this one let it.
fn open(port: Port, agreed: bool) -> io::Result<Socket> {
    // A socket with an IPv4-mapped address speaks IPv4 with such addresses.
    let address = match port {
        Port::Dhcp6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, params::SERVER6_PORT, 0, 0),
        Port::Upstream6(port) => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0),
        Port::Upstream4(address) => SocketAddrV6::new(address.ip().to_ipv6_mapped(), address.port(), 0, 0),
        Port::Transport6 => SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, SERVER4_PORT, 0, 0),
        Port::Cra6(address) => SocketAddrV6::new(address, SERVER4_PORT, 0, 0),
        Port::Server4 => SocketAddrV6::new(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped(), SERVER4_PORT, 0, 0),
        Port::Frames(interface) => return frames::open(interface),
    };
    let socket = new_socket(Domain::IPV6, Type::DGRAM, libc::IPPROTO_UDP)?;
    socket.set_only_v6(address.ip().to_ipv4_mapped().is_none())?;
    socket.set_broadcast(port == Port::Server4)?;
    // Groups that other programs joined are not ours.
    socket.set_multicast_all_v6(false)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(MULTICAST_HOPS)?;
    socket.set_recv_buffer_size(QUEUE)?;
    socket.set_send_buffer_size(QUEUE)?;
    socket::setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.set_reuse_address(agreed)?;
    socket.bind(&SocketAddr::V6(address).into())?;
    socket.set_reuse_address(false)?;
    Ok(socket)
}

/// Why a role does not run when a socket cannot be opened: a stable name.
pub fn reason(port: Port, error: OpenError) -> &'static str {
    match (error, port) {
        (OpenError::InUse, _) => "port-in-use",
        (OpenError::NotPermitted, _) => "not-permitted",
        (OpenError::NoLink, Port::Frames(_)) => "no-interface",
        (OpenError::NoLink, _) => "no-such-namespace",
        (OpenError::Other(libc::EADDRNOTAVAIL), _) => "no-such-address",
        (OpenError::Other(libc::EAFNOSUPPORT), Port::Frames(_)) => "not-ethernet",
        (OpenError::Other(_), _) => "socket-failed",
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
