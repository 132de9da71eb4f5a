//! Everything DHCP, decided without touching the world: no socket, no clock, no file, no bus.
//!
//! Time, datagrams and facts about a link go in as [`machine::Input`]; an ordered list of [`machine::Effect`] comes
//! out. Read in this order: [`machine`], [`role::link`], [`client6`], [`client4`], [`wire`].

pub mod acd;
pub mod client4;
pub mod client6;
pub mod exchange;
pub mod explain;
pub mod facts;
pub mod ids;
pub mod lease;
pub mod machine;
pub mod params;
pub mod permit;
pub mod record;
pub mod refused;
pub mod rng;
pub mod role;
pub mod settings;
pub mod status;
pub mod time;
pub mod wire;
