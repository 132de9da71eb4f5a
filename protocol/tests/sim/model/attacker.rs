//! Somebody on the link who answers what is not for them: with rubbish, with answers that were damaged, and with
//! answers in good form and bad faith.

use super::chance::Chance;
use super::server::{Enable, Server};
use dhcp4o6_protocol::time::Instant;
use std::net::Ipv6Addr;

pub(crate) struct Attacker {
    rogue: Server,
}

impl Attacker {
    pub(crate) fn new() -> Self {
        let mut rogue = Server::good(66);
        rogue.prefix = Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0);
        Self { rogue }
    }

    pub(crate) fn address(&self) -> Ipv6Addr {
        self.rogue.link_local
    }

    /// What it sends to the client that sent `octets`.
    pub(crate) fn hear(
        &mut self,
        now: Instant,
        to: Ipv6Addr,
        octets: &[u8],
        chance: &mut Chance,
    ) -> Vec<Vec<u8>> {
        (0..chance.below(3)).filter_map(|_| self.forge(now, to, octets, chance)).collect()
    }

    fn forge(&mut self, now: Instant, to: Ipv6Addr, octets: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        if chance.happens(0.2) {
            let length = chance.below(400);
            return Some((0..length).map(|_| chance.octet()).collect());
        }
        let rogue = &mut self.rogue;
        rogue.enable = match chance.below(5) {
            0 => Enable::No,
            1 => Enable::Malformed,
            2 => Enable::Servers(Vec::new()),
            3 => Enable::Servers(vec![Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED]),
            _ => Enable::Servers(
                (0..40).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, n % 20)).collect(),
            ),
        };
        let times = [0, 1, 10, 60, 3600, 0x7fff_ffff, u32::MAX];
        rogue.preference = chance.octet();
        rogue.rapid_commit = chance.happens(0.5);
        rogue.gives_addresses = chance.happens(0.7);
        (rogue.preferred, rogue.valid) = (chance.one_of(&times), chance.one_of(&times));
        rogue.refresh = Some(chance.one_of(&times));
        rogue.max_rt = Some(chance.one_of(&[0, 59, 60, 86400, 86401]));
        rogue.four.lease = chance.one_of(&times);
        rogue.four.times = Some((chance.one_of(&times), chance.one_of(&times)));
        rogue.four.subnet =
            chance.one_of(&[[127, 0, 0], [0, 0, 0], [224, 0, 0], [192, 0, 2], [203, 0, 113], [169, 254, 7]]);
        rogue.four.echo = chance.happens(0.5);
        let (_, mut answer) = rogue.hear(now, to, octets, chance)?;
        if chance.happens(0.5) {
            mutate(&mut answer, chance);
        }
        Some(answer)
    }
}

/// A few small damages.
pub(crate) fn mutate(octets: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(octets.len());
        match chance.below(6) {
            0 => octets.truncate(at),
            1 => octets.insert(at, chance.octet()),
            2 => octets.truncate(octets.len().saturating_sub(1)),
            _ => {
                if let Some(octet) = octets.get_mut(at) {
                    *octet ^= 1 << chance.below(8);
                }
            }
        }
    }
}
