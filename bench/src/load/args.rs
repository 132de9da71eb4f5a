//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use dhcp4o6_protocol::permit::WireProfile;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};
use std::time::Duration;

/// UDP port of servers and relay agents.
pub(crate) const SERVER_PORT: u16 = 547;
/// UDP port of clients.
pub(crate) const CLIENT_PORT: u16 = 546;
/// UDP port of DHCPv4 servers, relay agents and client relay agents, over IPv4 as over IPv6.
pub(crate) const SERVER4_PORT: u16 = 67;

/// Many DHCPv4 clients in one process, to see what a server or an agent can bear.
///
/// They speak DHCPv4-over-DHCPv6, with --cra DHCPv4 over IPv6, and with --link DHCPv4 on their own link. Every client has
/// an identity of its own and is the client of dhcp4o6d itself: it says what that would say, and believes only what that
/// would believe. The figures go to standard output; on a terminal a line on standard error
/// shows the progress. Interrupted, it reports what it has.
///
/// Exit codes: 0 success; 1 it could not run; 2 wrong usage; 3 the server did not complete anything, or gave one
/// address to two clients.
#[derive(Parser, Debug)]
#[command(
    name = "dhcp4o6-load",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
pub(crate) struct Arguments {
    /// Something else than load.
    #[command(subcommand)]
    pub(crate) yardstick: Option<Yardstick>,
    /// The load.
    #[command(flatten)]
    pub(crate) load: Load,
}

/// Bare UDP, to know what the kernel and this tool can do.
#[derive(Subcommand, Debug)]
pub(crate) enum Yardstick {
    /// Send every datagram back to where it came from.
    Echo {
        /// UDP port to listen on.
        #[arg(long, value_name = "PORT", default_value_t = SERVER_PORT)]
        port: u16,
        /// Listen on IPv4.
        #[arg(long)]
        ipv4: bool,
        /// Turn Relay-forward into Relay-reply by its first octet: then a relay agent takes it for an answer.
        #[arg(long)]
        relay_reply: bool,
        /// Turn DISCOVER into OFFER and REQUEST into ACK, with an address for the client that follows from its hardware
        /// address: then an agent takes it for the answer of a DHCPv4 server, which has returned option 82.
        #[arg(long, conflicts_with = "relay_reply")]
        boot_reply: bool,
    },
    /// Send every datagram on to one address, and what comes from there to whoever sent last.
    Forward {
        /// Where to.
        #[arg(long, value_name = "ADDRESS[%INTERFACE]", value_parser = beyond)]
        to: Destination,
        /// UDP port there.
        #[arg(long, value_name = "PORT", default_value_t = SERVER_PORT)]
        to_port: u16,
        /// UDP port to listen on; toward an address of the other kind, IPv4 or IPv6, the port to send from, too.
        #[arg(long, value_name = "PORT", default_value_t = SERVER_PORT)]
        port: u16,
        /// Listen on IPv4.
        #[arg(long)]
        ipv4: bool,
        /// Send what comes back to this address and port, whoever sent last: clients that have no address yet are none
        /// that can be sent to.
        #[arg(long, value_name = "ADDRESS:PORT", requires = "ipv4")]
        back_to: Option<SocketAddrV4>,
    },
}

/// What is put on the server.
#[derive(Args, Debug, Clone)]
pub(crate) struct Load {
    /// Server or relay agent to ask; a link-local or multicast address needs an interface.
    #[arg(short, long, value_name = "ADDRESS[%INTERFACE]", required_unless_present = "link", value_parser = destination)]
    pub(crate) server: Option<Destination>,

    /// What clients do.
    #[arg(short, long, value_enum, default_value_t = Mode::Dora)]
    pub(crate) mode: Mode,

    /// How many clients may wait for an answer at the same time, 1 to 65536.
    #[arg(short, long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub(crate) outstanding: u32,

    /// How many clients there are. Mode dora ends when all of them have a lease, and makes ever new ones without this;
    /// in modes renew and flood it is 1 to 16777215, and without this as many as may be outstanding.
    #[arg(short = 'n', long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) clients: Option<u32>,

