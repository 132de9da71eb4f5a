//! One connection to the bus, from its objects' making to its end.

use super::announce::{self, Properties};
use super::client::Client1;
use super::link::Link1;
use super::log_control::LogControl1;
use super::manager::Manager1;
use super::pace::Pace;
use super::registry::{Registry, Shared, path_of};
use super::relay::Relay1;
use super::relay_client::RelayClient1;
use super::server::Server1;
use super::stage::Dhcp6Stage1;
use super::statistics::Statistics1;
use super::tra::Tra1;
use super::tsv::Tsv1;
use super::values;
use crate::control::{
    AgentHandle, AgentKind, LinkHandle, LinkId, LogHandle, Notice, ProviderStatus, ServerHandle,
    ServiceRequest, ServiceStatus,
};
use crate::provider::Key;
use dhcp4o6_dbus::{
    BusAddress, LINK_INTERFACES, LOG_CONTROL_PATH, RELAY_CLIENT1, ROOT, SERVER_PATH, lcra_path, relay_path,
    tra_path,
};
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::provider::{self, TunnelBinding};
use dhcp4o6_protocol::status::Status;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, mpsc, watch};
use tokio::task::AbortHandle;
use zbus::fdo::{ObjectManager, RequestNameFlags};
use zbus::names::InterfaceName;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, ObjectPath, OwnedObjectPath};

/// How long a bus may take to greet.
const GREETING: Duration = Duration::from_secs(10);

/// Why a session is over.
#[derive(Debug)]
pub(super) enum Ended {
    /// The bus went away.
    Disconnected,
    /// The service is ending.
    NoMoreNotices,
}

/// A connection that owns the service's name.
pub(super) struct Session {
    connection: Connection,
    registry: Arc<Registry>,
    manager: Manager1,
    /// What was last announced of the service.
    announced: Properties,
    followers: BTreeMap<LinkId, AbortHandle>,
    /// Who announces each role of the provider, by its object's path.
    roles: BTreeMap<String, AbortHandle>,
    /// Who announces what the server is as IPv6-transport server.
    tsv: Option<AbortHandle>,
    /// Whoever has it may announce.
    turn: Arc<Mutex<()>>,
}

impl Session {
    /// Connects, makes the objects of every known link, takes the name, and then tells their whole state, for those who
    /// waited for the name.
    ///
    /// # Errors
    /// When there is no bus, or somebody else has the name.
    pub(super) async fn open(
        address: &BusAddress,
        name: &'static str,
        registry: &Arc<Registry>,
        requests: &mpsc::Sender<ServiceRequest>,
        service: &watch::Receiver<ServiceStatus>,
        log: &LogHandle,
    ) -> zbus::Result<Self> {
        let manager =
            Manager1 { registry: Arc::clone(registry), requests: requests.clone(), service: service.clone() };
        let log = LogControl1 { log: log.clone(), gate: Arc::clone(registry.gate()) };
        let building = address
            .connection()?
            .serve_at(ROOT, manager.clone())
            .serve_at(LOG_CONTROL_PATH, log)
            .serve_at(ROOT, ObjectManager)
            .build();
        let connection = tokio::time::timeout(GREETING, building)
            .await
            .map_err(|_| zbus::Error::Failure("the bus does not answer".into()))??;
        let mut session = Self {
            connection,
            registry: Arc::clone(registry),
            manager,
            announced: Properties::new(),
            followers: BTreeMap::new(),
            roles: BTreeMap::new(),
            tsv: None,
            turn: Arc::default(),
        };
        for link in registry.links() {
            session.publish(&link).await?;
        }
        let (server, agents) = {
            let roles = registry.roles();
            (roles.server.clone(), roles.agents.values().cloned().collect::<Vec<_>>())
        };
        if let Some(server) = server {
            session.add_server(server).await?;
        }
        for agent in agents {
            session.add_agent(agent).await?;
        }
        // Exclusively: a second service must not take the name, nor wait for it and surprise everyone later.
        session.connection.request_name_with_flags(name, RequestNameFlags::DO_NOT_QUEUE).await?;
        for link in registry.links() {
            session.follow(&link, None);
        }
        session.announce_service().await?;
        Ok(session)
    }

