//! Things that happen in an order nobody planned: in the end the link has its IPv4, or what it was told.

use super::*;

/// A link that has an IPv6 address of its own by rapid commit.
pub(super) fn stateful() -> LinkSettings {
    let mut settings = settings();
    settings.dhcp6.mode = Dhcp6Mode::Stateful;
    settings.dhcp6.rapid_commit = true;
    settings
}

/// As [`reply`], with an address for the IA_NA of the question.
pub(super) fn reply_with_address(ask: &[u8], servers: Option<&[Ipv6Addr]>) -> Vec<u8> {
    let asked = v6::Message::parse(ask).unwrap();
    let iaid = &asked.options.first(OptionCode::IA_NA).unwrap()[..4];
    let mut w = Writer::new();
    w.bytes(&reply(ask, servers));
    w.option6(OptionCode::RAPID_COMMIT, |_| {});
    w.option6(OptionCode::IA_NA, |w| {
        w.bytes(iaid).u32(1000).u32(1600);
        w.option6(OptionCode::IAADDR, |w| {
            w.ipv6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 0x18)).u32(2000).u32(3000);
        });
    });
    w.finish().unwrap()
}

pub(super) fn v6_types(effects: &[Effect]) -> Vec<u8> {
    sent(effects).iter().map(|payload| payload[0]).collect()
}

impl Rig {
    /// Up to a bound lease, with an IPv6 address.
    pub(super) fn bind_stateful(&mut self) {
        let ask = self.see();
        let ask = self.first_sent(ask);
        let discover = self.hear(&reply_with_address(&ask, Some(&[])));
        self.bind_by(discover);
    }

    /// Up to a bound lease, where a DISCOVER is among `effects`, or follows.
    fn bind_by(&mut self, effects: Vec<Effect>) {
        let discover = self.first_sent(effects);
        let request = self.hear(&response(&discover, v4::MessageType::OFFER, |_| {}));
        let request = self.first_sent(request);
        self.hear(&response(&request, v4::MessageType::ACK, |_| {}));
        assert_eq!(self.link.status().state, LinkState::Bound);
    }

    fn release_exchange_over(&mut self) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..20 {
            effects.extend(self.wait(Duration::from_secs(10)));
        }
        effects
    }
}

#[test]
fn a_link_that_is_started_again_while_it_gives_back_begins_when_that_is_done() {
    let mut rig = Rig::new(LinkSettings { release_on_stop: true, ..stateful() });
    rig.bind_stateful();
    rig.input(Input::Command(Command::Stop));
    rig.input(Input::Command(Command::Start));
    let effects = rig.release_exchange_over();
    let types = v6_types(&effects);
    assert!(types.contains(&v6::MessageType::SOLICIT.0), "{types:?} {:?}", rig.link.status().reason);
    assert_eq!(types.iter().filter(|kind| **kind == 20).count(), 0);
}

#[test]
fn a_change_of_settings_does_not_wake_a_link_that_is_stopping() {
    let mut rig = Rig::new(LinkSettings { release_on_stop: true, ..stateful() });
    rig.bind_stateful();
    let stop = rig.input(Input::Command(Command::Stop));
    assert!(v6_types(&stop).contains(&v6::MessageType::RELEASE.0));
    let other = LinkSettings { release_on_stop: true, max_servers: 3, ..stateful() };
    let mut after = rig.input(Input::Settings(Box::new(other)));
    after.extend(rig.release_exchange_over());
    let types = v6_types(&after);
    assert!(!types.is_empty(), "the Release goes on");
    assert!(types.iter().all(|kind| *kind == v6::MessageType::RELEASE.0), "{types:?}");
    assert!(after.contains(&Effect::Close(Port::Client6)));
    assert_eq!((rig.link.deadline(), rig.link.status().reason), (None, "stopped"));
}

#[test]
fn a_change_of_settings_does_not_cut_short_what_the_end_of_the_service_gives_back_e11() {
    let mut rig = Rig::new(LinkSettings { release_on_stop: true, ..stateful() });
    rig.bind_stateful();
    rig.input(Input::Command(Command::Shutdown));
    let other = LinkSettings { release_on_stop: true, max_servers: 3, ..stateful() };
    let after = rig.input(Input::Settings(Box::new(other)));
    assert!(!after.contains(&Effect::Stopped), "the Release has no answer yet");
    assert_eq!(rig.release_exchange_over().last(), Some(&Effect::Stopped));
}

