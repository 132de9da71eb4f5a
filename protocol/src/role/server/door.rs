//! The door of a server: which datagrams are taken up, and from whom. Nothing here looks at what a client says, only
//! at how it came, so refusing costs little.

use super::ServerSettings;
use crate::params::{ALL_RELAYS_AND_SERVERS, ALL_SERVERS, HOP_COUNT_LIMIT};
use crate::permit::WireProfile;
use crate::prefix::Prefix6;
use crate::provider::{Datagram, Interface};
use crate::refused::Refused;
use crate::role::rates::{Rates, digest};
use crate::role::tsv::Sources;
use crate::settings::{Draft01, Profile, is_peer};
use crate::time::Instant;
use crate::wire::o6::CodePoints;
use crate::wire::relay::{Relay, Relayed};
use crate::wire::v6::MessageType;
use std::net::Ipv6Addr;

/// What of the settings and of the world says who may come in.
pub(super) struct Door {
    addresses: Vec<Ipv6Addr>,
    accept_from: Vec<Prefix6>,
    /// What DHCPv4-queries look like.
    profiles: &'static [WireProfile],
    draft01: Draft01,
    dhcp6: bool,
    /// The served interfaces, in the order of their indices.
    interfaces: Vec<Interface>,
}

/// A message that is taken up.
pub(super) struct Arrival<'a> {
    /// Name of the interface it came in by; empty for one that is not served, by which only messages to an address of
    /// ours come.
    pub(super) interface: &'a str,
    /// What relay agents put around it, outermost first.
    pub(super) levels: Vec<Relay<'a>>,
    /// The message itself, not looked at beyond its type.
    pub(super) message: &'a [u8],
    pub(super) kind: Kind,
}

/// Whom a message is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The 4o6 server: a DHCPv4-query of this profile.
    Query(WireProfile),
    /// The DHCPv6 server.
    Dhcp6,
}

impl Door {
    pub(super) fn new(settings: &ServerSettings) -> Self {
        let mut door = Self {
            addresses: Vec::new(),
            accept_from: Vec::new(),
            profiles: &[],
            draft01: settings.draft01,
            dhcp6: false,
            interfaces: Vec::new(),
        };
        door.configure(settings);
        door
    }

    pub(super) fn configure(&mut self, settings: &ServerSettings) {
        self.addresses.clone_from(&settings.addresses);
        self.accept_from.clone_from(&settings.accept_from);
        self.profiles = match settings.profile {
            Profile::Rfc7341 => &[WireProfile::Rfc7341],
            Profile::Draft01 => &[WireProfile::Draft01],
            Profile::Dual => &[WireProfile::Rfc7341, WireProfile::Draft01],
        };
        self.draft01 = settings.draft01;
        self.dhcp6 = settings.dhcp6.is_some();
    }

    pub(super) fn set_interfaces(&mut self, interfaces: &[Interface]) {
        self.interfaces = interfaces.to_vec();
        self.interfaces.sort_by_key(|interface| interface.index);
    }

    /// The served interface with this index.
    pub(super) fn interface(&self, index: u32) -> Option<&Interface> {
        let at = self.interfaces.binary_search_by_key(&index, |interface| interface.index).ok()?;
        self.interfaces.get(at)
    }

    /// True for an address that messages can be sent to.
    pub(super) fn is_own(&self, address: Ipv6Addr) -> bool {
        let served = || self.interfaces.iter().flat_map(|interface| &interface.addresses);
        self.addresses.contains(&address) || served().any(|own| *own == address)
    }

    /// The code points of a profile.
    pub(super) const fn points(&self, profile: WireProfile) -> CodePoints {
        CodePoints::of(profile, &self.draft01)
    }

    /// Who comes in. The order of the checks is fixed: the first that fails names the counter.
    pub(super) fn judge<'a>(&'a self, datagram: &Datagram<'a>) -> Result<Arrival<'a>, Refused> {
        // One without IPv6 addresses is there for IPv4 alone.
        let served = self.interface(datagram.interface).filter(|interface| !interface.addresses.is_empty());
        self.check_destination(served, datagram.to)?;
        self.check_source(served, *datagram.from.ip())?;
        let (levels, message) = unwrap(datagram.payload)?;
        if levels.first().is_some_and(|level| level.relay_port().is_some()) && datagram.from.port() == 0 {
            return Err(Refused::BadPeer);
        }
        let kind = self.kind(MessageType::peek(message).ok_or(Refused::Malformed6)?)?;
        let interface = served.map_or("", |interface| interface.name.as_str());
        Ok(Arrival { interface, levels, message, kind })
    }

