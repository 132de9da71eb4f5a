//! Relay agent information, DHCPv4 option 82 (RFC 3046): code (1), length (1), value, repeated. It has no Pad and no
//! End.

use super::reader::Reader;
use super::writer::TooLong;
use crate::refused::Refused;
use std::net::Ipv6Addr;

/// Codes of sub-options.
#[allow(missing_docs, reason = "the names are those of the IANA registry")]
pub mod code {
    pub const CIRCUIT_ID: u8 = 1;
    pub const REMOTE_ID: u8 = 2;
    pub const LINK_SELECTION: u8 = 5;
    pub const SUBSCRIBER_ID: u8 = 6;
    pub const AUTHENTICATION: u8 = 8;
    pub const FLAGS: u8 = 10;
    pub const SERVER_ID_OVERRIDE: u8 = 11;
    pub const RELAY_ID: u8 = 12;
    pub const SOURCE_PORT: u8 = 19;
    pub const VIRTUAL_SUBNET: u8 = 151;
    pub const VIRTUAL_SUBNET_CONTROL: u8 = 152;
    /// CRA6ADDR has no assigned code; this is the default of the setting for it.
    pub const CRA6ADDR: u8 = 46;
}

/// The sub-options of one joined option 82, framed well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AgentInformation<'a>(&'a [u8]);

impl<'a> AgentInformation<'a> {
    /// The joined value of option 82; `None` when it is empty or a sub-option runs past its end.
    pub fn parse(value: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(value);
        next(&mut reader)?;
        while !reader.is_empty() {
            next(&mut reader)?;
        }
        Some(Self(value))
    }

    /// Every sub-option in order: code and value.
    pub fn iter(self) -> impl Iterator<Item = (u8, &'a [u8])> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || next(&mut reader))
    }

    /// The value of the first sub-option with this code.
    pub fn first(self, code: u8) -> Option<&'a [u8]> {
        self.iter().find(|(c, _)| *c == code).map(|(_, value)| value)
    }

    /// The client relay agent's address: the one CRA6ADDR sub-option, under the code that is configured for it.
    ///
    /// # Errors
    /// [`Refused::NoCra6addr`], or [`Refused::BadCra6addr`] when there are several, or it is not one unicast address.
    pub fn cra6addr(self, code: u8) -> Result<Ipv6Addr, Refused> {
        let mut found = self.iter().filter(|(c, _)| *c == code).map(|(_, value)| value);
        let value = found.next().ok_or(Refused::NoCra6addr)?;
        let octets: [u8; 16] = value.try_into().map_err(|_| Refused::BadCra6addr)?;
        let address = Ipv6Addr::from(octets);
        if found.next().is_some()
            || address.is_unspecified()
            || address.is_loopback()
            || address.is_multicast()
        {
            return Err(Refused::BadCra6addr);
        }
        Ok(address)
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<(u8, &'a [u8])> {
    let mut ahead = *reader;
    let code = ahead.u8()?;
    let length = ahead.u8()?;
    let value = ahead.take(usize::from(length))?;
    *reader = ahead;
    Some((code, value))
}

/// The value of option 82 with these sub-options, in order.
///
/// # Errors
/// When a value has more than 255 octets.
pub fn emit(sub_options: &[(u8, &[u8])]) -> Result<Vec<u8>, TooLong> {
    sub_options.iter().try_fold(Vec::new(), |mut octets, (code, value)| {
        octets.push(*code);
        octets.push(u8::try_from(value.len()).map_err(|_| TooLong)?);
        octets.extend(*value);
        Ok(octets)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{hex, hex_decode};

    const CRA: &str = "2001:db8:1:1::18";

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    #[test]
    fn the_vectors_read_and_write() {
        let cra: Ipv6Addr = CRA.parse().unwrap();
        let alone = octets("2e10 20010db8000100010000000000000018");
        assert_eq!(emit(&[(code::CRA6ADDR, &cra.octets())]).unwrap(), alone);
        assert_eq!(AgentInformation::parse(&alone).unwrap().cra6addr(code::CRA6ADDR), Ok(cra));
        let subnet = [192, 0, 2, 0];
        let both = emit(&[(code::CRA6ADDR, &cra.octets()), (code::LINK_SELECTION, &subnet)]).unwrap();
        assert_eq!(hex(&both), "2e1020010db80001000100000000000000180504c0000200");
        assert_eq!(AgentInformation::parse(&both).unwrap().first(code::LINK_SELECTION), Some(&subnet[..]));
    }

    #[test]
    fn the_code_of_the_client_relay_agent_is_configured() {
        let value = octets("0110 20010db8000100010000000000000018");
        let agent = AgentInformation::parse(&value).unwrap();
        assert_eq!(agent.cra6addr(code::CIRCUIT_ID), Ok(CRA.parse().unwrap()));
        assert_eq!(agent.cra6addr(code::CRA6ADDR), Err(Refused::NoCra6addr));
    }

    #[test]
    fn a_client_relay_agent_is_one_unicast_address() {
        let one = "2e10 20010db8000100010000000000000018";
        let twice = format!("{one} {one}");
        let loopback = "2e10 00000000000000000000000000000001";
        let group = "2e10 ff020000000000000000000000010002";
        for bad in [&twice, loopback, group, "2e00", "2e04 c0000201"] {
            let value = octets(bad);
            let agent = AgentInformation::parse(&value).unwrap();
            assert_eq!(agent.cra6addr(code::CRA6ADDR), Err(Refused::BadCra6addr), "{bad}");
        }
    }

    #[test]
    fn a_sub_option_past_the_end_spoils_the_option() {
        let whole = octets("0104 61626364");
        for end in 0..whole.len() {
            assert_eq!(AgentInformation::parse(&whole[..end]), None, "{end}");
        }
        assert_eq!(AgentInformation::parse(&octets("0100 ff")), None);
    }

    #[test]
    fn a_value_that_is_too_long_is_not_written() {
        assert_eq!(emit(&[(1, &[0; 256])]), Err(TooLong));
    }
}
