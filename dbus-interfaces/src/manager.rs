//! `org.dhcp4o6.Manager1`, at `/org/dhcp4o6`.

use crate::{Error, LinkSummary, Missing};
use zbus::{OwnedObjectPath, proxy};

/// The service as a whole.
#[proxy(interface = "org.dhcp4o6.Manager1", default_service = "org.dhcp4o6", default_path = "/org/dhcp4o6")]
pub trait Manager1 {
    /// Every link that runs.
    fn list_links(&self) -> Result<Vec<LinkSummary>, Error>;

    /// The object of a link. With an empty namespace: in the service's own, or else wherever the only link of that name
    /// is.
    fn get_link_by_name(&self, name: &str, namespace: &str) -> Result<OwnedObjectPath, Error>;

    /// Runs more links until the service ends: one `[[link]]` table as TOML.
    fn add_link(&self, toml: &str) -> Result<(), Error>;

    /// Stops running the links that this `match` names, until the next reload.
    fn remove_link(&self, matches: &str) -> Result<(), Error>;

    /// Reads the configuration again.
    fn reload(&self) -> Result<(), Error>;

    /// Replaces the DUID, 3 to 130 octets; every link begins again with it.
    fn set_duid(&self, duid: &[u8]) -> Result<(), Error>;

    /// The properties and the effective configuration, as JSON.
    fn describe(&self) -> Result<String, Error>;

    /// Version of the service.
    #[zbus(property)]
    fn version(&self) -> zbus::Result<String>;

    /// The DUID; empty until it is known.
    #[zbus(property)]
    fn duid(&self) -> zbus::Result<Vec<u8>>;

    /// `ok`, or `degraded` when leases do not reach the disk.
    #[zbus(property)]
    fn storage(&self) -> zbus::Result<String>;

    /// Links that run.
    #[zbus(property)]
    fn links(&self) -> zbus::Result<Vec<OwnedObjectPath>>;

    /// Links that are configured and not there.
    #[zbus(property)]
    fn missing(&self) -> zbus::Result<Vec<Missing>>;

    /// Mistakes of the last reload, if that failed.
    #[zbus(property)]
    fn configuration_errors(&self) -> zbus::Result<Vec<String>>;
}
