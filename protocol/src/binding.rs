//! What a server remembers of its clients, and the records of its journal.
//!
//! A record says everything about one slot: whoever reads a journal keeps the last record of each slot, and records
//! may be read again without harm.

mod codec;
#[cfg(test)]
mod tests;

pub use codec::BadRecord;

use crate::ids::Duid;
use crate::time::Instant;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Who a DHCPv4 client is: option 61, else hardware type and address (RFC 2131 §4.2, RFC 4361 §6.3).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClientKey {
    /// Option 61, 2 to 255 octets.
    Id(Vec<u8>),
    /// `htype`, then 1 to 16 octets of `chaddr`.
    Hardware(u8, Vec<u8>),
}

/// What one lease occupies: an IPv4 address, or some of its ports (RFC 7618).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Slot4 {
    /// The address.
    pub address: Ipv4Addr,
    /// Which of the port sets of the address; `None` is all of it.
    pub ports: Option<PortSet>,
}

/// A set of ports (RFC 7597 §5.1, the value of option 159).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PortSet {
    /// 0 to 15: bits before the PSID.
    pub offset: u8,
    /// 1 to 16 - `offset`.
    pub psid_len: u8,
    /// 0 to 2^`psid_len` - 1, right-justified.
    pub psid: u16,
}

impl PortSet {
    /// True if its fields are in their ranges.
    pub const fn is_possible(self) -> bool {
        self.offset <= 15
            && self.psid_len >= 1
            && self.psid_len <= 16 - self.offset
            && (self.psid as u32) < 1 << self.psid_len
    }
}

/// What became of a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The client has it until the end; after that it is expired.
    Bound,
    /// The client gave it back; others may get it.
    Released,
    /// A client found it in use; nobody gets it until the end.
    Declined,
}

/// Where a client was when it got its lease: what ends it, and what asks this server to extend it, must come from there.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Origin {
    /// Its /64, as the upper half of the address.
    Network(u64),
    /// Its link-local address on a link that its relay agent, or the served interface, names: lower half of the
    /// address, and name.
    Link(u64, Vec<u8>),
}

/// By what a client's message came, and so whose address its source is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transport {
    /// DHCPv6, or DHCPv4 over DHCPv6: the client's own.
    #[default]
    Dhcp6,
    /// A client relay agent (draft-ietf-dhc-dhcpv4-over-ipv6): the agent's.
    Agent,
    /// IPv4: that of the relay agent, IPv4-mapped, or `::ffff:0.0.0.0` where there is none.
    Ipv4,
}

/// A DHCPv4 client's hold on a slot.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding4 {
    /// What it holds.
    pub slot: Slot4,
    /// Who.
    pub client: ClientKey,
    /// How.
    pub state: State,
    /// When it was last given or given back.
    pub changed_at: Instant,
    /// When it ends; `None` is never.
    pub expires_at: Option<Instant>,
    /// Where the client was.
    pub origin: Origin,
    /// Where the last message came from, other than one from the leased address itself.
    pub source: Ipv6Addr,
    /// Whose address that is.
    pub transport: Transport,
    /// Option 12 as sent, at most 255 octets; empty when there was none.
    pub host_name: Vec<u8>,
    /// Option 109: the client's end of a softwire (RFC 8539).
    pub softwire: Option<Ipv6Addr>,
}

/// What an identity association holds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Slot6 {
    /// IA_NA: an address.
    Address(Ipv6Addr),
    /// IA_PD: a prefix and its length.
    Prefix(Ipv6Addr, u8),
}

/// A DHCPv6 client's hold on an address or a prefix.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding6 {
    /// What it holds.
    pub slot: Slot6,
    /// Who.
    pub client: Duid,
    /// Which of its associations.
    pub iaid: u32,
    /// How.
    pub state: State,
    /// When it was last given or given back.
    pub changed_at: Instant,
    /// When its preferred lifetime ends; `None` is never.
    pub preferred_until: Option<Instant>,
    /// When its valid lifetime ends; `None` is never.
    pub expires_at: Option<Instant>,
    /// Where the client was.
    pub origin: Origin,
}

/// Whom an address is kept for.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Holder {
    /// Option 61, whole.
    ClientId(Vec<u8>),
    /// The DUID inside an option 61 of RFC 4361, whatever the IAID; and the DHCPv6 client of that DUID.
    Duid(Duid),
    /// The circuit: interface-id of the relay agent next to the client, or sub-option 1 of option 82.
    Circuit(Vec<u8>),
    /// Hardware address of a client without option 61: type and octets.
    Hardware(u8, Vec<u8>),
}

/// One line of a journal.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Record {
    /// This is all that is known of the slot.
    Lease4(Binding4),
    /// Nothing is known of the slot.
    Gone4(Slot4),
    /// This is all that is known of the slot.
    Lease6(Binding6),
    /// Nothing is known of the slot.
    Gone6(Slot6),
    /// An operator reserved the address, beyond the configuration.
    Reserve4 {
        /// The address.
        address: Ipv4Addr,
        /// For whom.
        holder: Holder,
    },
    /// An operator took a reservation back.
    Unreserve4 {
        /// The address.
        address: Ipv4Addr,
    },
}

impl Record {
    /// Calls `change` with every moment in it.
    pub fn each_moment(&mut self, mut change: impl FnMut(&mut Instant)) {
        match self {
            Self::Lease4(Binding4 { changed_at, expires_at, .. }) => {
                change(changed_at);
                expires_at.iter_mut().for_each(change);
            }
            Self::Lease6(Binding6 { changed_at, preferred_until, expires_at, .. }) => {
                change(changed_at);
                preferred_until.iter_mut().chain(expires_at).for_each(change);
            }
            Self::Gone4(_) | Self::Gone6(_) | Self::Reserve4 { .. } | Self::Unreserve4 { .. } => {}
        }
    }
}
