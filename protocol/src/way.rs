//! The way a message came to a server: what chooses a subnet and tells where a client is.

use crate::binding::{Origin, Transport};
use crate::prefix::Prefix6;
use crate::settings::is_routable;
use crate::wire::relay::Relay;
use std::net::{Ipv4Addr, Ipv6Addr};

/// How a message came. Only what the outer layers say; nothing of it is under the control of the inner message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way<'a> {
    /// Name of the interface it came in by; empty where that tells nothing of the client.
    pub interface: &'a str,
    /// By DHCPv6 the client's address, as the relay agent next to it saw it, else the datagram's source. Of a client
    /// behind a client relay agent that agent's. By IPv4 that of the relay agent or sender, IPv4-mapped.
    pub client: Ipv6Addr,
    /// Whose address that is.
    pub transport: Transport,
    /// Relay agents, that next to the client first; none when it came directly.
    pub hops: Vec<Hop<'a>>,
    /// What IPv4 says.
    pub four: Four<'a>,
}

/// What IPv4 says of where a client is. Of messages that came by IPv6: nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Four<'a> {
    /// The relay agent, if it is one that is believed.
    pub giaddr: Option<Ipv4Addr>,
    /// What that one says in sub-option 5 of option 82 (RFC 3527).
    pub link_selection: Option<Ipv4Addr>,
    /// The client's own address: the message came from there, and said that it is the client's.
    pub own: Option<Ipv4Addr>,
    /// Addresses of the interface by which a client's broadcast came in.
    pub here: &'a [Ipv4Addr],
    /// Stands for the client's hardware address, which is all that tells clients of a link apart.
    pub station: u64,
}

impl Default for Way<'_> {
    /// From nowhere.
    fn default() -> Self {
        Self {
            interface: "",
            client: Ipv6Addr::UNSPECIFIED,
            transport: Transport::Dhcp6,
            hops: Vec::new(),
            four: Four::default(),
        }
    }
}

/// What one relay agent says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hop<'a> {
    /// Its link-address; may be unspecified or link-local.
    pub link_address: Ipv6Addr,
    /// Its name for the interface.
    pub interface_id: Option<&'a [u8]>,
}

impl Hop<'_> {
    /// The link behind it: 16 octets of address, then its name for the interface. Of an address that names a link the
    /// /64 counts, so that the relay agents of one link say the same.
    pub fn link(&self) -> Vec<u8> {
        let address = match is_routable(self.link_address) {
            true => Prefix6::of(self.link_address, 64).address(),
            false => self.link_address,
        };
        let mut link = address.octets().to_vec();
        link.extend(self.interface_id.unwrap_or_default());
        link
    }
}

impl<'a> Way<'a> {
    /// The way of a message that came in by `interface` from `from` through `levels`, outermost first.
    pub fn new(interface: &'a str, from: Ipv6Addr, levels: &[Relay<'a>]) -> Self {
        let hops = levels
            .iter()
            .rev()
            .map(|level| Hop { link_address: level.link_address, interface_id: level.interface_id() });
        Self {
            interface,
            client: levels.last().map_or(from, |level| level.peer_address),
            hops: hops.collect(),
            ..Self::default()
        }
    }

    /// Link-addresses that name a link, that of the relay agent next to the client first.
    pub fn link_addresses(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.hops.iter().map(|hop| hop.link_address).filter(|address| is_routable(*address))
    }

    /// Interface-ids, that of the relay agent next to the client first.
    pub fn interface_ids(&self) -> impl Iterator<Item = &'a [u8]> {
        self.hops.iter().filter_map(|hop| hop.interface_id)
    }

    /// The IPv6 address that stands for the client's place, if one does.
    pub fn source(&self) -> Option<Ipv6Addr> {
        (self.transport != Transport::Ipv4).then_some(self.client)
    }

    /// Where the client is. Of one that speaks from its own IPv4 address, only a lease of that address knows.
    pub fn origin(&self) -> Origin {
        let [upper, lower] = halves(self.client);
        let on_link = |station| {
            let link = self.hops.first().map_or_else(|| self.interface.as_bytes().to_vec(), Hop::link);
            Origin::Link(station, link)
        };
        match self.transport {
            Transport::Ipv4 => on_link(self.four.station),
            Transport::Dhcp6 | Transport::Agent if self.client.is_unicast_link_local() => on_link(lower),
            Transport::Dhcp6 | Transport::Agent => Origin::Network(upper),
        }
    }
}

