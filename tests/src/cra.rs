//! Client relay agents and the transport roles: a customer with a LAN, and configurations that go together.

use crate::bus::BusClient;
use crate::lab::{Lab, Namespace};
use crate::provider::Provider;
use dhcp4o6_dbus::{RELAY_CLIENT1, SERVER_PATH, TRA1, TSV1, lcra_path, tra_path};
use serde_json::Value;
use std::net::Ipv4Addr;

/// `[server]` that answers client relay agents of [`Premises`] and nobody else, with 192.0.2.100 to .199. Its identifier,
/// 198.51.100.1, is reached by IPv4 through the customer.
pub const TSV: &str = "\
[server]
port547 = false
server-id = \"198.51.100.1\"
[server.tsv]
addresses = [\"2001:db8:6::1\"]
accept-from = [\"2001:db8:6::/64\"]
[[server.subnet]]
prefix = \"192.0.2.0/24\"
pools = [\"192.0.2.100-192.0.2.199\"]
options = { routers = [\"192.0.2.1\"] }
sources = [\"2001:db8:6::/64\"]
";

/// `[[lcra]]` of the customer's LAN in [`Premises`], with the server or relay agent at 2001:db8:6::1.
pub const LCRA: &str = "\
[[lcra]]
name = \"lan\"
clients = \"lan0\"
upstream = \"c0\"
servers = [\"2001:db8:6::1\"]
";

/// `[[tra]]` of the provider before DHCPv4 servers in 10.0.N.0/24 ([`crate::Plain`] number N), which choose from
/// 192.0.2.0/24.
///
/// `more` goes into its table.
pub fn tra(servers: &[Ipv4Addr], more: &str) -> String {
    let list: Vec<_> = servers.iter().map(|server| format!("\"{server}\"")).collect();
    let near = servers.first().map_or([10, 0, 1, 1], Ipv4Addr::octets)[2];
    format!(
        "[[tra]]\nname = \"front\"\naddresses = [\"2001:db8:6::1\"]\naccept-from = [\"2001:db8:6::/64\"]\n\
         servers = [{}]\ngiaddr = \"10.0.{near}.254\"\n{more}\
         [[tra.link]]\nprefix = \"192.0.2.0/24\"\nsources = [\"2001:db8:6::/64\"]\n",
        list.join(", ")
    )
}

/// A provider, a customer with a router of its own, and a LAN behind that:
///
/// ```text
/// provider s0 --- c0 customer lan0 --- e0 host
/// ```
///
/// The provider's `s0` has 2001:db8:6::1/64, the customer's `c0` 2001:db8:6::2/64 and no IPv4. The customer routes IPv4:
/// hosts of the LAN reach 198.51.100.1 of the provider by 192.0.2.1 once they have a lease, as through a tunnel.
pub struct Premises {
    /// Where DHCPv4 clients run: nothing is configured on `e0`.
    pub host: Namespace,
    /// The provider and the customer.
    pub lab: Lab,
}

impl Premises {
    /// With all links up.
    ///
    /// # Panics
    /// When namespaces cannot be made here.
    pub fn new() -> Self {
        let lab = Lab::apart();
        lab.join((&lab.provider, "s0"), (&lab.customer, "c0"));
        let host = lab.namespace("h");
        lab.join((&lab.customer, "lan0"), (&host, "e0"));
        lab.provider.ip("addr add 2001:db8:6::1/64 dev s0 nodad");
        lab.customer.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
        Self { host, lab }
    }

    /// Lets IPv4 through, as a tunnel between customer and provider does: the customer has 192.0.2.1 on its LAN and
    /// 10.64.0.2 toward the provider.
    ///
    /// # Panics
    /// When the kernel refuses.
    pub fn route_ipv4(&self) {
        let Lab { provider, customer, .. } = &self.lab;
        provider.ip("addr add 10.64.0.1/30 dev s0");
        customer.ip("addr add 10.64.0.2/30 dev c0");
        customer.ip("addr add 192.0.2.1/24 dev lan0");
        customer.set("net/ipv4/ip_forward", "1");
        provider.set("net/ipv4/ip_forward", "1");
        customer.ip("route add default via 10.64.0.1");
        provider.ip("route add 192.0.2.0/24 via 10.64.0.2");
    }
}

impl Default for Premises {
    fn default() -> Self {
        Self::new()
    }
}

impl BusClient {
    /// A property of the on-link client relay agent of this name; null when there is none.
    pub fn lcra(&self, name: &str, property: &str) -> Value {
        self.property_at(lcra_path(name).as_str(), RELAY_CLIENT1, property)
    }

    /// Waits until it is in this state, for this reason.
    ///
    /// # Panics
    /// When it does not get there.
    pub fn wait_lcra(&mut self, name: &str, state: &str, reason: &str) {
        self.until(&format!("{name} is {state} {reason}"), crate::SOON, |client| {
            let now = ["State", "Reason"].map(|property| client.lcra(name, property));
            (now == [state, reason]).then_some(())
        });
    }
}

impl Provider {
    /// A property of the IPv6-transport server; null when there is none.
    pub fn tsv(&self, property: &str) -> Value {
        self.client.property_at(SERVER_PATH, TSV1, property)
    }

    /// A property of the IPv6-transport relay agent of this name; null when there is none.
    pub fn tra(&self, name: &str, property: &str) -> Value {
        self.client.property_at(tra_path(name).as_str(), TRA1, property)
    }

    /// Waits until it is in this state, for this reason.
    ///
    /// # Panics
    /// When it does not get there.
    pub fn wait_tra(&mut self, name: &str, state: &str, reason: &str) {
        self.client.until(&format!("{name} is {state} {reason}"), crate::SOON, |client| {
            let property = |property| client.property_at(tra_path(name).as_str(), TRA1, property);
            (["State", "Reason"].map(property) == [state, reason]).then_some(())
        });
    }
}
