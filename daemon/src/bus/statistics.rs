//! `org.dhcp4o6.Statistics1`. Counters change with every packet, so nothing is signalled.

use super::registry::Shared;
use crate::control::WorkMeter;
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::interface;

/// The counters of a link, or of an on-link client relay agent.
#[derive(Clone, Debug)]
pub(super) enum Statistics1 {
    Link(Arc<Shared>),
    Agent(Arc<WorkMeter>),
}

#[interface(name = "org.dhcp4o6.Statistics1", introspection_docs = false)]
impl Statistics1 {
    #[zbus(property(emits_changed_signal = "false"))]
    fn counters(&self) -> BTreeMap<&'static str, u64> {
        match self {
            Self::Link(link) => link.handle.traffic.lock().refused.iter().collect(),
            Self::Agent(work) => work.lock().refused.iter().collect(),
        }
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> u64 {
        match self {
            Self::Link(link) => link.handle.traffic.lock().sent,
            Self::Agent(work) => work.lock().sent,
        }
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> u64 {
        match self {
            Self::Link(link) => link.handle.traffic.lock().received,
            Self::Agent(work) => work.lock().received,
        }
    }
}
