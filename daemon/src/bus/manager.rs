//! `org.dhcp4o6.Manager1`.

use super::authority::{Right, authorise, check_name};
use super::registry::Registry;
use super::values;
use crate::control::{Rejected, ServiceRequest, ServiceStatus};
use dhcp4o6_dbus::{Error, LinkSummary, Missing, to_json};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};
use zbus::message::Header;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, OwnedObjectPath, interface};

/// How long the supervisor may take: a reload reads files and touches every link.
const ANSWER: Duration = Duration::from_secs(20);

/// The service as a whole.
#[derive(Clone, Debug)]
pub(super) struct Manager1 {
    pub(super) registry: Arc<Registry>,
    pub(super) requests: mpsc::Sender<ServiceRequest>,
    pub(super) service: watch::Receiver<ServiceStatus>,
}

impl Manager1 {
    async fn ask(
        &self,
        right: Right,
        connection: &Connection,
        header: &Header<'_>,
        request: ServiceRequest,
        answer: oneshot::Receiver<Result<(), Rejected>>,
    ) -> Result<(), Error> {
        let _pass = authorise(self.registry.gate(), connection, header, right).await?;
        self.requests
            .try_send(request)
            .map_err(|_| Error::Busy("other requests are still being worked on; try again".into()))?;
        match tokio::time::timeout(ANSWER, answer).await {
            Ok(Ok(done)) => done.map_err(Error::from),
            Ok(Err(_)) => Err(Error::Busy("the service is stopping".into())),
            Err(_) => Err(Error::Timeout(
                "the service did not answer in time; it may still do what was asked".into(),
            )),
        }
    }
}

#[interface(name = "org.dhcp4o6.Manager1", introspection_docs = false)]
impl Manager1 {
    #[zbus(out_args("links"))]
    fn list_links(&self) -> Vec<LinkSummary> {
        let summary = |link: &Arc<super::registry::Shared>| {
            let status = link.status();
            LinkSummary {
                path: link.path(),
                name: values::carried(&status.facts.name),
                namespace: values::carried(link.namespace()),
                state: status.state.word().to_owned(),
            }
        };
        self.registry.links().iter().map(summary).collect()
    }

    #[zbus(out_args("link"))]
    fn get_link_by_name(&self, name: &str, namespace: &str) -> Result<OwnedObjectPath, Error> {
        check_name("the name", name)?;
        check_name("the namespace", namespace)?;
        self.registry.named(name, namespace).map(|link| link.path())
    }

    async fn add_link(
        &self,
        toml: String,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Right::Configure, connection, &header, ServiceRequest::AddLink(toml, reply), answer).await
    }

    async fn remove_link(
        &self,
        r#match: String,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        check_name("the match", &r#match)?;
        let (reply, answer) = oneshot::channel();
        self.ask(Right::Configure, connection, &header, ServiceRequest::RemoveLink(r#match, reply), answer)
            .await
    }

    async fn reload(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Right::Control, connection, &header, ServiceRequest::Reload(reply), answer).await
    }

    async fn set_duid(
        &self,
        duid: Vec<u8>,
        #[zbus(connection)] connection: &Connection,
        #[zbus(header)] header: Header<'_>,
    ) -> Result<(), Error> {
        if !(3..=130).contains(&duid.len()) {
            return Err(Error::InvalidArgument(format!(
                "a DUID has 3 to 130 octets; this has {}",
                duid.len()
            )));
        }
        let (reply, answer) = oneshot::channel();
        self.ask(Right::Configure, connection, &header, ServiceRequest::SetDuid(duid, reply), answer).await
    }

    #[zbus(out_args("json"))]
    async fn describe(
        &self,
        #[zbus(connection)] connection: &Connection,
        #[zbus(signal_emitter)] emitter: SignalEmitter<'_>,
    ) -> Result<String, Error> {
        let properties = self.get_all(connection.object_server(), connection, None, &emitter).await;
        let mut all: serde_json::Map<_, _> = properties
            .map_err(zbus::Error::from)?
            .into_iter()
            .map(|(name, value)| (name, to_json(&value)))
            .collect();
        all.insert("Configuration".into(), self.service.borrow().configuration.clone().into());
        Ok(serde_json::Value::Object(all).to_string())
    }

    #[zbus(property(emits_changed_signal = "const"))]
    fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    #[zbus(property)]
    fn duid(&self) -> Vec<u8> {
        self.service.borrow().duid.clone()
    }

    #[zbus(property)]
    fn storage(&self) -> &'static str {
        self.service.borrow().storage
    }

    #[zbus(property)]
    fn links(&self) -> Vec<OwnedObjectPath> {
        self.registry.links().iter().map(|link| link.path()).collect()
    }

    #[zbus(property)]
    fn missing(&self) -> Vec<Missing> {
        let missing = |link: &crate::control::MissingLink| Missing {
            matches: values::carried(&link.matches),
            namespace: values::text(link.namespace.as_ref()),
            reason: link.reason.to_owned(),
        };
        self.service.borrow().missing.iter().map(missing).collect()
    }

    #[zbus(property)]
    fn configuration_errors(&self) -> Vec<String> {
        values::texts(&self.service.borrow().configuration_errors)
    }
}

impl From<Rejected> for Error {
    fn from(rejected: Rejected) -> Self {
        let text = values::carried(rejected.to_string());
        match rejected {
            Rejected::NoSuchLink(_) => Self::NoSuchLink(text),
            Rejected::NotManaged(_) => Self::NotManaged(text),
            Rejected::NotEnabled => Self::NotEnabled(text),
            Rejected::NoLease => Self::NoLease(text),
            Rejected::Busy => Self::Busy(text),
            Rejected::ConfigInvalid(_) => Self::ConfigInvalid(text),
            Rejected::Storage(_) => Self::Storage(text),
        }
    }
}
