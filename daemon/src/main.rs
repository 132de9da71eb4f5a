//! Placeholder.
#![allow(unreachable_pub, reason = "nothing is reachable from outside a binary")]

#[allow(dead_code, unused_imports, reason = "used by the supervisor, which is not written yet")]
mod config;
#[allow(dead_code, unused_imports, reason = "used by the supervisor, which is not written yet")]
mod store;

fn main() {}
