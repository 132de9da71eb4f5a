//! A way back in as few octets as it takes.
//!
//! ```text
//! version (4 bits) | levels (4 bits) | flags (1) | [xid (3)] | [interface (1 to 5)] | to | [port (2)] | [source]
//! level:   flags (1) | link-address | peer-address | [hop-count (1)] | [length (1) | interface-id] | [relay-port (2)]
//! address: which known one it is like (4 bits) | upper half (2 bits) | lower half (2 bits) | octets that differ
//! ```
//!
//! What is in brackets is there if a flag says so. An address is told by what it is like: one of a few everybody
//! knows, or one that was written before.

use super::{Asked, Back, Level};
use crate::ids::Xid6;
use crate::params::{CLIENT6_PORT, RELAY_NESTING, SERVER6_PORT};
use crate::wire::{Reader, TooLong};
use std::net::Ipv6Addr;

/// Another number for every change of the format but a new flag, which who does not know it refuses.
const VERSION: u8 = 1;

const HAS_XID: u8 = 1;
const HAS_INTERFACE: u8 = 2;
const HAS_PORT: u8 = 4;
const HAS_SOURCE: u8 = 8;
const ASKS_BR: u8 = 16;
const ASKS_BIND_PREFIX: u8 = 32;

const KNOWN_FLAGS: u8 = HAS_XID | HAS_INTERFACE | HAS_PORT | HAS_SOURCE | ASKS_BR | ASKS_BIND_PREFIX;

const HAS_HOP_COUNT: u8 = 1;
const HAS_INTERFACE_ID: u8 = 2;
const HAS_RELAY_PORT: u8 = 4;

/// How one half of an address differs from that of the known one.
const SAME: u8 = 0;
/// A mask octet, first octet in the highest bit, then the octets whose bit is set.
const PARTLY: u8 = 1;
/// All eight octets.
const WHOLLY: u8 = 2;

impl Back {
    /// The octets: ten or so for a client with a link-local address, and fewer than 60 for a typical way through two
    /// relay agents.
    ///
    /// # Errors
    /// When an interface-id has more than 255 octets, or there are more than nine levels.
    pub fn encode(&self) -> Result<Vec<u8>, TooLong> {
        let mut octets = Vec::with_capacity(64);
        let mut known = Known::new();
        let levels = u8::try_from(self.levels.len()).map_err(|_| TooLong)?;
        if self.levels.len() > RELAY_NESTING {
            return Err(TooLong);
        }
        octets.push(VERSION << 4 | levels);
        let usual_port = usual_port(self.levels.len());
        octets.push(
            flag(self.xid.is_some(), HAS_XID)
                | flag(self.interface != 0, HAS_INTERFACE)
                | flag(self.port != usual_port, HAS_PORT)
                | flag(self.source.is_some(), HAS_SOURCE)
                | flag(self.asked.br, ASKS_BR)
                | flag(self.asked.bind_prefix, ASKS_BIND_PREFIX),
        );
        octets.extend(self.xid.iter().flat_map(|xid| xid.0));
        if self.interface != 0 {
            put_number(&mut octets, self.interface);
        }
        known.put(&mut octets, self.to);
        if self.port != usual_port {
            octets.extend(self.port.to_be_bytes());
        }
        if let Some(source) = self.source {
            known.put(&mut octets, source);
        }
        for (place, level) in (0..levels).rev().zip(&self.levels) {
            put_level(&mut octets, &mut known, level, place)?;
        }
        Ok(octets)
    }

