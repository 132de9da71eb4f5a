//! The service's end of the bus.

use crate::failure::Failure;
use crate::provider::Provider;
use crate::role::Role;
use dhcp4o6_dbus::{
    BUS_NAME, BusAddress, CLIENT1, DHCP6_STAGE1, LINK1, Link1Proxy, LinkSummary, Manager1Proxy,
    RELAY_CLIENT1, STATISTICS1, parse_agent_path, to_json,
};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};
use zbus::fdo::{IntrospectableProxy, PropertiesProxy};
use zbus::names::InterfaceName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath};

/// Calls under way at once: what the service allows one caller.
const AT_ONCE: usize = 8;

/// Where on-link client relay agents are.
const LCRAS: &str = "/org/dhcp4o6/lcra";

/// A connection to the service.
pub struct Service {
    /// The connection.
    pub connection: Connection,
    /// `Manager1`.
    pub manager: Manager1Proxy<'static>,
}

/// A link found on the bus.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its object.
    pub path: OwnedObjectPath,
    /// Its name.
    pub name: String,
    /// Its namespace; empty is the service's own.
    pub namespace: String,
}

impl Found {
    /// How people call it.
    pub fn title(&self) -> String {
        title(&self.name, &self.namespace)
    }
}

impl From<LinkSummary> for Found {
    fn from(summary: LinkSummary) -> Self {
        Self { path: summary.path, name: summary.name, namespace: summary.namespace }
    }
}

/// What a name on the command line can be.
pub enum Subject {
    /// A link.
    Link(Found),
    /// A role.
    Role(Box<Role>),
}

/// How people call a link.
pub fn title(name: &str, namespace: &str) -> String {
    if namespace.is_empty() { name.to_owned() } else { format!("{name} in {namespace}") }
}

impl Service {
    /// Connects. Whether the service runs shows with the first call.
    ///
    /// # Errors
    /// When there is no bus.
    pub async fn connect(bus: &BusAddress) -> Result<Self, Failure> {
        let no_bus = |error: zbus::Error| Failure::NoService(format!("no bus ({bus}): {error}"));
        let connection = bus.connection().map_err(no_bus)?.build().await.map_err(no_bus)?;
        let manager =
            Manager1Proxy::builder(&connection).cache_properties(CacheProperties::No).build().await?;
        Ok(Self { connection, manager })
    }

    /// Whether the subscriber's side runs.
    ///
    /// # Errors
    /// When the bus does not answer.
    pub async fn runs(&self) -> Result<bool, Failure> {
        let bus = zbus::fdo::DBusProxy::builder(&self.connection).cache_properties(CacheProperties::No);
        let name = zbus::names::BusName::from_static_str(BUS_NAME)?;
        Ok(bus.build().await?.name_has_owner(name).await.map_err(zbus::Error::from)?)
    }

    /// Every link, as [`Service::links`], and every role of both sides; one of the two sides may not run.
    ///
    /// # Errors
    /// When neither side answers.
    pub async fn both_sides(&self, namespace: Option<&str>) -> Result<(Vec<Found>, Vec<Role>), Failure> {
        let roles = Provider::over(self.connection.clone()).await?.roles().await;
        let (links, mut roles) = match (self.links(namespace).await, roles) {
            (Ok(links), roles) => {
                let mut all = self.lcras().await?;
                all.extend(roles.unwrap_or_default());
                (links, all)
            }
            (Err(Failure::NoService(_)), Ok(roles)) => (Vec::new(), roles),
            (Err(failure), _) => return Err(failure),
        };
        roles.retain(|role| role.is_in(namespace));
        Ok((links, roles))
    }

    /// The link or role that somebody means by this name. A link comes before roles.
    ///
    /// # Errors
    /// When there is none, or several, or neither side answers.
    pub async fn subject(&self, name: &str, namespace: Option<&str>) -> Result<Subject, Failure> {
        let missing = match self.link(name, namespace).await {
            Ok(link) => return Ok(Subject::Link(link)),
            Err(failure @ (Failure::NoSuchLink(_) | Failure::NoService(_))) => failure,
            Err(failure) => return Err(failure),
        };
        let mut roles = match self.both_sides(namespace).await {
            Ok((_, roles)) => roles,
            Err(Failure::NoService(_)) => return Err(missing),
            Err(failure) => return Err(failure),
        };
        roles.retain(|role| role.is_called(name));
        let names: Vec<_> = roles.iter().map(Role::full_name).collect();
        if let (Some(role), [_]) = (roles.pop(), names.as_slice()) {
            return Ok(Subject::Role(Box::new(role)));
        }
        if !names.is_empty() {
            return Err(Failure::NoSuchLink(format!(
                "{name} can be any of {}; choose one",
                names.join(", ")
            )));
        }
        let what = match missing {
            Failure::NoService(_) => "role",
            _ => match self.why_missing(name, namespace).await {
                Some(why) => return Err(why),
                None => "link and no role",
            },
        };
        Err(Failure::NoSuchLink(format!(
            "no {what} is called {name}; `dhcp4o6ctl status` lists those that are"
        )))
    }

