//! `[[server.dhcp6.subnet]]`: IPv6 addresses and prefixes, for whom, and how long.

use super::mistakes::{MISSING, Mistakes, Place};
use super::overlap::overlaps;
use super::reader::{At, Reader, Said, place_of, shown, text_of};
use super::server6::OptionsDraft;
use super::serves;
use config::Value;
use dhcp4o6_protocol::ids::{Duid, hex_decode};
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::server6::settings::{Delegate, Reservation6, Subnet6};
use dhcp4o6_protocol::settings::is_routable;
use dhcp4o6_protocol::time::Lifetime;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;

/// Most subnets.
pub(super) const MAX_SUBNETS: usize = 4096;
/// Most reservations in all subnets.
pub(super) const MAX_RESERVATIONS: usize = 65_536;
/// Most parts of a prefix, as a number of bits.
const MAX_PARTS: u8 = 32;
/// Lifetimes unless configured.
const PREFERRED: Lifetime = Lifetime(3600);
const VALID: Lifetime = Lifetime(7200);
/// Shortest lifetime.
const SHORTEST: u32 = 4;

const A_POOL: &str = "must be a range of IPv6 addresses such as \"2001:db8:1::1000-2001:db8:1::1fff\"";
const A_PREFIX: &str =
    "must be an IPv6 prefix such as \"2001:db8:1::/64\", without host bits, from /1 to /128";
const PATH: &str = "server.dhcp6.subnet";

/// All subnets, as all layers together say it.
#[derive(Default)]
pub(super) struct Drafts {
    subnets: Vec<Draft>,
    /// Where in `subnets` a prefix is.
    by_prefix: BTreeMap<Prefix6, usize>,
}

/// One subnet.
struct Draft {
    prefix: At<Prefix6>,
    /// The last layer that spoke of it.
    source: String,
    serves: serves::Draft,
    pools: Vec<At<(Ipv6Addr, Ipv6Addr)>>,
    delegate: Vec<At<Delegate>>,
    reservations: Vec<ReservationDraft>,
    preferred: Said<Lifetime>,
    valid: Said<Lifetime>,
    options: OptionsDraft,
}

struct ReservationDraft {
    place: Place,
    duid: Option<At<Duid>>,
    address: Option<At<Ipv6Addr>>,
    prefix: Option<At<Prefix6>>,
}

