//! `org.dhcp4o6.Dhcp6Stage1`.

use super::registry::Shared;
use super::values::{self, Dictionary};
use std::sync::Arc;
use zbus::interface;

/// A link's DHCPv6 stage.
#[derive(Clone, Debug)]
pub(super) struct Dhcp6Stage1(pub(super) Arc<Shared>);

#[interface(name = "org.dhcp4o6.Dhcp6Stage1", introspection_docs = false)]
impl Dhcp6Stage1 {
    #[zbus(property)]
    fn state(&self) -> &'static str {
        self.0.status().dhcp6.state
    }

    #[zbus(property)]
    fn mode(&self) -> &'static str {
        self.0.status().dhcp6.mode
    }

    #[zbus(property)]
    fn iaid(&self) -> u32 {
        self.0.status().dhcp6.iaid.map(|iaid| iaid.0).unwrap_or_default()
    }

    #[zbus(property)]
    fn server(&self) -> Vec<u8> {
        self.0.status().dhcp6.server.as_ref().map(|duid| duid.as_bytes().to_vec()).unwrap_or_default()
    }

    #[zbus(property)]
    fn addresses(&self) -> Vec<Dictionary> {
        values::addresses(self.0.status().dhcp6.lease.as_ref())
    }

    #[zbus(property)]
    fn prefixes(&self) -> Vec<Dictionary> {
        values::prefixes(self.0.status().dhcp6.lease.as_ref())
    }

    #[zbus(property)]
    fn renew_at(&self) -> u64 {
        self.0.status().dhcp6.lease.as_ref().map_or(0, |lease| values::end(lease.renew_at))
    }

    #[zbus(property)]
    fn rebind_at(&self) -> u64 {
        self.0.status().dhcp6.lease.as_ref().map_or(0, |lease| values::end(lease.rebind_at))
    }

    #[zbus(property)]
    fn refresh_at(&self) -> u64 {
        values::moment(self.0.status().dhcp6.refresh_at)
    }

    #[zbus(property)]
    fn reply_at(&self) -> u64 {
        values::moment(self.0.status().dhcp6.reply_at)
    }

    #[zbus(property)]
    fn dns(&self) -> Vec<String> {
        values::texts(&self.0.status().dhcp6.options.dns)
    }

    #[zbus(property)]
    fn domains(&self) -> Vec<String> {
        values::texts(&self.0.status().dhcp6.options.domains)
    }

    #[zbus(property)]
    fn aftr_name(&self) -> String {
        values::text(self.0.status().dhcp6.options.aftr_name.as_ref())
    }

    #[zbus(property)]
    fn options(&self) -> Vec<(u16, Vec<u8>)> {
        self.0.status().dhcp6.options.raw.clone()
    }

    #[zbus(property)]
    fn exchange(&self) -> Dictionary {
        values::exchange(self.0.status().dhcp6.exchange.as_ref())
    }

    #[zbus(property)]
    fn sol_max_rt(&self) -> u32 {
        self.0.status().dhcp6.sol_max_rt.unwrap_or_default()
    }

    #[zbus(property)]
    fn inf_max_rt(&self) -> u32 {
        self.0.status().dhcp6.inf_max_rt.unwrap_or_default()
    }
}
