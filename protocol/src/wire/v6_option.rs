//! DHCPv6 options (RFC 8415 §21): codes, and the typed values of those that have structure.

use super::reader::Reader;
use super::v6::Options;
use crate::ids::{Duid, Iaid};
use crate::time::Lifetime;
use std::fmt;
use std::net::Ipv6Addr;

/// Option code. Unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OptionCode(pub u16);

macro_rules! codes {
    ($($name:ident = $value:literal;)+) => {
        #[allow(missing_docs, reason = "the names are those of the IANA registry")]
        impl OptionCode {
            $(pub const $name: Self = Self($value);)+

            const fn word(self) -> Option<&'static str> {
                match self { $(Self::$name => Some(stringify!($name)),)+ _ => None }
            }
        }
    };
}

codes! {
    CLIENTID = 1; SERVERID = 2; IA_NA = 3; IA_TA = 4; IAADDR = 5; ORO = 6; PREFERENCE = 7; ELAPSED_TIME = 8;
    RELAY_MSG = 9; AUTH = 11; UNICAST = 12; STATUS_CODE = 13; RAPID_COMMIT = 14; INTERFACE_ID = 18; RECONF_MSG = 19;
    RECONF_ACCEPT = 20; DNS_SERVERS = 23; DOMAIN_LIST = 24; IA_PD = 25; IAPREFIX = 26; INFORMATION_REFRESH_TIME = 32;
    REMOTE_ID = 37; RELAY_ID = 53; AFTR_NAME = 64; CLIENT_LINKLAYER_ADDR = 79; SOL_MAX_RT = 82; INF_MAX_RT = 83;
    DHCPV4_MSG = 87; DHCP4_O_DHCP6_SERVER = 88; S46_RULE = 89; S46_BR = 90; S46_DMR = 91; S46_V4V6BIND = 92;
    S46_PORTPARAMS = 93; S46_CONT_MAPE = 94; S46_CONT_MAPT = 95; S46_CONT_LW = 96; S46_PRIORITY = 111;
    RELAY_PORT = 135; S46_BIND_IPV6_PREFIX = 137;
}

/// Options that may stand once at top level and whose first instance counts when they stand again (RFC 8415 §21).
/// Client and server identifiers are not among them: twice, they make the message malformed.
const SINGLE: [OptionCode; 20] = [
    OptionCode::ORO,
    OptionCode::PREFERENCE,
    OptionCode::ELAPSED_TIME,
    OptionCode::AUTH,
    OptionCode::UNICAST,
    OptionCode::STATUS_CODE,
    OptionCode::RAPID_COMMIT,
    OptionCode::RECONF_MSG,
    OptionCode::RECONF_ACCEPT,
    OptionCode::DNS_SERVERS,
    OptionCode::DOMAIN_LIST,
    OptionCode::INFORMATION_REFRESH_TIME,
    OptionCode::AFTR_NAME,
    OptionCode::SOL_MAX_RT,
    OptionCode::INF_MAX_RT,
    OptionCode::DHCP4_O_DHCP6_SERVER,
    OptionCode::S46_CONT_MAPT,
    OptionCode::S46_CONT_LW,
    OptionCode::S46_PRIORITY,
    OptionCode::S46_BIND_IPV6_PREFIX,
];

impl fmt::Debug for OptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => write!(f, "{word}({})", self.0),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for OptionCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// IA_NA or IA_PD (RFC 8415 §21.4, §21.21): IAID (4), T1 (4), T2 (4), options.
#[derive(Clone, Copy, Debug)]
pub struct Ia<'a> {
    /// Of the association.
    pub iaid: Iaid,
    /// When to renew.
    pub t1: Lifetime,
    /// When to rebind.
    pub t2: Lifetime,
    /// Addresses or prefixes, status.
    pub options: Options<'a>,
}

