//! Which links and roles there are, for everyone on the bus side.

use super::authority::Gate;
use crate::control::{AgentHandle, AgentKind, LinkHandle, LinkId, Notice, ServerHandle};
use dhcp4o6_dbus::{Error, link_path};
use dhcp4o6_protocol::status::Status;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use tokio::sync::watch;
use zbus::OwnedObjectPath;

/// What the objects of one link share.
#[derive(Debug)]
pub(super) struct Shared {
    /// The link's channels.
    pub(super) handle: LinkHandle,
    /// Who may call, and how often.
    pub(super) gate: Arc<Gate>,
}

impl Shared {
    /// The latest status.
    pub(super) fn status(&self) -> Arc<Status> {
        self.handle.status.borrow().clone()
    }

    /// The same link with a status that does not move.
    pub(super) fn frozen(&self, status: &Arc<Status>) -> Arc<Self> {
        let (_, status) = watch::channel(Arc::clone(status));
        let handle = LinkHandle { status, ..self.handle.clone() };
        Arc::new(Self { handle, gate: Arc::clone(&self.gate) })
    }

    /// Its object's path.
    pub(super) fn path(&self) -> OwnedObjectPath {
        path_of(self.handle.id)
    }

    /// Its namespace; empty is the service's own.
    pub(super) fn namespace(&self) -> &str {
        self.handle.namespace.as_deref().unwrap_or_default()
    }
}

/// The path of a link's object.
pub(super) fn path_of(id: LinkId) -> OwnedObjectPath {
    link_path(id.netns, id.index)
}

/// The provider's roles that run.
#[derive(Debug, Default)]
pub(super) struct Roles {
    pub(super) server: Option<ServerHandle>,
    /// By name.
    pub(super) agents: BTreeMap<(AgentKind, String), AgentHandle>,
}

/// The links and roles that run.
#[derive(Debug, Default)]
pub(super) struct Registry {
    links: RwLock<BTreeMap<LinkId, Arc<Shared>>>,
    roles: Mutex<Roles>,
    gate: Arc<Gate>,
}

impl Registry {
    /// The provider's roles.
    pub(super) fn roles(&self) -> MutexGuard<'_, Roles> {
        self.roles.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Follows a notice. Events leave no trace here.
    pub(super) fn note(&self, notice: Notice) {
        match notice {
            Notice::Added(handle) => drop(self.add(handle)),
            Notice::Removed(id) => drop(self.remove(id)),
            Notice::Server(handle) => self.roles().server = Some(handle),
            Notice::ServerGone => self.roles().server = None,
            Notice::Agent(handle) => {
                drop(self.roles().agents.insert((handle.kind, handle.name.clone()), handle));
            }
            Notice::AgentGone(kind, name) => drop(self.roles().agents.remove(&(kind, name))),
            Notice::Lease(..) | Notice::Provider(..) | Notice::Binding(..) | Notice::BindingsLeftOut(_) => {}
        }
    }

    /// Takes a link in; the one it replaces, if any, is forgotten.
    pub(super) fn add(&self, handle: LinkHandle) -> Arc<Shared> {
        let link = Arc::new(Shared { handle, gate: Arc::clone(&self.gate) });
        let mut links = self.links.write().unwrap_or_else(PoisonError::into_inner);
        links.insert(link.handle.id, Arc::clone(&link));
        link
    }

    /// Forgets a link.
    pub(super) fn remove(&self, id: LinkId) -> Option<Arc<Shared>> {
        self.links.write().unwrap_or_else(PoisonError::into_inner).remove(&id)
    }

    /// One link.
    pub(super) fn link(&self, id: LinkId) -> Option<Arc<Shared>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Every link, in the order of their ids.
    pub(super) fn links(&self) -> Vec<Arc<Shared>> {
        self.links.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Who may call, and how often.
    pub(super) fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// The link of this name: with an empty namespace, the one in the service's own, or else the only one.
    pub(super) fn named(&self, name: &str, namespace: &str) -> Result<Arc<Shared>, Error> {
        let mut found: Vec<_> =
            self.links().into_iter().filter(|link| link.handle.status.borrow().facts.name == name).collect();
        if !namespace.is_empty() || found.iter().any(|link| link.handle.namespace.is_none()) {
            found.retain(|link| link.namespace() == namespace);
        }
        if found.len() > 1 {
            let places: Vec<_> = found.iter().map(|link| link.namespace()).collect();
            return Err(Error::Ambiguous(format!(
                "{name} exists in several namespaces: {}",
                places.join(", ")
            )));
        }
        found.pop().ok_or_else(|| match namespace {
            "" => Error::NoSuchLink(format!("no configured link is called {name}")),
            _ => Error::NoSuchLink(format!("no configured link in namespace {namespace} is called {name}")),
        })
    }
}
