//! Ten thousand histories of a provider and its subscribers, each with faults, and then with none.

use crate::desk::{settings_at_67, subnet};
use crate::main_path::{provider, stateful, subscriber};
use crate::model::net::Weather;
use crate::model::{ms, secs};
use crate::world::World;
use crate::world::plain::{Plain, Route};
use crate::world::topology::{LINKS, SERVER};
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::role::server::EngineSettings;
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::server4::settings::Limits;
use dhcp4o6_protocol::time::Lifetime;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const SEEDS: u64 = 10_000;

/// What at least one of the histories must have lived through.
const SOMETIMES: [&str; 25] = [
    "offer",
    "ack",
    "nak",
    "relayed-up",
    "relayed-down",
    "storage-degraded",
    "storage-restored",
    "no-storage",
    "malformed4",
    "malformed6",
    "malformed-relay",
    "opt82-from-client",
    "rate-limited",
    "unsupported4",
    "pool-empty",
    "not-owner",
    "unknown-client",
    "relay-refused",
    "binding-added",
    "binding-removed",
    "op-unsupported",
    "source-refused",
    "mcast-dst",
    "wrong-dst",
    "bad-option",
];

/// A provider whose settings the seed chooses, with three to six subscribers.
fn world(seed: u64) -> World {
    let mut chance = crate::model::chance::Chance::seeded(seed ^ 0x5eed);
    let mut settings = provider();
    let managed = chance.happens(0.3);
    if managed {
        stateful(&mut settings);
    }
    if chance.happens(0.3) {
        settings.dhcp6.as_mut().unwrap().options.servers_4o6 = Some(vec![SERVER.parse().unwrap()]);
    }
    let count = 3 + chance.below(4);
    let plain = chance.below(4);
    let tsv = settings_at_67().tsv.unwrap();
    let (addresses, accept_from) = (vec![SERVER.parse().unwrap()], vec!["2001:db8:20::/48".parse().unwrap()]);
    settings.tsv = Some(TsvSettings { addresses, accept_from, ..tsv });
    let EngineSettings::Builtin(four) = &mut settings.engine else { unreachable!() };
    let mut only = subnet("192.0.2.0/24", [192, 0, 2, 10], [192, 0, 2, 209]);
    if chance.happens(0.4) {
        // Hardly more addresses than subscribers.
        only.pools[0].last = [192, 0, 2, 10 + u8::try_from(count).unwrap()].into();
        four.limits = Limits { offered_percent: 100, known_percent: 0, ..Limits::default() };
    }
    only.times.default = chance.one_of(&[Lifetime(120), Lifetime(600), Lifetime(3600)]);
    four.limits.leases_per_origin = 0;
    only.pools[0].last = Ipv4Addr::from_bits(only.pools[0].last.to_bits() + u32::try_from(plain).unwrap());
    four.rapid_commit = chance.happens(0.3);
    four.subnets = vec![only];
    let mut world = World::new(seed, settings);
    world.center.longest_write = chance.one_of(&[ms(0), ms(5), ms(200), ms(5000)]);
    world.weather = weather(&mut world);
    for number in 0..count {
        let rapid = chance.happens(0.3);
        let host = subscriber(&mut world, number % LINKS, managed);
        world.host(host).settings.dhcp4.rapid_commit = rapid;
    }
    for number in 0..plain {
        // Some share an agent.
        let agent = agent(number / 2, 0);
        let route = if world.chance.happens(0.3) { Route::Tra } else { Route::Direct };
        world.add_plain(agent, route);
    }
    world
}

/// An address of an agent: another one is in another /64.
fn agent(number: usize, renumbered: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0x20, renumbered, 0, 0, 0, u16::try_from(number + 0x18).unwrap())
}

fn weather(world: &mut World) -> Weather {
    let chance = &mut world.chance;
    Weather {
        loss: chance.one_of(&[0.0, 0.0, 0.1, 0.3]),
        duplicates: chance.one_of(&[0.0, 0.0, 0.2]),
        damage: 0.0,
        latency: chance.one_of(&[(ms(1), ms(20)), (ms(1), ms(2)), (ms(100), ms(3000))]),
        stragglers: chance.one_of(&[0.0, 0.0, 0.1]),
    }
}

