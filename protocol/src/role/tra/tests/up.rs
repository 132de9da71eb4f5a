//! What the servers get.

use super::*;

#[test]
fn a_message_gets_our_giaddr_and_where_it_came_from_tra_03_04_06() {
    let mut rig = Rig::new(settings());
    let asked = discover();
    let sent = rig.up_from(CRA, OURS, &asked).unwrap();
    assert_eq!(sent.len(), 1);
    let port = Port::Upstream4("198.51.100.9:67".parse().unwrap());
    assert_eq!((sent[0].via, sent[0].source), (port, None));
    assert_eq!(sent[0].to.to_string(), "[::ffff:198.51.100.1]:67");
    let mut expected = asked[..asked.iter().rposition(|octet| *octet == 255).unwrap()].to_vec();
    expected[3] = 2;
    expected[24..28].copy_from_slice(&GIADDR.octets());
    expected.extend(octets(AGENT));
    expected.push(255);
    expected.resize(300, 0);
    assert_eq!(hex(&sent[0].payload), hex(&expected));
    assert_eq!(rig.tra.tally().of(Done::Upstream), 1);
}

#[test]
fn the_subnet_follows_the_address_tra_05() {
    let link = |sources: &[&str], prefix: &str| TraLink {
        sources: sources.iter().map(|prefix| prefix.parse().unwrap()).collect(),
        prefix: prefix.parse().unwrap(),
    };
    let links = vec![
        link(&["2001:db8::/32", "fd00::/16"], "10.0.0.0/8"),
        link(&["2001:db8:1::/48"], "192.0.2.0/24"),
        link(&["2001:db8:2::/48", "2001:db8:1:2::/64"], "203.0.113.128/25"),
    ];
    let mut rig = Rig::new(with(|settings| settings.links = links));
    let expected = octets("52182e1020010db80001000100000000000000180504c0000200 ff");
    let sent = rig.up(&discover()).unwrap();
    let place = sent.windows(expected.len()).position(|window| window == expected);
    assert!(place.is_some(), "{}", hex(&sent));
    let mut subnet = |from: &str| {
        let sent = rig.up_from(from, OURS, &discover()).unwrap().remove(0).payload;
        let (_, value) = last_option(&sent);
        let agent = AgentInformation::parse(&value).unwrap();
        assert_eq!(agent.cra6addr(46), Ok(ip(from)));
        agent.first(5).map(<[u8]>::to_vec)
    };
    assert_eq!(subnet("2001:db8:1:2::5"), Some(vec![203, 0, 113, 128]));
    assert_eq!(subnet("2001:db8:9::5"), Some(vec![10, 0, 0, 0]));
    assert_eq!(subnet("fd00::5"), Some(vec![10, 0, 0, 0]));
    assert_eq!(subnet("fd01::5"), None);
}

#[test]
fn what_is_configured_follows_in_ascending_order_tra_24() {
    let all = |settings: &mut TraSettings| {
        settings.relay_id = Some(vec![0xaa; 3]);
        settings.remote_id = Some(b"r".to_vec());
        settings.circuit_id = Some(b"wan0".to_vec());
        settings.source_port = 6767;
        settings.links =
            vec![TraLink { sources: vec!["::/0".parse().unwrap()], prefix: "192.0.2.0/24".parse().unwrap() }];
    };
    let mut rig = Rig::new(with(all));
    let sent = rig.up(&discover()).unwrap();
    let expected = format!("{} 0104 77616e30 0201 72 0504 c0000200 0c03 aaaaaa 1300", &AGENT[4..]);
    assert_eq!(last_option(&sent), (82, octets(&expected)));
    // By default none of it.
    assert_eq!(last_option(&Rig::new(settings()).up(&discover()).unwrap()), (82, octets(&AGENT[4..])));
}

