//! Role `tra`: the IPv6-Transport Relay Agent (draft-ietf-dhc-dhcpv4-over-ipv6 §8). It brings client relay agents, which
//! speak IPv6, to DHCPv4 servers, which need not.
//!
//! The way back to a client relay agent stands in option 82, so it keeps nothing on disk and no state of any client. For
//! two minutes it remembers whom it relayed for, unless told not to: then a server cannot make it send to somebody who
//! did not ask. Several of them may stand before the same servers, each with a giaddr of its own.
//!
//! A client's octets stay as they are but for hops, giaddr, option 82 before End, and what follows End. What unmodified
//! servers do with option 82 decides the rest:
//!
//! - Kea sorts sub-options and joins those of one code, ISC dhcpd drops the second one: each has a code of its own, and
//!   in an answer CRA6ADDR is looked for by its code, wherever it stands. It leaves as the first, the others in ascending
//!   order behind it.
//! - Kea doubles, ISC dhcpd cuts what is longer than one option: it is never sent.
//! - dnsmasq leaves option 82 out of answers that would have more than about 550 octets with it, unless the client
//!   announces that it takes more (option 57): identifiers that are added should be short.
//! - dnsmasq and Kea refuse or ignore a REQUEST that names another server, ISC dhcpd acknowledges it. So what every
//!   server shall see (RFC 1542 §4.1.1) goes to every server, but a REQUEST, DECLINE or RELEASE that names one of them
//!   goes to that one alone; renewals and rebindings, which name none, go to all, and servers that share clients have to
//!   share leases or be told not to speak for networks that are not theirs (not authoritative).
//! - Kea and ISC dhcpd answer an INFORM at its ciaddr, past this agent.
//!
//! The answer has no option 82 any more; its giaddr and hops are the server's, because RFC 1542 §4.1.2 lets a relay agent
//! change nothing in it, and a client relay agent hands it on as it comes.

mod agent;
mod bindings;
mod echo;
mod places;
#[cfg(test)]
mod tests;

use super::rates::{Rates, digest};
use super::recent::Recent;
use super::upstream4::Upstream4;
use crate::machine::Machine;
use crate::params::{HOPS_LIMIT, SERVER4_PORT};
use crate::prefix::{Prefix4, Prefix6};
use crate::provider::{Datagram, Effect, Input, Interface, Port, TunnelBinding};
use crate::refused::Refused;
use crate::settings::{Encapsulation, is_routable};
use crate::tally::{Done, Tally};
use crate::time::{Instant, Lifetime};
use crate::wire::agent::{AgentInformation, code as sub_option};
use crate::wire::encapsulation::{Encapsulated, Level, RELAYFORWARD, RELAYREPLY};
use crate::wire::transit::{self, Transit};
use crate::wire::v4::{BOOTREPLY, BOOTREQUEST, MessageType, code};
use agent::Agents;
use bindings::Bindings;
use echo::Echo;
use places::Places;
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

/// What the rates allow in this time may come at once.
const BURST: Duration = Duration::from_secs(1);
/// Messages that may wait for an answer: the oldest is forgotten first.
const PENDING: usize = 65_536;
/// Octets of IPv4 and UDP headers.
const HEADERS: usize = 28;

