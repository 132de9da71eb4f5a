//! The service in network namespaces, against servers and clients of others. Every test has namespaces, servers and a bus
//! of its own, so they run side by side. They need root or user namespaces, and those servers: `make test` runs them.

mod aftr;
mod bad_input;
mod bus;
mod control;
mod crosswise;
mod extending;
mod external;
mod flood;
mod links;
mod namespaces;
mod obtaining;
mod permit;
mod relay;
mod restart;
mod tap;

/// Settings that take the random pauses out, so that a test takes no longer than what it shows.
const STATEFUL: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateful\"\ndhcp6-max-delay = \"0s\"\n";
const STATELESS: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateless\"\ndhcp6-max-delay = \"0s\"\n";
