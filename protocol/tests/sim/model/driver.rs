//! What the daemon does with a role: hands it inputs, executes its effects front to back, and carries its datagrams.

use super::attacker::mutate;
use super::net::{Event, Net, Sent};
use super::witness67::Cause;
use super::{ms, secs};
use dhcp4o6_protocol::acd::Packet;
use dhcp4o6_protocol::ids::{EndpointId, HardwareAddress};
use dhcp4o6_protocol::lease::Ipv4Config;
use dhcp4o6_protocol::machine::{Effect, Input, Machine, OpenError, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::status::LinkState;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Refusals of a part of a datagram whose rest is used.
const PARTS: [Refused; 8] = [
    Refused::BadOption,
    Refused::BadIa,
    Refused::DuplicateOption,
    Refused::BadOption88,
    Refused::Option88Truncated,
    Refused::BadEnable,
    Refused::BadAftr,
    Refused::RateLimited,
];

/// What the driver has to tell once the effects of an input are executed.
enum Outcome {
    Opened(Port),
    Configured(EndpointId, bool),
}

impl Net {
    /// One input and all that follows from it at once.
    pub(super) fn input(&mut self, input: Input<'_>) {
        let mut outcomes = self.execute_all(input);
        while !outcomes.is_empty() {
            let outcome = outcomes.remove(0);
            let more = match outcome {
                Outcome::Opened(port) => {
                    let result = match port {
                        Port::Client6 => self.port546,
                        Port::Native4 => self.port68,
                        Port::Cra6(address) if self.kernel.has(address) => self.port67,
                        // EADDRNOTAVAIL.
                        Port::Cra6(_) => Err(OpenError::Other(99)),
                        Port::Direct4(id, address) => {
                            let there = self.kernel.installed_of(id).is_some_and(|c| c.address == address);
                            if there { self.direct } else { Err(OpenError::Other(99)) }
                        }
                        Port::Arp(_) | Port::Tap => Ok(()),
                    };
                    if result.is_err() || port == Port::Native4 {
                        self.sockets.retain(|open| *open != port);
                    }
                    self.execute_all(Input::Opened(port, result))
                }
                Outcome::Configured(id, taken) => {
                    let result = match (taken, &self.kernel.refuses) {
                        (false, Some(error)) => Err(error.clone()),
                        (false, None) => Err(dhcp4o6_protocol::machine::ConfigureError::NoTarget),
                        (true, _) => Ok(()),
                    };
                    self.execute_all(Input::Configured(id, result))
                }
            };
            outcomes.extend(more);
        }
    }

    fn execute_all(&mut self, input: Input<'_>) -> Vec<Outcome> {
        let now = self.now;
        let Some(mut link) = self.link.take() else { return Vec::new() };
        let datagram = matches!(input, Input::Datagram(_));
        let cause = Cause::of(&input);
        self.note(|_| brief(&input));
        let before = link.status().clone();
        let deadline = link.deadline();
        let mut effects = Vec::new();
        link.handle(now, input, &mut effects);
        let after = link.status().clone();
        if datagram && matches!(effects[..], [Effect::Refused(refused)] if !PARTS.contains(&refused)) {
            // Invariant 5.
            assert_eq!(link.deadline(), deadline, "a refused datagram moved a timer");
            assert_eq!(after, before, "a refused datagram changed the state");
        }
        self.link = Some(link);
        self.watch.effects(now, &self.settings, &before, &after, &effects);
        self.witness_67(&cause, &before, &after, &effects);
        if after.state == LinkState::Bound && before.state != LinkState::Bound {
            self.bound_at.push(now);
        }
        let mut outcomes = Vec::new();
        for effect in effects {
            if self
                .dies_after
                .as_mut()
                .is_some_and(|left| left.checked_sub(1).inspect(|less| *left = *less).is_none())
            {
                let pause = self.chance.within(ms(1), secs(3));
                self.kill(pause);
                return Vec::new();
            }
            self.execute(effect, &mut outcomes);
        }
        outcomes
    }

    fn execute(&mut self, effect: Effect, outcomes: &mut Vec<Outcome>) {
        let now = self.now;
        match effect {
            Effect::Open(port) => {
                self.sockets.push(port);
                outcomes.push(Outcome::Opened(port));
            }
            Effect::Close(port) => self.sockets.retain(|open| *open != port),
            Effect::Send { via: Port::Arp(id), payload, .. } => self.arp(id, &payload),
            Effect::Send { via, source, to, payload } => {
                assert!(self.sockets.contains(&via), "sent by a socket that is not open");
                match via {
                    Port::Cra6(address) => self.relay(address, to, payload),
                    Port::Direct4(id, address) => self.send_directly(id, address, to, payload),
                    _ => self.send(source, *to.ip(), payload),
                }
            }
            Effect::Assign6(want) => {
                self.note(|_| format!("  assign {:?}", want.iter().map(|a| a.address).collect::<Vec<_>>()));
                self.kernel.assign6(now, &want);
            }
            Effect::Frame(_) | Effect::Carrier(_) => panic!("no client of others here"),
            Effect::Resolve(question) => self.resolve(question),
            Effect::Configure(id, want) => outcomes.push(self.configure_now(id, want)),
            Effect::Save(record) => {
                if self.disk_broken {
                    self.unwritten = Some(*record);
                } else {
                    self.disk = *record;
                }
            }
            Effect::Notify(id, event) => {
                self.note(|_| format!("  {} {}", event.kind.word(), event.lease.address));
                let disk = (!self.disk_broken).then_some(&self.disk);
                self.watch.told((id, self.iaid_of(id)), &event, disk, &self.kernel);
                self.told.push((now, event));
            }
            Effect::Publish(status) => self.note(|_| {
                format!(
                    "  {} ({}), dhcp6 {}, permit {}, dhcp4 {}",
                    status.state.word(),
                    status.reason,
                    status.dhcp6.state,
                    status.permit_state,
                    status.client4.state
                )
            }),
            Effect::Refused(refused) => {
                self.note(|_| format!("  refused: {refused}"));
                self.refused.count(refused);
            }
            Effect::Stopped => {
                self.link = None;
                self.sockets.clear();
                self.has_stopped = true;
            }
        }
    }

    /// The driver's second attempt at what the kernel refused.
    pub(super) fn configure(&mut self, id: EndpointId, want: Option<Box<Ipv4Config>>) {
        if let Outcome::Configured(id, taken) = self.configure_now(id, want) {
            let result = match (taken, &self.kernel.refuses) {
                (true, _) => Ok(()),
                (false, Some(error)) => Err(error.clone()),
                (false, None) => Err(dhcp4o6_protocol::machine::ConfigureError::NoTarget),
            };
            self.input(Input::Configured(id, result));
        }
    }

    fn configure_now(&mut self, id: EndpointId, want: Option<Box<Ipv4Config>>) -> Outcome {
        let result = self.kernel.configure(self.now, id, want.as_deref());
        self.note(|_| {
            format!("  configure {id:?} {:?}: {result:?}", want.as_ref().map(|c| (c.address, c.expires_at)))
        });
        if result.is_err() {
            let at = self.now + self.retry;
            if self.wanted.is_empty() {
                self.put(at, Event::Retry);
            }
            self.retry = (self.retry * 2).min(secs(60));
            self.wanted.insert(id, want);
        } else {
            self.wanted.remove(&id);
            self.retry = secs(1);
        }
        Outcome::Configured(id, result.is_ok())
    }

    fn send(&mut self, source: Option<Ipv6Addr>, to: Ipv6Addr, payload: Vec<u8>) {
        let from = source.unwrap_or_else(|| self.kernel.link_local());
        self.note(|_| {
            format!("  send type {} {from} -> {to}, {} octets", payload.first().unwrap_or(&0), payload.len())
        });
        if self.keeps_sent {
            self.sent.push(Sent { at: self.now, source, to, payload: payload.clone() });
        }
        if !self.kernel.running() || !self.kernel.has(from) {
            return;
        }
        if let Some(uplink) = &mut self.uplink {
            uplink.push(Sent { at: self.now, source: Some(from), to, payload });
            return;
        }
        if let Some(mut attacker) = self.attacker.take() {
            let address = attacker.address();
            for forged in attacker.hear(self.now, to, &payload, &mut self.chance) {
                self.attacked = true;
                // Sometimes to everybody on the link.
                let to =
                    if self.chance.happens(0.1) { Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1) } else { from };
                self.answer(address, to, forged);
            }
            self.attacker = Some(attacker);
        }
        for server in 0..self.servers.len() {
            if self.servers[server].is_at(to) {
                self.carry(|payload| Event::ToServer { server, from, to, payload }, payload.clone(), false);
            }
        }
    }

    /// A datagram on its way to the client.
    pub(super) fn answer(&mut self, from: Ipv6Addr, to: Ipv6Addr, payload: Vec<u8>) {
        self.carry(|payload| Event::ToClient { from, to, payload }, payload, true);
    }

    pub(super) fn carry(&mut self, event: impl Fn(Vec<u8>) -> Event, payload: Vec<u8>, may_be_damaged: bool) {
        let weather = self.weather;
        let copies = if self.chance.happens(weather.duplicates) { 2 } else { 1 };
        for _ in 0..copies {
            if self.chance.happens(weather.loss) {
                continue;
            }
            let mut payload = payload.clone();
            if may_be_damaged && self.chance.happens(weather.damage) {
                self.attacked = true;
                mutate(&mut payload, &mut self.chance);
            }
            let mut at = self.now + self.chance.within(weather.latency.0, weather.latency.1);
            if self.chance.happens(weather.stragglers) {
                at = at + self.chance.within(ms(0), secs(10));
            }
            self.put(at, event(payload));
        }
    }

    /// The target's link hears an ARP packet; whoever has the address says so.
    fn arp(&mut self, id: EndpointId, payload: &[u8]) {
        let packet = Packet::parse(payload).expect("what is sent is well formed");
        self.watch.reached.insert("sent-arp");
        if self.neighbour == Some(packet.target) {
            let sender_hardware = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 0x99]);
            let answer =
                Packet { op: 2, sender_hardware, sender: packet.target, target: Ipv4Addr::UNSPECIFIED };
            let at = self.now + ms(2);
            self.put(at, Event::Arp(id, answer.emit()));
        }
    }
}

fn brief(input: &Input<'_>) -> String {
    match input {
        Input::Link(facts) => format!(
            "link {} up {} carrier {} {:?} ours4 {:?}",
            facts.index,
            facts.up,
            facts.carrier,
            facts.addresses.iter().map(|a| (a.address, a.tentative)).collect::<Vec<_>>(),
            facts.target(EndpointId::FIRST).map(|t| &t.ours4)
        ),
        Input::Datagram(datagram) => {
            format!("datagram type {} from {}", datagram.payload.first().unwrap_or(&0), datagram.from.ip())
        }
        Input::Settings(_) => "settings".to_owned(),
        other => format!("{other:?}"),
    }
}