#[test]
fn a_change_of_settings_while_an_address_is_checked_ends_the_check() {
    let (mut rig, _) = checking();
    let effects = rig.input(Input::Settings(Box::new(settings())));
    assert!(effects.contains(&Effect::Close(Port::Arp(EndpointId::FIRST))), "{effects:?}");
}

#[test]
fn a_check_begins_again_on_a_target_that_was_replaced_inst_14() {
    let (mut rig, _) = checking();
    rig.wait(Duration::from_secs(10));
    rig.facts.targets[0].as_mut().unwrap().index = 9;
    let other = HardwareAddress::ethernet([2, 0, 0x5e, 0x10, 0, 9]);
    rig.facts.targets[0].as_mut().unwrap().hardware = other.clone();
    let moved = rig.see();
    let open = moved.iter().position(|effect| *effect == Effect::Open(Port::Arp(EndpointId::FIRST)));
    let close = moved.iter().position(|effect| *effect == Effect::Close(Port::Arp(EndpointId::FIRST)));
    assert!(close.is_some() && close < open, "{moved:?}");
    rig.effects.clear();
    while rig.link.status().state != LinkState::Bound {
        rig.wait(Duration::from_secs(10));
    }
    let probe = Packet::probe(LEASED, other);
    assert_eq!(arp(&rig.effects)[..3], [probe.clone(), probe.clone(), probe], "all of them, from there");
}

#[test]
fn a_check_waits_for_a_target_that_went_away_inst_14() {
    let (mut rig, _) = checking();
    let target = rig.facts.targets[0].take();
    assert!(rig.see().contains(&Effect::Close(Port::Arp(EndpointId::FIRST))));
    rig.facts.targets[0] = target;
    assert!(rig.see().contains(&Effect::Open(Port::Arp(EndpointId::FIRST))));
    while rig.link.status().state != LinkState::Bound {
        rig.wait(Duration::from_secs(10));
    }
}

impl Rig {
    /// A router advertises another prefix, for which DHCPv6 asks again: its question.
    fn asked_again(&mut self, prefix: u16) -> Vec<u8> {
        let prefixes = vec![(Ipv6Addr::new(0x2001, 0xdb8, prefix, 0, 0, 0, 0, 0), 64)];
        self.facts.ra = Some(crate::facts::RouterAdvertisement { prefixes, ..Default::default() });
        self.now = self.now + Duration::from_secs(31);
        let effects = self.see();
        let queries = |effects: &[Effect]| v6_types(effects).into_iter().all(|kind| kind == 20);
        if queries(&effects) { self.next_v6() } else { self.first_sent(effects) }
    }

    /// The next message of DHCPv6 itself.
    pub(super) fn next_v6(&mut self) -> Vec<u8> {
        for _ in 0..20 {
            let sent = sent(&self.wait(Duration::from_secs(10)));
            if let Some(payload) = sent.into_iter().find(|payload| payload[0] != 20) {
                return payload;
            }
        }
        panic!("DHCPv6 says nothing; state {:?}", self.link.status());
    }
}

#[test]
fn a_lease_whose_confirmation_was_cut_short_is_confirmed_when_the_permit_returns_e3() {
    let mut rig = Rig::new(settings());
    let prefixes = vec![(Ipv6Addr::new(0x2001, 0xdb8, 1, 0, 0, 0, 0, 0), 64)];
    rig.facts.ra = Some(crate::facts::RouterAdvertisement { prefixes, ..Default::default() });
    rig.bind();
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    rig.hear(&reply(&ask, Some(&[])));
    assert_eq!(rig.link.status().client4.state, "rebooting");
    let ask = rig.asked_again(2);
    rig.hear(&reply(&ask, None));
    assert_eq!((rig.link.status().permit_state, rig.link.status().client4.state), ("withdrawn", "suspended"));
    let ask = rig.asked_again(3);
    rig.hear(&reply(&ask, Some(&[])));
    assert_eq!(rig.link.status().client4.state, "rebooting", "nobody has said yet that the lease holds here");
}

#[test]
fn a_remembered_lease_that_is_not_installed_does_not_hide_why_ipv4_waits() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let (record, now) = (rig.link.record.clone(), rig.now);
    let mut rig = Rig::with_record(settings(), record);
    rig.now = now;
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    rig.hear(&reply(&ask, None));
    let status = rig.link.status();
    assert!(status.client4.lease.is_some());
    assert_eq!((status.state, status.reason), (LinkState::NotEnabled, "permit-withdrawn"));
}

