//! Which roles should run where: those that the configuration names, in every namespace that there is. The supervisor
//! watches the namespaces, starts, informs and ends their tasks, and answers the bus. It decides nothing of DHCP.
//!
//! Here is what it waits for; [`roles`] has what it does to tasks, [`requests`] what the bus asks.

mod requests;
mod roles;

use super::crew::{Crew, Ended};
use super::{Key, Shared};
use crate::args::Options;
use crate::config::{Config, RelayConfig, ServerConfig, TraConfig};
use crate::control::{LogHandle, ServiceRequest};
use crate::rest::{Panics, Rest};
use crate::store::{BootClock, Store};
use crate::supervisor::{
    BusChannels, Fatal, NETLINK_FAILED, cannot, either, is_still, kernel_changes, names_changed,
    namespace_reason, tick,
};
use crate::systemd;
use dhcp4o6_netlink::monitor::{Changes, Monitor};
use dhcp4o6_netlink::netns::{Netns, NetnsWatch};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::time::{Instant, earliest};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::rc::Rc;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The tasks and why they exist.
pub struct Supervisor {
    options: Options,
    log: LogHandle,
    shared: Rc<Shared>,
    bus: BusChannels,
    config: Config,
    /// Of the configuration, shared with the tasks.
    server: Option<Rc<ServerConfig>>,
    relays: Vec<Rc<RelayConfig>>,
    tras: Vec<Rc<TraConfig>>,
    /// Times the configuration was read again.
    reloads: u64,
    state_dir: PathBuf,
    boot: BootClock,
    store: Store,
    duid: Option<Duid>,
    /// The open namespaces by name; `None` is the service's own.
    namespaces: BTreeMap<Option<String>, Monitor>,
    /// While the configuration names namespaces.
    names: Option<NetnsWatch>,
    closed: BTreeMap<Option<String>, Closed>,
    crew: Crew,
    /// When everything was last made as it should be.
    settled_at: Instant,
    panics: Panics,
    /// The leases could not be had: why, and when to try again.
    unserved: Option<Closed>,
    /// What the service manager was told.
    told: String,
}

/// What cannot be had.
struct Closed {
    reason: &'static str,
    /// When to try again; whoever makes a namespace is heard.
    rest: Option<Rest>,
}

/// What wakes the supervisor.
enum Event {
    Kernel(Vec<(Option<String>, io::Result<Changes>)>),
    Namespaces(io::Result<()>),
    TaskEnded(Ended),
    Request(ServiceRequest),
    Hangup,
    Stop,
    Time,
    Shared,
    Watchdog,
}