    /// Every on-link client relay agent, by name.
    async fn lcras(&self) -> Result<Vec<Role>, Failure> {
        let mut lcras = Vec::new();
        for child in self.children(LCRAS).await? {
            let path = format!("{LCRAS}/{child}");
            let Some((kind, name)) = parse_agent_path(&path) else { continue };
            // One that is gone meanwhile is none.
            let Some(mut properties) = self.optional(&path, RELAY_CLIENT1).await? else { continue };
            let Some(mut counted) = self.optional(&path, STATISTICS1).await? else { continue };
            for (from, to) in [("Sent", "Sent"), ("Received", "Received"), ("Counters", "Refused")] {
                properties.insert(to.to_owned(), counted.remove(from).unwrap_or_default());
            }
            lcras.push(Role::new(kind, name, &path, properties));
        }
        lcras.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(lcras)
    }

    /// The last parts of the paths of the objects right below `path`; none if there are none. Reading all objects for
    /// that would read every link.
    async fn children(&self, path: &str) -> Result<Vec<String>, Failure> {
        let proxy =
            IntrospectableProxy::builder(&self.connection).destination(BUS_NAME).path(path.to_owned());
        let proxy = proxy.cache_properties(CacheProperties::No).build().await?;
        match proxy.introspect().await.map_err(Failure::from) {
            Ok(xml) => Ok(names_of_nodes(&xml)),
            Err(Failure::NoSuchLink(_)) => Ok(Vec::new()),
            Err(failure) => Err(failure),
        }
    }

    /// Every link, of one namespace if one is given; by namespace and name.
    ///
    /// # Errors
    /// When the service does not answer.
    pub async fn links(&self, namespace: Option<&str>) -> Result<Vec<Found>, Failure> {
        let mut links: Vec<Found> = self.manager.list_links().await?.into_iter().map(Found::from).collect();
        links.retain(|link| namespace.is_none_or(|namespace| namespace == link.namespace));
        links.sort_by(|one, other| (&one.namespace, &one.name).cmp(&(&other.namespace, &other.name)));
        Ok(links)
    }

