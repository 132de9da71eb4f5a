//! The way a message came to a server: what chooses a subnet and tells where a client is.

use crate::binding::Origin;
use crate::prefix::Prefix6;
use crate::settings::is_routable;
use crate::wire::relay::Relay;
use std::net::Ipv6Addr;

/// How a message came. Only what the outer layers say; nothing of it is under the control of the inner message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Way<'a> {
    /// Name of the interface it came in by.
    pub interface: &'a str,
    /// The client's address: as the relay agent next to it saw it, else the datagram's source.
    pub client: Ipv6Addr,
    /// Relay agents, that next to the client first; none when it came directly.
    pub hops: Vec<Hop<'a>>,
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

    /// Where the client is.
    pub fn origin(&self) -> Origin {
        let [upper, lower] = halves(self.client);
        if !self.client.is_unicast_link_local() {
            return Origin::Network(upper);
        }
        let link = self.hops.first().map_or_else(|| self.interface.as_bytes().to_vec(), Hop::link);
        Origin::Link(lower, link)
    }
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
        let way = Way { interface: "lan0", client: "fe80::2".parse().unwrap(), hops };
        let found: Vec<_> = way.link_addresses().collect();
        assert_eq!(found, ["2001:db8:1::1".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(way.interface_ids().collect::<Vec<_>>(), [b"x"]);
    }

    #[test]
    fn the_same_link_local_address_on_two_links_is_two_origins() {
        let client = "fe80::2".parse().unwrap();
        let here = Way { interface: "lan0", client, hops: Vec::new() };
        let there = Way { interface: "lan1", client, hops: Vec::new() };
        let one = Way { interface: "lan0", client, hops: vec![hop("2001:db8:1::1", Some(b"a"))] };
        let other = Way { interface: "lan0", client, hops: vec![hop("2001:db8:1::1", Some(b"b"))] };
        let origins: std::collections::BTreeSet<_> =
            [&here, &there, &one, &other].map(Way::origin).into_iter().collect();
        assert_eq!(origins.len(), 4);
    }

    #[test]
    fn two_relay_agents_of_one_link_are_one_origin_s46_14() {
        let client = "fe80::2".parse().unwrap();
        let behind = |hop| Way { interface: "lan0", client, hops: vec![hop] }.origin();
        let one = behind(hop("2001:db8:1::1", None));
        assert_eq!(one, behind(hop("2001:db8:1::2", None)));
        assert_ne!(one, behind(hop("2001:db8:2::1", None)));
        assert_ne!(behind(hop("fe80::1", None)), behind(hop("fe80::2", None)));
    }

    #[test]
    fn a_global_client_is_where_its_64_is() {
        let way = |client: &str| Way { interface: "lan0", client: client.parse().unwrap(), hops: Vec::new() };
        assert_eq!(way("2001:db8:1:2::5").origin(), way("2001:db8:1:2:9::6").origin());
        assert_ne!(way("2001:db8:1:2::5").origin(), way("2001:db8:1:3::5").origin());
    }
}
