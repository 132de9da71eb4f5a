use super::*;
use crate::ids::hex;
use proptest::prelude::*;

fn strings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..40),
        (120_usize..140).prop_map(|length| vec![7; length]),
        (16_380_usize..16_390).prop_map(|length| vec![8; length]),
    ]
}

fn moments() -> impl Strategy<Value = Instant> {
    any::<u64>().prop_map(Instant::from_micros)
}

fn maybe(moments: impl Strategy<Value = Instant>) -> impl Strategy<Value = Option<Instant>> {
    proptest::option::of(moments)
}

fn states() -> impl Strategy<Value = State> {
    prop_oneof![Just(State::Bound), Just(State::Released), Just(State::Declined)]
}

fn slots4() -> impl Strategy<Value = Slot4> {
    let ports = (0_u8..=15, any::<u8>(), any::<u16>()).prop_map(|(offset, psid_len, psid)| {
        let psid_len = 1 + psid_len % (16 - offset);
        PortSet { offset, psid_len, psid: psid >> (16 - psid_len) }
    });
    (any::<Ipv4Addr>(), proptest::option::of(ports)).prop_map(|(address, ports)| Slot4 { address, ports })
}

fn slots6() -> impl Strategy<Value = Slot6> {
    let prefix = (any::<Ipv6Addr>(), 0_u8..=128).prop_map(|(address, length)| Slot6::Prefix(address, length));
    prop_oneof![any::<Ipv6Addr>().prop_map(Slot6::Address), prefix]
}

fn duids() -> impl Strategy<Value = Duid> {
    proptest::collection::vec(any::<u8>(), 3..=130).prop_map(|octets| Duid::new(octets).unwrap())
}

fn origins() -> impl Strategy<Value = Origin> {
    prop_oneof![
        any::<u64>().prop_map(Origin::Network),
        (any::<u64>(), strings()).prop_map(|(interface, link)| Origin::Link(interface, link)),
    ]
}

fn bindings4() -> impl Strategy<Value = Binding4> {
    let client = prop_oneof![
        strings().prop_map(ClientKey::Id),
        (any::<u8>(), strings()).prop_map(|(kind, address)| ClientKey::Hardware(kind, address)),
    ];
    let when = (states(), moments(), maybe(moments()));
    let transport = prop_oneof![Just(Transport::Dhcp6), Just(Transport::Agent), Just(Transport::Ipv4)];
    let source = (any::<Ipv6Addr>(), transport);
    let whence = (origins(), source, strings(), any::<Option<Ipv6Addr>>());
    (slots4(), client, when, whence).prop_map(|(slot, client, when, whence)| Binding4 {
        slot,
        client,
        state: when.0,
        changed_at: when.1,
        expires_at: when.2,
        origin: whence.0,
        source: whence.1.0,
        transport: whence.1.1,
        host_name: whence.2,
        softwire: whence.3,
    })
}

fn bindings6() -> impl Strategy<Value = Binding6> {
    let when = (states(), moments(), maybe(moments()), maybe(moments()));
    (slots6(), duids(), any::<u32>(), when, origins()).prop_map(|(slot, client, iaid, when, origin)| {
        Binding6 {
            slot,
            client,
            iaid,
            state: when.0,
            changed_at: when.1,
            preferred_until: when.2,
            expires_at: when.3,
            origin,
        }
    })
}

fn records() -> impl Strategy<Value = Record> {
    let holder = prop_oneof![
        strings().prop_map(Holder::ClientId),
        duids().prop_map(Holder::Duid),
        strings().prop_map(Holder::Circuit),
        (any::<u8>(), strings()).prop_map(|(kind, address)| Holder::Hardware(kind, address)),
    ];
    prop_oneof![
        bindings4().prop_map(Record::Lease4),
        slots4().prop_map(Record::Gone4),
        bindings6().prop_map(Record::Lease6),
        slots6().prop_map(Record::Gone6),
        (any::<Ipv4Addr>(), holder).prop_map(|(address, holder)| Record::Reserve4 { address, holder }),
        any::<Ipv4Addr>().prop_map(|address| Record::Unreserve4 { address }),
    ]
}

