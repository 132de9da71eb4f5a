//! A client, a clock, and servers that say what a test tells them to.

use crate::client6::{Action, Client6};
use crate::facts::RouterAdvertisement;
use crate::ids::{Duid, Iaid};
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::{Dhcp6Mode, Dhcp6Settings};
use crate::time::Instant;
use crate::wire::Writer;
use crate::wire::v6::{Message, MessageType};
use crate::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use std::net::Ipv6Addr;
use std::time::Duration;

pub(super) const IAID: u32 = 0x5e10_0001;
/// The first server; the others count on from it.
pub(super) const A: u8 = 0xa;
pub(super) const B: u8 = 0xb;
pub(super) const INFINITE: u32 = u32::MAX;

pub(super) fn our_duid() -> Duid {
    Duid::link_layer_time(1, 0x29b7_c0de, &[2, 0, 0x5e, 0x10, 0, 1]).unwrap()
}

pub(super) fn server_duid(server: u8) -> Duid {
    Duid::new([0, 3, 0, 1, server]).unwrap()
}

pub(super) fn secs(seconds: f64) -> Instant {
    Instant::BOOT + Duration::from_secs_f64(seconds)
}

/// Stateful, one address, no random delay.
pub(super) fn stateful() -> Dhcp6Settings {
    Dhcp6Settings { mode: Dhcp6Mode::Stateful, max_delay: Duration::ZERO, ..Dhcp6Settings::default() }
}

/// As [`stateful`], with a prefix too.
pub(super) fn with_prefix() -> Dhcp6Settings {
    Dhcp6Settings { prefix: true, ..stateful() }
}

pub(super) fn stateless() -> Dhcp6Settings {
    Dhcp6Settings { mode: Dhcp6Mode::Stateless, ..stateful() }
}

pub(super) fn auto() -> Dhcp6Settings {
    Dhcp6Settings { mode: Dhcp6Mode::Auto, ..stateful() }
}

pub(super) fn ra(managed: bool, other: bool, prefixes: &[&str]) -> RouterAdvertisement {
    let prefixes = prefixes.iter().map(|prefix| (prefix.parse().unwrap(), 64)).collect();
    RouterAdvertisement { managed, other, prefixes }
}

/// What happened, and when in seconds. See [`Bench::word`].
pub(super) type Log = Vec<(f64, String)>;

pub(super) struct Bench {
    pub(super) client: Client6,
    pub(super) rng: Rng,
    pub(super) now: Instant,
    /// Everything sent, oldest first.
    pub(super) sent: Vec<Vec<u8>>,
    sent_at: Instant,
    /// Options of the last [`Action::Configured`].
    pub(super) configured: Vec<u8>,
}

impl Bench {
    /// A client with an empty record, at second 100.
    pub(super) fn new(settings: Dhcp6Settings) -> Self {
        Self::remembering(settings, &LinkRecord::new(Iaid(IAID)))
    }

    pub(super) fn remembering(settings: Dhcp6Settings, record: &LinkRecord) -> Self {
        Self {
            client: Client6::new(settings, vec![88], our_duid(), record),
            rng: Rng::scripted(0.5),
            now: secs(100.0),
            sent: Vec::new(),
            sent_at: Instant::BOOT,
            configured: Vec::new(),
        }
    }

    /// A client that holds what `A` gave it at second 100.
    pub(super) fn bound(settings: Dhcp6Settings, parts: &[Part]) -> Self {
        let mut bench = Self::new(settings);
        bench.up();
        bench.answer(MessageType::ADVERTISE, A, &[parts, &[Part::Preference(255)]].concat());
        bench.answer(MessageType::REPLY, A, parts);
        assert_eq!(bench.client.status().state, "bound");
        bench
    }

    /// A stateless client that `A` configured at second 100.
    pub(super) fn informed(settings: Dhcp6Settings, parts: &[Part]) -> Self {
        let mut bench = Self::new(settings);
        bench.up();
        bench.answer(MessageType::REPLY, A, parts);
        assert_eq!(bench.client.status().state, "informed");
        bench
    }

