//! The link as a whole, driven by hand: every effect in its order. The simulated network does the rest.

mod endpoints;
mod external;
mod hcra;
mod order;
mod permitted;

use super::*;
use crate::acd::Packet;
use crate::facts::{Address6, Target};
use crate::ids::{EndpointId, HardwareAddress, Iaid};
use crate::lease::LeaseEventKind;
use crate::machine::{Datagram, OpenError, Port};
use crate::refused::Refused;
use crate::settings::{Dhcp6Mode, OnWithdraw};
use crate::status::LinkState;
use crate::wire::v6_option::OptionCode;
use crate::wire::{Writer, v4, v6};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};
use std::sync::Arc;
use std::time::Duration;

const SERVER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x53);
const US: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const SERVER_DUID: [u8; 4] = [0, 3, 0, 1];
const LEASED: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);

/// A link, its driver and the server's words.
struct Rig {
    link: Link,
    now: Instant,
    facts: LinkFacts,
    /// What the kernel answers when port 68 is tried.
    native: Result<(), OpenError>,
    /// Everything since the last look, with what the driver did on its own.
    effects: Vec<Effect>,
}

fn settings() -> LinkSettings {
    let mut settings = LinkSettings::default();
    settings.dhcp6.mode = Dhcp6Mode::Stateless;
    settings.dhcp6.max_delay = Duration::ZERO;
    settings
}

fn facts() -> LinkFacts {
    let hardware = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 1]);
    let link_local = Address6 {
        address: US,
        prefix_len: 64,
        tentative: false,
        duplicate: false,
        deprecated: false,
        temporary: false,
    };
    LinkFacts {
        index: 7,
        name: "wan0".to_owned(),
        up: true,
        carrier: true,
        mtu: 1500,
        hardware: hardware.clone(),
        addresses: vec![link_local],
        targets: vec![Some(Target {
            index: 7,
            name: "wan0".to_owned(),
            mtu: 1500,
            up: true,
            arp: true,
            hardware,
            ours4: Vec::new(),
        })],
        ..LinkFacts::default()
    }
}

impl Rig {
    fn new(settings: LinkSettings) -> Self {
        Self::with_record(settings, LinkRecord::new(Iaid(0x5e10_0001)))
    }

    fn with_record(settings: LinkSettings, record: LinkRecord) -> Self {
        let duid = Duid::link_layer(1, &[2, 0, 0x5e, 0x10, 0, 1]).unwrap();
        Self {
            link: Link::new(settings, duid, record, [1; 32]),
            now: Instant::from_secs(1000),
            facts: facts(),
            native: Ok(()),
            effects: Vec::new(),
        }
    }

    /// One input, and the driver's answers to what it asks for.
    fn input(&mut self, input: Input<'_>) -> Vec<Effect> {
        let mut fresh = Vec::new();
        self.link.handle(self.now, input, &mut fresh);
        let mut at = 0;
        while let Some(effect) = fresh.get(at).cloned() {
            match effect {
                Effect::Open(Port::Native4) => {
                    let native = self.native;
                    self.link.handle(self.now, Input::Opened(Port::Native4, native), &mut fresh);
                }
                Effect::Open(port) => {
                    self.link.handle(self.now, Input::Opened(port, Ok(())), &mut fresh);
                }
                Effect::Configure(id, _) => {
                    self.link.handle(self.now, Input::Configured(id, Ok(())), &mut fresh);
                }
                _ => {}
            }
            at += 1;
        }
        self.effects.extend(fresh.clone());
        fresh
    }

    fn see(&mut self) -> Vec<Effect> {
        let facts = Arc::new(self.facts.clone());
        self.input(Input::Link(&facts))
    }

    fn hear(&mut self, payload: &[u8]) -> Vec<Effect> {
        let (from, to) = (SocketAddrV6::new(SERVER, 547, 0, 7), US);
        self.input(Input::Datagram(Datagram { via: Port::Client6, interface: 7, from, to, payload }))
    }

    /// Lets time pass until the next deadline, at most `limit` from now.
    fn wait(&mut self, limit: Duration) -> Vec<Effect> {
        match self.link.deadline().filter(|at| *at <= self.now + limit) {
            Some(at) => {
                self.now = self.now.max(at);
                self.input(Input::Deadline)
            }
            None => {
                self.now = self.now + limit;
                Vec::new()
            }
        }
    }

