#![no_main]
#![allow(missing_docs, dead_code, reason = "a fuzz target; it uses a part of the bench")]

#[path = "../../tests/provider/desk.rs"]
mod desk;
#[path = "../../tests/provider/fuzz.rs"]
mod fuzz;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| fuzz::back(octets));
