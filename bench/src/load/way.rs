//! How a client's messages travel, and back: in a DHCPv4-query and, as a relay agent, Relay-forward around it; as they are,
//! from a client relay agent; or in a frame of the client's own link.

use super::identity::{self, Number, Place};
use dhcp4o6_protocol::ids::{Xid4, Xid6};
use dhcp4o6_protocol::params::{CLIENT4_PORT, SERVER4_PORT};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::settings::Draft01;
use dhcp4o6_protocol::wire::frame::{Datagram, EVERYBODY};
use dhcp4o6_protocol::wire::o6::{self, CodePoints, Header};
use dhcp4o6_protocol::wire::relay::{Envelope, Relay};
use dhcp4o6_protocol::wire::v4;
use dhcp4o6_protocol::wire::v6::{Message, MessageType};
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4};

/// Where `hops` stands in a DHCPv4 message.
const HOPS: usize = 3;

/// Clients behind the relay agent are on a link of their own.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);

/// Where clients are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Behind a relay agent, which is this tool.
    Relayed { link: Ipv6Addr },
    /// Each at an address in this prefix.
    Prefix(Ipv6Addr),
    /// All at the address of this host.
    Shared,
}

/// What a client's message is put into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Carrier {
    /// A DHCPv4-query.
    Query(WireProfile),
    /// Nothing: so it leaves a client relay agent.
    Bare,
    /// A frame to everybody on the client's link.
    Frame,
}

/// What a datagram holds, and whom it was delivered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Delivered<'a> {
    /// `None` where only the message can tell.
    pub(crate) to: Option<Place>,
    /// Octets 1 to 3 of a DHCPv4-response; zero without one.
    pub(crate) header: [u8; 3],
    /// Not parsed yet.
    pub(crate) dhcpv4: &'a [u8],
}

/// Puts messages on the way and takes them off it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    pub(crate) way: Way,
    pub(crate) carrier: Carrier,
    /// What comes back is what was sent.
    pub(crate) echo: bool,
}

impl Post {
    /// The datagram for a DHCPv4 message, and the source it must have.
    pub(crate) fn wrap(
        &self,
        from: Place,
        message: &[u8],
        xid: Xid4,
        unicast: bool,
    ) -> (Vec<u8>, Option<Ipv6Addr>) {
        let query = match self.carrier {
            Carrier::Query(profile) => query(profile, message, xid, unicast),
            Carrier::Bare => relayed(message),
            Carrier::Frame => frame(from.number, message),
        };
        match self.way {
            Way::Shared => (query, None),
            Way::Prefix(prefix) => (query, Some(from.address(prefix))),
            Way::Relayed { link } => {
                let Number(number) = from.number;
                let interface = format!("load-{number}");
                let envelope = Envelope {
                    kind: MessageType::RELAY_FORW,
                    hop_count: 0,
                    link_address: link,
                    peer_address: from.address(LINK_LOCAL),
                    options: vec![(OptionCode::INTERFACE_ID, interface.as_bytes())],
                    message: &query,
                };
                (envelope.emit().unwrap_or_default(), None)
            }
        }
    }

    /// What is in a datagram that was sent to `to`.
    pub(crate) fn unwrap<'a>(&self, octets: &'a [u8], to: Ipv6Addr) -> Result<Delivered<'a>, Refused> {
        let (response, place) = match self.way {
            Way::Shared => (octets, None),
            Way::Prefix(prefix) => (octets, Place::of(to, prefix)),
            Way::Relayed { .. } => {
                let relay = Relay::parse(octets).map_err(|_| Refused::MalformedRelay)?;
                if relay.kind != MessageType::RELAY_REPL && !self.echo {
                    return Err(Refused::WrongDirection);
                }
                (relay.message, Place::of(relay.peer_address, LINK_LOCAL))
            }
        };
        if place.is_none() && self.way != Way::Shared {
            return Err(Refused::WrongLink);
        }
        let Carrier::Query(profile) = self.carrier else {
            return match response.first() {
                Some(&v4::BOOTREPLY) => Ok(()),
                Some(&v4::BOOTREQUEST) if self.echo => Ok(()),
                Some(_) => Err(Refused::OpUnsupported),
                None => Err(Refused::Malformed4),
            }
            .map(|()| Delivered { to: place, header: [0; 3], dhcpv4: response });
        };
        let points = CodePoints::of(profile, &Draft01::default());
        let message = Message::parse(response).map_err(|_| Refused::Malformed6)?;
        if message.kind != points.response && !(self.echo && message.kind == points.query) {
            return Err(Refused::UnknownType);
        }
        Ok(Delivered { to: place, header: message.header, dhcpv4: o6::dhcpv4(points, &message)? })
    }

    /// Whether octets 1 to 3 of a response are those of an answer to the query with this inner transaction id.
    pub(crate) fn is_answer(&self, header: [u8; 3], xid: Xid4) -> bool {
        self.carrier != Carrier::Query(WireProfile::Draft01) || Xid6(header) == outer_xid(xid)
    }
}

/// In a DHCPv4-query.
fn query(profile: WireProfile, message: &[u8], xid: Xid4, unicast: bool) -> Vec<u8> {
    let header = match profile {
        WireProfile::Rfc7341 => Header::Flags { unicast },
        WireProfile::Draft01 => Header::TransactionId(outer_xid(xid)),
    };
    let points = CodePoints::of(profile, &Draft01::default());
    // The engine's messages are far below the limit of a datagram.
    o6::emit_query(points, header, &[], message).unwrap_or_default()
}

