//! Drives the roles of one namespace: wait, take datagrams, hand them out, do what the roles want, end the turn.
//!
//! The task owns the roles, the sockets they share and, through its server, the journal of leases. The supervisor tells
//! it, as one value, what the kernel and the configuration say ([`Orders`]).

use super::agent::Agent;
use super::dispatch::Dispatch;
use super::journal::Journal;
use super::role::{Machine, Role};
use super::socket::{Arrival, BATCH, Membership, PortSocket, describe, reason};
use super::{Key, Shared, engine};
use crate::clock::now;
use crate::config::ServerConfig;
use crate::control::{
    AgentHandle, Configured, Notice, ProviderStatus, ServerHandle, ServerRequest, WorkMeter,
};
use crate::leases::Progress;
use crate::mailbox::{self, mailbox};
use crate::rest::Rest;
use dhcp4o6_netlink::netns::Netns;
use dhcp4o6_protocol::machine::OpenError;
use dhcp4o6_protocol::params::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS};
use dhcp4o6_protocol::provider::{Interface, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::{Instant, earliest};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{pending, poll_fn};
use std::net::Ipv6Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::watch;

/// Requests of the bus that may wait.
const REQUESTS: usize = 16;
/// How long the disk may take at the end.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Shortest sleep: a role whose deadline does not move cannot keep the processor from others.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What the kernel and the configuration say about a namespace, whole.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Orders {
    /// The server's configuration, for a task that has one.
    pub server: Option<Rc<ServerConfig>>,
    /// The agents.
    pub agents: Vec<Agent>,
    /// The interfaces that they name, as far as there are, by these names; every other too, if one looks everywhere.
    pub interfaces: Vec<Interface>,
    /// Times the configuration was read again: whoever does that expects that what failed is tried again.
    pub reloads: u64,
    /// The task is to end.
    pub ending: bool,
}

/// The roles of a namespace and everything they touch.
pub struct Task {
    shared: Rc<Shared>,
    netns: Netns,
    channel: watch::Receiver<Orders>,
    /// The last orders seen.
    orders: Orders,
    requests: Option<mailbox::Receiver<ServerRequest>>,
    /// The server first.
    roles: Vec<Role>,
    dispatch: Dispatch<usize>,
    sockets: BTreeMap<Port, PortSocket>,
    closed: BTreeMap<Port, Closed>,
    /// The socket that was served last: others come first then.
    served: Option<Port>,
    /// The server's journal is being rewritten, and wants a page.
    page_wanted: bool,
    /// When it ends even if the disk has not taken everything.
    end_at: Option<Instant>,
}

/// A socket that could not be opened.
struct Closed {
    error: OpenError,
    rest: Rest,
}

enum Event {
    Orders,
    Disk(Progress),
    Request(ServerRequest),
    Time,
    Readable(Port),
    Page,
}

impl Task {
    /// A task with its sockets open as far as possible: what arrives from now on is answered. `server` is one that has
    /// read its leases, and its journal.
    pub fn begin(
        shared: Rc<Shared>,
        netns: Netns,
        channel: watch::Receiver<Orders>,
        server: Option<(Server, Journal)>,
    ) -> Self {
        let mut task = Self {
            shared,
            netns,
            channel,
            orders: Orders::default(),
            requests: None,
            roles: Vec::new(),
            dispatch: Dispatch::new(),
            sockets: BTreeMap::new(),
            closed: BTreeMap::new(),
            served: None,
            page_wanted: false,
            end_at: None,
        };
        let config = task.channel.borrow().server.clone();
        if let (Some((server, journal)), Some(config)) = (server, config) {
            task.add_server(server, journal, &config);
            // It has these settings already.
            task.orders.server = Some(config);
        }
        task.follow();
        task.end_turn();
        task
    }

    /// Runs the roles until they are to end.
    pub async fn run(&mut self) {
        while !self.is_over() {
            // Without the supervisor there is nothing left to do.
            let Some(event) = self.next_event().await else { return };
            let again = self.act(event);
            self.end_turn();
            if again {
                // There is more to do at once; others and the kernel get their turn before.
                tokio::task::yield_now().await;
            }
        }
    }

