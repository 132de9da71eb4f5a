//! What the built-in DHCPv4 engine costs by itself: memory for a number of bindings, and messages on one core.
//!
//! `cargo run --release -p dhcp4o6-protocol --example engine4 [loaded|given] [bindings]`; one million unless given.
#![allow(clippy::unwrap_used, reason = "a program for developers: what goes wrong may stop it")]

use dhcp4o6_protocol::binding::{Binding4, ClientKey, Origin, Record, Slot4, State, Transport};
use dhcp4o6_protocol::ids::Xid4;
use dhcp4o6_protocol::rng::Rng;
use dhcp4o6_protocol::server4::settings::{LeaseTimes, Limits, Pool, Serves, Settings, Subnet};
use dhcp4o6_protocol::server4::{Cx, Engine, Query};
use dhcp4o6_protocol::tally::Tally;
use dhcp4o6_protocol::time::Instant;
use dhcp4o6_protocol::way::{Hop, Way};
use dhcp4o6_protocol::wire::v4::{BOOTREQUEST, Message, Outgoing, code};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::time::Duration;

const SERVER: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// A pool with room for all bindings and a tenth more.
fn settings(bindings: u32) -> Settings {
    let first = Ipv4Addr::new(10, 0, 0, 1);
    let pool =
        Pool { first, last: Ipv4Addr::from_bits(first.to_bits() + bindings + bindings / 10), sharing: None };
    Settings {
        server_id: SERVER,
        subnets: vec![Subnet {
            prefix: "10.0.0.0/8".parse().unwrap(),
            serves: Serves::default(),
            pools: vec![pool],
            reservations: Vec::new(),
            times: LeaseTimes::default(),
            options: vec![(code::ROUTER, vec![10, 0, 0, 1]), (code::DNS_SERVERS, vec![10, 0, 0, 2])],
        }],
        options: Vec::new(),
        rapid_commit: false,
        trust_inner_giaddr: false,
        subnet_selection: false,
        offer_hold: Settings::OFFER_HOLD,
        decline_rest: Settings::DECLINE_REST,
        limits: Limits { known_percent: 0, ..Limits::default() },
    }
}

/// Option 61 as our client builds it: DUID-LLT of an Ethernet address.
fn client_id(number: u32) -> Vec<u8> {
    [&[0xff, 0, 0, 0, 1, 0, 1, 0, 1, 0x29, 0xb7, 0xc0, 0xde, 2, 0][..], &number.to_be_bytes()].concat()
}

fn source(number: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(0x2001_0db8 << 96 | u128::from(number) << 64 | 1)
}

fn message(number: u32, kind: u8, mut options: Vec<(u8, Vec<u8>)>, ciaddr: Ipv4Addr) -> Vec<u8> {
    options.insert(0, (code::MESSAGE_TYPE, vec![kind]));
    options.push((code::PARAMETER_REQUEST, vec![1, 121, 3, 6, 15, 26, 42, 51, 58, 59]));
    options.push((code::CLIENT_ID, client_id(number)));
    let [_, a, b, c] = number.to_be_bytes();
    let hardware = vec![2, 0, 0, a, b, c];
    let zero = Ipv4Addr::UNSPECIFIED;
    let xid = Xid4(number);
    let (op, htype, secs, flags) = (BOOTREQUEST, 1, 0, 0);
    Outgoing { op, htype, hardware, xid, secs, flags, ciaddr, yiaddr: zero, giaddr: zero, options }
        .emit()
        .unwrap()
}

fn ask(engine: &mut Engine, now: Instant, number: u32, octets: &[u8]) -> Ipv4Addr {
    let message = Message::parse(octets).unwrap();
    let hop = Hop { link_address: "2001:db8:ffff::1".parse().unwrap(), interface_id: Some(b"eth 0/1/2:100") };
    let way = Way { interface: "lan0", client: source(number), hops: vec![hop], ..Way::default() };
    let (mut tally, mut changes, mut notices) = (Tally::default(), Vec::new(), Vec::new());
    let mut cx = Cx {
        may_grant: true,
        tally: &mut tally,
        changes: &mut changes,
        notices: &mut notices,
        refused: None,
    };
    let query = Query { message: &message, way: &way, unicast: false, most: usize::MAX };
    let answer = engine.handle(now, &query, &mut cx).unwrap().unwrap();
    Message::parse(&answer).unwrap().yiaddr
}

