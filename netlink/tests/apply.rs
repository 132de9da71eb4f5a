//! Leases against a real kernel.

mod lab;

use dhcp4o6_netlink::apply::Applier;
use lab::{Lab, MAIN, NOW, lease, until, whole};
use std::net::Ipv4Addr;

#[tokio::test]
#[ignore = "needs root"]
async fn a_lease_is_an_address_with_what_is_left_and_marked_routes_inst_02_inst_03() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    let mut applier = Applier::open(&lab.netns()).unwrap();
    let wan = lab.index("wan");
    applier.configure4(wan, Some(&lease(77)), &MAIN, NOW).await.unwrap();
    let text = lab.ip("-d -4 addr show dev wan");
    for part in ["inet 192.0.2.77/24 ", "noprefixroute"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains("/24 brd"), "{text}");
    assert!(["3600sec", "3599sec"].iter().any(|left| text.contains(left)), "{text}");
    let text = lab.ip("-d -4 route show dev wan");
    for part in [
        "unicast default via 192.0.2.1 proto 146 scope global src 192.0.2.77 metric 77",
        "unicast 192.0.2.0/24 proto 146 scope link src 192.0.2.77 metric 77",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert_eq!(text.lines().count(), 2, "{text}");
    until(&mut monitor, "the monitor sees it", |monitor| whole(monitor, wan, &lease(77))).await;
    let facts = monitor.facts(wan, Some((&monitor, wan)));
    assert_eq!(facts.target.unwrap().ours4, [Ipv4Addr::new(192, 0, 2, 77)]);
    assert!(facts.foreign4.is_empty());
}
