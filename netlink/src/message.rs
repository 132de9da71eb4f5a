//! The rtnetlink messages we use, as values.

use crate::PROTOCOL;
use crate::codec::{attributes, messages, text, u16_at, u32_at};
use dhcp4o6_protocol::ids::HardwareAddress;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

// Numbers that libc does not have, from linux/if_link.h, if_addr.h, rtnetlink.h and net/if_inet6.h.
const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;
const IFLA_MTU: u16 = 4;
const IFLA_WIRELESS: u16 = 11;
const IFLA_PROTINFO: u16 = 12;
const IFLA_OPERSTATE: u16 = 16;
const IFLA_LINKINFO: u16 = 18;
const IFLA_AF_SPEC: u16 = 26;
const IFLA_PROP_LIST: u16 = 52;
const IFLA_ALT_IFNAME: u16 = 53;
const IFLA_PERM_ADDRESS: u16 = 54;
const IFLA_INFO_KIND: u16 = 1;
const IFLA_INET6_FLAGS: u16 = 1;
pub(crate) const IFA_PROTO: u16 = 11;
const PREFIX_ADDRESS: u16 = 1;
const PREFIX_CACHEINFO: u16 = 2;
pub(crate) const RTAX_MTU: u16 = 2;
pub(crate) const RTNH_F_ONLINK: u32 = 4;

/// IPv6 flag of an interface: a router advertisement answered our solicitation.
pub const IF_RA_RCVD: u32 = 0x20;
/// IPv6 flag of an interface: the last router advertisement had M set.
pub const IF_RA_MANAGED: u32 = 0x40;
/// IPv6 flag of an interface: the last router advertisement had O set.
pub const IF_RA_OTHERCONF: u32 = 0x80;
/// Address protocol: made by the kernel from a router advertisement.
pub const IFAPROT_KERNEL_RA: u8 = 2;
/// Address protocol: the kernel's own link-local address.
pub const IFAPROT_KERNEL_LL: u8 = 3;
/// Route protocol: made by the kernel from a router advertisement (default and more specific routes).
pub const RTPROT_RA: u8 = 9;
/// IFF_LOWER_UP: the layer below says there is a carrier.
const LOWER_UP: u32 = 0x10000;

/// A network interface as the kernel describes it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KernelLink {
    /// Index in its namespace; a new interface of an old name has another one.
    pub index: u32,
    /// Name, at most 15 octets.
    pub name: String,
    /// Alternative names.
    pub alt_names: Vec<String>,
    /// `IFF_*` flags.
    pub flags: u32,
    /// Operational state (RFC 2863): 0 unknown, 2 down, 5 dormant, 6 up.
    pub operstate: u8,
    /// MTU in octets.
    pub mtu: u32,
    /// ARP hardware type and current address.
    pub hardware: HardwareAddress,
    /// Address that the device was made with; the current one where the kernel names none (veth, tunnel).
    pub permanent: HardwareAddress,
    /// Kind of a software device (`veth`, `bridge`, ...).
    pub kind: Option<String>,
}

impl KernelLink {
    /// Administratively up.
    pub fn up(&self) -> bool {
        self.has(libc::IFF_UP)
    }

    /// The kernel can send: there is a carrier, and the operational state is up or (virtual devices) unknown.
    pub fn carrier(&self) -> bool {
        self.flags & LOWER_UP != 0 && matches!(self.operstate, 0 | 6)
    }

    /// It resolves IPv4 neighbours by ARP: a broadcast link with addresses, not told otherwise.
    pub fn arp(&self) -> bool {
        let without = [libc::IFF_NOARP, libc::IFF_POINTOPOINT, libc::IFF_LOOPBACK];
        !without.into_iter().any(|flag| self.has(flag)) && !self.hardware.octets.is_empty()
    }

    /// The loopback interface.
    pub fn loopback(&self) -> bool {
        self.has(libc::IFF_LOOPBACK)
    }

    fn has(&self, flag: i32) -> bool {
        self.flags & flag.unsigned_abs() != 0
    }
}

/// An address on an interface, without its lifetimes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Address {
    /// Interface.
    pub index: u32,
    /// The local address.
    pub address: IpAddr,
    /// Of its subnet.
    pub prefix_len: u8,
    /// `IFA_F_*` flags.
    pub flags: u32,
    /// Who made it: [`PROTOCOL`], an `IFAPROT_*`, or 0 for nobody known and kernels before 5.18.
    pub protocol: u8,
}

