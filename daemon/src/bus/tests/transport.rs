//! DHCPv4 over IPv6 on the bus: on-link client relay agents, the IPv6-transport server and relay agents.

use super::super::server::Server1;
use super::super::tra::Tra1;
use super::super::tsv::Tsv1;
use super::world::{Bus, NETNS, Service, named, soon};
use crate::control::{
    AgentHandle, AgentKind, Configured, Notice, ProviderStatus, ServerHandle, ServerRequest, WorkMeter,
};
use crate::mailbox::{Receiver, mailbox};
use crate::provider::Key;
use dhcp4o6_dbus::{
    BUS_NAME, CLIENT1, DHCP6_STAGE1, Endpoint, Error, LINK1, NEVER, RELAY_CLIENT1, RelayClient1Proxy,
    SERVER_PATH, STATISTICS1, Server1Proxy, Statistics1Proxy, TRA1, TSV1, Tra1Proxy, Tsv1Proxy,
    TunnelBinding, lcra_path, link_path, tra_path,
};
use dhcp4o6_protocol::binding::{Binding4, Binding6, ClientKey, Origin, Slot4, Slot6, State, Transport};
use dhcp4o6_protocol::ids::{ClientId, Duid, EndpointId, Iaid};
use dhcp4o6_protocol::lease::{Ipv4Config, Lease4};
use dhcp4o6_protocol::provider;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::role::tra::TraSettings;
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::settings::{Encapsulation, SourceCheck};
use dhcp4o6_protocol::status::{Client4Status, EndpointStatus, HcraStatus, LinkState, Status};
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::{Instant, Lifetime};
use dhcp4o6_protocol::view::Lease;
use futures_util::StreamExt as _;
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::sync::watch;
use zbus::object_server::SignalEmitter;
use zbus::proxy::CacheProperties;
use zbus::{Connection, OwnedObjectPath};

/// What is at `path` now: the names of our interfaces.
async fn interfaces(connection: &Connection, path: &OwnedObjectPath) -> Vec<String> {
    let manager = zbus::fdo::ObjectManagerProxy::builder(connection).destination(BUS_NAME);
    let manager = manager.path(dhcp4o6_dbus::ROOT).build().await.unwrap();
    let mut objects = manager.get_managed_objects().await.unwrap();
    let mut names: Vec<_> =
        objects.remove(path).unwrap_or_default().into_keys().map(|name| name.to_string()).collect();
    names.sort_unstable();
    names
}

