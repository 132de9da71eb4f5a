//! Everything a subscriber's link can suffer is an [`Input`], everything it can do an [`Effect`]. The provider's roles
//! have theirs in [`crate::provider`]; all of them are driven alike, as a [`Machine`].

use crate::facts::LinkFacts;
use crate::ids::EndpointId;
use crate::lease::{Assignment6, Ipv4Config, LeaseEvent};
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::settings::LinkSettings;
use crate::status::Status;
use crate::time::Instant;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

/// What happens to a role.
#[derive(Debug)]
pub enum Input<'a> {
    /// The kernel's view of the link, whole: at start, and after every change.
    Link(&'a Arc<LinkFacts>),
    /// A datagram arrived.
    Datagram(Datagram<'a>),
    /// The client on [`Port::Tap`] sent this Ethernet frame.
    Frame(&'a [u8]),
    /// How [`Effect::Resolve`] ended: the addresses, none if there are none, and how long they hold; `None` when no
    /// resolver answered. The driver asks again by itself and reports again.
    Resolved(Option<(Vec<Ipv6Addr>, Duration)>),
    /// [`Machine::deadline`] was reached.
    Deadline,
    /// How [`Effect::Open`] ended.
    Opened(Port, Result<(), OpenError>),
    /// How the last [`Effect::Configure`] of this endpoint ended. Also comes unasked, when the driver repeats a refused
    /// one.
    Configured(EndpointId, Result<(), ConfigureError>),
    /// Somebody else took the IPv4 address of this endpoint from its target while the target stayed.
    AddressRemoved(EndpointId),
    /// An operator asks for something.
    Command(Command),
    /// The configuration was read again and this link's part of it changed.
    Settings(Box<LinkSettings>),
}

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The socket it came in by.
    pub via: Port,
    /// Index of the interface it came in by.
    pub interface: u32,
    /// Its source; for [`Port::Arp`] unspecified.
    pub from: SocketAddrV6,
    /// Its destination address.
    pub to: Ipv6Addr,
    /// UDP payload, or for [`Port::Arp`] the ARP packet without link-layer header.
    pub payload: &'a [u8],
}

/// A socket of a role. The driver knows how to open each and keeps at most one of each per role.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Port {
    /// UDP `[::]:546` on the link, for DHCPv6 and for DHCPv4 inside it.
    Client6,
    /// UDP port 67 on this address of the link: the client relay agent's.
    Cra6(Ipv6Addr),
    /// UDP port 68 on this IPv4 address of an endpoint's target, for renewals past the client relay agent. Addresses in
    /// datagrams are IPv4-mapped.
    Direct4(EndpointId, Ipv4Addr),
    /// The TAP device `hcra-<link>`, on which a DHCPv4 client of this host runs.
    Tap,
    /// Only ever opened, to learn whether another program receives on IPv4 UDP 68 of the link; the driver closes it
    /// again by itself.
    Native4,
    /// ARP on the target of an endpoint's IPv4 address.
    Arp(EndpointId),
}

/// Why a socket could not be opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpenError {
    /// Another program has the port (EADDRINUSE).
    #[error("another program has the port")]
    InUse,
    /// The service lacks the right (EACCES, EPERM).
    #[error("the service lacks the right to open the socket")]
    NotPermitted,
    /// The link or its namespace is gone (ENODEV, ENXIO, ENOENT).
    #[error("the link is gone")]
    NoLink,
    /// Anything else, with the kernel's error number.
    #[error("system error {0}")]
    Other(i32),
}

/// Why the kernel did not take an IPv4 configuration. The driver tries again by itself and reports again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ConfigureError {
    /// The target interface does not exist (now).
    #[error("the target interface does not exist")]
    NoTarget,
    /// Someone else has installed the same address or route; theirs stays.
    #[error("{0} is already there and is not ours")]
    Conflict(String),
    /// The kernel refused: which object, and its error number.
    #[error("the kernel refused {object}: system error {errno}")]
    Refused {
        /// The address or route.
        object: String,
        /// The kernel's error number.
        errno: i32,
    },
}

/// What an operator can ask of a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Command {
    /// Run, if stopped.
    Start,
    /// Stop; release or keep the leases as configured.
    Stop,
    /// Extend the IPv4 lease now.
    Renew,
    /// Extend the IPv4 lease now, by any server.
    Rebind,
    /// Give the IPv4 lease back; IPv4 stays off until `Start`, `Restart` or `Renew`.
    Release,
    /// Begin again from DHCPv6, keeping what is installed if it proves valid.
    Restart,
    /// The service ends: as `Stop` when `release_on_stop`, else leave everything as it is for the next start.
    Shutdown,
    /// The machine was asleep, or the process was stopped: check everything.
    Resumed,
}

/// What a role wants done. Executed front to back; all of them before the next `handle`.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Open this socket; the outcome comes back as [`Input::Opened`].
    Open(Port),
    /// Close this socket, if open.
    Close(Port),
    /// Send this. A failure is a lost packet: counted and otherwise ignored.
    Send {
        /// The socket.
        via: Port,
        /// Source address; the kernel chooses when `None`.
        source: Option<Ipv6Addr>,
        /// Destination. Link-local and multicast destinations carry the link's index as scope.
        to: SocketAddrV6,
        /// UDP payload, or for [`Port::Arp`] the ARP packet, which goes to the broadcast address.
        payload: Vec<u8>,
    },
    /// Every IPv6 address that DHCPv6 gave this link; all others of ours go.
    Assign6(Vec<Assignment6>),
    /// Send this Ethernet frame to the client on [`Port::Tap`].
    Frame(Vec<u8>),
    /// Give [`Port::Tap`] carrier, or take it.
    Carrier(bool),
    /// Find the IPv6 addresses of this name, asking these resolvers by this link, and keep them current; `None` ends
    /// that. The outcome comes back as [`Input::Resolved`].
    Resolve(Option<Question>),
    /// Everything IPv4 of this endpoint that should be on its target; `None` takes it all away. What other endpoints
    /// have on the same target is not concerned. The outcome comes back as [`Input::Configured`].
    Configure(EndpointId, Option<Box<Ipv4Config>>),
    /// Keep this on disk, durably, before the next effect.
    Save(Box<LinkRecord>),
    /// This happened to a lease of this endpoint: tell whoever listens.
    Notify(EndpointId, LeaseEvent),
    /// The latest status; replaces the one before.
    Publish(Arc<Status>),
    /// Count and log this refusal.
    Refused(Refused),
    /// An orderly stop is complete; the driver may end the role.
    Stopped,
}

/// A name to resolve.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Question {
    /// A checked name, without root.
    pub name: String,
    /// Resolvers, to be asked in this order; link-local ones are on the link.
    pub resolvers: Vec<Ipv6Addr>,
}

/// Where a role puts its effects.
pub type Effects = Vec<Effect>;

/// A role. The only trait in the crate: every role implements it, the daemon and the simulator drive it.
pub trait Machine {
    /// What can happen to it.
    type Input<'a>;
    /// What it wants done.
    type Effect;

    /// `now` never goes back. `Input::Deadline` too early or twice changes nothing.
    fn handle(&mut self, now: Instant, input: Self::Input<'_>, out: &mut Vec<Self::Effect>);

    /// When to call with `Input::Deadline`; `None` is never. Later than `now` after every `handle`.
    fn deadline(&self) -> Option<Instant>;
}
