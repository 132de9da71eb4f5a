//! From nothing to a configuration.

use super::bench::*;
use crate::refused::Refused;
use crate::settings::Dhcp6Settings;
use crate::time::Instant;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};
use std::time::Duration;

const ADVERTISE: MessageType = MessageType::ADVERTISE;
const REPLY: MessageType = MessageType::REPLY;

#[test]
fn solicit_advertise_request_reply_then_renew_rebind_expiry_and_solicit_c6_08() {
    let mut bench = Bench::new(stateful());
    assert_eq!(bench.up(), ["Solicit na[]"]);
    assert!(bench.answer(ADVERTISE, A, &[na("2001:db8::5"), EMPTY_88]).is_empty());
    assert_eq!(bench.run_until(101.001), log(&[(101.0, "Request >a na[2001:db8::5]")]));
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::5"), EMPTY_88]), ["Save", "Assign", "Configured"]);
    assert!(bench.client.is_configured());
    let expected = [
        (151.001, "Renew >a na[2001:db8::5]"),
        (161.001, "Renew >a na[2001:db8::5]"),
        (181.001, "Rebind na[2001:db8::5]"),
        (191.001, "Rebind na[2001:db8::5]"),
        (211.001, "Rebind na[2001:db8::5]"),
        (211.001, "Note dhcp6-silence"),
        (251.001, "Rebind na[2001:db8::5]"),
        (301.001, "Save"),
        (301.001, "Assign"),
        (301.001, "Expired"),
        (301.001, "Solicit na[2001:db8::5]"),
    ];
    assert_eq!(bench.run_until(301.5), log(&expected));
    assert!(!bench.client.is_configured());
}

#[test]
fn the_random_delay_runs_from_carrier_and_not_from_the_link_local_address_c6_13() {
    let delayed = |ready: f64| {
        let mut bench = Bench::new(Dhcp6Settings { max_delay: Duration::from_secs(1), ..stateful() });
        bench.client.carrier(bench.now, &mut bench.rng);
        assert!(bench.run_until(ready).is_empty());
        let at_once = bench.act(|client, now, rng, out| client.ready(now, rng, out));
        (at_once, bench.run_until(101.0))
    };
    assert_eq!(delayed(100.7), (vec!["Solicit na[]".to_owned()], Vec::new()), "the delay was over");
    assert_eq!(delayed(100.2), (Vec::new(), log(&[(100.5, "Solicit na[]")])));
}

#[test]
fn ready_without_carrier_draws_its_own_delay_and_ready_twice_is_once() {
    let mut bench = Bench::new(Dhcp6Settings { max_delay: Duration::from_secs(1), ..stateful() });
    assert!(bench.act(|client, now, rng, out| client.ready(now, rng, out)).is_empty());
    assert_eq!(bench.run_until(100.6), log(&[(100.5, "Solicit na[]")]));
    assert!(bench.act(|client, now, rng, out| client.ready(now, rng, out)).is_empty());
    assert_eq!(bench.client.status().exchange.unwrap().transmissions, 1);
}

#[test]
fn an_unanswered_solicit_backs_off_and_the_operator_is_told_after_a_minute_then_hourly_c6_13_c6_43() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let log = bench.run_until(100.0 + 7300.0);
    let notes: Vec<f64> =
        log.iter().filter(|(_, word)| word.starts_with("Note")).map(|(at, _)| *at).collect();
    assert_eq!(notes, [160.0, 3760.0, 7360.0]);
    let sends: Vec<f64> = log.iter().filter(|(_, word)| word.starts_with("Sol")).map(|(at, _)| *at).collect();
    let mut expected: Vec<f64> = (1..12).map(|n| 100.0 + f64::from((1 << n) - 1)).collect();
    expected.push(2147.0 + 2048.0);
    for (sent, expected) in sends.iter().zip(&expected) {
        assert!((sent - expected).abs() < 0.01, "{sent} is not {expected}");
    }
    // 2047 s after the first, then 2048 s, and from then on SOL_MAX_RT.
    assert_eq!(sends.len(), 12);
}

