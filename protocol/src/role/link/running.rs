//! What runs on a link while its interface exists: socket, DHCPv6 stage, permit, 4o6 client, and what the kernel was
//! told.

mod datagrams;
mod kernel;
mod stage4;
mod stage6;

use crate::acd::Acd;
use crate::client4::Client4;
use crate::client6::Client6;
use crate::facts::{LinkFacts, Noted};
use crate::ids::{ClientId, Duid, EndpointId};
use crate::lease::{Ipv4Config, LeaseEventKind};
use crate::machine::{Command, ConfigureError, Effect, Effects, OpenError, Port};
use crate::permit::{Permit, WireProfile};
use crate::record::LinkRecord;
use crate::rng::Rng;
use crate::role::bucket::Bucket;
use crate::role::client4o6::Client4o6;
use crate::settings::{LinkSettings, Mode, Profile};
use crate::time::{Instant, earliest};
use stage6::permit_options;
use std::time::Duration;

/// First pause before a socket is tried again; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(1);
/// Longest pause before a socket is tried again.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// An address that somebody removed is put back once in this time; removed again, the lease is given back.
const RESTORE_INTERVAL: Duration = Duration::from_secs(60);
/// How long a change may wait for the disk that costs nothing when it is lost.
const SAVE_DELAY: Duration = Duration::from_secs(5);
/// How long the absence of another DHCPv4 client holds true without looking again.
const NATIVE_FRESH: Duration = Duration::from_secs(60);
/// Pause after an address was removed twice.
const REMOVED_PAUSE: Duration = Duration::from_secs(600);

/// What the running part borrows from its link while it handles something.
pub(super) struct Cx<'a> {
    pub(super) now: Instant,
    pub(super) settings: &'a LinkSettings,
    pub(super) facts: &'a LinkFacts,
    pub(super) rng: &'a mut Rng,
    pub(super) bucket: &'a mut Bucket,
    pub(super) record: &'a mut LinkRecord,
    pub(super) last_error: &'a mut Option<Noted>,
    pub(super) out: &'a mut Effects,
}

impl Cx<'_> {
    fn note(&mut self, name: &'static str, text: String) {
        *self.last_error = Some(Noted { at: self.now, name, text });
    }
}

/// A thing that is tried again with back-off.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Retry {
    pub(super) at: Instant,
    wait: Duration,
}

impl Retry {
    /// The next attempt after `last`, which failed now.
    fn after(last: Option<Self>, now: Instant) -> Self {
        let wait = last.map_or(RETRY, |last| last.wait.saturating_mul(2).min(RETRY_MAX));
        Self { at: now + wait, wait }
    }
}

/// UDP port 546 on the link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Socket {
    Closed,
    /// Asked for; the last failure, if there was one.
    Opening(Option<(OpenError, Retry)>),
    Open,
    Failed(OpenError, Retry),
}

/// Whether another program runs DHCPv4 on the link (RFC 7341 §9 forbids both at once).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Native {
    Unknown,
    Checking(Option<Retry>),
    /// Nobody had the port then.
    Clear(Instant),
    Active(Retry),
}

/// Carrier and what follows from it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Carrier {
    /// Long gone, or never seen.
    Down,
    /// Gone, perhaps only for a moment; if it stays away, it counts as gone from then on.
    Flapping(Instant),
    Up,
}

/// The server's word about DHCPv4 over DHCPv6.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Leave {
    /// No Reply yet, or the Reply did not give it.
    None,
    /// The first Reply gave it in a form that cannot be used.
    Refused,
    Valid(Permit),
    /// Given once; DHCPv6 has not confirmed it since the link was down.
    Suspended(Permit),
    Withdrawn,
    Expired,
}

impl Leave {
    pub(super) fn valid(&self) -> Option<&Permit> {
        match self {
            Self::Valid(permit) => Some(permit),
            Self::None | Self::Refused | Self::Suspended(_) | Self::Withdrawn | Self::Expired => None,
        }
    }

