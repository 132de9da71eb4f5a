//! `[server.tsv]` and `[[tra]]` as operators write them, right and wrong.

use super::server::{SMALLEST as SERVER, server};
use super::*;
use crate::args::{self, Action, BothSides, Side};
use dhcp4o6_protocol::prefix::{Prefix4, Prefix6};
use dhcp4o6_protocol::role::tra::{TraLink, TraSettings};
use dhcp4o6_protocol::role::tsv::TsvSettings;
use dhcp4o6_protocol::settings::Encapsulation;
use std::net::Ipv4Addr;

/// A transport server and relay agent on which nothing is as it is by default.
pub(super) const EVERYTHING: &str = r#"
[server]
port547 = false
server-id = "198.51.100.1"

[server.tsv]
addresses = ["2001:db8:9::67", "fd00::67"]
accept-from = ["2001:db8:1::/48", "fd00::18"]
addresses4 = ["10.0.0.1"]
accept-from4 = ["10.0.0.0/8", "192.0.2.7"]
relay-agents = ["198.51.100.9/32"]
interfaces4 = ["lan0"]
cra6addr = 254
relay-encapsulation = "private"

[[server.subnet]]
prefix = "192.0.2.0/24"
pools = ["192.0.2.100-192.0.2.199"]
sources = ["2001:db8:1::/48"]

[[tra]]
name = "west"
namespace = "isp"
addresses = ["2001:db8:9::67"]
accept-from = ["::/0"]
servers = ["10.0.0.1", "127.0.0.1"]
giaddr = "10.0.0.9"
cra6addr = 20
circuit-id = "port 7"
remote-id = "hex:00ff"
relay-id = "agent"
source-port = 6767
hops-limit = 16
max-message = 65507
match-requests = false
snoop = true
relay-encapsulation = "private"
rate-per-source = 51
rate = 9

[[tra.link]]
prefix = "192.0.2.0/24"
sources = ["2001:db8:1::/48", "2001:db8:2::1"]

[[tra.link]]
prefix = "203.0.113.0/24"
sources = ["2001:db8:1:1::/64"]
"#;

const TSV: &str = r#"
[server]
port547 = false
server-id = "198.51.100.1"
subnet = [{ prefix = "192.0.2.0/24", pools = ["192.0.2.100-192.0.2.199"] }]
[server.tsv]
accept-from = ["2001:db8::/32"]
"#;

const TRA: &str = r#"[[tra]]
accept-from = ["2001:db8::/32"]
servers = ["10.0.0.1"]
giaddr = "10.0.0.9"
"#;

/// The one mistake of a transport server with these lines more, from the eighth on.
fn mistake_in_tsv(lines: &str) -> String {
    one_mistake(&format!("{TSV}{lines}\n"))
}

/// The one mistake of a transport relay agent with these lines more, from the fifth on.
fn mistake(lines: &str) -> String {
    one_mistake(&format!("{TRA}{lines}\n"))
}

fn one_mistake(text: &str) -> String {
    let found = mistakes(text);
    assert_eq!(found.len(), 1, "{text}: {found:#?}");
    found[0].clone()
}

fn prefix6(text: &str) -> Prefix6 {
    text.parse().unwrap()
}

fn prefix4(text: &str) -> Prefix4 {
    text.parse().unwrap()
}

fn tra(text: &str) -> TraSettings {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).tras.remove(0).settings
}

