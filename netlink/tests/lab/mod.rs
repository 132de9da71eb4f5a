//! A network namespace for one test, made and changed by `ip` and removed whatever happens.
//!
//! Needs root, or the inside of `unshare -Urn --mount` with a tmpfs on /run.

#![allow(dead_code, reason = "each test file uses its own part")]

use dhcp4o6_netlink::monitor::{Monitor, Presence4};
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_netlink::plan::Placement;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::lease::{Ipv4Config, Route4};
use dhcp4o6_protocol::time::Instant;
use std::io::{BufRead, BufReader, Lines};
use std::net::Ipv4Addr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A namespace of its own.
pub(crate) struct Lab {
    pub(crate) name: String,
}

impl Lab {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let lab = Self { name: format!("d46n-{}-{number}", std::process::id()) };
        run("ip", &["netns", "add", &lab.name]);
        lab.ip("link set lo up");
        lab
    }

    /// With the veth pair `wan`, `peer`, both up.
    pub(crate) fn with_veth() -> Self {
        let lab = Self::new();
        lab.ip("link add name wan type veth peer name peer");
        lab.ip("link set peer up");
        lab.ip("link set wan up");
        lab
    }

    /// Runs `ip` inside.
    pub(crate) fn ip(&self, arguments: &str) -> String {
        let mut all = vec!["-n", &self.name];
        all.extend(arguments.split_whitespace());
        run("ip", &all)
    }

    /// Runs `ip -batch` inside.
    pub(crate) fn batch(&self, lines: &str) {
        use std::io::Write;
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-force", "-batch", "-"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ip runs");
        child.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("ip reads");
        child.wait().expect("ip ends");
    }

    /// Runs a program inside.
    pub(crate) fn exec(&self, program: &[&str]) -> String {
        let mut all = vec!["netns", "exec", &self.name];
        all.extend(program);
        run("ip", &all)
    }

    pub(crate) fn sysctl(&self, key: &str, value: &str) {
        self.exec(&["sysctl", "-qw", &format!("{key}={value}")]);
    }

    pub(crate) fn netns(&self) -> Netns {
        Netns::named(&self.name).expect("the namespace was just made")
    }

    pub(crate) async fn monitor(&self) -> Monitor {
        Monitor::open(&self.netns()).await.expect("a monitor opens")
    }

    pub(crate) fn index(&self, link: &str) -> u32 {
        let text = self.ip(&format!("-o link show dev {link}"));
        text.split(':').next().and_then(|number| number.parse().ok()).expect("an index")
    }
}

/// What `ip monitor` prints, from when it listens until a mark.
pub(crate) struct IpMonitor<'a> {
    lab: &'a Lab,
    family: &'static str,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Lab {
    /// Listens to addresses and routes of a family (`inet`, `inet6`). The marks are addresses of the loopback
    /// interface.
    pub(crate) fn events(&self, family: &'static str) -> IpMonitor<'_> {
        let mut child = Command::new("ip")
            .args(["-n", &self.name, "-f", family, "-o", "-d", "monitor", "label", "address", "route"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("ip runs");
        let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
        let mut monitor = IpMonitor { lab: self, family, child, lines };
        // Until the first mark is heard, it does not listen yet.
        let heard = std::sync::atomic::AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !heard.load(Ordering::Relaxed) {
                    self.mark(family, 1);
                }
            });
            monitor.lines.next();
            heard.store(true, Ordering::Relaxed);
        });
        monitor
    }

    fn mark(&self, family: &str, number: u8) {
        let address = mark(family, number);
        self.ip(&format!("addr add {address} dev lo"));
        self.ip(&format!("addr del {address} dev lo"));
    }
}

fn mark(family: &str, number: u8) -> String {
    if family == "inet" { format!("127.99.99.{number}") } else { format!("2001:db8:99:99::{number}") }
}

impl IpMonitor<'_> {
    /// What happened until now, without the marks.
    pub(crate) fn until_mark(mut self) -> String {
        self.lab.mark(self.family, 2);
        let lines = self.lines.by_ref().map(|line| line.expect("text"));
        let all: Vec<_> = lines.take_while(|line| !line.contains(&mark(self.family, 2))).collect();
        all.iter()
            .filter(|line| !line.contains(&mark(self.family, 1)))
            .map(|line| format!("{line}\n"))
            .collect()
    }
}

impl Drop for IpMonitor<'_> {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

pub(crate) fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().expect("the program is installed");
    let (text, complaint) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {arguments:?}: {text}{complaint}");
    text.into_owned()
}

/// Follows a monitor until something is so.
pub(crate) async fn until(monitor: &mut Monitor, what: &str, so: impl Fn(&Monitor) -> bool) {
    let wait = async {
        while !so(monitor) {
            monitor.changed().await.expect("the monitor goes on");
        }
    };
    if tokio::time::timeout(Duration::from_secs(20), wait).await.is_err() {
        let now = Monitor::open(monitor.netns()).await.expect("a monitor opens");
        for link in now.links() {
            let (heard, is) = (facts(monitor, link.index), facts(&now, link.index));
            println!(
                "heard {heard:?}\n   is {}",
                if is == heard { "the same".into() } else { format!("{is:?}") }
            );
        }
        panic!("never: {what}");
    }
}

/// The moment at which the tests install their leases.
pub(crate) const NOW: Instant = Instant::from_secs(1000);
pub(crate) const MAIN: Placement = Placement { metric: 77, table: 0 };

/// A lease of an hour of 192.0.2.`host`/24 with a default route by 192.0.2.1.
pub(crate) fn lease(host: u8) -> Ipv4Config {
    Ipv4Config {
        address: Ipv4Addr::new(192, 0, 2, host),
        prefix_len: 24,
        expires_at: Some(Instant::from_secs(4600)),
        routes: vec![default_by([192, 0, 2, 1])],
        mtu: None,
        gateway: None,
        dns: vec![],
        domains: vec![],
        ntp: vec![],
        host_name: None,
    }
}

pub(crate) fn default_by(gateway: [u8; 4]) -> Route4 {
    Route4 { destination: Ipv4Addr::UNSPECIFIED, prefix_len: 0, gateway: Some(gateway.into()), onlink: false }
}

pub(crate) fn present(monitor: &Monitor, index: u32, config: &Ipv4Config) -> Presence4 {
    monitor.present4(index, config, &MAIN)
}

pub(crate) fn whole(monitor: &Monitor, index: u32, config: &Ipv4Config) -> bool {
    present(monitor, index, config) == Presence4::Whole
}

pub(crate) fn facts(monitor: &Monitor, index: u32) -> LinkFacts {
    monitor.facts(index, &[])
}
