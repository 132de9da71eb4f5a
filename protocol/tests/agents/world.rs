//! Virtual time, clients on a link or a host, their agent, and what is between it and the provider.

use crate::chance::Chance;
use crate::client::{Client, State};
use crate::provider::Provider;
use crate::watch::{Done, Watch};
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{self, Datagram, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::hcra::{AGENT, Action, Hcra};
use dhcp4o6_protocol::role::lcra::{Lcra, LcraSettings};
use dhcp4o6_protocol::settings::{Encapsulation, HcraSettings, SourceCheck};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::frame::{self, Content, EVERYBODY, Frame, Mac};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

pub(crate) const SERVER: &str = "2001:db8:9::67";
/// Nobody answers there.
pub(crate) const NOBODY: &str = "2001:db8:9::dead";
/// Addresses that the agent has, one after the other.
pub(crate) const OWN: [&str; 3] = ["2001:db8:1:1::18", "2001:db8:1:2::18", "2001:db8:1:3::18"];
/// The Ethernet address of the interface that an agent on a link is at.
const INTERFACE: Mac = [2, 0, 0x5e, 0, 0, 1];

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What happens to datagrams and frames.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    pub(crate) latency: (Duration, Duration),
}

impl Weather {
    pub(crate) const FAIR: Self = Self { loss: 0.0, duplicates: 0.0, latency: (ms(1), ms(5)) };
}

/// A message on its way between the agent and the provider.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) from: Ipv6Addr,
    pub(crate) to: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Event {
    ToAgent(Vec<u8>),
    ToProvider(Asked),
    Answer(Asked),
    ToClients(Vec<u8>),
}

/// The role under test.
pub(crate) enum Agent {
    OnLink(Box<Lcra>),
    OnHost(Box<Hcra>),
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) weather: Weather,
    pub(crate) agent: Agent,
    pub(crate) own: Ipv6Addr,
    pub(crate) servers: Vec<Ipv6Addr>,
    pub(crate) encapsulation: Encapsulation,
    provider: Provider,
    pub(crate) clients: Vec<Client>,
    pub(crate) watch: Watch,
    /// Frames and answers of late, to be sent again or changed.
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) answers: Vec<Asked>,
    events: BTreeMap<(Instant, u64), Event>,
    serial: u64,
}

impl World {
    /// Everything chosen by the seed, but where the agent is.
    pub(crate) fn new(seed: u64, on_link: bool) -> Self {
        let mut chance = Chance::seeded(seed ^ 0xa6e7);
        let now = Instant::from_secs(1000);
        let through_tra = chance.happens(0.5);
        let private = through_tra && chance.happens(0.2);
        let encapsulation = if private { Encapsulation::Private } else { Encapsulation::Off };
        let provider = if through_tra {
            Provider::tra(now, encapsulation, &mut chance)
        } else {
            Provider::tsv(now, &mut chance)
        };
        let servers = if chance.happens(0.3) { vec![ip(NOBODY), ip(SERVER)] } else { vec![ip(SERVER)] };
        let agent = if on_link {
            Agent::OnLink(Box::new(Lcra::new(lcra(&servers, encapsulation, &mut chance))))
        } else {
            Agent::OnHost(Box::new(Hcra::new(&HcraSettings { encapsulation, ..HcraSettings::default() })))
        };
        let most = if on_link { 5 } else { 2 };
        let clients =
            (1..=1 + chance.below(most)).map(|n| Client::new(u8::try_from(n).unwrap(), 0, &mut chance));
        let clients = clients.collect();
        let mut world = Self {
            now,
            weather: Weather::FAIR,
            agent,
            own: ip(OWN[0]),
            servers,
            encapsulation,
            provider,
            clients,
            watch: Watch::default(),
            frames: Vec::new(),
            answers: Vec::new(),
            events: BTreeMap::new(),
            serial: 0,
            chance,
        };
        world.watch.reached.insert(if through_tra { "tra" } else { "tsv" });
        world.place();
        world.change_weather();
        world
    }

    /// The agent learns where it is and whom to ask.
    pub(crate) fn place(&mut self) {
        match &mut self.agent {
            Agent::OnLink(lcra) => {
                let addresses4 =
                    if self.chance.happens(0.5) { vec![Ipv4Addr::new(192, 0, 2, 1)] } else { vec![] };
                let lan = Interface {
                    index: 3,
                    name: "lan0".to_owned(),
                    running: true,
                    addresses: vec![ip("fe80::1")],
                    addresses4,
                    hardware: dhcp4o6_protocol::ids::HardwareAddress::ethernet(INTERFACE),
                    mtu: 1500,
                };
                let addresses = vec![ip("fe80::2"), self.own];
                let wan = Interface { index: 2, name: "wan0".to_owned(), addresses, ..lan.clone() };
                let mut out = Vec::new();
                lcra.set_servers(self.servers.clone());
                lcra.handle(self.now, Input::Interfaces(&[lan, wan]), &mut out);
                assert_eq!(out, []);
            }
            Agent::OnHost(hcra) => hcra.set_gate(Some(self.own), &self.servers, &mut Vec::new()),
        }
    }

