use super::*;
use crate::decode::decode;
use crate::message::Lifetimes;
use proptest::prelude::*;

fn link(index: u32, flags: i32) -> Event {
    let flags = flags.unsigned_abs();
    Event::Link(KernelLink { index, flags, name: format!("eth{index}"), ..KernelLink::default() }, Some(0))
}

fn v6(index: u32, address: &str, flags: u32, protocol: u8) -> Event {
    let address = address.parse().unwrap();
    Event::Address(Address { index, address, prefix_len: 64, flags, protocol }, Lifetimes::INFINITE)
}

fn gone(event: Event) -> Event {
    match event {
        Event::Address(address, _) => Event::AddressGone(address),
        Event::Route4(route, _) => Event::Route4Gone(route),
        other => other,
    }
}

fn route(index: u32, protocol: u8) -> Route4 {
    Route4 {
        destination: Ipv4Addr::UNSPECIFIED,
        prefix_len: 0,
        gateway: None,
        onlink: false,
        metric: 1,
        table: 254,
        source: Some(Ipv4Addr::new(192, 0, 2, 7)),
        mtu: None,
        index,
        protocol,
    }
}

fn take(picture: &mut Picture, event: Event) -> Changes {
    let mut changes = Changes::default();
    picture.take(event, &mut changes);
    changes
}

fn two_links() -> Picture {
    let mut picture = Picture::default();
    take(&mut picture, link(1, libc::IFF_UP));
    take(&mut picture, link(2, libc::IFF_UP));
    picture
}

#[test]
fn an_event_that_says_nothing_new_is_no_change() {
    let mut picture = two_links();
    assert!(take(&mut picture, link(1, libc::IFF_UP)).is_empty());
    assert_eq!(take(&mut picture, v6(1, "fe80::1", 0, 3)).links, BTreeSet::from([1]));
    assert!(take(&mut picture, v6(1, "fe80::1", 0, 3)).is_empty());
    // A flag that nobody looks at: the kernel manages temporary addresses for this one.
    assert!(take(&mut picture, v6(1, "fe80::1", 0x100, 3)).is_empty());
}

#[test]
fn what_belongs_to_an_unknown_link_is_not_kept() {
    let mut picture = Picture::default();
    assert!(take(&mut picture, v6(9, "2001:db8::1", 0, 0)).is_empty());
    assert!(picture.elsewhere6(1).is_empty());
}

#[test]
fn a_link_made_again_has_nothing_of_the_old_one_sup_02() {
    let mut picture = two_links();
    take(&mut picture, v6(1, "2001:db8::1", 0, 0));
    assert_eq!(picture.elsewhere6(2), ["2001:db8::1".parse::<Ipv6Addr>().unwrap()]);
    let changes = take(&mut picture, Event::LinkGone(1));
    assert!(changes.links.contains(&1) && changes.surroundings);
    take(&mut picture, link(1, libc::IFF_UP));
    assert!(picture.links()[&1].addresses6.is_empty());
    assert!(picture.elsewhere6(2).is_empty());
}

#[test]
fn only_addresses_that_can_come_from_a_delegated_prefix_are_told_to_other_links() {
    let mut picture = two_links();
    for (address, flags, protocol) in [
        ("fe80::1", 0, 3),
        ("::1", 0, 1),
        ("2001:db8:1::1", 0, IFAPROT_KERNEL_RA),
        ("2001:db8:2::1", 0, PROTOCOL),
        ("2001:db8:3::1", libc::IFA_F_TENTATIVE, 0),
    ] {
        assert!(!take(&mut picture, v6(1, address, flags, protocol)).surroundings, "{address}");
    }
    assert!(take(&mut picture, v6(1, "2001:db8:3::1", 0, 0)).surroundings);
    assert_eq!(picture.elsewhere6(2), ["2001:db8:3::1".parse::<Ipv6Addr>().unwrap()]);
    assert!(picture.elsewhere6(1).is_empty());
}

