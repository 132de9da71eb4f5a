//! From a link that appears to an IPv4 address, and the life of a lease.

use crate::model::net::Net;
use crate::model::server::{Enable, Server};
use crate::model::{hours, ms, secs};
use dhcp4o6_protocol::lease::LeaseEventKind as K;
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::{Dhcp6Mode, Draft01, Profile};
use dhcp4o6_protocol::wire::v6::MessageType;
use std::net::Ipv6Addr;

fn draft01_server(points: Draft01) -> Server {
    let mut server = Server::good(1);
    server.profile = WireProfile::Draft01;
    server.draft01 = points;
    server
}

/// The lease's life so far, in one word per event.
fn story(net: &Net) -> Vec<&'static str> {
    net.told.iter().map(|(_, event)| event.kind.word()).collect()
}

/// Types of the datagrams that left.
fn types(net: &Net) -> Vec<u8> {
    net.sent.iter().map(|sent| sent.payload[0]).collect()
}

#[test]
fn a_stateful_link_gets_its_address_within_seconds() {
    let mut net = Net::seeded(1).server(Server::good(1)).up();
    net.until_bound(secs(10));
    assert_eq!(types(&net), [1, 3, 20, 20], "Solicit, Request, DISCOVER, REQUEST");
    assert_eq!(story(&net), ["acquired"]);
}

#[test]
fn a_stateless_link_gets_its_address_within_seconds() {
    let mut net = Net::seeded(2).server(Server::good(1)).set(|s| s.dhcp6.mode = Dhcp6Mode::Stateless).up();
    net.until_bound(secs(10));
    assert_eq!(types(&net), [11, 20, 20], "Information-request, DISCOVER, REQUEST");
}

#[test]
fn rapid_commit_in_both_protocols_needs_two_datagrams() {
    let mut server = Server::good(1);
    (server.rapid_commit, server.four.rapid_commit) = (true, true);
    let rapid = |s: &mut dhcp4o6_protocol::settings::LinkSettings| {
        (s.dhcp6.rapid_commit, s.dhcp4.rapid_commit) = (true, true);
    };
    let mut net = Net::seeded(3).server(server).set(rapid).up();
    net.until_bound(secs(10));
    assert_eq!(types(&net), [1, 20], "Solicit, DISCOVER");
}

#[test]
fn draft01_runs_the_whole_exchange_with_its_own_code_points_gen_16() {
    let points = Draft01::default();
    let mut net = Net::seeded(4).server(draft01_server(points)).set(|s| s.profile = Profile::Draft01).up();
    net.until_bound(secs(10));
    net.run_for(hours(3));
    assert!(net.is_bound());
    assert!(story(&net).contains(&"renewed"));
    let queries = types(&net).into_iter().filter(|kind| *kind == points.request).count();
    assert!(queries >= 6);
    assert!(!types(&net).contains(&MessageType::DHCPV4_QUERY.0));
}

#[test]
fn draft01_code_points_are_configured_and_unicast_works_too_gen_16() {
    let points = Draft01 { request: 201, reply: 202, message: 40_001, enable: 40_002, servers: 40_003 };
    let mut server = draft01_server(points);
    server.enable = Enable::Servers(vec![server.global]);
    let mut net =
        Net::seeded(5).server(server).set(|s| (s.profile, s.draft01) = (Profile::Draft01, points)).up();
    net.until_bound(secs(15));
    let global = net.servers[0].global;
    assert!(net.sent.iter().filter(|sent| sent.payload[0] == 201).all(|sent| sent.to == global));
}

#[test]
fn a_link_that_asks_for_both_profiles_takes_the_one_that_is_offered() {
    for (seed, server) in [(6, Server::good(1)), (7, draft01_server(Draft01::default()))] {
        let profile = server.profile;
        let mut net = Net::seeded(seed).server(server).set(|s| s.profile = Profile::Dual).up();
        net.until_bound(secs(10));
        assert_eq!(net.status().permit.unwrap().profile, profile);
    }
}

#[test]
fn a_server_of_the_other_profile_is_no_server_gen_17() {
    let mut net = Net::seeded(8).server(draft01_server(Draft01::default())).up();
    net.run_for(secs(300));
    assert_eq!(net.address(), None);
    assert_eq!(net.status().permit_state, "none");
}

