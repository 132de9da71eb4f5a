//! `reservations`, `reserve`, `unreserve` and `revoke`.

use super::{Dictionary, Provider, absent, object};
use crate::args::Reserve;
use crate::failure::Failure;
use crate::output::{Mood, Output, safe};
use crate::service::text;
use crate::table::{Cell, lines};
use serde_json::{Value, json};

/// Prints the reservations that operators made.
///
/// # Errors
/// When the service does not answer, or nobody reads.
pub async fn reservations(provider: &Provider, output: &Output) -> Result<(), Failure> {
    let list: Vec<Dictionary> = provider.call("ListReservations", &()).await?;
    let list: Vec<Value> = list.iter().map(object).collect();
    if output.json {
        return output.document(&json!(list));
    }
    if list.is_empty() {
        return output.line("No address is reserved beyond the configuration.");
    }
    let head = ["ADDRESS", "FOR", "HOLDER"];
    let mut rows = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for row in &list {
        rows.push(vec![
            Cell::new(text(row, &["address"]), Mood::Strong),
            Cell::plain(text(row, &["kind"])),
            Cell::plain(text(row, &["holder"])),
        ]);
    }
    for line in lines(*output, &rows) {
        output.line(&line)?;
    }
    Ok(())
}

/// Keeps an address for somebody.
///
/// # Errors
/// When it cannot be done.
pub async fn reserve(provider: &Provider, of: &Reserve, output: &Output) -> Result<(), Failure> {
    let (kind, holder) = of.holder();
    provider.server.reserve(&of.address, kind, &holder).await.map_err(refused)?;
    done(output, &of.address, "is reserved")
}

/// Takes a reservation back.
///
/// # Errors
/// When there is none.
pub async fn unreserve(provider: &Provider, address: &str, output: &Output) -> Result<(), Failure> {
    provider.server.unreserve(address).await.map_err(refused)?;
    done(output, address, "is not reserved any more")
}

/// Ends the leases of an address.
///
/// # Errors
/// When nobody has it.
pub async fn revoke(provider: &Provider, address: &str, output: &Output) -> Result<(), Failure> {
    provider.server.revoke(address).await.map_err(refused)?;
    done(output, address, "is revoked; its client is refused when it renews")
}

fn refused(error: dhcp4o6_dbus::Error) -> Failure {
    match error {
        dhcp4o6_dbus::Error::ZBus(error) => absent(error),
        error => error.into(),
    }
}

fn done(output: &Output, address: &str, text: &str) -> Result<(), Failure> {
    if output.json {
        return output.value(&json!({ "address": address, "outcome": "done", "text": text }));
    }
    output.line(&safe(&format!("{address} {text}")))
}
