//! From link-up to IPv4 on the link, beside the kernel's floor: the moment the link-local address can be used.

use crate::report::{Row, median, spread};
use crate::service::Service;
use crate::wire::{Collector, first_query_after_reply};
use dhcp4o6_tests::{Bus, Change, Kea, KeaSettings, Lab, SOON, Watch};
use std::time::{Duration, Instant};

/// Runs of each scenario.
const RUNS: usize = 20;
/// What the service may add to what it cannot help.
const MARGIN: f64 = 15.0;

/// A way to configuration, and what it waits for besides the link-local address.
struct Scenario {
    name: &'static str,
    mode: &'static str,
    /// The first pause of a Solicit, in which Advertise messages are collected, milliseconds.
    advertise_wait: bool,
    kea: KeaSettings,
}

fn scenarios() -> Vec<Scenario> {
    let kea = KeaSettings::default;
    vec![
        Scenario {
            name: "stateless",
            mode: "dhcp6 = \"stateless\"",
            advertise_wait: false,
            kea: KeaSettings { addresses: false, prefixes: false, ..kea() },
        },
        Scenario {
            name: "stateful, rapid commit",
            mode: "dhcp6 = \"stateful\"\nrapid-commit = true",
            advertise_wait: false,
            kea: KeaSettings { rapid_commit: true, ..kea() },
        },
        Scenario {
            name: "stateful, preference 255",
            mode: "dhcp6 = \"stateful\"",
            advertise_wait: false,
            kea: KeaSettings { preference: Some(255), ..kea() },
        },
        Scenario { name: "stateful", mode: "dhcp6 = \"stateful\"", advertise_wait: true, kea: kea() },
    ]
}

/// When things happened in one run, from link-up.
struct Run {
    floor: f64,
    address: f64,
    /// From the Solicit to the Request, when there was one.
    advertise_wait: f64,
    /// From the Reply to the first query.
    reply_to_query: f64,
}

/// Measures every scenario.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let mut rows = Vec::new();
    let mut reactions = Vec::new();
    for scenario in scenarios() {
        let lab = Lab::like_a_host();
        let _kea = Kea::start(&lab, scenario.kea.clone());
        let bus = Bus::start(lab.dir());
        let runs: Vec<Run> = (1..=RUNS)
            .map(|number| {
                progress(&format!("link-up to IPv4, {}: run {number} of {RUNS}", scenario.name));
                run(&lab, &bus, scenario.mode)
            })
            .collect();
        let of = |figure: fn(&Run) -> f64| runs.iter().map(figure).collect::<Vec<f64>>();
        let (floor, total) = (of(|run| run.floor), of(|run| run.address));
        let waits = of(|run| if run.advertise_wait.is_nan() { 0.0 } else { run.advertise_wait });
        let beyond: Vec<f64> = runs
            .iter()
            .map(|run| {
                run.address - run.floor - if scenario.advertise_wait { run.advertise_wait } else { 0.0 }
            })
            .collect();
        reactions.extend(of(|run| run.reply_to_query));
        let name = scenario.name;
        rows.push(Row::new(
            format!("{name}: link-local usable (kernel's floor)"),
            median(&floor),
            "ms",
            spread(&floor),
        ));
        rows.push(Row::new(format!("{name}: link-up to IPv4"), median(&total), "ms", spread(&total)));
        if scenario.advertise_wait {
            rows.push(Row::new(format!("{name}: Advertise wait"), median(&waits), "ms", spread(&waits)));
        }
        rows.push(
            Row::new(
                format!("{name}: beyond what must be waited for"),
                median(&beyond),
                "ms",
                spread(&beyond),
            )
            .at_most(MARGIN),
        );
    }
    rows.push(
        Row::new("Reply received to first DISCOVER sent", median(&reactions), "ms", spread(&reactions))
            .at_most(1.0),
    );
    rows
}

fn run(lab: &Lab, bus: &Bus, mode: &str) -> Run {
    lab.customer.ip("link set c0 down");
    lab.customer.ip("addr flush dev c0");
    let config = format!("[[link]]\nmatch = \"c0\"\n{mode}\n");
    let service = Service::start(lab, bus, &config);
    let wire = Collector::open(&lab.customer);
    let kernel = Watch::open(&lab.customer);
    lab.customer.ip("link set c0 up");
    let end = Instant::now() + SOON;
    let mut moments = None;
    while moments.is_none() {
        assert!(
            Instant::now() < end,
            "no IPv4 address within {SOON:?}: the kernel did {:?}, the wire saw {:?}, the service says {}",
            kernel.changes(),
            wire.frames(),
            bus.client().properties("c0")
        );
        kernel.wait(Duration::from_millis(100));
        moments = moments_of(&kernel.changes());
    }
    let (up, usable, address) = moments.unwrap_or_else(|| unreachable!("the loop above ends with moments"));
    let frames = wire.frames();
    drop(service);
    let since = |moment: Instant| moment.duration_since(up).as_secs_f64() * 1000.0;
    let (advertise_wait, reply_to_query) = first_query_after_reply(&frames);
    Run { floor: since(usable), address: since(address), advertise_wait, reply_to_query }
}

/// Carrier, usable link-local address, IPv4 address.
fn moments_of(changes: &[(Instant, Change)]) -> Option<(Instant, Instant, Instant)> {
    let first = |wanted: fn(&Change) -> bool| changes.iter().find(|(_, c)| wanted(c)).map(|(at, _)| *at);
    Some((
        first(|change| matches!(change, Change::Carrier))?,
        first(|change| matches!(change, Change::LinkLocal(_)))?,
        first(|change| matches!(change, Change::Address(_)))?,
    ))
}
