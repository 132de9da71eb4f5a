//! What a message does to the bindings of its client (RFC 8415 §18.3).

use super::links::Place;
use super::query::{Asks, Association, Query};
use super::reply::{Answer, Given, Reply};
use super::slot::{Kind, extent};
use super::table::{Owner, Table, holds, is_live};
use crate::binding::{Binding6, Origin, Record, Slot6, State};
use crate::ids::Duid;
use crate::provider::Notice;
use crate::refused::Refused;
use crate::server4::{Change, Cx};
use crate::time::{Instant, Lifetime};
use crate::way::Way;
use crate::wire::v6_option::Status;
use std::time::Duration;

/// How long a declined address rests.
const DECLINE_REST: Duration = Duration::from_secs(86_400);

/// One client's message while it is worked on.
pub(super) struct Session<'a, 'cx> {
    pub(super) now: Instant,
    pub(super) client: &'a Duid,
    /// Where the client is, if any subnet serves it.
    pub(super) place: Option<Place<'a>>,
    /// There are subnets.
    pub(super) any: bool,
    pub(super) way: &'a Way<'a>,
    /// Of [`Session::way`].
    pub(super) origin: Origin,
    /// Most leases of one origin and kind; 0 is no limit.
    pub(super) limit: u32,
    pub(super) table: &'a mut Table,
    pub(super) cx: &'a mut Cx<'cx>,
}

/// How an address or prefix that a client names, and does not hold, fits where the client is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Fit {
    /// The client may have it.
    Free,
    /// Not on the client's link, or no longer given out there.
    Wrong,
    /// Somebody else has it or will.
    Taken,
    /// The client gave it back, or an operator took it.
    GivenBack,
    /// Another server may know.
    Unknown,
}

/// What a slot is wanted for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To be offered.
    Offer,
    /// To be given at once.
    Rapid,
    /// To be given.
    Request,
    /// To be kept.
    Extend,
}

impl Purpose {
    /// What the client lists may be in use by it, so it hears what is over.
    fn ends(self) -> bool {
        matches!(self, Self::Request | Self::Extend)
    }
}

/// What became of one association.
enum Outcome {
    Answer(Answer),
    /// Another server may know it: not a word.
    Unanswered,
    /// It would need a new lease, and none can be stored.
    NoStorage(Answer),
}

