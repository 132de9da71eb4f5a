//! A child process whose lines can be awaited and which does not outlive its value.

use crate::SOON;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a child may take to end after TERM before it is killed.
const PATIENCE: Duration = Duration::from_secs(10);

/// A running program. Its output is kept line by line, and in a file for people.
pub struct Process {
    name: String,
    child: Child,
    output: Arc<Output>,
    readers: Vec<JoinHandle<()>>,
    status: Option<ExitStatus>,
}

#[derive(Default)]
struct Output {
    state: Mutex<Written>,
    changed: Condvar,
}

#[derive(Default)]
struct Written {
    lines: Vec<String>,
    streams_ended: usize,
}

impl Output {
    fn state(&self) -> MutexGuard<'_, Written> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn follow(&self, stream: impl Read, mut log: File) {
        for line in BufReader::new(stream).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).into_owned();
            // The file is for people; a full disk there must not stop the test.
            let _ = writeln!(log, "{line}");
            self.state().lines.push(line);
            self.changed.notify_all();
        }
        self.state().streams_ended += 1;
        self.changed.notify_all();
    }
}

impl Process {
    /// Starts `command`; its standard output and error also go to `log`.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn spawn(mut command: Command, log: &Path) -> Self {
        let name = log.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|e| panic!("{name} did not start ({command:?}): {e}"));
        let output = Arc::new(Output::default());
        let file = File::options().create(true).append(true).open(log).expect("the log file can be opened");
        let streams: [Box<dyn Read + Send>; 2] =
            [Box::new(child.stdout.take().expect("piped")), Box::new(child.stderr.take().expect("piped"))];
        let readers = streams.map(|stream| {
            let (output, file) = (output.clone(), file.try_clone().expect("a descriptor"));
            std::thread::spawn(move || output.follow(stream, file))
        });
        Self { name, child, output, readers: readers.into(), status: None }
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Number of lines so far; a mark for [`Process::wait_line_after`].
    pub fn mark(&self) -> usize {
        self.output.state().lines.len()
    }

    /// Everything written so far.
    pub fn lines(&self) -> Vec<String> {
        self.output.state().lines.clone()
    }

    /// Waits for a line that contains `text`, also among those already written.
    ///
    /// # Panics
    /// When none came within 20 s or before the program ended.
    pub fn wait_line(&self, text: &str) -> String {
        self.wait_line_after(0, text)
    }

    /// As [`Process::wait_line`], looking only at lines after a [`Process::mark`].
    ///
    /// # Panics
    /// When none came within 20 s or before the program ended.
    pub fn wait_line_after(&self, mark: usize, text: &str) -> String {
        self.wait_for(mark, SOON, |line| line.contains(text)).unwrap_or_else(|| {
            panic!("{} did not say {text:?}; it said:\n{}", self.name, self.lines().join("\n"))
        })
    }

    /// Waits for a line that `wanted` takes, after `mark`; `None` when there was none in time.
    pub fn wait_for(&self, mark: usize, limit: Duration, wanted: impl Fn(&str) -> bool) -> Option<String> {
        let end = Instant::now() + limit;
        let mut looked_at = mark;
        let mut state = self.output.state();
        loop {
            if let Some(line) = state.lines.iter().skip(looked_at).find(|line| wanted(line)) {
                return Some(line.clone());
            }
            looked_at = looked_at.max(state.lines.len());
            let left = end.saturating_duration_since(Instant::now());
            if state.streams_ended == self.readers.len() || left.is_zero() {
                return None;
            }
            state = self.output.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends a signal.
    ///
    /// # Panics
    /// When the program was already waited for.
    pub fn signal(&self, signal: Signal) {
        assert!(self.status.is_none(), "{} has ended", self.name);
        let id = i32::try_from(self.child.id()).expect("process ids fit");
        kill(Pid::from_raw(id), signal).unwrap_or_else(|e| panic!("{signal} for {}: {e}", self.name));
    }

    /// Waits until it has ended by itself or by a signal sent before.
    ///
    /// # Panics
    /// When it still runs after `limit`.
    pub fn wait_end(&mut self, limit: Duration) -> ExitStatus {
        self.ended(limit).unwrap_or_else(|| {
            panic!("{} still runs after {limit:?}; it said:\n{}", self.name, self.lines().join("\n"))
        })
    }

    /// True while it has not ended.
    pub fn runs(&mut self) -> bool {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status.is_none()
    }

    /// TERM, then waits; KILL when that does not help.
    pub fn stop(&mut self) -> Option<ExitStatus> {
        if self.runs() {
            self.signal(Signal::SIGTERM);
            if self.ended(PATIENCE).is_none() {
                self.kill();
            }
        }
        self.status
    }

    /// KILL, then waits.
    pub fn kill(&mut self) {
        if self.status.is_none() {
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
        }
    }

    fn ended(&mut self, limit: Duration) -> Option<ExitStatus> {
        if self.status.is_none() {
            // Both pipes reach their end when the process does: nothing it starts holds them longer.
            let end = Instant::now() + limit;
            let mut state = self.output.state();
            while state.streams_ended < self.readers.len() {
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return None;
                }
                state =
                    self.output.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            drop(state);
            self.status = self.child.wait().ok();
        }
        self.status
    }
}

/// Where to run a server of the system from. Ubuntu confines it, by its path, to directories that a lab does not use:
/// then a copy in `dir` runs.
///
/// # Panics
/// When it is not installed.
pub(crate) fn unconfined(dir: &Path, name: &str, package: &str) -> PathBuf {
    let installed = PathBuf::from("/usr/sbin").join(name);
    assert!(installed.exists(), "{name} is missing: apt-get install {package}");
    if !Path::new("/etc/apparmor.d").join(format!("usr.sbin.{name}")).exists() {
        return installed;
    }
    let copy = dir.join(name);
    if !copy.exists() {
        // By another process: a program cannot run while this one has it open for writing, and what a test beside this
        // one starts at that moment has it open as well.
        let copied = Command::new("cp").args([&installed, &copy]).status();
        assert!(copied.is_ok_and(|status| status.success()), "{name} can be copied");
    }
    copy
}

impl Drop for Process {
    fn drop(&mut self) {
        self.stop();
        if std::thread::panicking() {
            let lines = self.lines();
            let shown = lines.len().saturating_sub(60);
            eprintln!("---- {}, last of {} lines", self.name, lines.len());
            for line in lines.iter().skip(shown) {
                eprintln!("{line}");
            }
        }
    }
}
