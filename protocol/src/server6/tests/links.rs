//! Which subnet serves whom.

use super::bench::*;
use crate::provider::Notice;
use crate::refused::Refused;
use crate::server4::settings::Serves;
use crate::server6::settings::{Options6, Settings, Subnet6};
use crate::way::{Hop, Way};
use crate::wire::v6_option::Status;

/// A subnet 2001:db8:`number`::/64 with one address, and its number as option 82 in addition to 60.
fn numbered(number: u16, serves: Serves) -> Subnet6 {
    let at = |last| std::net::Ipv6Addr::new(0x2001, 0xdb8, number, 0, 0, 0, 0, last);
    Subnet6 {
        prefix: crate::prefix::Prefix6::of(at(0), 64),
        serves,
        pools: vec![(at(1), at(9))],
        delegate: Vec::new(),
        options: Options6 { sol_max_rt: Some(60 + u32::from(number)), ..Options6::default() },
        ..subnet()
    }
}

fn bench() -> Bench {
    let nobody = || Serves { interface_ids: vec![b"nobody".to_vec()], ..Serves::default() };
    let subnets = vec![
        numbered(1, nobody()),
        numbered(2, Serves { link_addresses: vec![net("2001:db8:f2::/48")], ..Serves::default() }),
        numbered(3, Serves { interface_ids: vec![b"port3".to_vec()], ..Serves::default() }),
        numbered(4, Serves { sources: vec![net("fe80::4/128")], ..Serves::default() }),
        numbered(5, Serves { interfaces: vec!["lan5".into()], ..Serves::default() }),
    ];
    Bench::new(Settings { subnets, ..Settings::default() })
}

/// The number of the subnet that serves, told by the option and by the address.
fn served(bench: &mut Bench) -> Option<u16> {
    let told = bench.send(SOLICIT, 1, vec![Part::Na(1, vec![]), Part::Asks(vec![82])]).unwrap();
    let by_option =
        told.option(82).and_then(|value| u16::from_str_radix(value, 16).ok()).map(|value| value - 60);
    let by_address =
        told.given().first().map(|slot| super::super::slot::extent(*slot).address().segments()[2]);
    assert_eq!(by_option, by_address);
    by_option
}

fn hop(link_address: &str, interface_id: Option<&'static [u8]>) -> Hop<'static> {
    Hop { link_address: ip(link_address), interface_id }
}

#[test]
fn the_first_rule_that_matches_decides_s46_12() {
    let mut bench = bench();
    let hops = vec![hop("fe80::1", Some(b"port3")), hop("::", None), hop("2001:db8:f2:9::1", None)];
    bench.way = Way { interface: "lan5", client: ip("fe80::4"), hops, ..Way::default() };
    assert_eq!(served(&mut bench), Some(2));
    bench.way.hops.insert(2, hop("2001:db8:1::ffff", None));
    assert_eq!(served(&mut bench), Some(1), "the relay agent nearer to the client");
    bench.way.hops.truncate(2);
    assert_eq!(served(&mut bench), Some(3));
    bench.way.hops.clear();
    assert_eq!(served(&mut bench), Some(4));
    bench.way.client = ip("fe80::99");
    assert_eq!(served(&mut bench), Some(5));
    bench.way.interface = "lan9";
    assert_eq!(served(&mut bench), None);
    assert_eq!(bench.notices, [Notice::NoSubnet(ip("fe80::99"))]);
}

#[test]
fn a_subnet_without_entries_serves_whoever_no_other_does() {
    let mut settings = Settings { subnets: vec![numbered(6, Serves::default())], ..Settings::default() };
    settings.subnets.push(numbered(5, Serves { interfaces: vec!["lan5".into()], ..Serves::default() }));
    let mut bench = Bench::new(settings);
    assert_eq!(served(&mut bench), Some(6));
    bench.way.interface = "lan5";
    assert_eq!(served(&mut bench), Some(5));
    bench.way = relayed("::", Some(b"any"));
    assert_eq!(served(&mut bench), Some(6), "a relay agent on the link itself names no link");
    bench.way = relayed("2001:db8:6::ff", None);
    assert_eq!(served(&mut bench), Some(6));
}

#[test]
fn a_link_that_is_named_and_in_no_subnet_gets_prefixes_and_options_but_no_addresses() {
    let options = Options6 { sol_max_rt: Some(77), ..Options6::default() };
    let mut bench = Bench::new(settings(Subnet6 { options, ..subnet() }));
    bench.way = relayed("2001:db8:99::1", None);
    let ask = vec![Part::Na(1, vec![]), Part::Pd(1, vec![]), Part::Asks(vec![82])];
    let told = bench.send(REQUEST, 1, ask).unwrap();
    assert_eq!(told.statuses(), [Status::NO_ADDRS_AVAIL, Status::SUCCESS]);
    assert_eq!((told.given().len(), told.option(82)), (1, Some("0000004d")));
}

#[test]
fn a_client_has_a_lease_on_each_link_it_was_on() {
    let mut bench = bench();
    bench.way.interface = "lan5";
    let here = bench.lease(1, 1).unwrap();
    bench.way = relayed("2001:db8:1::ff", None);
    let there = bench.lease(1, 1).unwrap();
    assert_ne!(here, there);
    assert_eq!(bench.engine.bindings(None, 9).len(), 2);
    // Whoever claims to be the client, and is elsewhere, cannot end its lease.
    bench.send(RELEASE, 1, vec![Part::Has(1, vec![here])]).unwrap();
    assert!(bench.changes.is_empty());
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![here])]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![there], vec![here]));
    bench.way = direct();
    bench.way.interface = "lan5";
    assert_eq!(bench.lease(1, 1), Some(here));
}

#[test]
fn on_no_known_link_nothing_is_extended() {
    let mut bench = bench();
    bench.way.interface = "lan5";
    let slot = bench.lease(1, 1).unwrap();
    bench.way.interface = "lan9";
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.statuses(), [Status::NO_BINDING]);
    assert_eq!(bench.send(REBIND, 1, vec![Part::Has(1, vec![slot])]), Err(Refused::UnknownClient));
    assert_eq!(bench.send(CONFIRM, 1, vec![Part::Has(1, vec![slot])]), Err(Refused::NoSubnet));
    let told = bench.send(INFORMATION, 1, vec![]).unwrap();
    assert_eq!(told.kind, REPLY);
}