impl<'a> Ia<'a> {
    /// The value of an IA_NA or IA_PD option of a parsed message; `None` when shorter than 12 octets.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            iaid: Iaid(reader.u32()?),
            t1: Lifetime(reader.u32()?),
            t2: Lifetime(reader.u32()?),
            options: Options::checked(reader.rest()),
        })
    }
}

/// IAADDR (RFC 8415 §21.6): address (16), preferred (4), valid (4), options.
#[derive(Clone, Copy, Debug)]
pub struct IaAddress<'a> {
    /// The address.
    pub address: Ipv6Addr,
    /// Preferred lifetime.
    pub preferred: Lifetime,
    /// Valid lifetime.
    pub valid: Lifetime,
    /// Status.
    pub options: Options<'a>,
}

impl<'a> IaAddress<'a> {
    /// The value of an IAADDR option; `None` when shorter than 24 octets.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            address: reader.ipv6()?,
            preferred: Lifetime(reader.u32()?),
            valid: Lifetime(reader.u32()?),
            options: Options::checked(reader.rest()),
        })
    }
}

/// IAPREFIX (RFC 8415 §21.22): preferred (4), valid (4), length (1), prefix (16), options.
#[derive(Clone, Copy, Debug)]
pub struct IaPrefix<'a> {
    /// Preferred lifetime.
    pub preferred: Lifetime,
    /// Valid lifetime.
    pub valid: Lifetime,
    /// As sent; a value above 128 is unusable.
    pub prefix_len: u8,
    /// As sent, host bits included.
    pub prefix: Ipv6Addr,
    /// Status.
    pub options: Options<'a>,
}

impl<'a> IaPrefix<'a> {
    /// The value of an IAPREFIX option; `None` when shorter than 25 octets.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        Some(Self {
            preferred: Lifetime(reader.u32()?),
            valid: Lifetime(reader.u32()?),
            prefix_len: reader.u8()?,
            prefix: reader.ipv6()?,
            options: Options::checked(reader.rest()),
        })
    }
}

/// Status code (RFC 8415 §21.13).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Status(pub u16);

#[allow(missing_docs, reason = "the names are those of the IANA registry")]
impl Status {
    pub const SUCCESS: Self = Self(0);
    pub const UNSPEC_FAIL: Self = Self(1);
    pub const NO_ADDRS_AVAIL: Self = Self(2);
    pub const NO_BINDING: Self = Self(3);
    pub const NOT_ON_LINK: Self = Self(4);
    pub const USE_MULTICAST: Self = Self(5);
    pub const NO_PREFIX_AVAIL: Self = Self(6);
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match *self {
            Self::SUCCESS => "Success",
            Self::UNSPEC_FAIL => "UnspecFail",
            Self::NO_ADDRS_AVAIL => "NoAddrsAvail",
            Self::NO_BINDING => "NoBinding",
            Self::NOT_ON_LINK => "NotOnLink",
            Self::USE_MULTICAST => "UseMulticast",
            Self::NO_PREFIX_AVAIL => "NoPrefixAvail",
            Self(other) => return write!(f, "status {other}"),
        })
    }
}

impl<'a> Options<'a> {
    /// The status these options report; absent or too short is success (RFC 8415 §21.13).
    pub fn status(self) -> Status {
        self.first(OptionCode::STATUS_CODE)
            .and_then(|value| Reader::new(value).u16())
            .map_or(Status::SUCCESS, Status)
    }

    /// The value of a four-octet option, such as SOL_MAX_RT; `None` if absent or of another length.
    pub fn seconds(self, code: OptionCode) -> Option<u32> {
        self.first(code).and_then(|value| value.try_into().ok()).map(u32::from_be_bytes)
    }

    /// The identifier in a CLIENTID, SERVERID or RELAY_ID option; `None` if absent or not 3 to 130 octets.
    pub fn duid(self, code: OptionCode) -> Option<Duid> {
        Duid::new(self.first(code)?).ok()
    }

