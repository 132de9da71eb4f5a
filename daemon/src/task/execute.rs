//! Doing what a role wants done.

use super::{Outcome, Task};
use crate::clock::now;
use crate::control::Notice;
use crate::install::{News, Place};
use crate::resolver::Resolver;
use crate::shared::Bound;
use crate::sockets::LinkSocket;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::machine::{Effect, OpenError, Port, Question};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::status::{LinkState, Status};
use std::io;
use std::net::{Ipv6Addr, SocketAddrV6};
use std::sync::Arc;

impl Task {
    pub(super) async fn execute_one(&mut self, effect: Effect) {
        match effect {
            Effect::Open(port) => {
                let result = self.open(port).await;
                match &result {
                    Ok(()) => tracing::debug!(?port, "opened"),
                    Err(error) => tracing::debug!(?port, %error, "not opened"),
                }
                self.outcomes.push_back(Outcome::Opened(port, result));
            }
            Effect::Close(Port::Tap) => self.close_tap(),
            Effect::Close(port) => self.ports.close(port),
            Effect::Send { via, source, to, payload } => self.send(via, source, to, &payload),
            Effect::Assign6(want) => self.install.assign(want).await,
            Effect::Configure(endpoint, want) => {
                let outcome = self.install.configure(endpoint, want).await;
                self.outcomes.push_back(Outcome::News(endpoint, News::Configured(outcome)));
            }
            Effect::Save(record) => {
                let saving = self.shared.storage.borrow_mut().begin(self.orders.key.clone(), *record);
                saving.end(&self.shared.storage).await;
                self.shared.changed.notify_one();
            }
            Effect::Notify(endpoint, event) => self.notify(endpoint, event),
            Effect::Publish(status) => self.publish(status),
            Effect::Frame(frame) => self.send_frame(&frame),
            Effect::Carrier(on) => self.set_carrier(on),
            Effect::Resolve(question) => self.resolve(question),
            Effect::Refused(reason) => self.refuse(reason, None),
            Effect::Stopped => self.stopped = true,
        }
    }

    async fn open(&mut self, port: Port) -> Result<(), OpenError> {
        let place = match port {
            Port::Tap => return self.open_tap().await,
            Port::Arp(endpoint) | Port::Direct4(endpoint, _) => self.target(endpoint),
            Port::Client6 | Port::Native4 | Port::Cra6(_) => Some(&self.link),
        };
        let place = place.ok_or(OpenError::NoLink)?;
        if let Some(socket) = LinkSocket::open(port, place.access.netns(), place.index)? {
            self.ports.put(socket);
        }
        Ok(())
    }

    /// Where the IPv4 of an endpoint goes, if that exists.
    fn target(&self, endpoint: EndpointId) -> Option<&Place> {
        self.orders.targets.get(usize::from(endpoint.0))?.place.as_ref()
    }

    fn resolve(&mut self, question: Option<Question>) {
        let asked = self.resolver.as_ref().map(|resolver| resolver.question());
        if asked != question.as_ref() {
            let resolver = |question| Resolver::new(question, &self.link, &self.shared.clock);
            self.resolver = question.map(resolver).map(Box::new);
        }
    }

    fn send(&mut self, via: Port, source: Option<Ipv6Addr>, to: SocketAddrV6, payload: &[u8]) {
        let sent = match self.ports.socket(via) {
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

    pub(super) fn refuse(&mut self, reason: Refused, error: Option<&io::Error>) {
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

    fn publish(&mut self, mut status: Arc<Status>) {
        self.name_device(&mut status);
        let before = self.channels.status.borrow().clone();
        if (before.state, before.reason) != (status.state, status.reason) {
            self.log_state(&status);
        }
        let has_ipv4 = status.endpoints.iter().any(|endpoint| endpoint.ipv4.is_some());
        match (has_ipv4, &self.bound) {
            (true, None) => self.bound = Some(Bound::new(&self.shared)),
            (false, Some(_)) => self.bound = None,
            _ => {}
        }
        self.channels.status.send_replace(status);
    }

    fn log_state(&mut self, status: &Status) {
        let (state, reason) = (status.state.word(), status.reason);
        let is_trouble = match status.state {
            // Verifying a remembered lease is what every restart begins with, and one endpoint is the first that is done.
            LinkState::Failed | LinkState::Degraded => !matches!(reason, "verifying" | "endpoints-acquiring"),
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