    fn is_over(&mut self) -> bool {
        let Some(end_at) = self.end_at else { return false };
        end_at <= now() || self.roles.iter_mut().filter_map(Role::journal).all(|journal| journal.is_settled())
    }

    /// What happens next; `None` when the supervisor is gone.
    async fn next_event(&mut self) -> Option<Event> {
        let time = self.next_time();
        let full = self.roles.iter_mut().filter_map(Role::journal).any(|journal| journal.is_full());
        let stopped = full || self.end_at.is_some();
        let event = tokio::select! {
            // Datagrams come last: there may always be some.
            biased;
            changed = self.channel.changed() => {
                changed.ok()?;
                Event::Orders
            }
            progress = disk(&mut self.roles) => Event::Disk(progress),
            request = asked(&mut self.requests) => Event::Request(request),
            () = self.shared.clock.reached(time) => Event::Time,
            () = std::future::ready(()), if self.page_wanted => Event::Page,
            port = readable(&self.sockets, self.served), if !stopped => Event::Readable(port),
        };
        Some(event)
    }

    fn next_time(&self) -> Option<Instant> {
        let soonest = now() + SHORTEST_SLEEP;
        let roles = self.roles.iter().filter_map(Role::deadline).map(|at| at.max(soonest)).min();
        let sockets = self.closed.values().map(|closed| closed.rest.until).min();
        earliest(earliest(roles, sockets), self.end_at)
    }

    /// True if there is more to do at once.
    fn act(&mut self, event: Event) -> bool {
        let now = now();
        self.roles.iter_mut().for_each(|role| role.feed_if_due(now));
        match event {
            Event::Orders => {
                self.follow();
                false
            }
            Event::Disk(progress) => {
                self.note(now, progress);
                false
            }
            Event::Request(request) => {
                if let Some(server) = self.server() {
                    server.serve(now, request);
                }
                false
            }
            Event::Time => {
                self.follow_ports();
                self.show();
                false
            }
            Event::Readable(port) => self.receive(now, port),
            Event::Page => {
                self.turn_page();
                true
            }
        }
    }

    fn end_turn(&mut self) {
        let now = now();
        self.roles.iter_mut().for_each(|role| role.end_turn(now, &self.sockets));
        if self.roles.iter_mut().fold(false, |news, role| role.take_news() | news) {
            self.show();
        }
    }

    fn server(&mut self) -> Option<&mut Role> {
        self.roles.iter_mut().find(|role| role.key == Key::Server)
    }

    /// Takes a batch of datagrams. True if there may be more.
    fn receive(&mut self, now: Instant, port: Port) -> bool {
        self.served = Some(port);
        let Self { shared, sockets, dispatch, roles, .. } = self;
        let Some(socket) = sockets.get(&port) else { return false };
        let count = socket.receive(&mut shared.inbox.borrow_mut(), |mut arrival| {
            if let Arrival::Datagram(datagram) = &mut arrival {
                datagram.via = dispatch.door(datagram);
            }
            let addressee = match &arrival {
                Arrival::Datagram(datagram) => dispatch.addressee(datagram),
                Arrival::Frame(frame) => dispatch.owner(Port::Frames(frame.interface)),
            };
            match (addressee.and_then(|role| roles.get_mut(role)), arrival) {
                (Some(role), Arrival::Datagram(datagram)) => role.receive(now, datagram),
                (Some(role), Arrival::Frame(frame)) => role.receive_frame(now, frame),
                // It is counted once, by whoever is there.
                (None, _) => _ = roles.first_mut().map(|role| role.refuse_unread(now, Refused::WrongLink)),
            }
        });
        count == BATCH
    }

    fn note(&mut self, now: Instant, progress: Progress) {
        if let Some(server) = self.server() {
            server.note(now, progress);
        }
        match progress {
            Progress::Stored(_) => {}
            Progress::Failed | Progress::Restored => self.show(),
            Progress::WantsPage => self.page_wanted = true,
        }
    }

