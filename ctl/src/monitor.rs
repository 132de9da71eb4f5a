//! `monitor [LINK]`: what happens, as it happens.

use crate::clock;
use crate::failure::Failure;
use crate::output::{Mood, Output};
use crate::service::{Service, title};
use dhcp4o6_dbus::{BUS_NAME, LINK1, MANAGER1, ROOT, parse_link_path, to_json};
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

/// Prints events until interrupted.
pub async fn run(
    service: &Service,
    name: Option<&str>,
    namespace: Option<&str>,
    properties: bool,
    output: &Output,
) -> Result<(), Failure> {
    let only = match name {
        Some(name) => Some(service.link(name, namespace).await?.path),
        None => None,
    };
    let rule = MatchRule::builder().msg_type(message::Type::Signal).sender(BUS_NAME).build()?;
    let queue = std::num::NonZeroUsize::new(QUEUE);
    let mut signals = MessageStream::for_match_rule(rule, &service.connection, queue).await?;
    let bus = DBusProxy::new(&service.connection).await?;
    let mut owners = bus.receive_name_owner_changed_with_args(&[(0, BUS_NAME)]).await?;
    let mut names = names(service).await?;
    loop {
        let events = tokio::select! {
            signal = signals.next() => {
                let Some(signal) = signal else { return Err(Failure::NoService("the bus is gone".into())) };
                let signal = signal?;
                if is_new(&signal) {
                    names.extend(self::names(service).await.unwrap_or_default());
                }
                read(&signal)
            }
            change = owners.next() => {
                let Some(change) = change else { return Err(Failure::NoService("the bus is gone".into())) };
                let here = change.args().is_ok_and(|arguments| arguments.new_owner().is_some());
                if here {
                    names = self::names(service).await.unwrap_or_default();
                }
                vec![presence(here)]
            }
        };
        for event in events.into_iter().filter(|event| properties || event.kind != PROPERTIES) {
            let of_link = parse_link_path(&event.path).is_some();
            if of_link && only.as_ref().is_some_and(|only| only.as_str() != event.path) {
                continue;
            }
            let unknown = (event.path.clone(), String::new());
            let (name, space) = names.get(&event.path).unwrap_or(&unknown);
            if of_link && namespace.is_some_and(|wanted| wanted != space) {
                continue;
            }
            print(output, &event, of_link, name, space)?;
        }
    }
}

fn print(output: &Output, event: &Event, of_link: bool, name: &str, space: &str) -> Result<(), Failure> {
    if output.json {
        let mut line = Map::new();
        line.insert("time".into(), clock::wall().into());
        line.insert("kind".into(), event.kind.into());
        if of_link {
            line.insert("name".into(), name.into());
            line.insert("namespace".into(), space.into());
            line.insert("path".into(), event.path.as_str().into());
        }
        line.insert("detail".into(), event.detail.clone());
        return output.value(&Value::Object(line));
    }
    let who = if of_link { title(name, space) } else { "service".to_owned() };
    output.line(&format!(
        "{}  {}  {}",
        output.paint(Mood::Faint, &clock::wall()),
        output.paint(Mood::Strong, &format!("{who:12}")),
        output.paint(event.mood, &event.text)
    ))
}

/// Name and namespace of every link, by path.
async fn names(service: &Service) -> Result<BTreeMap<String, (String, String)>, Failure> {
    let links = service.links(None).await?;
    Ok(links.into_iter().map(|link| (link.path.to_string(), (link.name, link.namespace))).collect())
}

fn is_new(signal: &Message) -> bool {
    signal.header().member().is_some_and(|member| member == "InterfacesAdded")
}

fn presence(here: bool) -> Event {
    let (text, mood) = if here { ("dhcp4o6d is here", Mood::Good) } else { ("dhcp4o6d is gone", Mood::Bad) };
    let detail = json!({ "present": here });
    Event { path: ROOT.into(), kind: "service", text: text.into(), mood, detail }
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
            let address = crate::service::text(&lease, &["address"]);
            let text = match mood {
                Mood::Good => {
                    let lifetime = crate::service::number(&lease, &["lifetime"]);
                    format!("lease {kind}: {address} for {}", clock::lifetime(lifetime))
                }
                _ => format!("lease {kind}: {address}"),
            };
            event("lease", text, mood, json!({ "kind": kind, "lease": lease }))
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesAdded") => {
            type Added = (OwnedObjectPath, HashMap<String, HashMap<String, OwnedVariant>>);
            match body.deserialize::<Added>() {
                Ok((path, interfaces)) if interfaces.contains_key(LINK1) => {
                    vec![Event { path: path.to_string(), ..about("added", "link added") }]
                }
                _ => Vec::new(),
            }
        }
        ("org.freedesktop.DBus.ObjectManager", "InterfacesRemoved") => {
            match body.deserialize::<(OwnedObjectPath, Vec<String>)>() {
                Ok((path, interfaces)) if interfaces.iter().any(|interface| interface == LINK1) => {
                    vec![Event { path: path.to_string(), ..about("removed", "link removed") }]
                }
                _ => Vec::new(),
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
            let error =
                changed.get("LastError").map(|error| crate::service::text(error, &["text"]).to_owned());
            let detail = changed.get("LastError").cloned().unwrap_or_default();
            let mut events = match error.filter(|text| interface == LINK1 && !text.is_empty()) {
                Some(text) => event("error", text, Mood::Bad, detail),
                None => Vec::new(),
            };
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

fn about(kind: &'static str, text: &str) -> Event {
    Event { path: String::new(), kind, text: text.into(), mood: Mood::Plain, detail: json!({}) }
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
    }

    #[test]
    fn long_values_are_cut_between_characters() {
        assert_eq!(brief(&json!("é".repeat(100))).chars().count(), 63);
        assert_eq!(brief(&json!([1, 2])), "[1,2]");
    }
}
