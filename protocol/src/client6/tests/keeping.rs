//! Keeping a configuration: T1, T2, refreshes, and what servers do to a lease.

use super::bench::*;
use crate::settings::Dhcp6Settings;
use crate::time::Instant;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};
use std::time::Duration;

const REPLY: MessageType = MessageType::REPLY;

fn seconds(at: Option<Instant>) -> Option<f64> {
    at.map(|at| at.as_micros() as f64 / 1e6 - 100.0)
}

#[test]
fn a_renewal_moves_every_time_and_is_told_in_order() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(150.0);
    assert_eq!(bench.state(), "renewing");
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::5"), EMPTY_88]), ["Save", "Assign", "Configured"]);
    let lease = bench.client.lease().unwrap();
    assert_eq!((seconds(lease.renew_at), seconds(lease.rebind_at)), (Some(100.0), Some(130.0)));
    assert_eq!(seconds(lease.expires_at()), Some(250.0));
    assert_eq!(seconds(lease.addresses[0].preferred_until), Some(150.0));
    assert_eq!(
        bench.configured,
        [0, 1, 0, 14, 0, 1, 0, 1, 0x29, 0xb7, 0xc0, 0xde, 2, 0, 0x5e, 0x10, 0, 1]
            .into_iter()
            .chain([0, 2, 0, 5, 0, 3, 0, 1, 10])
            .chain(ia_octets())
            .chain([0, 88, 0, 0])
            .collect::<Vec<u8>>()
    );
}

fn ia_octets() -> Vec<u8> {
    let whole = write(REPLY, [0; 3], A, &[na("2001:db8::5")]);
    whole[4 + 18 + 9..].to_vec()
}

#[test]
fn t1_and_t2_are_the_earliest_of_all_associations_and_ours_when_zero_c6_24() {
    let na = |t1, t2, preferred, valid| Part::Na(t1, t2, vec![("2001:db8::5", preferred, valid)]);
    let pd = |t1, t2, preferred, valid| Part::Pd(t1, t2, vec![("2001:db8:d::", 56, preferred, valid)]);
    let cases: &[(&[Part], Option<f64>, Option<f64>)] = &[
        (&[na(100, 160, 1000, 2000), pd(50, 90, 1000, 2000)], Some(50.0), Some(90.0)),
        (&[na(50, 160, 1000, 2000), pd(100, 90, 1000, 2000)], Some(50.0), Some(160.0)),
        (&[na(0, 0, 1000, 2000)], Some(500.0), Some(800.0)),
        (&[na(0, 0, 1000, 2000), pd(0, 0, 600, 2000)], Some(300.0), Some(480.0)),
        (&[na(0, 300, 1000, 2000)], Some(300.0), Some(300.0)),
        (&[na(0, 900, 1000, 2000)], Some(500.0), Some(900.0)),
        (&[na(100, 0, 1000, 2000)], Some(100.0), Some(800.0)),
        (&[na(900, 0, 1000, 2000)], Some(900.0), Some(900.0)),
        (&[na(INFINITE, INFINITE, 1000, 2000)], None, None),
        (&[na(100, INFINITE, 1000, 2000)], Some(100.0), None),
        (&[na(0, 0, INFINITE, INFINITE)], None, None),
        (&[na(0, 0, 0, 2000)], Some(1000.0), Some(1600.0)),
        (&[na(5000, 8000, 1000, 2000)], Some(500.0), Some(8000.0)),
        (&[na(0, 0, 1, 1)], Some(1.0), Some(1.0)),
        (&[na(INFINITE, INFINITE, 1000, 2000), pd(70, 90, 1000, 2000)], Some(70.0), Some(90.0)),
    ];
    for (parts, t1, t2) in cases {
        let settings = Dhcp6Settings { prefix: parts.len() > 1, ..stateful() };
        let bench = Bench::bound(settings, parts);
        let lease = bench.client.lease().unwrap();
        assert_eq!((seconds(lease.renew_at), seconds(lease.rebind_at)), (*t1, *t2), "{parts:?}");
    }
}

