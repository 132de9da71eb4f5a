//! What client relay agents get.

use super::*;
use crate::provider::Notice;

fn offer() -> Vec<u8> {
    answer(&format!("350102 3604c6336401 3304 00000e10 {AGENT} ff"))
}

#[test]
fn an_answer_goes_back_without_what_was_added_tra_10_11_21() {
    let mut rig = Rig::asked();
    let offer = offer();
    let sent = rig.down(&offer).unwrap();
    assert_eq!((sent.via, sent.source), (Port::Transport6, Some(ip(OURS))));
    assert_eq!(sent.to, SocketAddrV6::new(ip(CRA), 67, 0, 0));
    let mut expected = offer[..255].to_vec();
    expected.push(255);
    expected.resize(300, 0);
    assert_eq!(hex(&sent.payload), hex(&expected));
    assert_eq!((sent.payload[3], &sent.payload[24..28]), (2, &GIADDR.octets()[..]));
    assert_eq!(rig.tra.tally().of(Done::Downstream), 1);
}

#[test]
fn it_comes_from_the_address_that_was_asked_tra_21() {
    let mut rig = Rig::new(settings());
    rig.up_from(CRA, ALSO_OURS, &discover()).unwrap();
    assert_eq!(rig.down(&offer()).unwrap().source, Some(ip(ALSO_OURS)));
    rig.up_from(CRA, OURS, &discover()).unwrap();
    assert_eq!(rig.down(&offer()).unwrap().source, Some(ip(OURS)));
}

#[test]
fn option_82_goes_wherever_a_server_puts_it_tra_10() {
    let (one, two) = ("5207 2e10 20010db800", "520b 0100010000000000000018");
    let mut rig = Rig::asked();
    // In front, between others, in pieces, without an End, and with something behind the End.
    for (options, kept) in [
        (format!("{AGENT} 350102 ff"), "350102"),
        (format!("350102 {AGENT} 00 0604c0000201 ff"), "350102 00 0604c0000201"),
        (format!("{one} 350102 {two} ff"), "350102"),
        (format!("350102 {AGENT}"), "350102"),
        (format!("350102 {AGENT} ff {AGENT} 520101"), "350102"),
    ] {
        let sent = rig.down(&answer(&options)).unwrap();
        let mut expected = octets(kept);
        expected.push(255);
        expected.resize(60, 0);
        assert_eq!(hex(&sent.payload[240..]), hex(&expected), "{options}");
    }
    for (overload, field) in [("01", 108), ("02", 44), ("03", 44), ("03", 108)] {
        let mut overloaded = answer(&format!("350102 3401 {overload} ff"));
        let agent = octets(&format!("0c0168 {AGENT} 0f0164 ff 77"));
        overloaded[field..field + agent.len()].copy_from_slice(&agent);
        let sent = rig.down(&overloaded).unwrap();
        assert_eq!(hex(&sent.payload[field..field + 9]), "0c01680f0164ff0000");
        assert!(!Transit::parse(&sent.payload).unwrap().may_have(82));
        assert_eq!(sent.payload[..44], overloaded[..44]);
        assert_eq!(sent.payload[236..246], overloaded[236..246]);
    }
    // Where nobody can say whether it means something.
    let mut hidden = answer(&format!("350102 340107 {AGENT} ff"));
    hidden[108..131].copy_from_slice(&octets(&format!("0c0168 {AGENT}")));
    assert_eq!(rig.down(&hidden), Err(Refused::Option82InReply));
    // Half of it here, half of it there.
    let mut halves = answer(&format!("350102 340101 {one} ff"));
    let other = octets(&format!("{two} ff"));
    halves[108..108 + other.len()].copy_from_slice(&other);
    let sent = rig.down(&halves).unwrap();
    assert_eq!(*sent.to.ip(), ip(CRA));
    assert_eq!(hex(&sent.payload[108..112]), "ff000000");
}

