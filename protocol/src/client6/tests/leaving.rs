//! Giving back: Release and Decline.

use super::bench::*;
use crate::facts::Address6;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};

const REPLY: MessageType = MessageType::REPLY;

fn release(bench: &mut Bench) -> Vec<String> {
    bench.act(|client, now, rng, out| client.release(now, rng, out))
}

/// The kernel found what `duplicate` says about this address of ours.
fn detected(bench: &mut Bench, address: &str, duplicate: bool) -> Vec<String> {
    let address = Address6 {
        address: address.parse().unwrap(),
        prefix_len: 128,
        tentative: duplicate,
        duplicate,
        deprecated: false,
        temporary: false,
    };
    bench.act(|client, now, rng, out| client.addresses(now, &[address], rng, out))
}

#[test]
fn addresses_go_before_the_release_which_any_reply_ends_c6_29() {
    let mut bench = Bench::bound(with_prefix(), &[na("2001:db8::5"), pd("2001:db8:d::")]);
    let gone = release(&mut bench);
    assert_eq!(gone, ["Save", "Assign", "Release >a na[2001:db8::5] pd[2001:db8:d::/56]"]);
    assert_eq!((bench.addresses().len(), bench.record().lease6), (0, None));
    assert_eq!(bench.state(), "releasing");
    let no_binding = [Part::NaStatus(Status::NO_BINDING), Part::Status(Status::NO_BINDING)];
    assert_eq!(bench.answer(REPLY, A, &no_binding), ["Released"]);
    assert_eq!(bench.client.deadline(), None);
    assert!(!bench.client.is_configured());
}

#[test]
fn an_unanswered_release_is_sent_four_times_c6_29() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    release(&mut bench);
    let again = "Release >a na[2001:db8::5]";
    assert_eq!(
        bench.run_until(1000.0),
        log(&[(101.0, again), (103.0, again), (107.0, again), (115.0, "Released")])
    );
}

#[test]
fn with_nothing_to_give_back_or_nowhere_to_send_it_is_over_at_once() {
    assert_eq!(release(&mut Bench::new(stateful())), ["Released"]);
    let mut bench = Bench::new(stateful());
    bench.up();
    assert_eq!(release(&mut bench), ["Released"]);
    assert_eq!(bench.client.deadline(), None);
    assert_eq!(release(&mut Bench::informed(stateless(), &[EMPTY_88])), ["Released"]);
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    let now = bench.now;
    bench.client.stop(now);
    assert_eq!(release(&mut bench), ["Save", "Assign", "Released"]);
}

#[test]
fn a_second_release_is_the_first() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    release(&mut bench);
    assert!(release(&mut bench).is_empty());
    assert_eq!(bench.answer(REPLY, A, &[]), ["Released"]);
}

#[test]
fn a_release_that_the_link_interrupts_still_ends() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    release(&mut bench);
    let now = bench.now;
    bench.client.stop(now);
    assert_eq!(bench.run_until(100.1), log(&[(100.0, "Released")]));
}

#[test]
fn a_link_that_begins_again_while_releasing_does_begin() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    release(&mut bench);
    assert_eq!(bench.up(), ["Solicit na[]"]);
}

#[test]
fn a_duplicate_address_is_declined_without_the_prefix_and_another_asked_for_later_c6_23() {
    let mut bench = Bench::bound(with_prefix(), &[na("2001:db8::5"), pd("2001:db8:d::")]);
    let declined = detected(&mut bench, "2001:db8::5", true);
    assert_eq!(declined, ["Note address6-duplicate", "Save", "Assign", "Decline >a na[2001:db8::5]"]);
    assert_eq!((bench.addresses().len(), bench.prefixes().len()), (0, 1));
    assert!(bench.answer(REPLY, A, &[Part::Status(Status::SUCCESS)]).is_empty());
    assert!(detected(&mut bench, "2001:db8::5", true).is_empty(), "the kernel may still show it");
    assert_eq!(bench.run_until(110.5), log(&[(110.0, "Renew >a na[] pd[2001:db8:d::/56]")]));
}

#[test]
fn after_a_decline_nothing_is_renewed_for_ten_seconds_even_past_t2_c6_23() {
    let mut bench = Bench::bound(with_prefix(), &[na("2001:db8::5"), pd("2001:db8:d::")]);
    bench.run_until(185.0);
    assert_eq!(bench.state(), "rebinding");
    detected(&mut bench, "2001:db8::5", true);
    bench.answer(REPLY, A, &[]);
    assert_eq!(bench.run_until(195.5), log(&[(195.0, "Rebind na[] pd[2001:db8:d::/56]")]));
}

#[test]
fn a_declined_only_address_ends_the_configuration_and_discovery_rests_ten_seconds_c6_23() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    let declined = detected(&mut bench, "2001:db8::5", true);
    assert_eq!(
        declined,
        ["Note address6-duplicate", "Save", "Assign", "Expired", "Decline >a na[2001:db8::5]"]
    );
    let again = "Decline >a na[2001:db8::5]";
    let expected: &[(f64, &str)] = &[(101.0, again), (103.0, again), (107.0, again), (115.0, "Solicit na[]")];
    assert_eq!(bench.run_until(115.5), log(expected));

    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    detected(&mut bench, "2001:db8::5", true);
    bench.answer(REPLY, A, &[]);
    assert_eq!(bench.run_until(110.5), log(&[(110.0, "Solicit na[]")]));
}

#[test]
fn after_ten_declines_it_is_one_a_minute_until_an_address_is_good() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    let mut pauses = Vec::new();
    for round in 0..13 {
        if round == 12 {
            detected(&mut bench, "2001:db8::5", false);
        }
        let at = bench.now;
        detected(&mut bench, "2001:db8::5", true);
        bench.answer(REPLY, A, &[]);
        let solicits = bench.client.deadline().unwrap();
        pauses.push(solicits.since(at).as_secs());
        bench.run_to(solicits);
        bench.answer(MessageType::ADVERTISE, A, &[na("2001:db8::5"), Part::Preference(255)]);
        bench.answer(REPLY, A, &[na("2001:db8::5")]);
    }
    assert_eq!(pauses, [10, 10, 10, 10, 10, 10, 10, 10, 10, 10, 60, 60, 10]);
}

#[test]
fn duplicates_of_others_are_not_ours_to_decline() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    assert!(detected(&mut bench, "2001:db8::6", true).is_empty());
    assert!(detected(&mut bench, "fe80::1", true).is_empty());
}

#[test]
fn a_duplicate_found_while_down_is_dropped_silently() {
    let mut bench = Bench::bound(stateful(), &[na("2001:db8::5")]);
    let now = bench.now;
    bench.client.stop(now);
    let dropped = detected(&mut bench, "2001:db8::5", true);
    assert_eq!(dropped, ["Note address6-duplicate", "Save", "Assign", "Expired"]);
}

#[test]
fn replies_to_release_and_decline_configure_nothing_c6_07() {
    let mut bench = Bench::bound(with_prefix(), &[na("2001:db8::5"), pd("2001:db8:d::")]);
    detected(&mut bench, "2001:db8::5", true);
    assert!(bench.answer(REPLY, A, &[na("2001:db8::9")]).is_empty());
    assert!(bench.addresses().is_empty());
    release(&mut bench);
    let server = bench.last().options.duid(OptionCode::SERVERID);
    assert_eq!(server, Some(server_duid(A)), "C6-18");
    assert!(bench.requested().is_empty());
    assert_eq!(bench.answer(REPLY, A, &[na("2001:db8::9")]), ["Released"]);
}