#[test]
fn the_shortest_preferred_lifetime_of_an_association_counts_c6_24() {
    let parts = [Part::Na(0, 0, vec![("2001:db8::5", 1000, 2000), ("2001:db8::6", 400, 2000)])];
    let lease = Bench::bound(stateful(), &parts).client.lease().unwrap().clone();
    assert_eq!((seconds(lease.renew_at), seconds(lease.rebind_at)), (Some(200.0), Some(320.0)));
}

#[test]
fn an_association_with_t1_after_t2_is_left_out_alone_c6_24() {
    for t2 in [90, 1] {
        let wrong = Part::Na(100, t2, vec![("2001:db8::5", 1000, 2000)]);
        let bench = Bench::bound(with_prefix(), &[wrong, pd("2001:db8:d::")]);
        assert!(bench.addresses().is_empty());
        assert_eq!(bench.prefixes().len(), 1);
    }
    let never = Part::Na(INFINITE, 90, vec![("2001:db8::5", 1000, 2000)]);
    assert!(Bench::bound(with_prefix(), &[never, pd("2001:db8:d::")]).addresses().is_empty());
}

#[test]
fn an_infinite_lease_needs_no_timer() {
    let parts = [Part::Na(INFINITE, INFINITE, vec![("2001:db8::5", INFINITE, INFINITE)])];
    let mut bench = Bench::bound(stateful(), &parts);
    assert_eq!(bench.client.deadline(), None);
    assert!(bench.run_until(1e9).is_empty());
    assert!(bench.client.is_configured());
}

#[test]
fn an_unusable_address_is_left_out_and_the_others_kept_c6_23() {
    let addresses = vec![
        ("2001:db8::5", 300, 200),
        ("fe80::5", 100, 200),
        ("ff02::5", 100, 200),
        ("::", 100, 200),
        ("::1", 100, 200),
        ("2001:db8::6", 200, 200),
    ];
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::7")]);
    bench.run_until(150.0);
    let done = bench.answer(REPLY, A, &[Part::Na(50, 80, addresses)]);
    assert_eq!(done[..5], ["Refused bad-ia"; 5]);
    assert_eq!(done[5..], ["Save", "Assign", "Configured"]);
    let kept: Vec<String> = bench.addresses().iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["2001:db8::7", "2001:db8::6"], "what a Reply does not name stays as it was");
}

#[test]
fn prefixes_lose_their_host_bits_and_absurd_lengths_are_left_out() {
    let prefixes = vec![
        ("2001:db8:d::ffff", 56, 100, 200),
        ("2001:db8:e::", 0, 100, 200),
        ("2001:db8:e::", 129, 100, 200),
        ("2001:db8:e::", 255, 100, 200),
        ("fe80::", 64, 100, 200),
        ("2001:db8:f::1", 128, 100, 200),
    ];
    let bench = Bench::bound(with_prefix(), &[Part::Pd(50, 80, prefixes)]);
    let kept: Vec<String> = bench.prefixes().iter().map(ToString::to_string).collect();
    assert_eq!(kept, ["2001:db8:d::", "2001:db8:f::1"]);
}

#[test]
fn what_is_kept_of_one_association_is_bounded() {
    let addresses: Vec<String> = (1..=100).map(|n| format!("2001:db8::{n:x}")).collect();
    let addresses: Vec<(&'static str, u32, u32)> =
        addresses.into_iter().map(|address| (&*address.leak(), 100, 200)).collect();
    let bench = Bench::bound(stateful(), &[Part::Na(50, 80, addresses)]);
    assert_eq!(bench.addresses().len(), 16);
}

#[test]
fn associations_of_others_are_left_out() {
    let foreign = Part::Raw(OptionCode::IA_NA, &[0, 0, 0, 9, 0, 0, 0, 50, 0, 0, 0, 80]);
    let short = Part::Raw(OptionCode::IA_NA, &[0x5e, 0x10, 0]);
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(150.0);
    let done = bench.answer(REPLY, A, &[foreign, short, pd("2001:db8:d::"), na("2001:db8::5")]);
    assert_eq!(done, ["Refused bad-ia", "Refused bad-ia", "Refused bad-ia", "Save", "Assign", "Configured"]);
    assert!(bench.prefixes().is_empty(), "nobody asked for a prefix");
}

#[test]
fn a_valid_lifetime_of_zero_takes_an_address_away() {
    let two = [Part::Na(50, 80, vec![("2001:db8::5", 100, 200), ("2001:db8::6", 100, 200)])];
    let mut bench = Bench::bound(stateful(), &two);
    bench.run_until(150.0);
    let done =
        bench.answer(REPLY, A, &[Part::Na(50, 80, vec![("2001:db8::5", 0, 0), ("2001:db8::6", 100, 200)])]);
    assert_eq!(done, ["Save", "Assign", "Configured"]);
    assert_eq!(bench.addresses(), ["2001:db8::6".parse::<std::net::Ipv6Addr>().unwrap()]);
}

#[test]
fn a_server_that_takes_everything_away_is_left_alone_for_a_moment() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(150.0);
    let done = bench.answer(REPLY, A, &[Part::Na(0, 0, vec![("2001:db8::5", 0, 0)])]);
    assert_eq!(done, ["Save", "Assign", "Expired", "Information-request"]);
    assert!(bench.run_until(151.5).contains(&(151.0, "Solicit na[]".to_owned())));
}

