//! Doing what a role wants done.

use super::{Outcome, Task};
use crate::clock::now;
use crate::control::Notice;
use crate::install::News;
use crate::shared::Bound;
use crate::sockets::LinkSocket;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::machine::{Effect, OpenError, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::status::{LinkState, Status};
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::sync::Arc;

impl Task {
    pub(super) async fn execute_one(&mut self, effect: Effect) {
        match effect {
            Effect::Open(port) => {
                let result = self.open(port);
                self.outcomes.push_back(Outcome::Opened(port, result));
            }
            Effect::Close(Port::Client6) => self.client6 = None,
            Effect::Close(Port::Arp(_)) => self.arp = None,
            Effect::Close(Port::Native4 | Port::Cra6(_) | Port::Direct4(..) | Port::Tap) => {}
            Effect::Send { via, source, to, payload } => self.send(via, source, to, &payload),
            Effect::Assign6(want) => self.install.assign(want).await,
            Effect::Configure(_, want) => {
                let outcome = self.install.configure(want).await;
                self.outcomes.push_back(Outcome::News(News::Configured(outcome)));
            }
            Effect::Save(record) => {
                let saving = self.shared.storage.borrow_mut().begin(self.orders.key.clone(), *record);
                saving.end(&self.shared.storage).await;
                self.shared.changed.notify_one();
            }
            Effect::Notify(endpoint, event) => self.notify(endpoint, event),
            Effect::Publish(status) => self.publish(status),
            Effect::Frame(_) | Effect::Carrier(_) | Effect::Resolve(_) => {}
            Effect::Refused(reason) => self.refuse(reason, None),
            Effect::Stopped => self.stopped = true,
        }
    }

    fn open(&mut self, port: Port) -> Result<(), OpenError> {
        let result = match (port, &self.orders.target.place) {
            (Port::Arp(_), None) => Err(OpenError::NoLink),
            (Port::Arp(_), Some(place)) => LinkSocket::open(port, place.access.netns(), place.index),
            (Port::Cra6(_) | Port::Direct4(..) | Port::Tap, _) => Err(OpenError::Other(libc::ENOSYS)),
            (Port::Client6 | Port::Native4, _) => {
                LinkSocket::open(port, self.link.access.netns(), self.link.index)
            }
        };
        match &result {
            Ok(_) => tracing::debug!(?port, "opened"),
            Err(error) => tracing::debug!(?port, %error, "not opened"),
        }
        let socket = result?;
        match port {
            Port::Client6 => self.client6 = socket,
            Port::Arp(_) => self.arp = socket,
            Port::Native4 | Port::Cra6(_) | Port::Direct4(..) | Port::Tap => {}
        }
        Ok(())
    }

    fn send(&mut self, via: Port, source: Option<Ipv6Addr>, to: SocketAddrV6, payload: &[u8]) {
        let socket = match via {
            Port::Client6 => self.client6.as_ref(),
            Port::Arp(_) => self.arp.as_ref(),
            Port::Native4 | Port::Cra6(_) | Port::Direct4(..) | Port::Tap => None,
        };
        let sent = match socket {
            Some(socket) => socket.send(source, to, payload),
            None => Err(io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(()) => {
                tracing::trace!(?via, ?source, %to, octets = payload.len(), "sent");
                self.channels.traffic.lock().sent += 1;
            }
            Err(error) => self.refuse(Refused::SendError, Some(&error)),
        }
    }

    fn refuse(&mut self, reason: Refused, error: Option<&io::Error>) {
        self.channels.traffic.lock().refused.count(reason);
        if let Some(suppressed) = self.refusals.admit(reason, now()) {
            tracing::debug!(%reason, suppressed, error = error.map(tracing::field::display), "{}", reason.why());
        }
    }

    fn notify(&mut self, endpoint: EndpointId, event: LeaseEvent) {
        let lease = &event.lease;
        tracing::info!(
            event = event.kind.word(),
            endpoint = endpoint.0,
            address = %lease.address,
            server = %lease.server_id,
            lifetime = lease.lifetime.duration().map(|span| span.as_secs()),
            "lease"
        );
        // Without a bus nobody listens.
        let _ = self.shared.notices.send(Notice::Lease(self.id, endpoint, event));
    }

    fn publish(&mut self, status: Arc<Status>) {
        let before = self.channels.status.borrow().clone();
        if (before.state, before.reason) != (status.state, status.reason) {
            self.log_state(&status);
        }
        match (&status.ipv4, &self.bound) {
            (Some(_), None) => self.bound = Some(Bound::new(&self.shared)),
            (None, Some(_)) => self.bound = None,
            _ => {}
        }
        self.channels.status.send_replace(status);
    }

    fn log_state(&mut self, status: &Status) {
        let (state, reason) = (status.state.word(), status.reason);
        let is_trouble = match status.state {
            // Verifying a remembered lease is what every restart begins with.
            LinkState::Failed | LinkState::Degraded => reason != "verifying",
            _ => false,
        };
        if status.state == LinkState::Bound {
            self.warned = "";
        }
        // It is tried again and again; to be told once is enough.
        if is_trouble && self.warned != reason {
            self.warned = reason;
            let error = status.last_error.as_ref().map(|noted| tracing::field::debug(&noted.text));
            tracing::warn!(state, reason, error, "state");
        } else {
            tracing::debug!(state, reason, "state");
        }
    }
}
