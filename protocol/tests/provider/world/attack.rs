//! Somebody on the server's link who makes up identities, relay agents and rubbish.

use super::plain::{at_67, through_tra};
use super::topology::SERVER;
use super::witness::stranger;
use super::{Parcel, World};
use crate::desk::{GROUP, Message, SERVER_ID, TRA, discover, mapped, query, relayed, selecting};
use crate::model::attacker::mutate;
use crate::model::chance::Chance;
use dhcp4o6_protocol::provider::Port;
use dhcp4o6_protocol::wire::v4::{MessageType, code};
use std::net::{Ipv4Addr, SocketAddrV6};

const LAN: u32 = 1;

/// A datagram from a made-up address on the server's link.
pub(crate) fn parcel(source: u64, payload: Vec<u8>) -> Parcel {
    let from = SocketAddrV6::new(stranger(source), 546, 0, LAN);
    Parcel { interface: LAN, via: Port::Dhcp6, from, to: "ff02::1:2".parse().unwrap(), payload }
}

/// A forged message of a made-up client.
fn forge(chance: &mut Chance) -> Vec<u8> {
    let client = 0x6600_0000 | u32::from(chance.octet()) << 8 | u32::from(chance.octet());
    let somebodys = Ipv4Addr::new(192, 0, 2, chance.octet());
    let message = match chance.below(7) {
        0 => selecting(somebodys),
        1 => Message::of(MessageType::REQUEST).with(code::REQUESTED_ADDRESS, &somebodys.octets()),
        2 => Message::of(MessageType::REQUEST).at(somebodys),
        3 => Message::of(MessageType::RELEASE).at(somebodys).with(code::SERVER_ID, &[198, 51, 100, 1]),
        4 => Message::of(MessageType::DECLINE)
            .with(code::REQUESTED_ADDRESS, &somebodys.octets())
            .with(code::SERVER_ID, &[198, 51, 100, 1]),
        5 => discover().with(code::RELAY_AGENT, b"\x01\x06acc0.0"),
        _ => discover(),
    };
    let mut payload = query(if chance.happens(0.5) { 0x80 } else { 0 }, &message.by(client).emit());
    if chance.happens(0.3) {
        mutate(&mut payload, chance);
    }
    for hop in 0..chance.below(3) {
        let hop = u8::try_from(hop).unwrap();
        payload = relayed(hop, "2001:db8:10:1::1", "fe80::66", Some(b"acc0.0"), &payload);
    }
    payload
}

/// A forged message at port 67: from where agents are, as a relay agent, or from an address that may be leased.
fn forge_at_67(chance: &mut Chance) -> Parcel {
    let client = 0x6700_0000 | u32::from(chance.octet()) << 8 | u32::from(chance.octet());
    let somebodys = Ipv4Addr::new(192, 0, 2, chance.octet());
    let agent = if chance.happens(0.8) { "2001:db8:20::66" } else { "2001:db9::66" };
    let to_us = |kind| Message::of(kind).at(somebodys).with(code::SERVER_ID, &SERVER_ID);
    let message = match chance.below(7) {
        0 => selecting(somebodys),
        1 => Message::of(MessageType::REQUEST).with(code::REQUESTED_ADDRESS, &somebodys.octets()),
        2 | 3 => Message::of(MessageType::REQUEST).at(somebodys),
        4 => to_us(MessageType::RELEASE),
        5 => discover().with(code::RELAY_AGENT, &[46, 15]),
        _ => discover(),
    };
    let message = message.by(client);
    let mut parcel = match chance.below(5) {
        0 => through_tra(message, agent.parse().unwrap()),
        1 => {
            let source = if chance.happens(0.5) { somebodys.octets() } else { TRA };
            let mut payload = message.emit();
            payload[24..28].copy_from_slice(if chance.happens(0.3) { &TRA } else { &[0; 4] });
            at_67(Port::Server4, mapped(source), 68, mapped(SERVER_ID), payload)
        }
        _ => {
            let mut payload = message.emit();
            payload[0] = if chance.happens(0.1) { chance.octet() } else { 1 };
            let to = if chance.happens(0.1) { GROUP } else { SERVER };
            at_67(Port::Transport6, agent.parse().unwrap(), 67, to.parse().unwrap(), payload)
        }
    };
    if chance.happens(0.3) {
        mutate(&mut parcel.payload, chance);
    }
    parcel
}

impl World {
    /// So many forged datagrams, a few of them rubbish.
    pub(crate) fn attack(&mut self, count: usize) {
        for _ in 0..count {
            if self.chance.happens(0.4) {
                let parcel = forge_at_67(&mut self.chance);
                self.inject(parcel);
                continue;
            }
            let payload = if self.chance.happens(0.1) {
                let length = self.chance.below(400);
                (0..length).map(|_| self.chance.octet()).collect()
            } else {
                forge(&mut self.chance)
            };
            let source = u64::try_from(self.chance.below(1 << 20)).unwrap();
            self.inject(parcel(source, payload));
        }
    }
}
