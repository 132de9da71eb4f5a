//! The permit: a server's word that DHCPv4 over DHCPv6 may run on a link, and where its queries go (RFC 7341 §7.2, §9;
//! draft01 §6.2, §6.3, §7).

use crate::params;
use crate::refused::Refused;
use crate::settings::{Draft01, Profile, is_routable};
use crate::time::Instant;
use crate::wire::v6::Options;
use crate::wire::v6_option::OptionCode;
use serde::{Deserialize, Serialize};
use std::net::Ipv6Addr;

/// The wire profile a permit came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WireProfile {
    /// RFC 7341: types 20 and 21, options 87 and 88.
    Rfc7341,
    /// draft01 with configured code points.
    Draft01,
}

/// Leave to run the 4o6 client.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Permit {
    /// How queries look.
    pub profile: WireProfile,
    /// Where queries go, each once; empty means ff02::1:2.
    pub servers: Vec<Ipv6Addr>,
    /// When it was first given.
    pub since: Instant,
}

/// What one Reply says about the permit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Signal {
    /// Enabled, with these servers.
    Granted(WireProfile, Vec<Ipv6Addr>),
    /// Not enabled: the option is not there.
    Absent,
    /// The option is there and cannot be used. A first Reply then gives no permit, a later one changes nothing.
    Unusable,
}

/// Reads the signal out of a Reply's options.
///
/// `own` are this host's addresses, which are never destinations; `max` is the longest list used. What is left out or
/// wrong is pushed to `notes`.
pub fn read(
    options: Options<'_>,
    profile: Profile,
    draft: &Draft01,
    own: &[Ipv6Addr],
    max: usize,
    notes: &mut Vec<Refused>,
) -> Signal {
    let rfc = matches!(profile, Profile::Rfc7341 | Profile::Dual);
    if rfc && options.first(OptionCode::DHCP4_O_DHCP6_SERVER).is_some() {
        return read_rfc7341(options, own, max, notes);
    }
    match profile {
        Profile::Rfc7341 => Signal::Absent,
        Profile::Draft01 | Profile::Dual => read_draft01(options, draft, own, max, notes),
    }
}

fn read_rfc7341(options: Options<'_>, own: &[Ipv6Addr], max: usize, notes: &mut Vec<Refused>) -> Signal {
    let code = OptionCode::DHCP4_O_DHCP6_SERVER;
    if options.count(code) > 1 {
        notes.push(Refused::DuplicateOption);
    }
    let Some(listed) = options.addresses(code) else {
        notes.push(Refused::BadOption88);
        return Signal::Unusable;
    };
    if listed.is_empty() {
        return Signal::Granted(WireProfile::Rfc7341, Vec::new());
    }
    let groups = [params::ALL_RELAYS_AND_SERVERS, params::ALL_SERVERS];
    let usable = |address: &Ipv6Addr| unicast(*address) || groups.contains(address);
    filtered(&listed, usable, own, max, notes)
        .map_or(Signal::Unusable, |servers| Signal::Granted(WireProfile::Rfc7341, servers))
}

/// Only Enable decides; without a list of servers queries are multicast.
fn read_draft01(
    options: Options<'_>,
    draft: &Draft01,
    own: &[Ipv6Addr],
    max: usize,
    notes: &mut Vec<Refused>,
) -> Signal {
    match options.first(OptionCode(draft.enable)) {
        None => return Signal::Absent,
        Some([]) => {}
        Some(_) => {
            notes.push(Refused::BadEnable);
            return Signal::Absent;
        }
    }
    let code = OptionCode(draft.servers);
    if options.count(code) > 1 {
        notes.push(Refused::DuplicateOption);
    }
    if options.first(code).is_none() {
        return Signal::Granted(WireProfile::Draft01, Vec::new());
    }
    let listed = options.addresses(code).unwrap_or_default();
    if listed.is_empty() {
        notes.push(Refused::BadOption88);
        return Signal::Unusable;
    }
    filtered(&listed, |address| unicast(*address), own, max, notes)
        .map_or(Signal::Unusable, |servers| Signal::Granted(WireProfile::Draft01, servers))
}

