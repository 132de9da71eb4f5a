//! What an OFFER, an ACK or a NAK says, checked (RFC 2131 table 3).

use super::Echo;
use super::message::Identity;
use crate::ids::Xid4;
use crate::lease::Lease4;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::time::{Instant, Lifetime};
use crate::wire::v4::{BOOTREPLY, Message, MessageType, code};
use crate::wire::v4_option;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Highest message type that has a meaning: DHCPTLS (RFC 7724).
const LAST_TYPE: u8 = 18;

/// A reply that its state can use.
#[derive(Debug)]
pub(super) enum Reply {
    Offer(Offer),
    Ack(Ack),
    /// An ACK whose lease, counted from the first transmission, is over: the server is there again after a silence
    /// longer than its leases. It can be asked anew.
    LateAck,
    Nak,
}

impl Reply {
    pub(super) const fn kind(&self) -> MessageType {
        match self {
            Self::Offer(_) => MessageType::OFFER,
            Self::Ack(_) | Self::LateAck => MessageType::ACK,
            Self::Nak => MessageType::NAK,
        }
    }
}

/// Whether it is a reply to us and to what is pending: `op`, message type, transaction id, client identifier.
pub(super) fn is_for_us(
    message: &Message<'_>,
    pending: Option<Xid4>,
    identity: &Identity,
    need_echo: bool,
) -> Result<Echo, Refused> {
    let known = message.kind().is_some_and(|kind| (1..=LAST_TYPE).contains(&kind.0));
    if message.op != BOOTREPLY || !known {
        return Err(Refused::Malformed4);
    }
    if pending != Some(message.xid) {
        return Err(Refused::XidMismatch);
    }
    match message.option(code::CLIENT_ID) {
        Some(returned) if *returned == *identity.client_id.as_bytes() => Ok(Echo::Ours),
        Some(_) => Err(Refused::ClientIdMismatch),
        None if need_echo || !identity.is_hardware_of(message) => Err(Refused::NoClientIdEcho),
        None => Ok(Echo::Absent),
    }
}

/// Option 54, if it can name a server.
pub(super) fn server_id(message: &Message<'_>) -> Option<Ipv4Addr> {
    message.address(code::SERVER_ID).filter(|address| !address.is_unspecified() && !address.is_broadcast())
}

/// An OFFER, as much of it as the choice needs: the parameters of the ACK win.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Offer {
    pub(super) address: Ipv4Addr,
    pub(super) server_id: Ipv4Addr,
}

impl Offer {
    pub(super) fn read(message: &Message<'_>, foreign: &[Ipv4Addr]) -> Result<Self, Refused> {
        let server_id = server_id(message).ok_or(Refused::BadOffer)?;
        lifetime(message).ok_or(Refused::BadOffer)?;
        if !is_usable(message, foreign) {
            return Err(Refused::BadOffer);
        }
        full_address(message)?;
        Ok(Self { address: message.yiaddr, server_id })
    }
}

/// An ACK.
#[derive(Debug)]
pub(super) struct Ack {
    address: Ipv4Addr,
    server_id: Ipv4Addr,
    lifetime: Lifetime,
    /// T1 and T2, when the server gave both and they make sense.
    times: Option<(Duration, Duration)>,
    options: Vec<(u8, Vec<u8>)>,
}

/// What an ACK is measured against.
#[derive(Clone, Copy)]
pub(super) enum Expected<'a> {
    /// Any usable address, from this server if one was chosen.
    New { chosen: Option<Ipv4Addr>, foreign: &'a [Ipv4Addr] },
    /// The address that we have, from any server.
    Same(Ipv4Addr),
}

impl Ack {
    pub(super) fn read(message: &Message<'_>, expected: Expected<'_>) -> Result<Self, Refused> {
        let server_id = server_id(message).ok_or(Refused::BadAck)?;
        if matches!(expected, Expected::New { chosen: Some(chosen), .. } if chosen != server_id) {
            return Err(Refused::BadAck);
        }
        let lifetime = lifetime(message).ok_or(Refused::BadAck)?;
        match expected {
            Expected::New { foreign, .. } if !is_usable(message, foreign) => return Err(Refused::BadAck),
            Expected::Same(address) if message.yiaddr != address => return Err(Refused::YiaddrChanged),
            Expected::New { .. } | Expected::Same(_) => {}
        }
        full_address(message)?;
        Ok(Self {
            address: message.yiaddr,
            server_id,
            lifetime,
            times: times(message, lifetime),
            options: message
                .options()
                .filter(|(code, _)| !is_envelope(*code))
                .map(|(code, value)| (code, value.into_owned()))
                .collect(),
        })
    }

