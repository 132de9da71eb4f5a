//! What is behind the agent: our TSV, or our TRA and DHCPv4 servers behind it.

use crate::chance::Chance;
use crate::server::{Habit, Server};
use crate::world::{Asked, SERVER, ip, secs};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::machine::Machine;
use dhcp4o6_protocol::provider::{Datagram, Effect, Input, Interface, Port};
use dhcp4o6_protocol::role::server::{self as role, EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::role::tra::{Tra, TraSettings};
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Serves, Settings, Subnet};
use dhcp4o6_protocol::settings::{Draft01, Encapsulation, Profile};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV6};

const GIADDR: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 9);
const SERVER4: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);

pub(crate) enum Provider {
    /// With the number of records that it wrote.
    Tsv(Box<role::Server>, u64),
    Tra(Box<Tra>, Server),
}

impl Provider {
    pub(crate) fn tsv(now: Instant, chance: &mut Chance) -> Self {
        let lease = chance.one_of(&[120, 600, 3600]);
        let seed = std::array::from_fn(|_| chance.octet());
        let duid = Duid::link_layer(1, &[2, 0, 0x5e, 0, 0, 1]).unwrap();
        let mut server = role::Server::new(tsv_settings(lease), duid, [7; 16], seed);
        server.handle(now, Input::Interfaces(&[interface()]), &mut Vec::new());
        Self::Tsv(Box::new(server), 0)
    }

    pub(crate) fn tra(now: Instant, encapsulation: Encapsulation, chance: &mut Chance) -> Self {
        let habit = chance.one_of(&[Habit::Kea, Habit::Isc]);
        let lease = chance.one_of(&[secs(120), secs(600), secs(3600)]);
        let mut tra = Tra::new(TraSettings {
            addresses: vec![ip(SERVER)],
            accept_from: vec!["2001:db8:1::/48".parse().unwrap()],
            servers: vec![SERVER4],
            giaddr: GIADDR,
            encapsulation,
            rate_per_source: 0,
            ..TraSettings::default()
        });
        tra.handle(now, Input::Interfaces(&[interface()]), &mut Vec::new());
        Self::Tra(Box::new(tra), Server::new(SERVER4, habit, lease))
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self {
            Self::Tsv(server, _) => server.deadline(),
            Self::Tra(tra, _) => tra.deadline(),
        }
    }

    /// Handles what an agent sent, or a deadline: what goes back to which agent.
    pub(crate) fn handle(
        &mut self,
        now: Instant,
        asked: Option<&Asked>,
        chance: &mut Chance,
    ) -> Vec<(Ipv6Addr, Vec<u8>)> {
        let mut out = Vec::new();
        let input = match asked {
            None => Input::Deadline,
            Some(asked) => {
                let (from, to) = (SocketAddrV6::new(asked.from, 67, 0, 0), asked.to);
                let (via, payload) = (Port::Transport6, &asked.payload[..]);
                Input::Datagram(Datagram { via, interface: 2, from, to, payload })
            }
        };
        match self {
            Self::Tsv(server, stored) => {
                server.handle(now, input, &mut out);
                let journalled = out.iter().filter(|effect| matches!(effect, Effect::Journal(_))).count();
                *stored += u64::try_from(journalled).unwrap();
                server.handle(now, Input::Stored(*stored), &mut out);
            }
            Self::Tra(tra, server) => {
                tra.handle(now, input, &mut out);
                let to_server = |effect: &Effect| match effect {
                    Effect::Send { via: Port::Upstream4(_), payload, .. } => Some(payload.clone()),
                    _ => None,
                };
                let asked: Vec<_> = out.iter().filter_map(to_server).collect();
                let via = tra.ports()[1];
                for payload in asked {
                    let Some(answer) = server.answer(now, &payload, &[SERVER4], chance) else { continue };
                    let from = SocketAddrV6::new(SERVER4.to_ipv6_mapped(), 67, 0, 0);
                    let (to, payload) = (GIADDR.to_ipv6_mapped(), &answer[..]);
                    let datagram = Datagram { via, interface: 2, from, to, payload };
                    tra.handle(now, Input::Datagram(datagram), &mut out);
                }
            }
        }
        assert!(self.deadline().is_none_or(|at| at > now), "a deadline that is over");
        out.into_iter().filter_map(to_agent).collect()
    }
}

fn to_agent(effect: Effect) -> Option<(Ipv6Addr, Vec<u8>)> {
    match effect {
        Effect::Send { via: Port::Transport6, to, payload, source, .. } => {
            assert!(source.is_none_or(|source| source == ip(SERVER)), "from another address than was asked");
            assert_eq!(to.port(), 67);
            Some((*to.ip(), payload))
        }
        _ => None,
    }
}

fn interface() -> Interface {
    Interface {
        index: 2,
        name: "eth0".to_owned(),
        running: true,
        addresses: vec![ip("fe80::9"), ip(SERVER)],
        addresses4: vec![GIADDR],
        mtu: 1500,
        ..Interface::default()
    }
}

fn tsv_settings(lease: u32) -> ServerSettings {
    let subnet = Subnet {
        prefix: "192.0.2.0/24".parse().unwrap(),
        serves: Serves::default(),
        pools: vec![Pool { first: [192, 0, 2, 10].into(), last: [192, 0, 2, 209].into(), sharing: None }],
        reservations: Vec::new(),
        times: LeaseTimes { min: Lifetime(10), default: Lifetime(lease), ..LeaseTimes::default() },
        options: Vec::new(),
    };
    ServerSettings {
        profile: Profile::Rfc7341,
        draft01: Draft01::default(),
        addresses: Vec::new(),
        accept_from: Vec::new(),
        dhcp6: None,
        engine: EngineSettings::Builtin(Settings {
            server_id: SERVER4,
            subnets: vec![subnet],
            options: Vec::new(),
            rapid_commit: false,
            trust_inner_giaddr: false,
            subnet_selection: false,
            offer_hold: Settings::OFFER_HOLD,
            decline_rest: Settings::DECLINE_REST,
            limits: Limits { leases_per_origin: 0, ..Limits::default() },
        }),
        rates: Rates::default(),
        port547: false,
        tsv: Some(TsvSettings {
            addresses: vec![ip(SERVER)],
            accept_from: vec!["2001:db8:1::/48".parse().unwrap()],
            addresses4: Vec::new(),
            accept_from4: Vec::new(),
            relay_agents: Vec::new(),
            interfaces4: Vec::new(),
            cra6addr: 46,
            encapsulation: Encapsulation::Off,
        }),
        softwire: Softwire::default(),
    }
}
