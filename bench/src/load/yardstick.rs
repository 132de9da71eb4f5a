//! What the kernel can do without anybody thinking: datagrams sent back, and datagrams sent on.

use super::batch::{Addresses, Headers, Inbox, Socket};
use dhcp4o6_protocol::wire::v6::MessageType;
use nix::sys::socket::MsgFlags;
use std::io;
use std::net::SocketAddrV6;

/// Sends every datagram back to where it came from, for ever. With `relay_reply` a Relay-forward becomes a Relay-reply
/// by its first octet.
///
/// # Errors
/// What the kernel says.
pub(crate) fn echo(socket: &Socket, relay_reply: bool) -> io::Result<()> {
    let (mut inbox, mut headers) = (Inbox::new(Addresses::Own), Headers::new());
    loop {
        let count = inbox.receive(socket, MsgFlags::MSG_WAITFORONE)?;
        for index in 0..count {
            if let Some(first) = inbox.octets_mut(index).first_mut()
                && relay_reply
                && *first == MessageType::RELAY_FORW.0
            {
                *first = MessageType::RELAY_REPL.0;
            }
        }
        inbox.send_on(socket, &mut headers, |datagram| Some(datagram.from))?;
    }
}

/// Sends every datagram on to `upstream`, and what comes from there to whoever sent last, for ever.
///
/// # Errors
/// What the kernel says.
pub(crate) fn forward(socket: &Socket, upstream: SocketAddrV6) -> io::Result<()> {
    let (mut inbox, mut headers) = (Inbox::new(Addresses::Own), Headers::new());
    let mut downstream = None;
    loop {
        let count = inbox.receive(socket, MsgFlags::MSG_WAITFORONE)?;
        let is_answer = |from: &SocketAddrV6| (from.ip(), from.port()) == (upstream.ip(), upstream.port());
        let senders = (0..count).map(|index| inbox.datagram(index).from);
        downstream = senders.rev().find(|from| !is_answer(from)).or(downstream);
        inbox.send_on(socket, &mut headers, |datagram| {
            if is_answer(&datagram.from) { downstream } else { Some(upstream) }
        })?;
    }
}
