//! The part of a link's client relay agent that only a client of others needs: its device, and what passes there.

use super::agent::Agent;
use super::running::{Cx, Retry};
use crate::ids::EndpointId;
use crate::machine::{Datagram, Effect, OpenError, Port};
use crate::params::SERVER4_PORT;
use crate::refused::Refused;
use crate::role::hcra::{Action, Hcra};
use crate::settings::HcraSettings;
use crate::status::HcraStatus;
use crate::time::{Instant, earliest};
use std::net::{Ipv6Addr, SocketAddrV6};

/// The TAP device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Device {
    Closed,
    /// Asked for; the last failure, if there was one.
    Opening(Option<Retry>),
    Open,
    Failed(OpenError, Retry),
}

/// See the module's description.
pub(super) struct External {
    hcra: Hcra,
    device: Device,
    relayed: u64,
    delivered: u64,
}

impl External {
    pub(super) fn new(settings: &HcraSettings) -> Self {
        Self { hcra: Hcra::new(settings), device: Device::Closed, relayed: 0, delivered: 0 }
    }

    /// Takes over what a change of settings does not end.
    pub(super) fn inherit(&mut self, old: Self, settings: &HcraSettings) {
        *self = old;
        self.hcra.configure(settings);
    }

    /// There is a device while a client of others may run, with carrier while the agent relays.
    pub(super) fn place(&mut self, wanted: bool, agent: &Agent, cx: &mut Cx<'_>) {
        match (wanted, self.device) {
            (true, Device::Closed) => self.open(None, cx),
            (false, Device::Opening(_) | Device::Open | Device::Failed(..)) => {
                self.device = Device::Closed;
                cx.out.push(Effect::Close(Port::Tap));
            }
            (true, Device::Opening(_) | Device::Open | Device::Failed(..)) | (false, Device::Closed) => {}
        }
        let own = agent.address().filter(|_| wanted && self.device == Device::Open);
        let mut actions = Vec::new();
        self.hcra.set_gate(own, agent.servers(), &mut actions);
        self.act(actions, cx);
    }

    fn open(&mut self, last: Option<Retry>, cx: &mut Cx<'_>) {
        self.device = Device::Opening(last);
        cx.out.push(Effect::Open(Port::Tap));
    }

    /// Also comes unasked, when somebody removed the device.
    pub(super) fn on_opened(&mut self, result: Result<(), OpenError>, cx: &mut Cx<'_>) {
        let last = match self.device {
            Device::Opening(last) => last,
            Device::Open if result.is_err() => None,
            Device::Open | Device::Closed | Device::Failed(..) => return,
        };
        match result {
            Ok(()) => self.device = Device::Open,
            Err(error) => {
                self.device = Device::Failed(error, Retry::after(last, cx.now));
                let text = match error {
                    OpenError::InUse => "there is another device of that name".to_owned(),
                    error => format!("no device for a DHCPv4 client: {error}"),
                };
                cx.note(self.trouble().unwrap_or("device-failed"), text);
            }
        }
    }

    pub(super) fn on_deadline(&mut self, cx: &mut Cx<'_>) {
        if let Device::Failed(_, retry) = self.device
            && retry.at <= cx.now
        {
            self.open(Some(retry), cx);
        }
        if self.hcra.deadline().is_some_and(|at| at <= cx.now) {
            let mut actions = Vec::new();
            self.hcra.on_deadline(cx.now, &mut actions);
            self.act(actions, cx);
        }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let device = match self.device {
            Device::Failed(_, retry) => Some(retry.at),
            Device::Closed | Device::Opening(_) | Device::Open => None,
        };
        earliest(device, self.hcra.deadline())
    }

    /// A frame of the client.
    ///
    /// # Errors
    /// Why its message is not relayed.
    pub(super) fn on_frame(&mut self, frame: &[u8], cx: &mut Cx<'_>) -> Result<(), Refused> {
        let mut actions = Vec::new();
        let result = self.hcra.on_frame(cx.now, frame, &mut actions);
        self.act(actions, cx);
        result
    }

    /// What came to the agent's port.
    ///
    /// # Errors
    /// Why the client does not get it.
    pub(super) fn on_datagram(&mut self, datagram: &Datagram<'_>, cx: &mut Cx<'_>) -> Result<(), Refused> {
        if datagram.interface != cx.facts.index {
            return Err(Refused::WrongLink);
        }
        let mut actions = Vec::new();
        let (from, to) = (*datagram.from.ip(), datagram.to);
        let result = self.hcra.on_datagram(cx.now, from, to, datagram.payload, &mut actions);
        if result.is_ok() {
            self.delivered = self.delivered.saturating_add(1);
        }
        self.act(actions, cx);
        result
    }

    /// Why there is no device, while that is so.
    pub(super) fn trouble(&self) -> Option<&'static str> {
        match self.device {
            Device::Failed(OpenError::InUse, _) => Some("device-in-use"),
            Device::Failed(OpenError::NotPermitted, _) => Some("not-permitted"),
            Device::Failed(..) | Device::Opening(Some(_)) => Some("device-failed"),
            Device::Closed | Device::Opening(None) | Device::Open => None,
        }
    }

    /// Fills in what is different with a client of others.
    pub(super) fn describe(&self, status: &mut HcraStatus) {
        if status.waiting_for.is_none() && self.device != Device::Open {
            status.waiting_for = Some("device");
        }
        status.seen = self.hcra.leases().last().cloned();
        (status.relayed, status.delivered) = (self.relayed, self.delivered);
    }

    fn act(&mut self, actions: Vec<Action>, cx: &mut Cx<'_>) {
        for action in actions {
            match action {
                Action::Relay(payload) => self.relay(&payload, cx),
                Action::Frame(frame) => cx.out.push(Effect::Frame(frame)),
                Action::Carrier(on) => cx.out.push(Effect::Carrier(on)),
                Action::Lease(event) => cx.out.push(Effect::Notify(EndpointId::FIRST, event)),
            }
        }
    }

    /// To every server (HCRA-08, HCRA-09).
    fn relay(&mut self, payload: &[u8], cx: &mut Cx<'_>) {
        let Some(source): Option<Ipv6Addr> = self.hcra.source() else { return };
        if !cx.may_send(EndpointId::FIRST) {
            cx.out.push(Effect::Refused(Refused::RateLimited));
            return;
        }
        self.relayed = self.relayed.saturating_add(1);
        for server in self.hcra.servers() {
            cx.out.push(Effect::Send {
                via: Port::Cra6(source),
                source: Some(source),
                to: SocketAddrV6::new(*server, SERVER4_PORT, 0, 0),
                payload: payload.to_vec(),
            });
        }
    }
}
