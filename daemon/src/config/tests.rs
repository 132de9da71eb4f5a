//! The configuration as operators write it, right and wrong.

mod agents;
mod documents;
mod exclusion;
mod generated;
mod options4;
mod relay;
mod server;
mod server6;
mod subnet4;
mod transport;

use super::*;
use dhcp4o6_protocol::settings::{Dhcp6Mode, Draft01, Mode, OnWithdraw, Profile, SourceCheck};
use proptest::prelude::*;
use std::path::PathBuf;
use std::time::Duration;

/// A directory with a main file and drop-ins, gone with the test.
struct Files(PathBuf);

impl Files {
    fn new(name: &str, main: impl AsRef<[u8]>) -> Self {
        let directory = std::env::temp_dir().join(format!("dhcp4o6-config-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&directory);
        std::fs::create_dir_all(directory.join("conf.d")).unwrap();
        std::fs::write(directory.join("main.toml"), main).unwrap();
        Self(directory)
    }

    fn drop_in(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        std::fs::write(self.0.join("conf.d").join(name), content).unwrap();
        self
    }

    fn load(&self, environment: &[(&str, &str)]) -> Result<Config, Mistakes> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into()));
        load_with(&self.0.join("main.toml"), environment)
    }

    /// The mistakes, without the name of the directory.
    fn mistakes(&self, environment: &[(&str, &str)]) -> Vec<String> {
        let mistakes = self.load(environment).expect_err("there should be mistakes");
        let directory = format!("{}/", self.0.display());
        mistakes.to_string().lines().map(|line| line.replace(&directory, "")).collect()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Reads text as the main file alone.
fn read(text: &str) -> Result<Config, Mistakes> {
    let mut mistakes = Mistakes::default();
    let layer = raw::Layer::parse("main.toml", text);
    let config = check::whole(vec![layer], &mut mistakes);
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

fn mistakes(text: &str) -> Vec<String> {
    let mistakes = read(text).expect_err("there should be mistakes");
    mistakes.to_string().lines().map(str::to_owned).collect()
}

/// The one mistake of a link for wan0 with this further line.
fn mistake_in_link(line: &str) -> String {
    let found = mistakes(&format!("[[link]]\nmatch = \"wan0\"\n{line}\n"));
    assert_eq!(found.len(), 1, "{line}: {found:#?}");
    found[0].clone()
}

fn link(lines: &str) -> LinkConfig {
    read(&format!("[[link]]\nmatch = \"wan0\"\n{lines}\n")).unwrap().links.remove(0)
}

#[test]
fn the_smallest_useful_file() {
    let config = Files::new("smallest", "[[link]]\nmatch = \"wan0\"\n").load(&[]).unwrap();
    assert_eq!(config.links.len(), 1);
    let link = &config.links[0];
    assert_eq!(link.matches, Match::Name("wan0".to_owned()));
    assert_eq!(link.settings, LinkSettings::default());
    let [endpoint] = link.endpoints.as_slice() else { panic!("{:?}", link.endpoints) };
    assert_eq!((endpoint.metric, endpoint.table), (700, 254));
    assert_eq!((&endpoint.target, &link.namespace), (&TargetConfig::Link, &None));
    assert!(link.where_from.ends_with("main.toml:1:1"), "{}", link.where_from);
}

#[test]
fn an_empty_file_runs_nothing_sec_06() {
    assert_eq!(read("").unwrap(), Config::default());
}

#[test]
fn the_shipped_file_names_no_link_and_its_examples_are_the_defaults_sec_06() {
    let shipped = include_str!("../../dhcp4o6.toml");
    assert_eq!(read(shipped).unwrap(), Config::default());
    // Prose has a blank after its '#', examples have none.
    let examples = shipped.lines().map(|line| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example,
        _ => "",
    });
    let config = read(&examples.collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(config, Config { links: vec![link("")], ..Config::default() });
    // What is not the default has a blank as well, and is right all the same.
    let lines = shipped.lines().filter_map(|line| line.strip_prefix('#')).map(str::trim_start);
    let key = |line: &&str| {
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let config = read(&lines.filter(key).collect::<Vec<_>>().join("\n")).unwrap();
    assert_eq!(config.links[0].settings.hcra.servers.len(), 1);
    assert_eq!((config.links[0].endpoints.len(), config.lcras.len()), (1, 1));
}

/// A link on which nothing is as it is by default.
const EVERYTHING: &str = r#"
log = "trace"
duid = { enterprise = 32473, identifier = "0A:0b0c" }

[[link]]
match = "wan[0-9]*"
namespace = "isp-a"
target = { interface = "v4;\"", namespace = "home" }
metric = 4294967295
table = 1
mode = "4o6"
profile = "dual"
draft01 = { request = 250, reply = 251, message = 65001, enable = 65002, servers = 65003 }
dhcp6 = "stateful"
address = false
prefix-delegation = true
prefix-length = 56
rapid-commit = true
max-refresh = "1d"
stateless-max-stale = "36h"
dhcp6-max-delay = "250ms"
dhcp6-request-options = [21, 64]
dhcp4-rapid-commit = true
dhcp4-max-delay = 10
offer-window = "0s"
require-client-id-echo = true
conflict-detection = true
dhcp4-request-options = [121, 3]
vendor-class = "tab\t quote\" back\\slash é"
host-name = "cpe-1.example"
on-withdraw = "drop"
source-check = "strict"
max-servers = 1
flap-hold = "1m"
release-on-stop = true
rebind-on-source-change = true
accept = { routes = false, dns = false, mtu = false, domain = true, ntp = true, host-name = true, protected = ["10.0.0.0/8", "0.0.0.0/0"] }
"#;

#[test]
fn every_key_has_its_effect() {
    let config = read(EVERYTHING).unwrap();
    assert_eq!(config.log, tracing::Level::TRACE);
    let DuidKind::Enterprise(duid) = &config.duid else { panic!("{:?}", config.duid) };
    assert_eq!(duid.as_bytes(), [0, 2, 0, 0, 0x7e, 0xd9, 0x0a, 0x0b, 0x0c]);
    let link = &config.links[0];
    assert_eq!(link.matches, Match::Glob("wan[0-9]*".to_owned()));
    assert_eq!(link.namespace.as_deref(), Some("isp-a"));
    let target = TargetConfig::Interface { name: "v4;\"".to_owned(), namespace: Some("home".to_owned()) };
    let endpoint = EndpointConfig { name: String::new(), iaid: None, target, metric: u32::MAX, table: 1 };
    assert_eq!(link.endpoints, [endpoint]);
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
        ..
    } = &link.settings;
    assert_eq!((*mode, *profile), (Mode::Dhcp4o6, Profile::Dual));
    let codes = Draft01 { request: 250, reply: 251, message: 65001, enable: 65002, servers: 65003 };
    assert_eq!(*draft01, codes);
    assert_eq!((dhcp6.mode, dhcp6.address, dhcp6.prefix), (Dhcp6Mode::Stateful, false, true));
    assert_eq!((dhcp6.prefix_hint, dhcp6.rapid_commit), (56, true));
    assert_eq!(dhcp6.max_refresh, Some(Duration::from_secs(86_400)));
    assert_eq!(dhcp6.stateless_max_stale, Some(Duration::from_secs(129_600)));
    assert_eq!(dhcp6.max_delay, Duration::from_millis(250));
    assert_eq!(dhcp6.request_options, [21, 64]);
    assert_eq!((dhcp4.rapid_commit, dhcp4.max_delay), (true, Duration::from_secs(10)));
    assert_eq!((dhcp4.offer_window, dhcp4.require_client_id_echo), (Duration::ZERO, true));
    assert!(dhcp4.conflict_detection);
    assert_eq!(dhcp4.request_options, [121, 3]);
    assert_eq!(dhcp4.vendor_class.as_deref(), Some("tab\t quote\" back\\slash é"));
    assert_eq!(dhcp4.host_name.as_deref(), Some("cpe-1.example"));
    assert_eq!((*on_withdraw, *source_check), (OnWithdraw::Drop, SourceCheck::Strict));
    assert_eq!((*max_servers, *flap_hold), (1, Duration::from_secs(60)));
    assert!(*release_on_stop && *rebind_on_source_change);
    assert!(!accept.routes && !accept.dns && !accept.mtu && accept.domain && accept.ntp && accept.host_name);
    assert_eq!(accept.protected, [([10, 0, 0, 0].into(), 8), ([0, 0, 0, 0].into(), 0)]);
}

#[test]
fn the_effective_configuration_reads_back_as_the_same() {
    let lesser =
        "duid = \"uuid\"\n[[link]]\nmatch = \"02:00:5e:10:00:0a\"\ntarget = { interface = \"lan0\" }\n";
    let provider = [server::EVERYTHING, server::EXTERNAL, relay::EVERYTHING, transport::EVERYTHING];
    for text in provider.into_iter().chain([
        EVERYTHING,
        agents::EVERYTHING,
        agents::EXTERNAL,
        lesser,
        "duid = \"ll\"\n",
        "[[link]]\nmatch = \"a\"\n[[link]]\nmatch = \"b\"\n",
    ]) {
        let config = read(text).unwrap();
        let effective = config.effective_toml();
        assert_eq!(read(&effective).unwrap(), config, "{effective}");
    }
}

#[test]
fn the_manual_explains_every_key() {
    use super::options4;
    let manual = include_str!("../../man/dhcp4o6.toml.5");
    let ours = [EVERYTHING, agents::EVERYTHING, agents::EXTERNAL];
    let all = [server::EVERYTHING, server::EXTERNAL, relay::EVERYTHING, transport::EVERYTHING];
    let effective: String =
        ours.iter().chain(&all).map(|text| read(text).unwrap().effective_toml()).collect();
    // Options have their own table, and their own test.
    let plain = |(key, _): &(&str, &str)| {
        !key.starts_with('"') && options4::KNOWN.iter().all(|known| known.name != *key)
    };
    let keys = effective.lines().filter_map(|line| line.split_once(" = ")).filter(plain).map(|(key, _)| key);
    let inner = [
        "enterprise",
        "identifier",
        "interface",
        "request",
        "enable",
        "protected",
        "domain",
        "defaults",
        "options",
        "limits",
        "subnet",
        "reservation",
        "dhcp6",
        "external",
        "link",
        "range",
        "psid-offset",
        "psid-length",
        "lowest-port",
        "duid",
        "circuit",
        "hardware",
        "upstream",
        "interface-id",
        "always-interface-id",
        "trusted",
        "accept-unicast-4o6",
        "hcra",
        "endpoint",
        "tsv",
    ];
    for key in keys.chain(inner) {
        assert!(
            manual.contains(&format!(".It Cm {key}\n")) || manual.contains(&format!("Sx {key}")),
            "{key}"
        );
    }
}

#[test]
fn spans_are_seconds_or_text_with_a_unit() {
    assert_eq!(link("flap-hold = 7").settings.flap_hold, Duration::from_secs(7));
    assert_eq!(link("flap-hold = \"7s\"").settings.flap_hold, Duration::from_secs(7));
    assert_eq!(link("max-refresh = \"never\"").settings.dhcp6.max_refresh, None);
    let right = "must be seconds, or text with the unit ms, s, m, h or d: from \"0s\" to \"1h\"";
    for (written, shown) in [
        ("\"5 s\"", "\"5 s\""),
        ("\"never\"", "\"never\""),
        ("3601", "3601"),
        ("-1", "-1"),
        ("1.5", "1.5"),
        ("true", "true"),
    ] {
        let expected = format!("main.toml:3:1: link.flap-hold: {shown} is not valid; {right}");
        assert_eq!(mistake_in_link(&format!("flap-hold = {written}")), expected);
    }
    assert_eq!(
        mistake_in_link("stateless-max-stale = 59"),
        "main.toml:3:1: link.stateless-max-stale: 59 is not valid; must be seconds, or text with the unit ms, s, m, \
         h or d: from \"1m\" to \"365d\", or \"never\""
    );
}

#[test]
fn a_wrong_word_names_the_right_ones() {
    let cases = [
        (
            "mode = \"4O6\"",
            "link.mode: \"4O6\" is not valid; must be one of \"auto\", \"4o6\", \"hcra\", \"off\"",
        ),
        ("mode = true", "link.mode: true is not valid; must be one of \"auto\", \"4o6\", \"hcra\", \"off\""),
        (
            "profile = \"rfc\"",
            "link.profile: \"rfc\" is not valid; must be one of \"rfc7341\", \"draft01\", \"dual\"",
        ),
        (
            "dhcp6 = \"\"",
            "link.dhcp6: \"\" is not valid; must be one of \"auto\", \"stateful\", \"stateless\"",
        ),
        ("on-withdraw = []", "link.on-withdraw: a list is not valid; must be one of \"hold\", \"drop\""),
        (
            "source-check = 2026-11-21",
            "link.source-check: this is not valid; must be one of \"strict\", \"relaxed\", \"off\"",
        ),
        ("target = \"tunnel\"", "link.target: \"tunnel\" is not valid; must be one of \"auto\", \"link\""),
    ];
    for (line, expected) in cases {
        assert_eq!(mistake_in_link(line), format!("main.toml:3:1: {expected}"));
    }
    assert_eq!(
        mistakes("log = \"info \"\nduid = \"LLT\""),
        [
            "main.toml:1:1: log: \"info \" is not valid; must be one of \"error\", \"warn\", \"info\", \"debug\", \
             \"trace\"",
            "main.toml:2:1: duid: \"LLT\" is not valid; must be one of \"llt\", \"ll\", \"uuid\"",
        ]
    );
}

#[test]
fn what_comes_later_is_said_to_come_later() {
    assert!(
        mistake_in_link("dhcp6 = \"external\"")
            .contains("\"external\" is not available in this version; must")
    );
    assert!(
        mistake_in_link("target = \"softwire\"")
            .contains("\"softwire\" is not available in this version; must")
    );
}

#[test]
fn types_are_not_guessed() {
    let cases = [
        ("metric = \"10\"", "link.metric: \"10\" is not valid; must be a whole number from 0 to 4294967295"),
        ("metric = -1", "link.metric: -1 is not valid; must be a whole number from 0 to 4294967295"),
        (
            "metric = 99999999999999999999",
            "link.metric: 99999999999999999999 is not valid; must be a whole number from 0 to 4294967295",
        ),
        ("metric = 1.0", "link.metric: 1 is not valid; must be a whole number from 0 to 4294967295"),
        ("max-servers = 9", "link.max-servers: 9 is not valid; must be a whole number from 1 to 8"),
        ("table = 0", "link.table: 0 is not valid; must be a whole number from 1 to 4294967295"),
        ("table = 255", "link.table: 255 is the kernel's table of local addresses; must be another"),
        ("prefix-length = 129", "link.prefix-length: 129 is not valid; must be a whole number from 0 to 128"),
        ("rapid-commit = \"yes\"", "link.rapid-commit: \"yes\" is not valid; must be true or false"),
        ("host-name = 5", "link.host-name: 5 is not valid; must be text of 1 to 253 octets"),
        ("vendor-class = \"\"", "link.vendor-class: \"\" is not valid; must be text of 1 to 255 octets"),
        ("accept = false", "link.accept: false is not valid; must be a table"),
        ("draft01.reply = 256", "link.draft01.reply: 256 is not valid; must be a whole number from 1 to 255"),
        (
            "namespace = \"a/b\"",
            "link.namespace: \"a/b\" is not valid; must be the name of a network namespace, as in /run/netns",
        ),
        (
            "dhcp4-request-options = 3",
            "link.dhcp4-request-options: 3 is not valid; must be a list of option codes",
        ),
    ];
    for (line, expected) in cases {
        let column = if line.starts_with("draft01") { 9 } else { 1 };
        assert_eq!(mistake_in_link(line), format!("main.toml:3:{column}: {expected}"));
    }
}

#[test]
fn lists_are_checked_entry_by_entry() {
    assert_eq!(
        mistakes(
            "[[link]]\nmatch = \"wan0\"\ndhcp4-request-options = [\n  1, 300,\n  \"3\",\n  6, 6,\n  53,\n]\n"
        ),
        [
            "main.toml:4:6: link.dhcp4-request-options: 300 is not valid; must be a whole number from 1 to 254",
            "main.toml:5:3: link.dhcp4-request-options: \"3\" is not valid; must be a whole number from 1 to 254",
            "main.toml:6:6: link.dhcp4-request-options: 6 is listed twice; must be listed once",
            "main.toml:7:3: link.dhcp4-request-options: 53 is not valid; must be an option that can be asked for",
        ]
    );
    assert_eq!(
        mistake_in_link("dhcp4-request-options = [1, 3, 121]"),
        "main.toml:3:1: link.dhcp4-request-options: 121 comes too late; must come before 3 and 33"
    );
    let many: Vec<_> = (1..=65).map(|code| (code + 100).to_string()).collect();
    assert_eq!(
        mistake_in_link(&format!("dhcp6-request-options = [{}]", many.join(","))),
        "main.toml:3:1: link.dhcp6-request-options: has 65 entries; must be at most 64"
    );
    for prefix in ["\"10.0.0.1/8\"", "\"10.0.0.0\"", "\"10.0.0.0/33\"", "\"::/0\"", "10"] {
        let found = mistake_in_link(&format!("accept = {{ protected = [{prefix}] }}"));
        let right = "is not valid; must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits";
        assert_eq!(found, format!("main.toml:3:25: link.accept.protected: {prefix} {right}"));
    }
}

#[test]
fn an_unknown_key_is_a_mistake_and_the_nearest_key_is_named() {
    assert_eq!(
        mistakes(
            "lgo = 1\ncolour = 2\n[[link]]\nmatch = \"wan0\"\non_withdraw = \"hold\"\n[link.accept]\ndsn = true\n"
        ),
        [
            "main.toml:1:1: lgo: no such key; did you mean \"log\"?",
            "main.toml:2:1: colour: no such key; known here: log, duid, defaults, link, lcra, server, relay, tra",
            "main.toml:5:1: link.on_withdraw: no such key; did you mean \"on-withdraw\"?",
            "main.toml:7:1: link.accept.dsn: no such key; did you mean \"dns\"?",
        ]
    );
    assert_eq!(
        mistakes("[defaults]\nmatch = \"wan0\"\n")[0].split(';').next(),
        Some("main.toml:2:1: defaults.match: no such key")
    );
}

#[test]
fn a_link_says_what_it_is_for() {
    let right = "must be a name such as \"wan0\", a glob such as \"wan*\", or a hardware address";
    assert_eq!(
        mistakes("[[link]]\nmode = \"4o6\"\n"),
        [format!("main.toml:1:1: link.match: is missing; {right}")]
    );
    assert_eq!(
        mistakes("[[link]]\nmatch = \"wan/0\"\n"),
        [format!("main.toml:2:1: link.match: \"wan/0\" cannot be the name of an interface; {right}")]
    );
    assert_eq!(
        mistakes("[[link]]\nmatch = \"02:00:5e\"\n"),
        [format!("main.toml:2:1: link.match: \"02:00:5e\" is not a hardware address; {right}")]
    );
    assert_eq!(
        mistakes("[link]\nmatch = \"wan0\"\n"),
        ["main.toml:1:2: link: a table is not valid; must be a list of tables, each begun with [[link]]"]
    );
    assert_eq!(
        mistakes("link = [1]\n"),
        ["main.toml:1:9: link: 1 is not valid; must be a table, begun with [[link]]"]
    );
}

#[test]
fn two_links_for_the_same_thing_name_both_places() {
    let files = Files::new("twice", "[[link]]\nmatch = \"wan0\"\n").drop_in(
        "a.toml",
        "[[link]]\nmatch = \"wan0\"\nnamespace = \"a\"\n\n[[link]]\nmatch = \"wan0\"\n[[link]]\nmatch = \"wan*\"\n",
    );
    let found = files.load(&[]).unwrap_err();
    let main = files.0.join("main.toml");
    let first = format!("the other is at {}:1:1", main.display());
    let only = found.iter().next().unwrap();
    assert_eq!(found.iter().count(), 1);
    assert!(only.place.source.ends_with("conf.d/a.toml") && only.place.line == 5, "{only}");
    assert_eq!((only.key.as_str(), only.right.as_str()), ("link.match", first.as_str()));
    assert_eq!(only.wrong, "\"wan0\" in the service's own namespace is matched twice");
    let macs = "[[link]]\nmatch = \"02:00:5e:10:00:0A\"\n[[link]]\nmatch = \"02:00:5e:10:00:0a\"\n";
    assert_eq!(mistakes(macs).len(), 1, "the same address, written differently");
}

#[test]
fn two_links_cannot_have_the_same_target() {
    let target = "target = { interface = \"lan0\" }";
    assert_eq!(
        mistakes(&format!("[[link]]\nmatch = \"a\"\n{target}\n[[link]]\nmatch = \"b\"\n{target}\n")),
        ["main.toml:4:1: link.target: two links have the same target; the other is at main.toml:1:1"]
    );
    assert_eq!(
        mistake_in_link("target = { namespace = \"home\" }"),
        "main.toml:3:1: link.target.interface: is missing; must be the name of an interface"
    );
}

#[test]
fn settings_that_contradict_each_other_are_mistakes() {
    assert_eq!(
        mistake_in_link("dhcp6 = \"stateful\"\naddress = false"),
        "main.toml:3:1: link.dhcp6: \"stateful\" asks for nothing; must have \"address\" or \"prefix-delegation\" \
         true with it"
    );
    assert_eq!(
        mistake_in_link("dhcp6 = \"stateless\"\nprefix-delegation = true"),
        "main.toml:4:1: link.prefix-delegation: a prefix is not to be had with dhcp6 = \"stateless\"; must be \
         false, or \"dhcp6\" must be \"stateful\" or \"auto\""
    );
    assert_eq!(
        mistake_in_link("max-refresh = \"2h\"\nstateless-max-stale = \"1h\""),
        "main.toml:4:1: link.stateless-max-stale: configuration would count as lost before it is refreshed; must \
         be longer than \"max-refresh\""
    );
    assert_eq!(
        mistake_in_link("profile = \"draft01\"\ndraft01 = { request = 246 }"),
        "main.toml:4:1: link.draft01: \"request\" and \"reply\" are the same; must be two message types"
    );
    assert_eq!(
        mistake_in_link("profile = \"draft01\"\ndraft01 = { enable = 54321 }"),
        "main.toml:4:1: link.draft01: \"message\", \"enable\" and \"servers\" are not three options; must differ \
         from each other"
    );
    assert!(
        mistake_in_link("profile = \"draft01\"\ndraft01 = { message = 9 }").contains("means something else")
    );
    // The code points of RFC 7341 may be lent to draft01, unless both are in use.
    let lent = "draft01 = { request = 20, reply = 21, message = 87 }";
    assert_eq!(link(&format!("profile = \"draft01\"\n{lent}")).settings.draft01.request, 20);
    assert!(mistake_in_link(&format!("profile = \"dual\"\n{lent}")).contains("means something else"));
}

#[test]
fn host_names_are_letters_digits_and_hyphens() {
    for name in ["a", "CPE-1", "a.example", &"x".repeat(63)] {
        assert_eq!(link(&format!("host-name = \"{name}\"")).settings.dhcp4.host_name.as_deref(), Some(name));
    }
    for name in ["-a", "a-", "a..b", ".", "a_b", "é", &"x".repeat(64)] {
        assert!(
            mistake_in_link(&format!("host-name = \"{name}\""))
                .contains("is not a host name; must be labels")
        );
    }
}

#[test]
fn a_duid_of_an_enterprise_is_complete() {
    assert_eq!(
        mistakes("duid = { enterprise = 1 }"),
        [
            "main.toml:1:1: duid.identifier: a DUID-EN is not complete; must have both \"enterprise\" and \"identifier\""
        ]
    );
    for identifier in ["xx", "abc", &"ab".repeat(125), ":"] {
        assert_eq!(
            mistakes(&format!("duid = {{ enterprise = 1, identifier = \"{identifier}\" }}")),
            [
                "main.toml:1:26: duid.identifier: cannot be read; must be 1 to 124 octets in hexadecimal digits"
            ]
        );
    }
    assert!(read(&format!("duid = {{ enterprise = 1, identifier = \"{}\" }}", "ab".repeat(124))).is_ok());
}

#[test]
fn twenty_mistakes_are_reported_in_one_go() {
    let text = r#"
log = 1
duid = 2
a = 3
[defaults]
b = 4
metric = -5
[[link]]
mode = "x"
profile = 7
c = 8
[[link]]
match = ""
namespace = "."
dhcp6 = "x"
address = 1
flap-hold = "x"
max-servers = 0
accept = { dns = 1, d = 1, protected = [1] }
target = {}
[link.draft01]
reply = 0
"#;
    let found = mistakes(text);
    assert_eq!(found.len(), 20, "{found:#?}");
    let lines: Vec<usize> =
        found.iter().map(|mistake| mistake.split(':').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 6, 7, 8, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 19, 19, 20, 22]);
}

#[test]
fn a_flood_of_mistakes_is_cut_and_counted() {
    let text: String = (0..5000).map(|number| format!("x{number} = 1\n")).collect();
    let found = read(&text).unwrap_err();
    assert_eq!((found.iter().count(), found.more()), (200, 4800));
    assert!(found.to_string().ends_with("\nand 4800 more"));
}

#[test]
fn what_is_not_toml_is_located() {
    assert_eq!(
        mistakes("log = \n[defaults]\nmode = \"x\"\n[[link]]\nmatch \"wan0\"\n"),
        [
            "main.toml:1:7: this is not TOML: string values must be quoted, expected literal string",
            "main.toml:3:1: defaults.mode: \"x\" is not valid; must be one of \"auto\", \"4o6\", \"hcra\", \"off\"",
            "main.toml:5:7: this is not TOML: key with no value, expected `=`",
        ]
    );
    assert_eq!(
        mistakes("log = \"info\"\nlog = \"warn\"\n"),
        ["main.toml:2:1: this is not TOML: duplicate key"]
    );
}

#[test]
fn nesting_and_length_have_limits_c1() {
    assert_eq!(
        mistakes(&format!("a = {}{}\n", "[".repeat(17), "]".repeat(17))),
        [
            "main.toml:1:1: a: no such key; known here: log, duid, defaults, link, lcra, server, relay, tra",
            "main.toml:1:21: is nested deeper than 16 levels",
        ]
    );
    assert!(mistakes(&format!("a = {}", "[".repeat(100_000)))[0].starts_with("main.toml:1:"));
    assert!(!mistakes(&format!("{}.b = 1", ["a"; 100_000].join("."))).is_empty());
    let long = Files::new("long", vec![b'#'; (1 << 20) + 1]);
    assert_eq!(long.mistakes(&[]), ["main.toml: is longer than 1 MiB"]);
    assert!(Files::new("long-enough", vec![b'#'; 1 << 20]).load(&[]).is_ok());
}

#[test]
fn keys_that_look_like_paths_are_only_keys() {
    let found = mistakes("\"a[9999999999999]\" = 1\n\"log.x\" = 1\n\"\" = 1\n\"line\\nbreak\\u001b\" = 1\n");
    assert_eq!(found.len(), 4);
    assert!(found[3].starts_with("main.toml:4:1: line\\x0abreak\\x1b: no such key"), "{}", found[3]);
}

#[test]
fn text_that_is_not_utf_8_is_located() {
    let files = Files::new("utf8", b"log = \"info\"\n# \xff\n");
    assert_eq!(files.mistakes(&[]), ["main.toml:2:3: this is not UTF-8"]);
}

#[test]
fn a_file_that_cannot_be_read_is_a_mistake() {
    let files = Files::new("gone", "");
    std::fs::remove_file(files.0.join("main.toml")).unwrap();
    assert_eq!(files.mistakes(&[]), ["main.toml: cannot be read: No such file or directory (os error 2)"]);
    std::fs::create_dir(files.0.join("main.toml")).unwrap();
    assert_eq!(files.mistakes(&[]), ["main.toml: cannot be read: it is not a regular file"]);
}

#[test]
fn drop_ins_override_in_the_order_of_their_names_and_add_links() {
    let files = Files::new(
        "drop-ins",
        "log = \"error\"\n[defaults]\nmetric = 1\ntable = 2\n[[link]]\nmatch = \"main\"\n",
    )
    .drop_in("20-b.toml", "log = \"debug\"\n[[link]]\nmatch = \"b\"\n")
    .drop_in("10-a.toml", "log = \"warn\"\n[defaults]\nmetric = 10\n[[link]]\nmatch = \"a\"\ntable = 3\n")
    .drop_in("30.toml~", "log = 5")
    .drop_in(".hidden.toml", "log = 5")
    .drop_in("README", "not TOML");
    let config = files.load(&[]).unwrap();
    assert_eq!(config.log, tracing::Level::DEBUG);
    let links: Vec<_> = config
        .links
        .iter()
        .map(|link| (link.matches.to_string(), link.endpoints[0].metric, link.endpoints[0].table))
        .collect();
    let expected = [("main", 10, 2), ("a", 10, 3), ("b", 10, 2)];
    assert_eq!(links, expected.map(|(name, metric, table)| (name.to_owned(), metric, table)));
}

#[test]
fn a_mistake_counts_even_where_a_later_file_overrides_it() {
    let files = Files::new("hidden-mistake", "log = 5\n").drop_in("a.toml", "log = \"info\"\nx = 1\n");
    let found = files.mistakes(&[("DHCP4O6_LOG", "warn")]);
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("main.toml:1:1: log: 5 is not valid"));
    assert!(found[1].starts_with("conf.d/a.toml:2:1: x: no such key"));
}

