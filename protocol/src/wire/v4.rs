//! BOOTP/DHCPv4 messages (RFC 2131 §2) without IP and UDP headers.
//!
//! ```text
//!   0 op | 1 htype | 2 hlen | 3 hops | 4 xid (4) | 8 secs (2) | 10 flags (2) | 12 ciaddr | 16 yiaddr | 20 siaddr
//!  24 giaddr | 28 chaddr (16) | 44 sname (64) | 108 file (128) | 236 cookie 63825363 | 240 options
//! ```

use super::reader::Reader;
use super::writer::{TooLong, Writer};
use crate::ids::Xid4;
use crate::params::{MIN_HEADER4, MIN_MESSAGE4};
use std::borrow::Cow;
use std::net::Ipv4Addr;

/// `op` of a message to a server.
pub const BOOTREQUEST: u8 = 1;
/// `op` of a message to a client.
pub const BOOTREPLY: u8 = 2;
/// Marks DHCP options, RFC 2131 §3.
pub const COOKIE: [u8; 4] = [0x63, 0x82, 0x53, 0x63];
/// The broadcast bit of `flags`.
pub const BROADCAST: u16 = 0x8000;

/// Option codes (RFC 2132 and later).
#[allow(missing_docs, reason = "the names are those of the IANA registry")]
pub mod code {
    pub const PAD: u8 = 0;
    pub const SUBNET_MASK: u8 = 1;
    pub const ROUTER: u8 = 3;
    pub const DNS_SERVERS: u8 = 6;
    pub const HOST_NAME: u8 = 12;
    pub const DOMAIN_NAME: u8 = 15;
    pub const MTU: u8 = 26;
    pub const BROADCAST_ADDRESS: u8 = 28;
    pub const STATIC_ROUTES: u8 = 33;
    pub const NTP_SERVERS: u8 = 42;
    pub const REQUESTED_ADDRESS: u8 = 50;
    pub const LEASE_TIME: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const MESSAGE_TYPE: u8 = 53;
    pub const SERVER_ID: u8 = 54;
    pub const PARAMETER_REQUEST: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const MAX_MESSAGE_SIZE: u8 = 57;
    pub const RENEWAL_TIME: u8 = 58;
    pub const REBINDING_TIME: u8 = 59;
    pub const VENDOR_CLASS: u8 = 60;
    pub const CLIENT_ID: u8 = 61;
    pub const RAPID_COMMIT: u8 = 80;
    pub const RELAY_AGENT: u8 = 82;
    pub const IPV6_ONLY_PREFERRED: u8 = 108;
    pub const S46_SOURCE: u8 = 109;
    pub const SUBNET_SELECTION: u8 = 118;
    pub const DOMAIN_SEARCH: u8 = 119;
    pub const CLASSLESS_ROUTES: u8 = 121;
    pub const PORT_PARAMS: u8 = 159;
    pub const END: u8 = 255;
}

/// Value of option 53. Unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

#[allow(missing_docs, reason = "the names are those of RFC 2131")]
impl MessageType {
    pub const DISCOVER: Self = Self(1);
    pub const OFFER: Self = Self(2);
    pub const REQUEST: Self = Self(3);
    pub const DECLINE: Self = Self(4);
    pub const ACK: Self = Self(5);
    pub const NAK: Self = Self(6);
    pub const RELEASE: Self = Self(7);
    pub const INFORM: Self = Self(8);
}

impl std::fmt::Debug for MessageType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match *self {
            Self::DISCOVER => "DISCOVER",
            Self::OFFER => "OFFER",
            Self::REQUEST => "REQUEST",
            Self::DECLINE => "DECLINE",
            Self::ACK => "ACK",
            Self::NAK => "NAK",
            Self::RELEASE => "RELEASE",
            Self::INFORM => "INFORM",
            Self(other) => return write!(f, "type {other}"),
        })
    }
}

