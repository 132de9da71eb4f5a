//! What a link shows of itself: everything the bus publishes, `explain` argues with, and tests look at.

use crate::facts::{LinkFacts, Noted};
use crate::ids::{ClientId, Duid, EndpointId, Iaid};
use crate::lease::{Ipv4Config, Lease4, Lease6};
use crate::permit::Permit;
use crate::time::Instant;
use std::net::Ipv6Addr;
use std::sync::Arc;

/// The link in one word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LinkState {
    /// Stopped, or the interface is missing or administratively down.
    #[default]
    Down,
    /// Up, without carrier.
    NoCarrier,
    /// No link-local address that passed duplicate address detection.
    WaitIpv6,
    /// The DHCPv6 stage has no configuration.
    Dhcp6,
    /// The DHCPv6 stage is configured; the server does not enable DHCPv4 over DHCPv6.
    NotEnabled,
    /// On the way to an IPv4 lease.
    Acquiring,
    /// IPv4 is installed.
    Bound,
    /// As `Bound`; the lease is being extended with its server.
    Renewing,
    /// As `Bound`; the lease is being extended with any server.
    Rebinding,
    /// A lease is held, but something is wrong: not installed, not extendable, not stored.
    Degraded,
    /// The lease ended and nobody gave another; still trying.
    Expired,
    /// Cannot go on without an operator; tried again with back-off.
    Failed,
}

impl LinkState {
    /// The word on the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Down => "down",
            Self::NoCarrier => "no-carrier",
            Self::WaitIpv6 => "wait-ipv6",
            Self::Dhcp6 => "dhcp6",
            Self::NotEnabled => "not-enabled",
            Self::Acquiring => "acquiring",
            Self::Bound => "bound",
            Self::Renewing => "renewing",
            Self::Rebinding => "rebinding",
            Self::Degraded => "degraded",
            Self::Expired => "expired",
            Self::Failed => "failed",
        }
    }
}

/// Everything about one link.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Status {
    /// In one word.
    pub state: LinkState,
    /// Why it is in that state: a stable kebab-case name.
    pub reason: &'static str,
    /// Since when.
    pub since: Instant,
    /// The kernel's view.
    pub facts: Arc<LinkFacts>,
    /// The operator stopped it.
    pub stopped: bool,
    /// The DHCPv6 stage.
    pub dhcp6: Dhcp6Status,
    /// Leave to run the 4o6 client, if given.
    pub permit: Option<Permit>,
    /// One of `none`, `valid`, `suspended`, `withdrawn`, `expired`, `refused`.
    pub permit_state: &'static str,
    /// The DHCPv4 client of the first endpoint.
    pub client4: Client4Status,
    /// What is on the target interface of the first endpoint and published, once the kernel has taken it.
    pub ipv4: Option<Ipv4Config>,
    /// Every endpoint, the first included, in the order of the configuration. Empty while nothing runs.
    pub endpoints: Vec<EndpointStatus>,
    /// The host Client Relay Agent, where one runs or waits to run.
    pub hcra: Option<HcraStatus>,
    /// The last thing that went wrong.
    pub last_error: Option<Noted>,
}

/// An exchange that waits for an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExchangeStatus {
    /// What is sent, in the RFC's word.
    pub message: &'static str,
    /// Transmissions so far; 0 while the first is still delayed.
    pub transmissions: u32,
    /// First transmission, or its plan.
    pub started_at: Instant,
    /// Next transmission.
    pub next_at: Option<Instant>,
}

/// One IPv4 identity of a link.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct EndpointStatus {
    /// Its place in the configuration.
    pub id: EndpointId,
    /// What it is called; empty for an only one.
    pub name: String,
    /// In one word.
    pub state: LinkState,
    /// Why it is in that state: a stable kebab-case name.
    pub reason: &'static str,
    /// Name of the interface that gets its address; empty while that does not exist.
    pub target: String,
    /// Its DHCPv4 client.
    pub client4: Client4Status,
    /// What is on its target, once the kernel has taken it.
    pub ipv4: Option<Ipv4Config>,
}

