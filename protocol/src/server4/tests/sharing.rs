//! Shared addresses (RFC 7618).

use super::settings::Sharing;
use super::*;
use crate::binding::PortSet;

fn shared(first: &str, last: &str, psid_len: u8) -> Settings {
    let mut settings = settings(first, last);
    settings.subnets[0].pools[0].sharing = Some(Sharing { offset: 0, psid_len, lowest_port: 1024 });
    settings
}

fn list() -> (u8, Vec<u8>) {
    (code::PARAMETER_REQUEST, vec![code::SUBNET_MASK, code::PORT_PARAMS])
}

/// A message of a client that can share.
fn sharing(mut message: Outgoing, ports: Option<&[u8]>) -> Outgoing {
    message.options.push(list());
    message.options.extend(ports.map(|ports| (code::PORT_PARAMS, ports.to_vec())));
    message
}

fn lease(bench: &mut Bench, now: Instant, client: &Client) -> (Ipv4Addr, Vec<u8>) {
    let offer = bench.ask(now, client, &sharing(client.discover(), None));
    let ports = offer.option(code::PORT_PARAMS).expect("ports").to_vec();
    let ack = bench.ask(now, client, &sharing(client.selecting(offer.yiaddr), Some(&ports)));
    assert!(ack.is(MessageType::ACK));
    assert_eq!((ack.yiaddr, ack.option(code::PORT_PARAMS)), (offer.yiaddr, Some(ports.as_slice())));
    (offer.yiaddr, ports)
}

#[test]
fn clients_share_an_address_and_nobody_gets_low_ports_s46_49() {
    let mut bench = Bench::new(shared("192.0.2.18", "192.0.2.18", 8));
    assert_eq!(bench.engine.pools(at(0.0))[0].size, 252);
    let mut sets = BTreeSet::new();
    for number in 1..=252 {
        let (address, ports) = lease(&mut bench, at(0.0), &Client::new(number));
        assert_eq!((address, &ports[..2]), (ip("192.0.2.18"), &[0, 8][..]));
        assert!(ports[2] >= 4 && ports[3] == 0, "{ports:?}");
        sets.insert(ports);
    }
    assert_eq!(sets.len(), 252);
    let late = Client::new(999);
    assert_eq!(bench.send(at(0.0), &late, &sharing(late.discover(), None)), Err(Refused::PoolEmpty));
    let alone = Client::new(1000);
    assert_eq!(bench.send(at(0.0), &alone, &alone.discover()), Err(Refused::PoolEmpty));
}

#[test]
fn who_cannot_share_gets_a_whole_address_or_nothing_s46_49() {
    let mut settings = shared("192.0.2.18", "192.0.2.18", 4);
    settings.subnets[0].pools.push(pool("192.0.2.50", "192.0.2.50"));
    let mut bench = Bench::new(settings);
    let (one, other, third) = (Client::new(1), Client::new(2), Client::new(3));
    let got = bench.ask(at(0.0), &one, &one.discover());
    assert_eq!((got.yiaddr, got.option(code::PORT_PARAMS)), (ip("192.0.2.50"), None));
    assert_eq!(lease(&mut bench, at(0.0), &other).0, ip("192.0.2.18"));
    // The option without the wish for it is not a wish.
    let mut message = third.discover();
    message.options.push((code::PORT_PARAMS, vec![0, 4, 0x50, 0]));
    assert_eq!(bench.send(at(0.0), &third, &message), Err(Refused::PoolEmpty));
    assert!(bench.ask(at(0.0), &third, &third.selecting(ip("192.0.2.18"))).is(MessageType::NAK));
}

