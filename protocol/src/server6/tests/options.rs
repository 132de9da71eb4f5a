//! Options are given to those who ask.

use super::bench::*;
use crate::refused::Refused;
use crate::server6::settings::{Options6, Settings, Subnet6};
use crate::settings::Profile;
use crate::wire::v6_option::Status;

const ALL: [u16; 9] = [23, 24, 32, 64, 82, 83, 88, 54_322, 54_323];

fn everything() -> Options6 {
    Options6 {
        servers_4o6: Some(vec![ip("2001:db8::1"), ip("ff02::1:2"), ip("2001:db8::1")]),
        dns: vec![ip("2001:db8::53")],
        search: vec!["example.test".into(), "a.example.test".into()],
        aftr: Some("aftr.example.test".into()),
        refresh: Some(3600),
        sol_max_rt: Some(120),
        inf_max_rt: Some(240),
    }
}

/// A server without any subnet.
fn stateless(options: Options6) -> Settings {
    Settings { options, ..Settings::default() }
}

#[test]
fn only_what_is_asked_for_is_given_s46_18() {
    let mut bench = Bench::new(stateless(everything()));
    let told = bench.send(INFORMATION, 1, vec![]).unwrap();
    assert_eq!((told.kind, told.codes()), (REPLY, vec![]));
    let told = bench.send(INFORMATION, 1, vec![Part::Asks(vec![23, 82, 999])]).unwrap();
    assert_eq!(told.codes(), [23, 82]);
    let told = bench.send(INFORMATION, 1, vec![Part::Asks(ALL.to_vec())]).unwrap();
    assert_eq!(told.codes(), [23, 24, 32, 64, 82, 83, 88]);
    assert_eq!(told.option(23), Some("20010db8000000000000000000000053"));
    assert_eq!(
        told.option(24),
        Some("076578616d706c6504746573740001610765 78616d706c65047465737400".replace(' ', "").as_str())
    );
    assert_eq!(told.option(32), Some("00000e10"));
    assert_eq!(told.option(64), Some("0461667472076578616d706c65047465737400"));
    assert_eq!((told.option(82), told.option(83)), (Some("00000078"), Some("000000f0")));
}

#[test]
fn the_list_of_4o6_servers_is_without_repetition_or_empty_or_absent_s46_19() {
    let ask = || vec![Part::Asks(vec![88])];
    let told = Bench::new(stateless(everything())).send(INFORMATION, 1, ask()).unwrap();
    let unique = "20010db8000000000000000000000001ff020000000000000000000000010002";
    assert_eq!(told.option(88), Some(unique));
    let empty = Options6 { servers_4o6: Some(vec![]), ..Options6::default() };
    let told = Bench::new(stateless(empty)).send(INFORMATION, 1, ask()).unwrap();
    assert_eq!(told.option(88), Some(""));
    let told = Bench::new(stateless(Options6::default())).send(INFORMATION, 1, ask()).unwrap();
    assert_eq!(told.codes(), []);
}

#[test]
fn each_profile_has_its_own_words_for_the_permit_gen_16() {
    let empty = Options6 { servers_4o6: Some(vec![]), ..Options6::default() };
    let none = Options6::default();
    for (options, profile, expected) in [
        (everything(), Profile::Rfc7341, vec![88]),
        (everything(), Profile::Draft01, vec![54_322, 54_323]),
        (everything(), Profile::Dual, vec![88, 54_322, 54_323]),
        (empty.clone(), Profile::Draft01, vec![54_322]),
        (empty, Profile::Dual, vec![88, 54_322]),
        (none, Profile::Dual, vec![]),
    ] {
        let mut bench = Bench::with_profile(stateless(options), profile);
        let told = bench.send(INFORMATION, 1, vec![Part::Asks(vec![54_323, 88, 54_322])]).unwrap();
        assert_eq!(told.codes(), expected, "{profile:?}");
        assert!(told.option(54_322).is_none_or(str::is_empty));
        assert!(told.option(54_323).is_none_or(|list| list.len() == 64));
        let told = bench.send(INFORMATION, 1, vec![Part::Asks(vec![12_345])]).unwrap();
        assert_eq!(told.codes(), []);
    }
}

