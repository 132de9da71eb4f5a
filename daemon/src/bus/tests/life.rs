//! A service's life on the bus.

use super::world::{Bus, NETNS, Service, link, named, ready, soon};
use crate::control::{Notice, Rejected, ServiceRequest};
use dhcp4o6_dbus::{
    CLIENT1, Client1Proxy, DHCP6_STAGE1, Dhcp6Stage1Proxy, Error, LINK1, LOG_CONTROL_PATH, LOG_CONTROL1,
    MANAGER1, Missing, ROOT, STATISTICS1, link_path,
};
use dhcp4o6_protocol::facts::{Noted, RouterAdvertisement};
use dhcp4o6_protocol::ids::{Duid, EndpointId, Iaid};
use dhcp4o6_protocol::lease::{
    Assignment6, Delegation6, Ipv4Config, Lease4, Lease6, LeaseEvent, LeaseEventKind, Route4,
};
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::permit::{Permit, WireProfile};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::status::{EndpointStatus, ExchangeStatus, LinkState};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use tracing::level_filters::LevelFilter;
use zbus::fdo::{DBusProxy, ObjectManagerProxy, PropertiesProxy};
use zbus::names::InterfaceName;
use zbus::proxy::CacheProperties;
use zbus::{Connection, MatchRule, Message, MessageStream, Variant, message};

async fn properties(connection: &Connection, path: &str) -> PropertiesProxy<'static> {
    PropertiesProxy::builder(connection)
        .destination(dhcp4o6_dbus::BUS_NAME)
        .path(path.to_owned())
        .build()
        .await
        .unwrap()
}

async fn get(connection: &Connection, path: &str, interface: &'static str, name: &str) -> serde_json::Value {
    let value =
        properties(connection, path).await.get(InterfaceName::try_from(interface).unwrap(), name).await;
    dhcp4o6_dbus::to_json(&value.unwrap())
}

/// Every signal of the link's object.
async fn signals(connection: &Connection, index: u32) -> MessageStream {
    let rule =
        MatchRule::builder().msg_type(message::Type::Signal).path(link_path(NETNS, index)).build().unwrap();
    MessageStream::for_match_rule(rule, connection, NonZeroUsize::new(64)).await.unwrap()
}

async fn next(signals: &mut MessageStream) -> Message {
    soon(signals.next()).await.unwrap().unwrap()
}

fn member(message: &Message) -> String {
    message.header().member().unwrap().to_string()
}

/// Interface and names of a PropertiesChanged.
fn changed(message: &Message) -> (String, BTreeSet<String>) {
    assert_eq!(member(message), "PropertiesChanged");
    let body = message.body();
    type Changed<'a> = (String, std::collections::HashMap<String, Variant<'a>>, Vec<String>);
    let (interface, changed, invalidated): Changed<'_> = body.deserialize().unwrap();
    assert!(invalidated.is_empty());
    (interface, changed.into_keys().collect())
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

fn lease() -> Lease4 {
    Lease4 {
        address: "192.0.2.7".parse().unwrap(),
        server_id: "192.0.2.1".parse().unwrap(),
        requested_at: Instant::from_secs(10),
        lifetime: Lifetime(3600),
        renew_at: Some(Instant::from_secs(1810)),
        rebind_at: Some(Instant::from_secs(3160)),
        expires_at: Some(Instant::from_secs(3610)),
        options: vec![(43, vec![1, 2, 255])],
        source: None,
    }
}

fn config() -> Ipv4Config {
    Ipv4Config {
        address: "192.0.2.7".parse().unwrap(),
        prefix_len: 24,
        expires_at: Some(Instant::from_secs(3610)),
        routes: vec![Route4 {
            destination: "0.0.0.0".parse().unwrap(),
            prefix_len: 0,
            gateway: Some("192.0.2.1".parse().unwrap()),
            onlink: false,
        }],
        mtu: Some(1280),
        gateway: Some("192.0.2.1".parse().unwrap()),
        dns: vec!["192.0.2.53".parse().unwrap()],
        domains: vec!["example.net".to_owned()],
        ntp: Vec::new(),
        host_name: None,
    }
}

