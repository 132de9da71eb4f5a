//! `org.dhcp4o6.Tra1`.

use super::announce;
use super::values;
use crate::control::{AgentHandle, Configured, ProviderStatus};
use dhcp4o6_dbus::{Error, TRA1, tra_path};
use dhcp4o6_protocol::role::tra::TraSettings;
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

/// An IPv6-transport relay agent of the provider.
#[derive(Clone, Debug)]
pub(super) struct Tra1(pub(super) AgentHandle);

impl Tra1 {
    fn status(&self) -> Arc<ProviderStatus> {
        Arc::clone(&self.0.status.borrow())
    }

    /// Something of its settings.
    fn configured<T: Default>(&self, part: impl FnOnce(&TraSettings) -> T) -> T {
        match &self.status().configured {
            Configured::Tra(settings) => part(settings),
            _ => T::default(),
        }
    }
}

#[interface(name = "org.dhcp4o6.Tra1", introspection_docs = false)]
impl Tra1 {
    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        let emitter = SignalEmitter::new(connection, tra_path(&self.0.name))?;
        Ok(announce::json([(TRA1, announce::properties(self, &emitter).await?)]))
    }

    #[zbus(signal)]
    pub(super) async fn binding_added(
        emitter: &SignalEmitter<'_>,
        address: &str,
        agent: &str,
        valid_until: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn binding_removed(
        emitter: &SignalEmitter<'_>,
        address: &str,
        agent: &str,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn noticed(emitter: &SignalEmitter<'_>, kind: &str, subject: &str) -> zbus::Result<()>;

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
    fn addresses(&self) -> Vec<String> {
        self.configured(|settings| values::texts(&settings.addresses))
    }

    #[zbus(property)]
    fn sources(&self) -> Vec<String> {
        self.configured(|settings| values::texts(&settings.accept_from))
    }

    #[zbus(property)]
    fn servers(&self) -> Vec<String> {
        self.configured(|settings| values::texts(&settings.servers))
    }

    #[zbus(property)]
    fn giaddr(&self) -> String {
        self.configured(|settings| settings.giaddr.to_string())
    }

    #[zbus(property)]
    fn cra6addr(&self) -> u8 {
        self.configured(|settings| settings.cra6addr)
    }

    #[zbus(property)]
    fn relay_encapsulation(&self) -> &'static str {
        self.configured(|settings| values::encapsulation(settings.encapsulation))
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
