//! The pools of all subnets: which slots there are, which of them were never used, which can be used again.

use super::ordered::Ordered;
use super::settings::{Settings, Sharing};
use super::table::Timed;
use super::used::Used;
use crate::binding::Slot4;
use crate::prefix::Prefix4;
use crate::view::PoolUse;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Addresses in a row that can be leased.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    first: u32,
    last: u32,
    /// Addresses in the spans before this one.
    before: u64,
}

impl Span {
    fn length(self) -> u64 {
        u64::from(self.last) - u64::from(self.first) + 1
    }
}

/// A pool at work. Slots are numbered from 0, address by address.
#[derive(Debug)]
pub(super) struct Pool {
    /// Index of its subnet.
    pub(super) subnet: usize,
    /// Its addresses are shared.
    pub(super) sharing: Option<Sharing>,
    spans: Vec<Span>,
    size: u64,
    /// Slots that something is known of: a binding of any state, an offer, a reservation.
    pub(super) used: Used,
    /// Slots that can be given to somebody else, in the order in which they came free.
    pub(super) idle: Ordered,
    /// Slots that were declined, in the order in which they come back.
    pub(super) resting: BTreeSet<Timed>,
    pub(super) leased: u64,
    pub(super) offered: u64,
    pub(super) reserved: u64,
}

impl Pool {
    /// Without `excluded`, and what no client of the network can have.
    fn new(subnet: usize, prefix: Prefix4, excluded: &[Ipv4Addr], pool: &super::settings::Pool) -> Self {
        let spans = spans(pool.first.to_bits(), pool.last.to_bits(), prefix, excluded);
        let addresses = spans.last().map_or(0, |span| span.before + span.length());
        let size = addresses.saturating_mul(sets(pool.sharing));
        Self {
            subnet,
            sharing: pool.sharing,
            spans,
            size,
            used: Used::new(size),
            idle: Ordered::default(),
            resting: BTreeSet::new(),
            leased: 0,
            offered: 0,
            reserved: 0,
        }
    }

    /// Slots that can be given out.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Slots of one address.
    pub(super) fn sets(&self) -> u64 {
        sets(self.sharing)
    }

    /// Numbers of the slots of an address.
    pub(super) fn of_address(&self, address: Ipv4Addr) -> Option<std::ops::Range<u64>> {
        let bits = address.to_bits();
        let at = self.spans.partition_point(|span| span.last < bits);
        let span = self.spans.get(at).filter(|span| span.first <= bits)?;
        let number = span.before.saturating_add(u64::from(bits.checked_sub(span.first)?));
        let first = number.saturating_mul(self.sets());
        Some(first..first.saturating_add(self.sets()))
    }

    /// The number of a slot, if it is one of this pool's.
    pub(super) fn number(&self, slot: Slot4) -> Option<u64> {
        let first = self.of_address(slot.address)?.start;
        match (self.sharing, slot.ports) {
            (None, None) => Some(first),
            (Some(sharing), Some(set)) if sharing.gives(set) => {
                Some(first.saturating_add(u64::from(u32::from(set.psid).saturating_sub(sharing.first()))))
            }
            _ => None,
        }
    }

    /// The slot with this number.
    pub(super) fn slot(&self, number: u64) -> Option<Slot4> {
        let address = number.checked_div(self.sets())?;
        let at = self.spans.partition_point(|span| span.before <= address).checked_sub(1)?;
        let span = self.spans.get(at)?;
        let bits = u64::from(span.first).saturating_add(address.saturating_sub(span.before));
        let address = u32::try_from(bits).ok().filter(|bits| *bits <= span.last)?;
        let ports = match self.sharing {
            None => None,
            Some(sharing) => {
                let set = u32::try_from(number.checked_rem(self.sets())?).ok()?;
                Some(sharing.set(sharing.first().saturating_add(set))?)
            }
        };
        Some(Slot4 { address: Ipv4Addr::from_bits(address), ports })
    }

    /// So many percent of it, rounded down.
    pub(super) fn percent(&self, percent: u8) -> u64 {
        let hundredths = u128::from(self.size).saturating_mul(u128::from(percent.min(100)));
        u64::try_from(hundredths / 100).unwrap_or(u64::MAX)
    }

    #[cfg(test)]
    pub(super) fn counters(&self) -> [u64; 3] {
        [self.leased, self.offered, self.reserved]
    }

    /// Slots that somebody has, or that rest.
    pub(super) fn taken(&self) -> u64 {
        let resting = u64::try_from(self.resting.len()).unwrap_or(u64::MAX);
        self.leased.saturating_add(self.offered).saturating_add(resting)
    }
}

fn sets(sharing: Option<Sharing>) -> u64 {
    sharing.map_or(1, |sharing| u64::from(sharing.given()))
}

