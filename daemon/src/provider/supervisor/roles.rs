//! Starting, informing and ending the tasks of namespaces.

use super::{Closed, NETLINK_FAILED, Supervisor};
use crate::clock::now;
use crate::config::{RelayConfig, ServerConfig};
use crate::control::{AgentHandle, AgentKind, Configured, Notice, ProviderStatus, ServerHandle, WorkMeter};
use crate::identity;
use crate::leases::{Leases, LeasesError};
use crate::mailbox::mailbox;
use crate::provider::journal::Journal;
use crate::provider::task::{Orders, Task};
use crate::provider::{Key, engine, interfaces_of};
use crate::rest::Rest;
use crate::supervisor::Fatal;
use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::ids::{Duid, HardwareAddress};
use dhcp4o6_protocol::provider::Interface;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{Id, JoinError};

/// Records between two looks at the clock.
const LOOK: u64 = 4_096;
/// How often the progress of reading many leases is told.
const TELL: Duration = Duration::from_secs(1);

/// A task, and what of it cannot change while it runs.
pub(super) struct Running {
    task: Id,
    orders: watch::Sender<Orders>,
    founded: Option<Founded>,
}

/// What a server is made of besides its settings.
#[derive(Clone, PartialEq)]
struct Founded {
    duid: Duid,
    /// As configured.
    secret: Option<[u8; 16]>,
}

impl Running {
    /// The task is to end, in its own time.
    pub(super) fn end(&self) {
        self.orders.send_if_modified(|orders| !std::mem::replace(&mut orders.ending, true));
    }

    fn inform(&self, told: Orders) {
        self.orders.send_if_modified(|orders| {
            let told = Orders { ending: orders.ending, ..told };
            let is_news = *orders != told;
            *orders = told;
            is_news
        });
    }

    fn has(&self, key: &Key) -> bool {
        let orders = self.orders.borrow();
        match key {
            Key::Server => orders.server.is_some(),
            Key::Agent(AgentKind::Relay, name) => orders.relays.iter().any(|relay| relay.name == *name),
            Key::Agent(AgentKind::Tra | AgentKind::Lcra, _) => false,
        }
    }
}

/// What a namespace should have.
struct Wanted {
    netns: Netns,
    orders: Orders,
    /// Of the first interface that the server serves.
    hardware: HardwareAddress,
}

impl Supervisor {
    /// Makes the tasks those that should exist, and tells them what is so.
    pub(super) fn settle(&mut self) {
        self.settled_at = now();
        self.name_relays();
        let wanted = self.wanted();
        let kept = self.unseen();
        for (inode, running) in &self.running {
            match wanted.get(inode) {
                Some(wanted) if self.is_as_founded(running, wanted) => {
                    running.inform(wanted.orders.clone());
                }
                None if kept.contains(inode) => {}
                _ => running.end(),
            }
        }
        for (inode, wanted) in wanted {
            let taken = wanted.orders.server.is_some() && self.running.values().any(|r| r.founded.is_some());
            if !self.running.contains_key(&inode) && !self.rests(inode) && !taken {
                self.start(inode, wanted);
            }
        }
        let (running, now) = (&self.running, self.settled_at);
        self.resting.retain(|inode, rest| rest.until > now || running.contains_key(inode));
        self.show_absent();
    }

    /// A task panicked there, and it is not time to try again.
    fn rests(&self, inode: u64) -> bool {
        self.resting.get(&inode).is_some_and(|rest| rest.until > self.settled_at)
    }

    /// Why the leases cannot be had, until it is time to try again.
    fn unserved(&self) -> Option<&Closed> {
        let rests = |closed: &&Closed| closed.rest.is_some_and(|rest| rest.until > self.settled_at);
        self.unserved.as_ref().filter(rests)
    }

