//! From DISCOVER to ACK and to the end of a lease.

use super::*;

#[test]
fn a_client_gets_an_offer_then_the_lease() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.lease(at(10.0), &client);
    assert!((ip("192.0.2.100")..=ip("192.0.2.199")).contains(&address));
    let [change] = bench.journal.as_slice() else { panic!("one change") };
    assert_eq!(change.record, Record::Lease4(bench.binding(address)));
    assert_eq!(change.undo, Record::Gone4(Slot4 { address, ports: None }));
    let binding = bench.binding(address);
    assert_eq!(binding.client, client.key());
    assert_eq!((binding.state, binding.changed_at), (State::Bound, at(10.0)));
    assert_eq!(binding.expires_at, Some(at(3610.0)));
    assert_eq!(binding.source, client.source);
}

#[test]
fn clients_are_told_apart_by_option_61_before_the_hardware_address_s46_20() {
    let mut bench = Bench::plain();
    let one = Client::new(1);
    let other_id = Client { id: Client::new(2).id, ..one.clone() };
    let other_hardware = Client { hardware: vec![2, 0, 0, 0, 0, 99], ..one.clone() };
    let address = bench.lease(at(0.0), &one);
    assert_ne!(bench.lease(at(1.0), &other_id), address);
    assert_eq!(bench.lease(at(2.0), &other_hardware), address);
    assert_eq!(bench.bindings().len(), 2);
}

#[test]
fn without_option_61_the_hardware_address_tells_clients_apart_s46_20() {
    let mut bench = Bench::plain();
    let one = Client { id: None, ..Client::new(1) };
    let other = Client { id: None, ..Client::new(2) };
    let address = bench.lease(at(0.0), &one);
    assert_ne!(bench.lease(at(0.0), &other), address);
    assert_eq!(bench.binding(address).client, ClientKey::Hardware(1, one.hardware.clone()));
    let nobody = Client { id: None, hardware: Vec::new(), ..Client::new(3) };
    assert_eq!(bench.send(at(0.0), &nobody, &nobody.discover()), Err(Refused::Malformed4));
}

#[test]
fn a_discover_gets_current_then_previous_then_requested_then_any_address_s46_22() {
    let mut bench = Bench::plain();
    let [current, previous, requesting, new] = [1, 2, 3, 4].map(Client::new);
    let held = bench.lease(at(0.0), &current);
    assert_eq!(bench.offer(at(10.0), &current), held);

    let before = bench.lease(at(0.0), &previous);
    bench.send(at(5.0), &previous, &previous.release(before)).unwrap();
    let wish = |address| vec![address_option(code::REQUESTED_ADDRESS, address)];
    let free = ip("192.0.2.150");
    let got = bench.ask(at(10.0), &previous, &previous.discover_with(wish(free)));
    assert_eq!(got.yiaddr, before);

    let got = bench.ask(at(10.0), &requesting, &requesting.discover_with(wish(free)));
    assert_eq!(got.yiaddr, free);
    for taken in [held, free, ip("192.0.2.99"), ip("203.0.113.1"), ip("192.0.2.255")] {
        let got = bench.ask(at(10.0), &new, &new.discover_with(wish(taken)));
        assert_ne!(got.yiaddr, taken);
    }
}

#[test]
fn an_offered_address_is_held_for_its_client_s46_23() {
    let mut settings = settings("192.0.2.100", "192.0.2.100");
    settings.offer_hold = Duration::from_secs(60);
    let mut bench = Bench::new(settings);
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.offer(at(0.0), &one);
    assert_eq!(bench.send(at(59.9), &other, &other.discover()), Err(Refused::PoolEmpty));
    assert_eq!(bench.offer(at(60.0), &other), address);
}

#[test]
fn a_repeated_discover_gets_the_same_address_and_one_lease_s46_14() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    assert_eq!(bench.offer(at(0.5), &client), address);
    assert_eq!(bench.engine.pools(at(0.5))[0].offered, 1);
    for now in [1.0, 1.1] {
        assert!(bench.ask(at(now), &client, &client.selecting(address)).is(MessageType::ACK));
    }
    assert_eq!(bench.bindings().len(), 1);
    assert_eq!(bench.journal.len(), 2);
}

