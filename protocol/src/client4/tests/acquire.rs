//! From nothing to a lease.

use super::*;
use crate::params;

#[test]
fn the_four_messages_make_a_lease_v4_01() {
    let mut bench = Bench::new();
    assert_eq!((bench.state(), bench.client.is_running()), ("off", false));
    assert_eq!(words(&bench.start(Start::Verify)), ["DISCOVER"]);
    assert_eq!(bench.state(), "selecting");
    assert_eq!(words(&bench.answer(Answer::offer()).unwrap()), ["REQUEST"]);
    assert_eq!((bench.state(), bench.client.lease()), ("requesting", None));
    bench.source = Some(Ipv6Addr::LOCALHOST);
    assert_eq!(words(&bench.answer(Answer::ack()).unwrap()), ["acquired"]);
    assert_eq!((bench.state(), bench.client.is_bound()), ("bound", true));
    let expected = Lease4 {
        requested_at: at(100.0),
        renew_at: Some(at(1900.0)),
        rebind_at: Some(at(3250.0)),
        expires_at: Some(at(3700.0)),
        ..lease()
    };
    assert_eq!(bench.client.lease(), Some(&expected));
    let status = bench.client.status();
    assert_eq!(status.messages, [1, 1, 1, 0, 1, 0, 0]);
    assert_eq!((status.exchange, status.lease), (None, Some(expected)));
    assert_eq!(status.client_id, Some(client_id()));
}

#[test]
fn the_lease_keeps_the_options_of_the_ack_and_the_source_of_the_request() {
    let mut bench = Bench::new();
    bench.source = Some(Ipv6Addr::LOCALHOST);
    let mut bench = bench.requesting();
    bench.source = None;
    let ack = Answer::ack().with(6, [192, 0, 2, 53]).with(82, [1, 1, 0]).with(1, [255; 4]).with(224, []);
    assert_eq!(words(&bench.answer(ack).unwrap()), ["opt82-in-reply", "acquired"]);
    let lease = bench.client.lease().unwrap();
    assert_eq!(lease.options, [(6, vec![192, 0, 2, 53]), (1, vec![255; 4]), (224, vec![])]);
    assert_eq!(lease.source, Some(Ipv6Addr::LOCALHOST));
}

#[test]
fn discover_is_sent_again_after_4_8_16_32_64_seconds_with_fresh_jitter_v4_02() {
    for (fraction, jitter) in [(0.0, -1.0), (0.5, 0.0), (1.0, 1.0)] {
        let mut bench = Bench::with(Dhcp4Settings::default(), None, fraction);
        let first = only_sent(&bench.start(Start::Verify));
        let mut due = 100.0;
        for pause in [4.0, 8.0, 16.0, 32.0, 64.0, 64.0] {
            due += pause + jitter;
            let again = only_sent(&bench.wait_until(due));
            assert_eq!((again.kind, again.xid), (first.kind, first.xid));
            assert_eq!(f64::from(again.secs), due - 100.0, "secs counts from the first DISCOVER");
        }
    }
}

#[test]
fn request_is_sent_four_times_then_all_begins_again_v4_29() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    bench.wait_until(104.0);
    bench.now = at(105.0);
    let request = only_sent(&bench.answer(Answer::offer()).unwrap());
    assert_eq!((request.xid, request.secs), (1, 4), "as in the DISCOVER that was answered");
    for due in [109.0, 117.0, 133.0] {
        let again = bench.wait_until(due);
        assert_eq!(only_sent(&again), request, "unchanged");
    }
    let actions = bench.wait_until(165.0);
    assert_eq!(words(&actions), ["note no-answer", "DISCOVER"]);
    assert_eq!((sent(&actions[1]).xid, sent(&actions[1]).secs), (2, 0));
    assert_eq!(bench.state(), "selecting");
}

#[test]
fn the_operator_is_told_once_an_hour_v4_29() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let mut told = Vec::new();
    while bench.now < at(100.0 + 2.5 * 3600.0) {
        if bench.state() == "selecting" {
            bench.answer(Answer::offer()).unwrap();
        }
        if words(&bench.wait()).iter().any(|word| word == "note no-answer") {
            told.push(bench.now);
        }
    }
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.windows(2).all(|pair| pair[1].since(pair[0]) >= params::SILENCE_AGAIN), "{told:?}");
}

