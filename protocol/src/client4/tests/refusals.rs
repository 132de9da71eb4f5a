//! What is not believed, and that it changes nothing.

use super::*;

/// The states by name, each with a lease if it can have one.
fn states() -> Vec<(&'static str, Bench)> {
    let mut init = Bench::new().requesting();
    init.answer(Answer::nak()).unwrap();
    let mut selecting = Bench::new();
    selecting.start(Start::Verify);
    let mut checking = Bench::new();
    checking.client.set_conflict_detection(true);
    checking = checking.requesting();
    checking.answer(Answer::ack()).unwrap();
    let mut rebooting = Bench::remembering(lease());
    rebooting.start(Start::Verify);
    let from = |secs| {
        let mut bench = Bench::remembering(lease());
        bench.now = at(secs);
        bench.start(Start::Continue);
        bench
    };
    let states = vec![
        ("suspended", Bench::remembering(lease())),
        ("init", init),
        ("selecting", selecting),
        ("requesting", Bench::new().requesting()),
        ("checking", checking),
        ("rebooting", rebooting),
        ("bound", from(100.0)),
        ("renewing", from(1800.0)),
        ("rebinding", from(3150.0)),
    ];
    assert!(states.iter().all(|(name, bench)| bench.state() == *name));
    states
}

#[test]
fn only_what_a_state_waits_for_does_anything_v4_08() {
    use Refused::{BadNak, UnexpectedState, XidMismatch};
    // State after OFFER, ACK and NAK, or the refusal.
    let expected = |name| match name {
        "selecting" => [Ok("requesting"), Err(UnexpectedState), Err(BadNak)],
        "requesting" => [Err(UnexpectedState), Ok("bound"), Ok("init")],
        "rebooting" | "renewing" | "rebinding" => [Err(UnexpectedState), Ok("bound"), Ok("init")],
        _ => [Err(XidMismatch); 3],
    };
    for (index, (name, _)) in states().into_iter().enumerate() {
        let answers = [Answer::offer(), Answer::ack(), Answer::nak()];
        for (answer, expected) in answers.into_iter().zip(expected(name)) {
            let bench = || states().swap_remove(index).1;
            let mut right = bench();
            let result = right.answer(answer.clone());
            assert_eq!(result.map(|_| right.state()), expected, "{name}, {}", answer.0.options[0].1[0]);
            let wrong = bench().receive(Xid4(0xdead_beef), answer);
            assert_eq!(wrong, Err(XidMismatch), "{name}, wrong transaction id");
        }
    }
}

#[test]
fn a_second_copy_of_an_answer_has_no_effect_c46_24() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let xid = bench.xid();
    bench.receive(xid, Answer::offer()).unwrap();
    assert_eq!(bench.receive(xid, Answer::offer()), Err(Refused::UnexpectedState));
    bench.receive(xid, Answer::ack()).unwrap();
    assert_eq!(bench.receive(xid, Answer::ack()), Err(Refused::XidMismatch));
}

#[test]
fn types_that_no_client_waits_for_are_refused_v4_27() {
    for (_, mut bench) in states().into_iter().filter(|(_, bench)| bench.client.state.exchange().is_some()) {
        for kind in [1, 3, 4, 7, 8, 9, 13, 18] {
            let answer = Answer::ack().with(code::MESSAGE_TYPE, [kind]);
            assert_eq!(bench.answer(answer), Err(Refused::UnexpectedState), "{kind}");
        }
        for kind in [0, 19, 255] {
            let answer = Answer::ack().with(code::MESSAGE_TYPE, [kind]);
            assert_eq!(bench.answer(answer), Err(Refused::Malformed4), "{kind}");
        }
        assert_eq!(bench.answer(Answer::ack().without(code::MESSAGE_TYPE)), Err(Refused::Malformed4));
        let mut request = Answer::ack();
        request.0.op = 1;
        assert_eq!(bench.answer(request), Err(Refused::Malformed4));
    }
}

// ── Client identifier ───────────────────────────────────────────────────────────────────────────────────────────

fn check(bench: &Bench, answer: &Answer) -> Result<Echo, Refused> {
    let mut answer = answer.clone();
    answer.0.xid = bench.xid();
    bench.client.check(&Message::parse(&answer.0.emit().unwrap()).unwrap())
}