#[test]
fn an_offer_is_not_written() {
    let mut bench = Bench::plain();
    bench.offer(at(0.0), &Client::new(1));
    assert!(bench.journal.is_empty() && bench.bindings().is_empty());
}

#[test]
fn a_released_address_is_free_and_remembered_s46_32() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &one);
    assert_eq!(bench.send(at(5.0), &one, &one.release(address)), Ok(None));
    let binding = bench.binding(address);
    assert_eq!((binding.state, binding.expires_at), (State::Released, Some(at(5.0))));
    assert_eq!(bench.journal.last().unwrap().record, Record::Lease4(binding));
    assert_eq!(bench.tally.of(Done::Release), 1);
    assert_eq!(bench.lease(at(6.0), &other), address);
}

#[test]
fn a_release_needs_our_identifier_its_client_and_its_place_s46_32() {
    let mut bench = Bench::plain();
    let one = Client::new(1);
    let address = bench.lease(at(0.0), &one);
    let stranger = Client { source: one.source, ..Client::new(2) };
    let elsewhere = Client { source: ip6("2001:db8:99::1"), ..one.clone() };
    for (who, expected) in [(&stranger, Refused::NotOwner), (&elsewhere, Refused::NotOwner)] {
        assert_eq!(bench.send(at(1.0), who, &who.release(address)), Err(expected));
        assert_eq!(bench.send(at(1.0), who, &who.decline(address)), Err(expected));
    }
    let mut foreign = one.release(address);
    foreign.options[1].1 = vec![192, 0, 2, 7];
    assert_eq!(bench.send(at(1.0), &one, &foreign), Err(Refused::OtherServer));
    foreign.options.remove(1);
    assert_eq!(bench.send(at(1.0), &one, &foreign), Err(Refused::OtherServer));
    assert_eq!(bench.send(at(1.0), &one, &one.release(ip("192.0.2.7"))), Err(Refused::NotOwner));
    assert_eq!(bench.binding(address).state, State::Bound);
}

#[test]
fn a_declined_address_rests_and_is_told_of_s46_32() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.101"));
    let [one, other, third] = [1, 2, 3].map(Client::new);
    let address = bench.lease(at(0.0), &one);
    assert_eq!(bench.send(at(5.0), &one, &one.decline(address)), Ok(None));
    assert_eq!(bench.notices, [Notice::Declined(address)]);
    assert_eq!(bench.binding(address).expires_at, Some(at(86_405.0)));
    assert_eq!(bench.engine.pools(at(5.0))[0].declined, 1);
    let second = bench.lease(at(6.0), &one);
    assert_ne!(second, address);
    assert_eq!(bench.send(at(7.0), &other, &other.discover()), Err(Refused::PoolEmpty));
    bench.send(at(8.0), &one, &one.release(second)).unwrap();
    assert_eq!(bench.lease(at(9.0), &third), second);
    for now in [9.0, 4_000.0, 86_404.9] {
        let wish = other.discover_with(vec![address_option(code::REQUESTED_ADDRESS, address)]);
        if let Ok(Some(got)) = bench.send(at(now), &other, &wish) {
            assert_ne!(got.yiaddr, address);
        }
    }
    let late = Client::new(4);
    let wish = late.discover_with(vec![address_option(code::REQUESTED_ADDRESS, address)]);
    assert_eq!(bench.ask(at(86_405.0), &late, &wish).yiaddr, address);
}

#[test]
fn an_exhausted_pool_is_silent_and_said_and_no_lease_is_taken_away_s46_38() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &one);
    assert_eq!(bench.send(at(3599.0), &other, &other.discover()), Err(Refused::PoolEmpty));
    assert_eq!(bench.notices, [Notice::PoolEmpty("192.0.2.0/24".to_owned())]);
    assert_eq!(bench.lease(at(3600.0), &other), address);
}

#[test]
fn an_expired_lease_is_remembered_for_its_client_while_others_are_free_s46_42() {
    let mut bench = Bench::plain();
    let one = Client::new(1);
    let address = bench.lease(at(0.0), &one);
    for number in 2..=100 {
        assert_ne!(bench.lease(at(5000.0), &Client::new(number)), address);
    }
    assert_eq!(bench.lease(at(5001.0), &one), address);
}