#[test]
fn single_addresses_end_one_by_one() {
    let parts = [Part::Na(1000, 1500, vec![("2001:db8::5", 100, 200), ("2001:db8::6", 100, 2000)])];
    let mut bench = Bench::bound(stateful(), &parts);
    assert_eq!(bench.run_until(350.0), log(&[(300.0, "Save"), (300.0, "Assign")]));
    assert_eq!(bench.addresses(), ["2001:db8::6".parse::<std::net::Ipv6Addr>().unwrap()]);
    assert_eq!(bench.state(), "bound");
}

#[test]
fn renew_lasts_until_t2_and_rebind_until_the_lease_ends_c6_13() {
    let parts = [Part::Na(1000, 2000, vec![("2001:db8::5", 3000, 4000)])];
    let mut bench = Bench::bound(stateful(), &parts);
    let log = bench.run_until(4099.0);
    let of = |word: &str| -> Vec<f64> {
        log.iter().filter(|(_, w)| w.starts_with(word)).map(|(at, _)| at - 100.0).collect()
    };
    assert_eq!(of("Renew"), [1000.0, 1010.0, 1030.0, 1070.0, 1150.0, 1310.0, 1630.0]);
    assert_eq!(of("Rebind"), [2000.0, 2010.0, 2030.0, 2070.0, 2150.0, 2310.0, 2630.0, 3230.0, 3830.0]);
    assert_eq!(of("Note"), [1060.0], "the operator is told once an hour");
    let end: Vec<String> = bench.run_until(4101.0).into_iter().map(|(_, word)| word).collect();
    assert_eq!(end, ["Save", "Assign", "Expired", "Solicit na[2001:db8::5]"]);
}

#[test]
fn rebinding_takes_any_server_and_its_identity_c6_18() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(180.0);
    assert_eq!(bench.state(), "rebinding");
    assert_eq!(bench.answer(REPLY, B, &[na("2001:db8::5")]), ["Save", "Assign", "Configured"]);
    assert_eq!(bench.run_until(230.0).last().unwrap().1, "Renew >b na[2001:db8::5]");
}

#[test]
fn a_failing_status_keeps_the_lease_and_the_timing_c6_07() {
    for status in [Status::UNSPEC_FAIL, Status::NO_BINDING, Status::USE_MULTICAST, Status(99)] {
        let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
        bench.run_until(155.0);
        let planned = bench.client.deadline();
        let parts = [Part::Status(status), na("2001:db8::5"), Part::Seconds(OptionCode::SOL_MAX_RT, 90)];
        assert_eq!(bench.answer(REPLY, A, &parts), ["Save"], "{status}: only SOL_MAX_RT");
        assert_eq!(bench.client.deadline(), planned);
        assert_eq!(bench.state(), "renewing");
    }
}

