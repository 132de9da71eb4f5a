//! What an operator decides about DHCPv4 addresses. Checked where it is read; the engine takes it as given.

use crate::binding::Holder;
use crate::prefix::{Prefix4, Prefix6};
use crate::time::Lifetime;
use crate::wire::v4::code;
use std::net::Ipv4Addr;
use std::time::Duration;

/// Options with their values as on the wire, in ascending order of code; each code once.
pub type OptionSet = Vec<(u8, Vec<u8>)>;

/// All settings of the engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Option 54: identifies the server and need not be reachable by 4o6 clients.
    pub server_id: Ipv4Addr,
    /// At least one; their prefixes do not overlap.
    pub subnets: Vec<Subnet>,
    /// Options for every subnet that does not have its own.
    pub options: OptionSet,
    /// Answer DISCOVER with rapid commit by an ACK (RFC 4039).
    pub rapid_commit: bool,
    /// What the message itself says as a relay agent would is believed: sub-option 5 of option 82 chooses the subnet
    /// before all else, its sub-option 1 names the circuit, and giaddr chooses the subnet when nothing better does.
    pub trust_inner_giaddr: bool,
    /// Option 118 chooses the subnet (RFC 3011).
    pub subnet_selection: bool,
    /// How long an offered address is held.
    pub offer_hold: Duration,
    /// How long a declined address rests.
    pub decline_rest: Duration,
    /// What one client, or one place, can take from others.
    pub limits: Limits,
}

impl Settings {
    /// [`Settings::offer_hold`] unless configured.
    pub const OFFER_HOLD: Duration = Duration::from_secs(10);
    /// [`Settings::decline_rest`] unless configured.
    pub const DECLINE_REST: Duration = Duration::from_secs(86_400);

    /// The routers that clients of a subnet hear of (option 3), which clients cannot be. In a network of one or two
    /// addresses there may be no other to name.
    pub(super) fn routers(&self, subnet: &Subnet) -> Vec<Ipv4Addr> {
        let sets = [&subnet.options, &self.options].into_iter().filter(|_| subnet.prefix.length() <= 30);
        let routers = sets.flatten().find(|(code, _)| *code == code::ROUTER);
        let (all, _) = routers.map_or(&[][..], |(_, value)| value.as_slice()).as_chunks();
        all.iter().copied().map(<[u8; 4]>::into).collect()
    }

    /// No subnets: an engine with these answers nobody and keeps the bindings that it is told of.
    pub const fn nothing() -> Self {
        Self {
            server_id: Ipv4Addr::UNSPECIFIED,
            subnets: Vec::new(),
            options: Vec::new(),
            rapid_commit: false,
            trust_inner_giaddr: false,
            subnet_selection: false,
            offer_hold: Self::OFFER_HOLD,
            decline_rest: Self::DECLINE_REST,
            limits: Limits::STANDARD,
        }
    }
}

/// Addresses for the clients of some links.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subnet {
    /// Every address in it is here. Its length is the subnet mask (option 1) unless the options have another.
    pub prefix: Prefix4,
    /// Whom it serves.
    pub serves: Serves,
    /// Inside the prefix; they do not overlap.
    pub pools: Vec<Pool>,
    /// Addresses kept for somebody, inside the prefix, in or out of the pools; each address and each holder once.
    pub reservations: Vec<Reservation>,
    /// How long leases are.
    pub times: LeaseTimes,
    /// Options that its clients get.
    pub options: OptionSet,
}

/// How clients of a subnet are told: the first rule in this order that matches any subnet decides. A subnet with no
/// entry at all serves whoever no other subnet does.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Serves {
    /// Link-addresses of relay agents.
    pub link_addresses: Vec<Prefix6>,
    /// Interface-ids of relay agents, octet for octet.
    pub interface_ids: Vec<Vec<u8>>,
    /// IPv6 addresses of clients.
    pub sources: Vec<Prefix6>,
    /// Names of the interfaces that queries come in by.
    pub interfaces: Vec<String>,
}

impl Serves {
    /// True if it names nobody.
    pub fn anybody(&self) -> bool {
        self.link_addresses.is_empty()
            && self.interface_ids.is_empty()
            && self.sources.is_empty()
            && self.interfaces.is_empty()
    }
}

/// Addresses that anybody in the subnet can get.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pool {
    /// First address.
    pub first: Ipv4Addr,
    /// Last address, not below the first; at most 2^24 addresses.
    pub last: Ipv4Addr,
    /// Each address is given to several clients, some ports to each (RFC 7618).
    pub sharing: Option<Sharing>,
}

/// How the ports of an address are shared out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Sharing {
    /// 0 to 15.
    pub offset: u8,
    /// 1 to 16 - `offset`.
    pub psid_len: u8,
    /// No set with a port below this is given out.
    pub lowest_port: u16,
}

/// An address kept for somebody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reservation {
    /// Whom.
    pub holder: Holder,
    /// Which.
    pub address: Ipv4Addr,
    /// Options for that client, before those of the subnet.
    pub options: OptionSet,
}

/// How long leases are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LeaseTimes {
    /// For clients that do not ask for a time.
    pub default: Lifetime,
    /// Shortest, whatever is asked.
    pub min: Lifetime,
    /// Longest, whatever is asked.
    pub max: Lifetime,
    /// T1 as part of the lease in percent.
    pub t1_percent: u8,
    /// T2 likewise, above T1 and below 100.
    pub t2_percent: u8,
}

impl Default for LeaseTimes {
    fn default() -> Self {
        let hour = Lifetime(3600);
        Self { default: hour, min: Lifetime(60), max: hour, t1_percent: 50, t2_percent: 87 }
    }
}

/// What one client, or one place, can take from others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// Leases of one place: a /64, or a link-local address on one link. 0 is no limit.
    pub leases_per_origin: u32,
    /// Leases behind one interface-id. 0 is no limit, for networks where an interface-id is not one customer.
    pub leases_per_interface_id: u32,
    /// Percent of a pool that can be on offer at a time.
    pub offered_percent: u8,
    /// Percent of a pool that can be declined at a time; beyond it the oldest end early.
    pub declined_percent: u8,
    /// DECLINEs of one client within an hour.
    pub declines_per_hour: u32,
    /// Percent of a pool kept for clients that had a lease before.
    pub known_percent: u8,
}

impl Limits {
    /// Unless configured.
    pub const STANDARD: Self = Self {
        leases_per_origin: 4,
        leases_per_interface_id: 0,
        offered_percent: 10,
        declined_percent: 5,
        declines_per_hour: 3,
        known_percent: 10,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::STANDARD
    }
}
