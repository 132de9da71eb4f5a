//! What a file of leases is made of: a header, then entries.
//!
//! An entry is `kind (1), length of the payload (3), group (4), CRC-32C (4), payload`, big endian. The checksum begins
//! with that of the file's header, so that an entry of another file is none of this one, and covers all else. A group
//! is what was written before the disk was waited for: if a later group is there, the earlier ones were on the disk.

use crate::checksum::crc32c_after;
use crate::store::frame::{self, BadFile, Kind};
use dhcp4o6_protocol::binding::Record;
use std::io::{self, Read};

/// Octets of an entry before its payload.
const HEADER: usize = 12;
/// Longest payload: of an entry far more than a message could fill.
const MAX_PAYLOAD: usize = 1 << 18;
/// Longest payload of a file's header.
const MAX_HEADER: usize = 256;
/// Length of the header of a file, with the kernel's name for a boot.
const USUAL_HEADER: usize = frame::HEADER + 17 + 36 + frame::CHECKSUM;
/// Longest name of a boot.
const MAX_BOOT_ID: usize = 128;
/// How much of a damaged file is looked through, with repetitions, for an entry that is whole.
const PATIENCE: u64 = 1 << 26;
/// What is read at a time.
const CHUNK: usize = 1 << 18;

const RECORD: u8 = b'r';
const CLOCK: u8 = b'c';
const END: u8 = b'e';

/// What a file says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Header {
    /// Which one it is.
    pub(super) generation: u64,
    /// A journal that means nothing without the snapshot of its generation.
    pub(super) bound: bool,
    /// Which boot the moments in it belong to.
    pub(super) boot_id: String,
    /// Wall clock ahead of that boot's clock, in microseconds, when it was made.
    pub(super) ahead: i64,
}

impl Header {
    /// As octets.
    pub(super) fn wrap(&self, kind: Kind) -> Vec<u8> {
        let mut payload = Vec::with_capacity(64);
        payload.extend(self.generation.to_be_bytes());
        payload.push(u8::from(self.bound));
        payload.extend(self.ahead.to_be_bytes());
        // The kernel's has 36 octets. A longer one would be no name of a boot.
        payload
            .extend(Some(self.boot_id.as_bytes()).filter(|id| id.len() <= MAX_BOOT_ID).unwrap_or_default());
        frame::wrap(kind, &payload).unwrap_or_default()
    }

    /// From octets.
    fn unwrap(kind: Kind, octets: &[u8]) -> Result<Self, BadFile> {
        fn parse(payload: &[u8]) -> Option<Header> {
            let (generation, rest) = payload.split_first_chunk()?;
            let ([bound], rest) = rest.split_first_chunk()?;
            let (ahead, boot_id) = rest.split_first_chunk()?;
            Some(Header {
                generation: u64::from_be_bytes(*generation),
                bound: *bound != 0,
                boot_id: str::from_utf8(boot_id).ok()?.to_owned(),
                ahead: i64::from_be_bytes(*ahead),
            })
        }
        parse(frame::unwrap(kind, octets)?).ok_or(BadFile::Damaged)
    }
}

/// What the checksums of the entries in a file begin with. `header` is the octets of its header.
pub(super) fn seed(header: &[u8]) -> u32 {
    header.last_chunk().map_or(0, |sum| u32::from_be_bytes(*sum))
}

/// Appends a record as an entry that [`seal`] has to complete.
///
/// False, and nothing happens, if it is longer than any message could make it.
pub(super) fn push_record(record: &Record, out: &mut Vec<u8>) -> bool {
    push(RECORD, out, |out| record.encode(out))
}

/// Appends how far the wall clock is ahead from here on.
pub(super) fn push_clock(ahead: i64, out: &mut Vec<u8>) {
    push(CLOCK, out, |out| out.extend(ahead.to_be_bytes()));
}

/// Appends the end of a snapshot with so many records.
pub(super) fn push_end(records: u64, out: &mut Vec<u8>) {
    push(END, out, |out| out.extend(records.to_be_bytes()));
}

fn push(kind: u8, out: &mut Vec<u8>, payload: impl FnOnce(&mut Vec<u8>)) -> bool {
    let start = out.len();
    out.extend([0; HEADER]);
    payload(out);
    let length = out.len() - start - HEADER;
    let short = u32::try_from(length).ok().filter(|_| length <= MAX_PAYLOAD);
    match (short, out.get_mut(start..).and_then(|entry| entry.first_chunk_mut::<4>())) {
        (Some(length), Some(head)) => {
            *head = length.to_be_bytes();
            head[0] = kind;
            true
        }
        _ => {
            out.truncate(start);
            false
        }
    }
}

/// Completes entries: fills in their group and checksums. Says how many there were.
pub(super) fn seal(mut entries: &mut [u8], group: u32, seed: u32) -> u64 {
    let mut count = 0;
    while let Some(entry) = split_entry(&mut entries) {
        let (head, payload) = entry.split_at_mut(HEADER);
        head[4..8].copy_from_slice(&group.to_be_bytes());
        let sum = crc32c_after(crc32c_after(seed, &head[..8]), payload);
        head[8..].copy_from_slice(&sum.to_be_bytes());
        count += 1;
    }
    count
}

