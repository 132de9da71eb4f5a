//! Arbitrary octets into the server, for fuzzers and for the plain tests that stand in for them.

use crate::desk::*;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::params::MAX_PAYLOAD;
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::provider::{Effect, Input};
use dhcp4o6_protocol::role::back::Back;
use dhcp4o6_protocol::role::server::{EngineSettings, Server, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::settings::{Encapsulation, Profile};
use dhcp4o6_protocol::view::After;
use dhcp4o6_protocol::wire::encapsulation::{Level, RELAYFORWARD};
use dhcp4o6_protocol::wire::o6::CodePoints;
use dhcp4o6_protocol::wire::v4::{MessageType, code};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// Longest history: what is beyond is not read.
const MAX_OCTETS: usize = 8192;

/// A server that has few addresses, and gives them at once to who wants that.
fn crowded() -> ServerSettings {
    let mut settings = settings_at_67();
    if let Some(tsv) = &mut settings.tsv {
        tsv.encapsulation = Encapsulation::Private;
    }
    settings.profile = Profile::Dual;
    settings.dhcp6 = Some(stateless());
    settings.rates.per_source = 0;
    let mut few = subnet("192.0.2.0/24", [192, 0, 2, 18], [192, 0, 2, 21]);
    few.options = vec![(code::ROUTER, vec![192, 0, 2, 1]), (code::DOMAIN_NAME, vec![b'x'; 200])];
    let mut four = engine4(vec![few]);
    four.rapid_commit = true;
    four.limits.offered_percent = 100;
    settings.engine = EngineSettings::Builtin(four);
    settings
}

/// By which way a message comes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    /// Port 547, directly or through a relay agent.
    Dhcp6,
    /// A client relay agent.
    Agent,
    /// The same with a relay segment around it.
    Encapsulated,
    /// A TRA.
    Tra,
    /// IPv4, from an address that may be leased.
    Own,
    /// IPv4 broadcast.
    Link,
}

impl Way {
    fn of(octet: u8) -> Self {
        let all = [Self::Dhcp6, Self::Agent, Self::Encapsulated, Self::Tra, Self::Own, Self::Link];
        all[usize::from(octet) % all.len()]
    }

    /// The message as it comes this way, in good form.
    fn around(self, kind: u8, client: u8, message: &Message) -> Vec<u8> {
        let agent = address(&format!("2001:db8:1:{:x}::18", client % 4)).octets();
        let segment = [&[46, 16][..], &agent].concat();
        match self {
            Self::Dhcp6 => query(kind & 0x80, &message.emit()),
            Self::Agent | Self::Own | Self::Link => message.emit(),
            Self::Encapsulated => {
                let message = message.emit();
                Level { op: RELAYFORWARD, hops: 1, segment: &[1, 1, client], message: &message }
                    .emit()
                    .unwrap()
            }
            Self::Tra => {
                let mut octets = message.clone().with(code::RELAY_AGENT, &segment).emit();
                octets[24..28].copy_from_slice(&TRA);
                octets
            }
        }
    }
}

/// A message in good form, to begin with.
fn honest(kind: u8, client: u8) -> Message {
    let address = Ipv4Addr::new(192, 0, 2, 18 + client % 5);
    let by = |message: Message| message.by(u32::from(client % 8));
    let to_us = |kind| Message::of(kind).at(address).with(code::SERVER_ID, &[198, 51, 100, 1]);
    let message = match kind % 8 {
        0 => discover().with(code::RAPID_COMMIT, &[]),
        1 => selecting(address),
        2 => renewing(address),
        3 => Message::of(MessageType::REQUEST).with(code::REQUESTED_ADDRESS, &address.octets()),
        4 => to_us(MessageType::RELEASE),
        5 => Message::of(MessageType::DECLINE)
            .with(code::REQUESTED_ADDRESS, &address.octets())
            .with(code::SERVER_ID, &[198, 51, 100, 1]),
        6 => Message::of(MessageType::INFORM).at(address),
        _ => discover(),
    };
    by(message)
}

