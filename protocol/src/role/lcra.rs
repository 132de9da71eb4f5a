//! Role `lcra`: the On-Link Client Relay Agent (draft-ietf-dhc-dhcpv4-over-ipv6 §6). It brings DHCPv4 clients of a link to
//! servers and relay agents that are reached by IPv6.

use crate::settings::{Encapsulation, SourceCheck};
use std::net::Ipv6Addr;

/// All settings of one on-link client relay agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LcraSettings {
    /// Name of the interface that clients are on.
    pub clients: String,
    /// Name of the interface whose address it sends from; may be the same.
    pub upstream: String,
    /// Addresses of TSVs and TRAs, at most 8. Every message goes to each.
    pub servers: Vec<Ipv6Addr>,
    /// Own address to send from; `None` leaves the choice among the global ones of the upstream interface.
    pub source: Option<Ipv6Addr>,
    /// Unique local addresses are as good as global ones.
    pub unique_local: bool,
    /// Who may answer.
    pub source_check: SourceCheck,
    /// Highest `hops` of a client's message: 1 to 16.
    pub hops_limit: u8,
    /// Ethernet addresses of the clients served; empty is everybody.
    pub allow: Vec<[u8; 6]>,
    /// Messages per second of one client; 0 is no limit.
    pub rate_per_client: u32,
    /// Messages per second altogether; 0 is no limit.
    pub rate: u32,
    /// Messages that may wait for an answer: the oldest is forgotten first.
    pub pending: usize,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Sub-option 1 to send by relay encapsulation.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2 to send by relay encapsulation.
    pub remote_id: Option<Vec<u8>>,
}
