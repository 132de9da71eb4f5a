//! Leases against a real kernel.

mod lab;

use dhcp4o6_netlink::apply::{Applier, Placement};
use dhcp4o6_netlink::monitor::Presence4;
use dhcp4o6_protocol::lease::{Assignment6, Ipv4Config, Route4};
use dhcp4o6_protocol::machine::ConfigureError;
use dhcp4o6_protocol::time::Instant;
use lab::{Lab, MAIN, NOW, default_by, lease, until, whole};
use std::net::{Ipv4Addr, Ipv6Addr};

fn applier(lab: &Lab) -> Applier {
    Applier::open(&lab.netns()).expect("a socket")
}

async fn install(lab: &Lab, config: &Ipv4Config) -> Applier {
    let mut applier = applier(lab);
    applier
        .configure4(lab.index("wan"), Some(config), &MAIN, &[], NOW)
        .await
        .expect("the lease is installed");
    applier
}

fn later(seconds: u64) -> Instant {
    Instant::from_secs(1000 + seconds)
}

/// IPv4 addresses and routes of a link, each on a line.
fn objects(lab: &Lab, link: &str) -> String {
    lab.ip(&format!("-o -4 addr show dev {link}")) + &lab.ip(&format!("-4 route show table all dev {link}"))
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_lease_is_an_address_with_what_is_left_and_marked_routes_inst_02_inst_03() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    install(&lab, &lease(77)).await;
    let text = lab.ip("-o -4 addr show dev wan");
    assert!(text.contains("inet 192.0.2.77/24 scope global dynamic noprefixroute wan"), "{text}");
    assert!(["3600sec", "3599sec"].iter().any(|left| text.contains(left)), "{text}");
    let text = lab.ip("-d -4 route show dev wan");
    for part in [
        "unicast default via 192.0.2.1 proto 146 scope global src 192.0.2.77 metric 77",
        "unicast 192.0.2.0/24 proto 146 scope link src 192.0.2.77 metric 77",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().count(), 2, "{text}");
    let wan = lab.index("wan");
    until(&mut monitor, "the monitor sees it", |monitor| whole(monitor, wan, &lease(77))).await;
    let facts = monitor.facts(wan, &[Some((&monitor, wan))]);
    assert_eq!(facts.targets[0].as_ref().unwrap().ours4, [Ipv4Addr::new(192, 0, 2, 77)]);
    assert!(facts.foreign4.is_empty());
}

#[tokio::test]
#[ignore = "needs root"]
async fn nothing_is_touched_when_nothing_changed_inst_07() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut applier = install(&lab, &lease(77)).await;
    let events = lab.events("inet");
    applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
    // Nor by another run of the service, which remembers nothing (SUP-12).
    install(&lab, &lease(77)).await;
    assert_eq!(events.until_mark(), "");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_renewal_changes_the_lifetime_in_place_and_no_route_inst_07() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut applier = install(&lab, &lease(77)).await;
    let events = lab.events("inet");
    let renewed = Ipv4Config { expires_at: Some(later(7200)), ..lease(77) };
    applier.configure4(wan, Some(&renewed), &MAIN, &[], NOW).await.unwrap();
    let text = events.until_mark();
    assert!(
        text.contains("[ADDR]") && text.contains("192.0.2.77/24") && text.contains("valid_lft 7200sec"),
        "{text}"
    );
    assert!(!text.contains("Deleted") && !text.contains("[ROUTE]"), "{text}");
    let forever = Ipv4Config { expires_at: None, ..lease(77) };
    applier.configure4(wan, Some(&forever), &MAIN, &[], NOW).await.unwrap();
    assert!(lab.ip("-o -4 addr show dev wan").contains("valid_lft forever"));
    applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
    assert!(lab.ip("-o -4 addr show dev wan").contains("dynamic"));
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_kernel_ends_an_abandoned_address_with_its_routes_inst_02() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut monitor = lab.monitor().await;
    let short = Ipv4Config { expires_at: Some(later(2)), ..lease(77) };
    drop(install(&lab, &short).await);
    until(&mut monitor, "the address is there", |monitor| whole(monitor, wan, &short)).await;
    until(&mut monitor, "it is gone", |monitor| !monitor.has_address4(wan, short.address)).await;
    assert_eq!(monitor.present4(wan, &short, &MAIN), Presence4::Absent);
    assert_eq!(objects(&lab, "wan"), "");
}

