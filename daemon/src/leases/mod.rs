//! The leases of a server on disk: what was reported as stored is there after any crash.
//!
//! The owner of the table appends a record for each change and hands what has gathered over with [`Leases::flush`]. One
//! thread writes what came while it was waiting for the disk in one go, and waits again; [`Leases::changed`] tells how
//! far it is. When the disk fails, nothing more is written to the files of before: the thread begins new ones, and the
//! owner hands everything it knows over, page by page ([`Leases::page`]). A journal that grew long is rewritten in the
//! same way while records go on.
//!
//! | where | what |
//! |---|---|
//! | `mod.rs` | the owner's side, and the thread |
//! | `clerk.rs` | what the thread does, in turns: failure, recovery, rewriting |
//! | `writer.rs`, `load.rs` | generations of files, written and read |
//! | `entry.rs`, `names.rs` | one file, one name |
//! | `text.rs` | export and import |
//! | `disk.rs` | what is needed of a disk |
//!
//! # Another store
//!
//! Nothing here says that there is a file. A store that several servers share could take the place of this one if it
//! gives its owner the same:
//!
//! - **Order.** Records take effect in the order of their numbers, and `Stored(n)` is said only when a crash of any
//!   single machine cannot lose records 1 to n. Every record is about one slot and may be repeated.
//! - **One writer for each slot.** A server gives out only what it owns: the store must give each one pools of its own,
//!   or refuse a record of a slot that another server changed meanwhile. A refusal is `Failed`: the owner takes back what
//!   was not stored, and answers nothing on the strength of it.
//! - **The whole.** `open` tells everything, in any order in which the last record of a slot is its newest. What other
//!   servers change afterwards would be one more kind of [`Progress`].
//! - **An owner of the truth.** After `Failed` this store asks the owner for everything. One that others write to as
//!   well would answer with its own truth instead, again as records.

mod clerk;
mod disk;
mod entry;
mod load;
mod names;
mod text;
mod writer;

#[cfg(test)]
mod tests;

pub use text::{ExportError, ImportError, export, import};

use crate::store::BootClock;
use clerk::{Batch, Clerk, Page, PageNumber, Work};
use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::view::After;
use disk::{Directory, Disk};
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;
use tokio::sync::Notify;
use writer::{Limits, Writer};

/// Where leases are in the state directory.
pub const FOLDER: &str = "leases";
/// While this many records wait for the disk, the owner should take no more messages up.
pub const MAX_PENDING: u64 = 65_536;
/// Records that make a good page: the owner does nothing else while it gathers them.
pub const PAGE: usize = 1_000;

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
    /// Records can be stored again, and everything that was on the pages is. Up to which number that is, a
    /// [`Progress::Stored`] says at once. Numbers go on: those of lost records are not used again.
    Restored,
    /// [`Leases::wants_page`] is no longer `None`.
    WantsPage,
}

/// The journal of one server.
pub struct Leases {
    shared: Arc<Shared>,
    /// Appended and not handed over.
    batch: Batch,
    /// Number of the last record.
    appended: u64,
    /// Number of the last record that the owner knows the fate of.
    reported: u64,
    /// The last lease on a page that was handed over.
    cursor: After,
    /// The owner was told that this page is wanted.
    told: Option<PageNumber>,
    thread: Option<JoinHandle<()>>,
}

