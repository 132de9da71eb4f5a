//! The IPv6-Transport Server (draft-ietf-dhc-dhcpv4-over-ipv6 §7): another door of role `server`, by port 67 of IPv6
//! and of IPv4, to the same engine and the same leases.
//!
//! Over IPv6 client relay agents ask, and are answered at the address they asked from. Over IPv4 ask the clients that
//! renew, through whatever their IPv4 goes; relay agents, among them IPv6-Transport Relay Agents (TRAs), which tell of
//! the client relay agent in option 82; and, on interfaces that are named for it, clients of the link. A client is where
//! its client relay agent is, however that is known, and one that speaks from the address it leases is where it was when
//! it got that.
//!
//! Over IPv6 nothing tells a renewal from a rebinding, since both come through the same agent. Either can come from
//! another place than the lease was got at, as long as a subnet that serves that place holds the address: the agent may
//! have got another address. What gives an address up has to come from where the lease is.
//!
//! A place, here the /64 of a client relay agent, has as many leases as
//! [`Limits::leases_per_origin`](crate::server4::settings::Limits::leases_per_origin) allows and asks as often as
//! [`Rates::per_source`](super::server::Rates::per_source) allows. That suits a host and a household; a provider that
//! lets one on-link agent serve a larger link raises both.

mod arrival;

use super::server::{EngineSettings, ServerSettings};
use crate::prefix::{Prefix4, Prefix6};
use crate::provider::{Datagram, Interface, Port};
use crate::refused::Refused;
use crate::settings::{Encapsulation, is_peer, is_routable};
use crate::view::Question;
use crate::wire::agent::{self, AgentInformation};
use crate::wire::encapsulation::{Encapsulated, RELAYFORWARD};
use crate::wire::v4::{BOOTREQUEST, Message, MessageType, code};
use crate::wire::v4_option;
pub(super) use arrival::Sources;
use arrival::{Arrival, Relay, Sender};
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Settings of the IPv6-transport server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TsvSettings {
    /// Own IPv6 addresses that it is asked at; empty is every one of the host.
    pub addresses: Vec<Ipv6Addr>,
    /// Where client relay agents are: at least one prefix.
    pub accept_from: Vec<Prefix6>,
    /// Own IPv4 addresses that it is asked at, besides the server identifier.
    pub addresses4: Vec<Ipv4Addr>,
    /// Where IPv4 clients are that ask directly, besides the subnets.
    pub accept_from4: Vec<Prefix4>,
    /// IPv4 relay agents, among them TRAs, that are believed: both the giaddr and the source of what they send.
    pub relay_agents: Vec<Prefix4>,
    /// Names of interfaces whose IPv4 broadcasts are answered. One that port 547 does not serve is told to the role
    /// without IPv6 addresses.
    pub interfaces4: Vec<String>,
    /// Code of the CRA6ADDR sub-option: 1 to 254.
    pub cra6addr: u8,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
}

/// The door: which messages are taken up, and what they say of where they come from.
pub(super) struct Tsv {
    settings: TsvSettings,
    server_id: Ipv4Addr,
}

impl Tsv {
    /// The door of a server, if it has one. DHCPv4 servers behind us could not be told who asks: that is what a TRA is
    /// for.
    pub(super) fn of(settings: &ServerSettings) -> Option<Self> {
        let EngineSettings::Builtin(four) = &settings.engine else { return None };
        let settings = settings.tsv.clone()?;
        Some(Self { settings, server_id: four.server_id })
    }

    /// Option 54.
    pub(super) const fn server_id(&self) -> Ipv4Addr {
        self.server_id
    }

