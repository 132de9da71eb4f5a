//! Roles: what an operator configures. One file each.

pub mod link;
