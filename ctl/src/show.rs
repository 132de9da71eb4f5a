//! `show NAME`: everything, and what came from where.

use crate::clock;
use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::role;
use crate::service::{Service, Subject, joined, list, number, text};
use crate::sheet::Sheet;
use crate::table::Cell;
use dhcp4o6_dbus::{CLIENT1, DHCP6_STAGE1, LINK1, RELAY_CLIENT1, STATISTICS1};
use serde_json::Value;

/// Prints a link or a role.
pub async fn run(
    service: &Service,
    name: &str,
    namespace: Option<&str>,
    output: &Output,
) -> Result<(), Failure> {
    let (document, sheet) = match service.subject(name, namespace).await? {
        Subject::Link(link) => {
            let all = service.everything(&link).await?;
            let sheet = sheet(&all, clock::now());
            (all, sheet)
        }
        Subject::Role(role) => (role::summary(&role), role::show::sheet(&role)),
    };
    if output.json { output.document(&document) } else { sheet.print(output) }
}

fn sheet(all: &Value, now: u64) -> Sheet {
    let mut sheet = Sheet::default();
    link(&mut sheet, all, now);
    dhcp6(&mut sheet, all, now);
    agent(&mut sheet, all);
    client(&mut sheet, all, now);
    lease(&mut sheet, "IPv4 lease", &all[CLIENT1]["Lease"], now);
    lease(&mut sheet, "IPv4 lease of the external client", &all[RELAY_CLIENT1]["ExternalLease"], now);
    ipv4(&mut sheet, all, now);
    endpoints(&mut sheet, all, now);
    sheet
}

fn link(sheet: &mut Sheet, all: &Value, now: u64) {
    let get = |key| text(all, &[LINK1, key]);
    sheet.section("Link");
    sheet.row("name", get("Name"), "");
    sheet.row("namespace", get("Namespace"), "");
    sheet.row("interface index", number(all, &[LINK1, "Index"]).to_string(), "kernel");
    let state = get("State");
    let since = clock::ago(number(all, &[LINK1, "Since"]), now);
    sheet.mooded("state", state, &format!("{}, {since}", get("Reason")), Mood::of_state(state));
    if all[LINK1]["Stopped"] == Value::Bool(true) {
        sheet.row("stopped", "yes", "operator");
    }
    sheet.row("link-layer address", colons(get("HardwareAddress")), "kernel");
    sheet.row("MTU", number(all, &[LINK1, "Mtu"]).to_string(), "kernel");
    let up = |key| if all[LINK1][key] == Value::Bool(true) { "yes" } else { "no" };
    sheet.row("up", up("Up"), "kernel");
    sheet.row("carrier", up("Carrier"), "kernel");
    sheet.row("link-local address", get("LinkLocal"), "kernel");
    let ra = &all[LINK1]["RouterAdvertisement"];
    if ra.as_object().is_some_and(|ra| !ra.is_empty()) {
        let flag = |key: &str| if ra[key] == Value::Bool(true) { "1" } else { "0" };
        sheet.row(
            "router flags",
            format!("M {}, O {}", flag("managed"), flag("other")),
            "router advertisement",
        );
        sheet.row("prefixes on link", joined(ra, &["prefixes"]), "router advertisement");
    }
    sheet.row("IPv4 goes to", get("Target"), "configuration");
    let error = &all[LINK1]["LastError"];
    let at = clock::ago(number(error, &["at"]), now);
    let source = format!("{}, {at}", text(error, &["name"]));
    sheet.mooded("last error", text(error, &["text"]), &source, Mood::Bad);
    let traffic = [number(all, &[STATISTICS1, "Sent"]), number(all, &[STATISTICS1, "Received"])];
    sheet.row("datagrams", format!("{} sent, {} received", traffic[0], traffic[1]), "");
}