fn encoded(record: &Record) -> Vec<u8> {
    let mut octets = Vec::new();
    record.encode(&mut octets);
    octets
}

proptest! {
    #[test]
    fn a_record_is_read_back_as_it_was_written(record in records()) {
        prop_assert_eq!(Record::decode(&encoded(&record)), Ok(record));
    }

    #[test]
    fn no_part_of_a_record_is_a_record(record in records()) {
        let octets = encoded(&record);
        for end in (0..octets.len()).rev().take(200) {
            prop_assert_eq!(Record::decode(&octets[..end]), Err(BadRecord));
        }
        prop_assert_eq!(Record::decode(&[&octets[..], &[0]].concat()), Err(BadRecord));
    }

    #[test]
    fn changed_octets_are_another_record_in_its_only_form_or_none(
        record in records(), at in any::<proptest::sample::Index>(), value: u8,
    ) {
        let mut octets = encoded(&record);
        let at = at.index(octets.len());
        octets[at] = value;
        if let Ok(other) = Record::decode(&octets) {
            prop_assert_eq!(encoded(&other), octets);
        }
    }
}

fn usual() -> Binding4 {
    Binding4 {
        slot: Slot4 { address: Ipv4Addr::new(192, 0, 2, 10), ports: None },
        client: ClientKey::Id(vec![0xff, 0, 0, 0, 1, 0, 3, 0, 1, 2, 0, 0x5e, 0x10, 0, 1]),
        state: State::Bound,
        changed_at: Instant::from_secs(1),
        expires_at: Some(Instant::from_secs(2)),
        origin: Origin::Network(0x2001_0db8_0001_0002),
        source: "2001:db8:1:2::5".parse().unwrap(),
        transport: Transport::Dhcp6,
        host_name: b"cpe".to_vec(),
        softwire: None,
    }
}

#[test]
fn the_form_on_disk_does_not_change() {
    let usual = [
        "01 08 c000020a 0f ff00000001 0003000102005e100001 00000000000f4240 00000000001e8480",
        "20010db800010002 20010db8000100020000000000000005 03 637065",
    ];
    assert_eq!(hex(&encoded(&Record::Lease4(self::usual()))), usual.concat().replace(' ', ""));
    let shared = Binding4 {
        slot: Slot4 {
            address: Ipv4Addr::new(192, 0, 2, 1),
            ports: Some(PortSet { offset: 6, psid_len: 8, psid: 0x34 }),
        },
        client: ClientKey::Hardware(1, vec![2, 0, 0x5e, 0x10, 0, 1]),
        state: State::Declined,
        expires_at: None,
        origin: Origin::Link(0xfe, b"lan0".to_vec()),
        host_name: Vec::new(),
        softwire: Some("2001:db8::1".parse().unwrap()),
        ..self::usual()
    };
    let octets = [
        "01 76 c0000201 06080034 01 06 02005e100001 00000000000f4240 00000000000000fe 04 6c616e30",
        "20010db8000100020000000000000005 00 20010db8000000000000000000000001",
    ];
    assert_eq!(hex(&encoded(&Record::Lease4(shared))), octets.concat().replace(' ', ""));
    for (transport, octet) in [(Transport::Agent, "01"), (Transport::Ipv4, "02")] {
        let other = usual.concat().replacen("01 08", &format!("01 88 {octet}"), 1).replace(' ', "");
        assert_eq!(hex(&encoded(&Record::Lease4(Binding4 { transport, ..self::usual() }))), other);
    }
    let delegated = Binding6 {
        slot: Slot6::Prefix("2001:db8:8000::".parse().unwrap(), 56),
        client: Duid::link_layer(1, &[2, 0, 0x5e, 0x10, 0, 1]).unwrap(),
        iaid: 9,
        state: State::Released,
        changed_at: Instant::from_secs(1),
        preferred_until: Some(Instant::from_secs(2)),
        expires_at: Some(Instant::from_secs(3)),
        origin: Origin::Network(0x2001_0db8_0001_0002),
    };
    let octets = [
        "03 39 20010db8800000000000000000000000 38 0a 0003000102005e100001 00000009",
        "00000000000f4240 00000000001e8480 00000000002dc6c0 20010db800010002",
    ];
    assert_eq!(hex(&encoded(&Record::Lease6(delegated.clone()))), octets.concat().replace(' ', ""));
    let address = Binding6 {
        slot: Slot6::Address("2001:db8::1".parse().unwrap()),
        state: State::Bound,
        preferred_until: None,
        expires_at: None,
        origin: Origin::Link(0xfe, b"lan0".to_vec()),
        ..delegated
    };
    let octets = [
        "03 40 20010db8000000000000000000000001 0a 0003000102005e100001 00000009",
        "00000000000f4240 00000000000000fe 04 6c616e30",
    ];
    assert_eq!(hex(&encoded(&Record::Lease6(address))), octets.concat().replace(' ', ""));
    let reserved =
        Record::Reserve4 { address: [192, 0, 2, 7].into(), holder: Holder::Circuit(b"7".to_vec()) };
    assert_eq!(hex(&encoded(&reserved)), "05c0000207020137");
    assert_eq!(hex(&encoded(&Record::Unreserve4 { address: [192, 0, 2, 7].into() })), "06c0000207");
    let gone = Slot4 { address: [192, 0, 2, 7].into(), ports: None };
    assert_eq!(hex(&encoded(&Record::Gone4(gone))), "0200c0000207");
}