impl Leases {
    /// Opens the journal in the folder [`FOLDER`] of `state_dir`, which is made if it is missing, and calls `load` with
    /// its records in order: the last record of a slot counts. Moments are on the clock of this boot.
    ///
    /// # Errors
    /// When another process has it open, or no thread can be started. A disk that cannot be written is no error here,
    /// but [`Progress::Failed`] afterwards; what cannot be read is passed over.
    pub fn open(
        state_dir: &Path,
        boot: BootClock,
        load: &mut dyn FnMut(Record),
    ) -> Result<(Self, Loaded), LeasesError> {
        let dir = state_dir.join(FOLDER);
        let mut disk = Directory::new(dir.clone());
        match disk.lock() {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                return Err(LeasesError::InUse(dir));
            }
            // Without the lock nothing is written: the clerk asks for it again.
            Ok(()) | Err(_) => {}
        }
        Self::on(disk, boot, Limits::USUAL, load)
    }

    fn on<D>(
        disk: D,
        boot: BootClock,
        limits: Limits,
        load: &mut dyn FnMut(Record),
    ) -> Result<(Self, Loaded), LeasesError>
    where
        D: Disk<File: Send> + Send + 'static,
    {
        let before = Instant::now();
        let (writer, loaded) = Writer::open(disk, boot, limits, load);
        let mut loaded = loaded.unwrap_or_else(|error| {
            tracing::error!(%error, "the leases cannot be read");
            Loaded { bad: 1, ..Loaded::default() }
        });
        loaded.seconds = before.elapsed().as_secs_f64();
        let (clerk, news) = Clerk::new(writer, Instant::now());
        let shared = Arc::new(Shared::default());
        let thread = {
            let shared = Arc::clone(&shared);
            let run = move || shared.run(clerk, news);
            std::thread::Builder::new().name("leases".into()).spawn(run).map_err(LeasesError::Thread)?
        };
        let leases = Self {
            shared,
            batch: Batch::default(),
            appended: 0,
            reported: 0,
            cursor: After::Start,
            told: None,
            thread: Some(thread),
        };
        Ok((leases, loaded))
    }

    /// Takes a record. It has the next number; the first one since the journal was opened has 1.
    pub fn append(&mut self, record: &Record) {
        self.appended += 1;
        self.batch.last = self.appended;
        self.batch.push(record);
    }

    /// Hands all records over to be written. Never waits.
    pub fn flush(&mut self) {
        if !self.batch.is_empty() {
            self.shared.desk().work.batch.take(&mut self.batch);
            self.shared.work_came.notify_one();
        }
    }

    /// Completes when there is progress. Cancel safe. With [`Progress::Failed`] all records appended so far that were
    /// not reported as stored are lost, handed over or not.
    pub async fn changed(&mut self) -> Progress {
        loop {
            if let Some(progress) = self.progress() {
                return progress;
            }
            let shared = Arc::clone(&self.shared);
            shared.news_came.notified().await;
        }
    }

    fn progress(&mut self) -> Option<Progress> {
        let mut desk = self.shared.desk();
        while let Some(news) = desk.news.pop_front() {
            match news {
                // Of records that were lost before.
                Progress::Stored(number) if number <= self.reported => continue,
                Progress::Stored(number) => self.reported = number,
                Progress::Failed => {
                    self.reported = self.appended;
                    self.batch.clear();
                    desk.acknowledge(self.appended);
                    self.shared.work_came.notify_one();
                }
                Progress::Restored | Progress::WantsPage => {}
            }
            return Some(news);
        }
        let wants = desk.wants.filter(|wants| self.told != Some(*wants));
        wants.map(|wants| {
            self.told = Some(wants);
            Progress::WantsPage
        })
    }

    /// Records that wait for the disk: compare with [`MAX_PENDING`].
    pub fn pending(&self) -> u64 {
        self.appended.saturating_sub(self.shared.desk().settled)
    }

    /// Where the page begins that is wanted now, if any: the journal is being rewritten, by the owner's hand.
    pub fn wants_page(&self) -> Option<After> {
        let wants = self.shared.desk().wants?;
        Some(if wants.page == 0 { After::Start } else { self.cursor })
    }

    /// Hands over the page that is wanted: the leases after the one that [`Leases::wants_page`] names, in their order,
    /// about [`PAGE`] of them, with every record appended so far in effect; behind [`After::Start`] all reservations
    /// that operators made come first. `last` if there is no lease after these. Does nothing when no page is wanted.
    pub fn page(&mut self, records: &[Record], last: bool) {
        let mut batch = Batch::default();
        for record in records {
            batch.push(record);
            match record {
                Record::Lease4(binding) => self.cursor = After::Lease4(binding.slot),
                Record::Lease6(binding) => self.cursor = After::Lease6(binding.slot),
                _ => {}
            }
        }
        // The page may know of these records, so that they come first.
        self.flush();
        let mut desk = self.shared.desk();
        if let Some(number) = desk.wants.take() {
            desk.work.page = Some(Page { number, batch, last });
            self.shared.work_came.notify_one();
        }
    }

    /// After [`Progress::Failed`]: tries the disk now, and not only in a minute.
    pub fn retry(&mut self) {
        self.shared.desk().work.retry = true;
        self.shared.work_came.notify_one();
    }
}

