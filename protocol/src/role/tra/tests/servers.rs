//! There and back through models of what servers were seen to do with option 82, whatever the client sent.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What a server makes of option 82.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Model {
    /// Sorts sub-options and joins those of one code; returns hops, and does not pad.
    Kea,
    /// Keeps the order, loses the second one of a code, and code 0.
    Isc,
    /// Returns it verbatim, if there is room, and adds option 118 when there is link selection.
    Dnsmasq,
}

impl Model {
    fn returns(self, query: &[u8]) -> Option<Vec<u8>> {
        let message = Transit::parse(query).unwrap();
        let value = message.option(82).unwrap();
        let sub_options: Vec<_> = AgentInformation::parse(&value).unwrap().iter().collect();
        let mut sorted = BTreeMap::<u8, Vec<u8>>::new();
        sub_options.iter().for_each(|(code, value)| sorted.entry(*code).or_default().extend(*value));
        let mut seen = BTreeSet::new();
        let parts: Vec<(u8, &[u8])> = match self {
            Self::Kea => sorted.iter().map(|(code, value)| (*code, &value[..])).collect(),
            Self::Isc => {
                sub_options.into_iter().filter(|(code, _)| *code != 0 && seen.insert(*code)).collect()
            }
            Self::Dnsmasq => {
                let limit = message.option(57).map_or(576, |value| u16::from_be_bytes([value[0], value[1]]));
                let end = query.iter().rposition(|octet| *octet == code::END).unwrap();
                if end + value.len() + 2 + 28 >= usize::from(limit.max(576)) {
                    return None;
                }
                sub_options
            }
        };
        Some(crate::wire::agent::emit(&parts).unwrap())
    }

    /// An answer, and the same as it should arrive.
    fn answer(self, query: &[u8], kind: u8, offered: &[(u8, Vec<u8>)]) -> (Vec<u8>, Vec<u8>, bool) {
        let mut head = query[..240].to_vec();
        head[0] = BOOTREPLY;
        head[16..20].copy_from_slice(&[192, 0, 2, 18]);
        if self != Self::Kea {
            head[3] = 0;
        }
        let mut options = vec![53, 1, kind];
        let write = |octets: &mut Vec<u8>, code, value: &[u8]| transit::append(octets, code, value);
        offered.iter().for_each(|(code, value)| write(&mut options, *code, value));
        let agent = self.returns(query);
        let links = agent.as_ref().and_then(|agent| AgentInformation::parse(agent)?.first(5));
        let added = links.filter(|_| self == Self::Dnsmasq).map(<[u8]>::to_vec);
        let whole = |agent: Option<&Vec<u8>>, pads: bool| {
            let mut octets = [&head[..], &options].concat();
            agent.into_iter().for_each(|agent| write(&mut octets, 82, agent));
            added.iter().for_each(|subnet| write(&mut octets, 118, subnet));
            octets.push(code::END);
            if pads {
                octets.resize(octets.len().max(300), 0);
            }
            octets
        };
        (whole(agent.as_ref(), self != Self::Kea), whole(None, true), agent.is_some())
    }
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![Just(Model::Kea), Just(Model::Isc), Just(Model::Dnsmasq)]
}

fn other_options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let code = prop_oneof![Just(12_u8), Just(55), Just(60), Just(61), 128_u8..=254];
    btree_map(code, vec(any::<u8>(), 1..60), 0..8).prop_map(|options| options.into_iter().collect())
}

fn configured() -> impl Strategy<Value = TraSettings> {
    let id = || proptest::option::of(vec(any::<u8>(), 0..60));
    let code = prop_oneof![Just(46_u8), Just(1), Just(2), Just(5), Just(12), Just(19), 1_u8..=254];
    (code, id(), id(), id(), any::<(bool, bool, bool)>()).prop_map(
        |(cra6addr, circuit_id, remote_id, relay_id, (links, port, snoop))| TraSettings {
            cra6addr,
            circuit_id,
            remote_id,
            relay_id,
            links: links
                .then(|| TraLink {
                    sources: vec!["::/0".parse().unwrap()],
                    prefix: "192.0.2.0/24".parse().unwrap(),
                })
                .into_iter()
                .collect(),
            source_port: if port { 6767 } else { 67 },
            snoop,
            ..settings()
        },
    )
}

