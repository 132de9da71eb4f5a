//! Which way DHCPv4 travels: in DHCPv6, or through the host Client Relay Agent. Never both at once.

use super::super::agent::may_run;
use super::super::endpoint::Endpoint;
use super::{Base, Cx, Native, Running};
use crate::ids::EndpointId;
use crate::machine::Effect;
use crate::role::client4o6::{self, Around};
use crate::settings::Mode;
use crate::time::Instant;
use std::net::Ipv6Addr;

/// A way for DHCPv4.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::role::link) enum Transport {
    /// DHCPv4 over DHCPv6.
    Dhcp4o6,
    /// DHCPv4 over IPv6, by the host Client Relay Agent.
    Hcra,
}

impl Transport {
    /// The only one of a mode, or the one that is asked for first.
    pub(super) const fn first(mode: Mode) -> Self {
        match mode {
            Mode::Hcra => Self::Hcra,
            Mode::Auto | Mode::Dhcp4o6 | Mode::Off => Self::Dhcp4o6,
        }
    }

    pub(in crate::role::link) const fn word(self) -> &'static str {
        match self {
            Self::Dhcp4o6 => "4o6",
            Self::Hcra => "hcra",
        }
    }
}

impl Base {
    pub(in crate::role::link) fn transport(&self) -> Transport {
        self.transport
    }

    /// DHCPv4 is the business of another program's client.
    pub(in crate::role::link) fn has_external_client(&self) -> bool {
        self.transport == Transport::Hcra && self.agent.is_external()
    }

    /// DHCPv4 ends with the permit.
    pub(super) fn depends_on_permit(&self, cx: &Cx<'_>) -> bool {
        match self.transport {
            Transport::Dhcp4o6 => true,
            Transport::Hcra => cx.settings.hcra.needs_permit,
        }
    }

    /// What surrounds the 4o6 clients, if there is leave for them.
    pub(in crate::role::link) fn around<'a>(&'a self, cx: &Cx<'a>) -> Option<Around<'a>> {
        let permit = self.leave.valid().filter(|_| self.transport == Transport::Dhcp4o6)?;
        Some(self.under(permit, cx))
    }

    /// The IPv6 address that a message would leave from now, or would if leave were confirmed.
    pub(in crate::role::link) fn source(&self, cx: &Cx<'_>) -> Option<Ipv6Addr> {
        match self.transport {
            Transport::Dhcp4o6 => {
                let permit = self.leave.permit()?;
                client4o6::reachable_from(&self.under(permit, cx))
            }
            Transport::Hcra => self.agent.address(),
        }
    }

    /// What keeps the agent from relaying, where it is the way.
    pub(in crate::role::link) fn agent_waits(&self) -> Option<&'static str> {
        match self.transport {
            Transport::Dhcp4o6 => None,
            Transport::Hcra => self.agent.waiting_for(),
        }
    }

    /// When the link decides by itself.
    pub(super) fn undecided(&self) -> Option<Instant> {
        self.undecided_until.filter(|_| !self.decided)
    }
}

impl Running {
    /// Tells what happened to the lease of a client of another program, and takes it up where that is wanted.
    fn follow_passed(&mut self, cx: &mut Cx<'_>) {
        for event in self.base.agent.take_passed() {
            if cx.settings.hcra.adopt {
                self.of(EndpointId::FIRST, cx, |endpoint, base, cx| endpoint.take_up(event, base, cx));
            } else {
                cx.out.push(Effect::Notify(EndpointId::FIRST, event));
            }
        }
    }

    /// Finds out which way is open, and changes over. A lease that is held is then confirmed by the new way.
    pub(super) fn choose_transport(&mut self, cx: &mut Cx<'_>) {
        let base = &mut self.base;
        base.decided |=
            base.client6.is_configured() || base.undecided_until.is_some_and(|until| until <= cx.now);
        if self.base.is_ending() {
            return;
        }
        if !may_run(cx.settings) {
            self.base.agent.end(cx);
            return;
        }
        self.base.agent.settle_device(cx);
        let base = &mut self.base;
        let servers = base.agent.find_servers(&base.leave, &base.client6, cx);
        let transport = match cx.settings.mode {
            Mode::Hcra => Transport::Hcra,
            Mode::Auto if base.leave.permit().is_none() && base.decided && !servers.is_empty() => {
                Transport::Hcra
            }
            // No server is known for now. What the permit gave does not come back with it.
            Mode::Auto if base.leave.permit().is_none() => base.transport,
            Mode::Auto | Mode::Dhcp4o6 | Mode::Off => Transport::Dhcp4o6,
        };
        if transport != base.transport {
            base.transport = transport;
            self.endpoints.iter_mut().for_each(|endpoint| endpoint.verify = true);
            self.suspend4(cx);
            if self.base.has_external_client() {
                // Another client has the lease from now on.
                self.each(cx, Endpoint::forget);
            }
        }
        let base = &mut self.base;
        match base.transport {
            Transport::Dhcp4o6 => base.agent.close_for_now(cx),
            Transport::Hcra => {
                let lacks_permit = cx.settings.hcra.needs_permit && base.leave.valid().is_none();
                base.agent.place(&servers, lacks_permit.then_some("permit"), cx);
            }
        }
        self.follow_passed(cx);
        let base = &mut self.base;
        if base.native == Native::Unknown
            && !base.has_external_client()
            && base.agent_waits() == Some("agent-socket")
        {
            // Now and not when the socket is there, which is followed by a DISCOVER at once.
            base.check_native(None, cx);
        }
    }
}
