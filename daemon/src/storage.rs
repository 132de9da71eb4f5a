//! Leases on disk, and what happens while the disk does not take them.
//!
//! A disk may take its time. Only the link whose record is being written waits for it; a thread writes the records of
//! all links that wait at the moment in one go.

use crate::clock::now;
use crate::store::{Directory, Draft, LinkKey, Store, StoreError, put};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::time::Instant;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How often records that the disk did not take are tried again.
const RETRY: Duration = Duration::from_secs(60);
/// Most records written in one go.
const BATCH: usize = 256;
/// Stack of the thread that writes.
const STACK: usize = 128 * 1024;

/// The store, and the records that are not on disk: the service runs on from memory.
pub struct Storage {
    store: Store,
    writer: mpsc::Sender<Job>,
    unsaved: BTreeMap<LinkKey, Unsaved>,
    retry_at: Option<Instant>,
}

struct Unsaved {
    record: LinkRecord,
    /// The disk did not take it; otherwise it is being written.
    refused: bool,
}

struct Job {
    draft: Draft,
    done: oneshot::Sender<Written>,
}

impl Storage {
    /// Nothing waits to be written. `directory` is that of `store`.
    ///
    /// # Errors
    /// When there can be no thread.
    pub fn new(store: Store, directory: &Path) -> io::Result<Self> {
        let (writer, jobs) = mpsc::channel();
        let disk = Directory::new(directory.to_owned());
        std::thread::Builder::new()
            .name("store".into())
            .stack_size(STACK)
            .spawn(move || write(disk, &jobs))?;
        Ok(Self { store, writer, unsaved: BTreeMap::new(), retry_at: None })
    }

    /// The word on the bus.
    pub fn state(&self) -> &'static str {
        if self.unsaved.values().any(|unsaved| unsaved.refused) { "degraded" } else { "ok" }
    }

    /// The DUID that is kept, or a new one.
    pub fn duid(&mut self, make: impl FnOnce() -> Duid) -> Duid {
        self.store.duid(make)
    }

    /// Replaces the DUID.
    ///
    /// # Errors
    /// When the disk does not take it; then the old one stays.
    pub fn set_duid(&mut self, duid: &Duid) -> Result<(), String> {
        self.store.set_duid(duid).map_err(|error| error.to_string())
    }

    /// The record of a link.
    pub fn load(&mut self, key: &LinkKey) -> Option<LinkRecord> {
        let unsaved = self.unsaved.get(key).map(|unsaved| unsaved.record.clone());
        unsaved.or_else(|| self.store.load(key))
    }

    /// When refused records are tried again.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The records to try again, if that is due.
    pub fn due(&mut self) -> Vec<(LinkKey, LinkRecord)> {
        if self.retry_at.is_none_or(|at| at > now()) {
            return Vec::new();
        }
        self.retry_at = None;
        let refused = self.unsaved.iter().filter(|(_, unsaved)| unsaved.refused);
        refused.map(|(key, unsaved)| (key.clone(), unsaved.record.clone())).collect()
    }

    /// Begins to keep the record of a link: from now on it is the one to load.
    pub fn begin(&mut self, key: LinkKey, record: LinkRecord) -> Saving {
        let refused = self.unsaved.get(&key).is_some_and(|before| before.refused);
        self.unsaved.insert(key.clone(), Unsaved { record: record.clone(), refused });
        let handed = self.store.draft(&key, &record).map(|draft| {
            let (done, outcome) = oneshot::channel();
            // Without its thread `outcome` ends at once.
            draft.map(|draft| self.writer.send(Job { draft, done })).map(|_| outcome)
        });
        Saving { key, record, handed }
    }

    fn end(&mut self, key: &LinkKey, record: &LinkRecord, outcome: Result<(), StoreError>) {
        let latest = self.unsaved.get_mut(key).filter(|unsaved| unsaved.record == *record);
        match (outcome, latest) {
            (Ok(()), latest) => {
                if latest.is_some() {
                    self.unsaved.remove(key);
                }
                if self.state() != "ok" {
                    // The disk takes records again.
                    self.retry_at = Some(now());
                }
            }
            (Err(error), latest) => {
                tracing::warn!(error = ?error.to_string(), "a lease could not be stored");
                if let Some(latest) = latest {
                    latest.refused = true;
                }
                self.retry_at = Some(now() + RETRY);
            }
        }
    }
}

