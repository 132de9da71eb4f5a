//! `org.dhcp4o6.RelayClient1`: client relay agents of DHCPv4 over IPv6, on the subscriber's side.

use crate::{Error, Lease};
use std::collections::HashMap;
use zbus::proxy;

/// A client relay agent: that of a link, on the link's object while it runs or waits to run there, or an on-link one, at
/// `/org/dhcp4o6/lcra/<name>`. What it sends, receives and refuses is counted in `Statistics1` of the same object.
#[proxy(interface = "org.dhcp4o6.RelayClient1", default_service = "org.dhcp4o6")]
pub trait RelayClient1 {
    /// The properties, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// Something an operator should hear of: `foreign-server` (the address of a DHCPv4 server that answers on a link
    /// which this agent serves).
    #[zbus(signal)]
    fn noticed(&self, kind: &str, subject: &str) -> zbus::Result<()>;

    /// `hcra` on a link, else `lcra`.
    #[zbus(property)]
    fn role(&self) -> zbus::Result<String>;

    /// Its configured name; on a link that of the interface.
    #[zbus(property)]
    fn name(&self) -> zbus::Result<String>;

    /// `waiting` (only on a link), `starting`, `running` or `failed`.
    #[zbus(property)]
    fn state(&self) -> zbus::Result<String>;

    /// What it waits for, or why it failed: a stable kebab-case name.
    #[zbus(property)]
    fn reason(&self) -> zbus::Result<String>;

    /// Its network namespace; empty is the service's own.
    #[zbus(property)]
    fn namespace(&self) -> zbus::Result<String>;

    /// Addresses of the IPv6-transport servers and relay agents that every message goes to.
    #[zbus(property)]
    fn servers(&self) -> zbus::Result<Vec<String>>;

    /// Whence these are known: `configured`, `option-88`, `draft01`, `aftr-name`, or `link` for those that an on-link
    /// agent has from the link above; empty while there are none.
    #[zbus(property)]
    fn servers_from(&self) -> zbus::Result<String>;

    /// Its own IPv6 address; empty while there is none.
    #[zbus(property)]
    fn source(&self) -> zbus::Result<String>;

    /// Whose messages it relays: `builtin` (those of this service), `external` (of a client on `Device`) or `link` (of
    /// everybody on `Device`).
    #[zbus(property)]
    fn client(&self) -> zbus::Result<String>;

    /// The interface where its clients are; empty for `builtin`.
    #[zbus(property)]
    fn device(&self) -> zbus::Result<String>;

    /// The interface that it reaches servers by.
    #[zbus(property)]
    fn upstream(&self) -> zbus::Result<String>;

    /// Which way renewals of the built-in client go: `direct` or `via-cra`; empty where it is not about that.
    #[zbus(property)]
    fn renew(&self) -> zbus::Result<String>;

    /// The lease that passed last, of an external client on a link, while it runs. An on-link agent remembers none.
    #[zbus(property)]
    fn external_lease(&self) -> zbus::Result<Lease>;

    /// What was relayed, by kind.
    #[zbus(property(emits_changed_signal = "false"))]
    fn done(&self) -> zbus::Result<HashMap<String, u64>>;
}
