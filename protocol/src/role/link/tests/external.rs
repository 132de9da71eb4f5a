//! The host Client Relay Agent with a client of another program, on the TAP device.

use super::hcra::{TSV, hcra, own, relayed, rig};
use super::order::global;
use super::*;
use crate::role::hcra::AGENT;
use crate::settings::{HcraClient, Mode};
use crate::wire::frame::{Content, Datagram as Udp, EVERYBODY, Frame};
use std::net::SocketAddrV4;

const CLIENT: [u8; 6] = [2, 0, 0x5e, 0x10, 0, 1];

fn external() -> LinkSettings {
    let mut settings = hcra();
    settings.hcra.client = HcraClient::External;
    settings
}

fn adopting() -> LinkSettings {
    let mut settings = external();
    settings.hcra.adopt = true;
    settings
}

/// A client's message, as it broadcasts it.
fn frame(kind: v4::MessageType) -> Vec<u8> {
    let ask = v4::Outgoing {
        op: v4::BOOTREQUEST,
        htype: 1,
        hardware: CLIENT.to_vec(),
        xid: crate::ids::Xid4(7),
        secs: 0,
        flags: 0,
        ciaddr: Ipv4Addr::UNSPECIFIED,
        yiaddr: Ipv4Addr::UNSPECIFIED,
        giaddr: Ipv4Addr::UNSPECIFIED,
        options: vec![
            (v4::code::MESSAGE_TYPE, vec![kind.0]),
            (v4::code::CLIENT_ID, [&[1], &CLIENT[..]].concat()),
        ],
    };
    let payload = ask.emit().unwrap();
    let datagram = Udp {
        source: SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 68),
        destination: SocketAddrV4::new(Ipv4Addr::BROADCAST, 67),
        payload: &payload,
    };
    datagram.emit(EVERYBODY, CLIENT).unwrap()
}

/// Messages in frames for the client among `effects`.
fn delivered(effects: &[Effect]) -> Vec<Vec<u8>> {
    let delivered = |effect: &Effect| match effect {
        Effect::Frame(octets) => match Frame::parse(octets, false).unwrap() {
            Frame { from: AGENT, content: Content::Dhcp(datagram), .. } => Some(datagram.payload.to_vec()),
            other => panic!("{other:?}"),
        },
        _ => None,
    };
    effects.iter().filter_map(delivered).collect()
}

fn carrier(effects: &[Effect]) -> Vec<bool> {
    let carrier = |effect: &Effect| match effect {
        Effect::Carrier(on) => Some(*on),
        _ => None,
    };
    effects.iter().filter_map(carrier).collect()
}

impl Rig {
    /// The client has its lease.
    fn lease_passes(&mut self) -> Vec<Effect> {
        self.effects.clear();
        self.see();
        for (ask, answer) in [
            (v4::MessageType::DISCOVER, v4::MessageType::OFFER),
            (v4::MessageType::REQUEST, v4::MessageType::ACK),
        ] {
            let effects = self.input(Input::Frame(&frame(ask)));
            let (_, to, asked) = relayed(&effects).remove(0);
            assert_eq!(to, TSV);
            let reply = super::answer(&asked, answer, |_| {});
            let effects = self.hear_agent(&reply);
            assert_eq!(delivered(&effects), [reply], "HCRA-16");
        }
        std::mem::take(&mut self.effects)
    }

    fn hear_agent(&mut self, payload: &[u8]) -> Vec<Effect> {
        let to = self.link.status().hcra.as_ref().unwrap().source.unwrap();
        let from = SocketAddrV6::new(TSV, 67, 0, 0);
        self.input(Input::Datagram(Datagram { via: Port::Cra6(to), interface: 7, from, to, payload }))
    }
}

#[test]
fn the_device_gets_carrier_when_there_is_a_way_hcra_06() {
    let mut rig = Rig::new(external());
    let effects = rig.see();
    assert!(effects.contains(&Effect::Open(Port::Tap)));
    assert!(carrier(&effects).is_empty(), "no global address yet");
    rig.facts.addresses.push(global(1));
    assert_eq!(carrier(&rig.see()), [true]);
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::Acquiring, "external-client")
    );
    rig.facts.addresses.pop();
    assert_eq!(carrier(&rig.see()), [false]);
    assert_eq!(
        (rig.link.status().state, rig.link.status().reason),
        (LinkState::WaitIpv6, "no-global-address")
    );
}

#[test]
fn the_lease_of_a_client_that_knows_nothing_is_seen_and_no_engine_of_ours_runs() {
    let mut rig = rig(external());
    let effects = rig.lease_passes();
    let seen = rig.link.status().hcra.as_ref().unwrap().seen.clone().unwrap();
    assert_eq!((seen.address, seen.source), (LEASED, Some(own(1))));
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Bound, "external-client"));
    assert!(kinds(&effects).contains(&"acquired"));
    assert!(!kinds(&effects).contains(&"configure"), "it has its address itself");
    assert_eq!(rig.link.status().client4.state, "off");
    assert!(!effects.contains(&Effect::Open(Port::Native4)), "a client has port 68, and that is right");
    let hcra = rig.link.status().hcra.clone().unwrap();
    assert_eq!((hcra.client, hcra.relayed, hcra.delivered), ("external", 2, 2));
}