    /// How long it is measured, such as 500ms, 10s or 2m. Without this 10 s; with --clients in mode dora, as long as it
    /// takes.
    #[arg(short, long, value_name = "TIME", value_parser = span)]
    pub(crate) duration: Option<Duration>,

    /// How long the same is done before, without being measured.
    #[arg(short, long, value_name = "TIME", default_value = "0s", value_parser = span)]
    pub(crate) warm_up: Duration,

    /// Begin so many a second, whether or not earlier ones are answered, as long as --outstanding allows; times count
    /// from when it was due. Without this: as fast as answers come.
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) rate: Option<u32>,

    /// Be a relay agent: everything comes from one address as Relay-forward, with a peer address and an Interface-Id
    /// for each client. This is how it is without --direct.
    #[arg(long, conflicts_with = "direct")]
    pub(crate) relayed: bool,

    /// Be the clients themselves. With a prefix of at most 64 bits each client has an address in it: route it to this
    /// host ("ip -6 route add local PREFIX dev lo"), and the server's answers here. Without one, all share this host's
    /// address.
    #[arg(long, value_name = "PREFIX/LENGTH", value_parser = prefix, num_args = 0..=1)]
    pub(crate) direct: Option<Option<Ipv6Addr>>,

    /// Be client relay agents: DHCPv4 messages go as they are, by IPv6, from UDP port 67 to port 67. All come from this
    /// host's address, as behind an agent on their link; with "--direct PREFIX" each has an agent and an address of its own.
    #[arg(long, conflicts_with_all = ["relayed", "profile"])]
    pub(crate) cra: bool,

    /// Be clients on this Ethernet link, each a station of its own that broadcasts DHCPv4 in frames, to load an agent that
    /// is there; in mode flood only. No server is named.
    #[arg(
        long,
        value_name = "INTERFACE",
        conflicts_with_all = ["server", "relayed", "direct", "link_address", "cra", "profile", "no_chaddr", "echo", "port", "local_port"]
    )]
    pub(crate) link: Option<String>,

    /// Link-address of the Relay-forward; without this, the address that the server is reached from.
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["direct", "cra"])]
    pub(crate) link_address: Option<Ipv6Addr>,

    /// Wire profile.
    #[arg(long, value_enum, default_value_t = Profile::Rfc7341)]
    pub(crate) profile: Profile,

    /// In mode dora: give every lease back at once.
    #[arg(long)]
    pub(crate) release: bool,

    /// Send no hardware address (hlen 0): only option 61 tells who a client is.
    #[arg(long)]
    pub(crate) no_chaddr: bool,

    /// The other end only sends everything back ("dhcp4o6-load echo"). What comes back is parsed as far as the DHCPv4
    /// message in it, of which only transaction id and type are compared. In its place an OFFER or ACK of usual size,
    /// made here by a copy, is parsed and given to the client, which goes on as always.
    #[arg(long)]
    pub(crate) echo: bool,

    /// Number the identities and all chance follow from; without this another one each time.
    #[arg(long, value_name = "N")]
    pub(crate) seed: Option<u64>,

    /// UDP port of the server; without this 547, with --cra 67.
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,

    /// UDP port to send from; without this 547 as a relay agent, 546 as clients, 67 as client relay agents.
    #[arg(long, value_name = "PORT")]
    pub(crate) local_port: Option<u16>,

    /// Print the figures as JSON.
    #[arg(short, long)]
    pub(crate) json: bool,
}

impl Load {
    /// Where messages go, unless they are broadcast on a link.
    pub(crate) fn server(&self) -> Option<SocketAddrV6> {
        let default = if self.cra { SERVER4_PORT } else { SERVER_PORT };
        self.server.map(|server| server.at(self.port.unwrap_or(default)))
    }
}

/// What clients do.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// Get a lease (DISCOVER, OFFER, REQUEST, ACK); then a new client takes the place.
    Dora,
    /// Get a lease, not measured; then renew it again and again.
    Renew,
    /// Send DISCOVER as fast as possible, heed no answer: for what stands in between, such as a relay agent.
    Flood,
}

