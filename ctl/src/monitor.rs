//! `monitor [NAME]`: what happens, as it happens.

use crate::clock;
use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::role::Role;
use crate::service::{Service, Subject, text, title};
use dhcp4o6_dbus::{
    BUS_NAME, LINK1, MANAGER1, RELAY_CLIENT1, RELAY1, ROOT, SERVER_BUS_NAME, SERVER_PATH, SERVER1, TRA1,
    TSV1, parse_agent_path, to_json,
};
use futures_util::StreamExt;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};
use zbus::fdo::DBusProxy;
use zbus::{MatchRule, Message, MessageStream, OwnedObjectPath, OwnedVariant, message};

/// Signals that may wait for us to print them.
const QUEUE: usize = 4096;

/// Kind of an event that only tells which properties changed.
const PROPERTIES: &str = "properties";

/// Something that happened.
#[derive(Clone, PartialEq, Debug)]
struct Event {
    path: String,
    kind: &'static str,
    text: String,
    mood: Mood,
    detail: Value,
}

/// Who speaks: the two sides have a bus name each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Side {
    Subscriber,
    Provider,
}

impl Side {
    const ALL: [Self; 2] = [Self::Subscriber, Self::Provider];

    fn bus_name(self) -> &'static str {
        match self {
            Self::Subscriber => BUS_NAME,
            Self::Provider => SERVER_BUS_NAME,
        }
    }

    /// Whoever speaks for the side as a whole.
    fn title(self) -> &'static str {
        match self {
            Self::Subscriber => "service",
            Self::Provider => "provider",
        }
    }
}

/// What is known of an object.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Known {
    /// Of a link that of its interface.
    name: String,
    namespace: String,
    /// Of a role; empty for a link.
    kind: &'static str,
    /// How people call it.
    title: String,
}

/// Prints events until interrupted.
pub async fn run(
    service: &Service,
    name: Option<&str>,
    namespace: Option<&str>,
    properties: bool,
    output: &Output,
) -> Result<(), Failure> {
    let only = match name {
        Some(name) => Some(match service.subject(name, namespace).await? {
            Subject::Link(link) => link.path.to_string(),
            Subject::Role(role) => role.path,
        }),
        None => None,
    };
    let bus = DBusProxy::new(&service.connection).await?;
    // By path and for both sides at once: whose a signal is shows in its sender, which is no name of a side.
    let rule = MatchRule::builder().msg_type(message::Type::Signal).path_namespace(ROOT).build()?;
    let queue = std::num::NonZeroUsize::new(QUEUE);
    let signals = MessageStream::for_match_rule(rule, &service.connection, queue).await?;
    let end = futures_util::stream::once(async { News::End });
    let mut sources = vec![signals.map(News::Signal).chain(end).boxed()];
    for side in Side::ALL {
        let owners = bus.receive_name_owner_changed_with_args(&[(0, side.bus_name())]).await?;
        let presence = owners.map(move |change| {
            let here = change.args().is_ok_and(|arguments| arguments.new_owner().is_some());
            News::Presence(side, here)
        });
        sources.push(presence.boxed());
    }
    let mut news = futures_util::stream::select_all(sources);
    let mut speakers = Speakers::default();
    speakers.ask(&bus).await;
    let mut known = known(service).await.unwrap_or_default();
    while let Some(news) = news.next().await {
        let (side, events) = match news {
            News::Signal(signal) => {
                let signal = signal?;
                let Some(side) = speakers.side_of(&bus, &signal).await else { continue };
                known.extend(introduced(&signal));
                (side, read(&signal))
            }
            News::End => break,
            News::Presence(side, here) => {
                speakers.ask(&bus).await;
                if here {
                    known.extend(self::known(service).await.unwrap_or_default());
                }
                (side, vec![presence(side, here)])
            }
        };
        for event in events.into_iter().filter(|event| properties || event.kind != PROPERTIES) {
            let is_object = event.path != ROOT;
            if is_object && only.as_ref().is_some_and(|only| *only != event.path) {
                continue;
            }
            let whose = known.get(&event.path).filter(|_| is_object);
            if is_object && namespace.is_some_and(|wanted| whose.is_none_or(|its| its.namespace != wanted)) {
                continue;
            }
            print(output, &event, side, is_object, whose)?;
        }
    }
    Err(Failure::NoService("the bus is gone".into()))
}