#[test]
fn the_code_is_configured_and_no_other_has_it_tra_23() {
    for code in [1_u8, 2, 5, 46, 254] {
        let mut rig = Rig::new(with(|settings| {
            settings.cra6addr = code;
            settings.circuit_id = Some(b"wan0".to_vec());
        }));
        let (_, value) = last_option(&rig.up(&discover()).unwrap());
        let agent = AgentInformation::parse(&value).unwrap();
        assert_eq!(agent.cra6addr(code), Ok(ip(CRA)));
        assert_eq!(agent.first(1) == Some(b"wan0"), code != 1, "{code}");
        let back = answer(&format!("350102 52 {:02x} {} ff", value.len(), hex(&value)));
        assert_eq!(*rig.down(&back).unwrap().to.ip(), ip(CRA));
    }
}

#[test]
fn fields_that_servers_read_by_mistake_stay_as_they_are_tra_06() {
    let mut asked = discover();
    asked[44..108].copy_from_slice(&[b's'; 64]);
    asked[108..236].copy_from_slice(&[b'f'; 128]);
    let sent = Rig::new(settings()).up(&asked).unwrap();
    assert_eq!(sent[44..236], asked[44..236]);
    // Overloaded fields are full of the client's options: ours goes into the options field all the same.
    let mut asked = message(BOOTREQUEST, 0, "350101 340103 ff");
    asked[44..48].copy_from_slice(&[12, 1, b'h', 255]);
    asked[108..112].copy_from_slice(&[60, 1, b'v', 255]);
    let sent = Rig::new(settings()).up(&asked).unwrap();
    assert_eq!(sent[28..240], asked[28..240]);
    assert_eq!(last_option(&sent), (82, octets(&AGENT[4..])));
    assert!(sent.len() >= 300);
}

#[test]
fn end_and_padding_are_made_good_tra_06() {
    for (options, kept) in [
        ("350101 ff", "350101"),
        ("350101", "350101"),
        ("350101 000000", "350101"),
        ("0000 350101 00 3d0100 0000 ff 52020102 00", "0000 350101 00 3d0100 0000"),
    ] {
        let sent = Rig::new(settings()).up(&message(BOOTREQUEST, 0, options)).unwrap();
        let mut expected = octets(&format!("{kept} {AGENT} ff"));
        expected.resize(60, 0);
        assert_eq!(hex(&sent[240..]), hex(&expected), "{options}");
    }
    let long = format!("350101 e0ff {} ff", "07".repeat(255));
    let sent = Rig::new(settings()).up(&message(BOOTREQUEST, 0, &long)).unwrap();
    assert_eq!(sent.last(), Some(&255));
}

#[test]
fn only_messages_to_servers_go_up_tra_02() {
    for op in [0, 2, 3, 4, 5, 255] {
        let mut asked = discover();
        asked[0] = op;
        assert_eq!(Rig::new(settings()).up(&asked), Err(Refused::OpUnsupported), "{op}");
    }
    assert_eq!(Rig::new(settings()).up(&[]), Err(Refused::Malformed4));
}

#[test]
fn malformed_messages_stay_here_tra_28() {
    let mut cookie = discover();
    cookie[239] ^= 1;
    let mut hlen = discover();
    hlen[2] = 17;
    let short = discover()[..239].to_vec();
    let overrun = message(BOOTREQUEST, 0, "350101 3d20 01");
    let kind = message(BOOTREQUEST, 0, "35020101 ff");
    for bad in [cookie, hlen, short, overrun, kind] {
        assert_eq!(Rig::new(settings()).up(&bad), Err(Refused::Malformed4));
    }
}

#[test]
fn bootp_passes_both_ways_tra_28() {
    let mut rig = Rig::new(settings());
    let mut asked = message(BOOTREQUEST, 1, "ff");
    asked.resize(300, 0);
    let sent = rig.up(&asked).unwrap();
    assert_eq!(hex(&sent[240..262]), hex(&octets(&format!("{AGENT} ff 00"))[..22]));
    assert_eq!(sent.len(), 300);
    let sent = rig.down(&answer(&format!("{AGENT} ff"))).unwrap();
    assert_eq!(sent.payload[240..], [&[255_u8][..], &[0; 59]].concat());
}

