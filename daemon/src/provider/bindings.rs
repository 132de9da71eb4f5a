//! How bindings reach the bus. A server that gives out a hundred thousand leases a second must neither spend its time on
//! signals nor keep them all until a slow bus has taken them: what is too much is left out, and that is told.

use super::Key;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bindings that may be told at once, and that may wait for the bus.
const BURST: u32 = 4_096;
/// In the long run one binding each.
const INTERVAL: Duration = Duration::from_millis(1);
/// Between two words about bindings of a role that were left out.
const REMINDER: Duration = Duration::from_secs(1);

/// Admits bindings to the bus.
pub struct Bindings {
    tokens: u32,
    /// Up to here the passing of time has been turned into tokens.
    filled_at: Instant,
    room: Arc<Semaphore>,
    /// When it was last told of a role that bindings were left out.
    left_out_at: BTreeMap<Key, Instant>,
}

/// What becomes of a binding.
#[derive(Debug)]
pub enum Admission {
    /// It is told. It takes room until this is dropped.
    Told(OwnedSemaphorePermit),
    /// It is left out, and that is told.
    LeftOut,
    /// It is left out, as was told a moment ago.
    Silent,
}

impl Bindings {
    /// Nothing was told yet.
    pub fn new() -> Self {
        let room = Arc::new(Semaphore::new(BURST as usize));
        Self { tokens: BURST, filled_at: Instant::BOOT, room, left_out_at: BTreeMap::new() }
    }

    /// Whether a binding of this role is told now.
    pub fn admit(&mut self, now: Instant, role: &Key) -> Admission {
        if self.take(now)
            && let Ok(room) = Arc::clone(&self.room).try_acquire_owned()
        {
            return Admission::Told(room);
        }
        match self.left_out_at.get_mut(role) {
            Some(at) if now.since(*at) < REMINDER => Admission::Silent,
            Some(at) => {
                *at = now;
                Admission::LeftOut
            }
            None => {
                self.left_out_at.insert(role.clone(), now);
                Admission::LeftOut
            }
        }
    }

    /// Forgets a role.
    pub fn forget(&mut self, role: &Key) {
        self.left_out_at.remove(role);
    }

    fn take(&mut self, now: Instant) -> bool {
        let earned = now.since(self.filled_at).as_micros() / INTERVAL.as_micros();
        let earned = u32::try_from(earned).unwrap_or(u32::MAX);
        self.tokens = self.tokens.saturating_add(earned).min(BURST);
        self.filled_at =
            if self.tokens == BURST { now } else { self.filled_at + INTERVAL.saturating_mul(earned) };
        let allowed = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admits one, and says what became of it; what is told is kept in `kept`.
    fn one(bindings: &mut Bindings, micros: u64, kept: &mut Vec<OwnedSemaphorePermit>) -> &'static str {
        match bindings.admit(Instant::from_micros(micros), &Key::Server) {
            Admission::Told(room) => {
                kept.push(room);
                "told"
            }
            Admission::LeftOut => "left-out",
            Admission::Silent => "silent",
        }
    }

    #[test]
    fn a_burst_is_told_and_then_one_a_millisecond() {
        let (mut bindings, start) = (Bindings::new(), 5_000_000);
        let told = (0..10_000).filter(|_| one(&mut bindings, start, &mut Vec::new()) == "told").count();
        assert_eq!(told, BURST as usize);
        let told =
            (1..=100_000).filter(|n| one(&mut bindings, start + n * 10, &mut Vec::new()) == "told").count();
        assert_eq!(told, 1_000, "in one second");
    }

    #[test]
    fn what_the_bus_has_not_taken_is_bounded() {
        let (mut bindings, mut kept) = (Bindings::new(), Vec::new());
        for n in 0..10_000 {
            one(&mut bindings, 5_000_000 + n * 1_000, &mut kept);
        }
        assert_eq!(kept.len(), BURST as usize);
        kept.pop();
        assert_eq!(one(&mut bindings, 60_000_000, &mut kept), "told");
    }

    #[test]
    fn that_bindings_are_left_out_is_told_once_a_second() {
        let (mut bindings, mut kept) = (Bindings::new(), Vec::new());
        for _ in 0..BURST {
            assert_eq!(one(&mut bindings, 5_000_000, &mut kept), "told");
        }
        for (at, what) in [
            (5_000_000, "left-out"),
            (5_999_999, "silent"),
            (6_000_000, "left-out"),
            (6_000_001, "silent"),
            (9_000_000, "left-out"),
        ] {
            assert_eq!(one(&mut bindings, at, &mut kept), what);
        }
        let other = Key::Agent(crate::control::AgentKind::Tra, "edge".into());
        assert!(matches!(bindings.admit(Instant::from_micros(9_000_000), &other), Admission::LeftOut));
    }
}