    /// Reads what [`Back::encode`] wrote. `None` for anything else, and for a way to where no answer can go.
    pub fn decode(octets: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let mut known = Known::new();
        let first = reader.u8()?;
        let levels = first & 0x0f;
        let flags = reader.u8()?;
        if first >> 4 != VERSION || usize::from(levels) > RELAY_NESTING || flags & !KNOWN_FLAGS != 0 {
            return None;
        }
        let has = |flag| flags & flag != 0;
        let xid = if has(HAS_XID) { Some(Xid6(reader.array()?)) } else { None };
        let interface = if has(HAS_INTERFACE) { take_number(&mut reader)? } else { 0 };
        let to = known.take(&mut reader)?;
        let port = if has(HAS_PORT) { reader.u16()? } else { usual_port(usize::from(levels)) };
        let source = if has(HAS_SOURCE) { Some(known.take(&mut reader)?) } else { None };
        let levels: Option<Vec<Level>> =
            (0..levels).rev().map(|place| take_level(&mut reader, &mut known, place)).collect();
        let asked = Asked { br: has(ASKS_BR), bind_prefix: has(ASKS_BIND_PREFIX) };
        let back = Self { xid, interface, source, to, port, levels: levels?, asked };
        let nowhere = |address: Ipv6Addr| address.is_multicast() || address.is_unspecified();
        let leads_somewhere = !nowhere(to) && !source.is_some_and(nowhere);
        (reader.is_empty() && leads_somewhere).then_some(back)
    }
}

const fn flag(set: bool, flag: u8) -> u8 {
    if set { flag } else { 0 }
}

const fn usual_port(levels: usize) -> u16 {
    if levels == 0 { CLIENT6_PORT } else { SERVER6_PORT }
}

/// Relay agents count from the client, `place` is how many come before: the usual hop count.
fn put_level(octets: &mut Vec<u8>, known: &mut Known, level: &Level, place: u8) -> Result<(), TooLong> {
    octets.push(
        flag(level.hop_count != place, HAS_HOP_COUNT)
            | flag(level.interface_id.is_some(), HAS_INTERFACE_ID)
            | flag(level.relay_port.is_some(), HAS_RELAY_PORT),
    );
    known.put(octets, level.link_address);
    known.put(octets, level.peer_address);
    if level.hop_count != place {
        octets.push(level.hop_count);
    }
    if let Some(id) = &level.interface_id {
        octets.push(u8::try_from(id.len()).map_err(|_| TooLong)?);
        octets.extend(id);
    }
    octets.extend(level.relay_port.iter().flat_map(|port| port.to_be_bytes()));
    Ok(())
}

fn take_level(reader: &mut Reader<'_>, known: &mut Known, place: u8) -> Option<Level> {
    let flags = reader.u8()?;
    if flags & !(HAS_HOP_COUNT | HAS_INTERFACE_ID | HAS_RELAY_PORT) != 0 {
        return None;
    }
    let has = |flag| flags & flag != 0;
    let link_address = known.take(reader)?;
    let peer_address = known.take(reader)?;
    let hop_count = if has(HAS_HOP_COUNT) { reader.u8()? } else { place };
    let interface_id = if has(HAS_INTERFACE_ID) {
        let len = reader.u8()?;
        Some(reader.take(usize::from(len))?.to_vec())
    } else {
        None
    };
    let relay_port = if has(HAS_RELAY_PORT) { Some(reader.u16()?) } else { None };
    Some(Level { hop_count, link_address, peer_address, interface_id, relay_port })
}

/// Seven bits in each octet, lowest first; the highest bit says that more follow.
fn put_number(octets: &mut Vec<u8>, mut number: u32) {
    while let Some(more) = number.checked_shr(7).filter(|more| *more != 0) {
        let [.., low] = number.to_be_bytes();
        octets.push(low | 0x80);
        number = more;
    }
    let [.., low] = number.to_be_bytes();
    octets.push(low);
}

fn take_number(reader: &mut Reader<'_>) -> Option<u32> {
    let mut number = 0_u64;
    for place in 0..5 {
        let octet = reader.u8()?;
        number |= u64::from(octet & 0x7f) << (7 * place);
        if octet & 0x80 == 0 {
            return u32::try_from(number).ok();
        }
    }
    None
}

type Half = [u8; 8];

/// Addresses that others can be told by: four bits' worth.
struct Known(Vec<[Half; 2]>);

