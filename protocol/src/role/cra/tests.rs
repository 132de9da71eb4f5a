//! The agent, driven by hand: each defect alone leads to nothing but its counter.

use super::*;
use crate::ids::hex_decode;
use crate::params::MIN_MESSAGE4;
use crate::wire::encapsulation::Encapsulated;
use std::time::Duration;

const OWN: &str = "2001:db8:1:1::18";
const SERVER: &str = "2001:db8:9::67";
const OTHER_SERVER: &str = "2001:db8:9::68";
const STRANGER: &str = "2001:db8:7::1";
const START: Instant = Instant::from_secs(1000);
const CLIENT_ID: &str = "3d07 0102005e100001";
/// Relay agent information with one sub-option.
const OPTION_82: &str = "5204 01026162";

fn ip(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn octets(text: &str) -> Vec<u8> {
    hex_decode(&text.split_whitespace().collect::<String>()).unwrap()
}

/// A message with these options (hexadecimal), padded to 300 octets.
fn message(op: u8, options: &str) -> Vec<u8> {
    let mut message = octets("00010600 3a4f1c02 0000 0000");
    message[0] = op;
    message.resize(28, 0);
    message.extend(octets("02005e100001"));
    message.resize(236, 0);
    message.extend(octets("63825363"));
    message.extend(octets(options));
    message.resize(message.len().max(MIN_MESSAGE4), 0);
    message
}

fn discover() -> Vec<u8> {
    message(1, &format!("350101 {CLIENT_ID} ff"))
}

fn offer() -> Vec<u8> {
    message(2, &format!("350102 3604c6336401 330400000e10 {CLIENT_ID} ff"))
}

fn put(octets: &mut [u8], at: usize, value: &[u8]) {
    octets[at..at + value.len()].copy_from_slice(value);
}

fn with(rules: Rules) -> Cra<u8> {
    let mut cra = Cra::new(rules);
    cra.place(Some(ip(OWN)), &[ip(SERVER), ip(OTHER_SERVER)]);
    cra
}

fn agent() -> Cra<u8> {
    with(Rules::default())
}

/// An agent that has relayed a DISCOVER.
fn asked(rules: Rules) -> Cra<u8> {
    let mut cra = with(rules);
    cra.up(START, &discover(), 7).unwrap();
    cra
}

fn later(secs: u64) -> Instant {
    START + Duration::from_secs(secs)
}

fn down<'a>(cra: &Cra<u8>, from: &str, payload: &'a [u8]) -> Result<Reply<'a, u8>, Refused> {
    cra.down(later(1), ip(from), ip(OWN), payload)
}

#[track_caller]
fn is_refused_up(octets: &[u8], why: Refused) {
    let mut cra = agent();
    assert_eq!(cra.up(START, octets, 7), Err(why));
    let answer = offer();
    assert_eq!(
        down(&cra, SERVER, &answer).unwrap_err(),
        Refused::Unsolicited,
        "it was remembered all the same"
    );
}

#[track_caller]
fn is_refused_down(rules: Rules, from: &str, payload: &[u8], why: Refused) {
    assert_eq!(down(&asked(rules), from, payload).unwrap_err(), why);
}

#[test]
fn nothing_but_hops_changes_on_the_way_up_hcra_10() {
    let relayed = agent().up(START, &discover(), 7).unwrap();
    let mut expected = discover();
    expected[3] = 1;
    assert_eq!(relayed, expected);
}

#[test]
fn octets_after_the_end_and_unknown_options_go_up_as_they_are_hcra_10() {
    let mut odd = message(1, "350101 e003010203 ff");
    odd.extend([1, 2, 3]);
    put(&mut odd, 10, &[0x7f, 0xff]);
    let relayed = agent().up(START, &odd, 7).unwrap();
    odd[3] = 1;
    assert_eq!(relayed, odd);
}

#[test]
fn a_message_that_has_passed_too_many_relay_agents_ends_here_hcra_11() {
    let at = |hops, limit| {
        let mut message = discover();
        message[3] = hops;
        with(Rules { hops_limit: limit, ..Rules::default() }).up(START, &message, 7).map(|relayed| relayed[3])
    };
    assert_eq!(at(4, 4), Ok(5));
    assert_eq!(at(5, 4), Err(Refused::HopsLimit));
    assert_eq!(at(16, 16), Ok(17));
    assert_eq!(at(17, 16), Err(Refused::HopsLimit));
    assert_eq!(at(255, 16), Err(Refused::HopsLimit));
}