    fn turn_page(&mut self) {
        self.page_wanted = match self.server().map(|role| &mut role.machine) {
            Some(Machine::Server(server, journal)) => journal.turn_page(server),
            _ => false,
        };
    }

    /// Makes everything as ordered.
    fn follow(&mut self) {
        let orders = self.channel.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.orders, orders);
        if self.orders.ending {
            self.end_at.get_or_insert_with(|| now() + STOP_WAIT);
            self.requests = None;
            return;
        }
        if before.reloads != self.orders.reloads {
            self.closed.values_mut().for_each(|closed| closed.rest.until = now());
            self.server().and_then(Role::journal).map(Journal::retry);
        }
        if before.server != self.orders.server {
            self.follow_server();
        }
        if before.agents != self.orders.agents {
            self.follow_agents();
        }
        if before.interfaces != self.orders.interfaces {
            // An address that was missing may be there now.
            let missing = |closed: &&mut Closed| closed.error == OpenError::Other(libc::EADDRNOTAVAIL);
            self.closed.values_mut().filter(missing).for_each(|closed| closed.rest.until = now());
        }
        self.follow_interfaces();
        self.follow_ports();
        self.show();
    }

    fn add_server(&mut self, server: Server, journal: Journal, config: &ServerConfig) {
        let (status, shown) = watch::channel(Arc::default());
        let work = Arc::<WorkMeter>::default();
        let (sender, requests) = mailbox(REQUESTS);
        self.requests = Some(requests);
        let machine = Machine::Server(Box::new(server), Box::new(journal));
        let handle = ServerHandle { requests: sender, status: shown, work: Arc::clone(&work) };
        self.shared.tell(Notice::Server(handle));
        let (wanted, shared) = (config.every_interface(), Rc::clone(&self.shared));
        self.roles.push(Role::new(Key::Server, machine, None, wanted, shared, status, work));
    }

    fn follow_server(&mut self) {
        let Some(config) = self.orders.server.clone() else { return };
        let now = now();
        let Some(role) = self.server() else { return };
        role.wanted = config.every_interface();
        role.change(now, None, |server, out| {
            server.configure(now, config.settings.clone(), out);
            Ok(())
        });
    }

    fn follow_agents(&mut self) {
        let agents = self.orders.agents.clone();
        self.roles
            .retain(|role| role.key == Key::Server || agents.iter().any(|agent| agent.key() == role.key));
        for agent in agents {
            let key = agent.key();
            match self.roles.iter_mut().find(|role| role.key == key) {
                Some(role) => role.configure(agent),
                None => self.add_agent(key, agent),
            }
        }
    }

    fn add_agent(&mut self, key: Key, agent: Agent) {
        let (status, shown) = watch::channel(Arc::default());
        let work = Arc::<WorkMeter>::default();
        if let Key::Agent(kind, name) = &key {
            let (kind, name, work) = (*kind, name.clone(), Arc::clone(&work));
            self.shared.tell(Notice::Agent(AgentHandle { kind, name, status: shown, work }));
        }
        let (machine, wanted, shared) = (agent.machine(), agent.interfaces(), Rc::clone(&self.shared));
        self.roles.push(Role::new(key, machine, Some(agent), wanted, shared, status, work));
    }

    /// Makes the sockets those that the roles need now, and tells whose they are. What roles need changes with their
    /// settings, their interfaces and time.
    fn follow_ports(&mut self) {
        self.open_sockets();
        self.follow_groups();
        self.follow_dispatch();
    }

    /// Opens the sockets that the roles need, unless that failed a moment ago, and closes others.
    fn open_sockets(&mut self) {
        let needed: BTreeSet<Port> = self.roles.iter().flat_map(Role::ports).collect();
        self.sockets.retain(|port, _| needed.contains(port));
        self.closed.retain(|port, _| needed.contains(port));
        for port in needed {
            let resting = self.closed.get(&port).is_some_and(|closed| closed.rest.until > now());
            if resting || self.sockets.contains_key(&port) {
                continue;
            }
            match PortSocket::open(port, &self.netns, self.sockets.values()) {
                Ok(socket) => {
                    tracing::info!(netns = self.netns.name(), socket = describe(port), "open");
                    self.closed.remove(&port);
                    self.sockets.insert(port, socket);
                }
                Err(error) => self.close(port, error),
            }
        }
    }

    fn close(&mut self, port: Port, error: OpenError) {
        let before = self.closed.get(&port);
        if before.is_none_or(|before| before.error != error) {
            let reason = reason(port, error);
            tracing::error!(netns = self.netns.name(), socket = describe(port), reason, %error, "not open");
        }
        let rest = Rest::after(before.map(|before| before.rest));
        self.closed.insert(port, Closed { error, rest });
    }

    /// Tells each role the interfaces it is configured for.
    fn follow_interfaces(&mut self) {
        let now = now();
        let Self { roles, orders, .. } = self;
        for role in roles {
            let everywhere = role.agent.as_ref().is_some_and(Agent::looks_everywhere);
            let wanted = |interface: &&Interface| everywhere || role.wanted.contains(&interface.name);
            let mut interfaces: Vec<_> = orders.interfaces.iter().filter(wanted).cloned().collect();
            if let (Key::Server, Some(config)) = (&role.key, &orders.server) {
                // Where it only answers broadcasts of IPv4 it serves nobody by IPv6.
                let for_ipv4 = interfaces.iter_mut().filter(|each| !config.interfaces.contains(&each.name));
                for_ipv4.for_each(|interface| interface.addresses.clear());
            }
            role.tell_interfaces(now, interfaces);
        }
    }

    fn follow_dispatch(&mut self) {
        let mut dispatch = Dispatch::new();
        for (at, role) in self.roles.iter().enumerate() {
            match &role.agent {
                None => {
                    let settings = self.orders.server.as_ref().map(|config| &config.settings);
                    dispatch.with_server(at, settings.map_or(&[], |settings| &settings.addresses));
                    if let Some(tsv) = settings.and_then(|settings| settings.tsv.as_ref()) {
                        dispatch.with_transport(at, &tsv.addresses);
                    }
                }
                Some(Agent::Relay(config)) => dispatch.with_relay(at, &config.settings, &role.interfaces),
                Some(Agent::Tra(config)) => dispatch.with_transport(at, &config.settings.addresses),
                Some(Agent::Lcra(..)) => {}
            }
            dispatch.with_ports(at, &role.ports());
        }
        self.dispatch = dispatch;
    }

    /// Multicast comes only where a role is to hear it: where the server serves, and where relay agents have clients.
    fn follow_groups(&mut self) {
        let mut wanted = BTreeSet::<Membership>::new();
        for role in &self.roles {
            for Interface { index, name, .. } in &role.interfaces {
                let (clients, servers) = match (&role.agent, &self.orders.server) {
                    (None, Some(config)) => {
                        (config.interfaces.contains(name), config.interfaces.contains(name))
                    }
                    (Some(Agent::Relay(config)), _) => {
                        (config.settings.clients.iter().any(|side| side.name == *name), false)
                    }
                    _ => (false, false),
                };
                wanted.extend(clients.then_some((ALL_RELAYS_AND_SERVERS, *index)));
                wanted.extend(servers.then_some((ALL_SERVERS, *index)));
            }
        }
        if let Some(socket) = self.sockets.get_mut(&Port::Dhcp6) {
            socket.follow_groups(&wanted);
        }
    }

    /// Shows how every role is.
    fn show(&mut self) {
        let namespace = self.netns.name().unwrap_or_default();
        let Self { roles, orders, closed, .. } = self;
        for role in roles {
            let failed =
                role.ports().into_iter().find_map(|port| Some(reason(port, closed.get(&port)?.error)));
            role.show(status(role, failed, orders.server.as_deref(), namespace.to_owned()));
        }
    }
}