    /// Up to a bound lease.
    fn bind(&mut self) {
        let sent = self.see();
        let ask = self.first_sent(sent);
        let offered = self.hear(&reply(&ask, Some(&[])));
        let discover = self.first_sent(offered);
        let offer = self.hear(&response(&discover, v4::MessageType::OFFER, |_| {}));
        let request = self.first_sent(offer);
        self.hear(&response(&request, v4::MessageType::ACK, |_| {}));
        assert_eq!(self.link.status().state, LinkState::Bound);
    }

    /// The first datagram among `effects`, or else of what follows within a few deadlines.
    fn first_sent(&mut self, mut effects: Vec<Effect>) -> Vec<u8> {
        for _ in 0..8 {
            if let Some(payload) = sent(&effects).into_iter().next() {
                return payload;
            }
            effects = self.wait(Duration::from_secs(10));
        }
        panic!("nothing was sent; state {:?}", self.link.status());
    }
}

fn sent(effects: &[Effect]) -> Vec<Vec<u8>> {
    let payload = |effect: &Effect| match effect {
        Effect::Send { payload, .. } => Some(payload.clone()),
        _ => None,
    };
    effects.iter().filter_map(payload).collect()
}

/// A Reply to a DHCPv6 message, with option 88 listing `servers`, or without it.
fn reply(ask: &[u8], servers: Option<&[Ipv6Addr]>) -> Vec<u8> {
    let ask = v6::Message::parse(ask).unwrap();
    let mut w = Writer::new();
    w.u8(v6::MessageType::REPLY.0).bytes(&ask.header);
    w.option6(OptionCode::CLIENTID, |w| {
        w.bytes(ask.options.first(OptionCode::CLIENTID).unwrap());
    });
    w.option6(OptionCode::SERVERID, |w| {
        w.bytes(&SERVER_DUID);
    });
    if let Some(servers) = servers {
        w.option6(OptionCode::DHCP4_O_DHCP6_SERVER, |w| {
            servers.iter().for_each(|server| {
                w.ipv6(*server);
            });
        });
    }
    w.finish().unwrap()
}

/// A DHCPv4-response to a DHCPv4-query, its DHCPv4 message changed by `edit`.
fn response(query: &[u8], kind: v4::MessageType, edit: impl FnOnce(&mut v4::Outgoing)) -> Vec<u8> {
    wrap(&answer(&unwrapped(query), kind, edit))
}

/// The DHCPv4 message in a DHCPv4-query.
fn unwrapped(query: &[u8]) -> Vec<u8> {
    let query = v6::Message::parse(query).unwrap();
    query.options.first(OptionCode::DHCPV4_MSG).unwrap().to_vec()
}

/// A server's answer to a DHCPv4 message, changed by `edit`.
fn answer(ask: &[u8], kind: v4::MessageType, edit: impl FnOnce(&mut v4::Outgoing)) -> Vec<u8> {
    let ask = v4::Message::parse(ask).unwrap();
    let mut answer = v4::Outgoing {
        op: v4::BOOTREPLY,
        htype: ask.htype,
        hardware: ask.hardware().to_vec(),
        xid: ask.xid,
        secs: 0,
        flags: 0,
        ciaddr: ask.ciaddr,
        yiaddr: LEASED,
        giaddr: ask.giaddr,
        options: vec![
            (v4::code::MESSAGE_TYPE, vec![kind.0]),
            (v4::code::SERVER_ID, vec![198, 51, 100, 1]),
            (v4::code::LEASE_TIME, 3600u32.to_be_bytes().to_vec()),
            (v4::code::SUBNET_MASK, vec![255, 255, 255, 0]),
            (v4::code::ROUTER, vec![192, 0, 2, 1]),
            (v4::code::CLIENT_ID, ask.option(v4::code::CLIENT_ID).unwrap().into_owned()),
        ],
    };
    edit(&mut answer);
    answer.emit().unwrap()
}

