//! Options of softwires (RFC 7598, RFC 8026, RFC 8539, RFC 7618) and the port sets of shared addresses.
//!
//! Each function takes an option's value and gives `None` when it is unusable; the option then counts as absent.

use super::reader::Reader;
use super::v6::Options;
use super::v6_option::OptionCode;
use super::writer::Writer;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;

/// An IPv6 prefix with host bits zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Prefix6 {
    /// Host bits zero.
    pub prefix: Ipv6Addr,
    /// 0 to 128.
    pub len: u8,
}

impl Prefix6 {
    /// Length (1), then as many octets as the length needs. `None` above 128 or when octets are missing. Bits beyond
    /// the length mean nothing.
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let len = reader.u8().filter(|len| *len <= 128)?;
        let significant = reader.take(usize::from(len.div_ceil(8)))?;
        let mut octets = [0; 16];
        octets.get_mut(..significant.len())?.copy_from_slice(significant);
        let host_bits = 128_u32.checked_sub(u32::from(len))?;
        let bits = u128::from_be_bytes(octets) & u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { prefix: Ipv6Addr::from(bits), len })
    }
}

/// S46_BR (RFC 7598 §4.2): the border relay, a global unicast address.
pub fn border_relay(value: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = value.try_into().ok()?;
    Some(Ipv6Addr::from(octets)).filter(|address| crate::settings::is_routable(*address))
}

/// S46_BIND_IPV6_PREFIX (RFC 8539 §4.1): length (1), prefix in as many octets as the length needs and no more.
pub fn bind_prefix(value: &[u8]) -> Option<Prefix6> {
    let mut reader = Reader::new(value);
    Prefix6::read(&mut reader).filter(|_| reader.is_empty())
}

/// Writes what [`bind_prefix`] reads.
pub fn emit_bind_prefix(w: &mut Writer, prefix: crate::prefix::Prefix6) {
    let significant = usize::from(prefix.length().div_ceil(8));
    w.u8(prefix.length());
    for octet in prefix.address().octets().iter().take(significant) {
        w.u8(*octet);
    }
}

/// S46_PRIORITY (RFC 8026 §1.4): mechanisms by their option codes, preferred first. Codes that name none are left
/// out. `None` when empty, of an odd length, or when a code stands twice.
pub fn priority(value: &[u8]) -> Option<Vec<OptionCode>> {
    const MECHANISMS: [OptionCode; 5] = [
        OptionCode::AFTR_NAME,
        OptionCode::DHCP4_O_DHCP6_SERVER,
        OptionCode::S46_CONT_MAPE,
        OptionCode::S46_CONT_MAPT,
        OptionCode::S46_CONT_LW,
    ];
    let (codes, rest) = value.as_chunks::<2>();
    if !rest.is_empty() || codes.is_empty() {
        return None;
    }
    let mut seen = BTreeSet::new();
    let codes: Vec<_> = codes.iter().map(|octets| OptionCode(u16::from_be_bytes(*octets))).collect();
    codes
        .iter()
        .all(|code| seen.insert(*code))
        .then(|| codes.into_iter().filter(|code| MECHANISMS.contains(code)).collect())
}

/// S46_V4V6BIND (RFC 7598 §4.4): IPv4 address (4), length (1), prefix, and the port set in an option inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The IPv4 address.
    pub ipv4: Ipv4Addr,
    /// The tunnel's end is in it.
    pub prefix: Prefix6,
    /// `None` when the whole address is ours.
    pub ports: Option<PortSet>,
}

impl Binding {
    /// The value of the option. `None` also when the port set in it is unusable: a shared address is never taken for
    /// a whole one.
    pub fn parse(value: &[u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        let (ipv4, prefix) = (reader.ipv4()?, Prefix6::read(&mut reader)?);
        let options = Options::parse(reader.rest()).ok()?;
        let ports = match options.first(OptionCode::S46_PORTPARAMS) {
            Some(value) => Some(PortSet::parse(value)?),
            None => None,
        };
        Some(Self { ipv4, prefix, ports })
    }
}

/// DHCP4O6_S46_SADDR (DHCPv4 option 109, RFC 8539 §4.2): the tunnel's IPv6 source.
pub fn tunnel_source(value: &[u8]) -> Option<Ipv6Addr> {
    let octets: [u8; 16] = value.try_into().ok()?;
    Some(Ipv6Addr::from(octets))
}

/// The tunnel source of lw4o6 (RFC 7596 §5.1, RFC 7597 §6): 64 bits of `prefix`, 16 zero, IPv4 address, port set id.
pub fn lw4o6_source(prefix: Ipv6Addr, ipv4: Ipv4Addr, psid: u16) -> Ipv6Addr {
    let [one, two, three, four, ..] = prefix.segments();
    let [a, b, c, d] = ipv4.octets();
    Ipv6Addr::new(one, two, three, four, 0, u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]), psid)
}

