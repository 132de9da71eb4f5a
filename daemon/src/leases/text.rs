//! Leases as JSON lines, for people and for other programs: export and import, without a server.
//!
//! Each line is one record. Octet strings are hexadecimal digits, moments are seconds since 1970 with up to six decimals,
//! and what has no end has no `expires`:
//!
//! ```json
//! {"record":"lease4","address":"192.0.2.10","client":{"id":"ff00000001000300010200"},"state":"bound",
//!  "changed":1793700000.25,"expires":1793703600.25,"origin":{"network":"2001:db8:1:2::/64"},"source":"2001:db8:1:2::5"}
//! {"record":"lease6","prefix":"2001:db8:8000::/56","duid":"000300010200","iaid":1,"state":"bound","changed":1793700000,
//!  "origin":{"link":{"address":"fe80::5","link":"6c616e30"}}}
//! {"record":"reserve4","address":"192.0.2.7","holder":{"circuit":"6c616e30"}}
//! ```
//! (Each on one line.) The records `gone4`, `gone6` and `unreserve4`, which say that there is none any more, are read and
//! never written.

mod form;

use super::clerk::Batch;
use super::disk::{Directory, Disk};
use super::load::{Purpose, load};
use super::writer::Draft;
use super::{FOLDER, LeasesError, Loaded};
use crate::store::BootClock;
use dhcp4o6_protocol::binding::{Record, Slot4, Slot6};
use dhcp4o6_protocol::time::Instant;
use form::Line;
use std::collections::BTreeMap;
use std::io::{self, BufRead, ErrorKind, Read, Write};
use std::net::Ipv4Addr;
use std::path::Path;

/// Longest line: far more than any record needs.
const MAX_LINE: u64 = 1 << 20;
/// Mistakes that are told; of the others, how many there are.
const MAX_MISTAKES: usize = 1_000;
/// How often reading begins again because a server removed what was being read.
const ATTEMPTS: usize = 5;
/// Octets that are collected before they are written.
const BATCH: usize = 1 << 20;

/// Why leases could not be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// They cannot be read.
    #[error("the leases cannot be read: {0}")]
    Read(#[source] io::Error),
    /// What was read cannot be written.
    #[error("cannot write: {0}")]
    Write(#[source] io::Error),
}

/// Why leases could not be imported; nothing was.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// A server is using them.
    #[error(transparent)]
    Leases(#[from] LeasesError),
    /// The input cannot be read.
    #[error("cannot read: {0}")]
    Read(#[source] io::Error),
    /// All that is wrong with the input.
    #[error("{0}")]
    Mistakes(Mistakes),
    /// The disk does not take them.
    #[error("cannot store: {0}")]
    Store(#[source] io::Error),
}

/// What is wrong with lines. Shows as a line of text each.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mistakes {
    /// Number of the line, from 1, and what is wrong with it: the first thousand.
    pub lines: Vec<(u64, String)>,
    /// How many more there are.
    pub more: u64,
}

impl Mistakes {
    fn add(&mut self, line: u64, what: String) {
        if self.lines.len() < MAX_MISTAKES {
            self.lines.push((line, what));
        } else {
            self.more += 1;
        }
    }
}

impl std::fmt::Display for Mistakes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, (line, what)) in self.lines.iter().enumerate() {
            let end = if index > 0 { "\n" } else { "" };
            write!(f, "{end}line {line}: {what}")?;
        }
        if self.more > 0 { write!(f, "\nand {} more", self.more) } else { Ok(()) }
    }
}

/// What a record is about. The last record of each counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Subject {
    Lease4(Slot4),
    Lease6(Slot6),
    Reservation(Ipv4Addr),
}

impl Subject {
    const fn of(record: &Record) -> Self {
        match record {
            Record::Lease4(binding) => Self::Lease4(binding.slot),
            Record::Gone4(slot) => Self::Lease4(*slot),
            Record::Lease6(binding) => Self::Lease6(binding.slot),
            Record::Gone6(slot) => Self::Lease6(*slot),
            Record::Reserve4 { address, .. } | Record::Unreserve4 { address } => Self::Reservation(*address),
        }
    }
}

/// A clock whose moments are microseconds since 1970, and that is of no boot.
fn wall_clock() -> BootClock {
    BootClock { boot_id: String::new(), now: || Instant::from_micros(u64::MAX), wall_minus_boot_micros: || 0 }
}

/// Writes every lease below `state_dir`, and every reservation that an operator made, to `out`, one JSON object a line, and says how many. A
/// server may be using them meanwhile: then it is what was on the disk at some moment.
///
/// # Errors
/// When they cannot be read, or not be written.
pub fn export(state_dir: &Path, out: &mut dyn Write) -> Result<Loaded, ExportError> {
    let (found, records) = read_all(&state_dir.join(FOLDER)).map_err(ExportError::Read)?;
    for octets in records.values() {
        let Ok(record) = Record::decode(octets) else { continue };
        let line = serde_json::to_writer(&mut *out, &Line::of(&record)).map_err(io::Error::from);
        line.and_then(|()| out.write_all(b"\n")).map_err(ExportError::Write)?;
    }
    out.flush().map_err(ExportError::Write)?;
    Ok(Loaded { records: records.len() as u64, ..found })
}