    /// Keeps the bus up to date until it or the service is gone.
    pub(super) async fn run(mut self, notices: &mut mpsc::UnboundedReceiver<Notice>) -> Ended {
        let mut service = self.manager.service.clone();
        let mut pace = Pace::new(Instant::now());
        let mut changed = false;
        let connection = self.connection.clone();
        let closed = connection.closed();
        tokio::pin!(closed);
        loop {
            let pause = if changed { pace.take(false, Instant::now()) } else { None };
            if changed && pause.is_none() {
                changed = false;
                if let Err(error) = self.announce_service().await {
                    tracing::debug!(%error, "telling the bus failed");
                }
            }
            let outcome = tokio::select! {
                () = &mut closed => return Ended::Disconnected,
                notice = notices.recv() => match notice {
                    Some(notice) => {
                        changed |= matches!(notice, Notice::Added(_) | Notice::Removed(_));
                        self.note(notice).await
                    }
                    None => return Ended::NoMoreNotices,
                },
                told = service.changed() => match told {
                    Ok(()) => {
                        changed = true;
                        Ok(())
                    }
                    Err(_) => return Ended::NoMoreNotices,
                },
                () = tokio::time::sleep(pause.unwrap_or_default()), if pause.is_some() => Ok(()),
            };
            if let Err(error) = outcome {
                tracing::debug!(%error, "telling the bus failed");
            }
        }
    }

    async fn note(&mut self, notice: Notice) -> zbus::Result<()> {
        match notice {
            Notice::Added(handle) => self.add(handle).await,
            Notice::Removed(id) => self.remove(id).await,
            Notice::Lease(id, endpoint, event) => self.lease(id, endpoint, &event).await,
            Notice::Server(handle) => {
                self.registry.note(Notice::Server(handle.clone()));
                self.add_server(handle).await
            }
            Notice::ServerGone => {
                self.registry.note(Notice::ServerGone);
                self.remove_server().await
            }
            Notice::Agent(handle) => {
                self.registry.note(Notice::Agent(handle.clone()));
                self.add_agent(handle).await
            }
            Notice::AgentGone(kind, name) => {
                self.registry.note(Notice::AgentGone(kind, name.clone()));
                self.remove_agent(kind, &name).await
            }
            Notice::Provider(role, notice) => {
                self.noticed(&role, notice.word(), &values::carried(notice.subject())).await
            }
            Notice::Binding(role, binding, _room) => self.binding(&role, &binding).await,
            Notice::BindingsLeftOut(role) => self.noticed(&role, "bindings-left-out", "").await,
        }
    }

    async fn add(&mut self, handle: LinkHandle) -> zbus::Result<()> {
        if self.registry.link(handle.id).is_some() {
            self.remove(handle.id).await?;
        }
        let link = self.registry.add(handle);
        let status = self.publish(&link).await?;
        self.follow(&link, Some(status));
        Ok(())
    }

    /// Makes a link's object; `InterfacesAdded` tells its state, which is returned.
    async fn publish(&self, link: &Arc<Shared>) -> zbus::Result<Arc<Status>> {
        let (server, path, status) = (self.connection.object_server(), link.path(), link.status());
        server.at(&path, Link1(Arc::clone(link))).await?;
        server.at(&path, Dhcp6Stage1(Arc::clone(link))).await?;
        server.at(&path, Client1(Arc::clone(link))).await?;
        server.at(&path, Statistics1::Link(Arc::clone(link))).await?;
        if status.hcra.is_some() {
            server.at(&path, RelayClient1::Link(Arc::clone(link))).await?;
        }
        Ok(status)
    }

