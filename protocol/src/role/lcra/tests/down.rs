//! From servers to clients.

use super::*;

/// An agent that relayed a DISCOVER; with these IPv4 addresses on the link.
fn asked(addresses4: &[&str]) -> Rig {
    let mut rig = Rig::with(settings(), &[lan0(addresses4), wan0(&[OWN])]);
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
    rig
}

fn with(mut reply: Vec<u8>, at: usize, value: &[u8]) -> Vec<u8> {
    put(&mut reply, at, value);
    reply
}

#[test]
fn an_offer_goes_to_the_client_alone_lcra_06_lcra_07() {
    let mut rig = asked(&[]);
    assert_eq!(rig.reply(&offer()), [delivered(CLIENT, "198.51.100.1", "192.0.2.18", &offer())]);
    assert_eq!(rig.lcra.tally().of(Done::Downstream), 1);
}

#[test]
fn a_client_that_asks_for_broadcasts_gets_them_lcra_06() {
    let reply = with(offer(), FLAGS, &[0x80, 0]);
    assert_eq!(asked(&[]).reply(&reply), [delivered(EVERYBODY, "198.51.100.1", BROADCAST, &reply)]);
    // The other bits mean nothing.
    let reply = with(offer(), FLAGS, &[0x7f, 0xff]);
    assert_eq!(asked(&[]).reply(&reply), [delivered(CLIENT, "198.51.100.1", "192.0.2.18", &reply)]);
}

#[test]
fn a_nak_goes_to_everybody_lcra_06() {
    let nak = with(message(2, CLIENT, "350106 3604c6336401 ff"), YIADDR, &[192, 0, 2, 18]);
    assert_eq!(asked(&[]).reply(&nak), [delivered(EVERYBODY, "198.51.100.1", BROADCAST, &nak)]);
}

#[test]
fn replies_come_from_the_links_own_address_if_it_has_one_lcra_07() {
    let mut rig = asked(&["192.168.1.1", "192.168.2.1"]);
    assert_eq!(rig.reply(&offer()), [delivered(CLIENT, "192.168.1.1", "192.0.2.18", &offer())]);
}

#[test]
fn a_reply_from_nowhere_goes_to_everybody_lcra_07() {
    for options in ["350102 ff", "350102 360400000000 ff", "350102 3604ffffffff ff", "350102 3604e0000001 ff"]
    {
        let reply = with(message(2, CLIENT, options), YIADDR, &[192, 0, 2, 18]);
        assert_eq!(
            asked(&[]).reply(&reply),
            [delivered(EVERYBODY, "0.0.0.0", BROADCAST, &reply)],
            "{options}"
        );
        let expected = delivered(CLIENT, "192.168.1.1", "192.0.2.18", &reply);
        assert_eq!(asked(&["192.168.1.1"]).reply(&reply), [expected], "{options}");
    }
}

#[test]
fn a_client_without_an_ethernet_address_is_told_with_everybody_lcra_06() {
    for (at, value) in [(1, &[20, 0][..]), (2, &[0]), (2, &[8]), (28, &[0; 6]), (28, &[1])] {
        let mut rig = Rig::new(settings());
        let asked = with(discover(), at, value);
        assert_eq!(rig.say(CLIENT, &asked), [relayed(asked)]);
        let reply = with(offer(), at, value);
        assert_eq!(rig.reply(&reply), [delivered(EVERYBODY, "198.51.100.1", BROADCAST, &reply)], "{value:?}");
    }
}

#[test]
fn an_ack_without_an_address_goes_where_the_client_is_lcra_06() {
    let inform = with(message(1, CLIENT, "350108 ff"), CIADDR, &[192, 0, 2, 77]);
    let ack = message(2, CLIENT, "350105 3604c6336401 ff");
    for reply in [ack.clone(), with(ack, CIADDR, &[192, 0, 2, 77])] {
        let mut rig = Rig::new(settings());
        assert_eq!(rig.say(CLIENT, &inform), [relayed(inform.clone())]);
        assert_eq!(rig.reply(&reply), [delivered(CLIENT, "198.51.100.1", "192.0.2.77", &reply)]);
    }
    // A client of which nothing is known.
    let nowhere = message(2, CLIENT, "350102 3604c6336401 ff");
    assert_eq!(asked(&[]).reply(&nowhere), [delivered(EVERYBODY, "198.51.100.1", BROADCAST, &nowhere)]);
}

