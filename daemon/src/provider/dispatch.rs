//! Which role of a namespace a datagram is for. Those of DHCPv6 share the port, so its interface and message type decide;
//! those of DHCPv4 over IPv6 share it too, and have addresses of their own. Every other socket is one role's.

use dhcp4o6_protocol::params::SERVER6_PORT;
use dhcp4o6_protocol::provider::{Datagram, Interface, Port};
use dhcp4o6_protocol::role::relay::RelaySettings;
use dhcp4o6_protocol::wire::relay::Relay;
use dhcp4o6_protocol::wire::v4::BOOTREQUEST;
use dhcp4o6_protocol::wire::v6::MessageType;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// What tells datagrams apart. `R` names a role.
pub struct Dispatch<R> {
    server: Option<R>,
    /// Addresses that the configuration calls the server's.
    of_server: BTreeSet<Ipv6Addr>,
    relays: Vec<Ways<R>>,
    /// Whose clients are on an interface.
    clients: BTreeMap<u32, R>,
    /// Who is asked by client relay agents at addresses of its own.
    transports: BTreeMap<Ipv6Addr, R>,
    /// Who is asked at every other address; else the first that is asked at all: one of them has to count it.
    transport: Option<R>,
    /// Whose the other sockets are.
    owners: BTreeMap<Port, R>,
}

/// The ways back through one relay agent.
struct Ways<R> {
    relay: R,
    port: u16,
    /// What it calls the interfaces of its clients.
    ids: BTreeSet<Vec<u8>>,
    /// Addresses of these interfaces.
    links: BTreeSet<Ipv6Addr>,
    /// Relay agents are below it: only their messages leave without the name of a link.
    trusted: bool,
}

impl<R: Copy> Dispatch<R> {
    /// For no role.
    pub fn new() -> Self {
        Self {
            server: None,
            of_server: BTreeSet::new(),
            relays: Vec::new(),
            clients: BTreeMap::new(),
            transports: BTreeMap::new(),
            transport: None,
            owners: BTreeMap::new(),
        }
    }

    /// For this server too.
    pub fn with_server(&mut self, server: R, addresses: &[Ipv6Addr]) {
        self.server = Some(server);
        self.of_server.extend(addresses);
    }

    /// For this relay agent too. An interface belongs to the first that has clients on it.
    pub fn with_relay(&mut self, relay: R, settings: &RelaySettings, interfaces: &[Interface]) {
        let here = |interface: &&Interface| settings.clients.iter().any(|side| side.name == interface.name);
        let here: Vec<_> = interfaces.iter().filter(here).collect();
        here.iter().for_each(|interface| _ = self.clients.entry(interface.index).or_insert(relay));
        self.relays.push(Ways {
            relay,
            port: settings.source_port,
            ids: settings.clients.iter().map(|side| side.interface_id.clone()).collect(),
            links: here.iter().flat_map(|interface| interface.addresses.iter().copied()).collect(),
            trusted: settings.clients.iter().any(|side| side.trusted),
        });
    }

    /// For this IPv6-transport server or relay agent too, which is asked at these addresses; none is every one that is
    /// no other's.
    pub fn with_transport(&mut self, transport: R, addresses: &[Ipv6Addr]) {
        addresses.iter().for_each(|address| _ = self.transports.entry(*address).or_insert(transport));
        if addresses.is_empty() || self.transport.is_none() {
            self.transport = Some(transport);
        }
    }

    /// These sockets are this role's, unless they are shared, or another's already.
    pub fn with_ports(&mut self, role: R, ports: &[Port]) {
        ports.iter().for_each(|port| _ = self.owners.entry(*port).or_insert(role));
    }

    /// The socket that the datagram was for. A DHCPv4 server who hears clients at every address of ours hears them at
    /// that of a relay agent too, whose own are answers only.
    pub fn door(&self, datagram: &Datagram<'_>) -> Port {
        let asks = datagram.payload.first() == Some(&BOOTREQUEST);
        match datagram.via {
            Port::Upstream4(_) if asks && self.owners.contains_key(&Port::Server4) => Port::Server4,
            via => via,
        }
    }

    /// Whose a socket is that is not shared.
    pub fn owner(&self, port: Port) -> Option<R> {
        self.owners.get(&port).copied()
    }

    /// Whom the datagram is for; `None` if no role wants it.
    pub fn addressee(&self, datagram: &Datagram<'_>) -> Option<R> {
        let reply = MessageType::peek(datagram.payload) == Some(MessageType::RELAY_REPL);
        match datagram.via {
            Port::Upstream4(_) | Port::Server4 | Port::Cra6(_) | Port::Frames(_) => self.owner(datagram.via),
            Port::Transport6 => self.transports.get(&datagram.to).copied().or(self.transport),
            Port::Upstream6(port) => self.way_back(port, datagram.payload),
            Port::Dhcp6 if self.relays.is_empty() => self.server,
            Port::Dhcp6 if !reply && self.of_server.contains(&datagram.to) => self.server,
            Port::Dhcp6 => match self.clients.get(&datagram.interface) {
                Some(relay) => Some(*relay),
                None if reply => self.way_back(SERVER6_PORT, datagram.payload),
                None => self.server,
            },
        }
    }

