//! Values of DHCPv4 options (RFC 2132, RFC 3442). Each function takes the joined value ([`v4::Message::option`], RFC
//! 3396) and gives `None` when it is not what the option should hold; the option then counts as absent.
//!
//! [`v4::Message::option`]: super::v4::Message::option

use super::reader::Reader;
use std::net::Ipv4Addr;

/// Smallest MTU of option 26, RFC 2132 §5.1.
const MIN_MTU: u16 = 68;

/// A route of option 33 or 121.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Route {
    /// Network, host bits zero.
    pub destination: Ipv4Addr,
    /// 0 to 32.
    pub prefix_len: u8,
    /// Next hop; in option 121 an unspecified one means that the network is on the link.
    pub router: Ipv4Addr,
}

/// One address (options 28, 50, 54, 118): four octets.
pub fn address(value: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = value.try_into().ok()?;
    Some(Ipv4Addr::from(octets))
}

/// A list of addresses (options 3, 6, 42): one or more.
pub fn addresses(value: &[u8]) -> Option<Vec<Ipv4Addr>> {
    let (addresses, rest) = value.as_chunks::<4>();
    (rest.is_empty() && !addresses.is_empty())
        .then(|| addresses.iter().map(|octets| Ipv4Addr::from(*octets)).collect())
}

/// Subnet mask (option 1) as prefix length: 1 to 32. `None` also when its bits are not contiguous, or all zero.
pub fn prefix_len(value: &[u8]) -> Option<u8> {
    let mask = u32::from(address(value)?);
    let ones = mask.leading_ones();
    (ones > 0 && mask == network(u32::MAX, ones)?).then(|| u8::try_from(ones).ok()).flatten()
}

/// Interface MTU (option 26): 68 and more.
pub fn mtu(value: &[u8]) -> Option<u16> {
    number16(value).filter(|mtu| *mtu >= MIN_MTU)
}

/// A number of two octets (options 26, 57).
pub fn number16(value: &[u8]) -> Option<u16> {
    value.try_into().ok().map(u16::from_be_bytes)
}

/// A number of four octets (options 51, 58, 59, 108).
pub fn number32(value: &[u8]) -> Option<u32> {
    value.try_into().ok().map(u32::from_be_bytes)
}

/// Static routes (option 33, RFC 2132 §5.8): pairs of destination and router, at least one.
///
/// The option has no masks: a destination that is a whole class A, B or C network routes that network, any other one
/// host. Destination 0.0.0.0 is not allowed there and left out.
pub fn static_routes(value: &[u8]) -> Option<Vec<Route>> {
    let (pairs, rest) = value.as_chunks::<8>();
    if !rest.is_empty() || pairs.is_empty() {
        return None;
    }
    let route = |[a, b, c, d, e, f, g, h]: &[u8; 8]| {
        let destination = Ipv4Addr::new(*a, *b, *c, *d);
        Route {
            destination,
            prefix_len: class_prefix_len(destination),
            router: Ipv4Addr::new(*e, *f, *g, *h),
        }
    };
    Some(pairs.iter().map(route).filter(|route| !route.destination.is_unspecified()).collect())
}

fn class_prefix_len(destination: Ipv4Addr) -> u8 {
    match destination.octets() {
        [0..=127, 0, 0, 0] => 8,
        [128..=191, _, 0, 0] => 16,
        [192..=223, _, _, 0] => 24,
        _ => 32,
    }
}

/// Classless static routes (option 121, RFC 3442): width (1), significant octets of the destination (0 to 4), router
/// (4), repeated. Host bits are cleared.
///
/// `None` as soon as one route has a width above 32 or is cut off: a part of a routing table is worse than none.
pub fn classless_routes(value: &[u8]) -> Option<Vec<Route>> {
    let mut reader = Reader::new(value);
    let mut routes = Vec::new();
    while !reader.is_empty() {
        let prefix_len = reader.u8()?;
        let significant = reader.take(usize::from(prefix_len.div_ceil(8)))?;
        let mut octets = [0; 4];
        octets.get_mut(..significant.len())?.copy_from_slice(significant);
        let destination = Ipv4Addr::from(network(u32::from_be_bytes(octets), u32::from(prefix_len))?);
        routes.push(Route { destination, prefix_len, router: reader.ipv4()? });
    }
    (!routes.is_empty()).then_some(routes)
}

