//! `[server.tsv]`: the IPv6-transport server.

use super::cra;
use super::exclusion::Receiver;
use super::mistakes::{Mistakes, Place};
use super::reader::{Entries, Reader, Wanted};
use super::serves::{INTERFACES, interface};
use super::subnet4::is_usable;
use super::transport::{self, From, PREFIXES4, prefix4};
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::wire::agent::code::{self, CRA6ADDR};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Sub-options that it understands in what relay agents send: link selection, source port.
const UNDERSTOOD: [u8; 2] = [code::LINK_SELECTION, code::SOURCE_PORT];

const ADDRESSES4: Wanted =
    Wanted { entries: "own IPv4 addresses", right: "must be a unicast IPv4 address of this host", most: 64 };

/// `[server.tsv]`, as all layers together say it.
pub(super) struct Draft {
    /// Where it was first written.
    pub(super) place: Option<Place>,
    addresses: Entries<Ipv6Addr>,
    from: From,
    addresses4: Entries<Ipv4Addr>,
    accept_from4: Entries<Prefix4>,
    relay_agents: Entries<Prefix4>,
    pub(super) interfaces4: Entries<String>,
    cra6addr: u8,
    encapsulation: Encapsulation,
}

impl Default for Draft {
    fn default() -> Self {
        Self {
            place: None,
            addresses: Entries::default(),
            from: From::default(),
            addresses4: Entries::default(),
            accept_from4: Entries::default(),
            relay_agents: Entries::default(),
            interfaces4: Entries::default(),
            cra6addr: CRA6ADDR,
            encapsulation: Encapsulation::Off,
        }
    }
}

impl Draft {
    /// Reads the table of one layer over what earlier ones said.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        self.place.get_or_insert_with(|| reader.place().clone());
        transport::addresses(reader, &mut self.addresses);
        self.from.read(reader);
        let usable = |text: &str| text.parse().ok().filter(|address| is_usable(*address));
        reader.entries("addresses4", &mut self.addresses4, ADDRESSES4, usable);
        reader.entries("accept-from4", &mut self.accept_from4, PREFIXES4, prefix4);
        reader.entries("relay-agents", &mut self.relay_agents, PREFIXES4, prefix4);
        reader.entries("interfaces4", &mut self.interfaces4, INTERFACES, interface);
        transport::cra6addr(reader, &mut self.cra6addr);
        if reader.value("cra6addr").is_some() && UNDERSTOOD.contains(&self.cra6addr) {
            let wrong = format!("sub-option {} means something else", self.cra6addr);
            reader.wrong("cra6addr", None, wrong, "must be another than 5 and 19");
            self.cra6addr = CRA6ADDR;
        }
        cra::encapsulation(reader, &mut self.encapsulation);
    }

    /// Where it receives, in the server's namespace.
    pub(super) fn receiver(&self, namespace: &Option<String>) -> Option<Receiver> {
        Some(Receiver {
            what: "[server.tsv]".to_owned(),
            path: "server.tsv",
            place: self.place.clone()?,
            namespace: namespace.clone(),
            addresses: self.addresses.values(),
            four: None,
        })
    }

    /// Says what is wrong with it as a whole, and what it means. `None` when there is none.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Option<TsvSettings> {
        let place = self.place?;
        self.from.check(&place, "server.tsv", mistakes);
        Some(TsvSettings {
            addresses: self.addresses.values(),
            accept_from: self.from.agents.values(),
            addresses4: self.addresses4.values(),
            accept_from4: self.accept_from4.values(),
            relay_agents: self.relay_agents.values(),
            interfaces4: self.interfaces4.values(),
            cra6addr: self.cra6addr,
            encapsulation: self.encapsulation,
        })
    }
}
