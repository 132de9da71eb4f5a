//! Netlink sockets: one that hears events and one that asks. The answers to a request would hide among events, and
//! a storm of events would make requests fail, so they never share one.

use crate::decode::messages;
use crate::message::RTPROT_RA;
use crate::ready::watch;
use crate::request::Request;
use crate::{PROTOCOL, netns::Netns};
use nix::sys::socket::{setsockopt, sockopt};
use rtnetlink::packet_core::{
    DoneBuffer, ErrorBuffer, NLM_F_DUMP_INTR, NLM_F_REPLACE, NLMSG_DONE, NLMSG_ERROR, NetlinkBuffer,
};
use rtnetlink::sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use socket2::{SockFilter, SockRef};
use std::cell::RefCell;
use std::io;
use std::num::NonZeroI32;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// How many octets of events the kernel may queue for us; it takes none before they are needed.
const EVENT_QUEUE: usize = 1 << 20;
/// More datagrams than a full queue holds.
const DISCARD: usize = 1 << 16;
/// The largest datagram of a dump that the kernel makes; an event is far smaller.
const DATAGRAM: usize = 32 * 1024;

thread_local! {
    /// All sockets of a thread share one buffer: a hundred namespaces cost one.
    static BUFFER: RefCell<Vec<u8>> = RefCell::new(vec![0; DATAGRAM]);
}

/// What one read gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// A datagram, handed over.
    Datagram,
    /// Nothing is queued.
    Nothing,
    /// Events were lost: the queue was full, or a datagram did not fit.
    Overrun,
}

