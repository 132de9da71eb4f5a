//! Who is on which link with which addresses.

use crate::desk::address;
use dhcp4o6_protocol::provider::Interface;
use dhcp4o6_protocol::role::relay::{ClientSide, Destination, RelaySettings};
use dhcp4o6_protocol::settings::{Draft01, Profile};
use std::net::Ipv6Addr;

/// Links with subscribers.
pub(crate) const LINKS: usize = 3;
/// The link between relay agents A, C and the server.
const CORE: usize = 3;
/// The link between relay agents B and C.
const BETWEEN: usize = 4;
/// Relay agents A, B and C.
pub(crate) const AGENTS: usize = 3;
pub(crate) const SERVER: &str = "2001:db8:100::1";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Node {
    Host(usize),
    Agent(usize),
    Server,
    /// Behind a client relay agent.
    Plain(usize),
}

/// An interface of something that is not a subscriber.
struct Attached {
    node: Node,
    link: usize,
    interface: Interface,
}

pub(crate) struct Topology(Vec<Attached>);

/// The /64 of a link with subscribers.
pub(crate) fn prefix(link: usize) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x10, u16::try_from(link).unwrap(), 0, 0, 0, 0)
}

impl Topology {
    pub(crate) fn new() -> Self {
        let mut all = Vec::new();
        let mut attach = |node, link, index, name: &str, addresses: &[&str]| {
            let addresses = addresses.iter().map(|text| address(text)).collect();
            let interface =
                Interface { index, name: name.to_owned(), running: true, addresses, ..Interface::default() };
            all.push(Attached { node, link, interface });
        };
        attach(Node::Server, 0, 1, "lan0", &["fe80::5:1", "2001:db8:10:0::1"]);
        attach(Node::Server, CORE, 2, "up0", &["fe80::5:2", SERVER]);
        attach(Node::Agent(0), 1, 1, "acc0", &["fe80::a:1", "2001:db8:10:1::1"]);
        attach(Node::Agent(0), CORE, 2, "core0", &["fe80::a:2", "2001:db8:100::a"]);
        // B has no address that names the link of its clients.
        attach(Node::Agent(1), 2, 1, "acc0", &["fe80::b:1"]);
        attach(Node::Agent(1), BETWEEN, 2, "core0", &["fe80::b:2", "2001:db8:101::b"]);
        attach(Node::Agent(2), BETWEEN, 1, "down0", &["fe80::c:1", "2001:db8:101::c"]);
        attach(Node::Agent(2), CORE, 2, "up0", &["fe80::c:2", "2001:db8:100::c"]);
        Self(all)
    }

    fn of(&self, node: Node) -> impl Iterator<Item = &Attached> {
        self.0.iter().filter(move |attached| attached.node == node)
    }

    pub(crate) fn interfaces(&self, node: Node) -> Vec<Interface> {
        self.of(node).map(|attached| attached.interface.clone()).collect()
    }

    /// The link and source by which something leaves for `to`. `None` when the kernel would refuse.
    pub(crate) fn leaves_by(
        &self,
        node: Node,
        interface: u32,
        source: Option<Ipv6Addr>,
        to: Ipv6Addr,
    ) -> Option<(usize, Ipv6Addr)> {
        let on_link = to.is_multicast() || to.is_unicast_link_local();
        assert!(interface != 0 || !on_link, "{to} without an interface");
        if let Some(source) = source {
            let own = self.of(node).any(|attached| attached.interface.addresses.contains(&source));
            assert!(own, "{source} is no address of {node:?}");
        }
        // By a link that the destination is on, else by any.
        let reaches = |attached: &&Attached| {
            let there =
                |other: &Attached| other.link == attached.link && other.interface.addresses.contains(&to);
            self.0.iter().any(there)
        };
        let by = match interface {
            0 => self.of(node).find(reaches).or_else(|| self.of(node).next())?,
            index => self.of(node).find(|attached| attached.interface.index == index)?,
        };
        let routable =
            || by.interface.routable().or_else(|| self.of(node).find_map(|a| a.interface.routable()));
        let chosen = if on_link && !is_site(to) { by.interface.link_local() } else { routable() };
        Some((by.link, source.or(chosen)?))
    }

    /// Who else than subscribers gets a datagram, and by which interface. Routable addresses are found from anywhere.
    pub(crate) fn receivers(&self, sender: Node, link: usize, to: Ipv6Addr) -> Vec<(Node, u32)> {
        let others = || self.0.iter().filter(|attached| attached.node != sender);
        let here = || others().filter(|attached| attached.link == link);
        let has = |attached: &&Attached| attached.interface.addresses.contains(&to);
        let by = |attached: &Attached| (attached.node, attached.interface.index);
        if to.is_multicast() {
            return here().map(by).collect();
        }
        if to.is_unicast_link_local() {
            return here().filter(has).map(by).collect();
        }
        // An address of another link's interface is reached by the interface on this one, if there is one.
        let owner = others().find(has);
        let arrives = owner.map(|owner| here().find(|attached| attached.node == owner.node).unwrap_or(owner));
        arrives.into_iter().map(by).collect()
    }
}

/// All_DHCP_Servers, which relay agents send to from a routable address.
fn is_site(to: Ipv6Addr) -> bool {
    to.segments()[0] == 0xff05
}

pub(crate) fn relay_settings(agent: usize) -> RelaySettings {
    let (client, trusted, server, interface) = match agent {
        0 => ("acc0", false, SERVER, None),
        1 => ("acc0", false, "2001:db8:101::c", None),
        _ => ("down0", true, "ff05::1:3", Some("up0".to_owned())),
    };
    RelaySettings {
        clients: vec![ClientSide {
            name: client.to_owned(),
            interface_id: format!("{client}.{agent}").into_bytes(),
            always_interface_id: agent == 0,
            trusted,
            accept_unicast_4o6: false,
        }],
        servers: vec![Destination { address: address(server), interface }],
        servers_4o6: Vec::new(),
        profile: Profile::Rfc7341,
        draft01: Draft01::default(),
        source_port: if agent == 0 { 10_547 } else { 547 },
        strict_source: false,
        client_link_layer: false,
        relay_id: None,
        remote_id: None,
        rate_per_interface: 0,
        rate_per_source: 0,
    }
}
