//! `dhcp4o6-load`: many DHCPv4-over-DHCPv6 clients in one process and thread, against any server.
//!
//! Read in this order: [`crowd`] (who they are and what they want), [`run`] (when), [`way`] (how it travels), [`batch`]
//! (system calls), [`figures`] (what is counted). [`yardstick`] holds what they are measured against.

mod args;
mod batch;
mod clock;
mod crowd;
mod figures;
mod flood;
mod histogram;
mod identity;
mod ledger;
mod progress;
mod run;
mod stand_in;
#[cfg(test)]
mod tests;
mod way;
mod yardstick;

use args::{Arguments, Yardstick};
use batch::{Addresses, Socket};
use clap::Parser as _;
use std::process::ExitCode;

/// The server did not complete anything, or gave one address to two clients.
const BAD_SERVER: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.yardstick {
        Some(yardstick) => measure_by(&yardstick).map(|()| ExitCode::SUCCESS),
        None => load(&arguments.load),
    };
    done.unwrap_or_else(|why| {
        eprintln!("dhcp4o6-load: {why}");
        ExitCode::FAILURE
    })
}

fn load(load: &args::Load) -> Result<ExitCode, String> {
    let report = run::run(load)?;
    if load.json {
        println!("{}", serde_json::to_string_pretty(&report).map_err(|e| e.to_string())?);
    } else {
        print!("{}", report.table());
    }
    Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::from(BAD_SERVER) })
}

fn measure_by(yardstick: &Yardstick) -> Result<(), String> {
    let (Yardstick::Echo { port, .. } | Yardstick::Forward { port, .. }) = yardstick;
    let socket = Socket::bind(*port, Addresses::Own)
        .map_err(|error| format!("UDP port {port} cannot be used: {error}"))?;
    let listening = socket.port().map_err(|error| error.to_string())?;
    println!("listening on UDP port {listening}");
    match yardstick {
        Yardstick::Echo { relay_reply, .. } => yardstick::echo(&socket, *relay_reply),
        Yardstick::Forward { to, to_port, .. } => yardstick::forward(&socket, to.at(*to_port)),
    }
    .map_err(|error| error.to_string())
}
