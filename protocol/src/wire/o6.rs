//! DHCPv4-query and DHCPv4-response (RFC 7341 §6): one DHCPv4 message inside a DHCPv6 message.
//!
//! draft01 has the same shape with other code points, and a transaction id where RFC 7341 has flags.

use super::v6::{Message, MessageType};
use super::v6_option::OptionCode;
use super::writer::{TooLong, Writer};
use crate::ids::Xid6;
use crate::permit::WireProfile;
use crate::refused::Refused;
use crate::settings::Draft01;

/// The numbers of one wire profile.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CodePoints {
    /// Message type to servers.
    pub query: MessageType,
    /// Message type to clients.
    pub response: MessageType,
    /// Option that holds the DHCPv4 message.
    pub message: OptionCode,
}

impl CodePoints {
    /// Those of RFC 7341.
    pub const RFC7341: Self = Self {
        query: MessageType::DHCPV4_QUERY,
        response: MessageType::DHCPV4_RESPONSE,
        message: OptionCode::DHCPV4_MSG,
    };

    /// Those of `profile`; draft01's are configured.
    pub const fn of(profile: WireProfile, draft: &Draft01) -> Self {
        match profile {
            WireProfile::Rfc7341 => Self::RFC7341,
            WireProfile::Draft01 => Self {
                query: MessageType(draft.request),
                response: MessageType(draft.reply),
                message: OptionCode(draft.message),
            },
        }
    }
}

/// Octets 1 to 3 of a query.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Header {
    /// RFC 7341: the U flag, set when a DHCPv4 client would have sent the message by unicast; the rest is zero.
    Flags {
        /// The U flag.
        unicast: bool,
    },
    /// draft01: a transaction id, one for each inner one.
    TransactionId(Xid6),
}

impl Header {
    /// The octets.
    pub const fn octets(self) -> [u8; 3] {
        match self {
            Self::Flags { unicast: true } => [0x80, 0, 0],
            Self::Flags { unicast: false } => [0; 3],
            Self::TransactionId(Xid6(octets)) => octets,
        }
    }
}

/// A query with one DHCPv4 message, as it is. `requested` are option codes to ask for, none of them is usual.
///
/// # Errors
/// When the whole would be longer than a datagram.
pub fn emit_query(
    points: CodePoints,
    header: Header,
    requested: &[OptionCode],
    dhcpv4: &[u8],
) -> Result<Vec<u8>, TooLong> {
    let asked = requested.len().saturating_mul(2).saturating_add(12);
    let mut w = Writer::with_capacity(dhcpv4.len().saturating_add(asked));
    w.u8(points.query.0).bytes(&header.octets());
    if !requested.is_empty() {
        w.option6(OptionCode::ORO, |w| {
            for code in requested {
                w.u16(code.0);
            }
        });
    }
    w.option6(points.message, |w| {
        w.bytes(dhcpv4);
    });
    w.finish()
}

/// A response with one DHCPv4 message. `header` is zero under RFC 7341 and the query's octets under draft01.
///
/// # Errors
/// When the whole would be longer than a datagram.
pub fn emit_response(points: CodePoints, header: [u8; 3], dhcpv4: &[u8]) -> Result<Vec<u8>, TooLong> {
    let mut w = Writer::with_capacity(dhcpv4.len().saturating_add(8));
    w.u8(points.response.0).bytes(&header);
    w.option6(points.message, |w| {
        w.bytes(dhcpv4);
    });
    w.finish()
}

/// The one DHCPv4 message in a query or response. Its type is for the caller to check first.
///
/// # Errors
/// [`Refused::NoDhcpv4Message`] or [`Refused::DuplicateDhcpv4Message`].
pub fn dhcpv4<'a>(points: CodePoints, message: &Message<'a>) -> Result<&'a [u8], Refused> {
    let mut found = message.options.all(points.message);
    let first = found.next().ok_or(Refused::NoDhcpv4Message)?;
    if found.next().is_some() { Err(Refused::DuplicateDhcpv4Message) } else { Ok(first) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DRAFT: Draft01 =
        Draft01 { request: 245, reply: 246, message: 54321, enable: 54322, servers: 54323 };

    #[test]
    fn every_code_point_comes_from_the_profile_gen_16() {
        let points = CodePoints::of(WireProfile::Draft01, &DRAFT);
        let header = Header::TransactionId(Xid6([1, 2, 3]));
        let octets = emit_query(points, header, &[], &[9]).unwrap();
        assert_eq!(octets, [245, 1, 2, 3, 0xd4, 0x31, 0, 1, 9]);
        assert_eq!(emit_response(points, [1, 2, 3], &[9]).unwrap(), [246, 1, 2, 3, 0xd4, 0x31, 0, 1, 9]);
        let message = Message::parse(&octets).unwrap();
        assert_eq!(dhcpv4(points, &message), Ok(&[9][..]));
        assert_eq!(dhcpv4(CodePoints::RFC7341, &message), Err(Refused::NoDhcpv4Message));
    }

    #[test]
    fn the_u_flag_is_the_first_bit_and_the_rest_is_zero_c46_03() {
        let query = |unicast| emit_query(CodePoints::RFC7341, Header::Flags { unicast }, &[], &[]).unwrap();
        assert_eq!(query(true), [20, 0x80, 0, 0, 0, 87, 0, 0]);
        assert_eq!(query(false), [20, 0, 0, 0, 0, 87, 0, 0]);
    }

    #[test]
    fn a_response_holds_exactly_one_message_c46_14() {
        let inner =
            |octets: &[u8]| dhcpv4(CodePoints::RFC7341, &Message::parse(octets).unwrap()).map(<[u8]>::len);
        assert_eq!(inner(&[21, 0, 0, 0]), Err(Refused::NoDhcpv4Message));
        assert_eq!(inner(&[21, 0, 0, 0, 0, 87, 0, 0]), Ok(0));
        assert_eq!(inner(&[21, 0, 0, 0, 0, 87, 0, 0, 0, 87, 0, 0]), Err(Refused::DuplicateDhcpv4Message));
    }

    #[test]
    fn flags_and_other_options_of_a_response_are_ignored_c46_15() {
        let octets = [21, 0xff, 0xff, 0xff, 0, 2, 0, 3, 0, 1, 1, 0, 82, 0, 4, 0, 0, 0, 99, 0, 87, 0, 1, 7];
        assert_eq!(dhcpv4(CodePoints::RFC7341, &Message::parse(&octets).unwrap()), Ok(&[7][..]));
    }

    #[test]
    fn softwire_options_are_asked_for_before_the_message_c46_26() {
        let asked = [OptionCode::S46_BR, OptionCode::S46_BIND_IPV6_PREFIX];
        let octets = emit_query(CodePoints::RFC7341, Header::Flags { unicast: false }, &asked, &[]).unwrap();
        assert_eq!(crate::ids::hex(&octets), "14000000000600 04005a008900570000".replace(' ', ""));
    }
}
