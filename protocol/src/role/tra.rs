//! Role `tra`: the IPv6-Transport Relay Agent (draft-ietf-dhc-dhcpv4-over-ipv6 §8). It brings client relay agents, which
//! speak IPv6, to DHCPv4 servers, which need not.

use crate::prefix::{Prefix4, Prefix6};
use crate::settings::Encapsulation;
use std::net::{Ipv4Addr, Ipv6Addr};

/// All settings of one IPv6-transport relay agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraSettings {
    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    pub addresses: Vec<Ipv6Addr>,
    /// Where client relay agents are: at least one prefix.
    pub accept_from: Vec<Prefix6>,
    /// DHCPv4 servers: 1 to 8. Every message goes to each.
    pub servers: Vec<Ipv4Addr>,
    /// Own IPv4 address, that servers answer to.
    pub giaddr: Ipv4Addr,
    /// Code of the CRA6ADDR sub-option: 1 to 254.
    pub cra6addr: u8,
    /// Which subnet the servers shall choose from (sub-option 5, RFC 3527), by where the client relay agent is; the longest
    /// prefix counts. Empty leaves it to giaddr.
    pub links: Vec<TraLink>,
    /// Sub-option 1 to add.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2 to add.
    pub remote_id: Option<Vec<u8>>,
    /// Sub-option 12 to add (RFC 6925).
    pub relay_id: Option<Vec<u8>>,
    /// Own UDP port toward servers; 67 unless RFC 8357 is wanted.
    pub source_port: u16,
    /// Highest `hops` of a message: 1 to 16.
    pub hops_limit: u8,
    /// Most octets of a message to a server, UDP payload. Longer ones are not relayed.
    pub max_message: u16,
    /// Take only answers to what was relayed in the last two minutes. Without, nothing is remembered of any message.
    pub match_requests: bool,
    /// Watch leases pass, and tell which address is behind which client relay agent.
    pub snoop: bool,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Messages per second from one client relay agent; 0 is no limit.
    pub rate_per_source: u32,
    /// Messages per second altogether; 0 is no limit.
    pub rate: u32,
}

/// Client relay agents whose clients get addresses of one subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraLink {
    /// Where they are.
    pub sources: Vec<Prefix6>,
    /// The subnet.
    pub prefix: Prefix4,
}
