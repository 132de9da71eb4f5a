//! What the kernel is told to have on the target, and whether it has it.

use super::{Base, Cx, Endpoint, Installed};
use crate::client4::config::ipv4_config;
use crate::ids::EndpointId;
use crate::lease::{Lease4, LeaseEvent, LeaseEventKind};
use crate::machine::{ConfigureError, Effect};
use std::time::Duration;

/// An address that somebody removed is put back once in this time; removed again, the lease is given back.
const RESTORE_INTERVAL: Duration = Duration::from_secs(60);
/// Pause after an address was removed twice.
const REMOVED_PAUSE: Duration = Duration::from_secs(600);

impl Endpoint {
    /// A remembered lease whose address is still on the target goes on without a flap. An address of ours that no lease
    /// remembers was left behind by a crash, and goes.
    pub(in crate::role::link) fn adopt(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        let Some(target) = self.target(cx.facts).filter(|target| !target.ours4.is_empty()) else { return };
        if self.engine.lease().is_some_and(|lease| target.ours4.contains(&lease.address)) {
            self.proven = true;
            self.configure(base, cx);
        } else if self.installed.is_none() && target.ours4.iter().any(|left| !base.taken.contains(left)) {
            cx.out.push(Effect::Configure(self.id, None));
        }
    }

    /// The lease that is in use here.
    fn lease(&self) -> Option<&Lease4> {
        self.adopted.as_ref().or_else(|| self.engine.lease().filter(|_| self.proven))
    }

    /// Has on the target what another program's client has, where that is wanted.
    pub(super) fn follow_adoption(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        let wanted = cx.settings.hcra.adopt && base.has_external_client() && self.id == EndpointId::FIRST;
        let lease = base.agent.seen().filter(|lease| wanted && lease.is_valid(cx.now));
        if self.adopted.as_ref() != lease {
            self.adopted = lease.cloned();
            self.configure(base, cx);
        }
    }

    /// Takes up what happened to the lease of a client of another program.
    pub(in crate::role::link) fn take_up(&mut self, event: LeaseEvent, base: &mut Base, cx: &mut Cx<'_>) {
        self.follow_adoption(base, cx);
        match event.kind {
            LeaseEventKind::Acquired
            | LeaseEventKind::Renewed
            | LeaseEventKind::Rebound
            | LeaseEventKind::Changed => {
                self.untold = Some(event.kind);
                self.tell(cx);
            }
            LeaseEventKind::Declined
            | LeaseEventKind::Nak
            | LeaseEventKind::Expired
            | LeaseEventKind::Released => {
                self.untold = None;
                cx.out.push(Effect::Notify(self.id, event));
            }
        }
    }

    /// Tells the kernel what it should have, if that differs from what it was told.
    pub(in crate::role::link) fn configure(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        let want = match (self.lease(), self.target(cx.facts)) {
            (Some(lease), Some(target)) => {
                Some((target.index, ipv4_config(lease, &cx.settings.accept, target)))
            }
            // Without a target everything on it is gone, and nothing is to be put on one that returns unless we say so.
            (_, None) | (None, _) => None,
        };
        match want {
            None => self.clear(cx),
            Some((target, config)) => {
                if self.installed.as_ref().is_some_and(|old| old.target == target && old.config == config) {
                    return;
                }
                // No address is on the target that a crash would forget, whatever led here.
                self.save(base, cx);
                cx.out.push(Effect::Configure(self.id, Some(Box::new(config.clone()))));
                let same = |old: &Installed| old.target == target && old.config.address == config.address;
                let outcome = self.installed.take().filter(same).and_then(|old| old.outcome);
                self.installed = Some(Installed { target, config, outcome, pending: true });
            }
        }
    }

    /// Nothing of it stays on the target.
    pub(in crate::role::link) fn clear(&mut self, cx: &mut Cx<'_>) {
        if self.installed.take().is_some() {
            cx.out.push(Effect::Configure(self.id, None));
        }
    }

    pub(in crate::role::link) fn follow_target(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        if !self.proven {
            // A lease that waits for proof may turn out to be on the target after all.
            self.adopt(base, cx);
        }
        self.configure(base, cx);
    }

    pub(in crate::role::link) fn on_configured(
        &mut self,
        result: Result<(), ConfigureError>,
        cx: &mut Cx<'_>,
    ) {
        if self.installed.is_none() {
            return;
        }
        if let Err(error) = &result {
            self.note("install-failed", error.to_string(), cx);
        }
        if let Some(installed) = &mut self.installed {
            installed.outcome = Some(result);
            installed.pending = false;
        }
        self.tell(cx);
    }

    /// Tells of a lease once the kernel has it.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_>) {
        let taken = self.installed.as_ref().is_some_and(|i| !i.pending && i.outcome == Some(Ok(())));
        let Some(lease) = self.lease().filter(|_| taken).cloned() else { return };
        if let Some(kind) = self.untold.take() {
            cx.out.push(Effect::Notify(self.id, LeaseEvent { kind, lease: Box::new(lease) }));
        }
    }

    /// Somebody removed our address. It may have been a careless program, so it comes back once; a second time is
    /// meant.
    pub(in crate::role::link) fn on_address_removed(&mut self, base: &mut Base, cx: &mut Cx<'_>) {
        if self.installed.take().is_none() {
            return;
        }
        let deliberate = self.restored_at.is_some_and(|at| cx.now.since(at) < RESTORE_INTERVAL);
        if !deliberate {
            self.restored_at = Some(cx.now);
            let text = "somebody removed the IPv4 address; it was put back";
            self.note("address-restored", text.to_owned(), cx);
            self.configure(base, cx);
            return;
        }
        let text = "somebody removed the IPv4 address again; the lease is given back";
        self.note("address-removed", text.to_owned(), cx);
        self.paused_until = Some(cx.now + REMOVED_PAUSE);
        self.drive(base, cx, |engine, now, cx, out| engine.release(now, cx, out));
        // The routes may still be there.
        cx.out.push(Effect::Configure(self.id, None));
    }

    /// Writes the record if it changed.
    pub(super) fn save(&self, base: &mut Base, cx: &mut Cx<'_>) {
        base.save(cx, |record| record.set_lease4(self.iaid, self.engine.lease().cloned()));
    }
}
