//! The bindings, packed: a provider has a million of them.

use super::keyed::{Keyed, upper};
use crate::binding::{Binding4, ClientKey, Origin, Slot4, State};
use crate::time::Instant;
use crate::wire::reader::Reader;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::ops::Bound;

/// Place of a binding in the table.
pub(super) type Id = u32;

/// A binding's place in an order of time: sixteenths of a second since boot, and its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Timed(u64);

impl Timed {
    /// Not before `at`. What is further away than eight years after boot, or never, stands last and never comes.
    pub(super) fn new(at: Option<Instant>, id: Id) -> Self {
        let tick = at.map_or(u32::MAX, |at| u32::try_from(at.as_micros().div_ceil(TICK)).unwrap_or(u32::MAX));
        Self(u64::from(tick) << 32 | u64::from(id))
    }

    pub(super) fn id(self) -> Id {
        let [.., a, b, c, d] = self.0.to_be_bytes();
        Id::from_be_bytes([a, b, c, d])
    }

    /// When it comes; `None` is never.
    pub(super) fn at(self) -> Option<Instant> {
        let tick = upper(self.0);
        (tick != u32::MAX).then(|| Instant::from_micros(u64::from(tick).saturating_mul(TICK)))
    }
}

/// A sixteenth of a second in microseconds.
const TICK: u64 = 62_500;

/// A binding. What is rarely looked at, or has no fixed length, is in `rest`.
pub(super) struct Entry {
    pub(super) slot: Slot4,
    pub(super) state: State,
    /// Counted as leased or resting, and waiting for its end. Cleared some time after that end.
    pub(super) live: bool,
    /// Stands for the circuit it was given behind; 0 is unknown or none.
    pub(super) circuit: u32,
    pub(super) changed_at: Instant,
    expires_at: Instant,
    rest: Box<[u8]>,
}

/// Stands for no end: a lease that ends then does not end.
const NEVER: Instant = Instant::from_micros(u64::MAX);

impl Entry {
    pub(super) fn expires_at(&self) -> Option<Instant> {
        (self.expires_at != NEVER).then_some(self.expires_at)
    }

    /// Its client, or its rest after a DECLINE, keeps others out.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.state != State::Released && self.expires_at > now
    }

    /// Its client has it.
    pub(super) fn is_leased(&self, now: Instant) -> bool {
        self.state == State::Bound && self.holds(now)
    }

    /// Since when nobody has it, once nobody does.
    pub(super) fn free_at(&self) -> Option<Instant> {
        if self.state == State::Released { Some(self.changed_at) } else { self.expires_at() }
    }

    pub(super) fn is_of(&self, key: &ClientKey) -> bool {
        Rest::read(&self.rest).is_some_and(|rest| rest.is_of(key))
    }

    pub(super) fn is_at(&self, origin: &Origin) -> bool {
        Rest::read(&self.rest).is_some_and(|rest| rest.is_at(origin))
    }

    pub(super) fn origin(&self) -> Option<Origin> {
        Rest::read(&self.rest).map(|rest| rest.origin())
    }

    /// Option 109, and when it was last another.
    pub(super) fn softwire(&self) -> Option<(Ipv6Addr, Instant)> {
        Rest::read(&self.rest).and_then(|rest| rest.softwire)
    }

    /// Whole again.
    pub(super) fn binding(&self) -> Option<Binding4> {
        let rest = Rest::read(&self.rest)?;
        Some(Binding4 {
            slot: self.slot,
            client: rest.client(),
            state: self.state,
            changed_at: self.changed_at,
            expires_at: self.expires_at(),
            origin: rest.origin(),
            source: rest.source,
            host_name: rest.host_name.to_vec(),
            softwire: rest.softwire.map(|(address, _)| address),
        })
    }
}

/// The part of a binding without fixed length:
///
/// ```text
/// flags (1) | key length (2) | key | source (16) | [link length (2) | link] | [origin (8)]
///           | [softwire (16) | since (8)] | host name
/// ```
///
/// The half of the client's address that an origin has is left out where it is that of `source`.
struct Rest<'a> {
    hardware: bool,
    key: &'a [u8],
    source: Ipv6Addr,
    link: Option<&'a [u8]>,
    half: u64,
    softwire: Option<(Ipv6Addr, Instant)>,
    host_name: &'a [u8],
}

