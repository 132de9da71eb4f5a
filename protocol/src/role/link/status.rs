//! What a link shows of itself: the one word, the reason behind it, and the details.

use super::Link;
use super::endpoint::Endpoint;
use super::running::{Base, Leave, Running, Socket, Transport, socket_reason};
use crate::role::client4o6;
use crate::settings::Mode;
use crate::status::{EndpointStatus, LinkState, Status};
use crate::time::Instant;

type Word = (LinkState, &'static str);

impl Link {
    /// The status now. `since` moves only when the word or its reason changes.
    pub(super) fn describe(&self, now: Instant) -> Status {
        let mut status = Status {
            facts: self.facts.clone(),
            stopped: self.stopped,
            permit_state: "none",
            last_error: self.last_error.clone(),
            ..Status::default()
        };
        status.dhcp6.state = "off";
        status.client4.state = "off";
        let halted = self.halted();
        if let Some(running) = &self.running {
            running.describe(self, halted, &mut status);
        }
        let words = status.endpoints.iter().map(|endpoint| (endpoint.state, endpoint.reason));
        (status.state, status.reason) = halted.unwrap_or_else(|| summary(words));
        let same = (status.state, status.reason) == (self.published.state, self.published.reason);
        status.since = if same { self.published.since } else { now };
        status
    }

    /// What keeps all endpoints from working, if something does.
    fn halted(&self) -> Option<Word> {
        if self.stopped {
            return Some((LinkState::Down, "stopped"));
        }
        match (&self.running, self.facts.index, self.facts.up, self.facts.carrier) {
            (None, 0, _, _) => Some((LinkState::Down, "no-link")),
            (None, ..) => Some((LinkState::Down, "stopped")),
            (_, _, false, _) => Some((LinkState::Down, "link-down")),
            (_, _, true, false) => Some((LinkState::NoCarrier, "no-carrier")),
            (Some(running), _, true, true) => running.base.trouble(),
        }
    }
}

/// All endpoints in one word: the only one's own; what all have in common; else whether some work.
fn summary(words: impl Iterator<Item = Word> + Clone) -> Word {
    let works = |state| matches!(state, LinkState::Bound | LinkState::Renewing | LinkState::Rebinding);
    let idle = words.clone().filter(|(state, _)| !works(*state));
    let urgency = |(state, _): &Word| match state {
        LinkState::Rebinding => 2,
        LinkState::Renewing => 1,
        _ => 0,
    };
    match (words.clone().any(|(state, _)| works(state)), idle.clone().next()) {
        // Of those that all work, the one that is nearest to its end.
        (_, None) => words.max_by_key(urgency).unwrap_or_default(),
        (true, Some(_)) if idle.clone().all(|(state, _)| state == LinkState::Acquiring) => {
            (LinkState::Degraded, "endpoints-acquiring")
        }
        (true, Some(_)) => (LinkState::Degraded, "endpoints-failed"),
        // The one that got furthest, the first of those that are level.
        (false, Some(first)) => {
            let further =
                |best: Word, word: Word| if progress(word.0) > progress(best.0) { word } else { best };
            idle.fold(first, further)
        }
    }
}

/// How near to IPv4.
fn progress(state: LinkState) -> u8 {
    match state {
        LinkState::Down | LinkState::NoCarrier => 0,
        LinkState::Failed => 1,
        LinkState::WaitIpv6 | LinkState::Dhcp6 | LinkState::NotEnabled => 2,
        LinkState::Expired => 3,
        LinkState::Acquiring => 4,
        LinkState::Degraded => 5,
        LinkState::Bound | LinkState::Renewing | LinkState::Rebinding => 6,
    }
}

impl Base {
    fn trouble(&self) -> Option<Word> {
        match self.socket {
            // The agent needs no DHCPv6 where it knows everything.
            _ if self.agent.address().is_some() => None,
            Socket::Failed(error, _) | Socket::Opening(Some((error, _))) => {
                Some((LinkState::Failed, socket_reason(error)))
            }
            Socket::Closed | Socket::Opening(None) | Socket::Open => None,
        }
    }
}

impl Running {
    fn describe(&self, link: &Link, halted: Option<Word>, status: &mut Status) {
        status.dhcp6 = self.base.client6.status();
        status.permit = self.base.leave.permit().cloned();
        status.permit_state = self.base.leave.word();
        let destinations = match self.base.transport() {
            Transport::Dhcp4o6 => status.permit.as_ref().map(client4o6::destinations).unwrap_or_default(),
            Transport::Hcra => self.base.agent.servers().to_vec(),
        };
        if link.settings.mode == Mode::Hcra || self.base.transport() == Transport::Hcra {
            status.hcra = Some(self.base.agent.status(&link.settings.hcra));
        }
        for endpoint in &self.endpoints {
            let mut client4 = endpoint.engine.status();
            client4.transport =
                if link.settings.mode == Mode::Off { "" } else { self.base.transport().word() };
            client4.waiting_for = endpoint.waiting_for;
            client4.destinations.clone_from(&destinations);
            client4.source = endpoint.source();
            let installed = endpoint.installed.as_ref().filter(|i| i.outcome == Some(Ok(())));
            let (state, reason) = halted.unwrap_or_else(|| endpoint.word(&self.base, link));
            status.endpoints.push(EndpointStatus {
                id: endpoint.id,
                name: endpoint.name.clone(),
                state,
                reason,
                target: endpoint.target(&link.facts).map(|target| target.name.clone()).unwrap_or_default(),
                client4,
                ipv4: installed.map(|installed| installed.config.clone()),
            });
        }
        if let Some(first) = status.endpoints.first() {
            status.client4 = first.client4.clone();
            status.ipv4 = first.ipv4.clone();
        }
    }
}

impl Endpoint {
    fn word(&self, base: &Base, link: &Link) -> Word {
        if base.has_external_client() {
            return self.word_of_another(base);
        }
        // A remembered lease that is not in use yet says less than what it waits for.
        if self.engine.lease().is_some() && (self.installed.is_some() || self.waiting_for.is_none()) {
            return self.word_with_lease(base);
        }
        if link.facts.link_local().is_none() {
            return (LinkState::WaitIpv6, "no-link-local");
        }
        match (self.waiting_for, &base.leave) {
            (Some("mode-off"), _) if base.client6.is_configured() => (LinkState::NotEnabled, "mode-off"),
            (Some("mode-off" | "permit"), _) if !base.client6.is_configured() => {
                (LinkState::Dhcp6, "no-reply")
            }
            (Some("permit"), Leave::Suspended(_)) => (LinkState::Dhcp6, "verifying"),
            (Some("permit"), Leave::Refused) => (LinkState::NotEnabled, "bad-server-list"),
            (Some("permit"), Leave::Withdrawn) => (LinkState::NotEnabled, "permit-withdrawn"),
            (Some("permit"), Leave::Expired) => (LinkState::NotEnabled, "permit-expired"),
            (Some("permit"), Leave::None | Leave::Valid(_)) => (LinkState::NotEnabled, "no-permit"),
            (Some("native-dhcp"), _) => (LinkState::Failed, "native-dhcp-active"),
            (Some("server-lacks-6842"), _) => (LinkState::Failed, "server-lacks-6842"),
            (Some("target"), _) => (LinkState::Failed, "no-target"),
            (Some("servers"), _) if !base.client6.is_configured() => (LinkState::Dhcp6, "no-reply"),
            (Some("servers"), _) => (LinkState::NotEnabled, "no-servers"),
            (Some("global-address"), _) => (LinkState::WaitIpv6, "no-global-address"),
            (Some("agent-socket"), _) => match base.agent.trouble() {
                Some(trouble) => (LinkState::Failed, trouble),
                None => (LinkState::Acquiring, "starting"),
            },
            (Some("source-address"), _) => (LinkState::WaitIpv6, "no-source-address"),
            (Some("operator"), _) => (LinkState::Down, "released"),
            (Some("address-removed"), _) => (LinkState::Failed, "address-removed"),
            (Some(_), _) => (LinkState::Acquiring, "starting"),
            (None, _) if self.expired => (LinkState::Expired, "no-answer"),
            (None, _) => (LinkState::Acquiring, self.engine.status().state),
        }
    }

    /// The client is another program's: what it has, or what keeps it from having it.
    fn word_of_another(&self, base: &Base) -> Word {
        match (base.agent.seen(), self.installed.as_ref().map(|installed| &installed.outcome)) {
            (Some(_), Some(Some(Err(_)))) => return (LinkState::Degraded, "install-failed"),
            (Some(_), _) => return (LinkState::Bound, "external-client"),
            (None, _) => {}
        }
        match (base.agent.waiting_for(), base.agent.trouble()) {
            _ if base.agent.lacks_device() => (LinkState::Failed, "no-device"),
            (Some("permit"), _) if !base.client6.is_configured() => (LinkState::Dhcp6, "no-reply"),
            (Some("permit"), _) => (LinkState::NotEnabled, "no-permit"),
            (Some("servers"), _) if !base.client6.is_configured() => (LinkState::Dhcp6, "no-reply"),
            (Some("servers"), _) => (LinkState::NotEnabled, "no-servers"),
            (Some("global-address"), _) => (LinkState::WaitIpv6, "no-global-address"),
            (Some(_), Some(trouble)) => (LinkState::Failed, trouble),
            (_, _) => (LinkState::Acquiring, "external-client"),
        }
    }

    fn word_with_lease(&self, base: &Base) -> Word {
        let outcome = self.installed.as_ref().map(|installed| &installed.outcome);
        match outcome {
            None => return (LinkState::Acquiring, "verifying"),
            Some(None) => return (LinkState::Acquiring, "installing"),
            Some(Some(Err(_))) => return (LinkState::Degraded, "install-failed"),
            Some(Some(Ok(()))) => {}
        }
        // It is not extended meanwhile.
        match (self.waiting_for.filter(|_| self.engine.is_frozen()), base.agent.trouble()) {
            (Some("servers"), _) => return (LinkState::Degraded, "no-servers"),
            (Some("global-address"), _) => return (LinkState::Degraded, "no-global-address"),
            (Some(_), Some(trouble)) => return (LinkState::Degraded, trouble),
            (Some(_) | None, _) => {}
        }
        match (self.engine.status().state, &base.leave) {
            ("renewing", _) => (LinkState::Renewing, "t1"),
            ("rebinding", _) => (LinkState::Rebinding, "t2"),
            ("bound", _) => (LinkState::Bound, "lease"),
            ("rebooting", _) => (LinkState::Degraded, "verifying"),
            _ if self.waiting_for == Some("server-lacks-6842") => (LinkState::Degraded, "server-lacks-6842"),
            (_, Leave::Withdrawn) => (LinkState::Degraded, "permit-withdrawn"),
            (_, Leave::Expired) => (LinkState::Degraded, "permit-expired"),
            (_, _) => (LinkState::Degraded, "verifying"),
        }
    }
}
