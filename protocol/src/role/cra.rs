//! What every Client Relay Agent does (draft-ietf-dhc-dhcpv4-over-ipv6 §6): which of a client's messages go up to TSVs
//! and TRAs, and which of what comes by IPv6 goes down to the client.
//!
//! Nothing but `hops` changes on the way up, and nothing on the way down. How messages come from a client and get to it
//! is not known here: it can be a frame or a function call.

use super::rates::digest;
use super::recent::Recent;
use crate::params::{HOPS_LIMIT, MAX_MESSAGE4, MAX_SERVERS, MIN_HEADER4};
use crate::refused::Refused;
use crate::settings::{Encapsulation, SourceCheck, is_routable};
use crate::time::Instant;
use crate::wire::agent;
use crate::wire::encapsulation::{Level, RELAYFORWARD, RELAYREPLY};
use crate::wire::transit::{self, Transit};
use crate::wire::v4::{BOOTREPLY, BOOTREQUEST, code};
use std::net::Ipv6Addr;

#[cfg(test)]
mod tests;

/// What an operator decides about the messages of one agent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Highest `hops` of a client's message: 1 to 16.
    pub hops_limit: u8,
    /// Who may answer.
    pub source_check: SourceCheck,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Sub-options to send by relay encapsulation, as [`agent::emit`] writes them; empty sends messages as they are.
    pub sub_options: Vec<u8>,
    /// Messages that may wait for an answer: the oldest is forgotten first.
    pub pending: usize,
    /// What an answer has in common with what was relayed.
    pub matching: Matching,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            hops_limit: HOPS_LIMIT,
            source_check: SourceCheck::Strict,
            encapsulation: Encapsulation::Off,
            sub_options: Vec::new(),
            pending: 512,
            matching: Matching::Xid,
        }
    }
}

/// What an answer must have in common with a message that was relayed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Matching {
    /// The transaction id: all clients are on this host. Two of them may have the same one at a time; then the client
    /// identifier tells them apart, if it is returned.
    Xid,
    /// Transaction id and hardware address.
    XidAndHardware,
}

/// The sub-options of an on-link agent, as [`Rules::sub_options`] has them. A value over 255 octets is left out.
pub fn sub_options(circuit_id: Option<&[u8]>, remote_id: Option<&[u8]>) -> Vec<u8> {
    let ids = [(agent::code::CIRCUIT_ID, circuit_id), (agent::code::REMOTE_ID, remote_id)];
    let option = |(code, value): (u8, Option<&[u8]>)| agent::emit(&[(code, value?)]).ok();
    ids.into_iter().filter_map(option).flatten().collect()
}

/// One Client Relay Agent. It knows each message it relayed for two minutes, with what its owner wants to find again
/// with the answer: `C`.
#[derive(Debug)]
pub struct Cra<C> {
    rules: Rules,
    own: Option<Ipv6Addr>,
    servers: Vec<Ipv6Addr>,
    recent: Recent<Key, C>,
}

/// What an answer is found by.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct Key {
    xid: u32,
    /// Zero when it is not looked at.
    hardware: [u8; 16],
    /// Of the client identifier. Each message is remembered without, and with it if need be.
    id: Option<u64>,
}

/// An answer for a client.
#[derive(Debug)]
pub struct Reply<'a, C> {
    /// The octets to deliver: those received, or what was inside of relay encapsulation.
    pub octets: &'a [u8],
    /// The same, read.
    pub message: Transit<'a>,
    /// When the message that it answers was relayed.
    pub asked_at: Instant,
    /// What was to be found again.
    pub client: C,
}

impl<C: Clone> Cra<C> {
    /// An agent that has neither address nor servers yet, so that it relays nothing.
    pub fn new(rules: Rules) -> Self {
        Self { own: None, servers: Vec::new(), recent: Recent::new(rules.pending), rules }
    }

    /// Takes up other rules. What waits for an answer goes on waiting, by the new ones.
    pub fn configure(&mut self, rules: Rules) {
        self.recent.configure(rules.pending);
        self.rules = rules;
    }

    /// Where it is and whom it relays to, from now on. What nobody could answer from, or be asked at, is left out, and so
    /// is what goes beyond [`MAX_SERVERS`] or stands there twice.
    pub fn place(&mut self, own: Option<Ipv6Addr>, servers: &[Ipv6Addr]) {
        self.own = own.filter(|own| is_routable(*own));
        self.servers.clear();
        for server in servers {
            let new = is_routable(*server) && Some(*server) != self.own && !self.servers.contains(server);
            if new && self.servers.len() < MAX_SERVERS {
                self.servers.push(*server);
            }
        }
    }

    /// The address that it sends from, when it can send at all: it has one, and somebody to send to (§6).
    pub fn source(&self) -> Option<Ipv6Addr> {
        self.own.filter(|_| !self.servers.is_empty())
    }

    /// TSVs and TRAs: each gets every message.
    pub fn servers(&self) -> &[Ipv6Addr] {
        &self.servers
    }

    /// Judges a client's message, and remembers it: what to send to each server, from port 67 to port 67.
    ///
    /// # Errors
    /// Why it is not relayed. Then nothing is remembered.
    pub fn up(&mut self, now: Instant, octets: &[u8], client: C) -> Result<Vec<u8>, Refused> {
        let message = self.judge(octets)?;
        self.relay(now, octets, &message, client)
    }

