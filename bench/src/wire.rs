//! DHCP on a namespace's links, with the kernel's own time for each frame.

use dhcp4o6_protocol::wire::frame::{Content, Frame as Ethernet};
use dhcp4o6_protocol::wire::v4::{self, MessageType as Kind4};
use dhcp4o6_protocol::wire::v6::MessageType;
use dhcp4o6_tests::Namespace;
use nix::cmsg_space;
use nix::sys::socket::{
    AddressFamily, ControlMessageOwned, MsgFlags, SockFlag, SockProtocol, SockType, recvmsg, setsockopt,
    socket, sockopt,
};
use nix::sys::time::{TimeSpec, TimeValLike};
use std::io::IoSliceMut;
use std::os::fd::{AsRawFd, OwnedFd};

/// Ethernet, IPv6 and UDP headers before the DHCPv6 message.
const HEADERS: usize = 14 + 40 + 8;
const ETHERTYPE_IPV6: [u8; 2] = [0x86, 0xdd];
const UDP: u8 = 17;

/// One DHCPv6 message on the wire.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Kernel's time, milliseconds.
    at: f64,
    kind: MessageType,
}

/// One DHCPv4 message on the wire, over IPv4 or IPv6.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame4 {
    /// Kernel's time, milliseconds.
    pub(crate) at: f64,
    /// By IPv6; otherwise by IPv4.
    pub(crate) ipv6: bool,
    pub(crate) kind: Kind4,
}

/// A packet socket that collects frames in the kernel until they are read.
pub(crate) struct Collector(OwnedFd);

impl Collector {
    pub(crate) fn open(namespace: &Namespace) -> Self {
        let socket = namespace.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
            socket(AddressFamily::Packet, SockType::Raw, flags, SockProtocol::EthAll)
                .expect("a packet socket")
        });
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true).expect("time stamps");
        Self(socket)
    }

    /// The DHCPv6 messages that were collected since the last call.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        self.collect(|at, frame| Some(Frame { at, kind: dhcp6(frame)? }))
    }

    /// The DHCPv4 messages that were collected since the last call.
    pub(crate) fn frames4(&self) -> Vec<Frame4> {
        self.collect(|at, frame| dhcp4(frame).map(|(ipv6, kind)| Frame4 { at, ipv6, kind }))
    }

    fn collect<T>(&self, read: impl Fn(f64, &[u8]) -> Option<T>) -> Vec<T> {
        let mut frames = Vec::new();
        let mut buffer = [0; 2048];
        loop {
            let mut space = cmsg_space!(TimeSpec);
            let mut iov = [IoSliceMut::new(&mut buffer)];
            let Ok(received) =
                recvmsg::<()>(self.0.as_raw_fd(), &mut iov, Some(&mut space), MsgFlags::empty())
            else {
                return frames;
            };
            let at = received.cmsgs().ok().and_then(|mut cmsgs| {
                cmsgs.find_map(|cmsg| match cmsg {
                    ControlMessageOwned::ScmTimestampns(time) => {
                        Some(time.num_microseconds() as f64 / 1000.0)
                    }
                    _ => None,
                })
            });
            let length = received.bytes;
            let frame = buffer.get(..length).unwrap_or_default();
            frames.extend(at.and_then(|at| read(at, frame)));
        }
    }
}

fn dhcp6(frame: &[u8]) -> Option<MessageType> {
    let is_dhcp6 = frame.get(12..14)? == ETHERTYPE_IPV6
        && *frame.get(20)? == UDP
        && frame.get(54..58)?.chunks(2).any(|port| matches!(port, [0x02, 0x22 | 0x23]));
    is_dhcp6.then(|| frame.get(HEADERS).copied().map(MessageType)).flatten()
}

/// Whether it came by IPv6, and its type.
fn dhcp4(frame: &[u8]) -> Option<(bool, Kind4)> {
    let (ipv6, payload) = match frame.get(12..14)? {
        [0x86, 0xdd] if *frame.get(20)? == UDP => (true, frame.get(HEADERS..)?),
        [0x08, 0x00] => match Ethernet::parse(frame, true).ok()?.content {
            Content::Dhcp(datagram) => (false, datagram.payload),
            _ => return None,
        },
        _ => return None,
    };
    Some((ipv6, v4::Message::parse(payload).ok()?.kind()?))
}

/// From the first Solicit to the first Request (not a number without them), and from the Reply before the first query
/// to that query; milliseconds.
pub(crate) fn first_query_after_reply(frames: &[Frame]) -> (f64, f64) {
    let first = |kind| frames.iter().find(|frame| frame.kind == kind).map(|frame| frame.at);
    let wait = match (first(MessageType::SOLICIT), first(MessageType::REQUEST)) {
        (Some(solicit), Some(request)) => request - solicit,
        _ => f64::NAN,
    };
    let query = first(MessageType::DHCPV4_QUERY).unwrap_or(f64::NAN);
    let before = |frame: &&Frame| frame.kind == MessageType::REPLY && frame.at <= query;
    let reply = frames.iter().rfind(before).map_or(f64::NAN, |frame| frame.at);
    (wait, query - reply)
}
