//! Random lives of a server: whatever is sent, its rules hold.

use super::bench::*;
use crate::binding::{Binding6, Origin, Slot6, State};
use crate::refused::Refused;
use crate::rng::Rng;
use crate::server4::settings::Serves;
use crate::server6::settings::{Delegate, Reservation6, Settings, Subnet6};
use crate::server6::slot::{Kind, extent};
use crate::time::Instant;
use crate::wire::v6::MessageType;
use std::collections::BTreeMap;

const CLIENTS: u32 = 12;
const KINDS: [MessageType; 8] = [SOLICIT, REQUEST, REQUEST, RENEW, REBIND, RELEASE, DECLINE, CONFIRM];
const NA: [&str; 5] = ["2001:db8:6::100", "2001:db8:6::104", "2001:db8:6::999", "2001:db8:7::1", "::"];
const PD: [&str; 5] =
    ["2001:db8:d000::/62", "2001:db8:d000:4::/62", "2001:db8:d000:1::/64", "::/64", "2001:db8:d000::/60"];

struct Dice(Rng);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0.u32() as usize % limit
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn client(&mut self) -> u32 {
        self.0.u32() % CLIENTS
    }

    fn settings(&mut self) -> Settings {
        let last = self.of(&["2001:db8:6::103", "2001:db8:6::106", "2001:db8:6::100"]);
        let reservations: Vec<Reservation6> = (0..self.below(3))
            .map(|_| {
                let address = self.of(&[None, Some("2001:db8:6::101"), Some("2001:db8:6::104")]);
                let prefix = self.of(&[None, Some("2001:db8:d000:4::/62"), Some("2001:db8:d000::/61")]);
                reserved(self.client(), address, prefix)
            })
            .collect();
        let here = Subnet6 {
            pools: vec![(ip("2001:db8:6::100"), ip(last))],
            delegate: vec![Delegate { prefix: net("2001:db8:d000::/60"), len: self.of(&[62, 62, 64, 61]) }],
            reservations,
            ..subnet()
        };
        let there = Subnet6 {
            prefix: net("2001:db8:7::/64"),
            serves: Serves { interfaces: vec!["lan7".into()], ..Serves::default() },
            pools: vec![(ip("2001:db8:7::1"), ip("2001:db8:7::3"))],
            delegate: Vec::new(),
            ..subnet()
        };
        Settings {
            rapid_commit: self.one_in(2),
            leases_per_origin: self.of(&[0, 1, 3, 8]),
            subnets: vec![here, there],
            ..Settings::default()
        }
    }

    /// Associations with hints, and with what others have.
    fn parts(&mut self, bench: &Bench) -> Vec<Part> {
        let known = bench.engine.bindings(None, 99);
        let mut parts = Vec::new();
        for _ in 0..self.below(4) {
            let iaid = self.0.u32() % 2;
            parts.push(match self.below(5) {
                0 => Part::Na(iaid, vec![]),
                1 => Part::Na(iaid, (0..self.below(3)).map(|_| self.of(&NA)).collect()),
                2 => Part::Pd(iaid, (0..self.below(3)).map(|_| self.of(&PD)).collect()),
                _ if known.is_empty() => Part::Pd(iaid, vec![]),
                _ => Part::Has(iaid, vec![known[self.below(known.len())].slot]),
            });
        }
        if self.one_in(4) {
            parts.push(Part::Rapid);
        }
        parts
    }
}

fn live(now: Instant, binding: &Binding6) -> bool {
    binding.state != State::Released && binding.expires_at.is_none_or(|end| end > now)
}