#[test]
fn elapsed_time_begins_at_zero_and_the_transaction_id_stays_for_one_exchange_c6_11_c6_12() {
    let mut bench = Bench::new(stateful());
    bench.up();
    assert_eq!(bench.elapsed(), 0);
    let first = bench.last().xid();
    bench.run_until(101.5);
    assert_eq!(bench.elapsed(), 100);
    assert_eq!(bench.last().xid(), first);
    bench.answer(ADVERTISE, A, &[na("2001:db8::5")]);
    assert_eq!(bench.last().kind, MessageType::REQUEST);
    assert_ne!(bench.last().xid(), first);
    assert_eq!(bench.elapsed(), 0);
}

#[test]
fn the_highest_preference_within_the_first_wait_is_asked_c6_14() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.run_until(100.2);
    assert!(bench.answer(ADVERTISE, A, &[na("2001:db8::a"), Part::Preference(10)]).is_empty());
    bench.run_until(100.9);
    assert!(bench.answer(ADVERTISE, B, &[na("2001:db8::b"), Part::Preference(20)]).is_empty());
    assert_eq!(bench.run_until(101.1), log(&[(101.0, "Request >b na[2001:db8::b]")]));
}

#[test]
fn preference_255_is_asked_at_once_c6_14() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::a")]);
    let asked = bench.answer(ADVERTISE, B, &[na("2001:db8::b"), Part::Preference(255)]);
    assert_eq!(asked, ["Request >b na[2001:db8::b]"]);
}

#[test]
fn after_the_first_wait_the_first_advertise_is_asked_at_once_c6_14() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.run_until(101.5);
    assert_eq!(bench.answer(ADVERTISE, A, &[na("2001:db8::a")]), ["Request >a na[2001:db8::a]"]);
}

#[test]
fn among_equal_preferences_option_88_then_more_content_then_the_first_decides_c6_14() {
    let one = [na("2001:db8::1")];
    let both = [na("2001:db8::1"), pd("2001:db8:d::")];
    let enabling = [na("2001:db8::1"), EMPTY_88];
    let cases: &[(&[Part], &[Part], u8)] = &[
        (&one, &enabling, B),
        (&enabling, &one, A),
        (&both, &enabling, B),
        (&one, &both, B),
        (&both, &one, A),
        (&one, &one, A),
    ];
    for (of_a, of_b, chosen) in cases {
        let mut bench = Bench::new(with_prefix());
        bench.up();
        bench.answer(ADVERTISE, A, of_a);
        bench.answer(ADVERTISE, B, of_b);
        bench.run_until(101.1);
        let server = bench.last().options.duid(OptionCode::SERVERID);
        assert_eq!(server, Some(server_duid(*chosen)), "{of_a:?} or {of_b:?}");
    }
}

#[test]
fn a_server_that_advertises_twice_counts_once_and_at_most_16_are_kept_c6_14_sec_11() {
    let mut bench = Bench::new(stateful());
    bench.up();
    for server in 1..=40 {
        for address in ["2001:db8::1", "2001:db8::2"] {
            bench.answer(ADVERTISE, server, &[na(address), Part::Preference(server)]);
        }
    }
    let requests = bench.run_until(100.0 + 20.0 * 200.0);
    let asked: Vec<&str> =
        requests.iter().filter(|(_, word)| word.starts_with("Req")).map(|(_, word)| word.as_str()).collect();
    let mut servers: Vec<&str> = asked.clone();
    servers.dedup();
    assert_eq!(servers.len(), 16);
    assert_eq!(servers[0], "Request >28 na[2001:db8::2]");
    assert_eq!(asked.len(), 160, "ten transmissions to each");
}

#[test]
fn without_a_reply_the_next_advertise_is_asked_then_solicit_begins_again() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::a")]);
    bench.answer(ADVERTISE, B, &[na("2001:db8::b")]);
    let log = bench.run_until(101.0 + 181.0 + 181.5);
    let to = |word: &str| log.iter().filter(|(_, w)| w == word).map(|(at, _)| at - 101.0).collect::<Vec<_>>();
    let offsets = [0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0, 121.0, 151.0];
    assert_eq!(to("Request >a na[2001:db8::a]"), offsets);
    assert_eq!(to("Request >b na[2001:db8::b]"), offsets.map(|offset| offset + 181.0));
    assert_eq!(to("Solicit na[]"), [362.0]);
}