#[test]
fn every_key_of_the_transport_roles_has_its_effect() {
    let config = read(EVERYTHING).unwrap();
    let server = config.server.unwrap();
    assert!(!server.settings.port547 && server.interfaces.is_empty());
    let tsv = TsvSettings {
        addresses: vec!["2001:db8:9::67".parse().unwrap(), "fd00::67".parse().unwrap()],
        accept_from: vec![prefix6("2001:db8:1::/48"), prefix6("fd00::18/128")],
        addresses4: vec![Ipv4Addr::new(10, 0, 0, 1)],
        accept_from4: vec![prefix4("10.0.0.0/8"), prefix4("192.0.2.7/32")],
        relay_agents: vec![prefix4("198.51.100.9/32")],
        interfaces4: vec!["lan0".to_owned()],
        cra6addr: 254,
        encapsulation: Encapsulation::Private,
    };
    assert_eq!(server.settings.tsv, Some(tsv));
    let tra = TraConfig {
        name: "west".to_owned(),
        namespace: Some("isp".to_owned()),
        settings: TraSettings {
            addresses: vec!["2001:db8:9::67".parse().unwrap()],
            accept_from: vec![prefix6("::/0")],
            servers: vec![Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::LOCALHOST],
            giaddr: Ipv4Addr::new(10, 0, 0, 9),
            cra6addr: 20,
            links: vec![
                TraLink {
                    prefix: prefix4("192.0.2.0/24"),
                    sources: vec![prefix6("2001:db8:1::/48"), prefix6("2001:db8:2::1/128")],
                },
                TraLink { prefix: prefix4("203.0.113.0/24"), sources: vec![prefix6("2001:db8:1:1::/64")] },
            ],
            circuit_id: Some(b"port 7".to_vec()),
            remote_id: Some(vec![0, 0xff]),
            relay_id: Some(b"agent".to_vec()),
            source_port: 6767,
            hops_limit: 16,
            max_message: 65_507,
            match_requests: false,
            snoop: true,
            encapsulation: Encapsulation::Private,
            rate_per_source: 51,
            rate: 9,
        },
    };
    assert_eq!(config.tras, [tra]);
}

#[test]
fn the_smallest_transport_roles() {
    let tsv = server(TSV).settings.tsv.unwrap();
    assert_eq!((tsv.cra6addr, tsv.encapsulation), (46, Encapsulation::Off));
    assert_eq!((tsv.addresses, tsv.addresses4, tsv.interfaces4), (vec![], vec![], vec![]));
    let config = read(TRA).unwrap();
    assert_eq!((config.tras[0].name.as_str(), &config.tras[0].namespace), ("tra1", &None));
    let tra = tra(TRA);
    assert_eq!((tra.cra6addr, tra.source_port, tra.hops_limit, tra.max_message), (46, 67, 4, 1472));
    assert_eq!((tra.match_requests, tra.snoop, tra.rate_per_source, tra.rate), (true, false, 50, 0));
    assert_eq!((tra.circuit_id, tra.remote_id, tra.relay_id, tra.links), (None, None, None, vec![]));
}

#[test]
fn the_transport_server_goes_beside_the_other_one_or_alone() {
    let both = format!("{SERVER}[server.tsv]\naccept-from = [\"2001:db8::/32\"]\n");
    let settings = server(&both).settings;
    assert!(settings.port547 && settings.tsv.is_some());
    assert_eq!(
        mistakes(&both.replace("interfaces = [\"lan0\"]\n", "")),
        [
            "main.toml:2:2: server.interfaces: is missing; must have \"interfaces\" to serve, or \"addresses\" that queries \
             are sent to; or \"port547\" must be false, for [server.tsv] alone"
        ]
    );
    assert_eq!(
        mistakes(&SERVER.replace("[server]\n", "[server]\nport547 = false\n")),
        [
            "main.toml:3:1: server.port547: leaves the server nothing to do; must be true, or there must be a [server.tsv]"
        ]
    );
}

#[test]
fn the_transport_server_needs_the_built_in_engine() {
    let text = "[server]\nport547 = false\nengine = \"external\"\nexternal = { servers = [\"10.0.0.1\"], giaddr = \"10.0.0.9\" \
                }\n[server.tsv]\naccept-from = [\"2001:db8::/32\"]\n";
    assert_eq!(
        mistakes(text),
        [
            "main.toml:5:9: server.tsv: it needs the built-in engine, and \"engine\" is \"external\"; must be left out; a \
             [[tra]] brings DHCPv4 over IPv6 to other DHCPv4 servers"
        ]
    );
}

#[test]
fn the_transport_server_names_itself_tsv_06() {
    assert_eq!(
        mistakes(&TSV.replace("server-id = \"198.51.100.1\"\n", "")),
        [
            "main.toml:2:2: server.server-id: is missing; must be a unicast IPv4 address that names this server, such as \
             \"192.0.2.1\""
        ]
    );
}

