//! How a client's messages travel: DHCPv4-query and, as a relay agent, Relay-forward around it; and back.

use super::identity::{Number, Place};
use dhcp4o6_protocol::ids::{Xid4, Xid6};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::settings::Draft01;
use dhcp4o6_protocol::wire::o6::{self, CodePoints, Header};
use dhcp4o6_protocol::wire::relay::{Envelope, Relay};
use dhcp4o6_protocol::wire::v6::{Message, MessageType};
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::net::Ipv6Addr;

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

/// What a datagram holds, and whom it was delivered to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Delivered<'a> {
    /// `None` where only the message can tell.
    pub(crate) to: Option<Place>,
    /// Octets 1 to 3 of the response.
    pub(crate) header: [u8; 3],
    /// Not parsed yet.
    pub(crate) dhcpv4: &'a [u8],
}

/// Puts messages on the way and takes them off it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Post {
    pub(crate) way: Way,
    pub(crate) profile: WireProfile,
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
        let header = match self.profile {
            WireProfile::Rfc7341 => Header::Flags { unicast },
            WireProfile::Draft01 => Header::TransactionId(outer_xid(xid)),
        };
        let points = CodePoints::of(self.profile, &Draft01::default());
        // The engine's messages are far below the limit of a datagram.
        let query = o6::emit_query(points, header, &[], message).unwrap_or_default();
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
        let points = CodePoints::of(self.profile, &Draft01::default());
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
        let message = Message::parse(response).map_err(|_| Refused::Malformed6)?;
        if message.kind != points.response && !(self.echo && message.kind == points.query) {
            return Err(Refused::UnknownType);
        }
        Ok(Delivered { to: place, header: message.header, dhcpv4: o6::dhcpv4(points, &message)? })
    }

    /// Whether octets 1 to 3 of a response are those of an answer to the query with this inner transaction id.
    pub(crate) fn is_answer(&self, header: [u8; 3], xid: Xid4) -> bool {
        self.profile == WireProfile::Rfc7341 || Xid6(header) == outer_xid(xid)
    }
}

/// draft01: one outer transaction id for each inner one.
fn outer_xid(Xid4(xid): Xid4) -> Xid6 {
    let [_, outer @ ..] = xid.to_be_bytes();
    Xid6(outer)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: Place = Place { slot: 5, number: Number(77) };
    const XID: Xid4 = Xid4(0x0102_0304);

    fn relayed(echo: bool) -> Post {
        let link = "2001:db8:1::1".parse().unwrap();
        Post { way: Way::Relayed { link }, profile: WireProfile::Rfc7341, echo }
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
        let post = Post { way: Way::Prefix(prefix), profile: WireProfile::Draft01, echo: true };
        let (octets, source) = post.wrap(PLACE, &[9], XID, false);
        assert_eq!(octets[..4], [245, 2, 3, 4]);
        let source = source.unwrap();
        let delivered = post.unwrap(&octets, source).unwrap();
        assert_eq!(delivered.to, Some(PLACE));
        assert!(post.is_answer(delivered.header, XID));
        assert!(!post.is_answer(delivered.header, Xid4(0x0102_0305)));
        assert_eq!(post.unwrap(&octets, prefix), Err(Refused::WrongLink));
    }
}
