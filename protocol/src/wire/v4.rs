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
    options: Vec<(u8, &'a [u8])>,
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
        message.read_area(reader.rest())?;
        let overload = message.option(code::OVERLOAD);
        match overload.as_deref() {
            None => {}
            Some([1]) => message.read_area(message.file)?,
            Some([2]) => message.read_area(message.sname)?,
            Some([3]) => {
                message.read_area(message.file)?;
                message.read_area(message.sname)?;
            }
            Some(_) => message.bad_overload = true,
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

    fn read_area(&mut self, area: &'a [u8]) -> Result<(), Malformed> {
        let mut reader = Reader::new(area);
        while let Some(code) = reader.u8() {
            match code {
                code::PAD => {}
                code::END => break,
                code => {
                    let length = reader.u8().ok_or(Malformed::Overrun(code))?;
                    let value = reader.take(usize::from(length)).ok_or(Malformed::Overrun(code))?;
                    self.options.push((code, value));
                }
            }
        }
        Ok(())
    }

    /// The value of an option: all its instances joined in reading order (RFC 3396 §7).
    pub fn option(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        let mut parts = self.options.iter().filter(|(c, _)| *c == code).map(|(_, value)| *value);
        let first = parts.next()?;
        let mut whole = Cow::Borrowed(first);
        for part in parts {
            whole.to_mut().extend_from_slice(part);
        }
        Some(whole)
    }

    /// Every option once, joined, in the order of first appearance.
    pub fn options(&self) -> impl Iterator<Item = (u8, Cow<'a, [u8]>)> {
        let mut seen = [false; 256];
        self.options
            .iter()
            .filter(move |(code, _)| {
                seen.get_mut(usize::from(*code)).is_some_and(|seen| !std::mem::replace(seen, true))
            })
            .filter_map(|(code, _)| Some((*code, self.option(*code)?)))
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
    /// Hardware address, at most 16 octets; its length is `hlen`.
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
    /// In order; a value over 255 octets is sent as several options (RFC 3396 §5).
    pub options: Vec<(u8, Vec<u8>)>,
}

impl Outgoing {
    /// The octets: ended by End and padded to 300 (RFC 1542 §2.1).
    ///
    /// # Errors
    /// When there are more than 65,527.
    pub fn emit(&self) -> Result<Vec<u8>, TooLong> {
        let hlen = self.hardware.len().min(16);
        let mut chaddr = [0; 16];
        chaddr.iter_mut().zip(&self.hardware).for_each(|(to, from)| *to = *from);
        let mut w = Writer::new();
        w.u8(self.op).u8(self.htype).u8(u8::try_from(hlen).unwrap_or(16)).u8(0);
        w.u32(self.xid.0).u16(self.secs).u16(self.flags);
        w.ipv4(self.ciaddr).ipv4(self.yiaddr).ipv4(Ipv4Addr::UNSPECIFIED).ipv4(self.giaddr);
        w.bytes(&chaddr).bytes(&[0; 64 + 128]).bytes(&COOKIE);
        for (code, value) in &self.options {
            option(&mut w, *code, value);
        }
        w.u8(code::END);
        let mut octets = w.finish()?;
        if octets.len() < MIN_MESSAGE4 {
            octets.resize(MIN_MESSAGE4, 0);
        }
        Ok(octets)
    }
}

fn option(w: &mut Writer, code: u8, value: &[u8]) {
    if value.is_empty() {
        w.u8(code).u8(0);
    }
    for part in value.chunks(255) {
        w.u8(code).u8(u8::try_from(part.len()).unwrap_or(u8::MAX)).bytes(part);
    }
}