fn wrap(message: &[u8]) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(v6::MessageType::DHCPV4_RESPONSE.0).bytes(&[0; 3]);
    w.option6(OptionCode::DHCPV4_MSG, |w| {
        w.bytes(message);
    });
    w.finish().unwrap()
}

/// The kinds of effects, in order, without sockets and status.
fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    let kind = |effect: &Effect| match effect {
        Effect::Send { .. } => Some("send"),
        Effect::Assign6(_) => Some("assign6"),
        Effect::Configure(_, Some(_)) => Some("configure"),
        Effect::Configure(_, None) => Some("clear"),
        Effect::Save(_) => Some("save"),
        Effect::Notify(_, event) => Some(event.kind.word()),
        Effect::Stopped => Some("stopped"),
        Effect::Frame(_) => Some("frame"),
        Effect::Open(_)
        | Effect::Close(_)
        | Effect::Publish(_)
        | Effect::Refused(_)
        | Effect::Carrier(_)
        | Effect::Resolve(_) => None,
    };
    effects.iter().filter_map(kind).collect()
}

fn states(effects: &[Effect]) -> Vec<LinkState> {
    let state = |effect: &Effect| match effect {
        Effect::Publish(status) => Some(status.state),
        _ => None,
    };
    effects.iter().filter_map(state).collect()
}

#[test]
fn a_lease_is_saved_then_configured_then_told() {
    let mut rig = Rig::new(settings());
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let discover = rig.hear(&reply(&ask, Some(&[])));
    assert_eq!(kinds(&discover), ["send"], "the DISCOVER does not wait for the disk");
    let request = rig.hear(&response(&sent(&discover)[0], v4::MessageType::OFFER, |_| {}));
    assert_eq!(kinds(&request), ["send"]);
    let bound = rig.hear(&response(&sent(&request)[0], v4::MessageType::ACK, |_| {}));
    assert_eq!(kinds(&bound), ["save", "configure", "acquired"]);
    let first_bound =
        bound.iter().position(|e| matches!(e, Effect::Publish(s) if s.state == LinkState::Bound));
    let configured = bound.iter().position(|e| matches!(e, Effect::Configure(..)));
    assert!(first_bound > configured, "nobody hears of an address that is not on the link");
}

#[test]
fn nothing_of_4o6_is_sent_before_a_reply_with_option_88_c6_01() {
    let mut rig = Rig::new(settings());
    rig.see();
    for _ in 0..20 {
        rig.wait(Duration::from_secs(100));
    }
    let types: Vec<u8> = sent(&rig.effects).iter().map(|payload| payload[0]).collect();
    assert!(types.len() > 3);
    assert!(types.iter().all(|kind| *kind == v6::MessageType::INFORMATION_REQUEST.0), "{types:?}");
}

