//! What was relayed of late, so that only answers to it go back: a bounded memory of the last two minutes, which forged
//! messages can neither grow nor slow down.

use crate::params::ANSWER_WAIT;
use crate::time::Instant;
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The last messages, each with what it is found by and what is to be known of it. Every operation takes O(1).
///
/// A message is forgotten [`ANSWER_WAIT`] after it was relayed, and earlier when as many came after it as there is room
/// for: the oldest goes first. Answers do not end the memory of it, because several servers may give one.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    capacity: usize,
    /// In the order of time.
    entries: VecDeque<Entry<K, V>>,
    /// Number of the entry at the front. Numbers are not given twice.
    front: u64,
    /// Number of the latest entry of each key. A hash table, because a search tree takes a tenth of all the time that a
    /// message takes; only looked up, so its order shows nowhere, and its hasher is keyed at random, so that nobody
    /// outside can choose keys that collide.
    latest: HashMap<K, u64>,
}

#[derive(Debug)]
struct Entry<K, V> {
    key: K,
    at: Instant,
    value: V,
}

impl<K: Hash + Eq + Copy, V> Recent<K, V> {
    /// Room for so many messages; takes memory as it fills.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: VecDeque::new(), front: 0, latest: HashMap::new() }
    }

    /// Room for so many from now on.
    pub(crate) fn configure(&mut self, capacity: usize) {
        self.capacity = capacity;
        while self.entries.len() > capacity {
            self.drop_front();
        }
    }

    /// This was relayed now. What an earlier message with the same key said is forgotten.
    pub(crate) fn remember(&mut self, now: Instant, key: K, value: V) {
        // More are forgotten with each message than one message adds, so all are in time.
        for _ in 0..2 {
            if self.entries.front().is_some_and(|entry| is_over(entry.at, now)) {
                self.drop_front();
            }
        }
        if self.capacity == 0 {
            return;
        }
        if self.entries.len() >= self.capacity {
            self.drop_front();
        }
        let number = self.front.saturating_add(u64::try_from(self.entries.len()).unwrap_or(u64::MAX));
        self.entries.push_back(Entry { key, at: now, value });
        self.latest.insert(key, number);
    }

    /// When the latest message with this key was relayed, and what is known of it.
    pub(crate) fn find(&self, now: Instant, key: &K) -> Option<(Instant, &V)> {
        let place = self.latest.get(key)?.checked_sub(self.front)?;
        let entry = self.entries.get(usize::try_from(place).ok()?)?;
        (!is_over(entry.at, now)).then_some((entry.at, &entry.value))
    }

    fn drop_front(&mut self) {
        let Some(entry) = self.entries.pop_front() else { return };
        if self.latest.get(&entry.key) == Some(&self.front) {
            self.latest.remove(&entry.key);
        }
        self.front = self.front.saturating_add(1);
    }

    /// Messages in memory.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        assert!(self.latest.len() <= self.entries.len());
        self.entries.len()
    }
}

fn is_over(at: Instant, now: Instant) -> bool {
    now.since(at) > ANSWER_WAIT
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const START: Instant = Instant::from_secs(1000);

    fn after(secs: u64) -> Instant {
        START + Duration::from_secs(secs)
    }

    #[test]
    fn an_answer_may_take_two_minutes_and_no_longer_hcra_19() {
        let mut recent = Recent::new(4);
        recent.remember(START, 7, 'a');
        assert_eq!(recent.find(after(120), &7), Some((START, &'a')));
        assert_eq!(recent.find(after(120) + Duration::from_micros(1), &7), None);
        assert_eq!(recent.find(START, &8), None);
    }

    #[test]
    fn a_message_sent_again_waits_anew_and_says_what_it_says_now() {
        let mut recent = Recent::new(4);
        recent.remember(START, 7, 'a');
        recent.remember(after(100), 7, 'b');
        assert_eq!(recent.find(after(220), &7), Some((after(100), &'b')));
        // The first one leaving does not take the second one along.
        recent.remember(after(130), 8, 'c');
        assert_eq!(recent.find(after(130), &7), Some((after(100), &'b')));
    }

    #[test]
    fn the_oldest_makes_room_and_only_it_lcra_14() {
        let mut recent = Recent::new(4096);
        for n in 0..4097 {
            recent.remember(START, n, ());
        }
        assert_eq!(recent.find(START, &0), None);
        assert!((1..4097).all(|n| recent.find(START, &n).is_some()));
        assert_eq!(recent.len(), 4096);
    }

    #[test]
    fn memory_does_not_grow_with_forged_messages_and_comes_back_in_quiet_times() {
        let mut recent = Recent::new(1000);
        for n in 0..100_000 {
            recent.remember(START, n, ());
        }
        assert_eq!(recent.len(), 1000);
        for n in 0..1000 {
            recent.remember(after(121) + Duration::from_secs(n), n, ());
        }
        assert!(recent.len() <= 122, "{}", recent.len());
    }

    #[test]
    fn another_capacity_keeps_the_latest_and_none_keeps_nothing() {
        let mut recent = Recent::new(10);
        (0..10).for_each(|n| recent.remember(START, n, ()));
        recent.configure(3);
        assert_eq!((0..10).filter(|n| recent.find(START, n).is_some()).collect::<Vec<_>>(), [7, 8, 9]);
        recent.configure(0);
        recent.remember(START, 11, ());
        assert_eq!((recent.find(START, &11), recent.len()), (None, 0));
    }

    #[test]
    fn it_is_what_a_plain_list_would_be() {
        let mut recent = Recent::new(8);
        let mut list: Vec<(u32, Instant, u64)> = Vec::new();
        let mut state = 1_u64;
        for step in 0..5000_u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let key = u32::try_from(state >> 60).unwrap();
            let now = after(step * 7);
            recent.remember(now, key, step);
            list.push((key, now, step));
            let last = &list[list.len().saturating_sub(8)..];
            for key in 0..16 {
                let expected =
                    last.iter().rev().find(|(k, at, _)| *k == key && now.since(*at) <= ANSWER_WAIT);
                assert_eq!(recent.find(now, &key), expected.map(|(_, at, value)| (*at, value)));
            }
        }
    }
}
