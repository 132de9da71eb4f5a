//! `[[server.subnet]]` as operators write it, right and wrong.

use super::server::{SMALLEST, builtin, found};
use super::*;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Sharing};
use dhcp4o6_protocol::time::Lifetime;

/// The one mistake of the smallest server with these further lines in its subnet, which begin on line 9.
fn in_subnet(lines: &str) -> String {
    let found = mistakes(&format!("{SMALLEST}{lines}\n"));
    assert_eq!(found.len(), 1, "{lines}: {found:#?}");
    found[0].strip_prefix("main.toml:").unwrap().to_owned()
}

pub(super) const A_POOL: &str = "must be a range of IPv4 addresses such as \"192.0.2.100-192.0.2.199\"";

#[test]
fn addresses_that_nobody_can_have_are_refused_s46_39() {
    for address in
        ["0.0.0.0", "0.1.2.3", "127.0.0.1", "169.254.7.7", "224.0.0.1", "240.0.0.1", "255.255.255.255", "x"]
    {
        assert_eq!(
            found("192.0.2.1\"", &format!("{address}\"")),
            [format!(
                "4:1: server.server-id: \"{address}\" is not valid; must be a unicast IPv4 address that names this \
                 server, such as \"192.0.2.1\""
            )]
        );
    }
    let pool = |range: &str| found("192.0.2.100-192.0.2.199", range).remove(0);
    assert_eq!(
        pool("169.253.255.0-169.254.0.9"),
        "8:10: server.subnet.pools: 169.253.255.0-169.254.0.9 has addresses of 169.254.0.0/16, which no host can \
         have; must be unicast addresses"
    );
    assert_eq!(
        pool("192.0.2.255-192.0.2.255"),
        "8:10: server.subnet.pools: 192.0.2.255 is the network's or broadcast address of 192.0.2.0/24; must have an \
         address that a host can have"
    );
    assert_eq!(
        builtin(&SMALLEST.replace("192.0.2.100-192.0.2.199", "192.0.2.0-192.0.2.255")).subnets[0].pools.len(),
        1,
        "they are left out by themselves"
    );
    for (last, what) in [("0", "network's or broadcast"), ("255", "network's or broadcast")] {
        let found = in_subnet(&format!(
            "[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.2.{last}\""
        ));
        assert!(
            found.contains(what) && found.starts_with("11:1: server.subnet.reservation.address: "),
            "{found}"
        );
    }
    let own = in_subnet("[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.2.1\"");
    assert_eq!(
        own,
        "11:1: server.subnet.reservation.address: 192.0.2.1 is the \"server-id\"; must be another"
    );
    assert_eq!(
        pool("192.0.2.1-192.0.2.1"),
        "8:10: server.subnet.pools: 192.0.2.1 is the \"server-id\"; must have an address that a host can have"
    );
    let point = SMALLEST.replace("192.0.2.0/24", "192.0.2.0/31").replace("\"192.0.2.100-192.0.2.199\"", "");
    let reserved =
        format!("{point}[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.2.0\"\n");
    assert_eq!(builtin(&reserved).subnets[0].reservations.len(), 1, "both addresses of a /31 are hosts");
}

#[test]
fn a_pool_is_a_range_inside_its_subnet() {
    let pool = |range: &str| found("192.0.2.100-192.0.2.199", range);
    assert_eq!(
        pool("192.0.2.100-192.0.3.0"),
        [
            "8:10: server.subnet.pools: 192.0.2.100-192.0.3.0 is not in 192.0.2.0/24; must be inside the prefix of its \
             subnet"
        ]
    );
    assert_eq!(
        pool("192.0.2.199-192.0.2.100"),
        ["8:10: server.subnet.pools: 192.0.2.199 is behind 192.0.2.100; must have the lower address first"]
    );
    assert_eq!(
        pool("10.0.0.0-11.0.0.0"),
        ["8:10: server.subnet.pools: has 16777217 addresses; must be at most 16777216"]
    );
    for wrong in ["192.0.2.5", "192.0.2.0/24", "192.0.2.1-", "a-b", "2001:db8::1-2001:db8::2"] {
        assert_eq!(pool(wrong), [format!("8:10: server.subnet.pools: \"{wrong}\" is not valid; {A_POOL}")]);
    }
    let found = found("[\"192.0.2.100-192.0.2.199\"]", "\"192.0.2.100-192.0.2.199\"");
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("must be a list of ranges"), "{found:?}");
}

