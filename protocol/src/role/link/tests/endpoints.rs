//! Several IPv4 identities on one link (draft-ietf-dhc-dhcpv4-over-ipv6, appendix B).

use super::*;
use crate::machine::ConfigureError;
use crate::settings::EndpointSettings;
use crate::status::EndpointStatus;
use std::collections::BTreeSet;

fn with_endpoints(names: &[&str]) -> LinkSettings {
    let endpoint = |name: &&str| EndpointSettings { name: (*name).to_owned(), iaid: None };
    LinkSettings { endpoints: names.iter().map(endpoint).collect(), ..settings() }
}

fn rig(names: &[&str]) -> Rig {
    let mut rig = Rig::new(with_endpoints(names));
    rig.facts.targets = vec![rig.facts.targets[0].clone(); names.len()];
    rig
}

/// DHCPv4 messages among `effects`, with the client identifier of each.
fn queries(effects: &[Effect]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let queries = sent(effects).into_iter().filter(|payload| payload[0] == 20);
    queries
        .map(|query| {
            let inner = unwrapped(&query);
            let id = v4::Message::parse(&inner).unwrap().option(v4::code::CLIENT_ID).unwrap().into_owned();
            (id, query)
        })
        .collect()
}

/// What a server with an address for every client says.
fn serve(query: &[u8], edit: impl Fn(&mut v4::Outgoing)) -> Vec<u8> {
    let inner = unwrapped(query);
    let ask = v4::Message::parse(&inner).unwrap();
    let kind = match ask.kind() {
        Some(v4::MessageType::DISCOVER) => v4::MessageType::OFFER,
        _ => v4::MessageType::ACK,
    };
    let id = ask.option(v4::code::CLIENT_ID).unwrap().into_owned();
    let host = 20 + id.iter().fold(0u8, |sum, octet| sum.wrapping_mul(31).wrapping_add(*octet)) % 200;
    response(query, kind, |answer| {
        answer.yiaddr = Ipv4Addr::new(192, 0, 2, host);
        edit(answer);
    })
}

impl Rig {
    /// Up to the DISCOVERs of all endpoints.
    fn discover(&mut self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let ask = self.see();
        let ask = self.first_sent(ask);
        let effects = self.hear(&reply(&ask, Some(&[])));
        queries(&effects)
    }

    /// Answers whatever is asked until nothing is.
    fn serve_all(&mut self, mut asked: Vec<(Vec<u8>, Vec<u8>)>) {
        while let Some((_, query)) = asked.pop() {
            let effects = self.hear(&serve(&query, |_| {}));
            asked.extend(queries(&effects));
        }
    }

    fn endpoints(&self) -> Vec<EndpointStatus> {
        self.link.status().endpoints.clone()
    }
}

fn addresses(rig: &Rig) -> BTreeSet<Ipv4Addr> {
    rig.endpoints().iter().filter_map(|endpoint| Some(endpoint.ipv4.as_ref()?.address)).collect()
}

#[test]
fn three_endpoints_have_three_leases_by_three_client_identifiers_hcra_24() {
    let mut rig = rig(&["data", "voice", "iptv"]);
    let discovers = rig.discover();
    let ids: BTreeSet<_> = discovers.iter().map(|(id, _)| id.clone()).collect();
    assert_eq!((discovers.len(), ids.len()), (3, 3));
    let duids: BTreeSet<_> = ids.iter().map(|id| id[5..].to_vec()).collect();
    assert_eq!(duids.len(), 1, "one DUID, three IAIDs");
    assert!(ids.contains([&[0xff, 0x5e, 0x10, 0, 1][..], duids.first().unwrap()].concat().as_slice()));
    rig.serve_all(discovers);
    assert_eq!(addresses(&rig).len(), 3);
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Bound, "lease"));
    let names: Vec<_> = rig.endpoints().into_iter().map(|endpoint| endpoint.name).collect();
    assert_eq!(names, ["data", "voice", "iptv"]);
    assert_eq!(rig.link.status().ipv4, rig.endpoints()[0].ipv4);
}

#[test]
fn a_reply_reaches_the_endpoint_whose_client_identifier_it_returns_hcra_25() {
    let mut rig = rig(&["data", "voice"]);
    let discovers = rig.discover();
    let before = rig.endpoints();
    // To the second, with the first's transaction id: nobody's.
    let xid = |query: &[u8]| v4::Message::parse(&unwrapped(query)).unwrap().xid;
    let first = xid(&discovers[0].1);
    let crossed = serve(&discovers[1].1, |answer| answer.xid = first);
    assert_eq!(rig.hear(&crossed), [Effect::Refused(Refused::XidMismatch)]);
    let stranger = serve(&discovers[0].1, |answer| answer.options[5].1[4] ^= 0x80);
    assert_eq!(rig.hear(&stranger), [Effect::Refused(Refused::ClientIdMismatch)]);
    assert_eq!(rig.endpoints(), before);
    let effects = rig.hear(&serve(&discovers[1].1, |_| {}));
    assert_eq!(queries(&effects)[0].0, discovers[1].0, "the second goes on, the first does not");
    assert_eq!(rig.endpoints()[0], before[0]);
}

