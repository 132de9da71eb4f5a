//! What the kernel is told to have, and whether it has it.

use super::{Cx, Installed, REMOVED_PAUSE, RESTORE_INTERVAL, Running, SAVE_DELAY};
use crate::client4::config::ipv4_config;
use crate::ids::EndpointId;
use crate::lease::LeaseEvent;
use crate::machine::{ConfigureError, Effect};

impl Running {
    /// A remembered lease whose address is still on the target goes on without a flap. An address of ours that no lease
    /// remembers was left behind by a crash, and goes.
    pub(super) fn adopt(&mut self, cx: &mut Cx<'_>) {
        let Some(target) = cx.facts.target(EndpointId::FIRST).filter(|target| !target.ours4.is_empty())
        else {
            return;
        };
        if self.four.engine.lease().is_some_and(|lease| target.ours4.contains(&lease.address)) {
            self.proven = true;
            self.configure(cx);
        } else if self.installed.is_none() {
            cx.out.push(Effect::Configure(EndpointId::FIRST, None));
        }
    }

    /// Remembered IPv6 addresses that are still on the link stay; others of ours go: those of a crash, and those of a
    /// stage that was stateful and is not any more.
    pub(super) fn adopt6(&self, cx: &mut Cx<'_>) {
        let mut kept = self.client6.assignments();
        kept.retain(|assigned| cx.facts.addresses.iter().any(|a| a.address == assigned.address));
        cx.out.push(Effect::Assign6(kept));
    }

    /// Tells the kernel what it should have, if that differs from what it was told.
    pub(super) fn configure(&mut self, cx: &mut Cx<'_>) {
        let target = cx.facts.target(EndpointId::FIRST);
        let lease = self.four.engine.lease().filter(|_| self.proven);
        let want = match (lease, target) {
            (Some(lease), Some(target)) => {
                Some((target.index, ipv4_config(lease, &cx.settings.accept, target)))
            }
            // Without a target everything on it is gone, and nothing is to be put on one that returns unless we say so.
            (_, None) | (None, _) => None,
        };
        match want {
            None => {
                if self.installed.take().is_some() {
                    cx.out.push(Effect::Configure(EndpointId::FIRST, None));
                }
            }
            Some((target, config)) => {
                if self.installed.as_ref().is_some_and(|old| old.target == target && old.config == config) {
                    return;
                }
                // No address is on the target that a crash would forget, whatever led here.
                self.save(cx);
                cx.out.push(Effect::Configure(EndpointId::FIRST, Some(Box::new(config.clone()))));
                let same = |old: &Installed| old.target == target && old.config.address == config.address;
                let outcome = self.installed.take().filter(same).and_then(|old| old.outcome);
                self.installed = Some(Installed { target, config, outcome, pending: true });
            }
        }
    }

    pub(super) fn follow_target(&mut self, cx: &mut Cx<'_>) {
        if !self.proven {
            // A lease that waits for proof may turn out to be on the target after all.
            self.adopt(cx);
        }
        self.configure(cx);
    }

    pub(in crate::role::link) fn on_configured(
        &mut self,
        result: Result<(), ConfigureError>,
        cx: &mut Cx<'_>,
    ) {
        let Some(installed) = &mut self.installed else { return };
        if let Err(error) = &result {
            cx.note("install-failed", error.to_string());
        }
        installed.outcome = Some(result);
        installed.pending = false;
        self.tell(cx);
    }

    /// Tells of a lease once the kernel has it.
    pub(super) fn tell(&mut self, cx: &mut Cx<'_>) {
        let taken = self.installed.as_ref().is_some_and(|i| !i.pending && i.outcome == Some(Ok(())));
        let Some(lease) = self.four.engine.lease().filter(|_| taken) else { return };
        if let Some(kind) = self.untold.take() {
            cx.out
                .push(Effect::Notify(EndpointId::FIRST, LeaseEvent { kind, lease: Box::new(lease.clone()) }));
        }
    }

    /// Somebody removed our address. It may have been a careless program, so it comes back once; a second time is
    /// meant.
    pub(in crate::role::link) fn on_address_removed(&mut self, cx: &mut Cx<'_>) {
        if self.installed.take().is_none() {
            return;
        }
        let deliberate = self.restored_at.is_some_and(|at| cx.now.since(at) < RESTORE_INTERVAL);
        if !deliberate {
            self.restored_at = Some(cx.now);
            cx.note("address-restored", "somebody removed the IPv4 address; it was put back".to_owned());
            self.configure(cx);
            return;
        }
        cx.note(
            "address-removed",
            "somebody removed the IPv4 address again; the lease is given back".to_owned(),
        );
        self.paused_until = Some(cx.now + REMOVED_PAUSE);
        self.drive4(cx, |engine, now, cx, out| engine.release(now, cx, out));
        // The routes may still be there.
        cx.out.push(Effect::Configure(EndpointId::FIRST, None));
    }

    /// Writes the record in a while, unless something writes it before: a crash until then costs nothing, because
    /// DHCPv6 is asked again after every start.
    pub(super) fn save_soon(&mut self, cx: &mut Cx<'_>) {
        self.save_at.get_or_insert(cx.now + SAVE_DELAY);
    }

    /// Writes the record if it changed.
    pub(in crate::role::link) fn save(&mut self, cx: &mut Cx<'_>) {
        self.save_at = None;
        let mut record = cx.record.clone();
        self.client6.save(&mut record);
        record.permit = self.leave.permit().cloned();
        record.lease4 = self.four.engine.lease().cloned();
        if record != *cx.record {
            *cx.record = record.clone();
            cx.out.push(Effect::Save(Box::new(record)));
        }
    }
}
