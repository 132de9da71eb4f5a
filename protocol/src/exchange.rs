//! Retransmission of one DHCPv6 message (RFC 8415 §15).

use crate::ids::Xid6;
use crate::params::Retransmission;
use crate::rng::Rng;
use crate::status::ExchangeStatus;
use crate::time::{Instant, earliest};
use crate::wire::v6::MessageType;
use std::time::Duration;

/// One message that is sent again and again, with one transaction id, until an answer comes or it has been enough.
///
/// It knows when, not what: whoever owns it writes the message anew for each transmission, because the elapsed time in
/// it changes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Exchange {
    kind: MessageType,
    xid: Xid6,
    limits: Retransmission,
    ends_at: Option<Instant>,
    started_at: Instant,
    transmissions: u32,
    pause: Duration,
    next_at: Instant,
}

/// What [`Exchange::on_deadline`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Due {
    /// Too early; nothing has changed.
    Nothing,
    /// Send the message now.
    Send,
    /// The exchange has failed.
    Over,
}

impl Exchange {
    /// An exchange whose first transmission is due at `first_at`. The transaction id is fresh.
    pub fn new(kind: MessageType, limits: Retransmission, first_at: Instant, rng: &mut Rng) -> Self {
        let [_, xid @ ..] = rng.u32().to_be_bytes();
        Self {
            kind,
            xid: Xid6(xid),
            limits,
            ends_at: None,
            started_at: first_at,
            transmissions: 0,
            pause: Duration::ZERO,
            next_at: first_at,
        }
    }

    /// It also fails at `end`, when there is one, however often it was sent.
    #[must_use]
    pub fn until(mut self, end: Option<Instant>) -> Self {
        self.ends_at = earliest(self.ends_at, end);
        self
    }

    /// Replaces the longest pause (MRT). The pause that runs stays as it is.
    pub fn set_longest_pause(&mut self, longest: Duration) {
        self.limits.max = longest;
    }

    /// What is sent.
    pub const fn kind(&self) -> MessageType {
        self.kind
    }

    /// The transaction id of every transmission.
    pub const fn xid(&self) -> Xid6 {
        self.xid
    }

    /// How often it was sent.
    pub const fn transmissions(&self) -> u32 {
        self.transmissions
    }

    /// When it was first sent, or will be.
    pub const fn started_at(&self) -> Instant {
        self.started_at
    }

    /// Hundredths of a second since the first transmission, as in the Elapsed Time option (RFC 8415 §21.9).
    pub fn elapsed(&self, now: Instant) -> u16 {
        u16::try_from(now.since(self.started_at).as_millis() / 10).unwrap_or(u16::MAX)
    }

    /// When to call [`Exchange::on_deadline`].
    pub fn deadline(&self) -> Instant {
        self.ends_at.map_or(self.next_at, |end| end.min(self.next_at))
    }

    /// Takes the next step that is due. After [`Due::Send`] the message counts as sent.
    pub fn on_deadline(&mut self, now: Instant, rng: &mut Rng) -> Due {
        if now < self.deadline() {
            return Due::Nothing;
        }
        let used_up = self.limits.count != 0 && self.transmissions >= self.limits.count;
        if used_up || self.ends_at.is_some_and(|end| end <= now) {
            return Due::Over;
        }
        self.pause = self.next_pause(rng);
        if self.transmissions == 0 {
            self.started_at = now;
            if !self.limits.duration.is_zero() {
                self.ends_at = earliest(self.ends_at, Some(now + self.limits.duration));
            }
        }
        self.transmissions = self.transmissions.saturating_add(1);
        self.next_at = now + self.pause;
        Due::Send
    }

