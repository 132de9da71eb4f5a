//! Roles: what an operator configures. One file each.

mod bucket;
mod client4o6;
pub mod external;
pub mod link;
pub mod relay;
pub mod server;
mod source;
