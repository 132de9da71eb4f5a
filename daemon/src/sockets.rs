//! The sockets of a link: UDP port 546, those of its client relay agent, ARP, and the test for a native DHCPv4 client.
//!
//! Every socket belongs to one interface by its index, so it stays the link's own when that is renamed. No address is
//! shared with other programs (no SO_REUSEADDR): nobody's datagrams are taken away, and who has the port keeps it.

use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_netlink::ready::watch;
use dhcp4o6_protocol::machine::{OpenError, Port};
use dhcp4o6_protocol::params;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::{self, ControlMessage, ControlMessageOwned, LinkAddr, MsgFlags, SockaddrIn6, sockopt};
use socket2::{Domain, Protocol, Socket, Type};
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::os::fd::AsRawFd as _;
use std::task::{Context, Poll};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Octets of a buffer that takes any datagram: the largest UDP payload over IPv6 fits, and an ARP frame.
pub const BUFFER: usize = 64 * 1024;

/// Hop limit of multicast: enough for All_DHCP_Servers in a site.
const MULTICAST_HOPS: u32 = 8;
/// Port of native DHCPv4 clients.
const CLIENT4_PORT: u16 = 68;
/// Port of DHCPv4 servers and relay agents, and of DHCPv4 over IPv6.
const SERVER4_PORT: u16 = 67;
/// File descriptors that no link and no role may take: netlink, the bus and the lease store go on without more of them.
const RESERVE: u64 = 8;

const ETHERNET_HEADER: usize = 14;
const ETHERNET_ARP: [u8; 2] = [0x08, 0x06];

/// A received datagram, in front of the buffer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Received {
    /// Where the payload begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// The interface it came in by.
    pub interface: u32,
    /// Its source; unspecified for ARP.
    pub from: SocketAddrV6,
    /// Its destination; unspecified for ARP.
    pub to: Ipv6Addr,
}

/// An open socket of a link.
pub struct LinkSocket {
    socket: AsyncFd<Socket>,
    port: Port,
    /// The Ethernet header of everything sent, for ARP; UDP, with IPv4-mapped addresses for IPv4, has none.
    ethernet: Option<Box<[u8; ETHERNET_HEADER]>>,
    /// The interface it belongs to.
    interface: u32,
}

impl LinkSocket {
    /// Opens the socket of `port` on an interface of a namespace; [`Port::Native4`] gives none, because its
    /// socket only shows that it could be opened.
    ///
    /// # Errors
    /// When it cannot be opened now.
    pub fn open(port: Port, netns: &Netns, interface: u32) -> Result<Option<Self>, OpenError> {
        let opened = match port {
            // Not a socket.
            Port::Tap => Err(io::ErrorKind::Unsupported.into()),
            Port::Native4 => netns.run(move || native4(interface)).map(|()| None),
            Port::Client6 => netns.run(move || client6(interface)).map(|socket| Some((socket, None))),
            Port::Cra6(address) => {
                let address = SocketAddrV6::new(address, SERVER4_PORT, 0, 0);
                netns.run(move || agent(interface, address)).map(|socket| Some((socket, None)))
            }
            Port::Direct4(_, address) => {
                let address = SocketAddrV6::new(address.to_ipv6_mapped(), CLIENT4_PORT, 0, 0);
                netns.run(move || agent(interface, address)).map(|socket| Some((socket, None)))
            }
            Port::Arp(_) => netns
                .run(move || arp(interface))
                .map(|(socket, header)| Some((socket, Some(Box::new(header))))),
        };
        let Some((socket, ethernet)) = opened.map_err(|error| why(&error))? else { return Ok(None) };
        let socket = watch(socket, Interest::READABLE).map_err(|error| why(&error))?;
        Ok(Some(Self { socket, port, ethernet, interface }))
    }

    /// Which of the link's it is.
    pub fn port(&self) -> Port {
        self.port
    }

