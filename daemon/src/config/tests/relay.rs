//! `[[relay]]` as operators write it, right and wrong.

use super::*;
use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::role::relay::{ClientSide, Destination};

const SMALLEST: &str = "[[relay]]\nclients = [\"lan0\"]\nupstream = [\"wan0\"]\n";

fn relays(text: &str) -> Vec<RelayConfig> {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).relays
}

/// The one mistake of a relay agent from lan0 to wan0 with this further line.
fn mistake(line: &str) -> String {
    let found = mistakes(&format!("{SMALLEST}{line}\n"));
    assert_eq!(found.len(), 1, "{line}: {found:#?}");
    found[0].clone()
}

fn client(name: &str) -> ClientSide {
    ClientSide {
        name: name.to_owned(),
        interface_id: name.as_bytes().to_vec(),
        always_interface_id: false,
        trusted: false,
        accept_unicast_4o6: false,
    }
}

fn destination(address: &str, interface: Option<&str>) -> Destination {
    Destination { address: address.parse().unwrap(), interface: interface.map(str::to_owned) }
}

#[test]
fn the_smallest_useful_relay_agent_asks_all_servers_upstream_r6_10() {
    let relays = relays(SMALLEST);
    let expected = RelayConfig {
        name: "relay1".to_owned(),
        namespace: None,
        settings: RelaySettings {
            clients: vec![client("lan0")],
            servers: vec![destination("ff05::1:3", Some("wan0"))],
            servers_4o6: vec![],
            profile: Profile::Rfc7341,
            draft01: Draft01::default(),
            source_port: 547,
            strict_source: false,
            client_link_layer: false,
            relay_id: None,
            remote_id: None,
            rate_per_interface: 1000,
            rate_per_source: 50,
        },
        own_relay_id: false,
    };
    assert_eq!(relays, [expected]);
}

/// A relay agent on which nothing is as it is by default.
pub(super) const EVERYTHING: &str = r#"
[[relay]]
name = "access"
namespace = "isp"
clients = ["lan0", { name = "lan1", interface-id = "hex:00ff", always-interface-id = true, trusted = true, accept-unicast-4o6 = true }]
upstream = ["wan0"]
servers = ["2001:db8::1", "fe80::1%wan0", "ff05::1:3%wan1"]
servers-4o6 = ["2001:db8::4"]
profile = "draft01"
draft01 = { request = 250, reply = 251, message = 65001, enable = 65002, servers = 65003 }
source-port = 10000
strict-source = true
client-link-layer = true
relay-id = "00:03:00:01:02:00:5e:10:00:01"
remote-id = { enterprise = 32473, id = "access 7" }
rate-per-interface = 0
rate-per-source = 51
"#;

#[test]
fn every_key_of_a_relay_agent_has_its_effect() {
    let duid = Duid::new(hex_decode("0003000102005e100001").unwrap()).unwrap();
    let expected = RelayConfig {
        name: "access".to_owned(),
        namespace: Some("isp".to_owned()),
        settings: RelaySettings {
            clients: vec![
                client("lan0"),
                ClientSide {
                    name: "lan1".to_owned(),
                    interface_id: vec![0, 0xff],
                    always_interface_id: true,
                    trusted: true,
                    accept_unicast_4o6: true,
                },
            ],
            servers: vec![
                destination("2001:db8::1", None),
                destination("fe80::1", Some("wan0")),
                destination("ff05::1:3", Some("wan1")),
            ],
            servers_4o6: vec![destination("2001:db8::4", None)],
            profile: Profile::Draft01,
            draft01: Draft01 { request: 250, reply: 251, message: 65001, enable: 65002, servers: 65003 },
            source_port: 10_000,
            strict_source: true,
            client_link_layer: true,
            relay_id: Some(duid),
            remote_id: Some((32_473, b"access 7".to_vec())),
            rate_per_interface: 0,
            rate_per_source: 51,
        },
        own_relay_id: false,
    };
    assert_eq!(relays(EVERYTHING), [expected]);
}

