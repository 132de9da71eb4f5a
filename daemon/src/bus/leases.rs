//! Leases, pools and questions of the provider's server as the values of the bus, and back.

use super::values::{Dictionary, carried, end};
use dhcp4o6_dbus::Error;
use dhcp4o6_protocol::binding::{Binding4, ClientKey, Holder, PortSet, Slot4, Slot6, State, Transport};
use dhcp4o6_protocol::ids::Duid;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::view::{After, Lease, PoolUse, Question};
use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use zbus::OwnedVariant;

/// ARP hardware type of Ethernet.
const ETHERNET: u8 = 1;

/// What the page after `lease` begins after: `192.0.2.7`, with a port set `192.0.2.7:6:8:52`, `2001:db8::7` or
/// `2001:db8:100::/56`.
pub(super) fn key(lease: &Lease) -> String {
    match lease {
        Lease::V4(binding) => slot4_text(&binding.slot),
        Lease::V6(binding) => match binding.slot {
            Slot6::Address(address) => address.to_string(),
            Slot6::Prefix(address, length) => format!("{address}/{length}"),
        },
    }
}

/// The inverse of [`key`]; empty text is the beginning. `None` if it is no key.
pub(super) fn parse_key(text: &str) -> Option<After> {
    if text.is_empty() {
        return Some(After::Start);
    }
    if let Some((address, length)) = text.split_once('/') {
        let length = length.parse().ok().filter(|length| *length <= 128)?;
        return Some(After::Lease6(Slot6::Prefix(address.parse().ok()?, length)));
    }
    if let Ok(address) = text.parse() {
        return Some(After::Lease6(Slot6::Address(address)));
    }
    let mut parts = text.split(':');
    let address = parts.next()?.parse().ok()?;
    let numbers: Vec<u16> = parts.map(str::parse).collect::<Result<_, _>>().ok()?;
    let ports = match numbers.as_slice() {
        [] => None,
        [offset, psid_len, psid] => Some(PortSet {
            offset: u8::try_from(*offset).ok()?,
            psid_len: u8::try_from(*psid_len).ok()?,
            psid: *psid,
        }),
        _ => return None,
    };
    Some(After::Lease4(Slot4 { address, ports }))
}

/// An address, and its port set if it is shared.
pub(super) fn slot4_text(slot: &Slot4) -> String {
    match slot.ports {
        None => slot.address.to_string(),
        Some(PortSet { offset, psid_len, psid }) => format!("{}:{offset}:{psid_len}:{psid}", slot.address),
    }
}

/// One lease, with the keys of [`dhcp4o6_dbus::ServerLease`].
pub(super) fn row(lease: &Lease, now: Instant) -> Dictionary {
    let (state, changed_at, expires_at) = match lease {
        Lease::V4(binding) => (binding.state, binding.changed_at, binding.expires_at),
        Lease::V6(binding) => (binding.state, binding.changed_at, binding.expires_at),
    };
    let mut row = Dictionary::from([
        ("key", key(lease).into()),
        ("state", state_word(state, expires_at, now).into()),
        ("since", changed_at.as_micros().into()),
        ("until", end(expires_at).into()),
    ]);
    match lease {
        Lease::V4(binding) => {
            row.insert("kind", "ipv4".into());
            row.insert("address", binding.slot.address.to_string().into());
            row.insert("length", 32_u32.into());
            if let Some(PortSet { offset, psid_len, psid }) = binding.slot.ports {
                row.insert("ports", (offset, psid_len, psid).into());
            }
            match &binding.client {
                ClientKey::Id(id) => row.insert("client-id", id.clone().into()),
                ClientKey::Hardware(kind, octets) => row.insert("hardware", (*kind, octets.clone()).into()),
            };
            let (transport, source) = reached(binding);
            row.insert("transport", transport.into());
            row.insert("source", source.into());
            if !binding.host_name.is_empty() {
                row.insert("host-name", binding.host_name.clone().into());
            }
            if let Some(softwire) = binding.softwire {
                row.insert("softwire", softwire.to_string().into());
            }
        }
        Lease::V6(binding) => {
            let (kind, address, length) = match binding.slot {
                Slot6::Address(address) => ("ipv6-address", address, 128),
                Slot6::Prefix(address, length) => ("ipv6-prefix", address, u32::from(length)),
            };
            row.insert("kind", kind.into());
            row.insert("address", address.to_string().into());
            row.insert("length", length.into());
            row.insert("duid", binding.client.as_bytes().to_vec().into());
            row.insert("iaid", binding.iaid.into());
        }
    }
    row
}

/// It is one of DHCPv4.
pub(super) fn is_ipv4(lease: &Lease) -> bool {
    matches!(lease, Lease::V4(_))
}

