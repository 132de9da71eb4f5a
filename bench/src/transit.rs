//! Messages a second, up and down, through our IPv6-transport relay agent or on-link client relay agent on one processor,
//! beside a bare forwarder on the same; and what many identities do to their memory.
//!
//! - `tra`: client relay agents send DHCPv4 by IPv6; a stand-in for a DHCPv4 server answers by IPv4 and returns option 82.
//! - `lcra`: stations broadcast DHCPv4 in frames; a stand-in for a TSV answers by IPv6. No rate is limited.
//!
//! The forwarder gets the same datagrams or frames by a UDP socket of one kind of IP and sends them on by one of the
//! other, and back. So it does for the LCRA what no client without an address could use, since its answers go to an
//! address that stands there by hand; the agent writes a frame for each. That is what makes it a floor.

use crate::report::{Row, median, spread};
use crate::service::kilobytes;
use crate::stage::{self, ASKED_AT, BEYOND, Rates, Stage};
use dhcp4o6_tests::Process;

const RUNS: usize = 3;
/// Part of the forwarder's rate.
const PART: f64 = 0.8;
/// Clients whose messages go round and round while speed is measured.
const CLIENTS: u32 = 4096;
/// Each of them sends one message, and then twice as many do.
const IDENTITIES: u32 = 100_000;
/// Messages a second while memory is measured: none is lost.
const RATE: u32 = 40_000;
const MEGABYTE: f64 = 1024.0;
/// What may come and go in the heap of a process that serves the same memory again, MB.
const FLAT: f64 = 1.0;
/// What a bounded memory of the last two minutes may take when it is full, MB.
const FULL: f64 = 32.0;

const TRA: &str = r#"
[[tra]]
name = "bench"
addresses = ["2001:db8:6::1"]
accept-from = ["2001:db8::/32"]
servers = ["10.7.0.2"]
giaddr = "10.7.0.1"
"#;

const LCRA: &str = r#"
[[lcra]]
name = "bench"
clients = "r0"
upstream = "u0"
servers = ["2001:db8:7::2"]
"#;

/// Which agent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    Tra,
    Lcra,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Between {
    Agent,
    Forwarder,
}

impl Agent {
    const fn name(self) -> &'static str {
        match self {
            Self::Tra => "TRA",
            Self::Lcra => "LCRA",
        }
    }

    const fn config(self) -> &'static str {
        match self {
            Self::Tra => TRA,
            Self::Lcra => LCRA,
        }
    }

    const fn side(self) -> &'static str {
        match self {
            Self::Tra => "provider",
            Self::Lcra => "subscriber",
        }
    }

    const fn without_limits(self) -> &'static str {
        match self {
            Self::Tra => "rate-per-source = 0\n",
            Self::Lcra => "rate-per-client = 0\nrate = 0\n",
        }
    }

    /// Where the load comes from.
    fn load(self) -> String {
        match self {
            Self::Tra => format!("--server {ASKED_AT} --cra"),
            Self::Lcra => "--link c0".to_owned(),
        }
    }

    /// A stage with what answers at the provider, while the customer lets what comes back drop.
    fn stage(self) -> (Stage, Process) {
        let stage = Stage::new();
        for (namespace, address, interface) in [
            (&stage.between, "10.7.0.1", "u0"),
            (&stage.lab.provider, "10.7.0.2", "s0"),
            (&stage.between, "10.6.0.1", "r0"),
            (&stage.lab.customer, "10.6.0.2", "c0"),
        ] {
            namespace.ip(&format!("addr add {address}/24 dev {interface}"));
        }
        let echo = match self {
            Self::Tra => {
                stage.swallow(&stage.lab.customer, "ip6", 67);
                stage.echo("--port 67 --boot-reply --ipv4")
            }
            Self::Lcra => {
                stage.swallow(&stage.lab.customer, "ip", 68);
                stage.echo("--port 67 --boot-reply")
            }
        };
        (stage, echo)
    }

    fn start(self, stage: &Stage, between: Between) -> Process {
        match (between, self) {
            (Between::Agent, _) => {
                stage.service(self.side(), &format!("{}{}", self.config(), self.without_limits()))
            }
            (Between::Forwarder, Self::Tra) => stage.forwarder("--port 67 --to 10.7.0.2 --to-port 67"),
            (Between::Forwarder, Self::Lcra) => {
                stage.forwarder(&format!("--port 67 --ipv4 --to {BEYOND} --to-port 67 --back-to 10.6.0.2:68"))
            }
        }
    }
}

