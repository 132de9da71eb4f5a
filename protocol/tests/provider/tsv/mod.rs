//! The server at port 67: client relay agents over IPv6; clients, relay agents and TRAs over IPv4.

mod agents;
mod encapsulated;
mod ipv4;
mod relays;
mod tunnels;

use crate::desk::*;
use dhcp4o6_protocol::binding::{Binding4, State};
use dhcp4o6_protocol::provider::{Effect, Notice, Port};
use dhcp4o6_protocol::role::server::{EngineSettings, ServerSettings};
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::server4::settings::{Serves, Settings, Subnet};
use dhcp4o6_protocol::view::{After, Lease};
use dhcp4o6_protocol::wire::v4::{MessageType, code};
use std::net::Ipv4Addr;

const BROADCAST: [u8; 4] = [255; 4];
/// The port of IPv4 clients.
const CLIENT_PORT: u16 = 68;

fn engine(settings: &mut ServerSettings) -> &mut Settings {
    match &mut settings.engine {
        EngineSettings::Builtin(four) => four,
        EngineSettings::External(_) => unreachable!(),
    }
}

fn tsv(settings: &mut ServerSettings) -> &mut TsvSettings {
    settings.tsv.as_mut().unwrap()
}

fn desk() -> Desk {
    Desk::new(settings_at_67())
}

/// 192.0.2.0/24 for the client relay agents of 2001:db8:1::/48, 198.18.0.0/24 for those of 2001:db8:2::/48.
fn two_subnets() -> ServerSettings {
    let of = |subnet: Subnet, source: &str| {
        let sources = vec![source.parse().unwrap()];
        Subnet { serves: Serves { sources, ..Serves::default() }, ..subnet }
    };
    let mut settings = settings_at_67();
    engine(&mut settings).subnets = vec![
        of(subnet("192.0.2.0/24", [192, 0, 2, 18], [192, 0, 2, 217]), "2001:db8:1::/48"),
        of(subnet("198.18.0.0/24", [198, 18, 0, 18], [198, 18, 0, 217]), "2001:db8:2::/48"),
    ];
    settings
}

/// The kind of an answer to a client behind an agent, and its address.
#[track_caller]
fn told(desk: &mut Desk, from: &str, message: &Message) -> (MessageType, Ipv4Addr) {
    let (kind, address, _) = given(&desk.ask_by_ipv6(from, message));
    (kind, address)
}

/// A lease for whoever `change` makes the usual client.
#[track_caller]
fn lease(desk: &mut Desk, from: &str, change: impl Fn(Message) -> Message) -> Ipv4Addr {
    let (offer, address) = told(desk, from, &change(discover()));
    assert_eq!(offer, MessageType::OFFER);
    assert_eq!(told(desk, from, &change(selecting(address))), (MessageType::ACK, address));
    address
}

fn releasing(address: Ipv4Addr) -> Message {
    Message::of(MessageType::RELEASE).at(address).with(code::SERVER_ID, &SERVER_ID)
}

fn declining(address: Ipv4Addr) -> Message {
    Message::of(MessageType::DECLINE)
        .with(code::REQUESTED_ADDRESS, &address.octets())
        .with(code::SERVER_ID, &SERVER_ID)
}

fn rebooting(address: Ipv4Addr) -> Message {
    Message::of(MessageType::REQUEST).with(code::REQUESTED_ADDRESS, &address.octets())
}

fn bindings(desk: &Desk) -> Vec<Binding4> {
    let four = |lease| match lease {
        Lease::V4(binding) => Some(binding),
        Lease::V6(_) => None,
    };
    desk.server.leases(After::Start, 1000).into_iter().filter_map(four).collect()
}

fn binding(desk: &Desk, address: Ipv4Addr) -> Binding4 {
    bindings(desk).into_iter().find(|binding| binding.slot.address == address).unwrap()
}

fn state(desk: &Desk, address: Ipv4Addr) -> State {
    binding(desk, address).state
}

fn notices(effects: &[Effect]) -> Vec<Notice> {
    let notice = |effect: &Effect| match effect {
        Effect::Notify(notice) => Some(notice.clone()),
        _ => None,
    };
    effects.iter().filter_map(notice).collect()
}

/// Nothing is sent.
fn is_silent(effects: &[Effect]) -> bool {
    !effects.iter().any(|effect| matches!(effect, Effect::Send { .. }))
}

#[test]
fn both_sockets_are_asked_for_and_port_547_only_if_it_is_served_tsv_01() {
    assert_eq!(desk().server.ports(), [Port::Dhcp6, Port::Transport6, Port::Server4]);
    let mut alone = settings_at_67();
    alone.port547 = false;
    let mut desk = Desk::new(alone);
    assert_eq!(desk.server.ports(), [Port::Transport6, Port::Server4]);
    let query = query(0, &discover().emit());
    assert_eq!(
        desk.refused(LAN, CLIENT, GROUP, &query),
        dhcp4o6_protocol::refused::Refused::WrongLink,
        "nothing is answered at 547"
    );
    lease(&mut desk, CRA, |message| message);
}

#[test]
fn with_servers_behind_us_or_without_settings_port_67_is_closed() {
    use dhcp4o6_protocol::refused::Refused;
    use dhcp4o6_protocol::role::external;
    let mut external = settings_at_67();
    external.engine = EngineSettings::External(external::Settings {
        servers: vec![[10, 0, 0, 1].into()],
        giaddr: [192, 0, 2, 1].into(),
        links: Vec::new(),
        sub_option: external::Settings::SUB_OPTION,
    });
    for settings in [external, settings()] {
        let mut desk = Desk::new(settings);
        assert!(!desk.server.ports().iter().any(|port| [Port::Transport6, Port::Server4].contains(port)));
        assert_eq!(refused(&desk.by_ipv6(CRA, &discover().emit())), Some(Refused::WrongLink));
    }
}

#[test]
fn one_client_has_one_lease_by_whichever_port_it_asks() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    let at_547 = |desk: &mut Desk, flags, message: &Message| {
        given(&dhcpv4(&desk.sent(NOT_SERVED, CRA, ANYCAST, &query(flags, &message.emit())).payload))
    };
    assert_eq!(at_547(&mut desk, 0, &discover()).1, address);
    assert_eq!(at_547(&mut desk, 0x80, &renewing(address)).0, MessageType::ACK);
    assert_eq!(told(&mut desk, CRA, &renewing(address)), (MessageType::ACK, address));
    assert_eq!(told(&mut desk, CRA, &discover()), (MessageType::OFFER, address));
    assert_eq!(bindings(&desk).len(), 1);
    desk.by_ipv6(CRA, &releasing(address).emit());
    assert_eq!(state(&desk, address), State::Released);
}