const HARDWARE: u8 = 1;
const LINK: u8 = 2;
const HALF: u8 = 4;
const SOFTWIRE: u8 = 8;

impl<'a> Rest<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let flags = reader.u8()?;
        let key = sized(&mut reader)?;
        let source = reader.ipv6()?;
        let link = if flags & LINK != 0 { Some(sized(&mut reader)?) } else { None };
        let half = if flags & HALF != 0 {
            u64::from_be_bytes(reader.array()?)
        } else {
            half(source, link.is_some())
        };
        let softwire = if flags & SOFTWIRE != 0 {
            Some((reader.ipv6()?, Instant::from_micros(u64::from_be_bytes(reader.array()?))))
        } else {
            None
        };
        let hardware = flags & HARDWARE != 0;
        Some(Self { hardware, key, source, link, half, softwire, host_name: reader.rest() })
    }

    fn is_of(&self, key: &ClientKey) -> bool {
        match key {
            ClientKey::Id(id) => !self.hardware && self.key == id.as_slice(),
            ClientKey::Hardware(kind, octets) => {
                self.hardware && self.key.split_first() == Some((kind, octets.as_slice()))
            }
        }
    }

    fn is_at(&self, origin: &Origin) -> bool {
        match origin {
            Origin::Network(half) => self.link.is_none() && self.half == *half,
            Origin::Link(half, link) => self.link == Some(link.as_slice()) && self.half == *half,
        }
    }

    fn client(&self) -> ClientKey {
        match self.key.split_first() {
            Some((kind, octets)) if self.hardware => ClientKey::Hardware(*kind, octets.to_vec()),
            _ => ClientKey::Id(self.key.to_vec()),
        }
    }

    fn origin(&self) -> Origin {
        match self.link {
            None => Origin::Network(self.half),
            Some(link) => Origin::Link(self.half, link.to_vec()),
        }
    }
}

fn sized<'a>(reader: &mut Reader<'a>) -> Option<&'a [u8]> {
    let length = reader.u16()?;
    reader.take(usize::from(length))
}

/// The half of a client's address that tells where it is: see [`Origin`].
fn half(source: Ipv6Addr, on_link: bool) -> u64 {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = source.octets();
    if on_link {
        u64::from_be_bytes([i, j, k, l, m, n, o, p])
    } else {
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    }
}

/// `None` if something is longer than any message can bring.
fn pack(binding: &Binding4, softwire_at: Instant) -> Option<Box<[u8]>> {
    let (origin_half, link) = match &binding.origin {
        Origin::Network(half) => (*half, None),
        Origin::Link(half, link) => (*half, Some(link)),
    };
    let explicit = origin_half != half(binding.source, link.is_some());
    let (kind, key) = match &binding.client {
        ClientKey::Id(id) => (None, id),
        ClientKey::Hardware(kind, octets) => (Some(*kind), octets),
    };
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = flag(kind.is_some(), HARDWARE)
        | flag(link.is_some(), LINK)
        | flag(explicit, HALF)
        | flag(binding.softwire.is_some(), SOFTWIRE);
    let mut octets = Vec::with_capacity(
        key.len()
            + link.map_or(0, Vec::len)
            + binding.host_name.len()
            + 24
            + usize::from(flags & HALF) * 2
            + usize::from(flags & SOFTWIRE) * 3,
    );
    octets.push(flags);
    octets.extend(u16::try_from(key.len() + usize::from(kind.is_some())).ok()?.to_be_bytes());
    octets.extend(kind);
    octets.extend_from_slice(key);
    octets.extend(binding.source.octets());
    if let Some(link) = link {
        octets.extend(u16::try_from(link.len()).ok()?.to_be_bytes());
        octets.extend_from_slice(link);
    }
    if explicit {
        octets.extend(origin_half.to_be_bytes());
    }
    if let Some(softwire) = binding.softwire {
        octets.extend(softwire.octets());
        octets.extend(softwire_at.as_micros().to_be_bytes());
    }
    octets.extend_from_slice(&binding.host_name);
    Some(octets.into_boxed_slice())
}

/// All bindings, one for a slot, found by slot and by client, and those that wait for their end in its order.
pub(super) struct Table {
    keyed: Keyed,
    entries: Vec<Option<Entry>>,
    vacant: Vec<Id>,
    by_slot: BTreeMap<Slot4, Id>,
    /// Upper half of the client's hash, and id: several ids for one hash are told apart by looking.
    by_client: BTreeSet<u64>,
    live: BTreeSet<Timed>,
}

