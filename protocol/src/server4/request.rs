//! DHCPREQUEST (RFC 2131 §4.3.2), and what it means to grant it.

use super::answer::Granted;
use super::choose::Choice;
use super::table::Entry;
use super::{Asked, Change, Cx, Engine, Reply};
use crate::binding::{Binding4, Record, Slot4, State};
use crate::refused::Refused;
use crate::settings::is_routable;
use crate::tally::Done;
use crate::time::{Instant, Lifetime};
use crate::wire::softwire::tunnel_source;
use crate::wire::v4::{MessageType, code};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Shortest time between two changes of option 109 (RFC 8539 §8.1).
const SOFTWIRE_PAUSE: Duration = Duration::from_secs(60);
/// Octets of a host name that are kept.
const HOST_NAME: usize = 255;

/// What is said of a REQUEST.
enum Verdict {
    /// The client has the slot, or can have it.
    Grant(Slot4),
    /// It cannot, and is told why.
    Nak(&'static str),
}

use Verdict::{Grant, Nak};

const WRONG_NETWORK: &str = "wrong network";
const NOT_AVAILABLE: &str = "address not available";
const NOT_YOURS: &str = "not your address";

impl Engine {
    /// Tells the four kinds of REQUEST apart (RFC 2131 table 4); the U flag stands for unicast (RFC 7341 §8).
    pub(super) fn request(&mut self, asked: &Asked<'_>, cx: &mut Cx<'_>) -> Reply {
        let message = asked.message;
        let choice = self.choice(asked);
        let verdict = if message.option(code::SERVER_ID).is_some() {
            cx.tally.count(Done::Selecting);
            if message.address(code::SERVER_ID) != Some(self.settings.server_id) {
                if let Some(slot) = choice.offered() {
                    self.ledger.withdraw(slot);
                }
                return Err(Refused::OtherServer);
            }
            choice.selecting(asked.who.requested.ok_or(Refused::Malformed4)?)
        } else if let Some(address) = asked.who.requested {
            cx.tally.count(Done::InitReboot);
            choice.init_reboot(address)
        } else if message.ciaddr.is_unspecified() {
            return Err(Refused::Malformed4);
        } else {
            cx.tally.count(if asked.unicast { Done::Renewing } else { Done::Rebinding });
            choice.extending(message.ciaddr, asked.unicast)
        };
        match verdict? {
            Nak(why) => self.nak(asked, why, cx),
            Grant(slot) if cx.may_grant => {
                let lifetime = self.lifetime(asked, slot);
                let Some(granted) = self.grant(asked, slot, Some(lifetime), cx) else {
                    return self.nak(asked, "softwire source in use", cx);
                };
                cx.tally.count(Done::Ack);
                self.answer(asked, Some(MessageType::ACK), Some(granted), false, cx)
            }
            Grant(slot) => {
                let granted = choice.stored(slot).ok_or(Refused::NoStorage)?;
                cx.tally.count(Done::Ack);
                self.answer(asked, Some(MessageType::ACK), Some(granted), false, cx)
            }
        }
    }

    /// Makes a slot the client's lease; `None` for the lifetime is without end. Nothing happens and `None` comes
    /// back when the client has no lease yet and its end of the softwire is another client's.
    pub(super) fn grant(
        &mut self,
        asked: &Asked<'_>,
        slot: Slot4,
        lifetime: Option<Lifetime>,
        cx: &mut Cx<'_>,
    ) -> Option<Granted> {
        let now = asked.now;
        let choice = self.choice(asked);
        let value = asked.message.option(code::S46_SOURCE);
        let softwire = choice
            .softwire(slot, value.as_deref().and_then(tunnel_source).filter(|end| is_routable(*end)))?;
        let own = choice.own(slot).and_then(Entry::binding);
        let host_name = match asked.message.option(code::HOST_NAME) {
            Some(name) => name.iter().copied().take(HOST_NAME).collect(),
            None => own.map(|own| own.host_name).unwrap_or_default(),
        };
        let others: Vec<_> = choice.leases().map(|entry| entry.slot).filter(|other| *other != slot).collect();
        let offered = choice.offered();
        let binding = Binding4 {
            slot,
            client: asked.who.key.clone(),
            state: State::Bound,
            changed_at: now,
            expires_at: lifetime.and_then(|lifetime| lifetime.end(now)),
            origin: asked.who.origin.clone(),
            source: asked.who.source,
            transport: asked.who.transport,
            host_name,
            softwire: softwire.map(|(address, _)| address),
        };
        // A client has one lease.
        for other in others {
            self.turn(other, State::Released, now, now, cx);
        }
        if let Some(offered) = offered {
            self.ledger.withdraw(offered);
        }
        let undo = self.ledger.record(slot);
        self.ledger.put(&binding, asked.who.circuit, softwire.map_or(now, |(_, since)| since));
        cx.changes.push(Change { record: Record::Lease4(binding), undo });
        Some(Granted { slot, lifetime, softwire: softwire.map(|(address, _)| address) })
    }
}

impl<'a> Choice<'a> {
    /// The client took our OFFER, or one that we have forgotten.
    fn selecting(&self, address: Ipv4Addr) -> Result<Verdict, Refused> {
        if !self.is_here(address) {
            return Ok(Nak(WRONG_NETWORK));
        }
        let Some(slot) = self.slot_at(address) else { return Ok(Nak(NOT_AVAILABLE)) };
        if self.leases().any(|entry| entry.slot == slot) && self.may_keep(slot) {
            return Ok(Grant(slot));
        }
        if !self.may_begin(slot) || !self.is_free(slot) {
            return Ok(Nak(NOT_AVAILABLE));
        }
        if self.offered().is_some() || self.is_reserved(address) {
            return Ok(Grant(slot));
        }
        if !self.has_room() {
            return Err(Refused::LeaseLimit);
        }
        Ok(if self.is_open_at(slot) { Grant(slot) } else { Nak(NOT_AVAILABLE) })
    }

