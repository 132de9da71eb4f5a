//! `org.dhcp4o6.Relay1`.

use super::announce;
use super::values;
use crate::control::{AgentHandle, ProviderStatus};
use dhcp4o6_dbus::{Error, RELAY1, relay_path};
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

/// A relay agent of the provider.
#[derive(Clone, Debug)]
pub(super) struct Relay1(pub(super) AgentHandle);

impl Relay1 {
    fn status(&self) -> Arc<ProviderStatus> {
        Arc::clone(&self.0.status.borrow())
    }
}

#[interface(name = "org.dhcp4o6.Relay1", introspection_docs = false)]
impl Relay1 {
    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        let emitter = SignalEmitter::new(connection, relay_path(&self.0.name))?;
        Ok(announce::json([(RELAY1, announce::properties(self, &emitter).await?)]))
    }

    #[zbus(property)]
    fn name(&self) -> String {
        values::carried(&self.0.name)
    }

    #[zbus(property)]
    fn state(&self) -> &'static str {
        self.status().state
    }

    #[zbus(property)]
    fn reason(&self) -> &'static str {
        self.status().reason
    }

    #[zbus(property)]
    fn namespace(&self) -> String {
        values::carried(&self.status().namespace)
    }

    #[zbus(property)]
    fn interfaces(&self) -> Vec<String> {
        values::texts(&self.status().interfaces)
    }

    #[zbus(property)]
    fn missing(&self) -> Vec<String> {
        values::texts(&self.status().missing)
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn done(&self) -> BTreeMap<&'static str, u64> {
        self.0.work.lock().done.iter().collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.0.work.lock().refused.iter().collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> u64 {
        self.0.work.lock().sent
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> u64 {
        self.0.work.lock().received
    }
}
