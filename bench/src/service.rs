//! The service under measurement: a release build that logs nothing but warnings.

use dhcp4o6_tests::{Bus, Lab, Process, program};
use std::fs;
use std::path::PathBuf;

/// A running `dhcp4o6d` at the customer of a lab.
pub(crate) struct Service {
    process: Process,
}

impl Service {
    /// Starts it with an empty state directory, and waits until it owns its name on `bus`.
    pub(crate) fn start(lab: &Lab, bus: &Bus, config: &str) -> Self {
        // On a real disk and not in the laboratory's memory: a lease is written through before it is used.
        let state = crate::output().join("bench-state");
        let _ = fs::remove_dir_all(&state);
        let file = lab.dir().join("dhcp4o6.toml");
        fs::write(&file, config).expect("the configuration can be written");
        let mut command = lab.customer.command(program("dhcp4o6d"));
        command.arg("--config").arg(&file).arg("--state-dir").arg(&state);
        command.args(["--bus", &bus.address(), "--log", "warn"]);
        let process = Process::spawn(command, &lab.dir().join("dhcp4o6d.log"));
        bus.client().wait_service();
        Self { process }
    }

    /// What a line of /proc/PID/FILE says in kB, such as `Private_Dirty` of `smaps_rollup`.
    pub(crate) fn kilobytes(&self, file: &str, name: &str) -> f64 {
        kilobytes(&self.process, file, name)
    }

    /// How often it was scheduled to run because something woke it, over all threads.
    pub(crate) fn wake_ups(&self) -> f64 {
        self.kilobytes("status", "voluntary_ctxt_switches")
    }

    /// Processor time used so far, seconds.
    pub(crate) fn processor_time(&self) -> f64 {
        processor_time(&self.process)
    }

    /// Number of its threads.
    pub(crate) fn threads(&self) -> f64 {
        self.kilobytes("status", "Threads")
    }
}

/// What a line of /proc/PID/FILE says in kB.
pub(crate) fn kilobytes(process: &Process, file: &str, name: &str) -> f64 {
    let text = fs::read_to_string(proc(process, file)).expect("the process runs");
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).expect("a line of this name")
}

/// Processor time that a process has used so far, seconds.
pub(crate) fn processor_time(process: &Process) -> f64 {
    let text = fs::read_to_string(proc(process, "stat")).expect("the process runs");
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: f64 = fields[11].parse::<f64>().unwrap_or(0.0) + fields[12].parse::<f64>().unwrap_or(0.0);
    ticks / 100.0
}

fn proc(process: &Process, file: &str) -> PathBuf {
    PathBuf::from("/proc").join(process.id().to_string()).join(file)
}
