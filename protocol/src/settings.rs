//! What an operator decides about a link. Checked where it is read; the roles take it as given.

use crate::ids::Iaid;
use crate::params;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;
use std::time::Duration;

/// All settings of one link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LinkSettings {
    /// Which IPv4 service runs.
    pub mode: Mode,
    /// Which wire profiles are asked for and accepted.
    pub profile: Profile,
    /// Code points of profile draft01.
    pub draft01: Draft01,
    /// The DHCPv6 stage.
    pub dhcp6: Dhcp6Settings,
    /// The DHCPv4 engine.
    pub dhcp4: Dhcp4Settings,
    /// What happens to IPv4 when the server withdraws the permit.
    pub on_withdraw: OnWithdraw,
    /// Who may answer a DHCPv4-query.
    pub source_check: SourceCheck,
    /// Most destinations used of option 88: 1 to 8.
    pub max_servers: usize,
    /// Carrier may be gone this long before the link counts as down.
    pub flap_hold: Duration,
    /// Send RELEASE (DHCPv4, then DHCPv6) on an orderly stop.
    pub release_on_stop: bool,
    /// Renew at once when the IPv6 source address changes.
    pub rebind_on_source_change: bool,
    /// What a lease may touch.
    pub accept: Accept,
    /// The host Client Relay Agent.
    pub hcra: HcraSettings,
    /// The IPv4 identities of the link, each with a client of its own: 1 to 16. The first has the IAID of the link.
    pub endpoints: Vec<EndpointSettings>,
}

impl Default for LinkSettings {
    fn default() -> Self {
        Self {
            mode: Mode::Auto,
            profile: Profile::Rfc7341,
            draft01: Draft01::default(),
            dhcp6: Dhcp6Settings::default(),
            dhcp4: Dhcp4Settings::default(),
            on_withdraw: OnWithdraw::Hold,
            source_check: SourceCheck::Relaxed,
            max_servers: params::MAX_SERVERS,
            flap_hold: Duration::from_secs(5),
            release_on_stop: false,
            rebind_on_source_change: false,
            accept: Accept::default(),
            hcra: HcraSettings::default(),
            endpoints: vec![EndpointSettings::default()],
        }
    }
}

/// Which IPv4 service runs on a link.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Whatever the provider offers.
    Auto,
    /// DHCPv4 over DHCPv6 only.
    #[serde(rename = "4o6")]
    Dhcp4o6,
    /// DHCPv4 over IPv6 through the host Client Relay Agent only.
    Hcra,
    /// None: DHCPv6 alone.
    Off,
}

/// Wire profile of DHCPv4 over DHCPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// RFC 7341.
    Rfc7341,
    /// draft-ietf-dhc-dhcpv4-over-dhcpv6-01, for laboratories.
    Draft01,
    /// Ask for both; RFC 7341 when option 88 arrives, else draft01 when its Enable option arrives.
    Dual,
}

/// Code points of draft01, which left them all to IANA. Both ends must agree on them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Draft01 {
    /// Message type of BOOTREQUESTV6.
    pub request: u8,
    /// Message type of BOOTREPLYV6.
    pub reply: u8,
    /// Option that holds the DHCPv4 message.
    pub message: u16,
    /// Option that enables DHCPv4 over DHCPv6.
    pub enable: u16,
    /// Option with the server addresses.
    pub servers: u16,
}

impl Default for Draft01 {
    fn default() -> Self {
        Self { request: 245, reply: 246, message: 54321, enable: 54322, servers: 54323 }
    }
}

/// How the DHCPv6 stage obtains configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Dhcp6Mode {
    /// As router advertisements say.
    Auto,
    /// Addresses and prefixes by Solicit.
    Stateful,
    /// Other configuration by Information-request.
    Stateless,
}

/// Settings of the DHCPv6 stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dhcp6Settings {
    /// Stateful, stateless or as advertised.
    pub mode: Dhcp6Mode,
    /// Ask for an address (IA_NA) when stateful.
    pub address: bool,
    /// Ask for a delegated prefix (IA_PD) when stateful.
    pub prefix: bool,
    /// Length of the prefix to ask for, as a hint: 0 is none.
    pub prefix_hint: u8,
    /// Offer Rapid Commit in Solicit.
    pub rapid_commit: bool,
    /// Longest time between two refreshes of stateless configuration; `None` leaves it to the server.
    pub max_refresh: Option<Duration>,
    /// Without an answer for this long, stateless configuration counts as lost; `None` is never.
    pub stateless_max_stale: Option<Duration>,
    /// Longest random delay before the first message.
    pub max_delay: Duration,
    /// Further option codes to ask for.
    pub request_options: Vec<u16>,
}

impl Default for Dhcp6Settings {
    fn default() -> Self {
        Self {
            mode: Dhcp6Mode::Auto,
            address: true,
            prefix: false,
            prefix_hint: 0,
            rapid_commit: false,
            max_refresh: None,
            stateless_max_stale: None,
            max_delay: params::MAX_DELAY,
            request_options: Vec::new(),
        }
    }
}

