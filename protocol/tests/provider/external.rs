//! DHCPv4 servers behind the role: what reaches them, and that their answers find the client.

use crate::desk::*;
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Notice, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::external;
use dhcp4o6_protocol::role::server::{EngineSettings, Server, ServerSettings};
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::time::Duration;

const GIADDR: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);
const BEHIND: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);

fn front() -> ServerSettings {
    let mut settings = settings();
    settings.engine = EngineSettings::External(external::Settings {
        servers: vec![BEHIND],
        giaddr: GIADDR,
        links: Vec::new(),
        sub_option: external::Settings::SUB_OPTION,
    });
    settings
}

/// The one datagram to the DHCPv4 server.
#[track_caller]
fn forwarded(effects: &[Effect]) -> Vec<u8> {
    let [Effect::Send { via: Port::Upstream4(_), interface: 0, to, payload, .. }] = effects else {
        panic!("not handed over: {effects:?}")
    };
    assert_eq!(*to, SocketAddrV6::new(BEHIND.to_ipv6_mapped(), 67, 0, 0));
    payload.clone()
}

/// What a DHCPv4 server makes of it: it gives everybody the address that ends like the hardware address.
fn answer(octets: &[u8]) -> Vec<u8> {
    let asked = v4::Message::parse(octets).unwrap();
    let kind = match asked.kind().unwrap() {
        MessageType::DISCOVER => MessageType::OFFER,
        _ => MessageType::ACK,
    };
    let mut options = vec![
        (code::MESSAGE_TYPE, vec![kind.0]),
        (code::SERVER_ID, BEHIND.octets().to_vec()),
        (code::LEASE_TIME, vec![0, 0, 14, 16]),
    ];
    let returned = [code::CLIENT_ID, code::RELAY_AGENT];
    options.extend(returned.iter().filter_map(|code| Some((*code, asked.option(*code)?.into_owned()))));
    v4::Outgoing {
        op: v4::BOOTREPLY,
        htype: 1,
        hardware: asked.hardware().to_vec(),
        xid: Xid4(asked.xid.0),
        secs: 0,
        flags: asked.flags,
        ciaddr: asked.ciaddr,
        yiaddr: Ipv4Addr::new(198, 51, 100, asked.hardware()[5]),
        giaddr: asked.giaddr,
        options,
    }
    .emit()
    .unwrap()
}

fn from_behind(payload: &[u8]) -> Input<'_> {
    Input::Datagram(Datagram {
        via: Port::Upstream4(std::net::SocketAddrV4::new(GIADDR, 67)),
        interface: 7,
        from: SocketAddrV6::new(BEHIND.to_ipv6_mapped(), 67, 0, 0),
        to: GIADDR.to_ipv6_mapped(),
        payload,
    })
}

#[test]
fn two_customers_behind_one_relay_agent_each_get_their_own_answer() {
    let mut desk = Desk::new(front());
    assert_eq!(desk.server.ports(), [Port::Dhcp6, Port::Upstream4(std::net::SocketAddrV4::new(GIADDR, 67))]);
    let mut waiting = Vec::new();
    for client in [1_u32, 2] {
        let payload = query(0, &discover().by(client).emit());
        let peer = format!("fe80::{client}");
        let once = relayed(0, "2001:db8:5::1", &peer, Some(b"dsl-1"), &payload);
        let twice = relayed(1, "::", "2001:db8:6::1", None, &once);
        waiting.push(answer(&forwarded(&desk.effects(LAN, "2001:db8:7::1", ANYCAST, &twice))));
    }
    // The second comes first, and by a front that was restarted in between.
    desk.server = Server::new(front(), duid(), [7; 16], [2; 32]);
    desk.input(Input::Interfaces(&interfaces()));
    for client in [2_u8, 1] {
        let sent = sent(&desk.input(from_behind(&waiting[usize::from(client) - 1])));
        assert_eq!((sent.interface, sent.source), (0, Some(address(ANYCAST))));
        assert_eq!(sent.to, "[2001:db8:7::1]:547".parse().unwrap());
        let back = Relayed::parse(&sent.payload).unwrap();
        assert_eq!(back.levels[1].peer_address, format!("fe80::{client}").parse::<Ipv6Addr>().unwrap());
        assert_eq!(back.levels[1].interface_id(), Some(&b"dsl-1"[..]));
        let offer = dhcpv4(back.message);
        assert_eq!(given(&offer).1, Ipv4Addr::new(198, 51, 100, client));
        assert_eq!(v4::Message::parse(&offer).unwrap().option(code::RELAY_AGENT), None);
    }
    assert_eq!(desk.server.tally().of(Done::Downstream), 2);
}

