//! Reading all of it: the newest whole snapshot, then the journals of its generation and later.
//!
//! A journal ends where the plug was pulled: at the last entry that is whole, or earlier if something in the last group
//! is missing, for what was written together without waiting may reach the disk in any order. Everything before that
//! was on the disk once, so that what is bad there was damaged later: it is passed over and counted.

use super::Loaded;
use super::disk::Disk;
use super::entry::{Entry, Header, Scanner};
use super::names::{File, aside};
use crate::store::BootClock;
use crate::store::frame::{BadFile, Kind};
use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeSet;
use std::io;

/// Most octets of one group that are kept until it is known whether they count. Groups that we write are smaller.
const MAX_HELD: usize = 16 << 20;

/// Who reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Who has the directory for itself, and will write: files that cannot be used are put out of the way.
    Serve,
    /// Who only looks, while somebody else may be writing.
    Look,
}

/// What whoever goes on writing has to know.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Past {
    /// Newest generation there is a file of.
    pub(super) generation: u64,
    /// Size of the snapshot.
    pub(super) snapshot: u64,
    /// Size of the journals.
    pub(super) journal: u64,
    /// How many journals there are.
    pub(super) journals: usize,
    /// Files with something bad in them, which are kept for somebody to look at.
    pub(super) damaged: BTreeSet<String>,
    /// Some of what was read may not be on the disk.
    pub(super) uncertain: bool,
}

/// Calls `sink` with all records in order. No damage is a reason not to go on.
///
/// # Errors
/// When not even names can be read. Someone who only looks also gets [`io::ErrorKind::NotFound`] when files went away
/// meanwhile: then everything has to be read again.
pub(super) fn load<D: Disk>(
    disk: &mut D,
    boot: &BootClock,
    purpose: Purpose,
    sink: &mut dyn FnMut(Record),
) -> io::Result<(Loaded, Past)> {
    let names = disk.names()?;
    let files: BTreeSet<File> = names.iter().filter_map(|name| File::of(name)).collect();
    let generation = files.iter().map(|file| file.generation()).max().unwrap_or(0);
    let times =
        Times { boot_id: boot.boot_id.clone(), now: (boot.now)(), ahead: (boot.wall_minus_boot_micros)() };
    let past = Past { generation, ..Past::default() };
    let mut load = Load { disk, purpose, names, times, sink, loaded: Loaded::default(), past };
    let base = load.base(&files)?;
    if let Some(generation) = base {
        load.past.snapshot = load.file(File::Snapshot(generation), false)?;
    }
    let journals = files.iter().filter_map(|file| match file {
        File::Journal(generation) if Some(*generation) >= base => Some(*generation),
        _ => None,
    });
    for generation in journals {
        let octets = load.file(File::Journal(generation), files.contains(&File::Snapshot(generation)))?;
        load.past.journal += octets;
        load.past.journals += 1;
    }
    load.loaded.octets = load.past.snapshot + load.past.journal;
    Ok((load.loaded, load.past))
}

/// One loading.
struct Load<'a, D> {
    disk: &'a mut D,
    purpose: Purpose,
    names: Vec<String>,
    times: Times,
    sink: &'a mut dyn FnMut(Record),
    loaded: Loaded,
    past: Past,
}

