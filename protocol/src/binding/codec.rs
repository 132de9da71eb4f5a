//! Records as octets. Each record has one form, and each octet string is the form of one record or of none.
//!
//! The first octet is the kind of record; integers are big-endian; a length is 7 bits an octet, the lowest first, with
//! the highest bit set in all octets but the last. Where something may be absent, a bit of the second octet tells. How
//! long an octet string is, is not judged here.

use super::{Binding4, Binding6, ClientKey, Holder, Origin, PortSet, Record, Slot4, Slot6, State, Transport};
use crate::ids::Duid;
use crate::time::Instant;
use crate::wire::Reader;
use std::net::Ipv6Addr;

/// The octets are the form of no record that this version knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a record")]
pub struct BadRecord;

const LEASE4: u8 = 1;
const GONE4: u8 = 2;
const LEASE6: u8 = 3;
const GONE6: u8 = 4;
const RESERVE4: u8 = 5;
const UNRESERVE4: u8 = 6;

/// In the second octet of a lease, above the two bits of its state.
mod flag {
    pub(super) const STATE: u8 = 0b11;
    pub(super) const PORTS: u8 = 1 << 2;
    pub(super) const EXPIRES: u8 = 1 << 3;
    pub(super) const SOFTWIRE: u8 = 1 << 4;
    pub(super) const HARDWARE: u8 = 1 << 5;
    pub(super) const LINK: u8 = 1 << 6;
    pub(super) const TRANSPORT: u8 = 1 << 7;
    pub(super) const PREFERRED: u8 = 1 << 4;
    pub(super) const PREFIX: u8 = 1 << 5;
}

impl Record {
    /// Appends the octets of this record.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Lease4(binding) => lease4(binding, out),
            Self::Gone4(slot) => {
                out.extend([GONE4, ports_flag(*slot)]);
                slot4(*slot, out);
            }
            Self::Lease6(binding) => lease6(binding, out),
            Self::Gone6(slot) => {
                out.extend([GONE6, prefix_flag(*slot)]);
                slot6(*slot, out);
            }
            Self::Reserve4 { address, holder } => {
                out.push(RESERVE4);
                out.extend(address.octets());
                encode_holder(holder, out);
            }
            Self::Unreserve4 { address } => {
                out.push(UNRESERVE4);
                out.extend(address.octets());
            }
        }
    }

    /// The record whose octets these are, to the last one.
    ///
    /// # Errors
    /// When there is none.
    pub fn decode(octets: &[u8]) -> Result<Self, BadRecord> {
        let mut input = Input(Reader::new(octets));
        let record = input.record().ok_or(BadRecord)?;
        if input.0.is_empty() { Ok(record) } else { Err(BadRecord) }
    }
}

fn lease4(binding: &Binding4, out: &mut Vec<u8>) {
    let mut flags = state(binding.state) | ports_flag(binding.slot);
    flags |= if binding.expires_at.is_some() { flag::EXPIRES } else { 0 };
    flags |= if binding.softwire.is_some() { flag::SOFTWIRE } else { 0 };
    flags |= if matches!(binding.client, ClientKey::Hardware(..)) { flag::HARDWARE } else { 0 };
    flags |= link_flag(&binding.origin);
    let transport = transport(binding.transport);
    flags |= if transport.is_some() { flag::TRANSPORT } else { 0 };
    out.extend([LEASE4, flags]);
    out.extend(transport);
    slot4(binding.slot, out);
    match &binding.client {
        ClientKey::Id(id) => string(id, out),
        ClientKey::Hardware(kind, address) => {
            out.push(*kind);
            string(address, out);
        }
    }
    moment(Some(binding.changed_at), out);
    moment(binding.expires_at, out);
    origin(&binding.origin, out);
    out.extend(binding.source.octets());
    string(&binding.host_name, out);
    out.extend(binding.softwire.iter().flat_map(Ipv6Addr::octets));
}

fn lease6(binding: &Binding6, out: &mut Vec<u8>) {
    let mut flags = state(binding.state) | prefix_flag(binding.slot);
    flags |= if binding.expires_at.is_some() { flag::EXPIRES } else { 0 };
    flags |= if binding.preferred_until.is_some() { flag::PREFERRED } else { 0 };
    flags |= link_flag(&binding.origin);
    out.extend([LEASE6, flags]);
    slot6(binding.slot, out);
    string(binding.client.as_bytes(), out);
    out.extend(binding.iaid.to_be_bytes());
    moment(Some(binding.changed_at), out);
    moment(binding.preferred_until, out);
    moment(binding.expires_at, out);
    origin(&binding.origin, out);
}

