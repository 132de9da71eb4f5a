//! What an Advertise or Reply says (RFC 8415 §16.3, §16.10, §18.2.9, §18.2.10).

use super::context::Context;
use crate::ids::{Duid, Iaid};
use crate::lease::{Assignment6, Delegation6};
use crate::params::{MAX_PER_ASSOCIATION, MAX_RT_RANGE, MIN_RENEW_TIME};
use crate::refused::Refused;
use crate::settings::is_routable;
use crate::time::{Instant, Lifetime, earliest};
use crate::wire::v6::{Message, Options};
use crate::wire::v6_option::{Ia, IaAddress, IaPrefix, OptionCode, Status};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Most refused parts of one message that are counted.
const MAX_REFUSED: usize = 16;
/// T1 chosen by us, of the shortest preferred lifetime, when the server leaves it to us (RFC 8415 §14.2).
const T1_SHARE: f64 = 0.5;
/// T2 chosen by us.
const T2_SHARE: f64 = 0.8;

/// A message that passed validation, with what concerns addresses and prefixes read out of it.
#[derive(Debug)]
pub(super) struct Answer<'a> {
    pub(super) server: Duid,
    /// At top level.
    pub(super) status: Status,
    pub(super) addresses: Association,
    pub(super) prefixes: Association,
    /// Within its range, or absent.
    pub(super) sol_max_rt: Option<u32>,
    /// Within its range, or absent.
    pub(super) inf_max_rt: Option<u32>,
    /// Parts that are left out.
    pub(super) refused: Vec<Refused>,
    pub(super) options: Options<'a>,
}

/// One of our identity associations as the server sent it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Association {
    /// Not there, or unusable as a whole.
    Missing,
    /// Its status.
    Failed(Status),
    Given {
        t1: Lifetime,
        t2: Lifetime,
        entries: Vec<Entry>,
    },
}

/// An address, or a prefix. A valid lifetime of zero takes it away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Entry {
    pub(super) address: Ipv6Addr,
    /// 128 for an address.
    pub(super) prefix_len: u8,
    pub(super) preferred: Lifetime,
    pub(super) valid: Lifetime,
}

impl Entry {
    pub(super) fn assignment(&self, now: Instant) -> Assignment6 {
        Assignment6 {
            address: self.address,
            preferred_until: self.preferred.end(now),
            valid_until: self.valid.end(now),
        }
    }

    pub(super) fn delegation(&self, now: Instant) -> Delegation6 {
        Delegation6 {
            prefix: self.address,
            prefix_len: self.prefix_len,
            preferred_until: self.preferred.end(now),
            valid_until: self.valid.end(now),
        }
    }

    /// May be used: it has a lifetime left.
    pub(super) fn is_granted(&self) -> bool {
        self.valid.0 > 0
    }
}

impl<'a> Answer<'a> {
    /// Reads `message`. Its transaction id is the caller's to compare.
    ///
    /// # Errors
    /// When it names no server, or another client than us.
    pub(super) fn read(message: &Message<'a>, context: &Context) -> Result<Self, Refused> {
        let options = message.options;
        let server = options.duid(OptionCode::SERVERID).ok_or(Refused::BadReply6)?;
        let ours = options.first(OptionCode::CLIENTID) == Some(context.duid.as_bytes());
        if !ours || server == context.duid {
            return Err(Refused::BadReply6);
        }
        let mut refused: Vec<Refused> =
            options.repeated().filter(|c| counts(*c)).map(|_| Refused::DuplicateOption).collect();
        let settings = &context.settings;
        let (ia_na, ia_pd) = (OptionCode::IA_NA, OptionCode::IA_PD);
        let addresses = association(options, ia_na, context.iaid, settings.address, &mut refused);
        let prefixes = association(options, ia_pd, context.iaid, settings.prefix, &mut refused);
        let sol_max_rt = max_rt(options, OptionCode::SOL_MAX_RT, &mut refused);
        let inf_max_rt = max_rt(options, OptionCode::INF_MAX_RT, &mut refused);
        refused.truncate(MAX_REFUSED);
        let status = options.status();
        Ok(Self { server, status, addresses, prefixes, sol_max_rt, inf_max_rt, refused, options })
    }

    /// The message as a whole reports success.
    pub(super) fn is_success(&self) -> bool {
        self.status == Status::SUCCESS
    }

    /// It gives at least one address or prefix.
    pub(super) fn grants(&self) -> bool {
        self.is_success() && (self.addresses.is_granted() || self.prefixes.is_granted())
    }

    /// Option 7; zero when absent (RFC 8415 §18.2.9).
    pub(super) fn preference(&self) -> u8 {
        match self.options.first(OptionCode::PREFERENCE) {
            Some([preference]) => *preference,
            _ => 0,
        }
    }

    /// Why nothing was given, for people: the first failure that is reported.
    pub(super) fn failure(&self) -> Status {
        [&self.addresses, &self.prefixes]
            .into_iter()
            .find_map(|ia| match ia {
                Association::Failed(status) => Some(*status),
                Association::Missing | Association::Given { .. } => None,
            })
            .unwrap_or(self.status)
    }
}

/// Repetitions that are counted here; whoever reads option 88 counts its own.
fn counts(code: OptionCode) -> bool {
    code != OptionCode::DHCP4_O_DHCP6_SERVER
}

