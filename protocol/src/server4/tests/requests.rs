//! The four kinds of REQUEST.

use super::*;

const PREVIOUS: &str = "192.0.2.150";

#[test]
fn options_ciaddr_and_the_u_flag_tell_the_four_kinds_apart_s46_09() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    let count = |bench: &Bench| {
        [Done::Selecting, Done::InitReboot, Done::Renewing, Done::Rebinding].map(|done| bench.tally.of(done))
    };
    assert!(bench.ask(at(0.0), &client, &client.selecting(address)).is(MessageType::ACK));
    assert_eq!(count(&bench), [1, 0, 0, 0]);
    assert!(bench.ask(at(1.0), &client, &client.init_reboot(address)).is(MessageType::ACK));
    assert_eq!(count(&bench), [1, 1, 0, 0]);
    assert!(bench.renew(at(2.0), &client, address).unwrap().is(MessageType::ACK));
    assert_eq!(count(&bench), [1, 1, 1, 0]);
    assert!(bench.rebind(at(3.0), &client, address).unwrap().is(MessageType::ACK));
    assert_eq!(count(&bench), [1, 1, 1, 1]);
    let nothing = client.typed(MessageType::REQUEST, vec![]);
    assert_eq!(bench.send(at(4.0), &client, &nothing), Err(Refused::Malformed4));
}

#[test]
fn the_u_flag_means_nothing_where_it_cannot_be_s46_10() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let got = bench.send_u(at(0.0), &client, &client.discover(), true).unwrap().unwrap();
    assert!(got.is(MessageType::OFFER));
    let got = bench.send_u(at(0.0), &client, &client.selecting(got.yiaddr), true).unwrap().unwrap();
    assert!(got.is(MessageType::ACK));
}

#[test]
fn a_request_for_another_server_frees_the_offered_address_s46_27() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let (client, other) = (Client::new(1), Client::new(2));
    let address = bench.offer(at(0.0), &client);
    let mut message = client.selecting(address);
    message.options[1].1 = vec![203, 0, 113, 9];
    assert_eq!(bench.send(at(0.1), &client, &message), Err(Refused::OtherServer));
    assert_eq!(bench.offer(at(0.2), &other), address);
}

#[test]
fn a_request_that_cannot_be_met_is_refused_s46_28() {
    let mut bench = Bench::plain();
    let (client, other) = (Client::new(1), Client::new(2));
    let taken = bench.lease(at(0.0), &client);
    let offered = bench.offer(at(0.0), &client.clone().at("2001:db8:77::1"));
    for address in [taken, offered, ip("203.0.113.5"), ip("192.0.2.7"), ip("192.0.2.255")] {
        let got = bench.ask(at(1.0), &other, &other.selecting(address));
        assert!(got.is(MessageType::NAK), "{address}");
    }
    assert_eq!(bench.tally.of(Done::Nak), 5);
    assert_eq!(bench.bindings().len(), 1);
}

#[test]
fn an_offer_that_was_forgotten_can_still_be_taken() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    let got = bench.ask(at(300.0), &client, &client.selecting(address));
    assert!(got.is(MessageType::ACK) && got.yiaddr == address);
}

#[test]
fn a_reboot_elsewhere_or_with_a_wrong_address_is_refused_and_strangers_hear_nothing_s46_29() {
    let mut bench = Bench::plain();
    let (client, stranger) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    for wrong in ["203.0.113.5", PREVIOUS] {
        let got = bench.ask(at(1.0), &client, &client.init_reboot(ip(wrong)));
        assert!(got.is(MessageType::NAK), "{wrong}");
    }
    assert!(bench.ask(at(1.0), &stranger, &stranger.init_reboot(ip("203.0.113.5"))).is(MessageType::NAK));
    for there in [address, ip(PREVIOUS)] {
        let silence = bench.send(at(1.0), &stranger, &stranger.init_reboot(there));
        assert_eq!(silence, Err(Refused::UnknownClient));
    }
    assert!(bench.ask(at(9000.0), &client, &client.init_reboot(address)).is(MessageType::ACK));
}

#[test]
fn a_client_that_moved_keeps_its_address_where_its_subnet_serves_it_s46_20() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    // Each way to begin anew from another network takes the lease along, and there is never a second one.
    for (number, network) in ["2001:db8:77::1", "2001:db8:78::1", "2001:db8:79::1"].iter().enumerate() {
        let moved = client.clone().at(network);
        assert_eq!(bench.renew(at(1.0), &moved, address), Err(Refused::NotOwner));
        let got = match number {
            0 => bench.ask(at(2.0), &moved, &moved.init_reboot(address)),
            1 => bench.rebind(at(2.0), &moved, address).unwrap(),
            _ => {
                assert_eq!(bench.offer(at(2.0), &moved), address);
                bench.ask(at(2.0), &moved, &moved.selecting(address))
            }
        };
        assert!(got.is(MessageType::ACK), "{network}");
        assert!(bench.renew(at(3.0), &moved, address).unwrap().is(MessageType::ACK));
        assert_eq!(bench.renew(at(3.0), &client, address), Err(Refused::NotOwner));
        assert_eq!(bench.bindings().len(), 1);
    }
}

