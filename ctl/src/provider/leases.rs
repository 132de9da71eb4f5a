//! `leases` and `pools`.

use super::{Dictionary, Provider, object};
use crate::args::Leases;
use crate::clock;
use crate::failure::Failure;
use crate::output::{Mood, Output, ascii};
use crate::service::{number, text};
use crate::table::{Cell, lines};
use serde_json::{Value, json};

/// Leases asked for at a time.
const PAGE: u32 = 500;
/// Characters of a bar.
const BAR: u64 = 20;

/// Prints leases, page by page: there may be a million.
///
/// # Errors
/// When the service does not answer, or nobody reads.
pub async fn leases(provider: &Provider, of: &Leases, output: &Output) -> Result<(), Failure> {
    let mut after = of.after.clone().unwrap_or_default();
    let mut left = of.limit.unwrap_or(u64::MAX);
    let mut printed = 0_u64;
    if output.json {
        output.line("[")?;
    }
    loop {
        let (page, next): (Vec<Dictionary>, String) =
            provider.call("ListLeases", &(after.as_str(), PAGE)).await?;
        let mut rows: Vec<Value> = page.iter().map(object).collect();
        rows.retain(|row| of.state.as_deref().is_none_or(|state| text(row, &["state"]) == state));
        rows.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        left = left.saturating_sub(rows.len() as u64);
        if output.json {
            for row in &rows {
                // One line each, and valid as a whole.
                let comma = if printed > 0 { "," } else { "" };
                output.line(&format!("{comma}{}", ascii(&row.to_string())))?;
                printed += 1;
            }
        } else if !rows.is_empty() {
            let lines = lines(*output, &table(&rows, clock::now()));
            // The head stands once, above everything.
            for line in lines.iter().skip(usize::from(printed > 0)) {
                output.line(line)?;
            }
            printed += rows.len() as u64;
        }
        if next.is_empty() || left == 0 {
            break;
        }
        after = next;
    }
    match (output.json, printed) {
        (true, _) => output.line("]"),
        (false, 0) => output.line("There are no leases."),
        (false, _) => Ok(()),
    }
}

fn table(rows: &[Value], now: u64) -> Vec<Vec<Cell>> {
    let head = ["ADDRESS", "STATE", "LEFT", "CLIENT", "HOST NAME", "FROM", "SINCE"];
    let mut table = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for row in rows {
        let state = text(row, &["state"]);
        table.push(vec![
            Cell::new(text(row, &["key"]), Mood::Strong),
            Cell::new(state, mood(state)),
            Cell::plain(clock::left(number(row, &["until"]), now)),
            Cell::plain(client(row)),
            Cell::plain(host_name(row)),
            Cell::plain(from(row)),
            Cell::plain(clock::ago(number(row, &["since"]), now)),
        ]);
    }
    table
}

fn mood(state: &str) -> Mood {
    match state {
        "bound" => Mood::Good,
        "declined" => Mood::Bad,
        _ => Mood::Faint,
    }
}

/// Who has the lease: a client identifier, a hardware address, or a DUID with an IAID, in hexadecimal digits.
fn client(row: &Value) -> String {
    if let Some([_, octets]) = row.get("hardware").and_then(Value::as_array).map(Vec::as_slice) {
        return format!("hw {}", octets.as_str().unwrap_or_default());
    }
    match (text(row, &["client-id"]), text(row, &["duid"])) {
        ("", duid) => format!("duid {duid} iaid {:08x}", number(row, &["iaid"])),
        (id, _) => format!("id {id}"),
    }
}

/// Where its messages come from.
fn from(row: &Value) -> String {
    match (text(row, &["transport"]), text(row, &["source"])) {
        ("agent", agent) => format!("agent {agent}"),
        ("ipv4", "") => "IPv4".to_owned(),
        ("ipv4", relay) => format!("relay {relay}"),
        (_, source) => source.to_owned(),
    }
}