/// The host Client Relay Agent of a link (draft-ietf-dhc-dhcpv4-over-ipv6 §6).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HcraStatus {
    /// What it waits for before it relays, if it does: `carrier`, `permit`, `no-servers`, `no-global-address`,
    /// `agent-socket` ...: a stable kebab-case name.
    pub waiting_for: Option<&'static str>,
    /// Where every message goes; at most 8.
    pub servers: Vec<Ipv6Addr>,
    /// Where those are known from: `static`, `option-88`, `draft01`, `aftr-name` or `none`.
    pub servers_from: &'static str,
    /// Its own address.
    pub source: Option<Ipv6Addr>,
    /// Whose messages it relays: `builtin` or `external`.
    pub client: &'static str,
    /// Name of the device that an external client runs on; empty with the built-in one.
    pub device: String,
    /// Which way renewals of the built-in client go: `direct` or `via-cra`.
    pub renew: &'static str,
    /// The lease of an external client, as it was last seen to pass.
    pub seen: Option<Lease4>,
    /// Messages of clients that were relayed, not counting copies to further servers.
    pub relayed: u64,
    /// Answers that were delivered.
    pub delivered: u64,
}

/// The DHCPv6 stage.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dhcp6Status {
    /// State of RFC 8415, kebab-case: `off`, `waiting`, `soliciting`, `requesting`, `bound`, `renewing`, ...
    pub state: &'static str,
    /// `stateful` or `stateless` once decided, else `auto`.
    pub mode: &'static str,
    /// Pending exchange.
    pub exchange: Option<ExchangeStatus>,
    /// Our DUID.
    pub duid: Option<Duid>,
    /// Our IAID.
    pub iaid: Option<Iaid>,
    /// The server that configured us.
    pub server: Option<Duid>,
    /// Stateful lease.
    pub lease: Option<Lease6>,
    /// Next refresh of stateless configuration.
    pub refresh_at: Option<Instant>,
    /// Last Reply that was used.
    pub reply_at: Option<Instant>,
    /// What the last Reply or Advertise gave besides addresses.
    pub options: Options6,
    /// SOL_MAX_RT in force, seconds, when a server set it.
    pub sol_max_rt: Option<u32>,
    /// INF_MAX_RT in force, seconds, when a server set it.
    pub inf_max_rt: Option<u32>,
}

/// Options of the DHCPv6 stage that are published.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Options6 {
    /// Option 23.
    pub dns: Vec<Ipv6Addr>,
    /// Option 24, checked names.
    pub domains: Vec<String>,
    /// Option 64, a checked name.
    pub aftr_name: Option<String>,
    /// Options 88 to 96, 111 and those configured, as they came.
    pub raw: Vec<(u16, Vec<u8>)>,
}

/// The DHCPv4 client.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Client4Status {
    /// State of RFC 2131, kebab-case: `off`, `init`, `selecting`, `requesting`, `bound`, ...
    pub state: &'static str,
    /// How messages travel: `4o6`, or empty.
    pub transport: &'static str,
    /// What it waits for before it may send, if it does: a stable kebab-case name.
    pub waiting_for: Option<&'static str>,
    /// Where queries go.
    pub destinations: Vec<Ipv6Addr>,
    /// The source of the last query.
    pub source: Option<Ipv6Addr>,
    /// Pending exchange.
    pub exchange: Option<ExchangeStatus>,
    /// Option 61.
    pub client_id: Option<ClientId>,
    /// The lease.
    pub lease: Option<Lease4>,
    /// Messages sent and used, by type, since the role began: DISCOVER, OFFER, REQUEST, DECLINE, ACK, NAK, RELEASE.
    pub messages: [u64; 7],
}
