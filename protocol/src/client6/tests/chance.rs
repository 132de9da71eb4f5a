//! Random lives: whatever happens, in whatever order, the rules of time and of the wire hold.

use super::bench::*;
use crate::facts::Address6;
use crate::rng::Rng;
use crate::settings::Dhcp6Settings;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};
use std::time::Duration;

const ADDRESSES: [&str; 4] = ["2001:db8::5", "2001:db8::6", "fe80::9", "::"];
const TIMES: [u32; 8] = [0, 1, 2, 30, 100, 1000, 90_000, INFINITE];
const STATUSES: [u16; 8] = [0, 1, 2, 3, 4, 5, 6, 99];
const KINDS: [MessageType; 4] =
    [MessageType::REPLY, MessageType::REPLY, MessageType::ADVERTISE, MessageType::RECONFIGURE];

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

    fn settings(&mut self) -> Dhcp6Settings {
        let base = match self.below(4) {
            0 => stateful(),
            1 => with_prefix(),
            2 => stateless(),
            _ => Dhcp6Settings { prefix: self.one_in(2), ..auto() },
        };
        Dhcp6Settings {
            rapid_commit: self.one_in(2),
            max_delay: Duration::from_millis(self.of(&[0, 1, 1000])),
            max_refresh: self.of(&[None, Some(Duration::from_secs(100)), Some(Duration::ZERO)]),
            stateless_max_stale: self.of(&[None, Some(Duration::from_secs(50)), Some(Duration::ZERO)]),
            ..base
        }
    }

    fn parts(&mut self) -> Vec<Part> {
        let mut parts = Vec::new();
        for _ in 0..self.below(5) {
            let part = match self.below(9) {
                0..=2 => {
                    let list =
                        (0..self.below(4)).map(|_| (self.of(&ADDRESSES), self.of(&TIMES), self.of(&TIMES)));
                    let list = list.collect();
                    Part::Na(self.of(&TIMES), self.of(&TIMES), list)
                }
                3 | 4 => {
                    let list = vec![("2001:db8:d::", 56, self.of(&TIMES), self.of(&TIMES))];
                    Part::Pd(self.of(&TIMES), self.of(&TIMES), list)
                }
                5 => Part::NaStatus(Status(self.of(&STATUSES))),
                6 => Part::PdStatus(Status(self.of(&STATUSES))),
                7 => Part::Seconds(
                    self.of(&[OptionCode::SOL_MAX_RT, OptionCode::INFORMATION_REFRESH_TIME]),
                    self.of(&TIMES),
                ),
                8 if self.one_in(2) => RAPID,
                _ => Part::Preference(255),
            };
            parts.push(part);
        }
        if self.one_in(8) {
            parts.push(Part::Status(Status(self.of(&STATUSES))));
        }
        parts
    }
}

/// One random event. Time and the wire are checked by the bench.
fn event(bench: &mut Bench, dice: &mut Dice) {
    match dice.below(20) {
        0 if dice.one_in(4) => {
            let now = bench.now;
            // Time passed up to here, so nothing is overdue.
            bench.client.stop(now);
        }
        1 if dice.one_in(4) => {
            let now = bench.now;
            bench.client.carrier(now, &mut bench.rng);
        }
        2 | 3 => drop(bench.act(|client, now, rng, out| client.ready(now, rng, out))),
        4 => drop(bench.act(|client, now, rng, out| client.moved(now, rng, out))),
        5 => {
            let prefixes: &[&str] = dice.of(&[&[], &["2001:db8::"]]);
            let ra = ra(dice.one_in(2), dice.one_in(2), prefixes);
            bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out));
        }
        6 => {
            let address = Address6 {
                address: dice.of(&ADDRESSES).parse().unwrap(),
                prefix_len: 128,
                tentative: false,
                duplicate: dice.one_in(2),
                deprecated: false,
                temporary: false,
            };
            bench.act(|client, now, rng, out| client.addresses(now, &[address], rng, out));
        }
        7 if dice.one_in(4) => drop(bench.act(|client, now, rng, out| client.release(now, rng, out))),
        8 => drop(bench.act(|client, now, rng, out| client.restart(now, rng, out))),
        9..=12 if !bench.sent.is_empty() => {
            // What a good server would say.
            let soliciting = bench.last().kind == MessageType::SOLICIT;
            let kind = if soliciting { MessageType::ADVERTISE } else { MessageType::REPLY };
            let parts = [na(dice.of(&ADDRESSES[..2])), pd("2001:db8:d::"), Part::Preference(255)];
            let octets = bench.write(kind, dice.of(&[A, B]), &parts);
            drop(bench.receive(&octets));
        }
        13..=15 if !bench.sent.is_empty() => {
            let octets = bench.write(dice.of(&KINDS), dice.of(&[A, B]), &dice.parts());
            let before = format!("{:?}", bench.client);
            if bench.receive(&octets).is_err() {
                assert_eq!(format!("{:?}", bench.client), before, "a refused message changed something");
            }
        }
        _ => {
            let seconds = dice.of(&[0.000_001, 0.1, 1.0, 10.0, 100.0, 2000.0]);
            bench.run_to(bench.now + Duration::from_secs_f64(seconds));
        }
    }
}

#[test]
fn whatever_happens_time_moves_on_and_messages_stay_few_and_well_formed() {
    let mut states = std::collections::BTreeSet::new();
    for seed in 0..400_u32 {
        let mut dice = Dice(Rng::seeded(
            [seed.to_le_bytes()[0], seed.to_le_bytes()[1], 0, 7].repeat(8).try_into().unwrap(),
        ));
        let mut bench = Bench::new(dice.settings());
        bench.rng = Rng::seeded([9; 32]);
        for _ in 0..150 {
            let (before, at) = (bench.sent.len(), bench.now);
            event(&mut bench, &mut dice);
            states.insert(bench.state());
            let lease = bench.client.lease();
            assert!(lease.is_none_or(|lease| lease.addresses.len() <= 16 && lease.prefixes.len() <= 16));
            assert!(lease.is_none() || bench.client.is_configured());
            assert!(
                lease.and_then(|lease| lease.expires_at()).is_none_or(|end| end > bench.now),
                "seed {seed}"
            );
            let most = 4 + 2 * bench.now.since(at).as_secs() as usize;
            assert!(bench.sent.len() - before <= most, "seed {seed}: {} messages", bench.sent.len() - before);
        }
    }
    let expected = [
        "bound",
        "confirming",
        "declining",
        "information-requesting",
        "informed",
        "off",
        "rebinding",
        "releasing",
        "renewing",
        "requesting",
        "soliciting",
        "verifying",
        "waiting",
    ];
    assert_eq!(states.into_iter().collect::<Vec<_>>(), expected, "every state was reached");
}

#[test]
fn a_lease_renewed_for_a_year_by_a_server_that_answers_every_third_time_is_never_lost() {
    let parts = [Part::Na(43_200, 69_120, vec![("2001:db8::5", 86_400, 86_400)])];
    let mut bench = Bench::bound(stateful(), &parts);
    bench.rng = Rng::seeded([5; 32]);
    let mut heard = 0;
    while bench.now < secs(100.0 + 365.0 * 86_400.0) {
        let log = bench.run_to_deadline();
        assert!(log.iter().all(|(_, word)| word != "Expired"));
        if log.iter().any(|(_, word)| word.starts_with("Re")) {
            heard += 1;
            if heard % 3 == 0 {
                bench.answer(MessageType::REPLY, A, &parts);
            }
        }
    }
    assert_eq!(bench.addresses().len(), 1);
    assert!(heard > 1000);
}
