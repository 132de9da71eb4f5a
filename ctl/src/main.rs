//! `dhcp4o6ctl`: what dhcp4o6d does on each link, and why. It uses the public D-Bus interface and nothing else.

#![allow(unreachable_pub, reason = "nothing is reachable from outside a binary")]

mod args;
mod clock;
mod control;
mod counters;
mod explain;
mod failure;
mod hex;
mod monitor;
mod names;
mod output;
mod provider;
mod role;
mod service;
mod sheet;
mod show;
mod status;
mod table;

use args::{Arguments, Command};
use clap::Parser;
use control::Request;
use failure::Failure;
use output::Output;
use provider::Provider;
use service::Service;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let output = Output::new(arguments.json);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let outcome = match runtime {
        Ok(runtime) => runtime.block_on(run(&arguments, &output)),
        Err(error) => Err(Failure::Failed(format!("no runtime: {error}"))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output.complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

async fn run(arguments: &Arguments, output: &Output) -> Result<(), Failure> {
    let namespace = arguments.namespace.as_deref();
    let service = || Service::connect(&arguments.bus);
    let provider = || Provider::connect(&arguments.bus);
    match arguments.command.as_ref().unwrap_or(&Command::Status) {
        Command::Status => status::run(&service().await?, namespace, output).await,
        Command::Names => names::run(&service().await?, output).await,
        Command::Show(of) => show::run(&service().await?, &of.name, namespace, output).await,
        Command::Explain(of) => explain::run(&service().await?, &of.name, namespace, output).await,
        Command::Monitor(of) => {
            monitor::run(&service().await?, of.name.as_deref(), namespace, of.properties, output).await
        }
        Command::Counters(of) => {
            counters::run(&service().await?, of.name.as_deref(), namespace, of.all, output).await
        }
        Command::Renew(of) => control::run(&service().await?, Request::Renew, of, namespace, output).await,
        Command::Rebind(of) => control::run(&service().await?, Request::Rebind, of, namespace, output).await,
        Command::Release(of) => {
            control::run(&service().await?, Request::Release, of, namespace, output).await
        }
        Command::Restart(of) => {
            control::run(&service().await?, Request::Restart, of, namespace, output).await
        }
        Command::Up(of) => control::run(&service().await?, Request::Up, of, namespace, output).await,
        Command::Down(of) => control::run(&service().await?, Request::Down, of, namespace, output).await,
        Command::Leases(of) => provider::leases(&provider().await?, of, output).await,
        Command::Pools => provider::pools(&provider().await?, output).await,
        Command::SelectTest(of) => provider::select_test(&provider().await?, of, output).await,
        Command::Revoke(of) => provider::revoke(&provider().await?, &of.address.to_string(), output).await,
        Command::Reservations => provider::reservations(&provider().await?, output).await,
        Command::Reserve(of) => provider::reserve(&provider().await?, of, output).await,
        Command::Unreserve(of) => {
            provider::unreserve(&provider().await?, &of.address.to_string(), output).await
        }
    }
}
