//! The command line. The manual page and the shell completions are made from this file.

use clap::{Args, Parser, Subcommand};
use dhcp4o6_dbus::BusAddress;

/// Show and control what dhcp4o6d does on each link, and why.
#[derive(Parser, Clone, Debug)]
#[command(name = "dhcp4o6ctl", version, disable_help_subcommand = true)]
pub struct Arguments {
    /// The message bus: system, session, or an address such as unix:path=/run/dbus/system_bus_socket
    #[arg(long, short, global = true, value_name = "BUS", default_value = "system")]
    pub bus: BusAddress,

    /// The network namespace of LINK, where links of one name exist in several
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
    /// Show all links in a table
    Status,
    /// Show everything about a link, and what came from where
    Show(Link),
    /// Say step by step why a link has IPv4 or not, where it stops, and what to do
    Explain(Link),
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
}

/// A link.
#[derive(Args, Clone, Debug)]
pub struct Link {
    /// Name of the interface
    #[arg(value_name = "LINK")]
    pub link: String,
}

/// What to follow.
#[derive(Args, Clone, Debug)]
pub struct Monitor {
    /// Name of the interface; all links when left out
    #[arg(value_name = "LINK")]
    pub link: Option<String>,

    /// Show every change of a property, too
    #[arg(long, short)]
    pub properties: bool,
}

/// What to count.
#[derive(Args, Clone, Debug)]
pub struct Counters {
    /// Name of the interface; all links when left out
    #[arg(value_name = "LINK")]
    pub link: Option<String>,

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
