//! What DHCPv6 has assigned to us, apart from what is being asked: a lease goes on while exchanges come and go.

use super::Action;
use super::context::Cx;
use super::message::Associations;
use super::reply::{Answer, Association, Entry, Times};
use crate::ids::{Duid, Iaid};
use crate::lease::Lease6;
use crate::params::MAX_PER_ASSOCIATION;
use crate::settings::Dhcp6Settings;
use crate::time::{Instant, earliest};
use std::net::Ipv6Addr;

/// The lease, and what is left of the one before.
#[derive(Debug)]
pub(super) struct Binding {
    lease: Option<Lease6>,
    /// The addresses of the lease were reported. Those from the record are not until they are verified.
    announced: bool,
    /// What we had, to ask for again.
    hints: Associations,
}

/// Kinds of identity associations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Kinds {
    pub(super) addresses: bool,
    pub(super) prefixes: bool,
}

impl Kinds {
    pub(super) const fn any(self) -> bool {
        self.addresses || self.prefixes
    }
}

/// What a Reply makes of a lease.
#[derive(Debug)]
pub(super) struct Merged {
    /// `None` when nothing is left of it.
    pub(super) lease: Option<Lease6>,
    /// At least one address or prefix was given or extended.
    pub(super) granted: bool,
    /// The server does not know these.
    pub(super) unbound: Kinds,
    /// We hold these, and the Reply did not mention them.
    pub(super) missing: Kinds,
    /// T1 and T2 of what it did mention.
    pub(super) times: Times,
}

impl Binding {
    /// With the lease of the record, as far as the settings still want it.
    pub(super) fn new(lease: Option<&Lease6>, iaid: Iaid, settings: &Dhcp6Settings) -> Self {
        let lease = lease.filter(|lease| lease.iaid == iaid).cloned().and_then(|mut lease| {
            if !settings.address {
                lease.addresses.clear();
            }
            if !settings.prefix {
                lease.prefixes.clear();
            }
            lease.addresses.truncate(MAX_PER_ASSOCIATION);
            lease.prefixes.truncate(MAX_PER_ASSOCIATION);
            whole(lease)
        });
        Self { lease, announced: false, hints: Associations::default() }
    }

    pub(super) fn lease(&self) -> Option<&Lease6> {
        self.lease.as_ref()
    }

    /// What a Solicit asks for: IA_NA and IA_PD as configured, with what we had as a hint.
    pub(super) fn wanted(&self, settings: &Dhcp6Settings) -> Associations {
        let mut wanted = Associations {
            addresses: self.hints.addresses.clone().filter(|_| settings.address),
            prefixes: self.hints.prefixes.clone().filter(|_| settings.prefix),
        }
        .wanted(settings);
        if let Some(prefixes) = &mut wanted.prefixes
            && prefixes.is_empty()
            && settings.prefix_hint > 0
        {
            prefixes.push((Ipv6Addr::UNSPECIFIED, settings.prefix_hint));
        }
        wanted
    }

    /// Replaces the lease and reports what changed by it.
    pub(super) fn set(&mut self, lease: Option<Lease6>, cx: &mut Cx<'_>) {
        let before = std::mem::replace(&mut self.lease, lease);
        if before != self.lease {
            cx.out.push(Action::Save);
        }
        let addresses =
            |lease: &Option<Lease6>| lease.as_ref().map_or(Vec::new(), |lease| lease.addresses.clone());
        let now = addresses(&self.lease);
        if now != addresses(&before) || (!self.announced && !now.is_empty()) {
            cx.out.push(Action::Assign);
        }
        self.announced = true;
    }

    /// Reports the addresses of a lease from the record, once it is verified.
    pub(super) fn announce(&mut self, cx: &mut Cx<'_>) {
        self.set(self.lease.clone(), cx);
    }

    /// Sets T1 and T2.
    pub(super) fn set_times(&mut self, times: Times, cx: &mut Cx<'_>) {
        let Times { renew_at, rebind_at } = times;
        self.set(self.lease.clone().map(|lease| Lease6 { renew_at, rebind_at, ..lease }), cx);
    }

    /// True while something of these kinds is held.
    pub(super) fn holds_any(&self, kinds: Kinds) -> bool {
        self.lease.as_ref().is_some_and(|lease| {
            (kinds.addresses && !lease.addresses.is_empty()) || (kinds.prefixes && !lease.prefixes.is_empty())
        })
    }

    /// Renews next at `until`, neither earlier nor later.
    pub(super) fn postpone(&mut self, until: Instant) {
        if let Some(lease) = &mut self.lease {
            lease.renew_at = Some(until);
            lease.rebind_at = lease.rebind_at.map(|at| at.max(until));
        }
    }

    /// Brings the next renewal forward.
    pub(super) fn hasten(&mut self, at: Instant) {
        if let Some(lease) = &mut self.lease {
            lease.renew_at = earliest(lease.renew_at, Some(at));
        }
    }

