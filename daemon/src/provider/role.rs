//! One role of the provider and what it has of its own: its journal, its counters, and what it shows.

use super::agent::Agent;
use super::journal::{Answer, Held, Journal};
use super::socket::{Outgoing, PortSocket, run_length};
use super::{Key, Shared};
use crate::control::{Notice, ProviderStatus, ServerRequest, Work, WorkMeter};
use crate::leases::Progress;
use crate::limiter::Limiter;
use dhcp4o6_protocol::machine::Machine as _;
use dhcp4o6_protocol::provider::{self, Datagram, Effect, Frame, Input, Interface, Port};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::lcra::Lcra;
use dhcp4o6_protocol::role::relay::Relay;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::role::tra::Tra;
use dhcp4o6_protocol::tally::Tally;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::Impossible;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::watch;

/// Most leases in one answer to an operator.
const MAX_PAGE: usize = 1_000;

/// What a role is.
pub enum Machine {
    /// The server, with the leases that it gave.
    Server(Box<Server>, Box<Journal>),
    /// A DHCPv6 relay agent.
    Relay(Box<Relay>),
    /// An IPv6-transport relay agent.
    Tra(Box<Tra>),
    /// An on-link client relay agent.
    Lcra(Box<Lcra>),
}

impl Machine {
    fn handle(&mut self, now: Instant, input: Input<'_>, out: &mut Vec<Effect>) {
        match self {
            Self::Server(server, _) => server.handle(now, input, out),
            Self::Relay(relay) => relay.handle(now, input, out),
            Self::Tra(tra) => tra.handle(now, input, out),
            Self::Lcra(lcra) => lcra.handle(now, input, out),
        }
    }

    fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Server(server, _) => server.deadline(),
            Self::Relay(relay) => relay.deadline(),
            Self::Tra(tra) => tra.deadline(),
            Self::Lcra(lcra) => lcra.deadline(),
        }
    }

    fn tally(&self) -> &Tally {
        match self {
            Self::Server(server, _) => server.tally(),
            Self::Relay(relay) => relay.tally(),
            Self::Tra(tra) => tra.tally(),
            Self::Lcra(lcra) => lcra.tally(),
        }
    }

    fn ports(&self) -> Vec<Port> {
        match self {
            Self::Server(server, _) => server.ports(),
            Self::Relay(relay) => relay.ports(),
            Self::Tra(tra) => tra.ports(),
            Self::Lcra(lcra) => lcra.ports(),
        }
    }

    fn journal(&mut self) -> Option<&mut Journal> {
        match self {
            Self::Server(_, journal) => Some(journal),
            Self::Relay(_) | Self::Tra(_) | Self::Lcra(_) => None,
        }
    }
}

/// A role that runs.
pub struct Role {
    /// Which it is.
    pub key: Key,
    /// What it is.
    pub machine: Machine,
    /// What the configuration says of it, if it is an agent.
    pub agent: Option<Agent>,
    /// Names of the interfaces it is configured for.
    pub wanted: Vec<String>,
    /// What it was told: those of them that there are; every interface, if it looks everywhere.
    pub interfaces: Vec<Interface>,
    told: bool,
    shared: Rc<Shared>,
    status: watch::Sender<Arc<ProviderStatus>>,
    work: Work,
    meter: Arc<WorkMeter>,
    effects: Vec<Effect>,
    outbox: Vec<Outgoing>,
    refusals: Limiter<Refused>,
    notices: Limiter<&'static str>,
    /// It told something that may show in its status.
    is_news: bool,
}

impl Role {
    /// A role that was told nothing yet.
    pub fn new(
        key: Key,
        machine: Machine,
        agent: Option<Agent>,
        wanted: Vec<String>,
        shared: Rc<Shared>,
        status: watch::Sender<Arc<ProviderStatus>>,
        meter: Arc<WorkMeter>,
    ) -> Self {
        Self {
            key,
            machine,
            agent,
            wanted,
            interfaces: Vec::new(),
            told: false,
            shared,
            status,
            work: Work::default(),
            meter,
            effects: Vec::new(),
            outbox: Vec::new(),
            refusals: Limiter::new(),
            notices: Limiter::new(),
            is_news: false,
        }
    }

    /// The sockets it needs.
    pub fn ports(&self) -> Vec<Port> {
        self.machine.ports()
    }

