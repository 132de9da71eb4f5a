//! A laboratory of network namespaces with real peers in it, for tests, the demonstration and measurements.
//!
//! A [`Lab`] is a provider and a customer, joined by a veth pair; a [`Plant`] has a relay agent between a provider and two
//! customers, [`Premises`] a LAN behind the customer. [`Kea`] or our own [`Provider`] runs at the provider, [`Plain`]
//! DHCPv4 servers behind it, [`StockClient`]s in front, [`Daemon`] at the customer; [`Capture`], [`Watch`] and [`Bus`] show what crosses the wire, what the kernel did and what the service
//! says. Everything ends with the value that stands for it, after a panic too. Nothing waits by sleeping: lines of
//! output, netlink messages, frames and D-Bus signals are awaited, each with a limit.
//!
//! It panics where a test has to fail, so that a test reads as what it wants to show.

mod bus;
mod capture;
mod clients;
mod cra;
mod daemon;
mod follow;
mod home;
mod kea;
mod lab;
mod plain;
mod process;
mod provider;
mod router;
mod scene;
mod watch;

pub use bus::{Bus, BusClient, Seen};
pub use capture::{Bootp, Capture, Dhcp, Frame, Plain4};
pub use clients::{Stock, StockClient};
pub use cra::{LCRA, Premises, TSV, tra};
pub use daemon::{Daemon, ctl, program};
pub use home::Home;
pub use kea::{Kea, KeaSettings, Option88};
pub use lab::{Lab, Namespace};
pub use plain::{Make, Plain, PlainSettings, Pool};
pub use process::Process;
pub use provider::{Customer, Plant, Provider, Rack, SmallDisk};
pub use router::Router;
pub use scene::Scene;
pub use watch::{Change, Watch};

use std::time::Duration;

/// Longest wait for something that should happen at once, also on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);
