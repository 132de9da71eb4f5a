//! Starting, informing and ending link tasks.

use super::{Fatal, NETLINK_FAILED, Supervisor};
use crate::clock::now;
use crate::config::LinkConfig;
use crate::control::{LinkHandle, LinkId, Notice, TrafficMeter};
use crate::identity;
use crate::mailbox::mailbox;
use crate::rest::Rest;
use crate::roster::{self, Entry, Wanted};
use crate::store::LinkKey;
use crate::task::{Channels, Ending, Orders, Task};
use dhcp4o6_netlink::device;
use dhcp4o6_protocol::ids::{Duid, HardwareAddress, Iaid};
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::role::link::Link;
use dhcp4o6_protocol::settings::{HcraClient, LinkSettings, Mode};
use dhcp4o6_protocol::status::Status;
use std::collections::BTreeSet;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::{Id, JoinError};

/// Commands that wait for one link; more are told that it is busy.
const COMMANDS: usize = 8;
/// A link with a task.
pub(super) struct Running {
    pub(super) namespace: Option<String>,
    task: Id,
    iaid: Iaid,
    /// Of the configuration.
    pub(super) entry: Entry,
    orders: watch::Sender<Orders>,
    pub(super) status: watch::Receiver<Arc<Status>>,
    /// Its record is of no use any more when it ends: the DUID is another.
    forget: bool,
}

impl Running {
    fn end(&self, ending: Ending) {
        self.orders.send_if_modified(|orders| orders.ending.replace(ending).is_none());
    }

    fn key(&self) -> LinkKey {
        self.orders.borrow().key.clone()
    }
}

impl Supervisor {
    /// Makes the tasks those that should exist.
    pub(super) fn settle_all(&mut self) {
        let is_open = |id: &LinkId, link: &Running| {
            let open = self.namespaces.get(&link.namespace);
            open.is_some_and(|open| open.access.netns().inode() == id.netns)
        };
        for (_, link) in self.links.iter().filter(|(id, link)| !is_open(id, link)) {
            let named = self.config.links.iter().any(|config| config.namespace == link.namespace);
            match self.closed.get(&link.namespace) {
                _ if !named => link.end(Ending::Unmanaged),
                // Not to see it for a while does not mean that it is gone.
                Some(closed) if closed.reason == NETLINK_FAILED => {}
                _ => link.end(Ending::Gone),
            }
        }
        let names: Vec<_> = self.namespaces.keys().cloned().collect();
        names.iter().for_each(|name| self.settle(name, None));
        self.forget_rests();
    }

    /// Makes the tasks of one namespace those that should exist, and tells them what is so. Of these links only, when
    /// they are given.
    pub(super) fn settle(&mut self, name: &Option<String>, only: Option<&BTreeSet<u32>>) {
        let Some(namespace) = self.namespaces.get(name) else { return };
        let inode = namespace.access.netns().inode();
        let config = Rc::clone(&self.config);
        let published = |id: LinkId| {
            let status = self.links.get(&id).map(|link| link.status.borrow().clone());
            let endpoints = status.iter().flat_map(|status| &status.endpoints);
            endpoints.map(|endpoint| endpoint.ipv4.clone()).collect()
        };
        let wanted = roster::wanted(&config, name, &self.namespaces, only, published);
        let ids: BTreeSet<u32> = wanted.iter().map(|wanted| wanted.id.index).collect();
        let here = LinkId { netns: inode, index: 0 }..=LinkId { netns: inode, index: u32::MAX };
        // A namespace may be open by two names: each looks after its own links.
        for (id, link) in self.links.range(here).filter(|(_, link)| link.namespace == *name) {
            if ids.contains(&id.index) || only.is_some_and(|only| !only.contains(&id.index)) {
                continue;
            }
            let exists = namespace.monitor.link(id.index).is_some();
            link.end(if exists { Ending::Unmanaged } else { Ending::Gone });
        }
        for mut wanted in wanted {
            if self.links.get(&wanted.id).is_some_and(|link| link.namespace != *name) {
                self.contended = true;
                continue;
            }
            self.claim_targets(&mut wanted);
            if self.links.contains_key(&wanted.id) {
                self.inform(wanted);
            } else if self.resting.get(&wanted.id).is_none_or(|rest| rest.until <= now()) {
                self.start(name, wanted);
            }
        }
    }

    /// Changes the orders of every task.
    pub(super) fn order_all(&self, mut change: impl FnMut(&mut Orders)) {
        self.links.values().for_each(|link| link.orders.send_modify(&mut change));
    }

    /// Lets every link begin again without its record.
    pub(super) fn begin_anew(&mut self) {
        for link in self.links.values_mut() {
            link.forget = true;
            link.end(Ending::Unmanaged);
        }
    }

