//! The link may be another one: Confirm, Rebind, Information-request; and restarts from the record.

use super::bench::*;
use crate::client6::Client6;
use crate::settings::Dhcp6Settings;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};
use std::time::Duration;

const REPLY: MessageType = MessageType::REPLY;

fn long(address: &'static str) -> Part {
    Part::Na(500, 800, vec![(address, 1000, 2000)])
}

fn long_prefix(prefix: &'static str) -> Part {
    Part::Pd(500, 800, vec![(prefix, 56, 1000, 2000)])
}

/// Carrier goes, and comes back ten seconds later.
fn flap(bench: &mut Bench) -> Vec<String> {
    let now = bench.now;
    bench.client.stop(now);
    assert!(bench.run_to(now + Duration::from_secs(10)).is_empty());
    bench.up()
}

#[test]
fn addresses_are_confirmed_and_keep_their_lifetimes_c6_26() {
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    let before = bench.client.lease().cloned();
    assert_eq!(flap(&mut bench), ["Confirm na[2001:db8::5]"]);
    assert_eq!(bench.state(), "confirming");
    assert!(bench.requested().is_empty());
    assert_eq!(bench.answer(REPLY, B, &[]), ["Confirmed"]);
    assert_eq!(bench.client.lease().cloned(), before);
    assert_eq!(bench.state(), "bound");
    assert_eq!(bench.run_until(600.0), log(&[(600.0, "Renew >a na[2001:db8::5]")]));
}

#[test]
fn prefixes_are_rebound_in_the_time_of_a_confirm_c6_26() {
    let mut bench = Bench::bound(with_prefix(), &[long("2001:db8::5"), long_prefix("2001:db8:d::")]);
    let rebind = "Rebind na[2001:db8::5] pd[2001:db8:d::/56]";
    assert_eq!(flap(&mut bench), [rebind]);
    assert_eq!(bench.state(), "verifying");
    assert!(bench.requested().contains(&88));
    let log = bench.run_until(125.0);
    let expected: &[(f64, &str)] = &[(111.0, rebind), (113.0, rebind), (117.0, rebind), (120.0, "Confirmed")];
    assert_eq!(log, super::bench::log(expected));
    assert_eq!((bench.state(), bench.prefixes().len()), ("bound", 1));
}

#[test]
fn a_rebind_that_is_answered_renews_everything_c6_26() {
    let parts = [long("2001:db8::5"), long_prefix("2001:db8:d::")];
    let mut bench = Bench::bound(with_prefix(), &parts);
    flap(&mut bench);
    assert_eq!(bench.answer(REPLY, B, &parts), ["Save", "Assign", "Configured"]);
    assert_eq!(bench.client.lease().unwrap().server, server_duid(B));
}

#[test]
fn a_rebind_on_another_link_loses_what_is_not_known_there() {
    let mut bench = Bench::bound(with_prefix(), &[long("2001:db8::5"), long_prefix("2001:db8:d::")]);
    flap(&mut bench);
    let gone =
        [Part::Na(0, 0, vec![("2001:db8::5", 0, 0)]), Part::Pd(0, 0, vec![("2001:db8:d::", 56, 0, 0)])];
    let done = bench.answer(REPLY, B, &gone);
    assert_eq!(done[..3], ["Save", "Assign", "Expired"]);
    let mut bench = Bench::bound(with_prefix(), &[long("2001:db8::5"), long_prefix("2001:db8:d::")]);
    flap(&mut bench);
    let unknown = [Part::NaStatus(Status::NO_BINDING), Part::PdStatus(Status::NO_BINDING)];
    assert_eq!(bench.answer(REPLY, B, &unknown), ["Request >b na[2001:db8::5] pd[2001:db8:d::/56]"]);
}

#[test]
fn a_confirm_that_nobody_answers_keeps_the_lease_c6_26() {
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    flap(&mut bench);
    let confirm = "Confirm na[2001:db8::5]";
    let expected: &[(f64, &str)] =
        &[(111.0, confirm), (113.0, confirm), (117.0, confirm), (120.0, "Confirmed")];
    assert_eq!(bench.run_until(130.0), log(expected));
    assert_eq!((bench.state(), bench.addresses().len()), ("bound", 1));
}

