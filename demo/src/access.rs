//! An access network that carries IPv6 only, between two subscribers and their provider.

use dhcp4o6_tests::{Namespace, Plant};

/// The subscribers' addresses.
pub(crate) const FIRST: &str = "2001:db8:11::c";
/// See [`FIRST`].
pub(crate) const SECOND: &str = "2001:db8:12::c";
/// An address of the provider, beyond the links, and the name of its DHCPv4 server.
pub(crate) const BEYOND: &str = "198.51.100.1";

/// Where IPv4 ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// On the subscriber's side of the access link.
    Host,
    /// Behind the subscriber's router.
    Lan,
}

/// Numbers the links but for the subscribers' ends, and lets IPv6 pass. IPv4 has IPv6 next hops
/// between routers, so that those links need no IPv4 address: 192.0.2.0/25 is the first subscriber's, 192.0.2.128/25 the other
/// one's.
pub(crate) fn network(ends: [Ends; 2]) -> Plant {
    let plant = Plant::new();
    let (provider, access) = (&plant.lab.provider, &plant.relay);
    access.ip("addr add 2001:db8:12::1/64 dev r2 nodad");
    access.set("net/ipv6/conf/all/forwarding", "1");
    access.set("net/ipv4/ip_forward", "1");
    provider.set("net/ipv4/ip_forward", "1");
    provider.ip("addr del 192.0.2.1/24 dev s0");
    provider.ip("-6 route add default via 2001:db8:6::2");
    provider.ip("route replace 192.0.2.0/24 via inet6 2001:db8:6::2 dev s0");
    access.ip("-4 route add default via inet6 2001:db8:6::1 dev w0");
    let links =
        [("r1", FIRST, "192.0.2.0/25", "192.0.2.1/25"), ("r2", SECOND, "192.0.2.128/25", "192.0.2.129/25")];
    for ((link, subscriber, ipv4, router), ends) in links.into_iter().zip(ends) {
        match ends {
            Ends::Host => access.ip(&format!("addr add {router} dev {link}")),
            Ends::Lan => access.ip(&format!("route add {ipv4} via inet6 {subscriber} dev {link}")),
        }
    }
    plant
}

/// Gives a subscriber the way out, and the IPv6 address that it is to have: in this order, as a router does.
pub(crate) fn connect(subscriber: &Namespace, address: &str) {
    let gateway = address.trim_end_matches('c');
    subscriber.ip(&format!("-6 route add default via {gateway}1 dev c0 onlink"));
    subscriber.ip(&format!("addr add {address}/64 dev c0 nodad"));
}

/// Makes a subscriber's namespace a router: IPv4 leaves it by its IPv6 next hop, and `router`, with prefix length, is its
/// address on the LAN.
pub(crate) fn route(subscriber: &Namespace, gateway: &str, router: &str) {
    subscriber.set("net/ipv4/ip_forward", "1");
    subscriber.ip(&format!("addr add {router} dev lan0"));
    subscriber.ip(&format!("-4 route add default via inet6 {gateway} dev c0"));
}
