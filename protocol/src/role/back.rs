//! The way back: where the answer to a message goes, and what is put around it (RFC 7341 §6.4, RFC 8415 §19.3).
//!
//! It is owned, so that it can outlive the message: the external engine sends it along with its own query, as
//! [`Back::encode`] writes it, and needs to remember nothing.

mod octets;

use super::softwire::{Asked, Softwire};
use crate::ids::Xid6;
use crate::params::{CLIENT6_PORT, MAX_PAYLOAD, SERVER6_PORT};
use crate::provider::Datagram;
use crate::wire::o6::CodePoints;
use crate::wire::relay::Relay;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::OptionCode;
use crate::wire::{TooLong, Writer};
use std::net::{Ipv6Addr, SocketAddrV6};

/// Where an answer goes and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Back {
    /// The transaction id of a draft01 query, which its response repeats; `None` is profile RFC 7341.
    pub xid: Option<Xid6>,
    /// Index of the interface to leave by; 0 leaves it to routing.
    pub interface: u32,
    /// Our address to send from; `None` is the link-local one of the interface, or the kernel's choice without one.
    pub source: Option<Ipv6Addr>,
    /// A client, or the relay agent next to us. Never multicast or unspecified.
    pub to: Ipv6Addr,
    /// Its UDP port.
    pub port: u16,
    /// What relay agents put around the message, outermost first; none when it came directly. At most
    /// [`RELAY_NESTING`](crate::params::RELAY_NESTING).
    pub levels: Vec<Level>,
    /// What the query asks to be told beside its DHCPv4 message.
    pub asked: Asked,
}

/// What a Relay-reply repeats of one Relay-forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Level {
    /// Relay agents passed before this one.
    pub hop_count: u8,
    /// As the relay agent set it; may be unspecified.
    pub link_address: Ipv6Addr,
    /// The client, or the next relay agent.
    pub peer_address: Ipv6Addr,
    /// Option 18, whatever is in it.
    pub interface_id: Option<Vec<u8>>,
    /// Option 135 (RFC 8357).
    pub relay_port: Option<u16>,
}

impl Level {
    fn of(level: &Relay<'_>) -> Self {
        Self {
            hop_count: level.hop_count,
            link_address: level.link_address,
            peer_address: level.peer_address,
            interface_id: level.options.first(OptionCode::INTERFACE_ID).map(<[u8]>::to_vec),
            relay_port: level.relay_port(),
        }
    }

    /// Octets that it puts around a message.
    fn len(&self) -> usize {
        34 + 4 + self.interface_id.as_ref().map_or(0, |id| 4 + id.len()) + self.relay_port.map_or(0, |_| 6)
    }
}