/// Addresses that nobody can have: this network, loopback, link-local, multicast and above.
const NEVER: [(u32, u32); 4] =
    [(0, 0x00ff_ffff), (0x7f00_0000, 0x7fff_ffff), (0xa9fe_0000, 0xa9fe_ffff), (0xe000_0000, u32::MAX)];

/// True if a client of this network can have the address.
pub(super) fn is_usable(address: Ipv4Addr, prefix: Prefix4, server_id: Ipv4Addr) -> bool {
    !spans(address.to_bits(), address.to_bits(), prefix, &[server_id]).is_empty()
}

fn spans(first: u32, last: u32, prefix: Prefix4, others: &[Ipv4Addr]) -> Vec<Span> {
    let mut excluded: Vec<(u32, u32)> = NEVER.to_vec();
    excluded.extend(others.iter().map(|address| (address.to_bits(), address.to_bits())));
    // A network of one or two addresses has neither a network nor a broadcast address (RFC 3021).
    if prefix.length() <= 30 {
        excluded
            .extend([prefix.address(), prefix.last()].map(|address| (address.to_bits(), address.to_bits())));
    }
    excluded.sort_unstable();
    let mut spans = Vec::new();
    let mut before = 0;
    let mut add = |first: u32, last: u32| {
        let span = Span { first, last, before };
        before += span.length();
        spans.push(span);
    };
    let mut next = Some(first);
    for (from, to) in excluded {
        let Some(start) = next.filter(|start| *start <= last) else { break };
        if to < start {
            continue;
        }
        if let Some(end) = from.checked_sub(1).filter(|end| *end >= start) {
            add(start, end.min(last));
        }
        next = to.checked_add(1);
    }
    if let Some(start) = next.filter(|start| *start <= last) {
        add(start, last);
    }
    spans
}

/// All pools, found by address.
#[derive(Debug, Default)]
pub(super) struct Pools {
    pools: Vec<Pool>,
    /// First and last address and index of each pool, in ascending order.
    ranges: Vec<(u32, u32, usize)>,
    /// Some pool shares out the ports of its addresses.
    shared: bool,
}

impl Pools {
    /// Empty pools as configured.
    pub(super) fn new(settings: &Settings) -> Self {
        let mut pools = settings.subnets.iter().flat_map(|subnet| &subnet.pools);
        let mut all = Self { shared: pools.any(|pool| pool.sharing.is_some()), ..Self::default() };
        for (index, subnet) in settings.subnets.iter().enumerate() {
            let mut excluded = settings.routers(subnet);
            excluded.push(settings.server_id);
            for pool in &subnet.pools {
                all.ranges.push((pool.first.to_bits(), pool.last.to_bits(), all.pools.len()));
                all.pools.push(Pool::new(index, subnet.prefix, &excluded, pool));
            }
        }
        all.ranges.sort_unstable();
        all
    }

    /// Index of the pool that this address is in the range of.
    pub(super) fn at(&self, address: Ipv4Addr) -> Option<usize> {
        let bits = address.to_bits();
        let after = self.ranges.partition_point(|(first, _, _)| *first <= bits);
        let (_, last, index) = self.ranges.get(after.checked_sub(1)?)?;
        (bits <= *last).then_some(*index)
    }

    /// The pool of a slot, and the slot's number in it.
    pub(super) fn find(&self, slot: Slot4) -> Option<(usize, u64)> {
        let index = self.at(slot.address)?;
        Some((index, self.pools.get(index)?.number(slot)?))
    }

    pub(super) fn get(&self, index: usize) -> Option<&Pool> {
        self.pools.get(index)
    }

    pub(super) fn get_mut(&mut self, index: usize) -> Option<&mut Pool> {
        self.pools.get_mut(index)
    }

    /// True if some pool shares out the ports of its addresses.
    pub(super) fn are_shared(&self) -> bool {
        self.shared
    }

    /// The pools of a subnet with their indices, in order.
    pub(super) fn of_subnet(&self, subnet: usize) -> impl Iterator<Item = (usize, &Pool)> {
        let start = self.pools.partition_point(|pool| pool.subnet < subnet);
        self.pools.iter().enumerate().skip(start).take_while(move |(_, pool)| pool.subnet == subnet)
    }

    /// For operators.
    pub(super) fn view(&self, settings: &Settings) -> Vec<PoolUse> {
        let configured = settings.subnets.iter().flat_map(|subnet| {
            let name = subnet.prefix.to_string();
            subnet.pools.iter().map(move |pool| (name.clone(), format!("{}-{}", pool.first, pool.last)))
        });
        let view = |(pool, (subnet, range)): (&Pool, (String, String))| PoolUse {
            subnet,
            pool: range,
            size: pool.size,
            leased: pool.leased,
            offered: pool.offered,
            declined: u64::try_from(pool.resting.len()).unwrap_or(u64::MAX),
            reserved: pool.reserved,
        };
        self.pools.iter().zip(configured).map(view).collect()
    }
}
