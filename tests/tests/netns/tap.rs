//! DHCPv4 clients as distributions have them, on the TAP device of a link, before our IPv6-transport server: the host
//! Client Relay Agent of draft-ietf-dhc-dhcpv4-over-ipv6 §6 for a client that knows nothing of it.

use dhcp4o6_dbus::{RELAY_CLIENT1, SERVER_PATH, SERVER1};
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_tests::{Bootp, Customer, Frame, Lab, Process, Provider, SOON, Stock, StockClient};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// The customer's device.
const DEVICE: &str = "hcra-c0";
/// The IPv6-transport server, and its server identifier.
const TSV: &str = "2001:db8:6::1";
const SERVER_ID: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// The customer's global address.
const OWN: &str = "2001:db8:6::c0";

/// The link without DHCPv6, which would only make the tests longer.
const LINK: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
dhcp6 = \"stateless\"
dhcp6-max-delay = \"0s\"
[link.hcra]
servers = [\"2001:db8:6::1\"]
client = \"external\"
";

/// Leases of so many seconds, renewed after half of that.
fn server(seconds: u32) -> String {
    format!(
        "[server]\ninterfaces = []\nport547 = false\nserver-id = \"{SERVER_ID}\"\n\
         [server.tsv]\naddresses = [\"{TSV}\"]\naccept-from = [\"2001:db8:6::/64\"]\naccept-from4 = []\n\
         [[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = [\"192.0.2.100-192.0.2.199\"]\n\
         sources = [\"2001:db8:6::/64\"]\nlease-time = \"{seconds}s\"\noptions = {{ routers = [\"192.0.2.1\"] }}\n"
    )
}

/// Our service at both ends of one link. Fields are dropped in this order.
struct Scene {
    customer: Customer,
    provider: Provider,
    lab: Lab,
}

impl Scene {
    /// The customer has its global address.
    fn start(seconds: u32, links: &str) -> Self {
        let lab = Lab::new();
        number(&lab);
        Self::start_in(lab, seconds, links)
    }

    fn start_in(lab: Lab, seconds: u32, links: &str) -> Self {
        let provider = Provider::start(&lab, &server(seconds));
        let customer = Customer::start(&lab, links);
        Self { customer, provider, lab }
    }

    /// Starts a client on the device.
    fn client(&self, make: Stock) -> StockClient {
        StockClient::start(&self.lab.customer, make, DEVICE, &self.lab.dir().join(make.program()))
    }

    /// Waits until the device is there and has, or has not, a carrier.
    fn wait_carrier(&self, carrier: bool) {
        let customer = &self.lab.customer;
        let has =
            || flags(&customer.ip_json(&format!("link show dev {DEVICE}"))).contains(&"LOWER_UP".to_owned());
        self.customer
            .kernel
            .until("the carrier of the device", SOON, || customer.has(DEVICE) && has() == carrier);
    }

    fn wait_gone(&self) {
        let customer = &self.lab.customer;
        self.customer.kernel.until("the device goes", SOON, || !customer.has(DEVICE));
    }

    /// Waits until the agent says that it saw a lease pass of this address.
    fn wait_seen(&mut self, address: Ipv4Addr) {
        self.customer.client.until("the lease is on the bus", SOON, |client| {
            let lease = client.property("c0", RELAY_CLIENT1, "ExternalLease");
            (lease["address"] == json!(address.to_string())).then_some(())
        });
    }

    /// Waits for a message of this type that was relayed after `mark`: it is as the client made it, but for one hop.
    fn wait_relayed(&self, mark: usize, kind: V4) -> Bootp {
        let end = |address: &str| SocketAddr::new(address.parse().expect("an address"), 67);
        let (own, tsv) = (end(OWN), end(TSV));
        let relayed = self.customer.wire.wait_bootp(mark, &format!("{kind} is relayed"), |bootp| {
            (bootp.from, bootp.to) == (own, tsv) && bootp.is(kind)
        });
        assert_eq!((relayed.payload[0], relayed.payload[3], &relayed.payload[24..28]), (1, 1, &[0; 4][..]));
        relayed
    }

    /// HCRA-22: nothing of IPv4 has left or entered by the uplink.
    fn assert_no_ipv4_on_the_uplink(&self) {
        let uplink = usize::try_from(self.lab.customer.index("c0")).expect("an index");
        let frames = self.customer.wire.frames();
        let stray: Vec<_> =
            frames.iter().filter(|frame| frame.interface == uplink && frame.is_ipv4()).collect();
        assert!(stray.is_empty(), "{} frames of IPv4 on the uplink", stray.len());
    }
}

fn number(lab: &Lab) {
    lab.customer.ip(&format!("addr add {OWN}/64 dev c0 nodad"));
}

fn flags(links: &Value) -> Vec<String> {
    let flags = links[0]["flags"].as_array().into_iter().flatten();
    flags.filter_map(|flag| flag.as_str().map(str::to_owned)).collect()
}

/// A lease, a renewal that the client sends to its server alone, and a release, all through the agent.
fn a_client_lives_on_the_device(make: Stock) {
    // dhclient renews only when half of its lease is over.
    let mut scene = Scene::start(if make == Stock::Dhclient { 20 } else { 600 }, LINK);
    scene.wait_carrier(true);
    let client = scene.client(make);
    let address = client.wait_lease(0, SOON);
    assert_eq!(scene.lab.customer.ipv4(DEVICE), [address]);
    scene.wait_seen(address);
    let discover = scene.wait_relayed(0, V4::DISCOVER);
    // What the host has on the device is what it calls itself.
    let links = scene.lab.customer.ip_json(&format!("link show dev {DEVICE}"));
    let mac: Vec<_> = discover.payload[28..34].iter().map(|octet| format!("{octet:02x}")).collect();
    assert_eq!(links[0]["address"], json!(mac.join(":")));

    let (said, mark) = (client.mark(), scene.customer.wire.mark());
    client.renew();
    let renewal = scene.customer.wire.wait_bootp(mark, "the client renews by unicast", |bootp| {
        (bootp.from.ip(), bootp.to) == (address.into(), SocketAddr::from((SERVER_ID, 67)))
            && bootp.is(V4::REQUEST)
    });
    let relayed = scene.wait_relayed(mark, V4::REQUEST);
    assert_eq!((renewal.payload[3], &renewal.payload[4..]), (0, &relayed.payload[4..]));
    let device = usize::try_from(scene.lab.customer.index(DEVICE)).expect("an index");
    assert_eq!(renewal.interface, device);
    // To the client alone, as some insist, from the server that it asked.
    let answer = scene
        .customer
        .wire
        .wait_bootp(mark, "the answer on the device", |bootp| bootp.interface == device && bootp.is(V4::ACK));
    let ends = (SocketAddr::from((SERVER_ID, 67)), SocketAddr::from((address, 68)));
    assert_eq!((answer.from, answer.to), ends);
    assert_eq!(client.wait_renewed(said, Duration::from_secs(30)), address);
    assert_eq!(scene.provider.leases4().len(), 1);

    let mark = scene.customer.wire.mark();
    client.release();
    assert_eq!(scene.wait_relayed(mark, V4::RELEASE).payload[12..16], address.octets());
    scene.provider.client.until("the lease is over", SOON, |client| {
        let answer = client.call(SERVER_PATH, SERVER1, "ListLeases", &("", 10_u32)).ok()?;
        answer[0].as_array()?.iter().all(|lease| lease["state"] != "bound").then_some(())
    });
    scene.assert_no_ipv4_on_the_uplink();
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn udhcpc_gets_renews_and_releases_a_lease_on_the_device_hcra_03_hcra_10_hcra_22() {
    a_client_lives_on_the_device(Stock::Udhcpc);
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn dhclient_gets_renews_and_releases_a_lease_on_the_device_hcra_03_hcra_10_hcra_22() {
    a_client_lives_on_the_device(Stock::Dhclient);
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn dhcpcd_gets_renews_and_releases_a_lease_on_the_device_hcra_03_hcra_10_hcra_22() {
    a_client_lives_on_the_device(Stock::Dhcpcd);
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn the_device_gets_its_carrier_when_the_agent_has_an_address_and_the_client_begins_hcra_05_hcra_06() {
    let scene = Scene::start_in(Lab::new(), 600, LINK);
    scene.wait_carrier(false);
    let mut client = scene.client(Stock::Dhcpcd);
    client.process().wait_line("waiting for carrier");
    assert!(scene.customer.wire.bootp().is_empty(), "it keeps its back-off for later");
    let mark = scene.customer.wire.mark();
    number(&scene.lab);
    scene.wait_carrier(true);
    scene.wait_relayed(mark, V4::DISCOVER);
    client.wait_lease(0, SOON);
    // And back: the address goes, the carrier with it.
    scene.lab.customer.ip(&format!("addr del {OWN}/64 dev c0"));
    scene.wait_carrier(false);
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn the_client_goes_on_over_a_restart_of_the_service_sup_12() {
    let mut scene = Scene::start(600, LINK);
    scene.wait_carrier(true);
    let client = scene.client(Stock::Udhcpc);
    let address = client.wait_lease(0, SOON);
    let index = scene.lab.customer.index(DEVICE);
    let ends: [fn(&mut Customer); 2] = [
        |customer| customer.daemon.kill(),
        |customer| {
            customer.daemon.terminate();
        },
    ];
    for end in ends {
        end(&mut scene.customer);
        scene.wait_carrier(false);
        assert_eq!(scene.lab.customer.ipv4(DEVICE), [address]);
        scene.customer.daemon.start_again();
        scene.wait_carrier(true);
        assert_eq!(scene.lab.customer.index(DEVICE), index);
        let (said, mark) = (client.mark(), scene.customer.wire.mark());
        client.renew();
        scene.wait_relayed(mark, V4::REQUEST);
        assert_eq!(client.wait_renewed(said, Duration::from_secs(30)), address);
    }
    scene.assert_no_ipv4_on_the_uplink();
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn the_device_goes_with_what_it_was_for() {
    let mut scene = Scene::start(600, LINK);
    let builtin = LINK.replace("external", "builtin");
    let off = LINK.replace("mode = \"hcra\"", "mode = \"off\"");
    for other in [&builtin, &off, "[[link]]\nmatch = \"none0\"\n"] {
        scene.wait_carrier(true);
        scene.customer.daemon.reload(other);
        scene.wait_gone();
        scene.customer.daemon.reload(LINK);
    }
    // An orderly stop keeps it, unless leases are to be released then.
    scene.wait_carrier(true);
    scene.customer.daemon.terminate();
    assert!(scene.lab.customer.has(DEVICE));
    let releasing = LINK.replace("[link.hcra]", "release-on-stop = true\n[link.hcra]");
    std::fs::write(scene.customer.daemon.config_file(), releasing).unwrap();
    scene.customer.daemon.start_again();
    scene.wait_carrier(true);
    scene.customer.daemon.terminate();
    assert!(!scene.lab.customer.has(DEVICE));
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn a_device_that_an_earlier_process_left_goes_when_nothing_wants_it_any_more() {
    let mut scene = Scene::start(600, LINK);
    let foreign = "hcra-other";
    scene.lab.customer.ip(&format!("tuntap add dev {foreign} mode tap"));
    for other in [LINK.replace("external", "builtin"), "[[link]]\nmatch = \"none0\"\n".to_owned()] {
        scene.wait_carrier(true);
        scene.customer.daemon.kill();
        assert!(scene.lab.customer.has(DEVICE));
        std::fs::write(scene.customer.daemon.config_file(), other).unwrap();
        scene.customer.daemon.start_again();
        scene.wait_gone();
        scene.customer.daemon.reload(LINK);
    }
    assert!(scene.lab.customer.has(foreign));
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn a_device_of_that_name_that_is_somebody_elses_stays_and_the_agent_waits_until_it_is_gone() {
    let lab = Lab::new();
    number(&lab);
    lab.customer.ip(&format!("link add {DEVICE} type bridge"));
    let mut scene = Scene::start_in(lab, 600, LINK);
    scene.customer.client.until("the agent waits", SOON, |client| {
        (client.property("c0", RELAY_CLIENT1, "State") == json!("waiting")).then_some(())
    });
    assert!(
        scene.lab.customer.ip_json(&format!("-d link show dev {DEVICE}"))[0]["linkinfo"]["info_kind"]
            == "bridge"
    );
    scene.lab.customer.ip(&format!("link del {DEVICE}"));
    // It tries again by itself.
    scene
        .customer
        .kernel
        .until("the device is there", Duration::from_secs(70), || scene.lab.customer.has(DEVICE));
    scene.wait_carrier(true);
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn only_this_host_is_served_hcra_01() {
    let mut scene = Scene::start(600, LINK);
    scene.wait_carrier(true);
    // A host on the link asks as well.
    let outsider =
        StockClient::start(&scene.lab.provider, Stock::Udhcpc, "s0", &scene.lab.dir().join("outsider"));
    scene.customer.wire.wait_bootp(0, "the outsider asks", |bootp| {
        !bootp.outgoing && bootp.is(V4::DISCOVER) && bootp.from.is_ipv4()
    });
    let client = scene.client(Stock::Udhcpc);
    scene.wait_seen(client.wait_lease(0, SOON));
    drop(outsider);
    let device = scene.lab.customer.ip_json(&format!("link show dev {DEVICE}"))[0]["address"].clone();
    for bootp in scene.customer.wire.bootp().iter().filter(|bootp| bootp.outgoing && bootp.from.is_ipv6()) {
        let mac: Vec<_> = bootp.payload[28..34].iter().map(|octet| format!("{octet:02x}")).collect();
        assert_eq!(json!(mac.join(":")), device, "{bootp:?}");
    }
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn nobody_has_an_address_that_a_client_looks_for_before_it_takes_it() {
    let scene = Scene::start(600, LINK);
    scene.wait_carrier(true);
    // dhcpcd looks by ARP whether its address is free (RFC 5227), and would decline it.
    let client = scene.client(Stock::Dhcpcd);
    let address = client.wait_lease(0, SOON);
    let arp = |frame: &Frame| frame.octets.get(12..14) == Some(&[8, 6]);
    let about = |frame: &Frame| frame.octets.get(38..42) == Some(&address.octets()[..]);
    let frames = scene.customer.wire.frames();
    assert!(frames.iter().any(|frame| arp(frame) && about(frame)), "it did look");
    assert!(!frames.iter().any(|frame| arp(frame)
        && frame.octets.get(28..32) == Some(&address.octets()[..])
        && !frame.outgoing));
    assert!(scene.customer.wire.bootp().iter().all(|bootp| !bootp.is(V4::DECLINE)));
}

/// systemd-networkd with nothing but the device to look after.
fn networkd(scene: &Scene) -> Process {
    let dir = scene.lab.dir().join("networkd");
    std::fs::create_dir_all(&dir).expect("a directory for networkd");
    let text =
        format!("[Match]\nName={DEVICE}\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n");
    std::fs::write(dir.join("device.network"), text).expect("its configuration can be written");
    // It wants a /run of its own, and believes that udev is not there when /sys cannot be written.
    let inside = format!(
        "mount -t tmpfs none /run && mkdir -p /run/systemd/network && cp {}/device.network /run/systemd/network && \
         mount --bind /sys /sys && mount -o remount,bind,ro /sys && exec /lib/systemd/systemd-networkd",
        dir.display()
    );
    let mut command = scene.lab.customer.command("unshare");
    command.args(["--mount", "sh", "-c"]).arg(inside).env("SYSTEMD_LOG_LEVEL", "debug");
    Process::spawn(command, &scene.lab.dir().join("networkd.log"))
}

#[test]
#[ignore = "needs namespaces and stock clients"]
fn networkd_gets_renews_and_releases_a_lease_on_the_device_hcra_03_hcra_22() {
    let mut scene = Scene::start(20, LINK);
    scene.wait_carrier(true);
    let mut networkd = networkd(&scene);
    let (customer, mark) = (&scene.lab.customer, scene.customer.wire.mark());
    scene.customer.kernel.until("it has a lease", SOON, || !customer.ipv4(DEVICE).is_empty());
    let [address] = customer.ipv4(DEVICE)[..] else { panic!("one address") };
    scene.wait_seen(address);
    let renewal = scene.customer.wire.wait_bootp(mark, "it renews by unicast", |bootp| {
        (bootp.from.ip(), bootp.to) == (address.into(), SocketAddr::from((SERVER_ID, 67)))
            && bootp.is(V4::REQUEST)
    });
    // It is content with the answer: the next one is a renewal again.
    scene
        .customer
        .wire
        .wait_bootp(mark, "it renews again", |bootp| bootp.at > renewal.at && bootp.from == renewal.from);
    networkd.signal(Signal::SIGTERM);
    networkd.wait_end(SOON);
    scene.wait_relayed(mark, V4::RELEASE);
    assert_eq!(
        scene
            .customer
            .wire
            .bootp()
            .iter()
            .filter(|bootp| bootp.is(V4::DISCOVER) && bootp.from.is_ipv6())
            .count(),
        1
    );
    scene.assert_no_ipv4_on_the_uplink();
}
