//! The tasks of namespaces: started, informed and ended as their supervisor says, which may be the provider's or the
//! subscriber's. Roles that do not run for want of a task are shown all the same.

use super::agent::Agent;
use super::journal::Journal;
use super::task::{Orders, Task};
use super::{Key, Shared};
use crate::clock::now;
use crate::control::{AgentHandle, Notice, ProviderStatus, ServerHandle, WorkMeter};
use crate::mailbox::mailbox;
use crate::rest::Rest;
use dhcp4o6_netlink::monitor::Monitor;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::facts::Address6;
use dhcp4o6_protocol::ids::{Duid, HardwareAddress};
use dhcp4o6_protocol::provider::Interface;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::Instant;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{Id, JoinError, JoinSet};

/// What a server is made of besides its settings: with something else it begins anew.
#[derive(Clone, PartialEq)]
pub struct Founded {
    /// Its identity.
    pub duid: Duid,
    /// As configured.
    pub secret: Option<[u8; 16]>,
}

/// What a namespace should have.
pub struct Place {
    /// The namespace.
    pub netns: Netns,
    /// What its task is told.
    pub orders: Orders,
    /// Of the server, if there is to be one.
    pub founded: Option<Founded>,
}

/// A task, and what of it cannot change while it runs.
struct Running {
    task: Id,
    orders: watch::Sender<Orders>,
    founded: Option<Founded>,
}

impl Running {
    /// The task is to end, in its own time.
    fn end(&self) {
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
            key => orders.agents.iter().any(|agent| agent.key() == *key),
        }
    }
}

/// How a task has ended.
pub enum Ended {
    /// As ordered.
    AsOrdered,
    /// By a panic: it rests before it starts again.
    Panicked,
}

/// The tasks of all namespaces.
pub struct Crew {
    shared: Rc<Shared>,
    /// By inode of the namespace.
    running: BTreeMap<u64, Running>,
    tasks: JoinSet<()>,
    /// After panics.
    resting: BTreeMap<u64, Rest>,
    /// When everything was last made as it should be.
    settled_at: Instant,
    /// Roles that do not run, as shown.
    absent: BTreeMap<Key, watch::Sender<Arc<ProviderStatus>>>,
    /// Every role that the bus knows.
    shown: BTreeSet<Key>,
}

impl Crew {
    /// No task yet.
    pub fn new(shared: Rc<Shared>) -> Self {
        Self {
            shared,
            running: BTreeMap::new(),
            tasks: JoinSet::new(),
            resting: BTreeMap::new(),
            settled_at: Instant::BOOT,
            absent: BTreeMap::new(),
            shown: BTreeSet::new(),
        }
    }

    /// Tells the tasks what is so, ends those that should not be, and says where one is missing that can start. `places`
    /// and `kept` are inodes of namespaces; those `kept` are left as they are.
    pub fn settle(&mut self, places: &BTreeMap<u64, Place>, kept: &BTreeSet<u64>) -> Vec<u64> {
        self.settled_at = now();
        for (inode, running) in &self.running {
            match places.get(inode) {
                // Whatever else changed, it can take up.
                Some(place) if running.founded == place.founded => running.inform(place.orders.clone()),
                None if kept.contains(inode) => {}
                _ => running.end(),
            }
        }
        let (running, now) = (&self.running, self.settled_at);
        // The leases are those of one task at a time.
        let served = running.values().any(|running| running.founded.is_some());
        let missing = places.iter().filter(|(inode, place)| {
            let waits = self.rests(**inode) || (served && place.founded.is_some());
            !running.contains_key(inode) && !waits
        });
        let missing = missing.map(|(inode, _)| *inode).collect();
        self.resting.retain(|inode, rest| rest.until > now || running.contains_key(inode));
        missing
    }

    /// Starts the task of a namespace; `server` is one that has read its leases, and its journal.
    pub fn start(&mut self, inode: u64, place: Place, server: Option<(Server, Journal)>) {
        let Place { netns, orders, founded } = place;
        let (orders, task_orders) = watch::channel(orders);
        let mut task = Box::new(Task::begin(Rc::clone(&self.shared), netns, task_orders, server));
        let task = self.tasks.spawn_local(async move { task.run().await }).id();
        self.running.insert(inode, Running { task, orders, founded });
    }

    /// All tasks are to end, in their own time.
    pub fn end(&self) {
        self.running.values().for_each(Running::end);
    }

    /// Waits until a task has ended; for ever when there is none.
    pub async fn ended(&mut self) -> Ended {
        let Some(ended) = self.tasks.join_next_with_id().await else { return std::future::pending().await };
        let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let inode = self.running.iter().find(|(_, running)| running.task == task).map(|(inode, _)| *inode);
        let Some(inode) = inode else { return Ended::AsOrdered };
        self.running.remove(&inode);
        if ended.is_ok() {
            return Ended::AsOrdered;
        }
        let rest = Rest::after(self.resting.get(&inode).copied());
        tracing::error!(pause = rest.pause.as_secs(), "a task panicked; its roles start again");
        self.resting.insert(inode, rest);
        Ended::Panicked
    }

    /// No task is left.
    pub fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// When there is something to settle though nothing happens. What was over when all was settled has had its try.
    pub fn next_time(&self) -> Option<Instant> {
        self.resting.values().map(|rest| rest.until).filter(|until| *until > self.settled_at).min()
    }

    /// A task panicked there, and it is not time to try again.
    fn rests(&self, inode: u64) -> bool {
        self.resting.get(&inode).is_some_and(|rest| rest.until > self.settled_at)
    }

