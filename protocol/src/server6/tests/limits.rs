//! What one place can take from others, and who can end or move a lease.

use super::bench::*;
use crate::binding::{Origin, Record, Slot6, State};
use crate::refused::Refused;
use crate::server6::settings::{Settings, Subnet6};
use crate::server6::slot::Kind;
use crate::wire::v6_option::Status;

fn limited(leases_per_origin: u32) -> Settings {
    Settings { leases_per_origin, ..small(10) }
}

fn origin_of(bench: &Bench, slot: Slot6) -> Origin {
    bench.engine.bindings(None, 99).into_iter().find(|held| held.slot == slot).unwrap().origin
}

fn state_of(bench: &Bench, slot: Slot6) -> State {
    bench.engine.bindings(None, 99).into_iter().find(|held| held.slot == slot).unwrap().state
}

#[test]
fn invented_clients_of_one_place_get_no_more_than_it_may_have_s46_41() {
    let mut bench = Bench::new(limited(2));
    for client in 0..20 {
        for kind in [SOLICIT, REQUEST] {
            let told = bench.send(kind, client, vec![Part::Na(1, vec![]), Part::Pd(1, vec![])]).unwrap();
            let (statuses, refused) = match client {
                0 | 1 => ([Status::SUCCESS, Status::SUCCESS], None),
                _ => ([Status::NO_ADDRS_AVAIL, Status::NO_PREFIX_AVAIL], Some(Refused::LeaseLimit)),
            };
            assert_eq!((told.statuses().as_slice(), bench.refused), (&statuses[..], refused), "{client}");
        }
    }
    assert_eq!(bench.engine.bindings(None, 99).len(), 4);
    bench.way = from("fe80::6");
    assert!(bench.lease(30, 1).is_some(), "other places have their own");
}

#[test]
fn without_a_limit_one_place_gets_all_there_is() {
    let mut bench = Bench::new(limited(0));
    assert_eq!((0..20).filter(|client| bench.lease(*client, 1).is_some()).count(), 10);
    let mut bench =
        Bench::new(Settings { leases_per_origin: Settings::default().leases_per_origin, ..small(10) });
    assert_eq!((0..20).filter(|client| bench.lease(*client, 1).is_some()).count(), 8);
}

#[test]
fn associations_of_one_message_count_one_by_one_also_when_they_are_only_offered_s46_41() {
    for (kind, rapid) in [(SOLICIT, false), (SOLICIT, true), (REQUEST, false)] {
        let mut bench = Bench::new(Settings { rapid_commit: rapid, ..limited(2) });
        let mut parts: Vec<Part> = (0..5).map(|iaid| Part::Na(iaid, vec![])).collect();
        if rapid {
            parts.push(Part::Rapid);
        }
        let told = bench.send(kind, 1, parts).unwrap();
        assert_eq!(told.given().len(), 2, "{kind}");
        assert_eq!(told.statuses()[2..], [Status::NO_ADDRS_AVAIL; 3]);
        assert_eq!(bench.refused, Some(Refused::LeaseLimit));
    }
}

#[test]
fn what_a_client_has_is_renewed_whatever_the_limit_is_now_s46_41() {
    let mut bench = Bench::new(limited(3));
    let slots: Vec<Slot6> = (0..3).map(|client| bench.lease(client, 1).unwrap()).collect();
    bench.configure(limited(1));
    for kind in [RENEW, REBIND, REQUEST] {
        for (client, slot) in (0..).zip(&slots) {
            let told = bench.send(kind, client, vec![Part::Has(1, vec![*slot])]).unwrap();
            assert_eq!((told.given(), bench.refused), (vec![*slot], None), "{kind}");
        }
    }
    assert_eq!(bench.lease(3, 1), None);
}