/// A lease whose client is behind a client relay agent, with the keys of [`dhcp4o6_dbus::TunnelBinding`]; `None` of any
/// other, and of one that does not run. Nobody tunnels to a part of an address's ports this way.
pub(super) fn tunnel_binding(lease: &Lease, now: Instant) -> Option<Dictionary> {
    let Lease::V4(binding) = lease else { return None };
    let Binding4 { slot: Slot4 { address, ports: None }, state: State::Bound, .. } = binding else {
        return None;
    };
    let runs = binding.expires_at.is_none_or(|end| end > now);
    (runs && binding.transport == Transport::Agent).then(|| {
        Dictionary::from([
            ("address", address.to_string().into()),
            ("agent", binding.source.to_string().into()),
            ("until", end(binding.expires_at).into()),
        ])
    })
}

/// How the client's messages come, and the address they came from; empty if that is its own and it has none.
fn reached(binding: &Binding4) -> (&'static str, String) {
    match (binding.transport, binding.source.to_ipv4_mapped()) {
        (Transport::Dhcp6, _) => ("dhcp6", binding.source.to_string()),
        (Transport::Agent, _) => ("agent", binding.source.to_string()),
        (Transport::Ipv4, None | Some(Ipv4Addr::UNSPECIFIED)) => ("ipv4", String::new()),
        (Transport::Ipv4, Some(relay)) => ("ipv4", relay.to_string()),
    }
}

fn state_word(state: State, expires_at: Option<Instant>, now: Instant) -> &'static str {
    match state {
        State::Bound if expires_at.is_some_and(|end| end <= now) => "expired",
        State::Bound => "bound",
        State::Released => "released",
        State::Declined => "declined",
    }
}

/// One pool, with the keys of [`dhcp4o6_dbus::Pool`].
pub(super) fn pool(pool: &PoolUse) -> Dictionary {
    Dictionary::from([
        ("subnet", carried(&pool.subnet).into()),
        ("pool", carried(&pool.pool).into()),
        ("size", pool.size.into()),
        ("leased", pool.leased.into()),
        ("offered", pool.offered.into()),
        ("declined", pool.declined.into()),
        ("reserved", pool.reserved.into()),
    ])
}

/// One reservation, with the keys of [`dhcp4o6_dbus::Reservation`].
pub(super) fn reservation(address: Ipv4Addr, holder: &Holder) -> Dictionary {
    let (kind, octets) = match holder {
        Holder::ClientId(id) => ("client-id", id.clone()),
        Holder::Duid(duid) => ("duid", duid.as_bytes().to_vec()),
        Holder::Circuit(circuit) => ("circuit", circuit.clone()),
        Holder::Hardware(_, octets) => ("hardware", octets.clone()),
    };
    Dictionary::from([
        ("address", address.to_string().into()),
        ("kind", kind.into()),
        ("holder", octets.into()),
    ])
}

/// Whom an address is to be kept for.
///
/// # Errors
/// `InvalidArgument` with what would be right.
pub(super) fn holder(kind: &str, octets: Vec<u8>) -> Result<Holder, Error> {
    let length = octets.len();
    let wrong = |right: &str| Err(Error::InvalidArgument(format!("{right}, not {length}")));
    match kind {
        "client-id" if (2..=255).contains(&length) => Ok(Holder::ClientId(octets)),
        "client-id" => wrong("a client identifier has 2 to 255 octets"),
        "duid" => Duid::new(octets).map(Holder::Duid).or_else(|_| wrong("a DUID has 3 to 130 octets")),
        "circuit" if (1..=255).contains(&length) => Ok(Holder::Circuit(octets)),
        "circuit" => wrong("a circuit has 1 to 255 octets"),
        "hardware" if length == 6 => Ok(Holder::Hardware(ETHERNET, octets)),
        "hardware" => wrong("an Ethernet address has 6 octets"),
        _ => Err(Error::InvalidArgument("the kind is client-id, duid, circuit or hardware".into())),
    }
}

/// An IPv4 address.
///
/// # Errors
/// `InvalidArgument` that names `what`.
pub(super) fn address4(what: &str, text: &str) -> Result<Ipv4Addr, Error> {
    text.parse().map_err(|_| Error::InvalidArgument(format!("{what} is not an IPv4 address")))
}

fn address6(what: &str, text: &str) -> Result<Ipv6Addr, Error> {
    text.parse().map_err(|_| Error::InvalidArgument(format!("{what} is not an IPv6 address")))
}

/// The argument of `SelectTest`.
///
/// # Errors
/// `InvalidArgument` that names the first key that is unknown or has a wrong value.
pub(super) fn question(query: HashMap<String, OwnedVariant>) -> Result<Question, Error> {
    let mut question = Question::default();
    let mut query: Vec<_> = query.into_iter().collect();
    query.sort_by(|(one, _), (other, _)| one.cmp(other));
    for (key, value) in query {
        match key.as_str() {
            "interface" => question.interface = Some(text(&key, value)?),
            "source" => question.source = Some(address6(&key, &text(&key, value)?)?),
            "link-address" => question.link_address = Some(address6(&key, &text(&key, value)?)?),
            "agent" => question.agent = Some(address6(&key, &text(&key, value)?)?),
            "giaddr" => question.giaddr = Some(address4(&key, &text(&key, value)?)?),
            "link-selection" => question.link_selection = Some(address4(&key, &text(&key, value)?)?),
            "interface-id" => question.interface_id = Some(octets(&key, value)?),
            "client-id" => question.client_id = Some(octets(&key, value)?),
            "hardware" => question.hardware = Some((ETHERNET, octets(&key, value)?)),
            "requested" => question.requested = Some(address4(&key, &text(&key, value)?)?),
            "subnet-selection" => question.subnet_selection = Some(address4(&key, &text(&key, value)?)?),
            "shared" => question.shared = bool::try_from(value).map_err(|_| wrong(&key, "a boolean"))?,
            _ => return Err(Error::InvalidArgument(format!("there is no key {key:?} in a query"))),
        }
    }
    Ok(question)
}

