//! DHCPv6 client (RFC 8415 §18.2), stateful and stateless.
//!
//! Blind to its transport: every message goes to ff02::1:2 from the link-local address, and whoever drives it knows how.

use crate::facts::{Address6, RouterAdvertisement};
use crate::ids::Duid;
use crate::lease::{Assignment6, Lease6};
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::Dhcp6Settings;
use crate::status::Dhcp6Status;
use crate::time::Instant;
use crate::wire::v6::Message;

/// What the engine wants done, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send this to ff02::1:2, from the link-local address.
    Send(Vec<u8>),
    /// [`Client6::assignments`] changed.
    Assign,
    /// A successful Reply to Request, Renew, Rebind, Information-request or a rapid-commit Solicit: the octets of its
    /// top-level options. Only these decide about the permit (C6-05 to C6-07).
    Configured(Vec<u8>),
    /// The configuration that we had still holds, though nobody sent it again: Success to Confirm, or no answer to a
    /// movement check.
    Confirmed,
    /// Nothing that DHCPv6 gave is valid any more.
    Expired,
    /// What [`Client6::save`] writes changed.
    Save,
    /// Count this.
    Refused(Refused),
    /// Tell the operator: a stable name and a sentence.
    Note(&'static str, String),
    /// A Release that [`Client6::release`] began is over.
    Released,
}

/// The DHCPv6 client of one link.
pub struct Client6 {}

impl Client6 {
    /// A client that is off. `permit_options` are always asked for; leases come from `record`.
    pub fn new(
        _settings: Dhcp6Settings,
        _permit_options: Vec<u16>,
        _duid: Duid,
        _record: &LinkRecord,
    ) -> Self {
        todo!()
    }

    /// The link can send, or can again after having been down: the random delay starts now, beside the kernel's
    /// duplicate address detection. Leases are verified once [`Client6::ready`] is called.
    pub fn carrier(&mut self, _now: Instant, _rng: &mut Rng) {
        todo!()
    }

    /// The link-local address is usable.
    pub fn ready(&mut self, _now: Instant, _rng: &mut Rng, _out: &mut Vec<Action>) {
        todo!()
    }

    /// The link may be another one than before, though it was not down for long: check for movement (§18.2.12).
    pub fn moved(&mut self, _now: Instant, _rng: &mut Rng, _out: &mut Vec<Action>) {
        todo!()
    }

    /// The link is down, or the stage is switched off: pending exchanges end, leases stay and run on.
    pub fn stop(&mut self, _now: Instant) {
        todo!()
    }

    /// The latest router advertisement; called after every change.
    pub fn advertised(
        &mut self,
        _now: Instant,
        _ra: Option<&RouterAdvertisement>,
        _rng: &mut Rng,
        _out: &mut Vec<Action>,
    ) {
        todo!()
    }

    /// The link's addresses, with the outcome of duplicate address detection; called after every change.
    pub fn addresses(
        &mut self,
        _now: Instant,
        _addresses: &[Address6],
        _rng: &mut Rng,
        _out: &mut Vec<Action>,
    ) {
        todo!()
    }

    /// An Advertise, Reply or Reconfigure.
    ///
    /// # Errors
    /// When it is not for us, not now, or not valid; nothing has changed then.
    pub fn receive(
        &mut self,
        _now: Instant,
        _message: &Message<'_>,
        _rng: &mut Rng,
        _out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        todo!()
    }

    /// [`Client6::deadline`] was reached. Too early or twice changes nothing.
    pub fn on_deadline(&mut self, _now: Instant, _rng: &mut Rng, _out: &mut Vec<Action>) {
        todo!()
    }

    /// When to call [`Client6::on_deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// Gives all leases back: addresses go first, then up to four Release messages, then `Released`. At once
    /// `Released` when there is nothing to give back.
    pub fn release(&mut self, _now: Instant, _rng: &mut Rng, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Begin again: forget what is pending, verify or obtain everything anew.
    pub fn restart(&mut self, _now: Instant, _rng: &mut Rng, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Addresses that should be on the link now.
    pub fn assignments(&self) -> Vec<Assignment6> {
        todo!()
    }

    /// The stateful lease.
    pub fn lease(&self) -> Option<&Lease6> {
        todo!()
    }

    /// True while some configuration of DHCPv6 is valid.
    pub fn is_configured(&self) -> bool {
        todo!()
    }

    /// Writes what a restart needs into `record`: lease, SOL_MAX_RT, INF_MAX_RT.
    pub fn save(&self, _record: &mut LinkRecord) {
        todo!()
    }

    /// For people.
    pub fn status(&self) -> Dhcp6Status {
        todo!()
    }
}