/// Waits until exactly these are at `path`.
async fn wait_for(connection: &Connection, path: &OwnedObjectPath, wanted: &[&str]) {
    soon(async {
        while interfaces(connection, path).await != wanted {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// Properties that were told to have changed, sorted.
async fn changed(changes: &mut zbus::fdo::PropertiesChangedStream) -> Vec<String> {
    let signal = soon(changes.next()).await.unwrap();
    let args = signal.args().unwrap();
    let mut names: Vec<_> = args.changed_properties().keys().map(ToString::to_string).collect();
    names.sort_unstable();
    names
}

async fn changes(connection: &Connection, path: &str) -> zbus::fdo::PropertiesChangedStream {
    let properties = zbus::fdo::PropertiesProxy::builder(connection).destination(BUS_NAME);
    let properties = properties.path(path.to_owned()).build().await.unwrap();
    properties.receive_properties_changed().await.unwrap()
}

fn running(configured: Configured) -> ProviderStatus {
    ProviderStatus { state: "running", namespace: "isp".into(), configured, ..ProviderStatus::default() }
}

#[tokio::test]
async fn a_link_is_a_client_relay_agent_while_it_has_one() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let waiting = HcraStatus { waiting_for: Some("no-servers"), ..hcra() };
    // One has it from the beginning, before there is a bus, the other gets it.
    let wan0 = service.add(7, Status { hcra: Some(waiting), ..named("wan0") });
    let wan1 = service.add(8, named("wan1"));
    let connection = bus.connect().await;
    super::world::ready(&connection, 2).await;
    let without = [CLIENT1, DHCP6_STAGE1, LINK1, STATISTICS1];
    let with = [CLIENT1, DHCP6_STAGE1, LINK1, RELAY_CLIENT1, STATISTICS1];
    let (path0, path1) = (link_path(NETNS, 7), link_path(NETNS, 8));
    wait_for(&connection, &path0, &with).await;
    wait_for(&connection, &path1, &without).await;
    let shown = RelayClient1Proxy::builder(&connection).path(path0.clone());
    let shown = shown.cache_properties(CacheProperties::No).build().await.unwrap();
    assert_eq!((shown.role().await.unwrap(), shown.name().await.unwrap()), ("hcra".into(), "wan0".into()));
    assert_eq!(
        (shown.state().await.unwrap(), shown.reason().await.unwrap()),
        ("waiting".into(), "no-servers".into())
    );
    wan0.publish(|status| status.hcra = Some(hcra()));
    wan1.publish(|status| status.hcra = Some(hcra()));
    wait_for(&connection, &path1, &with).await;
    soon(async {
        while shown.state().await.as_deref() != Ok("running") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(shown.servers().await.unwrap(), ["2001:db8:9::67"]);
    assert_eq!(shown.servers_from().await.unwrap(), "configured", "in the words of all client relay agents");
    assert_eq!(shown.source().await.unwrap(), "2001:db8:1:1::18");
    assert_eq!(
        (shown.client().await.unwrap(), shown.device().await.unwrap()),
        ("external".into(), "hcra-wan0".into())
    );
    assert_eq!(shown.renew().await.unwrap(), "", "the external client decides that");
    assert_eq!(shown.upstream().await.unwrap(), "wan0");
    assert_eq!((shown.done().await.unwrap()["upstream"], shown.done().await.unwrap()["downstream"]), (2, 1));

    let description: serde_json::Value =
        serde_json::from_str(&super::world::link(&connection, 7).await.describe().await.unwrap()).unwrap();
    assert_eq!(description[RELAY_CLIENT1]["Device"], "hcra-wan0");
    wan0.publish(|status| status.hcra = None);
    wait_for(&connection, &path0, &without).await;
    let description: serde_json::Value =
        serde_json::from_str(&super::world::link(&connection, 7).await.describe().await.unwrap()).unwrap();
    assert!(description.get(RELAY_CLIENT1).is_none());

    service.notices.send(Notice::Removed(wan1.id)).unwrap();
    wait_for(&connection, &path1, &[]).await;
}

#[tokio::test]
async fn the_lease_that_passes_to_an_external_client_is_told() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, Status { hcra: Some(hcra()), ..named("wan0") });
    let connection = bus.connect().await;
    super::world::ready(&connection, 1).await;
    let path = link_path(NETNS, 7);
    let shown = RelayClient1Proxy::builder(&connection).path(path.clone());
    let shown = shown.cache_properties(CacheProperties::No).build().await.unwrap();
    assert_eq!(shown.external_lease().await.unwrap(), dhcp4o6_dbus::Lease::default());
    let mut changes = changes(&connection, path.as_str()).await;
    let seen = |address: [u8; 4]| Lease4 {
        address: address.into(),
        server_id: [198, 51, 100, 1].into(),
        requested_at: Instant::from_secs(10),
        lifetime: Lifetime(3600),
        renew_at: Some(Instant::from_secs(1810)),
        rebind_at: None,
        expires_at: None,
        options: vec![(43, vec![1, 0, 255])],
        source: Some("2001:db8:1:1::18".parse().unwrap()),
    };
    // Counters alone are nothing to be told.
    wan0.publish(|status| status.hcra = Some(HcraStatus { relayed: 9, ..hcra() }));
    // Two at once: what people wait for does not wait for the end of the second.
    for address in [[192, 0, 2, 18], [192, 0, 2, 19]] {
        let began = std::time::Instant::now();
        wan0.publish(|status| {
            status.hcra = Some(HcraStatus { seen: Some(seen(address)), relayed: 10, ..hcra() })
        });
        while changed(&mut changes).await != ["ExternalLease"] {}
        assert!(began.elapsed() < std::time::Duration::from_millis(900), "{:?}", began.elapsed());
    }
    let lease = shown.external_lease().await.unwrap();
    assert_eq!(
        (lease.address.as_deref(), lease.server_id.as_deref()),
        (Some("192.0.2.19"), Some("198.51.100.1"))
    );
    assert_eq!((lease.renew_at, lease.expires_at), (Some(1_810_000_000), Some(NEVER)));
    assert_eq!(lease.options, Some(vec![(43, vec![1, 0, 255])]));
    wan0.publish(|status| status.hcra = Some(hcra()));
    while changed(&mut changes).await != ["ExternalLease"] {}
    assert_eq!(shown.external_lease().await.unwrap(), dhcp4o6_dbus::Lease::default());
}

#[tokio::test]
async fn every_endpoint_of_a_link_is_shown_and_the_first_is_the_link_s() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let wan0 = service.add(7, named("wan0"));
    let connection = bus.connect().await;
    super::world::ready(&connection, 1).await;
    let link = super::world::link(&connection, 7).await;
    assert_eq!(link.endpoints().await.unwrap(), []);
    let config = |last| Ipv4Config {
        address: [192, 0, 2, last].into(),
        prefix_len: 32,
        expires_at: Some(Instant::from_secs(9)),
        routes: Vec::new(),
        mtu: None,
        gateway: None,
        dns: Vec::new(),
        domains: Vec::new(),
        ntp: Vec::new(),
        host_name: None,
    };
    let mut changes = changes(&connection, link_path(NETNS, 7).as_str()).await;
    wan0.publish(|status| {
        status.ipv4 = Some(config(1));
        status.endpoints = vec![
            EndpointStatus {
                state: LinkState::Bound,
                reason: "bound",
                target: "v4o6-wan0".into(),
                ipv4: status.ipv4.clone(),
                ..EndpointStatus::default()
            },
            EndpointStatus {
                id: EndpointId(1),
                name: "voice".into(),
                state: LinkState::Acquiring,
                reason: "no-answer",
                client4: Client4Status {
                    client_id: Some(ClientId::new(Iaid(1), &Duid::new([0, 3, 1]).unwrap())),
                    ..Client4Status::default()
                },
                ..EndpointStatus::default()
            },
        ];
    });
    assert_eq!(changed(&mut changes).await, ["Endpoints", "Ip4Config"]);
    let shown = link.endpoints().await.unwrap();
    let first = Endpoint {
        state: "bound".into(),
        reason: "bound".into(),
        address: "192.0.2.1".into(),
        prefix: 32,
        device: "v4o6-wan0".into(),
        valid_until: 9_000_000,
        ..Endpoint::default()
    };
    let second = Endpoint {
        name: "voice".into(),
        state: "acquiring".into(),
        reason: "no-answer".into(),
        client_id: Some(vec![255, 0, 0, 0, 1, 0, 3, 1]),
        ..Endpoint::default()
    };
    assert_eq!(shown, [first, second]);
    assert_eq!(link.ip4_config().await.unwrap().address.as_deref(), Some("192.0.2.1"));
}

fn hcra() -> HcraStatus {
    HcraStatus {
        waiting_for: None,
        servers: vec!["2001:db8:9::67".parse().unwrap()],
        servers_from: "static",
        source: Some("2001:db8:1:1::18".parse().unwrap()),
        client: "external",
        device: "hcra-wan0".into(),
        renew: "direct",
        seen: None,
        relayed: 2,
        delivered: 1,
    }
}

struct Agent {
    handle: AgentHandle,
    status: watch::Sender<Arc<ProviderStatus>>,
    work: Arc<WorkMeter>,
}

fn agent(kind: AgentKind, name: &str, status: ProviderStatus) -> Agent {
    let (status, status_end) = watch::channel(Arc::new(status));
    let work = Arc::<WorkMeter>::default();
    let handle = AgentHandle { kind, name: name.to_owned(), status: status_end, work: Arc::clone(&work) };
    Agent { handle, status, work }
}

/// A binding that there is room for.
fn told(role: Key, binding: provider::Notice) -> Notice {
    let room = Arc::new(tokio::sync::Semaphore::new(1)).try_acquire_owned().unwrap();
    Notice::Binding(role, binding, room)
}

fn tra() -> TraSettings {
    TraSettings {
        addresses: vec!["2001:db8:9::67".parse().unwrap()],
        accept_from: vec!["2001:db8::/32".parse().unwrap()],
        servers: vec![[10, 0, 0, 1].into(), [10, 0, 0, 2].into()],
        giaddr: [10, 0, 0, 9].into(),
        cra6addr: 46,
        links: Vec::new(),
        circuit_id: None,
        remote_id: None,
        relay_id: None,
        source_port: 67,
        hops_limit: 4,
        max_message: 1472,
        match_requests: true,
        snoop: true,
        encapsulation: Encapsulation::Off,
        rate_per_source: 50,
        rate: 0,
    }
}

fn lcra() -> LcraSettings {
    LcraSettings {
        clients: "lan0".into(),
        upstream: "wan0".into(),
        servers: Vec::new(),
        source: None,
        unique_local: false,
        source_check: SourceCheck::Strict,
        hops_limit: 4,
        allow: Vec::new(),
        rate_per_client: 10,
        rate: 200,
        pending: 4096,
        encapsulation: Encapsulation::Off,
        circuit_id: None,
        remote_id: None,
    }
}

fn tsv() -> TsvSettings {
    TsvSettings {
        addresses: vec!["2001:db8:9::67".parse().unwrap()],
        accept_from: vec!["2001:db8::/32".parse().unwrap()],
        addresses4: Vec::new(),
        accept_from4: Vec::new(),
        relay_agents: Vec::new(),
        interfaces4: Vec::new(),
        cra6addr: 46,
        encapsulation: Encapsulation::Private,
    }
}

#[tokio::test]
async fn an_ipv6_transport_relay_agent_shows_what_it_is_told_and_does() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let Agent { handle, status, work } = agent(AgentKind::Tra, "edge-1", running(Configured::from(&tra())));
    service.notices.send(Notice::Agent(handle)).unwrap();
    let path = tra_path("edge-1");
    wait_for(&connection, &path, &[TRA1]).await;
    let shown = Tra1Proxy::builder(&connection).destination(BUS_NAME).path(path.clone());
    let shown = shown.cache_properties(CacheProperties::No).build().await.unwrap();
    assert_eq!(shown.name().await.unwrap(), "edge-1");
    assert_eq!(shown.state().await.unwrap(), "running");
    assert_eq!(shown.namespace().await.unwrap(), "isp");
    assert_eq!(shown.addresses().await.unwrap(), ["2001:db8:9::67"]);
    assert_eq!(shown.sources().await.unwrap(), ["2001:db8::/32"]);
    assert_eq!(shown.servers().await.unwrap(), ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(shown.giaddr().await.unwrap(), "10.0.0.9");
    assert_eq!(
        (shown.cra6addr().await.unwrap(), shown.relay_encapsulation().await.unwrap()),
        (46, "off".into())
    );
    {
        let mut work = work.lock();
        work.done.count(Done::Upstream);
        work.refused.count(Refused::NoCra6addr);
        (work.sent, work.received) = (5, 6);
    }
    assert_eq!(shown.done().await.unwrap()["upstream"], 1);
    assert_eq!(shown.refused().await.unwrap()["no-cra6addr"], 1);
    assert_eq!((shown.sent().await.unwrap(), shown.received().await.unwrap()), (5, 6));

    let mut changes = changes(&connection, path.as_str()).await;
    let failed = ProviderStatus { state: "failed", reason: "port-in-use", ..(**status.borrow()).clone() };
    status.send_replace(Arc::new(failed));
    assert_eq!(changed(&mut changes).await, ["Reason", "State"], "counters are to be asked for");
    service.notices.send(Notice::AgentGone(AgentKind::Tra, "edge-1".into())).unwrap();
    wait_for(&connection, &path, &[]).await;
}

#[tokio::test]
async fn signals_of_an_ipv6_transport_relay_agent_come_from_its_own_object() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let one = agent(AgentKind::Tra, "one", running(Configured::from(&tra())));
    service.notices.send(Notice::Agent(one.handle.clone())).unwrap();
    let path = tra_path("one");
    wait_for(&connection, &path, &[TRA1]).await;
    let shown = Tra1Proxy::builder(&connection).destination(BUS_NAME).path(path).build().await.unwrap();
    let mut added = shown.receive_binding_added().await.unwrap();
    let mut removed = shown.receive_binding_removed().await.unwrap();
    let mut noticed = shown.receive_noticed().await.unwrap();
    let binding = provider::TunnelBinding {
        address: [192, 0, 2, 18].into(),
        agent: "2001:db8:1:1::18".parse().unwrap(),
        until: Some(Instant::from_secs(7)),
    };
    let for_ever = provider::TunnelBinding { until: None, ..binding };
    let key = |name: &str| Key::Agent(AgentKind::Tra, name.into());
    let silent = |last| provider::Notice::NoAgentInformation([10, 0, 0, last].into());
    for notice in [
        Notice::Provider(key("other"), silent(7)),
        told(key("one"), provider::Notice::BindingAdded(binding)),
        told(key("one"), provider::Notice::BindingAdded(for_ever)),
        told(key("one"), provider::Notice::BindingRemoved(binding)),
        Notice::BindingsLeftOut(key("one")),
        Notice::Provider(key("one"), silent(1)),
    ] {
        service.notices.send(notice).unwrap();
    }
    for until in [7_000_000, NEVER] {
        let signal = soon(added.next()).await.unwrap();
        let args = signal.args().unwrap();
        assert_eq!((args.address, args.agent, args.valid_until), ("192.0.2.18", "2001:db8:1:1::18", until));
    }
    let signal = soon(removed.next()).await.unwrap();
    let args = signal.args().unwrap();
    assert_eq!((args.address, args.agent), ("192.0.2.18", "2001:db8:1:1::18"));
    for (kind, subject) in [("bindings-left-out", ""), ("no-agent-information", "10.0.0.1")] {
        let signal = soon(noticed.next()).await.unwrap();
        let args = signal.args().unwrap();
        assert_eq!((args.kind, args.subject), (kind, subject));
    }
}

#[tokio::test]
async fn an_on_link_agent_is_a_client_relay_agent_with_counters() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let status = ProviderStatus { servers_from: "", ..running(Configured::from(&lcra())) };
    let Agent { handle, status, work } = agent(AgentKind::Lcra, "lan", status);
    let path = lcra_path("lan");
    // The second takes the place of the first.
    for _ in 0..2 {
        service.notices.send(Notice::Agent(handle.clone())).unwrap();
    }
    wait_for(&connection, &path, &[RELAY_CLIENT1, STATISTICS1]).await;
    let shown = RelayClient1Proxy::builder(&connection).path(path.clone());
    let shown = shown.cache_properties(CacheProperties::No).build().await.unwrap();
    assert_eq!(shown.role().await.unwrap(), "lcra");
    assert_eq!((shown.name().await.unwrap(), shown.state().await.unwrap()), ("lan".into(), "running".into()));
    assert_eq!(shown.client().await.unwrap(), "link");
    assert_eq!(
        (shown.device().await.unwrap(), shown.upstream().await.unwrap()),
        ("lan0".into(), "wan0".into())
    );
    assert_eq!(shown.servers().await.unwrap(), Vec::<String>::new());
    assert_eq!(shown.external_lease().await.unwrap(), dhcp4o6_dbus::Lease::default());
    {
        let mut work = work.lock();
        work.done.count(Done::Downstream);
        work.refused.count(Refused::Option82InReply);
        (work.sent, work.received) = (3, 4);
    }
    assert_eq!(shown.done().await.unwrap()["downstream"], 1);
    let counters = Statistics1Proxy::builder(&connection).path(path.clone());
    let counters = counters.cache_properties(CacheProperties::No).build().await.unwrap();
    assert_eq!(counters.counters().await.unwrap()["opt82-in-reply"], 1);
    assert_eq!((counters.sent().await.unwrap(), counters.received().await.unwrap()), (3, 4));

    let mut changes = changes(&connection, path.as_str()).await;
    let served = ProviderStatus {
        servers: vec!["2001:db8:9::67".into()],
        servers_from: "link",
        source: "2001:db8:1:1::18".into(),
        ..(**status.borrow()).clone()
    };
    status.send_replace(Arc::new(served));
    assert_eq!(changed(&mut changes).await, ["Servers", "ServersFrom", "Source"]);
    assert_eq!(shown.servers().await.unwrap(), ["2001:db8:9::67"]);

    let mut noticed = shown.receive_noticed().await.unwrap();
    let key = Key::Agent(AgentKind::Lcra, "lan".into());
    let notice = provider::Notice::ForeignServer([192, 168, 1, 1].into());
    service.notices.send(Notice::Provider(key, notice)).unwrap();
    let signal = soon(noticed.next()).await.unwrap();
    let args = signal.args().unwrap();
    assert_eq!((args.kind, args.subject), ("foreign-server", "192.168.1.1"));
    service.notices.send(Notice::AgentGone(AgentKind::Lcra, "lan".into())).unwrap();
    wait_for(&connection, &path, &[]).await;
}

