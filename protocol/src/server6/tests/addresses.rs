//! Solicit, Request, Release, Decline, Confirm: who gets which address.

use super::bench::*;
use crate::binding::{Record, Slot6, State};
use crate::provider::Notice;
use crate::refused::Refused;
use crate::server6::settings::{Settings, Subnet6};
use crate::tally::Done;
use crate::time::Lifetime;
use crate::wire::v6_option::{OptionCode, Status};
use std::collections::BTreeSet;

#[test]
fn a_solicit_is_answered_by_an_offer_that_reserves_nothing() {
    let mut bench = Bench::new(Settings { preference: 7, ..small(10) });
    let told = bench.send(SOLICIT, 1, vec![Part::Na(5, vec![])]).unwrap();
    assert_eq!(told.kind, ADVERTISE);
    assert_eq!(told.option(7), Some("07"));
    let [association] = &told.associations[..] else { panic!("{told:?}") };
    assert_eq!((association.code, association.iaid), (OptionCode::IA_NA, 5));
    assert_eq!((association.t1, association.t2), (500, 800));
    assert!(matches!(association.slots[..], [(_, 1000, 2000)]));
    assert!(bench.changes.is_empty());
    assert!(bench.engine.bindings(None, 9).is_empty());
    let again = bench.send(SOLICIT, 1, vec![Part::Na(5, vec![])]).unwrap();
    assert_eq!(again, told);
}

#[test]
fn a_request_makes_the_lease_and_says_what_to_write_first() {
    let mut bench = Bench::new(small(10));
    let offered = bench.send(SOLICIT, 1, vec![Part::Na(5, vec![])]).unwrap().given();
    let told = bench.send(REQUEST, 1, vec![Part::Has(5, offered.clone())]).unwrap();
    assert_eq!((told.kind, told.given()), (REPLY, offered.clone()));
    let [change] = &bench.changes[..] else { panic!("{:?}", bench.changes) };
    assert_eq!(change.undo, Record::Gone6(offered[0]));
    let Record::Lease6(binding) = &change.record else { panic!("{change:?}") };
    assert_eq!((binding.slot, &binding.client, binding.iaid), (offered[0], &client_duid(1), 5));
    assert_eq!(binding.expires_at, Lifetime(2000).end(bench.now));
    assert_eq!(binding.preferred_until, Lifetime(1000).end(bench.now));
    // A repeated one is written again, for the first record may not be durable yet.
    let again = bench.send(REQUEST, 1, vec![Part::Has(5, offered)]).unwrap();
    assert_eq!(again, told);
    assert_eq!(bench.changes.len(), 1);
    assert_eq!(bench.engine.bindings(None, 9).len(), 1);
}

#[test]
fn rapid_commit_is_a_reply_at_once_if_both_want_it_c6_30() {
    let mut bench = Bench::new(Settings { rapid_commit: true, preference: 7, ..small(10) });
    let told = bench.send(SOLICIT, 1, vec![Part::Rapid, Part::Na(5, vec![])]).unwrap();
    assert_eq!((told.kind, told.codes(), told.given().len()), (REPLY, vec![14], 1));
    assert_eq!(bench.changes.len(), 1);
    let told = bench.send(SOLICIT, 2, vec![Part::Na(5, vec![])]).unwrap();
    assert_eq!((told.kind, told.codes()), (ADVERTISE, vec![7]));
    bench.configure(small(10));
    let told = bench.send(SOLICIT, 2, vec![Part::Rapid, Part::Na(5, vec![])]).unwrap();
    assert_eq!((told.kind, told.codes()), (ADVERTISE, vec![]));
}

