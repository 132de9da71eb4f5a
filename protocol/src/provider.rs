//! What the provider's roles can suffer and what they can do: as [`crate::machine`] for the subscriber's links, with
//! a journal of leases in place of a kernel to configure.

use crate::binding::Record;
use crate::ids::HardwareAddress;
use crate::refused::Refused;
use crate::time::Instant;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

/// An interface of the namespace a role works in, as far as the role uses it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Interface {
    /// Its index.
    pub index: u32,
    /// Its name.
    pub name: String,
    /// Up, with carrier.
    pub running: bool,
    /// IPv6 addresses that passed duplicate address detection, in the kernel's order, but temporary ones behind the others
    /// and deprecated ones last.
    pub addresses: Vec<Ipv6Addr>,
    /// IPv4 addresses, in the kernel's order.
    pub addresses4: Vec<Ipv4Addr>,
    /// Link-layer address.
    pub hardware: HardwareAddress,
    /// MTU in octets; 0 when unknown.
    pub mtu: u32,
}

impl Interface {
    /// The address to send from to the link itself.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().copied().find(Ipv6Addr::is_unicast_link_local)
    }

    /// An address that names the link: global or unique local.
    pub fn routable(&self) -> Option<Ipv6Addr> {
        self.addresses.iter().copied().find(|address| crate::settings::is_routable(*address))
    }
}

/// A socket of the provider's side. Each exists once in a namespace, is not bound to a device, and tells of each
/// datagram which interface it came in by and which address it was sent to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Port {
    /// UDP `[::]:547`: what clients, relay agents and servers send to; multicast of the served interfaces.
    Dhcp6,
    /// UDP `[::]` at a port of its own, by which a relay agent talks to servers (RFC 8357).
    Upstream6(u16),
    /// The UDP port of ours that DHCPv4 servers answer to: port 67 unless configured (RFC 8357). Addresses in datagrams
    /// are IPv4-mapped.
    Upstream4(SocketAddrV4),
    /// UDP `[::]:67`, toward client relay agents: those of a TSV or a TRA. Not multicast.
    Transport6,
    /// UDP port 67 on one IPv6 address of ours, toward TSVs and TRAs: that of a client relay agent.
    Cra6(Ipv6Addr),
    /// UDP `0.0.0.0:67`, with broadcasts: a DHCPv4 server's. Addresses in datagrams are IPv4-mapped.
    Server4,
    /// The IPv4 frames with UDP destination port 67 or 68 that the interface of this index receives, and frames sent by
    /// it: [`Input::Frame`], [`Effect::Frame`]. Nothing is relayed of those to port 68; they tell of other servers.
    Frames(u32),
}

/// A received datagram.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The socket it came in by.
    pub via: Port,
    /// Index of the interface it came in by.
    pub interface: u32,
    /// Its source, with the interface's index as scope if link-local.
    pub from: SocketAddrV6,
    /// Its destination address.
    pub to: Ipv6Addr,
    /// UDP payload.
    pub payload: &'a [u8],
}

/// A received Ethernet frame.
#[derive(Clone, Copy, Debug)]
pub struct Frame<'a> {
    /// Index of the interface it came in by.
    pub interface: u32,
    /// The sender is on this host and has left the UDP checksum to hardware that never saw the frame: it says nothing.
    pub checksum_pending: bool,
    /// The frame from its destination address on, without check sequence.
    pub octets: &'a [u8],
}