fn dhcp6(sheet: &mut Sheet, all: &Value, now: u64) {
    let stage = &all[DHCP6_STAGE1];
    let get = |key| text(stage, &[key]);
    sheet.section("DHCPv6");
    sheet.row("state", get("State"), get("Mode"));
    sheet.row("exchange", exchange(&stage["Exchange"], now), "");
    let reply = number(stage, &["ReplyAt"]);
    sheet.row("server", get("Server"), "option 2");
    if reply > 0 {
        sheet.row("last Reply", clock::ago(reply, now), "");
    }
    if number(stage, &["RefreshAt"]) > 0 {
        sheet.row("refresh in", clock::left(number(stage, &["RefreshAt"]), now), "option 32");
    }
    for address in list(stage, &["Addresses"]) {
        let left = clock::left(number(address, &["valid-until"]), now);
        sheet.row("address", format!("{}, valid for {left}", text(address, &["address"])), "option 3, IA_NA");
    }
    for prefix in list(stage, &["Prefixes"]) {
        let left = clock::left(number(prefix, &["valid-until"]), now);
        let prefix = format!("{}/{}", text(prefix, &["prefix"]), number(prefix, &["length"]));
        sheet.row("delegated prefix", format!("{prefix}, valid for {left}"), "option 25, IA_PD");
    }
    for (label, key) in [("renewed in", "RenewAt"), ("rebound in", "RebindAt")] {
        if number(stage, &[key]) > 0 {
            sheet.row(label, clock::left(number(stage, &[key]), now), "");
        }
    }
    sheet.row("DNS servers", joined(stage, &["Dns"]), "option 23");
    sheet.row("search domains", joined(stage, &["Domains"]), "option 24");
    sheet.row("AFTR", get("AftrName"), "option 64");
    for option in list(stage, &["Options"]) {
        let (code, octets) = (option[0].as_u64().unwrap_or_default(), option[1].as_str().unwrap_or_default());
        let octets = if octets.is_empty() { "(empty)" } else { octets };
        sheet.row(&format!("option {code}"), octets, "as it came");
    }
    for (label, key, option) in
        [("SOL_MAX_RT", "SolMaxRt", "option 82"), ("INF_MAX_RT", "InfMaxRt", "option 83")]
    {
        if number(stage, &[key]) > 0 {
            sheet.row(label, clock::lifetime(number(stage, &[key])), option);
        }
    }
    sheet.row("IAID", format!("{:#010x}", number(stage, &["Iaid"])), "");
}

fn client(sheet: &mut Sheet, all: &Value, now: u64) {
    let client = &all[CLIENT1];
    let get = |key| text(client, &[key]);
    sheet.section(if get("Transport") == "hcra" { "DHCPv4 over IPv6" } else { "DHCPv4 over DHCPv6" });
    let permit = &client["Permit"];
    let since = number(permit, &["since"]);
    let age = if since > 0 { clock::ago(since, now) } else { String::new() };
    let from = match text(permit, &["profile"]) {
        "rfc7341" => "option 88",
        "draft01" => "Enable option of draft01",
        _ => "",
    };
    let state = text(permit, &["state"]);
    let mood = if state == "valid" { Mood::Good } else { Mood::Plain };
    sheet.mooded("permit", [state, &age].join(" ").trim().to_owned(), from, mood);
    if since > 0 {
        let servers = joined(permit, &["servers"]);
        let servers = if servers.is_empty() { "ff02::1:2 (all)".to_owned() } else { servers };
        sheet.row("servers", servers, from);
    }
    sheet.row("state", get("State"), get("Transport"));
    sheet.row("waits for", get("WaitingFor"), "");
    sheet.row("exchange", exchange(&client["Exchange"], now), "");
    sheet.row("queries go to", joined(client, &["Destinations"]), "");
    sheet.row("queries come from", get("Source"), "");
    sheet.row("client identifier", get("ClientId"), "option 61");
    let counted: Vec<_> = client["Messages"]
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(name, count)| {
            count.as_u64().filter(|count| *count > 0).map(|count| format!("{count} {name}"))
        })
        .collect();
    sheet.row("messages", counted.join(", "), "");
}

/// The client relay agent of the link, if it has one.
fn agent(sheet: &mut Sheet, all: &Value) {
    let Some(agent) = all.get(RELAY_CLIENT1) else { return };
    let get = |key| text(agent, &[key]);
    sheet.section("Client relay agent");
    let state = get("State");
    let mood = if state == "running" { Mood::Good } else { Mood::Pending };
    sheet.mooded("state", state, get("Reason"), mood);
    sheet.row("own address", get("Source"), "kernel");
    sheet.row("servers", joined(agent, &["Servers"]), role::show::servers_from(get("ServersFrom")));
    sheet.row("clients", get("Client"), "configuration");
    sheet.row("client runs on", get("Device"), "TAP device of this service");
    sheet.row("renewals go", get("Renew"), "configuration");
    let relayed = [number(agent, &["Done", "upstream"]), number(agent, &["Done", "downstream"])];
    sheet.row("messages", format!("{} to servers, {} to clients", relayed[0], relayed[1]), "");
}

