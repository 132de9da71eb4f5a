//! Whether somebody else has the address (RFC 5227).

use super::{Base, Cx, Endpoint};
use crate::acd::{self, Acd};
use crate::facts::LinkFacts;
use crate::machine::{Effect, OpenError, Port};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

impl Endpoint {
    /// Checks an address on the target. Without one the check waits for its return.
    pub(super) fn begin_check(&mut self, address: Ipv4Addr, cx: &mut Cx<'_>) {
        let Some(target) = self.target(cx.facts) else { return };
        self.acd = Some(Acd::new(address, target.hardware.clone(), cx.now, cx.rng));
        cx.out.push(Effect::Open(Port::Arp(self.id)));
    }

    /// What was heard on another target says nothing about this one.
    pub(in crate::role::link) fn follow_check(&mut self, before: &LinkFacts, cx: &mut Cx<'_>) {
        let index = |facts: &LinkFacts| self.target(facts).map(|target| target.index);
        if index(before) == index(cx.facts) {
            return;
        }
        self.end_check(cx);
        if let Some(address) = self.engine.checking() {
            self.begin_check(address, cx);
        }
    }

    pub(in crate::role::link) fn hear_arp(&mut self, payload: &[u8], base: &mut Base, cx: &mut Cx<'_>) {
        self.drive_acd(base, cx, |acd, cx, out| acd.receive(cx.now, payload, out));
    }

    pub(super) fn drive_acd(
        &mut self,
        base: &mut Base,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Acd, &mut Cx<'_>, &mut Vec<acd::Action>),
    ) {
        let Some(acd) = self.acd.as_mut() else { return };
        let mut actions = Vec::new();
        act(acd, cx, &mut actions);
        for action in actions {
            match action {
                acd::Action::Send(payload) => cx.out.push(Effect::Send {
                    via: Port::Arp(self.id),
                    source: None,
                    to: SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, 0, 0, 0),
                    payload,
                }),
                acd::Action::Free => {
                    self.drive(base, cx, |engine, now, cx, out| engine.checked(now, false, cx, out));
                }
                acd::Action::Conflict => self.checked(true, base, cx),
                acd::Action::Lost => {
                    self.end_check(cx);
                    self.drive(base, cx, |engine, now, cx, out| engine.conflict(now, cx, out));
                }
            }
        }
    }

    pub(in crate::role::link) fn on_arp_failed(
        &mut self,
        error: OpenError,
        base: &mut Base,
        cx: &mut Cx<'_>,
    ) {
        self.note("arp-failed", format!("the address is used unchecked: {error}"), cx);
        self.checked(false, base, cx);
    }

    /// Tells the engine how the check ended and stops checking.
    fn checked(&mut self, conflict: bool, base: &mut Base, cx: &mut Cx<'_>) {
        self.end_check(cx);
        self.drive(base, cx, |engine, now, cx, out| engine.checked(now, conflict, cx, out));
    }

    pub(in crate::role::link) fn end_check(&mut self, cx: &mut Cx<'_>) {
        if self.acd.take().is_some() {
            cx.out.push(Effect::Close(Port::Arp(self.id)));
        }
    }
}
