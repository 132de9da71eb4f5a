//! The command line. The manual page and the shell completions are made from this file.

use crate::hex::{Octets, TextOrOctets};
use clap::{Args, Parser, Subcommand};
use dhcp4o6_dbus::BusAddress;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Show and control what dhcp4o6d does on each link, and why.
#[derive(Parser, Clone, Debug)]
#[command(name = "dhcp4o6ctl", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket
    #[arg(long, short, global = true, value_name = "BUS", default_value = "system")]
    pub bus: BusAddress,

    /// The network namespace of LINK or NAME, where those of one name exist in several
    #[arg(long, short, global = true, value_name = "NAME")]
    pub namespace: Option<String>,

    /// Print JSON
    #[arg(long, short, global = true)]
    pub json: bool,

    /// What to do; `status` when left out
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What to do.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Show all links, and all roles, in tables
    Status,
    /// Show everything about a link or a role, and what came from where
    Show(Name),
    /// Say step by step why a link has IPv4 or not, or a role works or not, where it stops, and what to do
    Explain(Name),
    /// Follow what happens, until interrupted
    Monitor(Monitor),
    /// Show how many datagrams were sent, received, and not used, by reason
    Counters(Counters),
    /// Extend the IPv4 lease now
    Renew(Control),
    /// Extend the IPv4 lease now, by any server
    Rebind(Control),
    /// Give the IPv4 lease back; IPv4 stays off until `up`, `restart` or `renew`
    Release(Control),
    /// Begin again from DHCPv6, keeping what is installed if it proves valid
    Restart(Control),
    /// Run the link again after `down`
    Up(Control),
    /// Stop the link; leases are given back or kept as configured
    Down(Control),
    /// Show the leases that the provider's server gave
    Leases(Leases),
    /// Show how full the pools of the provider's server are
    Pools,
    /// Say which subnet and address a query would get from the provider's server, and why
    SelectTest(SelectTest),
    /// End the leases of an address; its client is refused when it renews
    Revoke(Address),
    /// Show the addresses that operators reserved with `reserve`
    Reservations,
    /// Keep an IPv4 address for one client
    Reserve(Reserve),
    /// Take back what `reserve` did
    Unreserve(Address),
    /// Print the names of links and roles, one a line; shell completions ask for that
    Names,
}

/// Which leases.
#[derive(Args, Clone, Debug)]
pub struct Leases {
    /// Only those in this state: bound, expired, released or declined
    #[arg(long, short, value_name = "STATE",
          value_parser = clap::builder::PossibleValuesParser::new(["bound", "expired", "released", "declined"]))]
    pub state: Option<String>,

    /// Begin after the lease of this address
    #[arg(long, short, value_name = "ADDRESS")]
    pub after: Option<String>,

    /// Show this many at most
    #[arg(long, short, value_name = "COUNT")]
    pub limit: Option<u64>,
}

/// An address.
#[derive(Args, Clone, Debug)]
pub struct Address {
    /// The address
    #[arg(value_name = "ADDRESS")]
    pub address: IpAddr,
}

/// What to keep for whom.
#[derive(Args, Clone, Debug)]
#[group(id = "for", required = true, multiple = false,
        args = ["client_id", "duid", "circuit", "hardware"])]
pub struct Reserve {
    /// The address
    #[arg(value_name = "ADDRESS")]
    pub address: String,

    /// For the client with this DHCPv4 client identifier (option 61), in hexadecimal digits
    #[arg(long, value_name = "OCTETS")]
    pub client_id: Option<Octets>,

    /// For the host with this DUID, in hexadecimal digits
    #[arg(long, value_name = "OCTETS")]
    pub duid: Option<Octets>,

    /// For whoever is behind this interface-id of a relay agent: text, or `hex:` and hexadecimal digits
    #[arg(long, value_name = "TEXT")]
    pub circuit: Option<TextOrOctets>,

    /// For the client with this Ethernet address and no client identifier
    #[arg(long, value_name = "OCTETS")]
    pub hardware: Option<Octets>,
}