#[test]
fn an_advertise_without_addresses_changes_only_the_longest_pause_c6_15_c6_16() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let planned = bench.client.deadline();
    let nothing = [Part::NaStatus(Status::NO_ADDRS_AVAIL), Part::Seconds(OptionCode::SOL_MAX_RT, 120)];
    let done = bench.answer(ADVERTISE, A, &nothing);
    assert_eq!(done, ["Save", "Note dhcp6-nothing-offered"]);
    assert_eq!(bench.client.deadline(), planned);
    assert_eq!(bench.record().sol_max_rt, Some(120));
    let solicits: Vec<f64> = bench
        .run_until(1000.0)
        .iter()
        .filter(|(_, word)| word.starts_with("Solicit"))
        .map(|(at, _)| *at)
        .collect();
    let last = solicits.windows(2).map(|pair| pair[1] - pair[0]).next_back().unwrap();
    assert!((last - 120.0).abs() < 0.001, "{last}");
}

#[test]
fn limits_outside_60_to_86400_are_ignored_and_counted_c6_16() {
    for (seconds, kept) in [(59, None), (60, Some(60)), (86_400, Some(86_400)), (86_401, None)] {
        let mut bench = Bench::new(stateful());
        bench.up();
        let limits =
            [Part::Seconds(OptionCode::SOL_MAX_RT, seconds), Part::Seconds(OptionCode::INF_MAX_RT, seconds)];
        let done = bench.answer(ADVERTISE, A, &[&[na("2001:db8::a")], &limits[..]].concat());
        assert_eq!(bench.record().sol_max_rt, kept);
        assert_eq!(bench.record().inf_max_rt, kept);
        let refused = done.iter().filter(|word| *word == "Refused bad-option").count();
        assert_eq!(refused, if kept.is_some() { 0 } else { 2 });
    }
}

#[test]
fn advertises_that_differ_about_a_limit_leave_the_default_c6_16() {
    let limit = |seconds| [na("2001:db8::a"), Part::Seconds(OptionCode::SOL_MAX_RT, seconds)];
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &limit(120));
    assert_eq!(bench.record().sol_max_rt, Some(120));
    bench.answer(ADVERTISE, B, &limit(240));
    assert_eq!(bench.record().sol_max_rt, None);
    bench.answer(ADVERTISE, B + 1, &limit(240));
    assert_eq!(bench.record().sol_max_rt, None);
}

#[test]
fn a_remembered_limit_bounds_the_first_solicit_too_c6_44() {
    let mut record = Bench::new(stateful()).record();
    record.sol_max_rt = Some(60);
    let mut bench = Bench::remembering(stateful(), &record);
    bench.up();
    let log = bench.run_until(500.0);
    let last: Vec<f64> = log.iter().filter(|(_, word)| word.starts_with("Sol")).map(|(at, _)| *at).collect();
    assert!((last[last.len() - 1] - last[last.len() - 2] - 60.0).abs() < 0.001);
}

#[test]
fn a_reply_with_rapid_commit_binds_without_request_c6_30() {
    let mut bench = Bench::new(Dhcp6Settings { rapid_commit: true, ..stateful() });
    assert_eq!(bench.up(), ["Solicit na[] rapid"]);
    assert_eq!(bench.refuses(REPLY, A, &[na("2001:db8::5")]), Refused::UnexpectedState);
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::5"), RAPID]), ["Save", "Assign", "Configured"]);
    assert_eq!(bench.state(), "bound");
}

#[test]
fn a_reply_to_solicit_is_refused_when_rapid_commit_was_not_offered_c6_30() {
    let mut bench = Bench::new(stateful());
    bench.up();
    assert_eq!(bench.refuses(REPLY, A, &[na("2001:db8::5"), RAPID]), Refused::UnexpectedState);
}

