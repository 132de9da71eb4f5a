//! No message is repeated sooner than its protocol allows (RFC 8415 §15, RFC 2131 §4.1).
//!
//! Only the lower bound can be seen from outside: what was due while the link was down was never sent.

use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::wire::v6::MessageType;
use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

/// The transmissions of one exchange.
struct Exchange {
    last_at: Instant,
    pause: Option<Duration>,
}

#[derive(Default)]
pub(crate) struct Pace {
    /// By type, transaction id, and when they began: ids are short and come again.
    exchanges6: BTreeMap<(u8, [u8; 3], Option<Instant>), Exchange>,
    exchanges4: BTreeMap<(u8, u32, Ipv6Addr), Exchange>,
}

impl Pace {
    /// A DHCPv6 message leaves, of an exchange that began at `started_at`.
    pub(crate) fn dhcp6(
        &mut self,
        now: Instant,
        kind: MessageType,
        xid: [u8; 3],
        started_at: Option<Instant>,
    ) {
        // Rebind may be a check for movement, which has the times of Confirm. SOL_MAX_RT may be as low as 60 s.
        let (initial, max) = match kind {
            MessageType::RENEW => (10, 600),
            MessageType::CONFIRM | MessageType::REBIND => (1, 4),
            MessageType::REQUEST => (1, 30),
            MessageType::RELEASE | MessageType::DECLINE => (1, u64::MAX >> 32),
            _ => (1, 60),
        };
        let Some(exchange) = self.exchanges6.get_mut(&(kind.0, xid, started_at)) else {
            forget_old(&mut self.exchanges6, now);
            self.exchanges6.insert((kind.0, xid, started_at), Exchange { last_at: now, pause: None });
            return;
        };
        let pause = now.since(exchange.last_at);
        let doubled =
            exchange.pause.map_or(Duration::from_secs(initial).mul_f64(0.9), |last| last.mul_f64(1.899));
        let least = doubled.min(Duration::from_secs(max).mul_f64(0.9));
        assert!(pause >= least, "{kind} again after {pause:?}, earliest {least:?}");
        // A pause that was longer than it had to be says nothing about the next.
        let longest =
            exchange.pause.map_or(Duration::from_secs(initial).mul_f64(1.1), |last| last.mul_f64(2.1));
        (exchange.last_at, exchange.pause) = (now, Some(pause.min(longest)));
    }

    /// A query with this inner type and transaction id leaves for `to`, in its turn. Those that leave between two
    /// others, because the source changed or an operator wanted it, are not counted.
    pub(crate) fn dhcp4(&mut self, now: Instant, (kind, xid): (u8, u32), to: Ipv6Addr) {
        let fresh = Exchange { last_at: now, pause: None };
        match self.exchanges4.insert((kind, xid, to), fresh) {
            Some(before) => {
                let pause = now.since(before.last_at);
                assert!(pause >= Duration::from_secs(3), "a query again after {pause:?}");
            }
            None => forget_old(&mut self.exchanges4, now),
        }
    }
}

fn forget_old<K: Ord>(exchanges: &mut BTreeMap<K, Exchange>, now: Instant) {
    if exchanges.len() > 64 {
        exchanges.retain(|_, exchange| now.since(exchange.last_at) < Duration::from_secs(8000));
    }
}
