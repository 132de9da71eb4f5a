//! What an operator can ask a server, and the answers.

use crate::binding::{Binding4, Binding6, Slot4, Slot6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// How full a pool is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PoolUse {
    /// Prefix of its subnet.
    pub subnet: String,
    /// The pool as configured, such as `192.0.2.100-192.0.2.199`.
    pub pool: String,
    /// Addresses, port sets or prefixes that can be given out.
    pub size: u64,
    /// Of these, leased now.
    pub leased: u64,
    /// Of these, offered now.
    pub offered: u64,
    /// Of these, resting after a DECLINE.
    pub declined: u64,
    /// Of these, kept for somebody.
    pub reserved: u64,
}

/// Where a page of leases begins: after this one. DHCPv4 comes before DHCPv6, in the order of the addresses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum After {
    /// The first page.
    Start,
    /// This DHCPv4 lease.
    Lease4(Slot4),
    /// This DHCPv6 lease.
    Lease6(Slot6),
}

/// A lease on a page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Lease {
    /// IPv4.
    V4(Binding4),
    /// IPv6 address or prefix.
    V6(Binding6),
}

/// A query that has not come: what would it get, and why?
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Question {
    /// Interface it would come in by; any served one when `None`.
    pub interface: Option<String>,
    /// The client's IPv6 address; some link-local one when `None`.
    pub source: Option<Ipv6Addr>,
    /// Link-address of the relay agent next to the client; it comes directly when both this and the next are `None`.
    pub link_address: Option<Ipv6Addr>,
    /// Interface-id of that relay agent; with `giaddr` its circuit-id.
    pub interface_id: Option<Vec<u8>>,
    /// A client relay agent: the query comes by port 67 from this address, or through the TRA that `giaddr` is.
    pub agent: Option<Ipv6Addr>,
    /// Address of an IPv4 relay agent.
    pub giaddr: Option<Ipv4Addr>,
    /// What that one says in sub-option 5 of option 82.
    pub link_selection: Option<Ipv4Addr>,
    /// Option 61.
    pub client_id: Option<Vec<u8>>,
    /// Hardware type and address, for clients without option 61.
    pub hardware: Option<(u8, Vec<u8>)>,
    /// Option 50.
    pub requested: Option<Ipv4Addr>,
    /// Option 118.
    pub subnet_selection: Option<Ipv4Addr>,
    /// The client can use a part of an address's ports (159 in option 55).
    pub shared: bool,
}

/// The answer to a [`Question`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// The subnet, if one was found.
    pub subnet: Option<String>,
    /// The address it would get, if any.
    pub address: Option<Slot4>,
    /// Each rule that was looked at, in order: what it is, and what came of it.
    pub steps: Vec<(String, String)>,
}

/// Why an operator's request cannot be done.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Impossible {
    /// Nobody has this address.
    #[error("there is no lease of {0}")]
    NoLease(IpAddr),
    /// The address is in no subnet.
    #[error("{0} is in no subnet")]
    NoSubnet(IpAddr),
    /// Somebody has it, or it is reserved.
    #[error("{address} is taken: {by}")]
    Taken {
        /// The address.
        address: IpAddr,
        /// By whom, or for whom.
        by: String,
    },
    /// There is no reservation an operator made.
    #[error("{0} is not reserved, or is reserved by the configuration")]
    NotReserved(IpAddr),
    /// The address cannot be leased.
    #[error("{0} cannot be leased: it is not a unicast address, or is the network's or broadcast address")]
    Unusable(IpAddr),
    /// Another server has the leases.
    #[error("the leases are with the DHCPv4 servers behind this one")]
    External,
    /// The journal does not take it.
    #[error("leases cannot be stored now")]
    NoStorage,
}