#[test]
fn every_defect_of_a_response_has_its_counter_and_no_other_effect_sec_01_sec_13() {
    let mut rig = Rig::new(settings());
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    // Before the permit.
    let early = wrap(&[0; 300]);
    assert_eq!(rig.hear(&early), [Effect::Refused(Refused::NoPermit)]);
    let discover = rig.hear(&reply(&ask, Some(&[])));
    let discover = rig.first_sent(discover);
    let offer = |edit: &dyn Fn(&mut v4::Outgoing)| response(&discover, v4::MessageType::OFFER, edit);
    let good = offer(&|_| {});
    let with = |octet: usize, value: u8| {
        let mut octets = good.clone();
        octets[octet] = value;
        octets
    };
    let drop_option = |code: u8| offer(&|m: &mut v4::Outgoing| m.options.retain(|(c, _)| *c != code));
    let twice = [good.as_slice(), good.get(4..).unwrap()].concat();
    let own_link = (7, SocketAddrV6::new(SERVER, 547, 0, 7), US);
    let elsewhere: Ipv6Addr = "fe80::99".parse().unwrap();
    let off_link = SocketAddrV6::new("::1".parse().unwrap(), 547, 0, 0);
    type Case = (&'static str, (u32, SocketAddrV6, Ipv6Addr), Vec<u8>, Refused);
    let cases: Vec<Case> = vec![
        ("other interface", (8, own_link.1, US), good.clone(), Refused::WrongLink),
        (
            "multicast destination",
            (7, own_link.1, "ff02::1".parse().unwrap()),
            good.clone(),
            Refused::MulticastDestination,
        ),
        ("destination not ours", (7, own_link.1, elsewhere), good.clone(), Refused::WrongLink),
        ("empty", own_link, vec![], Refused::Malformed6),
        ("cut", own_link, good[..good.len() - 1].to_vec(), Refused::Malformed6),
        ("unknown type", own_link, with(0, 200), Refused::UnknownType),
        ("draft01 type in profile rfc7341", own_link, with(0, 246), Refused::UnknownType),
        ("query", own_link, with(0, 20), Refused::WrongDirection),
        ("relay message", own_link, with(0, 12), Refused::WrongDirection),
        ("no message", own_link, vec![21, 0, 0, 0], Refused::NoDhcpv4Message),
        ("two messages", own_link, twice, Refused::DuplicateDhcpv4Message),
        ("short", own_link, wrap(&[2; 239]), Refused::Malformed4),
        ("cookie", own_link, with(8 + 236, 0), Refused::Malformed4),
        ("op", own_link, with(8, 1), Refused::Malformed4),
        ("no message type", own_link, drop_option(v4::code::MESSAGE_TYPE), Refused::Malformed4),
        ("xid", own_link, with(8 + 4, good[12] ^ 1), Refused::XidMismatch),
        ("client id", own_link, offer(&|m| m.options[5].1[7] ^= 1), Refused::ClientIdMismatch),
        ("source", (7, off_link, US), good.clone(), Refused::SourceRefused),
        (
            "ACK while selecting",
            own_link,
            response(&discover, v4::MessageType::ACK, |_| {}),
            Refused::UnexpectedState,
        ),
        ("NAK while selecting", own_link, response(&discover, v4::MessageType::NAK, |_| {}), Refused::BadNak),
        ("no server id", own_link, drop_option(v4::code::SERVER_ID), Refused::BadOffer),
        ("no lease time", own_link, drop_option(v4::code::LEASE_TIME), Refused::BadOffer),
        ("loopback address", own_link, offer(&|m| m.yiaddr = Ipv4Addr::LOCALHOST), Refused::BadOffer),
        (
            "shared address",
            own_link,
            offer(&|m| m.options.push((159, vec![0, 8, 0x34, 0]))),
            Refused::Unrequested159,
        ),
    ];
    for (name, (interface, from, to), payload, refused) in cases {
        let deadline = rig.link.deadline();
        let datagram = Datagram { via: Port::Client6, interface, from, to, payload: &payload };
        assert_eq!(rig.input(Input::Datagram(datagram)), [Effect::Refused(refused)], "{name}");
        assert_eq!(rig.link.deadline(), deadline, "{name}");
    }
    let request = rig.hear(&good);
    assert_eq!(kinds(&request), ["send"], "the good one still counts");
}

#[test]
fn after_withdrawal_nothing_is_sent_and_the_address_stays_until_the_lease_ends_c46_19_e2() {
    let mut rig = Rig::new(settings());
    rig.bind();
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    rig.effects.clear();
    rig.hear(&reply(&ask, None));
    assert_eq!(rig.link.status().permit_state, "withdrawn");
    rig.input(Input::Command(Command::Renew));
    while rig.link.status().ipv4.is_some() {
        rig.wait(Duration::from_secs(4000));
    }
    assert!(sent(&rig.effects).iter().all(|payload| payload[0] != 20), "not one query");
    assert_eq!(rig.now.since(Instant::from_secs(1000)).as_secs(), 3600);
    let told: Vec<_> = kinds(&rig.effects).into_iter().filter(|kind| *kind != "send").collect();
    assert_eq!(told, ["save", "save", "clear", "expired"]);
}

#[test]
fn with_policy_drop_the_address_goes_with_the_permit_e2() {
    let mut rig = Rig::new(LinkSettings { on_withdraw: OnWithdraw::Drop, ..settings() });
    rig.bind();
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    let effects = rig.hear(&reply(&ask, None));
    assert_eq!(kinds(&effects), ["save", "clear", "released"]);
    assert_eq!(states(&effects), [LinkState::NotEnabled]);
}

#[test]
fn a_native_client_on_the_link_keeps_4o6_from_starting_until_it_is_gone_sup_11() {
    let mut rig = Rig::new(settings());
    rig.native = Err(OpenError::InUse);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let effects = rig.hear(&reply(&ask, Some(&[])));
    assert!(sent(&effects).is_empty());
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::Failed, "native-dhcp-active")
    );
    rig.wait(Duration::from_secs(60));
    assert!(rig.link.status().state == LinkState::Failed);
    rig.native = Ok(());
    let discover = rig.wait(Duration::from_secs(60));
    assert_eq!(sent(&discover)[0][0], 20);
}