#[test]
fn a_relayed_message_is_not_relayed_tra_14() {
    for giaddr in [[0, 0, 0, 1], [203, 0, 113, 1], GIADDR.octets()] {
        let mut asked = discover();
        asked[24..28].copy_from_slice(&giaddr);
        assert_eq!(Rig::new(settings()).up(&asked), Err(Refused::GiaddrNonzero));
    }
}

#[test]
fn nobody_says_where_a_client_is_but_we_tra_15_sec_14() {
    for options in [
        format!("350101 {AGENT} ff"),
        format!("{AGENT} 350101"),
        "350101 5200 ff".to_owned(),
        "350101 5204 01026162 ff".to_owned(),
    ] {
        let refused = Rig::new(settings()).up(&message(BOOTREQUEST, 0, &options));
        assert_eq!(refused, Err(Refused::Option82FromClient), "{options}");
    }
    // In overloaded fields, and in those that a careless server takes for overloaded.
    for (overload, field) in [("01", 108), ("02", 44), ("03", 44), ("03", 108), ("ff", 108), ("04", 44)] {
        let mut asked = message(BOOTREQUEST, 0, &format!("350101 3401 {overload} ff"));
        let agent = octets(&format!("0c0161 {AGENT} ff"));
        asked[field..field + agent.len()].copy_from_slice(&agent);
        assert_eq!(Rig::new(settings()).up(&asked), Err(Refused::Option82FromClient), "{overload} {field}");
    }
    // Behind End it means nothing, and goes.
    let sent = Rig::new(settings()).up(&message(BOOTREQUEST, 0, &format!("350101 ff {AGENT} ff"))).unwrap();
    assert_eq!(last_option(&sent), (82, octets(&AGENT[4..])));
    assert_eq!(sent[240..243], [53, 1, 1]);
}

#[test]
fn a_message_may_pass_so_many_relay_agents_tra_12() {
    for (limit, hops, expected) in
        [(4, 0, Some(1)), (4, 1, Some(2)), (4, 4, Some(5)), (4, 5, None), (16, 16, Some(17)), (16, 255, None)]
    {
        let mut asked = discover();
        asked[3] = hops;
        let sent = Rig::new(with(|settings| settings.hops_limit = limit)).up(&asked);
        let left = sent.as_ref().ok().map(|sent| sent[3]);
        assert_eq!(left, expected, "{limit} {hops}");
        assert!(sent.is_ok() || sent == Err(Refused::HopsLimit));
    }
}

#[test]
fn what_has_no_room_for_the_way_back_is_not_relayed_tra_16() {
    let filled = |length: usize| {
        let mut asked = message(BOOTREQUEST, 0, "350101");
        while asked.len() < length - 1 {
            let value = (length - 1 - asked.len() - 2).min(255);
            asked.extend([224, u8::try_from(value).unwrap()]);
            asked.extend(vec![7; value]);
        }
        asked.push(255);
        assert_eq!(asked.len(), length);
        asked
    };
    assert_eq!(Rig::new(settings()).up(&filled(1452)).unwrap().len(), 1472);
    for length in [1453, 1460, 1472, 9000] {
        assert_eq!(Rig::new(settings()).up(&filled(length)), Err(Refused::NoRoom), "{length}");
    }
    // The interface with our IPv4 address carries less, or more than is configured.
    let mut rig = Rig::new(with(|settings| settings.max_message = 9000));
    assert_eq!(rig.up(&filled(1453)), Err(Refused::NoRoom));
    rig.interfaces(&[Interface { addresses4: vec![GIADDR], mtu: 1400, ..Interface::default() }]);
    assert_eq!(rig.up(&filled(1352)).unwrap().len(), 1372);
    assert_eq!(rig.up(&filled(1353)), Err(Refused::NoRoom));
    rig.interfaces(&[Interface { addresses4: vec![GIADDR], mtu: 65_536, ..Interface::default() }]);
    assert_eq!(rig.up(&filled(8980)).unwrap().len(), 9000);
    assert_eq!(rig.up(&filled(8981)), Err(Refused::NoRoom));
    // Padding is no content.
    let mut padded = discover();
    padded.resize(1472, 0);
    assert_eq!(Rig::new(settings()).up(&padded).unwrap().len(), 300);
}

