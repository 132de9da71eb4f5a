//! The key of the external engine: made once and kept, so that answers find their way back over a restart.

use super::frame::Kind;
use super::{Disk, Store};

const FILE: &str = "external-secret";

impl<D: Disk> Store<D> {
    /// The key that is kept. `make` makes one when there is none that can be used; what the disk does not take serves
    /// until the next start.
    pub fn secret(&mut self, make: impl FnOnce() -> [u8; 16]) -> [u8; 16] {
        let kept = self.read(FILE, Kind::Secret).and_then(|payload| payload.try_into().ok());
        kept.unwrap_or_else(|| {
            let secret = make();
            if let Err(error) = self.write(FILE, Kind::Secret, &secret) {
                tracing::warn!(%error, "the key of the external engine could not be stored");
            }
            secret
        })
    }
}
