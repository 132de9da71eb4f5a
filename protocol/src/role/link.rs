//! One watched link: the DHCPv6 stage, then the 4o6 client inside it.

use crate::ids::Duid;
use crate::machine::{Effects, Input, Machine};
use crate::record::LinkRecord;
use crate::settings::LinkSettings;
use crate::time::Instant;

/// The subscriber's role on one link.
pub struct Link {}

impl Link {
    /// A link about which nothing is known yet. Everything begins with the first [`Input::Link`].
    pub fn new(_settings: LinkSettings, _duid: Duid, _record: LinkRecord, _seed: [u8; 32]) -> Self {
        todo!()
    }
}

impl Machine for Link {
    fn handle(&mut self, _now: Instant, _input: Input<'_>, _out: &mut Effects) {
        todo!()
    }

    fn deadline(&self) -> Option<Instant> {
        todo!()
    }
}
