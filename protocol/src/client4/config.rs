//! What a lease means for the host: everything it may set, nothing it may not.

use crate::facts::Target;
use crate::lease::{Ipv4Config, Lease4, Route4};
use crate::params::{MAX_NAME_SERVERS, MAX_ROUTES};
use crate::settings::Accept;
use crate::wire::domain;
use crate::wire::v4::code;
use crate::wire::v4_option::{self, Route};
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Smallest MTU every IPv4 host must take (RFC 791 §3.2): no lease sets a smaller one.
const MIN_ROUTE_MTU: u16 = 576;

/// Everything [`ipv4_config`] reads.
const CONFIGURING: [u8; 10] = [
    code::SUBNET_MASK,
    code::ROUTER,
    code::DNS_SERVERS,
    code::HOST_NAME,
    code::DOMAIN_NAME,
    code::MTU,
    code::STATIC_ROUTES,
    code::NTP_SERVERS,
    code::DOMAIN_SEARCH,
    code::CLASSLESS_ROUTES,
];

/// True if both leases ask for the same configuration, times aside.
pub fn same_configuration(one: &Lease4, other: &Lease4) -> bool {
    one.address == other.address && CONFIGURING.iter().all(|code| one.option(*code) == other.option(*code))
}

/// What `lease` puts on `target` as far as `accept` lets it. An option that is malformed counts as absent.
pub fn ipv4_config(lease: &Lease4, accept: &Accept, target: &Target) -> Ipv4Config {
    let prefix_len = prefix_len(lease, accept, target);
    let wanted = allowed_routes(lease, accept);
    let gateway = wanted.iter().find(|route| route.prefix_len == 0).and_then(next_hop);
    let routes = if accept.routes { wanted } else { Vec::new() };
    Ipv4Config {
        address: lease.address,
        prefix_len,
        expires_at: lease.expires_at,
        routes: routes.iter().map(|route| placed(route, lease.address, prefix_len, target)).collect(),
        mtu: mtu(lease, target).filter(|_| accept.mtu),
        gateway,
        dns: if accept.dns { servers(lease, code::DNS_SERVERS) } else { Vec::new() },
        domains: domains(lease, accept),
        ntp: if accept.ntp { servers(lease, code::NTP_SERVERS) } else { Vec::new() },
        host_name: lease.option(code::HOST_NAME).and_then(domain::text).filter(|_| accept.host_name),
    }
}

/// The length of option 1; 32 without it, where neighbours cannot be resolved, and where the prefix would put a
/// protected one on the link.
fn prefix_len(lease: &Lease4, accept: &Accept, target: &Target) -> u8 {
    lease
        .option(code::SUBNET_MASK)
        .and_then(v4_option::prefix_len)
        .filter(|prefix_len| target.arp && !is_protected(lease.address, *prefix_len, accept))
        .unwrap_or(32)
}

/// The routes of option 121, or without it those of option 33 and a default route by the first router of option 3
/// (RFC 3442); less those that no lease may set.
fn allowed_routes(lease: &Lease4, accept: &Accept) -> Vec<Route> {
    let option = |code| lease.option(code);
    let mut routes =
        option(code::CLASSLESS_ROUTES).and_then(v4_option::classless_routes).unwrap_or_else(|| {
            let mut routes =
                option(code::STATIC_ROUTES).and_then(v4_option::static_routes).unwrap_or_default();
            routes.retain(|route| !route.router.is_unspecified());
            let routers = option(code::ROUTER).and_then(v4_option::addresses).unwrap_or_default();
            let default = routers.first().filter(|router| !router.is_unspecified());
            routes.extend(default.map(|router| default_route(*router)));
            routes
        });
    join_halves(&mut routes);
    let mut seen = BTreeSet::new();
    routes.retain(|route| {
        is_allowed(route, lease.address, accept) && seen.insert((route.destination, route.prefix_len))
    });
    routes.truncate(MAX_ROUTES);
    routes
}

const fn default_route(router: Ipv4Addr) -> Route {
    Route { destination: Ipv4Addr::UNSPECIFIED, prefix_len: 0, router }
}

/// 0.0.0.0/1 and 128.0.0.0/1 together are a default route that pretends to be more specific than the host's own.
/// They become what they are.
fn join_halves(routes: &mut Vec<Route>) {
    let half = |routes: &[Route], first| {
        routes
            .iter()
            .position(|route| route.prefix_len == 1 && route.destination == Ipv4Addr::new(first, 0, 0, 0))
    };
    let (Some(lower), Some(_)) = (half(routes, 0), half(routes, 128)) else { return };
    if let Some(route) = routes.get_mut(lower) {
        *route = default_route(route.router);
    }
    routes.retain(|route| route.prefix_len != 1);
}

fn is_allowed(route: &Route, own: Ipv4Addr, accept: &Accept) -> bool {
    let Route { destination, prefix_len, router } = *route;
    let forbidden = destination.is_loopback() && prefix_len >= 8
        || destination.is_multicast() && prefix_len >= 4
        || destination.is_broadcast();
    let reachable = router.is_unspecified() || (is_host(router) && router != own);
    !forbidden && reachable && !is_protected(destination, prefix_len, accept)
}

/// True if the prefix equals a protected one or lies inside it.
fn is_protected(destination: Ipv4Addr, prefix_len: u8, accept: &Accept) -> bool {
    accept
        .protected
        .iter()
        .any(|(protected, len)| prefix_len >= *len && within(destination, *protected, *len))
}

/// How the route is installed: without neighbour resolution there are no gateways, and a gateway outside of the
/// address's own prefix is on the link all the same.
fn placed(route: &Route, address: Ipv4Addr, prefix_len: u8, target: &Target) -> Route4 {
    let gateway = next_hop(route).filter(|_| target.arp);
    let onlink = gateway.is_some_and(|gateway| !within(gateway, address, prefix_len));
    Route4 { destination: route.destination, prefix_len: route.prefix_len, gateway, onlink }
}

fn next_hop(route: &Route) -> Option<Ipv4Addr> {
    Some(route.router).filter(|router| !router.is_unspecified())
}

/// Can be the address of another host.
fn is_host(address: Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    matches!(first, 1..=126 | 128..=223)
}

/// True if the first `prefix_len` bits are the same.
fn within(address: Ipv4Addr, prefix: Ipv4Addr, prefix_len: u8) -> bool {
    let differing = u32::from(address) ^ u32::from(prefix);
    differing.leading_zeros() >= u32::from(prefix_len)
}

fn mtu(lease: &Lease4, target: &Target) -> Option<u16> {
    let mtu = lease.option(code::MTU).and_then(v4_option::mtu)?;
    (mtu >= MIN_ROUTE_MTU && u32::from(mtu) <= target.mtu).then_some(mtu)
}

fn servers(lease: &Lease4, code: u8) -> Vec<Ipv4Addr> {
    let mut servers = Vec::new();
    for server in lease.option(code).and_then(v4_option::addresses).unwrap_or_default() {
        if servers.len() < MAX_NAME_SERVERS && is_host(server) && !servers.contains(&server) {
            servers.push(server);
        }
    }
    servers
}

fn domains(lease: &Lease4, accept: &Accept) -> Vec<String> {
    let search = lease.option(code::DOMAIN_SEARCH).and_then(domain::search4).filter(|_| accept.dns);
    search.unwrap_or_else(|| {
        let name = lease.option(code::DOMAIN_NAME).and_then(domain::text).filter(|_| accept.domain);
        name.into_iter().collect()
    })
}