#[test]
fn five_minutes_without_an_offer_are_worth_a_word_v4_29() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let mut told = Vec::new();
    while bench.now < at(100.0 + 3.0 * 3600.0) {
        if words(&bench.wait()).contains(&"note no-offer".to_owned()) {
            told.push(bench.now);
        }
    }
    assert_eq!(told, [at(400.0), at(4000.0), at(7600.0)]);
}

#[test]
fn the_first_discover_may_be_delayed() {
    let settings = Dhcp4Settings { max_delay: Duration::from_secs(10), ..Dhcp4Settings::default() };
    let mut bench = Bench::with(settings, None, 0.5);
    assert_eq!(bench.start(Start::Verify), []);
    let planned = bench.client.status();
    assert_eq!(planned.state, "init");
    assert_eq!(
        planned.exchange.map(|e| (e.message, e.transmissions, e.next_at)),
        Some(("DISCOVER", 0, Some(at(105.0))))
    );
    assert_eq!(words(&bench.wait_until(105.0)), ["DISCOVER"]);
}

// ── Choice of OFFER ─────────────────────────────────────────────────────────────────────────────────────────────

/// In SELECTING, after a lease with [`SERVER`] and [`ADDRESS`].
fn selecting_again() -> Bench {
    let mut bench = Bench::remembering(lease());
    bench.now = at(4000.0);
    bench.start(Start::Verify);
    bench
}

#[test]
fn the_first_offer_wins_at_once_when_none_could_be_better_v4_15() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let request = only_sent(&bench.answer(Answer::offer().from(OTHER_SERVER)).unwrap());
    assert_eq!((request.server, request.requested), (Some(OTHER_SERVER), Some(ADDRESS)));
}

#[test]
fn the_same_server_with_the_same_address_closes_the_window_v4_15() {
    let mut bench = selecting_again();
    assert_eq!(bench.answer(Answer::offer().address(OTHER_ADDRESS)).unwrap(), []);
    let request = only_sent(&bench.answer(Answer::offer()).unwrap());
    assert_eq!((request.server, request.requested), (Some(SERVER), Some(ADDRESS)));
}

#[test]
fn the_previous_server_then_the_previous_address_then_the_first_v4_15() {
    let third = Ipv4Addr::new(198, 51, 100, 3);
    let elsewhere = Ipv4Addr::new(203, 0, 113, 5);
    let strange = Answer::offer().from(third).address(elsewhere);
    let same_address = Answer::offer().from(OTHER_SERVER);
    let same_server = Answer::offer().address(OTHER_ADDRESS);
    for (offers, server, address) in [
        (vec![&strange, &same_address, &same_server], SERVER, OTHER_ADDRESS),
        (vec![&same_server, &same_address, &strange], SERVER, OTHER_ADDRESS),
        (vec![&strange, &same_address], OTHER_SERVER, ADDRESS),
        (vec![&strange, &strange.clone().address(OTHER_ADDRESS)], third, elsewhere),
    ] {
        let mut bench = selecting_again();
        bench.now = at(4001.0);
        for offer in offers {
            bench.answer(offer.clone()).unwrap();
            assert_eq!(bench.state(), "selecting");
            bench.now = bench.now + Duration::from_millis(300);
        }
        let request = only_sent(&bench.wait_until(4002.0));
        assert_eq!((request.server, request.requested), (Some(server), Some(address)));
    }
}

#[test]
fn no_discover_goes_out_while_offers_are_collected() {
    let mut bench = selecting_again();
    bench.now = at(4003.9);
    bench.answer(Answer::offer().from(OTHER_SERVER)).unwrap();
    assert_eq!(words(&bench.wait_until(4004.9)), ["REQUEST"]);
}

