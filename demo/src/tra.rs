//! A host and a home behind client relay agents, an IPv6-transport relay agent, and behind it a DHCPv4 server that knows
//! nothing of all that.

use crate::access::{BEYOND, Ends, FIRST, SECOND, connect, network, route};
use crate::show::{Kind, Screen};
use crate::story::{Place, follow};
use crate::{LIMIT, answers, stop};
use dhcp4o6_tests::{
    Capture, Customer, Make, Plain, PlainSettings, Pool, Provider, Stock, StockClient, Watch, ctl,
};
use std::net::Ipv4Addr;
use std::time::Instant;

const TRA: &str = "\
[[tra]]
addresses = [\"2001:db8:6::1\"]
accept-from = [\"2001:db8:11::/64\", \"2001:db8:12::/64\"]
servers = [\"10.0.1.1\"]
giaddr = \"10.0.1.254\"

[[tra.link]]
prefix = \"192.0.2.0/24\"
sources = [\"2001:db8:11::/64\", \"2001:db8:12::/64\"]
";
const HOST: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
[link.hcra]
servers = [\"2001:db8:6::1\"]
";
const LCRA: &str = "\
[[lcra]]
clients = \"lan0\"
upstream = \"c0\"
servers = [\"2001:db8:6::1\"]
";

/// Plays the scene, with a server of this make.
///
/// # Errors
/// What did not work.
pub(crate) fn run(screen: &mut Screen, make: Make) -> Result<(), String> {
    screen.heading("The stage");
    let plant = network([Ends::Host, Ends::Lan]);
    let home = &plant.neighbour;
    let pc = plant.lab.namespace("pc");
    plant.lab.join((home, "lan0"), (&pc, "h0"));
    let name = match make {
        Make::Kea => "Kea",
        Make::Isc => "ISC dhcpd",
        Make::Dnsmasq => "dnsmasq",
    };
    screen.picture(&[
        "  host  [client + HCRA] c0 ----+",
        "                               +---- router ---- s0 [TRA] d1 ---- d0 DHCPv4 server",
        "  pc  udhcpc h0 -- lan0 [LCRA]-+                provider 198.51.100.1",
        "        between [LCRA], [HCRA] and [TRA] every link carries IPv6 only; [ ] is dhcp4o6d",
    ]);
    let pool = Pool { network: Ipv4Addr::new(192, 0, 2, 0), hosts: (2, 126) };
    let server = Plain::start(&plant.lab, PlainSettings { pools: vec![pool], ..PlainSettings::of(make) });
    screen.fact(&format!("behind the provider: {name} as the distribution has it, on IPv4"));
    let mut provider = Provider::start(&plant.lab, TRA);
    screen.fact("provider: dhcp4o6d is the IPv6-transport relay agent:");
    screen.quote(TRA);
    let mut host = Customer::start(&plant.lab, HOST);
    screen.fact("host: dhcp4o6d is the agent and the client:");
    screen.quote(HOST);
    let mut router = Customer::start_in(&plant.lab, home, "home", LCRA);
    screen.fact("home: dhcp4o6d is the on-link client relay agent:");
    screen.quote(LCRA);

    screen.heading("IPv4 over IPv6-only links");
    let (wire, kernel) = (Capture::start(&pc), Watch::open(&pc));
    let behind = Capture::start(&server.namespace);
    let mut places = [
        Place::host("host", &host.wire, &mut host.client, &host.kernel),
        Place::stock("pc", &wire, &kernel),
        Place::server("server", &behind),
    ];
    connect(home, SECOND);
    let start = Instant::now();
    let client = StockClient::start(&pc, Stock::Udhcpc, "h0", &plant.lab.dir().join("pc"));
    screen.event(start.elapsed(), "pc", Kind::Link, "udhcpc starts");
    connect(&plant.lab.customer, FIRST);
    screen.event(start.elapsed(), "host", Kind::Link, &format!("c0 gets {FIRST}"));
    if !follow(screen, start, &mut places) {
        screen.quote(&String::from_utf8_lossy(&ctl(&host.bus, "explain c0").stdout));
        screen.quote(&String::from_utf8_lossy(&ctl(&provider.bus, "explain tra1").stdout));
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }
    drop(places);

    screen.heading("Does it work?");
    // One pool serves both, so addresses tell nothing of where they are: the network learns it as a tunnel would.
    let address = |namespace: &dhcp4o6_tests::Namespace, interface| {
        namespace.ipv4(interface).first().copied().unwrap_or(Ipv4Addr::UNSPECIFIED)
    };
    plant.relay.ip(&format!("route replace {}/32 dev r1", address(&plant.lab.customer, "c0")));
    plant.relay.ip(&format!("route replace {}/32 via inet6 2001:db8:12::c dev r2", address(&pc, "h0")));
    route(home, "2001:db8:12::1", "192.0.2.1/24");
    answers(screen, "host", &plant.lab.customer, BEYOND)?;
    answers(screen, "pc", &pc, BEYOND)?;
    screen.fact("at the host:");
    screen.program(&host.bus, "status")?;
    screen.fact("at home:");
    screen.program(&router.bus, "status")?;
    screen.fact("at the provider:");
    screen.program(&provider.bus, "status")?;
    screen.program(&provider.bus, "counters")?;

    screen.heading("The end");
    client.release();
    screen.fact("udhcpc has given its lease back");
    stop(&mut [&mut host.daemon, &mut router.daemon, &mut provider.daemon])?;
    drop((host, router, provider, server, wire, kernel, behind, pc, plant));
    screen.fact("all stopped in good order; namespaces and files are removed");
    Ok(())
}