/// All settings of one IPv6-transport relay agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraSettings {
    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    pub addresses: Vec<Ipv6Addr>,
    /// Where client relay agents are: at least one prefix.
    pub accept_from: Vec<Prefix6>,
    /// DHCPv4 servers: 1 to 8. Every message goes to each.
    pub servers: Vec<Ipv4Addr>,
    /// Own IPv4 address, that servers answer to.
    pub giaddr: Ipv4Addr,
    /// Code of the CRA6ADDR sub-option: 1 to 254, and none that another one to add has.
    pub cra6addr: u8,
    /// Which subnet the servers shall choose from (sub-option 5, RFC 3527), by where the client relay agent is; the longest
    /// prefix counts. Empty leaves it to giaddr.
    pub links: Vec<TraLink>,
    /// Sub-option 1 to add.
    pub circuit_id: Option<Vec<u8>>,
    /// Sub-option 2 to add.
    pub remote_id: Option<Vec<u8>>,
    /// Sub-option 12 to add (RFC 6925).
    pub relay_id: Option<Vec<u8>>,
    /// Own UDP port toward servers; 67 unless RFC 8357 is wanted.
    pub source_port: u16,
    /// Highest `hops` of a message: 1 to 16.
    pub hops_limit: u8,
    /// Most octets of a message to a server, UDP payload. Longer ones are not relayed.
    pub max_message: u16,
    /// Take only answers to what was relayed in the last two minutes. Without, nothing is remembered of any message, and
    /// answers leave from the first of `addresses`, or from what the kernel chooses: only client relay agents that are
    /// configured for that one, or are easy with sources, take them.
    pub match_requests: bool,
    /// Watch leases pass, and tell which address is behind which client relay agent. A renewal that a client sends to its
    /// server directly is not seen: agents on hosts have to be told to take it.
    pub snoop: bool,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Messages per second from one client relay agent; 0 is no limit.
    pub rate_per_source: u32,
    /// Messages per second altogether; 0 is no limit.
    pub rate: u32,
}

/// Client relay agents whose clients get addresses of one subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TraLink {
    /// Where they are.
    pub sources: Vec<Prefix6>,
    /// The subnet.
    pub prefix: Prefix4,
}

impl Default for TraSettings {
    /// Complete but for `accept_from`, `servers` and `giaddr`.
    fn default() -> Self {
        Self {
            addresses: Vec::new(),
            accept_from: Vec::new(),
            servers: Vec::new(),
            giaddr: Ipv4Addr::UNSPECIFIED,
            cra6addr: sub_option::CRA6ADDR,
            links: Vec::new(),
            circuit_id: None,
            remote_id: None,
            relay_id: None,
            source_port: SERVER4_PORT,
            hops_limit: HOPS_LIMIT,
            max_message: 1472,
            match_requests: true,
            snoop: false,
            encapsulation: Encapsulation::Off,
            rate_per_source: 50,
            rate: 0,
        }
    }
}

/// The role.
pub struct Tra {
    rules: Rules,
    interfaces: Vec<Interface>,
    /// Addresses of this host.
    own: BTreeSet<Ipv6Addr>,
    /// Most octets of a message to a server.
    longest: usize,
    /// What was relayed of late; `None` when answers are not matched.
    recent: Option<Recent<Asker, Asked>>,
    bindings: Bindings,
    echo: Echo,
    per_source: Rates<Ipv6Addr>,
    total: Rates<()>,
    tally: Tally,
}

/// The settings, and what they come to.
struct Rules {
    settings: TraSettings,
    upstream: Upstream4,
    accepted: Places,
    agents: Agents,
}

impl Rules {
    fn new(settings: TraSettings) -> Self {
        Self {
            upstream: Upstream4::new(settings.servers.clone(), settings.giaddr, settings.source_port),
            accepted: settings.accept_from.iter().map(|prefix| (*prefix, 0)).collect(),
            agents: Agents::new(&settings),
            settings,
        }
    }

    fn encapsulates(&self) -> bool {
        self.settings.encapsulation == Encapsulation::Private
    }
}

/// What an answer is found by: transaction id, and address of the client relay agent, as a number because that takes a
/// hasher less time.
type Asker = (u32, u128);

/// What is known of a message that was relayed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// The address of ours that it was sent to, from which its answer comes.
    at: Ipv6Addr,
    /// The address that a REQUEST is about, if leases are watched.
    about: Option<Ipv4Addr>,
}

/// An answer, judged.
struct Answer<'a> {
    /// Where the client relay agent is.
    to: Ipv6Addr,
    /// The DHCPv4 message in it.
    message: Transit<'a>,
    /// What goes to the client relay agent.
    payload: Vec<u8>,
}

