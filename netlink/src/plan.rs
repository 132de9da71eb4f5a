//! What a lease wants of the kernel, in the kernel's terms.

use crate::PROTOCOL;
use crate::message::{Lifetimes, Route4};
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config};
use dhcp4o6_protocol::time::Instant;
use std::net::Ipv4Addr;

/// Where the routes of a lease go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Placement {
    /// Of every route; smaller is better.
    pub metric: u32,
    /// Routing table; 0 means the main table (254).
    pub table: u32,
}

/// The routes of a lease on the target, in an order in which the kernel can take them: a gateway must be reachable
/// before a route goes by it.
///
/// Where neighbours are found by ARP, the subnet of the address is one of them: the kernel is told to make none.
pub fn routes(config: &Ipv4Config, placement: Placement, target: u32, arp: bool) -> Vec<Route4> {
    let route = |destination, prefix_len| Route4 {
        destination: network(destination, prefix_len),
        prefix_len,
        gateway: None,
        onlink: false,
        metric: placement.metric,
        table: if placement.table == 0 { u32::from(libc::RT_TABLE_MAIN) } else { placement.table },
        source: Some(config.address),
        mtu: config.mtu.map(u32::from),
        index: target,
        protocol: PROTOCOL,
    };
    let subnet = (arp && config.prefix_len < 32).then(|| route(config.address, config.prefix_len));
    let leased = config.routes.iter().map(|leased| Route4 {
        gateway: leased.gateway,
        onlink: leased.onlink && leased.gateway.is_some(),
        ..route(leased.destination, leased.prefix_len)
    });
    let mut all: Vec<Route4> = Vec::with_capacity(config.routes.len() + 1);
    for route in leased.chain(subnet) {
        // Of two for one destination the first counts; what the lease says of the subnet counts before ours.
        if !all.iter().any(|known| known.competes(&route)) {
            all.push(route);
        }
    }
    all.sort_by_key(|route| {
        (route.gateway.is_some(), std::cmp::Reverse(route.prefix_len), route.destination)
    });
    all
}

fn network(address: Ipv4Addr, prefix_len: u8) -> Ipv4Addr {
    let mask = u32::MAX.checked_shl(32 - u32::from(prefix_len.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(address.to_bits() & mask)
}

/// What is left of a lease's address; `None` when it is over.
pub fn lifetimes4(config: &Ipv4Config, now: Instant) -> Option<Lifetimes> {
    let valid = left(config.expires_at, now);
    (valid > 0).then_some(Lifetimes { preferred: valid, valid })
}

/// What is left of an assigned IPv6 address; `None` when it is over.
pub fn lifetimes6(assignment: &Assignment6, now: Instant) -> Option<Lifetimes> {
    let valid = left(assignment.valid_until, now);
    (valid > 0).then(|| Lifetimes { preferred: left(assignment.preferred_until, now).min(valid), valid })
}

/// Whole seconds until `end`, rounded up: the kernel never acts before us, and less than a second after.
fn left(end: Option<Instant>, now: Instant) -> u32 {
    let Some(end) = end else { return u32::MAX };
    let span = end.since(now);
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    u32::try_from(seconds).unwrap_or(u32::MAX).min(u32::MAX - 1)
}

/// True when the kernel's remaining time is what it shows while `wanted` runs: it shows begun seconds, and counts
/// from a moment between `now` and the installation.
pub fn fits(kernel: Lifetimes, wanted: Lifetimes) -> bool {
    let fits = |kernel: u32, wanted: u32| {
        kernel == wanted || (kernel < u32::MAX && wanted < u32::MAX && kernel.abs_diff(wanted) <= 1)
    };
    fits(kernel.valid, wanted.valid) && fits(kernel.preferred, wanted.preferred)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::lease::Route4 as Leased;
    use std::time::Duration;

    const MAIN: Placement = Placement { metric: 10, table: 0 };

    fn config(prefix_len: u8, routes: Vec<Leased>) -> Ipv4Config {
        Ipv4Config {
            address: Ipv4Addr::new(192, 0, 2, 77),
            prefix_len,
            expires_at: None,
            routes,
            mtu: None,
            gateway: None,
            dns: vec![],
            domains: vec![],
            ntp: vec![],
            host_name: None,
        }
    }

    fn via(destination: [u8; 4], prefix_len: u8, gateway: Option<[u8; 4]>) -> Leased {
        let gateway = gateway.map(Ipv4Addr::from);
        Leased { destination: destination.into(), prefix_len, gateway, onlink: false }
    }

    #[test]
    fn the_subnet_gets_a_route_of_ours_only_where_arp_finds_neighbours_inst_03() {
        let all = routes(&config(24, vec![]), MAIN, 3, true);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].to_string(), "route 192.0.2.0/24 metric 10 table 254");
        assert_eq!(all[0].source, Some(Ipv4Addr::new(192, 0, 2, 77)));
        assert!(routes(&config(24, vec![]), MAIN, 3, false).is_empty());
        assert!(routes(&config(32, vec![]), MAIN, 3, true).is_empty());
    }

    #[test]
    fn on_link_routes_come_before_the_routes_that_need_them() {
        let leased = vec![
            via([0; 4], 0, Some([10, 0, 0, 1])),
            via([10, 0, 0, 0], 8, None),
            via([10, 0, 0, 1], 32, None),
        ];
        let all = routes(&config(24, leased), MAIN, 3, true);
        let lengths: Vec<_> = all.iter().map(|route| (route.gateway.is_some(), route.prefix_len)).collect();
        assert_eq!(lengths, [(false, 32), (false, 24), (false, 8), (true, 0)]);
    }

    #[test]
    fn a_leased_route_for_the_subnet_stands_for_ours() {
        let gateway = Some([192, 0, 2, 1]);
        let all = routes(&config(24, vec![via([192, 0, 2, 0], 24, gateway)]), MAIN, 3, true);
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].gateway, gateway.map(Ipv4Addr::from));
    }

    #[test]
    fn the_kernel_outlives_a_lease_by_less_than_a_second_and_never_ends_first_inst_02() {
        let now = Instant::from_secs(100);
        let lifetime = |micros| {
            let expires_at = Some(now + Duration::from_micros(micros));
            lifetimes4(&Ipv4Config { expires_at, ..config(24, vec![]) }, now).map(|left| left.valid)
        };
        assert_eq!(lifetime(0), None);
        assert_eq!(lifetime(1), Some(1));
        assert_eq!(lifetime(5_000_000), Some(5));
        assert_eq!(lifetime(5_000_001), Some(6));
        assert_eq!(lifetime(u64::MAX), Some(u32::MAX - 1));
        assert_eq!(lifetimes4(&config(24, vec![]), now), Some(Lifetimes::INFINITE));
    }

    #[test]
    fn a_preferred_lifetime_that_is_over_or_too_long_is_held_in_range() {
        let now = Instant::from_secs(100);
        let mut assignment = Assignment6 {
            address: "2001:db8::1".parse().unwrap(),
            preferred_until: Some(Instant::from_secs(90)),
            valid_until: Some(Instant::from_secs(110)),
        };
        assert_eq!(lifetimes6(&assignment, now), Some(Lifetimes { preferred: 0, valid: 10 }));
        assignment.preferred_until = None;
        assert_eq!(lifetimes6(&assignment, now), Some(Lifetimes { preferred: 10, valid: 10 }));
        assignment.valid_until = Some(now);
        assert_eq!(lifetimes6(&assignment, now), None);
    }
}
