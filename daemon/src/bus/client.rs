//! `org.dhcp4o6.Client1`.

use super::registry::Shared;
use super::values::{self, Dictionary};
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::interface;

/// A link's DHCPv4 client.
#[derive(Clone, Debug)]
pub(super) struct Client1(pub(super) Arc<Shared>);

#[interface(name = "org.dhcp4o6.Client1", introspection_docs = false)]
impl Client1 {
    #[zbus(property)]
    fn state(&self) -> &'static str {
        self.0.status().client4.state
    }

    #[zbus(property)]
    fn transport(&self) -> &'static str {
        self.0.status().client4.transport
    }

    #[zbus(property)]
    fn waiting_for(&self) -> &'static str {
        self.0.status().client4.waiting_for.unwrap_or_default()
    }

    #[zbus(property)]
    fn permit(&self) -> Dictionary {
        values::permit(&self.0.status())
    }

    #[zbus(property)]
    fn destinations(&self) -> Vec<String> {
        values::texts(&self.0.status().client4.destinations)
    }

    #[zbus(property)]
    fn source(&self) -> String {
        values::text(self.0.status().client4.source)
    }

    #[zbus(property)]
    fn client_id(&self) -> Vec<u8> {
        self.0.status().client4.client_id.as_ref().map(|id| id.as_bytes().to_vec()).unwrap_or_default()
    }

    #[zbus(property)]
    fn iaid(&self) -> u32 {
        self.0.status().dhcp6.iaid.map(|iaid| iaid.0).unwrap_or_default()
    }

    #[zbus(property)]
    fn lease(&self) -> Dictionary {
        self.0.status().client4.lease.as_ref().map(values::lease).unwrap_or_default()
    }

    #[zbus(property)]
    fn exchange(&self) -> Dictionary {
        values::exchange(self.0.status().client4.exchange.as_ref())
    }

    #[zbus(property)]
    fn messages(&self) -> BTreeMap<&'static str, u64> {
        values::messages(self.0.status().client4.messages)
    }
}
