//! Why a link has IPv4, or why not: the chain from the interface to the installed address, with what each link of it
//! is concluded from. For people; decides nothing.

mod agent;
mod endpoints;

use crate::facts::LinkFacts;
use crate::ids::EndpointId;
use crate::lease::Lease4;
use crate::params;
use crate::permit::WireProfile;
use crate::status::{ExchangeStatus, LinkState, Status};
use crate::time::Instant;
use std::fmt::Write;
use std::time::Duration;

/// How one step stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Holds.
    Ok,
    /// Under way: nothing to do but wait.
    Waiting,
    /// Does not hold, and waiting alone is unlikely to help.
    Failed,
    /// Not reached, or not needed.
    Skipped,
}

impl Verdict {
    /// The word on the bus.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Waiting => "waiting",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
        }
    }
}

/// One step on the way to IPv4.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// A stable kebab-case name.
    pub name: &'static str,
    /// How it stands.
    pub verdict: Verdict,
    /// What that is concluded from and, where the chain stops, what to do. One or more sentences.
    pub evidence: String,
}

type Finding = (Verdict, String);

/// The steps in their order. The first that is neither `Ok` nor `Skipped` is where the chain stops; what lies behind it
/// is `Skipped` unless it holds all the same, as a lease does while the server is silent.
pub fn explain(status: &Status, now: Instant) -> Vec<Step> {
    let mut stopped_at = None;
    let mut steps = Vec::new();
    for (name, look) in chain(status) {
        let (mut verdict, mut evidence) = look(status, now);
        match (stopped_at, verdict) {
            (Some(stop), Verdict::Waiting | Verdict::Failed | Verdict::Skipped) => {
                (verdict, evidence) = (Verdict::Skipped, not_looked_at(stop));
            }
            (None, Verdict::Waiting | Verdict::Failed) => stopped_at = Some(name),
            (_, Verdict::Ok) | (None, Verdict::Skipped) => {}
        }
        steps.push(Step { name, verdict, evidence });
    }
    // What the first endpoint alone waits for keeps no other from its lease.
    let shared = stopped_at.filter(|stop| !OF_AN_ENDPOINT.contains(stop));
    steps.extend(endpoints::steps(status, now).map(|step| match (shared, step.verdict) {
        (Some(stop), Verdict::Waiting | Verdict::Failed) => {
            Step { verdict: Verdict::Skipped, evidence: not_looked_at(stop), ..step }
        }
        (Some(_) | None, _) => step,
    }));
    steps
}

/// Steps that each endpoint goes by itself.
const OF_AN_ENDPOINT: [&str; 5] = ["wanted", "target", "dhcp4", "lease", "installed"];

fn not_looked_at(stop: &str) -> String {
    format!("Not looked at: stopped at {stop}.")
}

type Look = fn(&Status, Instant) -> Finding;

/// What every link needs, whichever way DHCPv4 travels.
const BEFORE_IPV4: [(&str, Look); 5] =
    [("link", link), ("started", started), ("up", up), ("carrier", carrier), ("link-local", link_local)];
/// In DHCPv6.
const BY_4O6: [(&str, Look); 10] = [
    ("router-advertisement", router_advertisement),
    ("dhcp6", dhcp6),
    ("permit", permit),
    ("wanted", wanted),
    ("target", target),
    ("source-address", source_address),
    ("native-dhcp", native_dhcp),
    ("dhcp4", dhcp4),
    ("lease", lease),
    ("installed", installed),
];
/// Through the host Client Relay Agent.
const BY_AGENT: [(&str, Look); 12] = [
    ("router-advertisement", agent::router_advertisement),
    ("dhcp6", agent::dhcp6),
    ("permit", agent::permit),
    ("wanted", wanted),
    ("servers", agent::servers),
    ("source-address", agent::address),
    ("agent-socket", agent::socket),
    ("target", target),
    ("native-dhcp", native_dhcp),
    ("dhcp4", dhcp4),
    ("lease", lease),
    ("installed", installed),
];
/// Through the agent, with a client of another program.
const BY_AGENT_ALONE: [(&str, Look); 7] = [
    ("router-advertisement", agent::router_advertisement),
    ("dhcp6", agent::dhcp6),
    ("permit", agent::permit),
    ("servers", agent::servers),
    ("source-address", agent::address),
    ("agent-socket", agent::socket),
    ("client", agent::client),
];

