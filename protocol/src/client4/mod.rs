//! DHCPv4 client (RFC 2131 §4.4), blind to its transport.

use crate::ids::{ClientId, HardwareAddress, Xid4};
use crate::lease::{Lease4, LeaseEventKind};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::Dhcp4Settings;
use crate::status::Client4Status;
use crate::time::Instant;
use crate::wire::v4::Message;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the engine wants done, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send this.
    Send {
        /// A whole DHCPv4 message, padded to 300 octets.
        message: Vec<u8>,
        /// Its transaction id; the same in retransmissions.
        xid: Xid4,
        /// RFC 2131 would send it to the server's own address: the U flag of a DHCPv4-query.
        unicast: bool,
    },
    /// A lease begins or goes on; [`Client4::lease`] is it. One of Acquired, Renewed, Rebound, Changed.
    Granted(LeaseEventKind),
    /// The lease is over, and its address must go now. One of Declined, Nak, Expired, Released.
    Lost(LeaseEventKind, Box<Lease4>),
    /// Find out whether somebody else has this address, and call [`Client4::checked`].
    Check(Ipv4Addr),
    /// Count this.
    Refused(Refused),
    /// Tell the operator: a stable name and a sentence.
    Note(&'static str, String),
}

/// What the engine may use while it handles something.
pub struct Cx<'a> {
    /// Chance.
    pub rng: &'a mut Rng,
    /// Addresses of this host that a server must not give us.
    pub foreign: &'a [Ipv4Addr],
    /// The source the transport would use now; kept with the lease.
    pub source: Option<Ipv6Addr>,
}

/// How to go on with a remembered lease.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Start {
    /// INIT-REBOOT: the network may be another one.
    Verify,
    /// The same network as before, after a pause: REBINDING past T2, RENEWING past T1, else BOUND.
    Continue,
}

/// Whether a reply returned our client identifier (RFC 6842).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Echo {
    /// It did, and it is ours.
    Ours,
    /// It did not; the hardware address is ours.
    Absent,
}

/// The DHCPv4 client of one endpoint.
pub struct Client4 {}

impl Client4 {
    /// A client that is suspended, and holds `remembered` as long as that is valid.
    pub fn new(
        _settings: Dhcp4Settings,
        _client_id: ClientId,
        _hardware: HardwareAddress,
        _remembered: Option<Lease4>,
    ) -> Self {
        todo!()
    }

    /// Whether addresses are checked for conflict before use. Set before `start`, when the target is known.
    pub fn set_conflict_detection(&mut self, _on: bool) {
        todo!()
    }

    /// Messages may be sent from now on. Does nothing when already running.
    pub fn start(&mut self, _now: Instant, _how: Start, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Nothing may be sent from now on: pending exchanges end without a packet, the lease stays and runs on.
    pub fn suspend(&mut self, _now: Instant) {
        todo!()
    }

    /// True between `start` and `suspend`, `release` or `forget`.
    pub fn is_running(&self) -> bool {
        todo!()
    }

    /// The transport changed: send the pending message again now, with the same transaction id.
    pub fn retransmit(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Go to RENEWING. False when there is no lease to extend or an exchange is pending already.
    pub fn renew(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) -> bool {
        todo!()
    }

    /// Go to REBINDING. False when there is no lease to extend.
    pub fn rebind(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) -> bool {
        todo!()
    }

    /// Give the lease back: RELEASE if running, then `Lost(Released)`; suspended afterwards.
    pub fn release(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Drop the lease without a word to the server: `Lost(Released)`; suspended afterwards.
    pub fn forget(&mut self, _now: Instant, _out: &mut Vec<Action>) {
        todo!()
    }

    /// First half of judging a reply: `op`, transaction id, client identifier. Changes nothing.
    ///
    /// # Errors
    /// When it is not an answer to what is pending here.
    pub fn check(&self, _message: &Message<'_>) -> Result<Echo, Refused> {
        todo!()
    }

    /// Second half, once the transport has accepted the sender: acts on the reply.
    ///
    /// # Errors
    /// When the state, the server or the content does not allow it; nothing has changed then.
    pub fn receive(
        &mut self,
        _now: Instant,
        _message: &Message<'_>,
        _cx: &mut Cx<'_>,
        _out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        todo!()
    }

    /// The answer to [`Action::Check`].
    pub fn checked(&mut self, _now: Instant, _conflict: bool, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// Somebody else uses our address, found while it was in use: DECLINE and begin again.
    pub fn conflict(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// [`Client4::deadline`] was reached. Too early or twice changes nothing.
    pub fn on_deadline(&mut self, _now: Instant, _cx: &mut Cx<'_>, _out: &mut Vec<Action>) {
        todo!()
    }

    /// When to call [`Client4::on_deadline`]. While suspended: the end of the lease.
    pub fn deadline(&self) -> Option<Instant> {
        todo!()
    }

    /// The lease in force: bound, renewing, rebinding, rebooting, or suspended with one.
    pub fn lease(&self) -> Option<&Lease4> {
        todo!()
    }

    /// For people. `transport`, `destinations` and `source` are left to the transport.
    pub fn status(&self) -> Client4Status {
        todo!()
    }
}
