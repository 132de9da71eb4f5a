//! Our own client through its link's client relay agent, which finds the server by the AFTR-Name (RFC 6334, RFC 7040 §5):
//! a real resolver on the link is asked, and renewals go directly by IPv4.

use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_tests::{Customer, Lab, Process, Provider, SOON};
use serde_json::json;
use std::net::{Ipv4Addr, SocketAddr};

const TSV: &str = "2001:db8:6::1";
const SERVER_ID: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
const LINK: &str =
    "[[link]]\nmatch = \"c0\"\nmode = \"hcra\"\ndhcp6 = \"stateless\"\ndhcp6-max-delay = \"0s\"\n";

fn server() -> String {
    format!(
        "[server]\ninterfaces = [\"s0\"]\nserver-id = \"{SERVER_ID}\"\n\
         [server.dhcp6]\nenable-4o6 = false\ndns-servers = [\"{TSV}\"]\naftr-name = \"aftr.example.net\"\n\
         [server.tsv]\naddresses = [\"{TSV}\"]\naccept-from = [\"2001:db8:6::/64\"]\n\
         [[server.subnet]]\nprefix = \"192.0.2.0/24\"\npools = [\"192.0.2.100-192.0.2.199\"]\n\
         sources = [\"2001:db8:6::/64\"]\nlease-time = \"10m\"\noptions = {{ routers = [\"192.0.2.1\"] }}\n"
    )
}

/// A resolver at the provider that knows the name as an alias.
fn resolver(lab: &Lab) -> Process {
    let mut command = lab.provider.command("dnsmasq");
    command.args([
        "--keep-in-foreground",
        "--conf-file=/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--log-queries",
    ]);
    command.args(["--log-facility=-", "--pid-file", "--user=root", "--bind-interfaces"]);
    command.arg(format!("--listen-address={TSV}"));
    command
        .arg(format!("--host-record=tsv.example.net,{TSV}"))
        .arg("--cname=aftr.example.net,tsv.example.net");
    let process = Process::spawn(command, &lab.dir().join("resolver.log"));
    process.wait_line("started");
    process
}

#[test]
#[ignore = "needs namespaces and dnsmasq"]
fn the_servers_are_found_by_the_aftr_name_and_a_renewal_goes_directly_hcra_04_hcra_08_hcra_27() {
    let lab = Lab::new();
    lab.customer.ip("addr add 2001:db8:6::c0/64 dev c0 nodad");
    let provider = Provider::start(&lab, &server());
    // It comes a little later than the service: the question is asked again.
    let mut customer = Customer::start(&lab, LINK);
    let resolver = resolver(&lab);
    customer.wait_bound("c0");
    resolver.wait_line("query[AAAA] aftr.example.net from 2001:db8:6::c0");
    let [address] = lab.customer.ipv4("c0")[..] else { panic!("bound means one address") };
    let ends =
        [("2001:db8:6::c0", V4::DISCOVER), (TSV, V4::OFFER), ("2001:db8:6::c0", V4::REQUEST), (TSV, V4::ACK)];
    for (from, kind) in ends {
        customer.wire.wait_bootp(0, "an exchange over IPv6", |bootp| {
            bootp.from == SocketAddr::new(from.parse().unwrap(), 67)
                && bootp.to.port() == 67
                && bootp.is(kind)
        });
    }
    let mark = customer.wire.mark();
    customer.client.link("c0", "Renew").expect("it renews");
    let renewal = customer.wire.wait_bootp(mark, "a renewal", |bootp| bootp.is(V4::REQUEST));
    assert_eq!((renewal.from, renewal.to), ((address, 68).into(), (SERVER_ID, 67).into()));
    let answer = customer.wire.wait_bootp(mark, "its answer", |bootp| bootp.is(V4::ACK));
    assert_eq!((answer.from, answer.to), ((SERVER_ID, 67).into(), (address, 68).into()));
    let shown = |property: &str| customer.client.property("c0", dhcp4o6_dbus::RELAY_CLIENT1, property);
    assert_eq!((shown("Servers"), shown("ServersFrom")), (json!([TSV]), json!("aftr-name")));
    assert_eq!(provider.leases4().len(), 1);
    assert_eq!(lab.customer.ipv4("c0"), [address]);
    customer.client.wait_state("c0", "bound", SOON);
}
