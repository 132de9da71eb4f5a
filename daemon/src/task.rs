//! Drives one link: wait, handle, execute.
//!
//! The task owns the role, its sockets and its deadline. The supervisor tells it, as one value, what the kernel and
//! the configuration say ([`Orders`]); the bus sends it commands; what the role wants done is done in order.

use crate::clock::{Clock, JUMP, now};
use crate::control::{LinkId, LinkRequest, Notice, Rejected, Traffic};
use crate::install::{Install, News, Place, Target};
use crate::limiter::Limiter;
use crate::sockets::LinkSocket;
use crate::storage::Storage;
use crate::store::LinkKey;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::lease::LeaseEvent;
use dhcp4o6_protocol::machine::{Command, Datagram, Effect, Effects, Endpoint, Input, Machine, OpenError};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::link::Link;
use dhcp4o6_protocol::settings::LinkSettings;
use dhcp4o6_protocol::status::{LinkState, Status};
use dhcp4o6_protocol::time::{Instant, earliest};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{Notify, mpsc, watch};
use tracing::Span;

/// Datagrams taken from one socket before other links get their turn.
const BATCH: usize = 64;
/// How long an orderly stop may take.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Shortest sleep: a role whose deadline does not move cannot keep the processor from other links.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What all link tasks share. They run on one thread and borrow only while they do not wait.
pub struct Shared {
    /// Deadlines.
    pub clock: Clock,
    /// Records.
    pub storage: RefCell<Storage>,
    /// For datagrams being received.
    pub buffer: RefCell<Box<[u8]>>,
    /// To the bus.
    pub notices: mpsc::UnboundedSender<Notice>,
    /// Links that have IPv4.
    pub bound: Cell<usize>,
    /// The storage or `bound` may have changed.
    pub changed: Notify,
}

/// What the kernel and the configuration say about a link, whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Orders {
    /// The kernel's view.
    pub facts: LinkFacts,
    /// Where its record is kept.
    pub key: LinkKey,
    /// Its settings.
    pub settings: Rc<LinkSettings>,
    /// Where its IPv4 goes.
    pub target: Target,
    /// The published address is on the target, but not all its routes.
    pub routes_missing: bool,
    /// The machine was asleep so many times.
    pub resumed: u64,
    /// The task is to end.
    pub ending: Option<Ending>,
}

/// Why a task is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// The interface or its namespace is gone.
    Gone,
    /// The configuration does not name the link any more, or it is to begin again from nothing.
    Unmanaged,
    /// The service ends.
    Shutdown,
}

/// A link task's ends of its channels.
pub struct Channels {
    /// From the supervisor.
    pub orders: watch::Receiver<Orders>,
    /// From the bus.
    pub requests: mpsc::Receiver<LinkRequest>,
    /// The latest status.
    pub status: watch::Sender<Arc<Status>>,
    /// The latest counters.
    pub traffic: watch::Sender<Traffic>,
}

/// One link's role and everything it touches.
pub struct Task {
    id: LinkId,
    namespace: Option<String>,
    shared: Rc<Shared>,
    link: Place,
    machine: Link,
    channels: Channels,
    /// The last orders seen.
    orders: Orders,
    client6: Option<LinkSocket>,
    arp: Option<LinkSocket>,
    install: Install,
    /// Inputs that effects have caused.
    outcomes: VecDeque<Outcome>,
    refusals: Limiter<Refused>,
    bound: Option<Bound>,
    stopped: bool,
    /// When it ends even without [`Effect::Stopped`].
    end_at: Option<Instant>,
    span: Span,
}

enum Outcome {
    Opened(Endpoint, Result<(), OpenError>),
    News(News),
}

enum Event {
    Orders,
    Request(LinkRequest),
    Time,
    Readable(Endpoint),
    /// The supervisor is gone.
    Orphaned,
}

