//! Status as the value types of the bus.

use dhcp4o6_dbus::{
    Address, Exchange, Ip4Config, LastError, Lease, NEVER, Permit, Prefix, Route, RouterAdvertisement,
};
use dhcp4o6_protocol::lease::{Lease4, Lease6, Route4};
use dhcp4o6_protocol::permit::WireProfile;
use dhcp4o6_protocol::status::{ExchangeStatus, Status};
use dhcp4o6_protocol::time::{Instant, Lifetime};
use std::collections::BTreeMap;

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

pub(super) fn ip4_config(status: &Status) -> Ip4Config {
    let Some(config) = &status.ipv4 else { return Ip4Config::default() };
    let device = status.facts.target.as_ref().map_or(&status.facts.name, |target| &target.name);
    Ip4Config {
        address: Some(config.address.to_string()),
        prefix: Some(config.prefix_len.into()),
        gateway: Some(text(config.gateway)),
        dns: Some(texts(&config.dns)),
        domains: Some(texts(&config.domains)),
        routes: Some(config.routes.iter().map(route).collect()),
        mtu: Some(config.mtu.unwrap_or_default().into()),
        ntp: Some(texts(&config.ntp)),
        lifetime: Some(status.client4.lease.as_ref().map_or(0, |lease| seconds(lease.lifetime))),
        valid_until: Some(end(config.expires_at)),
        device: Some(carried(device)),
    }
}

fn route(route: &Route4) -> Route {
    Route {
        destination: route.destination.to_string(),
        prefix: route.prefix_len.into(),
        gateway: text(route.gateway),
        onlink: route.onlink,
    }
}

pub(super) fn last_error(status: &Status) -> LastError {
    status.last_error.as_ref().map_or_else(LastError::default, |noted| LastError {
        name: Some(noted.name.to_owned()),
        text: Some(carried(&noted.text)),
        at: Some(noted.at.as_micros()),
    })
}

pub(super) fn router_advertisement(status: &Status) -> RouterAdvertisement {
    status.facts.ra.as_ref().map_or_else(RouterAdvertisement::default, |ra| RouterAdvertisement {
        managed: Some(ra.managed),
        other: Some(ra.other),
        prefixes: Some(ra.prefixes.iter().map(|(prefix, length)| format!("{prefix}/{length}")).collect()),
    })
}

pub(super) fn exchange(exchange: Option<&ExchangeStatus>) -> Exchange {
    exchange.map_or_else(Exchange::default, |exchange| Exchange {
        message: Some(exchange.message.to_owned()),
        transmissions: Some(exchange.transmissions),
        started: Some(exchange.started_at.as_micros()),
        next: Some(moment(exchange.next_at)),
    })
}

pub(super) fn addresses(lease: Option<&Lease6>) -> Vec<Address> {
    let address = |address: &dhcp4o6_protocol::lease::Assignment6| Address {
        address: address.address.to_string(),
        preferred_until: end(address.preferred_until),
        valid_until: end(address.valid_until),
    };
    lease.map(|lease| lease.addresses.iter().map(address).collect()).unwrap_or_default()
}

pub(super) fn prefixes(lease: Option<&Lease6>) -> Vec<Prefix> {
    let prefix = |prefix: &dhcp4o6_protocol::lease::Delegation6| Prefix {
        prefix: prefix.prefix.to_string(),
        length: prefix.prefix_len.into(),
        preferred_until: end(prefix.preferred_until),
        valid_until: end(prefix.valid_until),
    };
    lease.map(|lease| lease.prefixes.iter().map(prefix).collect()).unwrap_or_default()
}

pub(super) fn permit(status: &Status) -> Permit {
    let permit = status.permit.as_ref();
    Permit {
        state: if status.permit_state.is_empty() { "none" } else { status.permit_state }.to_owned(),
        profile: permit
            .map(|permit| match permit.profile {
                WireProfile::Rfc7341 => "rfc7341",
                WireProfile::Draft01 => "draft01",
            })
            .unwrap_or_default()
            .to_owned(),
        servers: permit.map(|permit| texts(&permit.servers)).unwrap_or_default(),
        since: moment(permit.map(|permit| permit.since)),
    }
}

pub(super) fn lease(lease: &Lease4) -> Lease {
    Lease {
        address: Some(lease.address.to_string()),
        server_id: Some(lease.server_id.to_string()),
        lifetime: Some(seconds(lease.lifetime)),
        requested_at: Some(lease.requested_at.as_micros()),
        renew_at: Some(end(lease.renew_at)),
        rebind_at: Some(end(lease.rebind_at)),
        expires_at: Some(end(lease.expires_at)),
        source: Some(text(lease.source)),
        options: Some(lease.options.clone()),
    }
}

pub(super) fn messages(counts: [u64; 7]) -> BTreeMap<&'static str, u64> {
    MESSAGES.into_iter().zip(counts).collect()
}
