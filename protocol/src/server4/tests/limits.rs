//! What one place, or one client, can take from others.

use super::*;

#[test]
fn a_place_has_so_many_leases_and_no_more_s46_41() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.leases_per_origin = 2;
    let mut bench = Bench::new(settings);
    let client = |number| Client::new(number).at(&format!("2001:db8:1:1::{number}"));
    let first = bench.lease(at(0.0), &client(1));
    bench.lease(at(0.0), &client(2));
    assert_eq!(bench.send(at(1.0), &client(3), &client(3).discover()), Err(Refused::LeaseLimit));
    let request = client(3).selecting(ip("192.0.2.150"));
    assert_eq!(bench.send(at(1.0), &client(3), &request), Err(Refused::LeaseLimit));
    assert!(bench.renew(at(1.0), &client(1), first).is_ok());
    assert_eq!(bench.offer(at(1.0), &client(1)), first);
    bench.lease(at(1.0), &client(4).at("2001:db8:1:2::1"));
    bench.send(at(2.0), &client(1), &client(1).release(first)).unwrap();
    bench.lease(at(3.0), &client(3));
    assert_eq!(bench.send(at(4.0), &client(1), &client(1).discover()), Err(Refused::LeaseLimit));
}

#[test]
fn leases_that_ran_out_and_offers_that_ended_count_no_more_s46_41() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.leases_per_origin = 1;
    let mut bench = Bench::new(settings);
    let client = |number| Client::new(number).at("2001:db8:1:1::1");
    bench.offer(at(0.0), &client(1));
    assert_eq!(bench.send(at(9.0), &client(2), &client(2).discover()), Err(Refused::LeaseLimit));
    bench.lease(at(10.0), &client(2));
    assert_eq!(bench.send(at(3609.0), &client(1), &client(1).discover()), Err(Refused::LeaseLimit));
    bench.lease(at(3610.0), &client(1));
}

#[test]
fn clients_behind_one_circuit_are_counted_together_if_configured_s46_41() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.leases_per_interface_id = 2;
    let mut bench = Bench::new(settings);
    let client = |number: u32, circuit| {
        Client::new(number).behind("2001:db8:9::1", Some(circuit)).at(&format!("fe80::{number}"))
    };
    let address = bench.lease(at(0.0), &client(1, b"a"));
    bench.lease(at(0.0), &client(2, b"a"));
    assert_eq!(bench.send(at(0.0), &client(3, b"a"), &client(3, b"a").discover()), Err(Refused::LeaseLimit));
    bench.lease(at(0.0), &client(3, b"b"));
    // A restart keeps count.
    let records: Vec<_> = bench.bindings().into_iter().map(Record::Lease4).collect();
    let mut again = Bench::new(bench.engine.settings.clone());
    records.iter().for_each(|record| again.engine.apply(record));
    assert_eq!(again.send(at(1.0), &client(4, b"a"), &client(4, b"a").discover()), Err(Refused::LeaseLimit));
    assert!(again.renew(at(1.0), &client(1, b"a"), address).is_ok());
}

#[test]
fn a_flood_of_identities_holds_a_part_of_a_pool_and_others_get_their_lease() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.offered_percent = 10;
    let mut bench = Bench::new(settings);
    for number in 1..500 {
        bench.offer(at(f64::from(number) / 1000.0), &Client::new(number));
        assert!(bench.engine.pools(at(0.0))[0].offered <= 10);
    }
    bench.lease(at(0.6), &Client::new(1000));
}

#[test]
fn the_last_addresses_are_kept_for_clients_that_had_a_lease_before() {
    let mut settings = settings("192.0.2.100", "192.0.2.109");
    settings.limits.known_percent = 20;
    let mut bench = Bench::new(settings);
    let old = bench.lease(at(0.0), &Client::new(1));
    for number in 2..=9 {
        bench.lease(at(4000.0), &Client::new(number));
    }
    let new = Client::new(10);
    assert_eq!(bench.send(at(4001.0), &new, &new.discover()), Err(Refused::PoolEmpty));
    assert!(bench.ask(at(4001.0), &new, &new.selecting(old)).is(MessageType::NAK));
    assert_eq!(bench.lease(at(4001.0), &Client::new(1)), old);
}

#[test]
fn a_client_can_decline_so_often_and_no_more() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.declines_per_hour = 3;
    let mut bench = Bench::new(settings);
    let client = Client::new(1);
    for n in 0..3 {
        let address = bench.lease(at(f64::from(n)), &client);
        assert_eq!(bench.send(at(f64::from(n)), &client, &client.decline(address)), Ok(None));
    }
    let address = bench.lease(at(10.0), &client);
    assert_eq!(bench.send(at(10.0), &client, &client.decline(address)), Err(Refused::RateLimited));
    assert_eq!(bench.binding(address).state, State::Bound);
    assert_eq!(bench.send(at(3600.0), &client, &client.decline(address)), Ok(None));
}

#[test]
fn changing_identities_does_not_allow_more_declines() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.declines_per_hour = 3;
    settings.limits.leases_per_origin = 2;
    let mut bench = Bench::new(settings);
    let mut declined = 0;
    for number in 1..40 {
        let client = Client::new(number).at("2001:db8:1:1::1");
        if let Ok(Some(got)) = bench.send(at(0.0), &client, &client.discover()) {
            bench.ask(at(0.0), &client, &client.selecting(got.yiaddr));
            declined += u32::from(bench.send(at(0.0), &client, &client.decline(got.yiaddr)).is_ok());
        }
    }
    assert_eq!(declined, 6);
}

#[test]
fn when_too_much_of_a_pool_rests_the_oldest_comes_back() {
    let mut settings = settings("192.0.2.100", "192.0.2.119");
    settings.limits.declined_percent = 10;
    let mut bench = Bench::new(settings);
    let mut declined = Vec::new();
    for number in 1..=4 {
        let client = Client::new(number);
        let address = bench.lease(at(f64::from(number)), &client);
        bench.send(at(f64::from(number)), &client, &client.decline(address)).unwrap();
        declined.push(address);
        assert!(bench.engine.pools(at(0.0))[0].declined <= 2);
    }
    let states: Vec<_> = declined.iter().map(|address| bench.binding(*address).state).collect();
    assert_eq!(states, [State::Released, State::Released, State::Declined, State::Declined]);
    let last = bench.journal.last().unwrap();
    assert_eq!(last.record, Record::Lease4(bench.binding(declined[1])));
}

#[test]
fn a_reservation_does_not_count_against_its_place() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.limits.leases_per_origin = 1;
    let client = |number| Client::new(number).at("2001:db8:1:1::1");
    let holder = Holder::ClientId(client(2).id.unwrap());
    settings.subnets[0].reservations =
        vec![Reservation { holder, address: ip("192.0.2.7"), options: vec![] }];
    let mut bench = Bench::new(settings);
    bench.lease(at(0.0), &client(1));
    assert_eq!(bench.lease(at(0.0), &client(2)), ip("192.0.2.7"));
    assert_eq!(bench.send(at(0.0), &client(3), &client(3).discover()), Err(Refused::LeaseLimit));
}