impl std::fmt::Display for MessageType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Why octets are not a DHCPv4 message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Less than 240 octets.
    #[error("shorter than 240 octets")]
    Short,
    /// The four octets before the options are wrong.
    #[error("the cookie is wrong")]
    Cookie,
    /// `hlen` is above 16.
    #[error("hlen {0} is above 16")]
    HardwareLength(u8),
    /// An option runs past the end of its area.
    #[error("option {0} runs past the end of its area")]
    Overrun(u8),
    /// Option 53 does not have one octet.
    #[error("the message type does not have one octet")]
    MessageType,
}

/// A parsed message. Its options are in reading order: options field, then `file` and `sname` if overloaded.
#[derive(Clone, Debug)]
pub struct Message<'a> {
    /// 1 to servers, 2 to clients.
    pub op: u8,
    /// Hardware type.
    pub htype: u8,
    /// 0 to 16.
    pub hlen: u8,
    /// Relay agents passed.
    pub hops: u8,
    /// Transaction id.
    pub xid: Xid4,
    /// Seconds since the client began.
    pub secs: u16,
    /// Broadcast bit and bits that mean nothing.
    pub flags: u16,
    /// The client's address, if it has one.
    pub ciaddr: Ipv4Addr,
    /// The address for the client.
    pub yiaddr: Ipv4Addr,
    /// Next server; unused.
    pub siaddr: Ipv4Addr,
    /// Relay agent.
    pub giaddr: Ipv4Addr,
    /// Hardware address, `hlen` octets of it.
    pub chaddr: [u8; 16],
    /// As received.
    pub sname: &'a [u8],
    /// As received.
    pub file: &'a [u8],
    /// Option 52 had a value other than 1, 2 and 3 and was taken as absent.
    pub bad_overload: bool,
    /// Each code once, joined, in the order of first appearance.
    options: Vec<(u8, Cow<'a, [u8]>)>,
}

impl<'a> Message<'a> {
    /// Reads the fixed part and frames all options. A missing End at the end of the options field is tolerated,
    /// what follows an End is ignored (RFC 2131 §4.1).
    ///
    /// # Errors
    /// When the message is too short or its framing is broken.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        if octets.len() < MIN_HEADER4 {
            return Err(Malformed::Short);
        }
        let mut reader = Reader::new(octets);
        let mut message = Self::parse_fixed(&mut reader).ok_or(Malformed::Short)?;
        if reader.array() != Some(COOKIE) {
            return Err(Malformed::Cookie);
        }
        if message.hlen > 16 {
            return Err(Malformed::HardwareLength(message.hlen));
        }
        let mut places = [None; 256];
        message.read_area(reader.rest(), &mut places)?;
        let overloaded: &[&'a [u8]] = match message.option(code::OVERLOAD).as_deref() {
            None => &[],
            Some([1]) => &[message.file],
            Some([2]) => &[message.sname],
            Some([3]) => &[message.file, message.sname],
            Some(_) => {
                message.bad_overload = true;
                &[]
            }
        };
        // What an overloaded area says of overloading means nothing: a place without an entry swallows it.
        if let Some(place) = places.get_mut(usize::from(code::OVERLOAD)) {
            *place = Some(usize::MAX);
        }
        for area in overloaded {
            message.read_area(area, &mut places)?;
        }
        if message.option(code::MESSAGE_TYPE).is_some_and(|value| value.len() != 1) {
            return Err(Malformed::MessageType);
        }
        Ok(message)
    }

    fn parse_fixed(reader: &mut Reader<'a>) -> Option<Self> {
        Some(Self {
            op: reader.u8()?,
            htype: reader.u8()?,
            hlen: reader.u8()?,
            hops: reader.u8()?,
            xid: Xid4(reader.u32()?),
            secs: reader.u16()?,
            flags: reader.u16()?,
            ciaddr: reader.ipv4()?,
            yiaddr: reader.ipv4()?,
            siaddr: reader.ipv4()?,
            giaddr: reader.ipv4()?,
            chaddr: reader.array()?,
            sname: reader.take(64)?,
            file: reader.take(128)?,
            bad_overload: false,
            options: Vec::new(),
        })
    }

    /// `places` says for each code where its value stands in `options`, so that joining takes one pass.
    fn read_area(&mut self, area: &'a [u8], places: &mut [Option<usize>; 256]) -> Result<(), Malformed> {
        let mut reader = Reader::new(area);
        while let Some(code) = reader.u8() {
            if code == code::PAD {
                continue;
            }
            if code == code::END {
                break;
            }
            let length = reader.u8().ok_or(Malformed::Overrun(code))?;
            let value = reader.take(usize::from(length)).ok_or(Malformed::Overrun(code))?;
            let Some(place) = places.get_mut(usize::from(code)) else { continue };
            match *place {
                None => {
                    *place = Some(self.options.len());
                    self.options.push((code, Cow::Borrowed(value)));
                }
                Some(at) => {
                    if let Some((_, whole)) = self.options.get_mut(at) {
                        whole.to_mut().extend_from_slice(value);
                    }
                }
            }
        }
        Ok(())
    }

    /// The value of an option: all its instances joined in reading order (RFC 3396 §7).
    pub fn option(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        self.options.iter().find(|(c, _)| *c == code).map(|(_, value)| value.clone())
    }

    /// Every option once, joined, in the order of first appearance.
    pub fn options(&self) -> impl Iterator<Item = (u8, Cow<'a, [u8]>)> {
        self.options.iter().map(|(code, value)| (*code, value.clone()))
    }

    /// Option 53.
    pub fn kind(&self) -> Option<MessageType> {
        self.option(code::MESSAGE_TYPE).and_then(|value| value.first().copied()).map(MessageType)
    }

    /// An option that is one IPv4 address; `None` if absent or of another length.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.option(code)?.as_ref().try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    }

    /// An option of four octets as a number; `None` if absent or of another length.
    pub fn seconds(&self, code: u8) -> Option<u32> {
        self.address(code).map(u32::from)
    }

    /// The client asks for answers by broadcast. The other bits of `flags` mean nothing.
    pub const fn is_broadcast(&self) -> bool {
        self.flags & BROADCAST != 0
    }

    /// The hardware address, `hlen` octets.
    pub fn hardware(&self) -> &[u8] {
        self.chaddr.get(..usize::from(self.hlen)).unwrap_or(&self.chaddr)
    }
}

