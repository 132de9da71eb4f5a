//! The demonstration: customers and their provider in network namespaces of their own, joined by IPv6-only links. IPv4 is
//! obtained over them, and everything is shown as it happens.
//!
//! It exits with 0 when IPv4 works through the links, and removes all it made, also when it is interrupted: everything
//! it starts dies with it, and `tests/in-lab` gives it namespaces that end with it.

mod kea;
mod own;
mod show;
mod story;

use show::Screen;
use std::process::ExitCode;
use std::time::Duration;

/// An address of the provider, beyond the links.
const BEYOND: &str = "198.51.100.1";
/// Longest wait for IPv4.
const LIMIT: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let scene = match std::env::args().nth(1).as_deref() {
        None | Some("own") => own::run,
        Some("kea") => kea::run,
        Some(other) => {
            eprintln!("demo: the provider is own or kea, not {other:?}");
            return ExitCode::from(2);
        }
    };
    let mut screen = Screen::new();
    let run = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| scene(&mut screen)));
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