    /// Ready when there may be something to receive.
    pub fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        // The kernel reports no error this way; a closed runtime has nobody left to tell.
        self.socket.poll_read_ready(cx).map(|_| ())
    }

    /// The next datagram; `None` when there is none now. What cannot be one is skipped.
    pub fn receive(&self, buffer: &mut [u8]) -> Option<Received> {
        loop {
            let attempt = self.socket.try_io(Interest::READABLE, |socket| match &self.ethernet {
                None => receive_udp(socket, buffer),
                Some(_) => receive_arp(socket, buffer, self.interface),
            });
            match attempt {
                Ok(Some(received)) => return Some(received),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return None,
                // A pending error of the interface, such as ENETDOWN. Reading it has cleared it; what else there is
                // to receive is still announced.
                Err(_) => return None,
            }
        }
    }

    /// Sends one datagram, from `source` or what the kernel chooses. ARP packets go to the broadcast address.
    ///
    /// # Errors
    /// When the kernel does not take it, also for lack of room: then the datagram is lost.
    pub fn send(&self, source: Option<Ipv6Addr>, to: SocketAddrV6, payload: &[u8]) -> io::Result<()> {
        let fd = self.socket.get_ref().as_raw_fd();
        match &self.ethernet {
            None => {
                let info = source.map(|source| libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
                    ipi6_ifindex: self.interface,
                });
                let control = info.as_ref().map(ControlMessage::Ipv6PacketInfo);
                let to = SockaddrIn6::from(to);
                socket::sendmsg(
                    fd,
                    &[IoSlice::new(payload)],
                    control.as_slice(),
                    MsgFlags::empty(),
                    Some(&to),
                )?;
            }
            Some(header) => {
                let frame = [IoSlice::new(&**header), IoSlice::new(payload)];
                socket::sendmsg::<()>(fd, &frame, &[], MsgFlags::empty(), None)?;
            }
        }
        Ok(())
    }
}

/// Raises the limit on open files as far as allowed: a link needs at least two.
pub fn raise_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    if let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE)
        && soft < hard
        && let Err(error) = setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
    {
        tracing::warn!(%error, soft, hard, "cannot raise the limit on open files");
    }
}

/// The error of a socket that could not be opened, by its name.
pub fn why(error: &io::Error) -> OpenError {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EADDRINUSE) => OpenError::InUse,
        Some(Errno::EACCES | Errno::EPERM) => OpenError::NotPermitted,
        Some(Errno::ENODEV | Errno::ENXIO | Errno::ENOENT) => OpenError::NoLink,
        Some(other) => OpenError::Other(other as i32),
        None => OpenError::Other(Errno::EIO as i32),
    }
}

/// Inside the namespace: a socket of our own, unless that would break into the reserve.
///
/// # Errors
/// When it would, or the kernel gives none.
pub fn new_socket(domain: Domain, kind: Type, protocol: i32) -> io::Result<Socket> {
    let socket = Socket::new(domain, kind.nonblocking().cloexec(), Some(Protocol::from(protocol)))?;
    let (limit, _) = nix::sys::resource::getrlimit(nix::sys::resource::Resource::RLIMIT_NOFILE)?;
    // The kernel hands out the lowest free number.
    if u64::try_from(socket.as_raw_fd()).is_ok_and(|fd| fd + RESERVE >= limit) {
        return Err(Errno::EMFILE.into());
    }
    Ok(socket)
}

/// Ties the socket to the interface. The kernel takes a name and keeps the index.
///
/// # Errors
/// When there is no such interface, or the service lacks the right.
pub fn bind_to(socket: &Socket, interface: u32) -> io::Result<()> {
    let name = nix::net::if_::if_indextoname(interface)?;
    socket.bind_device(Some(name.as_bytes()))?;
    // Another interface may have got that name in between.
    let bound = socket.device()?.unwrap_or_default();
    if nix::net::if_::if_nametoindex(bound.as_slice()).ok() == Some(interface) {
        Ok(())
    } else {
        Err(Errno::ENODEV.into())
    }
}

fn client6(interface: u32) -> io::Result<Socket> {
    let socket = new_socket(Domain::IPV6, Type::DGRAM, libc::IPPROTO_UDP)?;
    socket.set_only_v6(true)?;
    bind_to(&socket, interface)?;
    socket.set_multicast_loop_v6(false)?;
    socket.set_multicast_hops_v6(MULTICAST_HOPS)?;
    socket.set_multicast_if_v6(interface)?;
    socket::setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    let address = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, params::CLIENT6_PORT, 0, 0);
    socket.bind(&SocketAddr::V6(address).into())?;
    Ok(socket)
}