    /// Takes away what is ours in these namespaces and no link looks after: an earlier process left it, with another
    /// configuration.
    pub(super) async fn sweep(&self, names: &[Option<String>]) {
        for open in names.iter().filter_map(|name| self.namespaces.get(name)) {
            let netns = open.access.netns();
            let here = |netns_of: u64, index: u32| (netns_of == netns.inode()).then_some(index);
            let targets = self.claims.keys().filter_map(|(netns, index)| here(*netns, *index)).collect();
            let links = self.links.keys().filter_map(|id| here(id.netns, id.index)).collect();
            if let Err(error) = open.access.sweep(targets, links).await {
                tracing::warn!(netns = netns.name(), %error, "something of an earlier process stays");
            }
            let taps = open.monitor.links().filter_map(|link| link.tap_of.as_deref());
            for link in taps.filter(|link| !self.may_have_tap(netns.inode(), link)) {
                tracing::debug!(
                    netns = netns.name(),
                    link,
                    "removing the TAP device that an earlier process left"
                );
                if let Err(error) = device::remove(netns, link).await {
                    tracing::warn!(netns = netns.name(), link, %error, "the TAP device of an earlier process stays");
                }
            }
        }
    }

    /// Whether the link of this name has, or may yet have, a TAP device for a DHCPv4 client of this host.
    fn may_have_tap(&self, netns: u64, name: &str) -> bool {
        let mut links =
            self.links.iter().filter(|(id, _)| id.netns == netns).map(|(_, link)| link.orders.borrow());
        links.any(|orders| {
            let settings = &orders.settings;
            orders.facts.name == name
                && matches!(settings.mode, Mode::Auto | Mode::Hcra)
                && settings.hcra.client == HcraClient::External
        })
    }

    /// A task has ended, as ordered or by a panic.
    pub(super) fn on_task_ended(&mut self, ended: Result<(Id, ()), JoinError>) -> Result<(), Fatal> {
        let task = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
        let Some(id) = self.links.iter().find(|(_, link)| link.task == task).map(|(id, _)| *id) else {
            return Ok(());
        };
        let Some(link) = self.links.remove(&id) else { return Ok(()) };
        self.claims.retain(|_, claimant| *claimant != id);
        self.unshown = true;
        self.tell(Notice::Removed(id));
        if link.forget {
            let key = link.key();
            let record = LinkRecord::new(identity::iaid(&key, |iaid| self.has(iaid)));
            self.save(key, record);
        }
        if ended.is_err() {
            self.on_panic(id)?;
        }
        if std::mem::take(&mut self.contended) {
            // Its target may be free for another link now, wherever that is.
            self.settle_all();
        } else {
            self.settle(&link.namespace, None);
            self.forget_rests();
        }
        Ok(())
    }

    fn on_panic(&mut self, id: LinkId) -> Result<(), Fatal> {
        self.panics.one_more()?;
        let rest = Rest::after(self.resting.get(&id).copied());
        tracing::error!(
            index = id.index,
            pause = rest.pause.as_secs(),
            "a link task panicked; it starts again"
        );
        self.resting.insert(id, rest);
        Ok(())
    }

    /// Interfaces that are gone do not come back under the same index.
    fn forget_rests(&mut self) {
        let (namespaces, links, now) = (&self.namespaces, &self.links, now());
        self.resting.retain(|id, rest| {
            // Over, and nobody wanted the link back.
            if rest.until <= now && !links.contains_key(id) {
                return false;
            }
            let open = namespaces.values().find(|open| open.access.netns().inode() == id.netns);
            open.is_some_and(|open| open.monitor.links().any(|link| link.index == id.index))
        });
    }

    /// An interface gets the IPv4 of one link: of the first that claims it, until that ends or claims others. The endpoints
    /// of a link may share one.
    fn claim_targets(&mut self, wanted: &mut Wanted<'_>) {
        let told: Option<Vec<_>> = self
            .links
            .get(&wanted.id)
            .map(|link| link.orders.borrow().targets.iter().map(roster::interface).collect());
        let claims: BTreeSet<_> = wanted.targets.iter().filter_map(roster::interface).collect();
        for before in told.iter().flatten().flatten().filter(|before| !claims.contains(before)) {
            if self.claims.get(before) == Some(&wanted.id) {
                self.claims.remove(before);
            }
        }
        let mut refused = false;
        for (at, target) in wanted.targets.iter_mut().enumerate() {
            let Some(claim) = roster::interface(target) else { continue };
            if *self.claims.entry(claim).or_insert(wanted.id) == wanted.id {
                continue;
            }
            self.contended = true;
            refused |= told.as_ref().and_then(|told| told.get(at)) != Some(&None);
            target.place = None;
            if let Some(seen) = wanted.facts.targets.get_mut(at) {
                *seen = None;
            }
        }
        if refused {
            tracing::warn!(
                netns = wanted.key.namespace,
                ifname = wanted.facts.name,
                "the target has the IPv4 of another link"
            );
        }
    }

