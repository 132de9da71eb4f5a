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
    /// IPv4 lease of the endpoint with the link's IAID.
    pub lease4: Option<Lease4>,
    /// What tells the endpoints of a link apart. None for an only one without a name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub endpoints: Vec<EndpointRecord>,
}

/// The kept state of one endpoint.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct EndpointRecord {
    /// What it was called last.
    pub name: String,
    /// Of its client identifier: unique on the link.
    pub iaid: Iaid,
    /// Its IPv4 lease, unless it has the IAID of the link: then that is [`LinkRecord::lease4`].
    pub lease4: Option<Lease4>,
}

impl LinkRecord {
    /// An empty record with a fresh IAID.
    pub fn new(iaid: Iaid) -> Self {
        Self {
            iaid,
            lease6: None,
            permit: None,
            sol_max_rt: None,
            inf_max_rt: None,
            lease4: None,
            endpoints: Vec::new(),
        }
    }

    /// The lease of the endpoint with this IAID. A lease belongs to a client identifier, whatever the endpoint is called
    /// now.
    pub fn lease4_of(&self, iaid: Iaid) -> Option<&Lease4> {
        if iaid == self.iaid {
            return self.lease4.as_ref();
        }
        self.endpoints.iter().find(|endpoint| endpoint.iaid == iaid)?.lease4.as_ref()
    }

    /// Keeps the lease of the endpoint with this IAID. Without effect for one that the record does not know.
    pub fn set_lease4(&mut self, iaid: Iaid, lease: Option<Lease4>) {
        if iaid == self.iaid {
            self.lease4 = lease;
        } else if let Some(endpoint) = self.endpoints.iter_mut().find(|endpoint| endpoint.iaid == iaid) {
            endpoint.lease4 = lease;
        }
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
        let others = self.endpoints.iter_mut().filter_map(|endpoint| endpoint.lease4.as_mut());
        for lease in self.lease4.iter_mut().chain(others) {
            change(&mut lease.requested_at);
            lease.renew_at.iter_mut().for_each(&mut change);
            lease.rebind_at.iter_mut().for_each(&mut change);
            lease.expires_at.iter_mut().for_each(&mut change);
        }
    }
}
