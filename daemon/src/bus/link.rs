//! `org.dhcp4o6.Link1`.

use super::announce;
use super::authority::{Right, authorise};
use super::registry::Shared;
use super::values::{self, Dictionary};
use crate::clock;
use crate::control::LinkRequest;
use crate::mailbox::NotSent;
use dhcp4o6_dbus::{Error, Step};
use dhcp4o6_protocol::explain::explain;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::machine::Command;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use zbus::message::Header;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, interface};

/// How long a link may take to say whether it has begun.
const ANSWER: Duration = Duration::from_secs(20);

/// A link.
#[derive(Clone, Debug)]
pub(super) struct Link1(pub(super) Arc<Shared>);

impl Link1 {
    async fn command(
        &self,
        command: Command,
        connection: &Connection,
        header: &Header<'_>,
    ) -> Result<(), Error> {
        let _pass = authorise(&self.0.gate, connection, header, Right::Control).await?;
        let (reply, answer) = oneshot::channel();
        let gone = || Error::NoSuchLink(format!("the link {} is going away", self.name()));
        self.0.handle.commands.try_send(LinkRequest { command, reply }).map_err(|error| match error {
            NotSent::Full => Error::Busy("other requests are still being worked on; try again".into()),
            NotSent::Closed => gone(),
        })?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(begun)) => begun.map_err(Error::from),
            Ok(Err(_)) => Err(gone()),
            Err(_) => {
                Err(Error::Timeout("the link did not answer in time; it may still do what was asked".into()))
            }
        }
    }
}

#[interface(name = "org.dhcp4o6.Link1", introspection_docs = false)]
impl Link1 {
    async fn start(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Start, connection, &header).await
    }

    async fn stop(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Stop, connection, &header).await
    }

    async fn renew(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Renew, connection, &header).await
    }

    async fn rebind(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Rebind, connection, &header).await
    }

    async fn release(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Release, connection, &header).await
    }

    async fn restart(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        self.command(Command::Restart, connection, &header).await
    }

    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        Ok(announce::describe(connection, &self.0).await?)
    }

    #[zbus(out_args("steps"))]
    fn explain(&self) -> Vec<Step> {
        explain(&self.0.status(), clock::now())
            .into_iter()
            .map(|step| Step {
                name: step.name.to_owned(),
                verdict: step.verdict.word().to_owned(),
                evidence: values::carried(step.evidence),
            })
            .collect()
    }

    /// The name leaves `state_changed` to the property of that name.
    #[zbus(signal, name = "StateChanged")]
    pub(super) async fn entered_state(
        emitter: &SignalEmitter<'_>,
        new: &str,
        old: &str,
        reason: &str,
        boottime_usec: u64,
    ) -> zbus::Result<()>;

    #[zbus(signal)]
    pub(super) async fn lease_event(
        emitter: &SignalEmitter<'_>,
        kind: &str,
        lease: Dictionary,
    ) -> zbus::Result<()>;

    #[zbus(property)]
    fn name(&self) -> String {
        values::carried(&self.0.status().facts.name)
    }

    #[zbus(property)]
    fn namespace(&self) -> String {
        values::carried(self.0.namespace())
    }

    #[zbus(property)]
    fn index(&self) -> u32 {
        self.0.handle.id.index
    }

    #[zbus(property)]
    fn state(&self) -> &'static str {
        self.0.status().state.word()
    }

    #[zbus(property)]
    fn reason(&self) -> &'static str {
        self.0.status().reason
    }

    #[zbus(property)]
    fn since(&self) -> u64 {
        self.0.status().since.as_micros()
    }

    #[zbus(property)]
    fn stopped(&self) -> bool {
        self.0.status().stopped
    }

    #[zbus(property)]
    fn ip4_config(&self) -> Dictionary {
        values::ip4_config(&self.0.status())
    }

    #[zbus(property)]
    fn endpoints(&self) -> Vec<Dictionary> {
        self.0.status().endpoints.iter().map(values::endpoint).collect()
    }

    #[zbus(property)]
    fn last_error(&self) -> Dictionary {
        values::last_error(&self.0.status())
    }

    #[zbus(property)]
    fn up(&self) -> bool {
        self.0.status().facts.up
    }

    #[zbus(property)]
    fn carrier(&self) -> bool {
        self.0.status().facts.carrier
    }

    #[zbus(property)]
    fn hardware_address(&self) -> Vec<u8> {
        self.0.status().facts.hardware.octets.clone()
    }

    #[zbus(property)]
    fn mtu(&self) -> u32 {
        self.0.status().facts.mtu
    }

    #[zbus(property)]
    fn link_local(&self) -> String {
        values::text(self.0.status().facts.link_local())
    }

    #[zbus(property)]
    fn router_advertisement(&self) -> Dictionary {
        values::router_advertisement(&self.0.status())
    }

    #[zbus(property)]
    fn target(&self) -> String {
        self.0
            .status()
            .facts
            .target(EndpointId::FIRST)
            .map(|target| values::carried(&target.name))
            .unwrap_or_default()
    }
}
