//! The kernel, one network namespace at a time: its links, addresses and routes are watched, a lease is installed.
//!
//! * [`netns`] opens namespaces and notices that they come and go; the only place that enters one.
//! * [`monitor`] keeps a whole picture of a namespace and says when it changed.
//! * [`apply`] makes the kernel hold what a lease wants, by difference, and touches nothing of anybody else's.
//!
//! Below them: `socket` moves datagrams, [`codec`] frames them, [`message`] and [`request`] give them types, [`picture`] is what
//! the monitor knows, [`plan`] is what a lease wants. We read and write these few messages ourselves: the kernel may
//! add an attribute to any of them, and a link with one unknown attribute must still be seen.

pub mod apply;
pub mod codec;
pub mod message;
pub mod monitor;
pub mod netns;
pub mod picture;
pub mod plan;
pub mod ready;
pub mod request;
mod socket;

/// Our mark on everything we install: route protocol number, and protocol of addresses (IFA_PROTO, Linux 5.18).
pub const PROTOCOL: u8 = 146;