/// How a role is. `failed` is why one of its sockets is not open.
fn status(
    role: &Role,
    failed: Option<&'static str>,
    server: Option<&ServerConfig>,
    namespace: String,
) -> ProviderStatus {
    let there = |name: &String| role.interfaces.iter().any(|i| i.name == *name && i.running);
    let (interfaces, missing): (Vec<_>, Vec<_>) = role.wanted.iter().cloned().partition(there);
    let (state, reason) = match (failed, &role.machine) {
        (Some(reason), _) => ("failed", reason),
        (None, Machine::Server(_, journal)) if journal.degraded() => ("degraded", "no-storage"),
        // Through relay agents it can still be asked.
        (None, Machine::Server(..)) if interfaces.is_empty() && !missing.is_empty() => {
            ("degraded", "no-interface")
        }
        (None, Machine::Relay(_)) if interfaces.is_empty() && !missing.is_empty() => {
            ("failed", "no-interface")
        }
        (None, Machine::Lcra(_)) if !missing.is_empty() => ("failed", "no-interface"),
        (None, Machine::Lcra(lcra)) if lcra.servers().is_empty() => ("failed", "no-servers"),
        (None, Machine::Lcra(lcra)) if lcra.source().is_none() => ("failed", "no-global-address"),
        // It has what it needs, but frames.
        (None, Machine::Lcra(lcra)) if lcra.ports().is_empty() => ("failed", "not-ethernet"),
        (None, Machine::Tra(tra)) if tra.servers().any(|(_, no_echo)| no_echo) => {
            ("degraded", "no-agent-information")
        }
        (None, Machine::Tra(tra)) if !are_there(&tra.addresses(), &role.interfaces) => {
            ("degraded", "no-such-address")
        }
        (None, _) => ("running", ""),
    };
    let mut status = ProviderStatus { state, reason, namespace, interfaces, missing, ..Default::default() };
    match (&role.machine, server) {
        (Machine::Server(_, journal), config) => {
            status.storage = if journal.degraded() { "degraded" } else { "ok" };
            status.engine = config.map_or("", engine);
            status.configured =
                config.map_or_else(Configured::default, |config| Configured::from(&config.settings));
        }
        (Machine::Relay(_), _) => {}
        (Machine::Tra(tra), _) => {
            status.servers = tra.servers().map(|(server, _)| server.to_string()).collect();
            status.servers_from = "configured";
            status.source = tra.giaddr().to_string();
        }
        (Machine::Lcra(lcra), _) => {
            status.servers = lcra.servers().iter().map(ToString::to_string).collect();
            status.source = lcra.source().map_or_else(String::new, |source| source.to_string());
        }
    }
    if let Some(agent) = &role.agent {
        status.configured = agent.configured();
        if let Agent::Lcra(_, from) = agent {
            status.servers_from = from;
        }
    }
    status
}

