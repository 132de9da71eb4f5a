//! An agent as the configuration has it, whatever it relays.

use super::Key;
use super::role::Machine;
use crate::config::{LcraConfig, RelayConfig, TraConfig};
use crate::control::{AgentKind, Configured};
use dhcp4o6_protocol::role::lcra::Lcra;
use dhcp4o6_protocol::role::relay::{Relay, RelaySettings};
use dhcp4o6_protocol::role::tra::Tra;
use std::rc::Rc;

/// One agent.
#[derive(Clone, PartialEq, Debug)]
pub enum Agent {
    /// A DHCPv6 relay agent.
    Relay(Rc<RelayConfig>),
    /// An IPv6-transport relay agent.
    Tra(Rc<TraConfig>),
    /// An on-link client relay agent, with the servers it has now; and whence: see
    /// [`ProviderStatus::servers_from`](crate::control::ProviderStatus).
    Lcra(Rc<LcraConfig>, &'static str),
}

impl Agent {
    /// Which role it is.
    pub fn key(&self) -> Key {
        match self {
            Self::Relay(config) => Key::Agent(AgentKind::Relay, config.name.clone()),
            Self::Tra(config) => Key::Agent(AgentKind::Tra, config.name.clone()),
            Self::Lcra(config, _) => Key::Agent(AgentKind::Lcra, config.name.clone()),
        }
    }

    /// Name of the namespace it works in; `None` is the service's own.
    pub fn namespace(&self) -> &Option<String> {
        match self {
            Self::Relay(config) => &config.namespace,
            Self::Tra(config) => &config.namespace,
            Self::Lcra(config, _) => &config.namespace,
        }
    }

    /// Names of the interfaces it is configured for, each once.
    pub fn interfaces(&self) -> Vec<String> {
        match self {
            Self::Relay(config) => interfaces_of(&config.settings),
            Self::Tra(_) => Vec::new(),
            Self::Lcra(config, _) => {
                let mut names = vec![config.settings.clients.clone(), config.settings.upstream.clone()];
                names.dedup();
                names
            }
        }
    }

    /// It has to know every interface of its namespace, because it is configured for addresses, wherever they are.
    pub fn looks_everywhere(&self) -> bool {
        match self {
            Self::Relay(_) => false,
            Self::Tra(_) => true,
            Self::Lcra(config, _) => config.settings.source.is_some(),
        }
    }

    /// What the bus shows of its configuration.
    pub fn configured(&self) -> Configured {
        match self {
            Self::Relay(_) => Configured::Nothing,
            Self::Tra(config) => Configured::from(&config.settings),
            Self::Lcra(config, _) => Configured::from(&config.settings),
        }
    }

    /// The role, as it begins.
    pub fn machine(&self) -> Machine {
        match self {
            Self::Relay(config) => Machine::Relay(Box::new(Relay::new(config.settings.clone()))),
            Self::Tra(config) => Machine::Tra(Box::new(Tra::new(config.settings.clone()))),
            Self::Lcra(config, _) => Machine::Lcra(Box::new(Lcra::new(config.settings.clone()))),
        }
    }
}

/// Names of the interfaces that a relay agent is configured for, each once.
pub fn interfaces_of(settings: &RelaySettings) -> Vec<String> {
    let clients = settings.clients.iter().map(|side| &side.name);
    let destinations = settings.servers.iter().chain(&settings.servers_4o6);
    let mut names = Vec::new();
    for name in clients.chain(destinations.filter_map(|destination| destination.interface.as_ref())) {
        if !names.contains(name) {
            names.push(name.clone());
        }
    }
    names
}