#[test]
fn a_link_on_which_4o6_is_switched_on_does_not_wait_for_t1_to_ask_for_it_c6_03() {
    let off = LinkSettings { mode: crate::settings::Mode::Off, ..stateful() };
    let mut rig = Rig::new(off);
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    rig.hear(&reply_with_address(&ask, None));
    assert_eq!(rig.link.status().reason, "mode-off");
    let began_at = rig.now;
    let confirm = rig.input(Input::Settings(Box::new(stateful())));
    let confirm = rig.first_sent(confirm);
    assert_eq!(confirm[0], v6::MessageType::CONFIRM.0);
    let renew = rig.hear(&reply(&confirm, None));
    let renew = rig.first_sent(renew);
    assert_eq!(renew[0], v6::MessageType::RENEW.0);
    let discover = rig.hear(&reply_with_address(&renew, Some(&[])));
    rig.bind_by(discover);
    assert!(rig.now.since(began_at) < Duration::from_secs(5), "T1 is at 1000 s");
}

#[test]
fn a_permit_of_a_profile_that_is_not_configured_any_more_is_no_permit_gen_17() {
    let mut rig = Rig::new(stateful());
    rig.bind_stateful();
    let other = LinkSettings { profile: crate::settings::Profile::Draft01, ..stateful() };
    let confirm = rig.input(Input::Settings(Box::new(other)));
    let confirm = rig.first_sent(confirm);
    rig.hear(&reply(&confirm, None));
    assert_eq!(rig.link.status().permit_state, "none");
}

#[test]
fn after_a_flap_to_another_network_the_lease_is_confirmed_and_not_just_used_e8() {
    let mut rig = Rig::new(stateful());
    rig.bind_stateful();
    rig.facts.carrier = false;
    rig.see();
    rig.now = rig.now + Duration::from_secs(1);
    rig.facts.carrier = true;
    let confirm = rig.see();
    let confirm = rig.first_sent(confirm);
    assert_eq!(confirm[0], v6::MessageType::CONFIRM.0);
    let mut not_on_link = reply(&confirm, None);
    not_on_link.extend([0, 13, 0, 2, 0, 4]);
    rig.hear(&not_on_link);
    let solicit = rig.next_v6();
    let solicit = if solicit[0] == v6::MessageType::CONFIRM.0 { rig.next_v6() } else { solicit };
    assert_eq!(solicit[0], v6::MessageType::SOLICIT.0, "{:?}", rig.link.status());
    assert!(rig.link.status().ipv4.is_some(), "IPv4 is kept until somebody denies it");
    rig.hear(&reply_with_address(&solicit, Some(&[])));
    assert_eq!(rig.link.status().client4.state, "rebooting");
}

#[test]
fn without_patience_for_flaps_a_lost_carrier_counts_at_once() {
    let mut rig = Rig::new(LinkSettings { flap_hold: Duration::ZERO, ..settings() });
    rig.bind();
    rig.facts.carrier = false;
    rig.see();
    assert!(rig.link.deadline().is_none_or(|at| at > rig.now), "a deadline lies in the future");
    assert_eq!(rig.link.status().permit_state, "suspended");
}

#[test]
fn a_withdrawn_permit_is_not_remembered_whenever_the_process_ends_c46_19() {
    let mut rig = Rig::new(settings());
    rig.bind();
    rig.wait(Duration::from_secs(10));
    rig.input(Input::Command(Command::Restart));
    let ask = rig.first_sent(Vec::new());
    let effects = rig.hear(&reply(&ask, None));
    let saved =
        effects.iter().any(|effect| matches!(effect, Effect::Save(record) if record.permit.is_none()));
    assert!(saved, "after a crash DHCPv6 may only be asked to confirm, which would revive it: {effects:?}");
}

#[test]
fn a_renewal_goes_from_bound_to_renewing_to_bound_and_nowhere_else() {
    let mut rig = Rig::new(settings());
    rig.bind();
    let mut effects = Vec::new();
    while rig.link.status().state == LinkState::Bound {
        effects = rig.wait(Duration::from_secs(4000));
    }
    let renew = sent(&effects).remove(0);
    effects.extend(rig.hear(&response(&renew, v4::MessageType::ACK, |_| {})));
    assert_eq!(states(&effects), [LinkState::Renewing, LinkState::Bound]);
    assert!(kinds(&effects).ends_with(&["save", "configure", "renewed"]), "{:?}", kinds(&effects));
}