#[test]
fn a_port_in_use_is_a_named_failure_and_tried_again() {
    let mut rig = Rig::new(settings());
    let facts = Arc::new(rig.facts.clone());
    let mut effects = Vec::new();
    rig.link.handle(rig.now, Input::Link(&facts), &mut effects);
    rig.link.handle(rig.now, Input::Opened(Port::Client6, Err(OpenError::InUse)), &mut effects);
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Failed, "port-in-use"));
    let again = rig.wait(Duration::from_secs(2));
    assert!(again.contains(&Effect::Open(Port::Client6)));
    assert_ne!(rig.link.status().state, LinkState::Failed);
}

#[test]
fn release_on_stop_gives_ipv4_back_before_ipv6_e11() {
    let mut rig = Rig::new(LinkSettings { release_on_stop: true, ..settings() });
    rig.bind();
    let effects = rig.input(Input::Command(Command::Shutdown));
    assert_eq!(kinds(&effects).first(), Some(&"send"));
    assert_eq!(&sent(&effects)[0][..2], &[20, 0x80], "a RELEASE would be unicast in IPv4");
    assert!(kinds(&effects).contains(&"clear"));
    assert_eq!(effects.last(), Some(&Effect::Stopped));
}

#[test]
fn an_orderly_end_of_the_service_leaves_everything_for_the_next_start_e10() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let effects = rig.input(Input::Command(Command::Shutdown));
    assert_eq!(kinds(&effects), ["stopped"]);
}

#[test]
fn a_lease_still_on_the_target_is_adopted_and_confirmed_without_a_flap_e10_sup_12() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let record = rig
        .effects
        .iter()
        .rev()
        .find_map(|effect| match effect {
            Effect::Save(record) => Some((**record).clone()),
            _ => None,
        })
        .unwrap();
    let now = rig.now;
    let mut rig = Rig::with_record(settings(), record);
    rig.now = now + Duration::from_secs(5);
    rig.facts.targets[0].as_mut().unwrap().ours4.push(LEASED);
    let effects = rig.see();
    assert!(kinds(&effects).contains(&"configure"), "{effects:?}");
    let ask = rig.first_sent(effects);
    let reboot = rig.hear(&reply(&ask, Some(&[])));
    let reboot = rig.first_sent(reboot);
    let inner = v6::Message::parse(&reboot).unwrap();
    let inner = v4::Message::parse(inner.options.first(OptionCode::DHCPV4_MSG).unwrap()).unwrap();
    assert_eq!(inner.address(v4::code::REQUESTED_ADDRESS), Some(LEASED));
    rig.hear(&response(&reboot, v4::MessageType::ACK, |_| {}));
    assert!(!kinds(&rig.effects).contains(&"clear"), "the address never leaves the link");
    assert_eq!(rig.link.status().state, LinkState::Bound);
}

#[test]
fn a_lease_that_is_not_on_the_target_waits_for_its_confirmation() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let record = rig.link.record.clone();
    let now = rig.now;
    let mut rig = Rig::with_record(settings(), record);
    rig.now = now;
    let effects = rig.see();
    assert!(!kinds(&effects).contains(&"configure"));
    let ask = rig.first_sent(effects);
    let reboot = rig.hear(&reply(&ask, Some(&[])));
    let reboot = rig.first_sent(reboot);
    let bound = rig.hear(&response(&reboot, v4::MessageType::ACK, |_| {}));
    assert!(kinds(&bound).contains(&"configure"));
}

