//! What operators ask and do.

use super::choose::{Choice, describe as describe_slot};
use super::pool::is_usable;
use super::reserved::{describe, describe_client};
use super::select::{Signs, Steps};
use super::table::Entry;
use super::who::Who;
use super::{Change, Engine};
use crate::binding::{ClientKey, Holder, Record, Slot4, State, Transport};
use crate::time::Instant;
use crate::view::{Impossible, Question, Selection};
use crate::way::{Four, Hop, Way, station};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Bound;

/// Where a query comes from if the question does not say.
const SOMEBODY: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

impl Engine {
    /// What a query would get, and why.
    pub fn select(&self, now: Instant, question: &Question) -> Selection {
        let way = self.way(question);
        let key = match (&question.client_id, &question.hardware) {
            (Some(id), _) => ClientKey::Id(id.clone()),
            (None, Some((kind, octets))) => ClientKey::Hardware(*kind, octets.clone()),
            (None, None) => ClientKey::Id(Vec::new()),
        };
        let mut who = Who::new(key, &way, self.ledger.keyed);
        who.shared = question.shared;
        who.requested = question.requested;
        let mut steps = Steps::recorded();
        let signs = Signs {
            link_selection: way.four.link_selection,
            subnet_selection: question.subnet_selection.filter(|_| self.settings.subnet_selection),
            giaddr: way.four.giaddr,
            way: &way,
        };
        let subnets = self.subnets.choose(&signs, &mut steps);
        if subnets.is_empty() {
            return Selection { subnet: None, address: None, steps: steps.finish() };
        }
        let choice = Choice {
            ledger: &self.ledger,
            settings: &self.settings,
            index: &self.subnets,
            now,
            who: &who,
            subnets: &subnets,
        };
        let slot = choice.best(&mut steps).ok();
        let index = slot.and_then(|slot| self.subnets.holding(slot.address)).or(subnets.first().copied());
        let subnet = index.map(|index| self.subnets.name(index).to_owned());
        Selection { subnet, address: slot, steps: steps.finish() }
    }

    /// The way that the query of a question would come.
    fn way<'q>(&'q self, question: &'q Question) -> Way<'q> {
        let mapped = question.giaddr.as_ref().map(Ipv4Addr::to_ipv6_mapped);
        let is_relayed = question.link_address.is_some() || question.interface_id.is_some();
        let hop = Hop {
            link_address: question.link_address.or(mapped).unwrap_or(Ipv6Addr::UNSPECIFIED),
            interface_id: question.interface_id.as_deref(),
        };
        let (client, transport) = match (question.agent, mapped) {
            (Some(agent), _) => (agent, Transport::Agent),
            (None, Some(relay)) => (relay, Transport::Ipv4),
            (None, None) => (question.source.unwrap_or(SOMEBODY), Transport::Dhcp6),
        };
        let named = question.interface.as_deref();
        Way {
            // Through agents it comes in anywhere.
            interface: named
                .or_else(|| self.subnets.an_interface().filter(|_| transport == Transport::Dhcp6))
                .unwrap_or_default(),
            client,
            transport,
            hops: if is_relayed || mapped.is_some() { vec![hop] } else { Vec::new() },
            four: Four {
                giaddr: question.giaddr,
                link_selection: question.link_selection,
                station: question.hardware.as_ref().map_or(0, |(_, octets)| station(octets)),
                ..Four::default()
            },
        }
    }

    /// Ends a lease: its client is refused at the next renewal. Ends the rest of a declined address, too.
    ///
    /// # Errors
    /// When nobody has it.
    pub fn revoke(&mut self, now: Instant, slot: Slot4) -> Result<Change, Impossible> {
        let held = self.ledger.table.get(slot).is_some_and(|entry| entry.holds(now));
        let change = if held { self.turned(slot, State::Released, now, now) } else { None };
        change.ok_or(Impossible::NoLease(slot.address.into()))
    }

    /// Keeps an address for somebody.
    ///
    /// # Errors
    /// When it is in no subnet, cannot be leased, or is taken: leased to another client, kept for another holder; or
    /// when another address of the subnet is kept for this one.
    pub fn reserve(&mut self, now: Instant, address: Ipv4Addr, holder: Holder) -> Result<Change, Impossible> {
        let index = self.subnets.holding(address).ok_or(Impossible::NoSubnet(address.into()))?;
        let prefix = self.settings.subnets.get(index).map(|subnet| subnet.prefix);
        if !prefix.is_some_and(|prefix| is_usable(address, prefix, self.settings.server_id)) {
            return Err(Impossible::Unusable(address.into()));
        }
        let taken = |address: Ipv4Addr, by| Err(Impossible::Taken { address: address.into(), by });
        if let Some(other) = self.ledger.reserved.holder(address)
            && *other != holder
        {
            return taken(address, format!("kept for {}", describe(other)));
        }
        let kept = self.ledger.reserved.of(&holder).iter().copied();
        if let Some(other) =
            kept.filter(|other| *other != address).find(|other| self.subnets.holding(*other) == Some(index))
        {
            return taken(other, format!("kept for {} already", describe(&holder)));
        }
        let first = Slot4 { address, ports: None };
        let until = address.to_bits().checked_add(1).map_or(Bound::Unbounded, |next| {
            Bound::Excluded(Slot4 { address: Ipv4Addr::from_bits(next), ports: None })
        });
        let leases =
            self.ledger.table.range(Bound::Included(first), until).filter(|entry| entry.is_leased(now));
        let mut bindings = leases.filter_map(Entry::binding);
        let foreign = bindings.find(|binding| !may_be(&binding.client, &holder));
        drop(bindings);
        if let Some(binding) = foreign {
            let who = describe_client(&binding.client);
            return taken(address, format!("{} is leased to {who}", describe_slot(binding.slot)));
        }
        let undo = match self.ledger.reserved.by_operator(address) {
            Some(before) => Record::Reserve4 { address, holder: before.clone() },
            None => Record::Unreserve4 { address },
        };
        let record = Record::Reserve4 { address, holder };
        self.ledger.apply(&record);
        Ok(Change { record, undo })
    }

    /// Takes a reservation back that [`Engine::reserve`] made.
    ///
    /// # Errors
    /// When there is none.
    pub fn unreserve(&mut self, address: Ipv4Addr) -> Result<Change, Impossible> {
        let before = self.ledger.reserved.by_operator(address).cloned();
        let holder = before.ok_or(Impossible::NotReserved(address.into()))?;
        let record = Record::Unreserve4 { address };
        self.ledger.apply(&record);
        Ok(Change { record, undo: Record::Reserve4 { address, holder } })
    }
}

/// True if a lease of this client does not speak against keeping its address for the holder. Which circuit a client
/// is on is not remembered: an operator who names one is believed.
fn may_be(client: &ClientKey, holder: &Holder) -> bool {
    match (client, holder) {
        (ClientKey::Id(id), Holder::ClientId(other)) => id == other,
        (ClientKey::Id(id), Holder::Duid(duid)) => {
            id.get(5..) == Some(duid.as_bytes()) && id.first() == Some(&0xff)
        }
        (ClientKey::Hardware(kind, octets), Holder::Hardware(other, others)) => {
            (kind, octets) == (other, others)
        }
        (_, Holder::Circuit(_)) => true,
        _ => false,
    }
}
