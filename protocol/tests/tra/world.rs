//! Clients, their client relay agents, the relay agent under test, servers, and the network between them.

use crate::chance::Chance;
use crate::client::Client;
use crate::server::{Habit, Server};
use crate::watch::Watch;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::cra::{Cra, Rules, sub_options};
use dhcp4o6_protocol::role::tra::{Tra, TraLink, TraSettings};
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

pub(crate) const GIADDR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
/// Addresses that the relay agent is asked at.
pub(crate) const OURS: [&str; 2] = ["2001:db8:9::67", "2001:db8:9::68"];

pub(crate) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// What happens to datagrams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weather {
    pub(crate) loss: f64,
    pub(crate) duplicates: f64,
    /// Shortest and longest way. Later ones overtake earlier ones.
    pub(crate) latency: (Duration, Duration),
}

impl Weather {
    pub(crate) const FAIR: Self = Self { loss: 0.0, duplicates: 0.0, latency: (ms(1), ms(5)) };
}

/// A datagram to the relay agent.
#[derive(Clone, Debug)]
pub(crate) struct Arriving {
    pub(crate) via: Port,
    pub(crate) from: SocketAddrV6,
    pub(crate) to: Ipv6Addr,
    pub(crate) payload: Vec<u8>,
}

#[derive(Clone, Debug)]
enum Event {
    Tra(Arriving),
    Server(usize, Vec<u8>),
    Agent { from: Ipv6Addr, to: Ipv6Addr, payload: Vec<u8> },
}

pub(crate) struct Agent {
    pub(crate) address: Ipv6Addr,
    cra: Cra<usize>,
}

pub(crate) struct World {
    pub(crate) now: Instant,
    pub(crate) chance: Chance,
    pub(crate) weather: Weather,
    pub(crate) settings: TraSettings,
    pub(crate) tra: Tra,
    pub(crate) agents: Vec<Agent>,
    pub(crate) clients: Vec<Client>,
    pub(crate) servers: Vec<Server>,
    pub(crate) watch: Watch,
    /// Of late, to be sent again or changed.
    pub(crate) seen: Vec<Arriving>,
    events: BTreeMap<(Instant, u64), Event>,
    serial: u64,
}

