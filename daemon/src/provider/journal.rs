//! The leases of the server on their way to the disk, and what waits for them.

use super::socket::Outgoing;
use crate::leases::{Leases, MAX_PENDING, PAGE, Progress};
use dhcp4o6_protocol::binding::Record;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::view::{After, Impossible, Lease};
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Answers that may wait for the disk, to clients and operators. Beyond that no more questions are taken.
const MAX_HELD: usize = 16_384;

/// Where an operator hears whether it was done.
pub type Answer = oneshot::Sender<Result<(), Impossible>>;

/// What must not be said before a record is durable.
#[derive(Debug)]
pub enum Held {
    /// To a client.
    Send(Outgoing),
    /// To an operator: it was done.
    Answer(Answer),
}

/// What waits for records, in the order of these.
#[derive(Default)]
pub struct Waiting(VecDeque<(u64, Held)>);

impl Waiting {
    /// Keeps something back until so many records are stored: not fewer than for what was kept back before.
    pub fn hold(&mut self, until: u64, what: Held) {
        self.0.push_back((until, what));
    }

    /// So many records are stored: answers operators, and puts what may be sent now into `out`.
    pub fn release(&mut self, stored: u64, out: &mut Vec<Outgoing>) {
        let ready = self.0.partition_point(|(until, _)| *until <= stored);
        for (_, what) in self.0.drain(..ready) {
            match what {
                Held::Send(outgoing) => out.push(outgoing),
                // Whoever asked may be gone.
                Held::Answer(answer) => _ = answer.send(Ok(())),
            }
        }
    }

    /// Nothing of it will be stored.
    pub fn fail(&mut self) {
        for (_, what) in self.0.drain(..) {
            if let Held::Answer(answer) = what {
                let _ = answer.send(Err(Impossible::NoStorage));
            }
        }
    }
}

/// The journal of a server and what waits for it.
pub struct Journal {
    leases: Leases,
    appended: u64,
    waiting: Waiting,
    degraded: bool,
}

impl Journal {
    /// A journal that was just opened.
    pub fn new(leases: Leases) -> Self {
        Self { leases, appended: 0, waiting: Waiting::default(), degraded: false }
    }

    /// Takes a record, and says how many there are.
    pub fn append(&mut self, record: &Record) -> u64 {
        self.leases.append(record);
        self.appended += 1;
        self.appended
    }

    /// Keeps something back until so many records are stored.
    pub fn hold(&mut self, until: u64, what: Held) {
        self.waiting.hold(until, what);
    }

    /// Begins to write what was appended.
    pub fn flush(&mut self) {
        self.leases.flush();
    }

    /// Completes when the disk has news. Cancel safe.
    pub async fn changed(&mut self) -> Progress {
        self.leases.changed().await
    }

    /// Takes in what [`Journal::changed`] said; what may be sent now goes into `out`.
    pub fn note(&mut self, progress: Progress, out: &mut Vec<Outgoing>) {
        match progress {
            Progress::Stored(stored) => self.waiting.release(stored, out),
            Progress::Failed => {
                self.degraded = true;
                self.waiting.fail();
            }
            // What is stored with it is told as well.
            Progress::Restored => self.degraded = false,
            Progress::WantsPage => {}
        }
    }

    /// Hands over a page of what the server knows, if one is wanted now. True if another one is.
    pub fn turn_page(&mut self, server: &Server) -> bool {
        let Some(after) = self.leases.wants_page() else { return false };
        let leases = server.leases(after, PAGE);
        let last = leases.len() < PAGE;
        let reserved = if after == After::Start { server.reserved() } else { Vec::new() };
        let reserved = reserved.into_iter().map(|(address, holder)| Record::Reserve4 { address, holder });
        let records = reserved.chain(leases.into_iter().map(|lease| match lease {
            Lease::V4(binding) => Record::Lease4(binding),
            Lease::V6(binding) => Record::Lease6(binding),
        }));
        self.leases.page(&records.collect::<Vec<_>>(), last);
        self.leases.wants_page().is_some()
    }

    /// Tries a disk that took nothing now, and not only in a minute.
    pub fn retry(&mut self) {
        if self.degraded {
            self.leases.retry();
        }
    }

    /// Nothing can be stored.
    pub fn degraded(&self) -> bool {
        self.degraded
    }

    /// So much waits for the disk that no more should be taken up.
    pub fn is_full(&self) -> bool {
        self.leases.pending() >= MAX_PENDING || self.waiting.0.len() >= MAX_HELD
    }

    /// Nothing waits for the disk, or the disk takes nothing.
    pub fn is_settled(&self) -> bool {
        self.leases.pending() == 0 || self.degraded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dhcp4o6_protocol::provider::Port;
    use std::net::{Ipv6Addr, SocketAddrV6};

    fn outgoing(number: u8) -> Held {
        let to = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 546, 0, 0);
        Held::Send(Outgoing { via: Port::Dhcp6, interface: 0, source: None, to, payload: vec![number] })
    }

    fn released(waiting: &mut Waiting, stored: u64) -> Vec<u8> {
        let mut out = Vec::new();
        waiting.release(stored, &mut out);
        out.into_iter().flat_map(|outgoing| outgoing.payload).collect()
    }

    #[test]
    fn nothing_leaves_before_its_record_is_stored_and_all_that_is_stored_leaves_in_order() {
        let mut waiting = Waiting::default();
        for (until, number) in [(1, 1), (3, 2), (3, 3), (4, 4)] {
            waiting.hold(until, outgoing(number));
        }
        assert!(released(&mut waiting, 0).is_empty());
        assert_eq!(released(&mut waiting, 1), [1]);
        assert!(released(&mut waiting, 2).is_empty());
        assert_eq!(released(&mut waiting, 3), [2, 3]);
        assert_eq!(released(&mut waiting, 9), [4]);
    }

    #[test]
    fn what_cannot_be_stored_is_never_said() {
        let mut waiting = Waiting::default();
        let (answer, mut heard) = oneshot::channel();
        waiting.hold(1, outgoing(1));
        waiting.hold(2, Held::Answer(answer));
        waiting.fail();
        assert_eq!(heard.try_recv(), Ok(Err(Impossible::NoStorage)));
        assert!(released(&mut waiting, 9).is_empty());
    }

    #[test]
    fn an_operator_hears_that_it_is_done_when_it_is_durable() {
        let mut waiting = Waiting::default();
        let (answer, mut heard) = oneshot::channel();
        waiting.hold(2, Held::Answer(answer));
        assert!(released(&mut waiting, 1).is_empty());
        assert_eq!(heard.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        assert!(released(&mut waiting, 2).is_empty());
        assert_eq!(heard.try_recv(), Ok(Ok(())));
    }
}
