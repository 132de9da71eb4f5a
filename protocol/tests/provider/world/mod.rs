//! Virtual time, links, our clients, our relay agents and our server, and everything that can go wrong between them.
//! One seed decides it all.
//!
//! ```text
//!  link 0   clients ─ server                               (lan0)
//!  link 1   clients ─ relay agent A ─┐
//!                                    ├─ core ─ server      (up0)
//!  link 2   clients ─ relay agent B ─ C ┘
//!
//!  plain clients ─ client relay agents ─ (TRA) ─ server at port 67, and past them by IPv4
//! ```

pub(crate) mod attack;
pub(crate) mod center;
pub(crate) mod plain;
pub(crate) mod topology;
pub(crate) mod witness;

use crate::model::chance::Chance;
use crate::model::net::{Net, Weather};
use crate::model::{ms, secs};
use center::Center;
use dhcp4o6_protocol::machine::{Command, Machine};
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Port};
use dhcp4o6_protocol::role::relay::Relay;
use dhcp4o6_protocol::role::server::ServerSettings;
use dhcp4o6_protocol::time::{Instant, earliest};
use dhcp4o6_protocol::wire::agent::{self, AgentInformation};
use dhcp4o6_protocol::wire::v4::{self, code};
use plain::{Plain, Route};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;
use topology::{Node, Topology};
use witness::Witness;

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Parcel {
    /// The receiver's interface.
    pub(crate) interface: u32,
    pub(crate) via: Port,
    pub(crate) from: SocketAddrV6,
    pub(crate) to: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

impl Parcel {
    fn datagram(&self) -> Datagram<'_> {
        let Self { interface, via, from, to, ref payload } = *self;
        Datagram { via, interface, from, to, payload }
    }
}

enum Event {
    ToHost(usize, Parcel),
    ToAgent(usize, Parcel),
    ToServer(Parcel),
    ToPlain(usize, Parcel),
    /// The disk has done what it was given before this number of the server's lives.
    Disk(u64),
    Restart,
    Command(usize, Command),
}

/// A subscriber.
struct Host {
    net: Net,
    link: usize,
    /// When it is to be looked at next, as it stands in the calendar.
    wakes_at: Option<Instant>,
}

pub(crate) struct World {
    seed: u64,
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) weather: Weather,
    topology: Topology,
    hosts: Vec<Host>,
    calendar: BTreeSet<(Instant, usize)>,
    agents: Vec<Relay>,
    plain: Vec<Plain>,
    pub(crate) center: Center,
    pub(crate) witness: Witness,
    queue: BTreeMap<(Instant, u64), Event>,
    next: u64,
}

impl World {
    /// Relay agents and a server, and nobody to serve.
    pub(crate) fn new(seed: u64, settings: ServerSettings) -> Self {
        let now = Instant::from_secs(1000);
        let mut chance = Chance::seeded(seed);
        let topology = Topology::new();
        let agents = (0..topology::AGENTS)
            .map(|agent| {
                let mut relay = Relay::new(topology::relay_settings(agent));
                let interfaces = topology.interfaces(Node::Agent(agent));
                relay.handle(now, Input::Interfaces(&interfaces), &mut Vec::new());
                relay
            })
            .collect();
        let center = Center::new(now, settings, topology.interfaces(Node::Server), chance.seed());
        Self {
            seed,
            now,
            chance,
            weather: Weather::FAIR,
            topology,
            hosts: Vec::new(),
            calendar: BTreeSet::new(),
            agents,
            plain: Vec::new(),
            center,
            witness: Witness::default(),
            queue: BTreeMap::new(),
            next: 0,
        }
    }

