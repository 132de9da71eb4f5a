//! Our server and our relay agents in network namespaces, with our own client as the customer. Every test has
//! namespaces and buses of its own, so they run side by side. They need root or user namespaces: `make test` runs them.

mod direct;
mod disk;
mod interfaces;
mod keeping;
mod killed;
mod relayed;

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

/// To be added to [`SERVER`]: addresses and prefixes by DHCPv6 on the link.
const DHCP6: &str = "\
[[server.dhcp6.subnet]]
prefix = \"2001:db8:6::/64\"
pools = [\"2001:db8:6::1000-2001:db8:6::1fff\"]
delegate = [{ prefix = \"2001:db8:d100::/40\", length = 56 }]
";

/// Settings that take the random pauses out, so that a test takes no longer than what it shows.
const STATEFUL: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateful\"\ndhcp6-max-delay = \"0s\"\n";
const STATELESS: &str = "[[link]]\nmatch = \"c0\"\ndhcp6 = \"stateless\"\ndhcp6-max-delay = \"0s\"\n";

/// Multicast groups that hosts join by DHCPv6: `ff02::1:2`, of servers and relay agents.
const AGENTS: &str = "ff02::1:2";
/// `ff05::1:3`, of servers.
const SERVERS: &str = "ff05::1:3";