#[test]
fn the_address_unused_for_longest_is_given_first_s46_42() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.102"));
    let first = bench.lease(at(0.0), &Client::new(1));
    let second = bench.lease(at(1.0), &Client::new(2));
    let third = bench.lease(at(2.0), &Client::new(3));
    bench.send(at(3.0), &Client::new(2), &Client::new(2).release(second)).unwrap();
    assert_eq!(bench.lease(at(4000.0), &Client::new(4)), second);
    assert_eq!(bench.lease(at(4000.0), &Client::new(5)), first);
    assert_eq!(bench.lease(at(4000.0), &Client::new(6)), third);
}

#[test]
fn a_client_gets_the_same_address_from_a_server_that_forgot_everything() {
    let addresses: Vec<_> =
        (1..50).map(|number| Bench::plain().lease(at(0.0), &Client::new(number))).collect();
    let again: Vec<_> = (1..50).map(|number| Bench::plain().lease(at(9.0), &Client::new(number))).collect();
    assert_eq!(addresses, again);
    let different: BTreeSet<_> = addresses.into_iter().collect();
    assert!(different.len() > 25, "{} addresses for 49 clients", different.len());
}

#[test]
fn addresses_that_no_client_can_have_are_never_offered_s46_39() {
    for (prefix, first, last, usable) in [
        ("192.0.2.0/29", "192.0.2.0", "192.0.2.7", 6),
        ("192.0.2.0/31", "192.0.2.0", "192.0.2.1", 2),
        ("192.0.2.9/32", "192.0.2.9", "192.0.2.9", 1),
        ("0.0.0.0/7", "0.255.255.250", "1.0.0.3", 4),
        ("126.0.0.0/7", "126.255.255.254", "127.0.0.9", 2),
        ("169.254.0.0/16", "169.254.1.1", "169.254.1.9", 0),
        ("224.0.0.0/24", "224.0.0.1", "224.0.0.9", 0),
        ("198.51.100.0/30", "198.51.100.0", "198.51.100.3", 1),
        ("10.0.0.0/15", "10.0.255.254", "10.1.0.1", 4),
    ] {
        let mut settings = settings("192.0.2.1", "192.0.2.1");
        settings.subnets = vec![subnet(prefix, vec![pool(first, last)])];
        let mut bench = Bench::new(settings);
        assert_eq!(bench.engine.pools(at(0.0))[0].size, usable, "{prefix}");
        let mut given = BTreeSet::new();
        for number in 1..=u32::try_from(usable).unwrap() {
            given.insert(bench.lease(at(0.0), &Client::new(number)));
        }
        assert_eq!(given.len(), usize::try_from(usable).unwrap());
        let late = Client::new(1000);
        assert_eq!(bench.send(at(0.0), &late, &late.discover()), Err(Refused::PoolEmpty), "{prefix}");
    }
}

#[test]
fn other_message_types_are_refused_s46_43() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    for kind in [MessageType::OFFER, MessageType::ACK, MessageType::NAK, MessageType(10), MessageType(200)] {
        assert_eq!(bench.send(at(0.0), &client, &client.typed(kind, vec![])), Err(Refused::Unsupported4));
    }
    let reply = Outgoing { op: BOOTREPLY, ..client.discover() };
    assert_eq!(bench.send(at(0.0), &client, &reply), Err(Refused::OpUnsupported));
}

