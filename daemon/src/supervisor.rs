//! Which tasks should exist: one for each link that the configuration names and the kernel has. The supervisor
//! watches the namespaces, starts, informs and ends the tasks, and answers the bus. It decides nothing of DHCP.
//!
//! Here is what it waits for; [`links`] has what it does to tasks of links, [`agents`] to those of on-link client relay
//! agents, [`requests`] what the bus asks.

mod agents;
mod links;
mod requests;

use crate::args::Options;
use crate::clock::Suspends;
use crate::config::{Config, LinkConfig, TargetConfig};
use crate::control::{LinkId, LogHandle, ServiceRequest, ServiceStatus};
use crate::namespace::Namespace;
use crate::provider;
use crate::provider::crew::{Crew, Ended};
use crate::rest::{Panics, Rest};
use crate::roster::{Interface, Namespaces};
use crate::shared::Shared;
use crate::systemd;
use crate::task::Ending;
use dhcp4o6_netlink::monitor::{Changes, Monitor};
use dhcp4o6_netlink::netns::{Netns, NetnsWatch};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::status::Status;
use dhcp4o6_protocol::time::{Instant, earliest};
use links::Running;
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinError, JoinSet};

/// Why a namespace is not open when there is no telling; a moment later it may be.
pub const NETLINK_FAILED: &str = "netlink-failed";

/// Why a namespace cannot be opened: a stable name.
pub fn namespace_reason(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "no-such-namespace",
        io::ErrorKind::PermissionDenied => "netns-forbidden",
        _ => NETLINK_FAILED,
    }
}

/// Why the service cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum Fatal {
    /// A thing of the process as a whole cannot be had.
    #[error("cannot {what}: {source}")]
    System {
        /// What was tried.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// There is something wrong with the program.
    #[error("tasks panicked {0} times within a minute")]
    Panics(usize),
    /// A second signal came while the tasks were stopping.
    #[error("stopped before the tasks were")]
    Forced,
}

/// Names what failed.
///
/// # Errors
/// When it did.
pub fn cannot<T>(what: &'static str, result: io::Result<T>) -> Result<T, Fatal> {
    result.map_err(|source| Fatal::System { what, source })
}

/// The service's ends of the channels to the bus.
pub struct BusChannels {
    /// What the bus asks.
    pub requests: mpsc::Receiver<ServiceRequest>,
    /// What the service as a whole shows.
    pub service: watch::Sender<ServiceStatus>,
}

/// The tasks and why they exist.
pub struct Supervisor {
    options: Options,
    log: LogHandle,
    shared: Rc<Shared>,
    bus: BusChannels,
    /// As it was read last.
    loaded: Config,
    /// By the bus, until the service ends.
    added: Vec<LinkConfig>,
    /// By the bus, until the next reload: what they match.
    removed: BTreeSet<String>,
    /// All of it together.
    config: Rc<Config>,
    duid: Option<Duid>,
    namespaces: Namespaces,
    /// While the configuration names namespaces.
    names: Option<NetnsWatch>,
    closed: BTreeMap<Option<String>, Closed>,
    links: BTreeMap<LinkId, Running>,
    /// Which link gives an interface its IPv4.
    claims: BTreeMap<Interface, LinkId>,
    /// A link has no target because another link has it.
    contended: bool,
    /// Whether what is missing may be other than shown.
    unshown: bool,
    resting: BTreeMap<LinkId, Rest>,
    panics: Panics,
    tasks: JoinSet<()>,
    /// The tasks of agents, what they have in common, and the links that know their servers.
    crew: Crew,
    agents: Rc<provider::Shared>,
    upstreams: Vec<watch::Receiver<Arc<Status>>>,
    /// Times the configuration was read again.
    reloads: u64,
    /// Times the machine was asleep.
    resumed: u64,
    /// Links with IPv4 and links, as the service manager knows them.
    counted: (usize, usize),
}

/// A configured namespace that is not open.
struct Closed {
    reason: &'static str,
    /// When to try again; whoever makes a namespace is heard.
    rest: Option<Rest>,
}

/// What wakes the supervisor.
enum Event {
    Kernel(Vec<(Option<String>, io::Result<Changes>)>),
    Namespaces(io::Result<()>),
    TaskEnded(Result<(Id, ()), JoinError>),
    Request(ServiceRequest),
    Hangup,
    Stop,
    Time,
    Shared,
    AgentsEnded(Ended),
    AgentsChanged,
    Upstream,
    Resumed(io::Result<()>),
    Watchdog,
}

