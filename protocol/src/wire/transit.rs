//! A DHCPv4 message that only passes: checked and read where it stands, without an allocation, and handed on octet for
//! octet but for what a relay agent has to change. What ends here is a [`super::v4::Message`].

use super::Reader;
use super::v4::{BROADCAST, COOKIE, Malformed, MessageType, code};
use crate::ids::Xid4;
use crate::params::{MIN_HEADER4, MIN_MESSAGE4};
use std::borrow::Cow;
use std::net::Ipv4Addr;
use std::ops::Range;

/// Where `hops` stands.
pub const HOPS: Range<usize> = 3..4;
/// Where `giaddr` stands.
pub const GIADDR: Range<usize> = 24..28;
const SNAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;

/// Bits of option 52, RFC 2132 §9.3.
const FILE_OVERLOADED: u8 = 1;
const SNAME_OVERLOADED: u8 = 2;

/// A message whose framing was checked: by the same rules, and with the same outcome, as by
/// [`super::v4::Message::parse`].
#[derive(Clone, Copy, Debug)]
pub struct Transit<'a> {
    header: &'a [u8; MIN_HEADER4],
    /// The options field up to its End; where that is missing, up to the end of its last option.
    options: &'a [u8],
    /// Which of `file` and `sname` hold options.
    overload: u8,
    /// Option 52 says something else than 1, 2 or 3, and counts as absent.
    bad_overload: bool,
    present: Codes,
}

impl<'a> Transit<'a> {
    /// Checks the framing of everything.
    ///
    /// # Errors
    /// When the message is too short or its framing is broken.
    pub fn parse(octets: &'a [u8]) -> Result<Self, Malformed> {
        let (header, field) = octets.split_first_chunk::<MIN_HEADER4>().ok_or(Malformed::Short)?;
        if !header.ends_with(&COOKIE) {
            return Err(Malformed::Cookie);
        }
        if header[2] > 16 {
            return Err(Malformed::HardwareLength(header[2]));
        }
        let mut present = Codes::default();
        let options = check(field, &mut present)?;
        let mut message = Self { header, options, overload: 0, bad_overload: false, present };
        match message.option(code::OVERLOAD).as_deref() {
            None => {}
            Some([areas @ 1..=3]) => message.overload = *areas,
            Some(_) => message.bad_overload = true,
        }
        for area in message.overloaded().into_iter().flatten() {
            check(area, &mut message.present)?;
        }
        if message.option(code::MESSAGE_TYPE).is_some_and(|value| value.len() != 1) {
            return Err(Malformed::MessageType);
        }
        Ok(message)
    }

    /// 1 to servers, 2 to clients.
    pub const fn op(&self) -> u8 {
        self.header[0]
    }

    /// Hardware type.
    pub const fn htype(&self) -> u8 {
        self.header[1]
    }

    /// Relay agents passed.
    pub const fn hops(&self) -> u8 {
        self.header[3]
    }

    /// Transaction id.
    pub const fn xid(&self) -> Xid4 {
        Xid4(u32::from_be_bytes([self.header[4], self.header[5], self.header[6], self.header[7]]))
    }

    /// The client asks for answers by broadcast. The other bits of `flags` mean nothing.
    pub const fn is_broadcast(&self) -> bool {
        u16::from_be_bytes([self.header[10], self.header[11]]) & BROADCAST != 0
    }

