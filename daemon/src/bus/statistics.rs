//! `org.dhcp4o6.Statistics1`. Counters change with every packet, so nothing is signalled.

use super::registry::Shared;
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::interface;

/// A link's counters.
#[derive(Clone, Debug)]
pub(super) struct Statistics1(pub(super) Arc<Shared>);

#[interface(name = "org.dhcp4o6.Statistics1", introspection_docs = false)]
impl Statistics1 {
    #[zbus(property(emits_changed_signal = "false"))]
    fn counters(&self) -> BTreeMap<&'static str, u64> {
        self.0.handle.traffic.lock().refused.iter().collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> u64 {
        self.0.handle.traffic.lock().sent
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> u64 {
        self.0.handle.traffic.lock().received
    }
}
