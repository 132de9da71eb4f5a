//! A disk that takes nothing: renewals go on with what is stored, nobody gets anything new, and all is well afterwards.

use super::{SERVER, STATELESS};
use dhcp4o6_protocol::wire::v4::MessageType as V4;
use dhcp4o6_tests::{Customer, Dhcp, Lab, Provider, SOON, SmallDisk};
use serde_json::json;
use std::time::Duration;

/// How long nothing has to come, for there to come nothing.
const SILENCE: Duration = Duration::from_secs(6);

struct Full {
    customer: Customer,
    neighbour: Customer,
    provider: Provider,
    disk: SmallDisk,
    lab: Lab,
}

/// A customer that is bound, and a neighbour that is not there yet.
fn bound() -> (Lab, dhcp4o6_tests::Namespace, SmallDisk, Provider, Customer) {
    let lab = Lab::new();
    let neighbour = lab.namespace("n");
    lab.join((&lab.provider, "s1"), (&neighbour, "c0"));
    let disk = SmallDisk::mount(&lab.dir().join("provider/state"), 64 * 1024);
    let provider = Provider::start(&lab, &SERVER.replace("[\"s0\"]", "[\"s0\", \"s1\"]"));
    let mut customer = Customer::start(&lab, STATELESS);
    customer.wait_bound("c0");
    (lab, neighbour, disk, provider, customer)
}

/// What has to be so while the disk takes nothing; `fail` makes it take nothing, and the server know.
fn degrade(fail: impl FnOnce(&SmallDisk, &mut Provider)) -> Full {
    let (lab, neighbour, disk, mut provider, mut customer) = bound();
    let address = lab.customer.ipv4("c0");
    fail(&disk, &mut provider);
    provider.wait("State", "degraded");
    assert_eq!(
        (provider.server("Storage"), provider.server("Reason")),
        (json!("degraded"), json!("no-storage"))
    );
    let neighbour = Customer::start_in(&lab, &neighbour, "neighbour", STATELESS);
    customer.client.link("c0", "Renew").expect("renewed");
    let lease = customer.client.wait_lease_event(0, "renewed", SOON);
    assert_eq!(lease["address"], json!(address[0]));
    assert!(lease["lifetime"].as_u64().is_some_and(|left| left <= 600), "{lease}");
    neighbour.wire.listen(SILENCE);
    let given = |dhcp: &Dhcp| dhcp.carries(V4::OFFER) || dhcp.carries(V4::ACK);
    assert!(!neighbour.wire.dhcp().iter().any(given), "nothing new");
    assert!(provider.count("no-storage") > 0);
    assert_eq!(provider.leases4().len(), 1);
    Full { customer, neighbour, provider, disk, lab }
}

/// The disk takes everything again, and so it is.
fn recover(mut full: Full) {
    // Not to wait a minute: whoever makes room says so.
    full.provider.daemon.reload(&SERVER.replace("[\"s0\"]", "[\"s0\", \"s1\"]"));
    full.provider.wait("State", "running");
    full.neighbour.wait_bound("c0");
    let mark = full.customer.client.mark();
    full.customer.client.link("c0", "Renew").expect("renewed");
    full.customer.client.wait_lease_event(mark, "renewed", SOON);
    let before = full.provider.leases4();
    assert_eq!(before.len(), 2, "{before:#?}");
    full.provider.daemon.kill();
    full.provider.start_again();
    assert_eq!(full.provider.leases4(), before, "all of it is on disk");
    let Full { disk, lab, .. } = full;
    drop((disk, lab));
}

#[test]
#[ignore = "needs namespaces"]
fn with_a_full_disk_renewals_go_on_nobody_gets_anything_new_and_room_heals_it() {
    let full = degrade(|_, provider| {
        let mut file = std::fs::File::create(provider.daemon.state_dir().join("filler")).expect("a file");
        while std::io::Write::write_all(&mut file, &[0; 1024]).is_ok() {}
        // There is still room on the last page of the journal.
        let reserve = |last: u8| {
            let holder: &[u8] = &[last; 250];
            provider.call("Reserve", &(format!("192.0.2.{last}"), "client-id", holder))
        };
        let refused = (2..100).find_map(|last| reserve(last).err()).expect("it is full some time");
        assert_eq!(refused.0, "org.dhcp4o6.Error.Storage", "{refused:?}");
    });
    std::fs::remove_file(full.provider.daemon.state_dir().join("filler")).expect("removed");
    recover(full);
}

#[test]
#[ignore = "needs namespaces"]
fn with_a_read_only_disk_it_is_the_same() {
    let full = degrade(|disk, provider| {
        // What is open for writing keeps the kernel from it.
        assert!(provider.daemon.terminate().success());
        disk.set_read_only(true);
        provider.start_again();
    });
    full.disk.set_read_only(false);
    recover(full);
}
