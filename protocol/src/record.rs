//! What a link keeps over a restart: enough to take up its leases without a flap, nothing that can be asked again.

use crate::ids::Iaid;
use crate::lease::{Lease4, Lease6};
use crate::permit::Permit;
use crate::time::Instant;
use serde::{Deserialize, Serialize};

/// The kept state of one link. All moments are on the boot-time clock of the boot that wrote it; the store moves them
/// with [`LinkRecord::shift`] when it is read in another boot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkRecord {
    /// Of IA_NA, IA_PD and endpoint 0's client identifier. Never changes once written.
    pub iaid: Iaid,
    /// Stateful DHCPv6 lease.
    pub lease6: Option<Lease6>,
    /// The last valid permit.
    pub permit: Option<Permit>,
    /// SOL_MAX_RT in seconds, when a server set it.
    pub sol_max_rt: Option<u32>,
    /// INF_MAX_RT in seconds, when a server set it.
    pub inf_max_rt: Option<u32>,
    /// IPv4 lease.
    pub lease4: Option<Lease4>,
}

impl LinkRecord {
    /// An empty record with a fresh IAID.
    pub fn new(iaid: Iaid) -> Self {
        Self { iaid, lease6: None, permit: None, sol_max_rt: None, inf_max_rt: None, lease4: None }
    }

    /// Moves every moment in it by `micros`.
    pub fn shift(&mut self, micros: i64) {
        self.each_moment(|moment| *moment = moment.shifted(micros));
    }

    /// Calls `change` with every moment in it, always in the same order.
    pub fn each_moment(&mut self, mut change: impl FnMut(&mut Instant)) {
        if let Some(lease) = &mut self.lease6 {
            lease.renew_at.iter_mut().for_each(&mut change);
            lease.rebind_at.iter_mut().for_each(&mut change);
            for address in &mut lease.addresses {
                address.preferred_until.iter_mut().for_each(&mut change);
                address.valid_until.iter_mut().for_each(&mut change);
            }
            for prefix in &mut lease.prefixes {
                prefix.preferred_until.iter_mut().for_each(&mut change);
                prefix.valid_until.iter_mut().for_each(&mut change);
            }
        }
        if let Some(permit) = &mut self.permit {
            change(&mut permit.since);
        }
        if let Some(lease) = &mut self.lease4 {
            change(&mut lease.requested_at);
            lease.renew_at.iter_mut().for_each(&mut change);
            lease.rebind_at.iter_mut().for_each(&mut change);
            lease.expires_at.iter_mut().for_each(&mut change);
        }
    }
}
