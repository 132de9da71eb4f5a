//! Roles that exclude each other: one mistake, which names both places and the way out.

use super::*;

const LCRA: &str = "[[lcra]]\nclients = \"lan0\"\nupstream = \"wan0\"\nservers = [\"2001:db8:9::67\"]\n";
const TRA: &str =
    "[[tra]]\naccept-from = [\"2001:db8::/32\"]\nservers = [\"10.0.0.1\"]\ngiaddr = \"10.0.0.9\"\n";
const TSV: &str = "[server]\nport547 = false\nserver-id = \"198.51.100.1\"\nsubnet = [{ prefix = \"192.0.2.0/24\", pools = [] \
                   }]\ntsv.accept-from = [\"2001:db8::/32\"]\n";

fn mistake(text: &str) -> String {
    let found = mistakes(text);
    assert_eq!(found.len(), 1, "{text}\n{found:#?}");
    found[0].clone()
}

fn is_right(text: &str) {
    if let Err(mistakes) = read(text) {
        panic!("{text}\n{mistakes}");
    }
}

/// A link, in two lines.
fn link_of(matched: &str, lines: &str) -> String {
    format!("[[link]]\nmatch = \"{matched}\"\n{lines}")
}

#[test]
fn clients_of_an_on_link_agent_are_on_no_link_of_this_host_hcra_22_lcra_16() {
    for mode in ["auto", "4o6", "hcra"] {
        let link = link_of("lan0", &format!("mode = \"{mode}\"\n"));
        assert_eq!(
            mistake(&format!("{link}{LCRA}")),
            "main.toml:5:1: lcra.clients: \"lan0\" is a link that this host obtains its own IPv4 on; must be another interface, \
             or the \"mode\" of that link must be \"off\"; the other is at main.toml:1:1"
        );
        is_right(&format!("{link}namespace = \"a\"\n{LCRA}namespace = \"b\"\n"));
    }
    is_right(&format!("{}{LCRA}", link_of("lan0", "mode = \"off\"\n")));
    is_right(&format!("{}{LCRA}", link_of("lan1", "")));
}

#[test]
fn the_two_places_may_be_in_two_files() {
    let files = Files::new("exclusion", link_of("lan0", "")).drop_in("lan.toml", LCRA);
    let found = files.mistakes(&[]);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].starts_with("conf.d/lan.toml:2:1: lcra.clients: \"lan0\" is a link"), "{found:#?}");
    assert!(found[0].ends_with("the other is at main.toml:1:1"), "{found:#?}");
}

#[test]
fn a_pattern_leaves_the_clients_of_an_on_link_agent_alone() {
    let governs = |text: &str, namespace, name: &'static str| {
        let config = read(text).unwrap_or_else(|mistakes| panic!("{text}\n{mistakes}"));
        config
            .link_for(namespace, [name].into_iter(), &[2, 0, 0, 0, 0, 1])
            .map(|link| link.matches.to_string())
    };
    let text = format!("{}{LCRA}", link_of("lan*", ""));
    assert_eq!(governs(&text, None, "lan0"), None);
    assert_eq!(governs(&text, None, "lan1").as_deref(), Some("lan*"));
    let by_address = format!("{}{LCRA}", link_of("02:00:00:00:00:01", ""));
    assert_eq!(governs(&by_address, None, "lan0"), None);
    assert_eq!(governs(&by_address, None, "lan1").as_deref(), Some("02:00:00:00:00:01"));
    let off = format!("{}{LCRA}", link_of("lan*", "mode = \"off\"\n"));
    assert_eq!(governs(&off, None, "lan0").as_deref(), Some("lan*"), "DHCPv6 alone does no harm");
    let elsewhere = format!("{}namespace = \"b\"\n{LCRA}", link_of("lan*", ""));
    assert_eq!(governs(&elsewhere, Some("b"), "lan0").as_deref(), Some("lan*"));
}

