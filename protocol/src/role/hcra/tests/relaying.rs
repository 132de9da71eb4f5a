//! What passes, and where it goes.

use super::*;

#[test]
fn a_broadcast_is_relayed_and_its_answer_comes_back_in_a_frame_hcra_03_hcra_16() {
    let mut rig = Rig::open();
    assert_eq!(rig.say(&discover()), Ok(vec![relayed(discover())]));
    assert_eq!(rig.reply(&offer()), Ok(vec![delivered(CLIENT, SERVER4, LEASED, &offer())]));
    assert_eq!(rig.hcra.servers(), [ip(SERVER)]);
}

#[test]
fn carrier_follows_the_gate_hcra_05_hcra_06() {
    let mut rig = Rig { hcra: Hcra::new(&HcraSettings::default()), now: START };
    assert_eq!(rig.gate(None, &[]), []);
    assert_eq!(rig.gate(Some(OWN), &[]), []);
    assert_eq!(rig.gate(None, &[SERVER]), []);
    assert_eq!(rig.say(&discover()), Err(Refused::NotReady));
    assert_eq!(rig.gate(Some(OWN), &[SERVER]), [Action::Carrier(true)]);
    assert_eq!(rig.gate(Some(OWN), &[SERVER]), []);
    assert!(rig.say(&discover()).is_ok());
    assert_eq!(rig.gate(None, &[SERVER]), [Action::Carrier(false)]);
    assert_eq!(rig.hcra.source(), None);
    assert_eq!(rig.reply(&offer()), Err(Refused::NotReady));
    let mut out = Vec::new();
    rig.hcra.on_new_device(&mut out);
    assert_eq!(out, []);
    rig.gate(Some(OWN), &[SERVER]);
    rig.hcra.on_new_device(&mut out);
    assert_eq!(out, [Action::Carrier(true)]);
}

#[test]
fn delivery_follows_the_broadcast_bit_and_a_nak_goes_to_everybody_lcra_06() {
    let mut rig = Rig::open();
    rig.say(&discover()).unwrap();
    let broadcast = put(offer(), FLAGS, &[0x80, 0]);
    assert_eq!(rig.reply(&broadcast), Ok(vec![delivered(EVERYBODY, SERVER4, BROADCAST, &broadcast)]));
    let nak = message(2, 1, "350106 3604c6336401 ff");
    assert_eq!(rig.reply(&nak), Ok(vec![delivered(EVERYBODY, SERVER4, BROADCAST, &nak)]));
    let nameless = message(2, 1, "350106 ff");
    assert_eq!(rig.reply(&nameless), Ok(vec![delivered(EVERYBODY, "0.0.0.0", BROADCAST, &nameless)]));
}

#[test]
fn a_renewal_goes_through_the_agent_and_is_answered_from_the_server_to_the_address() {
    let mut rig = Rig::bound(&ack(""));
    assert_eq!(rig.unicast(&renewal(2)), Ok(vec![relayed(renewal(2))]));
    for reply in [extended(2), put(extended(2), FLAGS, &[0x80, 0]), put(extended(2), CIADDR, &[0; 4])] {
        let actions = rig.reply(&reply).unwrap();
        assert_eq!(actions.first(), Some(&delivered(CLIENT, SERVER4, LEASED, &reply)));
    }
    let nak = message(2, 2, "350106 3604c6336401 ff");
    assert_eq!(rig.reply(&nak).unwrap()[0], delivered(EVERYBODY, SERVER4, BROADCAST, &nak));
}

#[test]
fn an_inform_to_the_server_is_answered_like_a_renewal() {
    let mut rig = Rig::bound(&ack(""));
    let inform = put(message(1, 2, "350108 ff"), CIADDR, &ip4(LEASED).octets());
    assert_eq!(rig.unicast(&inform), Ok(vec![relayed(inform)]));
    let reply = message(2, 2, "350105 3604c6336401 ff");
    assert_eq!(rig.reply(&reply), Ok(vec![delivered(CLIENT, SERVER4, LEASED, &reply)]));
}

#[test]
fn rebinding_is_a_broadcast_and_answered_to_the_address() {
    let mut rig = Rig::bound(&ack(""));
    let octets = frame(EVERYBODY, &format!("{LEASED}:68"), &format!("{BROADCAST}:67"), &renewal(2));
    assert_eq!(rig.frame(&octets), Ok(vec![relayed(renewal(2))]));
    assert_eq!(rig.reply(&extended(2)).unwrap()[0], delivered(CLIENT, SERVER4, LEASED, &extended(2)));
}

#[test]
fn what_this_host_forwards_for_others_is_not_relayed_hcra_01() {
    let mut rig = Rig::bound(&ack(""));
    let other = put(renewal(2), CIADDR, &[192, 0, 2, 99]);
    for (source, destination, payload) in [
        ("192.0.2.99:68", "198.51.100.1:67", &other),
        ("192.0.2.18:68", "198.51.100.1:67", &other),
        ("192.0.2.99:68", "198.51.100.1:67", &renewal(2)),
        ("192.0.2.18:68", "198.51.100.2:67", &renewal(2)),
    ] {
        let outcome = rig.frame(&frame(AGENT, source, destination, payload));
        assert_eq!(outcome, Err(Refused::SourceRefused), "{source} {destination}");
    }
    assert_eq!(Rig::open().unicast(&renewal(2)), Err(Refused::SourceRefused), "no lease has passed");
}