#[test]
fn nobody_is_served_from_everywhere_unasked_tsv_19_tra_29() {
    let right = "must be a list of the IPv6 prefixes that client relay agents are in, such as [\"2001:db8::/32\"]: nobody \
                 else is answered";
    let without = |text: &str| text.replace("accept-from = [\"2001:db8::/32\"]\n", "");
    let empty = |text: &str| text.replace("[\"2001:db8::/32\"]", "[]");
    assert_eq!(
        mistakes(&without(TSV)),
        [format!("main.toml:6:9: server.tsv.accept-from: is missing; {right}")]
    );
    assert_eq!(mistakes(&without(TRA)), [format!("main.toml:1:1: tra.accept-from: is missing; {right}")]);
    assert_eq!(
        mistakes(&empty(TSV)),
        [format!("main.toml:7:1: server.tsv.accept-from: an empty list is not valid; {right}")]
    );
    assert_eq!(
        mistakes(&empty(TRA)),
        [format!("main.toml:2:1: tra.accept-from: an empty list is not valid; {right}")]
    );
    for wrong in ["fe80::/10", "ff00::/8", "::/1", "2001:db8::1/32", "10.0.0.0/8", "::ffff:0:0/96", "lan0"] {
        let found = mistakes(&TRA.replace("2001:db8::/32", wrong));
        assert_eq!(
            found,
            [format!(
                "main.toml:2:16: tra.accept-from: \"{wrong}\" is not valid; must be an IPv6 prefix of global or unique local \
                 addresses such as \"2001:db8::/32\", without host bits, or such an address"
            )]
        );
    }
}

#[test]
fn a_transport_relay_agent_needs_servers_and_an_address_for_them_tra_04() {
    assert_eq!(
        mistakes("[[tra]]\naccept-from = [\"2001:db8::/32\"]\n"),
        [
            "main.toml:1:1: tra.servers: is missing; must be a list of 1 to 8 IPv4 addresses of DHCPv4 servers",
            "main.toml:1:1: tra.giaddr: is missing; must be an IPv4 address of this host that the servers reach",
        ]
    );
    let itself = TRA.replace("10.0.0.1", "10.0.0.9");
    assert_eq!(
        mistakes(&itself),
        [
            "main.toml:3:12: tra.servers: 10.0.0.9 is \"giaddr\", this host's own address; must be another server's"
        ]
    );
    for wrong in ["0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "169.254.1.1", "2001:db8::1", ""] {
        assert_eq!(
            mistakes(&TRA.replace("10.0.0.9", wrong)),
            [format!(
                "main.toml:4:1: tra.giaddr: \"{wrong}\" is not valid; must be an IPv4 address of this host that the servers \
                 reach"
            )]
        );
    }
    let nine: Vec<_> = (1..=9).map(|host| format!("\"10.1.0.{host}\"")).collect();
    assert_eq!(
        mistakes(&TRA.replace("\"10.0.0.1\"", &nine.join(","))),
        ["main.toml:3:1: tra.servers: has 9 entries; must be at most 8"]
    );
}

#[test]
fn the_code_of_cra6addr_is_nobody_elses_tra_23() {
    for code in [1, 2, 5, 12, 19, 46, 254] {
        assert_eq!(tra(&format!("{TRA}cra6addr = {code}\n")).cra6addr, code, "alone it is free");
    }
    for code in [0, 255, 300] {
        let found = format!("cra6addr: {code} is not valid; must be a whole number from 1 to 254");
        assert_eq!(mistake(&format!("cra6addr = {code}")), format!("main.toml:5:1: tra.{found}"));
        assert_eq!(
            mistake_in_tsv(&format!("cra6addr = {code}")),
            format!("main.toml:8:1: server.tsv.{found}")
        );
    }
    let link = "[[tra.link]]\nprefix = \"192.0.2.0/24\"\nsources = [\"2001:db8:1::/48\"]";
    for (code, key, lines) in [
        (1, "circuit-id", "circuit-id = \"x\""),
        (2, "remote-id", "remote-id = \"x\""),
        (12, "relay-id", "relay-id = \"x\""),
        (19, "source-port", "source-port = 6767"),
        (5, "[[tra.link]]", link),
    ] {
        assert_eq!(
            mistake(&format!("cra6addr = {code}\n{lines}")),
            format!(
                "main.toml:5:1: tra.cra6addr: sub-option {code} is that of {key}, which is configured too; must be another, \
                 such as 46"
            )
        );
    }
    for code in [5, 19] {
        assert_eq!(
            mistake_in_tsv(&format!("cra6addr = {code}")),
            format!(
                "main.toml:8:1: server.tsv.cra6addr: sub-option {code} means something else; must be another than 5 and 19"
            )
        );
    }
    assert_eq!(server(&format!("{TSV}cra6addr = 1\n")).settings.tsv.unwrap().cra6addr, 1);
}

