//! Addresses kept for somebody: by the configuration, and by operators beyond it.

use super::settings::{OptionSet, Settings};
use super::who::Who;
use crate::binding::{ClientKey, Holder};
use crate::ids::hex;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// All reservations. An operator's gives way to one of the configuration for the same address.
#[derive(Debug, Default)]
pub(super) struct Reserved {
    configured: BTreeMap<Ipv4Addr, Configured>,
    operators: BTreeMap<Ipv4Addr, Holder>,
    by_holder: BTreeMap<Holder, Vec<Ipv4Addr>>,
}

#[derive(Debug)]
struct Configured {
    holder: Holder,
    /// Index of the subnet, and of the reservation in it.
    place: (usize, usize),
}

impl Reserved {
    /// Takes up the reservations of the configuration. Those of operators stay.
    pub(super) fn configure(&mut self, settings: &Settings) {
        self.configured.clear();
        for (index, subnet) in settings.subnets.iter().enumerate() {
            for (position, reservation) in subnet.reservations.iter().enumerate() {
                let holder = reservation.holder.clone();
                self.configured.insert(reservation.address, Configured { holder, place: (index, position) });
            }
        }
        self.index();
    }

    fn index(&mut self) {
        self.by_holder.clear();
        let addresses: Vec<_> = self.addresses().collect();
        for address in addresses {
            if let Some(holder) = self.holder(address).cloned() {
                self.by_holder.entry(holder).or_default().push(address);
            }
        }
    }

    /// Keeps an address by word of an operator.
    pub(super) fn reserve(&mut self, address: Ipv4Addr, holder: Holder) {
        self.unreserve(address);
        if !self.configured.contains_key(&address) {
            self.by_holder.entry(holder.clone()).or_default().push(address);
        }
        self.operators.insert(address, holder);
    }

    /// Takes back what an operator said.
    pub(super) fn unreserve(&mut self, address: Ipv4Addr) -> Option<Holder> {
        let holder = self.operators.remove(&address)?;
        if !self.configured.contains_key(&address)
            && let Some(addresses) = self.by_holder.get_mut(&holder)
        {
            addresses.retain(|other| *other != address);
            if addresses.is_empty() {
                self.by_holder.remove(&holder);
            }
        }
        Some(holder)
    }

    /// Every reserved address once.
    pub(super) fn addresses(&self) -> impl Iterator<Item = Ipv4Addr> {
        let beyond = self.operators.keys().filter(|address| !self.configured.contains_key(address));
        self.configured.keys().chain(beyond).copied()
    }

    /// The reservations of operators.
    pub(super) fn operators(&self) -> impl Iterator<Item = (Ipv4Addr, &Holder)> {
        self.operators.iter().map(|(address, holder)| (*address, holder))
    }

    pub(super) fn by_operator(&self, address: Ipv4Addr) -> Option<&Holder> {
        self.operators.get(&address)
    }

    /// Whom an address is kept for.
    pub(super) fn holder(&self, address: Ipv4Addr) -> Option<&Holder> {
        self.configured.get(&address).map(|kept| &kept.holder).or_else(|| self.operators.get(&address))
    }

    /// Addresses that are kept for this holder.
    pub(super) fn of(&self, holder: &Holder) -> &[Ipv4Addr] {
        self.by_holder.get(holder).map_or(&[], Vec::as_slice)
    }

    /// Addresses that are kept for a client: by its identifier before its DUID, its hardware address, its circuit.
    pub(super) fn for_client(&self, who: &Who<'_>) -> Vec<Ipv4Addr> {
        if self.by_holder.is_empty() {
            return Vec::new();
        }
        who.holders().iter().flat_map(|holder| self.of(holder)).copied().collect()
    }

    /// True if an address is kept for somebody else.
    pub(super) fn keeps_from(&self, address: Ipv4Addr, who: &Who<'_>) -> bool {
        self.holder(address).is_some_and(|holder| !who.is(holder))
    }

    /// The options of the configured reservation of an address.
    pub(super) fn options<'s>(&self, settings: &'s Settings, address: Ipv4Addr) -> Option<&'s OptionSet> {
        let (subnet, position) = self.configured.get(&address)?.place;
        Some(&settings.subnets.get(subnet)?.reservations.get(position)?.options)
    }
}

/// A client, or a holder, for operators.
pub(super) fn describe(holder: &Holder) -> String {
    match holder {
        Holder::ClientId(id) => format!("client-id {}", hex(id)),
        Holder::Duid(duid) => format!("duid {duid}"),
        Holder::Circuit(circuit) => format!("circuit {}", hex(circuit)),
        Holder::Hardware(kind, octets) => format!("hardware {kind}/{}", hex(octets)),
    }
}

/// The same of a client.
pub(super) fn describe_client(key: &ClientKey) -> String {
    match key {
        ClientKey::Id(id) => format!("client-id {}", hex(id)),
        ClientKey::Hardware(kind, octets) => format!("hardware {kind}/{}", hex(octets)),
    }
}
