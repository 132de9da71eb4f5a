//! The provider's roles on the bus.

use super::world::{Bus, Service, soon};
use crate::control::{
    AgentHandle, AgentKind, Notice, ProviderStatus, ServerHandle, ServerRequest, WorkMeter,
};
use crate::mailbox::{Receiver, mailbox};
use crate::provider::Key;
use dhcp4o6_dbus::{Error, Relay1Proxy, Server1Proxy, ServerLease, relay_path};
use dhcp4o6_protocol::binding::{Binding4, ClientKey, Origin, Slot4, State, Transport};
use dhcp4o6_protocol::provider;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::{After, Impossible, Lease};
use futures_util::StreamExt as _;
use std::collections::HashMap;
use std::net::Ipv6Addr;
use std::sync::Arc;
use tokio::sync::watch;
use zbus::Connection;
use zbus::proxy::CacheProperties;

struct Server {
    requests: Receiver<ServerRequest>,
    status: watch::Sender<Arc<ProviderStatus>>,
    work: Arc<WorkMeter>,
}

/// A server with room for one request.
fn server(service: &Service) -> Server {
    let (requests_end, requests) = mailbox(1);
    let running = ProviderStatus { state: "running", storage: "ok", ..ProviderStatus::default() };
    let (status, status_end) = watch::channel(Arc::new(running));
    let work = Arc::new(WorkMeter::default());
    let handle = ServerHandle { requests: requests_end, status: status_end, work: Arc::clone(&work) };
    service.notices.send(Notice::Server(handle)).unwrap();
    Server { requests, status, work }
}

async fn proxy(connection: &Connection) -> Server1Proxy<'static> {
    // The service under test has the subscriber's name.
    Server1Proxy::builder(connection)
        .destination(dhcp4o6_dbus::BUS_NAME)
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .unwrap()
}

/// Waits until the service shows the server.
async fn ready(connection: &Connection) -> Server1Proxy<'static> {
    super::world::ready(connection, 0).await;
    let server = proxy(connection).await;
    soon(async {
        while server.state().await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    server
}

fn lease(last: u8) -> Lease {
    Lease::V4(Binding4 {
        slot: Slot4 { address: [192, 0, 2, last].into(), ports: None },
        client: ClientKey::Id(vec![255, 1, last]),
        state: State::Bound,
        changed_at: Instant::from_secs(1),
        expires_at: None,
        origin: Origin::Network(0),
        source: Ipv6Addr::LOCALHOST,
        transport: Transport::Dhcp6,
        host_name: vec![b'a', 0, 0xff],
        softwire: None,
    })
}

#[tokio::test]
async fn leases_come_page_by_page_and_octets_stay_octets() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let mut server = server(&service);
    let connection = bus.connect().await;
    let shown = ready(&connection).await;
    let playing = async {
        let mut asked = Vec::new();
        let by_ipv4 = |last, source: &str| match lease(last) {
            Lease::V4(lease) => {
                let source = source.parse().unwrap();
                Lease::V4(Binding4 { transport: Transport::Ipv4, source, ..lease })
            }
            Lease::V6(_) => panic!(),
        };
        let second = by_ipv4(2, "::ffff:198.51.100.9");
        for page in [vec![lease(1), second], vec![by_ipv4(3, "::ffff:0.0.0.0")]] {
            let ServerRequest::Leases(after, count, reply) = server.requests.recv().await else { panic!() };
            asked.push((after, count));
            reply.send(page).unwrap();
        }
        asked
    };
    let reading = async {
        let (first, next) = shown.list_leases("", 2).await.unwrap();
        let (second, end) = shown.list_leases(&next, 2).await.unwrap();
        (first, next, second, end)
    };
    let (asked, (first, next, second, end)) = soon(async { tokio::join!(playing, reading) }).await;
    let key = After::Lease4(Slot4 { address: [192, 0, 2, 2].into(), ports: None });
    assert_eq!(asked, [(After::Start, 2), (key, 2)]);
    assert_eq!((next.as_str(), end.as_str()), ("192.0.2.2", ""));
    assert_eq!((first.len(), second.len()), (2, 1));
    assert_eq!(first[0].client_id, Some(vec![255, 1, 1]));
    assert_eq!(first[0].host_name, Some(vec![b'a', 0, 0xff]));
    assert_eq!((first[0].state.as_str(), first[0].until), ("bound", dhcp4o6_dbus::NEVER));
    let from = |lease: &ServerLease| (lease.transport.clone().unwrap(), lease.source.clone().unwrap());
    assert_eq!(from(&first[0]), ("dhcp6".into(), "::1".into()));
    assert_eq!(from(&first[1]), ("ipv4".into(), "198.51.100.9".into()));
    assert_eq!(from(&second[0]), ("ipv4".into(), String::new()), "the client asked itself");
}

