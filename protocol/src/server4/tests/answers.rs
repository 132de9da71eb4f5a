//! What answers hold.

use super::*;
use crate::wire::v4_option::{Route, emit_classless_routes};

fn list(codes: &[u8]) -> (u8, Vec<u8>) {
    (code::PARAMETER_REQUEST, codes.to_vec())
}

fn routes(count: u8) -> Vec<u8> {
    let route =
        |n| Route { destination: Ipv4Addr::new(10, n, 0, 0), prefix_len: 24, router: ip("192.0.2.1") };
    emit_classless_routes(&(0..count).map(route).collect::<Vec<_>>())
}

fn with_options(options: Vec<(u8, Vec<u8>)>) -> Bench {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    settings.subnets[0].options = options;
    Bench::new(settings)
}

#[test]
fn option_61_comes_back_as_it_was_sent_or_not_at_all_s46_21() {
    let mut bench = Bench::plain();
    let named = Client { id: Some((0..200).collect()), ..Client::new(1) };
    let plain = Client { id: None, ..Client::new(2) };
    let address = bench.offer(at(0.0), &named);
    for message in [named.discover(), named.selecting(address), named.selecting(ip("192.0.2.1"))] {
        let got = bench.ask(at(0.0), &named, &message);
        assert_eq!(got.option(code::CLIENT_ID), named.id.as_deref(), "{:?}", got.kind);
    }
    let address = bench.offer(at(0.0), &plain);
    for message in [plain.discover(), plain.selecting(address), plain.selecting(ip("192.0.2.1"))] {
        assert_eq!(bench.ask(at(0.0), &plain, &message).option(code::CLIENT_ID), None);
    }
}

#[test]
fn the_fixed_fields_are_those_of_table_3_s46_24() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let dress = |message: Outgoing| Outgoing {
        flags: 0x8000,
        secs: 77,
        giaddr: ip("203.0.113.9"),
        xid: Xid4(0xdead_beef),
        ..message
    };
    let check = |got: &Got, ciaddr: Ipv4Addr, yiaddr: Ipv4Addr| {
        let reply = Message::parse(&got.octets).unwrap();
        assert_eq!((reply.op, reply.htype, reply.hlen, reply.hops), (2, 1, 6, 0));
        assert_eq!((reply.xid, reply.secs, reply.flags), (Xid4(0xdead_beef), 0, 0x8000));
        assert_eq!((reply.ciaddr, reply.yiaddr, reply.siaddr), (ciaddr, yiaddr, Ipv4Addr::UNSPECIFIED));
        assert_eq!((reply.giaddr, reply.hardware()), (ip("203.0.113.9"), client.hardware.as_slice()));
        assert!(reply.sname.iter().chain(reply.file).all(|octet| *octet == 0));
    };
    let none = Ipv4Addr::UNSPECIFIED;
    let mut discover = dress(client.discover());
    discover.ciaddr = ip("192.0.2.44");
    let offer = bench.ask(at(0.0), &client, &discover);
    let address = offer.yiaddr;
    check(&offer, none, address);
    check(&bench.ask(at(0.0), &client, &dress(client.selecting(address))), none, address);
    check(&bench.ask(at(1.0), &client, &dress(client.extending(address))), address, address);
    check(&bench.ask(at(1.0), &client, &dress(client.inform(address))), address, none);
    check(&bench.ask(at(1.0), &client, &dress(client.init_reboot(ip("10.0.0.1")))), none, none);
}

#[test]
fn each_type_has_its_options_s46_25() {
    let mut bench = with_options(vec![address_option(code::ROUTER, ip("192.0.2.1"))]);
    let client = Client::new(1);
    let offer = bench.ask(at(0.0), &client, &client.discover());
    let ack = bench.ask(at(0.0), &client, &client.selecting(offer.yiaddr));
    for got in [&offer, &ack] {
        assert_eq!(got.codes()[..3], [code::MESSAGE_TYPE, code::SERVER_ID, code::LEASE_TIME]);
        assert_eq!(got.option(code::SERVER_ID), Some(&SERVER.octets()[..]));
        assert_eq!(got.seconds(code::LEASE_TIME), Some(3600));
        assert_eq!(got.option(code::SUBNET_MASK), Some(&[255, 255, 255, 0][..]));
        assert_eq!(got.option(code::ROUTER), Some(&[192, 0, 2, 1][..]));
    }
    let nak = bench.ask(at(0.0), &client, &client.selecting(ip("10.0.0.1")));
    let allowed = [code::MESSAGE_TYPE, code::SERVER_ID, code::MESSAGE, code::CLIENT_ID];
    assert!(nak.is(MessageType::NAK) && nak.codes().iter().all(|code| allowed.contains(code)));
    assert_eq!(nak.option(code::SERVER_ID), Some(&SERVER.octets()[..]));
}

