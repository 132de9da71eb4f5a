//! Ten thousand histories of each agent, with faults for a while, and then with none.

use crate::world::{OWN, SERVER, Weather, World, ip, ms, secs};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 10_000;

/// What at least one of the histories must have lived through.
const SOMETIMES: [&str; 21] = [
    "tsv",
    "tra",
    "up",
    "encapsulated-down",
    "broadcast",
    "alone",
    "restart",
    "bound",
    "lost",
    "malformed-frame",
    "malformed4",
    "op-unsupported",
    "mcast-dst",
    "wrong-dst",
    "source-refused",
    "giaddr-nonzero",
    "opt82-from-client",
    "opt82-in-reply",
    "hops-limit",
    "wrong-direction",
    "unsolicited",
];
const SOMETIMES_ON_LINK: [&str; 3] = ["encapsulated-up", "rate-limited", "foreign-server"];
const SOMETIMES_ON_HOST: [&str; 5] = ["unicast", "acquired", "renewed", "rebound", "released"];

fn history(seed: u64, on_link: bool) -> World {
    let mut world = World::new(seed, on_link);
    let end = world.now + world.chance.within(secs(60), secs(1200));
    while world.now < end {
        let longest = world.chance.one_of(&[secs(1), secs(10), secs(100)]);
        let until = world.now + world.chance.within(ms(1), longest);
        world.run_until(until, |_| false);
        let reached = if world.all_bound() { "bound" } else { "lost" };
        world.watch.reached.insert(reached);
        match world.chance.below(10) {
            0 => world.change_weather(),
            1 => {
                world.restart();
                world.watch.reached.insert("restart");
            }
            _ => world.attack(),
        }
    }
    world.weather = Weather::FAIR;
    (world.own, world.servers) = (ip(OWN[0]), vec![ip(SERVER)]);
    world.place();
    // What is under way may take as long as the worst weather had it.
    let end = world.now + secs(600);
    world.run_until(end, World::all_bound);
    assert!(world.all_bound(), "without a lease after ten fair minutes: {:?}", world.clients);
    world
}

fn seeds(first: u64, count: u64, on_link: bool) -> BTreeSet<&'static str> {
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
            match catch_unwind(AssertUnwindSafe(|| history(seed, on_link))) {
                Ok(world) => here.extend(world.watch.reached.iter()),
                Err(_) => *failed.lock().unwrap() = Some(seed),
            }
        }
        reached.lock().unwrap().extend(here);
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    if let Some(seed) = failed.into_inner().unwrap() {
        panic!("seed {seed} failed; AGENT_SEED={seed} runs it alone");
    }
    reached.into_inner().unwrap()
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// `AGENT_SEED` runs one history alone; `AGENT_FIRST` and `AGENT_SEEDS` choose others, or more.
fn live(on_link: bool, more: &[&'static str]) {
    if let Some(seed) = number("AGENT_SEED") {
        history(seed, on_link);
        return;
    }
    let count = number("AGENT_SEEDS").unwrap_or(SEEDS);
    let reached = seeds(number("AGENT_FIRST").unwrap_or(0), count, on_link);
    let missing: Vec<_> = SOMETIMES.iter().chain(more).filter(|name| !reached.contains(*name)).collect();
    assert!(missing.is_empty() || count < SEEDS, "never reached: {missing:?}; reached {reached:?}");
}

#[test]
fn ten_thousand_histories_of_an_agent_on_a_link_keep_every_invariant_and_end_well() {
    live(true, &SOMETIMES_ON_LINK);
}

#[test]
fn ten_thousand_histories_of_an_agent_on_its_clients_host_keep_every_invariant_and_end_well() {
    live(false, &SOMETIMES_ON_HOST);
}
