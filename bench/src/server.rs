//! Acquisitions a second: our server beside Kea's pair and beside a bare echo, by the same tool in the same kind of
//! laboratory. Each figure is taken from a server without leases.

use crate::provider::{self, Provider, System};
use crate::report::{Row, median, spread};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::time::Instant;

/// How many clients wait at the same time.
pub(crate) const LEVELS: [u32; 4] = [1, 16, 256, 4096];
/// Runs of each system at each level.
const RUNS: usize = 3;
const TIMES: &str = "--warm-up 500ms --duration 3s";
/// Our rate is at least this often Kea's best ...
const TIMES_KEA: f64 = 10.0;
/// ... or at least this part of what the echo reaches.
const PART_OF_ECHO: f64 = 0.75;

/// What all runs of one system at one level found.
#[derive(Default)]
struct Seen {
    rate: Vec<f64>,
    p50: Vec<f64>,
    p99: Vec<f64>,
    lost: u64,
    duplicates: u64,
    /// Processor time for one acquisition, microseconds.
    cost: Vec<f64>,
}

/// Measures all of it.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let mut seen: BTreeMap<(u32, System), Seen> = BTreeMap::new();
    for run in 1..=RUNS {
        for level in LEVELS {
            for system in System::ALL {
                let name = system.name();
                progress(&format!("DORA/s, {level} outstanding, {name}: run {run} of {RUNS}"));
                note(seen.entry((level, system)).or_default(), system, level);
            }
        }
    }
    let rate = |level, system| median(&seen[&(level, system)].rate);
    let kea_best = LEVELS.into_iter().map(|level| rate(level, System::Kea)).fold(0.0, f64::max);
    let mut rows = flushes();
    for level in LEVELS {
        let target = (TIMES_KEA * kea_best).min(PART_OF_ECHO * rate(level, System::Echo));
        for system in System::ALL {
            let (of, name) = (&seen[&(level, system)], system.name());
            let row = Row::new(
                format!("DORA/s, {level} outstanding: {name}"),
                rate(level, system),
                "/s",
                how(of, system),
            );
            rows.push(if system == System::Ours { row.at_least(target) } else { row });
        }
        let kea_p99 = median(&seen[&(level, System::Kea)].p99);
        for system in System::ALL {
            let (of, name) = (&seen[&(level, system)], system.name());
            let p99 = Row::new(
                format!("DORA, {level} outstanding, p99: {name}"),
                median(&of.p99),
                "ms",
                format!("p50 {:.3} ms; {}", median(&of.p50), spread(&of.p99)),
            );
            rows.push(if system == System::Ours { p99.at_most(kea_p99) } else { p99 });
        }
    }
    let duplicates: u64 = LEVELS.into_iter().map(|level| seen[&(level, System::Ours)].duplicates).sum();
    rows.push(
        Row::new("addresses given to two clients", duplicates as f64, "", "all runs above").at_most(0.0),
    );
    rows
}

/// One run.
fn note(seen: &mut Seen, system: System, level: u32) {
    let lab = provider::lab();
    let server = Provider::start(&lab, system);
    let before = server.processor_time();
    let echo = if system == System::Echo { "--echo" } else { "" };
    let figures = provider::load(&lab, &format!("--outstanding {level} {TIMES} {echo}"));
    let figure = |pointer: &str| figures.pointer(pointer).and_then(Value::as_f64).unwrap_or(f64::NAN);
    seen.rate.push(figure("/dora_per_second"));
    seen.p50.push(figure("/dora/p50"));
    seen.p99.push(figure("/dora/p99"));
    seen.lost += figures["lost"].as_u64().unwrap_or(0);
    seen.duplicates += figures["duplicates"].as_u64().unwrap_or(0);
    if let (Some(before), Some(after)) = (before, server.processor_time()) {
        seen.cost.push(provider::cost(&figures, after - before));
    }
}

fn how(seen: &Seen, system: System) -> String {
    let stored = match system {
        System::Ours => {
            let cost = median(&seen.cost);
            format!(
                "; {} written through before ACK; {cost:.1} µs of processor each",
                provider::file_system()
            )
        }
        System::Kea => "; memfile, written but never through".to_owned(),
        System::Echo => "; nothing is stored".to_owned(),
    };
    format!("{}; {} lost{stored}", spread(&seen.rate), seen.lost)
}

/// What it takes here to write something through: nobody who does so for one client can be faster.
fn flushes() -> Vec<Row> {
    let path = crate::output().join("bench-flush");
    let flush = |length: usize| -> std::io::Result<Vec<f64>> {
        let mut file = fs::File::options().create(true).truncate(length == 0).write(true).open(&path)?;
        file.write_all(&vec![0; length])?;
        file.sync_all()?;
        std::io::Seek::rewind(&mut file)?;
        (0..300)
            .map(|_| {
                let begun = Instant::now();
                file.write_all(&[1; 100])?;
                file.sync_data()?;
                Ok(begun.elapsed().as_secs_f64() * 1000.0)
            })
            .collect()
    };
    let name = |what| format!("100 octets written through, {what}");
    let rows = [("file grows", 0), ("file is there already", 1 << 20)].map(|(what, length)| {
        let times = flush(length).unwrap_or_default();
        Row::new(name(what), median(&times), "ms", format!("{}; {}", provider::file_system(), spread(&times)))
    });
    let _ = fs::remove_file(&path);
    rows.into()
}
