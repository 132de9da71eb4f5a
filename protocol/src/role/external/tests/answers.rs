//! What the client gets.

use super::*;

fn answered(options: &[(u8, &[u8])], asked: &[u8], way: &Back) -> Vec<u8> {
    let agent = agent_of(asked, way);
    let mut all = options.to_vec();
    all.push((code::RELAY_AGENT, &agent));
    offer(&all)
}

#[test]
fn an_answer_comes_back_as_if_the_client_had_asked_itself() {
    for way in [direct(), relayed(8), relayed(100)] {
        let answer =
            answered(&[(51, &[0, 0, 14, 16]), (61, &CLIENT_ID), (6, &[1, 2, 3, 4])], &discover(), &way);
        let (found, octets) = back(&answer).unwrap();
        assert_eq!(found, way);
        let mut expected = offer(&[(51, &[0, 0, 14, 16]), (61, &CLIENT_ID), (6, &[1, 2, 3, 4])]);
        expected[24..28].fill(0);
        assert_eq!(octets, expected);
        assert_eq!(octets.len(), 300);
    }
}

#[test]
fn a_client_identifier_that_the_server_left_out_is_put_back() {
    let (_, octets) = back(&answered(&[(3, &[192, 0, 2, 1])], &discover(), &direct())).unwrap();
    assert_eq!(options(&octets).last(), Some(&(61, CLIENT_ID.to_vec())));
    let (_, octets) = back(&answered(&[(61, &[9, 9])], &discover(), &direct())).unwrap();
    assert_eq!(Message::parse(&octets).unwrap().option(61).as_deref(), Some(&[9, 9][..]));
    // There was none, and there was no room for it.
    let without = message(v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED, vec![(53, vec![1])]);
    for (asked, way) in [(without, direct()), (discover(), relayed(100))] {
        let (_, octets) = back(&answered(&[], &asked, &way)).unwrap();
        assert_eq!(Message::parse(&octets).unwrap().option(61), None);
    }
}

#[test]
fn giaddr_and_hops_are_the_clients_again_s46_13() {
    let inner = Ipv4Addr::new(203, 0, 113, 9);
    let asked = message(v4::BOOTREQUEST, inner, vec![(53, vec![1])]);
    let mut answer = answered(&[], &asked, &direct());
    answer[3] = 1;
    let (_, octets) = back(&answer).unwrap();
    let message = Message::parse(&octets).unwrap();
    assert_eq!((message.giaddr, message.hops), (inner, 0));
    let (_, octets) = back(&answered(&[], &discover(), &direct())).unwrap();
    let message = Message::parse(&octets).unwrap();
    assert_eq!((message.giaddr, message.hops), (Ipv4Addr::UNSPECIFIED, 0));
}

#[test]
fn each_defect_of_an_answer_alone_is_silence() {
    let good = answered(&[], &discover(), &direct());
    assert!(back(&good).is_ok());
    for stranger in ["10.0.0.3", "192.0.2.1", "255.255.255.255"] {
        assert_eq!(back_by(&engine(), stranger, &good), Err(Refused::UnknownServer), "{stranger}");
    }
    let with = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut octets = good.clone();
        change(&mut octets);
        back(&octets).unwrap_err()
    };
    assert_eq!(with(&|octets| octets[0] = 1), Refused::OpUnsupported);
    assert_eq!(with(&|octets| octets[24] ^= 1), Refused::ForeignGiaddr);
    assert_eq!(with(&|octets| octets[24..28].fill(0)), Refused::ForeignGiaddr);
    assert_eq!(with(&|octets| octets[4] ^= 1), Refused::Unsolicited, "another transaction id");
    assert_eq!(with(&|octets| octets[30] ^= 1), Refused::Unsolicited, "another client");
    assert_eq!(with(&|octets| octets[2] = 7), Refused::Unsolicited, "another client");
    assert_eq!(with(&|octets| octets[236] ^= 1), Refused::Malformed4);
    for kind in [1, 3, 4, 7, 8, 9, 13] {
        assert_eq!(with(&|octets| octets[242] = kind), Refused::Unsupported4, "{kind}");
    }
    for end in 0..240 {
        assert_eq!(with(&|octets| octets.truncate(end)), Refused::Malformed4, "{end}");
    }
}

