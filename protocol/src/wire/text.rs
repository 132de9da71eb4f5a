//! Text that peers send. It stays octets until someone prints it, and is escaped then.

use std::fmt::Write;

/// Printable form: every octet that is not printable ASCII, and quote and backslash, becomes `\xNN`.
///
/// What comes out is ASCII without line breaks or control characters: safe for logs, terminals and the bus.
pub fn escaped(octets: &[u8]) -> String {
    octets.iter().fold(String::with_capacity(octets.len()), |mut text, octet| {
        match octet {
            b'"' | b'\\' => _ = write!(text, "\\x{octet:02x}"),
            b' '..=b'~' => text.push(char::from(*octet)),
            _ => _ = write!(text, "\\x{octet:02x}"),
        }
        text
    })
}

/// A value without the NUL octets some servers end text with (RFC 2132 §2).
pub fn trimmed(octets: &[u8]) -> &[u8] {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last.saturating_add(1));
    octets.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_a_peer_cannot_leave_its_line_v4_28() {
        assert_eq!(escaped(b"plain text 1!"), "plain text 1!");
        assert_eq!(escaped(b"a;rm -rf"), "a;rm -rf");
        assert_eq!(escaped(b"\x1b[31m\n\0\"\\\xff"), r"\x1b[31m\x0a\x00\x22\x5c\xff");
        assert_eq!(escaped("é".as_bytes()), r"\xc3\xa9");
    }

    #[test]
    fn every_octet_has_a_printable_form() {
        let all: Vec<u8> = (0..=255).collect();
        assert!(escaped(&all).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
    }

    #[test]
    fn trailing_nul_octets_are_no_text() {
        assert_eq!(trimmed(b"name\0\0"), b"name");
        assert_eq!(trimmed(b"\0\0"), b"");
        assert_eq!(trimmed(b"a\0b"), b"a\0b");
    }
}
