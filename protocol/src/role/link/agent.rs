//! The host Client Relay Agent of a link: where it is, whom it relays to, and whether it can
//! (draft-ietf-dhc-dhcpv4-over-ipv6 §6).
//!
//! ```text
//!  permit, if wanted ─▶ servers ─▶ global address ─▶ UDP port 67 on it ─▶ open
//! ```
//!
//! Messages come from the engines of the endpoints, or from a client of another program: see [`external`].

mod external;

use super::running::{Cx, Leave, Retry};
use crate::client6::Client6;
use crate::facts::LinkFacts;
use crate::ids::EndpointId;
use crate::lease::LeaseEvent;
use crate::machine::{Datagram, Effect, OpenError, Port, Question};
use crate::params::{MAX_SERVERS, SERVER4_PORT};
use crate::permit::WireProfile;
use crate::refused::Refused;
use crate::role::cra::Cra;
use crate::role::hcra::{self, Hcra};
use crate::settings::{HcraClient, HcraSettings, LinkSettings, Mode, Renew, is_routable};
use crate::status::HcraStatus;
use crate::time::{Instant, earliest};
use external::Device;
use std::cmp::Reverse;
use std::net::{Ipv6Addr, SocketAddrV6};

/// Most resolvers that are asked for a name.
const MAX_RESOLVERS: usize = 3;

/// UDP port 67 on the agent's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Socket {
    Closed,
    /// Asked for; the last failure, if there was one.
    Opening(Ipv6Addr, Option<Retry>),
    Open(Ipv6Addr),
    Failed(Ipv6Addr, OpenError, Retry),
}

impl Socket {
    fn address(self) -> Option<Ipv6Addr> {
        match self {
            Self::Closed => None,
            Self::Opening(address, _) | Self::Open(address) | Self::Failed(address, ..) => Some(address),
        }
    }
}

/// Whose messages are relayed.
enum Clients {
    /// Our engines'.
    Builtin(Cra<EndpointId>),
    /// Those of whoever is on the TAP device.
    External(Box<Hcra>),
}

impl Clients {
    fn new(settings: &HcraSettings) -> Self {
        match settings.client {
            HcraClient::Builtin => Self::Builtin(Cra::new(hcra::rules(settings))),
            HcraClient::External => Self::External(Box::new(Hcra::new(settings))),
        }
    }
}

/// See the module's description.
pub(super) struct Agent {
    clients: Clients,
    device: Device,
    /// What happened to leases of an external client, to be told.
    passed: Vec<LeaseEvent>,
    /// TSVs and TRAs that are known.
    servers: Vec<Ipv6Addr>,
    socket: Socket,
    /// What the driver resolves.
    question: Option<Question>,
    /// What it found last. Kept while no resolver answers.
    resolved: Vec<Ipv6Addr>,
    servers_from: &'static str,
    waiting_for: Option<&'static str>,
    relayed: u64,
    delivered: u64,
}

impl Agent {
    pub(super) fn new(settings: &HcraSettings) -> Self {
        Self {
            clients: Clients::new(settings),
            device: Device::Closed,
            passed: Vec::new(),
            servers: Vec::new(),
            socket: Socket::Closed,
            question: None,
            resolved: Vec::new(),
            servers_from: "none",
            waiting_for: None,
            relayed: 0,
            delivered: 0,
        }
    }

    /// Takes over what a change of settings does not end.
    pub(super) fn inherit(&mut self, old: Self, settings: &HcraSettings) {
        if let (Clients::External(new), Clients::External(mut old)) = (&mut self.clients, old.clients) {
            old.configure(settings);
            *new = old;
        }
        self.device = old.device;
        self.socket = old.socket;
        self.question = old.question;
        self.resolved = old.resolved;
        (self.relayed, self.delivered) = (old.relayed, old.delivered);
    }

