//! A disk that forgets and refuses.
//!
//! It keeps what programs see apart from what is on the platter. A sync brings one to the other; when the plug is
//! pulled, any part of what was not synced is there and any is not. A sync that fails brings some of it, and forgets that
//! the rest was never written, as Linux does.

use super::super::disk::Disk;
use super::Dice;
use std::collections::BTreeMap;
use std::io::{self, Cursor, ErrorKind};
use std::ops::Range;
use std::sync::{Arc, Mutex};

type Names = BTreeMap<String, usize>;

#[derive(Clone, Default)]
struct Inode {
    seen: Vec<u8>,
    platter: Vec<u8>,
    /// What the next sync writes.
    dirty: Vec<Range<usize>>,
}

impl Inode {
    /// Brings dirty octets to the platter for which `takes` is true, piece by piece.
    fn write_back(&mut self, dice: &mut Dice, mut takes: impl FnMut(&mut Dice) -> bool) {
        for range in std::mem::take(&mut self.dirty) {
            let mut start = range.start;
            while start < range.end {
                let end = (start + 1 + dice.index(64)).min(range.end);
                if takes(dice) {
                    if self.platter.len() < end {
                        self.platter.resize(end, 0);
                    }
                    self.platter[start..end].copy_from_slice(&self.seen[start..end]);
                } else if dice.one_in(8) && self.platter.len() < end {
                    // The size grew, and its content did not get there.
                    self.platter.resize(end, 0);
                }
                start = end;
            }
        }
    }
}

#[derive(Clone)]
enum Change {
    Made(String, usize),
    Renamed(String, String, usize),
    Removed(String),
}

fn apply(names: &mut Names, change: &Change) {
    match change {
        Change::Made(name, inode) => _ = names.insert(name.clone(), *inode),
        Change::Renamed(from, to, inode) => {
            names.remove(from);
            names.insert(to.clone(), *inode);
        }
        Change::Removed(name) => _ = names.remove(name),
    }
}

/// What happens at an operation.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// Nothing.
    None,
    /// It fails, perhaps after doing some of it.
    Error,
    /// The plug is pulled, perhaps after some of it was done.
    Crash,
}

pub(super) struct Platter {
    dice: Dice,
    inodes: Vec<Inode>,
    seen: Names,
    platter: Names,
    changes: Vec<Change>,
    /// Operations that write, so far.
    pub(super) operations: u64,
    /// The operation at which the plug is pulled.
    pub(super) crash_at: Option<u64>,
    /// One in so many operations fails; 0 is none.
    pub(super) errors: u64,
    /// All of them fail: the disk is full, or can only be read.
    pub(super) refuses: bool,
    pub(super) dead: bool,
    /// A sync failed since the last crash.
    pub(super) forgot: bool,
    /// Another process has it.
    pub(super) taken: bool,
}

impl Platter {
    fn fault(&mut self) -> Fault {
        self.operations += 1;
        if self.dead || self.crash_at == Some(self.operations) {
            self.dead = true;
            return Fault::Crash;
        }
        let error = self.refuses || (self.errors > 0 && self.dice.one_in(self.errors));
        if error { Fault::Error } else { Fault::None }
    }

    fn change(&mut self, change: Change) -> io::Result<()> {
        match self.fault() {
            Fault::Error => Err(io::Error::from_raw_os_error(libc::ENOSPC)),
            fault => {
                apply(&mut self.seen, &change);
                self.changes.push(change);
                if fault == Fault::None { Ok(()) } else { Err(io::Error::other("the plug is out")) }
            }
        }
    }
}

/// Clones are the same disk.
#[derive(Clone)]
pub(super) struct FakeDisk(Arc<Mutex<Platter>>);