#[test]
fn more_sub_options_than_servers_return_are_not_sent_tra_16() {
    let with_ids = |length| {
        let mut rig = Rig::new(with(|settings| {
            settings.circuit_id = Some(vec![1; 100]);
            settings.remote_id = Some(vec![2; length]);
        }));
        rig.up(&discover())
    };
    assert_eq!(last_option(&with_ids(118).unwrap()).1.len(), 240);
    assert_eq!(with_ids(119), Err(Refused::NoRoom));
    assert_eq!(with_ids(300), Err(Refused::NoRoom));
}

#[test]
fn only_client_relay_agents_of_ours_are_heard_tra_22_29_sec_08() {
    for from in
        ["fe80::18", "::", "::1", "ff02::1", "::ffff:192.0.2.1", "2001:db9::18", "fc00::1", OURS, ALSO_OURS]
    {
        let refused = Rig::new(settings()).up_from(from, OURS, &discover());
        assert_eq!(refused, Err(Refused::SourceRefused), "{from}");
    }
    // Not even when everybody is heard.
    for from in ["fe80::18", "::", "::1", "ff02::1", "::ffff:192.0.2.1", OURS] {
        let mut rig = Rig::new(with(|settings| settings.accept_from = vec!["::/0".parse().unwrap()]));
        assert_eq!(rig.up_from(from, OURS, &discover()), Err(Refused::SourceRefused), "{from}");
    }
    assert!(Rig::new(settings()).up_from("fd00:1::18", OURS, &discover()).is_ok());
    let mut nobody = Rig::new(with(|settings| settings.accept_from.clear()));
    assert_eq!(nobody.up(&discover()), Err(Refused::SourceRefused));
}

#[test]
fn it_is_asked_by_unicast_at_its_addresses() {
    for group in ["ff02::1", "ff02::1:2", "ff05::1:3"] {
        let refused = Rig::new(settings()).up_from(CRA, group, &discover());
        assert_eq!(refused, Err(Refused::MulticastDestination));
    }
    let refused = Rig::new(settings()).up_from(CRA, "fe80::9", &discover());
    assert_eq!(refused, Err(Refused::WrongDestination));
    let mut rig = Rig::new(with(|settings| settings.addresses = vec![ip(OURS)]));
    assert!(rig.up_from(CRA, OURS, &discover()).is_ok());
    assert_eq!(rig.up_from(CRA, ALSO_OURS, &discover()), Err(Refused::WrongDestination));
    assert_eq!(rig.tra.addresses(), [ip(OURS)]);
    assert_eq!(Rig::new(settings()).tra.addresses(), [ip(OURS), ip(ALSO_OURS)]);
}

#[test]
fn the_port_of_a_client_relay_agent_does_not_matter() {
    let mut rig = Rig::new(settings());
    let from = SocketAddrV6::new(ip(CRA), 40_000, 0, 0);
    assert!(rig.take(Port::Transport6, from, ip(OURS), &discover()).is_ok());
    assert_eq!(rig.down(&answer(&format!("350102 {AGENT} ff"))).unwrap().to.port(), 67);
}

