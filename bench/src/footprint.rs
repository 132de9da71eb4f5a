//! Size of the program, memory and wake-ups of the bound service.

use crate::report::Row;
use crate::service::Service;
use dhcp4o6_tests::{Bus, Kea, KeaSettings, Lab, SOON, program};
use std::time::Duration;

/// How long the idle service is watched.
const IDLE: Duration = Duration::from_secs(60);
/// And how long it is left alone before.
const SETTLE: Duration = Duration::from_secs(10);
const MEGABYTE: f64 = 1024.0;

/// Measures one bound link.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let mut rows = Vec::new();
    let octets = std::fs::metadata(program("dhcp4o6d")).map_or(f64::NAN, |file| file.len() as f64);
    rows.push(Row::new("stripped release binary", octets / 1e6, "MB", "dhcp4o6d, 10^6 octets").at_most(3.0));

    progress("memory of one bound link");
    let lab = Lab::new();
    let _kea = Kea::start(
        &lab,
        KeaSettings { lifetime4: (86400, 43200, 75600), lifetime6: 86400, ..KeaSettings::default() },
    );
    let bus = Bus::start(lab.dir());
    let service = Service::start(&lab, &bus, "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateful\"\n");
    let mut client = bus.client();
    client.wait_state("c0", "bound", SOON);
    drop(client);
    // Freshly read pages of the program count as dirty until they are written back.
    nix::unistd::sync();
    let dirty = service.kilobytes("smaps_rollup", "Private_Dirty");
    let resident = service.kilobytes("smaps_rollup", "Rss");
    rows.push(
        Row::new("one link, bound, on a bus: private dirty", dirty / MEGABYTE, "MB", "smaps_rollup")
            .at_most(1.0),
    );
    rows.push(Row::new("one link, bound, on a bus: resident", resident / MEGABYTE, "MB", "smaps_rollup"));

    progress("an idle minute");
    // What follows the acquisition in its first seconds, such as the last record, is not idleness yet.
    std::thread::sleep(SETTLE);
    let (wakes, time) = (service.wake_ups(), service.processor_time());
    std::thread::sleep(IDLE);
    let (wakes, time) = (service.wake_ups() - wakes, service.processor_time() - time);
    rows.push(
        Row::new(
            "idle for 60 s: wake-ups",
            wakes,
            "",
            "voluntary context switches; no protocol timer is due",
        )
        .at_most(0.0),
    );
    rows.push(Row::new("idle for 60 s: processor time", time * 1000.0, "ms", "user and system"));
    rows.push(Row::new("threads", service.threads(), "", "/proc/PID/status"));
    rows
}
