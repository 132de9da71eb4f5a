//! Values of DHCPv4 options: from what is written to octets on the wire, and back.

use super::effective::{list, quoted};
use super::reader::{MAX_LIST, Reader, shown, text_of};
use config::{Value, ValueKind};
use dhcp4o6_protocol::ids::{hex, hex_decode};
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::wire::writer::Writer;
use dhcp4o6_protocol::wire::{domain, v4_option};
use std::net::Ipv4Addr;

/// What an option holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// One address.
    Address,
    /// Addresses, at least one.
    Addresses,
    /// A subnet mask: ones, then zeros.
    Mask,
    /// Prefixes, as address and mask each.
    Prefixes,
    /// Pairs of destination and router (RFC 2132 §5.8).
    StaticRoutes,
    /// Prefixes with a router, or on the link (RFC 3442).
    ClasslessRoutes,
    /// One octet, 0 or 1.
    Flag,
    /// `min` to 255.
    Number8 { min: u8 },
    /// `min` to 65535.
    Number16 { min: u16 },
    /// Numbers of 16 bits, ascending where they are MTUs.
    Numbers16 { min: u16 },
    /// 0 to 2^32 - 1.
    Number32,
    /// -2^31 to 2^31 - 1.
    Signed32,
    /// 1, 2, 4 or 8 (RFC 2132 §8.7).
    NodeType,
    /// Text of 1 to 255 octets.
    Text,
    /// A host or domain name as text.
    Name,
    /// A domain name as DNS has it on the wire.
    WireName,
    /// Such names, one after the other (RFC 3397).
    Names,
    /// Addresses or names, told apart by a first octet (RFC 3361).
    SipServers,
    /// Anything.
    Hex,
}

const AN_ADDRESS: &str = "must be an IPv4 address such as \"192.0.2.1\"";
const A_NAME: &str =
    "must be a domain name: labels of 1 to 63 letters, digits and inner hyphens, joined by dots";

impl Kind {
    /// The octets for `value` of `key`; `None` when it is wrong, and that is reported.
    pub(super) fn read(self, reader: &mut Reader<'_>, key: &str, value: &Value) -> Option<Vec<u8>> {
        let mut text = |right: &str, read: fn(&str) -> Option<Vec<u8>>| {
            let octets = text_of(value).and_then(read);
            if octets.is_none() {
                reader.wrong(key, Some(value), shown(value), right);
            }
            octets
        };
        match self {
            Self::Address => text(AN_ADDRESS, address),
            Self::Mask => text("must be a subnet mask such as \"255.255.255.0\"", mask),
            Self::Text => text("must be text of 1 to 255 octets without control characters", plain_text),
            Self::Name => text(A_NAME, |text| domain::text(text.as_bytes()).map(String::into_bytes)),
            Self::WireName => text(A_NAME, wire_name),
            Self::Hex => text("must be octets in hexadecimal digits such as \"hex:0a0b\"", hex_value),
            Self::Addresses => joined(reader, key, value, "IPv4 addresses", AN_ADDRESS, address),
            Self::Prefixes => {
                let right = "must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits";
                joined(reader, key, value, "IPv4 prefixes", right, filter)
            }
            Self::StaticRoutes => {
                let right = "must be a route such as \"198.51.100.7 via 192.0.2.1\", not to 0.0.0.0";
                joined(reader, key, value, "routes", right, static_route)
            }
            Self::ClasslessRoutes => {
                let right = "must be a route such as \"10.0.0.0/8 via 192.0.2.1\" or \"10.0.0.0/8 on-link\", \
                             without host bits";
                joined(reader, key, value, "routes", right, classless_route)
            }
            Self::Names => joined(reader, key, value, "domain names", A_NAME, wire_name),
            Self::SipServers => sip_servers(reader, key, value),
            Self::Numbers16 { min } => {
                let list = filled_list(reader, key, value, "numbers")?;
                let numbers: Vec<Option<u16>> =
                    list.iter().map(|entry| reader.number_of(key, entry, i64::from(min)..=65_535)).collect();
                let numbers = numbers.into_iter().collect::<Option<Vec<_>>>()?;
                Some(numbers.into_iter().flat_map(u16::to_be_bytes).collect())
            }
            Self::Flag => match value.kind {
                ValueKind::Boolean(truth) => Some(vec![u8::from(truth)]),
                _ => {
                    reader.wrong(key, Some(value), shown(value), "must be true or false");
                    None
                }
            },
            Self::Number8 { min } => {
                reader.number_of::<u8>(key, value, i64::from(min)..=255).map(|number| vec![number])
            }
            Self::Number16 { min } => reader
                .number_of::<u16>(key, value, i64::from(min)..=65_535)
                .map(|number| number.to_be_bytes().to_vec()),
            Self::Number32 => reader
                .number_of::<u32>(key, value, 0..=i64::from(u32::MAX))
                .map(|number| number.to_be_bytes().to_vec()),
            Self::Signed32 => reader
                .number_of::<i32>(key, value, i64::from(i32::MIN)..=i64::from(i32::MAX))
                .map(|number| number.to_be_bytes().to_vec()),
            Self::NodeType => match value.kind {
                ValueKind::I64(kind @ (1 | 2 | 4 | 8)) => Some(vec![kind as u8]),
                _ => {
                    reader.wrong(key, Some(value), shown(value), "must be 1, 2, 4 or 8");
                    None
                }
            },
        }
    }

