//! A short queue from many senders to one receiver. Every link has one, nearly always empty: a channel of the runtime
//! takes a kilobyte even then, this takes what is in it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// A mailbox with room for so many items.
pub fn mailbox<T>(room: usize) -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State { waiting: VecDeque::new(), closed: false }),
        arrived: Notify::new(),
        room,
    });
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

/// Why an item was not taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotSent {
    /// There is no room now.
    Full,
    /// The receiver is gone.
    Closed,
}

/// Puts items in. Clones share the room.
#[derive(Debug)]
pub struct Sender<T>(Arc<Shared<T>>);

/// Takes items out.
#[derive(Debug)]
pub struct Receiver<T>(Arc<Shared<T>>);

#[derive(Debug)]
struct Shared<T> {
    state: Mutex<State<T>>,
    arrived: Notify,
    room: usize,
}

#[derive(Debug)]
struct State<T> {
    waiting: VecDeque<T>,
    closed: bool,
}

impl<T> Shared<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Sender<T> {
    /// Puts an item in, if there is room.
    ///
    /// # Errors
    /// When there is none, or nobody takes it.
    pub fn try_send(&self, item: T) -> Result<(), NotSent> {
        let mut state = self.0.state();
        if state.closed {
            return Err(NotSent::Closed);
        }
        if state.waiting.len() >= self.0.room {
            return Err(NotSent::Full);
        }
        state.waiting.push_back(item);
        self.0.arrived.notify_one();
        Ok(())
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Receiver<T> {
    /// The first item, if there is one.
    pub fn try_recv(&mut self) -> Option<T> {
        let mut state = self.0.state();
        let item = state.waiting.pop_front();
        if state.waiting.is_empty() {
            state.waiting.shrink_to_fit();
        }
        item
    }

    /// Waits for the first item. Cancel safe.
    pub async fn recv(&mut self) -> T {
        loop {
            if let Some(item) = self.try_recv() {
                return item;
            }
            // What arrives in between is remembered.
            self.0.arrived.notified().await;
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // Whoever waits for an answer to something in it learns that none comes.
        let waiting = {
            let mut state = self.0.state();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        drop(waiting);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;

    #[test]
    fn items_come_out_in_order_and_no_more_go_in_than_there_is_room_for() {
        let (sender, mut receiver) = mailbox(2);
        let other = sender.clone();
        assert_eq!(sender.try_send(1), Ok(()));
        assert_eq!(other.try_send(2), Ok(()));
        assert_eq!(sender.try_send(3), Err(NotSent::Full));
        assert_eq!(receiver.recv().now_or_never(), Some(1));
        assert_eq!(sender.try_send(3), Ok(()));
        assert_eq!(receiver.recv().now_or_never(), Some(2));
        assert_eq!(receiver.recv().now_or_never(), Some(3));
        assert_eq!(receiver.recv().now_or_never(), None);
    }

    #[tokio::test]
    async fn whoever_waits_is_woken_also_after_others_gave_up_waiting() {
        let (sender, mut receiver) = mailbox(1);
        assert_eq!(receiver.recv().now_or_never(), None);
        let ((), received) = tokio::join!(async { sender.try_send(7).unwrap() }, receiver.recv());
        assert_eq!(received, 7);
    }

    #[test]
    fn without_a_receiver_nothing_is_taken_and_what_waited_is_dropped() {
        let (sender, receiver) = mailbox(1);
        let item = Arc::new(());
        sender.try_send(Arc::clone(&item)).unwrap();
        drop(receiver);
        assert_eq!(Arc::strong_count(&item), 1);
        assert_eq!(sender.try_send(item), Err(NotSent::Closed));
    }
}