impl Tra {
    /// A relay agent. It relays from the first [`Input::Interfaces`] on.
    pub fn new(settings: TraSettings) -> Self {
        Self {
            interfaces: Vec::new(),
            own: BTreeSet::new(),
            longest: longest(&settings, &[]),
            recent: settings.match_requests.then(|| Recent::new(PENDING)),
            bindings: Bindings::default(),
            echo: Echo::default(),
            per_source: Rates::with_burst(settings.rate_per_source, BURST),
            total: Rates::with_burst(settings.rate, BURST),
            tally: Tally::default(),
            rules: Rules::new(settings),
        }
    }

    /// Takes up other settings. What waits for an answer goes on waiting, by the new ones.
    pub fn configure(&mut self, settings: TraSettings) {
        self.longest = longest(&settings, &self.interfaces);
        match &mut self.recent {
            Some(_) if !settings.match_requests => self.recent = None,
            None if settings.match_requests => self.recent = Some(Recent::new(PENDING)),
            _ => {}
        }
        if !settings.snoop {
            self.bindings = Bindings::default();
        }
        self.echo.keep(&settings.servers);
        self.per_source.configure(settings.rate_per_source);
        self.total.configure(settings.rate);
        self.rules = Rules::new(settings);
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        vec![Port::Transport6, self.rules.upstream.port()]
    }

    /// What was done so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The DHCPv4 servers, and which of them were found to leave out relay agent information: no answer of those finds
    /// its client.
    pub fn servers(&self) -> impl Iterator<Item = (Ipv4Addr, bool)> {
        self.rules.upstream.servers().iter().map(|server| (*server, self.echo.is_missing(*server)))
    }

    /// The address of ours that servers know.
    pub fn giaddr(&self) -> Ipv4Addr {
        self.rules.settings.giaddr
    }

    /// The addresses it is asked at: those configured, or every one of the host that can be reached from elsewhere.
    pub fn addresses(&self) -> Vec<Ipv6Addr> {
        let configured = &self.rules.settings.addresses;
        if configured.is_empty() {
            self.own.iter().copied().filter(|address| is_routable(*address)).collect()
        } else {
            configured.clone()
        }
    }

    /// Which addresses are behind which client relay agents, as far as their leases were seen.
    pub fn bindings(&self) -> impl Iterator<Item = TunnelBinding> {
        self.bindings.iter()
    }

    fn on_datagram(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        match datagram.via {
            Port::Transport6 => self.hand_up(now, datagram, out),
            port if port == self.rules.upstream.port() => self.hand_down(now, datagram, out),
            _ => Err(Refused::WrongLink),
        }
    }

