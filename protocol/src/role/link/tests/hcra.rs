//! The host Client Relay Agent with the clients of this service (draft-ietf-dhc-dhcpv4-over-ipv6 §6, §7).

use super::order::global;
use super::*;
use crate::machine::Question;
use crate::settings::{EndpointSettings, HcraSettings, Mode, Profile, Renew};
use crate::wire::v4::code;

pub(super) const TSV: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0x67);
const OTHER: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0x68);
/// Option 54 of the answers.
const SERVER_ID: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

pub(super) fn own(subnet: u16) -> Ipv6Addr {
    global(subnet).address
}

pub(super) fn hcra() -> LinkSettings {
    let hcra = HcraSettings { servers: vec![TSV], ..HcraSettings::default() };
    LinkSettings { mode: Mode::Hcra, hcra, ..settings() }
}

/// A link with a global address.
pub(super) fn rig(settings: LinkSettings) -> Rig {
    let mut rig = Rig::new(settings);
    rig.facts.addresses.push(global(1));
    rig.facts.targets = vec![rig.facts.targets[0].clone(); rig.link.settings.endpoints.len()];
    rig
}

/// Relayed messages among `effects`: source, destination, octets.
pub(super) fn relayed(effects: &[Effect]) -> Vec<(Ipv6Addr, Ipv6Addr, Vec<u8>)> {
    let relayed = |effect: &Effect| match effect {
        Effect::Send { via: Port::Cra6(address), source, to, payload } => {
            assert_eq!((Some(*address), to.port()), (*source, 67), "HCRA-08");
            Some((*address, *to.ip(), payload.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(relayed).collect()
}

/// Renewals by IPv4 among `effects`.
fn direct(effects: &[Effect]) -> Vec<(SocketAddrV6, Vec<u8>)> {
    let direct = |effect: &Effect| match effect {
        Effect::Send { via: Port::Direct4(_, address), source, to, payload } => {
            assert_eq!(*source, Some(address.to_ipv6_mapped()));
            Some((*to, payload.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(direct).collect()
}

fn kind(message: &[u8]) -> v4::MessageType {
    v4::Message::parse(message).unwrap().kind().unwrap()
}

impl Rig {
    fn hear_cra_from(&mut self, from: &str, to: Ipv6Addr, payload: &[u8]) -> Vec<Effect> {
        let from = SocketAddrV6::new(from.parse().unwrap(), 67, 0, 0);
        let via = Port::Cra6(to);
        self.input(Input::Datagram(Datagram { via, interface: 7, from, to, payload }))
    }

    fn hear_cra(&mut self, payload: &[u8]) -> Vec<Effect> {
        let to = self.link.status().hcra.as_ref().unwrap().source.unwrap();
        self.hear_cra_from(&TSV.to_string(), to, payload)
    }

    fn hear_direct(&mut self, from: Ipv4Addr, port: u16, payload: &[u8]) -> Vec<Effect> {
        let from = SocketAddrV6::new(from.to_ipv6_mapped(), port, 0, 0);
        let via = Port::Direct4(EndpointId::FIRST, LEASED);
        let to = LEASED.to_ipv6_mapped();
        self.input(Input::Datagram(Datagram { via, interface: 7, from, to, payload }))
    }

    /// The first relayed message of `effects`, or of what follows within a few deadlines.
    fn first_relayed(&mut self, mut effects: Vec<Effect>) -> Vec<u8> {
        for _ in 0..8 {
            if let Some((_, _, payload)) = relayed(&effects).into_iter().next() {
                return payload;
            }
            effects = self.wait(Duration::from_secs(10));
        }
        panic!("nothing was relayed; state {:?}", self.link.status());
    }

    /// Answers a DISCOVER and the REQUEST that follows.
    fn grant(&mut self, effects: Vec<Effect>) {
        let discover = self.first_relayed(effects);
        let request = self.hear_cra(&answer(&discover, v4::MessageType::OFFER, |_| {}));
        let request = self.first_relayed(request);
        self.hear_cra(&answer(&request, v4::MessageType::ACK, |_| {}));
        assert_eq!(self.link.status().state, LinkState::Bound);
    }

    fn grant_by_agent(&mut self) {
        let effects = self.see();
        self.grant(effects);
        self.effects.clear();
    }

    fn word(&self) -> (LinkState, &'static str) {
        (self.link.status().state, self.link.status().reason)
    }

    fn pass(&mut self, seconds: u64) -> Vec<Effect> {
        let until = self.now + Duration::from_secs(seconds);
        let mut effects = Vec::new();
        while let Some(at) = self.link.deadline().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            effects.extend(self.input(Input::Deadline));
        }
        self.now = until;
        effects
    }
}

#[test]
fn a_message_reaches_every_server_from_a_global_address_and_only_hops_is_changed_hcra_08_09_10() {
    let mut settings = hcra();
    settings.hcra.servers = vec![TSV, OTHER, TSV];
    let mut rig = rig(settings);
    let effects = rig.see();
    let copies = relayed(&effects);
    let ways: Vec<_> = copies.iter().map(|(from, to, _)| (*from, *to)).collect();
    assert_eq!(ways, [(own(1), TSV), (own(1), OTHER)], "one copy each");
    assert_eq!(copies[0].2, copies[1].2);
    let discover = v4::Message::parse(&copies[0].2).unwrap();
    assert_eq!((discover.op, discover.hops, discover.giaddr), (1, 1, Ipv4Addr::UNSPECIFIED));
    assert!(discover.option(code::RELAY_AGENT).is_none(), "HCRA-13");
    let status = rig.link.status().hcra.clone().unwrap();
    assert_eq!((status.servers, status.servers_from), (vec![TSV, OTHER], "static"));
    assert_eq!((status.source, status.client, status.relayed), (Some(own(1)), "builtin", 1));
    assert_eq!(rig.link.status().client4.transport, "hcra");
}

#[test]
fn a_lease_comes_through_the_agent_without_any_permit() {
    let mut rig = rig(hcra());
    rig.grant_by_agent();
    assert_eq!(rig.link.status().ipv4.as_ref().map(|config| config.address), Some(LEASED));
    assert_eq!(rig.link.status().permit_state, "none");
    assert_eq!(rig.link.status().hcra.as_ref().unwrap().delivered, 2);
}

#[test]
fn before_there_is_a_usable_global_address_nothing_is_sent_and_no_attempt_wasted_hcra_05_06_07() {
    let mut rig = Rig::new(hcra());
    let mut effects = rig.see();
    effects.extend(rig.pass(100));
    assert_eq!(rig.word(), (LinkState::WaitIpv6, "no-global-address"));
    for wrong in [
        Address6 { tentative: true, ..global(1) },
        Address6 { duplicate: true, ..global(1) },
        Address6 { address: "fd00::1".parse().unwrap(), ..global(1) },
    ] {
        rig.facts.addresses.truncate(1);
        rig.facts.addresses.push(wrong);
        effects.extend(rig.see());
        effects.extend(rig.pass(100));
    }
    assert!(relayed(&effects).is_empty());
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Open(Port::Cra6(_)))));
    rig.facts.addresses = vec![facts().addresses[0], global(1)];
    let effects = rig.see();
    assert_eq!(kind(&relayed(&effects)[0].2), v4::MessageType::DISCOVER, "at once");
    assert_eq!(rig.link.status().client4.exchange.as_ref().unwrap().transmissions, 1);
}

#[test]
fn which_address_is_taken_hcra_07() {
    let deprecated = Address6 { deprecated: true, ..global(1) };
    let local = Address6 { address: "fd00::1".parse().unwrap(), ..global(1) };
    let temporary = Address6 { temporary: true, ..global(3) };
    let plain = HcraSettings { servers: vec![TSV], ..HcraSettings::default() };
    let with_local = HcraSettings { unique_local: true, ..plain.clone() };
    let chosen = HcraSettings { source: Some(own(4)), ..plain.clone() };
    for (name, settings, addresses, expected) in [
        ("a global one", &plain, vec![local, global(2)], Some(own(2))),
        ("a deprecated one if there is no other", &plain, vec![deprecated], Some(own(1))),
        ("else not", &plain, vec![deprecated, global(2)], Some(own(2))),
        ("one that lasts", &plain, vec![temporary, global(4)], Some(own(4))),
        ("a unique local one by setting", &with_local, vec![local], Some(local.address)),
        ("the one that is configured", &chosen, vec![global(2), global(4)], Some(own(4))),
        ("and no other", &chosen, vec![global(2)], None),
    ] {
        let mut rig = Rig::new(LinkSettings { hcra: settings.clone(), ..hcra() });
        rig.facts.addresses.extend(addresses);
        rig.see();
        assert_eq!(rig.link.status().hcra.as_ref().unwrap().source, expected, "{name}");
    }
}

#[test]
fn without_servers_there_is_no_agent_hcra_04_hcra_30() {
    let mut settings = hcra();
    settings.hcra.servers.clear();
    let mut rig = rig(settings);
    let ask = rig.see();
    assert_eq!(rig.word(), (LinkState::Dhcp6, "no-reply"));
    let ask = rig.first_sent(ask);
    rig.hear(&reply(&ask, None));
    rig.pass(100);
    assert_eq!(rig.word(), (LinkState::NotEnabled, "no-servers"));
    assert_eq!(rig.link.status().hcra.as_ref().unwrap().waiting_for, Some("servers"));
    assert!(!rig.effects.iter().any(|effect| matches!(effect, Effect::Open(Port::Cra6(_)))));
}

#[test]
fn servers_come_from_option_88_where_the_mode_says_so_d_03() {
    let mut settings = hcra();
    settings.hcra.servers.clear();
    let mut rig = rig(settings);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let asked = v6::Message::parse(&ask).unwrap().options.codes(OptionCode::ORO).unwrap();
    assert!(asked.contains(&OptionCode::DHCP4_O_DHCP6_SERVER) && asked.contains(&OptionCode::AFTR_NAME));
    // Only what can be asked from a global address.
    let listed = ["fe80::1".parse().unwrap(), TSV, "ff02::1:2".parse().unwrap(), own(1), OTHER];
    let effects = rig.hear(&reply(&ask, Some(&listed)));
    let to: Vec<_> = relayed(&effects).into_iter().map(|(_, to, _)| to).collect();
    assert_eq!(to, [TSV, OTHER]);
    assert_eq!(rig.link.status().hcra.as_ref().unwrap().servers_from, "option-88");
    assert!(sent(&effects).iter().all(|payload| payload[0] != 20), "and never by 4o6 as well");
}

#[test]
fn servers_come_from_the_list_of_draft01_too_d_03() {
    let mut settings = hcra();
    settings.hcra.servers.clear();
    settings.profile = Profile::Draft01;
    let points = settings.draft01;
    let mut rig = rig(settings);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let mut enabled = reply(&ask, None);
    enabled.extend([&points.enable.to_be_bytes()[..], &[0, 0]].concat());
    enabled.extend([&points.servers.to_be_bytes()[..], &[0, 16], &TSV.octets()].concat());
    let effects = rig.hear(&enabled);
    assert_eq!(relayed(&effects)[0].1, TSV);
    assert_eq!(rig.link.status().hcra.as_ref().unwrap().servers_from, "draft01");
}

/// A Reply with option 64, and a resolver in option 23.
fn reply_with_aftr(ask: &[u8]) -> Vec<u8> {
    let mut octets = reply(ask, None);
    let resolver: Ipv6Addr = "2001:db8::53".parse().unwrap();
    octets.extend([&[0, 23, 0, 16][..], &resolver.octets()].concat());
    octets.extend(b"\0\x40\0\x12\x04aftr\x07example\x03net\0");
    octets
}

#[test]
fn servers_come_from_the_name_of_the_tunnel_concentrator_last_d_03() {
    for mode in [Mode::Hcra, Mode::Auto] {
        let mut settings = LinkSettings { mode, ..hcra() };
        settings.hcra.servers.clear();
        let mut rig = rig(settings);
        let ask = rig.see();
        let ask = rig.first_sent(ask);
        let effects = rig.hear(&reply_with_aftr(&ask));
        let question =
            Question { name: "aftr.example.net".into(), resolvers: vec!["2001:db8::53".parse().unwrap()] };
        assert!(effects.contains(&Effect::Resolve(Some(question))), "{effects:?}");
        assert!(rig.input(Input::Resolved(None)).iter().all(|e| !matches!(e, Effect::Open(Port::Cra6(_)))));
        let effects = rig.input(Input::Resolved(Some((vec![TSV, OTHER], Duration::from_secs(60)))));
        let to: Vec<_> = relayed(&effects).into_iter().map(|(_, to, _)| to).collect();
        assert_eq!(to, [TSV, OTHER], "{mode:?}");
        assert_eq!(rig.link.status().hcra.as_ref().unwrap().servers_from, "aftr-name");
        // No answer later on changes nothing; that there are none does.
        rig.input(Input::Resolved(None));
        assert_eq!(rig.link.status().hcra.as_ref().unwrap().servers, [TSV, OTHER]);
        rig.input(Input::Resolved(Some((Vec::new(), Duration::from_secs(60)))));
        assert_eq!(rig.link.status().hcra.as_ref().unwrap().waiting_for, Some("servers"), "{mode:?}");
    }
}

#[test]
fn with_needs_permit_the_agent_comes_and_goes_with_the_permit_d_04() {
    let mut settings = hcra();
    settings.hcra.needs_permit = true;
    let mut rig = rig(settings);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    assert!(relayed(&rig.effects).is_empty());
    let effects = rig.hear(&reply(&ask, None));
    assert!(relayed(&effects).is_empty());
    assert_eq!(rig.word(), (LinkState::NotEnabled, "no-permit"));
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    let effects = rig.hear(&reply(&ask, Some(&[])));
    rig.grant(effects);
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    rig.hear(&reply(&ask, None));
    rig.effects.clear();
    rig.pass(3000);
    assert!(relayed(&rig.effects).is_empty(), "not a word without it");
    assert_eq!(rig.word(), (LinkState::Degraded, "permit-withdrawn"));
}

#[test]
fn every_defect_of_an_answer_has_its_counter_hcra_15_to_20() {
    let mut rig = rig(hcra());
    let discover = rig.see();
    let discover = rig.first_relayed(discover);
    let offer = |edit: &dyn Fn(&mut v4::Outgoing)| answer(&discover, v4::MessageType::OFFER, edit);
    let good = offer(&|_| {});
    let with = |octet: usize, value: u8| {
        let mut octets = good.clone();
        octets[octet] = value;
        octets
    };
    let server = TSV.to_string();
    let cases: Vec<(&str, &str, Vec<u8>, Refused)> = vec![
        (
            "option 82",
            &server,
            offer(&|m| m.options.push((82, vec![1, 2, b'a', b'b']))),
            Refused::Option82InReply,
        ),
        ("op 1", &server, with(0, 1), Refused::OpUnsupported),
        ("op 3", &server, with(0, 3), Refused::OpUnsupported),
        ("op 4", &server, with(0, 4), Refused::OpUnsupported),
        ("op 4 and nothing else", &server, vec![4], Refused::OpUnsupported),
        ("nothing", &server, vec![], Refused::Malformed4),
        ("short", &server, good[..239].to_vec(), Refused::Malformed4),
        ("another xid", &server, with(4, good[4] ^ 1), Refused::Unsolicited),
        ("another server", "2001:db8:9::66", good.clone(), Refused::SourceRefused),
        ("from the link", "fe80::1", good.clone(), Refused::SourceRefused),
        ("from loopback", "::1", good.clone(), Refused::SourceRefused),
    ];
    for (name, from, payload, refused) in cases {
        let (before, deadline) = (rig.link.status().clone(), rig.link.deadline());
        assert_eq!(rig.hear_cra_from(from, own(1), &payload), [Effect::Refused(refused)], "{name}");
        assert_eq!((rig.link.status(), rig.link.deadline()), (&before, deadline), "{name}");
    }
    let mut elsewhere = |interface, to: Ipv6Addr| {
        let from = SocketAddrV6::new(TSV, 67, 0, 0);
        let via = Port::Cra6(own(1));
        rig.input(Input::Datagram(Datagram { via, interface, from, to, payload: &good }))
    };
    assert_eq!(elsewhere(8, own(1)), [Effect::Refused(Refused::WrongLink)]);
    assert_eq!(elsewhere(7, "ff02::1".parse().unwrap()), [Effect::Refused(Refused::MulticastDestination)]);
    assert_eq!(elsewhere(7, own(2)), [Effect::Refused(Refused::WrongDestination)]);
    rig.now = rig.now + Duration::from_secs(121);
    assert_eq!(rig.hear_cra(&good), [Effect::Refused(Refused::Unsolicited)], "after two minutes");
}

#[test]
fn an_answer_whose_client_identifier_is_anothers_is_for_nobody_hcra_25() {
    let endpoint = |name: &str| EndpointSettings { name: name.to_owned(), iaid: None };
    let endpoints = vec![endpoint("data"), endpoint("voice")];
    let mut rig = rig(LinkSettings { endpoints, ..hcra() });
    let effects = rig.see();
    let discovers = relayed(&effects);
    assert_eq!(discovers.len(), 2);
    let [data, voice] = [0, 1].map(|at: usize| discovers[at].2.clone());
    let mute = answer(&data, v4::MessageType::OFFER, |m| m.options.truncate(5));
    assert_eq!(rig.hear_cra(&mute), [Effect::Refused(Refused::NoClientIdEcho)], "HCRA-26");
    let stranger = answer(&data, v4::MessageType::OFFER, |m| m.options[5].1[4] ^= 0x40);
    assert_eq!(rig.hear_cra(&stranger), [Effect::Refused(Refused::ClientIdMismatch)]);
    let request = rig.hear_cra(&answer(&voice, v4::MessageType::OFFER, |_| {}));
    let request = rig.first_relayed(request);
    let id =
        |message: &[u8]| v4::Message::parse(message).unwrap().option(code::CLIENT_ID).unwrap().into_owned();
    assert_eq!(id(&request), id(&voice));
}

#[test]
fn while_the_address_is_gone_time_stands_still_and_what_is_pending_goes_on_e17() {
    let mut rig = rig(hcra());
    let discover = rig.see();
    let discover = rig.first_relayed(discover);
    rig.facts.addresses.pop();
    let gone = rig.see();
    assert!(gone.contains(&Effect::Close(Port::Cra6(own(1)))));
    assert_eq!(rig.word(), (LinkState::WaitIpv6, "no-global-address"));
    rig.effects.clear();
    rig.pass(600);
    assert!(relayed(&rig.effects).is_empty());
    assert_eq!(rig.link.status().client4.exchange.as_ref().unwrap().transmissions, 1, "no attempt wasted");
    rig.facts.addresses.push(global(2));
    let back = rig.see();
    assert!(back.contains(&Effect::Open(Port::Cra6(own(2)))));
    let again = relayed(&back);
    assert_eq!((again.len(), again[0].0), (1, own(2)), "at once, from the new address");
    let xid = |message: &[u8]| v4::Message::parse(message).unwrap().xid;
    assert_eq!(xid(&again[0].2), xid(&discover));
    rig.grant(back);
}

#[test]
fn what_is_pending_follows_the_address_but_not_more_than_once_in_ten_seconds_e17() {
    let mut rig = rig(hcra());
    rig.see();
    let mut sources = Vec::new();
    for subnet in [2, 3, 4] {
        rig.facts.addresses[1] = global(subnet);
        let effects = rig.see();
        sources.extend(relayed(&effects).into_iter().map(|(from, _, _)| from));
    }
    assert_eq!(sources, [own(2)]);
    let effects = rig.pass(10);
    assert!(relayed(&effects).iter().all(|(from, _, _)| *from == own(4)));
    assert!(!relayed(&effects).is_empty());
}

#[test]
fn a_bound_lease_is_renewed_through_the_agent_from_its_new_address_hcra_23_e17() {
    for (name, new) in [("in the same prefix", "2001:db8:1::2".parse().unwrap()), ("in another", own(2))] {
        let mut rig = rig(hcra());
        rig.grant_by_agent();
        rig.now = rig.now + Duration::from_secs(60);
        rig.facts.addresses[1].address = new;
        let effects = rig.see();
        let renewals = relayed(&effects);
        assert_eq!((renewals.len(), renewals[0].0), (1, new), "{name}");
        assert!(direct(&effects).is_empty(), "by IPv4 nobody would learn of the address");
        let renewal = v4::Message::parse(&renewals[0].2).unwrap();
        assert_eq!((renewal.kind(), renewal.ciaddr), (Some(v4::MessageType::REQUEST), LEASED), "{name}");
        rig.hear_cra(&answer(&renewals[0].2, v4::MessageType::ACK, |_| {}));
        assert_eq!(rig.word(), (LinkState::Bound, "lease"), "{name}");
        assert_eq!(rig.link.status().client4.lease.as_ref().unwrap().source, Some(new), "{name}");
        let later = rig.pass(600);
        assert!(relayed(&later).is_empty() && direct(&later).is_empty(), "{name}: once is enough");
    }
}

#[test]
fn a_change_of_servers_restarts_nothing_e16() {
    let mut rig = rig(hcra());
    rig.grant_by_agent();
    let mut changed = hcra();
    changed.hcra.servers = vec![OTHER];
    changed.hcra.renew = Renew::ViaCra;
    let effects = rig.input(Input::Settings(Box::new(changed)));
    assert!(!effects.contains(&Effect::Configure(EndpointId::FIRST, None)));
    assert!(relayed(&effects).iter().all(|(_, to, _)| *to == OTHER));
}

/// At T1, with the first transmission.
fn renewing(settings: LinkSettings) -> (Rig, Vec<Effect>) {
    let mut rig = rig(settings);
    rig.grant_by_agent();
    let at = rig.link.status().client4.lease.as_ref().unwrap().renew_at.unwrap();
    rig.now = at;
    let effects = rig.input(Input::Deadline);
    (rig, effects)
}

#[test]
fn a_renewal_goes_by_ipv4_from_the_lease_to_its_server_d_07_hcra_27() {
    let (mut rig, effects) = renewing(hcra());
    let port = Port::Direct4(EndpointId::FIRST, LEASED);
    assert!(effects.contains(&Effect::Open(port)));
    let sent = direct(&effects);
    assert_eq!((sent.len(), sent[0].0), (1, SocketAddrV6::new(SERVER_ID.to_ipv6_mapped(), 67, 0, 0)));
    assert!(relayed(&effects).is_empty());
    let renewal = v4::Message::parse(&sent[0].1).unwrap();
    assert_eq!((renewal.hops, renewal.ciaddr, renewal.giaddr), (0, LEASED, Ipv4Addr::UNSPECIFIED));
    let ack = answer(&sent[0].1, v4::MessageType::ACK, |_| {});
    let stranger = Ipv4Addr::new(198, 51, 100, 2);
    assert_eq!(rig.hear_direct(stranger, 67, &ack), [Effect::Refused(Refused::SourceRefused)]);
    assert_eq!(rig.hear_direct(SERVER_ID, 68, &ack), [Effect::Refused(Refused::SourceRefused)]);
    let effects = rig.hear_direct(SERVER_ID, 67, &ack);
    assert!(effects.contains(&Effect::Close(port)), "{effects:?}");
    assert!(kinds(&effects).contains(&"renewed"));
    assert_eq!(rig.hear_direct(SERVER_ID, 67, &ack), [Effect::Refused(Refused::Unsolicited)]);
}

#[test]
fn after_two_renewals_without_an_answer_the_next_go_through_the_agent_too_hcra_28() {
    let (mut rig, first) = renewing(hcra());
    let mut ways = vec![(direct(&first).len(), relayed(&first).len())];
    let mut last = Vec::new();
    while ways.len() < 4 {
        last = rig.wait(Duration::from_secs(1000));
        let way = (direct(&last).len(), relayed(&last).len());
        ways.extend(Some(way).filter(|way| *way != (0, 0)));
    }
    assert_eq!(ways, [(1, 0), (1, 0), (1, 1), (1, 1)]);
    let (by_agent, by_ipv4) = (relayed(&last).remove(0).2, direct(&last).remove(0).1);
    assert_eq!(by_agent[4..8], by_ipv4[4..8], "the same transaction");
    let effects = rig.hear_cra(&answer(&by_agent, v4::MessageType::ACK, |_| {}));
    assert!(kinds(&effects).contains(&"renewed"), "whichever answers first");
}

#[test]
fn rebinding_and_the_start_after_a_pause_go_through_the_agent_hcra_27() {
    let (mut rig, _) = renewing(hcra());
    let at = rig.link.status().client4.lease.as_ref().unwrap().rebind_at.unwrap();
    rig.pass(at.since(rig.now).as_secs() - 1);
    rig.effects.clear();
    let effects = rig.pass(2);
    assert_eq!(rig.word(), (LinkState::Rebinding, "t2"));
    assert!(direct(&effects).is_empty());
    let rebind = v4::Message::parse(&relayed(&effects)[0].2).unwrap().ciaddr;
    assert_eq!(rebind, LEASED);
    assert!(effects.contains(&Effect::Close(Port::Direct4(EndpointId::FIRST, LEASED))));

    let effects = rig.input(Input::Command(Command::Restart));
    let reboot = relayed(&effects).remove(0).2;
    let reboot = v4::Message::parse(&reboot).unwrap();
    assert_eq!(
        (reboot.ciaddr, reboot.address(code::REQUESTED_ADDRESS)),
        (Ipv4Addr::UNSPECIFIED, Some(LEASED))
    );
}

#[test]
fn where_ipv4_cannot_be_used_or_is_not_wanted_a_renewal_goes_through_the_agent() {
    let mut settings = hcra();
    settings.hcra.renew = Renew::ViaCra;
    let (_, effects) = renewing(settings);
    assert_eq!((direct(&effects).len(), relayed(&effects).len()), (0, 1), "not wanted");

    let mut rig = rig(hcra());
    rig.grant_by_agent();
    rig.input(Input::Configured(EndpointId::FIRST, Err(crate::machine::ConfigureError::NoTarget)));
    let effects = rig.input(Input::Command(Command::Renew));
    assert_eq!((direct(&effects).len(), relayed(&effects).len()), (0, 1), "not installed");

    let mut rig = self::rig(hcra());
    rig.grant_by_agent();
    let mut effects = Vec::new();
    rig.link.handle(rig.now, Input::Command(Command::Renew), &mut effects);
    let port = Port::Direct4(EndpointId::FIRST, LEASED);
    assert!(effects.contains(&Effect::Open(port)) && relayed(&effects).is_empty());
    rig.link.handle(rig.now, Input::Opened(port, Err(OpenError::InUse)), &mut effects);
    assert_eq!((direct(&effects).len(), relayed(&effects).len()), (0, 1), "no socket");
}

#[test]
fn a_release_goes_through_the_agent_before_the_address_goes() {
    let mut rig = rig(hcra());
    rig.grant_by_agent();
    let effects = rig.input(Input::Command(Command::Release));
    let release = relayed(&effects).remove(0).2;
    let release = v4::Message::parse(&release).unwrap();
    assert_eq!(
        (release.kind(), release.ciaddr, release.address(code::SERVER_ID)),
        (Some(v4::MessageType::RELEASE), LEASED, Some(SERVER_ID))
    );
    assert!(direct(&effects).is_empty());
    assert_eq!(kinds(&effects)[..2], ["send", "save"]);
}

#[test]
fn in_mode_auto_a_permit_decides_and_a_lease_moves_over_with_it() {
    let mut settings = LinkSettings { mode: Mode::Auto, ..hcra() };
    settings.dhcp4.request_options = vec![1, 3];
    let mut rig = rig(settings);
    let ask = rig.see();
    assert!(relayed(&rig.effects).is_empty(), "a DHCPv6 server has not said anything yet");
    let ask = rig.first_sent(ask);
    let effects = rig.hear(&reply(&ask, None));
    rig.grant(effects);
    assert!(rig.link.status().hcra.is_some());

    rig.effects.clear();
    // The permit comes: the lease is confirmed by 4o6, and the agent is gone.
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_dhcp6();
    let effects = rig.hear(&reply(&ask, Some(&[])));
    assert!(effects.contains(&Effect::Close(Port::Cra6(own(1)))), "{effects:?}");
    assert_eq!((rig.link.status().client4.transport, rig.link.status().hcra.clone()), ("4o6", None));
    let reboot = sent(&effects).into_iter().find(|payload| payload[0] == 20).unwrap();
    let inner = unwrapped(&reboot);
    assert_eq!(v4::Message::parse(&inner).unwrap().address(code::REQUESTED_ADDRESS), Some(LEASED));
    rig.effects.clear();
    rig.hear(&response(&reboot, v4::MessageType::ACK, |_| {}));
    assert!(relayed(&rig.effects).is_empty());

    // And goes again.
    rig.effects.clear();
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_dhcp6();
    let effects = rig.hear(&reply(&ask, None));
    let reboot = relayed(&effects).remove(0).2;
    assert_eq!(v4::Message::parse(&reboot).unwrap().address(code::REQUESTED_ADDRESS), Some(LEASED));
    rig.hear_cra(&answer(&reboot, v4::MessageType::ACK, |_| {}));
    assert_eq!(rig.word(), (LinkState::Bound, "lease"));
    assert!(!rig.effects.contains(&Effect::Configure(EndpointId::FIRST, None)), "IPv4 stays throughout");
}

#[test]
fn in_mode_auto_without_any_dhcpv6_server_the_agent_begins_after_ten_seconds() {
    let mut rig = rig(LinkSettings { mode: Mode::Auto, ..hcra() });
    rig.see();
    rig.pass(9);
    assert!(relayed(&rig.effects).is_empty());
    let effects = rig.pass(2);
    assert_eq!(kind(&relayed(&effects)[0].2), v4::MessageType::DISCOVER);
}

#[test]
fn a_response_of_4o6_is_not_heard_where_the_agent_is_the_way_sup_04() {
    let mut settings = hcra();
    settings.hcra.servers.clear();
    let mut rig = rig(settings);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let effects = rig.hear(&reply(&ask, Some(&[TSV])));
    let discover = relayed(&effects).remove(0).2;
    let offer = wrap(&answer(&discover, v4::MessageType::OFFER, |_| {}));
    assert_eq!(rig.hear(&offer), [Effect::Refused(Refused::NoPermit)]);
}

#[test]
fn a_native_client_keeps_the_agents_clients_from_starting_sup_04() {
    let mut rig = rig(hcra());
    rig.native = Err(OpenError::InUse);
    let effects = rig.see();
    assert!(relayed(&effects).is_empty());
    assert_eq!(rig.word(), (LinkState::Failed, "native-dhcp-active"));
    rig.native = Ok(());
    rig.grant(Vec::new());
}

#[test]
fn a_port_of_the_agent_that_cannot_be_had_is_a_named_failure_and_tried_again() {
    let mut rig = rig(hcra());
    let facts = Arc::new(rig.facts.clone());
    let mut effects = Vec::new();
    rig.link.handle(rig.now, Input::Link(&facts), &mut effects);
    rig.link.handle(rig.now, Input::Opened(Port::Client6, Ok(())), &mut effects);
    assert!(effects.contains(&Effect::Open(Port::Cra6(own(1)))));
    rig.link.handle(rig.now, Input::Opened(Port::Cra6(own(1)), Err(OpenError::InUse)), &mut effects);
    assert_eq!(rig.word(), (LinkState::Failed, "agent-port-in-use"));
    rig.native = Ok(());
    rig.link.handle(rig.now, Input::Opened(Port::Native4, Ok(())), &mut effects);
    let again = rig.pass(2);
    assert!(again.contains(&Effect::Open(Port::Cra6(own(1)))));
    rig.grant(again);
}

#[test]
fn the_lease_of_a_frozen_client_ends_in_its_time() {
    let mut rig = rig(hcra());
    rig.grant_by_agent();
    rig.facts.addresses.pop();
    rig.see();
    assert_eq!(rig.word(), (LinkState::Degraded, "no-global-address"));
    let effects = rig.pass(3601);
    assert!(kinds(&effects).ends_with(&["clear", "expired"]), "{:?}", kinds(&effects));
    rig.facts.addresses.push(global(1));
    let effects = rig.see();
    rig.grant(effects);
}

#[test]
fn mode_off_and_a_stop_leave_nothing_of_the_agent_behind() {
    for stop in [false, true] {
        let mut rig = rig(hcra());
        rig.grant_by_agent();
        let effects = if stop {
            rig.input(Input::Command(Command::Stop))
        } else {
            rig.input(Input::Settings(Box::new(LinkSettings { mode: Mode::Off, ..hcra() })))
        };
        assert!(effects.contains(&Effect::Close(Port::Cra6(own(1)))), "{effects:?}");
        assert!(effects.contains(&Effect::Configure(EndpointId::FIRST, None)), "{effects:?}");
        assert_eq!(rig.link.status().hcra, None);
    }
}

impl Rig {
    /// The next DHCPv6 message of the stage itself.
    fn first_dhcp6(&mut self) -> Vec<u8> {
        for _ in 0..20 {
            let stage = sent(&std::mem::take(&mut self.effects))
                .into_iter()
                .find(|payload| payload[0] == v6::MessageType::INFORMATION_REQUEST.0);
            if let Some(payload) = stage {
                return payload;
            }
            self.wait(Duration::from_secs(10));
        }
        panic!("nothing was asked");
    }
}