    /// Tells relay agents that name themselves the DUID; the first interface that has clients may give its address to
    /// it.
    fn name_relays(&mut self) {
        let nameless = |relay: &&Rc<RelayConfig>| relay.own_relay_id && relay.settings.relay_id.is_none();
        let here = self.relays.iter().filter(nameless).filter_map(|relay| {
            let monitor = self.namespaces.get(&relay.namespace)?;
            Some(hardware(monitor, &interfaces_of(&relay.settings)))
        });
        let Some(address) = here.reduce(|one, other| if one.octets.is_empty() { other } else { one }) else {
            return;
        };
        match self.duid_for(&address) {
            Ok(duid) => self.rename_relays(&duid),
            Err(error) => tracing::error!(%error, "no random numbers"),
        }
    }

    /// From now on this is the DUID.
    pub(super) fn rename_relays(&mut self, duid: &Duid) {
        for relay in self.relays.iter_mut().filter(|relay| relay.own_relay_id) {
            let settings = relay.settings_with(duid);
            Rc::make_mut(relay).settings = settings;
        }
    }

    /// What each open namespace should have, by inode: two names may be one namespace.
    fn wanted(&self) -> BTreeMap<u64, Wanted> {
        let mut wanted = BTreeMap::<u64, Wanted>::new();
        for (name, monitor) in &self.namespaces {
            let here = |namespace: &Option<String>| namespace == name;
            let server = self.server.as_ref().filter(|server| here(&server.namespace));
            let server = server.filter(|_| self.unserved().is_none());
            let relays = self.relays.iter().filter(|relay| here(&relay.namespace));
            let relays: Vec<_> = relays.cloned().collect();
            if server.is_none() && relays.is_empty() {
                continue;
            }
            let names = names_of(server, &relays);
            let netns = monitor.netns();
            let place = wanted.entry(netns.inode()).or_insert_with(|| Wanted {
                netns: netns.clone(),
                orders: Orders { reloads: self.reloads, ..Orders::default() },
                hardware: HardwareAddress::default(),
            });
            for interface in interfaces(monitor, &names) {
                if !place.orders.interfaces.contains(&interface) {
                    place.orders.interfaces.push(interface);
                }
            }
            place.orders.relays.extend(relays);
            if let Some(server) = server {
                place.hardware = hardware(monitor, &server.interfaces);
                place.orders.server = Some(Rc::clone(server));
            }
        }
        wanted
    }

    /// Namespaces that netlink does not show now. Not to see one for a while does not mean that it is gone.
    fn unseen(&self) -> BTreeSet<u64> {
        let failed = self.closed.iter().filter(|(_, closed)| closed.reason == NETLINK_FAILED);
        let inode = |name: &Option<String>| match name {
            Some(name) => Netns::named(name),
            None => Netns::current(),
        };
        failed.filter_map(|(name, _)| Some(inode(name).ok()?.inode())).collect()
    }

    /// The task can go on: whatever else changed, it can take up.
    fn is_as_founded(&self, running: &Running, wanted: &Wanted) -> bool {
        match (&running.founded, &wanted.orders.server) {
            (None, None) => true,
            (Some(founded), Some(config)) => {
                founded.secret == config.secret && self.duid.as_ref() == Some(&founded.duid)
            }
            _ => false,
        }
    }

    fn start(&mut self, inode: u64, wanted: Wanted) {
        let Wanted { netns, mut orders, hardware } = wanted;
        let mut founded = None;
        let mut server = None;
        if let Some(config) = orders.server.clone() {
            match self.found(&config, &hardware) {
                Ok((by, role, journal)) => {
                    self.unserved = None;
                    founded = Some(by);
                    server = Some((role, journal));
                }
                Err(reason) => {
                    let before = self.unserved.take().and_then(|closed| closed.rest);
                    self.unserved = Some(Closed { reason, rest: Some(Rest::after(before)) });
                    orders.server = None;
                    if orders.relays.is_empty() {
                        return;
                    }
                }
            }
        }
        let (orders, task_orders) = watch::channel(orders);
        let mut task = Box::new(Task::begin(Rc::clone(&self.shared), netns, task_orders, server));
        let task = self.tasks.spawn_local(async move { task.run().await }).id();
        self.running.insert(inode, Running { task, orders, founded });
    }

