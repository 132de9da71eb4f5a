//! The bindings, packed: a provider has a million of them.

use super::keyed::{Keyed, upper};
use super::ordered::Ordered;
use super::who::circuit_of;
use crate::binding::{Binding4, ClientKey, Origin, Slot4, State, Transport};
use crate::provider::TunnelBinding;
use crate::time::Instant;
use crate::wire::reader::Reader;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::{Bound, RangeBounds};
use std::time::Duration;

/// Place of a binding in the table.
pub(super) type Id = u32;

/// A binding's place in an order of time: sixteenths of a second since boot, and its id.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Timed(pub(super) u64);

impl Timed {
    /// Not before `at`. What is further away than eight years after boot, or never, stands last and never comes.
    pub(super) fn new(at: Option<Instant>, id: Id) -> Self {
        let tick = at.map_or(u32::MAX, |at| u32::try_from(at.as_micros().div_ceil(TICK)).unwrap_or(u32::MAX));
        Self(packed(tick, id))
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

/// Something and an id in one number, in the order of the former.
fn packed(upper: u32, id: Id) -> u64 {
    u64::from(upper) << 32 | u64::from(id)
}

/// Where a range of parts of addresses begins.
fn first_of(from: Bound<Slot4>) -> Slot4 {
    match from {
        Bound::Included(slot) | Bound::Excluded(slot) => slot,
        Bound::Unbounded => Slot4 { address: Ipv4Addr::UNSPECIFIED, ports: None },
    }
}

fn is_past(to: Bound<Slot4>, slot: Slot4) -> bool {
    match to {
        Bound::Included(last) => slot > last,
        Bound::Excluded(end) => slot >= end,
        Bound::Unbounded => false,
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
    /// Seconds from `changed_at` to its end, or [`NEVER`], or [`EXACTLY`].
    span: u32,
    pub(super) changed_at: Instant,
    rest: Box<[u8]>,
}

/// It does not end.
const NEVER: u32 = u32::MAX;
/// Its end is in `rest`: no whole number of seconds after the change, or too many.
const EXACTLY: u32 = u32::MAX - 1;

/// The end as seconds after the change, if that says it all.
fn span(binding: &Binding4) -> u32 {
    let Some(end) = binding.expires_at else { return NEVER };
    let secs = u32::try_from(end.since(binding.changed_at).as_secs()).unwrap_or(EXACTLY);
    let is_whole = secs < EXACTLY && binding.changed_at + Duration::from_secs(u64::from(secs)) == end;
    if is_whole { secs } else { EXACTLY }
}

impl Entry {
    pub(super) fn expires_at(&self) -> Option<Instant> {
        match self.span {
            NEVER => None,
            EXACTLY => Rest::read(&self.rest).and_then(|rest| rest.expires_at),
            secs => Some(self.changed_at + Duration::from_secs(u64::from(secs))),
        }
    }

    /// Its client, or its rest after a DECLINE, keeps others out.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.state != State::Released && self.expires_at().is_none_or(|end| end > now)
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

    /// Stands for the circuit it was given behind; 0 is none, or unknown.
    pub(super) fn circuit(&self, keyed: Keyed) -> u32 {
        Rest::read(&self.rest).map_or(0, |rest| match rest.circuit {
            0 => circuit_of(&rest.origin(), keyed),
            circuit => circuit,
        })
    }

    /// Option 109, and when it was last another.
    pub(super) fn softwire(&self) -> Option<(Ipv6Addr, Instant)> {
        Rest::read(&self.rest).and_then(|rest| rest.softwire)
    }

    /// Where its last message came from, and whose address that is.
    pub(super) fn source(&self) -> Option<(Ipv6Addr, Transport)> {
        Rest::read(&self.rest).map(|rest| (rest.source, rest.transport))
    }

    /// What a tunnel concentrator has to know of it: of a whole address that a client behind a client relay agent has.
    pub(super) fn tunnel(&self) -> Option<TunnelBinding> {
        let (agent, transport) = self.source()?;
        let is_reached = self.state == State::Bound && transport == Transport::Agent;
        (is_reached && self.slot.ports.is_none()).then(|| TunnelBinding {
            address: self.slot.address,
            agent,
            until: self.expires_at(),
        })
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
            transport: rest.transport,
            host_name: rest.host_name.to_vec(),
            softwire: rest.softwire.map(|(address, _)| address),
        })
    }
}

/// The part of a binding without fixed length:
///
/// ```text
/// flags (1) | key length (2) | key | source (16) | [link length (2) | link] | [origin (8)]
///           | [softwire (16) | since (8)] | [end (8)] | [circuit (4)] | host name
/// ```
///
/// The half of the client's address that an origin has is left out where it is that of `source`.
struct Rest<'a> {
    hardware: bool,
    key: &'a [u8],
    source: Ipv6Addr,
    transport: Transport,
    link: Option<&'a [u8]>,
    half: u64,
    softwire: Option<(Ipv6Addr, Instant)>,
    expires_at: Option<Instant>,
    circuit: u32,
    host_name: &'a [u8],
}

