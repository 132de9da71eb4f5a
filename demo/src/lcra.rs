//! A home whose hosts run the DHCPv4 clients they came with, and a router that brings them to an IPv6-transport server.

use crate::access::{BEYOND, Ends, FIRST, connect, network, route};
use crate::show::{Kind, Screen};
use crate::story::{Place, follow};
use crate::{LIMIT, answers, stop};
use dhcp4o6_tests::{Capture, Customer, Namespace, Provider, Stock, StockClient, Watch, ctl};
use std::time::Instant;

const TSV: &str = "\
[server]
port547 = false
server-id = \"198.51.100.1\"
limits = { leases-per-origin = 64 }

[server.tsv]
addresses = [\"2001:db8:6::1\"]
accept-from = [\"2001:db8:11::/64\"]

[[server.subnet]]
prefix = \"192.0.2.0/25\"
pools = [\"192.0.2.2-192.0.2.126\"]
sources = [\"2001:db8:11::/64\"]
options = { routers = [\"192.0.2.1\"] }
";
const LCRA: &str = "\
[[lcra]]
clients = \"lan0\"
upstream = \"c0\"
servers = [\"2001:db8:6::1\"]
";

/// Plays the scene.
///
/// # Errors
/// What did not work.
pub(crate) fn run(screen: &mut Screen) -> Result<(), String> {
    screen.heading("The stage");
    let plant = network([Ends::Lan, Ends::Lan]);
    let home = &plant.lab.customer;
    let hosts = lan(&plant.lab, home);
    connect(home, FIRST);
    route(home, "2001:db8:11::1", "192.0.2.1/25");
    screen.picture(&[
        "  pc     dhclient h0 --+",
        "  tv     udhcpc   h0 --+-- lan0 [LCRA] c0 ---- router ---- s0 [TSV] -- 198.51.100.1",
        "  laptop dhcpcd   h0 --+        home                       provider",
        "        behind lan0 every link carries IPv6 only; [ ] is dhcp4o6d",
    ]);
    let mut provider = Provider::start(&plant.lab, TSV);
    screen.fact("provider: dhcp4o6d is the IPv6-transport server:");
    screen.quote(TSV);
    let mut router = Customer::start(&plant.lab, LCRA);
    screen.fact("home: dhcp4o6d is the on-link client relay agent:");
    screen.quote(LCRA);

    screen.heading("IPv4 over IPv6-only links");
    let start = Instant::now();
    let stages: Vec<(Capture, Watch)> =
        hosts.iter().map(|(_, host, _)| (Capture::start(host), Watch::open(host))).collect();
    let clients: Vec<StockClient> = hosts
        .iter()
        .map(|(who, host, make)| {
            screen.event(start.elapsed(), who, Kind::Link, &format!("{} starts", make.program()));
            StockClient::start(host, *make, "h0", &plant.lab.dir().join(*who))
        })
        .collect();
    let uplink = Capture::start(&plant.relay);
    let mut places: Vec<Place<'_>> = hosts
        .iter()
        .zip(&stages)
        .map(|((who, ..), (wire, kernel))| Place::stock(who, wire, kernel))
        .collect();
    places.push(Place::router("router", &uplink));
    if !follow(screen, start, &mut places) {
        screen.quote(&String::from_utf8_lossy(&ctl(&router.bus, "explain lcra1").stdout));
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }
    drop(places);

    screen.heading("Does it work?");
    for (who, host, _) in &hosts {
        answers(screen, who, host, BEYOND)?;
    }
    screen.fact("at home:");
    screen.program(&router.bus, "status")?;
    screen.program(&router.bus, "counters")?;
    screen.fact("at the provider:");
    screen.program(&provider.bus, "leases")?;

    screen.heading("The end");
    clients.into_iter().for_each(StockClient::release);
    screen.fact("all clients have given their leases back");
    stop(&mut [&mut router.daemon, &mut provider.daemon])?;
    drop((router, provider, uplink, stages, hosts, plant));
    screen.fact("all stopped in good order; namespaces and files are removed");
    Ok(())
}

type Host = (&'static str, Namespace, Stock);

/// Hosts on a LAN of a subscriber's router, whose side of it is `lan0`.
fn lan(lab: &dhcp4o6_tests::Lab, home: &Namespace) -> Vec<Host> {
    home.ip("link add lan0 type bridge");
    home.ip("link set lan0 up");
    let hosts = [("pc", Stock::Dhclient, 1), ("tv", Stock::Udhcpc, 2), ("laptop", Stock::Dhcpcd, 3)];
    hosts
        .map(|(who, make, number)| {
            let host = lab.namespace(who);
            lab.join((home, who), (&host, "h0"));
            home.ip(&format!("link set {who} master lan0"));
            // The lab makes addresses of names, and these are all called the same.
            host.ip(&format!("link set h0 address 02:00:5e:10:00:{number:02x}"));
            (who, host, make)
        })
        .into()
}