#[test]
fn clients_and_their_associations_get_different_addresses_until_none_is_left_s46_38() {
    let mut bench = Bench::new(small(10));
    let mut given = BTreeSet::new();
    for client in 0..5 {
        let ask = || vec![Part::Na(1, vec![]), Part::Na(2, vec![])];
        let offered = bench.send(SOLICIT, client, ask()).unwrap().given();
        assert_eq!(offered.len(), 2);
        assert_ne!(offered[0], offered[1]);
        let told = bench.send(REQUEST, client, ask()).unwrap();
        given.extend(told.given());
    }
    assert_eq!(given.len(), 10);
    let told = bench.send(SOLICIT, 99, vec![Part::Na(1, vec![])]).unwrap();
    assert_eq!((told.kind, told.statuses()), (ADVERTISE, vec![Status::NO_ADDRS_AVAIL]));
    assert_eq!(bench.notices, [Notice::PoolEmpty("2001:db8:6::/64".into())]);
    let told = bench.send(REQUEST, 99, vec![Part::Na(1, vec![])]).unwrap();
    assert_eq!((told.statuses(), told.given()), (vec![Status::NO_ADDRS_AVAIL], vec![]));
    assert!(bench.changes.is_empty());
}

#[test]
fn two_clients_that_were_offered_the_last_address_do_not_both_get_it() {
    let mut bench = Bench::new(small(1));
    let one = bench.send(SOLICIT, 1, vec![Part::Na(1, vec![])]).unwrap().given();
    let other = bench.send(SOLICIT, 2, vec![Part::Na(1, vec![])]).unwrap().given();
    assert_eq!(one, other);
    assert_eq!(bench.send(REQUEST, 1, vec![Part::Has(1, one)]).unwrap().given().len(), 1);
    let told = bench.send(REQUEST, 2, vec![Part::Has(1, other.clone())]).unwrap();
    assert_eq!((told.statuses(), told.given()), (vec![Status::NO_ADDRS_AVAIL], vec![]));
}

#[test]
fn a_client_gets_the_same_address_again_from_a_server_that_forgot_it() {
    let first = Bench::new(small(200)).lease(7, 1);
    let second = Bench::new(small(200)).lease(7, 1);
    assert!(first.is_some());
    assert_eq!(first, second);
    let others: BTreeSet<_> = (0..50).filter_map(|client| Bench::new(small(200)).lease(client, 1)).collect();
    assert!(others.len() > 35, "spread over {} only", others.len());
}

#[test]
fn a_hint_is_honoured_where_it_is_free_and_in_a_pool() {
    let mut bench = Bench::new(small(10));
    let told = bench.send(SOLICIT, 1, vec![Part::Na(1, vec!["2001:db8:6::107"])]).unwrap();
    assert_eq!(told.given(), [address("2001:db8:6::107")]);
    bench.send(REQUEST, 1, vec![Part::Na(1, vec!["2001:db8:6::107"])]).unwrap();
    let hints = vec!["2001:db8:6::107", "2001:db8:6::1", "2001:db8:7::1", "::", "2001:db8:6::103"];
    let told = bench.send(SOLICIT, 2, vec![Part::Na(1, hints)]).unwrap();
    assert_eq!(told.given(), [address("2001:db8:6::103")]);
    assert_eq!(told.over(), []);
}

#[test]
fn an_expired_address_is_its_clients_again_and_others_get_it_last() {
    let mut bench = Bench::new(small(3));
    let first = bench.lease(1, 1).unwrap();
    bench.wait(2000);
    assert_eq!(bench.engine.pools(bench.now)[0].leased, 0);
    let second = bench.lease(2, 1).unwrap();
    let third = bench.lease(3, 1).unwrap();
    assert!(![second, third].contains(&first));
    assert_eq!(bench.lease(1, 1), Some(first));
    bench.wait(1000);
    bench.send(RENEW, 1, vec![Part::Has(1, vec![first])]).unwrap();
    bench.wait(1000);
    assert_eq!(bench.lease(4, 1), Some(second.min(third)), "the first that was over");
}

#[test]
fn a_released_address_is_free_and_remembered() {
    let mut bench = Bench::new(small(2));
    let first = bench.lease(1, 1).unwrap();
    let told = bench.send(RELEASE, 1, vec![Part::Has(1, vec![first])]).unwrap();
    assert_eq!((told.kind, told.status, told.associations), (REPLY, Some(Status::SUCCESS), vec![]));
    let Record::Lease6(binding) = &bench.changes[0].record else { panic!("{:?}", bench.changes) };
    assert_eq!(binding.state, State::Released);
    let told = bench.send(RELEASE, 1, vec![Part::Has(1, vec![first])]).unwrap();
    assert_eq!((told.status, told.statuses()), (Some(Status::SUCCESS), vec![Status::NO_BINDING]));
    assert_eq!(bench.lease(1, 1), Some(first));
    bench.send(RELEASE, 1, vec![Part::Has(1, vec![first])]).unwrap();
    let second = bench.lease(2, 1).unwrap();
    assert_ne!(second, first);
    assert_eq!(bench.lease(3, 1), Some(first));
}

