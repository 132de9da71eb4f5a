//! The rtnetlink requests we send.

use crate::PROTOCOL;
use crate::codec::Request;
use crate::message::{IFA_PROTO, Lifetimes, RTAX_MTU, RTNH_F_ONLINK, Route4};
use std::net::IpAddr;

const IFLA_EXT_MASK: u16 = 29;
/// Leave the counters out of a description of a link.
const RTEXT_FILTER_SKIP_STATS: u32 = 1 << 3;

/// Which objects a dump is to hold. Kernels before 4.20 give all of a family; whoever asks must look again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Only {
    /// On this interface; 0 is any.
    pub index: u32,
    /// Of this protocol; routes only; 0 is any.
    pub protocol: u8,
    /// Of this table; routes only; 0 is any.
    pub table: u32,
}

/// Asks for all links.
pub fn get_links() -> Request {
    Request::new(libc::RTM_GETLINK, libc::NLM_F_DUMP, &ifinfomsg(0))
        .with(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
}

/// Asks for one link.
pub fn get_link(index: u32) -> Request {
    Request::new(libc::RTM_GETLINK, libc::NLM_F_ACK, &ifinfomsg(index))
        .with(IFLA_EXT_MASK, &RTEXT_FILTER_SKIP_STATS.to_ne_bytes())
}

fn ifinfomsg(index: u32) -> [u8; 16] {
    let mut fixed = [0; 16];
    fixed[4..8].copy_from_slice(&index.to_ne_bytes());
    fixed
}

/// Asks for addresses of a family (AF_INET, AF_INET6).
pub fn get_addresses(family: i32, only: Only) -> Request {
    let [a, b, c, d] = only.index.to_ne_bytes();
    Request::new(libc::RTM_GETADDR, libc::NLM_F_DUMP, &[family as u8, 0, 0, 0, a, b, c, d])
}

/// Asks for routes of a family (AF_INET, AF_INET6).
pub fn get_routes(family: i32, only: Only) -> Request {
    let fixed = [family as u8, 0, 0, 0, 0, only.protocol, 0, 0, 0, 0, 0, 0];
    let some = |number: u32| (number != 0).then_some(number.to_ne_bytes());
    Request::new(libc::RTM_GETROUTE, libc::NLM_F_DUMP, &fixed)
        .with_some(libc::RTA_OIF, some(only.index))
        .with_some(libc::RTA_TABLE, some(only.table))
}

/// How an object is put: what happens when there is one already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Put {
    /// EEXIST.
    New,
    /// Both; EEXIST only when they are equal.
    Beside,
    /// It is changed.
    Instead,
}

impl Put {
    fn flags(self) -> i32 {
        libc::NLM_F_CREATE
            | libc::NLM_F_ACK
            | match self {
                Self::New => libc::NLM_F_EXCL,
                Self::Beside => libc::NLM_F_APPEND,
                Self::Instead => libc::NLM_F_REPLACE,
            }
    }
}

/// Installs an address with our mark and without the kernel's route for its prefix.
///
/// No broadcast address is named: the kernel takes the subnet's from the prefix for what it receives.
pub fn put_address(index: u32, address: IpAddr, prefix_len: u8, left: Lifetimes, put: Put) -> Request {
    let mut times = [0; 16];
    times[..4].copy_from_slice(&left.preferred.to_ne_bytes());
    times[4..8].copy_from_slice(&left.valid.to_ne_bytes());
    address_request(libc::RTM_NEWADDR, put.flags(), index, address, prefix_len)
        .with(libc::IFA_FLAGS, &libc::IFA_F_NOPREFIXROUTE.to_ne_bytes())
        .with(libc::IFA_CACHEINFO, &times)
        .with(IFA_PROTO, &[PROTOCOL])
}

/// Removes an address.
pub fn delete_address(index: u32, address: IpAddr, prefix_len: u8) -> Request {
    address_request(libc::RTM_DELADDR, libc::NLM_F_ACK, index, address, prefix_len)
}

fn address_request(kind: u16, flags: i32, index: u32, address: IpAddr, prefix_len: u8) -> Request {
    let [a, b, c, d] = index.to_ne_bytes();
    let fixed = |family: i32| [family as u8, prefix_len, 0, 0, a, b, c, d];
    match address {
        IpAddr::V4(address) => Request::new(kind, flags, &fixed(libc::AF_INET))
            .with(libc::IFA_LOCAL, &address.octets())
            .with(libc::IFA_ADDRESS, &address.octets()),
        IpAddr::V6(address) => {
            Request::new(kind, flags, &fixed(libc::AF_INET6)).with(libc::IFA_LOCAL, &address.octets())
        }
    }
}

/// Puts an address back as a dump described it: the payload of RTM_NEWADDR is also its request.
pub fn restore_address(payload: &[u8]) -> Request {
    Request::new(libc::RTM_NEWADDR, Put::New.flags(), payload)
}

/// Installs an IPv4 route with our mark.
pub fn put_route(route: &Route4, put: Put) -> Request {
    route_request(libc::RTM_NEWROUTE, put.flags(), route)
}

/// Removes an IPv4 route: the one that has all of this.
pub fn delete_route(route: &Route4) -> Request {
    route_request(libc::RTM_DELROUTE, libc::NLM_F_ACK, route)
}

fn route_request(kind: u16, flags: i32, route: &Route4) -> Request {
    let scope = match (kind, route.gateway) {
        (libc::RTM_DELROUTE, _) => libc::RT_SCOPE_NOWHERE, // any
        (_, Some(_)) => libc::RT_SCOPE_UNIVERSE,
        (_, None) => libc::RT_SCOPE_LINK,
    };
    let next_hop = if route.onlink { RTNH_F_ONLINK } else { 0 };
    let mut fixed = [0; 12];
    fixed[..8].copy_from_slice(&[
        libc::AF_INET as u8,
        route.prefix_len,
        0,
        0,
        libc::RT_TABLE_UNSPEC,
        route.protocol,
        scope,
        libc::RTN_UNICAST,
    ]);
    fixed[8..].copy_from_slice(&next_hop.to_ne_bytes());
    let request = Request::new(kind, flags, &fixed)
        .with(libc::RTA_DST, &route.destination.octets())
        .with(libc::RTA_OIF, &route.index.to_ne_bytes())
        .with(libc::RTA_TABLE, &route.table.to_ne_bytes())
        .with(libc::RTA_PRIORITY, &route.metric.to_ne_bytes())
        .with_some(libc::RTA_GATEWAY, route.gateway.map(|gateway| gateway.octets()))
        .with_some(libc::RTA_PREFSRC, route.source.map(|source| source.octets()));
    match route.mtu {
        Some(mtu) => request.with_nested(libc::RTA_METRICS, RTAX_MTU, &mtu.to_ne_bytes()),
        None => request,
    }
}
