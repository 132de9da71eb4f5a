//! Many subscribers, long times, and floods.

use crate::desk::{discover, query, relayed, subnet};
use crate::main_path::{provider, subscriber, subscribers};
use crate::model::net::Weather;
use crate::model::{hours, ms, secs};
use crate::world::topology::{LINKS, SERVER};
use crate::world::witness::stranger;
use crate::world::{Parcel, World, attack};
use dhcp4o6_protocol::binding::State;
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::provider::Port;
use dhcp4o6_protocol::role::server::EngineSettings;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::Lifetime;
use dhcp4o6_protocol::view::{After, Lease};
use std::collections::BTreeSet;
use std::net::SocketAddrV6;

const CLIENTS: usize = 200;

#[test]
fn a_month_of_200_subscribers_with_a_restart_every_day() {
    let mut settings = provider();
    let EngineSettings::Builtin(four) = &mut settings.engine else { unreachable!() };
    let mut only = subnet("192.0.2.0/23", [192, 0, 2, 10], [192, 0, 3, 29]);
    (only.times.default, only.times.max) = (Lifetime(8 * 3600), Lifetime(8 * 3600));
    four.subnets = vec![only];
    four.limits.offered_percent = 100;
    let mut world = World::new(4, settings);
    world.weather = Weather { loss: 0.02, duplicates: 0.02, ..Weather::FAIR };
    for number in 0..CLIENTS {
        subscriber(&mut world, number % LINKS, false);
        world.run_for(ms(100));
    }
    world.run_until(secs(300), World::all_bound);
    let addresses: Vec<_> = world.hosts().map(|host| host.address().unwrap()).collect();
    assert_eq!(addresses.iter().collect::<BTreeSet<_>>().len(), CLIENTS);
    let mut renewed = 0;
    for day in 1..=30 {
        world.run_for(hours(24));
        let tally = world.center.server.as_ref().unwrap().tally();
        renewed += tally.of(Done::Renewing);
        assert_eq!((tally.of(Done::Nak), tally.of(Done::Rebinding)), (0, 0), "day {day}");
        let now: Vec<_> = world.hosts().map(|host| host.address().unwrap()).collect();
        assert_eq!(now, addresses, "day {day}");
        // Some leave and come back.
        world.command(day, Command::Release);
        world.run_for(secs(60));
        world.command(day, Command::Start);
        world.run_until(secs(300), everybody_has_an_address);
        world.kill_server(secs(2));
    }
    assert!(renewed > 200 * 30 * 5, "{renewed}");
    let leases = world.center.server.as_ref().map_or_else(Vec::new, |s| s.leases(After::Start, 10_000));
    assert!(leases.len() <= CLIENTS, "{} slots for {CLIENTS} clients", leases.len());
}

fn everybody_has_an_address(world: &World) -> bool {
    world.hosts().all(|host| host.address().is_some())
}

/// Addresses on offer and leased at the server.
fn taken(world: &World) -> (u64, usize) {
    let server = world.center.server.as_ref().unwrap();
    let offered = server.pools(world.now).iter().map(|pool| pool.offered).sum();
    let bound = |lease: &Lease| matches!(lease, Lease::V4(binding) if binding.state == State::Bound);
    (offered, server.leases(After::Start, 10_000).iter().filter(|lease| bound(lease)).count())
}

#[test]
fn others_get_their_lease_while_100_000_forged_clients_ask() {
    let mut world = World::new(5, provider());
    world.run_for(secs(1));
    let mut number = 0_u32;
    for second in 0..100 {
        if second == 20 {
            subscribers(&mut world, false);
        }
        for _ in 0..100 {
            for _ in 0..10 {
                number += 1;
                let payload = query(0, &discover().by(number).emit());
                world.inject(attack::parcel(u64::from(number), payload));
            }
            world.run_for(ms(10));
        }
        let (offered, bound) = taken(&world);
        assert!(offered <= 20, "{offered} of 200 addresses on offer");
        assert!(bound <= 3, "{bound} leases");
        assert!(second < 40 || world.all_bound(), "second {second}");
    }
    assert_eq!(number, 100_000);
    // When it is over nothing is left of it.
    world.run_for(secs(60));
    assert_eq!(taken(&world), (0, 3));
}

#[test]
fn others_get_their_lease_while_one_source_floods() {
    let mut world = World::new(6, provider());
    world.run_for(secs(1));
    let payload = query(0, &discover().by(1).emit());
    let before = world.center.server.as_ref().unwrap().tally().of(Done::Query);
    for second in 0..30 {
        if second == 5 {
            subscribers(&mut world, false);
        }
        for _ in 0..100 {
            for _ in 0..20 {
                world.inject(attack::parcel(1, payload.clone()));
            }
            world.run_for(ms(10));
        }
    }
    assert!(world.all_bound());
    let heard = world.center.server.as_ref().unwrap().tally().of(Done::Query) - before;
    // Two messages of each subscriber, and what one source may have in 30 seconds: 40 and 20 a second.
    assert!(heard <= 3 * 2 + 40 + 30 * 20 + 2, "{heard} of 60,000");
    assert!(world.center.refusals > 59_000, "{}", world.center.refusals);
}

#[test]
fn forged_clients_behind_one_customers_interface_leave_the_others_alone() {
    let mut world = World::new(7, provider());
    world.run_for(secs(1));
    let from: SocketAddrV6 = "[2001:db8:100::a]:10547".parse().unwrap();
    for number in 0..20_000_u32 {
        if number == 5_000 {
            subscribers(&mut world, false);
        }
        let client = query(0, &discover().by(number).emit());
        let peer = stranger(u64::from(number)).to_string();
        let payload = relayed(0, "2001:db8:10:1::1", &peer, Some(b"customer-66"), &client);
        let to = SERVER.parse().unwrap();
        world.inject(Parcel { interface: 2, via: Port::Dhcp6, from, to, payload });
        world.run_for(ms(1));
    }
    assert!(world.all_bound());
    let heard = world.center.server.as_ref().unwrap().tally().of(Done::Query);
    assert!(heard <= 400 + 20 * 200 + 10, "{heard} of 20,000");
}