#[test]
fn pools_and_subnets_do_not_overlap() {
    assert_eq!(
        found("[\"192.0.2.100-192.0.2.199\"]", "[\"192.0.2.10-192.0.2.20\", \"192.0.2.20-192.0.2.30\"]"),
        [
            "8:35: server.subnet.pools: 192.0.2.20-192.0.2.30 overlaps 192.0.2.10-192.0.2.20; the other is at main.toml:8:10"
        ]
    );
    let other = "[[server.subnet]]\nprefix = \"192.0.2.128/25\"\npools = [\"192.0.2.199-192.0.2.210\"]";
    assert_eq!(
        mistakes(&format!("{SMALLEST}{other}\n")),
        [
            "main.toml:10:1: server.subnet.prefix: 192.0.2.128/25 overlaps 192.0.2.0/24; the other is at main.toml:7:1",
            "main.toml:11:10: server.subnet.pools: 192.0.2.199-192.0.2.210 overlaps 192.0.2.100-192.0.2.199; the other \
             is at main.toml:8:10",
        ]
    );
    let twice = format!("{SMALLEST}[[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = []\n");
    assert_eq!(
        mistakes(&twice),
        [
            "main.toml:10:1: server.subnet.prefix: 192.0.2.0/24 overlaps 192.0.2.0/24; the other is at main.toml:7:1"
        ]
    );
}

#[test]
fn a_reservation_is_for_one_client_and_one_address_in_the_subnet() {
    let reservation = "[[server.subnet.reservation]]\n";
    let first = "[[server.subnet.reservation]]\nduid = \"000102\"\naddress = \"192.0.2.5\"\n";
    assert_eq!(
        in_subnet(&format!("{first}{reservation}duid = \"000103\"\naddress = \"192.0.2.5\"")),
        "14:1: server.subnet.reservation.address: 192.0.2.5 is reserved twice; the other is at main.toml:11:1"
    );
    assert_eq!(
        in_subnet(&format!("{first}{reservation}duid = \"00:01:02\"\naddress = \"192.0.2.6\"")),
        "13:1: server.subnet.reservation.duid: one client has two reservations in this subnet; the other is at \
         main.toml:10:1"
    );
    assert_eq!(
        in_subnet(&format!("{reservation}duid = \"000102\"\naddress = \"192.0.3.5\"")),
        "11:1: server.subnet.reservation.address: 192.0.3.5 is not in 192.0.2.0/24; must be inside the prefix of its \
         subnet"
    );
    assert_eq!(
        in_subnet(&format!("{reservation}duid = \"000102\"")),
        "9:1: server.subnet.reservation.address: is missing; must be an IPv4 address such as \"192.0.2.5\""
    );
    assert_eq!(
        in_subnet(&format!("{reservation}address = \"192.0.2.5\"")),
        "9:1: server.subnet.reservation.client-id: is missing; must have one of \"client-id\", \"duid\", \"circuit\" \
         and \"hardware\""
    );
    assert_eq!(
        in_subnet(&format!("{reservation}address = \"192.0.2.5\"\nduid = \"000102\"\ncircuit = \"x\"")),
        "12:1: server.subnet.reservation.circuit: \"duid\" is there too; must be one of them"
    );
    for (key, wrong) in [
        ("client-id", "01"),
        ("client-id", "0"),
        ("duid", "0001"),
        ("circuit", ""),
        ("circuit", "hex:0"),
        ("hardware", "02:00:5e:10:00"),
        ("hardware", "256/02"),
        ("hardware", "6/"),
    ] {
        let found = in_subnet(&format!("{reservation}address = \"192.0.2.5\"\n{key} = \"{wrong}\""));
        assert!(
            found.starts_with(&format!(
                "11:1: server.subnet.reservation.{key}: \"{wrong}\" is not valid; must be "
            )),
            "{found}"
        );
    }
}

