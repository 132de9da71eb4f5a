//! Nothing is acknowledged that a crash could forget (invariant 6), and nothing lost stays in the table.

use crate::desk::*;
use dhcp4o6_protocol::binding::{Record, State};
use dhcp4o6_protocol::provider::{Effect, Input, Notice};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::view::{After, Lease};
use dhcp4o6_protocol::wire::v4::MessageType;
use std::net::Ipv4Addr;
use std::time::Duration;

fn offered(desk: &mut Desk, message: &Message) -> Ipv4Addr {
    let (kind, address, _) = given(&desk.ask(message));
    assert_eq!(kind, MessageType::OFFER);
    address
}

fn request(desk: &mut Desk, message: &Message) -> Vec<Effect> {
    desk.effects(LAN, CLIENT, GROUP, &query(0, &message.emit()))
}

fn kinds(effects: &[Effect]) -> Vec<&'static str> {
    let word = |effect: &Effect| match effect {
        Effect::Send { .. } => "send",
        Effect::Frame { .. } => "frame",
        Effect::Journal(_) => "journal",
        Effect::Notify(_) => "notify",
        Effect::Refused(_) => "refused",
    };
    effects.iter().map(word).collect()
}

fn bound(desk: &Desk) -> Vec<Ipv4Addr> {
    let leases = desk.server.leases(After::Start, 1000).into_iter();
    let held = leases.filter_map(|lease| match lease {
        Lease::V4(binding) if binding.state == State::Bound => Some(binding.slot.address),
        _ => None,
    });
    held.collect()
}

#[test]
fn every_ack_comes_after_its_record_also_when_it_is_repeated_s46_42() {
    let mut desk = Desk::new(settings());
    let address = offered(&mut desk, &discover());
    for _ in 0..3 {
        assert_eq!(kinds(&request(&mut desk, &selecting(address))), ["journal", "send"]);
    }
    assert_eq!(kinds(&request(&mut desk, &renewing(address))), ["journal", "send"]);
    assert_eq!(kinds(&request(&mut desk, &discover())), ["send"]);
}

#[test]
fn what_could_not_be_stored_is_taken_back_and_the_address_is_free() {
    let mut desk = Desk::new(settings());
    desk.stores = false;
    let address = offered(&mut desk, &discover());
    request(&mut desk, &selecting(address));
    assert_eq!(bound(&desk), [address]);
    let effects = desk.input(Input::StorageFailed);
    assert_eq!(effects, [Effect::Notify(Notice::StorageDegraded)]);
    assert!(bound(&desk).is_empty());
    assert!(desk.server.is_degraded());
    // Said once, however often it fails.
    assert_eq!(desk.input(Input::StorageFailed), []);
}

#[test]
fn what_was_stored_before_the_failure_stays() {
    let mut desk = Desk::new(settings());
    desk.stores = false;
    let first = offered(&mut desk, &discover());
    request(&mut desk, &selecting(first));
    let stored = desk.journalled();
    let mut other = selecting(offered(&mut desk, &discover().by(2)));
    (other.hardware, other.client_id) = (discover().by(2).hardware, discover().by(2).client_id);
    request(&mut desk, &other);
    assert_eq!(bound(&desk).len(), 2);
    desk.input(Input::Stored(stored));
    desk.input(Input::StorageFailed);
    assert_eq!(bound(&desk), [first]);
}

#[test]
fn while_nothing_can_be_stored_nobody_new_is_served_and_a_renewal_gets_what_is_left() {
    let mut desk = Desk::new(settings());
    let address = offered(&mut desk, &discover());
    request(&mut desk, &selecting(address));
    desk.input(Input::StorageFailed);
    assert_eq!(bound(&desk), [address], "it was stored");
    desk.wait(Duration::from_secs(1800));
    let effects = request(&mut desk, &renewing(address));
    assert_eq!(kinds(&effects), ["send"], "answered without a record");
    let (kind, again, left) = given(&dhcpv4(&sent(&effects).payload));
    assert_eq!((kind, again), (MessageType::ACK, address));
    assert!(left.unwrap() <= 1800, "{left:?}");
    let newcomer = query(0, &discover().by(9).emit());
    assert_eq!(desk.refused(LAN, "fe80::9", GROUP, &newcomer), Refused::NoStorage);
    assert_eq!(desk.input(Input::StorageRestored), [Effect::Notify(Notice::StorageRestored)]);
    assert_eq!(desk.input(Input::StorageRestored), []);
    assert_eq!(desk.sent(LAN, "fe80::9", GROUP, &newcomer).payload[0], 21);
    let (_, _, whole) = given(&desk.ask(&renewing(address)));
    assert_eq!(whole, Some(3600));
}

#[test]
fn a_disk_that_never_answers_stops_the_server_before_it_fills_the_memory() {
    let mut patient = settings();
    patient.rates.per_source = 0;
    let mut desk = Desk::new(patient);
    desk.stores = false;
    let address = offered(&mut desk, &discover());
    let mut acknowledged = 0;
    let reason = loop {
        let effects = request(&mut desk, &selecting(address));
        match refused(&effects) {
            None => acknowledged += 1,
            Some(reason) => break reason,
        }
        assert!(acknowledged < 100_000);
    };
    assert_eq!(reason, Refused::Overload);
    desk.input(Input::Stored(acknowledged));
    assert_eq!(kinds(&request(&mut desk, &selecting(address))), ["journal", "send"]);
}

#[test]
fn a_server_that_reads_its_records_again_knows_everybody() {
    let mut desk = Desk::new(settings());
    let mut records: Vec<Record> = Vec::new();
    let mut addresses = Vec::new();
    for client in 1..=50 {
        let ours = |mut message: Message| {
            (message.hardware, message.client_id) =
                (discover().by(client).hardware, discover().by(client).client_id);
            query(0, &message.emit())
        };
        let from = format!("fe80::{client:x}");
        let offer = dhcpv4(&desk.sent(LAN, &from, GROUP, &ours(discover())).payload);
        let (_, address, _) = given(&offer);
        let effects = desk.effects(LAN, &from, GROUP, &ours(selecting(address)));
        records.extend(effects.iter().filter_map(|effect| match effect {
            Effect::Journal(record) => Some(record.clone()),
            _ => None,
        }));
        addresses.push(address);
    }
    let pages = desk.server.leases(After::Start, 1000);
    let mut server = Server::new(settings(), duid(), [7; 16], [2; 32]);
    records.iter().chain(&records).for_each(|record| server.load(record));
    assert_eq!(server.leases(After::Start, 1000), pages, "also when records are read twice");
    desk.server = server;
    desk.input(Input::Interfaces(&interfaces()));
    let mut sorted = addresses.clone();
    sorted.sort();
    assert_eq!(bound(&desk), sorted);
    let mut renewal = renewing(addresses[6]);
    (renewal.hardware, renewal.client_id) = (discover().by(7).hardware, discover().by(7).client_id);
    let answer = desk.sent(LAN, "fe80::7", GROUP, &query(0x80, &renewal.emit())).payload;
    assert_eq!(given(&dhcpv4(&answer)), (MessageType::ACK, addresses[6], Some(3600)));
}
