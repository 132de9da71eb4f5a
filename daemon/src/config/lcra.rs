//! `[[lcra]]`: on-link client relay agents.

use super::exclusion::Agent;
use super::link::namespace;
use super::mistakes::{MISSING, Mistakes, Place};
use super::reader::{
    At, Entries, MAX_NAMED, Reader, SOME_OCTETS, Said, Wanted, octets, place_of, shown, text_of,
};
use super::serves::interface;
use super::{LcraConfig, cra, names};
use config::ValueKind;
use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::settings::{Encapsulation, SourceCheck};

/// Most agents.
const MAX_LCRAS: usize = 64;
/// Most messages that can wait for an answer.
const MAX_PENDING: i64 = 65_536;

const AN_INTERFACE: &str = "must be the name of an interface, not a pattern";

const HARDWARE: Wanted = Wanted {
    entries: "hardware addresses",
    right: "must be the Ethernet address of a host such as \"02:00:5e:10:00:01\"",
    most: MAX_NAMED,
};

/// All agents, as all layers together say it.
#[derive(Default)]
pub(super) struct Drafts(Vec<Draft>);

struct Draft {
    place: Place,
    name: At<String>,
    namespace: Option<String>,
    /// `None` when it is missing or wrong.
    clients: Option<At<String>>,
    /// Where it is not written, it is `clients`.
    upstream: Option<At<String>>,
    /// It names servers, rightly or wrongly.
    servers_given: bool,
    rest: LcraSettings,
}

impl Drafts {
    /// Reads one table.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        let standard = format!("lcra{}", self.0.len() + 1);
        self.0.push(Draft::read(standard, reader));
    }

    /// What may exclude other roles, and each other.
    pub(super) fn claims(&self) -> Vec<Agent> {
        let agent = |draft: &Draft| Agent {
            place: draft.place.clone(),
            namespace: draft.namespace.clone(),
            clients: draft.clients.clone(),
            upstream: draft.upstream.as_ref().map(|at| at.value.clone()),
            has_servers: draft.servers_given,
            source: draft.rest.source,
        };
        self.0.iter().map(agent).collect()
    }

    /// Says what is wrong with them together, and what they mean.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Vec<LcraConfig> {
        if let Some(first_beyond) = self.0.get(MAX_LCRAS) {
            let wrong = format!("{} client relay agents", self.0.len());
            mistakes.key(&first_beyond.place, "lcra", wrong, format!("must be at most {MAX_LCRAS}"));
        }
        names::unique("lcra.name", self.0.iter().map(|draft| &draft.name), mistakes);
        self.0.into_iter().filter_map(Draft::finish).collect()
    }
}

impl Draft {
    fn read(standard_name: String, reader: &mut Reader<'_>) -> Self {
        let place = reader.place().clone();
        let name = names::name(reader, standard_name);
        let namespace = namespace(reader);
        let clients = clients(reader);
        let mut upstream = Said::default();
        reader.parsed("upstream", &mut upstream, AN_INTERFACE, interface);
        let mut rest = LcraSettings {
            clients: String::new(),
            upstream: String::new(),
            servers: Vec::new(),
            source: None,
            unique_local: false,
            source_check: SourceCheck::Strict,
            hops_limit: params::HOPS_LIMIT,
            allow: Vec::new(),
            rate_per_client: 10,
            rate: 200,
            pending: 4096,
            encapsulation: Encapsulation::Off,
            circuit_id: None,
            remote_id: None,
        };
        let LcraSettings { servers, source, unique_local, source_check, hops_limit, encapsulation, .. } =
            &mut rest;
        let common = cra::Common { servers, source, unique_local, source_check, hops_limit, encapsulation };
        cra::read(reader, common);
        for (key, wrong, right) in cra::contradictions(&rest.servers, rest.source, rest.unique_local) {
            reader.wrong(key, None, wrong, right);
        }
        let mut allow = Entries::default();
        reader.entries("allow", &mut allow, HARDWARE, hardware);
        rest.allow = allow.values();
        reader.number("rate-per-client", &mut rest.rate_per_client, 0..=i64::from(u32::MAX));
        reader.number("rate", &mut rest.rate, 0..=i64::from(u32::MAX));
        reader.number("pending", &mut rest.pending, 1..=MAX_PENDING);
        for (key, out) in [("circuit-id", &mut rest.circuit_id), ("remote-id", &mut rest.remote_id)] {
            let mut said = Said::default();
            reader.parsed(key, &mut said, SOME_OCTETS, octets);
            if said.given && rest.encapsulation == Encapsulation::Off {
                // It never adds option 82 (draft-ietf-dhc-dhcpv4-over-ipv6 §6).
                let wrong = "an agent on the client's side sends it by relay encapsulation only";
                let right = "must be left out, or \"relay-encapsulation\" must be \"private\"";
                reader.wrong(key, None, wrong, right);
            }
            *out = said.right.map(|at| at.value);
        }
        // An empty list is as good as none: others are known, or nobody is.
        let servers_given = reader.value("servers").is_some_and(|value| match &value.kind {
            ValueKind::Array(list) => !list.is_empty(),
            _ => true,
        });
        let upstream = if upstream.given { upstream.right } else { clients.clone() };
        Self { place, name, namespace, clients, upstream, servers_given, rest }
    }

    /// `None` when it cannot be said where it works.
    fn finish(self) -> Option<LcraConfig> {
        let settings =
            LcraSettings { clients: self.clients?.value, upstream: self.upstream?.value, ..self.rest };
        Some(LcraConfig { name: self.name.value, namespace: self.namespace, settings })
    }
}

/// The one interface (an agent serves one link, and its answers go where the question came from).
fn clients(reader: &mut Reader<'_>) -> Option<At<String>> {
    let Some(value) = reader.value("clients") else {
        reader.wrong("clients", None, MISSING, "must be the name of the interface that clients are on");
        return None;
    };
    if matches!(value.kind, ValueKind::Array(_)) {
        let right = "must be the name of one interface: an agent serves one link, and each further link has an \
                     [[lcra]] of its own";
        reader.wrong("clients", None, shown(value), right);
        return None;
    }
    match text_of(value).and_then(interface) {
        Some(name) => Some(At { value: name, place: place_of(value) }),
        None => {
            reader.wrong("clients", None, shown(value), AN_INTERFACE);
            None
        }
    }
}

/// Six octets that one host can have.
fn hardware(text: &str) -> Option<[u8; 6]> {
    let octets: [u8; 6] = hex_decode(text)?.try_into().ok()?;
    let separated = text.split(':').count() == 6 && text.split(':').all(|part| part.len() == 2);
    // The lowest bit of the first octet is that of groups.
    let of_a_host = octets != [0; 6] && octets[0] & 1 == 0;
    (separated && of_a_host).then_some(octets)
}
