//! One `[[link]]` and `[defaults]`.

use super::matching::{Match, is_namespace_name};
use super::mistakes::{MISSING, Mistakes, Shown};
use super::reader::{Reader, place_of, shown};
use super::{EndpointConfig, LinkConfig, TargetConfig, cra, endpoint, hcra};
use config::{Value, ValueKind};
use dhcp4o6_protocol::params;
use dhcp4o6_protocol::settings::{
    Accept, Dhcp4Settings, Dhcp6Mode, Dhcp6Settings, Draft01, EndpointSettings, LinkSettings, Mode,
    OnWithdraw, Profile,
};
use std::net::Ipv4Addr;
use std::ops::RangeInclusive;
use std::time::Duration;

const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

const YEAR: Duration = secs(365 * 86_400);
const UP_TO_A_MINUTE: RangeInclusive<Duration> = Duration::ZERO..=secs(60);

/// DHCPv6 options that this service sends, reads or is not allowed to ask for (RFC 8415 §21.7 and §24).
const RESERVED6: [u16; 17] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 18, 19, 20, 25];
/// DHCPv4 options that frame a message or belong to the protocol itself; nobody asks for them.
const RESERVED4: [u8; 12] = [0, 50, 51, 52, 53, 54, 55, 56, 57, 61, 82, 255];

/// What `[defaults]` and `[[link]]` have in common.
#[derive(Clone)]
pub(super) struct Common {
    metric: u32,
    table: u32,
    settings: LinkSettings,
}

impl Default for Common {
    fn default() -> Self {
        Self { metric: LinkConfig::METRIC, table: LinkConfig::MAIN_TABLE, settings: LinkSettings::default() }
    }
}

/// Reads one link on top of the defaults. `None` when it cannot be said what it is for.
pub(super) fn read(value: &Value, defaults: &Common, mistakes: &mut Mistakes) -> Option<LinkConfig> {
    let mut wanted = defaults.clone();
    let place = place_of(value);
    let ValueKind::Table(table) = &value.kind else {
        mistakes.at(place, format!("link: {}; must be a table, begun with [[link]]", shown(value)));
        return None;
    };
    let mut reader = Reader::new("link".to_owned(), place.clone(), table, mistakes);
    let matches = matches(&mut reader);
    let namespace = namespace(&mut reader);
    common(&mut reader, &mut wanted);
    let Common { metric, table, mut settings } = wanted;
    let mut own =
        EndpointConfig { name: String::new(), iaid: None, target: TargetConfig::Link, metric, table };
    endpoint::target(&mut reader, &mut own.target);
    let endpoints = endpoint::read(&mut reader, own);
    let identity =
        |endpoint: &EndpointConfig| EndpointSettings { name: endpoint.name.clone(), iaid: endpoint.iaid };
    settings.endpoints = endpoints.iter().map(identity).collect();
    contradictions(&mut reader, &settings);
    hcra::contradictions(&mut reader, &settings, &endpoints);
    reader.finish();
    Some(LinkConfig { matches: matches?, namespace, endpoints, settings, where_from: place.to_string() })
}

fn matches(reader: &mut Reader<'_>) -> Option<Match> {
    let right = "must be a name such as \"wan0\", a glob such as \"wan*\", or a hardware address";
    if reader.value("match").is_none() {
        reader.wrong("match", None, MISSING, right);
        return None;
    }
    let text = reader.text("match", 127)?;
    match Match::parse(text) {
        Ok(matches) => Some(matches),
        Err(wrong) => {
            reader.wrong("match", None, format!("\"{}\" {wrong}", Shown(text)), right);
            None
        }
    }
}

/// The name of a network namespace.
pub(super) fn namespace(reader: &mut Reader<'_>) -> Option<String> {
    let value = reader.value("namespace")?;
    match &value.kind {
        ValueKind::String(name) if is_namespace_name(name) => Some(name.clone()),
        _ => {
            let right = "must be the name of a network namespace, as in /run/netns";
            reader.wrong("namespace", None, shown(value), right);
            None
        }
    }
}