#[test]
fn every_answer_with_configuration_has_options_but_the_refresh_time_is_for_the_stateless_c6_10() {
    let mut bench = Bench::new(Settings { options: everything(), ..small(10) });
    let asks = || vec![Part::Asks(ALL.to_vec()), Part::Na(1, vec![])];
    let expected = [23, 24, 64, 82, 83, 88];
    for kind in [SOLICIT, REQUEST, RENEW, REBIND] {
        assert_eq!(bench.send(kind, 1, asks()).unwrap().codes(), expected, "{kind}");
    }
    let slot = bench.lease(1, 1).unwrap();
    for kind in [CONFIRM, DECLINE, RELEASE] {
        let told = bench.send(kind, 1, vec![Part::Asks(ALL.to_vec()), Part::Has(1, vec![slot])]).unwrap();
        assert_eq!(told.codes(), [], "{kind}");
    }
}

#[test]
fn options_of_a_subnet_go_before_those_of_the_server() {
    let own = Options6 {
        dns: vec![ip("2001:db8::99")],
        servers_4o6: Some(vec![]),
        sol_max_rt: Some(60),
        ..Options6::default()
    };
    let mut bench =
        Bench::new(Settings { options: everything(), ..settings(Subnet6 { options: own, ..subnet() }) });
    let told = bench.send(INFORMATION, 1, vec![Part::Asks(ALL.to_vec())]).unwrap();
    assert_eq!(told.codes(), [23, 24, 32, 64, 82, 83, 88]);
    assert_eq!((told.option(23), told.option(88)), (Some("20010db8000000000000000000000099"), Some("")));
    assert_eq!((told.option(82), told.option(83)), (Some("0000003c"), Some("000000f0")));
}

#[test]
fn a_client_without_identifier_can_ask_for_information() {
    let mut bench = Bench::new(stateless(everything()));
    let told = bench.ask(INFORMATION, &[Part::Asks(vec![88])]).unwrap();
    assert_eq!((told.kind, told.codes()), (REPLY, vec![88]));
    let told = bench.ask(INFORMATION, &[Part::Server(server_duid()), Part::Asks(vec![88])]).unwrap();
    assert_eq!(told.codes(), [88]);
}

#[test]
fn a_solicit_without_associations_is_answered_with_options() {
    let mut bench = Bench::new(stateless(everything()));
    let told = bench.send(SOLICIT, 1, vec![Part::Asks(vec![88])]).unwrap();
    assert_eq!((told.kind, told.associations.len(), told.codes()), (ADVERTISE, 0, vec![88]));
    assert!(bench.notices.is_empty());
}

#[test]
fn a_server_without_subnets_has_options_and_no_addresses_c6_15() {
    let mut bench = Bench::new(stateless(everything()));
    let ask = || vec![Part::Asks(vec![82]), Part::Na(1, vec![]), Part::Pd(1, vec![])];
    for kind in [SOLICIT, REQUEST] {
        let told = bench.send(kind, 1, ask()).unwrap();
        assert_eq!(told.statuses(), [Status::NO_ADDRS_AVAIL, Status::NO_PREFIX_AVAIL]);
        assert_eq!((told.codes(), told.given()), (vec![82], vec![]));
        assert!(bench.notices.is_empty(), "nobody misses a subnet here");
    }
    assert_eq!(bench.send(REBIND, 1, ask()), Err(Refused::UnknownClient));
    let told = bench.send(RENEW, 1, ask()).unwrap();
    assert_eq!(told.statuses(), [Status::NO_BINDING, Status::NO_BINDING]);
}

#[test]
fn an_option_request_that_is_broken_asks_for_nothing_gen_03() {
    let mut bench = Bench::new(stateless(everything()));
    for broken in [vec![], vec![0], vec![0, 88, 0]] {
        let told =
            bench.send(INFORMATION, 1, vec![Part::Raw(6, broken), Part::Raw(65_000, vec![1])]).unwrap();
        assert_eq!(told.codes(), []);
    }
    let twice = vec![Part::Asks(vec![23]), Part::Asks(vec![88])];
    assert_eq!(bench.send(INFORMATION, 1, twice).unwrap().codes(), [23], "the first counts");
    let again = vec![Part::Asks(vec![88; 500])];
    assert_eq!(bench.send(INFORMATION, 1, again).unwrap().codes(), [88], "asked often, given once");
}

#[test]
fn a_name_that_is_none_is_left_out_and_the_rest_is_given() {
    let options = Options6 { search: vec!["..".into()], aftr: Some("-x".into()), ..everything() };
    let told = Bench::new(stateless(options)).send(INFORMATION, 1, vec![Part::Asks(ALL.to_vec())]).unwrap();
    assert_eq!(told.codes(), [23, 32, 82, 83, 88]);
}
