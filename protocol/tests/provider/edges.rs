//! Copies of one message by several ways, what is believed of whom, and other edges.

use crate::desk::*;
use dhcp4o6_protocol::binding::{Binding4, ClientKey, Origin, Record, Slot4, State, Transport};
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::prefix::Prefix4;
use dhcp4o6_protocol::provider::{Effect, Input, Notice};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::external;
use dhcp4o6_protocol::role::server::{EngineSettings, Server, ServerSettings};
use dhcp4o6_protocol::server4::settings::{Serves, Settings};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::{After, Lease};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v4::{MessageType, code};
use std::net::Ipv4Addr;
use std::time::Duration;

const AGENT: &str = "2001:db8:7::1";

fn engine(settings: &mut ServerSettings) -> &mut Settings {
    match &mut settings.engine {
        EngineSettings::Builtin(four) => four,
        EngineSettings::External(_) => unreachable!(),
    }
}

/// A way by which a copy of a message can come: the client's address, and the relay agent between, if there is one.
struct Copy {
    agent: Option<Agent>,
    client: &'static str,
}

/// What a relay agent says of the link: link-address and interface-id.
type Agent = (&'static str, Option<&'static [u8]>);

const fn behind(link_address: &'static str, interface_id: Option<&'static [u8]>) -> Copy {
    Copy { agent: Some((link_address, interface_id)), client: CLIENT }
}

/// The first two are relay agents of one link that say no more than that.
const WAYS: [Copy; 6] = [
    behind("2001:db8:5::1", None),
    behind("2001:db8:5::2", None),
    behind("2001:db8:5::1", Some(b"lan0")),
    behind("::", Some(b"br-lan")),
    Copy { agent: None, client: CLIENT },
    Copy { agent: None, client: "2001:db8:9::9" },
];

/// What comes back of a message that came by one of [`WAYS`].
fn by(desk: &mut Desk, way: usize, message: &Message) -> Result<Vec<u8>, Refused> {
    let Copy { agent, client } = WAYS[way];
    let query = query(0, &message.emit());
    let effects = match agent {
        Some((link, id)) => desk.effects(LAN, AGENT, ANYCAST, &relayed(0, link, client, id, &query)),
        None => desk.effects(LAN, client, ANYCAST, &query),
    };
    if let Some(reason) = refused(&effects) {
        return Err(reason);
    }
    let payload = sent(&effects).payload;
    Ok(match agent {
        Some(_) => dhcpv4(Relayed::parse(&payload).unwrap().message),
        None => dhcpv4(&payload),
    })
}

fn leases(desk: &Desk) -> Vec<Binding4> {
    let four = |lease| match lease {
        Lease::V4(binding) => Some(binding),
        Lease::V6(_) => None,
    };
    desk.server.leases(After::Start, 100).into_iter().filter_map(four).collect()
}

#[test]
fn copies_of_a_message_by_several_ways_have_one_outcome_s46_14() {
    for first in 0..WAYS.len() {
        for second in 0..WAYS.len() {
            let mut desk = Desk::new(settings());
            let mut offered = |way| given(&by(&mut desk, way, &discover()).unwrap());
            let (one, other) = (offered(first), offered(second));
            assert_eq!(one, other, "{first} and {second}");
            let address = one.1;
            // In the other order.
            let answers = [second, first].map(|way| by(&mut desk, way, &selecting(address)));
            let kinds: Vec<_> = answers.iter().flatten().map(|answer| given(answer).0).collect();
            assert!(kinds.contains(&MessageType::ACK), "{first} and {second}: {answers:?}");
            assert!(!kinds.contains(&MessageType::NAK), "{first} and {second}");
            assert_eq!(leases(&desk).len(), 1, "{first} and {second}");
        }
    }
}

#[test]
fn two_relay_agents_of_one_link_can_both_bring_a_renewal_and_a_reboot_s46_14() {
    let mut desk = Desk::new(settings());
    let address = given(&by(&mut desk, 0, &discover()).unwrap()).1;
    for way in [0, 1] {
        assert_eq!(given(&by(&mut desk, way, &selecting(address)).unwrap()).0, MessageType::ACK);
        desk.wait(Duration::from_secs(60));
        assert_eq!(given(&by(&mut desk, way, &renewing(address)).unwrap()).0, MessageType::ACK);
        let reboot = Message::of(MessageType::REQUEST).with(code::REQUESTED_ADDRESS, &address.octets());
        assert_eq!(given(&by(&mut desk, way, &reboot).unwrap()).0, MessageType::ACK);
    }
}

