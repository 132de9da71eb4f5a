//! Time as leases count it: CLOCK_BOOTTIME, which runs through suspend and which nobody can set.
//!
//! All deadlines of the process share one timerfd. It is armed for the earliest of them and for nothing else, so a
//! process without deadlines never wakes up.

use dhcp4o6_netlink::ready::watch;
use dhcp4o6_protocol::time::Instant;
use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// A deadline handled this much too late means that the machine, or this process, did not run meanwhile.
pub const JUMP: Duration = Duration::from_secs(30);

/// The time now.
pub fn now() -> Instant {
    micros(nix::time::ClockId::CLOCK_BOOTTIME).map_or(Instant::BOOT, Instant::from_micros)
}

/// How far the wall clock is ahead of the boot-time clock, in microseconds. It changes when somebody sets the clock.
pub fn wall_minus_boot_micros() -> i64 {
    let wall = micros(nix::time::ClockId::CLOCK_REALTIME).unwrap_or(0);
    i64::try_from(i128::from(wall) - i128::from(now().as_micros())).unwrap_or(0)
}

/// The kernel's name for this boot; empty where it tells none.
pub fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id")
        .map(|id| id.trim().to_owned())
        .unwrap_or_default()
}

fn micros(clock: nix::time::ClockId) -> Option<u64> {
    let time = clock.now().ok()?;
    u64::try_from(time.tv_sec())
        .ok()?
        .checked_mul(1_000_000)?
        .checked_add(u64::try_from(time.tv_nsec()).ok()? / 1000)
}

/// The process's deadlines. Clones share them.
#[derive(Clone)]
pub struct Clock(Rc<RefCell<Deadlines>>);

/// Who waits until when.
#[derive(Default)]
struct Deadlines {
    waiting: BTreeMap<(Instant, u64), Waker>,
    next_key: u64,
    /// Of [`Clock::run`], which arms the timer.
    driver: Option<Waker>,
}

impl Deadlines {
    fn earliest(&self) -> Option<Instant> {
        self.waiting.first_key_value().map(|((at, _), _)| *at)
    }

    /// Runs `change`, and wakes the driver if the earliest deadline is another then.
    fn changing<T>(&mut self, change: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.earliest();
        let result = change(self);
        if before != self.earliest()
            && let Some(driver) = self.driver.take()
        {
            driver.wake();
        }
        result
    }

    /// Wakes whoever waits for `now` or earlier.
    fn wake_due(&mut self, now: Instant) {
        while let Some(first) = self.waiting.first_entry().filter(|first| first.key().0 <= now) {
            first.remove().wake();
        }
    }
}

impl Clock {
    /// A clock without deadlines.
    pub fn new() -> Self {
        Self(Rc::default())
    }

    /// Completes at `at` or, if that has passed, at once; never when it is `None`.
    pub async fn reached(&self, at: Option<Instant>) {
        let Some(at) = at else { return std::future::pending().await };
        let mut place = Place { clock: self, at, key: None };
        poll_fn(|cx| place.poll(cx)).await;
    }

    /// Arms the timer for the earliest deadline and wakes those whose time has come, for ever.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub async fn run(self) -> io::Result<()> {
        let timer =
            Timer(TimerFd::new(ClockId::CLOCK_BOOTTIME, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?);
        let timer = watch(timer, Interest::READABLE)?;
        let mut armed = None;
        poll_fn(|cx| self.drive(&timer, &mut armed, cx)).await
    }

    fn drive(
        &self,
        timer: &AsyncFd<Timer>,
        armed: &mut Option<Instant>,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut deadlines = self.0.borrow_mut();
            deadlines.wake_due(now());
            deadlines.driver = Some(cx.waker().clone());
            let earliest = deadlines.earliest();
            drop(deadlines);
            if earliest != *armed {
                timer.get_ref().arm(earliest)?;
                *armed = earliest;
            }
            match timer.poll_read_ready(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(ready) => {
                    let mut ready = ready?;
                    // Reading resets it. What it says is in the deadlines too.
                    if let Ok(result) = ready.try_io(|timer| timer.get_ref().read()) {
                        result?;
                        *armed = None;
                    }
                }
            }
        }
    }
}

/// One who waits. Leaves the queue when dropped.
struct Place<'a> {
    clock: &'a Clock,
    at: Instant,
    key: Option<u64>,
}

impl Place<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if now() >= self.at {
            return Poll::Ready(());
        }
        self.clock.0.borrow_mut().changing(|deadlines| {
            let key = *self.key.get_or_insert_with(|| {
                deadlines.next_key += 1;
                deadlines.next_key
            });
            deadlines.waiting.insert((self.at, key), cx.waker().clone());
        });
        Poll::Pending
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            self.clock.0.borrow_mut().changing(|deadlines| deadlines.waiting.remove(&(self.at, key)));
        }
    }
}

/// A timerfd that can stand in an [`AsyncFd`].
struct Timer(TimerFd);

