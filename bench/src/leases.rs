//! A server that holds a million leases: memory, restart, and what is left of its speed.

use crate::provider::{self, Server, System};
use crate::report::{Row, median, spread};
use serde_json::Value;
use std::time::Instant;

const LEASES: u32 = 1_000_000;
/// Memory it may take with them, MB.
const MEMORY: f64 = 256.0;
/// From the order to end, to the first answer of the next process; seconds.
const RESTART: f64 = 3.0;
/// Part of the empty server's rate.
const PART: f64 = 0.8;
const RUNS: usize = 3;
const LOAD: &str = "--outstanding 256 --warm-up 500ms --duration 3s";

/// Measures all of it.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let lab = provider::lab();
    let rate = || provider::load(&lab, LOAD)["dora_per_second"].as_f64().unwrap_or(f64::NAN);
    let empty: Vec<f64> = (1..=RUNS)
        .map(|run| {
            progress(&format!("without leases: run {run} of {RUNS}"));
            let server = provider::Provider::start(&lab, System::Ours);
            let rate = rate();
            drop(server);
            rate
        })
        .collect();

    progress(&format!("{LEASES} clients get a lease"));
    let server = provider::Provider::start(&lab, System::Ours);
    let made = provider::load(&lab, &format!("--clients {LEASES} --outstanding 1024 --duration 10m"));
    let count = made["dora"]["count"].as_u64().unwrap_or(0);
    let duplicates = made["duplicates"].as_u64().unwrap_or(0);
    let provider::Provider::Ours(mut server) = server else { unreachable!("ours was started") };
    let grown = server.resident();

    progress("restart with all leases");
    let mut restarts = Vec::new();
    let mut resident = Vec::new();
    let mut peak = Vec::new();
    for _ in 0..RUNS {
        let begun = Instant::now();
        server.stop();
        server = Server::start(&lab);
        provider::await_answer(&lab);
        restarts.push(begun.elapsed().as_secs_f64());
        resident.push(server.resident());
        peak.push(server.peak());
    }
    let full: Vec<f64> = (1..=RUNS)
        .map(|run| {
            progress(&format!("with {count} leases and more: run {run} of {RUNS}"));
            rate()
        })
        .collect();
    let seconds = made.get("seconds").and_then(Value::as_f64).unwrap_or(f64::NAN);
    let stored = provider::file_system();
    vec![
        Row::new(
            "a million leases: made",
            count as f64,
            "",
            format!("by DORA in {seconds:.0} s, state on {stored}"),
        )
        .at_least(LEASES.into()),
        Row::new("a million leases: addresses given to two clients", duplicates as f64, "", "").at_most(0.0),
        Row::new("a million leases: resident", grown, "MB", "VmRSS when the last was given").at_most(MEMORY),
        Row::new(
            "a million leases: resident after a restart",
            median(&resident),
            "MB",
            format!(
                "VmRSS at the first answer, {}; at most {:.0} MB till then",
                spread(&resident),
                median(&peak)
            ),
        )
        .at_most(MEMORY),
        Row::new(
            "a million leases: restart to serving",
            median(&restarts),
            "s",
            format!("TERM to the first answer, {}", spread(&restarts)),
        )
        .at_most(RESTART),
        Row::new("DORA/s, 256 outstanding, without leases", median(&empty), "/s", spread(&empty)),
        Row::new("DORA/s, 256 outstanding, with a million", median(&full), "/s", spread(&full))
            .at_least(PART * median(&empty)),
    ]
}
