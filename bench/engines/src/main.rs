//! Our journal beside redb and SQLite: the same records, durable after each group.
//!
//! Each measurement is a process of its own, so that its memory is its own too.
#![allow(missing_docs, reason = "a measurement")]

use dhcp4o6_engines::{Engine, Journal, Redb, Sqlite, record};
use dhcp4o6_protocol::binding::Record;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

const ENGINES: [&str; 3] = ["journal", "redb", "sqlite"];
const GROUPS: [u32; 4] = [1, 16, 256, 4096];
const MANY: u32 = 1_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments[..] {
        ["one", engine, what, dir, seconds] => {
            let (dir, seconds) = (Path::new(dir), seconds.parse().expect("seconds"));
            let result = match engine {
                "journal" => one::<Journal>(what, dir, seconds),
                "redb" => one::<Redb>(what, dir, seconds),
                "sqlite" => one::<Sqlite>(what, dir, seconds),
                other => panic!("no engine {other}"),
            };
            println!("{result}");
        }
        [dir] => all(Path::new(dir), "3"),
        [dir, seconds] => all(Path::new(dir), seconds),
        _ => {
            eprintln!("usage: dhcp4o6-engines DIRECTORY [SECONDS]");
            std::process::exit(2);
        }
    }
}

fn one<E: Engine>(what: &str, dir: &Path, seconds: f64) -> Value {
    match what {
        "fill" => {
            let (mut engine, found) = E::open(dir);
            assert_eq!(found, 0);
            let begin = Instant::now();
            let mut number = 0;
            while number < MANY {
                let group: Vec<Record> = (number..MANY.min(number + 4096)).map(record).collect();
                engine.store(&group);
                number += 4096;
            }
            json!({ "seconds": begin.elapsed().as_secs_f64() })
        }
        "load" => {
            let before = resident();
            let begin = Instant::now();
            let (engine, found) = E::open(dir);
            let seconds = begin.elapsed().as_secs_f64();
            let megabytes = resident() - before;
            drop(engine);
            assert_eq!(found, u64::from(MANY));
            json!({ "seconds": seconds, "megabytes": megabytes })
        }
        group => {
            let group = group.parse().expect("a group's size");
            let (mut engine, found) = E::open(dir);
            let first = u32::try_from(found).expect("not so many");
            rate(&mut engine, first, group, seconds)
        }
    }
}

/// Stores groups for so long. In a full store half of them are renewals of what is there.
fn rate(engine: &mut impl Engine, first: u32, group: u32, seconds: f64) -> Value {
    let mut waits = Vec::new();
    let begin = Instant::now();
    let mut number = first;
    while begin.elapsed().as_secs_f64() < seconds {
        let renewed = |number: u32| {
            if first > 0 && number % 2 == 0 { number.wrapping_mul(7919) % first } else { number }
        };
        let records: Vec<Record> = (number..number + group).map(renewed).map(record).collect();
        number += group;
        let before = Instant::now();
        engine.store(&records);
        waits.push(before.elapsed());
    }
    waits.sort_unstable();
    let spent: Duration = waits.iter().sum();
    let at = |percent: usize| waits[(waits.len() * percent / 100).min(waits.len() - 1)].as_secs_f64() * 1e3;
    json!({
        "records_per_second": f64::from(number - first) / spent.as_secs_f64(),
        "p50_milliseconds": at(50),
        "p99_milliseconds": at(99),
    })
}

/// Resident memory of this process, in megabytes.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    line.trim().trim_end_matches(" kB").parse::<f64>().expect("a number") / 1024.0
}

fn all(root: &Path, seconds: &str) {
    std::fs::create_dir_all(root).expect("a directory");
    let own = std::env::current_exe().expect("the program");
    let programs = own.parent().expect("its directory");
    let octets = |name: &str| std::fs::metadata(programs.join(name)).map_or(0, |file| file.len());
    let mut results = serde_json::Map::new();
    for engine in ENGINES {
        let dir = root.join(engine);
        let child = |what: &str| -> Value {
            let mut command = Command::new(&own);
            let output =
                command.args(["one", engine, what]).arg(&dir).arg(seconds).output().expect("a child");
            assert!(output.status.success(), "{engine} {what}: {}", String::from_utf8_lossy(&output.stderr));
            serde_json::from_slice(&output.stdout).expect("its result")
        };
        let empty = || {
            let _ = std::fs::remove_dir_all(&dir);
            std::fs::create_dir_all(&dir).expect("a directory");
        };
        let mut rates = serde_json::Map::new();
        for group in GROUPS {
            empty();
            rates.insert(group.to_string(), child(&group.to_string()));
        }
        empty();
        let fill = child("fill");
        let size = size(&dir) as f64 / 1e6;
        let load = child("load");
        let full = child("256");
        empty();
        let _ = std::fs::remove_dir(&dir);
        let added = octets(&format!("least-{engine}")).saturating_sub(octets("least-none")) / 1000;
        results.insert(
            engine.to_owned(),
            json!({ "groups": rates, "fill": fill, "disk_megabytes": size, "load": load, "full_256": full,
                    "program_kilobytes": added }),
        );
        eprintln!("{engine} done");
    }
    let results = Value::Object(results);
    std::fs::write("engines.json", format!("{results:#}\n")).expect("engines.json is written");
    table(&results);
}

fn size(dir: &Path) -> u64 {
    let mut dirs: Vec<PathBuf> = vec![dir.to_owned()];
    let mut size = 0;
    while let Some(dir) = dirs.pop() {
        for entry in std::fs::read_dir(dir).expect("a directory") {
            let entry = entry.expect("an entry");
            if entry.path().is_dir() {
                dirs.push(entry.path());
            } else {
                size += entry.metadata().map_or(0, |file| file.len());
            }
        }
    }
    size
}

fn table(results: &Value) {
    println!("{:<34}{:>12}{:>12}{:>12}", "", ENGINES[0], ENGINES[1], ENGINES[2]);
    let row = |name: &str, path: &str, digits: usize| {
        let cells = ENGINES.map(|engine| {
            let value = results[engine].pointer(path).and_then(Value::as_f64).unwrap_or(f64::NAN);
            format!("{value:>12.digits$}")
        });
        println!("{name:<34}{}", cells.concat());
    };
    for group in GROUPS {
        row(&format!("records/s, groups of {group}"), &format!("/groups/{group}/records_per_second"), 0);
        row("  p99 of a group, ms", &format!("/groups/{group}/p99_milliseconds"), 2);
    }
    row("records/s, groups of 256, full", "/full_256/records_per_second", 0);
    row("  p99 of a group, ms", "/full_256/p99_milliseconds", 2);
    row("1,000,000 leases: seconds to fill", "/fill/seconds", 1);
    row("  to load", "/load/seconds", 2);
    row("  MB on disk", "/disk_megabytes", 0);
    row("  MB resident after loading", "/load/megabytes", 1);
    row("kB added to a stripped program", "/program_kilobytes", 0);
}
