//! A DHCPv4 client of another program, on the TAP device of the link.

use super::{Agent, Clients, Effect, HcraClient, Refused};
use crate::lease::{Lease4, LeaseEvent};
use crate::machine::{Datagram, OpenError, Port};
use crate::role::hcra::{Action, Hcra};
use crate::role::link::running::{Cx, Retry};
use crate::time::{Instant, earliest};

/// The TAP device.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Device {
    Closed,
    /// Asked for; the last failure, if there was one.
    Opening(Option<Retry>),
    Open,
    Failed(Retry),
}

impl Agent {
    /// The client is another program's.
    pub(in crate::role::link) fn is_external(&self) -> bool {
        matches!(self.clients, Clients::External(_))
    }

    /// Has the device where a client of another program is wanted, and only there. It has carrier when there is a way.
    pub(in crate::role::link) fn settle_device(&mut self, cx: &mut Cx<'_>) {
        match (cx.settings.hcra.client, self.device) {
            (HcraClient::External, Device::Closed) => self.open_device(None, cx),
            (HcraClient::Builtin, _) => self.close_device(cx),
            (HcraClient::External, _) => {}
        }
    }

    fn open_device(&mut self, last: Option<Retry>, cx: &mut Cx<'_>) {
        self.device = Device::Opening(last);
        cx.out.push(Effect::Open(Port::Tap));
    }

    pub(super) fn close_device(&mut self, cx: &mut Cx<'_>) {
        if self.device != Device::Closed {
            self.device = Device::Closed;
            cx.out.push(Effect::Close(Port::Tap));
        }
    }

    /// The device is there, could not be made, or was removed by somebody.
    pub(in crate::role::link) fn on_device(&mut self, result: Result<(), OpenError>, cx: &mut Cx<'_>) {
        let last = match self.device {
            Device::Closed => return,
            Device::Opening(last) => last,
            Device::Open | Device::Failed(_) => None,
        };
        match result {
            Ok(()) => {
                self.device = Device::Open;
                self.with_hcra(cx, |hcra, _, out| hcra.on_new_device(out));
            }
            Err(error) => {
                cx.note("no-device", format!("the device for a DHCPv4 client: {error}"));
                self.device = Device::Failed(Retry::after(last, cx.now));
            }
        }
    }

    pub(super) fn keep_device(&mut self, cx: &mut Cx<'_>) {
        if let Device::Failed(retry) = self.device
            && retry.at <= cx.now
        {
            self.open_device(Some(retry), cx);
        }
        self.with_hcra(cx, |hcra, cx, out| hcra.on_deadline(cx.now, out));
    }

    pub(super) fn device_deadline(&self) -> Option<Instant> {
        let retry = match self.device {
            Device::Failed(retry) => Some(retry.at),
            Device::Closed | Device::Opening(_) | Device::Open => None,
        };
        let lease = match &self.clients {
            Clients::External(hcra) => hcra.deadline(),
            Clients::Builtin(_) => None,
        };
        earliest(retry, lease)
    }

    /// The device cannot be had.
    pub(in crate::role::link) fn lacks_device(&self) -> bool {
        matches!(self.device, Device::Failed(_) | Device::Opening(Some(_)))
    }

    /// A frame of the client.
    ///
    /// # Errors
    /// Why a message of DHCPv4 in it is not relayed.
    pub(in crate::role::link) fn on_frame(&mut self, frame: &[u8], cx: &mut Cx<'_>) -> Result<(), Refused> {
        if self.device != Device::Open {
            return Ok(());
        }
        self.judge(cx, |hcra, cx, out| hcra.on_frame(cx.now, frame, out))
    }

    /// An answer for the client.
    pub(super) fn hand_down(&mut self, datagram: &Datagram<'_>, cx: &mut Cx<'_>) -> Result<(), Refused> {
        let (from, to) = (*datagram.from.ip(), datagram.to);
        self.judge(cx, |hcra, cx, out| hcra.on_datagram(cx.now, from, to, datagram.payload, out))
    }

    /// What became due meanwhile happens even if what came is refused.
    fn judge(
        &mut self,
        cx: &mut Cx<'_>,
        act: impl FnOnce(&mut Hcra, &mut Cx<'_>, &mut Vec<Action>) -> Result<(), Refused>,
    ) -> Result<(), Refused> {
        let Clients::External(hcra) = &mut self.clients else { return Ok(()) };
        let mut actions = Vec::new();
        let result = act(hcra, cx, &mut actions);
        match result {
            Err(refused) if !actions.is_empty() => {
                cx.out.push(Effect::Refused(refused));
                self.act(actions, cx);
                Ok(())
            }
            result => {
                self.act(actions, cx);
                result
            }
        }
    }

    fn with_hcra(&mut self, cx: &mut Cx<'_>, act: impl FnOnce(&mut Hcra, &mut Cx<'_>, &mut Vec<Action>)) {
        let Clients::External(hcra) = &mut self.clients else { return };
        let mut actions = Vec::new();
        act(hcra, cx, &mut actions);
        self.act(actions, cx);
    }

    pub(super) fn act(&mut self, actions: Vec<Action>, cx: &mut Cx<'_>) {
        for action in actions {
            match action {
                Action::Relay(payload) => match self.address().filter(|_| cx.facts.running()) {
                    // The client keeps its own pace.
                    Some(source) => self.send(source, payload, cx),
                    None => cx.out.push(Effect::Refused(Refused::NotReady)),
                },
                Action::Frame(frame) => {
                    if frame.get(12..14) == Some(&[8, 0]) {
                        self.count_delivered();
                    }
                    cx.out.push(Effect::Frame(frame));
                }
                Action::Carrier(on) => cx.out.push(Effect::Carrier(on)),
                Action::Lease(event) => self.passed.push(event),
            }
        }
    }

    /// What happened to leases of clients since the last call.
    pub(in crate::role::link) fn take_passed(&mut self) -> Vec<LeaseEvent> {
        std::mem::take(&mut self.passed)
    }

    /// The lease that was seen to pass, of the first client if there are several.
    pub(in crate::role::link) fn seen(&self) -> Option<&Lease4> {
        match &self.clients {
            Clients::External(hcra) => hcra.leases().next(),
            Clients::Builtin(_) => None,
        }
    }
}
