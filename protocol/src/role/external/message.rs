//! A client's message as a relay agent sends it, and a server's as if there had been none.

use crate::params::{MAX_PAYLOAD, MIN_HEADER4, MIN_MESSAGE4};
use crate::wire::transit::Transit;
use crate::wire::v4::{COOKIE, Message, MessageType, code, write_option};
use crate::wire::{TooLong, Writer, transit, v4_option};
use std::borrow::Cow;
use std::net::Ipv4Addr;

/// What a client can take that does not say more, with IPv4 and UDP headers, RFC 2132 §9.10.
const SMALLEST_LIMIT: u16 = 576;

/// Octets of IPv4 and UDP headers, which option 57 counts.
const HEADERS: usize = 28;

/// What of the client's own size limit is left if `added` octets of option 82 go into the message: about as much as
/// dnsmasq needs for keeping them. `None` when they do not fit.
pub(super) fn room(message: &Message<'_>, added: usize) -> Option<usize> {
    let length = |(_, value): (u8, Cow<'_, [u8]>)| {
        let parts = value.len().div_ceil(usize::from(u8::MAX)).max(1);
        value.len().saturating_add(parts.saturating_mul(2))
    };
    // End, and an option 57 if the client has none.
    let options: usize = message.options().map(length).fold(5, usize::saturating_add);
    let needed = MIN_HEADER4.saturating_add(HEADERS).saturating_add(options).saturating_add(added);
    usize::from(limit(message)).checked_sub(needed)
}

/// The longest message that the client takes, with IPv4 and UDP headers.
fn limit(message: &Message<'_>) -> u16 {
    let value = message.option(code::MAX_MESSAGE_SIZE);
    value.and_then(|value| v4_option::number16(&value)).unwrap_or_default().max(SMALLEST_LIMIT)
}

/// The client's message with our address, option 82 as its last option, and option 57 larger by `extra`.
///
/// Every option stands in the options field, joined and cut anew (RFC 3396): what was overloaded is not any more.
///
/// # Errors
/// When it is longer than a datagram.
pub(super) fn to_server(
    message: &Message<'_>,
    kind: MessageType,
    giaddr: Ipv4Addr,
    extra: usize,
    agent: &[u8],
) -> Result<Vec<u8>, TooLong> {
    let mut w = Writer::with_capacity(MIN_MESSAGE4.saturating_add(agent.len()).saturating_add(256));
    w.u8(message.op).u8(message.htype).u8(message.hlen).u8(message.hops.saturating_add(1));
    w.u32(message.xid.0).u16(message.secs).u16(message.flags);
    // An INFORM is answered at its ciaddr, but here it has to be at giaddr.
    let ciaddr = if kind == MessageType::INFORM { Ipv4Addr::UNSPECIFIED } else { message.ciaddr };
    w.ipv4(ciaddr).ipv4(message.yiaddr).ipv4(message.siaddr).ipv4(giaddr).bytes(&message.chaddr);
    let overload = message.option(code::OVERLOAD);
    let overloaded = |field: u8| matches!(overload.as_deref(), Some([areas @ 1..=3]) if areas & field != 0);
    w.bytes(if overloaded(2) { &[0; 64] } else { message.sname });
    w.bytes(if overloaded(1) { &[0; 128] } else { message.file });
    w.bytes(&COOKIE);
    let limit = limit(message).saturating_add(u16::try_from(extra).unwrap_or(u16::MAX)).to_be_bytes();
    let mut limited = false;
    for (code, value) in message.options() {
        match code {
            code::OVERLOAD => {}
            code::MAX_MESSAGE_SIZE => {
                limited = true;
                write_option(&mut w, code, &limit);
            }
            _ => write_option(&mut w, code, &value),
        }
    }
    // RFC 2131 §4.4.1, table 5: not in DECLINE and RELEASE, which nobody answers.
    if !limited && !matches!(kind, MessageType::DECLINE | MessageType::RELEASE) {
        write_option(&mut w, code::MAX_MESSAGE_SIZE, &limit);
    }
    write_option(&mut w, code::RELAY_AGENT, agent);
    let mut octets = w.finish()?;
    transit::close(&mut octets);
    if octets.len() > MAX_PAYLOAD { Err(TooLong) } else { Ok(octets) }
}

/// The server's message without option 82, with the client's `giaddr`, and with `client_id` as option 61 if the server
/// has left that out. Everything else stays octet for octet; what follows an End goes.
///
/// # Errors
/// When it is longer than a datagram.
pub(super) fn to_client(
    answer: &Transit<'_>,
    giaddr: Ipv4Addr,
    client_id: Option<&[u8]>,
) -> Result<Vec<u8>, TooLong> {
    let client_id = client_id.filter(|_| !answer.has(code::CLIENT_ID));
    let mut octets =
        answer.open_without(code::RELAY_AGENT, client_id.map_or(0, |id| id.len().saturating_add(2)));
    // Servers that return hops return those of the query, which we made one larger.
    transit::write(&mut octets, transit::HOPS, &[answer.hops().saturating_sub(1)]);
    transit::write(&mut octets, transit::GIADDR, &giaddr.octets());
    if let Some(id) = client_id {
        transit::append(&mut octets, code::CLIENT_ID, id);
    }
    transit::close(&mut octets);
    if octets.len() > MAX_PAYLOAD { Err(TooLong) } else { Ok(octets) }
}