#[test]
fn a_relay_agent_on_the_way_is_refused_hcra_11() {
    let mut message = discover();
    put(&mut message, 24, &[192, 0, 2, 1]);
    is_refused_up(&message, Refused::GiaddrNonzero);
}

#[test]
fn only_requests_go_up_hcra_11() {
    for op in [0, 2, 3, 4, 5, 255] {
        is_refused_up(&message(op, "350101 ff"), Refused::OpUnsupported);
    }
}

#[test]
fn malformed_messages_stay_below_hcra_11() {
    is_refused_up(&[], Refused::Malformed4);
    is_refused_up(&discover()[..239], Refused::Malformed4);
    let mut long_hardware = discover();
    long_hardware[2] = 17;
    is_refused_up(&long_hardware, Refused::Malformed4);
    let mut cookie = discover();
    cookie[239] = 0x64;
    is_refused_up(&cookie, Refused::Malformed4);
    is_refused_up(&message(1, "350101 3d50"), Refused::Malformed4);
    is_refused_up(&message(1, "35020101 ff"), Refused::Malformed4);
    // Overloaded, and an option of `file` runs past its end.
    let mut overloaded = message(1, "350101 340101 ff");
    put(&mut overloaded, 108 + 100, &[0xe0, 200]);
    put(&mut overloaded, 108, &[0xe1, 98]);
    is_refused_up(&overloaded, Refused::Malformed4);
}

#[test]
fn a_message_for_one_packet_goes_up_and_a_longer_one_does_not_hcra_11() {
    let mut long = discover();
    long.resize(1472, 0);
    assert_eq!(agent().up(START, &long, 7).map(|relayed| relayed.len()), Ok(1472));
    long.push(0);
    is_refused_up(&long, Refused::NoRoom);
}

#[test]
fn relay_agent_information_of_a_client_is_refused_wherever_it_is_hcra_12() {
    is_refused_up(&message(1, &format!("350101 {OPTION_82} ff")), Refused::Option82FromClient);
    is_refused_up(&message(1, "350101 5200 ff"), Refused::Option82FromClient);
    for (overload, at) in [("01", 108), ("02", 44), ("03", 108), ("03", 44)] {
        let mut hidden = message(1, &format!("350101 3401{overload} ff"));
        put(&mut hidden, at, &octets(&format!("e00101 {OPTION_82} ff")));
        is_refused_up(&hidden, Refused::Option82FromClient);
    }
    // Who is easy with option 52 would find it.
    let mut overloaded = message(1, "350101 340107 ff");
    put(&mut overloaded, 108, &octets(&format!("{OPTION_82} ff")));
    is_refused_up(&overloaded, Refused::Option82FromClient);
    // Options that are cut in two: 52 says what it says when its parts are joined (RFC 3396).
    let mut split = message(1, "350101 3400 340101 ff");
    put(&mut split, 108, &octets(&format!("{OPTION_82} ff")));
    is_refused_up(&split, Refused::Option82FromClient);
}

#[test]
fn what_only_looks_like_relay_agent_information_is_none() {
    for harmless in ["350101 e006 520401026162 ff", "350101 ff 5204 01026162"] {
        assert!(agent().up(START, &message(1, harmless), 7).is_ok(), "{harmless}");
    }
    // `file` is text here: option 52 is absent, or says nothing of it.
    for overload in ["", "340102"] {
        let mut text = message(1, &format!("350101 {overload} ff"));
        put(&mut text, 108, &octets(OPTION_82));
        assert!(agent().up(START, &text, 7).is_ok(), "{overload}");
    }
}

#[test]
fn broken_options_behind_relay_agent_information_are_refused_too() {
    is_refused_up(&message(1, &format!("350101 {OPTION_82} 3d50")), Refused::Malformed4);
    is_refused_down(
        Rules::default(),
        SERVER,
        &message(2, &format!("350102 {OPTION_82} 3d50")),
        Refused::Malformed4,
    );
}

