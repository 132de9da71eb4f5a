//! `dhcp4o6-load` as a program, and against Kea.

#![allow(clippy::unwrap_used)]

use dhcp4o6_tests::{Kea, KeaSettings, Lab};
use serde_json::Value;
use std::net::Ipv4Addr;
use std::process::{Command, Output};

const PROGRAM: &str = env!("CARGO_BIN_EXE_dhcp4o6-load");

fn run(options: &str) -> Output {
    Command::new(PROGRAM).args(options.split_whitespace()).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn exit_codes_are_those_of_the_help() {
    let help = run("--help");
    assert_eq!(help.status.code(), Some(0));
    assert!(String::from_utf8_lossy(&help.stdout).contains("Exit codes: 0 success"));
    assert_eq!(run("").status.code(), Some(2));
    assert_eq!(run("--server 192.0.2.1").status.code(), Some(2));
    assert_eq!(run("echo --port 70000").status.code(), Some(2));
    let silent = run("--server ::1 --port 9 --local-port 0 --duration 100ms");
    assert_eq!(silent.status.code(), Some(3), "{}", stderr(&silent));
}

#[test]
fn what_cannot_be_used_is_named() {
    let taken = std::net::UdpSocket::bind("[::]:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let output = run(&format!("--server ::1 --local-port {port}"));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(&format!("UDP port {port} cannot be used")), "{}", stderr(&output));
    let many = run("--server ::1 --local-port 0 --mode renew --clients 20000000");
    assert_eq!(many.status.code(), Some(1));
    assert!(stderr(&many).contains("--clients can be at most"), "{}", stderr(&many));
}

/// Runs it at the customer of a lab in which Kea has room for many; returns the figures.
fn against_kea(options: &str) -> Value {
    let lab = Lab::new();
    lab.customer.ip("addr add 2001:db8:6::2/64 dev c0 nodad");
    lab.customer.ip("-6 route add local 2001:db8:f::/64 dev lo");
    lab.provider.ip("-6 route add 2001:db8:f::/64 via 2001:db8:6::2");
    let _kea = Kea::start(
        &lab,
        KeaSettings {
            network4: Some((Ipv4Addr::new(10, 0, 0, 0), 8)),
            unicast: Some("2001:db8:6::1".parse().unwrap()),
            ..KeaSettings::default()
        },
    );
    let mut command = lab.customer.command(PROGRAM);
    command.args(["--server", "2001:db8:6::1", "--json"]).args(options.split_whitespace());
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
#[ignore = "needs network namespaces: tests/in-lab"]
fn kea_serves_many_clients_behind_a_relay_agent_and_no_address_twice() {
    let report = against_kea("--clients 2000 --outstanding 32");
    assert_eq!((&report["dora"]["count"], &report["duplicates"]), (&2000.into(), &0.into()), "{report:#}");
}

#[test]
#[ignore = "needs network namespaces: tests/in-lab"]
fn kea_serves_many_clients_that_each_have_an_address() {
    let report = against_kea("--clients 2000 --outstanding 32 --direct 2001:db8:f::/64");
    assert_eq!((&report["dora"]["count"], &report["duplicates"]), (&2000.into(), &0.into()), "{report:#}");
}

#[test]
#[ignore = "needs network namespaces: tests/in-lab"]
fn kea_renews_for_many_clients() {
    let report = against_kea("--mode renew --clients 100 --outstanding 10 --duration 1s");
    assert_eq!((&report["bound"], &report["naks"]), (&100.into(), &0.into()), "{report:#}");
    assert!(report["renewal"]["count"].as_u64().unwrap() > 100, "{report:#}");
}

#[test]
#[ignore = "needs network namespaces: tests/in-lab"]
fn kea_takes_addresses_back() {
    let report = against_kea("--clients 500 --outstanding 8 --release");
    assert_eq!((&report["dora"]["count"], &report["sent"]), (&500.into(), &1500.into()), "{report:#}");
}
