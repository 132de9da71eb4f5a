//! Whatever can be written reads back the same.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use dhcp4o6_protocol::ids::{Xid4, Xid6};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::Draft01;
use dhcp4o6_protocol::wire::o6::{self, CodePoints, Header};
use dhcp4o6_protocol::wire::relay::{Envelope, Relay, Relayed};
use dhcp4o6_protocol::wire::v4_option::{self, Route};
use dhcp4o6_protocol::wire::v6::{self, MessageType};
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use dhcp4o6_protocol::wire::{Writer, agent, domain, softwire, text, v4};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

fn outgoing() -> impl Strategy<Value = v4::Outgoing> {
    let addresses = any::<[[u8; 4]; 3]>();
    let options = btree_map(1_u8..=254, vec(any::<u8>(), 0..700), 0..12);
    (any::<(bool, u8, u32, u16, u16)>(), vec(any::<u8>(), 0..=16), addresses, options).prop_map(
        |((request, htype, xid, secs, flags), hardware, [ciaddr, yiaddr, giaddr], mut options)| {
            options.remove(&v4::code::OVERLOAD);
            if let Some(kind) = options.get_mut(&v4::code::MESSAGE_TYPE) {
                *kind = vec![5];
            }
            v4::Outgoing {
                op: if request { v4::BOOTREQUEST } else { v4::BOOTREPLY },
                htype,
                hardware,
                xid: Xid4(xid),
                secs,
                flags,
                ciaddr: ciaddr.into(),
                yiaddr: yiaddr.into(),
                giaddr: giaddr.into(),
                options: options.into_iter().collect(),
            }
        },
    )
}

fn options6() -> impl Strategy<Value = Vec<(u16, Vec<u8>)>> {
    // Codes from 200: nothing in them is looked at.
    vec((200_u16.., vec(any::<u8>(), 0..40)), 0..20)
}

fn name() -> impl Strategy<Value = String> {
    vec("[A-Za-z0-9]([A-Za-z0-9-]{0,20}[A-Za-z0-9])?", 1..6).prop_map(|labels| labels.join("."))
}

