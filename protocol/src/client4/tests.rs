//! Every row of the state table, every message, every time.

mod acquire;
mod configuration;
mod frozen;
mod histories;
mod hold;
mod messages;
mod refusals;

use super::*;
use crate::ids::{Duid, Iaid};
use crate::time::Lifetime;
use crate::wire::v4::{BOOTREPLY, MessageType, Outgoing};
use std::time::Duration;

pub(super) const SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(super) const OTHER_SERVER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
pub(super) const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 18);
pub(super) const OTHER_ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 19);
pub(super) const HARDWARE: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];

pub(super) fn client_id() -> ClientId {
    ClientId::new(Iaid(0x5e10_0001), &Duid::link_layer_time(1, 0x29b7_c0de, &HARDWARE).unwrap())
}

/// A moment in seconds since boot.
pub(super) fn at(secs: f64) -> Instant {
    Instant::BOOT + Duration::from_secs_f64(secs)
}

/// A lease of 3600 s that was requested at boot.
pub(super) fn lease() -> Lease4 {
    Lease4 {
        address: ADDRESS,
        server_id: SERVER,
        requested_at: Instant::BOOT,
        lifetime: Lifetime(3600),
        renew_at: Some(at(1800.0)),
        rebind_at: Some(at(3150.0)),
        expires_at: Some(at(3600.0)),
        options: Vec::new(),
        source: None,
    }
}

/// A server's message, good unless a test spoils it.
#[derive(Clone)]
pub(super) struct Answer(pub(super) Outgoing);

impl Answer {
    fn new(kind: MessageType) -> Self {
        let options = vec![
            (code::MESSAGE_TYPE, vec![kind.0]),
            (code::SERVER_ID, SERVER.octets().to_vec()),
            (code::LEASE_TIME, 3600_u32.to_be_bytes().to_vec()),
            (code::CLIENT_ID, client_id().as_bytes().to_vec()),
        ];
        Self(Outgoing {
            op: BOOTREPLY,
            htype: 1,
            hardware: HARDWARE.to_vec(),
            xid: Xid4(0),
            secs: 0,
            flags: 0,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: ADDRESS,
            giaddr: Ipv4Addr::UNSPECIFIED,
            options,
        })
    }

    pub(super) fn offer() -> Self {
        Self::new(MessageType::OFFER)
    }

    pub(super) fn ack() -> Self {
        Self::new(MessageType::ACK)
    }

    pub(super) fn nak() -> Self {
        let mut nak = Self::new(MessageType::NAK).without(code::LEASE_TIME);
        nak.0.yiaddr = Ipv4Addr::UNSPECIFIED;
        nak
    }

    pub(super) fn with(mut self, code: u8, value: impl AsRef<[u8]>) -> Self {
        self = self.without(code);
        self.0.options.push((code, value.as_ref().to_vec()));
        self
    }

    pub(super) fn without(mut self, code: u8) -> Self {
        self.0.options.retain(|(c, _)| *c != code);
        self
    }

    pub(super) fn from(self, server: Ipv4Addr) -> Self {
        self.with(code::SERVER_ID, server.octets())
    }

    pub(super) fn address(mut self, address: Ipv4Addr) -> Self {
        self.0.yiaddr = address;
        self
    }

    pub(super) fn lease_time(self, secs: u32) -> Self {
        self.with(code::LEASE_TIME, secs.to_be_bytes())
    }

    pub(super) fn times(self, renew: u32, rebind: u32) -> Self {
        self.with(code::RENEWAL_TIME, renew.to_be_bytes()).with(code::REBINDING_TIME, rebind.to_be_bytes())
    }
}

/// A client and the time around it. After every call it checks what must always hold.
pub(super) struct Bench {
    pub(super) client: Client4,
    pub(super) now: Instant,
    pub(super) foreign: Vec<Ipv4Addr>,
    pub(super) source: Option<Ipv6Addr>,
    rng: Rng,
}

impl Bench {
    pub(super) fn with(settings: Dhcp4Settings, remembered: Option<Lease4>, fraction: f64) -> Self {
        let client = Client4::new(settings, client_id(), HardwareAddress::ethernet(HARDWARE), remembered);
        let rng = Rng::scripted(fraction);
        Self { client, now: at(100.0), foreign: Vec::new(), source: None, rng }
    }

    /// Without jitter, without a lease, at 100 s.
    pub(super) fn new() -> Self {
        Self::with(Dhcp4Settings::default(), None, 0.5)
    }

    pub(super) fn remembering(lease: Lease4) -> Self {
        Self::with(Dhcp4Settings::default(), Some(lease), 0.5)
    }

