//! The ISC client with DHCPv4 over DHCPv6, in the same laboratory: time and memory as ratios. It is end-of-life and
//! Debian builds it without 4o6, so `bench/build-isc` builds it from Debian's source package.

use crate::report::{Row, median, spread};
use crate::service::Service;
use dhcp4o6_tests::{Bus, Change, Kea, KeaSettings, Lab, Process, SOON, Watch};
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const RUNS: usize = 10;

/// Compares both clients, each from the moment the link-local address can be used to IPv4 on the link.
///
/// # Errors
/// Why it cannot be done here.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Result<Vec<Row>, String> {
    let place = std::env::var_os("ISC_CLIENT").map_or_else(|| PathBuf::from("target/isc"), PathBuf::from);
    let dhclient = fs::canonicalize(place.join("sbin/dhclient"))
        .map_err(|_| "the ISC client: not built; bench/build-isc does it".to_owned())?;
    let script =
        fs::canonicalize("bench/isc-script").map_err(|e| format!("the ISC client: bench/isc-script: {e}"))?;
    let lab = Lab::like_a_host();
    let _kea = Kea::start(&lab, KeaSettings { addresses: false, prefixes: false, ..KeaSettings::default() });
    let bus = Bus::start(lab.dir());

    let mut ours = Vec::new();
    let mut our_memory = 0.0;
    for number in 1..=RUNS {
        progress(&format!("beside the ISC client: dhcp4o6d, run {number} of {RUNS}"));
        lower(&lab);
        let service = Service::start(&lab, &bus, "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateless\"\n");
        let (usable, address) = raise(&lab, || {});
        ours.push(address.duration_since(usable).as_secs_f64() * 1000.0);
        nix::unistd::sync();
        our_memory = service.kilobytes("smaps_rollup", "Private_Dirty");
    }

    let mut theirs = Vec::new();
    let mut their_memory = 0.0;
    for number in 1..=RUNS {
        progress(&format!("beside the ISC client: dhclient, run {number} of {RUNS}"));
        lower(&lab);
        let mut halves = Vec::new();
        let (usable, address) = raise(&lab, || {
            // It gives up on a tentative address, so it begins when the address can be used.
            halves = [("-6", "6767", true), ("-4", "6767", false)]
                .map(|(family, port, v6)| half(&lab, &dhclient, &script, family, port, v6))
                .into();
        });
        theirs.push(address.duration_since(usable).as_secs_f64() * 1000.0);
        nix::unistd::sync();
        their_memory = halves.iter().map(|half| private_dirty(half.id())).sum();
    }
    Ok(vec![
        Row::new("link-local usable to IPv4: dhcp4o6d", median(&ours), "ms", spread(&ours)),
        Row::new("link-local usable to IPv4: ISC dhclient", median(&theirs), "ms", spread(&theirs)),
        Row::new("time, dhcp4o6d : ISC", median(&ours) / median(&theirs), "", "ratio of the medians above"),
        Row::new("private dirty: dhcp4o6d with a bus", our_memory, "kB", "smaps_rollup"),
        Row::new("private dirty: ISC dhclient, both processes", their_memory, "kB", "smaps_rollup"),
        Row::new("memory, dhcp4o6d : ISC", our_memory / their_memory, "", "ratio of the figures above"),
    ])
}

fn lower(lab: &Lab) {
    lab.customer.ip("link set c0 down");
    lab.customer.ip("addr flush dev c0");
}

/// Sets the link up, calls `begin` when its link-local address can be used, and waits for an IPv4 address.
fn raise(lab: &Lab, begin: impl FnOnce()) -> (Instant, Instant) {
    let kernel = Watch::open(&lab.customer);
    lab.customer.ip("link set c0 up");
    let usable = wait(&kernel, |change| matches!(change, Change::LinkLocal(_)));
    begin();
    let address = wait(&kernel, |change| matches!(change, Change::Address(_)));
    (usable, address)
}

fn wait(kernel: &Watch, wanted: fn(&Change) -> bool) -> Instant {
    let end = Instant::now() + SOON;
    loop {
        if let Some((at, _)) = kernel.changes().iter().find(|(_, change)| wanted(change)) {
            return *at;
        }
        assert!(Instant::now() < end, "nothing of the kind within {SOON:?}: {:#?}", kernel.changes());
        kernel.wait(Duration::from_millis(100));
    }
}

fn half(lab: &Lab, dhclient: &PathBuf, script: &PathBuf, family: &str, port: &str, v6: bool) -> Process {
    let dir = lab.dir();
    let (leases, config) = (dir.join(format!("isc{family}.leases")), dir.join(format!("isc{family}.conf")));
    let _ = fs::remove_file(&leases);
    fs::write(&config, "").expect("a file");
    let mut command = lab.customer.command(dhclient);
    command.args(["-d", family]).args(v6.then_some("-S")).args(["-4o6", port]);
    command.arg("-sf").arg(script).arg("-cf").arg(&config).arg("-lf").arg(&leases);
    command.arg("-pf").arg(dir.join(format!("isc{family}.pid"))).arg("c0");
    Process::spawn(command, &dir.join(format!("isc{family}.log")))
}

fn private_dirty(process: u32) -> f64 {
    let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Private_Dirty:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(f64::NAN)
}
