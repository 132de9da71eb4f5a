//! One IPv4 identity of a link: a DHCPv4 engine with an IAID of its own, what it needs before it may start, and what
//! becomes of its lease (draft-ietf-dhc-dhcpv4-over-ipv6, appendix B).

mod check;
mod kernel;
mod sending;

use super::running::{Base, Cx, Native, Transport};
use crate::acd::Acd;
use crate::client4::{self, Client4, Echo, Start};
use crate::facts::{LinkFacts, Target};
use crate::ids::{ClientId, Duid, EndpointId, Iaid};
use crate::lease::{Ipv4Config, Lease4, LeaseEvent, LeaseEventKind};
use crate::machine::{ConfigureError, Effect};
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::role::client4o6::Client4o6;
use crate::settings::{LinkSettings, Mode};
use crate::time::{Instant, earliest};
use crate::wire::v4::Message;
use sending::Direct;
use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long the absence of another DHCPv4 client holds true without looking again.
const NATIVE_FRESH: Duration = Duration::from_secs(60);

/// What the kernel was told to have on the target.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Installed {
    /// Index of the target it was meant for.
    target: u32,
    pub(super) config: Ipv4Config,
    /// `None` until the kernel answered. A lease that goes on keeps the outcome it had.
    pub(super) outcome: Option<Result<(), ConfigureError>>,
    /// The kernel has not answered to this configuration.
    pending: bool,
}

/// See the module's description.
pub(super) struct Endpoint {
    pub(super) id: EndpointId,
    pub(super) name: String,
    pub(super) iaid: Iaid,
    pub(super) engine: Client4,
    pub(super) four: Client4o6,
    /// Where the last message came from.
    source: Option<Ipv6Addr>,
    /// The last message found no source address.
    postponed: bool,
    /// When something last left because of a move.
    forced_at: Option<Instant>,
    /// When to look at the source address again: it changed too soon after it had changed.
    follow_at: Option<Instant>,
    /// What is pending has to tell where the agent is now, so it goes through it.
    moved: bool,
    /// The way past the agent, while a renewal goes by it.
    direct: Option<Direct>,
    /// The lease must be confirmed before it counts again, because the network may be another one.
    pub(super) verify: bool,
    pub(super) waiting_for: Option<&'static str>,
    /// The operator gave the lease back; nothing new until asked.
    released: bool,
    /// The lease ended by itself and no other has come yet.
    pub(super) expired: bool,
    /// The remembered lease was granted or found on the target in this life.
    proven: bool,
    /// The lease of a client of another program, to be installed.
    adopted: Option<Lease4>,
    pub(super) installed: Option<Installed>,
    /// To be told once the kernel has taken it.
    untold: Option<LeaseEventKind>,
    restored_at: Option<Instant>,
    /// The address was removed twice: nothing until then.
    paused_until: Option<Instant>,
    acd: Option<Acd>,
}

impl Endpoint {
    pub(super) fn new(
        (id, iaid, name): (EndpointId, Iaid, &str),
        settings: &LinkSettings,
        duid: &Duid,
        record: &LinkRecord,
        facts: &LinkFacts,
        now: Instant,
    ) -> Self {
        let remembered = record.lease4_of(iaid).filter(|lease| lease.is_valid(now)).cloned();
        let client_id = ClientId::new(iaid, duid);
        Self {
            id,
            name: name.to_owned(),
            iaid,
            engine: Client4::new(settings.dhcp4.clone(), client_id, facts.hardware.clone(), remembered),
            four: Client4o6::default(),
            source: None,
            postponed: false,
            forced_at: None,
            follow_at: None,
            moved: false,
            direct: None,
            verify: true,
            waiting_for: None,
            released: false,
            expired: false,
            proven: false,
            adopted: None,
            installed: None,
            untold: None,
            restored_at: None,
            paused_until: None,
            acd: None,
        }
    }

    /// Takes over what a change of settings does not end: what the kernel has, and what an operator wanted.
    pub(super) fn inherit(&mut self, old: &mut Self) {
        if old.id == self.id {
            self.installed = old.installed.take();
        }
        self.adopted = old.adopted.take();
        self.proven = old.proven;
        self.released = old.released;
        self.restored_at = old.restored_at;
    }