#[test]
fn bootp_passes_both_ways_lcra_11() {
    let mut cra = agent();
    assert!(cra.up(START, &message(1, "ff"), 7).is_ok());
    let reply = message(2, "0104ffffff00 ff");
    let delivered = down(&cra, SERVER, &reply).unwrap();
    assert_eq!((delivered.octets, delivered.message.kind()), (&reply[..], None));
}

#[test]
fn nothing_goes_up_before_there_is_an_address_and_a_server_hcra_04_hcra_05() {
    let mut cra: Cra<u8> = Cra::new(Rules::default());
    assert_eq!(cra.up(START, &discover(), 7), Err(Refused::NotReady));
    cra.place(Some(ip(OWN)), &[]);
    assert_eq!((cra.source(), cra.up(START, &discover(), 7)), (None, Err(Refused::NotReady)));
    cra.place(None, &[ip(SERVER)]);
    assert_eq!((cra.source(), cra.up(START, &discover(), 7)), (None, Err(Refused::NotReady)));
    cra.place(Some(ip("fe80::1")), &[ip(SERVER)]);
    assert_eq!((cra.source(), cra.up(START, &discover(), 7)), (None, Err(Refused::NotReady)));
    cra.place(Some(ip(OWN)), &[ip(SERVER)]);
    assert!(cra.up(START, &discover(), 7).is_ok());
    assert_eq!(cra.source(), Some(ip(OWN)));
}

#[test]
fn each_usable_server_is_asked_once_and_no_more_than_eight_hcra_09_sec_05() {
    let mut cra = agent();
    let unusable = ["::", "::1", "ff02::1:2", "fe80::1", "::ffff:192.0.2.1", OWN];
    let list: Vec<_> = unusable.iter().chain(&[SERVER, OTHER_SERVER, SERVER]).map(|text| ip(text)).collect();
    cra.place(Some(ip(OWN)), &list);
    assert_eq!(cra.servers(), [ip(SERVER), ip(OTHER_SERVER)]);
    let many: Vec<_> = (1..=20_u16).map(|n| Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, n)).collect();
    cra.place(Some(ip(OWN)), &many);
    assert_eq!(cra.servers(), &many[..8]);
}

#[test]
fn a_reply_is_delivered_octet_for_octet_hcra_16() {
    let cra = asked(Rules::default());
    let mut reply = offer();
    // BOOTP fields of a relayed answer, and octets behind the end.
    put(&mut reply, 24, &[198, 51, 100, 9]);
    reply[3] = 2;
    reply.extend([9; 17]);
    for _ in 0..3 {
        let delivered = down(&cra, SERVER, &reply).unwrap();
        assert_eq!((delivered.octets, delivered.client, delivered.asked_at), (&reply[..], 7, START));
    }
    assert_eq!(down(&cra, OTHER_SERVER, &reply).unwrap().octets, reply);
}

#[test]
fn a_reply_with_relay_agent_information_is_discarded_wherever_it_is_hcra_15() {
    let in_options = message(2, &format!("350102 3604c6336401 {OPTION_82} ff"));
    is_refused_down(Rules::default(), SERVER, &in_options, Refused::Option82InReply);
    is_refused_down(Rules::default(), SERVER, &message(2, "350102 5200 ff"), Refused::Option82InReply);
    for (overload, at) in [("01", 108), ("02", 44), ("03", 44)] {
        let mut hidden = message(2, &format!("350102 3401{overload} ff"));
        put(&mut hidden, at, &octets(&format!("{OPTION_82} ff")));
        is_refused_down(Rules::default(), SERVER, &hidden, Refused::Option82InReply);
    }
}

#[test]
fn other_ops_are_discarded_hcra_17_hcra_18() {
    for op in [0, 1, 3, 4, 5, 255] {
        is_refused_down(Rules::default(), SERVER, &message(op, "350102 ff"), Refused::OpUnsupported);
        is_refused_down(Rules::default(), SERVER, &[op], Refused::OpUnsupported);
    }
}

#[test]
fn malformed_replies_are_discarded() {
    is_refused_down(Rules::default(), SERVER, &[], Refused::Malformed4);
    is_refused_down(Rules::default(), SERVER, &offer()[..239], Refused::Malformed4);
    let mut hardware = offer();
    hardware[2] = 17;
    is_refused_down(Rules::default(), SERVER, &hardware, Refused::Malformed4);
}

