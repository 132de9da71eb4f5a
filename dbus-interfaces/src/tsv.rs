//! `org.dhcp4o6.Tsv1`: the IPv6-transport server, on the provider's side.

use crate::{Error, TunnelBinding};
use zbus::proxy;

/// The server as IPv6-transport server, at `/org/dhcp4o6/server`, where the configuration has `[server.tsv]`. How it is,
/// and what is counted, is in `Server1`.
#[proxy(
    interface = "org.dhcp4o6.Tsv1",
    default_service = "org.dhcp4o6.Server",
    default_path = "/org/dhcp4o6/server"
)]
pub trait Tsv1 {
    /// A page of what is reached through client relay agents, in the order of the IPv4 addresses: what comes after `after`,
    /// or the first when that is empty. At most `count`, 1 to 1000; there may be fewer, or none, before the end. `next`
    /// is what to ask with for the next page; empty at the end.
    fn list_bindings(&self, after: &str, count: u32) -> Result<(Vec<TunnelBinding>, String), Error>;

    /// The properties, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// A client has `address`, and `agent` is its client relay agent; also when the lease is extended. `valid_until` is a
    /// moment. When there are too many to tell, `Server1.Noticed` says `bindings-left-out`, at most once a second: then
    /// all have to be listed again, a second later.
    #[zbus(signal)]
    fn binding_added(&self, address: &str, agent: &str, valid_until: u64) -> zbus::Result<()>;

    /// It has it not any more.
    #[zbus(signal)]
    fn binding_removed(&self, address: &str, agent: &str) -> zbus::Result<()>;

    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    #[zbus(property)]
    fn addresses(&self) -> zbus::Result<Vec<String>>;

    /// Option 54 of its answers; empty where each subnet has its own.
    #[zbus(property)]
    fn server_id(&self) -> zbus::Result<String>;

    /// From where client relay agents are answered: prefixes.
    #[zbus(property)]
    fn sources(&self) -> zbus::Result<Vec<String>>;

    /// Code of the CRA6ADDR sub-option.
    #[zbus(property)]
    fn cra6addr(&self) -> zbus::Result<u8>;

    /// `off` or `private`.
    #[zbus(property)]
    fn relay_encapsulation(&self) -> zbus::Result<String>;
}