impl Address {
    /// It carries our mark.
    pub fn ours(&self) -> bool {
        self.protocol == PROTOCOL
    }

    /// Any of these `IFA_F_*` flags is set.
    pub fn has(&self, flags: u32) -> bool {
        self.flags & flags != 0
    }
}

/// What is left of an address's lifetimes in seconds; `u32::MAX` is for ever.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Lifetimes {
    /// Then it is deprecated.
    pub preferred: u32,
    /// Then it is removed.
    pub valid: u32,
}

impl Lifetimes {
    /// For ever.
    pub const INFINITE: Self = Self { preferred: u32::MAX, valid: u32::MAX };
}

/// A unicast IPv4 route: as the kernel has it, or as we want it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Route4 {
    /// Network, host bits zero.
    pub destination: Ipv4Addr,
    /// 0 to 32.
    pub prefix_len: u8,
    /// Next hop; `None` is on-link.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway is taken to be on the link whatever other routes say.
    pub onlink: bool,
    /// Smaller is better.
    pub metric: u32,
    /// Routing table.
    pub table: u32,
    /// Source address of what leaves by this route.
    pub source: Option<Ipv4Addr>,
    /// Path MTU in octets.
    pub mtu: Option<u32>,
    /// Interface; 0 in routes with several next hops.
    pub index: u32,
    /// Who made it.
    pub protocol: u8,
}

impl Route4 {
    /// Two routes that the kernel would choose between only by their order.
    pub fn competes(&self, other: &Self) -> bool {
        let key = |route: &Self| (route.destination, route.prefix_len, route.metric, route.table);
        key(self) == key(other)
    }
}

impl std::fmt::Display for Route4 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "route {}/{}", self.destination, self.prefix_len)?;
        if let Some(gateway) = self.gateway {
            write!(f, " via {gateway}")?;
        }
        write!(f, " metric {} table {}", self.metric, self.table)
    }
}

/// An IPv6 route without gateway that the kernel made for a prefix on the link, or one that came with an RA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route6 {
    /// Interface.
    pub index: u32,
    /// Network.
    pub destination: Ipv6Addr,
    /// 0 to 128.
    pub prefix_len: u8,
    /// There is a next hop.
    pub gateway: bool,
    /// It ends by itself: not of a static address.
    pub expires: bool,
    /// Who made it: RTPROT_KERNEL or [`RTPROT_RA`].
    pub protocol: u8,
}

/// Something the kernel said of a namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// A link is there or changed; with its IPv6 flags (`IF_RA_*`) if it has IPv6.
    Link(KernelLink, Option<u32>),
    /// A link is gone.
    LinkGone(u32),
    /// The IPv6 flags of a link.
    Flags6(u32, u32),
    /// An address is there or changed.
    Address(Address, Lifetimes),
    /// An address is gone.
    AddressGone(Address),
    /// An IPv4 route is there; `true` when it took the place of the one it competes with.
    Route4(Route4, bool),
    /// An IPv4 route is gone.
    Route4Gone(Route4),
    /// An IPv6 route is there.
    Route6(Route6),
    /// An IPv6 route is gone.
    Route6Gone(Route6),
    /// A router advertised a prefix: link, prefix, length, and whether it is valid for any time.
    Prefix(u32, Ipv6Addr, u8, bool),
}

/// What a message of this type says; `None` when it is none of our concern or lacks what it must have.
pub fn decode(kind: u16, flags: u16, payload: &[u8]) -> Option<Event> {
    match kind {
        libc::RTM_NEWLINK => link(payload),
        libc::RTM_DELLINK => {
            (family(payload)? == libc::AF_UNSPEC).then_some(Event::LinkGone(u32_at(payload, 4)?))
        }
        libc::RTM_NEWADDR => address(payload).map(|(address, left)| Event::Address(address, left)),
        libc::RTM_DELADDR => address(payload).map(|(address, _)| Event::AddressGone(address)),
        libc::RTM_NEWROUTE if family(payload)? == libc::AF_INET => {
            route4(payload).map(|route| Event::Route4(route, i32::from(flags) & libc::NLM_F_REPLACE != 0))
        }
        libc::RTM_DELROUTE if family(payload)? == libc::AF_INET => route4(payload).map(Event::Route4Gone),
        libc::RTM_NEWROUTE => route6(payload).map(Event::Route6),
        libc::RTM_DELROUTE => route6(payload).map(Event::Route6Gone),
        libc::RTM_NEWPREFIX => prefix(payload),
        _ => None,
    }
}