#[test]
fn an_association_the_server_lost_is_requested_with_all_others_in_use_c6_25() {
    let both = [na("2001:db8::5"), pd("2001:db8:d::")];
    let mut bench = Bench::bound(with_prefix(), &both);
    bench.run_until(150.0);
    let done = bench.answer(REPLY, A, &[Part::NaStatus(Status::NO_BINDING), pd("2001:db8:d::")]);
    let request = "Request >a na[2001:db8::5] pd[2001:db8:d::/56]";
    assert_eq!(done, ["Save", "Configured", request]);
    assert_eq!(bench.prefixes().len(), 1);
    let done = bench.answer(REPLY, A, &[na("2001:db8::9"), pd("2001:db8:d::")]);
    assert_eq!(done[1..], ["Assign", "Configured"]);
    assert_eq!(bench.addresses(), ["2001:db8::9".parse::<std::net::Ipv6Addr>().unwrap()]);
    assert_eq!(bench.state(), "bound");
}

#[test]
fn a_server_that_lost_everything_gives_it_anew_or_is_left_c6_25() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    bench.run_until(150.0);
    let done = bench.answer(REPLY, A, &[Part::NaStatus(Status::NO_BINDING)]);
    assert_eq!(
        done,
        ["Request >a na[2001:db8::5]"],
        "a Reply without anything does not decide about the permit"
    );
    assert!(bench.client.is_configured());
    let done = bench.answer(REPLY, A, &[Part::NaStatus(Status::NO_ADDRS_AVAIL)]);
    assert_eq!(done, ["Note dhcp6-refused", "Save", "Assign", "Expired", "Information-request"]);
    assert!(bench.run_until(151.5).contains(&(151.0, "Solicit na[]".to_owned())));
}

#[test]
fn without_an_answer_to_the_request_the_rest_of_the_lease_is_extended_as_before_c6_25() {
    let mut bench = Bench::bound(stateful(), &[Part::Na(50, 5000, vec![("2001:db8::5", 8000, 8000)])]);
    bench.run_until(150.0);
    bench.answer(REPLY, A, &[Part::NaStatus(Status::NO_BINDING)]);
    let log = bench.run_until(150.0 + 181.5);
    assert_eq!(log.last().unwrap(), &(331.0, "Renew >a na[2001:db8::5]".to_owned()));
    assert_eq!(bench.addresses().len(), 1);
}

#[test]
fn a_loop_of_refusals_is_slow_m5() {
    let both = [na("2001:db8::5"), pd("2001:db8:d::")];
    let mut bench = Bench::bound(with_prefix(), &both);
    bench.run_until(180.0);
    let before = bench.sent.len();
    // A server that knows nothing and gives nothing, as fast as it can, for a minute.
    while bench.now < secs(240.0) {
        if bench.client.status().exchange.is_some() {
            bench.answer(REPLY, B, &[Part::NaStatus(Status::NO_BINDING), Part::PdStatus(Status::NO_BINDING)]);
        }
        bench.run_to_deadline();
        if bench.last().kind == MessageType::SOLICIT {
            break;
        }
    }
    assert!(bench.sent.len() - before < 20, "{} messages", bench.sent.len() - before);
}

#[test]
fn a_missing_association_is_kept_and_not_asked_for_at_once_c6_25() {
    let both = [na("2001:db8::5"), Part::Pd(60, 90, vec![("2001:db8:d::", 56, 100, 400)])];
    let mut bench = Bench::bound(with_prefix(), &both);
    bench.run_until(151.0);
    let planned = bench.client.status().exchange.unwrap().next_at;
    let parts = [Part::Pd(600, 900, vec![("2001:db8:d::", 56, 1000, 2000)])];
    assert_eq!(bench.answer(REPLY, A, &parts), ["Save", "Configured"]);
    assert_eq!(bench.state(), "renewing");
    assert_eq!(bench.client.status().exchange.unwrap().next_at, planned, "as if it had not come");
    assert_eq!(bench.addresses().len(), 1);
    // When the forgotten address ends, the prefix has the times of its own.
    let log = bench.run_until(700.0);
    let words: Vec<&str> = log.iter().map(|(_, word)| word.split(' ').next().unwrap()).collect();
    assert_eq!(words, ["Renew", "Rebind", "Rebind", "Rebind", "Note", "Rebind", "Save", "Assign", "Save"]);
    assert_eq!(bench.state(), "bound");
    assert_eq!(bench.run_until(752.0), log_of(751.0, "Renew >a na[] pd[2001:db8:d::/56]"));
}

