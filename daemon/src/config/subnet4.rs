//! `[[server.subnet]]`: DHCPv4 addresses, for whom, and how long.

use super::mistakes::{MISSING, Mistakes, Place};
use super::overlap::overlaps;
use super::reader::{At, Entries, Reader, Said, octets, place_of, shown, text_of};
use super::{options4, serves};
use config::{Value, ValueKind};
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::ids::{Duid, hex_decode};
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, OptionSet, Pool, Reservation, Sharing, Subnet};
use dhcp4o6_protocol::time::Lifetime;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Most subnets.
pub(super) const MAX_SUBNETS: usize = 4096;
/// Most reservations in all subnets.
pub(super) const MAX_RESERVATIONS: usize = 65_536;
/// Most addresses of one pool.
const MAX_POOL: u64 = 1 << 24;
/// Shortest lease: three whole seconds can be told apart in it, T1, T2 and its end.
const SHORTEST: u32 = 4;

const A_POOL: &str = "must be a range of IPv4 addresses such as \"192.0.2.100-192.0.2.199\"";

/// Addresses that no host can have: this network, loopback, link-local, multicast, reserved.
const NOBODY: [Prefix4; 4] = [
    Prefix4::of(Ipv4Addr::UNSPECIFIED, 8),
    Prefix4::of(Ipv4Addr::LOCALHOST, 8),
    Prefix4::of(Ipv4Addr::new(169, 254, 0, 0), 16),
    Prefix4::of(Ipv4Addr::new(224, 0, 0, 0), 3),
];

/// True if a host can have this address.
pub(super) fn is_usable(address: Ipv4Addr) -> bool {
    !NOBODY.iter().any(|prefix| prefix.contains(address))
}

/// All subnets, as all layers together say it.
#[derive(Default)]
pub(super) struct Drafts {
    /// One was written, rightly or wrongly.
    pub(super) given: bool,
    subnets: Vec<Draft>,
    /// Where in `subnets` a prefix is.
    by_prefix: BTreeMap<Prefix4, usize>,
}

/// One subnet.
struct Draft {
    prefix: At<Prefix4>,
    /// The last layer that spoke of it.
    source: String,
    serves: serves::Draft,
    pools: Entries<Pool>,
    reservations: Vec<ReservationDraft>,
    reservations_given: bool,
    default: Said<Lifetime>,
    min: Said<Lifetime>,
    max: Said<Lifetime>,
    t1_percent: Said<u8>,
    t2_percent: Said<u8>,
    options: OptionSet,
}

struct ReservationDraft {
    place: Place,
    holder: Option<At<Holder>>,
    address: Option<At<Ipv4Addr>>,
    options: OptionSet,
}