/// Whole messages out of a datagram of events.
pub fn events(datagram: &[u8]) -> impl Iterator<Item = Event> {
    messages(datagram).filter_map(|message| decode(message.kind, message.flags, message.payload))
}

fn family(payload: &[u8]) -> Option<i32> {
    payload.first().copied().map(i32::from)
}

/// struct ifinfomsg: family, pad, type (2), index (4), flags (4), change (4).
fn link(payload: &[u8]) -> Option<Event> {
    let (family, hardware_type, index, flags) =
        (family(payload)?, u16_at(payload, 2)?, u32_at(payload, 4)?, u32_at(payload, 8)?);
    let rest = payload.get(16..)?;
    if family == libc::AF_INET6 {
        // RTNLGRP_IPV6_IFINFO: of IPv6 only, and no whole description of the link.
        let nested = attributes(rest).find(|(kind, _)| *kind == IFLA_PROTINFO)?.1;
        return Some(Event::Flags6(index, flags6(nested)?));
    }
    // A bridge tells of its ports in messages of its own family that are no description of the link either.
    if family != libc::AF_UNSPEC {
        return None;
    }
    let mut link = KernelLink { index, flags, ..KernelLink::default() };
    let (mut named, mut flags_of_6) = (false, None);
    let hardware = |octets: &[u8]| HardwareAddress {
        kind: hardware_type,
        octets: octets.iter().copied().take(16).collect(),
    };
    link.hardware = hardware(&[]);
    for (kind, value) in attributes(rest) {
        match kind {
            IFLA_IFNAME => (link.name, named) = (text(value), true),
            IFLA_ADDRESS => link.hardware = hardware(value),
            IFLA_PERM_ADDRESS => link.permanent = hardware(value),
            IFLA_MTU => link.mtu = u32_at(value, 0)?,
            IFLA_OPERSTATE => link.operstate = *value.first()?,
            IFLA_PROP_LIST => {
                let names = attributes(value).filter(|(kind, _)| *kind == IFLA_ALT_IFNAME);
                link.alt_names = names.map(|(_, name)| text(name)).collect();
            }
            IFLA_LINKINFO => {
                link.kind =
                    attributes(value).find(|(kind, _)| *kind == IFLA_INFO_KIND).map(|(_, name)| text(name));
            }
            IFLA_AF_SPEC => {
                let inet6 = attributes(value).find(|(kind, _)| i32::from(*kind) == libc::AF_INET6);
                flags_of_6 = inet6.and_then(|(_, nested)| flags6(nested));
            }
            // Something of a radio's, not of the link.
            IFLA_WIRELESS => return None,
            _ => {}
        }
    }
    if link.permanent.octets.is_empty() {
        link.permanent = link.hardware.clone();
    }
    named.then_some(Event::Link(link, flags_of_6))
}

fn flags6(nested: &[u8]) -> Option<u32> {
    attributes(nested).find(|(kind, _)| *kind == IFLA_INET6_FLAGS).and_then(|(_, value)| u32_at(value, 0))
}

/// struct ifaddrmsg: family, prefix length, flags, scope, index (4).
fn address(payload: &[u8]) -> Option<(Address, Lifetimes)> {
    let family = family(payload)?;
    let (prefix_len, short_flags, index) = (*payload.get(1)?, *payload.get(2)?, u32_at(payload, 4)?);
    let (mut local, mut peer) = (None, None);
    let (mut flags, mut protocol, mut left) = (u32::from(short_flags), 0, Lifetimes::INFINITE);
    for (kind, value) in attributes(payload.get(8..)?) {
        match kind {
            libc::IFA_LOCAL => local = ip(family, value),
            libc::IFA_ADDRESS => peer = ip(family, value),
            libc::IFA_FLAGS => flags = u32_at(value, 0)?,
            IFA_PROTO => protocol = *value.first()?,
            // struct ifa_cacheinfo: preferred, valid, then two moments.
            libc::IFA_CACHEINFO => {
                left = Lifetimes { preferred: u32_at(value, 0)?, valid: u32_at(value, 4)? }
            }
            _ => {}
        }
    }
    Some((Address { index, address: local.or(peer)?, prefix_len, flags, protocol }, left))
}