    /// Of the relay agents that receive by this port, the one that knows where the reply goes, else the first: one of
    /// them has to count it. By 547 all of them do: a server that knows of no other port answers there.
    fn way_back(&self, port: u16, payload: &[u8]) -> Option<R> {
        let here = || self.relays.iter().filter(|ways| port == SERVER6_PORT || ways.port == port);
        let mut others = here();
        let first = others.next()?;
        if others.next().is_none() {
            return Some(first.relay);
        }
        let Ok(reply) = Relay::parse(payload) else { return Some(first.relay) };
        let knows = |ways: &&Ways<R>| match reply.interface_id() {
            Some(id) => ways.ids.contains(id),
            None if reply.link_address.is_unspecified() => ways.trusted,
            None => ways.links.contains(&reply.link_address),
        };
        Some(here().find(knows).unwrap_or(first).relay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::tests::relay;
    use std::net::{Ipv4Addr, SocketAddrV4, SocketAddrV6};

    const LAN0: u32 = 2;
    const LAN1: u32 = 3;
    const WAN0: u32 = 4;
    const OWN: &str = "2001:db8:100::1";
    const SOLICIT: &[u8] = &[1, 0, 0, 1];

    fn interface(index: u32, name: &str, address: &str) -> Interface {
        let addresses = vec![address.parse().unwrap()];
        Interface { index, name: name.into(), running: true, addresses, ..Interface::default() }
    }

    fn interfaces() -> [Interface; 3] {
        [
            interface(LAN0, "lan0", "2001:db8:10::1"),
            interface(LAN1, "lan1", "2001:db8:11::1"),
            interface(WAN0, "wan0", OWN),
        ]
    }

    /// A server, and two relay agents with clients at `lan0` and `lan1`.
    fn all() -> Dispatch<&'static str> {
        let mut dispatch = Dispatch::new();
        dispatch.with_server("server", &[OWN.parse().unwrap()]);
        dispatch.with_relay("zero", &relay("zero", "lan0").settings, &interfaces());
        dispatch.with_relay("one", &relay("one", "lan1").settings, &interfaces());
        dispatch.with_ports("server", &[Port::Dhcp6, GIADDR]);
        dispatch
    }

    const GIADDR: Port = Port::Upstream4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 67));

    fn reply(link: &str, id: Option<&[u8]>) -> Vec<u8> {
        let mut octets = vec![13, 0];
        octets.extend(link.parse::<Ipv6Addr>().unwrap().octets());
        octets.extend("fe80::5".parse::<Ipv6Addr>().unwrap().octets());
        if let Some(id) = id {
            octets.extend([0, 18, 0, u8::try_from(id.len()).unwrap()]);
            octets.extend(id);
        }
        octets.extend([0, 9, 0, 4, 7, 0, 0, 1]);
        octets
    }

    fn to<'d>(
        dispatch: &Dispatch<&'d str>,
        via: Port,
        interface: u32,
        to: &str,
        payload: &[u8],
    ) -> Option<&'d str> {
        let from = SocketAddrV6::new("fe80::9".parse().unwrap(), SERVER6_PORT, 0, interface);
        dispatch.addressee(&Datagram { via, interface, from, to: to.parse().unwrap(), payload })
    }

    #[test]
    fn what_comes_from_clients_of_a_relay_agent_is_for_it_and_the_rest_for_the_server() {
        let dispatch = all();
        let by = |interface| to(&dispatch, Port::Dhcp6, interface, "ff02::1:2", SOLICIT);
        assert_eq!([LAN0, LAN1, WAN0].map(by), [Some("zero"), Some("one"), Some("server")]);
        assert_eq!(to(&dispatch, Port::Dhcp6, LAN0, OWN, SOLICIT), Some("server"), "its own address");
        assert_eq!(to(&dispatch, Port::Dhcp6, LAN0, OWN, &reply("::", None)), Some("zero"));
        assert_eq!(to(&dispatch, GIADDR, WAN0, "::", b"x"), Some("server"));
    }

    #[test]
    fn a_relay_reply_is_for_the_relay_agent_that_knows_the_link() {
        let dispatch = all();
        let with = |link, id| to(&dispatch, Port::Dhcp6, WAN0, OWN, &reply(link, id));
        assert_eq!(with("::", Some(b"lan1")), Some("one"));
        assert_eq!(with("2001:db8:11::1", None), Some("one"));
        assert_eq!(with("2001:db8:11::1", Some(b"lan0")), Some("zero"), "the interface-id counts");
        assert_eq!(with("::", Some(b"lan7")), Some("zero"), "somebody has to count it");
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, &[13]), Some("zero"));
    }

    #[test]
    fn a_port_of_its_own_is_the_relay_agents_alone() {
        let mut other = relay("other", "lan1").settings;
        other.source_port = 10_547;
        let mut dispatch = Dispatch::new();
        dispatch.with_relay("zero", &relay("zero", "lan0").settings, &interfaces());
        dispatch.with_relay("other", &other, &interfaces());
        let answer = reply("::", Some(b"lan0"));
        assert_eq!(to(&dispatch, Port::Upstream6(10_547), WAN0, OWN, &answer), Some("other"));
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, &answer), Some("zero"));
        // From a server that answers to 547 whatever port it was asked from.
        let answer = reply("::", Some(b"lan1"));
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, &answer), Some("other"));
    }

    #[test]
    fn a_reply_that_names_no_link_is_for_who_has_relay_agents_below() {
        let mut above = relay("above", "lan1").settings;
        above.clients[0].trusted = true;
        let mut dispatch = Dispatch::new();
        dispatch.with_relay("zero", &relay("zero", "lan0").settings, &interfaces());
        dispatch.with_relay("above", &above, &interfaces());
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, &reply("::", None)), Some("above"));
    }

    #[test]
    fn without_a_server_what_is_not_for_a_relay_agent_is_for_nobody() {
        let mut dispatch = Dispatch::new();
        dispatch.with_relay("zero", &relay("zero", "lan0").settings, &interfaces());
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, "ff02::1:2", SOLICIT), None);
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, b""), None);
        assert_eq!(to(&dispatch, Port::Dhcp6, WAN0, OWN, &reply("::", None)), Some("zero"));
    }

    #[test]
    fn what_client_relay_agents_send_is_for_who_has_the_address() {
        let mut dispatch = Dispatch::new();
        let [one, other] = ["2001:db8:9::1", "2001:db8:9::2"].map(|address| address.parse().unwrap());
        dispatch.with_transport("one", &[one]);
        dispatch.with_transport("other", &[other]);
        let at = |address| to(&dispatch, Port::Transport6, WAN0, address, &[1]);
        assert_eq!(["2001:db8:9::1", "2001:db8:9::2"].map(at), [Some("one"), Some("other")]);
        assert_eq!(at("2001:db8:9::3"), Some("one"), "somebody has to count it");
        let mut dispatch = Dispatch::new();
        dispatch.with_transport("one", &[one]);
        dispatch.with_transport("anywhere", &[]);
        let at = |address| to(&dispatch, Port::Transport6, WAN0, address, &[1]);
        assert_eq!(["2001:db8:9::1", "2001:db8:9::3"].map(at), [Some("one"), Some("anywhere")]);
        assert_eq!(to(&Dispatch::new(), Port::Transport6, WAN0, OWN, &[1]), None);
    }

    #[test]
    fn answers_of_dhcpv4_servers_are_for_who_has_the_address_and_port() {
        let port = |address: &str| Port::Upstream4(address.parse().unwrap());
        let mut dispatch = all();
        dispatch.with_ports("one", &[Port::Transport6, port("10.0.0.9:67")]);
        dispatch.with_ports("other", &[Port::Transport6, port("10.0.0.9:6767")]);
        let by = |port| to(&dispatch, port, WAN0, "::ffff:10.0.0.9", &[2]);
        assert_eq!(by(port("10.0.0.9:67")), Some("one"));
        assert_eq!(by(port("10.0.0.9:6767")), Some("other"));
        assert_eq!(by(GIADDR), Some("server"));
        assert_eq!(by(port("10.0.0.8:67")), None);
    }

    #[test]
    fn agents_on_links_have_their_frames_and_their_addresses() {
        let [one, other] =
            ["2001:db8:1::1", "2001:db8:1::2"].map(|address| Port::Cra6(address.parse().unwrap()));
        let mut dispatch = Dispatch::new();
        dispatch.with_ports("one", &[Port::Frames(LAN0), one]);
        dispatch.with_ports("other", &[Port::Frames(LAN1), other]);
        assert_eq!(
            [LAN0, LAN1, WAN0].map(|lan| dispatch.owner(Port::Frames(lan))),
            [Some("one"), Some("other"), None]
        );
        assert_eq!(
            [one, other].map(|port| to(&dispatch, port, WAN0, OWN, &[2])),
            [Some("one"), Some("other")]
        );
    }

    #[test]
    fn a_client_that_asks_at_the_address_of_a_relay_agent_asks_the_server_if_there_is_one() {
        let door = |dispatch: &Dispatch<&str>, payload| {
            let from = SocketAddrV6::new("::ffff:192.0.2.7".parse().unwrap(), 68, 0, 0);
            let to = "::ffff:127.0.0.1".parse().unwrap();
            dispatch.door(&Datagram { via: GIADDR, interface: WAN0, from, to, payload })
        };
        let mut dispatch = all();
        assert_eq!(door(&dispatch, &[1]), GIADDR, "who does not listen is not asked");
        dispatch.with_ports("server", &[Port::Server4]);
        assert_eq!(
            [&[1][..], &[2], &[]].map(|payload| door(&dispatch, payload)),
            [Port::Server4, GIADDR, GIADDR]
        );
    }
}
