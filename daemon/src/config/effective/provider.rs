//! `[server]` and `[[relay]]` as they were understood.

use super::super::reader::{octets_text, span_text};
use super::super::subnet4::{holder_key, pool_text};
use super::super::{RelayConfig, ServerConfig, options4};
use super::{Toml, code_points, list, profile_word, quoted, transport};
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::ids::hex;
use dhcp4o6_protocol::role::external;
use dhcp4o6_protocol::role::relay::{ClientSide, Destination, RelaySettings};
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{
    LeaseTimes, Limits, OptionSet, Pool, Reservation, Serves, Settings, Subnet,
};
use dhcp4o6_protocol::server6;
use dhcp4o6_protocol::server6::settings::{Delegate, Options6, Reservation6, Subnet6};
use dhcp4o6_protocol::time::Lifetime;

pub(super) fn server(out: &mut Toml, config: &ServerConfig) {
    let ServerConfig { namespace, interfaces, settings, secret } = config;
    let ServerSettings {
        profile: wire,
        draft01: codes,
        addresses,
        accept_from,
        dhcp6,
        engine,
        rates,
        port547,
        tsv,
        softwire: Softwire { br, bind_prefix },
    } = settings;
    out.head("[server]");
    if let Some(namespace) = namespace {
        out.text("namespace", namespace);
    }
    out.texts("interfaces", interfaces);
    out.texts("addresses", addresses);
    out.texts("accept-from", accept_from);
    out.bare("port547", port547);
    out.text("profile", profile_word(*wire));
    out.bare("draft01", code_points(codes));
    out.texts("softwire-br", br);
    if let Some(prefix) = bind_prefix {
        out.text("softwire-bind-prefix", &prefix.to_string());
    }
    match engine {
        EngineSettings::Builtin(settings) => builtin(out, settings, rates),
        EngineSettings::External(settings) => {
            out.text("engine", "external");
            // The engine's own limits have no meaning then.
            out.head("[server.limits]");
            rate_keys(out, rates);
            external(out, settings, secret.as_ref());
        }
    }
    match dhcp6 {
        Some(settings) => dhcp6_keys(out, settings),
        None => {
            out.head("[server.dhcp6]");
            out.bare("enabled", false);
        }
    }
    if let Some(settings) = tsv {
        transport::tsv(out, settings);
    }
}

fn builtin(out: &mut Toml, settings: &Settings, rates: &Rates) {
    let Settings {
        server_id,
        subnets,
        options: common,
        rapid_commit,
        trust_inner_giaddr,
        subnet_selection,
        offer_hold,
        decline_rest,
        limits,
    } = settings;
    out.text("engine", "builtin");
    out.text("server-id", &server_id.to_string());
    out.bare("dhcp4-rapid-commit", rapid_commit);
    out.bare("trust-inner-giaddr", trust_inner_giaddr);
    out.bare("subnet-selection", subnet_selection);
    out.text("offer-hold", &span_text(*offer_hold));
    out.text("decline-rest", &span_text(*decline_rest));
    out.head("[server.limits]");
    rate_keys(out, rates);
    let Limits {
        leases_per_origin,
        leases_per_interface_id,
        offered_percent,
        declined_percent,
        declines_per_hour,
        known_percent,
    } = limits;
    out.bare("leases-per-origin", leases_per_origin);
    out.bare("leases-per-interface-id", leases_per_interface_id);
    out.bare("offered-percent", offered_percent);
    out.bare("declined-percent", declined_percent);
    out.bare("declines-per-hour", declines_per_hour);
    out.bare("known-percent", known_percent);
    options(out, "[server.options]", common);
    subnets.iter().for_each(|each| subnet(out, each));
}

fn rate_keys(out: &mut Toml, rates: &Rates) {
    let Rates { per_source, per_interface_id, total } = rates;
    out.bare("messages-per-source", per_source);
    out.bare("messages-per-interface-id", per_interface_id);
    out.bare("messages", total);
}

fn options(out: &mut Toml, head: &str, options: &OptionSet) {
    if !options.is_empty() {
        out.head(head);
        options4::written(options).for_each(|(key, value)| out.bare(&key, value));
    }
}

fn subnet(out: &mut Toml, subnet: &Subnet) {
    let Subnet { prefix, serves: whom, pools, reservations, times, options: own } = subnet;
    out.head("[[server.subnet]]");
    out.text("prefix", &prefix.to_string());
    out.bare("pools", list(&pools.iter().map(pool).collect::<Vec<_>>()));
    serves(out, whom);
    let LeaseTimes { default, min, max, t1_percent, t2_percent } = times;
    out.text("lease-time", &lifetime(*default));
    out.text("min-lease-time", &lifetime(*min));
    out.text("max-lease-time", &lifetime(*max));
    out.bare("t1-percent", t1_percent);
    out.bare("t2-percent", t2_percent);
    options(out, "[server.subnet.options]", own);
    for Reservation { holder, address, options: own } in reservations {
        out.head("[[server.subnet.reservation]]");
        let text = match holder {
            Holder::ClientId(octets) => hex(octets),
            Holder::Duid(duid) => duid.to_string(),
            Holder::Circuit(octets) => octets_text(octets),
            Holder::Hardware(kind, octets) => format!("{kind}/{}", hex(octets)),
        };
        out.text(holder_key(holder), &text);
        out.text("address", &address.to_string());
        options(out, "[server.subnet.reservation.options]", own);
    }
}

fn pool(pool: &Pool) -> String {
    let range = quoted(&pool_text(pool));
    match pool.sharing {
        None => range,
        Some(sharing) => format!(
            "{{ range = {range}, psid-offset = {}, psid-length = {}, lowest-port = {} }}",
            sharing.offset, sharing.psid_len, sharing.lowest_port
        ),
    }
}

