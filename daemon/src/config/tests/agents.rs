//! `[link.hcra]`, `[[link.endpoint]]` and `[[lcra]]` as operators write them, right and wrong.

use super::*;
use dhcp4o6_protocol::ids::Iaid;
use dhcp4o6_protocol::role::lcra::LcraSettings;
use dhcp4o6_protocol::settings::{Encapsulation, EndpointSettings, HcraClient, HcraSettings, Renew};
use std::net::Ipv6Addr;

/// A link and an on-link agent on which nothing is as it is by default.
pub(super) const EVERYTHING: &str = r#"
[[link]]
match = "wan0"
mode = "hcra"
metric = 7
target = { interface = "v4" }

[link.hcra]
servers = ["2001:db8:9::67", "fd00::67"]
source = "fd00:1::18"
unique-local = true
source-check = "relaxed"
hops-limit = 16
needs-permit = true
renew = "via-cra"
relay-encapsulation = "private"
client = "builtin"

[[link.endpoint]]
name = "data"

[[link.endpoint]]
name = "voice"
iaid = "0BADcafe"
target = "link"
metric = 8
table = 100

[[lcra]]
name = "homes"
namespace = "cpe"
clients = "lan0"
upstream = "wan0"
servers = ["2001:db8:9::67"]
source = "2001:db8:1:1::19"
unique-local = true
source-check = "off"
hops-limit = 1
allow = ["02:00:5E:10:00:01", "02:00:5e:10:00:02"]
rate-per-client = 0
rate = 201
pending = 65536
relay-encapsulation = "private"
circuit-id = "port 7"
remote-id = "hex:00ff"
"#;

/// A link whose client is another program.
pub(super) const EXTERNAL: &str = r#"
[[link]]
match = "wan0"
mode = "hcra"
target = { interface = "v4" }
hcra = { servers = ["2001:db8:9::67"], client = "external", adopt = true }
"#;

const SMALLEST: &str = "[[lcra]]\nclients = \"lan0\"\nservers = [\"2001:db8:9::67\"]\n";

