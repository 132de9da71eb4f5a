//! The configuration as it was understood, in the words in which it is written.

mod cra;
mod provider;
mod transport;

use super::reader::span_text;
use super::{Config, DuidKind, EndpointConfig, LinkConfig, TargetConfig};
use dhcp4o6_protocol::ids::hex;
use dhcp4o6_protocol::settings::{
    Dhcp6Mode, Draft01, Encapsulation, LinkSettings, Mode, OnWithdraw, Profile, SourceCheck,
};
use std::fmt::{Display, Write};
use std::time::Duration;

impl Config {
    /// The whole configuration as one TOML file that says every key, `[defaults]` already laid under each link.
    ///
    /// Reading it gives this configuration again.
    pub fn effective_toml(&self) -> String {
        let mut out = Toml::default();
        out.text("log", &self.log.as_str().to_lowercase());
        match &self.duid {
            DuidKind::LinkLayerTime => out.text("duid", "llt"),
            DuidKind::LinkLayer => out.text("duid", "ll"),
            DuidKind::Uuid => out.text("duid", "uuid"),
            DuidKind::Enterprise(duid) => out.bare("duid", enterprise(duid.as_bytes())),
        }
        for link in &self.links {
            let _ = write!(out.0, "\n[[link]]  # {}\n", one_line(&link.where_from));
            link_keys(&mut out, link);
        }
        self.lcras.iter().for_each(|lcra| cra::lcra(&mut out, lcra));
        if let Some(config) = &self.server {
            provider::server(&mut out, config);
        }
        self.relays.iter().for_each(|relay| provider::relay(&mut out, relay));
        self.tras.iter().for_each(|tra| transport::tra(&mut out, tra));
        out.0
    }
}

fn enterprise(duid: &[u8]) -> String {
    let (number, identifier) =
        duid.get(2..).and_then(|rest| rest.split_first_chunk()).unwrap_or((&[0; 4], &[]));
    format!("{{ enterprise = {}, identifier = \"{}\" }}", u32::from_be_bytes(*number), hex(identifier))
}

fn link_keys(out: &mut Toml, link: &LinkConfig) {
    out.text("match", &link.matches.to_string());
    if let Some(namespace) = &link.namespace {
        out.text("namespace", namespace);
    }
    match link.endpoints.as_slice() {
        // One that is as the link says needs no table of its own.
        [only] if only.name.is_empty() && only.iaid.is_none() => {
            place_keys(out, only);
            settings_keys(out, &link.settings);
        }
        several => {
            settings_keys(out, &link.settings);
            several.iter().for_each(|endpoint| endpoint_keys(out, endpoint));
        }
    }
}

fn endpoint_keys(out: &mut Toml, endpoint: &EndpointConfig) {
    out.head("[[link.endpoint]]");
    if !endpoint.name.is_empty() {
        out.text("name", &endpoint.name);
    }
    if let Some(iaid) = endpoint.iaid {
        out.text("iaid", &iaid.to_string());
    }
    place_keys(out, endpoint);
}

/// Where the IPv4 goes.
fn place_keys(out: &mut Toml, endpoint: &EndpointConfig) {
    match &endpoint.target {
        TargetConfig::Link => out.text("target", "link"),
        TargetConfig::Interface { name, namespace: None } => {
            out.bare("target", format!("{{ interface = {} }}", quoted(name)));
        }
        TargetConfig::Interface { name, namespace: Some(namespace) } => {
            let (name, namespace) = (quoted(name), quoted(namespace));
            out.bare("target", format!("{{ interface = {name}, namespace = {namespace} }}"));
        }
    }
    out.bare("metric", endpoint.metric);
    out.bare("table", endpoint.table);
}

