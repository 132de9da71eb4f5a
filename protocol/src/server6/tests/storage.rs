//! Records: what is written, what is taken back, and what goes on when nothing can be written.

use super::bench::*;
use crate::binding::{Binding6, Origin, Record, Slot6, State};
use crate::refused::Refused;
use crate::server6::settings::{Settings, Subnet6};
use crate::time::Instant;
use crate::view::Impossible;
use crate::wire::v6_option::Status;

#[test]
fn while_nothing_can_be_stored_a_renewal_gets_what_is_left_and_nobody_gets_anything_new() {
    let mut bench = Bench::new(Settings { rapid_commit: true, ..small(10) });
    let slot = bench.lease(1, 1).unwrap();
    bench.wait(600);
    bench.may_grant = false;
    for kind in [RENEW, REBIND, REQUEST] {
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
        assert_eq!(told.associations[0].slots, [(slot, 400, 1400)], "{kind}");
        assert_eq!((told.associations[0].t1, told.associations[0].t2), (200, 320));
        assert!(bench.changes.is_empty());
    }
    let told = bench.send(SOLICIT, 1, vec![Part::Rapid, Part::Na(1, vec![])]).unwrap();
    assert_eq!((told.kind, told.given()), (ADVERTISE, vec![slot]));
    for kind in [SOLICIT, REQUEST] {
        assert_eq!(bench.send(kind, 2, vec![Part::Na(1, vec![])]), Err(Refused::NoStorage));
        assert_eq!(bench.send(kind, 1, vec![Part::Pd(1, vec![])]), Err(Refused::NoStorage));
    }
    for kind in [RENEW, REBIND] {
        let told = bench.send(kind, 2, vec![Part::Na(1, vec!["2001:db8:6::100", "2001:db8:6::101"])]);
        assert_eq!(told, Err(Refused::NoStorage));
    }
    for kind in [RELEASE, DECLINE] {
        assert_eq!(bench.send(kind, 1, vec![Part::Has(1, vec![slot])]), Err(Refused::NoStorage));
    }
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot]), Part::Pd(1, vec![])]).unwrap();
    assert_eq!((told.given(), told.statuses()), (vec![slot], vec![Status::SUCCESS, Status::NO_PREFIX_AVAIL]));
    let told = bench.send(INFORMATION, 2, vec![]).unwrap();
    assert_eq!(told.kind, REPLY);
    assert_eq!(bench.engine.bindings(None, 9).len(), 1);
    bench.may_grant = true;
    assert!(bench.lease(2, 1).is_some());
}

#[test]
fn a_lease_that_is_over_is_not_extended_while_nothing_can_be_stored() {
    let mut bench = Bench::new(small(10));
    let slot = bench.lease(1, 1).unwrap();
    bench.wait(2000);
    bench.may_grant = false;
    assert_eq!(bench.send(REBIND, 1, vec![Part::Has(1, vec![slot])]), Err(Refused::NoStorage));
}

#[test]
fn the_records_of_a_journal_make_the_same_engine_s46_42() {
    let mut bench = Bench::new(small(20));
    let slots: Vec<Slot6> = (0..10).map(|client| bench.lease(client, 1).unwrap()).collect();
    bench.send(RELEASE, 0, vec![Part::Has(1, vec![slots[0]])]).unwrap();
    bench.send(DECLINE, 1, vec![Part::Has(1, vec![slots[1]])]).unwrap();
    let mut again = Bench::new(small(20));
    again.now = bench.now;
    bench.journal.iter().chain(&bench.journal).for_each(|record| again.engine.apply(record));
    assert_eq!(again.engine.bindings(None, 99), bench.engine.bindings(None, 99));
    assert_eq!(again.engine.pools(again.now), bench.engine.pools(bench.now));
    assert_eq!(again.engine.deadline(), bench.engine.deadline());
    for client in 0..30 {
        assert_eq!(again.lease(client, 1), bench.lease(client, 1));
    }
}