impl Timer {
    fn arm(&self, at: Option<Instant>) -> io::Result<()> {
        match at {
            // Zero would disarm it.
            Some(at) => {
                let at = TimeSpec::from_duration(Duration::from_micros(at.as_micros().max(1)));
                self.0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.0.unset()?,
        }
        Ok(())
    }

    fn read(&self) -> io::Result<()> {
        nix::unistd::read(self.0.as_fd(), &mut [0; 8])?;
        Ok(())
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

/// Tells when the machine wakes from suspend.
///
/// The kernel cancels wall-clock timers of a certain kind then, and also when somebody sets the wall clock. The two
/// differ in that only suspend moves the boot-time clock against the monotonic one.
pub struct Suspends {
    timer: AsyncFd<Timer>,
    /// Time spent suspended since boot.
    asleep: Duration,
}

impl Suspends {
    /// Begins to watch.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub fn watch() -> io::Result<Self> {
        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = Timer(TimerFd::new(ClockId::CLOCK_REALTIME, flags)?);
        let suspends = Self { timer: watch(timer, Interest::READABLE)?, asleep: time_asleep() };
        suspends.arm()?;
        Ok(suspends)
    }

    /// Completes after the next resume. Cancel safe.
    ///
    /// # Errors
    /// When the timer cannot be read or set.
    pub async fn resumed(&mut self) -> io::Result<()> {
        loop {
            let mut ready = self.timer.readable().await?;
            match ready.try_io(|timer| timer.get_ref().read()) {
                Ok(Err(error)) if error.raw_os_error() != Some(libc::ECANCELED) => return Err(error),
                Ok(_) => {}
                Err(_would_block) => continue,
            }
            self.arm()?;
            let asleep = time_asleep();
            let grown = asleep.saturating_sub(self.asleep);
            self.asleep = asleep;
            if grown >= Duration::from_secs(1) {
                return Ok(());
            }
        }
    }

    /// For a moment that never comes; what counts is the cancelling.
    fn arm(&self) -> io::Result<()> {
        const NEVER: Duration = Duration::from_secs(1 << 33);
        let flags = TimerSetTimeFlags::TFD_TIMER_ABSTIME | TimerSetTimeFlags::TFD_TIMER_CANCEL_ON_SET;
        let set = || self.timer.get_ref().0.set(Expiration::OneShot(TimeSpec::from_duration(NEVER)), flags);
        match set() {
            // The clock was set since the last look: that look is overdue, the timer is armed all the same.
            Err(nix::Error::ECANCELED) => Ok(()),
            other => Ok(other?),
        }
    }
}

fn time_asleep() -> Duration {
    let monotonic = micros(nix::time::ClockId::CLOCK_MONOTONIC).unwrap_or(0);
    now().since(Instant::from_micros(monotonic))
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt as _;
    use futures_util::task::{ArcWake, waker};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl ArcWake for Count {
        fn wake_by_ref(count: &Arc<Self>) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn run<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build_local(Default::default())
            .unwrap()
            .block_on(future)
    }

    #[test]
    fn the_clock_runs_and_is_not_behind_the_monotonic_one() {
        let first = now();
        assert!(first > Instant::BOOT);
        assert!(now() >= first);
        assert_eq!(boot_id().len(), 36);
    }

    #[test]
    fn only_a_new_earliest_deadline_wakes_the_driver() {
        let count = Arc::new(Count::default());
        let mut deadlines = Deadlines::default();
        let insert = |deadlines: &mut Deadlines, at, key| {
            deadlines.driver = Some(waker(count.clone()));
            deadlines.changing(|d| d.waiting.insert((Instant::from_secs(at), key), Waker::noop().clone()));
            count.0.load(Ordering::Relaxed)
        };
        assert_eq!(insert(&mut deadlines, 5, 1), 1);
        assert_eq!(insert(&mut deadlines, 7, 2), 1);
        assert_eq!(insert(&mut deadlines, 3, 3), 2);
        assert_eq!(insert(&mut deadlines, 3, 4), 2);
    }

    #[test]
    fn due_deadlines_are_woken_and_later_ones_stay() {
        let (early, late) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let mut deadlines = Deadlines::default();
        for (key, at) in [1, 2, 2].into_iter().enumerate() {
            deadlines.waiting.insert((Instant::from_secs(at), key as u64), waker(early.clone()));
        }
        deadlines.waiting.insert((Instant::from_secs(3), 9), waker(late.clone()));
        deadlines.wake_due(Instant::from_secs(2));
        assert_eq!(early.0.load(Ordering::Relaxed), 3);
        assert_eq!(late.0.load(Ordering::Relaxed), 0);
        assert_eq!(deadlines.earliest(), Some(Instant::from_secs(3)));
    }

    #[test]
    fn deadlines_are_reached_in_order_and_none_before_its_time() {
        run(async {
            let clock = Clock::new();
            tokio::task::spawn_local(clock.clone().run());
            let start = now();
            let order = RefCell::new(Vec::new());
            let wait = |millis: u64| {
                let (clock, order) = (&clock, &order);
                async move {
                    let at = start + Duration::from_millis(millis);
                    clock.reached(Some(at)).await;
                    assert!(now() >= at);
                    order.borrow_mut().push(millis);
                }
            };
            tokio::join!(wait(30), wait(10), wait(20), wait(0));
            assert_eq!(*order.borrow(), [0, 10, 20, 30]);
        });
    }

    #[test]
    fn whoever_stops_waiting_leaves_nothing_behind() {
        let clock = Clock::new();
        let far = Some(now() + Duration::from_secs(1000));
        assert!(clock.reached(far).now_or_never().is_none());
        assert!(clock.reached(None).now_or_never().is_none());
        assert_eq!(clock.0.borrow().earliest(), None);
    }
}
