//! Our server with somebody else's client: ISC dhclient with DHCPv4 over DHCPv6, which distributions build without it.
//! `bench/build-isc` builds it; where it did not, these tests say so and show nothing.

use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_protocol::wire::v6::MessageType as V6;
use dhcp4o6_protocol::wire::v6_option::OptionCode;
use dhcp4o6_tests::{Capture, Lab, Namespace, Plant, Process, Provider, SOON, Watch};
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

/// `$ISC_CLIENT`, else where `bench/build-isc` puts it. `None` when it was not built.
fn dhclient() -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let named = std::env::var_os("ISC_CLIENT").map(PathBuf::from);
    // A name that leads nowhere is a mistake, not a reason to show nothing.
    let demanded = named.is_some();
    let program = named.unwrap_or_else(|| project.join("target/isc")).join("sbin/dhclient");
    assert!(!demanded || program.is_file(), "$ISC_CLIENT: there is no {}", program.display());
    if !program.is_file() {
        eprintln!("SKIPPED: {} is not built: bench/build-isc does it", program.display());
        return None;
    }
    Some(program)
}

/// The two processes of a client on `c0`, which talk to each other over the loopback interface.
struct Isc {
    _four: Process,
    _six: Process,
}

impl Isc {
    fn start(lab: &Lab, namespace: &Namespace, program: &Path, mode: &[&str]) -> Self {
        // It gives up at once where there is none.
        Watch::link_local(namespace, "c0");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/isc-script");
        let half = |family: &str, more: &[&str]| {
            let file = |what: &str| lab.dir().join(format!("isc{family}.{what}"));
            fs::write(file("conf"), "").expect("a file");
            let mut command = namespace.command(program);
            command.args(["-d", "-v", family]).args(more).args(["-4o6", "6767", "-sf"]).arg(&script);
            command
                .arg("-cf")
                .arg(file("conf"))
                .arg("-lf")
                .arg(file("leases"))
                .arg("-pf")
                .arg(file("pid"))
                .arg("c0");
            Process::spawn(command, &file("log"))
        };
        Self { _six: half("-6", mode), _four: half("-4", &[]) }
    }
}

/// The address of `c0`, when there is one.
fn wait_address(kernel: &Watch, namespace: &Namespace) -> Ipv4Addr {
    kernel.until("an IPv4 address", SOON, || !namespace.ipv4("c0").is_empty());
    namespace.ipv4("c0")[0]
}

#[test]
#[ignore = "needs namespaces; shows something where bench/build-isc was run"]
fn isc_dhclient_has_a_lease_of_our_server_and_renews_it() {
    let Some(program) = dhclient() else { return };
    let lab = Lab::new();
    let server = Provider::start(
        &lab,
        "[server]\ninterfaces = [\"s0\"]\nserver-id = \"192.0.2.1\"\n[[server.subnet]]\nprefix = \"192.0.2.0/24\"\n\
         pools = [\"192.0.2.100-192.0.2.199\"]\nlease-time = \"20s\"\nmin-lease-time = \"10s\"\nt1-percent = 10\n",
    );
    let (wire, kernel) = (Capture::start(&lab.customer), Watch::open(&lab.customer));
    let _client = Isc::start(&lab, &lab.customer, &program, &["-S"]);
    let address = wait_address(&kernel, &lab.customer);
    assert!(lab.customer.pings("192.0.2.1"));
    let renewal = wire.wait("a renewal", SOON, |dhcp| dhcp.outgoing && dhcp.is_unicast());
    assert_eq!(renewal.inner().map(|inner| inner.ciaddr), Some(address));
    let acknowledged = wire.wait("its ACK", SOON, |dhcp| dhcp.at > renewal.at && dhcp.carries(V4::ACK));
    assert_eq!(acknowledged.inner().map(|inner| inner.yiaddr), Some(address));
    assert_eq!(lab.customer.ipv4("c0"), [address]);
    let leases = server.leases4();
    assert_eq!(leases.len(), 1, "{leases:#?}");
    assert_eq!(leases[0]["address"], address.to_string());
    assert!(server.count("request-renewing") >= 1);
}

#[test]
#[ignore = "needs namespaces; shows something where bench/build-isc was run"]
fn isc_dhclient_has_addresses_of_both_families_through_our_relay_agent() {
    let Some(program) = dhclient() else { return };
    let plant = Plant::new();
    let server = Provider::start(
        &plant.lab,
        "[server]\ninterfaces = [\"s0\"]\naccept-from = [\"2001:db8:6::/64\"]\nserver-id = \"192.0.2.1\"\n\
         [[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = [\"192.0.2.100-192.0.2.199\"]\n\
         [[server.dhcp6.subnet]]\nprefix = \"2001:db8:11::/64\"\npools = [\"2001:db8:11::1000-2001:db8:11::1fff\"]\n",
    );
    let relay = "[[relay]]\nclients = [\"r1\", \"r2\"]\nservers = [\"2001:db8:6::1\"]\n";
    let _relay = Provider::start_in(&plant.lab, &plant.relay, "relay", relay);
    let (wire, kernel) = (Capture::start(&plant.lab.customer), Watch::open(&plant.lab.customer));
    let _client = Isc::start(&plant.lab, &plant.lab.customer, &program, &["--address-prefix-len", "64"]);
    let address = wait_address(&kernel, &plant.lab.customer);
    let reply = wire.wait("a Reply", SOON, |dhcp| dhcp.kind == V6::REPLY);
    assert!(reply.message().options.first(OptionCode::IA_NA).is_some());
    let answer = server.call("ListLeases", &("", 1_000_u32)).expect("leases");
    let leased: Vec<&str> =
        answer[0].as_array().into_iter().flatten().filter_map(|l| l["address"].as_str()).collect();
    assert_eq!(leased.len(), 2, "{leased:?}");
    assert!(leased.contains(&address.to_string().as_str()), "{leased:?}");
    assert!(leased.iter().any(|leased| leased.starts_with("2001:db8:11::1")), "{leased:?}");
}