#[test]
fn servers_without_rapid_commit_are_asked_by_request_c6_30() {
    let mut bench = Bench::new(Dhcp6Settings { rapid_commit: true, ..stateful() });
    bench.up();
    let asked = bench.answer(ADVERTISE, A, &[na("2001:db8::5"), Part::Preference(255)]);
    assert_eq!(asked, ["Request >a na[2001:db8::5]"]);
}

#[test]
fn addresses_and_prefixes_are_asked_for_as_configured() {
    let hint = Dhcp6Settings { prefix_hint: 56, ..with_prefix() };
    assert_eq!(Bench::new(with_prefix()).up(), ["Solicit na[] pd[]"]);
    assert_eq!(Bench::new(hint.clone()).up(), ["Solicit na[] pd[::/56]"]);
    assert_eq!(Bench::new(Dhcp6Settings { address: false, ..hint }).up(), ["Solicit pd[::/56]"]);
    let neither = Dhcp6Settings { address: false, ..stateful() };
    assert_eq!(Bench::new(neither).up(), ["Information-request"], "there is nothing to solicit");
}

#[test]
fn a_prefix_without_an_address_is_enough_and_the_address_is_asked_for_again() {
    let parts = [Part::NaStatus(Status::NO_ADDRS_AVAIL), pd("2001:db8:d::")];
    let mut bench = Bench::bound(with_prefix(), &parts);
    assert!(bench.addresses().is_empty());
    assert_eq!(bench.run_until(150.5), log(&[(150.0, "Renew >a na[] pd[2001:db8:d::/56]")]));
    let given = bench.answer(REPLY, A, &[na("2001:db8::5"), pd("2001:db8:d::")]);
    assert_eq!(given, ["Save", "Assign", "Configured"]);
    assert_eq!(bench.addresses(), ["2001:db8::5".parse::<std::net::Ipv6Addr>().unwrap()]);
}

#[test]
fn a_refused_request_goes_to_the_next_server_and_then_rests_longer_each_time() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::a")]);
    bench.answer(ADVERTISE, B, &[na("2001:db8::b")]);
    bench.run_until(101.001);
    let nothing = [Part::NaStatus(Status::NO_ADDRS_AVAIL)];
    let next = bench.answer(REPLY, A, &nothing);
    assert_eq!(next, ["Note dhcp6-refused", "Request >b na[2001:db8::b]"]);
    let mut rests = Vec::new();
    assert_eq!(bench.answer(REPLY, B, &nothing)[0], "Note dhcp6-refused");
    for _ in 0..14 {
        assert_eq!(bench.client.lease(), None);
        let refused_at = bench.now;
        while bench.last().kind != MessageType::SOLICIT
            || bench.elapsed() != 0
            || bench.sent_at() < refused_at
        {
            bench.run_to_deadline();
        }
        rests.push(bench.sent_at().since(refused_at).as_secs());
        bench.answer(ADVERTISE, A, &[na("2001:db8::a"), Part::Preference(255)]);
        bench.answer(REPLY, A, &nothing);
    }
    assert_eq!(rests, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1800, 1800, 1800]);
}

#[test]
fn not_on_link_in_answer_to_request_begins_again_without_the_address() {
    for parts in [[Part::Status(Status::NOT_ON_LINK)], [Part::NaStatus(Status::NOT_ON_LINK)]] {
        let mut bench = Bench::new(stateful());
        bench.up();
        bench.answer(ADVERTISE, A, &[na("2001:db8::a"), Part::Preference(255)]);
        assert_eq!(bench.answer(REPLY, A, &parts), ["Note dhcp6-refused", "Information-request"]);
        let solicit = bench.run_until(101.1);
        assert!(solicit.contains(&(101.0, "Solicit na[]".to_owned())), "{solicit:?}");
    }
}

#[test]
fn unspecified_failure_leaves_the_request_to_its_own_time() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::a"), Part::Preference(255)]);
    for status in [Status::UNSPEC_FAIL, Status::USE_MULTICAST] {
        assert!(bench.answer(REPLY, A, &[Part::Status(status), na("2001:db8::a")]).is_empty());
    }
    assert_eq!(bench.run_until(101.5), log(&[(101.0, "Request >a na[2001:db8::a]")]));
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::a")]), ["Save", "Assign", "Configured"]);
}

