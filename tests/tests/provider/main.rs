//! Our server and our relay agents in network namespaces, with our own client as the customer. Every test has
//! namespaces and buses of its own, so they run side by side. They need root or user namespaces: `make test` runs them.

mod direct;

/// Leases that last.
const SERVER: &str = "\
[server]
interfaces = [\"s0\"]
server-id = \"192.0.2.1\"
[[server.subnet]]
prefix = \"192.0.2.0/24\"
pools = [\"192.0.2.100-192.0.2.199\"]
lease-time = \"10m\"
options = { routers = [\"192.0.2.1\"] }
";

/// Settings that take the random pauses out, so that a test takes no longer than what it shows.
const STATEFUL: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateful\"\ndhcp6-max-delay = \"0s\"\n";
const STATELESS: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateless\"\ndhcp6-max-delay = \"0s\"\n";