fn ip(family: i32, value: &[u8]) -> Option<IpAddr> {
    match family {
        libc::AF_INET => ipv4(value).map(IpAddr::V4),
        libc::AF_INET6 => ipv6(value).map(IpAddr::V6),
        _ => None,
    }
}

fn ipv4(value: &[u8]) -> Option<Ipv4Addr> {
    value.first_chunk::<4>().copied().map(Ipv4Addr::from)
}

fn ipv6(value: &[u8]) -> Option<Ipv6Addr> {
    value.first_chunk::<16>().copied().map(Ipv6Addr::from)
}

/// struct rtmsg: family, destination length, source length, TOS, table, protocol, scope, type, flags (4).
///
/// Only unicast routes for any TOS that are no cache entries.
fn route_header(payload: &[u8]) -> Option<(u8, u32, u8, u32, &[u8])> {
    let (header, rest) = payload.split_first_chunk::<12>()?;
    let [_, prefix_len, source_len, tos, table, protocol, _, kind, ..] = *header;
    let flags = u32_at(header, 8)?;
    let ordinary =
        source_len == 0 && tos == 0 && kind == libc::RTN_UNICAST && flags & libc::RTM_F_CLONED == 0;
    ordinary.then_some((prefix_len, u32::from(table), protocol, flags, rest))
}

fn route4(payload: &[u8]) -> Option<Route4> {
    let (prefix_len, table, protocol, flags, rest) = route_header(payload)?;
    let mut route = Route4 {
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len,
        gateway: None,
        onlink: flags & RTNH_F_ONLINK != 0,
        metric: 0,
        table,
        source: None,
        mtu: None,
        index: 0,
        protocol,
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => route.destination = ipv4(value)?,
            libc::RTA_GATEWAY => route.gateway = Some(ipv4(value)?),
            libc::RTA_PREFSRC => route.source = Some(ipv4(value)?),
            libc::RTA_PRIORITY => route.metric = u32_at(value, 0)?,
            libc::RTA_TABLE => route.table = u32_at(value, 0)?,
            libc::RTA_OIF => route.index = u32_at(value, 0)?,
            libc::RTA_METRICS => {
                let mtu = attributes(value).find(|(kind, _)| *kind == RTAX_MTU);
                route.mtu = mtu.and_then(|(_, value)| u32_at(value, 0));
            }
            _ => {}
        }
    }
    Some(route)
}

fn route6(payload: &[u8]) -> Option<Route6> {
    (family(payload)? == libc::AF_INET6).then_some(())?;
    let (prefix_len, _, protocol, _, rest) = route_header(payload)?;
    let mut route = Route6 {
        index: 0,
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len,
        gateway: false,
        expires: false,
        protocol,
    };
    for (kind, value) in attributes(rest) {
        match kind {
            libc::RTA_DST => route.destination = ipv6(value)?,
            libc::RTA_GATEWAY => route.gateway = true,
            libc::RTA_OIF => route.index = u32_at(value, 0)?,
            // struct rta_cacheinfo: clntref (4), lastuse (4), expires (4).
            libc::RTA_CACHEINFO => route.expires = u32_at(value, 8)? != 0,
            _ => {}
        }
    }
    Some(route)
}

/// struct prefixmsg: family, pad (3), index (4), type, length, flags, pad.
fn prefix(payload: &[u8]) -> Option<Event> {
    let (header, rest) = payload.split_first_chunk::<12>()?;
    let (index, prefix_len) = (u32_at(header, 4)?, header[9]);
    let (mut prefix, mut valid) = (None, true);
    for (kind, value) in attributes(rest) {
        match kind {
            PREFIX_ADDRESS => prefix = ipv6(value),
            // struct prefix_cacheinfo: preferred (4), valid (4).
            PREFIX_CACHEINFO => valid = u32_at(value, 4)? != 0,
            _ => {}
        }
    }
    Some(Event::Prefix(index, prefix?, prefix_len.min(128), valid))
}
