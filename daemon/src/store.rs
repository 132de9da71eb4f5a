//! Leases and the DUID on disk. The wall clock appears here and nowhere else.
//!
//! Everything is written as a new file, synced, renamed over the old one, and the directory synced: after a crash at
//! any moment either the old or the new record is there, whole. Everything is read as if an enemy had written it.

mod disk;
mod duid;
pub(crate) mod frame;
mod secret;
#[cfg(test)]
mod tests;

pub use disk::{Directory, Disk};

use self::frame::{BadFile, Kind};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::time::Instant;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

/// A record in which only the times moved, and by less than this, is not written again.
const WRITE_INTERVAL: Duration = Duration::from_secs(60);
/// How long a lease whose age cannot be known counts as valid: the time it takes to ask for it.
const HINT: Duration = Duration::from_secs(60);
/// Most damaged versions of one file that are kept.
const MAX_BAD: u32 = 9;

/// Which link a record is of. It must find its lease again after a restart, so it cannot be an index.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct LinkKey {
    /// Name of its namespace; `None` is the service's own.
    pub namespace: Option<String>,
    /// What tells it from the others there.
    pub identity: Identity,
}

/// What a link is known by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Identity {
    /// Its permanent hardware address, where it has one.
    PermanentMac(Vec<u8>),
    /// Else its name.
    Name(String),
}

impl LinkKey {
    /// Names of links and namespaces may hold anything, so they never become part of a path.
    fn file(&self) -> String {
        let mut octets = Vec::new();
        match &self.namespace {
            None => octets.push(0),
            Some(name) => octets.extend([&[1], name.as_bytes(), &[0]].concat()),
        }
        match &self.identity {
            Identity::PermanentMac(mac) => octets.extend([b"M".as_slice(), mac].concat()),
            Identity::Name(name) => octets.extend([b"N".as_slice(), name.as_bytes()].concat()),
        }
        format!("link-{:032x}", fnv1a(&octets))
    }
}

/// FNV-1a with 128 bits. Two keys of one hash would take turns in one file; the key inside tells whose it is.
fn fnv1a(octets: &[u8]) -> u128 {
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    const BASIS: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    octets.iter().fold(BASIS, |hash, octet| (hash ^ u128::from(*octet)).wrapping_mul(PRIME))
}

/// The clocks, as the store needs them. It asks each time: somebody may set the wall clock.
#[derive(Clone, Debug)]
pub struct BootClock {
    /// The kernel's name for this boot; empty where it tells none, and then every record is of another boot.
    pub boot_id: String,
    /// CLOCK_BOOTTIME.
    pub now: fn() -> Instant,
    /// How far the wall clock is ahead of CLOCK_BOOTTIME, in microseconds.
    pub wall_minus_boot_micros: fn() -> i64,
}

/// Why something was not stored. Nothing is lost by it but safety from a crash.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk did not take it.
    #[error("{file}: {source}")]
    Disk {
        /// Name of the file in the state directory.
        file: String,
        /// What the kernel says.
        source: io::Error,
    },
    /// It is too long, and would not be read back.
    #[error("{file}: a record of more than 1 MiB")]
    TooLong {
        /// Name of the file in the state directory.
        file: String,
    },
}

/// What is in the file of a link.
#[derive(Serialize, Deserialize)]
struct Saved<'a> {
    key: LinkKey,
    boot_id: String,
    /// Of the moment it was written.
    wall_minus_boot_micros: i64,
    written_at: Instant,
    record: std::borrow::Cow<'a, LinkRecord>,
}

/// What is remembered of a record on disk: enough to see whether another one has to be written.
#[derive(PartialEq, Eq)]
struct Written {
    /// Hash of everything but the moments.
    rest: u128,
    moments: Vec<Instant>,
}

impl Written {
    fn of(record: &LinkRecord) -> Option<Self> {
        let (mut moments, mut rest) = (Vec::new(), record.clone());
        rest.each_moment(|moment| moments.push(std::mem::take(moment)));
        Some(Self { rest: fnv1a(&serde_json::to_vec(&rest).ok()?), moments })
    }

    /// True if losing `newer` only makes a lease end a little earlier than it could.
    fn is_as_good_as(&self, newer: &Self) -> bool {
        let close = |(old, new): (&Instant, &Instant)| *new >= *old && new.since(*old) < WRITE_INTERVAL;
        self.rest == newer.rest && self.moments.iter().zip(&newer.moments).all(close)
    }
}

/// The state directory.
pub struct Store<D: Disk = Directory> {
    disk: D,
    boot: BootClock,
    /// By file name.
    written: BTreeMap<String, Written>,
    /// In use, and not on disk yet.
    unkept: Option<Duid>,
}

impl Store {
    /// The state in `dir`, which is made when first needed.
    pub fn open(dir: impl AsRef<Path>, boot: BootClock) -> Self {
        Self::on(Directory::new(dir.as_ref().to_owned()), boot)
    }
}

impl<D: Disk> Store<D> {
    fn on(disk: D, boot: BootClock) -> Self {
        Self { disk, boot, written: BTreeMap::new(), unkept: None }
    }