    /// From a client relay agent to the servers.
    fn hand_up(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let from = *datagram.from.ip();
        self.check_destination(datagram.to)?;
        if !is_routable(from) || self.is_own(from) || self.rules.accepted.at(from).is_none() {
            return Err(Refused::SourceRefused);
        }
        let relayed = match datagram.payload.first() {
            None => return Err(Refused::Malformed4),
            Some(&BOOTREQUEST) => None,
            Some(&RELAYFORWARD) if self.rules.encapsulates() => Some(self.relayed(datagram.payload)?),
            Some(_) => return Err(Refused::OpUnsupported),
        };
        let octets = relayed.as_ref().map_or(datagram.payload, |relayed| relayed.message);
        let message = Transit::parse(octets).map_err(|_| Refused::Malformed4)?;
        if !message.giaddr().is_unspecified() {
            return Err(Refused::GiaddrNonzero);
        }
        // Also where only a server that is easy with option 52 would find it: what says where the client is, is ours.
        if message.may_have(code::RELAY_AGENT) {
            return Err(Refused::Option82FromClient);
        }
        let outer = relayed.as_ref().and_then(|relayed| relayed.levels.first());
        let hops = outer.map_or(message.hops(), |level| level.hops);
        if hops > self.rules.settings.hops_limit {
            return Err(Refused::HopsLimit);
        }
        // The source first: what it sends too much shall not take from the others.
        if !self.per_source.take(now, from) || !self.total.take(now, ()) {
            return Err(Refused::RateLimited);
        }
        let hops = hops.saturating_add(1);
        let payload = match outer {
            None => self.stamp(&message, hops, from)?,
            Some(_) => self.wrap(datagram.payload, hops, from)?,
        };
        let kind = message.kind();
        if let Some(recent) = &mut self.recent {
            let watched = self.rules.settings.snoop && kind == Some(MessageType::REQUEST);
            let about = if watched { requested(&message) } else { None };
            recent.remember(now, (message.xid().0, from.to_bits()), Asked { at: datagram.to, about });
        }
        if self.rules.settings.snoop {
            self.watch_up(&message, from, out);
        }
        let names = matches!(kind, Some(MessageType::REQUEST | MessageType::DECLINE | MessageType::RELEASE));
        let named = if names { message.address(code::SERVER_ID) } else { None };
        self.rules.upstream.send(named, payload, out);
        self.tally.count(Done::Upstream);
        if outer.is_some() {
            self.tally.count(Done::Relayed);
        }
        self.count(kind);
        Ok(())
    }

    fn check_destination(&self, to: Ipv6Addr) -> Result<(), Refused> {
        let addresses = &self.rules.settings.addresses;
        if to.is_multicast() {
            Err(Refused::MulticastDestination)
        } else if is_routable(to) && (addresses.is_empty() || addresses.contains(&to)) {
            Ok(())
        } else {
            Err(Refused::WrongDestination)
        }
    }

    fn is_own(&self, address: Ipv6Addr) -> bool {
        self.own.contains(&address) || self.rules.settings.addresses.contains(&address)
    }

