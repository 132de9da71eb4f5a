//! DHCPv4 options by name or code, with values of their types.

use super::reader::{Reader, nearest};
use super::value4::Kind;
use config::Value;
use dhcp4o6_protocol::server4::settings::OptionSet;
use std::collections::BTreeMap;

/// An option that can be configured.
pub(super) struct Known {
    pub(super) code: u8,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

const fn known(code: u8, name: &'static str, kind: Kind) -> Known {
    Known { code, name, kind }
}

/// Least size of a datagram that every host takes (RFC 2132 §4.4), and least MTU (§5.1).
const DATAGRAM: Kind = Kind::Number16 { min: 576 };
const MTU: Kind = Kind::Number16 { min: 68 };

/// Names that the rest of the configuration has for the same things.
pub(super) const ALSO: &[(&str, &str)] = &[("dns-servers", "domain-name-servers"), ("mtu", "interface-mtu")];

/// The options with a name, in the order of their codes: RFC 2132 and those that came later.
pub(super) const KNOWN: &[Known] = &[
    known(1, "subnet-mask", Kind::Mask),
    known(2, "time-offset", Kind::Signed32),
    known(3, "routers", Kind::Addresses),
    known(4, "time-servers", Kind::Addresses),
    known(5, "name-servers", Kind::Addresses),
    known(6, "domain-name-servers", Kind::Addresses),
    known(7, "log-servers", Kind::Addresses),
    known(8, "cookie-servers", Kind::Addresses),
    known(9, "lpr-servers", Kind::Addresses),
    known(10, "impress-servers", Kind::Addresses),
    known(11, "resource-location-servers", Kind::Addresses),
    known(12, "host-name", Kind::Name),
    known(13, "boot-file-size", Kind::Number16 { min: 0 }),
    known(14, "merit-dump-file", Kind::Text),
    known(15, "domain-name", Kind::Name),
    known(16, "swap-server", Kind::Address),
    known(17, "root-path", Kind::Text),
    known(18, "extensions-path", Kind::Text),
    known(19, "ip-forwarding", Kind::Flag),
    known(20, "non-local-source-routing", Kind::Flag),
    known(21, "policy-filters", Kind::Prefixes),
    known(22, "max-datagram-reassembly", DATAGRAM),
    known(23, "default-ip-ttl", Kind::Number8 { min: 1 }),
    known(24, "path-mtu-aging-timeout", Kind::Number32),
    known(25, "path-mtu-plateau-table", Kind::Numbers16 { min: 68 }),
    known(26, "interface-mtu", MTU),
    known(27, "all-subnets-local", Kind::Flag),
    known(28, "broadcast-address", Kind::Address),
    known(29, "perform-mask-discovery", Kind::Flag),
    known(30, "mask-supplier", Kind::Flag),
    known(31, "perform-router-discovery", Kind::Flag),
    known(32, "router-solicitation-address", Kind::Address),
    known(33, "static-routes", Kind::StaticRoutes),
    known(34, "trailer-encapsulation", Kind::Flag),
    known(35, "arp-cache-timeout", Kind::Number32),
    known(36, "ieee802-3-encapsulation", Kind::Flag),
    known(37, "default-tcp-ttl", Kind::Number8 { min: 1 }),
    known(38, "tcp-keepalive-interval", Kind::Number32),
    known(39, "tcp-keepalive-garbage", Kind::Flag),
    known(40, "nis-domain", Kind::Text),
    known(41, "nis-servers", Kind::Addresses),
    known(42, "ntp-servers", Kind::Addresses),
    known(43, "vendor-specific-information", Kind::Hex),
    known(44, "netbios-name-servers", Kind::Addresses),
    known(45, "netbios-dd-servers", Kind::Addresses),
    known(46, "netbios-node-type", Kind::NodeType),
    known(47, "netbios-scope", Kind::Text),
    known(48, "font-servers", Kind::Addresses),
    known(49, "x-display-managers", Kind::Addresses),
    known(60, "vendor-class-identifier", Kind::Text),
    known(64, "nisplus-domain", Kind::Text),
    known(65, "nisplus-servers", Kind::Addresses),
    known(66, "tftp-server-name", Kind::Text),
    known(67, "bootfile-name", Kind::Text),
    known(68, "mobile-ip-home-agents", Kind::Addresses),
    known(69, "smtp-servers", Kind::Addresses),
    known(70, "pop3-servers", Kind::Addresses),
    known(71, "nntp-servers", Kind::Addresses),
    known(72, "www-servers", Kind::Addresses),
    known(73, "finger-servers", Kind::Addresses),
    known(74, "irc-servers", Kind::Addresses),
    known(75, "streettalk-servers", Kind::Addresses),
    known(76, "stda-servers", Kind::Addresses),
    known(85, "nds-servers", Kind::Addresses),
    known(86, "nds-tree-name", Kind::Text),
    known(87, "nds-context", Kind::Text),
    known(88, "bcmcs-domains", Kind::Names),
    known(89, "bcmcs-servers", Kind::Addresses),
    known(98, "user-authentication-servers", Kind::Text),
    known(100, "posix-timezone", Kind::Text),
    known(101, "tz-database-name", Kind::Text),
    known(108, "ipv6-only-preferred", Kind::Number32),
    known(112, "netinfo-servers", Kind::Addresses),
    known(113, "netinfo-tag", Kind::Text),
    known(114, "captive-portal", Kind::Text),
    known(116, "auto-configure", Kind::Flag),
    known(117, "name-service-search", Kind::Numbers16 { min: 0 }),
    known(119, "domain-search", Kind::Names),
    known(120, "sip-servers", Kind::SipServers),
    known(121, "classless-static-routes", Kind::ClasslessRoutes),
    known(124, "vendor-identifying-class", Kind::Hex),
    known(125, "vendor-identifying-information", Kind::Hex),
    known(136, "pana-agents", Kind::Addresses),
    known(137, "lost-server", Kind::WireName),
    known(138, "capwap-controllers", Kind::Addresses),
    known(141, "sip-user-agent-domains", Kind::Names),
    known(142, "andsf-servers", Kind::Addresses),
    known(150, "tftp-servers", Kind::Addresses),
    known(208, "pxelinux-magic", Kind::Hex),
    known(209, "pxelinux-configuration-file", Kind::Text),
    known(210, "pxelinux-path-prefix", Kind::Text),
    known(211, "pxelinux-reboot-time", Kind::Number32),
    known(213, "access-network-domain", Kind::WireName),
];

/// Options that the engine writes itself, or that only clients and relay agents send: code, name, and what says
/// instead what the operator may have meant.
const OURS: &[(u8, &str, &str)] = &[
    (0, "pad", ""),
    (50, "requested-address", ""),
    (51, "lease-time", "lease-time"),
    (52, "option-overload", ""),
    (53, "message-type", ""),
    (54, "server-identifier", "server-id"),
    (55, "parameter-request-list", ""),
    (56, "message", ""),
    (57, "max-message-size", ""),
    (58, "renewal-time", "t1-percent"),
    (59, "rebinding-time", "t2-percent"),
    (61, "client-identifier", ""),
    (80, "rapid-commit", "dhcp4-rapid-commit"),
    (82, "relay-agent-information", ""),
    (118, "subnet-selection", "subnet-selection"),
    (159, "port-parameters", "psid-length"),
    (255, "end", ""),
];

/// Longest value of one option. Those of RFC 3396's list form may be longer: clients put their parts together.
const LONGEST: usize = 255;
const LONGEST_LIST: usize = 1024;

/// Reads the table `options`. What it has replaces what is in `out`, option by option.
pub(super) fn read(reader: &mut Reader<'_>, out: &mut OptionSet) {
    reader.table("options", |table| {
        let mut seen: BTreeMap<u8, &str> = BTreeMap::new();
        for (key, value) in table.each() {
            let Some((code, kind)) = find(table, key, value) else { continue };
            if let Some(first) = seen.insert(code, key) {
                let wrong = format!("option {code} is there twice, also as \"{first}\"");
                table.wrong(key, Some(value), wrong, "must be there once");
            }
            let Some(octets) = kind.read(table, key, value) else { continue };
            let longest = if matches!(code, 119 | 121) { LONGEST_LIST } else { LONGEST };
            if octets.len() > longest {
                let wrong = format!("has {} octets", octets.len());
                table.wrong(key, Some(value), wrong, format!("must be at most {longest}"));
                continue;
            }
            match out.binary_search_by_key(&code, |(code, _)| *code) {
                Ok(index) => out[index].1 = octets,
                Err(index) => out.insert(index, (code, octets)),
            }
        }
    });
}

/// The code that a key names, and the type of its value; otherwise the mistake is reported.
fn find(table: &mut Reader<'_>, key: &str, value: &Value) -> Option<(u8, Kind)> {
    let number = key.bytes().all(|octet| octet.is_ascii_digit());
    let code = key.parse::<u8>().ok().filter(|code| code.to_string() == key);
    let ours = OURS.iter().find(|(other, name, _)| Some(*other) == code || *name == key);
    if let Some((_, _, instead)) = ours {
        let right = match *instead {
            "" => "must be left out".to_owned(),
            instead => format!("must be left out: \"{instead}\" decides it"),
        };
        table.wrong(key, Some(value), "the server itself decides about this option", right);
        return None;
    }
    let name = ALSO.iter().find(|(also, _)| *also == key).map_or(key, |(_, name)| *name);
    match KNOWN.iter().find(|known| Some(known.code) == code || known.name == name) {
        Some(known) => Some((known.code, known.kind)),
        None if number => {
            if code.is_none() {
                table.wrong(key, Some(value), "no such option", "must be a code from 1 to 254");
            }
            Some((code?, Kind::Hex))
        }
        None => {
            let names = ALSO.iter().map(|(also, _)| *also).chain(KNOWN.iter().map(|known| known.name));
            let names: Vec<_> = names.collect();
            let right = match nearest(key, &names) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => "must be a name from dhcp4o6.toml(5), or a code with a value such as \"hex:0a0b\""
                    .to_owned(),
            };
            table.wrong(key, Some(value), "no such option", right);
            None
        }
    }
}

/// Each option as it is written: key and value.
pub(super) fn written(options: &OptionSet) -> impl Iterator<Item = (String, String)> {
    options.iter().map(|(code, octets)| match KNOWN.iter().find(|known| known.code == *code) {
        Some(known) => (known.name.to_owned(), known.kind.written(octets)),
        None => (format!("\"{code}\""), Kind::Hex.written(octets)),
    })
}
