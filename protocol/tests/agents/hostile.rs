//! Who tries to get in between: on the clients' link, and from the network.

use crate::world::{Asked, NOBODY, OWN, SERVER, World, ip};
use dhcp4o6_protocol::wire::encapsulation::{Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::frame::{Datagram, EVERYBODY, Mac};
use dhcp4o6_protocol::wire::transit;
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, BOOTREQUEST, COOKIE, code};
use std::net::{Ipv4Addr, SocketAddrV4};

impl World {
    /// One attack, or one change of where the agent is and whom it asks.
    pub(crate) fn attack(&mut self) {
        match self.chance.below(9) {
            0 | 1 => self.forge_frame(),
            2 => self.flood(),
            3 => self.damage_frames(),
            4 | 5 => self.damage_answers(),
            6 => self.forge_answer(),
            7 => {
                self.own = ip(self.chance.one_of(&OWN));
                self.place();
            }
            _ => {
                self.servers = match self.chance.below(3) {
                    0 => vec![ip(NOBODY)],
                    1 => vec![ip(SERVER), ip(NOBODY)],
                    _ => vec![ip(SERVER)],
                };
                self.place();
            }
        }
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.chance.octet())
    }

    fn message(&mut self, op: u8, kind: u8) -> Vec<u8> {
        let mut octets = vec![op, 1, 6, 0];
        octets.extend(self.octets::<4>());
        octets.resize(28, 0);
        octets.extend([2, 0, 0x5e, 0x66]);
        octets.extend(self.octets::<2>());
        octets.resize(236, 0);
        octets.extend(COOKIE);
        transit::append(&mut octets, 53, &[kind]);
        octets
    }

    /// Puts option 82 where it is seen, or where it hides.
    fn add_agent_information(&mut self, octets: &mut Vec<u8>) {
        let option = [code::RELAY_AGENT, 3, 1, 1, 7];
        match self.chance.below(3) {
            0 => octets.extend(option),
            1 => octets.extend([code::RELAY_AGENT, 0]),
            _ => {
                let (overload, at) = self.chance.one_of(&[(1, 108), (2, 44), (3, 108), (3, 44)]);
                octets[at..at + 5].copy_from_slice(&option);
                octets[at + 5] = code::END;
                if overload == 3 {
                    let other = if at == 44 { 108 } else { 44 };
                    octets[other] = code::END;
                }
                transit::append(octets, code::OVERLOAD, &[overload]);
            }
        }
        octets.push(code::END);
    }

    fn frame(&mut self, to: Mac, from: Mac, ports: (u16, u16), payload: &[u8]) {
        let datagram = Datagram {
            source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, ports.0),
            destination: SocketAddrV4::new(Ipv4Addr::BROADCAST, ports.1),
            payload,
        };
        let frame = datagram.emit(to, from).unwrap();
        self.hear_frame(frame, true);
    }

    fn forge_frame(&mut self) {
        let own = self.hardware();
        let mut payload = self.message(BOOTREQUEST, 1);
        let mut from = [2, 0, 0x5e, 0x66, 0, self.chance.octet()];
        let mut ports = (68, 67);
        match self.chance.below(9) {
            0 => from = own,
            1 => from = self.chance.one_of(&[[0xff; 6], [1, 0, 0x5e, 0, 0, 1], [0; 6]]),
            2 => payload[24..28].copy_from_slice(&[192, 0, 2, 1]),
            3 => payload[3] = self.chance.one_of(&[4, 5, 16, 255]),
            4 => self.add_agent_information(&mut payload),
            5 => payload[0] = self.chance.one_of(&[0, 2, 3, 4, 5]),
            6 => {
                let op = self.chance.one_of(&[RELAYFORWARD, RELAYREPLY]);
                payload = Level { op, hops: 1, segment: &[1, 1, 7], message: &payload }.emit().unwrap();
            }
            7 => {
                // Another server answers the same clients.
                payload = self.message(BOOTREPLY, 2);
                transit::append(&mut payload, code::SERVER_ID, &[203, 0, 113, self.chance.octet() % 4]);
                ports = (67, 68);
            }
            _ => payload.truncate(self.chance.below(243)),
        }
        payload.push(code::END);
        let to = self.chance.one_of(&[EVERYBODY, EVERYBODY, own, [2, 0, 0x5e, 0x10, 0, 0x99]]);
        self.frame(to, from, ports, &payload);
    }

    /// Many that nobody knows.
    fn flood(&mut self) {
        for _ in 0..self.chance.one_of(&[10, 100, 300]) {
            let mut payload = self.message(BOOTREQUEST, 1);
            payload.push(code::END);
            let from = [2, 0x66, self.chance.octet(), self.chance.octet(), 0, self.chance.octet()];
            self.frame(EVERYBODY, from, (68, 67), &payload);
        }
    }

    fn damage_frames(&mut self) {
        for _ in 0..10 {
            if self.frames.is_empty() {
                return;
            }
            let mut frame = self.frames[self.chance.below(self.frames.len())].clone();
            self.damage(&mut frame);
            self.hear_frame(frame, true);
        }
    }

    /// What a server said comes again: changed, from elsewhere, to somebody else, or in something else.
    fn damage_answers(&mut self) {
        for _ in 0..10 {
            if self.answers.is_empty() {
                return;
            }
            let mut answer = self.answers[self.chance.below(self.answers.len())].clone();
            match self.chance.below(7) {
                0 => answer.from = ip(self.chance.one_of(&["2001:db8:66::1", "fe80::1", "::1", "ff02::1"])),
                1 => answer.to = ip(self.chance.one_of(&["ff02::1", "fe80::2", "2001:db8:1:9::18"])),
                2 => {
                    if let Ok(end) = transit::Transit::parse(&answer.payload).map(|message| message.len()) {
                        answer.payload.truncate(end);
                        self.add_agent_information(&mut answer.payload);
                    }
                }
                3 => answer.payload[0] = self.chance.one_of(&[0, 1, 3, 4, 5]),
                4 => {
                    let op = self.chance.one_of(&[RELAYFORWARD, RELAYREPLY, RELAYREPLY]);
                    let level = Level { op, hops: 1, segment: &[1, 1, 7], message: &answer.payload };
                    answer.payload = level.emit().unwrap();
                }
                _ => {
                    let mut payload = std::mem::take(&mut answer.payload);
                    self.damage(&mut payload);
                    answer.payload = payload;
                }
            }
            self.hear_answer(answer, true);
        }
    }

    fn forge_answer(&mut self) {
        for _ in 0..self.chance.one_of(&[1, 10, 100]) {
            let kind = self.chance.one_of(&[2, 5, 6]);
            let mut payload = self.message(BOOTREPLY, kind);
            if self.chance.happens(0.3) {
                self.add_agent_information(&mut payload);
            }
            payload.push(code::END);
            let length = self.chance.one_of(&[payload.len(), payload.len(), 239, 1, 0]);
            payload.truncate(length);
            let from = ip(self.chance.one_of(&[SERVER, SERVER, "2001:db8:66::1"]));
            self.hear_answer(Asked { from, to: self.own, payload }, true);
        }
    }

    fn damage(&mut self, octets: &mut Vec<u8>) {
        if octets.is_empty() {
            return;
        }
        let length = octets.len();
        match self.chance.below(4) {
            0 => {}
            1 => octets.truncate(self.chance.below(length)),
            2 => {
                let at = self.chance.below(length);
                octets[at] = self.chance.octet();
            }
            _ => {
                let at = self.chance.below(length);
                octets[at] = self.chance.one_of(&[0, 52, 53, 54, 61, 82, 255]);
            }
        }
    }
}
