//! The side of the network that a host Client Relay Agent sees: servers at port 67, the way past the agent by IPv4,
//! resolvers, and somebody who answers what was not for them.

use super::attacker::mutate;
use super::chance::Chance;
use super::net::{Event, Net};
use super::server::Server;
use super::{ms, secs};
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::machine::{Input, Port, Question};
use dhcp4o6_protocol::wire::encapsulation::{Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::transit;
use dhcp4o6_protocol::wire::v4::code;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

/// Nobody's.
const STRANGER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0x66, 0, 0, 0, 0, 0x66);

impl Net {
    /// The agent sends from port 67 of its address.
    pub(super) fn relay(&mut self, own: Ipv6Addr, to: SocketAddrV6, payload: Vec<u8>) {
        let to = *to.ip();
        self.note(|_| format!("  relay {own} -> {to}, {} octets", payload.len()));
        if !self.kernel.running() || !self.kernel.has(own) {
            return;
        }
        self.forge_answers(own, to, &payload);
        let from = SocketAddrV6::new(own, 67, 0, 0);
        if let Some(server) = self.servers.iter().position(|server| server.global == to) {
            self.carry(|payload| Event::ToServer67 { server, from, to, payload }, payload, false);
        }
    }

    /// A renewal leaves by IPv4 from the leased address.
    pub(super) fn send_directly(
        &mut self,
        id: EndpointId,
        own: Ipv4Addr,
        to: SocketAddrV6,
        payload: Vec<u8>,
    ) {
        let to = *to.ip();
        self.note(|_| format!("  renew {id:?} {own} -> {to}, {} octets", payload.len()));
        if !self.routed4 || !self.kernel.running() {
            return;
        }
        let from = SocketAddrV6::new(own.to_ipv6_mapped(), 68, 0, 0);
        if let Some(server) = self.servers.iter().position(|server| server.four.id.to_ipv6_mapped() == to) {
            self.carry(|payload| Event::ToServer67 { server, from, to, payload }, payload, false);
        }
    }

    pub(super) fn ask_at_67(&mut self, server: usize, from: SocketAddrV6, to: Ipv6Addr, payload: &[u8]) {
        let server = &mut self.servers[server];
        if !server.alive || server.deaf4 {
            return;
        }
        let Some(answer) = server.four.hear(self.now, payload, &mut self.chance) else { return };
        // Answers come from the address that was asked, and go back to the port that asked.
        let (source, client) = (SocketAddrV6::new(to, 67, 0, 0), *from.ip());
        if client.to_ipv4_mapped().is_some() {
            self.carry(|payload| Event::To68 { from: source, to: client, payload }, answer, true);
        } else {
            self.carry(|payload| Event::To67 { from: source, to: client, payload }, answer, true);
        }
    }

    pub(super) fn arrive_at_agent(&mut self, from: SocketAddrV6, to: Ipv6Addr, payload: &[u8]) {
        let ours = |port: &&Port| matches!(port, Port::Cra6(own) if *own == to || to.is_multicast());
        let open = self.sockets.iter().find(ours).copied();
        if let Some(via) = open.filter(|_| self.kernel.running()) {
            self.deliver(via, from, to, payload);
        }
    }

    pub(super) fn arrive_directly(&mut self, from: SocketAddrV6, to: Ipv6Addr, payload: &[u8]) {
        let here = |port: &&Port| matches!(port, Port::Direct4(_, own) if own.to_ipv6_mapped() == to);
        let open = self.sockets.iter().find(here).copied();
        if let Some(via) = open.filter(|_| self.kernel.running()) {
            self.deliver(via, from, to, payload);
        }
    }

    /// The driver finds a name's addresses, and looks again from time to time.
    pub(super) fn resolve(&mut self, question: Option<Question>) {
        self.note(|_| format!("  resolve {question:?}"));
        self.question = question;
        self.questions += 1;
        let at = self.now + ms(20);
        self.put(at, Event::Resolvers(self.questions));
    }