struct Server {
    requests: Receiver<ServerRequest>,
    status: watch::Sender<Arc<ProviderStatus>>,
}

fn server(service: &Service, status: ProviderStatus) -> Server {
    let (requests_end, requests) = mailbox(1);
    let (status, status_end) = watch::channel(Arc::new(status));
    let handle = ServerHandle { requests: requests_end, status: status_end, work: Arc::default() };
    service.notices.send(Notice::Server(handle)).unwrap();
    Server { requests, status }
}

fn server_path() -> OwnedObjectPath {
    SERVER_PATH.try_into().unwrap()
}

async fn tsv_proxy(connection: &Connection) -> Tsv1Proxy<'static> {
    let proxy = Tsv1Proxy::builder(connection).destination(BUS_NAME);
    proxy.cache_properties(CacheProperties::No).build().await.unwrap()
}

#[tokio::test]
async fn the_ipv6_transport_server_comes_and_goes_with_its_configuration() {
    const SERVER: &[&str] = &[dhcp4o6_dbus::SERVER1];
    const BOTH: &[&str] = &[dhcp4o6_dbus::SERVER1, TSV1];
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let told = Configured::Tsv(Box::new(tsv()), Some([198, 51, 100, 1].into()));
    let one = server(&service, running(told.clone()));
    wait_for(&connection, &server_path(), BOTH).await;
    let shown = tsv_proxy(&connection).await;
    assert_eq!(shown.addresses().await.unwrap(), ["2001:db8:9::67"]);
    assert_eq!(shown.server_id().await.unwrap(), "198.51.100.1");
    assert_eq!(shown.sources().await.unwrap(), ["2001:db8::/32"]);
    assert_eq!(
        (shown.cra6addr().await.unwrap(), shown.relay_encapsulation().await.unwrap()),
        (46, "private".into())
    );

    let mut changes = changes(&connection, SERVER_PATH).await;
    let other = Configured::Tsv(Box::new(TsvSettings { cra6addr: 47, ..tsv() }), None);
    one.status.send_replace(Arc::new(running(other)));
    assert_eq!(changed(&mut changes).await, ["Cra6addr", "ServerId"]);
    one.status.send_replace(Arc::new(running(Configured::Nothing)));
    wait_for(&connection, &server_path(), SERVER).await;
    one.status.send_replace(Arc::new(running(told.clone())));
    wait_for(&connection, &server_path(), BOTH).await;

    let without = server(&service, running(Configured::Nothing));
    wait_for(&connection, &server_path(), SERVER).await;
    without.status.send_replace(Arc::new(running(told)));
    wait_for(&connection, &server_path(), BOTH).await;
    service.notices.send(Notice::ServerGone).unwrap();
    wait_for(&connection, &server_path(), &[]).await;
}