#[test]
fn an_ack_to_a_rebinding_client_goes_to_its_address_lcra_06() {
    let mut rig = Rig::new(settings());
    let request = with(message(1, CLIENT, "350103 ff"), CIADDR, &[192, 0, 2, 18]);
    let octets = frame(EVERYBODY, CLIENT, "192.0.2.18:68", &format!("{BROADCAST}:67"), &request);
    assert_eq!(rig.frame(&octets), [relayed(request)]);
    let ack = with(message(2, CLIENT, "350105 3604c6336401 330400000e10 ff"), YIADDR, &[192, 0, 2, 18]);
    let ack = with(ack, CIADDR, &[192, 0, 2, 18]);
    assert_eq!(rig.reply(&ack), [delivered(CLIENT, "198.51.100.1", "192.0.2.18", &ack)]);
}

#[test]
fn an_address_that_no_host_can_have_is_not_sent_to() {
    for yiaddr in [[224, 0, 0, 1], [255; 4], [127, 0, 0, 1]] {
        let reply = with(offer(), YIADDR, &yiaddr);
        assert_eq!(asked(&[]).reply(&reply), [delivered(EVERYBODY, "198.51.100.1", BROADCAST, &reply)]);
    }
}

#[test]
fn replies_that_nobody_asked_for_are_discarded_lcra_14() {
    let mut rig = Rig::new(settings());
    assert_eq!(rig.reply(&offer()), refused(Refused::Unsolicited));
    let mut rig = asked(&[]);
    assert_eq!(rig.reply(&with(offer(), 4, &[9])), refused(Refused::Unsolicited), "another transaction");
    assert_eq!(rig.reply(&with(offer(), 33, &[9])), refused(Refused::Unsolicited), "another client");
    rig.now = START + Duration::from_secs(120);
    assert_eq!(rig.reply(&offer()).len(), 1);
    rig.now = START + Duration::from_secs(121);
    assert_eq!(rig.reply(&offer()), refused(Refused::Unsolicited));
}

#[test]
fn each_defect_of_a_reply_alone_is_counted_lcra_03() {
    let mut rig = asked(&[]);
    let hidden = message(2, CLIENT, "350102 3604c6336401 5204 01026162 ff");
    assert_eq!(rig.reply(&hidden), refused(Refused::Option82InReply));
    for op in [1, 3, 4] {
        assert_eq!(rig.reply(&with(offer(), 0, &[op])), refused(Refused::OpUnsupported));
    }
    assert_eq!(rig.reply(&offer()[..200]), refused(Refused::Malformed4));
    assert_eq!(rig.datagram(OTHER_SERVER, OWN, &offer()), refused(Refused::SourceRefused));
    assert_eq!(rig.datagram("fe80::9", OWN, &offer()), refused(Refused::SourceRefused));
    assert_eq!(rig.datagram("::1", OWN, &offer()), refused(Refused::SourceRefused));
    assert_eq!(rig.datagram(SERVER, "ff02::1", &offer()), refused(Refused::MulticastDestination));
    assert_eq!(rig.datagram(SERVER, "2001:db8:1:1::19", &offer()), refused(Refused::WrongDestination));
    let from = SocketAddrV6::new(ip(SERVER), 67, 0, 0);
    let elsewhere =
        provider::Datagram { via: Port::Transport6, interface: WAN0, from, to: ip(OWN), payload: &offer() };
    assert_eq!(rig.handle(Input::Datagram(elsewhere)), refused(Refused::WrongLink));
}

#[test]
fn a_reply_longer_than_a_packet_of_the_link_is_not_delivered() {
    let mut long = offer();
    long.resize(1472, 0);
    assert_eq!(asked(&[]).reply(&long), [delivered(CLIENT, "198.51.100.1", "192.0.2.18", &long)]);
    long.push(0);
    assert_eq!(asked(&[]).reply(&long), refused(Refused::NoRoom));
}
