//! Tells the bus what changed. Nobody else emits `PropertiesChanged` or `StateChanged`.

use super::client::Client1;
use super::link::Link1;
use super::pace::Pace;
use super::registry::Shared;
use super::relay_client::RelayClient1;
use super::stage::Dhcp6Stage1;
use super::statistics::Statistics1;
use super::tsv::Tsv1;
use crate::control::ProviderStatus;
use dhcp4o6_dbus::to_json;
use dhcp4o6_protocol::lease::{Ipv4Config, Lease4};
use dhcp4o6_protocol::status::{LinkState, Status};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{Mutex, watch};
use zbus::names::InterfaceName;
use zbus::object_server::{Interface, SignalEmitter};
use zbus::{Connection, OwnedVariant};

/// Properties that change with every packet and are to be asked for.
const COUNTERS: [&str; 4] = ["Done", "Refused", "Sent", "Received"];

/// The properties of an interface, by name.
pub(super) type Properties = HashMap<String, OwnedVariant>;

/// Emits what differs between `old` and `new`; everything when there is no `old`.
///
/// # Errors
/// When the connection is gone.
async fn announce(
    connection: &Connection,
    link: &Arc<Shared>,
    old: Option<&Arc<Status>>,
    new: &Arc<Status>,
) -> zbus::Result<()> {
    let emitter = SignalEmitter::new(connection, link.path())?;
    let before = old.map(|old| link.frozen(old));
    let after = link.frozen(new);
    let same = |part: fn(&Status, &Status) -> bool| old.is_some_and(|old| part(old, new));
    emit_changes(&emitter, before.clone().map(Link1).as_ref(), &Link1(Arc::clone(&after))).await?;
    if !same(|old, new| old.dhcp6 == new.dhcp6) {
        let before = before.clone().map(Dhcp6Stage1);
        emit_changes(&emitter, before.as_ref(), &Dhcp6Stage1(Arc::clone(&after))).await?;
    }
    if !same(|old, new| {
        old.client4 == new.client4
            && old.permit == new.permit
            && old.permit_state == new.permit_state
            && old.dhcp6.iaid == new.dhcp6.iaid
    }) {
        emit_changes(&emitter, before.map(Client1).as_ref(), &Client1(after)).await?;
    }
    announce_agent(&emitter, link, old, new).await?;
    if let Some(old) = old.filter(|old| old.state != new.state) {
        Link1::entered_state(&emitter, new.state.word(), old.state.word(), new.reason, new.since.as_micros())
            .await?;
    }
    Ok(())
}

/// The client relay agent of a link comes, goes, or changes. What is on the object is not known for sure when there is no
/// `old`.
async fn announce_agent(
    emitter: &SignalEmitter<'_>,
    link: &Arc<Shared>,
    old: Option<&Arc<Status>>,
    new: &Arc<Status>,
) -> zbus::Result<()> {
    let object_server = emitter.connection().object_server();
    let before = old.filter(|old| old.hcra.is_some());
    match &new.hcra {
        Some(_) => {
            if before.is_none() {
                let refused = object_server.at(emitter.path(), RelayClient1::Link(Arc::clone(link))).await?;
                if refused.is_none() {
                    return Ok(());
                }
            }
            if before.is_some_and(|before| before.hcra == new.hcra) {
                return Ok(());
            }
            let before = before.map(|before| RelayClient1::Link(link.frozen(before)));
            emit_changes(emitter, before.as_ref(), &RelayClient1::Link(link.frozen(new))).await
        }
        None if old.is_some() && before.is_none() => Ok(()),
        None => match object_server.remove::<RelayClient1, _>(emitter.path()).await {
            Ok(_) | Err(zbus::Error::InterfaceNotFound) => Ok(()),
            Err(error) => Err(error),
        },
    }
}

async fn emit_changes<I: Interface>(
    emitter: &SignalEmitter<'_>,
    before: Option<&I>,
    after: &I,
) -> zbus::Result<()> {
    let old = match before {
        Some(before) => properties(before, emitter).await?,
        None => Properties::new(),
    };
    emit::<I>(emitter, &old, properties(after, emitter).await?).await
}

/// The properties that an interface has now.
///
/// # Errors
/// Only if a value cannot be put on the bus, which none of ours does.
pub(super) async fn properties<I: Interface>(
    interface: &I,
    emitter: &SignalEmitter<'_>,
) -> zbus::Result<Properties> {
    let connection = emitter.connection();
    Ok(interface.get_all(connection.object_server(), connection, None, emitter).await?)
}

