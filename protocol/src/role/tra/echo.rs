//! Noticing servers that do not return relay agent information.

use crate::provider::Notice;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// So many answers without it in a row, and an operator should hear of it. A single one can be too long for it.
const PERSISTENT: u32 = 5;

/// How many answers of each server in a row had none.
#[derive(Debug, Default)]
pub(super) struct Echo(BTreeMap<Ipv4Addr, u32>);

impl Echo {
    /// An answer came with relay agent information.
    pub(super) fn returned(&mut self, server: Ipv4Addr) {
        self.0.remove(&server);
    }

    /// One came without. What an operator should hear of: once, until it changes.
    pub(super) fn missing(&mut self, server: Ipv4Addr) -> Option<Notice> {
        let count = self.0.entry(server).or_default();
        *count = count.saturating_add(1);
        (*count == PERSISTENT).then_some(Notice::NoAgentInformation(server))
    }

    /// True if that is how the server is.
    pub(super) fn is_missing(&self, server: Ipv4Addr) -> bool {
        self.0.get(&server).is_some_and(|count| *count >= PERSISTENT)
    }

    /// Forgets all but these.
    pub(super) fn keep(&mut self, servers: &[Ipv4Addr]) {
        self.0.retain(|server, _| servers.contains(server));
    }
}
