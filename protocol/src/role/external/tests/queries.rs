//! What the servers get.

use super::*;

#[test]
fn a_query_leaves_as_a_relay_agent_sends_it() {
    let sent = forward_by(&engine(), &discover(), &from_client("lan0"), &direct()).unwrap();
    let to: Vec<_> = sent.iter().map(|(to, _)| to.to_string()).collect();
    assert_eq!(to, ["[::ffff:10.0.0.1]:67", "[::ffff:10.0.0.2]:67"]);
    assert_eq!(sent[0].1, sent[1].1);
    let message = Message::parse(&sent[0].1).unwrap();
    assert_eq!((message.op, message.hops, message.giaddr), (v4::BOOTREQUEST, 1, GIADDR));
    // All else is the client's.
    let mut header = sent[0].1[..240].to_vec();
    header[3] = 0;
    header[24..28].fill(0);
    assert_eq!(header, discover()[..240]);
    let codes: Vec<u8> = options(&sent[0].1).iter().map(|(code, _)| *code).collect();
    assert_eq!(codes, [53, 61, 55, 57, 82]);
    assert!(sent[0].1.len() >= 300);
}

#[test]
fn sub_options_have_different_codes_in_ascending_order() {
    let links = vec![LinkSelection { serves: Serves::default(), prefix: "192.0.2.0/25".parse().unwrap() }];
    for (sub_option, expected) in [(220, [5, 220]), (1, [1, 5]), (254, [5, 254]), (6, [5, 6])] {
        let engine = External::new(Settings { links: links.clone(), sub_option, ..settings() }, SECRET);
        let sent = forward_by(&engine, &discover(), &from_client("lan0"), &direct()).unwrap();
        let (last, value) = options(&sent[0].1).pop().unwrap();
        assert_eq!(last, code::RELAY_AGENT);
        let agent = AgentInformation::parse(&value).unwrap();
        assert_eq!(agent.iter().map(|(code, _)| code).collect::<Vec<_>>(), expected);
        assert_eq!(agent.first(5), Some(&[192, 0, 2, 0][..]));
    }
}

#[test]
fn the_subnet_is_chosen_by_where_the_client_is_s46_12() {
    let link = |prefix: &str, serves| LinkSelection { serves, prefix: prefix.parse().unwrap() };
    let none = Serves::default;
    let links = vec![
        link("10.1.0.0/16", Serves { interfaces: vec!["lan1".to_owned()], ..none() }),
        link("10.2.0.0/16", Serves { sources: vec!["2001:db8:2::/48".parse().unwrap()], ..none() }),
        link("10.3.0.0/16", Serves { interface_ids: vec![b"wan0".to_vec()], ..none() }),
        link("10.4.0.0/16", Serves { link_addresses: vec!["2001:db8:4::/48".parse().unwrap()], ..none() }),
        link("10.5.0.0/16", none()),
    ];
    let chosen = |links: &[LinkSelection], way: &Way<'_>| {
        let engine = External::new(Settings { links: links.to_vec(), ..settings() }, SECRET);
        let sent = forward_by(&engine, &discover(), way, &direct()).unwrap();
        let (_, value) = options(&sent[0].1).pop().unwrap();
        AgentInformation::parse(&value).unwrap().first(5).map(<[u8]>::to_vec)
    };
    let link_address = ip("2001:db8:4::1");
    let mut way = Way {
        interface: "lan1",
        client: ip("2001:db8:2::9"),
        hops: vec![Hop { link_address, interface_id: Some(b"wan0") }],
        ..Way::default()
    };
    assert_eq!(chosen(&links, &way), Some(vec![10, 4, 0, 0]));
    way.hops[0].link_address = ip("2001:db8:77::1");
    assert_eq!(chosen(&links, &way), Some(vec![10, 3, 0, 0]));
    way.hops.clear();
    assert_eq!(chosen(&links, &way), Some(vec![10, 2, 0, 0]));
    way.client = ip("fe80::1");
    assert_eq!(chosen(&links, &way), Some(vec![10, 1, 0, 0]));
    way.interface = "lan2";
    assert_eq!(chosen(&links, &way), Some(vec![10, 5, 0, 0]));
    assert_eq!(chosen(&links[..4], &way), None);
}

#[test]
fn a_query_that_names_a_server_goes_to_that_one_alone() {
    let to = |kind, server: Ipv4Addr| {
        let octets = query(kind, &[(code::SERVER_ID, &server.octets())]);
        let sent = forward_by(&engine(), &octets, &from_client("lan0"), &direct()).unwrap();
        sent.into_iter().map(|(to, _)| to.ip().to_ipv4_mapped().unwrap()).collect::<Vec<_>>()
    };
    for kind in [MessageType::REQUEST, MessageType::DECLINE, MessageType::RELEASE] {
        assert_eq!(to(kind, OTHER_SERVER), [OTHER_SERVER]);
        assert_eq!(to(kind, SERVER), [SERVER]);
        // Its identity is not the address it is reached at: whom it means only the servers know.
        assert_eq!(to(kind, Ipv4Addr::new(198, 51, 100, 1)), [SERVER, OTHER_SERVER]);
    }
}

