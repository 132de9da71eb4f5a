//! What goes back to a client (RFC 8415 §18.3.9, §18.3.10).

use super::menu::Menu;
use super::query::{Asks, Query};
use super::slot::Kind;
use crate::binding::Slot6;
use crate::ids::Duid;
use crate::time::Lifetime;
use crate::wire::v6::MessageType;
use crate::wire::v6_option::{OptionCode, Status};
use crate::wire::{TooLong, Writer};

/// An identity association in an answer.
pub(super) struct Answer {
    pub(super) kind: Kind,
    pub(super) iaid: u32,
    /// What the client may use.
    pub(super) given: Option<Given>,
    /// What it must no longer use.
    pub(super) over: Vec<Slot6>,
    /// Why nothing is given.
    pub(super) status: Option<Status>,
}

/// What a client may use, and for how long.
#[derive(Clone, Copy)]
pub(super) struct Given {
    pub(super) slot: Slot6,
    pub(super) preferred: Lifetime,
    pub(super) valid: Lifetime,
}

impl Answer {
    /// Nothing but a status.
    pub(super) const fn status(kind: Kind, iaid: u32, status: Status) -> Self {
        Self { kind, iaid, given: None, over: Vec::new(), status: Some(status) }
    }
}

/// All of an answer.
pub(super) struct Reply<'a> {
    pub(super) kind: MessageType,
    pub(super) associations: Vec<Answer>,
    /// 0 is not sent: it means the same.
    pub(super) preference: u8,
    pub(super) status: Option<Status>,
    pub(super) rapid: bool,
    /// Options to choose from, if the answer has any.
    pub(super) menu: Option<&'a Menu>,
}

impl<'a> Reply<'a> {
    /// A Reply with `associations` and options.
    pub(super) const fn new(associations: Vec<Answer>, menu: &'a Menu) -> Self {
        Self {
            kind: MessageType::REPLY,
            associations,
            preference: 0,
            status: None,
            rapid: false,
            menu: Some(menu),
        }
    }

    /// A Reply that tells how it went, without options.
    pub(super) const fn told(status: Status, associations: Vec<Answer>) -> Self {
        Self {
            kind: MessageType::REPLY,
            associations,
            preference: 0,
            status: Some(status),
            rapid: false,
            menu: None,
        }
    }

    /// The octets, from `server` to whoever sent `query`.
    ///
    /// # Errors
    /// When it does not fit.
    pub(super) fn write(&self, server: &Duid, query: &Query<'_>) -> Result<Vec<u8>, TooLong> {
        let mut w = Writer::new();
        w.u8(self.kind.0).bytes(&query.message.header);
        if let Some(client) = &query.client {
            w.option6(OptionCode::CLIENTID, |w| {
                w.bytes(client.as_bytes());
            });
        }
        w.option6(OptionCode::SERVERID, |w| {
            w.bytes(server.as_bytes());
        });
        let times = times(self.associations.iter().filter_map(|answer| answer.given));
        self.associations.iter().for_each(|answer| association(&mut w, answer, times));
        if self.preference > 0 {
            w.option6(OptionCode::PREFERENCE, |w| {
                w.u8(self.preference);
            });
        }
        if let Some(status) = self.status {
            self::status(&mut w, status);
        }
        if self.rapid {
            w.option6(OptionCode::RAPID_COMMIT, |_| {});
        }
        if let Some(menu) = self.menu {
            menu.serve(&query.asked(), query.asks == Asks::Information, &mut w);
        }
        w.finish()
    }
}

fn association(w: &mut Writer, answer: &Answer, (t1, t2): (Lifetime, Lifetime)) {
    let (code, given) = match answer.kind {
        Kind::Address => (OptionCode::IA_NA, answer.given),
        Kind::Prefix => (OptionCode::IA_PD, answer.given),
    };
    let (t1, t2) = if given.is_some() { (t1, t2) } else { (Lifetime(0), Lifetime(0)) };
    w.option6(code, |w| {
        w.u32(answer.iaid).u32(t1.0).u32(t2.0);
        let over =
            answer.over.iter().map(|slot| Given { slot: *slot, preferred: Lifetime(0), valid: Lifetime(0) });
        given.into_iter().chain(over).for_each(|given| lease(w, given));
        if let Some(status) = answer.status {
            self::status(w, status);
        }
    });
}

fn lease(w: &mut Writer, given: Given) {
    match given.slot {
        Slot6::Address(address) => w.option6(OptionCode::IAADDR, |w| {
            w.ipv6(address).u32(given.preferred.0).u32(given.valid.0);
        }),
        Slot6::Prefix(prefix, len) => w.option6(OptionCode::IAPREFIX, |w| {
            w.u32(given.preferred.0).u32(given.valid.0).u8(len).ipv6(prefix);
        }),
    };
}

/// A status and a word for people.
fn status(w: &mut Writer, status: Status) {
    w.option6(OptionCode::STATUS_CODE, |w| {
        w.u16(status.0).bytes(status.to_string().as_bytes());
    });
}

/// T1 and T2 of all associations of a message, so that they are extended together: half and four fifths of the shortest
/// preferred lifetime (RFC 8415 §18.2.4, §21.4).
fn times(given: impl Iterator<Item = Given>) -> (Lifetime, Lifetime) {
    let shortest = given.map(|given| if given.preferred.0 > 0 { given.preferred } else { given.valid }).min();
    match shortest {
        Some(lifetime) if !lifetime.is_infinite() => {
            let fifth = lifetime.0 / 5;
            (Lifetime(lifetime.0 / 2), Lifetime(lifetime.0.saturating_sub(fifth)))
        }
        _ => (Lifetime::INFINITE, Lifetime::INFINITE),
    }
}