#[test]
fn without_a_client_identifier_a_reply_is_for_nobody_hcra_26_v4_07() {
    let mut rig = rig(&["data", "voice"]);
    let discovers = rig.discover();
    let before = rig.endpoints();
    let mute = |query: &[u8]| serve(query, |answer| answer.options.truncate(5));
    for _ in 0..2 {
        assert_eq!(rig.hear(&mute(&discovers[0].1)), [Effect::Refused(Refused::NoClientIdEcho)]);
    }
    assert_eq!(rig.endpoints(), before);
    // One with it between them shows that the server knows how.
    rig.hear(&serve(&discovers[1].1, |_| {}));
    for _ in 0..2 {
        assert_eq!(rig.hear(&mute(&discovers[0].1)), [Effect::Refused(Refused::NoClientIdEcho)]);
    }
    assert_ne!(rig.endpoints()[1].reason, "server-lacks-6842");
}

#[test]
fn after_three_replies_without_client_identifier_the_first_endpoint_goes_on_alone_d_09() {
    let mut rig = rig(&["data", "voice", "iptv"]);
    let discovers = rig.discover();
    let mute = |query: &[u8]| serve(query, |answer| answer.options.truncate(5));
    // Whoever does not know what was asked cannot bring that about.
    let blind = serve(&discovers[0].1, |answer| {
        answer.options.truncate(5);
        answer.xid.0 ^= 1;
    });
    for _ in 0..5 {
        assert_eq!(rig.hear(&blind), [Effect::Refused(Refused::NoClientIdEcho)]);
    }
    for _ in 0..2 {
        rig.hear(&mute(&discovers[0].1));
    }
    let third = rig.hear(&mute(&discovers[0].1));
    assert!(third.contains(&Effect::Refused(Refused::NoClientIdEcho)));
    let noted = rig.link.status().last_error.clone().unwrap();
    assert_eq!(noted.name, "server-lacks-6842");
    for other in &rig.endpoints()[1..] {
        assert_eq!((other.state, other.reason), (LinkState::Failed, "server-lacks-6842"));
        assert_eq!(other.client4.waiting_for, Some("server-lacks-6842"));
    }
    let request = rig.hear(&mute(&discovers[0].1));
    let request = queries(&request).remove(0).1;
    rig.hear(&mute(&request));
    assert_eq!(rig.endpoints()[0].state, LinkState::Bound);
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::Degraded, "endpoints-failed")
    );
    rig.effects.clear();
    rig.wait(Duration::from_secs(600));
    assert!(queries(&rig.effects).is_empty(), "the others say nothing");
    // Another server may be there after a while.
    rig.facts.carrier = false;
    rig.see();
    rig.now = rig.now + Duration::from_secs(10);
    rig.input(Input::Deadline);
    rig.facts.carrier = true;
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let effects = rig.hear(&reply(&ask, Some(&[])));
    assert_eq!(queries(&effects).len(), 3);
}

#[test]
fn two_endpoints_never_have_the_same_address() {
    let mut rig = rig(&["data", "voice"]);
    let discovers = rig.discover();
    let same = |query: &[u8]| serve(query, |answer| answer.yiaddr = LEASED);
    let [first, second] = [0, 1].map(|at: usize| {
        let effects = rig.hear(&same(&discovers[at].1));
        queries(&effects).remove(0).1
    });
    rig.hear(&same(&first));
    assert_eq!(rig.endpoints()[0].state, LinkState::Bound);
    assert_eq!(rig.hear(&same(&second)), [Effect::Refused(Refused::BadAck)], "both were offered it");
    assert_eq!(addresses(&rig), [LEASED].into());
    let effects = rig.wait(Duration::from_secs(10));
    let again = queries(&effects).remove(0).1;
    rig.hear(&serve(&again, |_| {}));
    assert_eq!(addresses(&rig).len(), 2);
}