impl FakeDisk {
    pub(super) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Platter {
            dice: Dice::new(seed),
            inodes: Vec::new(),
            seen: Names::new(),
            platter: Names::new(),
            changes: Vec::new(),
            operations: 0,
            crash_at: None,
            errors: 0,
            refuses: false,
            dead: false,
            forgot: false,
            taken: false,
        })))
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut Platter) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }

    /// The plug is pulled, and put in again.
    pub(super) fn lose_power(&self) {
        self.with(|platter| {
            let dice = &mut platter.dice;
            let mood = dice.below(4);
            let takes = move |dice: &mut Dice| match mood {
                0 => false,
                1 => true,
                2 => dice.one_in(2),
                _ => !dice.one_in(8),
            };
            for inode in &mut platter.inodes {
                inode.write_back(dice, takes);
                inode.seen.clone_from(&inode.platter);
            }
            for change in std::mem::take(&mut platter.changes) {
                if takes(dice) {
                    apply(&mut platter.platter, &change);
                }
            }
            platter.seen.clone_from(&platter.platter);
            (platter.dead, platter.crash_at, platter.forgot) = (false, None, false);
        });
    }

    /// Only the process ended.
    pub(super) fn kill(&self) {
        self.with(|platter| (platter.dead, platter.crash_at) = (false, None));
    }

    /// All files as programs see them.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        self.with(|platter| {
            let files = platter.seen.iter();
            files.map(|(name, inode)| (name.clone(), platter.inodes[*inode].seen.clone())).collect()
        })
    }

    /// A disk with these files on it.
    pub(super) fn holding(files: BTreeMap<String, Vec<u8>>) -> Self {
        let disk = Self::new(0);
        disk.with(|platter| {
            for (name, content) in files {
                platter.seen.insert(name, platter.inodes.len());
                platter.inodes.push(Inode { seen: content.clone(), platter: content, dirty: Vec::new() });
            }
            platter.platter.clone_from(&platter.seen);
        });
        disk
    }
}

impl Disk for FakeDisk {
    type File = usize;
    type Reader = Cursor<Vec<u8>>;

    fn lock(&mut self) -> io::Result<()> {
        if self.with(|platter| platter.taken) { Err(ErrorKind::WouldBlock.into()) } else { Ok(()) }
    }

    fn names(&mut self) -> io::Result<Vec<String>> {
        Ok(self.with(|platter| platter.seen.keys().cloned().collect()))
    }

    fn read(&mut self, name: &str) -> io::Result<Cursor<Vec<u8>>> {
        self.with(|platter| {
            let inode = platter.seen.get(name).ok_or(ErrorKind::NotFound)?;
            Ok(Cursor::new(platter.inodes[*inode].seen.clone()))
        })
    }

    fn create(&mut self, name: &str) -> io::Result<usize> {
        self.with(|platter| {
            let inode = platter.inodes.len();
            platter.inodes.push(Inode::default());
            platter.change(Change::Made(name.to_owned(), inode)).map(|()| inode)
        })
    }

    fn append(&mut self, file: &mut usize, octets: &[u8]) -> io::Result<()> {
        self.with(|platter| {
            let fault = platter.fault();
            let count =
                if fault == Fault::None { octets.len() } else { platter.dice.index(octets.len() + 1) };
            let inode = &mut platter.inodes[*file];
            let start = inode.seen.len();
            inode.seen.extend(&octets[..count]);
            inode.dirty.push(start..start + count);
            if fault == Fault::None { Ok(()) } else { Err(io::Error::from_raw_os_error(libc::ENOSPC)) }
        })
    }

    fn sync(&mut self, file: &mut usize) -> io::Result<()> {
        self.with(|platter| match platter.fault() {
            Fault::None => {
                platter.inodes[*file].write_back(&mut platter.dice, |_| true);
                Ok(())
            }
            Fault::Error => {
                platter.inodes[*file].write_back(&mut platter.dice, |dice| dice.one_in(2));
                platter.forgot = true;
                Err(io::Error::from_raw_os_error(libc::EIO))
            }
            Fault::Crash => Err(io::Error::other("the plug is out")),
        })
    }

    fn sync_closed(&mut self, name: &str) -> io::Result<()> {
        let inode = self.with(|platter| platter.seen.get(name).copied());
        self.sync(&mut inode.ok_or(ErrorKind::NotFound)?)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.with(|platter| match platter.fault() {
            Fault::None => {
                platter.changes.clear();
                platter.platter.clone_from(&platter.seen);
                Ok(())
            }
            _ => Err(io::Error::from_raw_os_error(libc::EIO)),
        })
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.with(|platter| {
            let inode = *platter.seen.get(from).ok_or(ErrorKind::NotFound)?;
            platter.change(Change::Renamed(from.to_owned(), to.to_owned(), inode))
        })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.with(|platter| platter.change(Change::Removed(name.to_owned())))
    }
}
