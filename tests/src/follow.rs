//! A list that grows with what a socket receives.

use nix::sys::socket::{MsgFlags, recv, setsockopt, sockopt};
use nix::sys::time::{TimeVal, TimeValLike};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// Takes one datagram with these flags and adds what is in it; false when there was none.
type Take<T> = dyn Fn(&OwnedFd, MsgFlags, &mut Vec<T>) -> bool + Send + Sync;

/// Follows a socket until it is dropped. What the kernel has delivered is always in the list, whether or not the
/// thread that watches it has run since.
pub(crate) struct Follow<T: Send + 'static> {
    shared: Arc<Shared<T>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared<T> {
    socket: OwnedFd,
    take: Box<Take<T>>,
    list: Mutex<Vec<T>>,
    arrived: Condvar,
    stop: AtomicBool,
}

impl<T: Send + 'static> Follow<T> {
    /// Follows `socket`.
    pub(crate) fn start(
        socket: OwnedFd,
        take: impl Fn(&OwnedFd, MsgFlags, &mut Vec<T>) -> bool + Send + Sync + 'static,
    ) -> Self {
        // Only so that the thread looks at `stop` now and then.
        setsockopt(&socket, sockopt::ReceiveTimeout, &TimeVal::milliseconds(50)).expect("a timeout");
        let shared = Arc::new(Shared {
            socket,
            take: Box::new(take),
            list: Mutex::default(),
            arrived: Condvar::new(),
            stop: AtomicBool::new(false),
        });
        let watched = shared.clone();
        let thread = std::thread::spawn(move || {
            while !watched.stop.load(Ordering::Relaxed) {
                if recv(watched.socket.as_raw_fd(), &mut [0], MsgFlags::MSG_PEEK).is_ok() {
                    drop(watched.list());
                    watched.arrived.notify_all();
                }
            }
        });
        Self { shared, thread: Some(thread) }
    }

    /// Everything so far.
    pub(crate) fn list(&self) -> MutexGuard<'_, Vec<T>> {
        self.shared.list()
    }

    /// Waits until there is more than the first `mark`, for at most `limit`; everything then.
    pub(crate) fn wait_after(&self, mark: usize, limit: Duration) -> MutexGuard<'_, Vec<T>> {
        let list = self.list();
        let waited = self.shared.arrived.wait_timeout_while(list, limit, |list| list.len() <= mark);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl<T> Shared<T> {
    fn list(&self) -> MutexGuard<'_, Vec<T>> {
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        while (self.take)(&self.socket, MsgFlags::MSG_DONTWAIT, &mut list) {}
        list
    }
}

impl<T: Send + 'static> Drop for Follow<T> {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