    /// The agent begins anew and remembers nothing.
    pub(crate) fn restart(&mut self) {
        let (servers, encapsulation) = (self.servers.clone(), self.encapsulation);
        match &mut self.agent {
            Agent::OnLink(agent) => **agent = Lcra::new(lcra(&servers, encapsulation, &mut self.chance)),
            Agent::OnHost(agent) => {
                **agent = Hcra::new(&HcraSettings { encapsulation, ..HcraSettings::default() });
            }
        }
        self.watch.restarted();
        self.place();
    }

    /// The Ethernet address of the agent, as clients see it.
    pub(crate) fn hardware(&self) -> Mac {
        if matches!(self.agent, Agent::OnLink(_)) { INTERFACE } else { AGENT }
    }

    pub(crate) fn change_weather(&mut self) {
        let chance = &mut self.chance;
        let latencies = [(ms(1), ms(5)), (ms(1), ms(500)), (ms(100), ms(3000)), (secs(1), secs(130))];
        self.weather = Weather {
            loss: chance.one_of(&[0.0, 0.1, 0.3]),
            duplicates: chance.one_of(&[0.0, 0.0, 0.2]),
            latency: chance.one_of(&latencies),
        };
    }

    /// Runs until then, or until `done`.
    pub(crate) fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let client = self.clients.iter().map(|client| client.next_at).min();
            let agent = self.agent_deadline();
            let next = [event, client, self.provider.deadline(), agent].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn agent_deadline(&self) -> Option<Instant> {
        match &self.agent {
            Agent::OnLink(lcra) => lcra.deadline(),
            Agent::OnHost(hcra) => hcra.deadline(),
        }
    }

    fn step(&mut self) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= self.now);
        if due(self.provider.deadline()) {
            self.ask(None);
        } else if due(self.agent_deadline()) {
            let Agent::OnHost(hcra) = &mut self.agent else { panic!("an agent on a link has no deadline") };
            hcra.on_deadline(self.now, &mut Vec::new());
            assert!(hcra.deadline().is_none_or(|at| at > self.now), "a deadline that has not moved");
        } else if let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Event::ToAgent(frame) => self.hear_frame(frame, false),
                Event::ToProvider(asked) => self.ask(Some(&asked)),
                Event::Answer(answer) => self.hear_answer(answer, false),
                Event::ToClients(frame) => self.deliver(&frame),
            }
        } else if let Some(number) = self.clients.iter().position(|client| client.next_at <= self.now) {
            let message = self.clients[number].wake(self.now, &mut self.chance);
            self.say(number, message);
        }
        self.check_leases();
    }

    /// No two clients have one address.
    fn check_leases(&self) {
        let held = self.clients.iter().filter_map(|client| client.lease);
        let held = held.filter(|(_, _, until)| *until > self.now).map(|(address, ..)| address);
        let mut held: Vec<_> = held.collect();
        let count = held.len();
        held.sort();
        held.dedup();
        assert_eq!(held.len(), count, "two clients have one address");
    }

    fn ask(&mut self, asked: Option<&Asked>) {
        for (to, payload) in self.provider.handle(self.now, asked, &mut self.chance) {
            self.send(Event::Answer(Asked { from: ip(SERVER), to, payload }));
        }
    }

    fn station(number: usize) -> Mac {
        [2, 0, 0x5e, 0x10, 0, u8::try_from(number + 1).unwrap()]
    }

    /// What a client says, in a frame.
    fn say(&mut self, number: usize, message: Option<Vec<u8>>) {
        let Some(payload) = message else { return };
        let client = &self.clients[number];
        let (mut to, mut source, mut destination) = (EVERYBODY, Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST);
        if let (State::Rebinding, Some((address, server, _))) = (client.state, client.lease) {
            source = address;
            if matches!(self.agent, Agent::OnHost(_)) && self.chance.happens(0.5) {
                (to, destination) = (AGENT, server);
                self.watch.reached.insert("unicast");
            }
        }
        let datagram = frame::Datagram {
            source: SocketAddrV4::new(source, 68),
            destination: SocketAddrV4::new(destination, 67),
            payload: &payload,
        };
        let frame = datagram.emit(to, Self::station(number)).unwrap();
        self.send(Event::ToAgent(frame));
    }

    /// A frame reaches the agent.
    pub(crate) fn hear_frame(&mut self, octets: Vec<u8>, forged: bool) {
        let done = match &mut self.agent {
            Agent::OnLink(lcra) => {
                let mut out = Vec::new();
                let frame = provider::Frame { interface: 3, checksum_pending: false, octets: &octets };
                lcra.handle(self.now, Input::Frame(frame), &mut out);
                done_on_link(out, self.own)
            }
            Agent::OnHost(hcra) => {
                let mut out = Vec::new();
                let refused = hcra.on_frame(self.now, &octets, &mut out).err();
                Done { refused, ..done_on_host(out, hcra.servers()) }
            }
        };
        self.watch.heard_frame(self.now, &octets, &done, &self.servers, self.hardware());
        for (to, payload) in done.sent {
            self.send(Event::ToProvider(Asked { from: self.own, to, payload }));
        }
        if !forged {
            remember(&mut self.frames, octets);
        }
    }

    /// A datagram reaches the agent's port 67.
    pub(crate) fn hear_answer(&mut self, answer: Asked, forged: bool) {
        let Asked { from, to, payload } = &answer;
        // Sent to an address that it had before.
        if *to != self.own && !forged {
            return;
        }
        let done = match &mut self.agent {
            Agent::OnLink(lcra) => {
                let (mut out, from) = (Vec::new(), SocketAddrV6::new(*from, 67, 0, 0));
                let via = Port::Cra6(self.own);
                lcra.handle(
                    self.now,
                    Input::Datagram(Datagram { via, interface: 2, from, to: *to, payload }),
                    &mut out,
                );
                done_on_link(out, self.own)
            }
            Agent::OnHost(hcra) => {
                let mut out = Vec::new();
                let refused = hcra.on_datagram(self.now, *from, *to, payload, &mut out).err();
                Done { refused, ..done_on_host(out, hcra.servers()) }
            }
        };
        let place = (self.own, self.hardware());
        self.watch.heard_answer(self.now, &answer, &done, &self.servers, place, self.encapsulation);
        // What is damaged in good form reaches the client, who cannot know; here it does not, to keep its lease true.
        for frame in done.frames.into_iter().filter(|_| !forged) {
            self.send(Event::ToClients(frame));
        }
        if !forged {
            remember(&mut self.answers, answer);
        }
    }

    fn deliver(&mut self, octets: &[u8]) {
        let frame = Frame::parse(octets, false).unwrap();
        let Content::Dhcp(datagram) = frame.content else { panic!("not DHCP") };
        for number in 0..self.clients.len() {
            if frame.to == EVERYBODY || frame.to == Self::station(number) {
                let client = &mut self.clients[number];
                let said = client.receive(self.now, datagram.payload, &mut self.chance);
                self.say(number, said);
            }
        }
    }

    fn send(&mut self, event: Event) {
        let Weather { loss, duplicates, latency: (shortest, longest) } = self.weather;
        let copies = if self.chance.happens(duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.happens(loss) {
                continue;
            }
            // A link is fast.
            let local = matches!(event, Event::ToAgent(_) | Event::ToClients(_));
            let longest = if local { longest.min(ms(20)) } else { longest };
            let at = self.now + self.chance.within(shortest.min(longest), longest);
            self.serial += 1;
            self.events.insert((at, self.serial), event.clone());
        }
    }

    pub(crate) fn all_bound(&self) -> bool {
        self.clients.iter().all(|client| client.is_bound(self.now))
    }
}