/// Emits those of `new` that differ from `old`, in one signal; counters never.
///
/// # Errors
/// When the connection is gone.
pub(super) async fn emit<I: Interface>(
    emitter: &SignalEmitter<'_>,
    old: &Properties,
    mut new: Properties,
) -> zbus::Result<()> {
    new.retain(|name, value| !COUNTERS.contains(&name.as_str()) && old.get(name) != Some(value));
    if new.is_empty() {
        return Ok(());
    }
    let body: (InterfaceName<'_>, Properties, Vec<&str>) = (I::name(), new, Vec::new());
    emitter.emit("org.freedesktop.DBus.Properties", "PropertiesChanged", &body).await
}

/// Every property of a link's object, as JSON: an object per interface.
///
/// # Errors
/// As [`properties`].
pub(super) async fn describe(connection: &Connection, link: &Arc<Shared>) -> zbus::Result<String> {
    let emitter = SignalEmitter::new(connection, link.path())?;
    let link = link.frozen(&link.status());
    let mut all = vec![
        (dhcp4o6_dbus::LINK1, properties(&Link1(Arc::clone(&link)), &emitter).await?),
        (dhcp4o6_dbus::DHCP6_STAGE1, properties(&Dhcp6Stage1(Arc::clone(&link)), &emitter).await?),
        (dhcp4o6_dbus::CLIENT1, properties(&Client1(Arc::clone(&link)), &emitter).await?),
        (dhcp4o6_dbus::STATISTICS1, properties(&Statistics1::Link(Arc::clone(&link)), &emitter).await?),
    ];
    if link.status().hcra.is_some() {
        all.push((dhcp4o6_dbus::RELAY_CLIENT1, properties(&RelayClient1::Link(link), &emitter).await?));
    }
    Ok(json(all))
}

/// Interfaces with their properties, as JSON.
pub(super) fn json<'n>(interfaces: impl IntoIterator<Item = (&'n str, Properties)>) -> String {
    let object = |properties: Properties| -> serde_json::Value {
        properties
            .into_iter()
            .map(|(name, value)| (name, to_json(&value)))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let all = interfaces.into_iter().map(|(name, properties)| (name.to_owned(), object(properties)));
    serde_json::Value::Object(all.collect()).to_string()
}

/// Announces the changes of a role of the provider, from `announced` on, until the role or the connection is gone.
pub(super) async fn follow_role<I: Interface>(
    emitter: SignalEmitter<'static>,
    role: I,
    mut status: watch::Receiver<Arc<ProviderStatus>>,
    mut announced: Properties,
) {
    let mut pace = Pace::new(Instant::now());
    while status.changed().await.is_ok() {
        if let Some(wait) = pace.take(false, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
        status.borrow_and_update();
        let Ok(new) = properties(&role, &emitter).await else { return };
        let old = std::mem::replace(&mut announced, new.clone());
        if emit::<I>(&emitter, &old, new).await.is_err() {
            return;
        }
    }
}

/// Keeps the interface of the IPv6-transport server on the server's object while it is one, and announces its changes from
/// `announced` on, which is `None` while it is not there. Until the server or the connection is gone.
pub(super) async fn follow_tsv(
    emitter: SignalEmitter<'static>,
    tsv: Tsv1,
    mut status: watch::Receiver<Arc<ProviderStatus>>,
    mut announced: Option<Properties>,
) {
    let mut pace = Pace::new(Instant::now());
    while status.changed().await.is_ok() {
        if let Some(wait) = pace.take(false, Instant::now()) {
            tokio::time::sleep(wait).await;
        }
        let wanted = status.borrow_and_update().tsv();
        let object_server = emitter.connection().object_server();
        let done = match (wanted, announced.take()) {
            (false, None) => Ok(()),
            (false, Some(_)) => object_server.remove::<Tsv1, _>(emitter.path()).await.map(drop),
            (true, old) => {
                let Ok(new) = properties(&tsv, &emitter).await else { return };
                announced = Some(new.clone());
                match old {
                    Some(old) => emit::<Tsv1>(&emitter, &old, new).await,
                    None => object_server.at(emitter.path(), tsv.clone()).await.map(drop),
                }
            }
        };
        if done.is_err() {
            return;
        }
    }
}

/// What people wait for has changed: the state, or an address.
fn is_urgent(old: &Status, new: &Status) -> bool {
    fn seen(status: &Status) -> Option<&Lease4> {
        status.hcra.as_ref()?.seen.as_ref()
    }
    fn addresses(status: &Status) -> impl Iterator<Item = (LinkState, Option<&Ipv4Config>)> {
        status.endpoints.iter().map(|endpoint| (endpoint.state, endpoint.ipv4.as_ref()))
    }
    old.state != new.state
        || old.ipv4 != new.ipv4
        || seen(old) != seen(new)
        || !addresses(old).eq(addresses(new))
}

/// Announces the changes of one link, at a bearable pace, until the link or the connection is gone. With nothing
/// announced before, it begins with everything.
///
/// Links announce one after the other, by `turn`: an announcement is large until the bus has taken it, and a thousand
/// links may change at once.
pub(super) async fn follow(
    connection: Connection,
    link: Arc<Shared>,
    mut announced: Option<Arc<Status>>,
    turn: Arc<Mutex<()>>,
) {
    let mut status = link.handle.status.clone();
    let mut pace = Pace::new(Instant::now());
    loop {
        let new = Arc::clone(&status.borrow_and_update());
        if announced.as_ref().is_none_or(|old| !Arc::ptr_eq(old, &new)) {
            let urgent = announced.as_ref().is_none_or(|old| is_urgent(old, &new));
            if let Some(wait) = pace.take(urgent, Instant::now()) {
                tokio::select! {
                    () = tokio::time::sleep(wait) => {}
                    changed = status.changed() => if changed.is_err() { tokio::time::sleep(wait).await },
                }
                continue;
            }
            let _turn = turn.lock().await;
            // It may have changed again meanwhile.
            let new = Arc::clone(&status.borrow_and_update());
            // Boxed, because every link has one of these tasks and the future inside is far larger than the rest.
            if Box::pin(announce(&connection, &link, announced.as_ref(), &new)).await.is_err() {
                return;
            }
            announced = Some(new);
        }
        if status.changed().await.is_err() {
            return;
        }
    }
}
