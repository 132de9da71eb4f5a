//! What a link shows of itself: the one word, the reason behind it, and the details.

use super::Link;
use super::running::{Leave, Running, Socket, socket_reason};
use crate::ids::EndpointId;
use crate::role::client4o6::Client4o6;
use crate::settings::Mode;
use crate::status::{EndpointStatus, LinkState, Status};
use crate::time::Instant;

impl Link {
    /// The status now. `since` moves only when the word or its reason changes.
    pub(super) fn describe(&self, now: Instant) -> Status {
        let (state, reason) = self.word();
        let since = if (state, reason) == (self.published.state, self.published.reason) {
            self.published.since
        } else {
            now
        };
        let mut status = Status {
            state,
            reason,
            since,
            facts: self.facts.clone(),
            stopped: self.stopped,
            permit_state: "none",
            last_error: self.last_error.clone(),
            ..Status::default()
        };
        status.dhcp6.state = "off";
        status.client4.state = "off";
        if let Some(running) = &self.running {
            running.describe(self.settings.mode, &mut status);
            status.endpoints = vec![EndpointStatus {
                id: EndpointId::FIRST,
                name: self
                    .settings
                    .endpoints
                    .first()
                    .map(|endpoint| endpoint.name.clone())
                    .unwrap_or_default(),
                state,
                reason,
                target: self.facts.target(EndpointId::FIRST).map(|t| t.name.clone()).unwrap_or_default(),
                client4: status.client4.clone(),
                ipv4: status.ipv4.clone(),
            }];
        }
        status
    }

    fn word(&self) -> (LinkState, &'static str) {
        if self.stopped {
            return (LinkState::Down, "stopped");
        }
        match (&self.running, self.facts.index, self.facts.up, self.facts.carrier) {
            (None, 0, _, _) => (LinkState::Down, "no-link"),
            (None, ..) => (LinkState::Down, "stopped"),
            (_, _, false, _) => (LinkState::Down, "link-down"),
            (_, _, true, false) => (LinkState::NoCarrier, "no-carrier"),
            (Some(running), _, true, true) => running.word(self),
        }
    }
}

impl Running {
    fn word(&self, link: &Link) -> (LinkState, &'static str) {
        if let Socket::Failed(error, _) | Socket::Opening(Some((error, _))) = self.socket {
            return (LinkState::Failed, socket_reason(error));
        }
        // A remembered lease that is not in use yet says less than what it waits for.
        if self.four.engine.lease().is_some() && (self.installed.is_some() || self.waiting_for.is_none()) {
            return self.word_with_lease();
        }
        if link.facts.link_local().is_none() {
            return (LinkState::WaitIpv6, "no-link-local");
        }
        match (self.waiting_for, &self.leave) {
            (Some("mode-off"), _) if self.client6.is_configured() => (LinkState::NotEnabled, "mode-off"),
            (Some("mode-off" | "permit"), _) if !self.client6.is_configured() => {
                (LinkState::Dhcp6, "no-reply")
            }
            (Some("permit"), Leave::Suspended(_)) => (LinkState::Dhcp6, "verifying"),
            (Some("permit"), Leave::Refused) => (LinkState::NotEnabled, "bad-server-list"),
            (Some("permit"), Leave::Withdrawn) => (LinkState::NotEnabled, "permit-withdrawn"),
            (Some("permit"), Leave::Expired) => (LinkState::NotEnabled, "permit-expired"),
            (Some("permit"), Leave::None | Leave::Valid(_)) => (LinkState::NotEnabled, "no-permit"),
            (Some("native-dhcp"), _) => (LinkState::Failed, "native-dhcp-active"),
            (Some("target"), _) => (LinkState::Failed, "no-target"),
            (Some("source-address"), _) => (LinkState::WaitIpv6, "no-source-address"),
            (Some("operator"), _) => (LinkState::Down, "released"),
            (Some("address-removed"), _) => (LinkState::Failed, "address-removed"),
            (Some(_), _) => (LinkState::Acquiring, "starting"),
            (None, _) if self.expired => (LinkState::Expired, "no-answer"),
            (None, _) => (LinkState::Acquiring, self.four.engine.status().state),
        }
    }

    fn word_with_lease(&self) -> (LinkState, &'static str) {
        let outcome = self.installed.as_ref().map(|installed| &installed.outcome);
        match outcome {
            None => return (LinkState::Acquiring, "verifying"),
            Some(None) => return (LinkState::Acquiring, "installing"),
            Some(Some(Err(_))) => return (LinkState::Degraded, "install-failed"),
            Some(Some(Ok(()))) => {}
        }
        match (self.four.engine.status().state, &self.leave) {
            ("renewing", _) => (LinkState::Renewing, "t1"),
            ("rebinding", _) => (LinkState::Rebinding, "t2"),
            ("bound", _) => (LinkState::Bound, "lease"),
            ("rebooting", _) => (LinkState::Degraded, "verifying"),
            (_, Leave::Withdrawn) => (LinkState::Degraded, "permit-withdrawn"),
            (_, Leave::Expired) => (LinkState::Degraded, "permit-expired"),
            (_, _) => (LinkState::Degraded, "verifying"),
        }
    }

    fn describe(&self, mode: Mode, status: &mut Status) {
        status.dhcp6 = self.client6.status();
        status.permit = self.leave.permit().cloned();
        status.permit_state = self.leave.word();
        status.client4 = self.four.engine.status();
        status.client4.transport = if mode == Mode::Off { "" } else { "4o6" };
        status.client4.waiting_for = self.waiting_for;
        status.client4.destinations = self.leave.permit().map(Client4o6::destinations).unwrap_or_default();
        status.client4.source = self.four.source();
        status.ipv4 = self
            .installed
            .as_ref()
            .filter(|i| i.outcome == Some(Ok(())))
            .map(|installed| installed.config.clone());
    }
}
