//! Relay-forward and Relay-reply (RFC 8415 §9): what relay agents put around a message on its way.
//!
//! ```text
//! msg-type (1) | hop-count (1) | link-address (16) | peer-address (16) | options ...
//! ```
//!
//! Only framing is checked. The message inside stays a slice and is handed on octet for octet, whatever its type
//! (RFC 8415 §19).

use super::reader::Reader;
use super::v6::{self, MessageType, Options};
use super::v6_option::OptionCode;
use super::writer::{TooLong, Writer};
use crate::params::RELAY_NESTING;
use std::net::Ipv6Addr;

/// Octets before the options.
const HEADER: usize = 34;

/// Why octets are not a relay message. Counted as `malformed-relay`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Malformed {
    /// The type is neither Relay-forward nor Relay-reply.
    #[error("not a relay message")]
    Type,
    /// Shorter than 34 octets, or an option runs past its end.
    #[error(transparent)]
    Framing(#[from] v6::Malformed),
    /// No relayed message, or an empty one.
    #[error("no relayed message")]
    NoMessage,
    /// More than one relayed message.
    #[error("more than one relayed message")]
    SeveralMessages,
    /// More levels than [`RELAY_NESTING`], or levels of both types.
    #[error("nested too deep, or with both types")]
    Nesting,
}

/// One level of relaying, parsed.
#[derive(Clone, Copy, Debug)]
pub struct Relay<'a> {
    /// Relay-forward or Relay-reply.
    pub kind: MessageType,
    /// Relay agents passed before this one.
    pub hop_count: u8,
    /// An address that names the link of the client or of the next relay agent; may be unspecified.
    pub link_address: Ipv6Addr,
    /// The client or relay agent the message came from or goes to.
    pub peer_address: Ipv6Addr,
    /// Including the relayed message. Nothing inside an option is checked.
    pub options: Options<'a>,
    /// The one relayed message: at least one octet, not looked at.
    pub message: &'a [u8],
}

impl<'a> Relay<'a> {
    /// Reads one level.
    ///
    /// # Errors
    /// When the type is another, framing is broken, or there is not exactly one relayed message.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let mut reader = Reader::new(octets);
        let kind = MessageType(reader.u8().ok_or(v6::Malformed::Short)?);
        if !is_relay(kind) {
            return Err(Malformed::Type);
        }
        let mut header = || Some((reader.u8()?, reader.ipv6()?, reader.ipv6()?));
        let (hop_count, link_address, peer_address) = header().ok_or(v6::Malformed::Short)?;
        let options = Options::flat(reader.rest(), HEADER)?;
        let mut messages = options.all(OptionCode::RELAY_MSG);
        let message = messages.next().filter(|message| !message.is_empty()).ok_or(Malformed::NoMessage)?;
        if messages.next().is_some() {
            return Err(Malformed::SeveralMessages);
        }
        Ok(Self { kind, hop_count, link_address, peer_address, options, message })
    }

    /// What the relay agent calls the interface; the server returns it (RFC 8415 §21.18). `None` if absent or empty.
    pub fn interface_id(&self) -> Option<&'a [u8]> {
        self.options.first(OptionCode::INTERFACE_ID).filter(|id| !id.is_empty())
    }

    /// The UDP port a relay agent listens on instead of 547 (RFC 8357 §4): the downstream relay agent's, or 0 for
    /// the one that added this level. `None` if absent or not of two octets.
    pub fn relay_port(&self) -> Option<u16> {
        self.options.first(OptionCode::RELAY_PORT)?.try_into().ok().map(u16::from_be_bytes)
    }
}

fn is_relay(kind: MessageType) -> bool {
    matches!(kind, MessageType::RELAY_FORW | MessageType::RELAY_REPL)
}

/// A message with everything relay agents put around it.
#[derive(Clone, Debug)]
pub struct Relayed<'a> {
    /// Outermost first; at least one, at most [`RELAY_NESTING`], all of one type.
    pub levels: Vec<Relay<'a>>,
    /// The innermost message, of a type that is not relay.
    pub message: &'a [u8],
}

impl<'a> Relayed<'a> {
    /// Follows all levels. Depth is counted here; the messages' own hop counts are not believed.
    ///
    /// # Errors
    /// When any level is malformed, there are too many, or a Relay-forward holds a Relay-reply or the other way round.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let outermost = Relay::parse(octets)?;
        let (kind, mut message) = (outermost.kind, outermost.message);
        let mut levels = vec![outermost];
        while MessageType::peek(message).is_some_and(is_relay) {
            let level = Relay::parse(message)?;
            if levels.len() >= RELAY_NESTING || level.kind != kind {
                return Err(Malformed::Nesting);
            }
            message = level.message;
            levels.push(level);
        }
        Ok(Self { levels, message })
    }

    /// The Relay-reply that takes `answer` back the same way (RFC 8415 §19.3): every level with its addresses, its
    /// hop count, and the options a server returns.
    ///
    /// # Errors
    /// When the whole would be longer than a datagram.
    pub fn reply(&self, answer: &[u8]) -> Result<Vec<u8>, TooLong> {
        self.levels.iter().rev().try_fold(answer.to_vec(), |message, level| {
            let returned = [OptionCode::INTERFACE_ID, OptionCode::RELAY_PORT];
            let option = |code| Some((code, level.options.first(code)?));
            Envelope {
                kind: MessageType::RELAY_REPL,
                hop_count: level.hop_count,
                link_address: level.link_address,
                peer_address: level.peer_address,
                options: returned.into_iter().filter_map(option).collect(),
                message: &message,
            }
            .emit()
        })
    }
}

