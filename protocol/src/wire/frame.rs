//! DHCPv4 on Ethernet: frames with IPv4 and UDP around a message, and ARP.
//!
//! ```text
//!  0 to (6) | 6 from (6) | 12 type 0800 or 0806
//! 14 IPv4: 45, service, length (2), id (2), fragment (2), TTL, 11, checksum (2), source (4), destination (4)
//! 34 UDP: source port (2), destination port (2), length (2), checksum (2) | 42 message
//! ```
//!
//! A frame of an interface is one without VLAN tag: tagged ones belong to the interface of that VLAN. A tag for VLAN 0
//! only says how urgent the frame is (IEEE 802.1Q §6.9) and is passed over.

use super::reader::Reader;
use super::writer::TooLong;
use crate::params::{CLIENT4_PORT, SERVER4_PORT};
use std::net::{Ipv4Addr, SocketAddrV4};

/// An Ethernet address.
pub type Mac = [u8; 6];

/// The address of everybody on the link.
pub const EVERYBODY: Mac = [0xff; 6];

const IPV4: u16 = 0x0800;
const ARP: u16 = 0x0806;
const VLAN_TAG: u16 = 0x8100;
/// The VLAN in a tag.
const VLAN: u16 = 0x0fff;
const UDP: u8 = 17;
/// More fragments follow, and where this one begins.
const MORE: u16 = 0x2000;
const OFFSET: u16 = 0x1fff;
const DO_NOT_FRAGMENT: u16 = 0x4000;
const TTL: u8 = 64;

const ETHERNET_HEADER: usize = 14;
const IPV4_HEADER: usize = 20;
const UDP_HEADER: usize = 8;
/// Octets of IPv4 and UDP headers before a message.
pub const HEADERS4: usize = IPV4_HEADER + UDP_HEADER;

/// A frame, as far as it concerns DHCPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Frame<'a> {
    /// Destination.
    pub to: Mac,
    /// Source.
    pub from: Mac,
    /// What is in it.
    pub content: Content<'a>,
}

/// What is in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Content<'a> {
    /// A datagram to UDP port 67 or 68.
    Dhcp(Datagram<'a>),
    /// ARP for IPv4.
    Arp(Arp),
    /// Anything else; not looked into.
    Other,
}

/// A UDP datagram in an IPv4 packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Datagram<'a> {
    /// Source.
    pub source: SocketAddrV4,
    /// Destination: port 67 or 68 of those that were received.
    pub destination: SocketAddrV4,
    /// UDP payload.
    pub payload: &'a [u8],
}

/// Whether an ARP packet asks or answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ArpOp {
    /// Who has the target address? Also a probe, whose sender is unspecified, and an announcement, whose sender is its
    /// target (RFC 5227 §1.1).
    Request,
    /// The sender has its address.
    Reply,
}

/// ARP for IPv4 on Ethernet (RFC 826).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arp {
    /// Question or answer.
    pub op: ArpOp,
    /// Ethernet address of the sender.
    pub sender_hardware: Mac,
    /// IPv4 address of the sender.
    pub sender: Ipv4Addr,
    /// Ethernet address of the target; means nothing in a question.
    pub target_hardware: Mac,
    /// IPv4 address of the target.
    pub target: Ipv4Addr,
}

/// Why a frame cannot be used: it is too short, a length or checksum in it is wrong, or the datagram is in parts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the frame is cut off, or a length or checksum in it is wrong, or it is a part of a packet")]
pub struct Malformed;