proptest! {
    #[test]
    fn a_dhcpv4_message_reads_back(sent in outgoing()) {
        let octets = sent.emit().unwrap();
        prop_assert!(octets.len() >= 300);
        let read = v4::Message::parse(&octets).unwrap();
        let options: Vec<_> = read.options().map(|(code, value)| (code, value.into_owned())).collect();
        let (op, htype, hardware) = (read.op, read.htype, read.hardware().to_vec());
        let again = v4::Outgoing {
            op,
            htype,
            hardware,
            xid: read.xid,
            secs: read.secs,
            flags: read.flags,
            ciaddr: read.ciaddr,
            yiaddr: read.yiaddr,
            giaddr: read.giaddr,
            options,
        };
        prop_assert_eq!(again, sent);
    }

    #[test]
    fn dhcpv6_options_read_back(kind: u8, header: [u8; 3], options in options6()) {
        let mut w = Writer::new();
        w.u8(kind).bytes(&header);
        for (code, value) in &options {
            w.option6(OptionCode(*code), |w| { w.bytes(value); });
        }
        let octets = w.finish().unwrap();
        let read = v6::Message::parse(&octets).unwrap();
        prop_assert_eq!((read.kind, read.header), (MessageType(kind), header));
        let read: Vec<_> = read.options.iter().map(|(code, value)| (code.0, value.to_vec())).collect();
        prop_assert_eq!(read, options);
    }

    #[test]
    fn a_query_of_either_profile_holds_its_message(
        inner in vec(any::<u8>(), 0..2000), unicast: bool, xid: [u8; 3], request: u8, message in 200_u16..,
    ) {
        let draft = Draft01 { request, message, ..Draft01::default() };
        for (profile, header) in [
            (WireProfile::Rfc7341, Header::Flags { unicast }),
            (WireProfile::Draft01, Header::TransactionId(Xid6(xid))),
        ] {
            let points = CodePoints::of(profile, &draft);
            let octets = o6::emit_query(points, header, &[], &inner).unwrap();
            let read = v6::Message::parse(&octets).unwrap();
            prop_assert_eq!((read.kind, read.header), (points.query, header.octets()));
            prop_assert_eq!(o6::dhcpv4(points, &read), Ok(&inner[..]));
        }
    }

    #[test]
    fn relayed_messages_come_out_as_they_went_in(
        message in vec(any::<u8>(), 1..300), hops in vec(any::<(u8, u128, u128)>(), 1..=9), id in vec(any::<u8>(), 1..20),
    ) {
        prop_assume!(!(12..=13).contains(&message[0]));
        let mut octets = message.clone();
        for (hop_count, link, peer) in &hops {
            octets = Envelope {
                kind: MessageType::RELAY_FORW,
                hop_count: *hop_count,
                link_address: (*link).into(),
                peer_address: (*peer).into(),
                options: vec![(OptionCode::INTERFACE_ID, &id)],
                message: &octets,
            }
            .emit()
            .unwrap();
        }
        let read = Relayed::parse(&octets).unwrap();
        prop_assert_eq!(read.message, &message[..]);
        let levels: Vec<_> =
            read.levels.iter().rev().map(|l| (l.hop_count, l.link_address.into(), l.peer_address.into())).collect();
        prop_assert_eq!(levels, hops);
        let reply = read.reply(&message).unwrap();
        prop_assert_eq!(Relay::parse(&reply).unwrap().interface_id(), Some(&id[..]));
    }

    #[test]
    fn domain_names_read_back(names in vec(name(), 1..=16)) {
        let mut w = Writer::new();
        names.iter().for_each(|name| domain::emit(&mut w, name));
        let octets = w.finish().unwrap();
        prop_assert_eq!(domain::text(names[0].as_bytes()), Some(names[0].clone()));
        prop_assert_eq!(domain::search4(&octets), Some(names.clone()));
        prop_assert_eq!(domain::list6(&octets), Some(names));
    }

    #[test]
    fn classless_routes_read_back(routes in vec((any::<u32>(), 0_u8..=32, any::<u32>()), 1..50)) {
        let routes: Vec<_> = routes
            .into_iter()
            .map(|(destination, prefix_len, router)| {
                let host = u32::MAX.checked_shr(u32::from(prefix_len)).unwrap_or(0);
                Route { destination: (destination & !host).into(), prefix_len, router: router.into() }
            })
            .collect();
        prop_assert_eq!(v4_option::classless_routes(&v4_option::emit_classless_routes(&routes)), Some(routes));
    }

    #[test]
    fn port_sets_read_back(offset in 0_u8..=15, psid_len in 0_u8..=16, psid: u16) {
        if let Some(set) = softwire::PortSet::new(offset, psid_len, psid) {
            prop_assert_eq!(softwire::PortSet::parse(&set.emit()), Some(set));
        } else {
            prop_assert!(offset + psid_len > 16 || u32::from(psid) >= 1 << psid_len);
        }
    }

    #[test]
    fn relay_agent_information_reads_back(sub_options in vec((any::<u8>(), vec(any::<u8>(), 0..60)), 1..8)) {
        let sub_options: Vec<_> = sub_options.iter().map(|(code, value)| (*code, &value[..])).collect();
        let octets = agent::emit(&sub_options).unwrap();
        let read: Vec<_> = agent::AgentInformation::parse(&octets).unwrap().iter().collect();
        prop_assert_eq!(read, sub_options);
    }

    #[test]
    fn escaped_text_tells_every_octet_apart(octets in vec(any::<u8>(), 0..60)) {
        let escaped = text::escaped(&octets);
        let mut back = Vec::new();
        let mut rest = escaped.as_bytes();
        while let Some((first, tail)) = rest.split_first() {
            if *first == b'\\' {
                let digits = std::str::from_utf8(&tail[1..3]).unwrap();
                back.push(u8::from_str_radix(digits, 16).unwrap());
                rest = &tail[3..];
            } else {
                back.push(*first);
                rest = tail;
            }
        }
        prop_assert_eq!(back, octets);
    }
}
