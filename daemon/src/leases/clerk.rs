//! What the thread does, one turn after the other, without the thread.
//!
//! ```text
//!             write fails                  owner knows, and a minute or Retry
//!   Writing ---------------> Failed ------------------------------------------> Recovering
//!      ^                       ^                   page or write fails              |
//!      |                       +----------------------------------------------------+
//!      +----------------------------------------------------------------------------+
//!                                        last page is on the disk
//! ```
//! While writing, a rewriting may go on as well; if that fails, only it is put off.

use super::Progress;
use super::disk::Disk;
use super::entry::push_record;
use super::writer::Writer;
use dhcp4o6_protocol::binding::Record;
use std::io;
use std::time::{Duration, Instant};

/// How long to wait after the disk refused something.
const RETRY: Duration = Duration::from_secs(60);
/// Octets of a buffer that is kept while it is empty.
const USUAL: usize = 1 << 20;

/// Entries that the owner handed over, not sealed yet.
#[derive(Default)]
pub(super) struct Batch {
    pub(super) entries: Vec<u8>,
    /// Number of the last record in it, or before it.
    pub(super) last: u64,
    /// A record in it was longer than any entry can be.
    pub(super) too_long: bool,
}

impl Batch {
    /// Appends a record. Its number is the caller's business.
    pub(super) fn push(&mut self, record: &Record) {
        self.too_long |= !push_record(record, &mut self.entries);
    }

    /// True if there is nothing to write, nor to refuse.
    pub(super) const fn is_empty(&self) -> bool {
        self.entries.is_empty() && !self.too_long
    }

    /// Takes what `other` has, and leaves it empty.
    pub(super) fn take(&mut self, other: &mut Self) {
        if other.is_empty() {
            return;
        }
        if self.entries.is_empty() {
            std::mem::swap(&mut self.entries, &mut other.entries);
        } else {
            self.entries.append(&mut other.entries);
        }
        self.last = other.last;
        self.too_long |= other.too_long;
        other.clear();
    }

    /// Forgets what is in it. Room for a usual group is kept.
    pub(super) fn clear(&mut self) {
        self.entries.clear();
        self.entries.shrink_to(USUAL);
        self.too_long = false;
    }
}

/// Which page: of which rewriting, and which one there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct PageNumber {
    pub(super) rewriting: u64,
    pub(super) page: u64,
}

/// A page that the owner handed over.
pub(super) struct Page {
    pub(super) number: PageNumber,
    pub(super) batch: Batch,
    pub(super) last: bool,
}

/// What there is to do.
#[derive(Default)]
pub(super) struct Work {
    pub(super) batch: Batch,
    /// Comes after the batch.
    pub(super) page: Option<Page>,
    /// The owner knows of the last failure, and `batch` and `page` are of after that.
    pub(super) acknowledged: bool,
    pub(super) retry: bool,
}

/// One turn after the other.
pub(super) struct Clerk<D: Disk> {
    writer: Writer<D>,
    /// Number of the last record that was dealt with in any way.
    settled: u64,
    /// When the disk is tried again: to recover, or to rewrite.
    retry_at: Option<Instant>,
    wants: Option<PageNumber>,
    rewritings: u64,
}

impl<D: Disk> Clerk<D> {
    /// Begins to write. The second result is the first news.
    pub(super) fn new(mut writer: Writer<D>, now: Instant) -> (Self, Vec<Progress>) {
        let begun = writer.begin();
        let mut clerk = Self { writer, settled: 0, retry_at: None, wants: None, rewritings: 0 };
        let mut news = Vec::new();
        if let Err(error) = begun {
            clerk.fail(&error, now, &mut news);
        }
        (clerk, news)
    }

    /// Does what there is to do, and leaves the buffers in `work` empty. News are in order.
    pub(super) fn turn(&mut self, work: &mut Work, now: Instant, news: &mut Vec<Progress>) {
        self.take(&mut work.batch, now, news);
        if let Some(mut page) = work.page.take() {
            self.take_page(&mut page, now, news);
        }
        if work.retry {
            self.retry_at = None;
        }
        self.retry_at = self.retry_at.filter(|at| now < *at);
        let waits = self.retry_at.is_some();
        if self.writer.has_failed() {
            if work.acknowledged && !waits {
                self.rewrite(now);
            }
        } else if self.writer.is_due() && !waits {
            self.rewrite(now);
        }
    }

    /// Number of the last record that does not wait for the disk any more.
    pub(super) const fn settled(&self) -> u64 {
        self.settled
    }

    /// The page that is wanted.
    pub(super) const fn wants(&self) -> Option<PageNumber> {
        self.wants
    }

    /// When there is something to do even if nothing comes.
    pub(super) const fn wake_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Writes records. Those that come while nothing can be written are in the owner's table, and with that in the pages
    /// of the recovery.
    fn take(&mut self, batch: &mut Batch, now: Instant, news: &mut Vec<Progress>) {
        if batch.is_empty() {
            return;
        }
        if !self.writer.has_failed() {
            let was_recovering = self.writer.is_recovering();
            let outcome = match batch.too_long {
                false => self.writer.write(&mut batch.entries),
                true => self.writer.refuse(),
            };
            match outcome {
                Ok(()) if was_recovering => {}
                Ok(()) => news.push(Progress::Stored(batch.last)),
                Err(error) if was_recovering => self.fail_again(&error, now),
                Err(error) => self.fail(&error, now, news),
            }
        }
        batch.clear();
        self.settled = batch.last;
    }

    fn take_page(&mut self, page: &mut Page, now: Instant, news: &mut Vec<Progress>) {
        // Of a rewriting that was given up meanwhile.
        if self.wants != Some(page.number) {
            return;
        }
        self.wants = None;
        let recovering = self.writer.is_recovering();
        let mut outcome = match page.batch.too_long {
            false => self.writer.page(&mut page.batch.entries),
            true => self.writer.refuse_page(),
        };
        if outcome.is_ok() && page.last {
            outcome = self.writer.finish();
        }
        match outcome {
            Ok(()) if page.last => {
                self.retry_at = None;
                if recovering {
                    tracing::info!("leases can be stored again");
                    news.push(Progress::Restored);
                    if self.settled > 0 {
                        news.push(Progress::Stored(self.settled));
                    }
                }
            }
            Ok(()) => {
                self.wants = Some(PageNumber { page: page.number.page + 1, ..page.number });
            }
            Err(error) if recovering => self.fail_again(&error, now),
            Err(error) => self.put_off(&error, now),
        }
    }

    fn rewrite(&mut self, now: Instant) {
        let failed = self.writer.has_failed();
        match self.writer.rewrite() {
            Ok(()) => {
                self.retry_at = None;
                self.rewritings += 1;
                self.wants = Some(PageNumber { rewriting: self.rewritings, page: 0 });
            }
            Err(error) if failed => self.fail_again(&error, now),
            Err(error) => self.put_off(&error, now),
        }
    }

    fn fail(&mut self, error: &io::Error, now: Instant, news: &mut Vec<Progress>) {
        tracing::error!(%error, "leases cannot be stored: no new ones are given");
        news.push(Progress::Failed);
        self.wants = None;
        self.retry_at = Some(now + RETRY);
    }

    fn fail_again(&mut self, error: &io::Error, now: Instant) {
        tracing::warn!(%error, "leases still cannot be stored");
        self.wants = None;
        self.retry_at = Some(now + RETRY);
    }

    fn put_off(&mut self, error: &io::Error, now: Instant) {
        tracing::warn!(%error, "the journal of leases cannot be shortened now");
        self.wants = None;
        self.retry_at = Some(now + RETRY);
    }
}
