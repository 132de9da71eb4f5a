//! What a lease makes of the host.

use super::*;
use crate::client4::config::ipv4_config;
use crate::facts::Target;
use crate::lease::{Ipv4Config, Route4};
use crate::settings::Accept;

fn target() -> Target {
    Target { index: 7, mtu: 1500, up: true, arp: true, ..Target::default() }
}

fn tunnel() -> Target {
    Target { arp: false, ..target() }
}

fn everything() -> Accept {
    Accept { domain: true, ntp: true, host_name: true, ..Accept::default() }
}

fn lease_with(options: &[(u8, &[u8])]) -> Lease4 {
    let options = options.iter().map(|(code, value)| (*code, value.to_vec())).collect();
    Lease4 { options, ..lease() }
}

fn config(options: &[(u8, &[u8])]) -> Ipv4Config {
    ipv4_config(&lease_with(options), &everything(), &target())
}

fn route(text: &str, gateway: Option<[u8; 4]>, onlink: bool) -> Route4 {
    let (destination, prefix_len) = text.split_once('/').unwrap();
    Route4 {
        destination: destination.parse().unwrap(),
        prefix_len: prefix_len.parse().unwrap(),
        gateway: gateway.map(Ipv4Addr::from),
        onlink,
    }
}

const MASK24: (u8, &[u8]) = (1, &[255, 255, 255, 0]);
const ROUTER: (u8, &[u8]) = (3, &[192, 0, 2, 1, 192, 0, 2, 2]);
const DEFAULT: [u8; 5] = [0, 192, 0, 2, 1];

#[test]
fn the_prefix_length_is_that_of_the_mask_inst_01() {
    for (mask, prefix_len) in [
        (&[255, 255, 255, 0][..], 24),
        (&[255, 255, 255, 255], 32),
        (&[128, 0, 0, 0], 1),
        (&[0, 0, 0, 0], 32),
        (&[255, 0, 255, 0], 32),
        (&[255, 255, 255], 32),
        (&[], 32),
    ] {
        assert_eq!(config(&[(1, mask)]).prefix_len, prefix_len, "{mask:?}");
        assert_eq!(ipv4_config(&lease_with(&[(1, mask)]), &everything(), &tunnel()).prefix_len, 32);
    }
    let bare = config(&[]);
    assert_eq!((bare.address, bare.prefix_len, bare.expires_at), (ADDRESS, 32, Some(at(3600.0))));
}

#[test]
fn classless_routes_replace_all_others_inst_04() {
    let routes = [&DEFAULT[..], &[24, 10, 0, 0, 0, 0, 0, 0]].concat();
    let static_routes = [203, 0, 113, 0, 192, 0, 2, 9];
    let with = config(&[MASK24, ROUTER, (33, &static_routes), (121, &routes)]);
    assert_eq!(
        with.routes,
        [route("0.0.0.0/0", Some([192, 0, 2, 1]), false), route("10.0.0.0/24", None, false)]
    );
    let without = config(&[MASK24, ROUTER, (33, &static_routes)]);
    assert_eq!(
        without.routes,
        [
            route("203.0.113.0/24", Some([192, 0, 2, 9]), false),
            route("0.0.0.0/0", Some([192, 0, 2, 1]), false)
        ]
    );
    assert_eq!(without.gateway, Some(Ipv4Addr::new(192, 0, 2, 1)));
}

#[test]
fn malformed_classless_routes_do_not_count_inst_05() {
    for bad in [&[33, 10, 0, 0, 0, 0, 192, 0, 2, 1][..], &[24, 10, 0, 0, 192, 0, 2], &[]] {
        let config = config(&[MASK24, ROUTER, (121, bad)]);
        assert_eq!(config.routes, [route("0.0.0.0/0", Some([192, 0, 2, 1]), false)], "{bad:?}");
    }
}

#[test]
fn host_bits_are_cleared_inst_05() {
    let config = config(&[MASK24, (121, &[25, 129, 210, 177, 132, 192, 0, 2, 1])]);
    assert_eq!(config.routes, [route("129.210.177.128/25", Some([192, 0, 2, 1]), false)]);
    assert_eq!(config.gateway, None, "no default route");
}

