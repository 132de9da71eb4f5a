//! Who a simulated client is, as long as the tool runs and in another run with the same seed.

use dhcp4o6_protocol::ids::{ClientId, Duid, HardwareAddress, Iaid};
use dhcp4o6_protocol::wire::frame::Mac;
use std::net::Ipv6Addr;

/// Number of a client: no two clients of a run have the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Number(pub(crate) u32);

/// Option 61: a DUID-UUID made of seed and number (RFC 4361 §6.1).
pub(crate) fn client_id(seed: u64, Number(number): Number) -> ClientId {
    let mut uuid = [0; 16];
    uuid[..8].copy_from_slice(&seed.to_be_bytes());
    uuid[12..].copy_from_slice(&number.to_be_bytes());
    // Version 8, of a format of our own (RFC 9562 §5.8).
    uuid[6] = uuid[6] & 0x0f | 0x80;
    uuid[8] = 0x80;
    ClientId::new(Iaid(1), &Duid::uuid(uuid))
}

/// Its station on Ethernet: a locally administered address.
pub(crate) fn station(Number(number): Number) -> Mac {
    let [a, b, c, d] = number.to_be_bytes();
    [2, 0x46, a, b, c, d]
}

/// The same, or no address.
pub(crate) fn hardware(number: Number, wanted: bool) -> HardwareAddress {
    if wanted { HardwareAddress::ethernet(station(number)) } else { HardwareAddress::default() }
}

/// Where the client is in the network: the place that answers are delivered to, and who is there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Place {
    /// Below 2^24.
    pub(crate) slot: u32,
    pub(crate) number: Number,
}

impl Place {
    /// The client's address in `prefix`: `02`, slot (3), number (4).
    pub(crate) fn address(self, prefix: Ipv6Addr) -> Ipv6Addr {
        let Number(number) = self.number;
        let interface = 0x02 << 56 | u64::from(self.slot) << 32 | u64::from(number);
        Ipv6Addr::from_bits(prefix.to_bits() | u128::from(interface))
    }

    /// The place of an address that [`Place::address`] made for this prefix.
    pub(crate) fn of(address: Ipv6Addr, prefix: Ipv6Addr) -> Option<Self> {
        let [.., marker, a, b, c, d, e, f, g] = address.octets();
        let place =
            Self { slot: u32::from_be_bytes([0, a, b, c]), number: Number(u32::from_be_bytes([d, e, f, g])) };
        (marker == 2 && place.address(prefix) == address).then_some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_whose_it_is() {
        let prefix: Ipv6Addr = "2001:db8:f::".parse().unwrap();
        let place = Place { slot: 0x0001_0203, number: Number(0xffee_ddcc) };
        let address: Ipv6Addr = "2001:db8:f:0:0201:0203:ffee:ddcc".parse().unwrap();
        assert_eq!(place.address(prefix), address);
        assert_eq!(Place::of(address, prefix), Some(place));
        assert_eq!(Place::of(address, "2001:db8:e::".parse().unwrap()), None);
        assert_eq!(Place::of(prefix, prefix), None);
    }

    #[test]
    fn clients_differ_and_are_the_same_with_the_same_seed() {
        assert_eq!(client_id(7, Number(1)), client_id(7, Number(1)));
        assert_ne!(client_id(7, Number(1)), client_id(7, Number(2)));
        assert_ne!(client_id(7, Number(1)), client_id(8, Number(1)));
        assert_ne!(hardware(Number(1), true), hardware(Number(256), true));
        assert!(hardware(Number(1), false).octets.is_empty());
    }
}