impl Supervisor {
    /// A supervisor of nothing yet.
    pub fn new(
        options: Options,
        log: LogHandle,
        config: Config,
        shared: Rc<Shared>,
        agents: Rc<provider::Shared>,
        bus: BusChannels,
    ) -> Self {
        Self {
            options,
            log,
            shared,
            bus,
            config: Rc::new(config.clone()),
            loaded: config,
            added: Vec::new(),
            removed: BTreeSet::new(),
            duid: None,
            namespaces: Namespaces::new(),
            names: None,
            closed: BTreeMap::new(),
            links: BTreeMap::new(),
            claims: BTreeMap::new(),
            contended: false,
            unshown: true,
            resting: BTreeMap::new(),
            panics: Panics::default(),
            tasks: JoinSet::new(),
            crew: Crew::new(Rc::clone(&agents)),
            agents,
            upstreams: Vec::new(),
            reloads: 0,
            resumed: 0,
            counted: (0, 0),
        }
    }

    /// Runs the service until a signal ends it.
    ///
    /// # Errors
    /// When it cannot go on.
    pub async fn run(mut self) -> Result<(), Fatal> {
        let mut hangup = cannot("catch signals", signal(SignalKind::hangup()))?;
        let mut terminate = cannot("catch signals", signal(SignalKind::terminate()))?;
        let mut interrupt = cannot("catch signals", signal(SignalKind::interrupt()))?;
        let mut suspends = cannot("make a timer", Suspends::watch())?;
        let mut watchdog = systemd::alive_interval().map(tokio::time::interval);
        self.show_configuration(Vec::new());
        self.follow_namespaces().await;
        systemd::ready();
        loop {
            self.show();
            let time = self.next_time();
            let monitors = self.namespaces.iter_mut().map(|(name, open)| (name, &mut open.monitor));
            let event = tokio::select! {
                changes = kernel_changes(monitors) => Event::Kernel(changes),
                result = names_changed(&mut self.names) => Event::Namespaces(result),
                Some(ended) = self.tasks.join_next_with_id() => Event::TaskEnded(ended),
                Some(request) = self.bus.requests.recv() => Event::Request(request),
                Some(()) = hangup.recv() => Event::Hangup,
                () = either(&mut terminate, &mut interrupt) => Event::Stop,
                () = self.shared.clock.reached(time) => Event::Time,
                () = self.shared.changed.notified() => Event::Shared,
                ended = self.crew.ended() => Event::AgentsEnded(ended),
                () = self.agents.changed.notified() => Event::AgentsChanged,
                event = agents::told(&mut self.upstreams) => event,
                result = suspends.resumed() => Event::Resumed(result),
                () = tick(&mut watchdog) => Event::Watchdog,
            };
            match event {
                Event::Kernel(changes) => self.on_kernel(changes),
                Event::Namespaces(result) => {
                    cannot("watch network namespaces", result)?;
                    self.follow_namespaces().await;
                }
                Event::TaskEnded(ended) => {
                    self.on_task_ended(ended)?;
                    // It may have known the servers of agents.
                    self.settle_agents();
                }
                Event::Request(request) => self.serve(request).await,
                Event::Hangup => {
                    // Mistakes are logged and shown.
                    let _ = self.reload().await;
                }
                Event::Stop => break,
                Event::Time => self.on_time().await,
                Event::Shared => {}
                Event::AgentsEnded(ended) => self.on_agents_ended(&ended)?,
                Event::AgentsChanged => self.unshown = true,
                Event::Upstream => self.settle_agents(),
                Event::Resumed(result) => {
                    cannot("read a timer", result)?;
                    tracing::info!("the machine was asleep");
                    self.resumed += 1;
                    let resumed = self.resumed;
                    self.order_all(|orders| orders.resumed = resumed);
                }
                Event::Watchdog => systemd::alive(),
            }
        }
        self.stop(terminate, interrupt).await
    }

    /// Ends all tasks in order; a second signal does not wait for them.
    async fn stop(mut self, mut terminate: Signal, mut interrupt: Signal) -> Result<(), Fatal> {
        tracing::info!(links = self.links.len(), "stopping");
        systemd::stopping();
        self.order_all(|orders| orders.ending = Some(Ending::Shutdown));
        self.crew.end();
        while !self.tasks.is_empty() || !self.crew.is_idle() {
            tokio::select! {
                Some(_) = self.tasks.join_next() => {}
                _ = self.crew.ended() => {}
                () = either(&mut terminate, &mut interrupt) => return Err(Fatal::Forced),
            }
        }
        Ok(())
    }

    fn next_time(&self) -> Option<Instant> {
        let closed = self.closed.values().filter_map(|closed| closed.rest);
        let resting =
            self.resting.iter().filter(|(id, _)| !self.links.contains_key(id)).map(|(_, rest)| *rest);
        let retry_at = closed.chain(resting).map(|rest| rest.until).min();
        let retry_at = earliest(retry_at, self.crew.next_time());
        earliest(retry_at, self.shared.storage.borrow().retry_at())
    }

    async fn on_time(&mut self) {
        let due = self.shared.storage.borrow_mut().due();
        due.into_iter().for_each(|(key, record)| self.save(key, record));
        self.follow_namespaces().await;
    }

