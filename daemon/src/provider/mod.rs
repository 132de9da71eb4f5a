//! The provider's side, a server and relay agents in any number of network namespaces; and on-link client relay agents,
//! which are the subscriber's and run in the same way.
//!
//! [`supervisor`] watches the kernel, the configuration and the bus and decides what runs where. Each namespace with a
//! role has one [`task`] that owns the roles and the sockets they share; [`crew`] is all of these tasks. [`role`] is one
//! role with its counters, [`agent`] what the configuration says of one, [`journal`] what the server's leases wait for,
//! [`dispatch`] tells whose a datagram is, [`bindings`] what of it the bus hears, [`socket`] moves datagrams.

pub mod agent;
mod bindings;
pub mod crew;
mod dispatch;
mod journal;
mod role;
mod socket;
mod supervisor;
pub mod task;
#[cfg(test)]
pub mod tests;

pub use supervisor::Supervisor;

use crate::clock::Clock;
use crate::config::ServerConfig;
use crate::control::{AgentKind, MissingLink, Notice, ProviderStatus};
use bindings::{Admission, Bindings};
use dhcp4o6_protocol::provider;
use dhcp4o6_protocol::role::server::EngineSettings;
use dhcp4o6_protocol::time::Instant;
use socket::{Inbox, Outlet};
use std::cell::{Ref, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Which role.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Key {
    /// The server.
    Server,
    /// The agent of this kind and name.
    Agent(AgentKind, String),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Server => f.write_str("server"),
            Self::Agent(_, name) => f.write_str(name),
        }
    }
}

/// What all tasks share. They run on one thread and borrow only while they do not wait.
pub struct Shared {
    /// Deadlines.
    pub clock: Clock,
    /// The status of a role has changed.
    pub changed: Notify,
    /// To the bus.
    notices: mpsc::UnboundedSender<Notice>,
    inbox: RefCell<Inbox>,
    outlet: RefCell<Outlet>,
    statuses: RefCell<BTreeMap<Key, Arc<ProviderStatus>>>,
    bindings: RefCell<Bindings>,
}

impl Shared {
    /// For tasks that tell the bus by `notices`.
    pub fn new(clock: Clock, notices: mpsc::UnboundedSender<Notice>) -> Self {
        Self {
            clock,
            changed: Notify::new(),
            notices,
            inbox: RefCell::new(Inbox::new()),
            outlet: RefCell::new(Outlet::new()),
            statuses: RefCell::default(),
            bindings: RefCell::new(Bindings::new()),
        }
    }

    fn tell(&self, notice: Notice) {
        // Without a bus nobody listens.
        let _ = self.notices.send(notice);
    }

    /// Tells which address is behind which client relay agent, or that it is not any more, unless that is too much.
    fn tell_binding(&self, now: Instant, role: &Key, binding: provider::Notice) {
        match self.bindings.borrow_mut().admit(now, role) {
            Admission::Told(room) => self.tell(Notice::Binding(role.clone(), binding, room)),
            Admission::LeftOut => {
                tracing::warn!(%role, "more bindings than the bus can be told; some are left out");
                self.tell(Notice::BindingsLeftOut(role.clone()));
            }
            Admission::Silent => {}
        }
    }

    /// Remembers how a role is.
    fn note(&self, key: &Key, status: &Arc<ProviderStatus>) {
        self.statuses.borrow_mut().insert(key.clone(), Arc::clone(status));
        self.changed.notify_one();
    }

    /// Forgets a role.
    fn forget(&self, key: &Key) {
        self.statuses.borrow_mut().remove(key);
        self.bindings.borrow_mut().forget(key);
    }

    /// How every role is.
    pub fn statuses(&self) -> Ref<'_, BTreeMap<Key, Arc<ProviderStatus>>> {
        self.statuses.borrow()
    }
}

/// The word on the bus.
fn engine(config: &ServerConfig) -> &'static str {
    match config.settings.engine {
        EngineSettings::Builtin(_) => "builtin",
        EngineSettings::External(_) => "external",
    }
}

/// The interfaces that these roles are configured for and that are not there.
pub fn missing_interfaces<'s>(
    statuses: impl Iterator<Item = &'s Arc<ProviderStatus>>,
) -> impl Iterator<Item = MissingLink> {
    statuses.flat_map(|status| {
        status.missing.iter().map(|name| MissingLink {
            matches: name.clone(),
            namespace: (!status.namespace.is_empty()).then(|| status.namespace.clone()),
            reason: if status.state == "failed" { status.reason } else { "no-such-link" },
        })
    })
}
