//! What becomes of permit, DHCPv4 engine and installed address in each event of a link's life: one test per row of the
//! event matrix (E1 to E15).

use crate::model::net::Net;
use crate::model::server::{Enable, Server};
use crate::model::{hours, ms, secs};
use dhcp4o6_protocol::machine::{Command, ConfigureError, OpenError};
use dhcp4o6_protocol::refused::Refused;
use dhcp4o6_protocol::settings::{Dhcp6Mode, LinkSettings, Mode, OnWithdraw};
use dhcp4o6_protocol::status::LinkState;
use dhcp4o6_protocol::wire::v4::{self, MessageType, code};
use dhcp4o6_protocol::wire::v6::Message;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use std::net::Ipv6Addr;

/// A stateless link whose configuration is refreshed every ten minutes and whose lease is an hour's.
fn stateless(seed: u64) -> Net {
    let mut server = Server::good(1);
    server.refresh = Some(600);
    Net::seeded(seed).server(server).set(|s| s.dhcp6.mode = Dhcp6Mode::Stateless)
}

#[track_caller]
fn bound(net: Net) -> Net {
    let mut net = net.up();
    net.until_bound(secs(15));
    net.sent.clear();
    net
}

/// DHCPv4 types and U flags of the queries that left, in order.
fn queries(net: &Net) -> Vec<(MessageType, bool)> {
    net.sent
        .iter()
        .filter(|sent| sent.payload[0] == 20)
        .map(|sent| {
            let query = Message::parse(&sent.payload).unwrap();
            let inner = query.options.first(OptionCode::DHCPV4_MSG).unwrap();
            (v4::Message::parse(inner).unwrap().kind().unwrap(), query.is_unicast())
        })
        .collect()
}

fn story(net: &Net) -> Vec<&'static str> {
    net.told.iter().map(|(_, event)| event.kind.word()).collect()
}

fn withdrawn(seed: u64, change: impl FnOnce(&mut LinkSettings)) -> Net {
    let mut net = bound(stateless(seed).set(change));
    net.servers[0].enable = Enable::No;
    net.run_until(secs(700), |net| net.status().permit_state == "withdrawn");
    net.sent.clear();
    net
}

/// Whoever handles a deadline that does not move is called without end: the network fails then.
#[test]
fn a_link_waits_quietly_whatever_its_mode() {
    for mode in [Mode::Auto, Mode::Dhcp4o6, Mode::Hcra, Mode::Off] {
        for release in [false, true] {
            let mut net = Net::seeded(100).set(|settings| {
                settings.mode = mode;
                settings.release_on_stop = release;
                settings.dhcp6.mode = Dhcp6Mode::Stateful;
            });
            net = net.server(Server::good(1)).up();
            net.run_for(secs(8));
            // Nobody answers the Release.
            net.servers.clear();
            net.command(Command::Stop);
            net.run_for(secs(60));
            net.command(Command::Start);
            net.run_for(secs(60));
            assert!(net.steps < 400, "{mode:?}: {} steps", net.steps);
        }
    }
}

#[test]
fn the_first_reply_with_option_88_starts_the_engine_e1() {
    let mut net = stateless(101);
    net.servers[0].enable = Enable::No;
    let mut net = net.up();
    net.run_for(secs(60));
    assert_eq!((net.status().permit_state, queries(&net).len()), ("none", 0));
    assert_eq!(net.status().state, LinkState::NotEnabled);
    net.servers[0].enable = Enable::Servers(Vec::new());
    net.until_bound(secs(700));
    assert_eq!(net.status().permit_state, "valid");
}

#[test]
fn without_option_88_the_lease_is_held_to_its_end_in_silence_e2() {
    let mut net = withdrawn(102, |_| {});
    assert_eq!(net.status().state, LinkState::Degraded);
    let end = net.status().client4.lease.unwrap().expires_at.unwrap();
    net.run_for(end.since(net.now) - ms(1));
    assert!(net.address().is_some(), "held to the end");
    net.run_for(ms(2));
    assert_eq!(net.address(), None);
    net.run_for(hours(2));
    assert_eq!(queries(&net), []);
    assert_eq!(story(&net), ["acquired", "expired"]);
}