#[test]
fn only_not_on_link_ends_the_lease_and_one_success_keeps_it() {
    let not_on_link = [Part::Status(Status::NOT_ON_LINK)];
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    flap(&mut bench);
    assert!(bench.answer(REPLY, A, &not_on_link).is_empty(), "another server may know better");
    let expected: &[(f64, &str)] = &[
        (111.0, "Note not-on-link"),
        (111.0, "Elsewhere"),
        (111.0, "Save"),
        (111.0, "Assign"),
        (111.0, "Expired"),
        (111.0, "Solicit na[]"),
    ];
    assert_eq!(bench.run_until(111.5), log(expected));

    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    flap(&mut bench);
    bench.answer(REPLY, A, &not_on_link);
    assert_eq!(bench.answer(REPLY, B, &[Part::Status(Status::SUCCESS)]), ["Confirmed"]);
    assert_eq!(bench.addresses().len(), 1);

    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    flap(&mut bench);
    assert!(bench.answer(REPLY, A, &[Part::Status(Status::UNSPEC_FAIL)]).is_empty());
    assert_eq!(bench.run_until(111.5), log(&[(111.0, "Confirm na[2001:db8::5]")]));
}

#[test]
fn stateless_configuration_is_asked_for_again_and_stays_without_an_answer_c6_26() {
    let forever = Part::Seconds(OptionCode::INFORMATION_REFRESH_TIME, INFINITE);
    let mut bench = Bench::informed(stateless(), &[forever]);
    assert_eq!(bench.client.deadline(), None);
    assert_eq!(flap(&mut bench), ["Information-request"]);
    let log = bench.run_until(135.0);
    let words: Vec<(f64, &str)> = log.iter().map(|(at, word)| (*at, word.as_str())).collect();
    let ask = "Information-request";
    assert_eq!(words, [(111.0, ask), (113.0, ask), (117.0, ask), (120.0, "Confirmed"), (125.0, ask)]);
    assert!(bench.client.is_configured());
}

#[test]
fn a_first_information_request_that_nobody_answers_confirms_nothing() {
    let mut bench = Bench::new(stateless());
    bench.up();
    assert!(bench.run_until(200.0).iter().all(|(_, word)| word != "Confirmed"));
}

#[test]
fn a_short_flap_checks_after_a_random_delay_and_many_flaps_check_once() {
    let settings = Dhcp6Settings { max_delay: Duration::from_secs(1), ..stateful() };
    let mut record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    record.sol_max_rt = None;
    let mut bench = Bench::remembering(settings, &record);
    bench.up();
    bench.run_until(100.5);
    bench.answer(REPLY, A, &[]);
    for tenth in 0..5 {
        bench.run_until(110.0 + 0.1 * f64::from(tenth));
        assert!(bench.act(|client, now, rng, out| client.moved(now, rng, out)).is_empty());
    }
    assert_eq!(bench.run_until(111.0), log(&[(110.5, "Confirm na[2001:db8::5]")]));
}

#[test]
fn a_flap_while_soliciting_begins_anew() {
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.answer(MessageType::ADVERTISE, A, &[na("2001:db8::5")]);
    let first = bench.last().xid();
    assert_eq!(bench.act(|client, now, rng, out| client.moved(now, rng, out)), ["Solicit na[]"]);
    assert_ne!(bench.last().xid(), first, "what the old network offered is forgotten");
    assert_eq!(bench.run_until(101.5), log(&[(101.0, "Solicit na[]")]));
}

#[test]
fn moving_while_down_does_nothing() {
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    let now = bench.now;
    bench.client.stop(now);
    assert!(bench.act(|client, now, rng, out| client.moved(now, rng, out)).is_empty());
    assert!(bench.act(|client, now, rng, out| client.restart(now, rng, out)).is_empty());
}

