#![no_main]
#![allow(missing_docs, dead_code, reason = "a fuzz target; each uses one of the decoders")]

#[path = "../../tests/decoders/mod.rs"]
mod decoders;

libfuzzer_sys::fuzz_target!(|octets: &[u8]| decoders::frame(octets));
