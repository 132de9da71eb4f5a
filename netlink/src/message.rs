//! What the kernel says, as values of ours: only what somebody here asks for.

use crate::PROTOCOL;
use dhcp4o6_protocol::ids::HardwareAddress;
use rtnetlink::packet_route::link::Inet6IfaceFlags;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// IPv6 flag of an interface: a router advertisement answered our solicitation.
pub const IF_RA_RCVD: u32 = Inet6IfaceFlags::RaRcvd.bits();
/// IPv6 flag of an interface: the last router advertisement had M set.
pub const IF_RA_MANAGED: u32 = Inet6IfaceFlags::RaManaged.bits();
/// IPv6 flag of an interface: the last router advertisement had O set.
pub const IF_RA_OTHERCONF: u32 = Inet6IfaceFlags::Otherconf.bits();
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
    /// It is the TAP device of the client relay agent of the link with this name: [`crate::device`].
    pub tap_of: Option<Box<str>>,
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