impl Task {
    /// A task that has not begun.
    pub fn new(
        id: LinkId,
        namespace: Option<String>,
        shared: Rc<Shared>,
        machine: Link,
        link: Place,
        channels: Channels,
    ) -> Self {
        let orders = channels.orders.borrow().clone();
        let mut task = Self {
            id,
            namespace,
            shared,
            install: Install::new(link.clone(), orders.target.clone()),
            link,
            machine,
            channels,
            orders,
            client6: None,
            arp: None,
            outcomes: VecDeque::new(),
            refusals: Limiter::new(),
            bound: None,
            stopped: false,
            end_at: None,
            span: Span::none(),
        };
        task.name_span();
        task
    }

    /// Runs the link until it is to end.
    pub async fn run(mut self) {
        self.span.in_scope(|| tracing::info!("link started"));
        self.channels.orders.mark_unchanged();
        self.orders = self.channels.orders.borrow().clone();
        let facts = self.orders.facts.clone();
        self.feed(Input::Link(&facts)).await;
        self.look().await;
        while !self.is_over() {
            match self.next_event().await {
                Event::Orders => self.follow().await,
                Event::Request(request) => self.serve(request).await,
                Event::Time => self.keep_time().await,
                Event::Readable(endpoint) => self.receive(endpoint).await,
                Event::Orphaned => return,
            }
        }
        self.end().await;
        self.span.in_scope(|| tracing::info!("link stopped"));
    }

    fn is_over(&self) -> bool {
        self.orders.ending.is_some() && (self.stopped || self.end_at.is_some_and(|end| end <= now()))
    }

    fn next_time(&self) -> Option<Instant> {
        let role = self.machine.deadline().map(|at| at.max(now() + SHORTEST_SLEEP));
        earliest(earliest(role, self.install.retry_at()), self.end_at)
    }

    async fn next_event(&mut self) -> Event {
        let time = self.next_time();
        let (client6, arp) = (&self.client6, &self.arp);
        let readable = poll_fn(|cx| {
            let ready = |socket: &Option<LinkSocket>, cx: &mut _| {
                socket.as_ref().is_some_and(|s| s.poll_readable(cx).is_ready())
            };
            if ready(client6, cx) {
                Poll::Ready(Endpoint::Client6)
            } else if ready(arp, cx) {
                Poll::Ready(Endpoint::Arp)
            } else {
                Poll::Pending
            }
        });
        tokio::select! {
            changed = self.channels.orders.changed() => if changed.is_ok() { Event::Orders } else { Event::Orphaned },
            Some(request) = self.channels.requests.recv() => Event::Request(request),
            () = self.shared.clock.reached(time) => Event::Time,
            endpoint = readable => Event::Readable(endpoint),
        }
    }