/// Every endpoint of the link, if there are several: the others have nothing else.
fn endpoints(sheet: &mut Sheet, all: &Value, now: u64) {
    let endpoints = list(all, &[LINK1, "Endpoints"]);
    if endpoints.len() < 2 {
        return;
    }
    sheet.section("Endpoints");
    let head = ["  NAME", "STATE", "IPV4", "ON", "LEASE LEFT", "SERVER", "CLIENT IDENTIFIER"];
    sheet.cells(head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect());
    for endpoint in endpoints {
        let get = |key| text(endpoint, &[key]);
        let (state, reason) = (get("state"), get("reason"));
        let name = if get("name").is_empty() { "(first)" } else { get("name") };
        let address = match get("address") {
            "" => String::new(),
            address => format!("{address}/{}", number(endpoint, &["prefix"])),
        };
        let told = if state == reason || reason.is_empty() {
            state.to_owned()
        } else {
            format!("{state} ({reason})")
        };
        sheet.cells(vec![
            Cell::plain(format!("  {name}")),
            Cell::new(told, Mood::of_state(state)),
            Cell::plain(address),
            Cell::plain(get("device")),
            Cell::plain(clock::left(number(endpoint, &["valid-until"]), now)),
            Cell::plain(get("server-id")),
            Cell::plain(get("client-id")),
        ]);
    }
}

fn lease(sheet: &mut Sheet, title: &'static str, lease: &Value, now: u64) {
    if text(lease, &["address"]).is_empty() {
        return;
    }
    sheet.section(title);
    sheet.row("address", text(lease, &["address"]), "yiaddr");
    sheet.row("server", text(lease, &["server-id"]), "option 54");
    sheet.row("granted for", clock::lifetime(number(lease, &["lifetime"])), "option 51");
    sheet.row("left", clock::left(number(lease, &["expires-at"]), now), "");
    sheet.row("renewed in", clock::left(number(lease, &["renew-at"]), now), "option 58, or half");
    sheet.row("rebound in", clock::left(number(lease, &["rebind-at"]), now), "option 59, or 7/8");
    for option in list(lease, &["options"]) {
        let (code, octets) = (option[0].as_u64().unwrap_or_default(), option[1].as_str().unwrap_or_default());
        let octets = if octets.is_empty() { "(empty)" } else { octets };
        sheet.row(&format!("option {code}"), octets, "as it came");
    }
}

fn ipv4(sheet: &mut Sheet, all: &Value, now: u64) {
    let config = &all[LINK1]["Ip4Config"];
    let address = text(config, &["address"]);
    if address.is_empty() {
        return;
    }
    sheet.section("IPv4 in force");
    let on = format!("on {}", text(config, &["device"]));
    sheet.row("address", format!("{address}/{}", number(config, &["prefix"])), &on);
    for route in list(config, &["routes"]) {
        let (to, length) = (text(route, &["destination"]), number(route, &["prefix"]));
        let via = text(route, &["gateway"]);
        let via = if via.is_empty() { "on link".to_owned() } else { format!("via {via}") };
        sheet.row("route", format!("{to}/{length} {via}"), "option 121, else 33 and 3");
    }
    sheet.row("gateway", text(config, &["gateway"]), "option 3 or 121");
    sheet.row("DNS servers", joined(config, &["dns"]), "option 6");
    sheet.row("search domains", joined(config, &["domains"]), "option 119, else 15");
    sheet.row("NTP servers", joined(config, &["ntp"]), "option 42");
    if number(config, &["mtu"]) > 0 {
        sheet.row("MTU of the routes", number(config, &["mtu"]).to_string(), "option 26");
    }
    sheet.row("ends in", clock::left(number(config, &["valid-until"]), now), "");
}

