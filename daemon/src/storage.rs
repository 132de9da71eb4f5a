//! Leases on disk, and what happens while the disk does not take them.

use crate::clock::now;
use crate::store::{LinkKey, Store};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::time::Duration;

/// How often records that the disk did not take are tried again.
const RETRY: Duration = Duration::from_secs(60);

/// The store, and the records it refused: the service runs on from memory.
pub struct Storage {
    store: Store,
    unsaved: BTreeMap<LinkKey, LinkRecord>,
    retry_at: Option<Instant>,
}

impl Storage {
    /// Everything is on disk so far.
    pub fn new(store: Store) -> Self {
        Self { store, unsaved: BTreeMap::new(), retry_at: None }
    }

    /// The word on the bus.
    pub fn state(&self) -> &'static str {
        if self.unsaved.is_empty() { "ok" } else { "degraded" }
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
        self.unsaved.get(key).cloned().or_else(|| self.store.load(key))
    }

    /// Keeps the record of a link. When the disk does not take it, it is kept here and tried again.
    pub fn save(&mut self, key: &LinkKey, record: LinkRecord) {
        match self.store.save(key, &record) {
            Ok(()) => {
                self.unsaved.remove(key);
            }
            Err(error) => {
                tracing::warn!(error = ?error.to_string(), "a lease could not be stored");
                self.unsaved.insert(key.clone(), record);
                self.retry_at = Some(now() + RETRY);
            }
        }
    }

    /// Gives the record of one link to another, as when its name changed. The first begins anew, with the `fresh` one.
    pub fn hand_over(&mut self, from: &LinkKey, to: &LinkKey, fresh: LinkRecord) {
        if let Some(record) = self.load(from) {
            self.save(to, record);
            self.save(from, fresh);
        }
    }

    /// When [`Storage::retry`] is due.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at.filter(|_| !self.unsaved.is_empty())
    }

    /// Tries again to store what the disk did not take.
    pub fn retry(&mut self) {
        for (key, record) in std::mem::take(&mut self.unsaved) {
            self.save(&key, record);
        }
        if self.unsaved.is_empty() {
            tracing::info!("all leases are stored again");
        }
    }
}