/// The part of `entries`, made by the functions above, that has whole entries and at most `most` octets; but at least
/// one entry.
pub(super) fn at_most(entries: &[u8], most: usize) -> usize {
    let mut end = 0;
    while let Some(payload) = entries.get(end..).and_then(payload_length) {
        let next = end + HEADER + payload;
        if next > most && end > 0 {
            break;
        }
        end = next;
    }
    end
}

fn split_entry<'a>(entries: &mut &'a mut [u8]) -> Option<&'a mut [u8]> {
    let length = HEADER + payload_length(entries)?;
    entries.split_off_mut(..length)
}

fn payload_length(entry: &[u8]) -> Option<usize> {
    let [_, high, middle, low] = *entry.first_chunk()?;
    usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()
}

/// What is in a file, one after the other.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Entry<'a> {
    /// The octets of a record, and the group they were written in.
    Record(&'a [u8], u32),
    /// How far the wall clock is ahead from here on.
    Clock(i64, u32),
    /// The end of a snapshot, and the records in it.
    End(u64),
    /// Octets that are nothing.
    Bad,
}

/// Reads a file of leases without holding more of it than an entry and what is read at a time.
pub(super) struct Scanner<R> {
    input: R,
    window: Vec<u8>,
    /// Of the window, what has been dealt with.
    start: usize,
    /// Nothing follows the window.
    ended: bool,
    seed: u32,
    patience: u64,
    octets: u64,
}

impl<R: Read> Scanner<R> {
    /// Reads the header of a file.
    ///
    /// # Errors
    /// When it cannot be read. The second result tells if it is no file of this kind.
    pub(super) fn open(input: R, kind: Kind) -> io::Result<(Self, Result<Header, BadFile>)> {
        let mut scanner = Self {
            input,
            window: Vec::new(),
            start: 0,
            ended: false,
            seed: 0,
            patience: PATIENCE,
            octets: 0,
        };
        scanner.fill(frame::HEADER)?;
        let length =
            scanner.window.get(12..).and_then(<[u8]>::first_chunk).map_or(0, |l| u32::from_be_bytes(*l));
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(MAX_HEADER);
        let whole = frame::HEADER + length + frame::CHECKSUM;
        scanner.fill(whole)?;
        let octets = scanner.window.get(..whole).unwrap_or(&scanner.window);
        let header = Header::unwrap(kind, octets);
        scanner.seed = seed(octets);
        scanner.start = octets.len();
        Ok((scanner, header))
    }

    /// Octets read so far.
    pub(super) const fn octets(&self) -> u64 {
        self.octets
    }

