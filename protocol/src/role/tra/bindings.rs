//! Which IPv4 address is behind which client relay agent, as far as leases were seen to pass: what a tunnel concentrator
//! wants to know (RFC 7040 §6).
//!
//! What a client and its server say to each other past this agent is not seen. A lease that is renewed directly, which
//! is what a host's client relay agent does unless told otherwise, ends here when the last one that was seen ends.

use crate::ids::Xid4;
use crate::provider::{Effect, Notice, TunnelBinding};
use crate::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Most bindings: the one that ends first makes room.
const CAPACITY: usize = 65_536;

/// The bindings. Every operation takes O(log n).
#[derive(Debug, Default)]
pub(super) struct Bindings {
    known: BTreeMap<Ipv4Addr, Known>,
    /// The same, in the order in which they end.
    order: BTreeSet<(Instant, Ipv4Addr)>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    agent: Ipv6Addr,
    /// A short name of the client: several are behind one client relay agent, and none speaks for another.
    client: u64,
    /// Transaction of the last ACK.
    xid: Xid4,
    until: Option<Instant>,
}

impl Known {
    fn ends_at(&self) -> Instant {
        self.until.unwrap_or(Instant::from_micros(u64::MAX))
    }
}

impl Bindings {
    /// A server gave or extended a lease.
    pub(super) fn acknowledged(
        &mut self,
        now: Instant,
        binding: TunnelBinding,
        client: u64,
        xid: Xid4,
        out: &mut Vec<Effect>,
    ) {
        let TunnelBinding { address, agent, until } = binding;
        let no_host = address.is_unspecified() || address.is_broadcast() || address.is_multicast();
        if no_host || until.is_some_and(|until| until <= now) {
            return;
        }
        match self.known.get(&address) {
            // It moved: the tunnel to where it was has to go first.
            Some(known) if known.agent != agent => self.remove(address, out),
            Some(known) => _ = self.order.remove(&(known.ends_at(), address)),
            None => self.make_room(out),
        }
        let known = Known { agent, client, xid, until };
        self.order.insert((known.ends_at(), address));
        self.known.insert(address, known);
        out.push(Effect::Notify(Notice::BindingAdded(binding)));
    }

    /// Its client gave the address up.
    pub(super) fn given_up(
        &mut self,
        address: Ipv4Addr,
        agent: Ipv6Addr,
        client: u64,
        out: &mut Vec<Effect>,
    ) {
        if self.known.get(&address).is_some_and(|known| known.agent == agent && known.client == client) {
            self.remove(address, out);
        }
    }

    /// A server told its client that it may not use the address. A refusal that comes after an ACK in the same
    /// transaction is that of another server, and the client does not heed it.
    pub(super) fn refused(
        &mut self,
        address: Ipv4Addr,
        agent: Ipv6Addr,
        client: u64,
        xid: Xid4,
        out: &mut Vec<Effect>,
    ) {
        if self.known.get(&address).is_some_and(|known| known.xid != xid) {
            self.given_up(address, agent, client, out);
        }
    }

    /// Removes what ended.
    pub(super) fn expire(&mut self, now: Instant, out: &mut Vec<Effect>) {
        while let Some((_, address)) = self.order.first().filter(|(ends_at, _)| *ends_at <= now) {
            self.remove(*address, out);
        }
    }

    /// When the first one ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.order.first().map(|(ends_at, _)| *ends_at).filter(|ends_at| ends_at.as_micros() < u64::MAX)
    }

    /// All of them, by address.
    pub(super) fn iter(&self) -> impl Iterator<Item = TunnelBinding> {
        let binding = |(address, known): (&Ipv4Addr, &Known)| told(*address, known);
        self.known.iter().map(binding)
    }

    fn make_room(&mut self, out: &mut Vec<Effect>) {
        if self.known.len() < CAPACITY {
            return;
        }
        if let Some((_, address)) = self.order.first().copied() {
            self.remove(address, out);
        }
    }

    fn remove(&mut self, address: Ipv4Addr, out: &mut Vec<Effect>) {
        if let Some(known) = self.known.remove(&address) {
            self.order.remove(&(known.ends_at(), address));
            out.push(Effect::Notify(Notice::BindingRemoved(told(address, &known))));
        }
    }
}

fn told(address: Ipv4Addr, known: &Known) -> TunnelBinding {
    TunnelBinding { address, agent: known.agent, until: known.until }
}
