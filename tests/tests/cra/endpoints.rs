//! Several IPv4 identities of one link through one host agent (appendix B of the draft).

use dhcp4o6_protocol::wire::v4::{MessageType as V4, code};
use dhcp4o6_tests::{
    Bootp, Change, Customer, Lab, Make, Plain, PlainSettings, Provider, SOON, Seen, TSV, ctl, tra,
};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The link without endpoints. Nobody is reached by IPv4 at the targets, so renewals go through the agent.
const LINK: &str = "\
[[link]]
match = \"c0\"
mode = \"hcra\"
conflict-detection = false
[link.hcra]
servers = [\"2001:db8:6::1\"]
renew = \"via-cra\"
";
const DATA: &str = "[[link.endpoint]]\nname = \"data\"\n";
const METER: &str = "[[link.endpoint]]\nname = \"meter\"\ntarget = { interface = \"meter0\" }\n";
const VOICE: &str = "[[link.endpoint]]\nname = \"voice\"\ntarget = { interface = \"voice0\" }\n";
const TARGETS: [(&str, &str); 3] = [("data", "c0"), ("meter", "meter0"), ("voice", "voice0")];
/// Addresses for another minute only, renewed after six seconds.
const SHORT: &str = "lease-time = \"60s\"\nmin-lease-time = \"20s\"\nt1-percent = 10\nsources";

/// A customer with two more interfaces for addresses.
fn lab() -> Lab {
    let lab = Lab::new();
    lab.customer.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
    for target in ["meter0", "voice0"] {
        make(&lab, target);
    }
    lab
}

fn make(lab: &Lab, target: &str) {
    lab.customer.ip(&format!("link add {target} type bridge"));
    lab.customer.ip(&format!("link set {target} up"));
}

/// All endpoints of the link, as the bus has them, by name.
fn endpoints(client: &dhcp4o6_tests::BusClient) -> BTreeMap<String, Value> {
    let list = client.property("c0", "org.dhcp4o6.Link1", "Endpoints");
    let named = |one: &Value| (one["name"].as_str().unwrap_or_default().to_owned(), one.clone());
    list.as_array().into_iter().flatten().map(named).collect()
}

/// Waits until an endpoint has an address, and returns it.
fn wait_address(customer: &mut Customer, endpoint: &str) -> Ipv4Addr {
    customer.client.until(&format!("{endpoint} is bound"), SOON, |client| {
        let one = endpoints(client).remove(endpoint)?;
        (one["state"] == "bound").then(|| one["address"].as_str()?.parse().ok()).flatten()
    })
}

/// All three, in the order of [`TARGETS`], when each is where it belongs.
fn wait_all(customer: &mut Customer, lab: &Lab) -> [Ipv4Addr; 3] {
    TARGETS.map(|(endpoint, target)| {
        let address = wait_address(customer, endpoint);
        assert_eq!(lab.customer.ipv4(target), [address], "{endpoint} is on {target}");
        address
    })
}

fn client_id(bootp: &Bootp) -> Vec<u8> {
    bootp.message().option(code::CLIENT_ID).unwrap_or_default().into_owned()
}

/// What the agent sent after a mark.
fn sent(customer: &Customer, mark: usize) -> Vec<Bootp> {
    let frames = customer.wire.frames();
    let seen = frames.iter().skip(mark).filter_map(|frame| frame.bootp());
    seen.filter(|bootp| bootp.outgoing && bootp.to.is_ipv6()).collect()
}

/// The client identifier of the endpoint that got this address.
fn identity(customer: &Customer, address: Ipv4Addr) -> Vec<u8> {
    let acks = customer.wire.bootp();
    let ack = acks.iter().find(|bootp| bootp.is(V4::ACK) && bootp.message().yiaddr == address);
    client_id(ack.unwrap_or_else(|| panic!("no ACK for {address}")))
}

/// Nothing has happened to these addresses, or with their leases, since the marks.
fn assert_untouched(customer: &mut Customer, others: &[Ipv4Addr], marks: &Marks) {
    let identities: BTreeSet<_> = others.iter().map(|other| identity(customer, *other)).collect();
    let of_others: Vec<_> = sent(customer, marks.wire);
    let of_others: Vec<_> = of_others.iter().filter(|bootp| identities.contains(&client_id(bootp))).collect();
    assert!(of_others.is_empty(), "the others said something: {of_others:?}");
    for (_, change) in customer.kernel.changes().iter().skip(marks.kernel) {
        let gone = others.iter().any(|other| *change == Change::AddressGone(*other));
        assert!(!gone, "{change:?}, which is another endpoint's");
    }
    let about = |seen: &Seen| others.iter().any(|other| seen.arguments[1]["address"] == other.to_string());
    let seen = customer.client.seen().iter().skip(marks.bus);
    let told: Vec<_> = seen.filter(|seen| seen.member == "LeaseEvent" && about(seen)).collect();
    assert!(told.is_empty(), "{told:?}");
}

struct Marks {
    wire: usize,
    kernel: usize,
    bus: usize,
}

fn marks(customer: &mut Customer) -> Marks {
    Marks { wire: customer.wire.mark(), kernel: customer.kernel.changes().len(), bus: customer.client.mark() }
}

#[test]
#[ignore = "needs namespaces"]
fn three_endpoints_have_three_addresses_and_as_many_identities_hcra_24_hcra_25_tsv_17() {
    let lab = lab();
    let server = Provider::start(&lab, TSV);
    let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
    let addresses = wait_all(&mut customer, &lab);
    assert_eq!(BTreeSet::from(addresses).len(), 3, "{addresses:?}");
    assert_eq!(customer.client.state("c0"), "bound");
    assert_eq!(server.leases4().len(), 3);
    let all = sent(&customer, 0);
    let identities: BTreeSet<_> = all.iter().map(client_id).collect();
    assert_eq!(identities.len(), 3, "three client identifiers: {identities:?}");
    let iaids: BTreeSet<_> = identities.iter().map(|id| id[1..5].to_vec()).collect();
    let duids: BTreeSet<_> = identities.iter().map(|id| id[5..].to_vec()).collect();
    assert!(identities.iter().all(|id| id[0] == 255), "as RFC 4361 has them: {identities:?}");
    assert_eq!((iaids.len(), duids.len()), (3, 1), "an IAID each, one DUID");
    let sources: BTreeSet<_> = all.iter().map(|bootp| bootp.from).collect();
    assert_eq!(sources.len(), 1, "one agent for all: {sources:?}");
    // Each got its own answers.
    let dispatched: BTreeMap<_, _> = addresses.map(|address| (identity(&customer, address), address)).into();
    assert_eq!(dispatched.len(), 3);
}

#[test]
#[ignore = "needs namespaces"]
fn an_endpoint_that_is_refused_its_address_gets_another_and_the_others_hear_nothing_of_it() {
    let lab = lab();
    lab.customer.ip("link del voice0");
    let mut server = Provider::start(&lab, TSV);
    let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
    let others = ["data", "meter"].map(|endpoint| wait_address(&mut customer, endpoint));
    let before = marks(&mut customer);
    // Only the third has to renew soon.
    server.daemon.reload(&TSV.replace("sources", SHORT));
    make(&lab, "voice0");
    let lost = wait_address(&mut customer, "voice");
    server.call("Revoke", &lost.to_string().as_str()).expect("revoked");
    // Somebody else has it by then.
    server
        .call("Reserve", &(lost.to_string().as_str(), "hardware", &[2_u8, 0, 0x5e, 0, 0, 9][..]))
        .expect("kept");
    let refused = customer.client.wait_lease_event(before.bus, "nak", SOON);
    assert_eq!((&refused["endpoint"], &refused["address"]), (&"voice".into(), &lost.to_string().into()));
    let nak = customer.wire.wait_bootp(before.wire, "a NAK", |bootp| bootp.is(V4::NAK));
    assert_eq!(client_id(&nak), identity(&customer, lost));
    customer.client.until("voice has another address", SOON, |client| {
        let voice = endpoints(client).remove("voice")?;
        (voice["state"] == "bound" && voice["address"] != lost.to_string()).then_some(())
    });
    let [_, _, regained] = wait_all(&mut customer, &lab);
    assert_eq!(identity(&customer, lost), identity(&customer, regained), "the same client");
    assert_untouched(&mut customer, &others, &before);
    assert!(customer.kernel.changes().iter().any(|(_, change)| *change == Change::AddressGone(lost)));
    assert_ne!(regained, lost);
}

#[test]
#[ignore = "needs namespaces"]
fn an_endpoint_whose_interface_goes_and_comes_gets_its_address_back_and_the_others_hear_nothing_of_it() {
    let lab = lab();
    let _server = Provider::start(&lab, TSV);
    let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
    let [data, meter, voice] = wait_all(&mut customer, &lab);
    for _ in 0..2 {
        let before = marks(&mut customer);
        lab.customer.ip("link del voice0");
        customer.client.until("voice has lost it", SOON, |client| {
            (endpoints(client).get("voice")?["state"] != "bound").then_some(())
        });
        assert_eq!(customer.client.state("c0"), "degraded", "some work");
        make(&lab, "voice0");
        assert_eq!(wait_address(&mut customer, "voice"), voice);
        assert_eq!(wait_all(&mut customer, &lab), [data, meter, voice]);
        assert_eq!(customer.client.state("c0"), "bound");
        assert_untouched(&mut customer, &[data, meter], &before);
    }
}

#[test]
#[ignore = "needs namespaces"]
fn an_endpoint_whose_address_somebody_removes_gets_it_back_once_and_the_others_hear_nothing_of_it() {
    let lab = lab();
    let server = Provider::start(&lab, TSV);
    let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
    let [data, meter, voice] = wait_all(&mut customer, &lab);
    let before = marks(&mut customer);
    lab.customer.ip(&format!("addr del {voice}/24 dev voice0"));
    customer.kernel.until("it is back", SOON, || {
        let changes = customer.kernel.changes();
        let mut since = changes.iter().skip(before.kernel).map(|(_, change)| change);
        since.any(|change| *change == Change::AddressGone(voice))
            && since.any(|c| *c == Change::Address(voice))
    });
    assert_eq!(wait_all(&mut customer, &lab), [data, meter, voice]);
    assert!(sent(&customer, before.wire).is_empty(), "nothing had to be asked");
    lab.customer.ip(&format!("addr del {voice}/24 dev voice0"));
    customer.client.until("voice stays without", SOON, |client| {
        let one = endpoints(client).remove("voice")?;
        (one["state"] == "failed" && one["reason"] == "address-removed").then_some(())
    });
    let release = customer.wire.wait_bootp(before.wire, "a RELEASE", |bootp| bootp.is(V4::RELEASE));
    assert_eq!(release.message().ciaddr, voice);
    customer.client.until("the server has it back", SOON, |_| (server.leases4().len() == 2).then_some(()));
    assert_eq!(lab.customer.ipv4("voice0"), [] as [Ipv4Addr; 0]);
    assert_eq!([lab.customer.ipv4("c0"), lab.customer.ipv4("meter0")], [[data], [meter]]);
    assert_untouched(&mut customer, &[data, meter], &before);
}

#[test]
#[ignore = "needs namespaces and DHCPv4 servers"]
fn without_the_client_identifier_in_answers_only_the_first_endpoint_runs_and_says_why_hcra_26() {
    for make in [Make::Isc, Make::Dnsmasq] {
        let lab = lab();
        let plain = Plain::start(&lab, PlainSettings::of(make));
        let _relay = Provider::start(&lab, &tra(&[plain.settings.address()], ""));
        let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
        let data = wait_address(&mut customer, "data");
        for other in ["meter", "voice"] {
            let one = endpoints(&customer.client).remove(other).expect("it is configured");
            assert_eq!(
                (&one["state"], &one["reason"]),
                (&"failed".into(), &"server-lacks-6842".into()),
                "{make:?}"
            );
            assert_eq!(one["address"], "", "{make:?}");
        }
        assert_eq!(lab.customer.ipv4("c0"), [data], "{make:?}");
        for empty in ["meter0", "voice0"] {
            assert_eq!(lab.customer.ipv4(empty), [] as [Ipv4Addr; 0], "{make:?}");
        }
        assert_eq!(customer.client.state("c0"), "degraded");
        let refused = customer.client.property("c0", "org.dhcp4o6.Statistics1", "Counters");
        assert!(refused["no-client-id-echo"].as_u64() >= Some(3), "{make:?}: {refused}");
        let explained = ctl(&customer.bus, "explain c0");
        let text = String::from_utf8_lossy(&explained.stdout);
        assert!(text.contains("6842") || text.contains("client identifier"), "{make:?}: {text}");
        let shown = ctl(&customer.bus, "show c0");
        let text = String::from_utf8_lossy(&shown.stdout);
        assert!(text.contains("server-lacks-6842"), "{make:?}: {text}");
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn three_endpoints_have_three_addresses_of_kea_behind_a_relay_agent() {
    let lab = lab();
    let plain = Plain::start(&lab, PlainSettings::of(Make::Kea));
    let _relay = Provider::start(&lab, &tra(&[plain.settings.address()], ""));
    let mut customer = Customer::start(&lab, &format!("{LINK}{DATA}{METER}{VOICE}"));
    let addresses = wait_all(&mut customer, &lab);
    assert_eq!(BTreeSet::from(addresses).len(), 3, "{addresses:?}");
}