#[test]
fn without_the_directory_there_are_no_drop_ins() {
    let files = Files::new("no-directory", "");
    std::fs::remove_dir(files.0.join("conf.d")).unwrap();
    assert!(files.load(&[]).is_ok());
    std::fs::write(files.0.join("conf.d"), "").unwrap();
    assert_eq!(files.mistakes(&[]), ["conf.d: cannot be read: Not a directory (os error 20)"]);
}

#[test]
fn the_environment_overrides_the_files() {
    let files = Files::new("environment", "log = \"error\"\n[[link]]\nmatch = \"wan0\"\nmetric = 5\n");
    let config = files
        .load(&[
            ("DHCP4O6_LOG", "debug"),
            ("DHCP4O6_DUID", "uuid"),
            ("DHCP4O6_DEFAULTS__ON_WITHDRAW", "drop"),
            ("DHCP4O6_DEFAULTS__MODE", "4o6"),
            ("DHCP4O6_DEFAULTS__METRIC", "9"),
            ("DHCP4O6_DEFAULTS__ACCEPT__NTP", "true"),
            ("DHCP4O6_DEFAULTS__ACCEPT__PROTECTED", "[\"10.0.0.0/8\"]"),
            ("DHCP4O6_LINK", "[{ match = \"wan1\" }]"),
            ("DHCP4O6", "no"),
            ("PATH", "/bin"),
        ])
        .unwrap();
    assert_eq!((config.log, &config.duid), (tracing::Level::DEBUG, &DuidKind::Uuid));
    let [first, second] = config.links.as_slice() else { panic!("{:?}", config.links) };
    assert_eq!(
        (first.endpoints[0].metric, second.endpoints[0].metric),
        (5, 9),
        "a link's own key is nearer than the defaults"
    );
    for link in [first, second] {
        assert_eq!(link.settings.on_withdraw, OnWithdraw::Drop);
        assert_eq!(link.settings.mode, Mode::Dhcp4o6);
        assert!(link.settings.accept.ntp && link.settings.accept.dns);
        assert_eq!(link.settings.accept.protected.len(), 1);
    }
    assert_eq!(second.where_from, "environment variable DHCP4O6_LINK");
}