const fn state(state: State) -> u8 {
    match state {
        State::Bound => 0,
        State::Released => 1,
        State::Declined => 2,
    }
}

/// Nothing is said of DHCPv6, which came first.
const fn transport(transport: Transport) -> Option<u8> {
    match transport {
        Transport::Dhcp6 => None,
        Transport::Agent => Some(1),
        Transport::Ipv4 => Some(2),
    }
}

const fn ports_flag(slot: Slot4) -> u8 {
    if slot.ports.is_some() { flag::PORTS } else { 0 }
}

const fn prefix_flag(slot: Slot6) -> u8 {
    if matches!(slot, Slot6::Prefix(..)) { flag::PREFIX } else { 0 }
}

const fn link_flag(origin: &Origin) -> u8 {
    if matches!(origin, Origin::Link(..)) { flag::LINK } else { 0 }
}

fn slot4(slot: Slot4, out: &mut Vec<u8>) {
    out.extend(slot.address.octets());
    if let Some(PortSet { offset, psid_len, psid }) = slot.ports {
        out.extend([offset, psid_len]);
        out.extend(psid.to_be_bytes());
    }
}

fn slot6(slot: Slot6, out: &mut Vec<u8>) {
    match slot {
        Slot6::Address(address) => out.extend(address.octets()),
        Slot6::Prefix(address, length) => {
            out.extend(address.octets());
            out.push(length);
        }
    }
}

fn origin(origin: &Origin, out: &mut Vec<u8>) {
    match origin {
        Origin::Network(network) => out.extend(network.to_be_bytes()),
        Origin::Link(interface, link) => {
            out.extend(interface.to_be_bytes());
            string(link, out);
        }
    }
}

fn encode_holder(holder: &Holder, out: &mut Vec<u8>) {
    match holder {
        Holder::ClientId(id) => {
            out.push(0);
            string(id, out);
        }
        Holder::Duid(duid) => {
            out.push(1);
            string(duid.as_bytes(), out);
        }
        Holder::Circuit(circuit) => {
            out.push(2);
            string(circuit, out);
        }
        Holder::Hardware(kind, address) => {
            out.extend([3, *kind]);
            string(address, out);
        }
    }
}

fn moment(moment: Option<Instant>, out: &mut Vec<u8>) {
    out.extend(moment.iter().flat_map(|moment| moment.as_micros().to_be_bytes()));
}

fn string(octets: &[u8], out: &mut Vec<u8>) {
    let mut left = octets.len();
    while left > 0x7f {
        let [low, ..] = left.to_le_bytes();
        out.push(low | 0x80);
        left >>= 7;
    }
    let [low, ..] = left.to_le_bytes();
    out.push(low);
    out.extend(octets);
}

/// What is left to decode. `None` is the end of the attempt.
struct Input<'a>(Reader<'a>);

