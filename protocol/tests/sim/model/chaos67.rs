//! What can go wrong for a link whose DHCPv4 goes through the host Client Relay Agent, beside all that can for others.

use super::chaos::{self, PREFIXES};
use super::net::Net;
use super::server::Enable;
use super::{hours, ms, secs};
use dhcp4o6_protocol::ids::Iaid;
use dhcp4o6_protocol::machine::OpenError;
use dhcp4o6_protocol::settings::{Encapsulation, EndpointSettings, LinkSettings, Mode, Renew, SourceCheck};
use dhcp4o6_protocol::status::LinkState;
use std::net::Ipv6Addr;
use std::time::Duration;

/// Nobody answers there.
const NOBODY: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 9, 0, 0, 0, 0, 0xdead);

/// A network with servers at port 67, known to the link in one way or another, and one to four endpoints.
pub(crate) fn network(seed: u64) -> Net {
    let mut net = chaos::network(seed);
    let globals: Vec<_> = net.servers.iter().map(|server| server.global).collect();
    let chance = &mut net.chance;
    let settings = &mut net.settings;
    settings.mode = chance.one_of(&[Mode::Hcra, Mode::Hcra, Mode::Hcra, Mode::Auto, Mode::Auto]);
    let hcra = &mut settings.hcra;
    hcra.renew = chance.one_of(&[Renew::Direct, Renew::ViaCra]);
    hcra.needs_permit = settings.mode == Mode::Hcra && chance.happens(0.2);
    hcra.source_check = chance.one_of(&[SourceCheck::Strict, SourceCheck::Strict, SourceCheck::Relaxed]);
    hcra.encapsulation = chance.one_of(&[Encapsulation::Off, Encapsulation::Off, Encapsulation::Private]);
    hcra.unique_local = chance.happens(0.1);
    let way = chance.below(10);
    let listed = settings.mode == Mode::Hcra && way >= 8;
    if way < 5 {
        hcra.servers = globals.clone();
    }
    let endpoints = chance.one_of(&[1, 1, 1, 2, 3, 4]);
    settings.endpoints = endpoint_settings(endpoints);
    net.kernel.endpoints = endpoints;
    net.watch.endpoints = endpoints;
    net.found = Some(globals.clone());
    let offers = settings.mode == Mode::Hcra || chance.happens(0.3);
    for server in &mut net.servers {
        server.tells_aftr = true;
        if listed {
            server.enable = Enable::Servers(globals.clone());
        } else if !offers {
            server.enable = Enable::No;
        }
    }
    net
}

fn endpoint_settings(count: u8) -> Vec<EndpointSettings> {
    let endpoint = |number| EndpointSettings {
        name: format!("e{number}"),
        iaid: (number > 0).then_some(Iaid(0x0e00_0000 | u32::from(number))),
    };
    (0..count).map(endpoint).collect()
}

/// What it takes to be well again.
pub(crate) struct Before {
    settings: LinkSettings,
    found: Option<Vec<Ipv6Addr>>,
    enable: Vec<Enable>,
    echo: Vec<bool>,
}

impl Before {
    pub(crate) fn of(net: &Net) -> Self {
        Self {
            settings: net.settings.clone(),
            found: net.found.clone(),
            enable: net.servers.iter().map(|server| server.enable.clone()).collect(),
            echo: net.servers.iter().map(|server| server.four.echo).collect(),
        }
    }
}

/// One fault after another for `span`.
pub(crate) fn rage(net: &mut Net, before: &Before, span: Duration) {
    let end = net.now + span;
    while net.now < end {
        let longest = net.chance.one_of(&[secs(2), secs(30), secs(900)]);
        let pause = net.chance.within(ms(1), longest);
        net.run_for(pause);
        if net.chance.happens(0.5) {
            let number = net.chance.below(chaos::FAULTS);
            chaos::fault(net, number);
        } else {
            fault(net, before);
        }
    }
}

