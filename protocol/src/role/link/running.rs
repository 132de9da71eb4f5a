//! What runs on a link while its interface exists: socket, DHCPv6 stage, permit, 4o6 client, and what the kernel was
//! told.

mod datagrams;
mod stage6;
mod transport;

pub(super) use transport::Transport;

use super::agent::Agent;
use super::endpoint::Endpoint;
use crate::client6::Client6;
use crate::facts::{LinkFacts, Noted};
use crate::ids::{Duid, EndpointId, Iaid};
use crate::machine::{Command, ConfigureError, Effect, Effects, OpenError, Port};
use crate::permit::{Permit, WireProfile};
use crate::record::LinkRecord;
use crate::rng::Rng;
use crate::role::bucket::Bucket;
use crate::role::client4o6::Around;
use crate::settings::{HcraSettings, LinkSettings, Mode, Profile};
use crate::time::{Instant, earliest};
use stage6::permit_options;
use std::net::Ipv4Addr;
use std::time::Duration;

/// First pause before a socket is tried again; doubles up to [`RETRY_MAX`].
const RETRY: Duration = Duration::from_secs(1);
/// Longest pause before a socket is tried again.
const RETRY_MAX: Duration = Duration::from_secs(60);
/// How long a change may wait for the disk that costs nothing when it is lost.
const SAVE_DELAY: Duration = Duration::from_secs(5);

/// What the running part borrows from its link while it handles something.
pub(super) struct Cx<'a> {
    pub(super) now: Instant,
    pub(super) settings: &'a LinkSettings,
    pub(super) facts: &'a LinkFacts,
    pub(super) rng: &'a mut Rng,
    /// One for each endpoint; the DHCPv6 stage shares the first.
    pub(super) buckets: &'a mut [Bucket],
    pub(super) record: &'a mut LinkRecord,
    pub(super) last_error: &'a mut Option<Noted>,
    pub(super) out: &'a mut Effects,
}

impl Cx<'_> {
    pub(super) fn note(&mut self, name: &'static str, text: String) {
        *self.last_error = Some(Noted { at: self.now, name, text });
    }
}

impl Cx<'_> {
    /// Whether one more message of this endpoint may be sent.
    pub(super) fn may_send(&mut self, endpoint: EndpointId) -> bool {
        self.buckets.get_mut(usize::from(endpoint.0)).is_some_and(|bucket| bucket.take(self.now))
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
    pub(super) fn after(last: Option<Self>, now: Instant) -> Self {
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

/// Why nothing is to run any more, once the last message is out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ending {
    No,
    /// The DHCPv6 stage gives its leases back.
    Releasing,
    Done,
}

/// How long a link that may use either way waits for a DHCPv6 server to say which.
const UNDECIDED: Duration = Duration::from_secs(10);

/// What all endpoints of a link share.
pub(super) struct Base {
    pub(super) socket: Socket,
    carrier: Carrier,
    /// The DHCPv6 stage was told that it may send.
    ready: bool,
    pub(super) client6: Client6,
    pub(super) leave: Leave,
    pub(super) native: Native,
    /// The host Client Relay Agent.
    pub(super) agent: Agent,
    transport: Transport,
    /// Until then a server may yet give leave for 4o6, where either way would do.
    undecided_until: Option<Instant>,
    /// Whether there is leave for 4o6 is known, as far as it will be.
    decided: bool,
    /// The servers do not return client identifiers, so that only one endpoint can be served (RFC 6842).
    pub(super) lacks_echo: bool,
    /// While one endpoint does something: the addresses of the others.
    pub(super) taken: Vec<Ipv4Addr>,
    /// When to write what may wait.
    save_at: Option<Instant>,
    ending: Ending,
}

impl Base {
    pub(super) fn is_ending(&self) -> bool {
        self.ending != Ending::No
    }

    /// The DHCPv6 stage may send.
    pub(super) fn is_ready(&self) -> bool {
        self.ready
    }

    fn under<'a>(&'a self, permit: &'a Permit, cx: &Cx<'a>) -> Around<'a> {
        let delegated = self.client6.lease().map_or(&[][..], |lease| &lease.prefixes);
        Around { permit, settings: cx.settings, facts: cx.facts, delegated }
    }

    pub(super) fn check_native(&mut self, last: Option<Retry>, cx: &mut Cx<'_>) {
        self.native = Native::Checking(last);
        cx.out.push(Effect::Open(Port::Native4));
    }

    /// Writes the record in a while, unless something writes it before: a crash until then costs nothing, because
    /// DHCPv6 is asked again after every start.
    fn save_soon(&mut self, cx: &mut Cx<'_>) {
        self.save_at.get_or_insert(cx.now + SAVE_DELAY);
    }

    /// Writes the record if it changed; `leases` puts those of the endpoints into it.
    pub(super) fn save(&mut self, cx: &mut Cx<'_>, leases: impl FnOnce(&mut LinkRecord)) {
        self.save_at = None;
        let mut record = cx.record.clone();
        self.client6.save(&mut record);
        record.permit = self.leave.permit().cloned();
        leases(&mut record);
        if record != *cx.record {
            *cx.record = record.clone();
            cx.out.push(Effect::Save(Box::new(record)));
        }
    }

    fn open(&mut self, last: Option<(OpenError, Retry)>, cx: &mut Cx<'_>) {
        self.socket = Socket::Opening(last);
        cx.out.push(Effect::Open(Port::Client6));
    }
}