/// A socket on one address of this host, which nobody else may have there. It takes what comes in by the interface only;
/// the address may be another interface's. An IPv4-mapped one makes it a socket for IPv4.
fn agent(interface: u32, address: SocketAddrV6) -> io::Result<Socket> {
    let socket = new_socket(Domain::IPV6, Type::DGRAM, libc::IPPROTO_UDP)?;
    socket.set_only_v6(address.ip().to_ipv4_mapped().is_none())?;
    bind_to(&socket, interface)?;
    socket::setsockopt(&socket, sockopt::Ipv6RecvPacketInfo, &true)?;
    socket.bind(&SocketAddr::V6(address).into())?;
    Ok(socket)
}

fn native4(interface: u32) -> io::Result<()> {
    let socket = new_socket(Domain::IPV4, Type::DGRAM, libc::IPPROTO_UDP)?;
    bind_to(&socket, interface)?;
    socket.bind(&SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT4_PORT)).into())
}

fn arp(interface: u32) -> io::Result<(Socket, [u8; ETHERNET_HEADER])> {
    // Only this list gives a packet address without unsafe code.
    let index = usize::try_from(interface).map_err(io::Error::other)?;
    let address: LinkAddr = getifaddrs()?
        .filter_map(|entry| entry.address?.as_link_addr().copied())
        .find(|address| address.ifindex() == index)
        .ok_or(Errno::ENODEV)?;
    let own = address.addr().filter(|_| address.hatype() == libc::ARPHRD_ETHER).ok_or(Errno::EAFNOSUPPORT)?;
    let protocol = i32::from(u16::from_ne_bytes(ETHERNET_ARP));
    let socket = new_socket(Domain::PACKET, Type::RAW, protocol)?;
    socket::bind(socket.as_raw_fd(), &address)?;
    // Until it was bound it received from every interface.
    while socket::recv(socket.as_raw_fd(), &mut [0], MsgFlags::MSG_DONTWAIT).is_ok() {}
    let mut header = [0xff; ETHERNET_HEADER];
    let (_, rest) = header.split_at_mut(6);
    let (source, kind) = rest.split_at_mut(6);
    source.copy_from_slice(&own);
    kind.copy_from_slice(&ETHERNET_ARP);
    Ok((socket, header))
}

fn receive_udp(socket: &Socket, buffer: &mut [u8]) -> io::Result<Option<Received>> {
    let mut room = [IoSliceMut::new(buffer)];
    let mut control = nix::cmsg_space!(libc::in6_pktinfo);
    let message = socket::recvmsg::<SockaddrIn6>(
        socket.as_raw_fd(),
        &mut room,
        Some(&mut control),
        MsgFlags::MSG_DONTWAIT,
    )?;
    let info = message.cmsgs()?.find_map(|control| match control {
        ControlMessageOwned::Ipv6PacketInfo(info) => Some(info),
        _ => None,
    });
    Ok(message.address.zip(info).map(|(from, info)| Received {
        start: 0,
        end: message.bytes,
        interface: info.ipi6_ifindex,
        from: SocketAddrV6::new(from.ip(), from.port(), 0, from.scope_id()),
        to: Ipv6Addr::from(info.ipi6_addr.s6_addr),
    }))
}

fn receive_arp(socket: &Socket, buffer: &mut [u8], interface: u32) -> io::Result<Option<Received>> {
    let length = socket::recv(socket.as_raw_fd(), buffer, MsgFlags::MSG_DONTWAIT)?;
    let arp = length >= ETHERNET_HEADER && buffer.get(12..ETHERNET_HEADER) == Some(&ETHERNET_ARP);
    Ok(arp.then_some(Received {
        start: ETHERNET_HEADER,
        end: length,
        interface,
        from: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0),
        to: Ipv6Addr::UNSPECIFIED,
    }))
}

#[cfg(test)]
mod tests;
