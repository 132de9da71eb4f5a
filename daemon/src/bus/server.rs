//! `org.dhcp4o6.Server1`.

use super::announce;
use super::authority::{Gate, Right, authorise, check_name};
use super::leases;
use super::values::{self, Dictionary};
use crate::clock;
use crate::control::{ProviderStatus, ServerHandle, ServerRequest};
use crate::mailbox::NotSent;
use dhcp4o6_dbus::{Error, SERVER_PATH, SERVER1};
use dhcp4o6_protocol::view::{Impossible, Lease};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, interface};

/// How long the server may take: what changes a lease waits for the disk.
const ANSWER: Duration = Duration::from_secs(20);
/// Leases on a page.
const PAGE: std::ops::RangeInclusive<u32> = 1..=1000;

/// The provider's server.
#[derive(Clone, Debug)]
pub(super) struct Server1 {
    /// Its channels.
    pub(super) handle: ServerHandle,
    /// Who may call, and how often.
    pub(super) gate: Arc<Gate>,
}

/// As many leases or bindings as were asked for, if a page may have that many.
///
/// # Errors
/// `InvalidArgument`.
pub(super) fn page_size(count: u32) -> Result<usize, Error> {
    if !PAGE.contains(&count) {
        return Err(Error::InvalidArgument(format!("a page has 1 to {} leases, not {count}", PAGE.end())));
    }
    Ok(usize::try_from(count).unwrap_or(usize::MAX))
}

impl Server1 {
    pub(super) fn status(&self) -> Arc<ProviderStatus> {
        Arc::clone(&self.handle.status.borrow())
    }

    /// The leases after that with the key `after`, at most `count`.
    pub(super) async fn page(&self, after: &str, count: usize) -> Result<Vec<Lease>, Error> {
        check_name("the key", after)?;
        let after = leases::parse_key(after)
            .ok_or_else(|| Error::InvalidArgument("the key is not that of a lease".into()))?;
        let (reply, answer) = oneshot::channel();
        self.ask(ServerRequest::Leases(after, count, reply), answer).await
    }

    async fn ask<T>(&self, request: ServerRequest, answer: oneshot::Receiver<T>) -> Result<T, Error> {
        let gone = || Error::NoSuchRole("the server is going away".into());
        self.handle.requests.try_send(request).map_err(|error| match error {
            NotSent::Full => Error::Busy("other requests are still being worked on; try again".into()),
            NotSent::Closed => gone(),
        })?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(answer) => answer.map_err(|_| gone()),
            Err(_) => Err(Error::Timeout(
                "the server did not answer in time; it may still do what was asked".into(),
            )),
        }
    }
}

fn impossible(impossible: Impossible) -> Error {
    let text = impossible.to_string();
    match impossible {
        Impossible::NoLease(_) => Error::NoLease(text),
        Impossible::NoSubnet(_) | Impossible::Unusable(_) => Error::InvalidArgument(text),
        Impossible::Taken { .. } => Error::Taken(text),
        Impossible::NotReserved(_) => Error::NoReservation(text),
        Impossible::External => Error::External(text),
        Impossible::NoStorage => Error::Storage(text),
    }
}

#[interface(name = "org.dhcp4o6.Server1", introspection_docs = false)]
impl Server1 {
    #[zbus(out_args("leases", "next"))]
    async fn list_leases(
        &self,
        after: &str,
        count: u32,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(Vec<Dictionary>, String), Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::ReadLeases).await?;
        let count = page_size(count)?;
        let page = self.page(after, count).await?;
        // A page that is not full is the last.
        let next = page.last().filter(|_| page.len() >= count).map(leases::key).unwrap_or_default();
        let now = clock::now();
        Ok((page.iter().map(|lease| leases::row(lease, now)).collect(), next))
    }

    #[zbus(out_args("pools"))]
    async fn list_pools(&self) -> Result<Vec<Dictionary>, Error> {
        let (reply, answer) = oneshot::channel();
        let pools = self.ask(ServerRequest::Pools(reply), answer).await?;
        Ok(pools.iter().map(leases::pool).collect())
    }

    #[zbus(out_args("reservations"))]
    async fn list_reservations(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<Vec<Dictionary>, Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::ReadLeases).await?;
        let (reply, answer) = oneshot::channel();
        let reserved = self.ask(ServerRequest::Reserved(reply), answer).await?;
        Ok(reserved.iter().map(|(address, holder)| leases::reservation(*address, holder)).collect())
    }

    #[zbus(out_args("subnet", "address", "steps"))]
    async fn select_test(
        &self,
        query: HashMap<String, OwnedVariant>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(String, String, Vec<(String, String)>), Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::ReadLeases).await?;
        let question = Box::new(leases::question(query)?);
        let (reply, answer) = oneshot::channel();
        let selection =
            self.ask(ServerRequest::Select(question, reply), answer).await?.map_err(impossible)?;
        let steps = selection.steps.into_iter();
        let steps = steps.map(|(rule, outcome)| (values::carried(rule), values::carried(outcome))).collect();
        let address = selection.address.map(|slot| leases::slot4_text(&slot)).unwrap_or_default();
        Ok((selection.subnet.unwrap_or_default(), address, steps))
    }

    async fn revoke(
        &self,
        address: &str,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::Control).await?;
        let address = address.parse().map_err(|_| {
            Error::InvalidArgument("the address is neither an IPv4 nor an IPv6 address".into())
        })?;
        let (reply, answer) = oneshot::channel();
        self.ask(ServerRequest::Revoke(address, reply), answer).await?.map_err(impossible)
    }

    async fn reserve(
        &self,
        address: &str,
        kind: &str,
        holder: Vec<u8>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::Configure).await?;
        let address = leases::address4("the address", address)?;
        let holder = leases::holder(kind, holder)?;
        let (reply, answer) = oneshot::channel();
        self.ask(ServerRequest::Reserve(address, holder, reply), answer).await?.map_err(impossible)
    }

    async fn unreserve(
        &self,
        address: &str,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let _pass = authorise(&self.gate, connection, &header, Right::Configure).await?;
        let address = leases::address4("the address", address)?;
        let (reply, answer) = oneshot::channel();
        self.ask(ServerRequest::Unreserve(address, reply), answer).await?.map_err(impossible)
    }

    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        let emitter = SignalEmitter::new(connection, SERVER_PATH)?;
        Ok(announce::json([(SERVER1, announce::properties(self, &emitter).await?)]))
    }

    #[zbus(signal)]
    pub(super) async fn noticed(emitter: &SignalEmitter<'_>, kind: &str, subject: &str) -> zbus::Result<()>;

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

    #[zbus(property)]
    fn storage(&self) -> &'static str {
        self.status().storage
    }

    #[zbus(property)]
    fn engine(&self) -> &'static str {
        self.status().engine
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn done(&self) -> BTreeMap<&'static str, u64> {
        self.handle.work.lock().done.iter().collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn refused(&self) -> BTreeMap<&'static str, u64> {
        self.handle.work.lock().refused.iter().collect()
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn sent(&self) -> u64 {
        self.handle.work.lock().sent
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn received(&self) -> u64 {
        self.handle.work.lock().received
    }
}
