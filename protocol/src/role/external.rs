//! The external engine: DHCPv4 servers that are reached by IPv4, as a relay agent reaches them (RFC 2131, RFC 3046).
//!
//! It keeps no state of any client: what is needed to find the way back travels in option 82, which servers return.
//! So any number of fronts with the same secret may stand before the same servers, and any of them can handle any
//! answer. What unmodified servers do with option 82 decides how it looks:
//!
//! - Kea sorts sub-options and joins those of one code, ISC dhcpd drops the second one: sub-options have different
//!   codes, in ascending order, and ours is looked for by its code.
//! - Kea doubles, ISC dhcpd cuts what is longer than one option: there are never more than 240 octets.
//! - dnsmasq leaves option 82 out unless option 57 of the query has room for all of the query and once more for option
//!   82: option 57 grows by what we add, and never by more, so that an answer without our part still fits the client. To
//!   a client that sends much more than 200 octets of options and no option 57, its answer finds no way back.
//! - ISC dhcpd (unless `echo-client-id` is on) and dnsmasq do not return option 61: a copy travels along,
//!   if there is room.
//! - dnsmasq refuses a REQUEST that names another server, ISC dhcpd acknowledges it: it goes to the named one alone.
//! - Kea and ISC dhcpd answer an INFORM at its ciaddr, by IPv4 and without option 82, unless that is zero: so it is,
//!   and nobody can make them send to an address of his choice. dnsmasq does not answer such an INFORM.
//!
//! The flags sub-option (RFC 5010), by which a renewal could be told from a rebinding, none of them needs.

mod message;
mod metadata;
mod silence;
#[cfg(test)]
mod tests;

use super::back::Back;
use super::upstream4::{LARGEST_AGENT, Upstream4};
use crate::params::SERVER4_PORT;
use crate::prefix::Prefix4;
use crate::provider::{Datagram, Effect, Port};
use crate::refused::Refused;
use crate::server4::Query;
use crate::server4::select::Subnets;
use crate::server4::settings::Serves;
use crate::way::Way;
use crate::wire::agent::{self, AgentInformation, code::LINK_SELECTION};
use crate::wire::v4::{self, Message, MessageType, code};
use metadata::{Metadata, Seal, Transaction};
pub use silence::Silence;
use std::net::Ipv4Addr;

/// Octets of option 82 up to which a copy of option 61 travels along.
const COMFORTABLE: usize = 128;
/// Relay agents that a message may have passed, RFC 1542 §4.1.1.
const HOPS_LIMIT: u8 = 16;

/// All settings of the external engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// Every query goes to each of them, unless its option 54 names one: 1 to 8.
    pub servers: Vec<Ipv4Addr>,
    /// Our address, that the servers answer to.
    pub giaddr: Ipv4Addr,
    /// Which subnet the servers shall choose from (sub-option 5, RFC 3527), by where the client is. The first that
    /// matches, by the same rules as subnets of the built-in engine; none leaves it to giaddr.
    pub links: Vec<LinkSelection>,
    /// Sub-option of option 82 that takes the way back: 1 to 254, but not 5.
    pub sub_option: u8,
}

impl Settings {
    /// [`Settings::sub_option`] unless configured: not assigned, and left alone by the servers we know.
    pub const SUB_OPTION: u8 = 220;

    /// Where servers answer to.
    pub fn port(&self) -> Port {
        Upstream4::new(Vec::new(), self.giaddr, SERVER4_PORT).port()
    }
}

/// Clients whose addresses are to come from one subnet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkSelection {
    /// Whom.
    pub serves: Serves,
    /// The subnet.
    pub prefix: Prefix4,
}

/// The engine: settings, and a key.
#[derive(Debug)]
pub struct External {
    settings: Settings,
    upstream: Upstream4,
    links: Subnets,
    seal: Seal,
}

impl External {
    /// An engine. Fronts that shall handle each other's answers have the same `secret`.
    pub fn new(settings: Settings, secret: [u8; 16]) -> Self {
        let links = Subnets::of(settings.links.iter().map(|link| (&link.serves, link.prefix)));
        let upstream = Upstream4::new(settings.servers.clone(), settings.giaddr, SERVER4_PORT);
        Self { settings, upstream, links, seal: Seal::new(secret) }
    }