/// A name can be copied. Whoever has it gets what it names, as one that moved would, and nothing is given back or
/// declined for it from where it is not.
#[test]
fn a_copied_client_identifier_gets_no_second_lease_and_ends_none_s46_32() {
    let mut desk = Desk::new(settings());
    let address = given(&by(&mut desk, 0, &discover()).unwrap()).1;
    assert_eq!(given(&by(&mut desk, 0, &selecting(address)).unwrap()).0, MessageType::ACK);
    let far = 5;
    let release = Message::of(MessageType::RELEASE).at(address).with(code::SERVER_ID, &[198, 51, 100, 1]);
    let mut decline = selecting(address);
    decline.kind = Some(MessageType::DECLINE);
    for message in [release, decline] {
        assert_eq!(by(&mut desk, far, &message), Err(Refused::NotOwner));
    }
    let renewal = query_with(&[20, 0x80, 0, 0], &[(87, &renewing(address).emit())]);
    assert_eq!(desk.refused(LAN, "2001:db8:9::9", ANYCAST, &renewal), Refused::NotOwner);
    let mut stranger = discover();
    stranger.xid = 7;
    assert_eq!(given(&by(&mut desk, far, &stranger).unwrap()).1, address);
    assert_eq!(leases(&desk).len(), 1);
    assert_eq!(leases(&desk)[0].state, State::Bound);
}

#[test]
fn link_selection_of_the_message_itself_is_followed_where_it_is_believed_s46_12() {
    let mut believing = settings();
    let four = engine(&mut believing);
    four.trust_inner_giaddr = true;
    let mut other = subnet("10.9.0.0/24", [10, 9, 0, 10], [10, 9, 0, 20]);
    other.serves = Serves { interfaces: vec!["nowhere".to_owned()], ..Serves::default() };
    four.subnets.push(other);
    let message = discover().with(code::RELAY_AGENT, &[5, 4, 10, 9, 0, 0]);
    let mut desk = Desk::new(believing.clone());
    let (kind, address, _) = given(&desk.ask(&message));
    assert_eq!((kind, address.octets()[..3].to_vec()), (MessageType::OFFER, vec![10, 9, 0]));
    engine(&mut believing).trust_inner_giaddr = false;
    let mut desk = Desk::new(believing);
    let query = query(0, &message.emit());
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &query), Refused::Option82FromClient);
}

#[test]
fn a_peer_that_nobody_can_be_gets_no_answer_and_no_lease() {
    let mut desk = Desk::new(settings());
    let asked = query(0, &discover().emit());
    for peer in ["::", "::1", "ff02::1", "ff0e::1", "::ffff:192.0.2.1"] {
        let one = relayed(0, "2001:db8:5::1", peer, None, &asked);
        assert_eq!(desk.refused(LAN, AGENT, ANYCAST, &one), Refused::BadPeer, "{peer}");
        let good = relayed(0, "2001:db8:5::1", CLIENT, None, &asked);
        let two = relayed(1, "2001:db8:5::1", peer, None, &good);
        assert_eq!(desk.refused(LAN, AGENT, ANYCAST, &two), Refused::BadPeer, "{peer}");
    }
}

#[test]
fn an_operator_hears_who_asks_from_where_nothing_is_taken() {
    let mut desk = Desk::new(settings());
    let asked = query(0, &discover().emit());
    let effects = desk.effects(LAN, "2001:db9::1", ANYCAST, &asked);
    let heard = Effect::Notify(Notice::SourceRefused(address("2001:db9::1")));
    assert_eq!(effects, [heard, Effect::Refused(Refused::SourceRefused)]);
}

#[test]
fn the_router_of_a_subnet_is_leased_to_nobody_s46_39() {
    let mut small = settings();
    let four = engine(&mut small);
    four.limits.known_percent = 0;
    four.subnets = vec![subnet("192.0.2.0/24", [192, 0, 2, 1], [192, 0, 2, 3])];
    four.subnets[0].options = vec![(code::ROUTER, vec![192, 0, 2, 2])];
    let mut desk = Desk::new(small.clone());
    let mut lease = |client: u32| {
        let from = format!("fe80::{client}");
        let mut ask = |message: Message| {
            let effects = desk.effects(LAN, &from, GROUP, &query(0, &message.by(client).emit()));
            refused(&effects).map_or_else(|| Ok(given(&dhcpv4(&sent(&effects).payload)).1), Err)
        };
        ask(discover()).and_then(|offered| ask(selecting(offered)))
    };
    let leased: std::collections::BTreeSet<_> = [1, 2].map(|client| lease(client).unwrap()).into();
    assert_eq!(leased, [1, 3].map(|last| Ipv4Addr::new(192, 0, 2, last)).into());
    assert_eq!(lease(3), Err(Refused::PoolEmpty));
    // Another router, and the address is free for clients.
    engine(&mut small).subnets[0].options[0].1 = vec![192, 0, 2, 254];
    let now = desk.now;
    desk.server.configure(now, small, &mut Vec::new());
    assert_eq!(desk.server.pools(now)[0].size, 3);
}