#[test]
fn only_the_own_address_is_listened_at_hcra_19_hcra_20() {
    let cra = asked(Rules::default());
    let reply = offer();
    let to = |address: &str| cra.down(later(1), ip(SERVER), ip(address), &reply).unwrap_err();
    assert_eq!(to("2001:db8:1:1::19"), Refused::WrongDestination);
    assert_eq!(to("ff02::1"), Refused::MulticastDestination);
    assert_eq!(to("fe80::18"), Refused::WrongDestination);
}

#[test]
fn sources_that_cannot_be_servers_are_discarded_however_little_is_checked_hcra_20() {
    for source_check in [SourceCheck::Strict, SourceCheck::Relaxed, SourceCheck::Off] {
        for from in ["fe80::1", "::1", "::", "ff02::1", "::ffff:192.0.2.1"] {
            let rules = Rules { source_check, ..Rules::default() };
            is_refused_down(rules, from, &offer(), Refused::SourceRefused);
        }
    }
}

#[test]
fn who_may_answer_depends_on_list_echo_and_setting_hcra_19() {
    use SourceCheck::{Off, Relaxed, Strict};
    let echo = offer();
    let no_echo = message(2, "350102 3604c6336401 ff");
    let other_echo = message(2, "350102 3d07 0102005e100002 ff");
    for (source_check, from, reply, expected) in [
        (Strict, SERVER, &echo, true),
        (Strict, SERVER, &no_echo, true),
        (Strict, STRANGER, &echo, false),
        (Strict, STRANGER, &no_echo, false),
        (Relaxed, SERVER, &echo, true),
        (Relaxed, SERVER, &no_echo, true),
        (Relaxed, STRANGER, &echo, true),
        (Relaxed, STRANGER, &no_echo, false),
        (Relaxed, STRANGER, &other_echo, false),
        (Off, STRANGER, &no_echo, true),
    ] {
        for matching in [Matching::Xid, Matching::XidAndHardware] {
            let cra = asked(Rules { source_check, matching, ..Rules::default() });
            let outcome = down(&cra, from, reply).map(|reply| reply.client);
            let expected = if expected { Ok(7) } else { Err(Refused::SourceRefused) };
            assert_eq!(outcome, expected, "{source_check:?} {from} {matching:?}");
        }
    }
    // A client without identifier has none that could be returned.
    let mut cra = with(Rules { source_check: Relaxed, ..Rules::default() });
    cra.up(START, &message(1, "350101 ff"), 7).unwrap();
    assert_eq!(down(&cra, STRANGER, &no_echo).unwrap_err(), Refused::SourceRefused);
    assert_eq!(down(&cra, STRANGER, &echo).unwrap_err(), Refused::SourceRefused);
    assert!(down(&cra, SERVER, &no_echo).is_ok());
}

#[test]
fn only_what_was_asked_of_late_is_answered_hcra_19_lcra_14() {
    let reply = offer();
    for matching in [Matching::Xid, Matching::XidAndHardware] {
        let cra = asked(Rules { matching, ..Rules::default() });
        let at = |secs| cra.down(later(secs), ip(SERVER), ip(OWN), &reply).map(|reply| reply.client);
        assert_eq!(at(120), Ok(7));
        assert_eq!(at(121), Err(Refused::Unsolicited));
        let mut other_xid = reply.clone();
        other_xid[7] = 3;
        assert_eq!(down(&cra, SERVER, &other_xid).unwrap_err(), Refused::Unsolicited);
    }
}

#[test]
fn among_many_clients_the_hardware_address_counts_too_lcra_14() {
    let mut other_hardware = offer();
    other_hardware[33] = 2;
    let cra = asked(Rules { matching: Matching::XidAndHardware, ..Rules::default() });
    assert_eq!(down(&cra, SERVER, &other_hardware).unwrap_err(), Refused::Unsolicited);
    let mut beyond_hlen = offer();
    beyond_hlen[40] = 1;
    assert!(down(&cra, SERVER, &beyond_hlen).is_ok());
    assert!(down(&asked(Rules::default()), SERVER, &other_hardware).is_ok());
}

