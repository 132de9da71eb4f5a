//! What a link has open: its sockets, of which most links have one or two, and the TAP device of its client relay agent.

use crate::sockets::LinkSocket;
use dhcp4o6_netlink::tap::Tap;
use dhcp4o6_protocol::machine::Port;
use std::task::{Context, Poll};

/// The open ports of a link. As small as can be: a thousand links have them.
pub struct Ports {
    /// With no more room than they need.
    sockets: Vec<LinkSocket>,
    tap: Option<Box<Tap>>,
    tap_address: [u8; 6],
    /// The place that is looked at first next time, in the sockets and then the TAP device.
    first: u8,
}

impl Ports {
    /// Nothing is open. `tap_address` is what the host has on the TAP device, if it comes to that.
    pub fn new(tap_address: [u8; 6]) -> Self {
        Self { sockets: Vec::new(), tap: None, tap_address, first: 0 }
    }

    /// Keeps an open socket, instead of the one of the same port.
    pub fn put(&mut self, socket: LinkSocket) {
        self.close(socket.port());
        self.sockets.reserve_exact(1);
        self.sockets.push(socket);
    }

    /// Closes the socket of a port, if it is open.
    pub fn close(&mut self, port: Port) {
        self.sockets.retain(|socket| socket.port() != port);
        self.sockets.shrink_to_fit();
    }

    /// The socket of a port, if it is open.
    pub fn socket(&self, port: Port) -> Option<&LinkSocket> {
        self.sockets.iter().find(|socket| socket.port() == port)
    }

    /// The hardware address that the host has on the TAP device.
    pub fn tap_address(&self) -> [u8; 6] {
        self.tap_address
    }

    /// Keeps an open TAP device.
    pub fn put_tap(&mut self, tap: Tap) {
        self.tap = Some(Box::new(tap));
    }

    /// The TAP device, if it is open.
    pub fn tap(&self) -> Option<&Tap> {
        self.tap.as_deref()
    }

    /// Gives the TAP device away, if it is open.
    pub fn take_tap(&mut self) -> Option<Tap> {
        self.tap.take().map(|tap| *tap)
    }

    /// A port that may have something to receive. They take turns: one that always has does not hold up the others.
    pub fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<Port> {
        let count = self.sockets.len() + usize::from(self.tap.is_some());
        for step in 0..count {
            let place = (usize::from(self.first) + step) % count;
            let (port, ready) = match (self.sockets.get(place), &self.tap) {
                (Some(socket), _) => (socket.port(), socket.poll_readable(cx)),
                (None, Some(tap)) => (Port::Tap, tap.poll_readable(cx)),
                (None, None) => break,
            };
            if ready.is_ready() {
                // Far fewer than 255 are ever open: two, and two for each of sixteen endpoints.
                self.first = u8::try_from(place + 1).unwrap_or_default();
                return Poll::Ready(port);
            }
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_netlink::netns::Netns;
    use dhcp4o6_protocol::ids::EndpointId;
    use std::collections::BTreeMap;
    use std::future::poll_fn;
    use std::net::{Ipv4Addr, UdpSocket};

    const LOOPBACK: u32 = 1;

    fn direct(last: u8) -> Port {
        Port::Direct4(EndpointId(last), Ipv4Addr::new(127, 0, 68, last))
    }

    fn open(ports: &mut Ports, port: Port) {
        let socket = LinkSocket::open(port, &Netns::current().unwrap(), LOOPBACK).unwrap().unwrap();
        ports.put(socket);
    }

    #[tokio::test]
    #[ignore = "needs root"]
    async fn sockets_that_always_have_something_take_turns() {
        let mut ports = Ports::new([0; 6]);
        (1..=3).for_each(|last| open(&mut ports, direct(last)));
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for last in 1..=3 {
            sender.send_to(b"x", (Ipv4Addr::new(127, 0, 68, last), 68)).unwrap();
        }
        let mut turns = BTreeMap::new();
        for _ in 0..30 {
            // Nothing is taken, so each of them stays ready once it is.
            *turns.entry(poll_fn(|cx| ports.poll_readable(cx)).await).or_insert(0) += 1;
        }
        assert!(turns.len() == 3 && turns.values().all(|count| *count >= 9), "{turns:?}");
    }

    #[tokio::test]
    #[ignore = "needs root"]
    async fn a_closed_port_can_be_opened_again() {
        let mut ports = Ports::new([0; 6]);
        open(&mut ports, direct(9));
        assert_eq!(ports.socket(direct(9)).map(LinkSocket::port), Some(direct(9)));
        ports.close(direct(8));
        assert!(ports.socket(direct(9)).is_some());
        ports.close(direct(9));
        assert!(ports.socket(direct(9)).is_none());
        open(&mut ports, direct(9));
        open(&mut ports, direct(7));
        assert_eq!(ports.sockets.len(), 2);
    }
}
