//! Relay encapsulation of BOOTP messages (draft-ietf-dhc-dhcpv4-relay-encapsulation): each relay agent puts a message
//! with its own sub-options around what it relays, and takes it off the answer.
//!
//! The layout is this project's own, for laboratories: that of the draft could not be had.
//!
//! ```text
//! 0 op 3 or 4 | 1 version 00 | 2 hops | 3 zero | 4 segment length (2) | 6 message length (2)
//! 8 relay segment: sub-options of relay agent information | message, op 1 to 4
//! ```

use super::agent::AgentInformation;
use super::reader::Reader;
use super::v4::{BOOTREPLY, BOOTREQUEST};
use super::writer::{TooLong, Writer};
use crate::params::HOPS_RANGE;

/// `op` of a message that a relay agent sends toward servers.
pub const RELAYFORWARD: u8 = 3;
/// `op` of a message that a server sends toward relay agents.
pub const RELAYREPLY: u8 = 4;
/// The only version of the layout.
const VERSION: u8 = 0;
/// Octets before the relay segment.
const HEADER: usize = 8;

/// One level: what one relay agent added, and what is inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Level<'a> {
    /// [`RELAYFORWARD`] or [`RELAYREPLY`].
    pub op: u8,
    /// Relay agents passed, this one among them.
    pub hops: u8,
    /// Sub-options, framed well; may be empty. Read them with [`AgentInformation`].
    pub segment: &'a [u8],
    /// The message inside: at least one octet. That of another level, or of a client or server, which is not looked
    /// into.
    pub message: &'a [u8],
}

impl<'a> Level<'a> {
    /// Reads the outermost level. `None` when it is of another op or version, when a length is wrong, a sub-option runs
    /// past the segment, or what is inside goes the other way: op 3 holds op 1 or 3, op 4 holds op 2 or 4.
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let [op, version, hops, _] = reader.array()?;
        let segment_len = usize::from(reader.u16()?);
        let message_len = usize::from(reader.u16()?);
        let segment = reader.take(segment_len)?;
        let message = reader.take(message_len)?;
        let plain = match op {
            RELAYFORWARD => BOOTREQUEST,
            RELAYREPLY => BOOTREPLY,
            _ => return None,
        };
        let inside = *message.first()?;
        let framed = segment.is_empty() || AgentInformation::parse(segment).is_some();
        let whole = version == VERSION && reader.is_empty() && framed && (inside == plain || inside == op);
        whole.then_some(Self { op, hops, segment, message })
    }

    /// The octets.
    ///
    /// # Errors
    /// When segment or message have more than 65,535 octets, or all together more than 65,527.
    pub fn emit(&self) -> Result<Vec<u8>, TooLong> {
        let segment_len = u16::try_from(self.segment.len()).map_err(|_| TooLong)?;
        let message_len = u16::try_from(self.message.len()).map_err(|_| TooLong)?;
        let length = HEADER.saturating_add(self.segment.len()).saturating_add(self.message.len());
        let mut w = Writer::with_capacity(length);
        w.u8(self.op).u8(VERSION).u8(self.hops).u8(0).u16(segment_len).u16(message_len);
        w.bytes(self.segment).bytes(self.message);
        w.finish()
    }

    /// The sub-options; `None` when there are none.
    pub fn sub_options(&self) -> Option<AgentInformation<'a>> {
        AgentInformation::parse(self.segment)
    }
}

/// A message with all levels around it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Encapsulated<'a> {
    /// Outermost first: the relay agent next to the server first.
    pub levels: Vec<Level<'a>>,
    /// The innermost message: op 1 inside of op 3, op 2 inside of op 4.
    pub message: &'a [u8],
}

impl<'a> Encapsulated<'a> {
    /// Most levels: as many relay agents as a message may pass.
    pub const NESTING: usize = *HOPS_RANGE.end() as usize;

    /// Reads all levels. `None` when one is malformed, or there are more than [`Self::NESTING`].
    pub fn parse(octets: &'a [u8]) -> Option<Self> {
        let mut levels = vec![Level::parse(octets)?];
        loop {
            let outer = *levels.last()?;
            if outer.message.first() != Some(&outer.op) {
                return Some(Self { levels, message: outer.message });
            }
            if levels.len() >= Self::NESTING {
                return None;
            }
            levels.push(Level::parse(outer.message)?);
        }
    }

