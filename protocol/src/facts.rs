//! What the kernel says of a link, as one value. Whoever watches the kernel sends it whole after every change; the
//! role compares it with what it saw before, so a missed event can never leave it with a half-true picture.

use crate::ids::{EndpointId, HardwareAddress};
use crate::time::Instant;
use serde::Serialize;
use std::net::{Ipv4Addr, Ipv6Addr};

/// One watched link and its surroundings.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct LinkFacts {
    /// Interface index in its namespace; 0 when the link does not exist.
    pub index: u32,
    /// Interface name, for people; it may change.
    pub name: String,
    /// Administratively up.
    pub up: bool,
    /// The kernel can send: carrier and operational state.
    pub carrier: bool,
    /// MTU in octets.
    pub mtu: u32,
    /// Link-layer address.
    pub hardware: HardwareAddress,
    /// IPv6 addresses of the link.
    pub addresses: Vec<Address6>,
    /// IPv6 addresses of other interfaces of the namespace, usable as source when they come from a prefix
    /// delegated on this link.
    pub elsewhere6: Vec<Ipv6Addr>,
    /// IPv4 addresses that are on interfaces of the namespace and are not ours.
    pub foreign4: Vec<Ipv4Addr>,
    /// What router advertisements said; `None` until one came.
    pub ra: Option<RouterAdvertisement>,
    /// The interfaces that are to get the IPv4 addresses, one for each endpoint in its place; `None` while it does not
    /// exist. Several endpoints may have the same.
    pub targets: Vec<Option<Target>>,
}

impl LinkFacts {
    /// True when datagrams can leave: the link exists, is up and has carrier.
    pub fn running(&self) -> bool {
        self.index != 0 && self.up && self.carrier
    }

    /// The interface that is to get the IPv4 address of this endpoint, if it exists.
    pub fn target(&self, endpoint: EndpointId) -> Option<&Target> {
        self.targets.get(usize::from(endpoint.0))?.as_ref()
    }

    /// The link-local address to send from: the first that passed duplicate address detection.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().find(|a| a.address.is_unicast_link_local() && a.usable()).map(|a| a.address)
    }
}

/// An IPv6 address of the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Address6 {
    /// The address.
    pub address: Ipv6Addr,
    /// 0 to 128.
    pub prefix_len: u8,
    /// Duplicate address detection still runs.
    pub tentative: bool,
    /// Duplicate address detection failed.
    pub duplicate: bool,
    /// The preferred lifetime is over.
    pub deprecated: bool,
    /// A temporary address (RFC 8981).
    pub temporary: bool,
}

impl Address6 {
    /// May be used as a source address.
    pub fn usable(&self) -> bool {
        !self.tentative && !self.duplicate
    }
}

/// What the last router advertisements said that concerns us.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct RouterAdvertisement {
    /// M flag: addresses by DHCPv6.
    pub managed: bool,
    /// O flag: other configuration by DHCPv6.
    pub other: bool,
    /// Prefixes on the link, sorted: a change asks for an early refresh (RFC 8415 §18.2.12).
    pub prefixes: Vec<(Ipv6Addr, u8)>,
}

/// The interface that gets the IPv4 address.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Target {
    /// Interface index in its own namespace.
    pub index: u32,
    /// Interface name, for people.
    pub name: String,
    /// MTU in octets.
    pub mtu: u32,
    /// Administratively up: only then does the kernel keep routes on it.
    pub up: bool,
    /// It resolves IPv4 neighbours by ARP; otherwise (tunnel, PPP, NOARP) addresses get /32 and routes no gateway.
    pub arp: bool,
    /// Its own link-layer address, for address conflict detection.
    pub hardware: HardwareAddress,
    /// IPv4 addresses on it that carry our mark: a remembered lease whose address is here is taken up without a flap.
    pub ours4: Vec<Ipv4Addr>,
}

/// When something happened, on the boot-time clock, and what it was.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Noted {
    /// When.
    pub at: Instant,
    /// A stable kebab-case name.
    pub name: &'static str,
    /// A sentence for people.
    pub text: String,
}