    /// Drops what has ended. True when nothing is left of a lease.
    pub(super) fn expire(&mut self, cx: &mut Cx<'_>) -> bool {
        if self.deadline().is_none_or(|at| cx.now < at) {
            return false;
        }
        let Some(mut lease) = self.lease.clone() else { return false };
        let held = Associations::held(&lease);
        lease.addresses.retain(|a| a.valid_until.is_none_or(|end| cx.now < end));
        lease.prefixes.retain(|p| p.valid_until.is_none_or(|end| cx.now < end));
        let left = whole(lease);
        let gone = left.is_none();
        if gone {
            self.hints = held;
        }
        self.set(left, cx);
        gone
    }

    /// Drops everything, without keeping it in mind.
    pub(super) fn forget(&mut self, cx: &mut Cx<'_>) {
        self.forget_hints();
        self.set(None, cx);
    }

    /// No longer asks for what we had: a server refused.
    pub(super) fn forget_hints(&mut self) {
        self.hints = Associations::default();
    }

    /// Drops these addresses, because others use them.
    pub(super) fn drop_addresses(&mut self, addresses: &[Ipv6Addr], cx: &mut Cx<'_>) {
        let Some(mut lease) = self.lease.clone() else { return };
        lease.addresses.retain(|a| !addresses.contains(&a.address));
        self.forget_hints();
        self.set(whole(lease), cx);
    }

    /// Drops these kinds, because their server gives them no longer.
    pub(super) fn drop_kinds(&mut self, kinds: Kinds, cx: &mut Cx<'_>) {
        let Some(mut lease) = self.lease.clone().filter(|_| kinds.any()) else { return };
        if kinds.addresses {
            lease.addresses.clear();
        }
        if kinds.prefixes {
            lease.prefixes.clear();
        }
        self.set(whole(lease), cx);
    }

    /// What `answer` makes of the lease (RFC 8415 §18.2.10.1), without the kinds to `replace`: what is in them is kept
    /// only if given anew. Nothing changes yet.
    pub(super) fn merge(&self, answer: &Answer<'_>, replace: Kinds, iaid: Iaid, now: Instant) -> Merged {
        let mut lease = self.lease.clone().unwrap_or_else(|| empty(answer.server.clone(), iaid));
        if replace.addresses {
            lease.addresses.clear();
        }
        if replace.prefixes {
            lease.prefixes.clear();
        }
        for entry in answer.addresses.entries() {
            let new = entry.assignment(now);
            merge_into(&mut lease.addresses, entry, new, |old| old.address == new.address);
        }
        for entry in answer.prefixes.entries() {
            let new = entry.delegation(now);
            let same = (new.prefix, new.prefix_len);
            merge_into(&mut lease.prefixes, entry, new, |old| (old.prefix, old.prefix_len) == same);
        }
        let granted = answer.grants();
        let unmentioned =
            |association: &Association| !association.is_unbound() && association.entries().is_empty();
        let missing = Kinds {
            addresses: !lease.addresses.is_empty() && unmentioned(&answer.addresses),
            prefixes: !lease.prefixes.is_empty() && unmentioned(&answer.prefixes),
        };
        let times = answer.addresses.times(now).or_earlier(answer.prefixes.times(now));
        if granted {
            let old = Times { renew_at: lease.renew_at, rebind_at: lease.rebind_at };
            let Times { renew_at, rebind_at } = if missing.any() { times.or_earlier(old) } else { times };
            lease.server = answer.server.clone();
            lease.renew_at = renew_at;
            lease.rebind_at = rebind_at;
        }
        Merged {
            lease: whole(lease),
            granted,
            unbound: Kinds {
                addresses: answer.addresses.is_unbound(),
                prefixes: answer.prefixes.is_unbound(),
            },
            missing,
            times,
        }
    }

    /// When the next address or prefix ends.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let lease = self.lease.as_ref()?;
        let addresses = lease.addresses.iter().filter_map(|a| a.valid_until);
        addresses.chain(lease.prefixes.iter().filter_map(|p| p.valid_until)).min()
    }
}

fn empty(server: Duid, iaid: Iaid) -> Lease6 {
    Lease6 { server, iaid, addresses: Vec::new(), prefixes: Vec::new(), renew_at: None, rebind_at: None }
}

/// A lease of nothing is none.
fn whole(lease: Lease6) -> Option<Lease6> {
    (!lease.addresses.is_empty() || !lease.prefixes.is_empty()).then_some(lease)
}

/// Updates, adds or removes one entry; the others keep their order.
fn merge_into<T>(list: &mut Vec<T>, entry: &Entry, new: T, same: impl Fn(&T) -> bool) {
    if !entry.is_granted() {
        list.retain(|old| !same(old));
    } else if let Some(old) = list.iter_mut().find(|old| same(old)) {
        *old = new;
    } else if list.len() < MAX_PER_ASSOCIATION {
        list.push(new);
    }
}