#[test]
fn our_routes_are_gone_when_the_link_goes_down_or_their_address_is_removed() {
    let mut picture = two_links();
    let address = Address {
        index: 1,
        address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7)),
        prefix_len: 24,
        flags: 0,
        protocol: PROTOCOL,
    };
    let there = Event::Address(address, Lifetimes::INFINITE);
    for end in [link(1, 0), gone(there.clone()), gone(Event::Route4(route(1, PROTOCOL), false))] {
        take(&mut picture, link(1, libc::IFF_UP));
        take(&mut picture, there.clone());
        take(&mut picture, Event::Route4(route(1, PROTOCOL), false));
        assert_eq!(picture.links()[&1].routes4.len(), 1);
        assert_eq!(take(&mut picture, end.clone()).links, BTreeSet::from([1]), "{end:?}");
        assert!(picture.links()[&1].routes4.is_empty(), "{end:?}");
    }
}

#[test]
fn a_route_of_ours_that_somebody_replaced_is_gone() {
    let mut picture = two_links();
    take(&mut picture, Event::Route4(route(1, PROTOCOL), false));
    assert!(take(&mut picture, Event::Route4(route(2, libc::RTPROT_STATIC), false)).is_empty());
    assert_eq!(
        take(&mut picture, Event::Route4(route(2, libc::RTPROT_STATIC), true)).links,
        BTreeSet::from([1])
    );
    assert!(picture.links()[&1].routes4.is_empty());
}

#[test]
fn a_router_advertisement_is_known_by_its_flags_or_by_what_the_kernel_makes_of_it() {
    let ra = |event: Option<Event>| {
        let mut picture = two_links();
        if let Some(event) = event {
            take(&mut picture, event);
        }
        picture.links()[&1].router_advertisement()
    };
    let prefix = |text: &str| (text.parse::<Ipv6Addr>().unwrap(), 64);
    assert_eq!(ra(None), None);
    // Only a solicitation was sent (IF_RS_SENT).
    assert_eq!(ra(Some(Event::Flags6(1, 0x10))), None);
    assert_eq!(ra(Some(Event::Flags6(1, IF_RA_RCVD))), Some(RouterAdvertisement::default()));
    let both = ra(Some(Event::Flags6(1, IF_RA_MANAGED | IF_RA_OTHERCONF))).unwrap();
    assert!(both.managed && both.other);
    let advertised = ra(Some(Event::Prefix(1, "2001:db8::".parse().unwrap(), 64, true))).unwrap();
    assert_eq!(advertised.prefixes, [prefix("2001:db8::")]);
    let autoconfigured = ra(Some(v6(1, "2001:db8::17", 0, IFAPROT_KERNEL_RA))).unwrap();
    assert_eq!(autoconfigured.prefixes, [prefix("2001:db8::")]);
    let default_route = Route6 {
        index: 1,
        destination: Ipv6Addr::UNSPECIFIED,
        prefix_len: 0,
        gateway: true,
        expires: true,
        protocol: RTPROT_RA,
    };
    assert_eq!(ra(Some(Event::Route6(default_route))), Some(RouterAdvertisement::default()));
}

#[test]
fn a_prefix_ends_with_the_last_thing_the_kernel_made_of_it() {
    let mut picture = two_links();
    let on_link = Route6 {
        index: 1,
        destination: "2001:db8::".parse().unwrap(),
        prefix_len: 64,
        gateway: false,
        expires: true,
        protocol: libc::RTPROT_KERNEL,
    };
    let address = v6(1, "2001:db8::17", 0, IFAPROT_KERNEL_RA);
    let prefixes = |picture: &Picture| picture.links()[&1].router_advertisement().unwrap().prefixes.len();
    take(&mut picture, Event::Route6(on_link));
    take(&mut picture, address.clone());
    take(&mut picture, Event::Route6Gone(on_link));
    assert_eq!(prefixes(&picture), 1);
    assert_eq!(take(&mut picture, gone(address)).links, BTreeSet::from([1]));
    assert_eq!(prefixes(&picture), 0);
    // Withdrawn by the router itself.
    take(&mut picture, Event::Prefix(1, on_link.destination, 64, true));
    take(&mut picture, Event::Prefix(1, on_link.destination, 64, false));
    assert_eq!(prefixes(&picture), 0);
}

