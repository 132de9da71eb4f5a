//! Ten thousand histories of a relay agent, each with faults for a while, and then with none.

use crate::world::{Weather, World, ms, secs};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 10_000;

/// What at least one of the histories must have lived through.
const SOMETIMES: [&str; 28] = [
    "up",
    "encapsulated-up",
    "encapsulated-down",
    "offer",
    "ack",
    "nak",
    "binding-added",
    "binding-removed",
    "no-agent-information",
    "malformed4",
    "op-unsupported",
    "mcast-dst",
    "wrong-dst",
    "source-refused",
    "giaddr-nonzero",
    "opt82-from-client",
    "opt82-in-reply",
    "hops-limit",
    "no-room",
    "rate-limited",
    "no-cra6addr",
    "bad-cra6addr",
    "unknown-server",
    "foreign-giaddr",
    "unsolicited",
    "restart",
    "bound",
    "lost",
];

fn history(seed: u64) -> World {
    let mut world = World::new(seed);
    let end = world.now + world.chance.within(secs(60), secs(1200));
    while world.now < end {
        let longest = world.chance.one_of(&[secs(1), secs(10), secs(100)]);
        let pause = world.chance.within(ms(1), longest);
        let until = world.now + pause;
        world.run_until(until, |_| false);
        let reached = if world.all_bound() { "bound" } else { "lost" };
        world.watch.reached.insert(reached);
        match world.chance.below(10) {
            0 => world.change_weather(),
            1 => {
                world.boot();
                world.watch.reached.insert("restart");
            }
            _ => world.attack(),
        }
    }
    world.weather = Weather::FAIR;
    // What is under way may take as long as the worst weather had it.
    let end = world.now + secs(600);
    world.run_until(end, World::all_bound);
    assert!(
        world.all_bound(),
        "without a lease after ten fair minutes: {:?}",
        (&world.settings, &world.clients, &world.servers)
    );
    world
}

fn seeds(first: u64, count: u64) -> BTreeSet<&'static str> {
    let next = AtomicU64::new(first);
    let reached = Mutex::new(BTreeSet::new());
    let failed = Mutex::new(None);
    let work = || {
        let mut here: BTreeSet<&str> = BTreeSet::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count || failed.lock().unwrap().is_some() {
                break;
            }
            match catch_unwind(AssertUnwindSafe(|| history(seed))) {
                Ok(world) => here.extend(world.watch.reached.iter()),
                Err(_) => *failed.lock().unwrap() = Some(seed),
            }
        }
        reached.lock().unwrap().extend(here);
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    if let Some(seed) = failed.into_inner().unwrap() {
        panic!("seed {seed} failed; TRA_SEED={seed} runs it alone");
    }
    reached.into_inner().unwrap()
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `TRA_SEED` runs one history alone; `TRA_FIRST` and `TRA_SEEDS` choose others, or more.
#[test]
fn ten_thousand_histories_keep_every_invariant_and_end_well_tra_20() {
    if let Some(seed) = number("TRA_SEED") {
        history(seed);
        return;
    }
    let count = number("TRA_SEEDS").unwrap_or(SEEDS);
    let reached = seeds(number("TRA_FIRST").unwrap_or(0), count);
    let missing: Vec<_> = SOMETIMES.iter().filter(|name| !reached.contains(*name)).collect();
    assert!(missing.is_empty() || count < SEEDS, "never reached: {missing:?}; reached {reached:?}");
}
