//! The fuzz targets as plain tests: octets from a seeded generator instead of a fuzzer.

use crate::fuzz;
use crate::model::chance::Chance;
use dhcp4o6_protocol::ids::hex;
use std::panic::catch_unwind;

fn octets(chance: &mut Chance, longest: usize) -> Vec<u8> {
    (0..chance.below(longest)).map(|_| chance.octet()).collect()
}

#[test]
fn arbitrary_messages_are_answered_or_not_and_the_journal_says_what_the_table_says() {
    for seed in 0..2000 {
        let octets = octets(&mut Chance::seeded(seed), 400);
        assert!(catch_unwind(|| fuzz::server_query(&octets)).is_ok(), "history {}", hex(&octets));
    }
}

#[test]
fn arbitrary_octets_are_a_way_back_or_not() {
    for seed in 0..20_000 {
        let mut chance = Chance::seeded(seed);
        let mut octets = octets(&mut chance, 120);
        if let [first, flags, ..] = &mut octets[..] {
            (*first, *flags) = (0x10 | (*first % 10), *flags % 16);
        }
        assert!(catch_unwind(|| fuzz::back(&octets)).is_ok(), "way {}", hex(&octets));
    }
}