/// What stands for a hardware address: as much of it as tells the clients of a link apart.
pub fn station(hardware: &[u8]) -> u64 {
    hardware.iter().take(8).fold(0, |station, octet| station << 8 | u64::from(*octet))
}

fn halves(address: Ipv6Addr) -> [u64; 2] {
    let bits = address.to_bits();
    [(bits >> 64) as u64, bits as u64]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hop(link_address: &str, interface_id: Option<&'static [u8]>) -> Hop<'static> {
        Hop { link_address: link_address.parse().unwrap(), interface_id }
    }

    #[test]
    fn link_local_and_unspecified_link_addresses_name_no_link_s46_12() {
        let hops = vec![hop("::", None), hop("fe80::1", Some(b"x")), hop("2001:db8:1::1", None)];
        let way = Way { interface: "lan0", client: "fe80::2".parse().unwrap(), hops, ..Way::default() };
        let found: Vec<_> = way.link_addresses().collect();
        assert_eq!(found, ["2001:db8:1::1".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(way.interface_ids().collect::<Vec<_>>(), [b"x"]);
    }

    #[test]
    fn the_same_link_local_address_on_two_links_is_two_origins() {
        let client = "fe80::2".parse().unwrap();
        let here = Way { interface: "lan0", client, ..Way::default() };
        let there = Way { interface: "lan1", client, ..Way::default() };
        let behind = |id| {
            let hops = vec![hop("2001:db8:1::1", Some(id))];
            Way { interface: "lan0", client, hops, ..Way::default() }
        };
        let (one, other) = (behind(b"a"), behind(b"b"));
        let origins: std::collections::BTreeSet<_> =
            [&here, &there, &one, &other].map(Way::origin).into_iter().collect();
        assert_eq!(origins.len(), 4);
    }

    #[test]
    fn two_relay_agents_of_one_link_are_one_origin_s46_14() {
        let client = "fe80::2".parse().unwrap();
        let behind = |hop| Way { interface: "lan0", client, hops: vec![hop], ..Way::default() }.origin();
        let one = behind(hop("2001:db8:1::1", None));
        assert_eq!(one, behind(hop("2001:db8:1::2", None)));
        assert_ne!(one, behind(hop("2001:db8:2::1", None)));
        assert_ne!(behind(hop("fe80::1", None)), behind(hop("fe80::2", None)));
    }

    #[test]
    fn a_global_client_is_where_its_64_is() {
        let way = |client: &str| Way { interface: "lan0", client: client.parse().unwrap(), ..Way::default() };
        assert_eq!(way("2001:db8:1:2::5").origin(), way("2001:db8:1:2:9::6").origin());
        assert_ne!(way("2001:db8:1:2::5").origin(), way("2001:db8:1:3::5").origin());
    }

    #[test]
    fn a_client_is_where_its_client_relay_agent_is_and_one_of_ipv4_where_its_relay_agent_says() {
        let agent =
            Way { client: "2001:db8:1:2::5".parse().unwrap(), transport: Transport::Agent, ..Way::default() };
        let direct = Way { transport: Transport::Dhcp6, ..agent.clone() };
        assert_eq!(agent.origin(), direct.origin());
        let relay = |giaddr: [u8; 4], circuit, station| {
            let client = Ipv4Addr::from(giaddr).to_ipv6_mapped();
            let hops = vec![Hop { link_address: client, interface_id: circuit }];
            let four = Four { giaddr: Some(giaddr.into()), station, ..Four::default() };
            Way { client, transport: Transport::Ipv4, hops, four, ..Way::default() }.origin()
        };
        let one = relay([192, 0, 2, 1], None, 1);
        for other in [
            relay([192, 0, 2, 2], None, 1),
            relay([192, 0, 2, 1], Some(b"1"), 1),
            relay([192, 0, 2, 1], None, 2),
        ] {
            assert_ne!(one, other);
        }
        assert_eq!(one, relay([192, 0, 2, 1], None, 1));
    }
}
