//! What tests of this side need.

use crate::config::RelayConfig;
use dhcp4o6_protocol::role::relay::{ClientSide, Destination, RelaySettings};
use dhcp4o6_protocol::settings::{Draft01, Profile};

/// A relay agent with clients on one interface.
pub fn relay(name: &str, clients: &str) -> RelayConfig {
    let side = ClientSide {
        name: clients.into(),
        interface_id: clients.into(),
        always_interface_id: false,
        trusted: false,
        accept_unicast_4o6: false,
    };
    let server = Destination { address: "2001:db8::1".parse().unwrap(), interface: None };
    RelayConfig {
        name: name.into(),
        namespace: None,
        own_relay_id: false,
        settings: RelaySettings {
            clients: vec![side],
            servers: vec![server],
            servers_4o6: Vec::new(),
            profile: Profile::Rfc7341,
            draft01: Draft01::default(),
            source_port: dhcp4o6_protocol::params::SERVER6_PORT,
            strict_source: false,
            client_link_layer: false,
            relay_id: None,
            remote_id: None,
            rate_per_interface: 0,
            rate_per_source: 0,
        },
    }
}