proptest! {
    #[test]
    fn through_any_of_the_servers_the_answer_finds_its_client_tra_01(
        model in model(),
        settings in configured(),
        header in vec(any::<u8>(), 236),
        asked in other_options(),
        offered in other_options(),
        size in proptest::option::of(576_u16..1500),
        kind in prop_oneof![Just(2_u8), Just(5), Just(6)],
        host in any::<u64>(),
    ) {
        let mut query = header;
        query[0] = BOOTREQUEST;
        query[2] %= 17;
        query[3] %= 5;
        query[24..28].fill(0);
        query.extend(COOKIE);
        query.extend([53, 1, 1]);
        asked.iter().for_each(|(code, value)| transit::append(&mut query, *code, value));
        size.iter().for_each(|size| transit::append(&mut query, 57, &size.to_be_bytes()));
        query.push(code::END);
        let cra = Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(host));

        let mut rig = Rig::new(settings.clone());
        let sent = rig.up_from(&cra.to_string(), OURS, &query).unwrap().remove(0).payload;
        let end = query.len() - 1;
        // Nothing of the client's has changed but what has to.
        prop_assert_eq!(&sent[..3], &query[..3]);
        prop_assert_eq!(&sent[4..24], &query[4..24]);
        prop_assert_eq!(&sent[28..end], &query[28..end]);
        prop_assert_eq!((sent[3], &sent[24..28]), (query[3] + 1, &GIADDR.octets()[..]));
        prop_assert_eq!(sent[end], 82);
        let value = &sent[end + 2..end + 2 + usize::from(sent[end + 1])];
        let agent = AgentInformation::parse(value).unwrap();
        prop_assert_eq!(agent.cra6addr(settings.cra6addr), Ok(cra));
        let codes: Vec<u8> = agent.iter().map(|(code, _)| code).collect();
        prop_assert_eq!(codes.iter().collect::<BTreeSet<_>>().len(), codes.len());
        prop_assert!(codes[1..].is_sorted());
        prop_assert_eq!(sent[end + 2 + value.len()], code::END);

        let (came, expected, returned) = model.answer(&sent, kind, &offered);
        let back = rig.down(&came);
        if returned {
            let back = back.unwrap();
            prop_assert_eq!(*back.to.ip(), cra);
            prop_assert_eq!(hex(&back.payload), hex(&expected));
        } else {
            // Only dnsmasq, and only where it had no room.
            prop_assert!(model == Model::Dnsmasq && end + 2 * value.len() + 34 > 576);
            prop_assert_eq!(back, Err(Refused::NoCra6addr));
        }
    }

    #[test]
    fn any_octets_from_anywhere_are_taken_or_refused_v3(
        octets in vec(any::<u8>(), 0..600),
        shaped in 0_u8..5,
        private in any::<bool>(),
    ) {
        let mut octets = octets;
        if let Some(op) = octets.first_mut() {
            *op = shaped;
        }
        if octets.len() > 262 {
            octets[2] = 6;
            octets[24..28].copy_from_slice(&if shaped == BOOTREPLY { GIADDR.octets() } else { [0; 4] });
            octets[236..240].copy_from_slice(&COOKIE);
            octets[240..262].copy_from_slice(&self::octets(&format!("{AGENT} 0000")));
        }
        let mut rig = Rig::asked_with(with(|settings| {
            settings.snoop = true;
            settings.encapsulation =
                if private { Encapsulation::Private } else { Encapsulation::Off };
        }));
        if let Ok(sent) = rig.up(&octets) {
            prop_assert!(sent.len() <= octets.len() + 64);
        }
        if let Ok(sent) = rig.down(&octets) {
            prop_assert_eq!(*sent.to.ip(), ip(CRA));
            prop_assert!(sent.payload[0] != BOOTREPLY || !Transit::parse(&sent.payload).unwrap().has(82));
        }
    }
}

#[test]
fn what_servers_break_or_leave_out_goes_to_nobody() {
    let cra = AGENT[5..].replace(' ', "");
    let full = format!("52ff {} e001 07", cra.repeat(14));
    for (server, options, expected) in [
        ("Kea doubles", format!("350102 {full} {full} ff"), Refused::BadCra6addr),
        ("Kea joins", format!("350102 5222 2e20 {0} {0} ff", &cra[4..]), Refused::BadCra6addr),
        ("Kea leaves an empty one out", "350102 ff".to_owned(), Refused::NoCra6addr),
        ("ISC dhcpd cuts", format!("350102 520b {} ff", &cra[..22]), Refused::BadCra6addr),
    ] {
        assert_eq!(Rig::asked().down(&answer(&options)), Err(expected), "{server}");
    }
}