#[tokio::test]
async fn what_cannot_be_done_is_an_error_with_its_name() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let mut server = server(&service);
    let connection = bus.connect().await;
    let shown = ready(&connection).await;
    let playing = async {
        let ServerRequest::Revoke(address, reply) = server.requests.recv().await else { panic!() };
        reply.send(Err(Impossible::NoLease(address))).unwrap();
    };
    let ((), revoked) = soon(async { tokio::join!(playing, shown.revoke("192.0.2.9")) }).await;
    assert_eq!(revoked, Err(Error::NoLease("there is no lease of 192.0.2.9".into())));
    for (wrong, message) in [
        (shown.revoke("192.0.2").await, "the address is neither an IPv4 nor an IPv6 address"),
        (shown.reserve("::1", "duid", &[0; 4]).await, "the address is not an IPv4 address"),
        (shown.list_leases("x", 1).await.map(|_| ()), "the key is not that of a lease"),
        (shown.list_leases("", 0).await.map(|_| ()), "a page has 1 to 1000 leases, not 0"),
    ] {
        assert_eq!(wrong, Err(Error::InvalidArgument(message.into())));
    }
}

#[tokio::test]
async fn a_server_that_is_busy_or_gone_says_so() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let server = server(&service);
    let connection = bus.connect().await;
    let shown = ready(&connection).await;
    // Nobody takes the first request, so that there is no room for the second.
    let asking = || {
        let shown = shown.clone();
        Box::pin(async move { shown.list_pools().await })
    };
    let (refused, waiting) = soon(futures_util::future::select(asking(), asking())).await.factor_first();
    assert!(matches!(refused, Err(Error::Busy(_))), "{refused:?}");
    drop(server);
    let gone = soon(waiting).await;
    assert!(matches!(gone, Err(Error::NoSuchRole(_))), "{gone:?}");
}

#[tokio::test]
async fn changes_and_notices_are_told_and_counters_are_asked_for() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let server = server(&service);
    let connection = bus.connect().await;
    let shown = ready(&connection).await;
    let mut noticed = shown.receive_noticed().await.unwrap();
    let changes = zbus::fdo::PropertiesProxy::builder(&connection)
        .destination(dhcp4o6_dbus::BUS_NAME)
        .path(dhcp4o6_dbus::SERVER_PATH)
        .build()
        .await
        .unwrap();
    let mut changed = changes.receive_properties_changed().await.unwrap();
    {
        let mut work = server.work.lock();
        work.done.count(Done::Ack);
        work.refused.count(Refused::NoSubnet);
        work.received = 7;
    }
    let degraded = ProviderStatus { state: "degraded", storage: "degraded", ..ProviderStatus::default() };
    server.status.send_replace(Arc::new(degraded));
    let signal = soon(changed.next()).await.unwrap();
    let args = signal.args().unwrap();
    let mut names: Vec<_> = args.changed_properties().keys().copied().collect();
    names.sort_unstable();
    assert_eq!(names, ["State", "Storage"]);
    let pool_empty = provider::Notice::PoolEmpty("192.0.2.0/24".into());
    service.notices.send(Notice::Provider(Key::Server, pool_empty)).unwrap();
    let signal = soon(noticed.next()).await.unwrap();
    let args = signal.args().unwrap();
    assert_eq!((*args.kind(), *args.subject()), ("pool-empty", "192.0.2.0/24"));
    let (done, refused): (HashMap<_, _>, HashMap<_, _>) =
        (shown.done().await.unwrap(), shown.refused().await.unwrap());
    assert_eq!((done["ack"], refused["no-subnet"], shown.received().await.unwrap()), (1, 1, 7));
}

#[tokio::test]
async fn a_role_comes_and_goes_as_an_object() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let (status, status_end) =
        watch::channel(Arc::new(ProviderStatus { state: "running", ..Default::default() }));
    let handle = AgentHandle {
        kind: AgentKind::Relay,
        name: "lan-0".into(),
        status: status_end,
        work: Arc::default(),
    };
    let relay = Relay1Proxy::builder(&connection)
        .destination(dhcp4o6_dbus::BUS_NAME)
        .path(relay_path("lan-0"))
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .unwrap();
    for _ in 0..2 {
        service.notices.send(Notice::Agent(handle.clone())).unwrap();
        soon(async {
            while relay.state().await.as_deref() != Ok("running") {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert_eq!(relay.name().await.unwrap(), "lan-0");
        service.notices.send(Notice::AgentGone(AgentKind::Relay, "lan-0".into())).unwrap();
        soon(async {
            while relay.state().await.is_ok() {
                tokio::task::yield_now().await;
            }
        })
        .await;
    }
    drop(status);
}