#[test]
fn a_gateway_outside_of_the_prefix_is_on_the_link_inst_06() {
    let far: (u8, &[u8]) = (3, &[203, 0, 113, 1]);
    assert_eq!(config(&[MASK24, far]).routes, [route("0.0.0.0/0", Some([203, 0, 113, 1]), true)]);
    assert_eq!(config(&[ROUTER]).routes, [route("0.0.0.0/0", Some([192, 0, 2, 1]), true)], "/32");
}

#[test]
fn without_neighbours_there_are_no_gateways_inst_06() {
    let config = ipv4_config(&lease_with(&[MASK24, ROUTER]), &everything(), &tunnel());
    assert_eq!(config.routes, [route("0.0.0.0/0", None, false)]);
    assert_eq!(config.gateway, Some(Ipv4Addr::new(192, 0, 2, 1)), "published all the same");
}

#[test]
fn routers_that_cannot_be_are_left_out_t3() {
    for bad in [ADDRESS.octets(), [127, 0, 0, 1], [0, 0, 0, 0], [224, 0, 0, 1], [255; 4], [0, 0, 0, 1]] {
        let config = config(&[MASK24, (3, &bad)]);
        assert_eq!((config.routes, config.gateway), (vec![], None), "{bad:?}");
    }
    assert_eq!(config(&[MASK24, (3, &[192, 0, 2])]).routes, []);
    assert_eq!(config(&[MASK24, (33, &[203, 0, 113, 0, 0, 0, 0, 0])]).routes, []);
    assert_eq!(config(&[MASK24, (121, &[8, 10, 192, 0, 2, 18])]).routes, [], "that is us");
}

#[test]
fn destinations_that_no_lease_may_have_are_left_out_t3() {
    let routes: Vec<u8> = [
        &[8, 127][..],
        &[32, 127, 0, 0, 53],
        &[4, 224],
        &[32, 239, 1, 2, 3],
        &[32, 255, 255, 255, 255],
        &[16, 10, 9],
    ]
    .iter()
    .flat_map(|destination| [destination, &[192, 0, 2, 1][..]].concat())
    .collect();
    assert_eq!(config(&[MASK24, (121, &routes)]).routes, [route("10.9.0.0/16", Some([192, 0, 2, 1]), false)]);
}

#[test]
fn protected_prefixes_are_not_routed_t3() {
    let accept = Accept { protected: vec![(Ipv4Addr::new(10, 8, 0, 1), 16)], ..Accept::default() };
    let routes: Vec<u8> =
        [&[16, 10, 8][..], &[24, 10, 8, 1], &[32, 10, 8, 1, 1], &[15, 10, 8], &[16, 10, 9], &[0]]
            .iter()
            .flat_map(|destination| [destination, &[192, 0, 2, 1][..]].concat())
            .collect();
    let config = ipv4_config(&lease_with(&[MASK24, (121, &routes)]), &accept, &target());
    let left: Vec<_> = config.routes.iter().map(|r| (r.destination.to_string(), r.prefix_len)).collect();
    assert_eq!(left, [("10.8.0.0".into(), 15), ("10.9.0.0".into(), 16), ("0.0.0.0".into(), 0)]);

    let inside = Accept { protected: vec![(Ipv4Addr::new(192, 0, 0, 0), 8)], ..Accept::default() };
    let config = ipv4_config(&lease_with(&[MASK24]), &inside, &target());
    assert_eq!(config.prefix_len, 32, "nor put on the link with the address");

    let all = Accept { protected: vec![(Ipv4Addr::UNSPECIFIED, 0)], ..Accept::default() };
    for routes in [&DEFAULT[..], &[1, 0, 192, 0, 2, 1, 1, 128, 192, 0, 2, 1]] {
        let config = ipv4_config(&lease_with(&[MASK24, (121, routes)]), &all, &target());
        assert_eq!((config.routes, config.gateway), (vec![], None));
    }
}

#[test]
fn two_halves_are_a_default_route_t3() {
    let halves = [1, 0, 192, 0, 2, 1, 16, 10, 9, 192, 0, 2, 1, 1, 128, 192, 0, 2, 2];
    let config = config(&[MASK24, (121, &halves)]);
    assert_eq!(
        config.routes,
        [route("0.0.0.0/0", Some([192, 0, 2, 1]), false), route("10.9.0.0/16", Some([192, 0, 2, 1]), false)]
    );
    assert_eq!(config.gateway, Some(Ipv4Addr::new(192, 0, 2, 1)));
    let with_default = [&halves[..], &DEFAULT].concat();
    assert_eq!(super::configuration::config(&[MASK24, (121, &with_default)]).routes.len(), 2);
    let one_half = [1, 0, 192, 0, 2, 1];
    let config = super::configuration::config(&[MASK24, (121, &one_half)]);
    assert_eq!(config.routes, [route("0.0.0.0/1", Some([192, 0, 2, 1]), false)]);
}

