//! What arrives and what leaves: who understands a datagram, and whether one more may be sent.

use super::stage4::around;
use super::{Cx, Running, Socket};
use crate::facts::LinkFacts;
use crate::machine::{Datagram, Effect, Port};
use crate::params::SERVER6_PORT;
use crate::permit::WireProfile;
use crate::refused::Refused;
use crate::settings::{LinkSettings, Profile};
use crate::wire::o6::CodePoints;
use crate::wire::v6::{self, Message, MessageType};
use std::net::{Ipv6Addr, SocketAddrV6};

impl Running {
    /// Nothing changes when it is refused.
    pub(in crate::role::link) fn on_datagram(
        &mut self,
        datagram: &Datagram<'_>,
        cx: &mut Cx<'_>,
    ) -> Result<(), Refused> {
        match datagram.via {
            Port::Client6 => self.on_dhcp6(datagram, cx),
            Port::Arp(_) => {
                self.drive_acd(cx, |acd, cx, out| acd.receive(cx.now, datagram.payload, out));
                Ok(())
            }
            Port::Native4 | Port::Cra6(_) | Port::Direct4(..) | Port::Tap => Err(Refused::WrongLink),
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
                self.client6.receive(cx.now, &message, cx.rng, &mut actions)?;
                self.act6(actions, cx);
            }
            Hearer::Dhcp4o6 => {
                if !self.is_ours(datagram.to, cx.facts) {
                    return Err(Refused::WrongLink);
                }
                let permit = self.leave.valid().ok_or(Refused::NoPermit)?;
                let message = parse(datagram.payload, kind)?;
                let mut actions = Vec::new();
                let around = around(permit, &self.client6, cx.settings, cx.facts);
                self.four.receive(cx.now, datagram, &message, &around, cx.rng, &mut actions)?;
                self.act4(actions, cx);
            }
        }
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
            || self.four.source() == Some(to)
    }

    pub(super) fn send(
        &self,
        source: Option<Ipv6Addr>,
        destination: Ipv6Addr,
        payload: Vec<u8>,
        cx: &mut Cx<'_>,
    ) {
        let Some(source) = source else { return };
        if !cx.facts.running() || self.socket != Socket::Open {
            return;
        }
        if !cx.bucket.take(cx.now) {
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

/// A message's framing, and the counter that its failure has.
fn parse(octets: &[u8], kind: MessageType) -> Result<Message<'_>, Refused> {
    Message::parse(octets).map_err(|malformed| match (malformed, kind) {
        (v6::Malformed::Duplicate(_), MessageType::ADVERTISE | MessageType::REPLY) => Refused::BadReply6,
        (v6::Malformed::Duplicate(_) | v6::Malformed::Short | v6::Malformed::Overrun { .. }, _) => {
            Refused::Malformed6
        }
    })
}
