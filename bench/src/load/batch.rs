//! Many datagrams in one system call, both ways. What one call costs is what bounds every figure of this tool.

use nix::cmsg_space;
use nix::errno::Errno;
use nix::ifaddrs::getifaddrs;
use nix::libc::in6_pktinfo;
use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::socket::{
    AddressFamily, ControlMessage, ControlMessageOwned, LinkAddr, MsgFlags, MultiHeaders, SockFlag, SockType,
    SockaddrIn6, bind, getsockname, recvmmsg, sendmmsg, sendmsg, setsockopt, socket, sockopt,
};
use nix::sys::time::TimeSpec;
use std::io::{self, IoSlice, IoSliceMut};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// Datagrams of one system call.
pub(crate) const BATCH: usize = 64;
/// Longest datagram that is read whole; a DHCPv4 message of 1500 octets inside two relay messages fits.
const LONGEST: usize = 4096;
/// What the kernel may hold for a socket, so that the tool is not what loses datagrams: 65,536 answers.
const BUFFER: usize = 128 << 20;

/// A UDP socket on every address of this network namespace, or one that frames leave by.
pub(crate) struct Socket(OwnedFd);

/// What a UDP socket speaks. IPv4 addresses are said as IPv6 ones that they are mapped to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Family {
    Ipv4,
    Ipv6,
}

/// Which addresses a socket uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Addresses {
    /// Those the kernel chooses.
    Own,
    /// Any; each datagram says which, both ways.
    Any,
}

