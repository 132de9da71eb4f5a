//! Acquisitions a second of DHCPv4 over IPv6, port 67, beside those of DHCPv4 over DHCPv6, port 547, of the same server:
//! one engine and one store of leases behind two doors. Each figure is taken from a server without leases.

use crate::provider::{self, Provider, System};
use crate::report::{Row, median, spread};
use crate::server::LEVELS;
use serde_json::Value;
use std::collections::BTreeMap;

const RUNS: usize = 3;
const TIMES: &str = "--warm-up 500ms --duration 2s";
/// Part of the other door's rate.
const PART: f64 = 0.9;

/// Where clients ask.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Door {
    Transport6,
    Dhcp6,
}

impl Door {
    const ALL: [Self; 2] = [Self::Transport6, Self::Dhcp6];

    const fn name(self) -> &'static str {
        match self {
            Self::Transport6 => "TSV",
            Self::Dhcp6 => "4o6 server",
        }
    }

    /// All clients behind one agent, whichever it is.
    const fn options(self) -> &'static str {
        match self {
            Self::Transport6 => "--cra",
            Self::Dhcp6 => "--relayed",
        }
    }
}

/// What all runs at one door and level found.
#[derive(Default)]
struct Seen {
    rate: Vec<f64>,
    p99: Vec<f64>,
    /// Processor time for one acquisition, microseconds.
    cost: Vec<f64>,
    lost: u64,
    duplicates: u64,
}

/// Measures all of it.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let mut seen: BTreeMap<(u32, Door), Seen> = BTreeMap::new();
    for run in 1..=RUNS {
        for level in LEVELS {
            for door in Door::ALL {
                progress(&format!("DORA/s, {level} outstanding, {}: run {run} of {RUNS}", door.name()));
                note(seen.entry((level, door)).or_default(), door, level);
            }
        }
    }
    let mut rows = Vec::new();
    for level in LEVELS {
        let target = PART * median(&seen[&(level, Door::Dhcp6)].rate);
        for door in Door::ALL {
            let Seen { rate, p99, cost, lost, .. } = &seen[&(level, door)];
            let how = format!(
                "{}; {lost} lost; p99 {:.2} ms; {:.1} µs of processor each",
                spread(rate),
                median(p99),
                median(cost)
            );
            let name = format!("DORA/s, {level} outstanding: {}", door.name());
            let row = Row::new(name, median(rate), "/s", how);
            rows.push(if door == Door::Transport6 { row.at_least(target) } else { row });
        }
    }
    let duplicates: u64 = seen.values().map(|seen| seen.duplicates).sum();
    let name = "both doors: addresses given to two clients";
    rows.push(Row::new(name, duplicates as f64, "", "all runs above").at_most(0.0));
    rows
}

/// One run.
fn note(seen: &mut Seen, door: Door, level: u32) {
    let lab = provider::lab();
    let server = Provider::start(&lab, System::Ours);
    let before = server.processor_time();
    let figures = provider::load(&lab, &format!("{} --outstanding {level} {TIMES}", door.options()));
    let figure = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    seen.rate.push(figure("/dora_per_second"));
    seen.p99.push(figure("/dora/p99"));
    if let (Some(before), Some(after)) = (before, server.processor_time()) {
        seen.cost.push(provider::cost(&figures, after - before));
    }
    seen.lost += figures["lost"].as_u64().unwrap_or(0);
    seen.duplicates += figures["duplicates"].as_u64().unwrap_or(0);
}