/// Ports of a shared IPv4 address (RFC 7597 §5.1), as in S46_PORTPARAMS and DHCPv4 option 159.
///
/// ```text
/// port: | a bits, not all zero when a > 0 | k bits: port set id | m bits |      a + k + m = 16
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortSet {
    offset: u8,
    psid_len: u8,
    psid: u16,
}

impl PortSet {
    /// A set with `offset` (a, 0 to 15), `psid_len` (k) and `psid`. `None` unless a + k <= 16 and `psid` has at most
    /// k bits.
    pub fn new(offset: u8, psid_len: u8, psid: u16) -> Option<Self> {
        let fits = offset <= 15 && offset.checked_add(psid_len)? <= 16;
        let free = u16::BITS.checked_sub(u32::from(psid_len))?;
        let mask = u16::MAX.checked_shr(free).unwrap_or(0);
        (fits && psid & !mask == 0).then_some(Self { offset, psid_len, psid })
    }

    /// Offset (1), length of the port set id (1), port set id (2, left-justified; what follows it means nothing).
    pub fn parse(value: &[u8]) -> Option<Self> {
        let [offset, psid_len, high, low]: [u8; 4] = value.try_into().ok()?;
        let free = u16::BITS.checked_sub(u32::from(psid_len))?;
        let psid = u16::from_be_bytes([high, low]).checked_shr(free).unwrap_or(0);
        Self::new(offset, psid_len, psid)
    }

    /// The four octets of the option.
    pub fn emit(self) -> [u8; 4] {
        let free = u16::BITS.saturating_sub(u32::from(self.psid_len));
        let [high, low] = self.psid.checked_shl(free).unwrap_or(0).to_be_bytes();
        [self.offset, self.psid_len, high, low]
    }

    /// a: ports below 2^(16-a) belong to nobody when this is not 0.
    pub const fn offset(self) -> u8 {
        self.offset
    }

    /// k: the address is shared by 2^k subscribers.
    pub const fn psid_len(self) -> u8 {
        self.psid_len
    }

    /// The port set id, right-justified.
    pub const fn psid(self) -> u16 {
        self.psid
    }

    /// Bits of a port after the port set id (m).
    fn tail(self) -> u32 {
        u16::BITS.saturating_sub(u32::from(self.offset)).saturating_sub(u32::from(self.psid_len))
    }

    /// True when `port` belongs to the set.
    pub fn contains(self, port: u16) -> bool {
        let head = port.checked_shr(u16::BITS.saturating_sub(u32::from(self.offset))).unwrap_or(0);
        let mask = u16::MAX.checked_shr(u16::BITS.saturating_sub(u32::from(self.psid_len))).unwrap_or(0);
        let id = port.checked_shr(self.tail()).unwrap_or(0) & mask;
        id == self.psid && (self.offset == 0 || head != 0)
    }

