//! The provider's side: its server and relay agents.

mod leases;
mod reservations;
mod select;

pub use leases::{leases, pools};
pub use reservations::{reservations, reserve, revoke, unreserve};
pub use select::select_test;

use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::service::{joined, number, text};
use crate::table::{Cell, lines};
use dhcp4o6_dbus::{
    BusAddress, Error, RELAY1, ROOT, SERVER_BUS_NAME, SERVER_PATH, SERVER1, Server1Proxy, TRA1,
    parse_agent_path, to_json,
};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use zbus::fdo::ObjectManagerProxy;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedVariant};

/// A dictionary as the bus carries it.
type Dictionary = HashMap<String, OwnedVariant>;

/// A connection to the provider's service.
pub struct Provider {
    connection: Connection,
    /// `Server1`.
    server: Server1Proxy<'static>,
}

/// The server or a relay agent.
pub struct Role {
    /// `server`, or the relay agent's name.
    pub name: String,
    /// `server` or `relay`.
    pub kind: &'static str,
    /// Its properties.
    pub properties: Value,
}

impl Provider {
    /// Connects. Whether the service runs shows with the first call.
    ///
    /// # Errors
    /// When there is no bus.
    pub async fn connect(bus: &BusAddress) -> Result<Self, Failure> {
        let no_bus = |error: zbus::Error| Failure::NoService(format!("no bus ({bus}): {error}"));
        let connection = bus.connection().map_err(no_bus)?.build().await.map_err(no_bus)?;
        Self::over(connection).await
    }

    /// Over a connection that exists.
    ///
    /// # Errors
    /// When it is gone.
    pub async fn over(connection: Connection) -> Result<Self, Failure> {
        let server = Server1Proxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { connection, server })
    }

    /// Every role that runs: the server first, then relay agents by name.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn roles(&self) -> Result<Vec<Role>, Failure> {
        let manager = ObjectManagerProxy::builder(&self.connection).destination(SERVER_BUS_NAME).path(ROOT);
        let manager = manager.cache_properties(CacheProperties::No).build().await?;
        let objects = manager.get_managed_objects().await.map_err(zbus::Error::from).map_err(absent)?;
        let mut roles: Vec<Role> = objects
            .into_iter()
            .filter_map(|(path, interfaces)| {
                let (name, kind, interface) = if path.as_str() == SERVER_PATH {
                    ("server".to_owned(), "server", SERVER1)
                } else {
                    match parse_agent_path(path.as_str())? {
                        (kind @ "relay", name) => (name, kind, RELAY1),
                        (kind @ "tra", name) => (name, kind, TRA1),
                        _ => return None,
                    }
                };
                let properties = interfaces.into_iter().find(|(name, _)| name.as_str() == interface)?.1;
                let properties: Map<_, _> =
                    properties.into_iter().map(|(name, value)| (name.to_string(), to_json(&value))).collect();
                Some(Role { name, kind, properties: properties.into() })
            })
            .collect();
        roles.sort_by(|one, other| {
            (one.kind != "server", &one.name).cmp(&(other.kind != "server", &other.name))
        });
        Ok(roles)
    }

    /// Calls a method of the server that answers with dictionaries.
    async fn call<A, R>(&self, method: &'static str, arguments: &A) -> Result<R, Failure>
    where
        A: zbus::export::serde::Serialize + zbus::Type,
        R: for<'d> zbus::export::serde::Deserialize<'d> + zbus::Type,
    {
        // Their errors have names, which only a proxy reads.
        match self.server.inner().call::<_, _, R>(method, arguments).await {
            Ok(answer) => Ok(answer),
            Err(error) => Err(absent(error)),
        }
    }
}

/// What is missing when the provider's side does not answer.
fn absent(error: zbus::Error) -> Failure {
    let failure = Failure::from(Error::from(error));
    match failure {
        Failure::NoService(text) if text.starts_with("dhcp4o6d does not run") => Failure::NoService(
            "the provider's side of dhcp4o6d does not run on this bus; start it with `systemctl start \
             dhcp4o6-server`"
                .into(),
        ),
        Failure::NoSuchLink(_) => Failure::NoService("the configuration has no server".into()),
        other => other,
    }
}

/// A dictionary as JSON; octets are hexadecimal digits.
fn object(dictionary: &Dictionary) -> Value {
    dictionary.iter().map(|(key, value)| (key.clone(), to_json(value))).collect::<Map<_, _>>().into()
}

/// Prints the table of roles; nothing where there is none.
///
/// # Errors
/// When nobody reads it.
pub fn table(roles: &[Role], output: &Output) -> Result<(), Failure> {
    if roles.is_empty() {
        return Ok(());
    }
    let head = ["ROLE", "NAMESPACE", "STATE", "INTERFACES", "MISSING", "ENGINE", "LEASES STORED"];
    let mut rows = vec![head.iter().map(|title| Cell::new(*title, Mood::Strong)).collect::<Vec<_>>()];
    for role in roles {
        let state = text(&role.properties, &["State"]);
        let mood = if state == "running" { Mood::Good } else { Mood::of_state(state) };
        let stored = text(&role.properties, &["Storage"]);
        let name = if role.kind == "server" { role.name.clone() } else { format!("relay {}", role.name) };
        rows.push(vec![
            Cell::new(name, Mood::Strong),
            Cell::plain(text(&role.properties, &["Namespace"])),
            Cell::new(with_reason(state, text(&role.properties, &["Reason"])), mood),
            Cell::plain(joined(&role.properties, &["Interfaces"])),
            Cell::new(joined(&role.properties, &["Missing"]), Mood::Bad),
            Cell::plain(text(&role.properties, &["Engine"])),
            Cell::new(stored, if stored == "degraded" { Mood::Bad } else { Mood::Plain }),
        ]);
    }
    for line in lines(*output, &rows) {
        output.line(&line)?;
    }
    Ok(())
}

fn with_reason(state: &str, reason: &str) -> String {
    if reason.is_empty() { state.to_owned() } else { format!("{state} ({reason})") }
}

/// A role for scripts.
pub fn summary(role: &Role) -> Value {
    json!({ "name": role.name, "kind": role.kind, "properties": role.properties })
}

/// Prints a role's counters, those that are zero only with `zeros`.
///
/// # Errors
/// When nobody reads it.
pub fn counters(role: &Role, zeros: bool, output: &Output) -> Result<(), Failure> {
    let title = if role.kind == "server" { "server".to_owned() } else { format!("relay {}", role.name) };
    output.line(&output.paint(Mood::Strong, &title))?;
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
