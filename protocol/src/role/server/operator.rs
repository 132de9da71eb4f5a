//! What operators ask of a server.

use super::{EngineSettings, Server};
use crate::binding::{Holder, PortSet, Slot4, Slot6};
use crate::provider::Effect;
use crate::server4::{self, Change};
use crate::time::Instant;
use crate::view::{After, Impossible, Lease, PoolUse, Question, Selection};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Bindings that are looked at in one go.
const PAGE: usize = 64;

impl Server {
    /// Leases after `after`, at most `count`; fewer than that is the end.
    pub fn leases(&self, after: After, count: usize) -> Vec<Lease> {
        let (after4, after6) = match after {
            After::Start => (Some(None), None),
            After::Lease4(slot) => (Some(Some(slot)), None),
            After::Lease6(slot) => (None, Some(slot)),
        };
        let mut leases: Vec<Lease> = after4.map_or_else(Vec::new, |after| {
            self.engine4.bindings(after, count).into_iter().map(Lease::V4).collect()
        });
        let left = count.saturating_sub(leases.len());
        if left > 0 {
            leases.extend(self.engine6.bindings(after6, left).into_iter().map(Lease::V6));
        }
        leases
    }

    /// Reservations that operators made, beyond the configuration.
    pub fn reserved(&self) -> Vec<(Ipv4Addr, Holder)> {
        self.engine4.reserved().map(|(address, holder)| (address, holder.clone())).collect()
    }

    /// How full each pool is.
    pub fn pools(&self, now: Instant) -> Vec<PoolUse> {
        let mut pools = self.builtin().map_or_else(Vec::new, |engine| engine.pools(now));
        if self.settings.dhcp6.is_some() {
            pools.extend(self.engine6.pools(now));
        }
        pools
    }

    /// What a query would get, and why.
    ///
    /// # Errors
    /// With the external engine, which does not know.
    pub fn select(&self, now: Instant, question: &Question) -> Result<Selection, Impossible> {
        let engine = self.builtin().ok_or(Impossible::External)?;
        if let Some(step) = self.tsv.as_ref().and_then(|tsv| tsv.refuses(question)) {
            return Ok(Selection { steps: vec![step], ..Selection::default() });
        }
        Ok(engine.select(now, question))
    }

    /// Ends all leases of an address, or the delegation of the prefix that begins with it.
    ///
    /// # Errors
    /// When nobody has it, the external engine has the leases, or the journal does not take it.
    pub fn revoke(&mut self, now: Instant, address: IpAddr, out: &mut Vec<Effect>) -> Result<(), Impossible> {
        self.check_storage()?;
        let ended = match address {
            IpAddr::V4(address) => revoke4(self.builtin_mut()?, now, address),
            IpAddr::V6(address) => self.revoke6(now, address),
        };
        if ended.is_empty() {
            return Err(Impossible::NoLease(address));
        }
        self.changes.extend(ended);
        self.journal(out);
        Ok(())
    }

    /// Keeps an address for somebody.
    ///
    /// # Errors
    /// When it is in no subnet, or taken, or the journal does not take it.
    pub fn reserve(
        &mut self,
        now: Instant,
        address: Ipv4Addr,
        holder: Holder,
        out: &mut Vec<Effect>,
    ) -> Result<(), Impossible> {
        self.check_storage()?;
        let change = self.builtin_mut()?.reserve(now, address, holder)?;
        self.changes.push(change);
        self.journal(out);
        Ok(())
    }

    /// Takes such a reservation back.
    ///
    /// # Errors
    /// When there is none, or the journal does not take it.
    pub fn unreserve(
        &mut self,
        _now: Instant,
        address: Ipv4Addr,
        out: &mut Vec<Effect>,
    ) -> Result<(), Impossible> {
        self.check_storage()?;
        let change = self.builtin_mut()?.unreserve(address)?;
        self.changes.push(change);
        self.journal(out);
        Ok(())
    }

    /// The built-in engine, if it is the one that answers.
    fn builtin(&self) -> Option<&server4::Engine> {
        let answers = matches!(self.settings.engine, EngineSettings::Builtin(_));
        answers.then_some(&self.engine4)
    }

    fn builtin_mut(&mut self) -> Result<&mut server4::Engine, Impossible> {
        let answers = matches!(self.settings.engine, EngineSettings::Builtin(_));
        answers.then_some(&mut self.engine4).ok_or(Impossible::External)
    }

    fn check_storage(&self) -> Result<(), Impossible> {
        let takes = !self.ledger.is_degraded() && !self.ledger.is_full();
        if takes { Ok(()) } else { Err(Impossible::NoStorage) }
    }

    fn revoke6(&mut self, now: Instant, address: Ipv6Addr) -> Vec<Change> {
        let before = match address.to_bits().checked_sub(1) {
            Some(before) => Slot6::Prefix(Ipv6Addr::from_bits(before), u8::MAX),
            // Addresses come before prefixes.
            None => Slot6::Address(Ipv6Addr::from_bits(u128::MAX)),
        };
        // Prefixes that begin alike differ in length, of which there are not many.
        let prefixes = self.engine6.bindings(Some(before), PAGE);
        let prefixes = prefixes
            .into_iter()
            .map(|binding| binding.slot)
            .take_while(|slot| matches!(slot, Slot6::Prefix(prefix, _) if *prefix == address));
        std::iter::once(Slot6::Address(address))
            .chain(prefixes)
            .filter_map(|slot| self.engine6.revoke(now, slot).ok())
            .collect()
    }
}

/// An address whose ports are shared out has as many leases as there are sets of ports.
fn revoke4(engine: &mut server4::Engine, now: Instant, address: Ipv4Addr) -> Vec<Change> {
    let mut ended = Vec::new();
    let highest = PortSet { offset: u8::MAX, psid_len: u8::MAX, psid: u16::MAX };
    let mut after = address
        .to_bits()
        .checked_sub(1)
        .map(|before| Slot4 { address: Ipv4Addr::from_bits(before), ports: Some(highest) });
    loop {
        let page = engine.bindings(after, PAGE);
        after = page.last().map(|binding| binding.slot);
        let here: Vec<Slot4> =
            page.iter().map(|binding| binding.slot).take_while(|slot| slot.address == address).collect();
        let more = here.len() == PAGE;
        ended.extend(here.into_iter().filter_map(|slot| engine.revoke(now, slot).ok()));
        if !more {
            return ended;
        }
    }
}