    /// The interface that gets its address, while that exists.
    pub(super) fn target<'a>(&self, facts: &'a LinkFacts) -> Option<&'a Target> {
        facts.target(self.id)
    }

    /// The address that it has, or is about to have.
    pub(super) fn holds(&self) -> Option<Ipv4Addr> {
        self.engine.lease().map(|lease| lease.address).or_else(|| self.engine.checking())
    }

    /// Option 61 of its messages.
    pub(super) fn client_id(&self) -> &ClientId {
        self.engine.client_id()
    }

    /// The source of the last message.
    pub(super) fn source(&self) -> Option<Ipv6Addr> {
        self.source
    }

    /// Starts the engine when everything it needs is there. What the relay agent cannot take for now waits.
    pub(super) fn settle(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.follow_renewal(cx);
        self.follow_adoption(base, cx);
        if base.is_ending() {
            self.waiting_for = None;
            return;
        }
        if self.engine.is_running() {
            self.waiting_for = base.agent_waits();
            match (self.waiting_for, self.engine.is_frozen()) {
                (Some(_), false) => self.engine.freeze(cx.now),
                (None, true) => self.thaw(base, cx),
                (Some(_), true) | (None, false) => {}
            }
            return;
        }
        self.waiting_for = self.gate(base, cx);
        if self.waiting_for.is_some() {
            return;
        }
        let arp = self.target(cx.facts).is_some_and(|target| target.arp);
        self.engine.set_conflict_detection(arp && cx.settings.dhcp4.conflict_detection);
        let how = if std::mem::take(&mut self.verify) { Start::Verify } else { Start::Continue };
        self.drive(base, cx, |engine, now, cx, out| engine.start(now, how, cx, out));
    }

    /// What the engine still waits for.
    fn gate(&mut self, base: &mut Base, cx: &mut Cx<'_>) -> Option<&'static str> {
        if cx.settings.mode == Mode::Off {
            return Some("mode-off");
        }
        if base.has_external_client() {
            return Some("external-client");
        }
        if base.transport() == Transport::Dhcp4o6 && base.leave.valid().is_none() {
            return Some("permit");
        }
        if self.released {
            return Some("operator");
        }
        if base.lacks_echo && self.id != EndpointId::FIRST {
            return Some("server-lacks-6842");
        }
        if self.paused_until.is_some() {
            return Some("address-removed");
        }
        if !cx.facts.running() {
            return Some("link");
        }
        match base.transport() {
            Transport::Dhcp4o6 if !base.is_ready() => return Some("link"),
            Transport::Hcra if base.agent_waits().is_some() => return base.agent_waits(),
            Transport::Dhcp4o6 | Transport::Hcra => {}
        }
        if self.target(cx.facts).is_none() {
            return Some("target");
        }
        if base.source(cx).is_none() {
            return Some("source-address");
        }
        match base.native {
            Native::Clear(at) if cx.now.since(at) < NATIVE_FRESH => None,
            Native::Clear(_) | Native::Unknown => {
                base.check_native(None, cx);
                Some("native-check")
            }
            Native::Checking(None) => Some("native-check"),
            Native::Checking(Some(_)) | Native::Active(_) => Some("native-dhcp"),
        }
    }

    pub(super) fn drive(
        &mut self,
        base: &mut Base,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Client4, Instant, &mut client4::Cx<'_>, &mut Vec<client4::Action>),
    ) {
        let source = base.source(cx);
        let foreign = foreign(base, cx.facts);
        let mut actions = Vec::new();
        let mut engine_cx = client4::Cx { rng: cx.rng, foreign: &foreign, source };
        act(&mut self.engine, cx.now, &mut engine_cx, &mut actions);
        self.act(actions, base, cx);
    }

    /// Judges a reply that is for this endpoint, and acts on it. `may_answer` is the transport's word about its sender.
    pub(super) fn receive(
        &mut self,
        message: &Message<'_>,
        may_answer: impl FnOnce(Echo) -> bool,
        base: &mut Base,
        cx: &mut Cx<'_>,
    ) -> Result<Echo, Refused> {
        let echo = self.engine.check(message)?;
        if !may_answer(echo) {
            return Err(Refused::SourceRefused);
        }
        let source = base.source(cx).or(self.source);
        let foreign = foreign(base, cx.facts);
        let mut actions = Vec::new();
        let mut engine_cx = client4::Cx { rng: cx.rng, foreign: &foreign, source };
        self.engine.receive(cx.now, message, &mut engine_cx, &mut actions)?;
        self.act(actions, base, cx);
        Ok(echo)
    }

    fn act(&mut self, actions: Vec<client4::Action>, base: &mut Base, cx: &mut Cx<'_>) {
        for action in actions {
            match action {
                client4::Action::Send { message, xid, unicast } => {
                    self.transmit(&message, xid, unicast, base, cx);
                }
                client4::Action::Granted(kind) => {
                    self.proven = true;
                    self.expired = false;
                    self.untold = Some(kind);
                    self.save(base, cx);
                    self.configure(base, cx);
                    self.tell(cx);
                }
                client4::Action::Lost(kind, lease) => {
                    self.expired = kind == LeaseEventKind::Expired;
                    self.proven = false;
                    self.untold = None;
                    self.end_check(cx);
                    self.save(base, cx);
                    self.configure(base, cx);
                    cx.out.push(Effect::Notify(self.id, LeaseEvent { kind, lease }));
                }
                client4::Action::Check(address) => {
                    // A lease that INIT-REBOOT extended is in force while it is checked.
                    self.save(base, cx);
                    self.configure(base, cx);
                    self.begin_check(address, cx);
                }
                client4::Action::Refused(refused) => cx.out.push(Effect::Refused(refused)),
                client4::Action::Note(name, text) => self.note(name, text, cx),
            }
        }
        // A lease that nobody confirmed and nobody denied is used for the time it has left (RFC 2131 §3.2).
        if !self.proven && self.engine.is_bound() {
            self.proven = true;
            self.configure(base, cx);
        }
    }

    /// The operator wants it to run, whatever was decided before.
    pub(super) fn readmit(&mut self) {
        self.released = false;
        self.paused_until = None;
    }

    pub(super) fn renew(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.readmit();
        self.drive(base, cx, |engine, now, cx, out| {
            engine.renew(now, cx, out);
        });
    }

    pub(super) fn rebind(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.drive(base, cx, |engine, now, cx, out| {
            engine.rebind(now, cx, out);
        });
    }

    /// Gives the lease back; no other until an operator asks.
    pub(super) fn release(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.released = true;
        self.give_back(base, cx);
    }

    /// Gives the lease back.
    pub(super) fn give_back(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.drive(base, cx, |engine, now, cx, out| engine.release(now, cx, out));
        self.end_check(cx);
    }

    /// Drops the lease without a word.
    pub(super) fn forget(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        self.drive(base, cx, |engine, now, _, out| engine.forget(now, out));
    }

    /// Nothing may be sent from now on; the lease stays and runs on.
    pub(super) fn suspend(&mut self, cx: &mut Cx<'_>) {
        // Nobody has said whether the lease holds here.
        self.verify |= self.engine.is_rebooting();
        self.engine.suspend(cx.now);
        self.end_check(cx);
    }

    /// The lease first: if it ended, nothing else may happen before it is gone.
    pub(super) fn keep_lease(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        if self.engine.deadline().is_some_and(|at| at <= cx.now) {
            self.drive(base, cx, |engine, now, cx, out| engine.on_deadline(now, cx, out));
        }
    }

    pub(super) fn on_deadline(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        if self.acd.as_ref().and_then(Acd::deadline).is_some_and(|at| at <= cx.now) {
            self.drive_acd(base, cx, |acd, cx, out| acd.on_deadline(cx.now, cx.rng, out));
        }
        if self.paused_until.is_some_and(|at| at <= cx.now) {
            self.paused_until = None;
        }
        if self.follow_at.is_some_and(|at| at <= cx.now) {
            self.follow_source(base, cx);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let acd = self.acd.as_ref().and_then(Acd::deadline);
        [self.engine.deadline(), acd, self.paused_until, self.follow_at].into_iter().fold(None, earliest)
    }

    /// Something went wrong with this endpoint, whose name says which where there are several.
    fn note(&self, name: &'static str, text: String, cx: &mut Cx<'_>) {
        cx.note(name, if self.name.is_empty() { text } else { format!("{}: {text}", self.name) });
    }
}

/// Addresses that no server may give: of this host, and of other endpoints.
fn foreign<'a>(base: &Base, facts: &'a LinkFacts) -> Cow<'a, [Ipv4Addr]> {
    if base.taken.is_empty() {
        Cow::Borrowed(&facts.foreign4)
    } else {
        Cow::Owned([facts.foreign4.as_slice(), &base.taken].concat())
    }
}
