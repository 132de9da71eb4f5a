//! Ten thousand histories of one link, each with faults for some hours, and then with none.

use crate::model::net::Net;
use crate::model::{chaos, hours, secs};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

const SEEDS: u64 = 10_000;

/// What a link must have lived through in at least one of the histories, so that they are known to reach it.
const SOMETIMES: [&str; 60] = [
    // DHCPv6 messages.
    "sent-solicit",
    "sent-request6",
    "sent-confirm",
    "sent-renew",
    "sent-rebind",
    "sent-release6",
    "sent-decline6",
    "sent-information-request",
    // DHCPv4 messages.
    "sent-discover",
    "sent-request",
    "sent-decline",
    "sent-release",
    "sent-arp",
    // What became of leases.
    "acquired",
    "renewed",
    "rebound",
    "declined",
    "nak",
    "expired",
    "released",
    // States of the DHCPv4 engine.
    "selecting",
    "requesting",
    "rebooting",
    "bound",
    "renewing",
    "rebinding",
    // The permit.
    "none",
    "valid",
    "suspended",
    "withdrawn",
    "refused",
    // States and reasons of the link.
    "down",
    "no-carrier",
    "wait-ipv6",
    "dhcp6",
    "not-enabled",
    "acquiring",
    "degraded",
    "failed",
    "stopped",
    "no-link",
    "permit-withdrawn",
    "bad-server-list",
    "no-target",
    "native-dhcp-active",
    "port-in-use",
    "not-permitted",
    "install-failed",
    "address-removed",
    "verifying",
    // Refusals.
    "malformed6",
    "malformed4",
    "bad-reply6",
    "bad-opt88",
    "no-permit",
    "mcast-dst",
    "xid-mismatch",
    "unexpected-state",
    // The world.
    "crash",
    "sleep",
];

/// Hours of faults, then none: the link must be well within two minutes.
///
/// Only a link whose stateful configuration came without a permit, or with an attacker's, waits longer, for its next
/// Renew: until then nothing is said that could bring one.
fn history(mut net: Net) -> Net {
    net = net.up();
    let span = net.chance.within(hours(1), hours(3));
    chaos::rage(&mut net, span);
    chaos::heal(&mut net);
    let status = net.status();
    let known = |address| net.servers.iter().any(|server| server.global == address);
    let good = status.permit.is_some_and(|permit| permit.servers.into_iter().all(known));
    let limit = if !good && status.dhcp6.lease.is_some() { hours(2) } else { secs(120) };
    net.run_until(limit, chaos::is_well);
    net.run_for(secs(60));
    net
}

/// Histories of one kind.
#[derive(Clone, Copy)]
pub(crate) struct Suite {
    /// What its variables of the environment begin with.
    pub(crate) name: &'static str,
    pub(crate) network: fn(u64) -> Net,
    pub(crate) history: fn(Net) -> Net,
    /// What at least one of them must have lived through.
    pub(crate) sometimes: &'static [&'static str],
}

fn seeds(suite: Suite, first: u64, count: u64) -> BTreeSet<&'static str> {
    let Suite { name, network, history, .. } = suite;
    let next = AtomicU64::new(first);
    let reached = Mutex::new(BTreeSet::new());
    let failed = Mutex::new(None);
    let work = || {
        let mut here: BTreeSet<&str> = BTreeSet::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= first + count || failed.lock().unwrap().is_some() {
                break;
            }
            match catch_unwind(AssertUnwindSafe(|| history(network(seed)))) {
                Ok(net) => here.extend(net.watch.reached.iter()),
                Err(_) => *failed.lock().unwrap() = Some(seed),
            }
        }
        reached.lock().unwrap().extend(here);
    };
    let threads = std::thread::available_parallelism().map_or(2, usize::from);
    std::thread::scope(|scope| (0..threads).for_each(|_| _ = scope.spawn(work)));
    if let Some(seed) = failed.into_inner().unwrap() {
        println!("seed {seed} failed; once more, with its history. {name}_SEED={seed} runs it alone.");
        history(network(seed).traced());
        panic!("seed {seed} failed, but not when repeated");
    }
    reached.into_inner().unwrap()
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// Lives through as many histories as the environment says, by default ten thousand.
pub(crate) fn live(suite: Suite) {
    let variable = |what: &str| number(&format!("{}_{what}", suite.name));
    if let Some(seed) = variable("SEED") {
        (suite.history)((suite.network)(seed).traced());
        return;
    }
    let count = variable("SEEDS").unwrap_or(SEEDS);
    let reached = seeds(suite, variable("FIRST").unwrap_or(0), count);
    let missing: Vec<_> = suite.sometimes.iter().filter(|name| !reached.contains(*name)).collect();
    assert!(missing.is_empty() || count < SEEDS, "never reached: {missing:?}; reached {reached:?}");
}

/// `SIM_SEED` runs one history alone; `SIM_FIRST` and `SIM_SEEDS` choose others, or more.
#[test]
fn ten_thousand_histories_keep_every_invariant_and_end_well() {
    live(Suite { name: "SIM", network: chaos::network, history, sometimes: &SOMETIMES });
}
