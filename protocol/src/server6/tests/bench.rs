//! A server, a clock, and clients that send what a test tells them to.

use crate::binding::{Record, Slot6};
use crate::ids::{Duid, hex, hex_decode};
use crate::prefix::Prefix6;
use crate::provider::Notice;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::server4::settings::Serves;
use crate::server4::{Change, Cx};
use crate::server6::Engine;
use crate::server6::settings::{Delegate, Options6, Reservation6, Settings, Subnet6};
use crate::settings::{Draft01, Profile};
use crate::tally::{Done, Tally};
use crate::time::{Instant, Lifetime};
use crate::way::{Hop, Way};
use crate::wire::Writer;
use crate::wire::v6::{Message, MessageType};
use crate::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use std::net::Ipv6Addr;
use std::time::Duration;

pub(super) const SOLICIT: MessageType = MessageType::SOLICIT;
pub(super) const ADVERTISE: MessageType = MessageType::ADVERTISE;
pub(super) const REQUEST: MessageType = MessageType::REQUEST;
pub(super) const CONFIRM: MessageType = MessageType::CONFIRM;
pub(super) const RENEW: MessageType = MessageType::RENEW;
pub(super) const REBIND: MessageType = MessageType::REBIND;
pub(super) const REPLY: MessageType = MessageType::REPLY;
pub(super) const RELEASE: MessageType = MessageType::RELEASE;
pub(super) const DECLINE: MessageType = MessageType::DECLINE;
pub(super) const INFORMATION: MessageType = MessageType::INFORMATION_REQUEST;
pub(super) const INFINITE: u32 = u32::MAX;

pub(super) fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

pub(super) fn net(text: &str) -> Prefix6 {
    text.parse().unwrap()
}

pub(super) fn server_duid() -> Duid {
    Duid::new(hex_decode("000300010200000000aa").unwrap()).unwrap()
}

pub(super) fn client_duid(client: u32) -> Duid {
    let [a, b, c, d] = client.to_be_bytes();
    Duid::link_layer(1, &[2, 0, a, b, c, d]).unwrap()
}

/// One link: ten addresses, and 2^16 prefixes of 56 bits. 1000 and 2000 seconds.
pub(super) fn subnet() -> Subnet6 {
    Subnet6 {
        prefix: net("2001:db8:6::/64"),
        serves: Serves::default(),
        pools: vec![(ip("2001:db8:6::100"), ip("2001:db8:6::109"))],
        delegate: vec![Delegate { prefix: net("2001:db8:d000::/40"), len: 56 }],
        reservations: Vec::new(),
        preferred: Lifetime(1000),
        valid: Lifetime(2000),
        options: Options6::default(),
    }
}

/// As [`subnet`], with this many addresses.
pub(super) fn small(count: u16) -> Settings {
    let last = Ipv6Addr::new(0x2001, 0xdb8, 6, 0, 0, 0, 0, 0xff + count);
    settings(Subnet6 { pools: vec![(ip("2001:db8:6::100"), last)], ..subnet() })
}

/// One subnet; all clients of a test may be in one place.
pub(super) fn settings(subnet: Subnet6) -> Settings {
    Settings { subnets: vec![subnet], leases_per_origin: 0, ..Settings::default() }
}

pub(super) fn reserved(client: u32, address: Option<&str>, prefix: Option<&str>) -> Reservation6 {
    Reservation6 { duid: client_duid(client), address: address.map(ip), prefix: prefix.map(net) }
}

/// Options of a message that is being written.
pub(super) enum Part {
    Client(u32),
    Server(Duid),
    /// IAID, and addresses.
    Na(u32, Vec<&'static str>),
    /// As [`Part::Na`], with addresses that a test got.
    Has(u32, Vec<Slot6>),
    /// IAID, and prefixes.
    Pd(u32, Vec<&'static str>),
    Ta,
    Asks(Vec<u16>),
    Rapid,
    Raw(u16, Vec<u8>),
}

/// Code of IA_NA or IA_PD, IAID, T1, T2, slots with preferred and valid lifetime, status.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Association {
    pub(super) code: OptionCode,
    pub(super) iaid: u32,
    pub(super) t1: u32,
    pub(super) t2: u32,
    pub(super) slots: Vec<(Slot6, u32, u32)>,
    pub(super) status: Status,
}

/// An answer, read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Told {
    pub(super) kind: MessageType,
    pub(super) associations: Vec<Association>,
    pub(super) status: Option<Status>,
    /// All other options: code and value in hexadecimal digits.
    pub(super) options: Vec<(u16, String)>,
}

impl Told {
    /// The slots that can be used, with every association's together.
    pub(super) fn given(&self) -> Vec<Slot6> {
        let slots = self.associations.iter().flat_map(|association| &association.slots);
        slots.filter(|(_, _, valid)| *valid > 0).map(|(slot, ..)| *slot).collect()
    }