fn fault(world: &mut World, hosts: usize) {
    match world.chance.below(15) {
        0 => world.weather = weather(world),
        1 | 2 => {
            let span = world.chance.within(ms(1), secs(30));
            world.kill_server(span);
        }
        3 => world.break_disk(true),
        4 | 5 => world.break_disk(false),
        6 => {
            let longest = world.chance.one_of(&[ms(0), ms(5), ms(200), ms(5000)]);
            world.center.longest_write = longest;
        }
        7 => {
            let count = world.chance.one_of(&[1, 10, 100]);
            world.attack(count);
        }
        8 => {
            let host = world.chance.below(hosts);
            let command = world.chance.one_of(&[Command::Renew, Command::Rebind, Command::Restart]);
            world.command(host, command);
        }
        9 => {
            // Not before all copies of the RELEASE have arrived: a server cannot tell a late one from a new one.
            let host = world.chance.below(hosts);
            world.command(host, Command::Release);
            world.command_later(host, secs(20), Command::Start);
        }
        12 | 13 if !world.plain().is_empty() => {
            let number = world.chance.below(world.plain().len());
            world.with_plain(number, Plain::release);
        }
        14 if !world.plain().is_empty() => {
            let number = world.chance.below(world.plain().len());
            let agent = agent(number / 2, u16::from(world.chance.octet() % 4));
            world.with_plain(number, |plain, now, chance| plain.renumber(now, agent, chance));
        }
        10 => {
            let host = world.chance.below(hosts);
            let pause = world.chance.within(ms(1), secs(5));
            world.with_host(host, |net, _| net.kill(pause));
        }
        _ => {
            let host = world.chance.below(hosts);
            let pause = world.chance.within(ms(1), secs(60));
            world.with_host(host, |net, now| net.kernel.set_carrier(now, false));
            world.run_for(pause);
            world.with_host(host, |net, now| net.kernel.set_carrier(now, true));
        }
    }
}

fn history(mut world: World) -> World {
    let hosts = world.hosts().count();
    let end = world.now + world.chance.within(secs(600), secs(3600));
    while world.now < end {
        let longest = world.chance.one_of(&[secs(2), secs(30), secs(300)]);
        let pause = world.chance.within(ms(1), longest);
        world.run_for(pause);
        world.check_tunnels();
        fault(&mut world, hosts);
    }
    world.weather = Weather::FAIR;
    world.center.longest_write = ms(5);
    world.break_disk(false);
    world.run_for(secs(60));
    for host in 0..hosts {
        world.command(host, Command::Start);
    }
    // Retransmissions may be as far apart as 64 seconds; a client that lost its permit asks again within an hour.
    world.run_until(Duration::from_secs(2 * 3600), World::all_bound);
    world.check_tunnels();
    world
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
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
            match catch_unwind(AssertUnwindSafe(|| history(world(seed)))) {
                Ok(world) => here.extend(world.witness.reached.iter()),
                Err(_) => *failed.lock().unwrap() = Some(seed),
            }
        }
        reached.lock().unwrap().extend(here);
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    if let Some(seed) = failed.into_inner().unwrap() {
        panic!("seed {seed} failed; PROVIDER_SEED={seed} runs it alone");
    }
    reached.into_inner().unwrap()
}

/// `PROVIDER_SEED` runs one history alone; `PROVIDER_FIRST` and `PROVIDER_SEEDS` choose others, or more.
#[test]
fn ten_thousand_histories_keep_every_invariant_and_end_well() {
    if let Some(seed) = number("PROVIDER_SEED") {
        history(world(seed));
        return;
    }
    let count = number("PROVIDER_SEEDS").unwrap_or(SEEDS);
    let reached = seeds(number("PROVIDER_FIRST").unwrap_or(0), count);
    let missing: Vec<_> = SOMETIMES.iter().filter(|name| !reached.contains(*name)).collect();
    assert!(missing.is_empty() || count < SEEDS, "never reached: {missing:?}; reached {reached:?}");
}
