//! Network prefixes: an address and the number of its leading bits that count.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// The text is no prefix: an address, a slash, a length, and no bit set behind that length.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a prefix: an address, a slash and a length, without host bits")]
pub struct BadPrefix;

macro_rules! prefix {
    ($(#[$doc:meta])* $name:ident $address:ident $bits:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name {
            address: $address,
            len: u8,
        }

        impl $name {
            /// The prefix of this length that `address` is in. Lengths above the address's count as all its bits.
            pub const fn of(address: $address, len: u8) -> Self {
                let len = if len > $bits { $bits } else { len };
                Self { address: $address::from_bits(address.to_bits() & mask(len)), len }
            }

            /// The first address; its host bits are zero.
            pub const fn address(self) -> $address {
                self.address
            }

            /// Leading bits that count.
            pub const fn length(self) -> u8 {
                self.len
            }

            /// True if it holds every address.
            pub const fn is_all(self) -> bool {
                self.len == 0
            }

            /// The last address.
            pub const fn last(self) -> $address {
                $address::from_bits(self.address.to_bits() | !mask(self.len))
            }

            /// True if `address` is in it.
            pub const fn contains(self, address: $address) -> bool {
                address.to_bits() & mask(self.len) == self.address.to_bits()
            }

            /// True if an address is in both.
            pub const fn overlaps(self, other: Self) -> bool {
                self.contains(other.address) || other.contains(self.address)
            }
        }

        impl FromStr for $name {
            type Err = BadPrefix;

            fn from_str(text: &str) -> Result<Self, BadPrefix> {
                let (address, len) = text.split_once('/').ok_or(BadPrefix)?;
                let address: $address = address.parse().map_err(|_| BadPrefix)?;
                let len: u8 = len.parse().ok().filter(|len| *len <= $bits).ok_or(BadPrefix)?;
                let prefix = Self::of(address, len);
                if prefix.address == address { Ok(prefix) } else { Err(BadPrefix) }
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadPrefix;

            fn try_from(text: String) -> Result<Self, BadPrefix> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(prefix: $name) -> String {
                prefix.to_string()
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}/{}", self.address, self.len)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{self}")
            }
        }
    };
}

mod four {
    use super::*;

    const fn mask(len: u8) -> u32 {
        match u32::MAX.checked_shr(len as u32) {
            Some(host) => !host,
            None => u32::MAX,
        }
    }

    prefix! {
        /// An IPv4 prefix.
        Prefix4 Ipv4Addr 32
    }
}

mod six {
    use super::*;

    const fn mask(len: u8) -> u128 {
        match u128::MAX.checked_shr(len as u32) {
            Some(host) => !host,
            None => u128::MAX,
        }
    }

    prefix! {
        /// An IPv6 prefix.
        Prefix6 Ipv6Addr 128
    }
}

pub use four::Prefix4;
pub use six::Prefix6;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_reads_back_and_knows_what_is_in_it() {
        let four: Prefix4 = "192.0.2.0/25".parse().unwrap();
        assert_eq!(four.to_string(), "192.0.2.0/25");
        assert!(four.contains([192, 0, 2, 127].into()) && !four.contains([192, 0, 2, 128].into()));
        assert_eq!(four.last(), Ipv4Addr::new(192, 0, 2, 127));
        let six: Prefix6 = "2001:db8::/32".parse().unwrap();
        assert!(six.contains("2001:db8:ffff::1".parse().unwrap()));
        assert!(six.overlaps("2001:db8:1::/48".parse().unwrap()));
        assert!(!six.overlaps("2001:db9::/32".parse().unwrap()));
    }

    #[test]
    fn the_whole_and_the_single_address_are_prefixes() {
        assert!("0.0.0.0/0".parse::<Prefix4>().unwrap().contains([255; 4].into()));
        assert!("::/0".parse::<Prefix6>().unwrap().is_all());
        let one: Prefix4 = "192.0.2.7/32".parse().unwrap();
        assert_eq!((one.address(), one.last()), ([192, 0, 2, 7].into(), [192, 0, 2, 7].into()));
    }

    #[test]
    fn host_bits_and_wrong_lengths_are_refused() {
        for text in ["192.0.2.1/24", "192.0.2.0/33", "192.0.2.0", "/8", "192.0.2.0/", "::1/64x"] {
            assert_eq!(text.parse::<Prefix4>(), Err(BadPrefix), "{text}");
        }
        assert_eq!("2001:db8::1/64".parse::<Prefix6>(), Err(BadPrefix));
        assert_eq!("2001:db8::/129".parse::<Prefix6>(), Err(BadPrefix));
    }
}