#[tokio::test]
async fn links_are_objects_with_four_interfaces() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let _wan0 = service.add(7, named("wan0"));
    let _wan1 = service.add(8, named("wan1"));
    let client = bus.connect().await;
    let manager = ready(&client, 2).await;
    let listed = manager.list_links().await.unwrap();
    assert_eq!((listed[0].name.as_str(), listed[1].name.as_str()), ("wan0", "wan1"));
    assert_eq!(listed[0].path, link_path(NETNS, 7));
    assert_eq!(manager.links().await.unwrap(), [link_path(NETNS, 7), link_path(NETNS, 8)]);

    let objects = ObjectManagerProxy::builder(&client).destination(dhcp4o6_dbus::BUS_NAME).path(ROOT);
    let objects = objects.build().await.unwrap().get_managed_objects().await.unwrap();
    let interfaces: BTreeSet<_> = objects[&link_path(NETNS, 7)].keys().map(ToString::to_string).collect();
    assert_eq!(interfaces, set(&[LINK1, DHCP6_STAGE1, CLIENT1, STATISTICS1]));

    service.notices.send(Notice::Removed(_wan0.id)).unwrap();
    ready(&client, 1).await;
    assert!(link(&client, 7).await.state().await.is_err());
}

#[tokio::test]
async fn a_getter_never_fails_even_before_anything_is_known() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let _link = service.add(7, dhcp4o6_protocol::status::Status::default());
    let client = bus.connect().await;
    ready(&client, 1).await;
    let path = link_path(NETNS, 7);
    let properties = properties(&client, path.as_str()).await;
    for (interface, count) in [(LINK1, 17), (DHCP6_STAGE1, 17), (CLIENT1, 11), (STATISTICS1, 3)] {
        let interface = InterfaceName::try_from(interface).unwrap();
        let all = properties.get_all(interface.clone()).await.unwrap();
        assert_eq!(all.len(), count, "{interface}");
        for name in all.keys() {
            assert!(properties.get(interface.clone(), name).await.is_ok(), "{interface}.{name}");
        }
    }
    assert_eq!(get(&client, path.as_str(), LINK1, "Ip4Config").await, serde_json::json!({}));
}