    /// Learns where to relay to, and asks for what it does not know: `leave` may bring a list, `client6` a name.
    pub(super) fn find_servers(
        &mut self,
        leave: &Leave,
        client6: &Client6,
        cx: &mut Cx<'_>,
    ) -> Vec<Ipv6Addr> {
        let fixed = &cx.settings.hcra.servers;
        let told = leave.permit().filter(|_| cx.settings.mode == Mode::Hcra);
        let listed = told.map(|permit| usable(&permit.servers, cx)).unwrap_or_default();
        let ask = fixed.is_empty() && listed.is_empty() && may_run(cx.settings);
        self.ask(question(client6).filter(|_| ask), cx);
        let (servers, from) = match told.map(|permit| permit.profile) {
            _ if !fixed.is_empty() => (usable(fixed, cx), "static"),
            Some(WireProfile::Rfc7341) if !listed.is_empty() => (listed, "option-88"),
            Some(WireProfile::Draft01) if !listed.is_empty() => (listed, "draft01"),
            _ if !self.resolved.is_empty() => (usable(&self.resolved, cx), "aftr-name"),
            _ => (Vec::new(), "none"),
        };
        self.servers_from = if servers.is_empty() { "none" } else { from };
        servers
    }

    fn ask(&mut self, question: Option<Question>, cx: &mut Cx<'_>) {
        if self.question == question {
            return;
        }
        let name = |question: &Option<Question>| question.as_ref().map(|question| question.name.clone());
        if name(&self.question) != name(&question) {
            self.resolved.clear();
        }
        self.question.clone_from(&question);
        cx.out.push(Effect::Resolve(question));
    }

    /// What the driver found. No answer changes nothing.
    pub(super) fn on_resolved(&mut self, found: Option<&[Ipv6Addr]>, cx: &mut Cx<'_>) {
        let Some(question) = &self.question else { return };
        match found {
            None => {
                let text = format!("no resolver answers for {}", question.name);
                cx.note("aftr-unresolved", text);
            }
            Some(found) => {
                if found.is_empty() {
                    cx.note("aftr-unresolved", format!("{} has no IPv6 address", question.name));
                }
                self.resolved = found.iter().copied().take(MAX_SERVERS).collect();
            }
        }
    }

    /// Opens or closes the agent. It is where it can be as long as `servers` has any and nothing else is `missing`.
    pub(super) fn place(&mut self, servers: &[Ipv6Addr], missing: Option<&'static str>, cx: &mut Cx<'_>) {
        let source = source(self.socket.address(), &cx.settings.hcra, cx.facts);
        self.waiting_for = missing
            .or_else(|| servers.is_empty().then_some("servers"))
            .or_else(|| source.is_none().then_some("global-address"));
        let wanted = source.filter(|_| self.waiting_for.is_none());
        self.servers = servers.to_vec();
        if self.socket.address() != wanted {
            self.close(cx);
            if let Some(address) = wanted {
                self.open(address, None, cx);
            }
        }
        if wanted.is_some() && self.address().is_none() {
            self.waiting_for = Some("agent-socket");
        }
        self.set_gate(cx);
    }

    /// Lets messages through while there is a way.
    fn set_gate(&mut self, cx: &mut Cx<'_>) {
        let own = self.address();
        match &mut self.clients {
            Clients::Builtin(cra) => cra.place(own, &self.servers),
            Clients::External(hcra) => {
                let mut actions = Vec::new();
                hcra.set_gate(own, &self.servers, &mut actions);
                self.act(actions, cx);
            }
        }
    }

    fn open(&mut self, address: Ipv6Addr, last: Option<Retry>, cx: &mut Cx<'_>) {
        self.socket = Socket::Opening(address, last);
        cx.out.push(Effect::Open(Port::Cra6(address)));
    }

    /// Relays nothing any more.
    pub(super) fn close(&mut self, cx: &mut Cx<'_>) {
        if let Some(address) = self.socket.address() {
            cx.out.push(Effect::Close(Port::Cra6(address)));
        }
        self.socket = Socket::Closed;
    }