#[test]
fn another_client_identifier_is_refused_v4_06() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    assert_eq!(check(&bench, &Answer::offer()), Ok(Echo::Ours));
    let id = client_id();
    for octet in 0..id.as_bytes().len() {
        let mut other = id.as_bytes().to_vec();
        other[octet] ^= 1;
        let offer = Answer::offer().with(code::CLIENT_ID, other);
        assert_eq!(bench.answer(offer), Err(Refused::ClientIdMismatch), "octet {octet}");
    }
    for other in [&id.as_bytes()[1..], &[]] {
        let offer = Answer::offer().with(code::CLIENT_ID, other);
        assert_eq!(bench.answer(offer), Err(Refused::ClientIdMismatch));
    }
    assert_eq!(bench.state(), "selecting");
}

#[test]
fn without_a_client_identifier_the_hardware_address_decides_v4_07() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let silent = Answer::offer().without(code::CLIENT_ID);
    assert_eq!(check(&bench, &silent), Ok(Echo::Absent));
    for hardware in [vec![], vec![2, 0, 0x5e, 0x10, 0, 2], vec![2, 0, 0x5e, 0x10, 0], vec![2; 7]] {
        let mut other = silent.clone();
        other.0.hardware = hardware;
        assert_eq!(bench.answer(other.clone()), Err(Refused::NoClientIdEcho));
        let echoed = other.with(code::CLIENT_ID, client_id().as_bytes());
        assert_eq!(check(&bench, &echoed), Ok(Echo::Ours), "the identifier is enough");
    }
    assert_eq!(words(&bench.answer(silent).unwrap()), ["REQUEST"]);
}

#[test]
fn the_echo_can_be_made_a_condition_v4_07() {
    let settings = Dhcp4Settings { require_client_id_echo: true, ..Dhcp4Settings::default() };
    let mut bench = Bench::with(settings, None, 0.5);
    bench.start(Start::Verify);
    let silent = Answer::offer().without(code::CLIENT_ID);
    assert_eq!(bench.answer(silent), Err(Refused::NoClientIdEcho));
    assert!(bench.answer(Answer::offer()).is_ok());
}

// ── Content ─────────────────────────────────────────────────────────────────────────────────────────────────────

const UNUSABLE: [Ipv4Addr; 10] = [
    Ipv4Addr::UNSPECIFIED,
    Ipv4Addr::new(0, 1, 2, 3),
    Ipv4Addr::new(127, 0, 0, 1),
    Ipv4Addr::new(127, 255, 255, 254),
    Ipv4Addr::new(169, 254, 7, 7),
    Ipv4Addr::new(224, 0, 0, 1),
    Ipv4Addr::new(239, 255, 255, 255),
    Ipv4Addr::new(240, 0, 0, 1),
    Ipv4Addr::BROADCAST,
    // Somebody on this host has it.
    OTHER_ADDRESS,
];

/// What makes an OFFER or an ACK to a new address worthless.
fn spoiled(good: &Answer) -> Vec<Answer> {
    let mut bad = vec![
        good.clone().without(code::SERVER_ID),
        good.clone().from(Ipv4Addr::UNSPECIFIED),
        good.clone().from(Ipv4Addr::BROADCAST),
        good.clone().with(code::SERVER_ID, [198, 51, 100]),
        good.clone().without(code::LEASE_TIME),
        good.clone().lease_time(0),
        good.clone().with(code::LEASE_TIME, [0, 0, 1]),
        good.clone().address(Ipv4Addr::new(192, 0, 2, 255)).with(code::SUBNET_MASK, [255, 255, 255, 0]),
    ];
    bad.extend(UNUSABLE.map(|address| good.clone().address(address)));
    bad
}

#[test]
fn an_offer_without_a_usable_server_time_or_address_is_refused_v4_09_v4_11() {
    let mut bench = Bench::new();
    bench.foreign = vec![OTHER_ADDRESS];
    bench.start(Start::Verify);
    for offer in spoiled(&Answer::offer()) {
        assert_eq!(bench.answer(offer.clone()), Err(Refused::BadOffer), "{:?}", offer.0);
    }
}

