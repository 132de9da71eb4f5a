//! The service on the bus, as `busctl` sees it.

use super::STATEFUL;
use dhcp4o6_tests::{KeaSettings, Process, SOON, Scene};
use serde_json::Value;
use std::time::{Duration, Instant};

/// What `busctl` prints; it has to succeed.
fn busctl(scene: &Scene, arguments: &str) -> String {
    let output = scene.bus.busctl(arguments).output().expect("busctl starts");
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "busctl {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What `busctl` complains of; it has to fail.
fn refusal(scene: &Scene, arguments: &str) -> String {
    let output = scene.bus.busctl(arguments).output().expect("busctl starts");
    assert!(!output.status.success(), "busctl {arguments} succeeded");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn busctl_shows_and_does_everything() {
    let scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let path = scene.client.path("c0").expect("on the bus");
    assert!(busctl(&scene, "tree org.dhcp4o6 --list").lines().any(|line| line.trim() == path));

    let introspected = busctl(&scene, &format!("introspect org.dhcp4o6 {path}"));
    for member in
        ["org.dhcp4o6.Link1", "org.dhcp4o6.Dhcp6Stage1", "org.dhcp4o6.Client1", "org.dhcp4o6.Statistics1"]
    {
        assert!(introspected.contains(member), "{member} in\n{introspected}");
    }
    for member in ["Start", "Stop", "Renew", "Rebind", "Release", "Restart", "Describe", "Explain"] {
        assert!(introspected.contains(&format!(".{member} ")), "{member} in\n{introspected}");
    }
    let manager = busctl(&scene, "introspect org.dhcp4o6 /org/dhcp4o6 org.dhcp4o6.Manager1");
    for member in ["ListLinks", "GetLinkByName", "AddLink", "RemoveLink", "Reload", "Describe"] {
        assert!(manager.contains(&format!(".{member} ")), "{member} in\n{manager}");
    }

    let get = |interface: &str, property: &str| -> Value {
        let text =
            busctl(&scene, &format!("--json=short get-property org.dhcp4o6 {path} {interface} {property}"));
        serde_json::from_str::<Value>(&text).expect("JSON")["data"].clone()
    };
    assert_eq!(get("org.dhcp4o6.Link1", "State"), "bound");
    let config = get("org.dhcp4o6.Link1", "Ip4Config");
    let address = scene.address().expect("bound").to_string();
    assert_eq!(config["address"]["data"], Value::from(address), "{config}");
    assert_eq!(config["gateway"]["data"], "192.0.2.1", "{config}");
    assert_eq!(config["dns"]["data"][0], "192.0.2.53", "{config}");
    assert_eq!(config["mtu"]["data"], 1420, "{config}");
    assert_eq!(config["device"]["data"], "c0", "{config}");
    assert_eq!(get("org.dhcp4o6.Client1", "Permit")["state"]["data"], "valid");
    for interface in ["Link1", "Dhcp6Stage1", "Client1", "Statistics1"] {
        let all = busctl(
            &scene,
            &format!(
                "--json=short call org.dhcp4o6 {path} org.freedesktop.DBus.Properties GetAll s org.dhcp4o6.{interface}"
            ),
        );
        assert!(serde_json::from_str::<Value>(&all).is_ok_and(|all| all["data"][0].is_object()), "{all}");
    }
    let explained =
        busctl(&scene, &format!("--json=short call org.dhcp4o6 {path} org.dhcp4o6.Link1 Explain"));
    assert!(explained.contains("192.0.2.1"), "{explained}");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn signals_are_seen_on_the_bus() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let path = scene.client.path("c0").expect("on the bus");
    let monitor =
        Process::spawn(scene.bus.busctl("monitor org.dhcp4o6"), &scene.lab.dir().join("monitor.log"));
    monitor.wait_line("Monitoring");
    busctl(&scene, &format!("call org.dhcp4o6 {path} org.dhcp4o6.Link1 Renew"));
    monitor.wait_line("Member=LeaseEvent");
    monitor.wait_line("Member=PropertiesChanged");
    scene.client.wait_lease_event(0, "renewed", SOON);
    busctl(&scene, &format!("call org.dhcp4o6 {path} org.dhcp4o6.Link1 Release"));
    let lease = scene.client.wait_lease_event(0, "released", SOON);
    assert!(lease["address"].as_str().is_some_and(|address| address.starts_with("192.0.2.")), "{lease}");
    scene.kernel.until("the address is gone", SOON, || scene.lab.customer.ipv4("c0").is_empty());
    let mark = scene.client.mark();
    busctl(&scene, &format!("call org.dhcp4o6 {path} org.dhcp4o6.Link1 Restart"));
    scene.wait_bound();
    monitor.wait_line("Member=StateChanged");
    scene.client.wait_state_changed(mark, "bound", SOON);
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn errors_have_names() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let path = scene.client.path("c0").expect("on the bus");
    let name = |result: Result<Value, (String, String)>| result.expect_err("refused").0;
    assert_eq!(
        name(scene.client.manager("GetLinkByName", &("nowhere0", ""))),
        "org.dhcp4o6.Error.NoSuchLink"
    );
    let (error, text) = scene.client.manager("AddLink", &"match = 7\nmetric = \"x\"\n").expect_err("refused");
    assert_eq!(error, "org.dhcp4o6.Error.ConfigInvalid");
    assert!(text.contains("match") && text.contains("metric"), "every mistake at once: {text}");
    assert!(
        refusal(&scene, "call org.dhcp4o6 /org/dhcp4o6 org.dhcp4o6.Manager1 GetLinkByName ss x y")
            .contains('x')
    );
    scene.client.call(&path, "org.dhcp4o6.Link1", "Release", &()).expect("released");
    scene.client.wait_lease_event(0, "released", SOON);
    assert_eq!(
        name(scene.client.call(&path, "org.dhcp4o6.Link1", "Rebind", &())),
        "org.dhcp4o6.Error.NoLease"
    );
    let long = "x".repeat(70_000);
    assert!(name(scene.client.manager("AddLink", &long)).starts_with("org.dhcp4o6.Error."));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn a_link_added_on_the_bus_runs_and_stops_when_it_is_removed() {
    let mut scene = Scene::start(KeaSettings::default(), "");
    scene.client.manager("AddLink", &STATEFUL).expect("added");
    scene.wait_bound();
    scene.client.manager("RemoveLink", &"c0").expect("removed");
    scene.client.until("its object is gone", SOON, |client| client.path("c0").is_none().then_some(()));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn start_and_stop_run_and_silence_a_link() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    scene.client.link("c0", "Stop").expect("stopped");
    scene.client.wait_state("c0", "down", SOON);
    let stopped = scene.client.property("c0", "org.dhcp4o6.Link1", "Stopped");
    assert_eq!(stopped, true);
    scene.kernel.until("the address is gone", SOON, || scene.lab.customer.ipv4("c0").is_empty());
    scene.client.link("c0", "Start").expect("started");
    scene.wait_bound();
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn without_a_bus_the_lease_lives_on_and_the_name_comes_back_with_it() {
    let settings = KeaSettings { lifetime4: (12, 3, 9), ..KeaSettings::default() };
    let mut scene = Scene::bound(settings, STATEFUL);
    let address = scene.address();
    scene.bus.kill();
    let mark = scene.wire.mark();
    scene.wire.wait_after(mark, "a renewal without a bus", SOON, dhcp4o6_tests::Dhcp::is_unicast);
    scene.bus.start_again();
    let back = Instant::now();
    scene.client = scene.bus.client();
    scene.client.until("the name is owned again", SOON, |client| client.path("c0"));
    assert!(back.elapsed() < Duration::from_secs(6), "only after {:?}", back.elapsed());
    scene.client.wait_state("c0", "bound renewing", SOON);
    assert_eq!(scene.address(), address);
}