impl Drafts {
    /// Reads one table. With the prefix of a subnet in an earlier layer it adds to that one.
    pub(super) fn read(&mut self, reader: &mut Reader<'_>) {
        self.given = true;
        let mut prefix = Said::default();
        let right = "must be an IPv4 prefix such as \"192.0.2.0/24\", without host bits, from /1 to /32";
        let read = |text: &str| text.parse().ok().filter(|prefix: &Prefix4| !prefix.is_all());
        reader.parsed("prefix", &mut prefix, right, read);
        if !prefix.given {
            reader.wrong("prefix", None, MISSING, right);
        }
        // Without a prefix its mistakes are found all the same.
        let nowhere = At { value: Prefix4::of(Ipv4Addr::UNSPECIFIED, 0), place: reader.place().clone() };
        let known = prefix.right.is_some();
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

    /// Says what is wrong with them together and with the name of the server, and what they mean.
    pub(super) fn finish(self, server_id: Option<Ipv4Addr>, mistakes: &mut Mistakes) -> Vec<Subnet> {
        let subnets = &self.subnets;
        if let Some(first_beyond) = subnets.get(MAX_SUBNETS) {
            let wrong = format!("{} subnets", subnets.len());
            mistakes.key(
                &first_beyond.prefix.place,
                "server.subnet",
                wrong,
                format!("must be at most {MAX_SUBNETS}"),
            );
        }
        let ranges = subnets.iter().map(|draft| (draft.prefix.value.address(), draft.prefix.value.last()));
        for (one, other) in overlaps(ranges) {
            let (Some(one), Some(other)) = (subnets.get(one), subnets.get(other)) else { continue };
            let wrong = format!("{} overlaps {}", one.prefix.value, other.prefix.value);
            let right = format!("the other is at {}", other.prefix.place);
            mistakes.key(&one.prefix.place, "server.subnet.prefix", wrong, right);
        }
        let claims: Vec<_> = subnets.iter().map(|draft| (&draft.serves, None)).collect();
        serves::nested("server.subnet", &claims, mistakes);
        let pools: Vec<_> = subnets.iter().flat_map(|draft| &draft.pools.right).collect();
        for (one, other) in overlaps(pools.iter().map(|pool| (pool.value.first, pool.value.last))) {
            let (Some(one), Some(other)) = (pools.get(one), pools.get(other)) else { continue };
            let wrong = format!("{} overlaps {}", pool_text(&one.value), pool_text(&other.value));
            let right = format!("the other is at {}", other.place);
            mistakes.key(&one.place, "server.subnet.pools", wrong, right);
        }
        self.reserved_twice(mistakes);
        self.subnets.into_iter().map(|draft| draft.finish(server_id, mistakes)).collect()
    }

    fn reserved_twice(&self, mistakes: &mut Mistakes) {
        let path = "server.subnet.reservation";
        let mut addresses: BTreeMap<Ipv4Addr, &Place> = BTreeMap::new();
        let mut count = 0;
        for draft in &self.subnets {
            let mut holders: BTreeMap<&Holder, &Place> = BTreeMap::new();
            for reservation in &draft.reservations {
                count += 1;
                if count == MAX_RESERVATIONS + 1 {
                    let wrong = format!("more than {MAX_RESERVATIONS} reservations");
                    mistakes.key(
                        &reservation.place,
                        path,
                        wrong,
                        format!("must be at most {MAX_RESERVATIONS}"),
                    );
                }
                if let Some(At { value, place }) = &reservation.address
                    && let Some(first) = addresses.insert(*value, place)
                {
                    let right = format!("the other is at {first}");
                    mistakes.key(
                        place,
                        format!("{path}.address"),
                        format!("{value} is reserved twice"),
                        right,
                    );
                }
                if let Some(At { value, place }) = &reservation.holder
                    && let Some(first) = holders.insert(value, place)
                {
                    let wrong = "one client has two reservations in this subnet";
                    let right = format!("the other is at {first}");
                    mistakes.key(place, format!("{path}.{}", holder_key(value)), wrong, right);
                }
            }
        }
    }
}

impl Draft {
    fn new(prefix: At<Prefix4>, source: String) -> Self {
        Self {
            prefix,
            source,
            serves: serves::Draft::default(),
            pools: Entries::default(),
            reservations: Vec::new(),
            reservations_given: false,
            default: Said::default(),
            min: Said::default(),
            max: Said::default(),
            t1_percent: Said::default(),
            t2_percent: Said::default(),
            options: OptionSet::new(),
        }
    }

    fn read(&mut self, reader: &mut Reader<'_>) {
        pools(reader, &mut self.pools);
        self.serves.read(reader);
        reader.lifetime("lease-time", &mut self.default, SHORTEST);
        reader.lifetime("min-lease-time", &mut self.min, SHORTEST);
        reader.lifetime("max-lease-time", &mut self.max, SHORTEST);
        percent(reader, "t1-percent", &mut self.t1_percent);
        percent(reader, "t2-percent", &mut self.t2_percent);
        options4::read(reader, &mut self.options);
        let reservations = &mut self.reservations;
        let count = reader.tables("reservation", |table| reservations.push(reservation(table)));
        self.reservations_given |= count > 0;
    }