    /// A message that client relay agents have put something around. None of it says where one of them is: that is ours
    /// to say.
    fn relayed<'a>(&self, payload: &'a [u8]) -> Result<Encapsulated<'a>, Refused> {
        let relayed = Encapsulated::parse(payload).ok_or(Refused::Malformed4)?;
        let mut agents = relayed.levels.iter().filter_map(Level::sub_options);
        if agents.any(|agent| agent.cra6addr(self.rules.settings.cra6addr).is_ok()) {
            return Err(Refused::Option82FromClient);
        }
        Ok(relayed)
    }

    /// The client's message with our giaddr, and with option 82 as its last option (RFC 3046 §2.1).
    fn stamp(&self, message: &Transit<'_>, hops: u8, from: Ipv6Addr) -> Result<Vec<u8>, Refused> {
        let agent = self.rules.agents.at(from).ok_or(Refused::NoRoom)?;
        // An answer to a message without room for option 82 would find no way back: unlike in RFC 3046 §2.1, such a
        // message is not relayed.
        if message.len().saturating_add(agent.len()).saturating_add(1) > self.longest {
            return Err(Refused::NoRoom);
        }
        let mut payload = message.open(agent.len());
        agent.append(from, &mut payload);
        transit::close(&mut payload);
        transit::write(&mut payload, transit::HOPS, &[hops]);
        transit::write(&mut payload, transit::GIADDR, &self.rules.settings.giaddr.octets());
        Ok(payload)
    }

    /// What client relay agents have put something around, with a level of ours around that.
    fn wrap(&self, message: &[u8], hops: u8, from: Ipv6Addr) -> Result<Vec<u8>, Refused> {
        let agent = self.rules.agents.at(from).ok_or(Refused::NoRoom)?;
        let segment = agent.segment(from);
        let level = Level { op: RELAYFORWARD, hops, segment: &segment, message };
        let payload = level.emit().map_err(|_| Refused::NoRoom)?;
        if payload.len() > self.longest { Err(Refused::NoRoom) } else { Ok(payload) }
    }

    /// From a server to a client relay agent.
    fn hand_down(
        &mut self,
        now: Instant,
        datagram: &Datagram<'_>,
        out: &mut Vec<Effect>,
    ) -> Result<(), Refused> {
        let op = datagram.payload.first().ok_or(Refused::Malformed4)?;
        let relayed = match *op {
            BOOTREPLY => false,
            RELAYREPLY if self.rules.encapsulates() => true,
            // A client's message too: to clients that speak IPv4 this is no relay agent.
            _ => return Err(Refused::OpUnsupported),
        };
        let server = self.rules.upstream.server(datagram)?;
        let answer = if relayed {
            self.unwrap(datagram.payload)?
        } else {
            self.unstamp(server, datagram.payload, out)?
        };
        let Answer { to, message, payload } = answer;
        let asked = match &self.recent {
            Some(recent) => {
                let found = recent.find(now, &(message.xid().0, to.to_bits()));
                Some(found.ok_or(Refused::Unsolicited)?.1)
            }
            None => None,
        };
        let source = asked.map(|asked| asked.at).or_else(|| self.rules.settings.addresses.first().copied());
        if self.rules.settings.snoop {
            let about = asked.and_then(|asked| asked.about);
            self.watch_down(now, &message, about, to, out);
        }
        let to = SocketAddrV6::new(to, SERVER4_PORT, 0, 0);
        out.push(Effect::Send { via: Port::Transport6, interface: 0, source, to, payload });
        self.tally.count(Done::Downstream);
        self.count(message.kind());
        Ok(())
    }

    /// An answer without option 82, and where that says it goes.
    fn unstamp<'a>(
        &mut self,
        server: Ipv4Addr,
        octets: &'a [u8],
        out: &mut Vec<Effect>,
    ) -> Result<Answer<'a>, Refused> {
        let message = self.rules.upstream.answer(octets)?;
        let Some(value) = message.option(code::RELAY_AGENT) else {
            out.extend(self.echo.missing(server).map(Effect::Notify));
            return Err(Refused::NoCra6addr);
        };
        self.echo.returned(server);
        if value.is_empty() {
            return Err(Refused::NoCra6addr);
        }
        let agent = AgentInformation::parse(&value).ok_or(Refused::BadCra6addr)?;
        let to = self.client_relay_agent(agent)?;
        // Where it cannot be taken away from: no client relay agent would take the answer.
        if message.hides(code::RELAY_AGENT) {
            return Err(Refused::Option82InReply);
        }
        let mut payload = message.open_without(code::RELAY_AGENT, 0);
        transit::close(&mut payload);
        Ok(Answer { to, message, payload })
    }

    /// An answer without the level that was ours, and where that says it goes.
    fn unwrap<'a>(&self, octets: &'a [u8]) -> Result<Answer<'a>, Refused> {
        let relayed = Encapsulated::parse(octets).ok_or(Refused::Malformed4)?;
        let ours = relayed.levels.first().ok_or(Refused::Malformed4)?;
        let to = self.client_relay_agent(ours.sub_options().ok_or(Refused::NoCra6addr)?)?;
        let message = Transit::parse(relayed.message).map_err(|_| Refused::Malformed4)?;
        if message.may_have(code::RELAY_AGENT) {
            return Err(Refused::Option82InReply);
        }
        Ok(Answer { to, message, payload: ours.message.to_vec() })
    }

    /// Where the client relay agent is that an answer is for. Nobody is sent anything whom we would not hear.
    fn client_relay_agent(&self, agent: AgentInformation<'_>) -> Result<Ipv6Addr, Refused> {
        let address = agent.cra6addr(self.rules.settings.cra6addr)?;
        let heard = is_routable(address) && self.rules.accepted.at(address).is_some();
        if heard && !self.is_own(address) { Ok(address) } else { Err(Refused::BadCra6addr) }
    }

    /// What a client's message says of its lease (RFC 7040 §6).
    fn watch_up(&mut self, message: &Transit<'_>, from: Ipv6Addr, out: &mut Vec<Effect>) {
        let given_up = match message.kind() {
            Some(MessageType::RELEASE) => Some(message.ciaddr()),
            Some(MessageType::DECLINE) => message.address(code::REQUESTED_ADDRESS),
            _ => None,
        };
        if let Some(address) = given_up {
            self.bindings.given_up(address, from, client(message), out);
        }
    }

    /// What a server's message says of a lease. `about` is the address that was asked for.
    fn watch_down(
        &mut self,
        now: Instant,
        message: &Transit<'_>,
        about: Option<Ipv4Addr>,
        to: Ipv6Addr,
        out: &mut Vec<Effect>,
    ) {
        match message.kind() {
            Some(MessageType::ACK) => {
                // An ACK to an INFORM has none.
                let Some(lease) = message.address(code::LEASE_TIME).map(u32::from) else { return };
                let until = Lifetime(lease).end(now);
                let binding = TunnelBinding { address: message.yiaddr(), agent: to, until };
                self.bindings.acknowledged(now, binding, client(message), message.xid(), out);
            }
            Some(MessageType::NAK) => {
                let Some(address) = about else { return };
                self.bindings.refused(address, to, client(message), message.xid(), out);
            }
            _ => {}
        }
    }

    fn count(&mut self, kind: Option<MessageType>) {
        let done = match kind {
            Some(MessageType::DISCOVER) => Done::Discover,
            Some(MessageType::OFFER) => Done::Offer,
            Some(MessageType::ACK) => Done::Ack,
            Some(MessageType::NAK) => Done::Nak,
            Some(MessageType::DECLINE) => Done::Decline,
            Some(MessageType::RELEASE) => Done::Release,
            Some(MessageType::INFORM) => Done::Inform,
            _ => return,
        };
        self.tally.count(done);
    }
}

