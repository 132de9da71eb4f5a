//! The provider's side: its server and relay agents.

mod leases;
mod reservations;
mod select;

pub use leases::{leases, pools};
pub use reservations::{reservations, reserve, revoke, unreserve};
pub use select::select_test;

use crate::failure::Failure;
use crate::role::Role;
use dhcp4o6_dbus::{
    BusAddress, Error, RELAY1, ROOT, SERVER_BUS_NAME, SERVER_PATH, SERVER1, Server1Proxy, TRA1, TSV1,
    parse_agent_path, to_json,
};
use serde_json::{Map, Value};
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

    /// Every role that runs: the server first, then relay agents by kind and name.
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
                let (kind, name, interface) = if path.as_str() == SERVER_PATH {
                    ("server", "server".to_owned(), SERVER1)
                } else {
                    match parse_agent_path(path.as_str())? {
                        (kind @ "relay", name) => (kind, name, RELAY1),
                        (kind @ "tra", name) => (kind, name, TRA1),
                        _ => return None,
                    }
                };
                let mut interfaces: HashMap<_, _> = interfaces
                    .into_iter()
                    .map(|(name, properties)| (name.to_string(), json_object(properties)))
                    .collect();
                let mut role = Role::new(kind, name, &path, interfaces.remove(interface)?);
                role.tsv = interfaces.remove(TSV1).map(Value::Object).unwrap_or_default();
                Some(role)
            })
            .collect();
        let rank = |role: &Role| (role.kind != "server", role.kind, role.name.clone());
        roles.sort_by_key(rank);
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

/// Properties as JSON.
fn json_object<K: ToString>(properties: HashMap<K, OwnedVariant>) -> Map<String, Value> {
    properties.into_iter().map(|(name, value)| (name.to_string(), to_json(&value))).collect()
}

/// A dictionary as JSON; octets are hexadecimal digits.
fn object(dictionary: &Dictionary) -> Value {
    dictionary.iter().map(|(key, value)| (key.clone(), to_json(value))).collect::<Map<_, _>>().into()
}
