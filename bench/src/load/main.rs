//! `dhcp4o6-load`: many DHCPv4 clients in one process and thread, against any server or agent that is reached by IPv6.
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
use batch::{Addresses, Family, Socket};
use clap::Parser as _;
use std::net::SocketAddrV6;
use std::process::ExitCode;
use yardstick::Answer;

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
    let (Yardstick::Echo { port, ipv4, .. } | Yardstick::Forward { port, ipv4, .. }) = *yardstick;
    let open = |family| {
        Socket::bind(port, family, Addresses::Own)
            .map_err(|error| format!("UDP port {port} cannot be used: {error}"))
    };
    let (front, other) = if ipv4 { (Family::Ipv4, Family::Ipv6) } else { (Family::Ipv6, Family::Ipv4) };
    let socket = open(front)?;
    let listening = socket.port().map_err(|error| error.to_string())?;
    let beyond = match yardstick {
        Yardstick::Forward { to, .. } if to.is_ipv4() != ipv4 => Some(open(other)?),
        _ => None,
    };
    println!("listening on UDP port {listening}");
    match yardstick {
        Yardstick::Echo { relay_reply, boot_reply, .. } => {
            let answer = if *relay_reply {
                Answer::RelayReply
            } else if *boot_reply {
                Answer::BootReply
            } else {
                Answer::Same
            };
            yardstick::echo(&socket, answer)
        }
        Yardstick::Forward { to, to_port, back_to, .. } => {
            let back_to = back_to.map(|to| SocketAddrV6::new(to.ip().to_ipv6_mapped(), to.port(), 0, 0));
            match &beyond {
                Some(beyond) => yardstick::across(&socket, beyond, to.at(*to_port), back_to),
                None => yardstick::forward(&socket, to.at(*to_port), back_to),
            }
        }
    }
    .map_err(|error| error.to_string())
}