    /// The kernel or the configuration changed.
    async fn follow(&mut self) {
        let orders = self.channels.orders.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.orders, orders);
        if before.facts.name != self.orders.facts.name {
            self.name_span();
        }
        if before.resumed != self.orders.resumed {
            self.feed(Input::Command(Command::Resumed)).await;
        }
        if before.settings != self.orders.settings {
            let settings = Box::new((*self.orders.settings).clone());
            self.feed(Input::Settings(settings)).await;
        }
        if before.facts != self.orders.facts {
            let facts = self.orders.facts.clone();
            self.feed(Input::Link(&facts)).await;
        }
        self.look().await;
        if before.ending != self.orders.ending {
            self.begin_end().await;
        }
    }

    async fn look(&mut self) {
        let news =
            self.install.look(&self.orders.facts, &self.orders.target, self.orders.routes_missing).await;
        self.tell(news).await;
    }

    async fn tell(&mut self, news: Option<News>) {
        if let Some(news) = news {
            self.outcomes.push_back(Outcome::News(news));
            self.execute(Effects::new()).await;
        }
    }

    async fn begin_end(&mut self) {
        self.stopped = false;
        self.end_at = Some(now() + STOP_WAIT);
        match self.orders.ending {
            Some(Ending::Shutdown) => self.feed(Input::Command(Command::Shutdown)).await,
            Some(Ending::Unmanaged) => {
                // Alone, `Shutdown` leaves everything as it is for the next start.
                if !self.orders.settings.release_on_stop {
                    self.feed(Input::Command(Command::Stop)).await;
                }
                self.feed(Input::Command(Command::Shutdown)).await;
            }
            // There is nothing left to say goodbye to.
            Some(Ending::Gone) | None => self.stopped = true,
        }
    }

    async fn end(&mut self) {
        match self.orders.ending {
            Some(Ending::Shutdown) | None => {}
            Some(Ending::Gone | Ending::Unmanaged) => {
                self.feed(Input::Link(&LinkFacts::default())).await;
                self.install.leave().await;
            }
        }
    }

    async fn serve(&mut self, request: LinkRequest) {
        let status = self.channels.status.borrow().clone();
        let verdict = admissible(request.command, &status);
        if verdict.is_ok() {
            self.span.in_scope(|| tracing::info!(command = ?request.command, "asked by an operator"));
            self.feed(Input::Command(request.command)).await;
        }
        // Who asked may have gone away.
        let _ = request.reply.send(verdict);
    }

    async fn keep_time(&mut self) {
        self.feed_if_due().await;
        if self.install.retry_at().is_some_and(|at| at <= now()) {
            let news = self.install.retry().await;
            self.tell(news).await;
        }
    }

    async fn receive(&mut self, endpoint: Endpoint) {
        for _ in 0..BATCH {
            self.feed_if_due().await;
            let Some(effects) = self.handle_next(endpoint) else { return };
            self.execute(effects).await;
        }
        // The rest is still announced: it comes up again after the others.
        tokio::task::yield_now().await;
    }

    /// Takes one datagram from a socket; `None` when there is none or the socket is closed.
    fn handle_next(&mut self, endpoint: Endpoint) -> Option<Effects> {
        let socket = match endpoint {
            Endpoint::Client6 => self.client6.as_ref()?,
            Endpoint::Arp => self.arp.as_ref()?,
            Endpoint::Native4 => return None,
        };
        let mut buffer = self.shared.buffer.borrow_mut();
        let received = socket.receive(&mut buffer)?;
        let payload = buffer.get(received.start..received.end)?;
        let datagram = Datagram {
            via: endpoint,
            interface: received.interface,
            from: received.from,
            to: received.to,
            payload,
        };
        let mut effects = Effects::new();
        self.span.in_scope(|| {
            tracing::trace!(via = ?endpoint, from = %received.from, to = %received.to, octets = payload.len(), "received");
            self.machine.handle(now(), Input::Datagram(datagram), &mut effects);
        });
        self.channels.traffic.send_modify(|traffic| traffic.received += 1);
        Some(effects)
    }

    /// What is overdue goes before everything else: after a sleep, expired leases end before anything is sent.
    async fn feed_if_due(&mut self) {
        let now = now();
        let Some(deadline) = self.machine.deadline().filter(|deadline| *deadline <= now) else { return };
        if now.since(deadline) > JUMP {
            self.handle(Input::Command(Command::Resumed)).await;
        }
        self.handle(Input::Deadline).await;
    }

    async fn feed(&mut self, input: Input<'_>) {
        self.feed_if_due().await;
        self.handle(input).await;
    }

    async fn handle(&mut self, input: Input<'_>) {
        let mut effects = Effects::new();
        self.span.in_scope(|| self.machine.handle(now(), input, &mut effects));
        self.execute(effects).await;
    }

    /// Executes all effects in order, then tells the role how they ended, and so on.
    async fn execute(&mut self, mut effects: Effects) {
        loop {
            for effect in effects.drain(..) {
                self.execute_one(effect).await;
            }
            let Some(outcome) = self.outcomes.pop_front() else { return };
            let input = match outcome {
                Outcome::Opened(endpoint, result) => Input::Opened(endpoint, result),
                Outcome::News(News::Configured(result)) => Input::Configured(result),
                Outcome::News(News::AddressRemoved) => Input::AddressRemoved,
            };
            self.span.in_scope(|| self.machine.handle(now(), input, &mut effects));
        }
    }

    async fn execute_one(&mut self, effect: Effect) {
        match effect {
            Effect::Open(endpoint) => {
                let result = self.open(endpoint);
                self.outcomes.push_back(Outcome::Opened(endpoint, result));
            }
            Effect::Close(Endpoint::Client6) => self.client6 = None,
            Effect::Close(Endpoint::Arp) => self.arp = None,
            Effect::Close(Endpoint::Native4) => {}
            Effect::Send { via, source, to, payload } => self.send(via, source, to, &payload),
            Effect::Assign6(want) => self.install.assign(want).await,
            Effect::Configure(want) => {
                let outcome = self.install.configure(want).await;
                self.outcomes.push_back(Outcome::News(News::Configured(outcome)));
            }
            Effect::Save(record) => {
                self.span.in_scope(|| self.shared.storage.borrow_mut().save(&self.orders.key, *record));
                self.shared.changed.notify_one();
            }
            Effect::Notify(event) => self.notify(event),
            Effect::Publish(status) => self.publish(status),
            Effect::Refused(reason) => self.refuse(reason, None),
            Effect::Stopped => self.stopped = true,
        }
    }

    fn open(&mut self, endpoint: Endpoint) -> Result<(), OpenError> {
        let result = match (endpoint, &self.orders.target.place) {
            (Endpoint::Arp, None) => Err(OpenError::NoLink),
            (Endpoint::Arp, Some(place)) => LinkSocket::open(endpoint, place.access.netns(), place.index),
            (Endpoint::Client6 | Endpoint::Native4, _) => {
                LinkSocket::open(endpoint, self.link.access.netns(), self.link.index)
            }
        };
        self.span.in_scope(|| match &result {
            Ok(_) => tracing::debug!(?endpoint, "opened"),
            Err(error) => tracing::debug!(?endpoint, %error, "not opened"),
        });
        let socket = result?;
        match endpoint {
            Endpoint::Client6 => self.client6 = socket,
            Endpoint::Arp => self.arp = socket,
            Endpoint::Native4 => {}
        }
        Ok(())
    }

    fn send(
        &mut self,
        via: Endpoint,
        source: Option<std::net::Ipv6Addr>,
        to: std::net::SocketAddrV6,
        payload: &[u8],
    ) {
        let socket = match via {
            Endpoint::Client6 => self.client6.as_ref(),
            Endpoint::Arp => self.arp.as_ref(),
            Endpoint::Native4 => None,
        };
        let sent = match socket {
            Some(socket) => socket.send(source, to, payload),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        match sent {
            Ok(()) => {
                self.span.in_scope(|| tracing::trace!(?via, ?source, %to, octets = payload.len(), "sent"));
                self.channels.traffic.send_modify(|traffic| traffic.sent += 1);
            }
            Err(error) => self.refuse(Refused::SendError, Some(&error)),
        }
    }

    fn refuse(&mut self, reason: Refused, error: Option<&std::io::Error>) {
        self.channels.traffic.send_modify(|traffic| traffic.refused.count(reason));
        if let Some(suppressed) = self.refusals.admit(reason, now()) {
            self.span.in_scope(|| {
                tracing::debug!(%reason, suppressed, error = error.map(tracing::field::display), "{}", reason.why());
            });
        }
    }

    fn notify(&mut self, event: LeaseEvent) {
        self.span.in_scope(|| {
            let lease = &event.lease;
            let lifetime = lease.lifetime.duration().map(|span| span.as_secs());
            tracing::info!(
                event = event.kind.word(),
                address = %lease.address,
                server = %lease.server_id,
                lifetime,
                "lease"
            );
        });
        // Without a bus nobody listens.
        let _ = self.shared.notices.send(Notice::Lease(self.id, event));
    }

    fn publish(&mut self, status: Box<Status>) {
        let before = self.channels.status.borrow().clone();
        if (before.state, before.reason) != (status.state, status.reason) {
            self.span.in_scope(|| log_state(&status));
        }
        match (&status.ipv4, &self.bound) {
            (Some(_), None) => self.bound = Some(Bound::new(&self.shared)),
            (None, Some(_)) => self.bound = None,
            _ => {}
        }
        self.channels.status.send_replace(Arc::from(status));
    }

    fn name_span(&mut self) {
        self.span = tracing::error_span!(
            "link",
            netns = self.namespace,
            ifname = self.orders.facts.name.as_str(),
            index = self.id.index
        );
    }
}

