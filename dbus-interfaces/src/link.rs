//! The interfaces of a link object.

use crate::{
    Address, Endpoint, Error, Exchange, Ip4Config, LastError, Lease, Permit, Prefix, RouterAdvertisement,
    Step,
};
use std::collections::HashMap;
use zbus::{OwnedVariant, proxy};

/// One link.
#[proxy(interface = "org.dhcp4o6.Link1", default_service = "org.dhcp4o6")]
pub trait Link1 {
    /// Run, if stopped.
    fn start(&self) -> Result<(), Error>;

    /// Stop; leases are given back or kept as configured.
    fn stop(&self) -> Result<(), Error>;

    /// Extend the IPv4 lease now. Returns when that has begun.
    fn renew(&self) -> Result<(), Error>;

    /// Extend the IPv4 lease now, by any server. Returns when that has begun.
    fn rebind(&self) -> Result<(), Error>;

    /// Give the IPv4 lease back; IPv4 stays off until `Start`, `Restart` or `Renew`.
    fn release(&self) -> Result<(), Error>;

    /// Begin again from DHCPv6, keeping what is installed if it proves valid.
    fn restart(&self) -> Result<(), Error>;

    /// Every property of the object, as JSON: an object per interface.
    fn describe(&self) -> Result<String, Error>;

    /// Why there is or is no IPv4, step by step.
    fn explain(&self) -> Result<Vec<Step>, Error>;

    /// The link entered another state: `StateChanged`. `boottime_usec` is the new `Since`.
    #[zbus(signal, name = "StateChanged")]
    fn entered_state(&self, new: &str, old: &str, reason: &str, boottime_usec: u64) -> zbus::Result<()>;

    /// Something happened to the IPv4 lease: `acquired`, `renewed`, `rebound`, `changed`, `declined`, `nak`, `expired` or
    /// `released`. `lease` has the keys of [`Lease`], and `endpoint` s: the name of that whose lease it is.
    #[zbus(signal)]
    fn lease_event(&self, kind: &str, lease: HashMap<String, OwnedVariant>) -> zbus::Result<()>;

    /// Interface name.
    #[zbus(property)]
    fn name(&self) -> zbus::Result<String>;

    /// Network namespace; empty is the service's own.
    #[zbus(property)]
    fn namespace(&self) -> zbus::Result<String>;

    /// Interface index in the namespace.
    #[zbus(property)]
    fn index(&self) -> zbus::Result<u32>;

    /// The link in one word.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// Why it is in that state: a stable kebab-case name.
    #[zbus(property)]
    fn reason(&self) -> zbus::Result<String>;

    /// Since when.
    #[zbus(property)]
    fn since(&self) -> zbus::Result<u64>;

    /// An operator stopped it.
    #[zbus(property)]
    fn stopped(&self) -> zbus::Result<bool>;

    /// The IPv4 configuration in force.
    #[zbus(property)]
    fn ip4_config(&self) -> zbus::Result<Ip4Config>;

    /// Every IPv4 identity of the link, in the order of the configuration; none while nothing runs. [`Link1Proxy::ip4_config`]
    /// and [`Client1Proxy`] are about the first.
    #[zbus(property)]
    fn endpoints(&self) -> zbus::Result<Vec<Endpoint>>;

    /// The last thing that went wrong.
    #[zbus(property)]
    fn last_error(&self) -> zbus::Result<LastError>;

    /// Administratively up.
    #[zbus(property)]
    fn up(&self) -> zbus::Result<bool>;

    /// The kernel can send.
    #[zbus(property)]
    fn carrier(&self) -> zbus::Result<bool>;

    /// Link-layer address.
    #[zbus(property)]
    fn hardware_address(&self) -> zbus::Result<Vec<u8>>;

    /// MTU, octets.
    #[zbus(property)]
    fn mtu(&self) -> zbus::Result<u32>;

    /// Link-local IPv6 address that passed duplicate address detection; empty while there is none.
    #[zbus(property)]
    fn link_local(&self) -> zbus::Result<String>;

    /// What router advertisements said.
    #[zbus(property)]
    fn router_advertisement(&self) -> zbus::Result<RouterAdvertisement>;

    /// The interface that is to get the IPv4 address; empty while it does not exist.
    #[zbus(property)]
    fn target(&self) -> zbus::Result<String>;
}

