//! The D-Bus contract of dhcp4o6, without behaviour: names, value types, errors and client proxies. The introspection
//! of every interface is in `xml/`; a test of the service compares it with what the service shows.
//!
//! Moments are microseconds on the boot-time clock (CLOCK_BOOTTIME), as systemd has them: 0 is unknown or none, and
//! [`NEVER`] is never. Addresses are text, other octets `ay`, lifetimes seconds. Absent text is empty.

mod address;
mod error;
mod json;
mod link;
mod manager;
mod names;
mod provider;
mod relay_client;
mod tra;
mod tsv;
mod value;

pub use address::{BadAddress, BusAddress};
pub use error::Error;
pub use json::to_json;
pub use link::{Client1Proxy, Dhcp6Stage1Proxy, Link1Proxy, Statistics1Proxy};
pub use manager::Manager1Proxy;
pub use names::{
    BUS_NAME, CLIENT1, DHCP6_STAGE1, ERROR_PREFIX, LINK_INTERFACES, LINK1, LOG_CONTROL_PATH, LOG_CONTROL1,
    MANAGER1, RELAY_CLIENT1, RELAY1, ROOT, SERVER_BUS_NAME, SERVER_PATH, SERVER1, STATISTICS1, TRA1, TSV1,
    lcra_path, link_path, parse_agent_path, parse_link_path, relay_path, tra_path,
};
pub use provider::{Relay1Proxy, Server1Proxy};
pub use relay_client::RelayClient1Proxy;
pub use tra::Tra1Proxy;
pub use tsv::Tsv1Proxy;
pub use value::{
    Address, Endpoint, Exchange, Ip4Config, LastError, Lease, LinkSummary, Missing, NEVER, Permit, Pool,
    Prefix, Reservation, Route, RouterAdvertisement, ServerLease, Step, TunnelBinding,
};