#[test]
fn a_relay_id_can_be_the_duid_of_the_service() {
    let relay = relays(&format!("{SMALLEST}relay-id = true\n")).remove(0);
    let duid = Duid::uuid([7; 16]);
    assert_eq!(relay.settings.relay_id, None);
    assert_eq!(relay.settings_with(&duid).relay_id, Some(duid.clone()));
    let other = &relays(EVERYTHING)[0];
    assert_eq!(other.settings_with(&duid), other.settings, "one that is written stays");
    assert_eq!(
        mistake("relay-id = 5"),
        "main.toml:4:1: relay.relay-id: 5 is not valid; must be true for the DUID of the service, false, or a DUID: \
         3 to 130 octets in hexadecimal digits"
    );
}

#[test]
fn a_relay_agent_needs_clients_and_somewhere_to_go() {
    assert_eq!(
        mistakes("[[relay]]\n"),
        [
            "main.toml:1:1: relay.clients: is missing; must be a list of the interfaces that clients are on",
            "main.toml:1:1: relay.upstream: is missing; must have \"upstream\", interfaces toward the servers, or \
             \"servers\", their addresses",
        ]
    );
    assert_eq!(
        mistakes("[relay]\nclients = [\"lan0\"]\n"),
        ["main.toml:1:2: relay: a table is not valid; must be a list of tables, each begun with [[relay]]"]
    );
    assert_eq!(
        mistakes("[[relay]]\nclients = []\nupstream = [\"wan0\"]\n"),
        [
            "main.toml:2:1: relay.clients: an empty list is not valid; must have an interface that clients are on"
        ]
    );
}

#[test]
fn what_is_only_good_on_a_link_comes_with_its_interface() {
    for wrong in [
        "fe80::1",
        "ff05::1:3",
        "::1",
        "::",
        "::ffff:192.0.2.1",
        "192.0.2.1",
        "fe80::1%wan*",
        "fe80::1%",
        "server.example",
    ] {
        for key in ["servers", "servers-4o6"] {
            assert_eq!(
                mistake(&format!("{key} = [\"{wrong}\"]")),
                format!(
                    "main.toml:4:{}: relay.{key}: \"{wrong}\" is not valid; must be an IPv6 address; a link-local or \
                     multicast one with its interface, such as \"fe80::1%wan0\"",
                    key.len() + 5
                )
            );
        }
    }
    let relay = relays(&format!("{SMALLEST}servers = [\"2001:db8::1%wan0\"]\n")).remove(0);
    assert_eq!(relay.settings.servers, [destination("2001:db8::1", Some("wan0"))]);
}

#[test]
fn nothing_is_relayed_back_to_clients() {
    let right = "must be another interface than those in \"clients\"";
    assert_eq!(
        mistakes("[[relay]]\nclients = [\"lan0\"]\nupstream = [\"lan0\"]\n"),
        [format!("main.toml:3:13: relay.upstream: clients are on \"lan0\"; {right}")]
    );
    assert_eq!(
        mistake("servers = [\"fe80::1%lan0\"]"),
        format!("main.toml:4:12: relay.servers: clients are on \"lan0\"; {right}")
    );
}

#[test]
fn clients_of_an_interface_have_one_server_or_relay_agent() {
    assert_eq!(
        mistakes(
            "[[relay]]\nclients = [\"lan0\", { name = \"lan0\", interface-id = \"x\" }]\nupstream = [\"wan0\"]\n"
        ),
        [
            "main.toml:2:20: relay.clients: clients on \"lan0\" are served already; the other is at main.toml:2:12"
        ]
    );
    assert_eq!(
        mistakes(&format!("{SMALLEST}{SMALLEST}")),
        [
            "main.toml:5:12: relay.clients: clients on \"lan0\" are served already; the other is at main.toml:2:12"
        ]
    );
    let server = "[server]\ninterfaces = [\"lan0\"]\nserver-id = \"192.0.2.1\"\nsubnet = [{ prefix = \"192.0.2.0/24\", pools = \
                  [] }]\n";
    assert_eq!(
        mistakes(&format!("{server}{SMALLEST}")),
        [
            "main.toml:6:12: relay.clients: clients on \"lan0\" are served already; the other is at main.toml:2:15"
        ]
    );
    let elsewhere = format!("{server}{SMALLEST}namespace = \"isp\"\n");
    assert_eq!(relays(&elsewhere).len(), 1, "the same name in another namespace is another interface");
}