impl Reserve {
    /// The kind of holder, as the bus calls it, and its octets.
    pub fn holder(&self) -> (&'static str, Vec<u8>) {
        let octets = |octets: &Option<Octets>| octets.clone().map(|octets| octets.0);
        let kinds = [
            ("client-id", octets(&self.client_id)),
            ("duid", octets(&self.duid)),
            ("circuit", self.circuit.clone().map(|circuit| circuit.0)),
            ("hardware", octets(&self.hardware)),
        ];
        let given = kinds.into_iter().find_map(|(kind, octets)| Some((kind, octets?)));
        given.unwrap_or_default()
    }
}

/// A query that has not come.
#[derive(Args, Clone, Debug)]
pub struct SelectTest {
    /// The interface it would come in by; any served one when left out
    #[arg(long, short, value_name = "NAME")]
    pub interface: Option<String>,

    /// The client's IPv6 address; link-local when left out
    #[arg(long, short, value_name = "ADDRESS")]
    pub source: Option<Ipv6Addr>,

    /// A client relay agent: the query comes from it by port 67 or, with --giaddr, has it in CRA6ADDR
    #[arg(long, visible_alias = "cra6addr", value_name = "ADDRESS", conflicts_with_all = ["source", "link_address"])]
    pub agent: Option<Ipv6Addr>,

    /// An IPv4 relay agent, or IPv6-transport relay agent, that the query passed
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["source", "link_address"])]
    pub giaddr: Option<Ipv4Addr>,

    /// What that one says of the link (sub-option 5 of option 82)
    #[arg(long, value_name = "ADDRESS", requires = "giaddr")]
    pub link_selection: Option<Ipv4Addr>,

    /// Link-address of the relay agent next to the client
    #[arg(long, short = 'a', value_name = "ADDRESS")]
    pub link_address: Option<Ipv6Addr>,

    /// Interface-id of that relay agent, with --giaddr its circuit-id: text, or `hex:` and hexadecimal digits
    #[arg(long, value_name = "TEXT")]
    pub interface_id: Option<TextOrOctets>,

    /// The client's DHCPv4 client identifier (option 61), in hexadecimal digits
    #[arg(long, short, value_name = "OCTETS")]
    pub client_id: Option<Octets>,

    /// The Ethernet address of a client without client identifier
    #[arg(long, value_name = "OCTETS", conflicts_with = "client_id")]
    pub hardware: Option<Octets>,

    /// The address the client asks for (option 50)
    #[arg(long, short, value_name = "ADDRESS")]
    pub requested: Option<Ipv4Addr>,

    /// The subnet the client asks for (option 118)
    #[arg(long, value_name = "ADDRESS")]
    pub subnet_selection: Option<Ipv4Addr>,

    /// The client can use a part of an address's ports (RFC 7618)
    #[arg(long)]
    pub shared: bool,
}

/// A link or a role.
#[derive(Args, Clone, Debug)]
pub struct Name {
    /// Name of an interface or a role: server, the configured name of another, or its kind and name, such as tra/edge
    #[arg(value_name = "NAME")]
    pub name: String,
}

/// What to follow.
#[derive(Args, Clone, Debug)]
pub struct Monitor {
    /// Name of an interface or a role, as for show; everything when left out
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Show every change of a property, too
    #[arg(long, short)]
    pub properties: bool,
}

/// What to count.
#[derive(Args, Clone, Debug)]
pub struct Counters {
    /// Name of an interface or a role, as for show; all when left out
    #[arg(value_name = "NAME")]
    pub name: Option<String>,

    /// Show counters that are zero, too
    #[arg(long, short)]
    pub all: bool,
}

/// A request to a link.
#[derive(Args, Clone, Debug)]
pub struct Control {
    /// Name of the interface
    #[arg(value_name = "LINK")]
    pub link: String,

    /// Wait for the outcome; without this, return when it has begun
    #[arg(long, short)]
    pub wait: bool,

    /// Wait this long at most
    #[arg(long, short, value_name = "SECONDS", default_value_t = 60, requires = "wait",
          value_parser = clap::value_parser!(u32).range(1..=86400))]
    pub timeout: u32,
}