/// See the module's description.
pub(super) struct Running {
    pub(super) base: Base,
    pub(super) endpoints: Vec<Endpoint>,
    /// Replies without client identifier since the last with one, which could be for any of several endpoints.
    without_echo: u8,
}

impl Running {
    /// `iaids` are those of the endpoints, in their order.
    pub(super) fn new(
        now: Instant,
        settings: &LinkSettings,
        duid: &Duid,
        record: &LinkRecord,
        iaids: &[Iaid],
        facts: &LinkFacts,
    ) -> Self {
        let names = settings.endpoints.iter().map(|endpoint| endpoint.name.as_str());
        let who = (0..).map(EndpointId).zip(iaids).zip(names).map(|((id, iaid), name)| (id, *iaid, name));
        Self {
            base: Base {
                socket: Socket::Closed,
                carrier: Carrier::Down,
                ready: false,
                client6: Client6::new(settings.dhcp6.clone(), permit_options(settings), duid.clone(), record),
                leave: remembered_permit(settings, record).map_or(Leave::None, Leave::Suspended),
                native: Native::Unknown,
                agent: Agent::new(&settings.hcra),
                transport: Transport::first(settings.mode),
                undecided_until: None,
                decided: false,
                lacks_echo: false,
                taken: Vec::new(),
                save_at: None,
                ending: Ending::No,
            },
            endpoints: who.map(|who| Endpoint::new(who, settings, duid, record, facts, now)).collect(),
            without_echo: 0,
        }
    }