/// Measures one agent.
///
/// # Errors
/// Why it cannot be done here.
pub(crate) fn measure(agent: Agent, progress: &mut dyn FnMut(&str)) -> Result<Vec<Row>, String> {
    let name = agent.name();
    stage::possible(&format!("the {name} beside a forwarder"))?;
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for run in 1..=RUNS {
        progress(&format!("messages a second through the {name}: run {run} of {RUNS}"));
        ours.push(through(agent, Between::Agent));
        bare.push(through(agent, Between::Forwarder));
    }
    let both = |rates: &[Rates]| rates.iter().map(|rates| rates.both()).collect::<Vec<f64>>();
    let how = |rates: &[Rates]| {
        let of = |figure: fn(&Rates) -> f64| median(&rates.iter().map(figure).collect::<Vec<f64>>());
        format!(
            "one processor, both ways, {}; up {:.0}/s of {:.0}/s sent, down {:.0}/s; {:.2} µs of processor each",
            spread(&both(rates)),
            of(|rates| rates.up),
            of(|rates| rates.sent),
            of(|rates| rates.down),
            of(|rates| rates.cost)
        )
    };
    let row = |who: &str, rates: &[Rates]| {
        Row::new(format!("{name} messages/s: {who}"), median(&both(rates)), "/s", how(rates))
    };
    let floor = match agent {
        Agent::Tra => "bare forwarder, IPv6 to IPv4",
        Agent::Lcra => "bare forwarder, UDP to UDP",
    };
    let target = PART * median(&both(&bare));
    let mut rows = vec![row("dhcp4o6d", &ours).at_least(target), row(floor, &bare)];
    progress(&format!("memory of the {name} under {IDENTITIES} identities"));
    rows.extend(memory(agent));
    Ok(rows)
}

fn through(agent: Agent, between: Between) -> Rates {
    let (stage, _echo) = agent.stage();
    let process = agent.start(&stage, between);
    stage.wait(&process, &agent.load());
    stage.through(&process, &format!("{} --clients {CLIENTS}", agent.load()))
}

/// Before and after many identities and then again as many others.
fn memory(agent: Agent) -> Vec<Row> {
    let (stage, _echo) = agent.stage();
    // The limits of each single one stay, because they are kept in memory too.
    let process = stage.service(agent.side(), &format!("{}rate = 0\n", agent.config()));
    let load = match agent {
        // Each identity is a client relay agent of its own.
        Agent::Tra => {
            stage.lab.customer.ip("-6 route add local 2001:db8:f::/64 dev lo");
            stage.between.ip("-6 route add 2001:db8:f::/64 via 2001:db8:6::2");
            format!("{} --direct 2001:db8:f::/64", agent.load())
        }
        Agent::Lcra => agent.load(),
    };
    stage.wait(&process, &load);
    let sizes = || {
        // Freshly read pages of the program count as dirty until they are written back.
        nix::unistd::sync();
        let megabytes = |name| kilobytes(&process, "smaps_rollup", name) / MEGABYTE;
        (megabytes("Rss"), megabytes("Private_Dirty"))
    };
    let before = sizes();
    let mut after = Vec::new();
    for identities in [IDENTITIES, 2 * IDENTITIES] {
        let millis = identities / (RATE / 1000);
        stage.send(&format!("{load} --clients {identities} --rate {RATE} --duration {millis}ms"));
        after.push(sizes());
    }
    let [first, again] = after[..] else { unreachable!("two floods") };
    let row = |when: &str, (resident, private): (f64, f64)| {
        let name = format!("{} memory, {when}", agent.name());
        Row::new(name, resident, "MB", format!("resident; {private:.2} MB of it private"))
    };
    vec![
        row("idle", before),
        row("after 100,000 identities", first).at_most(before.0 + FULL),
        row("after 200,000 more messages", again).at_most(first.0 + FLAT),
    ]
}