    /// How a role is in a namespace where it does not run; `None` if it does. `closed` is why the namespace or the role
    /// cannot be had, `inode` of the namespace when it is open, and `wanted` the interfaces of the role.
    pub fn absence(
        &self,
        key: &Key,
        namespace: &Option<String>,
        closed: Option<&'static str>,
        inode: Option<u64>,
        wanted: Vec<String>,
    ) -> Option<ProviderStatus> {
        if self.running.values().any(|running| running.has(key)) {
            return None;
        }
        let (state, reason) = match (closed, inode) {
            (Some(reason), _) => ("failed", reason),
            (None, Some(inode)) if self.rests(inode) => ("failed", "panicked"),
            (None, _) => ("starting", ""),
        };
        Some(ProviderStatus {
            state,
            reason,
            namespace: namespace.clone().unwrap_or_default(),
            missing: if inode.is_none() { wanted } else { Vec::new() },
            ..Default::default()
        })
    }

    /// The same of an agent.
    pub fn absence_of_agent(
        &self,
        agent: &Agent,
        closed: Option<&'static str>,
        inode: Option<u64>,
    ) -> Option<ProviderStatus> {
        let status = self.absence(&agent.key(), agent.namespace(), closed, inode, agent.interfaces())?;
        Some(ProviderStatus { configured: agent.configured(), ..status })
    }

    /// Shows the roles that do not run as they are, and forgets those that are not configured any more. `configured` are
    /// all, with the [`Crew::absence`] of each.
    pub fn show_absent(&mut self, configured: BTreeMap<Key, Option<ProviderStatus>>) {
        let gone: Vec<_> = self.shown.iter().filter(|key| !configured.contains_key(key)).cloned().collect();
        for key in gone {
            self.shown.remove(&key);
            self.absent.remove(&key);
            self.shared.forget(&key);
            self.shared.tell(match key {
                Key::Server => Notice::ServerGone,
                Key::Agent(kind, name) => Notice::AgentGone(kind, name),
            });
        }
        for (key, absence) in configured {
            self.shown.insert(key.clone());
            let Some(status) = absence.map(Arc::new) else {
                self.absent.remove(&key);
                continue;
            };
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

/// Inodes of namespaces that netlink does not show now. Not to see one for a while does not mean that it is gone.
pub fn unseen<'n>(names: impl Iterator<Item = &'n Option<String>>) -> BTreeSet<u64> {
    let inode = |name: &Option<String>| match name {
        Some(name) => Netns::named(name),
        None => Netns::current(),
    };
    names.filter_map(|name| Some(inode(name).ok()?.inode())).collect()
}

/// Adds what these agents, and a server on `served`, want to know of a namespace to the orders of its task: two names
/// may be one namespace.
pub fn enlist(orders: &mut Orders, monitor: &Monitor, agents: Vec<Agent>, served: &[String]) {
    let names: BTreeSet<_> =
        agents.iter().flat_map(Agent::interfaces).chain(served.iter().cloned()).collect();
    let everywhere = agents.iter().any(Agent::looks_everywhere);
    for interface in interfaces(monitor, &names, everywhere) {
        if !orders.interfaces.contains(&interface) {
            orders.interfaces.push(interface);
        }
    }
    orders.agents.extend(agents);
}

/// The interfaces of these names, or alternative names, in the order of their indexes; with `everywhere` the others too.
fn interfaces(monitor: &Monitor, names: &BTreeSet<String>, everywhere: bool) -> Vec<Interface> {
    let mut found = Vec::new();
    for link in monitor.links() {
        let mut its_names: Vec<_> =
            std::iter::once(&link.name).chain(&link.alt_names).filter(|name| names.contains(*name)).collect();
        if everywhere && its_names.is_empty() {
            its_names.push(&link.name);
        }
        for name in its_names {
            found.push(Interface {
                index: link.index,
                name: name.clone(),
                running: link.up() && link.carrier(),
                addresses: lasting_first(monitor.addresses6(link.index)),
                addresses4: monitor.addresses4(link.index),
                hardware: link.hardware.clone(),
                mtu: link.mtu,
            });
        }
    }
    found
}

/// The usable of these, those first that are there to stay.
fn lasting_first(mut addresses: Vec<Address6>) -> Vec<Ipv6Addr> {
    addresses.retain(Address6::usable);
    addresses.sort_by_key(|address| (address.deprecated, address.temporary));
    addresses.into_iter().map(|address| address.address).collect()
}

/// The address of the first of these interfaces that has one.
pub fn hardware(monitor: &Monitor, names: &[String]) -> HardwareAddress {
    let link =
        |name: &String| monitor.links().find(|link| link.name == *name || link.alt_names.contains(name));
    let mut addresses = names.iter().filter_map(link).map(|link| &link.hardware);
    addresses.find(|address| !address.octets.is_empty()).cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_there_to_stay_goes_before_one_that_is_not() {
        let address = |text: &str, change: fn(&mut Address6)| {
            let address = text.parse().unwrap();
            let mut fact = Address6 {
                address,
                prefix_len: 64,
                tentative: false,
                duplicate: false,
                deprecated: false,
                temporary: false,
            };
            change(&mut fact);
            fact
        };
        let addresses = vec![
            address("2001:db8::1", |fact| fact.deprecated = true),
            address("2001:db8::2", |fact| fact.temporary = true),
            address("2001:db8::3", |fact| fact.tentative = true),
            address("2001:db8::4", |_| {}),
            address("2001:db8::5", |fact| fact.duplicate = true),
            address("2001:db8::6", |_| {}),
        ];
        let order = lasting_first(addresses).into_iter().map(|address| address.segments()[7]);
        assert_eq!(order.collect::<Vec<_>>(), [4, 6, 2, 1]);
    }
}
