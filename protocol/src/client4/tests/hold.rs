//! With a lease, from the first renewal to its end.

use super::*;

fn verb(bench: &mut Bench, act: fn(&mut Client4, Instant, &mut Cx<'_>, &mut Vec<Action>)) -> Vec<Action> {
    bench.act(act).1
}

/// BOUND since 0 s on a lease of 3600 s.
fn bound() -> Bench {
    let mut bench = Bench::remembering(lease());
    assert_eq!(bench.start(Start::Continue), []);
    assert_eq!(bench.state(), "bound");
    bench
}

#[test]
fn renewing_halves_the_time_to_t2_but_not_below_a_minute_v4_03() {
    let mut bench = bound();
    let first = only_sent(&bench.wait_until(1800.0));
    let mut due = 1800.0;
    for pause in [675.0, 337.5, 168.75, 84.375, 60.0] {
        due += pause;
        let again = only_sent(&bench.wait_until(due));
        assert_eq!((again.xid, again.unicast, again.ciaddr), (first.xid, true, ADDRESS));
        assert_eq!(again.secs, (due - 1800.0) as u16);
    }
    let rebind = only_sent(&bench.wait_until(3150.0));
    assert!(rebind.xid != first.xid && !rebind.unicast && rebind.secs == 0);
    assert_eq!(bench.state(), "rebinding");
}

#[test]
fn rebinding_halves_the_time_to_the_end_but_not_below_a_minute_v4_03() {
    let mut bench = bound();
    bench.oversleep(3150.0);
    for due in [3375.0, 3487.5, 3547.5] {
        assert_eq!(words(&bench.wait_until(due)), ["REQUEST"]);
    }
    assert_eq!(words(&bench.wait_until(3600.0)), ["lost 192.0.2.18 expired", "DISCOVER"]);
    assert_eq!(bench.client.lease(), None);
}

#[test]
fn a_lease_of_twenty_seconds_is_renewed_once_and_rebound_once_v4_03() {
    let mut bench = Bench::new().bound_by(Answer::ack().lease_time(20));
    assert_eq!(words(&bench.wait_until(110.0)), ["REQUEST"]);
    assert_eq!(words(&bench.wait_until(117.5)), ["REQUEST"]);
    assert_eq!(words(&bench.wait_until(120.0)), ["lost 192.0.2.18 expired", "DISCOVER"]);
}

#[test]
fn an_infinite_lease_with_times_is_renewed_and_rebound_every_hour_v4_03() {
    let mut bench = Bench::new().bound_by(Answer::ack().lease_time(u32::MAX).times(100, 8000));
    for due in [200.0, 4150.0, 6125.0, 7112.5] {
        assert_eq!(words(&bench.wait_until(due)), ["REQUEST"]);
    }
    bench.oversleep(8100.0);
    assert_eq!(bench.state(), "rebinding");
    assert_eq!(words(&bench.wait_until(11700.0)), ["REQUEST"]);
    assert_eq!(words(&bench.wait_until(15300.0)), ["REQUEST"]);

    let mut bench = Bench::new().bound_by(Answer::ack().lease_time(u32::MAX));
    assert!(bench.act(|client, now, cx, out| client.renew(now, cx, out)).0);
    assert_eq!(words(&bench.wait_until(3700.0)), ["REQUEST"]);
    assert_eq!(bench.state(), "renewing");
}

#[test]
fn an_ack_in_renewing_and_rebinding_makes_new_times_v4_13() {
    for (due, state, event) in [(1800.0, "renewing", "renewed"), (3150.0, "rebinding", "rebound")] {
        let mut bench = bound();
        bench.oversleep(due);
        assert_eq!(bench.state(), state);
        bench.now = at(due + 3.0);
        assert_eq!(words(&bench.answer(Answer::ack().from(OTHER_SERVER)).unwrap()), [event]);
        let lease = bench.client.lease().unwrap();
        assert_eq!(lease.requested_at, at(due));
        assert_eq!(lease.expires_at, Some(at(due + 3600.0)));
        assert_eq!(lease.server_id, OTHER_SERVER);
        bench.wait_until(due + 1800.0);
        assert_eq!(bench.answer(Answer::nak()), Err(Refused::BadNak), "the server before");
        let release = verb(&mut bench, Client4::release);
        assert_eq!(sent(&release[0]).server, Some(OTHER_SERVER));
    }
}

#[test]
fn a_server_that_returns_with_shorter_leases_is_asked_anew_v4_16() {
    for (due, state) in [(1800.0, "renewing"), (3150.0, "rebinding")] {
        let mut bench = bound();
        bench.oversleep(due);
        let xid = bench.xid();
        bench.now = at(due + 60.0);
        let anew = only_sent(&bench.answer(Answer::ack().lease_time(60)).unwrap());
        assert_ne!(anew.xid, xid.0);
        assert_eq!((bench.state(), bench.client.lease()), (state, Some(&lease())), "nothing is lost");
        bench.answer(Answer::ack().lease_time(60)).unwrap();
        assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(due + 120.0)));
    }
}

