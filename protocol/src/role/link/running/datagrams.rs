//! What arrives and what leaves: who understands a datagram, and whether one more may be sent.

use super::{Base, Cx, Running, Socket};
use crate::client4::Echo;
use crate::facts::LinkFacts;
use crate::ids::EndpointId;
use crate::machine::{Datagram, Effect, Port};
use crate::params::SERVER6_PORT;
use crate::permit::WireProfile;
use crate::refused::Refused;
use crate::role::client4o6;
use crate::settings::{LinkSettings, Profile};
use crate::wire::o6::CodePoints;
use crate::wire::v4;
use crate::wire::v6::{self, Message, MessageType};
use std::net::{Ipv6Addr, SocketAddrV6};

/// So many replies in a row without client identifier mean that the server never returns it.
const MAX_WITHOUT_ECHO: u8 = 3;

impl Running {
    /// Nothing changes when it is refused.
    pub(in crate::role::link) fn on_datagram(
        &mut self,
        datagram: &Datagram<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refused> {
        match datagram.via {
            Port::Client6 => self.on_dhcp6(datagram, cx),
            Port::Arp(id) => {
                self.of(id, cx, |endpoint, base, cx| endpoint.hear_arp(datagram.payload, base, cx));
                Ok(())
            }
            Port::Cra6(address) => {
                let Some(octets) = self.base.agent.hear(address, datagram, cx)? else { return Ok(()) };
                let message = message(octets)?;
                self.deliver(&message, |_| true, cx)?;
                self.base.agent.count_delivered();
                Ok(())
            }
            Port::Direct4(id, address) => {
                let endpoint = self.endpoints.get(usize::from(id.0)).ok_or(Refused::WrongLink)?;
                endpoint.hear_direct(address, datagram)?;
                let message = message(datagram.payload)?;
                self.deliver(&message, |_| true, cx)
            }
            Port::Native4 | Port::Tap => Err(Refused::WrongLink),
        }
    }

    fn on_dhcp6(&mut self, datagram: &Datagram<'_>, cx: &mut Cx<'_>) -> Result<(), Refused> {
        if datagram.interface != cx.facts.index {
            return Err(Refused::WrongLink);
        }
        if datagram.to.is_multicast() {
            return Err(Refused::MulticastDestination);
        }
        let kind = MessageType(*datagram.payload.first().ok_or(Refused::Malformed6)?);
        match self.hearer(kind, cx.settings)? {
            Hearer::Dhcp6 => {
                let message = parse(datagram.payload, kind)?;
                let mut actions = Vec::new();
                self.base.client6.receive(cx.now, &message, cx.rng, &mut actions)?;
                self.act6(actions, cx);
            }
            Hearer::Dhcp4o6 => {
                if !self.is_ours(datagram.to, cx.facts) {
                    return Err(Refused::WrongLink);
                }
                let around = self.base.around(cx).ok_or(Refused::NoPermit)?;
                let message = parse(datagram.payload, kind)?;
                let known = |outer| self.endpoints.iter().any(|endpoint| endpoint.four.has_sent(outer));
                let reply = client4o6::open(&message, &around, known)?;
                let (from, permit, check) =
                    (*datagram.from.ip(), around.permit.clone(), cx.settings.source_check);
                let may_answer = |echo| client4o6::may_answer(from, echo, &permit, check);
                self.deliver(&reply, may_answer, cx)?;
            }
        }
        Ok(())
    }

    /// Gives a reply to the endpoint that it is for. Where there are several only the client identifier tells which that
    /// is: two of them may have the same transaction id (HCRA-25).
    fn deliver(
        &mut self,
        reply: &v4::Message<'_>,
        may_answer: impl Fn(Echo) -> bool,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refused> {
        let at = if self.endpoints.len() == 1 {
            0
        } else {
            match reply.option(v4::code::CLIENT_ID) {
                Some(id) => self.position_of(&id).ok_or(Refused::ClientIdMismatch)?,
                None if self.base.lacks_echo => 0,
                None => return self.count_missing_echo(reply, &may_answer, cx),
            }
        };
        let heard = self.at(at, cx, |endpoint, base, cx| endpoint.receive(reply, may_answer, base, cx));
        if heard.unwrap_or(Err(Refused::ClientIdMismatch))? == Echo::Ours {
            self.without_echo = 0;
            self.base.lacks_echo = false;
        }
        Ok(())
    }

    fn position_of(&self, client_id: &[u8]) -> Option<usize> {
        self.endpoints.iter().position(|endpoint| endpoint.client_id().as_bytes() == client_id)
    }

    /// Counts replies that could be for any endpoint. When there is nothing but such, the first endpoint goes on alone,
    /// for which they can be read (D-09). Somebody who cannot have seen our question does not count.
    fn count_missing_echo(
        &mut self,
        reply: &v4::Message<'_>,
        may_answer: impl Fn(Echo) -> bool,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refused> {
        let asked = self.endpoints.iter().any(|endpoint| endpoint.engine.pending() == Some(reply.xid));
        if asked && may_answer(Echo::Absent) {
            self.without_echo = self.without_echo.saturating_add(1);
        }
        if self.without_echo < MAX_WITHOUT_ECHO {
            return Err(Refused::NoClientIdEcho);
        }
        self.without_echo = 0;
        self.base.lacks_echo = true;
        let text = "the server does not return the client identifier (RFC 6842), so that its replies cannot be told apart; \
                    only the first endpoint goes on";
        cx.note("server-lacks-6842", text.to_owned());
        for at in 1..self.endpoints.len() {
            self.at(at, cx, |endpoint, _, cx| endpoint.suspend(cx));
        }
        cx.out.push(Effect::Refused(Refused::NoClientIdEcho));
        Ok(())
    }

    /// Who understands a message of this type.
    fn hearer(&self, kind: MessageType, settings: &LinkSettings) -> Result<Hearer, Refused> {
        let profiles: &[WireProfile] = match settings.profile {
            Profile::Rfc7341 => &[WireProfile::Rfc7341],
            Profile::Draft01 => &[WireProfile::Draft01],
            Profile::Dual => &[WireProfile::Rfc7341, WireProfile::Draft01],
        };
        for profile in profiles {
            let points = CodePoints::of(*profile, &settings.draft01);
            if kind == points.response {
                return Ok(Hearer::Dhcp4o6);
            }
            if kind == points.query {
                return Err(Refused::WrongDirection);
            }
        }
        match kind {
            MessageType::ADVERTISE | MessageType::REPLY | MessageType::RECONFIGURE => Ok(Hearer::Dhcp6),
            MessageType::SOLICIT
            | MessageType::REQUEST
            | MessageType::CONFIRM
            | MessageType::RENEW
            | MessageType::REBIND
            | MessageType::RELEASE
            | MessageType::DECLINE
            | MessageType::INFORMATION_REQUEST
            | MessageType::RELAY_FORW
            | MessageType::RELAY_REPL => Err(Refused::WrongDirection),
            _ => Err(Refused::UnknownType),
        }
    }

    /// A destination that a response to us may have.
    fn is_ours(&self, to: Ipv6Addr, facts: &LinkFacts) -> bool {
        facts.addresses.iter().any(|a| a.address == to)
            || facts.elsewhere6.contains(&to)
            || self.endpoints.iter().any(|endpoint| endpoint.source() == Some(to))
    }
}

impl Base {
    /// Sends DHCPv6, or DHCPv4 in it of an endpoint.
    pub(in crate::role::link) fn send(
        &self,
        on_behalf_of: EndpointId,
        source: Option<Ipv6Addr>,
        destination: Ipv6Addr,
        payload: Vec<u8>,
        cx: &mut Cx<'_>,
    ) {
        let Some(source) = source else { return };
        if !cx.facts.running() || self.socket != Socket::Open {
            return;
        }
        if !cx.may_send(on_behalf_of) {
            cx.out.push(Effect::Refused(Refused::RateLimited));
            return;
        }
        let on_link = destination.is_multicast() || destination.is_unicast_link_local();
        let scope = if on_link { cx.facts.index } else { 0 };
        let to = SocketAddrV6::new(destination, SERVER6_PORT, 0, scope);
        cx.out.push(Effect::Send { via: Port::Client6, source: Some(source), to, payload });
    }
}

/// Who on a link understands a message.
enum Hearer {
    Dhcp6,
    Dhcp4o6,
}

/// The DHCPv4 message of a server.
fn message(octets: &[u8]) -> Result<v4::Message<'_>, Refused> {
    let message = v4::Message::parse(octets).map_err(|_| Refused::Malformed4)?;
    let is_reply = message.op == v4::BOOTREPLY && message.kind().is_some();
    if is_reply { Ok(message) } else { Err(Refused::Malformed4) }
}

/// A message's framing, and the counter that its failure has.
fn parse(octets: &[u8], kind: MessageType) -> Result<Message<'_>, Refused> {
    Message::parse(octets).map_err(|malformed| match (malformed, kind) {
        (v6::Malformed::Duplicate(_), MessageType::ADVERTISE | MessageType::REPLY) => Refused::BadReply6,
        (v6::Malformed::Duplicate(_) | v6::Malformed::Short | v6::Malformed::Overrun { .. }, _) => {
            Refused::Malformed6
        }
    })
}
