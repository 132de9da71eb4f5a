//! A growing buffer that goes back and fills in lengths.

use crate::params::MAX_PAYLOAD;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Writes one message. What does not fit is noticed and reported by [`Writer::finish`], never cut off in silence.
#[derive(Debug, Default)]
pub struct Writer {
    buffer: Vec<u8>,
    too_long: bool,
}

/// A message of more than 65,527 octets, or a value in it that its field cannot hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the message or a value in it is too long for its field")]
pub struct TooLong;

impl Writer {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// Empty, with room for so many octets before it has to grow.
    pub fn with_capacity(octets: usize) -> Self {
        Self { buffer: Vec::with_capacity(octets.min(MAX_PAYLOAD)), too_long: false }
    }

    /// Appends octets as they are.
    pub fn bytes(&mut self, octets: &[u8]) -> &mut Self {
        if self.too_long || octets.len() > MAX_PAYLOAD.saturating_sub(self.buffer.len()) {
            self.too_long = true;
        } else {
            self.buffer.extend_from_slice(octets);
        }
        self
    }

    /// One octet.
    pub fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes(&[value])
    }

    /// Two octets, big-endian.
    pub fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// Four octets, big-endian.
    pub fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes(&value.to_be_bytes())
    }

    /// An IPv4 address.
    pub fn ipv4(&mut self, address: Ipv4Addr) -> &mut Self {
        self.bytes(&address.octets())
    }

    /// An IPv6 address.
    pub fn ipv6(&mut self, address: Ipv6Addr) -> &mut Self {
        self.bytes(&address.octets())
    }

    /// A DHCPv6 option: code (2), length (2), and what `body` writes.
    pub fn option6(&mut self, code: super::v6_option::OptionCode, body: impl FnOnce(&mut Self)) -> &mut Self {
        self.u16(code.0).u16(0);
        let start = self.buffer.len();
        body(self);
        let length = self.buffer.len().saturating_sub(start);
        match u16::try_from(length) {
            Ok(length) => {
                let field = start.saturating_sub(2)..start;
                if let Some(field) = self.buffer.get_mut(field) {
                    field.copy_from_slice(&length.to_be_bytes());
                }
            }
            Err(_) => self.refuse(),
        }
        self
    }

    /// Notes that a value cannot be written as the format wants it.
    pub(crate) fn refuse(&mut self) {
        self.too_long = true;
    }

    /// The message.
    ///
    /// # Errors
    /// When something in it was too long.
    pub fn finish(self) -> Result<Vec<u8>, TooLong> {
        if self.too_long { Err(TooLong) } else { Ok(self.buffer) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::v6_option::OptionCode;

    #[test]
    fn nested_options_get_their_lengths() {
        let mut w = Writer::new();
        w.option6(OptionCode::IA_NA, |w| {
            w.u32(1).u32(0).u32(0);
            w.option6(OptionCode::STATUS_CODE, |w| {
                w.u16(2);
            });
        });
        let expected = "0003001200000001000000000000000000 0d00020002".replace(' ', "");
        assert_eq!(crate::ids::hex(&w.finish().unwrap()), expected);
    }

    #[test]
    fn what_does_not_fit_is_an_error_and_takes_no_memory() {
        let mut w = Writer::new();
        w.option6(OptionCode::RELAY_MSG, |w| {
            w.bytes(&[0; MAX_PAYLOAD - 4]);
        });
        assert_eq!(w.finish().map(|octets| octets.len()), Ok(MAX_PAYLOAD));
        let mut w = Writer::new();
        for _ in 0..100 {
            w.bytes(&[0; 60_000]);
        }
        assert!(w.buffer.len() <= MAX_PAYLOAD);
        assert_eq!(w.finish(), Err(TooLong));
    }
}