fn log_state(status: &Status) {
    let (state, reason) = (status.state.word(), status.reason);
    match status.state {
        LinkState::Failed | LinkState::Degraded => {
            let error = status.last_error.as_ref().map(|noted| tracing::field::debug(&noted.text));
            tracing::warn!(state, reason, error, "state");
        }
        _ => tracing::debug!(state, reason, "state"),
    }
}

/// Whether a command can be begun now.
fn admissible(command: Command, status: &Status) -> Result<(), Rejected> {
    let lease = status.client4.lease.is_some();
    // It goes on from there as from a fresh start.
    let resting = matches!(status.reason, "stopped" | "released" | "address-removed");
    match (command, status.permit_state) {
        (Command::Renew, _) if resting => Ok(()),
        (Command::Renew | Command::Rebind, "valid") if lease => Ok(()),
        (Command::Renew | Command::Rebind, "valid") => Err(Rejected::NoLease),
        (Command::Renew | Command::Rebind, "suspended") => Err(Rejected::Busy),
        (Command::Renew | Command::Rebind, _) => Err(Rejected::NotEnabled),
        (Command::Release, _) if !lease => Err(Rejected::NoLease),
        _ => Ok(()),
    }
}

/// One of the links that have IPv4, as long as it lives.
struct Bound(Rc<Shared>);

