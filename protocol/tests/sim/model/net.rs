//! The network: it moves datagrams and time, and does what a driver does with a role.

use super::attacker::Attacker;
use super::chance::Chance;
use super::kernel::Kernel;
use super::ms;
use super::server::Server;
use super::watch::Watch;
use dhcp4o6_protocol::ids::{Duid, EndpointId, Iaid};
use dhcp4o6_protocol::lease::{Ipv4Config, LeaseEvent};
use dhcp4o6_protocol::machine::{Command, Datagram, Input, Machine, OpenError, Port, Question};
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::refused::Counters;
use dhcp4o6_protocol::role::link::Link;
use dhcp4o6_protocol::settings::LinkSettings;
use dhcp4o6_protocol::status::{LinkState, Status};
use dhcp4o6_protocol::time::{Instant, earliest};
use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

/// How datagrams fare.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    pub(crate) damage: f64,
    pub(crate) latency: (Duration, Duration),
    /// This share is late by up to ten seconds, and so overtaken.
    pub(crate) stragglers: f64,
}

impl Weather {
    pub(crate) const FAIR: Self =
        Self { loss: 0.0, duplicates: 0.0, damage: 0.0, latency: (ms(1), ms(20)), stragglers: 0.0 };
}

pub(super) enum Event {
    ToServer {
        server: usize,
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    ToClient {
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    /// DHCPv4 for a server at port 67, by IPv6 or by IPv4.
    ToServer67 {
        server: usize,
        from: SocketAddrV6,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    /// An answer for the client relay agent.
    To67 {
        from: SocketAddrV6,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    /// An answer by IPv4 to a leased address, mapped.
    To68 {
        from: SocketAddrV6,
        to: Ipv6Addr,
        payload: Vec<u8>,
    },
    /// Resolvers answer, or not, to the question with this number.
    Resolvers(u64),
    Arp(EndpointId, Vec<u8>),
    /// The driver tries again what the kernel refused.
    Retry,
    Start,
}

/// A datagram that left the link.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) at: Instant,
    pub(crate) source: Option<Ipv6Addr>,
    pub(crate) to: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

pub(crate) struct Net {
    seed: u64,
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    queue: BTreeMap<(Instant, u64), Event>,
    next: u64,
    pub(crate) weather: Weather,
    pub(crate) servers: Vec<Server>,
    pub(crate) attacker: Option<Attacker>,
    /// What leaves the link, if somebody else carries it than this network.
    pub(crate) uplink: Option<Vec<Sent>>,
    pub(super) attacked: bool,
    pub(crate) kernel: Kernel,
    /// What is on disk.
    pub(super) disk: LinkRecord,
    /// What waits in memory for a disk that cannot be written.
    pub(super) unwritten: Option<LinkRecord>,
    pub(super) disk_broken: bool,
    pub(crate) settings: LinkSettings,
    pub(super) duid: Duid,
    pub(super) link: Option<Box<Link>>,
    pub(super) sockets: Vec<Port>,
    /// What opening a socket brings.
    pub(crate) port546: Result<(), OpenError>,
    pub(crate) port68: Result<(), OpenError>,
    /// The same for the port of the client relay agent, and that of a renewal past it.
    pub(crate) port67: Result<(), OpenError>,
    pub(crate) direct: Result<(), OpenError>,
    /// There is a way by IPv4 from the leased address to the server.
    pub(crate) routed4: bool,
    /// What resolvers are asked, and what they say.
    pub(super) question: Option<Question>,
    /// Transaction ids of DHCPv4 that left for port 67 in the last two minutes.
    pub(super) asked: BTreeMap<u32, Instant>,
    /// Questions so far.
    pub(super) questions: u64,
    pub(crate) found: Option<Vec<Ipv6Addr>>,
    /// Somebody on the target's link has this IPv4 address.
    pub(crate) neighbour: Option<Ipv4Addr>,
    /// What the kernel refused, to be tried again after a while.
    pub(super) wanted: BTreeMap<EndpointId, Option<Box<Ipv4Config>>>,
    pub(super) retry: Duration,
    /// The process dies after this many more effects.
    pub(crate) dies_after: Option<usize>,
    pub(crate) watch: Watch,
    pub(crate) sent: Vec<Sent>,
    pub(crate) keeps_sent: bool,
    pub(crate) told: Vec<(Instant, LeaseEvent)>,
    /// When the link became bound, each time.
    pub(crate) bound_at: Vec<Instant>,
    pub(crate) refused: Counters,
    pub(crate) has_stopped: bool,
    pub(crate) steps: u64,
    pub(super) trace: Option<VecDeque<String>>,
}

impl Net {
    /// A link that does not exist yet, in fair weather, without servers.
    pub(crate) fn seeded(seed: u64) -> Self {
        Self::of_host(1, seed)
    }

    /// The same on the machine with this number.
    pub(crate) fn of_host(host: u16, seed: u64) -> Self {
        let kernel = Kernel::new(host);
        let now = Instant::from_secs(1000);
        let mut settings = LinkSettings::default();
        settings.dhcp6.prefix = false;
        Self {
            seed,
            now,
            chance: Chance::seeded(seed),
            queue: BTreeMap::new(),
            next: 0,
            weather: Weather::FAIR,
            servers: Vec::new(),
            attacker: None,
            attacked: false,
            disk: LinkRecord::new(Iaid(0x5e10_0000 | u32::from(host))),
            unwritten: None,
            disk_broken: false,
            settings,
            duid: Duid::link_layer(1, &kernel.mac()).unwrap(),
            kernel,
            uplink: None,
            link: None,
            sockets: Vec::new(),
            port546: Ok(()),
            port68: Ok(()),
            port67: Ok(()),
            direct: Ok(()),
            routed4: true,
            question: None,
            asked: BTreeMap::new(),
            questions: 0,
            found: None,
            neighbour: None,
            wanted: BTreeMap::new(),
            retry: ms(1000),
            dies_after: None,
            watch: Watch::new(now),
            sent: Vec::new(),
            keeps_sent: true,
            told: Vec::new(),
            bound_at: Vec::new(),
            refused: Counters::default(),
            has_stopped: false,
            steps: 0,
            trace: Some(VecDeque::new()),
        }
    }

    /// For runs of many seeds: keeps nothing that only a reader needs.
    pub(crate) fn quiet(mut self) -> Self {
        self.trace = None;
        self.keeps_sent = false;
        self
    }

    /// Keeps the last lines of the history, to be printed with a failure.
    pub(crate) fn traced(mut self) -> Self {
        self.trace = Some(VecDeque::new());
        self
    }

    pub(crate) fn loss(mut self, share: f64) -> Self {
        self.weather.loss = share;
        self
    }

    pub(crate) fn server(mut self, server: Server) -> Self {
        self.servers.push(server);
        self
    }

    pub(crate) fn set(mut self, change: impl FnOnce(&mut LinkSettings)) -> Self {
        change(&mut self.settings);
        self
    }

    /// The link appears with a router that says M and O, and the process starts.
    pub(crate) fn up(mut self) -> Self {
        self.kernel.advertise(self.now, true, true, Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0)));
        self.kernel.plug(self.now);
        self.start();
        self
    }

    /// The process starts from what is on disk.
    pub(crate) fn start(&mut self) {
        if self.link.is_some() {
            return;
        }
        let seed = self.chance.seed();
        let link = Link::new(self.settings.clone(), self.duid.clone(), self.disk.clone(), seed);
        self.link = Some(Box::new(link));
        self.has_stopped = false;
        self.kernel.restarted();
        self.watch.restarted(self.now);
        self.kernel.forget_news();
        self.note(|_| "the process starts".to_owned());
        self.settle();
    }

    /// The process dies between two instructions, and is started again after a while.
    pub(crate) fn kill(&mut self, restart_after: Duration) {
        self.note(|_| "the process dies".to_owned());
        self.link = None;
        self.sockets.clear();
        self.question = None;
        self.wanted.clear();
        self.unwritten = None;
        self.dies_after = None;
        self.watch.reached.insert("crash");
        let at = self.now + restart_after;
        self.put(at, Event::Start);
    }

    /// The disk breaks, or is well again and takes what waited for it.
    pub(crate) fn break_disk(&mut self, broken: bool) {
        self.disk_broken = broken;
        if let Some(record) = self.unwritten.take_if(|_| !broken) {
            self.disk = record;
        }
    }

    pub(crate) fn command(&mut self, command: Command) {
        self.input(Input::Command(command));
        self.settle();
    }

    /// The configuration is read again.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(&mut LinkSettings)) {
        change(&mut self.settings);
        let settings = Box::new(self.settings.clone());
        self.input(Input::Settings(settings));
        self.settle();
    }

    /// The kernel's state changed by somebody else's hand; the link is told.
    pub(crate) fn settle(&mut self) {
        if self.link.is_none() {
            return;
        }
        if let Some(facts) = self.kernel.news() {
            self.input(Input::Link(&Arc::new(facts)));
        }
    }

    /// Somebody removes our IPv4 address.
    pub(crate) fn steal_address(&mut self) {
        let id = EndpointId(self.chance.octet() % self.kernel.endpoints);
        if self.kernel.steal(id) {
            self.input(Input::AddressRemoved(id));
            self.settle();
        }
    }

    /// The machine sleeps: time passes, nothing runs, what arrives is lost.
    pub(crate) fn sleep(&mut self, span: Duration) {
        self.now = self.now + span;
        let now = self.now;
        let stays = |event: &Event| matches!(event, Event::Start | Event::Retry | Event::Resolvers(_));
        self.queue.retain(|(at, _), event| *at > now || stays(event));
        let late = std::mem::take(&mut self.queue);
        for ((at, _), event) in late {
            self.put(at.max(now), event);
        }
        self.kernel.tick(now);
        self.watch.reached.insert("sleep");
        if self.chance.happens(0.5) && self.deadline().is_some_and(|at| at <= now) {
            self.input(Input::Deadline);
        }
        self.command(Command::Resumed);
    }

    pub(crate) fn status(&self) -> Status {
        self.link.as_ref().map(|link| link.status().clone()).unwrap_or_default()
    }

    pub(crate) fn is_bound(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.status().state == LinkState::Bound)
    }