#[test]
fn clients_of_a_link_have_one_agent_or_server() {
    let other = LCRA.replace("wan0", "wan1");
    assert_eq!(
        mistake(&format!("{LCRA}{other}")),
        "main.toml:6:1: lcra.clients: DHCPv4 clients on \"lan0\" are served already; the other is at main.toml:2:1"
    );
    is_right(&format!("{LCRA}{other}namespace = \"b\"\n"));
    let server = format!("{TSV}tsv.interfaces4 = [\"lan0\"]\ntsv.addresses = [\"2001:db8::67\"]\n");
    assert_eq!(
        mistake(&format!("{server}{LCRA}")),
        "main.toml:9:1: lcra.clients: DHCPv4 clients on \"lan0\" are served already; the other is at main.toml:6:20"
    );
    // DHCPv6 clients are others.
    is_right(&format!("[[relay]]\nclients = [\"lan0\"]\nupstream = [\"wan0\"]\n{LCRA}"));
}

#[test]
fn client_relay_agents_of_one_interface_have_addresses_of_their_own() {
    for (mode, matched) in [("auto", "wan0"), ("hcra", "wan0"), ("hcra", "wan*")] {
        let link = link_of(matched, &format!("mode = \"{mode}\"\n"));
        let found = "lcra.source: the host client relay agent of \"wan0\" is at the same address; must be an address of its own, \
                     as \"source\" in [link.hcra] must be, or the \"mode\" of that link must be \"4o6\" or \"off\"; the other is at \
                     main.toml:1:1";
        assert_eq!(mistake(&format!("{link}{LCRA}")), format!("main.toml:4:1: {found}"));
        let host = "hcra.source = \"2001:db8:1::18\"\n";
        assert_eq!(mistake(&format!("{link}{host}{LCRA}")), format!("main.toml:5:1: {found}"));
        let lan = format!("{LCRA}source = \"2001:db8:1::19\"\n");
        assert_eq!(mistake(&format!("{link}{lan}")), format!("main.toml:4:1: {found}"));
        is_right(&format!("{link}{host}{lan}"));
        let same = lan.replace("::19", "::18");
        assert_eq!(mistake(&format!("{link}{host}{same}")), format!("main.toml:5:1: {found}"));
    }
    for mode in ["4o6", "off"] {
        is_right(&format!("{}{LCRA}", link_of("wan0", &format!("mode = \"{mode}\"\n"))));
    }
    let other = LCRA.replace("lan0", "lan1");
    assert_eq!(
        mistake(&format!("{LCRA}{other}")),
        "main.toml:5:1: lcra.source: another client relay agent of \"wan0\" is at the same address; must be an address of its \
         own, as that of the other must be; the other is at main.toml:1:1"
    );
    is_right(&format!("{LCRA}source = \"2001:db8::1\"\n{other}source = \"2001:db8::2\"\n"));
    is_right(&format!("{LCRA}{}", other.replace("wan0", "wan1")));
}

#[test]
fn the_server_and_relay_agents_of_one_namespace_have_different_ports() {
    let addresses = |list: &str| format!("addresses = [{list}]\n");
    // Whoever has every address has that of the others.
    assert_eq!(
        mistakes(&format!("{TSV}{TRA}")),
        [
            "main.toml:6:1: tra.addresses: port 67 of every IPv6 address of this host is that of [server.tsv]; must both have \
             \"addresses\", and different ones, or one of them must be in another namespace; the other is at main.toml:5:1",
            "main.toml:6:1: tra.source-port: port 67 of this IPv4 address is that of [server.tsv]; must be another port, or one \
             of them in another namespace; the other is at main.toml:5:1",
        ]
    );
    is_right(&format!("{TSV}{TRA}namespace = \"isp\"\n"));
    let apart = format!("{TSV}tsv.{}{TRA}{}", addresses("\"2001:db8::1\""), addresses("\"2001:db8::2\""));
    assert!(mistake(&apart).starts_with("main.toml:7:1: tra.source-port: port 67 of this IPv4 address"));
    is_right(&format!("{apart}source-port = 6767\n"));
    let overlapping = format!(
        "{TSV}tsv.{}{TRA}{}source-port = 6767\n",
        addresses("\"2001:db8::1\""),
        addresses("\"2001:db8::2\", \"2001:db8::1\"")
    );
    assert_eq!(
        mistake(&overlapping),
        "main.toml:7:1: tra.addresses: port 67 of one of these IPv6 addresses is that of [server.tsv]; must be different \
         addresses, or one of them must be in another namespace; the other is at main.toml:5:1"
    );
}

