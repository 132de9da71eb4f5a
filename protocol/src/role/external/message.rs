//! A client's message as a relay agent sends it, and a server's as if there had been none.

use crate::params::{MIN_HEADER4, MIN_MESSAGE4};
use crate::wire::v4::{COOKIE, Message, MessageType, code};
use crate::wire::{Reader, v4_option};
use std::net::Ipv4Addr;
use std::ops::Range;

/// What a client can take that does not say more, with IPv4 and UDP headers, RFC 2132 §9.10.
const SMALLEST_LIMIT: u16 = 576;

const HOPS: Range<usize> = 3..4;
const GIADDR: Range<usize> = 24..28;
const SNAME: Range<usize> = 44..108;
const FILE: Range<usize> = 108..236;

/// The client's message with our address, option 82 as its last option, and option 57 larger by `extra`.
///
/// Every option stands in the options field, joined and cut anew (RFC 3396): what was overloaded is not any more.
pub(super) fn to_server(
    message: &Message<'_>,
    kind: MessageType,
    giaddr: Ipv4Addr,
    extra: usize,
    agent: &[u8],
) -> Vec<u8> {
    let mut octets = Vec::with_capacity(MIN_MESSAGE4.saturating_add(agent.len()).saturating_add(256));
    octets.extend([message.op, message.htype, message.hlen, message.hops.saturating_add(1)]);
    octets.extend(message.xid.0.to_be_bytes());
    octets.extend(message.secs.to_be_bytes());
    octets.extend(message.flags.to_be_bytes());
    // An INFORM is answered at its ciaddr, but here it has to be at giaddr.
    let ciaddr = if kind == MessageType::INFORM { Ipv4Addr::UNSPECIFIED } else { message.ciaddr };
    for address in [ciaddr, message.yiaddr, message.siaddr, giaddr] {
        octets.extend(address.octets());
    }
    octets.extend(message.chaddr);
    let overload = message.option(code::OVERLOAD);
    let overloaded = |field: u8| matches!(overload.as_deref(), Some([areas @ 1..=3]) if areas & field != 0);
    octets.extend(message.sname.iter().map(|octet| if overloaded(2) { 0 } else { *octet }));
    octets.extend(message.file.iter().map(|octet| if overloaded(1) { 0 } else { *octet }));
    octets.extend(COOKIE);
    let limit = |value: &[u8]| {
        let own = v4_option::number16(value).unwrap_or_default().max(SMALLEST_LIMIT);
        own.saturating_add(u16::try_from(extra).unwrap_or(u16::MAX)).to_be_bytes()
    };
    let mut limited = false;
    for (code, value) in message.options() {
        match code {
            code::OVERLOAD => {}
            code::MAX_MESSAGE_SIZE => {
                limited = true;
                put(&mut octets, code, &limit(&value));
            }
            _ => put(&mut octets, code, &value),
        }
    }
    // RFC 2131 §4.4.1, table 5: not in DECLINE and RELEASE, which nobody answers.
    if !limited && !matches!(kind, MessageType::DECLINE | MessageType::RELEASE) {
        put(&mut octets, code::MAX_MESSAGE_SIZE, &limit(&[]));
    }
    put(&mut octets, code::RELAY_AGENT, agent);
    end(&mut octets);
    octets
}

/// The server's message without option 82, with the client's `giaddr`, and with `client_id` as option 61 if the server
/// has left that out. Everything else stays octet for octet; what follows an End goes.
pub(super) fn to_client(
    octets: &[u8],
    message: &Message<'_>,
    giaddr: Ipv4Addr,
    client_id: Option<&[u8]>,
) -> Vec<u8> {
    let (header, options) = octets.split_at_checked(MIN_HEADER4).unwrap_or((octets, &[]));
    let mut answer = Vec::with_capacity(octets.len().max(MIN_MESSAGE4));
    answer.extend_from_slice(header);
    // Servers that return hops return those of the query, which we made one larger.
    set(&mut answer, HOPS, &[message.hops.saturating_sub(1)]);
    set(&mut answer, GIADDR, &giaddr.octets());
    let areas = match message.option(code::OVERLOAD).as_deref() {
        Some([areas @ 1..=3]) => *areas,
        _ => 0,
    };
    for (bit, field, area) in [(1, FILE, message.file), (2, SNAME, message.sname)] {
        if areas & bit != 0 {
            let mut kept = Vec::with_capacity(area.len());
            keep(area, &mut kept);
            // An area that is full ends without an End.
            if kept.len() < area.len() {
                kept.push(code::END);
                kept.resize(area.len(), 0);
            }
            set(&mut answer, field, &kept);
        }
    }
    keep(options, &mut answer);
    if let Some(id) = client_id.filter(|_| message.option(code::CLIENT_ID).is_none()) {
        put(&mut answer, code::CLIENT_ID, id);
    }
    end(&mut answer);
    answer
}

/// Appends the options of an area, all but option 82.
fn keep(area: &[u8], out: &mut Vec<u8>) {
    let mut reader = Reader::new(area);
    while let Some(code) = reader.u8().filter(|code| *code != code::END) {
        if code == code::PAD {
            continue;
        }
        // Framing was checked when the message was parsed.
        let Some(length) = reader.u8() else { return };
        let Some(value) = reader.take(usize::from(length)) else { return };
        if code != code::RELAY_AGENT {
            out.extend([code, length]);
            out.extend_from_slice(value);
        }
    }
}

/// Appends an option, in parts if it is long (RFC 3396 §5).
fn put(out: &mut Vec<u8>, code: u8, value: &[u8]) {
    if value.is_empty() {
        out.extend([code, 0]);
    }
    for part in value.chunks(usize::from(u8::MAX)) {
        out.extend([code, u8::try_from(part.len()).unwrap_or(u8::MAX)]);
        out.extend_from_slice(part);
    }
}

/// Appends End, and zeros up to the shortest message that everybody takes (RFC 1542 §2.1).
fn end(out: &mut Vec<u8>) {
    out.push(code::END);
    if out.len() < MIN_MESSAGE4 {
        out.resize(MIN_MESSAGE4, 0);
    }
}

fn set(octets: &mut [u8], field: Range<usize>, value: &[u8]) {
    if let Some(field) = octets.get_mut(field).filter(|field| field.len() == value.len()) {
        field.copy_from_slice(value);
    }
}