#[test]
fn one_endpoint_loses_its_lease_and_gets_another_while_the_others_stay() {
    let mut rig = rig(&["data", "voice", "iptv"]);
    let discovers = rig.discover();
    rig.serve_all(discovers);
    rig.effects.clear();
    // Somebody takes the address of the second away, twice.
    rig.input(Input::AddressRemoved(EndpointId(1)));
    rig.now = rig.now + Duration::from_secs(10);
    rig.input(Input::AddressRemoved(EndpointId(1)));
    assert_eq!(rig.endpoints()[1].reason, "address-removed");
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::Degraded, "endpoints-failed")
    );
    let mut asked = Vec::new();
    while asked.is_empty() {
        let effects = rig.wait(Duration::from_secs(100));
        asked = queries(&effects);
    }
    rig.serve_all(asked);
    assert_eq!(rig.link.status().state, LinkState::Bound);
    let touched = rig.effects.iter().filter_map(|effect| match effect {
        Effect::Configure(id, _) | Effect::Notify(id, _) => Some(*id),
        _ => None,
    });
    assert_eq!(touched.collect::<BTreeSet<_>>(), [EndpointId(1)].into());
}

#[test]
fn an_outcome_concerns_the_endpoint_it_is_of() {
    let mut rig = rig(&["data", "voice"]);
    let discovers = rig.discover();
    rig.serve_all(discovers);
    rig.input(Input::Configured(EndpointId(1), Err(ConfigureError::NoTarget)));
    let states: Vec<_> = rig.endpoints().iter().map(|endpoint| endpoint.state).collect();
    assert_eq!(states, [LinkState::Bound, LinkState::Degraded]);
    // Nobody is there.
    rig.input(Input::Configured(EndpointId(7), Ok(())));
    rig.input(Input::AddressRemoved(EndpointId(7)));
    rig.input(Input::Opened(Port::Arp(EndpointId(7)), Err(OpenError::NoLink)));
}

#[test]
fn leases_of_all_endpoints_are_found_again_after_a_restart_in_any_order() {
    let mut rig = rig(&["data", "voice", "iptv"]);
    let discovers = rig.discover();
    rig.serve_all(discovers);
    let had: Vec<_> = rig.endpoints().iter().map(|e| (e.name.clone(), e.client4.lease.clone())).collect();
    let kept = rig.effects.iter().rev().find_map(|effect| match effect {
        Effect::Save(record) => Some((**record).clone()),
        _ => None,
    });

    let mut again = Rig::with_record(with_endpoints(&["iptv", "data"]), kept.unwrap());
    again.now = rig.now + Duration::from_secs(5);
    let ours4 = had.iter().map(|(_, lease)| lease.as_ref().unwrap().address).collect();
    let target = Target { ours4, ..rig.facts.targets[0].clone().unwrap() };
    again.facts.targets = vec![Some(target); 2];
    let effects = again.see();
    let adopted: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Configure(id, config) => Some((*id, config.as_ref().map(|config| config.address))),
            _ => None,
        })
        .collect();
    let address = |at: usize| had[at].1.as_ref().map(|lease| lease.address);
    assert_eq!(adopted, [(EndpointId(0), address(2)), (EndpointId(1), address(0))]);
    for endpoint in again.endpoints() {
        let (_, lease) = had.iter().find(|(name, _)| *name == endpoint.name).unwrap();
        assert_eq!(endpoint.client4.lease, *lease, "{}", endpoint.name);
    }
}

#[test]
fn a_changed_list_of_endpoints_clears_what_is_gone_and_keeps_what_stays() {
    let mut rig = rig(&["data", "voice"]);
    let discovers = rig.discover();
    rig.serve_all(discovers);
    let voice = rig.endpoints()[1].client4.lease.clone().unwrap();
    let effects = rig.input(Input::Settings(Box::new(with_endpoints(&["data", "iptv"]))));
    assert!(effects.contains(&Effect::Configure(EndpointId(1), None)), "{effects:?}");
    let touched = effects.iter().any(|effect| matches!(effect, Effect::Configure(EndpointId(0), _)));
    assert!(!touched, "the first is not concerned");
    let iptv = rig.endpoints()[1].clone();
    assert_eq!((iptv.name.as_str(), iptv.client4.lease), ("iptv", None));
    rig.input(Input::Settings(Box::new(with_endpoints(&["data", "voice"]))));
    assert_eq!(rig.endpoints()[1].client4.lease, Some(voice));
}

#[test]
fn sixteen_endpoints_all_find_their_leases() {
    let names: Vec<String> = (0..16).map(|n| format!("endpoint{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut rig = rig(&names);
    let discovers = rig.discover();
    assert_eq!(discovers.len(), 16, "the limit on what a link sends is one for each");
    let mut host = 20;
    let mut asked = discovers;
    let mut given = std::collections::BTreeMap::new();
    while let Some((id, query)) = asked.pop() {
        let address = *given.entry(id).or_insert_with(|| {
            host += 1;
            Ipv4Addr::new(192, 0, 2, host)
        });
        let effects = rig.hear(&serve(&query, |answer| answer.yiaddr = address));
        asked.extend(queries(&effects));
    }
    assert_eq!(addresses(&rig).len(), 16);
    assert_eq!(rig.link.status().state, LinkState::Bound);
}
