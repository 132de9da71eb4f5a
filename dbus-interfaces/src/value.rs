//! Value types. Dictionaries only ever gain keys.

use serde::{Deserialize, Serialize};
use zbus::{DeserializeDict, OwnedObjectPath, Type};

/// A moment that never comes, and the length of a lifetime that never ends.
pub const NEVER: u64 = u64::MAX;

/// The IPv4 configuration in force: what is on the device, and what else the lease gave. An empty dictionary is none.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Ip4Config {
    /// The address.
    pub address: Option<String>,
    /// Its prefix length, 1 to 32.
    pub prefix: Option<u32>,
    /// First router; empty when there is none.
    pub gateway: Option<String>,
    /// DNS servers.
    pub dns: Option<Vec<String>>,
    /// Search list.
    pub domains: Option<Vec<String>>,
    /// Routes on the device.
    pub routes: Option<Vec<Route>>,
    /// MTU of the routes, octets; 0 is the device's own.
    pub mtu: Option<u32>,
    /// NTP servers.
    pub ntp: Option<Vec<String>>,
    /// What the server granted, seconds, or [`NEVER`].
    pub lifetime: Option<u64>,
    /// When the lease ends, microseconds since boot, or [`NEVER`].
    pub valid_until: Option<u64>,
    /// The interface that has the address.
    pub device: Option<String>,
}

/// An IPv4 route.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Route {
    /// Network.
    pub destination: String,
    /// Its prefix length, 0 to 32.
    pub prefix: u32,
    /// Next hop; empty when the network is on the link itself.
    pub gateway: String,
    /// The next hop lies outside the address's own prefix.
    pub onlink: bool,
}

/// The last thing that went wrong. An empty dictionary is nothing.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct LastError {
    /// A stable kebab-case name.
    pub name: Option<String>,
    /// A sentence for people.
    pub text: Option<String>,
    /// When.
    pub at: Option<u64>,
}

/// What router advertisements said. An empty dictionary: none came.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct RouterAdvertisement {
    /// M flag: addresses by DHCPv6.
    pub managed: Option<bool>,
    /// O flag: other configuration by DHCPv6.
    pub other: Option<bool>,
    /// Prefixes on the link, as `address/length`.
    pub prefixes: Option<Vec<String>>,
}

/// An exchange that waits for an answer. An empty dictionary is none.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Exchange {
    /// What is sent, in the RFC's word.
    pub message: Option<String>,
    /// Transmissions so far.
    pub transmissions: Option<u32>,
    /// First transmission, or its plan.
    pub started: Option<u64>,
    /// Next transmission; 0 is none.
    pub next: Option<u64>,
}

/// An address that DHCPv6 assigned.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Address {
    /// The address.
    pub address: String,
    /// When its preferred lifetime ends.
    pub preferred_until: u64,
    /// When its valid lifetime ends.
    pub valid_until: u64,
}

/// A prefix that DHCPv6 delegated.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Prefix {
    /// The prefix.
    pub prefix: String,
    /// 0 to 128.
    pub length: u32,
    /// When its preferred lifetime ends.
    pub preferred_until: u64,
    /// When its valid lifetime ends.
    pub valid_until: u64,
}

/// Leave to run DHCPv4 over DHCPv6.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Permit {
    /// `none`, `valid`, `suspended`, `withdrawn`, `expired` or `refused`.
    pub state: String,
    /// `rfc7341` or `draft01`; empty without a permit.
    pub profile: String,
    /// Where queries go; empty is ff02::1:2.
    pub servers: Vec<String>,
    /// When it was first given.
    pub since: u64,
}

/// A DHCPv4 lease. An empty dictionary is none.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Lease {
    /// The address.
    pub address: Option<String>,
    /// Option 54.
    pub server_id: Option<String>,
    /// Option 51, seconds, or [`NEVER`].
    pub lifetime: Option<u64>,
    /// When the answered REQUEST was first sent: all times count from here.
    pub requested_at: Option<u64>,
    /// When to renew.
    pub renew_at: Option<u64>,
    /// When to rebind.
    pub rebind_at: Option<u64>,
    /// When it ends.
    pub expires_at: Option<u64>,
    /// IPv6 source of the answered REQUEST; empty if unknown.
    pub source: Option<String>,
    /// The ACK's other options, as they came: code and octets.
    pub options: Option<Vec<(u8, Vec<u8>)>>,
}

