//! The fuzz targets of the roles as plain tests: octets from a seeded generator instead of a fuzzer.

use crate::model::chance::Chance;
use crate::model::fuzz;
use dhcp4o6_protocol::ids::hex;
use std::panic::catch_unwind;

fn octets(chance: &mut Chance, longest: usize) -> Vec<u8> {
    (0..chance.below(longest)).map(|_| chance.octet()).collect()
}

#[test]
fn arbitrary_histories_of_a_link_keep_every_invariant() {
    for seed in 0..1500 {
        let octets = octets(&mut Chance::seeded(seed), 300);
        let outcome = catch_unwind(|| fuzz::core_history(&octets));
        assert!(outcome.is_ok(), "history {}", hex(&octets));
    }
}

#[test]
fn arbitrary_responses_in_every_state_change_nothing_that_they_may_not() {
    for seed in 0..4000 {
        let octets = octets(&mut Chance::seeded(seed), 400);
        let outcome = catch_unwind(|| fuzz::o6_response(&octets));
        assert!(outcome.is_ok(), "response {}", hex(&octets));
    }
}