impl Drop for Leases {
    /// Waits until what was appended is written.
    fn drop(&mut self) {
        self.flush();
        self.shared.desk().closed = true;
        self.shared.work_came.notify_one();
        if let Some(thread) = self.thread.take() {
            // If it panicked, that was told.
            let _ = thread.join();
        }
    }
}

/// Between the owner and the thread. Neither keeps it longer than it takes to lay something down.
#[derive(Default)]
struct Shared {
    desk: Mutex<Desk>,
    work_came: Condvar,
    news_came: Notify,
}

#[derive(Default)]
struct Desk {
    work: Work,
    /// What the owner said is not in `work`.
    called: bool,
    closed: bool,
    /// At most one [`Progress::Stored`] before, between and after the others, of which the owner must take each before
    /// there can be more than two.
    news: VecDeque<Progress>,
    settled: u64,
    wants: Option<PageNumber>,
}

impl Desk {
    /// The owner knows of the failure: nothing it handed over before is to be written.
    fn acknowledge(&mut self, appended: u64) {
        self.work.batch.clear();
        self.work.page = None;
        self.work.acknowledged = true;
        self.settled = appended;
        self.called = true;
    }

    fn tell(&mut self, progress: Progress) {
        match (self.news.back_mut(), progress) {
            (Some(Progress::Stored(last)), Progress::Stored(number)) => *last = number,
            (_, Progress::Failed) => {
                self.work.acknowledged = false;
                self.news.push_back(progress);
            }
            _ => self.news.push_back(progress),
        }
    }

    const fn has_work(&self) -> bool {
        !self.work.batch.is_empty() || self.work.page.is_some() || self.work.retry || self.called
    }
}

impl Shared {
    /// Nothing that panics is done with it locked.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the thread does until the owner is gone.
    fn run<D: Disk>(&self, mut clerk: Clerk<D>, mut news: Vec<Progress>) {
        let _last_words = LastWords(self);
        let mut work = Work::default();
        loop {
            let mut desk = self.desk();
            self.report(&mut desk, &clerk, &mut news);
            while !desk.has_work() {
                if desk.closed {
                    return;
                }
                let now = Instant::now();
                desk = match clerk.wake_at() {
                    Some(at) if at <= now => break,
                    Some(at) => {
                        let waited = self.work_came.wait_timeout(desk, at.saturating_duration_since(now));
                        waited.unwrap_or_else(PoisonError::into_inner).0
                    }
                    None => self.work_came.wait(desk).unwrap_or_else(PoisonError::into_inner),
                };
            }
            desk.called = false;
            work.batch.take(&mut desk.work.batch);
            work.page = desk.work.page.take();
            work.retry = std::mem::take(&mut desk.work.retry);
            work.acknowledged = desk.work.acknowledged;
            drop(desk);
            clerk.turn(&mut work, Instant::now(), &mut news);
        }
    }

    fn report<D: Disk>(&self, desk: &mut Desk, clerk: &Clerk<D>, news: &mut Vec<Progress>) {
        let wanted_before = desk.wants;
        desk.settled = desk.settled.max(clerk.settled());
        // While a page lies there, the clerk does not know that it has come.
        if desk.work.page.is_none() {
            desk.wants = clerk.wants();
        }
        if !news.is_empty() || (desk.wants.is_some() && desk.wants != wanted_before) {
            self.news_came.notify_one();
        }
        news.drain(..).for_each(|news| desk.tell(news));
    }
}

/// Tells the owner if the thread ends although nobody asked it to.
struct LastWords<'a>(&'a Shared);

impl Drop for LastWords<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let mut desk = self.0.desk();
            desk.tell(Progress::Failed);
            desk.wants = None;
            self.0.news_came.notify_one();
        }
    }
}