fn chain(status: &Status) -> impl Iterator<Item = (&'static str, Look)> {
    let rest: &[(&'static str, Look)] = match &status.hcra {
        None => &BY_4O6,
        Some(hcra) if hcra.client == "external" => &BY_AGENT_ALONE,
        Some(_) => &BY_AGENT,
    };
    BEFORE_IPV4.into_iter().chain(rest.iter().copied())
}

fn ok(evidence: impl Into<String>) -> Finding {
    (Verdict::Ok, evidence.into())
}

fn waiting(evidence: impl Into<String>) -> Finding {
    (Verdict::Waiting, evidence.into())
}

fn failed(evidence: impl Into<String>) -> Finding {
    (Verdict::Failed, evidence.into())
}

fn skipped(evidence: impl Into<String>) -> Finding {
    (Verdict::Skipped, evidence.into())
}

fn link(status: &Status, _: Instant) -> Finding {
    let LinkFacts { index, name, mtu, hardware, .. } = &*status.facts;
    if *index == 0 {
        return failed("The interface does not exist. Make it, or correct the match in the configuration.");
    }
    let address = if hardware.octets.is_empty() { "none".to_owned() } else { hardware.to_string() };
    ok(format!("{name} is interface {index}, link-layer address {address}, MTU {mtu}."))
}

fn started(status: &Status, _: Instant) -> Finding {
    if status.stopped {
        return failed("An operator stopped this link. Start it with `dhcp4o6ctl up`.");
    }
    ok("The service runs this link.")
}

fn up(status: &Status, _: Instant) -> Finding {
    if !status.facts.up {
        return failed(format!(
            "The interface is administratively down. Bring it up: ip link set {} up.",
            status.facts.name
        ));
    }
    ok("The interface is administratively up.")
}

fn carrier(status: &Status, _: Instant) -> Finding {
    if !status.facts.carrier {
        return failed("There is no carrier. Check cable, modem and the other end.");
    }
    ok("The kernel can send.")
}

fn link_local(status: &Status, _: Instant) -> Finding {
    if let Some(address) = status.facts.link_local() {
        return ok(format!("{address} passed duplicate address detection."));
    }
    let mut own = status.facts.addresses.iter().filter(|own| own.address.is_unicast_link_local()).peekable();
    if own.peek().is_none() {
        return failed(
            "There is no link-local IPv6 address. The kernel makes one unless IPv6 is off on the interface \
             (net.ipv6.conf.*.disable_ipv6) or addr_gen_mode is none.",
        );
    }
    match own.find(|own| own.duplicate) {
        Some(duplicate) => failed(format!(
            "Another host on the link has {}: duplicate address detection failed. Give one of the two another \
             link-layer or link-local address.",
            duplicate.address
        )),
        None => waiting(
            "Duplicate address detection of the link-local address still runs; it takes a second or two.",
        ),
    }
}

fn router_advertisement(status: &Status, _: Instant) -> Finding {
    let decided = matches!(status.dhcp6.mode, "stateful" | "stateless");
    match &status.facts.ra {
        Some(ra) => {
            let flag = |set| if set { "set" } else { "not set" };
            let mut text = format!("One came: M {}, O {}", flag(ra.managed), flag(ra.other));
            for (index, (prefix, length)) in ra.prefixes.iter().enumerate() {
                let _ = write!(text, "{} {prefix}/{length}", if index == 0 { "; on the link:" } else { "," });
            }
            text.push('.');
            ok(text)
        }
        None if decided => skipped(format!("None came; none is needed, DHCPv6 is {}.", status.dhcp6.mode)),
        None => waiting(format!(
            "None came yet. After {} seconds DHCPv6 begins without one, stateless.",
            params::RA_WAIT.as_secs()
        )),
    }
}

fn dhcp6(status: &Status, now: Instant) -> Finding {
    let stage = &status.dhcp6;
    if let Some(last) = socket_trouble(status) {
        return failed(last);
    }
    // What an earlier Reply gave may have expired since.
    let configured = status.state != LinkState::Dhcp6 && (stage.reply_at.is_some() || stage.lease.is_some());
    let server = stage.server.as_ref().map(|duid| format!(" from server {duid}")).unwrap_or_default();
    let pending = stage.exchange.as_ref().map(|exchange| exchanged(exchange, now));
    if configured {
        let mut text = match stage.reply_at {
            Some(at) => {
                format!("Configured ({}): last Reply{server} {} ago.", word(stage.mode), span(now.since(at)))
            }
            None => format!("Configured ({}) by what was kept over a restart.", word(stage.mode)),
        };
        for address in stage.lease.iter().flat_map(|lease| &lease.addresses) {
            let _ = write!(text, " Address {}, {}.", address.address, remaining(address.valid_until, now));
        }
        for prefix in stage.lease.iter().flat_map(|lease| &lease.prefixes) {
            let _ = write!(
                text,
                " Prefix {}/{}, {}.",
                prefix.prefix,
                prefix.prefix_len,
                remaining(prefix.valid_until, now)
            );
        }
        if let Some(pending) = pending {
            let _ = write!(text, " {pending}");
        }
        return ok(text);
    }
    match (&stage.exchange, pending) {
        (Some(exchange), Some(pending)) if silent(exchange, now) => failed(format!(
            "{pending} Nobody answers. Check that a DHCPv6 server or relay agent is on this link and that no filter \
             drops UDP ports 546 and 547."
        )),
        (Some(_), Some(pending)) => waiting(pending),
        _ => waiting(format!("Nothing is sent; the state is {}.", word(stage.state))),
    }
}

/// The last error, if it says that the DHCPv6 socket cannot be opened and nothing else shows since.
fn socket_trouble(status: &Status) -> Option<String> {
    let last = status.last_error.as_ref().filter(|last| last.name == status.reason)?;
    let advice = match last.name {
        "port-in-use" => "Stop the other DHCPv6 client on this link.",
        "not-permitted" => "The service needs CAP_NET_BIND_SERVICE, and CAP_SYS_ADMIN for other namespaces.",
        "socket-failed" => "It is tried again by itself.",
        _ => return None,
    };
    Some(format!("{} {advice}", sentence(&last.text)))
}

fn permit(status: &Status, now: Instant) -> Finding {
    if status.client4.waiting_for == Some("mode-off") {
        return failed("The configuration switches IPv4 off on this link. Set mode to \"auto\" or \"4o6\".");
    }
    let held = status.permit.as_ref().map(|permit| {
        let profile = match permit.profile {
            WireProfile::Rfc7341 => "option 88",
            WireProfile::Draft01 => "the Enable option of draft01",
        };
        let servers: Vec<_> = permit.servers.iter().map(ToString::to_string).collect();
        let to = match servers.as_slice() {
            [] => "to all servers (ff02::1:2)".to_owned(),
            servers => format!("to {}", servers.join(", ")),
        };
        (profile, to, span(now.since(permit.since)))
    });
    match (status.permit_state, held) {
        ("valid", Some((profile, to, age))) => ok(format!(
            "The server enables DHCPv4 over DHCPv6 ({profile}), first {age} ago; queries go {to}."
        )),
        ("suspended", _) => waiting(
            "The link was down: what the server enabled before counts again as soon as DHCPv6 has confirmed that this \
             is the same network.",
        ),
        ("withdrawn", _) => failed(
            "The server's last Reply came without option 88: it no longer enables DHCPv4 over DHCPv6. If that is not \
             meant, ask the provider. The service takes it up again by itself when the option returns.",
        ),
        ("expired", _) => failed("The DHCPv6 configuration that enabled DHCPv4 over DHCPv6 has expired."),
        ("refused", _) => failed(
            "The server sent a list of 4o6 servers that holds no usable address. Ask the provider to correct option 88.",
        ),
        _ => failed(
            "The server's Reply came without option 88: it does not enable DHCPv4 over DHCPv6. Ask the provider; the \
             service asks again at every refresh.",
        ),
    }
}

fn wanted(status: &Status, _: Instant) -> Finding {
    match status.client4.waiting_for {
        Some("operator") => {
            failed("An operator gave the lease back. Ask for one with `dhcp4o6ctl renew` or `restart`.")
        }
        Some("address-removed") => failed(
            "Somebody removed the IPv4 address twice, so the lease was given back. The service tries again in some \
             minutes; `dhcp4o6ctl restart` does it now.",
        ),
        _ => ok("Nobody has switched IPv4 off since."),
    }
}

fn target(status: &Status, _: Instant) -> Finding {
    match status.facts.target(EndpointId::FIRST) {
        None => failed(
            "The interface that is to get the IPv4 address does not exist. Make it, or correct `target`.",
        ),
        Some(target) if !target.up => ok(format!(
            "{} exists but is down: the kernel keeps no routes on it until it is up.",
            target.name
        )),
        Some(target) => ok(format!("The IPv4 address goes to {}.", target.name)),
    }
}

fn source_address(status: &Status, _: Instant) -> Finding {
    match (status.client4.waiting_for, status.client4.source) {
        (Some("source-address"), _) => failed(
            "No IPv6 address reaches the 4o6 servers: they need a global or unique local source, and this link has none \
             yet. It comes from router advertisements (SLAAC) or DHCPv6.",
        ),
        (_, Some(source)) => ok(format!("Queries come from {source}.")),
        (_, None) => skipped("No query was sent yet."),
    }
}

fn native_dhcp(status: &Status, _: Instant) -> Finding {
    match status.client4.waiting_for {
        Some("native-dhcp") => failed(
            "Another program runs a DHCPv4 client on this link (it holds UDP port 68), and both at once is not allowed. \
             Switch DHCPv4 off there; the service looks again by itself.",
        ),
        Some("native-check") => waiting("Looking whether another program runs a DHCPv4 client on this link."),
        Some(
            other @ ("link" | "permit" | "target" | "source-address" | "mode-off" | "operator"
            | "address-removed" | "servers" | "global-address" | "agent-socket"),
        ) => skipped(format!("Not looked at while waiting for {other}.")),
        Some(other) => waiting(format!("Waiting for {other}.")),
        None => ok("No other DHCPv4 client holds this link."),
    }
}

fn dhcp4(status: &Status, now: Instant) -> Finding {
    let client = &status.client4;
    let [discover, offer, request, decline, ack, nak, release] = client.messages;
    let mut text = String::new();
    if let Some(exchange) = &client.exchange {
        text = exchanged(exchange, now);
        text.push(' ');
    }
    let _ = write!(text, "Sent: {discover} DISCOVER, {request} REQUEST");
    for (count, word) in [(decline, "DECLINE"), (release, "RELEASE")] {
        if count > 0 {
            let _ = write!(text, ", {count} {word}");
        }
    }
    let _ = write!(text, ". Came: {offer} OFFER, {ack} ACK");
    if nak > 0 {
        let _ = write!(text, ", {nak} NAK");
    }
    text.push('.');
    let valid = client.lease.as_ref().is_some_and(|lease| lease.is_valid(now));
    match &client.exchange {
        _ if valid => ok(text),
        Some(exchange) if silent(exchange, now) => {
            let servers: Vec<_> = client.destinations.iter().map(ToString::to_string).collect();
            let asked = if servers.is_empty() { "the server".to_owned() } else { servers.join(", ") };
            failed(format!(
                "{text} Nobody answers. Check that {asked} can be reached from this link and serves this client; \
                 `dhcp4o6ctl counters` shows answers that were not used, by reason."
            ))
        }
        None if client.state.is_empty() || client.state == "off" => {
            waiting("The DHCPv4 client has not begun.")
        }
        None | Some(_) => waiting(text),
    }
}

fn lease(status: &Status, now: Instant) -> Finding {
    match &status.client4.lease {
        Some(lease) if lease.is_valid(now) => ok(held(lease, now)),
        Some(lease) => failed(format!(
            "The lease of {} ended {} ago.",
            lease.address,
            lease.expires_at.map(|end| span(now.since(end))).unwrap_or_default()
        )),
        None if status.state == LinkState::Expired => {
            failed("The lease ended and nobody gave another; still trying.")
        }
        None => waiting("There is no lease yet."),
    }
}

fn held(lease: &Lease4, now: Instant) -> String {
    let next = |word: &str, at: Option<Instant>| {
        at.filter(|at| *at > now).map(|at| format!(" {word} in {}.", span(at.since(now)))).unwrap_or_default()
    };
    format!(
        "{} from server {}, {}.{}{}",
        lease.address,
        lease.server_id,
        remaining(lease.expires_at, now),
        next("Renewed", lease.renew_at),
        next("Rebound", lease.rebind_at),
    )
}

fn installed(status: &Status, _: Instant) -> Finding {
    let device = status.facts.target(EndpointId::FIRST).map_or("the target", |target| &target.name);
    if let Some(config) = &status.ipv4 {
        let routes = match config.routes.len() {
            1 => "1 route".to_owned(),
            count => format!("{count} routes"),
        };
        return ok(format!("{}/{} and {routes} are on {device}.", config.address, config.prefix_len));
    }
    match &status.last_error {
        Some(error) if error.name == "install-failed" => failed(format!(
            "{} It is tried again by itself; remove what stands in the way.",
            sentence(&error.text)
        )),
        _ => waiting(format!("The kernel has not taken the address on {device} yet.")),
    }
}

/// Nobody has answered for so long that an operator should look.
fn silent(exchange: &ExchangeStatus, now: Instant) -> bool {
    exchange.transmissions > 0 && now.since(exchange.started_at) >= params::SILENCE
}

fn exchanged(exchange: &ExchangeStatus, now: Instant) -> String {
    let ExchangeStatus { message, transmissions, started_at, next_at } = exchange;
    let next = next_at.filter(|next| *next > now).map(|next| span(next.since(now)));
    match (transmissions, next) {
        (0, Some(next)) => format!("{message} goes out in {next}."),
        (0, None) => format!("{message} goes out now."),
        (count, next) => {
            let times = if *count == 1 { "once".to_owned() } else { format!("{count} times") };
            let next = next.map(|next| format!("; again in {next}")).unwrap_or_default();
            format!("{message} sent {times}, first {} ago, no answer{next}.", span(now.since(*started_at)))
        }
    }
}

fn remaining(end: Option<Instant>, now: Instant) -> String {
    match end {
        None => "for ever".to_owned(),
        Some(end) if end > now => format!("valid for another {}", span(end.since(now))),
        Some(_) => "ended".to_owned(),
    }
}

/// A span for people: one or two units.
fn span(span: Duration) -> String {
    let secs = span.as_secs();
    let (days, hours, minutes, seconds) = (secs / 86_400, secs / 3600 % 24, secs / 60 % 60, secs % 60);
    match (days, hours, minutes) {
        (0, 0, 0) if secs < 10 => format!("{}.{} s", secs, span.subsec_millis() / 100),
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {seconds} s"),
        (0, _, _) => format!("{hours} h {minutes} min"),
        (_, _, _) => format!("{days} d {hours} h"),
    }
}

fn word(state: &str) -> &str {
    if state.is_empty() { "unknown" } else { state }
}

/// `text` with a full stop.
fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

#[cfg(test)]
mod tests;