#[test]
fn what_could_not_be_stored_is_taken_back() {
    let mut bench = Bench::new(small(2));
    let first = bench.lease(1, 1).unwrap();
    let before = (bench.engine.bindings(None, 9), bench.engine.pools(bench.now));
    bench.wait(10);
    let mut undo = Vec::new();
    for (kind, client) in [(RENEW, 1), (RELEASE, 1), (REQUEST, 1), (DECLINE, 1), (REQUEST, 2)] {
        bench.send(kind, client, vec![Part::Has(1, vec![first])]).unwrap();
        assert_eq!(bench.changes.len(), 1, "{kind}");
        undo.extend(bench.changes.iter().map(|change| change.undo.clone()));
    }
    assert_ne!(bench.engine.bindings(None, 9), before.0);
    undo.iter().rev().for_each(|record| bench.engine.apply(record));
    assert_eq!((bench.engine.bindings(None, 9), bench.engine.pools(bench.now)), before);
}

#[test]
fn records_of_dhcpv4_say_nothing_here() {
    let mut bench = Bench::new(small(2));
    bench.engine.apply(&Record::Unreserve4 { address: [192, 0, 2, 1].into() });
    assert!(bench.engine.bindings(None, 9).is_empty());
}

#[test]
fn bindings_come_in_pages_in_order() {
    let mut bench = Bench::new(small(100));
    for client in 0..7 {
        bench.send(REQUEST, client, vec![Part::Na(1, vec![]), Part::Pd(1, vec![])]).unwrap();
    }
    let all: Vec<Slot6> = bench.engine.bindings(None, 99).iter().map(|binding| binding.slot).collect();
    assert_eq!(all.len(), 14);
    assert!(all.is_sorted());
    let mut paged = Vec::new();
    loop {
        let page = bench.engine.bindings(paged.last().copied(), 4);
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 4);
        paged.extend(page.iter().map(|binding| binding.slot));
    }
    assert_eq!(paged, all);
}

#[test]
fn a_revoked_lease_is_refused_at_the_next_renewal_and_free_for_others() {
    for reservations in [vec![], vec![reserved(1, Some("2001:db8:6::5"), None)]] {
        let kept = !reservations.is_empty();
        let pools = vec![(ip("2001:db8:6::100"), ip("2001:db8:6::100"))];
        let mut bench = Bench::new(settings(Subnet6 { pools, reservations, ..subnet() }));
        let slot = bench.lease(1, 1).unwrap();
        let change = bench.engine.revoke(bench.now, slot).unwrap();
        assert!(matches!(&change.record, Record::Lease6(Binding6 { state: State::Released, .. })));
        assert!(matches!(&change.undo, Record::Lease6(Binding6 { state: State::Bound, .. })));
        for kind in [RENEW, REBIND] {
            let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
            assert_eq!((told.statuses(), told.given()), (vec![Status::NO_BINDING], vec![]));
        }
        let Slot6::Address(address) = slot else { panic!("{slot:?}") };
        assert_eq!(bench.engine.revoke(bench.now, slot), Err(Impossible::NoLease(address.into())));
        assert_eq!(bench.lease(2, 1) == Some(slot), !kept);
        bench.engine.apply(&change.undo);
        assert_eq!(bench.engine.revoke(bench.now, slot), Ok(change));
    }
}

#[test]
fn what_is_remembered_is_bounded_s46_42() {
    let wide = Subnet6 { pools: vec![(ip("2001:db8:6::1"), ip("2001:db8:6::ffff:ffff"))], ..subnet() };
    let mut bench = Bench::new(settings(wide));
    for client in 0..70_000_u32 {
        let slot =
            Slot6::Address(std::net::Ipv6Addr::from_bits(ip("2001:db8:6::1").to_bits() + u128::from(client)));
        bench.engine.apply(&Record::Lease6(Binding6 {
            slot,
            client: client_duid(client),
            iaid: 1,
            state: State::Bound,
            changed_at: Instant::from_secs(0),
            preferred_until: Some(Instant::from_secs(1)),
            expires_at: Some(Instant::from_secs(10) + std::time::Duration::from_micros(client.into())),
            origin: Origin::Network(client.into()),
        }));
    }
    bench.wait(1);
    let left = bench.engine.bindings(None, 100_000);
    assert_eq!(left.len(), 65_536);
    assert_eq!(left[0].client, client_duid(70_000 - 65_536), "the oldest are forgotten");
    let pool = &bench.engine.pools(bench.now)[0];
    assert_eq!((pool.leased, bench.engine.deadline()), (0, None));
}