#[test]
fn without_option_88_the_lease_goes_at_once_when_so_configured_e2() {
    let mut net = withdrawn(103, |s| s.on_withdraw = OnWithdraw::Drop);
    assert_eq!(net.address(), None);
    net.run_for(hours(2));
    assert_eq!(queries(&net), [], "not even RELEASE");
}

#[test]
fn release_sends_nothing_without_a_permit_e2_c46_19() {
    let mut net = withdrawn(104, |_| {});
    net.command(Command::Release);
    assert_eq!(net.address(), None);
    assert_eq!(queries(&net), []);
}

#[test]
fn a_withdrawn_permit_is_asked_for_again_e2_c6_04() {
    let mut net = withdrawn(105, |_| {});
    net.run_for(secs(1300));
    let asked: Vec<bool> = net
        .sent
        .iter()
        .map(|sent| Message::parse(&sent.payload).unwrap().options.codes(OptionCode::ORO).unwrap())
        .map(|codes| codes.contains(&OptionCode::DHCP4_O_DHCP6_SERVER))
        .collect();
    assert!(asked.len() >= 2 && asked.into_iter().all(|asks| asks));
}

#[test]
fn replies_that_carry_no_configuration_leave_the_permit_alone_e2() {
    // The Reply to Confirm has no options; the permit of before holds.
    let mut net = bound(Net::seeded(106).server(Server::good(1)));
    net.kernel.set_carrier(net.now, false);
    net.settle();
    net.run_for(secs(30));
    assert_eq!(net.status().permit_state, "suspended");
    net.kernel.set_carrier(net.now, true);
    net.settle();
    net.until_bound(secs(15));
    assert!(net.watch.reached.contains("sent-confirm"));
    assert_eq!(net.status().permit_state, "valid");
    // So has the Reply to Decline.
    net.kernel.next_is_duplicate = true;
    net.kernel.unplug();
    net.settle();
    net.kernel.plug(net.now);
    net.settle();
    net.run_until(secs(60), |net| net.watch.reached.contains("sent-decline6"));
}

#[test]
fn a_permit_that_returns_takes_the_lease_up_where_its_clock_is_e3() {
    // A lease of 65 minutes, whose T1 and T2 are near 32 and 57. Every ten minutes the permit may return.
    for (seed, minutes, unicast, state) in [(107, 35, true, "renewing"), (109, 58, false, "rebinding")] {
        let mut net = stateless(seed);
        net.servers[0].four.lease = 65 * 60;
        let mut net = bound(net);
        let address = net.address();
        net.servers[0].enable = Enable::No;
        net.run_for(secs(minutes * 60));
        assert_eq!((net.status().permit_state, net.address()), ("withdrawn", address));
        net.servers[0].enable = Enable::Servers(Vec::new());
        net.run_until(secs(700), |net| net.status().permit_state == "valid");
        assert_eq!(net.status().client4.state, state);
        net.until_bound(secs(5));
        assert_eq!(queries(&net), [(MessageType::REQUEST, unicast)]);
        assert_eq!(net.address(), address);
    }
}

#[test]
fn a_permit_that_returns_to_no_lease_begins_with_discover_e3() {
    let mut net = withdrawn(110, |s| s.on_withdraw = OnWithdraw::Drop);
    net.servers[0].enable = Enable::Servers(Vec::new());
    net.until_bound(secs(700));
    assert_eq!(queries(&net).first(), Some(&(MessageType::DISCOVER, false)));
}

#[test]
fn a_permit_that_returns_early_sends_nothing_e3() {
    let mut net = withdrawn(111, |_| {});
    net.servers[0].enable = Enable::Servers(Vec::new());
    net.run_until(secs(700), |net| net.status().permit_state == "valid");
    net.run_for(secs(1));
    // Withdrawn after ten minutes and back after twenty: T1 of the hour is not reached.
    assert_eq!(queries(&net), []);
    assert!(net.is_bound());
}