#[test]
fn a_shared_lease_is_found_by_address_and_ports_s46_49() {
    let mut bench = Bench::new(shared("192.0.2.18", "192.0.2.18", 4));
    let client = Client::new(1);
    let (address, ports) = lease(&mut bench, at(0.0), &client);
    let [_, _, psid, _] = ports[..] else { panic!() };
    let other = [0, 4, psid ^ 0x10, 0];
    for (message, expected) in [
        (client.release(address), Err(Refused::NotOwner)),
        (sharing(client.release(address), Some(&other)), Err(Refused::NotOwner)),
    ] {
        assert_eq!(bench.send(at(1.0), &client, &message), expected);
    }
    let renewed = bench.ask(at(1.0), &client, &sharing(client.extending(address), Some(&ports)));
    assert_eq!(
        (renewed.kind, renewed.option(code::PORT_PARAMS)),
        (Some(MessageType::ACK), Some(ports.as_slice()))
    );
    // Without ports in the answer a client would take the address for its own.
    assert!(bench.ask(at(1.0), &client, &client.extending(address)).is(MessageType::NAK));
    assert_eq!(bench.send(at(2.0), &client, &sharing(client.release(address), Some(&ports))), Ok(None));
    assert_eq!(bench.binding(address).state, State::Released);
    assert_eq!(lease(&mut bench, at(3.0), &client).1, ports);
}

#[test]
fn a_wished_port_set_is_given_if_it_is_free_s46_49() {
    let mut bench = Bench::new(shared("192.0.2.18", "192.0.2.25", 4));
    let (one, other) = (Client::new(1), Client::new(2));
    let wish = |client: &Client| {
        let mut message = sharing(client.discover(), Some(&[0, 4, 0x90, 0]));
        message.options.push(address_option(code::REQUESTED_ADDRESS, ip("192.0.2.22")));
        message
    };
    let got = bench.ask(at(0.0), &one, &wish(&one));
    assert_eq!((got.yiaddr, got.option(code::PORT_PARAMS)), (ip("192.0.2.22"), Some(&[0, 4, 0x90, 0][..])));
    let got = bench.ask(at(0.0), &other, &wish(&other));
    assert!((got.yiaddr, got.option(code::PORT_PARAMS)) != (ip("192.0.2.22"), Some(&[0, 4, 0x90, 0][..])));
}

#[test]
fn whole_and_shared_leases_of_one_address_exclude_each_other() {
    let mut bench = Bench::new(settings("192.0.2.18", "192.0.2.18"));
    let (one, other) = (Client::new(1), Client::new(2));
    let address = bench.lease(at(0.0), &one);
    bench.engine.configure(at(1.0), shared("192.0.2.18", "192.0.2.18", 4));
    assert_eq!(bench.send(at(2.0), &other, &sharing(other.discover(), None)), Err(Refused::PoolEmpty));
    assert!(bench.renew(at(3.0), &one, address).unwrap().is(MessageType::ACK));
    let (address, _) = lease(&mut bench, at(4000.0), &other);
    bench.engine.configure(at(4001.0), shared("192.0.2.18", "192.0.2.18", 5));
    assert_eq!(bench.send(at(4002.0), &one, &sharing(one.discover(), None)), Err(Refused::PoolEmpty));
    bench.engine.configure(at(4003.0), settings("192.0.2.18", "192.0.2.18"));
    assert_eq!(bench.send(at(4004.0), &one, &one.discover()), Err(Refused::PoolEmpty));
    assert_eq!(bench.lease(at(9000.0), &one), address);
    assert_eq!(bench.bindings().len(), 2);
}

#[test]
fn a_reserved_address_is_not_shared() {
    let client = Client::new(1);
    let mut settings = shared("192.0.2.18", "192.0.2.19", 4);
    let holder = Holder::ClientId(client.id.clone().unwrap());
    settings.subnets[0].reservations =
        vec![Reservation { holder, address: ip("192.0.2.18"), options: vec![] }];
    let mut bench = Bench::new(settings);
    assert_eq!(bench.engine.pools(at(0.0))[0].reserved, 15);
    for number in 2..=16 {
        assert_eq!(lease(&mut bench, at(0.0), &Client::new(number)).0, ip("192.0.2.19"));
    }
    let late = Client::new(99);
    assert_eq!(bench.send(at(0.0), &late, &sharing(late.discover(), None)), Err(Refused::PoolEmpty));
    let got = bench.ask(at(0.0), &client, &sharing(client.discover(), None));
    assert_eq!((got.yiaddr, got.option(code::PORT_PARAMS)), (ip("192.0.2.18"), None));
    let got = bench.ask(at(0.0), &client, &sharing(client.selecting(got.yiaddr), None));
    assert!(got.is(MessageType::ACK));
    let slot = bench.binding(ip("192.0.2.18")).slot;
    assert_eq!(slot.ports, None::<PortSet>);
}
