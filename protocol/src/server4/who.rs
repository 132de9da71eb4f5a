//! Who asks, from where, and what it can use.

use super::keyed::Keyed;
use super::{Query, shared};
use crate::binding::{ClientKey, Holder, Origin, PortSet, Transport};
use crate::ids::Duid;
use crate::refused::Refused;
use crate::way::Way;
use crate::wire::agent::{self, AgentInformation};
use crate::wire::v4::{Message, code};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A client as the engine sees it.
#[derive(Debug)]
pub(super) struct Who<'a> {
    pub(super) key: ClientKey,
    /// Stands for the client.
    pub(super) hash: u64,
    pub(super) origin: Origin,
    /// Stands for the origin.
    pub(super) place: u64,
    /// Stands for the circuit; 0 is none.
    pub(super) circuit: u32,
    /// The circuit's name, if its relay agent can be believed.
    circuit_id: Option<Vec<u8>>,
    /// It can use a part of an address's ports.
    pub(super) shared: bool,
    /// Option 50.
    pub(super) requested: Option<Ipv4Addr>,
    /// Option 159.
    pub(super) ports: Option<PortSet>,
    /// What is remembered of where it spoke from, and whose address that is.
    pub(super) source: Ipv6Addr,
    pub(super) transport: Transport,
    pub(super) way: &'a Way<'a>,
}

impl<'a> Who<'a> {
    /// The sender of a message.
    ///
    /// # Errors
    /// [`Refused::Malformed4`] when it has neither a usable option 61 nor a hardware address.
    pub(super) fn of(query: &Query<'a>, keyed: Keyed, believe_inner: bool) -> Result<Self, Refused> {
        let message = query.message;
        let key = key(message).ok_or(Refused::Malformed4)?;
        let mut who = Self::new(key, query.way, keyed);
        let by_dhcp6 = query.way.transport == Transport::Dhcp6;
        if who.circuit_id.is_none() && by_dhcp6 && believe_inner && !message.giaddr.is_unspecified() {
            let agent = message.option(code::RELAY_AGENT);
            let circuit = agent.as_deref().and_then(AgentInformation::parse);
            who.circuit_id =
                circuit.and_then(|agent| agent.first(agent::code::CIRCUIT_ID)).map(<[u8]>::to_vec);
        }
        who.shared =
            message.option(code::PARAMETER_REQUEST).is_some_and(|list| list.contains(&code::PORT_PARAMS));
        who.requested = message.address(code::REQUESTED_ADDRESS).filter(|address| !address.is_unspecified());
        who.ports = message.option(code::PORT_PARAMS).and_then(|value| shared::parse(&value));
        Ok(who)
    }

    /// A client that asks for nothing in particular.
    pub(super) fn new(key: ClientKey, way: &'a Way<'a>, keyed: Keyed) -> Self {
        let origin = way.origin();
        let hop = way.hops.first();
        let circuit = hop.and_then(|hop| {
            let is_named = hop.interface_id.is_some_and(|id| !id.is_empty());
            is_named.then(|| keyed.circuit(&hop.link()))
        });
        Self {
            hash: keyed.client(&key),
            place: keyed.origin(&origin),
            key,
            origin,
            circuit: circuit.unwrap_or(0),
            circuit_id: hop.and_then(|hop| hop.interface_id).map(<[u8]>::to_vec),
            shared: false,
            requested: None,
            ports: None,
            source: way.client,
            transport: way.transport,
            way,
        }
    }

    /// Every name under which an address can be kept for it, the most telling first.
    pub(super) fn holders(&self) -> Vec<Holder> {
        let mut holders = Vec::with_capacity(3);
        match &self.key {
            ClientKey::Id(id) => {
                holders.push(Holder::ClientId(id.clone()));
                holders.extend(duid(id).and_then(|octets| Duid::new(octets).ok()).map(Holder::Duid));
            }
            ClientKey::Hardware(kind, octets) => holders.push(Holder::Hardware(*kind, octets.clone())),
        }
        holders.extend(self.circuit_id.clone().map(Holder::Circuit));
        holders
    }

    /// True if this is one of its names.
    pub(super) fn is(&self, holder: &Holder) -> bool {
        match (holder, &self.key) {
            (Holder::ClientId(one), ClientKey::Id(other)) => one == other,
            (Holder::Duid(one), ClientKey::Id(other)) => duid(other) == Some(one.as_bytes()),
            (Holder::Hardware(kind, octets), ClientKey::Hardware(other, others)) => {
                (kind, octets) == (other, others)
            }
            (Holder::Circuit(circuit), _) => self.circuit_id.as_ref() == Some(circuit),
            _ => false,
        }
    }
}

/// What stands for the circuit in an origin that names a link. Those of clients without a relay agent are names of
/// interfaces, which are shorter than an address.
pub(super) fn circuit_of(origin: &Origin, keyed: Keyed) -> u32 {
    match origin {
        Origin::Link(_, link) if link.len() > 16 => keyed.circuit(link),
        _ => 0,
    }
}

/// Option 61 if it is sent and of 2 octets or more (RFC 2132 §9.14).
pub(super) fn client_id<'a>(message: &Message<'a>) -> Option<std::borrow::Cow<'a, [u8]>> {
    message.option(code::CLIENT_ID).filter(|id| (2..=255).contains(&id.len()))
}

fn key(message: &Message<'_>) -> Option<ClientKey> {
    if let Some(id) = client_id(message) {
        return Some(ClientKey::Id(id.into_owned()));
    }
    let hardware = message.hardware();
    (!hardware.is_empty()).then(|| ClientKey::Hardware(message.htype, hardware.to_vec()))
}

/// The DUID in a client identifier of RFC 4361 §6.1: type 255, IAID, DUID.
fn duid(id: &[u8]) -> Option<&[u8]> {
    match id.split_at_checked(5)? {
        ([0xff, ..], duid) => Some(duid),
        _ => None,
    }
}