#[test]
fn values_out_of_their_range_are_no_record() {
    let ports = |offset, psid_len, psid| PortSet { offset, psid_len, psid };
    for ports in [ports(16, 1, 0), ports(0, 0, 0), ports(0, 17, 0), ports(8, 9, 0), ports(6, 8, 256)] {
        assert!(!ports.is_possible());
        let slot = Slot4 { address: Ipv4Addr::LOCALHOST, ports: Some(ports) };
        assert_eq!(Record::decode(&encoded(&Record::Gone4(slot))), Err(BadRecord), "{ports:?}");
    }
    assert!(ports(0, 16, 65_535).is_possible() && ports(15, 1, 1).is_possible());
    let long = Slot6::Prefix(Ipv6Addr::LOCALHOST, 129);
    assert_eq!(Record::decode(&encoded(&Record::Gone6(long))), Err(BadRecord));
    let short_duid = [5, 192, 0, 2, 7, 1, 2, 0, 1];
    assert_eq!(Record::decode(&short_duid), Err(BadRecord));
    for transport in [0, 3, 255] {
        let mut octets = encoded(&Record::Lease4(Binding4 { transport: Transport::Agent, ..usual() }));
        octets[2] = transport;
        assert_eq!(Record::decode(&octets), Err(BadRecord), "{transport}");
    }
    for octets in [&[][..], &[0], &[7], &[255; 300], &[1, 0b11, 0, 0, 0, 0], &[2, 1, 192, 0, 2, 7]] {
        assert_eq!(Record::decode(octets), Err(BadRecord), "{octets:?}");
    }
}

#[test]
fn every_moment_of_a_record_is_found() {
    let mut record = Record::Lease6(Binding6 {
        slot: Slot6::Address(Ipv6Addr::LOCALHOST),
        client: Duid::uuid([1; 16]),
        iaid: 1,
        state: State::Bound,
        changed_at: Instant::from_secs(1),
        preferred_until: Some(Instant::from_secs(2)),
        expires_at: Some(Instant::from_secs(3)),
        origin: Origin::Network(1),
    });
    let mut seen = Vec::new();
    record.each_moment(|moment| seen.push(*moment));
    assert_eq!(seen, [1, 2, 3].map(Instant::from_secs));
    seen.clear();
    Record::Lease4(usual()).each_moment(|moment| seen.push(*moment));
    assert_eq!(seen, [1, 2].map(Instant::from_secs));
}
