//! DHCPv4 servers with the habits that Kea, ISC dhcpd and dnsmasq were seen to have, and one of our own kind that
//! understands relay encapsulation.

use crate::chance::Chance;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::agent::{self, AgentInformation};
use dhcp4o6_protocol::wire::encapsulation::{Encapsulated, RELAYFORWARD};
use dhcp4o6_protocol::wire::transit;
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, COOKIE, Message, MessageType, code};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Habit {
    /// Sorts sub-options, returns hops, does not pad, keeps silent about what it does not know.
    Kea,
    /// Keeps the order, pads.
    Isc,
    /// Returns option 82 verbatim if there is room, adds option 118, refuses what it does not know.
    Dnsmasq,
    /// None of those: option 82 stands anywhere, in pieces, in an overloaded field.
    Odd,
    /// Returns no option 82 at all.
    Forgetful,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) address: Ipv4Addr,
    pub(crate) habit: Habit,
    lease: Duration,
    /// By client identifier, or hardware address.
    leases: BTreeMap<Vec<u8>, (Ipv4Addr, Instant)>,
    given: u16,
}

impl Server {
    pub(crate) fn new(address: Ipv4Addr, habit: Habit, lease: Duration) -> Self {
        Self { address, habit, lease, leases: BTreeMap::new(), given: 0 }
    }

    /// What it answers; `others` are the other servers that the relay agent knows.
    pub(crate) fn answer(
        &mut self,
        now: Instant,
        payload: &[u8],
        others: &[Ipv4Addr],
        chance: &mut Chance,
    ) -> Option<Vec<u8>> {
        if payload.first() == Some(&RELAYFORWARD) {
            let relayed = Encapsulated::parse(payload)?;
            let plain = self.reply(now, relayed.message, others, None, chance)?;
            return relayed.reply(&plain).ok();
        }
        let message = Message::parse(payload).ok()?;
        let agent = message.option(code::RELAY_AGENT)?.into_owned();
        self.reply(now, payload, others, Some(&agent), chance)
    }

    fn reply(
        &mut self,
        now: Instant,
        payload: &[u8],
        others: &[Ipv4Addr],
        agent: Option<&[u8]>,
        chance: &mut Chance,
    ) -> Option<Vec<u8>> {
        let query = Message::parse(payload).ok()?;
        let client =
            query.option(code::CLIENT_ID).map_or_else(|| query.hardware().to_vec(), |id| id.into_owned());
        let kind = query.kind()?;
        let named = query.address(code::SERVER_ID);
        let (kind, address) = match kind {
            MessageType::DISCOVER => (MessageType::OFFER, self.address_for(now, &client)),
            MessageType::REQUEST if named.is_some_and(|named| named != self.address) => {
                let named = named.unwrap();
                assert!(!others.contains(&named), "a REQUEST to {named} came to {}", self.address);
                return None;
            }
            MessageType::REQUEST => {
                let wanted = query.address(code::REQUESTED_ADDRESS).unwrap_or(query.ciaddr);
                let known = self.leases.get(&client).is_some_and(|(address, _)| *address == wanted);
                if named.is_some() && self.address_for(now, &client) == wanted || known {
                    self.leases.insert(client, (wanted, now + self.lease));
                    (MessageType::ACK, wanted)
                } else if self.habit == Habit::Dnsmasq {
                    (MessageType::NAK, Ipv4Addr::UNSPECIFIED)
                } else {
                    return None;
                }
            }
            MessageType::RELEASE | MessageType::DECLINE => {
                self.leases.remove(&client);
                return None;
            }
            _ => return None,
        };
        let mut octets = vec![BOOTREPLY];
        octets.extend(&payload[1..3]);
        octets.push(if self.habit == Habit::Kea { query.hops } else { 0 });
        octets.extend(&payload[4..16]);
        octets.extend(address.octets());
        octets.resize(24, 0);
        octets.extend(&payload[24..44]);
        octets.resize(236, 0);
        octets.extend(COOKIE);
        transit::append(&mut octets, 53, &[kind.0]);
        transit::append(&mut octets, 54, &self.address.octets());
        if kind != MessageType::NAK {
            let lease = u32::try_from(self.lease.as_secs()).unwrap();
            transit::append(&mut octets, 51, &lease.to_be_bytes());
        }
        if self.habit != Habit::Dnsmasq {
            query.option(61).iter().for_each(|id| transit::append(&mut octets, 61, id));
        }
        if let Some(agent) = agent {
            self.attach(&mut octets, payload, &query, agent, chance);
        }
        octets.push(code::END);
        if self.habit != Habit::Kea {
            octets.resize(octets.len().max(300), 0);
        }
        Some(octets)
    }

    /// The address that the client has, had, or gets next.
    fn address_for(&mut self, now: Instant, client: &[u8]) -> Ipv4Addr {
        if let Some((address, _)) = self.leases.get(client) {
            return *address;
        }
        self.given = self.given.wrapping_add(1);
        let [_, _, _, number] = self.address.octets();
        let [high, low] = self.given.to_be_bytes();
        let address = Ipv4Addr::new(10, number, high, low);
        self.leases.insert(client.to_vec(), (address, now));
        address
    }

    /// Option 82, as this server returns it.
    fn attach(
        &self,
        octets: &mut Vec<u8>,
        payload: &[u8],
        query: &Message<'_>,
        agent: &[u8],
        chance: &mut Chance,
    ) {
        let sub_options: Vec<_> = AgentInformation::parse(agent).unwrap().iter().collect();
        match self.habit {
            Habit::Forgetful => {}
            Habit::Kea => {
                let sorted: BTreeMap<u8, &[u8]> = sub_options.into_iter().collect();
                let sorted: Vec<_> = sorted.into_iter().collect();
                transit::append(octets, 82, &agent::emit(&sorted).unwrap());
            }
            Habit::Isc => {
                let mut seen = BTreeSet::new();
                let first: Vec<_> = sub_options.into_iter().filter(|(code, _)| seen.insert(*code)).collect();
                transit::append(octets, 82, &agent::emit(&first).unwrap());
            }
            Habit::Dnsmasq => {
                let limit = query.option(57).map_or(576, |value| u16::from_be_bytes([value[0], value[1]]));
                let end = payload.iter().rposition(|octet| *octet == code::END).unwrap();
                if end + agent.len() + 30 < usize::from(limit.max(576)) {
                    transit::append(octets, 82, agent);
                }
                let subnet = sub_options.iter().find(|(code, _)| *code == 5);
                subnet.iter().for_each(|(_, subnet)| transit::append(octets, 118, subnet));
            }
            Habit::Odd => {
                let (one, two) = agent.split_at(chance.below(agent.len()));
                match chance.below(4) {
                    0 => {
                        let mut first = Vec::new();
                        transit::append(&mut first, 82, agent);
                        octets.splice(240..240, first);
                    }
                    1 => {
                        transit::append(octets, 82, one);
                        transit::append(octets, 12, b"between");
                        transit::append(octets, 82, two);
                    }
                    2 => {
                        transit::append(octets, 52, &[2]);
                        transit::append(octets, 82, one);
                        let mut field = Vec::new();
                        transit::append(&mut field, 82, &two[..two.len().min(60)]);
                        octets[44..44 + field.len()].copy_from_slice(&field);
                    }
                    _ => {
                        transit::append(octets, 52, &[1]);
                        let mut field = Vec::new();
                        transit::append(&mut field, 82, &agent[..agent.len().min(120)]);
                        field.push(code::END);
                        octets[108..108 + field.len()].copy_from_slice(&field);
                    }
                }
            }
        }
    }
}