#[test]
fn an_answer_without_our_part_is_silence() {
    assert_eq!(back(&offer(&[])), Err(Refused::NoWayBack));
    for value in [&[][..], &[1, 1, 7], &[219, 1, 7, 221, 1, 7], &[220], &[220, 9, 1]] {
        assert_eq!(back(&offer(&[(82, value)])), Err(Refused::NoWayBack), "{value:?}");
    }
    let agent = agent_of(&discover(), &direct());
    let twice = [&agent[..], &agent].concat();
    assert_eq!(back(&offer(&[(82, &twice)])), Err(Refused::Unsolicited));
    let (code, value) = AgentInformation::parse(&agent).unwrap().iter().next().unwrap();
    let longer = agent::emit(&[(code, &[value, &[0]].concat())]).unwrap();
    assert_eq!(back(&offer(&[(82, &longer)])), Err(Refused::Unsolicited));
}

#[test]
fn no_changed_octet_of_our_part_is_taken_for_ours_v6() {
    for way in [direct(), relayed(8)] {
        let agent = agent_of(&discover(), &way);
        for at in 0..agent.len() {
            for bit in 0..8 {
                let mut changed = agent.clone();
                changed[at] ^= 1 << bit;
                assert!(back(&offer(&[(82, &changed)])).is_err(), "octet {at}, bit {bit}");
            }
        }
        for end in 2..agent.len() {
            let mut cut = agent[..end].to_vec();
            cut[1] = u8::try_from(end - 2).unwrap();
            assert_eq!(back(&offer(&[(82, &cut)])), Err(Refused::Unsolicited), "{end}");
        }
    }
}

#[test]
fn any_front_with_the_secret_takes_the_answer_and_no_other() {
    let answer = answered(&[], &discover(), &relayed(8));
    let sub_option = Settings::SUB_OPTION;
    let twin = Settings { servers: vec![SERVER], giaddr: GIADDR, links: Vec::new(), sub_option };
    assert!(back_by(&External::new(twin.clone(), SECRET), "10.0.0.1", &answer).is_ok());
    let other = External::new(twin, *b"another secret..");
    assert_eq!(back_by(&other, "10.0.0.1", &answer), Err(Refused::Unsolicited));
}

#[test]
fn option_82_goes_wherever_it_stands() {
    let agent = agent_of(&discover(), &direct());
    // In two pieces, with an option between them, and an overloaded file with the second one.
    let (one, two) = agent.split_at(9);
    let mut answer = offer(&[(82, one), (52, &[1]), (6, &[1, 2, 3, 4])]);
    let piece = [&[82, u8::try_from(two.len()).unwrap()][..], two, &[12, 1, b'h', 255]].concat();
    answer[108..108 + piece.len()].copy_from_slice(&piece);
    let (_, octets) = back(&answer).unwrap();
    let message = Message::parse(&octets).unwrap();
    assert_eq!(message.option(82), None);
    assert_eq!(message.option(12).as_deref(), Some(&b"h"[..]));
    assert_eq!(message.option(6).as_deref(), Some(&[1, 2, 3, 4][..]));
    assert!(!octets.windows(two.len()).any(|window| window == two));
    assert_eq!(octets[108..112], [12, 1, b'h', 255]);
}

#[test]
fn a_field_that_is_full_of_options_stays_full() {
    let mut answer = answered(&[(52, &[1])], &discover(), &direct());
    let mut full = vec![224, 126];
    full.resize(128, 7);
    answer[108..236].copy_from_slice(&full);
    let (_, octets) = back(&answer).unwrap();
    assert_eq!(octets[108..236], full);
}

#[test]
fn a_missing_end_and_what_follows_one_are_repaired() {
    let good = answered(&[(61, &CLIENT_ID)], &discover(), &direct());
    let (_, expected) = back(&good).unwrap();
    let end = good.iter().rposition(|octet| *octet == code::END).unwrap();
    assert_eq!(back(&good[..end]).unwrap().1, expected);
    assert_eq!(back(&good[..=end]).unwrap().1, expected);
    let garbage = [&good[..=end], &[82, 3, 1, 2, 3, 1, 4]].concat();
    assert_eq!(back(&garbage).unwrap().1, expected);
}
