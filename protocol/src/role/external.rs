//! The external engine: DHCPv4 servers that are reached by IPv4, as a relay agent reaches them (RFC 2131, RFC 3046).
//! It keeps no state: what is needed to find the way back travels in option 82.

use crate::prefix::Prefix4;
use crate::server4::settings::Serves;
use std::net::Ipv4Addr;

/// All settings of the external engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Every query goes to each of them: 1 to 8.
    pub servers: Vec<Ipv4Addr>,
    /// Our address, that the servers answer to.
    pub giaddr: Ipv4Addr,
    /// Which subnet the servers shall choose from (sub-option 5, RFC 3527), by where the client is. The first that
    /// matches, by the same rules as subnets of the built-in engine; none leaves it to giaddr.
    pub links: Vec<LinkSelection>,
    /// Sub-option of option 82 that takes the way back: 1 to 254.
    pub sub_option: u8,
}

impl Settings {
    /// [`Settings::sub_option`] unless configured: not assigned, and left alone by the servers we know.
    pub const SUB_OPTION: u8 = 220;
}

/// Clients whose addresses are to come from one subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkSelection {
    /// Whom.
    pub serves: Serves,
    /// The subnet.
    pub prefix: Prefix4,
}