impl World {
    /// Everything chosen by the seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut chance = Chance::seeded(seed ^ 0x7e5a);
        let settings = settings(&mut chance);
        let habits = [Habit::Kea, Habit::Isc, Habit::Dnsmasq, Habit::Odd, Habit::Forgetful];
        // One at least returns everything that it is given.
        let first = chance.one_of(&[Habit::Kea, Habit::Isc]);
        let leases = [secs(120), secs(600), secs(3600)];
        let servers = settings.servers.iter().enumerate().map(|(number, address)| {
            let habit = if number == 0 { first } else { chance.one_of(&habits) };
            Server::new(*address, habit, chance.one_of(&leases))
        });
        let servers: Vec<_> = servers.collect();
        let agents: Vec<_> = (1..=1 + chance.below(4)).map(|n| agent(n, &settings, &mut chance)).collect();
        let clients = 1 + chance.below(6);
        let clients = (0..clients).map(|number| {
            let agent = chance.below(agents.len());
            Client::new(u8::try_from(number).unwrap(), agent, &mut chance)
        });
        let clients: Vec<_> = clients.collect();
        let mut world = Self {
            now: Instant::from_secs(1000),
            weather: Weather::FAIR,
            tra: Tra::new(settings.clone()),
            watch: Watch::new(&settings),
            settings,
            agents,
            clients,
            servers,
            seen: Vec::new(),
            events: BTreeMap::new(),
            serial: 0,
            chance,
        };
        world.change_weather();
        world.boot();
        world
    }

    /// The relay agent begins, or begins anew and remembers nothing.
    pub(crate) fn boot(&mut self) {
        self.tra = Tra::new(self.settings.clone());
        self.watch.restarted();
        let interface = Interface {
            index: 2,
            name: "eth0".to_owned(),
            running: true,
            addresses: [ip("fe80::9")].into_iter().chain(OURS.map(ip)).collect(),
            addresses4: vec![GIADDR],
            mtu: 1500,
            ..Interface::default()
        };
        let mut out = Vec::new();
        self.tra.handle(self.now, Input::Interfaces(&[interface]), &mut out);
        assert_eq!(out, []);
    }

    pub(crate) fn change_weather(&mut self) {
        let chance = &mut self.chance;
        self.weather = Weather {
            loss: chance.one_of(&[0.0, 0.1, 0.3]),
            duplicates: chance.one_of(&[0.0, 0.0, 0.2]),
            latency: chance.one_of(&[
                (ms(1), ms(5)),
                (ms(1), ms(500)),
                (ms(100), ms(3000)),
                (secs(1), secs(130)),
            ]),
        };
    }

    /// Runs until then, or until `done`.
    pub(crate) fn run_until(&mut self, end: Instant, done: impl Fn(&Self) -> bool) {
        while !done(self) {
            let event = self.events.first_key_value().map(|((at, _), _)| *at);
            let client = self.clients.iter().map(|client| client.next_at).min();
            let next = [event, client, self.tra.deadline()].into_iter().flatten().min();
            let Some(next) = next.filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.step();
        }
    }

    fn step(&mut self) {
        if self.tra.deadline().is_some_and(|deadline| deadline <= self.now) {
            self.drive(None);
        } else if let Some(entry) = self.events.first_entry().filter(|entry| entry.key().0 <= self.now) {
            match entry.remove() {
                Event::Tra(arriving) => self.drive(Some(arriving)),
                Event::Server(number, payload) => self.serve(number, &payload),
                Event::Agent { from, to, payload } => self.deliver(from, to, &payload),
            }
        } else if let Some(number) = self.clients.iter().position(|client| client.next_at <= self.now) {
            let message = self.clients[number].wake(self.now, &mut self.chance);
            self.hand_over(number, message);
        }
    }

    /// What a client says to its client relay agent.
    fn hand_over(&mut self, number: usize, message: Option<Vec<u8>>) {
        let Some(message) = message else { return };
        let agent = &mut self.agents[self.clients[number].agent];
        let Ok(payload) = agent.cra.up(self.now, &message, number) else {
            panic!("a client's message was refused by its own agent")
        };
        let from = SocketAddrV6::new(agent.address, 67, 0, 0);
        for to in agent.cra.servers().to_vec() {
            self.send(Event::Tra(Arriving { via: Port::Transport6, from, to, payload: payload.clone() }));
        }
    }

    /// Something arrives at the relay agent, or its deadline.
    pub(crate) fn drive(&mut self, arriving: Option<Arriving>) {
        let mut out = Vec::new();
        let input = match &arriving {
            None => Input::Deadline,
            Some(Arriving { via, from, to, payload }) => {
                Input::Datagram(Datagram { via: *via, interface: 2, from: *from, to: *to, payload })
            }
        };
        self.tra.handle(self.now, input, &mut out);
        self.watch.handled(self.now, arriving.as_ref(), &out, &self.tra);
        for effect in out {
            let Effect::Send { via, source, to, payload, .. } = effect else { continue };
            if via == Port::Transport6 {
                self.send(Event::Agent { from: source.unwrap_or(ip(OURS[0])), to: *to.ip(), payload });
            } else {
                let to = to.ip().to_ipv4_mapped().unwrap();
                let number = self.servers.iter().position(|server| server.address == to).unwrap();
                self.send(Event::Server(number, payload));
            }
        }
        if let Some(arriving) = arriving {
            if self.seen.len() >= 64 {
                self.seen.swap_remove(0);
            }
            self.seen.push(arriving);
        }
    }

    fn serve(&mut self, number: usize, payload: &[u8]) {
        let others: Vec<_> = self.settings.servers.clone();
        let server = &mut self.servers[number];
        let Some(payload) = server.answer(self.now, payload, &others, &mut self.chance) else { return };
        let from = SocketAddrV6::new(server.address.to_ipv6_mapped(), 67, 0, 0);
        let via = self.tra.ports()[1];
        self.send(Event::Tra(Arriving { via, from, to: GIADDR.to_ipv6_mapped(), payload }));
    }

    fn deliver(&mut self, from: Ipv6Addr, to: Ipv6Addr, payload: &[u8]) {
        // Somebody whom an attacker made up gets it.
        let Some(agent) = self.agents.iter().find(|agent| agent.address == to) else { return };
        let Ok(reply) = agent.cra.down(self.now, from, to, payload) else { return };
        let (number, octets) = (reply.client, reply.octets);
        let client = &mut self.clients[number];
        let said = client.receive(self.now, octets, &mut self.chance);
        self.hand_over(number, said);
    }

    fn send(&mut self, event: Event) {
        let Weather { loss, duplicates, latency: (shortest, longest) } = self.weather;
        let copies = if self.chance.happens(duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.happens(loss) {
                continue;
            }
            let at = self.now + self.chance.within(shortest, longest);
            self.serial += 1;
            self.events.insert((at, self.serial), event.clone());
        }
    }

    pub(crate) fn all_bound(&self) -> bool {
        self.clients.iter().all(|client| client.is_bound(self.now))
    }
}