#[test]
fn a_lease_that_is_not_on_the_target_is_used_after_all_when_nobody_confirms_it() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let record = rig.link.record.clone();
    let now = rig.now;
    let mut rig = Rig::with_record(settings(), record);
    rig.now = now;
    let effects = rig.see();
    let ask = rig.first_sent(effects);
    let reboot = rig.hear(&reply(&ask, Some(&[])));
    rig.first_sent(reboot);
    assert!(!kinds(&rig.effects).contains(&"configure"));
    for _ in 0..6 {
        rig.wait(Duration::from_secs(40));
    }
    assert!(kinds(&rig.effects).contains(&"configure"));
    assert_eq!(rig.link.status().state, LinkState::Bound);
}

/// Up to the check of the address, with the effects of the ACK.
fn checking() -> (Rig, Vec<Effect>) {
    let mut settings = settings();
    settings.dhcp4.conflict_detection = true;
    let mut rig = Rig::new(settings);
    let sent = rig.see();
    let ask = rig.first_sent(sent);
    let offered = rig.hear(&reply(&ask, Some(&[])));
    let discover = rig.first_sent(offered);
    let offer = rig.hear(&response(&discover, v4::MessageType::OFFER, |_| {}));
    let request = rig.first_sent(offer);
    let acked = rig.hear(&response(&request, v4::MessageType::ACK, |_| {}));
    (rig, acked)
}

/// ARP packets among `effects`.
fn arp(effects: &[Effect]) -> Vec<Packet> {
    let packet = |effect: &Effect| match effect {
        Effect::Send { via: Port::Arp(EndpointId::FIRST), payload, .. } => Packet::parse(payload),
        _ => None,
    };
    effects.iter().filter_map(packet).collect()
}

#[test]
fn an_address_is_probed_for_then_installed_then_announced_inst_14() {
    let (mut rig, acked) = checking();
    assert!(acked.contains(&Effect::Open(Port::Arp(EndpointId::FIRST))));
    rig.effects.clear();
    while rig.link.status().state != LinkState::Bound {
        rig.wait(Duration::from_secs(10));
    }
    let mut done = kinds(&rig.effects);
    // The permit's own record may come while the probes are out.
    done.dedup();
    assert_eq!(done, ["send", "save", "configure", "send", "acquired"]);
    let hardware = rig.facts.hardware.clone();
    let probe = Packet::probe(LEASED, hardware.clone());
    let packets = [probe.clone(), probe.clone(), probe, Packet::announcement(LEASED, hardware)];
    assert_eq!(arp(&rig.effects), packets);
}

#[test]
fn an_address_that_somebody_has_is_declined_and_never_installed_v4_24() {
    let (mut rig, _) = checking();
    rig.effects.clear();
    let theirs = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 2]);
    let payload = Packet { op: 2, ..Packet::announcement(LEASED, theirs) }.emit();
    let from = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0);
    let datagram = Datagram {
        via: Port::Arp(EndpointId::FIRST),
        interface: 7,
        from,
        to: Ipv6Addr::UNSPECIFIED,
        payload: &payload,
    };
    let declined = rig.input(Input::Datagram(datagram));
    assert!(declined.contains(&Effect::Close(Port::Arp(EndpointId::FIRST))));
    let decline = sent(&declined).remove(0);
    let decline = v6::Message::parse(&decline).unwrap();
    let decline = v4::Message::parse(decline.options.first(OptionCode::DHCPV4_MSG).unwrap()).unwrap();
    assert_eq!(decline.kind(), Some(v4::MessageType::DECLINE));
    assert!(!kinds(&rig.effects).contains(&"configure"));
    let declined_at = rig.now;
    rig.effects.clear();
    while sent(&rig.effects).is_empty() {
        rig.wait(Duration::from_secs(10));
    }
    assert!(rig.now.since(declined_at) >= Duration::from_secs(10), "ten seconds of silence");
}