#[test]
fn an_answer_finds_one_interface_by_its_interface_id_r6_11() {
    assert_eq!(
        mistakes(
            "[[relay]]\nclients = [\"lan0\", { name = \"lan1\", interface-id = \"lan0\" }]\nupstream = [\"wan0\"]\n"
        ),
        [
            "main.toml:2:20: relay.clients.interface-id: two interfaces have the same interface-id; must be unique; the \
             other is at main.toml:2:12"
        ]
    );
}

#[test]
fn names_of_relay_agents_are_unique() {
    let two = "[[relay]]\nname = \"a\"\nclients = [\"lan0\"]\nupstream = [\"wan0\"]\n[[relay]]\nname = \"a\"\nclients = \
               [\"lan1\"]\nupstream = [\"wan0\"]\n";
    assert_eq!(
        mistakes(two),
        ["main.toml:6:1: relay.name: two are called \"a\"; must be unique; the other is at main.toml:2:1"]
    );
    // The second one's name unless configured.
    let taken = two.replacen("\"a\"", "\"relay2\"", 1).replacen("name = \"a\"\n", "", 1);
    assert_eq!(mistakes(&taken).len(), 1);
    for wrong in ["", "a b", "é", &"x".repeat(65)] {
        assert!(
            mistake(&format!("name = \"{wrong}\""))
                .ends_with("must be 1 to 64 letters, digits, hyphens, underscores and dots")
        );
    }
}

#[test]
fn keys_of_relay_agents_have_types_and_ranges() {
    let cases = [
        ("source-port = 0", "4:1: relay.source-port: 0 is not valid; must be a whole number from 1 to 65535"),
        (
            "source-port = 65536",
            "4:1: relay.source-port: 65536 is not valid; must be a whole number from 1 to 65535",
        ),
        ("source-port = 546", "4:1: relay.source-port: 546 is the port of clients; must be another"),
        ("strict-source = 1", "4:1: relay.strict-source: 1 is not valid; must be true or false"),
        (
            "remote-id = { enterprise = 0, id = \"x\" }",
            "4:15: relay.remote-id.enterprise: 0 is not valid; must be a whole number from 1 to 4294967295",
        ),
        (
            "remote-id = { enterprise = 1 }",
            "4:1: relay.remote-id.id: is missing; must be text, or hexadecimal digits such as \"hex:0a0b\": 1 to 255 \
             octets",
        ),
        ("server = []", "4:1: relay.server: no such key; did you mean \"servers\"?"),
        (
            "profile = \"dual\"\ndraft01 = { message = 87 }",
            "5:1: relay.draft01: a code point means something else; must be message types above 13 and options above 63 \
             other than 82 and 83, and with profile = \"dual\" not those of RFC 7341 either",
        ),
        (
            "rate-per-source = -1",
            "4:1: relay.rate-per-source: -1 is not valid; must be a whole number from 0 to 4294967295",
        ),
    ];
    for (lines, expected) in cases {
        assert_eq!(mistake(lines), format!("main.toml:{expected}"));
    }
    for side in ["\"lan*\"", "5", "\"a/b\""] {
        let found = mistakes(&format!("[[relay]]\nclients = [{side}]\nupstream = [\"wan0\"]\n"));
        assert_eq!(
            found,
            [format!(
                "main.toml:2:12: relay.clients: {side} is not valid; must be the name of an interface, or a table such as \
                 {{ name = \"lan0\", trusted = true }}"
            )]
        );
    }
    assert_eq!(
        mistakes("[[relay]]\nclients = [{ trusted = true }]\nupstream = [\"wan0\"]\n"),
        ["main.toml:2:12: relay.clients.name: is missing; must be the name of an interface, not a pattern"]
    );
}

#[test]
fn too_many_relay_agents_or_destinations_are_a_mistake() {
    let text: String = (0..65)
        .map(|number| format!("[[relay]]\nclients = [\"lan{number}\"]\nupstream = [\"wan0\"]\n"))
        .collect();
    assert_eq!(mistakes(&text), ["main.toml:193:1: relay: 65 relay agents; must be at most 64"]);
    let many: Vec<_> = (1..=17).map(|last| format!("\"2001:db8::{last}\"")).collect();
    assert_eq!(
        mistake(&format!("servers = [{}]", many.join(","))),
        "main.toml:4:1: relay.servers: has 17 entries; must be at most 16"
    );
}