#[test]
fn with_rapid_commit_a_discover_is_acknowledged_at_once_s46_36() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let client = Client::new(1);
    let rapid = |list: Vec<u8>| {
        client.discover_with(vec![(code::RAPID_COMMIT, vec![]), (code::PARAMETER_REQUEST, list)])
    };
    let mut bench = Bench::new(settings.clone());
    assert!(bench.ask(at(0.0), &client, &rapid(vec![1])).is(MessageType::OFFER));
    settings.rapid_commit = true;
    let mut bench = Bench::new(settings);
    let got = bench.ask(at(0.0), &client, &client.discover());
    assert!(got.is(MessageType::OFFER) && got.option(code::RAPID_COMMIT).is_none());
    for list in [vec![code::IPV6_ONLY_PREFERRED], vec![code::S46_SOURCE]] {
        assert!(bench.ask(at(0.0), &client, &rapid(list)).is(MessageType::OFFER));
    }
    let got = bench.ask(at(0.0), &client, &rapid(vec![1]));
    assert!(got.is(MessageType::ACK));
    assert_eq!(got.option(code::RAPID_COMMIT), Some(&[][..]));
    assert_eq!(bench.binding(got.yiaddr).client, client.key());
    assert_eq!((bench.journal.len(), bench.tally.of(Done::RapidCommit)), (1, 1));
    assert_eq!(bench.engine.pools(at(0.0))[0].offered, 0);
}

#[test]
fn bootp_is_answered_from_reservations_only_s46_44() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let client = Client { id: None, ..Client::new(1) };
    settings.subnets[0].options = vec![address_option(code::ROUTER, ip("192.0.2.1"))];
    settings.subnets[0].reservations = vec![Reservation {
        holder: Holder::Hardware(1, client.hardware.clone()),
        address: ip("192.0.2.7"),
        options: vec![],
    }];
    let mut bench = Bench::new(settings);
    let other = Client { id: None, ..Client::new(2) };
    assert_eq!(bench.send(at(0.0), &other, &other.message(vec![])), Err(Refused::UnknownClient));
    let got = bench.ask(at(0.0), &client, &client.message(vec![]));
    assert_eq!((got.kind, got.yiaddr), (None, ip("192.0.2.7")));
    assert_eq!(got.option(code::LEASE_TIME), None);
    assert_eq!(got.option(code::ROUTER), Some(&[192, 0, 2, 1][..]));
    assert_eq!(bench.binding(ip("192.0.2.7")).expires_at, None);
    assert_eq!(bench.tally.of(Done::Bootp), 1);
}

#[test]
fn an_inform_is_answered_without_a_lease_s46_33() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let got = bench.ask(at(0.0), &client, &client.inform(ip("192.0.2.7")));
    assert!(got.is(MessageType::ACK));
    assert_eq!(got.yiaddr, Ipv4Addr::UNSPECIFIED);
    for code in [code::LEASE_TIME, code::RENEWAL_TIME, code::REBINDING_TIME] {
        assert_eq!(got.option(code), None);
    }
    assert!(bench.bindings().is_empty() && bench.journal.is_empty());
}

#[test]
fn a_host_name_is_kept_up_to_255_octets_and_survives_a_renewal_without_one() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = bench.offer(at(0.0), &client);
    let mut message = client.selecting(address);
    message.options.push((code::HOST_NAME, vec![b'a'; 300]));
    bench.ask(at(0.0), &client, &message);
    assert_eq!(bench.binding(address).host_name.len(), 255);
    bench.renew(at(10.0), &client, address).unwrap();
    assert_eq!(bench.binding(address).host_name.len(), 255);
}

#[test]
fn while_nothing_can_be_stored_leases_are_confirmed_as_they_are_stored() {
    let mut bench = Bench::plain();
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &one);
    let before = bench.bindings();
    bench.may_grant = false;
    let got = bench.renew(at(1000.0), &one, address).unwrap();
    assert!(got.is(MessageType::ACK));
    assert_eq!(got.seconds(code::LEASE_TIME), Some(2600));
    assert!(bench.ask(at(2000.0), &one, &one.init_reboot(address)).is(MessageType::ACK));
    assert_eq!(bench.send(at(2000.0), &other, &other.discover()), Err(Refused::NoStorage));
    assert_eq!(bench.send(at(2000.0), &other, &other.selecting(ip("192.0.2.150"))), Err(Refused::NoStorage));
    assert_eq!(bench.send(at(2000.0), &one, &one.release(address)), Err(Refused::NoStorage));
    assert_eq!(bench.send(at(2000.0), &one, &one.decline(address)), Err(Refused::NoStorage));
    assert_eq!(bench.renew(at(3600.0), &one, address), Err(Refused::NoStorage));
    assert_eq!((bench.bindings(), bench.journal.len()), (before, 1));
}
