//! The interfaces of the provider's side, under the bus name `org.dhcp4o6.Server`.

use crate::{Error, Pool, Reservation, ServerLease};
use std::collections::HashMap;
use zbus::{OwnedVariant, proxy};

/// The server, at `/org/dhcp4o6/server`.
#[proxy(
    interface = "org.dhcp4o6.Server1",
    default_service = "org.dhcp4o6.Server",
    default_path = "/org/dhcp4o6/server"
)]
pub trait Server1 {
    /// A page of leases in the order of their addresses, IPv4 first: those after the lease with this key, or the first
    /// ones when it is empty. At most `count`, 1 to 1000. `next` is what to ask with for the next page; empty at the
    /// end.
    fn list_leases(&self, after: &str, count: u32) -> Result<(Vec<ServerLease>, String), Error>;

    /// How full the pools are.
    fn list_pools(&self) -> Result<Vec<Pool>, Error>;

    /// Addresses that operators reserved over the bus.
    fn list_reservations(&self) -> Result<Vec<Reservation>, Error>;

    /// Which subnet and address a query would get, and why: each rule that was looked at, and what came of it. Every
    /// key of `query` may be left out: `interface` s, `source` s, `link-address` s, `interface-id` ay, `client-id` ay,
    /// `hardware` ay (Ethernet), `requested` s, `subnet-selection` s, `shared` b; of what comes by port 67 `agent` s (a
    /// client relay agent), `giaddr` s (a relay agent, or the TRA before which the agent is) and `link-selection` s.
    fn select_test(
        &self,
        query: HashMap<&str, OwnedVariant>,
    ) -> Result<(String, String, Vec<(String, String)>), Error>;

    /// Ends the leases of an address, or the delegation of the prefix that begins with it. The client is refused when
    /// it renews.
    fn revoke(&self, address: &str) -> Result<(), Error>;

    /// Keeps an address for somebody: `kind` is `client-id`, `duid`, `circuit` or `hardware` (Ethernet).
    fn reserve(&self, address: &str, kind: &str, holder: &[u8]) -> Result<(), Error>;

    /// Takes such a reservation back.
    fn unreserve(&self, address: &str) -> Result<(), Error>;

    /// The properties, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// Something an operator should hear of: `pool-empty` (the subnet), `no-subnet` (the client), `source-refused`
    /// (who asks though nothing is taken from there), `declined` (the address), `storage-degraded`,
    /// `storage-restored`, `engine-silent`, `bindings-left-out` (see `Tsv1.BindingAdded`).
    #[zbus(signal)]
    fn noticed(&self, kind: &str, subject: &str) -> zbus::Result<()>;

    /// `starting`, `running`, `degraded` or `failed`.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// Why it is not running: a stable kebab-case name.
    #[zbus(property)]
    fn reason(&self) -> zbus::Result<String>;

    /// Its network namespace; empty is the service's own.
    #[zbus(property)]
    fn namespace(&self) -> zbus::Result<String>;

    /// Served interfaces that are there and up.
    #[zbus(property)]
    fn interfaces(&self) -> zbus::Result<Vec<String>>;

    /// Configured interfaces that are not.
    #[zbus(property)]
    fn missing(&self) -> zbus::Result<Vec<String>>;

    /// `ok`, or `degraded` when leases cannot be stored and no new ones are given.
    #[zbus(property)]
    fn storage(&self) -> zbus::Result<String>;

    /// Who answers DHCPv4: `builtin` or `external`.
    #[zbus(property)]
    fn engine(&self) -> zbus::Result<String>;

    /// What was done, by kind.
    #[zbus(property)]
    fn done(&self) -> zbus::Result<HashMap<String, u64>>;

    /// What was refused, by reason.
    #[zbus(property)]
    fn refused(&self) -> zbus::Result<HashMap<String, u64>>;

    /// Datagrams sent.
    #[zbus(property)]
    fn sent(&self) -> zbus::Result<u64>;

    /// Datagrams received.
    #[zbus(property)]
    fn received(&self) -> zbus::Result<u64>;
}

/// A relay agent, at `/org/dhcp4o6/relay/<name>`.
#[proxy(interface = "org.dhcp4o6.Relay1", default_service = "org.dhcp4o6.Server")]
pub trait Relay1 {
    /// The properties, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// Its configured name.
    #[zbus(property)]
    fn name(&self) -> zbus::Result<String>;

    /// `starting`, `running` or `failed`.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// Why it is not running: a stable kebab-case name.
    #[zbus(property)]
    fn reason(&self) -> zbus::Result<String>;

    /// Its network namespace; empty is the service's own.
    #[zbus(property)]
    fn namespace(&self) -> zbus::Result<String>;

    /// Configured interfaces that are there and up.
    #[zbus(property)]
    fn interfaces(&self) -> zbus::Result<Vec<String>>;

    /// Configured interfaces that are not.
    #[zbus(property)]
    fn missing(&self) -> zbus::Result<Vec<String>>;

    /// What was done, by kind.
    #[zbus(property)]
    fn done(&self) -> zbus::Result<HashMap<String, u64>>;

    /// What was refused, by reason.
    #[zbus(property)]
    fn refused(&self) -> zbus::Result<HashMap<String, u64>>;

    /// Datagrams sent.
    #[zbus(property)]
    fn sent(&self) -> zbus::Result<u64>;

    /// Datagrams received.
    #[zbus(property)]
    fn received(&self) -> zbus::Result<u64>;
}