/// Reads the keys that both have; what is not there stays as it is in `out`.
pub(super) fn common(reader: &mut Reader<'_>, out: &mut Common) {
    let settings = &mut out.settings;
    let modes = [("auto", Mode::Auto), ("4o6", Mode::Dhcp4o6), ("hcra", Mode::Hcra), ("off", Mode::Off)];
    reader.word("mode", &mut settings.mode, &modes, &[]);
    let profiles = [("rfc7341", Profile::Rfc7341), ("draft01", Profile::Draft01), ("dual", Profile::Dual)];
    reader.word("profile", &mut settings.profile, &profiles, &[]);
    reader.table("draft01", |table| draft01(table, &mut settings.draft01));
    dhcp6(reader, &mut settings.dhcp6);
    dhcp4(reader, &mut settings.dhcp4);
    let policies = [("hold", OnWithdraw::Hold), ("drop", OnWithdraw::Drop)];
    reader.word("on-withdraw", &mut settings.on_withdraw, &policies, &[]);
    reader.word("source-check", &mut settings.source_check, &cra::source_checks(), &[]);
    reader.number("max-servers", &mut settings.max_servers, 1..=params::MAX_SERVERS as i64);
    reader.span("flap-hold", &mut settings.flap_hold, Duration::ZERO..=secs(3600));
    reader.boolean("release-on-stop", &mut settings.release_on_stop);
    reader.boolean("rebind-on-source-change", &mut settings.rebind_on_source_change);
    endpoint::routes(reader, &mut out.metric, &mut out.table);
    reader.table("accept", |table| accept(table, &mut settings.accept));
    reader.table("hcra", |table| hcra::read(table, &mut settings.hcra));
}

/// The code points of profile draft01.
pub(super) fn draft01(table: &mut Reader<'_>, out: &mut Draft01) {
    table.number("request", &mut out.request, 1..=255);
    table.number("reply", &mut out.reply, 1..=255);
    table.number("message", &mut out.message, 1..=65_535);
    table.number("enable", &mut out.enable, 1..=65_535);
    table.number("servers", &mut out.servers, 1..=65_535);
}

fn dhcp6(reader: &mut Reader<'_>, out: &mut Dhcp6Settings) {
    let modes =
        [("auto", Dhcp6Mode::Auto), ("stateful", Dhcp6Mode::Stateful), ("stateless", Dhcp6Mode::Stateless)];
    reader.word("dhcp6", &mut out.mode, &modes, &["external"]);
    reader.boolean("address", &mut out.address);
    reader.boolean("prefix-delegation", &mut out.prefix);
    reader.number("prefix-length", &mut out.prefix_hint, 0..=128);
    reader.boolean("rapid-commit", &mut out.rapid_commit);
    reader.span_or_never("max-refresh", &mut out.max_refresh, params::REFRESH_MINIMUM..=YEAR);
    reader.span_or_never("stateless-max-stale", &mut out.stateless_max_stale, secs(60)..=YEAR);
    reader.span("dhcp6-max-delay", &mut out.max_delay, UP_TO_A_MINUTE);
    codes(reader, "dhcp6-request-options", &mut out.request_options, 1..=65_535, &RESERVED6);
}

fn dhcp4(reader: &mut Reader<'_>, out: &mut Dhcp4Settings) {
    reader.boolean("dhcp4-rapid-commit", &mut out.rapid_commit);
    reader.span("dhcp4-max-delay", &mut out.max_delay, UP_TO_A_MINUTE);
    reader.span("offer-window", &mut out.offer_window, UP_TO_A_MINUTE);
    reader.boolean("require-client-id-echo", &mut out.require_client_id_echo);
    reader.boolean("conflict-detection", &mut out.conflict_detection);
    codes(reader, "dhcp4-request-options", &mut out.request_options, 1..=254, &RESERVED4);
    // RFC 3442: a server may leave out what comes late in the list, and 121 replaces the other two.
    let position = |code| out.request_options.iter().position(|listed| *listed == code);
    let late = |code| matches!((position(code), position(121)), (Some(other), Some(at)) if other < at);
    if late(3) || late(33) {
        reader.wrong("dhcp4-request-options", None, "121 comes too late", "must come before 3 and 33");
    }
    if let Some(text) = reader.text("vendor-class", 255) {
        out.vendor_class = Some(text.to_owned());
    }
    if let Some(text) = reader.text("host-name", 253) {
        if is_host_name(text) {
            out.host_name = Some(text.to_owned());
        } else {
            let wrong = format!("\"{}\" is not a host name", Shown(text));
            let right = "must be labels of 1 to 63 letters, digits and inner hyphens, joined by dots";
            reader.wrong("host-name", None, wrong, right);
        }
    }
}

/// Labels as RFC 1123 §2.1 has them.
fn is_host_name(text: &str) -> bool {
    text.split('.').all(|label| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    })
}

