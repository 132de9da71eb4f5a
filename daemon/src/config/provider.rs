//! The provider's part of the configuration, layer by layer: `[server]` and `[[relay]]`.
//!
//! Each layer is read over what earlier ones said: keys override, tables are merged, and lists of tables add up. What is
//! wrong with a layer by itself is found while it is read; what is wrong with the whole, when all of them are.

use super::mistakes::Mistakes;
use super::reader::Reader;
use super::{RelayConfig, ServerConfig, relay, server};

/// What the layers read so far say.
#[derive(Default)]
pub(super) struct Draft {
    server: server::Draft,
    relays: relay::Drafts,
}

impl Draft {
    /// Reads one layer.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        reader.table("server", |table| self.server.read(table));
        reader.tables("relay", |table| self.relays.read(table));
    }

    /// What it means, and what is wrong with the whole.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> (Option<ServerConfig>, Vec<RelayConfig>) {
        let served = self.server.served();
        (self.server.finish(mistakes), self.relays.finish(served, mistakes))
    }
}