    /// The client's address, if it has one.
    pub const fn ciaddr(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.header[12], self.header[13], self.header[14], self.header[15])
    }

    /// The address for the client.
    pub const fn yiaddr(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.header[16], self.header[17], self.header[18], self.header[19])
    }

    /// Relay agent.
    pub const fn giaddr(&self) -> Ipv4Addr {
        Ipv4Addr::new(self.header[24], self.header[25], self.header[26], self.header[27])
    }

    /// The hardware address, 0 to 16 octets.
    pub fn hardware(&self) -> &'a [u8] {
        let (_, chaddr) = self.header.split_at(28);
        chaddr.get(..usize::from(self.header[2])).unwrap_or_default()
    }

    /// True if there is an option of this code: in the options field or in an overloaded one.
    pub fn has(&self, code: u8) -> bool {
        self.present.has(code)
    }

    /// True if only somebody who is easy with option 52 would find an option of this code: in a field that it says to be
    /// overloaded, or nearly says so.
    pub fn hides(&self, code: u8) -> bool {
        let hidden = |field: Range<usize>| walk(self.field(field)).any(|(other, _)| other == code);
        self.bad_overload && (hidden(FILE) || hidden(SNAME))
    }

    /// True if anybody could find an option of this code.
    pub fn may_have(&self, code: u8) -> bool {
        self.has(code) || self.hides(code)
    }

    /// The value of an option: all its instances joined in reading order (RFC 3396 §7).
    pub fn option(&self, code: u8) -> Option<Cow<'a, [u8]>> {
        if !self.has(code) {
            return None;
        }
        // What an overloaded field says of overloading means nothing.
        let others = if code == code::OVERLOAD { [None; 2] } else { self.overloaded() };
        let areas = [Some(self.options)].into_iter().chain(others).flatten();
        let mut instances = areas.flat_map(walk).filter(|(other, _)| *other == code).map(|(_, value)| value);
        let first = instances.next()?;
        Some(instances.fold(Cow::Borrowed(first), |mut joined, more| {
            joined.to_mut().extend_from_slice(more);
            joined
        }))
    }

    /// Option 53.
    pub fn kind(&self) -> Option<MessageType> {
        self.option(code::MESSAGE_TYPE).and_then(|value| value.first().copied()).map(MessageType)
    }

    /// An option that is one IPv4 address; `None` if absent or of another length.
    pub fn address(&self, code: u8) -> Option<Ipv4Addr> {
        let octets: [u8; 4] = self.option(code)?.as_ref().try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    }

    /// Octets up to End: what [`Transit::open`] copies.
    pub fn len(&self) -> usize {
        self.header.len().saturating_add(self.options.len())
    }

    /// Never: there is a header at least.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The message up to its End, with room for `more` octets of options. [`close`] ends it.
    pub fn open(&self, more: usize) -> Vec<u8> {
        let mut octets = self.room(more);
        octets.extend_from_slice(self.header);
        octets.extend_from_slice(self.options);
        octets
    }

    /// The same without any option of this code, wherever one stands. A field that held none stays as it is; in one that
    /// did, End and what follows it are made good.
    pub fn open_without(&self, code: u8, more: usize) -> Vec<u8> {
        let mut octets = self.room(more);
        octets.extend_from_slice(self.header);
        for (bit, field) in [(FILE_OVERLOADED, FILE), (SNAME_OVERLOADED, SNAME)] {
            let area = self.field(field.clone());
            if self.overload & bit == 0 || !walk(area).any(|(other, _)| other == code) {
                continue;
            }
            let used = check(area, &mut Codes::default()).unwrap_or(area);
            let mut kept = Vec::with_capacity(area.len());
            keep(used, code, &mut kept);
            kept.push(code::END);
            kept.resize(area.len(), 0);
            write(&mut octets, field, &kept);
        }
        keep(self.options, code, &mut octets);
        octets
    }

    fn room(&self, more: usize) -> Vec<u8> {
        Vec::with_capacity(self.len().saturating_add(more).saturating_add(1).max(MIN_MESSAGE4))
    }

    fn field(&self, field: Range<usize>) -> &'a [u8] {
        self.header.get(field).unwrap_or_default()
    }

    /// `file` and `sname`, as far as they hold options, in reading order.
    fn overloaded(&self) -> [Option<&'a [u8]>; 2] {
        let area = |bit, field| (self.overload & bit != 0).then(|| self.field(field));
        [area(FILE_OVERLOADED, FILE), area(SNAME_OVERLOADED, SNAME)]
    }
}

/// Puts `value` in place of a field of the same length.
pub fn write(octets: &mut [u8], field: Range<usize>, value: &[u8]) {
    if let Some(field) = octets.get_mut(field).filter(|field| field.len() == value.len()) {
        field.copy_from_slice(value);
    }
}

/// Appends an option, in several parts if its value is over 255 octets (RFC 3396 §5).
pub fn append(octets: &mut Vec<u8>, code: u8, value: &[u8]) {
    for part in value.chunks(255) {
        octets.extend([code, u8::try_from(part.len()).unwrap_or(u8::MAX)]);
        octets.extend_from_slice(part);
    }
}