#[test]
fn a_restart_verifies_what_is_in_the_record_c6_44() {
    let record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    let mut bench = Bench::remembering(stateful(), &record);
    assert_eq!(bench.addresses().len(), 1, "what is on the link stays there meanwhile");
    assert_eq!(bench.up(), ["Confirm na[2001:db8::5]"]);
    assert_eq!(bench.answer(REPLY, A, &[]), ["Assign", "Confirmed"]);
    assert_eq!(bench.record(), record);

    let record = Bench::bound(with_prefix(), &[long("2001:db8::5"), long_prefix("2001:db8:d::")]).record();
    let mut bench = Bench::remembering(with_prefix(), &record);
    assert_eq!(bench.up(), ["Rebind na[2001:db8::5] pd[2001:db8:d::/56]"]);
    let parts = [long("2001:db8::5"), long_prefix("2001:db8:d::")];
    assert_eq!(bench.answer(REPLY, A, &parts), ["Assign", "Configured"], "the record is the same");
}

#[test]
fn a_restart_in_mode_auto_verifies_a_lease_without_waiting_for_routers_c6_44() {
    let record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    assert_eq!(Bench::remembering(auto(), &record).up(), ["Confirm na[2001:db8::5]"]);
}

#[test]
fn an_expired_lease_of_the_record_is_only_a_hint() {
    let record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    let mut bench = Bench::remembering(stateful(), &record);
    bench.now = secs(2100.0);
    assert_eq!(bench.up(), ["Save", "Assign", "Expired", "Solicit na[2001:db8::5]"]);
    assert_eq!(bench.record().lease6, None);
}

#[test]
fn a_lease_past_t1_is_renewed_and_past_t2_rebound_once_it_is_verified() {
    let record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    for (now, next) in [(700.0, "Renew >a na[2001:db8::5]"), (950.0, "Rebind na[2001:db8::5]")] {
        let mut bench = Bench::remembering(stateful(), &record);
        bench.now = secs(now);
        assert_eq!(bench.up(), ["Confirm na[2001:db8::5]"]);
        assert_eq!(bench.answer(REPLY, A, &[]), ["Assign", "Confirmed", next]);
    }
}

#[test]
fn a_lease_that_ends_while_it_is_verified_is_gone() {
    let record = Bench::bound(stateful(), &[long("2001:db8::5")]).record();
    let mut bench = Bench::remembering(stateful(), &record);
    bench.now = secs(2095.0);
    bench.up();
    let log = bench.run_until(2100.0);
    let words: Vec<&str> = log.iter().map(|(_, word)| word.as_str()).collect();
    assert_eq!(words[2..], ["Save", "Assign", "Expired", "Solicit na[2001:db8::5]"]);
}

#[test]
fn what_the_settings_no_longer_want_is_not_taken_from_the_record() {
    let both = Bench::bound(with_prefix(), &[long("2001:db8::5"), long_prefix("2001:db8:d::")]).record();
    assert_eq!(Bench::remembering(stateful(), &both).up(), ["Confirm na[2001:db8::5]"]);
    assert_eq!(Bench::remembering(stateless(), &both).up(), ["Information-request"]);
    let mut other = both.clone();
    other.iaid = crate::ids::Iaid(7);
    assert!(Client6::new(with_prefix(), vec![88], our_duid(), &other).lease().is_none());
}

#[test]
fn restart_forgets_what_is_pending_and_verifies() {
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    assert_eq!(bench.act(|client, now, rng, out| client.restart(now, rng, out)), ["Confirm na[2001:db8::5]"]);
    let mut bench = Bench::new(stateful());
    bench.up();
    bench.run_until(1000.0);
    assert_eq!(bench.act(|client, now, rng, out| client.restart(now, rng, out)), ["Solicit na[]"]);
    assert_eq!(bench.elapsed(), 0);
    let mut bench = Bench::informed(stateless(), &[]);
    assert_eq!(bench.act(|client, now, rng, out| client.restart(now, rng, out)), ["Information-request"]);
}