/// Settings of the DHCPv4 engine.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dhcp4Settings {
    /// Offer rapid commit (RFC 4039) in DISCOVER.
    pub rapid_commit: bool,
    /// Longest random delay before the first DISCOVER. Zero, because the DHCPv6 stage has already spread out.
    pub max_delay: Duration,
    /// How long to wait for a better OFFER while one could come.
    pub offer_window: Duration,
    /// Refuse replies that do not return our client identifier (RFC 6842).
    pub require_client_id_echo: bool,
    /// Check that nobody else on the target link has the address (RFC 5227).
    pub conflict_detection: bool,
    /// Parameter request list (option 55), in this order; 121 before 3 and 33.
    pub request_options: Vec<u8>,
    /// Vendor class (option 60) to send.
    pub vendor_class: Option<String>,
    /// Host name (option 12) to send.
    pub host_name: Option<String>,
}

impl Default for Dhcp4Settings {
    fn default() -> Self {
        Self {
            rapid_commit: false,
            max_delay: Duration::ZERO,
            offer_window: params::OFFER_WINDOW,
            require_client_id_echo: false,
            conflict_detection: false,
            request_options: vec![1, 121, 3, 6, 15, 26, 119],
            vendor_class: None,
            host_name: None,
        }
    }
}

/// Settings of the host Client Relay Agent of a link (draft-ietf-dhc-dhcpv4-over-ipv6 §6).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HcraSettings {
    /// Addresses of TSVs and TRAs, at most 8; they go before those that the network tells. Every message goes to each.
    pub servers: Vec<Ipv6Addr>,
    /// Own address to send from; `None` leaves the choice among the link's global ones.
    pub source: Option<Ipv6Addr>,
    /// Unique local addresses are as good as global ones.
    pub unique_local: bool,
    /// Who may answer.
    pub source_check: SourceCheck,
    /// Highest `hops` of a client's message: 1 to 16.
    pub hops_limit: u8,
    /// Run only with a permit.
    pub needs_permit: bool,
    /// Which way renewals go.
    pub renew: Renew,
    /// Relay encapsulation.
    pub encapsulation: Encapsulation,
    /// Whose messages it relays.
    pub client: HcraClient,
    /// With an external client: install the address it gets on the endpoint's target.
    pub adopt: bool,
}

impl Default for HcraSettings {
    fn default() -> Self {
        Self {
            servers: Vec::new(),
            source: None,
            unique_local: false,
            source_check: SourceCheck::Strict,
            hops_limit: params::HOPS_LIMIT,
            needs_permit: false,
            renew: Renew::Direct,
            encapsulation: Encapsulation::Off,
            client: HcraClient::Builtin,
            adopt: false,
        }
    }
}

/// Which way a renewal goes that RFC 2131 sends to the server's own address.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Renew {
    /// By IPv4, from the leased address; after two without an answer also through the agent.
    Direct,
    /// Through the agent.
    ViaCra,
}

/// Relay encapsulation, BOOTP op 3 and 4.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encapsulation {
    /// Not understood: discarded without a word.
    Off,
    /// A layout of this project's own, for laboratories: no published one could be had.
    Private,
}

/// Whose messages the host Client Relay Agent relays.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum HcraClient {
    /// The DHCPv4 engines of this service.
    Builtin,
    /// Any DHCPv4 client that runs on the TAP device of the link.
    External,
}

/// One IPv4 identity of a link (draft-ietf-dhc-dhcpv4-over-ipv6, appendix B).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EndpointSettings {
    /// What it is called on the bus and in the state directory: unique on the link, empty for an only one.
    pub name: String,
    /// Its IAID; `None` is that of the link for the first, else one of its own that is kept.
    pub iaid: Option<Iaid>,
}

/// What happens to IPv4 when the permit is withdrawn while a lease runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnWithdraw {
    /// Keep address and routes until the lease ends by itself.
    Hold,
    /// Remove them now.
    Drop,
}

/// Who may answer a DHCPv4-query.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceCheck {
    /// The address asked, or link-local after multicast.
    Strict,
    /// Anyone who returns our client identifier; others as in `strict`.
    Relaxed,
    /// Anyone; for tests.
    Off,
}

/// What a lease may touch, and limits on it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Accept {
    /// Install routes.
    pub routes: bool,
    /// Publish DNS servers and search domains.
    pub dns: bool,
    /// Set the route MTU.
    pub mtu: bool,
    /// Publish the domain name.
    pub domain: bool,
    /// Publish NTP servers.
    pub ntp: bool,
    /// Publish the host name.
    pub host_name: bool,
    /// IPv4 prefixes no lease may route: address and length.
    pub protected: Vec<(std::net::Ipv4Addr, u8)>,
}

impl Default for Accept {
    fn default() -> Self {
        Self {
            routes: true,
            dns: true,
            mtu: true,
            domain: false,
            ntp: false,
            host_name: false,
            protected: Vec::new(),
        }
    }
}

/// True if `address` may be the destination or source of unicast DHCPv6: global or unique local.
pub fn is_routable(address: Ipv6Addr) -> bool {
    !(address.is_unspecified()
        || address.is_loopback()
        || address.is_multicast()
        || address.is_unicast_link_local()
        || address.to_ipv4_mapped().is_some())
}

/// True if a client or relay agent can have this address.
pub fn is_peer(address: Ipv6Addr) -> bool {
    is_routable(address) || address.is_unicast_link_local()
}
