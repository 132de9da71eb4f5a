//! What runs besides links: the provider's server and relay agents, and on-link client relay agents of the subscriber.

pub mod explain;
pub mod show;

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::service::{joined, number, text};
use crate::table::{Cell, lines};
use serde_json::{Map, Value, json};

/// A role, as the bus shows it.
#[derive(Clone, Debug)]
pub struct Role {
    /// `server`, `relay`, `tra` or `lcra`.
    pub kind: &'static str,
    /// Its configured name; of the server its kind.
    pub name: String,
    /// Its object.
    pub path: String,
    /// Its properties; of an on-link client relay agent with its counters, named as those of other agents.
    pub properties: Value,
    /// The properties of the server as IPv6-transport server, if it is one; else null.
    pub tsv: Value,
}

impl Role {
    /// A role of these properties.
    pub fn new(kind: &'static str, name: String, path: &str, properties: Map<String, Value>) -> Self {
        Self { kind, name, path: path.to_owned(), properties: properties.into(), tsv: Value::Null }
    }

    /// How people call it.
    pub fn title(&self) -> String {
        if self.kind == "server" { self.name.clone() } else { format!("{} {}", self.kind, self.name) }
    }

    /// Somebody who says `name` can mean it: its own name, or that after its kind, such as `tra/edge`.
    pub fn is_called(&self, name: &str) -> bool {
        match name.split_once('/') {
            Some((kind, rest)) if kind == self.kind => rest == self.name,
            _ => name == self.name || name == "tsv" && self.is_tsv(),
        }
    }

    /// The name that no other role has.
    pub fn full_name(&self) -> String {
        if self.kind == "server" { self.name.clone() } else { format!("{}/{}", self.kind, self.name) }
    }

    /// It is in this namespace, if one is given.
    pub fn is_in(&self, namespace: Option<&str>) -> bool {
        namespace.is_none_or(|namespace| namespace == self.text("Namespace"))
    }

    /// The server answers by port 67, too.
    pub fn is_tsv(&self) -> bool {
        !self.tsv.is_null()
    }

    /// A property that is text; empty if there is none.
    pub fn text(&self, name: &str) -> &str {
        text(&self.properties, &[name])
    }

    /// How often it did this.
    pub fn done(&self, what: &str) -> u64 {
        number(&self.properties, &["Done", what])
    }

    /// How often it refused something for this reason.
    pub fn refused(&self, why: &str) -> u64 {
        number(&self.properties, &["Refused", why])
    }

    /// Its state, and why it is in that.
    fn state(&self) -> (String, Mood) {
        let (state, reason) = (self.text("State"), self.text("Reason"));
        let mood = match state {
            "running" => Mood::Good,
            "starting" => Mood::Pending,
            state => Mood::of_state(state),
        };
        (if reason.is_empty() { state.to_owned() } else { format!("{state} ({reason})") }, mood)
    }
}

/// Prints the table of roles; nothing where there is none.
///
/// # Errors
/// When nobody reads it.
pub fn table(roles: &[Role], output: &Output) -> Result<(), Failure> {
    if roles.is_empty() {
        return Ok(());
    }
    for line in lines(*output, &rows(roles)) {
        output.line(&line)?;
    }
    Ok(())
}

/// The rows of the table: one for each role, and one more for a server that is an IPv6-transport server.
fn rows(roles: &[Role]) -> Vec<Vec<Cell>> {
    let head =
        ["ROLE", "NAMESPACE", "STATE", "INTERFACES", "MISSING", "ASKS", "SPEAKS FROM", "LEASES STORED"];
    let mut rows = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for role in roles {
        let (state, mood) = role.state();
        let (interfaces, asks, from) = match role.kind {
            "lcra" => {
                (role.text("Device").to_owned(), joined(&role.properties, &["Servers"]), role.text("Source"))
            }
            "tra" => (String::new(), joined(&role.properties, &["Servers"]), role.text("Giaddr")),
            _ => (joined(&role.properties, &["Interfaces"]), String::new(), ""),
        };
        let asks = match role.text("Engine") {
            "" => asks,
            engine => format!("{engine} engine"),
        };
        let stored = role.text("Storage");
        rows.push(vec![
            Cell::new(role.title(), Mood::Strong),
            Cell::plain(role.text("Namespace")),
            Cell::new(state.clone(), mood),
            Cell::plain(interfaces),
            Cell::new(joined(&role.properties, &["Missing"]), Mood::Bad),
            Cell::plain(asks.clone()),
            Cell::plain(from),
            Cell::new(stored, if stored == "degraded" { Mood::Bad } else { Mood::Plain }),
        ]);
        if role.is_tsv() {
            rows.push(vec![
                Cell::new("tsv", Mood::Strong),
                Cell::plain(role.text("Namespace")),
                Cell::new(state, mood),
                Cell::plain(""),
                Cell::plain(""),
                Cell::plain(asks),
                Cell::plain(joined(&role.tsv, &["Addresses"])),
                Cell::plain(stored),
            ]);
        }
    }
    rows
}