#[test]
fn room_comes_back_with_what_is_given_back_runs_out_or_is_revoked() {
    let mut bench = Bench::new(limited(1));
    let slot = bench.lease(1, 1).unwrap();
    assert_eq!(bench.lease(2, 1), None);
    bench.send(RELEASE, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    let slot = bench.lease(2, 1).unwrap();
    assert_eq!(bench.lease(1, 1), None);
    bench.engine.revoke(bench.now, slot).unwrap();
    assert!(bench.lease(3, 1).is_some());
    bench.wait(2000);
    assert!(bench.lease(4, 1).is_some());
    assert_eq!(bench.lease(5, 1), None);
}

#[test]
fn a_declined_address_counts_until_its_rest_is_over_s46_41() {
    let mut bench = Bench::new(limited(2));
    for client in 0..2 {
        let slot = bench.lease(client, 1).unwrap();
        bench.send(DECLINE, client, vec![Part::Has(1, vec![slot])]).unwrap();
    }
    assert_eq!(bench.lease(2, 1), None);
    bench.wait(86_400);
    assert!(bench.lease(2, 1).is_some());
}

#[test]
fn what_is_kept_for_a_client_it_gets_beyond_the_limit() {
    let reservations = vec![reserved(7, Some("2001:db8:6::77"), None)];
    let subnet = Subnet6 { reservations, ..subnet() };
    let mut bench = Bench::new(Settings { leases_per_origin: 1, ..settings(subnet) });
    bench.lease(1, 1).unwrap();
    assert_eq!(bench.lease(7, 1), Some(address("2001:db8:6::77")));
    assert_eq!(bench.lease(7, 2), None, "only that");
}

#[test]
fn only_from_where_it_was_given_is_a_lease_given_back_s46_41() {
    for kind in [RELEASE, DECLINE] {
        let mut bench = Bench::new(limited(8));
        let slot = bench.lease(1, 1).unwrap();
        for elsewhere in [from("fe80::6"), relayed("2001:db8:6::1", Some(b"a"))] {
            bench.way = elsewhere;
            let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
            assert_eq!((told.status, told.statuses()), (Some(Status::SUCCESS), vec![Status::NO_BINDING]));
            assert!(bench.changes.is_empty() && bench.notices.is_empty());
            assert_eq!(state_of(&bench, slot), State::Bound);
        }
        bench.way = direct();
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
        assert_eq!(told.statuses(), []);
        assert_ne!(state_of(&bench, slot), State::Bound);
    }
}

#[test]
fn a_client_that_moved_is_told_to_ask_anew_and_then_has_what_it_had() {
    let mut bench = Bench::new(limited(8));
    let slot = bench.lease(1, 1).unwrap();
    let here = origin_of(&bench, slot);
    bench.way = from("fe80::6");
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.statuses(), told.given(), told.over()), (vec![Status::NO_BINDING], vec![], vec![]));
    assert!(bench.changes.is_empty());
    assert_eq!(origin_of(&bench, slot), here);
    let told = bench.send(REQUEST, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.given(), [slot]);
    assert_eq!(origin_of(&bench, slot), bench.way.origin());
    assert_eq!(bench.engine.table.leases_at(&here, Kind::Address), 0);
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.given(), [slot]);
    bench.way = from("fe80::7");
    let told = bench.send(REBIND, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.given(), [slot], "who asks any server may have moved");
    assert_eq!(origin_of(&bench, slot), bench.way.origin());
}

#[test]
fn what_is_kept_for_a_client_it_renews_from_anywhere() {
    let reservations = vec![reserved(7, Some("2001:db8:6::77"), None)];
    let mut bench = Bench::new(settings(Subnet6 { reservations, ..subnet() }));
    let slot = bench.lease(7, 1).unwrap();
    bench.way = from("fe80::6");
    let told = bench.send(RENEW, 7, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.given(), [slot]);
}

#[test]
fn moving_leases_about_is_no_way_round_the_limit_s46_41() {
    let mut bench = Bench::new(limited(2));
    let first = bench.lease(0, 1).unwrap();
    let second = bench.lease(1, 1).unwrap();
    bench.way = from("fe80::6");
    bench.lease(2, 1).unwrap();
    let told = bench.send(REBIND, 0, vec![Part::Has(1, vec![first])]).unwrap();
    assert_eq!(told.given(), [first]);
    for kind in [REBIND, REQUEST] {
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![second])]).unwrap();
        assert_eq!((told.statuses(), told.over()), (vec![Status::NO_ADDRS_AVAIL], vec![]), "{kind}");
        assert_eq!(bench.refused, Some(Refused::LeaseLimit));
        assert!(bench.changes.is_empty(), "it has it, where it was");
    }
    bench.way = direct();
    assert_eq!(bench.send(RENEW, 1, vec![Part::Has(1, vec![second])]).unwrap().given(), [second]);
}

#[test]
fn what_nobody_has_is_not_taken_by_renewing_it_s46_41() {
    for kind in [RENEW, REBIND] {
        let mut bench = Bench::new(limited(1));
        bench.send(REQUEST, 1, vec![Part::Na(1, vec!["2001:db8:6::100"])]).unwrap();
        let told = bench.send(kind, 2, vec![Part::Na(1, vec!["2001:db8:6::104"])]).unwrap();
        assert_eq!((told.given(), told.over()), (vec![], vec![address("2001:db8:6::104")]), "{kind}");
        assert_eq!(told.statuses(), [Status::NO_ADDRS_AVAIL]);
        assert!(bench.changes.is_empty());
    }
}

#[test]
fn places_are_counted_after_a_restart_and_after_what_could_not_be_stored_s46_41() {
    let mut bench = Bench::new(limited(2));
    bench.lease(1, 1).unwrap();
    bench.lease(2, 1).unwrap();
    let mut again = Bench::new(limited(2));
    bench.journal.iter().for_each(|record: &Record| again.engine.apply(record));
    assert_eq!(again.lease(3, 1), None);
    bench.changes.iter().rev().for_each(|change| bench.engine.apply(&change.undo));
    assert!(bench.lease(3, 1).is_some());
    bench.configure(Settings { leases_per_origin: 2, ..small(20) });
    assert_eq!(bench.lease(4, 1), None);
}
