//! `[server]`: the provider's server.

use super::cra::{SERVERS, routable};
use super::exclusion::{Broadcasts, Front, Receiver};
use super::link::{draft01, namespace};
use super::mistakes::{MISSING, Mistakes, Place};
use super::reader::{At, Entries, MAX_NAMED, Reader, Said, Wanted};
use super::relay::Served;
use super::serves::{INTERFACES, PREFIXES, interface, prefix6};
use super::{ServerConfig, external, link, options4, server6, subnet4, tsv};
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{Limits, OptionSet, Settings};
use dhcp4o6_protocol::settings::{Draft01, Profile, is_routable};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const ADDRESSES: Wanted = Wanted { most: MAX_NAMED, ..SERVERS };
const BORDER_RELAYS: Wanted = Wanted { most: Softwire::MAX_BORDER_RELAYS, ..SERVERS };

const A_BIND_PREFIX: &str =
    "must be an IPv6 prefix of global or unique local addresses such as \"2001:db8::/32\", without host bits";

const HOUR: Duration = Duration::from_secs(3600);
const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Options in relay messages and of other services, which no code point of draft01 can be on the provider's side.
const TAKEN_OPTIONS: [u16; 3] = [64, 79, 135];

/// Which engine answers DHCPv4.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Engine {
    Builtin,
    External,
}

/// `[server]`, as all layers together say it.
pub(super) struct Draft {
    /// Where it was first written.
    place: Option<Place>,
    namespace: Option<String>,
    interfaces: Entries<String>,
    addresses: Entries<Ipv6Addr>,
    accept_from: Entries<Prefix6>,
    port547: At<bool>,
    profile: Profile,
    draft01: Draft01,
    draft01_place: Option<Place>,
    engine: Engine,
    server_id: Said<Ipv4Addr>,
    rapid_commit: bool,
    trust_inner_giaddr: bool,
    subnet_selection: bool,
    softwire_br: Entries<Ipv6Addr>,
    softwire_bind_prefix: Said<Prefix6>,
    offer_hold: Duration,
    decline_rest: Duration,
    limits: Limits,
    rates: Rates,
    options: OptionSet,
    subnets: subnet4::Drafts,
    dhcp6: server6::Draft,
    external: external::Draft,
    tsv: tsv::Draft,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            place: None,
            namespace: None,
            interfaces: Entries::default(),
            addresses: Entries::default(),
            accept_from: Entries::default(),
            port547: At { value: true, place: Place::default() },
            profile: Profile::Rfc7341,
            draft01: Draft01::default(),
            draft01_place: None,
            engine: Engine::Builtin,
            server_id: Said::default(),
            rapid_commit: false,
            trust_inner_giaddr: false,
            subnet_selection: false,
            softwire_br: Entries::default(),
            softwire_bind_prefix: Said::default(),
            offer_hold: Settings::OFFER_HOLD,
            decline_rest: Settings::DECLINE_REST,
            limits: Limits::default(),
            rates: Rates::default(),
            options: OptionSet::new(),
            subnets: subnet4::Drafts::default(),
            dhcp6: server6::Draft::default(),
            external: external::Draft::default(),
            tsv: tsv::Draft::default(),
        }
    }
}

const A_SERVER_ID: &str = "must be a unicast IPv4 address that names this server, such as \"192.0.2.1\"";

