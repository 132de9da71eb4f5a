//! `[server.dhcp6]` as operators write it, right and wrong.

use super::server::{SMALLEST, server};
use super::*;

/// The mistakes of a DHCPv6 server with these lines under `[server.dhcp6]`, which begin on line 11.
fn in_dhcp6(lines: &str) -> Vec<String> {
    let found = mistakes(&format!("{SMALLEST}\n[server.dhcp6]\n{lines}\n"));
    found.into_iter().map(|line| line.strip_prefix("main.toml:").unwrap().to_owned()).collect()
}

#[test]
fn what_dhcpv6_tells_is_checked_s46_19() {
    assert_eq!(
        in_dhcp6("servers-4o6 = [\"2001:db8::1\", \"2001:DB8::1\", \"ff02::1:2\", \"fe80::1\"]"),
        [
            "11:31: server.dhcp6.servers-4o6: \"2001:DB8::1\" is listed twice; must be listed once",
            "11:46: server.dhcp6.servers-4o6: \"ff02::1:2\" is not valid; must be a global or unique local IPv6 address",
            "11:59: server.dhcp6.servers-4o6: \"fe80::1\" is not valid; must be a global or unique local IPv6 address",
        ]
    );
    assert_eq!(
        in_dhcp6("enable-4o6 = false\nservers-4o6 = [\"2001:db8::1\"]"),
        [
            "11:1: server.dhcp6.enable-4o6: DHCPv4 over DHCPv6 is not enabled, but \"servers-4o6\" names servers for it; \
             must be true, or without servers"
        ]
    );
    let name = "must be a domain name: labels of 1 to 63 letters, digits and inner hyphens, joined by dots";
    assert_eq!(
        in_dhcp6("domain-search = [\"a b\"]\naftr-name = \"-a\"\ndns-servers = [\"ff02::fb\"]\nsol-max-rt = 59\nrefresh-time = 599"),
        [
            format!("11:18: server.dhcp6.domain-search: \"a b\" is not valid; {name}"),
            format!("12:1: server.dhcp6.aftr-name: \"-a\" is not valid; {name}"),
            "13:16: server.dhcp6.dns-servers: \"ff02::fb\" is not valid; must be a unicast IPv6 address".to_owned(),
            "14:1: server.dhcp6.sol-max-rt: 59 is not valid; must be seconds, or text with the unit s, m, h or d: from \
             \"1m\" to \"1d\""
                .to_owned(),
            "15:1: server.dhcp6.refresh-time: 599 is not valid; must be seconds, or text with the unit s, m, h or d: \
             from \"10m\" to \"36500d\", or \"never\""
                .to_owned(),
        ]
    );
    let off = server(&format!("{SMALLEST}\n[server.dhcp6]\nenable-4o6 = false\n"));
    assert_eq!(off.settings.dhcp6.unwrap().options.servers_4o6, None);
}

#[test]
fn one_subnet_can_have_4o6_alone_but_not_be_without_it_alone() {
    let subnet = "[[server.dhcp6.subnet]]\nprefix = \"2001:db8:1::/64\"\n";
    assert_eq!(
        in_dhcp6(&format!("{subnet}enable-4o6 = false")),
        [
            "13:1: server.dhcp6.subnet.enable-4o6: DHCPv4 over DHCPv6 cannot be taken from one subnet alone; must be \
             false in [server.dhcp6], and true for the subnets that have it"
        ]
    );
    let alone = format!("{SMALLEST}\n[server.dhcp6]\nenable-4o6 = false\n{subnet}enable-4o6 = true\n");
    let dhcp6 = server(&alone).settings.dhcp6.unwrap();
    assert_eq!((dhcp6.options.servers_4o6, &dhcp6.subnets[0].options.servers_4o6), (None, &Some(vec![])));
}