#[test]
fn two_clients_of_this_host_with_one_transaction_id_are_told_apart_by_their_identifiers() {
    let mut cra = agent();
    let id = |n: u8| format!("3d0a ff{n:02x}00000000010203 04");
    for n in 1..=3 {
        cra.up(START, &message(1, &format!("350101 {} ff", id(n))), n).unwrap();
    }
    for n in 1..=3 {
        let reply = message(2, &format!("350102 {} ff", id(n)));
        assert_eq!(down(&cra, SERVER, &reply).unwrap().client, n);
    }
}

#[test]
fn the_table_is_bounded_and_the_oldest_goes_first_lcra_14() {
    let rules = Rules { pending: 4096, matching: Matching::XidAndHardware, ..Rules::default() };
    let mut cra = with(rules);
    let numbered = |octets: Vec<u8>, n: u32| {
        let mut octets = octets;
        put(&mut octets, 4, &n.to_be_bytes());
        octets
    };
    for n in 0..100_000 {
        cra.up(START, &numbered(discover(), n), 7).unwrap();
    }
    assert_eq!(cra.recent.len(), 4096);
    let known = |n| down(&cra, SERVER, &numbered(offer(), n)).is_ok();
    assert!(!known(100_000 - 4097) && known(100_000 - 4096) && known(99_999));
}

#[test]
fn sub_options_go_up_only_by_relay_encapsulation_hcra_13_hcra_14() {
    let sub_options = sub_options(Some(b"port 7"), Some(b"home"));
    let private = Rules { encapsulation: Encapsulation::Private, sub_options, ..Rules::default() };
    let relayed = with(private.clone()).up(START, &discover(), 7).unwrap();
    let read = Encapsulated::parse(&relayed).unwrap();
    assert_eq!(read.message, discover(), "inside it is as the client sent it");
    let [level] = read.levels[..] else { panic!("{read:?}") };
    assert_eq!((level.op, level.hops), (RELAYFORWARD, 1));
    let added: Vec<_> = level.sub_options().unwrap().iter().collect();
    assert_eq!(added, [(1, &b"port 7"[..]), (2, b"home")]);
    // Without encapsulation they are not sent at all, and without sub-options there is nothing to encapsulate.
    let mut plain = discover();
    plain[3] = 1;
    let off = Rules { encapsulation: Encapsulation::Off, ..private.clone() };
    assert_eq!(with(off).up(START, &discover(), 7), Ok(plain.clone()));
    let bare = Rules { sub_options: Vec::new(), ..private };
    assert_eq!(with(bare).up(START, &discover(), 7), Ok(plain));
}

#[test]
fn an_encapsulated_reply_is_taken_out_if_that_is_enabled_hcra_17() {
    let wrapped = |message: &[u8]| {
        Level { op: RELAYREPLY, hops: 1, segment: &octets("0101 61"), message }.emit().unwrap()
    };
    let private = || Rules { encapsulation: Encapsulation::Private, ..Rules::default() };
    let payload = wrapped(&offer());
    assert_eq!(down(&asked(private()), SERVER, &payload).unwrap().octets, offer());
    is_refused_down(Rules::default(), SERVER, &payload, Refused::OpUnsupported);
    is_refused_down(private(), SERVER, &wrapped(&payload), Refused::OpUnsupported);
    is_refused_down(private(), SERVER, &payload[..payload.len() - 1], Refused::Malformed4);
    let hidden = wrapped(&message(2, &format!("350102 {OPTION_82} ff")));
    is_refused_down(private(), SERVER, &hidden, Refused::Option82InReply);
    let forward = Level { op: 3, hops: 1, segment: &[], message: &discover() }.emit().unwrap();
    is_refused_down(private(), SERVER, &forward, Refused::OpUnsupported);
}

#[test]
fn an_exchange_goes_on_when_address_and_servers_change_hcra_23() {
    let mut cra = asked(Rules::default());
    cra.place(Some(ip("2001:db8:1:1::99")), &[ip(STRANGER)]);
    let reply = offer();
    assert_eq!(down(&cra, STRANGER, &reply).unwrap_err(), Refused::WrongDestination);
    assert!(cra.down(later(1), ip(STRANGER), ip("2001:db8:1:1::99"), &reply).is_ok());
    assert_eq!(
        cra.down(later(1), ip(SERVER), ip("2001:db8:1:1::99"), &reply).unwrap_err(),
        Refused::SourceRefused
    );
}
