//! Who tries to get in between: from the access network, from the servers' network, and from elsewhere.

use crate::world::{Arriving, GIADDR, OURS, World, ip};
use dhcp4o6_protocol::provider::Port;
use dhcp4o6_protocol::wire::encapsulation::{Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::transit;
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, BOOTREQUEST, COOKIE, code};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

impl World {
    /// One attack.
    pub(crate) fn attack(&mut self) {
        match self.chance.below(9) {
            0 => self.forge_agent_information(),
            1 => self.ask_from_elsewhere(),
            2 | 3 => self.forge_answer(),
            4 => self.flood(),
            5 | 6 => self.change_something_seen(),
            7 => self.send_garbage(),
            _ => self.break_a_rule(),
        }
    }

    fn victim(&mut self) -> Ipv6Addr {
        let number = self.chance.below(self.agents.len());
        self.agents[number].address
    }

    fn octets<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.chance.octet())
    }

    /// A client's message up to its options, of type `kind`.
    fn message(&mut self, op: u8, kind: u8) -> Vec<u8> {
        let mut octets = vec![op, 1, 6, 1];
        octets.extend(self.octets::<4>());
        octets.resize(28, 0);
        octets.extend(self.octets::<6>());
        octets.resize(236, 0);
        octets.extend(COOKIE);
        transit::append(&mut octets, 53, &[kind]);
        octets
    }

    fn up(&mut self, from: Ipv6Addr, to: Ipv6Addr, payload: Vec<u8>) {
        let from = SocketAddrV6::new(from, 67, 0, 0);
        self.drive(Some(Arriving { via: Port::Transport6, from, to, payload }));
    }

    fn down(&mut self, from: Ipv4Addr, payload: Vec<u8>) {
        let (via, to) = (self.tra.ports()[1], GIADDR.to_ipv6_mapped());
        let from = SocketAddrV6::new(from.to_ipv6_mapped(), 67, 0, 0);
        self.drive(Some(Arriving { via, from, to, payload }));
    }

    fn agent_information(&mut self, victim: Ipv6Addr) -> Vec<u8> {
        let mut value = vec![self.settings.cra6addr, 16];
        value.extend(victim.octets());
        match self.chance.below(8) {
            0 => value.extend(value.clone()),
            1 => value.truncate(1 + self.chance.below(16)),
            2 => value[1] = self.chance.octet(),
            3 => value.clear(),
            _ => {}
        }
        value
    }

    /// From a true client relay agent: its client says where somebody else is.
    fn forge_agent_information(&mut self) {
        let (from, victim) = (self.victim(), self.victim());
        let mut octets = self.message(BOOTREQUEST, 1);
        let agent = self.agent_information(victim);
        let mut option = Vec::new();
        transit::append(&mut option, code::RELAY_AGENT, &agent);
        if agent.is_empty() {
            option.extend([code::RELAY_AGENT, 0]);
        }
        match self.chance.below(4) {
            0 => octets.extend(option),
            1 => {
                let overload = self.chance.one_of(&[1, 2, 3, 4, 7, 255]);
                transit::append(&mut octets, code::OVERLOAD, &[overload]);
                let at = self.chance.one_of(&[44, 108]);
                octets[at..at + option.len()].copy_from_slice(&option);
            }
            2 => {
                octets.push(code::END);
                octets.extend(option);
            }
            _ => {
                let level = Level { op: RELAYFORWARD, hops: 1, segment: &agent, message: &octets };
                octets = level.emit().unwrap();
            }
        }
        octets.push(code::END);
        self.up(from, ip(OURS[0]), octets);
    }

    fn ask_from_elsewhere(&mut self) {
        let octets = self.message(BOOTREQUEST, 1);
        let from = ["fe80::1", "::", "::1", "ff02::1", "2001:db9::1", "::ffff:192.0.2.1", OURS[0], OURS[1]];
        let from = ip(self.chance.one_of(&from));
        self.up(from, ip(OURS[1]), octets.clone());
        let victim = self.victim();
        let to = ip(self.chance.one_of(&["ff02::1", "ff05::1:3", "fe80::9", "::1", "2001:db8:9::69"]));
        // The last of them is one of ours if every address is.
        self.up(victim, to, octets);
    }

    /// Somebody, or a server that was taken over, answers what nobody or somebody asked.
    fn forge_answer(&mut self) {
        let kind = self.chance.one_of(&[2, 5, 6]);
        let mut octets = self.message(BOOTREPLY, kind);
        let victim = match self.chance.below(4) {
            0 => ip(self.chance.one_of(&["ff02::1", "::1", "fe80::1", "2001:db9::1", OURS[0]])),
            1 => Ipv6Addr::from_bits(ip("2001:db8:77::").to_bits() | u128::from(self.chance.octet())),
            _ => self.victim(),
        };
        let agent = self.agent_information(victim);
        let asked: Vec<_> = self.seen.iter().filter(|seen| seen.via == Port::Transport6).collect();
        if let Some(seen) = asked.last().filter(|seen| seen.payload.len() > 240) {
            octets[4..8].copy_from_slice(&seen.payload[4..8]);
        }
        octets[16..20].copy_from_slice(&[10, 1, 0, 1]);
        if !self.chance.happens(0.1) {
            octets[24..28].copy_from_slice(&GIADDR.octets());
        }
        transit::append(&mut octets, 51, &[0, 0, 2, 88]);
        if self.chance.happens(0.2) {
            let level = Level { op: RELAYREPLY, hops: 1, segment: &agent, message: &octets };
            octets = level.emit().unwrap();
        } else {
            transit::append(&mut octets, code::RELAY_AGENT, &agent);
            octets.push(code::END);
        }
        let known = self.settings.servers[0];
        let server = self.chance.one_of(&[known, known, Ipv4Addr::new(198, 51, 100, 200)]);
        self.down(server, octets);
    }

    /// Many that nobody knows, from where they may be, each with a name of its own.
    fn flood(&mut self) {
        for _ in 0..self.chance.one_of(&[10, 100, 300]) {
            let octets = self.message(BOOTREQUEST, 1);
            let host = u128::from(u64::from_be_bytes(self.octets()));
            let from = Ipv6Addr::from_bits(ip("2001:db8:77::").to_bits() | host);
            let from = if self.chance.happens(0.1) { self.victim() } else { from };
            self.up(from, ip(OURS[0]), octets);
        }
    }

    /// Something that arrived arrives again, changed a little or not at all.
    fn change_something_seen(&mut self) {
        for _ in 0..10 {
            if self.seen.is_empty() {
                return;
            }
            let mut arriving = self.seen[self.chance.below(self.seen.len())].clone();
            let length = arriving.payload.len();
            match self.chance.below(4) {
                0 => {}
                1 => arriving.payload.truncate(self.chance.below(length)),
                2 if length > 0 => {
                    let at = self.chance.below(length);
                    arriving.payload[at] = self.chance.octet();
                }
                _ => {
                    let at =
                        self.chance.below(length.saturating_sub(240)) + 240.min(length.saturating_sub(1));
                    let value = self.chance.one_of(&[0, 52, 53, 54, 82, 255]);
                    arriving.payload.iter_mut().skip(at).take(1).for_each(|octet| *octet = value);
                }
            }
            self.drive(Some(arriving));
        }
    }

    fn send_garbage(&mut self) {
        let length = self.chance.one_of(&[0, 1, 8, 239, 240, 300, 1472]);
        let mut octets: Vec<u8> = (0..length).map(|_| self.chance.octet()).collect();
        if let Some(op) = octets.first_mut() {
            *op = self.chance.one_of(&[0, 1, 2, 3, 4, 5]);
        }
        if self.chance.happens(0.5) {
            let from = self.victim();
            self.up(from, ip(OURS[0]), octets);
        } else {
            self.down(self.settings.servers[0], octets);
        }
    }

    /// Well formed, and not allowed.
    fn break_a_rule(&mut self) {
        let mut octets = self.message(BOOTREQUEST, 1);
        let from = self.victim();
        match self.chance.below(4) {
            0 => octets[24..28].copy_from_slice(&[192, 0, 2, 1]),
            1 => octets[3] = self.chance.one_of(&[5, 16, 255]),
            2 => octets.extend([224; 1400]),
            _ => {
                octets.push(code::END);
                self.down(Ipv4Addr::new(203, 0, 113, 7), octets.clone());
                octets[0] = BOOTREPLY;
            }
        }
        if octets[0] == BOOTREQUEST && octets.len() > 1000 {
            octets.truncate(243);
            (0..5).for_each(|_| transit::append(&mut octets, 224, &[7; 240]));
        }
        octets.push(code::END);
        self.up(from, ip(OURS[0]), octets);
    }
}