impl<'a> Session<'a, '_> {
    /// Solicit: what a Request would get (§18.3.9).
    pub(super) fn offer(&mut self, query: &Query<'_>) -> Result<Vec<Answer>, Refused> {
        self.assign(query, Purpose::Offer)
    }

    /// Request, and Solicit with rapid commit (§18.3.2, §18.3.1).
    pub(super) fn grant(&mut self, query: &Query<'_>) -> Result<Vec<Answer>, Refused> {
        self.assign(query, if query.asks == Asks::Solicit { Purpose::Rapid } else { Purpose::Request })
    }

    fn assign(&mut self, query: &Query<'_>, purpose: Purpose) -> Result<Vec<Answer>, Refused> {
        let associations = query.associations();
        if self.place.is_none() && self.any && !associations.is_empty() {
            self.cx.notices.push(Notice::NoSubnet(self.way.client));
        }
        let mut taken = Vec::new();
        let mut outcomes = Vec::with_capacity(associations.len());
        for association in &associations {
            let outcome = if purpose == Purpose::Request && self.names_another_link(association) {
                let status = Answer::status(association.kind, association.iaid, Status::NOT_ON_LINK);
                Outcome::Answer(status)
            } else {
                self.assign_one(association, &association.listed, purpose, &taken)
            };
            if let Outcome::Answer(Answer { given: Some(given), .. }) = &outcome {
                taken.push(given.slot);
            }
            outcomes.push(outcome);
        }
        answers(outcomes)
    }

    /// Renew and Rebind (§18.3.4, §18.3.5).
    pub(super) fn extend(&mut self, query: &Query<'_>) -> Result<Vec<Answer>, Refused> {
        let associations = query.associations();
        let mut outcomes = Vec::with_capacity(associations.len());
        for association in &associations {
            outcomes.push(self.extend_one(association, query.asks == Asks::Renew));
        }
        answers(outcomes)
    }

    fn extend_one(&mut self, association: &Association, renew: bool) -> Outcome {
        let Association { kind, iaid, .. } = *association;
        let owner = self.owner(association);
        let unknown = || match renew {
            true => Outcome::Answer(Answer::status(kind, iaid, Status::NO_BINDING)),
            false => Outcome::Unanswered,
        };
        let Some(place) = self.usable(kind) else { return unknown() };
        // Who asks any server may have moved. Who asks us is where it was, or is somebody else: a client that did move
        // sends a Request next (RFC 8415 §18.2.10.1), and that moves what it has.
        if renew && self.has_elsewhere(owner, place) {
            return unknown();
        }
        if self.current(owner, place).is_some() {
            return self.assign_one(association, &[], Purpose::Extend, &[]);
        }
        let fits: Vec<(Slot6, Fit)> =
            association.listed.iter().map(|slot| (*slot, self.fit(*slot, owner, place))).collect();
        let any = |fit| fits.iter().any(|(_, other)| *other == fit);
        if any(Fit::GivenBack) {
            return Outcome::Answer(Answer::status(kind, iaid, Status::NO_BINDING));
        }
        if any(Fit::Free) || fits.iter().all(|(_, fit)| *fit == Fit::Wrong) {
            let free: Vec<Slot6> =
                fits.iter().filter(|(_, fit)| *fit == Fit::Free).map(|(s, _)| *s).collect();
            return self.assign_one(association, &free, Purpose::Extend, &[]);
        }
        if renew {
            return unknown();
        }
        let over = |fit: &Fit| matches!(fit, Fit::Wrong | Fit::Taken);
        let over: Vec<Slot6> = fits.iter().filter(|(_, fit)| over(fit)).map(|(slot, _)| *slot).collect();
        if over.is_empty() {
            return Outcome::Unanswered;
        }
        Outcome::Answer(Answer { kind, iaid, given: None, over, status: None })
    }

    /// A slot for an association: its own if it has one, else one of `hints`, else any. Unless it is only offered, it
    /// is the client's from now on, and what else the association listed or had is over.
    fn assign_one(
        &mut self,
        association: &Association,
        hints: &[Slot6],
        purpose: Purpose,
        taken: &[Slot6],
    ) -> Outcome {
        let Association { kind, iaid, .. } = *association;
        let owner = self.owner(association);
        let none = match kind {
            Kind::Address => Status::NO_ADDRS_AVAIL,
            Kind::Prefix => Status::NO_PREFIX_AVAIL,
        };
        let none = Answer::status(kind, iaid, none);
        let Some(place) = self.usable(kind) else { return Outcome::Answer(none) };
        let listed = association.listed.iter().copied();
        if !self.cx.may_grant {
            let Some(held) = self.current(owner, place) else { return Outcome::NoStorage(none) };
            let given = left(self.now, held);
            let over = listed.filter(|slot| purpose.ends() && *slot != given.slot).collect();
            return Outcome::Answer(Answer { kind, iaid, given: Some(given), over, status: None });
        }
        let Some(slot) = self.choose(owner, place, hints, association.len, taken) else {
            if self.table.gives(kind, place.index) {
                self.cx.notices.push(Notice::PoolEmpty(place.subnet.prefix.to_string()));
            }
            // What the client had is over all the same.
            let mut over = Vec::new();
            if purpose == Purpose::Extend {
                over = self.let_go(owner, place, None);
                add(&mut over, listed);
            }
            return Outcome::Answer(Answer { over, ..none });
        };
        if !self.has_room(owner, place, slot, taken) {
            self.cx.refused = Some(Refused::LeaseLimit);
            // What the client has it keeps: where it was.
            let others = listed.filter(|slot| !self.held(owner, place).any(|held| held.slot == *slot));
            let over = others.filter(|_| purpose == Purpose::Extend).collect();
            return Outcome::Answer(Answer { over, ..none });
        }
        let given = Given { slot, preferred: place.subnet.preferred, valid: place.subnet.valid };
        let mut over = Vec::new();
        if purpose != Purpose::Offer {
            over = self.bind(owner, place, given);
        }
        if purpose.ends() {
            add(&mut over, listed.filter(|slot| *slot != given.slot));
        }
        Outcome::Answer(Answer { kind, iaid, given: Some(given), over, status: None })
    }

    /// In this order: what is kept for the client, what it has, what it had last, what it would like, anything.
    fn choose(
        &self,
        owner: Owner<'_>,
        place: Place<'_>,
        hints: &[Slot6],
        len: Option<u8>,
        taken: &[Slot6],
    ) -> Option<Slot6> {
        let fits = |slot: &Slot6| {
            !taken.contains(slot)
                && self.table.allows(*slot, self.client, place.index)
                && self.table.is_vacant(self.now, *slot, owner)
        };
        let kept = || self.table.reserved_for(owner, place.index).find(fits);
        let current = || self.current(owner, place).map(|held| held.slot);
        let before = || {
            let mine = self.table.of(owner).filter(|held| held.state != State::Declined);
            let mine = mine.filter(|held| fits(&held.slot));
            mine.max_by_key(|held| (held.expires_at, held.slot)).map(|held| held.slot)
        };
        let hinted = || hints.iter().copied().find(fits);
        let any = || self.table.find(owner, place.index, len, taken);
        kept().or_else(current).or_else(before).or_else(hinted).or_else(any)
    }

    /// What the association has at this place and may keep.
    fn current(&self, owner: Owner<'_>, place: Place<'_>) -> Option<&Binding6> {
        let mut held = self.table.of(owner);
        held.find(|held| {
            held.state == State::Bound
                && is_live(self.now, held)
                && self.table.allows(held.slot, self.client, place.index)
        })
    }

    /// What the association has at this place, or had before other settings took it out of every pool.
    fn held(&self, owner: Owner<'_>, place: Place<'_>) -> impl Iterator<Item = &Binding6> {
        self.table.of(owner).filter(move |held| {
            held.state == State::Bound
                && is_live(self.now, held)
                && self.table.subnet_of(held.slot).is_none_or(|subnet| subnet == place.index)
        })
    }

    /// The association was given what it has elsewhere, and none of it is kept for its client.
    fn has_elsewhere(&self, owner: Owner<'_>, place: Place<'_>) -> bool {
        let is_kept = |slot| self.table.reserved_for(owner, place.index).any(|kept| kept == slot);
        let mut held = self.held(owner, place).peekable();
        held.peek().is_some() && held.all(|held| held.origin != self.origin && !is_kept(held.slot))
    }

    /// The association may have `slot`: it has one from here already, this one is kept for its client, or fewer are
    /// given from here than may be. `taken` is on offer in the same answer.
    fn has_room(&self, owner: Owner<'_>, place: Place<'_>, slot: Slot6, taken: &[Slot6]) -> bool {
        let is_from_here = |held: &Binding6| held.origin == self.origin && is_live(self.now, held);
        if self.limit == 0
            || self.held(owner, place).any(is_from_here)
            || self.table.reserved_for(owner, place.index).any(|kept| kept == slot)
        {
            return true;
        }
        let offered = taken.iter().filter(|slot| {
            Kind::of(**slot) == owner.kind && !self.table.get(**slot).is_some_and(is_from_here)
        });
        let offered = u32::try_from(offered.count()).unwrap_or(u32::MAX);
        self.table.leases_at(&self.origin, owner.kind).saturating_add(offered) < self.limit
    }

    /// The association has `given`, and nothing else at this place. What it had there and is over comes back.
    fn bind(&mut self, owner: Owner<'_>, place: Place<'_>, given: Given) -> Vec<Slot6> {
        let over = self.let_go(owner, place, Some(given.slot));
        self.put(Binding6 {
            slot: given.slot,
            client: self.client.clone(),
            iaid: owner.iaid,
            state: State::Bound,
            changed_at: self.now,
            preferred_until: given.preferred.end(self.now),
            expires_at: given.valid.end(self.now),
            origin: self.origin.clone(),
        });
        over
    }

    /// Forgets all that the association has or had at this place, but `kept`. What it had until now comes back.
    fn let_go(&mut self, owner: Owner<'_>, place: Place<'_>, kept: Option<Slot6>) -> Vec<Slot6> {
        let others = self.table.of(owner).filter(|held| Some(held.slot) != kept && holds(owner, held));
        let others = others.filter(|held| self.table.subnet_of(held.slot) == Some(place.index));
        let others: Vec<Binding6> = others.cloned().collect();
        let mut over = Vec::new();
        for held in others {
            if is_live(self.now, &held) {
                over.push(held.slot);
            }
            self.table.remove(held.slot);
            self.cx.changes.push(Change { record: Record::Gone6(held.slot), undo: Record::Lease6(held) });
        }
        over
    }

    fn put(&mut self, binding: Binding6) {
        let slot = binding.slot;
        let undo = self.table.get(slot).map_or(Record::Gone6(slot), |before| Record::Lease6(before.clone()));
        self.cx.changes.push(Change { record: Record::Lease6(binding.clone()), undo });
        self.table.insert(binding);
    }

    fn fit(&self, slot: Slot6, owner: Owner<'_>, place: Place<'_>) -> Fit {
        let held = self.table.get(slot);
        if held.is_some_and(|held| held.state == State::Released && owner.has(held)) {
            return Fit::GivenBack;
        }
        if self.table.allows(slot, self.client, place.index) {
            let vacant = self.table.is_vacant(self.now, slot, owner);
            return if vacant { Fit::Free } else { Fit::Taken };
        }
        // It was given by these hands, and is not any more.
        if held.is_some_and(|held| is_live(self.now, held) && holds(owner, held)) {
            return Fit::Wrong;
        }
        match self.table.subnet_of(slot) {
            Some(subnet) if subnet == place.index => Fit::Taken,
            Some(_) => Fit::Wrong,
            None if Kind::of(slot) == Kind::Address && !on_link(slot, place) => Fit::Wrong,
            None => Fit::Unknown,
        }
    }

    /// True if an address in a Request cannot be on the client's link (§18.3.2).
    fn names_another_link(&self, association: &Association) -> bool {
        let Some(place) = self.usable(association.kind) else { return false };
        association.kind == Kind::Address
            && association
                .listed
                .iter()
                .any(|slot| !on_link(*slot, place) && !self.table.allows(*slot, self.client, place.index))
    }

    /// Confirm: whether every address is on the client's link (§18.3.3).
    pub(super) fn confirm(&self, query: &Query<'_>) -> Result<Status, Refused> {
        let place = self.usable(Kind::Address).ok_or(Refused::NoSubnet)?;
        let associations = query.associations();
        let addresses = associations.iter().filter(|association| association.kind == Kind::Address);
        let addresses: Vec<Slot6> =
            addresses.flat_map(|association| association.listed.iter().copied()).collect();
        if addresses.is_empty() {
            return Err(Refused::BadQuery6);
        }
        let here = |slot: &Slot6| on_link(*slot, place) || self.table.allows(*slot, self.client, place.index);
        Ok(if addresses.iter().all(here) { Status::SUCCESS } else { Status::NOT_ON_LINK })
    }

    /// Release and Decline (§18.3.7, §18.3.8). A client speaks for what it has at the place it
    /// is at, and was given where it is now.
    pub(super) fn give_back(&mut self, query: &Query<'_>) -> Result<Reply<'a>, Refused> {
        if !self.cx.may_grant {
            return Err(Refused::NoStorage);
        }
        let decline = query.asks == Asks::Decline;
        let mut unknown = Vec::new();
        for association in query.associations() {
            let owner = self.owner(&association);
            let place = self.usable(association.kind).map(|place| place.index);
            let mut found = false;
            for slot in &association.listed {
                let Some(held) = self.table.get(*slot).filter(|held| {
                    held.state == State::Bound
                        && is_live(self.now, held)
                        && owner.has(held)
                        && held.origin == self.origin
                        && self.table.subnet_of(held.slot) == place
                }) else {
                    continue;
                };
                found = true;
                // Nobody can find a prefix in use: only addresses are declined.
                if decline && association.kind == Kind::Prefix {
                    continue;
                }
                let (state, end) = match decline {
                    true => (State::Declined, self.now + DECLINE_REST),
                    false => (State::Released, self.now),
                };
                let ended = Binding6 {
                    state,
                    changed_at: self.now,
                    preferred_until: Some(end),
                    expires_at: Some(end),
                    ..held.clone()
                };
                self.put(ended);
                if let (true, Slot6::Address(address)) = (decline, *slot) {
                    self.cx.notices.push(Notice::Declined6(address));
                }
            }
            if !found {
                unknown.push(Answer::status(association.kind, association.iaid, Status::NO_BINDING));
            }
        }
        Ok(Reply::told(Status::SUCCESS, unknown))
    }

    /// The place, if slots of this kind are given there.
    fn usable(&self, kind: Kind) -> Option<Place<'a>> {
        self.place.filter(|place| kind == Kind::Prefix || place.on_link)
    }

    fn owner(&self, association: &Association) -> Owner<'a> {
        Owner { client: self.client, kind: association.kind, iaid: association.iaid }
    }
}

