//! The service under test, and its control program.

use crate::SOON;
use crate::bus::Bus;
use crate::lab::{Lab, Namespace, command_in};
use crate::process::Process;
use nix::sys::signal::Signal;
use std::ffi::OsString;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output};
use std::time::{Duration, Instant};

/// A program of this project: from `$LAB_PROGRAMS`, else from where this test was built.
///
/// # Panics
/// When it was not built.
pub fn program(name: &str) -> PathBuf {
    let beside = || {
        let own = std::env::current_exe().expect("the test's own path");
        let target = own.ancestors().find(|directory| directory.join(name).is_file());
        target.map(Path::to_path_buf).unwrap_or_default()
    };
    let directory = std::env::var_os("LAB_PROGRAMS").map_or_else(beside, PathBuf::from);
    let path = directory.join(name);
    assert!(path.is_file(), "{name} is not built: cargo build --workspace");
    path
}

/// `dhcp4o6ctl` on `bus` with `arguments`, run to its end.
///
/// # Panics
/// When it cannot be started.
pub fn ctl(bus: &Bus, arguments: &str) -> Output {
    let mut command = Command::new(program("dhcp4o6ctl"));
    command.args(["--bus", &bus.address()]).args(arguments.split_whitespace());
    command.output().expect("dhcp4o6ctl starts")
}

/// A running `dhcp4o6d`.
pub struct Daemon {
    process: Process,
    command: Vec<OsString>,
    dir: PathBuf,
    namespace: String,
    notify: UnixDatagram,
}

impl Daemon {
    /// Starts it at the customer of `lab` and waits until it says it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start(lab: &Lab, bus: &Bus, config: &str) -> Self {
        Self::start_in(lab, &lab.customer, bus, config)
    }

    /// As [`Daemon::start`], in another namespace.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start_in(lab: &Lab, namespace: &Namespace, bus: &Bus, config: &str) -> Self {
        let mut daemon = Self::spawn_in(lab, namespace, &bus.address(), config);
        daemon.wait_notice("READY=1");
        daemon
    }

    /// Starts it without waiting, on any bus or `none`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn_in(lab: &Lab, namespace: &Namespace, bus: &str, config: &str) -> Self {
        Self::spawn_at(&lab.dir().join("daemon"), namespace, bus, config)
    }

    /// As [`Daemon::spawn_in`], with its files in a directory of its own, so that there may be several.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn_at(dir: &Path, namespace: &Namespace, bus: &str, config: &str) -> Self {
        let dir = dir.to_owned();
        fs::create_dir_all(&dir).expect("a directory for the daemon");
        fs::write(dir.join("dhcp4o6.toml"), config).expect("the configuration can be written");
        let socket = dir.join("notify");
        let _ = fs::remove_file(&socket);
        let notify = UnixDatagram::bind(&socket).expect("a notification socket");
        let (file, state) = (dir.join("dhcp4o6.toml"), dir.join("state"));
        let options: [&std::ffi::OsStr; 8] = [
            "--config".as_ref(),
            file.as_ref(),
            "--state-dir".as_ref(),
            state.as_ref(),
            "--bus".as_ref(),
            bus.as_ref(),
            "--log".as_ref(),
            "debug".as_ref(),
        ];
        let command: Vec<OsString> = options.map(OsString::from).into();
        let namespace = namespace.name().to_owned();
        let process = run(&namespace, &command, &dir);
        Self { process, command, dir, namespace, notify }
    }

    /// Its process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Its state directory.
    pub fn state_dir(&self) -> PathBuf {
        self.dir.join("state")
    }

    /// Its configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.dir.join("dhcp4o6.toml")
    }

    /// KILL.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// TERM, then waits for an orderly end.
    ///
    /// # Panics
    /// When it does not end in 20 s.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.signal(Signal::SIGTERM);
        self.process.wait_end(SOON)
    }

    /// Starts it once more with the same arguments, after it has ended, and waits until it is ready.
    ///
    /// # Panics
    /// When it does not become ready.
    pub fn start_again(&mut self) {
        assert!(!self.process.runs(), "it still runs");
        self.notices();
        self.process = run(&self.namespace, &self.command, &self.dir);
        self.wait_notice("READY=1");
    }

    /// Writes another configuration and sends HUP; returns what the service then said it did (`RELOADING=1` first).
    ///
    /// # Panics
    /// When it does not say that it is ready again.
    pub fn reload(&mut self, config: &str) -> Vec<String> {
        fs::write(self.config_file(), config).expect("the configuration can be written");
        self.notices();
        self.process.signal(Signal::SIGHUP);
        let mut said = vec![self.wait_notice("RELOADING=1")];
        said.push(self.wait_notice("READY=1"));
        said
    }

    /// Waits for a notification to the service manager that contains `text`.
    ///
    /// # Panics
    /// When none comes in 20 s, or before the service ends.
    pub fn wait_notice(&mut self, text: &str) -> String {
        let end = Instant::now() + SOON;
        let mut said = Vec::new();
        while Instant::now() < end {
            // In slices, to see when it ends instead.
            match self.notice(Duration::from_millis(200)) {
                Some(notice) if notice.contains(text) => return notice,
                Some(notice) => said.push(notice),
                None if self.process.runs() => {}
                None => break,
            }
        }
        panic!("no {text} from the service, but {said:?}; it said:\n{}", self.process.lines().join("\n"));
    }

    /// Every notification that waits.
    pub fn notices(&self) -> Vec<String> {
        std::iter::from_fn(|| self.notice(Duration::from_millis(1))).collect()
    }

    fn notice(&self, limit: Duration) -> Option<String> {
        self.notify.set_read_timeout(Some(limit.max(Duration::from_millis(1)))).expect("a timeout");
        let mut buffer = [0; 4096];
        let length = self.notify.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..length]).into_owned())
    }
}

fn run(namespace: &str, options: &[OsString], dir: &Path) -> Process {
    let mut command = command_in(namespace, program("dhcp4o6d").as_os_str());
    command.args(options).env("NOTIFY_SOCKET", dir.join("notify"));
    Process::spawn(command, &dir.join("dhcp4o6d.log"))
}