    fn follow(&mut self, link: &Arc<Shared>, announced: Option<Arc<Status>>) {
        let following =
            announce::follow(self.connection.clone(), Arc::clone(link), announced, Arc::clone(&self.turn));
        let follower = tokio::spawn(following).abort_handle();
        if let Some(before) = self.followers.insert(link.handle.id, follower) {
            before.abort();
        }
    }

    async fn remove(&mut self, id: LinkId) -> zbus::Result<()> {
        if let Some(follower) = self.followers.remove(&id) {
            follower.abort();
        }
        self.registry.remove(id);
        let path = path_of(id);
        for interface in LINK_INTERFACES.into_iter().chain([RELAY_CLIENT1]) {
            let name = InterfaceName::from_static_str_unchecked(interface);
            match self.connection.object_server().remove_named(&path, name).await {
                Ok(_) | Err(zbus::Error::InterfaceNotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn lease(&self, id: LinkId, endpoint: EndpointId, event: &LeaseEvent) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, path_of(id))?;
        let status = self.registry.link(id).map(|link| link.status());
        let its = |status: &Arc<Status>| status.endpoints.iter().find(|its| its.id == endpoint).cloned();
        let name = status.as_ref().and_then(its).map(|endpoint| endpoint.name).unwrap_or_default();
        let mut lease = values::lease(&event.lease);
        lease.insert("endpoint", values::carried(name).into());
        Link1::lease_event(&emitter, event.kind.word(), lease).await
    }

    async fn add_server(&mut self, handle: ServerHandle) -> zbus::Result<()> {
        self.remove_server().await?;
        let (path, mut status) = (server_path(), handle.status.clone());
        let server = Server1 { handle, gate: Arc::clone(self.registry.gate()) };
        self.add_role(path.clone(), server.clone(), status.clone()).await?;
        let (tsv, is_tsv) = (Tsv1(server), status.borrow_and_update().tsv());
        let emitter = SignalEmitter::new(&self.connection, path.clone())?.into_owned();
        let mut announced = None;
        if is_tsv {
            announced = Some(announce::properties(&tsv, &emitter).await?);
            self.connection.object_server().at(&path, tsv.clone()).await?;
        }
        let following = tokio::spawn(announce::follow_tsv(emitter, tsv, status, announced));
        self.tsv = Some(following.abort_handle());
        Ok(())
    }

    async fn remove_server(&mut self) -> zbus::Result<()> {
        if let Some(follower) = self.tsv.take() {
            follower.abort();
        }
        self.remove_interface::<Tsv1>(&server_path()).await?;
        self.remove_role::<Server1>(&server_path()).await
    }

    async fn add_agent(&mut self, handle: AgentHandle) -> zbus::Result<()> {
        let (path, status) = (agent_path(handle.kind, &handle.name), handle.status.clone());
        match handle.kind {
            AgentKind::Relay => self.add_role(path, Relay1(handle), status).await,
            AgentKind::Tra => self.add_role(path, Tra1(handle), status).await,
            AgentKind::Lcra => {
                let counters = Statistics1::Agent(Arc::clone(&handle.work));
                self.add_role(path.clone(), RelayClient1::Agent(handle), status).await?;
                self.remove_interface::<Statistics1>(&path).await?;
                self.connection.object_server().at(&path, counters).await?;
                Ok(())
            }
        }
    }

    async fn remove_agent(&mut self, kind: AgentKind, name: &str) -> zbus::Result<()> {
        let path = agent_path(kind, name);
        match kind {
            AgentKind::Relay => self.remove_role::<Relay1>(&path).await,
            AgentKind::Tra => self.remove_role::<Tra1>(&path).await,
            AgentKind::Lcra => {
                self.remove_interface::<Statistics1>(&path).await?;
                self.remove_role::<RelayClient1>(&path).await
            }
        }
    }

    /// Makes a role's object, in place of the one before it, and tells of its changes from then on.
    async fn add_role<I: Interface + Clone>(
        &mut self,
        path: OwnedObjectPath,
        role: I,
        mut status: watch::Receiver<Arc<ProviderStatus>>,
    ) -> zbus::Result<()> {
        self.remove_role::<I>(&path).await?;
        status.borrow_and_update();
        let emitter = SignalEmitter::new(&self.connection, path.clone())?.into_owned();
        let announced = announce::properties(&role, &emitter).await?;
        self.connection.object_server().at(&path, role.clone()).await?;
        let following = tokio::spawn(announce::follow_role(emitter, role, status, announced));
        self.roles.insert(path.to_string(), following.abort_handle());
        Ok(())
    }

    async fn remove_role<I: Interface>(&mut self, path: &OwnedObjectPath) -> zbus::Result<()> {
        if let Some(follower) = self.roles.remove(path.as_str()) {
            follower.abort();
        }
        self.remove_interface::<I>(path).await
    }

    async fn remove_interface<I: Interface>(&self, path: &OwnedObjectPath) -> zbus::Result<()> {
        match self.connection.object_server().remove::<I, _>(path).await {
            Ok(_) | Err(zbus::Error::InterfaceNotFound) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tells what an operator should hear of, as a signal of the role it comes from.
    async fn noticed(&self, role: &Key, kind: &str, subject: &str) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, role_path(role))?;
        match role {
            Key::Server => Server1::noticed(&emitter, kind, subject).await,
            Key::Agent(AgentKind::Tra, _) => Tra1::noticed(&emitter, kind, subject).await,
            Key::Agent(AgentKind::Lcra, _) => RelayClient1::noticed(&emitter, kind, subject).await,
            // A relay agent of DHCPv6 has nothing to say.
            Key::Agent(AgentKind::Relay, _) => Ok(()),
        }
    }

    /// Tells which address is behind which client relay agent, or is not any more.
    async fn binding(&self, role: &Key, notice: &provider::Notice) -> zbus::Result<()> {
        use provider::Notice::{BindingAdded, BindingRemoved};
        let (BindingAdded(binding) | BindingRemoved(binding)) = notice else { return Ok(()) };
        let emitter = SignalEmitter::new(&self.connection, role_path(role))?;
        let TunnelBinding { address, agent, until } = binding;
        let (address, agent, until) = (address.to_string(), agent.to_string(), values::end(*until));
        match (role, notice) {
            (Key::Server, BindingAdded(_)) => Tsv1::binding_added(&emitter, &address, &agent, until).await,
            (Key::Server, _) => Tsv1::binding_removed(&emitter, &address, &agent).await,
            (Key::Agent(..), BindingAdded(_)) => Tra1::binding_added(&emitter, &address, &agent, until).await,
            (Key::Agent(..), _) => Tra1::binding_removed(&emitter, &address, &agent).await,
        }
    }

    async fn announce_service(&mut self) -> zbus::Result<()> {
        let emitter = SignalEmitter::new(&self.connection, ROOT)?;
        let new = announce::properties(&self.manager, &emitter).await?;
        let old = std::mem::replace(&mut self.announced, new.clone());
        announce::emit::<Manager1>(&emitter, &old, new).await
    }
}

fn server_path() -> OwnedObjectPath {
    ObjectPath::from_static_str_unchecked(SERVER_PATH).into()
}

fn agent_path(kind: AgentKind, name: &str) -> OwnedObjectPath {
    match kind {
        AgentKind::Relay => relay_path(name),
        AgentKind::Tra => tra_path(name),
        AgentKind::Lcra => lcra_path(name),
    }
}

fn role_path(role: &Key) -> OwnedObjectPath {
    match role {
        Key::Server => server_path(),
        Key::Agent(kind, name) => agent_path(*kind, name),
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for follower in self.followers.values().chain(self.roles.values()).chain(&self.tsv) {
            follower.abort();
        }
    }
}
