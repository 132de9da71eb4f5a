//! What operators see and do.

use super::*;
use crate::ids::Duid;
use crate::view::{Impossible, Question};

fn id_of(client: &Client) -> Holder {
    Holder::ClientId(client.id.clone().unwrap())
}

fn question(client: &Client) -> Question {
    Question {
        source: Some(client.source),
        interface: Some(client.interface.clone()),
        client_id: client.id.clone(),
        ..Question::default()
    }
}

#[test]
fn a_question_is_answered_as_the_query_would_be() {
    let mut bench = Bench::plain();
    for number in 1..20 {
        let client = Client::new(number);
        let selection = bench.engine.select(at(0.0), &question(&client));
        assert_eq!(selection.subnet.as_deref(), Some("192.0.2.0/24"));
        let address = bench.offer(at(0.0), &client);
        assert_eq!(selection.address, Some(Slot4 { address, ports: None }));
        if number % 2 == 0 {
            bench.lease(at(1.0), &client);
        }
        assert_eq!(bench.engine.select(at(2.0), &question(&client)).address, selection.address);
    }
    let steps = bench.engine.select(at(2.0), &question(&Client::new(2))).steps;
    assert_eq!(steps.last().map(|(rule, _)| rule.as_str()), Some("lease"), "{steps:?}");
}

#[test]
fn the_steps_of_an_answer_say_what_was_looked_at() {
    let mut settings = settings("192.0.2.100", "192.0.2.100");
    settings.subnets[0].serves.interfaces = vec!["lan0".to_owned()];
    let mut bench = Bench::new(settings);
    bench.lease(at(0.0), &Client::new(1));
    let late = Client::new(2);
    let selection = bench.engine.select(at(0.0), &question(&late));
    assert_eq!(selection.address, None);
    let steps: Vec<_> = selection.steps.iter().map(|(rule, what)| format!("{rule}: {what}")).collect();
    assert!(steps.contains(&"source: 2001:db8:0:2::1: no subnet".to_owned()), "{steps:?}");
    assert!(steps.contains(&"interface: lan0: 192.0.2.0/24".to_owned()), "{steps:?}");
    assert_eq!(steps.last().unwrap(), "address unused for longest: none");
    let elsewhere = Question { interface: Some("lan9".to_owned()), ..question(&late) };
    assert_eq!(bench.engine.select(at(0.0), &elsewhere).subnet, None);
    assert!(bench.engine.select(at(0.0), &Question::default()).subnet.is_some());
}

#[test]
fn a_revoked_lease_is_free_and_its_client_refused() {
    let mut bench = Bench::new(settings("192.0.2.100", "192.0.2.100"));
    let (client, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &client);
    let slot = Slot4 { address, ports: None };
    let before = bench.binding(address);
    let change = bench.engine.revoke(at(1.0), slot).unwrap();
    assert_eq!(change.undo, Record::Lease4(before));
    assert_eq!(bench.engine.revoke(at(1.0), slot), Err(Impossible::NoLease(address.into())));
    assert!(bench.renew(at(2.0), &client, address).unwrap().is(MessageType::NAK));
    assert!(bench.ask(at(2.0), &client, &client.init_reboot(address)).is(MessageType::NAK));
    assert_eq!(bench.lease(at(3.0), &other), address);
}

#[test]
fn reservations_go_by_identifier_duid_circuit_and_hardware() {
    let mut bench = Bench::plain();
    let by_id = Client::new(1);
    let by_duid = Client::new(2);
    let by_circuit =
        Client::new(3).behind("2001:db8:9::1", Some(b"port 3")).behind("2001:db8:9::2", Some(b"x"));
    let by_hardware = Client { id: None, ..Client::new(4) };
    let duid = Duid::new(by_duid.id.clone().unwrap()[5..].to_vec()).unwrap();
    let holders = [
        id_of(&by_id),
        Holder::Duid(duid),
        Holder::Circuit(b"port 3".to_vec()),
        Holder::Hardware(1, by_hardware.hardware.clone()),
    ];
    let address = |n: usize| Ipv4Addr::new(192, 0, 2, u8::try_from(n + 7).unwrap());
    for (n, holder) in holders.iter().enumerate() {
        let change = bench.engine.reserve(at(0.0), address(n), holder.clone()).unwrap();
        assert_eq!(change.undo, Record::Unreserve4 { address: address(n) });
    }
    assert_eq!(bench.engine.reserved().count(), 4);
    for (n, client) in [by_id, by_duid, by_circuit, by_hardware].iter().enumerate() {
        assert_eq!(bench.lease(at(0.0), client), address(n));
        let wish = Client::new(77).discover_with(vec![address_option(code::REQUESTED_ADDRESS, address(n))]);
        assert_ne!(bench.ask(at(0.0), &Client::new(77), &wish).yiaddr, address(n));
    }
}

#[test]
fn a_circuit_in_option_82_is_believed_only_from_a_trusted_relay_agent() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let holder = Holder::Circuit(b"port".to_vec());
    settings.subnets[0].reservations =
        vec![Reservation { holder, address: ip("192.0.2.7"), options: vec![] }];
    let client = Client::new(1);
    let mut message = client.discover_with(vec![(code::RELAY_AGENT, b"\x01\x04port".to_vec())]);
    message.giaddr = ip("192.0.2.1");
    assert_ne!(Bench::new(settings.clone()).ask(at(0.0), &client, &message).yiaddr, ip("192.0.2.7"));
    settings.trust_inner_giaddr = true;
    assert_eq!(Bench::new(settings).ask(at(0.0), &client, &message).yiaddr, ip("192.0.2.7"));
}

