//! How many messages a second are relayed, of one client and of all: no more than so many in the second that the first
//! of them begins.
//!
//! [`super::rates`] lets pass what a sender earns while it sends, which suits senders that speak for many. A client that
//! sends faster than that is broken, so here what is too much is just dropped.

use crate::time::Instant;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
/// Most clients whose messages are counted at a time; then the one that is next to begin anew makes room.
const CAPACITY: usize = 16_384;

/// Messages in the second that began at a moment.
#[derive(Clone, Copy, Debug)]
struct Window {
    began_at: Instant,
    messages: u32,
}

impl Window {
    fn is_over(self, now: Instant) -> bool {
        now.since(self.began_at) >= SECOND
    }
}

/// Counts the messages of each client. Every operation takes O(log n).
#[derive(Debug)]
pub(super) struct Windows<K> {
    /// Messages a second of one client; 0 is no limit.
    each: u32,
    /// Messages a second of all; 0 is no limit.
    all: u32,
    total: Window,
    clients: BTreeMap<K, Window>,
    /// Clients in the order in which their windows began.
    order: VecDeque<(Instant, K)>,
}

impl<K: Ord + Copy> Windows<K> {
    pub(super) fn new(each: u32, all: u32) -> Self {
        let total = Window { began_at: Instant::BOOT, messages: 0 };
        Self { each, all, total, clients: BTreeMap::new(), order: VecDeque::new() }
    }

    /// Other limits from now on. What was used up stays used up.
    pub(super) fn configure(&mut self, each: u32, all: u32) {
        (self.each, self.all) = (each, all);
    }

    /// True if one more message of this client may pass; then it is counted. A client that sends too much takes nothing
    /// from the others.
    pub(super) fn take(&mut self, now: Instant, client: K) -> bool {
        while self.order.front().is_some_and(|(began_at, _)| now.since(*began_at) >= SECOND) {
            self.drop_front();
        }
        if self.total.is_over(now) {
            self.total = Window { began_at: now, messages: 0 };
        }
        let before = self.clients.get(&client).map_or(0, |window| window.messages);
        if is_used_up(before, self.each) || is_used_up(self.total.messages, self.all) {
            return false;
        }
        self.total.messages = self.total.messages.saturating_add(1);
        if let Some(window) = self.clients.get_mut(&client) {
            window.messages = window.messages.saturating_add(1);
        } else if self.each != 0 {
            if self.order.len() >= CAPACITY {
                self.drop_front();
            }
            self.order.push_back((now, client));
            self.clients.insert(client, Window { began_at: now, messages: 1 });
        }
        true
    }

    fn drop_front(&mut self) {
        if let Some((_, client)) = self.order.pop_front() {
            self.clients.remove(&client);
        }
    }
}

const fn is_used_up(messages: u32, limit: u32) -> bool {
    limit != 0 && messages >= limit
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Instant = Instant::from_secs(1000);

    fn at(millis: u64) -> Instant {
        START + Duration::from_millis(millis)
    }

    fn passed(windows: &mut Windows<u32>, client: u32, at: impl IntoIterator<Item = Instant>) -> usize {
        at.into_iter().filter(|now| windows.take(*now, client)).count()
    }

    #[test]
    fn ten_of_a_hundred_in_a_second_however_they_are_spread_lcra_13() {
        assert_eq!(passed(&mut Windows::new(10, 200), 1, vec![START; 100]), 10);
        assert_eq!(passed(&mut Windows::new(10, 200), 1, (0..100).map(|n| at(n * 10))), 10);
        assert_eq!(passed(&mut Windows::new(10, 200), 1, (0..1000).map(|n| at(n * 10))), 100);
    }

    #[test]
    fn one_client_takes_nothing_from_another_until_all_are_too_many_lcra_13() {
        let mut windows = Windows::new(10, 25);
        assert_eq!(passed(&mut windows, 1, vec![START; 1000]), 10);
        assert_eq!(passed(&mut windows, 2, vec![START; 1000]), 10);
        assert_eq!(passed(&mut windows, 3, vec![START; 1000]), 5);
        assert_eq!(passed(&mut windows, 4, vec![START; 1000]), 0);
        assert_eq!(passed(&mut windows, 4, vec![at(1000); 1000]), 10);
    }

    #[test]
    fn nothing_is_no_limit() {
        assert_eq!(passed(&mut Windows::new(0, 0), 1, vec![START; 10_000]), 10_000);
        assert_eq!(passed(&mut Windows::new(0, 7), 1, vec![START; 10_000]), 7);
        let mut windows = Windows::new(7, 0);
        assert_eq!((0..10_000).filter(|client| windows.take(START, *client)).count(), 10_000);
    }

    #[test]
    fn forged_clients_take_bounded_memory_and_are_forgotten_in_a_second() {
        let mut windows = Windows::new(10, 0);
        (0..100_000).for_each(|client| assert!(windows.take(START, client)));
        assert_eq!((windows.clients.len(), windows.order.len()), (CAPACITY, CAPACITY));
        windows.take(at(1000), 1);
        assert_eq!((windows.clients.len(), windows.order.len()), (1, 1));
    }
}
