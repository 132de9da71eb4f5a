//! The demonstration: a provider and a customer in network namespaces of their own, joined by an IPv6-only link. Kea
//! serves, `dhcp4o6d` obtains IPv4, and everything is shown as it happens.
//!
//! It exits with 0 when IPv4 works through the link, and removes all it made, also when it is interrupted: everything
//! it starts dies with it, and `tests/in-lab` gives it namespaces that end with it.

mod show;

use dhcp4o6_protocol::wire::v6::MessageType;
use dhcp4o6_tests::{
    Bus, BusClient, Capture, Change, Daemon, Dhcp, Kea, KeaSettings, Lab, Router, Watch, ctl,
};
use show::Screen;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// The smallest useful configuration.
const CONFIG: &str = "[[link]]\nmatch = \"c0\"\n";
/// An address of the provider beyond the link, reached by a route of the lease.
const BEYOND: &str = "198.51.100.1";
/// Longest wait for IPv4.
const LIMIT: Duration = Duration::from_secs(60);
/// How often the screen catches up. Times are those of the events.
const REFRESH: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    let mut screen = Screen::new();
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&mut screen)));
    match run {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(why)) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
        // What went wrong was printed when it did.
        Err(_) => ExitCode::FAILURE,
    }
}

fn run(screen: &mut Screen) -> Result<(), String> {
    screen.heading("The stage");
    let lab = Lab::like_a_host();
    screen.fact("provider and customer, a network namespace each, joined by a veth link without IPv4");
    let kea = Kea::start(&lab, KeaSettings::default());
    let router = Router::start(&lab, true, true);
    screen
        .fact("provider: Kea serves DHCPv6 and, inside it, DHCPv4; radvd says that addresses come by DHCPv6");
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    let wire = Capture::start(&lab.customer);
    let kernel = Watch::open(&lab.customer);
    let mut daemon = Daemon::start(&lab, &bus, CONFIG);
    screen.fact("customer: dhcp4o6d runs, on a private D-Bus, with this configuration:");
    screen.quote(CONFIG);

    screen.heading("IPv4 over the IPv6-only link");
    let start = Instant::now();
    lab.customer.ip("link set c0 up");
    screen.event(Duration::ZERO, "link", "c0 comes up");
    let mut story = Story::new(start);
    let bound = story.follow(screen, &wire, &mut client, &kernel);
    if !bound {
        screen.quote(&String::from_utf8_lossy(&ctl(&bus, "explain c0").stdout));
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }

    screen.heading("Does it work?");
    let before = Instant::now();
    if !lab.customer.pings(BEYOND) {
        return Err(format!("{BEYOND}, beyond the provider's router, does not answer"));
    }
    screen
        .fact(&format!("{BEYOND}, beyond the provider's router, answers a ping ({:.1?})", before.elapsed()));
    for (title, command) in [("dhcp4o6ctl status", "status"), ("dhcp4o6ctl explain c0", "explain c0")] {
        let output = ctl(&bus, command);
        if !output.status.success() {
            return Err(format!("{title} failed: {}", String::from_utf8_lossy(&output.stderr)));
        }
        screen.command(title, &String::from_utf8_lossy(&output.stdout));
    }

    screen.heading("The end");
    let status = daemon.terminate();
    if !status.success() {
        return Err(format!("dhcp4o6d ended with {status}"));
    }
    screen.fact("dhcp4o6d stopped in good order");
    drop((kea, router, wire, kernel, client, bus, daemon, lab));
    screen.fact("servers, bus, namespaces and files are removed");
    story.summary(screen);
    Ok(())
}

/// What happened since the link came up.
struct Story {
    start: Instant,
    frames: usize,
    changes: usize,
    signals: usize,
    steps: Vec<(&'static str, Instant)>,
}

impl Story {
    fn new(start: Instant) -> Self {
        Self { start, frames: 0, changes: 0, signals: 0, steps: vec![("link up", start)] }
    }

