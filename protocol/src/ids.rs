//! Identities: who we are (DUID, IAID, client identifier, hardware address) and which exchange this is.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Which of the IPv4 identities of a link: the place in [`crate::settings::LinkSettings::endpoints`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize)]
pub struct EndpointId(pub u8);

impl EndpointId {
    /// The one that every link has.
    pub const FIRST: Self = Self(0);
}

/// A DHCP Unique Identifier (RFC 8415 §11): a two-octet type and 1 to 128 octets, opaque to everyone else.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Duid(Vec<u8>);

/// The octets cannot be a DUID: it has 3 to 130 of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a DUID has 3 to 130 octets, written as hexadecimal digits; this has {0}")]
pub struct BadDuid(pub usize);

impl Duid {
    /// Takes the octets as they are on the wire: type, then body.
    ///
    /// # Errors
    /// When there are fewer than 3 or more than 130 of them.
    pub fn new(octets: impl Into<Vec<u8>>) -> Result<Self, BadDuid> {
        let octets = octets.into();
        if (3..=130).contains(&octets.len()) { Ok(Self(octets)) } else { Err(BadDuid(octets.len())) }
    }

    /// DUID-LLT (RFC 8415 §11.2): `0001`, hardware type (2), `seconds` since 2000-01-01 UTC (4), address.
    ///
    /// # Errors
    /// When `address` is empty or longer than 122 octets.
    pub fn link_layer_time(hardware_type: u16, seconds: u32, address: &[u8]) -> Result<Self, BadDuid> {
        if address.is_empty() {
            return Err(BadDuid(0));
        }
        let mut octets = vec![0, 1];
        octets.extend(hardware_type.to_be_bytes());
        octets.extend(seconds.to_be_bytes());
        octets.extend(address);
        Self::new(octets)
    }

    /// DUID-LL (RFC 8415 §11.4): `0003`, hardware type (2), address.
    ///
    /// # Errors
    /// When `address` is empty or longer than 126 octets.
    pub fn link_layer(hardware_type: u16, address: &[u8]) -> Result<Self, BadDuid> {
        if address.is_empty() {
            return Err(BadDuid(0));
        }
        let mut octets = vec![0, 3];
        octets.extend(hardware_type.to_be_bytes());
        octets.extend(address);
        Self::new(octets)
    }

    /// DUID-UUID (RFC 6355): `0004`, 16 octets.
    pub fn uuid(uuid: [u8; 16]) -> Self {
        let mut octets = vec![0, 4];
        octets.extend(uuid);
        Self(octets)
    }

    /// The octets on the wire.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl TryFrom<String> for Duid {
    type Error = BadDuid;

    fn try_from(text: String) -> Result<Self, BadDuid> {
        let octets = hex_decode(&text).ok_or(BadDuid(text.len() / 2))?;
        Self::new(octets)
    }
}

impl From<Duid> for String {
    fn from(duid: Duid) -> String {
        hex(&duid.0)
    }
}

impl fmt::Display for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for Duid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Duid({self})")
    }
}

/// Identity association identifier (RFC 8415 §12): unique among one client's associations of one kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Iaid(pub u32);

impl fmt::Display for Iaid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

/// DHCPv4 transaction id: 32 bits, the only secret of a 4o6 exchange.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Xid4(pub u32);

/// DHCPv6 transaction id: 24 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Xid6(pub [u8; 3]);

/// The value of DHCPv4 option 61 as RFC 4361 §6.1 builds it: `ff`, IAID (4), DUID.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct ClientId(Vec<u8>);

impl ClientId {
    /// From the DUID that DHCPv6 uses and an IAID.
    pub fn new(iaid: Iaid, duid: &Duid) -> Self {
        let mut octets = vec![0xff];
        octets.extend(iaid.0.to_be_bytes());
        octets.extend(duid.as_bytes());
        Self(octets)
    }

    /// The octets on the wire, without code and length.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({})", hex(&self.0))
    }
}

/// A link-layer address with its ARP hardware type. Up to 16 octets are kept, what BOOTP's `chaddr` holds.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct HardwareAddress {
    /// ARP hardware type as the kernel gives it (1 is Ethernet).
    pub kind: u16,
    /// 0 to 16 octets; none on PPP and tunnels.
    pub octets: Vec<u8>,
}

impl HardwareAddress {
    /// An Ethernet address.
    pub fn ethernet(octets: [u8; 6]) -> Self {
        Self { kind: 1, octets: octets.to_vec() }
    }
}

impl fmt::Display for HardwareAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, octet) in self.octets.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{octet:02x}")?;
        }
        Ok(())
    }
}

/// Lower-case hexadecimal digits without separators.
pub fn hex(octets: &[u8]) -> String {
    use fmt::Write;
    octets.iter().fold(String::with_capacity(octets.len() * 2), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

/// The inverse of [`hex`]; also takes upper case, and `:` or `-` between octets. `None` if it is anything else.
pub fn hex_decode(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .bytes()
        .filter(|byte| !matches!(byte, b':' | b'-'))
        .map(|byte| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let (pairs, odd) = digits.as_chunks::<2>();
    odd.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_identifier_is_ff_iaid_duid_v4_04() {
        let duid = Duid::link_layer_time(1, 0x29b7_c0de, &[2, 0, 0x5e, 0x10, 0, 1]).unwrap();
        let id = ClientId::new(Iaid(0x5e10_0001), &duid);
        assert_eq!(hex(id.as_bytes()), "ff5e1000010001000129b7c0de02005e100001");
    }

    #[test]
    fn duid_length_is_3_to_130() {
        assert_eq!(Duid::new([0, 1]), Err(BadDuid(2)));
        assert!(Duid::new([0; 3]).is_ok());
        assert!(Duid::new([0; 130]).is_ok());
        assert_eq!(Duid::new([0; 131]), Err(BadDuid(131)));
    }

    #[test]
    fn hexadecimal_reads_back_with_and_without_colons() {
        assert_eq!(hex_decode("00:1A-ff"), Some(vec![0, 0x1a, 0xff]));
        assert_eq!(hex_decode("001"), None);
        assert_eq!(hex_decode("zz"), None);
    }
}
