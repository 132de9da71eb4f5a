//! The answers that clients get in echo mode, where the other end only sends everything back.
//!
//! They are made once; for each datagram that comes back, transaction id, address, hardware address and client
//! identifier are filled in. What this costs is a copy of some 300 octets.

use super::identity::{self, Number};
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::wire::v4::{BOOTREPLY, MessageType, Outgoing, code};
use dhcp4o6_protocol::wire::writer::TooLong;
use std::net::Ipv4Addr;

const SERVER: [u8; 4] = [192, 0, 2, 1];
/// Where the value of option 61 begins: after the fixed part, option 53 and its own code and length.
const CLIENT_ID: usize = 240 + 3 + 2;

/// An OFFER and an ACK to be filled in.
pub(crate) struct StandIn {
    seed: u64,
    chaddr: bool,
    offer: Vec<u8>,
    ack: Vec<u8>,
}

impl StandIn {
    /// # Errors
    /// Never: the answers are short.
    pub(crate) fn new(seed: u64, chaddr: bool) -> Result<Self, TooLong> {
        Ok(Self {
            seed,
            chaddr,
            offer: answer(MessageType::OFFER, seed, chaddr)?,
            ack: answer(MessageType::ACK, seed, chaddr)?,
        })
    }

    /// The answer to a query of this type from this client.
    pub(crate) fn fill(&mut self, query: MessageType, Xid4(xid): Xid4, client: Number) -> &[u8] {
        let answer = if query == MessageType::DISCOVER { &mut self.offer } else { &mut self.ack };
        let Number(number) = client;
        // Any usable address will do, as long as no two clients get the same: from 1.0.0.0 to 126.255.255.255.
        let address = (1 << 24) + number % (126 << 24);
        let hardware = identity::hardware(client, self.chaddr);
        let client_id = identity::client_id(self.seed, client);
        for (at, octets) in [
            (4, &xid.to_be_bytes()[..]),
            (16, &address.to_be_bytes()[..]),
            (28, &hardware.octets[..]),
            (CLIENT_ID, client_id.as_bytes()),
        ] {
            answer[at..at + octets.len()].copy_from_slice(octets);
        }
        answer
    }
}

/// As a server of usual configuration answers.
fn answer(kind: MessageType, seed: u64, chaddr: bool) -> Result<Vec<u8>, TooLong> {
    let nobody = Number(0);
    let hardware = identity::hardware(nobody, chaddr);
    let seconds = |seconds: u32| seconds.to_be_bytes().to_vec();
    Outgoing {
        op: BOOTREPLY,
        htype: if chaddr { 1 } else { 20 },
        hardware: hardware.octets,
        xid: Xid4(0),
        secs: 0,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![
            (code::MESSAGE_TYPE, vec![kind.0]),
            (code::CLIENT_ID, identity::client_id(seed, nobody).as_bytes().to_vec()),
            (code::SERVER_ID, SERVER.to_vec()),
            (code::LEASE_TIME, seconds(86_400)),
            (code::RENEWAL_TIME, seconds(43_200)),
            (code::REBINDING_TIME, seconds(75_600)),
            (code::SUBNET_MASK, vec![255, 0, 0, 0]),
            (code::ROUTER, SERVER.to_vec()),
            (code::DNS_SERVERS, SERVER.to_vec()),
        ],
    }
    .emit()
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::wire::v4::Message;

    #[test]
    fn the_answer_is_for_the_client_that_asked() {
        for chaddr in [true, false] {
            let mut stand_in = StandIn::new(9, chaddr).unwrap();
            let octets = stand_in.fill(MessageType::REQUEST, Xid4(0x0102_0304), Number(258)).to_vec();
            let answer = Message::parse(&octets).unwrap();
            assert_eq!((answer.kind(), answer.xid), (Some(MessageType::ACK), Xid4(0x0102_0304)));
            assert_eq!(answer.yiaddr, Ipv4Addr::new(1, 0, 1, 2));
            assert_eq!(answer.hardware(), identity::hardware(Number(258), chaddr).octets);
            let client_id = identity::client_id(9, Number(258));
            assert_eq!(answer.option(code::CLIENT_ID).unwrap().as_ref(), client_id.as_bytes());
            assert_eq!(answer.seconds(code::LEASE_TIME), Some(86_400));
        }
    }
}