fn log_of(at: f64, word: &str) -> Log {
    log(&[(at, word)])
}

#[test]
fn the_refresh_time_is_the_servers_within_bounds_c6_09() {
    let refresh = |part: Option<Part>, max_refresh: Option<u64>| {
        let settings = Dhcp6Settings { max_refresh: max_refresh.map(Duration::from_secs), ..stateless() };
        let parts: Vec<Part> = part.into_iter().collect();
        seconds(Bench::informed(settings, &parts).client.status().refresh_at)
    };
    let server = |seconds| Some(Part::Seconds(OptionCode::INFORMATION_REFRESH_TIME, seconds));
    assert_eq!(refresh(None, None), Some(86_400.0));
    assert_eq!(refresh(server(300), None), Some(600.0));
    assert_eq!(refresh(server(600), None), Some(600.0));
    assert_eq!(refresh(server(7200), None), Some(7200.0));
    assert_eq!(refresh(server(INFINITE), None), None);
    assert_eq!(refresh(server(7200), Some(3600)), Some(3600.0));
    assert_eq!(refresh(server(INFINITE), Some(3600)), Some(3600.0));
    assert_eq!(refresh(server(1200), Some(3600)), Some(1200.0));
    let wrong = Part::Raw(OptionCode::INFORMATION_REFRESH_TIME, &[0, 0, 7]);
    assert_eq!(refresh(Some(wrong), None), Some(86_400.0));
}

#[test]
fn each_refresh_has_a_random_delay_and_old_data_stays_meanwhile_c6_09() {
    let settings = Dhcp6Settings { max_delay: Duration::from_secs(1), ..stateless() };
    let mut bench = Bench::new(settings);
    bench.up();
    bench.run_until(100.5);
    bench.answer(REPLY, A, &[EMPTY_88]);
    let log = bench.run_until(100.5 + 86_400.0 + 4000.0);
    assert_eq!(log[0], (86_501.0, "Information-request".to_owned()));
    assert!(bench.client.is_configured());
    assert_eq!(bench.state(), "information-requesting");
    assert_eq!(bench.answer(REPLY, B, &[EMPTY_88]), ["Configured"]);
    assert_eq!(bench.client.status().server, Some(server_duid(B)));
}

#[test]
fn stateless_configuration_ends_only_when_configured_to_c6_09() {
    let settings = Dhcp6Settings { stateless_max_stale: Some(Duration::from_secs(3600)), ..stateless() };
    let refresh = Part::Seconds(OptionCode::INFORMATION_REFRESH_TIME, 1000);
    let mut bench = Bench::informed(settings, std::slice::from_ref(&refresh));
    let log = bench.run_until(100.0 + 1000.0 + 3600.0);
    assert_eq!(log.iter().filter(|(_, word)| word == "Expired").count(), 1);
    assert_eq!(log.last().unwrap(), &(4700.0, "Expired".to_owned()));
    assert!(!bench.client.is_configured());
    bench.run_until(9000.0);
    assert_eq!(bench.answer(REPLY, A, &[refresh]), ["Configured"], "it went on asking");
}

#[test]
fn a_failing_reply_to_an_information_request_gives_only_the_limit_c6_16() {
    let mut bench = Bench::new(stateless());
    bench.up();
    let parts = [Part::Status(Status::UNSPEC_FAIL), Part::Seconds(OptionCode::INF_MAX_RT, 60), EMPTY_88];
    assert_eq!(bench.answer(REPLY, A, &parts), ["Save"]);
    assert!(!bench.client.is_configured());
    let log = bench.run_until(1000.0);
    let asked: Vec<f64> = log.iter().filter(|(_, w)| w.starts_with("Inf")).map(|(at, _)| *at).collect();
    assert_eq!(asked[asked.len() - 1] - asked[asked.len() - 2], 60.0);
}

#[test]
fn every_renewal_keeps_asking_for_the_permit_c6_04() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5"), EMPTY_88]);
    for round in 1..5 {
        bench.run_until(100.0 + 50.0 * f64::from(round));
        assert_eq!(bench.last().kind, MessageType::RENEW);
        assert!(bench.requested().contains(&88));
        bench.answer(REPLY, A, &[na("2001:db8::5")]);
    }
}