/// A role for scripts.
pub fn summary(role: &Role) -> Value {
    let mut summary = json!({ "name": role.name, "kind": role.kind, "properties": role.properties });
    if let Some(object) = summary.as_object_mut().filter(|_| role.is_tsv()) {
        object.insert("tsv".into(), role.tsv.clone());
    }
    summary
}

/// Prints a role's counters, those that are zero only with `zeros`.
///
/// # Errors
/// When nobody reads it.
pub fn counters(role: &Role, zeros: bool, output: &Output) -> Result<(), Failure> {
    output.line(&output.paint(Mood::Strong, &role.title()))?;
    let row = |name: &str, count: u64, mood| {
        vec![Cell::plain("  "), Cell::plain(name), Cell::new(count.to_string(), mood)]
    };
    let mut rows = vec![
        row("sent", number(&role.properties, &["Sent"]), Mood::Plain),
        row("received", number(&role.properties, &["Received"]), Mood::Plain),
    ];
    for (key, mood) in [("Done", Mood::Good), ("Refused", Mood::Pending)] {
        for (name, count) in role.properties.get(key).and_then(Value::as_object).into_iter().flatten() {
            let count = count.as_u64().unwrap_or_default();
            if zeros || count > 0 {
                rows.push(row(name, count, if count > 0 { mood } else { Mood::Faint }));
            }
        }
    }
    for line in lines(*output, &rows) {
        output.line(&line)?;
    }
    Ok(())
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A role of these properties, and of these as IPv6-transport server.
    pub fn role(kind: &'static str, name: &str, properties: Value, tsv: Value) -> Role {
        Role { kind, name: name.into(), path: String::new(), properties, tsv }
    }

    #[test]
    fn a_role_is_called_by_its_name_and_by_its_kind_and_name() {
        let edge = role("tra", "edge", json!({}), Value::Null);
        for (name, is) in [
            ("edge", true),
            ("tra/edge", true),
            ("relay/edge", false),
            ("tra", false),
            ("tra/", false),
            ("tsv", false),
        ] {
            assert_eq!(edge.is_called(name), is, "{name}");
        }
        let slashed = role("tra", "a/b", json!({}), Value::Null);
        assert!(slashed.is_called("a/b") && slashed.is_called("tra/a/b"));
        assert!(role("server", "server", json!({}), json!({ "Cra6addr": 46 })).is_called("tsv"));
        assert!(!role("server", "server", json!({}), Value::Null).is_called("tsv"));
    }

    #[test]
    fn every_kind_of_role_has_its_rows_in_the_table() {
        let roles = [
            role(
                "server",
                "server",
                json!({ "State": "running", "Interfaces": ["lan0"], "Engine": "builtin", "Storage": "ok" }),
                json!({ "Addresses": ["2001:db8:9::67"] }),
            ),
            role(
                "relay",
                "r",
                json!({ "State": "starting", "Interfaces": ["lan1"], "Missing": ["x"] }),
                Value::Null,
            ),
            role(
                "tra",
                "edge",
                json!({ "State": "running", "Servers": ["10.0.0.1", "10.0.0.2"], "Giaddr": "10.0.0.9" }),
                Value::Null,
            ),
            role(
                "lcra",
                "lan",
                json!({
                    "State": "failed", "Reason": "port-in-use", "Namespace": "home", "Device": "lan0",
                    "Servers": ["2001:db8:9::67"], "Source": "2001:db8::18",
                }),
                Value::Null,
            ),
        ];
        assert_eq!(
            lines(Output::new(true), &rows(&roles)),
            [
                "ROLE      NAMESPACE  STATE                 INTERFACES  MISSING  ASKS                SPEAKS FROM     LEASES STORED",
                "server    -          running               lan0        -        builtin engine      -               ok",
                "tsv       -          running               -           -        builtin engine      2001:db8:9::67  ok",
                "relay r   -          starting              lan1        x        -                   -               -",
                "tra edge  -          running               -           -        10.0.0.1, 10.0.0.2  10.0.0.9        -",
                "lcra lan  home       failed (port-in-use)  lan0        -        2001:db8:9::67      2001:db8::18    -",
            ]
        );
    }

    #[test]
    fn scripts_get_the_properties_of_the_ipv6_transport_server_where_there_is_one() {
        let with = role("server", "server", json!({}), json!({ "Cra6addr": 46 }));
        assert_eq!(summary(&with)["tsv"]["Cra6addr"], 46);
        assert_eq!(summary(&role("relay", "r", json!({}), Value::Null)).get("tsv"), None);
    }
}
