//! What must hold whatever happens to the relay agent. Nothing here trusts what it says of itself.

use crate::world::{Arriving, GIADDR, OURS, ip};
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Effect, Notice, Port, TunnelBinding};
use dhcp4o6_protocol::role::tra::{Tra, TraSettings};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::agent::AgentInformation;
use dhcp4o6_protocol::wire::encapsulation::{Encapsulated, Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::transit::Transit;
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, BOOTREQUEST, Message, MessageType, code};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

pub(crate) struct Watch {
    settings: TraSettings,
    /// Who asked, with which transaction id and at which of our addresses, and when last.
    asked: BTreeMap<(u32, Ipv6Addr, Ipv6Addr), Instant>,
    /// As the notices have it.
    bindings: BTreeMap<Ipv4Addr, TunnelBinding>,
    /// What was lived through.
    pub(crate) reached: BTreeSet<&'static str>,
}

/// What left.
struct Sent<'a> {
    via: Port,
    source: Option<Ipv6Addr>,
    to: SocketAddrV6,
    payload: &'a [u8],
}

impl Watch {
    pub(crate) fn new(settings: &TraSettings) -> Self {
        let (asked, bindings) = (BTreeMap::new(), BTreeMap::new());
        Self { settings: settings.clone(), asked, bindings, reached: BTreeSet::new() }
    }

    pub(crate) fn restarted(&mut self) {
        self.asked.clear();
        self.bindings.clear();
    }

    /// The relay agent has handled a datagram, or its deadline.
    pub(crate) fn handled(&mut self, now: Instant, arrived: Option<&Arriving>, out: &[Effect], tra: &Tra) {
        let mut sent = Vec::new();
        let mut refused = 0;
        for effect in out {
            match effect {
                Effect::Send { via, interface: 0, source, to, payload } => {
                    sent.push(Sent { via: *via, source: *source, to: *to, payload });
                }
                Effect::Refused(reason) => {
                    refused += 1;
                    self.reached.insert(reason.name());
                }
                Effect::Notify(notice) => self.told(now, notice),
                other => panic!("{other:?}"),
            }
        }
        match arrived {
            None => assert!(sent.is_empty() && refused == 0),
            Some(arrived) => {
                assert_eq!(sent.is_empty(), refused == 1, "sent or counted, and not both");
                assert!(refused <= 1);
                if arrived.via == Port::Transport6 {
                    self.went_up(now, arrived, &sent);
                } else {
                    self.went_down(now, arrived, &sent);
                }
            }
        }
        assert!(tra.deadline().is_none_or(|deadline| deadline > now), "it does not wait");
        let bindings: Vec<_> = self.bindings.values().copied().collect();
        assert_eq!(tra.bindings().collect::<Vec<_>>(), bindings, "told something else than is so");
    }