fn serves(out: &mut Toml, serves: &Serves) {
    let Serves { link_addresses, interface_ids, sources, interfaces } = serves;
    out.texts("link-addresses", link_addresses);
    out.texts("interface-ids", &interface_ids.iter().map(|octets| octets_text(octets)).collect::<Vec<_>>());
    out.texts("sources", sources);
    out.texts("interfaces", interfaces);
}

fn lifetime(lifetime: Lifetime) -> String {
    lifetime.duration().map_or_else(|| "never".to_owned(), span_text)
}

fn external(out: &mut Toml, settings: &external::Settings, secret: Option<&[u8; 16]>) {
    let external::Settings { servers, giaddr, links, sub_option } = settings;
    out.head("[server.external]");
    out.texts("servers", servers);
    out.text("giaddr", &giaddr.to_string());
    out.bare("sub-option", sub_option);
    if let Some(secret) = secret {
        out.text("secret", &hex(secret));
    }
    for external::LinkSelection { serves: whom, prefix } in links {
        out.head("[[server.external.link]]");
        out.text("prefix", &prefix.to_string());
        serves(out, whom);
    }
}

fn dhcp6_keys(out: &mut Toml, settings: &server6::settings::Settings) {
    let server6::settings::Settings { preference, rapid_commit, leases_per_origin, options: common, subnets } =
        settings;
    out.head("[server.dhcp6]");
    out.bare("enabled", true);
    out.bare("preference", preference);
    out.bare("rapid-commit", rapid_commit);
    out.bare("leases-per-origin", leases_per_origin);
    if common.servers_4o6.is_none() {
        out.bare("enable-4o6", false);
    }
    options6(out, common);
    for subnet in subnets {
        let Subnet6 { prefix, serves: whom, pools, delegate, reservations, preferred, valid, options } =
            subnet;
        out.head("[[server.dhcp6.subnet]]");
        out.text("prefix", &prefix.to_string());
        let pools: Vec<_> = pools.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        out.texts("pools", &pools);
        let part = |Delegate { prefix, len }: &Delegate| {
            format!("{{ prefix = {}, length = {len} }}", quoted(&prefix.to_string()))
        };
        out.bare("delegate", list(&delegate.iter().map(part).collect::<Vec<_>>()));
        serves(out, whom);
        out.text("preferred-lifetime", &lifetime(*preferred));
        out.text("valid-lifetime", &lifetime(*valid));
        options6(out, options);
        for Reservation6 { duid, address, prefix } in reservations {
            out.head("[[server.dhcp6.subnet.reservation]]");
            out.text("duid", &duid.to_string());
            if let Some(address) = address {
                out.text("address", &address.to_string());
            }
            if let Some(prefix) = prefix {
                out.text("prefix", &prefix.to_string());
            }
        }
    }
}

fn options6(out: &mut Toml, options: &Options6) {
    let Options6 { servers_4o6, dns, search, aftr, refresh, sol_max_rt, inf_max_rt } = options;
    if let Some(servers) = servers_4o6 {
        out.bare("enable-4o6", true);
        out.texts("servers-4o6", servers);
    }
    out.texts("dns-servers", dns);
    out.texts("domain-search", search);
    if let Some(name) = aftr {
        out.text("aftr-name", name);
    }
    let times = [("refresh-time", refresh), ("sol-max-rt", sol_max_rt), ("inf-max-rt", inf_max_rt)];
    for (key, seconds) in times {
        if let Some(seconds) = seconds {
            out.text(key, &lifetime(Lifetime(*seconds)));
        }
    }
}

pub(super) fn relay(out: &mut Toml, relay: &RelayConfig) {
    let RelayConfig { name, namespace, settings, own_relay_id } = relay;
    let RelaySettings {
        clients,
        servers,
        servers_4o6,
        profile: wire,
        draft01: codes,
        source_port,
        strict_source,
        client_link_layer,
        relay_id,
        remote_id,
        rate_per_interface,
        rate_per_source,
    } = settings;
    out.head("[[relay]]");
    out.text("name", name);
    if let Some(namespace) = namespace {
        out.text("namespace", namespace);
    }
    out.bare("clients", list(&clients.iter().map(client_side).collect::<Vec<_>>()));
    // Where no servers were written, upstream interfaces stand in these as groups on them.
    out.texts("servers", &servers.iter().map(destination).collect::<Vec<_>>());
    out.texts("servers-4o6", &servers_4o6.iter().map(destination).collect::<Vec<_>>());
    out.text("profile", profile_word(*wire));
    out.bare("draft01", code_points(codes));
    out.bare("source-port", source_port);
    out.bare("strict-source", strict_source);
    out.bare("client-link-layer", client_link_layer);
    match relay_id {
        Some(duid) => out.text("relay-id", &duid.to_string()),
        None => out.bare("relay-id", own_relay_id),
    }
    if let Some((enterprise, id)) = remote_id {
        out.bare("remote-id", format!("{{ enterprise = {enterprise}, id = {} }}", quoted(&octets_text(id))));
    }
    out.bare("rate-per-interface", rate_per_interface);
    out.bare("rate-per-source", rate_per_source);
}

fn client_side(side: &ClientSide) -> String {
    let ClientSide { name, interface_id, always_interface_id, trusted, accept_unicast_4o6 } = side;
    format!(
        "{{ name = {}, interface-id = {}, always-interface-id = {always_interface_id}, trusted = {trusted}, \
         accept-unicast-4o6 = {accept_unicast_4o6} }}",
        quoted(name),
        quoted(&octets_text(interface_id))
    )
}

fn destination(destination: &Destination) -> String {
    let Destination { address, interface } = destination;
    match interface {
        Some(name) => format!("{address}%{name}"),
        None => address.to_string(),
    }
}
