//! `[server.tsv]` and `[[tra]]` as they were understood.

use super::super::TraConfig;
use super::super::reader::octets_text;
use super::{Toml, encapsulation_word};
use dhcp4o6_protocol::role::tra::{TraLink, TraSettings};
use dhcp4o6_protocol::role::tsv::TsvSettings;

pub(super) fn tsv(out: &mut Toml, settings: &TsvSettings) {
    let TsvSettings {
        addresses,
        accept_from,
        addresses4,
        accept_from4,
        relay_agents,
        interfaces4,
        cra6addr,
        encapsulation,
    } = settings;
    out.head("[server.tsv]");
    out.texts("addresses", addresses);
    out.texts("accept-from", accept_from);
    out.texts("addresses4", addresses4);
    out.texts("accept-from4", accept_from4);
    out.texts("relay-agents", relay_agents);
    out.texts("interfaces4", interfaces4);
    out.bare("cra6addr", cra6addr);
    out.text("relay-encapsulation", encapsulation_word(*encapsulation));
}

pub(super) fn tra(out: &mut Toml, tra: &TraConfig) {
    let TraConfig { name, namespace, settings } = tra;
    let TraSettings {
        addresses,
        accept_from,
        servers,
        giaddr,
        cra6addr,
        links,
        circuit_id,
        remote_id,
        relay_id,
        source_port,
        hops_limit,
        max_message,
        match_requests,
        snoop,
        encapsulation,
        rate_per_source,
        rate,
    } = settings;
    out.head("[[tra]]");
    out.text("name", name);
    if let Some(namespace) = namespace {
        out.text("namespace", namespace);
    }
    out.texts("addresses", addresses);
    out.texts("accept-from", accept_from);
    out.texts("servers", servers);
    out.text("giaddr", &giaddr.to_string());
    out.bare("cra6addr", cra6addr);
    for (key, octets) in [("circuit-id", circuit_id), ("remote-id", remote_id), ("relay-id", relay_id)] {
        if let Some(octets) = octets {
            out.text(key, &octets_text(octets));
        }
    }
    out.bare("source-port", source_port);
    out.bare("hops-limit", hops_limit);
    out.bare("max-message", max_message);
    out.bare("match-requests", match_requests);
    out.bare("snoop", snoop);
    out.text("relay-encapsulation", encapsulation_word(*encapsulation));
    out.bare("rate-per-source", rate_per_source);
    out.bare("rate", rate);
    for TraLink { sources, prefix } in links {
        out.head("[[tra.link]]");
        out.text("prefix", &prefix.to_string());
        out.texts("sources", sources);
    }
}