impl Drafts {
    /// Reads one table. With the prefix of a subnet in an earlier layer it adds to that one.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        let mut prefix = Said::default();
        let read = |text: &str| text.parse().ok().filter(|prefix: &Prefix6| !prefix.is_all());
        reader.parsed("prefix", &mut prefix, A_PREFIX, read);
        if !prefix.given {
            reader.wrong("prefix", None, MISSING, A_PREFIX);
        }
        // Without a prefix its mistakes are found all the same.
        let known = prefix.right.is_some();
        let nowhere = At { value: Prefix6::of(Ipv6Addr::UNSPECIFIED, 0), place: reader.place().clone() };
        let prefix = prefix.right.unwrap_or(nowhere);
        let source = reader.place().source.clone();
        let earlier = self.by_prefix.get(&prefix.value).and_then(|index| self.subnets.get_mut(*index));
        if let Some(draft) = earlier.filter(|draft| known && draft.source != source) {
            draft.source = source;
            return draft.read(reader);
        }
        let mut draft = Draft::new(prefix, source);
        draft.read(reader);
        if known {
            self.by_prefix.entry(draft.prefix.value).or_insert(self.subnets.len());
            self.subnets.push(draft);
        }
    }

    /// Says what is wrong with them together, and what they mean. `enables` says whether the server enables 4o6 for
    /// all of them.
    pub(super) fn finish(self, enables: bool, mistakes: &mut Mistakes) -> Vec<Subnet6> {
        let subnets = &self.subnets;
        if let Some(first_beyond) = subnets.get(MAX_SUBNETS) {
            let wrong = format!("{} subnets", subnets.len());
            mistakes.key(&first_beyond.prefix.place, PATH, wrong, format!("must be at most {MAX_SUBNETS}"));
        }
        let prefixes: Vec<_> = subnets.iter().map(|draft| &draft.prefix).collect();
        apart(&format!("{PATH}.prefix"), &prefixes, mistakes);
        let claims: Vec<_> = subnets.iter().map(|draft| (&draft.serves, Some(&draft.prefix))).collect();
        serves::nested(PATH, &claims, mistakes);
        self.taken_twice(mistakes);
        self.reserved_twice(mistakes);
        self.reserved_parts(mistakes);
        self.subnets.into_iter().map(|draft| draft.finish(enables, mistakes)).collect()
    }

    /// Pools and delegated prefixes that have something in common.
    fn taken_twice(&self, mistakes: &mut Mistakes) {
        let pools = self.subnets.iter().flat_map(|draft| &draft.pools).map(|pool| {
            let (first, last) = pool.value;
            ("pools", &pool.place, (first, last), format!("{first}-{last}"))
        });
        let delegate = self.subnets.iter().flat_map(|draft| &draft.delegate).map(|whole| {
            let prefix = whole.value.prefix;
            ("delegate", &whole.place, (prefix.address(), prefix.last()), prefix.to_string())
        });
        let all: Vec<_> = pools.chain(delegate).collect();
        for (one, other) in overlaps(all.iter().map(|(_, _, range, _)| *range)) {
            let (Some(one), Some(other)) = (all.get(one), all.get(other)) else { continue };
            let (key, place, _, text) = one;
            let (_, first, _, other) = other;
            let wrong = format!("{text} overlaps {other}");
            mistakes.key(place, format!("{PATH}.{key}"), wrong, format!("the other is at {first}"));
        }
    }

    fn reserved_twice(&self, mistakes: &mut Mistakes) {
        let path = format!("{PATH}.reservation");
        let all = || self.subnets.iter().flat_map(|draft| &draft.reservations);
        if let Some(first_beyond) = all().nth(MAX_RESERVATIONS) {
            let right = format!("must be at most {MAX_RESERVATIONS}");
            let wrong = format!("more than {MAX_RESERVATIONS} reservations");
            mistakes.key(&first_beyond.place, path.clone(), wrong, right);
        }
        let mut addresses: BTreeMap<Ipv6Addr, &Place> = BTreeMap::new();
        for At { value, place } in all().filter_map(|reservation| reservation.address.as_ref()) {
            if let Some(first) = addresses.insert(*value, place) {
                let right = format!("the other is at {first}");
                mistakes.key(place, format!("{path}.address"), format!("{value} is reserved twice"), right);
            }
        }
        let prefixes: Vec<_> = all().filter_map(|reservation| reservation.prefix.as_ref()).collect();
        apart(&format!("{path}.prefix"), &prefixes, mistakes);
        for draft in &self.subnets {
            let mut clients: BTreeMap<&Duid, &Place> = BTreeMap::new();
            for At { value, place } in draft.reservations.iter().filter_map(|each| each.duid.as_ref()) {
                if let Some(first) = clients.insert(value, place) {
                    let wrong = "one client has two reservations in this subnet";
                    mistakes.key(place, format!("{path}.duid"), wrong, format!("the other is at {first}"));
                }
            }
        }
    }
}

impl Drafts {
    /// Reports reserved prefixes that have something in common with what is given out, and are no part of it.
    fn reserved_parts(&self, mistakes: &mut Mistakes) {
        type Taken<'a> = (Ipv6Addr, String, Option<(&'a Draft, u8)>);
        let mut taken: BTreeMap<Ipv6Addr, Taken<'_>> = BTreeMap::new();
        for draft in &self.subnets {
            for At { value: (first, last), .. } in &draft.pools {
                taken.insert(*first, (*last, format!("{first}-{last}"), None));
            }
            for At { value: Delegate { prefix, len }, .. } in &draft.delegate {
                taken.insert(prefix.address(), (prefix.last(), prefix.to_string(), Some((draft, *len))));
            }
        }
        for draft in &self.subnets {
            for At { value, place } in draft.reservations.iter().filter_map(|each| each.prefix.as_ref()) {
                // What is given out does not overlap: only the last one that begins before the end can.
                let last_before = taken.range(..=value.last()).next_back();
                let Some((_, (last, text, of))) = last_before else { continue };
                let part = of.is_some_and(|(owner, len)| std::ptr::eq(owner, draft) && len == value.length());
                if *last < value.address() || part {
                    continue;
                }
                let wrong = format!("{value} overlaps {text} and is no part of it that this subnet gives");
                let right = match of {
                    Some((_, len)) => format!("must be apart from it, or of length {len} in its subnet"),
                    None => "must be apart from it".to_owned(),
                };
                mistakes.key(place, format!("{PATH}.reservation.prefix"), wrong, right);
            }
        }
    }
}

