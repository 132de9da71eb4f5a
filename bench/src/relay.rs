//! Messages a second through our relay agent on one processor, beside a bare forwarder on the same.
//!
//! ```text
//! customer c0 ---- r0 relay u0 ---- s0 provider
//! ```
//!
//! The generator runs on another processor and sends more than either can take; the provider's kernel counts what
//! arrives and drops it.

use crate::provider;
use crate::report::{Row, median, spread};
use dhcp4o6_tests::{Lab, Namespace, Process, program};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

const RUNS: usize = 3;
/// Part of the forwarder's rate.
const PART: f64 = 0.8;

const CONFIG: &str = r#"
[[relay]]
name = "bench"
clients = [{ name = "r0", accept-unicast-4o6 = true }]
upstream = ["u0"]
servers = ["2001:db8:7::2"]
rate-per-interface = 0
rate-per-source = 0
"#;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Relay,
    Forwarder,
}

/// Measures both.
///
/// # Errors
/// Why it cannot be done here.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Result<Vec<Row>, String> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err("the relay agent beside a forwarder: takes two processors".to_owned());
    }
    let (mut ours, mut bare, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=RUNS {
        progress(&format!("relayed messages a second: run {run} of {RUNS}"));
        for (between, rates) in [(Between::Relay, &mut ours), (Between::Forwarder, &mut bare)] {
            let (arrived, generated) = through(between);
            rates.push(arrived);
            sent.push(generated);
        }
    }
    let offered = format!("{:.0}/s were sent", sent.iter().copied().fold(f64::INFINITY, f64::min));
    Ok(vec![
        Row::new(
            "relayed messages/s: dhcp4o6d",
            median(&ours),
            "/s",
            format!("one processor, {}; {offered} or more", spread(&ours)),
        )
        .at_least(PART * median(&bare)),
        Row::new(
            "relayed messages/s: bare forwarder",
            median(&bare),
            "/s",
            format!("one processor, {}", spread(&bare)),
        ),
    ])
}

/// What arrives beyond, and what was sent; both per second.
fn through(between: Between) -> (f64, f64) {
    let lab = Lab::apart();
    let middle = lab.namespace("r");
    lab.join((&middle, "r0"), (&lab.customer, "c0"));
    lab.join((&middle, "u0"), (&lab.provider, "s0"));
    for (namespace, address, interface) in [
        (&lab.customer, "2001:db8:6::2", "c0"),
        (&middle, "2001:db8:6::1", "r0"),
        (&middle, "2001:db8:7::1", "u0"),
        (&lab.provider, "2001:db8:7::2", "s0"),
    ] {
        namespace.ip(&format!("addr add {address}/64 dev {interface} nodad"));
    }
    swallow(&lab.provider, lab.dir());
    let _process = start(between, &lab, &middle);
    let mut command = lab.customer.command("taskset");
    command.args(["--cpu-list", "1"]).arg(program("dhcp4o6-load"));
    let options = format!("--server {} --direct --mode flood --clients 1024 --duration 4s", provider::SERVER);
    std::thread::scope(|scope| {
        let generator = scope.spawn(move || provider::load_in(command, &options));
        // In its midst: when it ends, what has been queued still comes.
        std::thread::sleep(Duration::from_secs(1));
        let (begun, before) = (Instant::now(), arrived(&lab.provider));
        std::thread::sleep(Duration::from_secs(2));
        let rate = (arrived(&lab.provider) - before) / begun.elapsed().as_secs_f64();
        let figures = generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (rate, figures.get("sent_per_second").and_then(Value::as_f64).unwrap_or(f64::NAN))
    })
}

/// Starts what is measured on the first processor, and waits until it lets messages through.
fn start(between: Between, lab: &Lab, middle: &Namespace) -> Process {
    let mut command = middle.command("taskset");
    command.args(["--cpu-list", "0"]);
    match between {
        Between::Relay => {
            let file = lab.dir().join("relay.toml");
            fs::write(&file, CONFIG).expect("the configuration can be written");
            command.arg(program("dhcp4o6d"));
            command.args(["--side", "provider", "--bus", "none", "--log", "warn", "--config"]).arg(&file);
            command.arg("--state-dir").arg(lab.dir().join("state"));
        }
        Between::Forwarder => {
            command.arg(program("dhcp4o6-load")).args(["forward", "--to", "2001:db8:7::2"]);
        }
    }
    let process = Process::spawn(command, &lab.dir().join("between.log"));
    let end = Instant::now() + dhcp4o6_tests::SOON;
    let before = arrived(&lab.provider);
    while arrived(&lab.provider) < before + 50.0 {
        assert!(Instant::now() < end, "nothing comes through: {:?}", process.lines());
        let tool = lab.customer.command(program("dhcp4o6-load"));
        let options = "--direct --mode flood --clients 10 --rate 1000 --duration 100ms";
        provider::load_in(tool, &format!("--server {} {options}", provider::SERVER));
    }
    process
}

/// Drops all DHCPv6 that comes, before anything is done with it.
fn swallow(namespace: &Namespace, dir: &Path) {
    let rules = "table ip6 bench {\n chain in {\n  type filter hook prerouting priority raw;\n\
                 \x20 udp dport 547 drop\n }\n}\n";
    let file = dir.join("bench.nft");
    fs::write(&file, rules).expect("a file");
    let status = namespace.command("nft").arg("-f").arg(&file).status();
    assert!(status.is_ok_and(|status| status.success()), "nft takes the rules");
}

/// Packets that have come to s0.
fn arrived(namespace: &Namespace) -> f64 {
    let links = namespace.ip_json("-s link show dev s0");
    links[0]["stats64"]["rx"]["packets"].as_f64().unwrap_or(f64::NAN)
}