#[test]
fn what_names_one_of_the_servers_goes_to_that_one_alone_tra_13() {
    let mut rig = Rig::new(with(|settings| settings.servers = vec![SERVER, OTHER_SERVER]));
    let mut to = |kind: u8, server: Option<Ipv4Addr>| {
        let named = server.map(|server| format!("3604 {}", hex(&server.octets()))).unwrap_or_default();
        let asked = message(BOOTREQUEST, 1, &format!("3501 {kind:02x} {named} ff"));
        let sent = rig.up_from(CRA, OURS, &asked).unwrap();
        assert!(sent.iter().all(|copy| copy.payload == sent[0].payload));
        sent.into_iter().map(|copy| copy.to.ip().to_ipv4_mapped().unwrap()).collect::<Vec<_>>()
    };
    let all = [SERVER, OTHER_SERVER];
    for kind in [3, 4, 7] {
        assert_eq!(to(kind, Some(OTHER_SERVER)), [OTHER_SERVER]);
        assert_eq!(to(kind, Some(Ipv4Addr::new(198, 51, 100, 3))), all);
        assert_eq!(to(kind, None), all);
    }
    for kind in [1, 8] {
        assert_eq!(to(kind, Some(SERVER)), all);
    }
}

#[test]
fn each_client_relay_agent_has_a_rate_and_all_together_have_one() {
    let mut rig = Rig::new(with(|settings| settings.rate_per_source = 10));
    let passed =
        |rig: &mut Rig, from: &str| (0..100).filter(|_| rig.up_from(from, OURS, &discover()).is_ok()).count();
    assert_eq!(passed(&mut rig, CRA), 10);
    assert_eq!(rig.up(&discover()), Err(Refused::RateLimited));
    assert_eq!(passed(&mut rig, "2001:db8::5"), 10);
    rig.after(Duration::from_secs(1));
    assert_eq!(passed(&mut rig, CRA), 10);

    let mut rig = Rig::new(with(|settings| settings.rate = 15));
    assert_eq!(passed(&mut rig, CRA), 15);
    assert_eq!(passed(&mut rig, "2001:db8::5"), 0);
    let mut free = Rig::new(with(|settings| settings.rate_per_source = 0));
    assert_eq!(passed(&mut free, CRA), 100);
}

#[test]
fn a_hundred_thousand_identities_are_bounded() {
    let mut rig = Rig::new(with(|settings| settings.snoop = true));
    for n in 0..100_000_u32 {
        let mut asked = discover();
        asked[4..8].copy_from_slice(&n.to_be_bytes());
        let from = Ipv6Addr::from_bits(ip("2001:db8:7::").to_bits() | u128::from(n));
        rig.up_from(&from.to_string(), OURS, &asked).unwrap();
    }
    assert_eq!(rig.tra.recent.as_ref().unwrap().len(), PENDING);
    assert_eq!(rig.tra.per_source.len(), super::super::super::rates::CAPACITY);
    // The last one is still answered, and one of the first is not.
    let back = |n: u32| {
        let from = Ipv6Addr::from_bits(ip("2001:db8:7::").to_bits() | u128::from(n));
        let mut back = answer(&format!("350102 5212 2e10 {} ff", hex(&from.octets())));
        back[4..8].copy_from_slice(&n.to_be_bytes());
        back
    };
    assert!(rig.down(&back(99_999)).is_ok());
    assert_eq!(rig.down(&back(0)), Err(Refused::Unsolicited));
}

#[test]
fn other_settings_hold_from_the_next_message_on() {
    let mut rig = Rig::asked();
    rig.tra.configure(with(|settings| {
        settings.servers = vec![OTHER_SERVER];
        settings.cra6addr = 200;
        settings.accept_from = vec!["2001:db8:1::/48".parse().unwrap()];
    }));
    assert_eq!(rig.down(&answer(&format!("350102 {AGENT} ff"))), Err(Refused::UnknownServer));
    let agent = AGENT.replace("2e10", "c810");
    assert!(rig.down_from(OTHER_SERVER, &answer(&format!("350102 {agent} ff"))).is_ok());
    assert_eq!(rig.up_from("2001:db8:2::1", OURS, &discover()), Err(Refused::SourceRefused));
    assert_eq!(rig.tra.servers().collect::<Vec<_>>(), [(OTHER_SERVER, false)]);
}