impl Back {
    /// The way back of what came with `datagram` through `levels`, outermost first.
    ///
    /// Directly: to the source, port 546, by the same interface (S46-06). Through relay agents: to the source, port
    /// 547, or its own port if it says that it has one (RFC 8357 §5.2); routing decides unless it is link-local. It
    /// asks for nothing.
    pub fn new(datagram: &Datagram<'_>, levels: &[Relay<'_>], xid: Option<Xid6>) -> Self {
        let to = *datagram.from.ip();
        let port = match levels.first() {
            None => CLIENT6_PORT,
            Some(outermost) => outermost.relay_port().map_or(SERVER6_PORT, |_| datagram.from.port()),
        };
        let routed = !levels.is_empty() && !to.is_unicast_link_local();
        Self {
            xid,
            interface: if routed { 0 } else { datagram.interface },
            source: (!datagram.to.is_multicast()).then_some(datagram.to),
            to,
            port,
            levels: levels.iter().map(Level::of).collect(),
            asked: Asked::default(),
        }
    }

    /// The destination; link-local with its interface.
    pub fn destination(&self) -> SocketAddrV6 {
        let scope = if self.to.is_unicast_link_local() { self.interface } else { 0 };
        SocketAddrV6::new(self.to, self.port, 0, scope)
    }

    /// The payload that takes a DHCPv4 message back: a DHCPv4-response with nothing else in it but what of `softwire`
    /// was asked for, and around it a Relay-reply for every level. `points` are those of [`Back::xid`]'s profile.
    ///
    /// # Errors
    /// When it would be longer than a datagram.
    pub fn response(
        &self,
        points: CodePoints,
        dhcpv4: &[u8],
        softwire: &Softwire,
    ) -> Result<Vec<u8>, TooLong> {
        let len = u16::try_from(dhcpv4.len()).map_err(|_| TooLong)?;
        let [a, b, c] = self.xid.map_or([0; 3], |xid| xid.0);
        let [code, also_code] = points.message.0.to_be_bytes();
        let [high, low] = len.to_be_bytes();
        self.around(
            &[points.response.0, a, b, c, code, also_code, high, low],
            dhcpv4,
            &softwire.options(self.asked)?,
        )
    }

    /// The payload that takes a DHCPv6 message back.
    ///
    /// # Errors
    /// When it would be longer than a datagram.
    pub fn reply(&self, dhcpv6: &[u8]) -> Result<Vec<u8>, TooLong> {
        self.around(&[], dhcpv6, &[])
    }

    /// A message of a head, a body and a tail, in one pass over one buffer.
    fn around(&self, head: &[u8], body: &[u8], tail: &[u8]) -> Result<Vec<u8>, TooLong> {
        let message = [head, body, tail];
        let len = self.levels.iter().map(Level::len).chain(message.map(<[u8]>::len)).sum::<usize>();
        if len > MAX_PAYLOAD {
            return Err(TooLong);
        }
        let mut w = Writer::with_capacity(len);
        nest(&mut w, &self.levels, message);
        w.finish()
    }
}

