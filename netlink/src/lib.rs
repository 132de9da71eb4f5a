//! The kernel, one network namespace at a time: its links, addresses and routes are watched, a lease is installed.
//!
//! * [`netns`] opens namespaces and notices that they come and go; the only place that enters one.
//! * [`monitor`] keeps a whole picture of a namespace and says when it changed.
//! * [`apply`] makes the kernel hold what a lease wants, by difference, and touches nothing of anybody else's.
//! * [`device`] makes the TAP device on which a DHCPv4 client of this host runs; [`tap`] is our end of it.
//!
//! Below them: `socket` moves datagrams, [`message`] has the values, [`decode`] makes them of netlink-packet-route's
//! types, `request` builds requests with rtnetlink's, [`picture`] is what the monitor knows, [`plan`] is what a lease
//! wants, [`few`] its small sets.

pub mod apply;
pub mod decode;
pub mod device;
pub mod few;
pub mod message;
pub mod monitor;
pub mod netns;
pub mod picture;
pub mod plan;
pub mod ready;
mod request;
mod socket;
pub mod tap;

/// Our mark on everything we install: route protocol number, and protocol of addresses (IFA_PROTO, Linux 5.18).
pub const PROTOCOL: u8 = 146;