fn behind_others() -> EngineSettings {
    EngineSettings::External(external::Settings {
        servers: vec![Ipv4Addr::new(10, 0, 0, 1)],
        giaddr: Ipv4Addr::new(192, 0, 2, 1),
        links: vec![external::LinkSelection {
            serves: Serves::default(),
            prefix: "192.0.2.0/24".parse::<Prefix4>().unwrap(),
        }],
        sub_option: external::Settings::SUB_OPTION,
    })
}

/// Whoever tries the external engine and goes back finds all leases as they were.
#[test]
fn leases_outlive_a_start_with_the_external_engine() {
    let builtin = settings();
    let mut away = settings();
    away.engine = behind_others();
    let now = Instant::from_secs(1000);
    let held = Binding4 {
        slot: Slot4 { address: Ipv4Addr::new(192, 0, 2, 18), ports: None },
        client: ClientKey::Id(b"somebody".to_vec()),
        state: State::Bound,
        changed_at: now,
        expires_at: Some(now + Duration::from_secs(3600)),
        origin: Origin::Network(1),
        source: address("2001:db8::1"),
        transport: Transport::Dhcp6,
        host_name: Vec::new(),
        softwire: None,
    };
    let mut server = Server::new(away, duid(), [7; 16], [1; 32]);
    server.load(&Record::Lease4(held.clone()));
    let mut out: Vec<Effect> = Vec::new();
    server.handle(now, Input::Interfaces(&interfaces()), &mut out);
    assert_eq!(server.leases(After::Start, 10), [Lease::V4(held.clone())]);
    server.configure(now, builtin, &mut out);
    assert_eq!(server.leases(After::Start, 10), [Lease::V4(held)]);
    assert_eq!(server.pools(now)[0].leased, 1);
}

#[test]
fn an_answer_is_never_larger_than_the_client_takes_whatever_it_sends_s46_37() {
    let mut wordy = settings();
    let four = engine(&mut wordy);
    four.subnet_selection = true;
    four.options = (224..=240).map(|code| (code, vec![code; 20])).collect();
    let mut desk = Desk::new(wordy);
    for length in [2, 100, 200, 240, 255] {
        let mut message = discover()
            .with(code::MAX_MESSAGE_SIZE, &576_u16.to_be_bytes())
            .with(code::SUBNET_SELECTION, &[192, 0, 2, 0]);
        message.client_id = Some(vec![9; length]);
        let (_, offered, _) = given(&desk.ask(&message));
        let mut request = selecting(offered)
            .with(code::MAX_MESSAGE_SIZE, &576_u16.to_be_bytes())
            .with(code::SUBNET_SELECTION, &[192, 0, 2, 0])
            .with(code::S46_SOURCE, &address(&format!("2001:db8:a::{length}")).octets());
        request.client_id = message.client_id.clone();
        let answer = desk.ask(&request);
        assert_eq!(given(&answer).0, MessageType::ACK);
        assert!(answer.len() <= 548, "{} octets with an identifier of {length}", answer.len());
        desk.wait(Duration::from_secs(4000));
    }
}

#[test]
fn a_client_takes_its_end_of_the_softwire_along_to_another_address_s46_47() {
    let mut desk = Desk::new(settings());
    let end = address("2001:db8:a::1").octets();
    let first = given(&desk.ask(&discover())).1;
    assert_eq!(given(&desk.ask(&selecting(first).with(code::S46_SOURCE, &end))).0, MessageType::ACK);
    // From now on another address is kept for it.
    let second = Ipv4Addr::new(192, 0, 2, 7);
    let holder = dhcp4o6_protocol::binding::Holder::ClientId(octets(CLIENT_ID));
    let now = desk.now;
    let mut out = Vec::new();
    desk.server.reserve(now, second, holder, &mut out).unwrap();
    desk.wait(Duration::from_secs(100));
    assert_eq!(given(&desk.ask(&discover())).1, second);
    let answer = desk.ask(&selecting(second).with(code::S46_SOURCE, &end));
    assert_eq!(given(&answer).0, MessageType::ACK);
}
