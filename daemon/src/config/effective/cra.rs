//! `[link.hcra]` and `[[lcra]]` as they were understood.

use super::super::LcraConfig;
use super::super::reader::octets_text;
use super::{Toml, encapsulation_word, source_check_word};
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::settings::{HcraClient, HcraSettings, Renew};

pub(super) fn hcra(out: &mut Toml, settings: &HcraSettings) {
    let HcraSettings {
        servers,
        source,
        unique_local,
        source_check,
        hops_limit,
        needs_permit,
        renew,
        encapsulation,
        client,
        adopt,
    } = settings;
    out.head("[link.hcra]");
    out.texts("servers", servers);
    if let Some(source) = source {
        out.text("source", &source.to_string());
    }
    out.bare("unique-local", unique_local);
    out.text("source-check", source_check_word(*source_check));
    out.bare("hops-limit", hops_limit);
    out.bare("needs-permit", needs_permit);
    out.text(
        "renew",
        match renew {
            Renew::Direct => "direct",
            Renew::ViaCra => "via-cra",
        },
    );
    out.text("relay-encapsulation", encapsulation_word(*encapsulation));
    out.text(
        "client",
        match client {
            HcraClient::Builtin => "builtin",
            HcraClient::External => "external",
        },
    );
    out.bare("adopt", adopt);
}

pub(super) fn lcra(out: &mut Toml, lcra: &LcraConfig) {
    let LcraConfig { name, namespace, settings } = lcra;
    let LcraSettings {
        clients,
        upstream,
        servers,
        source,
        unique_local,
        source_check,
        hops_limit,
        allow,
        rate_per_client,
        rate,
        pending,
        encapsulation,
        circuit_id,
        remote_id,
    } = settings;
    out.head("[[lcra]]");
    out.text("name", name);
    if let Some(namespace) = namespace {
        out.text("namespace", namespace);
    }
    out.text("clients", clients);
    out.text("upstream", upstream);
    out.texts("servers", servers);
    if let Some(source) = source {
        out.text("source", &source.to_string());
    }
    out.bare("unique-local", unique_local);
    out.text("source-check", source_check_word(*source_check));
    out.bare("hops-limit", hops_limit);
    let hardware = |octets: &[u8; 6]| octets.map(|octet| format!("{octet:02x}")).join(":");
    out.texts("allow", &allow.iter().map(hardware).collect::<Vec<_>>());
    out.bare("rate-per-client", rate_per_client);
    out.bare("rate", rate);
    out.bare("pending", pending);
    out.text("relay-encapsulation", encapsulation_word(*encapsulation));
    for (key, octets) in [("circuit-id", circuit_id), ("remote-id", remote_id)] {
        if let Some(octets) = octets {
            out.text(key, &octets_text(octets));
        }
    }
}