#[tokio::test]
async fn clients_read_every_value_as_the_type_of_the_contract() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let (one, path) = (link(&client, 7).await, link_path(NETNS, 7));
    let stage = Dhcp6Stage1Proxy::builder(&client).path(path.clone()).cache_properties(CacheProperties::No);
    let stage = stage.build().await.unwrap();
    let client1 = Client1Proxy::builder(&client).path(path).cache_properties(CacheProperties::No);
    let client1 = client1.build().await.unwrap();
    assert_eq!(one.ip4_config().await.unwrap(), dhcp4o6_dbus::Ip4Config::default());
    assert_eq!(client1.exchange().await.unwrap(), dhcp4o6_dbus::Exchange::default());
    let moment = Some(Instant::from_micros(8));
    wan0.publish(|status| {
        status.ipv4 = Some(config());
        status.client4.lease = Some(lease());
        status.client4.exchange = Some(ExchangeStatus {
            message: "REQUEST",
            transmissions: 2,
            started_at: Instant::from_micros(7),
            next_at: moment,
        });
        status.permit =
            Some(Permit { profile: WireProfile::Draft01, servers: Vec::new(), since: Instant::BOOT });
        status.permit_state = "valid";
        status.last_error = Some(Noted { at: Instant::BOOT, name: "bad", text: "it is".to_owned() });
        Arc::make_mut(&mut status.facts).ra =
            Some(RouterAdvertisement { managed: true, other: false, prefixes: Vec::new() });
        let valid_until = None;
        status.dhcp6.lease = Some(Lease6 {
            server: Duid::new([0, 3, 1]).unwrap(),
            iaid: Iaid(1),
            addresses: vec![Assignment6 {
                address: "2001:db8::1".parse().unwrap(),
                preferred_until: moment,
                valid_until,
            }],
            prefixes: vec![Delegation6 {
                prefix: "2001:db8::".parse().unwrap(),
                prefix_len: 56,
                preferred_until: moment,
                valid_until,
            }],
            renew_at: None,
            rebind_at: None,
        });
    });
    let shown = one.ip4_config().await.unwrap();
    assert_eq!((shown.address.as_deref(), shown.prefix), (Some("192.0.2.7"), Some(24)));
    assert_eq!(shown.routes.unwrap()[0].gateway, "192.0.2.1");
    assert_eq!(client1.lease().await.unwrap().options, Some(vec![(43, vec![1, 2, 255])]));
    let exchange = client1.exchange().await.unwrap();
    assert_eq!((exchange.message.as_deref(), exchange.next), (Some("REQUEST"), Some(8)));
    let permit = client1.permit().await.unwrap();
    assert_eq!((permit.state.as_str(), permit.profile.as_str()), ("valid", "draft01"));
    assert_eq!(one.last_error().await.unwrap().text.as_deref(), Some("it is"));
    assert_eq!(one.router_advertisement().await.unwrap().managed, Some(true));
    let address = &stage.addresses().await.unwrap()[0];
    assert_eq!((address.preferred_until, address.valid_until), (8, dhcp4o6_dbus::NEVER));
    assert_eq!(stage.prefixes().await.unwrap()[0].length, 56);
    assert_eq!(client1.messages().await.unwrap().len(), 7);
}

#[tokio::test]
async fn text_that_the_bus_cannot_carry_costs_no_property() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan\0"));
    wan0.publish(|status| {
        status.dhcp6.options.domains = vec!["a\0b".to_owned()];
        status.dhcp6.options.aftr_name = Some("a\0b".to_owned());
        let text = "they said \0".to_owned();
        status.last_error = Some(Noted { at: Instant::BOOT, name: "bad", text });
    });
    let client = bus.connect().await;
    ready(&client, 1).await;
    let path = link_path(NETNS, 7);
    assert_eq!(get(&client, path.as_str(), LINK1, "Name").await, "wan\u{fffd}");
    assert_eq!(get(&client, path.as_str(), DHCP6_STAGE1, "Domains").await[0], "a\u{fffd}b");
    assert_eq!(get(&client, path.as_str(), LINK1, "LastError").await["text"], "they said \u{fffd}");
    assert!(link(&client, 7).await.explain().await.is_ok());
    assert!(link(&client, 7).await.describe().await.is_ok());
}

#[tokio::test]
async fn a_lease_is_shown_with_the_keys_of_the_contract() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    wan0.publish(|status| {
        status.ipv4 = Some(config());
        status.client4.lease = Some(lease());
        status.client4.messages = [3, 1, 1, 0, 1, 0, 0];
    });
    let client = bus.connect().await;
    ready(&client, 1).await;
    let path = link_path(NETNS, 7);
    assert_eq!(
        get(&client, path.as_str(), LINK1, "Ip4Config").await,
        serde_json::json!({
            "address": "192.0.2.7", "prefix": 24, "gateway": "192.0.2.1", "dns": ["192.0.2.53"],
            "domains": ["example.net"], "mtu": 1280, "ntp": [], "lifetime": 3600,
            "valid-until": 3_610_000_000_u64, "device": "wan0",
            "routes": [{"destination": "0.0.0.0", "prefix": 0, "gateway": "192.0.2.1", "onlink": false}],
        })
    );
    assert_eq!(
        get(&client, path.as_str(), CLIENT1, "Lease").await,
        serde_json::json!({
            "address": "192.0.2.7", "server-id": "192.0.2.1", "lifetime": 3600, "requested-at": 10_000_000,
            "renew-at": 1_810_000_000, "rebind-at": 3_160_000_000_u64, "expires-at": 3_610_000_000_u64,
            "source": "", "options": [[43, "0102ff"]],
        })
    );
    let messages = get(&client, path.as_str(), CLIENT1, "Messages").await;
    assert_eq!(messages["discover"], 3);
    let described: serde_json::Value =
        serde_json::from_str(&link(&client, 7).await.describe().await.unwrap()).unwrap();
    assert_eq!(described[LINK1]["Name"], "wan0");
    assert_eq!(described[CLIENT1]["Lease"]["address"], "192.0.2.7");
    let steps = link(&client, 7).await.explain().await.unwrap();
    assert_eq!((steps[0].name.as_str(), steps[0].verdict.as_str()), ("link", "ok"));
}