fn exchange(exchange: &Value, now: u64) -> String {
    let message = text(exchange, &["message"]);
    if message.is_empty() {
        return String::new();
    }
    let sent = number(exchange, &["transmissions"]);
    let started = clock::ago(number(exchange, &["started"]), now);
    let next = number(exchange, &["next"]);
    let again = if next > now { format!(", again in {}", clock::span(next - now)) } else { String::new() };
    match sent {
        0 => format!("{message} not sent yet{again}"),
        1 => format!("{message} sent once, {started}{again}"),
        _ => format!("{message} sent {sent} times since {started}{again}"),
    }
}

/// Hexadecimal digits with a colon after each octet.
fn colons(hex: &str) -> String {
    let (octets, _) = hex.as_bytes().as_chunks::<2>();
    octets.iter().map(|octet| String::from_utf8_lossy(octet).into_owned()).collect::<Vec<_>>().join(":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn link_layer_addresses_have_colons() {
        assert_eq!(colons("020000000001"), "02:00:00:00:00:01");
        assert_eq!(colons(""), "");
    }

    #[test]
    fn a_link_about_which_nothing_is_known_can_be_shown() {
        let printed = |all: &Value| sheet(all, 5).titles();
        assert_eq!(printed(&json!({})), ["Link", "DHCPv6", "DHCPv4 over DHCPv6"]);
        let leased = json!({ CLIENT1: { "Lease": { "address": "192.0.2.7" } } });
        assert_eq!(printed(&leased).last(), Some(&"IPv4 lease"));
    }

    #[test]
    fn a_client_relay_agent_is_shown_with_whence_it_knows_its_servers() {
        let all = json!({
            CLIENT1: { "Transport": "hcra" },
            RELAY_CLIENT1: {
                "State": "running", "Source": "2001:db8:1:1::18", "Servers": ["2001:db8:9::67", "2001:db8:9::68"],
                "ServersFrom": "aftr-name", "Client": "external", "Device": "hcra-wan0",
                "Done": { "upstream": 2, "downstream": 1 },
                "ExternalLease": { "address": "192.0.2.18", "server-id": "198.51.100.1", "lifetime": 60,
                                   "expires-at": 60_000_005 },
            },
        });
        let sheet = sheet(&all, 5);
        assert_eq!(
            sheet.titles(),
            ["Link", "DHCPv6", "Client relay agent", "DHCPv4 over IPv6", "IPv4 lease of the external client"]
        );
        assert_eq!(
            sheet.section_lines("Client relay agent"),
            [
                "  state           running",
                "  own address     2001:db8:1:1::18                kernel",
                "  servers         2001:db8:9::67, 2001:db8:9::68  option 64, resolved",
                "  clients         external                        configuration",
                "  client runs on  hcra-wan0                       TAP device of this service",
                "  messages        2 to servers, 1 to clients",
            ]
        );
        assert_eq!(sheet.section_lines("IPv4 lease of the external client")[3], "  left         1min 0s");
    }

    #[test]
    fn several_endpoints_are_a_table_and_a_single_one_is_not() {
        let one = json!({ "name": "", "state": "bound", "reason": "bound", "address": "192.0.2.1", "prefix": 32,
                          "device": "v4o6-wan0", "server-id": "198.51.100.1", "valid-until": 60_000_005,
                          "client-id": "ff0000" });
        let other = json!({ "name": "voice", "state": "acquiring", "reason": "no-answer" });
        let all = |endpoints: &[&Value]| json!({ LINK1: { "Endpoints": endpoints } });
        assert!(!sheet(&all(&[&one]), 5).titles().contains(&"Endpoints"));
        assert_eq!(
            sheet(&all(&[&one, &other]), 5).section_lines("Endpoints"),
            [
                "  NAME     STATE                  IPV4          ON         LEASE LEFT  SERVER        CLIENT IDENTIFIER",
                "  (first)  bound                  192.0.2.1/32  v4o6-wan0  1min 0s     198.51.100.1  ff0000",
                "  voice    acquiring (no-answer)  -             -          -           -             -",
            ]
        );
    }

    #[test]
    fn exchanges_are_told_in_a_line() {
        let of = |sent: u64| json!({ "message": "SOLICIT", "transmissions": sent, "started": 1, "next": 9_000_001 });
        assert_eq!(exchange(&of(0), 3_000_001), "SOLICIT not sent yet, again in 6s");
        assert_eq!(exchange(&of(2), 3_000_001), "SOLICIT sent 2 times since 3s ago, again in 6s");
        assert_eq!(exchange(&json!({}), 5), "");
    }
}