#[test]
fn relay_agents_of_one_namespace_have_different_giaddrs_or_ports() {
    let one = format!("{TRA}addresses = [\"2001:db8::1\"]\n");
    let other = format!("{TRA}addresses = [\"2001:db8::2\"]\n");
    assert_eq!(
        mistake(&format!("{one}{other}")),
        "main.toml:6:1: tra.source-port: port 67 of this IPv4 address is that of [[tra]] \\\"tra1\\\"; must be another port, \
         or one of them in another namespace; the other is at main.toml:1:1"
    );
    is_right(&format!("{one}{}", other.replace("10.0.0.9", "10.0.0.10")));
    is_right(&format!("{one}{other}source-port = 6767\n"));
    let front = "[server]\ninterfaces = [\"lan0\"]\nengine = \"external\"\nexternal = { servers = [\"10.0.0.1\"], giaddr = \
                 \"10.0.0.9\" }\n";
    assert_eq!(
        mistake(&format!("{front}{one}")),
        "main.toml:5:1: tra.giaddr: port 67 of 10.0.0.9 is that of [server.external]; must be another address, or another \
         \"source-port\"; the other is at main.toml:4:38"
    );
    is_right(&format!("{front}{}", one.replace("10.0.0.9", "10.0.0.10")));
    is_right(&format!("{front}{one}source-port = 6767\n"));
    // What is written for an engine that does not run takes no port.
    let builtin = front.replace("engine = \"external\"", "server-id = \"192.0.2.1\"");
    is_right(&format!("{builtin}subnet = [{{ prefix = \"192.0.2.0/24\", pools = [] }}]\n{one}"));
}

#[test]
fn both_ends_are_not_at_one_port() {
    let found = "port 67 of one of these IPv6 addresses is that of a client relay agent; must be addresses without one of its \
                 own, or another namespace; the other is at main.toml:1:1";
    assert_eq!(mistake(&format!("{LCRA}{TRA}")), format!("main.toml:5:1: tra.addresses: {found}"));
    let host = link_of("wan0", "mode = \"hcra\"\n");
    assert_eq!(mistake(&format!("{host}{TSV}")), format!("main.toml:8:1: server.tsv.addresses: {found}"));
    is_right(&format!("{host}namespace = \"cpe\"\n{TSV}"));
    let there = format!("{TRA}addresses = [\"2001:db8::1\"]\n");
    is_right(&format!("{LCRA}{there}"));
    assert_eq!(
        mistake(&format!("{LCRA}source = \"2001:db8::1\"\n{there}")),
        format!("main.toml:6:1: tra.addresses: {found}")
    );
}

#[test]
fn a_link_of_the_bus_is_not_admitted_beside_an_agent_that_excludes_it() {
    let config = read(LCRA).unwrap();
    let admit =
        |text: &str| config.admit(&LinkConfig::from_toml(text).unwrap()).map_err(|found| found.to_string());
    assert_eq!(
        admit("match = \"lan0\""),
        Err("[[lcra]] \\\"lcra1\\\": lcra.clients: \"lan0\" is a link that this host obtains its own IPv4 on; must be another \
             interface, or the \"mode\" of that link must be \"off\"; the other is at the given link"
            .to_owned())
    );
    assert!(
        admit("match = \"wan0\"")
            .unwrap_err()
            .contains("lcra.source: the host client relay agent of \"wan0\"")
    );
    assert_eq!(admit("match = \"wan0\"\nmode = \"4o6\""), Ok(()));
    assert_eq!(admit("match = \"lan0\"\nnamespace = \"b\""), Ok(()));
}
