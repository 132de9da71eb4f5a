//! The engine seen from its clients.

mod addresses;
mod bench;
mod options;
mod refusing;
