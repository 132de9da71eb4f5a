//! Status as the values of the bus.

use dhcp4o6_dbus::NEVER;
use dhcp4o6_protocol::ids::EndpointId;
use dhcp4o6_protocol::lease::{Assignment6, Delegation6, Lease4, Lease6, Route4};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::settings::Encapsulation;
use dhcp4o6_protocol::status::{EndpointStatus, ExchangeStatus, HcraStatus, Status};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use std::collections::BTreeMap;
use zbus::Variant;

/// `a{sv}`, with the keys of the type of `dhcp4o6_dbus` that clients read it as. Not that type itself: its derived
/// serialisation is an order of magnitude more code, for every such type.
pub(super) type Dictionary = BTreeMap<&'static str, Variant<'static>>;

/// The words of [`dhcp4o6_protocol::status::Client4Status::messages`], in its order.
const MESSAGES: [&str; 7] = ["discover", "offer", "request", "decline", "ack", "nak", "release"];

/// A moment that may never come.
pub(super) fn end(at: Option<Instant>) -> u64 {
    at.map_or(NEVER, Instant::as_micros)
}

/// A moment that may not be planned, or not have been.
pub(super) fn moment(at: Option<Instant>) -> u64 {
    at.map_or(0, Instant::as_micros)
}

fn seconds(lifetime: Lifetime) -> u64 {
    lifetime.duration().map_or(NEVER, |span| span.as_secs())
}

/// `text` as the bus can carry it: without NUL, which would cost the whole property and all that are read with it.
pub(super) fn carried(text: impl Into<String>) -> String {
    let text = text.into();
    if text.contains('\0') { text.replace('\0', "\u{fffd}") } else { text }
}

/// Names, addresses, or anything else that prints itself.
pub(super) fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(|item| carried(item.to_string())).collect()
}

/// Text of something that may be absent.
pub(super) fn text<T: ToString>(item: Option<T>) -> String {
    item.map(|item| carried(item.to_string())).unwrap_or_default()
}

/// The word of the configuration.
pub(super) fn encapsulation(encapsulation: Encapsulation) -> &'static str {
    match encapsulation {
        Encapsulation::Off => "off",
        Encapsulation::Private => "private",
    }
}

pub(super) fn ip4_config(status: &Status) -> Dictionary {
    let Some(config) = &status.ipv4 else { return Dictionary::new() };
    let device = status.facts.target(EndpointId::FIRST).map_or(&status.facts.name, |target| &target.name);
    Dictionary::from([
        ("address", config.address.to_string().into()),
        ("prefix", u32::from(config.prefix_len).into()),
        ("gateway", text(config.gateway).into()),
        ("dns", texts(&config.dns).into()),
        ("domains", texts(&config.domains).into()),
        ("routes", config.routes.iter().map(route).collect::<Vec<_>>().into()),
        ("mtu", u32::from(config.mtu.unwrap_or_default()).into()),
        ("ntp", texts(&config.ntp).into()),
        ("lifetime", status.client4.lease.as_ref().map_or(0, |lease| seconds(lease.lifetime)).into()),
        ("valid-until", end(config.expires_at).into()),
        ("device", carried(device).into()),
    ])
}

pub(super) fn endpoint(endpoint: &EndpointStatus) -> Dictionary {
    let (config, client) = (endpoint.ipv4.as_ref(), &endpoint.client4);
    let mut shown = Dictionary::from([
        ("name", carried(&endpoint.name).into()),
        ("state", endpoint.state.word().into()),
        ("reason", endpoint.reason.into()),
        ("address", text(config.map(|config| config.address)).into()),
        ("prefix", config.map_or(0, |config| u32::from(config.prefix_len)).into()),
        ("device", carried(&endpoint.target).into()),
        ("server-id", text(client.lease.as_ref().map(|lease| lease.server_id)).into()),
        ("valid-until", config.map_or(0, |config| end(config.expires_at)).into()),
    ]);
    if let Some(id) = &client.client_id {
        shown.insert("client-id", id.as_bytes().to_vec().into());
    }
    shown
}

