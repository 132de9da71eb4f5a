//! What the supervisor, the link tasks and the bus say to each other. Only channels: nobody waits for anybody, and the
//! DHCP loop never waits for the bus.

use crate::mailbox;
use crate::provider::Key;
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::provider;
use dhcp4o6_protocol::refused::Counters;
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::role::server::{EngineSettings, ServerSettings};
use dhcp4o6_protocol::role::tra::TraSettings;
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::status::Status;
use dhcp4o6_protocol::tally::Tally;
use dhcp4o6_protocol::view::{After, Impossible, Lease, PoolUse, Question, Selection};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{OwnedSemaphorePermit, oneshot, watch};
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

/// The bus's end of the provider's server.
#[derive(Clone, Debug)]
pub struct ServerHandle {
    /// What operators ask. A full queue means `Busy`.
    pub requests: mailbox::Sender<ServerRequest>,
    /// The latest status; slow readers skip.
    pub status: watch::Receiver<Arc<ProviderStatus>>,
    /// The latest counters.
    pub work: Arc<WorkMeter>,
}

/// What an agent relays.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum AgentKind {
    /// DHCPv6, and DHCPv4 over it: `[[relay]]`.
    Relay,
    /// DHCPv4 over IPv6 to DHCPv4 servers: `[[tra]]`.
    Tra,
    /// DHCPv4 of a link over IPv6: `[[lcra]]`, on the subscriber's side.
    Lcra,
}

/// The bus's end of one agent.
#[derive(Clone, Debug)]
pub struct AgentHandle {
    /// What it is.
    pub kind: AgentKind,
    /// Its configured name: unique in its kind, and the last part of its object path after escaping.
    pub name: String,
    /// The latest status; slow readers skip.
    pub status: watch::Receiver<Arc<ProviderStatus>>,
    /// The latest counters.
    pub work: Arc<WorkMeter>,
}

/// What a role of the provider shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ProviderStatus {
    /// `starting`, `running`, `degraded` or `failed`.
    pub state: &'static str,
    /// Why it is not running: a stable kebab-case name, empty while it is.
    pub reason: &'static str,
    /// Name of its namespace; empty is the service's own.
    pub namespace: String,
    /// Configured interfaces that are there and up.
    pub interfaces: Vec<String>,
    /// Configured interfaces that are not.
    pub missing: Vec<String>,
    /// Where leases go: `ok` or `degraded`; empty for relay agents.
    pub storage: &'static str,
    /// `builtin` or `external`; empty for relay agents.
    pub engine: &'static str,
    /// Addresses that an agent relays to, as it uses them now; empty for the server.
    pub servers: Vec<String>,
    /// Whence an agent has these: `configured`, or `link` for those that the network told the link above; empty while
    /// there are none.
    pub servers_from: &'static str,
    /// Own address that an agent speaks from to its servers: that of an LCRA's upstream interface, a TRA's giaddr. Empty
    /// when it has none, or the kernel chooses.
    pub source: String,
    /// Its settings.
    pub configured: Configured,
}

impl ProviderStatus {
    /// The server answers DHCPv4 over IPv6 and over IPv4 too: UDP port 67.
    pub fn tsv(&self) -> bool {
        matches!(self.configured, Configured::Tsv(..))
    }
}

/// What the configuration says of a role, as far as the bus shows it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Configured {
    /// Nothing.
    #[default]
    Nothing,
    /// The server is an IPv6-transport server, too; and option 54 of its answers, `None` where others give that.
    Tsv(Box<TsvSettings>, Option<Ipv4Addr>),
    /// Of an IPv6-transport relay agent.
    Tra(Box<TraSettings>),
    /// Of an on-link client relay agent.
    Lcra(Box<LcraSettings>),
}

impl From<&ServerSettings> for Configured {
    fn from(settings: &ServerSettings) -> Self {
        let server_id = match &settings.engine {
            EngineSettings::Builtin(engine) => Some(engine.server_id),
            EngineSettings::External(_) => None,
        };
        settings.tsv.clone().map_or(Self::Nothing, |tsv| Self::Tsv(Box::new(tsv), server_id))
    }
}

impl From<&TraSettings> for Configured {
    fn from(settings: &TraSettings) -> Self {
        Self::Tra(Box::new(settings.clone()))
    }
}

impl From<&LcraSettings> for Configured {
    fn from(settings: &LcraSettings) -> Self {
        Self::Lcra(Box::new(settings.clone()))
    }
}

/// What a role of the provider did and refused.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Work {
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams received.
    pub received: u64,
    /// What was done, by kind.
    pub done: Tally,
    /// What was not done, by reason.
    pub refused: Counters,
}

/// Where a provider's task counts and the bus reads.
#[derive(Debug, Default)]
pub struct WorkMeter(Mutex<Work>);

impl WorkMeter {
    /// The counters now, to read or to change.
    pub fn lock(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What the bus asks the server's task, which answers between two datagrams.
#[derive(Debug)]
pub enum ServerRequest {
    /// Leases after this one, at most so many.
    Leases(After, usize, oneshot::Sender<Vec<Lease>>),
    /// How full the pools are.
    Pools(oneshot::Sender<Vec<PoolUse>>),
    /// Reservations that operators made.
    Reserved(oneshot::Sender<Vec<(Ipv4Addr, Holder)>>),
    /// What a query would get.
    Select(Box<Question>, oneshot::Sender<Result<Selection, Impossible>>),
    /// End the leases of an address. Answered when that is durable.
    Revoke(IpAddr, oneshot::Sender<Result<(), Impossible>>),
    /// Keep an address for somebody. Answered when that is durable.
    Reserve(Ipv4Addr, Holder, oneshot::Sender<Result<(), Impossible>>),
    /// Take that back. Answered when that is durable.
    Unreserve(Ipv4Addr, oneshot::Sender<Result<(), Impossible>>),
}

/// What the supervisors and the tasks tell the bus, in order.
#[derive(Debug)]
pub enum Notice {
    /// The provider's server began, or began anew.
    Server(ServerHandle),
    /// It is gone.
    ServerGone,
    /// An agent began, or began anew.
    Agent(AgentHandle),
    /// The agent of this name is gone.
    AgentGone(AgentKind, String),
    /// Something an operator should hear of, and of which role.
    Provider(Key, provider::Notice),
    /// Which address is behind which client relay agent, or is not any more, as a role has it. It takes room until it is
    /// dropped.
    Binding(Key, provider::Notice, OwnedSemaphorePermit),
    /// Such were left out, because there were too many: at most once a second.
    BindingsLeftOut(Key),
    /// A configured link appeared.
    Added(LinkHandle),
    /// It is gone.
    Removed(LinkId),
    /// Something happened to the lease of one of its endpoints.
    Lease(LinkId, EndpointId, LeaseEvent),
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
