//! `org.dhcp4o6.RelayClient1`.

use super::announce;
use super::registry::Shared;
use super::values::{self, Dictionary};
use crate::control::{AgentHandle, Configured, ProviderStatus};
use dhcp4o6_dbus::{Error, RELAY_CLIENT1, lcra_path};
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::status::HcraStatus;
use dhcp4o6_protocol::tally::Done;
use std::collections::BTreeMap;
use std::sync::Arc;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedObjectPath, interface};

/// A client relay agent.
#[derive(Clone, Debug)]
pub(super) enum RelayClient1 {
    /// That of a link.
    Link(Arc<Shared>),
    /// An on-link one.
    Agent(AgentHandle),
}

impl RelayClient1 {
    fn path(&self) -> OwnedObjectPath {
        match self {
            Self::Link(link) => link.path(),
            Self::Agent(agent) => lcra_path(&agent.name),
        }
    }
}

/// Something of the status of a link's agent.
fn hcra<T: Default>(link: &Shared, part: impl FnOnce(&HcraStatus) -> T) -> T {
    link.status().hcra.as_ref().map(part).unwrap_or_default()
}

fn status(agent: &AgentHandle) -> Arc<ProviderStatus> {
    Arc::clone(&agent.status.borrow())
}

/// Something of an agent's settings.
fn configured<T: Default>(agent: &AgentHandle, part: impl FnOnce(&LcraSettings) -> T) -> T {
    match &status(agent).configured {
        Configured::Lcra(settings) => part(settings),
        _ => T::default(),
    }
}

#[interface(name = "org.dhcp4o6.RelayClient1", introspection_docs = false)]
impl RelayClient1 {
    #[zbus(out_args("json"))]
    async fn describe(&self, #[zbus(connection)] connection: &Connection) -> Result<String, Error> {
        let emitter = SignalEmitter::new(connection, self.path())?;
        Ok(announce::json([(RELAY_CLIENT1, announce::properties(self, &emitter).await?)]))
    }

    #[zbus(signal)]
    pub(super) async fn noticed(emitter: &SignalEmitter<'_>, kind: &str, subject: &str) -> zbus::Result<()>;

    #[zbus(property)]
    fn role(&self) -> &'static str {
        match self {
            Self::Link(_) => "hcra",
            Self::Agent(_) => "lcra",
        }
    }

    #[zbus(property)]
    fn name(&self) -> String {
        match self {
            Self::Link(link) => values::carried(&link.status().facts.name),
            Self::Agent(agent) => values::carried(&agent.name),
        }
    }

    #[zbus(property)]
    fn state(&self) -> &'static str {
        match self {
            Self::Link(link) if hcra(link, |hcra| hcra.waiting_for).is_some() => "waiting",
            Self::Link(_) => "running",
            Self::Agent(agent) => status(agent).state,
        }
    }

    #[zbus(property)]
    fn reason(&self) -> &'static str {
        match self {
            Self::Link(link) => hcra(link, |hcra| hcra.waiting_for).unwrap_or_default(),
            Self::Agent(agent) => status(agent).reason,
        }
    }

    #[zbus(property)]
    fn namespace(&self) -> String {
        match self {
            Self::Link(link) => values::carried(link.namespace()),
            Self::Agent(agent) => values::carried(&status(agent).namespace),
        }
    }

    #[zbus(property)]
    fn servers(&self) -> Vec<String> {
        match self {
            Self::Link(link) => hcra(link, |hcra| values::texts(&hcra.servers)),
            Self::Agent(agent) => values::texts(&status(agent).servers),
        }
    }

    #[zbus(property)]
    fn servers_from(&self) -> &'static str {
        match self {
            Self::Link(link) => hcra(link, values::servers_from),
            Self::Agent(agent) => status(agent).servers_from,
        }
    }

    #[zbus(property)]
    fn source(&self) -> String {
        match self {
            Self::Link(link) => hcra(link, |hcra| values::text(hcra.source)),
            Self::Agent(agent) => values::carried(&status(agent).source),
        }
    }

    #[zbus(property)]
    fn client(&self) -> &'static str {
        match self {
            Self::Link(link) => hcra(link, |hcra| hcra.client),
            Self::Agent(_) => "link",
        }
    }

    #[zbus(property)]
    fn device(&self) -> String {
        match self {
            Self::Link(link) => hcra(link, |hcra| values::carried(&hcra.device)),
            Self::Agent(agent) => configured(agent, |settings| values::carried(&settings.clients)),
        }
    }

    #[zbus(property)]
    fn upstream(&self) -> String {
        match self {
            Self::Link(link) => values::carried(&link.status().facts.name),
            Self::Agent(agent) => configured(agent, |settings| values::carried(&settings.upstream)),
        }
    }

    #[zbus(property)]
    fn renew(&self) -> &'static str {
        match self {
            Self::Link(link) => hcra(link, |hcra| if hcra.client == "builtin" { hcra.renew } else { "" }),
            Self::Agent(_) => "",
        }
    }

    #[zbus(property)]
    fn external_lease(&self) -> Dictionary {
        match self {
            Self::Link(link) => hcra(link, |hcra| hcra.seen.as_ref().map(values::lease)).unwrap_or_default(),
            Self::Agent(_) => Dictionary::new(),
        }
    }

    #[zbus(property(emits_changed_signal = "false"))]
    fn done(&self) -> BTreeMap<&'static str, u64> {
        match self {
            Self::Link(link) => hcra(link, |hcra| {
                BTreeMap::from([
                    (Done::Upstream.name(), hcra.relayed),
                    (Done::Downstream.name(), hcra.delivered),
                ])
            }),
            Self::Agent(agent) => agent.work.lock().done.iter().collect(),
        }
    }
}
