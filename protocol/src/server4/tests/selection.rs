//! Which subnet serves a client.

use super::*;

/// Subnets 10.<n>.0.0/24 that serve as told.
fn subnets(serves: Vec<Serves>) -> Settings {
    let mut settings = settings("192.0.2.100", "192.0.2.199");
    let one = |(n, serves): (usize, Serves)| Subnet {
        serves,
        ..subnet(&format!("10.{n}.0.0/24"), vec![pool(&format!("10.{n}.0.10"), &format!("10.{n}.0.20"))])
    };
    settings.subnets = serves.into_iter().enumerate().map(one).collect();
    settings
}

fn third(address: Ipv4Addr) -> u8 {
    address.octets()[1]
}

#[test]
fn the_first_rule_that_matches_decides_s46_12() {
    let link = |prefix: &str| Serves { link_addresses: vec![prefix.parse().unwrap()], ..Serves::default() };
    let mut settings = subnets(vec![
        Serves { interfaces: vec!["nobody0".to_owned()], ..Serves::default() },
        Serves { interfaces: vec!["nobody1".to_owned()], ..Serves::default() },
        link("2001:db8:2::/64"),
        link("2001:db8:3::/64"),
        Serves { interface_ids: vec![b"port4".to_vec()], ..Serves::default() },
        Serves { sources: vec!["2001:db8:5::/48".parse().unwrap()], ..Serves::default() },
        Serves { interfaces: vec!["lan6".to_owned()], ..Serves::default() },
    ]);
    settings.subnet_selection = true;
    let mut bench = Bench::new(settings);
    let mut client = Client::new(1)
        .at("2001:db8:5::99")
        .behind("fe80::1", None)
        .behind("2001:db8:2::1", Some(b"port4"))
        .behind("2001:db8:3::1", None);
    client.interface = "lan6".to_owned();
    let agent = (code::RELAY_AGENT, vec![5, 4, 10, 0, 0, 0]);
    let selection = address_option(code::SUBNET_SELECTION, ip("10.1.0.0"));
    let mut number = 0;
    let mut chosen = |client: &Client, options: Vec<(u8, Vec<u8>)>| {
        number += 1;
        let client = Client { id: Some(vec![0, number]), ..client.clone() };
        bench.send(at(0.0), &client, &client.discover_with(options)).map(|got| third(got.unwrap().yiaddr))
    };
    assert_eq!(chosen(&client, vec![agent, selection.clone()]), Ok(0));
    assert_eq!(chosen(&client, vec![selection]), Ok(1));
    assert_eq!(chosen(&client, vec![]), Ok(2));
    client.hops[1].0 = ip6("fe80::2");
    assert_eq!(chosen(&client, vec![]), Ok(3));
    client.hops.pop();
    assert_eq!(chosen(&client, vec![]), Ok(4));
    client.hops.pop();
    assert_eq!(chosen(&client, vec![]), Ok(5));
    client.source = ip6("fe80::99");
    assert_eq!(chosen(&client, vec![]), Ok(6));
    client.interface = "lan7".to_owned();
    assert_eq!(chosen(&client, vec![]), Err(Refused::NoSubnet));
    assert_eq!(bench.notices, [Notice::NoSubnet(ip6("fe80::99"))]);
}

#[test]
fn option_118_chooses_only_if_enabled_and_comes_back() {
    let mut settings = subnets(vec![
        Serves::default(),
        Serves { interfaces: vec!["nobody0".to_owned()], ..Serves::default() },
    ]);
    let client = Client::new(1);
    let message = client.discover_with(vec![address_option(code::SUBNET_SELECTION, ip("10.1.0.0"))]);
    let got = Bench::new(settings.clone()).ask(at(0.0), &client, &message);
    assert_eq!((third(got.yiaddr), got.option(code::SUBNET_SELECTION)), (0, None));
    settings.subnet_selection = true;
    let got = Bench::new(settings).ask(at(0.0), &client, &message);
    assert_eq!((third(got.yiaddr), got.option(code::SUBNET_SELECTION)), (1, Some(&[10, 1, 0, 0][..])));
}

#[test]
fn an_inner_giaddr_chooses_only_if_it_is_believed_s46_13() {
    let mut settings = subnets(vec![
        Serves::default(),
        Serves { interfaces: vec!["nobody0".to_owned()], ..Serves::default() },
    ]);
    let client = Client::new(1);
    let message = Outgoing { giaddr: ip("10.1.0.1"), ..client.discover() };
    let got = Bench::new(settings.clone()).ask(at(0.0), &client, &message);
    assert_eq!(third(got.yiaddr), 0);
    assert_eq!(Message::parse(&got.octets).unwrap().giaddr, ip("10.1.0.1"));
    settings.trust_inner_giaddr = true;
    assert_eq!(third(Bench::new(settings.clone()).ask(at(0.0), &client, &message).yiaddr), 1);
    // Anything outside the inner message counts more.
    settings.subnets[0].serves.interfaces = vec!["lan0".to_owned()];
    assert_eq!(third(Bench::new(settings).ask(at(0.0), &client, &message).yiaddr), 0);
}

#[test]
fn subnets_of_one_link_are_used_in_order() {
    let both = Serves { interfaces: vec!["lan0".to_owned()], ..Serves::default() };
    let mut bench = Bench::new(subnets(vec![both.clone(), both]));
    let given: Vec<u8> = (1..=22).map(|n| third(bench.lease(at(0.0), &Client::new(n)))).collect();
    assert_eq!(given, [vec![0; 11], vec![1; 11]].concat());
    let late = Client::new(99);
    assert_eq!(bench.send(at(0.0), &late, &late.discover()), Err(Refused::PoolEmpty));
    assert!(bench.renew(at(1.0), &Client::new(22), bench.bindings()[21].slot.address).is_ok());
}

#[test]
fn a_lease_of_another_link_is_refused_here_s46_29() {
    let link = |name: &str| Serves { interfaces: vec![name.to_owned()], ..Serves::default() };
    let mut bench = Bench::new(subnets(vec![link("lan0"), link("lan1")]));
    let client = Client::new(1);
    let address = bench.lease(at(0.0), &client);
    let moved = Client { interface: "lan1".to_owned(), ..client };
    assert!(bench.ask(at(1.0), &moved, &moved.init_reboot(address)).is(MessageType::NAK));
    assert!(bench.renew(at(1.0), &moved, address).unwrap().is(MessageType::NAK));
    assert_eq!(third(bench.lease(at(2.0), &moved)), 1);
}