#[test]
fn all_sub_options_fit_into_one_option() {
    let octets = |count: usize| "x".repeat(count);
    let two =
        |first, second| format!("circuit-id = \"{}\"\nremote-id = \"{}\"", octets(first), octets(second));
    assert!(read(&format!("{TRA}{}\n", two(200, 33))).is_ok(), "18 + 202 + 35");
    assert_eq!(
        mistake(&two(200, 34)),
        "main.toml:5:1: tra.circuit-id: option 82 would have 256 octets with all sub-options; must leave at most 255: \
         shorter, or fewer of \"circuit-id\", \"remote-id\" and \"relay-id\""
    );
}

#[test]
fn keys_of_the_transport_roles_have_types_and_ranges() {
    for (line, expected) in [
        ("source-port = 0", "source-port: 0 is not valid; must be a whole number from 1 to 65535"),
        ("source-port = 68", "source-port: 68 is the port of clients; must be another"),
        ("hops-limit = 17", "hops-limit: 17 is not valid; must be a whole number from 1 to 16"),
        ("max-message = 299", "max-message: 299 is not valid; must be a whole number from 300 to 65507"),
        ("max-message = 65508", "max-message: 65508 is not valid; must be a whole number from 300 to 65507"),
        ("match-requests = 0", "match-requests: 0 is not valid; must be true or false"),
        ("snoop = \"yes\"", "snoop: \"yes\" is not valid; must be true or false"),
        ("rate = -1", "rate: -1 is not valid; must be a whole number from 0 to 4294967295"),
        (
            "relay-id = true",
            "relay-id: true is not valid; must be text, or hexadecimal digits such as \"hex:0a0b\": 1 to 255 octets",
        ),
        (
            "addresses = [\"fe80::1\"]",
            "addresses: \"fe80::1\" is not valid; must be a global or unique local IPv6 address",
        ),
    ] {
        let found = mistake(line);
        let (place, rest) = found.split_once(" tra.").unwrap();
        assert!(place.starts_with("main.toml:5:"), "{found}");
        assert_eq!(rest, expected);
    }
    for (line, expected) in [
        (
            "addresses4 = [\"0.0.0.0\"]",
            "addresses4: \"0.0.0.0\" is not valid; must be a unicast IPv4 address of this host",
        ),
        (
            "accept-from4 = [\"10.0.0.1/8\"]",
            "accept-from4: \"10.0.0.1/8\" is not valid; must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits, or an \
             address",
        ),
        (
            "relay-agents = [\"224.0.0.0/4\"]",
            "relay-agents: \"224.0.0.0/4\" is not valid; must be an IPv4 prefix such as \"10.0.0.0/8\", without host bits, or an \
             address",
        ),
        (
            "interfaces4 = [\"lan*\"]",
            "interfaces4: \"lan*\" is not valid; must be the name of an interface, not a pattern",
        ),
        (
            "addresses = [\"::\"]",
            "addresses: \"::\" is not valid; must be a global or unique local IPv6 address",
        ),
    ] {
        let found = mistake_in_tsv(line);
        assert_eq!(found.split_once(" server.tsv.").unwrap().1, expected);
    }
}

#[test]
fn links_of_a_relay_agent_are_apart_and_inside_what_it_accepts() {
    let link = |sources: &str| format!("[[tra.link]]\nprefix = \"192.0.2.0/24\"\nsources = {sources}\n");
    let nested = format!("{TRA}{}{}", link("[\"2001:db8:1::/48\"]"), link("[\"2001:db8:1:1::/64\"]"));
    assert_eq!(tra(&nested).links.len(), 2, "the longest counts");
    assert_eq!(
        mistake(&format!("{}{}", link("[\"2001:db8:1::/48\"]"), link("[\"2001:db8:1::/48\"]"))),
        "main.toml:10:12: tra.link.sources: \"2001:db8:1::/48\" has two subnets; the other is at main.toml:7:12"
    );
    assert_eq!(
        mistake(&link("[\"2001:db9::/32\"]")),
        "main.toml:7:12: tra.link.sources: nothing is taken from 2001:db9::/32; must be inside \"accept-from\""
    );
    let right = "must be a list of the IPv6 prefixes of client relay agents whose clients are in \"prefix\"";
    assert_eq!(
        mistake(&link("[]")),
        format!("main.toml:7:1: tra.link.sources: an empty list is not valid; {right}")
    );
    assert_eq!(
        mistake("[[tra.link]]\nprefix = \"192.0.2.0/24\""),
        format!("main.toml:5:1: tra.link.sources: is missing; {right}")
    );
    assert_eq!(
        mistake("[[tra.link]]\nsources = [\"2001:db8:1::/48\"]"),
        "main.toml:5:1: tra.link.prefix: is missing; must be an IPv4 prefix such as \"192.0.2.0/24\", without host bits, \
         from /1 to /32"
    );
}