/// What happens to a role of the provider.
#[derive(Debug)]
pub enum Input<'a> {
    /// The interfaces the role is configured for, as far as they exist: at start, and whole after every change.
    Interfaces(&'a [Interface]),
    /// A datagram arrived.
    Datagram(Datagram<'a>),
    /// A frame arrived.
    Frame(Frame<'a>),
    /// The deadline was reached.
    Deadline,
    /// So many of the records in [`Effect::Journal`], counted since the role began, are on disk.
    Stored(u64),
    /// None of the records that were not reported as stored will be. The role takes back what they said, and gives no
    /// new leases until [`Input::StorageRestored`].
    StorageFailed,
    /// Records can be stored again. Everything the role knows has been stored anew.
    StorageRestored,
}

/// What a role of the provider wants done. Executed in order, with one freedom: what comes before a
/// [`Effect::Journal`] of the same `handle` leaves at once; each [`Effect::Send`] after it waits until the record is
/// durable, and is dropped if that fails. Nothing is acknowledged that a crash could forget.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Send this. A failure is a lost packet: counted and otherwise ignored. Multicast leaves with hop limit 8
    /// (RFC 8415 §19).
    Send {
        /// The socket.
        via: Port,
        /// Index of the interface to leave by; 0 leaves it to routing.
        interface: u32,
        /// Source address; the kernel chooses when `None`.
        source: Option<Ipv6Addr>,
        /// Destination; IPv4-mapped by [`Port::Upstream4`] and [`Port::Server4`], and so is the source.
        to: SocketAddrV6,
        /// UDP payload.
        payload: Vec<u8>,
    },
    /// Send this Ethernet frame by [`Port::Frames`]. A failure is a lost packet.
    Frame {
        /// Index of the interface.
        interface: u32,
        /// From its destination address on, without check sequence.
        octets: Vec<u8>,
    },
    /// Keep this on disk. Records of many messages are written together.
    Journal(Record),
    /// Something an operator should hear of.
    Notify(Notice),
    /// Count and log this refusal.
    Refused(Refused),
}

/// Something an operator should hear of. The driver limits the rate.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Notice {
    /// A client got no address because no pool of its subnet has a free one. The subnet.
    PoolEmpty(String),
    /// No subnet serves the client at this address.
    NoSubnet(Ipv6Addr),
    /// Somebody asks from this address, from which nothing is taken.
    SourceRefused(Ipv6Addr),
    /// A client says that somebody else uses the address.
    Declined(Ipv4Addr),
    /// The same of an IPv6 address.
    Declined6(Ipv6Addr),
    /// Leases cannot be stored: no new ones are given.
    StorageDegraded,
    /// Leases can be stored again.
    StorageRestored,
    /// DHCPv4 servers behind the external engine have not answered since.
    EngineSilent(Instant),
    /// A client behind a client relay agent has an IPv4 address: what a tunnel concentrator has to know.
    BindingAdded(TunnelBinding),
    /// It has not any more.
    BindingRemoved(TunnelBinding),
    /// This DHCPv4 server does not return relay agent information, so none of its answers finds its client.
    NoAgentInformation(Ipv4Addr),
    /// A DHCPv4 server, of this address, answers on a link that a client relay agent serves.
    ForeignServer(Ipv4Addr),
}

/// Which IPv4 address is reached through which client relay agent (RFC 7040 §6).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TunnelBinding {
    /// The client's.
    pub address: Ipv4Addr,
    /// The client relay agent's.
    pub agent: Ipv6Addr,
    /// When it ends; `None` is never.
    pub until: Option<Instant>,
}

impl Notice {
    /// The word on the bus.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::PoolEmpty(_) => "pool-empty",
            Self::NoSubnet(_) => "no-subnet",
            Self::SourceRefused(_) => "source-refused",
            Self::Declined(_) | Self::Declined6(_) => "declined",
            Self::StorageDegraded => "storage-degraded",
            Self::StorageRestored => "storage-restored",
            Self::EngineSilent(_) => "engine-silent",
            Self::BindingAdded(_) => "binding-added",
            Self::BindingRemoved(_) => "binding-removed",
            Self::NoAgentInformation(_) => "no-agent-information",
            Self::ForeignServer(_) => "foreign-server",
        }
    }

    /// What it is about, for people: a subnet, an address, or nothing.
    pub fn subject(&self) -> String {
        match self {
            Self::PoolEmpty(subnet) => subnet.clone(),
            Self::NoSubnet(client) | Self::SourceRefused(client) => client.to_canonical().to_string(),
            Self::Declined(address) | Self::NoAgentInformation(address) | Self::ForeignServer(address) => {
                address.to_string()
            }
            Self::BindingAdded(binding) | Self::BindingRemoved(binding) => binding.address.to_string(),
            Self::Declined6(address) => address.to_string(),
            Self::StorageDegraded | Self::StorageRestored | Self::EngineSilent(_) => String::new(),
        }
    }
}