#[test]
fn only_answers_come_down_tra_02_30() {
    for op in [0, 1, 3, 4, 5, 255] {
        let mut other = offer();
        other[0] = op;
        assert_eq!(Rig::asked().down(&other), Err(Refused::OpUnsupported), "{op}");
        // From a client that takes us for a relay agent, too.
        let stranger = Ipv4Addr::new(203, 0, 113, 7);
        assert_eq!(Rig::asked().down_from(stranger, &other), Err(Refused::OpUnsupported), "{op}");
    }
    assert_eq!(Rig::asked().down(&[]), Err(Refused::Malformed4));
    assert_eq!(Rig::asked().down(&offer()[..239]), Err(Refused::Malformed4));
    assert_eq!(Rig::asked().down(&[2]), Err(Refused::Malformed4));
}

#[test]
fn only_servers_answer_tra_17() {
    let stranger = Ipv4Addr::new(198, 51, 100, 77);
    assert_eq!(Rig::asked().down_from(stranger, &offer()), Err(Refused::UnknownServer));
}

#[test]
fn an_answer_is_to_us_tra_18() {
    for giaddr in [[203, 0, 113, 1], [0; 4]] {
        let mut foreign = offer();
        foreign[24..28].copy_from_slice(&giaddr);
        assert_eq!(Rig::asked().down(&foreign), Err(Refused::ForeignGiaddr));
    }
}

#[test]
fn an_answer_names_one_client_relay_agent_tra_09_19() {
    let cra = &AGENT[5..];
    for (options, expected) in [
        ("350102 ff".to_owned(), Refused::NoCra6addr),
        ("350102 5200 ff".to_owned(), Refused::NoCra6addr),
        ("350102 5206 0504c0000200 ff".to_owned(), Refused::NoCra6addr),
        // Cut, too short, too long, twice, and joined.
        (format!("350102 5211 {} ff", &cra[..cra.len() - 2]), Refused::BadCra6addr),
        ("350102 5211 2e0f 20010db80001000100000000000000 ff".to_owned(), Refused::BadCra6addr),
        (format!("350102 5213 2e11 {} 00 ff", &cra[5..]), Refused::BadCra6addr),
        (format!("350102 5224 {cra} {cra} ff"), Refused::BadCra6addr),
        (format!("350102 {AGENT} {AGENT} ff"), Refused::BadCra6addr),
        (format!("350102 5222 2e20 {} {} ff", &cra[5..], &cra[5..]), Refused::BadCra6addr),
    ] {
        assert_eq!(Rig::asked().down(&answer(&options)), Err(expected), "{options}");
    }
    for bad in
        ["ff02::1", "::", "::1", "fe80::18", "::ffff:192.0.2.1", "2001:db9::1", "fc00::1", OURS, ALSO_OURS]
    {
        let agent = answer(&format!("350102 5212 2e10 {} ff", hex(&ip(bad).octets())));
        assert_eq!(Rig::asked().down(&agent), Err(Refused::BadCra6addr), "{bad}");
        // Also when nothing is remembered.
        let mut rig = Rig::asked_with(with(|settings| settings.match_requests = false));
        assert_eq!(rig.down(&agent), Err(Refused::BadCra6addr), "{bad}");
    }
}

#[test]
fn nothing_goes_to_somebody_who_did_not_ask_tra_20_sec_07() {
    let mut rig = Rig::asked();
    rig.up_from("2001:db8:2::1", OURS, &message(BOOTREQUEST, 0, "350101 ff")).unwrap();
    let mut other_xid = offer();
    other_xid[4] ^= 1;
    assert_eq!(rig.down(&other_xid), Err(Refused::Unsolicited));
    let other_agent = answer("350102 5212 2e10 20010db8000100010000000000000019 ff");
    assert_eq!(rig.down(&other_agent), Err(Refused::Unsolicited));
    rig.after(Duration::from_secs(120));
    // Several answers may come, of several servers.
    assert!(rig.down(&offer()).is_ok() && rig.down(&offer()).is_ok());
    rig.after(Duration::from_micros(1));
    assert_eq!(rig.down(&offer()), Err(Refused::Unsolicited));
}