impl Draft {
    /// Reads the table of one layer over what earlier ones said.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        self.place.get_or_insert_with(|| reader.place().clone());
        if let Some(name) = namespace(reader) {
            self.namespace = Some(name);
        }
        reader.entries("interfaces", &mut self.interfaces, INTERFACES, interface);
        reader.entries("addresses", &mut self.addresses, ADDRESSES, routable);
        reader.entries("accept-from", &mut self.accept_from, PREFIXES, prefix6);
        if reader.value("port547").is_some() {
            self.port547.place = reader.place_of_key("port547");
        }
        reader.boolean("port547", &mut self.port547.value);
        reader.word("profile", &mut self.profile, &profiles(), &[]);
        if reader.value("draft01").is_some() {
            self.draft01_place = Some(reader.place_of_key("draft01"));
        }
        reader.table("draft01", |table| draft01(table, &mut self.draft01));
        let engines = [("builtin", Engine::Builtin), ("external", Engine::External)];
        reader.word("engine", &mut self.engine, &engines, &[]);
        let usable = |text: &str| text.parse().ok().filter(|address| subnet4::is_usable(*address));
        reader.parsed("server-id", &mut self.server_id, A_SERVER_ID, usable);
        reader.boolean("dhcp4-rapid-commit", &mut self.rapid_commit);
        reader.boolean("trust-inner-giaddr", &mut self.trust_inner_giaddr);
        reader.boolean("subnet-selection", &mut self.subnet_selection);
        reader.entries("softwire-br", &mut self.softwire_br, BORDER_RELAYS, routable);
        reader.parsed("softwire-bind-prefix", &mut self.softwire_bind_prefix, A_BIND_PREFIX, bind_prefix);
        reader.span("offer-hold", &mut self.offer_hold, Duration::from_secs(1)..=HOUR);
        reader.span("decline-rest", &mut self.decline_rest, Duration::ZERO..=YEAR);
        reader.table("limits", |table| limits(table, &mut self.limits, &mut self.rates));
        options4::read(reader, &mut self.options);
        reader.tables("subnet", |table| self.subnets.read(table));
        reader.table("dhcp6", |table| self.dhcp6.read(table));
        reader.table("external", |table| self.external.read(table));
        reader.table("tsv", |table| self.tsv.read(table));
    }

    /// The IPv6-transport server, if there is one.
    pub(super) fn receiver(&self) -> Option<Receiver> {
        self.tsv.receiver(&self.namespace)
    }

    /// The front of DHCPv4 servers, if that is the engine.
    pub(super) fn front(&self) -> Option<Front> {
        let at = self.external.giaddr().filter(|_| self.engine == Engine::External)?.clone();
        Some(Front { at, namespace: self.namespace.clone() })
    }

    /// Where it answers DHCPv4 broadcasts.
    pub(super) fn broadcasts(&self) -> Broadcasts<'_> {
        Broadcasts { namespace: &self.namespace, interfaces: &self.tsv.interfaces4.right }
    }

    /// The interfaces it serves.
    pub(super) fn served(&self) -> Vec<Served> {
        if !self.port547.value {
            return Vec::new();
        }
        let served = |interface: &At<String>| Served {
            namespace: self.namespace.clone(),
            interface: interface.clone(),
        };
        self.interfaces.right.iter().map(served).collect()
    }

    /// Says what is wrong with it as a whole, and what it means. `None` when there is none.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Option<ServerConfig> {
        let place = self.place?;
        let mut missing =
            |key: &str, right: &str| mistakes.key(&place, format!("server.{key}"), MISSING, right);
        if !self.port547.value {
            // Then it is a transport server only, or nothing.
        } else if !self.interfaces.given && !self.addresses.given {
            let right = if self.tsv.place.is_some() {
                "must have \"interfaces\" to serve, or \"addresses\" that queries are sent to; or \"port547\" must be \
                 false, for [server.tsv] alone"
            } else {
                "must have \"interfaces\" to serve, or \"addresses\" that queries are sent to"
            };
            missing("interfaces", right);
        } else if !self.interfaces.given && !self.accept_from.given {
            // Link-local clients are on served interfaces only.
            let right = "must have \"accept-from\", or nobody could reach \"addresses\"";
            missing("accept-from", right);
        }
        let builtin = self.engine == Engine::Builtin;
        if builtin && !self.server_id.given {
            missing("server-id", A_SERVER_ID);
        }
        if builtin && !self.subnets.given {
            missing("subnet", "must have a [[server.subnet]] with addresses to lease");
        }
        if !self.port547.value && self.tsv.place.is_none() {
            let right = "must be true, or there must be a [server.tsv]";
            mistakes.key(&self.port547.place, "server.port547", "leaves the server nothing to do", right);
        }
        if !builtin && let Some(place) = &self.tsv.place {
            let wrong = "it needs the built-in engine, and \"engine\" is \"external\"";
            let right = "must be left out; a [[tra]] brings DHCPv4 over IPv6 to other DHCPv4 servers";
            mistakes.key(place, "server.tsv", wrong, right);
        }
        for (wrong, right) in code_points(self.profile, &self.draft01) {
            let place = self.draft01_place.as_ref().unwrap_or(&place);
            mistakes.key(place, "server.draft01", wrong, right);
        }
        let server_id = self.server_id.right.map(|at| at.value);
        let subnets = self.subnets.finish(server_id, mistakes);
        let (external, secret) = self.external.finish(!builtin, &place, mistakes);
        let engine = match self.engine {
            Engine::External => EngineSettings::External(external),
            Engine::Builtin => EngineSettings::Builtin(Settings {
                server_id: server_id.unwrap_or(Ipv4Addr::UNSPECIFIED),
                subnets,
                options: self.options,
                rapid_commit: self.rapid_commit,
                trust_inner_giaddr: self.trust_inner_giaddr,
                subnet_selection: self.subnet_selection,
                offer_hold: self.offer_hold,
                decline_rest: self.decline_rest,
                limits: self.limits,
            }),
        };
        let settings = ServerSettings {
            profile: self.profile,
            draft01: self.draft01,
            addresses: self.addresses.values(),
            accept_from: self.accept_from.values(),
            dhcp6: self.dhcp6.finish(mistakes),
            engine,
            rates: self.rates,
            port547: self.port547.value,
            tsv: self.tsv.finish(mistakes),
            softwire: Softwire {
                br: self.softwire_br.values(),
                bind_prefix: self.softwire_bind_prefix.right.map(|at| at.value),
            },
        };
        // With the built-in engine nothing is signed.
        let secret = secret.filter(|_| !builtin);
        Some(ServerConfig {
            namespace: self.namespace,
            interfaces: self.interfaces.values(),
            settings,
            secret,
        })
    }
}