/// No address is with two clients, and the counters are what a count says.
fn check(bench: &Bench) {
    let bindings = bench.engine.bindings(None, 1000);
    let live: Vec<&Binding6> = bindings.iter().filter(|binding| live(bench.now, binding)).collect();
    for (index, one) in live.iter().enumerate() {
        for other in live.iter().skip(index + 1) {
            let kinds = (matches!(one.slot, Slot6::Prefix(..)), matches!(other.slot, Slot6::Prefix(..)));
            assert!(
                kinds.0 != kinds.1 || !extent(one.slot).overlaps(extent(other.slot)),
                "{one:?} {other:?}"
            );
        }
    }
    let earliest = live.iter().filter_map(|binding| binding.expires_at).min();
    assert_eq!(bench.engine.deadline(), earliest);
    let counted = counted(bench.now, &bindings);
    assert_eq!(bench.engine.table.origins(), counted.len());
    for ((origin, kind), count) in counted {
        assert_eq!(bench.engine.table.leases_at(&origin, kind), count, "{origin:?}");
    }
}

/// How many leases are live in each place.
fn counted(now: Instant, bindings: &[Binding6]) -> BTreeMap<(Origin, Kind), u32> {
    let mut counted = BTreeMap::new();
    for binding in bindings.iter().filter(|binding| live(now, binding)) {
        *counted.entry((binding.origin.clone(), Kind::of(binding.slot))).or_default() += 1;
    }
    counted
}

/// Nobody took more than a place may have, but what is kept for somebody, or stands in for what left all pools.
fn check_limits(bench: &Bench, before: &[Binding6], after: &[Binding6]) {
    let limit = bench.engine.settings.leases_per_origin;
    if limit == 0 {
        return;
    }
    let (counted_before, origin) = (counted(bench.now, before), bench.way.origin());
    for (place, count) in counted(bench.now, after) {
        let known = counted_before.get(&place).copied().unwrap_or(0);
        if place.0 != origin {
            assert!(count <= known, "{place:?}");
            continue;
        }
        let reserved: Vec<Slot6> = bench
            .engine
            .settings
            .subnets
            .iter()
            .flat_map(|subnet| &subnet.reservations)
            .flat_map(|kept| {
                let prefix = kept.prefix.map(|prefix| Slot6::Prefix(prefix.address(), prefix.length()));
                kept.address.map(Slot6::Address).into_iter().chain(prefix)
            })
            .collect();
        let exempt = |held: &Binding6| {
            let orphan = bench.engine.table.subnet_of(held.slot).is_none();
            (held.origin.clone(), Kind::of(held.slot)) == place && (orphan || reserved.contains(&held.slot))
        };
        assert!(count <= known.max(limit) || before.iter().chain(after).any(exempt), "{place:?}: {count}");
    }
}

/// What each client was last told it may use, and until when.
type Believed = BTreeMap<Slot6, (u32, Instant)>;

fn live_one(seed: u8) {
    let mut dice = Dice(Rng::seeded([seed; 32]));
    let mut bench = Bench::new(dice.settings());
    let mut believed = Believed::new();
    for _ in 0..400 {
        match dice.below(20) {
            0 => bench.wait(dice.of(&[1, 500, 1999, 2000, 90_000])),
            1 => bench.configure(dice.settings()),
            2 => bench.may_grant = !dice.one_in(3),
            3 => {
                let known = bench.engine.bindings(None, 99);
                if !known.is_empty() {
                    let slot = known[dice.below(known.len())].slot;
                    if let Ok(change) = bench.engine.revoke(bench.now, slot) {
                        bench.journal.push(change.record);
                        believed.remove(&slot);
                    }
                }
            }
            _ => converse(&mut dice, &mut bench, &mut believed),
        }
        check(&bench);
    }
    // What a restart reads is what was there.
    let mut again = Bench::new(Settings::default());
    bench.journal.iter().for_each(|record| again.engine.apply(record));
    let left = |bench: &Bench, now| -> Vec<Binding6> {
        bench.engine.bindings(None, 999).into_iter().filter(|binding| live(now, binding)).collect()
    };
    assert_eq!(left(&again, bench.now), left(&bench, bench.now));
}