/// Whence a client relay agent of a link knows its servers, in the words of one that is configured by itself.
pub(super) fn servers_from(hcra: &HcraStatus) -> &'static str {
    match hcra.servers_from {
        "static" => "configured",
        "none" => "",
        from => from,
    }
}

fn route(route: &Route4) -> Dictionary {
    Dictionary::from([
        ("destination", route.destination.to_string().into()),
        ("prefix", u32::from(route.prefix_len).into()),
        ("gateway", text(route.gateway).into()),
        ("onlink", route.onlink.into()),
    ])
}

pub(super) fn last_error(status: &Status) -> Dictionary {
    let Some(noted) = &status.last_error else { return Dictionary::new() };
    Dictionary::from([
        ("name", noted.name.into()),
        ("text", carried(&noted.text).into()),
        ("at", noted.at.as_micros().into()),
    ])
}

pub(super) fn router_advertisement(status: &Status) -> Dictionary {
    let Some(ra) = &status.facts.ra else { return Dictionary::new() };
    let prefixes: Vec<_> = ra.prefixes.iter().map(|(prefix, length)| format!("{prefix}/{length}")).collect();
    Dictionary::from([
        ("managed", ra.managed.into()),
        ("other", ra.other.into()),
        ("prefixes", prefixes.into()),
    ])
}

pub(super) fn exchange(exchange: Option<&ExchangeStatus>) -> Dictionary {
    let Some(exchange) = exchange else { return Dictionary::new() };
    Dictionary::from([
        ("message", exchange.message.into()),
        ("transmissions", exchange.transmissions.into()),
        ("started", exchange.started_at.as_micros().into()),
        ("next", moment(exchange.next_at).into()),
    ])
}

pub(super) fn addresses(lease: Option<&Lease6>) -> Vec<Dictionary> {
    let address = |address: &Assignment6| {
        Dictionary::from([
            ("address", address.address.to_string().into()),
            ("preferred-until", end(address.preferred_until).into()),
            ("valid-until", end(address.valid_until).into()),
        ])
    };
    lease.map(|lease| lease.addresses.iter().map(address).collect()).unwrap_or_default()
}

pub(super) fn prefixes(lease: Option<&Lease6>) -> Vec<Dictionary> {
    let prefix = |prefix: &Delegation6| {
        Dictionary::from([
            ("prefix", prefix.prefix.to_string().into()),
            ("length", u32::from(prefix.prefix_len).into()),
            ("preferred-until", end(prefix.preferred_until).into()),
            ("valid-until", end(prefix.valid_until).into()),
        ])
    };
    lease.map(|lease| lease.prefixes.iter().map(prefix).collect()).unwrap_or_default()
}

pub(super) fn permit(status: &Status) -> Dictionary {
    let permit = status.permit.as_ref();
    let profile = permit.map(|permit| match permit.profile {
        WireProfile::Rfc7341 => "rfc7341",
        WireProfile::Draft01 => "draft01",
    });
    Dictionary::from([
        ("state", if status.permit_state.is_empty() { "none" } else { status.permit_state }.into()),
        ("profile", profile.unwrap_or_default().into()),
        ("servers", permit.map(|permit| texts(&permit.servers)).unwrap_or_default().into()),
        ("since", moment(permit.map(|permit| permit.since)).into()),
    ])
}

pub(super) fn lease(lease: &Lease4) -> Dictionary {
    Dictionary::from([
        ("address", lease.address.to_string().into()),
        ("server-id", lease.server_id.to_string().into()),
        ("lifetime", seconds(lease.lifetime).into()),
        ("requested-at", lease.requested_at.as_micros().into()),
        ("renew-at", end(lease.renew_at).into()),
        ("rebind-at", end(lease.rebind_at).into()),
        ("expires-at", end(lease.expires_at).into()),
        ("source", text(lease.source).into()),
        ("options", lease.options.clone().into()),
    ])
}

pub(super) fn messages(counts: [u64; 7]) -> BTreeMap<&'static str, u64> {
    MESSAGES.into_iter().zip(counts).collect()
}
