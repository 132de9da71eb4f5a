//! What is sent: exact octets, and the table of RFC 2131 §4.3.6 and table 5.

use super::*;
use crate::ids::hex_decode;

const COMMON: [u8; 4] = [53, 61, 57, 55];

fn octets(actions: &[Action]) -> Vec<u8> {
    let [Action::Send { message, .. }] = actions else { panic!("{actions:?}") };
    message.clone()
}

/// The fixed part of our messages with transaction id 1, and their options; padded.
fn message(ciaddr: &str, options: &str) -> Vec<u8> {
    let text = format!(
        "01010600 00000001 00000000 {ciaddr} 00000000 00000000 00000000 02005e100001 {} {} {} 63825363 {options} ff",
        "00".repeat(10),
        "00".repeat(64),
        "00".repeat(128),
    );
    let mut octets = hex_decode(&text.replace(' ', "")).unwrap();
    octets.resize(300, 0);
    octets
}

#[test]
fn a_discover_is_the_golden_vector_octet_by_octet_v4_22() {
    let options = "350101 3d13ff5e1000010001000129b7c0de02005e100001 39020480 370701790306 0f1a77";
    assert_eq!(octets(&Bench::new().start(Start::Verify)), message("00000000", options));
}

#[test]
fn a_renewing_request_is_the_golden_vector_octet_by_octet_v4_22() {
    let mut bench = Bench::remembering(lease());
    bench.start(Start::Continue);
    let options = "350103 3d13ff5e1000010001000129b7c0de02005e100001 39020480 370701790306 0f1a77";
    assert_eq!(octets(&bench.wait_until(1800.0)), message("c0000212", options));
}

#[test]
fn every_message_follows_the_table_v4_22() {
    let none = Ipv4Addr::UNSPECIFIED;
    let mut bench = Bench::new();
    let expected = |kind, unicast, xid, ciaddr, requested, server, codes: &[u8]| Sent {
        kind,
        unicast,
        xid,
        secs: 0,
        ciaddr,
        requested,
        server,
        codes: codes.to_vec(),
    };
    let (discover, request) = (MessageType::DISCOVER, MessageType::REQUEST);
    assert_eq!(
        only_sent(&bench.start(Start::Verify)),
        expected(discover, false, 1, none, None, None, &COMMON)
    );
    assert_eq!(
        only_sent(&bench.answer(Answer::offer()).unwrap()),
        expected(request, false, 1, none, Some(ADDRESS), Some(SERVER), &[53, 61, 50, 54, 57, 55])
    );
    bench.answer(Answer::ack()).unwrap();
    assert_eq!(only_sent(&bench.wait()), expected(request, true, 2, ADDRESS, None, None, &COMMON));
    bench.now = bench.client.lease().unwrap().rebind_at.unwrap();
    let (_, rebind) = bench.act(|client, now, cx, out| client.on_deadline(now, cx, out));
    assert_eq!(only_sent(&rebind), expected(request, false, 3, ADDRESS, None, None, &COMMON));
    let (_, release) = bench.act(|client, now, cx, out| client.release(now, cx, out));
    assert_eq!(
        sent(&release[0]),
        expected(MessageType::RELEASE, true, 4, ADDRESS, None, Some(SERVER), &[53, 61, 54])
    );

    let mut bench = Bench::remembering(lease());
    assert_eq!(
        only_sent(&bench.start(Start::Verify)),
        expected(request, false, 1, none, Some(ADDRESS), None, &[53, 61, 50, 57, 55])
    );
    let (_, decline) = bench.act(|client, now, cx, out| client.conflict(now, cx, out));
    assert_eq!(
        sent(&decline[1]),
        expected(MessageType::DECLINE, false, 2, none, Some(ADDRESS), Some(SERVER), &[53, 61, 50, 54])
    );
}

#[test]
fn classless_routes_are_asked_for_before_the_others_in_every_request_v4_20() {
    let mut bench = Bench::new();
    let mut lists = Vec::new();
    let mut note = |actions: &[Action]| {
        let octets = octets(actions);
        lists.push(Message::parse(&octets).unwrap().option(code::PARAMETER_REQUEST).unwrap().into_owned());
    };
    note(&bench.start(Start::Verify));
    note(&bench.answer(Answer::offer()).unwrap());
    bench.answer(Answer::ack()).unwrap();
    note(&bench.wait());
    assert_eq!(lists, vec![vec![1, 121, 3, 6, 15, 26, 119]; 3]);
}

#[test]
fn what_the_settings_add_is_only_in_discover_and_request_v4_22() {
    let settings = Dhcp4Settings {
        rapid_commit: true,
        vendor_class: Some("router".to_owned()),
        host_name: Some("home".to_owned()),
        ..Dhcp4Settings::default()
    };
    let mut bench = Bench::with(settings, None, 0.5);
    assert_eq!(only_sent(&bench.start(Start::Verify)).codes, [53, 61, 57, 55, 12, 60, 80]);
    let request = only_sent(&bench.answer(Answer::offer()).unwrap());
    assert_eq!(request.codes, [53, 61, 50, 54, 57, 55, 12, 60]);
    bench.answer(Answer::ack()).unwrap();
    let (_, release) = bench.act(|client, now, cx, out| client.release(now, cx, out));
    assert_eq!(sent(&release[0]).codes, [53, 61, 54]);
}

#[test]
fn an_address_that_was_ours_is_asked_for_again_v4_22() {
    let mut bench = Bench::remembering(lease());
    bench.now = at(4000.0);
    let actions = bench.start(Start::Verify);
    assert_eq!(words(&actions), ["lost 192.0.2.18 expired", "DISCOVER"]);
    assert_eq!(sent(&actions[1]).requested, Some(ADDRESS));
}

#[test]
fn links_without_a_usable_hardware_address_are_serial_lines() {
    for (kind, octets, htype, hlen) in [
        (512, vec![], 20, 0),
        (1, vec![], 20, 0),
        (769, vec![0x20; 16], 20, 0),
        (32, vec![1; 20], 20, 0),
        (1, HARDWARE.to_vec(), 1, 6),
        (255, vec![1; 16], 255, 16),
    ] {
        let hardware = HardwareAddress { kind, octets: octets.clone() };
        let mut client = Client4::new(Dhcp4Settings::default(), client_id(), hardware, None);
        let (mut rng, mut out) = (Rng::scripted(0.5), Vec::new());
        let mut cx = Cx { rng: &mut rng, foreign: &[], source: None };
        client.start(at(1.0), Start::Verify, &mut cx, &mut out);
        let Action::Send { message, .. } = &out[0] else { panic!("{out:?}") };
        let message = Message::parse(message).unwrap();
        assert_eq!((message.htype, message.hlen), (htype, hlen), "{kind} {octets:?}");
        assert_eq!(message.hardware(), &octets[..usize::from(hlen)]);
        assert!(message.chaddr[usize::from(hlen)..].iter().all(|octet| *octet == 0));
    }
}