    /// Valid or suspended: what a restart should remember.
    pub(super) fn permit(&self) -> Option<&Permit> {
        match self {
            Self::Valid(permit) | Self::Suspended(permit) => Some(permit),
            Self::None | Self::Refused | Self::Withdrawn | Self::Expired => None,
        }
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Refused => "refused",
            Self::Valid(_) => "valid",
            Self::Suspended(_) => "suspended",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

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

/// Why nothing is to run any more, once the last message is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    No,
    /// The DHCPv6 stage gives its leases back.
    Releasing,
    Done,
}

/// See the module's description.
pub(super) struct Running {
    pub(super) socket: Socket,
    carrier: Carrier,
    /// The DHCPv6 stage was told that it may send.
    ready: bool,
    pub(super) client6: Client6,
    pub(super) leave: Leave,
    pub(super) four: Client4o6,
    /// The lease must be confirmed before it counts again, because the network may be another one.
    verify: bool,
    pub(super) native: Native,
    pub(super) waiting_for: Option<&'static str>,
    /// The operator gave the lease back; nothing new until asked.
    pub(super) released: bool,
    /// The lease ended by itself and no other has come yet.
    pub(super) expired: bool,
    /// The remembered lease was granted or found on the target in this life.
    proven: bool,
    pub(super) installed: Option<Installed>,
    /// To be told once the kernel has taken it.
    untold: Option<LeaseEventKind>,
    restored_at: Option<Instant>,
    /// The address was removed twice: nothing until then.
    pub(super) paused_until: Option<Instant>,
    acd: Option<Acd>,
    /// When to look at the source address again: it changed too soon after it had changed.
    follow_at: Option<Instant>,
    /// When to write what may wait.
    save_at: Option<Instant>,
    ending: Ending,
}

impl Running {
    pub(super) fn new(
        now: Instant,
        settings: &LinkSettings,
        duid: &Duid,
        record: &LinkRecord,
        facts: &LinkFacts,
    ) -> Self {
        let remembered = record.lease4.clone().filter(|lease| lease.is_valid(now));
        let client_id = ClientId::new(record.iaid, duid);
        let engine = Client4::new(settings.dhcp4.clone(), client_id, facts.hardware.clone(), remembered);
        Self {
            socket: Socket::Closed,
            carrier: Carrier::Down,
            ready: false,
            client6: Client6::new(settings.dhcp6.clone(), permit_options(settings), duid.clone(), record),
            leave: remembered_permit(settings, record).map_or(Leave::None, Leave::Suspended),
            four: Client4o6::new(engine),
            verify: true,
            native: Native::Unknown,
            waiting_for: None,
            released: false,
            expired: false,
            proven: false,
            installed: None,
            untold: None,
            restored_at: None,
            paused_until: None,
            acd: None,
            follow_at: None,
            save_at: None,
            ending: Ending::No,
        }
    }

    /// A change of settings is coming: what it ends is put away.
    pub(super) fn pause(&mut self, cx: &mut Cx<'_>) {
        self.save(cx);
        self.end_check(cx);
    }

    /// Takes over what a change of settings does not end: the open socket, and what the kernel has.
    pub(super) fn inherit(&mut self, old: Self) {
        self.socket = old.socket;
        self.installed = old.installed;
        self.proven = old.proven;
        self.released = old.released;
        self.restored_at = old.restored_at;
    }

    pub(super) fn has_ended(&self) -> bool {
        self.ending == Ending::Done
    }

    /// The first look at the link.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>) {
        if cx.settings.mode == Mode::Off {
            self.forget(cx);
        }
        self.adopt(cx);
        self.adopt6(cx);
        self.follow_carrier(cx);
        self.drive6(cx, |client6, cx, out| {
            client6.advertised(cx.now, cx.facts.ra.as_ref(), cx.rng, out);
        });
        self.make_ready(cx);
    }

    pub(super) fn on_facts(&mut self, before: &LinkFacts, cx: &mut Cx<'_>) {
        self.follow_carrier(cx);
        if before.ra != cx.facts.ra {
            self.drive6(cx, |client6, cx, out| {
                client6.advertised(cx.now, cx.facts.ra.as_ref(), cx.rng, out);
            });
        }
        if before.addresses != cx.facts.addresses {
            self.drive6(cx, |client6, cx, out| {
                client6.addresses(cx.now, &cx.facts.addresses, cx.rng, out);
            });
        }
        self.make_ready(cx);
        self.follow_source(cx);
        self.follow_check(before, cx);
        self.follow_target(cx);
    }

    fn follow_carrier(&mut self, cx: &mut Cx<'_>) {
        let up = cx.facts.running();
        match (self.carrier, up) {
            (Carrier::Up, true) | (Carrier::Down | Carrier::Flapping(_), false) => {}
            (Carrier::Up, false) if cx.settings.flap_hold.is_zero() => self.go_down(cx),
            (Carrier::Up, false) => self.carrier = Carrier::Flapping(cx.now + cx.settings.flap_hold),
            (Carrier::Flapping(_), true) => {
                self.carrier = Carrier::Up;
                self.drive6(cx, |client6, cx, out| client6.moved(cx.now, cx.rng, out));
            }
            (Carrier::Down, true) => {
                self.carrier = Carrier::Up;
                self.client6.carrier(cx.now, cx.rng);
                if self.socket == Socket::Closed {
                    self.open(None, cx);
                }
            }
        }
    }