/// A list of option codes, each once.
fn codes<N: TryFrom<i64> + PartialEq + Copy>(
    reader: &mut Reader<'_>,
    key: &'static str,
    out: &mut Vec<N>,
    range: RangeInclusive<i64>,
    reserved: &[N],
) {
    let Some(list) = reader.list(key, "option codes") else { return };
    let mut codes = Vec::new();
    for value in list {
        let Some(code) = reader.number_of(key, value, range.clone()) else { continue };
        if reserved.contains(&code) {
            reader.wrong(key, Some(value), shown(value), "must be an option that can be asked for");
        } else if codes.contains(&code) {
            reader.wrong(key, Some(value), format!("{} is listed twice", value.kind), "must be listed once");
        } else {
            codes.push(code);
        }
    }
    *out = codes;
}

fn accept(table: &mut Reader<'_>, out: &mut Accept) {
    table.boolean("routes", &mut out.routes);
    table.boolean("dns", &mut out.dns);
    table.boolean("mtu", &mut out.mtu);
    table.boolean("domain", &mut out.domain);
    table.boolean("ntp", &mut out.ntp);
    table.boolean("host-name", &mut out.host_name);
    let Some(list) = table.list("protected", "IPv4 prefixes") else { return };
    let mut protected = Vec::new();
    for value in list {
        let prefix = match &value.kind {
            ValueKind::String(text) => prefix4(text),
            _ => None,
        };
        match prefix {
            Some(prefix) => protected.push(prefix),
            None => {
                let right = "must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits";
                table.wrong("protected", Some(value), shown(value), right);
            }
        }
    }
    out.protected = protected;
}

fn prefix4(text: &str) -> Option<(Ipv4Addr, u8)> {
    let (address, length) = text.split_once('/')?;
    let address: Ipv4Addr = address.parse().ok()?;
    let length: u8 = length.parse().ok().filter(|length| *length <= 32)?;
    let host_bits = u32::MAX.checked_shr(u32::from(length)).unwrap_or(0);
    (address.to_bits() & host_bits == 0).then_some((address, length))
}

/// Settings that are right by themselves and not together.
fn contradictions(reader: &mut Reader<'_>, settings: &LinkSettings) {
    let dhcp6 = &settings.dhcp6;
    if dhcp6.mode == Dhcp6Mode::Stateful && !dhcp6.address && !dhcp6.prefix {
        let right = "must have \"address\" or \"prefix-delegation\" true with it";
        reader.wrong("dhcp6", None, "\"stateful\" asks for nothing", right);
    }
    if dhcp6.mode == Dhcp6Mode::Stateless && dhcp6.prefix {
        let right = "must be false, or \"dhcp6\" must be \"stateful\" or \"auto\"";
        reader.wrong(
            "prefix-delegation",
            None,
            "a prefix is not to be had with dhcp6 = \"stateless\"",
            right,
        );
    }
    if let (Some(refresh), Some(stale)) = (dhcp6.max_refresh, dhcp6.stateless_max_stale)
        && stale <= refresh
    {
        let wrong = "configuration would count as lost before it is refreshed";
        reader.wrong("stateless-max-stale", None, wrong, "must be longer than \"max-refresh\"");
    }
    for (wrong, right) in code_points(settings.profile, &settings.draft01) {
        reader.wrong("draft01", None, wrong, right);
    }
}

/// What is wrong with code points of draft01 together, and what would be right.
pub(super) fn code_points(profile: Profile, draft: &Draft01) -> Vec<(&'static str, &'static str)> {
    let options = [draft.message, draft.enable, draft.servers];
    let [message, enable, servers] = options;
    let mut found = Vec::new();
    if profile == Profile::Rfc7341 {
        return found;
    }
    if draft.request == draft.reply {
        found.push(("\"request\" and \"reply\" are the same", "must be two message types"));
    }
    if message == enable || message == servers || enable == servers {
        let wrong = "\"message\", \"enable\" and \"servers\" are not three options";
        found.push((wrong, "must differ from each other"));
    }
    // Message types and options that the DHCPv6 stage itself uses.
    let types = [draft.request, draft.reply];
    let taken = types.iter().any(|code| *code <= 13)
        || options.iter().any(|code| *code < 64 || matches!(code, 82 | 83));
    let both = types.iter().any(|code| matches!(code, 20 | 21))
        || options.iter().any(|code| matches!(code, 87 | 88));
    if taken || (both && profile == Profile::Dual) {
        let wrong = "a code point means something else";
        let right = "must be message types above 13 and options above 63 other than 82 and 83, and with \
                     profile = \"dual\" not those of RFC 7341 either";
        found.push((wrong, right));
    }
    found
}