#[test]
fn an_ack_without_a_usable_server_time_or_address_is_refused_v4_10_v4_11() {
    let mut bench = Bench::new();
    bench.foreign = vec![OTHER_ADDRESS];
    bench = bench.requesting();
    for ack in spoiled(&Answer::ack()) {
        assert_eq!(bench.answer(ack.clone()), Err(Refused::BadAck), "{:?}", ack.0);
    }
    assert_eq!(bench.answer(Answer::ack().from(OTHER_SERVER)), Err(Refused::BadAck), "not chosen, V4-13");
}

#[test]
fn the_last_address_of_a_prefix_of_31_or_32_is_a_host_v4_11() {
    for (mask, last) in [([255, 255, 255, 254], 19), ([255; 4], 255), ([255, 0, 255, 0], 255)] {
        let mut bench = Bench::new();
        bench.start(Start::Verify);
        let offer = Answer::offer().address(Ipv4Addr::new(192, 0, 2, last)).with(code::SUBNET_MASK, mask);
        assert!(bench.answer(offer).is_ok(), "{mask:?}");
    }
}

#[test]
fn a_lease_is_extended_for_its_own_address_only_v4_10() {
    for (name, mut bench) in states() {
        if !matches!(name, "rebooting" | "renewing" | "rebinding") {
            continue;
        }
        for address in [OTHER_ADDRESS, Ipv4Addr::UNSPECIFIED] {
            assert_eq!(bench.answer(Answer::ack().address(address)), Err(Refused::YiaddrChanged), "{name}");
        }
        for ack in [
            Answer::ack().without(code::SERVER_ID),
            Answer::ack().without(code::LEASE_TIME),
            Answer::ack().lease_time(0),
        ] {
            assert_eq!(bench.answer(ack), Err(Refused::BadAck), "{name}");
        }
    }
}

#[test]
fn a_nak_needs_a_server_v4_12() {
    for (name, mut bench) in states() {
        if !matches!(name, "requesting" | "rebooting" | "renewing" | "rebinding") {
            continue;
        }
        assert_eq!(bench.answer(Answer::nak().without(code::SERVER_ID)), Err(Refused::BadNak), "{name}");
        let foreign = bench.answer(Answer::nak().from(OTHER_SERVER));
        match name {
            "requesting" | "renewing" => assert_eq!(foreign, Err(Refused::BadNak), "{name}"),
            _ => assert!(foreign.is_ok(), "{name}"),
        }
    }
}

#[test]
fn a_shared_address_that_was_not_asked_for_is_refused_c46_36() {
    let shared = |answer: Answer| answer.with(code::PORT_PARAMS, [0, 8, 0x34, 0]);
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    assert_eq!(bench.answer(shared(Answer::offer())), Err(Refused::Unrequested159));
    assert_eq!(bench.state(), "selecting");
    for (name, mut bench) in states() {
        if matches!(name, "requesting" | "rebooting" | "renewing" | "rebinding") {
            assert_eq!(bench.answer(shared(Answer::ack())), Err(Refused::Unrequested159), "{name}");
        }
    }
}

#[test]
fn what_is_only_ignored_is_counted_and_the_rest_used() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let offer = Answer::offer().with(code::RELAY_AGENT, [1, 1, 0]).with(code::OVERLOAD, [7]);
    assert_eq!(words(&bench.answer(offer).unwrap()), ["bad-option", "opt82-in-reply", "REQUEST"]);
}

#[test]
fn ipv6_only_preferred_is_ignored_v4_26() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let v6only = |answer: Answer| answer.with(code::IPV6_ONLY_PREFERRED, [0, 0, 0, 0]);
    bench.answer(v6only(Answer::offer())).unwrap();
    assert_eq!(words(&bench.answer(v6only(Answer::ack())).unwrap()), ["acquired"]);
}

#[test]
fn an_answer_to_a_lease_that_is_over_comes_too_late_v4_18() {
    let mut bench = Bench::remembering(lease());
    bench.now = at(3150.0);
    bench.start(Start::Continue);
    let (xid, mut ack) = (bench.xid(), Answer::ack());
    ack.0.xid = xid;
    let octets = ack.0.emit().unwrap();
    let message = Message::parse(&octets).unwrap();
    let (mut rng, mut out) = (Rng::scripted(0.5), Vec::new());
    let mut cx = Cx { rng: &mut rng, foreign: &[], source: None };
    let result = bench.client.receive(at(3600.0), &message, &mut cx, &mut out);
    assert_eq!((result, out), (Err(Refused::UnexpectedState), vec![]));
}