    /// Carrier and link-local address at once.
    pub(super) fn up(&mut self) -> Vec<String> {
        self.client.carrier(self.now, &mut self.rng);
        self.act(|client, now, rng, out| client.ready(now, rng, out))
    }

    /// What the client does when `act` happens to it. The contract of time is checked each time.
    pub(super) fn act(
        &mut self,
        act: impl FnOnce(&mut Client6, Instant, &mut Rng, &mut Vec<Action>),
    ) -> Vec<String> {
        let mut out = Vec::new();
        act(&mut self.client, self.now, &mut self.rng, &mut out);
        assert!(self.client.deadline().is_none_or(|at| at > self.now), "the deadline is not later than now");
        out.into_iter().map(|action| self.word(action)).collect()
    }

    /// Lets time pass up to second `end`, and says what happened. Each deadline is also called too early and twice.
    pub(super) fn run_until(&mut self, end: f64) -> Log {
        self.run_to(secs(end))
    }

    /// Lets time pass up to the next deadline.
    pub(super) fn run_to_deadline(&mut self) -> Log {
        let end = self.client.deadline().expect("something is planned");
        self.run_to(end)
    }

    /// As [`Bench::run_until`].
    pub(super) fn run_to(&mut self, end: Instant) -> Log {
        let mut log = Vec::new();
        while let Some(at) = self.client.deadline().filter(|at| *at <= end) {
            let early = at - Duration::from_micros(1);
            if early > self.now {
                self.now = early;
                let before = format!("{:?}", self.client);
                assert!(self.deadline().is_empty());
                assert_eq!(format!("{:?}", self.client), before, "too early a deadline changed something");
            }
            self.now = at;
            let words = self.deadline();
            let before = format!("{:?}", self.client);
            assert!(self.deadline().is_empty(), "the second of two deadlines did something");
            assert_eq!(format!("{:?}", self.client), before, "the second of two deadlines changed something");
            let second = at.as_micros() as f64 / 1e6;
            log.extend(words.into_iter().map(|word| ((second * 1000.0).round() / 1000.0, word)));
        }
        self.now = end;
        log
    }

    fn deadline(&mut self) -> Vec<String> {
        self.act(|client, now, rng, out| client.on_deadline(now, rng, out))
    }

    /// A message of `kind` from `server`, in answer to the last one sent.
    pub(super) fn answer(&mut self, kind: MessageType, server: u8, parts: &[Part]) -> Vec<String> {
        let octets = self.write(kind, server, parts);
        self.receive(&octets).expect("the client takes it")
    }

    /// As [`Bench::answer`], refused, with nothing changed.
    pub(super) fn refuses(&mut self, kind: MessageType, server: u8, parts: &[Part]) -> Refused {
        let octets = self.write(kind, server, parts);
        let before = format!("{:?}", self.client);
        let refused = self.receive(&octets).expect_err("the client refuses it");
        assert_eq!(format!("{:?}", self.client), before, "a refused message changed something");
        refused
    }

    pub(super) fn receive(&mut self, octets: &[u8]) -> Result<Vec<String>, Refused> {
        let message = Message::parse(octets).expect("well framed");
        let mut out = Vec::new();
        self.client.receive(self.now, &message, &mut self.rng, &mut out)?;
        assert!(self.client.deadline().is_none_or(|at| at > self.now), "the deadline is not later than now");
        Ok(out.into_iter().map(|action| self.word(action)).collect())
    }

    pub(super) fn write(&self, kind: MessageType, server: u8, parts: &[Part]) -> Vec<u8> {
        write(kind, self.last().header, server, parts)
    }

