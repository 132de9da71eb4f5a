//! There and back through models of what the servers were seen to do, whatever the client sent.

use super::*;
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

/// What a server makes of the query's option 82 and option 61.
#[derive(Clone, Copy, Debug)]
enum Model {
    /// Sorts sub-options and joins those of one code; returns hops and option 61.
    Kea,
    /// Keeps the order, loses the second one of a code, and code 0; returns option 61 if told to.
    Isc { echo: bool },
    /// Returns option 82 verbatim, if it fits, and never option 61; adds option 118 when there is link selection.
    Dnsmasq,
}

impl Model {
    /// An OFFER with `options`, or none.
    fn answer(self, query: &[u8], options: &[(u8, Vec<u8>)]) -> Option<Vec<u8>> {
        let message = Message::parse(query).unwrap();
        let agent = message.option(82).unwrap();
        let sub_options: Vec<(u8, Vec<u8>)> =
            AgentInformation::parse(&agent).unwrap().iter().map(|(code, v)| (code, v.to_vec())).collect();
        let mut sorted = std::collections::BTreeMap::<u8, Vec<u8>>::new();
        for (code, value) in &sub_options {
            let joins = matches!(self, Self::Kea) || !sorted.contains_key(code);
            if joins {
                sorted.entry(*code).or_default().extend(value);
            }
        }
        let returned: Vec<(u8, Vec<u8>)> = match self {
            Self::Kea => sorted.into_iter().collect(),
            Self::Isc { .. } => {
                let mut seen = std::collections::BTreeSet::new();
                sub_options.into_iter().filter(|(code, _)| *code != 0 && seen.insert(*code)).collect()
            }
            Self::Dnsmasq => {
                // It keeps option 82 at the end of its buffer, behind the query that is still in there.
                let limit = u16::from_be_bytes(message.option(57).unwrap()[..].try_into().unwrap());
                let end = query.iter().rposition(|octet| *octet == code::END).unwrap();
                if end + agent.len() + 2 + 28 >= usize::from(limit).min(16_384) {
                    return None;
                }
                sub_options
            }
        };
        let mut all = vec![(53, vec![2])];
        all.extend(options.iter().cloned());
        if matches!(self, Self::Kea | Self::Isc { echo: true }) {
            all.extend(message.option(61).map(|id| (61, id.into_owned())));
        }
        if matches!(self, Self::Dnsmasq) && returned.iter().any(|(code, _)| *code == 5) {
            all.push((118, vec![192, 0, 2, 0]));
        }
        let parts: Vec<(u8, &[u8])> = returned.iter().map(|(code, value)| (*code, &value[..])).collect();
        all.push((82, agent::emit(&parts).unwrap()));
        let mut octets = Outgoing {
            op: v4::BOOTREPLY,
            htype: message.htype,
            hardware: message.hardware().to_vec(),
            xid: message.xid,
            secs: 0,
            flags: message.flags,
            ciaddr: Ipv4Addr::UNSPECIFIED,
            yiaddr: Ipv4Addr::new(192, 0, 2, 100),
            giaddr: message.giaddr,
            options: all,
        }
        .emit()
        .unwrap();
        if matches!(self, Self::Kea) {
            octets[3] = message.hops;
        }
        Some(octets)
    }
}

/// True if a copy of option 61 travels along.
fn takes_client_id(sent: &[u8]) -> bool {
    let agent = Message::parse(sent).unwrap().option(82).unwrap().into_owned();
    AgentInformation::parse(&agent).unwrap().first(220).unwrap()[0] & 2 != 0
}

fn model() -> impl Strategy<Value = Model> {
    prop_oneof![Just(Model::Kea), any::<bool>().prop_map(|echo| Model::Isc { echo }), Just(Model::Dnsmasq)]
}

/// Options of a client or a server that are nobody's business here.
fn other_options() -> impl Strategy<Value = Vec<(u8, Vec<u8>)>> {
    let code = prop_oneof![Just(12_u8), Just(50), Just(55), Just(60), 128_u8..=254];
    btree_map(code, vec(any::<u8>(), 0..40), 0..5).prop_map(|options| options.into_iter().collect())
}

fn address() -> impl Strategy<Value = Ipv6Addr> {
    any::<u64>().prop_map(|low| Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(low)))
}

fn way_back() -> impl Strategy<Value = Back> {
    let id = proptest::option::of(vec(any::<u8>(), 0..40));
    let level = (0_u8..8, address(), address(), id, any::<Option<u16>>());
    let level = level.prop_map(|(hop_count, link_address, peer_address, interface_id, relay_port)| Level {
        hop_count,
        link_address,
        peer_address,
        interface_id,
        relay_port,
    });
    (
        any::<(Option<[u8; 3]>, u32, u16)>(),
        address(),
        proptest::option::of(address()),
        vec(level, 0..3),
        any::<(bool, bool)>(),
    )
        .prop_map(|((xid, interface, port), to, source, levels, (br, bind_prefix))| Back {
            xid: xid.map(crate::ids::Xid6),
            interface,
            source,
            to,
            port,
            levels,
            asked: Asked { br, bind_prefix },
        })
}