    /// Lets every endpoint do something, one after the other.
    fn each(&mut self, cx: &mut Cx<'_>, mut act: impl FnMut(&mut Endpoint, &mut Base, &mut Cx<'_>)) {
        for at in 0..self.endpoints.len() {
            self.at(at, cx, &mut act);
        }
    }

    /// Lets one endpoint do something, if there is such.
    fn at<T>(
        &mut self,
        at: usize,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Endpoint, &mut Base, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        let others = self.endpoints.iter().enumerate().filter(|(other, _)| *other != at);
        self.base.taken = others.filter_map(|(_, endpoint)| endpoint.holds()).collect();
        let endpoint = self.endpoints.get_mut(at)?;
        Some(act(endpoint, &mut self.base, cx))
    }

    fn of<T>(
        &mut self,
        id: EndpointId,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Endpoint, &mut Base, &mut Cx<'_>) -> T,
    ) -> Option<T> {
        self.at(usize::from(id.0), cx, act)
    }

    /// A change of settings is coming: what it ends is put away.
    pub(super) fn pause(&mut self, cx: &mut Cx<'_>) {
        self.save(cx);
        self.each(cx, |endpoint, _, cx| endpoint.end_check(cx));
    }

    /// Takes over what a change of settings does not end: the open socket, and what the kernel has. What is on targets
    /// of endpoints that are gone, or are others now, goes.
    pub(super) fn inherit(&mut self, mut old: Self, settings: &HcraSettings, out: &mut Effects) {
        self.base.socket = old.base.socket;
        self.base.agent.inherit(old.base.agent, settings);
        for endpoint in &mut self.endpoints {
            if let Some(old) = old.endpoints.iter_mut().find(|old| old.iaid == endpoint.iaid) {
                endpoint.inherit(old);
            }
        }
        let left = old.endpoints.iter().filter(|old| old.installed.is_some());
        out.extend(left.map(|old| Effect::Configure(old.id, None)));
    }

    pub(super) fn has_ended(&self) -> bool {
        self.base.ending == Ending::Done
    }

    /// The first look at the link.
    pub(super) fn begin(&mut self, cx: &mut Cx<'_>) {
        if cx.settings.mode == Mode::Off || self.base.has_external_client() {
            self.each(cx, Endpoint::forget);
        }
        self.each(cx, Endpoint::adopt);
        self.adopt6(cx);
        self.follow_carrier(cx);
        self.drive6(cx, |client6, cx, out| {
            client6.advertised(cx.now, cx.facts.ra.as_ref(), cx.rng, out);
        });
        self.make_ready(cx);
    }

    /// Remembered IPv6 addresses that are still on the link stay; others of ours go: those of a crash, and those of a
    /// stage that was stateful and is not any more.
    fn adopt6(&self, cx: &mut Cx<'_>) {
        let mut kept = self.base.client6.assignments();
        kept.retain(|assigned| cx.facts.addresses.iter().any(|a| a.address == assigned.address));
        cx.out.push(Effect::Assign6(kept));
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
        // Nothing follows to, or leaves from, an address that is gone.
        self.choose_transport(cx);
        self.each(cx, Endpoint::follow_source);
        self.each(cx, |endpoint, base, cx| {
            endpoint.follow_check(before, cx);
            endpoint.follow_target(base, cx);
        });
    }

    fn follow_carrier(&mut self, cx: &mut Cx<'_>) {
        let up = cx.facts.running();
        match (self.base.carrier, up) {
            (Carrier::Up, true) | (Carrier::Down | Carrier::Flapping(_), false) => {}
            (Carrier::Up, false) if cx.settings.flap_hold.is_zero() => self.go_down(cx),
            (Carrier::Up, false) => self.base.carrier = Carrier::Flapping(cx.now + cx.settings.flap_hold),
            (Carrier::Flapping(_), true) => {
                self.base.carrier = Carrier::Up;
                self.drive6(cx, |client6, cx, out| client6.moved(cx.now, cx.rng, out));
            }
            (Carrier::Down, true) => {
                self.base.carrier = Carrier::Up;
                self.base.client6.carrier(cx.now, cx.rng);
                if self.base.socket == Socket::Closed {
                    self.base.open(None, cx);
                }
            }
        }
    }

    pub(super) fn on_opened(&mut self, port: Port, result: Result<(), OpenError>, cx: &mut Cx<'_>) {
        match port {
            Port::Client6 => {
                let Socket::Opening(last) = self.base.socket else { return };
                self.base.socket = match result {
                    Ok(()) => Socket::Open,
                    Err(error) => {
                        cx.note(socket_reason(error), format!("UDP port 546: {error}"));
                        Socket::Failed(error, Retry::after(last.map(|(_, retry)| retry), cx.now))
                    }
                };
                self.make_ready(cx);
            }
            Port::Native4 => {
                let Native::Checking(last) = self.base.native else { return };
                let ours = self.endpoints.iter().any(Endpoint::has_port68);
                self.base.native = match result {
                    Err(OpenError::InUse) if !ours => {
                        cx.note(
                            "native-dhcp-active",
                            "another program receives DHCPv4 (UDP port 68) on this link".to_owned(),
                        );
                        Native::Active(Retry::after(last, cx.now))
                    }
                    // What cannot be found out must not keep the link from its IPv4.
                    Ok(()) | Err(_) => Native::Clear(cx.now),
                };
            }
            Port::Cra6(address) => self.base.agent.on_opened(address, result, cx),
            Port::Direct4(id, address) => {
                self.of(id, cx, |endpoint, base, cx| endpoint.on_direct_opened(address, result, base, cx));
            }
            Port::Tap => self.base.agent.on_device(result, cx),
            Port::Arp(id) => {
                if let Err(error) = result {
                    self.of(id, cx, |endpoint, base, cx| endpoint.on_arp_failed(error, base, cx));
                }
            }
        }
    }

    pub(super) fn on_configured(
        &mut self,
        id: EndpointId,
        result: Result<(), ConfigureError>,
        cx: &mut Cx<'_>,
    ) {
        self.of(id, cx, |endpoint, _, cx| endpoint.on_configured(result, cx));
    }

    pub(super) fn on_address_removed(&mut self, id: EndpointId, cx: &mut Cx<'_>) {
        self.of(id, cx, Endpoint::on_address_removed);
    }

    /// Lets the DHCPv6 stage send as soon as socket and link-local address are there.
    fn make_ready(&mut self, cx: &mut Cx<'_>) {
        let base = &mut self.base;
        let can_send = cx.facts.running() && base.socket == Socket::Open && cx.facts.link_local().is_some();
        if can_send && !base.ready && base.ending == Ending::No {
            base.ready = true;
            base.undecided_until.get_or_insert(cx.now + UNDECIDED);
            // Now and not when a Reply is there, which is followed by a query at once.
            if cx.settings.mode != Mode::Off && base.native == Native::Unknown && !base.has_external_client()
            {
                base.check_native(None, cx);
            }
            self.drive6(cx, |client6, cx, out| client6.ready(cx.now, cx.rng, out));
        }
    }

    /// Starts every engine that has everything it needs.
    pub(super) fn settle(&mut self, cx: &mut Cx<'_>) {
        self.choose_transport(cx);
        self.each(cx, Endpoint::settle);
    }

    /// Nothing of DHCPv4 may be sent from now on.
    fn suspend4(&mut self, cx: &mut Cx<'_>) {
        self.each(cx, |endpoint, _, cx| {
            endpoint.suspend(cx);
            endpoint.close_direct(cx);
        });
        self.base.native = Native::Unknown;
    }

    /// The link has been down for longer than a flap: everything must be confirmed when it comes back.
    fn go_down(&mut self, cx: &mut Cx<'_>) {
        self.base.carrier = Carrier::Down;
        self.base.ready = false;
        self.base.client6.stop(cx.now);
        self.suspend_permit(cx);
    }

    fn suspend_permit(&mut self, cx: &mut Cx<'_>) {
        if let Leave::Valid(permit) = &self.base.leave {
            self.base.leave = Leave::Suspended(permit.clone());
        }
        // Other servers may answer when the link is back.
        self.base.lacks_echo = false;
        self.endpoints.iter_mut().for_each(|endpoint| endpoint.verify = true);
        self.suspend4(cx);
        self.save(cx);
    }

    /// The interface is gone, and everything on it. The leases are kept for its return.
    pub(super) fn vanish(&mut self, cx: &mut Cx<'_>) {
        self.save(cx);
        self.each(cx, |endpoint, _, cx| {
            endpoint.close_direct(cx);
            endpoint.clear(cx);
        });
        self.base.agent.end(cx);
        cx.out.push(Effect::Close(Port::Client6));
        self.each(cx, |endpoint, _, cx| endpoint.end_check(cx));
    }

    /// The operator wants the link to run, whatever was decided before.
    pub(super) fn readmit(&mut self, _: &mut Cx<'_>) {
        self.endpoints.iter_mut().for_each(Endpoint::readmit);
    }

    pub(super) fn renew(&mut self, cx: &mut Cx<'_>) {
        self.each(cx, Endpoint::renew);
    }

    pub(super) fn rebind(&mut self, cx: &mut Cx<'_>) {
        self.each(cx, Endpoint::rebind);
    }

    pub(super) fn release(&mut self, cx: &mut Cx<'_>) {
        self.each(cx, Endpoint::release);
    }

    pub(super) fn restart(&mut self, cx: &mut Cx<'_>) {
        self.readmit(cx);
        self.suspend_permit(cx);
        if self.base.ready {
            self.drive6(cx, |client6, cx, out| client6.restart(cx.now, cx.rng, out));
        }
    }

    /// The machine slept. What ended in the meantime goes first; the rest is confirmed as after a long outage.
    pub(super) fn resumed(&mut self, cx: &mut Cx<'_>) {
        self.on_deadline(cx);
        if self.base.carrier != Carrier::Down {
            self.go_down(cx);
            self.follow_carrier(cx);
            self.make_ready(cx);
        }
    }

    pub(super) fn stop(&mut self, command: Command, cx: &mut Cx<'_>) {
        if cx.settings.release_on_stop {
            // DHCPv4 first: its RELEASE needs the configuration that DHCPv6 gives back.
            self.each(cx, Endpoint::give_back);
            self.base.ending = Ending::Releasing;
            self.drive6(cx, |client6, cx, out| client6.release(cx.now, cx.rng, out));
            return;
        }
        self.save(cx);
        self.suspend4(cx);
        if command == Command::Stop {
            self.clear(cx);
            self.base.agent.end(cx);
        } else {
            self.base.agent.leave(cx);
        }
        cx.out.push(Effect::Close(Port::Client6));
        self.base.ending = Ending::Done;
    }

    /// Everything is given back.
    fn end(&mut self, cx: &mut Cx<'_>) {
        self.base.leave = Leave::None;
        self.each(cx, |endpoint, _, cx| endpoint.close_direct(cx));
        self.clear(cx);
        self.save(cx);
        self.base.agent.end(cx);
        cx.out.push(Effect::Close(Port::Client6));
        self.base.ending = Ending::Done;
    }

    /// Nothing of ours stays on the link.
    fn clear(&mut self, cx: &mut Cx<'_>) {
        self.each(cx, |endpoint, _, cx| endpoint.clear(cx));
        cx.out.push(Effect::Assign6(Vec::new()));
    }

    /// Writes the record if it changed.
    fn save(&mut self, cx: &mut Cx<'_>) {
        let endpoints = &self.endpoints;
        self.base.save(cx, |record| {
            for endpoint in endpoints {
                record.set_lease4(endpoint.iaid, endpoint.engine.lease().cloned());
            }
        });
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        // The leases first: if one ended, nothing else may happen before it is gone.
        self.each(cx, Endpoint::keep_lease);
        if let Carrier::Flapping(until) = self.base.carrier
            && until <= cx.now
        {
            self.go_down(cx);
        }
        if self.base.client6.deadline().is_some_and(|at| at <= cx.now) {
            self.drive6(cx, |client6, cx, out| client6.on_deadline(cx.now, cx.rng, out));
        }
        if let Socket::Failed(error, retry) = self.base.socket
            && retry.at <= cx.now
        {
            self.base.open(Some((error, retry)), cx);
        }
        if let Native::Active(retry) = self.base.native
            && retry.at <= cx.now
        {
            self.base.check_native(Some(retry), cx);
        }
        self.base.agent.on_deadline(cx);
        self.each(cx, Endpoint::on_deadline);
        if self.base.save_at.is_some_and(|at| at <= cx.now) {
            self.save(cx);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let base = &self.base;
        let flap = match base.carrier {
            Carrier::Flapping(until) => Some(until),
            Carrier::Down | Carrier::Up => None,
        };
        let socket = match base.socket {
            Socket::Failed(_, retry) => Some(retry.at),
            Socket::Closed | Socket::Opening(_) | Socket::Open => None,
        };
        let native = match base.native {
            Native::Active(retry) => Some(retry.at),
            Native::Unknown | Native::Checking(_) | Native::Clear(_) => None,
        };
        let endpoints = self.endpoints.iter().map(Endpoint::deadline);
        [base.client6.deadline(), flap, socket, native, base.agent.deadline(), base.undecided(), base.save_at]
            .into_iter()
            .chain(endpoints)
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
