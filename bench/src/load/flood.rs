//! Messages without heed for answers: to find out what something in between can bear.

use super::batch::BATCH;
use super::clock::now;
use super::run::{DURATION, Ran, Run};
use dhcp4o6_protocol::time::Instant;
use std::io;
use std::net::SocketAddrV6;
use std::ops::Range;
use std::time::Duration;

impl Run<'_> {
    /// Sends the first DISCOVER of every client again and again; frames if there is nowhere to send to.
    ///
    /// # Errors
    /// What the kernel says.
    pub(super) fn flood(mut self, to: Option<SocketAddrV6>) -> io::Result<Ran> {
        let made_at = now();
        while self.crowd.has_idle() {
            self.crowd.begin(made_at, made_at);
        }
        let messages = self.crowd.outbox.len();
        let mut train = to.and_then(|to| Some((self.crowd.outbox.train()?, to)));
        let began_at = now();
        let measured_at = began_at + self.load.warm_up;
        let ends_at = measured_at + self.load.duration.unwrap_or(DURATION);
        let mut is_measured = false;
        let (mut total, mut next) = (0, 0);
        loop {
            let time = now();
            if time >= measured_at && !is_measured {
                is_measured = true;
                self.crowd.figures.reset();
            }
            if time >= ends_at || self.is_interrupted(time) {
                self.progress.clear();
                return Ok(Ran { crowd: self.crowd, measured: time.since(measured_at), bound_in: None });
            }
            let allowed = self.allowed(began_at, time).saturating_sub(total);
            let end = messages.min(next + BATCH).min(next.saturating_add(allowed));
            if next == end {
                self.socket.wait(Some(Duration::from_micros(100)), None)?;
                continue;
            }
            let refused = self.send_some(next..end, &mut train)?;
            self.crowd.figures.sent += (end - next) as u64;
            self.crowd.figures.not_sent += refused;
            total += end - next;
            next = if end == messages { 0 } else { end };
        }
    }

    /// Sends some of the messages, as one packet if the kernel can cut it up; forgets `train` when it cannot.
    fn send_some(
        &mut self,
        which: Range<usize>,
        train: &mut Option<((Vec<u8>, u16), SocketAddrV6)>,
    ) -> io::Result<u64> {
        if let Some(((octets, size), to)) = train {
            let length = usize::from(*size);
            let part = octets.get(which.start * length..which.end * length).unwrap_or_default();
            if self.socket.send_train(part, *size, *to)? {
                return Ok(0);
            }
            *train = None;
        }
        self.crowd.outbox.send(&self.socket, which)
    }

    /// How many may have been sent by now.
    fn allowed(&self, began_at: Instant, time: Instant) -> usize {
        let passed = time.since(began_at).as_secs_f64();
        self.load.rate.map_or(usize::MAX, |rate| (passed * f64::from(rate)) as usize)
    }
}