impl<'a> Frame<'a> {
    /// Reads a frame from its destination address on, without check sequence. Padding behind the packet is passed over.
    ///
    /// With `checksum_pending` the UDP checksum says nothing, because hardware was to fill it in; without, a checksum of
    /// zero is none (RFC 768).
    ///
    /// # Errors
    /// When it is no Ethernet frame, or what concerns DHCPv4 in it cannot be used.
    pub fn parse(octets: &'a [u8], checksum_pending: bool) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        let mut header = || Some((reader.array()?, reader.array()?, reader.u16()?));
        let (to, from, mut kind) = header().ok_or(Malformed)?;
        if kind == VLAN_TAG {
            let tag = reader.u16().ok_or(Malformed)?;
            let inside = reader.u16().ok_or(Malformed)?;
            // A second tag, or one of a VLAN that is somebody, is nobody's here.
            kind = if tag & VLAN == 0 { inside } else { VLAN_TAG };
        }
        let content = match kind {
            IPV4 => Content::ipv4(reader.rest(), checksum_pending)?,
            ARP => Content::arp(reader)?,
            _ => Content::Other,
        };
        Ok(Self { to, from, content })
    }
}

impl<'a> Content<'a> {
    fn ipv4(octets: &'a [u8], checksum_pending: bool) -> Result<Self, Malformed> {
        let packet = Packet::parse(octets).ok_or(Malformed)?;
        if packet.protocol != UDP || packet.fragment & OFFSET != 0 {
            return Ok(Self::Other);
        }
        let mut reader = Reader::new(packet.payload);
        let mut ports = || Some((reader.u16()?, reader.u16()?));
        let (from, to) = ports().ok_or(Malformed)?;
        if to != SERVER4_PORT && to != CLIENT4_PORT {
            return Ok(Self::Other);
        }
        let length = reader.u16().ok_or(Malformed)?;
        let checksum = reader.u16().ok_or(Malformed)?;
        let datagram = packet.payload.get(..usize::from(length)).ok_or(Malformed)?;
        let payload = datagram.get(UDP_HEADER..).ok_or(Malformed)?;
        let checked = checksum_pending || checksum == 0 || {
            let pseudo = pseudo_header(packet.source, packet.destination, length);
            sum(&[&pseudo, datagram]) == u16::MAX
        };
        if !checked || packet.fragment & MORE != 0 {
            return Err(Malformed);
        }
        Ok(Self::Dhcp(Datagram {
            source: SocketAddrV4::new(packet.source, from),
            destination: SocketAddrV4::new(packet.destination, to),
            payload,
        }))
    }

    fn arp(mut reader: Reader<'_>) -> Result<Self, Malformed> {
        /// Ethernet, IPv4, and the lengths of their addresses.
        const KIND: [u8; 6] = [0, 1, 0x08, 0x00, 6, 4];
        let kind = reader.array().ok_or(Malformed)?;
        let op = match reader.u16().ok_or(Malformed)? {
            1 => ArpOp::Request,
            2 => ArpOp::Reply,
            _ => return Ok(Self::Other),
        };
        if kind != KIND {
            return Ok(Self::Other);
        }
        let mut rest = || {
            Some(Arp {
                op,
                sender_hardware: reader.array()?,
                sender: reader.ipv4()?,
                target_hardware: reader.array()?,
                target: reader.ipv4()?,
            })
        };
        rest().map(Self::Arp).ok_or(Malformed)
    }
}

/// An IPv4 packet without its options and without padding.
struct Packet<'a> {
    fragment: u16,
    protocol: u8,
    source: Ipv4Addr,
    destination: Ipv4Addr,
    payload: &'a [u8],
}

impl<'a> Packet<'a> {
    fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let first = reader.u8()?;
        let header_len = usize::from(first & 0x0f).saturating_mul(4);
        reader.u8()?;
        let length = usize::from(reader.u16()?);
        reader.u16()?;
        let fragment = reader.u16()?;
        reader.u8()?;
        let protocol = reader.u8()?;
        reader.u16()?;
        let (source, destination) = (reader.ipv4()?, reader.ipv4()?);
        let (header, payload) = octets.get(..length)?.split_at_checked(header_len)?;
        let sound = first >> 4 == 4 && header_len >= IPV4_HEADER && sum(&[header]) == u16::MAX;
        sound.then_some(Self { fragment, protocol, source, destination, payload })
    }
}

