//! The relay agent's surroundings as they are now: the interfaces that clients are on, which of them a reply means,
//! and where messages go.

use super::{Destination, RelaySettings};
use crate::params::SERVER6_PORT;
use crate::provider::Interface;
use crate::settings::is_routable;
use crate::wire::Writer;
use crate::wire::relay::Relay;
use crate::wire::v6_option::OptionCode;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv6Addr, SocketAddrV6};

/// An interface that clients are on.
#[derive(Debug)]
pub(super) struct Side {
    /// Its index.
    pub(super) index: u32,
    /// Its link-local address.
    pub(super) link_local: Option<Ipv6Addr>,
    /// An address that names it and no other interface that clients are on.
    pub(super) link_address: Option<Ipv6Addr>,
    /// Option 18 that names it, with code and length.
    pub(super) interface_id: Vec<u8>,
    /// Option 18 goes in even where nobody needs it.
    pub(super) always_interface_id: bool,
    /// Relay agents are on it too.
    pub(super) trusted: bool,
    /// Takes DHCPv4-queries that are sent to an address of ours.
    pub(super) accept_unicast_4o6: bool,
}

/// A destination that can be sent to now.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    /// Index of the interface to leave by; 0 leaves it to routing.
    pub(super) interface: u32,
    /// Address and port.
    pub(super) to: SocketAddrV6,
}

/// Which way a Relay-reply goes.
pub(super) enum Way<'a> {
    /// To this interface.
    Link(&'a Side),
    /// It names no link: wherever its peer-address is routed.
    Routing,
}

/// All of it.
#[derive(Debug, Default)]
pub(super) struct Sides {
    sides: Vec<Side>,
    by_index: BTreeMap<u32, usize>,
    /// `None` where the name means several interfaces.
    by_interface_id: BTreeMap<Vec<u8>, Option<usize>>,
    /// `None` where several interfaces have the address.
    by_address: BTreeMap<Ipv6Addr, Option<usize>>,
    /// Every address of ours that is not link-local.
    own: BTreeSet<Ipv6Addr>,
    /// For what is no query, or has no destination of its own.
    pub(super) servers: Vec<Target>,
    /// For DHCPv4-queries that come directly from clients.
    pub(super) servers_4o6: Vec<Target>,
}

impl Sides {
    pub(super) fn new(settings: &RelaySettings, interfaces: &[Interface]) -> Self {
        let by_name: BTreeMap<&str, &Interface> =
            interfaces.iter().map(|interface| (interface.name.as_str(), interface)).collect();
        let present: Vec<_> = settings
            .clients
            .iter()
            .filter_map(|client| Some((client, *by_name.get(client.name.as_str())?)))
            .collect();
        let mut sides = Self::default();
        for (at, (client, interface)) in present.iter().enumerate() {
            sides.by_index.insert(interface.index, at);
            name(&mut sides.by_interface_id, client.interface_id.clone(), at);
            for address in &interface.addresses {
                name(&mut sides.by_address, *address, at);
            }
        }
        for (client, interface) in present {
            let names = |address: &Ipv6Addr| sides.by_address.get(address).is_some_and(Option::is_some);
            let side = Side {
                index: interface.index,
                link_local: interface.link_local(),
                link_address: interface.routable().filter(names),
                interface_id: option(OptionCode::INTERFACE_ID, &[&client.interface_id]),
                always_interface_id: client.always_interface_id,
                trusted: client.trusted,
                accept_unicast_4o6: client.accept_unicast_4o6,
            };
            sides.sides.push(side);
        }
        let addresses = interfaces.iter().flat_map(|interface| interface.addresses.iter().copied());
        sides.own = addresses.filter(|address| !address.is_unicast_link_local()).collect();
        let target = |destination: &Destination| {
            let interface = match &destination.interface {
                Some(name) => by_name.get(name.as_str())?.index,
                None => 0,
            };
            let to = destination.address;
            let scope = if to.is_multicast() || to.is_unicast_link_local() { interface } else { 0 };
            Some(Target { interface, to: SocketAddrV6::new(to, SERVER6_PORT, 0, scope) })
        };
        sides.servers = settings.servers.iter().filter_map(target).collect();
        sides.servers_4o6 = settings.servers_4o6.iter().filter_map(target).collect();
        sides
    }

    /// The interface with this index, if clients are on it.
    pub(super) fn at(&self, index: u32) -> Option<&Side> {
        self.sides.get(*self.by_index.get(&index)?)
    }

    /// Relay agents are expected on some interface.
    pub(super) fn any_trusted(&self) -> bool {
        self.sides.iter().any(|side| side.trusted)
    }

    /// Where a reply goes (RFC 8415 §19.2): its interface-id says it, else its link-address. `None` when it names what
    /// is not ours, or several interfaces.
    pub(super) fn way(&self, reply: &Relay<'_>) -> Option<Way<'_>> {
        let at = match reply.interface_id() {
            Some(id) => self.by_interface_id.get(id),
            None if reply.link_address.is_unspecified() => return Some(Way::Routing),
            None => self.by_address.get(&reply.link_address),
        };
        self.sides.get((*at?)?).map(Way::Link)
    }

    /// True if `address`, on the link `way` goes to, is our own.
    pub(super) fn is_own(&self, address: Ipv6Addr, way: &Way<'_>) -> bool {
        match way {
            Way::Link(side) if address.is_unicast_link_local() => side.link_local == Some(address),
            Way::Link(_) | Way::Routing => self.own.contains(&address),
        }
    }

    /// True if `address`, seen on the interface with this index, is one that messages are relayed to. Who is in a group
    /// there does not show: whoever answers by that interface can be.
    pub(super) fn is_server(&self, address: Ipv6Addr, interface: u32) -> bool {
        let here = |target: &Target| match target.to.ip() {
            group if group.is_multicast() => target.interface == interface,
            server => *server == address && (is_routable(address) || target.interface == interface),
        };
        self.servers.iter().chain(&self.servers_4o6).any(here)
    }
}

/// A name that a second one claims means neither.
fn name<K: Ord>(names: &mut BTreeMap<K, Option<usize>>, key: K, at: usize) {
    names.entry(key).and_modify(|known| *known = None).or_insert(Some(at));
}

/// A DHCPv6 option with code and length, its value in parts; empty when the value is longer than an option can be.
pub(super) fn option(code: OptionCode, parts: &[&[u8]]) -> Vec<u8> {
    let mut w = Writer::new();
    w.option6(code, |w| {
        for part in parts {
            w.bytes(part);
        }
    });
    w.finish().unwrap_or_default()
}