/// Ends a message: End, and zeros up to the shortest that everybody takes (RFC 1542 §2.1).
pub fn close(octets: &mut Vec<u8>) {
    octets.push(code::END);
    if octets.len() < MIN_MESSAGE4 {
        octets.resize(MIN_MESSAGE4, 0);
    }
}

/// The next option behind Pads, or End, which has no value; `None` where the area ends without one.
fn next<'a>(reader: &mut Reader<'a>) -> Result<Option<(u8, &'a [u8])>, Malformed> {
    while let Some(code) = reader.u8() {
        match code {
            code::PAD => {}
            code::END => return Ok(Some((code, &[]))),
            _ => {
                let length = reader.u8().ok_or(Malformed::Overrun(code))?;
                let value = reader.take(usize::from(length)).ok_or(Malformed::Overrun(code))?;
                return Ok(Some((code, value)));
            }
        }
    }
    Ok(None)
}

/// The options of an area, up to its End or as far as they are framed well.
fn walk(area: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    let mut reader = Reader::new(area);
    std::iter::from_fn(move || next(&mut reader).ok().flatten()).take_while(|(code, _)| *code != code::END)
}

/// Checks an area and notes the codes in it. The area up to its End, or up to the end of its last option.
fn check<'a>(area: &'a [u8], present: &mut Codes) -> Result<&'a [u8], Malformed> {
    let mut reader = Reader::new(area);
    let mut left = area.len();
    while let Some((code, _)) = next(&mut reader)? {
        if code == code::END {
            left = reader.len().saturating_add(1);
            break;
        }
        present.note(code);
        left = reader.len();
    }
    Ok(area.split_at_checked(area.len().saturating_sub(left)).map_or(area, |(used, _)| used))
}

/// Appends an area up to its End, but for the options of this code.
fn keep(area: &[u8], unwanted: u8, out: &mut Vec<u8>) {
    let mut reader = Reader::new(area);
    while let Some(code) = reader.u8().filter(|code| *code != code::END) {
        if code == code::PAD {
            out.push(code);
            continue;
        }
        // Framing was checked when the message was parsed.
        let Some(length) = reader.u8() else { return };
        let Some(value) = reader.take(usize::from(length)) else { return };
        if code != unwanted {
            out.extend([code, length]);
            out.extend_from_slice(value);
        }
    }
}

/// A set of option codes.
#[derive(Clone, Copy, Debug, Default)]
struct Codes([u128; 2]);

impl Codes {
    fn note(&mut self, code: u8) {
        if let Some(word) = self.0.get_mut(usize::from(code >> 7)) {
            *word |= 1 << (code & 127);
        }
    }

