//! `[server.dhcp6]`: the DHCPv6 server, and what it tells.

use super::cra::{SERVERS, routable};
use super::mistakes::{Mistakes, Place};
use super::reader::{At, Entries, Reader, Said, Wanted};
use super::subnet6;
use config::ValueKind;
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::server6::settings::{Options6, Settings};
use dhcp4o6_protocol::settings::is_routable;
use dhcp4o6_protocol::time::Lifetime;
use dhcp4o6_protocol::wire::domain;
use std::net::Ipv6Addr;
use std::ops::RangeInclusive;

const NAME_SERVERS: Wanted = Wanted {
    entries: "IPv6 addresses",
    right: "must be a unicast IPv6 address",
    most: params::MAX_NAME_SERVERS,
};

const NAMES: Wanted = Wanted { entries: "domain names", right: A_NAME, most: domain::MAX_NAMES };

const A_NAME: &str =
    "must be a domain name: labels of 1 to 63 letters, digits and inner hyphens, joined by dots";

/// RFC 8415 §7.6 and §21.24, §21.25.
const SHORTEST_REFRESH: u32 = 600;
const MAX_RT: RangeInclusive<u32> = 60..=86_400;

/// `[server.dhcp6]`, as all layers together say it.
pub(super) struct Draft {
    enabled: bool,
    preference: u8,
    rapid_commit: bool,
    leases_per_origin: u32,
    options: OptionsDraft,
    subnets: subnet6::Drafts,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            enabled: true,
            preference: 0,
            rapid_commit: false,
            leases_per_origin: Settings::default().leases_per_origin,
            options: OptionsDraft::default(),
            subnets: subnet6::Drafts::default(),
        }
    }
}

impl Draft {
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        reader.boolean("enabled", &mut self.enabled);
        reader.number("preference", &mut self.preference, 0..=255);
        reader.boolean("rapid-commit", &mut self.rapid_commit);
        reader.number("leases-per-origin", &mut self.leases_per_origin, 0..=i64::from(u32::MAX));
        self.options.read(reader);
        reader.tables("subnet", |table| self.subnets.read(table));
    }

    /// `None` when it is not enabled.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Option<Settings> {
        let enables = self.options.enables().unwrap_or(true);
        self.options.contradiction("server.dhcp6", mistakes);
        let subnets = self.subnets.finish(enables, mistakes);
        let options = Options6 {
            servers_4o6: enables.then(|| self.options.servers_4o6.values()),
            ..self.options.finish()
        };
        let settings = Settings {
            preference: self.preference,
            rapid_commit: self.rapid_commit,
            leases_per_origin: self.leases_per_origin,
            options,
            subnets,
        };
        self.enabled.then_some(settings)
    }
}

/// Options, of the server or of a subnet.
#[derive(Default)]
pub(super) struct OptionsDraft {
    enable: Option<At<bool>>,
    servers_given: Option<Place>,
    servers_4o6: Entries<Ipv6Addr>,
    dns: Entries<Ipv6Addr>,
    search: Entries<String>,
    aftr: Said<String>,
    refresh: Said<Lifetime>,
    sol_max_rt: Said<Lifetime>,
    inf_max_rt: Said<Lifetime>,
}

impl OptionsDraft {
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        if let Some(value) = reader.value("enable-4o6") {
            let mut enable = false;
            reader.boolean("enable-4o6", &mut enable);
            if matches!(value.kind, ValueKind::Boolean(_)) {
                self.enable = Some(At { value: enable, place: reader.place_of_key("enable-4o6") });
            }
        }
        if reader.value("servers-4o6").is_some() {
            self.servers_given = Some(reader.place_of_key("servers-4o6"));
        }
        reader.entries("servers-4o6", &mut self.servers_4o6, SERVERS, routable);
        reader.entries("dns-servers", &mut self.dns, NAME_SERVERS, unicast);
        let name = |text: &str| domain::text(text.as_bytes());
        reader.entries("domain-search", &mut self.search, NAMES, name);
        reader.parsed("aftr-name", &mut self.aftr, A_NAME, name);
        reader.lifetime("refresh-time", &mut self.refresh, SHORTEST_REFRESH);
        reader.seconds("sol-max-rt", &mut self.sol_max_rt, MAX_RT);
        reader.seconds("inf-max-rt", &mut self.inf_max_rt, MAX_RT);
    }

    /// Whether 4o6 is enabled: as it says, or because it names servers; `None` when it says nothing about it.
    pub(super) fn enables(&self) -> Option<bool> {
        self.enable.as_ref().map(|at| at.value).or(self.servers_given.as_ref().map(|_| true))
    }

    /// Where it switches 4o6 off, if it does.
    pub(super) fn disabled_at(&self) -> Option<&Place> {
        self.enable.as_ref().filter(|at| !at.value).map(|at| &at.place)
    }

    /// Reports servers of something that is switched off.
    pub(super) fn contradiction(&self, path: &str, mistakes: &mut Mistakes) {
        if let Some(place) = self.disabled_at()
            && self.servers_4o6.given
        {
            let wrong = "DHCPv4 over DHCPv6 is not enabled, but \"servers-4o6\" names servers for it";
            mistakes.key(place, format!("{path}.enable-4o6"), wrong, "must be true, or without servers");
        }
    }

    /// The options that were written.
    pub(super) fn finish(self) -> Options6 {
        let said = |said: Said<Lifetime>| said.right.map(|at| at.value.0);
        Options6 {
            servers_4o6: self.enables().filter(|enables| *enables).map(|_| self.servers_4o6.values()),
            dns: self.dns.values(),
            search: self.search.values(),
            aftr: self.aftr.right.map(|at| at.value),
            refresh: said(self.refresh),
            sol_max_rt: said(self.sol_max_rt),
            inf_max_rt: said(self.inf_max_rt),
        }
    }
}

/// An address of one host, maybe only on its link.
fn unicast(text: &str) -> Option<Ipv6Addr> {
    text.parse().ok().filter(|address: &Ipv6Addr| is_routable(*address) || address.is_unicast_link_local())
}