impl Bound {
    fn new(shared: &Rc<Shared>) -> Self {
        shared.bound.set(shared.bound.get() + 1);
        shared.changed.notify_one();
        Self(shared.clone())
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.bound.set(self.0.bound.get() - 1);
        self.0.changed.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::lease::Lease4;
    use dhcp4o6_protocol::status::Client4Status;
    use dhcp4o6_protocol::time::Lifetime;

    fn status(permit: &'static str, lease: bool) -> Status {
        let lease = lease.then(|| Lease4 {
            address: [192, 0, 2, 7].into(),
            server_id: [192, 0, 2, 1].into(),
            requested_at: Instant::BOOT,
            lifetime: Lifetime::INFINITE,
            renew_at: None,
            rebind_at: None,
            expires_at: None,
            options: Vec::new(),
            source: None,
        });
        Status {
            permit_state: permit,
            client4: Client4Status { lease, ..Client4Status::default() },
            ..Status::default()
        }
    }

    #[test]
    fn a_command_that_cannot_begin_is_rejected_with_the_reason() {
        let (bound, withdrawn, acquiring) =
            (status("valid", true), status("withdrawn", true), status("valid", false));
        for command in [Command::Renew, Command::Rebind] {
            assert_eq!(admissible(command, &bound), Ok(()));
            assert_eq!(admissible(command, &withdrawn), Err(Rejected::NotEnabled));
            assert_eq!(admissible(command, &acquiring), Err(Rejected::NoLease));
            assert_eq!(admissible(command, &status("suspended", true)), Err(Rejected::Busy));
        }
        let released = Status { reason: "released", ..status("valid", false) };
        assert_eq!(admissible(Command::Renew, &released), Ok(()));
        assert_eq!(admissible(Command::Release, &withdrawn), Ok(()));
        assert_eq!(admissible(Command::Release, &acquiring), Err(Rejected::NoLease));
        for command in [Command::Start, Command::Stop, Command::Restart] {
            assert_eq!(admissible(command, &Status::default()), Ok(()));
        }
    }
}