/// All of these addresses are on an interface.
fn are_there(addresses: &[Ipv6Addr], interfaces: &[Interface]) -> bool {
    let there = |address| interfaces.iter().any(|interface| interface.addresses.contains(address));
    addresses.iter().all(there)
}

/// What the disk has done, for whichever role has a journal.
async fn disk(roles: &mut [Role]) -> Progress {
    match roles.iter_mut().find_map(Role::journal) {
        Some(journal) => journal.changed().await,
        None => pending().await,
    }
}

async fn asked(requests: &mut Option<mailbox::Receiver<ServerRequest>>) -> ServerRequest {
    match requests {
        Some(requests) => requests.recv().await,
        None => pending().await,
    }
}

/// A socket with something to receive; of several the one that comes after `served`.
async fn readable(sockets: &BTreeMap<Port, PortSocket>, served: Option<Port>) -> Port {
    poll_fn(|cx| {
        let after = sockets.iter().filter(|(port, _)| Some(**port) > served);
        let before = sockets.iter().filter(|(port, _)| Some(**port) <= served);
        let mut ready = after.chain(before).filter(|(_, socket)| socket.poll_readable(cx).is_ready());
        ready.next().map_or(Poll::Pending, |(port, _)| Poll::Ready(*port))
    })
    .await
}