#[test]
fn the_permit_ends_with_the_dhcpv6_lease_e4() {
    let mut server = Server::good(1);
    (server.preferred, server.valid) = (300, 600);
    server.four.lease = 86400;
    let mut net = bound(Net::seeded(112).server(server));
    net.servers[0].alive = false;
    net.run_for(secs(700));
    assert_eq!(net.status().permit_state, "expired");
    assert!(net.address().is_some(), "held");
    net.sent.clear();
    net.run_for(hours(20));
    assert_eq!(queries(&net), []);
    net.servers[0].alive = true;
    net.run_until(hours(2), |net| net.status().permit_state == "valid");
}

#[test]
fn a_pending_query_moves_to_the_new_source_with_its_xid_e5() {
    let mut server = Server::good(1);
    server.enable = Enable::Servers(vec![server.global]);
    server.refresh = Some(86400);
    let prefix = |n| Ipv6Addr::new(0x2001, 0xdb8, 1, n, 0, 0, 0, 0);
    let mut net = bound(Net::seeded(113).server(server).set(|s| s.dhcp6.mode = Dhcp6Mode::Stateless));
    net.servers[0].deaf4 = true;
    net.command(Command::Renew);
    net.run_for(secs(1));
    let first = net.sent.last().unwrap().clone();
    assert_eq!(first.source.unwrap().segments()[..4], prefix(1).segments()[..4]);
    net.kernel.advertise(net.now, true, true, Some(prefix(2)));
    net.settle();
    net.run_for(secs(3));
    let moved = net.sent.iter().rfind(|sent| sent.payload[0] == 20).unwrap();
    assert_eq!(moved.source.unwrap().segments()[..4], prefix(2).segments()[..4]);
    let inner = |payload: &[u8]| {
        let query = Message::parse(payload).unwrap();
        v4::Message::parse(query.options.first(OptionCode::DHCPV4_MSG).unwrap()).unwrap().xid
    };
    assert_eq!(inner(&moved.payload), inner(&first.payload));
    assert!(net.address().is_some());
}

#[test]
fn a_changed_server_list_serves_the_next_transmission_e6() {
    let mut net = bound(stateless(114));
    let global = net.servers[0].global;
    net.servers[0].enable = Enable::Servers(vec![global]);
    net.run_until(secs(700), |net| net.status().client4.destinations == [global]);
    assert_eq!(queries(&net), [], "no restart");
    net.run_for(hours(1));
    let to: Vec<Ipv6Addr> = net.sent.iter().filter(|s| s.payload[0] == 20).map(|s| s.to).collect();
    assert!(!to.is_empty() && to.iter().all(|to| *to == global));
}

#[test]
fn a_malformed_list_in_a_refresh_changes_nothing_e6() {
    let mut net = bound(stateless(115));
    net.servers[0].enable = Enable::Malformed;
    net.run_for(hours(3));
    assert!(net.refused.of(Refused::BadOption88) > 10);
    assert!(net.is_bound());
    assert_eq!(net.status().permit_state, "valid");
}

#[test]
fn a_malformed_list_in_the_first_reply_is_no_permit_c6_34() {
    let mut net = stateless(116);
    net.servers[0].enable = Enable::Malformed;
    let mut net = net.up();
    net.run_for(secs(60));
    assert_eq!(net.status().permit_state, "refused");
    assert_eq!(queries(&net), []);
}

#[test]
fn a_short_loss_of_carrier_changes_nothing_but_silence_e7() {
    let mut net = bound(stateless(117));
    let address = net.address();
    net.kernel.set_carrier(net.now, false);
    net.settle();
    net.run_for(secs(4));
    assert_eq!(net.status().permit_state, "valid");
    assert_eq!(net.sent.len(), 0);
    net.kernel.set_carrier(net.now, true);
    net.settle();
    net.run_for(secs(10));
    assert_eq!((net.address(), net.is_bound()), (address, true));
    assert_eq!(story(&net), ["acquired"]);
}

#[test]
fn a_long_loss_of_carrier_ends_with_init_reboot_e8() {
    let mut net = bound(stateless(118));
    let address = net.address();
    net.kernel.set_carrier(net.now, false);
    net.settle();
    net.run_for(secs(60));
    assert_eq!(net.status().permit_state, "suspended");
    assert_eq!((net.address(), net.sent.len()), (address, 0));
    net.kernel.set_carrier(net.now, true);
    net.settle();
    net.until_bound(secs(15));
    assert_eq!(queries(&net), [(MessageType::REQUEST, false)]);
    assert_eq!(net.address(), address, "it never left the link");
}