/// Reads one datagram, if there is one.
fn receive(socket: &Socket, take: impl FnOnce(&[u8])) -> io::Result<Received> {
    BUFFER.with_borrow_mut(|buffer| {
        let mut space = buffer.as_mut_slice();
        match socket.recv(&mut space, libc::MSG_TRUNC | libc::MSG_DONTWAIT) {
            Ok(length) if length > buffer.len() => {
                buffer.resize(length.next_multiple_of(4096), 0);
                Ok(Received::Overrun)
            }
            Ok(length) => {
                take(buffer.get(..length).unwrap_or_default());
                Ok(Received::Datagram)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => Ok(Received::Overrun),
            Err(error) => Err(error),
        }
    })
}

/// A socket that takes datagrams from the kernel only.
fn open(groups: i32) -> io::Result<Socket> {
    let mut socket = Socket::new(NETLINK_ROUTE)?;
    socket.set_non_blocking(true)?;
    socket.bind(&SocketAddr::new(0, groups.unsigned_abs()))?;
    socket.connect(&SocketAddr::new(0, 0))?;
    Ok(socket)
}

/// Hears what happens to links, addresses, IPv6 flags and prefixes, and to the routes that concern us.
#[derive(Debug)]
pub(crate) struct Events(AsyncFd<Socket>);

impl Events {
    /// Subscribes in a namespace. `queue` is the receive buffer in octets; `None` is what a storm of a thousand
    /// links needs.
    pub(crate) fn open(netns: &Netns, queue: Option<usize>) -> io::Result<Self> {
        let socket = netns.run(move || {
            let socket = open(
                libc::RTMGRP_LINK
                    | libc::RTMGRP_IPV4_IFADDR
                    | libc::RTMGRP_IPV4_ROUTE
                    | libc::RTMGRP_IPV6_IFADDR
                    | libc::RTMGRP_IPV6_ROUTE
                    | libc::RTMGRP_IPV6_IFINFO
                    | libc::RTMGRP_IPV6_PREFIX,
            )?;
            let queue = queue.unwrap_or(EVENT_QUEUE);
            // Beyond net.core.rmem_max needs CAP_NET_ADMIN over the first user namespace.
            if setsockopt(&socket, sockopt::RcvBufForce, &queue).is_err() {
                setsockopt(&socket, sockopt::RcvBuf, &queue)?;
            }
            SockRef::from(&socket).attach_filter(&routes_that_concern_us())?;
            Ok(socket)
        })?;
        Ok(Self(watch(socket, Interest::READABLE)?))
    }

    /// Waits until something can be read.
    pub(crate) async fn readable(&self) -> io::Result<()> {
        // Cleared by `next` when nothing is left.
        self.0.readable().await.map(|mut guard| guard.retain_ready())
    }

    /// Reads one datagram, if there is one.
    pub(crate) fn next(&self, take: impl FnOnce(&[u8])) -> io::Result<Received> {
        let mut received = Ok(Received::Nothing);
        let _ = self.0.try_io(Interest::READABLE, |socket| {
            received = receive(socket, take);
            match &received {
                Ok(Received::Nothing) => Err(io::ErrorKind::WouldBlock.into()),
                _ => Ok(()),
            }
        });
        received
    }

    /// Throws away what is queued. False when more came than could be read.
    ///
    /// After an overrun the kernel drops all events, without a word, until the queue was empty once.
    pub(crate) fn discard(&self) -> io::Result<bool> {
        for _ in 0..DISCARD {
            if receive(self.0.get_ref(), |_| {})? == Received::Nothing {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Lets pass every event but those of routes that are neither ours, nor put in the place of another (maybe ours),
/// nor IPv6 routes made by the kernel for prefixes and router advertisements. A router with a full table changes
/// many routes a second; none of them is to wake us.
fn routes_that_concern_us() -> [SockFilter; 14] {
    const LOAD_16: u16 = (libc::BPF_LD | libc::BPF_H | libc::BPF_ABS) as u16;
    const LOAD_8: u16 = (libc::BPF_LD | libc::BPF_B | libc::BPF_ABS) as u16;
    const IF_EQUAL: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const IF_SET: u16 = (libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    // The filter machine loads big-endian numbers, netlink has native ones.
    let native = |number: u16| u32::from(u16::from_be_bytes(number.to_ne_bytes()));
    let (kind, flags, family, protocol) = (4, 6, 16, 21);
    [
        SockFilter::new(LOAD_16, 0, 0, kind),
        SockFilter::new(IF_EQUAL, 1, 0, native(libc::RTM_NEWROUTE)),
        SockFilter::new(IF_EQUAL, 0, 10, native(libc::RTM_DELROUTE)), // else pass
        SockFilter::new(LOAD_8, 0, 0, family),
        SockFilter::new(IF_EQUAL, 0, 4, libc::AF_INET.unsigned_abs()), // else IPv6
        SockFilter::new(LOAD_16, 0, 0, flags),
        SockFilter::new(IF_SET, 6, 0, native(NLM_F_REPLACE)), // pass
        SockFilter::new(LOAD_8, 0, 0, protocol),
        SockFilter::new(IF_EQUAL, 4, 3, u32::from(PROTOCOL)), // pass, else drop
        // IPv6
        SockFilter::new(LOAD_8, 0, 0, protocol),
        SockFilter::new(IF_EQUAL, 2, 0, u32::from(libc::RTPROT_KERNEL)), // pass
        SockFilter::new(IF_EQUAL, 1, 0, u32::from(RTPROT_RA)),           // pass
        SockFilter::new(RETURN, 0, 0, 0),                                // drop
        SockFilter::new(RETURN, 0, 0, u32::MAX),                         // pass
    ]
}

/// Asks, one request at a time.
#[derive(Debug)]
pub(crate) struct Requests {
    socket: AsyncFd<Socket>,
    sequence: u32,
}

impl Requests {
    pub(crate) fn open(netns: &Netns) -> io::Result<Self> {
        let socket = netns.run(|| {
            let socket = open(0)?;
            // Dumps of one interface, protocol or table; kernels before 4.20 dump all, and we look again anyway.
            let _ = socket.set_netlink_get_strict_chk(true);
            Ok(socket)
        })?;
        Ok(Self { socket: watch(socket, Interest::READABLE)?, sequence: 0 })
    }

    /// Sends a request and hands over what is answered until the answer ends. `Ok(false)` when the kernel's table
    /// changed in between (NLM_F_DUMP_INTR): something may be missing or come twice.
    ///
    /// # Errors
    /// What the kernel answered, as system error.
    pub(crate) async fn ask(
        &mut self,
        mut request: Request,
        mut take: impl FnMut(NetlinkBuffer<&[u8]>),
    ) -> io::Result<bool> {
        self.sequence = self.sequence.wrapping_add(1);
        let sequence = self.sequence;
        request.header.sequence_number = sequence;
        request.finalize();
        let mut octets = vec![0; request.buffer_len()];
        request.serialize(&mut octets);
        self.socket.get_ref().send(&octets, 0)?;
        let (mut end, mut whole) = (None, true);
        loop {
            let received = receive(self.socket.get_ref(), |datagram| {
                // What an abandoned request left has another number.
                for message in messages(datagram).filter(|message| message.sequence_number() == sequence) {
                    whole &= message.flags() & NLM_F_DUMP_INTR == 0;
                    let payload = message.payload();
                    match message.message_type() {
                        NLMSG_ERROR => {
                            let code =
                                ErrorBuffer::new_checked(payload).ok().and_then(|buffer| buffer.code());
                            end = Some(outcome(code.map_or(0, NonZeroI32::get)));
                        }
                        NLMSG_DONE => {
                            let code = DoneBuffer::new_checked(payload).map_or(0, |buffer| buffer.code());
                            end = Some(outcome(code));
                        }
                        _ => take(message),
                    }
                }
            })?;
            match (end.take(), received) {
                (Some(outcome), _) => return outcome.map(|()| whole),
                (None, Received::Datagram) => {}
                (None, Received::Overrun) => return Err(io::Error::from_raw_os_error(libc::ENOBUFS)),
                // The kernel answers while it takes the request, so this is rare.
                (None, Received::Nothing) => self.socket.readable().await?.clear_ready(),
            }
        }
    }
}

/// 0, or a system error number below it.
fn outcome(code: i32) -> io::Result<()> {
    match code {
        0.. => Ok(()),
        error => Err(io::Error::from_raw_os_error(error.saturating_neg())),
    }
}