fn fault(net: &mut Net, before: &Before) {
    let now = net.now;
    let globals: Vec<_> = net.servers.iter().map(|server| server.global).collect();
    match net.chance.below(14) {
        0 | 1 if !before.settings.hcra.servers.is_empty() => {
            let servers = match net.chance.below(4) {
                0 => Vec::new(),
                1 => vec![NOBODY],
                2 => globals[..1].to_vec(),
                _ => globals,
            };
            net.reconfigure(|settings| settings.hcra.servers = servers);
        }
        0..=2 => {
            let junk = vec![NOBODY, Ipv6Addr::LOCALHOST, Ipv6Addr::UNSPECIFIED, globals[0]];
            net.found = match net.chance.below(4) {
                0 => None,
                1 => Some(Vec::new()),
                2 => Some(junk),
                _ => Some(globals),
            };
        }
        3 => {
            let errors = [OpenError::InUse, OpenError::NotPermitted, OpenError::Other(99)];
            net.port67 = if net.chance.happens(0.5) { Err(net.chance.one_of(&errors)) } else { Ok(()) };
        }
        4 => {
            net.direct = if net.chance.happens(0.5) { Err(OpenError::InUse) } else { Ok(()) };
            net.routed4 = net.chance.happens(0.5);
        }
        5 => {
            let renew = net.chance.one_of(&[Renew::Direct, Renew::ViaCra]);
            net.reconfigure(|settings| settings.hcra.renew = renew);
        }
        6 => {
            let needs = net.chance.happens(0.5);
            net.reconfigure(|settings| settings.hcra.needs_permit = needs);
        }
        7 => {
            let mode = net.chance.one_of(&[Mode::Hcra, Mode::Auto, Mode::Dhcp4o6, Mode::Off]);
            net.reconfigure(|settings| settings.mode = mode);
        }
        8 => {
            let which = net.chance.below(net.servers.len());
            net.servers[which].four.echo = net.chance.happens(0.7);
        }
        9 => {
            let count = net.chance.one_of(&[1, 30, 300]);
            net.flood_67(count);
        }
        // The agent's address changes while something is under way.
        10 | 11 => {
            let prefix = net.chance.one_of(&PREFIXES);
            net.kernel.advertise(now, true, true, Some(prefix));
        }
        12 => {
            let most = before.settings.endpoints.len();
            let count = u8::try_from(1 + net.chance.below(most)).unwrap();
            resize(net, count);
        }
        _ => {
            net.servers.iter_mut().for_each(|server| {
                server.enable =
                    if server.enable == Enable::No { Enable::Servers(Vec::new()) } else { Enable::No };
            });
        }
    }
    net.settle();
}

/// The configuration names so many endpoints from now on.
fn resize(net: &mut Net, count: u8) {
    // What endpoints had that are gone goes with the settings, as long as their targets are known.
    let grows = count > net.kernel.endpoints;
    if grows {
        net.kernel.set_endpoints(count);
        net.settle();
    }
    net.watch.endpoints = count;
    net.watch.restarted(net.now);
    net.reconfigure(|settings| settings.endpoints = endpoint_settings(count));
    if !grows {
        net.kernel.set_endpoints(count);
        net.settle();
    }
}

/// Everything is well again, and as it was when it began.
pub(crate) fn heal(net: &mut Net, before: &Before) {
    chaos::calm(net);
    (net.port67, net.direct, net.routed4) = (Ok(()), Ok(()), true);
    net.found.clone_from(&before.found);
    for (server, (enable, echo)) in net.servers.iter_mut().zip(before.enable.iter().zip(&before.echo)) {
        server.enable.clone_from(enable);
        server.four.echo = *echo;
        if before.settings.hcra.needs_permit && *enable == Enable::No {
            server.enable = Enable::Servers(Vec::new());
        }
    }
    let settings = before.settings.clone();
    let count = u8::try_from(settings.endpoints.len()).unwrap();
    net.run_for(secs(6));
    net.start();
    resize(net, count);
    net.reconfigure(|current| *current = settings);
    chaos::reconnect(net);
}

/// True when every endpoint has reached what it is there for, or cannot because a server returns no client identifier.
pub(crate) fn is_well(net: &Net) -> bool {
    let status = net.status();
    let bound = |state| matches!(state, LinkState::Bound | LinkState::Renewing | LinkState::Rebinding);
    let no_echo = net.servers.iter().any(|server| !server.four.echo);
    let well = |endpoint: &dhcp4o6_protocol::status::EndpointStatus| {
        bound(endpoint.state) || (no_echo && endpoint.reason == "server-lacks-6842")
    };
    status.endpoints.len() == net.settings.endpoints.len()
        && status.endpoints.first().is_some_and(|first| bound(first.state))
        && status.endpoints.iter().all(well)
}

/// Hours of faults, then none: every endpoint must be well within two minutes.
pub(crate) fn history(mut net: Net) -> Net {
    let before = Before::of(&net);
    net = net.up();
    let span = net.chance.within(secs(1800), hours(2));
    rage(&mut net, &before, span);
    heal(&mut net, &before);
    // As with others: stateful configuration, right or wrong, is not asked for again before its Renew.
    let limit = if !knows_enough(&net) && net.status().dhcp6.lease.is_some() { hours(2) } else { secs(120) };
    net.run_until(limit, is_well);
    net.run_for(secs(60));
    net
}

/// What DHCPv6 has told the link so far lets it find a server.
fn knows_enough(net: &Net) -> bool {
    let (status, hcra) = (net.status(), &net.settings.hcra);
    let known = |address: &Ipv6Addr| net.servers.iter().any(|server| server.global == *address);
    let good = |permit: &dhcp4o6_protocol::permit::Permit| permit.servers.iter().all(known);
    let listed = status.permit.as_ref().is_some_and(|permit| good(permit) && !permit.servers.is_empty());
    let found = !hcra.servers.is_empty() || listed || status.dhcp6.options.aftr_name.is_some();
    match (&status.permit, net.settings.mode) {
        (Some(permit), _) => good(permit) && (found || net.settings.mode == Mode::Auto),
        (None, Mode::Auto) => found,
        (None, _) => found && !hcra.needs_permit,
    }
}
