//! The DUID: made once, kept for ever (RFC 8415 §11). Losing it means losing every lease, so there is a second copy,
//! and a file that cannot be read is never replaced.

use super::frame::{self, Kind};
use super::{Disk, Store, StoreError};
use dhcp4o6_protocol::ids::Duid;
use serde::{Deserialize, Serialize};

const FILE: &str = "duid";
const BACKUP: &str = "duid.bak";

#[derive(Serialize, Deserialize)]
struct Saved {
    duid: Duid,
}

/// What became of reading one of the two copies.
enum Copy {
    Good(Duid),
    Absent,
    /// It was damaged, and is out of the way now.
    SetAside,
    /// There is one, and the disk does not give it to us.
    Unreadable,
}

impl<D: Disk> Store<D> {
    /// The DUID that is kept. `make` makes one when there is none.
    ///
    /// While a file exists that cannot be read, what `make` makes is used and not kept: the file may be readable again
    /// another day.
    pub fn duid(&mut self, make: impl FnOnce() -> Duid) -> Duid {
        let (main, backup) = (self.copy(FILE), self.copy(BACKUP));
        match (main, backup) {
            (Copy::Good(duid), Copy::Good(other)) if duid == other => duid,
            (Copy::Good(duid), Copy::Unreadable) => duid,
            (Copy::Good(duid), _) => {
                self.keep(BACKUP, &duid);
                duid
            }
            (Copy::Unreadable, Copy::Good(duid)) => duid,
            (_, Copy::Good(duid)) => {
                tracing::warn!("the DUID is taken from its second copy");
                self.keep(FILE, &duid);
                duid
            }
            (Copy::Unreadable, _) | (_, Copy::Unreadable) => {
                tracing::error!("the DUID cannot be read; this run uses another one, and it is not kept");
                make()
            }
            (main, backup) => {
                if matches!(main, Copy::SetAside) || matches!(backup, Copy::SetAside) {
                    tracing::error!("the DUID is lost; servers will take this host for another one");
                }
                let duid = make();
                if self.keep(FILE, &duid) {
                    self.keep(BACKUP, &duid);
                } else {
                    self.unkept = Some(duid.clone());
                }
                duid
            }
        }
    }

    /// Replaces the DUID, for ever.
    ///
    /// # Errors
    /// When the disk does not take it; then the old one stays.
    pub fn set_duid(&mut self, duid: &Duid) -> Result<(), StoreError> {
        self.write_duid(FILE, duid)?;
        self.unkept = None;
        self.keep(BACKUP, duid);
        Ok(())
    }

    /// Keeps a DUID that the disk did not take when it was made: a lease without its DUID is worth nothing.
    ///
    /// # Errors
    /// When the disk does not take it now either.
    pub fn keep_duid(&mut self) -> Result<(), StoreError> {
        match self.unkept.take() {
            None => Ok(()),
            Some(duid) => self.set_duid(&duid).inspect_err(|_| self.unkept = Some(duid.clone())),
        }
    }

    fn copy(&mut self, file: &str) -> Copy {
        let content = match self.disk.read(file, frame::MAX_FILE + 1) {
            Ok(None) => return Copy::Absent,
            Ok(Some(content)) => content,
            Err(error) => {
                tracing::warn!(file, %error, "a state file cannot be read");
                return Copy::Unreadable;
            }
        };
        let saved = frame::unwrap(Kind::Duid, &content).and_then(|payload| {
            serde_json::from_slice::<Saved>(payload).map_err(|_| frame::BadFile::Damaged)
        });
        match saved {
            Ok(saved) => Copy::Good(saved.duid),
            Err(bad) => {
                self.set_aside(file, bad);
                Copy::SetAside
            }
        }
    }

    /// True if the disk took it.
    fn keep(&mut self, file: &str, duid: &Duid) -> bool {
        let written = self.write_duid(file, duid);
        if let Err(error) = &written {
            tracing::warn!(%error, "the DUID could not be stored");
        }
        written.is_ok()
    }

    fn write_duid(&mut self, file: &str, duid: &Duid) -> Result<(), StoreError> {
        let payload = serde_json::to_vec(&Saved { duid: duid.clone() })
            .map_err(|error| StoreError::Disk { file: file.to_owned(), source: error.into() })?;
        self.write(file, Kind::Duid, &payload)
    }
}