#[test]
fn addresses_and_prefixes_of_dhcpv6_are_given_out_once() {
    let subnet = "[[server.dhcp6.subnet]]\nprefix = \"2001:db8:1::/64\"\n";
    let reservation = "[[server.dhcp6.subnet.reservation]]\nduid = \"000102\"\n";
    assert_eq!(
        in_dhcp6(&format!(
            "{subnet}pools = [\"2001:db8:1::1-2001:db8:2::1\", \"2001:db8:1::1\", \"2001:db8:1::2-2001:db8:1::1\"]"
        )),
        [
            "13:10: server.dhcp6.subnet.pools: 2001:db8:1::1-2001:db8:2::1 is not in 2001:db8:1::/64; must be inside \
             the prefix of its subnet",
            "13:41: server.dhcp6.subnet.pools: \"2001:db8:1::1\" is not valid; must be a range of IPv6 addresses such as \
             \"2001:db8:1::1000-2001:db8:1::1fff\"",
            "13:58: server.dhcp6.subnet.pools: 2001:db8:1::2 is behind 2001:db8:1::1; must have the lower address first",
        ]
    );
    assert_eq!(
        in_dhcp6(&format!(
            "{subnet}pools = [\"2001:db8:1::1-2001:db8:1::f\"]\ndelegate = [{{ prefix = \"2001:db8:1::/72\", length = 80 }}, {{ prefix = \"2001:db8::/40\", length = 39 }}, {{ prefix = \"2001:db8::/40\", length = 73 }}]"
        )),
        [
            "14:13: server.dhcp6.subnet.delegate: 2001:db8:1::/72 overlaps 2001:db8:1::1-2001:db8:1::f; the other is at \
             main.toml:13:10",
            "14:86: server.dhcp6.subnet.delegate.length: 39 is not valid; must be a whole number from 40 to 72",
            "14:129: server.dhcp6.subnet.delegate.length: 73 is not valid; must be a whole number from 40 to 72",
        ]
    );
    let delegate = "delegate = [{ prefix = \"2001:db8:1000::/36\", length = 56 }]\n";
    assert_eq!(
        in_dhcp6(&format!(
            "{subnet}{delegate}{reservation}prefix = \"2001:db8:1000::/48\"\naddress = \"2001:db8:2::1\""
        )),
        [
            "16:1: server.dhcp6.subnet.reservation.prefix: 2001:db8:1000::/48 overlaps 2001:db8:1000::/36 and is no part \
             of it that this subnet gives; must be apart from it, or of length 56 in its subnet",
            "17:1: server.dhcp6.subnet.reservation.address: 2001:db8:2::1 is not in 2001:db8:1::/64; must be inside the \
             prefix of its subnet",
        ]
    );
    assert_eq!(
        in_dhcp6(&format!(
            "{subnet}{reservation}address = \"2001:db8:1::1\"\n{reservation}address = \"2001:db8:1::1\""
        )),
        [
            "17:1: server.dhcp6.subnet.reservation.duid: one client has two reservations in this subnet; the other is \
             at main.toml:14:1",
            "18:1: server.dhcp6.subnet.reservation.address: 2001:db8:1::1 is reserved twice; the other is at \
             main.toml:15:1",
        ]
    );
    assert_eq!(
        in_dhcp6(&format!("{subnet}{reservation}")),
        [
            "13:1: server.dhcp6.subnet.reservation.address: is missing; must have \"address\", \"prefix\" or both"
        ]
    );
    assert_eq!(
        in_dhcp6(&format!("{subnet}preferred-lifetime = \"2h\"\nvalid-lifetime = \"1h\"")),
        [
            "13:1: server.dhcp6.subnet.preferred-lifetime: addresses would be preferred for longer than they are valid; \
             must not be above \"valid-lifetime\""
        ]
    );
    assert_eq!(
        in_dhcp6(&format!(
            "{subnet}[[server.dhcp6.subnet]]\nprefix = \"2001:db8::/32\"\nlink-addresses = [\"2001:db8:1::1\"]"
        )),
        [
            "14:1: server.dhcp6.subnet.prefix: 2001:db8::/32 overlaps 2001:db8:1::/64; the other is at main.toml:12:1",
            "15:19: server.dhcp6.subnet.link-addresses: 2001:db8:1::1/128 overlaps 2001:db8:1::/64, which another one \
             serves; must be the same or apart; the other is at main.toml:12:1",
        ]
    );
}

#[test]
fn lifetimes_of_dhcpv6_follow_each_other() {
    let lifetimes = |lines: &str| {
        let text = format!("{SMALLEST}[[server.dhcp6.subnet]]\nprefix = \"2001:db8:1::/64\"\n{lines}\n");
        let subnet = server(&text).settings.dhcp6.unwrap().subnets.remove(0);
        (subnet.preferred.0, subnet.valid.0)
    };
    assert_eq!(lifetimes(""), (3600, 7200));
    assert_eq!(lifetimes("valid-lifetime = 600"), (600, 600));
    assert_eq!(lifetimes("preferred-lifetime = \"1d\""), (86_400, 86_400));
}