    /// Another way is open. The servers may be needed again, so they are still looked for.
    pub(super) fn close_for_now(&mut self, cx: &mut Cx<'_>) {
        self.close(cx);
        self.servers.clear();
        self.set_gate(cx);
        self.waiting_for = None;
    }

    /// Neither relays nor asks any more, and leaves nothing behind.
    pub(super) fn end(&mut self, cx: &mut Cx<'_>) {
        self.close_for_now(cx);
        self.close_device(cx);
        self.ask(None, cx);
    }

    /// The service ends: as [`Agent::end`], but a client of another program is to notice nothing until the next start.
    pub(super) fn leave(&mut self, cx: &mut Cx<'_>) {
        self.close(cx);
        self.ask(None, cx);
    }

    pub(super) fn on_opened(&mut self, address: Ipv6Addr, result: Result<(), OpenError>, cx: &mut Cx<'_>) {
        let Socket::Opening(asked, last) = self.socket else { return };
        if asked != address {
            return;
        }
        self.socket = match result {
            Ok(()) => Socket::Open(address),
            Err(error) => {
                cx.note(port_reason(error), format!("UDP port 67 on {address}: {error}"));
                Socket::Failed(address, error, Retry::after(last, cx.now))
            }
        };
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        if let Socket::Failed(address, _, retry) = self.socket
            && retry.at <= cx.now
        {
            self.open(address, Some(retry), cx);
        }
        self.keep_device(cx);
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let socket = match self.socket {
            Socket::Failed(_, _, retry) => Some(retry.at),
            Socket::Closed | Socket::Opening(..) | Socket::Open(_) => None,
        };
        earliest(socket, self.device_deadline())
    }

    /// Where it relays from, while it can.
    pub(super) fn address(&self) -> Option<Ipv6Addr> {
        match self.socket {
            Socket::Open(address) if !self.servers.is_empty() => Some(address),
            _ => None,
        }
    }

    pub(super) fn servers(&self) -> &[Ipv6Addr] {
        &self.servers
    }

    /// What keeps it from relaying.
    pub(super) fn waiting_for(&self) -> Option<&'static str> {
        self.waiting_for
    }

    pub(super) fn status(&self, settings: &HcraSettings) -> HcraStatus {
        HcraStatus {
            waiting_for: self.waiting_for.or_else(|| self.lacks_device().then_some("device")),
            servers: self.servers().to_vec(),
            servers_from: self.servers_from,
            source: self.socket.address(),
            client: match settings.client {
                HcraClient::Builtin => "builtin",
                HcraClient::External => "external",
            },
            // Only the driver knows.
            device: String::new(),
            renew: match settings.renew {
                Renew::Direct => "direct",
                Renew::ViaCra => "via-cra",
            },
            seen: self.seen().cloned(),
            relayed: self.relayed,
            delivered: self.delivered,
        }
    }

    /// Why the port could not be opened, while that is so.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        match self.socket {
            Socket::Failed(_, error, _) => Some(port_reason(error)),
            Socket::Opening(_, Some(_)) => Some("agent-socket-failed"),
            Socket::Closed | Socket::Opening(_, None) | Socket::Open(_) => None,
        }
    }

    /// Takes a message of an endpoint's engine to every server (HCRA-08, HCRA-09). False when it cannot now.
    pub(super) fn relay(&mut self, message: &[u8], endpoint: EndpointId, cx: &mut Cx<'_>) -> bool {
        let Some(source) = self.address().filter(|_| cx.facts.running()) else { return false };
        let Clients::Builtin(cra) = &mut self.clients else { return false };
        let relayed = match cra.up(cx.now, message, endpoint) {
            Ok(relayed) => relayed,
            Err(refused) => {
                cx.out.push(Effect::Refused(refused));
                return false;
            }
        };
        if !cx.may_send(endpoint) {
            cx.out.push(Effect::Refused(Refused::RateLimited));
            return true;
        }
        self.send(source, relayed, cx);
        true
    }

    /// One copy for each server (HCRA-09).
    fn send(&mut self, source: Ipv6Addr, payload: Vec<u8>, cx: &mut Cx<'_>) {
        self.relayed = self.relayed.saturating_add(1);
        for server in &self.servers {
            cx.out.push(Effect::Send {
                via: Port::Cra6(source),
                source: Some(source),
                to: SocketAddrV6::new(*server, SERVER4_PORT, 0, 0),
                payload: payload.clone(),
            });
        }
    }

    /// Judges what came to the agent's port (HCRA-15 to HCRA-20): the DHCPv4 message in it, if that is for an endpoint.
    ///
    /// # Errors
    /// When nobody is to have it.
    pub(super) fn hear<'d>(
        &mut self,
        address: Ipv6Addr,
        datagram: &Datagram<'d>,
        cx: &mut Cx<'_>,
    ) -> Result<Option<&'d [u8]>, Refused> {
        if datagram.interface != cx.facts.index || self.address() != Some(address) {
            return Err(Refused::WrongLink);
        }
        match &self.clients {
            Clients::Builtin(cra) => {
                let reply = cra.down(cx.now, *datagram.from.ip(), datagram.to, datagram.payload)?;
                Ok(Some(reply.octets))
            }
            Clients::External(_) => self.hand_down(datagram, cx).map(|()| None),
        }
    }

    /// An endpoint took an answer.
    pub(super) fn count_delivered(&mut self) {
        self.delivered = self.delivered.saturating_add(1);
    }
}