#[test]
fn several_servers_are_told_of_once_sec_12() {
    let several = Action::Note(
        "several-servers",
        "more than one DHCPv4 server makes offers on this link: 198.51.100.1 and 198.51.100.2".to_owned(),
    );
    let mut bench = selecting_again();
    bench.answer(Answer::offer().address(OTHER_ADDRESS)).unwrap();
    let offer = Answer::offer().from(OTHER_SERVER);
    assert_eq!(bench.answer(offer.clone()).unwrap(), std::slice::from_ref(&several));
    assert_eq!(bench.answer(offer.clone()).unwrap(), []);

    let mut bench = Bench::new().requesting();
    assert_eq!(bench.answer(Answer::offer()), Err(Refused::UnexpectedState), "a copy");
    let unexpected = Action::Refused(Refused::UnexpectedState);
    assert_eq!(bench.answer(offer.clone()).unwrap(), [unexpected.clone(), several]);
    assert_eq!(bench.answer(offer).unwrap(), [unexpected]);
    assert_eq!(bench.state(), "requesting");
}

// ── Rapid commit ────────────────────────────────────────────────────────────────────────────────────────────────

fn rapid() -> Bench {
    let settings = Dhcp4Settings { rapid_commit: true, ..Dhcp4Settings::default() };
    Bench::with(settings, None, 0.5)
}

#[test]
fn an_ack_with_rapid_commit_ends_selecting_v4_23() {
    let mut bench = rapid();
    bench.start(Start::Verify);
    bench.wait_until(104.0);
    assert_eq!(bench.answer(Answer::ack()), Err(Refused::UnexpectedState), "without option 80");
    assert_eq!(words(&bench.answer(Answer::ack().with(80, [])).unwrap()), ["acquired"]);
    assert_eq!(bench.client.lease().unwrap().requested_at, at(100.0), "the first DISCOVER");
}

#[test]
fn rapid_commit_that_was_not_asked_for_is_refused_v4_23() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    assert_eq!(bench.answer(Answer::ack().with(80, [])), Err(Refused::UnexpectedState));
}

#[test]
fn an_ordinary_offer_is_good_enough_v4_23() {
    let mut bench = rapid();
    bench.start(Start::Verify);
    assert_eq!(words(&bench.answer(Answer::offer().with(80, [])).unwrap()), ["REQUEST"]);
}

// ── What the ACK says ───────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_lease_counts_from_the_first_request_v4_16() {
    let mut bench = Bench::new();
    bench.now = at(5.0);
    bench.start(Start::Verify);
    bench.wait_until(9.0);
    bench.now = at(10.0);
    bench.answer(Answer::offer()).unwrap();
    bench.now = at(13.0);
    bench.answer(Answer::ack()).unwrap();
    assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(3610.0)));
}

#[test]
fn a_retransmitted_request_does_not_prolong_the_lease_v4_16() {
    let mut bench = Bench::new().requesting();
    bench.wait_until(104.0);
    bench.now = at(105.0);
    bench.answer(Answer::ack()).unwrap();
    assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(3700.0)));
}

#[test]
fn t1_and_t2_are_the_servers_if_they_are_in_order_v4_17() {
    let times = |ack: Answer| {
        let bench = Bench::new().bound_by(ack);
        let lease = bench.client.lease().unwrap();
        (lease.renew_at, lease.rebind_at)
    };
    let given = (Some(at(200.0)), Some(at(300.0)));
    let default = (Some(at(1900.0)), Some(at(3250.0)));
    assert_eq!(times(Answer::ack().times(100, 200)), given);
    for (renew, rebind) in [(0, 200), (200, 200), (300, 200), (100, 3600), (100, u32::MAX)] {
        assert_eq!(times(Answer::ack().times(renew, rebind)), default, "{renew} {rebind}");
    }
    assert_eq!(times(Answer::ack().with(58, [0, 0, 0, 100])), default, "T2 is missing");
    assert_eq!(times(Answer::ack().times(100, 200).with(58, [0, 100])), default, "T1 has two octets");
}

#[test]
fn default_times_are_spread_by_two_percent_v4_17() {
    for (fraction, factor) in [(0.0, 0.98), (1.0, 1.02)] {
        let bench = Bench::with(Dhcp4Settings::default(), None, fraction).bound();
        let lease = bench.client.lease().unwrap();
        assert_eq!(lease.renew_at, Some(at(100.0 + 1800.0 * factor)));
        assert_eq!(lease.rebind_at, Some(at(100.0 + 3150.0 * factor)));
        assert_eq!(lease.expires_at, Some(at(3700.0)));
    }
}

