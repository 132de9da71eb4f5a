//! Everything that can go wrong, in any order, as the seed has it.

use super::attacker::Attacker;
use super::net::{Net, Weather};
use super::server::{Enable, Server};
use super::{hours, ms, secs};
use dhcp4o6_protocol::machine::{Command, ConfigureError, OpenError};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::{Dhcp6Mode, OnWithdraw, Profile, SourceCheck};
use dhcp4o6_protocol::status::LinkState;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Numbers of faults there are.
pub(crate) const FAULTS: usize = 30;

pub(crate) const PREFIXES: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0x2001, 0xdb8, 1, 1, 0, 0, 0, 0),
    Ipv6Addr::new(0x2001, 0xdb8, 1, 2, 0, 0, 0, 0),
    Ipv6Addr::new(0x2001, 0xdb8, 1, 3, 0, 0, 0, 0),
];

/// A network whose settings, servers and weather the seed chooses.
pub(crate) fn network(seed: u64) -> Net {
    let mut net = Net::seeded(seed).quiet();
    let chance = &mut net.chance;
    let profile = chance.one_of(&[Profile::Rfc7341, Profile::Rfc7341, Profile::Draft01, Profile::Dual]);
    let settings = &mut net.settings;
    settings.profile = profile;
    settings.dhcp6.mode = chance.one_of(&[Dhcp6Mode::Auto, Dhcp6Mode::Stateful, Dhcp6Mode::Stateless]);
    settings.dhcp6.prefix = chance.happens(0.3);
    settings.dhcp6.rapid_commit = chance.happens(0.3);
    settings.dhcp4.rapid_commit = chance.happens(0.2);
    settings.dhcp4.conflict_detection = chance.happens(0.2);
    settings.on_withdraw = chance.one_of(&[OnWithdraw::Hold, OnWithdraw::Drop]);
    settings.source_check = chance.one_of(&[SourceCheck::Relaxed, SourceCheck::Relaxed, SourceCheck::Strict]);
    settings.release_on_stop = chance.happens(0.3);
    settings.rebind_on_source_change = chance.happens(0.3);
    net.kernel.separate_target = net.chance.happens(0.3);
    let speaks = match profile {
        Profile::Rfc7341 => WireProfile::Rfc7341,
        Profile::Draft01 => WireProfile::Draft01,
        Profile::Dual => net.chance.one_of(&[WireProfile::Rfc7341, WireProfile::Draft01]),
    };
    for number in 1..=1 + u8::from(net.chance.happens(0.3)) {
        let chance = &mut net.chance;
        let mut server = Server::good(number);
        server.profile = speaks;
        server.preference = chance.one_of(&[0, 0, 100, 255]);
        server.rapid_commit = chance.happens(0.5);
        server.four.rapid_commit = chance.happens(0.5);
        server.four.echo = chance.happens(0.8);
        server.four.authoritative = chance.happens(0.7);
        server.four.lease = chance.one_of(&[20, 120, 600, 3600, 86400, u32::MAX]);
        server.preferred = chance.one_of(&[60, 600, 3600]);
        server.valid = server.preferred * 2;
        server.refresh = chance.one_of(&[None, Some(600), Some(3600)]);
        server.max_rt = chance.one_of(&[None, Some(60), Some(120)]);
        server.four.subnet[2] = number;
        server.prefix = Ipv6Addr::new(0x2001, 0xdb8, 6, u16::from(number), 0, 0, 0, 0);
        server.wanders = server.four.echo && net.settings.source_check == SourceCheck::Relaxed;
        if chance.happens(0.4) {
            server.enable = Enable::Servers(vec![server.global]);
        }
        net.servers.push(server);
    }
    net.weather = weather(&mut net);
    net
}

fn weather(net: &mut Net) -> Weather {
    let chance = &mut net.chance;
    Weather {
        loss: chance.one_of(&[0.0, 0.1, 0.3, 0.5]),
        duplicates: chance.one_of(&[0.0, 0.0, 0.2]),
        damage: chance.one_of(&[0.0, 0.0, 0.05]),
        latency: chance.one_of(&[(ms(1), ms(20)), (ms(1), ms(2)), (ms(100), ms(3000))]),
        stragglers: chance.one_of(&[0.0, 0.0, 0.1]),
    }
}

/// One fault after another for `span`.
pub(crate) fn rage(net: &mut Net, span: Duration) {
    let end = net.now + span;
    while net.now < end {
        let longest = net.chance.one_of(&[secs(2), secs(30), secs(900)]);
        let pause = net.chance.within(ms(1), longest);
        net.run_for(pause);
        let number = net.chance.below(FAULTS);
        fault(net, number);
    }
}

