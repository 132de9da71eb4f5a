//! `dhcp4o6ctl`.

use super::STATEFUL;
use dhcp4o6_tests::{KeaSettings, Option88, Process, SOON, Scene, ctl, program};
use serde_json::Value;
use std::process::Command;

fn text(scene: &Scene, arguments: &str) -> String {
    let output = ctl(&scene.bus, arguments);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "dhcp4o6ctl {arguments}: {error}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn json(scene: &Scene, arguments: &str) -> Value {
    let text = text(scene, arguments);
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("dhcp4o6ctl {arguments}: {error} in\n{text}"))
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn every_view_shows_the_lease_for_people_and_for_programs() {
    let scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let address = scene.address().expect("bound").to_string();
    for view in ["status", "show c0", "explain c0"] {
        let shown = text(&scene, view);
        assert!(shown.contains(&address) && shown.contains("c0"), "{view}:\n{shown}");
        let shown = json(&scene, &format!("{view} --json")).to_string();
        assert!(shown.contains(&address), "{view} --json:\n{shown}");
    }
    assert!(text(&scene, "status").contains("bound"));
    assert!(text(&scene, "counters c0").to_lowercase().contains("sent"));
    assert!(json(&scene, "counters c0 --json").to_string().contains("malformed6"));
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn explain_says_where_it_stops_and_why() {
    let settings = KeaSettings { option88: Option88::Absent, ..KeaSettings::default() };
    let mut scene = Scene::start(settings, STATEFUL);
    scene.client.wait_state("c0", "not-enabled", SOON);
    let explained = text(&scene, "explain c0");
    assert!(explained.contains("88"), "{explained}");
    let steps = json(&scene, "explain c0 --json").to_string();
    assert!(steps.contains("ok") && steps.contains("failed") | steps.contains("waiting"), "{steps}");
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn commands_act_and_monitor_shows_it() {
    let mut scene = Scene::bound(KeaSettings::default(), STATEFUL);
    let mut command = Command::new(program("dhcp4o6ctl"));
    command.args(["--bus", &scene.bus.address(), "monitor", "--json"]);
    let monitor = Process::spawn(command, &scene.lab.dir().join("ctl-monitor.log"));
    for (command, event) in [("renew c0", "renewed"), ("rebind c0", "rebound"), ("release c0", "released")] {
        // The monitor says nothing before something happens, so it may still be connecting: ask until it shows.
        scene.client.seen();
        let mark = monitor.mark();
        text(&scene, command);
        scene.client.wait_lease_event(0, event, SOON);
        if command != "renew c0" {
            let line = monitor.wait_line_after(mark, event);
            assert!(serde_json::from_str::<Value>(&line).is_ok(), "one object a line: {line}");
        }
    }
    text(&scene, "restart c0");
    scene.wait_bound();
    text(&scene, "down c0");
    scene.client.wait_state("c0", "down", SOON);
    text(&scene, "up c0");
    scene.wait_bound();
}

#[test]
#[ignore = "needs namespaces and Kea"]
fn mistakes_are_told_and_fail() {
    let scene = Scene::bound(KeaSettings::default(), STATEFUL);
    for wrong in ["show nowhere0", "renew nowhere0", "explain nowhere0"] {
        let output = ctl(&scene.bus, wrong);
        assert!(!output.status.success(), "{wrong}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("nowhere0"), "{wrong}: {output:?}");
    }
    assert_eq!(ctl(&scene.bus, "frobnicate").status.code(), Some(2));
}