/// A client relay agent may run under these settings.
pub(super) fn may_run(settings: &LinkSettings) -> bool {
    matches!(settings.mode, Mode::Auto | Mode::Hcra)
}

/// Those that can be asked from elsewhere, and are not ourselves; as many as the operator wants.
fn usable(servers: &[Ipv6Addr], cx: &Cx<'_>) -> Vec<Ipv6Addr> {
    let own = |server: &Ipv6Addr| {
        cx.facts.addresses.iter().any(|a| a.address == *server) || cx.facts.elsewhere6.contains(server)
    };
    let mut usable: Vec<Ipv6Addr> = Vec::new();
    for server in servers.iter().filter(|server| is_routable(**server) && !own(server)) {
        if usable.len() < cx.settings.max_servers.min(MAX_SERVERS) && !usable.contains(server) {
            usable.push(*server);
        }
    }
    usable
}

/// The address of the tunnel concentrator, which is also the one to ask for DHCPv4 (RFC 7040 §5).
fn question(client6: &Client6) -> Option<Question> {
    let options = client6.options();
    let name = options.aftr_name.clone().filter(|_| client6.is_configured() && !options.dns.is_empty())?;
    Some(Question { name, resolvers: options.dns.iter().copied().take(MAX_RESOLVERS).collect() })
}

/// The address to be at: the one configured, or a global one of the link that passed duplicate address detection, not
/// deprecated if that can be helped (HCRA-05, HCRA-07). Where it is already it stays: tunnels end there (RFC 7040 §5).
fn source(current: Option<Ipv6Addr>, settings: &HcraSettings, facts: &LinkFacts) -> Option<Ipv6Addr> {
    let usable =
        |address: Ipv6Addr| is_routable(address) && (settings.unique_local || !is_unique_local(address));
    let wanted = |address: Ipv6Addr| settings.source.map_or(usable(address), |source| source == address);
    facts
        .addresses
        .iter()
        .filter(|a| a.usable() && wanted(a.address))
        .max_by_key(|a| (!a.deprecated, Some(a.address) == current, !a.temporary, Reverse(a.address)))
        .map(|a| a.address)
}

/// fc00::/7 (RFC 4193).
fn is_unique_local(address: Ipv6Addr) -> bool {
    let [first, ..] = address.octets();
    first & 0xfe == 0xfc
}

fn port_reason(error: OpenError) -> &'static str {
    match error {
        OpenError::InUse => "agent-port-in-use",
        OpenError::NotPermitted => "not-permitted",
        OpenError::NoLink | OpenError::Other(_) => "agent-socket-failed",
    }
}
