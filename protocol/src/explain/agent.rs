//! What the host Client Relay Agent needs, and what became of it.

use super::{Finding, Verdict, failed, held, ok, sentence, skipped, waiting};
use crate::facts::LinkFacts;
use crate::settings::is_routable;
use crate::status::{HcraStatus, Status};
use crate::time::Instant;

pub(super) fn router_advertisement(status: &Status, now: Instant) -> Finding {
    unless_needless(super::router_advertisement(status, now), status)
}

pub(super) fn dhcp6(status: &Status, now: Instant) -> Finding {
    unless_needless(super::dhcp6(status, now), status)
}

/// The agent can do without DHCPv6, and what that waits for, where it knows everything it needs.
fn unless_needless((verdict, evidence): Finding, status: &Status) -> Finding {
    let knows = |hcra: &HcraStatus| !hcra.servers.is_empty() && hcra.waiting_for != Some("permit");
    match verdict {
        Verdict::Waiting | Verdict::Failed if status.hcra.as_ref().is_some_and(knows) => {
            skipped(format!("{evidence} The relay agent knows its servers without it."))
        }
        _ => (verdict, evidence),
    }
}

pub(super) fn permit(status: &Status, now: Instant) -> Finding {
    match &status.hcra {
        Some(hcra) if hcra.waiting_for == Some("permit") => super::permit(status, now),
        _ => skipped("The relay agent needs none."),
    }
}

pub(super) fn servers(status: &Status, _: Instant) -> Finding {
    let Some(hcra) = &status.hcra else { return skipped("There is no relay agent.") };
    let servers: Vec<_> = hcra.servers.iter().map(ToString::to_string).collect();
    let from = match hcra.servers_from {
        "static" => "as configured".to_owned(),
        "option-88" => "as option 88 of the DHCPv6 server lists them".to_owned(),
        "draft01" => "as the Servers option of draft01 lists them".to_owned(),
        "aftr-name" => format!("the addresses of {}", aftr(status)),
        _ => {
            return failed(format!(
                "No address of a TSV or TRA is known. Write `servers` under `[link.hcra]`, or let the DHCPv6 server tell \
                 them by option 88 (mode \"hcra\") or option 64.{}",
                resolution(status)
            ));
        }
    };
    ok(format!("Every message goes to {}, {from}.", servers.join(", ")))
}

fn aftr(status: &Status) -> &str {
    status.dhcp6.options.aftr_name.as_deref().unwrap_or("the tunnel concentrator")
}

/// What became of the name of the tunnel concentrator.
fn resolution(status: &Status) -> String {
    let options = &status.dhcp6.options;
    match (&options.aftr_name, &status.last_error) {
        (None, _) => String::new(),
        (Some(name), _) if options.dns.is_empty() => {
            format!(" It told the name {name}, and no resolver (option 23) to ask for it.")
        }
        (Some(_), Some(error)) if error.name == "aftr-unresolved" => format!(" {}", sentence(&error.text)),
        (Some(name), _) => format!(" The name {name} is being resolved."),
    }
}

pub(super) fn address(status: &Status, _: Instant) -> Finding {
    let Some(hcra) = &status.hcra else { return skipped("There is no relay agent.") };
    if hcra.waiting_for == Some("global-address") {
        return failed(missing_address(&status.facts));
    }
    match hcra.source {
        Some(source) => ok(format!("The relay agent is at {source}.")),
        None => skipped("No address was looked for yet."),
    }
}

fn missing_address(facts: &LinkFacts) -> String {
    let global: Vec<_> = facts.addresses.iter().filter(|own| is_routable(own.address)).collect();
    match global.iter().find(|own| !own.usable()) {
        Some(own) if own.duplicate => {
            format!("Another host has {}: duplicate address detection failed.", own.address)
        }
        Some(own) => format!("Duplicate address detection of {} still runs.", own.address),
        None if global.is_empty() => "The link has no global IPv6 address yet. It comes from router advertisements \
                                      (SLAAC) or DHCPv6."
            .to_owned(),
        None => "No IPv6 address of the link may be used: unique local ones only with `unique-local = true`, and with \
                 `source` no other than that."
            .to_owned(),
    }
}

pub(super) fn socket(status: &Status, _: Instant) -> Finding {
    let Some(hcra) = &status.hcra else { return skipped("There is no relay agent.") };
    let error = status
        .last_error
        .as_ref()
        .filter(|error| matches!(error.name, "agent-port-in-use" | "agent-socket-failed" | "not-permitted"));
    match (hcra.waiting_for, error) {
        (Some("agent-socket"), Some(error)) => failed(format!(
            "{} Another DHCP server or relay agent may have it. It is tried again by itself.",
            sentence(&error.text)
        )),
        (Some("agent-socket"), None) => waiting("UDP port 67 is being opened."),
        (Some(other), _) => skipped(format!("Not opened while waiting for {other}.")),
        (None, _) => ok(format!(
            "UDP port 67 is open there; {} messages were relayed, {} answers delivered.",
            hcra.relayed, hcra.delivered
        )),
    }
}

/// The client of another program, instead of ours.
pub(super) fn client(status: &Status, now: Instant) -> Finding {
    match &status.hcra {
        Some(HcraStatus { device, .. }) if device.is_empty() => waiting(
            "The device for a DHCPv4 client cannot be made. The service needs CAP_NET_ADMIN and /dev/net/tun.",
        ),
        Some(HcraStatus { device, seen: Some(lease), .. }) if lease.is_valid(now) => {
            ok(format!("A client on {device} has {}", held(lease, now)))
        }
        Some(HcraStatus { device, .. }) => waiting(format!(
            "No lease has passed yet. Run a DHCPv4 client on {device}, such as `udhcpc -i {device}`."
        )),
        None => skipped("There is no relay agent."),
    }
}