#[test]
fn names_of_transport_relay_agents_are_unique() {
    let two = format!("{TRA}name = \"a\"\n{}name = \"a\"\n", elsewhere(TRA, "x"));
    assert_eq!(
        mistakes(&two),
        ["main.toml:11:1: tra.name: two are called \"a\"; must be unique; the other is at main.toml:5:1"]
    );
    let many: String = (0..65).map(|number| elsewhere(TRA, &format!("ns{number}"))).collect();
    assert_eq!(mistakes(&many), ["main.toml:321:1: tra: 65 relay agents; must be at most 64"]);
}

/// The same in another namespace, in a line more.
fn elsewhere(text: &str, namespace: &str) -> String {
    format!("{text}namespace = \"{namespace}\"\n")
}

#[test]
fn drop_ins_and_variables_reach_the_transport_roles() {
    let files = Files::new("transport", TSV)
        .drop_in("a.toml", "[server.tsv]\ncra6addr = 1\nrelay-agents = [\"10.0.0.9\"]\n")
        .drop_in("b.toml", elsewhere(TRA, "b"))
        .drop_in("c.toml", elsewhere(TRA, "c"));
    let variables = [
        ("DHCP4O6_SERVER__TSV__RELAY_AGENTS", "[\"10.0.0.10\"]"),
        ("DHCP4O6_SERVER__TSV__ACCEPT_FROM", "[\"2001:db8:7::/48\"]"),
    ];
    let config = files.load(&variables).unwrap();
    let tsv = config.server.unwrap().settings.tsv.unwrap();
    assert_eq!((tsv.cra6addr, tsv.relay_agents), (1, vec![prefix4("10.0.0.10/32")]));
    assert_eq!(tsv.accept_from, [prefix6("2001:db8:7::/48")]);
    let names: Vec<_> = config.tras.iter().map(|tra| (tra.name.as_str(), tra.namespace.as_deref())).collect();
    assert_eq!(names, [("tra1", Some("b")), ("tra2", Some("c"))]);
    // What a later layer overrides is checked all the same.
    let overridden =
        Files::new("transport-overridden", TSV).drop_in("a.toml", "[server.tsv]\ncra6addr = 0\n");
    assert_eq!(overridden.mistakes(&[("DHCP4O6_SERVER__TSV__CRA6ADDR", "46")]).len(), 1);
}

#[test]
fn each_role_belongs_to_a_side() {
    let side = |text: &str| {
        let Ok(Action::Run(options)) = args::parse([], None) else { panic!() };
        options.side(&read(text).unwrap())
    };
    let lcra = "[[lcra]]\nclients = \"lan0\"\nservers = [\"2001:db8::67\"]\nnamespace = \"cpe\"\n";
    assert_eq!(side(lcra), Ok(Side::Subscriber));
    assert_eq!(side(TRA), Ok(Side::Provider));
    assert_eq!(side(TSV), Ok(Side::Provider));
    assert_eq!(side(&format!("{lcra}{TRA}")), Err(BothSides));
}

/// Mistakes of every part at once, each on its line.
#[test]
fn all_mistakes_are_reported_at_once() {
    let text = "\
[[link]]
match = \"wan0\"
hcra.hops-limit = 0
[[link.endpoint]]
iaid = 5
[[lcra]]
clients = [\"lan0\"]
pending = 0
[server]
port547 = 1
server-id = \"192.0.2.1\"
subnet = [{ prefix = \"192.0.2.0/24\", pools = [] }]
interfaces = [\"lan0\"]
[server.tsv]
cra6addr = 255
[[tra]]
giaddr = \"::\"
[[tra.link]]
prefix = \"192.0.2.1/24\"
";
    let found = mistakes(text);
    let lines: Vec<usize> =
        found.iter().map(|mistake| mistake.split(':').nth(1).unwrap().parse().unwrap()).collect();
    // 14: addresses beside an agent, accept-from; 16: addresses beside two others, source-port, accept-from, servers.
    assert_eq!(lines, [3, 5, 7, 8, 10, 14, 14, 15, 16, 16, 16, 16, 16, 17, 18, 19], "{found:#?}");
}
