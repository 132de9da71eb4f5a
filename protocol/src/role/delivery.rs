//! How a reply gets to a client on Ethernet that may have no address yet (RFC 1542 §4.1.2, RFC 2131 §4.1): in frames that
//! are addressed here, without ARP.

use crate::params::{CLIENT4_PORT, SERVER4_PORT};
use crate::refused::Refused;
use crate::wire::frame::{Datagram, EVERYBODY, HEADERS4, Mac};
use crate::wire::transit::Transit;
use crate::wire::v4::{MessageType, code};
use std::net::{Ipv4Addr, SocketAddrV4};

/// Where a reply goes, and where it seems to come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Delivery {
    to: Mac,
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Delivery {
    /// To the client alone, if it can be addressed and did not ask for a broadcast, else to everybody. A NAK goes to
    /// everybody: the client must not use the address that it would be sent to.
    ///
    /// `own` is an address of ours on the link. Without one the reply comes from the server it names; if it names none,
    /// it goes to everybody, because hosts do not take a unicast that comes from nowhere. `ciaddr` is that of the
    /// message that was answered.
    pub(super) fn of(message: &Transit<'_>, own: Option<Ipv4Addr>, ciaddr: Ipv4Addr) -> Self {
        let source = own.or_else(|| message.address(code::SERVER_ID).filter(is_host));
        let addresses = [message.yiaddr(), message.ciaddr(), ciaddr];
        let destination = addresses.into_iter().find(|address| !address.is_unspecified()).filter(is_host);
        let everybody = message.is_broadcast() || message.kind() == Some(MessageType::NAK);
        match (source, destination, ethernet_address(message)) {
            (Some(source), Some(destination), Some(to)) if !everybody => Self { to, source, destination },
            _ => Self {
                to: EVERYBODY,
                source: source.unwrap_or(Ipv4Addr::UNSPECIFIED),
                destination: Ipv4Addr::BROADCAST,
            },
        }
    }

    /// To everybody, whatever the client asked for.
    pub(super) fn to_everybody(self) -> Self {
        Self { to: EVERYBODY, destination: Ipv4Addr::BROADCAST, ..self }
    }

    /// To a client that has its address and asked `server` by unicast: it waits for an answer from there.
    pub(super) fn back(to: Mac, server: Ipv4Addr, client: Ipv4Addr) -> Self {
        Self { to, source: server, destination: client }
    }

    /// The frame with the reply, from port 67 to port 68.
    ///
    /// # Errors
    /// When the reply is longer than one packet of `mtu` octets holds: clients that have no address cannot put fragments
    /// together.
    pub(super) fn frame(&self, from: Mac, mtu: usize, reply: &[u8]) -> Result<Vec<u8>, Refused> {
        if reply.len().saturating_add(HEADERS4) > mtu {
            return Err(Refused::NoRoom);
        }
        let datagram = Datagram {
            source: SocketAddrV4::new(self.source, SERVER4_PORT),
            destination: SocketAddrV4::new(self.destination, CLIENT4_PORT),
            payload: reply,
        };
        datagram.emit(self.to, from).map_err(|_| Refused::NoRoom)
    }
}

/// Where the client is on its link, if `chaddr` is an address of one station on Ethernet (hardware type 1) or another
/// network with such addresses (6).
pub(super) fn ethernet_address(message: &Transit<'_>) -> Option<Mac> {
    let address: Mac = message.hardware().try_into().ok()?;
    (matches!(message.htype(), 1 | 6) && is_station(address)).then_some(address)
}

/// Can be the address of one station.
pub(super) fn is_station(address: Mac) -> bool {
    let [first, ..] = address;
    first & 1 == 0 && address != [0; 6]
}

/// Can be the address of one host.
pub(super) fn is_host(address: &Ipv4Addr) -> bool {
    let [first, ..] = address.octets();
    matches!(first, 1..=126 | 128..=223)
}
