//! The engine seen from its clients.

mod addresses;
mod bench;
mod chance;
mod extending;
mod limits;
mod links;
mod options;
mod prefixes;
mod recordings;
mod refusing;
mod storage;
