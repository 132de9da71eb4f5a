//! The form of one line.

use dhcp4o6_protocol::binding::{
    Binding4, Binding6, ClientKey, Holder, Origin, PortSet, Record, Slot4, Slot6, State, Transport,
};
use dhcp4o6_protocol::ids::{Duid, hex, hex_decode};
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::time::Instant;
use serde::{Deserialize, Serialize};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Seconds from 1970 to the end of the year 9999.
const LAST_SECOND: f64 = 253_402_300_799.0;
/// Microseconds in a second.
const MICROS: f64 = 1e6;

/// A record as a line has it.
#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub(super) enum Line {
    Lease4(Lease4),
    Gone4(Gone4),
    Lease6(Lease6),
    Gone6(Gone6),
    Reserve4(Reserve4),
    Unreserve4(Unreserve4),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Lease4 {
    address: Ipv4Addr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ports: Option<Ports>,
    client: Client,
    state: State,
    changed: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    origin: Whence,
    source: Ipv6Addr,
    #[serde(default, skip_serializing_if = "is_usual")]
    transport: Transport,
    #[serde(default, skip_serializing_if = "Octets::is_empty")]
    host_name: Octets,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    softwire: Option<Ipv6Addr>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Gone4 {
    address: Ipv4Addr,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ports: Option<Ports>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Lease6 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Prefix6>,
    duid: Duid,
    iaid: u32,
    state: State,
    changed: Moment,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    preferred: Option<Moment>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires: Option<Moment>,
    origin: Whence,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Gone6 {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<Ipv6Addr>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<Prefix6>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Reserve4 {
    address: Ipv4Addr,
    holder: Keeper,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Unreserve4 {
    address: Ipv4Addr,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Ports {
    offset: u8,
    psid_len: u8,
    psid: u16,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Client {
    Id(Octets),
    Hardware(Hardware),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Keeper {
    ClientId(Octets),
    Duid(Duid),
    Circuit(Octets),
    Hardware(Hardware),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Whence {
    /// The /64.
    Network(Prefix6),
    Link(LinkLocal),
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct LinkLocal {
    /// With prefix fe80::/64.
    address: Ipv6Addr,
    link: Octets,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Hardware {
    #[serde(rename = "type")]
    kind: u8,
    address: Octets,
}

/// An octet string, as hexadecimal digits.
#[derive(Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone)]
struct Octets(Vec<u8>);

impl Octets {
    const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl TryFrom<String> for Octets {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        hex_decode(&text).map(Self).ok_or("octets are written as pairs of hexadecimal digits")
    }
}

impl From<Octets> for String {
    fn from(octets: Octets) -> Self {
        hex(&octets.0)
    }
}

/// Seconds since 1970. As many of them as microseconds in a record are exact for the next two centuries.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
struct Moment(f64);

impl TryFrom<f64> for Moment {
    type Error = &'static str;

    fn try_from(seconds: f64) -> Result<Self, &'static str> {
        let known = (0.0..=LAST_SECOND).contains(&seconds);
        if known { Ok(Self(seconds)) } else { Err("a moment is seconds since 1970, up to the year 9999") }
    }
}

impl From<Moment> for f64 {
    fn from(moment: Moment) -> Self {
        moment.0
    }
}

impl From<Instant> for Moment {
    fn from(at: Instant) -> Self {
        Self((at.as_micros() as f64 / MICROS).min(LAST_SECOND))
    }
}

impl From<Moment> for Instant {
    fn from(moment: Moment) -> Self {
        Self::from_micros((moment.0 * MICROS).round() as u64)
    }
}

/// The record that a line has, or what is wrong with it.
pub(super) fn parse(line: &[u8]) -> Result<Record, String> {
    let line = line.trim_ascii();
    if !line.starts_with(b"{") {
        return Err("not a JSON object".to_owned());
    }
    let line: Line = serde_json::from_slice(line).map_err(|error| {
        // It counts lines too, of which it has seen one.
        let text = error.to_string();
        text.split_once(" at line ")
            .map_or(text.clone(), |(what, _)| format!("{what}, column {}", error.column()))
    })?;
    line.record()
}

impl Line {
    /// Moments of `record` are since 1970.
    pub(super) fn of(record: &Record) -> Self {
        match record {
            Record::Lease4(binding) => Self::Lease4(Lease4 {
                address: binding.slot.address,
                ports: binding.slot.ports.map(Ports::of),
                client: match &binding.client {
                    ClientKey::Id(id) => Client::Id(Octets(id.clone())),
                    ClientKey::Hardware(kind, address) => Client::Hardware(Hardware::of(*kind, address)),
                },
                state: binding.state,
                changed: binding.changed_at.into(),
                expires: binding.expires_at.map(Moment::from),
                origin: Whence::of(&binding.origin),
                source: binding.source,
                transport: binding.transport,
                host_name: Octets(binding.host_name.clone()),
                softwire: binding.softwire,
            }),
            Record::Gone4(slot) => {
                Self::Gone4(Gone4 { address: slot.address, ports: slot.ports.map(Ports::of) })
            }
            Record::Lease6(binding) => {
                let (address, prefix) = of_slot6(binding.slot);
                Self::Lease6(Lease6 {
                    address,
                    prefix,
                    duid: binding.client.clone(),
                    iaid: binding.iaid,
                    state: binding.state,
                    changed: binding.changed_at.into(),
                    preferred: binding.preferred_until.map(Moment::from),
                    expires: binding.expires_at.map(Moment::from),
                    origin: Whence::of(&binding.origin),
                })
            }
            Record::Gone6(slot) => {
                let (address, prefix) = of_slot6(*slot);
                Self::Gone6(Gone6 { address, prefix })
            }
            Record::Reserve4 { address, holder } => Self::Reserve4(Reserve4 {
                address: *address,
                holder: match holder {
                    Holder::ClientId(id) => Keeper::ClientId(Octets(id.clone())),
                    Holder::Duid(duid) => Keeper::Duid(duid.clone()),
                    Holder::Circuit(circuit) => Keeper::Circuit(Octets(circuit.clone())),
                    Holder::Hardware(kind, address) => Keeper::Hardware(Hardware::of(*kind, address)),
                },
            }),
            Record::Unreserve4 { address } => Self::Unreserve4(Unreserve4 { address: *address }),
        }
    }

    fn record(self) -> Result<Record, String> {
        Ok(match self {
            Self::Lease4(lease) => Record::Lease4(Binding4 {
                slot: slot4(lease.address, lease.ports)?,
                client: match lease.client {
                    Client::Id(id) => ClientKey::Id(id.0),
                    Client::Hardware(hardware) => ClientKey::Hardware(hardware.kind, hardware.address.0),
                },
                state: lease.state,
                changed_at: lease.changed.into(),
                expires_at: lease.expires.map(Instant::from),
                origin: lease.origin.origin()?,
                source: lease.source,
                transport: lease.transport,
                host_name: lease.host_name.0,
                softwire: lease.softwire,
            }),
            Self::Gone4(gone) => Record::Gone4(slot4(gone.address, gone.ports)?),
            Self::Lease6(lease) => Record::Lease6(Binding6 {
                slot: slot6(lease.address, lease.prefix)?,
                client: lease.duid,
                iaid: lease.iaid,
                state: lease.state,
                changed_at: lease.changed.into(),
                preferred_until: lease.preferred.map(Instant::from),
                expires_at: lease.expires.map(Instant::from),
                origin: lease.origin.origin()?,
            }),
            Self::Gone6(gone) => Record::Gone6(slot6(gone.address, gone.prefix)?),
            Self::Reserve4(Reserve4 { address, holder }) => Record::Reserve4 {
                address,
                holder: match holder {
                    Keeper::ClientId(id) => Holder::ClientId(id.0),
                    Keeper::Duid(duid) => Holder::Duid(duid),
                    Keeper::Circuit(circuit) => Holder::Circuit(circuit.0),
                    Keeper::Hardware(hardware) => Holder::Hardware(hardware.kind, hardware.address.0),
                },
            },
            Self::Unreserve4(Unreserve4 { address }) => Record::Unreserve4 { address },
        })
    }
}

/// Nothing is said of DHCPv6.
fn is_usual(transport: &Transport) -> bool {
    *transport == Transport::Dhcp6
}

impl Ports {
    const fn of(set: PortSet) -> Self {
        Self { offset: set.offset, psid_len: set.psid_len, psid: set.psid }
    }
}

impl Hardware {
    fn of(kind: u8, address: &[u8]) -> Self {
        Self { kind, address: Octets(address.to_vec()) }
    }
}

impl Whence {
    fn of(origin: &Origin) -> Self {
        match origin {
            Origin::Network(upper) => {
                Self::Network(Prefix6::of(Ipv6Addr::from_bits(u128::from(*upper) << 64), 64))
            }
            Origin::Link(lower, link) => {
                let address = Ipv6Addr::from_bits(0xfe80 << 112 | u128::from(*lower));
                Self::Link(LinkLocal { address, link: Octets(link.clone()) })
            }
        }
    }

    fn origin(self) -> Result<Origin, String> {
        match self {
            Self::Network(prefix) if prefix.length() == 64 => {
                Ok(Origin::Network((prefix.address().to_bits() >> 64) as u64))
            }
            Self::Network(prefix) => Err(format!("origin: {prefix} is not a /64")),
            Self::Link(LinkLocal { address, link }) => match address.segments() {
                [0xfe80, 0, 0, 0, ..] => Ok(Origin::Link(address.to_bits() as u64, link.0)),
                _ => Err(format!("origin: {address} is not in fe80::/64")),
            },
        }
    }
}

fn slot4(address: Ipv4Addr, ports: Option<Ports>) -> Result<Slot4, String> {
    let ports = ports.map(|Ports { offset, psid_len, psid }| PortSet { offset, psid_len, psid });
    match ports {
        Some(set) if !set.is_possible() => Err("ports: there is no such port set".to_owned()),
        ports => Ok(Slot4 { address, ports }),
    }
}

fn of_slot6(slot: Slot6) -> (Option<Ipv6Addr>, Option<Prefix6>) {
    match slot {
        Slot6::Address(address) => (Some(address), None),
        Slot6::Prefix(address, length) => (None, Some(Prefix6::of(address, length))),
    }
}

fn slot6(address: Option<Ipv6Addr>, prefix: Option<Prefix6>) -> Result<Slot6, String> {
    match (address, prefix) {
        (Some(address), None) => Ok(Slot6::Address(address)),
        (None, Some(prefix)) => Ok(Slot6::Prefix(prefix.address(), prefix.length())),
        _ => Err("either an address or a prefix".to_owned()),
    }
}
