//! Named namespaces that come, go, and come again.

mod lab;

use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::netns::{Netns, NetnsWatch};
use lab::{Lab, run};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

fn of_this_thread() -> io::Result<u64> {
    std::fs::metadata("/proc/thread-self/ns/net").map(|file| file.ino())
}

async fn seen(watch: &mut NetnsWatch, so: impl Fn(&NetnsWatch) -> bool) {
    let wait = async {
        while !so(watch) {
            watch.changed().await.expect("the watch goes on");
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.expect("the watch notices");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_namespace_that_comes_goes_and_comes_again_is_another_one() {
    let mut watch = NetnsWatch::open().unwrap();
    let lab = Lab::new();
    let name = lab.name.clone();
    seen(&mut watch, |watch| watch.present().contains_key(&name)).await;
    // Mounted, not merely a file: it can be opened now.
    let first = Netns::named(&name).unwrap();
    assert_eq!(watch.present()[&name], first.inode());
    // Held by us, so that its inode cannot be used again.
    run("ip", &["netns", "del", &name]);
    seen(&mut watch, |watch| !watch.present().contains_key(&name)).await;
    assert_eq!(Netns::named(&name).unwrap_err().kind(), io::ErrorKind::NotFound);
    run("ip", &["netns", "add", &name]);
    seen(&mut watch, |watch| watch.present().contains_key(&name)).await;
    let second = Netns::named(&name).unwrap();
    assert_ne!(first.inode(), second.inode());
    // Replaced while nobody looked is a change too.
    run("ip", &["netns", "del", &name]);
    run("ip", &["netns", "add", &name]);
    seen(&mut watch, |watch| watch.present().get(&name).is_some_and(|inode| *inode != second.inode())).await;
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_visit_leaves_no_thread_inside_and_its_sockets_stay() {
    let lab = Lab::with_veth();
    let here = Netns::current().unwrap().inode();
    let there = lab.netns();
    let visited = there.run(of_this_thread).unwrap();
    assert_eq!(visited, there.inode());
    assert_eq!(of_this_thread().unwrap(), here);
    // Two names of one namespace are one namespace.
    assert_eq!(Netns::named(&lab.name).unwrap().inode(), there.inode());
    assert_eq!(there.name(), Some(lab.name.as_str()));
    let names: Vec<_> = Monitor::open(&there).await.unwrap().links().map(|link| link.name.clone()).collect();
    assert!(names.iter().any(|name| name == "wan"), "{names:?}");
}

#[tokio::test]
#[ignore = "needs root"]
async fn a_panic_inside_is_an_error_outside() {
    let lab = Lab::new();
    let outcome = lab.netns().run::<()>(|| panic!("as an experiment"));
    assert_eq!(outcome.unwrap_err().kind(), io::ErrorKind::Other);
}