#[tokio::test]
async fn a_change_is_one_signal_with_what_changed_and_then_the_state() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let mut signals = signals(&client, 7).await;
    // What was shown before anybody listened is over with the first change that this test makes.
    wan0.publish(|status| {
        (status.state, status.reason, status.since) = (LinkState::Bound, "bound", Instant::from_secs(5));
        status.client4.state = "bound";
    });
    let mut seen = Vec::new();
    loop {
        let message = next(&mut signals).await;
        if member(&message) == "StateChanged" {
            let body: (String, String, String, u64) = message.body().deserialize().unwrap();
            assert_eq!(body, ("bound".into(), "down".into(), "bound".into(), 5_000_000));
            break;
        }
        seen.push(changed(&message));
    }
    assert!(seen.contains(&(LINK1.into(), set(&["State", "Reason", "Since"]))), "{seen:?}");
    assert!(seen.contains(&(CLIENT1.into(), set(&["State"]))), "{seen:?}");

    // The same again changes nothing, and counters are not signalled: the next signal is the next real change's.
    wan0.publish(|_| {});
    wan0.traffic.lock().refused.count(Refused::XidMismatch);
    wan0.publish(|status| Arc::make_mut(&mut status.facts).mtu = 1400);
    assert_eq!(changed(&next(&mut signals).await), (LINK1.into(), set(&["Mtu"])));
    let counters = get(&client, link_path(NETNS, 7).as_str(), STATISTICS1, "Counters").await;
    assert_eq!((&counters["xid-mismatch"], &counters["no-permit"]), (&1.into(), &0.into()));
}

#[tokio::test]
async fn a_storm_is_thinned_and_ends_with_the_last_state() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let mut signals = signals(&client, 7).await;
    for round in 0..200 {
        wan0.publish(|status| {
            status.state = if round % 2 == 0 { LinkState::Dhcp6 } else { LinkState::NoCarrier };
            status.since = Instant::from_secs(round);
        });
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    wan0.publish(|status| (status.state, status.since) = (LinkState::Bound, Instant::from_secs(1000)));
    let mut count = 0;
    loop {
        let message = next(&mut signals).await;
        count += 1;
        if member(&message) == "StateChanged" {
            let (new, ..): (String, String, String, u64) = message.body().deserialize().unwrap();
            if new == "bound" {
                break;
            }
        }
    }
    assert!(count < 40, "{count} signals for 200 changes");
}

#[tokio::test]
async fn lease_events_are_signals() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let proxy = link(&client, 7).await;
    let mut events = proxy.receive_lease_event().await.unwrap();
    let endpoint =
        |id, name: &str| EndpointStatus { id: EndpointId(id), name: name.into(), ..Default::default() };
    wan0.publish(|status| status.endpoints = vec![endpoint(0, ""), endpoint(1, "voice")]);
    let event = LeaseEvent { kind: LeaseEventKind::Acquired, lease: Box::new(lease()) };
    service.notices.send(Notice::Lease(wan0.id, EndpointId(1), event)).unwrap();
    let event = soon(events.next()).await.unwrap();
    let arguments = event.args().unwrap();
    assert_eq!(arguments.kind(), &"acquired");
    assert_eq!(dhcp4o6_dbus::to_json(&arguments.lease()["address"]), "192.0.2.7");
    assert_eq!(dhcp4o6_dbus::to_json(&arguments.lease()["endpoint"]), "voice");
}