    /// Groups and link-local addresses are those of an interface; an address of ours can be reached by any.
    fn check_destination(&self, served: Option<&Interface>, to: Ipv6Addr) -> Result<(), Refused> {
        if self.addresses.contains(&to) {
            return Ok(());
        }
        let served = served.ok_or(Refused::WrongLink)?;
        if [ALL_RELAYS_AND_SERVERS, ALL_SERVERS].contains(&to) || served.addresses.contains(&to) {
            Ok(())
        } else {
            Err(Refused::WrongDestination)
        }
    }

    /// Who is on a served link is served; everybody else has to be on the list (SEC-08).
    fn check_source(&self, served: Option<&Interface>, from: Ipv6Addr) -> Result<(), Refused> {
        let accepted = if from.is_unicast_link_local() {
            served.is_some()
        } else {
            let usable = !from.is_unspecified() && !from.is_multicast() && from.to_ipv4_mapped().is_none();
            usable && self.accept_from.iter().any(|prefix| prefix.contains(from))
        };
        if accepted { Ok(()) } else { Err(Refused::SourceRefused) }
    }

    /// Whom a message of this type is for. What is not enabled is unknown here (S46-15, GEN-17).
    fn kind(&self, kind: MessageType) -> Result<Kind, Refused> {
        use MessageType as T;
        if let Some(profile) = self.profiles.iter().find(|profile| self.points(**profile).query == kind) {
            return Ok(Kind::Query(*profile));
        }
        match kind {
            T::SOLICIT
            | T::REQUEST
            | T::CONFIRM
            | T::RENEW
            | T::REBIND
            | T::RELEASE
            | T::DECLINE
            | T::INFORMATION_REQUEST
                if self.dhcp6 =>
            {
                Ok(Kind::Dhcp6)
            }
            T::ADVERTISE | T::REPLY | T::RECONFIGURE | T::RELAY_REPL => Err(Refused::WrongDirection),
            _ if self.profiles.iter().any(|profile| self.points(*profile).response == kind) => {
                Err(Refused::WrongDirection)
            }
            _ => Err(Refused::UnknownType),
        }
    }
}

/// Takes off what relay agents put around a message (S46-16).
fn unwrap(payload: &[u8]) -> Result<(Vec<Relay<'_>>, &[u8]), Refused> {
    if MessageType::peek(payload) != Some(MessageType::RELAY_FORW) {
        return Ok((Vec::new(), payload));
    }
    let relayed = Relayed::parse(payload).map_err(|_| Refused::MalformedRelay)?;
    // No answer could go there, and no relay agent shall be made to send one to a group.
    if !relayed.levels.iter().all(|level| is_peer(level.peer_address)) {
        return Err(Refused::BadPeer);
    }
    if relayed.levels.iter().any(|level| level.hop_count > HOP_COUNT_LIMIT) {
        return Err(Refused::HopLimit);
    }
    Ok((relayed.levels, relayed.message))
}

/// How much is taken up from whom (S46-45). Only what passes is counted, so a flood takes nothing from others.
pub(super) struct Limits {
    /// By client address, and the link it is on.
    sources: Rates<(Ipv6Addr, u64)>,
    /// By relay agent next to the client, and its interface-id.
    interface_ids: Rates<u64>,
    total: Rates<()>,
}

impl Limits {
    pub(super) fn new(rates: super::Rates) -> Self {
        Self {
            sources: Rates::new(rates.per_source),
            interface_ids: Rates::new(rates.per_interface_id),
            total: Rates::new(rates.total),
        }
    }

    pub(super) fn configure(&mut self, rates: super::Rates) {
        self.sources.configure(rates.per_source);
        self.interface_ids.configure(rates.per_interface_id);
        self.total.configure(rates.total);
    }

    /// True if the message may be taken up.
    pub(super) fn take(&mut self, now: Instant, datagram: &Datagram<'_>, levels: &[Relay<'_>]) -> bool {
        let from = *datagram.from.ip();
        let Some((innermost, outer)) = levels.split_last() else {
            return self.take_up(now, ((from, u64::from(datagram.interface)), None));
        };
        // The relay agent next to the client is what the next one, or we, got the message from.
        let agent = outer.last().map_or(from, |level| level.peer_address);
        let id = innermost.interface_id();
        let link = digest(&[&agent.octets(), &innermost.link_address.octets(), id.unwrap_or_default()]);
        self.take_up(now, ((innermost.peer_address, link), id.map(|_| link)))
    }

    /// The same for a client, and for what its messages come through.
    pub(super) fn take_up(&mut self, now: Instant, (client, through): Sources) -> bool {
        self.sources.take(now, client)
            && through.is_none_or(|through| self.interface_ids.take(now, through))
            && self.total.take(now, ())
    }
}