/// The entries to use, in order, each once. `None` when there is none: that is not the same as an empty list, which
/// asks for multicast.
fn filtered(
    listed: &[Ipv6Addr],
    usable: impl Fn(&Ipv6Addr) -> bool,
    own: &[Ipv6Addr],
    max: usize,
    notes: &mut Vec<Refused>,
) -> Option<Vec<Ipv6Addr>> {
    let mut servers: Vec<Ipv6Addr> = Vec::new();
    let mut truncated = false;
    for address in listed.iter().filter(|address| usable(address) && !own.contains(address)) {
        if servers.contains(address) {
            continue;
        }
        if servers.len() >= max {
            truncated = true;
            break;
        }
        servers.push(*address);
    }
    if truncated {
        notes.push(Refused::Option88Truncated);
    }
    if servers.is_empty() {
        notes.push(Refused::BadOption88);
        return None;
    }
    Some(servers)
}

/// A unicast address a query can go to. IPv4-compatible addresses (::a.b.c.d) are out as well.
fn unicast(address: Ipv6Addr) -> bool {
    let compatible = address.segments().iter().take(6).all(|part| *part == 0);
    address.is_unicast_link_local() || (is_routable(address) && !compatible)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Writer;

    const ONE: &str = "2001:db8::1";
    const TWO: &str = "2001:db8::2";

    /// Options, each a code and addresses; `Err` gives a value of that many zero octets instead.
    fn options(list: &[(u16, Result<&[&str], usize>)]) -> Vec<u8> {
        let mut w = Writer::new();
        for (code, value) in list {
            w.option6(OptionCode(*code), |w| match value {
                Ok(addresses) => addresses.iter().for_each(|text| {
                    w.ipv6(text.parse().unwrap());
                }),
                Err(length) => {
                    w.bytes(&vec![0; *length]);
                }
            });
        }
        w.finish().unwrap()
    }

    fn signal(profile: Profile, list: &[(u16, Result<&[&str], usize>)]) -> (Signal, Vec<Refused>) {
        let octets = options(list);
        let own: Ipv6Addr = "2001:db8::99".parse().unwrap();
        let mut notes = Vec::new();
        let options = Options::parse(&octets).unwrap();
        (read(options, profile, &Draft01::default(), &[own], 8, &mut notes), notes)
    }

    fn granted(profile: WireProfile, servers: &[&str]) -> Signal {
        Signal::Granted(profile, servers.iter().map(|text| text.parse().unwrap()).collect())
    }

    #[test]
    fn an_empty_option_88_asks_for_multicast_c6_38() {
        assert_eq!(signal(Profile::Rfc7341, &[(88, Ok(&[]))]), (granted(WireProfile::Rfc7341, &[]), vec![]));
    }

    #[test]
    fn a_wrong_length_is_unusable_and_counted_c6_34() {
        assert_eq!(
            signal(Profile::Rfc7341, &[(88, Err(17))]),
            (Signal::Unusable, vec![Refused::BadOption88])
        );
        let (signal, notes) = signal(Profile::Rfc7341, &[(88, Ok(&[ONE; 8]))]);
        assert_eq!((signal, notes), (granted(WireProfile::Rfc7341, &[ONE]), vec![]));
    }

    #[test]
    fn duplicates_and_unusable_entries_are_left_out_in_order_c6_36_sec_05() {
        let list: &[&str] = &[
            TWO,
            "::",
            "::1",
            "::ffff:192.0.2.1",
            "::192.0.2.1",
            "ff02::1",
            "2001:db8::99",
            ONE,
            TWO,
            "fe80::1",
        ];
        let expected = granted(WireProfile::Rfc7341, &[TWO, ONE, "fe80::1"]);
        assert_eq!(signal(Profile::Rfc7341, &[(88, Ok(list))]), (expected, vec![]));
    }

    #[test]
    fn only_two_groups_may_be_listed_c46_11() {
        let expected = granted(WireProfile::Rfc7341, &["ff02::1:2", "ff05::1:3"]);
        assert_eq!(signal(Profile::Rfc7341, &[(88, Ok(&["ff02::1:2", "ff05::1:3", "ff05::2"]))]).0, expected);
    }

    #[test]
    fn a_list_without_a_usable_entry_is_not_an_empty_list_c6_37() {
        assert_eq!(
            signal(Profile::Rfc7341, &[(88, Ok(&["::"]))]),
            (Signal::Unusable, vec![Refused::BadOption88])
        );
    }

    #[test]
    fn the_first_eight_are_used_and_the_cut_is_counted_c6_36() {
        let nine: Vec<String> = (1..=9).map(|n| format!("2001:db8::{n}")).collect();
        let nine: Vec<&str> = nine.iter().map(String::as_str).collect();
        let expected = granted(WireProfile::Rfc7341, nine.get(..8).unwrap());
        assert_eq!(
            signal(Profile::Rfc7341, &[(88, Ok(&nine))]),
            (expected, vec![Refused::Option88Truncated])
        );
    }

    #[test]
    fn of_two_options_88_the_first_counts_gen_04() {
        let both: &[(u16, Result<&[&str], usize>)] = &[(88, Ok(&[ONE])), (88, Ok(&[TWO]))];
        let expected = granted(WireProfile::Rfc7341, &[ONE]);
        assert_eq!(signal(Profile::Rfc7341, both), (expected, vec![Refused::DuplicateOption]));
    }

    #[test]
    fn in_draft01_only_enable_decides_c6_35() {
        let draft = Profile::Draft01;
        assert_eq!(signal(draft, &[(54323, Ok(&[ONE]))]), (Signal::Absent, vec![]));
        assert_eq!(signal(draft, &[(54322, Err(0))]), (granted(WireProfile::Draft01, &[]), vec![]));
        let both: &[(u16, Result<&[&str], usize>)] = &[(54322, Err(0)), (54323, Ok(&[ONE, TWO]))];
        assert_eq!(signal(draft, both), (granted(WireProfile::Draft01, &[ONE, TWO]), vec![]));
        assert_eq!(signal(draft, &[(54322, Err(4))]), (Signal::Absent, vec![Refused::BadEnable]));
        assert_eq!(signal(draft, &[(88, Ok(&[]))]), (Signal::Absent, vec![]));
    }

    #[test]
    fn draft01_ignores_multicast_entries_and_an_empty_list_is_malformed_c6_35() {
        let draft = Profile::Draft01;
        let empty: &[(u16, Result<&[&str], usize>)] = &[(54322, Err(0)), (54323, Ok(&[]))];
        assert_eq!(signal(draft, empty), (Signal::Unusable, vec![Refused::BadOption88]));
        let mixed: &[(u16, Result<&[&str], usize>)] = &[(54322, Err(0)), (54323, Ok(&["ff02::1:2", ONE]))];
        assert_eq!(signal(draft, mixed).0, granted(WireProfile::Draft01, &[ONE]));
    }

    #[test]
    fn dual_prefers_option_88_gen_16() {
        let both: &[(u16, Result<&[&str], usize>)] = &[(54322, Err(0)), (88, Ok(&[ONE]))];
        assert_eq!(signal(Profile::Dual, both).0, granted(WireProfile::Rfc7341, &[ONE]));
        assert_eq!(signal(Profile::Dual, &[(54322, Err(0))]).0, granted(WireProfile::Draft01, &[]));
        assert_eq!(signal(Profile::Dual, &[]).0, Signal::Absent);
    }

    #[test]
    fn the_longest_option_88_is_read_in_linear_time_gen_01() {
        let many: Vec<u8> =
            (0..4095u16).flat_map(|n| Ipv6Addr::new(0x2001, 0xdb8, n, 0, 0, 0, 0, 1).octets()).collect();
        let mut w = Writer::new();
        w.option6(OptionCode::DHCP4_O_DHCP6_SERVER, |w| {
            w.bytes(&many);
        });
        let octets = w.finish().unwrap();
        let mut notes = Vec::new();
        let read =
            read(Options::parse(&octets).unwrap(), Profile::Rfc7341, &Draft01::default(), &[], 8, &mut notes);
        assert!(matches!(read, Signal::Granted(_, servers) if servers.len() == 8));
    }
}