#[test]
fn other_parameters_are_a_change_other_times_and_servers_are_not() {
    for (ack, event) in [
        (Answer::ack(), "renewed"),
        (Answer::ack().lease_time(7200).from(OTHER_SERVER).times(10, 20).with(224, [1]), "renewed"),
        (Answer::ack().with(code::ROUTER, [192, 0, 2, 1]), "changed"),
        (Answer::ack().with(code::DNS_SERVERS, [192, 0, 2, 1]), "changed"),
        (Answer::ack().with(code::SUBNET_MASK, [255, 255, 255, 0]), "changed"),
    ] {
        let mut bench = bound();
        bench.oversleep(1800.0);
        assert_eq!(words(&bench.answer(ack.clone()).unwrap()), [event]);

        let mut bench = Bench::remembering(lease());
        bench.start(Start::Verify);
        assert_eq!(words(&bench.answer(ack).unwrap()), [event]);
    }
}

#[test]
fn a_nak_takes_the_lease_away_before_anything_else_v4_14() {
    for (due, state, server) in [
        (100.0, "rebooting", OTHER_SERVER),
        (1800.0, "renewing", SERVER),
        (3150.0, "rebinding", OTHER_SERVER),
    ] {
        let mut bench = Bench::remembering(lease());
        bench.now = at(due);
        bench.start(if state == "rebooting" { Start::Verify } else { Start::Continue });
        assert_eq!(bench.state(), state);
        assert_eq!(words(&bench.answer(Answer::nak().from(server)).unwrap()), ["lost 192.0.2.18 nak"]);
        assert_eq!((bench.state(), bench.client.lease()), ("init", None));
        let discover = only_sent(&bench.wait_until(due + 1.0));
        assert_eq!((discover.kind, discover.requested), (MessageType::DISCOVER, None));
    }
}

#[test]
fn in_renewing_only_the_lease_s_server_may_say_no_v4_12() {
    let mut bench = bound();
    bench.oversleep(1800.0);
    assert_eq!(bench.answer(Answer::nak().from(OTHER_SERVER)), Err(Refused::BadNak));
}

#[test]
fn what_is_overdue_happens_once_and_the_last_of_it_first_e15() {
    for (slept_until, state, actions) in [
        (1900.0, "renewing", vec!["REQUEST"]),
        (3200.0, "rebinding", vec!["REQUEST"]),
        (9000.0, "selecting", vec!["lost 192.0.2.18 expired", "DISCOVER"]),
    ] {
        let mut bench = bound();
        assert_eq!(words(&bench.oversleep(slept_until)), actions);
        assert_eq!(bench.state(), state);
    }
}

// ── INIT-REBOOT ─────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_remembered_lease_counts_while_it_is_verified_v4_01() {
    let mut bench = Bench::remembering(lease());
    assert_eq!(bench.state(), "suspended");
    assert_eq!(words(&bench.start(Start::Verify)), ["REQUEST"]);
    assert_eq!(bench.state(), "rebooting");
    assert_eq!(bench.client.lease(), Some(&lease()));
    assert!(!bench.client.is_bound());
    assert_eq!(words(&bench.answer(Answer::ack().from(OTHER_SERVER)).unwrap()), ["renewed"]);
    assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(3700.0)));
}

