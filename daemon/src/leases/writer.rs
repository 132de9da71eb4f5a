//! Writing generations: the order of operations that leaves something whole on the disk at every moment.
//!
//! A new journal begins with every start and every rewriting; nothing is ever appended to a file that somebody else
//! wrote. A rewriting begins a journal first, then makes the snapshot of its generation, page by page while records go
//! to the new journal: sync, rename, sync the names, and only then remove what is older. The last page comes after all
//! records that were appended before it, so that the snapshot never knows more than the journal.

use super::Loaded;
use super::disk::Disk;
use super::entry::{Header, at_most, push_clock, push_end, seal, seed};
use super::load::{Past, Purpose, load};
use super::names::{File, aside};
use crate::store::BootClock;
use crate::store::frame::Kind;
use dhcp4o6_protocol::binding::Record;
use std::collections::BTreeSet;
use std::io;

/// The wall clock was set if it moved by more than this against the boot's clock.
const SET: u64 = 1_000_000;

/// When enough is enough. Tests have smaller limits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The journal is rewritten when it has more octets than this and than twice the snapshot.
    pub(super) long: u64,
    /// Or when there are more journals than this, of so many starts.
    pub(super) many: usize,
    /// So many octets are written before the disk is waited for, at most.
    pub(super) group: usize,
    /// So many octets of a snapshot are written before the disk is waited for: the sync of a journal should not have to
    /// wait for all of it.
    pub(super) stride: u64,
}

impl Limits {
    /// Of a server.
    pub(super) const USUAL: Self = Self { long: 64 << 20, many: 32, group: 4 << 20, stride: 4 << 20 };
}

/// All files of one directory, for writing.
pub(super) struct Writer<D: Disk> {
    disk: D,
    boot: BootClock,
    limits: Limits,
    past: Past,
    /// What the directory has could not be read, so that nothing of it may be removed.
    unread: bool,
    /// Where records go. `None` when the disk did not take them.
    journal: Option<Sheet<D::File>>,
    rewriting: Option<Rewriting<D::File>>,
}

/// A snapshot that is being made.
struct Rewriting<F> {
    sheet: Sheet<F>,
    records: u64,
    /// Octets since the disk was last waited for.
    unsynced: u64,
    /// Of the journals that it will replace.
    replaces: u64,
    /// The journal of its generation is worth nothing without it.
    bound: bool,
}

/// A file that is being written.
struct Sheet<F> {
    file: F,
    generation: u64,
    seed: u32,
    /// Of the next group.
    group: u32,
    /// What the file says of the wall clock.
    ahead: i64,
    octets: u64,
}

impl<D: Disk> Writer<D> {
    /// Reads everything, and writes nothing yet. The second result is an error when not even names can be read.
    pub(super) fn open(
        mut disk: D,
        boot: BootClock,
        limits: Limits,
        sink: &mut dyn FnMut(Record),
    ) -> (Self, io::Result<Loaded>) {
        let (loaded, past) = match load(&mut disk, &boot, Purpose::Serve, sink) {
            Ok((loaded, past)) => (Ok(loaded), past),
            Err(error) => (Err(error), Past::default()),
        };
        let unread = loaded.is_err();
        (Self { disk, boot, limits, past, unread, journal: None, rewriting: None }, loaded)
    }

