//! DHCPv6 client/server messages and DHCPv4-query/-response (RFC 8415 §8, RFC 7341 §6).
//!
//! ```text
//! msg-type (1) | transaction-id (3), or flags (3) in types 20 and 21 | options ...
//! option: code (2) | length (2) | value
//! ```

use super::reader::Reader;
use super::v6_option::OptionCode;
use crate::ids::Xid6;
use std::fmt;

/// Message type octet. Unknown ones are kept as they are.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageType(pub u8);

macro_rules! message_types {
    ($($name:ident = $value:literal $text:literal;)+) => {
        impl MessageType {
            $(#[doc = $text] pub const $name: Self = Self($value);)+

            /// The field's usual word, or `None` for a type we do not know.
            pub const fn word(self) -> Option<&'static str> {
                match self { $(Self::$name => Some($text),)+ _ => None }
            }
        }
    };
}

message_types! {
    SOLICIT = 1 "Solicit";
    ADVERTISE = 2 "Advertise";
    REQUEST = 3 "Request";
    CONFIRM = 4 "Confirm";
    RENEW = 5 "Renew";
    REBIND = 6 "Rebind";
    REPLY = 7 "Reply";
    RELEASE = 8 "Release";
    DECLINE = 9 "Decline";
    RECONFIGURE = 10 "Reconfigure";
    INFORMATION_REQUEST = 11 "Information-request";
    RELAY_FORW = 12 "Relay-forward";
    RELAY_REPL = 13 "Relay-reply";
    DHCPV4_QUERY = 20 "DHCPv4-query";
    DHCPV4_RESPONSE = 21 "DHCPv4-response";
}

impl fmt::Debug for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.word() {
            Some(word) => f.write_str(word),
            None => write!(f, "type {}", self.0),
        }
    }
}

impl fmt::Display for MessageType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// Why octets are not a message. Offsets count from the start of the message.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// Shorter than the fixed header.
    #[error("shorter than its header")]
    Short,
    /// An option's length runs past its container, or 1 to 3 octets are left over.
    #[error("the option at octet {offset} runs past its container")]
    Overrun {
        /// Where the option begins.
        offset: usize,
    },
    /// An option that may stand once, and decides whom the message is for, stands twice.
    #[error("option {0} stands twice")]
    Duplicate(OptionCode),
}

/// A client/server message whose whole option tree is framed well.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// First octet.
    pub kind: MessageType,
    /// Octets 1 to 3: transaction id, or flags.
    pub header: [u8; 3],
    /// The rest.
    pub options: Options<'a>,
}

impl<'a> Message<'a> {
    /// Checks the framing of every option, including those inside IA_NA, IA_TA, IA_PD and their addresses and
    /// prefixes. Content is checked by whoever asks for it.
    ///
    /// # Errors
    /// When framing is broken, or a client or server identifier stands twice.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        let (Some(kind), Some(header)) = (reader.u8(), reader.array()) else { return Err(Malformed::Short) };
        let options = Options(reader.rest());
        options.check(4)?;
        for code in [OptionCode::CLIENTID, OptionCode::SERVERID] {
            if options.count(code) > 1 {
                return Err(Malformed::Duplicate(code));
            }
        }
        Ok(Self { kind: MessageType(kind), header, options })
    }

    /// Octets 1 to 3 as transaction id.
    pub const fn xid(&self) -> Xid6 {
        Xid6(self.header)
    }

    /// The U flag of a DHCPv4-query (RFC 7341 §6.3).
    pub const fn is_unicast(&self) -> bool {
        let [first, _, _] = self.header;
        first & 0x80 != 0
    }
}

/// A run of well framed options.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Options<'a>(&'a [u8]);

impl<'a> Options<'a> {
    /// Options in `octets`, as they stand inside another option. Framing is checked like that of a message.
    ///
    /// # Errors
    /// When framing is broken.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let options = Self(octets);
        options.check(0)?;
        Ok(options)
    }

    /// Trusts that a parent's check covered `octets`.
    pub(crate) const fn checked(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// The depth is bounded by the types themselves: IA, address or prefix, and what is in that.
    fn check(self, base: usize) -> Result<(), Malformed> {
        let mut reader = Reader::new(self.0);
        while !reader.is_empty() {
            let offset = base.saturating_add(self.0.len().saturating_sub(reader.len()));
            let option = next(&mut reader).ok_or(Malformed::Overrun { offset })?;
            let (code, value) = option;
            if let Some(inner) = code.fixed_part().and_then(|fixed| value.get(fixed..)) {
                let skipped = value.len().saturating_sub(inner.len()).saturating_add(4);
                Self(inner).check(offset.saturating_add(skipped))?;
            }
        }
        Ok(())
    }

    /// Every option in order: code and value.
    pub fn iter(self) -> impl Iterator<Item = (OptionCode, &'a [u8])> {
        let mut reader = Reader::new(self.0);
        std::iter::from_fn(move || next(&mut reader))
    }

    /// The value of the first option with this code.
    pub fn first(self, code: OptionCode) -> Option<&'a [u8]> {
        self.all(code).next()
    }

    /// The values of all options with this code.
    pub fn all(self, code: OptionCode) -> impl Iterator<Item = &'a [u8]> {
        self.iter().filter(move |(c, _)| *c == code).map(|(_, value)| value)
    }

    /// How many options have this code.
    pub fn count(self, code: OptionCode) -> usize {
        self.all(code).count()
    }

    /// The octets.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }
}

impl fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(code, value)| (code, crate::ids::hex(value)))).finish()
    }
}

fn next<'a>(reader: &mut Reader<'a>) -> Option<(OptionCode, &'a [u8])> {
    let mut ahead = *reader;
    let code = OptionCode(ahead.u16()?);
    let length = ahead.u16()?;
    let value = ahead.take(usize::from(length))?;
    *reader = ahead;
    Some((code, value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    #[test]
    fn an_option_past_its_container_makes_the_message_malformed_gen_02() {
        assert_eq!(
            Message::parse(&octets("07 010203 0058 0010 00")).unwrap_err(),
            Malformed::Overrun { offset: 4 }
        );
        // Inside IA_NA: the inner option claims one octet more than the IA has.
        let ia = octets("07 010203 0003 0011 00000001 00000000 00000000 000d 0002 00");
        assert_eq!(Message::parse(&ia).unwrap_err(), Malformed::Overrun { offset: 20 });
    }

    #[test]
    fn one_to_three_octets_left_over_are_malformed_gen_02() {
        for left in ["00", "0000", "000000"] {
            assert!(Message::parse(&octets(&format!("07 010203 0058 0000 {left}"))).is_err());
        }
    }

    #[test]
    fn two_client_identifiers_are_malformed_gen_04() {
        let twice = octets("15 000000 0001 0003 000101 0001 0003 000101");
        assert_eq!(Message::parse(&twice).unwrap_err(), Malformed::Duplicate(OptionCode::CLIENTID));
    }

    #[test]
    fn zero_length_options_advance_gen_01() {
        let message = octets("07 010203 0058 0000 0058 0000");
        assert_eq!(Message::parse(&message).unwrap().options.count(OptionCode::DHCP4_O_DHCP6_SERVER), 2);
    }
}
