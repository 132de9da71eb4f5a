//! `counters [NAME]`: what went through, and what was not used.

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::role;
use crate::service::{Service, Subject, number};
use crate::table::{Cell, lines};
use dhcp4o6_dbus::STATISTICS1;
use serde_json::{Map, Value};

/// Prints the counters of one link or role, or of all.
pub async fn run(
    service: &Service,
    name: Option<&str>,
    namespace: Option<&str>,
    zeros: bool,
    output: &Output,
) -> Result<(), Failure> {
    let (links, roles) = match name {
        Some(name) => match service.subject(name, namespace).await? {
            Subject::Link(link) => (vec![link], Vec::new()),
            Subject::Role(role) => (Vec::new(), vec![*role]),
        },
        None => service.both_sides(namespace).await?,
    };
    let mut all = Vec::new();
    for link in links {
        let counted = match service.properties(&link.path, STATISTICS1).await {
            Ok(counted) => Value::Object(counted),
            Err(Failure::NoSuchLink(_)) if name.is_none() => continue,
            Err(failure) => return Err(failure),
        };
        if output.json {
            let mut object = Map::new();
            object.insert("name".into(), link.name.into());
            object.insert("namespace".into(), link.namespace.into());
            object.insert("sent".into(), number(&counted, &["Sent"]).into());
            object.insert("received".into(), number(&counted, &["Received"]).into());
            object.insert("counters".into(), counted.get("Counters").cloned().unwrap_or_default());
            all.push(Value::Object(object));
            continue;
        }
        output.line(&output.paint(Mood::Strong, &link.title()))?;
        let row = |name: &str, count: u64, mood| {
            vec![Cell::plain("  "), Cell::plain(name), Cell::new(count.to_string(), mood)]
        };
        let mut rows = vec![
            row("sent", number(&counted, &["Sent"]), Mood::Plain),
            row("received", number(&counted, &["Received"]), Mood::Plain),
        ];
        for (reason, count) in counted.get("Counters").and_then(Value::as_object).into_iter().flatten() {
            let count = count.as_u64().unwrap_or_default();
            if zeros || count > 0 {
                rows.push(row(reason, count, if count > 0 { Mood::Pending } else { Mood::Faint }));
            }
        }
        for line in lines(*output, &rows) {
            output.line(&line)?;
        }
    }
    for role in &roles {
        if output.json {
            all.push(role::summary(role));
        } else {
            role::counters(role, zeros, output)?;
        }
    }
    if output.json {
        let document = if name.is_some() { all.pop().unwrap_or_default() } else { Value::Array(all) };
        output.document(&document)?;
    }
    Ok(())
}