fn settings(chance: &mut Chance) -> TraSettings {
    let servers = 1 + chance.below(3);
    let id = |chance: &mut Chance| chance.happens(0.2).then(|| vec![7; chance.below(40)]);
    let link = |sources: &str, prefix: &str| TraLink {
        sources: vec![sources.parse().unwrap()],
        prefix: prefix.parse().unwrap(),
    };
    let links = vec![link("2001:db8:1::/48", "192.0.2.0/24"), link("2001:db8::/32", "203.0.113.0/24")];
    TraSettings {
        addresses: if chance.happens(0.5) { OURS.map(ip).to_vec() } else { vec![] },
        accept_from: vec!["2001:db8::/32".parse().unwrap()],
        servers: (1..=servers).map(|n| Ipv4Addr::new(198, 51, 100, u8::try_from(n).unwrap())).collect(),
        giaddr: GIADDR,
        cra6addr: chance.one_of(&[46, 46, 46, 1, 254]),
        links: if chance.happens(0.5) { links } else { vec![] },
        circuit_id: id(chance),
        remote_id: id(chance),
        relay_id: id(chance),
        source_port: chance.one_of(&[67, 67, 6767]),
        match_requests: !chance.happens(0.1),
        snoop: chance.happens(0.5),
        encapsulation: if chance.happens(0.15) { Encapsulation::Private } else { Encapsulation::Off },
        rate_per_source: chance.one_of(&[50, 1000, 0]),
        rate: chance.one_of(&[0, 0, 200]),
        ..TraSettings::default()
    }
}

fn agent(number: usize, settings: &TraSettings, chance: &mut Chance) -> Agent {
    let address = ip(&format!("2001:db8:{number}:1::18"));
    let encapsulation = settings.encapsulation;
    let private = encapsulation == Encapsulation::Private;
    let circuit_id = (private && chance.happens(0.7)).then_some(&b"lan"[..]);
    let remote_id = circuit_id.map(|_| &b"here"[..]);
    // Under the code of CRA6ADDR as well: not 16 octets, so nobody takes it for an address.
    let rules = Rules { encapsulation, sub_options: sub_options(circuit_id, remote_id), ..Rules::default() };
    let mut cra = Cra::new(rules);
    // One that remembers nothing answers from its first address, whichever was asked.
    let choices = [&OURS[..1], &OURS[1..], &OURS];
    let servers: &[&str] = if settings.match_requests { chance.one_of(&choices) } else { choices[0] };
    cra.place(Some(address), &servers.iter().map(|server| ip(server)).collect::<Vec<_>>());
    Agent { address, cra }
}
