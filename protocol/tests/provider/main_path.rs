//! Our client gets its lease from our server, whatever is between them.

use crate::desk::{engine4, stateless, subnet};
use crate::model::secs;
use crate::world::World;
use crate::world::topology::{LINKS, SERVER, prefix};
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::Serves;
use dhcp4o6_protocol::server6::settings::{Options6, Subnet6};
use dhcp4o6_protocol::settings::{Draft01, Profile};
use dhcp4o6_protocol::tally::Done;
use dhcp4o6_protocol::time::Lifetime;

/// A server of all links, with 200 addresses.
pub(crate) fn provider() -> ServerSettings {
    ServerSettings {
        profile: Profile::Rfc7341,
        draft01: Draft01::default(),
        addresses: vec![SERVER.parse().unwrap()],
        accept_from: vec!["2001:db8::/32".parse().unwrap()],
        dhcp6: Some(stateless()),
        engine: EngineSettings::Builtin(engine4(vec![subnet(
            "192.0.2.0/24",
            [192, 0, 2, 10],
            [192, 0, 2, 209],
        )])),
        rates: Rates::default(),
        port547: true,
        tsv: None,
        softwire: Softwire::default(),
    }
}

/// DHCPv6 with addresses on every link.
pub(crate) fn stateful(settings: &mut ServerSettings) {
    let six = settings.dhcp6.get_or_insert_with(stateless);
    six.subnets = (0..LINKS)
        .map(|link| {
            let base = prefix(link).to_bits();
            let address = |host: u128| std::net::Ipv6Addr::from_bits(base | host);
            let interface_ids = if link == 2 { vec![b"acc0.1".to_vec()] } else { Vec::new() };
            let interfaces = if link == 0 { vec!["lan0".to_owned()] } else { Vec::new() };
            Subnet6 {
                prefix: Prefix6::of(prefix(link), 64),
                serves: Serves { interface_ids, interfaces, ..Serves::default() },
                pools: vec![(address(0x1_0000), address(0x1_ffff))],
                delegate: Vec::new(),
                reservations: Vec::new(),
                preferred: Lifetime(1800),
                valid: Lifetime(3600),
                options: Options6::default(),
            }
        })
        .collect();
}

/// A subscriber on each link, behind a router that leaves addresses to DHCPv6, or not.
pub(crate) fn subscribers(world: &mut World, managed: bool) {
    for link in 0..LINKS {
        subscriber(world, link, managed);
    }
}

pub(crate) fn subscriber(world: &mut World, link: usize, managed: bool) -> usize {
    world.add(link, |net| net.kernel.advertise(net.now, managed, true, Some(prefix(link))))
}

#[test]
fn a_lease_comes_directly_and_through_one_and_two_relay_agents() {
    for unicast in [false, true] {
        for managed in [false, true] {
            let mut settings = provider();
            if unicast {
                let six = settings.dhcp6.as_mut().unwrap();
                six.options.servers_4o6 = Some(vec![SERVER.parse().unwrap()]);
            }
            if managed {
                stateful(&mut settings);
            }
            let mut world = World::new(1, settings);
            subscribers(&mut world, managed);
            let span = world.run_until(secs(60), World::all_bound);
            assert!(span < secs(10), "{span:?}");
            let server = world.center.server.as_ref().unwrap();
            let tally = server.tally();
            // Those who are told of a unicast address go past the relay agents.
            assert_eq!(tally.of(Done::Ack), 3);
            let each = if managed { 2 } else { 1 } + if unicast { 0 } else { 2 };
            assert_eq!(tally.of(Done::Relayed), 2 * each);
            assert_eq!(tally.of(Done::Nak), 0);
            world.run_for(secs(4 * 3600 + 600));
            assert!(world.all_bound());
            let tally = world.center.server.as_ref().unwrap().tally();
            assert!(tally.of(Done::Renewing) >= 3 * 7, "{}", tally.of(Done::Renewing));
            assert_eq!((tally.of(Done::Rebinding), tally.of(Done::Nak)), (0, 0));
            // What was released is known as such.
            world.command(0, Command::Release);
            world.run_for(secs(5));
            assert_eq!(world.center.server.as_ref().unwrap().tally().of(Done::Release), 1);
            world.command(0, Command::Renew);
            world.run_until(secs(30), World::all_bound);
        }
    }
}