impl Known {
    fn new() -> Self {
        let link_local = [0xfe, 0x80, 0, 0, 0, 0, 0, 0];
        // An interface identifier made from a hardware address has ff:fe in its middle (RFC 4291 §2.5.1).
        let from_hardware = [0, 0, 0, 0xff, 0xfe, 0, 0, 0];
        let mut known = Vec::with_capacity(16);
        known.extend([[[0; 8]; 2], [link_local, [0; 8]], [link_local, from_hardware]]);
        Self(known)
    }

    fn remember(&mut self, address: [Half; 2]) {
        if self.0.len() < 16 && !self.0.contains(&address) {
            self.0.push(address);
        }
    }

    fn put(&mut self, octets: &mut Vec<u8>, address: Ipv6Addr) {
        let halves = split(address);
        let [upper, lower] = halves;
        let cost = |[like_upper, like_lower]: &[Half; 2]| {
            form(upper, *like_upper).cost() + form(lower, *like_lower).cost()
        };
        let nearest = (0_u8..).zip(&self.0).min_by_key(|(_, like)| cost(like));
        let Some((index, [like_upper, like_lower])) = nearest else { return };
        let (upper, lower) = (form(upper, *like_upper), form(lower, *like_lower));
        octets.push(index << 4 | upper.code() << 2 | lower.code());
        upper.put(octets);
        lower.put(octets);
        self.remember(halves);
    }

    fn take(&mut self, reader: &mut Reader<'_>) -> Option<Ipv6Addr> {
        let tag = reader.u8()?;
        let [upper, lower] = *self.0.get(usize::from(tag >> 4))?;
        let upper = take_half(reader, tag >> 2 & 3, upper)?;
        let lower = take_half(reader, tag & 3, lower)?;
        self.remember([upper, lower]);
        Some(Ipv6Addr::from_bits(
            u128::from(u64::from_be_bytes(upper)) << 64 | u128::from(u64::from_be_bytes(lower)),
        ))
    }
}

fn split(address: Ipv6Addr) -> [Half; 2] {
    let [a, b, c, d, e, f, g, h, rest @ ..] = address.octets();
    [[a, b, c, d, e, f, g, h], rest]
}

/// How a half is written.
enum Form {
    Same,
    Partly { mask: u8, octets: Half },
    Wholly(Half),
}

fn form(half: Half, like: Half) -> Form {
    let mask = half.iter().zip(like).fold(0, |mask: u8, (octet, like)| mask << 1 | u8::from(*octet != like));
    match mask.count_ones() {
        0 => Form::Same,
        1..=6 => Form::Partly { mask, octets: half },
        _ => Form::Wholly(half),
    }
}

impl Form {
    const fn code(&self) -> u8 {
        match self {
            Self::Same => SAME,
            Self::Partly { .. } => PARTLY,
            Self::Wholly(_) => WHOLLY,
        }
    }

    const fn cost(&self) -> u32 {
        match self {
            Self::Same => 0,
            Self::Partly { mask, .. } => 1 + mask.count_ones(),
            Self::Wholly(_) => 8,
        }
    }

    fn put(&self, out: &mut Vec<u8>) {
        match self {
            Self::Same => {}
            Self::Partly { mask, octets } => {
                out.push(*mask);
                out.extend(
                    octets.iter().zip(0..8).filter(|(_, place)| is_set(*mask, *place)).map(|(o, _)| o),
                );
            }
            Self::Wholly(octets) => out.extend(octets),
        }
    }
}

const fn is_set(mask: u8, place: u8) -> bool {
    mask & (0x80 >> place) != 0
}

