//! The monitor's picture beside what `ip` says.

mod lab;

use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::ids::HardwareAddress;
use lab::{Lab, facts, until};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::process::{Child, Command};
use std::sync::Arc;
use std::time::Duration;

fn by_name<'a>(monitor: &'a Monitor, name: &str) -> Option<&'a dhcp4o6_netlink::monitor::KernelLink> {
    monitor.links().find(|link| link.name == name)
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_link_keeps_its_index_through_a_rename_and_not_through_making_it_again_sup_02() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    let wan = lab.index("wan");
    assert_eq!(facts(&monitor, wan).name, "wan");
    lab.batch("link set wan down\nlink set wan name isp\nlink property add dev isp altname uplink\nlink set isp up\n");
    until(&mut monitor, "the new names", |monitor| {
        monitor.link(wan).is_some_and(|link| link.name == "isp" && link.alt_names == ["uplink"] && link.up())
    })
    .await;
    lab.batch("link property del dev isp altname uplink\nlink del isp\nlink add name isp type veth peer name peer\n");
    until(&mut monitor, "another link of the name", |monitor| {
        monitor.link(wan).is_none() && by_name(monitor, "isp").is_some_and(|link| link.index != wan)
    })
    .await;
    assert_eq!(facts(&monitor, wan), LinkFacts::default());
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_index_that_is_used_again_has_nothing_of_the_old_link_sup_02() {
    let lab = Lab::new();
    lab.ip("link add name wan index 700 type veth peer name peer");
    lab.ip("addr add 2001:db8::1/64 dev wan nodad");
    lab.ip("link set wan up");
    let mut monitor = lab.monitor().await;
    assert_eq!(facts(&monitor, 700).addresses.len(), 1);
    lab.batch("link del wan\nlink add name lan index 700 type veth peer name peer\n");
    until(&mut monitor, "the other link", |monitor| facts(monitor, 700).name == "lan").await;
    assert!(facts(&monitor, 700).addresses.is_empty());
}