#[test]
fn what_a_query_requests_beside_its_message_is_known_when_the_answer_comes_s46_46() {
    let mut settings = front();
    settings.softwire.br = vec![address("2001:db8::1")];
    let mut desk = Desk::new(settings);
    let message = discover().emit();
    let plain = query(0, &message);
    let asked = query_with(&[20, 0, 0, 0], &[(6, &octets("0089 005a")), (87, &message)]);
    let payloads = [plain, asked].map(|query| {
        let answer = answer(&forwarded(&desk.effects(LAN, CLIENT, GROUP, &query)));
        sent(&desk.input(from_behind(&answer))).payload
    });
    let [plain, asked] = payloads;
    dhcpv4(&plain);
    let told = octets("005a 0010 20010db8000000000000000000000001");
    assert_eq!(asked, [plain, told].concat());
}

#[test]
fn an_answer_to_what_another_front_was_asked_leaves_from_an_address_of_this_one() {
    let mut desk = Desk::new(front());
    let payload = relayed(0, "::", "fe80::1", Some(b"dsl-1"), &query(0, &discover().emit()));
    for (asked_at, source) in [(ANYCAST, None), (ROUTABLE, Some(address(ROUTABLE)))] {
        let answer = answer(&forwarded(&desk.effects(LAN, "2001:db8:7::1", asked_at, &payload)));
        let mut elsewhere = front();
        elsewhere.addresses = vec![address("2001:db8:100::2")];
        let mut other = Desk::new(elsewhere);
        let sent = sent(&other.input(from_behind(&answer)));
        assert_eq!((sent.interface, sent.source), (0, source));
        assert_eq!(sent.to, "[2001:db8:7::1]:547".parse().unwrap());
    }
}

#[test]
fn a_direct_client_is_answered_by_its_link_in_its_profile() {
    let mut both = front();
    both.profile = dhcp4o6_protocol::settings::Profile::Dual;
    let mut desk = Desk::new(both);
    let old = query_with(&[245, 1, 2, 3], &[(54321, &discover().emit())]);
    for (payload, header) in [(query(0x80, &discover().emit()), [21, 0, 0, 0]), (old, [246, 1, 2, 3])] {
        let answer = answer(&forwarded(&desk.effects(OTHER_LAN, CLIENT, GROUP, &payload)));
        let sent = sent(&desk.input(from_behind(&answer)));
        assert_eq!(sent.payload[..4], header);
        assert_eq!((sent.interface, sent.source), (OTHER_LAN, Some(address("fe80::5:2"))));
        assert_eq!(sent.to, SocketAddrV6::new(address(CLIENT), 546, 0, OTHER_LAN));
    }
}

#[test]
fn answers_that_no_front_of_ours_asked_for_go_nowhere() {
    let mut desk = Desk::new(front());
    let good = answer(&forwarded(&desk.effects(LAN, CLIENT, GROUP, &query(0, &discover().emit()))));
    let mut other = Server::new(front(), duid(), [8; 16], [2; 32]);
    let mut out = Vec::new();
    other.handle(desk.now, from_behind(&good), &mut out);
    assert_eq!(out, [Effect::Refused(Refused::Unsolicited)], "another secret");
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        for effect in desk.input(from_behind(&bad)) {
            // Whatever else is changed is between the server and the client; the way is not.
            match effect {
                Effect::Send { to, .. } => assert_eq!(*to.ip(), address(CLIENT), "octet {at}"),
                Effect::Refused(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    for end in 0..good.len() {
        for effect in desk.input(from_behind(&good[..end])) {
            assert!(!matches!(effect, Effect::Send { to, .. } if *to.ip() != address(CLIENT)));
        }
    }
    let mut builtin = Desk::new(settings());
    assert_eq!(refused(&builtin.input(from_behind(&good))), Some(Refused::WrongLink));
}

#[test]
fn what_the_door_refuses_reaches_no_server_v6() {
    let mut desk = Desk::new(front());
    let forged = query(0, &discover().with(code::RELAY_AGENT, b"\xdc\x04abcd").emit());
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &forged), Refused::Option82FromClient);
    let leasequery = query(0, &Message::of(MessageType(10)).emit());
    assert_eq!(desk.refused(LAN, CLIENT, GROUP, &leasequery), Refused::Unsupported4);
    assert_eq!(
        desk.refused(LAN, "2001:db9::1", ANYCAST, &query(0, &discover().emit())),
        Refused::SourceRefused
    );
    assert_eq!(desk.server.tally().of(Done::Upstream), 0);
}

#[test]
fn silent_servers_are_told_of_after_a_minute() {
    let mut desk = Desk::new(front());
    let begun = desk.now;
    let mut told = Vec::new();
    for _ in 0..100 {
        let effects = desk.effects(LAN, CLIENT, GROUP, &query(0, &discover().emit()));
        told.extend(effects.into_iter().filter_map(|effect| match effect {
            Effect::Notify(notice) => Some((desk.now.since(begun), notice)),
            _ => None,
        }));
        desk.wait(Duration::from_secs(1));
    }
    assert_eq!(told, [(Duration::from_secs(60), Notice::EngineSilent(begun))]);
}
