//! Examples in what operators read: each is a configuration.

use super::*;

/// The literal blocks of the manual that are TOML.
fn of_the_manual() -> Vec<String> {
    let manual = include_str!("../../../man/dhcp4o6.toml.5");
    let blocks = manual.split(".Bd -literal -offset indent\n").skip(1);
    let blocks = blocks.map(|block| block.split("\n.Ed").next().unwrap_or_default().to_owned() + "\n");
    blocks.filter(|block| block.starts_with(['[', '#'])).collect()
}

/// The fenced blocks of the page on DHCPv4 over IPv6 that are TOML.
fn of_the_page() -> Vec<&'static str> {
    let page = include_str!("../../../../docs/dhcpv4-over-ipv6.md");
    page.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap_or_default()).collect()
}

#[test]
fn every_example_of_the_manual_is_a_configuration() {
    let examples = of_the_manual();
    assert!(examples.len() > 10, "{examples:#?}");
    for example in examples {
        // Parts of a server are shown without the rest of it.
        let part = example.starts_with("[server.") || example.starts_with("[[server.");
        let head = if part { "[server]\ninterfaces = [\"lan0\"]\nserver-id = \"192.0.2.1\"\n" } else { "" };
        let subnet = "[[server.subnet]]\nprefix = \"198.51.100.0/24\"\npools = []\n";
        let rest = if part && !example.contains("[[server.subnet]]") { subnet } else { "" };
        let whole = format!("{head}{example}{rest}");
        if let Err(mistakes) = read(&whole) {
            panic!("{mistakes}\n{whole}");
        }
    }
}

#[test]
fn every_example_of_the_page_is_a_configuration() {
    let examples = of_the_page();
    assert!(examples.len() > 4, "{examples:#?}");
    for example in examples {
        if let Err(mistakes) = read(example) {
            panic!("{mistakes}\n{example}");
        }
    }
}

/// The draft's figure 2: (a) to a server, (b) to a relay agent and a server behind it, each from a host and from a LAN.
#[test]
fn both_documents_have_every_role_of_the_four_arrangements() {
    let manual = of_the_manual();
    for examples in [manual.iter().map(String::as_str).collect(), of_the_page()] {
        let all: Vec<_> = examples.iter().filter_map(|example| read(example).ok()).collect();
        let hcra = |config: &Config| config.links.iter().any(|link| link.settings.mode == Mode::Hcra);
        let tsv =
            |config: &Config| config.server.as_ref().is_some_and(|server| server.settings.tsv.is_some());
        assert!(all.iter().any(hcra));
        assert!(all.iter().any(|config| !config.lcras.is_empty()));
        assert!(all.iter().any(tsv));
        assert!(all.iter().any(|config| !config.tras.is_empty()));
    }
}