#[tokio::test]
#[ignore = "needs root"]
async fn carrier_and_mtu_and_addresses_of_the_device_follow() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    let wan = lab.index("wan");
    until(&mut monitor, "it runs", |monitor| facts(monitor, wan).running()).await;
    lab.ip("link set peer down");
    until(&mut monitor, "no carrier", |monitor| facts(monitor, wan).up && !facts(monitor, wan).carrier).await;
    lab.ip("link set peer up");
    until(&mut monitor, "carrier", |monitor| facts(monitor, wan).carrier).await;
    lab.ip("link set wan mtu 1400");
    lab.ip("link set wan address 02:00:5e:10:00:01");
    let address = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 1]);
    until(&mut monitor, "MTU and address", |monitor| {
        let facts = facts(monitor, wan);
        facts.mtu == 1400 && facts.hardware == address
    })
    .await;
    let link = monitor.link(wan).unwrap();
    // The kernel knows no permanent address of a veth.
    assert_eq!((link.kind.as_deref(), &link.permanent), (Some("veth"), &address));
    assert!(link.arp() && !link.loopback());
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_link_local_address_is_usable_when_it_is_checked_and_not_before_sup_03() {
    let lab = Lab::new();
    let mut monitor = lab.monitor().await;
    lab.batch("link add name wan type veth peer name peer\nlink set peer up\nlink set wan up\n");
    until(&mut monitor, "the link", |monitor| by_name(monitor, "wan").is_some_and(|link| link.up())).await;
    let wan = lab.index("wan");
    assert_eq!(facts(&monitor, wan).link_local(), None);
    until(&mut monitor, "a usable address", |monitor| facts(monitor, wan).link_local().is_some()).await;
    let said = lab.ip("-6 -o addr show dev wan scope link -tentative");
    assert!(said.contains(&facts(&monitor, wan).link_local().unwrap().to_string()), "{said}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_duplicate_address_is_known_as_one() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    let (wan, peer) = (lab.index("wan"), lab.index("peer"));
    // So that the one can ask and the other answer.
    until(&mut monitor, "both ends work", |monitor| {
        [wan, peer].iter().all(|end| facts(monitor, *end).link_local().is_some())
    })
    .await;
    // One probe, as is usual, may be lost on a busy machine.
    lab.sysctl("net.ipv6.conf.wan.dad_transmits", "8");
    lab.ip("-6 addr add 2001:db8::7/64 dev peer nodad");
    lab.ip("-6 addr add 2001:db8::7/64 dev wan");
    let seven: Ipv6Addr = "2001:db8::7".parse().unwrap();
    let duplicate = |monitor: &Monitor| {
        facts(monitor, wan).addresses.iter().any(|known| known.address == seven && known.duplicate)
    };
    until(&mut monitor, "the failure", duplicate).await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn an_ipv4_address_of_somebody_else_is_foreign_and_loopback_is_not() {
    let lab = Lab::with_veth();
    let mut monitor = lab.monitor().await;
    let wan = lab.index("wan");
    assert!(facts(&monitor, wan).foreign4.is_empty());
    lab.ip("addr add 198.51.100.4/24 dev peer");
    let address: Ipv4Addr = "198.51.100.4".parse().unwrap();
    until(&mut monitor, "it comes", |monitor| facts(monitor, wan).foreign4 == [address]).await;
    lab.ip("addr del 198.51.100.4/24 dev peer");
    until(&mut monitor, "it goes", |monitor| facts(monitor, wan).foreign4.is_empty()).await;
}

/// radvd, ended with the test.
struct Router {
    child: Child,
    files: [String; 3],
}

impl Router {
    fn start(lab: &Lab, config: &str) -> Self {
        let files = ["conf", "pid", "log"]
            .map(|end| format!("{}/{}.{end}", std::env::temp_dir().display(), lab.name));
        let [file, pid, log] = &files;
        std::fs::write(file, config).expect("a file");
        let radvd = ["radvd", "-n", "-d", "1", "-m", "logfile", "-l", log, "-C", file, "-p", pid];
        let arguments = ["netns", "exec", &lab.name].into_iter().chain(radvd);
        let child = Command::new("ip").args(arguments).spawn().expect("radvd is installed");
        Self { child, files }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = std::fs::read_to_string(&self.files[2]).unwrap_or_default();
            println!("radvd {:?}: {log}", self.child.try_wait());
        }
        let id = nix::unistd::Pid::from_raw(self.child.id().try_into().expect("a process id"));
        let _ = nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGTERM);
        let _ = self.child.wait();
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn what_routers_advertise_is_known_live_and_from_a_dump() {
    let (lab, isp) = (Lab::new(), Lab::new());
    lab.ip(&format!("link add name wan type veth peer name lan netns {}", isp.name));
    isp.sysctl("net.ipv6.conf.all.forwarding", "1");
    isp.ip("-6 addr add 2001:db8:7::1/64 dev lan nodad");
    isp.ip("link set lan up");
    let mut monitor = lab.monitor().await;
    let wan = lab.index("wan");
    lab.ip("link set wan up");
    // radvd gives up on an interface without a usable link-local address until that has carrier anew.
    let (mut there, lan) = (isp.monitor().await, isp.index("lan"));
    until(&mut there, "the router can speak", |there| facts(there, lan).link_local().is_some()).await;
    let config = |flags: &str, prefix: &str| {
        format!(
            "interface lan {{ AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; {flags} \
             prefix {prefix}/64 {{ AdvValidLifetime 30; AdvPreferredLifetime 20; }}; }};"
        )
    };
    let seven = ("2001:db8:7::".parse().unwrap(), 64);
    let router = Router::start(&isp, &config("AdvManagedFlag on; AdvOtherConfigFlag on;", "2001:db8:7::"));
    until(&mut monitor, "M, O and the prefix", |monitor| {
        facts(monitor, wan).ra.is_some_and(|ra| ra.managed && ra.other && ra.prefixes == [seven])
    })
    .await;
    let dumped = lab.monitor().await;
    assert_eq!(facts(&dumped, wan).ra, facts(&monitor, wan).ra);
    drop(router);
    let eight = ("2001:db8:8::".parse().unwrap(), 64);
    isp.ip("-6 addr add 2001:db8:8::1/64 dev lan nodad");
    let _router = Router::start(&isp, &config("AdvManagedFlag off; AdvOtherConfigFlag on;", "2001:db8:8::"));
    until(&mut monitor, "M is gone, a prefix more", |monitor| {
        facts(monitor, wan).ra.is_some_and(|ra| !ra.managed && ra.other && ra.prefixes.contains(&eight))
    })
    .await;
    lab.ip("link set wan down");
    until(&mut monitor, "nothing is left", |monitor| {
        facts(monitor, wan).ra.is_none() && facts(monitor, wan).addresses.is_empty()
    })
    .await;
}

/// Names, indices, flags and addresses, as the kernel has them now.
async fn truth(lab: &Lab) -> BTreeMap<u32, LinkFacts> {
    picture(&lab.monitor().await)
}

fn picture(monitor: &Monitor) -> BTreeMap<u32, LinkFacts> {
    let sorted = |index| {
        let mut facts = monitor.facts(index, &[Some((monitor, index))]);
        facts.addresses.sort_by_key(|known| known.address);
        facts.targets.iter_mut().flatten().for_each(|target| target.ours4.sort());
        facts
    };
    monitor.links().map(|link| (link.index, sorted(link.index))).collect()
}

#[tokio::test]
#[ignore = "needs root"]
async fn after_an_overrun_the_picture_is_the_kernel_s_sup_01() {
    let lab = Lab::new();
    // Room for two or three events.
    let mut monitor = Monitor::open_with_queue(&lab.netns(), Some(4096)).await.unwrap();
    let mut lines = String::new();
    for pair in 0..100 {
        let _ = writeln!(lines, "link add name a{pair} type veth peer name b{pair}\nlink set a{pair} up");
        let _ = writeln!(lines, "addr add 198.51.100.{pair}/32 dev a{pair}");
        let _ = writeln!(lines, "-6 addr add 2001:db8::{pair}/64 dev a{pair} nodad");
    }
    for flap in 0..4500 {
        let way = if flap % 2 == 0 { "up" } else { "down" };
        let _ = writeln!(lines, "link set b{} {way}", flap % 100);
    }
    for pair in (0..100).filter(|pair| pair % 3 == 0) {
        let _ = writeln!(lines, "link del a{pair}");
    }
    // Nobody reads meanwhile.
    lab.batch(&lines);
    let expected = truth(&lab).await;
    assert!(expected.len() > 100);
    let same = |monitor: &Monitor| {
        let (known, names) = (picture(monitor), |all: &BTreeMap<u32, LinkFacts>| {
            all.values().map(|facts| (facts.index, facts.name.clone(), facts.up)).collect::<BTreeSet<_>>()
        });
        names(&known) == names(&expected)
    };
    until(&mut monitor, "the links of the kernel", same).await;
    settled(&mut monitor, &lab).await;
    assert!(monitor.overruns() > 0);
}

/// Waits until the picture is that of a fresh dump: duplicate address detection may go on for a while.
async fn settled(monitor: &mut Monitor, lab: &Lab) {
    let same = async {
        while picture(monitor) != truth(lab).await {
            monitor.changed().await.expect("the monitor goes on");
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), same).await.is_err() {
        assert_eq!(picture(monitor), truth(lab).await);
    }
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_storm_that_is_followed_ends_in_the_kernel_s_picture_sup_01() {
    let lab = Arc::new(Lab::with_veth());
    let mut monitor = lab.monitor().await;
    let wan = lab.index("wan");
    let mut lines = String::new();
    for flap in 0..2000 {
        let _ = writeln!(lines, "link set peer {}", if flap % 2 == 0 { "down" } else { "up" });
        let _ = writeln!(lines, "addr add 10.0.{}.1/24 dev wan", flap % 250);
        let _ = writeln!(lines, "addr del 10.0.{}.1/24 dev wan", (flap + 1) % 250);
    }
    lines.push_str("addr add 192.0.2.99/32 dev wan\n");
    let storm = tokio::task::spawn_blocking({
        let lab = Arc::clone(&lab);
        move || lab.batch(&lines)
    });
    let end: Ipv4Addr = "192.0.2.99".parse().unwrap();
    until(&mut monitor, "the end of the storm", |monitor| monitor.has_address4(wan, end)).await;
    storm.await.unwrap();
    settled(&mut monitor, &lab).await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_quiet_namespace_wakes_nobody() {
    let lab = Lab::new();
    let mut monitor = lab.monitor().await;
    // Routes of others are not even read.
    lab.ip("route add 10.0.0.0/8 dev lo");
    lab.ip("-6 route add 2001:db8::/32 dev lo proto static");
    let quiet = tokio::time::timeout(Duration::from_millis(200), monitor.changed()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test]
async fn the_namespace_of_the_process_can_be_watched_without_any_right() {
    let monitor = Monitor::open(&Netns::current().unwrap()).await.unwrap();
    assert!(monitor.links().any(|link| link.loopback()));
}
