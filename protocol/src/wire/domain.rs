//! Domain names: as DNS puts them on the wire (RFC 1035 §3.1), and as text.
//!
//! Only host names pass: labels of 1 to 63 letters, digits and hyphens, no hyphen at either end, 253 characters in
//! all. An option with anything else in it counts as absent, so that what is published can never surprise a resolver
//! or a shell.

use super::reader::Reader;
use super::text;
use super::writer::Writer;

/// Longest name as text, RFC 1035 §2.3.4.
const MAX_NAME: usize = 253;
/// Longest label.
const MAX_LABEL: usize = 63;
/// Most names taken from one option.
pub const MAX_NAMES: usize = 16;

/// DHCPv6 domain search list (RFC 3646 §4): names one after the other, without compression (RFC 8415 §10).
///
/// `None` unless there are 1 to [`MAX_NAMES`] names and all of them are valid.
pub fn list6(value: &[u8]) -> Option<Vec<String>> {
    names(value, Compression::Forbidden)
}

/// DHCPv4 domain search (RFC 3397): as DHCPv6's, with compression. `value` is the joined option.
///
/// `None` unless there are 1 to [`MAX_NAMES`] names and all of them are valid.
pub fn search4(value: &[u8]) -> Option<Vec<String>> {
    names(value, Compression::Backwards)
}

/// AFTR-Name (RFC 6334 §3): one name without compression. A second name is not looked at.
///
/// `None` if it is not valid.
pub fn aftr(value: &[u8]) -> Option<String> {
    name(value, &mut Reader::new(value), Compression::Forbidden)
}

/// Host name or domain name as text (options 12 and 15, RFC 2132 §3.14 and §3.17). Trailing NUL octets and one
/// trailing dot are dropped.
///
/// `None` if it is not valid.
pub fn text(value: &[u8]) -> Option<String> {
    let value = text::trimmed(value);
    let value = value.strip_suffix(b".").unwrap_or(value);
    let mut name = String::new();
    value.split(|octet| *octet == b'.').try_for_each(|label| push(&mut name, label))?;
    Some(name)
}

/// Appends `name`, given as text, in wire form without compression. A name that is not valid makes the message fail.
pub fn emit(w: &mut Writer, name: &str) {
    let Some(name) = text(name.as_bytes()) else {
        w.refuse();
        return;
    };
    for label in name.split('.') {
        w.u8(u8::try_from(label.len()).unwrap_or(0)).bytes(label.as_bytes());
    }
    w.u8(0);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Compression {
    Forbidden,
    Backwards,
}

fn names(value: &[u8], compression: Compression) -> Option<Vec<String>> {
    let mut reader = Reader::new(value);
    let mut names = Vec::new();
    while !reader.is_empty() {
        if names.len() >= MAX_NAMES {
            return None;
        }
        names.push(name(value, &mut reader, compression)?);
    }
    (!names.is_empty()).then_some(names)
}

/// One name. `reader` stands at it and is left behind it; pointers count from the start of `whole`.
///
/// Every pointer must lead to before the place where reading began or was last sent to, so reading ends.
fn name<'a>(whole: &'a [u8], reader: &mut Reader<'a>, compression: Compression) -> Option<String> {
    let mut name = String::new();
    let mut limit = whole.len().checked_sub(reader.len())?;
    let mut cursor = *reader;
    let mut jumped = false;
    loop {
        let length = cursor.u8()?;
        match length >> 6 {
            0 if length == 0 => break,
            0 => push(&mut name, cursor.take(usize::from(length))?)?,
            0b11 if compression == Compression::Backwards => {
                let target = usize::from(length & 0x3f) << 8 | usize::from(cursor.u8()?);
                if !jumped {
                    *reader = cursor;
                    jumped = true;
                }
                if target >= limit {
                    return None;
                }
                limit = target;
                cursor = Reader::new(whole.get(target..)?);
            }
            _ => return None,
        }
    }
    if !jumped {
        *reader = cursor;
    }
    (!name.is_empty()).then_some(name)
}

