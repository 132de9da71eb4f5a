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