    pub(super) fn hear_resolvers(&mut self, question: u64) {
        if self.question.is_none() || question != self.questions {
            return;
        }
        let heard = !self.chance.happens(self.weather.loss);
        let found = self.found.clone().filter(|_| heard);
        let lasts = found.as_ref().is_some_and(|found| !found.is_empty());
        let again = self.now + if lasts { secs(300) } else { secs(20) };
        self.put(again, Event::Resolvers(question));
        self.input(Input::Resolved(found.map(|found| (found, secs(300)))));
    }

    /// What somebody who sees the agent's message sends to it.
    fn forge_answers(&mut self, own: Ipv6Addr, asked: Ipv6Addr, payload: &[u8]) {
        if self.attacker.is_none() {
            return;
        }
        for _ in 0..self.chance.below(3) {
            let Some(forged) = forge(self.now, payload, &mut self.chance) else { continue };
            self.attacked = true;
            let listed = self.chance.happens(0.6);
            let from = SocketAddrV6::new(if listed { asked } else { STRANGER }, 67, 0, 0);
            let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
            let to = if self.chance.happens(0.1) { group } else { own };
            self.carry(|payload| Event::To67 { from, to, payload }, forged, false);
        }
    }

    /// Datagrams out of nowhere reach the agent.
    pub(crate) fn flood_67(&mut self, count: usize) {
        let open = self.sockets.iter().find(|port| matches!(port, Port::Cra6(_))).copied();
        let Some(via @ Port::Cra6(own)) = open else { return };
        let listed = self.servers.first().map_or(STRANGER, |server| server.global);
        self.attacked = true;
        for _ in 0..count {
            let from = if self.chance.happens(0.7) { listed } else { STRANGER };
            let mut octets = vec![0; 300];
            octets[..4].copy_from_slice(&[self.chance.one_of(&[0, 1, 2, 2, 2, 3, 4, 5]), 1, 6, 0]);
            (4..8).for_each(|at| octets[at] = self.chance.octet());
            octets[236..240].copy_from_slice(&[0x63, 0x82, 0x53, 0x63]);
            octets[240..243].copy_from_slice(&[53, 1, self.chance.one_of(&[2, 5, 6, 9])]);
            octets[243] = code::END;
            octets.truncate(self.chance.one_of(&[300, 300, 300, 244, 240, 100, 1, 0]));
            self.deliver(via, SocketAddrV6::new(from, 67, 0, 0), own, &octets);
        }
        self.settle();
    }
}

/// An answer to this message, in good form and bad faith, or in none.
fn forge(now: dhcp4o6_protocol::time::Instant, payload: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
    let mut rogue = Server::good(66);
    let times = [0, 1, 10, 60, 3600, 0x7fff_ffff, u32::MAX];
    rogue.four.lease = chance.one_of(&times);
    rogue.four.times = Some((chance.one_of(&times), chance.one_of(&times)));
    rogue.four.subnet = chance.one_of(&[[127, 0, 0], [0, 0, 0], [224, 0, 0], [192, 0, 2], [203, 0, 113]]);
    rogue.four.echo = chance.happens(0.7);
    let mut answer = rogue.four.hear(now, payload, chance)?;
    match chance.below(9) {
        0 => answer[4..8].iter_mut().for_each(|octet| *octet = chance.octet()),
        1 => {
            // Option 82 before the end.
            let end = transit::Transit::parse(&answer).ok()?.len();
            answer.truncate(end);
            transit::append(&mut answer, code::RELAY_AGENT, &[1, 1, 7]);
            answer.push(code::END);
        }
        2 => {
            // The same in `sname` or `file`.
            let end = transit::Transit::parse(&answer).ok()?.len();
            answer.truncate(end);
            let (overload, at) = chance.one_of(&[(1, 108), (2, 44), (3, 108), (3, 44)]);
            transit::append(&mut answer, code::OVERLOAD, &[overload]);
            answer.push(code::END);
            answer[at..at + 4].copy_from_slice(&[code::RELAY_AGENT, 1, 7, code::END]);
        }
        3 => answer[0] = chance.one_of(&[0, 1, 3, 4, 5]),
        4 => {
            let op = chance.one_of(&[RELAYREPLY, RELAYREPLY, RELAYFORWARD]);
            answer = Level { op, hops: 1, segment: &[1, 1, 7], message: &answer }.emit().ok()?;
        }
        5 | 6 => mutate(&mut answer, chance),
        _ => {}
    }
    Some(answer)
}
