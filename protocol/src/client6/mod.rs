//! DHCPv6 client (RFC 8415 §18.2), stateful and stateless.
//!
//! Blind to its transport: every message goes to ff02::1:2 from the link-local address, and whoever drives it knows how.
//!
//! ```text
//!  stateful    Off ──▶ Soliciting ──Advertise──▶ Requesting ──Reply──▶ Bound ──T1──▶ Extending ──Reply──▶ Bound
//!               │        ▲      └──Reply with Rapid Commit──────────────▲ ▲            │   │
//!               │     Resting ◀──refused, expired, not on link──────────┼─┘            │   └─NoBinding─▶ Requesting
//!               ├──with a lease──▶ Checking (Confirm, Rebind)───────────┘              └─T2─▶ Extending (Rebind)
//!               └──Bound──▶ Declining ──▶ Resting, Bound        any ──▶ Releasing ──▶ Off
//!
//!  stateless   Off ──▶ Asking ──Reply──▶ Fresh ──refresh time──▶ Asking
//! ```
//!
//! The two halves run beside each other: when servers have no address for us, the stateless half obtains the rest while
//! the stateful half goes on soliciting. [`Client6`] decides which of them runs.

mod binding;
mod checking;
mod context;
mod extending;
mod information;
mod leaving;
mod message;
mod published;
mod reply;
mod requesting;
mod soliciting;
mod stateful;
#[cfg(test)]
mod tests;

use crate::exchange::Exchange;
use crate::facts::{Address6, RouterAdvertisement};
use crate::ids::Duid;
use crate::lease::{Assignment6, Lease6};
use crate::params;
use crate::record::LinkRecord;
use crate::refused::Refused;
use crate::rng::Rng;
use crate::settings::{Dhcp6Mode, Dhcp6Settings};
use crate::status::{Dhcp6Status, Options6};
use crate::time::{Instant, earliest};
use crate::wire::v6::{Message, MessageType};
use crate::wire::v6_option::OptionCode;
use binding::Binding;
use context::{Context, Cx, Silence};
use information::Stateless;
use reply::Answer;
use stateful::Stateful;
use std::net::Ipv6Addr;

/// What the engine wants done, in order.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Send this to ff02::1:2, from the link-local address.
    Send(Vec<u8>),
    /// [`Client6::assignments`] changed.
    Assign,
    /// A successful Reply to Request, Renew, Rebind, Information-request or a rapid-commit Solicit: the octets of its
    /// top-level options. Only these decide about the permit (C6-05 to C6-07).
    Configured(Vec<u8>),
    /// The configuration that we had still holds, though nobody sent it again: Success to Confirm, or no answer to a
    /// movement check.
    Confirmed,
    /// The link is another one than before: the addresses that we had do not belong to it.
    Elsewhere,
    /// Nothing that DHCPv6 gave is valid any more.
    Expired,
    /// What [`Client6::save`] writes changed.
    Save,
    /// Count this.
    Refused(Refused),
    /// Tell the operator: a stable name and a sentence.
    Note(&'static str, String),
    /// A Release that [`Client6::release`] began is over.
    Released,
}

/// The DHCPv6 client of one link.
#[derive(Debug)]
pub struct Client6 {
    context: Context,
    stateful: Stateful,
    stateless: Stateless,
    phase: Phase,
    /// Which half router advertisements, or their absence, or the settings ask for.
    way: Option<Way>,
    ra: Option<RouterAdvertisement>,
    /// Prefixes on the link when it last ran, once there were any.
    prefixes: Option<Vec<(Ipv6Addr, u8)>>,
    /// When a router advertisement last caused a refresh.
    refreshed_at: Option<Instant>,
    /// Something is valid, as last reported.
    configured: bool,
}

/// How far the link is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Stopped,
    /// It can send, but has no link-local address yet.
    Carrier(Start),
    Running(Start),
}