#[test]
fn what_was_refused_was_not_asked_tra_20() {
    let mut rig = Rig::new(settings());
    let forged = message(BOOTREQUEST, 0, &format!("350101 {AGENT} ff"));
    assert!(rig.up(&forged).is_err());
    assert_eq!(rig.down(&offer()), Err(Refused::Unsolicited));
}

#[test]
fn nothing_need_be_remembered() {
    let mut rig = Rig::new(with(|settings| settings.match_requests = false));
    assert!(rig.tra.recent.is_none());
    let sent = rig.down(&offer()).unwrap();
    assert_eq!((sent.source, *sent.to.ip()), (None, ip(CRA)));
    let mut rig = Rig::new(with(|settings| {
        settings.match_requests = false;
        settings.addresses = vec![ip(ALSO_OURS), ip(OURS)];
    }));
    assert_eq!(rig.down(&offer()).unwrap().source, Some(ip(ALSO_OURS)));
}

#[test]
fn another_port_toward_servers_is_the_one_they_answer_to_tra_25() {
    let mut rig = Rig::asked_with(with(|settings| settings.source_port = 6767));
    let port = Port::Upstream4("198.51.100.9:6767".parse().unwrap());
    assert_eq!(rig.tra.ports(), [Port::Transport6, port]);
    let back = answer(&format!("350102 5214 {} 1300 ff", &AGENT[5..]));
    assert_eq!(*rig.down(&back).unwrap().to.ip(), ip(CRA));
    // What comes by another socket is nobody's.
    let from = SocketAddrV6::new(SERVER.to_ipv6_mapped(), 67, 0, 0);
    let other = Port::Upstream4("198.51.100.9:67".parse().unwrap());
    assert_eq!(rig.take(other, from, GIADDR.to_ipv6_mapped(), &back), Err(Refused::WrongLink));
    let outcome = rig.take(Port::Server4, from, GIADDR.to_ipv6_mapped(), &back);
    assert_eq!(outcome, Err(Refused::WrongLink));
}

#[test]
fn a_server_that_does_not_return_it_is_told_of_once_tra_27() {
    let mut rig = Rig::asked_with(with(|settings| settings.servers = vec![SERVER, OTHER_SERVER]));
    let without = answer("350102 ff");
    for count in 1..=20 {
        assert_eq!(rig.down(&without), Err(Refused::NoCra6addr));
        assert_eq!(rig.notices.len(), usize::from(count >= 5), "{count}");
    }
    assert_eq!(rig.notices, [Notice::NoAgentInformation(SERVER)]);
    assert_eq!(rig.tra.servers().collect::<Vec<_>>(), [(SERVER, true), (OTHER_SERVER, false)]);
    // Once it does, a new beginning.
    rig.down(&offer()).unwrap();
    assert_eq!(rig.tra.servers().next(), Some((SERVER, false)));
    for _ in 0..4 {
        assert!(rig.down(&without).is_err() && rig.down_from(OTHER_SERVER, &without).is_err());
    }
    rig.down(&offer()).unwrap();
    assert!(rig.down(&without).is_err());
    assert_eq!(rig.notices.len(), 1);
    assert!(rig.down_from(OTHER_SERVER, &without).is_err());
    assert_eq!(rig.notices[1..], [Notice::NoAgentInformation(OTHER_SERVER)]);
}

#[test]
fn no_answer_is_longer_than_what_came_and_padding_sec_07() {
    for filler in [0_usize, 10, 100, 200] {
        let options = format!("350102 e0 {filler:02x} {} {AGENT} ff", "07".repeat(filler));
        let came = answer(&options);
        let sent = Rig::asked().down(&came).unwrap();
        assert!(sent.payload.len() <= came.len().max(300), "{filler}");
        assert!(sent.payload.len() <= came.len() + 64);
    }
}
