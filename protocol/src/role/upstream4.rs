//! DHCPv4 servers that are reached by IPv4, as a relay agent reaches them (RFC 2131 §4.1, RFC 3046): what the external
//! engine and the IPv6-transport relay agent have in common.

use crate::params::SERVER4_PORT;
use crate::provider::{Datagram, Effect, Port};
use crate::refused::Refused;
use crate::wire::transit::Transit;
use crate::wire::v4;
use std::net::{IpAddr, Ipv4Addr, SocketAddrV4, SocketAddrV6};

/// Most octets of option 82 that every server we know may be given: Kea doubles, ISC dhcpd cuts what is longer than one
/// option.
pub(crate) const LARGEST_AGENT: usize = 240;

/// The servers, and what they know us by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Upstream4 {
    servers: Vec<Ipv4Addr>,
    giaddr: Ipv4Addr,
    source_port: u16,
}

impl Upstream4 {
    /// Servers that answer to this address and port of ours.
    pub(crate) const fn new(servers: Vec<Ipv4Addr>, giaddr: Ipv4Addr, source_port: u16) -> Self {
        Self { servers, giaddr, source_port }
    }

    /// Where servers answer to.
    pub(crate) fn port(&self) -> Port {
        Port::Upstream4(SocketAddrV4::new(self.giaddr, self.source_port))
    }

    /// The servers, in the order of the configuration.
    pub(crate) fn servers(&self) -> &[Ipv4Addr] {
        &self.servers
    }

    /// Sends a copy to each server; if `named` is one of them, to that one alone. Of several, dnsmasq refuses a REQUEST
    /// that names another server, and ISC dhcpd acknowledges it.
    pub(crate) fn send(&self, named: Option<Ipv4Addr>, payload: Vec<u8>, out: &mut Vec<Effect>) {
        let known = self.servers.iter().find(|server| named == Some(**server));
        let servers = known.map_or(&self.servers[..], std::slice::from_ref);
        let send = |server: &Ipv4Addr, payload| Effect::Send {
            via: self.port(),
            interface: 0,
            source: None,
            to: SocketAddrV6::new(server.to_ipv6_mapped(), SERVER4_PORT, 0, 0),
            payload,
        };
        let Some((last, others)) = servers.split_last() else { return };
        out.extend(others.iter().map(|server| send(server, payload.clone())));
        out.push(send(last, payload));
    }

    /// Which server a datagram is from.
    ///
    /// # Errors
    /// When it is from somebody else.
    pub(crate) fn server(&self, datagram: &Datagram<'_>) -> Result<Ipv4Addr, Refused> {
        match datagram.from.ip().to_canonical() {
            IpAddr::V4(from) if self.servers.contains(&from) => Ok(from),
            _ => Err(Refused::UnknownServer),
        }
    }

    /// The answer of a server to a message that had our giaddr (RFC 1542 §4.1.2).
    ///
    /// # Errors
    /// When it is malformed, no answer, or to somebody else's message.
    pub(crate) fn answer<'a>(&self, payload: &'a [u8]) -> Result<Transit<'a>, Refused> {
        let answer = Transit::parse(payload).map_err(|_| Refused::Malformed4)?;
        if answer.op() != v4::BOOTREPLY {
            return Err(Refused::OpUnsupported);
        }
        if answer.giaddr() != self.giaddr {
            return Err(Refused::ForeignGiaddr);
        }
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVERS: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];

    fn upstream() -> Upstream4 {
        Upstream4::new(SERVERS.to_vec(), Ipv4Addr::new(192, 0, 2, 1), 67)
    }

    fn destinations(named: Option<Ipv4Addr>) -> Vec<String> {
        let mut out = Vec::new();
        upstream().send(named, vec![1], &mut out);
        let to = out.into_iter().map(|effect| match effect {
            Effect::Send { to, payload, .. } if payload == [1] => to.to_string(),
            other => panic!("{other:?}"),
        });
        to.collect()
    }

    #[test]
    fn every_server_gets_a_copy_unless_one_of_them_is_named_tra_13() {
        let both = ["[::ffff:10.0.0.1]:67", "[::ffff:10.0.0.2]:67"];
        assert_eq!(destinations(None), both);
        assert_eq!(destinations(Some(SERVERS[1])), both[1..]);
        assert_eq!(destinations(Some(Ipv4Addr::new(10, 0, 0, 3))), both);
    }

    #[test]
    fn only_a_configured_server_is_one_tra_17() {
        let from = |address: &str| {
            let from = SocketAddrV6::new(address.parse().unwrap(), 67, 0, 0);
            let to = std::net::Ipv6Addr::UNSPECIFIED;
            upstream().server(&Datagram { via: upstream().port(), interface: 1, from, to, payload: &[] })
        };
        assert_eq!(from("::ffff:10.0.0.2"), Ok(SERVERS[1]));
        for stranger in ["::ffff:10.0.0.3", "::10.0.0.1", "2001:db8::1"] {
            assert_eq!(from(stranger), Err(Refused::UnknownServer), "{stranger}");
        }
    }
}