fn take_half(reader: &mut Reader<'_>, code: u8, mut half: Half) -> Option<Half> {
    match code {
        SAME => Some(half),
        PARTLY => {
            let mask = reader.u8()?;
            for (octet, _) in half.iter_mut().zip(0..8).filter(|(_, place)| is_set(mask, *place)) {
                *octet = reader.u8()?;
            }
            Some(half)
        }
        WHOLLY => reader.array(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex;
    use proptest::prelude::*;

    fn address(text: &str) -> Ipv6Addr {
        text.parse().unwrap()
    }

    fn direct(to: &str, source: Option<&str>) -> Back {
        let (to, source) = (address(to), source.map(address));
        Back { xid: None, interface: 3, source, to, port: 546, levels: Vec::new(), asked: Asked::default() }
    }

    fn level(place: u8, link: &str, peer: &str, interface_id: Option<&[u8]>) -> Level {
        Level {
            hop_count: place,
            link_address: address(link),
            peer_address: address(peer),
            interface_id: interface_id.map(<[u8]>::to_vec),
            relay_port: None,
        }
    }

    fn relayed(to: &str, source: &str, levels: Vec<Level>) -> Back {
        let (to, source) = (address(to), Some(address(source)));
        Back { xid: None, interface: 0, source, to, port: 547, levels, asked: Asked::default() }
    }

    /// The octets, after a look at whether they read back.
    fn encoded(back: &Back) -> Vec<u8> {
        let octets = back.encode().unwrap();
        assert_eq!(Back::decode(&octets).as_ref(), Some(back), "{}", hex(&octets));
        octets
    }

    #[test]
    fn the_octets_of_a_direct_way_stay_what_they_are() {
        // Written by this version and read by another front: a change of these is another version.
        assert_eq!(hex(&encoded(&direct("fe80::5eff:fe10:1", None))), "10020321255e1001");
        let asked = direct("2001:db8:5::9", Some("2001:db8:100::1"));
        assert_eq!(hex(&encoded(&asked)), "100a0305f420010db8050109350c01000101");
    }

    #[test]
    fn what_a_query_asks_for_travels_along_without_an_octet_more_s46_46() {
        for (br, bind_prefix, octets) in [
            (true, false, "10120321255e1001"),
            (false, true, "10220321255e1001"),
            (true, true, "10320321255e1001"),
        ] {
            let asked = Asked { br, bind_prefix };
            assert_eq!(hex(&encoded(&Back { asked, ..direct("fe80::5eff:fe10:1", None) })), octets);
        }
    }

    #[test]
    fn two_relay_agents_with_addresses_by_hand_take_fewer_than_60_octets() {
        let back = relayed(
            "2001:db8:200::2",
            "2001:db8:100::1",
            vec![
                level(1, "2001:db8:10:1::2", "2001:db8:10:1::1", None),
                level(0, "2001:db8:20:5::1", "fe80::5eff:fe10:1", Some(b"eth0.123")),
            ],
        );
        assert!(encoded(&back).len() < 60, "{}", encoded(&back).len());
    }

    #[test]
    fn two_relay_agents_with_random_addresses_leave_20_octets_of_100_for_a_client_id() {
        let back = relayed(
            "2001:db8:a1b2:c3d4:1b5f:90d3:77a1:4e26",
            "2001:db8:100::1",
            vec![
                // A relay agent between routable addresses names no link (RFC 8415 §19.1.2).
                level(1, "::", "2001:db8:b1c2:d3e4:8f03:55ab:91c7:2d48", None),
                level(
                    0,
                    "2001:db8:c1d2:e3f4:36be:70f1:ab42:c951",
                    "fe80::91ab:73c5:1be7:4d02",
                    Some(b"ge-0"),
                ),
            ],
        );
        let octets = encoded(&back);
        assert!(octets.len() + 1 + 19 <= 100, "{}", octets.len());
    }

    #[test]
    fn a_long_interface_id_is_an_error_and_not_cut_off() {
        let with =
            |len| relayed("2001:db8::1", "2001:db8::2", vec![level(0, "::", "::", Some(&vec![7; len]))]);
        encoded(&with(0));
        encoded(&with(255));
        assert_eq!(with(256).encode(), Err(TooLong));
    }

    #[test]
    fn as_many_levels_as_a_parser_follows() {
        let with = |count: u8| {
            let levels = (0..count).rev().map(|n| level(n, "2001:db8::7", "fe80::9", Some(b"x"))).collect();
            relayed("2001:db8::1", "2001:db8::2", levels)
        };
        encoded(&with(9));
        assert_eq!(with(10).encode(), Err(TooLong));
    }

    #[test]
    fn another_version_unknown_flags_and_leftovers_are_refused() {
        let octets = encoded(&direct("2001:db8:5::9", Some("2001:db8:100::1")));
        for version in [0, 2, 15] {
            let mut other = octets.clone();
            other[0] = version << 4 | other[0] & 0x0f;
            assert_eq!(Back::decode(&other), None);
        }
        for flags in 0x40..=0xff {
            let mut other = octets.clone();
            other[1] = flags;
            assert_eq!(Back::decode(&other), None);
        }
        assert_eq!(Back::decode(&[&octets[..], &[0]].concat()), None);
        for end in 0..octets.len() {
            assert_eq!(Back::decode(&octets[..end]), None, "{end}");
        }
    }

    #[test]
    fn no_way_leads_to_a_group_or_to_nowhere() {
        for to in ["::", "ff02::1:2"] {
            assert_eq!(Back::decode(&direct(to, None).encode().unwrap()), None);
            let octets = direct("2001:db8::1", Some(to)).encode().unwrap();
            assert_eq!(Back::decode(&octets), None);
        }
    }

    fn addresses() -> impl Strategy<Value = Ipv6Addr> {
        let near = (0_u8..4, 0_u128..1024).prop_map(|(net, host)| {
            let net = ["2001:db8::", "fe80::", "fe80::ff:fe00:0", "2001:db8:1::"][usize::from(net)];
            Ipv6Addr::from_bits(address(net).to_bits() | host)
        });
        prop_oneof![near, any::<u128>().prop_map(Ipv6Addr::from_bits)]
    }

    fn levels() -> impl Strategy<Value = Vec<Level>> {
        let id = proptest::option::of(proptest::collection::vec(any::<u8>(), 0..20));
        let level = (0_u8..10, addresses(), addresses(), id, any::<Option<u16>>());
        let level = level.prop_map(|(hop_count, link_address, peer_address, interface_id, relay_port)| {
            Level { hop_count, link_address, peer_address, interface_id, relay_port }
        });
        proptest::collection::vec(level, 0..=9)
    }

    fn unicast(address: &Ipv6Addr) -> bool {
        !address.is_multicast() && !address.is_unspecified()
    }

    proptest! {
        #[test]
        fn every_way_reads_back_whole(
            xid in any::<Option<[u8; 3]>>(),
            interface in prop_oneof![0_u32..300, any::<u32>()],
            source in proptest::option::of(addresses().prop_filter("unicast", unicast)),
            to in addresses().prop_filter("unicast", unicast),
            port in prop_oneof![Just(546_u16), Just(547), any::<u16>()],
            levels in levels(),
            (br, bind_prefix) in any::<(bool, bool)>(),
        ) {
            let asked = Asked { br, bind_prefix };
            let back = Back { xid: xid.map(Xid6), interface, source, to, port, levels, asked };
            let octets = back.encode().unwrap();
            prop_assert_eq!(Back::decode(&octets), Some(back));
            for end in 0..octets.len() {
                prop_assert_eq!(Back::decode(&octets[..end]), None);
            }
        }

        #[test]
        fn any_octets_are_a_way_or_not_and_never_more_than_they_are(
            octets in proptest::collection::vec(any::<u8>(), 0..200),
            version in any::<bool>(),
        ) {
            let mut octets = octets;
            if let Some(first) = octets.first_mut().filter(|_| version) {
                *first = (VERSION << 4) | (*first % 10);
            }
            if let Some(back) = Back::decode(&octets) {
                let again = back.encode().unwrap();
                prop_assert!(again.len() <= octets.len());
                prop_assert_eq!(Back::decode(&again), Some(back));
            }
        }
    }
}
