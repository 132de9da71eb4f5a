//! The rtnetlink requests we send.

use crate::PROTOCOL;
use crate::message::{Lifetimes, Route4};
use rtnetlink::packet_core::{
    DefaultNla, Emitable, NLM_F_ACK, NLM_F_APPEND, NLM_F_CREATE, NLM_F_DUMP, NLM_F_EXCL, NLM_F_REPLACE,
    NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload, NetlinkSerializable,
};
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::{
    AddressAttribute, AddressFlags, AddressMessage, AddressProtocol, CacheInfo,
};
use rtnetlink::packet_route::link::{LinkExtentMask, LinkFlags, LinkHeader};
use rtnetlink::packet_route::route::{RouteAttribute, RouteMessage, RouteMetric, RouteScope};
use rtnetlink::{AddressMessageBuilder, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Changes the alternative names of a link.
const RTM_NEWLINKPROP: u16 = 108;
/// Attributes are inside.
const NLA_F_NESTED: u16 = 1 << 15;

/// A message on its way to the kernel, without its number.
pub(crate) type Request = NetlinkMessage<Body>;

/// The octets of a message of one type. The library's enum of all types would bring the code for every kind of
/// device, rule and traffic control along.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Body {
    kind: u16,
    octets: Vec<u8>,
}

impl NetlinkSerializable for Body {
    fn message_type(&self) -> u16 {
        self.kind
    }

    fn buffer_len(&self) -> usize {
        self.octets.len()
    }

    fn serialize(&self, buffer: &mut [u8]) {
        buffer.copy_from_slice(&self.octets);
    }
}

fn request(kind: u16, flags: u16, parts: &[&dyn Emitable]) -> Request {
    let mut octets = Vec::new();
    for part in parts {
        let start = octets.len();
        octets.resize(start + part.buffer_len(), 0);
        part.emit(&mut octets[start..]);
    }
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    NetlinkMessage::new(header, NetlinkPayload::InnerMessage(Body { kind, octets }))
}

/// Which objects a dump is to hold. Kernels before 4.20 give all of a family; whoever asks must look again.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Only {
    /// On this interface; 0 is any.
    pub(crate) index: u32,
    /// Of this protocol; routes only; 0 is any.
    pub(crate) protocol: u8,
    /// Of this table; routes only; 0 is any.
    pub(crate) table: u32,
}

/// Asks for all links.
pub(crate) fn get_links() -> Request {
    get_link_with(0, NLM_F_DUMP)
}

/// Asks for one link.
pub(crate) fn get_link(index: u32) -> Request {
    get_link_with(index, NLM_F_ACK)
}

fn get_link_with(index: u32, flags: u16) -> Request {
    let header = LinkHeader { index, ..LinkHeader::default() };
    let without_counters = u32::from(LinkExtentMask::SkipStats).to_ne_bytes();
    let mask = DefaultNla::new(libc::IFLA_EXT_MASK, without_counters.to_vec());
    request(libc::RTM_GETLINK, flags, &[&header, &mask])
}

/// Asks for the link that has this name, or this alternative name.
pub(crate) fn get_link_named(name: &str) -> Request {
    let name = DefaultNla::new(libc::IFLA_IFNAME, text(name));
    request(libc::RTM_GETLINK, NLM_F_ACK, &[&LinkHeader::default(), &name])
}

/// What a device of ours is made to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Dress<'a> {
    /// Hardware address.
    pub(crate) hardware: Option<[u8; 6]>,
    /// MTU in octets.
    pub(crate) mtu: Option<u32>,
    /// Text for people and for us.
    pub(crate) alias: Option<&'a str>,
    /// Administratively up.
    pub(crate) up: bool,
}

/// Changes a link: what is given. The kernel sets it up last.
pub(crate) fn dress_link(index: u32, dress: Dress<'_>) -> Request {
    let mut header = LinkHeader { index, ..LinkHeader::default() };
    if dress.up {
        (header.flags, header.change_mask) = (LinkFlags::Up, LinkFlags::Up);
    }
    let attributes = [
        dress.hardware.map(|octets| DefaultNla::new(libc::IFLA_ADDRESS, octets.to_vec())),
        dress.mtu.map(|mtu| DefaultNla::new(libc::IFLA_MTU, mtu.to_ne_bytes().to_vec())),
        dress.alias.map(|alias| DefaultNla::new(libc::IFLA_IFALIAS, text(alias))),
    ];
    let mut parts: Vec<&dyn Emitable> = vec![&header];
    parts.extend(attributes.iter().flatten().map(|attribute| attribute as &dyn Emitable));
    request(libc::RTM_SETLINK, NLM_F_ACK, &parts)
}

