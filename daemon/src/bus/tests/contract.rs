//! What the bus shows is what the contract says.

use super::super::client::Client1;
use super::super::link::Link1;
use super::super::log_control::LogControl1;
use super::super::manager::Manager1;
use super::super::registry::Registry;
use super::super::relay::Relay1;
use super::super::relay_client::RelayClient1;
use super::super::server::Server1;
use super::super::stage::Dhcp6Stage1;
use super::super::statistics::Statistics1;
use super::super::tra::Tra1;
use super::super::tsv::Tsv1;
use super::world::{NETNS, named};
use crate::control::{AgentHandle, AgentKind, LinkHandle, LinkId, ServerHandle, ServiceStatus};
use crate::mailbox::mailbox;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::{mpsc, watch};
use tracing::level_filters::LevelFilter;
use zbus::object_server::Interface;

/// Compares an interface's introspection with the committed one. With `UPDATE_XML=1` writes that instead.
fn compare<I: Interface>(interface: &I) {
    let mut shown = String::from(
        "<!DOCTYPE node PUBLIC \"-//freedesktop//DTD D-BUS Object Introspection 1.0//EN\"\n \
         \"http://www.freedesktop.org/standards/dbus/1.0/introspect.dtd\">\n<node>\n",
    );
    interface.introspect_to_writer(&mut shown, 2);
    shown.push_str("</node>\n");
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../dbus-interfaces/xml")
        .join(format!("{}.xml", I::name()));
    if std::env::var_os("UPDATE_XML").is_some() {
        std::fs::write(&file, shown).unwrap();
        return;
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(
        shown,
        committed,
        "{} is not what the service shows; if the change is meant, run this test with UPDATE_XML=1",
        file.display()
    );
}

#[test]
fn introspection_is_the_committed_one() {
    let registry = Arc::new(Registry::default());
    let (_, service) = watch::channel(ServiceStatus::default());
    let manager = Manager1 { registry: Arc::clone(&registry), requests: mpsc::channel(1).0, service };
    compare(&manager);
    let (_, status) = watch::channel(Arc::new(named("wan0")));
    let traffic = Arc::default();
    let id = LinkId { netns: NETNS, index: 7 };
    let link = registry.add(LinkHandle { id, namespace: None, commands: mailbox(1).0, status, traffic });
    compare(&Link1(Arc::clone(&link)));
    compare(&Dhcp6Stage1(Arc::clone(&link)));
    compare(&Client1(Arc::clone(&link)));
    compare(&Statistics1::Link(link));
    let (_, status) = watch::channel(Arc::default());
    let work = Arc::default();
    let gate = Arc::clone(registry.gate());
    let requests = mailbox(1).0;
    let handle = ServerHandle { requests, status: status.clone(), work: Arc::clone(&work) };
    let server = Server1 { handle, gate };
    compare(&server);
    compare(&Tsv1(server));
    let agent = |kind, name: &str| AgentHandle {
        kind,
        name: name.to_owned(),
        status: status.clone(),
        work: Arc::clone(&work),
    };
    compare(&Relay1(agent(AgentKind::Relay, "relay1")));
    compare(&Tra1(agent(AgentKind::Tra, "tra1")));
    compare(&RelayClient1::Agent(agent(AgentKind::Lcra, "lcra1")));
    let (_, log) =
        tracing_subscriber::reload::Layer::<_, tracing_subscriber::Registry>::new(LevelFilter::INFO);
    compare(&LogControl1 { log, gate: Arc::clone(registry.gate()) });
}