#[test]
fn options_come_in_the_order_of_the_list_and_the_mask_before_the_routers_s46_26() {
    let mut bench = with_options(vec![
        address_option(code::ROUTER, ip("192.0.2.1")),
        address_option(code::DNS_SERVERS, ip("192.0.2.2")),
        (code::DOMAIN_NAME, b"example.net".to_vec()),
        (code::MTU, vec![5, 0]),
    ]);
    let client = Client::new(1);
    let wanted = [code::MTU, code::ROUTER, code::SUBNET_MASK, 200, code::MTU, code::DNS_SERVERS];
    let got = bench.ask(at(0.0), &client, &client.discover_with(vec![list(&wanted)]));
    assert_eq!(
        got.codes(),
        [
            code::MESSAGE_TYPE,
            code::SERVER_ID,
            code::LEASE_TIME,
            code::RENEWAL_TIME,
            code::REBINDING_TIME,
            code::SUBNET_MASK,
            code::MTU,
            code::ROUTER,
            code::DNS_SERVERS,
            code::CLIENT_ID
        ]
    );
}

#[test]
fn classless_routes_replace_routers_and_static_routes_s46_26() {
    let mut bench = with_options(vec![
        address_option(code::ROUTER, ip("192.0.2.1")),
        (code::STATIC_ROUTES, vec![10, 0, 0, 0, 192, 0, 2, 1]),
        (code::CLASSLESS_ROUTES, routes(1)),
    ]);
    let client = Client::new(1);
    let all = [code::CLASSLESS_ROUTES, code::ROUTER, code::STATIC_ROUTES];
    let got = bench.ask(at(0.0), &client, &client.discover_with(vec![list(&all)]));
    assert_eq!(got.option(code::CLASSLESS_ROUTES), Some(routes(1).as_slice()));
    assert_eq!((got.option(code::ROUTER), got.option(code::STATIC_ROUTES)), (None, None));
    let got = bench.ask(at(0.0), &client, &client.discover_with(vec![list(&all[1..])]));
    assert_eq!(got.option(code::CLASSLESS_ROUTES), None);
    assert!(got.option(code::ROUTER).is_some() && got.option(code::STATIC_ROUTES).is_some());
}

#[test]
fn forty_routes_are_sent_in_two_parts_s46_26() {
    let mut bench = with_options(vec![(code::CLASSLESS_ROUTES, routes(40))]);
    let client = Client::new(1);
    let got = bench.ask(at(0.0), &client, &client.discover_with(vec![list(&[code::CLASSLESS_ROUTES])]));
    assert_eq!(got.option(code::CLASSLESS_ROUTES), Some(routes(40).as_slice()));
    let mut at = 240;
    let mut parts = Vec::new();
    while got.octets[at] != code::END {
        let length = usize::from(got.octets[at + 1]);
        if got.octets[at] == code::CLASSLESS_ROUTES {
            parts.push(length);
        }
        at += 2 + length;
    }
    assert_eq!(parts, [255, 40 * 8 - 255]);
}

#[test]
fn t1_comes_before_t2_and_both_before_the_end_s46_35() {
    for lease in (0..200).chain([3600, 86_400, u32::MAX - 1]) {
        for (t1_percent, t2_percent) in [(50, 87), (0, 1), (99, 99), (90, 10), (100, 255)] {
            let times = LeaseTimes { t1_percent, t2_percent, ..LeaseTimes::default() };
            match answer::renewal_times(Lifetime(lease), times) {
                Some((t1, t2)) => assert!(0 < t1 && t1 < t2 && t2 < lease, "{lease} {t1} {t2}"),
                None => assert!(lease < 3),
            }
        }
    }
    assert_eq!(answer::renewal_times(Lifetime::INFINITE, LeaseTimes::default()), None);
    assert_eq!(answer::renewal_times(Lifetime(3600), LeaseTimes::default()), Some((1800, 3132)));
}

#[test]
fn the_lease_time_a_client_asks_for_is_given_within_limits() {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let times = LeaseTimes {
        default: Lifetime(1000),
        min: Lifetime(100),
        max: Lifetime::INFINITE,
        ..LeaseTimes::default()
    };
    settings.subnets[0].times = times;
    let mut bench = Bench::new(settings);
    let client = Client::new(1);
    for (asked, given) in [
        (None, 1000),
        (Some(0), 100),
        (Some(500), 500),
        (Some(u32::MAX - 1), u32::MAX - 1),
        (Some(u32::MAX), u32::MAX),
    ] {
        let options = asked.map(|asked: u32| (code::LEASE_TIME, asked.to_be_bytes().to_vec()));
        let got = bench.ask(at(0.0), &client, &client.discover_with(options.into_iter().collect()));
        assert_eq!(got.seconds(code::LEASE_TIME), Some(given), "{asked:?}");
        assert_eq!(got.option(code::RENEWAL_TIME).is_none(), given == u32::MAX);
    }
    let mut forever = client.selecting(bench.offer(at(0.0), &client));
    forever.options.push((code::LEASE_TIME, vec![0xff; 4]));
    let got = bench.ask(at(0.0), &client, &forever);
    assert_eq!(bench.binding(got.yiaddr).expires_at, None);
    bench.engine.on_deadline(at(1e9));
    assert!(bench.renew(at(1e9), &client, got.yiaddr).unwrap().is(MessageType::ACK));
}

