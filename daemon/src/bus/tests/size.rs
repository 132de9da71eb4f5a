//! What many links cost.

use super::world::{Bus, NETNS, Service, named, ready, soon};
use crate::control::{LinkHandle, LinkId, Notice, TrafficMeter};
use crate::mailbox::mailbox;
use dhcp4o6_dbus::{BUS_NAME, ROOT};
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::watch;
use zbus::fdo::ObjectManagerProxy;

const LINKS: u32 = 1000;
/// Of the ten megabytes for a thousand links the bus gets less than half.
const MOST_PER_LINK: u64 = 4500;

/// Memory of this process that nobody shares, in octets.
fn private_dirty() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let line = rollup.lines().find(|line| line.starts_with("Private_Dirty:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 1024
}

/// In a process of its own, because memory is the process's and other tests run in this one.
#[test]
fn a_thousand_links_cost_a_few_megabytes() {
    let mut alone = std::process::Command::new(std::env::current_exe().unwrap());
    alone.args(["--exact", "bus::tests::size::alone", "--ignored", "--nocapture"]);
    let output = alone.output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
}

#[tokio::test]
#[ignore = "part of a_thousand_links_cost_a_few_megabytes"]
async fn alone() {
    if std::env::args().all(|argument| argument != "--exact") {
        return;
    }
    let bus = Bus::start();
    let service = Service::start(&bus);
    let _first = service.add(LINKS + 1, named("first"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    // What links cost without a bus is not the bus's.
    let (mut handles, mut ends) = (Vec::new(), Vec::new());
    for index in 1..=LINKS {
        let (commands, commands_end) = mailbox(1);
        let (status, status_end) = watch::channel(Arc::new(named(&format!("wan{index}"))));
        let traffic = Arc::new(TrafficMeter::default());
        let id = LinkId { netns: NETNS, index };
        handles.push(LinkHandle { id, namespace: None, commands, status: status_end, traffic });
        ends.push((commands_end, status));
    }
    let (before, began) = (private_dirty(), Instant::now());
    for handle in handles {
        service.notices.send(Notice::Added(handle)).unwrap();
    }
    ready(&client, LINKS as usize + 1).await;
    let added = began.elapsed();
    let per_link = (private_dirty() - before) / u64::from(LINKS);

    let objects =
        ObjectManagerProxy::builder(&client).destination(BUS_NAME).path(ROOT).build().await.unwrap();
    let began = Instant::now();
    let count = soon(objects.get_managed_objects()).await.unwrap().len();
    println!(
        "{per_link} octets per link; {LINKS} links added in {added:?}; {count} objects read in {:?}",
        began.elapsed()
    );
    assert!(per_link < MOST_PER_LINK, "{per_link} octets per link");
}
