//! Delegation.

use super::bench::*;
use crate::binding::Slot6;
use crate::server6::settings::{Delegate, Subnet6};
use crate::wire::v6_option::{OptionCode, Status};
use std::collections::BTreeSet;

fn delegating(parts: &[(&str, u8)]) -> Subnet6 {
    let delegate = parts.iter().map(|(prefix, len)| Delegate { prefix: net(prefix), len: *len }).collect();
    Subnet6 { delegate, ..subnet() }
}

fn delegated(bench: &mut Bench, client: u32) -> Vec<Slot6> {
    bench.send(REQUEST, client, vec![Part::Pd(1, vec![])]).unwrap().given()
}

#[test]
fn parts_of_a_prefix_are_delegated_until_none_is_left() {
    let mut bench = Bench::new(settings(delegating(&[("2001:db8:d000::/60", 64)])));
    let given: BTreeSet<Slot6> = (0..16).flat_map(|client| delegated(&mut bench, client)).collect();
    assert_eq!(given.len(), 16);
    assert!(given.iter().all(|slot| matches!(slot, Slot6::Prefix(_, 64))));
    let told = bench.send(SOLICIT, 99, vec![Part::Pd(1, vec![])]).unwrap();
    assert_eq!(told.statuses(), [Status::NO_PREFIX_AVAIL]);
    let pools = bench.engine.pools(bench.now);
    assert_eq!((pools[1].pool.as_str(), pools[1].size, pools[1].leased), ("2001:db8:d000::/60:64", 16, 16));
}

#[test]
fn addresses_and_prefixes_are_numbered_apart_c6_21() {
    let mut bench = Bench::new(small(10));
    let told = bench.send(REQUEST, 1, vec![Part::Na(1, vec![]), Part::Pd(1, vec![])]).unwrap();
    let codes: Vec<_> = told.associations.iter().map(|association| association.code).collect();
    assert_eq!(codes, [OptionCode::IA_NA, OptionCode::IA_PD]);
    assert_eq!(bench.engine.bindings(None, 9).len(), 2);
    bench.send(RELEASE, 1, vec![Part::Has(1, vec![told.given()[1]])]).unwrap();
    let told = bench.send(RENEW, 1, vec![Part::Has(1, vec![told.given()[0]])]).unwrap();
    assert_eq!(told.statuses(), [Status::SUCCESS]);
}

#[test]
fn a_prefix_or_a_length_is_honoured_where_it_can_be() {
    let mut bench =
        Bench::new(settings(delegating(&[("2001:db8:d000::/40", 56), ("2001:db8:e000::/40", 60)])));
    let mut ask = |hint| bench.send(SOLICIT, 1, vec![Part::Pd(1, vec![hint])]).unwrap().given();
    assert_eq!(ask("2001:db8:d012:3400::/56"), [prefix("2001:db8:d012:3400::/56")]);
    assert!(matches!(ask("::/60")[..], [Slot6::Prefix(_, 60)]));
    assert!(matches!(ask("::/56")[..], [Slot6::Prefix(_, 56)]));
    assert!(matches!(ask("::/48")[..], [Slot6::Prefix(_, 56)]));
    assert!(matches!(ask("2001:db8:d012:3410::/60")[..], [Slot6::Prefix(_, 60)]));
    assert!(matches!(ask("2001:db8:ffff::/56")[..], [Slot6::Prefix(_, 56)]));
}

#[test]
fn a_reserved_prefix_of_any_length_keeps_its_room_free() {
    let mut settings = settings(delegating(&[("2001:db8:d000::/60", 64)]));
    settings.subnets[0].reservations = vec![reserved(1, None, Some("2001:db8:d000:8::/61"))];
    let mut bench = Bench::new(settings);
    let given: BTreeSet<Slot6> = (10..30).flat_map(|client| delegated(&mut bench, client)).collect();
    assert_eq!(given.len(), 8);
    assert!(given.iter().all(|slot| *slot < prefix("2001:db8:d000:8::/61")));
    let told = bench.send(SOLICIT, 99, vec![Part::Pd(1, vec!["2001:db8:d000:9::/64"])]).unwrap();
    assert_eq!(told.given(), []);
    assert_eq!(delegated(&mut bench, 1), [prefix("2001:db8:d000:8::/61")]);
    bench.send(RELEASE, 1, vec![Part::Pd(1, vec!["2001:db8:d000:8::/61"])]).unwrap();
    assert_eq!(delegated(&mut bench, 99), []);
    assert_eq!(delegated(&mut bench, 1), [prefix("2001:db8:d000:8::/61")]);
}

#[test]
fn a_reserved_prefix_waits_for_what_others_have_of_it() {
    let plain = delegating(&[("2001:db8:d000::/63", 64)]);
    let mut bench = Bench::new(settings(plain.clone()));
    let other = delegated(&mut bench, 2);
    let mut after = plain;
    after.reservations = vec![reserved(1, None, Some("2001:db8:d000::/62"))];
    bench.configure(settings(after));
    assert_eq!(delegated(&mut bench, 1), [], "the rest of the pool is reserved, too");
    let told = bench.send(RENEW, 2, vec![Part::Has(1, other.clone())]).unwrap();
    assert_eq!((told.given(), told.over()), (vec![], other));
    bench.wait(2000);
    assert_eq!(delegated(&mut bench, 1), [prefix("2001:db8:d000::/62")]);
}

#[test]
fn another_length_of_parts_never_overlaps_what_was_given_before() {
    let mut bench = Bench::new(settings(delegating(&[("2001:db8:d000::/60", 62)])));
    let old = delegated(&mut bench, 1);
    bench.configure(settings(delegating(&[("2001:db8:d000::/60", 64)])));
    let inside = |slot: &Slot6, whole: &Slot6| {
        super::super::slot::extent(*whole).overlaps(super::super::slot::extent(*slot))
    };
    let given: Vec<Slot6> = (10..30).flat_map(|client| delegated(&mut bench, client)).collect();
    assert_eq!(given.len(), 12);
    assert!(given.iter().all(|slot| !inside(slot, &old[0])));
    bench.wait(1000);
    for (client, slot) in (10..).zip(&given) {
        bench.send(RENEW, client, vec![Part::Has(1, vec![*slot])]).unwrap();
    }
    bench.wait(1000);
    let given: Vec<Slot6> = (30..40).flat_map(|client| delegated(&mut bench, client)).collect();
    assert_eq!(given.len(), 4);
    assert!(given.iter().all(|slot| inside(slot, &old[0])));
}

#[test]
fn a_prefix_that_nobody_here_gave_may_be_another_servers() {
    let mut bench = Bench::new(small(10));
    let parts = || vec![Part::Pd(1, vec!["2001:db8:ffff::/56"])];
    assert!(bench.send(REBIND, 1, parts()).is_err());
    assert_eq!(bench.send(RENEW, 1, parts()).unwrap().statuses(), [Status::NO_BINDING]);
    // Bits behind the length mean nothing.
    let told = bench.send(REBIND, 1, vec![Part::Has(1, vec![Slot6::Prefix(ip("2001:db8:d000::1"), 56)])]);
    assert_eq!(told.unwrap().given(), [prefix("2001:db8:d000::/56")]);
}

#[test]
fn a_prefix_is_never_declined() {
    let mut bench = Bench::new(small(10));
    let held = delegated(&mut bench, 1);
    let told = bench.send(DECLINE, 1, vec![Part::Has(1, held.clone())]).unwrap();
    assert_eq!((told.status, bench.changes.len()), (Some(Status::SUCCESS), 0));
    assert_eq!(delegated(&mut bench, 1), held);
}