#[test]
fn mistakes_of_the_environment_name_the_variable() {
    let files = Files::new("bad-environment", "");
    assert_eq!(
        files.mistakes(&[("DHCP4O6_LOGG", "debug"), ("DHCP4O6_DEFAULTS__METRIC", "x"), ("DHCP4O6_", "1")]),
        [
            "environment variable DHCP4O6_: no such key; known here: log, duid, defaults, link, lcra, server, relay, tra",
            "environment variable DHCP4O6_DEFAULTS__METRIC: defaults.metric: \"x\" is not valid; must be a whole \
             number from 0 to 4294967295",
            "environment variable DHCP4O6_LOGG: logg: no such key; did you mean \"log\"?",
        ]
    );
}

#[test]
fn the_nearest_entry_governs_an_interface() {
    let config = read(
        "[[link]]\nmatch = \"wan*\"\n[[link]]\nmatch = \"w*\"\n[[link]]\nmatch = \"wan0\"\n\
         [[link]]\nmatch = \"02:00:5e:10:00:01\"\n[[link]]\nmatch = \"*\"\nnamespace = \"a\"\n",
    )
    .unwrap();
    let found = |namespace, names: &[&'static str], mac: &[u8]| {
        config.link_for(namespace, names.iter().copied(), mac).map(|link| link.matches.to_string())
    };
    let mac = [2, 0, 0x5e, 0x10, 0, 1];
    assert_eq!(found(None, &["wan0"], &mac).as_deref(), Some("02:00:5e:10:00:01"));
    assert_eq!(found(None, &["wan0"], &[]).as_deref(), Some("wan0"));
    assert_eq!(found(None, &["enp1s0", "wan0"], &[]).as_deref(), Some("wan0"), "an alternative name");
    assert_eq!(found(None, &["wan1"], &[]).as_deref(), Some("wan*"));
    assert_eq!(found(None, &["wlan0"], &[]).as_deref(), Some("w*"));
    assert_eq!(found(None, &["eth0"], &[]), None);
    assert_eq!(found(Some("a"), &["wan0"], &mac).as_deref(), Some("*"));
    assert_eq!(found(Some("b"), &["wan0"], &mac), None);
}