/// One level of relaying, to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Envelope<'a> {
    /// Relay-forward or Relay-reply.
    pub kind: MessageType,
    /// Relay agents passed before this one.
    pub hop_count: u8,
    /// An address that names the link of the client or of the next relay agent; may be unspecified.
    pub link_address: Ipv6Addr,
    /// The client or relay agent the message came from or goes to.
    pub peer_address: Ipv6Addr,
    /// In order, before the relayed message, without it.
    pub options: Vec<(OptionCode, &'a [u8])>,
    /// Goes in as it is.
    pub message: &'a [u8],
}

impl Envelope<'_> {
    /// The octets.
    ///
    /// # Errors
    /// When there are more than 65,527.
    pub fn emit(&self) -> Result<Vec<u8>, TooLong> {
        let options = self.options.iter().map(|(_, value)| value.len().saturating_add(4));
        let around = options.fold(38_usize, usize::saturating_add);
        let mut w = Writer::with_capacity(self.message.len().saturating_add(around));
        w.u8(self.kind.0).u8(self.hop_count).ipv6(self.link_address).ipv6(self.peer_address);
        for (code, value) in &self.options {
            w.option6(*code, |w| {
                w.bytes(value);
            });
        }
        w.option6(OptionCode::RELAY_MSG, |w| {
            w.bytes(self.message);
        });
        w.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn envelope<'a>(message: &'a [u8], options: Vec<(OptionCode, &'a [u8])>) -> Vec<u8> {
        Envelope {
            kind: MessageType::RELAY_FORW,
            hop_count: 0,
            link_address: "2001:db8:1::1".parse().unwrap(),
            peer_address: "fe80::1".parse().unwrap(),
            options,
            message,
        }
        .emit()
        .unwrap()
    }

    fn nested(levels: usize) -> Vec<u8> {
        (0..levels).fold(vec![20, 0, 0, 0], |message, _| envelope(&message, vec![]))
    }

    #[test]
    fn exactly_one_relayed_message_is_needed_gen_04() {
        let whole = envelope(&[1, 2, 3], vec![(OptionCode::INTERFACE_ID, b"wan0")]);
        assert_eq!(Relay::parse(&whole[..HEADER]).unwrap_err(), Malformed::NoMessage);
        assert_eq!(Relay::parse(&envelope(&[], vec![])).unwrap_err(), Malformed::NoMessage);
        let twice = envelope(&[1], vec![(OptionCode::RELAY_MSG, &[2])]);
        assert_eq!(Relay::parse(&twice).unwrap_err(), Malformed::SeveralMessages);
    }

    #[test]
    fn every_cut_is_an_error_gen_01() {
        let whole = envelope(&[1, 2, 3], vec![(OptionCode::INTERFACE_ID, b"wan0")]);
        for end in 0..whole.len() {
            assert!(Relay::parse(&whole[..end]).is_err(), "{end}");
        }
    }

    #[test]
    fn depth_is_limited_by_our_own_count_gen_01() {
        let parsed = |octets: &[u8]| Relayed::parse(octets).map(|relayed| relayed.levels.len());
        assert_eq!(parsed(&nested(RELAY_NESTING)), Ok(RELAY_NESTING));
        assert_eq!(parsed(&nested(RELAY_NESTING + 1)), Err(Malformed::Nesting));
        assert_eq!(parsed(&nested(1000)), Err(Malformed::Nesting));
        assert_eq!(parsed(&nested(0)), Err(Malformed::Type));
    }

    #[test]
    fn a_forward_inside_a_reply_is_malformed() {
        let inner = nested(1);
        let mut outer = envelope(&inner, vec![]);
        outer[0] = MessageType::RELAY_REPL.0;
        assert_eq!(Relayed::parse(&outer).unwrap_err(), Malformed::Nesting);
    }

    #[test]
    fn what_is_inside_is_neither_checked_nor_changed_r6_13() {
        let inner = [1, 0, 0, 0, 0, 3, 0xff, 0xff];
        let octets = envelope(&inner, vec![(OptionCode::IA_NA, &[9; 17])]);
        assert_eq!(Relayed::parse(&octets).unwrap().message, inner);
    }

    #[test]
    fn a_reply_goes_back_the_way_the_request_came() {
        let port: &[u8] = &[0x27, 0x10];
        let first = envelope(&[20, 0, 0, 0], vec![(OptionCode::INTERFACE_ID, b"wan0")]);
        let second = envelope(&first, vec![(OptionCode::REMOTE_ID, &[0; 5]), (OptionCode::RELAY_PORT, port)]);
        let octets = Relayed::parse(&second).unwrap().reply(&[21, 0, 0, 0]).unwrap();
        let reply = Relayed::parse(&octets).unwrap();
        assert_eq!(reply.message, [21, 0, 0, 0]);
        let [outer, inner] = reply.levels[..] else { panic!("two levels") };
        assert_eq!(
            (outer.kind, outer.relay_port(), outer.interface_id()),
            (MessageType::RELAY_REPL, Some(10_000), None)
        );
        assert_eq!(outer.options.count(OptionCode::REMOTE_ID), 0);
        assert_eq!((inner.relay_port(), inner.interface_id()), (None, Some(&b"wan0"[..])));
        assert_eq!(inner.peer_address, "fe80::1".parse::<Ipv6Addr>().unwrap());
    }

    #[test]
    fn what_would_not_fit_into_a_datagram_is_not_sent_r6_17() {
        let octets = vec![1; 65_500];
        let envelope = Envelope {
            kind: MessageType::RELAY_FORW,
            hop_count: 0,
            link_address: Ipv6Addr::UNSPECIFIED,
            peer_address: Ipv6Addr::UNSPECIFIED,
            options: vec![],
            message: &octets,
        };
        assert_eq!(envelope.emit(), Err(TooLong));
    }
}
