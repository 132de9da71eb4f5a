//! The whole tool against servers on the loopback interface.

use super::args::Arguments;
use super::batch::{Addresses, Family, Socket};
use super::figures::Report;
use super::run::run;
use super::stand_in::StandIn;
use super::yardstick::{self, Answer};
use clap::Parser as _;
use dhcp4o6_protocol::wire::o6::{self, CodePoints};
use dhcp4o6_protocol::wire::relay::Relayed;
use dhcp4o6_protocol::wire::v4::Message as Message4;
use dhcp4o6_protocol::wire::v6::Message;
use serde_json::Value;
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};

/// A run against a port of this host; the report as programs read it, and whether it was a success.
fn load(port: u16, options: &str) -> (Value, bool) {
    let line = format!("dhcp4o6-load --server ::1 --port {port} --local-port 0 --seed 7 {options}");
    let arguments = Arguments::try_parse_from(line.split_whitespace()).unwrap();
    let report: Report = run(&arguments.load).unwrap();
    assert!(!report.table().is_empty());
    (serde_json::to_value(&report).unwrap(), report.is_success())
}

/// An echo server that ends with the process.
fn echo() -> u16 {
    let socket = Socket::bind(0, Family::Ipv6, Addresses::Own).unwrap();
    let port = socket.port().unwrap();
    std::thread::spawn(move || yardstick::echo(&socket, Answer::Same));
    port
}

/// A server that gives every client the address that `choose` makes of its number; `None` is silence.
fn server(choose: impl Fn(u32) -> Option<[u8; 4]> + Send + 'static) -> u16 {
    let socket = UdpSocket::bind((Ipv6Addr::LOCALHOST, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut stand_in = StandIn::new(7, true).unwrap();
        let mut buffer = [0; 2048];
        while let Ok((length, from)) = socket.recv_from(&mut buffer) {
            let relayed = Relayed::parse(&buffer[..length]).unwrap();
            let query = o6::dhcpv4(CodePoints::RFC7341, &Message::parse(relayed.message).unwrap()).unwrap();
            let query = Message4::parse(query).unwrap();
            let interface = std::str::from_utf8(relayed.levels[0].interface_id().unwrap()).unwrap();
            let number = interface.trim_start_matches("load-").parse().unwrap();
            let mut answer =
                stand_in.fill(query.kind().unwrap(), query.xid, super::identity::Number(number)).to_vec();
            let Some(address) = choose(number) else { continue };
            answer[16..20].copy_from_slice(&address);
            let response = o6::emit_response(CodePoints::RFC7341, [0; 3], &answer).unwrap();
            socket.send_to(&relayed.reply(&response).unwrap(), from).unwrap();
        }
    });
    port
}

#[test]
fn every_client_completes_against_an_echo() {
    let port = echo();
    for options in ["", "--direct", "--profile draft01", "--no-chaddr", "--release --direct", "--cra"] {
        let (report, success) = load(port, &format!("--echo -n 3000 -o 64 {options}"));
        assert!(success, "{options}: {report:#}");
        assert_eq!(report["dora"]["count"], 3000, "{options}: {report:#}");
        for nothing in ["lost", "duplicates", "naks", "unfinished", "retransmissions", "not_sent"] {
            assert_eq!(report[nothing], 0, "{options}: {nothing} in {report:#}");
        }
        let datagrams = if options.contains("release") { 9000 } else { 6000 };
        assert_eq!(report["sent"], datagrams, "{options}");
    }
}

#[test]
fn bound_clients_renew_again_and_again() {
    let (report, success) = load(echo(), "--echo --mode renew -n 50 -o 10 -d 300ms");
    assert!(success);
    assert_eq!(report["bound"], 50);
    assert!(report["renewal"]["count"].as_u64().unwrap() > 50, "{report:#}");
    assert_eq!(report["dora"]["count"], 0);
    assert_eq!(report["lost"], 0);
}

#[test]
fn an_open_loop_begins_as_many_as_it_was_told() {
    let (report, _) = load(echo(), "--echo --rate 500 -d 1s");
    let count = report["dora"]["count"].as_u64().unwrap();
    assert!((400..=501).contains(&count), "{count} of 500");
}

#[test]
fn a_server_that_answers_like_one_is_believed() {
    let port = server(|number| Some([10, 0, (number >> 8) as u8, number as u8]));
    let (report, success) = load(port, "-n 500 -o 32");
    assert!(success, "{report:#}");
    assert_eq!((&report["dora"]["count"], &report["duplicates"]), (&500.into(), &0.into()));
}

#[test]
fn one_address_for_two_clients_is_found_out() {
    let port = server(|number| Some([10, 0, 0, (number % 99) as u8 + 1]));
    let (report, success) = load(port, "-n 100 -o 1");
    assert!(!success);
    assert_eq!(report["duplicates"], 1);
    assert_eq!(report["duplicate_examples"][0], "10.0.0.1 to clients 0 and 99");
}

#[test]
fn silence_is_no_success_and_keeps_its_slots() {
    let (report, success) = load(server(|_| None), "-o 5 -d 200ms");
    assert!(!success);
    assert_eq!((&report["unfinished"], &report["sent"]), (&5.into(), &5.into()));
}

#[test]
fn a_lost_answer_is_asked_for_again_by_the_client_itself() {
    let dropped = std::cell::Cell::new(false);
    let port = server(move |number| dropped.replace(true).then_some([10, 0, 0, number as u8 + 1]));
    let (report, success) = load(port, "-n 3 -o 1");
    assert!(success);
    assert_eq!((&report["lost"], &report["retransmissions"]), (&1.into(), &1.into()));
    // 4 s, longer or shorter by up to one.
    let longest = report["dora"]["max"].as_f64().unwrap();
    assert!((3000.0..5500.0).contains(&longest), "{longest} ms");
}

#[test]
fn a_flood_heeds_no_answer() {
    let (report, success) = load(server(|_| None), "--mode flood -n 10 --rate 1000 -d 500ms");
    assert!(success);
    let sent = report["sent"].as_u64().unwrap();
    assert!((400..=500).contains(&sent), "{sent} of 500");
}

#[test]
fn what_is_forwarded_comes_back() {
    let upstream = echo();
    let socket = Socket::bind(0, Family::Ipv6, Addresses::Own).unwrap();
    let port = socket.port().unwrap();
    std::thread::spawn(move || {
        let upstream = std::net::SocketAddrV6::new(Ipv6Addr::LOCALHOST, upstream, 0, 0);
        yardstick::forward(&socket, upstream, None)
    });
    let (report, success) = load(port, "--echo -n 1000 -o 16");
    assert!(success, "{report:#}");
    assert_eq!(report["dora"]["count"], 1000);
}

#[test]
fn what_is_forwarded_to_ipv4_comes_back() {
    let bind = |family| Socket::bind(0, family, Addresses::Own).unwrap();
    let (upstream, front, back) = (bind(Family::Ipv4), bind(Family::Ipv6), bind(Family::Ipv4));
    let beyond = Ipv4Addr::LOCALHOST.to_ipv6_mapped();
    let to = std::net::SocketAddrV6::new(beyond, upstream.port().unwrap(), 0, 0);
    let port = front.port().unwrap();
    std::thread::spawn(move || yardstick::echo(&upstream, Answer::Same));
    std::thread::spawn(move || yardstick::across(&front, &back, to, None));
    let (report, success) = load(port, "--cra --echo -n 1000 -o 16");
    assert!(success, "{report:#}");
    assert_eq!(report["dora"]["count"], 1000);
}