#[test]
fn a_link_can_be_given_alone() {
    let link = LinkConfig::from_toml("match = \"wan0\"\nmetric = 5\n").unwrap();
    assert_eq!(link, LinkConfig::from_toml("[[link]]\nmatch = \"wan0\"\nmetric = 5\n").unwrap());
    assert_eq!(link.endpoints[0].metric, 5);
    let wrong = |text| LinkConfig::from_toml(text).unwrap_err().to_string();
    assert!(wrong("").starts_with("the given link: link.match: is missing"), "{}", wrong(""));
    assert_eq!(
        wrong("[[link]]\nmatch = \"a\"\n[[link]]\nmatch = \"b\"\n"),
        "the given link: has 2 links; must be exactly one"
    );
    assert!(wrong("log = \"info\"\n[[link]]\nmatch = \"a\"\n").contains("log: no such key"), "only a link");
    assert!(wrong("match = \"a\"\nmode = 1\nx = 2").lines().count() == 2);
    assert!(wrong("match = ").contains("this is not TOML"));
}

#[test]
fn a_link_that_moved_in_its_file_is_the_same_link() {
    let one = read("[[link]]\nmatch = \"wan0\"\n").unwrap();
    let other = read("# more\n\n[[link]]\nmatch = \"wan0\"\n").unwrap();
    assert_ne!(one.links[0].where_from, other.links[0].where_from);
    assert_eq!(one, other);
    assert_ne!(one, read("[[link]]\nmatch = \"wan0\"\nmetric = 1\n").unwrap());
}

