//! The IPv6-Transport Server (draft-ietf-dhc-dhcpv4-over-ipv6 §7): another way to the DHCPv4 engine of role `server`, by
//! port 67 of IPv6 and of IPv4.

use crate::prefix::{Prefix4, Prefix6};
use crate::settings::Encapsulation;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Settings of the IPv6-transport server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TsvSettings {
    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    pub addresses: Vec<Ipv6Addr>,
    /// Where client relay agents are: at least one prefix.
    pub accept_from: Vec<Prefix6>,
    /// Own IPv4 addresses that it is asked at, besides the server identifier.
    pub addresses4: Vec<Ipv4Addr>,
    /// Where IPv4 clients are that ask directly, besides the subnets.
    pub accept_from4: Vec<Prefix4>,
    /// IPv4 relay agents, among them TRAs, that are believed: their giaddr.
    pub relay_agents: Vec<Prefix4>,
    /// Names of interfaces whose IPv4 broadcasts are answered.
    pub interfaces4: Vec<String>,
    /// Code of the CRA6ADDR sub-option: 1 to 254.
    pub cra6addr: u8,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
}
