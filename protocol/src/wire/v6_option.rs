//! DHCPv6 options (RFC 8415 §21): codes, and the typed values of those that have structure.

use super::reader::Reader;
use super::v6::Options;
use crate::ids::Iaid;
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

impl OptionCode {
    /// Octets before the options that this option contains; `None` if it contains none.
    pub(crate) const fn fixed_part(self) -> Option<usize> {
        match self {
            Self::IA_NA | Self::IA_PD => Some(12),
            Self::IA_TA => Some(4),
            Self::IAADDR => Some(24),
            Self::IAPREFIX => Some(25),
            _ => None,
        }
    }
}

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

    /// The value of an option that is a list of IPv6 addresses; `None` if absent or not a multiple of 16 octets.
    pub fn addresses(self, code: OptionCode) -> Option<Vec<Ipv6Addr>> {
        let (addresses, rest) = self.first(code)?.as_chunks::<16>();
        rest.is_empty().then(|| addresses.iter().map(|octets| Ipv6Addr::from(*octets)).collect())
    }
}
