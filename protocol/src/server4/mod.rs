//! The DHCPv4 server engine (RFC 2131 §4.3). It knows no transport: the roles `server` and `tsv` bring messages and
//! the way they came, and take answers back.

pub mod settings;

use crate::binding::{Binding4, Holder, Record, Slot4};
use crate::provider::Notice;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::tally::Tally;
use crate::time::Instant;
use crate::view::{Impossible, PoolUse, Question, Selection};
use crate::way::Way;
use crate::wire::v4;
use settings::Settings;
use std::net::Ipv4Addr;

/// A message from a client.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The message, with `op` 1.
    pub message: &'a v4::Message<'a>,
    /// How it came.
    pub way: &'a Way<'a>,
    /// The client would have sent it by unicast (the U flag, RFC 7341 §6.3).
    pub unicast: bool,
}

/// A change of the table: what to write, and what to put back if that cannot be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Change {
    /// How it is now.
    pub record: Record,
    /// How it was.
    pub undo: Record,
}

/// What surrounds the engine while it works.
pub struct Cx<'a> {
    /// New leases may be given: they can be stored.
    pub may_grant: bool,
    /// What was done is counted here.
    pub tally: &'a mut Tally,
    /// Changes that have to be durable before the answer leaves.
    pub changes: &'a mut Vec<Change>,
    /// What an operator should hear.
    pub notices: &'a mut Vec<Notice>,
}

/// The engine: settings, and a table of bindings.
pub struct Engine {
    settings: Settings,
    _rng: Rng,
}

impl Engine {
    /// An engine with an empty table.
    pub fn new(settings: Settings, rng: Rng) -> Self {
        Self { settings, _rng: rng }
    }

    /// Takes up other settings. Bindings stay; those outside the new subnets end by themselves and are not extended.
    pub fn configure(&mut self, _now: Instant, settings: Settings) {
        self.settings = settings;
    }

    /// Takes a record of the journal as the truth about its slot: while loading, and to take back what could not be
    /// stored.
    pub fn apply(&mut self, _record: &Record) {}

    /// Answers a message. `None` is silence.
    ///
    /// # Errors
    /// Why it is not answered, where a counter should tell.
    pub fn handle(
        &mut self,
        _now: Instant,
        _query: &Query<'_>,
        _cx: &mut Cx<'_>,
    ) -> Result<Option<Vec<u8>>, Refused> {
        Ok(None)
    }

    /// Lets go of what is over: offers, declined addresses. Too early changes nothing.
    pub fn on_deadline(&mut self, _now: Instant) {}

    /// When [`Engine::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        None
    }

    /// The bindings after `after`, in the order of their slots: at most `count`.
    pub fn bindings(&self, _after: Option<Slot4>, _count: usize) -> Vec<Binding4> {
        Vec::new()
    }

    /// Reservations that operators made, beyond the configuration.
    pub fn reserved(&self) -> impl Iterator<Item = (Ipv4Addr, &Holder)> {
        std::iter::empty()
    }

    /// How full each pool is.
    pub fn pools(&self, _now: Instant) -> Vec<PoolUse> {
        Vec::new()
    }

    /// What a query would get, and why.
    pub fn select(&self, _now: Instant, _question: &Question) -> Selection {
        Selection::default()
    }

    /// Ends a lease: its client is refused at the next renewal.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn revoke(&mut self, _now: Instant, slot: Slot4) -> Result<Change, Impossible> {
        Err(Impossible::NoLease(slot.address.into()))
    }

    /// Keeps an address for somebody.
    ///
    /// # Errors
    /// When it is in no subnet, or taken.
    pub fn reserve(
        &mut self,
        _now: Instant,
        address: Ipv4Addr,
        _holder: Holder,
    ) -> Result<Change, Impossible> {
        Err(Impossible::NoSubnet(address.into()))
    }

    /// Takes a reservation back that [`Engine::reserve`] made.
    ///
    /// # Errors
    /// When there is none.
    pub fn unreserve(&mut self, address: Ipv4Addr) -> Result<Change, Impossible> {
        Err(Impossible::NotReserved(address.into()))
    }
}