#[test]
fn without_any_address_other_configuration_is_asked_for_while_solicit_goes_on() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[Part::NaStatus(Status::NO_ADDRS_AVAIL)]);
    let log = bench.run_until(101.5);
    assert_eq!(log, [(101.0, "Solicit na[]".to_owned()), (101.0, "Information-request".to_owned())]);
    assert_eq!(bench.answer(REPLY, A, &[EMPTY_88]), ["Configured"]);
    assert!(bench.client.is_configured());
    assert_eq!((bench.state(), bench.client.lease()), ("informed", None));
    // One day the server has addresses.
    assert_eq!(bench.run_until(103.5).last().unwrap().1, "Solicit na[]");
    let asked = bench.answer(ADVERTISE, A, &[na("2001:db8::5")]);
    assert_eq!(asked, ["Request >a na[2001:db8::5]"]);
    let bound = bench.answer(REPLY, A, &[na("2001:db8::5")]);
    assert_eq!(bound, ["Save", "Assign", "Configured"]);
    assert_eq!((bench.state(), bench.client.status().refresh_at), ("bound", None));
}

#[test]
fn a_server_with_addresses_within_the_first_wait_keeps_it_stateful() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[Part::NaStatus(Status::NO_ADDRS_AVAIL)]);
    bench.answer(ADVERTISE, B, &[na("2001:db8::b")]);
    assert_eq!(bench.run_until(101.5), log(&[(101.0, "Request >b na[2001:db8::b]")]));
}

#[test]
fn a_reply_without_anything_usable_falls_back_to_an_information_request() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(ADVERTISE, A, &[na("2001:db8::a"), Part::Preference(255)]);
    let unusable = Part::Na(0, 0, vec![("fe80::1", 100, 200)]);
    let done = bench.answer(REPLY, A, &[unusable, EMPTY_88]);
    assert_eq!(done, ["Refused bad-ia", "Note dhcp6-refused", "Information-request"]);
    assert_eq!(bench.answer(REPLY, A, &[EMPTY_88]), ["Configured"]);
    assert!(bench.client.is_configured());
}

#[test]
fn mode_auto_follows_the_flags_of_the_router_advertisement() {
    for (managed, other, expected) in [
        (true, true, Some("Solicit na[]")),
        (true, false, Some("Solicit na[]")),
        (false, true, Some("Information-request")),
        (false, false, None),
    ] {
        let mut bench = Bench::new(auto());
        assert!(bench.up().is_empty());
        bench.run_until(102.0);
        let ra = ra(managed, other, &[]);
        let done = bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out));
        assert_eq!(done, expected.into_iter().collect::<Vec<_>>(), "M={managed} O={other}");
    }
}

#[test]
fn mode_auto_knows_what_was_advertised_before_the_link_was_ready() {
    let mut bench = Bench::new(auto());
    bench.client.carrier(bench.now, &mut bench.rng);
    let ra = ra(true, true, &[]);
    assert!(bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out)).is_empty());
    assert_eq!(bench.act(|client, now, rng, out| client.ready(now, rng, out)), ["Solicit na[]"]);
}

#[test]
fn mode_auto_goes_stateless_ten_seconds_after_carrier_when_no_flag_says_otherwise() {
    for advertised in [false, true] {
        let mut bench = Bench::new(auto());
        bench.client.carrier(bench.now, &mut bench.rng);
        bench.run_until(102.0);
        bench.act(|client, now, rng, out| client.ready(now, rng, out));
        if advertised {
            let ra = ra(false, false, &[]);
            bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out));
        }
        assert_eq!((bench.state(), bench.client.status().mode), ("waiting", "auto"));
        assert_eq!(bench.run_until(110.5), log(&[(110.0, "Information-request")]));
        assert_eq!(bench.client.status().mode, "stateless");
    }
}

