//! DHCPv4 options as operators write them, right and wrong.

use super::super::options4::{ALSO, KNOWN};
use super::*;
use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::role::server::EngineSettings;
use dhcp4o6_protocol::server4::settings::OptionSet;

fn with_options(lines: &str) -> String {
    format!(
        "[server]\ninterfaces = [\"lan0\"]\nserver-id = \"192.0.2.1\"\nsubnet = [{{ prefix = \"192.0.2.0/24\", pools = [] \
         }}]\n[server.options]\n{lines}\n"
    )
}

fn options(lines: &str) -> OptionSet {
    let config = read(&with_options(lines)).unwrap_or_else(|mistakes| panic!("{mistakes}\n{lines}"));
    match config.server.unwrap().settings.engine {
        EngineSettings::Builtin(settings) => settings.options,
        other => panic!("{other:?}"),
    }
}

/// The one mistake of options, which begin on line 6.
fn mistake(line: &str) -> String {
    let found = mistakes(&with_options(line));
    assert_eq!(found.len(), 1, "{line}: {found:#?}");
    found[0].strip_prefix("main.toml:6:1: server.options.").unwrap_or(&found[0]).to_owned()
}

/// For every named option a value and its octets in hexadecimal digits.
const EXAMPLES: &[(&str, &str, &str)] = &[
    ("subnet-mask", "\"255.255.254.0\"", "fffffe00"),
    ("time-offset", "-18000", "ffffb9b0"),
    ("routers", "[\"192.0.2.1\", \"192.0.2.2\"]", "c0000201c0000202"),
    ("time-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("name-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("domain-name-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("log-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("cookie-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("lpr-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("impress-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("resource-location-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("host-name", "\"cpe-1\"", "6370652d31"),
    ("boot-file-size", "513", "0201"),
    ("merit-dump-file", "\"/d\"", "2f64"),
    ("domain-name", "\"a.example\"", "612e6578616d706c65"),
    ("swap-server", "\"192.0.2.1\"", "c0000201"),
    ("root-path", "\"é\"", "c3a9"),
    ("extensions-path", "\"/e\"", "2f65"),
    ("ip-forwarding", "true", "01"),
    ("non-local-source-routing", "false", "00"),
    ("policy-filters", "[\"10.0.0.0/8\", \"192.0.2.7/32\"]", "0a000000ff000000c0000207ffffffff"),
    ("max-datagram-reassembly", "576", "0240"),
    ("default-ip-ttl", "64", "40"),
    ("path-mtu-aging-timeout", "600", "00000258"),
    ("path-mtu-plateau-table", "[68, 1500]", "004405dc"),
    ("interface-mtu", "1460", "05b4"),
    ("all-subnets-local", "true", "01"),
    ("broadcast-address", "\"192.0.2.255\"", "c00002ff"),
    ("perform-mask-discovery", "false", "00"),
    ("mask-supplier", "false", "00"),
    ("perform-router-discovery", "false", "00"),
    ("router-solicitation-address", "\"192.0.2.1\"", "c0000201"),
    ("static-routes", "[\"198.51.100.7 via 192.0.2.1\"]", "c6336407c0000201"),
    ("trailer-encapsulation", "false", "00"),
    ("arp-cache-timeout", "4294967295", "ffffffff"),
    ("ieee802-3-encapsulation", "false", "00"),
    ("default-tcp-ttl", "255", "ff"),
    ("tcp-keepalive-interval", "0", "00000000"),
    ("tcp-keepalive-garbage", "false", "00"),
    ("nis-domain", "\"nis\"", "6e6973"),
    ("nis-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("ntp-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("vendor-specific-information", "\"hex:01:02:ff\"", "0102ff"),
    ("netbios-name-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("netbios-dd-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("netbios-node-type", "8", "08"),
    ("netbios-scope", "\"x\"", "78"),
    ("font-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("x-display-managers", "[\"192.0.2.1\"]", "c0000201"),
    ("vendor-class-identifier", "\"PXEClient\"", "505845436c69656e74"),
    ("nisplus-domain", "\"x\"", "78"),
    ("nisplus-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("tftp-server-name", "\"boot\"", "626f6f74"),
    ("bootfile-name", "\"a\\\"b\"", "612262"),
    ("mobile-ip-home-agents", "[\"192.0.2.1\"]", "c0000201"),
    ("smtp-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("pop3-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("nntp-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("www-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("finger-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("irc-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("streettalk-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("stda-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("nds-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("nds-tree-name", "\"x\"", "78"),
    ("nds-context", "\"x\"", "78"),
    ("bcmcs-domains", "[\"a.b\"]", "0161016200"),
    ("bcmcs-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("user-authentication-servers", "\"https://a/\"", "68747470733a2f2f612f"),
    ("posix-timezone", "\"EST5\"", "45535435"),
    ("tz-database-name", "\"UTC\"", "555443"),
    ("ipv6-only-preferred", "1800", "00000708"),
    ("netinfo-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("netinfo-tag", "\"x\"", "78"),
    ("captive-portal", "\"https://a/\"", "68747470733a2f2f612f"),
    ("auto-configure", "false", "00"),
    ("name-service-search", "[0, 6, 44]", "00000006002c"),
    ("domain-search", "[\"a.example\", \"b.\"]", "016107 6578616d706c65 00 0162 00"),
    ("sip-servers", "[\"a.b\", \"c\"]", "00 01610162 00 0163 00"),
    (
        "classless-static-routes",
        "[\"0.0.0.0/0 via 192.0.2.1\", \"10.0.0.0/8 on-link\", \"192.0.2.128/25 via 192.0.2.2\"]",
        "00 c0000201 08 0a 00000000 19 c0000280 c0000202",
    ),
    ("vendor-identifying-class", "\"hex:00\"", "00"),
    ("vendor-identifying-information", "\"hex:00\"", "00"),
    ("pana-agents", "[\"192.0.2.1\"]", "c0000201"),
    ("lost-server", "\"a.b\"", "0161016200"),
    ("capwap-controllers", "[\"192.0.2.1\"]", "c0000201"),
    ("sip-user-agent-domains", "[\"a.b\"]", "0161016200"),
    ("andsf-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("tftp-servers", "[\"192.0.2.1\"]", "c0000201"),
    ("pxelinux-magic", "\"hex:f100747e\"", "f100747e"),
    ("pxelinux-configuration-file", "\"x\"", "78"),
    ("pxelinux-path-prefix", "\"/x/\"", "2f782f"),
    ("pxelinux-reboot-time", "30", "0000001e"),
    ("access-network-domain", "\"a.b\"", "0161016200"),
];

#[test]
fn every_named_option_becomes_its_octets_by_name_and_by_code_and_reads_back() {
    let names: Vec<_> = EXAMPLES.iter().map(|(name, ..)| *name).collect();
    assert_eq!(names, KNOWN.iter().map(|known| known.name).collect::<Vec<_>>());
    for ((name, value, expected), known) in EXAMPLES.iter().zip(KNOWN) {
        let octets = hex_decode(&expected.replace(' ', "")).unwrap();
        let text = format!("{name} = {value}");
        assert_eq!(options(&text), [(known.code, octets.clone())], "{text}");
        assert_eq!(options(&format!("\"{}\" = {value}", known.code)), [(known.code, octets)]);
        let config = read(&with_options(&text)).unwrap();
        let effective = config.effective_toml();
        assert!(effective.contains(&format!("\n[server.options]\n{name} = ")), "{effective}");
        assert_eq!(read(&effective).unwrap(), config, "{effective}");
    }
}

#[test]
fn the_names_and_codes_of_options_are_unique_and_in_order() {
    assert!(KNOWN.is_sorted_by(|one, other| one.code < other.code));
    let names: std::collections::BTreeSet<_> = KNOWN.iter().map(|known| known.name).collect();
    assert_eq!(names.len(), KNOWN.len());
}

#[test]
fn sip_servers_are_addresses_or_names() {
    assert_eq!(options("sip-servers = [\"192.0.2.1\"]"), [(120, vec![1, 192, 0, 2, 1])]);
    assert!(
        mistake("sip-servers = [\"192.0.2.1\", \"a.b\"]").contains("\"a.b\" is not valid; must be an IPv4")
    );
    assert!(
        mistake("sip-servers = [\"a.b\", \"192.0.2.1\"]")
            .contains("\"192.0.2.1\" is not valid; must be a domain")
    );
}

#[test]
fn an_option_goes_by_the_name_that_the_rest_of_the_configuration_has_for_it_too() {
    for (also, name) in ALSO {
        assert!(
            KNOWN.iter().any(|known| known.name == *name) && KNOWN.iter().all(|known| known.name != *also)
        );
    }
    assert_eq!(
        options("dns-servers = [\"192.0.2.1\"]\nmtu = 1280"),
        [(6, vec![192, 0, 2, 1]), (26, vec![5, 0])]
    );
    assert_eq!(mistake("dns-server = []"), "dns-server: no such option; did you mean \"dns-servers\"?");
    assert!(!mistake("dns-servers = [\"192.0.2.1\"]\ndomain-name-servers = [\"192.0.2.2\"]").is_empty());
}

#[test]
fn options_without_a_name_are_octets() {
    assert_eq!(options("\"224\" = \"hex:0102\"\n252 = \"hex:FF\""), [(224, vec![1, 2]), (252, vec![0xff])]);
    let right = "must be octets in hexadecimal digits such as \"hex:0a0b\"";
    for (value, shown) in
        [("\"0102\"", "\"0102\""), ("\"hex:\"", "\"hex:\""), ("\"hex:0\"", "\"hex:0\""), ("5", "5")]
    {
        assert_eq!(mistake(&format!("\"224\" = {value}")), format!("224: {shown} is not valid; {right}"));
    }
    for key in ["256", "03", "999999999999"] {
        assert_eq!(
            mistake(&format!("\"{key}\" = \"hex:00\"")),
            format!("{key}: no such option; must be a code from 1 to 254")
        );
    }
}

#[test]
fn an_unknown_option_is_a_mistake_and_the_nearest_one_is_named() {
    assert_eq!(mistake("router = []"), "router: no such option; did you mean \"routers\"?");
    assert_eq!(
        mistake("domain_search = []"),
        "domain_search: no such option; did you mean \"domain-search\"?"
    );
    assert_eq!(
        mistake("colour = 1"),
        "colour: no such option; must be a name from dhcp4o6.toml(5), or a code with a value such as \"hex:0a0b\""
    );
}

#[test]
fn options_that_the_engine_sets_are_refused() {
    for code in [0, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 61, 80, 82, 118, 159, 255] {
        let found = mistake(&format!("\"{code}\" = \"hex:00\""));
        let expected = format!("{code}: the server itself decides about this option; must be left out");
        assert!(found.starts_with(&expected), "{found}");
    }
    assert_eq!(
        mistake("lease-time = 5"),
        "lease-time: the server itself decides about this option; must be left out: \"lease-time\" decides it"
    );
    assert!(mistake("58 = 5").ends_with("\"t1-percent\" decides it"));
}

#[test]
fn the_same_option_by_name_and_by_code_is_a_mistake() {
    assert_eq!(
        mistakes(&with_options("routers = [\"192.0.2.1\"]\n\"3\" = [\"192.0.2.2\"]")),
        ["main.toml:6:1: server.options.routers: option 3 is there twice, also as \"3\"; must be there once"]
    );
}

#[test]
fn a_value_of_the_wrong_type_says_what_the_type_is() {
    let address = "must be an IPv4 address such as \"192.0.2.1\"";
    let cases = [
        ("swap-server = 5", format!("swap-server: 5 is not valid; {address}")),
        ("swap-server = \"::1\"", format!("swap-server: \"::1\" is not valid; {address}")),
        ("routers = \"192.0.2.1\"", "routers: \"192.0.2.1\" is not valid; must be a list of IPv4 addresses".to_owned()),
        ("routers = []", "routers: an empty list is not valid; must be a list of IPv4 addresses".to_owned()),
        ("subnet-mask = \"255.0.255.0\"", "subnet-mask: \"255.0.255.0\" is not valid; must be a subnet mask such as \"255.255.255.0\"".to_owned()),
        ("interface-mtu = 67", "interface-mtu: 67 is not valid; must be a whole number from 68 to 65535".to_owned()),
        ("interface-mtu = \"1500\"", "interface-mtu: \"1500\" is not valid; must be a whole number from 68 to 65535".to_owned()),
        ("default-ip-ttl = 0", "default-ip-ttl: 0 is not valid; must be a whole number from 1 to 255".to_owned()),
        ("ipv6-only-preferred = -1", "ipv6-only-preferred: -1 is not valid; must be a whole number from 0 to 4294967295".to_owned()),
        ("time-offset = 2147483648", "time-offset: 2147483648 is not valid; must be a whole number from -2147483648 to 2147483647".to_owned()),
        ("ip-forwarding = 1", "ip-forwarding: 1 is not valid; must be true or false".to_owned()),
        ("netbios-node-type = 3", "netbios-node-type: 3 is not valid; must be 1, 2, 4 or 8".to_owned()),
        ("root-path = \"a\\nb\"", "root-path: \"a\\x0ab\" is not valid; must be text of 1 to 255 octets without control characters".to_owned()),
        ("root-path = \"\"", "root-path: \"\" is not valid; must be text of 1 to 255 octets without control characters".to_owned()),
        ("domain-name = \"a b\"", "domain-name: \"a b\" is not valid; must be a domain name: labels of 1 to 63 letters, digits and inner hyphens, joined by dots".to_owned()),
        ("vendor-specific-information = \"0102\"", "vendor-specific-information: \"0102\" is not valid; must be octets in hexadecimal digits such as \"hex:0a0b\"".to_owned()),
    ];
    for (line, expected) in cases {
        assert_eq!(mistake(line), expected);
    }
}

#[test]
fn entries_of_a_value_are_checked_one_by_one() {
    let routes =
        "must be a route such as \"10.0.0.0/8 via 192.0.2.1\" or \"10.0.0.0/8 on-link\", without host bits";
    assert_eq!(
        mistakes(&with_options(
            "classless-static-routes = [\n\"10.0.0.0/8 via 192.0.2.1\",\n\"10.0.0.1/8 via 192.0.2.1\",\n\"10.0.0.0/8\",\n\
             \"10.0.0.0/8 via 0.0.0.0\",\n5]\nntp-servers = [\"192.0.2.1\", \"ntp.example\"]"
        )),
        [
            format!("main.toml:8:1: server.options.classless-static-routes: \"10.0.0.1/8 via 192.0.2.1\" is not valid; {routes}"),
            format!("main.toml:9:1: server.options.classless-static-routes: \"10.0.0.0/8\" is not valid; {routes}"),
            format!("main.toml:10:1: server.options.classless-static-routes: \"10.0.0.0/8 via 0.0.0.0\" is not valid; {routes}"),
            format!("main.toml:11:1: server.options.classless-static-routes: 5 is not valid; {routes}"),
            "main.toml:12:29: server.options.ntp-servers: \"ntp.example\" is not valid; must be an IPv4 address such as \
             \"192.0.2.1\""
                .to_owned(),
        ]
    );
    assert!(mistake("static-routes = [\"0.0.0.0 via 192.0.2.1\"]").contains("not to 0.0.0.0"));
}

#[test]
fn a_value_that_is_too_long_is_a_mistake() {
    assert_eq!(
        mistake(&format!("\"224\" = \"hex:{}\"", "00".repeat(256))),
        "224: has 256 octets; must be at most 255"
    );
    assert_eq!(options(&format!("\"224\" = \"hex:{}\"", "00".repeat(255)))[0].1.len(), 255);
    let servers = |count: usize| format!("routers = [{}]", vec!["\"192.0.2.1\""; count].join(", "));
    assert_eq!(options(&servers(63))[0].1.len(), 252);
    assert_eq!(mistake(&servers(64)), "routers: has 256 octets; must be at most 255");
    assert_eq!(mistake(&servers(65)), "routers: has 65 entries; must be at most 64");
    // Clients put the parts of these together.
    let routes = vec!["\"192.0.2.0/25 via 192.0.2.1\""; 64].join(", ");
    assert_eq!(options(&format!("classless-static-routes = [{routes}]"))[0].1.len(), 64 * 9);
    let names = vec![format!("\"{}.example\"", "a".repeat(63)); 16].join(", ");
    assert!(mistake(&format!("domain-search = [{names}]")).contains("must be at most 1024"));
}

#[test]
fn the_manual_names_every_option_with_its_code_and_type() {
    let manual = include_str!("../../../man/dhcp4o6.toml.5");
    for known in KNOWN {
        let also = ALSO.iter().find(|(_, name)| *name == known.name);
        let also = also.map_or(String::new(), |(also, _)| format!(" , {also}"));
        let line = format!(".It Cm {}{also} Ta {} Ta {}\n", known.name, known.code, known.kind.manual());
        assert!(manual.contains(&line), "{line}");
    }
}