/// The value of option 121 for these routes. Widths above 32 are written as 32, host bits are left out.
pub fn emit_classless_routes(routes: &[Route]) -> Vec<u8> {
    routes.iter().fold(Vec::new(), |mut value, route| {
        let prefix_len = route.prefix_len.min(32);
        let destination = network(u32::from(route.destination), u32::from(prefix_len)).unwrap_or_default();
        value.push(prefix_len);
        value.extend(destination.to_be_bytes().iter().take(usize::from(prefix_len.div_ceil(8))));
        value.extend(route.router.octets());
        value
    })
}

/// The first `prefix_len` bits of `address`; `None` when there are not that many.
fn network(address: u32, prefix_len: u32) -> Option<u32> {
    let host_bits = u32::BITS.checked_sub(prefix_len)?;
    Some(address & u32::MAX.checked_shl(host_bits).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    fn route(destination: [u8; 4], prefix_len: u8, router: [u8; 4]) -> Route {
        Route { destination: destination.into(), prefix_len, router: router.into() }
    }

    #[test]
    fn a_mask_is_contiguous_or_no_mask_inst_01() {
        assert_eq!(prefix_len(&[255, 255, 255, 0]), Some(24));
        assert_eq!(prefix_len(&[255; 4]), Some(32));
        assert_eq!(prefix_len(&[128, 0, 0, 0]), Some(1));
        for bad in [&[255, 0, 255, 0][..], &[0; 4], &[0, 255, 255, 255], &[255; 3], &[255; 5], &[]] {
            assert_eq!(prefix_len(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_list_of_addresses_is_whole_or_absent() {
        assert_eq!(addresses(&[192, 0, 2, 1]).unwrap(), [Ipv4Addr::new(192, 0, 2, 1)]);
        assert_eq!(addresses(&[1; 12]).map(|list| list.len()), Some(3));
        assert_eq!(addresses(&[]), None);
        assert_eq!(addresses(&[1; 5]), None);
    }

    #[test]
    fn an_mtu_below_68_is_ignored() {
        assert_eq!(mtu(&[0, 68]), Some(68));
        assert_eq!(mtu(&[0, 67]), None);
        assert_eq!(mtu(&[0, 0, 68]), None);
    }

    #[test]
    fn a_static_route_follows_the_class_of_its_destination_inst_04() {
        let value = octets("0a000000 c0000201  c6336407 c0000202  ac100000 c0000203  00000000 c0000204");
        assert_eq!(
            static_routes(&value).unwrap(),
            [
                route([10, 0, 0, 0], 8, [192, 0, 2, 1]),
                route([198, 51, 100, 7], 32, [192, 0, 2, 2]),
                route([172, 16, 0, 0], 16, [192, 0, 2, 3]),
            ]
        );
        assert_eq!(static_routes(&value[..12]), None);
        assert_eq!(static_routes(&[]), None);
    }

    #[test]
    fn classless_routes_of_the_vector_read_and_write() {
        let value = octets("00 c0000201  18 0a0000 00000000");
        let routes = [route([0; 4], 0, [192, 0, 2, 1]), route([10, 0, 0, 0], 24, [0; 4])];
        assert_eq!(classless_routes(&value).unwrap(), routes);
        assert_eq!(emit_classless_routes(&routes), value);
    }

    #[test]
    fn host_bits_are_cleared_inst_05() {
        let value = octets("19 81d2b184 c0000201");
        assert_eq!(classless_routes(&value).unwrap(), [route([129, 210, 177, 128], 25, [192, 0, 2, 1])]);
    }

    #[test]
    fn one_bad_route_spoils_the_option_inst_05() {
        let wide = octets("00 c0000201 21 0a00000000 c0000201");
        assert_eq!(classless_routes(&wide), None);
        let whole = octets("18 0a0000 00000000");
        for end in 0..whole.len() {
            assert_eq!(classless_routes(&whole[..end]), None, "{end}");
        }
        assert_eq!(classless_routes(&[0xff; 65_000]), None);
    }

    #[test]
    fn every_width_reads_back() {
        for prefix_len in 0..=32 {
            let destination = network(0xffff_ffff, u32::from(prefix_len)).unwrap().into();
            let routes = [Route { destination, prefix_len, router: Ipv4Addr::new(192, 0, 2, 1) }];
            assert_eq!(classless_routes(&emit_classless_routes(&routes)).unwrap(), routes);
        }
    }
}
