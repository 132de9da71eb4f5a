use super::*;
use crate::message::{IF_RA_MANAGED, IF_RA_RCVD};
use crate::picture::{Changes, Picture};
use proptest::prelude::*;
use rtnetlink::packet_core::{DefaultNla, Emitable, Nla};
use rtnetlink::packet_route::address::{AddressFlags, AddressProtocol, CacheInfo};
use rtnetlink::packet_route::link::{
    AfSpecUnspec, Inet6IfaceFlags, LinkAttribute, LinkFlags, LinkInfo, LinkLayerType, LinkMessage,
    LinkProtoInfoInet6, State,
};
use rtnetlink::packet_route::route::{RouteMessage, RouteProtocol};

fn octets(message: &impl Emitable) -> Vec<u8> {
    let mut octets = vec![0; message.buffer_len()];
    message.emit(&mut octets);
    octets
}

/// A message of a datagram, as the kernel frames it.
fn framed(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
    let mut datagram = vec![0; 16 + payload.len()];
    let mut message = NetlinkBuffer::new(&mut datagram);
    message.set_length(u32::try_from(16 + payload.len()).unwrap());
    message.set_message_type(kind);
    message.set_flags(flags);
    message.payload_mut().copy_from_slice(payload);
    datagram.resize(datagram.len().next_multiple_of(4), 0);
    datagram
}

fn raw(kind: u16, value: &[u8]) -> LinkAttribute {
    LinkAttribute::Other(DefaultNla::new(kind, value.to_vec()))
}

fn eth0(attributes: Vec<LinkAttribute>) -> Vec<u8> {
    let mut message = LinkMessage::default();
    message.header.index = 7;
    message.header.link_layer_type = LinkLayerType::Ether;
    message.header.flags = LinkFlags::Up | LinkFlags::LowerUp;
    message.attributes = attributes;
    octets(&message)
}

fn whole_link() -> Vec<LinkAttribute> {
    vec![
        LinkAttribute::IfName("eth0".to_owned()),
        LinkAttribute::Mtu(1492),
        LinkAttribute::OperState(State::Up),
        LinkAttribute::Address(vec![2, 0, 0, 0, 0, 1]),
        LinkAttribute::PermAddress(vec![2, 0, 0, 0, 0, 2]),
        LinkAttribute::PropList(vec![
            Prop::AltIfName("wan".to_owned()),
            Prop::AltIfName("uplink".to_owned()),
        ]),
        LinkAttribute::LinkInfo(vec![LinkInfo::Kind(InfoKind::Veth)]),
        LinkAttribute::AfSpecUnspec(vec![AfSpecUnspec::Inet6(vec![AfSpecInet6::Flags(
            Inet6IfaceFlags::RaRcvd | Inet6IfaceFlags::RaManaged,
        )])]),
    ]
}

fn expected() -> KernelLink {
    let hardware = |last| HardwareAddress { kind: 1, octets: [2, 0, 0, 0, 0, last].into_iter().collect() };
    KernelLink {
        index: 7,
        name: "eth0".to_owned(),
        alt_names: vec!["wan".to_owned(), "uplink".to_owned()],
        flags: 0x10001,
        operstate: 6,
        mtu: 1492,
        hardware: hardware(1),
        permanent: hardware(2),
        kind: Some("veth".to_owned()),
        tap_of: None,
    }
}

#[test]
fn a_link_is_read_whole() {
    let event = decode(libc::RTM_NEWLINK, 0, &eth0(whole_link()));
    assert_eq!(event, Some(Event::Link(expected(), Some(IF_RA_RCVD | IF_RA_MANAGED))));
}

