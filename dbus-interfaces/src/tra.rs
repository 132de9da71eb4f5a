//! `org.dhcp4o6.Tra1`: IPv6-transport relay agents, on the provider's side.

use crate::Error;
use std::collections::HashMap;
use zbus::proxy;

/// An IPv6-transport relay agent, at `/org/dhcp4o6/tra/<name>`.
#[proxy(interface = "org.dhcp4o6.Tra1", default_service = "org.dhcp4o6.Server")]
pub trait Tra1 {
    /// The properties, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// Only where the agent watches leases pass: a client has `address`, and `agent` is its client relay agent; also when
    /// the lease is extended. `valid_until` is a moment.
    #[zbus(signal)]
    fn binding_added(&self, address: &str, agent: &str, valid_until: u64) -> zbus::Result<()>;

    /// It has it not any more.
    #[zbus(signal)]
    fn binding_removed(&self, address: &str, agent: &str) -> zbus::Result<()>;

    /// Something an operator should hear of: `bindings-left-out` (there were too many to tell; at most once a second) and
    /// `no-agent-information` (the address of a DHCPv4 server that does not return
    /// relay agent information, so that none of its answers finds its client).
    #[zbus(signal)]
    fn noticed(&self, kind: &str, subject: &str) -> zbus::Result<()>;

    /// Its configured name.
    #[zbus(property)]
    fn name(&self) -> zbus::Result<String>;

    /// `starting`, `running`, `degraded` (it runs, but `Reason` keeps some from what they ask for) or `failed`.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// Why it is not running: a stable kebab-case name.
    #[zbus(property)]
    fn reason(&self) -> zbus::Result<String>;

    /// Its network namespace; empty is the service's own.
    #[zbus(property)]
    fn namespace(&self) -> zbus::Result<String>;

    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    #[zbus(property)]
    fn addresses(&self) -> zbus::Result<Vec<String>>;

    /// From where client relay agents are heard: prefixes.
    #[zbus(property)]
    fn sources(&self) -> zbus::Result<Vec<String>>;

    /// DHCPv4 servers that every message goes to.
    #[zbus(property)]
    fn servers(&self) -> zbus::Result<Vec<String>>;

    /// Own IPv4 address, which servers answer to.
    #[zbus(property)]
    fn giaddr(&self) -> zbus::Result<String>;

    /// Code of the CRA6ADDR sub-option.
    #[zbus(property)]
    fn cra6addr(&self) -> zbus::Result<u8>;

    /// `off` or `private`.
    #[zbus(property)]
    fn relay_encapsulation(&self) -> zbus::Result<String>;

    /// What was done, by kind.
    #[zbus(property(emits_changed_signal = "false"))]
    fn done(&self) -> zbus::Result<HashMap<String, u64>>;

    /// What was refused, by reason.
    #[zbus(property(emits_changed_signal = "false"))]
    fn refused(&self) -> zbus::Result<HashMap<String, u64>>;

    /// Datagrams sent.
    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> zbus::Result<u64>;

    /// Datagrams received.
    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> zbus::Result<u64>;
}