fn lease(last: u8, state: State, from: (Transport, &str), until: Option<Instant>) -> Lease {
    Lease::V4(Binding4 {
        slot: Slot4 { address: Ipv4Addr::new(192, 0, 2, last), ports: None },
        client: ClientKey::Id(vec![255, 1, last]),
        state,
        changed_at: Instant::from_secs(1),
        expires_at: until,
        origin: Origin::Network(0),
        source: from.1.parse().unwrap(),
        transport: from.0,
        host_name: Vec::new(),
        softwire: None,
    })
}

fn lease6() -> Lease {
    Lease::V6(Binding6 {
        slot: Slot6::Address("2001:db8::5".parse().unwrap()),
        client: Duid::new([0, 3, 1]).unwrap(),
        iaid: 1,
        state: State::Bound,
        changed_at: Instant::from_secs(1),
        preferred_until: None,
        expires_at: None,
        origin: Origin::Network(0),
    })
}

#[tokio::test]
async fn bindings_are_the_running_leases_of_clients_behind_client_relay_agents() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let mut server = server(&service, running(Configured::Tsv(Box::new(tsv()), None)));
    wait_for(&connection, &server_path(), &[dhcp4o6_dbus::SERVER1, TSV1]).await;
    let shown = tsv_proxy(&connection).await;
    let cra = (Transport::Agent, "2001:db8:1:1::18");
    let playing = async {
        for page in [
            vec![lease(1, State::Bound, cra, None), lease(2, State::Released, cra, None)],
            // It ended just after the machine began.
            vec![
                lease(3, State::Bound, cra, Some(Instant::from_micros(1))),
                lease(4, State::Bound, (Transport::Dhcp6, "2001:db8:1:1::19"), None),
            ],
            vec![lease(5, State::Bound, (Transport::Ipv4, "::ffff:192.0.2.5"), None), lease6()],
        ] {
            let ServerRequest::Leases(_, 2, reply) = server.requests.recv().await else { panic!() };
            reply.send(page).unwrap();
        }
    };
    let reading = async {
        let mut after = String::new();
        let mut all = Vec::new();
        let mut asked = Vec::new();
        loop {
            let (page, next) = shown.list_bindings(&after, 2).await.unwrap();
            all.extend(page);
            asked.push(next.clone());
            if next.is_empty() {
                return (all, asked);
            }
            after = next;
        }
    };
    let ((), (all, asked)) = soon(async { tokio::join!(playing, reading) }).await;
    let binding = TunnelBinding { address: "192.0.2.1".into(), agent: cra.1.into(), until: NEVER };
    assert_eq!(all, [binding]);
    assert_eq!(asked, ["192.0.2.2", "192.0.2.4", ""], "there is nothing of IPv4 behind a lease of IPv6");
    for (after, count, message) in
        [("x", 2, "the key is not that of a lease"), ("", 1001, "a page has 1 to 1000 leases, not 1001")]
    {
        let refused = shown.list_bindings(after, count).await.unwrap_err();
        assert_eq!(refused, Error::InvalidArgument(message.into()));
    }
}