/// A message to send. Every field it does not name is zero.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// 1 to servers, 2 to clients.
    pub op: u8,
    /// Hardware type.
    pub htype: u8,
    /// Hardware address, 0 to 16 octets; its length is `hlen`.
    pub hardware: Vec<u8>,
    /// Transaction id.
    pub xid: Xid4,
    /// Seconds since the client began.
    pub secs: u16,
    /// As sent; [`BROADCAST`] is the only bit with a meaning.
    pub flags: u16,
    /// The client's address, if it has one.
    pub ciaddr: Ipv4Addr,
    /// The address for the client.
    pub yiaddr: Ipv4Addr,
    /// Relay agent.
    pub giaddr: Ipv4Addr,
    /// Codes 1 to 254 with their values, in order; a value over 255 octets is sent as several options (RFC 3396 §5).
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Outgoing {
    /// The octets: ended by End and padded to 300 (RFC 1542 §2.1).
    ///
    /// # Errors
    /// When there are more than 65,527, or the hardware address is longer than 16, or an option has code 0 or 255.
    pub fn emit(&self) -> Result<Vec<u8>, TooLong> {
        let mut chaddr = [0; 16];
        let hardware = chaddr.get_mut(..self.hardware.len()).ok_or(TooLong)?;
        hardware.copy_from_slice(&self.hardware);
        let hlen = u8::try_from(hardware.len()).map_err(|_| TooLong)?;
        let mut w = Writer::with_capacity(MIN_MESSAGE4 + 255);
        w.u8(self.op).u8(self.htype).u8(hlen).u8(0);
        w.u32(self.xid.0).u16(self.secs).u16(self.flags);
        w.ipv4(self.ciaddr).ipv4(self.yiaddr).ipv4(Ipv4Addr::UNSPECIFIED).ipv4(self.giaddr);
        w.bytes(&chaddr).bytes(&[0; 64 + 128]).bytes(&COOKIE);
        for (code, value) in &self.options {
            write_option(&mut w, *code, value);
        }
        w.u8(code::END);
        let mut octets = w.finish()?;
        if octets.len() < MIN_MESSAGE4 {
            octets.resize(MIN_MESSAGE4, 0);
        }
        Ok(octets)
    }
}

