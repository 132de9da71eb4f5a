//! Client relay agents for clients of others, from outside and end to end: unmodified DHCPv4 clients in Ethernet frames, an
//! agent on their link or on their host, and behind it our TSV, or our TRA before servers with the habits of those we know.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[allow(dead_code, reason = "others need more of it")]
#[path = "../sim/model/chance.rs"]
mod chance;
#[allow(dead_code, reason = "others need more of it")]
#[path = "../tra/client.rs"]
mod client;
mod hostile;
mod provider;
mod seeds;
#[allow(dead_code, reason = "others need more of it")]
#[path = "../tra/server.rs"]
mod server;
mod watch;
mod world;