impl Datagram<'_> {
    /// A frame with this datagram. Checksums are filled in; it must not be fragmented.
    ///
    /// # Errors
    /// When the payload does not fit into one IPv4 packet.
    pub fn emit(&self, to: Mac, from: Mac) -> Result<Vec<u8>, TooLong> {
        let datagram_len = self.payload.len().saturating_add(UDP_HEADER);
        let udp_length = u16::try_from(datagram_len).map_err(|_| TooLong)?;
        let length = u16::try_from(datagram_len.saturating_add(IPV4_HEADER)).map_err(|_| TooLong)?;
        let (source, destination) = (*self.source.ip(), *self.destination.ip());
        let ipv4 = |checksum| ipv4_header(length, checksum, source, destination);
        let udp = |checksum| udp_header(self.source.port(), self.destination.port(), udp_length, checksum);
        let ipv4_checksum = !sum(&[&ipv4(0)]);
        let pseudo = pseudo_header(source, destination, udp_length);
        // Zero would say that there is none (RFC 768).
        let udp_checksum = match !sum(&[&pseudo, &udp(0), self.payload]) {
            0 => u16::MAX,
            checksum => checksum,
        };
        let mut frame = ethernet(to, from, IPV4, usize::from(length));
        frame.extend_from_slice(&ipv4(ipv4_checksum));
        frame.extend_from_slice(&udp(udp_checksum));
        frame.extend_from_slice(self.payload);
        Ok(frame)
    }
}

impl Arp {
    /// A frame with this packet. A question goes to everybody, an answer to its target.
    pub fn emit(&self) -> Vec<u8> {
        let (op, to): (u8, _) = match self.op {
            ArpOp::Request => (1, EVERYBODY),
            ArpOp::Reply => (2, self.target_hardware),
        };
        let mut frame = ethernet(to, self.sender_hardware, ARP, 28);
        frame.extend([0, 1, 0x08, 0x00, 6, 4, 0, op]);
        frame.extend(self.sender_hardware);
        frame.extend(self.sender.octets());
        frame.extend(self.target_hardware);
        frame.extend(self.target.octets());
        frame
    }

    /// Asks whether anybody has the target, without claiming an address (RFC 5227 §1.1).
    pub fn is_probe(&self) -> bool {
        self.op == ArpOp::Request && self.sender.is_unspecified()
    }

    /// Says that the sender has its address, and asks nothing (RFC 5227 §1.1).
    pub fn is_announcement(&self) -> bool {
        self.sender == self.target
    }
}

/// A frame's header, with room for so many octets behind it.
fn ethernet(to: Mac, from: Mac, kind: u16, payload: usize) -> Vec<u8> {
    let mut frame = Vec::with_capacity(ETHERNET_HEADER.saturating_add(payload));
    frame.extend_from_slice(&to);
    frame.extend_from_slice(&from);
    frame.extend_from_slice(&kind.to_be_bytes());
    frame
}

fn ipv4_header(length: u16, checksum: u16, source: Ipv4Addr, destination: Ipv4Addr) -> [u8; IPV4_HEADER] {
    let [[l1, l2], [f1, f2], [c1, c2]] = [length, DO_NOT_FRAGMENT, checksum].map(u16::to_be_bytes);
    let ([s1, s2, s3, s4], [d1, d2, d3, d4]) = (source.octets(), destination.octets());
    [0x45, 0, l1, l2, 0, 0, f1, f2, TTL, UDP, c1, c2, s1, s2, s3, s4, d1, d2, d3, d4]
}

fn udp_header(source: u16, destination: u16, length: u16, checksum: u16) -> [u8; UDP_HEADER] {
    let [[s1, s2], [d1, d2], [l1, l2], [c1, c2]] =
        [source, destination, length, checksum].map(u16::to_be_bytes);
    [s1, s2, d1, d2, l1, l2, c1, c2]
}