    /// The inverse of [`Kind::read`], as TOML. What cannot be of this type is shown in hexadecimal digits.
    pub(super) fn written(self, octets: &[u8]) -> String {
        self.shown(octets).unwrap_or_else(|| quoted(&format!("hex:{}", hex(octets))))
    }

    fn shown(self, octets: &[u8]) -> Option<String> {
        let number = |signed: bool| {
            let number = u32::from_be_bytes(octets.try_into().ok()?);
            Some(if signed { number.cast_signed().to_string() } else { number.to_string() })
        };
        match self {
            Self::Hex => None,
            Self::Address | Self::Mask => {
                v4_option::address(octets).map(|address| quoted(&address.to_string()))
            }
            Self::Addresses => v4_option::addresses(octets).map(|addresses| quoted_list(&addresses)),
            Self::Prefixes => {
                let (pairs, rest) = octets.as_chunks::<8>();
                let prefix = |[a, b, c, d, mask @ ..]: &[u8; 8]| {
                    let length = u32::from_be_bytes(*mask).leading_ones();
                    format!("{}/{length}", Ipv4Addr::new(*a, *b, *c, *d))
                };
                rest.is_empty().then(|| quoted_list(&pairs.iter().map(prefix).collect::<Vec<_>>()))
            }
            Self::StaticRoutes => v4_option::static_routes(octets).map(|routes| {
                let route = |route: &v4_option::Route| format!("{} via {}", route.destination, route.router);
                quoted_list(&routes.iter().map(route).collect::<Vec<_>>())
            }),
            Self::ClasslessRoutes => v4_option::classless_routes(octets)
                .map(|routes| quoted_list(&routes.iter().map(route_text).collect::<Vec<_>>())),
            Self::Flag => match octets {
                [0] => Some("false".to_owned()),
                [1] => Some("true".to_owned()),
                _ => None,
            },
            Self::Number8 { .. } | Self::NodeType => {
                <[u8; 1]>::try_from(octets).ok().map(|[number]| number.to_string())
            }
            Self::Number16 { .. } => v4_option::number16(octets).map(|number| number.to_string()),
            Self::Numbers16 { .. } => {
                let (numbers, rest) = octets.as_chunks::<2>();
                let numbers: Vec<_> = numbers.iter().map(|number| u16::from_be_bytes(*number)).collect();
                rest.is_empty().then(|| list(&numbers))
            }
            Self::Number32 => number(false),
            Self::Signed32 => number(true),
            Self::Text | Self::Name => std::str::from_utf8(octets).ok().map(quoted),
            Self::WireName => domain::aftr(octets).map(|name| quoted(&name)),
            Self::Names => domain::search4(octets).map(|names| quoted_list(&names)),
            Self::SipServers => match octets.split_first()? {
                (0, names) => domain::list6(names).map(|names| quoted_list(&names)),
                (1, addresses) => v4_option::addresses(addresses).map(|addresses| quoted_list(&addresses)),
                _ => None,
            },
        }
    }

    /// What the manual calls it.
    #[cfg(test)]
    pub(super) fn manual(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Addresses => "addresses",
            Self::Mask => "mask",
            Self::Prefixes => "prefixes",
            Self::StaticRoutes => "host routes",
            Self::ClasslessRoutes => "routes",
            Self::Flag => "true or false",
            Self::Number8 { min: 0 } => "0 to 255",
            Self::Number8 { .. } => "1 to 255",
            Self::Number16 { min: 576 } => "576 to 65535",
            Self::Number16 { min: 68 } => "68 to 65535",
            Self::Number16 { .. } => "0 to 65535",
            Self::Numbers16 { min: 68 } => "numbers from 68 to 65535",
            Self::Numbers16 { .. } => "numbers from 0 to 65535",
            Self::Number32 => "0 to 4294967295",
            Self::Signed32 => "-2147483648 to 2147483647",
            Self::NodeType => "1, 2, 4 or 8",
            Self::Text => "text",
            Self::Name | Self::WireName => "name",
            Self::Names => "names",
            Self::SipServers => "addresses or names",
            Self::Hex => "octets",
        }
    }
}