#[tokio::test]
async fn bindings_of_the_server_are_signals_of_its_own_and_no_notices() {
    let bus = Bus::start();
    let service = Service::start(&bus);
    let connection = bus.connect().await;
    super::world::ready(&connection, 0).await;
    let _server = server(&service, running(Configured::Tsv(Box::new(tsv()), None)));
    wait_for(&connection, &server_path(), &[dhcp4o6_dbus::SERVER1, TSV1]).await;
    let shown = tsv_proxy(&connection).await;
    let server = Server1Proxy::builder(&connection).destination(BUS_NAME).build().await.unwrap();
    let mut added = shown.receive_binding_added().await.unwrap();
    let mut noticed = server.receive_noticed().await.unwrap();
    let binding = provider::TunnelBinding {
        address: [192, 0, 2, 18].into(),
        agent: "2001:db8:1:1::18".parse().unwrap(),
        until: None,
    };
    for notice in [
        told(Key::Server, provider::Notice::BindingAdded(binding)),
        told(Key::Server, provider::Notice::BindingRemoved(binding)),
        Notice::Provider(Key::Server, provider::Notice::StorageRestored),
    ] {
        service.notices.send(notice).unwrap();
    }
    let signal = soon(added.next()).await.unwrap();
    let args = signal.args().unwrap();
    assert_eq!((args.address, args.agent, args.valid_until), ("192.0.2.18", "2001:db8:1:1::18", NEVER));
    let signal = soon(noticed.next()).await.unwrap();
    assert_eq!(signal.args().unwrap().kind, "storage-restored");
}

