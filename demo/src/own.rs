//! Two customers, a relay agent between them and the provider, and our own service everywhere.

use crate::show::{Kind, Screen};
use crate::story::{Place, follow};
use crate::{BEYOND, LIMIT};
use dhcp4o6_tests::{Capture, Customer, Plant, Provider, ctl};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// The relay agents tell the links apart: one by its address, the other by its name for the interface.
const SERVER: &str = "\
[server]
interfaces = [\"s0\"]
accept-from = [\"2001:db8:6::/64\"]
server-id = \"198.51.100.1\"

[[server.subnet]]
prefix = \"192.0.2.0/25\"
pools = [\"192.0.2.2-192.0.2.126\"]
link-addresses = [\"2001:db8:11::/64\"]
options = { routers = [\"192.0.2.1\"] }

[[server.subnet]]
prefix = \"192.0.2.128/25\"
pools = [\"192.0.2.130-192.0.2.254\"]
interface-ids = [\"r2\"]
options = { routers = [\"192.0.2.129\"] }
";
const RELAY: &str = "\
[[relay]]
clients = [\"r1\", \"r2\"]
upstream = [\"w0\"]
servers = [\"2001:db8:6::1\"]
";
/// There are no router advertisements here that would say how.
const CUSTOMER: &str = "\
[[link]]
match = \"c0\"
dhcp6 = \"stateless\"
";

/// Plays the scene.
///
/// # Errors
/// What did not work.
pub(crate) fn run(screen: &mut Screen) -> Result<(), String> {
    screen.heading("The stage");
    let plant = Plant::new();
    carry_ipv4(&plant);
    screen.picture(&[
        "  host 1 c0 ---------- r1 +-------+                +----------+",
        "                          | relay | w0 -------- s0 | provider | -- 198.51.100.1",
        "  host 2 c0 ---------- r2 +-------+                +----------+",
        "        every line is a link that carries IPv6 only",
    ]);
    let provider = Provider::start(&plant.lab, SERVER);
    screen.fact("provider: dhcp4o6d is the DHCPv6 server and, inside it, the DHCPv4 server:");
    screen.quote(SERVER);
    let relay = Provider::start_in(&plant.lab, &plant.relay, "relay", RELAY);
    let between = Capture::start(&plant.relay);
    screen.fact("relay: dhcp4o6d is the DHCPv6 relay agent:");
    screen.quote(RELAY);
    for host in [&plant.lab.customer, &plant.neighbour] {
        host.ip("link set c0 down");
    }
    plant.neighbour.ip("link set c0 address 02:00:5e:10:00:02");
    let mut first = Customer::start(&plant.lab, CUSTOMER);
    let mut second = Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", CUSTOMER);
    screen.fact("hosts: dhcp4o6d is the client:");
    screen.quote(CUSTOMER);

    screen.heading("IPv4 over IPv6-only links");
    let start = Instant::now();
    plant.lab.customer.ip("link set c0 up");
    screen.event(Duration::ZERO, "host 1", Kind::Link, "c0 comes up");
    plant.neighbour.ip("link set c0 up");
    screen.event(start.elapsed(), "host 2", Kind::Link, "c0 comes up");
    let mut places = [
        Place::customer("host 1", &first.wire, &mut first.client, &first.kernel),
        Place::customer("host 2", &second.wire, &mut second.client, &second.kernel),
        Place::relay("relay", &between),
    ];
    if !follow(screen, start, &mut places) {
        for bus in [&first.bus, &second.bus] {
            screen.quote(&String::from_utf8_lossy(&ctl(bus, "explain c0").stdout));
        }
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }

    screen.heading("Does it work?");
    let address = *plant.neighbour.ipv4("c0").first().unwrap_or(&Ipv4Addr::UNSPECIFIED);
    for (what, to) in [("the provider's side of the links", BEYOND), ("host 2", &address.to_string())] {
        let before = Instant::now();
        if !plant.lab.customer.pings(to) {
            return Err(format!("host 1 gets no answer from {to}, {what}"));
        }
        screen.fact(&format!("host 1 has an answer from {to}, {what} ({:.1?})", before.elapsed()));
    }
    screen.fact("at host 1:");
    screen.program(&first.bus, "status")?;
    screen.fact("at the provider:");
    screen.program(&provider.bus, "leases")?;
    screen.program(&provider.bus, "pools")?;
    screen.program(&provider.bus, "select-test --link-address 2001:db8:11::1 --requested 192.0.2.77")?;

    screen.heading("Times");
    for (who, place) in ["host 1", "host 2"].iter().zip(&places) {
        screen.fact(who);
        place.summary(screen, start);
    }

    screen.heading("The end");
    let (mut relay, mut provider) = (relay, provider);
    for daemon in [&mut first.daemon, &mut second.daemon, &mut relay.daemon, &mut provider.daemon] {
        let status = daemon.terminate();
        if !status.success() {
            return Err(format!("dhcp4o6d ended with {status}"));
        }
    }
    drop((first, second, relay, provider, between, plant));
    screen.fact("all four stopped in good order; namespaces and files are removed");
    Ok(())
}

/// Lets IPv4 pass where it is to: the links carry it with IPv6 next hops, so that they need no IPv4 of their own.
fn carry_ipv4(plant: &Plant) {
    plant.lab.provider.ip("addr del 192.0.2.1/24 dev s0");
    plant.lab.provider.ip("route add 192.0.2.0/24 via inet6 2001:db8:6::2 dev s0");
    plant.relay.ip("route add 198.51.100.1/32 via inet6 2001:db8:6::1 dev w0");
    plant.relay.ip("addr add 192.0.2.1/25 dev r1");
    plant.relay.ip("addr add 192.0.2.129/25 dev r2");
    plant.relay.set("net/ipv4/ip_forward", "1");
}
