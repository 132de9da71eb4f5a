//! `show` of a role.

use super::Role;
use crate::output::Mood;
use crate::service::{joined, number, text};
use crate::sheet::Sheet;
use serde_json::Value;

/// Everything about a role.
pub fn sheet(role: &Role) -> Sheet {
    let mut sheet = Sheet::default();
    sheet.section(match role.kind {
        "server" => "Server",
        "relay" => "Relay agent",
        "tra" => "IPv6-transport relay agent",
        _ => "On-link client relay agent",
    });
    if role.kind != "server" {
        sheet.row("name", &role.name, "");
    }
    sheet.row("namespace", role.text("Namespace"), "configuration");
    let state = role.text("State");
    sheet.mooded("state", state, role.text("Reason"), role.state().1);
    match role.kind {
        "lcra" => lcra(&mut sheet, role),
        "tra" => tra(&mut sheet, role),
        _ => {
            sheet.row("interfaces", joined(&role.properties, &["Interfaces"]), "kernel");
            sheet.mooded("missing", joined(&role.properties, &["Missing"]), "configuration", Mood::Bad);
            sheet.row("DHCPv4 engine", role.text("Engine"), "configuration");
            let stored = role.text("Storage");
            let mood = if stored == "degraded" { Mood::Bad } else { Mood::Plain };
            sheet.mooded("leases stored", stored, "disk", mood);
        }
    }
    if role.is_tsv() {
        sheet.section("IPv6-transport server");
        door(&mut sheet, &role.tsv);
        sheet.row("server identifier", text(&role.tsv, &["ServerId"]), "configuration, option 54");
    }
    sheet.section("Datagrams");
    let total = |name| number(&role.properties, &[name]).to_string();
    sheet.row("received", total("Received"), "");
    sheet.row("sent", total("Sent"), "");
    for (key, mood) in [("Done", Mood::Good), ("Refused", Mood::Pending)] {
        for (name, count) in role.properties.get(key).and_then(Value::as_object).into_iter().flatten() {
            if let Some(count) = count.as_u64().filter(|count| *count > 0) {
                sheet.mooded(name, count.to_string(), if key == "Done" { "done" } else { "refused" }, mood);
            }
        }
    }
    sheet
}

fn lcra(sheet: &mut Sheet, role: &Role) {
    sheet.row("clients on", role.text("Device"), "configuration");
    sheet.row("servers by", role.text("Upstream"), "configuration");
    sheet.row("own address", role.text("Source"), "kernel");
    let from = servers_from(role.text("ServersFrom"));
    sheet.row("servers", joined(&role.properties, &["Servers"]), from);
}

fn tra(sheet: &mut Sheet, role: &Role) {
    door(sheet, &role.properties);
    sheet.row("DHCPv4 servers", joined(&role.properties, &["Servers"]), "configuration");
    sheet.row("servers answer to", role.text("Giaddr"), "configuration, giaddr");
}

/// Where and from whom messages of client relay agents are taken.
fn door(sheet: &mut Sheet, properties: &Value) {
    let addresses = joined(properties, &["Addresses"]);
    let addresses = if addresses.is_empty() { "every address of this host".to_owned() } else { addresses };
    sheet.row("asked at", addresses, "configuration");
    sheet.row("client relay agents in", joined(properties, &["Sources"]), "configuration");
    sheet.row("CRA6ADDR sub-option", number(properties, &["Cra6addr"]).to_string(), "configuration");
    sheet.row("relay encapsulation", text(properties, &["RelayEncapsulation"]), "configuration");
}

/// Whence the addresses of servers are known, for people.
pub fn servers_from(word: &str) -> &str {
    match word {
        "configured" => "configuration",
        "option-88" => "option 88",
        "draft01" => "Servers option of draft01",
        "aftr-name" => "option 64, resolved",
        "link" => "what the link above knows",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::role;
    use super::*;
    use serde_json::json;

    #[test]
    fn everything_about_an_on_link_agent_is_shown_with_its_source() {
        let lan = role(
            "lcra",
            "lan",
            json!({
                "State": "running", "Device": "lan0", "Upstream": "wan0", "Source": "2001:db8::18",
                "Servers": ["2001:db8:9::67"], "ServersFrom": "link", "Sent": 3, "Received": 4,
                "Done": { "upstream": 2, "downstream": 0 }, "Refused": { "opt82-in-reply": 1 },
            }),
            Value::Null,
        );
        let sheet = sheet(&lan);
        assert_eq!(
            sheet.section_lines("On-link client relay agent"),
            [
                "  name         lan",
                "  state        running",
                "  clients on   lan0            configuration",
                "  servers by   wan0            configuration",
                "  own address  2001:db8::18    kernel",
                "  servers      2001:db8:9::67  what the link above knows",
            ]
        );
        assert_eq!(
            sheet.section_lines("Datagrams"),
            [
                "  received        4",
                "  sent            3",
                "  upstream        2  done",
                "  opt82-in-reply  1  refused"
            ]
        );
    }

    #[test]
    fn a_server_shows_its_two_doors() {
        let server = role(
            "server",
            "server",
            json!({ "State": "degraded", "Reason": "no-storage", "Engine": "builtin", "Storage": "degraded" }),
            json!({ "Addresses": [], "Sources": ["2001:db8::/32"], "Cra6addr": 46, "ServerId": "198.51.100.1",
                    "RelayEncapsulation": "off" }),
        );
        let sheet = sheet(&server);
        assert_eq!(sheet.titles(), ["Server", "IPv6-transport server", "Datagrams"]);
        assert_eq!(
            sheet.section_lines("IPv6-transport server"),
            [
                "  asked at                every address of this host  configuration",
                "  client relay agents in  2001:db8::/32               configuration",
                "  CRA6ADDR sub-option     46                          configuration",
                "  relay encapsulation     off                         configuration",
                "  server identifier       198.51.100.1                configuration, option 54",
            ]
        );
    }
}