/// Gives a link one more name.
pub(crate) fn add_alternative_name(index: u32, name: &str) -> Request {
    let header = LinkHeader { index, ..LinkHeader::default() };
    let name = DefaultNla::new(libc::IFLA_ALT_IFNAME, text(name));
    let mut octets = vec![0; name.buffer_len()];
    name.emit(&mut octets);
    // The kernel insists on the mark of a nested attribute here.
    let list = DefaultNla::new(libc::IFLA_PROP_LIST | NLA_F_NESTED, octets);
    request(RTM_NEWLINKPROP, NLM_F_ACK, &[&header, &list])
}

/// Text with the NUL at its end.
fn text(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// Asks for addresses of a family.
pub(crate) fn get_addresses(family: AddressFamily, only: Only) -> Request {
    let mut message = AddressMessage::default();
    (message.header.family, message.header.index) = (family, only.index);
    request(libc::RTM_GETADDR, NLM_F_DUMP, &[&message])
}

/// Asks for routes of a family.
pub(crate) fn get_routes(family: AddressFamily, only: Only) -> Request {
    let mut message = RouteMessage::default();
    (message.header.address_family, message.header.protocol) = (family, only.protocol.into());
    if only.index != 0 {
        message.attributes.push(RouteAttribute::Oif(only.index));
    }
    if only.table != 0 {
        message.attributes.push(RouteAttribute::Table(only.table));
    }
    request(libc::RTM_GETROUTE, NLM_F_DUMP, &[&message])
}

/// How an object is put: what happens when there is one already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Put {
    /// EEXIST.
    New,
    /// Both; EEXIST only when they are equal.
    Beside,
    /// It is changed.
    Instead,
}

impl Put {
    fn flags(self) -> u16 {
        NLM_F_CREATE
            | NLM_F_ACK
            | match self {
                Self::New => NLM_F_EXCL,
                Self::Beside => NLM_F_APPEND,
                Self::Instead => NLM_F_REPLACE,
            }
    }
}

/// Installs an address with our mark and without the kernel's route for its prefix.
pub(crate) fn put_address(index: u32, address: IpAddr, prefix_len: u8, left: Lifetimes, put: Put) -> Request {
    let mut message = address_message(index, address, prefix_len);
    let mut times = CacheInfo::default();
    (times.ifa_preferred, times.ifa_valid) = (left.preferred, left.valid);
    message.attributes.extend([
        AddressAttribute::Flags(AddressFlags::Noprefixroute),
        AddressAttribute::CacheInfo(times),
        AddressAttribute::Protocol(AddressProtocol::Other(PROTOCOL)),
    ]);
    request(libc::RTM_NEWADDR, put.flags(), &[&message])
}

/// Removes an address.
pub(crate) fn delete_address(index: u32, address: IpAddr, prefix_len: u8) -> Request {
    request(libc::RTM_DELADDR, NLM_F_ACK, &[&address_message(index, address, prefix_len)])
}

fn address_message(index: u32, address: IpAddr, prefix_len: u8) -> AddressMessage {
    let mut message = match address {
        IpAddr::V4(address) => {
            AddressMessageBuilder::<Ipv4Addr>::new().index(index).address(address, prefix_len).build()
        }
        IpAddr::V6(address) => {
            AddressMessageBuilder::<Ipv6Addr>::new().index(index).address(address, prefix_len).build()
        }
    };
    // The kernel takes the subnet's broadcast address from the prefix for what it receives.
    message.attributes.retain(|attribute| !matches!(attribute, AddressAttribute::Broadcast(_)));
    message
}

/// Puts an address back as a dump described it.
pub(crate) fn restore_address(described: &AddressMessage) -> Request {
    request(libc::RTM_NEWADDR, Put::New.flags(), &[described])
}

/// Installs an IPv4 route with our mark.
pub(crate) fn put_route(route: &Route4, put: Put) -> Request {
    let scope = if route.gateway.is_some() { RouteScope::Universe } else { RouteScope::Link };
    request(libc::RTM_NEWROUTE, put.flags(), &[&route_message(route, scope)])
}

/// Removes an IPv4 route: the one that has all of this, of any scope.
pub(crate) fn delete_route(route: &Route4) -> Request {
    request(libc::RTM_DELROUTE, NLM_F_ACK, &[&route_message(route, RouteScope::NoWhere)])
}

fn route_message(route: &Route4, scope: RouteScope) -> RouteMessage {
    let mut builder = RouteMessageBuilder::<Ipv4Addr>::new()
        .destination_prefix(route.destination, route.prefix_len)
        .output_interface(route.index)
        .table_id(route.table)
        .priority(route.metric)
        .protocol(route.protocol.into())
        .scope(scope);
    if let Some(gateway) = route.gateway {
        builder = builder.gateway(gateway);
    }
    if let Some(source) = route.source {
        builder = builder.pref_source(source);
    }
    if route.onlink {
        builder = builder.onlink();
    }
    let mut message = builder.build();
    message.attributes.extend(route.mtu.map(|mtu| RouteAttribute::Metrics(vec![RouteMetric::Mtu(mtu)])));
    message
}