const HARDWARE: u8 = 1;
const LINK: u8 = 2;
const HALF: u8 = 4;
const SOFTWIRE: u8 = 8;
const END: u8 = 16;
const CIRCUIT: u8 = 32;
const AGENT: u8 = 64;
const IPV4: u8 = 128;

impl<'a> Rest<'a> {
    fn read(octets: &'a [u8]) -> Option<Self> {
        let mut reader = Reader::new(octets);
        let flags = reader.u8()?;
        let key = sized(&mut reader)?;
        let source = reader.ipv6()?;
        let transport = match flags & (AGENT | IPV4) {
            0 => Transport::Dhcp6,
            AGENT => Transport::Agent,
            _ => Transport::Ipv4,
        };
        let link = if flags & LINK != 0 { Some(sized(&mut reader)?) } else { None };
        let half = if flags & HALF != 0 {
            u64::from_be_bytes(reader.array()?)
        } else {
            half(source, link.is_some())
        };
        let softwire =
            if flags & SOFTWIRE != 0 { Some((reader.ipv6()?, instant(&mut reader)?)) } else { None };
        let expires_at = if flags & END != 0 { Some(instant(&mut reader)?) } else { None };
        let circuit = if flags & CIRCUIT != 0 { reader.u32()? } else { 0 };
        let hardware = flags & HARDWARE != 0;
        let host_name = reader.rest();
        Some(Self { hardware, key, source, transport, link, half, softwire, expires_at, circuit, host_name })
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

fn instant(reader: &mut Reader<'_>) -> Option<Instant> {
    reader.array().map(u64::from_be_bytes).map(Instant::from_micros)
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

/// `None` if something is longer than any message can bring. `octets` is for use in between, so that what is kept is
/// asked for in its final size: with a million of them, pieces left over in between are a fifth of all memory.
fn pack(
    binding: &Binding4,
    span: u32,
    circuit: u32,
    softwire_at: Instant,
    octets: &mut Vec<u8>,
) -> Option<Box<[u8]>> {
    let (origin_half, link) = match &binding.origin {
        Origin::Network(half) => (*half, None),
        Origin::Link(half, link) => (*half, Some(link)),
    };
    let explicit = origin_half != half(binding.source, link.is_some());
    let (kind, key) = match &binding.client {
        ClientKey::Id(id) => (None, id),
        ClientKey::Hardware(kind, octets) => (Some(*kind), octets),
    };
    let expires_at = binding.expires_at.filter(|_| span == EXACTLY);
    let flag = |is: bool, flag: u8| if is { flag } else { 0 };
    let flags = flag(kind.is_some(), HARDWARE)
        | flag(link.is_some(), LINK)
        | flag(explicit, HALF)
        | flag(binding.softwire.is_some(), SOFTWIRE)
        | flag(expires_at.is_some(), END)
        | flag(circuit != 0, CIRCUIT)
        | flag(binding.transport == Transport::Agent, AGENT)
        | flag(binding.transport == Transport::Ipv4, IPV4);
    octets.clear();
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
    if let Some(end) = expires_at {
        octets.extend(end.as_micros().to_be_bytes());
    }
    if circuit != 0 {
        octets.extend(circuit.to_be_bytes());
    }
    octets.extend_from_slice(&binding.host_name);
    Some(Box::from(octets.as_slice()))
}

/// All bindings, one for a slot, found by slot and by client, and those that wait for their end in its order.
pub(super) struct Table {
    keyed: Keyed,
    entries: Vec<Option<Entry>>,
    vacant: Vec<Id>,
    /// Address and id of whole addresses.
    whole: Ordered,
    /// Parts of addresses.
    shared: BTreeMap<Slot4, Id>,
    /// Upper half of the client's hash, and id: several ids for one hash are told apart by looking.
    by_client: Ordered,
    live: Ordered,
    scratch: Vec<u8>,
}

impl Table {
    pub(super) fn new(keyed: Keyed) -> Self {
        Self {
            keyed,
            entries: Vec::new(),
            vacant: Vec::new(),
            whole: Ordered::default(),
            shared: BTreeMap::new(),
            by_client: Ordered::default(),
            live: Ordered::default(),
            scratch: Vec::new(),
        }
    }

    pub(super) fn entry(&self, id: Id) -> Option<&Entry> {
        self.entries.get(usize::try_from(id).ok()?)?.as_ref()
    }

    pub(super) fn id(&self, slot: Slot4) -> Option<Id> {
        if slot.ports.is_some() {
            return self.shared.get(&slot).copied();
        }
        let first = packed(slot.address.to_bits(), 0);
        let next = Timed(self.whole.from(first).next()?);
        (upper(next.0) == slot.address.to_bits()).then(|| next.id())
    }

    pub(super) fn get(&self, slot: Slot4) -> Option<&Entry> {
        self.entry(self.id(slot)?)
    }

    /// No binding has only a part of an address.
    pub(super) fn has_no_shared(&self) -> bool {
        self.shared.is_empty()
    }

    /// Bindings of a client, of whatever state. `hash` stands for its key.
    pub(super) fn of_client(&self, hash: u64, key: &ClientKey) -> impl Iterator<Item = &Entry> {
        let first = packed(upper(hash), 0);
        self.by_client
            .from(first)
            .take_while(move |packed| upper(*packed) == upper(first))
            .filter_map(|packed| self.entry(Timed(packed).id()))
            .filter(move |entry| entry.is_of(key))
    }

    /// Bindings of slots in this range, in order.
    pub(super) fn range(&self, from: Bound<Slot4>, to: Bound<Slot4>) -> impl Iterator<Item = &Entry> {
        let first = match from {
            Bound::Included(slot) | Bound::Excluded(slot) => packed(slot.address.to_bits(), 0),
            Bound::Unbounded => 0,
        };
        let is_inside = move |slot: &Slot4| (from, to).contains(slot);
        let whole = self.whole.from(first).filter_map(|packed| self.entry(Timed(packed).id()));
        // Only a first one can be before the range: the whole of the address that the range begins at.
        let mut whole =
            whole.skip_while(move |entry| !is_inside(&entry.slot) && !is_past(to, entry.slot)).peekable();
        let shared = self.shared.range(first_of(from)..).map(|(_, id)| *id);
        let shared = shared
            .filter_map(|id| self.entry(id))
            .skip_while(move |entry| from == Bound::Excluded(entry.slot));
        let mut shared = shared.peekable();
        std::iter::from_fn(move || match (whole.peek(), shared.peek()) {
            (Some(one), Some(other)) if other.slot < one.slot => shared.next(),
            (Some(_), _) => whole.next(),
            (None, _) => shared.next(),
        })
        .take_while(move |entry| !is_past(to, entry.slot))
    }

    /// Every slot with a binding.
    pub(super) fn slots(&self) -> Vec<Slot4> {
        self.range(Bound::Unbounded, Bound::Unbounded).map(|entry| entry.slot).collect()
    }

    fn client_index(&self, key: &ClientKey, id: Id) -> u64 {
        packed(upper(self.keyed.client(key)), id)
    }

    /// Puts in the binding of a slot that has none. `None` if it cannot be kept.
    pub(super) fn insert(&mut self, binding: &Binding4, circuit: u32, softwire_at: Instant) -> Option<Id> {
        let span = span(binding);
        let rest = pack(binding, span, circuit, softwire_at, &mut self.scratch)?;
        let id = match self.vacant.pop() {
            Some(id) => id,
            None => {
                let id = Id::try_from(self.entries.len()).ok()?;
                self.entries.push(None);
                id
            }
        };
        let live = binding.state != State::Released;
        let (slot, state, changed_at) = (binding.slot, binding.state, binding.changed_at);
        let entry = Entry { slot, state, live, span, changed_at, rest };
        if live {
            self.live.insert(Timed::new(binding.expires_at, id).0);
        }
        *self.entries.get_mut(usize::try_from(id).ok()?)? = Some(entry);
        match slot.ports {
            None => {
                self.whole.insert(packed(slot.address.to_bits(), id));
            }
            Some(_) => {
                self.shared.insert(slot, id);
            }
        }
        self.by_client.insert(self.client_index(&binding.client, id));
        Some(id)
    }

    /// Takes out the binding of a slot.
    pub(super) fn remove(&mut self, slot: Slot4) -> Option<(Id, Entry)> {
        let id = self.id(slot)?;
        match slot.ports {
            None => {
                self.whole.remove(packed(slot.address.to_bits(), id));
            }
            Some(_) => {
                self.shared.remove(&slot);
            }
        }
        let entry = self.entries.get_mut(usize::try_from(id).ok()?)?.take()?;
        self.vacant.push(id);
        if entry.live {
            self.live.remove(Timed::new(entry.expires_at(), id).0);
        }
        if let Some(rest) = Rest::read(&entry.rest) {
            self.by_client.remove(self.client_index(&rest.client(), id));
        }
        Some((id, entry))
    }

    /// The binding that ends next, and when; `None` when nothing ends.
    pub(super) fn next_end(&self) -> Option<Instant> {
        self.live.first().map(Timed).and_then(Timed::at)
    }

    /// Has the binding of a slot count as ended.
    #[cfg(test)]
    pub(super) fn pop_one(&mut self, slot: Slot4) -> Option<()> {
        let id = self.id(slot)?;
        let entry = self.entries.get_mut(usize::try_from(id).ok()?)?.as_mut()?;
        entry.live = false;
        self.live.remove(Timed::new(entry.expires_at(), id).0).then_some(())
    }

    /// A binding that has ended by now and was not told of before.
    pub(super) fn pop_ended(&mut self, now: Instant) -> Option<Id> {
        let first = Timed(self.live.first()?);
        if first.at().is_none_or(|at| at > now) {
            return None;
        }
        self.live.remove(first.0);
        let entry = self.entries.get_mut(usize::try_from(first.id()).ok()?)?.as_mut()?;
        entry.live = false;
        Some(first.id())
    }
}