#[test]
fn only_a_tap_device_with_our_alias_is_ours() {
    let tap_of = |kind: InfoKind, alias: &str| {
        let mut attributes = whole_link();
        attributes.retain(|attribute| !matches!(attribute, LinkAttribute::LinkInfo(_)));
        attributes.push(LinkAttribute::IfAlias(alias.to_owned()));
        attributes.push(LinkAttribute::LinkInfo(vec![LinkInfo::Kind(kind)]));
        match decode(libc::RTM_NEWLINK, 0, &eth0(attributes)) {
            Some(Event::Link(link, _)) => link.tap_of,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(tap_of(InfoKind::Tun, "dhcp4o6 hcra wan0").as_deref(), Some("wan0"));
    assert_eq!(tap_of(InfoKind::Tun, "of the VPN"), None);
    assert_eq!(tap_of(InfoKind::Veth, "dhcp4o6 hcra wan0"), None);
}

#[test]
fn what_cannot_be_read_of_a_link_does_not_hide_the_link() {
    // All of these the library refuses: as attribute, or as part of one.
    for (kind, value) in [
        (libc::IFLA_MTU, &[1, 2][..]),
        (libc::IFLA_OPERSTATE, &[]),
        (libc::IFLA_TXQLEN, &[1]),
        (libc::IFLA_LINKINFO, &[6, 0, 1, 0, 0xff, 0xfe, 0, 0]),
        (libc::IFLA_AF_SPEC, &[9, 0, 10, 0]),
        (libc::IFLA_PROP_LIST, &[6, 0, 53, 0, 0xff, 0xfe, 0, 0]),
    ] {
        let mut attributes = whole_link();
        attributes.retain(|attribute| attribute.kind() != kind);
        attributes.insert(0, raw(kind, value));
        let payload = eth0(attributes);
        assert!(LinkMessage::parse(&payload).is_err(), "attribute {kind}");
        let Some(Event::Link(link, _)) = decode(libc::RTM_NEWLINK, 0, &payload) else {
            panic!("attribute {kind} hides the link");
        };
        assert_eq!((link.name.as_str(), link.hardware), ("eth0", expected().hardware), "attribute {kind}");
    }
}

#[test]
fn a_name_that_is_no_text_and_an_unknown_kind_of_device_still_give_a_link() {
    let mut payload = eth0(vec![
        raw(libc::IFLA_IFNAME, b"w\xffn\0"),
        raw(libc::IFLA_LINKINFO, b"\x08\0\x01\0new\0\x08\0\x03\0abcd"),
    ]);
    // A link layer that the library does not know either.
    payload[2..4].copy_from_slice(&4242_u16.to_ne_bytes());
    let Some(Event::Link(link, None)) = decode(libc::RTM_NEWLINK, 0, &payload) else { panic!("no link") };
    assert_eq!(
        (link.name.as_str(), link.kind.as_deref(), link.hardware.kind),
        ("w\u{fffd}n", Some("new"), 4242)
    );
}

#[test]
fn what_is_no_description_of_a_link_is_not_taken_for_one() {
    let mut attributes = whole_link();
    attributes.push(raw(libc::IFLA_WIRELESS, &[1]));
    assert_eq!(decode(libc::RTM_NEWLINK, 0, &eth0(attributes)), None);
    let mut of_bridge = eth0(whole_link());
    of_bridge[0] = u8::try_from(libc::AF_BRIDGE).unwrap();
    assert_eq!(decode(libc::RTM_NEWLINK, 0, &of_bridge), None);
    assert_eq!(decode(libc::RTM_NEWLINK, 0, &eth0(vec![LinkAttribute::Mtu(1500)])), None);
}

#[test]
fn the_ipv6_flags_come_alone_too() {
    let mut message = LinkMessage::default();
    (message.header.interface_family, message.header.index) = (AddressFamily::Inet6, 7);
    let flags = DefaultNla::new(1, IF_RA_MANAGED.to_ne_bytes().to_vec());
    message.attributes.push(LinkAttribute::ProtoInfoInet6(vec![LinkProtoInfoInet6::Other(flags)]));
    assert_eq!(decode(libc::RTM_NEWLINK, 0, &octets(&message)), Some(Event::Flags6(7, IF_RA_MANAGED)));
}

fn address_payload() -> Vec<u8> {
    let mut message = AddressMessage::default();
    message.header.family = AddressFamily::Inet6;
    (message.header.prefix_len, message.header.index) = (64, 7);
    let mut times = CacheInfo::default();
    (times.ifa_preferred, times.ifa_valid) = (10, 20);
    message.attributes = vec![
        AddressAttribute::Address("2001:db8::1".parse().unwrap()),
        AddressAttribute::CacheInfo(times),
        AddressAttribute::Flags(AddressFlags::Noprefixroute),
        AddressAttribute::Protocol(AddressProtocol::Other(146)),
    ];
    octets(&message)
}

#[test]
fn an_address_is_read_with_its_lifetimes_and_described_as_it_came() {
    let payload = address_payload();
    let address = Address {
        index: 7,
        address: "2001:db8::1".parse().unwrap(),
        prefix_len: 64,
        flags: libc::IFA_F_NOPREFIXROUTE,
        protocol: 146,
    };
    let left = Lifetimes { preferred: 10, valid: 20 };
    assert_eq!(decode(libc::RTM_NEWADDR, 0, &payload), Some(Event::Address(address, left)));
    assert_eq!(decode(libc::RTM_DELADDR, 0, &payload), Some(Event::AddressGone(address)));
    assert_eq!(octets(&address_message(&payload).unwrap()), payload);
}

fn route_payload(destination: Option<RouteAddress>) -> Vec<u8> {
    let mut message = RouteMessage::default();
    message.header.address_family = AddressFamily::Inet;
    message.header.destination_prefix_length = 24;
    message.header.kind = RouteType::Unicast;
    message.header.protocol = RouteProtocol::Static;
    message.attributes = vec![
        RouteAttribute::Table(1000),
        RouteAttribute::Oif(7),
        RouteAttribute::Metrics(vec![RouteMetric::Advmss(1300), RouteMetric::Mtu(1400)]),
    ];
    message.attributes.extend(destination.map(RouteAttribute::Destination));
    octets(&message)
}

#[test]
fn a_route_whose_destination_cannot_be_read_is_not_taken_for_another() {
    let network = Ipv4Addr::new(192, 0, 2, 0);
    let Some(Event::Route4(route, true)) =
        decode(libc::RTM_NEWROUTE, NLM_F_REPLACE, &route_payload(Some(RouteAddress::Inet(network))))
    else {
        panic!("no route");
    };
    assert_eq!((route.destination, route.table, route.index, route.mtu), (network, 1000, 7, Some(1400)));
    assert_eq!(decode(libc::RTM_NEWROUTE, 0, &route_payload(Some(RouteAddress::Other(vec![1, 2])))), None);
    assert_eq!(decode(libc::RTM_NEWROUTE, 0, &route_payload(None)), None);
}

#[test]
fn a_length_beyond_the_end_or_below_the_header_ends_the_walk() {
    assert_eq!(parts(&[3, 0, 1, 0, 4, 0, 2, 0]).count(), 0);
    assert_eq!(parts(&[9, 0, 1, 0, 4, 0, 2, 0]).count(), 0);
    assert_eq!(messages(&[0; 16]).count(), 0);
    assert_eq!(messages(&[255; 64]).count(), 0);
    let two = [framed(libc::RTM_NEWLINK, 0, &[0; 17]), framed(libc::RTM_DELLINK, 0, &[0; 16])].concat();
    assert_eq!(messages(&two).map(|message| message.message_type()).collect::<Vec<_>>(), [16, 17]);
}

/// A datagram with a message of every kind that is read.
fn every_kind() -> Vec<u8> {
    let mut inet6 = LinkMessage::default();
    inet6.header.interface_family = AddressFamily::Inet6;
    let flags = DefaultNla::new(1, vec![0x40, 0, 0, 0]);
    inet6.attributes.push(LinkAttribute::ProtoInfoInet6(vec![LinkProtoInfoInet6::Other(flags)]));
    let mut prefix = PrefixMessage::default();
    prefix.attributes.push(PrefixAttribute::Address(Ipv6Addr::LOCALHOST));
    let route = route_payload(Some(RouteAddress::Inet(Ipv4Addr::LOCALHOST)));
    let mut route6 = route.clone();
    route6[0] = u8::from(AddressFamily::Inet6);
    [
        framed(libc::RTM_NEWLINK, 0, &eth0(whole_link())),
        framed(libc::RTM_NEWLINK, 0, &octets(&inet6)),
        framed(libc::RTM_NEWADDR, 0, &address_payload()),
        framed(libc::RTM_NEWROUTE, 0, &route),
        framed(libc::RTM_DELROUTE, 0, &route6),
        framed(libc::RTM_NEWPREFIX, 0, &octets(&prefix)),
        framed(libc::RTM_DELADDR, 0, &address_payload()),
        framed(libc::RTM_DELLINK, 0, &eth0(vec![])),
    ]
    .concat()
}

fn take_all(datagram: &[u8]) {
    let (mut picture, mut changes) = (Picture::default(), Changes::default());
    for index in 1..9 {
        let link = KernelLink { index, flags: 1, ..KernelLink::default() };
        picture.take(Event::Link(link, Some(0)), &mut changes);
    }
    events(datagram).for_each(|event| picture.take(event, &mut changes));
    for message in messages(datagram) {
        // What can be read can be sent.
        let described = address_message(message.payload());
        described.inspect(|described| assert_eq!(octets(described).len(), described.buffer_len()));
    }
}

#[test]
fn a_datagram_that_ends_anywhere_does_no_harm() {
    let whole = every_kind();
    (0..=whole.len()).for_each(|end| take_all(&whole[..end]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_datagram_does_harm(
        all in prop::collection::vec((16_u16..60, any::<u16>(), prop::collection::vec(any::<u8>(), 0..96)), 0..16),
    ) {
        let datagram: Vec<u8> = all.iter().flat_map(|(kind, flags, payload)| framed(*kind, *flags, payload)).collect();
        take_all(&datagram);
    }

    #[test]
    fn a_datagram_with_changed_octets_does_no_harm(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut datagram = every_kind();
        for (place, octet) in changes {
            *place.get_mut(&mut datagram) = octet;
        }
        take_all(&datagram);
    }

    #[test]
    fn any_octets_end_and_stay_inside(octets: Vec<u8>) {
        let total: usize = messages(&octets).map(|message| message.payload().len() + 16).sum();
        prop_assert!(total <= octets.len());
        let total: usize = parts(&octets).map(|part| part.value().len() + 4).sum();
        prop_assert!(total <= octets.len());
    }
}