/// What the bus brings.
enum News {
    Signal(zbus::Result<Message>),
    Presence(Side, bool),
    /// There is no bus any more.
    End,
}

/// Who owns the names of the sides.
#[derive(Default)]
struct Speakers {
    owners: Vec<(Side, String)>,
    /// The last who spoke and is neither: not to be asked about again.
    stranger: String,
}

impl Speakers {
    /// Asks the bus for the owners.
    async fn ask(&mut self, bus: &DBusProxy<'_>) {
        self.owners.clear();
        self.stranger.clear();
        for side in Side::ALL {
            let Ok(name) = zbus::names::BusName::try_from(side.bus_name()) else { continue };
            if let Ok(owner) = bus.get_name_owner(name).await {
                self.owners.push((side, owner.to_string()));
            }
        }
    }

    /// Whose a signal is; `None` if it is of somebody else.
    async fn side_of(&mut self, bus: &DBusProxy<'_>, signal: &Message) -> Option<Side> {
        let header = signal.header();
        let sender = header.sender()?.as_str();
        if sender == self.stranger {
            return None;
        }
        if let Some(side) = self.known(sender) {
            return Some(side);
        }
        // It may have taken the name just now.
        self.ask(bus).await;
        let side = self.known(sender);
        if side.is_none() {
            sender.clone_into(&mut self.stranger);
        }
        side
    }

    fn known(&self, sender: &str) -> Option<Side> {
        self.owners.iter().find(|(_, owner)| owner == sender).map(|(side, _)| *side)
    }
}

fn print(
    output: &Output,
    event: &Event,
    side: Side,
    is_object: bool,
    whose: Option<&Known>,
) -> Result<(), Failure> {
    if output.json {
        let mut line = Map::new();
        line.insert("time".into(), clock::wall().into());
        line.insert("kind".into(), event.kind.into());
        if is_object {
            let name = whose.map_or(event.path.as_str(), |whose| &whose.name);
            line.insert("name".into(), name.into());
            line.insert("namespace".into(), whose.map_or("", |whose| &whose.namespace).into());
            line.insert("path".into(), event.path.as_str().into());
            if let Some(role) = whose.map(|whose| whose.kind).filter(|kind| !kind.is_empty()) {
                line.insert("role".into(), role.into());
            }
        } else {
            line.insert("side".into(), side.title().into());
        }
        line.insert("detail".into(), event.detail.clone());
        return output.value(&Value::Object(line));
    }
    let who = match (is_object, whose) {
        (true, Some(whose)) => whose.title.as_str(),
        (true, None) => event.path.as_str(),
        (false, _) => side.title(),
    };
    output.line(&format!(
        "{}  {}  {}",
        output.paint(Mood::Faint, &clock::wall()),
        output.paint(Mood::Strong, &format!("{who:12}")),
        output.paint(event.mood, &event.text)
    ))
}

/// Every link and role, by path.
async fn known(service: &Service) -> Result<BTreeMap<String, Known>, Failure> {
    let (links, roles) = service.both_sides(None).await?;
    let links = links.into_iter().map(|link| {
        let title = link.title();
        (link.path.to_string(), Known { name: link.name, namespace: link.namespace, kind: "", title })
    });
    let roles = roles.into_iter().map(|role| {
        let (namespace, title) = (role.text("Namespace").to_owned(), role.title());
        (role.path, Known { name: role.name, namespace, kind: role.kind, title })
    });
    Ok(links.chain(roles).collect())
}

