//! `[server.external]`: DHCPv4 servers that are reached by IPv4.

use super::mistakes::{MISSING, Mistakes, Place};
use super::reader::{At, Entries, Reader, Said, Wanted};
use super::{serves, subnet4};
use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::role::external::{LinkSelection, Settings};
use std::net::Ipv4Addr;

/// Most links.
const MAX_LINKS: usize = 4096;

/// DHCPv4 servers.
pub(super) const SERVERS: Wanted =
    Wanted { entries: "IPv4 addresses", right: "must be a unicast IPv4 address", most: MAX_SERVERS };
/// Most servers: each query goes to each of them.
const MAX_SERVERS: usize = 8;

const A_GIADDR: &str = "must be an IPv4 address of this host that the servers reach";
const A_PREFIX: &str = "must be an IPv4 prefix such as \"192.0.2.0/24\", without host bits, from /1 to /32";

/// `[server.external]`, as all layers together say it.
#[derive(Default)]
pub(super) struct Draft {
    place: Option<Place>,
    servers: Entries<Ipv4Addr>,
    giaddr: Said<Ipv4Addr>,
    sub_option: Said<u8>,
    secret: Said<[u8; 16]>,
    links: Vec<Link>,
}

struct Link {
    place: Place,
    prefix: Option<Prefix4>,
    serves: serves::Draft,
}

impl Draft {
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        self.place.get_or_insert_with(|| reader.place().clone());
        reader.entries("servers", &mut self.servers, SERVERS, server);
        let usable = |text: &str| text.parse().ok().filter(|address| subnet4::is_usable(*address));
        reader.parsed("giaddr", &mut self.giaddr, A_GIADDR, usable);
        self.sub_option(reader);
        let right = "must be 16 octets in hexadecimal digits";
        reader.parsed("secret", &mut self.secret, right, |text| hex_decode(text)?.try_into().ok());
        let links = &mut self.links;
        reader.tables("link", |table| links.push(link(table)));
    }

    fn sub_option(&mut self, reader: &mut Reader<'_>) {
        let Some(value) = reader.value("sub-option") else { return };
        self.sub_option.given = true;
        let Some(code) = reader.number_of::<u8>("sub-option", value, 1..=254) else { return };
        // Those of the registry: servers, or we ourselves, would take it for something else. Circuit and remote
        // identifier are whatever a relay agent makes them (RFC 3046).
        if matches!(code, 3..=19 | 151 | 152) {
            let wrong = format!("sub-option {code} means something else");
            let right = "must be 1, 2 or one that is not assigned: 20 to 254, but not 151 and 152";
            reader.wrong("sub-option", None, wrong, right);
        } else {
            self.sub_option.right = Some(At { value: code, place: reader.place_of_key("sub-option") });
        }
    }

    /// The address that servers answer to.
    pub(super) fn giaddr(&self) -> Option<&At<Ipv4Addr>> {
        self.giaddr.right.as_ref()
    }

    /// Says what is wrong, and what it means with the secret; `chosen` says that this is the engine that runs, for the
    /// server that is at `server`.
    pub(super) fn finish(
        self,
        chosen: bool,
        server: &Place,
        mistakes: &mut Mistakes,
    ) -> (Settings, Option<[u8; 16]>) {
        let place = self.place.as_ref().unwrap_or(server);
        let giaddr = self.giaddr.right.as_ref();
        if chosen && !self.servers.given {
            mistakes.key(
                place,
                "server.external.servers",
                MISSING,
                "must be a list of 1 to 8 IPv4 addresses",
            );
        }
        if chosen && !self.giaddr.given {
            mistakes.key(place, "server.external.giaddr", MISSING, A_GIADDR);
        }
        let ourselves =
            self.servers.right.iter().find(|at| giaddr.is_some_and(|giaddr| giaddr.value == at.value));
        if let Some(at) = ourselves {
            let wrong = format!("{} is \"giaddr\", this host's own address", at.value);
            mistakes.key(&at.place, "server.external.servers", wrong, "must be another server's");
        }
        if let Some(first_beyond) = self.links.get(MAX_LINKS) {
            let right = format!("must be at most {MAX_LINKS}");
            mistakes.key(
                &first_beyond.place,
                "server.external.link",
                format!("{} links", self.links.len()),
                right,
            );
        }
        let all: Vec<_> = self.links.iter().map(|link| (&link.serves, &link.place)).collect();
        serves::claimed_twice("server.external.link", &all, mistakes);
        let all: Vec<_> = self.links.iter().map(|link| (&link.serves, None)).collect();
        serves::nested("server.external.link", &all, mistakes);
        let links = self
            .links
            .into_iter()
            .filter_map(|link| Some(LinkSelection { prefix: link.prefix?, serves: link.serves.finish() }));
        let settings = Settings {
            servers: self.servers.values(),
            giaddr: self.giaddr.right.map_or(Ipv4Addr::UNSPECIFIED, |at| at.value),
            links: links.collect(),
            sub_option: self.sub_option.right.map_or(Settings::SUB_OPTION, |at| at.value),
        };
        (settings, self.secret.right.map(|at| at.value))
    }
}

/// The address of a DHCPv4 server: the host's own loopback may have one, other addresses must be those of hosts.
pub(super) fn server(text: &str) -> Option<Ipv4Addr> {
    text.parse().ok().filter(|address: &Ipv4Addr| address.is_loopback() || subnet4::is_usable(*address))
}

fn link(table: &mut Reader<'_>) -> Link {
    let mut prefix: Said<Prefix4> = Said::default();
    let read = |text: &str| text.parse().ok().filter(|prefix: &Prefix4| !prefix.is_all());
    table.parsed("prefix", &mut prefix, A_PREFIX, read);
    if !prefix.given {
        table.wrong("prefix", None, MISSING, A_PREFIX);
    }
    let mut serves = serves::Draft::default();
    serves.read(table);
    Link { place: table.place().clone(), prefix: prefix.right.map(|at| at.value), serves }
}