    /// The record of a link with its moments on this boot's clock; `None` when there is none that can be used.
    ///
    /// A record of another boot is moved by the difference of the wall clocks. When the wall clock is behind the
    /// record, nobody knows how old it is: its leases then end within a minute unless a server confirms them.
    pub fn load(&mut self, key: &LinkKey) -> Option<LinkRecord> {
        let file = key.file();
        let payload = self.read(&file, Kind::Link)?;
        let saved = match serde_json::from_slice::<Saved<'_>>(&payload) {
            Ok(saved) => saved,
            Err(_) => {
                self.set_aside(&file, BadFile::Damaged);
                return None;
            }
        };
        if saved.key != *key {
            return None;
        }
        let mut record = saved.record.into_owned();
        if saved.boot_id == self.boot.boot_id && !saved.boot_id.is_empty() {
            self.written.extend(Written::of(&record).map(|written| (file, written)));
            return Some(record);
        }
        let (now, ahead) = ((self.boot.now)(), (self.boot.wall_minus_boot_micros)());
        let written_at = saved.written_at.shifted(saved.wall_minus_boot_micros);
        if now.shifted(ahead) < written_at {
            let age = i128::from(now.as_micros()) - i128::from(saved.written_at.as_micros());
            record.shift(saturated(age));
            record.each_moment(|moment| *moment = (*moment).min(now + HINT));
        } else {
            record.shift(saved.wall_minus_boot_micros.saturating_sub(ahead));
        }
        Some(record)
    }

    /// Makes of the record of a link what [`put`] writes to disk. `None` when only times moved, and by less than a minute:
    /// what is on disk is as good then.
    ///
    /// # Errors
    /// When a DUID that the disk did not take before is not taken now either: a lease without it is worth nothing.
    pub fn draft(&mut self, key: &LinkKey, record: &LinkRecord) -> Result<Option<Draft>, StoreError> {
        self.keep_duid()?;
        let file = key.file();
        let new = Written::of(record);
        if let (Some(old), Some(new)) = (self.written.get(&file), &new)
            && old.is_as_good_as(new)
        {
            return Ok(None);
        }
        let saved = Saved {
            key: key.clone(),
            boot_id: self.boot.boot_id.clone(),
            wall_minus_boot_micros: (self.boot.wall_minus_boot_micros)(),
            written_at: (self.boot.now)(),
            record: std::borrow::Cow::Borrowed(record),
        };
        let payload = serde_json::to_vec(&saved)
            .map_err(|error| StoreError::Disk { file: file.clone(), source: error.into() })?;
        let content = frame::wrap(Kind::Link, &payload);
        let content = content.ok_or_else(|| StoreError::TooLong { file: file.clone() })?;
        // Until it is known to be on disk, what is there is unknown.
        self.written.remove(&file);
        Ok(Some(Draft { file, content, written: new }))
    }

    /// Remembers what [`put`] has put on disk.
    pub fn kept(&mut self, draft: Draft) {
        self.written.extend(draft.written.map(|written| (draft.file, written)));
    }

    /// The payload of a file. A damaged one is set aside, one that cannot be read is left alone.
    fn read(&mut self, file: &str, kind: Kind) -> Option<Vec<u8>> {
        match self.disk.read(file, frame::MAX_FILE + 1) {
            Ok(None) => None,
            Ok(Some(content)) => match frame::unwrap(kind, &content) {
                Ok(payload) => Some(payload.to_vec()),
                Err(bad) => {
                    self.set_aside(file, bad);
                    None
                }
            },
            Err(error) => {
                tracing::warn!(file, %error, "a state file cannot be read");
                None
            }
        }
    }

    fn write(&mut self, file: &str, kind: Kind, payload: &[u8]) -> Result<(), StoreError> {
        let content =
            frame::wrap(kind, payload).ok_or_else(|| StoreError::TooLong { file: file.to_owned() })?;
        let done = replace(&mut self.disk, file, &content).and_then(|()| self.disk.sync());
        done.map_err(|source| StoreError::Disk { file: file.to_owned(), source })
    }

    /// Puts a file that cannot be used out of the way, for somebody to look at.
    fn set_aside(&mut self, file: &str, why: BadFile) {
        let numbered = |number| format!("{file}.bad-{number}");
        let free = (1..MAX_BAD).find(|number| !self.disk.has(&numbered(*number))).unwrap_or(MAX_BAD);
        let to = numbered(free);
        let moved = self.disk.rename(file, &to).and_then(|()| self.disk.sync());
        match moved {
            Ok(()) => tracing::warn!(file, reason = %why, set_aside_as = to, "a state file is not used"),
            Err(error) => tracing::warn!(file, reason = %why, %error, "a state file is not used and stays"),
        }
    }
}

/// The record of a link, ready to be written.
pub struct Draft {
    file: String,
    content: Vec<u8>,
    written: Option<Written>,
}

/// Puts records on disk, with one sync of the directory for all of them: each is durable unless its outcome is an
/// error, and then the old one may be there still.
pub fn put(disk: &mut impl Disk, drafts: &[Draft]) -> Vec<Result<(), StoreError>> {
    let mut outcomes: Vec<_> =
        drafts.iter().map(|draft| replace(disk, &draft.file, &draft.content)).collect();
    let synced = if outcomes.iter().any(Result::is_ok) { disk.sync() } else { Ok(()) };
    if let Err(error) = synced {
        let same = || error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
        outcomes.iter_mut().filter(|outcome| outcome.is_ok()).for_each(|outcome| *outcome = Err(same()));
    }
    let named = outcomes.into_iter().zip(drafts).map(|(outcome, draft)| {
        outcome.map_err(|source| StoreError::Disk { file: draft.file.clone(), source })
    });
    named.collect()
}

/// Durable after the next [`Disk::sync`].
fn replace(disk: &mut impl Disk, file: &str, content: &[u8]) -> io::Result<()> {
    let new = format!("{file}.new");
    disk.write(&new, content)?;
    disk.rename(&new, file)
}

fn saturated(micros: i128) -> i64 {
    i64::try_from(micros).unwrap_or(if micros < 0 { i64::MIN } else { i64::MAX })
}