    /// A subscriber on `link`, as `change` makes it. It begins at once. Returns its number.
    pub(crate) fn add(&mut self, link: usize, change: impl FnOnce(&mut Net)) -> usize {
        let number = self.hosts.len();
        let host = u16::try_from(number + 1).unwrap();
        let mut net = Net::of_host(host, self.seed.wrapping_mul(1000) + u64::from(host)).quiet();
        net.uplink = Some(Vec::new());
        net.now = self.now;
        change(&mut net);
        self.hosts.push(Host { net, link, wakes_at: None });
        self.with_host(number, |net, now| {
            net.kernel.plug(now);
            net.start();
        });
        number
    }

    /// A plain client behind a client relay agent. It begins at once.
    pub(crate) fn add_plain(&mut self, agent: Ipv6Addr, route: Route) {
        let number = 0x7000_0000 + u32::try_from(self.plain.len()).unwrap();
        self.plain.push(Plain::new(self.now, number, agent, route));
    }

    /// Does something to a plain client, and sends what it leads to.
    pub(crate) fn with_plain(
        &mut self,
        number: usize,
        act: impl FnOnce(&mut Plain, Instant, &mut Chance) -> Option<Parcel>,
    ) {
        let (now, plain) = (self.now, &mut self.plain[number]);
        let parcel = act(plain, now, &mut self.chance);
        let installed = plain.address();
        // Behind the numbers of all hosts.
        self.witness.installed(1000 + number, installed);
        if let Some(parcel) = parcel {
            self.carry(Node::Server, parcel);
        }
    }

    pub(crate) fn plain(&self) -> &[Plain] {
        &self.plain
    }

    /// What was told of tunnels is what the server's leases say.
    pub(crate) fn check_tunnels(&self) {
        if let Some(server) = &self.center.server {
            self.witness.check_tunnels(self.now, server);
        }
    }

    pub(crate) fn hosts(&self) -> impl Iterator<Item = &Net> {
        self.hosts.iter().map(|host| &host.net)
    }

    pub(crate) fn host(&mut self, number: usize) -> &mut Net {
        &mut self.hosts[number].net
    }

    /// Does something to a subscriber's machine, and takes up what it leads to.
    pub(crate) fn with_host(&mut self, number: usize, act: impl FnOnce(&mut Net, Instant)) {
        let now = self.now;
        let host = &mut self.hosts[number];
        host.net.run_to(now);
        act(&mut host.net, now);
        host.net.settle();
        self.after_host(number);
    }

    pub(crate) fn command(&mut self, number: usize, command: Command) {
        self.with_host(number, |net, _| net.command(command));
    }

    /// The same later.
    pub(crate) fn command_later(&mut self, number: usize, span: Duration, command: Command) {
        self.put(self.now + span, Event::Command(number, command));
    }

    /// The server's process dies and is started again after a while.
    pub(crate) fn kill_server(&mut self, restart_after: Duration) {
        self.center.kill(&mut self.chance);
        self.put(self.now + restart_after, Event::Restart);
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        while self.step(end) {}
    }

