//! The provider's roles from outside: what a server takes and answers, octet by octet, and a simulated network in which
//! our clients talk to our server, directly and through our relay agents.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod arbitrary;
mod crowd;
mod desk;
mod door;
mod edges;
mod external;
mod fuzz;
mod main_path;
#[allow(dead_code, reason = "a link with servers of its own needs more of it")]
#[path = "../sim/model/mod.rs"]
mod model;
mod operators;
mod seeds;
mod storage;
mod tsv;
mod wire;
mod world;
