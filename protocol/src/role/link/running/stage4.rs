//! The 4o6 client: what it needs before it may start, and what becomes of its lease.

use super::{Cx, Ending, Leave, NATIVE_FRESH, Native, Retry, Running};
use crate::acd::{self, Acd};
use crate::client4::{self, Client4, Start};
use crate::client6::Client6;
use crate::facts::LinkFacts;
use crate::ids::EndpointId;
use crate::lease::{LeaseEvent, LeaseEventKind};
use crate::machine::{Effect, Port};
use crate::permit::Permit;
use crate::role::client4o6::{Around, Client4o6};
use crate::settings::{LinkSettings, Mode};
use crate::time::Instant;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

impl Running {
    /// Starts the engine when everything it needs is there.
    pub(in crate::role::link) fn settle(&mut self, cx: &mut Cx<'_>) {
        if self.ending != Ending::No || self.four.engine.is_running() {
            self.waiting_for = None;
            return;
        }
        self.waiting_for = self.gate(cx);
        if self.waiting_for.is_some() {
            return;
        }
        let arp = cx.facts.target(EndpointId::FIRST).is_some_and(|target| target.arp);
        self.four.engine.set_conflict_detection(arp && cx.settings.dhcp4.conflict_detection);
        let how = if std::mem::take(&mut self.verify) { Start::Verify } else { Start::Continue };
        self.drive4(cx, |engine, now, cx, out| engine.start(now, how, cx, out));
    }

