//! `[[relay]]`: DHCPv6 relay agents.

use super::link::{draft01, namespace};
use super::mistakes::{MISSING, Mistakes, Place, Shown};
use super::reader::{
    At, Entries, MAX_NAMED, Reader, SOME_OCTETS, Said, Wanted, octets, place_of, shown, text_of,
};
use super::server::{code_points, profiles};
use super::serves::{INTERFACES, interface};
use super::{RelayConfig, names};
use config::{Value, ValueKind};
use dhcp4o6_protocol::ids::{Duid, hex_decode};
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::role::relay::{ClientSide, Destination, RelaySettings};
use dhcp4o6_protocol::settings::{Draft01, Profile, is_routable};
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// Most relay agents.
const MAX_RELAYS: usize = 64;
/// Most destinations of one kind: each message is copied to each of them.
const MAX_DESTINATIONS: usize = 16;
/// All_DHCP_Servers, RFC 8415 §7.1.
const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff05, 0, 0, 0, 0, 0, 1, 3);
/// The port of DHCPv6 clients, which cannot be a relay agent's.
const CLIENT_PORT: i64 = 546;

const DESTINATIONS: Wanted = Wanted {
    entries: "IPv6 addresses",
    right: "must be an IPv6 address; a link-local or multicast one with its interface, such as \"fe80::1%wan0\"",
    most: MAX_DESTINATIONS,
};

const UPSTREAM: Wanted = Wanted { most: MAX_DESTINATIONS, ..INTERFACES };
const A_CLIENT_SIDE: &str =
    "must be the name of an interface, or a table such as { name = \"lan0\", trusted = true }";
const AN_INTERFACE: &str = "must be the name of an interface, not a pattern";

/// An interface that a role of the provider serves clients on.
pub(super) struct Served {
    pub(super) namespace: Option<String>,
    pub(super) interface: At<String>,
}

/// All relay agents, as all layers together say it.
#[derive(Default)]
pub(super) struct Drafts(Vec<Draft>);

struct Draft {
    place: Place,
    name: At<String>,
    namespace: Option<String>,
    clients: Vec<At<ClientSide>>,
    upstream: Entries<String>,
    servers: Entries<Destination>,
    servers_4o6: Entries<Destination>,
    own_relay_id: bool,
    rest: RelaySettings,
}

impl Drafts {
    /// Reads one table.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        let standard = format!("relay{}", self.0.len() + 1);
        self.0.push(Draft::read(standard, reader));
    }

    /// Says what is wrong with them together and with the interfaces `served` by the server, and what they mean.
    pub(super) fn finish(self, served: Vec<Served>, mistakes: &mut Mistakes) -> Vec<RelayConfig> {
        if let Some(first_beyond) = self.0.get(MAX_RELAYS) {
            let right = format!("must be at most {MAX_RELAYS}");
            mistakes.key(&first_beyond.place, "relay", format!("{} relay agents", self.0.len()), right);
        }
        names::unique("relay.name", self.0.iter().map(|draft| &draft.name), mistakes);
        self.shared_interfaces(&served, mistakes);
        self.shared_interface_ids(mistakes);
        self.0.into_iter().map(|draft| draft.finish(mistakes)).collect()
    }

    /// Clients of one interface have one server or relay agent.
    fn shared_interfaces(&self, served: &[Served], mistakes: &mut Mistakes) {
        let mut taken: BTreeMap<(Option<&str>, &str), &Place> = BTreeMap::new();
        for Served { namespace, interface } in served {
            taken.insert((namespace.as_deref(), &interface.value), &interface.place);
        }
        for draft in &self.0 {
            for At { value: side, place } in &draft.clients {
                if let Some(first) = taken.insert((draft.namespace.as_deref(), &side.name), place) {
                    let wrong = format!("clients on \"{}\" are served already", Shown(&side.name));
                    mistakes.key(place, "relay.clients", wrong, format!("the other is at {first}"));
                }
            }
        }
    }

    /// An interface-id tells the relay agent, and in it the interface, that an answer is for.
    fn shared_interface_ids(&self, mistakes: &mut Mistakes) {
        let mut taken = BTreeMap::new();
        for draft in &self.0 {
            for At { value: side, place } in &draft.clients {
                let key = (&draft.namespace, &side.interface_id);
                match taken.insert(key, (&side.name, place)) {
                    // The same interface twice is reported as such.
                    Some((other, first)) if *other != side.name => {
                        let wrong = "two interfaces have the same interface-id";
                        let right = format!("must be unique; the other is at {first}");
                        mistakes.key(place, "relay.clients.interface-id", wrong, right);
                    }
                    _ => {}
                }
            }
        }
    }
}

