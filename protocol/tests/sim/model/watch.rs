//! What must be true after every step, whatever happened before. A violation fails the test with the seed.

use super::kernel::Kernel;
use super::pace::Pace;
use super::server::Server;
use dhcp4o6_protocol::ids::{EndpointId, Iaid};
use dhcp4o6_protocol::lease::{LeaseEvent, LeaseEventKind};
use dhcp4o6_protocol::machine::{Effect, Port};
use dhcp4o6_protocol::params::{ALL_RELAYS_AND_SERVERS, SEND_BURST, SEND_INTERVAL, SERVER6_PORT};
use dhcp4o6_protocol::permit::{Permit, WireProfile};
use dhcp4o6_protocol::record::LinkRecord;
use dhcp4o6_protocol::settings::LinkSettings;
use dhcp4o6_protocol::status::{LinkState, Status};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::v4::{self, code};
use dhcp4o6_protocol::wire::v6::{Message, MessageType};
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;
use std::time::Duration;

/// Most effects of one input. A flood of effects is a loop.
const MAX_EFFECTS: usize = 120;

pub(crate) struct Watch {
    /// Our own account of what the link may send.
    tokens: f64,
    filled_at: Instant,
    /// Endpoints of the link: each may send as much.
    pub(super) endpoints: u8,
    pub(super) pace: Pace,
    /// A Reply that enables DHCPv4 over DHCPv6 has been delivered, in this life or an earlier one.
    enabled: bool,
    /// draft01: outer ids by inner ones.
    outer: BTreeMap<u32, [u8; 3]>,
    /// Rare things that happened, for tests that ask whether they ever do.
    pub(crate) reached: BTreeSet<&'static str>,
}

impl Watch {
    pub(crate) fn new(now: Instant) -> Self {
        let tokens = f64::from(SEND_BURST);
        Self {
            tokens,
            filled_at: now,
            endpoints: 1,
            pace: Pace::default(),
            enabled: false,
            outer: BTreeMap::new(),
            reached: BTreeSet::new(),
        }
    }

    /// The process began anew, with a full bucket.
    pub(crate) fn restarted(&mut self, now: Instant) {
        self.tokens = self.burst();
        self.filled_at = now;
    }

    fn burst(&self) -> f64 {
        f64::from(SEND_BURST) * f64::from(self.endpoints)
    }

    /// All effects of one input.
    pub(crate) fn effects(
        &mut self,
        now: Instant,
        settings: &LinkSettings,
        before: &Status,
        after: &Status,
        effects: &[Effect],
    ) {
        assert!(effects.len() <= MAX_EFFECTS, "{} effects of one input", effects.len());
        let mut copies = BTreeSet::new();
        for effect in effects {
            match effect {
                Effect::Send { via: Port::Client6, source, to, payload } => {
                    assert_eq!(to.port(), SERVER6_PORT);
                    assert!(
                        copies.insert((*to.ip(), payload)),
                        "the same datagram left twice for one destination"
                    );
                    let silent = before.stopped && after.stopped && !settings.release_on_stop;
                    assert!(!silent, "sent while stopped");
                    let source = source.expect("a source is always chosen");
                    self.spend(now);
                    self.datagram(now, settings, [before, after], source, *to.ip(), payload);
                }
                Effect::Refused(refused) => _ = self.reached.insert(refused.name()),
                Effect::Notify(_, event) => _ = self.reached.insert(event.kind.word()),
                _ => {}
            }
        }
        self.reached.extend([
            after.permit_state,
            after.client4.state,
            after.dhcp6.state,
            after.state.word(),
            after.reason,
        ]);
    }

    /// Invariant 10: never more than a burst, then one a second (C6-28).
    pub(super) fn spend(&mut self, now: Instant) {
        let rate = f64::from(self.endpoints);
        let earned = rate * now.since(self.filled_at).as_secs_f64() / SEND_INTERVAL.as_secs_f64();
        self.tokens = (self.tokens + earned).min(self.burst()) - 1.0;
        self.filled_at = now;
        assert!(self.tokens > -1.0, "more was sent than the limit allows");
    }

    fn datagram(
        &mut self,
        now: Instant,
        settings: &LinkSettings,
        statuses: [&Status; 2],
        source: Ipv6Addr,
        to: Ipv6Addr,
        payload: &[u8],
    ) {
        let message = Message::parse(payload).expect("what is sent is well formed");
        if to == ALL_RELAYS_AND_SERVERS {
            assert!(source.is_unicast_link_local(), "multicast from {source} (C46-12)");
        }
        for profile in [WireProfile::Rfc7341, WireProfile::Draft01] {
            let points = CodePoints::of(profile, &settings.draft01);
            if message.kind == points.query {
                let inner = self.query(profile, points, &message, statuses, to);
                // The status that tells of turns is that of the first endpoint.
                if self.endpoints == 1 && in_turn(statuses) {
                    self.pace.dhcp4(now, inner, to);
                }
                return;
            }
        }
        assert_eq!(to, ALL_RELAYS_AND_SERVERS, "DHCPv6 goes by multicast (C6-19)");
        self.dhcp6(&message, settings);
        let started_at = statuses[1].dhcp6.exchange.as_ref().map(|exchange| exchange.started_at);
        self.pace.dhcp6(now, message.kind, message.header, started_at);
    }

