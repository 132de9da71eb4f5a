//! The engine by itself: messages in, answers and changes out.

mod answers;
mod dialogue;
mod history;
mod limits;
mod operators;
mod requests;
mod selection;
mod sharing;
mod softwire;

use super::settings::{LeaseTimes, Limits, Pool, Reservation, Serves, Subnet};
use super::*;
use crate::binding::ClientKey;
use crate::ids::Xid4;
use crate::way::Hop;
use crate::wire::v4::{BOOTREPLY, Message, Outgoing};
use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::time::Duration;

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

/// A moment in seconds since boot.
pub(super) fn at(secs: f64) -> Instant {
    Instant::BOOT + Duration::from_secs_f64(secs)
}

pub(super) fn ip(text: &str) -> Ipv4Addr {
    text.parse().unwrap()
}

pub(super) fn ip6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(super) fn whole(text: &str) -> Slot4 {
    Slot4 { address: ip(text), ports: None }
}

pub(super) fn pool(first: &str, last: &str) -> Pool {
    Pool { first: ip(first), last: ip(last), sharing: None }
}

pub(super) fn subnet(prefix: &str, pools: Vec<Pool>) -> Subnet {
    Subnet {
        prefix: prefix.parse().unwrap(),
        serves: Serves::default(),
        pools,
        reservations: Vec::new(),
        times: LeaseTimes::default(),
        options: Vec::new(),
    }
}

/// One subnet for anybody, and no limits.
pub(super) fn settings(first: &str, last: &str) -> Settings {
    Settings {
        server_id: SERVER,
        subnets: vec![subnet("192.0.2.0/24", vec![pool(first, last)])],
        options: Vec::new(),
        rapid_commit: false,
        trust_inner_giaddr: false,
        subnet_selection: false,
        offer_hold: Settings::OFFER_HOLD,
        decline_rest: Settings::DECLINE_REST,
        limits: Limits {
            leases_per_origin: 0,
            leases_per_interface_id: 0,
            offered_percent: 100,
            declined_percent: 100,
            declines_per_hour: 1000,
            known_percent: 0,
        },
    }
}

/// A client: an option 61, and where it is.
#[derive(Clone, Debug)]
pub(super) struct Client {
    pub(super) id: Option<Vec<u8>>,
    pub(super) hardware: Vec<u8>,
    pub(super) source: Ipv6Addr,
    pub(super) interface: String,
    /// Link-address and interface-id, the agent next to the client first.
    pub(super) hops: Vec<(Ipv6Addr, Option<Vec<u8>>)>,
}

impl Client {
    /// Each number is another client at another place.
    pub(super) fn new(number: u32) -> Self {
        let [a, b, c, d] = number.to_be_bytes();
        let source = Ipv6Addr::from_bits(ip6("2001:db8::1").to_bits() | u128::from(number) << 64);
        Self {
            id: Some(vec![0xff, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, a, b, c, d]),
            hardware: vec![2, 0, a, b, c, d],
            source,
            interface: "lan0".to_owned(),
            hops: Vec::new(),
        }
    }

    pub(super) fn at(mut self, source: &str) -> Self {
        self.source = ip6(source);
        self
    }

    pub(super) fn behind(mut self, link_address: &str, interface_id: Option<&[u8]>) -> Self {
        self.hops.push((ip6(link_address), interface_id.map(<[u8]>::to_vec)));
        self
    }

    pub(super) fn key(&self) -> ClientKey {
        match &self.id {
            Some(id) => ClientKey::Id(id.clone()),
            None => ClientKey::Hardware(1, self.hardware.clone()),
        }
    }

    pub(super) fn way(&self) -> Way<'_> {
        Way {
            interface: &self.interface,
            client: self.source,
            hops: self
                .hops
                .iter()
                .map(|(link_address, id)| Hop { link_address: *link_address, interface_id: id.as_deref() })
                .collect(),
            ..Way::default()
        }
    }

    fn message(&self, options: Vec<(u8, Vec<u8>)>) -> Outgoing {
        let mut options = options;
        if let Some(id) = &self.id {
            options.push((code::CLIENT_ID, id.clone()));
        }
        Outgoing {
            op: BOOTREQUEST,
            htype: 1,
            hardware: self.hardware.clone(),
            xid: Xid4(0x3a4f_1c02),
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::UNSPECIFIED,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        }
    }

    fn typed(&self, kind: MessageType, mut options: Vec<(u8, Vec<u8>)>) -> Outgoing {
        options.insert(0, (code::MESSAGE_TYPE, vec![kind.0]));
        self.message(options)
    }

    pub(super) fn discover(&self) -> Outgoing {
        self.typed(MessageType::DISCOVER, Vec::new())
    }

    pub(super) fn discover_with(&self, options: Vec<(u8, Vec<u8>)>) -> Outgoing {
        self.typed(MessageType::DISCOVER, options)
    }

    pub(super) fn selecting(&self, address: Ipv4Addr) -> Outgoing {
        self.typed(
            MessageType::REQUEST,
            vec![address_option(code::SERVER_ID, SERVER), address_option(code::REQUESTED_ADDRESS, address)],
        )
    }

    pub(super) fn init_reboot(&self, address: Ipv4Addr) -> Outgoing {
        self.typed(MessageType::REQUEST, vec![address_option(code::REQUESTED_ADDRESS, address)])
    }

    /// RENEWING and REBINDING differ in the U flag only.
    pub(super) fn extending(&self, address: Ipv4Addr) -> Outgoing {
        Outgoing { ciaddr: address, ..self.typed(MessageType::REQUEST, Vec::new()) }
    }

    pub(super) fn release(&self, address: Ipv4Addr) -> Outgoing {
        let options = vec![address_option(code::SERVER_ID, SERVER)];
        Outgoing { ciaddr: address, ..self.typed(MessageType::RELEASE, options) }
    }

    pub(super) fn decline(&self, address: Ipv4Addr) -> Outgoing {
        self.typed(
            MessageType::DECLINE,
            vec![address_option(code::SERVER_ID, SERVER), address_option(code::REQUESTED_ADDRESS, address)],
        )
    }

    pub(super) fn inform(&self, address: Ipv4Addr) -> Outgoing {
        Outgoing { ciaddr: address, ..self.typed(MessageType::INFORM, Vec::new()) }
    }
}