#[test]
fn without_an_answer_a_remembered_lease_is_used_for_the_time_it_has_left_v4_01() {
    let mut bench = Bench::remembering(lease());
    bench.start(Start::Verify);
    for due in [104.0, 112.0, 128.0] {
        assert_eq!(words(&bench.wait_until(due)), ["REQUEST"]);
    }
    assert_eq!(words(&bench.wait_until(160.0)), ["note no-answer"]);
    assert!(bench.client.is_bound());
    assert_eq!(bench.client.lease(), Some(&lease()));
    assert_eq!(bench.client.deadline(), Some(at(1800.0)));
}

#[test]
fn without_an_answer_after_t2_it_is_rebound_v4_01() {
    let mut bench = Bench::remembering(lease());
    bench.now = at(3100.0);
    bench.start(Start::Verify);
    bench.oversleep(3104.0);
    bench.oversleep(3112.0);
    bench.oversleep(3128.0);
    assert_eq!(words(&bench.oversleep(3160.0)), ["note no-answer", "REQUEST"]);
    assert_eq!(bench.state(), "rebinding");
}

#[test]
fn a_lease_can_end_while_it_is_verified_v4_18() {
    let mut bench = Bench::remembering(lease());
    bench.now = at(3590.0);
    bench.start(Start::Verify);
    bench.wait_until(3594.0);
    assert_eq!(words(&bench.wait_until(3600.0)), ["lost 192.0.2.18 expired", "DISCOVER"]);
}

#[test]
fn a_verified_address_stays_in_use_while_it_is_checked_v4_24() {
    let mut bench = Bench::remembering(lease());
    bench.client.set_conflict_detection(true);
    bench.start(Start::Verify);
    assert_eq!(words(&bench.answer(Answer::ack()).unwrap()), ["check 192.0.2.18"]);
    assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(3700.0)));
    let (_, actions) = bench.act(|client, now, cx, out| client.checked(now, false, cx, out));
    assert_eq!(words(&actions), ["renewed"]);

    let mut bench = Bench::remembering(lease());
    bench.client.set_conflict_detection(true);
    bench.start(Start::Verify);
    bench.answer(Answer::ack().lease_time(2)).unwrap();
    assert_eq!(words(&bench.wait_until(102.0)), ["lost 192.0.2.18 expired", "DISCOVER"]);
}

// ── Suspended ───────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_suspended_lease_ends_in_its_time_without_a_packet_e2() {
    for start in [None, Some(Start::Verify), Some(Start::Continue)] {
        let mut bench = Bench::remembering(lease());
        if let Some(how) = start {
            bench.start(how);
            bench.client.suspend(bench.now);
        }
        assert_eq!((bench.state(), bench.client.lease()), ("suspended", Some(&lease())));
        assert_eq!(words(&bench.wait_until(3600.0)), ["lost 192.0.2.18 expired"]);
        assert_eq!((bench.state(), bench.client.lease()), ("off", None));
        assert_eq!(bench.client.deadline(), None);
    }
}

#[test]
fn answers_after_suspension_come_too_late_e2() {
    let mut bench = bound();
    bench.oversleep(1800.0);
    let xid = bench.xid();
    bench.client.suspend(bench.now);
    for answer in [Answer::ack(), Answer::nak()] {
        assert_eq!(bench.receive(xid, answer), Err(Refused::XidMismatch));
    }
    assert_eq!(bench.client.lease(), Some(&lease()));
}

#[test]
fn a_lease_that_ended_unnoticed_is_reported_with_the_next_deadline() {
    let mut bench = bound();
    bench.now = at(5000.0);
    bench.client.suspend(bench.now);
    assert!(bench.client.deadline().is_some_and(|deadline| deadline > bench.now));
    assert_eq!(words(&bench.wait()), ["lost 192.0.2.18 expired"]);
}

#[test]
fn going_on_after_suspension_depends_on_the_age_of_the_lease_e3() {
    for (now, state, actions) in [
        (1000.0, "bound", vec![]),
        (1800.0, "renewing", vec!["REQUEST"]),
        (3150.0, "rebinding", vec!["REQUEST"]),
        (3600.0, "selecting", vec!["lost 192.0.2.18 expired", "DISCOVER"]),
    ] {
        let mut bench = Bench::remembering(lease());
        bench.now = at(now);
        assert_eq!(words(&bench.start(Start::Continue)), actions);
        assert_eq!(bench.state(), state);
        assert_eq!(bench.start(Start::Verify), [], "it runs already");
    }
}