/// Appends what is not there yet.
fn add(over: &mut Vec<Slot6>, slots: impl Iterator<Item = Slot6>) {
    for slot in slots {
        if !over.contains(&slot) {
            over.push(slot);
        }
    }
}

fn on_link(slot: Slot6, place: Place<'_>) -> bool {
    place.subnet.prefix.contains(extent(slot).address())
}

/// What is left of a lease.
fn left(now: Instant, held: &Binding6) -> Given {
    let until = |end: Option<Instant>| {
        end.map_or(Lifetime::INFINITE, |end| {
            // All ones would mean for ever.
            Lifetime(u32::try_from(end.since(now).as_secs()).unwrap_or(u32::MAX).min(u32::MAX - 1))
        })
    };
    Given { slot: held.slot, preferred: until(held.preferred_until), valid: until(held.expires_at) }
}

/// What is said about the associations of one message.
///
/// # Errors
/// When nothing would be: another server may have more to say.
fn answers(outcomes: Vec<Outcome>) -> Result<Vec<Answer>, Refused> {
    let asked = !outcomes.is_empty();
    let mut starved = false;
    let mut answers = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        match outcome {
            Outcome::Answer(answer) => answers.push(answer),
            Outcome::NoStorage(answer) => {
                starved = true;
                answers.push(answer);
            }
            Outcome::Unanswered => {}
        }
    }
    if starved && answers.iter().all(|answer| answer.given.is_none()) {
        return Err(Refused::NoStorage);
    }
    if asked && answers.is_empty() {
        return Err(Refused::UnknownClient);
    }
    Ok(answers)
}