/// What the client calls itself, from hexadecimal digits; printing escapes what is not text.
fn host_name(row: &Value) -> String {
    crate::hex::decode(text(row, &["host-name"]))
        .map(|octets| String::from_utf8_lossy(&octets).into_owned())
        .unwrap_or_default()
}

/// Prints how full the pools are.
///
/// # Errors
/// When the service does not answer, or nobody reads.
pub async fn pools(provider: &Provider, output: &Output) -> Result<(), Failure> {
    let pools: Vec<Dictionary> = provider.call("ListPools", &()).await?;
    let pools: Vec<Value> = pools.iter().map(object).collect();
    if output.json {
        return output.document(&json!(pools));
    }
    if pools.is_empty() {
        return output.line("There are no pools.");
    }
    let head = ["SUBNET", "POOL", "SIZE", "LEASED", "OFFERED", "DECLINED", "RESERVED", "USE"];
    let mut rows = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for pool in &pools {
        let count = |key: &str| number(pool, &[key]);
        let (size, taken) = (count("size"), count("leased").saturating_add(count("declined")));
        let percent = taken.saturating_mul(100).checked_div(size).unwrap_or(0);
        let mood = match percent {
            0..80 => Mood::Good,
            80..95 => Mood::Pending,
            _ => Mood::Bad,
        };
        let mut row =
            vec![Cell::new(text(pool, &["subnet"]), Mood::Strong), Cell::plain(text(pool, &["pool"]))];
        let numbers = ["size", "leased", "offered", "declined", "reserved"];
        row.extend(numbers.iter().map(|key| Cell::plain(count(key).to_string())));
        row.push(Cell::new(format!("{} {percent}%", bar(taken, size)), mood));
        rows.push(row);
    }
    for line in lines(*output, &rows) {
        output.line(&line)?;
    }
    Ok(())
}

/// A bar that is full only when everything is taken, and empty only when nothing is.
fn bar(taken: u64, size: u64) -> String {
    let marks = match taken.saturating_mul(BAR).checked_div(size).unwrap_or(0).min(BAR) {
        0 if taken > 0 => 1,
        marks => marks,
    };
    (0..BAR).map(|at| if at < marks { '#' } else { '.' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_full_only_when_nothing_is_left() {
        assert_eq!(bar(0, 100), "....................");
        assert_eq!(bar(1, 1_000_000), "#...................");
        assert_eq!(bar(999_999, 1_000_000), "###################.");
        assert_eq!(bar(100, 100), "####################");
        assert_eq!(bar(0, 0), "....................");
    }

    #[test]
    fn a_client_is_named_by_what_it_has() {
        assert_eq!(client(&json!({ "client-id": "ff01" })), "id ff01");
        assert_eq!(client(&json!({ "hardware": [1, "02005e100001"] })), "hw 02005e100001");
        assert_eq!(client(&json!({ "duid": "000301", "iaid": 10 })), "duid 000301 iaid 0000000a");
    }

    #[test]
    fn what_is_between_a_client_and_the_server_is_named() {
        for (transport, source, shown) in [
            ("dhcp6", "2001:db8::1", "2001:db8::1"),
            ("agent", "2001:db8::18", "agent 2001:db8::18"),
            ("ipv4", "198.51.100.9", "relay 198.51.100.9"),
            ("ipv4", "", "IPv4"),
        ] {
            assert_eq!(from(&json!({ "transport": transport, "source": source })), shown);
        }
        assert_eq!(from(&json!({ "duid": "000301" })), "", "DHCPv6 tells nothing");
    }

    #[test]
    fn a_host_name_is_shown_as_text_and_escaped_by_the_printer() {
        assert_eq!(host_name(&json!({ "host-name": "6d61" })), "ma");
        assert_eq!(host_name(&json!({})), "");
        let row = json!({ "key": "192.0.2.7", "host-name": "1b5b33316d" });
        let printed = lines(Output::new(true), &table(&[row], 0)).join("\n");
        assert!(printed.contains("\\x1b[31m"), "{printed}");
    }
}