    /// The last message sent.
    pub(super) fn last(&self) -> Message<'_> {
        Message::parse(self.sent.last().expect("something was sent")).unwrap()
    }

    /// When it was sent.
    pub(super) fn sent_at(&self) -> Instant {
        self.sent_at
    }

    /// Codes that the last message asked for.
    pub(super) fn requested(&self) -> Vec<u16> {
        self.last().options.codes(OptionCode::ORO).unwrap_or_default().iter().map(|code| code.0).collect()
    }

    pub(super) fn elapsed(&self) -> u16 {
        let value = self.last().options.first(OptionCode::ELAPSED_TIME).unwrap();
        u16::from_be_bytes(value.try_into().unwrap())
    }

    /// The state's word.
    pub(super) fn state(&self) -> &'static str {
        self.client.status().state
    }

    pub(super) fn addresses(&self) -> Vec<Ipv6Addr> {
        self.client.assignments().iter().map(|a| a.address).collect()
    }

    pub(super) fn prefixes(&self) -> Vec<Ipv6Addr> {
        self.client.lease().map_or(Vec::new(), |lease| lease.prefixes.iter().map(|p| p.prefix).collect())
    }

    pub(super) fn record(&self) -> LinkRecord {
        let mut record = LinkRecord::new(Iaid(IAID));
        self.client.save(&mut record);
        record
    }

    /// An action in short. A message is its type, the server it names, and what is in IA_NA and IA_PD:
    /// `Renew >a na[2001:db8::5] pd[2001:db8:d::/56]`.
    fn word(&mut self, action: Action) -> String {
        match action {
            Action::Send(octets) => {
                let word = describe(&octets);
                self.sent.push(octets);
                self.sent_at = self.now;
                word
            }
            Action::Configured(options) => {
                self.configured = options;
                "Configured".to_owned()
            }
            Action::Refused(refused) => format!("Refused {refused}"),
            Action::Note(name, _) => format!("Note {name}"),
            other => format!("{other:?}"),
        }
    }
}

/// Checks what every message of ours must be, and puts it in short.
fn describe(octets: &[u8]) -> String {
    let message = Message::parse(octets).expect("what we send is well framed");
    let options = message.options;
    assert_eq!(options.duid(OptionCode::CLIENTID), Some(our_duid()), "C6-11");
    assert_eq!(options.first(OptionCode::ELAPSED_TIME).map(<[u8]>::len), Some(2), "C6-11");
    assert_eq!(options.count(OptionCode::IA_TA), 0, "C6-20");
    assert!(options.repeated().next().is_none());
    let mut word = format!("{}", message.kind);
    if let Some(server) = options.duid(OptionCode::SERVERID) {
        word += &format!(" >{:x}", server.as_bytes().last().unwrap());
    }
    for value in options.all(OptionCode::IA_NA) {
        let ia = Ia::parse(value).unwrap();
        assert_eq!((ia.iaid.0, ia.t1.0, ia.t2.0), (IAID, 0, 0), "C6-21");
        let list: Vec<String> = ia
            .options
            .all(OptionCode::IAADDR)
            .map(|value| IaAddress::parse(value).unwrap().address.to_string())
            .collect();
        word += &format!(" na[{}]", list.join(" "));
    }
    for value in options.all(OptionCode::IA_PD) {
        let ia = Ia::parse(value).unwrap();
        assert_eq!(ia.iaid.0, IAID, "C6-21");
        let list: Vec<String> = ia
            .options
            .all(OptionCode::IAPREFIX)
            .map(|value| IaPrefix::parse(value).unwrap())
            .map(|prefix| format!("{}/{}", prefix.prefix, prefix.prefix_len))
            .collect();
        word += &format!(" pd[{}]", list.join(" "));
    }
    if options.first(OptionCode::RAPID_COMMIT).is_some() {
        word += " rapid";
    }
    word
}

