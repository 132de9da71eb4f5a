//! From netlink datagrams to values, by the types of netlink-packet-route.
//!
//! Attribute by attribute, where that library would refuse a whole message for one attribute it cannot read: a link
//! that a newer kernel describes in an unknown way must still be seen. An attribute that cannot be read counts as
//! absent; a second look would show the same, so there is none.

use crate::device;
use crate::message::{Address, Event, KernelLink, Lifetimes, Route4, Route6};
use dhcp4o6_protocol::ids::HardwareAddress;
use rtnetlink::packet_core::{
    DecodeError, NLM_F_REPLACE, NetlinkBuffer, NlaBuffer, NlasIterator, Parseable, ParseableParametrized,
    parse_u8, parse_u16, parse_u32,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{AddressAttribute, AddressHeader, AddressMessage};
use rtnetlink::packet_route::link::{AfSpecInet6, InfoKind, LinkHeader, Prop};
use rtnetlink::packet_route::prefix::{PrefixAttribute, PrefixMessage};
use rtnetlink::packet_route::route::{
    RouteAddress, RouteAttribute, RouteFlags, RouteHeader, RouteLwEnCapType, RouteMetric, RouteType,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Once;
use tracing::{trace, warn};

/// Octets of the fixed parts: struct ifinfomsg, ifaddrmsg, rtmsg.
const LINK: usize = 16;
const ADDRESS: usize = 8;
const ROUTE: usize = 12;

type Attribute<'a> = NlaBuffer<&'a [u8]>;

/// The messages of a datagram. What does not fit ends the walk.
pub(crate) fn messages(mut rest: &[u8]) -> impl Iterator<Item = NetlinkBuffer<&[u8]>> {
    std::iter::from_fn(move || {
        let message = NetlinkBuffer::new_checked(rest).ok()?;
        let length = usize::try_from(message.length()).ok()?;
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some(message)
    })
}

/// The events of a datagram.
pub fn events(datagram: &[u8]) -> impl Iterator<Item = Event> {
    messages(datagram)
        .filter_map(|message| decode(message.message_type(), message.flags(), message.payload()))
}

/// What a message of this type says; `None` when it is none of our concern or lacks what it must have.
pub fn decode(kind: u16, flags: u16, payload: &[u8]) -> Option<Event> {
    match kind {
        libc::RTM_NEWLINK => link(payload),
        libc::RTM_DELLINK => {
            let header = read(kind, LinkHeader::parse(payload))?;
            (header.interface_family == AddressFamily::Unspec).then_some(Event::LinkGone(header.index))
        }
        libc::RTM_NEWADDR => address(payload).map(|(address, left)| Event::Address(address, left)),
        libc::RTM_DELADDR => address(payload).map(|(address, _)| Event::AddressGone(address)),
        libc::RTM_NEWROUTE | libc::RTM_DELROUTE => {
            let header = read(kind, RouteHeader::parse(payload))?;
            match (header.address_family, kind) {
                (AddressFamily::Inet, libc::RTM_NEWROUTE) => {
                    route4(&header, payload).map(|route| Event::Route4(route, flags & NLM_F_REPLACE != 0))
                }
                (AddressFamily::Inet, _) => route4(&header, payload).map(Event::Route4Gone),
                (AddressFamily::Inet6, libc::RTM_NEWROUTE) => route6(&header, payload).map(Event::Route6),
                (AddressFamily::Inet6, _) => route6(&header, payload).map(Event::Route6Gone),
                _ => None,
            }
        }
        libc::RTM_NEWPREFIX => prefix(read(kind, PrefixMessage::parse(payload))?),
        _ => None,
    }
}

/// An address as a message describes it, with everything in it that can be read.
pub(crate) fn address_message(payload: &[u8]) -> Option<AddressMessage> {
    let mut message = AddressMessage::default();
    message.header = read(libc::RTM_NEWADDR, AddressHeader::parse(payload))?;
    message.attributes.extend(attributes(payload.get(ADDRESS..)?, AddressAttribute::parse));
    Some(message)
}

/// The parts of a message or of a nested attribute, not yet read. What does not fit ends the walk.
fn parts(octets: &[u8]) -> impl Iterator<Item = Attribute<'_>> {
    NlasIterator::new(octets).map_while(Result::ok)
}

/// The attributes that can be read.
fn attributes<'a, T>(
    octets: &'a [u8],
    parse: impl Fn(&Attribute<'a>) -> Result<T, DecodeError>,
) -> impl Iterator<Item = T> {
    parts(octets).filter_map(move |part| read(part.kind(), parse(&part)))
}

/// Tells, once, of what cannot be read.
fn read<T>(kind: u16, outcome: Result<T, DecodeError>) -> Option<T> {
    static TOLD: Once = Once::new();
    outcome
        .inspect_err(|error| {
            TOLD.call_once(
                || warn!(kind, %error, "the kernel says something that cannot be read; going on without"),
            );
            trace!(kind, %error, "not read");
        })
        .ok()
}

fn link(payload: &[u8]) -> Option<Event> {
    let header = read(libc::RTM_NEWLINK, LinkHeader::parse(payload))?;
    let rest = payload.get(LINK..)?;
    match header.interface_family {
        AddressFamily::Unspec => {}
        // RTNLGRP_IPV6_IFINFO: of IPv6 only, and no whole description of the link.
        AddressFamily::Inet6 => {
            let nested = parts(rest).find(|part| part.kind() == libc::IFLA_PROTINFO)?;
            return Some(Event::Flags6(header.index, flags6(&nested)?));
        }
        // A bridge tells of its ports in messages of its own family that are no description of the link either.
        _ => return None,
    }
    let mut link = KernelLink { index: header.index, flags: header.flags.bits(), ..KernelLink::default() };
    // The library's type of link layers has no room for unknown ones.
    let hardware_type = payload.get(2..4).and_then(|octets| parse_u16(octets).ok())?;
    let hardware = |octets: &[u8]| HardwareAddress {
        kind: hardware_type,
        octets: octets.iter().copied().take(16).collect(),
    };
    link.hardware = hardware(&[]);
    let (mut named, mut flags_of_6) = (false, None);
    for part in parts(rest) {
        match part.kind() {
            // Something of a radio's, not of the link.
            libc::IFLA_WIRELESS => return None,
            // Names are any octets, the library takes UTF-8 only. What is not is replaced.
            libc::IFLA_IFNAME => {
                let name = String::from_utf8_lossy(part.value());
                (link.name, named) = (name.trim_end_matches('\0').to_owned(), true);
            }
            // Of these three one part is asked for, whatever else there is in them.
            libc::IFLA_PROP_LIST => {
                let names = attributes(part.value(), Prop::parse);
                link.alt_names = names
                    .filter_map(|it| if let Prop::AltIfName(name) = it { Some(name) } else { None })
                    .collect();
            }
            libc::IFLA_LINKINFO => {
                let kind = parts(part.value()).find_map(|part| InfoKind::parse(&part).ok());
                link.kind = kind.map(|kind| kind.to_string());
            }
            libc::IFLA_AF_SPEC => {
                let inet6 = parts(part.value()).find(|part| i32::from(part.kind()) == libc::AF_INET6);
                flags_of_6 = inet6.and_then(|part| flags6(&part));
            }
            libc::IFLA_IFALIAS => {
                link.tap_of = std::str::from_utf8(part.value()).ok().and_then(device::marked).map(Into::into);
            }
            libc::IFLA_ADDRESS => link.hardware = hardware(part.value()),
            libc::IFLA_PERM_ADDRESS => link.permanent = hardware(part.value()),
            libc::IFLA_MTU => link.mtu = read(part.kind(), parse_u32(part.value())).unwrap_or_default(),
            libc::IFLA_OPERSTATE => {
                link.operstate = read(part.kind(), parse_u8(part.value())).unwrap_or_default()
            }
            _ => {}
        }
    }
    if link.permanent.octets.is_empty() {
        link.permanent = link.hardware.clone();
    }
    if link.kind.as_deref() != Some("tun") {
        link.tap_of = None;
    }
    named.then_some(Event::Link(link, flags_of_6))
}

/// IFLA_PROTINFO of IPv6 holds what IFLA_AF_SPEC holds for IPv6; the library has types for the latter only.
fn flags6(nested: &Attribute<'_>) -> Option<u32> {
    attributes(nested.value(), AfSpecInet6::parse)
        .find_map(|it| if let AfSpecInet6::Flags(flags) = it { Some(flags.bits()) } else { None })
}

fn address(payload: &[u8]) -> Option<(Address, Lifetimes)> {
    let AddressMessage { header, attributes, .. } = address_message(payload)?;
    let (mut local, mut peer) = (None, None);
    let (mut flags, mut protocol, mut left) = (u32::from(header.flags.bits()), 0, Lifetimes::INFINITE);
    for attribute in attributes {
        match attribute {
            AddressAttribute::Local(address) => local = Some(address),
            AddressAttribute::Address(address) => peer = Some(address),
            AddressAttribute::Flags(all) => flags = all.bits(),
            AddressAttribute::Protocol(owner) => protocol = owner.into(),
            AddressAttribute::CacheInfo(info) => {
                left = Lifetimes { preferred: info.ifa_preferred, valid: info.ifa_valid };
            }
            _ => {}
        }
    }
    let fits = |address: &IpAddr| match header.family {
        AddressFamily::Inet => address.is_ipv4(),
        AddressFamily::Inet6 => address.is_ipv6(),
        _ => false,
    };
    let address = local.or(peer).filter(fits)?;
    Some((Address { index: header.index, address, prefix_len: header.prefix_len, flags, protocol }, left))
}

/// Only unicast routes for any TOS that are no cache entries.
fn is_ordinary(header: &RouteHeader) -> bool {
    header.source_prefix_length == 0
        && header.tos == 0
        && header.kind == RouteType::Unicast
        && !header.flags.contains(RouteFlags::Cloned)
}

fn route_attributes<'a>(
    header: &RouteHeader,
    payload: &'a [u8],
) -> Option<impl Iterator<Item = RouteAttribute> + 'a> {
    let how = (header.address_family, header.kind, RouteLwEnCapType::None);
    let rest = payload.get(ROUTE..)?;
    is_ordinary(header).then(|| attributes(rest, move |part| RouteAttribute::parse_with_param(part, how)))
}