/// One IPv4 identity of a link.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Endpoint {
    /// As configured; empty for an only one.
    pub name: String,
    /// As `Link1.State`, of this endpoint.
    pub state: String,
    /// Why it is in that state: a stable kebab-case name.
    pub reason: String,
    /// The address in force; empty without one.
    pub address: String,
    /// Its prefix length; 0 without one.
    pub prefix: u32,
    /// The interface that has the address, or is to get it; empty while that does not exist.
    pub device: String,
    /// Option 54; empty without a lease.
    pub server_id: String,
    /// When the address ends; 0 without one.
    pub valid_until: u64,
    /// Option 61; absent until it is known.
    pub client_id: Option<Vec<u8>>,
}

/// Which IPv4 address is reached through which client relay agent.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct TunnelBinding {
    /// The client's IPv4 address.
    pub address: String,
    /// The IPv6 address of its client relay agent.
    pub agent: String,
    /// When it ends.
    pub until: u64,
}

/// One row of `Manager1.ListLinks`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Type)]
pub struct LinkSummary {
    /// Its object.
    pub path: OwnedObjectPath,
    /// Interface name.
    pub name: String,
    /// Namespace; empty is the service's own.
    pub namespace: String,
    /// `Link1.State`.
    pub state: String,
}

/// A configured link that is not there.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Type)]
pub struct Missing {
    /// The `match` of the configuration.
    pub matches: String,
    /// Namespace; empty is the service's own.
    pub namespace: String,
    /// Why: a stable kebab-case name such as `no-such-link` or `no-such-namespace`.
    pub reason: String,
}

/// One step of `Link1.Explain`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Type)]
pub struct Step {
    /// A stable kebab-case name.
    pub name: String,
    /// `ok`, `waiting`, `failed` or `skipped`.
    pub verdict: String,
    /// What this is concluded from and, where it stops, what to do.
    pub evidence: String,
}

/// A lease that the provider's server gave.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct ServerLease {
    /// What the page after this lease begins after.
    pub key: String,
    /// `ipv4`, `ipv6-address` or `ipv6-prefix`.
    pub kind: String,
    /// The address; of a prefix the first.
    pub address: String,
    /// 32, 128, or the length of the prefix.
    pub length: u32,
    /// Of an address that clients share, the port set: offset, length of the PSID, PSID.
    pub ports: Option<(u8, u8, u16)>,
    /// `bound`, `expired`, `released` or `declined`.
    pub state: String,
    /// DHCPv4 option 61.
    pub client_id: Option<Vec<u8>>,
    /// Of a client without it: hardware type and address.
    pub hardware: Option<(u8, Vec<u8>)>,
    /// DHCPv6 client.
    pub duid: Option<Vec<u8>>,
    /// Its identity association.
    pub iaid: Option<u32>,
    /// When it last changed.
    pub since: u64,
    /// When it ends.
    pub until: u64,
    /// By what its messages come: `dhcp6`, `agent` (DHCPv4 over IPv6 from a client relay agent) or `ipv4`; DHCPv4 only.
    pub transport: Option<String>,
    /// Where the last message came from, DHCPv4 only: by `dhcp6` the client's IPv6 address, by `agent` that of its client
    /// relay agent, by `ipv4` that of the relay agent, or empty.
    pub source: Option<String>,
    /// DHCPv4 option 12 as it was sent.
    pub host_name: Option<Vec<u8>>,
    /// The client's end of a softwire (RFC 8539).
    pub softwire: Option<String>,
}

/// How full a pool is.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Pool {
    /// Prefix of its subnet.
    pub subnet: String,
    /// As configured.
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

/// An address that an operator reserved over the bus.
#[derive(Clone, PartialEq, Eq, Debug, Default, DeserializeDict, Type)]
#[zbus(signature = "a{sv}", rename_all = "kebab-case")]
pub struct Reservation {
    /// The address.
    pub address: String,
    /// `client-id`, `duid`, `circuit` or `hardware`.
    pub kind: String,
    /// Whom it is kept for.
    pub holder: Vec<u8>,
}