    /// Sends a client's message to the servers. `back` is how an answer reaches the client.
    ///
    /// What leaves is written anew from what was understood: an option that a server could find and we did not, behind
    /// an End or in a field that is not overloaded, does not get through.
    ///
    /// # Errors
    /// When it is not a client's message, has relay agent information already, passed too many relay agents, or there
    /// is no room for the way back.
    pub fn forward(&self, query: &Query<'_>, back: &Back, out: &mut Vec<Effect>) -> Result<(), Refused> {
        let message = query.message;
        if message.op != v4::BOOTREQUEST {
            return Err(Refused::OpUnsupported);
        }
        let kind = message.kind().filter(|kind| is_from_client(*kind)).ok_or(Refused::Unsupported4)?;
        if message.option(code::RELAY_AGENT).is_some() {
            return Err(Refused::Option82FromClient);
        }
        if message.hops >= HOPS_LIMIT {
            return Err(Refused::HopsLimit);
        }
        let (agent, restored) = self.agent(message, query.way, back)?;
        // Larger by what we add, less what we put back in its place: the client's own limit holds for the rest.
        let extra = agent.len().saturating_add(2).saturating_sub(restored);
        let payload = message::to_server(message, kind, self.settings.giaddr, extra, &agent)
            .map_err(|_| Refused::NoRoom)?;
        self.upstream.send(message.address(code::SERVER_ID), payload, out);
        Ok(())
    }

    /// Takes what came from a server: the way to the client, and the message as it would be without us.
    ///
    /// # Errors
    /// When it is not a server's answer to something that a front with our secret asked for this very client.
    pub fn back(&self, datagram: &Datagram<'_>) -> Result<(Back, Vec<u8>), Refused> {
        self.upstream.server(datagram)?;
        let answer = self.upstream.answer(datagram.payload)?;
        if !answer.kind().is_some_and(is_from_server) {
            return Err(Refused::Unsupported4);
        }
        let value = answer.option(code::RELAY_AGENT).ok_or(Refused::NoWayBack)?;
        let agent = AgentInformation::parse(&value).ok_or(Refused::NoWayBack)?;
        let mut ours = agent.iter().filter(|(code, _)| *code == self.settings.sub_option);
        let (_, sealed) = ours.next().ok_or(Refused::NoWayBack)?;
        if ours.next().is_some() {
            return Err(Refused::Unsolicited);
        }
        let metadata = self.seal.open(sealed, Transaction::answered(&answer)).ok_or(Refused::Unsolicited)?;
        let back = Back::decode(metadata.way_back).ok_or(Refused::Unsolicited)?;
        let octets =
            message::to_client(&answer, metadata.giaddr, metadata.client_id).map_err(|_| Refused::NoRoom)?;
        Ok((back, octets))
    }

    /// The value of option 82, and how many octets of option 61 it lets us put back.
    fn agent(&self, message: &Message<'_>, way: &Way<'_>, back: &Back) -> Result<(Vec<u8>, usize), Refused> {
        let way_back = back.encode().map_err(|_| Refused::NoRoom)?;
        let chosen = self.links.at(way).and_then(|index| self.settings.links.get(index));
        let subnet = chosen.map(|link| link.prefix.address().octets());
        let link = subnet.as_ref().map(|subnet| (LINK_SELECTION, &subnet[..]));
        let mut metadata = Metadata { way_back: &way_back, giaddr: message.giaddr, client_id: None };
        let length =
            link.map_or(2, |(_, value)| value.len().saturating_add(4)).saturating_add(metadata.len());
        let client_id = message.option(code::CLIENT_ID);
        let fits = |id: &&[u8]| {
            let whole = length.saturating_add(id.len());
            let restored = id.len().saturating_add(2);
            let room = message::room(message, whole.saturating_add(2));
            whole <= COMFORTABLE && room.is_some_and(|room| room >= restored)
        };
        let id = client_id.as_deref().filter(fits);
        metadata.client_id = id;
        let sealed = self.seal.close(&metadata, Transaction::asked(message)).ok_or(Refused::NoRoom)?;
        let mut sub_options: Vec<(u8, &[u8])> = vec![(self.settings.sub_option, &sealed)];
        sub_options.extend(link);
        sub_options.sort_by_key(|(code, _)| *code);
        let agent = agent::emit(&sub_options).map_err(|_| Refused::NoRoom)?;
        if agent.len() > LARGEST_AGENT {
            return Err(Refused::NoRoom);
        }
        Ok((agent, id.map_or(0, |id| id.len().saturating_add(2))))
    }
}

/// Types that 4o6 clients may send.
const fn is_from_client(kind: MessageType) -> bool {
    matches!(
        kind,
        MessageType::DISCOVER
            | MessageType::REQUEST
            | MessageType::DECLINE
            | MessageType::RELEASE
            | MessageType::INFORM
    )
}

/// Types that answer them.
const fn is_from_server(kind: MessageType) -> bool {
    matches!(kind, MessageType::OFFER | MessageType::ACK | MessageType::NAK)
}
