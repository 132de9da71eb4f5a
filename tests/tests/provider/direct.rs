//! Our client and our server on one link.

use super::{SERVER, STATELESS};
use dhcp4o6_tests::{Dhcp, Rack};

/// What crossed the wire, in order: DHCPv6 types, and inside queries and responses the DHCPv4 type.
fn story(rack: &Rack) -> Vec<String> {
    let word = |dhcp: &Dhcp| dhcp.inner_kind().map_or_else(|| dhcp.kind.to_string(), |kind| kind.to_string());
    rack.customer.wire.dhcp().iter().map(word).collect()
}

#[test]
#[ignore = "needs namespaces"]
fn stateless_dhcp6_leads_to_an_address_that_carries_traffic() {
    let mut rack = Rack::start(SERVER, STATELESS);
    let address = rack.wait_bound();
    assert_eq!(story(&rack), ["Information-request", "Reply", "DISCOVER", "OFFER", "REQUEST", "ACK"]);
    let leases = rack.provider.leases4();
    assert_eq!(leases.len(), 1, "{leases:#?}");
    assert_eq!(leases[0]["address"], address.to_string());
    assert!(rack.lab.customer.pings("198.51.100.1"));
}