    fn has(&self, code: u8) -> bool {
        self.0.get(usize::from(code >> 7)).is_some_and(|word| word & 1 << (code & 127) != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::hex_decode;
    use crate::wire::v4::Message;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A reply with this options field, file and sname, all in hexadecimal.
    fn message(options: &str, file: &str, sname: &str) -> Vec<u8> {
        let mut octets = vec![0; 236];
        octets[..4].copy_from_slice(&[2, 1, 6, 3]);
        for (at, field) in [(108, file), (44, sname)] {
            let field = hex(field);
            octets[at..at + field.len()].copy_from_slice(&field);
        }
        octets.extend(COOKIE);
        octets.extend(hex(options));
        octets
    }

    fn hex(text: &str) -> Vec<u8> {
        hex_decode(&text.replace(' ', "")).unwrap()
    }

    fn closed(mut octets: Vec<u8>) -> Vec<u8> {
        close(&mut octets);
        octets
    }

    #[test]
    fn what_only_passes_stays_octet_for_octet_up_to_its_end() {
        for (options, kept) in [
            ("350101 0000 3204c0000201 00 ff 000000", "350101 0000 3204c0000201 00"),
            ("350101 3204c0000201", "350101 3204c0000201"),
            ("350101 0000000000", "350101"),
            ("0000 ff", "0000"),
            ("00000000", ""),
            ("ff 5202 0102", ""),
        ] {
            let octets = message(options, "ff", "6869");
            let passed = closed(Transit::parse(&octets).unwrap().open(0));
            let kept = hex(kept);
            assert_eq!(passed[..240], octets[..240]);
            assert_eq!(passed[240..240 + kept.len()], kept, "{options}");
            assert_eq!(passed[240 + kept.len()], code::END, "{options}");
            assert!(passed[241 + kept.len()..].iter().all(|octet| *octet == 0));
            assert_eq!(passed.len(), 300);
        }
    }

    #[test]
    fn an_option_goes_wherever_it_stands() {
        let octets = message(
            "350105 5202 0102 00 340103 3604c6336401 5201 03 ff",
            "0c0161 5200 060401020304 ff 77",
            "5203 040506",
        );
        let parsed = Transit::parse(&octets).unwrap();
        assert_eq!(parsed.option(82).as_deref(), Some(&[1, 2, 3, 4, 5, 6][..]));
        let rest = closed(parsed.open_without(82, 0));
        let expected = message("350105 00 340103 3604c6336401", "0c0161 060401020304 ff", "ff");
        assert_eq!(rest, closed(expected));
        assert!(!Transit::parse(&rest).unwrap().has(82));
    }

    #[test]
    fn a_field_that_held_nothing_of_it_stays_as_it_is() {
        let full = format!("e07e{}", "07".repeat(126));
        let octets = message("340101 5201 01 ff", &full, "7078652e30");
        let rest = closed(Transit::parse(&octets).unwrap().open_without(82, 0));
        assert_eq!(rest[..240], octets[..240]);
    }

    #[test]
    fn only_somebody_easy_with_option_52_finds_what_is_not_overloaded() {
        let agent = "5204 01026162 ff";
        for (overload, strict, easy) in [
            ("", false, false),
            ("340101", true, true),
            ("340102", false, false),
            ("340103", true, true),
            ("340107", false, true),
            ("340101 340101", false, true),
            ("3400 340101", true, true),
        ] {
            let octets = message(&format!("350101 {overload} ff"), agent, "");
            let parsed = Transit::parse(&octets).unwrap();
            assert_eq!((parsed.has(82), parsed.may_have(82)), (strict, easy), "{overload}");
        }
    }

    fn fields() -> impl Strategy<Value = Vec<u8>> {
        // Octets that are often codes, lengths and overloads.
        let often = |octets: Vec<u8>| -> Vec<u8> {
            let often = [0, 1, 2, 3, 4, 52, 53, 82, 255];
            octets
                .into_iter()
                .map(|octet| often.get(usize::from(octet >> 4)).copied().unwrap_or(octet))
                .collect()
        };
        let octets = |length| vec(any::<u8>(), length).prop_map(often);
        (octets(192..193), octets(0..80), 0_u8..20).prop_map(|(fields, options, hlen)| {
            let mut octets = vec![0; 44];
            octets[2] = hlen;
            octets.extend(fields);
            octets.extend(COOKIE);
            octets.extend(options);
            octets
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1024))]
        #[test]
        fn it_reads_what_the_parser_of_whole_messages_reads(octets in fields()) {
            let transit = match (Transit::parse(&octets), Message::parse(&octets)) {
                (Ok(transit), Ok(message)) => {
                    for code in [0, 1, 2, 3, 4, 52, 53, 54, 82, 255] {
                        prop_assert_eq!(transit.option(code), message.option(code), "{}", code);
                        prop_assert_eq!(transit.has(code), message.option(code).is_some());
                    }
                    prop_assert_eq!(transit.hardware(), message.hardware());
                    prop_assert_eq!(transit.kind(), message.kind());
                    transit
                }
                (transit, message) => {
                    prop_assert_eq!(transit.err(), message.err());
                    return Ok(());
                }
            };
            // Nothing but the option goes, and nothing comes.
            let rest = closed(transit.open_without(82, 0));
            prop_assert!(rest.len() <= octets.len().max(299) + 1);
            let (before, after) = (Message::parse(&octets).unwrap(), Message::parse(&rest).unwrap());
            let others: Vec<_> = before.options().filter(|(code, _)| *code != 82).collect();
            prop_assert_eq!(after.options().collect::<Vec<_>>(), others);
        }
    }
}