#[test]
fn the_lease_runs_on_while_the_link_is_down() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    let now = bench.now;
    bench.client.stop(now);
    assert_eq!(bench.run_until(400.0), log(&[(300.0, "Save"), (300.0, "Assign"), (300.0, "Expired")]));
}

#[test]
fn changed_prefixes_refresh_early_and_at_most_once_in_30_seconds_c6_27() {
    let advertise = |bench: &mut Bench, at: f64, prefixes: &[&str]| {
        let log = bench.run_until(at);
        assert!(log.is_empty(), "{log:?}");
        let ra = ra(true, true, prefixes);
        bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out))
    };
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    let renew = ["Renew >a na[2001:db8::5]"];
    assert!(advertise(&mut bench, 105.0, &[]).is_empty(), "the kernel learns of them one by one");
    assert!(advertise(&mut bench, 110.0, &["2001:db8::"]).is_empty(), "the first is no change");
    assert!(advertise(&mut bench, 115.0, &["2001:db8::"]).is_empty());
    assert_eq!(advertise(&mut bench, 120.0, &["2001:db8::", "2001:db8:1::"]), renew);
    bench.answer(REPLY, A, &[long("2001:db8::5")]);
    assert!(advertise(&mut bench, 129.0, &["2001:db8::"]).is_empty());
    assert_eq!(advertise(&mut bench, 151.0, &["2001:db8:1::"]), renew);

    let mut bench = Bench::informed(stateless(), &[]);
    assert!(advertise(&mut bench, 110.0, &["2001:db8::"]).is_empty());
    assert_eq!(advertise(&mut bench, 120.0, &[]), ["Information-request"]);
    bench.answer(REPLY, A, &[]);
    assert!(advertise(&mut bench, 129.0, &["2001:db8::"]).is_empty());
    assert_eq!(advertise(&mut bench, 151.0, &[]), ["Information-request"]);
}

#[test]
fn prefixes_that_were_there_before_the_service_are_the_first_c6_27() {
    let mut bench = Bench::new(stateless());
    let advertise = |bench: &mut Bench, prefixes: &[&str]| {
        let ra = ra(false, true, prefixes);
        bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out))
    };
    advertise(&mut bench, &["2001:db8::"]);
    bench.up();
    bench.answer(REPLY, A, &[]);
    assert_eq!(advertise(&mut bench, &["2001:db8:1::"]), ["Information-request"]);
}

#[test]
fn prefixes_that_go_while_the_link_is_down_are_no_change_c6_27() {
    let advertise = |bench: &mut Bench, prefixes: &[&str]| {
        let ra = ra(true, true, prefixes);
        bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out))
    };
    let mut bench = Bench::bound(stateful(), &[long("2001:db8::5")]);
    advertise(&mut bench, &["2001:db8::"]);
    let now = bench.now;
    bench.client.stop(now);
    assert!(advertise(&mut bench, &[]).is_empty());
    assert_eq!(bench.up(), ["Confirm na[2001:db8::5]"]);
    assert_eq!(bench.answer(REPLY, A, &[]), ["Confirmed"]);
    assert!(advertise(&mut bench, &["2001:db8::"]).is_empty());
    assert_eq!(advertise(&mut bench, &["2001:db8:1::"]), ["Renew >a na[2001:db8::5]"]);
}

#[test]
fn an_early_refresh_has_a_random_delay() {
    let settings = Dhcp6Settings { max_delay: Duration::from_secs(1), ..stateless() };
    let mut bench = Bench::new(settings);
    bench.up();
    bench.run_until(101.0);
    bench.answer(REPLY, A, &[]);
    for prefixes in [&["2001:db8::"][..], &[]] {
        let ra = ra(false, true, prefixes);
        assert!(bench.act(|client, now, rng, out| client.advertised(now, Some(&ra), rng, out)).is_empty());
    }
    assert_eq!(bench.run_until(102.0), log(&[(101.5, "Information-request")]));
}