/// A list that is not empty.
fn filled_list<'v>(
    reader: &mut Reader<'_>,
    key: &str,
    value: &'v Value,
    entries: &str,
) -> Option<&'v [Value]> {
    let most = if entries == "domain names" { domain::MAX_NAMES } else { MAX_LIST };
    let list = reader.list_in(key, value, entries, most)?;
    if list.is_empty() {
        reader.wrong(key, Some(value), "an empty list is not valid", format!("must be a list of {entries}"));
    }
    (!list.is_empty()).then_some(list)
}

/// The octets of all entries, one after the other.
fn joined(
    reader: &mut Reader<'_>,
    key: &str,
    value: &Value,
    entries: &str,
    right: &str,
    read: fn(&str) -> Option<Vec<u8>>,
) -> Option<Vec<u8>> {
    let list = filled_list(reader, key, value, entries)?;
    let mut octets = Some(Vec::new());
    for entry in list {
        match (text_of(entry).and_then(read), &mut octets) {
            (Some(more), Some(octets)) => octets.extend(more),
            (Some(_), None) => {}
            (None, _) => {
                reader.wrong(key, Some(entry), shown(entry), right);
                octets = None;
            }
        }
    }
    octets
}

fn sip_servers(reader: &mut Reader<'_>, key: &str, value: &Value) -> Option<Vec<u8>> {
    // What the first entry is, all must be: the option says once which they are.
    let first = match &value.kind {
        ValueKind::Array(list) => list.first().and_then(text_of),
        _ => None,
    };
    match first.is_some_and(|text| text.parse::<Ipv4Addr>().is_ok()) {
        true => joined(reader, key, value, "addresses or of names", AN_ADDRESS, address)
            .map(|octets| [vec![1], octets].concat()),
        false => joined(reader, key, value, "domain names", A_NAME, sip_name)
            .map(|octets| [vec![0], octets].concat()),
    }
}

fn address(text: &str) -> Option<Vec<u8>> {
    text.parse::<Ipv4Addr>().ok().map(|address| address.octets().to_vec())
}

fn mask(text: &str) -> Option<Vec<u8>> {
    address(text).filter(|octets| v4_option::prefix_len(octets).is_some())
}

fn filter(text: &str) -> Option<Vec<u8>> {
    let prefix: Prefix4 = text.parse().ok()?;
    Some([prefix.address().octets(), mask_of(prefix).octets()].concat())
}

fn mask_of(prefix: Prefix4) -> Ipv4Addr {
    Ipv4Addr::from_bits(!(prefix.address().to_bits() ^ prefix.last().to_bits()))
}

fn static_route(text: &str) -> Option<Vec<u8>> {
    let (destination, router) = text.split_once(" via ")?;
    let destination: Ipv4Addr = destination.parse().ok()?;
    let octets = [destination.octets().to_vec(), address(router)?].concat();
    (!destination.is_unspecified()).then_some(octets)
}

fn classless_route(text: &str) -> Option<Vec<u8>> {
    let (destination, router) = match text.strip_suffix(" on-link") {
        Some(destination) => (destination, Ipv4Addr::UNSPECIFIED),
        None => {
            let (destination, router) = text.split_once(" via ")?;
            (destination, router.parse().ok().filter(|router: &Ipv4Addr| !router.is_unspecified())?)
        }
    };
    let prefix: Prefix4 = destination.parse().ok()?;
    let route = v4_option::Route { destination: prefix.address(), prefix_len: prefix.length(), router };
    Some(v4_option::emit_classless_routes(&[route]))
}

fn route_text(route: &v4_option::Route) -> String {
    let v4_option::Route { destination, prefix_len, router } = route;
    match router.is_unspecified() {
        true => format!("{destination}/{prefix_len} on-link"),
        false => format!("{destination}/{prefix_len} via {router}"),
    }
}

fn plain_text(text: &str) -> Option<Vec<u8>> {
    let plain = (1..=255).contains(&text.len()) && !text.chars().any(char::is_control);
    plain.then(|| text.as_bytes().to_vec())
}

fn wire_name(text: &str) -> Option<Vec<u8>> {
    let mut w = Writer::new();
    domain::emit(&mut w, text);
    w.finish().ok()
}

/// As [`wire_name`], but not what was meant as an address.
fn sip_name(text: &str) -> Option<Vec<u8>> {
    if text.parse::<Ipv4Addr>().is_ok() { None } else { wire_name(text) }
}

fn hex_value(text: &str) -> Option<Vec<u8>> {
    text.strip_prefix("hex:").and_then(hex_decode).filter(|octets| !octets.is_empty())
}

fn quoted_list(entries: &[impl ToString]) -> String {
    list(&entries.iter().map(|entry| quoted(&entry.to_string())).collect::<Vec<_>>())
}