#[test]
fn on_another_network_init_reboot_ends_with_nak_and_a_new_address_e8_e12() {
    let mut net = bound(stateless(119));
    net.kernel.set_carrier(net.now, false);
    net.settle();
    net.run_for(secs(60));
    net.servers[0].forget();
    net.servers[0].four.subnet = [203, 0, 113];
    net.kernel.set_carrier(net.now, true);
    net.settle();
    net.until_bound(secs(30));
    assert_eq!(net.address().unwrap().octets()[..3], [203, 0, 113]);
    assert_eq!(story(&net), ["acquired", "nak", "acquired"]);
}

#[test]
fn a_deleted_link_that_returns_gets_its_lease_again_e9() {
    let mut net = bound(stateless(120));
    let address = net.address();
    net.kernel.unplug();
    net.settle();
    assert_eq!(net.status().state, LinkState::Down);
    net.run_for(secs(60));
    net.kernel.plug(net.now);
    net.settle();
    net.until_bound(secs(15));
    assert_eq!(net.address(), address);
    assert_eq!(queries(&net), [(MessageType::REQUEST, false)], "INIT-REBOOT");
}

#[test]
fn a_restart_takes_up_the_lease_without_a_flap_e10() {
    for separate in [false, true] {
        let mut net = stateless(121);
        net.kernel.separate_target = separate;
        let mut net = bound(net);
        let address = net.address();
        net.kill(secs(2));
        net.run_for(secs(1));
        assert_eq!(net.address(), address, "the kernel keeps it");
        net.run_until(secs(15), |net| net.is_bound());
        assert_eq!(net.address(), address);
        assert_eq!(queries(&net), [(MessageType::REQUEST, false)], "INIT-REBOOT");
    }
}

#[test]
fn an_address_that_no_record_names_is_removed_at_start_e10_sup_12() {
    let mut net = stateless(122).set(|s| s.dhcp6.mode = Dhcp6Mode::Stateful);
    net.servers[0].four.lease = u32::MAX;
    net.break_disk(true);
    let mut net = bound(net);
    assert!(net.kernel.ours6().count() > 0);
    net.servers.iter_mut().for_each(|server| server.alive = false);
    net.kill(secs(1));
    net.run_for(secs(5));
    assert_eq!(net.address(), None, "nobody knows this address any more");
    assert_eq!(net.kernel.ours6().count(), 0);
}

#[test]
fn an_orderly_stop_releases_dhcpv4_before_dhcpv6_e11() {
    let mut net = bound(Net::seeded(123).server(Server::good(1)).set(|s| s.release_on_stop = true));
    net.command(Command::Shutdown);
    net.run_until(secs(10), |net| net.has_stopped);
    let types: Vec<u8> = net.sent.iter().map(|sent| sent.payload[0]).collect();
    assert_eq!(types, [20, 8]);
    assert_eq!(queries(&net), [(MessageType::RELEASE, true)]);
    assert_eq!((net.address(), net.kernel.ours6().count()), (None, 0));
    assert_eq!(net.servers[0].four.given().count(), 0, "the server knows");
}

#[test]
fn an_orderly_end_without_release_leaves_everything_for_the_next_start_e11() {
    let mut net = bound(Net::seeded(124).server(Server::good(1)));
    let address = net.address();
    net.command(Command::Shutdown);
    net.run_until(secs(10), |net| net.has_stopped);
    assert_eq!((net.sent.len(), net.address()), (0, address));
    net.start();
    net.until_bound(secs(20));
    assert_eq!((net.address(), story(&net).contains(&"nak")), (address, false));
}

#[test]
fn a_nak_removes_the_address_at_once_and_repeated_ones_slow_us_down_e12() {
    let mut net = bound(stateless(125));
    net.servers[0].four.subnet = [203, 0, 113];
    net.servers[0].four.forget();
    net.command(Command::Renew);
    net.run_until(secs(5), |net| net.address().is_none());
    assert_eq!(story(&net), ["acquired", "nak"]);
    net.until_bound(secs(15));
}

