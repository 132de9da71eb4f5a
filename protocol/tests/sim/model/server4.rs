//! The DHCPv4 half of a simulated server.

use super::chance::Chance;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::v4::{self, Message, MessageType, code};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

pub(crate) struct Server4 {
    pub(crate) id: Ipv4Addr,
    /// First three octets of the pool.
    pub(crate) subnet: [u8; 3],
    pub(crate) lease: u32,
    /// T1 and T2, when they are sent.
    pub(crate) times: Option<(u32, u32)>,
    /// Answers with the client identifier (RFC 6842).
    pub(crate) echo: bool,
    /// Says NAK to what it does not know, instead of nothing.
    pub(crate) authoritative: bool,
    pub(crate) rapid_commit: bool,
    /// By client identifier: the address, and when it is free again.
    bindings: BTreeMap<Vec<u8>, (Ipv4Addr, Option<Instant>)>,
    declined: BTreeSet<Ipv4Addr>,
}

impl Server4 {
    pub(crate) fn new() -> Self {
        Self {
            id: Ipv4Addr::new(198, 51, 100, 1),
            subnet: [192, 0, 2],
            lease: 3600,
            times: None,
            echo: true,
            authoritative: true,
            rapid_commit: false,
            bindings: BTreeMap::new(),
            declined: BTreeSet::new(),
        }
    }

    /// All leases are lost.
    pub(crate) fn forget(&mut self) {
        self.bindings.clear();
    }

    /// When the address is free again; `None` when it is not given to anybody.
    pub(crate) fn end_of(&self, address: Ipv4Addr) -> Option<Option<Instant>> {
        self.bindings.values().find(|(bound, _)| *bound == address).map(|(_, end)| *end)
    }

    /// The addresses in use.
    pub(crate) fn given(&self) -> impl Iterator<Item = Ipv4Addr> {
        self.bindings.values().map(|(address, _)| *address)
    }

    fn address_for(&self, client: &[u8], chance: &mut Chance) -> Ipv4Addr {
        if let Some((address, _)) = self.bindings.get(client) {
            return *address;
        }
        let [a, b, c] = self.subnet;
        loop {
            let address = Ipv4Addr::new(a, b, c, 10 + chance.octet() % 200);
            if !self.declined.contains(&address) && self.end_of(address).is_none() {
                return address;
            }
        }
    }

    /// The answer to a DHCPv4 message, if it gets one.
    pub(crate) fn hear(&mut self, now: Instant, octets: &[u8], chance: &mut Chance) -> Option<Vec<u8>> {
        let ask = Message::parse(octets).expect("the client sends well formed messages");
        let client = ask.option(code::CLIENT_ID).expect("the client identifier is always sent").into_owned();
        let bound = self.bindings.get(&client).map(|(address, _)| *address);
        match ask.kind()? {
            MessageType::DISCOVER => {
                let address = self.address_for(&client, chance);
                if self.rapid_commit && ask.option(code::RAPID_COMMIT).is_some() {
                    return Some(self.grant(now, &ask, client, address, true));
                }
                Some(self.answer(&ask, MessageType::OFFER, address, self.terms()))
            }
            MessageType::REQUEST => {
                let wanted = ask.address(code::REQUESTED_ADDRESS);
                match (ask.address(code::SERVER_ID), wanted) {
                    (Some(id), _) if id != self.id => None,
                    (Some(_), Some(wanted)) => {
                        let free = self.end_of(wanted).is_none() && !self.declined.contains(&wanted);
                        if bound == Some(wanted) || (free && wanted.octets()[..3] == self.subnet) {
                            return Some(self.grant(now, &ask, client, wanted, false));
                        }
                        Some(self.nak(&ask))
                    }
                    (None, wanted) => {
                        let address = wanted.unwrap_or(ask.ciaddr);
                        match bound {
                            Some(bound) if bound == address => {
                                Some(self.grant(now, &ask, client, address, false))
                            }
                            None if !self.authoritative => None,
                            Some(_) | None => Some(self.nak(&ask)),
                        }
                    }
                    (Some(_), None) => Some(self.nak(&ask)),
                }
            }
            MessageType::DECLINE => {
                self.declined.extend(ask.address(code::REQUESTED_ADDRESS));
                self.bindings.remove(&client);
                None
            }
            MessageType::RELEASE => {
                self.bindings.remove(&client);
                None
            }
            _ => None,
        }
    }

    fn terms(&self) -> Vec<(u8, Vec<u8>)> {
        let [a, b, c] = self.subnet;
        let seconds = |seconds: u32| seconds.to_be_bytes().to_vec();
        let mut terms = vec![
            (code::LEASE_TIME, seconds(self.lease)),
            (code::SUBNET_MASK, vec![255, 255, 255, 0]),
            (code::ROUTER, vec![a, b, c, 1]),
            (code::DNS_SERVERS, vec![192, 0, 2, 53]),
        ];
        if let Some((t1, t2)) = self.times {
            terms.extend([(code::RENEWAL_TIME, seconds(t1)), (code::REBINDING_TIME, seconds(t2))]);
        }
        terms
    }

    fn grant(
        &mut self,
        now: Instant,
        ask: &Message<'_>,
        client: Vec<u8>,
        address: Ipv4Addr,
        rapid: bool,
    ) -> Vec<u8> {
        let end = (self.lease != u32::MAX).then(|| now + Duration::from_secs(self.lease.into()));
        // What was promised is kept, even if leases are shorter now.
        let end = match self.bindings.get(&client) {
            Some((before, promised)) if *before == address => {
                end.zip(*promised).map(|(one, other)| one.max(other))
            }
            _ => end,
        };
        self.bindings.insert(client, (address, end));
        let mut terms = self.terms();
        if rapid {
            terms.push((code::RAPID_COMMIT, Vec::new()));
        }
        self.answer(ask, MessageType::ACK, address, terms)
    }

    fn nak(&self, ask: &Message<'_>) -> Vec<u8> {
        self.answer(ask, MessageType::NAK, Ipv4Addr::UNSPECIFIED, Vec::new())
    }

    fn answer(
        &self,
        ask: &Message<'_>,
        kind: MessageType,
        yiaddr: Ipv4Addr,
        terms: Vec<(u8, Vec<u8>)>,
    ) -> Vec<u8> {
        let mut options =
            vec![(code::MESSAGE_TYPE, vec![kind.0]), (code::SERVER_ID, self.id.octets().to_vec())];
        options.extend(terms);
        if self.echo {
            options.extend(ask.option(code::CLIENT_ID).map(|id| (code::CLIENT_ID, id.into_owned())));
        }
        let answer = v4::Outgoing {
            op: v4::BOOTREPLY,
            htype: ask.htype,
            hardware: ask.hardware().to_vec(),
            xid: ask.xid,
            secs: 0,
            flags: ask.flags,
            ciaddr: if kind == MessageType::NAK { Ipv4Addr::UNSPECIFIED } else { ask.ciaddr },
            yiaddr,
            giaddr: ask.giaddr,
            options,
        };
        answer.emit().expect("an answer fits into a datagram")
    }
}