/// A link's DHCPv6 stage.
#[proxy(interface = "org.dhcp4o6.Dhcp6Stage1", default_service = "org.dhcp4o6")]
pub trait Dhcp6Stage1 {
    /// State of RFC 8415.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// `stateful` or `stateless` once decided, else `auto`.
    #[zbus(property)]
    fn mode(&self) -> zbus::Result<String>;

    /// IAID of the identity associations.
    #[zbus(property)]
    fn iaid(&self) -> zbus::Result<u32>;

    /// DUID of the server that configured us; empty for none.
    #[zbus(property)]
    fn server(&self) -> zbus::Result<Vec<u8>>;

    /// Addresses.
    #[zbus(property)]
    fn addresses(&self) -> zbus::Result<Vec<Address>>;

    /// Delegated prefixes.
    #[zbus(property)]
    fn prefixes(&self) -> zbus::Result<Vec<Prefix>>;

    /// When addresses and prefixes are to be renewed; 0 without any.
    #[zbus(property)]
    fn renew_at(&self) -> zbus::Result<u64>;

    /// When they are to be rebound; 0 without any.
    #[zbus(property)]
    fn rebind_at(&self) -> zbus::Result<u64>;

    /// Next refresh of stateless configuration; 0 is none.
    #[zbus(property)]
    fn refresh_at(&self) -> zbus::Result<u64>;

    /// When the last Reply came that was used; 0 is none.
    #[zbus(property)]
    fn reply_at(&self) -> zbus::Result<u64>;

    /// Option 23.
    #[zbus(property)]
    fn dns(&self) -> zbus::Result<Vec<String>>;

    /// Option 24.
    #[zbus(property)]
    fn domains(&self) -> zbus::Result<Vec<String>>;

    /// Option 64.
    #[zbus(property)]
    fn aftr_name(&self) -> zbus::Result<String>;

    /// Options 88 to 96, 111 and those configured, as they came: code and octets.
    #[zbus(property)]
    fn options(&self) -> zbus::Result<Vec<(u16, Vec<u8>)>>;

    /// The exchange that waits for an answer.
    #[zbus(property)]
    fn exchange(&self) -> zbus::Result<Exchange>;

    /// SOL_MAX_RT that a server set, seconds; 0 is none.
    #[zbus(property)]
    fn sol_max_rt(&self) -> zbus::Result<u32>;

    /// INF_MAX_RT that a server set, seconds; 0 is none.
    #[zbus(property)]
    fn inf_max_rt(&self) -> zbus::Result<u32>;
}

/// A link's DHCPv4 client.
#[proxy(interface = "org.dhcp4o6.Client1", default_service = "org.dhcp4o6")]
pub trait Client1 {
    /// State of RFC 2131.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// How messages travel: `4o6`, `hcra`, or empty.
    #[zbus(property)]
    fn transport(&self) -> zbus::Result<String>;

    /// What it waits for before it may send; empty for nothing.
    #[zbus(property)]
    fn waiting_for(&self) -> zbus::Result<String>;

    /// Leave to run.
    #[zbus(property)]
    fn permit(&self) -> zbus::Result<Permit>;

    /// Where queries go.
    #[zbus(property)]
    fn destinations(&self) -> zbus::Result<Vec<String>>;

    /// IPv6 source of the last query.
    #[zbus(property)]
    fn source(&self) -> zbus::Result<String>;

    /// Option 61.
    #[zbus(property)]
    fn client_id(&self) -> zbus::Result<Vec<u8>>;

    /// IAID inside the client identifier.
    #[zbus(property)]
    fn iaid(&self) -> zbus::Result<u32>;

    /// The lease.
    #[zbus(property)]
    fn lease(&self) -> zbus::Result<Lease>;

    /// The exchange that waits for an answer.
    #[zbus(property)]
    fn exchange(&self) -> zbus::Result<Exchange>;

    /// Messages sent and used, by type.
    #[zbus(property)]
    fn messages(&self) -> zbus::Result<HashMap<String, u64>>;
}

/// A link's counters. They only grow, and nothing is signalled when they do.
#[proxy(interface = "org.dhcp4o6.Statistics1", default_service = "org.dhcp4o6")]
pub trait Statistics1 {
    /// Datagrams, and parts of them, that were not used: by reason.
    #[zbus(property(emits_changed_signal = "false"))]
    fn counters(&self) -> zbus::Result<HashMap<String, u64>>;

    /// Datagrams sent.
    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> zbus::Result<u64>;

    /// Datagrams received.
    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> zbus::Result<u64>;
}
