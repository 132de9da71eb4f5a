//! One customer, and Kea as the provider.

use crate::show::{Kind, Screen};
use crate::story::{Place, follow};
use crate::{BEYOND, LIMIT};
use dhcp4o6_tests::{Bus, Capture, Daemon, Kea, KeaSettings, Lab, Router, Watch, ctl};
use std::time::{Duration, Instant};

/// The smallest useful configuration.
const CONFIG: &str = "[[link]]\nmatch = \"c0\"\n";

/// Plays the scene.
///
/// # Errors
/// What did not work.
pub(crate) fn run(screen: &mut Screen) -> Result<(), String> {
    screen.heading("The stage");
    let lab = Lab::like_a_host();
    screen.fact("provider and customer, a network namespace each, joined by a veth link without IPv4");
    let kea = Kea::start(&lab, KeaSettings::default());
    let router = Router::start(&lab, true, true);
    screen
        .fact("provider: Kea serves DHCPv6 and, inside it, DHCPv4; radvd says that addresses come by DHCPv6");
    let bus = Bus::start(lab.dir());
    let mut client = bus.client();
    let wire = Capture::start(&lab.customer);
    let kernel = Watch::open(&lab.customer);
    let mut daemon = Daemon::start(&lab, &bus, CONFIG);
    screen.fact("customer: dhcp4o6d runs, on a private D-Bus, with this configuration:");
    screen.quote(CONFIG);

    screen.heading("IPv4 over the IPv6-only link");
    let start = Instant::now();
    lab.customer.ip("link set c0 up");
    screen.event(Duration::ZERO, "host", Kind::Link, "c0 comes up");
    let mut places = [Place::customer("host", &wire, &mut client, &kernel)];
    if !follow(screen, start, &mut places) {
        screen.quote(&String::from_utf8_lossy(&ctl(&bus, "explain c0").stdout));
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }

    screen.heading("Does it work?");
    let before = Instant::now();
    if !lab.customer.pings(BEYOND) {
        return Err(format!("{BEYOND}, beyond the provider's router, does not answer"));
    }
    screen
        .fact(&format!("{BEYOND}, beyond the provider's router, answers a ping ({:.1?})", before.elapsed()));
    screen.program(&bus, "status")?;
    screen.program(&bus, "explain c0")?;

    screen.heading("The end");
    let status = daemon.terminate();
    if !status.success() {
        return Err(format!("dhcp4o6d ended with {status}"));
    }
    screen.fact("dhcp4o6d stopped in good order");
    drop((kea, router, daemon));
    screen.heading("Times");
    for place in &places {
        place.summary(screen, start);
    }
    drop((wire, kernel, client, bus, lab));
    screen.fact("servers, bus, namespaces and files are removed");
    Ok(())
}
