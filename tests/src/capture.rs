//! What crosses the links of a namespace, frame by frame.

use crate::SOON;
use crate::follow::Follow;
use crate::lab::Namespace;
use dhcp4o6_protocol::wire::{v4, v6, v6_option::OptionCode};
use nix::sys::socket::{
    AddressFamily, LinkAddr, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt, socket, sockopt,
};
use std::fmt;
use std::io::IoSliceMut;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

/// linux/if_packet.h: the frame was sent by this side.
const PACKET_OUTGOING: u8 = 4;
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const ETHERTYPE_IPV4: [u8; 2] = [0x08, 0x00];
const UDP: u8 = 17;
const SERVER4_PORT: [u8; 2] = [0, 67];
const ETHERNET_HEADER: usize = 14;
const IPV6_HEADER: usize = 40;
const UDP_HEADER: usize = 8;

/// One Ethernet frame.
#[derive(Clone, Debug)]
pub struct Frame {
    /// When it was read: some microseconds after it passed.
    pub at: Instant,
    /// Index of the interface.
    pub interface: usize,
    /// Sent from this namespace; otherwise received.
    pub outgoing: bool,
    /// With its Ethernet header.
    pub octets: Vec<u8>,
}

/// A datagram of the DHCPv6 ports.
#[derive(Clone)]
pub struct Dhcp {
    /// When it was read.
    pub at: Instant,
    /// Index of the interface.
    pub interface: usize,
    /// Sent from this namespace; otherwise received.
    pub outgoing: bool,
    /// Source address and port.
    pub from: (Ipv6Addr, u16),
    /// Destination address and port.
    pub to: (Ipv6Addr, u16),
    /// First octet.
    pub kind: v6::MessageType,
    /// UDP payload.
    pub payload: Vec<u8>,
}

/// A datagram of the DHCPv4 server's port.
#[derive(Clone)]
pub struct Plain4 {
    /// Source address.
    pub from: Ipv4Addr,
    /// Destination address.
    pub to: Ipv4Addr,
    /// UDP payload.
    pub payload: Vec<u8>,
}

/// A DHCPv4 message in a datagram of port 67, over IPv4 or over IPv6.
#[derive(Clone)]
pub struct Bootp {
    /// When it was read.
    pub at: Instant,
    /// Index of the interface.
    pub interface: usize,
    /// Sent from this namespace; otherwise received.
    pub outgoing: bool,
    /// Source.
    pub from: SocketAddr,
    /// Destination.
    pub to: SocketAddr,
    /// UDP payload.
    pub payload: Vec<u8>,
}

impl Bootp {
    /// The message.
    ///
    /// # Panics
    /// When it is malformed.
    pub fn message(&self) -> v4::Message<'_> {
        v4::Message::parse(&self.payload).expect("a well-formed DHCPv4 message")
    }

    /// Its type.
    pub fn kind(&self) -> Option<v4::MessageType> {
        v4::Message::parse(&self.payload).ok()?.kind()
    }

    /// True when it is of this type.
    pub fn is(&self, kind: v4::MessageType) -> bool {
        self.kind() == Some(kind)
    }
}

impl fmt::Debug for Bootp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.outgoing { "->" } else { "<-" };
        write!(f, "{arrow} {} to {}", self.from, self.to)?;
        self.kind().map_or(Ok(()), |kind| write!(f, " ({kind})"))
    }
}

impl Plain4 {
    /// Its type.
    pub fn kind(&self) -> Option<v4::MessageType> {
        v4::Message::parse(&self.payload).ok()?.kind()
    }
}

impl Frame {
    /// The DHCPv4 datagram in it that a relay agent or a server has sent, if it is one.
    pub fn dhcp4(&self) -> Option<Plain4> {
        let ip = self.octets.get(ETHERNET_HEADER..)?;
        let header = usize::from(ip.first()? & 0xf) * 4;
        let udp = ip.get(header..)?;
        let is_udp4 = self.octets.get(12..ETHERNET_HEADER)? == ETHERTYPE_IPV4 && *ip.get(9)? == UDP;
        let address = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        let from_server_port = udp.get(..2)? == SERVER4_PORT;
        let (from, to, payload) = (address(12)?, address(16)?, udp.get(UDP_HEADER..)?.to_vec());
        (is_udp4 && from_server_port).then_some(Plain4 { from, to, payload })
    }