    /// True if there is nothing more to read.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn is_at_end(&mut self) -> io::Result<bool> {
        self.fill(1)?;
        Ok(self.start == self.window.len())
    }

    /// After a header that is none: true if nothing was ever written behind it, for the file is not longer than a header,
    /// or all of it is zero. That may be left of a file whose making did not reach the disk.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn is_void(&mut self) -> io::Result<bool> {
        self.start = 0;
        self.fill(USUAL_HEADER + 1)?;
        if self.window.len() <= USUAL_HEADER {
            return Ok(true);
        }
        while !self.is_at_end()? {
            if self.window.iter().any(|octet| *octet != 0) {
                return Ok(false);
            }
            self.start = self.window.len();
        }
        Ok(true)
    }

    /// The next entry. `None` is the end of the file.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn next(&mut self) -> io::Result<Option<Entry<'_>>> {
        if self.is_at_end()? {
            return Ok(None);
        }
        let Some(length) = self.whole_entry()? else {
            self.skip()?;
            return Ok(Some(Entry::Bad));
        };
        let entry = self.window.get(self.start..self.start + length).unwrap_or_default();
        self.start += length;
        let (head, payload) = entry.split_at(HEADER);
        let group = u32::from_be_bytes([head[4], head[5], head[6], head[7]]);
        let number = payload.try_into();
        Ok(Some(match (head[0], number) {
            (RECORD, _) => Entry::Record(payload, group),
            (CLOCK, Ok(ahead)) => Entry::Clock(i64::from_be_bytes(ahead), group),
            (END, Ok(records)) => Entry::End(u64::from_be_bytes(records)),
            _ => Entry::Bad,
        }))
    }

    /// The length of the entry that begins here, if there is one.
    fn whole_entry(&mut self) -> io::Result<Option<usize>> {
        // Before anything else is filled in: most octets of a damaged file do not begin an entry.
        if !self.window.get(self.start).is_some_and(|kind| matches!(*kind, RECORD | CLOCK | END)) {
            return Ok(None);
        }
        self.fill(HEADER)?;
        let here = self.window.get(self.start..).unwrap_or_default();
        let Some(payload) = payload_length(here).filter(|length| *length <= MAX_PAYLOAD) else {
            return Ok(None);
        };
        let length = HEADER + payload;
        self.fill(length)?;
        let entry =
            self.window.get(self.start..self.start + length).and_then(|entry| entry.split_at_checked(HEADER));
        let Some((head, payload)) = entry else { return Ok(None) };
        let sum = crc32c_after(crc32c_after(self.seed, &head[..8]), payload);
        if head[8..] == sum.to_be_bytes() {
            return Ok(Some(length));
        }
        self.patience = self.patience.saturating_sub(length as u64);
        Ok(None)
    }

    /// Goes on to the next entry that is whole, or to the end.
    fn skip(&mut self) -> io::Result<()> {
        loop {
            self.start = if self.patience == 0 { self.window.len() } else { self.start + 1 };
            if self.is_at_end()? || self.whole_entry()?.is_some() {
                return Ok(());
            }
        }
    }

    /// Reads until the window has so many octets that were not dealt with, or the file ends.
    fn fill(&mut self, octets: usize) -> io::Result<()> {
        while !self.ended && self.window.len() - self.start < octets {
            if self.start > 0 {
                self.window.drain(..self.start);
                self.start = 0;
            }
            let before = self.window.len();
            let wanted = CHUNK.max(octets - before);
            let read = self.input.by_ref().take(wanted as u64).read_to_end(&mut self.window)?;
            self.octets += read as u64;
            self.ended = read < wanted;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::binding::Slot4;

    fn header() -> Header {
        Header { generation: 7, bound: true, boot_id: "one".into(), ahead: -3 }
    }

    fn gone(host: u8) -> Record {
        Record::Gone4(Slot4 { address: [192, 0, 2, host].into(), ports: None })
    }

    fn payload(host: u8) -> Vec<u8> {
        let mut octets = Vec::new();
        gone(host).encode(&mut octets);
        octets
    }

    /// A journal with these records, a group each.
    fn journal(hosts: std::ops::Range<u8>) -> Vec<u8> {
        let mut file = header().wrap(Kind::Journal);
        let seed = seed(&file);
        for (group, host) in (0..).zip(hosts) {
            let start = file.len();
            assert!(push_record(&gone(host), &mut file));
            assert_eq!(seal(&mut file[start..], group, seed), 1);
        }
        file
    }

    /// The records in a file by their last octet, and 255 for what is bad.
    fn hosts(file: &[u8]) -> Vec<u8> {
        let (mut scanner, found) = Scanner::open(file, Kind::Journal).unwrap();
        assert_eq!(found, Ok(header()));
        let mut hosts = Vec::new();
        while let Some(entry) = scanner.next().unwrap() {
            hosts.push(match entry {
                Entry::Record(octets, group) => {
                    let host = *octets.last().unwrap();
                    assert_eq!((octets, group), (&payload(host)[..], u32::from(host)));
                    host
                }
                Entry::Bad => 255,
                other => panic!("{other:?}"),
            });
        }
        hosts
    }

    #[test]
    fn entries_are_read_back_in_order() {
        assert_eq!(hosts(&journal(0..100)), (0..100).collect::<Vec<_>>());
        assert!(hosts(&journal(0..0)).is_empty());
    }

    #[test]
    fn one_changed_bit_costs_one_entry_and_is_noticed() {
        let file = journal(0..5);
        let first = header().wrap(Kind::Journal).len();
        let entry = (file.len() - first) / 5;
        for bit in first * 8..file.len() * 8 {
            let mut flipped = file.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let mut expected = [0, 1, 2, 3, 4];
            expected[(bit / 8 - first) / entry] = 255;
            assert_eq!(hosts(&flipped), expected, "bit {bit}");
        }
    }

    #[test]
    fn an_entry_of_another_file_is_none_of_this_one() {
        let other = Header { generation: 8, ..header() };
        let mut file = journal(0..1);
        let start = file.len();
        push_record(&gone(1), &mut file);
        seal(&mut file[start..], 1, seed(&other.wrap(Kind::Journal)));
        assert_eq!(hosts(&file), [0, 255]);
    }

    #[test]
    fn a_cut_file_ends_with_its_last_whole_entry() {
        let file = journal(0..3);
        let entry = (file.len() - header().wrap(Kind::Journal).len()) / 3;
        for cut in 1..entry {
            assert_eq!(hosts(&file[..file.len() - cut]), [0, 1, 255]);
        }
        assert_eq!(hosts(&file[..file.len() - entry]), [0, 1]);
    }

    #[test]
    fn what_pretends_to_be_long_entries_costs_bounded_work() {
        let mut file = header().wrap(Kind::Journal);
        file.extend([RECORD, 3, 255, 0].repeat(4 << 20));
        let before = std::time::Instant::now();
        assert_eq!(hosts(&file), [255]);
        // Without optimisation and on a busy machine; without a limit it would be days.
        assert!(before.elapsed().as_secs() < 60);
    }

    #[test]
    fn groups_are_divided_between_entries() {
        let file = journal(0..10);
        let entries = &file[header().wrap(Kind::Journal).len()..];
        let entry = entries.len() / 10;
        assert_eq!(at_most(entries, entry * 3 + 1), entry * 3);
        assert_eq!(at_most(entries, 1), entry, "one at least");
        assert_eq!(at_most(entries, usize::MAX), entries.len());
        assert_eq!(at_most(&[], 100), 0);
    }
}