impl Table {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            entries: Vec::new(),
            vacant: Vec::new(),
            by_slot: BTreeMap::new(),
            by_client: BTreeSet::new(),
            live: BTreeSet::new(),
        }
    }

    pub(super) fn entry(&self, id: Id) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)?.as_ref()
    }

    pub(super) fn id(&self, slot: Slot4) -> Option<Id> {
        self.by_slot.get(&slot).copied()
    }

    pub(super) fn get(&self, slot: Slot4) -> Option<&Entry> {
        self.entry(self.id(slot)?)
    }

    /// Bindings of a client, of whatever state.
    pub(super) fn of_client(&self, key: &ClientKey) -> impl Iterator<Item = &Entry> {
        let first = self.client_index(key, 0);
        self.by_client
            .range(first..=first | u64::from(u32::MAX))
            .filter_map(|packed| self.entry(Timed(*packed).id()))
            .filter(move |entry| entry.is_of(key))
    }

    /// Bindings of slots in this range, in order.
    pub(super) fn range(&self, from: Bound<Slot4>, to: Bound<Slot4>) -> impl Iterator<Item = &Entry> {
        self.by_slot.range((from, to)).filter_map(|(_, id)| self.entry(*id))
    }

    /// Every slot with a binding.
    pub(super) fn slots(&self) -> Vec<Slot4> {
        self.by_slot.keys().copied().collect()
    }

    fn client_index(&self, key: &ClientKey, id: Id) -> u64 {
        u64::from(upper(self.keyed.client(key))) << 32 | u64::from(id)
    }

    /// Puts in the binding of a slot that has none. `None` if it cannot be kept.
    pub(super) fn insert(&mut self, binding: &Binding4, circuit: u32, softwire_at: Instant) -> Option<Id> {
        let rest = pack(binding, softwire_at)?;
        let id = match self.vacant.pop() {
            Some(id) => id,
            None => {
                let id = Id::try_from(self.entries.len()).ok()?;
                self.entries.push(None);
                id
            }
        };
        let live = binding.state != State::Released;
        let entry = Entry {
            slot: binding.slot,
            state: binding.state,
            live,
            circuit,
            changed_at: binding.changed_at,
            expires_at: binding.expires_at.unwrap_or(NEVER),
            rest,
        };
        if live {
            self.live.insert(Timed::new(entry.expires_at(), id));
        }
        *self.entries.get_mut(usize::try_from(id).ok()?)? = Some(entry);
        self.by_slot.insert(binding.slot, id);
        self.by_client.insert(self.client_index(&binding.client, id));
        Some(id)
    }

    /// Takes out the binding of a slot.
    pub(super) fn remove(&mut self, slot: Slot4) -> Option<(Id, Entry)> {
        let id = self.by_slot.remove(&slot)?;
        let entry = self.entries.get_mut(usize::try_from(id).ok()?)?.take()?;
        self.vacant.push(id);
        if entry.live {
            self.live.remove(&Timed::new(entry.expires_at(), id));
        }
        if let Some(rest) = Rest::read(&entry.rest) {
            self.by_client.remove(&self.client_index(&rest.client(), id));
        }
        Some((id, entry))
    }

    /// The binding that ends next, and when; `None` when nothing ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.live.first().and_then(|first| first.at())
    }

    /// Has the binding of a slot count as ended.
    #[cfg(test)]
    pub(super) fn pop_one(&mut self, slot: Slot4) -> Option<()> {
        let id = self.id(slot)?;
        let entry = self.entries.get_mut(usize::try_from(id).ok()?)?.as_mut()?;
        entry.live = false;
        self.live.remove(&Timed::new(entry.expires_at(), id)).then_some(())
    }

    /// A binding that has ended by now and was not told of before.
    pub(super) fn pop_ended(&mut self, now: Instant) -> Option<Id> {
        let first = *self.live.first()?;
        if first.at().is_none_or(|at| at > now) {
            return None;
        }
        self.live.remove(&first);
        let entry = self.entries.get_mut(usize::try_from(first.id()).ok()?)?.as_mut()?;
        entry.live = false;
        Some(first.id())
    }
}