/// Writes an option, in several parts if its value is over 255 octets (RFC 3396 §5). A code of Pad or End has no
/// length octet, and no value can follow it: it is refused.
pub(crate) fn write_option(w: &mut Writer, code: u8, value: &[u8]) {
    if matches!(code, code::PAD | code::END) {
        w.refuse();
    }
    if value.is_empty() {
        w.u8(code).u8(0);
    }
    for part in value.chunks(255) {
        w.u8(code).u8(u8::try_from(part.len()).unwrap_or(u8::MAX)).bytes(part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    /// A reply whose options field holds `options` (hexadecimal) and nothing else.
    fn message(options: &str) -> Vec<u8> {
        let mut octets = vec![0; 236];
        octets[..3].copy_from_slice(&[2, 1, 6]);
        octets.extend(COOKIE);
        octets.extend(hex_decode(&options.replace(' ', "")).unwrap());
        octets
    }

    fn put(octets: &mut [u8], at: usize, hex: &str) {
        let hex = hex_decode(&hex.replace(' ', "")).unwrap();
        octets[at..at + hex.len()].copy_from_slice(&hex);
    }

    const FILE: usize = 108;
    const SNAME: usize = 44;

    #[test]
    fn the_smallest_message_has_240_octets_gen_08() {
        let octets = message("");
        assert!(Message::parse(&octets).is_ok());
        assert_eq!(Message::parse(&octets[..239]).unwrap_err(), Malformed::Short);
    }

    #[test]
    fn a_wrong_cookie_is_malformed_gen_08() {
        let mut octets = message("350102 ff");
        octets[239] = 0x64;
        assert_eq!(Message::parse(&octets).unwrap_err(), Malformed::Cookie);
    }

    #[test]
    fn a_hardware_length_above_16_is_malformed_gen_08() {
        let mut octets = message("350102 ff");
        octets[2] = 17;
        assert_eq!(Message::parse(&octets).unwrap_err(), Malformed::HardwareLength(17));
        octets[2] = 16;
        assert_eq!(Message::parse(&octets).unwrap().hardware().len(), 16);
    }

    #[test]
    fn a_message_type_of_other_than_one_octet_is_malformed_gen_08() {
        for options in ["35020202 ff", "3500 ff", "350102 350102 ff"] {
            assert_eq!(Message::parse(&message(options)).unwrap_err(), Malformed::MessageType, "{options}");
        }
        assert_eq!(Message::parse(&message("ff")).unwrap().kind(), None);
    }

    #[test]
    fn a_missing_end_is_tolerated_and_what_follows_it_ignored_gen_07() {
        assert_eq!(Message::parse(&message("350102")).unwrap().kind(), Some(MessageType::OFFER));
        let octets = message("350102 ff 3604c6336401 79ff");
        let parsed = Message::parse(&octets).unwrap();
        assert_eq!(parsed.kind(), Some(MessageType::OFFER));
        assert_eq!(parsed.address(code::SERVER_ID), None);
    }

    #[test]
    fn an_option_past_the_end_of_its_area_is_malformed_gen_07() {
        let long = message("350102 79ff 00000000000000000000");
        assert_eq!(Message::parse(&long).unwrap_err(), Malformed::Overrun(121));
        assert_eq!(Message::parse(&message("350102 79")).unwrap_err(), Malformed::Overrun(121));
        // The last option of `file` would need two octets of what follows it.
        let mut octets = message("350102 340101 ff");
        put(&mut octets, FILE + 124, "0c04 6162");
        assert_eq!(Message::parse(&octets).unwrap_err(), Malformed::Overrun(12));
    }

    #[test]
    fn equal_codes_are_joined_from_options_file_and_sname_gen_05() {
        let mut octets = message("350102 3407 ff");
        octets.truncate(243);
        octets.extend(hex_decode("340103790218c0ff").unwrap());
        put(&mut octets, SNAME, "7902 0102 ff");
        put(&mut octets, FILE, "7904 000200c0 ff");
        let parsed = Message::parse(&octets).unwrap();
        assert_eq!(
            parsed.option(code::CLASSLESS_ROUTES).as_deref(),
            Some(&[0x18, 0xc0, 0, 2, 0, 0xc0, 1, 2][..])
        );
    }

    #[test]
    fn overload_says_which_areas_are_read_gen_06() {
        let read = |overload: &str| {
            let mut octets = message(&format!("350102 {overload} ff"));
            put(&mut octets, FILE, "7905 00c0000201 ff");
            put(&mut octets, SNAME, "0304 c0000201 ff");
            let parsed = Message::parse(&octets).unwrap();
            let present = |code| parsed.option(code).is_some();
            (present(code::CLASSLESS_ROUTES), present(code::ROUTER), parsed.bad_overload)
        };
        assert_eq!(read(""), (false, false, false));
        assert_eq!(read("340101"), (true, false, false));
        assert_eq!(read("340102"), (false, true, false));
        assert_eq!(read("340103"), (true, true, false));
        assert_eq!(read("340107"), (false, false, true));
        assert_eq!(read("34020101"), (false, false, true));
        assert_eq!(read("3400"), (false, false, true));
    }

    #[test]
    fn overload_inside_an_overloaded_area_is_ignored_gen_06() {
        let mut octets = message("350102 340101 ff");
        put(&mut octets, FILE, "340102 0c0161 ff");
        put(&mut octets, SNAME, "0304c0000201 ff");
        let parsed = Message::parse(&octets).unwrap();
        assert_eq!(parsed.option(code::HOST_NAME).as_deref(), Some(&b"a"[..]));
        assert_eq!(parsed.option(code::ROUTER), None);
        assert_eq!(parsed.option(code::OVERLOAD).as_deref(), Some(&[1][..]));
    }

    #[test]
    fn an_unknown_option_changes_nothing_gen_03() {
        let octets = message("e003010203 350102 ff");
        assert_eq!(Message::parse(&octets).unwrap().kind(), Some(MessageType::OFFER));
    }

    #[test]
    fn flags_other_than_broadcast_mean_nothing_gen_10() {
        let mut octets = message("350101 ff");
        put(&mut octets, 10, "7fff");
        assert!(!Message::parse(&octets).unwrap().is_broadcast());
        put(&mut octets, 10, "8000");
        assert!(Message::parse(&octets).unwrap().is_broadcast());
    }

    #[test]
    fn a_message_full_of_empty_options_keeps_one_entry_per_code_gen_01() {
        let octets = message(&"0c00".repeat(30_000));
        assert_eq!(Message::parse(&octets).unwrap().options().count(), 1);
    }

    fn outgoing(options: Vec<(u8, Vec<u8>)>) -> Outgoing {
        Outgoing {
            op: BOOTREQUEST,
            htype: 1,
            hardware: vec![2, 0, 0x5e, 0x10, 0, 1],
            xid: Xid4(0x3a4f_1c02),
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        }
    }

    #[test]
    fn what_we_send_ends_with_end_and_has_300_octets_gen_09() {
        let octets = outgoing(vec![(code::MESSAGE_TYPE, vec![1])]).emit().unwrap();
        assert_eq!(octets.len(), 300);
        assert_eq!(octets[240..245], [53, 1, 1, 255, 0]);
    }

    #[test]
    fn a_long_value_is_sent_in_parts_and_reads_back_whole() {
        let value: Vec<u8> = (0..600_u16).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let octets = outgoing(vec![(code::MESSAGE_TYPE, vec![1]), (224, value.clone())]).emit().unwrap();
        let parsed = Message::parse(&octets).unwrap();
        assert_eq!(parsed.option(224).as_deref(), Some(&value[..]));
    }

    #[test]
    fn what_the_format_cannot_hold_is_not_sent() {
        let mut long_address = outgoing(vec![]);
        long_address.hardware = vec![0; 17];
        assert_eq!(long_address.emit(), Err(TooLong));
        assert_eq!(outgoing(vec![(code::PAD, vec![1])]).emit(), Err(TooLong));
        assert_eq!(outgoing(vec![(224, vec![0; 65_400])]).emit(), Err(TooLong));
    }
}
