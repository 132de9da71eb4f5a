//! `[[tra]]`: IPv6-transport relay agents.

use super::exclusion::Receiver;
use super::link::namespace;
use super::mistakes::{MISSING, Mistakes, Place};
use super::reader::{At, Entries, Reader, SOME_OCTETS, Said, octets};
use super::subnet4::is_usable;
use super::transport::{self, AGENTS, From, agents};
use super::{TraConfig, cra, external, names};
use config::ValueKind;
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::prefix::{Prefix4, Prefix6};
use dhcp4o6_protocol::role::tra::{TraLink, TraSettings};
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::wire::agent::code;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most agents.
const MAX_TRAS: usize = 64;
/// Most links of one of them.
const MAX_LINKS: usize = 4096;
/// What one option 82 holds: servers break longer ones, in two parts.
const MAX_OPTION: usize = 255;
/// What an Ethernet takes: 1500 without the headers of IPv4 and UDP.
const MAX_MESSAGE: u16 = 1472;
/// The longest UDP payload of IPv4.
const LONGEST: i64 = 65_507;

const A_GIADDR: &str = "must be an IPv4 address of this host that the servers reach";
const A_PREFIX: &str = "must be an IPv4 prefix such as \"192.0.2.0/24\", without host bits, from /1 to /32";

/// All agents, as all layers together say it.
#[derive(Default)]
pub(super) struct Drafts(Vec<Draft>);

struct Draft {
    place: Place,
    name: At<String>,
    namespace: Option<String>,
    addresses: Entries<Ipv6Addr>,
    from: From,
    servers: Entries<Ipv4Addr>,
    giaddr: Said<Ipv4Addr>,
    links: Vec<Link>,
    rest: TraSettings,
}

struct Link {
    place: Place,
    prefix: Option<Prefix4>,
    sources: Entries<Prefix6>,
}

impl Drafts {
    /// Reads one table.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        let standard = format!("tra{}", self.0.len() + 1);
        self.0.push(Draft::read(standard, reader));
    }

    /// Where they receive.
    pub(super) fn receivers(&self) -> impl Iterator<Item = Receiver> {
        self.0.iter().map(|draft| Receiver {
            what: format!("[[tra]] \"{}\"", draft.name.value),
            path: "tra",
            place: draft.place.clone(),
            namespace: draft.namespace.clone(),
            addresses: draft.addresses.values(),
            // Without an address that mistake is enough.
            four: Some((draft.giaddr.right.as_ref().map(|at| at.value), draft.rest.source_port)),
        })
    }

    /// Says what is wrong with them together, and what they mean.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Vec<TraConfig> {
        if let Some(first_beyond) = self.0.get(MAX_TRAS) {
            let wrong = format!("{} relay agents", self.0.len());
            mistakes.key(&first_beyond.place, "tra", wrong, format!("must be at most {MAX_TRAS}"));
        }
        names::unique("tra.name", self.0.iter().map(|draft| &draft.name), mistakes);
        self.0.into_iter().map(|draft| draft.finish(mistakes)).collect()
    }
}

impl Draft {
    fn read(standard_name: String, reader: &mut Reader<'_>) -> Self {
        let place = reader.place().clone();
        let name = names::name(reader, standard_name);
        let namespace = namespace(reader);
        let mut addresses = Entries::default();
        transport::addresses(reader, &mut addresses);
        let mut from = From::default();
        from.read(reader);
        let mut servers = Entries::default();
        reader.entries("servers", &mut servers, external::SERVERS, external::server);
        let mut giaddr = Said::default();
        let usable = |text: &str| text.parse().ok().filter(|address| is_usable(*address));
        reader.parsed("giaddr", &mut giaddr, A_GIADDR, usable);
        let mut links = Vec::new();
        reader.tables("link", |table| links.push(Link::read(table)));
        let mut rest = TraSettings {
            addresses: Vec::new(),
            accept_from: Vec::new(),
            servers: Vec::new(),
            giaddr: Ipv4Addr::UNSPECIFIED,
            cra6addr: code::CRA6ADDR,
            links: Vec::new(),
            circuit_id: None,
            remote_id: None,
            relay_id: None,
            source_port: params::SERVER4_PORT,
            hops_limit: params::HOPS_LIMIT,
            max_message: MAX_MESSAGE,
            match_requests: true,
            snoop: false,
            encapsulation: Encapsulation::Off,
            rate_per_source: 50,
            rate: 0,
        };
        transport::cra6addr(reader, &mut rest.cra6addr);
        for (key, out) in [
            ("circuit-id", &mut rest.circuit_id),
            ("remote-id", &mut rest.remote_id),
            ("relay-id", &mut rest.relay_id),
        ] {
            let mut said = Said::default();
            reader.parsed(key, &mut said, SOME_OCTETS, octets);
            *out = said.right.map(|at| at.value);
        }
        source_port(reader, &mut rest.source_port);
        cra::hops_limit(reader, &mut rest.hops_limit);
        reader.number("max-message", &mut rest.max_message, 300..=LONGEST);
        reader.boolean("match-requests", &mut rest.match_requests);
        reader.boolean("snoop", &mut rest.snoop);
        cra::encapsulation(reader, &mut rest.encapsulation);
        reader.number("rate-per-source", &mut rest.rate_per_source, 0..=i64::from(u32::MAX));
        reader.number("rate", &mut rest.rate, 0..=i64::from(u32::MAX));
        sub_options(reader, &rest, !links.is_empty());
        Self { place, name, namespace, addresses, from, servers, giaddr, links, rest }
    }

