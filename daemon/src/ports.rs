//! What a link has open: its sockets, of which most links have one or two, and the TAP device of its client relay agent.

use crate::sockets::LinkSocket;
use dhcp4o6_netlink::tap::Tap;
use dhcp4o6_protocol::machine::Port;
use std::task::{Context, Poll};

/// The open ports of a link.
#[derive(Default)]
pub struct Ports {
    /// Few, and with no more room than they need: a thousand links have them.
    sockets: Vec<LinkSocket>,
    tap: Option<Box<Tap>>,
    /// The place that is looked at first next time, in the sockets and then the TAP device.
    first: usize,
}

impl Ports {
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
            let place = (self.first + step) % count;
            let (port, ready) = match (self.sockets.get(place), &self.tap) {
                (Some(socket), _) => (socket.port(), socket.poll_readable(cx)),
                (None, Some(tap)) => (Port::Tap, tap.poll_readable(cx)),
                (None, None) => break,
            };
            if ready.is_ready() {
                self.first = place + 1;
                return Poll::Ready(port);
            }
        }
        Poll::Pending
    }
}