/// Octets of this process in memory that are no file's.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").trim().parse::<u64>().unwrap() * 1024
}

/// Time this process has spent on a processor.
fn spent() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/schedstat").unwrap();
    Duration::from_nanos(stat.split(' ').next().unwrap().parse().unwrap())
}

fn rate(what: &str, count: u32, work: impl FnOnce()) {
    let begun = spent();
    work();
    let spent = (spent() - begun).as_secs_f64();
    println!("{what:<44} {:>9.0} a second ({count} in {spent:.2} s)", f64::from(count) / spent);
}

/// DISCOVER, OFFER, REQUEST, ACK.
fn exchange(engine: &mut Engine, now: Instant, number: u32) -> Ipv4Addr {
    let none = Ipv4Addr::UNSPECIFIED;
    let address = ask(engine, now, number, &message(number, 1, Vec::new(), none));
    let chosen = vec![
        (code::SERVER_ID, SERVER.octets().to_vec()),
        (code::REQUESTED_ADDRESS, address.octets().to_vec()),
    ];
    ask(engine, now, number, &message(number, 3, chosen, none))
}

fn each(what: &str, before: u64, count: u32) {
    println!("{what:<44} {:>9}", resident().saturating_sub(before) / u64::from(count));
}

/// As after a start: records in the order of their addresses.
fn loaded(count: u32) {
    let before = resident();
    let begun_at = Instant::from_secs(1000);
    let mut engine = Engine::new(settings(count), Rng::seeded([1; 32]));
    rate("records loaded", count, || {
        for number in 0..count {
            let source = source(number);
            let [a, b, c, d, e, f, g, h, ..] = source.octets();
            engine.apply(&Record::Lease4(Binding4 {
                slot: Slot4 { address: Ipv4Addr::from_bits(0x0a00_0001 + number), ports: None },
                client: ClientKey::Id(client_id(number)),
                state: State::Bound,
                changed_at: begun_at + Duration::from_micros(number.into()),
                expires_at: Some(begun_at + Duration::from_secs(3600) + Duration::from_micros(number.into())),
                origin: Origin::Network(u64::from_be_bytes([a, b, c, d, e, f, g, h])),
                source,
                transport: Transport::Dhcp6,
                host_name: Vec::new(),
                softwire: None,
            }));
        }
    });
    each("octets for each", before, count);
}

/// Clients come one after the other until there are that many; then they stay, go, and make room for others.
fn given(count: u32) {
    let before = resident();
    let begun_at = Instant::from_secs(1000);
    let mut engine = Engine::new(settings(count), Rng::seeded([1; 32]));
    let few = (count / 20).max(1);
    rate("exchanges with an empty table", few, || {
        for number in 0..few {
            exchange(&mut engine, begun_at, number);
        }
    });
    rate("exchanges up to the last", count - few, || {
        for number in few..count {
            exchange(&mut engine, begun_at, number);
        }
    });
    each("octets for each", before, count);
    let now = begun_at + Duration::from_secs(60);
    let addresses: Vec<_> = (0..few).map(|number| exchange(&mut engine, now, number)).collect();
    rate("renewals in a full table", few, || {
        for (number, address) in (0..).zip(&addresses) {
            ask(&mut engine, now, number, &message(number, 3, Vec::new(), *address));
        }
    });
    rate("exchanges in the last tenth of the pool", few, || {
        for number in count..count + few {
            exchange(&mut engine, now, number);
        }
    });
    let after = begun_at + Duration::from_secs(5000);
    rate("leases that end", count + few, || {
        let mut now = after;
        engine.on_deadline(now);
        while let Some(at) = engine.deadline() {
            now = at;
            engine.on_deadline(now);
        }
    });
    let later = after + Duration::from_secs(10);
    rate("exchanges when only old addresses are left", 2 * few, || {
        for number in 2 * count..2 * count + 2 * few {
            exchange(&mut engine, later, number);
        }
    });
    each("octets for each at the end", before, count);
}

fn main() {
    let mut arguments = std::env::args().skip(1).peekable();
    let what = arguments.next_if(|what| what.parse::<u32>().is_err());
    let count = arguments.next().map_or(1_000_000, |count| count.parse().unwrap());
    match what.as_deref() {
        Some("loaded") => loaded(count),
        None | Some(_) => given(count),
    }
}