    /// The IPv4 address on the target.
    pub(crate) fn address(&self) -> Option<Ipv4Addr> {
        self.kernel.installed().map(|config| config.address)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.link.as_ref().and_then(|link| link.deadline())
    }

    /// Runs until `done`, and fails when that takes longer than `limit`. Returns how long it took.
    #[track_caller]
    pub(crate) fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) -> Duration {
        let start = self.now;
        while !done(self) {
            assert!(self.step(start + limit), "not done within {limit:?}: {:?}", self.brief());
        }
        self.now.since(start)
    }

    #[track_caller]
    pub(crate) fn until_bound(&mut self, limit: Duration) -> Duration {
        self.run_until(limit, Self::is_bound)
    }

    pub(crate) fn run_for(&mut self, span: Duration) {
        self.run_to(self.now + span);
    }

    /// Everything until `end`, and at it.
    pub(crate) fn run_to(&mut self, end: Instant) {
        while self.step(end) {}
    }

    /// When something happens next.
    pub(crate) fn next_at(&self) -> Option<Instant> {
        let event = self.queue.first_key_value().map(|((at, _), _)| *at);
        [event, self.deadline(), self.kernel.deadline()].into_iter().fold(None, earliest)
    }

    /// The next thing that happens, not later than `limit`. False, at `limit`, when nothing happens until then.
    fn step(&mut self, limit: Instant) -> bool {
        let next = self.next_at();
        let (deadline, kernel) = (self.deadline(), self.kernel.deadline());
        let at = next.unwrap_or(limit).max(self.now);
        if at > self.now {
            self.check();
        }
        if at > limit || next.is_none() {
            self.now = limit;
            return false;
        }
        self.steps += 1;
        if at > self.now && self.chance.happens(0.02) {
            // Too early changes nothing.
            self.early_deadline(at);
        }
        self.now = at;
        let due = |moment: Option<Instant>| moment.is_some_and(|moment| moment <= at);
        let kernel_first = self.chance.happens(0.5);
        if due(kernel) && (kernel_first || !due(deadline)) {
            self.kernel.tick(at);
            self.settle();
        } else if due(deadline) {
            self.input(Input::Deadline);
            let next = self.deadline();
            assert!(
                next.is_none_or(|next| next > at),
                "a deadline was handled and has not moved: {:?}",
                self.brief()
            );
            self.settle();
        } else if let Some((_, event)) = self.queue.pop_first() {
            self.happen(event);
            self.settle();
        }
        true
    }

    fn early_deadline(&mut self, at: Instant) {
        let Some(link) = self.link.as_mut() else { return };
        let early = Instant::from_micros(u64::midpoint(self.now.as_micros(), at.as_micros()));
        let before = link.deadline();
        if before.is_some_and(|at| at <= early) || early <= self.now {
            return;
        }
        let mut out = Vec::new();
        link.handle(early, Input::Deadline, &mut out);
        assert!(out.is_empty(), "a deadline that came early had effects: {out:?}");
        assert_eq!(link.deadline(), before, "a deadline that came early moved");
    }

    fn check(&mut self) {
        let Some(link) = &self.link else { return };
        let status = link.status();
        let trusted = !self.attacked;
        self.watch.settled(self.now, status, &self.kernel, &self.servers, trusted);
        if status.stopped && link.deadline().is_none() {
            self.watch.stopped(&self.kernel);
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::ToServer { server, from, to, payload } => {
                let now = self.now;
                let Some(server) = self.servers.get_mut(server) else { return };
                if let Some((source, answer)) = server.hear(now, to, &payload, &mut self.chance) {
                    self.answer(source, from, answer);
                }
            }
            Event::ToClient { from, to, payload } => self.arrive(from, to, &payload),
            Event::Arp(id, payload) => {
                if self.sockets.contains(&Port::Arp(id)) {
                    let nobody = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0);
                    self.deliver(Port::Arp(id), nobody, *nobody.ip(), &payload);
                }
            }
            Event::ToServer67 { server, from, to, payload } => self.ask_at_67(server, from, to, &payload),
            Event::To67 { from, to, payload } => self.arrive_at_agent(from, to, &payload),
            Event::To68 { from, to, payload } => self.arrive_directly(from, to, &payload),
            Event::Resolvers(question) => self.hear_resolvers(question),
            Event::Retry => {
                for (id, want) in std::mem::take(&mut self.wanted) {
                    self.configure(id, want);
                }
            }
            Event::Start => self.start(),
        }
    }

    /// A datagram reaches the link.
    pub(crate) fn arrive(&mut self, from: Ipv6Addr, to: Ipv6Addr, payload: &[u8]) {
        let ours = self.kernel.has(to) || (to.is_multicast() && self.kernel.running());
        if ours && self.sockets.contains(&Port::Client6) {
            self.deliver(Port::Client6, self.at_547(from), to, payload);
        }
    }

    /// A datagram that came from nowhere.
    pub(crate) fn inject(&mut self, from: Ipv6Addr, payload: &[u8]) {
        if self.kernel.running() && self.sockets.contains(&Port::Client6) {
            self.attacked = true;
            let to = self.kernel.link_local();
            self.deliver(Port::Client6, self.at_547(from), to, payload);
            self.settle();
        }
    }

    fn at_547(&self, from: Ipv6Addr) -> SocketAddrV6 {
        SocketAddrV6::new(from, 547, 0, self.kernel.index())
    }

    pub(super) fn deliver(&mut self, via: Port, from: SocketAddrV6, to: Ipv6Addr, payload: &[u8]) {
        let interface = self.kernel.index();
        self.watch.heard(&self.settings, payload);
        self.input(Input::Datagram(Datagram { via, interface, from, to, payload }));
    }

    pub(super) fn put(&mut self, at: Instant, event: Event) {
        self.next += 1;
        self.queue.insert((at, self.next), event);
    }

    /// One line of the history, kept for the reader of a failure.
    pub(super) fn note(&mut self, line: impl FnOnce(&Self) -> String) {
        if self.trace.is_some() {
            let line = format!("{:>14.6} {}", self.now.as_micros() as f64 / 1e6, line(self));
            let trace = self.trace.get_or_insert_default();
            trace.push_back(line);
            if trace.len() > 80 {
                trace.pop_front();
            }
        }
    }

    fn brief(&self) -> String {
        let status = self.status();
        format!(
            "seed {} at {}: {} ({}), permit {}, dhcp6 {}, dhcp4 {} waiting for {:?}",
            self.seed,
            self.now.as_micros() / 1_000_000,
            status.state.word(),
            status.reason,
            status.permit_state,
            status.dhcp6.state,
            status.client4.state,
            status.client4.waiting_for,
        )
    }
}

impl Drop for Net {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.brief());
            for line in self.trace.iter().flatten() {
                eprintln!("  {line}");
            }
        }
    }
}