impl Machine for Tra {
    type Input<'a> = Input<'a>;
    type Effect = Effect;

    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Effect>) {
        self.bindings.expire(now, out);
        match input {
            Input::Interfaces(interfaces) => {
                self.own = interfaces.iter().flat_map(|interface| &interface.addresses).copied().collect();
                self.longest = longest(&self.rules.settings, interfaces);
                self.interfaces = interfaces.to_vec();
            }
            Input::Datagram(datagram) => {
                if let Err(refused) = self.on_datagram(now, &datagram, out) {
                    out.push(Effect::Refused(refused));
                }
            }
            Input::Frame(_) => out.push(Effect::Refused(Refused::WrongLink)),
            // It stores nothing.
            Input::Deadline | Input::Stored(_) | Input::StorageFailed | Input::StorageRestored => {}
        }
    }

    fn deadline(&self) -> Option<Instant> {
        self.bindings.deadline()
    }
}

/// Most octets of a message to a server: as configured, and as the interface with our giaddr takes it whole.
fn longest(settings: &TraSettings, interfaces: &[Interface]) -> usize {
    let ours = interfaces.iter().find(|interface| interface.addresses4.contains(&settings.giaddr));
    let mtu = ours.and_then(|interface| usize::try_from(interface.mtu).ok()).filter(|mtu| *mtu > 0);
    let configured = usize::from(settings.max_message);
    mtu.map_or(configured, |mtu| configured.min(mtu.saturating_sub(HEADERS)))
}

/// The address that a REQUEST is about (RFC 2131 §4.3.2).
fn requested(message: &Transit<'_>) -> Option<Ipv4Addr> {
    match message.ciaddr() {
        Ipv4Addr::UNSPECIFIED => message.address(code::REQUESTED_ADDRESS),
        ciaddr => Some(ciaddr),
    }
}

/// A short name of the client, the same in what it asks and in what it is answered.
fn client(message: &Transit<'_>) -> u64 {
    digest(&[message.hardware()])
}