#[test]
fn an_infinite_lease_has_no_times_unless_given_v4_16() {
    let bench = Bench::new().bound_by(Answer::ack().lease_time(u32::MAX));
    let lease = bench.client.lease().unwrap();
    assert_eq!((lease.renew_at, lease.rebind_at, lease.expires_at), (None, None, None));
    assert_eq!(bench.client.deadline(), None);

    let bench = Bench::new().bound_by(Answer::ack().lease_time(u32::MAX).times(1000, 2000));
    let lease = bench.client.lease().unwrap();
    assert_eq!((lease.renew_at, lease.expires_at), (Some(at(1100.0)), None));
    assert_eq!(bench.client.deadline(), Some(at(1100.0)));
}

#[test]
fn in_requesting_the_ack_may_name_another_address_v4_10() {
    let mut bench = Bench::new().requesting();
    bench.answer(Answer::ack().address(OTHER_ADDRESS)).unwrap();
    assert_eq!(bench.client.lease().unwrap().address, OTHER_ADDRESS);
}

#[test]
fn the_shortest_lease_is_taken_as_given_and_renewed_at_once_if_it_is_time_v4_16() {
    let mut bench = Bench::new().requesting();
    bench.now = at(100.6);
    assert_eq!(words(&bench.answer(Answer::ack().lease_time(1)).unwrap()), ["acquired", "REQUEST"]);
    assert_eq!(bench.state(), "renewing");
    assert_eq!(words(&bench.wait_until(100.875)), ["REQUEST"]);
    assert_eq!(bench.state(), "rebinding");
    assert_eq!(words(&bench.wait_until(101.0)), ["lost 192.0.2.18 expired", "DISCOVER"]);
}

#[test]
fn a_lease_that_is_over_before_it_comes_is_asked_for_anew_v4_16() {
    let mut bench = Bench::new().requesting();
    bench.now = at(101.0);
    assert_eq!(words(&bench.answer(Answer::ack().lease_time(1)).unwrap()), ["DISCOVER"]);
    assert_eq!((bench.state(), bench.client.lease()), ("selecting", None));
}

#[test]
fn after_a_silence_longer_than_its_leases_a_server_can_still_commit_rapidly_v4_16() {
    let mut bench = rapid();
    let first = only_sent(&bench.start(Start::Verify));
    bench.now = at(7300.0);
    let anew = only_sent(&bench.answer(Answer::ack().with(80, [])).unwrap());
    assert!(anew.kind == MessageType::DISCOVER && anew.xid != first.xid);
    assert_eq!(words(&bench.answer(Answer::ack().with(80, [])).unwrap()), ["acquired"]);
    assert_eq!(bench.client.lease().unwrap().expires_at, Some(at(10900.0)));
}

// ── NAK ─────────────────────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn one_nak_after_the_other_waits_1_2_4_up_to_64_seconds_e12() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    for pause in [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 64.0] {
        bench.answer(Answer::offer()).unwrap();
        let nak_at = bench.now;
        assert_eq!(bench.answer(Answer::nak()).unwrap(), []);
        assert_eq!(bench.state(), "init");
        assert_eq!(words(&bench.wait()), ["DISCOVER"]);
        assert_eq!(bench.now, nak_at + Duration::from_secs_f64(pause));
    }
    bench.answer(Answer::offer()).unwrap();
    bench.answer(Answer::ack()).unwrap();
    bench.wait();
    bench.answer(Answer::nak()).unwrap();
    assert_eq!(bench.client.deadline(), Some(bench.now + params::NAK_BACKOFF), "an ACK ends the row");
}

#[test]
fn starting_again_does_not_shorten_the_wait_after_a_nak_e12() {
    let mut bench = Bench::new().requesting();
    bench.answer(Answer::nak()).unwrap();
    bench.client.suspend(bench.now);
    assert_eq!(bench.start(Start::Verify), []);
    assert_eq!(words(&bench.wait_until(101.0)), ["DISCOVER"]);
}

// ── Conflicts ───────────────────────────────────────────────────────────────────────────────────────────────────

