//! Something that stands in between, on a processor of its own, and what comes through it.
//!
//! ```text
//! customer c0 ---- r0 between u0 ---- s0 provider
//! ```
//!
//! Messages are sent from another processor, more than what stands in between can take. What arrives is counted by the
//! kernel, as packets of s0 and c0.

use crate::provider;
use crate::service::processor_time;
use dhcp4o6_tests::{Lab, Namespace, Process, SOON, program};
use serde_json::Value;
use std::fs;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where what stands in between is asked.
pub(crate) const ASKED_AT: Ipv6Addr = provider::SERVER;
/// Where it sends to.
pub(crate) const BEYOND: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 7, 0, 0, 0, 0, 2);
/// How long it is measured, and how long it goes on before.
const MEASURED: Duration = Duration::from_secs(2);
const SETTLE: Duration = Duration::from_secs(1);
/// How long it is sent to.
const SENT: &str = "4s";
/// What is measured, and what everything else runs on.
const ITS_PROCESSOR: &str = "0";
const OTHER_PROCESSOR: &str = "1";

/// The links and namespaces.
pub(crate) struct Stage {
    pub(crate) lab: Lab,
    pub(crate) between: Namespace,
}

/// Messages a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rates {
    /// Sent into it from the customer.
    pub(crate) sent: f64,
    /// Arrived at the provider.
    pub(crate) up: f64,
    /// Arrived at the customer.
    pub(crate) down: f64,
    /// User and system time of what stands in between for each that arrived, microseconds. It depends less than the others
    /// on what else the machine does, but what the kernel does in interrupts, which is as much for everybody, may not be
    /// in it.
    pub(crate) cost: f64,
}

impl Rates {
    /// Both ways.
    pub(crate) fn both(self) -> f64 {
        self.up + self.down
    }
}

/// Whether there is a processor for each.
///
/// # Errors
/// That there is not, and what therefore cannot be done.
pub(crate) fn possible(what: &str) -> Result<(), String> {
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return Err(format!("{what}: takes two processors"));
    }
    Ok(())
}

impl Stage {
    pub(crate) fn new() -> Self {
        let lab = Lab::apart();
        let between = lab.namespace("r");
        lab.join((&between, "r0"), (&lab.customer, "c0"));
        lab.join((&between, "u0"), (&lab.provider, "s0"));
        for (namespace, address, interface) in [
            (&lab.customer, "2001:db8:6::2", "c0"),
            (&between, "2001:db8:6::1", "r0"),
            (&between, "2001:db8:7::1", "u0"),
            (&lab.provider, "2001:db8:7::2", "s0"),
        ] {
            namespace.ip(&format!("addr add {address}/64 dev {interface} nodad"));
        }
        Self { lab, between }
    }

    /// Drops in a namespace what arrives at a UDP port by `family` (`ip`, `ip6`), before anything is done with it.
    pub(crate) fn swallow(&self, namespace: &Namespace, family: &str, port: u16) {
        let rules = format!(
            "table {family} bench {{\n chain in {{\n  type filter hook prerouting priority raw;\n\
             \x20 udp dport {port} drop\n }}\n}}\n"
        );
        let file = self.file("bench.nft");
        fs::write(&file, rules).expect("a file");
        let status = namespace.command("nft").arg("-f").arg(&file).status();
        assert!(status.is_ok_and(|status| status.success()), "nft takes the rules");
    }

    /// dhcp4o6d in between, on the side of the service that has the role.
    pub(crate) fn service(&self, side: &str, config: &str) -> Process {
        let file = self.file("between.toml");
        fs::write(&file, config).expect("the configuration can be written");
        let mut command = self.between.command("taskset");
        command.args(["--cpu-list", ITS_PROCESSOR]).arg(program("dhcp4o6d"));
        command.args(["--side", side, "--bus", "none", "--log", "warn", "--config"]).arg(&file);
        command.arg("--state-dir").arg(self.file("state"));
        Process::spawn(command, &self.file("between.log"))
    }

    /// A bare forwarder in between.
    pub(crate) fn forwarder(&self, options: &str) -> Process {
        let mut command = self.between.command("taskset");
        command.args(["--cpu-list", ITS_PROCESSOR]).arg(program("dhcp4o6-load"));
        command.arg("forward").args(options.split_whitespace());
        Process::spawn(command, &self.file("between.log"))
    }

    /// What answers at the provider.
    pub(crate) fn echo(&self, options: &str) -> Process {
        let mut command = self.lab.provider.command("taskset");
        command.args(["--cpu-list", OTHER_PROCESSOR]).arg(program("dhcp4o6-load"));
        command.arg("echo").args(options.split_whitespace());
        let process = Process::spawn(command, &self.file("echo.log"));
        process.wait_line("listening");
        process
    }

    /// Sends a little until messages come through; `load` is as for [`Stage::through`].
    pub(crate) fn wait(&self, process: &Process, load: &str) {
        let end = Instant::now() + SOON;
        let before = self.up();
        while self.up() < before + 50.0 {
            assert!(Instant::now() < end, "nothing comes through: {:?}", process.lines());
            let tool = self.lab.customer.command(program("dhcp4o6-load"));
            provider::load_in(
                tool,
                &format!("{load} --mode flood --clients 10 --rate 1000 --duration 100ms"),
            );
        }
    }

    /// What comes through `process` of more than can; `load` is dhcp4o6-load's options: whom it sends to, and as whom.
    pub(crate) fn through(&self, process: &Process, load: &str) -> Rates {
        let mut command = self.lab.customer.command("taskset");
        // Whoever answers comes first: what is left is more than enough.
        command.args(["--cpu-list", OTHER_PROCESSOR, "nice", "-n", "19"]).arg(program("dhcp4o6-load"));
        let options = format!("{load} --mode flood --duration {SENT}");
        std::thread::scope(|scope| {
            let generator = scope.spawn(move || provider::load_in(command, &options));
            // In its midst: when it ends, what has been queued still comes.
            std::thread::sleep(SETTLE);
            let (begun, up, down) = (Instant::now(), self.up(), self.down());
            let worked = processor_time(process);
            std::thread::sleep(MEASURED);
            let worked = processor_time(process) - worked;
            let (up, down) = (self.up() - up, self.down() - down);
            let seconds = begun.elapsed().as_secs_f64();
            let figures = generator.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            let sent = figures.get("sent_per_second").and_then(Value::as_f64).unwrap_or(f64::NAN);
            let cost = worked / (up + down) * 1e6;
            Rates { sent, up: up / seconds, down: down / seconds, cost }
        })
    }

    /// Sends what `options` of dhcp4o6-load say, by flood, until all that comes of it has arrived.
    pub(crate) fn send(&self, options: &str) {
        let mut command = self.lab.customer.command("taskset");
        command.args(["--cpu-list", OTHER_PROCESSOR]).arg(program("dhcp4o6-load"));
        provider::load_in(command, &format!("{options} --mode flood"));
        let mut arrived = (f64::NAN, f64::NAN);
        while arrived != (self.up(), self.down()) {
            arrived = (self.up(), self.down());
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn up(&self) -> f64 {
        arrived(&self.lab.provider, "s0")
    }

    fn down(&self) -> f64 {
        arrived(&self.lab.customer, "c0")
    }

    fn file(&self, name: &str) -> PathBuf {
        self.lab.dir().join(name)
    }
}

/// Packets that have come to an interface.
fn arrived(namespace: &Namespace, interface: &str) -> f64 {
    let links = namespace.ip_json(&format!("-s link show dev {interface}"));
    links[0]["stats64"]["rx"]["packets"].as_f64().unwrap_or(f64::NAN)
}
