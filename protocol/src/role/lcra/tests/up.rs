//! From clients to servers.

use super::*;

#[test]
fn a_broadcast_of_any_client_goes_to_every_server_lcra_01_lcra_02_lcra_03() {
    let servers = vec![ip(SERVER), ip(OTHER_SERVER)];
    let mut rig = Rig::new(LcraSettings { servers, ..settings() });
    let mut expected = discover();
    expected[3] = 1;
    let sent = [send(SERVER, &expected), send(OTHER_SERVER, &expected)];
    assert_eq!(rig.say(CLIENT, &discover()), sent);
    let of_other = message(1, OTHER, "350101 ff");
    assert_eq!(rig.say(OTHER, &of_other).len(), 2);
    assert_eq!(rig.lcra.tally().of(Done::Upstream), 2);
}

#[test]
fn giaddr_stays_zero_also_with_an_address_on_the_link_lcra_04_lcra_05() {
    for addresses4 in [&[][..], &["192.168.1.1"]] {
        let mut rig = Rig::with(settings(), &[lan0(addresses4), wan0(&[OWN])]);
        assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
    }
}

#[test]
fn what_goes_to_clients_is_not_relayed_lcra_02() {
    let mut rig = Rig::new(settings());
    let payload = message(2, CLIENT, "350105 3604c0000263 ff");
    for payload in [payload, discover()] {
        let octets = frame(EVERYBODY, OTHER, "192.0.2.99:67", &format!("{BROADCAST}:68"), &payload);
        assert_eq!(rig.frame(&octets), refused(Refused::WrongDirection));
    }
}

#[test]
fn a_foreign_server_is_noticed_once_lcra_17() {
    let mut rig = Rig::new(settings());
    let mut answer = |options: &str, source: &str| {
        let payload = message(2, CLIENT, options);
        rig.frame(&frame(CLIENT, OTHER, source, "192.0.2.7:68", &payload))
    };
    let notice = |server| Effect::Notify(Notice::ForeignServer(ip4(server)));
    let ignored = Effect::Refused(Refused::WrongDirection);
    assert_eq!(answer("350102 3604c0000263 ff", "192.0.2.1:67"), [notice("192.0.2.99"), ignored.clone()]);
    assert_eq!(answer("350102 3604c0000263 ff", "192.0.2.1:67"), refused(Refused::WrongDirection));
    assert_eq!(answer("350102 ff", "192.0.2.1:67"), [notice("192.0.2.1"), ignored]);
    // An ACK can have come from far away.
    assert_eq!(answer("350105 3604c0000264 ff", "192.0.2.1:67"), refused(Refused::WrongDirection));
    assert_eq!(answer("350102 3640c0", "192.0.2.1:67"), refused(Refused::Malformed4));
}

#[test]
fn foreign_servers_take_bounded_memory() {
    let mut rig = Rig::new(settings());
    let mut notices = 0;
    for n in 0..=255_u8 {
        let payload = message(2, CLIENT, &format!("350102 3604c00002{n:02x} ff"));
        let octets = frame(CLIENT, OTHER, "192.0.2.1:67", "192.0.2.7:68", &payload);
        notices += rig.frame(&octets).iter().filter(|effect| matches!(effect, Effect::Notify(_))).count();
    }
    assert_eq!(notices, MAX_FOREIGN);
}

#[test]
fn what_this_host_sends_is_not_relayed_lcra_09() {
    let mut rig = Rig::new(settings());
    assert_eq!(rig.say(OWN_MAC, &discover()), refused(Refused::SourceRefused));
    // Own answers, seen on their way out.
    let octets = frame(CLIENT, OWN_MAC, "198.51.100.1:67", "192.0.2.18:68", &offer());
    assert_eq!(rig.frame(&octets), []);
}

#[test]
fn a_renewal_to_the_server_is_not_intercepted_lcra_12() {
    let mut rig = Rig::with(settings(), &[lan0(&["192.168.1.1"]), wan0(&[OWN])]);
    let to = |mac, destination: &str| frame(mac, CLIENT, "192.0.2.18:68", destination, &discover());
    assert_eq!(rig.frame(&to(OWN_MAC, "198.51.100.1:67")), []);
    assert_eq!(rig.frame(&to(OTHER, "192.168.1.1:67")), [], "a frame to another station");
    assert_eq!(rig.frame(&to(OTHER, &format!("{BROADCAST}:67"))), []);
    assert_eq!(rig.frame(&to(OWN_MAC, "192.168.1.1:67")), [relayed(discover())], "what is sent to us");
    assert_eq!(rig.frame(&to(OWN_MAC, &format!("{BROADCAST}:67"))), [relayed(discover())]);
}

#[test]
fn relay_agent_information_from_a_client_is_not_believed_lcra_10() {
    let mut rig = Rig::new(settings());
    let forged = message(1, CLIENT, "350101 5212 2e10 20010db8000100010000000000000018 ff");
    assert_eq!(rig.say(CLIENT, &forged), refused(Refused::Option82FromClient));
}

