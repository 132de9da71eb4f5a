//! Which of our addresses a query leaves from (RFC 7341 §9, C46-12, C46-13).

use crate::facts::LinkFacts;
use crate::lease::Delegation6;
use crate::params::ALL_RELAYS_AND_SERVERS;
use crate::settings::is_routable;
use std::net::Ipv6Addr;

/// The address to use towards `destination`, or `None` while there is no suitable one.
///
/// Link-local for destinations on the link. For all others an address that passed duplicate address detection, is on
/// the link or comes out of a prefix delegated on it, is not deprecated if that can be helped, and shares the longest
/// prefix with the destination (RFC 6724 rules 3 and 8). Temporary addresses come last: a lease outlives them.
pub(crate) fn select(
    destination: Ipv6Addr,
    facts: &LinkFacts,
    delegated: &[Delegation6],
) -> Option<Ipv6Addr> {
    if destination == ALL_RELAYS_AND_SERVERS || destination.is_unicast_link_local() {
        return facts.link_local();
    }
    let on_link = facts
        .addresses
        .iter()
        .filter(|a| a.usable() && is_routable(a.address))
        .map(|a| (a.address, !a.deprecated, !a.temporary));
    let from_delegation = facts
        .elsewhere6
        .iter()
        .filter(|address| is_routable(**address) && delegated.iter().any(|d| contains(d, **address)))
        .map(|address| (*address, true, true));
    let rank = |(address, preferred, lasting): &(Ipv6Addr, bool, bool)| {
        // The address itself breaks ties, so that the choice does not depend on the kernel's order.
        (*preferred, *lasting, common_prefix(*address, destination), std::cmp::Reverse(*address))
    };
    on_link.chain(from_delegation).max_by_key(rank).map(|(address, _, _)| address)
}

/// True if `address` lies in the delegated prefix.
fn contains(delegation: &Delegation6, address: Ipv6Addr) -> bool {
    common_prefix(delegation.prefix, address) >= u32::from(delegation.prefix_len)
}

/// Leading bits that two addresses share.
fn common_prefix(one: Ipv6Addr, other: Ipv6Addr) -> u32 {
    (one.to_bits() ^ other.to_bits()).leading_zeros()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::Address6;

    fn address(text: &str) -> Address6 {
        Address6 {
            address: text.parse().unwrap(),
            prefix_len: 64,
            tentative: false,
            duplicate: false,
            deprecated: false,
            temporary: false,
        }
    }

    fn facts(addresses: Vec<Address6>) -> LinkFacts {
        LinkFacts { index: 2, up: true, carrier: true, addresses, ..LinkFacts::default() }
    }

    fn pick(destination: &str, facts: &LinkFacts) -> Option<String> {
        select(destination.parse().unwrap(), facts, &[]).map(|a| a.to_string())
    }

    #[test]
    fn multicast_leaves_from_the_link_local_address_even_beside_a_global_one_c46_12() {
        let facts = facts(vec![address("2001:db8::1"), address("fe80::1")]);
        assert_eq!(pick("ff02::1:2", &facts).as_deref(), Some("fe80::1"));
        assert_eq!(pick("fe80::9", &facts).as_deref(), Some("fe80::1"));
    }

    #[test]
    fn a_global_server_waits_for_a_global_address_c46_13() {
        assert_eq!(pick("2001:db8::9", &facts(vec![address("fe80::1")])), None);
        let tentative = Address6 { tentative: true, ..address("2001:db8::1") };
        assert_eq!(pick("2001:db8::9", &facts(vec![address("fe80::1"), tentative])), None);
    }

    #[test]
    fn preferred_then_lasting_then_longest_match_c46_13() {
        let deprecated = Address6 { deprecated: true, ..address("2001:db8:9::1") };
        let temporary = Address6 { temporary: true, ..address("2001:db8:9::2") };
        let all = facts(vec![deprecated, temporary, address("2001:db8:1::1"), address("2001:db8:8::1")]);
        assert_eq!(pick("2001:db8:9::9", &all).as_deref(), Some("2001:db8:8::1"));
        assert_eq!(pick("2001:db8:9::9", &facts(vec![deprecated])).as_deref(), Some("2001:db8:9::1"));
    }

    #[test]
    fn an_address_out_of_the_delegated_prefix_will_do_c46_13() {
        let mut facts = facts(vec![address("fe80::1")]);
        facts.elsewhere6 = vec!["2001:db8:f00::1".parse().unwrap(), "2001:db8:aa00:1::1".parse().unwrap()];
        let delegated = Delegation6 {
            prefix: "2001:db8:aa00::".parse().unwrap(),
            prefix_len: 56,
            preferred_until: None,
            valid_until: None,
        };
        let picked = select("2001:db8::9".parse().unwrap(), &facts, &[delegated]);
        assert_eq!(picked, Some("2001:db8:aa00:1::1".parse().unwrap()));
    }
}