/// When things began, and when they may.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Start {
    carrier_at: Instant,
    /// End of the random delay.
    not_before: Instant,
}

/// The two ways to configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Way {
    Stateful,
    Stateless,
}

impl Way {
    /// The way that the settings prescribe; `None` leaves it to router advertisements.
    fn configured(settings: &Dhcp6Settings) -> Option<Self> {
        let asks = settings.address || settings.prefix;
        match settings.mode {
            Dhcp6Mode::Stateless => Some(Self::Stateless),
            // There is nothing to solicit.
            Dhcp6Mode::Stateful | Dhcp6Mode::Auto if !asks => Some(Self::Stateless),
            Dhcp6Mode::Stateful => Some(Self::Stateful),
            Dhcp6Mode::Auto => None,
        }
    }
}

/// Borrows what a state may use from the client that it is a part of.
macro_rules! cx {
    ($self:ident, $now:expr, $rng:expr, $out:expr) => {
        &mut Cx { now: $now, rng: $rng, out: $out, context: &mut $self.context }
    };
}

impl Client6 {
    /// A client that is off. `permit_options` are always asked for; leases come from `record`.
    pub fn new(settings: Dhcp6Settings, permit_options: Vec<u16>, duid: Duid, record: &LinkRecord) -> Self {
        let way = Way::configured(&settings);
        let lease = record.lease6.as_ref().filter(|_| way != Some(Way::Stateless));
        let binding = Binding::new(lease, record.iaid, &settings);
        let in_range = |seconds: &u32| params::MAX_RT_RANGE.contains(seconds);
        Self {
            configured: binding.lease().is_some(),
            context: Context {
                settings,
                permit_options,
                duid,
                iaid: record.iaid,
                sol_max_rt: record.sol_max_rt.filter(in_range),
                inf_max_rt: record.inf_max_rt.filter(in_range),
                options: Options6::default(),
                reply_at: None,
                failures: 0,
                denied: false,
                silence: Silence::default(),
            },
            stateful: Stateful::new(binding),
            stateless: Stateless::new(),
            phase: Phase::Stopped,
            way,
            ra: None,
            prefixes: None,
            refreshed_at: None,
        }
    }

    /// The link can send, or can again after having been down: the random delay starts now, beside the kernel's
    /// duplicate address detection. Leases are verified once [`Client6::ready`] is called.
    pub fn carrier(&mut self, now: Instant, rng: &mut Rng) {
        self.stop(now);
        self.phase = Phase::Carrier(self.start(now, rng));
        // It may be another network, whose routers have to speak first.
        self.way = Way::configured(&self.context.settings);
        self.follow_flags(now, rng);
    }

    /// The link-local address is usable.
    pub fn ready(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        let start = match self.phase {
            Phase::Running(_) => return,
            Phase::Carrier(start) => start,
            Phase::Stopped => self.start(now, rng),
        };
        self.stateful.reset();
        self.phase = Phase::Running(start);
        if self.prefixes.is_none() {
            // The first ones may have come before the link-local address.
            self.follow_prefixes(now, rng, out);
        }
        self.settle(now, rng, out);
    }

    /// The link may be another one than before, though it was not down for long: check for movement (§18.2.12).
    pub fn moved(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        if let Phase::Running(start) = self.phase {
            let not_before = self.delayed(now, rng);
            self.phase = Phase::Running(Start { not_before, ..start });
            self.stateful.interrupt();
            self.stateless.interrupt();
        }
        self.settle(now, rng, out);
    }

    /// The link is down, or the stage is switched off: pending exchanges end, leases stay and run on.
    ///
    /// A Release that is under way ends with the next deadline, which comes at once.
    pub fn stop(&mut self, now: Instant) {
        self.stateful.stop(now);
        self.stateless.stop();
        self.context.silence.end();
        self.context.denied = false;
        self.phase = Phase::Stopped;
    }

