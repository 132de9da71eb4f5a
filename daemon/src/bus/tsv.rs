//! `org.dhcp4o6.Tsv1`.

use super::announce;
use super::authority::{Right, authorise};
use super::leases;
use super::server::{Server1, page_size};
use super::values::{self, Dictionary};
use crate::clock;
use crate::control::Configured;
use dhcp4o6_dbus::{Error, SERVER_PATH, TSV1};
use dhcp4o6_protocol::role::tsv::TsvSettings;
use std::net::Ipv4Addr;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

/// The provider's server as IPv6-transport server.
#[derive(Clone, Debug)]
pub(super) struct Tsv1(pub(super) Server1);

impl Tsv1 {
    /// Something of its settings and option 54.
    fn configured<T: Default>(&self, part: impl FnOnce(&TsvSettings, Option<Ipv4Addr>) -> T) -> T {
        match &self.0.status().configured {
            Configured::Tsv(settings, server_id) => part(settings, *server_id),
            _ => T::default(),
        }
    }
}

#[interface(name = "org.dhcp4o6.Tsv1", introspection_docs = false)]
impl Tsv1 {
    #[zbus(out_args("bindings", "next"))]
    async fn list_bindings(
        &self,
        after: &str,
        count: u32,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(Vec<Dictionary>, String), Error> {
        let _pass = authorise(&self.0.gate, connection, &header, Right::ReadLeases).await?;
        let count = page_size(count)?;
        let page = self.0.page(after, count).await?;
        let now = clock::now();
        let bindings = page.iter().filter_map(|lease| leases::tunnel_binding(lease, now)).collect();
        // IPv4 comes first: behind it there are no more.
        let next = page.last().filter(|last| page.len() >= count && leases::is_ipv4(last));
        Ok((bindings, next.map(leases::key).unwrap_or_default()))
    }

    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        let emitter = SignalEmitter::new(connection, SERVER_PATH)?;
        Ok(announce::json([(TSV1, announce::properties(self, &emitter).await?)]))
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

    #[zbus(property)]
    fn addresses(&self) -> Vec<String> {
        self.configured(|settings, _| values::texts(&settings.addresses))
    }

    #[zbus(property)]
    fn server_id(&self) -> String {
        self.configured(|_, server_id| values::text(server_id))
    }

    #[zbus(property)]
    fn sources(&self) -> Vec<String> {
        self.configured(|settings, _| values::texts(&settings.accept_from))
    }

    #[zbus(property)]
    fn cra6addr(&self) -> u8 {
        self.configured(|settings, _| settings.cra6addr)
    }

    #[zbus(property)]
    fn relay_encapsulation(&self) -> &'static str {
        self.configured(|settings, _| values::encapsulation(settings.encapsulation))
    }
}
