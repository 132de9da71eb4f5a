//! `select-test`: which subnet and address a query would get, and why.

use super::{Provider, absent};
use crate::args::SelectTest;
use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::table::{Cell, lines};
use serde_json::json;
use std::collections::HashMap;
use zbus::{OwnedVariant, Variant};

/// Asks, and prints every rule that was looked at.
///
/// # Errors
/// When the service does not answer, or nobody reads.
pub async fn select_test(provider: &Provider, of: &SelectTest, output: &Output) -> Result<(), Failure> {
    let mut query: HashMap<&str, OwnedVariant> = HashMap::new();
    let texts = [
        ("interface", &of.interface),
        ("source", &of.source.map(|address| address.to_string())),
        ("link-address", &of.link_address.map(|address| address.to_string())),
        ("agent", &of.agent.map(|address| address.to_string())),
        ("giaddr", &of.giaddr.map(|address| address.to_string())),
        ("link-selection", &of.link_selection.map(|address| address.to_string())),
        ("requested", &of.requested.map(|address| address.to_string())),
        ("subnet-selection", &of.subnet_selection.map(|address| address.to_string())),
    ];
    for (key, text) in texts {
        if let Some(text) = text {
            query.insert(key, owned(Variant::from(text.as_str()))?);
        }
    }
    let octets = [
        ("interface-id", of.interface_id.as_ref().map(|id| &id.0)),
        ("client-id", of.client_id.as_ref().map(|id| &id.0)),
        ("hardware", of.hardware.as_ref().map(|address| &address.0)),
    ];
    for (key, octets) in octets {
        if let Some(octets) = octets {
            query.insert(key, owned(Variant::from(octets.clone()))?);
        }
    }
    if of.shared {
        query.insert("shared", owned(Variant::from(true))?);
    }
    let (subnet, address, steps) = provider.server.select_test(query).await.map_err(|error| match error {
        dhcp4o6_dbus::Error::ZBus(error) => absent(error),
        error => error.into(),
    })?;
    if output.json {
        let steps: Vec<_> =
            steps.iter().map(|(rule, outcome)| json!({ "rule": rule, "outcome": outcome })).collect();
        return output.document(&json!({ "subnet": subnet, "address": address, "steps": steps }));
    }
    let row = |(rule, outcome): &(String, String)| vec![Cell::new(rule, Mood::Strong), Cell::plain(outcome)];
    for line in lines(*output, &steps.iter().map(row).collect::<Vec<_>>()) {
        output.line(&line)?;
    }
    let verdict = match (subnet.is_empty(), address.is_empty()) {
        (true, _) => output.paint(Mood::Bad, "No subnet serves it: it would get no answer."),
        (false, true) => output.paint(Mood::Bad, &format!("Subnet {subnet} has no address for it.")),
        (false, false) => output.paint(Mood::Good, &format!("It would get {address} from subnet {subnet}.")),
    };
    output.line(&verdict)
}

fn owned(value: Variant<'_>) -> Result<OwnedVariant, Failure> {
    value.try_into().map_err(|error| Failure::Failed(format!("a value cannot be sent: {error}")))
}