// ── Operators and transports ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn renew_and_rebind_extend_the_lease_now() {
    let mut bench = bound();
    assert!(bench.act(|client, now, cx, out| client.renew(now, cx, out)).0);
    assert_eq!(bench.state(), "renewing");
    let (again, actions) = bench.act(|client, now, cx, out| client.renew(now, cx, out));
    assert_eq!((again, actions), (false, vec![]), "it is pending already");
    let (begun, actions) = bench.act(|client, now, cx, out| client.rebind(now, cx, out));
    assert!(begun && !only_sent(&actions).unicast);
    assert_eq!(bench.state(), "rebinding");
    let (begun, actions) = bench.act(|client, now, cx, out| client.rebind(now, cx, out));
    assert!(begun && words(&actions) == ["REQUEST"]);
}

#[test]
fn without_a_lease_there_is_nothing_to_extend() {
    let mut suspended = Bench::remembering(lease());
    let mut selecting = Bench::new();
    selecting.start(Start::Verify);
    for bench in [&mut Bench::new(), &mut selecting, &mut suspended] {
        let before = bench.state();
        assert_eq!(bench.act(|client, now, cx, out| client.renew(now, cx, out)), (false, vec![]));
        assert_eq!(bench.act(|client, now, cx, out| client.rebind(now, cx, out)), (false, vec![]));
        assert_eq!(bench.state(), before);
    }
}

#[test]
fn a_lease_is_given_back_in_every_state_that_has_one_v4_30() {
    for (now, how) in [
        (100.0, Start::Verify),
        (100.0, Start::Continue),
        (1800.0, Start::Continue),
        (3150.0, Start::Continue),
    ] {
        let mut bench = Bench::remembering(lease());
        bench.now = at(now);
        bench.start(how);
        let actions = verb(&mut bench, Client4::release);
        assert_eq!(words(&actions), ["RELEASE", "lost 192.0.2.18 released"]);
        assert_eq!((bench.state(), bench.client.is_running()), ("off", false));
        assert_eq!(verb(&mut bench, Client4::release), []);
        assert_eq!(words(&bench.start(Start::Verify)), ["DISCOVER"]);
    }
}

#[test]
fn while_suspended_a_lease_goes_without_a_release_c46_19() {
    let mut bench = Bench::remembering(lease());
    assert_eq!(words(&verb(&mut bench, Client4::release)), ["lost 192.0.2.18 released"]);
}

#[test]
fn release_before_there_is_a_lease_only_stops() {
    let mut bench = Bench::new().requesting();
    assert_eq!(verb(&mut bench, Client4::release), []);
    assert_eq!((bench.state(), bench.client.deadline()), ("off", None));
}

#[test]
fn a_lease_is_forgotten_without_a_word_to_the_server() {
    let mut bench = bound();
    let (_, actions) = bench.act(|client, now, _, out| client.forget(now, out));
    assert_eq!(words(&actions), ["lost 192.0.2.18 released"]);
    assert_eq!((bench.state(), bench.client.lease()), ("off", None));
}

#[test]
fn a_new_source_sends_what_is_pending_again_and_keeps_the_schedule_e5() {
    let mut selecting = Bench::new();
    selecting.start(Start::Verify);
    let mut rebooting = Bench::remembering(lease());
    rebooting.start(Start::Verify);
    let mut renewing = bound();
    renewing.oversleep(1800.0);
    for bench in [&mut selecting, &mut Bench::new().requesting(), &mut rebooting, &mut renewing] {
        let (xid, due) = (bench.xid(), bench.client.deadline());
        bench.now = bench.now + Duration::from_secs(2);
        assert_eq!(only_sent(&verb(bench, Client4::retransmit)).xid, xid.0);
        assert_eq!((bench.xid(), bench.client.deadline()), (xid, due));
    }
    for bench in [&mut bound(), &mut Bench::new(), &mut Bench::remembering(lease())] {
        assert_eq!(verb(bench, Client4::retransmit), [], "nothing is pending");
    }
}
