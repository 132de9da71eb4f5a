//! The provider's part of the configuration, layer by layer: `[server]`, `[[relay]]` and `[[tra]]`.
//!
//! Each layer is read over what earlier ones said: keys override, tables are merged, and lists of tables add up. What is
//! wrong with a layer by itself is found while it is read; what is wrong with the whole, when all of them are.

use super::mistakes::Mistakes;
use super::reader::Reader;
use super::{RelayConfig, ServerConfig, TraConfig, exclusion, relay, server, tra};

/// What the layers read so far say.
#[derive(Default)]
pub(super) struct Draft {
    server: server::Draft,
    relays: relay::Drafts,
    tras: tra::Drafts,
}

/// What they mean.
pub(super) struct Roles {
    pub(super) server: Option<ServerConfig>,
    pub(super) relays: Vec<RelayConfig>,
    pub(super) tras: Vec<TraConfig>,
}

impl Draft {
    /// Reads one layer.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        reader.table("server", |table| self.server.read(table));
        reader.tables("relay", |table| self.relays.read(table));
        reader.tables("tra", |table| self.tras.read(table));
    }

    /// What may exclude roles of the subscriber's side, and each other.
    pub(super) fn claims(&self) -> exclusion::Provider<'_> {
        exclusion::Provider {
            receivers: self.server.receiver().into_iter().chain(self.tras.receivers()).collect(),
            front: self.server.front(),
            broadcasts: self.server.broadcasts(),
        }
    }

    /// What it means, and what is wrong with the whole.
    pub(super) fn finish(self, mistakes: &mut Mistakes) -> Roles {
        let served = self.server.served();
        Roles {
            server: self.server.finish(mistakes),
            relays: self.relays.finish(served, mistakes),
            tras: self.tras.finish(mistakes),
        }
    }
}
