//! Where queries may go, and whose word counts.

use super::order::{global, reply_with_address, stateful, v6_types};
use super::*;

#[test]
fn without_a_target_no_discover_is_sent_until_there_is_one_c46_25_sup_05() {
    let mut rig = Rig::new(settings());
    let target = rig.facts.targets[0].take();
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let mut effects = rig.hear(&reply(&ask, Some(&[])));
    effects.extend(rig.wait(Duration::from_secs(100)));
    assert!(!v6_types(&effects).contains(&20));
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Failed, "no-target"));
    rig.facts.targets[0] = target;
    assert_eq!(v6_types(&rig.see()), [20]);
}

#[test]
fn a_link_local_server_is_asked_on_the_link_of_the_permit_c46_10() {
    let mut rig = Rig::new(settings());
    rig.facts.addresses.push(global(1));
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let effects = rig.hear(&reply(&ask, Some(&[SERVER])));
    let query = effects.iter().find_map(|effect| match effect {
        Effect::Send { source, to, payload, .. } if payload[0] == 20 => Some((*source, *to)),
        _ => None,
    });
    assert_eq!(query, Some((Some(US), SocketAddrV6::new(SERVER, 547, 0, 7))));
}

#[test]
fn in_draft01_the_outer_transaction_id_is_that_of_the_query_c46_22_c46_03() {
    let mut rig = Rig::new(LinkSettings { profile: crate::settings::Profile::Draft01, ..settings() });
    let points = crate::settings::Draft01::default();
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let mut enabled = reply(&ask, None);
    enabled.extend([&points.enable.to_be_bytes()[..], &[0, 0]].concat());
    let discover = rig.hear(&enabled);
    let discover = rig.first_sent(discover);
    let again = sent(&rig.wait(Duration::from_secs(10))).remove(0);
    assert_eq!(
        (discover[0], &discover[1..4]),
        (points.request, &again[1..4]),
        "retransmissions have the same"
    );
    assert_ne!(discover[1..4], [0; 3]);

    let mut offer = response(&in_rfc7341(&discover), v4::MessageType::OFFER, |_| {});
    offer[0] = points.reply;
    offer[4..6].copy_from_slice(&points.message.to_be_bytes());
    offer[1..4].copy_from_slice(&discover[1..4]);
    let mut wrong = offer.clone();
    wrong[3] ^= 1;
    assert_eq!(rig.hear(&wrong), [Effect::Refused(Refused::XidMismatch)]);
    assert_eq!(v6_types(&rig.hear(&offer)), [points.request]);
}

/// A query of draft01 as RFC 7341 would have it.
fn in_rfc7341(query: &[u8]) -> Vec<u8> {
    let mut query = query.to_vec();
    query[0] = v6::MessageType::DHCPV4_QUERY.0;
    query[4..6].copy_from_slice(&OptionCode::DHCPV4_MSG.0.to_be_bytes());
    query
}

#[test]
fn what_only_servers_and_relay_agents_receive_is_refused_c6_32() {
    let mut rig = Rig::new(settings());
    rig.bind();
    for kind in [1, 3, 4, 5, 6, 8, 9, 11, 12, 13, 20] {
        let effects = rig.hear(&[kind, 0, 0, 1]);
        assert_eq!(effects, [Effect::Refused(Refused::WrongDirection)], "type {kind}");
    }
}

#[test]
fn a_reply_to_a_multicast_address_is_refused_c6_33() {
    let mut rig = Rig::new(settings());
    let ask = rig.see();
    let ask = rig.first_sent(ask);
    let payload = reply(&ask, Some(&[]));
    let (from, to) = (SocketAddrV6::new(SERVER, 547, 0, 7), Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1));
    let datagram = Datagram { via: Port::Client6, interface: 7, from, to, payload: &payload };
    assert_eq!(rig.input(Input::Datagram(datagram)), [Effect::Refused(Refused::MulticastDestination)]);
    assert_eq!(v6_types(&rig.hear(&payload)), [20], "the exchange goes on");
}

#[test]
fn after_the_permit_expired_a_reply_without_it_is_what_is_shown_e4() {
    let mut rig = Rig::new(stateful());
    rig.bind_stateful();
    while rig.link.status().permit_state != "expired" {
        rig.wait(Duration::from_secs(4000));
    }
    let solicit = rig.next_v6();
    rig.hear(&reply_with_address(&solicit, None));
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::Degraded, "permit-withdrawn")
    );
}