#[test]
fn a_reserved_client_has_its_address_wherever_it_is() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let address = ip("192.0.2.110");
    bench.engine.reserve(at(0.0), address, id_of(&client)).unwrap();
    assert_eq!(bench.lease(at(0.0), &client), address);
    let moved = client.clone().at("2001:db8:77::1");
    assert_eq!(bench.lease(at(1.0), &moved), address);
    assert_eq!(bench.bindings().len(), 1);
    assert!(bench.renew(at(2.0), &moved, address).unwrap().is(MessageType::ACK));
}

#[test]
fn only_what_can_be_kept_is_reserved() {
    let mut bench = Bench::plain();
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &one);
    let mut reserve = |text: &str, client: &Client| bench.engine.reserve(at(0.0), ip(text), id_of(client));
    assert!(matches!(reserve("203.0.113.5", &one), Err(Impossible::NoSubnet(_))));
    assert!(matches!(reserve("192.0.2.255", &one), Err(Impossible::Unusable(_))));
    assert!(matches!(reserve(&address.to_string(), &other), Err(Impossible::Taken { .. })));
    assert!(reserve(&address.to_string(), &one).is_ok());
    assert!(matches!(reserve("192.0.2.8", &one), Err(Impossible::Taken { .. })));
    assert!(matches!(reserve(&address.to_string(), &other), Err(Impossible::Taken { .. })));
    assert_eq!(bench.engine.pools(at(0.0))[0].reserved, 1);
    let change = bench.engine.unreserve(address).unwrap();
    assert_eq!(change.undo, Record::Reserve4 { address, holder: id_of(&one) });
    assert!(matches!(bench.engine.unreserve(address), Err(Impossible::NotReserved(_))));
    assert_eq!(bench.engine.pools(at(0.0))[0].reserved, 0);
    bench.engine.apply(&change.undo);
    assert_eq!(bench.engine.reserved().count(), 1);
    assert_eq!(bench.offer(at(1.0), &one), address);
}

#[test]
fn bindings_come_in_pages_by_address() {
    let mut bench = Bench::plain();
    for number in 1..=30 {
        bench.lease(at(0.0), &Client::new(number));
    }
    let all = bench.bindings();
    assert!(all.is_sorted_by_key(|binding| binding.slot) && all.len() == 30);
    let mut paged = Vec::new();
    loop {
        let page = bench.engine.bindings(paged.last().map(|binding: &Binding4| binding.slot), 7);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 7);
        paged.extend(page);
    }
    assert_eq!(paged, all);
    assert_eq!(bench.engine.bindings(Some(whole("192.0.2.255")), 7), []);
}

#[test]
fn pools_say_how_full_they_are() {
    let mut settings = settings("192.0.2.100", "192.0.2.119");
    settings.subnets[0].pools.push(pool("192.0.2.200", "192.0.2.255"));
    let mut bench = Bench::new(settings);
    for number in 1..=3 {
        bench.lease(at(0.0), &Client::new(number));
    }
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    bench.send(at(0.0), &client, &client.decline(address)).unwrap();
    bench.offer(at(0.0), &Client::new(4));
    bench.engine.reserve(at(0.0), ip("192.0.2.210"), id_of(&Client::new(5))).unwrap();
    let pools = bench.engine.pools(at(0.0));
    assert_eq!(pools[0].pool, "192.0.2.100-192.0.2.119");
    let numbers = |n: usize| {
        let pool = &pools[n];
        [pool.size, pool.leased, pool.offered, pool.declined, pool.reserved]
    };
    assert_eq!((numbers(0), numbers(1)), ([20, 2, 1, 1, 0], [55, 0, 0, 0, 1]));
    bench.engine.on_deadline(at(100_000.0));
    let pool = &bench.engine.pools(at(100_000.0))[0];
    assert_eq!((pool.leased, pool.offered, pool.declined), (0, 0, 0));
    assert_eq!(bench.bindings().len(), 3);
}

#[test]
fn the_deadline_is_the_next_end_and_moves_on() {
    let mut bench = Bench::plain();
    assert_eq!(bench.engine.deadline(), None);
    bench.offer(at(0.0), &Client::new(1));
    assert_eq!(bench.engine.deadline(), Some(at(10.0)));
    bench.lease(at(2.0), &Client::new(2));
    bench.engine.on_deadline(at(10.0));
    assert_eq!(bench.engine.deadline(), Some(at(3602.0)));
    bench.engine.on_deadline(at(3601.0));
    assert_eq!(bench.engine.pools(at(3601.0))[0].leased, 1);
    bench.engine.on_deadline(at(3602.0));
    assert_eq!((bench.engine.deadline(), bench.engine.pools(at(3602.0))[0].leased), (None, 0));
}

#[test]
fn other_settings_lose_no_lease_and_no_reservation() {
    let mut bench = Bench::plain();
    for number in 1..=10 {
        bench.lease(at(0.0), &Client::new(number));
    }
    bench.engine.reserve(at(0.0), ip("192.0.2.7"), id_of(&Client::new(50))).unwrap();
    let all = bench.bindings();
    for (first, last) in
        [("192.0.2.100", "192.0.2.110"), ("192.0.2.1", "192.0.2.2"), ("192.0.2.1", "192.0.2.254")]
    {
        bench.engine.configure(at(1.0), settings(first, last));
        assert_eq!((bench.bindings(), bench.engine.reserved().count()), (all.clone(), 1));
        for binding in &all {
            let number = (1..=10).find(|n| Client::new(*n).key() == binding.client).unwrap();
            let got = bench.renew(at(1.0), &Client::new(number), binding.slot.address).unwrap();
            assert!(got.is(MessageType::ACK));
        }
        all.iter().for_each(|binding| bench.engine.apply(&Record::Lease4(binding.clone())));
    }
    assert_eq!(bench.engine.pools(at(1.0))[0].leased, 10);
}
