//! `[server]` as operators write it, right and wrong.

use super::subnet4::A_POOL;
use super::*;
use dhcp4o6_protocol::binding::Holder;
use dhcp4o6_protocol::ids::hex_decode;
use dhcp4o6_protocol::prefix::Prefix6;
use dhcp4o6_protocol::role::server::{EngineSettings, Rates, ServerSettings};
use dhcp4o6_protocol::role::softwire::Softwire;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Serves, Settings, Sharing, Subnet};
use dhcp4o6_protocol::server6::settings::{Delegate, Options6, Reservation6, Subnet6};
use dhcp4o6_protocol::time::Lifetime;
use std::net::{Ipv4Addr, Ipv6Addr};

/// The smallest useful server.
pub(super) const SMALLEST: &str = r#"
[server]
interfaces = ["lan0"]
server-id = "192.0.2.1"

[[server.subnet]]
prefix = "192.0.2.0/24"
pools = ["192.0.2.100-192.0.2.199"]
"#;

pub(super) fn server(text: &str) -> ServerConfig {
    read(text).unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}")).server.unwrap()
}

pub(super) fn builtin(text: &str) -> Settings {
    match server(text).settings.engine {
        EngineSettings::Builtin(settings) => settings,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_shipped_file_serves_nobody_and_its_examples_are_the_defaults_sec_06() {
    let shipped = include_str!("../../../dhcp4o6-server.toml");
    assert_eq!(read(shipped).unwrap(), Config::default());
    // Prose and examples of what is not the default have a blank after their '#'.
    let examples = |shown: fn(&str) -> bool| {
        let lines = shipped.lines().filter_map(|line| line.strip_prefix('#')).filter(|line| shown(line));
        lines.map(str::trim_start).collect::<Vec<_>>().join("\n")
    };
    assert_eq!(read(&examples(|line| !line.starts_with(' '))).unwrap(), read(SMALLEST).unwrap());
    let key = |line: &str| {
        let line = line.trim_start();
        line.starts_with('[') || line.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '))
    };
    let config = read(&examples(key)).unwrap();
    assert_eq!((config.relays.len(), config.tras.len()), (1, 1));
    let settings = config.server.unwrap().settings;
    assert_eq!(settings.dhcp6.unwrap().subnets.len(), 1);
    assert!(settings.tsv.is_some());
}

pub(super) fn address6(text: &str) -> Ipv6Addr {
    text.parse().unwrap()
}

fn prefix6(text: &str) -> Prefix6 {
    text.parse().unwrap()
}

fn duid(text: &str) -> Duid {
    Duid::new(hex_decode(text).unwrap()).unwrap()
}

#[test]
fn the_smallest_useful_server() {
    let config = server(SMALLEST);
    assert_eq!((config.namespace, config.interfaces), (None, vec!["lan0".to_owned()]));
    let settings = config.settings;
    assert_eq!((settings.profile, settings.draft01), (Profile::Rfc7341, Draft01::default()));
    assert_eq!((settings.addresses, settings.accept_from), (vec![], vec![]));
    assert_eq!((settings.rates, settings.softwire), (Rates::default(), Softwire::default()));
    let dhcp6 = settings.dhcp6.unwrap();
    assert_eq!((dhcp6.preference, dhcp6.rapid_commit, dhcp6.subnets), (0, false, vec![]));
    assert_eq!(dhcp6.leases_per_origin, 8);
    assert_eq!(dhcp6.options, Options6 { servers_4o6: Some(vec![]), ..Options6::default() });
    let EngineSettings::Builtin(engine) = settings.engine else { panic!() };
    assert_eq!(engine.server_id, Ipv4Addr::new(192, 0, 2, 1));
    assert_eq!(
        (engine.rapid_commit, engine.trust_inner_giaddr, engine.subnet_selection),
        (false, false, false)
    );
    assert_eq!((engine.offer_hold, engine.decline_rest), (Settings::OFFER_HOLD, Settings::DECLINE_REST));
    assert_eq!((engine.limits, engine.options), (Limits::default(), vec![]));
    let subnet = Subnet {
        prefix: "192.0.2.0/24".parse().unwrap(),
        serves: Default::default(),
        pools: vec![Pool { first: [192, 0, 2, 100].into(), last: [192, 0, 2, 199].into(), sharing: None }],
        reservations: vec![],
        times: LeaseTimes::default(),
        options: vec![],
    };
    assert_eq!(engine.subnets, [subnet]);
    assert_eq!(config.secret, None);
}

/// A server on which nothing is as it is by default.
pub(super) const EVERYTHING: &str = r#"
[server]
namespace = "isp"
interfaces = ["lan0", "lan1"]
addresses = ["2001:db8:100::1", "fd00::1"]
accept-from = ["2001:db8::/32", "fd00::7"]
profile = "dual"
draft01 = { request = 250, reply = 251, message = 65001, enable = 65002, servers = 65003 }
engine = "builtin"
server-id = "192.0.2.1"
dhcp4-rapid-commit = true
trust-inner-giaddr = true
subnet-selection = true
softwire-br = ["2001:db8::1", "fd00::2"]
softwire-bind-prefix = "2001:db8:1::/56"
offer-hold = "30s"
decline-rest = 7200

[server.limits]
messages-per-source = 21
messages-per-interface-id = 201
messages = 10000
leases-per-origin = 5
leases-per-interface-id = 6
offered-percent = 11
declined-percent = 7
declines-per-hour = 8
known-percent = 12

[server.options]
domain-name-servers = ["192.0.2.53", "198.51.100.53"]
"3" = ["192.0.2.1"]
"224" = "hex:01:02"

[[server.subnet]]
prefix = "192.0.2.0/24"
pools = ["192.0.2.100 - 192.0.2.199", { range = "192.0.2.20-192.0.2.29", psid-offset = 6, psid-length = 8, lowest-port = 1536 }]
link-addresses = ["2001:db8:1::1", "2001:db8:2::/48"]
interface-ids = ["port 7", "hex:00ff"]
sources = ["2001:db8:1::/48"]
interfaces = ["lan0"]
lease-time = "2h"
min-lease-time = "10m"
max-lease-time = "never"
t1-percent = 40
t2-percent = 80

[server.subnet.options]
interface-mtu = 1460

[[server.subnet.reservation]]
client-id = "ff:00:00:00:01:00:02"
address = "192.0.2.5"
options = { host-name = "five.example" }

[[server.subnet.reservation]]
duid = "000200007ed90a"
address = "192.0.2.6"

[[server.subnet.reservation]]
circuit = "port 9"
address = "192.0.2.150"

[[server.subnet.reservation]]
hardware = "02:00:5e:10:00:01"
address = "192.0.2.7"

[[server.subnet.reservation]]
hardware = "32/0011223344556677"
address = "192.0.2.8"

[[server.subnet]]
prefix = "198.51.100.0/31"
pools = []

[server.dhcp6]
enabled = true
enable-4o6 = true
servers-4o6 = ["2001:db8:100::1"]
preference = 255
rapid-commit = true
leases-per-origin = 6
dns-servers = ["2001:db8::53", "fe80::53"]
domain-search = ["example.net", "example.com."]
aftr-name = "aftr.example.net"
refresh-time = "never"
sol-max-rt = "1h"
inf-max-rt = "2h"

[[server.dhcp6.subnet]]
prefix = "2001:db8:1::/64"
pools = ["2001:db8:1::1000-2001:db8:1::1fff"]
delegate = [{ prefix = "2001:db8:1000::/36", length = 56 }]
preferred-lifetime = "30m"
valid-lifetime = "never"
interfaces = ["lan0"]
interface-ids = ["a"]
link-addresses = ["2001:db8:9::1"]
sources = ["fd00::/64"]
servers-4o6 = []
dns-servers = ["2001:db8:1::53"]
domain-search = ["lan.example"]
aftr-name = "b.example"
refresh-time = "10m"
sol-max-rt = 60
inf-max-rt = 86400

[[server.dhcp6.subnet.reservation]]
duid = "00:02:00:00:7e:d9:0a"
address = "2001:db8:1::5"
prefix = "2001:db8:1000:500::/56"
"#;

#[test]
fn every_key_of_the_server_has_its_effect() {
    let config = server(EVERYTHING);
    assert_eq!(config.namespace.as_deref(), Some("isp"));
    assert_eq!(config.interfaces, ["lan0", "lan1"]);
    let ServerSettings { profile, draft01, addresses, accept_from, dhcp6, engine, rates, softwire, .. } =
        config.settings;
    let codes = Draft01 { request: 250, reply: 251, message: 65001, enable: 65002, servers: 65003 };
    assert_eq!((profile, draft01), (Profile::Dual, codes));
    assert_eq!(addresses, [address6("2001:db8:100::1"), address6("fd00::1")]);
    assert_eq!(accept_from, [prefix6("2001:db8::/32"), prefix6("fd00::7/128")]);
    assert_eq!(rates, Rates { per_source: 21, per_interface_id: 201, total: 10_000 });
    let told = Softwire {
        br: vec![address6("2001:db8::1"), address6("fd00::2")],
        bind_prefix: Some(prefix6("2001:db8:1::/56")),
    };
    assert_eq!(softwire, told);
    let EngineSettings::Builtin(engine) = engine else { panic!("{engine:?}") };
    assert_eq!(engine.server_id, Ipv4Addr::new(192, 0, 2, 1));
    assert!(engine.rapid_commit && engine.trust_inner_giaddr && engine.subnet_selection);
    assert_eq!((engine.offer_hold.as_secs(), engine.decline_rest.as_secs()), (30, 7200));
    let limits = Limits {
        leases_per_origin: 5,
        leases_per_interface_id: 6,
        offered_percent: 11,
        declined_percent: 7,
        declines_per_hour: 8,
        known_percent: 12,
    };
    assert_eq!(engine.limits, limits);
    let options = [(3, vec![192, 0, 2, 1]), (6, vec![192, 0, 2, 53, 198, 51, 100, 53]), (224, vec![1, 2])];
    assert_eq!(engine.options, options, "in the order of their codes");
    let [subnet, other] = engine.subnets.as_slice() else { panic!("{:?}", engine.subnets) };
    let sharing = Sharing { offset: 6, psid_len: 8, lowest_port: 1536 };
    let pool =
        |first: [u8; 4], last: [u8; 4], sharing| Pool { first: first.into(), last: last.into(), sharing };
    let pools = [
        pool([192, 0, 2, 100], [192, 0, 2, 199], None),
        pool([192, 0, 2, 20], [192, 0, 2, 29], Some(sharing)),
    ];
    assert_eq!(subnet.pools, pools);
    let serves = Serves {
        link_addresses: vec![prefix6("2001:db8:1::1/128"), prefix6("2001:db8:2::/48")],
        interface_ids: vec![b"port 7".to_vec(), vec![0, 0xff]],
        sources: vec![prefix6("2001:db8:1::/48")],
        interfaces: vec!["lan0".to_owned()],
    };
    assert_eq!(subnet.serves, serves);
    let times = LeaseTimes {
        default: Lifetime(7200),
        min: Lifetime(600),
        max: Lifetime::INFINITE,
        t1_percent: 40,
        t2_percent: 80,
    };
    assert_eq!(subnet.times, times);
    assert_eq!(subnet.options, [(26, vec![0x05, 0xb4])]);
    let holders = [
        (Holder::ClientId(vec![0xff, 0, 0, 0, 1, 0, 2]), 5),
        (Holder::Duid(duid("000200007ed90a")), 6),
        (Holder::Circuit(b"port 9".to_vec()), 150),
        (Holder::Hardware(1, vec![2, 0, 0x5e, 0x10, 0, 1]), 7),
        (Holder::Hardware(32, vec![0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77]), 8),
    ];
    let expected = holders.map(|(holder, last)| (holder, Ipv4Addr::new(192, 0, 2, last)));
    let found = subnet.reservations.iter().map(|each| (each.holder.clone(), each.address));
    assert_eq!(found.collect::<Vec<_>>(), expected);
    assert_eq!(subnet.reservations[0].options, [(12, b"five.example".to_vec())]);
    assert_eq!((other.pools.len(), other.serves.anybody()), (0, true));
    let dhcp6 = dhcp6.unwrap();
    assert_eq!((dhcp6.preference, dhcp6.rapid_commit, dhcp6.leases_per_origin), (255, true, 6));
    let options = Options6 {
        servers_4o6: Some(vec![address6("2001:db8:100::1")]),
        dns: vec![address6("2001:db8::53"), address6("fe80::53")],
        search: vec!["example.net".to_owned(), "example.com".to_owned()],
        aftr: Some("aftr.example.net".to_owned()),
        refresh: Some(u32::MAX),
        sol_max_rt: Some(3600),
        inf_max_rt: Some(7200),
    };
    assert_eq!(dhcp6.options, options);
    let subnet = Subnet6 {
        prefix: prefix6("2001:db8:1::/64"),
        serves: Serves {
            link_addresses: vec![prefix6("2001:db8:9::1/128")],
            interface_ids: vec![b"a".to_vec()],
            sources: vec![prefix6("fd00::/64")],
            interfaces: vec!["lan0".to_owned()],
        },
        pools: vec![(address6("2001:db8:1::1000"), address6("2001:db8:1::1fff"))],
        delegate: vec![Delegate { prefix: prefix6("2001:db8:1000::/36"), len: 56 }],
        reservations: vec![Reservation6 {
            duid: duid("000200007ed90a"),
            address: Some(address6("2001:db8:1::5")),
            prefix: Some(prefix6("2001:db8:1000:500::/56")),
        }],
        preferred: Lifetime(1800),
        valid: Lifetime::INFINITE,
        options: Options6 {
            servers_4o6: Some(vec![]),
            dns: vec![address6("2001:db8:1::53")],
            search: vec!["lan.example".to_owned()],
            aftr: Some("b.example".to_owned()),
            refresh: Some(600),
            sol_max_rt: Some(60),
            inf_max_rt: Some(86_400),
        },
    };
    assert_eq!(dhcp6.subnets, [subnet]);
}

/// A server before others.
pub(super) const EXTERNAL: &str = r#"
[server]
addresses = ["2001:db8:100::1"]
accept-from = ["::/0"]
engine = "external"
dhcp6.enabled = false

[server.external]
servers = ["10.0.0.1", "127.0.0.1"]
giaddr = "192.0.2.1"
sub-option = 221
secret = "00112233445566778899aabbccddeeff"

[[server.external.link]]
prefix = "192.0.2.0/24"
link-addresses = ["2001:db8:1::/48"]

[[server.external.link]]
prefix = "198.51.100.0/24"
"#;

#[test]
fn the_external_engine_needs_no_subnets_and_no_server_id() {
    let config = server(EXTERNAL);
    assert_eq!(config.settings.dhcp6, None);
    assert_eq!(
        config.secret,
        Some([0, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff])
    );
    let EngineSettings::External(external) = config.settings.engine else { panic!() };
    assert_eq!(external.servers, [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::LOCALHOST]);
    assert_eq!((external.giaddr, external.sub_option), (Ipv4Addr::new(192, 0, 2, 1), 221));
    let [first, second] = external.links.as_slice() else { panic!("{:?}", external.links) };
    assert_eq!(
        (first.prefix.to_string(), second.prefix.to_string()),
        ("192.0.2.0/24".to_owned(), "198.51.100.0/24".to_owned())
    );
    assert_eq!(first.serves.link_addresses, [prefix6("2001:db8:1::/48")]);
    assert!(second.serves.anybody());
}

/// The mistakes of the smallest server after one replacement, without the name of the file.
pub(super) fn found(this: &str, by: &str) -> Vec<String> {
    assert!(SMALLEST.contains(this), "{this}");
    let found = mistakes(&SMALLEST.replacen(this, by, 1));
    found.into_iter().map(|line| line.strip_prefix("main.toml:").unwrap().to_owned()).collect()
}

#[test]
fn a_server_needs_somebody_to_serve_an_identity_and_addresses_s46_17() {
    assert_eq!(
        mistakes("[server]\n"),
        [
            "main.toml:1:2: server.interfaces: is missing; must have \"interfaces\" to serve, or \"addresses\" that \
             queries are sent to",
            "main.toml:1:2: server.server-id: is missing; must be a unicast IPv4 address that names this server, such \
             as \"192.0.2.1\"",
            "main.toml:1:2: server.subnet: is missing; must have a [[server.subnet]] with addresses to lease",
        ]
    );
    assert_eq!(
        found("interfaces = [\"lan0\"]", "addresses = [\"2001:db8::1\"]"),
        [
            "2:2: server.accept-from: is missing; must have \"accept-from\", or nobody could reach \"addresses\""
        ]
    );
    assert_eq!(found("interfaces = [\"lan0\"]", "interfaces = []").len(), 1);
    assert_eq!(
        found("pools = [\"192.0.2.100-192.0.2.199\"]", ""),
        [format!("7:1: server.subnet.pools: is missing; {A_POOL}")]
    );
    assert_eq!(
        found("prefix = \"192.0.2.0/24\"", ""),
        [
            "6:1: server.subnet.prefix: is missing; must be an IPv4 prefix such as \"192.0.2.0/24\", without host \
             bits, from /1 to /32"
        ]
    );
}

#[test]
fn what_is_wrong_is_not_missing_too() {
    let text =
        "[server]\ninterfaces = [\"lan/0\"]\nserver-id = \"x\"\n[[server.subnet]]\nprefix = 5\npools = 5\n";
    let found = mistakes(text);
    assert_eq!(found.len(), 4, "{found:#?}");
    assert!(!found.iter().any(|line| line.contains("missing")), "{found:#?}");
    // Nor what may be on a line that cannot be read.
    let broken = mistakes("[server]\ninterfaces = [\"lan0\"]\nserver-id = \nserver-id\n");
    assert!(broken.iter().all(|line| line.contains("this is not TOML")), "{broken:#?}");
}

#[test]
fn lists_of_the_server_are_checked_entry_by_entry() {
    for address in ["fe80::1", "ff02::1", "::1", "::", "::ffff:192.0.2.1", "192.0.2.1"] {
        assert_eq!(
            found(
                "interfaces = [\"lan0\"]",
                &format!("interfaces = [\"lan0\"]\naddresses = [\"{address}\"]")
            ),
            [format!(
                "4:14: server.addresses: \"{address}\" is not valid; must be a global or unique local IPv6 address"
            )]
        );
    }
    assert_eq!(
        found("interfaces = [\"lan0\"]", "interfaces = [\"lan0\", \"lan0\", 5]"),
        [
            "3:23: server.interfaces: \"lan0\" is listed twice; must be listed once",
            "3:31: server.interfaces: 5 is not valid; must be the name of an interface, not a pattern",
        ]
    );
    let many = vec!["\"lan0\""; 1025].join(",");
    assert_eq!(
        found("interfaces = [\"lan0\"]", &format!("interfaces = [{many}]")),
        ["3:1: server.interfaces: has 1025 entries; must be at most 1024"]
    );
    assert_eq!(
        found("[[server.subnet]]", "draft01.request = 246\nprofile = \"dual\"\n[[server.subnet]]"),
        ["6:1: server.draft01: \"request\" and \"reply\" are the same; must be two message types"]
    );
    assert_eq!(
        found("[[server.subnet]]", "draft01.message = 135\nprofile = \"draft01\"\n[[server.subnet]]"),
        [
            "6:1: server.draft01: a code point means something else; must be options other than 64, 79 and 135 too"
        ]
    );
    assert_eq!(
        found("[[server.subnet]]", "limits.offered-percent = 0\nlimits.message = 1\n[[server.subnet]]"),
        [
            "6:8: server.limits.offered-percent: 0 is not valid; must be a whole number from 1 to 100",
            "7:8: server.limits.message: no such key; did you mean \"messages\"?",
        ]
    );
    assert_eq!(
        found("[[server.subnet]]", "engine = \"kea\"\n[[server.subnet]]"),
        ["6:1: server.engine: \"kea\" is not valid; must be one of \"builtin\", \"external\""]
    );
}

#[test]
fn border_relays_are_few_and_routable_and_a_tunnel_ends_in_a_routable_prefix_s46_46() {
    let with = |line: &str| found("[[server.subnet]]", &format!("{line}\n[[server.subnet]]"));
    for address in ["fe80::1", "ff02::1", "::1", "::", "2001:db8::/64", "192.0.2.1"] {
        assert_eq!(
            with(&format!("softwire-br = [\"{address}\"]")),
            [format!(
                "6:16: server.softwire-br: \"{address}\" is not valid; must be a global or unique local IPv6 address"
            )]
        );
    }
    assert_eq!(
        with("softwire-br = [\"2001:db8::1\", \"2001:db8:0::1\"]"),
        ["6:31: server.softwire-br: \"2001:db8:0::1\" is listed twice; must be listed once"]
    );
    let nine: Vec<_> = (1..=9).map(|host| format!("\"2001:db8::{host}\"")).collect();
    assert_eq!(
        with(&format!("softwire-br = [{}]", nine.join(","))),
        ["6:1: server.softwire-br: has 9 entries; must be at most 8"]
    );
    for prefix in ["2001:db8::1/64", "2001:db8::", "2001:db8::/129", "fe80::/64", "ff00::/8", "::1/128"] {
        assert_eq!(
            with(&format!("softwire-bind-prefix = \"{prefix}\"")),
            [format!(
                "6:1: server.softwire-bind-prefix: \"{prefix}\" is not valid; must be an IPv6 prefix of global or \
                 unique local addresses such as \"2001:db8::/32\", without host bits"
            )]
        );
    }
    for prefix in ["::/0", "2000::/3", "2001:db8::1/128"] {
        let line = format!("softwire-bind-prefix = \"{prefix}\"\n[[server.subnet]]");
        let softwire = server(&SMALLEST.replacen("[[server.subnet]]", &line, 1)).settings.softwire;
        assert_eq!(softwire, Softwire { br: vec![], bind_prefix: Some(prefix6(prefix)) });
    }
}

/// The mistakes of a server with the external engine after one replacement.
fn external(this: &str, by: &str) -> Vec<String> {
    assert!(EXTERNAL.contains(this), "{this}");
    mistakes(&EXTERNAL.replacen(this, by, 1))
}

#[test]
fn the_external_engine_needs_servers_and_an_address_that_they_answer() {
    assert_eq!(
        mistakes("[server]\ninterfaces = [\"lan0\"]\nengine = \"external\"\n"),
        [
            "main.toml:1:2: server.external.servers: is missing; must be a list of 1 to 8 IPv4 addresses",
            "main.toml:1:2: server.external.giaddr: is missing; must be an IPv4 address of this host that the servers \
             reach",
        ]
    );
    assert_eq!(
        external("giaddr = \"192.0.2.1\"", "giaddr = \"127.0.0.1\""),
        [
            "main.toml:10:1: server.external.giaddr: \"127.0.0.1\" is not valid; must be an IPv4 address of this host \
             that the servers reach"
        ]
    );
    assert_eq!(
        external("\"127.0.0.1\"]", "\"224.0.0.1\"]"),
        [
            "main.toml:9:24: server.external.servers: \"224.0.0.1\" is not valid; must be a unicast IPv4 address"
        ]
    );
    assert_eq!(
        external("\"127.0.0.1\"]", "\"192.0.2.1\"]"),
        [
            "main.toml:9:24: server.external.servers: 192.0.2.1 is \"giaddr\", this host's own address; must be another \
             server's"
        ]
    );
    let nine: Vec<_> = (1..=9).map(|last| format!("\"10.0.0.{last}\"")).collect();
    assert_eq!(
        external("[\"10.0.0.1\", \"127.0.0.1\"]", &format!("[{}]", nine.join(","))),
        ["main.toml:9:1: server.external.servers: has 9 entries; must be at most 8"]
    );
}

#[test]
fn the_way_back_travels_in_a_sub_option_that_means_nothing_else() {
    for code in [0, 255, -1] {
        assert_eq!(
            external("221", &code.to_string()),
            [format!(
                "main.toml:11:1: server.external.sub-option: {code} is not valid; must be a whole number from 1 to 254"
            )]
        );
    }
    for code in [5, 8, 10, 11, 12, 19, 151, 152] {
        assert_eq!(
            external("221", &code.to_string()),
            [format!(
                "main.toml:11:1: server.external.sub-option: sub-option {code} means something else; must be 1, 2 or one \
                 that is not assigned: 20 to 254, but not 151 and 152"
            )]
        );
    }
    for code in [1, 2, 20, 220, 254] {
        assert!(read(&EXTERNAL.replace("221", &code.to_string())).is_ok(), "{code}");
    }
    assert_eq!(
        external("00112233445566778899aabbccddeeff", "00112233"),
        [
            "main.toml:12:1: server.external.secret: \"00112233\" is not valid; must be 16 octets in hexadecimal digits"
        ]
    );
}

#[test]
fn only_one_link_of_the_external_engine_can_be_somebodys() {
    assert_eq!(
        external(
            "prefix = \"198.51.100.0/24\"",
            "prefix = \"198.51.100.0/24\"\nlink-addresses = [\"2001:db8:1::/48\"]"
        ),
        [
            "main.toml:20:19: server.external.link.link-addresses: \"2001:db8:1::/48\" is served twice; the other is at \
             main.toml:16:19"
        ]
    );
    assert_eq!(
        external("link-addresses = [\"2001:db8:1::/48\"]", ""),
        ["main.toml:18:1: server.external.link: serves everybody else, as another does; the other is at \
             main.toml:14:1"]
    );
}

#[test]
fn the_server_is_put_together_from_all_files_and_the_environment() {
    let files = Files::new("provider-drop-ins", SMALLEST)
        .drop_in("10-a.toml", "[server]\nserver-id = \"192.0.2.2\"\n[server.options]\n3 = [\"192.0.2.1\"]\nntp-servers = [\"192.0.2.9\"]\n[[server.subnet]]\nprefix = \"198.51.100.0/24\"\npools = []\n")
        .drop_in("20-b.toml", "[server.options]\nrouters = [\"192.0.2.8\"]\n[[server.subnet]]\nprefix = \"192.0.2.0/24\"\nlease-time = \"2h\"\n[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.2.5\"\n")
        .drop_in("30-c.toml", "[[server.subnet]]\nprefix = \"192.0.2.0/24\"\n[[server.subnet.reservation]]\nduid = \"000103\"\naddress = \"192.0.2.6\"\n[[relay]]\nclients = [\"lan1\"]\nupstream = [\"wan0\"]\n")
        .drop_in("40-d.toml", "[[relay]]\nclients = [\"lan2\"]\nupstream = [\"wan0\"]\n");
    let environment = [
        ("DHCP4O6_SERVER__PROFILE", "dual"),
        ("DHCP4O6_SERVER__LIMITS__MESSAGES", "5"),
        ("DHCP4O6_SERVER__DHCP6__PREFERENCE", "7"),
        ("DHCP4O6_SERVER__OPTIONS__DOMAIN_NAME", "example.net"),
        ("DHCP4O6_SERVER__NAMESPACE", "isp"),
        ("DHCP4O6_RELAY", "[{ clients = [\"lan3\"], upstream = [\"wan0\"] }]"),
    ];
    let config = files.load(&environment).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    let names: Vec<_> = config.relays.iter().map(|relay| relay.name.as_str()).collect();
    assert_eq!(names, ["relay1", "relay2", "relay3"]);
    let server = config.server.unwrap();
    assert_eq!((server.namespace.as_deref(), server.settings.profile), (Some("isp"), Profile::Dual));
    assert_eq!((server.settings.rates.total, server.settings.dhcp6.unwrap().preference), (5, 7));
    let EngineSettings::Builtin(engine) = server.settings.engine else { panic!() };
    assert_eq!(engine.server_id, Ipv4Addr::new(192, 0, 2, 2));
    let options = [(3, vec![192, 0, 2, 8]), (15, b"example.net".to_vec()), (42, vec![192, 0, 2, 9])];
    assert_eq!(engine.options, options);
    let [first, second] = engine.subnets.as_slice() else { panic!("{:?}", engine.subnets) };
    assert_eq!((first.prefix.to_string(), first.pools.len()), ("192.0.2.0/24".to_owned(), 1));
    assert_eq!((first.times.default, first.reservations.len()), (Lifetime(7200), 2));
    assert_eq!(second.prefix.to_string(), "198.51.100.0/24");
}

#[test]
fn mistakes_of_the_whole_are_in_the_file_they_were_written_in() {
    let files = Files::new("provider-places", SMALLEST)
        .drop_in("a.toml", "[[server.subnet]]\nprefix = \"192.0.2.0/24\"\n[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.3.5\"\n");
    let found = files.mistakes(&[("DHCP4O6_SERVER__SERVER_ID", "127.0.0.1")]);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("conf.d/a.toml:5:1: server.subnet.reservation.address: 192.0.3.5 is not in ")
    );
    assert!(
        found[1]
            .starts_with("environment variable DHCP4O6_SERVER__SERVER_ID: server.server-id: \"127.0.0.1\"")
    );
}

#[test]
fn a_server_that_moved_in_its_file_is_the_same_server() {
    assert_eq!(read(SMALLEST).unwrap(), read(&format!("# more\n\n{SMALLEST}")).unwrap());
    assert_ne!(read(SMALLEST).unwrap(), read(&SMALLEST.replace("199", "198")).unwrap());
}

#[test]
fn ten_mistakes_of_the_provider_are_reported_in_one_go() {
    let text = r#"
[server]
interfaces = ["a*"]
colour = 1
[server.options]
router = []
[[server.subnet]]
prefix = "192.0.2.0/24"
pools = ["192.0.3.1-192.0.3.9", "192.0.3.9-192.0.3.10"]
lease-time = "1h"
max-lease-time = "1m"
[server.dhcp6]
aftr-name = "!"
[[relay]]
clients = []
"#;
    let found = mistakes(text);
    let lines: Vec<usize> =
        found.iter().map(|mistake| mistake.split(':').nth(1).unwrap().parse().unwrap()).collect();
    assert_eq!(lines, [2, 3, 4, 6, 9, 9, 9, 10, 13, 14, 15], "{found:#?}");
}