#[tokio::test]
async fn requests_reach_the_link_and_refusals_come_back_by_name() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let mut wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let proxy = link(&client, 7).await;
    let answers = async {
        let mut seen = Vec::new();
        for answer in [Ok(()), Ok(()), Ok(()), Ok(()), Err(Rejected::NoLease), Err(Rejected::NotEnabled)] {
            let request = soon(wan0.commands.recv()).await;
            seen.push(request.command);
            request.reply.send(answer).unwrap();
        }
        seen
    };
    let calls = async {
        proxy.start().await.unwrap();
        proxy.stop().await.unwrap();
        proxy.release().await.unwrap();
        proxy.restart().await.unwrap();
        (proxy.renew().await.unwrap_err(), proxy.rebind().await.unwrap_err())
    };
    let (seen, (no_lease, not_enabled)) = tokio::join!(answers, calls);
    use Command::{Rebind, Release, Renew, Restart, Start, Stop};
    assert_eq!(seen, [Start, Stop, Release, Restart, Renew, Rebind]);
    assert_eq!(no_lease, Error::NoLease("there is no IPv4 lease on this link".into()));
    assert!(matches!(not_enabled, Error::NotEnabled(_)));

    // One request waits in the queue, unanswered; there is no room for another.
    let calls: [LocalBoxFuture<'_, Result<(), Error>>; 2] =
        [Box::pin(proxy.renew()), Box::pin(proxy.rebind())];
    let (refused, _, mut waiting) = soon(futures_util::future::select_all(calls)).await;
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    let waiting = waiting.remove(0);
    drop(wan0.commands);
    assert!(matches!(soon(waiting).await, Err(Error::NoSuchLink(_))));
    assert!(matches!(proxy.renew().await, Err(Error::NoSuchLink(_))));
}

#[tokio::test]
async fn the_service_is_asked_as_a_whole() {
    let bus = Bus::start();
    let mut service = Service::start(&bus);
    let client = bus.connect().await;
    let manager = ready(&client, 0).await;
    let answers = async {
        for _ in 0..4 {
            match soon(service.requests.recv()).await.unwrap() {
                ServiceRequest::Reload(reply) => {
                    reply.send(Err(Rejected::ConfigInvalid("a.toml:3: no such key".into()))).unwrap();
                }
                ServiceRequest::AddLink(toml, reply) => {
                    assert_eq!(toml, "match = \"wan9\"");
                    reply.send(Ok(())).unwrap();
                }
                ServiceRequest::RemoveLink(matches, reply) => {
                    reply.send(Err(Rejected::NotManaged(matches))).unwrap();
                }
                ServiceRequest::SetDuid(duid, reply) => {
                    assert_eq!(duid, [0, 3, 0, 1, 2]);
                    reply.send(Ok(())).unwrap();
                }
            }
        }
    };
    let calls = async {
        let invalid = Error::ConfigInvalid("a.toml:3: no such key".into());
        assert_eq!(manager.reload().await, Err(invalid));
        assert_eq!(manager.add_link("match = \"wan9\"").await, Ok(()));
        assert!(matches!(manager.remove_link("wan9").await, Err(Error::NotManaged(_))));
        assert_eq!(manager.set_duid(&[0, 3, 0, 1, 2]).await, Ok(()));
    };
    tokio::join!(answers, calls);
    assert!(matches!(manager.set_duid(&[1, 2]).await, Err(Error::InvalidArgument(_))));
    assert!(matches!(manager.remove_link(&"x".repeat(1025)).await, Err(Error::InvalidArgument(_))));
    let huge = "#".repeat(70_000);
    assert!(matches!(manager.add_link(&huge).await, Err(Error::LimitsExceeded(_))));
}

