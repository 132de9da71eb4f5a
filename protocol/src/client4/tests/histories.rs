//! Whatever happens in whatever order, some things always hold.

use super::*;
use std::collections::BTreeSet;

/// Draws from a seed, apart from the client's own chance.
struct Dice(Rng);

impl Dice {
    fn below(&mut self, count: u32) -> u32 {
        self.0.u32() % count
    }

    fn answer(&mut self) -> Answer {
        let mut answer = match self.below(5) {
            0 | 1 => Answer::offer(),
            2 | 3 => Answer::ack(),
            _ => Answer::nak(),
        };
        answer = match self.below(6) {
            0 => answer.from(OTHER_SERVER),
            1 => answer.address(OTHER_ADDRESS),
            2 => answer.lease_time([1, 7, 90, 100_000, u32::MAX][self.below(5) as usize]),
            3 => answer.times(self.below(2000), self.below(4000)),
            4 => answer.with(code::RAPID_COMMIT, []),
            _ => answer,
        };
        match self.below(12) {
            0 => answer.without([code::SERVER_ID, code::LEASE_TIME, code::CLIENT_ID][self.below(3) as usize]),
            1 => answer.address(Ipv4Addr::LOCALHOST),
            _ => answer,
        }
    }
}

/// One history; what it came by goes to `seen`.
fn history(seed: u32, seen: &mut BTreeSet<String>) {
    let [a, b, c, d] = seed.to_be_bytes();
    let mut dice = Dice(Rng::seeded([a, b, c, d, 0, 0, 0, 0].repeat(4).try_into().unwrap()));
    let settings = Dhcp4Settings { rapid_commit: dice.below(2) == 0, ..Dhcp4Settings::default() };
    let remembered = (dice.below(2) == 0).then(lease);
    let mut bench = Bench::with(settings, remembered, 0.5);
    bench.rng = Rng::seeded([7; 32]);
    bench.client.set_conflict_detection(dice.below(2) == 0);
    for _ in 0..150 {
        let (was_running, before) = (bench.client.is_running(), bench.client.lease().cloned());
        let was_checking = bench.state() == "checking";
        let actions = match dice.below(16) {
            0 => bench.start(Start::Verify),
            1 => bench.start(Start::Continue),
            2 => {
                bench.client.suspend(bench.now);
                assert_eq!(bench.client.lease(), before.as_ref(), "seed {seed}: suspending keeps the lease");
                Vec::new()
            }
            3 => bench.act(|client, now, cx, out| client.renew(now, cx, out)).1,
            4 => bench.act(|client, now, cx, out| client.rebind(now, cx, out)).1,
            5 if dice.below(4) == 0 => bench.act(|client, now, cx, out| client.release(now, cx, out)).1,
            6 => bench.act(|client, now, cx, out| client.retransmit(now, cx, out)).1,
            7 => {
                let conflict = dice.below(4) == 0;
                bench.act(|client, now, cx, out| client.checked(now, conflict, cx, out)).1
            }
            8 if dice.below(4) == 0 => bench.act(|client, now, cx, out| client.conflict(now, cx, out)).1,
            9..=11 => match bench.client.deadline() {
                Some(_) => bench.wait(),
                None => Vec::new(),
            },
            _ => {
                let soon = bench.now + Duration::from_millis(u64::from(dice.below(900)));
                bench.now = bench.client.deadline().map_or(soon, |deadline| soon.min(deadline - MICROSECOND));
                let answer = dice.answer();
                bench.answer(answer).unwrap_or_default()
            }
        };
        seen.insert(bench.state().to_owned());
        seen.extend(words(&actions).iter().filter_map(|word| word.split(' ').next_back().map(str::to_owned)));
        let sends = actions.iter().filter(|action| matches!(action, Action::Send { .. })).count();
        assert!(sends <= 2, "seed {seed}: {actions:?}");
        let silent = !was_running && !bench.client.is_running();
        assert!(!silent || sends == 0, "seed {seed}: suspended, it sent {actions:?}");
        assert!(bench.client.lease().is_none_or(|lease| lease.is_valid(bench.now)), "seed {seed}: overdue");
        let lost = actions.iter().find_map(|action| match action {
            Action::Lost(_, lease) => Some(lease.as_ref()),
            _ => None,
        });
        let granted = actions.iter().any(|action| matches!(action, Action::Granted(_)));
        assert!(lost.is_none() || lost == before.as_ref() || was_checking, "seed {seed}: {actions:?}");
        let same = bench.client.lease() == before.as_ref();
        assert!(same || lost.is_some() || granted || bench.state() == "checking", "seed {seed}: {actions:?}");
    }
}

const MICROSECOND: Duration = Duration::from_micros(1);

#[test]
fn no_history_breaks_what_must_always_hold() {
    let mut seen = BTreeSet::new();
    (0..1000).for_each(|seed| history(seed, &mut seen));
    let states =
        ["off", "suspended", "selecting", "requesting", "checking", "rebooting", "bound", "renewing"];
    let events =
        ["rebinding", "init", "acquired", "renewed", "rebound", "declined", "nak", "expired", "released"];
    for rare in states.iter().chain(&events).chain(&["DECLINE", "RELEASE", "no-answer", "several-servers"]) {
        assert!(seen.contains(*rare), "never came by {rare}: {seen:?}");
    }
}