    /// The DHCPv6 datagram in it, if it is one.
    pub fn dhcp(&self) -> Option<Dhcp> {
        let ip = self.octets.get(ETHERNET_HEADER..)?;
        let udp = ip.get(IPV6_HEADER..)?;
        let is_udp6 = self.octets.get(12..ETHERNET_HEADER)? == ETHERTYPE_IPV6 && *ip.get(6)? == UDP;
        let address = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
        let port = |at: usize| Some(u16::from_be_bytes(udp.get(at..at + 2)?.try_into().ok()?));
        let (from, to) = ((address(8)?, port(0)?), (address(24)?, port(2)?));
        let payload = udp.get(UDP_HEADER..)?.to_vec();
        let kind = v6::MessageType(*payload.first()?);
        let is_dhcp = is_udp6 && [from.1, to.1].iter().any(|port| matches!(port, 546 | 547));
        let Self { at, interface, outgoing, .. } = *self;
        is_dhcp.then_some(Dhcp { at, interface, outgoing, from, to, kind, payload })
    }

    /// The DHCPv4 message in a datagram to or from port 67, over IPv4 or over IPv6, if it is one.
    pub fn bootp(&self) -> Option<Bootp> {
        let ip = self.octets.get(ETHERNET_HEADER..)?;
        let is_ipv6 = self.octets.get(12..ETHERNET_HEADER)? == ETHERTYPE_IPV6;
        let is_ipv4 = self.octets.get(12..ETHERNET_HEADER)? == ETHERTYPE_IPV4;
        let four = |at: usize| Some(IpAddr::from(<[u8; 4]>::try_from(ip.get(at..at + 4)?).ok()?));
        let six = |at: usize| Some(IpAddr::from(<[u8; 16]>::try_from(ip.get(at..at + 16)?).ok()?));
        let (header, protocol, from, to) = if is_ipv6 {
            (IPV6_HEADER, *ip.get(6)?, six(8)?, six(24)?)
        } else if is_ipv4 {
            (usize::from(ip.first()? & 0xf) * 4, *ip.get(9)?, four(12)?, four(16)?)
        } else {
            return None;
        };
        let udp = ip.get(header..)?;
        let port = |at: usize| Some(u16::from_be_bytes(udp.get(at..at + 2)?.try_into().ok()?));
        let (from, to) = (SocketAddr::new(from, port(0)?), SocketAddr::new(to, port(2)?));
        let length = usize::from(port(4)?);
        let payload = udp.get(UDP_HEADER..length)?.to_vec();
        let is_bootp = protocol == UDP && [from, to].iter().any(|end| end.port() == 67);
        let Self { at, interface, outgoing, .. } = *self;
        is_bootp.then_some(Bootp { at, interface, outgoing, from, to, payload })
    }

    /// True for IPv4 and ARP.
    pub fn is_ipv4(&self) -> bool {
        matches!(self.octets.get(12..ETHERNET_HEADER), Some([0x08, 0x00 | 0x06]))
    }
}

impl Dhcp {
    /// The message.
    ///
    /// # Panics
    /// When it is malformed.
    pub fn message(&self) -> v6::Message<'_> {
        v6::Message::parse(&self.payload).expect("a well-formed DHCPv6 message")
    }

    /// The DHCPv4 message inside a DHCPv4-query or -response.
    pub fn inner(&self) -> Option<v4::Message<'_>> {
        let outer = v6::Message::parse(&self.payload).ok()?;
        v4::Message::parse(outer.options.first(OptionCode::DHCPV4_MSG)?).ok()
    }

    /// The type of the DHCPv4 message inside.
    pub fn inner_kind(&self) -> Option<v4::MessageType> {
        self.inner()?.kind()
    }

    /// True when it carries a DHCPv4 message of this type.
    pub fn carries(&self, kind: v4::MessageType) -> bool {
        self.inner_kind() == Some(kind)
    }

    /// True for a query that would have been unicast over IPv4: the U flag of RFC 7341 §6.3.
    pub fn is_unicast(&self) -> bool {
        self.kind == v6::MessageType::DHCPV4_QUERY && self.message().header[0] & 0x80 != 0
    }
}

impl fmt::Debug for Dhcp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.outgoing { "->" } else { "<-" };
        write!(f, "{arrow} {:?} {} to {}", self.kind, self.from.0, self.to.0)?;
        self.inner_kind().map_or(Ok(()), |kind| write!(f, " ({kind})"))
    }
}

/// Records everything that crosses the links of a namespace until it is dropped.
pub struct Capture {
    frames: Follow<Frame>,
}

