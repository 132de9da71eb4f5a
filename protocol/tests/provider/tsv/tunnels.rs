//! What a tunnel concentrator hears (TSV-18).

use super::*;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Input, TunnelBinding};
use dhcp4o6_protocol::role::server::Server;
use dhcp4o6_protocol::time::Instant;
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn reached(address: Ipv4Addr, agent: &str, until: Instant) -> TunnelBinding {
    TunnelBinding { address, agent: self::address(agent), until: Some(until) }
}

fn said_over_ipv6(desk: &mut Desk, from: &str, message: &Message) -> Vec<Notice> {
    notices(&desk.by_ipv6(from, &message.emit()))
}

#[test]
fn a_grant_an_extension_and_a_move_are_told_and_what_changes_nothing_is_not_tsv_18() {
    let mut desk = desk();
    let (_, address) = told(&mut desk, CRA, &discover());
    let granted = reached(address, CRA, desk.now + HOUR);
    let added = |binding| vec![Notice::BindingAdded(binding)];
    assert_eq!(said_over_ipv6(&mut desk, CRA, &selecting(address)), added(granted));
    // The same at the same moment is the same.
    assert_eq!(said_over_ipv6(&mut desk, CRA, &selecting(address)), []);
    assert_eq!(said_over_ipv6(&mut desk, CRA, &discover()), []);
    desk.wait(Duration::from_secs(600));
    let extended = reached(address, CRA, desk.now + HOUR);
    assert_eq!(said_over_ipv6(&mut desk, CRA, &renewing(address)), added(extended));
    // By IPv4 it is extended where it is.
    desk.wait(Duration::from_secs(600));
    let extended = reached(address, CRA, desk.now + HOUR);
    let from = (address.octets(), CLIENT_PORT);
    let effects = desk.by_ipv4(NOT_SERVED, from, SERVER_ID, &renewing(address).emit());
    assert_eq!(notices(&effects), added(extended));
    let moved = reached(address, OTHER_CRA, desk.now + HOUR);
    assert_eq!(said_over_ipv6(&mut desk, OTHER_CRA, &renewing(address)), added(moved));
    // Through a TRA as well.
    desk.wait(Duration::from_secs(1));
    let value = [&[46, 16][..], &self::address(CRA).octets()].concat();
    let effects = super::relays::by_tra(&mut desk, &renewing(address), &value);
    assert_eq!(notices(&effects), added(reached(address, CRA, desk.now + HOUR)));
}

#[test]
fn every_end_is_told_once_tsv_18() {
    let removed = |binding| vec![Notice::BindingRemoved(binding)];
    for end in ["release", "release by IPv4", "decline", "expiry", "revoke", "4o6", "IPv4"] {
        let mut desk = desk();
        let address = lease(&mut desk, CRA, |message| message);
        let binding = reached(address, CRA, desk.now + HOUR);
        let from = (address.octets(), CLIENT_PORT);
        let said = match end {
            "release" => said_over_ipv6(&mut desk, CRA, &releasing(address)),
            "release by IPv4" => {
                notices(&desk.by_ipv4(NOT_SERVED, from, SERVER_ID, &releasing(address).emit()))
            }
            "decline" => {
                let mut said = said_over_ipv6(&mut desk, CRA, &declining(address));
                said.retain(|notice| *notice != Notice::Declined(address));
                said
            }
            "expiry" => {
                desk.now = desk.now + HOUR + Duration::from_secs(1);
                notices(&desk.input(Input::Deadline))
            }
            "revoke" => {
                let (now, mut out) = (desk.now, Vec::new());
                desk.server.revoke(now, address.into(), &mut out).unwrap();
                notices(&out)
            }
            // It still has its address, and comes by another way from now on.
            "4o6" => notices(&desk.effects(NOT_SERVED, CRA, ANYCAST, &query(0, &renewing(address).emit()))),
            _ => notices(&desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &renewing(address).emit())),
        };
        assert_eq!(said, removed(binding), "{end}");
        // Nothing more is said of it.
        assert_eq!(notices(&desk.by_ipv6(CRA, &releasing(address).emit())), [], "{end}");
        desk.now = desk.now + 3 * HOUR;
        assert_eq!(notices(&desk.input(Input::Deadline)), [], "{end}");
    }
}