#[test]
fn another_dhcpv4_client_on_the_link_keeps_us_waiting_e14_sup_11() {
    let mut net = stateless(126);
    net.port68 = Err(OpenError::InUse);
    let mut net = net.up();
    net.run_for(secs(300));
    assert_eq!((net.status().state, net.status().reason), (LinkState::Failed, "native-dhcp-active"));
    assert_eq!(queries(&net), []);
    net.port68 = Ok(());
    net.until_bound(secs(90));
}

#[test]
fn what_ended_in_a_long_sleep_goes_first_e15() {
    let mut net = bound(stateless(127));
    net.sleep(hours(5));
    assert_eq!(net.address(), None);
    assert_eq!(story(&net)[..2], ["acquired", "expired"]);
    net.until_bound(secs(120));
}

#[test]
fn after_a_short_sleep_the_lease_is_confirmed_e15() {
    let mut net = bound(stateless(128));
    let address = net.address();
    net.sleep(secs(120));
    assert_eq!(net.address(), address);
    net.until_bound(secs(30));
    assert_eq!(net.address(), address);
    assert!(queries(&net).contains(&(MessageType::REQUEST, false)));
}

#[test]
fn an_address_that_is_taken_away_comes_back_once_and_then_the_lease_is_given_back() {
    let mut net = bound(stateless(129));
    let address = net.address();
    net.run_for(secs(10));
    net.steal_address();
    assert_eq!(net.address(), address);
    net.run_for(secs(10));
    net.steal_address();
    assert_eq!(net.address(), None);
    net.run_for(secs(60));
    assert_eq!(net.address(), None);
    assert_eq!(queries(&net), [(MessageType::RELEASE, true)]);
    net.command(Command::Start);
    net.until_bound(secs(30));
}

#[test]
fn a_refusing_kernel_leaves_the_lease_bound_and_visible_inst_10() {
    let mut net = stateless(130);
    net.kernel.refuses = Some(ConfigureError::Conflict("192.0.2.18".to_owned()));
    let mut net = net.up();
    net.run_until(secs(15), |net| net.status().state == LinkState::Degraded);
    assert_eq!(net.status().client4.state, "bound");
    assert_eq!(story(&net), [""; 0], "nobody is told of what is not there");
    net.kernel.refuses = None;
    net.until_bound(secs(5));
    assert_eq!(story(&net), ["acquired"]);
}

#[test]
fn a_target_that_returns_gets_the_lease_again_inst_11() {
    let mut net = stateless(131);
    net.kernel.separate_target = true;
    let mut net = bound(net);
    let address = net.address();
    net.kernel.set_target(false);
    net.settle();
    net.run_for(secs(30));
    assert_eq!(net.address(), None);
    net.kernel.set_target(true);
    net.settle();
    net.run_for(secs(1));
    assert_eq!(net.address(), address);
    assert_eq!(queries(&net), []);
}

#[test]
fn a_query_waits_for_an_address_that_can_reach_the_server_c46_13() {
    let mut net = stateless(132);
    let global = net.servers[0].global;
    net.servers[0].enable = Enable::Servers(vec![global]);
    let mut net = net.up();
    net.kernel.advertise(net.now, true, true, None);
    net.settle();
    net.run_for(secs(60));
    assert_eq!((net.status().client4.waiting_for, queries(&net).len()), (Some("source-address"), 0));
    net.kernel.advertise(net.now, true, true, Some(Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0)));
    net.settle();
    net.until_bound(secs(10));
}

#[test]
fn every_message_of_a_lease_has_the_same_identity_v4_04() {
    let mut net = bound(stateless(133));
    net.run_for(hours(2));
    let ids: std::collections::BTreeSet<Vec<u8>> = net
        .sent
        .iter()
        .filter(|sent| sent.payload[0] == 20)
        .map(|sent| {
            let query = Message::parse(&sent.payload).unwrap();
            let inner = v4::Message::parse(query.options.first(OptionCode::DHCPV4_MSG).unwrap()).unwrap();
            inner.option(code::CLIENT_ID).unwrap().into_owned()
        })
        .collect();
    assert_eq!(ids.len(), 1);
}