fn route4(header: &RouteHeader, payload: &[u8]) -> Option<Route4> {
    let mut destination = (header.destination_prefix_length == 0).then_some(Ipv4Addr::UNSPECIFIED);
    let mut route = Route4 {
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len: header.destination_prefix_length,
        gateway: None,
        onlink: header.flags.contains(RouteFlags::Onlink),
        metric: 0,
        table: header.table.into(),
        source: None,
        mtu: None,
        index: 0,
        protocol: header.protocol.into(),
    };
    for attribute in route_attributes(header, payload)? {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet(network)) => destination = Some(network),
            RouteAttribute::Gateway(RouteAddress::Inet(gateway)) => route.gateway = Some(gateway),
            RouteAttribute::PrefSource(RouteAddress::Inet(source)) => route.source = Some(source),
            RouteAttribute::Priority(metric) => route.metric = metric,
            RouteAttribute::Table(table) => route.table = table,
            RouteAttribute::Oif(index) => route.index = index,
            RouteAttribute::Metrics(metrics) => {
                route.mtu = metrics
                    .iter()
                    .find_map(|it| if let RouteMetric::Mtu(mtu) = it { Some(*mtu) } else { None });
            }
            _ => {}
        }
    }
    route.destination = destination?;
    Some(route)
}

fn route6(header: &RouteHeader, payload: &[u8]) -> Option<Route6> {
    let mut destination = (header.destination_prefix_length == 0).then_some(Ipv6Addr::UNSPECIFIED);
    let mut route = Route6 {
        index: 0,
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: header.destination_prefix_length,
        gateway: false,
        expires: false,
        protocol: header.protocol.into(),
    };
    for attribute in route_attributes(header, payload)? {
        match attribute {
            RouteAttribute::Destination(RouteAddress::Inet6(network)) => destination = Some(network),
            RouteAttribute::Gateway(_) => route.gateway = true,
            RouteAttribute::Oif(index) => route.index = index,
            RouteAttribute::CacheInfo(info) => route.expires = info.expires != 0,
            _ => {}
        }
    }
    route.destination = destination?;
    Some(route)
}

fn prefix(message: PrefixMessage) -> Option<Event> {
    let (mut prefix, mut valid) = (None, true);
    for attribute in message.attributes {
        match attribute {
            PrefixAttribute::Address(address) => prefix = Some(address),
            PrefixAttribute::CacheInfo(info) => valid = info.valid_time != 0,
            PrefixAttribute::Other(_) => {}
        }
    }
    let index = u32::try_from(message.header.ifindex).ok()?;
    Some(Event::Prefix(index, prefix?, message.header.prefix_len.min(128), valid))
}

#[cfg(test)]
mod tests;