    /// Who comes in. `interface` is what the role is told of the one that the datagram came in by, `serves` whether a
    /// subnet holds an address. The order of the checks is fixed: the first that fails names the counter.
    pub(super) fn judge<'a>(
        &self,
        datagram: &Datagram<'a>,
        interface: Option<&'a Interface>,
        serves: impl Fn(Ipv4Addr) -> bool,
    ) -> Result<Arrival<'a>, Refused> {
        if datagram.via == Port::Transport6 {
            return self.judge6(datagram, interface);
        }
        let mapped = (datagram.from.ip().to_ipv4_mapped(), datagram.to.to_ipv4_mapped());
        let (Some(from), Some(to)) = mapped else { return Err(Refused::WrongDestination) };
        self.judge4(datagram, interface, (from, to), serves)
    }

    fn judge6<'a>(
        &self,
        datagram: &Datagram<'a>,
        interface: Option<&'a Interface>,
    ) -> Result<Arrival<'a>, Refused> {
        if datagram.to.is_multicast() {
            return Err(Refused::MulticastDestination);
        }
        if !self.settings.addresses.is_empty() && !self.settings.addresses.contains(&datagram.to) {
            return Err(Refused::WrongDestination);
        }
        if !self.accepts(*datagram.from.ip()) {
            return Err(Refused::SourceRefused);
        }
        let (envelope, octets) = self.unwrap(datagram.payload)?;
        // What a TRA says of a client relay agent, that one cannot say of another (SEC-14).
        let mut levels = envelope.iter().flat_map(|envelope| &envelope.levels);
        let names_another = levels.any(|level| {
            level.sub_options().is_some_and(|options| options.cra6addr(self.settings.cra6addr).is_ok())
        });
        let message = Message::parse(octets).map_err(|_| Refused::Malformed4)?;
        if names_another || message.option(code::RELAY_AGENT).is_some() {
            return Err(Refused::Option82FromClient);
        }
        let interface = interface.map_or("", |interface| interface.name.as_str());
        Ok(Arrival::new(datagram, message, envelope, Sender::Agent { interface }))
    }

    fn judge4<'a>(
        &self,
        datagram: &Datagram<'a>,
        interface: Option<&'a Interface>,
        (from, to): (Ipv4Addr, Ipv4Addr),
        serves: impl Fn(Ipv4Addr) -> bool,
    ) -> Result<Arrival<'a>, Refused> {
        let link = interface.filter(|interface| self.settings.interfaces4.contains(&interface.name));
        let to_us = to == self.server_id || self.settings.addresses4.contains(&to);
        match (to_us, link) {
            (true, _) => {}
            (false, Some(_)) if to.is_broadcast() => {}
            (false, None) if to.is_broadcast() => return Err(Refused::WrongLink),
            (false, _) => return Err(Refused::WrongDestination),
        }
        let (envelope, octets) = self.unwrap(datagram.payload)?;
        let message = Message::parse(octets).map_err(|_| Refused::Malformed4)?;
        let giaddr = if envelope.is_some() { from } else { message.giaddr };
        if !giaddr.is_unspecified() {
            if !self.believes(giaddr) || !self.believes(from) {
                return Err(Refused::SourceRefused);
            }
            let relay = self.relay(giaddr, datagram.from.port(), &message, envelope.as_ref())?;
            return Ok(Arrival::new(datagram, message, envelope, Sender::Relay(relay)));
        }
        if link.is_none() && !serves(from) && !self.settings.accept_from4.iter().any(|p| p.contains(from)) {
            return Err(Refused::SourceRefused);
        }
        if message.option(code::RELAY_AGENT).is_some() {
            return Err(Refused::Option82FromClient);
        }
        use MessageType as T;
        let ciaddr = message.ciaddr;
        let sender = match message.kind() {
            Some(T::REQUEST | T::RELEASE | T::INFORM) if to_us && !ciaddr.is_unspecified() => {
                if ciaddr != from {
                    return Err(Refused::NotOwner);
                }
                Sender::Own(from)
            }
            _ => Sender::Link(link.ok_or(Refused::WrongDestination)?),
        };
        Ok(Arrival::new(datagram, message, envelope, sender))
    }

    /// What a relay agent that is believed says in option 82, or in its own relay segment. What cannot be understood
    /// changes nothing but a counter: it is only returned.
    fn relay<'a>(
        &self,
        giaddr: Ipv4Addr,
        port: u16,
        message: &Message<'a>,
        envelope: Option<&Encapsulated<'a>>,
    ) -> Result<Relay, Refused> {
        let inside = message.option(code::RELAY_AGENT);
        let said = match envelope.map(|envelope| &envelope.levels) {
            // What is inside is as its client relay agent took it from the client.
            Some(_) if inside.is_some() => return Err(Refused::Option82FromClient),
            Some(levels) => levels.first().map(|level| Cow::Borrowed(level.segment)),
            None => inside,
        };
        let said = said.filter(|said| !said.is_empty());
        let information = said.as_deref().and_then(AgentInformation::parse);
        let mut relay = Relay::new(giaddr);
        let Some(information) = information else {
            relay.refused = said.map(|_| Refused::BadOption);
            return Ok(relay);
        };
        if information.first(agent::code::SOURCE_PORT).is_some() {
            if port == 0 {
                return Err(Refused::BadPeer);
            }
            relay.port = port;
        }
        match information.cra6addr(self.settings.cra6addr) {
            Ok(agent) if is_routable(agent) => relay.agent = Some(agent),
            Err(Refused::NoCra6addr) => {}
            Ok(_) | Err(_) => {
                relay.refused = Some(Refused::BadCra6addr);
                return Ok(relay);
            }
        }
        relay.link_selection = information.first(agent::code::LINK_SELECTION).and_then(v4_option::address);
        if self.settings.cra6addr != agent::code::CIRCUIT_ID {
            relay.circuit = information.first(agent::code::CIRCUIT_ID).map(<[u8]>::to_vec);
        }
        Ok(relay)
    }

    /// Takes off what relay agents put around a message.
    fn unwrap<'a>(&self, payload: &'a [u8]) -> Result<(Option<Encapsulated<'a>>, &'a [u8]), Refused> {
        match payload.first() {
            None => Err(Refused::Malformed4),
            Some(&BOOTREQUEST) => Ok((None, payload)),
            Some(&RELAYFORWARD) if self.settings.encapsulation == Encapsulation::Private => {
                let envelope = Encapsulated::parse(payload).ok_or(Refused::MalformedRelay)?;
                let message = envelope.message;
                Ok((Some(envelope), message))
            }
            Some(_) => Err(Refused::OpUnsupported),
        }
    }

    fn accepts(&self, from: Ipv6Addr) -> bool {
        is_peer(from) && self.settings.accept_from.iter().any(|prefix| prefix.contains(from))
    }

    fn believes(&self, relay: Ipv4Addr) -> bool {
        self.settings.relay_agents.iter().any(|prefix| prefix.contains(relay))
    }

    /// Why a query that an operator asks about would not be taken up at all: who sent it, and what is wrong with that.
    pub(super) fn refuses(&self, question: &Question) -> Option<(String, String)> {
        match (question.giaddr, question.agent) {
            (Some(relay), _) if !self.believes(relay) => {
                Some(("relay agent".to_owned(), format!("{relay}: not one that is believed")))
            }
            (None, Some(agent)) if !self.accepts(agent) => {
                Some(("client relay agent".to_owned(), format!("{agent}: not where queries are taken from")))
            }
            _ => None,
        }
    }
}