#[test]
fn trying_a_taken_port_again_publishes_nothing_new() {
    let mut rig = Rig::new(settings());
    let facts = std::sync::Arc::new(rig.facts.clone());
    let mut effects = Vec::new();
    rig.link.handle(rig.now, Input::Link(&facts), &mut effects);
    rig.link.handle(rig.now, Input::Opened(Port::Client6, Err(OpenError::InUse)), &mut effects);
    effects.clear();
    rig.now = rig.link.deadline().unwrap();
    rig.link.handle(rig.now, Input::Deadline, &mut effects);
    assert!(effects.contains(&Effect::Open(Port::Client6)));
    assert!(states(&effects).is_empty(), "{:?}", states(&effects));
}

/// A global address of the link.
pub(super) fn global(subnet: u16) -> Address6 {
    Address6 { address: Ipv6Addr::new(0x2001, 0xdb8, subnet, 0, 0, 0, 0, 1), ..facts().addresses[0] }
}

/// Where the queries among `effects` leave from.
fn sources(effects: &[Effect]) -> Vec<Ipv6Addr> {
    let source = |effect: &Effect| match effect {
        Effect::Send { source, payload, .. } if payload[0] == 20 => *source,
        _ => None,
    };
    effects.iter().filter_map(source).collect()
}

#[test]
fn the_second_of_two_quick_changes_of_the_source_address_is_told_as_well_e5() {
    let mut rig = Rig::new(LinkSettings { rebind_on_source_change: true, ..settings() });
    rig.facts.addresses.push(global(1));
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let discover = rig.hear(&reply(&ask, Some(&[Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9)])));
    rig.bind_by(discover);
    rig.now = rig.now + Duration::from_secs(60);

    rig.facts.addresses[1] = global(2);
    let renew = rig.see();
    assert_eq!(sources(&renew), [global(2).address]);
    rig.hear(&response(&sent(&renew)[0], v4::MessageType::ACK, |_| {}));
    rig.now = rig.now + Duration::from_secs(4);
    rig.facts.addresses[1] = global(3);
    assert!(sources(&rig.see()).is_empty(), "at most one in ten seconds");
    let renew = rig.wait(Duration::from_secs(6));
    assert_eq!(sources(&renew), [global(3).address]);
    rig.hear(&response(&sent(&renew)[0], v4::MessageType::ACK, |_| {}));
    assert!(rig.wait(Duration::from_secs(1000)).is_empty(), "and then there is peace until T1");
}

#[test]
fn a_change_of_the_source_address_that_concerns_nobody_wakes_nobody_e5() {
    let mut rig = Rig::new(settings());
    rig.facts.addresses.push(global(1));
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let discover = rig.hear(&reply(&ask, Some(&[Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 9)])));
    rig.bind_by(discover);
    rig.wait(Duration::from_secs(60));
    for subnet in [2, 3] {
        rig.facts.addresses[1] = global(subnet);
        rig.see();
        assert!(rig.wait(Duration::from_secs(60)).is_empty());
    }
}

#[test]
fn no_command_in_any_order_sends_a_query_without_a_permit_c46_19() {
    use Command::{Rebind, Release, Renew, Restart, Resumed, Start, Stop};
    let commands = [Start, Stop, Renew, Rebind, Release, Restart, Resumed];
    for first in commands {
        for second in commands {
            for third in commands {
                let mut rig = Rig::new(LinkSettings { release_on_stop: true, ..settings() });
                let ask = rig.see();
                let ask = rig.first_sent(ask);
                rig.hear(&reply(&ask, None));
                for command in [first, second, third] {
                    rig.input(Input::Command(command));
                    rig.wait(Duration::from_secs(5));
                    assert!(rig.link.deadline().is_none_or(|at| at > rig.now));
                }
                assert!(!v6_types(&rig.effects).contains(&20), "{first:?} {second:?} {third:?}");
            }
        }
    }
}

#[test]
fn after_any_commands_a_start_leads_to_a_lease() {
    use Command::{Rebind, Release, Renew, Restart, Resumed, Start, Stop};
    let commands = [Start, Stop, Renew, Rebind, Release, Restart, Resumed];
    for settings in [stateful(), LinkSettings { release_on_stop: true, ..stateful() }] {
        for first in commands {
            for second in commands {
                let mut rig = Rig::new(settings.clone());
                rig.bind_stateful();
                rig.input(Input::Command(first));
                rig.input(Input::Command(second));
                rig.input(Input::Command(Start));
                assert!(rig.serve(), "{first:?} {second:?}: {:?}", rig.link.status());
            }
        }
    }
}

