//! Framing of netlink: messages in a datagram, attributes in a message. Native byte order, everything aligned to 4.

/// Octets of a message header: length (4), type (2), flags (2), sequence (4), port (4).
const HEADER: usize = 16;
/// Octets of an attribute header: length (2), type (2).
const ATTRIBUTE: usize = 4;
/// The two upper bits of an attribute's type are flags: nested, and network byte order.
const TYPE_MASK: u16 = 0x3fff;
const NESTED: u16 = 0x8000;

/// A message of a datagram.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// `RTM_*` or `NLMSG_*`.
    pub kind: u16,
    /// `NLM_F_*`.
    pub flags: u16,
    /// Of the request that this answers; 0 in events.
    pub sequence: u32,
    /// What follows the header.
    pub payload: &'a [u8],
}

/// The messages of a datagram. What does not fit ends the walk.
pub fn messages(mut rest: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::try_from(u32_at(rest, 0)?).ok()?;
        let message = Message {
            kind: u16_at(rest, 4)?,
            flags: u16_at(rest, 6)?,
            sequence: u32_at(rest, 8)?,
            payload: rest.get(HEADER..length)?,
        };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some(message)
    })
}

/// The attributes of a message or of a nested attribute, as (type, value). What does not fit ends the walk.
pub fn attributes(mut rest: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE_MASK;
        let value = rest.get(ATTRIBUTE..length)?;
        rest = rest.get(aligned(length)..).unwrap_or_default();
        Some((kind, value))
    })
}

/// A number at an offset; `None` when the octets end before it does.
pub fn u16_at(octets: &[u8], offset: usize) -> Option<u16> {
    octets.get(offset..)?.first_chunk().copied().map(u16::from_ne_bytes)
}

/// A number at an offset; `None` when the octets end before it does.
pub fn u32_at(octets: &[u8], offset: usize) -> Option<u32> {
    octets.get(offset..)?.first_chunk().copied().map(u32::from_ne_bytes)
}

/// A text that ends at its first zero octet. Names of links are any octets; what is not UTF-8 is replaced.
pub fn text(value: &[u8]) -> String {
    let end = value.iter().position(|octet| *octet == 0).unwrap_or(value.len());
    String::from_utf8_lossy(value.get(..end).unwrap_or_default()).into_owned()
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

/// A message on its way to the kernel.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Request(Vec<u8>);

impl Request {
    /// A message of this type and these flags (NLM_F_REQUEST is added) with its fixed part.
    pub fn new(kind: u16, flags: i32, fixed: &[u8]) -> Self {
        let mut octets = vec![0; 4];
        octets.extend(kind.to_ne_bytes());
        // The flags of a request are 12 bits wide.
        octets.extend(((flags | libc::NLM_F_REQUEST) as u16).to_ne_bytes());
        octets.extend([0; 8]);
        octets.extend(fixed);
        Self(octets)
    }

    /// With one more attribute.
    #[must_use]
    pub fn with(mut self, kind: u16, value: &[u8]) -> Self {
        self.push(kind, value);
        self
    }

    /// With one more attribute, if there is a value.
    #[must_use]
    pub fn with_some<const N: usize>(self, kind: u16, value: Option<[u8; N]>) -> Self {
        match value {
            Some(value) => self.with(kind, &value),
            None => self,
        }
    }

    /// With one more attribute that holds one attribute.
    #[must_use]
    pub fn with_nested(self, outer: u16, inner: u16, value: &[u8]) -> Self {
        self.with(outer | NESTED, &Self(Vec::new()).with(inner, value).0)
    }

    fn push(&mut self, kind: u16, value: &[u8]) {
        // Ours are all shorter than 64 octets.
        self.0.extend(((ATTRIBUTE + value.len()) as u16).to_ne_bytes());
        self.0.extend(kind.to_ne_bytes());
        self.0.extend(value);
        self.0.resize(aligned(self.0.len()), 0);
    }

    /// The octets to send, with the length filled in.
    pub fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_reads_back() {
        let octets = Request::new(24, libc::NLM_F_ACK, &[1, 2, 3, 4])
            .with(1, &[9])
            .with_nested(8, 2, &[7; 4])
            .finish(5);
        let all: Vec<_> = messages(&octets).collect();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].kind, all[0].flags, all[0].sequence), (24, 5, 5));
        let inside: Vec<_> = attributes(&all[0].payload[4..]).collect();
        assert_eq!(inside[0], (1, &[9][..]));
        assert_eq!(inside[1].0, 8);
        assert_eq!(attributes(inside[1].1).collect::<Vec<_>>(), [(2, &[7; 4][..])]);
    }

    #[test]
    fn a_length_beyond_the_end_or_below_the_header_ends_the_walk() {
        assert_eq!(attributes(&[3, 0, 1, 0, 4, 0, 2, 0]).count(), 0);
        assert_eq!(attributes(&[9, 0, 1, 0, 4, 0, 2, 0]).count(), 0);
        assert_eq!(messages(&[0; 16]).count(), 0);
        assert_eq!(messages(&[255; 64]).count(), 0);
    }

    proptest! {
        #[test]
        fn any_octets_end_and_stay_inside(octets: Vec<u8>) {
            let total: usize = messages(&octets).map(|message| message.payload.len() + HEADER).sum();
            prop_assert!(total <= octets.len());
            let total: usize = attributes(&octets).map(|(_, value)| value.len() + ATTRIBUTE).sum();
            prop_assert!(total <= octets.len());
        }
    }
}