impl Supervisor {
    /// A supervisor of nothing yet, that keeps everything in `state_dir`.
    pub fn new(
        options: Options,
        log: LogHandle,
        config: Config,
        state_dir: PathBuf,
        boot: BootClock,
        shared: Rc<Shared>,
        bus: BusChannels,
    ) -> Self {
        Self {
            store: Store::open(&state_dir, boot.clone()),
            crew: Crew::new(Rc::clone(&shared)),
            options,
            log,
            shared,
            bus,
            server: config.server.clone().map(Rc::new),
            relays: config.relays.iter().cloned().map(Rc::new).collect(),
            tras: config.tras.iter().cloned().map(Rc::new).collect(),
            config,
            reloads: 0,
            state_dir,
            boot,
            duid: None,
            namespaces: BTreeMap::new(),
            names: None,
            closed: BTreeMap::new(),
            settled_at: Instant::BOOT,
            panics: Panics::default(),
            unserved: None,
            told: String::new(),
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
        let mut watchdog = systemd::alive_interval().map(tokio::time::interval);
        self.show_configuration(Vec::new());
        self.follow_namespaces().await;
        systemd::ready();
        loop {
            self.show();
            let time = self.next_time();
            let event = tokio::select! {
                changes = kernel_changes(self.namespaces.iter_mut()) => Event::Kernel(changes),
                result = names_changed(&mut self.names) => Event::Namespaces(result),
                ended = self.crew.ended() => Event::TaskEnded(ended),
                Some(request) = self.bus.requests.recv() => Event::Request(request),
                Some(()) = hangup.recv() => Event::Hangup,
                () = either(&mut terminate, &mut interrupt) => Event::Stop,
                () = self.shared.clock.reached(time) => Event::Time,
                () = self.shared.changed.notified() => Event::Shared,
                () = tick(&mut watchdog) => Event::Watchdog,
            };
            match event {
                Event::Kernel(changes) => self.on_kernel(changes),
                Event::Namespaces(result) => {
                    cannot("watch network namespaces", result)?;
                    self.follow_namespaces().await;
                }
                Event::TaskEnded(ended) => self.on_task_ended(ended)?,
                Event::Request(request) => self.serve(request).await,
                Event::Hangup => {
                    // Mistakes are logged and shown.
                    let _ = self.reload().await;
                }
                Event::Stop => break,
                Event::Time => self.follow_namespaces().await,
                Event::Shared => self.keep_duid(),
                Event::Watchdog => systemd::alive(),
            }
        }
        self.stop(terminate, interrupt).await
    }

    /// Ends all tasks in order; a second signal does not wait for them.
    async fn stop(mut self, mut terminate: Signal, mut interrupt: Signal) -> Result<(), Fatal> {
        tracing::info!("stopping");
        systemd::stopping();
        self.crew.end();
        while !self.crew.is_idle() {
            tokio::select! {
                _ = self.crew.ended() => {}
                () = either(&mut terminate, &mut interrupt) => return Err(Fatal::Forced),
            }
        }
        Ok(())
    }

    /// A disk that takes leases takes the DUID, which it may not have when that was made.
    fn keep_duid(&mut self) {
        let stores = self.shared.statuses().get(&Key::Server).is_some_and(|status| status.state == "running");
        if stores && let Err(error) = self.store.keep_duid() {
            tracing::warn!(%error, "the DUID could not be stored");
        }
    }

    /// What was over when all was settled last has had its try.
    fn next_time(&self) -> Option<Instant> {
        let closed = self.closed.values().chain(&self.unserved).filter_map(|closed| closed.rest);
        let closed = closed.map(|rest| rest.until).filter(|until| *until > self.settled_at).min();
        earliest(closed, self.crew.next_time())
    }

    /// Makes the open namespaces and the tasks in them those that should be.
    async fn follow_namespaces(&mut self) {
        self.open_namespaces().await;
        self.settle();
    }

    /// Opens the namespaces that the configuration names, and leaves those that are gone or are others now.
    async fn open_namespaces(&mut self) {
        let server = self.config.server.iter().map(|server| server.namespace.clone());
        let relays = self.config.relays.iter().map(|relay| relay.namespace.clone());
        let tras = self.config.tras.iter().map(|tra| tra.namespace.clone());
        let needed: BTreeSet<_> = server.chain(relays).chain(tras).collect();
        self.watch_names(needed.iter().any(Option::is_some));
        self.namespaces.retain(|name, monitor| needed.contains(name) && is_still(name, monitor.netns()));
        self.closed.retain(|name, _| needed.contains(name));
        for name in needed {
            if self.namespaces.contains_key(&name) {
                continue;
            }
            match open(name.as_deref()).await {
                Ok(monitor) => {
                    self.closed.remove(&name);
                    self.namespaces.insert(name, monitor);
                }
                Err(error) => self.close(name, &error),
            }
        }
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
    }

    fn on_kernel(&mut self, changes: Vec<(Option<String>, io::Result<Changes>)>) {
        let mut concerned = false;
        for (name, result) in changes {
            match result {
                Ok(changes) => concerned |= !changes.links.is_empty(),
                Err(error) => {
                    self.close(name, &error);
                    concerned = true;
                }
            }
        }
        if concerned {
            self.settle();
        }
    }
}

/// Opens the namespace with this name, or the service's own, and looks what is in it.
async fn open(name: Option<&str>) -> io::Result<Monitor> {
    let netns = match name {
        Some(name) => Netns::named(name)?,
        None => Netns::current()?,
    };
    Monitor::open(&netns).await
}
