//! Two hosts whose agents bring DHCPv4 to an IPv6-transport server: one with the client built in, one with udhcpc.

use crate::access::{BEYOND, Ends, FIRST, SECOND, connect, network};
use crate::show::{Kind, Screen};
use crate::story::{Place, follow};
use crate::{LIMIT, answers, stop};
use dhcp4o6_tests::{Capture, Customer, Provider, Stock, StockClient, ctl};
use std::time::{Duration, Instant};

const TSV: &str = "\
[server]
port547 = false
server-id = \"198.51.100.1\"

[server.tsv]
addresses = [\"2001:db8:6::1\"]
accept-from = [\"2001:db8:11::/64\", \"2001:db8:12::/64\"]

[[server.subnet]]
prefix = \"192.0.2.0/25\"
pools = [\"192.0.2.2-192.0.2.126\"]
sources = [\"2001:db8:11::/64\"]
options = { routers = [\"192.0.2.1\"] }

[[server.subnet]]
prefix = \"192.0.2.128/25\"
pools = [\"192.0.2.130-192.0.2.254\"]
sources = [\"2001:db8:12::/64\"]
options = { routers = [\"192.0.2.129\"] }
";
const BUILTIN: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
[link.hcra]
servers = [\"2001:db8:6::1\"]
";
const EXTERNAL: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
[link.hcra]
servers = [\"2001:db8:6::1\"]
client = \"external\"
adopt = true
";

/// Plays the scene.
///
/// # Errors
/// What did not work.
pub(crate) fn run(screen: &mut Screen) -> Result<(), String> {
    screen.heading("The stage");
    let plant = network([Ends::Host, Ends::Host]);
    screen.picture(&[
        "  host 1  [client + HCRA] c0 ------- +--------+        +----------+",
        "                                     | router | ------ | provider | -- 198.51.100.1",
        "  host 2  udhcpc --[HCRA] c0 ------- +--------+        |   TSV    |",
        "                                                       +----------+",
        "        every line is a link that carries IPv6 only; [ ] is dhcp4o6d",
    ]);
    let mut provider = Provider::start(&plant.lab, TSV);
    screen.fact("provider: dhcp4o6d is the IPv6-transport server, DHCPv4 on port 67 of IPv6 and IPv4:");
    screen.quote(TSV);
    let mut first = Customer::start(&plant.lab, BUILTIN);
    screen.fact("host 1: dhcp4o6d is the agent and the client:");
    screen.quote(BUILTIN);
    let mut second = Customer::start_in(&plant.lab, &plant.neighbour, "neighbour", EXTERNAL);
    screen.fact("host 2: dhcp4o6d is the agent, for the client on hcra-c0, and puts what that gets on c0:");
    screen.quote(EXTERNAL);

    screen.heading("IPv4 over IPv6-only links");
    let mut places = [
        Place::host("host 1", &first.wire, &mut first.client, &first.kernel),
        Place::stock("host 2", &second.wire, &second.kernel),
    ];
    let start = Instant::now();
    connect(&plant.neighbour, SECOND);
    screen.event(start.elapsed(), "host 2", Kind::Link, &format!("c0 gets {SECOND}"));
    second.kernel.until("hcra-c0 is there", LIMIT, || plant.neighbour.has("hcra-c0"));
    let udhcpc =
        StockClient::watch(&plant.neighbour, Stock::Udhcpc, "hcra-c0", &plant.lab.dir().join("udhcpc"));
    screen.event(start.elapsed(), "host 2", Kind::Link, "udhcpc starts on hcra-c0");
    connect(&plant.lab.customer, FIRST);
    screen.event(start.elapsed(), "host 1", Kind::Link, &format!("c0 gets {FIRST}"));
    if !follow(screen, start, &mut places) {
        for bus in [&first.bus, &second.bus] {
            screen.quote(&String::from_utf8_lossy(&ctl(bus, "explain c0").stdout));
        }
        return Err(format!("no IPv4 within {} s; above is where it stops", LIMIT.as_secs()));
    }
    drop(places);

    screen.heading("Does it work?");
    answers(screen, "host 1", &plant.lab.customer, BEYOND)?;
    answers(screen, "host 2", &plant.neighbour, BEYOND)?;
    screen.fact("at host 1:");
    screen.program(&first.bus, "status")?;
    screen.program(&first.bus, "explain c0")?;
    screen.fact("at host 2:");
    screen.program(&second.bus, "show c0")?;
    screen.fact("at the provider:");
    screen.program(&provider.bus, "leases")?;

    screen.heading("A renewal goes by IPv4, from the leased address to the server");
    let between = Capture::start(&plant.lab.customer);
    screen.program(&first.bus, "renew c0")?;
    let ack = between.wait_bootp(0, "the answer to the renewal", |bootp| !bootp.outgoing);
    screen.event(
        Duration::ZERO,
        "host 1",
        Kind::Wire,
        &format!("<-- {} from {} to {}", word(&ack), ack.from, ack.to),
    );

    screen.heading("The end");
    udhcpc.release();
    screen.fact("udhcpc has given its lease back");
    stop(&mut [&mut first.daemon, &mut second.daemon, &mut provider.daemon])?;
    drop((first, second, provider, between, plant));
    screen.fact("all stopped in good order; namespaces and files are removed");
    Ok(())
}

fn word(bootp: &dhcp4o6_tests::Bootp) -> String {
    bootp.kind().map_or_else(|| "?".to_owned(), |kind| kind.to_string())
}
