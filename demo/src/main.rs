//! The demonstration: customers and their provider in network namespaces of their own, joined by IPv6-only links. IPv4 is
//! obtained over them, and everything is shown as it happens.
//!
//! A scene for each way: `4o6` is DHCPv4 over DHCPv6, with our own provider or Kea; `hcra`, `lcra` and `tra` are DHCPv4 over
//! IPv6, with agents on the host, on the subscriber's router, and at the provider.
//!
//! It exits with 0 when IPv4 works through the links, and removes all it made, also when it is interrupted: everything
//! it starts dies with it, and `tests/in-lab` gives it namespaces that end with it.

mod access;
mod hcra;
mod kea;
mod lcra;
mod own;
mod show;
mod story;
mod tra;

use dhcp4o6_tests::{Daemon, Make, Namespace};
use show::Screen;
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// An address of the provider, beyond the links.
const BEYOND: &str = "198.51.100.1";
/// Longest wait for IPv4.
const LIMIT: Duration = Duration::from_secs(60);

/// What can be asked for.
const SCENES: &str =
    "SCENE is 4o6 (with PEER own or kea), hcra, lcra, or tra (with PEER kea, isc or dnsmasq)";

type Play = Box<dyn FnOnce(&mut Screen) -> Result<(), String>>;

fn scene_of(scene: &str, peer: &str) -> Option<Play> {
    let plays: Play = match (scene, peer) {
        ("4o6", "" | "own") => Box::new(own::run),
        ("4o6", "kea") => Box::new(kea::run),
        ("hcra", "") => Box::new(hcra::run),
        ("lcra", "") => Box::new(lcra::run),
        ("tra", "" | "kea") => Box::new(|screen| tra::run(screen, Make::Kea)),
        ("tra", "isc") => Box::new(|screen| tra::run(screen, Make::Isc)),
        ("tra", "dnsmasq") => Box::new(|screen| tra::run(screen, Make::Dnsmasq)),
        _ => return None,
    };
    Some(plays)
}

/// Lets a host ask an address beyond the links, and shows the answer.
fn answers(screen: &mut Screen, who: &str, host: &Namespace, to: &str) -> Result<(), String> {
    let before = Instant::now();
    if !host.pings(to) {
        return Err(format!("{who} gets no answer from {to}"));
    }
    screen.fact(&format!(
        "{who} has an answer from {to}, the provider's side of the links ({:.1?})",
        before.elapsed()
    ));
    Ok(())
}

/// Ends services in order.
fn stop(daemons: &mut [&mut Daemon]) -> Result<(), String> {
    for daemon in daemons {
        let status = daemon.terminate();
        if !status.success() {
            return Err(format!("dhcp4o6d ended with {status}"));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (scene, peer) = (arguments.next(), arguments.next());
    let scene = scene.as_deref().unwrap_or("4o6");
    let peer = peer.as_deref().unwrap_or("");
    let Some(play) = scene_of(scene, peer) else {
        eprintln!("demo: {}", SCENES);
        return ExitCode::from(2);
    };
    let mut screen = Screen::new();
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| play(&mut screen)));
    match run {
        Ok(Ok(())) => ExitCode::SUCCESS,
        Ok(Err(why)) => {
            eprintln!("demo: {why}");
            ExitCode::FAILURE
        }
        // What went wrong was printed when it did.
        Err(_) => ExitCode::FAILURE,
    }
}
