//! What the operator wants: `dhcp4o6.toml`, its drop-ins and the environment, checked as a whole.
//!
//! [`raw`] reads each source by itself and remembers where every value was written; the `config` crate lays them over
//! each other; [`check`] turns the result into a [`Config`] and reports every mistake at once. The provider's part,
//! nested lists of tables that add up, is laid over each other as it is read ([`provider`]).

mod check;
mod cra;
mod effective;
mod endpoint;
mod exclusion;
mod external;
mod hcra;
mod lcra;
mod link;
mod matching;
mod mistakes;
mod names;
mod options4;
mod overlap;
mod provider;
mod raw;
mod reader;
mod relay;
mod server;
mod server6;
mod serves;
mod subnet4;
mod subnet6;
#[cfg(test)]
mod tests;
mod tra;
mod transport;
mod tsv;
mod value4;

pub use matching::Match;
pub use mistakes::Mistakes;

use dhcp4o6_protocol::ids::{Duid, Iaid};
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::role::relay::RelaySettings;
use dhcp4o6_protocol::role::server::ServerSettings;
use dhcp4o6_protocol::role::tra::TraSettings;
use dhcp4o6_protocol::settings::{LinkSettings, Mode};
use std::ffi::OsString;
use std::path::Path;

/// Where the configuration is unless `--config` says otherwise.
pub const DEFAULT_PATH: &str = "/etc/dhcp4o6/dhcp4o6.toml";

/// Everything an operator decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Config {
    /// The links to run, in the order they were written: at most 4,096. None is valid, and nothing is sent then.
    pub links: Vec<LinkConfig>,
    /// How the DUID is made when none is kept yet.
    pub duid: DuidKind,
    /// The least severe log line that is written.
    pub log: tracing::Level,
    /// The provider's server, if there is one.
    pub server: Option<ServerConfig>,
    /// The provider's relay agents, in the order they were written.
    pub relays: Vec<RelayConfig>,
    /// The provider's IPv6-transport relay agents, in the order they were written.
    pub tras: Vec<TraConfig>,
    /// The subscriber's on-link client relay agents, in the order they were written.
    pub lcras: Vec<LcraConfig>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            links: Vec::new(),
            duid: DuidKind::LinkLayerTime,
            log: tracing::Level::INFO,
            server: None,
            relays: Vec::new(),
            tras: Vec::new(),
            lcras: Vec::new(),
        }
    }
}

impl Config {
    /// The entry that governs an interface: of those that match, the one with the permanent MAC, else with the name,
    /// else the glob that was written first. The clients of an on-link client relay agent are no link, unless it is
    /// off.
    ///
    /// `names` are its name and alternative names, `mac` its permanent address (empty when it has none), and
    /// `namespace` the name of its namespace, `None` for the service's own.
    pub fn link_for<'a>(
        &self,
        namespace: Option<&str>,
        names: impl Iterator<Item = &'a str> + Clone,
        mac: &[u8],
    ) -> Option<&LinkConfig> {
        let of_an_agent = self.lcras.iter().any(|lcra| {
            lcra.namespace.as_deref() == namespace && names.clone().any(|name| name == lcra.settings.clients)
        });
        let here = self.links.iter().filter(|link| {
            link.namespace.as_deref() == namespace && (!of_an_agent || link.settings.mode == Mode::Off)
        });
        // The first of several minima: the order of writing decides among globs.
        here.filter(|link| link.matches.covers(names.clone(), mac)).min_by_key(|link| link.matches.rank())
    }

    /// What excludes a further link, as D-Bus callers give it: the client relay agents of this configuration.
    ///
    /// # Errors
    /// When there is anything.
    pub fn admit(&self, link: &LinkConfig) -> Result<(), Mistakes> {
        let mut mistakes = Mistakes::default();
        exclusion::further_link(link, &self.lcras, &mut mistakes);
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
    }
}

/// `[server]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServerConfig {
    /// Name of the network namespace it works in; `None` is the service's own.
    pub namespace: Option<String>,
    /// Names of the interfaces it serves: multicast is received there, and their link-local addresses are taken.
    pub interfaces: Vec<String>,
    /// What the role is told.
    pub settings: ServerSettings,
    /// Key that signs what travels through the DHCPv4 servers of the external engine, the same at every front before
    /// them; `None` is one of our own, kept with the leases.
    pub secret: Option<[u8; 16]>,
}

impl ServerConfig {
    /// Names of the interfaces it has to do with, each once: those it serves, and those whose IPv4 broadcasts it answers.
    pub fn every_interface(&self) -> Vec<String> {
        let for_ipv4 = self.settings.tsv.iter().flat_map(|tsv| &tsv.interfaces4);
        let mut names = self.interfaces.clone();
        names.extend(for_ipv4.filter(|name| !self.interfaces.contains(*name)).cloned());
        names
    }
}

/// One `[[relay]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayConfig {
    /// What it is called on the bus and in the log: unique.
    pub name: String,
    /// Name of the network namespace it works in; `None` is the service's own.
    pub namespace: Option<String>,
    /// What the role is told, except [`RelayConfig::own_relay_id`].
    pub settings: RelaySettings,
    /// Its relay-id is the DUID of the service, which no configuration knows.
    pub own_relay_id: bool,
}