fn converse(dice: &mut Dice, bench: &mut Bench, believed: &mut Believed) {
    bench.way = direct();
    bench.way.interface = dice.of(&["lan0", "lan0", "lan7"]);
    bench.way.client = ip(dice.of(&["fe80::5", "fe80::5", "fe80::6"]));
    if dice.one_in(5) {
        bench.way = relayed(dice.of(&["2001:db8:6::1", "2001:db8:99::1"]), None);
    }
    let (kind, client) = (dice.of(&KINDS), dice.client());
    let parts = dice.parts(bench);
    bench.engine.on_deadline(bench.now);
    let before = (bench.engine.bindings(None, 999), bench.engine.pools(bench.now));
    let told = bench.send(kind, client, parts);
    assert!(!matches!(told, Err(Refused::NoRoom | Refused::BadQuery6)) || kind == CONFIRM, "{told:?}");
    let commits = told.as_ref().is_ok_and(|told| told.kind == REPLY && !told.given().is_empty());
    assert!(bench.may_grant || bench.changes.is_empty());
    check_limits(bench, &before.0, &bench.engine.bindings(None, 999));
    assert!(!commits || !bench.may_grant || !bench.changes.is_empty(), "given and not written: {told:?}");
    // What cannot be stored can be taken back, to the last counter.
    let undo: Vec<_> = bench.changes.iter().rev().map(|change| change.undo.clone()).collect();
    let redo: Vec<_> = bench.changes.iter().map(|change| change.record.clone()).collect();
    let after = (bench.engine.bindings(None, 999), bench.engine.pools(bench.now));
    undo.iter().for_each(|record| bench.engine.apply(record));
    bench.engine.on_deadline(bench.now);
    assert_eq!((bench.engine.bindings(None, 999), bench.engine.pools(bench.now)), before);
    redo.iter().for_each(|record| bench.engine.apply(record));
    assert_eq!((bench.engine.bindings(None, 999), bench.engine.pools(bench.now)), after);
    let Ok(told) = told else { return };
    if told.kind != REPLY {
        return;
    }
    if kind == RELEASE || kind == DECLINE {
        believed
            .retain(|slot, _| after.0.iter().any(|held| held.slot == *slot && held.state == State::Bound));
    }
    for (slot, preferred, valid) in told.associations.iter().flat_map(|association| association.slots.clone())
    {
        assert!(preferred <= valid);
        let theirs = believed.get(&slot).copied().filter(|(other, end)| *other != client && *end > bench.now);
        if valid == 0 {
            believed.retain(|held, (who, _)| *held != slot || *who != client);
            continue;
        }
        assert_eq!(theirs, None, "{slot:?} is given to client {client} as well");
        believed.insert(slot, (client, bench.now + std::time::Duration::from_secs(valid.into())));
    }
}

#[test]
fn no_two_clients_ever_have_the_same_s46_38() {
    (0..100).for_each(live_one);
}

#[test]
fn no_octets_do_harm_gen_01() {
    let mut dice = Dice(Rng::seeded([9; 32]));
    let mut bench = Bench::new(dice.settings());
    for round in 0..20_000 {
        let parts: Vec<Part> = dice.parts(&bench);
        let mut all = vec![Part::Client(dice.client()), Part::Asks(vec![23, 88])];
        all.extend(parts);
        if dice.one_in(2) {
            all.push(Part::Server(server_duid()));
        }
        let kind = if dice.one_in(9) { MessageType(dice.below(256) as u8) } else { dice.of(&KINDS) };
        let mut octets = write(kind, &all);
        for _ in 0..dice.below(4) {
            let at = dice.below(octets.len());
            match dice.below(3) {
                0 => octets[at] = dice.below(256) as u8,
                1 => octets.truncate(at.max(1)),
                _ => octets.insert(at, dice.below(256) as u8),
            }
        }
        if let Ok(Some(answer)) = bench.octets(&octets, dice.one_in(50)) {
            let message = crate::wire::v6::Message::parse(&answer).unwrap();
            assert!([ADVERTISE, REPLY].contains(&message.kind));
        }
        if round % 50 == 0 {
            bench.wait(500);
            check(&bench);
        }
    }
}
