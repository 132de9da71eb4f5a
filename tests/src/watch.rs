//! What the kernel does in a namespace, as it does it.

use crate::SOON;
use crate::follow::Follow;
use crate::lab::Namespace;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

// linux/rtnetlink.h
const RTMGRP_LINK: u32 = 0x1;
const RTMGRP_IPV4_IFADDR: u32 = 0x10;
const RTMGRP_IPV4_ROUTE: u32 = 0x40;
const RTMGRP_IPV6_IFADDR: u32 = 0x100;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWADDR: u16 = 20;
const RTM_DELADDR: u16 = 21;
const RTM_NEWROUTE: u16 = 24;
const RTM_DELROUTE: u16 = 25;
const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_F_TENTATIVE: u8 = 0x40;
const IFF_LOWER_UP: u32 = 0x1_0000;
const RTA_DST: u16 = 1;
const RT_TABLE_LOCAL: u8 = 255;
const RTN_UNICAST: u8 = 1;

/// Something the kernel did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// An IPv4 address was added or its lifetime changed.
    Address(Ipv4Addr),
    /// An IPv4 address was removed.
    AddressGone(Ipv4Addr),
    /// An IPv4 route was added: network and length, as `ip route` has them.
    Route(String),
    /// An IPv4 route was removed.
    RouteGone(String),
    /// A link-local address can be used: duplicate address detection is over.
    LinkLocal(Ipv6Addr),
    /// A link can send (again).
    Carrier,
    /// Anything else.
    Other,
}

/// Follows links, addresses and IPv4 routes of a namespace from the moment it is opened until it is dropped.
pub struct Watch {
    changes: Follow<(Instant, Change)>,
}

impl Watch {
    /// Subscribes.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn open(namespace: &Namespace) -> Self {
        let socket = namespace.enter(|| {
            let flags = SockFlag::SOCK_CLOEXEC;
            let socket = socket(AddressFamily::Netlink, SockType::Raw, flags, SockProtocol::NetlinkRoute);
            let socket = socket.expect("a netlink socket");
            let groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_IFADDR;
            bind(socket.as_raw_fd(), &NetlinkAddr::new(0, groups)).expect("netlink groups");
            socket
        });
        Self { changes: Follow::start(socket, take) }
    }

    /// The link-local address of an interface, as soon as there is one that can be used.
    ///
    /// # Panics
    /// When there is none within 20 s.
    pub fn link_local(namespace: &Namespace, interface: &str) -> Ipv6Addr {
        let usable = || {
            let entries = namespace.addresses(interface, "inet6");
            let mut usable = entries.iter().filter(|a| a["scope"] == "link" && a["tentative"].is_null());
            usable.find_map(|entry| entry["local"].as_str()?.parse().ok())
        };
        let mut found = None;
        Self::open(namespace).until("a link-local address", SOON, || {
            found = usable();
            found.is_some()
        });
        found.expect("just seen")
    }

    /// Waits until `holds`, looking again after every change of the kernel's state.
    ///
    /// # Panics
    /// When it does not hold within `limit`.
    pub fn until(&self, what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
        let end = Instant::now() + limit;
        loop {
            let looked_at = self.changes.list().len();
            if holds() {
                return;
            }
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "not within {limit:?}: {what}; the kernel did {:#?}", self.changes());
            drop(self.changes.wait_after(looked_at, left));
        }
    }

    /// Waits for the next change, for at most `limit`.
    pub fn wait(&self, limit: Duration) {
        // Not in one expression: the list would still be locked while waiting.
        let mark = self.changes.list().len();
        drop(self.changes.wait_after(mark, limit));
    }

    /// Everything the kernel did since the watch was opened, and when.
    pub fn changes(&self) -> Vec<(Instant, Change)> {
        self.changes.list().clone()
    }
}

/// Reads the messages of one datagram.
fn take(socket: &OwnedFd, flags: MsgFlags, changes: &mut Vec<(Instant, Change)>) -> bool {
    let mut buffer = [0; 65536];
    let Ok(length) = recv(socket.as_raw_fd(), &mut buffer, flags) else { return false };
    let mut rest = buffer.get(..length).unwrap_or_default();
    while let Some((message, tail)) = split(rest, u32_at(rest, 0).map_or(0, |length| length as usize)) {
        changes.push((Instant::now(), change(message)));
        rest = tail;
    }
    true
}

/// One message with its header (`nlmsghdr`) as a change.
fn change(message: &[u8]) -> Change {
    let is_ipv4 = message.get(16).is_some_and(|family| i32::from(*family) == 2);
    let running = || u32_at(message, 24).is_some_and(|flags| flags & IFF_LOWER_UP != 0);
    match u16_at(message, 4) {
        Some(RTM_NEWADDR) if is_ipv4 => local_address(message).map_or(Change::Other, Change::Address),
        Some(RTM_DELADDR) if is_ipv4 => local_address(message).map_or(Change::Other, Change::AddressGone),
        Some(RTM_NEWROUTE) if is_ipv4 => network(message).map_or(Change::Other, Change::Route),
        Some(RTM_DELROUTE) if is_ipv4 => network(message).map_or(Change::Other, Change::RouteGone),
        Some(RTM_NEWADDR) => usable_link_local(message).map_or(Change::Other, Change::LinkLocal),
        Some(RTM_NEWLINK) if running() => Change::Carrier,
        _ => Change::Other,
    }
}

/// IFA_LOCAL of an address message: `nlmsghdr` (16), `ifaddrmsg` (8), attributes.
fn local_address(message: &[u8]) -> Option<Ipv4Addr> {
    attribute(message.get(24..)?, IFA_LOCAL).map(Ipv4Addr::from)
}

/// IFA_ADDRESS of an IPv6 address message, if it is link-local and not tentative.
fn usable_link_local(message: &[u8]) -> Option<Ipv6Addr> {
    let tentative = message.get(18)? & IFA_F_TENTATIVE != 0;
    let address = Ipv6Addr::from(attribute::<16>(message.get(24..)?, IFA_ADDRESS)?);
    (address.is_unicast_link_local() && !tentative).then_some(address)
}

/// Network of a unicast route of any table but the kernel's own: `nlmsghdr` (16), `rtmsg` (12), attributes.
fn network(message: &[u8]) -> Option<String> {
    let (length, table, kind) = (*message.get(17)?, *message.get(20)?, *message.get(23)?);
    let network = Ipv4Addr::from(attribute(message.get(28..)?, RTA_DST).unwrap_or([0; 4]));
    (table != RT_TABLE_LOCAL && kind == RTN_UNICAST).then(|| format!("{network}/{length}"))
}

/// The first octets of an attribute.
fn attribute<const N: usize>(mut rest: &[u8], wanted: u16) -> Option<[u8; N]> {
    while let Some((attribute, tail)) = split(rest, usize::from(u16_at(rest, 0)?)) {
        if u16_at(attribute, 2) == Some(wanted) {
            return attribute.get(4..)?.first_chunk().copied();
        }
        rest = tail;
    }
    None
}

/// The first `length` octets and what follows them, after padding to 4.
fn split(octets: &[u8], length: usize) -> Option<(&[u8], &[u8])> {
    let first = octets.get(..length).filter(|first| first.len() >= 4)?;
    Some((first, octets.get(length.next_multiple_of(4)..).unwrap_or_default()))
}

fn u16_at(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn u32_at(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}
