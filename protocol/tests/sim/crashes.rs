//! The process dies at every point where it could, and the machine loses power.

use crate::model::net::Net;
use crate::model::server::Server;
use crate::model::{hours, ms, secs};
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::settings::Dhcp6Mode;

fn link(seed: u64, mode: Dhcp6Mode) -> Net {
    let mut server = Server::good(1);
    server.max_rt = Some(60);
    Net::seeded(seed).server(server).set(|s| s.dhcp6.mode = mode)
}

/// Kills the process after each number of effects that `act` has it execute, then lets it recover.
fn at_every_effect(mode: Dhcp6Mode, prepare: impl Fn(Net) -> Net, act: impl Fn(&mut Net)) {
    let mut crashes = 0;
    for effects in 0.. {
        let mut net = prepare(link(300, mode));
        let address = net.address();
        net.dies_after = Some(effects);
        act(&mut net);
        net.run_for(secs(10));
        if !net.watch.reached.contains("crash") {
            break;
        }
        crashes += 1;
        net.until_bound(secs(120));
        if address.is_some() {
            assert_eq!(net.address(), address, "killed after {effects} effects");
        }
        assert_eq!(net.servers[0].four.given().count(), 1, "one client, one address");
        assert!(!net.watch.reached.contains("nak"));
    }
    assert!(crashes > 3, "{crashes}");
}

#[test]
fn a_crash_on_the_way_to_the_first_lease_loses_nothing() {
    for mode in [Dhcp6Mode::Stateful, Dhcp6Mode::Stateless] {
        at_every_effect(
            mode,
            |net| net,
            |net| {
                net.kernel.advertise(net.now, true, true, None);
                net.kernel.plug(net.now);
                net.start();
            },
        );
    }
}

#[test]
fn a_crash_in_a_renewal_keeps_the_address() {
    let bound = |net: Net| {
        let mut net = net.up();
        net.until_bound(secs(15));
        net.run_for(secs(60));
        net
    };
    at_every_effect(Dhcp6Mode::Stateful, bound, |net| net.command(Command::Renew));
    at_every_effect(Dhcp6Mode::Stateful, bound, |net| net.command(Command::Restart));
}

#[test]
fn a_crash_in_an_orderly_stop_leaves_nothing_for_ever() {
    let bound = |net: Net| {
        let mut net = net.set(|s| s.release_on_stop = true).up();
        net.until_bound(secs(15));
        net
    };
    for effects in 0..12 {
        let mut net = bound(link(301, Dhcp6Mode::Stateful));
        net.dies_after = Some(effects);
        net.command(Command::Stop);
        net.run_for(secs(20));
        // Either it was stopped in order, or it came back to life and runs as before.
        let crashed = net.watch.reached.contains("crash");
        assert_eq!(net.address().is_some(), crashed, "killed after {effects} effects");
    }
}

#[test]
fn after_a_power_loss_the_same_address_is_asked_for_again() {
    for mode in [Dhcp6Mode::Stateful, Dhcp6Mode::Stateless] {
        let mut net = link(302, mode).up();
        net.until_bound(secs(15));
        let address = net.address();
        net.kernel.reboot();
        net.kill(secs(30));
        net.run_for(secs(20));
        net.kernel.plug(net.now);
        net.until_bound(secs(60));
        assert_eq!(net.address(), address);
        assert!(net.watch.reached.contains("rebooting"));
    }
}

#[test]
fn a_server_that_comes_back_after_hours_is_found_within_its_limits() {
    // It said once that a minute is the longest pause (SOL_MAX_RT, INF_MAX_RT).
    for mode in [Dhcp6Mode::Stateful, Dhcp6Mode::Stateless] {
        let mut net = link(303, mode).up();
        net.until_bound(secs(15));
        net.servers[0].alive = false;
        net.run_for(hours(30));
        net.servers[0].forget();
        net.servers[0].alive = true;
        net.until_bound(secs(120));
    }
}

#[test]
fn a_silent_4o6_server_is_asked_at_least_every_65_seconds() {
    let mut net = link(304, Dhcp6Mode::Stateless);
    net.servers[0].deaf4 = true;
    net.servers[0].refresh = Some(86400);
    let mut net = net.up();
    net.run_for(hours(5));
    net.servers[0].deaf4 = false;
    net.until_bound(secs(65) + ms(1500));
}
