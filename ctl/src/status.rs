//! `status`: tables of links and of roles.

use crate::clock;
use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::role;
use crate::service::{Found, Service, number, text, title, why_missing};
use crate::table::{Cell, lines};
use dhcp4o6_dbus::{CLIENT1, DHCP6_STAGE1, LINK1, Missing, RELAY_CLIENT1};
use serde_json::{Value, json};

/// Prints the tables.
pub async fn run(service: &Service, namespace: Option<&str>, output: &Output) -> Result<(), Failure> {
    let (links, roles) = service.both_sides(namespace).await?;
    // Where only the provider's side runs, there is nothing to say of links.
    let subscriber = service.runs().await?;
    let links = service.everything_of(&links).await?;
    let (mut missing, mut storage, mut mistakes) = (Vec::new(), String::new(), Vec::new());
    if subscriber {
        missing = service.manager.missing().await?;
        missing.retain(|link| namespace.is_none_or(|namespace| namespace == link.namespace));
        storage = service.manager.storage().await?;
        mistakes = service.manager.configuration_errors().await?;
    }
    if output.json {
        return output.document(&json!({
            "links": links.iter().map(|(link, all)| summary(link, all)).collect::<Vec<_>>(),
            "missing": missing.iter().map(|link| json!({
                "match": link.matches, "namespace": link.namespace, "reason": link.reason,
            })).collect::<Vec<_>>(),
            "roles": roles.iter().map(role::summary).collect::<Vec<_>>(),
            "storage": storage,
            "configuration-errors": mistakes,
        }));
    }
    role::table(&roles, output)?;
    if links.is_empty() && missing.is_empty() {
        if !subscriber || !roles.is_empty() {
            return Ok(());
        }
        output.line("No link is configured. See dhcp4o6.toml(5).")?;
    } else {
        for line in lines(*output, &rows(&links, &missing, clock::now())) {
            output.line(&line)?;
        }
    }
    for link in &missing {
        let name = title(&link.matches, &link.namespace);
        output
            .line(&output.paint(Mood::Faint, &format!("{name} is missing: {}", why_missing(&link.reason))))?;
    }
    if storage == "degraded" {
        output.line(&output.paint(Mood::Bad, "Leases do not reach the disk; see the log."))?;
    }
    if !mistakes.is_empty() {
        output.line(
            &output.paint(Mood::Bad, "The last reload failed; the configuration before it is in force:"),
        )?;
        for mistake in &mistakes {
            output.line(&format!("  {}", output.paint(Mood::Plain, mistake)))?;
        }
    }
    Ok(())
}

fn rows(links: &[(Found, Value)], missing: &[Missing], now: u64) -> Vec<Vec<Cell>> {
    let head = ["LINK", "NAMESPACE", "STATE", "IPV4", "LEASE LEFT", "DHCPV6", "PERMIT", "BY", "SINCE"];
    let mut rows = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for (link, all) in links {
        let state = text(all, &[LINK1, "State"]);
        let seen = &all[RELAY_CLIENT1]["ExternalLease"];
        let (address, until) = match (ipv4(all), text(seen, &["address"])) {
            (None, address) if !address.is_empty() => {
                (format!("{address} (its client)"), number(seen, &["expires-at"]))
            }
            (address, _) => (address.unwrap_or_default(), number(all, &[LINK1, "Ip4Config", "valid-until"])),
        };
        rows.push(vec![
            Cell::new(&link.name, Mood::Strong),
            Cell::plain(&link.namespace),
            Cell::new(state, Mood::of_state(state)),
            Cell::plain(address),
            Cell::plain(clock::left(until, now)),
            Cell::plain(dhcp6(all)),
            Cell::plain(text(all, &[CLIENT1, "Permit", "state"])),
            Cell::plain(transport(all)),
            Cell::plain(clock::ago(number(all, &[LINK1, "Since"]), now)),
        ]);
    }
    for link in missing {
        rows.push(vec![
            Cell::new(&link.matches, Mood::Strong),
            Cell::plain(&link.namespace),
            Cell::new("missing", Mood::of_state("missing")),
        ]);
    }
    rows
}

/// How DHCPv4 messages travel.
fn transport(all: &Value) -> &str {
    match (text(all, &[CLIENT1, "Transport"]), all.get(RELAY_CLIENT1)) {
        ("", Some(_)) => "hcra",
        (transport, _) => transport,
    }
}

fn ipv4(all: &Value) -> Option<String> {
    let address = text(all, &[LINK1, "Ip4Config", "address"]);
    let prefix = number(all, &[LINK1, "Ip4Config", "prefix"]);
    (!address.is_empty()).then(|| format!("{address}/{prefix}"))
}

fn dhcp6(all: &Value) -> String {
    let (state, mode) = (text(all, &[DHCP6_STAGE1, "State"]), text(all, &[DHCP6_STAGE1, "Mode"]));
    if mode.is_empty() { state.to_owned() } else { format!("{state} ({mode})") }
}

fn summary(link: &Found, all: &Value) -> Value {
    let mut summary = json!({
        "name": link.name,
        "namespace": link.namespace,
        "path": link.path.as_str(),
        "state": text(all, &[LINK1, "State"]),
        "reason": text(all, &[LINK1, "Reason"]),
        "since": number(all, &[LINK1, "Since"]),
        "ipv4": ipv4(all),
        "valid-until": number(all, &[LINK1, "Ip4Config", "valid-until"]),
        "dhcp6": { "state": text(all, &[DHCP6_STAGE1, "State"]), "mode": text(all, &[DHCP6_STAGE1, "Mode"]) },
        "permit": text(all, &[CLIENT1, "Permit", "state"]),
        "transport": transport(all),
        "endpoints": all[LINK1]["Endpoints"],
        "now": clock::now(),
    });
    if let (Some(summary), Some(agent)) = (summary.as_object_mut(), all.get(RELAY_CLIENT1)) {
        summary.insert("hcra".into(), agent.clone());
    }
    summary
}