/// A prefix that the end of a tunnel can be in; the whole of IPv6 leaves it to the client.
fn bind_prefix(text: &str) -> Option<Prefix6> {
    text.parse().ok().filter(|prefix: &Prefix6| prefix.is_all() || is_routable(prefix.address()))
}

/// The words of `profile`.
pub(super) fn profiles() -> [(&'static str, Profile); 3] {
    [("rfc7341", Profile::Rfc7341), ("draft01", Profile::Draft01), ("dual", Profile::Dual)]
}

/// As [`link::code_points`], for roles that also take relay messages.
pub(super) fn code_points(profile: Profile, draft: &Draft01) -> Vec<(&'static str, &'static str)> {
    let mut found = link::code_points(profile, draft);
    let options = [draft.message, draft.enable, draft.servers];
    if profile != Profile::Rfc7341 && options.iter().any(|code| TAKEN_OPTIONS.contains(code)) {
        found.push(("a code point means something else", "must be options other than 64, 79 and 135 too"));
    }
    found
}

fn limits(table: &mut Reader<'_>, limits: &mut Limits, rates: &mut Rates) {
    let any = 0..=i64::from(u32::MAX);
    table.number("messages-per-source", &mut rates.per_source, any.clone());
    table.number("messages-per-interface-id", &mut rates.per_interface_id, any.clone());
    table.number("messages", &mut rates.total, any.clone());
    table.number("leases-per-origin", &mut limits.leases_per_origin, any.clone());
    table.number("leases-per-interface-id", &mut limits.leases_per_interface_id, any.clone());
    table.number("offered-percent", &mut limits.offered_percent, 1..=100);
    table.number("declined-percent", &mut limits.declined_percent, 0..=100);
    table.number("declines-per-hour", &mut limits.declines_per_hour, any);
    table.number("known-percent", &mut limits.known_percent, 0..=99);
}
