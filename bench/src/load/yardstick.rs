//! What the kernel can do without anybody thinking: datagrams sent back, and datagrams sent on.

use super::batch::{Addresses, Headers, Inbox, Socket};
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, BOOTREQUEST, MessageType as Kind4, code};
use dhcp4o6_protocol::wire::v6::MessageType;
use nix::sys::socket::MsgFlags;
use std::io;
use std::net::SocketAddrV6;
use std::os::fd::AsFd as _;

/// What is sent back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Answer {
    /// What came.
    Same,
    /// The same as a Relay-reply, by its first octet.
    RelayReply,
    /// The same as a DHCPv4 server's answer, by a few octets: a relay agent's information comes back with it.
    BootReply,
}

impl Answer {
    /// Makes it of what came.
    fn make(self, octets: &mut [u8]) {
        match (self, octets) {
            (Self::RelayReply, [first, ..]) if *first == MessageType::RELAY_FORW.0 => {
                *first = MessageType::RELAY_REPL.0;
            }
            (Self::BootReply, octets) => boot_reply(octets),
            _ => {}
        }
    }
}

/// DISCOVER to OFFER, REQUEST to ACK; the address is 10 and the last octets of the hardware address. The type has to be
/// the first option, as clients here write it.
fn boot_reply(octets: &mut [u8]) {
    const YIADDR: usize = 16;
    /// The last three octets of an Ethernet address in `chaddr`.
    const STATION: std::ops::Range<usize> = 31..34;
    const OPTIONS: usize = 240;
    if octets.first() != Some(&BOOTREQUEST) {
        return;
    }
    let Some(&[code::MESSAGE_TYPE, 1, kind]) = octets.get(OPTIONS..OPTIONS + 3) else { return };
    octets[0] = BOOTREPLY;
    octets[YIADDR] = 10;
    octets.copy_within(STATION, YIADDR + 1);
    octets[OPTIONS + 2] = if Kind4(kind) == Kind4::DISCOVER { Kind4::OFFER } else { Kind4::ACK }.0;
}

/// Sends every datagram back to where it came from, for ever.
///
/// # Errors
/// What the kernel says.
pub(crate) fn echo(socket: &Socket, answer: Answer) -> io::Result<()> {
    let (mut inbox, mut headers) = (Inbox::new(Addresses::Own), Headers::new());
    loop {
        let count = inbox.receive(socket, MsgFlags::MSG_WAITFORONE)?;
        for index in 0..count {
            answer.make(inbox.octets_mut(index));
        }
        inbox.send_on(socket, &mut headers, |datagram| Some(datagram.from))?;
    }
}

/// Sends every datagram on to `upstream`, and what comes from there to `back_to`, or without that to whoever sent last,
/// for ever.
///
/// # Errors
/// What the kernel says.
pub(crate) fn forward(
    socket: &Socket,
    upstream: SocketAddrV6,
    back_to: Option<SocketAddrV6>,
) -> io::Result<()> {
    let (mut inbox, mut headers) = (Inbox::new(Addresses::Own), Headers::new());
    let mut last = None;
    loop {
        let count = inbox.receive(socket, MsgFlags::MSG_WAITFORONE)?;
        let is_answer = |from: &SocketAddrV6| (from.ip(), from.port()) == (upstream.ip(), upstream.port());
        let senders = (0..count).map(|index| inbox.datagram(index).from);
        last = senders.rev().find(|from| !is_answer(from)).or(last);
        let downstream = back_to.or(last);
        inbox.send_on(socket, &mut headers, |datagram| {
            if is_answer(&datagram.from) { downstream } else { Some(upstream) }
        })?;
    }
}

/// As [`forward`], from one socket to another: what comes to `front` leaves by `back`, and what comes there by `front`.
/// They take turns, so that a flood on one side does not keep the other from its.
///
/// # Errors
/// What the kernel says.
pub(crate) fn across(
    front: &Socket,
    back: &Socket,
    upstream: SocketAddrV6,
    back_to: Option<SocketAddrV6>,
) -> io::Result<()> {
    let (mut inbox, mut headers) = (Inbox::new(Addresses::Own), Headers::new());
    let mut last = None;
    loop {
        let up = inbox.receive(front, MsgFlags::MSG_DONTWAIT)?;
        if let Some(index) = up.checked_sub(1) {
            last = Some(inbox.datagram(index).from);
            inbox.send_on(back, &mut headers, |_| Some(upstream))?;
        }
        let down = inbox.receive(back, MsgFlags::MSG_DONTWAIT)?;
        if down > 0 {
            inbox.send_on(front, &mut headers, |_| back_to.or(last))?;
        }
        if up == 0 && down == 0 {
            front.wait(None, Some(back.as_fd()))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_request_becomes_an_answer() {
        let mut message = vec![0; 300];
        message[..4].copy_from_slice(&[1, 1, 6, 1]);
        message[28..34].copy_from_slice(&[2, 0x46, 9, 8, 7, 6]);
        message[240..244].copy_from_slice(&[53, 1, 1, 255]);
        let answer = |message: &[u8], answer: Answer| {
            let mut octets = message.to_vec();
            answer.make(&mut octets);
            octets
        };
        let offer = answer(&message, Answer::BootReply);
        assert_eq!((offer[0], &offer[16..20], offer[242]), (2, &[10, 8, 7, 6][..], 2));
        assert_eq!(answer(&offer, Answer::BootReply), offer);
        message[242] = 3;
        assert_eq!(answer(&message, Answer::BootReply)[242], 5);
        for short in [&[][..], &[1], &message[..242]] {
            assert_eq!(answer(short, Answer::BootReply), short);
        }
        assert_eq!(answer(&[12, 1], Answer::RelayReply), [13, 1]);
        assert_eq!(answer(&[1, 1], Answer::RelayReply), [1, 1]);
        assert_eq!(answer(&message, Answer::Same), message);
    }
}