    /// Makes the open namespaces and the tasks in them those that should be.
    async fn follow_namespaces(&mut self) {
        let opened = self.open_namespaces().await;
        self.settle_all();
        self.settle_agents();
        self.sweep(&opened).await;
    }

    /// Opens the namespaces that the configuration names, and leaves those that are gone or are others now. Tells which
    /// are newly open.
    async fn open_namespaces(&mut self) -> Vec<Option<String>> {
        let mut opened = Vec::new();
        let mut needed = BTreeSet::new();
        for link in &self.config.links {
            needed.insert(link.namespace.clone());
            needed.extend(link.targets().filter_map(TargetConfig::namespace).cloned());
        }
        needed.extend(self.config.lcras.iter().map(|lcra| lcra.namespace.clone()));
        self.watch_names(needed.iter().any(Option::is_some));
        self.namespaces.retain(|name, open| needed.contains(name) && is_still(name, open.access.netns()));
        self.closed.retain(|name, _| needed.contains(name));
        for name in needed {
            if self.namespaces.contains_key(&name) {
                continue;
            }
            match Namespace::open(name.as_deref()).await {
                Ok(namespace) => {
                    tracing::debug!(netns = name, "namespace open");
                    self.closed.remove(&name);
                    self.unshown = true;
                    opened.push(name.clone());
                    self.namespaces.insert(name, namespace);
                }
                Err(error) => self.close(name, &error),
            }
        }
        opened
    }

    /// Other programs mount things all the time: who names no namespace is not to wake up for that.
    fn watch_names(&mut self, needed: bool) {
        if !needed {
            self.names = None;
        } else if self.names.is_none() {
            match NetnsWatch::open() {
                Ok(watch) => self.names = Some(watch),
                Err(error) => tracing::error!(%error, "namespaces that come and go are not noticed"),
            }
        }
    }

    fn close(&mut self, name: Option<String>, error: &io::Error) {
        self.namespaces.remove(&name);
        let reason = namespace_reason(error);
        let before = self.closed.get(&name);
        if before.is_none_or(|before| before.reason != reason) {
            tracing::warn!(netns = name, reason, %error, "namespace not open");
        }
        let rest = Rest::after(before.and_then(|before| before.rest));
        let rest = (error.kind() != io::ErrorKind::NotFound).then_some(rest);
        self.closed.insert(name, Closed { reason, rest });
        self.unshown = true;
    }

    fn on_kernel(&mut self, changes: Vec<(Option<String>, io::Result<Changes>)>) {
        for (name, result) in changes {
            match result {
                Ok(changes) => self.on_changes(&name, &changes),
                Err(error) => self.close(name, &error),
            }
        }
        if !self.config.lcras.is_empty() {
            self.settle_agents();
        }
    }

    fn on_changes(&mut self, name: &Option<String>, changes: &Changes) {
        // Links of this and other namespaces may have their targets here.
        let config = Rc::clone(&self.config);
        let here = |target: &TargetConfig| target.namespace() == Some(name);
        let targeting = config.links.iter().filter(|link| link.targets().any(here));
        let concerned: BTreeSet<_> = targeting.map(|link| &link.namespace).collect();
        if changes.surroundings || concerned.contains(name) {
            self.settle(name, None);
        } else {
            self.settle(name, Some(&changes.links));
        }
        for other in concerned.into_iter().filter(|other| *other != name) {
            self.settle(other, None);
        }
    }
}

/// False if the name is another namespace's by now, or nobody's.
pub fn is_still(name: &Option<String>, open: &Netns) -> bool {
    let Some(name) = name else { return true };
    match Netns::named(name) {
        Ok(netns) => netns.inode() == open.inode(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// All namespaces in which something changed; none of them is served before the others.
pub async fn kernel_changes<'a>(
    monitors: impl Iterator<Item = (&'a Option<String>, &'a mut Monitor)>,
) -> Vec<(Option<String>, io::Result<Changes>)> {
    let mut waits: Vec<_> = monitors.map(|(name, monitor)| (name, Box::pin(monitor.changed()))).collect();
    poll_fn(|cx| {
        let ready = waits.iter_mut().filter_map(|(name, wait)| match wait.as_mut().poll(cx) {
            Poll::Ready(result) => Some((name.clone(), result)),
            Poll::Pending => None,
        });
        let ready: Vec<_> = ready.collect();
        if ready.is_empty() { Poll::Pending } else { Poll::Ready(ready) }
    })
    .await
}

/// Waits until namespaces come or go, if anybody watches.
///
/// # Errors
/// When they cannot be watched any more.
pub async fn names_changed(names: &mut Option<NetnsWatch>) -> io::Result<()> {
    match names {
        Some(names) => names.changed().await,
        None => std::future::pending().await,
    }
}

/// Waits for one of two signals.
pub async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// Waits until it is time, if it ever is.
pub async fn tick(interval: &mut Option<tokio::time::Interval>) {
    match interval {
        Some(interval) => _ = interval.tick().await,
        None => std::future::pending().await,
    }
}
