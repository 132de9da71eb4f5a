//! What all link tasks have in common.

use crate::clock::Clock;
use crate::control::Notice;
use crate::storage::Storage;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tokio::sync::{Notify, mpsc};

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

/// One of the links that have IPv4, as long as it lives.
pub struct Bound(Rc<Shared>);

impl Bound {
    /// One more.
    pub fn new(shared: &Rc<Shared>) -> Self {
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