impl Input<'_> {
    fn record(&mut self) -> Option<Record> {
        match self.0.u8()? {
            LEASE4 => self.lease4().map(Record::Lease4),
            GONE4 => {
                let flags = self.flags(flag::PORTS)?;
                self.slot4(flags).map(Record::Gone4)
            }
            LEASE6 => self.lease6().map(Record::Lease6),
            GONE6 => {
                let flags = self.flags(flag::PREFIX)?;
                self.slot6(flags).map(Record::Gone6)
            }
            RESERVE4 => Some(Record::Reserve4 { address: self.0.ipv4()?, holder: self.holder()? }),
            UNRESERVE4 => Some(Record::Unreserve4 { address: self.0.ipv4()? }),
            _ => None,
        }
    }

    /// The second octet, in which only these bits may be set.
    fn flags(&mut self, known: u8) -> Option<u8> {
        self.0.u8().filter(|flags| flags & !known == 0)
    }

    fn lease4(&mut self) -> Option<Binding4> {
        use flag::{EXPIRES, HARDWARE, LINK, PORTS, SOFTWIRE, STATE, TRANSPORT};
        let flags = self.flags(STATE | PORTS | EXPIRES | SOFTWIRE | HARDWARE | LINK | TRANSPORT)?;
        let transport = if flags & TRANSPORT == 0 { Transport::Dhcp6 } else { self.transport()? };
        Some(Binding4 {
            transport,
            state: state_of(flags)?,
            slot: self.slot4(flags)?,
            client: if flags & HARDWARE == 0 {
                ClientKey::Id(self.string()?)
            } else {
                ClientKey::Hardware(self.0.u8()?, self.string()?)
            },
            changed_at: self.moment()?,
            expires_at: self.moment_if(flags & EXPIRES != 0)?,
            origin: self.origin(flags)?,
            source: self.0.ipv6()?,
            host_name: self.string()?,
            softwire: if flags & SOFTWIRE == 0 { None } else { Some(self.0.ipv6()?) },
        })
    }

    fn lease6(&mut self) -> Option<Binding6> {
        use flag::{EXPIRES, LINK, PREFERRED, PREFIX, STATE};
        let flags = self.flags(STATE | PREFIX | EXPIRES | PREFERRED | LINK)?;
        Some(Binding6 {
            state: state_of(flags)?,
            slot: self.slot6(flags)?,
            client: Duid::new(self.string()?).ok()?,
            iaid: self.0.u32()?,
            changed_at: self.moment()?,
            preferred_until: self.moment_if(flags & PREFERRED != 0)?,
            expires_at: self.moment_if(flags & EXPIRES != 0)?,
            origin: self.origin(flags)?,
        })
    }

    fn transport(&mut self) -> Option<Transport> {
        match self.0.u8()? {
            1 => Some(Transport::Agent),
            2 => Some(Transport::Ipv4),
            _ => None,
        }
    }

    fn slot4(&mut self, flags: u8) -> Option<Slot4> {
        let address = self.0.ipv4()?;
        if flags & flag::PORTS == 0 {
            return Some(Slot4 { address, ports: None });
        }
        let set = PortSet { offset: self.0.u8()?, psid_len: self.0.u8()?, psid: self.0.u16()? };
        set.is_possible().then_some(Slot4 { address, ports: Some(set) })
    }

    fn slot6(&mut self, flags: u8) -> Option<Slot6> {
        let address = self.0.ipv6()?;
        if flags & flag::PREFIX == 0 {
            return Some(Slot6::Address(address));
        }
        let length = self.0.u8().filter(|length| *length <= 128)?;
        Some(Slot6::Prefix(address, length))
    }

    fn origin(&mut self, flags: u8) -> Option<Origin> {
        let number = self.u64()?;
        if flags & flag::LINK == 0 {
            return Some(Origin::Network(number));
        }
        self.string().map(|link| Origin::Link(number, link))
    }

    fn holder(&mut self) -> Option<Holder> {
        match self.0.u8()? {
            0 => self.string().map(Holder::ClientId),
            1 => Duid::new(self.string()?).ok().map(Holder::Duid),
            2 => self.string().map(Holder::Circuit),
            3 => Some(Holder::Hardware(self.0.u8()?, self.string()?)),
            _ => None,
        }
    }

    fn u64(&mut self) -> Option<u64> {
        self.0.array().map(u64::from_be_bytes)
    }

    fn moment(&mut self) -> Option<Instant> {
        self.u64().map(Instant::from_micros)
    }

    fn moment_if(&mut self, there: bool) -> Option<Option<Instant>> {
        if there { self.moment().map(Some) } else { Some(None) }
    }

    fn string(&mut self) -> Option<Vec<u8>> {
        let mut length = 0_usize;
        for shift in (0..).step_by(7) {
            let octet = self.0.u8()?;
            // No string here is as long as a length of five octets could tell.
            if shift > 21 || (octet == 0 && shift > 0) {
                return None;
            }
            length |= usize::from(octet & 0x7f) << shift;
            if octet & 0x80 == 0 {
                break;
            }
        }
        self.0.take(length).map(<[u8]>::to_vec)
    }
}

const fn state_of(flags: u8) -> Option<State> {
    match flags & flag::STATE {
        0 => Some(State::Bound),
        1 => Some(State::Released),
        2 => Some(State::Declined),
        _ => None,
    }
}
