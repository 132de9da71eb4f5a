//! Measures `dhcp4o6d` in network namespaces of its own, beside the kernel's floor and beside peers: the ISC client where
//! it is there, Kea as a server, and programs that do nothing but send datagrams back or on. `make bench` builds and runs it; the table goes to standard output, JSON to `target/bench.json`.
//!
//! Figures are wall time on whatever machine this runs; those that are compared were taken in the same run.

mod acquire;
mod crowd;
mod footprint;
mod isc;
mod leases;
mod provider;
mod relay;
mod report;
mod server;
mod service;
mod stage;
mod tap;
mod transit;
mod tsv;
mod wire;

use report::Report;
use std::path::PathBuf;
use transit::Agent;

/// What there is to measure.
const PARTS: [&str; 11] =
    ["footprint", "acquire", "crowd", "isc", "server", "leases", "relay", "tra", "lcra", "tsv", "tap"];

fn main() -> std::io::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    if let Some(other) = only.iter().find(|name| !PARTS.contains(&name.as_str())) {
        let help = other == "--help" || other == "-h";
        println!("dhcp4o6-bench [PART]...: measures all parts, or those named: {}", PARTS.join(", "));
        std::process::exit(if help { 0 } else { 2 });
    }
    let wanted = |name: &str| only.is_empty() || only.iter().any(|part| part == name);
    let mut progress = |text: &str| println!("==> {text}");
    let mut report = Report { machine: machine(), ..Report::default() };
    if wanted("footprint") {
        report.rows.extend(footprint::measure(&mut progress));
    }
    if wanted("acquire") {
        report.rows.extend(acquire::measure(&mut progress));
    }
    if wanted("crowd") {
        report.rows.extend(crowd::measure(&mut progress));
    }
    if wanted("isc") {
        report.extend(isc::measure(&mut progress));
    }
    if wanted("server") {
        report.rows.extend(server::measure(&mut progress));
    }
    if wanted("leases") {
        report.rows.extend(leases::measure(&mut progress));
    }
    if wanted("relay") {
        report.extend(relay::measure(&mut progress));
    }
    if wanted("tra") {
        report.extend(transit::measure(Agent::Tra, &mut progress));
    }
    if wanted("lcra") {
        report.extend(transit::measure(Agent::Lcra, &mut progress));
    }
    if wanted("tsv") {
        report.rows.extend(tsv::measure(&mut progress));
    }
    if wanted("tap") {
        report.extend(tap::measure(&mut progress));
    }
    report.print();
    let path = output().join("bench.json");
    report.write(&path)?;
    println!("\nwritten to {}", path.display());
    Ok(())
}

/// Where results go.
pub(crate) fn output() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    std::path::absolute(&target).unwrap_or(target)
}

fn machine() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    format!("Linux {}, {processors} processors", release.trim())
}
