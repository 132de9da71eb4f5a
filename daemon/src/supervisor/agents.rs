//! On-link client relay agents: which should run where, and which servers they have.

use super::{Event, NETLINK_FAILED, Supervisor};
use crate::config::LcraConfig;
use crate::provider::agent::Agent;
use crate::provider::crew::{Ended, Place, enlist, unseen};
use crate::provider::task::Orders;
use dhcp4o6_protocol::status::Status;
use std::collections::BTreeMap;
use std::future::{Future as _, pending, poll_fn};
use std::net::Ipv6Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::watch;

/// What an agent has whose servers are not configured, as long as its link tells none.
const FROM_NOWHERE: &str = "";
const FROM_CONFIGURATION: &str = "configured";
const FROM_LINK: &str = "link";

impl Supervisor {
    /// Makes the tasks of agents those that should exist, and tells them what is so.
    pub(super) fn settle_agents(&mut self) {
        self.upstreams = self.config.lcras.iter().filter_map(|config| self.upstream(config)).collect();
        self.upstreams.iter_mut().for_each(watch::Receiver::mark_unchanged);
        let agents: Vec<_> = self.config.lcras.iter().map(|config| self.agent(config)).collect();
        let mut places = BTreeMap::<u64, Place>::new();
        for (name, namespace) in &self.namespaces {
            let here = agents.iter().filter(|agent| agent.namespace() == name);
            let here: Vec<_> = here.cloned().collect();
            if here.is_empty() {
                continue;
            }
            let netns = namespace.access.netns();
            let place = places.entry(netns.inode()).or_insert_with(|| Place {
                netns: netns.clone(),
                orders: Orders { reloads: self.reloads, ..Orders::default() },
                founded: None,
            });
            enlist(&mut place.orders, &namespace.monitor, here, &[]);
        }
        let failed = self.closed.iter().filter(|(_, closed)| closed.reason == NETLINK_FAILED);
        let kept = unseen(failed.map(|(name, _)| name));
        for inode in self.crew.settle(&places, &kept) {
            if let Some(place) = places.remove(&inode) {
                self.crew.start(inode, place, None);
            }
        }
        let absences = agents.iter().map(|agent| {
            let namespace = agent.namespace();
            let closed = self.closed.get(namespace).map(|closed| closed.reason);
            let inode = self.namespaces.get(namespace).map(|open| open.access.netns().inode());
            (agent.key(), self.crew.absence_of_agent(agent, closed, inode))
        });
        let absences = absences.collect();
        self.crew.show_absent(absences);
        self.unshown = true;
    }

    /// The agent with the servers it has now.
    fn agent(&self, config: &LcraConfig) -> Agent {
        if !config.settings.servers.is_empty() {
            return Agent::Lcra(Rc::new(config.clone()), FROM_CONFIGURATION);
        }
        let servers = self.upstream(config).map(|status| known(&status.borrow())).unwrap_or_default();
        let from = if servers.is_empty() { FROM_NOWHERE } else { FROM_LINK };
        let mut config = config.clone();
        config.settings.servers = servers;
        Agent::Lcra(Rc::new(config), from)
    }

    /// The link that knows the servers of an agent, if they are not configured.
    fn upstream(&self, config: &LcraConfig) -> Option<watch::Receiver<Arc<Status>>> {
        if !config.settings.servers.is_empty() {
            return None;
        }
        let monitor = &self.namespaces.get(&config.namespace)?.monitor;
        let called = |name: &String| *name == config.settings.upstream;
        let link = monitor.links().find(|link| called(&link.name) || link.alt_names.iter().any(called))?;
        let mut links = self.links.iter();
        let here = |namespace: &Option<String>| *namespace == config.namespace;
        let found = links.find(|(id, running)| id.index == link.index && here(&running.namespace));
        found.map(|(_, running)| running.status.clone())
    }

    /// A task of agents has ended.
    pub(super) fn on_agents_ended(&mut self, ended: &Ended) -> Result<(), super::Fatal> {
        if matches!(ended, Ended::Panicked) {
            self.panics.one_more()?;
        }
        self.settle_agents();
        Ok(())
    }
}

/// What a link knows of servers and relay agents that are reached by IPv6.
fn known(status: &Status) -> Vec<Ipv6Addr> {
    status.hcra.as_ref().map(|hcra| hcra.servers.clone()).unwrap_or_default()
}

/// Waits until a link that knows the servers of an agent shows something new.
pub(super) async fn told(upstreams: &mut [watch::Receiver<Arc<Status>>]) -> Event {
    if upstreams.is_empty() {
        return pending().await;
    }
    let mut waits: Vec<_> = upstreams.iter_mut().map(|status| Box::pin(status.changed())).collect();
    poll_fn(|cx| {
        let mut over = false;
        waits.retain_mut(|wait| match wait.as_mut().poll(cx) {
            Poll::Ready(Ok(())) => {
                over = true;
                false
            }
            // The link has ended, which is told in another way.
            Poll::Ready(Err(_)) => false,
            Poll::Pending => true,
        });
        if over { Poll::Ready(Event::Upstream) } else { Poll::Pending }
    })
    .await
}