    /// True if the lease was over before its ACK came.
    pub(super) fn is_over(&self, requested_at: Instant, now: Instant) -> bool {
        self.lifetime.end(requested_at).is_some_and(|end| end <= now)
    }

    /// The lease it makes. Without T1 and T2 of the server they are 1/2 and 7/8 of the lifetime, each moved by up to
    /// 2 % so that clients that began together do not renew together (RFC 2131 §4.4.5).
    pub(super) fn lease(self, requested_at: Instant, source: Option<Ipv6Addr>, rng: &mut Rng) -> Lease4 {
        self.lease_with(requested_at, source, || 1.0 + rng.between(-0.02, 0.02))
    }

    fn lease_with(
        self,
        requested_at: Instant,
        source: Option<Ipv6Addr>,
        mut fuzz: impl FnMut() -> f64,
    ) -> Lease4 {
        let mut part =
            |of: f64| self.lifetime.duration().map(|lifetime| requested_at + lifetime.mul_f64(of * fuzz()));
        let (renew_at, rebind_at) = match self.times {
            Some((renew, rebind)) => (Some(requested_at + renew), Some(requested_at + rebind)),
            None => (part(0.5), part(0.875)),
        };
        Lease4 {
            address: self.address,
            server_id: self.server_id,
            requested_at,
            lifetime: self.lifetime,
            renew_at,
            rebind_at,
            expires_at: self.lifetime.end(requested_at),
            options: self.options,
            source,
        }
    }
}

/// The lease that this ACK to the REQUEST of another client makes. Without T1 and T2 of the server they are where that
/// client will have them, give or take.
pub(crate) fn observed(
    message: &Message<'_>,
    requested_at: Instant,
    source: Option<Ipv6Addr>,
) -> Result<Lease4, Refused> {
    let ack = Ack::read(message, Expected::New { chosen: None, foreign: &[] })?;
    Ok(ack.lease_with(requested_at, source, || 1.0))
}

/// Options about the message and its delivery, which say nothing about the configuration.
const fn is_envelope(code: u8) -> bool {
    matches!(
        code,
        code::LEASE_TIME
            | code::OVERLOAD
            | code::MESSAGE_TYPE
            | code::SERVER_ID
            | code::CLIENT_ID
            | code::RELAY_AGENT
    )
}

/// Option 51; zero is none.
fn lifetime(message: &Message<'_>) -> Option<Lifetime> {
    message.seconds(code::LEASE_TIME).filter(|seconds| *seconds > 0).map(Lifetime)
}

/// T1 and T2, if 0 < T1 < T2 < lifetime.
fn times(message: &Message<'_>, lifetime: Lifetime) -> Option<(Duration, Duration)> {
    let renew = message.seconds(code::RENEWAL_TIME)?;
    let rebind = message.seconds(code::REBINDING_TIME)?;
    let ordered = 0 < renew && renew < rebind && rebind < lifetime.0;
    ordered.then(|| (Duration::from_secs(renew.into()), Duration::from_secs(rebind.into())))
}

/// We never ask for a shared address, so one that is shared all the same must not be taken for a whole one
/// (RFC 7618 §8).
fn full_address(message: &Message<'_>) -> Result<(), Refused> {
    match message.option(code::PORT_PARAMS) {
        None => Ok(()),
        Some(_) => Err(Refused::Unrequested159),
    }
}

/// `yiaddr` can be a host's address and nobody on this host has it.
fn is_usable(message: &Message<'_>, foreign: &[Ipv4Addr]) -> bool {
    let address = message.yiaddr;
    let [first, ..] = address.octets();
    let ours = matches!(first, 1..=126 | 128..=223) && !address.is_link_local();
    ours && !is_broadcast_of_its_subnet(message) && !foreign.contains(&address)
}

fn is_broadcast_of_its_subnet(message: &Message<'_>) -> bool {
    let mask = message.option(code::SUBNET_MASK);
    let prefix_len = mask.as_deref().and_then(v4_option::prefix_len).unwrap_or(32);
    let hosts = u32::MAX.checked_shr(prefix_len.into()).unwrap_or(0);
    // A /31 has no broadcast address (RFC 3021), and neither has a /32.
    hosts > 1 && u32::from(message.yiaddr) & hosts == hosts
}