#[test]
fn a_client_that_exchanges_its_lease_leaves_one_and_gets_the_other_tsv_18() {
    let mut desk = Desk::new(two_subnets());
    let old = lease(&mut desk, CRA, |message| message);
    let began = desk.now;
    desk.wait(Duration::from_secs(5));
    let there = "2001:db8:2::18";
    let (_, new) = told(&mut desk, there, &discover());
    assert_ne!(old, new);
    let said = said_over_ipv6(&mut desk, there, &selecting(new));
    let gained = Notice::BindingAdded(reached(new, there, desk.now + HOUR));
    let lost = Notice::BindingRemoved(reached(old, CRA, began + HOUR));
    assert!(said == [gained.clone()] || said == [lost, gained], "{said:?}");
}

#[test]
fn clients_that_did_not_come_by_an_agent_are_nobodys_business_tsv_18() {
    let mut desk = desk();
    let (_, address, _) = given(&desk.ask(&discover()));
    let effects = desk.effects(LAN, CLIENT, GROUP, &query(0, &selecting(address).emit()));
    assert_eq!(notices(&effects), []);
    let other = discover().by(2);
    let offer = desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &other.emit());
    let (_, address, _) = given(&sent_by(Port::Server4, &offer).payload);
    let ack = desk.by_ipv4(LAN, ([0; 4], CLIENT_PORT), BROADCAST, &selecting(address).by(2).emit());
    assert_eq!(notices(&ack), []);
    desk.now = desk.now + 2 * HOUR;
    assert_eq!(notices(&desk.input(Input::Deadline)), []);
}

#[test]
fn what_could_not_be_stored_is_taken_back_tsv_18() {
    let mut desk = desk();
    let address = lease(&mut desk, CRA, |message| message);
    let first = reached(address, CRA, desk.now + HOUR);
    desk.stores = false;
    desk.wait(Duration::from_secs(60));
    let second = reached(address, CRA, desk.now + HOUR);
    assert_eq!(said_over_ipv6(&mut desk, CRA, &renewing(address)), [Notice::BindingAdded(second)]);
    let failed = notices(&desk.input(Input::StorageFailed));
    assert_eq!(failed, [Notice::StorageDegraded, Notice::BindingAdded(first)]);
    // While nothing is stored a renewal promises what is left, and changes nothing.
    assert_eq!(said_over_ipv6(&mut desk, CRA, &renewing(address)), []);
}

#[test]
fn after_a_start_what_ends_is_told_and_what_was_over_before_is_not_tsv_18() {
    let mut before = desk();
    let mut records = Vec::new();
    let mut take = |desk: &mut Desk, client| {
        let (_, address) = told(desk, CRA, &discover().by(client));
        for effect in desk.by_ipv6(CRA, &selecting(address).by(client).emit()) {
            if let Effect::Journal(record) = effect {
                records.push(record);
            }
        }
        address
    };
    take(&mut before, 1);
    before.wait(HOUR / 2);
    let second = take(&mut before, 2);
    let end = before.now + HOUR;
    let mut server = Server::new(settings_at_67(), duid(), [7; 16], [3; 32]);
    records.iter().for_each(|record| server.load(record));
    let mut out = Vec::new();
    server.handle(end - HOUR / 4, Input::Interfaces(&interfaces()), &mut out);
    assert_eq!(out, [], "the first was over, the second still runs");
    server.handle(end + Duration::from_secs(1), Input::Deadline, &mut out);
    assert_eq!(notices(&out), [Notice::BindingRemoved(reached(second, CRA, end))]);
}