    /// Judges a client's message, whatever is inside: DHCP or BOOTP.
    ///
    /// # Errors
    /// Why it is not relayed.
    pub fn judge<'a>(&self, octets: &'a [u8]) -> Result<Transit<'a>, Refused> {
        if self.source().is_none() {
            return Err(Refused::NotReady);
        }
        match octets.first() {
            Some(&BOOTREQUEST) => {}
            Some(_) if octets.len() >= MIN_HEADER4 => return Err(Refused::OpUnsupported),
            Some(_) | None => return Err(Refused::Malformed4),
        }
        if octets.len() > MAX_MESSAGE4 {
            return Err(Refused::NoRoom);
        }
        let message = Transit::parse(octets).map_err(|_| Refused::Malformed4)?;
        if message.hops() > self.rules.hops_limit {
            return Err(Refused::HopsLimit);
        }
        if !message.giaddr().is_unspecified() {
            return Err(Refused::GiaddrNonzero);
        }
        if message.may_have(code::RELAY_AGENT) {
            return Err(Refused::Option82FromClient);
        }
        Ok(message)
    }

    /// The second half of [`Cra::up`], for who has more to ask between them: `message` is `octets`, judged.
    ///
    /// # Errors
    /// When relay encapsulation does not fit around it.
    pub fn relay(
        &mut self,
        now: Instant,
        octets: &[u8],
        message: &Transit<'_>,
        client: C,
    ) -> Result<Vec<u8>, Refused> {
        let relayed = self.wrap(octets, message.hops())?;
        self.remember(now, message, client);
        Ok(relayed)
    }

    /// What goes up: the message with its `hops` counted, or the message as it is with relay encapsulation around it.
    fn wrap(&self, octets: &[u8], hops: u8) -> Result<Vec<u8>, Refused> {
        let hops = hops.saturating_add(1);
        let segment = &self.rules.sub_options;
        if self.rules.encapsulation == Encapsulation::Private && !segment.is_empty() {
            let level = Level { op: RELAYFORWARD, hops, segment, message: octets };
            return level.emit().map_err(|_| Refused::NoRoom);
        }
        let mut relayed = octets.to_vec();
        transit::write(&mut relayed, transit::HOPS, &[hops]);
        Ok(relayed)
    }

    fn remember(&mut self, now: Instant, message: &Transit<'_>, client: C) {
        let key = self.key(message);
        if let Some(id) = self.identifier(message) {
            self.recent.remember(now, Key { id: Some(id), ..key }, client.clone());
        }
        self.recent.remember(now, key, client);
    }

    /// A short name of the client identifier, where it counts: two clients of this host can have one transaction id, and
    /// a source that is not listed has to tell more than that.
    fn identifier(&self, message: &Transit<'_>) -> Option<u64> {
        let counts = self.rules.matching == Matching::Xid || self.rules.source_check == SourceCheck::Relaxed;
        let id = if counts { message.option(code::CLIENT_ID) } else { None };
        id.map(|id| digest(&[&id]))
    }

    fn key(&self, message: &Transit<'_>) -> Key {
        let mut hardware = [0; 16];
        if self.rules.matching == Matching::XidAndHardware {
            // Octets beyond `hlen` mean nothing, and some servers clear them.
            hardware.iter_mut().zip(message.hardware()).for_each(|(to, from)| *to = *from);
        }
        Key { xid: message.xid().0, hardware, id: None }
    }

    /// Judges a datagram that came by IPv6 to port 67: the answer for the client. The caller has checked that it came in
    /// on the agent's own link, if that is one.
    ///
    /// Answers are not counted: another server may give one more, and a client knows what it waits for.
    ///
    /// # Errors
    /// Why nothing is delivered. Nobody is told.
    pub fn down<'a>(
        &self,
        now: Instant,
        from: Ipv6Addr,
        to: Ipv6Addr,
        payload: &'a [u8],
    ) -> Result<Reply<'a, C>, Refused> {
        if to.is_multicast() {
            return Err(Refused::MulticastDestination);
        }
        if Some(to) != self.own {
            return Err(Refused::WrongDestination);
        }
        let listed = self.servers.contains(&from);
        if !is_routable(from) || (self.rules.source_check == SourceCheck::Strict && !listed) {
            return Err(Refused::SourceRefused);
        }
        let octets = self.unwrap(payload)?;
        let message = Transit::parse(octets).map_err(|_| Refused::Malformed4)?;
        if message.may_have(code::RELAY_AGENT) {
            return Err(Refused::Option82InReply);
        }
        let key = self.key(&message);
        let same_client =
            self.identifier(&message).and_then(|id| self.recent.find(now, &Key { id: Some(id), ..key }));
        let (asked_at, client) =
            same_client.or_else(|| self.recent.find(now, &key)).ok_or(Refused::Unsolicited)?;
        if self.rules.source_check == SourceCheck::Relaxed && !listed && same_client.is_none() {
            return Err(Refused::SourceRefused);
        }
        Ok(Reply { octets, message, asked_at, client: client.clone() })
    }

    /// The reply in a datagram: all of it, or what is inside of one level of relay encapsulation, ours. A second level
    /// would be that of a relay agent below, and a client is none.
    fn unwrap<'a>(&self, payload: &'a [u8]) -> Result<&'a [u8], Refused> {
        match payload.first() {
            Some(&BOOTREPLY) => Ok(payload),
            Some(&RELAYREPLY) if self.rules.encapsulation == Encapsulation::Private => {
                let level = Level::parse(payload).ok_or(Refused::Malformed4)?;
                let plain = level.message.first() == Some(&BOOTREPLY);
                if plain { Ok(level.message) } else { Err(Refused::OpUnsupported) }
            }
            Some(_) => Err(Refused::OpUnsupported),
            None => Err(Refused::Malformed4),
        }
    }
}