/// As in the service's configuration; a client speaks one of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Profile {
    /// RFC 7341.
    Rfc7341,
    /// draft-ietf-dhc-dhcpv4-over-dhcpv6-01 with the code points that are preset in the service.
    Draft01,
}

impl From<Profile> for WireProfile {
    fn from(profile: Profile) -> Self {
        match profile {
            Profile::Rfc7341 => Self::Rfc7341,
            Profile::Draft01 => Self::Draft01,
        }
    }
}

/// An address with the index of its interface, 0 without. An IPv4 address is one that is mapped to IPv6.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Destination {
    address: Ipv6Addr,
    scope: u32,
}

impl Destination {
    /// True for IPv4.
    pub(crate) fn is_ipv4(self) -> bool {
        self.address.to_ipv4_mapped().is_some()
    }

    /// With a port.
    pub(crate) fn at(self, port: u16) -> SocketAddrV6 {
        SocketAddrV6::new(self.address, port, 0, self.scope)
    }
}

/// As [`destination`], or an IPv4 address.
fn beyond(text: &str) -> Result<Destination, String> {
    match text.parse::<Ipv4Addr>() {
        Ok(address) => Ok(Destination { address: address.to_ipv6_mapped(), scope: 0 }),
        Err(_) => destination(text),
    }
}

fn destination(text: &str) -> Result<Destination, String> {
    let (address, interface) = match text.split_once('%') {
        Some((address, interface)) => (address, Some(interface)),
        None => (text, None),
    };
    let address: Ipv6Addr = address.parse().map_err(|_| "it is not an IPv6 address".to_owned())?;
    let scope = match interface {
        Some(name) => nix::net::if_::if_nametoindex(name)
            .map_err(|_| format!("there is no interface {name:?} in this network namespace"))?,
        None => 0,
    };
    let local = address.is_unicast_link_local() || address.is_multicast();
    match (local, scope) {
        _ if address.is_unspecified() => Err("it is the unspecified address".to_owned()),
        (true, 0) => Err(format!("which link? Write {address}%INTERFACE")),
        _ => Ok(Destination { address, scope }),
    }
}

fn prefix(text: &str) -> Result<Ipv6Addr, String> {
    let parsed = text.split_once('/').and_then(|(address, length)| {
        let (address, length): (Ipv6Addr, u8) = (address.parse().ok()?, length.parse().ok()?);
        (length <= 64).then_some(address)
    });
    let address = parsed.ok_or("it is not an IPv6 prefix of at most 64 bits, such as 2001:db8:f::/64")?;
    if address.to_bits() << 64 != 0 {
        return Err("it has bits beyond the first 64".to_owned());
    }
    Ok(address)
}

