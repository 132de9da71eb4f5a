//! The TAP device on which a DHCPv4 client of this host runs: in the namespace of the link, from when the role opens it.

use super::Task;
use crate::clock::now;
use dhcp4o6_netlink::device;
use dhcp4o6_protocol::machine::{Effects, Input, Machine as _, OpenError, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::status::Status;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

impl Task {
    pub(super) async fn open_tap(&mut self) -> Result<(), OpenError> {
        if self.ports.tap().is_none() {
            let name = &self.orders.facts.name;
            let tap = device::open(self.link.access.netns(), name, self.ports.tap_address()).await;
            let device = device::name(name);
            match &tap {
                Ok(_) => tracing::info!(device, "a DHCPv4 client may run on this device"),
                Err(error) => tracing::warn!(device, %error, "no device for a DHCPv4 client"),
            }
            self.ports.put_tap(tap?);
        }
        Ok(())
    }

    /// The role does not know what the device is called.
    pub(super) fn name_device(&self, status: &mut Arc<Status>) {
        if let Some(tap) = self.ports.tap()
            && status.hcra.is_some()
            && let Some(hcra) = &mut Arc::make_mut(status).hcra
        {
            hcra.device = tap.name().to_owned();
        }
    }

    /// Lets the device go for good, if it is open.
    pub(super) fn close_tap(&mut self) {
        if let Some(tap) = self.ports.take_tap()
            && let Err(error) = tap.remove()
        {
            tracing::warn!(%error, "the device for a DHCPv4 client stays");
        }
    }

    pub(super) fn set_carrier(&self, on: bool) {
        let Some(tap) = self.ports.tap() else { return };
        match tap.set_carrier(on) {
            Ok(()) => tracing::debug!(on, "carrier for the DHCPv4 client"),
            Err(error) => tracing::warn!(on, %error, "the carrier for the DHCPv4 client stays as it is"),
        }
    }

    pub(super) fn send_frame(&mut self, frame: &[u8]) {
        let sent = match self.ports.tap() {
            Some(tap) => tap.send(frame),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(()) => {
                tracing::trace!(octets = frame.len(), "frame sent");
                self.channels.traffic.lock().sent += 1;
            }
            Err(error) => self.refuse(Refused::SendError, Some(&error)),
        }
    }

    /// Takes one frame; `None` when there is none or the device is closed. One that somebody removed is told as one that
    /// could not be opened.
    pub(super) fn handle_frame(&mut self) -> Option<Effects> {
        let shared = Rc::clone(&self.shared);
        let mut buffer = shared.buffer.borrow_mut();
        let received = self.ports.tap()?.receive(&mut buffer);
        let mut effects = Effects::new();
        let frame = match received {
            Ok(frame) => frame?,
            Err(error) => {
                tracing::warn!(%error, "somebody removed the device for a DHCPv4 client");
                self.ports.take_tap();
                self.machine.handle(now(), Input::Opened(Port::Tap, Err(OpenError::NoLink)), &mut effects);
                return Some(effects);
            }
        };
        tracing::trace!(octets = frame.len(), "frame received");
        self.machine.handle(now(), Input::Frame(frame), &mut effects);
        self.channels.traffic.lock().received += 1;
        Some(effects)
    }
}