/// Members of the signals of an IPv6-transport server and a relay agent that this user hears, where the policy of the
/// package lets `trusted` hear everything.
async fn heard(trusted: u32) -> Vec<String> {
    const POLICY: &str = include_str!("../../../../systemd/org.dhcp4o6.Server.conf");
    let bus = Bus::with_policy(Some(&POLICY.replace("\"root\"", &format!("\"{trusted}\""))));
    let (service, listener) = (bus.connect().await, bus.connect().await);
    // Both speak for the service, as far as the bus knows.
    service.request_name(dhcp4o6_dbus::SERVER_BUS_NAME).await.unwrap();
    let rule = zbus::MatchRule::builder().msg_type(zbus::message::Type::Signal);
    let rule = rule.sender(dhcp4o6_dbus::SERVER_BUS_NAME).build().unwrap();
    let mut signals = zbus::MessageStream::for_match_rule(rule, &listener, None).await.unwrap();
    let at = |path: &str| SignalEmitter::new(&service, path.to_owned()).unwrap();
    let (server, agent) = (at(SERVER_PATH), at(tra_path("one").as_str()));
    Tsv1::binding_added(&server, "192.0.2.18", "2001:db8::18", 7).await.unwrap();
    Tsv1::binding_removed(&server, "192.0.2.18", "2001:db8::18").await.unwrap();
    Tra1::binding_added(&agent, "192.0.2.18", "2001:db8::18", 7).await.unwrap();
    Tra1::binding_removed(&agent, "192.0.2.18", "2001:db8::18").await.unwrap();
    Server1::noticed(&server, "storage-restored", "").await.unwrap();
    let mut heard = Vec::new();
    while heard.last().is_none_or(|member| member != "Noticed") {
        let signal = soon(signals.next()).await.unwrap().unwrap();
        heard.push(signal.header().member().unwrap().to_string());
    }
    heard
}

#[tokio::test]
async fn who_has_which_address_is_not_told_to_everybody() {
    let this = nix::unistd::geteuid().as_raw();
    let all = ["BindingAdded", "BindingRemoved", "BindingAdded", "BindingRemoved", "Noticed"];
    assert_eq!(heard(this).await, all);
    assert_eq!(heard(this + 1).await, ["Noticed"]);
}
