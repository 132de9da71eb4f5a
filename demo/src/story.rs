//! What happens at several places, in the order it happens, and how long each step took.

use crate::LIMIT;
use crate::show::{Kind, Screen};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v6::{Message, MessageType};
use dhcp4o6_protocol::wire::{v4, v6_option::OptionCode};
use dhcp4o6_tests::{BusClient, Capture, Change, Dhcp, Watch};
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

/// How often the screen catches up. Times are those of the events.
const REFRESH: Duration = Duration::from_millis(20);

/// A place where something can be seen.
pub(crate) struct Place<'a> {
    who: &'static str,
    wire: &'a Capture,
    /// At customers.
    customer: Option<(&'a mut BusClient, &'a Watch)>,
    frames: usize,
    changes: usize,
    signals: usize,
    bound: bool,
    steps: Vec<(&'static str, Instant)>,
}

struct Event {
    at: Instant,
    who: &'static str,
    kind: Kind,
    text: String,
}

impl<'a> Place<'a> {
    /// A place where only the wire can be seen.
    pub(crate) fn wire(who: &'static str, wire: &'a Capture) -> Self {
        Self {
            who,
            wire,
            customer: None,
            frames: wire.mark(),
            changes: 0,
            signals: 0,
            bound: true,
            steps: Vec::new(),
        }
    }

    /// A customer, until its service says that IPv4 is bound.
    pub(crate) fn customer(
        who: &'static str,
        wire: &'a Capture,
        client: &'a mut BusClient,
        kernel: &'a Watch,
    ) -> Self {
        Self { customer: Some((client, kernel)), bound: false, ..Self::wire(who, wire) }
    }

    fn packets(&mut self, events: &mut Vec<Event>) {
        let frames = self.wire.frames();
        for dhcp in frames.iter().skip(self.frames).filter_map(|frame| frame.dhcp()) {
            // A relay agent's side of the customers' links would show everything twice.
            let relayed = matches!(dhcp.kind, MessageType::RELAY_FORW | MessageType::RELAY_REPL);
            if self.customer.is_none() && !relayed {
                continue;
            }
            let arrow = if dhcp.outgoing { "-->" } else { "<--" };
            let text = format!("{arrow} {}", describe(&dhcp));
            events.push(Event { at: dhcp.at, who: self.who, kind: Kind::Wire, text });
            match (dhcp.kind, dhcp.outgoing) {
                (MessageType::REPLY, false) => self.step("DHCPv6 configured, 4o6 enabled", dhcp.at),
                (MessageType::DHCPV4_QUERY, true) => self.step("first DHCPv4-query", dhcp.at),
                (_, true) => self.step("first DHCPv6 message", dhcp.at),
                _ => {}
            }
        }
        self.frames = frames.len();
    }

    fn kernel(&mut self, events: &mut Vec<Event>) {
        let Some((_, kernel)) = &self.customer else { return };
        let changes = kernel.changes();
        let mut reached = None;
        for (at, change) in changes.iter().skip(self.changes) {
            let text = match change {
                Change::Address(address) if *address != Ipv4Addr::LOCALHOST => {
                    reached = Some(*at);
                    format!("c0 has {address}")
                }
                Change::Route(route) => format!("route {route}"),
                _ => continue,
            };
            events.push(Event { at: *at, who: self.who, kind: Kind::Kernel, text });
        }
        self.changes = changes.len();
        if let Some(at) = reached {
            self.step("IPv4 address on the link", at);
        }
    }

    fn signals(&mut self, events: &mut Vec<Event>) {
        let Some((client, _)) = &mut self.customer else { return };
        let mut bound_at = None;
        let seen = client.seen();
        for signal in seen.iter().skip(self.signals).filter(|signal| signal.member == "StateChanged") {
            let [new, reason] = [0, 2].map(|at| signal.arguments[at].as_str().unwrap_or_default());
            let text = format!("c0 is {new} ({reason})");
            events.push(Event { at: signal.at, who: self.who, kind: Kind::Bus, text });
            if new == "bound" {
                bound_at = Some(signal.at);
            }
        }
        self.signals = seen.len();
        if let Some(at) = bound_at {
            self.bound = true;
            self.step("bound, on D-Bus", at);
        }
    }

    /// Notes the first time that something happens.
    fn step(&mut self, what: &'static str, at: Instant) {
        if self.steps.iter().all(|(known, _)| *known != what) {
            self.steps.push((what, at));
        }
    }

    /// The table of times since `start`.
    pub(crate) fn summary(&self, screen: &mut Screen, start: Instant) {
        let mut steps = self.steps.clone();
        steps.sort_by_key(|(_, at)| *at);
        let mut before = start;
        for (what, at) in steps {
            screen.row(what, at - start, at - before);
            before = at;
        }
    }
}

/// Shows events as they come, until IPv4 is bound at every customer. False when that takes too long.
pub(crate) fn follow(screen: &mut Screen, start: Instant, places: &mut [Place<'_>]) -> bool {
    while start.elapsed() < LIMIT {
        if let Some(first) = places.first() {
            first.wire.wait_any_after(first.frames, REFRESH);
        }
        let mut events = Vec::new();
        // The latest in the chain first: whatever led to it has happened by the time the others are read.
        places.iter_mut().for_each(|place| place.signals(&mut events));
        places.iter_mut().for_each(|place| place.kernel(&mut events));
        places.iter_mut().for_each(|place| place.packets(&mut events));
        events.sort_by_key(|event| event.at);
        for Event { at, who, kind, text } in events {
            screen.event(at.saturating_duration_since(start), who, kind, &text);
        }
        if places.iter().all(|place| place.bound) {
            return true;
        }
    }
    false
}

/// A datagram in a line.
fn describe(dhcp: &Dhcp) -> String {
    let relayed = Relayed::parse(&dhcp.payload);
    let message = relayed.as_ref().map_or(dhcp.payload.as_slice(), |relayed| relayed.message);
    let Ok(parsed) = Message::parse(message) else { return dhcp.kind.to_string() };
    let inside =
        parsed.options.first(OptionCode::DHCPV4_MSG).and_then(|inner| v4::Message::parse(inner).ok());
    let inside = inside.map_or_else(
        || parsed.kind.to_string(),
        |inner| {
            let kind = inner.kind().map_or_else(|| "?".to_owned(), |kind| kind.to_string());
            let offered =
                if inner.yiaddr.is_unspecified() { String::new() } else { format!(" {}", inner.yiaddr) };
            format!("{} {{ {kind}{offered} }}", parsed.kind)
        },
    );
    if relayed.is_ok() { format!("{} {{ {inside} }}", dhcp.kind) } else { inside }
}