#[test]
fn a_lease_has_at_most_256_routes_each_once_t3() {
    let mut routes = Vec::new();
    for index in 0..1000_u16 {
        let [high, low] = (index / 2).to_be_bytes();
        routes.extend([24, 10, high, low, 192, 0, 2, 1]);
    }
    let config = config(&[MASK24, (121, &routes)]);
    assert_eq!(config.routes.len(), 256);
    assert_eq!(config.routes[255].destination, Ipv4Addr::new(10, 0, 255, 0));
}

#[test]
fn the_mtu_is_between_576_and_the_target_s_inst_12() {
    for (mtu, expected) in [
        (68, None),
        (575, None),
        (576, Some(576)),
        (1280, Some(1280)),
        (1500, Some(1500)),
        (1501, None),
        (u16::MAX, None),
    ] {
        assert_eq!(config(&[(26, &mtu.to_be_bytes())]).mtu, expected, "{mtu}");
    }
    assert_eq!(config(&[(26, &[5])]).mtu, None);
}

#[test]
fn servers_are_hosts_each_once_and_not_too_many() {
    let odd = [0, 0, 0, 0, 127, 0, 0, 53, 255, 255, 255, 255, 192, 0, 2, 53, 192, 0, 2, 53];
    assert_eq!(config(&[(6, &odd)]).dns, [Ipv4Addr::new(192, 0, 2, 53)]);
    let many: Vec<u8> = (1..=60).flat_map(|last| [192, 0, 2, last]).collect();
    let config = config(&[(6, &many), (42, &many)]);
    assert_eq!((config.dns.len(), config.ntp.len()), (16, 16));
    assert_eq!(super::configuration::config(&[(6, &[192, 0, 2]), (42, &[])]).dns, Vec::<Ipv4Addr>::new());
}

#[test]
fn names_are_published_only_if_they_are_names_v4_28() {
    let good = config(&[(12, b"home"), (15, b"example.net\0"), (119, b"\x01a\x07example\x00\x01b\xc0\x02")]);
    assert_eq!(good.host_name.as_deref(), Some("home"));
    assert_eq!(good.domains, ["a.example", "b.example"]);
    assert_eq!(config(&[(15, b"example.net\0")]).domains, ["example.net"]);
    for bad in [&b"a;rm -rf"[..], b"a\0b", b"\x1b[31m", b"", b"a..b", &[b'a'; 64]] {
        let config = config(&[(12, bad), (15, bad)]);
        assert_eq!((config.host_name, config.domains), (None, vec![]), "{bad:?}");
    }
    let fallback = config(&[(15, b"example.net"), (119, b"\xc0\x00")]);
    assert_eq!(fallback.domains, ["example.net"], "the search list is malformed");
}

#[test]
fn a_lease_sets_only_what_it_may_t5() {
    let options: &[(u8, &[u8])] = &[
        MASK24,
        ROUTER,
        (6, &[192, 0, 2, 53]),
        (12, b"home"),
        (15, b"example.net"),
        (26, &[5, 0]),
        (42, &[192, 0, 2, 123]),
        (119, b"\x07example\x00"),
    ];
    let nothing = Accept { routes: false, dns: false, mtu: false, ..Accept::default() };
    let config = ipv4_config(&lease_with(options), &nothing, &target());
    let bare = Ipv4Config {
        address: ADDRESS,
        prefix_len: 24,
        expires_at: Some(at(3600.0)),
        routes: vec![],
        mtu: None,
        gateway: Some(Ipv4Addr::new(192, 0, 2, 1)),
        dns: vec![],
        domains: vec![],
        ntp: vec![],
        host_name: None,
    };
    assert_eq!(config, bare);
    let usual = ipv4_config(&lease_with(options), &Accept::default(), &target());
    assert_eq!((usual.routes.len(), usual.mtu, usual.domains.len()), (1, Some(1280), 1));
    assert_eq!((usual.ntp, usual.host_name), (vec![], None));
}