    /// The codes in an ORO or S46_PRIORITY option, in order; `None` if absent, empty or of an odd length.
    pub fn codes(self, code: OptionCode) -> Option<Vec<OptionCode>> {
        let (codes, rest) = self.first(code)?.as_chunks::<2>();
        (rest.is_empty() && !codes.is_empty())
            .then(|| codes.iter().map(|octets| OptionCode(u16::from_be_bytes(*octets))).collect())
    }

    /// Each option that may stand once and stands again. Its first instance counts, and the others are reported.
    pub fn repeated(self) -> impl Iterator<Item = OptionCode> {
        let mut counts = [0_u16; SINGLE.len()];
        for (code, _) in self.iter() {
            if let Some((_, count)) = SINGLE.iter().zip(&mut counts).find(|(single, _)| **single == code) {
                *count = count.saturating_add(1);
            }
        }
        SINGLE.into_iter().zip(counts).filter(|(_, count)| *count > 1).map(|(code, _)| code)
    }

    /// The value of an option that is a list of IPv6 addresses; `None` if absent or not a multiple of 16 octets.
    pub fn addresses(self, code: OptionCode) -> Option<Vec<Ipv6Addr>> {
        let (addresses, rest) = self.first(code)?.as_chunks::<16>();
        rest.is_empty().then(|| addresses.iter().map(|octets| Ipv6Addr::from(*octets)).collect())
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
    fn an_option_of_the_wrong_length_counts_as_absent() {
        let octets = octets("0052 0003 000078 0058 0011 0000000000000000000000000000000000 0006 0003 000100");
        let options = Options::parse(&octets).unwrap();
        assert_eq!(options.seconds(OptionCode::SOL_MAX_RT), None);
        assert_eq!(options.addresses(OptionCode::DHCP4_O_DHCP6_SERVER), None);
        assert_eq!(options.codes(OptionCode::ORO), None);
    }

    #[test]
    fn the_list_of_4o6_servers_may_be_empty_or_long_c6_34() {
        let addresses = |octets: &[u8]| {
            Options::parse(octets).unwrap().addresses(OptionCode::DHCP4_O_DHCP6_SERVER).unwrap()
        };
        assert_eq!(addresses(&octets("0058 0000")), Vec::<Ipv6Addr>::new());
        let two = octets("0058 0020 20010db8000000000000000000000001 20010db8010000000000000000000002");
        assert_eq!(
            addresses(&two),
            ["2001:db8::1".parse::<Ipv6Addr>().unwrap(), "2001:db8:100::2".parse().unwrap()]
        );
        let mut longest = vec![0, 88, 0xff, 0xf0];
        longest.extend([0x20; 65_520]);
        assert_eq!(addresses(&longest).len(), 4095);
    }

    #[test]
    fn the_option_request_reads_back() {
        let octets = octets("0006 000a 0052 0058 0017 0018 0040");
        let options = Options::parse(&octets).unwrap();
        let codes: Vec<u16> = options.codes(OptionCode::ORO).unwrap().iter().map(|code| code.0).collect();
        assert_eq!(codes, [82, 88, 23, 24, 64]);
    }

    #[test]
    fn an_identifier_has_3_to_130_octets() {
        let short = octets("0001 0002 0001");
        assert_eq!(Options::parse(&short).unwrap().duid(OptionCode::CLIENTID), None);
        let whole = octets("0001 000e 0001 0001 29b7c0de 02005e100001");
        let duid = Options::parse(&whole).unwrap().duid(OptionCode::CLIENTID).unwrap();
        assert_eq!(duid.to_string(), "0001000129b7c0de02005e100001");
    }

    #[test]
    fn an_association_shorter_than_its_header_is_unusable_but_well_framed() {
        let octets = octets("0003 0004 00000001");
        let options = Options::parse(&octets).unwrap();
        assert!(options.first(OptionCode::IA_NA).is_some_and(|value| Ia::parse(value).is_none()));
    }
}
