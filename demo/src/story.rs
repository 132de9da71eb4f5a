//! What happens at several places, in the order it happens, and how long each step took.

use crate::LIMIT;
use crate::show::{Kind, Screen};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v6::{Message, MessageType};
use dhcp4o6_protocol::wire::{v4, v6_option::OptionCode};
use dhcp4o6_tests::{Bootp, BusClient, Capture, Change, Dhcp, Watch};
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

/// How often the screen catches up. Times are those of the events.
const REFRESH: Duration = Duration::from_millis(20);

/// A place where something can be seen.
pub(crate) struct Place<'a> {
    who: &'static str,
    wire: &'a Capture,
    end: End<'a>,
    /// Messages of these ports are shown.
    ports: Ports,
    frames: usize,
    changes: usize,
    signals: usize,
    bound: bool,
    steps: Vec<(&'static str, Instant)>,
}

/// What is there besides the wire.
enum End<'a> {
    /// Nothing that concerns us.
    Nothing,
    /// Our service, and the kernel.
    Service(&'a mut BusClient, &'a Watch),
    /// Somebody else's client, and the kernel.
    Stock(&'a Watch),
}

/// Which messages are shown of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ports {
    /// DHCPv6, except what customers and relay agents say to each other, which customers show.
    Relayed,
    /// DHCPv6, all of it.
    Dhcp6,
    /// DHCPv4 of port 67, over IPv4 and IPv6, except what other clients broadcast.
    Bootp,
    /// The same where it only passes: as it leaves.
    Passing,
}

struct Event {
    at: Instant,
    who: &'static str,
    kind: Kind,
    text: String,
}

impl<'a> Place<'a> {
    /// A relay agent.
    pub(crate) fn relay(who: &'static str, wire: &'a Capture) -> Self {
        Self::new(who, wire, End::Nothing, Ports::Relayed)
    }

    /// A server of DHCPv4.
    pub(crate) fn server(who: &'static str, wire: &'a Capture) -> Self {
        Self::new(who, wire, End::Nothing, Ports::Bootp)
    }

    /// A router that DHCPv4 over IPv6 passes.
    pub(crate) fn router(who: &'static str, wire: &'a Capture) -> Self {
        Self::new(who, wire, End::Nothing, Ports::Passing)
    }

    /// A customer with DHCPv4 over DHCPv6, until its service says that IPv4 is bound.
    pub(crate) fn customer(
        who: &'static str,
        wire: &'a Capture,
        client: &'a mut BusClient,
        kernel: &'a Watch,
    ) -> Self {
        Self::new(who, wire, End::Service(client, kernel), Ports::Dhcp6)
    }

    /// A customer with DHCPv4 over IPv6, until its service says that IPv4 is bound.
    pub(crate) fn host(
        who: &'static str,
        wire: &'a Capture,
        client: &'a mut BusClient,
        kernel: &'a Watch,
    ) -> Self {
        Self::new(who, wire, End::Service(client, kernel), Ports::Bootp)
    }

    /// A host with somebody else's client, until its kernel has an IPv4 address.
    pub(crate) fn stock(who: &'static str, wire: &'a Capture, kernel: &'a Watch) -> Self {
        Self::new(who, wire, End::Stock(kernel), Ports::Bootp)
    }

    fn new(who: &'static str, wire: &'a Capture, end: End<'a>, ports: Ports) -> Self {
        let bound = matches!(end, End::Nothing);
        Self { who, wire, end, ports, frames: wire.mark(), changes: 0, signals: 0, bound, steps: Vec::new() }
    }

    fn packets(&mut self, events: &mut Vec<Event>) {
        let frames = self.wire.frames();
        for frame in frames.iter().skip(self.frames) {
            match self.ports {
                Ports::Bootp | Ports::Passing => frame.bootp().map_or((), |bootp| self.bootp(&bootp, events)),
                Ports::Relayed | Ports::Dhcp6 => frame.dhcp().map_or((), |dhcp| self.dhcp(&dhcp, events)),
            }
        }
        self.frames = frames.len();
    }