/// Digits with `ms`, `s`, `m` or `h`; up to a day.
fn span(text: &str) -> Result<Duration, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let unit = match unit {
        "ms" => Some(1),
        "s" => Some(1000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        _ => None,
    };
    let millis = unit.and_then(|unit| number.parse::<u64>().ok()?.checked_mul(unit));
    let millis = millis.ok_or("it is not a time such as 500ms, 10s or 2m")?;
    let span = Duration::from_millis(millis);
    if span > Duration::from_secs(86_400) { Err("it is more than a day".to_owned()) } else { Ok(span) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    fn load(line: &str) -> Result<Load, String> {
        let words = std::iter::once("dhcp4o6-load").chain(line.split_whitespace());
        Arguments::try_parse_from(words).map(|all| all.load).map_err(|e| e.to_string())
    }

    #[test]
    fn the_command_line_is_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_the_server_must_be_named() {
        let load = load("--server 2001:db8::1").unwrap();
        assert_eq!(load.server(), "[2001:db8::1]:547".parse().ok());
        assert_eq!((load.mode, load.outstanding, load.duration), (Mode::Dora, 256, None));
        let missing = super::Arguments::try_parse_from(["dhcp4o6-load"]).unwrap_err();
        assert!(missing.to_string().contains("--server"), "{missing}");
    }

    #[test]
    fn a_yardstick_needs_no_server() {
        let parsed = Arguments::try_parse_from(["dhcp4o6-load", "echo", "--port", "5"]).unwrap();
        assert!(matches!(parsed.yardstick, Some(Yardstick::Echo { port: 5, relay_reply: false, .. })));
    }

    #[test]
    fn client_relay_agents_speak_at_port_67() {
        assert_eq!(load("-s ::1 --cra").unwrap().server(), "[::1]:67".parse().ok());
        assert_eq!(load("-s ::1 --cra --port 5").unwrap().server(), "[::1]:5".parse().ok());
        assert!(load("-s ::1 --cra --direct 2001:db8:f::/64").is_ok());
        for wrong in ["--relayed", "--profile draft01", "--link-address 2001:db8::1"] {
            assert!(load(&format!("-s ::1 --cra {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn clients_on_a_link_have_no_server() {
        let load = |options: &str| load(&format!("--link lan0 {options}"));
        assert_eq!(load("--mode flood").unwrap().server(), None);
        for wrong in ["-s ::1", "--cra", "--direct", "--relayed", "--no-chaddr", "--port 67", "--echo"] {
            assert!(load(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_forwarder_can_send_to_ipv4() {
        let to = |text: &str| {
            let words = ["dhcp4o6-load", "forward", "--to", text];
            match Arguments::try_parse_from(words).map_err(|e| e.to_string())?.yardstick {
                Some(Yardstick::Forward { to, .. }) => Ok((to.is_ipv4(), to.at(67))),
                other => Err(format!("{other:?}")),
            }
        };
        assert_eq!(to("192.0.2.1"), Ok((true, "[::ffff:192.0.2.1]:67".parse().unwrap())));
        assert_eq!(to("2001:db8::1"), Ok((false, "[2001:db8::1]:67".parse().unwrap())));
        assert!(to("192.0.2.256").is_err());
        assert!(load("-s 192.0.2.1").is_err());
    }

    #[test]
    fn a_link_local_server_needs_an_interface_that_exists() {
        assert!(load("-s fe80::1").unwrap_err().contains("fe80::1%INTERFACE"));
        assert!(load("-s fe80::1%nothing0").unwrap_err().contains("no interface \"nothing0\""));
        assert!(load("-s ff02::1:2%lo").unwrap().server.is_some());
        assert!(load("-s ::").unwrap_err().contains("unspecified"));
        assert!(load("-s 192.0.2.1").unwrap_err().contains("not an IPv6 address"));
    }

    #[test]
    fn direct_takes_a_prefix_or_none() {
        assert_eq!(load("-s ::1 --direct").unwrap().direct, Some(None));
        let prefix = Some(Some("2001:db8:f::".parse().unwrap()));
        assert_eq!(load("-s ::1 --direct 2001:db8:f::/64").unwrap().direct, prefix);
        assert_eq!(load("-s ::1 --relayed").unwrap().direct, None);
        assert!(load("-s ::1 --direct --relayed").is_err());
        assert!(load("-s ::1 --direct 2001:db8::1/64").unwrap_err().contains("beyond the first 64"));
        assert!(load("-s ::1 --direct 2001:db8::/80").unwrap_err().contains("at most 64"));
    }

    #[test]
    fn times_have_units_and_an_end() {
        assert_eq!(load("-s ::1 -d 1500ms").unwrap().duration, Some(Duration::from_millis(1500)));
        assert_eq!(load("-s ::1 -d 2m").unwrap().duration, Some(Duration::from_secs(120)));
        for wrong in ["10", "s", "", "-1s", "1d", "25h", "99999999999999999999s", "18446744073709551615h"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_have_their_limits() {
        assert!(load("-s ::1 -o 0").is_err());
        assert!(load("-s ::1 -o 65537").is_err());
        assert!(load("-s ::1 -o 65536").is_ok());
        assert!(load("-s ::1 -n 0").is_err());
    }
}