impl Rig {
    /// Answers everything for some time, as a good server. True when the link is bound in the end.
    fn serve(&mut self) -> bool {
        let mut questions = sent(&self.effects);
        questions.drain(..questions.len().saturating_sub(2));
        for _ in 0..60 {
            let effects = match questions.pop() {
                Some(question) => self.answer(&question),
                None => self.wait(Duration::from_secs(10)),
            };
            questions.extend(sent(&effects));
        }
        self.link.status().state == LinkState::Bound && self.link.status().ipv4.is_some()
    }

    fn answer(&mut self, question: &[u8]) -> Vec<Effect> {
        let dhcp4 = || {
            let query = v6::Message::parse(question).unwrap();
            v4::Message::parse(query.options.first(OptionCode::DHCPV4_MSG).unwrap()).unwrap().kind()
        };
        match v6::MessageType(question[0]) {
            v6::MessageType::DHCPV4_QUERY => match dhcp4() {
                Some(v4::MessageType::DISCOVER) => {
                    self.hear(&response(question, v4::MessageType::OFFER, |_| {}))
                }
                Some(v4::MessageType::REQUEST) => {
                    self.hear(&response(question, v4::MessageType::ACK, |_| {}))
                }
                _ => Vec::new(),
            },
            v6::MessageType::CONFIRM | v6::MessageType::RELEASE => self.hear(&reply(question, None)),
            _ => self.hear(&reply_with_address(question, Some(&[]))),
        }
    }
}

type Disturbance = (&'static str, fn(&mut Rig));

/// Things that happen to a link, each by its name.
const DISTURBANCES: [Disturbance; 14] = [
    ("stop", |rig| drop(rig.input(Input::Command(Command::Stop)))),
    ("restart", |rig| drop(rig.input(Input::Command(Command::Restart)))),
    ("release", |rig| drop(rig.input(Input::Command(Command::Release)))),
    ("resumed", |rig| drop(rig.input(Input::Command(Command::Resumed)))),
    ("flap", |rig| {
        rig.facts.carrier = !rig.facts.carrier;
        rig.see();
    }),
    ("target", |rig| {
        rig.facts.targets[0] = match rig.facts.targets[0].take() {
            Some(_) => None,
            None => facts().targets[0].clone().map(|target| Target { index: 12, ..target }),
        };
        rig.see();
    }),
    ("link", |rig| {
        rig.facts.index = if rig.facts.index == 7 { 0 } else { 7 };
        rig.see();
    }),
    ("link-local", |rig| {
        rig.facts.addresses = if rig.facts.addresses.is_empty() { facts().addresses } else { Vec::new() };
        rig.see();
    }),
    ("settings", |rig| {
        let conflict_detection = !rig.link.settings.dhcp4.conflict_detection;
        let mut settings = rig.link.settings.clone();
        settings.dhcp4.conflict_detection = conflict_detection;
        rig.input(Input::Settings(Box::new(settings)));
    }),
    ("mode", |rig| {
        let mode = match rig.link.settings.mode {
            crate::settings::Mode::Off => crate::settings::Mode::Auto,
            _ => crate::settings::Mode::Off,
        };
        let settings = LinkSettings { mode, ..rig.link.settings.clone() };
        rig.input(Input::Settings(Box::new(settings)));
    }),
    ("address", |rig| drop(rig.input(Input::AddressRemoved(EndpointId::FIRST)))),
    ("refused", |rig| {
        drop(rig.input(Input::Configured(EndpointId::FIRST, Err(crate::machine::ConfigureError::NoTarget))))
    }),
    ("native", |rig| rig.native = Err(OpenError::InUse)),
    ("time", |rig| drop(rig.wait(Duration::from_secs(6)))),
];

#[test]
fn after_any_three_disturbances_a_link_finds_its_way_back_to_ipv4() {
    for hold in [false, true] {
        for one in DISTURBANCES {
            for two in DISTURBANCES {
                for three in DISTURBANCES {
                    let mut rig = Rig::new(LinkSettings { release_on_stop: hold, ..stateful() });
                    rig.bind_stateful();
                    let names = [one.0, two.0, three.0];
                    for (_, disturb) in [one, two, three] {
                        disturb(&mut rig);
                        assert!(rig.link.deadline().is_none_or(|at| at > rig.now), "{names:?}");
                    }
                    // Everything is well again.
                    rig.native = Ok(());
                    rig.facts = facts();
                    rig.see();
                    rig.input(Input::Settings(Box::new(stateful())));
                    rig.input(Input::Configured(EndpointId::FIRST, Ok(())));
                    rig.input(Input::Command(Command::Start));
                    assert!(rig.serve(), "{names:?}: {:?}", rig.link.status());
                }
            }
        }
    }
}