    /// What the engine still waits for.
    fn gate(&mut self, cx: &mut Cx<'_>) -> Option<&'static str> {
        if cx.settings.mode == Mode::Off {
            return Some("mode-off");
        }
        let Some(permit) = self.leave.valid() else { return Some("permit") };
        if self.released {
            return Some("operator");
        }
        if self.paused_until.is_some() {
            return Some("address-removed");
        }
        if !self.ready || !cx.facts.running() {
            return Some("link");
        }
        if cx.facts.target(EndpointId::FIRST).is_none() {
            return Some("target");
        }
        if Client4o6::reachable_from(&around(permit, &self.client6, cx.settings, cx.facts)).is_none() {
            return Some("source-address");
        }
        match self.native {
            Native::Clear(at) if cx.now.since(at) < NATIVE_FRESH => None,
            Native::Clear(_) | Native::Unknown => {
                self.check_native(None, cx);
                Some("native-check")
            }
            Native::Checking(None) => Some("native-check"),
            Native::Checking(Some(_)) | Native::Active(_) => Some("native-dhcp"),
        }
    }

    pub(super) fn check_native(&mut self, last: Option<Retry>, cx: &mut Cx<'_>) {
        self.native = Native::Checking(last);
        cx.out.push(Effect::Open(Port::Native4));
    }

    /// What is pending leaves again at once when it found no source address before, or when its source is gone (E5).
    /// If so configured, a bound lease is renewed from the new one.
    pub(super) fn follow_source(&mut self, cx: &mut Cx<'_>) {
        self.follow_at = None;
        self.send_postponed(cx);
        let Some(permit) = self.leave.valid().filter(|_| self.four.engine.is_running()) else { return };
        let renew = cx.settings.rebind_on_source_change;
        let concerned = renew || self.four.engine.is_waiting();
        if !concerned || !self.four.has_moved(&around(permit, &self.client6, cx.settings, cx.facts)) {
            return;
        }
        if let Err(at) = self.four.force(cx.now) {
            self.follow_at = Some(at);
            return;
        }
        self.drive4(cx, |engine, now, cx, out| {
            engine.retransmit(now, cx, out);
            if renew {
                engine.renew(now, cx, out);
            }
        });
    }

    /// The pending message leaves now, if it only waited for a source address.
    pub(super) fn send_postponed(&mut self, cx: &mut Cx<'_>) {
        let Some(permit) = self.leave.valid().filter(|_| self.four.engine.is_running()) else { return };
        if self.four.was_postponed(&around(permit, &self.client6, cx.settings, cx.facts)) {
            self.drive4(cx, |engine, now, cx, out| engine.retransmit(now, cx, out));
        }
    }

    pub(super) fn drive4(
        &mut self,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Client4, Instant, &mut client4::Cx<'_>, &mut Vec<client4::Action>),
    ) {
        let source = self.leave.permit().and_then(|permit| {
            Client4o6::reachable_from(&around(permit, &self.client6, cx.settings, cx.facts))
        });
        let mut actions = Vec::new();
        let mut engine_cx = client4::Cx { rng: cx.rng, foreign: &cx.facts.foreign4, source };
        act(&mut self.four.engine, cx.now, &mut engine_cx, &mut actions);
        self.act4(actions, cx);
    }

    pub(super) fn act4(&mut self, actions: Vec<client4::Action>, cx: &mut Cx<'_>) {
        for action in actions {
            match action {
                client4::Action::Send { message, xid, unicast } => {
                    let Leave::Valid(permit) = &self.leave else { continue };
                    let around = around(permit, &self.client6, cx.settings, cx.facts);
                    let queries = self.four.queries(&message, xid, unicast, &around, cx.rng);
                    for query in queries {
                        self.send(Some(query.source), query.destination, query.payload, cx);
                    }
                }
                client4::Action::Granted(kind) => {
                    self.proven = true;
                    self.expired = false;
                    self.untold = Some(kind);
                    self.save(cx);
                    self.configure(cx);
                    self.tell(cx);
                }
                client4::Action::Lost(kind, lease) => {
                    self.expired = kind == LeaseEventKind::Expired;
                    self.proven = false;
                    self.untold = None;
                    self.end_check(cx);
                    self.save(cx);
                    self.configure(cx);
                    cx.out.push(Effect::Notify(EndpointId::FIRST, LeaseEvent { kind, lease }));
                }
                client4::Action::Check(address) => {
                    // A lease that INIT-REBOOT extended is in force while it is checked.
                    self.save(cx);
                    self.configure(cx);
                    self.begin_check(address, cx);
                }
                client4::Action::Refused(refused) => cx.out.push(Effect::Refused(refused)),
                client4::Action::Note(name, text) => cx.note(name, text),
            }
        }
        // A lease that nobody confirmed and nobody denied is used for the time it has left (RFC 2131 §3.2).
        if !self.proven && self.four.engine.is_bound() {
            self.proven = true;
            self.configure(cx);
        }
    }

    /// Checks an address on the target. Without one the check waits for its return.
    fn begin_check(&mut self, address: Ipv4Addr, cx: &mut Cx<'_>) {
        let Some(target) = cx.facts.target(EndpointId::FIRST) else { return };
        self.acd = Some(Acd::new(address, target.hardware.clone(), cx.now, cx.rng));
        cx.out.push(Effect::Open(Port::Arp(EndpointId::FIRST)));
    }

    /// What was heard on another target says nothing about this one.
    pub(super) fn follow_check(&mut self, before: &LinkFacts, cx: &mut Cx<'_>) {
        let index = |facts: &LinkFacts| facts.target(EndpointId::FIRST).map(|target| target.index);
        if index(before) == index(cx.facts) {
            return;
        }
        self.end_check(cx);
        if let Some(address) = self.four.engine.checking() {
            self.begin_check(address, cx);
        }
    }

    pub(super) fn drive_acd(
        &mut self,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Acd, &mut Cx<'_>, &mut Vec<acd::Action>),
    ) {
        let Some(acd) = self.acd.as_mut() else { return };
        let mut actions = Vec::new();
        act(acd, cx, &mut actions);
        for action in actions {
            match action {
                acd::Action::Send(payload) => cx.out.push(Effect::Send {
                    via: Port::Arp(EndpointId::FIRST),
                    source: None,
                    to: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0),
                    payload,
                }),
                acd::Action::Free => {
                    self.drive4(cx, |engine, now, cx, out| engine.checked(now, false, cx, out))
                }
                acd::Action::Conflict => self.checked(true, cx),
                acd::Action::Lost => {
                    self.end_check(cx);
                    self.drive4(cx, |engine, now, cx, out| engine.conflict(now, cx, out));
                }
            }
        }
    }

    /// Tells the engine how the check ended and stops checking.
    pub(super) fn checked(&mut self, conflict: bool, cx: &mut Cx<'_>) {
        self.end_check(cx);
        self.drive4(cx, |engine, now, cx, out| engine.checked(now, conflict, cx, out));
    }

    pub(super) fn end_check(&mut self, cx: &mut Cx<'_>) {
        if self.acd.take().is_some() {
            cx.out.push(Effect::Close(Port::Arp(EndpointId::FIRST)));
        }
    }

    /// Drops the lease without a word.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>) {
        self.drive4(cx, |engine, now, _, out| engine.forget(now, out));
    }

    pub(super) fn suspend4(&mut self, cx: &mut Cx<'_>) {
        // Nobody has said whether the lease holds here.
        self.verify |= self.four.engine.is_rebooting();
        self.four.engine.suspend(cx.now);
        self.end_check(cx);
        self.native = Native::Unknown;
    }
}

pub(super) fn around<'a>(
    permit: &'a Permit,
    client6: &'a Client6,
    settings: &'a LinkSettings,
    facts: &'a LinkFacts,
) -> Around<'a> {
    let delegated = client6.lease().map_or(&[][..], |lease| &lease.prefixes);
    Around { permit, settings, facts, delegated }
}