    fn dhcp(&mut self, dhcp: &Dhcp, events: &mut Vec<Event>) {
        // A relay agent's side of the customers' links would show everything twice.
        let relayed = matches!(dhcp.kind, MessageType::RELAY_FORW | MessageType::RELAY_REPL);
        if self.ports == Ports::Relayed && !relayed {
            return;
        }
        self.sent(events, dhcp.at, dhcp.outgoing, &describe(dhcp));
        match (dhcp.kind, dhcp.outgoing) {
            (MessageType::REPLY, false) => self.step("DHCPv6 configured, 4o6 enabled", dhcp.at),
            (MessageType::DHCPV4_QUERY, true) => self.step("first DHCPv4-query", dhcp.at),
            (_, true) => self.step("first DHCPv6 message", dhcp.at),
            _ => {}
        }
    }

    fn bootp(&mut self, bootp: &Bootp, events: &mut Vec<Event>) {
        let passes = self.ports == Ports::Passing;
        let others = matches!(self.end, End::Stock(_)) && bootp.payload.first() == Some(&v4::BOOTREQUEST);
        if !bootp.outgoing && (passes || others) {
            return;
        }
        self.sent(events, bootp.at, bootp.outgoing, &describe4(bootp));
        match (bootp.kind(), bootp.outgoing) {
            (Some(v4::MessageType::DISCOVER), true) => self.step("first DISCOVER", bootp.at),
            (Some(v4::MessageType::OFFER), false) => self.step("OFFER", bootp.at),
            (Some(v4::MessageType::ACK), false) => self.step("ACK", bootp.at),
            _ => {}
        }
    }

    fn sent(&self, events: &mut Vec<Event>, at: Instant, outgoing: bool, what: &str) {
        let arrow = if outgoing { "-->" } else { "<--" };
        events.push(Event { at, who: self.who, kind: Kind::Wire, text: format!("{arrow} {what}") });
    }

    fn kernel(&mut self, events: &mut Vec<Event>) {
        let (End::Service(_, kernel) | End::Stock(kernel)) = &self.end else { return };
        let changes = kernel.changes();
        let mut reached = None;
        for (at, change) in changes.iter().skip(self.changes) {
            let text = match change {
                Change::Address(address) if *address != Ipv4Addr::LOCALHOST => {
                    reached = Some(*at);
                    format!("has {address}")
                }
                Change::Route(route) => format!("route {route}"),
                _ => continue,
            };
            events.push(Event { at: *at, who: self.who, kind: Kind::Kernel, text });
        }
        self.changes = changes.len();
        if let Some(at) = reached {
            self.bound |= matches!(self.end, End::Stock(_));
            self.step("IPv4 address on the link", at);
        }
    }

    fn signals(&mut self, events: &mut Vec<Event>) {
        let End::Service(client, _) = &mut self.end else { return };
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

/// A DHCPv4 message in a line: what it is, and what it has gone through.
fn describe4(bootp: &Bootp) -> String {
    let Ok(message) = v4::Message::parse(&bootp.payload) else { return "?".to_owned() };
    let kind = message.kind().map_or_else(|| "?".to_owned(), |kind| kind.to_string());
    let offered =
        if message.yiaddr.is_unspecified() { String::new() } else { format!(" {}", message.yiaddr) };
    let way = match (bootp.from.ip(), bootp.to.ip()) {
        (IpAddr::V6(from), IpAddr::V6(to)) => format!("over IPv6, {from} to {to}"),
        (_, IpAddr::V4(Ipv4Addr::BROADCAST)) => "IPv4 broadcast".to_owned(),
        (from, to) => format!("over IPv4, {from} to {to}"),
    };
    let agent = message.option(v4::code::RELAY_AGENT).map_or("", |_| ", option 82");
    format!("{kind}{offered} ({way}{agent})")
}