fn text(key: &str, value: OwnedVariant) -> Result<String, Error> {
    String::try_from(value).map_err(|_| wrong(key, "text"))
}

fn octets(key: &str, value: OwnedVariant) -> Result<Vec<u8>, Error> {
    let octets = Vec::<u8>::try_from(value).map_err(|_| wrong(key, "octets"))?;
    if octets.len() > 255 {
        return Err(Error::InvalidArgument(format!("{key} has at most 255 octets, not {}", octets.len())));
    }
    Ok(octets)
}

fn wrong(key: &str, right: &str) -> Error {
    Error::InvalidArgument(format!("{key} must be {right}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_reads_back_and_anything_else_is_none() {
        let four = |ports| After::Lease4(Slot4 { address: [192, 0, 2, 7].into(), ports });
        let shared = PortSet { offset: 6, psid_len: 8, psid: 52 };
        for (text, after) in [
            ("", After::Start),
            ("192.0.2.7", four(None)),
            ("192.0.2.7:6:8:52", four(Some(shared))),
            ("2001:db8::7", After::Lease6(Slot6::Address("2001:db8::7".parse().unwrap()))),
            ("2001:db8:100::/56", After::Lease6(Slot6::Prefix("2001:db8:100::".parse().unwrap(), 56))),
        ] {
            assert_eq!(parse_key(text), Some(after), "{text}");
            if let After::Lease4(slot) = after {
                assert_eq!(slot4_text(&slot), text);
            }
        }
        for text in
            ["192.0.2", "192.0.2.7:6", "192.0.2.7:6:8:70000", "x", "2001:db8::/129", "/", "192.0.2.7:a:b:c"]
        {
            assert_eq!(parse_key(text), None, "{text}");
        }
    }

    #[test]
    fn a_question_with_an_unknown_key_or_a_wrong_type_is_refused_by_name() {
        let ask = |key: &str, value: OwnedVariant| question(HashMap::from([(key.to_owned(), value)]));
        let good = ask("client-id", zbus::Variant::from(vec![1_u8, 2]).try_into().unwrap()).unwrap();
        assert_eq!(good.client_id, Some(vec![1, 2]));
        assert_eq!(
            ask("client", OwnedVariant::from(true)),
            Err(Error::InvalidArgument("there is no key \"client\" in a query".into()))
        );
        assert_eq!(
            ask("client-id", OwnedVariant::from(true)),
            Err(Error::InvalidArgument("client-id must be octets".into()))
        );
    }

    #[test]
    fn a_question_can_be_that_of_an_agent_or_a_relay_agent() {
        let text = |text: &str| OwnedVariant::try_from(zbus::Variant::from(text)).unwrap();
        let keys = [("agent", "2001:db8::18"), ("giaddr", "198.51.100.9"), ("link-selection", "192.0.2.0")];
        let query = keys.map(|(key, value)| (key.to_owned(), text(value))).into_iter().collect();
        let asked = question(query).unwrap();
        assert_eq!(asked.agent, Some("2001:db8::18".parse().unwrap()));
        assert_eq!(asked.giaddr, Some([198, 51, 100, 9].into()));
        assert_eq!(asked.link_selection, Some([192, 0, 2, 0].into()));
        let wrong = question(HashMap::from([("agent".to_owned(), text("192.0.2.1"))]));
        assert_eq!(wrong, Err(Error::InvalidArgument("agent is not an IPv6 address".into())));
    }

    #[test]
    fn a_holder_has_the_length_of_its_kind() {
        assert!(holder("duid", vec![0, 3, 1]).is_ok());
        for (kind, octets, message) in [
            ("duid", vec![0], "a DUID has 3 to 130 octets, not 1"),
            ("hardware", vec![0; 8], "an Ethernet address has 6 octets, not 8"),
            ("client-id", vec![1], "a client identifier has 2 to 255 octets, not 1"),
            ("name", vec![1], "the kind is client-id, duid, circuit or hardware"),
        ] {
            assert_eq!(holder(kind, octets), Err(Error::InvalidArgument(message.into())));
        }
    }

    #[test]
    fn a_lease_past_its_end_is_shown_as_expired() {
        let end = Some(Instant::from_secs(10));
        assert_eq!(state_word(State::Bound, end, Instant::from_secs(9)), "bound");
        assert_eq!(state_word(State::Bound, end, Instant::from_secs(10)), "expired");
        assert_eq!(state_word(State::Bound, None, Instant::from_secs(10)), "bound");
        assert_eq!(state_word(State::Released, end, Instant::from_secs(10)), "released");
    }
}
