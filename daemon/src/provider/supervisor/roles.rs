//! What each namespace should have, and what a server is made of.

use super::{Closed, NETLINK_FAILED, Supervisor};
use crate::clock::now;
use crate::config::{RelayConfig, ServerConfig};
use crate::control::{Configured, ProviderStatus};
use crate::identity;
use crate::leases::{Leases, LeasesError};
use crate::provider::agent::{Agent, interfaces_of};
use crate::provider::crew::{Ended, Founded, Place, enlist, hardware, unseen};
use crate::provider::journal::Journal;
use crate::provider::task::Orders;
use crate::provider::{Key, engine};
use crate::rest::Rest;
use crate::supervisor::Fatal;
use dhcp4o6_protocol::ids::{Duid, HardwareAddress};
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

/// Records between two looks at the clock.
const LOOK: u64 = 4_096;
/// How often the progress of reading many leases is told.
const TELL: Duration = Duration::from_secs(1);

impl Supervisor {
    /// Makes the tasks those that should exist, and tells them what is so.
    pub(super) fn settle(&mut self) {
        self.settled_at = now();
        self.name_relays();
        let mut places = self.places();
        let failed = self.closed.iter().filter(|(_, closed)| closed.reason == NETLINK_FAILED);
        let kept = unseen(failed.map(|(name, _)| name));
        for inode in self.crew.settle(&places, &kept) {
            if let Some(place) = places.remove(&inode) {
                self.start(inode, place);
            }
        }
        self.show_absent();
    }

    /// The agents, in the order they were written, relay agents first.
    fn agents(&self) -> impl Iterator<Item = Agent> {
        let relays = self.relays.iter().cloned().map(Agent::Relay);
        relays.chain(self.tras.iter().cloned().map(Agent::Tra))
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
    fn places(&mut self) -> BTreeMap<u64, Place> {
        let server = self.server.clone().filter(|_| self.unserved().is_none());
        let server = server.and_then(|config| Some((self.founded(&config)?, config)));
        let mut places = BTreeMap::<u64, Place>::new();
        for (name, monitor) in &self.namespaces {
            let server = server.as_ref().filter(|(_, config)| config.namespace == *name);
            let agents: Vec<_> = self.agents().filter(|agent| agent.namespace() == name).collect();
            if server.is_none() && agents.is_empty() {
                continue;
            }
            let netns = monitor.netns();
            let place = places.entry(netns.inode()).or_insert_with(|| Place {
                netns: netns.clone(),
                orders: Orders { reloads: self.reloads, ..Orders::default() },
                founded: None,
            });
            let served = server.map(|(_, config)| config.every_interface()).unwrap_or_default();
            enlist(&mut place.orders, monitor, agents, &served);
            if let Some((founded, config)) = server {
                place.orders.server = Some(Rc::clone(config));
                place.founded = Some(founded.clone());
            }
        }
        places
    }

    /// What the server is made of; `None` while its namespace is not open, or nothing can be had.
    fn founded(&mut self, config: &ServerConfig) -> Option<Founded> {
        let monitor = self.namespaces.get(&config.namespace)?;
        let hardware = hardware(monitor, &config.every_interface());
        match self.duid_for(&hardware) {
            Ok(duid) => Some(Founded { duid, secret: config.secret }),
            Err(error) => {
                self.deny_server(no_random_numbers(&error));
                None
            }
        }
    }

    /// There is no server for a while.
    fn deny_server(&mut self, reason: &'static str) {
        let before = self.unserved.take().and_then(|closed| closed.rest);
        self.unserved = Some(Closed { reason, rest: Some(Rest::after(before)) });
    }

    fn start(&mut self, inode: u64, mut place: Place) {
        let mut server = None;
        if let (Some(config), Some(founded)) = (place.orders.server.clone(), place.founded.clone()) {
            match self.found(&config, founded.duid) {
                Ok(found) => {
                    self.unserved = None;
                    server = Some(found);
                }
                Err(reason) => {
                    self.deny_server(reason);
                    (place.orders.server, place.founded) = (None, None);
                    if place.orders.agents.is_empty() {
                        return;
                    }
                }
            }
        }
        self.crew.start(inode, place, server);
    }

    /// A server with its leases, ready to serve.
    fn found(&mut self, config: &ServerConfig, duid: Duid) -> Result<(Server, Journal), &'static str> {
        let seed = identity::seed().map_err(|error| no_random_numbers(&error))?;
        let secret = match config.secret {
            Some(secret) => secret,
            None => {
                let new = identity::seed().map_err(|error| no_random_numbers(&error))?;
                self.store.secret(|| *new.first_chunk().unwrap_or(&[0; 16]))
            }
        };
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
                Ok((server, Journal::new(leases)))
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

    /// A task has ended.
    pub(super) fn on_task_ended(&mut self, ended: Ended) -> Result<(), Fatal> {
        if matches!(ended, Ended::Panicked) {
            self.panics.one_more()?;
        }
        self.settle();
        Ok(())
    }

    /// Shows the roles that do not run, and forgets those that are not configured any more.
    fn show_absent(&mut self) {
        let closed = |namespace: &_| self.closed.get(namespace).map(|closed| closed.reason);
        let inode = |namespace: &_| self.namespaces.get(namespace).map(|monitor| monitor.netns().inode());
        let mut roles = BTreeMap::new();
        for agent in self.agents() {
            let namespace = agent.namespace();
            let absence = self.crew.absence_of_agent(&agent, closed(namespace), inode(namespace));
            roles.insert(agent.key(), absence);
        }
        if let Some(config) = &self.server {
            let closed = closed(&config.namespace).or(self.unserved().map(|closed| closed.reason));
            let (inode, wanted) = (inode(&config.namespace), config.every_interface());
            let absence = self.crew.absence(&Key::Server, &config.namespace, closed, inode, wanted);
            let absence = absence.map(|status| ProviderStatus {
                storage: "ok",
                engine: engine(config),
                configured: Configured::from(&config.settings),
                ..status
            });
            roles.insert(Key::Server, absence);
        }
        self.crew.show_absent(roles);
    }
}

fn no_random_numbers(error: &std::io::Error) -> &'static str {
    tracing::error!(%error, "no random numbers");
    "no-random-numbers"
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