impl<D: Disk> Load<'_, D> {
    /// The generation of the snapshot to begin with: the newest that is whole, or else the newest.
    fn base(&mut self, files: &BTreeSet<File>) -> io::Result<Option<u64>> {
        let snapshots = || {
            files.iter().rev().filter_map(|file| match file {
                File::Snapshot(generation) => Some(*generation),
                _ => None,
            })
        };
        let newest = snapshots().next();
        if snapshots().count() > 1 {
            for generation in snapshots() {
                if self.is_whole(&File::Snapshot(generation).name())? {
                    return Ok(Some(generation));
                }
                tracing::warn!(generation, "a snapshot of the leases is damaged");
            }
        }
        Ok(newest)
    }

    /// True if a snapshot ends as it should and nothing in it is bad.
    fn is_whole(&mut self, name: &str) -> io::Result<bool> {
        let Some(input) = self.open(name)? else { return Ok(false) };
        let check = || -> io::Result<bool> {
            let (mut scanner, header) = Scanner::open(input, Kind::Snapshot)?;
            let mut records = 0;
            while let Some(entry) = scanner.next()? {
                match entry {
                    Entry::Record(..) => records += 1,
                    Entry::Clock(..) => {}
                    Entry::End(count) => {
                        return Ok(header.is_ok() && count == records && scanner.is_at_end()?);
                    }
                    Entry::Bad => return Ok(false),
                }
            }
            Ok(false)
        };
        Ok(check().unwrap_or(false))
    }

    /// A file that was there a moment ago. `None` if it cannot be read.
    fn open(&mut self, name: &str) -> io::Result<Option<D::Reader>> {
        match self.disk.read(name) {
            Ok(input) => Ok(Some(input)),
            Err(error) if self.purpose == Purpose::Look && error.kind() == io::ErrorKind::NotFound => {
                Err(error)
            }
            Err(error) => {
                tracing::warn!(file = name, %error, "a file of leases cannot be read");
                if self.past.damaged.insert(name.to_owned()) {
                    self.loaded.bad += 1;
                }
                Ok(None)
            }
        }
    }

    /// Reads a file and says how long it is.
    fn file(&mut self, file: File, with_snapshot: bool) -> io::Result<u64> {
        let name = file.name();
        if self.purpose == Purpose::Serve
            && let Err(error) = self.disk.sync_closed(&name)
        {
            tracing::warn!(file = name, %error, "what is read from a file of leases may not be on the disk");
            self.past.uncertain = true;
        }
        let Some(input) = self.open(&name)? else { return Ok(0) };
        let bad_before = self.loaded.bad;
        let kind = if matches!(file, File::Snapshot(_)) { Kind::Snapshot } else { Kind::Journal };
        let read = || {
            let (mut scanner, header) = Scanner::open(input, kind)?;
            match header {
                Ok(header) if header.bound && kind == Kind::Journal && !with_snapshot => Ok(None),
                Ok(header) if kind == Kind::Snapshot => {
                    self.snapshot(&mut scanner, header).map(|()| Some(scanner))
                }
                Ok(header) => self.journal(&mut scanner, header).map(|()| Some(scanner)),
                // Nothing was written behind a header that did not reach the disk.
                Err(_) if kind == Kind::Journal && scanner.is_void()? => Ok(None),
                Err(bad) => {
                    self.loaded.bad += 1;
                    self.set_aside(&name, bad);
                    Ok(None)
                }
            }
        };
        let octets = match read() {
            Ok(scanner) => scanner.map_or(0, |scanner| scanner.octets()),
            Err(error) => {
                tracing::warn!(file = name, %error, "a file of leases cannot be read to its end");
                self.loaded.bad += 1;
                0
            }
        };
        if self.loaded.bad > bad_before {
            self.past.damaged.insert(name);
        }
        Ok(octets)
    }

    fn snapshot(&mut self, scanner: &mut Scanner<D::Reader>, header: Header) -> io::Result<()> {
        let mut clock = FileClock { boot_id: header.boot_id, ahead: header.ahead };
        let mut ended = false;
        while let Some(entry) = scanner.next()? {
            match entry {
                Entry::Record(octets, _) => self.record(&clock, octets),
                Entry::Clock(ahead, _) => clock.ahead = ahead,
                Entry::End(_) => ended = true,
                Entry::Bad => self.loaded.bad += 1,
            }
        }
        if !ended {
            self.loaded.bad += 1;
        }
        Ok(())
    }

    fn journal(&mut self, scanner: &mut Scanner<D::Reader>, header: Header) -> io::Result<()> {
        let mut clock = FileClock { boot_id: header.boot_id, ahead: header.ahead };
        let mut gap: Option<Gap> = None;
        while let Some(entry) = scanner.next()? {
            let (group, item) = match entry {
                Entry::Record(octets, group) => (group, Item::Record(octets)),
                Entry::Clock(ahead, group) => (group, Item::Clock(ahead)),
                Entry::End(_) | Entry::Bad => {
                    gap.get_or_insert_default().more += 1;
                    continue;
                }
            };
            if let Some(open) = &mut gap {
                match open.group {
                    None => open.group = Some(group),
                    Some(held) if held == group => {}
                    // A later group: the one that was held back had been on the disk.
                    Some(_) => {
                        self.loaded.bad += open.bad;
                        for held in open.held.drain(..) {
                            self.item(&mut clock, held.as_item());
                        }
                        gap = match open.more {
                            0 => None,
                            more => Some(Gap { group: Some(group), more, ..Gap::default() }),
                        };
                    }
                }
            }
            match &mut gap {
                None => self.item(&mut clock, item),
                Some(open) => {
                    open.bad += std::mem::take(&mut open.more);
                    if !open.hold(item) {
                        tracing::warn!("a journal of leases is too damaged to go on reading");
                        self.loaded.bad += 1;
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    fn item(&mut self, clock: &mut FileClock, item: Item<'_>) {
        match item {
            Item::Record(octets) => self.record(clock, octets),
            Item::Clock(ahead) => clock.ahead = ahead,
        }
    }

    fn record(&mut self, clock: &FileClock, octets: &[u8]) {
        match Record::decode(octets) {
            Ok(mut record) => {
                self.times.translate(clock, &mut record);
                self.loaded.records += 1;
                (self.sink)(record);
            }
            Err(_) => self.loaded.bad += 1,
        }
    }

    /// Puts a file that cannot be used out of the way, for somebody to look at.
    fn set_aside(&mut self, name: &str, why: BadFile) {
        if self.purpose == Purpose::Look {
            return;
        }
        let to = aside(name, |name| self.names.iter().any(|taken| taken == name));
        match self.disk.rename(name, &to).and_then(|()| self.disk.sync_names()) {
            Ok(()) => {
                tracing::warn!(file = name, reason = %why, set_aside_as = to, "a file of leases is not used")
            }
            Err(error) => {
                tracing::warn!(file = name, reason = %why, %error, "a file of leases is not used and stays")
            }
        }
        self.names.push(to);
    }
}

/// What is between something bad and the next group: it counts only if there is a next group.
#[derive(Default)]
struct Gap {
    /// What is held is of this group.
    group: Option<u32>,
    held: Vec<Held>,
    octets: usize,
    /// Bad places before the end of what is held.
    bad: u64,
    /// Bad places after it.
    more: u64,
}

impl Gap {
    /// False if there is no more room.
    fn hold(&mut self, item: Item<'_>) -> bool {
        let held = match item {
            Item::Record(octets) => Held::Record(octets.to_vec()),
            Item::Clock(ahead) => Held::Clock(ahead),
        };
        self.octets += size_of::<Held>();
        if let Held::Record(octets) = &held {
            self.octets += octets.len();
        }
        self.held.push(held);
        self.octets <= MAX_HELD
    }
}

enum Item<'a> {
    Record(&'a [u8]),
    Clock(i64),
}

enum Held {
    Record(Vec<u8>),
    Clock(i64),
}

impl Held {
    fn as_item(&self) -> Item<'_> {
        match self {
            Self::Record(octets) => Item::Record(octets),
            Self::Clock(ahead) => Item::Clock(*ahead),
        }
    }
}

/// The clocks that moments in a file belong to.
struct FileClock {
    boot_id: String,
    /// Wall clock ahead of that boot's clock, in microseconds.
    ahead: i64,
}

/// The clocks now.
struct Times {
    boot_id: String,
    now: Instant,
    ahead: i64,
}

impl Times {
    /// Brings the moments of a record to this boot's clock.
    ///
    /// Moments of another boot move by the difference of the wall clocks. Nothing has been changed in the future: where
    /// the wall clock is behind what a record says, the record counts as made now. Its lease then ends too late rather
    /// than too early, and nobody else gets what somebody may be using.
    fn translate(&self, clock: &FileClock, record: &mut Record) {
        if clock.boot_id != self.boot_id || clock.boot_id.is_empty() {
            let moved = clock.ahead.saturating_sub(self.ahead);
            record.each_moment(|moment| *moment = moment.shifted(moved));
        }
        let mut excess = None;
        record.each_moment(|moment| {
            // The first of them is when it was changed.
            let excess = *excess.get_or_insert_with(|| moment.since(self.now));
            *moment = *moment - excess;
        });
    }
}