#[test]
fn an_inform_cannot_be_answered_elsewhere() {
    let ciaddr = |kind| {
        let mut octets = query(kind, &[]);
        octets[12..16].copy_from_slice(&[203, 0, 113, 9]);
        forward(&octets, &direct()).unwrap()[12..16].to_vec()
    };
    assert_eq!(ciaddr(MessageType::INFORM), [0; 4]);
    for kind in [MessageType::REQUEST, MessageType::RELEASE] {
        assert_eq!(ciaddr(kind), [203, 0, 113, 9]);
    }
}

#[test]
fn what_already_has_relay_agent_information_is_refused_sec_14() {
    let metadata = agent_of(&discover(), &direct());
    for value in [&metadata[..], &[], &[220, 0], &[1, 1, 1]] {
        let forged = query(MessageType::DISCOVER, &[(code::RELAY_AGENT, value)]);
        assert_eq!(forward(&forged, &direct()), Err(Refused::Option82FromClient));
    }
    // In pieces, and where an overloaded field hides it.
    let mut hidden = query(MessageType::DISCOVER, &[(code::OVERLOAD, &[1])]);
    hidden[108..113].copy_from_slice(&[82, 2, 220, 0, 255]);
    assert_eq!(forward(&hidden, &direct()), Err(Refused::Option82FromClient));
    let mut hidden = query(MessageType::DISCOVER, &[(code::OVERLOAD, &[3])]);
    hidden[44..47].copy_from_slice(&[82, 0, 255]);
    assert_eq!(forward(&hidden, &direct()), Err(Refused::Option82FromClient));
}

#[test]
fn what_only_a_server_could_find_does_not_get_through_v6() {
    let forged = [82, 6, 5, 4, 10, 0, 0, 0, 255];
    let at = |octets: &[u8]| octets.windows(6).any(|window| window == &forged[..6]);
    // Behind the End.
    let mut octets = discover();
    let end = octets.iter().rposition(|octet| *octet == code::END).unwrap();
    octets.splice(end + 1..end + 1, forged);
    assert!(at(&octets) && !at(&forward(&octets, &direct()).unwrap()));
    // In an overloaded field, where overloading is said in a way that not everybody understands.
    for overload in [&[1_u8, 1][..], &[1], &[9], &[]] {
        let mut octets = query(MessageType::DISCOVER, &[(code::OVERLOAD, overload)]);
        octets[108] = code::END;
        octets[109..118].copy_from_slice(&forged);
        let sent = forward(&octets, &direct()).unwrap();
        assert_eq!(Message::parse(&sent).unwrap().option(code::OVERLOAD), None);
        let cleared = sent[108..236].iter().all(|octet| *octet == 0);
        assert_eq!(cleared, overload == [1], "a field that is not overloaded stays");
    }
}

#[test]
fn overloaded_options_stand_in_the_options_field() {
    let mut octets = query(MessageType::DISCOVER, &[(code::OVERLOAD, &[3]), (12, b"ho")]);
    octets[108..114].copy_from_slice(&[12, 2, b's', b't', 255, 9]);
    octets[44..48].copy_from_slice(&[60, 1, b'v', 255]);
    let sent = forward(&octets, &direct()).unwrap();
    let message = Message::parse(&sent).unwrap();
    assert_eq!(message.option(12).as_deref(), Some(&b"host"[..]));
    assert_eq!(message.option(60).as_deref(), Some(&b"v"[..]));
    assert!(message.sname.iter().chain(message.file).all(|octet| *octet == 0));
}

#[test]
fn a_long_option_arrives_whole() {
    let long: Vec<u8> = (0..=255).chain(0..=255).chain(0..88).collect();
    let octets = query(MessageType::DISCOVER, &[(224, &long), (80, &[])]);
    let sent = forward(&octets, &direct()).unwrap();
    let message = Message::parse(&sent).unwrap();
    assert_eq!(message.option(224).as_deref(), Some(&long[..]));
    assert_eq!(message.option(80).as_deref(), Some(&[][..]));
}