/// Options of a server's message.
#[derive(Clone, Debug)]
pub(super) enum Part {
    Na(u32, u32, Vec<(&'static str, u32, u32)>),
    NaStatus(Status),
    Pd(u32, u32, Vec<(&'static str, u8, u32, u32)>),
    PdStatus(Status),
    Status(Status),
    Preference(u8),
    Seconds(OptionCode, u32),
    Raw(OptionCode, &'static [u8]),
    /// No client identifier, or this one.
    ClientId(Option<&'static [u8]>),
    /// No server identifier.
    NoServerId,
}

/// An address that the server gives: T1 50, T2 80, preferred 100, valid 200.
pub(super) fn na(address: &'static str) -> Part {
    Part::Na(50, 80, vec![(address, 100, 200)])
}

/// A prefix that the server gives, with the times of [`na`].
pub(super) fn pd(prefix: &'static str) -> Part {
    Part::Pd(50, 80, vec![(prefix, 56, 100, 200)])
}

pub(super) const EMPTY_88: Part = Part::Raw(OptionCode::DHCP4_O_DHCP6_SERVER, &[]);
pub(super) const RAPID: Part = Part::Raw(OptionCode::RAPID_COMMIT, &[]);

pub(super) fn write(kind: MessageType, xid: [u8; 3], server: u8, parts: &[Part]) -> Vec<u8> {
    let mut w = Writer::new();
    w.u8(kind.0).bytes(&xid);
    let given = parts.iter().find_map(|part| match part {
        Part::ClientId(id) => Some(*id),
        _ => None,
    });
    let ours = our_duid();
    if let Some(id) = given.unwrap_or(Some(ours.as_bytes())) {
        option(&mut w, OptionCode::CLIENTID, id);
    }
    if !parts.iter().any(|part| matches!(part, Part::NoServerId)) {
        option(&mut w, OptionCode::SERVERID, server_duid(server).as_bytes());
    }
    for part in parts {
        write_part(&mut w, part);
    }
    w.finish().unwrap()
}

fn option(w: &mut Writer, code: OptionCode, value: &[u8]) {
    w.option6(code, |w| {
        w.bytes(value);
    });
}

fn status(w: &mut Writer, status: Status) {
    w.option6(OptionCode::STATUS_CODE, |w| {
        w.u16(status.0).bytes(b"text");
    });
}

fn write_part(w: &mut Writer, part: &Part) {
    match part {
        Part::Na(t1, t2, addresses) => {
            w.option6(OptionCode::IA_NA, |w| {
                w.u32(IAID).u32(*t1).u32(*t2);
                for (address, preferred, valid) in addresses {
                    w.option6(OptionCode::IAADDR, |w| {
                        w.ipv6(address.parse().unwrap()).u32(*preferred).u32(*valid);
                    });
                }
            });
        }
        Part::Pd(t1, t2, prefixes) => {
            w.option6(OptionCode::IA_PD, |w| {
                w.u32(IAID).u32(*t1).u32(*t2);
                for (prefix, length, preferred, valid) in prefixes {
                    w.option6(OptionCode::IAPREFIX, |w| {
                        w.u32(*preferred).u32(*valid).u8(*length).ipv6(prefix.parse().unwrap());
                    });
                }
            });
        }
        Part::NaStatus(failure) => {
            w.option6(OptionCode::IA_NA, |w| {
                w.u32(IAID).u32(0).u32(0);
                status(w, *failure);
            });
        }
        Part::PdStatus(failure) => {
            w.option6(OptionCode::IA_PD, |w| {
                w.u32(IAID).u32(0).u32(0);
                status(w, *failure);
            });
        }
        Part::Status(failure) => status(w, *failure),
        Part::Preference(preference) => option(w, OptionCode::PREFERENCE, &[*preference]),
        Part::Seconds(code, seconds) => option(w, *code, &seconds.to_be_bytes()),
        Part::Raw(code, value) => option(w, *code, value),
        Part::ClientId(_) | Part::NoServerId => {}
    }
}

/// Turns `[(1.0, "x")]` into a [`Log`].
pub(super) fn log(entries: &[(f64, &str)]) -> Log {
    entries.iter().map(|(at, word)| (*at, (*word).to_owned())).collect()
}