fn checking() -> Bench {
    let mut bench = Bench::new();
    bench.client.set_conflict_detection(true);
    bench = bench.requesting();
    assert_eq!(words(&bench.answer(Answer::ack()).unwrap()), ["check 192.0.2.18"]);
    assert_eq!((bench.state(), bench.client.lease()), ("checking", None));
    bench
}

fn checked(bench: &mut Bench, conflict: bool) -> Vec<Action> {
    bench.act(|client, now, cx, out| client.checked(now, conflict, cx, out)).1
}

#[test]
fn an_address_is_used_only_after_its_check_v4_24() {
    let mut bench = checking();
    bench.now = at(106.0);
    assert_eq!(words(&checked(&mut bench, false)), ["acquired"]);
    assert_eq!(bench.state(), "bound");
    assert_eq!(checked(&mut bench, true), [], "nobody asked");
}

#[test]
fn a_conflict_is_declined_and_ten_seconds_pass_v4_24() {
    let mut bench = checking();
    let actions = checked(&mut bench, true);
    assert_eq!(words(&actions), ["lost 192.0.2.18 declined", "DECLINE"]);
    assert_eq!(bench.state(), "init");
    let discover = only_sent(&bench.wait_until(110.0));
    assert_eq!((discover.kind, discover.requested), (MessageType::DISCOVER, None));
}

#[test]
fn ten_conflicts_slow_down_to_one_a_minute_v4_24() {
    let mut bench = checking();
    let mut pauses = Vec::new();
    for _ in 0..12 {
        checked(&mut bench, true);
        pauses.push(bench.client.deadline().unwrap().since(bench.now).as_secs());
        bench.wait();
        bench.answer(Answer::offer()).unwrap();
        bench.answer(Answer::ack()).unwrap();
    }
    assert_eq!(pauses, [10, 10, 10, 10, 10, 10, 10, 10, 10, 60, 60, 60]);
}

#[test]
fn only_a_lease_that_lasts_to_its_renewal_makes_up_for_conflicts_v4_24() {
    let mut bench = Bench::new();
    bench.start(Start::Verify);
    let mut pauses = Vec::new();
    for round in 0..14 {
        bench.answer(Answer::offer()).unwrap();
        bench.answer(Answer::ack()).unwrap();
        if round == 11 {
            bench.wait();
            bench.answer(Answer::ack()).unwrap();
        }
        bench.act(|client, now, cx, out| client.conflict(now, cx, out));
        pauses.push(bench.client.deadline().unwrap().since(bench.now).as_secs());
        bench.wait();
    }
    assert_eq!(pauses, [10, 10, 10, 10, 10, 10, 10, 10, 10, 60, 60, 10, 10, 10]);
}

#[test]
fn a_conflict_in_use_is_declined_too_v4_24() {
    for how in [Start::Verify, Start::Continue] {
        for now in [100.0, 2000.0, 3200.0] {
            let mut bench = Bench::remembering(lease());
            bench.now = at(now);
            bench.start(how);
            let (_, actions) = bench.act(|client, now, cx, out| client.conflict(now, cx, out));
            assert_eq!(words(&actions), ["lost 192.0.2.18 declined", "DECLINE"]);
            assert_eq!(bench.client.deadline(), Some(at(now + 10.0)));
            assert_eq!(bench.client.lease(), None);
        }
    }
}

#[test]
fn while_suspended_a_conflict_ends_the_lease_without_a_word_c46_19() {
    let mut bench = Bench::remembering(lease());
    let (_, actions) = bench.act(|client, now, cx, out| client.conflict(now, cx, out));
    assert_eq!(words(&actions), ["lost 192.0.2.18 declined"]);
    assert_eq!(bench.state(), "off");
}

#[test]
fn a_lease_can_end_while_its_address_is_checked() {
    let mut bench = Bench::new();
    bench.client.set_conflict_detection(true);
    bench = bench.requesting();
    bench.answer(Answer::ack().lease_time(5)).unwrap();
    assert_eq!(words(&bench.wait_until(105.0)), ["DISCOVER"], "it was never in use");
    assert_eq!(checked(&mut bench, false), [], "too late");
}

#[test]
fn suspended_while_checking_a_new_address_has_not_become_a_lease() {
    let mut bench = checking();
    bench.client.suspend(bench.now);
    assert_eq!((bench.client.lease(), bench.client.deadline()), (None, None));
}