impl Capture {
    /// Starts at once: what is sent after this call is seen.
    ///
    /// # Panics
    /// When the kernel refuses the socket.
    pub fn start(namespace: &Namespace) -> Self {
        let socket = namespace.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC;
            socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
                .expect("a packet socket")
        });
        setsockopt(&socket, sockopt::RcvBuf, &(4 << 20)).expect("a buffer");
        Self { frames: Follow::start(socket, take) }
    }

    /// Everything so far.
    pub fn frames(&self) -> Vec<Frame> {
        self.frames.list().clone()
    }

    /// Every DHCPv6 datagram so far.
    pub fn dhcp(&self) -> Vec<Dhcp> {
        self.frames().iter().filter_map(Frame::dhcp).collect()
    }

    /// Every DHCPv6 datagram sent so far.
    pub fn sent(&self) -> Vec<Dhcp> {
        self.dhcp().into_iter().filter(|dhcp| dhcp.outgoing).collect()
    }

    /// Number of frames so far; a mark for [`Capture::wait_after`].
    pub fn mark(&self) -> usize {
        self.frames.list().len()
    }

    /// The first DHCPv6 datagram that `wanted` takes, waiting for it if it has not come yet.
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub fn wait(&self, what: &str, limit: Duration, wanted: impl Fn(&Dhcp) -> bool) -> Dhcp {
        self.wait_after(0, what, limit, wanted)
    }

    /// As [`Capture::wait`], looking only at frames after a [`Capture::mark`].
    ///
    /// # Panics
    /// When none comes within `limit`.
    pub fn wait_after(
        &self,
        mark: usize,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Dhcp) -> bool,
    ) -> Dhcp {
        self.wait_frame(mark, what, limit, |frame| frame.dhcp().filter(&wanted))
    }

    /// Every DHCPv4 datagram of relay agents and servers so far.
    pub fn dhcp4(&self) -> Vec<Plain4> {
        self.frames().iter().filter_map(Frame::dhcp4).collect()
    }

    /// The first DHCPv4 datagram of a relay agent or server after a [`Capture::mark`] that `wanted` takes, waiting for
    /// it if it has not come yet.
    ///
    /// # Panics
    /// When none comes within 20 s.
    pub fn wait_dhcp4(&self, mark: usize, what: &str, wanted: impl Fn(&Plain4) -> bool) -> Plain4 {
        self.wait_frame(mark, what, SOON, |frame| frame.dhcp4().filter(&wanted))
    }

    /// Every DHCPv4 message to or from port 67 so far, over IPv4 or IPv6.
    pub fn bootp(&self) -> Vec<Bootp> {
        self.frames().iter().filter_map(Frame::bootp).collect()
    }

    /// The first DHCPv4 message to or from port 67 after a [`Capture::mark`] that `wanted` takes, waiting for it if it
    /// has not come yet.
    ///
    /// # Panics
    /// When none comes within 20 s.
    pub fn wait_bootp(&self, mark: usize, what: &str, wanted: impl Fn(&Bootp) -> bool) -> Bootp {
        self.wait_frame(mark, what, SOON, |frame| frame.bootp().filter(&wanted))
    }

    fn wait_frame<T>(
        &self,
        mark: usize,
        what: &str,
        limit: Duration,
        wanted: impl Fn(&Frame) -> Option<T>,
    ) -> T {
        let end = Instant::now() + limit;
        let mut looked_at = mark;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let frames = self.frames.wait_after(looked_at, left);
            let new = frames.get(looked_at..).unwrap_or_default();
            if let Some(found) = new.iter().find_map(&wanted) {
                return found;
            }
            looked_at = looked_at.max(frames.len());
            drop(frames);
            assert!(
                !left.is_zero(),
                "not on the wire within {limit:?}: {what}; seen: {:#?} {:#?}",
                self.dhcp(),
                self.bootp()
            );
        }
    }

    /// Records for this long: for showing that nothing comes.
    pub fn listen(&self, span: Duration) {
        let end = Instant::now() + span;
        while Instant::now() < end {
            self.wait_any_after(self.mark(), end.saturating_duration_since(Instant::now()));
        }
    }

    /// Waits until there is a frame after `mark`, for at most `limit`.
    pub fn wait_any_after(&self, mark: usize, limit: Duration) {
        drop(self.frames.wait_after(mark, limit));
    }
}

/// Reads one frame.
fn take(socket: &OwnedFd, flags: MsgFlags, frames: &mut Vec<Frame>) -> bool {
    let mut buffer = [0; 65536];
    let mut room = [IoSliceMut::new(&mut buffer)];
    let Ok(message) = recvmsg::<LinkAddr>(socket.as_raw_fd(), &mut room, None, flags) else { return false };
    let (length, from) = (message.bytes, message.address);
    let (interface, kind) = from.map_or((0, 0), |from| (from.ifindex(), from.pkttype()));
    let octets = buffer.get(..length).unwrap_or_default().to_vec();
    frames.push(Frame { at: Instant::now(), interface, outgoing: kind == PACKET_OUTGOING, octets });
    true
}

impl Drop for Capture {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("---- DHCP on the wire");
            let frames = self.frames();
            let seen = frames.iter().filter_map(|frame| {
                let dhcp = frame.dhcp().map(|dhcp| format!("{dhcp:?}"));
                Some((frame.at, dhcp.or_else(|| frame.bootp().map(|bootp| format!("{bootp:?}")))?))
            });
            let mut first = None;
            for (at, what) in seen {
                let since = at.duration_since(*first.get_or_insert(at));
                eprintln!("{:8.3} {what}", since.as_secs_f64());
            }
        }
    }
}