    pub(super) fn act<R>(
        &mut self,
        act: impl FnOnce(&mut Client4, Instant, &mut Cx<'_>, &mut Vec<Action>) -> R,
    ) -> (R, Vec<Action>) {
        let mut out = Vec::new();
        let mut cx = Cx { rng: &mut self.rng, foreign: &self.foreign, source: self.source };
        let result = act(&mut self.client, self.now, &mut cx, &mut out);
        assert!(self.client.deadline().is_none_or(|deadline| deadline > self.now), "{:?}", self.client);
        let before = format!("{:?}", self.client);
        let mut nothing = Vec::new();
        self.client.on_deadline(self.now, &mut cx, &mut nothing);
        assert_eq!(nothing, [], "a deadline that is not due does nothing");
        assert_eq!(format!("{:?}", self.client), before, "a deadline that is not due changes nothing");
        (result, out)
    }

    pub(super) fn start(&mut self, how: Start) -> Vec<Action> {
        self.act(|client, now, cx, out| client.start(now, how, cx, out)).1
    }

    /// Waits for the next deadline.
    pub(super) fn wait(&mut self) -> Vec<Action> {
        self.now = self.client.deadline().expect("a deadline");
        self.act(|client, now, cx, out| client.on_deadline(now, cx, out)).1
    }

    /// Waits for the deadline that is at `secs`.
    pub(super) fn wait_until(&mut self, secs: f64) -> Vec<Action> {
        assert_eq!(self.client.deadline(), Some(at(secs)), "{:?}", self.client);
        self.wait()
    }

    /// Time passes, more of it than there was to wait for.
    pub(super) fn oversleep(&mut self, secs: f64) -> Vec<Action> {
        self.now = at(secs);
        self.act(|client, now, cx, out| client.on_deadline(now, cx, out)).1
    }

    pub(super) fn xid(&self) -> Xid4 {
        self.client.state.exchange().expect("a pending exchange").xid
    }

    pub(super) fn state(&self) -> &'static str {
        self.client.status().state
    }

    /// An answer to what is pending.
    pub(super) fn answer(&mut self, answer: Answer) -> Result<Vec<Action>, Refused> {
        let xid = self.client.state.exchange().map_or(Xid4(u32::MAX), |exchange| exchange.xid);
        self.receive(xid, answer)
    }

    pub(super) fn receive(&mut self, xid: Xid4, mut answer: Answer) -> Result<Vec<Action>, Refused> {
        answer.0.xid = xid;
        let octets = answer.0.emit().unwrap();
        let message = Message::parse(&octets).unwrap();
        let before = format!("{:?}", self.client);
        let (result, out) = self.act(|client, now, cx, out| client.receive(now, &message, cx, out));
        if result.is_err() {
            assert_eq!(out, [], "a refusal does nothing");
            assert_eq!(format!("{:?}", self.client), before, "a refusal changes nothing");
        }
        result.map(|()| out)
    }

    /// To REQUESTING, now.
    pub(super) fn requesting(mut self) -> Self {
        self.start(Start::Verify);
        self.answer(Answer::offer()).unwrap();
        self
    }

    /// To BOUND, now.
    pub(super) fn bound(self) -> Self {
        self.bound_by(Answer::ack())
    }

    /// To BOUND, now, by this ACK.
    pub(super) fn bound_by(self, ack: Answer) -> Self {
        let mut bench = self.requesting();
        bench.answer(ack).unwrap();
        assert_eq!(bench.state(), "bound");
        bench
    }
}

/// The parts of a message that table 5 of RFC 2131 is about.
#[derive(PartialEq, Debug)]
pub(super) struct Sent {
    pub(super) kind: MessageType,
    pub(super) unicast: bool,
    pub(super) xid: u32,
    pub(super) secs: u16,
    pub(super) ciaddr: Ipv4Addr,
    pub(super) requested: Option<Ipv4Addr>,
    pub(super) server: Option<Ipv4Addr>,
    pub(super) codes: Vec<u8>,
}

/// What an action sends.
pub(super) fn sent(action: &Action) -> Sent {
    let Action::Send { message, xid, unicast } = action else { panic!("{action:?} sends nothing") };
    assert!(message.len() >= 300, "padded, GEN-09");
    let parsed = Message::parse(message).unwrap();
    assert_eq!(parsed.xid, *xid);
    assert_eq!((parsed.op, parsed.flags, parsed.giaddr), (1, 0, Ipv4Addr::UNSPECIFIED));
    Sent {
        kind: parsed.kind().unwrap(),
        unicast: *unicast,
        xid: xid.0,
        secs: parsed.secs,
        ciaddr: parsed.ciaddr,
        requested: parsed.address(code::REQUESTED_ADDRESS),
        server: parsed.address(code::SERVER_ID),
        codes: parsed.options().map(|(code, _)| code).collect(),
    }
}

/// What the only action sends.
pub(super) fn only_sent(actions: &[Action]) -> Sent {
    let [action] = actions else { panic!("one action expected: {actions:?}") };
    sent(action)
}

/// What the actions are, in words.
pub(super) fn words(actions: &[Action]) -> Vec<String> {
    actions
        .iter()
        .map(|action| match action {
            Action::Send { .. } => sent(action).kind.to_string(),
            Action::Granted(kind) => kind.word().to_owned(),
            Action::Lost(kind, lease) => format!("lost {} {}", lease.address, kind.word()),
            Action::Check(address) => format!("check {address}"),
            Action::Refused(refused) => refused.name().to_owned(),
            Action::Note(name, _) => format!("note {name}"),
        })
        .collect()
}