    fn finish(self, server_id: Option<Ipv4Addr>, mistakes: &mut Mistakes) -> Subnet {
        let prefix = self.prefix.value;
        if !self.pools.given && !self.reservations_given {
            mistakes.key(&self.prefix.place, "server.subnet.pools", MISSING, A_POOL);
        }
        for At { value: pool, place } in &self.pools.right {
            if !(prefix.contains(pool.first) && prefix.contains(pool.last)) {
                let wrong = format!("{} is not in {prefix}", pool_text(pool));
                mistakes.key(place, "server.subnet.pools", wrong, "must be inside the prefix of its subnet");
            } else if pool.first == pool.last
                && let Some(what) = taken(prefix, server_id, pool.first)
            {
                let right = "must have an address that a host can have";
                mistakes.key(place, "server.subnet.pools", format!("{} is {what}", pool.first), right);
            }
        }
        let times = self.times(mistakes);
        let mut reservations = Vec::new();
        for draft in self.reservations {
            let (Some(holder), Some(At { value: address, place })) = (draft.holder, draft.address) else {
                continue;
            };
            let key = "server.subnet.reservation.address";
            if !prefix.contains(address) {
                let right = "must be inside the prefix of its subnet";
                mistakes.key(&place, key, format!("{address} is not in {prefix}"), right);
            } else if let Some(what) = taken(prefix, server_id, address) {
                mistakes.key(&place, key, format!("{address} is {what}"), "must be another");
            }
            reservations.push(Reservation { holder: holder.value, address, options: draft.options });
        }
        Subnet {
            prefix,
            serves: self.serves.finish(),
            pools: self.pools.values(),
            reservations,
            times,
            options: self.options,
        }
    }