    /// The latest router advertisement; called after every change.
    pub fn advertised(
        &mut self,
        now: Instant,
        ra: Option<&RouterAdvertisement>,
        rng: &mut Rng,
        out: &mut Vec<Action>,
    ) {
        self.ra = ra.cloned();
        self.follow_flags(now, rng);
        self.follow_prefixes(now, rng, out);
        self.settle(now, rng, out);
    }

    /// The link's addresses, with the outcome of duplicate address detection; called after every change.
    pub fn addresses(&mut self, now: Instant, addresses: &[Address6], rng: &mut Rng, out: &mut Vec<Action>) {
        let assigned = self.assignments();
        let ours = || addresses.iter().filter(|a| assigned.iter().any(|b| b.address == a.address));
        let duplicates: Vec<Ipv6Addr> = ours().filter(|a| a.duplicate).map(|a| a.address).collect();
        if ours().any(Address6::usable) {
            self.stateful.address_is_good();
        }
        if !duplicates.is_empty() {
            self.stateful.decline(duplicates, cx!(self, now, rng, out));
        }
        self.settle(now, rng, out);
    }

    /// An Advertise, Reply or Reconfigure.
    ///
    /// # Errors
    /// When it is not for us, not now, or not valid; nothing has changed then.
    pub fn receive(
        &mut self,
        now: Instant,
        message: &Message<'_>,
        rng: &mut Rng,
        out: &mut Vec<Action>,
    ) -> Result<(), Refused> {
        let (way, answer) = self.check(message)?;
        self.context.silence.end();
        let cx = cx!(self, now, rng, out);
        cx.refuse(&answer.refused);
        match way {
            Way::Stateful => self.stateful.receive(message.kind, &answer, cx),
            Way::Stateless => self.stateless.receive(&answer, cx),
        }
        self.settle(now, rng, out);
        Ok(())
    }

