//! A private bus, a service on it, and links that the test plays.

use super::super::{BusAddress, serve};
use crate::control::{
    LinkHandle, LinkId, LinkRequest, LogHandle, Notice, ServiceRequest, ServiceStatus, TrafficMeter,
};
use crate::mailbox::{self, mailbox};
use dhcp4o6_dbus::{BUS_NAME, Link1Proxy, Manager1Proxy, link_path};
use dhcp4o6_protocol::status::Status;
use std::future::Future;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::reload;
use zbus::Connection;
use zbus::proxy::CacheProperties;

/// The namespace of every link here.
pub(super) const NETNS: u64 = 4_026_531_840;

/// A `dbus-daemon` with a policy that forbids nothing, so that only the service's own rules are seen.
pub(super) struct Bus {
    directory: PathBuf,
    daemon: Child,
}

impl Bus {
    pub(super) fn start() -> Self {
        Self::with_policy(None)
    }

    /// Besides forbidding nothing, it obeys the policy of this text.
    pub(super) fn with_policy(policy: Option<&str>) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("dhcp4o6-bus-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let config = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
                "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
              <listen>unix:path={}/bus</listen><auth>EXTERNAL</auth>
              <policy context="default"><allow user="*"/><allow own="*"/>
                <allow send_destination="*"/><allow receive_sender="*"/></policy>
              {}
            </busconfig>"#,
            directory.display(),
            policy.map(|_| "<include>policy.conf</include>").unwrap_or_default()
        );
        if let Some(policy) = policy {
            std::fs::write(directory.join("policy.conf"), policy).unwrap();
        }
        std::fs::write(directory.join("config.xml"), config).unwrap();
        let daemon = Self::spawn(&directory);
        Self { directory, daemon }
    }

    fn spawn(directory: &std::path::Path) -> Child {
        let mut daemon = Command::new("dbus-daemon")
            .arg(format!("--config-file={}/config.xml", directory.display()))
            .args(["--print-address", "--nofork", "--nopidfile"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need dbus-daemon");
        let mut address = String::new();
        BufReader::new(daemon.stdout.take().unwrap()).read_line(&mut address).unwrap();
        assert!(address.starts_with("unix:path="), "{address:?}");
        daemon
    }

    pub(super) fn kill(&mut self) {
        self.daemon.kill().unwrap();
        self.daemon.wait().unwrap();
        let _ = std::fs::remove_file(self.directory.join("bus"));
    }

    pub(super) fn restart(&mut self) {
        self.daemon = Self::spawn(&self.directory);
    }

    pub(super) fn address(&self) -> BusAddress {
        BusAddress::At(format!("unix:path={}/bus", self.directory.display()))
    }

    pub(super) async fn connect(&self) -> Connection {
        soon(self.address().connection().unwrap().build()).await.unwrap()
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

/// Fails the test instead of hanging it.
pub(super) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what).await.expect("waited 20 seconds in vain")
}

/// The supervisor's ends of the channels.
pub(super) struct Service {
    pub(super) notices: mpsc::UnboundedSender<Notice>,
    pub(super) requests: mpsc::Receiver<ServiceRequest>,
    pub(super) status: watch::Sender<ServiceStatus>,
    pub(super) serving: tokio::task::JoinHandle<()>,
    /// Keeps the other end of the log handle alive.
    _filter: reload::Layer<LevelFilter, tracing_subscriber::Registry>,
    pub(super) log: LogHandle,
}

impl Service {
    pub(super) fn start(bus: &Bus) -> Self {
        let (notices, notices_end) = mpsc::unbounded_channel();
        let (requests_end, requests) = mpsc::channel(4);
        let storage = ServiceStatus { storage: "ok", duid: vec![0, 4, 7], ..ServiceStatus::default() };
        let (status, status_end) = watch::channel(storage);
        let (filter, log) = reload::Layer::new(LevelFilter::INFO);
        let serving =
            tokio::spawn(serve(bus.address(), BUS_NAME, notices_end, requests_end, status_end, log.clone()));
        Self { notices, requests, status, serving, _filter: filter, log }
    }

    /// Adds a link, with room for one request.
    pub(super) fn add(&self, index: u32, status: Status) -> Link {
        let id = LinkId { netns: NETNS, index };
        let (commands_end, commands) = mailbox(1);
        let (status, status_end) = watch::channel(Arc::new(status));
        let traffic = Arc::new(TrafficMeter::default());
        let handle = LinkHandle {
            id,
            namespace: None,
            commands: commands_end,
            status: status_end,
            traffic: Arc::clone(&traffic),
        };
        self.notices.send(Notice::Added(handle)).unwrap();
        Link { id, commands, status, traffic }
    }
}

/// A link task's ends of the channels.
pub(super) struct Link {
    pub(super) id: LinkId,
    pub(super) commands: mailbox::Receiver<LinkRequest>,
    pub(super) status: watch::Sender<Arc<Status>>,
    pub(super) traffic: Arc<TrafficMeter>,
}

impl Link {
    pub(super) fn publish(&self, change: impl FnOnce(&mut Status)) {
        self.status.send_modify(|status| change(Arc::make_mut(status)));
    }
}

/// A status of a link of that name.
pub(super) fn named(name: &str) -> Status {
    let mut status = Status::default();
    let facts = Arc::make_mut(&mut status.facts);
    facts.name = name.to_owned();
    facts.index = 7;
    status
}

pub(super) async fn manager(connection: &Connection) -> Manager1Proxy<'static> {
    Manager1Proxy::builder(connection).cache_properties(CacheProperties::No).build().await.unwrap()
}

pub(super) async fn link(connection: &Connection, index: u32) -> Link1Proxy<'static> {
    Link1Proxy::builder(connection)
        .path(link_path(NETNS, index))
        .cache_properties(CacheProperties::No)
        .build()
        .await
        .unwrap()
}

/// Waits until the service has its name and shows `count` links.
pub(super) async fn ready(connection: &Connection, count: usize) -> Manager1Proxy<'static> {
    let manager = manager(connection).await;
    soon(async {
        while manager.list_links().await.map_or(usize::MAX, |links| links.len()) != count {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
    manager
}