fn settings_keys(out: &mut Toml, settings: &LinkSettings) {
    let LinkSettings {
        mode,
        profile,
        draft01,
        dhcp6,
        dhcp4,
        on_withdraw,
        source_check,
        max_servers,
        flap_hold,
        release_on_stop,
        rebind_on_source_change,
        accept,
        hcra,
        // They are written with their places.
        endpoints: _,
    } = settings;
    out.text(
        "mode",
        match mode {
            Mode::Auto => "auto",
            Mode::Dhcp4o6 => "4o6",
            Mode::Hcra => "hcra",
            Mode::Off => "off",
        },
    );
    out.text("profile", profile_word(*profile));
    out.bare("draft01", code_points(draft01));
    out.text(
        "dhcp6",
        match dhcp6.mode {
            Dhcp6Mode::Auto => "auto",
            Dhcp6Mode::Stateful => "stateful",
            Dhcp6Mode::Stateless => "stateless",
        },
    );
    out.bare("address", dhcp6.address);
    out.bare("prefix-delegation", dhcp6.prefix);
    out.bare("prefix-length", dhcp6.prefix_hint);
    out.bare("rapid-commit", dhcp6.rapid_commit);
    out.span_or_never("max-refresh", dhcp6.max_refresh);
    out.span_or_never("stateless-max-stale", dhcp6.stateless_max_stale);
    out.text("dhcp6-max-delay", &span_text(dhcp6.max_delay));
    out.bare("dhcp6-request-options", list(&dhcp6.request_options));
    out.bare("dhcp4-rapid-commit", dhcp4.rapid_commit);
    out.text("dhcp4-max-delay", &span_text(dhcp4.max_delay));
    out.text("offer-window", &span_text(dhcp4.offer_window));
    out.bare("require-client-id-echo", dhcp4.require_client_id_echo);
    out.bare("conflict-detection", dhcp4.conflict_detection);
    out.bare("dhcp4-request-options", list(&dhcp4.request_options));
    if let Some(class) = &dhcp4.vendor_class {
        out.text("vendor-class", class);
    }
    if let Some(name) = &dhcp4.host_name {
        out.text("host-name", name);
    }
    out.text(
        "on-withdraw",
        match on_withdraw {
            OnWithdraw::Hold => "hold",
            OnWithdraw::Drop => "drop",
        },
    );
    out.text("source-check", source_check_word(*source_check));
    out.bare("max-servers", max_servers);
    out.text("flap-hold", &span_text(*flap_hold));
    out.bare("release-on-stop", release_on_stop);
    out.bare("rebind-on-source-change", rebind_on_source_change);
    let protected: Vec<_> =
        accept.protected.iter().map(|(address, length)| format!("\"{address}/{length}\"")).collect();
    let accepted = format!(
        "{{ routes = {}, dns = {}, mtu = {}, domain = {}, ntp = {}, host-name = {}, protected = {} }}",
        accept.routes,
        accept.dns,
        accept.mtu,
        accept.domain,
        accept.ntp,
        accept.host_name,
        list(&protected)
    );
    out.bare("accept", accepted);
    cra::hcra(out, hcra);
}

fn source_check_word(check: SourceCheck) -> &'static str {
    match check {
        SourceCheck::Strict => "strict",
        SourceCheck::Relaxed => "relaxed",
        SourceCheck::Off => "off",
    }
}

fn encapsulation_word(encapsulation: Encapsulation) -> &'static str {
    match encapsulation {
        Encapsulation::Off => "off",
        Encapsulation::Private => "private",
    }
}

fn profile_word(profile: Profile) -> &'static str {
    match profile {
        Profile::Rfc7341 => "rfc7341",
        Profile::Draft01 => "draft01",
        Profile::Dual => "dual",
    }
}

fn code_points(codes: &Draft01) -> String {
    let Draft01 { request, reply, message, enable, servers } = codes;
    format!(
        "{{ request = {request}, reply = {reply}, message = {message}, enable = {enable}, servers = {servers} }}"
    )
}

/// TOML as it is being written.
#[derive(Default)]
struct Toml(String);

impl Toml {
    fn bare(&mut self, key: &str, value: impl Display) {
        let _ = writeln!(self.0, "{key} = {value}");
    }

    fn text(&mut self, key: &str, value: &str) {
        self.bare(key, quoted(value));
    }

    /// The heading of a table.
    fn head(&mut self, head: &str) {
        let _ = writeln!(self.0, "\n{head}");
    }

    /// A list of texts.
    fn texts(&mut self, key: &str, entries: &[impl ToString]) {
        self.bare(key, list(&entries.iter().map(|entry| quoted(&entry.to_string())).collect::<Vec<_>>()));
    }

    fn span_or_never(&mut self, key: &str, span: Option<Duration>) {
        self.text(key, &span.map_or_else(|| "never".to_owned(), span_text));
    }
}

pub(super) fn list(entries: &[impl Display]) -> String {
    let entries: Vec<_> = entries.iter().map(ToString::to_string).collect();
    format!("[{}]", entries.join(", "))
}

/// A basic string of TOML.
pub(super) fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for found in text.chars() {
        match found {
            '"' | '\\' => out.extend(['\\', found]),
            _ if found.is_control() => {
                let _ = write!(out, "\\U{:08x}", u32::from(found));
            }
            _ => out.push(found),
        }
    }
    out.push('"');
    out
}

/// A comment ends with its line and holds no control characters.
fn one_line(text: &str) -> String {
    text.chars().map(|found| if found.is_control() { '?' } else { found }).collect()
}