/// Appends a label; `None` if it is not letters, digits and inner hyphens, or makes the name too long.
fn push(name: &mut String, label: &[u8]) -> Option<()> {
    let inner = |octet: &u8| octet.is_ascii_alphanumeric() || *octet == b'-';
    let ends = [label.first()?, label.last()?];
    if label.len() > MAX_LABEL || !label.iter().all(inner) || ends.contains(&&b'-') {
        return None;
    }
    if !name.is_empty() {
        name.push('.');
    }
    name.extend(label.iter().map(|octet| char::from(*octet)));
    (name.len() <= MAX_NAME).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;

    fn octets(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    fn wire(names: &[&str]) -> Vec<u8> {
        let mut w = Writer::new();
        names.iter().for_each(|name| emit(&mut w, name));
        w.finish().unwrap()
    }

    #[test]
    fn the_aftr_name_of_the_vector_reads_and_writes_c6_41() {
        let vector = octets("0461667472 076578616d706c65 03636f6d 00");
        assert_eq!(aftr(&vector).as_deref(), Some("aftr.example.com"));
        assert_eq!(wire(&["aftr.example.com."]), vector);
    }

    #[test]
    fn an_aftr_name_that_is_not_one_plain_name_is_no_name_c6_41() {
        let long_label = format!("40 {} 00", "61".repeat(64));
        let bad = [
            "",
            "00",
            "0461667472c00c",
            "0461667472",
            "04616674",
            &long_label,
            "0361206200",
            "022d6100",
            "0500000000 00",
        ];
        for value in bad {
            assert_eq!(aftr(&octets(value)), None, "{value}");
        }
        assert_eq!(aftr(&octets("0161 00 0162 00")).as_deref(), Some("a"));
        assert_eq!(aftr(&octets("0161 00 c000")).as_deref(), Some("a"));
    }

    #[test]
    fn a_dhcpv6_list_is_whole_or_absent() {
        assert_eq!(list6(&wire(&["a.example", "b.example"])).unwrap(), ["a.example", "b.example"]);
        assert_eq!(list6(&octets("0161 00 00")), None);
        assert_eq!(list6(&octets("0161 00 0162")), None);
        assert_eq!(list6(&octets("0161 00 c000")), None);
        assert_eq!(list6(&[]), None);
    }

    #[test]
    fn a_list_has_at_most_16_names() {
        assert_eq!(list6(&wire(&["a.b"; 16])).map(|names| names.len()), Some(16));
        assert_eq!(list6(&wire(&["a.b"; 17])), None);
    }

    #[test]
    fn dhcpv4_pointers_lead_backwards() {
        let value = octets("03656e67 056170706c65 03636f6d 00 096d61726b6574696e67 c004");
        assert_eq!(search4(&value).unwrap(), ["eng.apple.com", "marketing.apple.com"]);
        // A pointer to a pointer, both backwards.
        assert_eq!(search4(&octets("0161 00 0162 c000 0163 c003")).unwrap(), ["a", "b.a", "c.b.a"]);
    }

    #[test]
    fn pointers_forwards_to_themselves_or_in_circles_are_refused_gen_01() {
        for value in
            ["c000", "c002 0161 00", "0161 c000", "0161 c002", "0161 00 0162 c003", "c0", "8000", "4161 00"]
        {
            assert_eq!(search4(&octets(value)), None, "{value}");
        }
        // Backwards all the time, from one pointer to the one before it.
        let mut chain = octets("0161 00");
        let mut previous: u16 = 0;
        for _ in 0..5000 {
            let here = u16::try_from(chain.len()).unwrap();
            chain.extend((0xc000 | previous).to_be_bytes());
            previous = here;
        }
        assert_eq!(search4(&chain), None, "5001 names");
    }

    #[test]
    fn only_host_names_pass() {
        for good in ["a", "example.com", "xn--bcher-kva.example", "1.2.3", "A-b.C", "name.", "name\0\0"] {
            assert!(text(good.as_bytes()).is_some(), "{good}");
        }
        for bad in
            ["", ".", "a..b", ".a", "a b", "a_b", "-a", "a-", "a;rm -rf", "a\0b", "\u{1b}[31m", "é", "a\n"]
        {
            assert_eq!(text(bad.as_bytes()), None, "{bad:?}");
        }
        assert_eq!(text(b"example.com.").as_deref(), Some("example.com"));
    }

    #[test]
    fn names_have_253_characters_and_labels_63() {
        let label = "a".repeat(63);
        let longest = format!("{label}.{label}.{label}.{}", "b".repeat(61));
        assert_eq!(longest.len(), 253);
        assert!(text(longest.as_bytes()).is_some());
        assert!(text(format!("{longest}b").as_bytes()).is_none());
        assert_eq!(list6(&wire(&[&longest])).unwrap(), [longest]);
        assert!(text("a".repeat(64).as_bytes()).is_none());
    }

    #[test]
    fn an_invalid_name_is_never_written() {
        let mut w = Writer::new();
        emit(&mut w, "a b");
        assert!(w.finish().is_err());
    }
}
