//! Renew and Rebind: what is kept, what is over, and what is taken in.

use super::bench::*;
use crate::binding::{Record, Slot6};
use crate::refused::Refused;
use crate::server6::settings::Subnet6;
use crate::time::Lifetime;
use crate::wire::v6_option::{OptionCode, Status};

#[test]
fn a_lease_is_extended_by_both_and_written_again() {
    for kind in [RENEW, REBIND] {
        let mut bench = Bench::new(small(10));
        let slot = bench.lease(1, 1).unwrap();
        bench.wait(1500);
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
        let association = &told.associations[0];
        assert_eq!(association.slots, [(slot, 1000, 2000)]);
        assert_eq!((association.t1, association.t2), (500, 800));
        let Record::Lease6(binding) = &bench.changes[0].record else { panic!("{:?}", bench.changes) };
        assert_eq!(binding.expires_at, Lifetime(2000).end(bench.now));
        bench.wait(1999);
        assert_eq!(bench.engine.pools(bench.now)[0].leased, 1);
        bench.wait(1);
        assert_eq!(bench.engine.pools(bench.now)[0].leased, 0);
    }
}

#[test]
fn addresses_that_are_not_the_clients_come_back_with_lifetime_zero() {
    let mut bench = Bench::new(small(10));
    let slot = bench.lease(1, 1).unwrap();
    let other = bench.lease(2, 1).unwrap();
    let elsewhere = address("2001:db8:7::1");
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![elsewhere, other, slot])]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![slot], vec![elsewhere, other]));
    assert_eq!(told.associations[0].t1, 500);
    assert_eq!(bench.lease(2, 1), Some(other));
}

#[test]
fn an_unknown_association_with_a_free_address_of_the_link_is_taken_in() {
    for kind in [RENEW, REBIND] {
        let mut bench = Bench::new(small(10));
        let told = bench.send(kind, 1, vec![Part::Na(1, vec!["2001:db8:6::104"])]).unwrap();
        assert_eq!((told.given(), told.over()), (vec![address("2001:db8:6::104")], vec![]));
        assert_eq!(bench.changes.len(), 1);
    }
}

#[test]
fn an_unknown_association_with_somebody_elses_address_is_not_c6_25() {
    let mut bench = Bench::new(small(10));
    let slot = bench.lease(1, 1).unwrap();
    let told = bench.send(RENEW, 2, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.statuses(), told.given(), told.over()), (vec![Status::NO_BINDING], vec![], vec![]));
    // No other server can know better: it is over.
    let told = bench.send(REBIND, 2, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![], vec![slot]));
    assert_eq!((told.associations[0].t1, told.associations[0].t2), (0, 0));
    assert!(bench.changes.is_empty());
    assert_eq!(bench.engine.bindings(None, 9).len(), 1);
}

#[test]
fn an_address_of_the_link_and_of_no_pool_may_be_another_servers() {
    let mut bench = Bench::new(small(10));
    let parts = || vec![Part::Na(1, vec!["2001:db8:6::999"])];
    assert_eq!(bench.send(RENEW, 1, parts()).unwrap().statuses(), [Status::NO_BINDING]);
    assert_eq!(bench.send(REBIND, 1, parts()), Err(Refused::UnknownClient));
    // With something else to answer, only that is answered.
    let slot = bench.lease(1, 2).unwrap();
    let both = vec![Part::Na(1, vec!["2001:db8:6::999"]), Part::Has(2, vec![slot])];
    let told = bench.send(REBIND, 1, both).unwrap();
    assert_eq!((told.associations.len(), told.given()), (1, vec![slot]));
}

#[test]
fn an_address_of_another_link_is_over_and_replaced() {
    for kind in [RENEW, REBIND] {
        let mut bench = Bench::new(small(1));
        let told = bench.send(kind, 1, vec![Part::Na(1, vec!["2001:db8:7::1"])]).unwrap();
        assert_eq!(told.over(), [address("2001:db8:7::1")]);
        assert_eq!(told.given(), [address("2001:db8:6::100")]);
        let told = bench.send(kind, 2, vec![Part::Na(1, vec!["2001:db8:7::1"])]).unwrap();
        assert_eq!((told.over(), told.given()), (vec![address("2001:db8:7::1")], vec![]));
        assert_eq!(told.statuses(), [Status::NO_ADDRS_AVAIL]);
    }
}

