//! What was obtained: the IPv4 lease, IPv6 addresses and prefixes, and what the kernel is to make of them.

use crate::ids::{Duid, Iaid};
use crate::time::{Instant, Lifetime};
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// An IPv4 lease as the ACK gave it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease4 {
    /// Ours for the time of the lease.
    pub address: Ipv4Addr,
    /// Option 54: identifies the server and is no destination.
    pub server_id: Ipv4Addr,
    /// When the REQUEST that was answered was first sent: all times count from here (RFC 2131 §4.4.1).
    pub requested_at: Instant,
    /// Option 51.
    pub lifetime: Lifetime,
    /// When to renew; `None` is never.
    pub renew_at: Option<Instant>,
    /// When to rebind; `None` is never.
    pub rebind_at: Option<Instant>,
    /// When it ends; `None` is never.
    pub expires_at: Option<Instant>,
    /// The ACK's options, joined (RFC 3396), in the order they came, without 51 to 54, 61 and 82.
    pub options: Vec<(u8, Vec<u8>)>,
    /// IPv6 source of the REQUEST that was answered.
    pub source: Option<Ipv6Addr>,
}

impl Lease4 {
    /// True while it runs.
    pub fn is_valid(&self, now: Instant) -> bool {
        self.expires_at.is_none_or(|end| now < end)
    }

    /// The value of an option of the ACK.
    pub fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(c, _)| *c == code).map(|(_, value)| value.as_slice())
    }
}

/// Everything IPv4 that should be on the target interface, and what is published with it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Ipv4Config {
    /// The address.
    pub address: Ipv4Addr,
    /// 1 to 32; 32 on targets without ARP.
    pub prefix_len: u8,
    /// When the kernel is to drop it by itself; `None` is never.
    pub expires_at: Option<Instant>,
    /// At most 256.
    pub routes: Vec<Route4>,
    /// Route MTU, 576 to the target's.
    pub mtu: Option<u16>,
    /// Published only: first router.
    pub gateway: Option<Ipv4Addr>,
    /// Published only.
    pub dns: Vec<Ipv4Addr>,
    /// Published only: search list, or else the domain name. Checked names.
    pub domains: Vec<String>,
    /// Published only.
    pub ntp: Vec<Ipv4Addr>,
    /// Published only: checked name.
    pub host_name: Option<String>,
}

/// An IPv4 route of a lease.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
pub struct Route4 {
    /// Network, host bits zero.
    pub destination: Ipv4Addr,
    /// 0 to 32.
    pub prefix_len: u8,
    /// Next hop; `None` is on-link.
    pub gateway: Option<Ipv4Addr>,
    /// The gateway is not inside the address's own prefix: reach it directly all the same.
    pub onlink: bool,
}

/// An IPv6 address that DHCPv6 assigned. Installed as /128.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Assignment6 {
    /// The address.
    pub address: Ipv6Addr,
    /// When its preferred lifetime ends; `None` is never.
    pub preferred_until: Option<Instant>,
    /// When its valid lifetime ends; `None` is never.
    pub valid_until: Option<Instant>,
}

/// A prefix that DHCPv6 delegated.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Delegation6 {
    /// The prefix, host bits zero.
    pub prefix: Ipv6Addr,
    /// 0 to 128.
    pub prefix_len: u8,
    /// When its preferred lifetime ends; `None` is never.
    pub preferred_until: Option<Instant>,
    /// When its valid lifetime ends; `None` is never.
    pub valid_until: Option<Instant>,
}

/// What a DHCPv6 server assigned to one link: one IA_NA, one IA_PD, or both.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Lease6 {
    /// The server.
    pub server: Duid,
    /// Of both associations.
    pub iaid: Iaid,
    /// Addresses of IA_NA.
    pub addresses: Vec<Assignment6>,
    /// Prefixes of IA_PD.
    pub prefixes: Vec<Delegation6>,
    /// Earliest T1; `None` is never.
    pub renew_at: Option<Instant>,
    /// Earliest T2; `None` is never.
    pub rebind_at: Option<Instant>,
}

impl Lease6 {
    /// When the last of its addresses and prefixes ends; `None` is never.
    pub fn expires_at(&self) -> Option<Instant> {
        let mut ends =
            self.addresses.iter().map(|a| a.valid_until).chain(self.prefixes.iter().map(|p| p.valid_until));
        ends.try_fold(Instant::BOOT, |last, end| Some(last.max(end?)))
    }
}

/// Something that happened to the IPv4 lease.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LeaseEvent {
    /// What.
    pub kind: LeaseEventKind,
    /// The lease, as it is now or was last.
    pub lease: Box<Lease4>,
}

/// What can happen to a lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LeaseEventKind {
    /// A first lease, or one with another address.
    Acquired,
    /// Extended by its server.
    Renewed,
    /// Extended by any server.
    Rebound,
    /// Confirmed or extended, with other parameters than before.
    Changed,
    /// Given up because somebody else uses the address.
    Declined,
    /// Taken away by the server.
    Nak,
    /// Ended by itself.
    Expired,
    /// Given back, or dropped by policy.
    Released,
}

impl LeaseEventKind {
    /// The word on the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Acquired => "acquired",
            Self::Renewed => "renewed",
            Self::Rebound => "rebound",
            Self::Changed => "changed",
            Self::Declined => "declined",
            Self::Nak => "nak",
            Self::Expired => "expired",
            Self::Released => "released",
        }
    }
}
