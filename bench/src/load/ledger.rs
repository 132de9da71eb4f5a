//! Who has which address: a server that gives one to two clients is found out.

use super::identity::Number;
use dhcp4o6_protocol::time::Instant;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Addresses of one page: a /24, as pools are contiguous. A tree of single addresses would be slower and larger.
const PAGE: usize = 256;

/// Every lease that was acknowledged.
#[derive(Default)]
pub(crate) struct Ledger {
    pages: BTreeMap<u32, Box<[Entry; PAGE]>>,
}

/// Of one address: until when which client has it.
#[derive(Clone, Copy)]
struct Entry {
    until: Instant,
    holder: Number,
}

impl Entry {
    const FREE: Self = Self { until: Instant::BOOT, holder: Number(0) };
}

impl Ledger {
    /// `client` got `address` until then, `None` is for ever. Returns another client that still has it.
    pub(crate) fn grant(
        &mut self,
        address: Ipv4Addr,
        client: Number,
        until: Option<Instant>,
        now: Instant,
    ) -> Option<Number> {
        let entry = self.entry(address);
        let other = (entry.until > now && entry.holder != client).then_some(entry.holder);
        *entry = Entry { until: until.unwrap_or(Instant::from_micros(u64::MAX)), holder: client };
        other
    }

    /// `client` has it no more.
    pub(crate) fn free(&mut self, address: Ipv4Addr, client: Number) {
        let entry = self.entry(address);
        if entry.holder == client {
            *entry = Entry::FREE;
        }
    }

    fn entry(&mut self, address: Ipv4Addr) -> &mut Entry {
        let [a, b, c, last] = address.octets();
        let page = self.pages.entry(u32::from_be_bytes([0, a, b, c]));
        &mut page.or_insert_with(|| Box::new([Entry::FREE; PAGE]))[usize::from(last)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 255);
    const NEXT: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 0);
    const A: Number = Number(0);
    const B: Number = Number(1);
    const C: Number = Number(2);

    fn at(seconds: u64) -> Instant {
        Instant::from_secs(seconds)
    }

    #[test]
    fn one_address_for_two_clients_is_noticed_while_the_first_lease_runs() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.grant(ONE, A, Some(at(100)), at(0)), None);
        assert_eq!(ledger.grant(NEXT, B, None, at(0)), None);
        assert_eq!(ledger.grant(ONE, B, Some(at(200)), at(99)), Some(A));
        assert_eq!(ledger.grant(ONE, C, Some(at(300)), at(200)), None);
        assert_eq!(ledger.grant(NEXT, C, Some(at(300)), at(1_000_000)), Some(B));
    }

    #[test]
    fn a_client_may_have_its_address_again() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.grant(ONE, A, Some(at(100)), at(0)), None);
        assert_eq!(ledger.grant(ONE, A, Some(at(150)), at(50)), None);
    }

    #[test]
    fn an_address_given_back_is_free_but_only_by_its_holder() {
        let mut ledger = Ledger::default();
        assert_eq!(ledger.grant(ONE, A, None, at(0)), None);
        ledger.free(ONE, B);
        assert_eq!(ledger.grant(ONE, B, None, at(1)), Some(A));
        ledger.free(ONE, B);
        assert_eq!(ledger.grant(ONE, C, None, at(2)), None);
    }
}