    /// Begins the journal of this start.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn begin(&mut self) -> io::Result<()> {
        self.prepare()?;
        if self.unread {
            return Err(io::Error::other("what is there could not be read"));
        }
        if self.past.uncertain {
            return Err(io::Error::other("what was read may not be on the disk"));
        }
        self.journal = Some(self.new_journal(false)?);
        Ok(())
    }

    /// Writes records, and returns when they are on the disk.
    ///
    /// # Errors
    /// When they may not be. Then there is no journal any more, nor a snapshot in the making.
    pub(super) fn write(&mut self, entries: &mut [u8]) -> io::Result<()> {
        let outcome = self.write_groups(entries);
        if outcome.is_err() {
            self.fail();
        }
        outcome
    }

    /// Acts as if the disk had refused a record that no file can hold.
    ///
    /// # Errors
    /// Always.
    pub(super) fn refuse(&mut self) -> io::Result<()> {
        self.fail();
        Err(io::Error::other("a record is too long"))
    }

    fn write_groups(&mut self, mut entries: &mut [u8]) -> io::Result<()> {
        let ahead = (self.boot.wall_minus_boot_micros)();
        let journal = self.journal.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        while let end @ 1.. = at_most(entries, self.limits.group) {
            let Some(group) = entries.split_off_mut(..end) else { break };
            let before = journal.octets;
            journal.append(&mut self.disk, ahead, group)?;
            self.disk.sync(&mut journal.file)?;
            self.past.journal += journal.octets - before;
        }
        Ok(())
    }

    /// True if nothing more can be written until everything is written anew.
    pub(super) const fn has_failed(&self) -> bool {
        self.journal.is_none()
    }

    /// True if what is written counts only when the snapshot is complete.
    pub(super) fn is_recovering(&self) -> bool {
        self.rewriting.as_ref().is_some_and(|rewriting| rewriting.bound)
    }

    /// True if everything should be written anew, to be shorter or without what is bad.
    pub(super) fn is_due(&self) -> bool {
        let long = self.past.journal > self.limits.long.max(self.past.snapshot.saturating_mul(2));
        let wanted = long || self.past.journals > self.limits.many || !self.past.damaged.is_empty();
        wanted && self.journal.is_some() && self.rewriting.is_none()
    }

    /// Begins to write everything anew: after a failure, or because it [is due](Self::is_due).
    ///
    /// # Errors
    /// When the disk does not take it. There is a journal then if there was one before.
    pub(super) fn rewrite(&mut self) -> io::Result<()> {
        self.prepare()?;
        let bound = self.journal.is_none();
        let journal = self.new_journal(bound)?;
        let generation = journal.generation;
        let replaces = self.past.journal.saturating_sub(journal.octets);
        if !bound {
            // It counts from here on, with or without its snapshot.
            self.journal = Some(journal);
            self.rewriting = Some(self.new_snapshot(generation, replaces, bound)?);
        } else {
            self.rewriting = Some(self.new_snapshot(generation, replaces, bound)?);
            self.journal = Some(journal);
        }
        Ok(())
    }

    /// Makes sure that the directory is ours, and that no file in it will be written over.
    fn prepare(&mut self) -> io::Result<()> {
        self.disk.lock()?;
        if self.unread {
            let files = self.disk.names()?.into_iter().filter_map(|name| File::of(&name));
            for file in files {
                self.past.generation = self.past.generation.max(file.generation());
                self.past.damaged.insert(file.name());
            }
        }
        Ok(())
    }

    /// Takes a page of the snapshot.
    ///
    /// # Errors
    /// When the disk does not. Then no snapshot is in the making any more; if it was the only hope, no journal either.
    pub(super) fn page(&mut self, entries: &mut [u8]) -> io::Result<()> {
        let outcome = self.write_page(entries);
        if outcome.is_err() {
            self.give_up();
        }
        outcome
    }

    /// As [`Writer::refuse`], of a page.
    ///
    /// # Errors
    /// Always.
    pub(super) fn refuse_page(&mut self) -> io::Result<()> {
        self.give_up();
        Err(io::Error::other("a record is too long"))
    }

    fn write_page(&mut self, entries: &mut [u8]) -> io::Result<()> {
        let ahead = (self.boot.wall_minus_boot_micros)();
        let rewriting = self.rewriting.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let before = rewriting.sheet.octets;
        rewriting.records += rewriting.sheet.append(&mut self.disk, ahead, entries)?;
        rewriting.unsynced += rewriting.sheet.octets - before;
        if rewriting.unsynced >= self.limits.stride {
            rewriting.unsynced = 0;
            self.disk.sync(&mut rewriting.sheet.file)?;
        }
        Ok(())
    }

    /// Completes the snapshot, and removes what is older. All records that its pages may know must have been written.
    ///
    /// # Errors
    /// As [`Writer::page`].
    pub(super) fn finish(&mut self) -> io::Result<()> {
        let outcome = self.complete();
        match &outcome {
            Ok(()) => self.remove_older(),
            Err(_) => self.give_up(),
        }
        outcome
    }

    fn complete(&mut self) -> io::Result<()> {
        let ahead = (self.boot.wall_minus_boot_micros)();
        let rewriting = self.rewriting.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut end = Vec::new();
        push_end(rewriting.records, &mut end);
        rewriting.sheet.append(&mut self.disk, ahead, &mut end)?;
        self.disk.sync(&mut rewriting.sheet.file)?;
        let generation = rewriting.sheet.generation;
        self.disk.rename(&File::Unfinished(generation).name(), &File::Snapshot(generation).name())?;
        self.disk.sync_names()?;
        self.past.snapshot = rewriting.sheet.octets;
        self.past.journal = self.past.journal.saturating_sub(rewriting.replaces);
        self.past.journals = 1;
        self.unread = false;
        self.rewriting = None;
        Ok(())
    }

    /// The snapshot will not be completed.
    fn give_up(&mut self) {
        if self.is_recovering() {
            self.fail();
        }
        self.rewriting = None;
    }

    fn fail(&mut self) {
        self.journal = None;
        self.rewriting = None;
    }

    /// Removes every file that the newest snapshot replaces. What stays is tried again the next time, and does no harm.
    fn remove_older(&mut self) {
        let Some(newest) = self.journal.as_ref().map(|journal| journal.generation) else { return };
        let names = self.disk.names().unwrap_or_default();
        let taken: BTreeSet<&str> = names.iter().map(String::as_str).collect();
        for name in &names {
            if File::of(name).is_none_or(|file| file.generation() >= newest) {
                continue;
            }
            let done = if self.past.damaged.remove(name) {
                let to = aside(name, |name| taken.contains(name));
                tracing::warn!(file = name, set_aside_as = to, "a file of leases had damaged records");
                self.disk.rename(name, &to)
            } else {
                self.disk.remove(name)
            };
            if let Err(error) = done {
                tracing::debug!(file = name, %error, "a file of leases that is not needed any more stays");
            }
        }
        self.past.damaged.clear();
    }

    fn new_journal(&mut self, bound: bool) -> io::Result<Sheet<D::File>> {
        self.past.generation = self.past.generation.saturating_add(1);
        let file = File::Journal(self.past.generation);
        let mut sheet = self.new_sheet(file, Kind::Journal, bound)?;
        self.disk.sync(&mut sheet.file)?;
        self.disk.sync_names()?;
        self.past.journal += sheet.octets;
        self.past.journals += 1;
        Ok(sheet)
    }

    fn new_snapshot(
        &mut self,
        generation: u64,
        replaces: u64,
        bound: bool,
    ) -> io::Result<Rewriting<D::File>> {
        let sheet = self.new_sheet(File::Unfinished(generation), Kind::Snapshot, false)?;
        Ok(Rewriting { sheet, records: 0, unsynced: 0, replaces, bound })
    }

    fn new_sheet(&mut self, file: File, kind: Kind, bound: bool) -> io::Result<Sheet<D::File>> {
        Sheet::begin(&mut self.disk, &self.boot, file, kind, bound)
    }
}