/// What a signal says of an object that is new: nothing has to be asked for.
fn introduced(signal: &Message) -> Option<(String, Known)> {
    type Added = (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>);
    signal.header().member().filter(|member| *member == "InterfacesAdded")?;
    let (path, mut interfaces) = signal.body().deserialize::<Added>().ok()?;
    let path = path.to_string();
    if let Some(link) = interfaces.remove(LINK1) {
        let of = |key| text_of(&link, key);
        let (name, namespace) = (of("Name"), of("Namespace"));
        let title = title(&name, &namespace);
        return Some((path, Known { name, namespace, kind: "", title }));
    }
    let mut of_role = interfaces.into_iter();
    let (_, properties) = of_role
        .find(|(interface, _)| [SERVER1, RELAY1, TRA1, RELAY_CLIENT1].contains(&interface.as_str()))?;
    let (kind, name) = match parse_agent_path(&path) {
        Some((kind, name)) => (kind, name),
        None if path == SERVER_PATH => ("server", "server".to_owned()),
        None => return None,
    };
    let role = Role::new(kind, name, &path, Map::new());
    let title = role.title();
    Some((path, Known { name: role.name, namespace: text_of(&properties, "Namespace"), kind, title }))
}

fn text_of(properties: &HashMap<String, OwnedVariant>, key: &str) -> String {
    properties.get(key).and_then(|value| to_json(value).as_str().map(str::to_owned)).unwrap_or_default()
}

fn presence(side: Side, here: bool) -> Event {
    let who = match side {
        Side::Subscriber => "dhcp4o6d",
        Side::Provider => "the provider's side of dhcp4o6d",
    };
    let (what, mood) = if here { ("here", Mood::Good) } else { ("gone", Mood::Bad) };
    let (text, detail) = (format!("{who} is {what}"), json!({ "present": here }));
    Event { path: ROOT.into(), kind: "service", text, mood, detail }
}

/// What a signal says; nothing if it is none of those we know or not as the contract has it.
fn read(signal: &Message) -> Vec<Event> {
    let header = signal.header();
    let (Some(path), Some(interface), Some(member)) = (header.path(), header.interface(), header.member())
    else {
        return Vec::new();
    };
    let body = signal.body();
    let path = path.to_string();
    let event =
        |kind, text: String, mood, detail| vec![Event { path: path.clone(), kind, text, mood, detail }];
    match (interface.as_str(), member.as_str()) {
        (LINK1, "StateChanged") => {
            let Ok((new, old, reason, at)) = body.deserialize::<(String, String, String, u64)>() else {
                return Vec::new();
            };
            let detail = json!({ "new": new, "old": old, "reason": reason, "at": at });
            event("state", format!("{old} -> {new} ({reason})"), Mood::of_state(&new), detail)
        }
        (LINK1, "LeaseEvent") => {
            let Ok((kind, lease)) = body.deserialize::<(String, HashMap<String, OwnedVariant>)>() else {
                return Vec::new();
            };
            let lease: Map<_, _> = lease.into_iter().map(|(key, value)| (key, to_json(&value))).collect();
            let lease = Value::Object(lease);
            let mood = match kind.as_str() {
                "acquired" | "renewed" | "rebound" | "changed" => Mood::Good,
                _ => Mood::Bad,
            };
            let whose = match text(&lease, &["endpoint"]) {
                "" => "lease".to_owned(),
                endpoint => format!("lease of {endpoint}"),
            };
            let told = match mood {
                Mood::Good => format!("{whose} {kind}: {}", granted(&lease)),
                _ => format!("{whose} {kind}: {}", text(&lease, &["address"])),
            };
            event("lease", told, mood, json!({ "kind": kind, "lease": lease }))
        }
        (TSV1 | TRA1, "BindingAdded") => {
            let Ok((address, agent, until)) = body.deserialize::<(String, String, u64)>() else {
                return Vec::new();
            };
            let left = clock::left(until, clock::now());
            let detail = json!({ "event": "added", "address": address, "agent": agent, "until": until });
            event("binding", format!("binding: {address} is behind {agent}, {left} left"), Mood::Good, detail)
        }
        (TSV1 | TRA1, "BindingRemoved") => {
            let Ok((address, agent)) = body.deserialize::<(String, String)>() else { return Vec::new() };
            let detail = json!({ "event": "removed", "address": address, "agent": agent });
            event("binding", format!("binding gone: {address} behind {agent}"), Mood::Bad, detail)
        }
        (SERVER1 | TRA1 | RELAY_CLIENT1, "Noticed") => {
            let Ok((kind, subject)) = body.deserialize::<(String, String)>() else { return Vec::new() };
            let mood = if kind == "storage-restored" { Mood::Good } else { Mood::Bad };
            let detail = json!({ "kind": kind, "subject": subject });
            event("notice", format!("{kind} {subject}").trim_end().to_owned(), mood, detail)
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded") => {
            type Added = (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>);
            match body.deserialize::<Added>() {
                Ok((path, interfaces)) => {
                    let what = came(interfaces.keys().map(String::as_str));
                    let about = |what| about("added", format!("{what} added"));
                    what.map(about)
                        .map(|event| Event { path: path.to_string(), ..event })
                        .into_iter()
                        .collect()
                }
                Err(_) => Vec::new(),
            }
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") => {
            match body.deserialize::<(OwnedObjectPath, Vec<String>)>() {
                Ok((path, interfaces)) => {
                    let what = came(interfaces.iter().map(String::as_str));
                    let about = |what| about("removed", format!("{what} removed"));
                    what.map(about)
                        .map(|event| Event { path: path.to_string(), ..event })
                        .into_iter()
                        .collect()
                }
                Err(_) => Vec::new(),
            }
        }
        ("org.freedesktop.DBus.Properties", "PropertiesChanged") => {
            type Changed = (String, HashMap<String, OwnedVariant>, Vec<String>);
            let Ok((interface, changed, _)) = body.deserialize::<Changed>() else { return Vec::new() };
            let mut changed: BTreeMap<_, _> =
                changed.into_iter().map(|(name, value)| (name, to_json(&value))).collect();
            if interface == MANAGER1 {
                // Every link that comes or goes is told by itself.
                changed.remove("Links");
            }
            if changed.is_empty() {
                return Vec::new();
            }
            let mut events = telling(&interface, &changed);
            for event in &mut events {
                event.path.clone_from(&path);
            }
            let short = interface.rsplit('.').next().unwrap_or_default();
            let texts: Vec<_> =
                changed.iter().map(|(name, value)| format!("{name}={}", brief(value))).collect();
            let text = format!("{short}: {}", texts.join(" "));
            events.extend(event(
                PROPERTIES,
                text,
                Mood::Faint,
                json!({ "interface": interface, "changed": changed }),
            ));
            events
        }
        _ => Vec::new(),
    }
}

