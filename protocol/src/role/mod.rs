//! Roles: what an operator configures. One file each.

pub mod back;
mod bucket;
mod client4o6;
pub mod cra;
mod delivery;
pub mod external;
pub mod hcra;
pub mod lcra;
pub mod link;
mod rates;
mod recent;
pub mod relay;
pub mod server;
pub mod softwire;
mod source;
pub mod tra;
pub mod tsv;
mod upstream4;
mod window;