/// As deep as there are levels.
fn nest(w: &mut Writer, levels: &[Level], message: [&[u8]; 3]) {
    let Some((outermost, inner)) = levels.split_first() else {
        message.iter().for_each(|part| _ = w.bytes(part));
        return;
    };
    w.u8(MessageType::RELAY_REPL.0).u8(outermost.hop_count);
    w.ipv6(outermost.link_address).ipv6(outermost.peer_address);
    if let Some(id) = &outermost.interface_id {
        w.option6(OptionCode::INTERFACE_ID, |w| _ = w.bytes(id));
    }
    if let Some(port) = outermost.relay_port {
        w.option6(OptionCode::RELAY_PORT, |w| _ = w.u16(port));
    }
    w.option6(OptionCode::RELAY_MSG, |w| nest(w, inner, message));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Port;
    use crate::wire::relay::{Envelope, Relayed};

    fn datagram<'a>(from: &str, to: &str, payload: &'a [u8]) -> Datagram<'a> {
        let from = SocketAddrV6::new(from.parse().unwrap(), 10_000, 0, 0);
        Datagram { via: Port::Dhcp6, interface: 7, from, to: to.parse().unwrap(), payload }
    }

    fn forward(message: &[u8], hop_count: u8, options: Vec<(OptionCode, &[u8])>) -> Vec<u8> {
        Envelope {
            kind: MessageType::RELAY_FORW,
            hop_count,
            link_address: "2001:db8:1::1".parse().unwrap(),
            peer_address: "fe80::2".parse().unwrap(),
            options,
            message,
        }
        .emit()
        .unwrap()
    }

    fn way(from: &str, to: &str, payload: &[u8]) -> Back {
        let levels = Relayed::parse(payload).map(|relayed| relayed.levels).unwrap_or_default();
        Back::new(&datagram(from, to, payload), &levels, None)
    }

    #[test]
    fn a_direct_answer_leaves_where_the_query_came_in_for_port_546_s46_06() {
        let back = way("fe80::1", "ff02::1:2", &[20, 0, 0, 0]);
        assert_eq!((back.interface, back.source), (7, None));
        assert_eq!(back.destination(), "[fe80::1%7]:546".parse().unwrap());
        let back = way("2001:db8::1", "2001:db8:100::1", &[20, 0, 0, 0]);
        assert_eq!((back.interface, back.source), (7, Some("2001:db8:100::1".parse().unwrap())));
        assert_eq!(back.destination(), "[2001:db8::1]:546".parse().unwrap());
    }

    #[test]
    fn a_relayed_answer_goes_to_port_547_by_whatever_route_s46_08() {
        let relayed = forward(&[20, 0, 0, 0], 0, vec![]);
        let back = way("2001:db8::1", "2001:db8:100::1", &relayed);
        assert_eq!(back.interface, 0);
        assert_eq!(back.destination(), "[2001:db8::1]:547".parse().unwrap());
        let back = way("fe80::1", "ff02::1:2", &relayed);
        assert_eq!(back.destination(), "[fe80::1%7]:547".parse().unwrap());
    }

    #[test]
    fn only_the_outermost_relay_agent_says_that_its_port_counts_s46_08() {
        let with_port = forward(&[20, 0, 0, 0], 0, vec![(OptionCode::RELAY_PORT, &[0, 0])]);
        assert_eq!(way("2001:db8::1", "2001:db8:100::1", &with_port).port, 10_000);
        let inside = forward(&with_port, 1, vec![]);
        assert_eq!(way("2001:db8::1", "2001:db8:100::1", &inside).port, 547);
        let unreadable = forward(&[20, 0, 0, 0], 0, vec![(OptionCode::RELAY_PORT, &[0])]);
        assert_eq!(way("2001:db8::1", "2001:db8:100::1", &unreadable).port, 547);
    }

    #[test]
    fn the_response_mirrors_every_level_as_the_relay_messages_do_s46_08() {
        let once = forward(&[20, 0, 0, 0], 0, vec![(OptionCode::INTERFACE_ID, b"wan0")]);
        let options = vec![(OptionCode::INTERFACE_ID, &b""[..]), (OptionCode::RELAY_PORT, &[0x27, 0x10])];
        let twice = forward(&once, 1, options);
        let back = way("2001:db8::1", "2001:db8:100::1", &twice);
        let response = back.response(CodePoints::RFC7341, &[1, 2, 3], &told()).unwrap();
        let alone = [21, 0, 0, 0, 0, 87, 0, 3, 1, 2, 3];
        assert_eq!(response, Relayed::parse(&twice).unwrap().reply(&alone).unwrap());
        assert_eq!(back.reply(&alone).unwrap(), response);
    }

    fn told() -> Softwire {
        Softwire {
            br: vec!["2001:db8::1".parse().unwrap()],
            bind_prefix: Some("2001:db8:1::/48".parse().unwrap()),
        }
    }

    #[test]
    fn what_was_asked_for_stands_behind_the_message_inside_every_envelope_s46_46() {
        let relayed = forward(&[20, 0, 0, 0], 0, vec![(OptionCode::INTERFACE_ID, b"wan0")]);
        let mut back = way("2001:db8::1", "2001:db8:100::1", &relayed);
        back.asked = Asked { br: true, bind_prefix: true };
        let response = back.response(CodePoints::RFC7341, &[9], &told()).unwrap();
        let mut alone = vec![21, 0, 0, 0, 0, 87, 0, 1, 9];
        alone.extend([0, 90, 0, 16, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        alone.extend([0, 137, 0, 7, 48, 0x20, 1, 0xd, 0xb8, 0, 1]);
        assert_eq!(response, Relayed::parse(&relayed).unwrap().reply(&alone).unwrap());
    }

    #[test]
    fn draft01_repeats_the_transaction_id_s46_05() {
        let mut back = way("fe80::1", "ff02::1:2", &[245, 1, 2, 3]);
        back.xid = Some(Xid6([1, 2, 3]));
        let points =
            CodePoints::of(crate::permit::WireProfile::Draft01, &crate::settings::Draft01::default());
        assert_eq!(back.response(points, &[9], &told()).unwrap(), [246, 1, 2, 3, 0xd4, 0x31, 0, 1, 9]);
    }

    #[test]
    fn what_no_datagram_can_hold_is_not_sent() {
        let back = way("2001:db8::1", "2001:db8:100::1", &forward(&[20, 0, 0, 0], 0, vec![]));
        assert!(back.reply(&[0; MAX_PAYLOAD - 38]).is_ok());
        assert_eq!(back.reply(&[0; MAX_PAYLOAD - 37]), Err(TooLong));
        assert_eq!(back.response(CodePoints::RFC7341, &[0; 65_536], &told()), Err(TooLong));
    }
}