    /// The client comes back and asks for what it had.
    fn init_reboot(&self, address: Ipv4Addr) -> Result<Verdict, Refused> {
        if !self.is_here(address) {
            return Ok(Nak(WRONG_NETWORK));
        }
        match self.remembered(address) {
            Some(entry) if self.has(entry) && self.may_keep(entry.slot) => Ok(Grant(entry.slot)),
            Some(entry) => self.again(entry),
            None if self.is_known() => Ok(Nak(NOT_YOURS)),
            None => Err(Refused::UnknownClient),
        }
    }

    /// The client wants more time: from us (RENEWING), or from whoever has it (REBINDING).
    fn extending(&self, address: Ipv4Addr, renewing: bool) -> Result<Verdict, Refused> {
        if let Some(entry) = self.remembered(address) {
            // Who asks any server may have moved, as one that begins again may. Who asks us is where it was.
            if renewing && !entry.is_at(&self.who.origin) && !self.is_reserved(address) {
                return Err(Refused::NotOwner);
            }
            if self.has(entry) {
                return Ok(if self.may_keep(entry.slot) { Grant(entry.slot) } else { Nak(NOT_AVAILABLE) });
            }
            return self.again(entry);
        }
        // Queries go to all servers, so a lease unknown here can be another server's. Only what cannot be is refused.
        let is_ours = self.is_here(address) && self.ledger.pools.at(address).is_some();
        let is_taken = || {
            let whole = self.ledger.table.get(Slot4 { address, ports: None });
            whole.is_some_and(|entry| entry.is_leased(self.now))
        };
        if self.is_known() && is_ours {
            return Ok(Nak(NOT_YOURS));
        }
        if renewing {
            return Err(Refused::UnknownClient);
        }
        if !self.is_here(address) {
            return Ok(Nak(WRONG_NETWORK));
        }
        if is_taken() { Ok(Nak(NOT_AVAILABLE)) } else { Err(Refused::UnknownClient) }
    }

    /// A lease that the client does not have, or no longer: it ran out, was given back or revoked.
    fn again(&self, entry: &Entry) -> Result<Verdict, Refused> {
        let slot = entry.slot;
        let ran_out =
            entry.state == State::Bound && (!entry.is_leased(self.now) || self.is_reserved(slot.address));
        if !ran_out || !self.may_begin(slot) || !self.is_free(slot) {
            return Ok(Nak(NOT_AVAILABLE));
        }
        let free_of_limits = self.is_reserved(slot.address) || self.offered() == Some(slot);
        if free_of_limits || self.has_room() { Ok(Grant(slot)) } else { Err(Refused::LeaseLimit) }
    }

    /// The client's binding of an address, the one it has before others; of its ports, if it names any.
    fn remembered(&self, address: Ipv4Addr) -> Option<&'a Entry> {
        let is_meant = |entry: &&Entry| {
            entry.slot.address == address
                && (self.who.ports.is_none()
                    || entry.slot.ports.is_none()
                    || entry.slot.ports == self.who.ports)
        };
        let entries = || self.ledger.table.of_client(self.who.hash, &self.who.key).filter(is_meant);
        entries().find(|entry| self.has(entry)).or_else(|| entries().next())
    }

    fn is_known(&self) -> bool {
        self.ledger.table.of_client(self.who.hash, &self.who.key).next().is_some()
    }

    /// What is left of the client's lease.
    fn stored(&self, slot: Slot4) -> Option<Granted> {
        let entry = self.leases().find(|entry| entry.slot == slot)?;
        let left = match entry.expires_at() {
            None => Lifetime::INFINITE,
            Some(end) => Lifetime(u32::try_from(end.since(self.now).as_secs()).unwrap_or(u32::MAX - 1)),
        };
        let softwire = entry.softwire().map(|(address, _)| address);
        (left.0 > 0).then_some(Granted { slot, lifetime: Some(left), softwire })
    }

    /// Option 109 for a lease, and when it was last another (RFC 8539 §8). `None` if the client has no lease and
    /// asks for another client's.
    fn softwire(&self, slot: Slot4, wanted: Option<Ipv6Addr>) -> Option<Option<(Ipv6Addr, Instant)>> {
        // A client takes its end along from one lease to the next: what it has here ends with this one's beginning.
        let is_own = |entry: &Entry| entry.slot == slot || (entry.is_of(&self.who.key) && self.has(entry));
        let others = |address| self.ledger.with_softwire(address, self.now).any(|entry| !is_own(entry));
        let own = self.own(slot);
        let stored = own.and_then(Entry::softwire).filter(|(address, _)| !others(*address));
        let Some(wanted) = wanted else { return Some(stored) };
        let has_lease = own.is_some_and(|entry| self.has(entry));
        match stored {
            Some((old, _)) if old == wanted => Some(stored),
            _ if others(wanted) => has_lease.then_some(stored),
            Some((_, since)) if has_lease && self.now < since + SOFTWIRE_PAUSE => Some(stored),
            _ => Some(Some((wanted, self.now))),
        }
    }
}