#[tokio::test]
async fn the_service_shows_its_state_and_signals_its_changes() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let client = bus.connect().await;
    let manager = ready(&client, 0).await;
    assert_eq!(manager.duid().await.unwrap(), [0, 4, 7]);
    let mut changes = properties(&client, ROOT).await.receive_properties_changed().await.unwrap();
    service.status.send_modify(|status| {
        status.storage = "degraded";
        status.configuration_errors = vec!["a.toml:3: no such key".into()];
        status.missing = vec![crate::control::MissingLink {
            matches: "wan9".into(),
            namespace: Some("isp-a".into()),
            reason: "no-such-namespace",
        }];
    });
    let mut names = BTreeSet::new();
    while !names.contains("Storage") {
        let change = soon(changes.next()).await.unwrap();
        let arguments = change.args().unwrap();
        assert_eq!(arguments.interface_name().as_str(), MANAGER1);
        names.extend(arguments.changed_properties().keys().map(ToString::to_string));
    }
    assert!(names.is_superset(&set(&["Storage", "ConfigurationErrors", "Missing"])), "{names:?}");
    let missing =
        Missing { matches: "wan9".into(), namespace: "isp-a".into(), reason: "no-such-namespace".into() };
    assert_eq!(manager.missing().await.unwrap(), [missing]);
    let described: serde_json::Value = serde_json::from_str(&manager.describe().await.unwrap()).unwrap();
    assert_eq!(described["Storage"], "degraded");
    assert_eq!(described["Duid"], "000407");
}

#[tokio::test]
async fn a_link_is_found_by_name_and_namespace() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let _wan0 = service.add(7, named("wan0"));
    let mut others = Vec::new();
    for (index, namespace, name) in [(8, "a", "wan0"), (9, "a", "lan0"), (10, "b", "lan0"), (11, "b", "only")]
    {
        let (commands, commands_end) = crate::mailbox::mailbox(1);
        let (status, status_end) = tokio::sync::watch::channel(std::sync::Arc::new(named(name)));
        let traffic = Arc::default();
        let id = crate::control::LinkId { netns: NETNS, index };
        let namespace = Some(namespace.to_owned());
        let handle = crate::control::LinkHandle { id, namespace, commands, status: status_end, traffic };
        service.notices.send(Notice::Added(handle)).unwrap();
        others.push((commands_end, status));
    }
    let client = bus.connect().await;
    let manager = ready(&client, 5).await;
    for (name, namespace, index) in [("wan0", "", 7), ("wan0", "a", 8), ("lan0", "b", 10), ("only", "", 11)] {
        assert_eq!(
            manager.get_link_by_name(name, namespace).await,
            Ok(link_path(NETNS, index)),
            "{name} {namespace}"
        );
    }
    assert!(matches!(manager.get_link_by_name("lan0", "").await, Err(Error::Ambiguous(_))));
    for (name, namespace) in [("wan1", ""), ("wan0", "c"), ("", "")] {
        assert!(matches!(manager.get_link_by_name(name, namespace).await, Err(Error::NoSuchLink(_))));
    }
}

#[tokio::test]
async fn the_name_is_taken_exclusively() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let client = bus.connect().await;
    ready(&client, 0).await;
    let thief = client
        .request_name_with_flags(
            dhcp4o6_dbus::BUS_NAME,
            zbus::fdo::RequestNameFlags::REPLACE_EXISTING | zbus::fdo::RequestNameFlags::DO_NOT_QUEUE,
        )
        .await;
    assert!(matches!(thief, Err(zbus::Error::NameTaken)), "{thief:?}");
    // A second service does not queue for it either.
    let second = Service::start(&bus);
    tokio::time::sleep(Duration::from_millis(100)).await;
    let name = dhcp4o6_dbus::BUS_NAME.try_into().unwrap();
    let queued = DBusProxy::new(&client).await.unwrap().list_queued_owners(name).await.unwrap();
    assert_eq!(queued.len(), 1);
    drop((service, second));
}