    fn inform(&mut self, wanted: Wanted<'_>) {
        let Some(link) = self.links.get(&wanted.id) else { return };
        let key = link.key();
        if key != wanted.key {
            // The interface has another name now.
            let fresh = LinkRecord::new(identity::iaid(&key, |iaid| self.has(iaid)));
            let record = self.shared.storage.borrow_mut().load(&key);
            if let Some(record) = record {
                self.save(wanted.key.clone(), record);
                self.save(key, fresh);
            }
        }
        link.orders.send_if_modified(|orders| {
            let same = *orders.settings == wanted.config.settings;
            let seen = *orders.facts == wanted.facts;
            let told = Orders {
                facts: if seen { orders.facts.clone() } else { Arc::new(wanted.facts) },
                key: wanted.key,
                settings: if same {
                    orders.settings.clone()
                } else {
                    Rc::new(wanted.config.settings.clone())
                },
                targets: wanted.targets,
                routes_missing: wanted.routes_missing,
                resumed: orders.resumed,
                ending: orders.ending,
            };
            let is_news = *orders != told;
            *orders = told;
            is_news
        });
        if let Some(link) = self.links.get_mut(&wanted.id) {
            link.entry = roster::entry(wanted.config);
        }
    }

    fn start(&mut self, namespace: &Option<String>, wanted: Wanted<'_>) {
        let Wanted { id, link, config, key, facts, targets, routes_missing } = wanted;
        let chance = self.duid_for(&facts.hardware).and_then(|duid| Ok((duid, identity::seed()?)));
        let (duid, seed) = match chance {
            Ok(chance) => chance,
            Err(error) => {
                tracing::error!(%error, "no random numbers");
                let rest = Rest::after(self.resting.get(&id).copied());
                self.resting.insert(id, rest);
                return;
            }
        };
        let kept = self.shared.storage.borrow_mut().load(&key);
        let record = kept.unwrap_or_else(|| LinkRecord::new(identity::iaid(&key, |iaid| self.has(iaid))));
        let iaid = record.iaid;
        let settings = self.settings_of(config);
        let tap_address = identity::tap_address(&duid, iaid);
        let machine = Link::new(config.settings.clone(), duid, record, seed);
        let resumed = self.resumed;
        let orders =
            Orders { facts: Arc::new(facts), key, settings, targets, routes_missing, resumed, ending: None };
        let (orders, task_orders) = watch::channel(orders);
        let (commands, requests) = mailbox(COMMANDS);
        let (task_status, status) = watch::channel(Arc::new(Status::default()));
        let traffic = Arc::new(TrafficMeter::default());
        let channels =
            Channels { orders: task_orders, requests, status: task_status, traffic: Arc::clone(&traffic) };
        let mut task = Box::new(Task::new(
            id,
            namespace.clone(),
            self.shared.clone(),
            machine,
            link,
            tap_address,
            channels,
        ));
        let task = self.tasks.spawn_local(async move { task.run().await }).id();
        let running = Running {
            namespace: namespace.clone(),
            task,
            iaid,
            entry: roster::entry(config),
            orders,
            status: status.clone(),
            forget: false,
        };
        self.links.insert(id, running);
        self.unshown = true;
        self.tell(Notice::Added(LinkHandle { id, namespace: namespace.clone(), commands, status, traffic }));
    }

    /// The settings of an entry; links that it covers share them.
    fn settings_of(&self, config: &LinkConfig) -> Rc<LinkSettings> {
        let mut known = self.links.values().map(|link| link.orders.borrow().settings.clone());
        known.find(|known| **known == config.settings).unwrap_or_else(|| Rc::new(config.settings.clone()))
    }

    fn has(&self, iaid: Iaid) -> bool {
        self.links.values().any(|link| link.iaid == iaid)
    }

    /// Keeps a record, in its own time.
    pub(super) fn save(&self, key: LinkKey, record: LinkRecord) {
        let shared = self.shared.clone();
        let saving = shared.storage.borrow_mut().begin(key, record);
        tokio::task::spawn_local(async move {
            saving.end(&shared.storage).await;
            shared.changed.notify_one();
        });
    }

    fn tell(&self, notice: Notice) {
        // Without a bus nobody listens.
        let _ = self.shared.notices.send(notice);
    }

    /// The DUID; the first link that needs it may give its address to it.
    fn duid_for(&mut self, hardware: &HardwareAddress) -> io::Result<Duid> {
        if let Some(duid) = &self.duid {
            return Ok(duid.clone());
        }
        let new = identity::duid(&self.config.duid, hardware)?;
        let duid = self.shared.storage.borrow_mut().duid(|| new);
        tracing::info!(%duid, "DUID");
        self.duid = Some(duid.clone());
        Ok(duid)
    }
}
