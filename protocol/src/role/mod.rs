//! Roles: what an operator configures. One file each.

mod bucket;
mod client4o6;
pub mod link;
mod source;