    /// A server with its leases, ready to serve.
    fn found(
        &mut self,
        config: &ServerConfig,
        hardware: &HardwareAddress,
    ) -> Result<(Founded, Server, Journal), &'static str> {
        let no_chance = |error| {
            tracing::error!(%error, "no random numbers");
            "no-random-numbers"
        };
        let seed = identity::seed().map_err(no_chance)?;
        let duid = self.duid_for(hardware).map_err(no_chance)?;
        let secret = match config.secret {
            Some(secret) => secret,
            None => {
                let new = identity::seed().map_err(no_chance)?;
                self.store.secret(|| *new.first_chunk().unwrap_or(&[0; 16]))
            }
        };
        let founded = Founded { duid: duid.clone(), secret: config.secret };
        let mut server = Server::new(config.settings.clone(), duid, secret, seed);
        let mut progress = Progress { records: 0, told_at: now() };
        let opened = Leases::open(&self.state_dir, self.boot.clone(), &mut |record| {
            server.load(&record);
            progress.one_more();
        });
        match opened {
            Ok((leases, loaded)) => {
                tracing::info!(
                    records = loaded.records,
                    bad = loaded.bad,
                    octets = loaded.octets,
                    seconds = loaded.seconds,
                    "leases read"
                );
                Ok((founded, server, Journal::new(leases)))
            }
            Err(error) => {
                tracing::error!(%error, "the leases cannot be used");
                Err(match error {
                    LeasesError::InUse(_) => "leases-in-use",
                    LeasesError::Thread(_) => "no-thread",
                })
            }
        }
    }

    /// The DUID; the interface that the server serves may give its address to it.
    fn duid_for(&mut self, hardware: &HardwareAddress) -> std::io::Result<Duid> {
        if let Some(duid) = &self.duid {
            return Ok(duid.clone());
        }
        let new = identity::duid(&self.config.duid, hardware)?;
        let duid = self.store.duid(|| new);
        tracing::info!(%duid, "DUID");
        self.duid = Some(duid.clone());
        Ok(duid)
    }

    /// A task has ended, as ordered or by a panic.
    pub(super) fn on_task_ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), Fatal> {
        let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(inode) =
            self.running.iter().find(|(_, running)| running.task == task).map(|(inode, _)| *inode)
        else {
            return Ok(());
        };
        self.running.remove(&inode);
        if ended.is_err() {
            self.panics.one_more()?;
            let rest = Rest::after(self.resting.get(&inode).copied());
            tracing::error!(pause = rest.pause.as_secs(), "a task panicked; its roles start again");
            self.resting.insert(inode, rest);
        }
        self.settle();
        Ok(())
    }

    /// Shows the roles that do not run, and forgets those that are not configured any more.
    fn show_absent(&mut self) {
        let server = self.server.iter().map(|_| Key::Server);
        let relays = self.relays.iter().map(|relay| Key::Agent(AgentKind::Relay, relay.name.clone()));
        let configured: BTreeSet<Key> = server.chain(relays).collect();
        for gone in self.shown.difference(&configured).cloned().collect::<Vec<_>>() {
            self.shown.remove(&gone);
            self.absent.remove(&gone);
            self.shared.forget(&gone);
            self.shared.tell(match gone {
                Key::Server => Notice::ServerGone,
                Key::Agent(kind, name) => Notice::AgentGone(kind, name),
            });
        }
        for key in configured {
            self.shown.insert(key.clone());
            if self.running.values().any(|running| running.has(&key)) {
                self.absent.remove(&key);
            } else {
                let status = Arc::new(self.absence(&key));
                self.shared.note(&key, &status);
                let shown = self.absent.entry(key.clone()).or_insert_with(|| {
                    let (sender, shown) = watch::channel(Arc::clone(&status));
                    self.shared.tell(introduction(&key, shown));
                    sender
                });
                shown.send_if_modified(|shown| std::mem::replace(shown, Arc::clone(&status)) != status);
            }
        }
    }

    /// Why a role does not run.
    fn absence(&self, key: &Key) -> ProviderStatus {
        let relay = |name: &String| self.relays.iter().find(|relay| relay.name == *name);
        let (namespace, wanted, storage, engine) = match (key, &self.server) {
            (Key::Server, Some(config)) => {
                (config.namespace.clone(), config.interfaces.clone(), "ok", engine(config))
            }
            (Key::Server, None) => Default::default(),
            (Key::Agent(_, name), _) => relay(name).map_or_else(Default::default, |config| {
                (config.namespace.clone(), interfaces_of(&config.settings), "", "")
            }),
        };
        let configured = match (key, &self.server) {
            (Key::Server, Some(config)) => Configured::from(&config.settings),
            _ => Configured::Nothing,
        };
        let unserved = self.unserved().filter(|_| *key == Key::Server);
        let inode = self.namespaces.get(&namespace).map(|monitor| monitor.netns().inode());
        let (state, reason) = match (self.closed.get(&namespace).or(unserved), inode) {
            (Some(closed), _) => ("failed", closed.reason),
            (None, Some(inode)) if self.rests(inode) => ("failed", "panicked"),
            (None, _) => ("starting", ""),
        };
        let missing = if inode.is_none() { wanted } else { Vec::new() };
        let namespace = namespace.unwrap_or_default();
        ProviderStatus {
            state,
            reason,
            namespace,
            interfaces: Vec::new(),
            missing,
            storage,
            engine,
            configured,
            ..Default::default()
        }
    }
}