    fn finish(self, mistakes: &mut Mistakes) -> TraConfig {
        let Self { place, name, namespace, addresses, from, servers, giaddr, links, rest } = self;
        from.check(&place, "tra", mistakes);
        if !servers.given {
            let right = "must be a list of 1 to 8 IPv4 addresses of DHCPv4 servers";
            mistakes.key(&place, "tra.servers", MISSING, right);
        }
        if !giaddr.given {
            mistakes.key(&place, "tra.giaddr", MISSING, A_GIADDR);
        }
        let giaddr = giaddr.right.map(|at| at.value);
        if let Some(at) = servers.right.iter().find(|at| Some(at.value) == giaddr) {
            let wrong = format!("{} is \"giaddr\", this host's own address", at.value);
            mistakes.key(&at.place, "tra.servers", wrong, "must be another server's");
        }
        let links = finish_links(links, &from, mistakes);
        let settings = TraSettings {
            addresses: addresses.values(),
            accept_from: from.agents.values(),
            servers: servers.values(),
            giaddr: giaddr.unwrap_or(Ipv4Addr::UNSPECIFIED),
            links,
            ..rest
        };
        TraConfig { name: name.value, namespace, settings }
    }
}

impl Link {
    fn read(table: &mut Reader<'_>) -> Self {
        let mut prefix: Said<Prefix4> = Said::default();
        let read = |text: &str| text.parse().ok().filter(|prefix: &Prefix4| !prefix.is_all());
        table.parsed("prefix", &mut prefix, A_PREFIX, read);
        if !prefix.given {
            table.wrong("prefix", None, MISSING, A_PREFIX);
        }
        let mut sources = Entries::default();
        table.entries("sources", &mut sources, AGENTS, agents);
        if !sources.given {
            let right =
                "must be a list of the IPv6 prefixes of client relay agents whose clients are in \"prefix\"";
            match table.value("sources").map(|value| &value.kind) {
                None => table.wrong("sources", None, MISSING, right),
                Some(ValueKind::Array(_)) => {
                    table.wrong("sources", None, "an empty list is not valid", right)
                }
                Some(_) => {}
            }
        }
        Self { place: table.place().clone(), prefix: prefix.right.map(|at| at.value), sources }
    }
}

/// Says what is wrong with the links of an agent that takes messages of `from`. The longest prefix counts, so one may
/// lie in another, and only the same twice is a mistake.
fn finish_links(links: Vec<Link>, from: &From, mistakes: &mut Mistakes) -> Vec<TraLink> {
    if let Some(first_beyond) = links.get(MAX_LINKS) {
        let wrong = format!("{} links", links.len());
        mistakes.key(&first_beyond.place, "tra.link", wrong, format!("must be at most {MAX_LINKS}"));
    }
    let accepted = &from.agents.right;
    let mut taken = BTreeMap::new();
    for At { value, place } in links.iter().flat_map(|link| &link.sources.right) {
        if let Some(other) = taken.insert(*value, place) {
            let right = format!("the other is at {other}");
            mistakes.key(place, "tra.link.sources", format!("\"{value}\" has two subnets"), right);
        }
        if !accepted.is_empty() && !accepted.iter().any(|prefix| prefix.value.overlaps(*value)) {
            let wrong = format!("nothing is taken from {value}");
            mistakes.key(place, "tra.link.sources", wrong, "must be inside \"accept-from\"");
        }
    }
    let meant = |link: Link| Some(TraLink { sources: link.sources.values(), prefix: link.prefix? });
    links.into_iter().filter_map(meant).collect()
}

/// Clients answer nobody: their port cannot be a relay agent's.
fn source_port(reader: &mut Reader<'_>, out: &mut u16) {
    let Some(value) = reader.value("source-port") else { return };
    if matches!(value.kind, ValueKind::I64(port) if port == i64::from(params::CLIENT4_PORT)) {
        return reader.wrong("source-port", None, "68 is the port of clients", "must be another");
    }
    reader.number("source-port", out, 1..=65_535);
}

/// What is wrong with the sub-options that it adds, all together.
fn sub_options(reader: &mut Reader<'_>, settings: &TraSettings, has_links: bool) {
    let TraSettings { cra6addr, circuit_id, remote_id, relay_id, source_port, .. } = settings;
    let length = |octets: &Option<Vec<u8>>| octets.as_ref().map(Vec::len);
    let added = [
        (code::CIRCUIT_ID, "circuit-id", length(circuit_id)),
        (code::REMOTE_ID, "remote-id", length(remote_id)),
        (code::LINK_SELECTION, "[[tra.link]]", has_links.then_some(4)),
        (code::RELAY_ID, "relay-id", length(relay_id)),
        (code::SOURCE_PORT, "source-port", (*source_port != params::SERVER4_PORT).then_some(0)),
    ];
    if let Some((code, key, _)) = added.iter().find(|(code, _, length)| code == cra6addr && length.is_some())
    {
        let wrong = format!("sub-option {code} is that of {key}, which is configured too");
        reader.wrong("cra6addr", None, wrong, "must be another, such as 46");
    }
    let octets = 18 + added.iter().filter_map(|(_, _, length)| Some((*length)? + 2)).sum::<usize>();
    if octets > MAX_OPTION {
        let key = if circuit_id.is_some() { "circuit-id" } else { "remote-id" };
        let wrong = format!("option 82 would have {octets} octets with all sub-options");
        let right = format!(
            "must leave at most {MAX_OPTION}: shorter, or fewer of \"circuit-id\", \"remote-id\" and \"relay-id\""
        );
        reader.wrong(key, None, wrong, right);
    }
}
