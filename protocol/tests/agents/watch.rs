//! What must hold whatever happens to the agent. Nothing here trusts what it says of itself.

use crate::world::Asked;
use dhcp4o6_protocol::params::ANSWER_WAIT;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::hcra::AGENT;
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::encapsulation::{Level, RELAYFORWARD, RELAYREPLY};
use dhcp4o6_protocol::wire::frame::{Content, EVERYBODY, Frame, Mac};
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, BOOTREQUEST, Message, code};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, Ipv6Addr};

/// What the agent made of one thing that it heard.
#[derive(Default)]
pub(crate) struct Done {
    pub(crate) sent: Vec<(Ipv6Addr, Vec<u8>)>,
    pub(crate) frames: Vec<Vec<u8>>,
    pub(crate) refused: Option<Refused>,
    pub(crate) notice: Option<&'static str>,
}

#[derive(Default)]
pub(crate) struct Watch {
    /// Transaction ids that were relayed, by which stations, and when last.
    asked: BTreeMap<u32, (BTreeSet<Mac>, Instant)>,
    /// What was lived through.
    pub(crate) reached: BTreeSet<&'static str>,
}

impl Watch {
    pub(crate) fn restarted(&mut self) {
        self.asked.clear();
    }

    fn done(&mut self, done: &Done) {
        self.reached.extend(done.refused.map(|refused| refused.name()));
        self.reached.extend(done.notice);
        let acted = !done.sent.is_empty() || !done.frames.is_empty();
        assert!(!(acted && done.refused.is_some()), "refused, and done all the same");
    }

    /// Every server gets what a client said, with one hop more, and nothing else.
    pub(crate) fn heard_frame(
        &mut self,
        now: Instant,
        octets: &[u8],
        done: &Done,
        servers: &[Ipv6Addr],
        own: Mac,
    ) {
        self.done(done);
        assert!(done.frames.is_empty(), "DHCPv4 of clients is not for clients");
        let Some((_, payload)) = done.sent.first() else { return };
        let frame = Frame::parse(octets, false).expect("only what is well formed is relayed");
        let Content::Dhcp(datagram) = frame.content else { panic!("only DHCP is relayed") };
        assert_eq!(datagram.destination.port(), 67);
        // A device with two ends sends nothing back.
        assert!(frame.from != own || own == AGENT, "a frame of its own");
        assert!(frame.from[0] & 1 == 0, "from {:?}", frame.from);
        assert!(frame.to == own || frame.to[0] & 1 == 1, "it was for somebody else");
        let to: Vec<_> = done.sent.iter().map(|(to, _)| *to).collect();
        assert_eq!(to, servers, "each server once");
        assert!(done.sent.iter().all(|(_, other)| other == payload));
        let asked = Message::parse(datagram.payload).expect("only what is well formed is relayed");
        assert_eq!((asked.op, asked.giaddr), (BOOTREQUEST, Ipv4Addr::UNSPECIFIED));
        assert_eq!(asked.option(code::RELAY_AGENT), None, "a client has no option 82");
        assert!(asked.hops <= 4, "too many hops");
        if payload.first() == Some(&RELAYFORWARD) {
            let level = Level::parse(payload).unwrap();
            assert_eq!((level.message, level.hops), (datagram.payload, asked.hops + 1));
            self.reached.insert("encapsulated-up");
        } else {
            let mut expected = datagram.payload.to_vec();
            expected[3] += 1;
            assert_eq!(*payload, expected, "more than hops was changed");
            self.reached.insert("up");
        }
        self.asked.retain(|_, (_, at)| now.since(*at) <= ANSWER_WAIT);
        let (stations, at) = self.asked.entry(asked.xid.0).or_insert_with(|| (BTreeSet::new(), now));
        stations.insert(frame.from);
        stations.extend(Mac::try_from(asked.hardware()).ok());
        *at = now;
    }

    /// Who asked gets the answer, as it is, and nobody else but in a broadcast.
    pub(crate) fn heard_answer(
        &mut self,
        now: Instant,
        answer: &Asked,
        done: &Done,
        servers: &[Ipv6Addr],
        (own6, own): (Ipv6Addr, Mac),
        encapsulation: Encapsulation,
    ) {
        self.done(done);
        assert!(done.sent.is_empty(), "answers do not go up");
        let Some(octets) = done.frames.first() else {
            assert!(done.refused.is_some(), "neither delivered nor counted");
            return;
        };
        assert_eq!(done.frames.len(), 1);
        assert!(servers.contains(&answer.from), "{} is no server", answer.from);
        assert_eq!(answer.to, own6);
        let frame = Frame::parse(octets, false).expect("what is sent is well formed");
        let Content::Dhcp(datagram) = frame.content else { panic!("only DHCP is delivered") };
        assert_eq!((frame.from, datagram.source.port(), datagram.destination.port()), (own, 67, 68));
        let inside = if answer.payload.first() == Some(&RELAYREPLY) {
            assert_eq!(encapsulation, Encapsulation::Private);
            self.reached.insert("encapsulated-down");
            Level::parse(&answer.payload).unwrap().message
        } else {
            &answer.payload
        };
        assert_eq!(datagram.payload, inside, "an answer is delivered as it is");
        let reply = Message::parse(inside).expect("only what is well formed is delivered");
        assert_eq!((reply.op, reply.option(code::RELAY_AGENT)), (BOOTREPLY, None));
        let (stations, at) = self.asked.get(&reply.xid.0).expect("nobody asked");
        assert!(now.since(*at) <= ANSWER_WAIT, "too late");
        // On a host the transaction id tells enough: nobody else hears what is sent there.
        let asked = frame.to == EVERYBODY || own == AGENT || stations.contains(&frame.to);
        assert!(asked, "{:?} did not ask", frame.to);
        self.reached.insert(if frame.to == EVERYBODY { "broadcast" } else { "alone" });
    }
}