    /// All ports of the set, as contiguous blocks in ascending order.
    pub fn blocks(self) -> impl Iterator<Item = RangeInclusive<u16>> {
        let heads = 1_u32.checked_shl(u32::from(self.offset)).unwrap_or(1);
        let first = u32::from(self.offset != 0);
        let shift = u16::BITS.saturating_sub(u32::from(self.offset));
        let inside = u32::from(self.psid).checked_shl(self.tail()).unwrap_or(0);
        let last = 1_u32.checked_shl(self.tail()).unwrap_or(1).saturating_sub(1);
        (first..heads).filter_map(move |head| {
            let start = head.checked_shl(shift)? | inside;
            Some(u16::try_from(start).ok()?..=u16::try_from(start | last).ok()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    #[test]
    fn a_port_set_without_offset_is_one_block() {
        let set = PortSet::parse(&octets("00 08 3400")).unwrap();
        assert_eq!(set.psid(), 0x34);
        assert_eq!(set.blocks().collect::<Vec<_>>(), [13312..=13567]);
        assert_eq!(set.emit().to_vec(), octets("00 08 3400"));
    }

    #[test]
    fn a_port_set_with_offset_has_a_block_per_head_but_the_first() {
        let set = PortSet::parse(&octets("06 08 3400")).unwrap();
        let blocks: Vec<_> = set.blocks().collect();
        assert_eq!(blocks.len(), 63);
        assert_eq!(blocks[..2], [1232..=1235, 2256..=2259]);
        assert_eq!(blocks[62], 64720..=64723);
    }

    #[test]
    fn blocks_hold_exactly_the_ports_of_the_set() {
        for (offset, psid_len, psid) in
            [(0, 0, 0), (0, 16, 77), (4, 12, 5), (15, 1, 1), (6, 8, 0x34), (1, 0, 0)]
        {
            let set = PortSet::new(offset, psid_len, psid).unwrap();
            let mut inside = vec![false; 65_536];
            set.blocks().flatten().for_each(|port| inside[usize::from(port)] = true);
            for port in 0..=u16::MAX {
                assert_eq!(set.contains(port), inside[usize::from(port)], "{set:?} {port}");
            }
        }
    }

    #[test]
    fn a_port_set_that_cannot_be_is_none() {
        for bad in ["10 00 0000", "09 08 0000", "00 11 0000", "ff ff ffff", "00 08 34", "00 08 340000", ""] {
            assert_eq!(PortSet::parse(&octets(bad)), None, "{bad}");
        }
        assert_eq!(PortSet::new(0, 8, 0x100), None);
        // Bits after the port set id mean nothing.
        assert_eq!(PortSet::parse(&octets("00 08 34ff")), PortSet::new(0, 8, 0x34));
    }

    #[test]
    fn the_lw4o6_source_of_the_vector() {
        let prefix = "2001:db8:1:1::".parse().unwrap();
        let source = lw4o6_source(prefix, Ipv4Addr::new(192, 0, 2, 18), 0x34);
        assert_eq!(source, "2001:db8:1:1:0:c000:212:34".parse::<Ipv6Addr>().unwrap());
    }

    #[test]
    fn a_border_relay_is_a_global_unicast_address_c46_27() {
        let valid = octets("20010db8ffff00000000000000000001");
        assert_eq!(border_relay(&valid), Some("2001:db8:ffff::1".parse().unwrap()));
        for bad in ["::", "ff02::1", "fe80::1", "::1"] {
            let address: Ipv6Addr = bad.parse().unwrap();
            assert_eq!(border_relay(&address.octets()), None, "{bad}");
        }
        assert_eq!(border_relay(&valid[..15]), None);
    }

    #[test]
    fn a_bind_prefix_has_exactly_its_octets_c46_28() {
        let prefix = |text: &str| bind_prefix(&octets(text)).map(|bind| (bind.prefix.to_string(), bind.len));
        assert_eq!(prefix("38 20010db8000101"), Some(("2001:db8:1:100::".into(), 56)));
        assert_eq!(prefix("38 20010db80001"), None);
        assert_eq!(prefix("39 20010db8000101ff"), Some(("2001:db8:1:180::".into(), 57)));
        assert_eq!(prefix("81 20010db800010100000000000000000000"), None);
        assert_eq!(prefix("00"), Some(("::".into(), 0)));
        assert_eq!(prefix("80 20010db8000000000000000000000001").unwrap().1, 128);
        assert_eq!(prefix(""), None);
    }

    #[test]
    fn a_priority_list_names_each_mechanism_once_c6_40() {
        assert_eq!(
            priority(&octets("0058 0060")).unwrap(),
            [OptionCode::DHCP4_O_DHCP6_SERVER, OptionCode::S46_CONT_LW]
        );
        assert_eq!(priority(&octets("0058 0060 0058")), None);
        assert_eq!(priority(&octets("0001 0001 0058")), None);
        assert_eq!(priority(&octets("00")), None);
        assert_eq!(priority(&[]), None);
        assert_eq!(priority(&octets("0001 0058")).unwrap(), [OptionCode::DHCP4_O_DHCP6_SERVER]);
    }

    #[test]
    fn a_binding_reads_with_and_without_ports() {
        let whole = octets("c0000212 40 20010db800010001");
        assert_eq!(Binding::parse(&whole).unwrap().ports, None);
        let shared = octets("c0000212 40 20010db800010001 005d 0004 0008 3400");
        let binding = Binding::parse(&shared).unwrap();
        assert_eq!(binding.ipv4, Ipv4Addr::new(192, 0, 2, 18));
        assert_eq!(binding.prefix.len, 64);
        assert_eq!(binding.ports, PortSet::new(0, 8, 0x34));
        assert_eq!(Binding::parse(&octets("c0000212 40 20010db800010001 005d 0004 ff08 3400")), None);
        assert_eq!(Binding::parse(&shared[..shared.len() - 1]), None);
    }
}
