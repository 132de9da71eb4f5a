//! The service: arguments, configuration, log, runtime, bus, exit code. What it does for links is in [`supervisor`] and
//! [`task`], for a provider in [`provider`]; what it decides is in the crate `dhcp4o6_protocol`.
#![allow(unreachable_pub, reason = "nothing is reachable from outside a binary")]

mod args;
mod bus;
mod checksum;
mod clock;
mod config;
mod control;
mod identity;
mod install;
mod leases;
mod limiter;
mod logging;
mod mailbox;
mod namespace;
mod ports;
mod provider;
mod resolver;
mod rest;
mod roster;
mod shared;
mod sockets;
mod storage;
mod store;
mod supervisor;
mod systemd;
mod task;

use args::{Action, Options, Side};
use clock::Clock;
use config::Config;
use control::{LogHandle, Notice, ServiceStatus};
use shared::Shared;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;
use storage::Storage;
use store::{BootClock, Store};
use supervisor::{BusChannels, Fatal, Supervisor, cannot};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;

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
        Ok(Action::Export(options, file)) => export(&options, file.as_deref()),
        Ok(Action::Import(options, file)) => import(&options, file.as_deref()),
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

/// Writes the leases of the provider's server.
fn export(options: &Options, file: Option<&Path>) -> ExitCode {
    let write = |out: &mut dyn Write| {
        let leases = leases::export(&options.state_dir(Side::Provider), out)?;
        out.flush().map_err(leases::ExportError::Write)?;
        Ok::<_, leases::ExportError>(leases)
    };
    let written = match file {
        None => write(&mut BufWriter::new(std::io::stdout().lock())),
        Some(path) => create(path).map_err(leases::ExportError::Write).and_then(|mut file| {
            let leases = write(&mut BufWriter::new(&mut file))?;
            file.sync_all().map_err(leases::ExportError::Write)?;
            Ok(leases)
        }),
    };
    match written {
        Ok(leases) => done(format_args!("{} records, {} unreadable", leases.records, leases.bad)),
        Err(error) => failed(&error),
    }
}

/// Leases tell who has which address: they are for nobody else to read.
fn create(path: &Path) -> std::io::Result<File> {
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}

/// Adds leases to those of the provider's server.
fn import(options: &Options, file: Option<&Path>) -> ExitCode {
    let mut input: Box<dyn BufRead> = match file.map(File::open) {
        None => Box::new(std::io::stdin().lock()),
        Some(Ok(file)) => Box::new(BufReader::new(file)),
        Some(Err(error)) => return failed(&leases::ImportError::Read(error)),
    };
    match leases::import(&options.state_dir(Side::Provider), &mut input) {
        Ok(lines) => done(format_args!("{lines} records")),
        Err(error) => failed(&error),
    }
}

/// Beside the leases, which may be on standard output.
fn done(what: std::fmt::Arguments<'_>) -> ExitCode {
    eprintln!("dhcp4o6d: {what}");
    ExitCode::SUCCESS
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    eprintln!("dhcp4o6d: {error}");
    ExitCode::FAILURE
}

fn run(options: Options) -> ExitCode {
    let config = match load(&options) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let side = match options.side(&config) {
        Ok(side) => side,
        Err(error) => {
            eprintln!("dhcp4o6d: {error}");
            return ExitCode::from(WRONG);
        }
    };
    let log = logging::start(options.log.unwrap_or(config.log));
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        config = ?options.config,
        ?side,
        links = (side == Side::Subscriber).then_some(config.links.len()),
        server = (side == Side::Provider).then_some(config.server.is_some()),
        relays = (side == Side::Provider).then_some(config.relays.len()),
        tras = (side == Side::Provider).then_some(config.tras.len()),
        lcras = (side == Side::Subscriber).then_some(config.lcras.len()),
        "starting"
    );
    sockets::raise_limit();
    let ended = runtime().and_then(|runtime| {
        runtime.block_on(async {
            match side {
                Side::Subscriber => serve_links(options, config, log).await,
                Side::Provider => serve_provider(options, config, log).await,
            }
        })
    });
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

fn boot_clock() -> BootClock {
    BootClock {
        boot_id: clock::boot_id(),
        now: clock::now,
        wall_minus_boot_micros: clock::wall_minus_boot_micros,
    }
}

async fn serve_links(options: Options, config: Config, log: LogHandle) -> Result<(), Fatal> {
    let (notices, bus_notices) = mpsc::unbounded_channel();
    let directory = options.state_dir(Side::Subscriber);
    let storage = Storage::new(Store::open(&directory, boot_clock()), &directory);
    let shared = Rc::new(Shared {
        clock: Clock::new(),
        storage: RefCell::new(cannot("start a thread", storage)?),
        buffer: RefCell::new(vec![0; sockets::BUFFER].into_boxed_slice()),
        notices,
        bound: Cell::new(0),
        changed: Notify::new(),
    });
    let (bus, channels) = start_bus(&options, dhcp4o6_dbus::BUS_NAME, bus_notices, &log);
    let clock = shared.clock.clone();
    let agents = Rc::new(provider::Shared::new(clock.clone(), shared.notices.clone()));
    let supervisor = Supervisor::new(options, log, config, shared, agents, channels);
    finish(supervisor.run(), clock, bus).await
}

async fn serve_provider(options: Options, config: Config, log: LogHandle) -> Result<(), Fatal> {
    let (notices, bus_notices) = mpsc::unbounded_channel();
    let shared = Rc::new(provider::Shared::new(Clock::new(), notices));
    let directory = options.state_dir(Side::Provider);
    let (bus, channels) = start_bus(&options, dhcp4o6_dbus::SERVER_BUS_NAME, bus_notices, &log);
    let clock = shared.clock.clone();
    let supervisor =
        provider::Supervisor::new(options, log, config, directory, boot_clock(), shared, channels);
    finish(supervisor.run(), clock, bus).await
}

/// Offers the service on the bus in the background, if it is to be on one.
fn start_bus(
    options: &Options,
    name: &'static str,
    notices: mpsc::UnboundedReceiver<Notice>,
    log: &LogHandle,
) -> (Option<JoinHandle<()>>, BusChannels) {
    let (bus_requests, requests) = mpsc::channel(REQUESTS);
    let (service, bus_service) = watch::channel(ServiceStatus { storage: "ok", ..ServiceStatus::default() });
    let bus = options.bus.clone().map(|address| {
        tokio::task::spawn_local(bus::serve(address, name, notices, bus_requests, bus_service, log.clone()))
    });
    (bus, BusChannels { requests, service })
}

/// Runs until `supervisor` ends, and lets the bus say the last words.
async fn finish(
    supervisor: impl Future<Output = Result<(), Fatal>>,
    clock: Clock,
    bus: Option<JoinHandle<()>>,
) -> Result<(), Fatal> {
    let clock = tokio::task::spawn_local(clock.run());
    let result = tokio::select! {
        result = supervisor => result,
        // It ends only when it cannot tell the time.
        Ok(result) = clock => cannot("tell the time", result),
    };
    // With the supervisor the last sender of notices is gone: the bus tells what it still has, and ends.
    if let Some(bus) = bus {
        let _ = tokio::time::timeout(LAST_WORDS, bus).await;
    }
    result
}