#[test]
fn a_client_that_two_relay_agents_hear_has_one_lease_s46_14() {
    let mut bench = Bench::plain();
    let client = Client::new(1).at("fe80::1");
    let [one, other] = [b"one", b"two"].map(|name| client.clone().behind("2001:db8:1::1", Some(name)));
    let address = bench.offer(at(0.0), &one);
    assert_eq!(bench.offer(at(0.1), &other), address);
    for (now, heard) in [(1.0, &one), (1.1, &other)] {
        assert!(bench.ask(at(now), heard, &heard.selecting(address)).is(MessageType::ACK));
    }
    assert_eq!(bench.bindings().len(), 1);
    // One of the two brings the renewal from where the lease is; the other is not heard, and refuses nothing.
    let renewed = [&one, &other].map(|heard| bench.renew(at(2.0), heard, address));
    assert_eq!(
        renewed.iter().filter(|got| got.as_ref().is_ok_and(|got| got.is(MessageType::ACK))).count(),
        1
    );
    assert!(renewed.contains(&Err(Refused::NotOwner)));
}

#[test]
fn renewals_of_strangers_are_not_answered_and_those_of_lost_addresses_refused_s46_30() {
    let mut bench = Bench::plain();
    let (client, stranger) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    for there in [address, ip(PREVIOUS), ip("203.0.113.5")] {
        assert_eq!(bench.renew(at(1.0), &stranger, there), Err(Refused::UnknownClient));
    }
    assert!(bench.renew(at(1.0), &client, ip(PREVIOUS)).unwrap().is(MessageType::NAK));
    // Another server's: our record says nothing of it.
    assert_eq!(bench.renew(at(1.0), &client, ip("203.0.113.5")), Err(Refused::UnknownClient));
    bench.engine.revoke(at(2.0), Slot4 { address, ports: None }).unwrap();
    assert!(bench.renew(at(3.0), &client, address).unwrap().is(MessageType::NAK));
    assert!(bench.rebind(at(3.0), &client, address).unwrap().is(MessageType::NAK));
}

#[test]
fn a_rebinding_is_granted_refused_or_left_to_others_s46_31() {
    let mut bench = Bench::plain();
    let (client, stranger) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    assert!(bench.rebind(at(1.0), &client, address).unwrap().is(MessageType::ACK));
    assert_eq!(bench.rebind(at(1.0), &stranger, ip(PREVIOUS)), Err(Refused::UnknownClient));
    assert!(bench.rebind(at(1.0), &stranger, ip("203.0.113.5")).unwrap().is(MessageType::NAK));
    assert!(bench.rebind(at(1.0), &stranger, address).unwrap().is(MessageType::NAK));
}

#[test]
fn a_lease_that_ran_out_can_be_extended_until_somebody_else_has_it() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let (client, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    assert!(bench.renew(at(4000.0), &client, address).unwrap().is(MessageType::ACK));
    bench.lease(at(8000.0), &other);
    assert_eq!(bench.renew(at(8001.0), &client, address), Err(Refused::UnknownClient));
    assert!(bench.rebind(at(8001.0), &client, address).unwrap().is(MessageType::NAK));
    assert!(bench.renew(at(8002.0), &other, address).unwrap().is(MessageType::ACK));
}

#[test]
fn every_acknowledgement_is_written_also_a_repeated_one_s46_34() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    for n in 1..5 {
        let before = bench.binding(address);
        bench.renew(at(f64::from(n)), &client, address).unwrap();
        let change = bench.journal.last().unwrap();
        assert_eq!(change.undo, Record::Lease4(before));
        assert_eq!(change.record, Record::Lease4(bench.binding(address)));
        assert_eq!(bench.journal.len(), 1 + usize::try_from(n).unwrap());
    }
}

#[test]
fn an_address_that_was_reserved_for_somebody_else_is_not_extended() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let mut bench = Bench::new(settings.clone());
    let (client, owner) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    let holder = Holder::ClientId(owner.id.clone().unwrap());
    settings.subnets[0].reservations = vec![Reservation { holder, address, options: vec![] }];
    bench.engine.configure(at(1.0), settings);
    assert!(bench.renew(at(2.0), &client, address).unwrap().is(MessageType::NAK));
    // It is the client's until its lease ends; then its owner gets it.
    assert_ne!(bench.offer(at(3.0), &owner), address);
    assert_ne!(bench.lease(at(4.0), &client), address);
    assert_eq!(bench.binding(address).state, State::Released);
    assert_eq!(bench.lease(at(4.0), &owner), address);
}

#[test]
fn leases_outside_the_new_subnets_stay_known_and_are_not_extended() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    let mut other = settings("192.0.2.100", "192.0.2.199");
    other.subnets = vec![subnet("198.18.0.0/24", vec![pool("198.18.0.10", "198.18.0.20")])];
    bench.engine.configure(at(1.0), other);
    assert_eq!(bench.bindings().len(), 1);
    assert!(bench.renew(at(2.0), &client, address).unwrap().is(MessageType::NAK));
    let new = bench.lease(at(3.0), &client);
    assert!((ip("198.18.0.10")..=ip("198.18.0.20")).contains(&new));
    assert_eq!(bench.binding(address).state, State::Released);
}

#[test]
fn a_smaller_pool_takes_no_lease_away() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    bench.engine.configure(at(1.0), settings("192.0.2.150", "192.0.2.199"));
    assert!(bench.renew(at(2.0), &client, address).unwrap().is(MessageType::ACK));
    bench.send(at(3.0), &client, &client.release(address)).unwrap();
    assert_ne!(bench.offer(at(4.0), &client), address);
}