/// The fault with this number, 0 to [`FAULTS`] - 1. Common ones have more than one.
pub(crate) fn fault(net: &mut Net, number: usize) {
    let now = net.now;
    match number {
        0 | 1 => net.weather = weather(net),
        2 | 3 => {
            net.kernel.set_carrier(now, false);
            net.settle();
            let longest = net.chance.one_of(&[secs(2), secs(4), secs(60)]);
            let span = net.chance.within(ms(1), longest);
            net.run_for(span);
            let now = net.now;
            net.kernel.set_carrier(now, true);
        }
        4 => {
            net.kernel.unplug();
            net.settle();
            let span = net.chance.within(ms(1), secs(30));
            net.run_for(span);
            let now = net.now;
            net.kernel.plug(now);
        }
        5 => {
            let pause = net.chance.within(ms(1), secs(5));
            net.kill(pause);
        }
        6 => net.dies_after = Some(net.chance.below(12)),
        7 => {
            net.kernel.reboot();
            net.kill(ms(500));
            net.run_for(secs(1));
            let now = net.now;
            net.kernel.plug(now);
        }
        8 => {
            let broken = net.chance.happens(0.5);
            net.break_disk(broken);
        }
        9 => {
            let error = ConfigureError::Refused { object: "the address".to_owned(), errno: 17 };
            net.kernel.refuses = net.chance.happens(0.5).then_some(error);
        }
        10 => {
            net.steal_address();
        }
        11 => net.servers.iter_mut().for_each(Server::forget),
        12 | 13 => {
            let which = net.chance.below(net.servers.len());
            let alive = net.chance.happens(0.5);
            net.servers[which].alive = alive;
        }
        14 | 15 => {
            let which = net.chance.below(net.servers.len());
            let global = net.servers[which].global;
            let choice = net.chance.below(4);
            net.servers[which].enable = match choice {
                0 => Enable::No,
                1 => Enable::Malformed,
                2 => Enable::Servers(Vec::new()),
                _ => Enable::Servers(vec![global]),
            };
        }
        16 => {
            let which = net.chance.below(net.servers.len());
            net.servers[which].deaf4 = net.chance.happens(0.5);
        }
        17 => {
            net.attacker = match net.attacker.take() {
                None if net.chance.happens(0.3) => Some(Attacker::new()),
                _ => None,
            };
        }
        18 | 19 => {
            let prefix = net.chance.one_of(&[None, Some(PREFIXES[0]), Some(PREFIXES[1]), Some(PREFIXES[2])]);
            let (managed, other) = (net.chance.happens(0.5), net.chance.happens(0.5));
            net.kernel.advertise(now, managed, other, prefix);
        }
        20 => net.kernel.next_is_duplicate = net.chance.happens(0.5),
        21 => net.neighbour = net.address().filter(|_| net.chance.happens(0.7)),
        22 => net.port68 = if net.chance.happens(0.5) { Err(OpenError::InUse) } else { Ok(()) },
        23 => {
            net.port546 = net.chance.one_of(&[Ok(()), Err(OpenError::InUse), Err(OpenError::NotPermitted)]);
        }
        24 | 25 => {
            let command = net.chance.one_of(&[
                Command::Renew,
                Command::Rebind,
                Command::Release,
                Command::Restart,
                Command::Stop,
                Command::Start,
                Command::Start,
            ]);
            net.command(command);
        }
        26 => {
            let longest = net.chance.one_of(&[secs(10), hours(3)]);
            let span = net.chance.within(secs(1), longest);
            net.sleep(span);
        }
        27 => {
            let on = net.chance.happens(0.5);
            net.reconfigure(|settings| settings.rebind_on_source_change = on);
        }
        28 => {
            let exists = net.chance.happens(0.5);
            net.kernel.set_target(exists);
        }
        _ => {
            let which = net.chance.below(net.servers.len());
            net.servers[which].gives_addresses = net.chance.happens(0.5);
        }
    }
    net.settle();
}

/// Everything is well again. What the world did to the link ends with one long loss of carrier, and what the operator
/// did with one Start.
pub(crate) fn heal(net: &mut Net) {
    calm(net);
    for server in &mut net.servers {
        if matches!(server.enable, Enable::No | Enable::Malformed) {
            server.enable = Enable::Servers(Vec::new());
        }
    }
    net.run_for(secs(6));
    net.start();
    reconnect(net);
}

/// Nothing goes wrong any more.
pub(crate) fn calm(net: &mut Net) {
    net.weather = Weather::FAIR;
    net.attacker = None;
    net.neighbour = None;
    net.break_disk(false);
    net.dies_after = None;
    net.kernel.refuses = None;
    net.kernel.next_is_duplicate = false;
    net.kernel.set_target(true);
    (net.port546, net.port68) = (Ok(()), Ok(()));
    for server in &mut net.servers {
        server.alive = true;
        server.deaf4 = false;
        server.gives_addresses = true;
    }
}

/// A long loss of carrier, and a Start.
pub(crate) fn reconnect(net: &mut Net) {
    let now = net.now;
    net.kernel.advertise(now, true, true, Some(PREFIXES[0]));
    net.kernel.plug(now);
    net.kernel.set_carrier(now, false);
    net.settle();
    net.run_for(net.settings.flap_hold + secs(1));
    let now = net.now;
    net.kernel.set_carrier(now, true);
    net.settle();
    net.command(Command::Start);
}

/// True when the link has reached what it is there for.
pub(crate) fn is_well(net: &Net) -> bool {
    let state = net.status().state;
    matches!(state, LinkState::Bound | LinkState::Renewing | LinkState::Rebinding)
}
