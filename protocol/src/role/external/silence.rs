//! Noticing that the servers do not answer. This is all the external engine remembers, and it is about no client.

use crate::params::{SILENCE, SILENCE_AGAIN};
use crate::provider::Notice;
use crate::time::Instant;
use crate::wire::v4::MessageType;

/// Fewer questions than this without an answer say nothing: servers may have no address for a client, or ignore it.
const QUESTIONS: u32 = 4;

/// How long the servers have been silent.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Silence {
    /// Questions since the last answer.
    unanswered: u32,
    /// When the first of them was asked.
    since: Instant,
    /// When an operator was told last.
    told_at: Option<Instant>,
}

impl Silence {
    /// A message of this type went to the servers. Once they have left several unanswered for a minute, an operator
    /// should hear of it; then once an hour.
    pub fn asked(&mut self, now: Instant, kind: MessageType) -> Option<Notice> {
        // RELEASE and DECLINE have no answer, and that to an INFORM can go to the client itself.
        if !matches!(kind, MessageType::DISCOVER | MessageType::REQUEST) {
            return None;
        }
        if self.unanswered == 0 {
            self.since = now;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        let silent = self.unanswered >= QUESTIONS && now.since(self.since) >= SILENCE;
        let told = self.told_at.is_some_and(|told_at| now.since(told_at) < SILENCE_AGAIN);
        if !silent || told {
            return None;
        }
        self.told_at = Some(now);
        Some(Notice::EngineSilent(self.since))
    }

    /// A server answered.
    pub fn answered(&mut self) {
        *self = Self::default();
    }
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
    fn a_minute_without_an_answer_is_told_and_then_every_hour() {
        let mut silence = Silence::default();
        let told: Vec<u64> = (0..8000)
            .filter(|second| silence.asked(after(*second), MessageType::DISCOVER).is_some())
            .collect();
        assert_eq!(told, [60, 3660, 7260]);
        assert_eq!(silence.asked(after(10_860), MessageType::REQUEST), Some(Notice::EngineSilent(START)));
    }

    #[test]
    fn an_answer_ends_it() {
        let mut silence = Silence::default();
        for second in 0..1000 {
            assert_eq!(silence.asked(after(second), MessageType::REQUEST), None);
            if second % 59 == 0 {
                silence.answered();
            }
        }
    }

    #[test]
    fn one_ignored_client_and_what_has_no_answer_say_nothing() {
        let mut silence = Silence::default();
        for second in [0, 100, 10_000] {
            assert_eq!(silence.asked(after(second), MessageType::DISCOVER), None);
        }
        let mut silence = Silence::default();
        for kind in [MessageType::RELEASE, MessageType::DECLINE, MessageType::INFORM] {
            assert!((0..1000).all(|second| silence.asked(after(second), kind).is_none()));
        }
    }
}