#[test]
fn an_answer_is_never_longer_than_the_client_takes_s46_37() {
    let mut bench = with_options(vec![
        address_option(code::ROUTER, ip("192.0.2.1")),
        (code::DOMAIN_NAME, vec![b'a'; 200]),
        (code::CLASSLESS_ROUTES, routes(60)),
    ]);
    let client = Client::new(1);
    let wanted = list(&[code::SUBNET_MASK, code::CLASSLESS_ROUTES, code::ROUTER, code::DOMAIN_NAME]);
    let mut ask = |size: u16| {
        let size = (code::MAX_MESSAGE_SIZE, size.to_be_bytes().to_vec());
        bench.ask(at(0.0), &client, &client.discover_with(vec![wanted.clone(), size]))
    };
    for size in [0, 300, 576] {
        let got = ask(size);
        assert!(got.octets.len() <= 548);
        // What is left out for want of room does not push out what replaces it.
        assert_eq!(got.option(code::CLASSLESS_ROUTES), None);
        assert!(got.option(code::ROUTER).is_some() && got.option(code::DOMAIN_NAME).is_some());
    }
    for size in 576..1300 {
        let got = ask(size);
        assert!(got.octets.len() <= usize::from(size) - 28, "{size}");
    }
    assert_eq!(ask(1500).option(code::CLASSLESS_ROUTES).map(<[u8]>::len), Some(480));
    let dropped = bench.tally.of(Done::OptionsDropped);
    assert!(dropped >= 3);
    bench.ask(at(0.0), &client, &client.discover());
    assert_eq!(bench.tally.of(Done::OptionsDropped), dropped);
}

#[test]
fn option_82_comes_back_whole_and_last_when_a_relay_agent_sent_the_message() {
    let mut bench = Bench::plain();
    let client = Client::new(1);
    let agent = [vec![1, 250], vec![7; 250], vec![2, 40], vec![8; 40]].concat();
    let mut message = client.discover_with(vec![(code::RELAY_AGENT, agent.clone())]);
    assert_eq!(bench.ask(at(0.0), &client, &message).option(code::RELAY_AGENT), None);
    message.giaddr = ip("203.0.113.9");
    let got = bench.ask(at(0.0), &client, &message);
    assert_eq!(got.option(code::RELAY_AGENT), Some(agent.as_slice()));
    assert_eq!(got.codes().last(), Some(&code::RELAY_AGENT));
    message.options.push((code::MAX_MESSAGE_SIZE, vec![2, 64]));
    message.options[1].1 = [vec![1, 250], vec![7; 250], vec![2, 60], vec![8; 60]].concat();
    let got = bench.ask(at(0.0), &client, &message);
    assert_eq!(got.option(code::RELAY_AGENT), None);
    assert_eq!(bench.tally.of(Done::OptionsDropped), 1);
}

#[test]
fn options_of_a_reservation_come_before_those_of_its_subnet_and_of_all() {
    let client = Client::new(1);
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let option = |octet| (code::DNS_SERVERS, vec![octet; 4]);
    settings.options = vec![option(1), (code::NTP_SERVERS, vec![1; 4])];
    settings.subnets[0].options = vec![option(2), (code::DOMAIN_NAME, b"two".to_vec())];
    settings.subnets[0].reservations = vec![Reservation {
        holder: Holder::ClientId(client.id.clone().unwrap()),
        address: ip("192.0.2.7"),
        options: vec![option(3)],
    }];
    let mut bench = Bench::new(settings);
    let wanted = list(&[code::DNS_SERVERS, code::DOMAIN_NAME, code::NTP_SERVERS]);
    let got = bench.ask(at(0.0), &client, &client.discover_with(vec![wanted.clone()]));
    assert_eq!(got.option(code::DNS_SERVERS), Some(&[3; 4][..]));
    assert_eq!(got.option(code::DOMAIN_NAME), Some(&b"two"[..]));
    assert_eq!(got.option(code::NTP_SERVERS), Some(&[1; 4][..]));
    let other = Client::new(2);
    let got = bench.ask(at(0.0), &other, &other.discover_with(vec![wanted]));
    assert_eq!(got.option(code::DNS_SERVERS), Some(&[2; 4][..]));
}

#[test]
fn options_of_the_engine_are_not_taken_from_the_configuration() {
    let ours = [51, 53, 54, 55, 57, 58, 59, 61, 80, 82, 109, 118, 159];
    let mut bench = with_options(ours.iter().map(|code| (*code, vec![9; 4])).collect());
    let client = Client::new(1);
    for message in [client.discover(), client.discover_with(vec![list(&ours)])] {
        let got = bench.ask(at(0.0), &client, &message);
        assert_eq!(got.seconds(code::LEASE_TIME), Some(3600));
        assert!(
            got.codes().iter().all(|code| [51, 53, 54, 58, 59, 61, 1].contains(code)),
            "{:?}",
            got.codes()
        );
    }
}