impl RelayConfig {
    /// What the role is told, when `duid` is that of the service.
    pub fn settings_with(&self, duid: &Duid) -> RelaySettings {
        let mut settings = self.settings.clone();
        if self.own_relay_id {
            settings.relay_id = Some(duid.clone());
        }
        settings
    }
}

/// One `[[tra]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraConfig {
    /// What it is called on the bus and in the log: unique.
    pub name: String,
    /// Name of the network namespace it works in; `None` is the service's own.
    pub namespace: Option<String>,
    /// What the role is told.
    pub settings: TraSettings,
}

/// One `[[lcra]]`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LcraConfig {
    /// What it is called on the bus and in the log: unique.
    pub name: String,
    /// Name of the network namespace it works in; `None` is the service's own.
    pub namespace: Option<String>,
    /// What the role is told.
    pub settings: LcraSettings,
}

/// One `[[link]]`.
#[derive(Clone, Debug)]
pub struct LinkConfig {
    /// Which interfaces it is for.
    pub matches: Match,
    /// Name of the network namespace they are in; `None` is the service's own.
    pub namespace: Option<String>,
    /// Its IPv4 identities, each with a place for its address: 1 to 16, those of `settings` in the same order.
    pub endpoints: Vec<EndpointConfig>,
    /// What the role on the link is told.
    pub settings: LinkSettings,
    /// Where it was written: file, line and column.
    pub where_from: String,
}

/// Two links are the same when they ask for the same: a line moved in the file must not disturb a lease.
impl PartialEq for LinkConfig {
    fn eq(&self, other: &Self) -> bool {
        let Self { matches, namespace, endpoints, settings, where_from: _ } = self;
        *matches == other.matches
            && *namespace == other.namespace
            && *endpoints == other.endpoints
            && *settings == other.settings
    }
}

impl Eq for LinkConfig {}

impl LinkConfig {
    /// Metric of routes when none is configured: behind a native IPv4 of most other managers.
    pub const METRIC: u32 = 700;
    /// The kernel's main routing table.
    pub const MAIN_TABLE: u32 = 254;

    /// Where its IPv4 addresses go.
    pub fn targets(&self) -> impl Iterator<Item = &TargetConfig> {
        self.endpoints.iter().map(|endpoint| &endpoint.target)
    }

    /// Reads one link as D-Bus callers give it: the keys of a `[[link]]` table, with or without that heading.
    ///
    /// `[defaults]` of the configuration does not apply to it.
    ///
    /// # Errors
    /// When there is any mistake, or not exactly one link.
    pub fn from_toml(text: &str) -> Result<Self, Mistakes> {
        check::one_link(text)
    }
}

/// One `[[link.endpoint]]`, or what stands for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EndpointConfig {
    /// What it is called: unique on the link, empty for an only one.
    pub name: String,
    /// Its IAID; `None` is that of the link for the first, else one of its own that is kept.
    pub iaid: Option<Iaid>,
    /// Where its IPv4 address goes.
    pub target: TargetConfig,
    /// Metric of its routes.
    pub metric: u32,
    /// Routing table of its routes; 254 is the main one.
    pub table: u32,
}

/// Where an IPv4 address of a link goes.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum TargetConfig {
    /// To the link itself.
    Link,
    /// To another interface, which may be in another namespace.
    Interface {
        /// Its name.
        name: String,
        /// Name of its namespace; `None` is the service's own, wherever the link is.
        namespace: Option<String>,
    },
}

impl TargetConfig {
    /// The namespace it names: of an interface that is not the link.
    pub fn namespace(&self) -> Option<&Option<String>> {
        match self {
            Self::Link => None,
            Self::Interface { namespace, .. } => Some(namespace),
        }
    }
}

/// How a DUID is made (RFC 8415 §11). Once made it is kept, whatever is configured later.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DuidKind {
    /// DUID-LLT: a hardware address and the time it is made.
    LinkLayerTime,
    /// DUID-LL: a hardware address.
    LinkLayer,
    /// DUID-UUID: random.
    Uuid,
    /// DUID-EN, whole as configured: enterprise number and identifier.
    Enterprise(Duid),
}

/// Reads the file, the drop-ins `conf.d/*.toml` beside it in the order of their names, and `DHCP4O6_*` variables of
/// this process's environment. Later ones override earlier ones key by key; links add up.
///
/// # Errors
/// When a file cannot be read or there is any mistake in it: all of them.
pub fn load(path: &Path) -> Result<Config, Mistakes> {
    load_with(path, std::env::vars_os())
}

fn load_with(
    path: &Path,
    environment: impl Iterator<Item = (OsString, OsString)>,
) -> Result<Config, Mistakes> {
    let mut mistakes = Mistakes::default();
    let mut layers = raw::files(path, &mut mistakes);
    layers.extend(raw::environment(environment, &mut mistakes));
    let config = check::whole(layers, &mut mistakes);
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}
