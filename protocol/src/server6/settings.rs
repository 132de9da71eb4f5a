//! What an operator decides about DHCPv6. Checked where it is read; the engine takes it as given.

use crate::ids::Duid;
use crate::prefix::Prefix6;
use crate::server4::settings::Serves;
use crate::time::Lifetime;
use std::net::Ipv6Addr;

/// All settings of the DHCPv6 server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Option 7; clients take 255 at once.
    pub preference: u8,
    /// Answer Solicit with rapid commit by a Reply.
    pub rapid_commit: bool,
    /// Most live leases of one [`crate::binding::Origin`], of addresses and again of prefixes; 0 is no limit. What is
    /// kept for a client it gets beyond that.
    pub leases_per_origin: u32,
    /// Options for everyone whose subnet does not have its own.
    pub options: Options6,
    /// Links with addresses or prefixes. Without any the server is stateless.
    pub subnets: Vec<Subnet6>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            preference: 0,
            rapid_commit: false,
            leases_per_origin: 8,
            options: Options6::default(),
            subnets: Vec::new(),
        }
    }
}

/// Options that clients get when they ask for them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options6 {
    /// Option 88, the permit: `None` does not enable 4o6; an empty list sends clients to multicast. Unique addresses.
    pub servers_4o6: Option<Vec<Ipv6Addr>>,
    /// Option 23.
    pub dns: Vec<Ipv6Addr>,
    /// Option 24: domain names.
    pub search: Vec<String>,
    /// Option 64: a domain name.
    pub aftr: Option<String>,
    /// Option 32, seconds, 600 and more.
    pub refresh: Option<u32>,
    /// Option 82, seconds, 60 to 86400.
    pub sol_max_rt: Option<u32>,
    /// Option 83, seconds, 60 to 86400.
    pub inf_max_rt: Option<u32>,
}

/// Addresses and prefixes for the clients of some links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subnet6 {
    /// The link's prefix: its addresses are here, and relay agents with a link-address in it are on it.
    pub prefix: Prefix6,
    /// Whom it serves besides. With no entry it takes in whoever no other subnet does; those whose relay agents name
    /// another link by its address get prefixes and options there, and no addresses.
    pub serves: Serves,
    /// First and last address of each pool, inside the prefix.
    pub pools: Vec<(Ipv6Addr, Ipv6Addr)>,
    /// Prefixes to delegate.
    pub delegate: Vec<Delegate>,
    /// Addresses and prefixes kept for somebody.
    pub reservations: Vec<Reservation6>,
    /// Preferred lifetime, not above the valid one.
    pub preferred: Lifetime,
    /// Valid lifetime.
    pub valid: Lifetime,
    /// Options of the link; those it does not have are the server's.
    pub options: Options6,
}

/// A prefix that is delegated in parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Delegate {
    /// The whole.
    pub prefix: Prefix6,
    /// Length of each part, not below that of the whole; at most 2^32 parts.
    pub len: u8,
}

/// What is kept for one DHCPv6 client.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reservation6 {
    /// The client.
    pub duid: Duid,
    /// Its address.
    pub address: Option<Ipv6Addr>,
    /// Its prefix.
    pub prefix: Option<Prefix6>,
}