/// What came or went with these interfaces, if it is worth a word.
fn came<'n>(interfaces: impl Iterator<Item = &'n str>) -> Option<&'static str> {
    let mut found = None;
    for interface in interfaces {
        match interface {
            LINK1 => return Some("link"),
            SERVER1 | RELAY1 | TRA1 => found = Some("role"),
            RELAY_CLIENT1 => found = Some("client relay agent"),
            TSV1 if found.is_none() => found = Some("IPv6-transport server"),
            _ => {}
        }
    }
    found
}

/// What people want to hear of changed properties, besides that they changed.
fn telling(interface: &str, changed: &BTreeMap<String, Value>) -> Vec<Event> {
    let told = |kind, text: String, mood, detail: &Value| Event {
        mood,
        detail: detail.clone(),
        ..about(kind, text)
    };
    let mut events = Vec::new();
    if let (LINK1, Some(error)) = (interface, changed.get("LastError")) {
        let said = text(error, &["text"]);
        if !said.is_empty() {
            events.push(told("error", said.to_owned(), Mood::Bad, error));
        }
    }
    if let (SERVER1 | RELAY1 | TRA1 | RELAY_CLIENT1, Some(state)) = (interface, changed.get("State")) {
        let (state, reason) =
            (state.as_str().unwrap_or_default(), changed.get("Reason").and_then(Value::as_str));
        let why = reason.filter(|reason| !reason.is_empty()).map(|reason| format!(" ({reason})"));
        let mood = match state {
            "running" => Mood::Good,
            "starting" | "waiting" => Mood::Pending,
            _ => Mood::Bad,
        };
        let detail = json!({ "new": state, "reason": reason.unwrap_or_default() });
        let who = if interface == RELAY_CLIENT1 { "client relay agent " } else { "" };
        events.push(told("state", format!("{who}-> {state}{}", why.unwrap_or_default()), mood, &detail));
    }
    if let (RELAY_CLIENT1, Some(lease)) = (interface, changed.get("ExternalLease")) {
        let seen = !text(lease, &["address"]).is_empty();
        // When everything is told at once, that there is none is no news.
        if !seen && changed.contains_key("Role") {
            return events;
        }
        let (kind, mood) = if seen { ("seen", Mood::Good) } else { ("gone", Mood::Bad) };
        let said = if seen {
            format!("lease of the external client: {}", granted(lease))
        } else {
            "lease of the external client is gone".to_owned()
        };
        events.push(told("lease", said, mood, &json!({ "kind": kind, "lease": lease })));
    }
    events
}