#[test]
fn bootp_is_relayed_both_ways_lcra_11() {
    let mut rig = Rig::new(settings());
    let request = message(1, CLIENT, "ff");
    assert_eq!(rig.say(CLIENT, &request), [relayed(request)]);
    let mut reply = message(2, CLIENT, "0104ffffff00 ff");
    put(&mut reply, YIADDR, &[192, 0, 2, 18]);
    let expected = delivered(EVERYBODY, "0.0.0.0", BROADCAST, &reply);
    assert_eq!(rig.reply(&reply), [expected], "it does not say where it is from");
}

#[test]
fn ten_of_a_hundred_messages_of_one_client_are_relayed_lcra_13() {
    let mut rig = Rig::new(settings());
    let mut passed = 0;
    for _ in 0..100 {
        let effects = rig.say(CLIENT, &discover());
        passed += usize::from(effects == [relayed(discover())]);
        assert!(effects == [relayed(discover())] || effects == refused(Refused::RateLimited));
        rig.now = rig.now + Duration::from_millis(10);
    }
    assert_eq!(passed, 10);
    // What would not be relayed anyhow takes nothing from anybody.
    let mut rig = Rig::new(settings());
    (0..1000).for_each(|_| drop(rig.say(CLIENT, &message(3, CLIENT, "ff"))));
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
}

#[test]
fn all_clients_together_have_a_limit_too_lcra_13() {
    let mut rig = Rig::new(settings());
    let passed = (0..1000_u16).filter(|n| {
        let [high, low] = n.to_be_bytes();
        let station = [2, 0, 0, 0, high, low];
        rig.say(station, &message(1, station, "350101 ff")) != refused(Refused::RateLimited)
    });
    assert_eq!(passed.count(), 200);
}

#[test]
fn only_allowed_clients_are_served_lcra_01() {
    let mut rig = Rig::new(LcraSettings { allow: vec![CLIENT], ..settings() });
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
    assert_eq!(rig.say(OTHER, &message(1, OTHER, "350101 ff")), refused(Refused::SourceRefused));
    assert_eq!(rig.say(OTHER, &discover()), refused(Refused::SourceRefused), "another's hardware address");
    assert_eq!(rig.say(CLIENT, &message(1, OTHER, "350101 ff")), refused(Refused::SourceRefused));
    let mut without_hardware = discover();
    put(&mut without_hardware, 1, &[20, 0]);
    assert_eq!(rig.say(CLIENT, &without_hardware), [relayed(without_hardware)]);
}

#[test]
fn a_sender_that_cannot_be_a_station_is_refused() {
    let mut rig = Rig::new(settings());
    for from in [EVERYBODY, [1, 0, 0x5e, 0, 0, 1], [0; 6]] {
        assert_eq!(rig.say(from, &discover()), refused(Refused::SourceRefused));
    }
}

#[test]
fn each_defect_of_a_message_alone_is_counted_lcra_03() {
    let changed = |at: usize, value: &[u8]| {
        let mut message = discover();
        put(&mut message, at, value);
        message
    };
    for (message, why) in [
        (changed(24, &[192, 0, 2, 1]), Refused::GiaddrNonzero),
        (changed(3, &[5]), Refused::HopsLimit),
        (changed(2, &[17]), Refused::Malformed4),
        (changed(0, &[2]), Refused::OpUnsupported),
        (changed(241, &[255]), Refused::Malformed4),
        (vec![1; 1458], Refused::Malformed4),
        (vec![1; 1473], Refused::NoRoom),
    ] {
        assert_eq!(Rig::new(settings()).say(CLIENT, &message), refused(why));
    }
}

#[test]
fn a_broken_frame_is_counted_and_one_left_to_hardware_is_not_broken() {
    let mut rig = Rig::new(settings());
    let mut octets = frame(EVERYBODY, CLIENT, "0.0.0.0:68", &format!("{BROADCAST}:67"), &discover());
    octets[40] ^= 1;
    assert_eq!(rig.frame(&octets), refused(Refused::MalformedFrame));
    let pending = provider::Frame { interface: LAN0, checksum_pending: true, octets: &octets };
    assert_eq!(rig.handle(Input::Frame(pending)), [relayed(discover())]);
    assert_eq!(rig.frame(&octets[..41]), refused(Refused::MalformedFrame));
    assert_eq!(rig.frame(&[]), refused(Refused::MalformedFrame));
}

#[test]
fn other_traffic_is_passed_over() {
    let mut rig = Rig::new(settings());
    let arp = Arp {
        op: ArpOp::Request,
        sender_hardware: CLIENT,
        sender: ip4("192.0.2.18"),
        target_hardware: [0; 6],
        target: ip4("198.51.100.1"),
    };
    assert_eq!(rig.frame(&arp.emit()), []);
    assert_eq!(rig.frame(&frame(EVERYBODY, CLIENT, "0.0.0.0:68", &format!("{BROADCAST}:53"), b"x")), []);
}

#[test]
fn sub_options_go_by_relay_encapsulation_hcra_14() {
    let private = LcraSettings {
        encapsulation: Encapsulation::Private,
        circuit_id: Some(b"port 7".to_vec()),
        remote_id: Some(b"home".to_vec()),
        ..settings()
    };
    let mut expected = octets("03 00 01 00 000e 012c  01 06 706f72742037  02 04 686f6d65");
    expected.extend(discover());
    assert_eq!(Rig::new(private).say(CLIENT, &discover()), [send(SERVER, &expected)]);
}