#[test]
fn nobody_gives_back_what_is_not_theirs() {
    let mut bench = Bench::new(small(2));
    let first = bench.lease(1, 1).unwrap();
    for kind in [RELEASE, DECLINE] {
        for (client, iaid) in [(2, 1), (1, 2)] {
            let told = bench.send(kind, client, vec![Part::Has(iaid, vec![first])]).unwrap();
            assert_eq!((told.status, told.statuses()), (Some(Status::SUCCESS), vec![Status::NO_BINDING]));
            assert!(bench.changes.is_empty());
        }
        bench.way = relayed("2001:db8:7::1", None);
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![first])]).unwrap();
        assert_eq!((bench.changes.len(), told.statuses()), (0, vec![Status::NO_BINDING]));
        bench.way = direct();
    }
}

#[test]
fn a_declined_address_rests_for_a_day_and_an_operator_hears_of_it() {
    let mut bench = Bench::new(small(2));
    let first = bench.lease(1, 1).unwrap();
    let told = bench.send(DECLINE, 1, vec![Part::Has(1, vec![first])]).unwrap();
    assert_eq!((told.kind, told.status, told.associations), (REPLY, Some(Status::SUCCESS), vec![]));
    assert_eq!(bench.notices.len(), 1);
    assert_eq!((bench.engine.pools(bench.now)[0].declined, bench.engine.pools(bench.now)[0].leased), (1, 0));
    let second = bench.lease(1, 1).unwrap();
    assert_ne!(second, first);
    assert_eq!(bench.lease(2, 1), None);
    let hinted = bench.send(REQUEST, 2, vec![Part::Has(1, vec![first])]).unwrap();
    assert_eq!(hinted.given(), []);
    bench.wait(1000);
    bench.send(RENEW, 1, vec![Part::Has(1, vec![second])]).unwrap();
    bench.wait(86_400 - 1001);
    bench.send(REQUEST, 1, vec![Part::Has(1, vec![second])]).unwrap();
    assert_eq!(bench.lease(2, 1), None);
    bench.wait(1);
    assert_eq!(bench.engine.pools(bench.now)[0].declined, 0);
    assert_eq!(bench.lease(2, 1), Some(first));
}

#[test]
fn a_client_that_declines_everything_does_not_empty_the_pool() {
    let mut bench = Bench::new(small(40));
    for iaid in 0..40 {
        let slot = bench.lease(1, iaid).unwrap();
        bench.send(DECLINE, 1, vec![Part::Has(iaid, vec![slot])]).unwrap();
    }
    assert_eq!(bench.engine.pools(bench.now)[0].declined, 40);
    let given: BTreeSet<_> = (0..40).filter_map(|client| bench.lease(100 + client, 1)).collect();
    assert_eq!(given.len(), 38, "one in twenty rests on");
}

#[test]
fn an_address_is_reserved_for_its_client_and_nobody_else() {
    let reservations =
        vec![reserved(1, Some("2001:db8:6::105"), None), reserved(2, Some("2001:db8:6::5"), None)];
    let mut bench = Bench::new(settings(Subnet6 { reservations, ..subnet() }));
    assert_eq!(bench.engine.pools(bench.now)[0].reserved, 1);
    let told = bench.send(SOLICIT, 3, vec![Part::Na(1, vec!["2001:db8:6::105"])]).unwrap();
    assert_ne!(told.given(), [address("2001:db8:6::105")]);
    for client in 10..19 {
        assert_ne!(bench.lease(client, 1).unwrap(), address("2001:db8:6::105"));
    }
    assert_eq!(bench.lease(19, 1), None);
    assert_eq!(bench.lease(1, 1), Some(address("2001:db8:6::105")));
    assert_eq!(bench.lease(2, 1), Some(address("2001:db8:6::5")));
    assert_eq!(bench.lease(2, 2), None, "its second association finds the pool empty");
    bench.send(RELEASE, 1, vec![Part::Na(1, vec!["2001:db8:6::105"])]).unwrap();
    assert_eq!(bench.lease(19, 1), None);
}