    fn open(&mut self, last: Option<(OpenError, Retry)>, cx: &mut Cx<'_>) {
        self.socket = Socket::Opening(last);
        cx.out.push(Effect::Open(Port::Client6));
    }

    pub(super) fn on_opened(&mut self, port: Port, result: Result<(), OpenError>, cx: &mut Cx<'_>) {
        match port {
            Port::Client6 => {
                let Socket::Opening(last) = self.socket else { return };
                self.socket = match result {
                    Ok(()) => Socket::Open,
                    Err(error) => {
                        cx.note(socket_reason(error), format!("UDP port 546: {error}"));
                        Socket::Failed(error, Retry::after(last.map(|(_, retry)| retry), cx.now))
                    }
                };
                self.make_ready(cx);
            }
            Port::Native4 => {
                let Native::Checking(last) = self.native else { return };
                self.native = match result {
                    Err(OpenError::InUse) => {
                        cx.note(
                            "native-dhcp-active",
                            "another program receives DHCPv4 (UDP port 68) on this link".to_owned(),
                        );
                        Native::Active(Retry::after(last, cx.now))
                    }
                    // What cannot be found out must not keep the link from its IPv4.
                    Ok(()) | Err(OpenError::NotPermitted | OpenError::NoLink | OpenError::Other(_)) => {
                        Native::Clear(cx.now)
                    }
                };
            }
            Port::Cra6(_) | Port::Direct4(..) | Port::Tap => {}
            Port::Arp(_) => {
                if let Err(error) = result {
                    cx.note("arp-failed", format!("the address is used unchecked: {error}"));
                    self.checked(false, cx);
                }
            }
        }
    }

    /// Lets the DHCPv6 stage send as soon as socket and link-local address are there.
    fn make_ready(&mut self, cx: &mut Cx<'_>) {
        let can_send = cx.facts.running() && self.socket == Socket::Open && cx.facts.link_local().is_some();
        if can_send && !self.ready && self.ending == Ending::No {
            self.ready = true;
            // Now and not when a Reply is there, which is followed by a query at once.
            if cx.settings.mode != Mode::Off && self.native == Native::Unknown {
                self.check_native(None, cx);
            }
            self.drive6(cx, |client6, cx, out| client6.ready(cx.now, cx.rng, out));
        }
    }

    /// The link has been down for longer than a flap: everything must be confirmed when it comes back.
    fn go_down(&mut self, cx: &mut Cx<'_>) {
        self.carrier = Carrier::Down;
        self.ready = false;
        self.client6.stop(cx.now);
        self.suspend_permit(cx);
    }

    fn suspend_permit(&mut self, cx: &mut Cx<'_>) {
        if let Leave::Valid(permit) = &self.leave {
            self.leave = Leave::Suspended(permit.clone());
        }
        self.verify = true;
        self.suspend4(cx);
        self.save(cx);
    }

    /// The interface is gone, and everything on it. The lease is kept for its return.
    pub(super) fn vanish(&mut self, cx: &mut Cx<'_>) {
        self.save(cx);
        if self.installed.take().is_some() {
            cx.out.push(Effect::Configure(EndpointId::FIRST, None));
        }
        cx.out.push(Effect::Close(Port::Client6));
        self.end_check(cx);
    }

    /// The operator wants the link to run, whatever was decided before.
    pub(super) fn readmit(&mut self, _: &mut Cx<'_>) {
        self.released = false;
        self.paused_until = None;
    }

    pub(super) fn renew(&mut self, cx: &mut Cx<'_>) {
        self.readmit(cx);
        self.drive4(cx, |engine, now, cx, out| {
            engine.renew(now, cx, out);
        });
    }