#[test]
fn with_adopt_the_lease_is_on_the_target_until_it_ends() {
    let mut rig = rig(adopting());
    let effects = rig.lease_passes();
    let order: Vec<_> =
        kinds(&effects).into_iter().filter(|kind| ["configure", "acquired"].contains(kind)).collect();
    assert_eq!(order, ["configure", "acquired"], "told once it is there");
    assert_eq!(rig.link.status().ipv4.as_ref().map(|config| config.address), Some(LEASED));
    rig.effects.clear();
    for _ in 0..100 {
        rig.wait(Duration::from_secs(100));
    }
    assert_eq!(rig.link.status().ipv4, None);
    let ended: Vec<_> =
        kinds(&rig.effects).into_iter().filter(|kind| ["clear", "expired"].contains(kind)).collect();
    assert_eq!(ended, ["clear", "expired"]);
    assert_eq!(rig.link.status().hcra.as_ref().unwrap().seen, None);
}

#[test]
fn adoption_follows_the_setting_and_ends_with_the_client() {
    let mut rig = rig(external());
    rig.lease_passes();
    let effects = rig.input(Input::Settings(Box::new(adopting())));
    assert!(kinds(&effects).contains(&"configure"), "{effects:?}");
    assert!(carrier(&effects).is_empty(), "the client notices nothing");
    let effects = rig.input(Input::Settings(Box::new(hcra())));
    assert!(effects.contains(&Effect::Close(Port::Tap)), "{effects:?}");
    assert!(kinds(&effects).contains(&"clear"));
    assert!(!relayed(&effects).is_empty(), "our own client begins");
}

#[test]
fn when_the_agent_moves_its_client_begins_again_so_that_the_binding_follows_e17() {
    let mut rig = rig(external());
    rig.lease_passes();
    rig.facts.addresses[1] = global(2);
    assert_eq!(carrier(&rig.see()), [false, true]);
    let effects = rig.input(Input::Frame(&frame(v4::MessageType::REQUEST)));
    assert_eq!(relayed(&effects)[0].0, own(2));
}

#[test]
fn what_the_client_says_wrong_is_counted_and_nothing_is_sent_hcra_11_hcra_12() {
    let mut rig = rig(external());
    rig.see();
    let good = frame(v4::MessageType::DISCOVER);
    let before = rig.link.status().clone();
    for (name, at, value, refused) in [
        ("op", 42, 2, Refused::OpUnsupported),
        ("hops", 42 + 3, 5, Refused::HopsLimit),
        ("giaddr", 42 + 24, 10, Refused::GiaddrNonzero),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        // Without a checksum there is none to be wrong.
        bad[40..42].fill(0);
        assert_eq!(rig.input(Input::Frame(&bad)), [Effect::Refused(refused)], "{name}");
        assert_eq!(*rig.link.status(), before, "{name}");
    }
}

#[test]
fn a_device_that_cannot_be_made_or_was_removed_is_tried_again() {
    let mut rig = rig(external());
    rig.see();
    let gone = rig.input(Input::Opened(Port::Tap, Err(OpenError::NoLink)));
    assert!(!gone.contains(&Effect::Open(Port::Tap)));
    assert_eq!((rig.link.status().state, rig.link.status().reason), (LinkState::Failed, "no-device"));
    let again: Vec<_> = (0..4).flat_map(|_| rig.wait(Duration::from_secs(1))).collect();
    assert!(again.contains(&Effect::Open(Port::Tap)));
    assert_eq!(carrier(&again), [true], "the new one has none until it is given");
    assert_ne!(rig.link.status().state, LinkState::Failed);
}

#[test]
fn the_device_stays_when_the_service_ends_and_goes_when_it_is_not_wanted() {
    let mut rig = rig(external());
    rig.lease_passes();
    let effects = rig.input(Input::Command(Command::Shutdown));
    assert!(!effects.contains(&Effect::Close(Port::Tap)) && carrier(&effects).is_empty(), "{effects:?}");
    for (name, input) in [
        ("stopped", Input::Command(Command::Stop)),
        ("off", Input::Settings(Box::new(LinkSettings { mode: Mode::Off, ..external() }))),
        ("4o6", Input::Settings(Box::new(LinkSettings { mode: Mode::Dhcp4o6, ..external() }))),
    ] {
        let mut rig = self::rig(external());
        rig.lease_passes();
        assert!(rig.input(input).contains(&Effect::Close(Port::Tap)), "{name}");
    }
}

#[test]
fn frames_mean_nothing_where_no_client_of_another_program_is_wanted() {
    let mut rig = rig(hcra());
    rig.see();
    assert_eq!(rig.input(Input::Frame(&frame(v4::MessageType::DISCOVER))), []);
}