    /// The link of this name.
    ///
    /// # Errors
    /// When there is none, or several, or the service does not answer.
    pub async fn link(&self, name: &str, namespace: Option<&str>) -> Result<Found, Failure> {
        match self.manager.get_link_by_name(name, namespace.unwrap_or_default()).await {
            Ok(path) => {
                let namespace = self.proxy(&path).await?.namespace().await?;
                Ok(Found { path, name: name.to_owned(), namespace })
            }
            Err(dhcp4o6_dbus::Error::NoSuchLink(text)) => {
                Err(self.why_missing(name, namespace).await.unwrap_or_else(|| {
                    Failure::NoSuchLink(format!("{text}; `dhcp4o6ctl status` lists those that are"))
                }))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// What the service says of a configured link that is not there.
    async fn why_missing(&self, name: &str, namespace: Option<&str>) -> Option<Failure> {
        let missing = self.manager.missing().await.ok()?;
        let link = missing.iter().find(|link| {
            link.matches == name && namespace.is_none_or(|namespace| namespace == link.namespace)
        })?;
        let name = title(name, &link.namespace);
        Some(Failure::NoSuchLink(format!("{name} is configured but missing: {}", why_missing(&link.reason))))
    }

    /// `Link1` of an object.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn proxy(&self, path: &OwnedObjectPath) -> Result<Link1Proxy<'static>, Failure> {
        let proxy = Link1Proxy::builder(&self.connection).path(path.clone());
        Ok(proxy.cache_properties(CacheProperties::No).build().await?)
    }

    /// The properties of one interface.
    ///
    /// # Errors
    /// When the object is gone or the service does not answer.
    pub async fn properties(
        &self,
        path: &str,
        interface: &'static str,
    ) -> Result<Map<String, Value>, Failure> {
        let proxy = PropertiesProxy::builder(&self.connection).destination(BUS_NAME).path(path.to_owned());
        let interface = InterfaceName::from_static_str(interface)?;
        let all = proxy.cache_properties(CacheProperties::No).build().await?.get_all(interface).await?;
        Ok(all.into_iter().map(|(name, value)| (name, to_json(&value))).collect())
    }

    /// The properties of an interface that an object may not have; `None` then, and if there is no such object.
    ///
    /// # Errors
    /// When the service does not answer.
    async fn optional(
        &self,
        path: &str,
        interface: &'static str,
    ) -> Result<Option<Map<String, Value>>, Failure> {
        match self.properties(path, interface).await {
            Ok(properties) => Ok(Some(properties)),
            Err(Failure::NoSuchLink(_)) => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Every property of a link: an object per interface.
    ///
    /// # Errors
    /// As [`Service::properties`].
    pub async fn everything(&self, link: &Found) -> Result<Value, Failure> {
        let mut all = Map::new();
        all.insert("Path".into(), link.path.as_str().into());
        for interface in [LINK1, DHCP6_STAGE1, CLIENT1, STATISTICS1] {
            let properties = self.properties(&link.path, interface).await?;
            all.insert(interface.into(), Value::Object(properties));
        }
        if let Some(agent) = self.optional(&link.path, RELAY_CLIENT1).await? {
            all.insert(RELAY_CLIENT1.into(), Value::Object(agent));
        }
        Ok(Value::Object(all))
    }

    /// [`Service::everything`] of every one of `links` that is still there, in their order.
    ///
    /// # Errors
    /// As [`Service::properties`], except for links that went away meanwhile.
    pub async fn everything_of(&self, links: &[Found]) -> Result<Vec<(Found, Value)>, Failure> {
        let each = |link: Found| async move {
            match self.everything(&link).await {
                Ok(all) => Ok(Some((link, all))),
                Err(Failure::NoSuchLink(_)) => Ok(None),
                Err(failure) => Err(failure),
            }
        };
        let all = stream::iter(links.iter().cloned()).map(each).buffered(AT_ONCE);
        all.try_filter_map(|found| async move { Ok(found) }).try_collect().await
    }
}

/// The names of the nodes that introspection tells. They are parts of object paths: letters, digits and `_`.
fn names_of_nodes(xml: &str) -> Vec<String> {
    let named = xml.split("<node name=\"").skip(1);
    named.filter_map(|rest| rest.split_once('"')).map(|(name, _)| name.to_owned()).collect()
}

/// Why a configured link is not there, for people.
pub fn why_missing(reason: &str) -> &str {
    match reason {
        "no-such-link" => "no such interface",
        "no-interface" => "no such interface, or it is down",
        "no-such-namespace" => "no such network namespace",
        "netns-forbidden" => "the service may not enter the network namespace",
        "netlink-failed" => "the kernel does not answer there; see the log",
        other => other,
    }
}

/// Text at a path of keys; empty if it is not there.
pub fn text<'a>(value: &'a Value, keys: &[&str]) -> &'a str {
    at(value, keys).and_then(Value::as_str).unwrap_or_default()
}

/// A number at a path of keys; 0 if it is not there.
pub fn number(value: &Value, keys: &[&str]) -> u64 {
    at(value, keys).and_then(Value::as_u64).unwrap_or_default()
}

/// A list at a path of keys; empty if it is not there.
pub fn list<'a>(value: &'a Value, keys: &[&str]) -> &'a [Value] {
    at(value, keys).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of a list at a path of keys, joined.
pub fn joined(value: &Value, keys: &[&str]) -> String {
    list(value, keys).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}

fn at<'a>(value: &'a Value, keys: &[&str]) -> Option<&'a Value> {
    keys.iter().try_fold(value, |value, key| value.get(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nodes_below_an_object_are_read_from_its_introspection() {
        let xml = "<node>\n <interface name=\"a\"/>\n <node name=\"lan_2d0\"/>\n <node name=\"b\"/>\n</node>";
        assert_eq!(names_of_nodes(xml), ["lan_2d0", "b"]);
        assert!(names_of_nodes("<node></node>").is_empty());
        assert!(names_of_nodes("<node name=\"").is_empty());
    }
}
