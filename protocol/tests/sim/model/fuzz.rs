//! Histories made of arbitrary octets, for fuzzers and for the plain tests that stand in for them.

use super::chaos;
use super::net::Net;
use super::server::{Enable, Server};
use super::{hours, ms, secs};
use dhcp4o6_protocol::machine::Command;
use dhcp4o6_protocol::settings::Dhcp6Mode;
use std::net::Ipv6Addr;
use std::time::Duration;

const STRANGER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0x77);
/// Longest history: what is beyond is not read.
const MAX_OCTETS: usize = 4096;

/// Octets that are used up one after the other; when none is left there are zeros.
struct Script<'a>(&'a [u8]);

impl Script<'_> {
    fn octet(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn octets(&mut self, count: usize) -> Vec<u8> {
        let (head, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        head.to_vec()
    }

    /// Changes single octets, each at a place that the script names.
    fn spoil(&mut self, octets: &mut Vec<u8>) {
        for _ in 0..self.octet() % 6 {
            let place = usize::from(u16::from_be_bytes([self.octet(), self.octet()]));
            let value = self.octet();
            // Options are at the end, and most fields before them are zero.
            let place = octets.len().saturating_sub(1 + place % 320.min(octets.len().max(1)));
            match value {
                0xfe => octets.truncate(place),
                0xfd => octets.insert(place, 0),
                _ => {
                    if let Some(octet) = octets.get_mut(place) {
                        *octet = value;
                    }
                }
            }
        }
    }
}

/// Arbitrary events into a link, invariants on. In the end, as always, all must be well.
pub(crate) fn core_history(octets: &[u8]) {
    let mut script = Script(&octets[..octets.len().min(MAX_OCTETS)]);
    let mut net = chaos::network(u64::from(script.octet()));
    net.keeps_sent = true;
    let mut net = net.up();
    while !script.0.is_empty() {
        match script.octet() {
            span @ 0..=119 => net.run_for(Duration::from_millis(u64::from(span).pow(3))),
            number @ 120..=219 => chaos::fault(&mut net, usize::from(number - 120) % chaos::FAULTS),
            220..=229 => {
                let count = usize::from(script.octet());
                let payload = script.octets(count);
                net.inject(STRANGER, &payload);
            }
            _ => {
                if let Some(mut answer) = answer(&mut net) {
                    script.spoil(&mut answer);
                    net.inject(STRANGER, &answer);
                }
            }
        }
        net.sent.drain(..net.sent.len().saturating_sub(1));
    }
    chaos::heal(&mut net);
    net.run_until(hours(3), chaos::is_well);
}

/// What an honest server would answer to the last datagram that left.
fn answer(net: &mut Net) -> Option<Vec<u8>> {
    let sent = net.sent.last()?.clone();
    let mut server = Server::good(7);
    server.profile = net.servers[0].profile;
    server.rapid_commit = true;
    server.hear(net.now, sent.to, &sent.payload, &mut net.chance).map(|(_, answer)| answer)
}

/// A response to the 4o6 client in each of its states, and what it says next.
pub(crate) fn o6_response(octets: &[u8]) {
    let mut script = Script(&octets[..octets.len().min(MAX_OCTETS)]);
    let mut net = in_state(script.octet());
    let mut payload = match script.octet() % 3 {
        0 => script.0.to_vec(),
        1 => [&[21, 0, 0, 0, 0, 87][..], &(script.0.len() as u16).to_be_bytes(), script.0].concat(),
        _ => answer(&mut net).unwrap_or_default(),
    };
    script.spoil(&mut payload);
    net.inject(STRANGER, &payload);
    net.servers[0].alive = true;
    net.servers[0].deaf4 = false;
    net.run_for(secs(200));
}

/// A stateless link whose DHCPv4 engine is in the state with this number.
fn in_state(number: u8) -> Net {
    let mut server = Server::good(1);
    server.deaf4 = number.is_multiple_of(8);
    let mut net = Net::seeded(u64::from(number)).quiet().server(server);
    net.keeps_sent = true;
    net.settings.dhcp6.mode = Dhcp6Mode::Stateless;
    net.settings.dhcp4.rapid_commit = number >= 128;
    net.settings.dhcp4.conflict_detection = number % 8 == 6;
    let mut net = net.up();
    let state = ["selecting", "requesting", "rebooting", "bound", "renewing", "rebinding", "checking", "off"];
    let state = state[usize::from(number % 8)];
    if matches!(state, "selecting" | "requesting" | "checking") {
        net.run_until(secs(60), |net| [state, "bound"].contains(&net.status().client4.state));
    } else {
        net.until_bound(secs(60));
    }
    net.servers[0].deaf4 = true;
    match state {
        "rebooting" => {
            net.kill(ms(1));
            net.run_until(secs(60), |net| net.status().client4.state == state);
        }
        "renewing" => net.command(Command::Renew),
        "rebinding" => net.command(Command::Rebind),
        "off" => {
            net.servers[0].enable = Enable::No;
            net.command(Command::Restart);
            net.run_for(secs(5));
        }
        _ => {}
    }
    net
}