#[test]
fn a_removed_address_comes_back_once_and_then_the_lease_is_given_back() {
    let mut rig = Rig::new(settings());
    rig.bind();
    assert_eq!(kinds(&rig.input(Input::AddressRemoved(EndpointId::FIRST))), ["configure"]);
    rig.now = rig.now + Duration::from_secs(30);
    let effects = rig.input(Input::AddressRemoved(EndpointId::FIRST));
    assert!(kinds(&effects).contains(&LeaseEventKind::Released.word()), "{effects:?}");
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Failed, "address-removed"));
    // After the pause the link tries again.
    let mut sent_again = false;
    for _ in 0..20 {
        sent_again |= sent(&rig.wait(Duration::from_secs(100))).iter().any(|payload| payload[0] == 20);
    }
    assert!(sent_again);
}

#[test]
fn a_short_loss_of_carrier_changes_nothing_a_long_one_has_everything_confirmed_e7_e8() {
    let mut rig = Rig::new(settings());
    rig.bind();
    rig.facts.carrier = false;
    rig.see();
    rig.now = rig.now + Duration::from_secs(2);
    rig.facts.carrier = true;
    rig.see();
    assert_eq!((rig.link.status().state, rig.link.status().permit_state), (LinkState::Bound, "valid"));
    rig.facts.carrier = false;
    rig.see();
    rig.now = rig.now + Duration::from_secs(6);
    rig.input(Input::Deadline);
    assert_eq!(rig.link.status().permit_state, "suspended");
    rig.facts.carrier = true;
    let effects = rig.see();
    let ask = rig.first_sent(effects);
    assert_eq!(ask[0], v6::MessageType::INFORMATION_REQUEST.0);
    let reboot = rig.hear(&reply(&ask, Some(&[])));
    let reboot = rig.first_sent(reboot);
    rig.hear(&response(&reboot, v4::MessageType::ACK, |_| {}));
    assert_eq!(rig.link.status().state, LinkState::Bound);
    assert!(!kinds(&rig.effects).contains(&"clear"), "IPv4 stays throughout");
}

#[test]
fn a_link_in_mode_off_never_asks_for_nor_uses_4o6_c6_02() {
    let mut rig = Rig::new(LinkSettings { mode: crate::settings::Mode::Off, ..settings() });
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let asked = v6::Message::parse(&ask).unwrap();
    let codes = asked.options.first(OptionCode::ORO).unwrap();
    assert!(codes.chunks(2).all(|code| code != [0, 88]));
    let effects = rig.hear(&reply(&ask, Some(&[])));
    assert!(sent(&effects).is_empty());
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::NotEnabled, "mode-off"));
}

#[test]
fn an_address_of_ours_that_no_lease_remembers_goes_at_start_sup_12() {
    let mut rig = Rig::new(settings());
    rig.facts.targets[0].as_mut().unwrap().ours4 = vec![LEASED];
    let effects = rig.see();
    assert!(effects.contains(&Effect::Configure(EndpointId::FIRST, None)), "{effects:?}");
    assert!(effects.contains(&Effect::Assign6(Vec::new())), "nor does any IPv6 address stay");
}

#[test]
fn a_lease_that_init_reboot_extended_is_extended_on_the_target_while_its_address_is_checked() {
    let (mut rig, _) = checking();
    while rig.link.status().state != LinkState::Bound {
        rig.wait(Duration::from_secs(10));
    }
    rig.now = rig.now + Duration::from_secs(60);
    let ask = rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(ask);
    let reboot = rig.hear(&reply(&ask, Some(&[])));
    let reboot = rig.first_sent(reboot);
    let acked = rig.hear(&response(&reboot, v4::MessageType::ACK, |_| {}));
    // Else the kernel could drop the address at the end of the old lease, in the middle of the check.
    assert_eq!(kinds(&acked), ["save", "configure"]);
    assert!(acked.contains(&Effect::Open(Port::Arp(EndpointId::FIRST))));
}

#[test]
fn the_driver_wants_nothing_for_a_link_or_a_target_that_is_gone_e9() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let target = rig.facts.targets[0].take();
    let gone = rig.see();
    assert!(
        gone.contains(&Effect::Configure(EndpointId::FIRST, None)),
        "else the driver would put it on a target that returns later"
    );
    rig.facts.targets[0] = target;
    assert!(kinds(&rig.see()).contains(&"configure"));
    // The link itself goes, and another interface keeps the address.
    rig.facts.index = 0;
    assert!(rig.see().contains(&Effect::Configure(EndpointId::FIRST, None)));
}
