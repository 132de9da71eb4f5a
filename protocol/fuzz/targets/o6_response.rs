#![no_main]
#![allow(missing_docs, dead_code, reason = "a fuzz target; it uses a part of the simulated network")]

#[path = "../../tests/sim/model/mod.rs"]
mod model;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| model::fuzz::o6_response(octets));