#[test]
fn queries_go_to_every_address_of_the_list_in_order_c46_08() {
    let (mut first, second) = (Server::good(1), Server::good(2));
    let list = vec![first.global, second.global, first.global];
    first.enable = Enable::Servers(list);
    first.preference = 255;
    let mut net = Net::seeded(9).server(first).up();
    net.servers.push(second);
    net.servers[1].deaf4 = true;
    net.servers[1].alive = false;
    net.until_bound(secs(15));
    let to: Vec<Ipv6Addr> =
        net.sent.iter().filter(|sent| sent.payload[0] == 20).map(|sent| sent.to).collect();
    let pair = [net.servers[0].global, net.servers[1].global];
    assert_eq!(to, [pair, pair].concat());
}

#[test]
fn a_lease_is_renewed_at_t1_and_its_address_never_flaps() {
    let mut net = Net::seeded(10).server(Server::good(1)).up();
    net.until_bound(secs(10));
    let address = net.address();
    for _ in 0..24 {
        net.run_for(hours(1));
        assert_eq!(net.address(), address);
    }
    let kinds: Vec<K> = net.told.iter().map(|(_, event)| event.kind).collect();
    assert_eq!(kinds[0], K::Acquired);
    assert!(kinds.len() > 40 && kinds[1..].iter().all(|kind| *kind == K::Renewed), "{kinds:?}");
}

#[test]
fn a_lease_moves_to_another_server_when_its_own_is_gone() {
    let (first, mut second) = (Server::good(1), Server::good(2));
    second.alive = false;
    let mut net = Net::seeded(11).server(first).server(second).up();
    net.until_bound(secs(10));
    net.servers[0].alive = false;
    net.servers[1].alive = true;
    net.servers[1].four.subnet = [192, 0, 2];
    net.run_for(hours(2));
    assert!(net.is_bound(), "{:?}", net.status().reason);
    assert_eq!(net.status().client4.lease.unwrap().server_id, net.servers[1].four.id);
}

#[test]
fn an_expired_lease_goes_at_once_and_a_new_one_comes_with_the_server() {
    let mut net = Net::seeded(12).server(Server::good(1)).up();
    net.until_bound(secs(10));
    let end = net.status().client4.lease.unwrap().expires_at.unwrap();
    net.servers[0].four.forget();
    net.servers[0].deaf4 = true;
    net.run_for(end.since(net.now) - ms(1));
    assert!(net.address().is_some());
    net.run_for(ms(2));
    assert_eq!(net.address(), None);
    net.servers[0].deaf4 = false;
    net.until_bound(secs(120));
    assert_eq!(story(&net), ["acquired", "expired", "acquired"]);
}

#[test]
fn a_short_lease_and_an_endless_one_both_live() {
    for (seed, lease) in [(13, 10), (14, u32::MAX)] {
        let mut server = Server::good(1);
        server.four.lease = lease;
        let mut net = Net::seeded(seed).server(server).up();
        net.until_bound(secs(10));
        net.run_for(hours(24));
        assert!(net.address().is_some(), "lease of {lease}");
    }
}

#[test]
fn an_address_in_use_is_declined_and_another_is_taken_v4_24() {
    let mut net = Net::seeded(15).server(Server::good(1)).set(|s| s.dhcp4.conflict_detection = true).up();
    net.run_until(secs(20), |net| net.status().client4.state == "checking" || !net.told.is_empty());
    let offered = net.servers[0].four.given().next();
    net.neighbour = offered;
    net.run_until(secs(20), |net| net.watch.reached.contains("sent-decline"));
    net.until_bound(secs(120));
    assert_ne!(net.address(), offered);
}

#[test]
fn the_same_seed_gives_the_same_history() {
    let history = || {
        let mut net = Net::seeded(16).loss(0.3).server(Server::good(1)).up();
        net.run_for(hours(5));
        net.sent.iter().map(|sent| (sent.at, sent.source, sent.to, sent.payload.clone())).collect::<Vec<_>>()
    };
    assert_eq!(history(), history());
}
