//! The DHCPv6 server engine (RFC 8415 §18.3): it gives addresses, prefixes and the options that switch DHCPv4 over
//! DHCPv6 on. The role `server` brings messages and the way they came, and takes answers back.
//!
//! Each identity association has one slot: an address or a prefix. An Advertise reserves nothing: clients are spread
//! over a pool by who they are, so that two are rarely offered the same, and if they are, the second to send a Request
//! gets another slot in the Reply.
//!
//! Read in this order: this file, `query`, `lease`, `table`, `links`.

mod lease;
mod links;
mod menu;
mod pool;
mod query;
mod reply;
mod runs;
pub mod settings;
mod slot;
mod table;
#[cfg(test)]
mod tests;

use crate::binding::{Binding6, Record, Slot6, State};
use crate::ids::Duid;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::server4::{Change, Cx};
use crate::settings::{Draft01, Profile};
use crate::tally::Done;
use crate::time::Instant;
use crate::view::{Impossible, PoolUse};
use crate::way::Way;
use crate::wire::v6::{self, MessageType};
use lease::Session;
use links::Links;
use query::{Asks, Query};
use reply::Reply;
use settings::Settings;
use table::{Table, is_live};

/// The engine: settings, and a table of bindings.
pub struct Engine {
    settings: Settings,
    duid: Duid,
    links: Links,
    table: Table,
}

impl Engine {
    /// An engine with an empty table, for the wire profiles of `profile`.
    pub fn new(settings: Settings, duid: Duid, profile: Profile, draft01: Draft01, mut rng: Rng) -> Self {
        let links = Links::new(&settings, profile, &draft01);
        let table = Table::new(&settings.subnets, &mut rng);
        Self { settings, duid, links, table }
    }

    /// Takes up other settings. Bindings stay; those outside the new subnets end by themselves and are not extended.
    pub fn configure(&mut self, now: Instant, settings: Settings, profile: Profile, draft01: Draft01) {
        self.links = Links::new(&settings, profile, &draft01);
        if settings.subnets != self.settings.subnets {
            self.table.configure(&settings.subnets);
        }
        self.settings = settings;
        self.table.settle(now);
    }

    /// Takes a record of the journal as the truth about its slot: while loading, and to take back what could not be
    /// stored. Records of DHCPv4 say nothing here.
    pub fn apply(&mut self, record: &Record) {
        match record {
            Record::Lease6(binding) => self.table.insert(binding.clone()),
            Record::Gone6(slot) => self.table.remove(*slot),
            Record::Lease4(_) | Record::Gone4(_) | Record::Reserve4 { .. } | Record::Unreserve4 { .. } => {}
        }
    }

    /// Answers a message. `unicast` is one that the client itself sent to a unicast address, which only messages of
    /// other types may be (RFC 9915 §16).
    ///
    /// # Errors
    /// Why it is not answered.
    pub fn handle(
        &mut self,
        now: Instant,
        message: &v6::Message<'_>,
        way: &Way<'_>,
        unicast: bool,
        cx: &mut Cx<'_>,
    ) -> Result<Option<Vec<u8>>, Refused> {
        let query = Query::read(message, &self.duid)?;
        if unicast {
            return Err(Refused::WrongDestination);
        }
        self.table.settle(now);
        cx.tally.count(match query.asks {
            Asks::Solicit => Done::Solicit,
            Asks::Request => Done::Request6,
            Asks::Confirm => Done::Confirm6,
            Asks::Renew => Done::Renew6,
            Asks::Rebind => Done::Rebind6,
            Asks::Release => Done::Release6,
            Asks::Decline => Done::Decline6,
            Asks::Information => Done::Information6,
        });
        let place = self.links.place(way);
        let menu = self.links.menu(place);
        let reply = match &query.client {
            None => Reply::new(Vec::new(), menu),
            Some(client) => {
                let any = self.links.any();
                let (origin, limit) = (way.origin(), self.settings.leases_per_origin);
                let table = &mut self.table;
                let mut session = Session { now, client, place, any, way, origin, limit, table, cx };
                match query.asks {
                    Asks::Solicit if self.settings.rapid_commit && query.rapid() && session.cx.may_grant => {
                        Reply { rapid: true, ..Reply::new(session.grant(&query)?, menu) }
                    }
                    Asks::Solicit => Reply {
                        kind: MessageType::ADVERTISE,
                        preference: self.settings.preference,
                        ..Reply::new(session.offer(&query)?, menu)
                    },
                    Asks::Request => Reply::new(session.grant(&query)?, menu),
                    Asks::Renew | Asks::Rebind => Reply::new(session.extend(&query)?, menu),
                    Asks::Confirm => Reply::told(session.confirm(&query)?, Vec::new()),
                    Asks::Release | Asks::Decline => session.give_back(&query)?,
                    Asks::Information => Reply::new(Vec::new(), menu),
                }
            }
        };
        let octets = reply.write(&self.duid, &query).map_err(|_| Refused::NoRoom)?;
        let answered = if reply.kind == MessageType::ADVERTISE { Done::Advertise } else { Done::Reply6 };
        cx.tally.count(answered);
        Ok(Some(octets))
    }

    /// Lets go of what is over. Too early changes nothing.
    pub fn on_deadline(&mut self, now: Instant) {
        self.table.settle(now);
    }

    /// When [`Engine::on_deadline`] has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.table.deadline()
    }

    /// The bindings after `after`, in the order of their slots: at most `count`. Those that are over and remembered are
    /// among them.
    pub fn bindings(&self, after: Option<Slot6>, count: usize) -> Vec<Binding6> {
        self.table.after(after).take(count).cloned().collect()
    }

    /// How full each pool is, as of the last message or deadline. Nothing is ever on offer: see the head of this module.
    pub fn pools(&self, _now: Instant) -> Vec<PoolUse> {
        let subnet = |index: usize| self.settings.subnets.get(index).map(|subnet| subnet.prefix.to_string());
        self.table
            .pools()
            .iter()
            .map(|pool| PoolUse {
                subnet: subnet(pool.subnet).unwrap_or_default(),
                pool: pool.name.clone(),
                size: pool.count,
                leased: pool.leased,
                offered: 0,
                declined: u64::try_from(pool.resting.len()).unwrap_or(u64::MAX),
                reserved: pool.reserved,
            })
            .collect()
    }

    /// Ends a lease: its client is refused at the next renewal, and others may get the slot when nothing else is free.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn revoke(&mut self, now: Instant, slot: Slot6) -> Result<Change, Impossible> {
        let held = self.table.get(slot).filter(|b| b.state == State::Bound && is_live(now, b)).cloned();
        let Some(held) = held else {
            let (Slot6::Address(address) | Slot6::Prefix(address, _)) = slot;
            return Err(Impossible::NoLease(address.into()));
        };
        let released = Binding6 {
            state: State::Released,
            changed_at: now,
            expires_at: Some(now),
            preferred_until: Some(now),
            ..held.clone()
        };
        self.table.insert(released.clone());
        Ok(Change { record: Record::Lease6(released), undo: Record::Lease6(held) })
    }
}