    /// What a message answers, and what it says; looks, and takes nothing.
    fn check<'m>(&self, message: &Message<'m>) -> Result<(Way, Answer<'m>), Refused> {
        match message.kind {
            MessageType::ADVERTISE | MessageType::REPLY => {}
            MessageType::RECONFIGURE => return Err(Refused::Reconfigure),
            _ => return Err(Refused::UnexpectedState),
        }
        let rapid_commit =
            self.context.settings.rapid_commit && message.options.first(OptionCode::RAPID_COMMIT).is_some();
        let awaited = [
            (Way::Stateful, self.stateful.awaits(message.kind, rapid_commit)),
            (Way::Stateless, self.stateless.awaits(message.kind)),
        ];
        if awaited.iter().all(|(_, exchange)| exchange.is_none()) {
            return Err(Refused::UnexpectedState);
        }
        let asked =
            |exchange: Option<&Exchange>| exchange.is_some_and(|exchange| exchange.xid() == message.xid());
        let way = awaited.into_iter().find(|(_, exchange)| asked(*exchange)).map(|(way, _)| way);
        Ok((way.ok_or(Refused::BadReply6)?, Answer::read(message, &self.context)?))
    }

    /// [`Client6::deadline`] was reached. Too early or twice changes nothing.
    pub fn on_deadline(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        self.settle(now, rng, out);
    }

    /// When to call [`Client6::on_deadline`].
    pub fn deadline(&self) -> Option<Instant> {
        let stateful = earliest(self.stateful.deadline(), self.stateful.binding.deadline());
        let stateless = self.stateless.deadline(&self.context.settings);
        let waiting = earliest(self.decides_at(), self.context.silence.deadline());
        earliest(earliest(stateful, stateless), waiting)
    }

    /// Gives all leases back: addresses go first, then up to four Release messages, then `Released`. At once
    /// `Released` when there is nothing to give back, or nothing can be sent. Off afterwards.
    pub fn release(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        if self.stateful.is_releasing() {
            return;
        }
        let running = matches!(self.phase, Phase::Running(_));
        self.stop(now);
        self.stateless.forget();
        self.configured = false;
        self.context.options = Options6::default();
        self.stateful.release(running, cx!(self, now, rng, out));
        self.settle(now, rng, out);
    }

    /// Begin again: forget what is pending, verify or obtain everything anew. Nothing happens while the link is down.
    pub fn restart(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        if let Phase::Running(start) = self.phase {
            self.stop(now);
            self.stateful.reset();
            self.context.failures = 0;
            self.phase = Phase::Running(Start { not_before: now, ..start });
        }
        self.settle(now, rng, out);
    }

    /// Renews now, as if T1 had come. Nothing happens without a lease, or while an exchange is pending.
    pub fn renew(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        self.stateful.refresh(now);
        self.settle(now, rng, out);
    }

    /// Addresses that should be on the link now.
    pub fn assignments(&self) -> Vec<Assignment6> {
        self.lease().map_or(Vec::new(), |lease| lease.addresses.clone())
    }

    /// The stateful lease.
    pub fn lease(&self) -> Option<&Lease6> {
        self.stateful.binding.lease()
    }

    /// What the last Reply gave besides addresses.
    pub fn options(&self) -> &Options6 {
        &self.context.options
    }

    /// True while some configuration of DHCPv6 is valid.
    pub fn is_configured(&self) -> bool {
        self.lease().is_some() || self.stateless.is_configured()
    }

    /// Writes what a restart needs into `record`: lease, SOL_MAX_RT, INF_MAX_RT.
    pub fn save(&self, record: &mut LinkRecord) {
        record.lease6 = self.lease().cloned();
        record.sol_max_rt = self.context.sol_max_rt;
        record.inf_max_rt = self.context.inf_max_rt;
    }

    /// For people.
    pub fn status(&self) -> Dhcp6Status {
        let lease = self.lease();
        // While the stateful half only looks for addresses in vain, what the other does tells more.
        let stateless = !self.stateless.is_off() && lease.is_none();
        let (state, exchange) = match (stateless, self.phase) {
            (true, _) => (self.stateless.word(), self.stateless.exchange().or(self.stateful.exchange())),
            (false, Phase::Stopped) => (self.stateful.word(), self.stateful.exchange()),
            (false, _) if self.stateful.is_off() => ("waiting", None),
            (false, _) => (self.stateful.word(), self.stateful.exchange()),
        };
        Dhcp6Status {
            state,
            mode: match (lease, self.way) {
                (Some(_), _) | (None, Some(Way::Stateful)) => "stateful",
                (None, Some(Way::Stateless)) => "stateless",
                (None, None) => "auto",
            },
            exchange: exchange.map(Exchange::status),
            duid: Some(self.context.duid.clone()),
            iaid: Some(self.context.iaid),
            server: lease.map(|lease| &lease.server).or(self.stateless.server()).cloned(),
            lease: lease.cloned(),
            refresh_at: self.stateless.refresh_at(),
            reply_at: self.context.reply_at,
            options: self.context.options.clone(),
            sol_max_rt: self.context.sol_max_rt,
            inf_max_rt: self.context.inf_max_rt,
        }
    }

    fn start(&self, now: Instant, rng: &mut Rng) -> Start {
        Start { carrier_at: now, not_before: self.delayed(now, rng) }
    }

    fn delayed(&self, now: Instant, rng: &mut Rng) -> Instant {
        now + rng.up_to(self.context.settings.max_delay)
    }

    /// When mode `auto` no longer waits for a router advertisement.
    fn decides_at(&self) -> Option<Instant> {
        match (self.phase, self.way) {
            (Phase::Running(start), None) => Some(start.carrier_at + params::RA_WAIT),
            (Phase::Running(_), Some(_)) | (Phase::Stopped | Phase::Carrier(_), _) => None,
        }
    }

    /// Follows the M and O flags when the settings leave it to them. All hosts of a link hear a change at once, so it
    /// has a random delay of its own.
    fn follow_flags(&mut self, now: Instant, rng: &mut Rng) {
        let Some(ra) = self.ra.as_ref().filter(|_| Way::configured(&self.context.settings).is_none()) else {
            return;
        };
        let way = match (ra.managed, ra.other) {
            (true, _) => Some(Way::Stateful),
            (false, true) => Some(Way::Stateless),
            // Until one was decided for, another router may still set a flag.
            (false, false) => self.way.map(|_| Way::Stateless),
        };
        let before = std::mem::replace(&mut self.way, way);
        if let Phase::Running(start) = self.phase
            && before.is_some()
            && before != way
        {
            let not_before = self.delayed(now, rng);
            self.phase = Phase::Running(Start { not_before, ..start });
        }
    }

    /// A change of the prefixes on the link may mean a change of the network: refreshes early (RFC 8415 §18.2.12).
    fn follow_prefixes(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        let (Phase::Running(_), Some(ra)) = (self.phase, &self.ra) else { return };
        // The first prefixes of a link that comes up are no change.
        if ra.prefixes.is_empty() && self.prefixes.is_none() {
            return;
        }
        let before = self.prefixes.replace(ra.prefixes.clone());
        let changed = before.is_some_and(|before| before != ra.prefixes);
        if !changed || self.refreshed_at.is_some_and(|at| now.since(at) < params::RA_REFRESH_INTERVAL) {
            return;
        }
        let at = self.delayed(now, rng);
        let stateful = self.stateful.refresh(at);
        let stateless = self.stateless.refresh(at, cx!(self, now, rng, out));
        if stateful || stateless {
            self.refreshed_at = Some(now);
        }
    }

    /// Does all that is due, until nothing is. What ended goes before anything is sent.
    fn settle(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        loop {
            let cx = cx!(self, now, rng, out);
            self.stateful.expire(cx);
            self.stateless.expire(cx);
            self.report_loss(out);
            self.run_halves(now, rng, out);
            if self.deadline().is_none_or(|at| now < at) {
                break;
            }
            let cx = cx!(self, now, rng, out);
            self.stateful.on_deadline(cx);
            self.stateless.on_deadline(cx);
            cx.on_silence();
        }
        let waits =
            |exchange: Option<&Exchange>| exchange.is_some_and(|exchange| exchange.transmissions() > 0);
        if !waits(self.stateful.exchange()) && !waits(self.stateless.exchange()) {
            self.context.silence.end();
        }
    }

    fn report_loss(&mut self, out: &mut Vec<Action>) {
        let configured = self.is_configured();
        let before = std::mem::replace(&mut self.configured, configured);
        if before && !configured {
            self.context.options = Options6::default();
            self.context.reply_at = None;
            out.push(Action::Expired);
        }
    }

    /// Starts and stops the two halves as the settings, router advertisements and servers have it.
    fn run_halves(&mut self, now: Instant, rng: &mut Rng, out: &mut Vec<Action>) {
        let Phase::Running(start) = self.phase else { return };
        if self.decides_at().is_some_and(|at| at <= now) {
            self.way = Some(Way::Stateless);
        }
        let first_at = start.not_before.max(now);
        let held = self.lease().is_some();
        if !held && self.way != Some(Way::Stateful) {
            self.stateful.stop(now);
        } else if self.stateful.is_off() {
            self.stateful.begin(first_at, cx!(self, now, rng, out));
        }
        let needed =
            self.way == Some(Way::Stateless) || self.context.denied || self.stateless.is_configured();
        if held {
            self.stateless.forget();
        } else if needed && self.stateless.is_off() {
            // A fallback was not planned at carrier, so it has a delay of its own.
            let first_at = if self.context.denied { self.delayed(now, rng) } else { first_at };
            self.stateless.begin(first_at, cx!(self, now, rng, out));
        }
    }
}
