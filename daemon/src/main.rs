//! The service: arguments, configuration, log, runtime, bus, exit code. What it does is in [`supervisor`] and
//! [`task`]; what it decides is in the crate `dhcp4o6_protocol`.
#![allow(unreachable_pub, reason = "nothing is reachable from outside a binary")]

mod args;
mod bus;
mod clock;
mod config;
mod control;
mod identity;
mod install;
#[allow(dead_code, reason = "the role server will use it")]
mod leases;
mod limiter;
mod logging;
mod mailbox;
mod namespace;
mod roster;
mod shared;
mod sockets;
mod storage;
mod store;
mod supervisor;
mod systemd;
mod task;

use args::{Action, Options};
use clock::Clock;
use config::Config;
use control::{LogHandle, ServiceStatus};
use shared::Shared;
use std::cell::{Cell, RefCell};
use std::io::Write as _;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use storage::Storage;
use store::{BootClock, Store};
use supervisor::{BusChannels, Fatal, Supervisor, cannot};
use tokio::sync::{Notify, mpsc, watch};

/// Wrong usage or configuration.
const WRONG: u8 = 2;
/// Requests of the bus that may wait.
const REQUESTS: usize = 16;
/// How long the bus may take to say the last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let arguments = std::env::args_os().skip(1);
    match args::parse(arguments, std::env::var_os("STATE_DIRECTORY")) {
        Ok(Action::Help) => print(args::HELP),
        Ok(Action::Version) => print(concat!("dhcp4o6d ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Action::Check(options)) => check(&options),
        Ok(Action::Run(options)) => run(options),
        Err(error) => {
            eprintln!("dhcp4o6d: {error}\nTry 'dhcp4o6d --help'.");
            ExitCode::from(WRONG)
        }
    }
}

/// Whoever reads may have gone away, as in `dhcp4o6d --help | head`.
fn print(text: &str) -> ExitCode {
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn load(options: &Options) -> Result<Config, ExitCode> {
    config::load(&options.config).map_err(|mistakes| {
        eprintln!("{mistakes}");
        ExitCode::from(WRONG)
    })
}

fn check(options: &Options) -> ExitCode {
    load(options).map_or_else(|code| code, |config| print(&config.effective_toml()))
}

fn run(options: Options) -> ExitCode {
    let config = match load(&options) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let log = logging::start(options.log.unwrap_or(config.log));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = ?options.config,
        links = config.links.len(),
        "starting"
    );
    sockets::raise_limit();
    let ended = runtime().and_then(|runtime| runtime.block_on(serve(options, config, log)));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(%error, "cannot go on");
            ExitCode::FAILURE
        }
    }
}

/// One thread, and no locks: tasks take turns where they wait.
fn runtime() -> Result<tokio::runtime::LocalRuntime, Fatal> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build_local(Default::default());
    cannot("start the runtime", runtime)
}

async fn serve(options: Options, config: Config, log: LogHandle) -> Result<(), Fatal> {
    let boot = BootClock {
        boot_id: clock::boot_id(),
        now: clock::now,
        wall_minus_boot_micros: clock::wall_minus_boot_micros,
    };
    let (notices, bus_notices) = mpsc::unbounded_channel();
    let (bus_requests, requests) = mpsc::channel(REQUESTS);
    let (service, bus_service) = watch::channel(ServiceStatus { storage: "ok", ..ServiceStatus::default() });
    let storage = Storage::new(Store::open(&options.state_dir, boot), &options.state_dir);
    let shared = Rc::new(Shared {
        clock: Clock::new(),
        storage: RefCell::new(cannot("start a thread", storage)?),
        buffer: RefCell::new(vec![0; sockets::BUFFER].into_boxed_slice()),
        notices,
        bound: Cell::new(0),
        changed: Notify::new(),
    });
    let clock = tokio::task::spawn_local(shared.clock.clone().run());
    let bus = options.bus.clone().map(|address| {
        tokio::task::spawn_local(bus::serve(
            address,
            dhcp4o6_dbus::BUS_NAME,
            bus_notices,
            bus_requests,
            bus_service,
            log.clone(),
        ))
    });
    let supervisor = Supervisor::new(options, log, config, shared, BusChannels { requests, service });
    let result = tokio::select! {
        result = supervisor.run() => result,
        // It ends only when it cannot tell the time.
        Ok(result) = clock => cannot("tell the time", result),
    };
    // With the supervisor the last sender of notices is gone: the bus tells what it still has, and ends.
    if let Some(bus) = bus {
        let _ = tokio::time::timeout(LAST_WORDS, bus).await;
    }
    result
}