/// Reports prefixes that overlap.
fn apart(key: &str, prefixes: &[&At<Prefix6>], mistakes: &mut Mistakes) {
    let ranges = prefixes.iter().map(|prefix| (prefix.value.address(), prefix.value.last()));
    for (one, other) in overlaps(ranges) {
        let (Some(one), Some(other)) = (prefixes.get(one), prefixes.get(other)) else { continue };
        let wrong = format!("{} overlaps {}", one.value, other.value);
        mistakes.key(&one.place, key, wrong, format!("the other is at {}", other.place));
    }
}

impl Draft {
    fn new(prefix: At<Prefix6>, source: String) -> Self {
        Self {
            prefix,
            source,
            serves: serves::Draft::default(),
            pools: Vec::new(),
            delegate: Vec::new(),
            reservations: Vec::new(),
            preferred: Said::default(),
            valid: Said::default(),
            options: OptionsDraft::default(),
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>) {
        if reader.value("pools").is_some() {
            self.pools.clear();
        }
        for entry in reader.list("pools", "ranges").unwrap_or_default() {
            let pool = range(reader, entry).map(|value| At { value, place: place_of(entry) });
            self.pools.extend(pool);
        }
        if reader.value("delegate").is_some() {
            self.delegate.clear();
        }
        for entry in reader.list("delegate", "tables").unwrap_or_default() {
            let right = "must be a table such as { prefix = \"2001:db8:1000::/36\", length = 56 }";
            reader.entry("delegate", entry, right, |table| {
                let delegate = delegate(table).map(|value| At { value, place: place_of(entry) });
                self.delegate.extend(delegate);
            });
        }
        self.serves.read(reader);
        reader.lifetime("preferred-lifetime", &mut self.preferred, SHORTEST);
        reader.lifetime("valid-lifetime", &mut self.valid, SHORTEST);
        self.options.read(reader);
        let reservations = &mut self.reservations;
        reader.tables("reservation", |table| reservations.push(reservation(table)));
    }

    fn finish(self, enables: bool, mistakes: &mut Mistakes) -> Subnet6 {
        let prefix = self.prefix.value;
        for At { value: (first, last), place } in &self.pools {
            if !(prefix.contains(*first) && prefix.contains(*last)) {
                let wrong = format!("{first}-{last} is not in {prefix}");
                mistakes.key(
                    place,
                    format!("{PATH}.pools"),
                    wrong,
                    "must be inside the prefix of its subnet",
                );
            }
        }
        for reservation in &self.reservations {
            self.misplaced(reservation, mistakes);
        }
        if enables && let Some(place) = self.options.disabled_at() {
            let wrong = "DHCPv4 over DHCPv6 cannot be taken from one subnet alone";
            let right = "must be false in [server.dhcp6], and true for the subnets that have it";
            mistakes.key(place, format!("{PATH}.enable-4o6"), wrong, right);
        }
        self.options.contradiction(PATH, mistakes);
        let said = |said: &Said<Lifetime>| said.right.as_ref().map(|at| at.value);
        // What is not written follows what is.
        let valid = said(&self.valid).unwrap_or_else(|| VALID.max(said(&self.preferred).unwrap_or_default()));
        let preferred = said(&self.preferred).unwrap_or(PREFERRED.min(valid));
        if let Some(at) = &self.preferred.right
            && preferred > valid
        {
            let wrong = "addresses would be preferred for longer than they are valid";
            let right = "must not be above \"valid-lifetime\"";
            mistakes.key(&at.place, format!("{PATH}.preferred-lifetime"), wrong, right);
        }
        let reservations = self.reservations.into_iter().filter_map(|draft| {
            let (address, prefix) = (draft.address.map(|at| at.value), draft.prefix.map(|at| at.value));
            Some(Reservation6 { duid: draft.duid?.value, address, prefix })
        });
        Subnet6 {
            prefix,
            serves: self.serves.finish(),
            pools: self.pools.into_iter().map(|pool| pool.value).collect(),
            delegate: self.delegate.into_iter().map(|whole| whole.value).collect(),
            reservations: reservations.collect(),
            preferred,
            valid,
            options: self.options.finish(),
        }
    }

    /// Reports what is reserved where it cannot be given.
    fn misplaced(&self, reservation: &ReservationDraft, mistakes: &mut Mistakes) {
        let prefix = self.prefix.value;
        if let Some(At { value, place }) = &reservation.address
            && !prefix.contains(*value)
        {
            let wrong = format!("{value} is not in {prefix}");
            let right = "must be inside the prefix of its subnet";
            mistakes.key(place, format!("{PATH}.reservation.address"), wrong, right);
        }
    }
}

fn range(reader: &mut Reader<'_>, value: &Value) -> Option<(Ipv6Addr, Ipv6Addr)> {
    let read = text_of(value).and_then(|text| text.split_once('-')).and_then(|(first, last)| {
        Some((first.trim().parse::<Ipv6Addr>().ok()?, last.trim().parse::<Ipv6Addr>().ok()?))
    });
    match read {
        None => reader.wrong("pools", Some(value), shown(value), A_POOL),
        Some((first, last)) if last < first => {
            let wrong = format!("{first} is behind {last}");
            reader.wrong("pools", Some(value), wrong, "must have the lower address first");
        }
        Some((first, last)) if !(is_routable(first) && is_routable(last)) => {
            let right = "must be global or unique local addresses";
            reader.wrong("pools", Some(value), shown(value), right);
        }
        Some(range) => return Some(range),
    }
    None
}

fn delegate(table: &mut Reader<'_>) -> Option<Delegate> {
    let mut prefix: Said<Prefix6> = Said::default();
    table.parsed("prefix", &mut prefix, A_PREFIX, delegable);
    if !prefix.given {
        table.wrong("prefix", None, MISSING, A_PREFIX);
    }
    let prefix = prefix.right.map(|at| at.value);
    let (shortest, longest) = match prefix {
        Some(prefix) => (prefix.length(), prefix.length().saturating_add(MAX_PARTS).min(128)),
        None => (1, 128),
    };
    let right = format!("must be a whole number from {shortest} to {longest}");
    let Some(value) = table.value("length") else {
        table.wrong("length", None, MISSING, right);
        return None;
    };
    let len = table.number_of("length", value, i64::from(shortest)..=i64::from(longest))?;
    Some(Delegate { prefix: prefix?, len })
}

/// A prefix of unicast addresses that routers can have.
fn delegable(text: &str) -> Option<Prefix6> {
    let prefix: Prefix6 = text.parse().ok()?;
    let multicast = prefix.overlaps(Prefix6::of(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8));
    let link_local = prefix.overlaps(Prefix6::of(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10));
    (!prefix.is_all() && !multicast && !link_local && !prefix.contains(Ipv6Addr::LOCALHOST)).then_some(prefix)
}

fn reservation(table: &mut Reader<'_>) -> ReservationDraft {
    let mut duid = Said::default();
    let right = "must be 3 to 130 octets in hexadecimal digits";
    let read = |text: &str| hex_decode(text).and_then(|octets| Duid::new(octets).ok());
    table.parsed("duid", &mut duid, right, read);
    if !duid.given {
        table.wrong("duid", None, MISSING, right);
    }
    let mut address = Said::default();
    let routable = |text: &str| text.parse().ok().filter(|address| is_routable(*address));
    table.parsed("address", &mut address, "must be a global or unique local IPv6 address", routable);
    let mut prefix = Said::default();
    table.parsed("prefix", &mut prefix, A_PREFIX, delegable);
    if !address.given && !prefix.given {
        table.wrong("address", None, MISSING, "must have \"address\", \"prefix\" or both");
    }
    ReservationDraft {
        place: table.place().clone(),
        duid: duid.right,
        address: address.right,
        prefix: prefix.right,
    }
}