#[test]
fn the_times_of_a_lease_come_one_after_the_other_s46_35() {
    let times = |lines: &str| builtin(&format!("{SMALLEST}{lines}\n")).subnets[0].times;
    let expected = |default, min, max| (Lifetime(default), Lifetime(min), Lifetime(max));
    let of = |times: LeaseTimes| (times.default, times.min, times.max);
    assert_eq!(of(times("lease-time = \"1d\"")), expected(86_400, 60, 86_400));
    assert_eq!(of(times("lease-time = 10")), expected(10, 10, 10));
    assert_eq!(of(times("max-lease-time = \"10m\"")), expected(600, 60, 600));
    assert_eq!(of(times("min-lease-time = \"2h\"")), expected(7200, 7200, 7200));
    assert_eq!(
        in_subnet("min-lease-time = \"2h\"\nlease-time = \"1h\""),
        "9:1: server.subnet.min-lease-time: the shortest lease is longer than others; must not be above \"lease-time\" \
         and \"max-lease-time\""
    );
    assert_eq!(
        in_subnet("lease-time = \"2h\"\nmax-lease-time = \"1h\""),
        "9:1: server.subnet.lease-time: a lease is longer than the longest one; must not be above \"max-lease-time\""
    );
    assert_eq!(
        in_subnet("t1-percent = 80\nt2-percent = 80"),
        "9:1: server.subnet.t1-percent: T1 at 80 percent is not before T2 at 80 percent; must be below \"t2-percent\""
    );
    assert_eq!(
        in_subnet("t2-percent = 100"),
        "9:1: server.subnet.t2-percent: 100 is not valid; must be a whole number from 1 to 99"
    );
    assert_eq!(
        in_subnet("lease-time = 60\nt1-percent = 50\nt2-percent = 51"),
        "10:1: server.subnet.t1-percent: T1, T2 and the end of a lease of 60 s fall together; must be seconds apart: \
         \"min-lease-time\" longer, or the percentages farther apart"
    );
    for wrong in ["3", "\"5500ms\"", "\"36501d\"", "\"for ever\""] {
        assert_eq!(
            in_subnet(&format!("lease-time = {wrong}")),
            format!(
                "9:1: server.subnet.lease-time: {wrong} is not valid; must be seconds, or text with the unit s, m, h \
                 or d: from \"4s\" to \"36500d\", or \"never\""
            )
        );
    }
}

#[test]
fn shared_ports_leave_sets_that_can_be_given() {
    let pool = |keys: &str| {
        let by = format!("[{{ range = \"192.0.2.20-192.0.2.29\", {keys} }}]");
        mistakes(&SMALLEST.replace("[\"192.0.2.100-192.0.2.199\"]", &by)).remove(0)
    };
    assert_eq!(
        pool("psid-offset = 6, psid-length = 11"),
        "main.toml:8:62: server.subnet.pools.psid-length: 11 is not valid; must be a whole number from 1 to 10"
    );
    assert_eq!(
        pool("psid-offset = 16, psid-length = 1"),
        "main.toml:8:45: server.subnet.pools.psid-offset: 16 is not valid; must be a whole number from 0 to 15"
    );
    assert_eq!(
        pool("lowest-port = 1"),
        "main.toml:8:10: server.subnet.pools.psid-length: is missing; must be a whole number from 1 to 16"
    );
    assert_eq!(
        pool("psid-length = 1, lowest-port = 40000"),
        "main.toml:8:45: server.subnet.pools.psid-length: every set has ports below 40000; must leave a set, or \
         \"lowest-port\" must be lower"
    );
    let good = |keys: &str| {
        let by = format!("[{{ range = \"192.0.2.20-192.0.2.29\"{keys} }}]");
        builtin(&SMALLEST.replace("[\"192.0.2.100-192.0.2.199\"]", &by)).subnets[0].pools[0].sharing
    };
    assert_eq!(good(""), None);
    assert_eq!(good(", psid-length = 8"), Some(Sharing { offset: 0, psid_len: 8, lowest_port: 1024 }));
    // The last of 2 sets begins at 32768; with an offset of 15 bits, at 3.
    assert!(good(", psid-length = 1, lowest-port = 32768").is_some());
    assert!(good(", psid-offset = 15, psid-length = 1, lowest-port = 3").is_some());
    assert!(
        pool("psid-offset = 15, psid-length = 1, lowest-port = 4").contains("every set has ports below 4")
    );
}