    fn next_pause(&self, rng: &mut Rng) -> Duration {
        let mut jitter = || rng.between(-0.1, 0.1);
        let pause = match (self.transmissions, self.kind) {
            // The first pause of Solicit must be longer than IRT (§18.2.1): the jitter is folded to (0, 0.1].
            (0, MessageType::SOLICIT) => self.limits.initial.mul_f64(1.0 + jitter().abs().max(1e-6)),
            (0, _) => self.limits.initial.mul_f64(1.0 + jitter()),
            _ => self.pause.mul_f64(2.0 + jitter()),
        };
        let longest = self.limits.max;
        if !longest.is_zero() && pause > longest { longest.mul_f64(1.0 + jitter()) } else { pause }
    }

    /// For people.
    pub fn status(&self) -> ExchangeStatus {
        ExchangeStatus {
            message: self.kind.word().unwrap_or("?"),
            transmissions: self.transmissions,
            started_at: self.started_at,
            next_at: Some(self.deadline()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;

    fn micros(second: u64) -> Instant {
        Instant::from_secs(second)
    }

    /// Sends and end of an exchange that nobody answers, in seconds since `start`; at most `count` sends.
    fn run(mut exchange: Exchange, rng: &mut Rng, count: usize) -> (Vec<f64>, Option<f64>) {
        let start = exchange.deadline();
        let mut sends = Vec::new();
        loop {
            let now = exchange.deadline();
            let at = now.since(start).as_secs_f64();
            match exchange.on_deadline(now, rng) {
                Due::Nothing => panic!("a deadline was not due at its time"),
                Due::Over => return (sends, Some(at)),
                Due::Send => sends.push(at),
            }
            if sends.len() == count {
                return (sends, None);
            }
        }
    }

    fn unanswered(kind: MessageType, limits: Retransmission, count: usize) -> (Vec<f64>, Option<f64>) {
        let mut rng = Rng::scripted(0.5);
        let exchange = Exchange::new(kind, limits, micros(100), &mut rng);
        run(exchange, &mut rng, count)
    }

    #[test]
    fn transmissions_without_jitter_follow_the_table_c6_13() {
        let table: &[(MessageType, Retransmission, &[f64], Option<f64>)] = &[
            (MessageType::CONFIRM, params::CONFIRM, &[0.0, 1.0, 3.0, 7.0], Some(10.0)),
            (MessageType::REBIND, params::CONFIRM, &[0.0, 1.0, 3.0, 7.0], Some(10.0)),
            (MessageType::RELEASE, params::RELEASE, &[0.0, 1.0, 3.0, 7.0], Some(15.0)),
            (MessageType::DECLINE, params::DECLINE, &[0.0, 1.0, 3.0, 7.0], Some(15.0)),
            (
                MessageType::REQUEST,
                params::REQUEST,
                &[0.0, 1.0, 3.0, 7.0, 15.0, 31.0, 61.0, 91.0, 121.0, 151.0],
                Some(181.0),
            ),
        ];
        for (kind, limits, sends, end) in table {
            assert_eq!(unanswered(*kind, *limits, 20), (sends.to_vec(), *end), "{kind}");
        }
        let renew = [0.0, 10.0, 30.0, 70.0, 150.0, 310.0, 630.0, 1230.0, 1830.0];
        assert_eq!(unanswered(MessageType::RENEW, params::RENEW, 9), (renew.to_vec(), None));
        assert_eq!(unanswered(MessageType::REBIND, params::REBIND, 9), (renew.to_vec(), None));
        let information: Vec<f64> =
            (0..12).map(|n| f64::from((1 << n) - 1)).chain([4095.0 + 3600.0]).collect();
        let sent = unanswered(MessageType::INFORMATION_REQUEST, params::INFORMATION_REQUEST, 14).0;
        assert_eq!(sent[..12], information[..12]);
        assert_eq!(sent[13] - sent[12], 3600.0);
    }

    #[test]
    fn the_first_pause_of_solicit_is_longer_than_a_second_whatever_chance_says_c6_13() {
        for fraction in [0.0, 0.25, 0.499_999, 0.5, 0.500_001, 1.0] {
            let mut rng = Rng::scripted(fraction);
            let exchange = Exchange::new(MessageType::SOLICIT, params::SOLICIT, micros(0), &mut rng);
            let (sends, _) = run(exchange, &mut rng, 2);
            assert!(sends[1] > 1.0 && sends[1] <= 1.1, "{fraction}: {}", sends[1]);
        }
        let (sends, _) = unanswered(MessageType::SOLICIT, params::SOLICIT, 6);
        for (sent, expected) in sends.iter().zip([0.0, 1.0, 3.0, 7.0, 15.0, 31.0]) {
            assert!((sent - expected).abs() < 0.001, "{sent} is not {expected}");
        }
    }

    #[test]
    fn pauses_stay_within_a_tenth_of_their_law_c6_13() {
        let mut rng = Rng::seeded([3; 32]);
        for _ in 0..1000 {
            let exchange = Exchange::new(MessageType::RENEW, params::RENEW, micros(0), &mut rng);
            let (sends, _) = run(exchange, &mut rng, 12);
            let pauses: Vec<f64> = sends.windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!((9.0..=11.0).contains(&pauses[0]));
            for pair in pauses.windows(2) {
                let doubled = pair[1] >= 1.9 * pair[0] - 1e-5 && pair[1] <= (2.1 * pair[0] + 1e-5).min(600.0);
                let longest = (540.0 - 1e-5..=660.0 + 1e-5).contains(&pair[1]);
                assert!(doubled || longest, "{pair:?}");
            }
        }
    }

    #[test]
    fn too_early_or_twice_changes_nothing() {
        let mut rng = Rng::scripted(0.5);
        let mut exchange = Exchange::new(MessageType::REQUEST, params::REQUEST, micros(5), &mut rng);
        let planned = exchange.clone();
        assert_eq!(exchange.on_deadline(micros(4), &mut rng), Due::Nothing);
        assert_eq!(exchange, planned);
        assert_eq!(exchange.on_deadline(micros(5), &mut rng), Due::Send);
        let sent = exchange.clone();
        assert_eq!(exchange.on_deadline(micros(5), &mut rng), Due::Nothing);
        assert_eq!(exchange, sent);
    }

    #[test]
    fn a_late_transmission_counts_from_when_it_left() {
        let mut rng = Rng::scripted(0.5);
        let mut exchange = Exchange::new(MessageType::CONFIRM, params::CONFIRM, micros(5), &mut rng);
        exchange.on_deadline(micros(8), &mut rng);
        assert_eq!(exchange.started_at(), micros(8));
        assert_eq!(exchange.deadline(), micros(9));
        let over_at = run(exchange, &mut rng, 20).1;
        assert_eq!(over_at, Some(9.0), "ten seconds after the first transmission, one of which had passed");
    }

    #[test]
    fn elapsed_time_counts_hundredths_and_saturates_c6_11() {
        let mut rng = Rng::scripted(0.5);
        let mut exchange = Exchange::new(MessageType::RENEW, params::RENEW, micros(0), &mut rng);
        exchange.on_deadline(micros(0), &mut rng);
        assert_eq!(exchange.elapsed(micros(0)), 0);
        assert_eq!(exchange.elapsed(micros(1)), 100);
        assert_eq!(exchange.elapsed(micros(655)), 65_500);
        assert_eq!(exchange.elapsed(micros(656)), u16::MAX);
    }

    #[test]
    fn a_shorter_longest_pause_leaves_the_running_pause_alone_c6_15() {
        let mut rng = Rng::scripted(0.5);
        let mut exchange =
            Exchange::new(MessageType::INFORMATION_REQUEST, params::SOLICIT, micros(0), &mut rng);
        while exchange.pause < Duration::from_secs(256) {
            exchange.on_deadline(exchange.deadline(), &mut rng);
        }
        let planned = exchange.deadline();
        exchange.set_longest_pause(Duration::from_secs(120));
        assert_eq!(exchange.deadline(), planned);
        exchange.on_deadline(planned, &mut rng);
        assert_eq!(exchange.deadline(), planned + Duration::from_secs(120));
    }
}
