//! The server's process and its disk: what a driver does with the role, and what becomes of records when the disk is
//! slow or broken, or the process dies.

use super::witness::Witness;
use crate::desk::duid;
use crate::model::chance::Chance;
use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Effect, Input, Interface};
use dhcp4o6_protocol::role::server::{Server, ServerSettings};
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::{After, Lease};
use std::collections::VecDeque;
use std::time::Duration;

pub(crate) struct Center {
    settings: ServerSettings,
    interfaces: Vec<Interface>,
    pub(crate) server: Option<Box<Server>>,
    /// How often it was started.
    life: u64,
    /// Every durable record, in order.
    disk: Vec<Record>,
    pub(crate) disk_broken: bool,
    /// The role knows that the disk is broken.
    degraded: bool,
    pub(crate) longest_write: Duration,
    /// Journalled and not on disk, with their numbers in this life.
    pending: VecDeque<(u64, Record)>,
    /// What waits for the record with this number.
    held: VecDeque<(u64, Effect)>,
    journalled: u64,
    /// The disk writes everything up to this number.
    writing: Option<u64>,
    pub(crate) refusals: u64,
}

impl Center {
    pub(crate) fn new(
        now: Instant,
        settings: ServerSettings,
        interfaces: Vec<Interface>,
        seed: [u8; 32],
    ) -> Self {
        let mut center = Self {
            settings,
            interfaces,
            server: None,
            life: 0,
            disk: Vec::new(),
            disk_broken: false,
            degraded: false,
            longest_write: Duration::from_millis(5),
            pending: VecDeque::new(),
            held: VecDeque::new(),
            journalled: 0,
            writing: None,
            refusals: 0,
        };
        center.restart(now, seed);
        center
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.server.as_ref().and_then(|server| server.deadline())
    }

    /// The process dies. Of what was journalled, the disk may have got the first records, and no others.
    pub(crate) fn kill(&mut self, chance: &mut Chance) {
        self.server = None;
        if !self.disk_broken {
            let written = chance.below(self.pending.len() + 1);
            self.disk.extend(self.pending.drain(..written).map(|(_, record)| record));
        }
        self.pending.clear();
        self.held.clear();
        self.writing = None;
    }

    pub(crate) fn restart(&mut self, now: Instant, seed: [u8; 32]) {
        if self.server.is_some() {
            return;
        }
        self.life += 1;
        (self.journalled, self.degraded) = (0, false);
        let mut server = Server::new(self.settings.clone(), duid(), [7; 16], seed);
        self.disk.iter().for_each(|record| server.load(record));
        self.compact();
        server.handle(now, Input::Interfaces(&self.interfaces), &mut Vec::new());
        self.server = Some(Box::new(server));
    }

    /// Only the last record of a slot counts.
    fn compact(&mut self) {
        let mut last = std::collections::BTreeMap::new();
        for record in self.disk.drain(..) {
            last.insert(super::witness::slot(&record), record);
        }
        self.disk.extend(last.into_values());
    }

    /// One input. Returns what leaves at once.
    pub(crate) fn handle(&mut self, now: Instant, input: Input<'_>, witness: &mut Witness) -> Vec<Effect> {
        let Some(server) = &mut self.server else { return Vec::new() };
        let asked = if let Input::Datagram(datagram) = &input { Some(*datagram) } else { None };
        let mut out = Vec::new();
        server.handle(now, input, &mut out);
        let deadline = server.deadline();
        assert!(deadline.is_none_or(|at| at > now), "a deadline that is over");
        witness.handled(now, asked.as_ref(), &out);
        let mut leaving = Vec::new();
        let mut after = None;
        for effect in out {
            match effect {
                Effect::Journal(record) => {
                    self.journalled += 1;
                    after = Some(self.journalled);
                    self.pending.push_back((self.journalled, record));
                }
                Effect::Send { .. } => match after {
                    None => leaving.push(effect),
                    Some(number) => self.held.push_back((number, effect)),
                },
                Effect::Frame { .. } => panic!("a server sends no frames"),
                Effect::Refused(_) => self.refusals += 1,
                Effect::Notify(_) => {}
            }
        }
        leaving.iter().for_each(|effect| witness.leaves(now, effect, &self.disk));
        leaving
    }

    /// The life in which the disk is to be called, if it has something to do and does nothing.
    pub(crate) fn wants_disk(&mut self) -> Option<u64> {
        if self.pending.is_empty() || self.writing.is_some() || self.degraded {
            return None;
        }
        self.writing = Some(self.journalled);
        Some(self.life)
    }

    /// The disk has written what it was given, or has failed to. Returns what leaves now.
    pub(crate) fn disk_done(&mut self, now: Instant, life: u64, witness: &mut Witness) -> Vec<Effect> {
        if life != self.life || self.server.is_none() {
            return Vec::new();
        }
        let Some(up_to) = self.writing.take() else { return Vec::new() };
        if self.disk_broken {
            self.degraded = true;
            self.pending.clear();
            self.held.clear();
            return self.handle(now, Input::StorageFailed, witness);
        }
        self.disk.extend(up_to_number(&mut self.pending, up_to));
        let mut leaving = self.handle(now, Input::Stored(up_to), witness);
        for effect in up_to_number(&mut self.held, up_to) {
            witness.leaves(now, &effect, &self.disk);
            leaving.push(effect);
        }
        leaving
    }

    /// The disk takes records again: first everything the server knows.
    pub(crate) fn restore(&mut self, now: Instant, witness: &mut Witness) -> Vec<Effect> {
        let Some(server) = self.server.as_ref().filter(|_| self.degraded) else { return Vec::new() };
        self.degraded = false;
        self.disk.clear();
        let mut after = After::Start;
        loop {
            let page = server.leases(after, 7);
            let Some(last) = page.last() else { break };
            after = match last {
                Lease::V4(binding) => After::Lease4(binding.slot),
                Lease::V6(binding) => After::Lease6(binding.slot),
            };
            self.disk.extend(page.into_iter().map(|lease| match lease {
                Lease::V4(binding) => Record::Lease4(binding),
                Lease::V6(binding) => Record::Lease6(binding),
            }));
        }
        // What was journalled meanwhile is among it.
        self.pending.clear();
        self.held.clear();
        self.handle(now, Input::StorageRestored, witness)
    }
}

/// Takes out what has a number up to this.
fn up_to_number<T>(queue: &mut VecDeque<(u64, T)>, number: u64) -> impl Iterator<Item = T> {
    let count = queue.partition_point(|(n, _)| *n <= number);
    queue.drain(..count).map(|(_, what)| what).collect::<Vec<_>>().into_iter()
}