#[test]
fn the_size_limit_grows_by_what_is_added_and_not_more() {
    let limit = |octets: &[u8], back: &Back| {
        let sent = forward(octets, back).unwrap();
        let message = Message::parse(&sent).unwrap();
        let agent = message.option(code::RELAY_AGENT).unwrap().len();
        let limit =
            message.option(code::MAX_MESSAGE_SIZE).map(|v| u16::from_be_bytes(v[..].try_into().unwrap()));
        (limit.map(usize::from), agent + 2)
    };
    let with = |size: u16| query(MessageType::DISCOVER, &[(code::MAX_MESSAGE_SIZE, &size.to_be_bytes())]);
    // The copy of option 61 is put back in place of option 82, so its 21 octets are not to spend.
    for (octets, own) in [(discover(), 576), (with(1152), 1152), (with(100), 576)] {
        let (limit, added) = limit(&octets, &direct());
        assert_eq!(limit, Some(own + added - 21));
    }
    let (none_restored, added) = limit(&discover(), &relayed(100));
    assert_eq!(none_restored, Some(576 + added));
    assert_eq!(limit(&with(65_535), &direct()).0, Some(65_535));
    for silent in [MessageType::RELEASE, MessageType::DECLINE] {
        assert_eq!(limit(&query(silent, &[]), &direct()).0, None);
    }
}

/// A DISCOVER with a client identifier of so many octets, and room for a long answer.
fn identified(octets: usize) -> Vec<u8> {
    let options =
        vec![(code::MESSAGE_TYPE, vec![1]), (code::MAX_MESSAGE_SIZE, vec![4, 0x80]), (61, vec![7; octets])];
    message(v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED, options)
}

#[test]
fn when_room_is_short_the_copy_of_the_client_identifier_goes_first() {
    let bare =
        agent_of(&message(v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED, vec![(53, vec![1])]), &direct()).len();
    assert_eq!(agent_of(&identified(COMFORTABLE - bare), &direct()).len(), COMFORTABLE);
    assert_eq!(agent_of(&identified(COMFORTABLE - bare + 1), &direct()).len(), bare);
    let without_id = agent_of(&identified(200), &relayed(0)).len();
    let with = |interface_id: usize| agent_of(&identified(19), &relayed(interface_id)).len();
    assert_eq!(with(COMFORTABLE - 19 - without_id), COMFORTABLE);
    assert_eq!(with(COMFORTABLE - 18 - without_id), COMFORTABLE - 18);
    assert_eq!(with(LARGEST_AGENT - without_id), LARGEST_AGENT);
    for too_long in [LARGEST_AGENT - without_id + 1, 256] {
        assert_eq!(forward(&identified(19), &relayed(too_long)), Err(Refused::NoRoom));
    }
}

#[test]
fn a_client_with_many_options_and_no_size_limit_has_the_room_that_its_server_needs() {
    let sent = |others: usize, limit: &[(u8, &[u8])]| {
        let others = vec![7; others];
        let mut all = vec![(224, &others[..])];
        all.extend(limit);
        let octets = query(MessageType::DISCOVER, &all);
        let sent = forward(&octets, &direct()).unwrap();
        let end = sent.iter().rposition(|octet| *octet == code::END).unwrap();
        let message = Message::parse(&sent).unwrap();
        let limit = message.option(57).unwrap();
        let agent = message.option(82).unwrap().len();
        // What dnsmasq wants: the whole query, and after it option 82 once more.
        let fits = end + agent + 2 + 28 < usize::from(u16::from_be_bytes(limit[..].try_into().unwrap()));
        (fits, agent >= CLIENT_ID.len() + agent_of(&identified(200), &direct()).len())
    };
    for others in 0..240 {
        let (fits, copied) = sent(others, &[]);
        assert!(fits || !copied, "a copy took the room of the way back: {others}");
        assert!(copied || others > 180, "{others}");
        assert!(fits || others > 210, "{others}");
        assert_eq!(sent(others, &[(57, &[4, 0x80])]), (true, true), "{others}");
    }
}

#[test]
fn a_usual_way_leaves_room_for_a_usual_client_identifier() {
    for back in [direct(), relayed(8)] {
        let agent = agent_of(&discover(), &back);
        assert!(agent.len() <= COMFORTABLE);
        assert!(agent.windows(19).any(|window| window == CLIENT_ID), "{}", agent.len());
    }
}

#[test]
fn only_what_clients_send_is_sent_on_v5() {
    for kind in [2, 4, 5, 6, 9, 10, 13, 200] {
        let sent = forward(&query(MessageType(kind), &[]), &direct());
        assert_eq!(sent.is_ok(), kind == 4, "{kind}");
        assert!(sent.is_ok() || sent == Err(Refused::Unsupported4), "{kind}");
    }
    let bootp = message(v4::BOOTREQUEST, Ipv4Addr::UNSPECIFIED, vec![]);
    assert_eq!(forward(&bootp, &direct()), Err(Refused::Unsupported4));
    let reply = message(v4::BOOTREPLY, Ipv4Addr::UNSPECIFIED, vec![(53, vec![1])]);
    assert_eq!(forward(&reply, &direct()), Err(Refused::OpUnsupported));
    let mut far = discover();
    far[3] = 15;
    assert_eq!(forward(&far, &direct()).unwrap()[3], 16);
    far[3] = 16;
    assert_eq!(forward(&far, &direct()), Err(Refused::HopsLimit));
}