/// A record on its way to the disk.
pub struct Saving {
    key: LinkKey,
    record: LinkRecord,
    /// `None` when the disk has it as good.
    handed: Result<Option<oneshot::Receiver<Written>>, StoreError>,
}

type Written = (Draft, Result<(), StoreError>);

impl Saving {
    /// Completes when the record is durable, or else is kept in memory to be tried again.
    pub async fn end(self, storage: &RefCell<Storage>) {
        let Self { key, record, handed } = self;
        let outcome = match handed {
            Ok(None) => Ok(()),
            Ok(Some(written)) => match written.await {
                Ok((draft, Ok(()))) => {
                    storage.borrow_mut().store.kept(draft);
                    Ok(())
                }
                Ok((_, Err(error))) => Err(error),
                Err(_) => {
                    Err(StoreError::Disk { file: "any".into(), source: io::ErrorKind::BrokenPipe.into() })
                }
            },
            Err(error) => Err(error),
        };
        storage.borrow_mut().end(&key, &record, outcome);
    }
}

/// Writes what has come since the last time, until nobody sends any more.
fn write(mut disk: Directory, jobs: &mpsc::Receiver<Job>) {
    while let Ok(first) = jobs.recv() {
        let more = std::iter::from_fn(|| jobs.try_recv().ok());
        let (drafts, waiting): (Vec<_>, Vec<_>) =
            std::iter::once(first).chain(more).take(BATCH).map(|job| (job.draft, job.done)).unzip();
        let outcomes = put(&mut disk, &drafts);
        for ((draft, outcome), done) in drafts.into_iter().zip(outcomes).zip(waiting) {
            // Whoever waited may have ended.
            let _ = done.send((draft, outcome));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{BootClock, Identity};
    use dhcp4o6_protocol::ids::Iaid;

    fn storage(directory: &Path) -> RefCell<Storage> {
        let boot = BootClock { boot_id: "one".into(), now, wall_minus_boot_micros: || 0 };
        RefCell::new(Storage::new(Store::open(directory, boot), directory).unwrap())
    }

    fn key(name: usize) -> LinkKey {
        LinkKey { namespace: None, identity: Identity::Name(format!("wan{name}")) }
    }

    async fn save(storage: &RefCell<Storage>, key: LinkKey, record: LinkRecord) {
        let saving = storage.borrow_mut().begin(key, record);
        saving.end(storage).await;
    }

    fn record(iaid: usize) -> LinkRecord {
        LinkRecord::new(Iaid(u32::try_from(iaid).unwrap()))
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    /// A directory of this test's own, gone at its end.
    struct Scratch(std::path::PathBuf);

    impl Scratch {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("dhcp4o6-storage-{name}-{}", std::process::id()));
            let _ = std::fs::remove_dir_all(&path);
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn what_many_links_save_at_once_is_there_afterwards() {
        let scratch = Scratch::new("many");
        let first = storage(&scratch.0);
        run(futures_util::future::join_all((0..300).map(|n| save(&first, key(n), record(n)))));
        assert_eq!(first.borrow().state(), "ok");
        let second = storage(&scratch.0);
        assert!((0..300).all(|n| second.borrow_mut().load(&key(n)) == Some(record(n))));
    }

    #[test]
    fn what_the_disk_refuses_is_kept_in_memory_and_stored_when_it_takes_it() {
        let scratch = Scratch::new("refused");
        std::fs::write(&scratch.0, "in the way").unwrap();
        let storage = storage(&scratch.0);
        run(save(&storage, key(1), record(1)));
        assert_eq!(storage.borrow().state(), "degraded");
        assert_eq!(storage.borrow_mut().load(&key(1)), Some(record(1)));
        assert!(storage.borrow().retry_at().is_some_and(|at| at > now()));
        assert_eq!(storage.borrow_mut().due(), []);

        std::fs::remove_file(&scratch.0).unwrap();
        run(save(&storage, key(2), record(2)));
        let due = storage.borrow_mut().due();
        assert_eq!(due, [(key(1), record(1))]);
        run(save(&storage, due[0].0.clone(), due[0].1.clone()));
        assert_eq!(storage.borrow().state(), "ok");
        assert_eq!(storage.borrow().retry_at(), None);
    }
}