    /// Everything goes to all servers, or to the one that it names; it is the client's, and says where that is.
    fn went_up(&mut self, now: Instant, arrived: &Arriving, sent: &[Sent<'_>]) {
        let Some(first) = sent.first() else { return };
        let from = *arrived.from.ip();
        let prefixes = &self.settings.accept_from;
        assert!(prefixes.iter().any(|prefix| prefix.contains(from)) && !OURS.map(ip).contains(&from));
        assert!(!arrived.to.is_multicast());
        let (message, encapsulated) = match arrived.payload[0] {
            BOOTREQUEST => (&arrived.payload[..], false),
            RELAYFORWARD => (Encapsulated::parse(&arrived.payload).unwrap().message, true),
            other => panic!("op {other} was relayed"),
        };
        let asked = Message::parse(message).unwrap();
        assert_eq!((asked.giaddr, asked.option(82)), (Ipv4Addr::UNSPECIFIED, None), "it was relayed before");
        let left: &[u8] = first.payload;
        let agent = if encapsulated {
            let level = Level::parse(left).unwrap();
            assert_eq!(level.message, arrived.payload);
            self.reached.insert("encapsulated-up");
            level.segment.to_vec()
        } else {
            let relayed = Message::parse(left).unwrap();
            let mut header = arrived.payload[..240].to_vec();
            header[3] += 1;
            header[24..28].copy_from_slice(&GIADDR.octets());
            assert_eq!(left[..240], header);
            let agent = relayed.option(code::RELAY_AGENT).unwrap();
            let others: Vec<_> = relayed.options().filter(|(code, _)| *code != code::RELAY_AGENT).collect();
            assert_eq!(others, asked.options().collect::<Vec<_>>(), "the client said something else");
            // The last one of the options field, and End.
            let end = Transit::parse(left).unwrap().len();
            assert_eq!(
                left[end - agent.len() - 2..end - agent.len()],
                [82, u8::try_from(agent.len()).unwrap()]
            );
            assert_eq!((&left[end - agent.len()..end], left[end]), (&agent[..], code::END));
            assert!(left.len() >= 300 && left.len() <= 1472);
            self.reached.insert("up");
            agent.into_owned()
        };
        let agent = AgentInformation::parse(&agent).unwrap();
        assert_eq!(agent.cra6addr(self.settings.cra6addr), Ok(from), "it says that the client is elsewhere");
        let one = asked.address(code::SERVER_ID).filter(|named| {
            let kind = asked.kind();
            let names = [MessageType::REQUEST, MessageType::DECLINE, MessageType::RELEASE];
            kind.is_some_and(|kind| names.contains(&kind)) && self.settings.servers.contains(named)
        });
        let expected = one.map_or(self.settings.servers.clone(), |one| vec![one]);
        let to: Vec<_> = sent.iter().map(|copy| copy.to.ip().to_ipv4_mapped().unwrap()).collect();
        assert_eq!(to, expected);
        assert!(sent.iter().all(|copy| copy.payload == left && copy.to.port() == 67));
        assert!(sent.iter().all(|copy| matches!(copy.via, Port::Upstream4(ours) if *ours.ip() == GIADDR)));
        if self.asked.len() > 5000 {
            self.asked.retain(|_, at| now.since(*at) <= Duration::from_secs(120));
        }
        self.asked.insert((asked.xid.0, from, arrived.to), now);
    }

    /// At most one answer for each that came, to who has asked, from where it was asked, and without what was added.
    fn went_down(&mut self, now: Instant, arrived: &Arriving, sent: &[Sent<'_>]) {
        assert!(sent.len() <= 1, "one answer made several");
        let Some(sent) = sent.first() else { return };
        let from = arrived.from.ip().to_ipv4_mapped().unwrap();
        assert!(self.settings.servers.contains(&from), "a stranger's answer");
        let to = *sent.to.ip();
        assert_eq!((sent.via, sent.to.port()), (Port::Transport6, 67));
        let message = match sent.payload[0] {
            BOOTREPLY => sent.payload,
            RELAYREPLY => Encapsulated::parse(sent.payload).unwrap().message,
            other => panic!("op {other} was sent to a client relay agent"),
        };
        let answer = Message::parse(message).unwrap();
        assert!(!Transit::parse(message).unwrap().may_have(82), "no client relay agent takes this");
        assert!(sent.payload.len() <= arrived.payload.len() + 64);
        if self.settings.match_requests {
            let source = sent.source.expect("the address that was asked");
            let at = self.asked.get(&(answer.xid.0, to, source));
            assert!(
                at.is_some_and(|at| now.since(*at) <= Duration::from_secs(120)),
                "{to} did not ask {source}"
            );
        } else {
            assert!(self.settings.accept_from.iter().any(|prefix| prefix.contains(to)));
            assert!(!OURS.map(ip).contains(&to));
        }
        self.reached.insert(match answer.kind() {
            Some(MessageType::OFFER) => "offer",
            Some(MessageType::ACK) => "ack",
            Some(MessageType::NAK) => "nak",
            _ => "other",
        });
        if arrived.payload[0] == RELAYREPLY {
            self.reached.insert("encapsulated-down");
        }
    }

    /// An operator was told something.
    fn told(&mut self, now: Instant, notice: &Notice) {
        self.reached.insert(notice.word());
        match notice {
            Notice::BindingAdded(binding) => {
                assert!(binding.until.is_none_or(|until| until > now));
                let before = self.bindings.insert(binding.address, *binding);
                assert!(
                    before.is_none_or(|before| before.agent == binding.agent),
                    "it moved without leaving"
                );
            }
            Notice::BindingRemoved(binding) => {
                assert_eq!(self.bindings.remove(&binding.address), Some(*binding), "it was not there");
            }
            Notice::NoAgentInformation(server) => assert!(self.settings.servers.contains(server)),
            other => panic!("{other:?}"),
        }
        assert!(self.settings.snoop || matches!(notice, Notice::NoAgentInformation(_)));
    }
}