#[test]
fn after_a_long_outage_the_routers_decide_again() {
    let mut bench = Bench::new(auto());
    bench.up();
    let managed = ra(true, true, &[]);
    bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    let now = bench.now;
    bench.client.stop(now);
    assert!(bench.act(|client, now, rng, out| client.advertised(now, None, rng, out)).is_empty());
    bench.run_until(200.0);
    assert!(bench.up().is_empty(), "no router was heard on this link yet");
    assert_eq!(bench.run_until(210.5), log(&[(210.0, "Information-request")]));
    // Where the kernel still shows what the routers said, that counts at once.
    bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    assert_eq!(bench.up(), ["Solicit na[]"]);
}

#[test]
fn routers_that_fall_silent_change_nothing_while_the_link_runs() {
    let mut bench = Bench::new(auto());
    bench.up();
    let managed = ra(true, true, &[]);
    bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    assert!(bench.act(|client, now, rng, out| client.advertised(now, None, rng, out)).is_empty());
    assert!(bench.run_until(150.0).iter().all(|(_, word)| word == "Solicit na[]"));
}

#[test]
fn a_network_that_turns_stateful_is_solicited_while_the_old_configuration_stays() {
    let mut bench = Bench::new(auto());
    bench.up();
    let other = ra(false, true, &[]);
    bench.act(|client, now, rng, out| client.advertised(now, Some(&other), rng, out));
    bench.answer(REPLY, A, &[EMPTY_88]);
    let managed = ra(true, true, &[]);
    let done = bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    assert_eq!(done, ["Solicit na[]"]);
    assert!(bench.client.is_configured());
    bench.answer(ADVERTISE, A, &[na("2001:db8::5"), Part::Preference(255)]);
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::5")]), ["Save", "Assign", "Configured"]);
}

#[test]
fn a_network_that_turns_stateless_ends_soliciting_but_keeps_a_lease() {
    let (managed, other) = (ra(true, true, &[]), ra(false, true, &[]));
    let mut bench = Bench::new(auto());
    bench.up();
    bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    let done = bench.act(|client, now, rng, out| client.advertised(now, Some(&other), rng, out));
    assert_eq!(done, ["Information-request"]);
    assert!(bench.run_until(150.0).iter().all(|(_, word)| !word.starts_with("Solicit")));

    let mut bench = Bench::new(auto());
    bench.up();
    bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out));
    bench.answer(ADVERTISE, A, &[na("2001:db8::5"), Part::Preference(255)]);
    bench.answer(REPLY, A, &[na("2001:db8::5")]);
    assert!(bench.act(|client, now, rng, out| client.advertised(now, Some(&other), rng, out)).is_empty());
    assert_eq!(bench.state(), "bound");
    let end = bench.run_until(300.5);
    let words: Vec<&str> = end.iter().rev().take(4).rev().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words, ["Save", "Assign", "Expired", "Information-request"]);
}

#[test]
fn a_change_of_flags_is_heard_by_all_so_it_has_a_random_delay_of_its_own() {
    let mut bench = Bench::new(Dhcp6Settings { max_delay: Duration::from_secs(1), ..auto() });
    let (managed, other) = (ra(true, true, &[]), ra(false, true, &[]));
    bench.client.carrier(bench.now, &mut bench.rng);
    bench.run_until(105.0);
    bench.act(|client, now, rng, out| client.ready(now, rng, out));
    let first = bench.act(|client, now, rng, out| client.advertised(now, Some(&other), rng, out));
    assert_eq!(first, ["Information-request"], "the delay since carrier is over");
    bench.answer(REPLY, A, &[]);
    assert!(bench.act(|client, now, rng, out| client.advertised(now, Some(&managed), rng, out)).is_empty());
    assert_eq!(bench.run_until(105.6), log(&[(105.5, "Solicit na[]")]));
}

#[test]
fn stopped_means_silent_and_deaf() {
    let mut bench = Bench::new(stateful());
    bench.up();
    let now = bench.now;
    bench.client.stop(now);
    assert_eq!(bench.client.deadline(), None::<Instant>);
    assert_eq!(bench.refuses(ADVERTISE, A, &[na("2001:db8::5")]), Refused::UnexpectedState);
    assert!(bench.run_until(10_000.0).is_empty());
}
