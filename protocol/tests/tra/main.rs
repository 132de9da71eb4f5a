//! The IPv6-transport relay agent from outside: a simulated provider in which clients behind our client relay agents
//! lease addresses from servers with the habits of those we know, while others try to get in between.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others need more of it")]
#[path = "../sim/model/chance.rs"]
mod chance;
mod client;
mod hostile;
mod seeds;
mod server;
mod watch;
mod world;