#[tokio::test]
#[ignore = "needs root"]
async fn routes_are_removed_before_their_address_inst_08() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut applier = install(&lab, &lease(77)).await;
    let events = lab.events("inet");
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    let text = events.until_mark();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part}: {text}"));
    assert!(place("Deleted unicast default via 192.0.2.1") < place("Deleted unicast 192.0.2.0/24"), "{text}");
    assert!(place("Deleted unicast 192.0.2.0/24") < place("[ADDR]Deleted"), "{text}");
    assert_eq!(objects(&lab, "wan"), "");
    // Twice is once.
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_lease_that_is_over_is_taken_away() {
    let lab = Lab::with_veth();
    let mut applier = install(&lab, &lease(77)).await;
    applier.configure4(lab.index("wan"), Some(&lease(77)), &MAIN, &[], later(3600)).await.unwrap();
    assert_eq!(objects(&lab, "wan"), "");
}

#[tokio::test]
#[ignore = "needs root"]
async fn another_address_of_the_same_subnet_replaces_the_old_one_whole() {
    for promote in ["0", "1"] {
        let lab = Lab::with_veth();
        lab.sysctl("net.ipv4.conf.all.promote_secondaries", promote);
        let mut monitor = lab.monitor().await;
        let wan = lab.index("wan");
        let mut applier = install(&lab, &lease(77)).await;
        applier.configure4(wan, Some(&lease(78)), &MAIN, &[], NOW).await.unwrap();
        let text = objects(&lab, "wan");
        assert!(!text.contains("192.0.2.77"), "{text}");
        assert!(text.contains("default via 192.0.2.1 proto 146 src 192.0.2.78 metric 77"), "{text}");
        until(&mut monitor, "the monitor sees it", |monitor| whole(monitor, wan, &lease(78))).await;
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn the_new_address_and_routes_are_there_before_the_old_go() {
    let lab = Lab::with_veth();
    let mut applier = install(&lab, &lease(77)).await;
    let events = lab.events("inet");
    let other = Ipv4Config {
        address: Ipv4Addr::new(198, 51, 100, 9),
        routes: vec![default_by([198, 51, 100, 1])],
        ..lease(0)
    };
    applier.configure4(lab.index("wan"), Some(&other), &MAIN, &[], NOW).await.unwrap();
    let text = events.until_mark();
    let place = |part: &str| text.find(part).unwrap_or_else(|| panic!("no {part}: {text}"));
    assert!(
        place("]unicast default via 198.51.100.1") < place("Deleted unicast default via 192.0.2.1"),
        "{text}"
    );
    let text = objects(&lab, "wan");
    assert!(text.contains("198.51.100.9/24") && !text.contains("192.0.2."), "{text}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn another_prefix_length_of_the_same_address_replaces_the_old_one() {
    let lab = Lab::with_veth();
    let mut applier = install(&lab, &lease(77)).await;
    let narrow = Ipv4Config { prefix_len: 25, ..lease(77) };
    applier.configure4(lab.index("wan"), Some(&narrow), &MAIN, &[], NOW).await.unwrap();
    let text = objects(&lab, "wan");
    assert!(text.contains("192.0.2.77/25") && !text.contains("/24"), "{text}");
    assert!(text.contains("default via 192.0.2.1 proto 146"), "{text}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_identical_address_of_somebody_else_stays_and_is_a_conflict_inst_09() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    lab.ip("addr add 192.0.2.77/24 dev wan");
    let before = objects(&lab, "wan");
    let monitor = lab.monitor().await;
    assert_eq!(monitor.facts(wan, &[]).foreign4, [Ipv4Addr::new(192, 0, 2, 77)]);
    let mut applier = applier(&lab);
    let outcome = applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await;
    assert_eq!(outcome, Err(ConfigureError::Conflict("address 192.0.2.77/24".into())));
    assert_eq!(monitor.present4(wan, &lease(77), &MAIN), Presence4::Absent);
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    assert_eq!(objects(&lab, "wan"), before);
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_identical_route_of_somebody_else_stays_and_is_a_conflict_inst_09() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    lab.ip("addr add 192.0.2.200/24 dev wan");
    lab.ip("route add default via 192.0.2.1 dev wan metric 77");
    let before = objects(&lab, "wan");
    let mut applier = applier(&lab);
    let outcome = applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await;
    let object = "route 0.0.0.0/0 via 192.0.2.1 metric 77 table 254";
    assert_eq!(outcome, Err(ConfigureError::Conflict(object.into())));
    // All the rest is there.
    let text = objects(&lab, "wan");
    assert!(text.contains("192.0.2.77/24"), "{text}");
    assert!(text.contains("192.0.2.0/24 proto 146 scope link src 192.0.2.77 metric 77"), "{text}");
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    assert_eq!(objects(&lab, "wan"), before);
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_the_kernel_removes_along_with_ours_is_put_back_inst_09() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    lab.sysctl("net.ipv4.conf.all.promote_secondaries", "0");
    let mut applier = install(&lab, &lease(77)).await;
    lab.ip("addr add 192.0.2.200/24 brd + dev wan label wan:admin valid_lft 5000 preferred_lft 4000");
    lab.ip("addr add 203.0.113.5/28 dev wan");
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    let text = lab.ip("-o -4 addr show dev wan");
    assert!(text.contains("192.0.2.200/24 brd 192.0.2.255 scope global dynamic wan:admin"), "{text}");
    assert!(["5000sec", "4999sec"].iter().any(|left| text.contains(left)), "{text}");
    assert!(text.contains("203.0.113.5/28") && !text.contains("192.0.2.77"), "{text}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn two_links_may_have_routes_for_one_destination() {
    let lab = Lab::with_veth();
    lab.ip("link add name lan type veth peer name lanpeer");
    lab.ip("link set lan up");
    let (wan, lan) = (lab.index("wan"), lab.index("lan"));
    let mut applier = applier(&lab);
    for round in 0..2 {
        applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
        applier.configure4(lan, Some(&lease(78)), &MAIN, &[], NOW).await.unwrap();
        let text = lab.ip("-4 route show");
        assert_eq!(text.matches("default via 192.0.2.1").count(), 2, "{round}: {text}");
    }
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    assert_eq!(objects(&lab, "wan"), "");
    let text = objects(&lab, "lan");
    assert!(text.contains("default via 192.0.2.1 proto 146 src 192.0.2.78"), "{text}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_gateway_outside_the_subnet_is_reached_directly_inst_06() {
    let lab = Lab::with_veth();
    let route = Route4 { onlink: true, ..default_by([10, 9, 8, 7]) };
    let config = Ipv4Config { prefix_len: 32, routes: vec![route], mtu: Some(1280), ..lease(77) };
    install(&lab, &config).await;
    let text = objects(&lab, "wan");
    assert!(
        text.contains("default via 10.9.8.7 proto 146 src 192.0.2.77 metric 77 onlink mtu 1280"),
        "{text}"
    );
    let events = lab.events("inet");
    let mut applier = install(&lab, &config).await;
    assert_eq!(events.until_mark(), "");
    applier.configure4(lab.index("wan"), None, &MAIN, &[], NOW).await.unwrap();
    assert_eq!(objects(&lab, "wan"), "");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_route_that_somebody_deletes_or_replaces_is_noticed() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut monitor = lab.monitor().await;
    let mut applier = install(&lab, &lease(77)).await;
    let missing = |monitor: &_| lab::present(monitor, wan, &lease(77)) == Presence4::RoutesMissing;
    until(&mut monitor, "the lease is there", |monitor| whole(monitor, wan, &lease(77))).await;
    lab.ip("route del default metric 77");
    until(&mut monitor, "a route is gone", missing).await;
    applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
    until(&mut monitor, "it is back", |monitor| whole(monitor, wan, &lease(77))).await;
    lab.ip("route replace default via 192.0.2.254 dev wan metric 77 proto static");
    until(&mut monitor, "a route is replaced", missing).await;
    let outcome = applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await;
    assert!(matches!(outcome, Err(ConfigureError::Conflict(_))), "{outcome:?}");
    assert!(objects(&lab, "wan").contains("default via 192.0.2.254 proto static"));
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_target_without_arp_gets_no_subnet_route_inst_06() {
    let lab = Lab::with_veth();
    lab.ip("link set wan arp off");
    let route = Route4 { gateway: None, ..default_by([0; 4]) };
    install(&lab, &Ipv4Config { prefix_len: 32, routes: vec![route], ..lease(77) }).await;
    let text = objects(&lab, "wan");
    assert!(text.contains("192.0.2.77/32"), "{text}");
    assert!(text.contains("default proto 146 scope link src 192.0.2.77 metric 77"), "{text}");
    let wan = lab.index("wan");
    let monitor = lab.monitor().await;
    assert!(!monitor.facts(wan, &[Some((&monitor, wan))]).targets[0].as_ref().unwrap().arp);
}

#[tokio::test]
#[ignore = "needs root"]
async fn tables_have_32_bits_and_a_moved_placement_takes_all_routes_along() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut applier = install(&lab, &lease(77)).await;
    let placement = Placement { metric: 0, table: 70_000 };
    applier.configure4(wan, Some(&lease(77)), &placement, &[], NOW).await.unwrap();
    let text = lab.ip("-4 route show table 70000");
    assert!(text.contains("default via 192.0.2.1 dev wan proto 146 src 192.0.2.77"), "{text}");
    assert_eq!(lab.ip("-4 route show"), "");
    let monitor = lab.monitor().await;
    assert_eq!(monitor.present4(wan, &lease(77), &placement), Presence4::Whole);
    applier.configure4(wan, None, &MAIN, &[], NOW).await.unwrap();
    assert_eq!(objects(&lab, "wan"), "");
}

#[tokio::test]
#[ignore = "needs root"]
async fn changed_routes_are_changed_and_the_others_not_touched_inst_07() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let to = |third: u8, gateway: u8| Route4 {
        destination: Ipv4Addr::new(10, 0, third, 0),
        prefix_len: 24,
        gateway: Some(Ipv4Addr::new(192, 0, 2, gateway)),
        onlink: false,
    };
    let config = |routes: &[Route4]| Ipv4Config { routes: routes.to_vec(), ..lease(77) };
    let mut applier = install(&lab, &config(&[to(1, 1), to(2, 1), to(3, 1)])).await;
    let events = lab.events("inet");
    applier.configure4(wan, Some(&config(&[to(1, 1), to(2, 2), to(4, 1)])), &MAIN, &[], NOW).await.unwrap();
    let text = events.until_mark();
    assert!(!text.contains("10.0.1.0") && !text.contains("[ADDR]"), "{text}");
    let text = objects(&lab, "wan");
    for there in ["10.0.1.0/24 via 192.0.2.1", "10.0.2.0/24 via 192.0.2.2", "10.0.4.0/24 via 192.0.2.1"] {
        assert!(text.contains(there), "{there}: {text}");
    }
    assert!(!text.contains("10.0.2.0/24 via 192.0.2.1") && !text.contains("10.0.3.0"), "{text}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_target_that_is_not_there_is_named_inst_11() {
    let lab = Lab::new();
    let mut applier = applier(&lab);
    for index in [0, 4711] {
        let outcome = applier.configure4(index, Some(&lease(77)), &MAIN, &[], NOW).await;
        assert_eq!(outcome, Err(ConfigureError::NoTarget));
        applier.configure4(index, None, &MAIN, &[], NOW).await.unwrap();
        applier.assign6(index, &[], NOW).await.unwrap();
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_refusal_names_the_object_and_the_rest_is_installed_inst_10() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let unreachable = default_by([10, 9, 8, 7]);
    let config = Ipv4Config { routes: vec![unreachable], ..lease(77) };
    let outcome = applier(&lab).configure4(wan, Some(&config), &MAIN, &[], NOW).await;
    let object = "route 0.0.0.0/0 via 10.9.8.7 metric 77 table 254".to_owned();
    assert_eq!(outcome, Err(ConfigureError::Refused { object, errno: libc::ENETUNREACH }));
    let monitor = lab.monitor().await;
    assert_eq!(monitor.present4(wan, &config, &MAIN), Presence4::RoutesMissing);
    assert!(objects(&lab, "wan").contains("192.0.2.0/24 proto 146"));
}

#[tokio::test]
#[ignore = "needs root"]
async fn routes_come_back_after_the_target_was_down() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut monitor = lab.monitor().await;
    let mut applier = install(&lab, &lease(77)).await;
    until(&mut monitor, "the lease is there", |monitor| whole(monitor, wan, &lease(77))).await;
    // Fast: the monitor may never see it down.
    lab.batch("link set wan down\nlink set wan up\n");
    let routes_missing = |monitor: &_| lab::present(monitor, wan, &lease(77)) == Presence4::RoutesMissing;
    until(&mut monitor, "the routes are gone", routes_missing).await;
    applier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
    until(&mut monitor, "the routes are back", |monitor| whole(monitor, wan, &lease(77))).await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn orphans_of_an_earlier_run_go_and_only_they_sup_12() {
    let lab = Lab::with_veth();
    lab.ip("link add name lan type veth peer name lanpeer");
    lab.ip("link set lan up");
    let (wan, lan) = (lab.index("wan"), lab.index("lan"));
    let mut earlier = applier(&lab);
    earlier.configure4(wan, Some(&lease(77)), &MAIN, &[], NOW).await.unwrap();
    earlier.configure4(lan, Some(&lease(78)), &Placement { metric: 5, table: 300 }, &[], NOW).await.unwrap();
    earlier.assign6(wan, &[assignment("2001:db8::5")], NOW).await.unwrap();
    earlier.assign6(lan, &[assignment("2001:db8::6")], NOW).await.unwrap();
    lab.ip("addr add 198.51.100.4/24 dev lan");
    lab.ip("route add 10.0.0.0/8 via 198.51.100.1");
    lab.ip("-6 addr add 2001:db8:9::9/64 dev lan nodad");
    let kept = objects(&lab, "wan");
    applier(&lab).sweep(|index| index == wan, |index| index == wan).await.unwrap();
    assert_eq!(objects(&lab, "wan"), kept);
    let text = objects(&lab, "lan");
    assert!(text.contains("198.51.100.4/24") && text.contains("10.0.0.0/8"), "{text}");
    assert!(!text.contains("192.0.2.") && !text.contains("146"), "{text}");
    let text = lab.ip("-6 -o addr show scope global");
    assert!(text.contains("2001:db8::5/128") && text.contains("2001:db8:9::9/64"), "{text}");
    assert!(!text.contains("2001:db8::6"), "{text}");
}

fn assignment(address: &str) -> Assignment6 {
    Assignment6 {
        address: address.parse().expect("an address"),
        preferred_until: Some(later(1800)),
        valid_until: Some(later(3600)),
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn assigned_addresses_are_checked_once_and_their_lifetimes_follow() {
    let lab = Lab::with_veth();
    let wan = lab.index("wan");
    let mut monitor = lab.monitor().await;
    let mut applier = applier(&lab);
    lab.ip("-6 addr add 2001:db8:9::9/64 dev wan nodad");
    let five: Ipv6Addr = "2001:db8::5".parse().unwrap();
    let both = [assignment("2001:db8::5"), assignment("2001:db8::6")];
    let twice = [both[0], both[1], both[0]];
    applier.assign6(wan, &twice, NOW).await.unwrap();
    let ready = |tentative: bool| {
        move |monitor: &_| {
            let facts = lab::facts(monitor, wan);
            facts.addresses.iter().any(|known| known.address == five && known.tentative == tentative)
        }
    };
    until(&mut monitor, "it is being checked", ready(true)).await;
    let text = lab.ip("-6 -o addr show dev wan to 2001:db8::5");
    assert!(text.contains("2001:db8::5/128") && text.contains("noprefixroute"), "{text}");
    assert!(
        ["preferred_lft 1800sec", "preferred_lft 1799sec"].iter().any(|left| text.contains(left)),
        "{text}"
    );
    until(&mut monitor, "it is usable", ready(false)).await;
    let events = lab.events("inet6");
    applier.assign6(wan, &both, later(1)).await.unwrap();
    let renewed = Assignment6 { valid_until: None, preferred_until: Some(later(9000)), ..both[0] };
    applier.assign6(wan, &[renewed], NOW).await.unwrap();
    let text = events.until_mark();
    let five = text.lines().find(|line| line.contains("2001:db8::5/128")).expect("an event");
    assert!(five.contains("preferred_lft 9000sec") && !five.contains("tentative"), "{text}");
    assert!(text.contains("Deleted") && text.contains("2001:db8::6/128"), "{text}");
    applier.assign6(wan, &[], NOW).await.unwrap();
    let text = lab.ip("-6 -o addr show dev wan scope global");
    assert!(text.contains("2001:db8:9::9/64") && !text.contains("/128"), "{text}");
    let outcome = applier.assign6(wan, &[assignment("2001:db8:9::9")], NOW).await;
    assert!(matches!(outcome, Err(ConfigureError::Conflict(_))), "{outcome:?}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn each_endpoint_of_a_target_changes_only_its_own() {
    let lab = Lab::with_veth();
    // The kernel takes the later addresses of a subnet along with the first.
    lab.sysctl("net.ipv4.conf.all.promote_secondaries", "0");
    let [data, voice, iptv] = [77, 78, 79].map(|host| Ipv4Addr::new(192, 0, 2, host));
    let voice_routes = Placement { metric: 200, table: 77 };
    let wan = lab.index("wan");
    let mut applier = install(&lab, &lease(77)).await;
    applier.configure4(wan, Some(&lease(78)), &voice_routes, &[data, iptv], NOW).await.unwrap();
    applier.configure4(wan, Some(&lease(79)), &MAIN, &[data, voice], NOW).await.unwrap();
    let mut monitor = lab.monitor().await;
    for (config, placement) in [(lease(77), MAIN), (lease(78), voice_routes), (lease(79), MAIN)] {
        until(&mut monitor, "all are there", |monitor| {
            monitor.present4(wan, &config, &placement) == Presence4::Whole
        })
        .await;
    }

    // The first goes, and the kernel takes the others along for a moment.
    applier.configure4(wan, None, &MAIN, &[voice, iptv], NOW).await.unwrap();
    let text = objects(&lab, "wan");
    assert!(!text.contains("192.0.2.77"), "{text}");
    let mut monitor = lab.monitor().await;
    for (config, placement) in [(lease(78), voice_routes), (lease(79), MAIN)] {
        until(&mut monitor, "the others stay", |monitor| {
            monitor.present4(wan, &config, &placement) == Presence4::Whole
        })
        .await;
    }

    // Its return touches nobody.
    let events = lab.events("inet");
    applier.configure4(wan, Some(&lease(77)), &MAIN, &[voice, iptv], NOW).await.unwrap();
    let text = events.until_mark();
    assert!(!text.contains("Deleted"), "{text}");
    // One endpoint's replacement does not touch the others either.
    applier.configure4(wan, Some(&lease(90)), &MAIN, &[voice, iptv], NOW).await.unwrap();
    let text = objects(&lab, "wan");
    assert!(
        text.contains("192.0.2.78") && text.contains("192.0.2.79") && text.contains("192.0.2.90"),
        "{text}"
    );
    assert!(!text.contains("192.0.2.77"), "{text}");
}