fn remember<T>(list: &mut Vec<T>, what: T) {
    if list.len() >= 32 {
        list.remove(0);
    }
    list.push(what);
}

fn done_on_link(effects: Vec<Effect>, own: Ipv6Addr) -> Done {
    let mut done = Done::default();
    for effect in effects {
        match effect {
            Effect::Send { via, source, to, payload, .. } => {
                assert_eq!((via, source, to.port()), (Port::Cra6(own), Some(own), 67));
                done.sent.push((*to.ip(), payload));
            }
            Effect::Frame { interface, octets } => {
                assert_eq!(interface, 3, "to the clients' link");
                done.frames.push(octets);
            }
            Effect::Refused(refused) => done.refused = Some(refused),
            Effect::Notify(notice) => done.notice = Some(notice.word()),
            Effect::Journal(_) => panic!("an agent keeps nothing"),
        }
    }
    done
}

fn done_on_host(actions: Vec<Action>, servers: &[Ipv6Addr]) -> Done {
    let mut done = Done::default();
    for action in actions {
        match action {
            Action::Relay(payload) => done.sent.extend(servers.iter().map(|to| (*to, payload.clone()))),
            Action::Frame(octets) => done.frames.push(octets),
            Action::Carrier(_) => panic!("the gate did not move"),
            Action::Lease(event) => done.notice = Some(event.kind.word()),
        }
    }
    done
}

fn lcra(servers: &[Ipv6Addr], encapsulation: Encapsulation, chance: &mut Chance) -> LcraSettings {
    let id = encapsulation == Encapsulation::Private && chance.happens(0.7);
    LcraSettings {
        clients: "lan0".to_owned(),
        upstream: "wan0".to_owned(),
        servers: servers.to_vec(),
        source: None,
        unique_local: false,
        source_check: SourceCheck::Strict,
        hops_limit: 4,
        allow: if chance.happens(0.3) { (0..8).map(World::station).collect() } else { Vec::new() },
        rate_per_client: 10,
        rate: 200,
        pending: 4096,
        encapsulation,
        circuit_id: id.then(|| b"lan".to_vec()),
        remote_id: None,
    }
}