fn max_rt(options: Options<'_>, code: OptionCode, refused: &mut Vec<Refused>) -> Option<u32> {
    let seconds = options.seconds(code).filter(|seconds| MAX_RT_RANGE.contains(seconds));
    if seconds.is_none() && options.first(code).is_some() {
        refused.push(Refused::BadOption);
    }
    seconds
}

/// The association of this kind with our IAID. Others, and kinds not asked for, are left out.
fn association(
    options: Options<'_>,
    code: OptionCode,
    iaid: Iaid,
    asked: bool,
    refused: &mut Vec<Refused>,
) -> Association {
    let mut found = None;
    for value in options.all(code) {
        match Ia::parse(value) {
            Some(ia) if asked && ia.iaid == iaid && found.is_none() => found = Some(ia),
            _ => refused.push(Refused::BadIa),
        }
    }
    let Some(ia) = found else { return Association::Missing };
    let status = ia.options.status();
    if status != Status::SUCCESS {
        return Association::Failed(status);
    }
    // Infinity is the largest number, so an infinite T1 with a finite T2 falls under this, too (§21.4).
    if ia.t2.0 > 0 && ia.t1 > ia.t2 {
        refused.push(Refused::BadIa);
        return Association::Missing;
    }
    let mut entries = Vec::new();
    for (inner, value) in ia.options.iter() {
        let entry = match (code, inner) {
            (OptionCode::IA_NA, OptionCode::IAADDR) => address(value),
            (OptionCode::IA_PD, OptionCode::IAPREFIX) => prefix(value),
            _ => continue,
        };
        match entry {
            Some(entry) if entries.len() < MAX_PER_ASSOCIATION => entries.push(entry),
            _ => refused.push(Refused::BadIa),
        }
    }
    Association::Given { t1: ia.t1, t2: ia.t2, entries }
}

fn address(value: &[u8]) -> Option<Entry> {
    let IaAddress { address, preferred, valid, options } = IaAddress::parse(value)?;
    let usable = is_routable(address) && preferred <= valid && options.status() == Status::SUCCESS;
    usable.then_some(Entry { address, prefix_len: 128, preferred, valid })
}

fn prefix(value: &[u8]) -> Option<Entry> {
    let IaPrefix { preferred, valid, prefix_len, prefix, options } = IaPrefix::parse(value)?;
    let usable = is_routable(prefix)
        && (1..=128).contains(&prefix_len)
        && preferred <= valid
        && options.status() == Status::SUCCESS;
    let mask = u128::MAX << 128_u32.saturating_sub(prefix_len.into()).min(127);
    let network = Ipv6Addr::from(u128::from(prefix) & mask);
    usable.then_some(Entry { address: network, prefix_len, preferred, valid })
}

impl Association {
    pub(super) fn entries(&self) -> &[Entry] {
        match self {
            Self::Given { entries, .. } => entries,
            Self::Missing | Self::Failed(_) => &[],
        }
    }

    /// It gives at least one address or prefix.
    pub(super) fn is_granted(&self) -> bool {
        self.entries().iter().any(Entry::is_granted)
    }

    /// What it gives, without what it takes away.
    pub(super) fn granted(&self) -> impl Iterator<Item = &Entry> {
        self.entries().iter().filter(|entry| entry.is_granted())
    }

    /// The server does not know it, or not here: it has to be asked for anew.
    pub(super) fn is_unbound(&self) -> bool {
        matches!(self, Self::Failed(Status::NO_BINDING | Status::NOT_ON_LINK))
    }

    /// When to renew and to rebind, counted from `now`; `None` is never. Nothing to extend gives never, too.
    pub(super) fn times(&self, now: Instant) -> Times {
        let Self::Given { t1, t2, .. } = self else { return Times::default() };
        let Some(longest) = self.granted().map(|entry| entry.valid).max() else { return Times::default() };
        let preferred = self.granted().map(|entry| entry.preferred).filter(|preferred| preferred.0 > 0).min();
        // Deprecated from the start: there is only the valid lifetime to go by.
        let basis = preferred.unwrap_or(longest);
        let share = |share| basis.duration().map(|span| span.mul_f64(share));
        // A server that would have us renew after the end cannot mean it.
        let given = |t: &Lifetime| t.0 > 0 && (t.is_infinite() || *t < longest);
        let t1 = if given(t1) {
            t1.duration()
        } else {
            sooner(share(T1_SHARE), t2.duration().filter(|_| t2.0 > 0))
        };
        let t2 = if t2.0 > 0 { t2.duration() } else { later(share(T2_SHARE), t1) };
        Times {
            renew_at: t1.map(|t1| now + t1.max(MIN_RENEW_TIME)),
            rebind_at: t2.map(|t2| now + t2.max(MIN_RENEW_TIME)),
        }
    }
}

fn sooner(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn later(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    Some(one?.max(other?))
}

/// When to renew and when to rebind; `None` is never.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Times {
    pub(super) renew_at: Option<Instant>,
    pub(super) rebind_at: Option<Instant>,
}

impl Times {
    /// The earlier of each.
    pub(super) fn or_earlier(self, other: Self) -> Self {
        Self {
            renew_at: earliest(self.renew_at, other.renew_at),
            rebind_at: earliest(self.rebind_at, other.rebind_at),
        }
    }
}
