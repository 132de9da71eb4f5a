//! Drives one link: wait, handle, execute.
//!
//! The task owns the role, its sockets and its deadline. The supervisor tells it, as one value, what the kernel and
//! the configuration say ([`Orders`]); the bus sends it commands; what the role wants done is done in order, which is
//! in [`execute`]. What there is to the TAP device of a client relay agent is in [`tap`].

mod execute;
mod tap;

use crate::clock::{JUMP, now};
use crate::control::{LinkId, LinkRequest, Rejected, TrafficMeter};
use crate::install::{Install, News, Place, Target};
use crate::limiter::Limiter;
use crate::mailbox;
use crate::ports::Ports;
use crate::resolver::{Answer, Resolver};
use crate::shared::{Bound, Shared};
use crate::store::LinkKey;
use dhcp4o6_protocol::facts::LinkFacts;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::machine::{Command, Datagram, Effects, Input, Machine, OpenError, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::link::Link;
use dhcp4o6_protocol::settings::LinkSettings;
use dhcp4o6_protocol::status::Status;
use dhcp4o6_protocol::time::{Instant, earliest};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tracing::{Instrument as _, Span};

/// Datagrams taken from one socket before other links get their turn.
const BATCH: usize = 64;
/// How long an orderly stop may take.
const STOP_WAIT: Duration = Duration::from_secs(5);
/// Shortest sleep: a role whose deadline does not move cannot keep the processor from other links.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

/// What the kernel and the configuration say about a link, whole.
#[derive(Clone, PartialEq, Debug)]
pub struct Orders {
    /// The kernel's view.
    pub facts: Arc<LinkFacts>,
    /// Where its record is kept.
    pub key: LinkKey,
    /// Its settings.
    pub settings: Rc<LinkSettings>,
    /// Where the IPv4 of its endpoints goes.
    pub targets: Vec<Target>,
    /// For each endpoint: the published address is on the target, but not all its routes.
    pub routes_missing: Vec<bool>,
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
    pub requests: mailbox::Receiver<LinkRequest>,
    /// The latest status.
    pub status: watch::Sender<Arc<Status>>,
    /// The latest counters.
    pub traffic: Arc<TrafficMeter>,
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
    ports: Ports,
    /// While the role wants to know the addresses of a name.
    resolver: Option<Box<Resolver>>,
    install: Install,
    /// Inputs that effects have caused.
    outcomes: VecDeque<Outcome>,
    refusals: Limiter<Refused>,
    /// The trouble that an operator was last told of, until the link is bound.
    warned: &'static str,
    bound: Option<Bound>,
    stopped: bool,
    /// When it ends even if the role has not stopped.
    end_at: Option<Instant>,
}

enum Outcome {
    Opened(Port, Result<(), OpenError>),
    News(EndpointId, News),
}

enum Event {
    Begin,
    Orders,
    Request(LinkRequest),
    Time,
    Readable(Port),
    Resolved(Answer),
    End,
}

impl Task {
    /// A task that has not begun. `tap_address` is for a TAP device, if it comes to that.
    pub fn new(
        id: LinkId,
        namespace: Option<String>,
        shared: Rc<Shared>,
        machine: Link,
        link: Place,
        tap_address: [u8; 6],
        channels: Channels,
    ) -> Self {
        let orders = channels.orders.borrow().clone();
        Self {
            id,
            namespace,
            shared,
            install: Install::new(link.clone(), &orders.targets),
            link,
            machine,
            channels,
            orders,
            ports: Ports::new(tap_address),
            resolver: None,
            outcomes: VecDeque::new(),
            refusals: Limiter::new(),
            warned: "",
            bound: None,
            stopped: false,
            end_at: None,
        }
    }

    /// Runs the link until it is to end.
    pub async fn run(&mut self) {
        let mut turn = Some(Event::Begin);
        while let Some(event) = turn {
            let last = matches!(event, Event::End);
            // Doing something needs much memory, and a thousand tasks wait most of the time.
            let span = self.span();
            Box::pin(self.act(event).instrument(span)).await;
            turn = match (last, self.is_over()) {
                (true, _) => None,
                (false, true) => Some(Event::End),
                (false, false) => self.next_event().await,
            };
        }
    }

    /// The lines of whatever is done belong to the link, whatever its name is now.
    fn span(&self) -> Span {
        let ifname = self.orders.facts.name.as_str();
        tracing::error_span!("link", netns = self.namespace, ifname, index = self.id.index)
    }

    async fn act(&mut self, event: Event) {
        match event {
            Event::Begin => self.begin().await,
            Event::Orders => self.follow().await,
            Event::Request(request) => self.serve(request).await,
            Event::Time => self.keep_time().await,
            Event::Readable(port) => self.receive(port).await,
            Event::Resolved(answer) => self.feed(Input::Resolved(answer)).await,
            Event::End => self.end().await,
        }
    }

    async fn begin(&mut self) {
        tracing::info!("link started");
        let facts = self.orders.facts.clone();
        self.look().await;
        self.feed(Input::Link(&facts)).await;
    }

    fn is_over(&self) -> bool {
        self.orders.ending.is_some() && (self.stopped || self.end_at.is_some_and(|end| end <= now()))
    }

    fn next_time(&self) -> Option<Instant> {
        let role = self.machine.deadline().map(|at| at.max(now() + SHORTEST_SLEEP));
        earliest(earliest(role, self.install.retry_at()), self.end_at)
    }

    /// What happens next; `None` when the supervisor is gone.
    async fn next_event(&mut self) -> Option<Event> {
        let time = self.next_time();
        let ports = &mut self.ports;
        let readable = poll_fn(|cx| ports.poll_readable(cx));
        let event = tokio::select! {
            changed = self.channels.orders.changed() => {
                changed.ok()?;
                Event::Orders
            }
            request = self.channels.requests.recv() => Event::Request(request),
            () = self.shared.clock.reached(time) => Event::Time,
            port = readable => Event::Readable(port),
            answer = resolved(&mut self.resolver) => Event::Resolved(answer),
        };
        Some(event)
    }

    /// The kernel or the configuration changed.
    async fn follow(&mut self) {
        let orders = self.channels.orders.borrow_and_update().clone();
        let before = std::mem::replace(&mut self.orders, orders);
        if before.resumed != self.orders.resumed {
            self.feed(Input::Command(Command::Resumed)).await;
        }
        if before.settings != self.orders.settings {
            let settings = Box::new((*self.orders.settings).clone());
            self.install.make_room(settings.endpoints.len());
            self.feed(Input::Settings(settings)).await;
        }
        // What the role wants after this goes to the new targets.
        self.look().await;
        if before.facts != self.orders.facts {
            let facts = self.orders.facts.clone();
            let way =
                |facts: &LinkFacts| (facts.running(), facts.addresses.iter().filter(|a| a.usable()).count());
            if way(&before.facts) < way(&facts)
                && let Some(resolver) = &mut self.resolver
            {
                resolver.hurry();
            }
            self.feed(Input::Link(&facts)).await;
        }
        if before.ending != self.orders.ending {
            self.begin_end().await;
        }
    }

    async fn look(&mut self) {
        let orders = &self.orders;
        let news = self.install.look(&orders.facts, &orders.targets, &orders.routes_missing).await;
        self.tell(news).await;
    }

    async fn tell(&mut self, news: Vec<(EndpointId, News)>) {
        if !news.is_empty() {
            self.outcomes.extend(news.into_iter().map(|(endpoint, news)| Outcome::News(endpoint, news)));
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
            // The client on it goes on as if nothing had happened, unless it is to release its lease too.
            Some(Ending::Shutdown) | None if !self.orders.settings.release_on_stop => {}
            Some(Ending::Shutdown) | None => self.close_tap(),
            Some(Ending::Gone | Ending::Unmanaged) => {
                self.feed(Input::Link(&Arc::default())).await;
                self.install.leave().await;
                self.close_tap();
            }
        }
        tracing::info!("link stopped");
    }

    async fn serve(&mut self, request: LinkRequest) {
        let status = self.channels.status.borrow().clone();
        let verdict = admissible(request.command, &status);
        if verdict.is_ok() {
            tracing::info!(command = ?request.command, "asked by an operator");
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

    async fn receive(&mut self, port: Port) {
        for _ in 0..BATCH {
            self.feed_if_due().await;
            let Some(effects) = self.handle_next(port) else { return };
            self.execute(effects).await;
        }
        // The rest is still announced: it comes up again after the others.
        tokio::task::yield_now().await;
    }

    /// Takes one datagram or frame from a port; `None` when there is none or the port is closed.
    fn handle_next(&mut self, port: Port) -> Option<Effects> {
        if port == Port::Tap {
            return self.handle_frame();
        }
        let socket = self.ports.socket(port)?;
        let mut buffer = self.shared.buffer.borrow_mut();
        let received = socket.receive(&mut buffer)?;
        let payload = buffer.get(received.start..received.end)?;
        let datagram = Datagram {
            via: port,
            interface: received.interface,
            from: received.from,
            to: received.to,
            payload,
        };
        let mut effects = Effects::new();
        tracing::trace!(via = ?port, from = %received.from, to = %received.to, octets = payload.len(), "received");
        self.machine.handle(now(), Input::Datagram(datagram), &mut effects);
        self.channels.traffic.lock().received += 1;
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
        self.machine.handle(now(), input, &mut effects);
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
                Outcome::Opened(port, result) => Input::Opened(port, result),
                Outcome::News(endpoint, News::Configured(result)) => Input::Configured(endpoint, result),
                Outcome::News(endpoint, News::AddressRemoved) => Input::AddressRemoved(endpoint),
            };
            self.machine.handle(now(), input, &mut effects);
        }
    }
}

async fn resolved(resolver: &mut Option<Box<Resolver>>) -> Answer {
    match resolver {
        Some(resolver) => resolver.next().await,
        None => std::future::pending().await,
    }
}

/// Whether a command can be begun now.
fn admissible(command: Command, status: &Status) -> Result<(), Rejected> {
    let lease = status.endpoints.iter().any(|endpoint| endpoint.client4.lease.is_some());
    // It goes on from there as from a fresh start.
    let resting = matches!(status.reason, "stopped" | "released" | "address-removed");
    // The relay agent needs no permit, or waits for one with its engines.
    let leave = if status.client4.transport == "hcra" { "valid" } else { status.permit_state };
    match (command, leave) {
        (Command::Renew, _) if resting => Ok(()),
        (Command::Renew | Command::Rebind, "valid") if lease => Ok(()),
        (Command::Renew | Command::Rebind, "valid") => Err(Rejected::NoLease),
        (Command::Renew | Command::Rebind, "suspended") => Err(Rejected::Busy),
        (Command::Renew | Command::Rebind, _) => Err(Rejected::NotEnabled),
        (Command::Release, _) if !lease => Err(Rejected::NoLease),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::lease::Lease4;
    use dhcp4o6_protocol::status::{Client4Status, EndpointStatus};
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
            endpoints: vec![EndpointStatus {
                client4: Client4Status { lease, ..Client4Status::default() },
                ..EndpointStatus::default()
            }],
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
        let mut relayed = status("none", true);
        relayed.client4.transport = "hcra";
        assert_eq!(admissible(Command::Renew, &relayed), Ok(()), "a relay agent needs no permit");
        let released = Status { reason: "released", ..status("valid", false) };
        assert_eq!(admissible(Command::Renew, &released), Ok(()));
        assert_eq!(admissible(Command::Release, &withdrawn), Ok(()));
        assert_eq!(admissible(Command::Release, &acquiring), Err(Rejected::NoLease));
        for command in [Command::Start, Command::Stop, Command::Restart] {
            assert_eq!(admissible(command, &Status::default()), Ok(()));
        }
    }
}
