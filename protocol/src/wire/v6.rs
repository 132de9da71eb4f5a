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

impl MessageType {
    /// The type of a message of any layout: its first octet. `None` when there is none.
    ///
    /// Whoever does not handle a type must not parse it: relay messages have another header, and what a future type
    /// looks like nobody knows (RFC 8415 §16).
    pub fn peek(octets: &[u8]) -> Option<Self> {
        octets.first().copied().map(Self)
    }
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
        options.check(Container::Message, 4)?;
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
        options.check(Container::Message, 0)?;
        Ok(options)
    }

    /// Trusts that a parent's check covered `octets`.
    pub(crate) const fn checked(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// Options framed by length alone, as between relay agents: what they contain is not looked at.
    ///
    /// # Errors
    /// When framing is broken; `base` is where `octets` begin in the message.
    pub(crate) fn flat(octets: &'a [u8], base: usize) -> Result<Self, Malformed> {
        let options = Self(octets);
        options.check(Container::Opaque, base)?;
        Ok(options)
    }

    /// The depth is bounded by [`Container`]: an association, an address or prefix in it, and what is in that.
    fn check(self, container: Container, base: usize) -> Result<(), Malformed> {
        let mut reader = Reader::new(self.0);
        while !reader.is_empty() {
            let offset = base.saturating_add(self.0.len().saturating_sub(reader.len()));
            let (code, value) = next(&mut reader).ok_or(Malformed::Overrun { offset })?;
            let Some((inner, fixed)) = container.inside(code) else { continue };
            // An option shorter than its fixed part is well framed; whoever reads it finds it unusable.
            if let Some(options) = value.get(fixed..) {
                Self(options).check(inner, offset.saturating_add(4).saturating_add(fixed))?;
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

/// Where options stand. It says which of them contain options that have to be framed well, too.
#[derive(Clone, Copy)]
enum Container {
    /// A client/server message.
    Message,
    /// IA_NA or IA_TA.
    Addresses,
    /// IA_PD.
    Prefixes,
    /// Anything whose options contain no options of ours.
    Opaque,
}

impl Container {
    /// What `code` is a container of when it stands here, and the octets before its options.
    const fn inside(self, code: OptionCode) -> Option<(Self, usize)> {
        match (self, code) {
            (Self::Message, OptionCode::IA_NA) => Some((Self::Addresses, 12)),
            (Self::Message, OptionCode::IA_TA) => Some((Self::Addresses, 4)),
            (Self::Message, OptionCode::IA_PD) => Some((Self::Prefixes, 12)),
            (Self::Addresses, OptionCode::IAADDR) => Some((Self::Opaque, 24)),
            (Self::Prefixes, OptionCode::IAPREFIX) => Some((Self::Opaque, 25)),
            _ => None,
        }
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
    fn associations_nested_without_end_are_no_recursion_gen_01() {
        // Each IA_NA fills the one before it. Only the outermost is a container to us.
        let mut octets = vec![7, 1, 2, 3];
        for level in (0..4000_u16).rev() {
            octets.extend([0, 3]);
            octets.extend((12 + level * 16).to_be_bytes());
            octets.extend([0; 12]);
        }
        assert_eq!(Message::parse(&octets).unwrap().options.count(OptionCode::IA_NA), 1);
    }

    #[test]
    fn a_message_full_of_empty_options_is_read_in_one_pass_gen_01() {
        let mut octets = vec![7, 1, 2, 3];
        octets.extend([0xfd, 0xe8, 0, 0].repeat(16_380));
        let message = Message::parse(&octets).unwrap();
        assert_eq!(message.options.count(OptionCode(65_000)), 16_380);
        assert!(message.options.repeated().next().is_none());
    }

    #[test]
    fn the_first_of_a_repeated_option_counts_and_the_repetition_is_reported_gen_04() {
        let message = octets("07 010203 0052 0004 00000078 0052 0004 00000079 0058 0000 0003 0000 0003 0000");
        let message = Message::parse(&message).unwrap();
        assert_eq!(message.options.seconds(OptionCode::SOL_MAX_RT), Some(120));
        assert_eq!(message.options.repeated().collect::<Vec<_>>(), [OptionCode::SOL_MAX_RT]);
    }

    #[test]
    fn an_unknown_option_changes_nothing_gen_03() {
        let plain = octets("07 010203 0052 0004 00000078");
        let unknown = octets("07 010203 fde8 0003 ffffff 0052 0004 00000078");
        let seconds = |octets: &[u8]| Message::parse(octets).unwrap().options.seconds(OptionCode::SOL_MAX_RT);
        assert_eq!(seconds(&plain), seconds(&unknown));
    }

    #[test]
    fn zero_length_options_advance_gen_01() {
        let message = octets("07 010203 0058 0000 0058 0000");
        assert_eq!(Message::parse(&message).unwrap().options.count(OptionCode::DHCP4_O_DHCP6_SERVER), 2);
    }
}