#[test]
fn a_link_that_was_down_waits_for_the_next_advertisement() {
    let mut picture = two_links();
    take(&mut picture, Event::Prefix(1, "2001:db8::".parse().unwrap(), 64, true));
    take(&mut picture, link(1, 0));
    assert!(take(&mut picture, link(1, 0)).is_empty());
    take(&mut picture, link(1, libc::IFF_UP));
    assert_eq!(picture.links()[&1].router_advertisement(), None);
}

#[test]
fn lists_have_an_end() {
    let mut picture = two_links();
    for number in 0..3000_u32 {
        let address = Ipv6Addr::from_bits((0x2001_0db8 << 96) | (u128::from(number) << 64));
        take(&mut picture, Event::Prefix(1, address, 64, true));
        take(&mut picture, v6(1, &address.to_string(), 0, 0));
        take(&mut picture, Event::Route4(Route4 { metric: number, ..route(1, PROTOCOL) }, false));
    }
    let watched = &picture.links()[&1];
    assert_eq!((watched.prefixes.len(), watched.addresses6.len(), watched.routes4.len()), (64, 1024, 1024));
}

#[test]
fn a_bridge_port_or_ipv6_leaving_is_no_link_leaving() {
    let mut gone = [0_u8; 16];
    gone[4] = 7;
    assert_eq!(decode(libc::RTM_DELLINK, 0, &gone), Some(Event::LinkGone(7)));
    for family in [libc::AF_BRIDGE, libc::AF_INET6] {
        gone[0] = u8::try_from(family).unwrap();
        assert_eq!(decode(libc::RTM_DELLINK, 0, &gone), None);
    }
}

#[test]
fn kernels_that_can_mark_addresses_are_known_by_their_number() {
    assert_eq!(marks_addresses("6.18.44-fc-v595"), Some(true));
    assert_eq!(marks_addresses("5.18.0"), Some(true));
    assert_eq!(marks_addresses("5.15.0-91-generic"), Some(false));
    assert_eq!(marks_addresses("4.19"), Some(false));
    assert_eq!(marks_addresses("unknown"), None);
}

proptest! {
    #[test]
    fn the_lists_for_all_links_follow_from_the_links(
        steps in prop::collection::vec((1_u32..4, 0_u8..5, any::<bool>(), 0_u8..4, 0_u32..2), 0..64),
    ) {
        let (mut picture, mut changes) = (two_links(), Changes::default());
        for (index, host, there, what, tentative) in steps {
            let text = if what % 2 == 0 { format!("2001:db8::{host}") } else { format!("192.0.2.{host}") };
            let protocol = if what < 2 { 0 } else { PROTOCOL };
            let event = match host {
                4 if there => link(index, libc::IFF_UP),
                4 => Event::LinkGone(index),
                _ if there => v6(index, &text, tentative * libc::IFA_F_TENTATIVE, protocol),
                _ => gone(v6(index, &text, 0, protocol)),
            };
            picture.take(event, &mut changes);
        }
        let mut again = Picture::default();
        for (index, watched) in picture.links() {
            again.take(link(*index, libc::IFF_UP), &mut changes);
            for address in watched.addresses4.iter().chain(&watched.addresses6) {
                again.take(Event::Address(*address, Lifetimes::INFINITE), &mut changes);
            }
        }
        prop_assert_eq!(&picture.usable6, &again.usable6);
        prop_assert_eq!(&picture.unmarked4, &again.unmarked4);
    }
}