    pub(super) fn rebind(&mut self, cx: &mut Cx<'_>) {
        self.drive4(cx, |engine, now, cx, out| {
            engine.rebind(now, cx, out);
        });
    }

    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        self.released = true;
        self.drive4(cx, |engine, now, cx, out| engine.release(now, cx, out));
        self.end_check(cx);
    }

    pub(super) fn restart(&mut self, cx: &mut Cx<'_>) {
        self.readmit(cx);
        self.suspend_permit(cx);
        if self.ready {
            self.drive6(cx, |client6, cx, out| client6.restart(cx.now, cx.rng, out));
        }
    }

    /// The machine slept. What ended in the meantime goes first; the rest is confirmed as after a long outage.
    pub(super) fn resumed(&mut self, cx: &mut Cx<'_>) {
        self.on_deadline(cx);
        if self.carrier != Carrier::Down {
            self.go_down(cx);
            self.follow_carrier(cx);
            self.make_ready(cx);
        }
    }

    pub(super) fn stop(&mut self, command: Command, cx: &mut Cx<'_>) {
        if cx.settings.release_on_stop {
            // DHCPv4 first: its RELEASE needs the configuration that DHCPv6 gives back.
            self.drive4(cx, |engine, now, cx, out| engine.release(now, cx, out));
            self.end_check(cx);
            self.ending = Ending::Releasing;
            self.drive6(cx, |client6, cx, out| client6.release(cx.now, cx.rng, out));
            return;
        }
        self.save(cx);
        self.suspend4(cx);
        if command == Command::Stop {
            self.clear(cx);
        }
        cx.out.push(Effect::Close(Port::Client6));
        self.ending = Ending::Done;
    }

    /// Everything is given back.
    fn end(&mut self, cx: &mut Cx<'_>) {
        self.leave = Leave::None;
        self.clear(cx);
        self.save(cx);
        cx.out.push(Effect::Close(Port::Client6));
        self.ending = Ending::Done;
    }

    /// Nothing of ours stays on the link.
    fn clear(&mut self, cx: &mut Cx<'_>) {
        if self.installed.take().is_some() {
            cx.out.push(Effect::Configure(EndpointId::FIRST, None));
        }
        cx.out.push(Effect::Assign6(Vec::new()));
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        // The lease first: if it ended, nothing else may happen before it is gone.
        if self.four.engine.deadline().is_some_and(|at| at <= cx.now) {
            self.drive4(cx, |engine, now, cx, out| engine.on_deadline(now, cx, out));
        }
        if let Carrier::Flapping(until) = self.carrier
            && until <= cx.now
        {
            self.go_down(cx);
        }
        if self.client6.deadline().is_some_and(|at| at <= cx.now) {
            self.drive6(cx, |client6, cx, out| client6.on_deadline(cx.now, cx.rng, out));
        }
        if self.acd.as_ref().and_then(Acd::deadline).is_some_and(|at| at <= cx.now) {
            self.drive_acd(cx, |acd, cx, out| acd.on_deadline(cx.now, cx.rng, out));
        }
        if let Socket::Failed(error, retry) = self.socket
            && retry.at <= cx.now
        {
            self.open(Some((error, retry)), cx);
        }
        if let Native::Active(retry) = self.native
            && retry.at <= cx.now
        {
            self.check_native(Some(retry), cx);
        }
        if self.save_at.is_some_and(|at| at <= cx.now) {
            self.save(cx);
        }
        if self.paused_until.is_some_and(|at| at <= cx.now) {
            self.paused_until = None;
        }
        if self.follow_at.is_some_and(|at| at <= cx.now) {
            self.follow_source(cx);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let flap = match self.carrier {
            Carrier::Flapping(until) => Some(until),
            Carrier::Down | Carrier::Up => None,
        };
        let socket = match self.socket {
            Socket::Failed(_, retry) => Some(retry.at),
            Socket::Closed | Socket::Opening(_) | Socket::Open => None,
        };
        let native = match self.native {
            Native::Active(retry) => Some(retry.at),
            Native::Unknown | Native::Checking(_) | Native::Clear(_) => None,
        };
        let acd = self.acd.as_ref().and_then(Acd::deadline);
        [
            self.client6.deadline(),
            self.four.engine.deadline(),
            flap,
            socket,
            native,
            acd,
            self.paused_until,
            self.follow_at,
            self.save_at,
        ]
        .into_iter()
        .fold(None, earliest)
    }
}

/// The last permit, unless it came in a profile that is not asked for any more.
fn remembered_permit(settings: &LinkSettings, record: &LinkRecord) -> Option<Permit> {
    let asked = match (settings.mode, settings.profile) {
        (Mode::Off, _) => &[][..],
        (_, Profile::Rfc7341) => &[WireProfile::Rfc7341],
        (_, Profile::Draft01) => &[WireProfile::Draft01],
        (_, Profile::Dual) => &[WireProfile::Rfc7341, WireProfile::Draft01],
    };
    record.permit.clone().filter(|permit| asked.contains(&permit.profile))
}

/// The reason that a link shows while its socket cannot be opened.
pub(super) fn socket_reason(error: OpenError) -> &'static str {
    match error {
        OpenError::InUse => "port-in-use",
        OpenError::NotPermitted => "not-permitted",
        OpenError::NoLink => "no-link",
        OpenError::Other(_) => "socket-failed",
    }
}