/// One datagram after the other. Each begins with four octets: what it is made of, by whom, how much is changed and by
/// which way it comes, and how long it takes until the next. Then the journal is read again, and must say the same.
pub(crate) fn server_query(octets: &[u8]) {
    let mut desk = Desk::new(crowded());
    let mut rest = &octets[..octets.len().min(MAX_OCTETS)];
    let mut records = Vec::new();
    while let Some((&[what, who, changes, pause], after)) = rest.split_first_chunk::<4>() {
        rest = after;
        let way = Way::of(changes >> 3 & 0xf);
        let mut payload = if what < 0xc0 {
            way.around(what, who, &honest(what, who))
        } else {
            let (own, after) = rest.split_at(rest.len().min(usize::from(who) * 2));
            rest = after;
            own.to_vec()
        };
        for _ in 0..changes % 8 {
            let Some((&[high, low, value], after)) = rest.split_first_chunk::<3>() else { break };
            rest = after;
            let place = usize::from(u16::from_be_bytes([high, low])) % payload.len().max(1);
            match value {
                0xfe => payload.truncate(place),
                0xfd => payload.insert(place.min(payload.len()), 0),
                _ => {
                    if let Some(octet) = payload.get_mut(place) {
                        *octet = value;
                    }
                }
            }
        }
        let from = format!("fe80::{:x}", 1 + who % 8);
        let own = [192, 0, 2, 18 + who % 5];
        let effects = match way {
            Way::Dhcp6 if changes & 0x80 == 0 => desk.effects(LAN, &from, GROUP, &payload),
            Way::Dhcp6 if payload.len() < MAX_PAYLOAD - 100 => {
                let once = relayed(0, "2001:db8:5::1", &from, Some(&[who]), &payload);
                desk.effects(LAN, "2001:db8:7::1", ANYCAST, &once)
            }
            Way::Dhcp6 => Vec::new(),
            Way::Agent | Way::Encapsulated => {
                desk.by_ipv6(&format!("2001:db8:1:{:x}::18", who % 4), &payload)
            }
            Way::Tra => desk.by_ipv4(NOT_SERVED, (TRA, u16::from(pause)), SERVER4, &payload),
            Way::Own => desk.by_ipv4(NOT_SERVED, (own, 68), SERVER_ID, &payload),
            Way::Link => desk.by_ipv4(LAN, ([0; 4], 68), [255; 4], &payload),
        };
        for effect in effects {
            match effect {
                Effect::Journal(record) => records.push(record),
                Effect::Send { payload, .. } => assert!(payload.len() <= 4096, "{}", payload.len()),
                Effect::Frame { .. } => panic!("a server sends no frames"),
                Effect::Notify(_) | Effect::Refused(_) => {}
            }
        }
        desk.wait(Duration::from_millis(u64::from(pause).pow(2)));
    }
    let mut again = Server::new(crowded(), duid(), [7; 16], [2; 32]);
    records.iter().for_each(|record| again.load(record));
    let mut out = Vec::new();
    again.handle(desk.now, Input::Interfaces(&interfaces()), &mut out);
    desk.input(Input::Deadline);
    assert_eq!(again.leases(After::Start, 1000), desk.server.leases(After::Start, 1000));
    assert_eq!(out, []);
}

/// A way back: whatever can be read can be written again, no longer, and answers by it.
pub(crate) fn back(octets: &[u8]) {
    let Some(way) = Back::decode(octets) else { return };
    let again = way.encode().expect("it was read");
    assert!(again.len() <= octets.len());
    assert_eq!(Back::decode(&again).as_ref(), Some(&way));
    assert!(!way.to.is_multicast() && !way.to.is_unspecified());
    let told = Softwire {
        br: vec![Ipv6Addr::LOCALHOST; Softwire::MAX_BORDER_RELAYS],
        bind_prefix: Some(Prefix6::of(Ipv6Addr::LOCALHOST, 128)),
    };
    let response = way.response(CodePoints::RFC7341, &[0; 300], &told).expect("far below the limit");
    assert!(response.len() <= 308 + 9 * (38 + 4 + 255 + 6));
}
