//! What the supervisor, the link tasks and the bus say to each other. Only channels: nobody waits for anybody, and the
//! DHCP loop never waits for the bus.

use crate::mailbox;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::refused::Counters;
use dhcp4o6_protocol::status::Status;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};
use tracing::level_filters::LevelFilter;

/// A link for the life of its interface: a name may come back as another link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct LinkId {
    /// Inode of the network namespace.
    pub netns: u64,
    /// Interface index in it.
    pub index: u32,
}

/// The bus's end of a link task.
#[derive(Clone, Debug)]
pub struct LinkHandle {
    /// Which link.
    pub id: LinkId,
    /// Name of its namespace; `None` is the service's own.
    pub namespace: Option<String>,
    /// What operators ask. A full queue means `Busy`.
    pub commands: mailbox::Sender<LinkRequest>,
    /// The latest status; slow readers skip.
    pub status: watch::Receiver<Arc<Status>>,
    /// The latest counters.
    pub traffic: Arc<TrafficMeter>,
}

/// A command and where its answer goes.
#[derive(Debug)]
pub struct LinkRequest {
    /// What to do.
    pub command: Command,
    /// Whether it was begun. The outcome shows in the status.
    pub reply: oneshot::Sender<Result<(), Rejected>>,
}

/// Why a request was not begun. Each has a D-Bus error name.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Rejected {
    /// No link has this name.
    #[error("no configured link is called {0}")]
    NoSuchLink(String),
    /// The service does not run this link.
    #[error("the configuration does not name {0}")]
    NotManaged(String),
    /// The server does not enable DHCPv4 over DHCPv6.
    #[error("the server does not enable DHCPv4 over DHCPv6 on this link")]
    NotEnabled,
    /// There is no lease to act on.
    #[error("there is no IPv4 lease on this link")]
    NoLease,
    /// Another request is being worked on.
    #[error("another request is still being worked on; try again")]
    Busy,
    /// The configuration has mistakes; the old one stays.
    #[error("{0}")]
    ConfigInvalid(String),
    /// The state directory did not take it.
    #[error("could not be stored: {0}")]
    Storage(String),
}

/// What went through a link's sockets, and what was refused.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Traffic {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams and parts of them that were not used, by reason.
    pub refused: Counters,
}

/// Where a link task counts and the bus reads. Nobody waits for counters.
#[derive(Debug, Default)]
pub struct TrafficMeter(Mutex<Traffic>);

impl TrafficMeter {
    /// The counters now, to read or to change.
    pub fn lock(&self) -> MutexGuard<'_, Traffic> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the supervisor and the link tasks tell the bus, in order.
#[derive(Debug)]
pub enum Notice {
    /// A configured link appeared.
    Added(LinkHandle),
    /// It is gone.
    Removed(LinkId),
    /// Something happened to its lease.
    Lease(LinkId, LeaseEvent),
}

/// What the bus asks the supervisor.
#[derive(Debug)]
pub enum ServiceRequest {
    /// Read the configuration again.
    Reload(oneshot::Sender<Result<(), Rejected>>),
    /// Run this link too, until the service ends: one `[[link]]` table as TOML.
    AddLink(String, oneshot::Sender<Result<(), Rejected>>),
    /// Stop running the links that this match names, until the next reload.
    RemoveLink(String, oneshot::Sender<Result<(), Rejected>>),
    /// Replace the DUID: 3 to 130 octets. Every link begins again with it.
    SetDuid(Vec<u8>, oneshot::Sender<Result<(), Rejected>>),
}

/// What the service as a whole shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServiceStatus {
    /// Our DUID, once known.
    pub duid: Vec<u8>,
    /// `ok` or `degraded`: whether leases reach the disk.
    pub storage: &'static str,
    /// The effective configuration as TOML.
    pub configuration: String,
    /// Mistakes of the last failed reload; empty after a good one.
    pub configuration_errors: Vec<String>,
    /// Configured links that are not there.
    pub missing: Vec<MissingLink>,
}

/// A configured link that does not run because it, or its namespace, is not there.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MissingLink {
    /// The `match` of the configuration.
    pub matches: String,
    /// Name of its namespace; `None` is the service's own.
    pub namespace: Option<String>,
    /// Why: a stable kebab-case name.
    pub reason: &'static str,
}

/// Changes the least important level that is logged.
pub type LogHandle = tracing_subscriber::reload::Handle<LevelFilter, tracing_subscriber::Registry>;