/// As a client relay agent sends it on: one hop further.
fn relayed(message: &[u8]) -> Vec<u8> {
    let mut relayed = message.to_vec();
    if let Some(hops) = relayed.get_mut(HOPS) {
        *hops = hops.saturating_add(1);
    }
    relayed
}

/// As a client without an address sends it.
fn frame(number: Number, message: &[u8]) -> Vec<u8> {
    let datagram = Datagram {
        source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, CLIENT4_PORT),
        destination: SocketAddrV4::new(Ipv4Addr::BROADCAST, SERVER4_PORT),
        payload: message,
    };
    datagram.emit(EVERYBODY, identity::station(number)).unwrap_or_default()
}

/// draft01: one outer transaction id for each inner one.
fn outer_xid(Xid4(xid): Xid4) -> Xid6 {
    let [_, outer @ ..] = xid.to_be_bytes();
    Xid6(outer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::wire::frame::{Content, Frame};

    const PLACE: Place = Place { slot: 5, number: Number(77) };
    const XID: Xid4 = Xid4(0x0102_0304);

    fn relayed(echo: bool) -> Post {
        let link = "2001:db8:1::1".parse().unwrap();
        Post { way: Way::Relayed { link }, carrier: Carrier::Query(WireProfile::Rfc7341), echo }
    }

    #[test]
    fn a_relayed_query_names_link_peer_and_interface() {
        let (octets, source) = relayed(false).wrap(PLACE, &[1, 2, 3], XID, true);
        let relay = Relay::parse(&octets).unwrap();
        assert_eq!((relay.kind, relay.hop_count), (MessageType::RELAY_FORW, 0));
        assert_eq!(relay.link_address, "2001:db8:1::1".parse::<Ipv6Addr>().unwrap());
        assert_eq!(relay.peer_address, "fe80::200:5:0:4d".parse::<Ipv6Addr>().unwrap());
        assert_eq!(relay.interface_id(), Some(&b"load-77"[..]));
        assert_eq!((relay.message[..4].to_vec(), source), (vec![20, 0x80, 0, 0], None));
    }

    #[test]
    fn only_an_answer_is_unwrapped_unless_an_echo_is_wanted() {
        let (mut octets, _) = relayed(false).wrap(PLACE, &[1, 2, 3], XID, false);
        let nowhere = Ipv6Addr::UNSPECIFIED;
        assert_eq!(relayed(false).unwrap(&octets, nowhere), Err(Refused::WrongDirection));
        let delivered = relayed(true).unwrap(&octets, nowhere).unwrap();
        assert_eq!((delivered.to, delivered.dhcpv4), (Some(PLACE), &[1, 2, 3][..]));
        octets[0] = 13;
        assert_eq!(relayed(false).unwrap(&octets, nowhere), Err(Refused::UnknownType));
        let query = octets.len() - 3 - 4 - 4;
        octets[query] = 21;
        assert_eq!(relayed(false).unwrap(&octets, nowhere).unwrap().dhcpv4, &[1, 2, 3][..]);
        octets[18 + 8] = 3;
        assert_eq!(relayed(false).unwrap(&octets, nowhere), Err(Refused::WrongLink));
    }

    #[test]
    fn a_client_in_a_prefix_hears_what_is_sent_to_its_address() {
        let prefix = "2001:db8:f::".parse().unwrap();
        let post =
            Post { way: Way::Prefix(prefix), carrier: Carrier::Query(WireProfile::Draft01), echo: true };
        let (octets, source) = post.wrap(PLACE, &[9], XID, false);
        assert_eq!(octets[..4], [245, 2, 3, 4]);
        let source = source.unwrap();
        let delivered = post.unwrap(&octets, source).unwrap();
        assert_eq!(delivered.to, Some(PLACE));
        assert!(post.is_answer(delivered.header, XID));
        assert!(!post.is_answer(delivered.header, Xid4(0x0102_0305)));
        assert_eq!(post.unwrap(&octets, prefix), Err(Refused::WrongLink));
    }

    #[test]
    fn a_client_relay_agent_only_counts_its_hop() {
        let post = |echo| Post { way: Way::Shared, carrier: Carrier::Bare, echo };
        let (octets, source) = post(false).wrap(PLACE, &[1, 1, 6, 0, 9], XID, true);
        assert_eq!((&octets[..], source), (&[1, 1, 6, 1, 9][..], None));
        let nowhere = Ipv6Addr::UNSPECIFIED;
        assert_eq!(post(false).unwrap(&octets, nowhere), Err(Refused::OpUnsupported));
        assert_eq!(post(true).unwrap(&octets, nowhere).unwrap().dhcpv4, octets);
        let delivered = post(false).unwrap(&[2, 1], nowhere).unwrap();
        assert_eq!((delivered.to, delivered.dhcpv4), (None, &[2, 1][..]));
        assert!(post(false).is_answer(delivered.header, XID));
        assert_eq!(post(true).unwrap(&[], nowhere), Err(Refused::Malformed4));
    }

    #[test]
    fn on_its_link_each_client_is_a_station_that_has_no_address() {
        let post = Post { way: Way::Shared, carrier: Carrier::Frame, echo: false };
        let (octets, _) = post.wrap(PLACE, &[1, 2, 3], XID, false);
        let frame = Frame::parse(&octets, false).unwrap();
        assert_eq!((frame.to, frame.from), (EVERYBODY, [2, 0x46, 0, 0, 0, 77]));
        let datagram = Datagram {
            source: "0.0.0.0:68".parse().unwrap(),
            destination: "255.255.255.255:67".parse().unwrap(),
            payload: &[1, 2, 3],
        };
        assert_eq!(frame.content, Content::Dhcp(datagram));
    }
}