    /// The slots that are over.
    pub(super) fn over(&self) -> Vec<Slot6> {
        let slots = self.associations.iter().flat_map(|association| &association.slots);
        slots.filter(|(_, preferred, valid)| (*preferred, *valid) == (0, 0)).map(|(slot, ..)| *slot).collect()
    }

    pub(super) fn statuses(&self) -> Vec<Status> {
        self.associations.iter().map(|association| association.status).collect()
    }

    pub(super) fn codes(&self) -> Vec<u16> {
        self.options.iter().map(|(code, _)| *code).collect()
    }

    pub(super) fn option(&self, code: u16) -> Option<&str> {
        self.options.iter().find(|(other, _)| *other == code).map(|(_, value)| value.as_str())
    }
}

pub(super) struct Bench {
    pub(super) engine: Engine,
    pub(super) now: Instant,
    pub(super) way: Way<'static>,
    pub(super) may_grant: bool,
    pub(super) tally: Tally,
    /// Of the last message.
    pub(super) changes: Vec<Change>,
    pub(super) notices: Vec<Notice>,
    pub(super) refused: Option<Refused>,
    /// Of all messages.
    pub(super) journal: Vec<Record>,
}

impl Bench {
    pub(super) fn new(settings: Settings) -> Self {
        Self::with_profile(settings, Profile::Rfc7341)
    }

    pub(super) fn with_profile(settings: Settings, profile: Profile) -> Self {
        let rng = Rng::seeded([3; 32]);
        Self {
            engine: Engine::new(settings, server_duid(), profile, Draft01::default(), rng),
            now: Instant::from_secs(1000),
            way: direct(),
            may_grant: true,
            tally: Tally::default(),
            changes: Vec::new(),
            notices: Vec::new(),
            refused: None,
            journal: Vec::new(),
        }
    }

    pub(super) fn wait(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
        self.engine.on_deadline(self.now);
    }

    pub(super) fn configure(&mut self, settings: Settings) {
        self.engine.configure(self.now, settings, Profile::Rfc7341, Draft01::default());
    }

    /// What octets are answered with.
    pub(super) fn octets(&mut self, octets: &[u8], unicast: bool) -> Result<Option<Vec<u8>>, Refused> {
        let message = Message::parse(octets).map_err(|_| Refused::Malformed6)?;
        self.changes.clear();
        self.notices.clear();
        let mut cx = Cx {
            may_grant: self.may_grant,
            tally: &mut self.tally,
            changes: &mut self.changes,
            notices: &mut self.notices,
            refused: None,
        };
        let answer = self.engine.handle(self.now, &message, &self.way, unicast, &mut cx);
        self.refused = cx.refused;
        assert!(self.engine.deadline().is_none_or(|deadline| deadline > self.now));
        self.journal.extend(self.changes.iter().map(|change| change.record.clone()));
        answer
    }

    pub(super) fn ask(&mut self, kind: MessageType, parts: &[Part]) -> Result<Told, Refused> {
        let answer = self.octets(&write(kind, parts), false)?.expect("an answer or a reason");
        Ok(read(&answer))
    }

    /// The usual message of a client: identifiers as its type has them, and `parts`.
    pub(super) fn send(&mut self, kind: MessageType, client: u32, parts: Vec<Part>) -> Result<Told, Refused> {
        let mut all = vec![Part::Client(client)];
        if [REQUEST, RENEW, RELEASE, DECLINE].contains(&kind) {
            all.push(Part::Server(server_duid()));
        }
        all.extend(parts);
        self.ask(kind, &all)
    }

    /// An address by Solicit and Request.
    pub(super) fn lease(&mut self, client: u32, iaid: u32) -> Option<Slot6> {
        let offered = self.send(SOLICIT, client, vec![Part::Na(iaid, vec![])]).ok()?.given();
        let told = self.send(REQUEST, client, vec![Part::Has(iaid, offered)]).ok()?;
        told.given().first().copied()
    }

    pub(super) fn done(&self, done: Done) -> u64 {
        self.tally.of(done)
    }
}

pub(super) fn direct() -> Way<'static> {
    Way { interface: "lan0", client: ip("fe80::5"), ..Way::default() }
}

/// As [`direct`], from another client of the link.
pub(super) fn from(client: &str) -> Way<'static> {
    Way { client: ip(client), ..direct() }
}