impl Socket {
    /// Binds `port`, 0 for any.
    ///
    /// # Errors
    /// When the port is taken, or below 1024 without the right to it.
    pub(crate) fn bind(port: u16, family: Family, addresses: Addresses) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let fd = socket(AddressFamily::Inet6, SockType::Datagram, flags, None)?;
        let (only_ipv6, everywhere) = match family {
            Family::Ipv4 => (false, Ipv4Addr::UNSPECIFIED.to_ipv6_mapped()),
            Family::Ipv6 => (true, Ipv6Addr::UNSPECIFIED),
        };
        setsockopt(&fd, sockopt::Ipv6V6Only, &only_ipv6)?;
        let fd = with_room(fd)?;
        if addresses == Addresses::Any {
            setsockopt(&fd, sockopt::Ipv6RecvPacketInfo, &true)?;
            // Sources out of a prefix that is routed here, none of which an interface has.
            setsockopt(&fd, sockopt::IpFreebind, &true)?;
        }
        bind(fd.as_raw_fd(), &SockaddrIn6::from(SocketAddrV6::new(everywhere, port, 0, 0)))?;
        Ok(Self(fd))
    }

    /// For frames that leave by an interface. It receives nothing.
    ///
    /// # Errors
    /// When there is no such interface, or no right to send frames.
    pub(crate) fn on_link(interface: &str) -> io::Result<Self> {
        // Only this list gives a packet address without unsafe code.
        let address: LinkAddr = getifaddrs()?
            .filter(|entry| entry.interface_name == interface)
            .find_map(|entry| entry.address?.as_link_addr().copied())
            .ok_or(Errno::ENODEV)?;
        let fd = with_room(socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, None)?)?;
        bind(fd.as_raw_fd(), &address)?;
        Ok(Self(fd))
    }

    /// The port it is bound to.
    pub(crate) fn port(&self) -> io::Result<u16> {
        Ok(getsockname::<SockaddrIn6>(self.0.as_raw_fd())?.port())
    }

    /// Waits until a datagram is there or `limit` has passed, `None` is for ever; `other` is waited for too, and true
    /// says that it is ready.
    pub(crate) fn wait(&self, limit: Option<Duration>, other: Option<BorrowedFd<'_>>) -> io::Result<bool> {
        let ready = PollFlags::POLLIN;
        let mut fds =
            [PollFd::new(self.0.as_fd(), ready), PollFd::new(other.unwrap_or(self.0.as_fd()), ready)];
        let used = if other.is_some() { 2 } else { 1 };
        match ppoll(&mut fds[..used], limit.map(TimeSpec::from), None) {
            Ok(_) => Ok(other.is_some() && fds[1].any().unwrap_or(false)),
            Err(Errno::EINTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Sends datagrams of `size` octets each, one behind the other in `train`, as one packet that the kernel cuts up
    /// late (UDP segmentation offload). False if it does not do that here.
    ///
    /// # Errors
    /// When nothing can be sent there at all.
    pub(crate) fn send_train(&self, train: &[u8], size: u16, to: SocketAddrV6) -> io::Result<bool> {
        let control = [ControlMessage::UdpGsoSegments(&size)];
        let to = SockaddrIn6::from(to);
        match sendmsg(self.0.as_raw_fd(), &[IoSlice::new(train)], &control, MsgFlags::empty(), Some(&to)) {
            Ok(_) => Ok(true),
            Err(Errno::EINVAL | Errno::EIO | Errno::EMSGSIZE | Errno::ENOPROTOOPT) => Ok(false),
            Err(error) => survivable(error).map(|_| true),
        }
    }

    /// Sends one datagram from `source`.
    fn send_from(&self, octets: &[u8], to: SocketAddrV6, source: Ipv6Addr) -> nix::Result<()> {
        let info = in6_pktinfo {
            ipi6_addr: nix::libc::in6_addr { s6_addr: source.octets() },
            ipi6_ifindex: to.scope_id(),
        };
        let control = [ControlMessage::Ipv6PacketInfo(&info)];
        let to = SockaddrIn6::from(to);
        sendmsg(self.0.as_raw_fd(), &[IoSlice::new(octets)], &control, MsgFlags::empty(), Some(&to))?;
        Ok(())
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The same with as much room as there may be.
fn with_room(fd: OwnedFd) -> io::Result<OwnedFd> {
    // As root whatever the host allows; the kernel cuts the other to its limit.
    if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).is_err() {
        setsockopt(&fd, sockopt::RcvBuf, &BUFFER)?;
    }
    if setsockopt(&fd, sockopt::SndBufForce, &BUFFER).is_err() {
        setsockopt(&fd, sockopt::SndBuf, &BUFFER)?;
    }
    Ok(fd)
}

/// A datagram that came.
pub(crate) struct Received<'a> {
    pub(crate) octets: &'a [u8],
    pub(crate) from: SocketAddrV6,
    /// The address it was sent to; unspecified unless the socket takes [`Addresses::Any`].
    pub(crate) to: Ipv6Addr,
}

/// Room for what one call receives.
pub(crate) struct Inbox {
    headers: MultiHeaders<SockaddrIn6>,
    buffers: Vec<[u8; LONGEST]>,
    came: Vec<(usize, SocketAddrV6, Ipv6Addr)>,
}

impl Inbox {
    pub(crate) fn new(addresses: Addresses) -> Self {
        let control = (addresses == Addresses::Any).then(|| cmsg_space!(in6_pktinfo));
        Self {
            headers: MultiHeaders::preallocate(BATCH, control),
            buffers: vec![[0; LONGEST]; BATCH],
            came: Vec::with_capacity(BATCH),
        }
    }

    /// Takes what is there, at most [`BATCH`] datagrams; `flags` say whether it waits for the first.
    ///
    /// # Errors
    /// What the kernel says, except that nothing is there.
    pub(crate) fn receive(&mut self, socket: &Socket, flags: MsgFlags) -> io::Result<usize> {
        self.came.clear();
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let fd = socket.0.as_raw_fd();
        let received = match recvmmsg(fd, &mut self.headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            // A destination that does not listen (ECONNREFUSED) is not this call's failure.
            Err(Errno::EAGAIN | Errno::EINTR | Errno::ECONNREFUSED) => return Ok(0),
            Err(error) => return Err(error.into()),
        };
        for message in received {
            let to = message.cmsgs().ok().and_then(|mut controls| {
                controls.find_map(|control| match control {
                    ControlMessageOwned::Ipv6PacketInfo(info) => Some(Ipv6Addr::from(info.ipi6_addr.s6_addr)),
                    _ => None,
                })
            });
            let Some(from) = message.address else { continue };
            self.came.push((message.bytes, from.into(), to.unwrap_or(Ipv6Addr::UNSPECIFIED)));
        }
        Ok(self.came.len())
    }

    /// One of those received.
    pub(crate) fn datagram(&self, index: usize) -> Received<'_> {
        let (length, from, to) = self.came[index];
        Received { octets: &self.buffers[index][..length], from, to }
    }

    /// As [`Inbox::datagram`], to be changed.
    pub(crate) fn octets_mut(&mut self, index: usize) -> &mut [u8] {
        let (length, _, _) = self.came[index];
        &mut self.buffers[index][..length]
    }

    /// Sends all that was received, each to where `to` says.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn send_on(
        &self,
        socket: &Socket,
        headers: &mut Headers,
        to: impl Fn(&Received<'_>) -> Option<SocketAddrV6>,
    ) -> io::Result<()> {
        let datagrams = (0..self.came.len()).map(|index| self.datagram(index));
        let (slices, addresses): (Vec<_>, Vec<_>) = datagrams
            .filter_map(|datagram| Some(([IoSlice::new(datagram.octets)], Some(to(&datagram)?.into()))))
            .unzip();
        headers.send(socket, &slices, &addresses).map(drop)
    }
}

/// What the kernel wants to know about each datagram of a call.
pub(crate) struct Headers(MultiHeaders<SockaddrIn6>);

impl Headers {
    pub(crate) fn new() -> Self {
        Self(MultiHeaders::preallocate(BATCH, None))
    }

    /// Sends all; returns how many the kernel refused to take, which count as lost on the way.
    fn send(
        &mut self,
        socket: &Socket,
        slices: &[[IoSlice<'_>; 1]],
        addresses: &[Option<SockaddrIn6>],
    ) -> io::Result<u64> {
        let (mut done, mut refused) = (0, 0);
        while done < slices.len() {
            let (rest, to) = (&slices[done..], &addresses[done..]);
            let fd = socket.0.as_raw_fd();
            match sendmmsg(fd, &mut self.0, rest.iter(), to, [], MsgFlags::empty()) {
                Ok(sent) => done += sent.count().max(1),
                Err(error) => {
                    // It is the first of the rest that could not be sent.
                    refused += u64::from(survivable(error)?);
                    done += usize::from(error != Errno::EINTR);
                }
            }
        }
        Ok(refused)
    }
}

/// True if a datagram is lost by this error, false if it is only to be tried again.
///
/// # Errors
/// The error itself, when it would come again for ever.
fn survivable(error: Errno) -> io::Result<bool> {
    match error {
        Errno::EINTR => Ok(false),
        Errno::ENOBUFS | Errno::ENOMEM | Errno::ECONNREFUSED | Errno::EAGAIN => Ok(true),
        error => Err(error.into()),
    }
}

/// Datagrams on their way to one destination, or frames, in which it stands where they go.
pub(crate) struct Outbox {
    headers: Headers,
    to: Option<SocketAddrV6>,
    addresses: Vec<Option<SockaddrIn6>>,
    waiting: Vec<(Vec<u8>, Option<Ipv6Addr>)>,
}

impl Outbox {
    /// `None` is for frames.
    pub(crate) fn new(to: Option<SocketAddrV6>) -> Self {
        Self {
            headers: Headers::new(),
            to,
            addresses: vec![to.map(SockaddrIn6::from); BATCH],
            waiting: Vec::with_capacity(2 * BATCH),
        }
    }

    /// Sends it with the next [`Outbox::flush`], from `source` if that is given.
    pub(crate) fn push(&mut self, octets: Vec<u8>, source: Option<Ipv6Addr>) {
        self.waiting.push((octets, source));
    }

    /// All that wait, one behind the other, and how long each is; `None` unless they are equally long and come from the
    /// socket's own address.
    pub(crate) fn train(&self) -> Option<(Vec<u8>, u16)> {
        let (first, _) = self.waiting.first()?;
        let alike =
            |(octets, source): &(Vec<u8>, Option<Ipv6Addr>)| octets.len() == first.len() && source.is_none();
        let all = self.waiting.iter().all(alike);
        let train = || self.waiting.iter().flat_map(|(octets, _)| octets).copied().collect();
        all.then(|| Some((train(), u16::try_from(first.len()).ok()?))).flatten()
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Sends all; returns how many the kernel refused to take.
    ///
    /// # Errors
    /// What the kernel says when nothing can be sent there at all.
    pub(crate) fn flush(&mut self, socket: &Socket) -> io::Result<u64> {
        let refused = self.send(socket, 0..self.waiting.len())?;
        self.waiting.clear();
        Ok(refused)
    }

    /// As [`Outbox::flush`], only some, and they stay to be sent again.
    ///
    /// # Errors
    /// As [`Outbox::flush`].
    pub(crate) fn send(&mut self, socket: &Socket, which: Range<usize>) -> io::Result<u64> {
        let mut refused = 0;
        for datagrams in self.waiting[which].chunks(BATCH) {
            let plain: Vec<[IoSlice<'_>; 1]> = datagrams
                .iter()
                .filter(|(_, source)| source.is_none())
                .map(|(octets, _)| [IoSlice::new(octets)])
                .collect();
            refused += self.headers.send(socket, &plain, &self.addresses[..plain.len()])?;
            // A source is said in a control message, and one call can say only one.
            for (octets, source) in datagrams {
                let (Some(source), Some(to)) = (source, self.to) else { continue };
                while let Err(error) = socket.send_from(octets, to, *source) {
                    if survivable(error)? {
                        refused += 1;
                        break;
                    }
                }
            }
        }
        Ok(refused)
    }
}
