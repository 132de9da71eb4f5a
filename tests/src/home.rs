//! A subscriber's network without DHCPv6: addresses that hold, and hosts behind a router.

use crate::lab::{Lab, Namespace};

/// A provider and a subscriber on one link, with IPv6 addresses that nobody has to give, and hosts behind the subscriber:
///
/// ```text
/// host-1 h0 --+
/// host-2 h0 --+-- lan0 customer c0 --- s0 provider
/// ```
///
/// `c0` has 2001:db8:6::c/64, `s0` 2001:db8:6::1/64. The networks 192.0.2.0/24 and 203.0.113.0/24 end at `c0` in
/// [`Home::at_the_link`], and at `lan0` in [`Home::behind_a_router`]. Their first addresses are the routers'.
pub struct Home {
    /// The hosts, each of them with an interface `h0` only.
    pub hosts: Vec<Namespace>,
    /// The provider and the subscriber.
    pub lab: Lab,
}

impl Home {
    /// A subscriber that is one host.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn at_the_link() -> Self {
        let lab = Self::numbered();
        lab.provider.ip("addr add 203.0.113.1/24 dev s0");
        Self { hosts: Vec::new(), lab }
    }

    /// A subscriber that is a router before so many hosts. IPv4 passes it by IPv6 next hops.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn behind_a_router(hosts: usize) -> Self {
        let lab = Self::numbered();
        let (provider, router) = (&lab.provider, &lab.customer);
        provider.ip("addr del 192.0.2.1/24 dev s0");
        router.ip("link add lan0 type bridge");
        router.ip("link set lan0 up");
        router.set("net/ipv4/ip_forward", "1");
        router.ip("-4 route add default via inet6 2001:db8:6::1 dev c0");
        for network in ["192.0.2", "203.0.113"] {
            router.ip(&format!("addr add {network}.1/24 dev lan0"));
            provider.ip(&format!("route add {network}.0/24 via inet6 2001:db8:6::c dev s0"));
        }
        let host = |number: usize| {
            let host = lab.namespace(&format!("h{number}"));
            lab.join((router, &format!("p{number}")), (&host, "h0"));
            router.ip(&format!("link set p{number} master lan0"));
            // Names make addresses, and these are all called the same.
            host.ip("link set h0 down");
            host.ip(&format!("link set h0 address 02:00:5e:10:00:{number:02x}"));
            host.ip("link set h0 up");
            host
        };
        Self { hosts: (1..=hosts).map(host).collect(), lab }
    }

    fn numbered() -> Lab {
        let lab = Lab::new();
        lab.customer.ip("addr add 2001:db8:6::c/64 dev c0 nodad");
        lab.provider.set("net/ipv4/ip_forward", "1");
        lab
    }
}