fn address(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

/// The one mistake of an on-link agent with this further line, the fourth.
fn mistake(line: &str) -> String {
    let found = mistakes(&format!("{SMALLEST}{line}\n"));
    assert_eq!(found.len(), 1, "{line}: {found:#?}");
    found[0].clone()
}

/// The one mistake of a link for wan0 with these lines under [link.hcra], from the fourth on.
fn mistake_in_hcra(lines: &str) -> String {
    mistake_in_link(&format!("[link.hcra]\n{lines}"))
}

#[test]
fn every_key_of_agents_and_endpoints_has_its_effect() {
    let config = read(EVERYTHING).unwrap();
    let [link] = config.links.as_slice() else { panic!("{:?}", config.links) };
    assert_eq!(link.settings.mode, Mode::Hcra);
    let hcra = HcraSettings {
        servers: vec![address("2001:db8:9::67"), address("fd00::67")],
        source: Some(address("fd00:1::18")),
        unique_local: true,
        source_check: SourceCheck::Relaxed,
        hops_limit: 16,
        needs_permit: true,
        renew: Renew::ViaCra,
        encapsulation: Encapsulation::Private,
        client: HcraClient::Builtin,
        adopt: false,
    };
    assert_eq!(link.settings.hcra, hcra);
    let v4 = TargetConfig::Interface { name: "v4".to_owned(), namespace: None };
    let data = EndpointConfig { name: "data".to_owned(), iaid: None, target: v4, metric: 7, table: 254 };
    let iaid = Some(Iaid(0x0bad_cafe));
    let voice =
        EndpointConfig { name: "voice".to_owned(), iaid, target: TargetConfig::Link, metric: 8, table: 100 };
    assert_eq!(link.endpoints, [data, voice]);
    let identities = [("data", None), ("voice", iaid)]
        .map(|(name, iaid)| EndpointSettings { name: name.to_owned(), iaid });
    assert_eq!(link.settings.endpoints, identities);
    let lcra = LcraConfig {
        name: "homes".to_owned(),
        namespace: Some("cpe".to_owned()),
        settings: LcraSettings {
            clients: "lan0".to_owned(),
            upstream: "wan0".to_owned(),
            servers: vec![address("2001:db8:9::67")],
            source: Some(address("2001:db8:1:1::19")),
            unique_local: true,
            source_check: SourceCheck::Off,
            hops_limit: 1,
            allow: vec![[2, 0, 0x5e, 0x10, 0, 1], [2, 0, 0x5e, 0x10, 0, 2]],
            rate_per_client: 0,
            rate: 201,
            pending: 65_536,
            encapsulation: Encapsulation::Private,
            circuit_id: Some(b"port 7".to_vec()),
            remote_id: Some(vec![0, 0xff]),
        },
    };
    assert_eq!(config.lcras, [lcra]);
    let external = read(EXTERNAL).unwrap().links.remove(0).settings.hcra;
    assert_eq!((external.client, external.adopt), (HcraClient::External, true));
}

#[test]
fn no_agent_is_configured_unless_it_is_named_lcra_15() {
    assert_eq!(read("").unwrap().lcras, []);
    let settings = link("").settings;
    assert_eq!(
        (settings.hcra, settings.endpoints),
        (HcraSettings::default(), vec![EndpointSettings::default()])
    );
}

#[test]
fn the_smallest_on_link_agent_sends_by_the_interface_of_its_clients() {
    let lcra = read(SMALLEST).unwrap().lcras.remove(0);
    assert_eq!((lcra.name.as_str(), lcra.namespace), ("lcra1", None));
    let settings = lcra.settings;
    assert_eq!((settings.clients.as_str(), settings.upstream.as_str()), ("lan0", "lan0"));
    assert_eq!((settings.source_check, settings.hops_limit), (SourceCheck::Strict, 4));
    assert_eq!((settings.rate_per_client, settings.rate, settings.pending), (10, 200, 4096));
    assert_eq!(
        (settings.encapsulation, settings.source, settings.unique_local),
        (Encapsulation::Off, None, false)
    );
}

#[test]
fn defaults_hold_for_the_agents_of_links() {
    let text = "[defaults]\nmode = \"hcra\"\n[defaults.hcra]\nservers = [\"2001:db8:9::67\"]\nhops-limit = 5\n\
                [[link]]\nmatch = \"a\"\n[[link]]\nmatch = \"b\"\n[link.hcra]\nservers = []\nrenew = \"via-cra\"\n";
    let [a, b] = <[LinkConfig; 2]>::try_from(read(text).unwrap().links).unwrap();
    assert_eq!(a.settings.hcra.servers, [address("2001:db8:9::67")]);
    assert_eq!((a.settings.hcra.hops_limit, a.settings.hcra.renew), (5, Renew::Direct));
    assert_eq!(b.settings.hcra.servers, [] as [Ipv6Addr; 0], "an empty list is said");
    assert_eq!((b.settings.hcra.hops_limit, b.settings.hcra.renew), (5, Renew::ViaCra));
    assert_eq!((a.settings.mode, b.settings.mode), (Mode::Hcra, Mode::Hcra));
    assert_eq!(
        mistakes("[defaults]\nendpoint = []\n[defaults.hcra]\nhops-limit = 0\n"),
        [
            "main.toml:2:1: defaults.endpoint: no such key; known here: mode, profile, draft01, dhcp6, address, \
             prefix-delegation, prefix-length, rapid-commit, max-refresh, stateless-max-stale, dhcp6-max-delay, \
             dhcp6-request-options, dhcp4-rapid-commit, dhcp4-max-delay, offer-window, require-client-id-echo, \
             conflict-detection, dhcp4-request-options, vendor-class, host-name, on-withdraw, source-check, max-servers, \
             flap-hold, release-on-stop, rebind-on-source-change, metric, table, accept, hcra",
            "main.toml:4:1: defaults.hcra.hops-limit: 0 is not valid; must be a whole number from 1 to 16",
        ]
    );
}

#[test]
fn drop_ins_and_variables_reach_agents() {
    let files = Files::new(
        "agents",
        "[[link]]\nmatch = \"wan0\"\nmode = \"hcra\"\n[defaults.hcra]\nhops-limit = 5\n",
    )
    .drop_in("a.toml", format!("{SMALLEST}[defaults.hcra]\nneeds-permit = true\n"))
    .drop_in("b.toml", SMALLEST.replace("lan0", "lan1"));
    let variables = [
        ("DHCP4O6_DEFAULTS__HCRA__RENEW", "via-cra"),
        ("DHCP4O6_DEFAULTS__HCRA__SERVERS", "[\"2001:db8:9::68\"]"),
        ("DHCP4O6_LCRA", "[{ clients = \"lan2\", servers = [\"2001:db8::1\"] }]"),
    ];
    let config = files.load(&variables).unwrap();
    let names: Vec<_> =
        config.lcras.iter().map(|lcra| (lcra.name.as_str(), lcra.settings.clients.as_str())).collect();
    assert_eq!(names, [("lcra1", "lan0"), ("lcra2", "lan1"), ("lcra3", "lan2")]);
    let hcra = &config.links[0].settings.hcra;
    assert_eq!((hcra.hops_limit, hcra.needs_permit, hcra.renew), (5, true, Renew::ViaCra));
    assert_eq!(hcra.servers, [address("2001:db8:9::68")]);
    assert_eq!(
        files.mistakes(&[("DHCP4O6_DEFAULTS__HCRA__HOPS_LIMIT", "17")]),
        [
            "environment variable DHCP4O6_DEFAULTS__HCRA__HOPS_LIMIT: defaults.hcra.hops-limit: 17 is not valid; must be \
             a whole number from 1 to 16"
        ]
    );
}

#[test]
fn addresses_of_agents_are_those_of_hosts_beyond_the_link_hcra_07() {
    for wrong in
        ["::", "::1", "fe80::1", "ff02::1", "ff05::1:3", "::ffff:192.0.2.1", "192.0.2.1", "a.example", ""]
    {
        assert_eq!(
            mistake_in_hcra(&format!("servers = [\"{wrong}\"]")),
            format!(
                "main.toml:4:12: link.hcra.servers: \"{wrong}\" is not valid; must be a global or unique local IPv6 address"
            )
        );
        assert_eq!(
            mistake_in_hcra(&format!("source = \"{wrong}\"")),
            format!(
                "main.toml:4:1: link.hcra.source: \"{wrong}\" is not valid; must be a global IPv6 address of this host"
            )
        );
        assert_eq!(
            mistake(&format!("source = \"{wrong}\"")),
            format!(
                "main.toml:4:1: lcra.source: \"{wrong}\" is not valid; must be a global IPv6 address of this host"
            )
        );
    }
    let local =
        "fd00::18 is a unique local address; must be a global address, or \"unique-local\" must be true";
    assert_eq!(mistake_in_hcra("source = \"fd00::18\""), format!("main.toml:4:1: link.hcra.source: {local}"));
    assert_eq!(mistake("source = \"fd00::18\""), format!("main.toml:4:1: lcra.source: {local}"));
    assert!(read(&format!("{SMALLEST}source = \"fd00::18\"\nunique-local = true\n")).is_ok());
    // What one table says may be wrong because of another.
    assert_eq!(
        mistakes("[defaults.hcra]\nsource = \"fd00::18\"\n[[link]]\nmatch = \"wan0\"\n"),
        [format!("main.toml:3:1: link.hcra.source: {local}")]
    );
}

#[test]
fn an_agent_does_not_send_to_itself() {
    let own = "2001:db8::18 is \"source\", this host's own address; must be another host's address";
    assert_eq!(
        mistake_in_hcra("source = \"2001:db8::18\"\nservers = [\"2001:db8::18\"]"),
        format!("main.toml:5:1: link.hcra.servers: {own}")
    );
    let lcra = "[[lcra]]\nclients = \"lan0\"\nsource = \"2001:db8::18\"\nservers = [\"2001:db8::18\"]\n";
    assert_eq!(mistakes(lcra), [format!("main.toml:4:1: lcra.servers: {own}")]);
}

#[test]
fn lists_of_servers_have_an_end_and_no_entry_twice() {
    let nine: Vec<_> = (1..=9).map(|host| format!("\"2001:db8::{host}\"")).collect();
    let nine = format!("servers = [{}]", nine.join(", "));
    assert_eq!(mistake_in_hcra(&nine), "main.toml:4:1: link.hcra.servers: has 9 entries; must be at most 8");
    assert_eq!(
        mistake_in_hcra("servers = [\"2001:db8::1\", \"2001:DB8:0::1\"]"),
        "main.toml:4:27: link.hcra.servers: \"2001:DB8:0::1\" is listed twice; must be listed once"
    );
}

#[test]
fn keys_of_agents_have_types_and_ranges() {
    let cases = [
        ("hops-limit = 17", "hops-limit: 17 is not valid; must be a whole number from 1 to 16"),
        (
            "source-check = \"loose\"",
            "source-check: \"loose\" is not valid; must be one of \"strict\", \"relaxed\", \"off\"",
        ),
        (
            "relay-encapsulation = \"on\"",
            "relay-encapsulation: \"on\" is not valid; must be one of \"off\", \"private\"",
        ),
        ("unique-local = 1", "unique-local: 1 is not valid; must be true or false"),
    ];
    for (line, expected) in cases {
        assert_eq!(mistake_in_hcra(line), format!("main.toml:4:1: link.hcra.{expected}"));
        assert_eq!(mistake(line), format!("main.toml:4:1: lcra.{expected}"));
    }
    let only_hosts = [
        ("renew = \"cra\"", "renew: \"cra\" is not valid; must be one of \"direct\", \"via-cra\""),
        ("client = \"own\"", "client: \"own\" is not valid; must be one of \"builtin\", \"external\""),
        ("need-permit = true", "need-permit: no such key; did you mean \"needs-permit\"?"),
    ];
    for (line, expected) in only_hosts {
        assert_eq!(mistake_in_hcra(line), format!("main.toml:4:1: link.hcra.{expected}"));
    }
    let only_lans = [
        ("pending = 0", "pending: 0 is not valid; must be a whole number from 1 to 65536"),
        ("pending = 65537", "pending: 65537 is not valid; must be a whole number from 1 to 65536"),
        ("rate = -1", "rate: -1 is not valid; must be a whole number from 0 to 4294967295"),
        (
            "upstream = \"wan*\"",
            "upstream: \"wan*\" is not valid; must be the name of an interface, not a pattern",
        ),
        ("renew = \"direct\"", "renew: no such key; known here: "),
    ];
    for (line, expected) in only_lans {
        let found = mistake(line);
        assert!(found.starts_with(&format!("main.toml:4:1: lcra.{expected}")), "{found}");
    }
    assert_eq!(
        mistake_in_link("hcra = true"),
        "main.toml:3:1: link.hcra: true is not valid; must be a table"
    );
}

#[test]
fn the_hosts_that_are_served_have_ethernet_addresses() {
    let right = "must be the Ethernet address of a host such as \"02:00:5e:10:00:01\"";
    for wrong in
        ["02:00:5e:10:00", "02005e100001", "02-00-5e-10-00-01", "01:00:5e:10:00:01", "00:00:00:00:00:00", ""]
    {
        assert_eq!(
            mistake(&format!("allow = [\"{wrong}\"]")),
            format!("main.toml:4:10: lcra.allow: \"{wrong}\" is not valid; {right}")
        );
    }
    assert_eq!(
        mistake("allow = [\"02:00:5e:10:00:01\", \"02:00:5E:10:00:01\"]"),
        "main.toml:4:31: lcra.allow: \"02:00:5E:10:00:01\" is listed twice; must be listed once"
    );
}

#[test]
fn an_agent_serves_one_link_lcra_08() {
    let right = "must be the name of one interface: an agent serves one link, and each further link has an [[lcra]] of its \
                 own";
    for list in ["[\"lan0\", \"lan1\"]", "[\"lan0\"]", "[]"] {
        let text = SMALLEST.replace("\"lan0\"", list);
        assert_eq!(mistakes(&text), [format!("main.toml:2:1: lcra.clients: a list is not valid; {right}")]);
    }
    assert_eq!(
        mistakes("[[lcra]]\nservers = [\"2001:db8::1\"]\n"),
        ["main.toml:1:1: lcra.clients: is missing; must be the name of the interface that clients are on"]
    );
    assert_eq!(
        mistakes(&SMALLEST.replace("lan0", "lan*")),
        [
            "main.toml:2:1: lcra.clients: \"lan*\" is not valid; must be the name of an interface, not a pattern"
        ]
    );
    assert_eq!(
        mistakes("[lcra]\nclients = \"lan0\"\n"),
        ["main.toml:1:2: lcra: a table is not valid; must be a list of tables, each begun with [[lcra]]"]
    );
}

#[test]
fn sub_options_of_an_on_link_agent_need_encapsulation_hcra_13() {
    for key in ["circuit-id", "remote-id"] {
        assert_eq!(
            mistake(&format!("{key} = \"x\"")),
            format!(
                "main.toml:4:1: lcra.{key}: an agent on the client's side sends it by relay encapsulation only; must be left \
                 out, or \"relay-encapsulation\" must be \"private\""
            )
        );
    }
}

#[test]
fn an_on_link_agent_without_servers_needs_a_link_that_knows_some() {
    let agent = "[[lcra]]\nclients = \"lan0\"\nupstream = \"wan0\"\n";
    let missing = "main.toml:1:1: lcra.servers: is missing; must be a list of 1 to 8 IPv6 addresses, or \"wan0\" must be a \
                   [[link]], whose network tells them";
    assert_eq!(mistakes(agent), [missing]);
    assert_eq!(mistakes(&format!("{agent}servers = []\n")), [missing]);
    let link = |of: &str| format!("{agent}[[link]]\nmode = \"4o6\"\nmatch = \"{of}\"\n");
    for right in ["wan0", "wan*", "02:00:5e:10:00:01"] {
        assert_eq!(read(&link(right)).unwrap().lcras[0].settings.servers, [] as [Ipv6Addr; 0], "{right}");
    }
    assert_eq!(mistakes(&link("wan1")), [missing]);
    assert_eq!(mistakes(&format!("{}namespace = \"isp\"\n", link("wan0"))), [missing]);
}

#[test]
fn names_of_on_link_agents_are_unique() {
    let two = format!("{SMALLEST}name = \"a\"\n{}name = \"a\"\n", SMALLEST.replace("lan0", "lan1"));
    assert_eq!(
        mistakes(&two),
        ["main.toml:8:1: lcra.name: two are called \"a\"; must be unique; the other is at main.toml:4:1"]
    );
    assert!(
        mistake("name = \"a/b\"").ends_with("must be 1 to 64 letters, digits, hyphens, underscores and dots")
    );
    let many: String = (0..65).map(|number| SMALLEST.replace("lan0", &format!("lan{number}"))).collect();
    assert_eq!(mistakes(&many), ["main.toml:193:1: lcra: 65 client relay agents; must be at most 64"]);
}

#[test]
fn endpoints_are_told_apart_hcra_24() {
    let endpoint = |lines: &str| format!("[[link.endpoint]]\n{lines}\n");
    let two = |one: &str, other: &str| mistake_in_link(&format!("{}{}", endpoint(one), endpoint(other)));
    assert_eq!(
        two("name = \"a\"", "metric = 5"),
        "main.toml:5:1: link.endpoint.name: is missing; must be 1 to 32 letters, digits, hyphens and underscores: with \
         several endpoints each has one"
    );
    assert_eq!(
        two("name = \"a\"", "name = \"a\""),
        "main.toml:6:1: link.endpoint.name: two are called \"a\"; must be unique; the other is at main.toml:4:1"
    );
    assert_eq!(
        two("name = \"a\"\niaid = \"00000001\"", "name = \"b\"\niaid = \"00:00:00:01\""),
        "main.toml:8:1: link.endpoint.iaid: two have 00000001; must be unique, or servers take them for one; the other is \
         at main.toml:5:1"
    );
    for wrong in ["", "1", "0badcafe00", "0badcafg"] {
        assert_eq!(
            mistake_in_link(&endpoint(&format!("iaid = \"{wrong}\""))),
            format!(
                "main.toml:4:1: link.endpoint.iaid: \"{wrong}\" is not valid; must be 8 hexadecimal digits such as \
                 \"0badcafe\""
            )
        );
    }
    for wrong in ["", ".", "a.b", "a b", &"x".repeat(33)] {
        let found = mistake_in_link(&endpoint(&format!("name = \"{wrong}\"")));
        assert!(found.ends_with("must be 1 to 32 letters, digits, hyphens and underscores"), "{found}");
    }
    let many: String = (0..17).map(|number| endpoint(&format!("name = \"e{number}\""))).collect();
    assert_eq!(mistake_in_link(&many), "main.toml:35:1: link.endpoint: 17 endpoints; must be at most 16");
    assert!(
        mistake_in_link("endpoint = 5")
            .ends_with("must be a list of tables, each begun with [[link.endpoint]]")
    );
    assert_eq!(
        mistake_in_link(&endpoint("table = 255")),
        "main.toml:4:1: link.endpoint.table: 255 is the kernel's table of local addresses; must be another"
    );
    assert_eq!(
        mistake_in_link(&endpoint("mtu = 5")),
        "main.toml:4:1: link.endpoint.mtu: no such key; known here: name, iaid, target, metric, table"
    );
}

#[test]
fn an_only_endpoint_needs_no_name_and_two_may_share_a_target() {
    let one = link("[[link.endpoint]]\niaid = \"00000007\"\n");
    assert_eq!((one.endpoints[0].name.as_str(), one.endpoints[0].iaid), ("", Some(Iaid(7))));
    assert_eq!(link("endpoint = []").endpoints, link("").endpoints);
    let same =
        "target = { interface = \"v4\" }\n[[link.endpoint]]\nname = \"a\"\n[[link.endpoint]]\nname = \"b\"\n";
    assert_eq!(
        link(same).endpoints.iter().filter(|endpoint| endpoint.target != TargetConfig::Link).count(),
        2
    );
    let other_link =
        format!("[[link]]\nmatch = \"wan0\"\n{same}[[link]]\nmatch = \"wan1\"\ntarget.interface = \"v4\"\n");
    assert_eq!(
        mistakes(&other_link),
        ["main.toml:8:1: link.target: two links have the same target; the other is at main.toml:1:1"]
    );
}

#[test]
fn an_external_client_is_one_and_keeps_its_address_unless_it_is_adopted() {
    assert_eq!(
        mistake_in_hcra("adopt = true"),
        "main.toml:4:1: link.hcra.adopt: the address of the built-in client is installed anyway; must be false, or \"client\" \
         must be \"external\""
    );
    let several = "client = \"external\"\n[[link.endpoint]]\nname = \"a\"\n[[link.endpoint]]\nname = \"b\"";
    assert_eq!(
        mistake_in_hcra(several),
        "main.toml:4:1: link.hcra.client: an external client is one, and the link has 2 endpoints; must be \"builtin\", or the \
         link without [[link.endpoint]]"
    );
    assert_eq!(
        mistake_in_hcra("client = \"external\"\n[[link.endpoint]]\niaid = \"00000001\""),
        "main.toml:5:8: link.endpoint: an external client has an identity of its own; must be without \"iaid\", or \"client\" \
         in [link.hcra] must be \"builtin\""
    );
    assert_eq!(
        mistake_in_link("target.interface = \"v4\"\nhcra.client = \"external\""),
        "main.toml:3:1: link.target: an external client keeps its address on the device that it runs on; must be left out, or \
         \"adopt\" in [link.hcra] must be true"
    );
    // Where no agent runs, what is said of one in common does no harm.
    let common = "[defaults.hcra]\nclient = \"external\"\n";
    for mode in ["4o6", "off"] {
        let text =
            format!("{common}[[link]]\nmatch = \"wan0\"\nmode = \"{mode}\"\ntarget.interface = \"v4\"\n");
        assert!(read(&text).is_ok(), "{mode}");
    }
}

#[test]
fn a_link_of_the_bus_may_have_an_agent_and_endpoints() {
    let text = "match = \"wan0\"\nmode = \"hcra\"\n[hcra]\nservers = [\"2001:db8:9::67\"]\n[[endpoint]]\nname = \"a\"\n\
                [[endpoint]]\nname = \"b\"\n";
    let link = LinkConfig::from_toml(text).unwrap();
    assert_eq!(link.settings.hcra.servers, [address("2001:db8:9::67")]);
    assert_eq!(link.endpoints.len(), 2);
    let headed = text.replace("[hcra]", "[link.hcra]").replace("[[endpoint]]", "[[link.endpoint]]");
    assert_eq!(LinkConfig::from_toml(&format!("[[link]]\n{headed}")).unwrap(), link);
    assert_eq!(
        LinkConfig::from_toml("match = \"wan0\"\n[hcra]\nhops-limit = 0\n").unwrap_err().to_string(),
        "the given link:3:1: link.hcra.hops-limit: 0 is not valid; must be a whole number from 1 to 16"
    );
    assert!(LinkConfig::from_toml(&format!("[[link]]\nmatch = \"wan0\"\n{SMALLEST}")).is_err());
}
