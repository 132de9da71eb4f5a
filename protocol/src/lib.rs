//! Everything DHCP, decided without touching the world: no socket, no clock, no file, no bus.
//!
//! Time, datagrams and facts about a link go in as [`machine::Input`]; an ordered list of [`machine::Effect`] comes
//! out. Read in this order: [`machine`], [`role::link`], [`client6`], [`client4`], [`wire`]; for the provider's side
//! [`provider`], [`role::server`], [`server4`], [`server6`], [`role::relay`].

pub mod acd;
pub mod binding;
pub mod client4;
pub mod client6;
mod counts;
pub mod exchange;
pub mod explain;
pub mod facts;
pub mod ids;
pub mod lease;
pub mod machine;
pub mod params;
pub mod permit;
pub mod prefix;
pub mod provider;
pub mod record;
pub mod refused;
pub mod rng;
pub mod role;
pub mod server4;
pub mod server6;
pub mod settings;
pub mod status;
pub mod tally;
pub mod time;
pub mod view;
pub mod way;
pub mod wire;