impl Draft {
    fn read(standard_name: String, reader: &mut Reader<'_>) -> Self {
        let place = reader.place().clone();
        let name = names::name(reader, standard_name);
        let mut profile = Profile::Rfc7341;
        reader.word("profile", &mut profile, &profiles(), &[]);
        let mut draft = Draft01::default();
        reader.table("draft01", |table| draft01(table, &mut draft));
        for (wrong, right) in code_points(profile, &draft) {
            reader.wrong("draft01", None, wrong, right);
        }
        let namespace = namespace(reader);
        let clients = clients(reader);
        let mut upstream = Entries::default();
        reader.entries("upstream", &mut upstream, UPSTREAM, interface);
        let mut servers = Entries::default();
        reader.entries("servers", &mut servers, DESTINATIONS, destination);
        let mut servers_4o6 = Entries::default();
        reader.entries("servers-4o6", &mut servers_4o6, DESTINATIONS, destination);
        if !upstream.given && !servers.given {
            let right =
                "must have \"upstream\", interfaces toward the servers, or \"servers\", their addresses";
            reader.wrong("upstream", None, MISSING, right);
        }
        let mut rest = RelaySettings {
            clients: Vec::new(),
            servers: Vec::new(),
            servers_4o6: Vec::new(),
            profile,
            draft01: draft,
            source_port: params::SERVER6_PORT,
            strict_source: false,
            client_link_layer: false,
            relay_id: None,
            remote_id: None,
            rate_per_interface: 1000,
            rate_per_source: 50,
        };
        source_port(reader, &mut rest.source_port);
        reader.boolean("strict-source", &mut rest.strict_source);
        reader.boolean("client-link-layer", &mut rest.client_link_layer);
        let own_relay_id = relay_id(reader, &mut rest.relay_id);
        reader.table("remote-id", |table| rest.remote_id = remote_id(table));
        reader.number("rate-per-interface", &mut rest.rate_per_interface, 0..=i64::from(u32::MAX));
        reader.number("rate-per-source", &mut rest.rate_per_source, 0..=i64::from(u32::MAX));
        Self { place, name, namespace, clients, upstream, servers, servers_4o6, own_relay_id, rest }
    }

    fn finish(self, mistakes: &mut Mistakes) -> RelayConfig {
        // A message that came back down would be relayed again.
        let is_client = |name: &str| self.clients.iter().any(|at| at.value.name == name);
        let right = "must be another interface than those in \"clients\"";
        for At { value, place } in &self.upstream.right {
            if is_client(value) {
                let wrong = format!("clients are on \"{}\"", Shown(value));
                mistakes.key(place, "relay.upstream", wrong, right);
            }
        }
        for (key, list) in [("relay.servers", &self.servers), ("relay.servers-4o6", &self.servers_4o6)] {
            for At { value, place } in &list.right {
                if let Some(name) = value.interface.as_deref().filter(|name| is_client(name)) {
                    mistakes.key(place, key, format!("clients are on \"{}\"", Shown(name)), right);
                }
            }
        }
        let mut servers = self.servers.values();
        if servers.is_empty() {
            let to_all = |interface| Destination { address: ALL_SERVERS, interface: Some(interface) };
            servers = self.upstream.values().into_iter().map(to_all).collect();
        }
        let settings = RelaySettings {
            clients: self.clients.into_iter().map(|at| at.value).collect(),
            servers,
            servers_4o6: self.servers_4o6.values(),
            ..self.rest
        };
        RelayConfig {
            name: self.name.value,
            namespace: self.namespace,
            settings,
            own_relay_id: self.own_relay_id,
        }
    }
}