/// The last record of everything there is, in octets: a million of them have to fit.
type Records = BTreeMap<Subject, Box<[u8]>>;

fn read_all(dir: &Path) -> io::Result<(Loaded, Records)> {
    // Where there is no directory a server would begin without leases; here it is a slip of the pen.
    std::fs::read_dir(dir)?;
    let mut attempt = 1;
    loop {
        let mut records = Records::new();
        let mut octets = Vec::new();
        let mut sink = |record: Record| match record {
            Record::Gone4(_) | Record::Gone6(_) | Record::Unreserve4 { .. } => {
                records.remove(&Subject::of(&record));
            }
            Record::Lease4(_) | Record::Lease6(_) | Record::Reserve4 { .. } => {
                octets.clear();
                record.encode(&mut octets);
                records.insert(Subject::of(&record), octets.as_slice().into());
            }
        };
        match load(&mut Directory::new(dir.to_owned()), &wall_clock(), Purpose::Look, &mut sink) {
            Err(error) if error.kind() == ErrorKind::NotFound && attempt < ATTEMPTS => attempt += 1,
            outcome => return outcome.map(|(loaded, _)| (loaded, records)),
        }
    }
}

/// Adds what [`export`] wrote to the leases below `state_dir`, in place of what is known there of the same slots, and says how
/// many records there were. All of it is on the disk when this returns, or nothing is changed.
///
/// # Errors
/// When a server is using them, a line is wrong, or the disk does not take them.
pub fn import(state_dir: &Path, input: &mut dyn BufRead) -> Result<u64, ImportError> {
    let dir = state_dir.join(FOLDER);
    let mut disk = Directory::new(dir.clone());
    match disk.lock() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            return Err(LeasesError::InUse(dir).into());
        }
        outcome => outcome.map_err(ImportError::Store)?,
    }
    import_on(disk, input)
}

fn import_on<D: Disk>(mut disk: D, input: &mut dyn BufRead) -> Result<u64, ImportError> {
    let mut draft = Draft::begin(&mut disk, &wall_clock()).map_err(ImportError::Store)?;
    match read_lines(input, |entries| draft.append(&mut disk, entries)) {
        Ok(records) => draft.publish(&mut disk).map(|()| records).map_err(ImportError::Store),
        Err(error) => {
            draft.discard(&mut disk);
            Err(error)
        }
    }
}

/// Reads all lines, hands the records on as entries, and says how many there were.
fn read_lines(
    input: &mut dyn BufRead,
    mut store: impl FnMut(&mut [u8]) -> io::Result<()>,
) -> Result<u64, ImportError> {
    let (mut mistakes, mut subjects) = (Mistakes::default(), BTreeMap::new());
    let (mut batch, mut line, mut number) = (Batch::default(), Vec::new(), 0);
    loop {
        line.clear();
        number += 1;
        let read = input.take(MAX_LINE).read_until(b'\n', &mut line).map_err(ImportError::Read)?;
        if read == 0 {
            break;
        }
        if read as u64 == MAX_LINE && !line.ends_with(b"\n") {
            skip_line(input).map_err(ImportError::Read)?;
            mistakes.add(number, format!("longer than {MAX_LINE} octets"));
            continue;
        }
        if line.trim_ascii().is_empty() {
            continue;
        }
        match form::parse(&line) {
            Ok(record) => {
                if let Some(other) = subjects.insert(Subject::of(&record), number) {
                    mistakes.add(number, format!("line {other} is about the same"));
                }
                batch.push(&record);
                if std::mem::take(&mut batch.too_long) {
                    mistakes.add(number, "longer than a record can be".to_owned());
                }
            }
            Err(what) => mistakes.add(number, what),
        }
        if batch.entries.len() >= BATCH {
            store(&mut batch.entries).map_err(ImportError::Store)?;
            batch.clear();
        }
    }
    store(&mut batch.entries).map_err(ImportError::Store)?;
    if mistakes == Mistakes::default() {
        Ok(subjects.len() as u64)
    } else {
        Err(ImportError::Mistakes(mistakes))
    }
}

/// Reads to the end of the line, keeping nothing of it.
fn skip_line(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let (used, done) = match buffer.iter().position(|octet| *octet == b'\n') {
            Some(at) => (at + 1, true),
            None => (buffer.len(), buffer.is_empty()),
        };
        input.consume(used);
        if done {
            return Ok(());
        }
    }
}
