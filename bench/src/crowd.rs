//! A thousand links in a hundred namespaces, in one process: how soon all are bound, and what that takes.

use crate::report::Row;
use crate::service::Service;
use dhcp4o6_tests::{Bus, Kea, KeaSettings, Lab, Namespace, SOON};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

const NAMESPACES: usize = 100;
const LINKS_EACH: usize = 10;
/// When all must be bound, and after that nobody waits any longer.
const LIMIT: f64 = 20.0;
const PATIENCE: Duration = Duration::from_secs(120);
const MEGABYTE: f64 = 1024.0;

pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Vec<Row> {
    let all = NAMESPACES * LINKS_EACH;
    progress(&format!("{all} links in {NAMESPACES} namespaces"));
    let lab = Lab::apart();
    let customers = wire_up(&lab);
    let _kea = Kea::start(
        &lab,
        KeaSettings {
            interface: "br0".to_owned(),
            addresses: false,
            prefixes: false,
            network4: Some((Ipv4Addr::new(10, 64, 0, 0), 16)),
            lifetime4: (86400, 43200, 75600),
            ..KeaSettings::default()
        },
    );
    let bus = Bus::start(lab.dir());
    let mut config = String::new();
    for customer in &customers {
        let _ = writeln!(
            config,
            "[[link]]\nmatch = \"c*\"\nnamespace = \"{}\"\ndhcp6 = \"stateless\"\n",
            customer.name()
        );
    }
    let service = Service::start(&lab, &bus, &config);
    let mut client = bus.client();
    // A link that is bound before it is shown has no change of state to tell.
    client.until("every link is on the bus", SOON, |client| {
        let links = client.manager("ListLinks", &()).ok()?;
        (links[0].as_array()?.len() == all).then_some(())
    });
    progress(&format!("{all} links go up"));
    let up = Instant::now();
    let processor = service.processor_time();
    for customer in &customers {
        let lines: String = (0..LINKS_EACH).map(|link| format!("link set c{link} up\n")).collect();
        customer.ip_batch(&lab.dir().join("batch"), &lines);
    }
    let raised = up.elapsed().as_secs_f64();
    let mut bound = BTreeSet::new();
    while bound.len() < all && up.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(20));
        for signal in client.seen() {
            if signal.member == "StateChanged" && signal.arguments[0] == "bound" {
                bound.insert(signal.path.clone());
            }
        }
    }
    let took = up.elapsed().as_secs_f64();
    let processor = service.processor_time() - processor;
    let addresses: usize = customers
        .iter()
        .map(|customer| (0..LINKS_EACH).filter(|link| !customer.ipv4(&format!("c{link}")).is_empty()).count())
        .sum();
    drop(client);
    nix::unistd::sync();
    let dirty = service.kilobytes("smaps_rollup", "Private_Dirty");
    let how = format!(
        "{} links said so, {addresses} have an address; raising them took {raised:.1} s",
        bound.len()
    );
    vec![
        Row::new(
            format!("{all} links: link-up to all bound"),
            if bound.len() == all { took } else { f64::INFINITY },
            "s",
            how,
        )
        .at_most(LIMIT),
        Row::new(format!("{all} links: processor time until bound"), processor, "s", "user and system"),
        Row::new(format!("{all} links, bound: private dirty"), dirty / MEGABYTE, "MB", "smaps_rollup")
            .at_most(10.0),
    ]
}

/// Every customer's links end in one bridge at the provider, and see only the provider there.
///
/// All namespaces share the kernel's room for neighbours, which is a thousand: with more, it would drop what is sent.
/// So the provider knows its customers beforehand, and permanent neighbours do not count.
fn wire_up(lab: &Lab) -> Vec<Namespace> {
    lab.provider.ip("link add br0 type bridge forward_delay 0 mcast_snooping 0");
    lab.provider.ip("link set br0 up");
    lab.number_provider("br0");
    let mut customers = Vec::new();
    for number in 0..NAMESPACES {
        let customer = lab.namespace(&format!("n{number}"));
        customer.set("net/ipv6/conf/default/accept_dad", "1");
        let mut lines = String::new();
        for link in 0..LINKS_EACH {
            let port = format!("p{number}-{link}");
            let mac = format!("02:5e:00:00:{number:02x}:{link:02x}");
            let _ = writeln!(
                lines,
                "link add {port} type veth peer name c{link} address {mac} netns {}",
                customer.name()
            );
            let _ = writeln!(lines, "link set {port} master br0 up");
            let link_local = format!("fe80::5e:ff:fe00:{number:02x}{link:02x}");
            let _ = writeln!(lines, "neigh add {link_local} lladdr {mac} dev br0 nud permanent");
            let _ = writeln!(lines, "link set {port} type bridge_slave isolated on");
        }
        lab.provider.ip_batch(&lab.dir().join("batch"), &lines);
        customers.push(customer);
    }
    customers
}
