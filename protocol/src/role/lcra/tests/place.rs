//! Which interfaces, addresses and servers it works with.

use super::*;

fn ports(source: &str) -> Vec<Port> {
    vec![Port::Frames(LAN0), Port::Cra6(ip(source))]
}

#[test]
fn without_address_server_or_link_there_is_no_socket_and_nothing_is_sent_hcra_04_hcra_05_lcra_15() {
    let no_server = LcraSettings { servers: Vec::new(), ..settings() };
    let all = [lan0(&[]), wan0(&[OWN])];
    for (settings, interfaces, why) in [
        (settings(), &[][..], Refused::WrongLink),
        (settings(), &[wan0(&[OWN])], Refused::WrongLink),
        (settings(), &[lan0(&[])], Refused::NotReady),
        (settings(), &[lan0(&[]), wan0(&["fe80::2"])], Refused::NotReady),
        (no_server, &all, Refused::NotReady),
    ] {
        let mut rig = Rig::with(settings, interfaces);
        assert_eq!(rig.lcra.ports(), []);
        assert_eq!(rig.say(CLIENT, &discover()), refused(why));
    }
    let rig = Rig::new(settings());
    assert_eq!((rig.lcra.ports(), rig.lcra.source()), (ports(OWN), Some(ip(OWN))));
}

#[test]
fn a_link_without_ethernet_addresses_is_none() {
    let tunnel = Interface { hardware: HardwareAddress::default(), ..lan0(&[]) };
    assert_eq!(Rig::with(settings(), &[tunnel, wan0(&[OWN])]).lcra.ports(), []);
}

#[test]
fn clients_and_servers_can_be_on_one_link_and_no_broadcast_reappears_there_lcra_16() {
    let both = Interface { addresses: vec![ip("fe80::1"), ip(OWN)], ..lan0(&[]) };
    let mut rig = Rig::with(LcraSettings { upstream: "lan0".to_owned(), ..settings() }, &[both]);
    assert_eq!(rig.lcra.ports(), ports(OWN));
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
}

#[test]
fn the_source_is_a_global_address_and_stays_the_same_while_it_is_there_hcra_07() {
    let source = |rig: &Rig| rig.lcra.source().map(|source| source.to_string());
    let all = ["fe80::2", "fd00::1", "::1", OWN, "2001:db8:5::5"];
    let mut rig = Rig::with(settings(), &[lan0(&[]), wan0(&all)]);
    assert_eq!(source(&rig).as_deref(), Some(OWN));
    rig.interfaces(&[lan0(&[]), wan0(&["2001:db8:5::5", OWN])]);
    assert_eq!(source(&rig).as_deref(), Some(OWN));
    rig.interfaces(&[lan0(&[]), wan0(&["2001:db8:5::5"])]);
    assert_eq!(source(&rig).as_deref(), Some("2001:db8:5::5"));
    assert_eq!(rig.lcra.ports(), ports("2001:db8:5::5"));
    rig.interfaces(&[lan0(&[]), wan0(&["fd00::1"])]);
    assert_eq!(source(&rig), None);
    rig.lcra.configure(LcraSettings { unique_local: true, ..settings() });
    assert_eq!(source(&rig).as_deref(), Some("fd00::1"));
}

#[test]
fn a_configured_source_is_used_while_it_is_there_hcra_07() {
    let settings = LcraSettings { source: Some(ip("2001:db8:5::5")), ..settings() };
    let mut rig = Rig::with(settings, &[lan0(&[]), wan0(&[OWN, "2001:db8:5::5"])]);
    assert_eq!(rig.lcra.source(), Some(ip("2001:db8:5::5")));
    rig.interfaces(&[lan0(&[]), wan0(&[OWN])]);
    assert_eq!(rig.lcra.source(), None);
}

#[test]
fn servers_can_change_at_any_time_and_what_waits_goes_on_waiting_hcra_23() {
    let mut rig = Rig::new(settings());
    rig.say(CLIENT, &discover());
    rig.lcra.set_servers(vec![ip(OTHER_SERVER), ip("::"), ip(OTHER_SERVER)]);
    assert_eq!(rig.lcra.servers(), [ip(OTHER_SERVER)]);
    assert_eq!(rig.reply(&offer()), refused(Refused::SourceRefused));
    let expected = delivered(CLIENT, "198.51.100.1", "192.0.2.18", &offer());
    assert_eq!(rig.datagram(OTHER_SERVER, OWN, &offer()), [expected]);
    rig.lcra.set_servers(Vec::new());
    assert_eq!(rig.lcra.ports(), []);
    assert_eq!(rig.say(CLIENT, &discover()), refused(Refused::NotReady));
}

#[test]
fn other_settings_hold_at_once() {
    let mut rig = Rig::new(settings());
    rig.lcra.configure(LcraSettings { hops_limit: 1, rate_per_client: 1, ..settings() });
    let mut passed_two = discover();
    passed_two[3] = 2;
    assert_eq!(rig.say(CLIENT, &passed_two), refused(Refused::HopsLimit));
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
    assert_eq!(rig.say(CLIENT, &discover()), refused(Refused::RateLimited));
}

#[test]
fn a_flood_of_forged_clients_leaves_room_for_the_next() {
    let mut rig = Rig::new(LcraSettings { rate: 0, ..settings() });
    for n in 0..100_000_u32 {
        let [_, a, b, c] = n.to_be_bytes();
        let station = [2, 9, 9, a, b, c];
        assert_eq!(rig.say(station, &message(1, station, "350101 ff")).len(), 1);
    }
    assert_eq!(rig.say(CLIENT, &discover()), [relayed(discover())]);
    assert_eq!(rig.reply(&offer()), [delivered(CLIENT, "198.51.100.1", "192.0.2.18", &offer())]);
}

#[test]
fn frames_of_another_interface_and_inputs_of_other_roles_do_nothing() {
    let mut rig = Rig::new(settings());
    let octets = frame(EVERYBODY, CLIENT, "0.0.0.0:68", &format!("{BROADCAST}:67"), &discover());
    let elsewhere = provider::Frame { interface: WAN0, checksum_pending: false, octets: &octets };
    assert_eq!(rig.handle(Input::Frame(elsewhere)), refused(Refused::WrongLink));
    for input in [Input::Deadline, Input::Stored(1), Input::StorageFailed, Input::StorageRestored] {
        assert_eq!(rig.handle(input), []);
    }
}