    fn times(&self, mistakes: &mut Mistakes) -> LeaseTimes {
        let path = |key: &str| format!("server.subnet.{key}");
        let said = |said: &Said<Lifetime>| said.right.as_ref().map(|at| at.value);
        let standard = LeaseTimes::default();
        // What is not written follows what is.
        let (shortest, longest) = (said(&self.min).unwrap_or_default(), said(&self.max));
        let default = said(&self.default)
            .unwrap_or_else(|| standard.default.min(longest.unwrap_or(Lifetime::INFINITE)).max(shortest));
        let min = said(&self.min).unwrap_or(standard.min.min(default));
        let max = longest.unwrap_or(default.max(min));
        if let Some(at) = &self.min.right
            && min > default.min(max)
        {
            let wrong = "the shortest lease is longer than others";
            let right = "must not be above \"lease-time\" and \"max-lease-time\"";
            mistakes.key(&at.place, path("min-lease-time"), wrong, right);
        } else if let Some(at) = &self.default.right
            && default > max
        {
            let wrong = "a lease is longer than the longest one";
            mistakes.key(&at.place, path("lease-time"), wrong, "must not be above \"max-lease-time\"");
        }
        let percent = |said: &Said<u8>, standard| said.right.as_ref().map_or(standard, |at| at.value);
        let t1_percent = percent(&self.t1_percent, standard.t1_percent);
        let t2_percent = percent(&self.t2_percent, standard.t2_percent);
        let place = [&self.t1_percent, &self.t2_percent]
            .into_iter()
            .find_map(|said| said.right.as_ref().map(|at| &at.place))
            .unwrap_or(&self.prefix.place);
        let (t1, t2) = (part(min, t1_percent), part(min, t2_percent));
        let apart = min.is_infinite() || (0 < t1 && t1 < t2 && t2 < u64::from(min.0));
        if t1_percent >= t2_percent {
            let wrong = format!("T1 at {t1_percent} percent is not before T2 at {t2_percent} percent");
            mistakes.key(place, path("t1-percent"), wrong, "must be below \"t2-percent\"");
        } else if !apart {
            let wrong = format!("T1, T2 and the end of a lease of {} s fall together", min.0);
            let right = "must be seconds apart: \"min-lease-time\" longer, or the percentages farther apart";
            mistakes.key(place, path("t1-percent"), wrong, right);
        }
        LeaseTimes { default, min, max, t1_percent, t2_percent }
    }
}

/// What an address is that no client can have: the network's, the broadcast address, where there are such, or ours.
fn taken(prefix: Prefix4, server_id: Option<Ipv4Addr>, address: Ipv4Addr) -> Option<String> {
    if prefix.length() < 31 && (address == prefix.address() || address == prefix.last()) {
        return Some(format!("the network's or broadcast address of {prefix}"));
    }
    (server_id == Some(address)).then(|| "the \"server-id\"".to_owned())
}

fn part(of: Lifetime, percent: u8) -> u64 {
    u64::from(of.0) * u64::from(percent) / 100
}

fn percent(reader: &mut Reader<'_>, key: &'static str, out: &mut Said<u8>) {
    let Some(value) = reader.value(key) else { return };
    out.given = true;
    if let Some(number) = reader.number_of(key, value, 1..=99) {
        out.right = Some(At { value: number, place: place_of(value) });
    }
}

/// The pools of a subnet: ranges, or tables with a range and how ports are shared out.
fn pools(reader: &mut Reader<'_>, out: &mut Entries<Pool>) {
    if reader.value("pools").is_none() {
        return;
    }
    // An empty list says that there are none; it is not missing.
    *out = Entries { given: true, right: Vec::new() };
    let Some(list) = reader.list("pools", "ranges") else { return };
    for entry in list {
        let place = place_of(entry);
        if !matches!(entry.kind, ValueKind::Table(_)) {
            if let Some((first, last)) = range(reader, "pools", entry) {
                out.right.push(At { value: Pool { first, last, sharing: None }, place });
            }
            continue;
        }
        reader.entry("pools", entry, A_POOL, |table| {
            let range = match table.value("range") {
                Some(value) => range(table, "range", value),
                None => {
                    table.wrong("range", None, MISSING, A_POOL);
                    None
                }
            };
            let sharing = sharing(table);
            if let Some((first, last)) = range {
                out.right.push(At { value: Pool { first, last, sharing }, place });
            }
        });
    }
}

fn range(reader: &mut Reader<'_>, key: &str, value: &Value) -> Option<(Ipv4Addr, Ipv4Addr)> {
    let read = text_of(value).and_then(|text| text.split_once('-')).and_then(|(first, last)| {
        Some((first.trim().parse::<Ipv4Addr>().ok()?, last.trim().parse::<Ipv4Addr>().ok()?))
    });
    let Some((first, last)) = read else {
        reader.wrong(key, Some(value), shown(value), A_POOL);
        return None;
    };
    if last < first {
        let right = "must have the lower address first";
        reader.wrong(key, Some(value), format!("{first} is behind {last}"), right);
        return None;
    }
    let size = u64::from(last.to_bits() - first.to_bits()) + 1;
    if size > MAX_POOL {
        let right = format!("must be at most {MAX_POOL}");
        reader.wrong(key, Some(value), format!("has {size} addresses"), right);
        return None;
    }
    let unusable = NOBODY.iter().find(|prefix| first <= prefix.last() && prefix.address() <= last);
    if let Some(prefix) = unusable {
        let wrong = format!("{first}-{last} has addresses of {prefix}, which no host can have");
        reader.wrong(key, Some(value), wrong, "must be unicast addresses");
        return None;
    }
    Some((first, last))
}

/// Port sharing, if there is any of its keys.
fn sharing(table: &mut Reader<'_>) -> Option<Sharing> {
    let mut sharing = Sharing { offset: 0, psid_len: 0, lowest_port: 1024 };
    let keys = ["psid-offset", "psid-length", "lowest-port"];
    let any = keys.into_iter().filter(|key| table.value(key).is_some()).count() > 0;
    if !any {
        return None;
    }
    table.number("psid-offset", &mut sharing.offset, 0..=15);
    table.number("lowest-port", &mut sharing.lowest_port, 0..=65_535);
    let longest = 16 - sharing.offset;
    match table.value("psid-length") {
        Some(value) => sharing.psid_len = table.number_of("psid-length", value, 1..=i64::from(longest))?,
        None => {
            table.wrong("psid-length", None, MISSING, format!("must be a whole number from 1 to {longest}"));
            return None;
        }
    }
    if lowest_of_last_set(sharing) < u32::from(sharing.lowest_port) {
        let wrong = format!("every set has ports below {}", sharing.lowest_port);
        let right = "must leave a set, or \"lowest-port\" must be lower";
        table.wrong("psid-length", None, wrong, right);
    }
    Some(sharing)
}

/// The lowest port of the set that begins last (RFC 7597 §5.1: with an offset, ports whose bits before the PSID are
/// all zero are in no set).
fn lowest_of_last_set(sharing: Sharing) -> u32 {
    let behind_offset = 1_u32 << (16 - sharing.offset);
    let set = behind_offset >> sharing.psid_len;
    let last = behind_offset - set;
    if sharing.offset == 0 { last } else { behind_offset + last }
}

fn reservation(table: &mut Reader<'_>) -> ReservationDraft {
    let mut address = Said::default();
    let right = "must be an IPv4 address such as \"192.0.2.5\"";
    let read = |text: &str| text.parse().ok().filter(|address| is_usable(*address));
    table.parsed("address", &mut address, right, read);
    if !address.given {
        table.wrong("address", None, MISSING, right);
    }
    let mut options = OptionSet::new();
    options4::read(table, &mut options);
    let holder = holder(table);
    ReservationDraft { place: table.place().clone(), holder, address: address.right, options }
}

/// For whom it is: one of four keys.
fn holder(table: &mut Reader<'_>) -> Option<At<Holder>> {
    let mut found: Vec<(&str, Said<Holder>)> = Vec::new();
    let mut key = |key: &'static str, right: &str, read: fn(&str) -> Option<Holder>| {
        let mut said = Said::default();
        table.parsed(key, &mut said, right, read);
        if said.given {
            found.push((key, said));
        }
    };
    key("client-id", "must be 2 to 255 octets in hexadecimal digits", |text| {
        hex_decode(text).filter(|octets| (2..=255).contains(&octets.len())).map(Holder::ClientId)
    });
    key("duid", "must be 3 to 130 octets in hexadecimal digits", |text| {
        hex_decode(text).and_then(|octets| Duid::new(octets).ok()).map(Holder::Duid)
    });
    let right = "must be text, or hexadecimal digits such as \"hex:0a0b\": 1 to 255 octets";
    key("circuit", right, |text| octets(text).map(Holder::Circuit));
    let right = "must be a hardware address such as \"02:00:5e:10:00:01\", or with its type before it such as \
                 \"32/00112233445566778899\"";
    key("hardware", right, hardware);
    match found.as_mut_slice() {
        [] => {
            let right = "must have one of \"client-id\", \"duid\", \"circuit\" and \"hardware\"";
            table.wrong("client-id", None, MISSING, right);
            None
        }
        [(_, said)] => said.right.take(),
        [(first, _), (second, _), ..] => {
            let wrong = format!("\"{first}\" is there too");
            table.wrong(second, None, wrong, "must be one of them");
            None
        }
    }
}

/// Type and address; Ethernet's type is 1.
fn hardware(text: &str) -> Option<Holder> {
    let (kind, address) = text.split_once('/').unwrap_or(("1", text));
    let kind: u8 = kind.parse().ok()?;
    let octets = hex_decode(address)?;
    let lengths = if kind == 1 { 6..=6 } else { 1..=16 };
    lengths.contains(&octets.len()).then_some(Holder::Hardware(kind, octets))
}

/// The key that a holder is written under.
pub(super) fn holder_key(holder: &Holder) -> &'static str {
    match holder {
        Holder::ClientId(_) => "client-id",
        Holder::Duid(_) => "duid",
        Holder::Circuit(_) => "circuit",
        Holder::Hardware(..) => "hardware",
    }
}

/// A pool as it is written, without what is shared.
pub(super) fn pool_text(pool: &Pool) -> String {
    format!("{}-{}", pool.first, pool.last)
}
