//! What a client relay agent adds for a DHCPv4 client that runs on its TAP device: the time from its first DISCOVER to
//! its ACK there, less what the server takes for its own two answers, as seen on the server's link, and less what the
//! client takes from OFFER to REQUEST. Of udhcpc this is most of all: it closes and opens its socket in between, and
//! the kernel makes it wait.

use crate::provider::{self, Provider, System};
use crate::report::{Row, high, median, spread};
use crate::service::Service;
use crate::wire::{Collector, Frame4};
use dhcp4o6_protocol::wire::v4::MessageType;
use dhcp4o6_tests::{Bus, Lab, SOON, Stock, StockClient};
use std::path::Path;
use std::time::{Duration, Instant};

/// Acquisitions of each client.
const RUNS: usize = 30;
/// What may be added to the server's own time, milliseconds.
const MARGIN: f64 = 5.0;
const DEVICE: &str = "hcra-c0";

const CONFIG: &str = r#"
[[link]]
match = "c0"
mode = "hcra"

[link.hcra]
servers = ["2001:db8:6::1"]
client = "external"
"#;

/// Times of one acquisition, milliseconds.
#[derive(Clone, Copy)]
struct Times {
    /// From the first DISCOVER to the ACK, on the TAP device.
    total: f64,
    /// From DISCOVER to OFFER and from REQUEST to ACK, on the server's link.
    server: f64,
    /// From the OFFER to the REQUEST after it, on the TAP device.
    client: f64,
}

/// Measures the clients that are installed.
///
/// # Errors
/// Why it cannot be done here.
pub(crate) fn measure(progress: &mut dyn FnMut(&str)) -> Result<Vec<Row>, String> {
    if !Path::new("/dev/net/tun").exists() {
        return Err("clients on a TAP device: there is no /dev/net/tun".to_owned());
    }
    let clients: Vec<Stock> = Stock::ALL.into_iter().filter(|make| is_installed(*make)).collect();
    if clients.is_empty() {
        return Err("clients on a TAP device: none is installed".to_owned());
    }
    let lab = provider::lab();
    let _server = Provider::start(&lab, System::Ours);
    let bus = Bus::start(lab.dir());
    let _service = Service::start(&lab, &bus, CONFIG);
    wait_for_device(&lab)?;
    let mut rows = Vec::new();
    for make in clients {
        let name = make.program();
        let mut all = Vec::new();
        for run in 1..=RUNS {
            progress(&format!("DISCOVER to ACK on a TAP device, {name}: run {run} of {RUNS}"));
            all.push(acquire(&lab, make, run).map_err(|why| format!("{name} on a TAP device: {why}"))?);
        }
        let of = |figure: fn(&Times) -> f64| all.iter().map(figure).collect::<Vec<f64>>();
        let beyond = of(|times| times.total - times.server - times.client);
        let how = format!(
            "{}, p95 {:.2}; DISCOVER to ACK {:.2}, of which the server's {:.2} and the client's own {:.2}",
            spread(&beyond),
            high(&beyond),
            median(&of(|times| times.total)),
            median(&of(|times| times.server)),
            median(&of(|times| times.client))
        );
        let row = Row::new(
            format!("{name} on a TAP device: DISCOVER to ACK, beyond server and client"),
            median(&beyond),
            "ms",
            how,
        );
        rows.push(row.at_most(MARGIN));
    }
    Ok(rows)
}

fn is_installed(make: Stock) -> bool {
    Path::new("/usr/sbin").join(make.program()).exists()
}

fn wait_for_device(lab: &Lab) -> Result<(), String> {
    let end = Instant::now() + SOON;
    while !lab.customer.has(DEVICE) {
        if Instant::now() > end {
            return Err(format!("clients on a TAP device: no {DEVICE} within {SOON:?}"));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// A client that has nothing from before gets its lease. What it does with it takes some of them seconds, and is not
/// waited for.
fn acquire(lab: &Lab, make: Stock, run: usize) -> Result<Times, String> {
    let (customer, server) = (Collector::open(&lab.customer), Collector::open(&lab.provider));
    let dir = lab.dir().join(format!("{}-{run}", make.program()));
    let mut client = StockClient::start(&lab.customer, make, DEVICE, &dir);
    let (mut at_customer, mut at_server, end) = (Vec::new(), Vec::new(), Instant::now() + SOON);
    let times = loop {
        at_customer.extend(customer.frames4());
        at_server.extend(server.frames4());
        match times(&at_customer, &at_server) {
            Some(times) => break times,
            None if Instant::now() > end => {
                return Err(format!("no lease within {SOON:?}: {at_customer:?}, {at_server:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    };
    client.process().stop();
    lab.customer.ip(&format!("addr flush dev {DEVICE}"));
    Ok(times)
}

/// From what was seen at the customer, by IPv4 on the TAP device and by IPv6 on the link, and on the server's link; `None`
/// until it is a whole acquisition.
fn times(customer: &[Frame4], server: &[Frame4]) -> Option<Times> {
    let four = |frames: &[Frame4], ipv6| {
        let first =
            |kind| frames.iter().find(|frame| (frame.ipv6, frame.kind) == (ipv6, kind)).map(|frame| frame.at);
        Some([
            first(MessageType::DISCOVER)?,
            first(MessageType::OFFER)?,
            first(MessageType::REQUEST)?,
            first(MessageType::ACK)?,
        ])
    };
    let [discover, offer, request, ack] = four(customer, false)?;
    let [asked, offered, requested, given] = four(server, true)?;
    Some(Times {
        total: ack - discover,
        server: offered - asked + given - requested,
        client: request - offer,
    })
}