/// An address, and for how long.
fn granted(lease: &Value) -> String {
    let lifetime = crate::service::number(lease, &["lifetime"]);
    format!("{} for {}", text(lease, &["address"]), clock::lifetime(lifetime))
}

fn about(kind: &'static str, text: String) -> Event {
    Event { path: String::new(), kind, text, mood: Mood::Plain, detail: json!({}) }
}

/// A value on part of a line.
fn brief(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signal(interface: &str, member: &str, body: &(impl serde::Serialize + zbus::DynamicType)) -> Message {
        Message::signal("/org/dhcp4o6/link/_1_2", interface.to_owned(), member.to_owned())
            .build(body)
            .unwrap()
    }

    #[test]
    fn state_changes_are_one_line() {
        let events = read(&signal(LINK1, "StateChanged", &("bound", "acquiring", "ack", 7_u64)));
        assert_eq!(events[0].text, "acquiring -> bound (ack)");
        assert_eq!((events[0].kind, events[0].mood), ("state", Mood::Good));
    }

    #[test]
    fn an_error_is_an_event_besides_the_change_of_the_property() {
        let error = HashMap::from([("text", zbus::Variant::from("port in use"))]);
        let changed = HashMap::from([("LastError", zbus::Variant::from(error))]);
        let body = (LINK1, changed, Vec::<&str>::new());
        let events = read(&signal("org.freedesktop.DBus.Properties", "PropertiesChanged", &body));
        let kinds: Vec<_> = events.iter().map(|event| event.kind).collect();
        assert_eq!((kinds.as_slice(), events[0].text.as_str()), (&["error", PROPERTIES][..], "port in use"));
    }

    #[test]
    fn a_signal_that_is_not_as_the_contract_has_it_says_nothing() {
        assert!(read(&signal(LINK1, "StateChanged", &("bound",))).is_empty());
        assert!(read(&signal(LINK1, "LeaseEvent", &("acquired",))).is_empty());
        assert!(read(&signal("org.example.Other", "Thing", &("x",))).is_empty());
        assert!(read(&signal(TSV1, "BindingAdded", &("192.0.2.1", "2001:db8::1"))).is_empty());
        assert!(
            introduced(&signal("org.freedesktop.DBus.ObjectManager", "InterfacesAdded", &("x",))).is_none()
        );
    }

    #[test]
    fn a_lease_of_another_endpoint_than_an_only_one_says_whose_it_is() {
        let told = |endpoint: &str| {
            let lease = HashMap::from([
                ("address", zbus::Variant::from("192.0.2.7")),
                ("lifetime", zbus::Variant::from(60_u64)),
                ("endpoint", zbus::Variant::from(endpoint)),
            ]);
            read(&signal(LINK1, "LeaseEvent", &("acquired", lease)))[0].text.clone()
        };
        assert_eq!(told(""), "lease acquired: 192.0.2.7 for 1min 0s");
        assert_eq!(told("voice"), "lease of voice acquired: 192.0.2.7 for 1min 0s");
    }

    #[test]
    fn bindings_and_notices_of_roles_are_events() {
        let binding = ("192.0.2.7", "2001:db8::18", clock::NEVER);
        for interface in [TSV1, TRA1] {
            let events = read(&signal(interface, "BindingAdded", &binding));
            assert_eq!(events[0].text, "binding: 192.0.2.7 is behind 2001:db8::18, for ever left");
            assert_eq!((events[0].kind, &events[0].detail["until"]), ("binding", &clock::NEVER.into()));
        }
        let events = read(&signal(TRA1, "BindingRemoved", &("192.0.2.7", "2001:db8::18")));
        assert_eq!(events[0].text, "binding gone: 192.0.2.7 behind 2001:db8::18");
        for interface in [SERVER1, TRA1, RELAY_CLIENT1] {
            let events = read(&signal(interface, "Noticed", &("no-agent-information", "10.0.0.1")));
            assert_eq!(
                (events[0].text.as_str(), events[0].mood),
                ("no-agent-information 10.0.0.1", Mood::Bad)
            );
        }
    }

    fn changed(interface: &str, property: &str, value: zbus::Variant<'_>) -> Vec<Event> {
        let body = (interface, HashMap::from([(property, value)]), Vec::<&str>::new());
        read(&signal("org.freedesktop.DBus.Properties", "PropertiesChanged", &body))
    }

    #[test]
    fn the_state_of_a_role_is_an_event_and_that_of_a_link_has_a_signal_of_its_own() {
        let events = changed(TRA1, "State", "failed".into());
        assert_eq!(
            (events[0].kind, events[0].text.as_str(), events[0].mood),
            ("state", "-> failed", Mood::Bad)
        );
        assert_eq!(events[0].path, "/org/dhcp4o6/link/_1_2");
        assert_eq!(changed(LINK1, "State", "failed".into())[0].kind, PROPERTIES);
    }

    #[test]
    fn the_lease_of_an_external_client_is_an_event_when_it_passes_and_when_it_is_over() {
        let lease = HashMap::from([
            ("address", zbus::Variant::from("192.0.2.7")),
            ("lifetime", zbus::Variant::from(60_u64)),
        ]);
        let events = changed(RELAY_CLIENT1, "ExternalLease", lease.into());
        assert_eq!(events[0].text, "lease of the external client: 192.0.2.7 for 1min 0s");
        let none = HashMap::<&str, zbus::Variant<'_>>::new();
        let events = changed(RELAY_CLIENT1, "ExternalLease", none.into());
        assert_eq!(
            (events[0].kind, events[0].text.as_str()),
            ("lease", "lease of the external client is gone")
        );
    }

    #[test]
    fn what_is_new_introduces_itself() {
        let added = |path: &str, interface: &str, name: &str| {
            let path = zbus::ObjectPath::try_from(path.to_owned()).unwrap();
            let properties = HashMap::from([("Name", name), ("Namespace", "isp")]);
            let properties: HashMap<_, _> =
                properties.into_iter().map(|(key, text)| (key, zbus::Variant::from(text))).collect();
            let body = (path, HashMap::from([(interface, properties)]));
            introduced(&signal("org.freedesktop.DBus.ObjectManager", "InterfacesAdded", &body))
        };
        for (path, interface, name, title) in [
            ("/org/dhcp4o6/link/_1_2", LINK1, "wan0", "wan0 in isp"),
            ("/org/dhcp4o6/tra/edge_2d1", TRA1, "edge-1", "tra edge-1"),
            ("/org/dhcp4o6/lcra/lan", RELAY_CLIENT1, "lan", "lcra lan"),
            ("/org/dhcp4o6/server", SERVER1, "server", "server"),
        ] {
            let (its_path, known) = added(path, interface, name).unwrap();
            assert_eq!((its_path.as_str(), known.name.as_str()), (path, name));
            assert_eq!((known.title.as_str(), known.namespace.as_str()), (title, "isp"));
        }
        assert_eq!(added("/org/dhcp4o6/link/_1_2", RELAY_CLIENT1, "wan0"), None, "the link is known");
        assert_eq!(came([TSV1].into_iter()), Some("IPv6-transport server"));
        assert_eq!(came([TSV1, SERVER1].into_iter()), Some("role"));
        assert_eq!(came([RELAY_CLIENT1, LINK1].into_iter()), Some("link"));
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(brief(&json!("é".repeat(100))).chars().count(), 63);
        assert_eq!(brief(&json!([1, 2])), "[1,2]");
    }
}