fn clients(reader: &mut Reader<'_>) -> Vec<At<ClientSide>> {
    let mut sides = Vec::new();
    let Some(value) = reader.value("clients") else {
        reader.wrong("clients", None, MISSING, "must be a list of the interfaces that clients are on");
        return sides;
    };
    let Some(list) = reader.list_in("clients", value, "interfaces", MAX_NAMED) else { return sides };
    if list.is_empty() {
        reader.wrong(
            "clients",
            None,
            "an empty list is not valid",
            "must have an interface that clients are on",
        );
    }
    for entry in list {
        let place = place_of(entry);
        if !matches!(entry.kind, ValueKind::Table(_)) {
            match text_of(entry).and_then(interface) {
                Some(name) => sides.push(At { value: client_side(name), place }),
                None => reader.wrong("clients", Some(entry), shown(entry), A_CLIENT_SIDE),
            }
            continue;
        }
        reader.entry("clients", entry, A_CLIENT_SIDE, |table| {
            let mut name = Said::default();
            table.parsed("name", &mut name, AN_INTERFACE, interface);
            if !name.given {
                table.wrong("name", None, MISSING, AN_INTERFACE);
            }
            // Also without a name the other keys are read.
            let mut side = client_side(name.right.as_ref().map(|at| at.value.clone()).unwrap_or_default());
            let mut interface_id = Said::default();
            table.parsed("interface-id", &mut interface_id, SOME_OCTETS, octets);
            if let Some(at) = interface_id.right {
                side.interface_id = at.value;
            }
            table.boolean("always-interface-id", &mut side.always_interface_id);
            table.boolean("trusted", &mut side.trusted);
            table.boolean("accept-unicast-4o6", &mut side.accept_unicast_4o6);
            if name.right.is_some() {
                sides.push(At { value: side, place });
            }
        });
    }
    sides
}

fn client_side(name: String) -> ClientSide {
    ClientSide {
        interface_id: name.clone().into_bytes(),
        name,
        always_interface_id: false,
        trusted: false,
        accept_unicast_4o6: false,
    }
}

/// An address; one that is only good on a link comes with its interface.
fn destination(text: &str) -> Option<Destination> {
    let (address, name) = match text.split_once('%') {
        Some((address, name)) => (address, Some(interface(name)?)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().ok()?;
    let scoped = address.is_unicast_link_local() || address.is_multicast();
    let right = if scoped { name.is_some() } else { is_routable(address) };
    right.then_some(Destination { address, interface: name })
}

fn source_port(reader: &mut Reader<'_>, out: &mut u16) {
    let Some(value) = reader.value("source-port") else { return };
    if matches!(value.kind, ValueKind::I64(CLIENT_PORT)) {
        return reader.wrong("source-port", None, "546 is the port of clients", "must be another");
    }
    reader.number("source-port", out, 1..=65_535);
}

/// `true` is the DUID of the service, which is not known here.
fn relay_id(reader: &mut Reader<'_>, out: &mut Option<Duid>) -> bool {
    let value: Option<&Value> = reader.value("relay-id");
    match value.map(|value| &value.kind) {
        None => false,
        Some(ValueKind::Boolean(own)) => *own,
        Some(_) => {
            let mut said = Said::default();
            let right = "must be true for the DUID of the service, false, or a DUID: 3 to 130 octets in \
                         hexadecimal digits";
            reader.parsed("relay-id", &mut said, right, |text| {
                hex_decode(text).and_then(|octets| Duid::new(octets).ok())
            });
            *out = said.right.map(|at| at.value);
            false
        }
    }
}

fn remote_id(table: &mut Reader<'_>) -> Option<(u32, Vec<u8>)> {
    let right = "must be the number that IANA gave out: a whole number from 1 to 4294967295";
    let mut enterprise = 0;
    match table.value("enterprise") {
        Some(_) => table.number("enterprise", &mut enterprise, 1..=i64::from(u32::MAX)),
        None => table.wrong("enterprise", None, MISSING, right),
    }
    let mut id = Said::default();
    table.parsed("id", &mut id, SOME_OCTETS, octets);
    if !id.given {
        table.wrong("id", None, MISSING, SOME_OCTETS);
    }
    Some((enterprise, id.right?.value))
}
