//! What was changed and is not on disk yet, and how to take it back.

use crate::binding::Record;
use std::collections::VecDeque;

/// As many changes as may wait for the disk before no more messages are taken up.
const CAPACITY: usize = 16_384;

/// The changes of the table that may still be lost, oldest first.
#[derive(Default)]
pub(super) struct Ledger {
    /// Records journalled since the role began.
    journalled: u64,
    /// Their numbers from 1, and how their slots were before.
    undo: VecDeque<(u64, Record)>,
    /// What is not stored now will be once the disk works, all at once; nothing is taken back.
    degraded: bool,
}

impl Ledger {
    /// A record is journalled; `undo` is how its slot was before.
    pub(super) fn journal(&mut self, undo: Record) {
        self.journalled = self.journalled.saturating_add(1);
        if !self.degraded {
            self.undo.push_back((self.journalled, undo));
        }
    }

    /// The first `count` records are on disk.
    pub(super) fn stored(&mut self, count: u64) {
        while self.undo.front().is_some_and(|(number, _)| *number <= count) {
            self.undo.pop_front();
        }
    }

    /// None of the others will be: how the slots were before, in the order in which to put that back.
    pub(super) fn failed(&mut self) -> impl Iterator<Item = Record> {
        self.degraded = true;
        std::mem::take(&mut self.undo).into_iter().rev().map(|(_, undo)| undo)
    }

    /// Everything is on disk again.
    pub(super) fn restored(&mut self) {
        self.degraded = false;
    }

    /// New records are not stored at present.
    pub(super) const fn is_degraded(&self) -> bool {
        self.degraded
    }

    /// The disk is too far behind.
    pub(super) fn is_full(&self) -> bool {
        self.undo.len() >= CAPACITY
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::binding::Slot4;

    fn gone(n: u8) -> Record {
        Record::Gone4(Slot4 { address: [192, 0, 2, n].into(), ports: None })
    }

    fn ledger(count: u8) -> Ledger {
        let mut ledger = Ledger::default();
        (1..=count).for_each(|n| ledger.journal(gone(n)));
        ledger
    }

    #[test]
    fn what_is_stored_stays_and_the_rest_is_taken_back_last_first() {
        let mut ledger = ledger(5);
        ledger.stored(2);
        ledger.stored(1);
        assert_eq!(ledger.failed().collect::<Vec<_>>(), [gone(5), gone(4), gone(3)]);
        assert_eq!(ledger.failed().count(), 0);
    }

    #[test]
    fn numbers_go_on_after_a_failure() {
        let mut ledger = ledger(3);
        assert_eq!(ledger.failed().count(), 3);
        // Journalled while nothing is stored: restoring stores it, and another failure does not take it back.
        ledger.journal(gone(4));
        ledger.restored();
        ledger.journal(gone(5));
        ledger.stored(4);
        assert_eq!(ledger.failed().collect::<Vec<_>>(), [gone(5)]);
    }

    #[test]
    fn a_disk_that_does_not_answer_cannot_make_it_grow_for_ever() {
        let mut ledger = Ledger::default();
        let mut count = 0;
        while !ledger.is_full() {
            ledger.journal(gone(1));
            count += 1;
        }
        assert_eq!(count, CAPACITY);
        ledger.stored(1);
        assert!(!ledger.is_full());
    }
}