    /// Shows events as they come, until the service says that IPv4 is bound. False when that takes too long.
    fn follow(
        &mut self,
        screen: &mut Screen,
        wire: &Capture,
        client: &mut BusClient,
        kernel: &Watch,
    ) -> bool {
        while self.start.elapsed() < LIMIT {
            let mut events = Vec::new();
            wire.wait_any_after(self.frames, REFRESH);
            // The latest in the chain first: whatever led to it has happened by the time the others are read.
            let bound = self.signals(client, &mut events);
            self.kernel(kernel, &mut events);
            self.packets(wire, &mut events);
            events.sort_by_key(|(at, ..)| *at);
            for (at, who, text) in events {
                screen.event(at.saturating_duration_since(self.start), who, &text);
            }
            if bound {
                return true;
            }
        }
        false
    }

    fn packets(&mut self, wire: &Capture, events: &mut Vec<(Instant, &'static str, String)>) {
        let frames = wire.frames();
        for dhcp in frames.iter().skip(self.frames).filter_map(|frame| frame.dhcp()) {
            let arrow = if dhcp.outgoing { "-->" } else { "<--" };
            events.push((dhcp.at, "wire", format!("{arrow} {}", describe(&dhcp))));
            match (dhcp.kind, dhcp.outgoing) {
                (MessageType::REPLY, false) => self.step("DHCPv6 configured, 4o6 enabled", dhcp.at),
                (MessageType::DHCPV4_QUERY, true) => self.step("first DHCPv4-query", dhcp.at),
                (_, true) => self.step("first DHCPv6 message", dhcp.at),
                _ => {}
            }
        }
        self.frames = frames.len();
    }

    fn kernel(&mut self, kernel: &Watch, events: &mut Vec<(Instant, &'static str, String)>) {
        let changes = kernel.changes();
        for (at, change) in changes.iter().skip(self.changes) {
            match change {
                Change::Address(address) if *address != Ipv4Addr::LOCALHOST => {
                    events.push((*at, "kernel", format!("c0 has {address}")));
                    self.steps.push(("IPv4 address on the link", *at));
                }
                Change::Route(route) => events.push((*at, "kernel", format!("route {route}"))),
                _ => {}
            }
        }
        self.changes = changes.len();
    }

    /// True once the service says that IPv4 is bound.
    fn signals(&mut self, client: &mut BusClient, events: &mut Vec<(Instant, &'static str, String)>) -> bool {
        let mut bound = false;
        let seen = client.seen();
        for signal in seen.iter().skip(self.signals).filter(|signal| signal.member == "StateChanged") {
            let [new, reason] = [0, 2].map(|at| signal.arguments[at].as_str().unwrap_or_default());
            events.push((signal.at, "D-Bus", format!("c0 is {new} ({reason})")));
            bound |= new == "bound";
            if new == "bound" {
                self.steps.push(("bound, on D-Bus", signal.at));
            }
        }
        self.signals = seen.len();
        bound
    }

    /// Notes the first time that something happens.
    fn step(&mut self, what: &'static str, at: Instant) {
        if self.steps.iter().all(|(known, _)| *known != what) {
            self.steps.push((what, at));
        }
    }

    fn summary(&self, screen: &mut Screen) {
        screen.heading("Times");
        let mut steps = self.steps.clone();
        steps.sort_by_key(|(_, at)| *at);
        let mut before = self.start;
        for (what, at) in steps {
            screen.row(what, at - self.start, at - before);
            before = at;
        }
    }
}

/// A datagram in a line.
fn describe(dhcp: &Dhcp) -> String {
    let Some(inner) = dhcp.inner() else { return dhcp.kind.to_string() };
    let kind = inner.kind().map_or_else(|| "?".to_owned(), |kind| kind.to_string());
    let offered = if inner.yiaddr.is_unspecified() { String::new() } else { format!(" {}", inner.yiaddr) };
    format!("{} {{ {kind}{offered} }}", dhcp.kind)
}