pub(super) fn relayed(link_address: &str, interface_id: Option<&'static [u8]>) -> Way<'static> {
    let hops = vec![Hop { link_address: ip(link_address), interface_id }];
    Way { interface: "lan0", client: ip("fe80::5"), hops, ..Way::default() }
}

pub(super) fn address(text: &str) -> Slot6 {
    Slot6::Address(ip(text))
}

pub(super) fn prefix(text: &str) -> Slot6 {
    Slot6::Prefix(net(text).address(), net(text).length())
}

pub(super) fn write(kind: MessageType, parts: &[Part]) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(kind.0).bytes(&[0xa, 0xb, 0xc]);
    for part in parts {
        write_part(&mut w, part);
    }
    w.finish().unwrap()
}

fn write_part(w: &mut Writer, part: &Part) {
    match part {
        Part::Client(client) => w.option6(OptionCode::CLIENTID, |w| {
            w.bytes(client_duid(*client).as_bytes());
        }),
        Part::Server(duid) => w.option6(OptionCode::SERVERID, |w| {
            w.bytes(duid.as_bytes());
        }),
        Part::Na(iaid, addresses) => {
            let slots = addresses.iter().map(|text| address(text)).collect();
            write_association(w, OptionCode::IA_NA, *iaid, slots)
        }
        Part::Has(iaid, slots) => {
            let prefixes = slots.iter().any(|slot| matches!(slot, Slot6::Prefix(..)));
            let code = if prefixes { OptionCode::IA_PD } else { OptionCode::IA_NA };
            write_association(w, code, *iaid, slots.clone())
        }
        Part::Pd(iaid, prefixes) => {
            let slots = prefixes.iter().map(|text| prefix(text)).collect();
            write_association(w, OptionCode::IA_PD, *iaid, slots)
        }
        Part::Ta => w.option6(OptionCode::IA_TA, |w| {
            w.u32(1);
        }),
        Part::Asks(codes) => w.option6(OptionCode::ORO, |w| {
            codes.iter().for_each(|code| {
                w.u16(*code);
            });
        }),
        Part::Rapid => w.option6(OptionCode::RAPID_COMMIT, |_| {}),
        Part::Raw(code, value) => w.option6(OptionCode(*code), |w| {
            w.bytes(value);
        }),
    };
}

fn write_association(w: &mut Writer, code: OptionCode, iaid: u32, slots: Vec<Slot6>) -> &mut Writer {
    w.option6(code, |w| {
        w.u32(iaid).u32(0).u32(0);
        for slot in slots {
            match slot {
                Slot6::Address(address) => w.option6(OptionCode::IAADDR, |w| {
                    w.ipv6(address).u32(0).u32(0);
                }),
                Slot6::Prefix(prefix, len) => w.option6(OptionCode::IAPREFIX, |w| {
                    w.u32(0).u32(0).u8(len).ipv6(prefix);
                }),
            };
        }
    })
}

/// Reads an answer, and checks what holds of all of them.
pub(super) fn read(octets: &[u8]) -> Told {
    let message = Message::parse(octets).expect("well formed");
    assert_eq!(message.header, [0xa, 0xb, 0xc]);
    assert_eq!(message.options.duid(OptionCode::SERVERID), Some(server_duid()));
    let associations = associations(&message);
    let mut told = Told { kind: message.kind, associations, status: None, options: Vec::new() };
    for (code, value) in message.options.iter() {
        match code {
            OptionCode::CLIENTID | OptionCode::SERVERID | OptionCode::IA_NA | OptionCode::IA_PD => {}
            OptionCode::STATUS_CODE => told.status = Some(message.options.status()),
            code => told.options.push((code.0, hex(value))),
        }
    }
    told
}

/// The associations of a message.
pub(super) fn associations(message: &Message<'_>) -> Vec<Association> {
    let codes = [OptionCode::IA_NA, OptionCode::IA_PD];
    let all = message.options.iter().filter(|(code, _)| codes.contains(code));
    all.map(|(code, value)| read_association(code, value)).collect()
}

fn read_association(code: OptionCode, value: &[u8]) -> Association {
    let ia = Ia::parse(value).unwrap();
    let addresses = ia.options.all(OptionCode::IAADDR).map(|value| {
        let address = IaAddress::parse(value).unwrap();
        (Slot6::Address(address.address), address.preferred.0, address.valid.0)
    });
    let prefixes = ia.options.all(OptionCode::IAPREFIX).map(|value| {
        let prefix = IaPrefix::parse(value).unwrap();
        (Slot6::Prefix(prefix.prefix, prefix.prefix_len), prefix.preferred.0, prefix.valid.0)
    });
    let slots: Vec<_> = addresses.chain(prefixes).collect();
    assert!(slots.iter().all(|(_, preferred, valid)| preferred <= valid));
    assert!(ia.t1 <= ia.t2);
    Association { code, iaid: ia.iaid.0, t1: ia.t1.0, t2: ia.t2.0, slots, status: ia.options.status() }
}