#[tokio::test]
async fn a_bus_that_comes_back_is_told_everything_d6() {
    let mut bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let before = bus.connect().await;
    ready(&before, 1).await;
    bus.kill();
    // Meanwhile the world goes on.
    wan0.publish(|status| status.state = LinkState::Bound);
    let _wan1 = service.add(8, named("wan1"));
    service.status.send_modify(|status| status.storage = "degraded");
    tokio::time::sleep(Duration::from_millis(300)).await;
    bus.restart();
    let back_at = std::time::Instant::now();
    let client = bus.connect().await;
    let mut signals = signals(&client, 7).await;
    let manager = ready(&client, 2).await;
    assert!(back_at.elapsed() < Duration::from_secs(5));
    assert_eq!(manager.storage().await.unwrap(), "degraded");
    assert_eq!(link(&client, 7).await.state().await.unwrap(), "bound");
    let (interface, names) = changed(&next(&mut signals).await);
    assert_eq!((interface.as_str(), names.len()), (LINK1, 17));
    assert!(!service.serving.is_finished());
}

#[tokio::test]
async fn the_service_ends_with_its_notices_and_gives_the_name_back() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let client = bus.connect().await;
    ready(&client, 0).await;
    drop(service.notices);
    soon(service.serving).await.unwrap();
    let proxy = DBusProxy::new(&client).await.unwrap();
    soon(async {
        while proxy.name_has_owner(dhcp4o6_dbus::BUS_NAME.try_into().unwrap()).await.unwrap() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn the_log_level_is_changed_by_systemd_s_interface() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let client = bus.connect().await;
    ready(&client, 0).await;
    assert_eq!(get(&client, LOG_CONTROL_PATH, LOG_CONTROL1, "LogLevel").await, "info");
    let properties = properties(&client, LOG_CONTROL_PATH).await;
    let interface = InterfaceName::try_from(LOG_CONTROL1).unwrap();
    properties.set(interface.clone(), "LogLevel", &"debug".into()).await.unwrap();
    assert_eq!(service.log.clone_current(), Some(LevelFilter::DEBUG));
    assert_eq!(get(&client, LOG_CONTROL_PATH, LOG_CONTROL1, "LogLevel").await, "debug");
    assert!(properties.set(interface.clone(), "LogLevel", &"loud".into()).await.is_err());
    assert!(properties.set(interface, "LogTarget", &"nowhere".into()).await.is_err());
    assert_eq!(get(&client, LOG_CONTROL_PATH, LOG_CONTROL1, "SyslogIdentifier").await, "dhcp4o6d");
}

#[tokio::test]
#[ignore = "needs root"]
async fn others_than_root_may_read_and_nothing_else_sup_10() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let mut wan0 = service.add(7, named("wan0"));
    let client = bus.connect().await;
    ready(&client, 1).await;
    let path = link_path(NETNS, 7);
    let dhcp4o6_dbus::BusAddress::At(address) = bus.address() else { unreachable!() };
    let as_nobody = async |arguments: &[&str]| {
        let mut command = std::process::Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "busctl"]);
        command.arg(format!("--address={address}")).args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let name = dhcp4o6_dbus::BUS_NAME;
    assert_eq!(as_nobody(&["get-property", name, &path, LINK1, "State"]).await, (true, String::new()));
    for arguments in [
        &["call", name, &path, LINK1, "Renew"][..],
        &["call", name, &path, LINK1, "Stop"],
        &["call", name, ROOT, MANAGER1, "Reload"],
        &["call", name, ROOT, MANAGER1, "AddLink", "s", "match = \"eth0\""],
        &["call", name, ROOT, MANAGER1, "SetDuid", "ay", "3", "0", "3", "0"],
        &["set-property", name, LOG_CONTROL_PATH, LOG_CONTROL1, "LogLevel", "s", "debug"],
    ] {
        let (done, said) = as_nobody(arguments).await;
        assert!(!done && said.contains("only root may do this"), "{arguments:?}: {said}");
    }
    assert!(wan0.commands.try_recv().is_none());
}