#[test]
fn too_many_links_are_a_mistake() {
    let text: String = (0..4097).map(|number| format!("[[link]]\nmatch = \"wan{number}\"\n")).collect();
    assert_eq!(mistakes(&text), ["main.toml: link: 4097 links; must be at most 4096"]);
}

/// Pieces out of which texts are made that come near to a configuration.
fn near_toml() -> impl Strategy<Value = String> {
    let key = prop::sample::select(vec![
        "log",
        "duid",
        "defaults",
        "link",
        "match",
        "mode",
        "draft01",
        "accept",
        "protected",
        "flap-hold",
        "target",
        "metric",
        "dhcp4-request-options",
        "a.b",
        "\"\"",
        "\"x[9]\"",
        "link.match",
        "server",
        "server.subnet",
        "server.options",
        "server.dhcp6",
        "server.dhcp6.subnet",
        "server.external",
        "server.external.link",
        "relay",
        "prefix",
        "pools",
        "interfaces",
        "server-id",
        "clients",
        "upstream",
        "delegate",
        "lease-time",
        "reservation",
        "routers",
        "121",
    ]);
    let value = prop::sample::select(vec![
        "1",
        "-1",
        "9e99",
        "nan",
        "0xff",
        "true",
        "\"\"",
        "\"wan0\"",
        "\"5s\"",
        "[]",
        "[[1, \"a\"]]",
        "[\"lan0\"]",
        "\"192.0.2.0/24\"",
        "\"192.0.2.1\"",
        "\"2001:db8::/32\"",
        "[\"192.0.2.1-192.0.2.9\", {}]",
        "[{ range = \"192.0.2.1-192.0.2.9\", psid-length = 16, psid-offset = 15 }]",
        "[{ prefix = \"::/1\", length = 128 }]",
        "{}",
        "{ dns = 1 }",
        "2026-11-21",
        "1979-05-27T07:32:00Z",
        "\"\"\"\n\"\"\"",
        "99999999999999999999999999999999999999999",
        "",
    ]);
    let line = prop_oneof![
        (key.clone(), value).prop_map(|(key, value)| format!("{key} = {value}")),
        key.clone().prop_map(|key| format!("[{key}]")),
        key.prop_map(|key| format!("[[{key}]]")),
        "[\\PC\n]{0,6}",
    ];
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic_c1(text in "(?s).{0,300}") {
        let _ = read(&text).map_err(|mistakes| mistakes.to_string());
        let _ = LinkConfig::from_toml(&text);
    }

    #[test]
    fn what_nearly_is_a_configuration_is_read_or_its_mistakes_are_shown_c1(text in near_toml()) {
        match read(&text) {
            Ok(config) => prop_assert_eq!(read(&config.effective_toml()).unwrap(), config),
            Err(mistakes) => {
                let shown = mistakes.to_string();
                prop_assert!(shown.lines().count() > 0);
                prop_assert!(shown.bytes().all(|octet| octet == b'\n' || (b' '..=b'~').contains(&octet)), "{}", shown);
            }
        }
    }

    #[test]
    fn no_variable_makes_the_reader_panic(name in "[A-Za-z_\\PC]{0,20}", value in "(?s).{0,50}") {
        let mut mistakes = Mistakes::default();
        let variables = [(format!("DHCP4O6_{name}").into(), value.into())];
        let layers = raw::environment(variables.into_iter(), &mut mistakes);
        let _ = check::whole(layers, &mut mistakes);
    }
}