#[test]
fn subnets_may_share_a_link_but_not_a_part_of_one() {
    let two = |one: &str, other: &str| {
        let other = format!("[[server.subnet]]\nprefix = \"198.51.100.0/24\"\npools = []\n{other}\n");
        format!("{SMALLEST}{one}\n{other}")
    };
    for same in [
        "",
        "interfaces = [\"lan0\"]",
        "interface-ids = [\"a\"]",
        "sources = [\"2001:db8::/32\"]",
        "link-addresses = [\"2001:db8::/32\", \"2001:db9::1\"]",
    ] {
        assert_eq!(builtin(&two(same, same)).subnets.len(), 2, "{same}");
    }
    for key in ["link-addresses", "sources"] {
        let apart = two(&format!("{key} = [\"2001:db8:1::/48\"]"), &format!("{key} = [\"2001:db8:2::/48\"]"));
        assert_eq!(builtin(&apart).subnets.len(), 2);
        let inside = two(&format!("{key} = [\"2001:db8::/32\"]"), &format!("{key} = [\"2001:db8:1::/48\"]"));
        let column = key.len() + 5;
        assert_eq!(
            mistakes(&inside),
            [format!(
                "main.toml:13:{column}: server.subnet.{key}: 2001:db8:1::/48 overlaps 2001:db8::/32, which another one \
                 serves; must be the same or apart; the other is at main.toml:9:{column}"
            )]
        );
    }
    assert_eq!(
        in_subnet("interface-ids = [\"a\", \"hex:61\"]"),
        "9:23: server.subnet.interface-ids: \"hex:61\" is listed twice; must be listed once"
    );
    assert_eq!(
        in_subnet("interfaces = [\"lan*\"]"),
        "9:15: server.subnet.interfaces: \"lan*\" is not valid; must be the name of an interface, not a pattern"
    );
    assert_eq!(
        in_subnet("sources = [\"2001:db8::1/32\"]"),
        "9:12: server.subnet.sources: \"2001:db8::1/32\" is not valid; must be an IPv6 prefix such as \
         \"2001:db8::/32\", without host bits, or an address"
    );
}

#[test]
fn too_much_of_anything_is_a_mistake() {
    let subnets: String = (0..4096)
        .map(|number| {
            format!("[[server.subnet]]\nprefix = \"10.{}.{}.0/24\"\npools = []\n", number / 256, number % 256)
        })
        .collect();
    assert_eq!(
        mistakes(&format!("{SMALLEST}{subnets}")),
        ["main.toml:12295:1: server.subnet: 4097 subnets; must be at most 4096"]
    );
    let reservations: String = (0..65_537_u32)
        .map(|number| {
            format!(
                "[[server.subnet.reservation]]\nduid = \"{number:08x}\"\naddress = \"10.{}.{}.{}\"\n",
                number >> 16,
                number >> 8 & 255,
                number & 255
            )
        })
        .collect();
    let text = SMALLEST.replace("192.0.2.0/24", "10.0.0.0/8").replace("\"192.0.2.100-192.0.2.199\"", "");
    let found = mistakes(&format!("{text}{reservations}"));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(found[0].contains("10.0.0.0 is the network's or broadcast address of 10.0.0.0/8"));
    assert!(
        found[1].ends_with("server.subnet.reservation: more than 65536 reservations; must be at most 65536")
    );
}