    /// A datagram reaches the link's socket.
    pub(crate) fn heard(&mut self, settings: &LinkSettings, payload: &[u8]) {
        if MessageType::peek(payload) != Some(MessageType::REPLY) {
            return;
        }
        let enabling = [OptionCode::DHCP4_O_DHCP6_SERVER, OptionCode(settings.draft01.enable)];
        let Ok(reply) = Message::parse(payload) else { return };
        self.enabled |= enabling.iter().any(|code| reply.options.first(*code).is_some());
    }

    /// Invariants 2 and 3. Returns the inner type and transaction id.
    fn query(
        &mut self,
        profile: WireProfile,
        points: CodePoints,
        message: &Message<'_>,
        statuses: [&Status; 2],
        to: Ipv6Addr,
    ) -> (u8, u32) {
        assert!(self.enabled, "a query before any Reply that enables it (C6-01)");
        let codes: Vec<_> = message.options.iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [points.message], "a query holds one message and nothing else (C46-02, C46-04)");
        let inner = v4::Message::parse(o6::dhcpv4(points, message).unwrap())
            .expect("the inner message is well formed");
        assert_eq!(inner.op, v4::BOOTREQUEST);
        assert!(inner.option(code::CLIENT_ID).is_some_and(|id| id.first() == Some(&0xff)), "V4-04");
        let permits: Vec<&Permit> = statuses
            .into_iter()
            .filter(|status| status.permit_state == "valid")
            .filter_map(|status| status.permit.as_ref())
            .collect();
        assert!(!permits.is_empty(), "a query without leave (C6-01, C46-19)");
        let listed = |permit: &&&Permit| {
            let to_group = permit.servers.is_empty() && to == ALL_RELAYS_AND_SERVERS;
            permit.profile == profile
                && permit.servers.len() <= 8
                && (to_group || permit.servers.contains(&to))
        };
        assert!(permits.iter().any(|permit| listed(&permit)), "a query to {to}, which no permit names");
        let kind = inner.kind().expect("the message type is always sent");
        let renewing = self.shape(&inner);
        match profile {
            WireProfile::Rfc7341 => {
                let unicast = message.is_unicast();
                assert_eq!(message.header, [if unicast { 0x80 } else { 0 }, 0, 0], "flags (C46-03)");
                let may = kind == v4::MessageType::RELEASE || renewing;
                assert!(may || !unicast, "U flag on {kind} (C46-05)");
                assert!(unicast || kind != v4::MessageType::RELEASE, "no U flag on RELEASE (C46-05)");
            }
            WireProfile::Draft01 => {
                let outer = self.outer.entry(inner.xid.0).or_insert(message.header);
                assert_eq!(*outer, message.header, "one outer id per inner one (C46-03)");
            }
        }
        (kind.0, inner.xid.0)
    }

    /// Every message of a client has the options of its kind. True if it extends a lease.
    pub(super) fn shape(&mut self, inner: &v4::Message<'_>) -> bool {
        let kind = inner.kind().expect("the message type is always sent");
        self.reached.insert(match kind {
            v4::MessageType::DISCOVER => "sent-discover",
            v4::MessageType::REQUEST => "sent-request",
            v4::MessageType::DECLINE => "sent-decline",
            v4::MessageType::RELEASE => "sent-release",
            other => panic!("a client does not send {other}"),
        });
        let renewing = kind == v4::MessageType::REQUEST && !inner.ciaddr.is_unspecified();
        let option = |code| inner.option(code).is_some();
        let expected = match kind {
            // Selecting has both, INIT-REBOOT only the address, renewal and rebinding neither (V4-22).
            v4::MessageType::REQUEST => option(code::REQUESTED_ADDRESS) != renewing,
            v4::MessageType::DECLINE => option(code::REQUESTED_ADDRESS) && option(code::SERVER_ID),
            v4::MessageType::RELEASE => !option(code::REQUESTED_ADDRESS) && option(code::SERVER_ID),
            _ => !option(code::SERVER_ID),
        };
        assert!(expected, "{kind} has the wrong options (V4-22)");
        assert!(!(renewing && option(code::SERVER_ID)), "V4-22");
        renewing
    }

    fn dhcp6(&mut self, message: &Message<'_>, settings: &LinkSettings) {
        let has = |code| message.options.first(code).is_some();
        assert!(has(OptionCode::CLIENTID) && has(OptionCode::ELAPSED_TIME), "C6-11");
        assert!(!has(OptionCode::IA_TA), "C6-20");
        use MessageType as T;
        let addressed = matches!(message.kind, T::REQUEST | T::RENEW | T::RELEASE | T::DECLINE);
        assert_eq!(has(OptionCode::SERVERID), addressed, "{} (C6-18)", message.kind);
        let asked = message.options.codes(OptionCode::ORO).unwrap_or_default();
        let asks = |code: OptionCode| asked.contains(&code);
        let stateless = message.kind == T::INFORMATION_REQUEST;
        let configures = matches!(message.kind, T::SOLICIT | T::REQUEST | T::RENEW | T::REBIND) || stateless;
        if configures {
            assert_eq!(asks(OptionCode::INF_MAX_RT), stateless, "C6-10");
            assert_eq!(asks(OptionCode::INFORMATION_REFRESH_TIME), stateless, "C6-10");
            assert!(stateless || asks(OptionCode::SOL_MAX_RT), "C6-10");
            use dhcp4o6_protocol::settings::{Mode, Profile};
            let on = settings.mode != Mode::Off;
            let rfc = on && settings.profile != Profile::Draft01;
            let draft = on && settings.profile != Profile::Rfc7341;
            assert_eq!(asks(OptionCode::DHCP4_O_DHCP6_SERVER), rfc, "C6-02, C6-03");
            assert_eq!(asks(OptionCode(settings.draft01.enable)), draft, "C6-03");
        }
        self.reached.insert(match message.kind {
            T::SOLICIT => "sent-solicit",
            T::REQUEST => "sent-request6",
            T::CONFIRM => "sent-confirm",
            T::RENEW => "sent-renew",
            T::REBIND => "sent-rebind",
            T::RELEASE => "sent-release6",
            T::DECLINE => "sent-decline6",
            T::INFORMATION_REQUEST => "sent-information-request",
            other => panic!("a client does not send {other}"),
        });
    }

    /// Invariant 6: what is told of a lease is on disk and on the target.
    pub(crate) fn told(
        &self,
        (id, iaid): (EndpointId, Iaid),
        event: &LeaseEvent,
        disk: Option<&LinkRecord>,
        kernel: &Kernel,
    ) {
        use LeaseEventKind as K;
        if !matches!(event.kind, K::Acquired | K::Renewed | K::Rebound | K::Changed) {
            return;
        }
        if let Some(disk) = disk {
            let kept = disk.lease4_of(iaid);
            assert_eq!(kept, Some(&*event.lease), "told of a lease that is not on disk");
        }
        let installed = kernel.installed_of(id).map(|config| config.address);
        assert_eq!(installed, Some(event.lease.address), "told of an address that is not there");
    }

    /// All that happens at `now` has happened.
    pub(crate) fn settled(
        &mut self,
        now: Instant,
        status: &Status,
        kernel: &Kernel,
        servers: &[Server],
        trusted: bool,
    ) {
        for endpoint in &status.endpoints {
            let lease = endpoint.client4.lease.as_ref();
            if let Some(lease) = lease {
                let moments = [Some(lease.requested_at), lease.renew_at, lease.rebind_at, lease.expires_at];
                assert!(
                    moments.iter().flatten().is_sorted(),
                    "T1, T2 and the end are out of order: {lease:?}"
                );
                // A deadline lies after the moment it was set in, so an end that is noticed late may be a microsecond
                // late.
                let tick = Duration::from_micros(1);
                assert!(lease.is_valid(now - tick), "a lease is held past its end");
            }
            if is_bound(endpoint.state) {
                let lease = lease.map(|lease| lease.address);
                let installed = kernel.installed_of(endpoint.id).map(|config| config.address);
                assert!(
                    lease.is_some() && lease == installed,
                    "bound to {lease:?}, but the target has {installed:?}"
                );
            }
        }
        let mut addresses = BTreeSet::new();
        for config in kernel.all_installed() {
            assert!(addresses.insert(config.address), "{} is there twice", config.address);
            assert!(
                config.expires_at.is_none_or(|end| now < end),
                "invariant 1: an address outlives its lease"
            );
            let end = servers.iter().find_map(|server| server.four.end_of(config.address));
            if let Some(Some(end)) = end.filter(|_| trusted) {
                assert!(
                    config.expires_at.is_some_and(|at| at <= end),
                    "V4-16: the server gives the address away before"
                );
            }
        }
        for (address, end) in kernel.ours6() {
            assert!(end.is_none_or(|end| now < end), "{address} outlives its lifetime");
        }
    }

    /// Invariant 8: an orderly stop leaves nothing behind.
    pub(crate) fn stopped(&self, kernel: &Kernel) {
        let here = |id| kernel.installed_of(EndpointId(id)).is_some();
        assert!(!(0..self.endpoints).any(here), "an IPv4 address is left behind");
        let nothing = self.endpoints > 1 || kernel.installed().is_none();
        assert!(nothing, "an IPv4 address of an earlier process is left behind");
        assert_eq!(kernel.ours6().count(), 0, "an IPv6 address is left behind");
    }
}

/// True unless the pending DHCPv4 exchange is where it was before: then its message left between two turns.
pub(super) fn in_turn([before, after]: [&Status; 2]) -> bool {
    let place = |status: &Status| status.client4.exchange.as_ref().map(|e| (e.started_at, e.transmissions));
    place(after).is_none() || place(before) != place(after)
}

fn is_bound(state: LinkState) -> bool {
    matches!(state, LinkState::Bound | LinkState::Renewing | LinkState::Rebinding)
}