fn client() -> impl Strategy<Value = Outgoing> {
    let id = proptest::option::of(vec(any::<u8>(), 2..60));
    let hardware = vec(any::<u8>(), 0..=16);
    (any::<(u8, u32, u16, u16, [u8; 4], [u8; 4])>(), hardware, id, other_options()).prop_map(
        |((htype, xid, secs, flags, ciaddr, giaddr), hardware, id, others)| {
            let mut options = vec![(53, vec![1])];
            options.extend(id.map(|id| (61, id)));
            options.extend(others);
            Outgoing {
                op: v4::BOOTREQUEST,
                htype,
                hardware,
                xid: Xid4(xid),
                secs,
                flags,
                ciaddr: ciaddr.into(),
                yiaddr: Ipv4Addr::UNSPECIFIED,
                giaddr: giaddr.into(),
                options,
            }
        },
    )
}

proptest! {
    #[test]
    fn through_any_of_the_servers_the_answer_finds_its_client_s46_04(
        model in model(),
        client in client(),
        way_back in way_back(),
        offered in other_options(),
        selects in any::<bool>(),
    ) {
        let serves = Serves::default();
        let links = vec![LinkSelection { serves, prefix: "192.0.2.0/24".parse().unwrap() }];
        let engine = External::new(Settings { links: if selects { links } else { vec![] }, ..settings() }, SECRET);
        let asked = client.emit().unwrap();
        let sent = match forward_by(&engine, &asked, &from_client("lan0"), &way_back) {
            Ok(sent) => sent[0].1.clone(),
            Err(refused) => {
                prop_assert_eq!(refused, Refused::NoRoom);
                prop_assert!(way_back.encode().unwrap().len() > 200);
                return Ok(());
            }
        };
        let Some(answer) = model.answer(&sent, &offered) else {
            // Only where it had no room for what the client sends and for the bare way back.
            let end = sent.iter().rposition(|octet| *octet == code::END).unwrap();
            prop_assert!(end + 28 + 5 > 576, "{end}");
            prop_assert!(!takes_client_id(&sent));
            return Ok(());
        };
        let (found, octets) = back_by(&engine, "10.0.0.1", &answer).unwrap();
        prop_assert_eq!(found, way_back);
        prop_assert!(octets.len() >= 300);
        let message = Message::parse(&octets).unwrap();
        prop_assert_eq!(message.option(82), None);
        prop_assert_eq!((message.giaddr, message.hops), (client.giaddr, 0));
        prop_assert_eq!((message.xid, message.hardware()), (client.xid, &client.hardware[..]));
        for (code, value) in &offered {
            prop_assert_eq!(message.option(*code).map(std::borrow::Cow::into_owned), Some(value.clone()));
        }
        let id = client.options.iter().find(|(code, _)| *code == 61).map(|(_, id)| id.clone());
        let echoed = message.option(61).map(std::borrow::Cow::into_owned);
        let agent = Message::parse(&sent).unwrap().option(82).unwrap().len();
        let lost = echoed.is_none() && !takes_client_id(&sent);
        let returns = matches!(model, Model::Kea | Model::Isc { echo: true });
        prop_assert!(echoed == id || lost && !returns, "{echoed:?}");
        // What the server was allowed less what goes and plus what comes is what the client takes.
        let limit = u16::from_be_bytes(Message::parse(&sent).unwrap().option(57).unwrap()[..].try_into().unwrap());
        prop_assert!(usize::from(limit) <= 576 + agent + 2);
    }

    #[test]
    fn forged_metadata_is_refused_whatever_it_is_v6(
        client in client(),
        way_back in way_back(),
        forged in vec(any::<u8>(), 0..120),
        first in 0x10_u8..0x14,
    ) {
        let asked = client.emit().unwrap();
        let query = Message::parse(&asked).unwrap();
        let mut octets = forged;
        if let Some(octet) = octets.first_mut() {
            *octet = first;
        }
        // Also with a true way back behind a made-up seal.
        let mut made_up = vec![0x10, 1, 2, 3, 4, 5, 6, 7, 8];
        let way = way_back.encode().unwrap();
        made_up.push(u8::try_from(way.len().min(200)).unwrap());
        made_up.extend(way.iter().take(200));
        for value in [octets, made_up] {
            let answer = Outgoing {
                op: v4::BOOTREPLY,
                giaddr: GIADDR,
                options: vec![(53, vec![5]), (82, agent::emit(&[(220, &value)]).unwrap())],
                htype: query.htype,
                hardware: query.hardware().to_vec(),
                ..client.clone()
            };
            prop_assert_eq!(back(&answer.emit().unwrap()), Err(Refused::Unsolicited));
        }
    }

    #[test]
    fn any_octets_are_a_refusal(octets in vec(any::<u8>(), 0..600), shaped in any::<bool>()) {
        let mut octets = octets;
        if shaped && octets.len() > 243 {
            octets[0] = v4::BOOTREPLY;
            octets[2] = 6;
            octets[24..28].copy_from_slice(&GIADDR.octets());
            octets[236..240].copy_from_slice(&COOKIE);
            octets[240..243].copy_from_slice(&[53, 1, 2]);
        }
        prop_assert!(back(&octets).is_err());
    }
}
