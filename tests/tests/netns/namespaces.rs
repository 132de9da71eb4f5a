//! Many namespaces, many links, one process; and no packet where none was asked for.

use super::STATEFUL;
use dhcp4o6_tests::{Bus, Capture, Daemon, Frame, Kea, KeaSettings, Lab, Namespace, SOON, Scene, Watch};
use std::fmt::Write;
use std::time::{Duration, Instant};

fn config_in(namespace: &Namespace) -> String {
    format!("{STATEFUL}namespace = \"{}\"\n", namespace.name())
}

/// A service in a namespace of its own that runs a link of another.
struct Remote {
    daemon: Daemon,
    client: dhcp4o6_tests::BusClient,
    _bus: Bus,
    home: Namespace,
}

impl Remote {
    fn start(lab: &Lab, config: &str) -> Self {
        let home = lab.namespace("home");
        let bus = Bus::start(lab.dir());
        let mut client = bus.client();
        let daemon = Daemon::start_in(lab, &home, &bus, config);
        client.wait_service();
        Self { daemon, client, _bus: bus, home }
    }
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_of_another_namespace_is_served_there() {
    let lab = Lab::new();
    let _kea = Kea::start(&lab, KeaSettings::default());
    let mut remote = Remote::start(&lab, &config_in(&lab.customer));
    let link = format!("{}/c0", lab.customer.name());
    remote.client.wait_state(&link, "bound", SOON);
    assert_eq!(lab.customer.ipv4("c0").len(), 1);
    assert!(remote.home.routes4().is_empty());
    assert!(lab.customer.pings("198.51.100.1"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_target_may_name_the_namespace_that_the_service_is_in() {
    let lab = Lab::new();
    let config =
        format!("{STATEFUL}target = {{ interface = \"c0\", namespace = \"{}\" }}\n", lab.customer.name());
    let mut scene = Scene::start_in(lab, KeaSettings::default(), &config);
    scene.wait_bound();
    let path = scene.client.path("c0");
    scene.lab.join((&scene.lab.customer, "lan0"), (&scene.lab.provider, "lan1"));
    scene.wire.listen(Duration::from_secs(2));
    assert_eq!(scene.client.path("c0"), path, "it is one link, by whatever name its namespace is called");
    assert_eq!(scene.client.state("c0"), "bound");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_namespace_that_does_not_exist_yet_is_waited_for() {
    let lab = Lab::apart();
    let name = format!("{}-later", lab.customer.name());
    let config = format!("{STATEFUL}namespace = \"{name}\"\n");
    let mut remote = Remote::start(&lab, &config);
    let described = remote.client.manager("Describe", &()).expect("described").to_string();
    assert!(described.contains(&name), "the missing namespace is named: {described}");

    let later = Namespace::create(&name);
    lab.join((&lab.provider, "s0"), (&later, "c0"));
    lab.number_provider("s0");
    let _kea = Kea::start(&lab, KeaSettings::default());
    remote.client.wait_state(&format!("{name}/c0"), "bound", SOON * 2);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_namespace_deleted_and_made_again_is_a_new_one() {
    let lab = Lab::apart();
    let name = format!("{}-again", lab.customer.name());
    let make = || {
        let namespace = Namespace::create(&name);
        lab.join((&lab.provider, "s0"), (&namespace, "c0"));
        lab.number_provider("s0");
        namespace
    };
    let first = make();
    let mut kea = Kea::start(&lab, KeaSettings::default());
    let mut remote = Remote::start(&lab, &config_in(&first));
    let link = format!("{name}/c0");
    remote.client.wait_state(&link, "bound", SOON);
    let (path, address) = (remote.client.path(&link), first.ipv4("c0"));

    drop(first);
    // The kernel ends a namespace when nobody is in it; its end of the link goes with it, and the other one too.
    let provider = Watch::open(&lab.provider);
    provider.until("the link is gone", SOON, || !lab.provider.has("s0"));
    remote.client.until("its object is gone", SOON, |client| client.path(&link).is_none().then_some(()));
    assert!(remote.daemon.process().runs());

    let second = make();
    kea.start6(&lab);
    kea.start4(&lab);
    remote.client.wait_state(&link, "bound", SOON * 2);
    assert_ne!(remote.client.path(&link), path);
    assert_eq!(second.ipv4("c0"), address, "the link's identity is the same, so is its address");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn no_packet_leaves_a_link_that_the_configuration_does_not_name() {
    let lab = Lab::new();
    let other = lab.namespace("other");
    lab.join((&lab.customer, "lan0"), (&other, "o0"));
    let outside = lab.namespace("outside");
    lab.join((&outside, "c0"), (&lab.provider, "s9"));
    let wires = [Capture::start(&other), Capture::start(&outside)];
    let mut scene = Scene::start_in(lab, KeaSettings::default(), STATEFUL);
    scene.wait_bound();
    scene.client.link("c0", "Restart").expect("restarted");
    scene.wait_bound();
    for wire in &wires {
        assert!(wire.dhcp().is_empty(), "{:?}", wire.dhcp());
        assert!(!wire.frames().iter().any(Frame::is_ipv4));
    }
    let lan = scene.lab.customer.ip_json("link show dev lan0")[0]["ifindex"].as_u64();
    assert!(scene.wire.dhcp().iter().all(|dhcp| Some(dhcp.interface as u64) != lan));
    assert!(scene.client.path("lan0").is_none());
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn an_empty_configuration_is_silent() {
    let scene = Scene::start(KeaSettings::default(), "");
    scene.wire.listen(Duration::from_secs(3));
    assert!(scene.wire.sent().is_empty());
    assert_eq!(scene.client.manager("ListLinks", &()).expect("listed"), serde_json::json!([[]]));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn one_dead_link_does_not_hold_up_another_sup_09() {
    let lab = Lab::new();
    let nobody = lab.namespace("nobody");
    lab.join((&lab.customer, "dead0"), (&nobody, "n0"));
    let config = format!("{}{STATEFUL}", STATEFUL.replace("c0", "dead0"));
    let mut scene = Scene::start_in(lab, KeaSettings::default(), &config);
    scene.wait_bound();
    assert_eq!(scene.client.state("dead0"), "dhcp6");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_hundred_links_in_ten_namespaces_are_all_bound_within_20_seconds() {
    const NAMESPACES: usize = 10;
    const LINKS: usize = 10;
    let lab = Lab::apart();
    lab.bridge("br0");
    lab.number_provider("br0");
    let mut config = String::from("[defaults]\ndhcp6 = \"stateful\"\naccept.routes = false\n");
    let namespaces: Vec<Namespace> = (0..NAMESPACES)
        .map(|number| {
            let namespace = lab.namespace(&format!("n{number}"));
            let mut batch = String::new();
            for link in 0..LINKS {
                let (name, port) = (format!("w{number}x{link}"), format!("p{number}x{link}"));
                let _ = writeln!(
                    batch,
                    "link add {name} type veth peer name {port} netns {}",
                    lab.provider.name()
                );
            }
            namespace.ip_batch(&lab.dir().join("batch"), &batch);
            let _ = write!(config, "[[link]]\nmatch = \"w*\"\nnamespace = \"{}\"\n", namespace.name());
            namespace
        })
        .collect();
    let ports = |what: &str| {
        let all = (0..NAMESPACES).flat_map(|n| (0..LINKS).map(move |l| (n, l)));
        all.fold(String::new(), |text, (n, l)| text + &format!("link set p{n}x{l} {what}\n"))
    };
    lab.provider.ip_batch(&lab.dir().join("batch"), &(ports("master br0") + &ports("up")));
    let _kea = Kea::start(&lab, KeaSettings { interface: "br0".to_owned(), ..KeaSettings::default() });
    let mut remote = Remote::start(&lab, &config);

    let start = Instant::now();
    for (number, namespace) in namespaces.iter().enumerate() {
        let up =
            (0..LINKS).fold(String::new(), |text, link| text + &format!("link set w{number}x{link} up\n"));
        namespace.ip_batch(&lab.dir().join("batch"), &up);
    }
    remote.client.until("all are bound", SOON, |client| {
        let objects = client.objects();
        let states =
            objects.as_object()?.values().filter_map(|object| object["org.dhcp4o6.Link1"]["State"].as_str());
        (states.filter(|state| *state == "bound").count() == NAMESPACES * LINKS).then_some(())
    });
    println!("{} links were bound {:?} after the first came up", NAMESPACES * LINKS, start.elapsed());
    let mut addresses: Vec<_> = namespaces
        .iter()
        .flat_map(|namespace| namespace.ip_json("-4 addr show").as_array().cloned().unwrap_or_default())
        .filter_map(|link| link["addr_info"].as_array()?.first()?["local"].as_str().map(str::to_owned))
        .filter(|address| address != "127.0.0.1")
        .collect();
    addresses.sort();
    addresses.dedup();
    assert_eq!(addresses.len(), NAMESPACES * LINKS, "each has an address of its own");
}
