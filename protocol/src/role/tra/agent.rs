//! Option 82 as it leaves, written once for every subnet: per message only the address of the client relay agent is
//! filled in.

use super::places::Places;
use super::{SERVER4_PORT, TraSettings};
use crate::role::upstream4::LARGEST_AGENT;
use crate::wire::agent::{self, code as sub_option};
use crate::wire::transit;
use crate::wire::v4::code;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

/// Where CRA6ADDR stands in the value of option 82: it is the first sub-option.
const ADDRESS: Range<usize> = 2..18;

/// The value of option 82, all but the address: zeros.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Agent(Vec<u8>);

impl Agent {
    /// Octets of the option, with code and length.
    pub(super) fn len(&self) -> usize {
        self.0.len().saturating_add(2)
    }

    /// Appends the option.
    pub(super) fn append(&self, client_relay_agent: Ipv6Addr, octets: &mut Vec<u8>) {
        let start = octets.len().saturating_add(2);
        transit::append(octets, code::RELAY_AGENT, &self.0);
        let field = start.saturating_add(ADDRESS.start)..start.saturating_add(ADDRESS.end);
        transit::write(octets, field, &client_relay_agent.octets());
    }

    /// The sub-options alone.
    pub(super) fn segment(&self, client_relay_agent: Ipv6Addr) -> Vec<u8> {
        let mut octets = self.0.clone();
        transit::write(&mut octets, ADDRESS, &client_relay_agent.octets());
        octets
    }
}

/// What is added to the messages of which client relay agents.
#[derive(Debug)]
pub(super) struct Agents {
    places: Places,
    /// By the number of the subnet; `None` when it is longer than servers return.
    links: Vec<Option<Agent>>,
    elsewhere: Option<Agent>,
}

impl Agents {
    pub(super) fn new(settings: &TraSettings) -> Self {
        let sources = |(number, link): (usize, &'_ super::TraLink)| {
            link.sources.iter().map(move |prefix| (*prefix, number)).collect::<Vec<_>>()
        };
        Self {
            places: settings.links.iter().enumerate().flat_map(sources).collect(),
            links: settings.links.iter().map(|link| write(settings, Some(link.prefix.address()))).collect(),
            elsewhere: write(settings, None),
        }
    }

    /// What is added to the messages of the client relay agent at `address`; `None` when it is more than servers return.
    pub(super) fn at(&self, address: Ipv6Addr) -> Option<&Agent> {
        let link = self.places.at(address).and_then(|number| self.links.get(number));
        link.unwrap_or(&self.elsewhere).as_ref()
    }
}

/// CRA6ADDR, and behind it what else is configured, in ascending order. Each code stands once: that of CRA6ADDR is its
/// own.
fn write(settings: &TraSettings, subnet: Option<Ipv4Addr>) -> Option<Agent> {
    let subnet = subnet.map(|subnet| subnet.octets());
    let source_port = (settings.source_port != SERVER4_PORT).then_some(&[][..]);
    let others = [
        (sub_option::CIRCUIT_ID, settings.circuit_id.as_deref()),
        (sub_option::REMOTE_ID, settings.remote_id.as_deref()),
        (sub_option::LINK_SELECTION, subnet.as_ref().map(|subnet| &subnet[..])),
        (sub_option::RELAY_ID, settings.relay_id.as_deref()),
        (sub_option::SOURCE_PORT, source_port),
    ];
    let others = others.into_iter().filter(|(code, _)| *code != settings.cra6addr);
    let mut sub_options = vec![(settings.cra6addr, &[0; 16][..])];
    sub_options.extend(others.filter_map(|(code, value)| Some((code, value?))));
    let value = agent::emit(&sub_options).ok()?;
    (value.len() <= LARGEST_AGENT).then_some(Agent(value))
}