    /// When it wants to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.machine.deadline()
    }

    /// Its journal, if it has one.
    pub fn journal(&mut self) -> Option<&mut Journal> {
        self.machine.journal()
    }

    /// Takes a datagram up.
    pub fn receive(&mut self, now: Instant, datagram: Datagram<'_>) {
        let Datagram { via, interface, from, to, payload } = datagram;
        tracing::trace!(role = %self.key, ?via, interface, %from, %to, octets = payload.len(), "received");
        self.work.received += 1;
        self.feed(now, Input::Datagram(datagram));
    }

    /// Takes a frame up.
    pub fn receive_frame(&mut self, now: Instant, frame: Frame<'_>) {
        let Frame { interface, checksum_pending, octets } = frame;
        tracing::trace!(role = %self.key, interface, checksum_pending, octets = octets.len(), "received");
        self.work.received += 1;
        self.feed(now, Input::Frame(frame));
    }

    /// Counts a datagram that no role wants.
    pub fn refuse_unread(&mut self, now: Instant, reason: Refused) {
        self.work.received += 1;
        self.refuse(now, reason);
    }

    /// Tells the role the interfaces it is configured for, if they are others than it was told.
    pub fn tell_interfaces(&mut self, now: Instant, interfaces: Vec<Interface>) {
        if !self.told || self.interfaces != interfaces {
            self.told = true;
            self.feed(now, Input::Interfaces(&interfaces));
            self.interfaces = interfaces;
        }
    }

    /// Tells the role something, and does what it wants done.
    pub fn feed(&mut self, now: Instant, input: Input<'_>) {
        self.machine.handle(now, input, &mut self.effects);
        self.execute(now, None);
    }

    /// What is overdue goes before everything else.
    pub fn feed_if_due(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.feed(now, Input::Deadline);
        }
    }

    /// The server, to be changed by an operator or a configuration; what that causes is done. An answer waits until that
    /// is durable.
    pub fn change(
        &mut self,
        now: Instant,
        answer: Option<Answer>,
        change: impl FnOnce(&mut Server, &mut Vec<Effect>) -> Result<(), Impossible>,
    ) {
        let Machine::Server(server, _) = &mut self.machine else { return };
        match change(server, &mut self.effects) {
            Ok(()) => self.execute(now, answer),
            Err(why) => {
                self.execute(now, None);
                answer.map(|answer| answer.send(Err(why)));
            }
        }
    }

    /// Does all effects in order. Whatever follows a record, and the answer, waits for that.
    fn execute(&mut self, now: Instant, answer: Option<Answer>) {
        let mut until = None;
        let mut effects = std::mem::take(&mut self.effects);
        for effect in effects.drain(..) {
            match effect {
                Effect::Send { via, interface, source, to, payload } => {
                    let outgoing = Outgoing { via, interface, source, to, payload };
                    match (until, self.machine.journal()) {
                        (Some(until), Some(journal)) => journal.hold(until, Held::Send(outgoing)),
                        _ => self.outbox.push(outgoing),
                    }
                }
                Effect::Frame { interface, octets } => self.outbox.push(Outgoing::frame(interface, octets)),
                Effect::Journal(record) => {
                    until = self.machine.journal().map(|journal| journal.append(&record));
                }
                Effect::Notify(notice) => self.notify(now, notice),
                Effect::Refused(reason) => self.refuse(now, reason),
            }
        }
        // Its room serves again.
        self.effects = effects;
        let Some(answer) = answer else { return };
        match (until, self.machine.journal()) {
            (Some(until), Some(journal)) => journal.hold(until, Held::Answer(answer)),
            // Whoever asked may be gone.
            _ => _ = answer.send(Ok(())),
        }
    }

    /// An agent takes up other settings.
    pub fn configure(&mut self, agent: Agent) {
        if self.agent.as_ref() == Some(&agent) {
            return;
        }
        match (&mut self.machine, &agent) {
            (Machine::Relay(relay), Agent::Relay(config)) => relay.configure(config.settings.clone()),
            (Machine::Tra(tra), Agent::Tra(config)) => tra.configure(config.settings.clone()),
            (Machine::Lcra(lcra), Agent::Lcra(config, _)) => lcra.configure(config.settings.clone()),
            _ => {}
        }
        self.wanted = agent.interfaces();
        self.agent = Some(agent);
    }

    /// The disk has news.
    pub fn note(&mut self, now: Instant, progress: Progress) {
        if let Machine::Server(_, journal) = &mut self.machine {
            journal.note(progress, &mut self.outbox);
        }
        match progress {
            Progress::Stored(stored) => self.feed(now, Input::Stored(stored)),
            Progress::Failed => self.feed(now, Input::StorageFailed),
            Progress::Restored => self.feed(now, Input::StorageRestored),
            Progress::WantsPage => {}
        }
    }

    /// Answers an operator.
    pub fn serve(&mut self, now: Instant, request: ServerRequest) {
        let Machine::Server(server, _) = &mut self.machine else { return };
        // Whoever asked may be gone when the answer is there.
        match request {
            ServerRequest::Leases(after, count, reply) => {
                _ = reply.send(server.leases(after, count.min(MAX_PAGE)));
            }
            ServerRequest::Pools(reply) => _ = reply.send(server.pools(now)),
            ServerRequest::Reserved(reply) => _ = reply.send(server.reserved()),
            ServerRequest::Select(question, reply) => _ = reply.send(server.select(now, &question)),
            ServerRequest::Revoke(address, reply) => {
                tracing::info!(%address, "revoked by an operator");
                self.change(now, Some(reply), |server, out| server.revoke(now, address, out));
            }
            ServerRequest::Reserve(address, holder, reply) => {
                tracing::info!(%address, ?holder, "reserved by an operator");
                self.change(now, Some(reply), |server, out| server.reserve(now, address, holder, out));
            }
            ServerRequest::Unreserve(address, reply) => {
                tracing::info!(%address, "reservation taken back by an operator");
                self.change(now, Some(reply), |server, out| server.unreserve(now, address, out));
            }
        }
    }

    /// Ends a turn: everything that may leave leaves, the disk gets its work, and the counters are shown.
    pub fn end_turn(&mut self, now: Instant, sockets: &BTreeMap<Port, PortSocket>) {
        if let Some(journal) = self.machine.journal() {
            journal.flush();
        }
        self.send(now, sockets);
        self.work.done.clone_from(self.machine.tally());
        self.meter.lock().clone_from(&self.work);
    }

    fn send(&mut self, now: Instant, sockets: &BTreeMap<Port, PortSocket>) {
        let outbox = std::mem::take(&mut self.outbox);
        let shared = Rc::clone(&self.shared);
        let mut outlet = shared.outlet.borrow_mut();
        let mut rest = outbox.as_slice();
        while let Some(first) = rest.first() {
            let run = rest.get(..run_length(rest)).unwrap_or_default();
            let (sent, error) = match sockets.get(&first.via) {
                Some(socket) => socket.send(&mut outlet, run),
                None => (0, Some(nix::errno::Errno::ENOTCONN)),
            };
            for outgoing in run.iter().take(sent) {
                let Outgoing { via, interface, source, to, payload } = outgoing;
                tracing::trace!(
                    role = %self.key, ?via, interface, ?source, %to, octets = payload.len(), "sent"
                );
            }
            self.work.sent += sent as u64;
            if let Some(error) = error {
                self.count(now, Refused::SendError, Some(error));
            }
            // The one that was refused is lost.
            let passed = sent + usize::from(error.is_some());
            rest = rest.get(passed.max(1)..).unwrap_or_default();
        }
        self.outbox = outbox;
        self.outbox.clear();
    }

    fn refuse(&mut self, now: Instant, reason: Refused) {
        self.count(now, reason, None);
    }

    fn count(&mut self, now: Instant, reason: Refused, error: Option<nix::errno::Errno>) {
        self.work.refused.count(reason);
        if let Some(suppressed) = self.refusals.admit(reason, now) {
            let error = error.map(tracing::field::display);
            tracing::debug!(role = %self.key, %reason, suppressed, error, "{}", reason.why());
        }
    }

    /// Its status may be other than shown.
    pub fn take_news(&mut self) -> bool {
        std::mem::take(&mut self.is_news)
    }

    fn notify(&mut self, now: Instant, notice: provider::Notice) {
        use provider::Notice::{BindingAdded, BindingRemoved, StorageDegraded, StorageRestored};
        if matches!(notice, BindingAdded(_) | BindingRemoved(_)) {
            tracing::trace!(role = %self.key, binding = ?notice, "notice");
            return self.shared.tell_binding(now, &self.key, notice);
        }
        self.is_news = true;
        let Some(suppressed) = self.notices.admit(notice.word(), now) else { return };
        let event = notice.word();
        match &notice {
            StorageDegraded => {
                tracing::error!(event, suppressed, "leases cannot be stored: no new ones are given");
            }
            StorageRestored => tracing::info!(event, suppressed, "leases can be stored again"),
            other => tracing::warn!(role = %self.key, event, suppressed, what = ?other, "notice"),
        }
        self.shared.tell(Notice::Provider(self.key.clone(), notice));
    }

    /// Shows this, if it is news.
    pub fn show(&self, status: ProviderStatus) {
        let before = self.status.borrow().clone();
        if *before == status {
            return;
        }
        if (before.state, before.reason) != (status.state, status.reason) {
            let (state, reason) = (status.state, status.reason);
            match state {
                "failed" | "degraded" => tracing::warn!(role = %self.key, state, reason, "state"),
                _ => tracing::info!(role = %self.key, state, "state"),
            }
        }
        let status = Arc::new(status);
        self.shared.note(&self.key, &status);
        self.status.send_replace(status);
    }
}