#[test]
fn with_several_clients_each_hears_every_answer_hcra_25() {
    let id = |n: u8, xid: u8, kind: &str| message(1, xid, &format!("{kind} 3d05ff000000{n:02x} ff"));
    let mut rig = Rig::open();
    rig.say(&id(1, 1, "350101")).unwrap();
    assert_eq!(rig.reply(&offer()).unwrap(), [delivered(CLIENT, SERVER4, LEASED, &offer())]);
    rig.say(&id(2, 2, "350101")).unwrap();
    assert_eq!(rig.reply(&offer()).unwrap(), [delivered(EVERYBODY, SERVER4, BROADCAST, &offer())]);
    // All but the answer to a renewal, which clients take only at their address.
    rig.say(&id(1, 1, "350103")).unwrap();
    assert_eq!(rig.reply(&ack("")).unwrap()[0], delivered(EVERYBODY, SERVER4, BROADCAST, &ack("")));
    rig.now = rig.now + Duration::from_secs(60);
    let renewal = put(id(1, 3, "350103"), CIADDR, &ip4(LEASED).octets());
    assert_eq!(rig.unicast(&renewal), Ok(vec![relayed(renewal)]));
    assert_eq!(rig.reply(&extended(3)).unwrap()[0], delivered(CLIENT, SERVER4, LEASED, &extended(3)));
    // One that is silent and has no lease has left.
    rig.now = rig.now + Duration::from_secs(121);
    rig.say(&id(1, 4, "350101")).unwrap();
    let offer = put(offer(), 7, &[4]);
    assert_eq!(rig.reply(&offer).unwrap(), [delivered(CLIENT, SERVER4, LEASED, &offer)]);
}

#[test]
fn each_defect_alone_is_counted_hcra_11_hcra_12_hcra_15_hcra_19() {
    let mut rig = Rig::open();
    for (message, why) in [
        (put(discover(), 24, &[192, 0, 2, 1]), Refused::GiaddrNonzero),
        (put(discover(), 3, &[5]), Refused::HopsLimit),
        (put(discover(), 2, &[17]), Refused::Malformed4),
        (put(discover(), 0, &[3]), Refused::OpUnsupported),
        (message(1, 1, "350101 520401026162 ff"), Refused::Option82FromClient),
        (vec![1; 1473], Refused::NoRoom),
    ] {
        assert_eq!(rig.say(&message), Err(why));
    }
    assert_eq!(rig.reply(&offer()), Err(Refused::Unsolicited));
    rig.say(&discover()).unwrap();
    for (reply, why) in [
        (message(2, 1, "350102 520401026162 ff"), Refused::Option82InReply),
        (put(offer(), 0, &[4]), Refused::OpUnsupported),
        (put(offer(), 7, &[9]), Refused::Unsolicited),
        (offer()[..200].to_vec(), Refused::Malformed4),
        ([offer(), vec![0; 1500]].concat(), Refused::NoRoom),
    ] {
        assert_eq!(rig.reply(&reply), Err(why));
    }
    let mut out = Vec::new();
    let mut from_to = |from, to| rig.hcra.on_datagram(START, ip(from), ip(to), &offer(), &mut out);
    assert_eq!(from_to("2001:db8:9::68", OWN), Err(Refused::SourceRefused));
    assert_eq!(from_to(SERVER, "2001:db8:1:1::19"), Err(Refused::WrongDestination));
    assert_eq!(from_to(SERVER, "ff02::1"), Err(Refused::MulticastDestination));
    assert_eq!(out, []);
}

#[test]
fn settings_reach_the_rules() {
    let mut rig = Rig::new(HcraSettings { hops_limit: 1, ..HcraSettings::default() });
    assert_eq!(rig.say(&put(discover(), 3, &[2])), Err(Refused::HopsLimit));
    rig.hcra.configure(&HcraSettings { source_check: SourceCheck::Off, ..HcraSettings::default() });
    assert!(rig.say(&put(discover(), 3, &[2])).is_ok());
    let mut out = Vec::new();
    assert_eq!(rig.hcra.on_datagram(START, ip("2001:db8:77::1"), ip(OWN), &offer(), &mut out), Ok(()));
    let private = HcraSettings { encapsulation: Encapsulation::Private, ..HcraSettings::default() };
    rig.hcra.configure(&private);
    let mut wrapped = octets("04 00 01 00 0000 012c");
    wrapped.extend(offer());
    assert_eq!(rig.reply(&wrapped), Ok(vec![delivered(CLIENT, SERVER4, LEASED, &offer())]));
}

#[test]
fn frames_that_are_not_for_the_agent_do_nothing() {
    let mut rig = Rig::open();
    let elsewhere = [2, 0, 0, 0, 0, 9];
    assert_eq!(
        rig.frame(&frame(elsewhere, "0.0.0.0:68", &format!("{BROADCAST}:67"), &discover())),
        Ok(vec![])
    );
    let answer = frame(EVERYBODY, "0.0.0.0:67", &format!("{BROADCAST}:68"), &offer());
    assert_eq!(rig.frame(&answer), Err(Refused::WrongDirection));
    assert_eq!(rig.frame(&octets("3333000000fb 02005e100001 86dd 60000000")), Ok(vec![]));
    assert_eq!(rig.frame(&[0; 13]), Err(Refused::MalformedFrame));
}