#[test]
fn confirm_tells_whether_all_addresses_are_on_the_link_c6_26() {
    let mut bench = Bench::new(small(10));
    let here = bench.send(CONFIRM, 1, vec![Part::Na(1, vec!["2001:db8:6::9"])]).unwrap();
    assert_eq!((here.kind, here.status, here.associations), (REPLY, Some(Status::SUCCESS), vec![]));
    let elsewhere = vec![Part::Na(1, vec!["2001:db8:6::9"]), Part::Na(2, vec!["2001:db8:7::9"])];
    let told = bench.send(CONFIRM, 1, elsewhere).unwrap();
    assert_eq!(told.status, Some(Status::NOT_ON_LINK));
    let nothing = bench.send(CONFIRM, 1, vec![Part::Na(1, vec![])]);
    assert_eq!(nothing, Err(Refused::BadQuery6));
    bench.way = relayed("2001:db8:9::1", None);
    let unknown = bench.send(CONFIRM, 1, vec![Part::Na(1, vec!["2001:db8:6::9"])]);
    assert_eq!(unknown, Err(Refused::NoSubnet), "who does not know the link says nothing");
}

#[test]
fn a_request_for_an_address_of_another_link_is_told_so() {
    let mut bench = Bench::new(small(10));
    let told = bench.send(REQUEST, 1, vec![Part::Na(1, vec!["2001:db8:7::9"]), Part::Na(2, vec![])]).unwrap();
    assert_eq!(told.statuses(), [Status::NOT_ON_LINK, Status::SUCCESS]);
    assert_eq!(told.given().len(), 1);
}

#[test]
fn lifetimes_may_be_infinite_and_then_nothing_is_due() {
    let infinite = Subnet6 { preferred: Lifetime::INFINITE, valid: Lifetime::INFINITE, ..subnet() };
    let mut bench = Bench::new(settings(infinite));
    let told = bench.send(REQUEST, 1, vec![Part::Na(1, vec![])]).unwrap();
    let association = &told.associations[0];
    assert_eq!((association.t1, association.t2), (INFINITE, INFINITE));
    assert!(matches!(association.slots[..], [(_, INFINITE, INFINITE)]));
    assert_eq!(bench.engine.deadline(), None);
    bench.wait(1_000_000_000);
    let given: BTreeSet<Option<Slot6>> = (1..11).map(|client| bench.lease(client, 1)).collect();
    assert_eq!(given.len(), 10);
}

#[test]
fn what_is_done_is_counted() {
    let mut bench = Bench::new(small(10));
    let slot = bench.lease(1, 1).unwrap();
    for kind in [RENEW, REBIND, CONFIRM, DECLINE, RELEASE] {
        bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    }
    bench.send(INFORMATION, 1, vec![]).unwrap();
    let each = [Done::Solicit, Done::Request6, Done::Renew6, Done::Rebind6, Done::Confirm6];
    let each = each.into_iter().chain([Done::Decline6, Done::Release6, Done::Information6, Done::Advertise]);
    assert!(each.into_iter().all(|done| bench.done(done) == 1));
    assert_eq!(bench.done(Done::Reply6), 7);
}

#[test]
fn associations_beyond_the_sixteenth_and_repeated_ones_are_left_out() {
    let mut bench = Bench::new(small(100));
    let parts = (0..40).map(|iaid| Part::Na(iaid / 2, vec![])).collect();
    let told = bench.send(REQUEST, 1, parts).unwrap();
    let iaids: Vec<u32> = told.associations.iter().map(|association| association.iaid).collect();
    assert_eq!(iaids, (0..16).collect::<Vec<_>>());
}

#[test]
fn a_temporary_address_is_never_spoken_of_c6_20() {
    let mut bench = Bench::new(small(10));
    let told = bench.send(SOLICIT, 1, vec![Part::Ta, Part::Na(1, vec![])]).unwrap();
    assert_eq!((told.associations.len(), told.codes()), (1, vec![]));
}
