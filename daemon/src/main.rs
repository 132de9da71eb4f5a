//! Placeholder.
#![allow(unreachable_pub, reason = "nothing is reachable from outside a binary")]

#[allow(dead_code, unused_imports, reason = "used by the supervisor, which is not written yet")]
mod config;
#[allow(dead_code, unused_imports, reason = "used by the supervisor, which is not written yet")]
mod store;

#[allow(dead_code, reason = "served by main, which is not written yet")]
mod bus;
#[allow(dead_code, reason = "used by the supervisor, which is not written yet")]
mod control;

fn main() {}