/// What stands before a UDP datagram when its checksum is made (RFC 768).
fn pseudo_header(source: Ipv4Addr, destination: Ipv4Addr, length: u16) -> [u8; 12] {
    let ([s1, s2, s3, s4], [d1, d2, d3, d4]) = (source.octets(), destination.octets());
    let [l1, l2] = length.to_be_bytes();
    [s1, s2, s3, s4, d1, d2, d3, d4, 0, UDP, l1, l2]
}

/// The ones' complement sum of 16-bit words (RFC 1071); all parts but the last have an even number of octets. All bits
/// are set if a right checksum is among them.
fn sum(parts: &[&[u8]]) -> u16 {
    let mut total = 0_u64;
    for part in parts {
        let (words, odd) = part.as_chunks::<2>();
        // Of no packet there are so many that 32 bits overflow.
        let words =
            words.iter().fold(0_u32, |sum, word| sum.wrapping_add(u32::from(u16::from_be_bytes(*word))));
        let odd = odd.first().map_or(0, |octet| u64::from(*octet) << 8);
        total = total.wrapping_add(words.into()).wrapping_add(odd);
    }
    // What overflows a word is added to it again: no packet is so long that three times were not enough.
    for _ in 0..3 {
        total = (total & 0xffff).wrapping_add(total >> 16);
    }
    u16::try_from(total).unwrap_or(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{hex, hex_decode};

    const CLIENT: Mac = [2, 0, 0x5e, 0x10, 0, 0xbb];
    const AGENT: Mac = [2, 0, 0x5e, 0x10, 0, 0xaa];

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
    }

    /// As UDP to port 67, made by hand: payload `01020304 05`.
    const DATAGRAM: &str = "ffffffffffff 02005e1000bb 0800
        45 00 0021 0000 4000 40 11 3acd 00000000 ffffffff  0044 0043 000d f647  0102030405";

    fn datagram(payload: &[u8]) -> Datagram<'_> {
        Datagram {
            source: "0.0.0.0:68".parse().unwrap(),
            destination: "255.255.255.255:67".parse().unwrap(),
            payload,
        }
    }

    fn parse(octets: &[u8]) -> Result<Content<'_>, Malformed> {
        Frame::parse(octets, false).map(|frame| frame.content)
    }

    /// The frame of [`DATAGRAM`] with other octets at a place, and the IPv4 checksum made good.
    fn with(at: usize, value: &[u8]) -> Vec<u8> {
        let mut frame = octets(DATAGRAM);
        frame[at..at + value.len()].copy_from_slice(value);
        let header_len = usize::from(frame[14] & 0x0f) * 4;
        frame[24..26].fill(0);
        let header = frame.get(14..14 + header_len).unwrap_or_default();
        let checksum = !sum(&[header]);
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
        frame
    }

    #[test]
    fn a_frame_made_by_hand_reads_and_writes() {
        let frame = octets(DATAGRAM);
        let payload = [1, 2, 3, 4, 5];
        let expected = Frame { to: EVERYBODY, from: CLIENT, content: Content::Dhcp(datagram(&payload)) };
        assert_eq!(Frame::parse(&frame, false), Ok(expected));
        assert_eq!(hex(&datagram(&payload).emit(EVERYBODY, CLIENT).unwrap()), hex(&frame));
    }

    #[test]
    fn a_captured_frame_reads_with_its_own_checksums() {
        // The DISCOVER of udhcpc 1.35 on a TAP device.
        let mut frame = octets(
            "ffffffffffff 02005e1000bb 0800  4500 0148 0000 0000 40 11 79a6 00000000 ffffffff  0044 0043 0134 5ca1
             01010600acd00339000000000000000000000000000000000000000002005e1000bb",
        );
        frame.resize(42 + 236, 0);
        frame.extend(octets(
            "638253633501013902024037070103060c0f1c2a3c0c756468637020312e33352e303d070102005e1000bbff",
        ));
        frame.resize(342, 0);
        let expected = Content::Dhcp(datagram(&frame[42..]));
        assert_eq!(parse(&frame), Ok(expected));
    }

    #[test]
    fn padding_behind_the_packet_is_passed_over() {
        let mut frame = octets(DATAGRAM);
        frame.resize(64, 0xee);
        assert_eq!(parse(&frame), Ok(Content::Dhcp(datagram(&[1, 2, 3, 4, 5]))));
        // The datagram may be shorter than its packet, too.
        let mut frame = with(17, &[0x25]);
        frame.extend([0; 4]);
        assert!(matches!(parse(&frame), Ok(Content::Dhcp(inside)) if inside.payload.len() == 5));
    }

    #[test]
    fn every_prefix_is_malformed() {
        let frame = octets(DATAGRAM);
        for end in 0..frame.len() {
            assert_eq!(parse(&frame[..end]), Err(Malformed), "{end}");
        }
    }

    #[test]
    fn each_wrong_length_and_checksum_is_malformed() {
        let mut checksum = octets(DATAGRAM);
        checksum[24] ^= 1;
        let mut payload = octets(DATAGRAM);
        payload[42] ^= 1;
        for (frame, why) in [
            (checksum, "IPv4 checksum"),
            (payload, "UDP checksum"),
            (with(14, &[0x65]), "version"),
            (with(14, &[0x44]), "header length below 20"),
            (with(14, &[0x4f]), "header length beyond the packet"),
            (with(16, &[0, 19]), "total length below the header"),
            (with(16, &[0, 0x22]), "total length beyond the frame"),
            (with(16, &[0, 30]), "no room for a UDP header"),
            (with(38, &[0, 7]), "UDP length below its header"),
            (with(38, &[0, 0]), "UDP length zero"),
            (with(38, &[0, 14]), "UDP length beyond the packet"),
            (with(20, &[0x20, 0]), "first fragment"),
        ] {
            assert_eq!(parse(&frame), Err(Malformed), "{why}");
        }
    }

    #[test]
    fn a_missing_or_pending_udp_checksum_is_not_looked_at() {
        assert!(matches!(parse(&with(40, &[0, 0])), Ok(Content::Dhcp(_))));
        let undone = with(40, &[0x12, 0x34]);
        assert_eq!(parse(&undone), Err(Malformed));
        assert!(matches!(Frame::parse(&undone, true).unwrap().content, Content::Dhcp(_)));
        let mut broken = undone;
        broken[24] ^= 1;
        assert_eq!(Frame::parse(&broken, true), Err(Malformed), "the IPv4 header is never left to hardware");
    }

    #[test]
    fn options_of_ipv4_are_passed_over() {
        let mut frame = with(14, &[0x46]);
        frame.splice(34..34, [1, 1, 1, 0]);
        frame[16..18].copy_from_slice(&[0, 0x25]);
        frame[24..26].fill(0);
        let checksum = !sum(&[&frame[14..38]]);
        frame[24..26].copy_from_slice(&checksum.to_be_bytes());
        assert_eq!(parse(&frame), Ok(Content::Dhcp(datagram(&[1, 2, 3, 4, 5]))));
    }

    #[test]
    fn what_is_not_dhcp_is_not_looked_into() {
        for (frame, why) in [
            (with(12, &[0x86, 0xdd]), "IPv6"),
            (with(12, &[0x00, 0x40]), "a length, IEEE 802.3"),
            (with(23, &[6]), "TCP"),
            (with(36, &[0, 53]), "another port"),
            (with(20, &[0x00, 0x01]), "a later fragment"),
        ] {
            assert_eq!(parse(&frame), Ok(Content::Other), "{why}");
        }
    }

    #[test]
    fn a_tag_of_a_vlan_makes_it_somebody_elses_frame() {
        let tagged = |tags: &str| {
            let mut frame = octets(DATAGRAM);
            frame.splice(12..12, octets(tags));
            frame
        };
        assert_eq!(parse(&tagged("8100 a000")), Ok(Content::Dhcp(datagram(&[1, 2, 3, 4, 5]))));
        assert_eq!(parse(&tagged("8100 0007")), Ok(Content::Other));
        assert_eq!(parse(&tagged("8100 e000 8100 0007")), Ok(Content::Other));
        assert_eq!(parse(&tagged("88a8 0000")), Ok(Content::Other));
    }

    #[test]
    fn a_checksum_that_comes_out_as_zero_is_sent_as_ffff() {
        let checksum = |n: u16| {
            let payload = n.to_be_bytes();
            let frame = datagram(&payload).emit(EVERYBODY, CLIENT).unwrap();
            assert!(matches!(parse(&frame), Ok(Content::Dhcp(_))), "{n}");
            u16::from_be_bytes([frame[40], frame[41]])
        };
        let all: std::collections::BTreeSet<_> = (0..=u16::MAX).map(checksum).collect();
        assert!(!all.contains(&0) && all.contains(&u16::MAX));
    }

    #[test]
    fn a_message_of_any_length_reads_back_and_one_too_long_is_not_written() {
        for length in [0, 1, 2, 300, 1471, 1472, 65_506, 65_507] {
            let payload = vec![0xff; length];
            let frame = datagram(&payload).emit(CLIENT, AGENT).unwrap();
            assert_eq!(frame.len(), length + 42);
            assert_eq!(parse(&frame), Ok(Content::Dhcp(datagram(&payload))), "{length}");
        }
        assert_eq!(datagram(&vec![0; 65_508]).emit(CLIENT, AGENT), Err(TooLong));
    }

    #[test]
    fn arp_reads_and_writes() {
        let question = octets(
            "ffffffffffff 02005e1000bb 0806
             0001 0800 06 04 0001  02005e1000bb c000026b  000000000000 c0000201",
        );
        let Ok(Content::Arp(arp)) = parse(&question) else { panic!("{:?}", parse(&question)) };
        assert_eq!((arp.op, arp.sender_hardware), (ArpOp::Request, CLIENT));
        assert_eq!(
            (arp.sender.to_string(), arp.target.to_string()),
            ("192.0.2.107".into(), "192.0.2.1".into())
        );
        assert!(!arp.is_probe() && !arp.is_announcement());
        assert_eq!(arp.emit(), question);
        let answer = Arp {
            op: ArpOp::Reply,
            sender_hardware: AGENT,
            sender: arp.target,
            target_hardware: CLIENT,
            target: arp.sender,
        };
        let expected = octets(
            "02005e1000bb 02005e1000aa 0806
             0001 0800 06 04 0002  02005e1000aa c0000201  02005e1000bb c000026b",
        );
        assert_eq!(hex(&answer.emit()), hex(&expected));
        let mut padded = expected;
        padded.resize(60, 0);
        assert_eq!(parse(&padded), Ok(Content::Arp(answer)));
    }

    #[test]
    fn arp_of_other_kinds_is_not_looked_into_and_a_short_one_malformed() {
        let arp = |text: &str| octets(&format!("ffffffffffff 02005e1000bb 0806 {text}"));
        let addresses = "02005e1000bb c000026b 000000000000 c0000201";
        for other in
            ["0006 0800 06 04 0001", "0001 86dd 06 04 0001", "0001 0800 08 04 0001", "0001 0800 06 04 0003"]
        {
            assert_eq!(parse(&arp(&format!("{other} {addresses}"))), Ok(Content::Other), "{other}");
        }
        let whole = arp(&format!("0001 0800 06 04 0001 {addresses}"));
        for end in 14..whole.len() {
            assert_eq!(parse(&whole[..end]), Err(Malformed), "{end}");
        }
    }
}