impl<F> Sheet<F> {
    fn begin<D: Disk<File = F>>(
        disk: &mut D,
        boot: &BootClock,
        file: File,
        kind: Kind,
        bound: bool,
    ) -> io::Result<Self> {
        let generation = file.generation();
        let ahead = (boot.wall_minus_boot_micros)();
        let header = Header { generation, bound, boot_id: boot.boot_id.clone(), ahead }.wrap(kind);
        let mut file = disk.create(&file.name())?;
        disk.append(&mut file, &header)?;
        Ok(Self { file, generation, seed: seed(&header), group: 0, ahead, octets: header.len() as u64 })
    }

    /// Appends entries as a group, and says how many there were.
    fn append<D: Disk<File = F>>(&mut self, disk: &mut D, ahead: i64, entries: &mut [u8]) -> io::Result<u64> {
        if ahead.abs_diff(self.ahead) > SET {
            let mut clock = Vec::new();
            push_clock(ahead, &mut clock);
            seal(&mut clock, self.group, self.seed);
            disk.append(&mut self.file, &clock)?;
            self.octets += clock.len() as u64;
            self.ahead = ahead;
        }
        let count = seal(entries, self.group, self.seed);
        disk.append(&mut self.file, entries)?;
        self.octets += entries.len() as u64;
        self.group = self.group.wrapping_add(1);
        Ok(count)
    }
}

/// A journal of which all counts or nothing: it gets its name when it is complete.
pub(super) struct Draft<F>(Sheet<F>);

impl<F> Draft<F> {
    /// Begins a journal after all that are there. Moments in it are on this clock.
    ///
    /// # Errors
    /// When the disk does not take it.
    pub(super) fn begin<D: Disk<File = F>>(disk: &mut D, boot: &BootClock) -> io::Result<Self> {
        let files = disk.names()?.into_iter().filter_map(|name| File::of(&name));
        let generation = files.map(|file| file.generation()).max().unwrap_or(0).saturating_add(1);
        Sheet::begin(disk, boot, File::Draft(generation), Kind::Journal, false).map(Self)
    }

    /// Appends entries.
    ///
    /// # Errors
    /// When the disk does not take them.
    pub(super) fn append<D: Disk<File = F>>(&mut self, disk: &mut D, entries: &mut [u8]) -> io::Result<()> {
        self.0.append(disk, self.0.ahead, entries).map(|_| ())
    }

    /// Makes it count, durably.
    ///
    /// # Errors
    /// When that is not certain.
    pub(super) fn publish<D: Disk<File = F>>(mut self, disk: &mut D) -> io::Result<()> {
        let generation = self.0.generation;
        disk.sync(&mut self.0.file)?;
        disk.rename(&File::Draft(generation).name(), &File::Journal(generation).name())?;
        disk.sync_names()
    }

    /// Removes it. If that fails, the next rewriting does it.
    pub(super) fn discard<D: Disk<File = F>>(self, disk: &mut D) {
        let _ = disk.remove(&File::Draft(self.0.generation).name());
    }
}
