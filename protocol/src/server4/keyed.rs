//! Short stand-ins for long values. Clients choose what goes in, so the ones that are looked up are keyed: nobody
//! outside can make many of them equal.

use crate::binding::{ClientKey, Origin};
use std::hash::{DefaultHasher, Hasher};

/// What a value stands for; equal octets of two kinds are different values.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Kind {
    Id,
    Hardware,
    Network,
    Link,
    Circuit,
}

/// SipHash with a key of our own.
#[derive(Clone, Copy)]
pub(super) struct Keyed(pub(super) u64);

impl Keyed {
    fn hash(self, kind: Kind, number: u64, octets: &[u8]) -> u64 {
        let mut hasher = DefaultHasher::new();
        hasher.write_u64(self.0);
        hasher.write_u8(kind as u8);
        hasher.write_u64(number);
        hasher.write(octets);
        hasher.finish()
    }

    pub(super) fn client(self, key: &ClientKey) -> u64 {
        match key {
            ClientKey::Id(id) => self.hash(Kind::Id, 0, id),
            ClientKey::Hardware(kind, octets) => self.hash(Kind::Hardware, u64::from(*kind), octets),
        }
    }

    pub(super) fn origin(self, origin: &Origin) -> u64 {
        match origin {
            Origin::Network(upper) => self.hash(Kind::Network, *upper, &[]),
            Origin::Link(lower, link) => self.hash(Kind::Link, *lower, link),
        }
    }

    /// Never 0: that stands for no circuit.
    pub(super) fn circuit(self, link: &[u8]) -> u32 {
        upper(self.hash(Kind::Circuit, 0, link)).max(1)
    }
}

/// The upper half.
pub(super) fn upper(hash: u64) -> u32 {
    let [a, b, c, d, ..] = hash.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

/// Where in a pool the search for a client's address begins. The same after every start, so that a client tends to
/// get the same address even when nothing is remembered of it.
pub(super) fn spread(key: &ClientKey) -> u64 {
    let (kind, octets) = match key {
        ClientKey::Id(id) => (0, id),
        ClientKey::Hardware(kind, octets) => (1 + u64::from(*kind), octets),
    };
    // FNV-1a, then the finisher of SplitMix64, which brings the last octets into all bits.
    let fnv = octets.iter().fold(0xcbf2_9ce4_8422_2325 ^ kind, |hash: u64, octet| {
        (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3)
    });
    let mixed = (fnv ^ (fnv >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