#[test]
fn an_empty_association_gets_an_address_beside_those_that_are_kept() {
    let mut bench = Bench::new(small(10));
    let slot = bench.lease(1, 1).unwrap();
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot]), Part::Pd(1, vec![])]).unwrap();
    assert_eq!(told.given().len(), 2);
    assert!(matches!(told.given()[1], Slot6::Prefix(_, 56)));
    let times: Vec<_> = told.associations.iter().map(|ia| (ia.code, ia.t1, ia.t2)).collect();
    assert_eq!(times, [(OptionCode::IA_NA, 500, 800), (OptionCode::IA_PD, 500, 800)]);
}

#[test]
fn what_a_client_gave_back_it_asks_for_anew() {
    for kind in [RENEW, REBIND] {
        let mut bench = Bench::new(small(10));
        let slot = bench.lease(1, 1).unwrap();
        bench.send(RELEASE, 1, vec![Part::Has(1, vec![slot])]).unwrap();
        let told = bench.send(kind, 1, vec![Part::Has(1, vec![slot])]).unwrap();
        assert_eq!((told.statuses(), told.given()), (vec![Status::NO_BINDING], vec![]));
        assert_eq!(bench.lease(1, 1), Some(slot));
    }
}

#[test]
fn a_late_renewal_gets_its_address_if_nobody_has_it() {
    let mut bench = Bench::new(small(1));
    let slot = bench.lease(1, 1).unwrap();
    bench.wait(5000);
    let told = bench.send(REBIND, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.given(), [slot]);
    bench.wait(5000);
    assert_eq!(bench.lease(2, 1), Some(slot));
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.statuses(), told.given()), (vec![Status::NO_BINDING], vec![]));
}

#[test]
fn a_lease_outside_the_new_pools_is_replaced_at_the_next_renewal() {
    let mut bench = Bench::new(small(2));
    let slot = bench.lease(1, 1).unwrap();
    let moved = Subnet6 { pools: vec![(ip("2001:db8:6::200"), ip("2001:db8:6::200"))], ..subnet() };
    bench.configure(settings(moved));
    assert_eq!(bench.engine.bindings(None, 9).len(), 1);
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![address("2001:db8:6::200")], vec![slot]));
    // Nothing extended the old one.
    bench.wait(2000);
    assert!(bench.engine.bindings(None, 9).iter().all(|binding| binding.slot != slot));
}

#[test]
fn a_renumbered_link_moves_its_clients() {
    let mut bench = Bench::new(small(2));
    let slot = bench.lease(1, 1).unwrap();
    let moved = Subnet6 {
        prefix: net("2001:db8:8::/64"),
        pools: vec![(ip("2001:db8:8::1"), ip("2001:db8:8::9"))],
        ..subnet()
    };
    bench.configure(settings(moved));
    let told = bench.send(CONFIRM, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.status, Some(Status::NOT_ON_LINK));
    let told = bench.send(REBIND, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.given().len(), told.over()), (1, vec![slot]));
}

#[test]
fn a_reservation_made_later_is_given_at_the_next_renewal() {
    let mut bench = Bench::new(small(2));
    let slot = bench.lease(1, 1).unwrap();
    let mut after = small(2);
    after.subnets[0].reservations = vec![reserved(1, Some("2001:db8:6::77"), None)];
    bench.configure(after);
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![address("2001:db8:6::77")], vec![slot]));
    assert_eq!(bench.changes.len(), 2);
    let held: Vec<Slot6> = bench.engine.bindings(None, 9).iter().map(|binding| binding.slot).collect();
    assert_eq!(held, [address("2001:db8:6::77")]);
}

#[test]
fn an_address_reserved_for_another_is_not_extended() {
    let mut bench = Bench::new(small(2));
    let slot = bench.lease(1, 1).unwrap();
    let Slot6::Address(held) = slot else { panic!("{slot:?}") };
    let mut after = small(2);
    after.subnets[0].reservations = vec![reserved(2, Some(&held.to_string()), None)];
    bench.configure(after);
    // Its holder has it until it knows better.
    assert_ne!(bench.lease(2, 1), Some(slot));
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![slot])]).unwrap();
    assert_eq!(told.over(), [slot]);
    let told = bench.send(RENEW, 2, vec![Part::Na(1, vec![])]).unwrap();
    assert_eq!(told.given(), [slot]);
}