pub(super) fn address_option(code: u8, address: Ipv4Addr) -> (u8, Vec<u8>) {
    (code, address.octets().to_vec())
}

/// An answer, owned.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Got {
    pub(super) octets: Vec<u8>,
    pub(super) kind: Option<MessageType>,
    pub(super) yiaddr: Ipv4Addr,
    /// In the order of the message.
    pub(super) options: Vec<(u8, Vec<u8>)>,
}

impl Got {
    fn read(octets: Vec<u8>) -> Self {
        let message = Message::parse(&octets).unwrap();
        assert_eq!(message.op, BOOTREPLY);
        assert!(octets.len() >= 300);
        let options = message.options().map(|(code, value)| (code, value.into_owned())).collect();
        let (kind, yiaddr) = (message.kind(), message.yiaddr);
        Self { kind, yiaddr, options, octets }
    }

    pub(super) fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(other, _)| *other == code).map(|(_, value)| value.as_slice())
    }

    pub(super) fn codes(&self) -> Vec<u8> {
        self.options.iter().map(|(code, _)| *code).collect()
    }

    pub(super) fn seconds(&self, code: u8) -> Option<u32> {
        v4_option::number32(self.option(code)?)
    }

    pub(super) fn is(&self, kind: MessageType) -> bool {
        self.kind == Some(kind)
    }
}

/// An engine with what surrounds it. Changes are kept as a journal.
pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) tally: Tally,
    pub(super) journal: Vec<Change>,
    pub(super) notices: Vec<Notice>,
    pub(super) may_grant: bool,
}

impl Bench {
    pub(super) fn new(settings: Settings) -> Self {
        Self {
            engine: Engine::new(settings, Rng::seeded([7; 32])),
            tally: Tally::default(),
            journal: Vec::new(),
            notices: Vec::new(),
            may_grant: true,
        }
    }

    /// The pool 192.0.2.100 to .199.
    pub(super) fn plain() -> Self {
        Self::new(settings("192.0.2.100", "192.0.2.199"))
    }

    pub(super) fn send_u(
        &mut self,
        now: Instant,
        client: &Client,
        message: &Outgoing,
        unicast: bool,
    ) -> Result<Option<Got>, Refused> {
        let octets = message.emit().unwrap();
        let message = Message::parse(&octets).unwrap();
        let way = client.way();
        let mut changes = Vec::new();
        let mut cx = Cx {
            may_grant: self.may_grant,
            tally: &mut self.tally,
            changes: &mut changes,
            notices: &mut self.notices,
            refused: None,
        };
        let reply = self.engine.handle(
            now,
            &Query { message: &message, way: &way, unicast, most: usize::MAX },
            &mut cx,
        );
        self.journal.extend(changes);
        self.check();
        reply.map(|octets| octets.map(Got::read))
    }

    pub(super) fn send(
        &mut self,
        now: Instant,
        client: &Client,
        message: &Outgoing,
    ) -> Result<Option<Got>, Refused> {
        self.send_u(now, client, message, false)
    }

    pub(super) fn ask(&mut self, now: Instant, client: &Client, message: &Outgoing) -> Got {
        self.send(now, client, message).unwrap().expect("an answer")
    }

    pub(super) fn offer(&mut self, now: Instant, client: &Client) -> Ipv4Addr {
        let got = self.ask(now, client, &client.discover());
        assert!(got.is(MessageType::OFFER), "{got:?}");
        got.yiaddr
    }

    /// DISCOVER to ACK.
    pub(super) fn lease(&mut self, now: Instant, client: &Client) -> Ipv4Addr {
        let address = self.offer(now, client);
        let got = self.ask(now, client, &client.selecting(address));
        assert!(got.is(MessageType::ACK), "{got:?}");
        assert_eq!(got.yiaddr, address);
        address
    }

    pub(super) fn renew(&mut self, now: Instant, client: &Client, address: Ipv4Addr) -> Result<Got, Refused> {
        self.send_u(now, client, &client.extending(address), true).map(Option::unwrap)
    }

    pub(super) fn rebind(
        &mut self,
        now: Instant,
        client: &Client,
        address: Ipv4Addr,
    ) -> Result<Got, Refused> {
        self.send_u(now, client, &client.extending(address), false).map(Option::unwrap)
    }

    pub(super) fn bindings(&self) -> Vec<Binding4> {
        self.engine.bindings(None, usize::MAX)
    }

    pub(super) fn binding(&self, address: Ipv4Addr) -> Binding4 {
        self.bindings().into_iter().find(|binding| binding.slot.address == address).unwrap()
    }

    /// What the counters say must be what is in the table.
    pub(super) fn check(&self) {
        self.engine.ledger.check(&self.engine.settings);
    }
}