    /// The answer that goes back the same way with `message` inside: the same levels in the same order, each with its
    /// sub-options and hops as they came, so that every relay agent takes its own off.
    ///
    /// # Errors
    /// When it has more than 65,527 octets.
    pub fn reply(&self, message: &[u8]) -> Result<Vec<u8>, TooLong> {
        let mut levels = self.levels.iter().rev().map(|level| Level { op: RELAYREPLY, ..*level });
        let Some(innermost) = levels.next() else { return Ok(message.to_vec()) };
        let innermost = Level { message, ..innermost }.emit()?;
        levels.try_fold(innermost, |message, level| Level { message: &message, ..level }.emit())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{hex, hex_decode};
    use crate::params::MAX_PAYLOAD;

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    /// CRA6ADDR of 2001:db8:1:1::18.
    const CRA6ADDR: &str = "2e10 20010db8000100010000000000000018";

    fn request() -> Vec<u8> {
        let mut message = vec![0; 300];
        message[0] = BOOTREQUEST;
        message
    }

    #[test]
    fn the_vector_reads_and_writes() {
        let message = request();
        let mut expected = octets(&format!("03 00 01 00 0012 012c {CRA6ADDR}"));
        expected.extend(&message);
        let segment = octets(CRA6ADDR);
        let level = Level { op: RELAYFORWARD, hops: 1, segment: &segment, message: &message };
        assert_eq!(hex(&level.emit().unwrap()), hex(&expected));
        assert_eq!(Level::parse(&expected), Some(level));
        let cra = level.sub_options().unwrap().cra6addr(46).unwrap();
        assert_eq!(cra.to_string(), "2001:db8:1:1::18");
        assert_eq!(Encapsulated::parse(&expected).unwrap().message, message);
    }

    #[test]
    fn levels_nest_and_the_answer_unwraps_in_reverse() {
        let message = request();
        let inner = Level { op: 3, hops: 1, segment: &octets("0101 61"), message: &message }.emit().unwrap();
        let outer = Level { op: 3, hops: 2, segment: &octets(CRA6ADDR), message: &inner }.emit().unwrap();
        let read = Encapsulated::parse(&outer).unwrap();
        assert_eq!(read.levels.iter().map(|level| level.hops).collect::<Vec<_>>(), [2, 1]);
        assert_eq!(read.message, message);
        let reply = read.reply(&[BOOTREPLY, 1, 6, 0]).unwrap();
        let first = Level::parse(&reply).unwrap();
        assert_eq!((first.op, first.segment), (RELAYREPLY, &octets(CRA6ADDR)[..]));
        let second = Level::parse(first.message).unwrap();
        assert_eq!((second.op, second.segment), (RELAYREPLY, &octets("0101 61")[..]));
        assert_eq!(second.message, [BOOTREPLY, 1, 6, 0]);
    }

    #[test]
    fn nesting_ends_at_16() {
        let deep = |levels| {
            (0..levels).fold(request(), |message, _| {
                Level { op: 3, hops: 1, segment: &[], message: &message }.emit().unwrap()
            })
        };
        assert_eq!(Encapsulated::parse(&deep(16)).unwrap().levels.len(), 16);
        assert_eq!(Encapsulated::parse(&deep(17)), None);
        assert_eq!(Encapsulated::parse(&deep(3000)), None);
    }

    #[test]
    fn every_prefix_and_every_wrong_length_is_refused() {
        let segment = octets(CRA6ADDR);
        let whole = Level { op: 3, hops: 1, segment: &segment, message: &request() }.emit().unwrap();
        for end in 0..whole.len() {
            assert_eq!(Level::parse(&whole[..end]), None, "{end}");
        }
        let mut longer = whole.clone();
        longer.push(0);
        assert_eq!(Level::parse(&longer), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for (bad, why) in [
            ("03 00 00 00 0000 0000", "nothing inside"),
            ("03 01 00 00 0000 0001 01", "another version"),
            ("01 00 00 00 0000 0001 01", "another op"),
            ("05 00 00 00 0000 0001 01", "another op"),
            ("03 00 00 00 0000 0001 02", "a reply inside of a request"),
            ("03 00 00 00 0000 0001 04", "a reply inside of a request"),
            ("04 00 00 00 0000 0001 01", "a request inside of a reply"),
            ("04 00 00 00 0000 0001 03", "a request inside of a reply"),
            ("03 00 00 00 0002 0001 0101 01", "a sub-option past its segment"),
            ("03 00 00 00 ffff ffff 01", "lengths past the end"),
        ] {
            assert_eq!(Level::parse(&octets(bad)), None, "{why}");
        }
        assert!(
            Level::parse(&octets("03 00 00 ff 0000 0001 01")).is_some(),
            "what must be zero is not looked at"
        );
        assert!(Encapsulated::parse(&octets("04 00 00 00 0000 0001 04")).is_none());
    }

    #[test]
    fn what_does_not_fit_is_not_written() {
        let emit = |segment: usize, message: usize| {
            Level { op: 3, hops: 1, segment: &vec![0; segment], message: &vec![1; message] }.emit()
        };
        assert_eq!(emit(0, 65_536), Err(TooLong));
        assert_eq!(emit(65_536, 1), Err(TooLong));
        assert_eq!(emit(0, MAX_PAYLOAD), Err(TooLong));
        assert_eq!(emit(0, MAX_PAYLOAD - 8).map(|octets| octets.len()), Ok(MAX_PAYLOAD));
    }
}
