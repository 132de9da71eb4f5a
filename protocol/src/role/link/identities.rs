//! Which IAID each endpoint has (draft-ietf-dhc-dhcpv4-over-ipv6, appendix B; RFC 4361 §6.1): always the same one, whatever
//! becomes of the list they stand in.

use crate::ids::Iaid;
use crate::record::{EndpointRecord, LinkRecord};
use crate::rng::Rng;
use crate::settings::EndpointSettings;

/// Most endpoints that a record remembers; those that are configured come first.
const MAX_REMEMBERED: usize = 32;

/// The IAIDs of `endpoints`, in their order and no two alike. What is new is put into `record`.
///
/// A configured one counts most, then the one that the name had before. Without either the first endpoint has the link's,
/// unless another has that, and all others get one made of chance.
pub(super) fn assign(endpoints: &[EndpointSettings], record: &mut LinkRecord, rng: &mut Rng) -> Vec<Iaid> {
    let mut chosen: Vec<Option<Iaid>> = Vec::with_capacity(endpoints.len());
    for endpoint in endpoints {
        let iaid = endpoint.iaid.filter(|iaid| !chosen.contains(&Some(*iaid)));
        chosen.push(iaid);
    }
    for (at, endpoint) in endpoints.iter().enumerate() {
        let known = record.endpoints.iter().find(|known| known.name == endpoint.name).map(|known| known.iaid);
        let link = Some(record.iaid).filter(|iaid| at == 0 && !is_of_another(record, endpoints, *iaid));
        for candidate in [known, link].into_iter().flatten() {
            if !chosen.contains(&Some(candidate))
                && let Some(open @ None) = chosen.get_mut(at)
            {
                *open = Some(candidate);
            }
        }
    }
    let mut iaids: Vec<Iaid> = Vec::with_capacity(chosen.len());
    for iaid in &chosen {
        let taken = |iaid: Iaid| {
            iaid == record.iaid
                || chosen.contains(&Some(iaid))
                || iaids.contains(&iaid)
                || record.endpoints.iter().any(|known| known.iaid == iaid)
        };
        iaids.push(iaid.unwrap_or_else(|| fresh(rng, taken)));
    }
    remember(endpoints, &iaids, record);
    iaids
}

/// True if an endpoint that is still configured had it.
fn is_of_another(record: &LinkRecord, endpoints: &[EndpointSettings], iaid: Iaid) -> bool {
    let owner = record.endpoints.iter().find(|known| known.iaid == iaid);
    owner.is_some_and(|owner| endpoints.iter().any(|endpoint| endpoint.name == owner.name))
}

fn fresh(rng: &mut Rng, taken: impl Fn(Iaid) -> bool) -> Iaid {
    let mut iaid = Iaid(rng.u32());
    while taken(iaid) {
        iaid = Iaid(iaid.0.wrapping_add(1));
    }
    iaid
}

fn remember(endpoints: &[EndpointSettings], iaids: &[Iaid], record: &mut LinkRecord) {
    let mut before = std::mem::take(&mut record.endpoints);
    for (endpoint, iaid) in endpoints.iter().zip(iaids) {
        let at = before.iter().position(|known| known.iaid == *iaid);
        let lease4 = at.and_then(|at| before.swap_remove(at).lease4);
        // An only endpoint, as most links have it, needs no telling apart.
        if *iaid != record.iaid || !endpoint.name.is_empty() {
            record.endpoints.push(EndpointRecord { name: endpoint.name.clone(), iaid: *iaid, lease4 });
        }
    }
    before.retain(|known| !endpoints.iter().any(|endpoint| endpoint.name == known.name));
    before.sort_by(|one, other| one.name.cmp(&other.name));
    record.endpoints.extend(before);
    record.endpoints.truncate(MAX_REMEMBERED);
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINK: Iaid = Iaid(0x5e10_0001);

    fn named(names: &[&str]) -> Vec<EndpointSettings> {
        names.iter().map(|name| EndpointSettings { name: (*name).to_owned(), iaid: None }).collect()
    }

    fn assigned(record: &mut LinkRecord, names: &[&str]) -> Vec<Iaid> {
        // Another start has other chance.
        let seed = u8::try_from(record.endpoints.len()).unwrap_or(0);
        assign(&named(names), record, &mut Rng::seeded([seed; 32]))
    }

    #[test]
    fn an_only_endpoint_has_the_iaid_of_the_link_and_leaves_the_record_as_it_was() {
        let mut record = LinkRecord::new(LINK);
        assert_eq!(assigned(&mut record, &[""]), [LINK]);
        assert_eq!(record, LinkRecord::new(LINK));
    }

    #[test]
    fn every_endpoint_has_another_iaid_and_keeps_it_hcra_24() {
        let mut record = LinkRecord::new(LINK);
        let first = assigned(&mut record, &["data", "voice", "iptv"]);
        assert_eq!(first[0], LINK);
        assert!(first[1] != LINK && first[2] != LINK && first[1] != first[2]);
        assert_eq!(assigned(&mut record, &["data", "voice", "iptv"]), first);
    }

    #[test]
    fn a_reordered_or_changed_list_keeps_iaids_by_name() {
        let mut record = LinkRecord::new(LINK);
        let [data, voice] = assigned(&mut record, &["data", "voice"])[..] else { panic!() };
        assert_eq!(assigned(&mut record, &["voice", "data"]), [voice, data]);
        assert_eq!(assigned(&mut record, &["voice"]), [voice]);
        let [new, again] = assigned(&mut record, &["new", "data"])[..] else { panic!() };
        assert_eq!(again, data);
        assert!(![data, voice].contains(&new), "the link's is taken by an endpoint that is there");
        assert_eq!(assigned(&mut record, &["voice"]), [voice], "remembered while it was gone");
    }

    #[test]
    fn the_first_of_a_new_list_goes_on_as_the_only_one_did() {
        let mut record = LinkRecord::new(LINK);
        assigned(&mut record, &[""]);
        assert_eq!(assigned(&mut record, &["data", "voice"])[0], LINK);
        let mut record = LinkRecord::new(LINK);
        assigned(&mut record, &["data"]);
        assert_eq!(assigned(&mut record, &["renamed"]), [LINK], "nobody else has it");
    }

    #[test]
    fn a_configured_iaid_counts_most() {
        let mut record = LinkRecord::new(LINK);
        let mut endpoints = named(&["data", "voice"]);
        endpoints[1].iaid = Some(LINK);
        let iaids = assign(&endpoints, &mut record, &mut Rng::seeded([0; 32]));
        assert_eq!(iaids[1], LINK);
        assert_ne!(iaids[0], LINK);
        endpoints[1].iaid = Some(iaids[0]);
        let swapped = assign(&endpoints, &mut record, &mut Rng::seeded([0; 32]));
        assert_eq!(swapped[1], iaids[0]);
        assert_ne!(swapped[0], swapped[1]);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut record = LinkRecord::new(LINK);
        for round in 0..100 {
            assigned(&mut record, &["data", &format!("endpoint{round}")]);
        }
        assert_eq!(record.endpoints.len(), MAX_REMEMBERED);
        assert_eq!(record.endpoints[0].name, "data");
    }
}