/// The handle of a role that does not run: nobody answers requests.
fn introduction(key: &Key, status: watch::Receiver<Arc<ProviderStatus>>) -> Notice {
    let work = Arc::<WorkMeter>::default();
    match key {
        Key::Server => Notice::Server(ServerHandle { requests: mailbox(1).0, status, work }),
        Key::Agent(kind, name) => {
            Notice::Agent(AgentHandle { kind: *kind, name: name.clone(), status, work })
        }
    }
}

fn names_of(server: Option<&Rc<ServerConfig>>, relays: &[Rc<RelayConfig>]) -> BTreeSet<String> {
    let served = server.into_iter().flat_map(|server| server.interfaces.iter().cloned());
    served.chain(relays.iter().flat_map(|relay| interfaces_of(&relay.settings))).collect()
}

/// The interfaces of these names, or alternative names, in the order of their indexes.
fn interfaces(monitor: &Monitor, names: &BTreeSet<String>) -> Vec<Interface> {
    let mut found = Vec::new();
    for link in monitor.links() {
        let its_names = std::iter::once(&link.name).chain(&link.alt_names);
        for name in its_names.filter(|name| names.contains(*name)) {
            let usable = monitor.addresses6(link.index).into_iter().filter(|address| address.usable());
            found.push(Interface {
                index: link.index,
                name: name.clone(),
                running: link.up() && link.carrier(),
                addresses: usable.map(|address| address.address).collect(),
                hardware: link.hardware.clone(),
                ..Interface::default()
            });
        }
    }
    found
}

/// The address of the first of these interfaces that has one.
fn hardware(monitor: &Monitor, names: &[String]) -> HardwareAddress {
    let link =
        |name: &String| monitor.links().find(|link| link.name == *name || link.alt_names.contains(name));
    let mut addresses = names.iter().filter_map(link).map(|link| &link.hardware);
    addresses.find(|address| !address.octets.is_empty()).cloned().unwrap_or_default()
}

/// How many records were read.
struct Progress {
    records: u64,
    told_at: Instant,
}

impl Progress {
    fn one_more(&mut self) {
        self.records += 1;
        if self.records.is_multiple_of(LOOK) && now().since(self.told_at) >= TELL {
            self.told_at = now();
            tracing::info!(records = self.records, "reading leases");
        }
    }
}
