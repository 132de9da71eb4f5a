//! Messages a second through our relay agent on one processor, beside a bare forwarder on the same. They go to the
//! provider alone, which drops them.

use crate::report::{Row, median, spread};
use crate::stage::{self, ASKED_AT, BEYOND, Rates, Stage};

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
    stage::possible("the relay agent beside a forwarder")?;
    let (mut ours, mut bare, mut sent) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=RUNS {
        progress(&format!("relayed messages a second: run {run} of {RUNS}"));
        for (between, rates) in [(Between::Relay, &mut ours), (Between::Forwarder, &mut bare)] {
            let through = through(between);
            rates.push(through.up);
            sent.push(through.sent);
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

fn through(between: Between) -> Rates {
    let stage = Stage::new();
    stage.swallow(&stage.lab.provider, "ip6", 547);
    let process = match between {
        Between::Relay => stage.service("provider", CONFIG),
        Between::Forwarder => stage.forwarder(&format!("--to {BEYOND}")),
    };
    let load = format!("--server {ASKED_AT} --direct");
    stage.wait(&process, &load);
    stage.through(&process, &format!("{load} --clients 1024"))
}