    #[track_caller]
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !done(self) {
            assert!(
                self.step(start + limit),
                "seed {}: not done within {limit:?}: {}",
                self.seed,
                self.brief()
            );
        }
        self.now.since(start)
    }

    fn brief(&self) -> String {
        let host = |host: &Host| {
            let status = host.net.status();
            format!(
                "link {}: {} ({}), dhcp6 {}, dhcp4 {}",
                host.link,
                status.state.word(),
                status.reason,
                status.dhcp6.state,
                status.client4.state
            )
        };
        self.hosts.iter().map(host).collect::<Vec<_>>().join("; ")
    }

    pub(crate) fn all_bound(&self) -> bool {
        self.hosts.iter().all(|host| host.net.is_bound()) && self.plain.iter().all(|p| p.address().is_some())
    }

    /// The next thing that happens, not later than `limit`.
    fn step(&mut self, limit: Instant) -> bool {
        let event = self.queue.first_key_value().map(|((at, _), _)| *at);
        let wake = self.calendar.first().map(|(at, _)| *at);
        let server = self.center.deadline();
        let plain = self.plain.iter().map(Plain::next_at).min();
        let next = [event, wake, server, plain].into_iter().fold(None, earliest);
        let Some(at) = next.filter(|at| *at <= limit) else {
            self.now = limit;
            return false;
        };
        self.now = at.max(self.now);
        if server.is_some_and(|due| due <= self.now) {
            self.serve(Input::Deadline);
        } else if event.is_some_and(|due| due <= self.now) {
            if let Some((_, event)) = self.queue.pop_first() {
                self.happen(event);
            }
        } else if wake.is_some_and(|due| due <= self.now) {
            if let Some((_, number)) = self.calendar.first().copied() {
                self.with_host(number, |_, _| {});
            }
        } else if let Some(number) = self.plain.iter().position(|plain| plain.next_at() <= self.now) {
            self.with_plain(number, Plain::act);
        }
        true
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToHost(number, parcel) => {
                self.with_host(number, |net, _| net.arrive(*parcel.from.ip(), parcel.to, &parcel.payload));
            }
            Event::ToAgent(agent, parcel) => {
                let mut out = Vec::new();
                self.agents[agent].handle(self.now, Input::Datagram(parcel.datagram()), &mut out);
                self.witness.relayed(&parcel, &out);
                self.send_all(Node::Agent(agent), out);
            }
            Event::ToServer(parcel) => {
                self.serve(Input::Datagram(parcel.datagram()));
            }
            Event::ToPlain(number, parcel) => self.with_plain(number, |plain, now, chance| {
                plain.hear(now, &parcel.payload, chance);
                None
            }),
            Event::Disk(life) => {
                let released = self.center.disk_done(self.now, life, &mut self.witness);
                self.send_all(Node::Server, released);
                self.keep_writing();
            }
            Event::Restart => {
                let seed = self.chance.seed();
                self.center.restart(self.now, seed);
                if let Some(server) = &self.center.server {
                    self.witness.reads_tunnels(self.now, server);
                }
            }
            Event::Command(number, command) => self.command(number, command),
        }
    }

    /// One input of the server. What does not wait for the disk leaves.
    fn serve(&mut self, input: Input<'_>) {
        let leaving = self.center.handle(self.now, input, &mut self.witness);
        self.send_all(Node::Server, leaving);
        self.keep_writing();
    }

    fn keep_writing(&mut self) {
        if let Some(life) = self.center.wants_disk() {
            let at = self.now + self.chance.within(ms(0), self.center.longest_write);
            self.put(at, Event::Disk(life));
        }
    }

    /// The disk breaks, or works again.
    pub(crate) fn break_disk(&mut self, broken: bool) {
        self.center.disk_broken = broken;
        if !broken {
            let leaving = self.center.restore(self.now, &mut self.witness);
            self.send_all(Node::Server, leaving);
        }
    }

    /// A datagram out of nowhere reaches the server.
    pub(crate) fn inject(&mut self, parcel: Parcel) {
        self.serve(Input::Datagram(parcel.datagram()));
    }

    fn after_host(&mut self, number: usize) {
        let host = &mut self.hosts[number];
        let wakes_at = host.net.next_at();
        let before = std::mem::replace(&mut host.wakes_at, wakes_at);
        let (link, sent) = (host.link, host.net.uplink.replace(Vec::new()).unwrap_or_default());
        let installed: Option<Ipv4Addr> = host.net.address();
        if let Some(before) = before {
            self.calendar.remove(&(before, number));
        }
        if let Some(at) = wakes_at {
            self.calendar.insert((at, number));
        }
        self.witness.installed(number, installed);
        for sent in sent {
            let source = sent.source.unwrap();
            let to = SocketAddrV6::new(sent.to, 547, 0, 0);
            self.send(Node::Host(number), link, SocketAddrV6::new(source, 546, 0, 0), to, &sent.payload);
        }
    }

    fn send_all(&mut self, node: Node, effects: Vec<Effect>) {
        for effect in effects {
            let Effect::Send { via, interface, source, to, payload } = effect else { continue };
            if [Port::Transport6, Port::Server4].contains(&via) {
                self.send_to_plain(to, payload);
                continue;
            }
            let port = if let Port::Upstream6(port) = via { port } else { 547 };
            let Some((link, source)) = self.topology.leaves_by(node, interface, source, *to.ip()) else {
                continue;
            };
            self.send(node, link, SocketAddrV6::new(source, port, 0, 0), to, &payload);
        }
    }

    /// An answer by port 67: to all that hear what their agent gets, or to the address of one.
    fn send_to_plain(&mut self, to: SocketAddrV6, payload: Vec<u8>) {
        let message = v4::Message::parse(&payload).unwrap();
        let information = message.option(code::RELAY_AGENT);
        let through = information.as_deref().and_then(AgentInformation::parse);
        let through = through.and_then(|said| said.cra6addr(agent::code::CRA6ADDR).ok());
        let hears = |plain: &Plain| match through {
            Some(agent) => plain.is_reached_through_tra() && plain.agent == agent,
            None => {
                plain.agent == *to.ip()
                    || plain.address().is_some_and(|address| address.to_ipv6_mapped() == *to.ip())
            }
        };
        let receivers: Vec<_> = (0..self.plain.len()).filter(|number| hears(&self.plain[*number])).collect();
        for number in receivers {
            let parcel = plain::at_67(Port::Transport6, Ipv6Addr::LOCALHOST, 67, *to.ip(), payload.clone());
            self.carry(Node::Plain(number), parcel);
        }
    }

    /// A datagram leaves `node` by `link`, and reaches whoever it is for, or not.
    fn send(&mut self, node: Node, link: usize, from: SocketAddrV6, to: SocketAddrV6, payload: &[u8]) {
        let hosts = self.hosts.iter().enumerate();
        let hosts = hosts.filter(|(_, host)| {
            let here = host.link == link || !to.ip().is_unicast_link_local();
            to.port() == 546 && here && !to.ip().is_multicast() && host.net.kernel.has(*to.ip())
        });
        let mut receivers: Vec<(Node, u32)> = hosts.map(|(number, _)| (Node::Host(number), 0)).collect();
        receivers.extend(self.topology.receivers(node, link, *to.ip()));
        for (receiver, interface) in receivers {
            let scope = if from.ip().is_unicast_link_local() { interface } else { 0 };
            let from = SocketAddrV6::new(*from.ip(), from.port(), 0, scope);
            let via = if to.port() == 547 { Port::Dhcp6 } else { Port::Upstream6(to.port()) };
            let parcel = Parcel { interface, via, from, to: *to.ip(), payload: payload.to_vec() };
            self.carry(receiver, parcel);
        }
    }

    fn carry(&mut self, receiver: Node, parcel: Parcel) {
        let weather = self.weather;
        let copies = if self.chance.happens(weather.duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.happens(weather.loss) {
                continue;
            }
            let mut at = self.now + self.chance.within(weather.latency.0, weather.latency.1);
            if self.chance.happens(weather.stragglers) {
                at = at + self.chance.within(ms(0), secs(10));
            }
            let parcel = parcel.clone();
            let event = match receiver {
                Node::Host(number) => Event::ToHost(number, parcel),
                Node::Agent(agent) => Event::ToAgent(agent, parcel),
                Node::Server => Event::ToServer(parcel),
                Node::Plain(number) => Event::ToPlain(number, parcel),
            };
            self.put(at, event);
        }
    }

    fn put(&mut self, at: Instant, event: Event) {
        self.next += 1;
        self.queue.insert((at, self.next), event);
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {}: {}", self.seed, self.brief());
            for line in self.witness.last_lines() {
                eprintln!("  {line}");
            }
        }
    }
}
